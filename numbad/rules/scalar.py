"""Elementary functions of one or two real numbers: ``math`` and NumPy's ufuncs.

Partials reuse the primal result wherever that is exact, so that the backward sweep does not
evaluate the function again. Where a body holds for complex arguments too it is written with
NumPy's functions and stands in both columns.
"""

from __future__ import annotations

import cmath
import math
import operator

import numpy as np

from numbad.kernels.arithmetic import sign
from numbad.kernels.special import digamma
from numbad.rules.declare import BOTH, scalar_rule
from numbad.rules.domains import NONZERO, POSITIVE, REAL, UNIT, Integers, Interval, Kink

# --- exponentials and logarithms --------------------------------------------------------------
# Exponentials are singular by overflow: their slope is infinite from 710 on, which a quotient
# such as 1/(1 + exp(-x)) multiplies by zero.


@scalar_rule(math.exp, np.exp, cmath.exp, domain=REAL, singular=True, columns=BOTH)
def exp(x, *, y):
    """d eˣ = eˣ dx."""
    return y


@scalar_rule(math.exp2, np.exp2, domain=REAL, singular=True, columns=BOTH)
def exp2(x, *, y):
    """d 2ˣ = 2ˣ ln 2 dx."""
    return y * 0.6931471805599453


@scalar_rule(math.expm1, np.expm1, domain=REAL, singular=True, columns=BOTH)
def expm1(x, *, y):
    """d(eˣ - 1) = eˣ dx."""
    return y + 1


@scalar_rule(math.log, np.log, cmath.log, domain=POSITIVE, singular=True, columns=BOTH)
def log(x):
    """d ln x = dx/x."""
    return 1 / x


@scalar_rule(math.log2, np.log2, domain=POSITIVE, singular=True, columns=BOTH)
def log2(x):
    """d log₂x = dx/(x ln 2)."""
    return 1.4426950408889634 / x


@scalar_rule(math.log10, np.log10, cmath.log10, domain=POSITIVE, singular=True, columns=BOTH)
def log10(x):
    """d log₁₀x = dx/(x ln 10)."""
    return 0.4342944819032518 / x


@scalar_rule(math.log1p, np.log1p, domain=Interval(-0.9, 4.0), singular=True, columns=BOTH)
def log1p(x):
    """d ln(1 + x) = dx/(1 + x)."""
    return 1 / (1 + x)


@scalar_rule(np.logaddexp, domain=(REAL, REAL))
def logaddexp(a, b, *, y):
    """d ln(eᵃ + eᵇ) has weights eᵃ/(eᵃ + eᵇ) and eᵇ/(eᵃ + eᵇ); halves if both are -∞ or ∞."""
    total = 0.5 if a == y and b == y else 1.0
    return total * np.exp(0.0 if a == y else a - y), total * np.exp(0.0 if b == y else b - y)


@scalar_rule(np.logaddexp2, domain=(REAL, REAL))
def logaddexp2(a, b, *, y):
    """As ``logaddexp``, with base 2."""
    total = 0.5 if a == y and b == y else 1.0
    return total * np.exp2(0.0 if a == y else a - y), total * np.exp2(0.0 if b == y else b - y)


# --- roots ------------------------------------------------------------------------------------


@scalar_rule(
    math.sqrt,
    np.sqrt,
    cmath.sqrt,
    domain=POSITIVE,
    steep=True,
    kinks=(Kink((0.0,), (math.inf,)),),
    columns=BOTH,
)
def sqrt(x, *, y):
    """d √x = dx / 2√x."""
    return 0.5 / y


@scalar_rule(math.cbrt, np.cbrt, domain=NONZERO, steep=True, kinks=(Kink((0.0,), (math.inf,)),))
def cbrt(x, *, y):
    """d ∛x = dx / 3∛x²."""
    return 1 / (3 * y * y)


@scalar_rule(math.hypot, np.hypot, domain=(REAL, REAL), kinks=(Kink((0.0, 0.0), (0.0, 0.0)),))
def hypot(a, b, *, y):
    """d √(a² + b²) = (a da + b db)/√(a² + b²); 0 at the origin, the subgradient of least norm."""
    return (a / y if y != 0 else a), (b / y if y != 0 else b)


# --- trigonometric ----------------------------------------------------------------------------


@scalar_rule(math.sin, np.sin, cmath.sin, domain=REAL, columns=BOTH)
def sin(x):
    """d sin x = cos x dx."""
    return np.cos(x)


@scalar_rule(math.cos, np.cos, cmath.cos, domain=REAL, columns=BOTH)
def cos(x):
    """d cos x = -sin x dx."""
    return -np.sin(x)


