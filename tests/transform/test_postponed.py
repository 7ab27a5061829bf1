"""Clearing that is left to the iteration which overwrites the elements."""

from __future__ import annotations

import numpy as np
import pytest

import numbad


def diffusion(u0, k, steps):
    u, u_next = u0.copy(), u0.copy()
    n, m = u0.shape
    for _ in range(steps):
        for i in range(1, n - 1):
            for j in range(1, m - 1):
                flux = u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1] - 4.0 * u[i, j]
                u_next[i, j] = u[i, j] + k * flux
        u, u_next = u_next, u
    return np.sum(u**2)


def both_used(u0, k, steps):
    """Cotangents arrive in both buffers behind the loop, so none is zero at first."""
    u, u_next = u0.copy(), u0.copy()
    n, m = u0.shape
    for _ in range(steps):
        for i in range(1, n - 1):
            for j in range(1, m - 1):
                u_next[i, j] = u[i, j] + k * (u[i - 1, j] - u[i + 1, j - 1])
        u, u_next = u_next, u
    return np.sum(u**2) + np.sum(u_next**3)


def read_in_between(u0, k, steps):
    """The loop reads the states elsewhere, too."""
    u, u_next = u0.copy(), u0.copy()
    n, m = u0.shape
    total = 0.0
    for _ in range(steps):
        for i in range(1, n - 1):
            for j in range(1, m - 1):
                u_next[i, j] = u[i, j] + k * (u[i - 1, j] - u[i + 1, j - 1])
        total += u_next[1, 1] * u[0, 1]
        u, u_next = u_next, u
    return np.sum(u**2) + total


def larger(u0, k, steps):
    """More is written than read: what an iteration adds to lies within what is cleared."""
    u, u_next = u0.copy(), np.zeros(u0.shape)
    n, m = u0.shape
    for _ in range(steps):
        for i in range(n):
            for j in range(m):
                u_next[i, j] = 0.5 * u[i, j]
        for i in range(2, n - 2):
            for j in range(1, m):
                u_next[i, j] = k * (u[i - 1, j] + u[i + 1, j - 1] + u[i + 2, j])
        u, u_next = u_next, u
    return np.sum(u**2)


def three_buffers(u0, k, steps):
    old, u, u_next = u0.copy(), u0.copy(), u0.copy()
    n, m = u0.shape
    for _ in range(steps):
        for i in range(1, n - 1):
            for j in range(1, m - 1):
                flux = u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1] - 4.0 * u[i, j]
                u_next[i, j] = 2.0 * u[i, j] - old[i, j] + k * flux
        old, u, u_next = u, u_next, old
    return np.sum(u * old)


def transposed(u0, k, steps):
    """The loops run across the arrays."""
    u, u_next = u0.copy(), u0.copy()
    n, m = u0.shape
    for _ in range(steps):
        for j in range(0, m - 1):
            for i in range(2, n):
                u_next[i, j] = u[i, j] + k * (u[i - 1, j] - u[i - 2, j + 1]) * u[i, j]
        u, u_next = u_next, u
    return np.sum(u**2)


def volume(u0, k, steps):
    n, m = u0.shape
    u = np.ones((n, m, 5))
    u_next = np.ones((n, m, 5))
    for i in range(n):
        for j in range(m):
            u[i, j, 2] = u0[i, j]
            u_next[i, j, 1] = u0[i, j] ** 2
    for _ in range(steps):
        for i in range(1, n - 1):
            for j in range(1, m - 1):
                for l in range(1, 4):  # noqa: E741
                    flux = u[i - 1, j, l] + u[i, j + 1, l] + u[i, j, l - 1] - 3.0 * u[i, j, l]
                    u_next[i, j, l] = u[i, j, l] + k * flux
        u, u_next = u_next, u
    return np.sum(u**2)


PROGRAMS = [
    diffusion,
    both_used,
    read_in_between,
    larger,
    three_buffers,
    transposed,
    volume,
]


@pytest.mark.parametrize("function", PROGRAMS)
def test_gradients(function, rng):
    for shape, steps in (((5, 6), 0), ((7, 6), 1), ((8, 9), 2), ((5, 5), 5), ((2, 3), 3)):
        u = 0.3 * rng.standard_normal(shape) + 0.5
        numbad.check_grads(lambda u, k, steps=steps: function(u, k, steps), (u, 0.3))


@pytest.mark.parametrize("function", [diffusion, three_buffers])
def test_cleared_once_behind_the_loop(function):
    text = numbad.code_adjoint(function, np.ones((6, 6)), 0.1, 3, wrt=(0, 1))
    backward = text[text.rindex("_bar = 0.0") :]
    loop, _, behind = backward.partition("\n    if ")
    assert "] = 0.0" in behind
    assert "_next_bar[i, j] += 0.0" not in loop


def test_second_order(rng):
    u, direction = 0.3 * rng.standard_normal((2, 6, 7)) + 0.5
    product = numbad.hvp(lambda u: diffusion(u, 0.3, 4) ** 2, u, direction)
    h = 1e-6

    def slope(u):
        return numbad.gradient(lambda u: diffusion(u, 0.3, 4) ** 2, u)[0]

    expected = (slope(u + h * direction) - slope(u - h * direction)) / (2.0 * h)
    np.testing.assert_allclose(product, expected, rtol=1e-6, atol=1e-6)
