"""Evaluate operations on constants while building, where Python's result is exactly the same.

Only integers that stay in range, truth values and doubles are folded, and only by operators whose
result does not depend on the platform's mathematical library. What is not folded returns None.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from numbad import numba_bridge
from numbad.ir import nodes as ir
from numbad.ir.types import BOOL, COMPLEX128, FLOAT64, INT64, Scalar, Type, is_integer
from numbad.structure import SCALAR_NAMES

_FOLDABLE = frozenset(
    {
        operator.add,
        operator.sub,
        operator.mul,
        operator.truediv,
        operator.floordiv,
        operator.mod,
        operator.pow,
        operator.neg,
        operator.pos,
        operator.invert,
        operator.and_,
        operator.or_,
        operator.xor,
        operator.lshift,
        operator.rshift,
        operator.lt,
        operator.le,
        operator.gt,
        operator.ge,
        operator.eq,
        operator.ne,
        operator.not_,
        abs,
        max,
        min,
    }
)
_EXACT = (BOOL, INT64, FLOAT64, COMPLEX128)
_INTEGERS = (BOOL, INT64)


def fold(fn: Callable[..., Any], operands: tuple[ir.Operand, ...]) -> ir.Const | None:
    """Return the constant ``fn(*operands)``, or None if it is not to be folded."""
    values = []
    for operand in operands:
        if not isinstance(operand, ir.Const) or operand.type not in _EXACT:
            return None
        values.append(operand.value)
    if not operands or fn not in _FOLDABLE:
        return None
    types = tuple(operand.type for operand in operands)
    if fn is operator.pow and not all(type_ in _INTEGERS for type_ in types):
        return None
    if COMPLEX128 in types and fn in (operator.truediv, abs):
        return None
    if fn in (operator.pow, operator.lshift) and (values[1] < 0 or values[1] > 64):
        return None
    try:
        value = fn(*values)
    except (ArithmeticError, ValueError, TypeError):
        return None
    type_ = numba_bridge.call_type(fn, types)
    return None if type_ is None else convert(value, type_)


def convert(value: Any, type_: Type) -> ir.Const | None:
    """Return the constant of the type with the value; None if the type cannot hold it exactly."""
    if type_ == BOOL:
        return ir.Const(bool(value), BOOL)
    if is_integer(type_) and isinstance(value, int | np.integer):
        assert isinstance(type_, Scalar)
        limits = np.iinfo(type_.name)
        if limits.min <= int(value) <= limits.max:
            return ir.Const(int(value), type_)
        return None
    if type_ == FLOAT64 and isinstance(value, int | float):
        try:
            return ir.Const(float(value), FLOAT64)
        except OverflowError:
            return None
    if type_ == COMPLEX128 and isinstance(value, int | float | complex):
        return ir.Const(complex(value), COMPLEX128)
    return None


def cast(constant: ir.Const, type_: Type) -> ir.Const | None:
    """Return the constant converted to the type as Numba would; None if that is not folded."""
    value = constant.value
    if not isinstance(type_, Scalar) or not isinstance(constant.type, Scalar):
        return None
    if type_.name == "float32" and isinstance(value, int | float):
        # The emitter writes float32 constants through np.float32, which rounds once.
        return ir.Const(float(np.float32(value)), type_)
    if type_.name == "complex64":
        return ir.Const(complex(np.complex64(value)), type_)
    if is_integer(type_) and isinstance(value, float):
        if not math.isfinite(value):
            return None
        value = int(value)
    if isinstance(value, complex) and type_ != COMPLEX128:
        return None
    return convert(value, type_)


def as_constant(value: Any) -> ir.Const | None:
    """Return the constant for a Python or NumPy number; None for anything else."""
    if isinstance(value, np.generic):
        if not isinstance(value, np.number | np.bool_) or value.dtype.name not in SCALAR_NAMES:
            return None
        return ir.Const(value.item(), Scalar(value.dtype.name))
    if isinstance(value, bool | int | float | complex):
        type_ = numba_bridge.constant_type(value)
        return None if type_ is None else ir.Const(_plain(value), type_)
    return None


def _plain(value: bool | int | float | complex) -> bool | int | float | complex:
    """Strip subclasses of the number types (enumeration members)."""
    if isinstance(value, bool):
        return value
    for cls in (int, float, complex):
        if isinstance(value, cls):
            return cls(value)  # type: ignore[arg-type, no-any-return, unused-ignore]
    return value
