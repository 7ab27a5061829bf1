"""Lengths of arrays that a loop exchanges: known before the loop exactly if they are the same."""

from __future__ import annotations

import numpy as np
import pytest

import numbad
from numbad.show import tape_bytes


def same(u, k, steps):
    new = np.zeros(u.size)
    for _ in range(steps):
        for i in range(1, u.size - 1):
            new[i] = u[i] + k * u[i + 1] * u[i - 1]
        u, new = new, u
    return np.sum(u**2)


def three(u, k, steps):
    a, b, c = u.copy(), np.zeros(u.size), np.ones(u.size)
    for _ in range(steps):
        for i in range(c.size):
            c[i] = a[i] + k * b[i] ** 2
        a, b, c = b, c, a
    return np.sum(a * b) + c[0]


def different(u, k, steps):
    new = np.zeros(u.size + 2)
    for _ in range(steps):
        for i in range(new.size):
            new[i] += k * u[min(i, u.size - 1)] ** 2
        u, new = new, u
    return np.sum(u**2) + new.size


def replaced(u, k, steps):
    new = np.zeros(u.size)
    for _ in range(steps):
        for i in range(u.size):
            new[i % new.size] += k * u[i] ** 2
        u, new = new, np.zeros(u.size + 1)
    return np.sum(u**2)


@pytest.mark.parametrize("function", [same, three, different, replaced])
@pytest.mark.parametrize("steps", [0, 1, 2, 5])
def test_gradients(function, steps, rng):
    u = 0.5 * rng.standard_normal(5)
    numbad.check_grads(lambda u, k: function(u.copy(), k, steps), (u, 0.3))


def test_tapes_are_arrays_if_the_lengths_agree():
    assert tape_bytes(same, np.ones(7), 0.1, 4) == 2 * 8 * 4 * 5
    with pytest.raises(ValueError, match="grows"):
        tape_bytes(replaced, np.ones(7), 0.1, 4)
