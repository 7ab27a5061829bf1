"""Powers of integers: Python's are numbers of another type where the exponent is negative.

Numba computes in integers whatever the exponent, so that ``2**-1`` would be 0. Here such a power is
an integer where the exponent is known to be zero or more, and a float elsewhere.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

from numbad.ir import nodes as ir
from numbad.ir.types import FLOAT64, INT64, Scalar, is_integer

if TYPE_CHECKING:
    from numbad.frontend.builder import Builder


_WHOLE = (
    *(operator.add, operator.sub, operator.mul, operator.neg),
    *(operator.mod, operator.floordiv),
)


def operands(
    builder: Builder, base: ir.Operand, exponent: ir.Operand
) -> tuple[ir.Operand, ir.Operand]:
    """Return the operands to raise one number to another with.

    In functions that Numba compiles they stay as they are.
    """
    frame = builder.frame
    if frame is None or frame.code.is_compiled or builder.is_rule:
        return base, exponent
    if not (_is_integer(base) and _is_integer(exponent)):
        return base, exponent
    if is_not_negative(builder, exponent):
        return base, exponent
    return builder.cast(base, FLOAT64), exponent


def whole(builder: Builder, operand: ir.Operand) -> ir.Operand | None:
    """Compute a float made of powers of integers as the integer that is needed; None for others.

    Raises ``TypeError``, as Python does, where an exponent is negative after all.
    """
    if _is_integer(operand):
        return builder.cast(operand, INT64)
    definition = builder.definitions.get(operand.id) if isinstance(operand, ir.Var) else None
    match definition:
        case ir.Call(operator.pow, (base, exponent)) if _is_integer(exponent):
            origin = builder.definitions.get(base.id) if isinstance(base, ir.Var) else base
            source = origin.value if isinstance(origin, ir.Cast) else origin
            if isinstance(source, ir.Const) and float(source.value).is_integer():
                source = ir.Const(int(source.value), INT64)
            if not isinstance(source, ir.Var | ir.Const) or not _is_integer(source):
                return None
            below = builder.call(operator.lt, exponent, ir.Const(0, INT64))
            message = "'float' object cannot be interpreted as an integer"
            builder.raise_if(below, TypeError, message)
            return builder.call(operator.pow, builder.cast(source, INT64), exponent)
        case ir.Call(fn, args) if fn in _WHOLE:
            parts = [whole(builder, arg) for arg in args]
            known = [part for part in parts if part is not None]
            return builder.call(fn, *known) if len(known) == len(parts) else None
        case _:
            return None


def _is_integer(operand: ir.Operand) -> bool:
    return isinstance(operand.type, Scalar) and is_integer(operand.type)


def note_index(builder: Builder, index: ir.Var, bounds: tuple[ir.Operand, ...]) -> None:
    """Note the index of a loop that only counts upwards from zero or more."""
    start, _, step = bounds
    if is_not_negative(builder, start) and isinstance(step, ir.Const) and step.value > 0:
        builder.not_negative.add(index.id)


def is_not_negative(builder: Builder, operand: ir.Operand) -> bool:
    """Whether an integer is known to be zero or more."""
    if isinstance(operand, ir.Const):
        return bool(operand.value >= 0)
    if not isinstance(operand, ir.Var):
        return False
    if operand.id in builder.not_negative:
        return True
    match builder.definitions.get(operand.id):
        case ir.Call(fn, args) if fn in (operator.add, operator.mul, operator.floordiv, max, abs):
            return all(is_not_negative(builder, arg) for arg in args) or fn is abs
        case ir.Call(operator.mod, (_, modulus)):
            return is_not_negative(builder, modulus)
        case ir.Shape():
            return True
        case _:
            return False
