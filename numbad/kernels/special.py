"""Functions that ``math`` lacks and that derivatives need.

Plain Python, callable from Numba code. NIST's Digital Library of Mathematical Functions (DLMF)
has the formulas.
"""

from __future__ import annotations

import math

from numba.extending import register_jitable

# The positive zero of ψ, in two parts, and the Taylor coefficients of ψ there, last first.
_ZERO = 1.4616321449683622
_ZERO_TAIL = 9.549995429965697e-17
_TAYLOR = (
    -0.0015769367714301972,
    0.002305126326734928,
    -0.003369801655439328,
    0.004926781395729853,
    -0.007204534386356869,
    0.010538791616612175,
    -0.01542476590494896,
    0.022597648232218104,
    -0.03316112647484736,
    0.04880428816414311,
    -0.07219956125645471,
    0.10782405069126237,
    -0.16394270544240652,
    0.258499760955651,
    -0.4427631689835921,
    0.9676722454476212,
    0.0,
)

# B(2k)/(2k)!, k = 8 ... 1, of the asymptotic series.
_BERNOULLI = (
    -3.3896802963225827e-13,
    1.3382536530684679e-11,
    -5.284190138687493e-10,
    2.08767569878681e-08,
    -8.267195767195768e-07,
    3.306878306878307e-05,
    -0.001388888888888889,
    0.08333333333333333,
)

# Beyond this many steps the recurrence from negative arguments is not worth its time.
_LOWEST = -1.0e5


@register_jitable
def digamma(x: float) -> float:
    """Logarithmic derivative ψ of the gamma function; NaN at its poles 0, -1, -2 ...

    The Taylor series near the positive zero, where the other formulas cancel; reflection (DLMF
    5.5.4) for negative arguments; else the recurrence (5.5.2) up to 10 and the asymptotic series
    (5.11.2).
    """
    if x <= 0.0:
        if x == math.floor(x):
            return math.nan
        return _digamma_far(1.0 - x) - math.pi / math.tan(math.pi * (x - math.floor(x + 0.5)))
    h = (x - _ZERO) - _ZERO_TAIL
    if -0.1 < h < 0.1:
        total = 0.0
        for coefficient in _TAYLOR:
            total = total * h + coefficient
        return total
    return _digamma_far(x)


@register_jitable
def _digamma_far(x: float) -> float:
    shift = 0.0
    while x < 10.0:
        shift += 1.0 / x
        x += 1.0
    s = 1.0 / (x * x)
    series = s * (1 / 132 - s * (691 / 32760 - s * (1 / 12 - s * 3617 / 8160)))
    series = s * (1 / 12 - s * (1 / 120 - s * (1 / 252 - s * (1 / 240 - series))))
    return math.log(x) - 0.5 / x - series - shift


@register_jitable
def trigamma(x: float) -> float:
    """Derivative of ``digamma``; infinite at the poles 0, -1, -2 ...

    Reflection (DLMF 5.15.6) for negative arguments, else as ``polygamma``.
    """
    if x <= 0.0:
        if x == math.floor(x):
            return math.inf
        sine = math.sin(math.pi * (x - math.floor(x + 0.5)))
        return (math.pi / sine) ** 2 - polygamma(1, 1.0 - x)
    return polygamma(1, x)


@register_jitable
def polygamma(n: int, x: float) -> float:
    """Derivative of order n = 1, 2, 3 ... of ``digamma``; NaN at its poles and below -1e5.

    The recurrence (DLMF 5.15.5) up to 10 + n and the asymptotic series (the derivative of 5.11.2).
    """
    if n < 1 or x < _LOWEST or (x <= 0.0 and x == math.floor(x)):
        return math.nan
    factorial = math.gamma(n + 1.0)
    shift = 0.0
    while x < 10.0 + n:
        shift += factorial / x ** (n + 1)
        x += 1.0
    s = 1.0 / (x * x)
    series = 0.0
    k = len(_BERNOULLI)
    for coefficient in _BERNOULLI:
        series = series * s + coefficient * math.gamma(2.0 * k + n)
        k -= 1
    leading = factorial / n + factorial / (2.0 * x) + series * s
    size = leading / x**n + shift
    return size if n % 2 == 1 else -size


@register_jitable
def exponent_of(x: float) -> int:
    """Exponent of ``math.frexp``."""
    return math.frexp(x)[1]
