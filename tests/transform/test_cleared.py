"""Elements whose cotangent is cleared and added to again."""

from __future__ import annotations

import numpy as np
import pytest

import numbad


def added_to(x, y):
    a = np.zeros(x.size)
    for k in range(3):
        for i in range(x.size):
            a[i] += y[k] * x[i]
    return np.sum(a * a)


def scaled(x, y):
    a = x.copy()
    for k in range(3):
        for i in range(x.size):
            a[i] = a[i] * y[k] + y[i] * a[i]
    return np.sum(a)


def from_a_neighbour(x, y):
    a = x.copy()
    for i in range(1, x.size):
        a[i] = a[i - 1] * y[i] + a[i]
    return np.sum(a * y)


def same_place_by_chance(x, y):
    a = x.copy()
    place = np.array([0, 2, 2, 1])
    for i in range(x.size):
        a[place[i]] = a[i] * y[i] + a[place[i]] * 0.5
    return np.sum(a * a)


def through_views(x, y):
    a = x.copy()
    low, high = a[:-1], a[1:]
    for i in range(x.size - 1):
        low[i] = low[i] * y[i] + high[i]
        high[i] = low[i] * high[i]
    return np.sum(a * y)


def under_a_condition(x, y):
    a = x.copy()
    for i in range(x.size):
        b = a[i]
        if y[i] > 0.7:
            a[i] = b * y[i]
        a[i] = a[i] + b
    return np.sum(a * a)


PROGRAMS = [
    added_to,
    scaled,
    from_a_neighbour,
    same_place_by_chance,
    through_views,
    under_a_condition,
]


@pytest.mark.parametrize("f", PROGRAMS)
def test_derivatives(f, rng: np.random.Generator) -> None:
    numbad.check_grads(f, (rng.uniform(0.4, 1.2, 4), rng.uniform(0.4, 1.2, 4)))


def test_nothing_is_cleared_where_something_is_added() -> None:
    text = numbad.code_adjoint(added_to, np.ones(4), np.ones(4))
    assert "a_bar[j] = 0.0" not in text
    assert "a_bar[j] += " not in text


def test_scaled_elements_are_stored() -> None:
    text = numbad.code_adjoint(scaled, np.ones(4), np.ones(4))
    assert "] = 0.0" not in text
