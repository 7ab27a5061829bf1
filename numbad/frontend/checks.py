"""Errors of arithmetic inside ``try``: tests of operands in front of what would raise.

Compiled code raises for a division by zero; ``math`` returns nan or inf where Python raises. Inside
a ``try`` whose handler waits for the exception, the operands are tested as Python (or Numba, for
functions that it compiles) would, and replaced by 1 if the operation fails.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from numbad import numba_bridge
from numbad.frontend import attempts
from numbad.frontend.conditions import both, either
from numbad.frontend.sequences import select
from numbad.ir import nodes as ir
from numbad.ir.types import INT64, Scalar

if TYPE_CHECKING:
    from numbad.frontend.builder import Builder

Test = Callable[["Builder", ir.Operand], ir.Operand]

_DIVISIONS = {
    operator.truediv: "division by zero",
    operator.floordiv: "integer division or modulo by zero",
    operator.mod: "integer modulo by zero",
}
_INFINITY = math.inf
_LARGEST_EXPONENT = math.log(1.7976931348623157e308)
_LARGEST_HYPERBOLIC = _LARGEST_EXPONENT + math.log(2.0)


def _compare(fn: Callable[..., Any], bound: float) -> Test:
    return lambda builder, x: builder.call(fn, x, builder.constant(bound))


def _outside(fn: Callable[..., Any], bound: float) -> Test:
    """Test of the magnitude."""

    def test(builder: Builder, x: ir.Operand) -> ir.Operand:
        return builder.call(fn, builder.call(abs, x), builder.constant(bound))

    return test


def _pole(builder: Builder, x: ir.Operand) -> ir.Operand:
    """Whether x is zero or a negative integer."""
    whole = builder.call(operator.eq, x, builder.call(math.floor, x))
    return both(builder, builder.call(operator.le, x, builder.constant(0.0)), whole)


_DOMAINS: dict[Any, Test] = {
    math.sqrt: _compare(operator.lt, 0.0),
    math.log: _compare(operator.le, 0.0),
    math.log2: _compare(operator.le, 0.0),
    math.log10: _compare(operator.le, 0.0),
    math.log1p: _compare(operator.le, -1.0),
    math.acosh: _compare(operator.lt, 1.0),
    math.asin: _outside(operator.gt, 1.0),
    math.acos: _outside(operator.gt, 1.0),
    math.atanh: _outside(operator.ge, 1.0),
    math.gamma: _pole,
    math.lgamma: _pole,
}
_RANGES: dict[Any, Test] = {
    math.exp: _compare(operator.gt, _LARGEST_EXPONENT),
    math.expm1: _compare(operator.gt, _LARGEST_EXPONENT),
    math.cosh: _outside(operator.gt, _LARGEST_HYPERBOLIC),
    math.sinh: _outside(operator.gt, _LARGEST_HYPERBOLIC),
}


def operands(
    builder: Builder, fn: Callable[..., Any], args: tuple[ir.Operand, ...]
) -> tuple[ir.Operand, ...]:
    """Return the operands to call a function of numbers with, after the tests it needs here."""
    if builder.attempt is None or not all(isinstance(arg.type, Scalar) for arg in args):
        return args
    frame = builder.frame
    module = "" if frame is None else str(frame.code.globals.get("__name__", ""))
    if module.partition(".")[0] == "numbad":
        return args
    if fn in _DIVISIONS and builder.raises_on_zero:
        zero = attempts.checked_operand(
            builder, args[1], _bound(builder, _is_zero), ZeroDivisionError, _DIVISIONS[fn]
        )
        return (args[0], zero)
    if frame is None or frame.code.is_compiled:
        return args
    if fn in (operator.pow, math.pow) and len(args) == len(("x", "y")):
        return _power(builder, fn, args)
    for table, exception, message in (
        (_DOMAINS, ValueError, "math domain error"),
        (_RANGES, OverflowError, "math range error"),
    ):
        test = table.get(fn)
        if test is not None and len(args) == 1 and "complex" not in str(args[0].type):
            return (
                attempts.checked_operand(
                    builder, args[0], _bound(builder, test), exception, message
                ),
            )
    return args


def positions_in_range(
    builder: Builder, array: ir.Operand, positions: tuple[ir.Operand, ...]
) -> tuple[ir.Operand, ...]:
    """Throw ``IndexError`` for positions outside an array, in functions that run in Python.

    Return the positions to read instead: 0 in that case.
    """
    frame = builder.frame
    if builder.attempt is None or frame is None or frame.code.is_compiled:
        return positions
    if attempts.catcher(builder, IndexError) is None:
        return positions
    assert isinstance(array, ir.Var)
    return tuple(
        _in_range(builder, position, builder.shape(array, axis))
        for axis, position in enumerate(positions)
    )


def _in_range(builder: Builder, position: ir.Operand, length: ir.Operand) -> ir.Operand:
    above = builder.call(operator.ge, position, length)
    below = builder.call(operator.lt, position, builder.call(operator.neg, length))
    outside = either(builder, above, below)
    message = "index out of range"
    args = (ir.Const(message, numba_bridge.string_type()),)
    if not attempts.throw(builder, IndexError, args, outside):
        return position
    is_empty = builder.call(operator.eq, length, ir.Const(0, INT64))
    builder.raise_if(is_empty, IndexError, message)  # nothing could be read in its place
    return select(builder, outside, ir.Const(0, INT64), position)


def _bound(builder: Builder, test: Test) -> Callable[[ir.Operand], ir.Operand]:
    return lambda value: test(builder, value)


def _is_zero(builder: Builder, x: ir.Operand) -> ir.Operand:
    return builder.call(operator.eq, x, builder.constant(0))


def _power(
    builder: Builder, fn: Callable[..., Any], args: tuple[ir.Operand, ...]
) -> tuple[ir.Operand, ...]:
    base, exponent = args
    if any("complex" in str(arg.type) for arg in args):
        return args

    def is_pole(x: ir.Operand) -> ir.Operand:
        negative = builder.call(operator.lt, exponent, builder.constant(0))
        return both(builder, _is_zero(builder, x), negative)

    def is_too_large(x: ir.Operand) -> ir.Operand:
        magnitude = builder.call(np.log, builder.call(abs, x))
        size = builder.call(operator.mul, exponent, magnitude)
        is_large = builder.call(operator.gt, size, builder.constant(_LARGEST_EXPONENT))
        infinite = [
            builder.call(operator.eq, builder.call(abs, value), builder.constant(_INFINITY))
            for value in (x, exponent)
        ]
        given = either(builder, *infinite)
        return both(builder, is_large, builder.call(operator.not_, given))

    zero = ValueError if fn is math.pow else ZeroDivisionError
    base = attempts.checked_operand(builder, base, is_pole, zero, "0.0 to a negative power")
    if "float" in str(base.type) or "float" in str(exponent.type):
        base = attempts.checked_operand(
            builder, base, is_too_large, OverflowError, "Numerical result out of range"
        )
    return base, exponent
