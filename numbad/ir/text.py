"""Programs of the IR as text, one line per statement, for goldens, error reports and people.

Values are ``%id`` with the user's name, ``%3.x``. The text is stable: it depends on the program
alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, assert_never

from numbad.ir import nodes as ir

_INDENT = "  "


def program_text(program: ir.Program) -> str:
    """Return the listing of a program, the functions it invokes first."""
    functions = [*program.callees.values(), program.entry]
    return "\n\n".join(function_text(function) for function in functions) + "\n"


def function_text(function: ir.Function) -> str:
    """Return the listing of one function."""
    params = ", ".join(declaration(param) for param in function.params)
    lines = [f"function {function.name}({params}):"]
    lines += block_lines(function.body, 1)
    lines.append(f"{_INDENT}return {_operands(function.results)}".rstrip())
    if function.custom is not None:
        for part in function.custom.functions():
            lines += [f"derivative of {function.name}:", function_text(part)]
    return "\n".join(lines)


def block_lines(block: ir.Block, depth: int = 0) -> list[str]:
    """Return the lines of a block."""
    lines: list[str] = []
    for statement in block:
        lines += statement_lines(statement, depth)
    return lines


def statement_lines(statement: ir.Stmt, depth: int = 0) -> list[str]:
    """Return the lines of a statement with its regions."""
    indent = _INDENT * depth
    match statement:
        case ir.For(carried=carried, body=body):
            return [
                f"{indent}{statement_text(statement)}",
                *block_lines(body, depth + 1),
                *_next_lines(carried, depth + 1),
            ]
        case ir.While(carried, before, condition, body):
            return [
                f"{indent}{statement_text(statement)}",
                *block_lines(before, depth + 1),
                f"{indent}condition {operand_text(condition)}",
                *block_lines(body, depth + 1),
                *_next_lines(carried, depth + 1),
            ]
        case ir.If(_, then, orelse, merges):
            lines = [f"{indent}{statement_text(statement)}", *block_lines(then, depth + 1)]
            lines += _merge_lines(merges, depth + 1, taken=True)
            if orelse or merges:
                lines += [f"{indent}else", *block_lines(orelse, depth + 1)]
                lines += _merge_lines(merges, depth + 1, taken=False)
            return lines
        case _:
            return [f"{indent}{statement_text(statement)}"]


def _next_lines(carried: tuple[ir.Carried, ...], depth: int) -> list[str]:
    if not carried:
        return []
    return [f"{_INDENT * depth}next {_operands(tuple(item.next for item in carried))}"]


def _merge_lines(merges: tuple[ir.Merge, ...], depth: int, *, taken: bool) -> list[str]:
    if not merges:
        return []
    values = tuple(m.if_true if taken else m.if_false for m in merges)
    return [f"{_INDENT * depth}give {_operands(values)}"]


def statement_text(statement: ir.Stmt) -> str:
    """Return the first line of a statement, without its regions."""
    match statement:
        case ir.Let(target, expr):
            return f"{declaration(target)} = {expression_text(expr)}"
        case ir.Store(array, index, value):
            return f"{operand_text(array)}[{_operands(index)}] = {operand_text(value)}"
        case ir.Accumulate(array, index, value):
            return f"{operand_text(array)}[{_operands(index)}] += {operand_text(value)}"
        case ir.Append(array, value):
            return f"append {operand_text(array)}, {operand_text(value)}"
        case ir.Effect(fn, args):
            return f"effect {callable_name(fn)}({_operands(args)})"
        case ir.Raise(exception, args):
            return f"raise {exception.__name__}({_operands(args)})"
        case ir.For(index, start, stop, step, carried):
            head = f"for {declaration(index)} in {_operands((start, stop, step))}"
            return _with_carried(head, carried)
        case ir.While(carried):
            return _with_carried("while", carried)
        case ir.If(condition, merges=merges):
            head = f"if {operand_text(condition)}"
            results = ", ".join(declaration(merge.result) for merge in merges)
            return f"{head} gives {results}" if results else head
        case _:
            assert_never(statement)


def _with_carried(head: str, carried: tuple[ir.Carried, ...]) -> str:
    if not carried:
        return head
    inner = ", ".join(f"{declaration(c.inner)} = {operand_text(c.init)}" for c in carried)
    results = ", ".join(operand_text(c.result) for c in carried)
    return f"{head} carries {inner} gives {results}"


def expression_text(expr: ir.Expr) -> str:
    """Return an expression on one line."""
    match expr:
        case ir.Call(fn, args, kwargs):
            named = [f"{name}={operand_text(value)}" for name, value in kwargs]
            return f"{callable_name(fn)}({', '.join([*map(operand_text, args), *named])})"
        case ir.Select(condition, if_true, if_false):
            return f"select({_operands((condition, if_true, if_false))})"
        case ir.Cast(value):
            return f"cast({operand_text(value)})"
        case ir.Load(array, index):
            return f"{operand_text(array)}[{_operands(index)}]"
        case ir.Shape(array, axis):
            return f"shape({operand_text(array)}, {axis})"
        case ir.Subview(array, view_index):
            return f"view {operand_text(array)}[{', '.join(map(_index_text, view_index))}]"
        case ir.Transpose(array, axes):
            return f"transpose({operand_text(array)}, {', '.join(map(str, axes))})"
        case ir.Component(array, name):
            return f"{name}({operand_text(array)})"
        case ir.Reshape(array, shape):
            return f"reshape({_operands((array, *shape))})"
        case ir.Alloc(shape, fill, purpose):
            filled = "" if fill is None else f", fill={operand_text(fill)}"
            return f"alloc {purpose} ({_operands(shape)}{filled})"
        case ir.MakeTuple(items):
            return f"tuple({_operands(items)})"
        case ir.TupleItem(value, position):
            return f"item({operand_text(value)}, {position})"
        case ir.Invoke(function, args):
            return f"invoke {function}({_operands(args)})"
        case ir.NewStack():
            return "new stack"
        case ir.Reserve(stack, count, zeroed):
            return f"reserve({_operands((stack, count))}{', zeroed' if zeroed else ''})"
        case ir.Release(stack, count):
            return f"release({_operands((stack, count))})"
        case ir.Pop(array):
            return f"pop({operand_text(array)})"
        case _:
            assert_never(expr)


def _index_text(item: ir.Operand | ir.Slice | ir.NewAxis) -> str:
    match item:
        case ir.NewAxis():
            return "newaxis"
        case ir.Slice(start, stop, step):
            bounds = ("" if bound is None else operand_text(bound) for bound in (start, stop, step))
            return ":".join(bounds)
        case _:
            return operand_text(item)


def _operands(values: tuple[ir.Operand, ...]) -> str:
    return ", ".join(map(operand_text, values))


def operand_text(operand: ir.Operand) -> str:
    """Return an operand: ``%3.x``, ``2.0:float64`` or ``undefined:int64``."""
    match operand:
        case ir.Var(number, _, name):
            return f"%{number}.{name}" if name else f"%{number}"
        case ir.Const(value, type_):
            return f"{_constant_text(value)}:{type_}"
        case ir.Undefined(type_):
            return f"undefined:{type_}"
        case _:
            assert_never(operand)


def declaration(var: ir.Var) -> str:
    """Return a value with its type, ``%3.x: float64``."""
    return f"{operand_text(var)}: {var.type}"


def _constant_text(value: Any) -> str:
    if value is None or isinstance(value, str | bytes | bool | int | float | complex):
        return repr(value)
    return callable_name(value)


def callable_name(fn: Callable[..., Any] | Any) -> str:
    """Return the name of a callable with its module, where it has them."""
    name = getattr(fn, "__qualname__", None) or getattr(fn, "__name__", None)
    if name is None:
        return type(fn).__name__
    module = getattr(fn, "__module__", None) or ""
    if module in ("builtins", ""):
        return str(name)
    return f"{module.lstrip('_')}.{name}"
