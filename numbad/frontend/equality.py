"""``==`` of values that are not numbers or arrays, as Python decides it."""

from __future__ import annotations

import inspect
import operator
from typing import TYPE_CHECKING, Any

from numbad.frontend import conditions
from numbad.frontend.classes import class_of
from numbad.frontend.sequences import describe, items_of
from numbad.frontend.values import (
    DynamicList,
    FunctionValue,
    OperandValue,
    Ref,
    StaticValue,
    TupleValue,
    Value,
    is_array,
    is_scalar,
)

if TYPE_CHECKING:
    import ast

    from numbad.frontend.builder import Builder


def equal(builder: Builder, left: Value, right: Value, node: ast.AST | None) -> Value:
    """Return ``left == right`` where no method of a class of the user decides."""
    if left == right and not isinstance(left, OperandValue):
        return builder.number(True)
    kinds = _kind(builder, left), _kind(builder, right)
    if kinds[0] != kinds[1]:
        if None in kinds:
            builder.type_error(
                node,
                f"Whether {describe(builder, left)} and {describe(builder, right)} are equal is "
                "not known before the program runs.",
            )
        return builder.number(False)
    match kinds[0]:
        case "list" | "tuple":
            return _sequences(builder, left, right, node)
        case "dict":
            return _mappings(builder, left, right, node)
        case "static":
            assert isinstance(left, StaticValue) and isinstance(right, StaticValue)
            return builder.number(bool(left.value == right.value))
        case "object":
            # Without a method `__eq__` objects are equal if they are the same.
            return builder.number(False)
        case _:
            builder.type_error(
                node,
                f"{describe(builder, left)} and {describe(builder, right)} are compared.",
                "Whether they are equal is not known before the program runs.",
            )


def _kind(builder: Builder, value: Value) -> str | None:
    """What a value is, as far as equality goes; values of different kinds are never equal."""
    if is_array(value):
        return None
    if is_scalar(value):
        return "number"
    match value:
        case TupleValue():
            return "tuple"
        case FunctionValue():
            return "function"
        case StaticValue(found):
            match found:
                case list() | tuple() | dict():
                    return type(found).__name__ if type(found) in (list, tuple, dict) else None
                case bool() | int() | float() | complex():
                    return "number"
                case str() | bytes() | None | type() | range() | frozenset() | set():
                    return "static"
                case _ if callable(found):
                    return "static"
                case _:
                    return "static" if _has_own_equality(type(found)) else "object"
        case Ref():
            cls = class_of(builder, value)
            return cls.__name__ if cls in (list, dict) else "object"
        case _:
            return None


def _sequences(builder: Builder, left: Value, right: Value, node: ast.AST | None) -> Value:
    for side in (left, right):
        if isinstance(side, Ref) and isinstance(builder.object(side), DynamicList):
            builder.type_error(
                node,
                "Lists whose length is known only at run time are compared.",
                "",
                "Use arrays.",
            )
    ones, others = items_of(builder, left), items_of(builder, right)
    assert ones is not None and others is not None
    if len(ones) != len(others):
        return builder.number(False)
    return _all(builder, zip(ones, others, strict=True), node)


def _mappings(builder: Builder, left: Value, right: Value, node: ast.AST | None) -> Value:
    from numbad.frontend.methods import mapping_items

    ones, others = (dict(mapping_items(builder, side) or ()) for side in (left, right))
    if ones.keys() != others.keys():
        return builder.number(False)
    return _all(builder, ((value, others[key]) for key, value in ones.items()), node)


def _all(builder: Builder, pairs: Any, node: ast.AST | None) -> Value:
    result = builder.as_condition(builder.number(True))
    for one, other in pairs:
        part = builder.as_condition(builder.binary(operator.eq, one, other, node))
        result = conditions.both(builder, result, part)
    return OperandValue(result)


def _has_own_equality(cls: type) -> bool:
    """Whether objects of a class are compared by more than identity."""
    return inspect.getattr_static(cls, "__eq__") is not inspect.getattr_static(object, "__eq__")
