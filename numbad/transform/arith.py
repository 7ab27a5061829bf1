"""Small integer and float arithmetic on IR operands, folded where it is constant."""

from __future__ import annotations

import math
import operator

import numpy as np

from numbad.ir import nodes as ir
from numbad.ir.build import BlockBuilder
from numbad.ir.types import (
    FLOAT32,
    FLOAT64,
    INT64,
    Lanes,
    Scalar,
    Type,
    is_complex,
    is_integer,
    is_real,
)
from numbad.kernels import arithmetic

ZERO = ir.Const(0, INT64)
ONE = ir.Const(1, INT64)


def zero(type_: Type) -> ir.Const:
    """Return the constant zero of a floating-point type."""
    return ir.Const(0j if is_complex(type_) else 0.0, type_)


def is_zero(operand: ir.Operand) -> bool:
    """Whether the operand is a constant zero."""
    return (
        isinstance(operand, ir.Const) and not isinstance(operand.value, str) and operand.value == 0
    )


def is_one(operand: ir.Operand) -> bool:
    """Whether the operand is a constant one."""
    return isinstance(operand, ir.Const) and operand.value == 1


def is_minus_one(operand: ir.Operand) -> bool:
    """Whether the operand is a constant minus one."""
    return isinstance(operand, ir.Const) and operand.value == -1


def add_int(block: BlockBuilder, left: ir.Operand, right: ir.Operand) -> ir.Operand:
    """Return ``left + right`` of integers."""
    if isinstance(left, ir.Const) and isinstance(right, ir.Const):
        return ir.Const(left.value + right.value, INT64)
    if is_zero(left):
        return right
    if is_zero(right):
        return left
    if isinstance(right, ir.Const) and right.value < 0:
        return block.call(INT64, operator.sub, left, ir.Const(-right.value, INT64))
    return block.call(INT64, operator.add, left, right)


def sub_int(block: BlockBuilder, left: ir.Operand, right: ir.Operand) -> ir.Operand:
    """Return ``left - right`` of integers."""
    if isinstance(left, ir.Const) and isinstance(right, ir.Const):
        return ir.Const(left.value - right.value, INT64)
    if is_zero(right):
        return left
    if isinstance(right, ir.Const) and right.value < 0:
        return block.call(INT64, operator.add, left, ir.Const(-right.value, INT64))
    return block.call(INT64, operator.sub, left, right)


def mul_int(block: BlockBuilder, left: ir.Operand, right: ir.Operand) -> ir.Operand:
    """Return ``left * right`` of integers."""
    if isinstance(left, ir.Const) and isinstance(right, ir.Const):
        return ir.Const(left.value * right.value, INT64)
    if is_one(left):
        return right
    if is_one(right):
        return left
    if is_zero(left) or is_zero(right):
        return ZERO
    return block.call(INT64, operator.mul, left, right)


def lesser(block: BlockBuilder, left: ir.Operand, right: ir.Operand) -> ir.Operand:
    """Return the lesser of two integers."""
    if isinstance(left, ir.Const) and isinstance(right, ir.Const):
        return left if left.value <= right.value else right
    return block.call(INT64, min, left, right)


def greater(block: BlockBuilder, left: ir.Operand, right: ir.Operand) -> ir.Operand:
    """Return the greater of two integers."""
    if isinstance(left, ir.Const) and isinstance(right, ir.Const):
        return left if left.value >= right.value else right
    return block.call(INT64, max, left, right)


def trip_count(
    block: BlockBuilder, start: ir.Operand, stop: ir.Operand, step: ir.Operand
) -> ir.Operand:
    """Return ``len(range(start, stop, step))``."""
    if all(isinstance(bound, ir.Const) for bound in (start, stop, step)):
        bounds = [bound.value for bound in (start, stop, step)]  # type: ignore[union-attr]
        return ir.Const(len(range(*bounds)), INT64)
    if is_zero(start) and is_one(step) and isinstance(stop, ir.Var):
        return block.call(INT64, max, stop, ZERO)
    if isinstance(step, ir.Const):
        size = abs(step.value)
        first, last = (start, stop) if step.value > 0 else (stop, start)
        distance = sub_int(block, last, first)
        if size != 1:
            shifted = add_int(block, distance, ir.Const(size - 1, INT64))
            distance = block.call(INT64, operator.floordiv, shifted, ir.Const(size, INT64))
        return block.call(INT64, max, distance, ZERO)
    up = block.call(
        INT64, operator.floordiv, sub_int(block, sub_int(block, stop, start), ONE), step
    )
    down = block.call(
        INT64, operator.floordiv, sub_int(block, add_int(block, stop, ONE), start), step
    )
    positive = block.call(Scalar("bool"), operator.gt, step, ZERO)
    steps = block.let(INT64, ir.Select(positive, up, down))
    return block.call(INT64, max, add_int(block, steps, ONE), ZERO)


