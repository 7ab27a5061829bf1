"""Operators: on numbers and arrays, on tuples, lists, static objects and user classes.

Numbers become ``ir.Call`` of the operator, typed by Numba; arrays go to ``arrays.binary``;
sequences follow Python; instances of user classes get their special methods inlined.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from numbad.frontend import checks, conditions, equality, powers
from numbad.frontend.sequences import describe, items_of, length, sentence
from numbad.frontend.values import (
    BoundMethod,
    DictObject,
    DynamicList,
    ListObject,
    OperandValue,
    OptionalValue,
    RangeValue,
    RecordObject,
    Ref,
    StaticValue,
    TupleValue,
    Value,
    is_array,
    is_constant,
    is_scalar,
)
from numbad.ir import nodes as ir
from numbad.ir.types import BOOL, INT64, Array, List, Scalar

if TYPE_CHECKING:
    from numbad.frontend.builder import Builder

BINARY: dict[type[ast.operator], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.MatMult: operator.matmul,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
}
UNARY: dict[type[ast.unaryop], Callable[..., Any]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Invert: operator.invert,
    ast.Not: operator.not_,
}
COMPARE: dict[type[ast.cmpop], Callable[..., Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_METHODS = {
    operator.add: ("__add__", "__radd__"),
    operator.sub: ("__sub__", "__rsub__"),
    operator.mul: ("__mul__", "__rmul__"),
    operator.truediv: ("__truediv__", "__rtruediv__"),
    operator.floordiv: ("__floordiv__", "__rfloordiv__"),
    operator.mod: ("__mod__", "__rmod__"),
    operator.pow: ("__pow__", "__rpow__"),
    operator.matmul: ("__matmul__", "__rmatmul__"),
    operator.and_: ("__and__", "__rand__"),
    operator.or_: ("__or__", "__ror__"),
    operator.xor: ("__xor__", "__rxor__"),
    operator.lshift: ("__lshift__", "__rlshift__"),
    operator.rshift: ("__rshift__", "__rrshift__"),
    operator.lt: ("__lt__", "__gt__"),
    operator.le: ("__le__", "__ge__"),
    operator.gt: ("__gt__", "__lt__"),
    operator.ge: ("__ge__", "__le__"),
    operator.eq: ("__eq__", "__eq__"),
    operator.ne: ("__ne__", "__ne__"),
}
_INPLACE = {
    operator.add: "__iadd__",
    operator.sub: "__isub__",
    operator.mul: "__imul__",
    operator.truediv: "__itruediv__",
    operator.matmul: "__imatmul__",
    operator.floordiv: "__ifloordiv__",
    operator.mod: "__imod__",
    operator.pow: "__ipow__",
    operator.and_: "__iand__",
    operator.or_: "__ior__",
    operator.xor: "__ixor__",
    operator.lshift: "__ilshift__",
    operator.rshift: "__irshift__",
}
_UNARY_METHODS = {
    operator.neg: "__neg__",
    operator.pos: "__pos__",
    operator.invert: "__invert__",
}
_ORDERINGS = frozenset({operator.lt, operator.le, operator.gt, operator.ge})
_COMPARISONS = _ORDERINGS | {operator.eq, operator.ne}
_SYMBOLS = {
    operator.add: "+",
    operator.sub: "-",
    operator.mul: "*",
    operator.truediv: "/",
    operator.floordiv: "//",
    operator.mod: "%",
    operator.pow: "**",
    operator.matmul: "@",
    operator.lt: "<",
    operator.le: "<=",
    operator.gt: ">",
    operator.ge: ">=",
    operator.eq: "==",
    operator.ne: "!=",
    operator.and_: "&",
    operator.or_: "|",
    operator.xor: "^",
    operator.lshift: "<<",
    operator.rshift: ">>",
}


def binary(
    builder: Builder,
    fn: Callable[..., Any],
    left: Value,
    right: Value,
    node: ast.AST | None,
) -> Value:
    """Apply a binary operator or comparison to two values."""
    left, right = unwrap(builder, left, right), unwrap(builder, right, left)
    numbers = as_number(builder, left), as_number(builder, right)
    if numbers[0] is not None and numbers[1] is not None:
        operands: tuple[ir.Operand, ...] = (numbers[0], numbers[1])
        if fn is operator.pow:
            operands = powers.operands(builder, *operands)
        if builder.attempt is not None:
            operands = checks.operands(builder, fn, operands)
        return OperandValue(builder.call(fn, *operands))
    method = _by_method(builder, fn, left, right, node)
    if method is not None:
        return method
    if is_array(left) or is_array(right):
        from numbad.frontend import arrays

        return arrays.binary(builder, fn, left, right, node)
    if fn is operator.eq:
        return equality.equal(builder, left, right, node)
    if fn is operator.ne:
        return unary(builder, operator.not_, equality.equal(builder, left, right, node), node)
    match left, right:
        case StaticValue(), StaticValue() if builder.as_sequence(left) is None or (
            fn in _ORDERINGS and type(left.value) is not list
        ):
            return _static(builder, fn, left, right, node)
        case _:
            pass
    result = _sequences(builder, fn, left, right, node)
    if result is not None:
        return result
    symbol = _SYMBOLS.get(fn, getattr(fn, "__name__", "?"))
    builder.type_error(
        node,
        f"`{symbol}` cannot be applied to {describe(builder, left)} and "
        f"{describe(builder, right)}.",
    )


def unwrap(builder: Builder, value: Value, other: Value) -> Value:
    """Return the value itself where ``None`` is possible, raising at run time if it is None."""
    if isinstance(value, OptionalValue) and not (
        isinstance(other, StaticValue) and other.value is None
    ):
        builder.raise_if(value.is_none, TypeError, "unsupported operand type: 'NoneType'")
        return value.value
    return value


def as_number(builder: Builder, value: Value) -> ir.Operand | None:
    """Return the operand of a number; None for anything else."""
    if isinstance(value, OperandValue):
        return value.operand if isinstance(value.type, Scalar) else None
    if isinstance(value, StaticValue) and isinstance(value.value, int | float | complex):
        return builder.as_operand(value)
    return None


def _static(
    builder: Builder,
    fn: Callable[..., Any],
    left: StaticValue,
    right: StaticValue,
    node: ast.AST | None,
) -> Value:
    try:
        return builder.static(fn(left.value, right.value))
    except Exception as failure:
        symbol = _SYMBOLS.get(fn, "?")
        builder.type_error(node, f"`{symbol}` raises {type(failure).__name__}: {failure}.")


def _by_method(
    builder: Builder,
    fn: Callable[..., Any],
    left: Value,
    right: Value,
    node: ast.AST | None,
) -> Value | None:
    """Apply the special methods of user classes; None if neither operand has any."""
    names = _METHODS.get(fn)
    if names is None:
        return None
    for receiver, other, name in ((left, right, names[0]), (right, left, names[1])):
        method = special_method(builder, receiver, name)
        if method is not None:
            answer = builder.apply(method, [other], {}, node)
            if not (isinstance(answer, StaticValue) and answer.value is NotImplemented):
                return answer
    if fn is operator.ne:
        equal = _by_method(builder, operator.eq, left, right, node)
        return None if equal is None else unary(builder, operator.not_, equal, node)
    cls = _record_class(builder, left)
    if cls is not None and cls is _record_class(builder, right):
        if fn is operator.eq and left == right:
            return builder.number(True)
        option = "eq" if fn is operator.eq else "order"
        return _by_fields(builder, fn, cls, (left, right), option, node)
    return None


def _record_class(builder: Builder, value: Value) -> type | None:
    if isinstance(value, Ref):
        contents = builder.state.heap[value.id]
        if isinstance(contents, RecordObject):
            return contents.cls
    if isinstance(value, TupleValue):
        return value.cls
    if isinstance(value, StaticValue) and value.path is not None:
        cls = type(value.value)
        return cls if cls.__module__ not in ("builtins", "numpy") else None
    return None


def _by_fields(
    builder: Builder,
    fn: Callable[..., Any],
    cls: type,
    sides: tuple[Value, Value],
    option: str,
    node: ast.AST | None,
) -> Value | None:
    """Compare dataclass instances by their fields, if the class is declared so."""
    import dataclasses

    if not dataclasses.is_dataclass(cls):
        return None
    if fn not in (operator.eq, *_ORDERINGS) or not getattr(cls.__dataclass_params__, option):  # type: ignore[attr-defined]
        return None
    names = [field.name for field in dataclasses.fields(cls) if field.compare]
    parts = [
        TupleValue(tuple(builder.attribute(side, name, node) for name in names)) for side in sides
    ]
    return binary(builder, fn, parts[0], parts[1], node)


def special_method(builder: Builder, value: Value, name: str) -> Value | None:
    """A special method that the user's class of a value defines in Python; None if it has none."""
    import types as python_types

    cls = _record_class(builder, value)
    found = None if cls is None else getattr(cls, name, None)
    if not isinstance(found, python_types.FunctionType):
        return None
    if found.__module__ is None or _is_generated(cls, name, found):
        return None
    return BoundMethod(value, StaticValue(found))


