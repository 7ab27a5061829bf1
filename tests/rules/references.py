"""What the functions with a rule are, stated in mpmath: the oracle, independent of our formulas."""

from __future__ import annotations

import cmath
import math
import operator
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np

from numbad.kernels.arithmetic import absorb, absorb_both
from numbad.kernels.special import digamma, polygamma, trigamma

DIGITS = 40


def _sinc(x: Any) -> Any:
    return mpmath.sincpi(x)


def _copysign(a: Any, b: Any) -> Any:
    return abs(a) if b > 0 else -abs(a)


REAL: dict[Callable[..., Any], Callable[..., Any]] = {
    operator.add: lambda a, b: a + b,
    operator.sub: lambda a, b: a - b,
    operator.mul: lambda a, b: a * b,
    operator.truediv: lambda a, b: a / b,
    operator.neg: lambda x: -x,
    operator.pos: lambda x: x,
    operator.mod: lambda a, b: a - b * mpmath.floor(a / b),
    operator.pow: lambda x, p: x**p,
    np.square: lambda x: x * x,
    np.reciprocal: lambda x: 1 / x,
    np.fmod: lambda a, b: a - b * mpmath.sign(a / b) * mpmath.floor(abs(a / b)),
    math.remainder: lambda a, b: a - b * mpmath.nint(a / b),
    math.exp: mpmath.exp,
    math.exp2: lambda x: mpmath.power(2, x),
    math.expm1: mpmath.expm1,
    math.log: mpmath.log,
    math.log2: lambda x: mpmath.log(x) / mpmath.log(2),
    math.log10: lambda x: mpmath.log(x) / mpmath.log(10),
    math.log1p: lambda x: mpmath.log(1 + x),
    np.logaddexp: lambda a, b: mpmath.log(mpmath.exp(a) + mpmath.exp(b)),
    np.logaddexp2: lambda a, b: mpmath.log(mpmath.power(2, a) + mpmath.power(2, b)) / mpmath.log(2),
    math.sqrt: mpmath.sqrt,
    math.cbrt: lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)),
    math.hypot: mpmath.hypot,
    math.sin: mpmath.sin,
    math.cos: mpmath.cos,
    math.tan: mpmath.tan,
    math.asin: mpmath.asin,
    math.acos: mpmath.acos,
    math.atan: mpmath.atan,
    math.atan2: mpmath.atan2,
    np.sinc: _sinc,
    math.sinh: mpmath.sinh,
    math.cosh: mpmath.cosh,
    math.tanh: mpmath.tanh,
    math.asinh: mpmath.asinh,
    math.acosh: mpmath.acosh,
    math.atanh: mpmath.atanh,
    math.erf: mpmath.erf,
    math.erfc: mpmath.erfc,
    math.gamma: mpmath.gamma,
    math.lgamma: mpmath.loggamma,
    abs: abs,
    math.copysign: _copysign,
    max: max,
    min: min,
    np.maximum: max,
    np.minimum: min,
    np.fmax: max,
    np.fmin: min,
    np.heaviside: lambda x, h: 1 if x > 0 else 0,
    float: lambda x: x,
    np.float32: lambda x: mpmath.mpf(float(np.float32(float(x)))),
    np.complex128: lambda x: x,
    np.complex64: lambda x: mpmath.mpf(float(np.float32(float(x)))),
    math.degrees: lambda x: x * 180 / mpmath.pi,
    math.radians: lambda x: x * mpmath.pi / 180,
    math.ldexp: lambda x, n: x * mpmath.power(2, n),
    math.nextafter: lambda a, b: a,
    np.real: lambda x: x,
    np.imag: lambda x: 0 * x,
    np.angle: lambda x: mpmath.pi if x < 0 else mpmath.mpf(0),
    digamma: mpmath.digamma,
    trigamma: lambda x: mpmath.polygamma(1, x),
    polygamma: lambda n, x: mpmath.polygamma(int(n), x),
}

COMPLEX: dict[Callable[..., Any], Callable[..., Any]] = {
    **{
        key: REAL[key]
        for key in (
            operator.add,
            operator.sub,
            operator.mul,
            operator.truediv,
            operator.neg,
            operator.pos,
            operator.pow,
            np.square,
            np.reciprocal,
        )
    },
    np.complex128: lambda z: z,
    math.exp: mpmath.exp,
    math.exp2: REAL[math.exp2],
    math.expm1: lambda z: mpmath.exp(z) - 1,
    math.log: mpmath.log,
    math.log2: REAL[math.log2],
    math.log10: REAL[math.log10],
    math.log1p: REAL[math.log1p],
    math.sqrt: mpmath.sqrt,
    math.sin: mpmath.sin,
    math.cos: mpmath.cos,
    math.tan: mpmath.tan,
    math.asin: mpmath.asin,
    math.acos: mpmath.acos,
    math.atan: mpmath.atan,
    math.sinh: mpmath.sinh,
    math.cosh: mpmath.cosh,
    math.tanh: mpmath.tanh,
    math.asinh: mpmath.asinh,
    math.acosh: mpmath.acosh,
    math.atanh: mpmath.atanh,
}

# Functions of a complex number that are not holomorphic, as (real part, imaginary part) or, where
# the result is real, as that number; of the real coordinates of the arguments in order.
PARTS: dict[Callable[..., Any], Callable[..., Any]] = {
    np.real: lambda u, v: u,
    np.imag: lambda u, v: v,
    np.conjugate: lambda u, v: (u, -v),
    abs: mpmath.hypot,
    np.angle: lambda u, v: mpmath.atan2(v, u),
    complex: lambda a, b: (a, b),
    cmath.rect: lambda r, phi: (r * mpmath.cos(phi), r * mpmath.sin(phi)),
    absorb: lambda a, b: a * b,
    absorb_both: lambda a, b: a * b,
}