@scalar_rule(math.tan, np.tan, cmath.tan, domain=Interval(-1.4, 1.4), singular=True, columns=BOTH)
def tan(x, *, y):
    """d tan x = (1 + tan²x) dx."""
    return 1 + y * y


@scalar_rule(
    math.asin,
    np.arcsin,
    cmath.asin,
    domain=UNIT,
    steep=True,
    kinks=(Kink((1.0,), (math.inf,)), Kink((-1.0,), (math.inf,))),
    columns=BOTH,
)
def arcsin(x):
    """d asin x = dx/√(1 - x²)."""
    return 1 / (np.sqrt(1 - x) * np.sqrt(1 + x))


@scalar_rule(
    math.acos,
    np.arccos,
    cmath.acos,
    domain=UNIT,
    steep=True,
    kinks=(Kink((1.0,), (-math.inf,)), Kink((-1.0,), (-math.inf,))),
    columns=BOTH,
)
def arccos(x):
    """d acos x = -dx/√(1 - x²)."""
    return -1 / (np.sqrt(1 - x) * np.sqrt(1 + x))


@scalar_rule(math.atan, np.arctan, cmath.atan, domain=REAL, columns=BOTH)
def arctan(x):
    """d atan x = dx/(1 + x²)."""
    return 1 / (1 + x * x)


@scalar_rule(math.atan2, np.arctan2, domain=(NONZERO, NONZERO), singular=True)
def arctan2(a, b):
    """d atan2(a, b) = (b da - a db)/(a² + b²)."""
    r2 = a * a + b * b
    return b / r2, -a / r2


@scalar_rule(np.sinc, domain=REAL, kinks=(Kink((0.0,), (0.0,)),))
def sinc(x, *, y):
    """sin(πx)/(πx); by its series near 0, where the difference of cosine and sinc cancels."""
    u = math.pi * x
    t = u * u
    tail = 1 / 45360 - t * (1 / 3991680 - t * (1 / 518918400 - t / 93405312000))
    series = -math.pi * u * (1 / 3 - t * (1 / 30 - t * (1 / 840 - t * tail)))
    return (math.cos(u) - y) / x if t > 1 else series


# --- hyperbolic -------------------------------------------------------------------------------


@scalar_rule(math.sinh, np.sinh, cmath.sinh, domain=REAL, singular=True, columns=BOTH)
def sinh(x):
    """d sinh x = cosh x dx."""
    return np.cosh(x)


@scalar_rule(math.cosh, np.cosh, cmath.cosh, domain=REAL, singular=True, columns=BOTH)
def cosh(x):
    """d cosh x = sinh x dx."""
    return np.sinh(x)


@scalar_rule(math.tanh, np.tanh, cmath.tanh, domain=REAL, columns=BOTH)
def tanh(x, *, y):
    """d tanh x = (1 - tanh²x) dx."""
    return 1 - y * y


@scalar_rule(math.asinh, np.arcsinh, cmath.asinh, domain=REAL, columns=BOTH)
def arcsinh(x):
    """d asinh x = dx/√(1 + x²)."""
    return 1 / np.sqrt(1 + x * x)


@scalar_rule(
    math.acosh,
    np.arccosh,
    cmath.acosh,
    domain=Interval(1.1, 5.0),
    steep=True,
    kinks=(Kink((1.0,), (math.inf,)),),
    columns=BOTH,
)
def arccosh(x):
    """d acosh x = dx/(√(x - 1) √(x + 1))."""
    return 1 / (np.sqrt(x - 1) * np.sqrt(x + 1))


@scalar_rule(math.atanh, np.arctanh, cmath.atanh, domain=UNIT, singular=True, columns=BOTH)
def arctanh(x):
    """d atanh x = dx/(1 - x²)."""
    return 1 / ((1 - x) * (1 + x))


# --- gamma and error functions ----------------------------------------------------------------


@scalar_rule(math.erf, domain=REAL)
def erf(x):
    """d erf x = 2/√π exp(-x²) dx (DLMF 7.2.1)."""
    return 1.1283791670955126 * math.exp(-x * x)


@scalar_rule(math.erfc, domain=REAL)
def erfc(x):
    """d erfc x = -2/√π exp(-x²) dx (DLMF 7.2.2)."""
    return -1.1283791670955126 * math.exp(-x * x)


@scalar_rule(math.gamma, domain=Interval(0.2, 6.0), singular=True)
def gamma(x, *, y):
    """d Γ(x) = Γ(x) ψ(x) dx (DLMF 5.2.2)."""
    return y * digamma(x)


@scalar_rule(math.lgamma, domain=Interval(0.2, 6.0), singular=True)
def lgamma(x):
    """d ln Γ(x) = ψ(x) dx (DLMF 5.2.2)."""
    return digamma(x)


# --- sizes and signs --------------------------------------------------------------------------


