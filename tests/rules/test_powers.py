"""Powers: constant exponents and bases, and the conventions at zero and for negative bases."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np
import pytest

from numbad.rules import registry
from numbad.rules.forms import ScalarRule
from tests.rules import checks

POWER = registry.lookup(operator.pow)
COMPLEX_POWER = registry.lookup(operator.pow, is_complex=True)
assert isinstance(POWER, ScalarRule)
assert isinstance(COMPLEX_POWER, ScalarRule)


def slopes(x: Any, p: Any, constants: tuple[Any, Any] = (None, None)) -> tuple[Any, ...]:
    """Return the partials of x**p, with the given operands constant."""
    x = np.float64(x) if isinstance(x, float) else x
    rule = POWER.specialise(constants)
    with np.errstate(all="ignore"):
        return checks.run_body(rule, (x, p), np.float64(x) ** p)


@pytest.mark.parametrize("p", [0, 1, 2, 3, 4, 7, -1, -2, 0.0, 1.0, 2.0, 3.0, 4.0, 0.5, 1.5, -0.5])
@pytest.mark.parametrize("x", [0.7, 2.5])
def test_constant_exponent(x: float, p: float) -> None:
    (x_slope, p_slope) = slopes(x, p, (None, p))
    assert x_slope == pytest.approx(p * x ** (p - 1), rel=1e-15)
    assert p_slope is None


@pytest.mark.parametrize("p", [2, 3, 4, 5.0, 3.0, -1, -3.0])
def test_negative_base(p: float) -> None:
    assert slopes(-2.0, p, (None, p))[0] == p * (-2.0) ** (p - 1)
    assert slopes(-2.0, p)[0] == p * (-2.0) ** (p - 1)


@pytest.mark.parametrize(
    ("p", "slope"),
    [(0, 0), (1, 1), (2, 0), (3, 0), (4, 0), (4.0, 0), (1.5, 0), (0.5, math.inf), (0.3, math.inf)],
)
def test_base_zero(p: float, slope: float) -> None:
    assert slopes(0.0, p, (None, p))[0] == slope
    assert slopes(0.0, p) == (slope, 0)


@pytest.mark.parametrize("p", [-1, -0.5, -2.0])
def test_pole(p: float) -> None:
    assert slopes(0.0, p, (None, p))[0] == -math.inf


def test_constant_base() -> None:
    assert slopes(2.0, 3.0, (2.0, None)) == (None, 8 * math.log(2))
    assert slopes(-2.0, 3.0, (-2.0, None))[1] == 0


def test_both_constant() -> None:
    assert slopes(2.0, 3, (2.0, 3))[0] == 12


def test_overflow_of_the_power_alone() -> None:
    assert slopes(1e-200, 1.5, (None, 1.5))[0] == pytest.approx(1.5e-100)


@pytest.mark.parametrize("p", [0, 1, 2, 3, 4, 1.5, 0.5, -1, -2.5])
def test_complex_base(p: float) -> None:
    z = 0.3 - 0.8j
    rule = COMPLEX_POWER.specialise((None, p))
    assert rule.body is not COMPLEX_POWER.body
    x_slope = checks.run_body(rule, (z, p), z**p)[0]
    assert x_slope == pytest.approx(p * z ** (p - 1), rel=1e-14)


def test_complex_base_zero() -> None:
    assert checks.run_body(COMPLEX_POWER, (0j, 2.0), 0j) == (0, 0)
    assert checks.run_body(COMPLEX_POWER, (0j, 0), 1 + 0j) == (0, 0)