def cast(block: BlockBuilder, operand: ir.Operand, type_: Type) -> ir.Operand:
    """Return the operand converted to the type; complex to real takes the real part."""
    if operand.type == type_:
        return operand
    if isinstance(operand, ir.Const) and isinstance(operand.value, int | float | complex):
        if is_complex(type_):
            return ir.Const(complex(operand.value), type_)
        if is_real(type_) and not isinstance(operand.value, complex):
            return ir.Const(float(operand.value), type_)
    if is_complex(operand.type) and not is_complex(type_):
        part = Scalar("float32" if operand.type.name == "complex64" else "float64")  # type: ignore[union-attr]
        return cast(block, block.call(part, np.real, operand), type_)
    return block.let(type_, ir.Cast(operand))


def join_types(left: Type, right: Type) -> Type:
    """Return the floating-point type of a sum or product of two floating-point values."""
    if left == right:
        return left
    if isinstance(left, Lanes):
        return left
    if isinstance(right, Lanes):
        return right
    wide = any(t.name in ("float64", "complex128") for t in (left, right) if isinstance(t, Scalar))
    if is_complex(left) or is_complex(right):
        return Scalar("complex128" if wide else "complex64")
    return FLOAT64 if wide else FLOAT32


def add(block: BlockBuilder, left: ir.Operand, right: ir.Operand) -> ir.Operand:
    """Return the sum of two floating-point values."""
    if is_zero(left):
        return right
    if is_zero(right):
        return left
    return block.call(join_types(left.type, right.type), operator.add, left, right)


def negate(block: BlockBuilder, operand: ir.Operand) -> ir.Operand:
    """Return the negative of a floating-point value."""
    if isinstance(operand, ir.Const):
        return ir.Const(-operand.value, operand.type)
    return block.call(operand.type, operator.neg, operand)


def multiply(block: BlockBuilder, left: ir.Operand, right: ir.Operand) -> ir.Operand:
    """Return the product of a floating-point value and a factor (an integer is converted)."""
    if is_integer(right.type):
        right = cast(block, right, left.type)
    for factor, other in ((left, right), (right, left)):
        if is_one(factor):
            return other
        if is_minus_one(factor):
            return negate(block, other)
    return block.call(join_types(left.type, right.type), operator.mul, left, right)


def multiple(block: BlockBuilder, operand: ir.Operand, factor: float) -> ir.Operand:
    """Return ``factor`` times a real value or lanes."""
    element = operand.type.dtype if isinstance(operand.type, Lanes) else operand.type
    if factor == 2.0 and isinstance(operand, ir.Var):
        return add(block, operand, operand)
    return multiply(block, operand, ir.Const(factor, element))


def constant_factor(call: ir.Call) -> tuple[float, ir.Operand] | None:
    """Return what a call multiplies by, and what it multiplies, if it is a multiple of a value."""
    match call:
        case ir.Call(operator.neg, (value,)):
            return -1.0, value
        case ir.Call(operator.mul, (ir.Const(factor), value)):
            pass
        case ir.Call(operator.mul, (value, ir.Const(factor))):
            pass
        case ir.Call(operator.add, (value, other)) if value == other:
            return 2.0, value
        case _:
            return None
    if isinstance(factor, int | float) and factor != 0 and math.isfinite(factor):
        return float(factor), value
    return None


def absorb(
    block: BlockBuilder, factor: ir.Operand, other: ir.Operand, *, both: bool = False
) -> ir.Operand:
    """Return a product that is zero where ``factor`` is (``both``: or ``other``): see ``absorb``.

    ``numbad.kernels.arithmetic.absorb`` says why this is no conditional expression.
    """
    if is_integer(other.type):
        other = cast(block, other, factor.type)
    type_ = join_types(factor.type, other.type)
    if is_zero(factor) or (both and is_zero(other)):
        return zero(type_)
    if _is_finite(factor) and both:
        factor, other, both = other, factor, False
    if _is_finite(factor) or (_is_finite(other) and not is_zero(other)):
        return multiply(block, factor, other)
    function = arithmetic.absorb_both if both else arithmetic.absorb
    return block.call(type_, function, factor, other)


def _is_finite(operand: ir.Operand) -> bool:
    return isinstance(operand, ir.Const) and bool(np.isfinite(operand.value))