@scalar_rule(
    abs,
    operator.abs,
    math.fabs,
    np.absolute,
    np.fabs,
    domain=NONZERO,
    kinks=(Kink((0.0,), (0.0,)),),
)
def absolute(x):
    """d |x| = sign(x) dx; 0 at 0, and at NaN, so that one that is not used has no effect."""
    return sign(x)


@scalar_rule(math.copysign, np.copysign, domain=(NONZERO, NONZERO))
def copysign(a, b):
    """|a| with the sign of b: the slope in a is the product of the signs."""
    return math.copysign(1.0, a) * math.copysign(1.0, b), None


@scalar_rule(
    max,
    domain=(REAL, REAL),
    kinks=(
        Kink((1.0, 1.0), (1.0, 0.0)),
        Kink((1.0, math.nan), (1.0, 0.0)),
        Kink((math.nan, 1.0), (1.0, 0.0)),
    ),
)
def larger(a, b):
    """The slope of the argument that Python returns: the first, unless the second is larger."""
    return (0.0 if b > a else 1.0), (1.0 if b > a else 0.0)


@scalar_rule(
    min,
    domain=(REAL, REAL),
    kinks=(
        Kink((1.0, 1.0), (1.0, 0.0)),
        Kink((1.0, math.nan), (1.0, 0.0)),
        Kink((math.nan, 1.0), (1.0, 0.0)),
    ),
)
def smaller(a, b):
    """The slope of the argument that Python returns: the first, unless the second is smaller."""
    return (0.0 if b < a else 1.0), (1.0 if b < a else 0.0)


@scalar_rule(
    np.maximum,
    domain=(REAL, REAL),
    kinks=(
        Kink((1.0, 1.0), (1.0, 0.0)),
        Kink((1.0, math.nan), (0.0, 1.0)),
        Kink((math.nan, 1.0), (1.0, 0.0)),
    ),
)
def maximum(a, b):
    """The slope of the argument that wins: the first at ties; a NaN wins."""
    return (0.0 if b > a or np.isnan(b) else 1.0), (1.0 if b > a or np.isnan(b) else 0.0)


@scalar_rule(
    np.minimum,
    domain=(REAL, REAL),
    kinks=(
        Kink((1.0, 1.0), (1.0, 0.0)),
        Kink((1.0, math.nan), (0.0, 1.0)),
        Kink((math.nan, 1.0), (1.0, 0.0)),
    ),
)
def minimum(a, b):
    """The slope of the argument that wins: the first at ties; a NaN wins."""
    return (0.0 if b < a or np.isnan(b) else 1.0), (1.0 if b < a or np.isnan(b) else 0.0)


@scalar_rule(
    np.fmax,
    domain=(REAL, REAL),
    kinks=(Kink((1.0, 1.0), (1.0, 0.0)), Kink((1.0, math.nan), (1.0, 0.0))),
)
def fmax(a, b):
    """As ``maximum``, passing over a NaN."""
    return (1.0 if a >= b or np.isnan(b) else 0.0), (0.0 if a >= b or np.isnan(b) else 1.0)


@scalar_rule(
    np.fmin,
    domain=(REAL, REAL),
    kinks=(Kink((1.0, 1.0), (1.0, 0.0)), Kink((1.0, math.nan), (1.0, 0.0))),
)
def fmin(a, b):
    """As ``minimum``, passing over a NaN."""
    return (1.0 if a <= b or np.isnan(b) else 0.0), (0.0 if a <= b or np.isnan(b) else 1.0)


@scalar_rule(
    np.heaviside,
    domain=(NONZERO, REAL),
    kinks=(Kink((0.0, 0.5), (0.0, 1.0)),),
)
def heaviside(x, h):
    """A step at 0, where the value is ``h``."""
    return 0, (1.0 if x == 0 else 0.0)


# --- linear -----------------------------------------------------------------------------------


@scalar_rule(float, np.float64, np.float32, domain=REAL)
def to_float(x):
    """The identity."""
    return 1


@scalar_rule(math.degrees, np.degrees, np.rad2deg, domain=REAL)
def degrees(x):
    """180/π per radian."""
    return 57.29577951308232


@scalar_rule(math.radians, np.radians, np.deg2rad, domain=REAL)
def radians(x):
    """π/180 per degree."""
    return 0.017453292519943295


@scalar_rule(math.ldexp, np.ldexp, domain=(REAL, Integers(-3, 3)), keeps_integers=True)
def ldexp(x, n):
    """x 2ⁿ."""
    return math.ldexp(1.0, n), None


@scalar_rule(math.nextafter, np.nextafter, domain=(REAL, REAL))
def nextafter(a, b):
    """The neighbour of ``a`` towards ``b`` moves with ``a``."""
    return 1, None
