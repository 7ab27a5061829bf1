"""Builtins of numbers: conversions, ``abs``, ``pow``, ``round``, ``divmod``, ``math.prod`` ..."""

from __future__ import annotations

import ast
import math
import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from numbad import numba_bridge
from numbad.frontend import bindings
from numbad.frontend.registry import Handler, Table
from numbad.frontend.values import (
    OperandValue,
    OptionalValue,
    StaticValue,
    TupleValue,
    Value,
    is_array,
)
from numbad.ir import nodes as ir
from numbad.ir.types import (
    BOOL,
    COMPLEX128,
    FLOAT64,
    INT64,
    Array,
    Scalar,
    is_integer,
)
from numbad.structure import SCALAR_NAMES

if TYPE_CHECKING:
    from numbad.frontend.builder import Builder

Args = list[Value]
Kwargs = dict[str, Value]
Node = ast.AST | None

_TABLE = Table()
TABLE = _TABLE.entries

_TYPES: dict[Any, Scalar] = {
    float: FLOAT64,
    int: INT64,
    bool: BOOL,
    complex: COMPLEX128,
    **{np.dtype(name).type: Scalar(name) for name in SCALAR_NAMES},
}


def convert(builder: Builder, target: Any, args: Args, node: Node) -> Value:
    """Convert a number to a Python, NumPy or Numba number type."""
    if isinstance(target, np.dtype):
        target = target.type
    type_ = _TYPES.get(target)
    if type_ is None:
        numba_type = numba_bridge.from_numba(target)
        if not isinstance(numba_type, Scalar):
            builder.error(node, f"Conversion to {target} is not supported.")
        type_ = numba_type
    if not args:
        return OperandValue(builder.cast(ir.Const(0, INT64), type_))
    value = args[0]
    if isinstance(value, OptionalValue):
        value = OperandValue(builder.as_operand(value, node))
    if type_ == COMPLEX128 and len(args) == 2:
        parts = [builder.cast(builder.as_scalar(arg, node), FLOAT64) for arg in args]
        return OperandValue(builder.call(complex, *parts))
    if type_ == BOOL:
        return OperandValue(builder.as_condition(value, node))
    if isinstance(value, StaticValue) and isinstance(value.value, str):
        try:
            return builder.number(target(value.value))
        except ValueError as failure:
            builder.error(node, f"{failure}.")
    method = _conversion_method(builder, value, target)
    if method is not None:
        return builder.apply(method, [], {}, node)
    if is_array(value):
        array_type = value.type  # type: ignore[union-attr]
        assert isinstance(array_type, Array)
        if array_type.ndim == 0:
            return convert(builder, target, [builder.getitem(value, TupleValue(()), node)], node)
        if target in (float, int):
            from numbad.frontend import arrays

            return convert(
                builder, target, [arrays.method(builder, value, "item", [], {}, node)], node
            )
        return builder.apply(
            builder.attribute(value, "astype", node),
            [builder.static(np.dtype(type_.name))],
            {},
            node,
        )
    operand = builder.as_scalar(value, node)
    return OperandValue(builder.cast(operand, type_))


def _conversion_method(builder: Builder, value: Value, target: Any) -> Value | None:
    from numbad.frontend.operators import special_method

    name = {float: "__float__", int: "__int__", complex: "__complex__"}.get(target)
    return None if name is None else special_method(builder, value, name)


