"""Digamma and its derivatives against mpmath, in Python and compiled."""

from __future__ import annotations

import math
import random
from typing import Any

import mpmath
import numba
import pytest

from numbad.kernels.special import digamma, polygamma, trigamma


def worst_error(function: Any, reference: Any, low: float, high: float) -> float:
    """Return the largest relative error at random points."""
    source = random.Random(7)
    with mpmath.workdps(40):
        return max(
            float(abs(function(x) / reference(mpmath.mpf(x)) - 1))
            for x in (source.uniform(low, high) for _ in range(300))
        )


@pytest.mark.parametrize(
    ("low", "high", "tolerance"),
    [(-8, 30, 1e-13), (1.2, 1.8, 5e-14), (1e-6, 1e-2, 1e-15), (1e3, 1e9, 1e-15), (-2e4, 0, 1e-10)],
)
def test_digamma(low: float, high: float, tolerance: float) -> None:
    assert worst_error(digamma, mpmath.digamma, low, high) < tolerance


def test_digamma_beside_its_zero() -> None:
    x = 1.4616321449683622
    with mpmath.workdps(40):
        wanted = float(mpmath.digamma(mpmath.mpf(x)))
    assert math.isclose(digamma(x), wanted, rel_tol=1e-15)


@pytest.mark.parametrize(("low", "high"), [(-8, 30), (1e-6, 1e-2), (1e3, 1e9)])
def test_trigamma(low: float, high: float) -> None:
    assert worst_error(trigamma, lambda x: mpmath.polygamma(1, x), low, high) < 1e-14


@pytest.mark.parametrize("n", [2, 3, 4, 9])
def test_polygamma(n: int) -> None:
    error = worst_error(lambda x: polygamma(n, x), lambda x: mpmath.polygamma(n, x), 0.1, 40)
    assert error < 1e-14


def test_polygamma_of_negative_arguments() -> None:
    assert worst_error(lambda x: polygamma(2, x), lambda x: mpmath.polygamma(2, x), -8, 0) < 1e-13


@pytest.mark.parametrize("pole", [0.0, -1.0, -7.0])
def test_poles(pole: float) -> None:
    assert math.isnan(digamma(pole))
    assert trigamma(pole) == math.inf
    assert math.isnan(polygamma(2, pole))


def test_orders_and_arguments_out_of_reach() -> None:
    assert math.isnan(polygamma(0, 1.0))
    assert math.isnan(polygamma(1, -1.0e6 - 0.5))


def test_compiled() -> None:
    @numba.njit
    def together(x):
        return digamma(x), trigamma(x), polygamma(3, x)

    for x in (0.3, 1.45, 12.5, -2.5):
        wanted = (digamma(x), trigamma(x), polygamma(3, x))
        assert together(x) == pytest.approx(wanted, rel=1e-14)