def _is_generated(cls: type | None, name: str, found: Any) -> bool:
    """Whether a method was made by ``dataclass``: it has no source of its own."""
    return bool(found.__code__.co_filename == "<string>") and name in (
        "__eq__",
        "__init__",
        "__lt__",
        "__le__",
        "__gt__",
        "__ge__",
    )


def _sequences(
    builder: Builder,
    fn: Callable[..., Any],
    left: Value,
    right: Value,
    node: ast.AST | None,
) -> Value | None:
    if fn is operator.mul:
        if as_number(builder, left) is not None:
            left, right = right, left
        if as_number(builder, right) is not None:
            return _repeated(builder, left, right, node)
        return None
    if fn is operator.or_ and is_dict(builder, left) and is_dict(builder, right):
        merged = builder.apply(builder.attribute(left, "copy", node), [], {}, node)
        return augmented(builder, fn, merged, right, node)
    if fn is operator.add and is_list(builder, left) and is_list(builder, right):
        return concatenate(builder, left, right, node)
    lefts, rights = _tuple_items(builder, left), _tuple_items(builder, right)
    if lefts is None or rights is None:
        return None
    if fn is operator.add:
        return TupleValue(lefts + rights)
    if fn in _ORDERINGS:
        return _ordered(builder, fn, lefts, rights, node)
    return None