def _converter(target: Any) -> Any:
    def handler(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
        return convert(builder, target, args, node)

    return handler


for _target in _TYPES:
    TABLE[_target] = _converter(_target)


@_TABLE.handles(abs)
def _abs(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    from numbad.frontend.operators import special_method

    value = args[0]
    if is_array(value):
        from numbad.frontend import arrays

        return arrays.unary(builder, abs, value, node)
    method = special_method(builder, value, "__abs__")
    if method is not None:
        return builder.apply(method, [], {}, node)
    return OperandValue(builder.call(abs, builder.as_scalar(value, node)))


@_TABLE.handles(pow)
def _pow(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    if len(args) != 2:
        builder.error(node, "`pow` with a modulus is not supported.")
    return builder.binary(operator.pow, args[0], args[1], node)


@_TABLE.handles(divmod)
def _divmod(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    left, right = (bindings.settled(builder, arg) for arg in args)
    return TupleValue(
        (
            builder.binary(operator.floordiv, left, right, node),
            builder.binary(operator.mod, left, right, node),
        )
    )


@_TABLE.handles(round)
def _round(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    value = args[0]
    if is_array(value):
        return builder.apply(builder.attribute(value, "round", node), args[1:], kwargs, node)
    from numbad.frontend.operators import special_method

    method = special_method(builder, value, "__round__")
    if method is not None:
        return builder.apply(method, args[1:], {}, node)
    operand = builder.as_scalar(value, node)
    digits = [*args[1:], *kwargs.values()]
    if is_integer(operand.type):
        return _rounded_integer(builder, operand, digits, node)
    if not digits:
        return OperandValue(builder.call(round, operand))
    return OperandValue(builder.call(round, operand, builder.as_index(digits[0], node)))


def _rounded_integer(
    builder: Builder, operand: ir.Operand, digits: list[Value], node: Node
) -> Value:
    """``round`` of an integer: the integer, or a multiple of a power of ten; slope zero."""
    whole = builder.call(math.floor, operand)
    if not digits:
        return OperandValue(whole)
    places = builder.as_static(digits[0], "The number of digits of an integer")
    if places is None or places >= 0:
        return OperandValue(whole)
    rounded = builder.call(round, builder.cast(operand, FLOAT64), ir.Const(places, INT64))
    return OperandValue(builder.call(math.floor, rounded))


@_TABLE.handles(math.prod)
def _prod(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    total = bindings.Accumulator(builder, kwargs.get("start", builder.number(1)))

    def one(item: Value) -> None:
        total.set(builder.binary(operator.mul, total.get(), item, node))

    builder.iterate(args[0], one, node)
    return total.pop()


@_TABLE.handles(math.fsum)
def _fsum(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    builder.error(
        node,
        "`math.fsum` is not supported.",
        "Its exact summation is not available in compiled code.",
        "Use `sum`.",
    )


@_TABLE.handles(math.dist)
def _dist(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    return builder.inline(_distance, args, {}, node)


def _distance(p: Any, q: Any) -> Any:
    """Euclidean distance of two points."""
    total = 0.0
    for a, b in zip(p, q, strict=True):
        total += (a - b) * (a - b)
    return math.sqrt(total)


# What Numba knows under NumPy's name only.
_SAME = {math.cbrt: np.cbrt, math.fmod: np.fmod}


def _same_as(function: Any) -> Handler:
    def apply(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
        scalars: Args = [OperandValue(builder.as_scalar(arg, node)) for arg in args]
        return builder.apply(StaticValue(function), scalars, kwargs, node)

    return apply


for _function, _other in _SAME.items():
    _TABLE.handles(_function)(_same_as(_other))


@_TABLE.handles(math.log)
def _log(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    if len(args) == 2:
        return builder.inline(_log_to_base, args, kwargs, node)
    return NotImplemented  # type: ignore[no-any-return]


def _log_to_base(x: Any, base: Any) -> Any:
    """Logarithm to a base."""
    return math.log(x) / math.log(base)


@_TABLE.handles(math.hypot)
def _hypot(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    if len(args) == 2:
        return NotImplemented  # type: ignore[no-any-return]
    return builder.inline(_length, [builder.tuple(args)], kwargs, node)


def _length(components: Any) -> Any:
    """Euclidean length of a vector."""
    total = 0.0
    for component in components:
        total = math.hypot(total, component)
    return total


def _of_known_integers(function: Any) -> Handler:
    def apply(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
        if kwargs or not all(builder.is_static(arg) for arg in args):
            return NotImplemented  # type: ignore[no-any-return]
        return builder.number(function(*(builder.as_static(arg) for arg in args)))

    return apply


for _function in (math.factorial, math.comb, math.perm, math.isqrt):
    _TABLE.handles(_function)(_of_known_integers(_function))


@_TABLE.handles(math.isclose)
def _isclose(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    return builder.inline(_are_close, args, kwargs, node)


def _are_close(a: Any, b: Any, rel_tol: Any = 1e-09, abs_tol: Any = 0.0) -> Any:
    """Whether two numbers are equal but for rounding."""
    return a == b or (
        math.isfinite(a)
        and math.isfinite(b)
        and abs(a - b) <= max(rel_tol * max(abs(a), abs(b)), abs_tol)
    )
