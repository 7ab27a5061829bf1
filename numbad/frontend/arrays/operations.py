"""Operators and functions that act element by element, with broadcasting."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from numbad import numba_bridge
from numbad.frontend.arrays.convert import is_convertible, to_lazy
from numbad.frontend.arrays.lazy import LazyValue, compose, consume, element, is_arraylike
from numbad.frontend.arrays.support import Node, truth, value_of
from numbad.frontend.values import Value
from numbad.ir import nodes as ir
from numbad.ir.types import (
    BOOL,
    Array,
    Scalar,
    Type,
    is_complex,
    is_inexact,
    is_integer,
    is_real,
)
from numbad.kernels.arithmetic import divide

if TYPE_CHECKING:
    from numbad.frontend.builder import Builder

IN_PLACE: dict[Callable[..., Any], Callable[..., Any]] = {
    operator.iadd: operator.add,
    operator.isub: operator.sub,
    operator.imul: operator.mul,
    operator.itruediv: operator.truediv,
    operator.ifloordiv: operator.floordiv,
    operator.imod: operator.mod,
    operator.ipow: operator.pow,
    operator.iand: operator.and_,
    operator.ior: operator.or_,
    operator.ixor: operator.xor,
    operator.ilshift: operator.lshift,
    operator.irshift: operator.rshift,
    operator.imatmul: operator.matmul,
}
"""In-place operators and the operators that compute what they store."""

NOT_ELEMENTWISE: dict[Callable[..., Any], Callable[..., Value]] = {}
"""Operators that do not act element by element, with what they do instead."""

_TYPED_AS: dict[Callable[..., Any], Callable[..., Any]] = {
    abs: np.absolute,
    operator.pos: np.positive,
    operator.not_: np.logical_not,
}

# What is applied to one element. Array division never raises; the others are the spellings that
# read best in generated code.
_ON_ELEMENTS: dict[Callable[..., Any], Callable[..., Any]] = {
    operator.truediv: divide,
    np.divide: divide,
    operator.floordiv: np.floor_divide,
    operator.mod: np.remainder,
    np.add: operator.add,
    np.subtract: operator.sub,
    np.multiply: operator.mul,
    np.negative: operator.neg,
    np.power: operator.pow,
    np.absolute: abs,
    np.less: operator.lt,
    np.less_equal: operator.le,
    np.greater: operator.gt,
    np.greater_equal: operator.ge,
    np.equal: operator.eq,
    np.not_equal: operator.ne,
    np.bitwise_and: operator.and_,
    np.bitwise_or: operator.or_,
    np.bitwise_xor: operator.xor,
    np.left_shift: operator.lshift,
    np.right_shift: operator.rshift,
}
_BOOLEAN: dict[Callable[..., Any], Callable[..., Any]] = {
    operator.add: operator.or_,
    operator.mul: operator.and_,
    operator.invert: operator.not_,
    np.invert: operator.not_,
    np.maximum: operator.or_,
    np.minimum: operator.and_,
}
_ARITHMETIC = frozenset({operator.add, operator.sub, operator.mul, divide})
_KEEPS_INTEGERS = frozenset({operator.pow, np.float_power, np.ldexp})
_IDENTITIES = frozenset({operator.pos, np.positive})
_CHEAP = frozenset({operator.add, operator.sub, operator.mul, operator.neg, abs})


def result_type(builder: Builder, fn: Callable[..., Any], types: Sequence[Type]) -> Type:
    """Type of an elementwise function of arrays and numbers, as Numba has it."""
    asked = _TYPED_AS.get(fn, fn)
    found = numba_bridge.call_type(asked, tuple(types))
    if found is None:
        shown = ", ".join(map(str, types))
        name = getattr(fn, "__name__", str(fn))
        builder.type_error(None, f"`{name}` cannot be applied to ({shown}).")
    return found


def on_elements(
    builder: Builder, fn: Callable[..., Any], operands: Sequence[ir.Operand], dtype: Scalar
) -> ir.Operand:
    """Emit an elementwise function of one element of each operand; the result has the type."""
    scalar: Callable[..., Any] = _ON_ELEMENTS.get(fn, fn)
    if scalar in _IDENTITIES:
        return builder.cast(operands[0], dtype)
    if dtype == BOOL and all(operand.type == BOOL for operand in operands):
        scalar = _BOOLEAN.get(scalar, scalar)
    if dtype != BOOL:
        operands = [_raise_to(builder, scalar, operand, dtype) for operand in operands]
    if scalar in _ARITHMETIC and is_inexact(dtype):
        return builder.call(scalar, *operands, type=dtype)
    return builder.cast(builder.call(scalar, *operands), dtype)


def _raise_to(
    builder: Builder, fn: Callable[..., Any], operand: ir.Operand, dtype: Scalar
) -> ir.Operand:
    """Convert an operand to the type of the result, where that is how the function is computed."""
    own = operand.type
    if own == dtype or not is_inexact(dtype) or (is_complex(own) and not is_complex(dtype)):
        return operand
    if fn in _KEEPS_INTEGERS and is_integer(own):
        return operand
    lower = is_integer(own) or own == BOOL or (is_real(own) and is_complex(dtype))
    shorter = own.name in ("float32", "complex64") if isinstance(own, Scalar) else False
    narrowing = is_real(own) and is_real(dtype) and not shorter
    return builder.cast(operand, dtype) if lower or shorter or narrowing else operand


def apply(
    builder: Builder, fn: Callable[..., Any], args: Sequence[Value], node: Node = None
) -> Value:
    """Apply an elementwise function to arrays, numbers and sequences."""
    parts = [to_lazy(builder, arg, node) for arg in args]
    types = [operand_type(part, arg) for part, arg in zip(parts, args, strict=True)]
    type_ = result_type(builder, fn, types)
    if isinstance(type_, Array):
        dtype = type_.dtype
        assert isinstance(dtype, Scalar)
    else:
        dtype = _scalar(builder, type_, fn)
        type_ = Array(dtype, 0, "C")
    return combine(
        builder,
        parts,
        type_,
        lambda *elements: on_elements(builder, fn, elements, dtype),
        1 if _ON_ELEMENTS.get(fn, fn) in _CHEAP else 4,
    )


def combine(
    builder: Builder,
    parts: Sequence[LazyValue],
    type_: Array,
    fn: Callable[..., ir.Operand],
    cost: int,
) -> Value:
    """Return ``fn`` of the elements: an expression, or a number if no part has axes."""
    if all(not part.dims for part in parts):
        return value_of(fn(*(element(builder, consume(builder, part), ()) for part in parts)))
    return compose(builder, type_, parts, fn, cost)


def operand_type(part: LazyValue, arg: Value) -> Type:
    """Type of an operand, of which an expression without axes counts as a number."""
    return part.type if part.dims or is_arraylike(arg) else part.dtype


def _scalar(builder: Builder, type_: Type, fn: Callable[..., Any]) -> Scalar:
    if not isinstance(type_, Scalar):
        builder.type_error(None, f"`{getattr(fn, '__name__', fn)}` has several results.")
    return type_


def binary(
    builder: Builder, fn: Callable[..., Any], left: Value, right: Value, node: Node = None
) -> Value:
    """Return the value of a binary operator or comparison of which an operand is an array."""
    fn = IN_PLACE.get(fn, fn)
    if fn in NOT_ELEMENTWISE:
        return NOT_ELEMENTWISE[fn](builder, left, right, node)
    return apply(builder, fn, (left, right), node)


def unary(builder: Builder, fn: Callable[..., Any], value: Value, node: Node = None) -> Value:
    """Return the value of a unary operator, or of ``abs``, of an array."""
    return apply(builder, fn, (value,), node)


def is_operand(builder: Builder, value: Value) -> bool:
    """Whether a value can stand in an array expression: array, expression or sequence."""
    return is_arraylike(value) or is_convertible(builder, value)


def choose(
    builder: Builder, condition: ir.Operand, if_true: ir.Operand, if_false: ir.Operand
) -> ir.Operand:
    """Select between two elements of the same type."""
    if isinstance(condition, ir.Const):
        return if_true if condition.value else if_false
    return builder.let(if_true.type, ir.Select(truth(builder, condition), if_true, if_false))
