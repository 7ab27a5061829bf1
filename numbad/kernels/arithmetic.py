"""Arithmetic of the derivative part, which never raises.

The functions here are ordinary Python functions with a lowering of their own: Numba puts machine
instructions in place of the call and has nothing to compile.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.core import types
from numba.core.typing.templates import Signature
from numba.extending import lower_builtin, type_callable


def divide(a: Any, b: Any) -> Any:
    """Quotient by IEEE rules: division by zero gives an infinity or NaN and never raises.

    Operands are real or complex numbers; integers are taken as float64.

    Examples
    --------
    >>> divide(1.0, 4.0), divide(-1.0, 0.0)
    (0.25, -inf)
    """
    with np.errstate(all="ignore"):
        quotient = np.true_divide(a, b)
    return quotient if isinstance(a, np.generic) or isinstance(b, np.generic) else quotient.item()


@type_callable(divide)
def _type_divide(context: Any) -> Any:
    def typer(a: types.Type, b: types.Type) -> Any:
        if not (isinstance(a, types.Number | types.Boolean)):
            return None
        if not (isinstance(b, types.Number | types.Boolean)):
            return None
        return context.unify_types(_inexact(a), _inexact(b))

    return typer


def _inexact(type_: types.Type) -> types.Type:
    return type_ if isinstance(type_, types.Float | types.Complex) else types.float64


def _operands(context: Any, builder: Any, signature: Signature, args: Any) -> list[Any]:
    return [
        context.cast(builder, value, type_, signature.return_type)
        for value, type_ in zip(args, signature.args, strict=True)
    ]


@lower_builtin(divide, types.Any, types.Any)
def _lower_divide(context: Any, builder: Any, signature: Signature, args: Any) -> Any:
    a, b = _operands(context, builder, signature, args)
    type_ = signature.return_type
    if isinstance(type_, types.Complex):
        return _divide_complex(context, builder, type_, a, b)
    return builder.fdiv(a, b)


def _divide_complex(context: Any, builder: Any, type_: Any, a: Any, b: Any) -> Any:
    """Scale by the larger part of the divisor (Smith), so that squares do not overflow."""
    x = context.make_complex(builder, type_, a)
    y = context.make_complex(builder, type_, b)
    real_type = x.real.type
    absolute = builder.module.declare_intrinsic("llvm.fabs", [real_type])
    wide = builder.fcmp_ordered(
        ">=", builder.call(absolute, [y.real]), builder.call(absolute, [y.imag])
    )
    large = builder.select(wide, y.real, y.imag)
    small = builder.select(wide, y.imag, y.real)
    ratio = builder.fdiv(small, large)
    zero = real_type(0.0)
    ratio = builder.select(builder.fcmp_ordered("==", small, zero), zero, ratio)
    scale = builder.fadd(large, builder.fmul(small, ratio))
    first = builder.select(wide, x.real, x.imag)
    second = builder.select(wide, x.imag, x.real)
    real = builder.fdiv(builder.fadd(first, builder.fmul(second, ratio)), scale)
    difference = builder.fsub(second, builder.fmul(first, ratio))
    imag = builder.fdiv(builder.select(wide, difference, builder.fneg(difference)), scale)
    result = context.make_complex(builder, type_)
    result.real = real
    result.imag = imag
    return result._getvalue()


def absorb(factor: Any, other: Any) -> Any:
    """Product in which a factor of zero gives zero, also times an infinity or NaN.

    Cotangents and tangents are multiplied so with slopes that can be infinite. Unlike a conditional
    expression it has the derivative of the product also where the factor is zero.

    Examples
    --------
    >>> absorb(0.0, float("inf")), absorb(2.0, 3.0), absorb(float("inf"), 0.0)
    (0.0, 6.0, nan)
    """
    return factor * other if factor != 0 else factor * 0


def absorb_both(factor: Any, other: Any) -> Any:
    """Product in which either factor, if it is zero, gives zero: see ``absorb``.

    Examples
    --------
    >>> absorb_both(0.0, float("inf")), absorb_both(float("inf"), 0.0)
    (0.0, 0.0)
    """
    return factor * other if factor != 0 and other != 0 else factor * 0 if factor == 0 else other


def _register_absorbing(function: Any, both: bool) -> None:
    @type_callable(function)
    def _type(context: Any) -> Any:
        def typer(factor: types.Type, other: types.Type) -> Any:
            if not (isinstance(factor, types.Number) and isinstance(other, types.Number)):
                return None
            return context.unify_types(_inexact(factor), _inexact(other))

        return typer

    @lower_builtin(function, types.Number, types.Number)
    def _lower(context: Any, builder: Any, signature: Signature, args: Any) -> Any:
        a, b = _operands(context, builder, signature, args)
        type_ = signature.return_type
        is_zero = _is_zero(context, builder, type_, a)
        if both:
            is_zero = builder.or_(is_zero, _is_zero(context, builder, type_, b))
        if isinstance(type_, types.Complex):
            product = _multiply_complex(context, builder, type_, a, b)
        else:
            product = builder.fmul(a, b)
        return builder.select(is_zero, context.get_constant_null(type_), product)


def _is_zero(context: Any, builder: Any, type_: Any, value: Any) -> Any:
    if not isinstance(type_, types.Complex):
        return builder.fcmp_ordered("==", value, value.type(0.0))
    parts = context.make_complex(builder, type_, value)
    zero = parts.real.type(0.0)
    return builder.and_(
        builder.fcmp_ordered("==", parts.real, zero), builder.fcmp_ordered("==", parts.imag, zero)
    )


def _multiply_complex(context: Any, builder: Any, type_: Any, a: Any, b: Any) -> Any:
    x = context.make_complex(builder, type_, a)
    y = context.make_complex(builder, type_, b)
    result = context.make_complex(builder, type_)
    result.real = builder.fsub(builder.fmul(x.real, y.real), builder.fmul(x.imag, y.imag))
    result.imag = builder.fadd(builder.fmul(x.real, y.imag), builder.fmul(x.imag, y.real))
    return result._getvalue()


_register_absorbing(absorb, False)
_register_absorbing(absorb_both, True)


def add_unordered(total: Any, term: Any) -> Any:
    """Sum of two real numbers; several such sums in a row may be done in any order.

    A loop that adds to a total in this way can be vectorised. Sums that are written with ``+`` are
    done in the order in which they are written.

    Examples
    --------
    >>> add_unordered(1.0, 2.0)
    3.0
    """
    return total + term


@type_callable(add_unordered)
def _type_add_unordered(context: Any) -> Any:
    def typer(total: types.Type, term: types.Type) -> Any:
        if not (isinstance(total, types.Float) and isinstance(term, types.Float | types.Integer)):
            return None
        return context.unify_types(total, _inexact(term))

    return typer


@lower_builtin(add_unordered, types.Float, types.Number)
def _lower_add_unordered(context: Any, builder: Any, signature: Signature, args: Any) -> Any:
    return builder.fadd(*_operands(context, builder, signature, args), flags=("reassoc",))


def sign(x: Any) -> Any:
    """-1, 0 or 1; 0 for NaN.

    The slope of the absolute value: that of a NaN which is not used leaves no trace.

    Examples
    --------
    >>> sign(-3.0), sign(0.0), sign(float("nan"))
    (-1, 0, 0)
    """
    return int(x > 0) - int(x < 0)


@type_callable(sign)
def _type_sign(context: Any) -> Any:
    def typer(x: types.Type) -> Any:
        return _inexact(x) if isinstance(x, types.Number | types.Boolean) else None

    return typer


@lower_builtin(sign, types.Any)
def _lower_sign(context: Any, builder: Any, signature: Signature, args: Any) -> Any:
    (x,) = _operands(context, builder, signature, args)
    zero, one = x.type(0.0), x.type(1.0)
    above = builder.select(builder.fcmp_ordered(">", x, zero), one, zero)
    below = builder.select(builder.fcmp_ordered("<", x, zero), one, zero)
    return builder.fsub(above, below)