def _tuple_items(builder: Builder, value: Value) -> tuple[Value, ...] | None:
    if isinstance(value, TupleValue):
        return value.items
    if isinstance(value, StaticValue) and isinstance(value.value, tuple):
        return items_of(builder, value)
    if is_list(builder, value):
        return items_of(builder, value)
    return None


def _ordered(
    builder: Builder,
    fn: Callable[..., Any],
    lefts: tuple[Value, ...],
    rights: tuple[Value, ...],
    node: ast.AST | None,
) -> Value:
    """Lexicographic order of two tuples."""
    if not lefts or not rights:
        return builder.number(fn(len(lefts), len(rights)))
    rest = _ordered(builder, fn, lefts[1:], rights[1:], node)
    strict = operator.lt if fn in (operator.lt, operator.le) else operator.gt
    equal = builder.as_condition(binary(builder, operator.eq, lefts[0], rights[0], node))
    first = builder.as_condition(binary(builder, strict, lefts[0], rights[0], node))
    return OperandValue(conditions.choose(builder, equal, builder.as_condition(rest), first))


def is_list(builder: Builder, value: Value) -> bool:
    """Whether the value is a Python list."""
    match value:
        case Ref(id):
            return isinstance(builder.state.heap[id], ListObject | DynamicList)
        case StaticValue(found):
            return type(found) is list
        case OperandValue(operand):
            return isinstance(operand.type, List)
        case _:
            return False


def concatenate(builder: Builder, left: Value, right: Value, node: ast.AST | None) -> Value:
    """``left + right`` for lists."""
    lefts, rights = items_of(builder, left), items_of(builder, right)
    if lefts is not None and rights is not None:
        return builder.new_list(lefts + rights)
    result = builder.new_list(())
    for part in (left, right):
        builder.iterate(part, lambda item: append(builder, result, item, node), node)
    return result


def is_dict(builder: Builder, value: Value) -> bool:
    """Whether the value is a Python dict."""
    if isinstance(value, Ref):
        return isinstance(builder.state.heap[value.id], DictObject)
    return isinstance(value, StaticValue) and type(value.value) is dict


def append(builder: Builder, ref: Value, item: Value, node: ast.AST | None) -> None:
    """Append to a list."""
    builder.apply(builder.attribute(ref, "append", node), [item], {}, node)


def _repeated(builder: Builder, value: Value, count: Value, node: ast.AST | None) -> Value | None:
    """``value * count`` for a tuple, list or string."""
    if isinstance(value, StaticValue) and isinstance(value.value, str | bytes | tuple):
        return builder.static(value.value * builder.as_static(count, "The number of repetitions"))
    if isinstance(value, TupleValue):
        return TupleValue(value.items * int(builder.as_static(count, "The number of repetitions")))
    if not is_list(builder, value):
        return None
    items = items_of(builder, value)
    if items is not None and is_constant(count):
        return builder.new_list(items * int(builder.as_static(count)))
    result = builder.new_list(())
    times = RangeValue(ir.Const(0, INT64), builder.as_index(count, node), ir.Const(1, INT64))

    def one(_: Value) -> None:
        builder.iterate(value, lambda item: append(builder, result, item, node), node)

    builder.iterate(times, one, node)
    return result


def unary(builder: Builder, fn: Callable[..., Any], value: Value, node: ast.AST | None) -> Value:
    """Apply a unary operator."""
    if fn is operator.not_:
        condition = truth(builder, value, node)
        return OperandValue(builder.call(operator.not_, condition))
    value = unwrap(builder, value, value)
    number = as_number(builder, value)
    if number is not None:
        return OperandValue(builder.call(fn, number))
    if is_array(value):
        from numbad.frontend import arrays

        return arrays.unary(builder, fn, value, node)
    method = special_method(builder, value, _UNARY_METHODS.get(fn, ""))
    if method is not None:
        return builder.apply(method, [], {}, node)
    builder.type_error(node, f"This operator cannot be applied to {describe(builder, value)}.")


