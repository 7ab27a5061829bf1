"""Random orders and samples of arrays: the value of the same seed, differences at that seed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import pytest

import numbad

WEIGHTS = np.array([0.7, -1.3, 2.1, 0.4])
POINT = np.array([0.5, 1.25, -0.75, 2.0])


def permuted(a):
    np.random.seed(1)  # noqa: NPY002 - Numba's generators are the legacy ones
    return np.sum(np.random.permutation(a) * WEIGHTS * a)  # noqa: NPY002


def shuffled(a):
    np.random.seed(2)  # noqa: NPY002
    b = a.copy()
    np.random.shuffle(b)  # noqa: NPY002
    return np.sum(b * WEIGHTS)


def shuffled_rows(a):
    np.random.seed(3)  # noqa: NPY002
    b = np.outer(a, a)
    np.random.shuffle(b)  # noqa: NPY002
    return np.sum(b * np.outer(WEIGHTS, WEIGHTS**2))


def sampled(a):
    np.random.seed(4)  # noqa: NPY002
    table = np.random.choice(a, (2, 3))  # noqa: NPY002
    return np.sum(table * table) + np.random.choice(a) ** 3  # noqa: NPY002


def sampled_once(a):
    np.random.seed(5)  # noqa: NPY002
    return np.sum(np.random.choice(a, 3, replace=False) * WEIGHTS[:3])  # noqa: NPY002


def places(a):
    np.random.seed(6)  # noqa: NPY002
    order = np.random.permutation(4)  # noqa: NPY002
    few = np.random.choice(4, 2)  # noqa: NPY002
    return np.sum(a[order] * WEIGHTS) + np.prod(a[few])


def bootstrapped(a):
    np.random.seed(7)  # noqa: NPY002
    total = 0.0
    for _ in range(5):
        total += np.mean(np.random.choice(a, a.size)) ** 2  # noqa: NPY002
    return total


PROGRAMS = [permuted, shuffled, shuffled_rows, sampled, sampled_once, places, bootstrapped]


@pytest.mark.parametrize("f", PROGRAMS)
def test_items_move_with_their_values(f: Callable[..., Any]) -> None:
    value, (found,) = numbad.withgradient(f, POINT, engine="compiled")
    assert value == pytest.approx(numba.njit(f)(POINT), rel=1e-14)
    steps = 1e-6 * np.eye(4)
    expected = [(f(POINT + step) - f(POINT - step)) / 2e-6 for step in steps]
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)
    direction = np.array([0.3, -0.8, 0.5, 1.1])
    _, slope = numbad.jvp(f, (POINT,), (direction,), engine="compiled")
    assert slope == pytest.approx(float(direction @ found), rel=1e-12)


def test_too_large_a_sample_is_an_error() -> None:
    def sample(a):
        return np.sum(np.random.choice(a, 9, replace=False))  # noqa: NPY002

    with pytest.raises(ValueError, match="larger sample"):
        numbad.gradient(sample, POINT, engine="compiled")
