"""``raise``: the exception, and its arguments, which may be texts made of run-time numbers."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from numbad import messages, numba_bridge
from numbad.frontend import attempts
from numbad.frontend.sequences import describe, items_of
from numbad.frontend.values import ListObject, OperandValue, Ref, StaticValue, TupleValue, Value
from numbad.ir import nodes as ir
from numbad.ir.types import Scalar

if TYPE_CHECKING:
    from numbad.frontend.builder import Builder

_LITERALS = (str, int, float, complex, bool, type(None))


class _Unplanned(Exception):
    """An argument is not made of numbers, literals and texts of these."""


def run(builder: Builder, node: ast.Raise) -> None:
    """Walk a ``raise`` statement."""
    args: list[ir.Operand] = []
    arguments: list[ast.expr] = []
    match node.exc:
        case None:
            attempts.throw_again(builder, node)
            return
        case ast.Call(function, arguments, []):
            raised = builder.evaluate(function)
        case expression:
            raised = builder.evaluate(expression)
    if isinstance(raised, StaticValue) and isinstance(raised.value, BaseException):
        args = [builder.as_operand(builder.static(arg)) for arg in raised.value.args]
        raised = StaticValue(type(raised.value))
    if not (
        isinstance(raised, StaticValue)
        and isinstance(raised.value, type)
        and issubclass(raised.value, BaseException)
    ):
        builder.error(node, f"Only exceptions can be raised, not {describe(builder, raised)}.")
    if arguments:
        args = _arguments(builder, raised.value, arguments)
    builder.block.origin = builder.origin(node)
    attempts.raise_(builder, raised.value, args)


def _arguments(
    builder: Builder, exception: type[BaseException], nodes: list[ast.expr]
) -> list[ir.Operand]:
    """Arguments as operands; a plan and the numbers it needs if they are not all operands."""
    if not any(isinstance(node, ast.Starred) for node in nodes):
        leaves: list[ir.Operand] = []
        try:
            plan = [_entry(builder, node, leaves) for node in nodes]
        except _Unplanned:
            return [_left_as_source(builder, node) for node in nodes]
        if all(entry[0] in ("leaf", "known") for entry in plan):
            return [_operand(builder, entry, leaves) for entry in plan]
        if not leaves:
            plan_alone = messages.described(Exception(messages.planned(plan)))
            if all(isinstance(arg, _LITERALS) for arg in plan_alone.args):
                return [builder.as_operand(builder.static(arg)) for arg in plan_alone.args]
        # What is called inside compiled code raises where numbad does not see it.
        is_seen = builder.frame is not None and not builder.frame.code.is_compiled
        if is_seen and _takes_anything(exception):
            return [_text(messages.planned(plan)), *leaves]
    return [_left_as_source(builder, node) for node in nodes]


def _takes_anything(exception: type[BaseException]) -> bool:
    """Whether the class can be made with arguments that are not those of the program."""
    return not any(
        type(getattr(exception, name)).__name__ == "function" for name in ("__init__", "__new__")
    ) and not issubclass(exception, UnicodeError)


def _operand(builder: Builder, entry: Any, leaves: list[ir.Operand]) -> ir.Operand:
    kind, value = entry
    return leaves[value] if kind == "leaf" else builder.as_operand(builder.static(value))


def _text(text: str) -> ir.Operand:
    return ir.Const(text, numba_bridge.string_type())


def _left_as_source(builder: Builder, node: ast.expr) -> ir.Operand:
    """An argument that cannot be made at run time: its value if it is one, or its source."""
    if not isinstance(node, ast.JoinedStr):
        value = builder.evaluate(node)
        if isinstance(value, OperandValue | StaticValue):
            return builder.as_operand(value, node)
    return _text(ast.unparse(node))


def _entry(builder: Builder, node: ast.expr, leaves: list[ir.Operand]) -> Any:
    """The entry of a plan for an expression; what is needed at run time goes to ``leaves``."""
    if _is_text(node):
        return ("text", tuple(_parts(builder, node, leaves)))
    match node:
        case ast.BinOp(ast.Constant(str(text)), ast.Mod(), values):
            return ("percent", text, _entry(builder, values, leaves))
        case ast.Call(ast.Attribute(ast.Constant(str(text)), "format"), args, keywords) if not any(
            isinstance(arg, ast.Starred) for arg in args
        ) and all(keyword.arg is not None for keyword in keywords):
            entries = tuple(_entry(builder, arg, leaves) for arg in args)
            names = tuple((k.arg, _entry(builder, k.value, leaves)) for k in keywords)
            return ("format", text, entries, names)
        case ast.Tuple(elements) if not any(isinstance(e, ast.Starred) for e in elements):
            return ("tuple", tuple(_entry(builder, each, leaves) for each in elements))
        case _:
            return _of_value(builder, builder.evaluate(node), leaves)


def _is_text(node: ast.expr) -> bool:
    """Whether an expression is an f-string, ``str(x)``, or a sum with one of these."""
    match node:
        case ast.JoinedStr():
            return True
        case ast.Call(ast.Name("str" | "repr"), [argument], []):
            return not isinstance(argument, ast.Starred)
        case ast.BinOp(left, ast.Add(), right):
            return (_is_text(left) or _is_constant_text(left)) and (
                _is_text(right) or _is_constant_text(right)
            )
        case _:
            return False


def _is_constant_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _parts(builder: Builder, node: ast.expr, leaves: list[ir.Operand]) -> list[Any]:
    match node:
        case ast.Constant(value=text):
            return [str(text)]
        case ast.JoinedStr(values):
            return [part for value in values for part in _parts(builder, value, leaves)]
        case ast.FormattedValue(value, conversion, style):
            spec = "" if style is None else builder.as_static(builder.evaluate(style), "A format")
            return [(_entry(builder, value, leaves), conversion, spec)]
        case ast.Call(ast.Name(name), [argument]):
            return [(_entry(builder, argument, leaves), ord("r" if name == "repr" else "s"), "")]
        case ast.BinOp(left, _, right):
            return [*_parts(builder, left, leaves), *_parts(builder, right, leaves)]
        case _:
            raise _Unplanned


def _of_value(builder: Builder, value: Value, leaves: list[ir.Operand]) -> Any:
    if isinstance(value, StaticValue) and type(value.value) in _LITERALS:
        return ("known", value.value)
    if isinstance(value, OperandValue):
        if isinstance(value.operand, ir.Const) and type(value.operand.value) in _LITERALS:
            return ("known", value.operand.value)
        if isinstance(value.operand.type, Scalar):
            leaves.append(value.operand)
            return ("leaf", len(leaves) - 1)
    is_list = isinstance(value, Ref) and isinstance(builder.state.heap[value.id], ListObject)
    if is_list or (isinstance(value, TupleValue) and value.cls is None):
        items = items_of(builder, value) or ()
        entries = tuple(_of_value(builder, item, leaves) for item in items)
        return ("list" if is_list else "tuple", entries)
    raise _Unplanned