def augmented(
    builder: Builder, fn: Callable[..., Any], left: Value, right: Value, node: ast.AST | None
) -> Value:
    """The new value of a name after ``name op= right``."""
    if is_array(left):
        from numbad.frontend import arrays

        return arrays.augmented(builder, fn, left, right, node)
    if is_list(builder, left) and fn is operator.add:
        builder.iterate(right, lambda item: append(builder, left, item, node), node)
        return left
    if fn is operator.or_ and is_dict(builder, left):
        builder.apply(builder.attribute(left, "update", node), [right], {}, node)
        return left
    method = special_method(builder, left, _INPLACE.get(fn, ""))
    if method is not None:
        return builder.apply(method, [right], {}, node)
    return binary(builder, fn, left, right, node)


def truth(builder: Builder, value: Value, node: ast.AST | None) -> ir.Operand:
    """Return the truth value of anything as a BOOL operand."""
    match value:
        case OperandValue(operand) if isinstance(operand.type, Scalar):
            if operand.type == BOOL:
                return operand
            return builder.call(operator.ne, operand, ir.Const(0, INT64))
        case OperandValue(operand) if isinstance(operand.type, Array):
            from numbad.frontend import arrays

            return builder.as_operand(arrays.truth(builder, value, node))
        case OptionalValue(is_none, inner):
            present = builder.call(operator.not_, is_none)
            return conditions.both(builder, present, truth(builder, inner, node))
        case StaticValue(found) if builder.live.items(value) is None:
            if isinstance(found, dict):
                items_of(builder, value)
            return ir.Const(bool(found), BOOL)
        case Ref(id) if isinstance(builder.state.heap[id], RecordObject):
            for name in ("__bool__", "__len__"):
                method = special_method(builder, value, name)
                if method is not None:
                    return truth(builder, builder.apply(method, [], {}, node), node)
            return ir.Const(True, BOOL)
        case Ref(id) if isinstance(builder.state.heap[id], DictObject):
            contents = builder.state.heap[id]
            assert isinstance(contents, DictObject)
            return ir.Const(bool(contents.keys), BOOL)
        case TupleValue(items):
            return ir.Const(bool(items), BOOL)
        case Ref() | RangeValue() | StaticValue() | OperandValue():
            return builder.call(operator.ne, length(builder, value, node), ir.Const(0, INT64))
        case _:
            return ir.Const(True, BOOL)


def identical(builder: Builder, left: Value, right: Value, node: ast.AST | None) -> Value:
    """``left is right``."""
    for value, other in ((left, right), (right, left)):
        if isinstance(other, StaticValue) and other.value is None:
            match value:
                case OptionalValue(is_none, _):
                    return OperandValue(is_none)
                case StaticValue(found):
                    return builder.number(found is None)
                case _:
                    return builder.number(False)
    if isinstance(left, StaticValue) and isinstance(right, StaticValue):
        return builder.number(left.value is right.value)
    if isinstance(left, Ref) and isinstance(right, Ref):
        return builder.number(left == right)
    if is_scalar(left) and is_scalar(right):
        types = [builder.as_operand(side).type for side in (left, right)]
        if types == [BOOL, BOOL]:
            return binary(builder, operator.eq, left, right, node)
    if is_array(left) and is_array(right) and left == right:
        return builder.number(True)
    builder.error(
        node,
        f"`is` between {describe(builder, left)} and {describe(builder, right)} is not decided.",
        sentence("identity of numbers and arrays is not part of their value."),
        "Compare with `==`.",
    )


def contains(builder: Builder, container: Value, item: Value, node: ast.AST | None) -> Value:
    """``item in container``."""
    if isinstance(container, StaticValue) and isinstance(container.value, str):
        return builder.number(builder.as_static(item) in container.value)
    match container:
        case Ref(id) if isinstance(builder.state.heap[id], DictObject):
            contents = builder.state.heap[id]
            assert isinstance(contents, DictObject)
            return builder.number(builder.as_static(item, "A key of a dict") in contents.keys)
        case StaticValue(found) if isinstance(found, dict):
            items_of(builder, container)
            return builder.number(builder.as_static(item, "A key of a dict") in found)
        case StaticValue(found) if isinstance(found, set | frozenset):
            container = TupleValue(tuple(builder.static(each) for each in found))
        case _:
            pass
    method = special_method(builder, container, "__contains__")
    if method is not None:
        return builder.apply(method, [item], {}, node)
    items = items_of(builder, container)
    if items is not None:
        result: Value = builder.number(False)
        for each in items:
            equal = builder.as_condition(binary(builder, operator.eq, each, item, node))
            result = OperandValue(conditions.either(builder, builder.as_condition(result), equal))
        return result
    from numbad.frontend import consumers

    return consumers.any_equal(builder, container, item, node)
