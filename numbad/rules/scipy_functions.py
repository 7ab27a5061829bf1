"""The special functions of SciPy that compiled code calls by their addresses."""

from __future__ import annotations

import math

from numbad.kernels.scipy_functions import (
    erfcx,
    gammainc,
    gammainc_by_order,
    gammaincc,
    gammaincinv,
    log_ndtr,
    ndtri,
    owens_t,
    stdtr,
    stdtr_by_degrees,
    stdtrit,
    xlog1py,
    xlogy,
)
from numbad.rules.declare import missing, scalar_rule
from numbad.rules.domains import Interval

_ORDER = Interval(0.5, 6.0)
_POSITIVE = Interval(0.2, 6.0)
_SYMMETRIC = Interval(-3.0, 3.0)
_PROBABILITY = Interval(0.05, 0.95)


@scalar_rule(ndtri, domain=_PROBABILITY, singular=True)
def ndtri_rule(x, *, y):
    """The inverse of the density at the quantile."""
    return 2.5066282746310002 * math.exp(0.5 * y * y)


@scalar_rule(erfcx, domain=_SYMMETRIC)
def erfcx_rule(x, *, y):
    """2 x erfcx(x) - 2 / sqrt(pi)."""
    return 2.0 * x * y - 1.1283791670955126


@scalar_rule(log_ndtr, domain=_SYMMETRIC)
def log_ndtr_rule(x, *, y):
    """Density over distribution function."""
    return 0.3989422804014327 * math.exp(-0.5 * x * x - y)


@scalar_rule(gammainc, domain=(_ORDER, _POSITIVE), singular=True)
def gammainc_rule(a, x):
    """The density of the gamma distribution; the series with respect to the order."""
    return gammainc_by_order(a, x), math.exp((a - 1.0) * math.log(x) - x - math.lgamma(a))


@scalar_rule(gammaincc, domain=(_ORDER, _POSITIVE), singular=True)
def gammaincc_rule(a, x):
    """Those of ``1 - gammainc``."""
    return -gammainc_by_order(a, x), -math.exp((a - 1.0) * math.log(x) - x - math.lgamma(a))


@scalar_rule(gammaincinv, domain=(_ORDER, _PROBABILITY), singular=True)
def gammaincinv_rule(a, p, *, y):
    """By the implicit function theorem."""
    density = math.exp((a - 1.0) * math.log(y) - y - math.lgamma(a))
    return -gammainc_by_order(a, y) / density, 1.0 / density


@scalar_rule(stdtr, domain=(_ORDER, _SYMMETRIC))
def stdtr_rule(df, t):
    """The density of Student's t; an integral with respect to the degrees of freedom."""
    half = 0.5 * (df + 1.0)
    scale = math.lgamma(half) - math.lgamma(0.5 * df) - 0.5 * math.log(math.pi * df)
    return stdtr_by_degrees(df, t), math.exp(scale - half * math.log1p(t * t / df))


@scalar_rule(stdtrit, domain=(_ORDER, _PROBABILITY), singular=True)
def stdtrit_rule(df, p, *, y):
    """By the implicit function theorem."""
    half = 0.5 * (df + 1.0)
    scale = math.lgamma(half) - math.lgamma(0.5 * df) - 0.5 * math.log(math.pi * df)
    density = math.exp(scale - half * math.log1p(y * y / df))
    return -stdtr_by_degrees(df, y) / density, 1.0 / density


@scalar_rule(xlogy, domain=(_SYMMETRIC, _POSITIVE), singular=True)
def xlogy_rule(x, t):
    """``log(t)`` and ``x / t``."""
    return math.log(t), x / t


@scalar_rule(xlog1py, domain=(_SYMMETRIC, _POSITIVE), singular=True)
def xlog1py_rule(x, t):
    """``log1p(t)`` and ``x / (1 + t)``."""
    return math.log1p(t), x / (1.0 + t)


@scalar_rule(owens_t, domain=(_SYMMETRIC, _SYMMETRIC))
def owens_t_rule(h, a):
    """The derivatives of its integral."""
    by_h = -0.19947114020071635 * math.exp(-0.5 * h * h) * math.erf(0.7071067811865476 * a * h)
    square = 1.0 + a * a
    return by_h, 0.15915494309189535 * math.exp(-0.5 * h * h * square) / square


missing(
    gammainc_by_order,
    stdtr_by_degrees,
    reason="The second derivative with respect to the order is not implemented.",
    remedy="Hold the order constant with `wrt`.",
)
