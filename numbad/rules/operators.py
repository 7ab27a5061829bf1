"""Operators and their ufuncs: arithmetic, powers, comparison, logic.

Python's spellings, the in-place ones and NumPy's are aliases of one rule.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from numbad.kernels.arithmetic import divide
from numbad.rules.declare import BOTH, COMPLEX_ONLY, missing, scalar_rule, variant, zero_derivative
from numbad.rules.domains import NONZERO, POSITIVE, REAL, Kink
from numbad.rules.forms import Constants


@scalar_rule(operator.add, operator.iadd, np.add, domain=(REAL, REAL), columns=BOTH)
def add(a, b):
    """d(a + b) = da + db."""
    return 1, 1


@scalar_rule(operator.sub, operator.isub, np.subtract, domain=(REAL, REAL), columns=BOTH)
def sub(a, b):
    """d(a - b) = da - db."""
    return 1, -1


@scalar_rule(operator.mul, operator.imul, np.multiply, domain=(REAL, REAL), columns=BOTH)
def mul(a, b):
    """d(ab) = b da + a db."""
    return b, a


@scalar_rule(
    operator.truediv,
    operator.itruediv,
    np.divide,
    divide,
    domain=(REAL, NONZERO),
    singular=True,
    columns=BOTH,
)
def truediv(a, b, *, y):
    """d(a/b) = da/b - (a/b) db/b."""
    r = 1 / b
    return r, -y * r


def _numerator_is_one(constants: Constants) -> bool:
    return isinstance(constants[0], int | float) and constants[0] == 1


@variant(truediv, _numerator_is_one, singular=True)
def reciprocal_of(a, b, *, y):
    """d(1/b) = -(1/b)² db: nothing is divided again."""
    return None, -(y * y)


@scalar_rule(operator.neg, np.negative, domain=REAL, columns=BOTH)
def neg(x):
    """d(-x) = -dx."""
    return -1


@scalar_rule(operator.pos, np.positive, domain=REAL, columns=BOTH)
def pos(x):
    """The identity."""
    return 1


@scalar_rule(np.square, domain=REAL, columns=BOTH)
def square(x):
    """d x² = 2x dx."""
    return x + x


@scalar_rule(np.reciprocal, domain=NONZERO, singular=True, columns=BOTH)
def reciprocal(x, *, y):
    """d(1/x) = -dx/x²."""
    return -y * y


@scalar_rule(
    operator.mod,
    operator.imod,
    np.remainder,
    domain=(REAL, NONZERO),
)
def mod(a, b, *, y):
    """a mod b = a - b ⌊a/b⌋; the quotient, found from the result, is exact after rounding."""
    return 1, np.rint((y - a) / b)


@scalar_rule(np.fmod, math.fmod, math.remainder, domain=(REAL, NONZERO))
def fmod(a, b, *, y):
    """As ``mod``, with the quotient truncated (``fmod``) or rounded (``remainder``)."""
    return 1, np.rint((y - a) / b)


# --- powers -----------------------------------------------------------------------------------
# The partial in the base is x^p p/x: the power itself is not evaluated again, except at x = 0.
# The partial in the exponent is y ln x where x > 0. Elsewhere the function exists, if at all, on
# isolated exponents, and the convention is 0.

_POWER_KINKS = (
    Kink((0.0, 0.0), (0.0, 0.0)),
    Kink((0.0, 1.0), (1.0, 0.0)),
    Kink((0.0, 1.5), (0.0, 0.0)),
    Kink((0.0, 2.0), (0.0, 0.0)),
    Kink((0.0, 0.5), (math.inf, 0.0)),
    Kink((-2.0, 3.0), (12.0, 0.0)),
)


@scalar_rule(
    operator.pow,
    operator.ipow,
    math.pow,
    np.power,
    np.float_power,
    domain=(POSITIVE, REAL),
    steep=True,
    keeps_integers=True,
    kinks=_POWER_KINKS,
)
def power(x, p, *, y):
    """d x^p = p x^(p-1) dx + x^p ln(x) dp."""
    x_slope = p * (y / x) if x != 0 else (p * x ** (p - 1) if p != 0 else 0.0)
    logarithm = np.log(x)
    p_slope = y * logarithm if x > 0 else 0.0
    return x_slope, p_slope


@scalar_rule(
    operator.pow,
    operator.ipow,
    np.power,
    np.float_power,
    domain=(POSITIVE, REAL),
    steep=True,
    keeps_integers=True,
    columns=COMPLEX_ONLY,
)
def complex_power(x, p, *, y):
    """The same on the principal branch, 0 in the exponent at x = 0."""
    x_slope = p * (y / x) if x != 0 else (p * x ** (p - 1) if p != 0 else 0.0)
    p_slope = y * np.log(x) if x != 0 else 0.0
    return x_slope, p_slope


def _exponent(constants: Constants) -> Any:
    """Return the exponent if it is a constant real number, else None."""
    exponent = constants[1]
    return exponent if isinstance(exponent, int | float) else None


def _exponent_is(value: float) -> Any:
    return lambda constants: _exponent(constants) == value


def _is_whole(constants: Constants) -> bool:
    exponent = _exponent(constants)
    return isinstance(exponent, int) and exponent > 0


def _is_above_one(constants: Constants) -> bool:
    exponent = _exponent(constants)
    return exponent is not None and exponent > 1


def _is_a_root(constants: Constants) -> bool:
    exponent = _exponent(constants)
    return exponent is not None and 0 < exponent < 1


def _is_negative(constants: Constants) -> bool:
    exponent = _exponent(constants)
    return exponent is not None and exponent < 0


def _base_is_positive(constants: Constants) -> bool:
    base = constants[0]
    return isinstance(base, int | float) and base > 0


@variant(power, _exponent_is(0))
def power_0(x, p):
    """The constant 1."""
    return 0, None


@variant(power, _exponent_is(1))
def power_1(x, p):
    """The identity."""
    return 1, None


@variant(power, _exponent_is(2))
def power_2(x, p):
    """d x² = 2x dx."""
    return x + x, None


@variant(power, _exponent_is(3))
def power_3(x, p):
    """d x³ = 3x² dx."""
    return 3 * x * x, None


@variant(power, _exponent_is(0.5), steep=True)
def power_half(x, p, *, y):
    """d √x = dx / 2√x."""
    return 0.5 / y, None


@variant(power, _exponent_is(-1), singular=True)
def power_minus_1(x, p, *, y):
    """d(1/x) = -dx/x²."""
    return -y * y, None


@variant(power, _is_whole, singular=True)
def power_whole(x, p):
    """An integer exponent above 3: the power is a few products."""
    return p * x ** (p - 1), None


@variant(power, _is_above_one, singular=True)
def power_above_one(x, p, *, y):
    """At x = 0 the slope is 0, which is ``y``."""
    return p * (y / x) if x != 0 else y, None


@variant(power, _is_a_root, steep=True)
def power_root(x, p, *, y):
    """At x = 0 the slope is infinite."""
    return p * (y / x) if x != 0 else p / y, None


@variant(power, _is_negative, singular=True)
def power_negative(x, p, *, y):
    """At x = 0 the result is infinite, and so is the slope."""
    return p * (y / x), None


@variant(power, _base_is_positive, singular=True)
def power_of_base(x, p, *, y):
    """d a^p = a^p ln(a) dp."""
    return None, y * math.log(x)


complex_power.variants.extend(power.variants)

# --- the rest ---------------------------------------------------------------------------------

zero_derivative(
    operator.floordiv,
    operator.ifloordiv,
    np.floor_divide,
    note="constant between jumps; 0 at the jumps",
)
zero_derivative(
    operator.eq,
    operator.ne,
    operator.lt,
    operator.le,
    operator.gt,
    operator.ge,
    operator.not_,
    operator.truth,
    operator.is_,
    operator.is_not,
    operator.contains,
    np.equal,
    np.not_equal,
    np.less,
    np.less_equal,
    np.greater,
    np.greater_equal,
    np.logical_and,
    np.logical_or,
    np.logical_xor,
    np.logical_not,
    note="a truth value",
)
zero_derivative(
    operator.and_,
    operator.or_,
    operator.xor,
    operator.invert,
    operator.inv,
    operator.lshift,
    operator.rshift,
    operator.iand,
    operator.ior,
    operator.ixor,
    operator.ilshift,
    operator.irshift,
    operator.index,
    np.bitwise_and,
    np.bitwise_or,
    np.bitwise_xor,
    np.invert,
    np.left_shift,
    np.right_shift,
    np.bitwise_count,
    np.gcd,
    np.lcm,
    math.gcd,
    math.lcm,
    note="of integers",
)
missing(
    divmod,
    np.divmod,
    reason="two results",
    remedy="write `a // b` and `a % b`",
)
