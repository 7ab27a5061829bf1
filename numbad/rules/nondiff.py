"""Functions with zero derivative: rounding, classification, conversion to integers.

Also the functions of the same modules that are refused.
"""

from __future__ import annotations

import cmath
import math

import numpy as np

from numbad.kernels.arithmetic import sign
from numbad.kernels.searching import search_left, search_right, stable_order
from numbad.kernels.special import exponent_of
from numbad.rules.declare import missing, zero_derivative

zero_derivative(
    math.floor,
    math.ceil,
    math.trunc,
    round,
    np.floor,
    np.ceil,
    np.trunc,
    np.rint,
    np.round,
    np.around,
    np.sign,
    sign,
    np.spacing,
    math.ulp,
    note="constant between jumps; 0 at the jumps",
)
zero_derivative(
    int,
    bool,
    np.bool_,
    np.int8,
    np.int16,
    np.int32,
    np.int64,
    np.uint8,
    np.uint16,
    np.uint32,
    np.uint64,
    note="conversion to an integer or truth value",
)
zero_derivative(
    math.isnan,
    math.isinf,
    math.isfinite,
    math.isclose,
    cmath.isnan,
    cmath.isinf,
    cmath.isfinite,
    cmath.isclose,
    np.isnan,
    np.isinf,
    np.isfinite,
    np.isnat,
    np.signbit,
    note="a truth value",
)
zero_derivative(math.factorial, math.comb, math.perm, math.isqrt, note="of integers")
zero_derivative(
    np.argsort,
    np.nonzero,
    np.flatnonzero,
    np.searchsorted,
    search_left,
    search_right,
    stable_order,
    note="places of elements",
)
zero_derivative(len, hash, ord, chr, id, note="not a real number")

zero_derivative(exponent_of, note="an integer")
missing(
    np.frexp,
    np.modf,
    reason="two results, of which one jumps",
    remedy="use `x - math.trunc(x)` or `math.ldexp`",
)
