"""Functions that ``guvectorize`` made: called with and without the arrays that they write."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numba import guvectorize, njit

import numbad
from numbad.errors import DifferentiationError


@guvectorize(
    ["(float32[:], float32, float32[:])", "(float64[:], float64, float64[:])"], "(n),()->(n)"
)
def smoothed(a, weight, out):
    out[0] = a[0]
    for i in range(1, len(a)):
        out[i] = weight * a[i] + (1 - weight) * out[i - 1] * a[i]


@guvectorize(["(float64[:], float64[:])"], "(n)->()")
def sum_of_squares(a, out):
    out[0] = 0.0
    for value in a:
        out[0] += value * value


@guvectorize(["(float64[:, :], float64[:], float64[:])"], "(m,n),(n)->(m)")
def product(matrix, x, out):
    for i in range(matrix.shape[0]):
        out[i] = np.sum(matrix[i] * x)


@guvectorize(["(float64[:], float64[:], float64[:])"], "(n)->(),()")
def moments(a, mean, deviation):
    mean[0] = np.mean(a)
    deviation[0] = np.std(a)


@guvectorize(["(float64[:], int64, float64[:])"], "(n),()->(n)")
def moving_sum(a, window, out):
    total = 0.0
    for i in range(len(a)):
        total += a[i]
        if i >= window:
            total -= a[i - window]
        out[i] = total * total


@guvectorize("(n),()->(n)")
def scaled(a, factor, out):
    for i in range(a.shape[0]):
        out[i] = a[i] ** 2 * factor


@njit
def writing(a, weight):
    first, second = np.empty_like(a), np.empty_like(a)
    smoothed(a, weight, first)
    scaled(first, weight, second)
    return first * second


def random(*shape: int) -> Any:
    return np.random.default_rng(len(shape)).uniform(0.5, 1.5, shape)


CASES = {
    "one": (lambda a, w: smoothed(a, w), (random(4), 0.3)),
    "rows": (lambda a, w: smoothed(a, w), (random(3, 4), 0.3)),
    "a number for each row": (lambda a, w: smoothed(a, w), (random(2, 3, 4), random(2, 3))),
    "stretched": (lambda a, w: smoothed(a, w), (random(2, 1, 4), random(1, 3))),
    "number": (lambda a: sum_of_squares(a), (random(4),)),
    "numbers": (lambda a: sum_of_squares(a, axis=-1), (random(2, 3, 4),)),
    "matrix": (lambda m, x: product(m, x), (random(3, 4), random(4))),
    "matrices": (lambda m, x: product(m, x), (random(2, 3, 4), random(2, 4))),
    "matrix, vectors": (lambda m, x: product(m, x), (random(3, 4), random(5, 4))),
    "two results": (lambda a: moments(a)[0] * moments(a)[1], (random(3, 4),)),
    "integer": (lambda a: moving_sum(a, 2), (random(2, 5),)),
    "arrays to write": (writing, (random(4), 0.3)),
    "itself": (smoothed, (random(3, 4), 0.3)),
}


@pytest.mark.parametrize("case", CASES)
def test_derivatives(case: str) -> None:
    f: Callable[..., Any]
    f, args = CASES[case]
    y, back = numbad.pullback(f, *args, engine="compiled")
    expected = f(*args)
    assert np.shape(y) == np.shape(expected)
    np.testing.assert_allclose(y, expected, rtol=1e-13)
    generator = np.random.default_rng(8)
    weights = generator.uniform(0.5, 1.5, np.shape(y))
    found = back(weights if np.ndim(y) else float(weights))
    directions = tuple(generator.normal(size=np.shape(x)) for x in args)
    above = f(*(x + 1e-6 * d for x, d in zip(args, directions, strict=True)))
    below = f(*(x - 1e-6 * d for x, d in zip(args, directions, strict=True)))
    slope = sum(np.sum(g * d) for g, d in zip(found, directions, strict=True))
    assert slope == pytest.approx(np.sum(weights * (above - below)) / 2e-6, rel=1e-6)
    y_dot = numbad.jvp(f, args, directions, engine="compiled")[1]
    assert np.sum(weights * y_dot) == pytest.approx(slope, rel=1e-11)


def test_single_precision_takes_its_own_loop() -> None:
    a = random(4).astype(np.float32)
    y, back = numbad.pullback(lambda a: smoothed(a, np.float32(0.3)), a, engine="compiled")
    assert y.dtype == np.float32
    assert back(np.ones(4, np.float32))[0].dtype == np.float32


def test_lengths_that_do_not_fit_are_an_error() -> None:
    with pytest.raises(ValueError, match="different lengths"):
        numbad.gradient(
            lambda a, w: np.sum(smoothed(a, w)), random(2, 4), random(3), engine="compiled"
        )


def test_arguments_without_a_loop_are_refused() -> None:
    @guvectorize("(n)->(n)")
    def untyped(a, out):
        out[:] = a * a

    with pytest.raises(DifferentiationError, match="no loop for the types"):
        numbad.gradient(lambda a: np.sum(untyped(a)), random(4), engine="compiled")
    complex_ones = np.ones(4, np.complex128)
    with pytest.raises(DifferentiationError, match="no loop for the types"):
        numbad.gradient(lambda a: abs(smoothed(a, 2.0)[0]), complex_ones, engine="compiled")
    with pytest.raises(DifferentiationError, match="needs 2 axes"):
        numbad.gradient(lambda a: np.sum(product(a, a)), random(4), engine="compiled")
