"""States of time loops kept in slots: the same derivatives, and nothing that is undone."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit

import numbad


def heat(u0, k, steps):
    u = u0.copy()
    u_next = u0.copy()
    for _ in range(steps):
        for i in range(1, u.size - 1):
            u_next[i] = u[i] + k * u[i] * (u[i - 1] - 2.0 * u[i] + u[i + 1])
        u, u_next = u_next, u
    return np.sum(u**2)


def leapfrog(u0, k, steps):
    """The oldest of three buffers is written, where its old contents are read."""
    previous, u, u_next = u0.copy(), u0.copy(), np.zeros(u0.size)
    for t in range(2, steps):
        for i in range(1, u.size - 1):
            flux = u[i - 1] - 2.0 * u[i] + u[i + 1]
            u_next[i] = 2.0 * u[i] - previous[i] + k * np.sin(flux) * u[i] + 0.1 * u_next[i] ** 2
        previous, u, u_next = u, u_next, previous
    return np.sum(u * previous) + u_next[1] ** 2


def in_place(u0, k, steps):
    """Two buffers, the older one overwritten with values that depend on it."""
    older, u = u0.copy(), u0 * 0.5
    for _ in range(steps):
        for i in range(1, u.size - 1):
            older[i] = u[i] ** 2 + k * (u[i + 1] - u[i - 1]) - older[i] ** 3
        older, u = u, older
    total = 0.0
    for i in range(u.size):
        total += u[i] * older[i]
    return total


def edges_behind(u0, k, steps):
    """Boundary values from inside, after the nest; one edge on a condition."""
    u, u_next = u0.copy(), np.zeros(u0.size)
    for t in range(steps):
        for i in range(1, u.size - 1):
            u_next[i] = u[i] + k * u[i] * (u[i - 1] - u[i + 1])
        u_next[0] = u_next[1] ** 2
        if t % 2 == 0:
            u_next[u.size - 1] = u_next[u.size - 2] * u[0]
        else:
            u_next[u.size - 1] = np.sin(u_next[0])
        u, u_next = u_next, u
    return np.sum(u**3)


def edges_before(u0, k, steps):
    u, u_next = u0.copy(), u0.copy()
    for _ in range(steps):
        u_next[0] = u[1] * u[0]
        u_next[u.size - 1] = 0.25
        for i in range(1, u.size - 1):
            u_next[i] = u[i] + k * u[i] * (u[i - 1] - u[i + 1])
        u, u_next = u_next, u
    return np.sum(u**3)


def seen_before(u0, k, steps):
    """What is overwritten is read first, elsewhere and as a whole."""
    u, u_next = u0.copy(), 0.5 * u0
    total = 0.0
    for _ in range(steps):
        for i in range(u.size):
            total += u_next[i] ** 2 * u[u.size - 1 - i]
        for i in range(u.size):
            u_next[i] = u[i] * u[(i + 1) % u.size] + k
        u, u_next = u_next, u
    return total + u[0]


def in_sweeps(u0, k, steps):
    """Gauss and Seidel: neighbours that are new already are read, so nothing can be kept."""
    u, u_next = u0.copy(), u0.copy()
    for _ in range(steps):
        for i in range(1, u.size - 1):
            u_next[i] = u[i] + k * u[i] * u_next[i - 1] ** 2 + u_next[i + 1] ** 2
        u, u_next = u_next, u
    return np.sum(u**2)


def in_part(u0, k, steps):
    """Only every iteration that passes a test writes."""
    u, u_next = u0.copy(), u0.copy()
    for _ in range(steps):
        for i in range(1, u.size - 1):
            if u[i] > 0.2:
                u_next[i] = u[i] ** 2 * k + u[i - 1] * u[i + 1]
        u, u_next = u_next, u
    return np.sum(u**2)


def twice(u0, k, steps):
    """Buffers that go on into a second loop."""
    u, u_next = u0.copy(), u0.copy()
    for _ in range(steps):
        for i in range(1, u.size - 1):
            u_next[i] = u[i] ** 2 * k + u[i - 1]
        u, u_next = u_next, u
    for _ in range(steps):
        for i in range(1, u.size - 1):
            u_next[i] = np.cos(u[i]) + u_next[i] * k
        u, u_next = u_next, u
    return np.sum(u**2)


def touched_behind(u0, k, steps):
    """The final state is changed in place, and one buffer is known by another name."""
    u = u0.copy()
    first = u
    u_next = u0.copy()
    for _ in range(steps):
        for i in range(1, u.size - 1):
            u_next[i] = u[i] ** 2 * k + u[i - 1]
        u, u_next = u_next, u
    u[0] = u[1] ** 2
    return np.sum(u**2) + first[1] ** 2


def made_from_each_other(u0, k, steps):
    """The first states are changed, and read, before the time loop."""
    u = u0 * u0
    u_next = np.full(u.size, 0.5)
    for i in range(1, u.size):
        u[i] = u[i] * u[i - 1] + k
    scale = np.sin(u[1]) * u[0]
    for i in range(u.size):
        u_next[i] += u[i] ** 2 * scale
    for _ in range(steps):
        for i in range(1, u.size - 1):
            u_next[i] = u[i] ** 2 * k + u[i - 1] * scale + u_next[i] ** 2
        u, u_next = u_next, u
    return np.sum(u**2 * u_next)


def two_fields(u0, k, steps):
    """Two cycles in one loop; the second field is shifted, and written in a nest of its own."""
    n = u0.size
    u, v = u0.copy(), 0.1 * u0
    u_next, v_next = u.copy(), v.copy()
    for t in range(1, steps + 1):
        for i in range(1, n - 1):
            u_next[i] = u[i] + k * (v[i + 1] - v[i]) * u[i]
        for i in range(0, n - 2):
            v_next[i + 1] = v[i + 1] + k * u_next[i] * u_next[i + 1] / t
        u, u_next = u_next, u
        v, v_next = v_next, v
    return np.sum(u * v)


def plane(u0, k, steps):
    w = np.outer(u0, np.arange(1.0, 5.0))
    w_next = w.copy()
    n, m = w.shape
    for _ in range(steps):
        for i in range(1, n - 1):
            for j in range(0, m - 1):
                w_next[i, j] = w[i, j] + k * w[i, j] * (w[i - 1, j] - w[i + 1, j + 1])
        w, w_next = w_next, w
    return np.sum(w**2)


def box(u0, k, steps):
    n = u0.size
    w = np.zeros((n, 4, 5))
    w_next = np.zeros((n, 4, 5))
    for i in range(n):
        for j in range(4):
            w[i, j, 2] = u0[i] * (j + 1)
    for _ in range(steps):
        for i in range(1, n - 1):
            for j in range(1, 3):
                for m in range(1, 4):
                    w_next[i, j, m] = w[i, j, m] ** 2 + k * (w[i - 1, j, m] - w[i, j + 1, m - 1])
        w, w_next = w_next, w
    return np.sum(w**2)


PROGRAMS = [
    heat,
    leapfrog,
    in_place,
    edges_behind,
    edges_before,
    seen_before,
    in_sweeps,
    in_part,
    twice,
    touched_behind,
    made_from_each_other,
    two_fields,
    plane,
    box,
]
KEPT = [
    heat,
    leapfrog,
    in_place,
    edges_behind,
    edges_before,
    seen_before,
    made_from_each_other,
    two_fields,
    plane,
    box,
]


@pytest.mark.parametrize("function", PROGRAMS)
def test_gradients(function, rng):
    for size, steps in ((5, 0), (5, 1), (5, 2), (6, 5), (2, 3), (3, 3)):
        u = 0.3 * rng.standard_normal(size) + 0.5
        numbad.check_grads(lambda u, k, steps=steps: function(u, k, steps), (u, 0.3))


@pytest.mark.parametrize("function", PROGRAMS)
def test_what_is_kept(function):
    text = numbad.code_adjoint(function, np.ones(5), 0.1, 3, wrt=(0, 1))
    assert ("_states" in text) == (function in KEPT)
    if function in KEPT:
        assert "old_tape" not in text


def linear(u0, k, steps):
    u, u_next = u0.copy(), u0.copy()
    for _ in range(steps):
        for i in range(1, u.size - 1):
            u_next[i] = u[i] + k * (u[i - 1] - 2.0 * u[i] + u[i + 1])
        u, u_next = u_next, u
    return np.sum(u**2)


def test_nothing_is_kept_that_nobody_needs():
    text = numbad.code_adjoint(linear, np.ones(5), 0.1, 3, wrt=0)
    assert "_states" not in text
    assert "tape" not in text


def final_state(u0, k, steps):
    u, u_next = u0.copy(), u0.copy()
    for _ in range(steps):
        for i in range(1, u.size - 1):
            u_next[i] = u[i] + k * u[i] * (u[i - 1] - 2.0 * u[i] + u[i + 1])
        u, u_next = u_next, u
    return u


def test_a_returned_state_is_an_array_of_its_own(rng):
    u, k = rng.standard_normal(6), 0.2
    value, back = numbad.pullback(final_state, u, k, 4)
    np.testing.assert_array_equal(value, final_state(u, k, 4))

    seed, direction = rng.standard_normal(6), rng.standard_normal(6)
    value[:] = 0.0
    u_bar, k_bar, _ = back(seed)
    _, tangent = numbad.jvp(lambda u, k: final_state(u, k, 4), (u, k), (direction, 0.7))
    np.testing.assert_allclose(u_bar @ direction + k_bar * 0.7, seed @ tangent, rtol=1e-12)
    again = back(seed)
    np.testing.assert_array_equal(again[0], u_bar)


@njit
def stepped(u, k, steps):
    u_next = u.copy()
    u = u.copy()
    for _ in range(steps):
        for i in range(1, u.size - 1):
            u_next[i] = u[i] + k * u[i] * (u[i - 1] - 2.0 * u[i] + u[i + 1])
        u, u_next = u_next, u
    return u


def restarted(u0, k, steps):
    """The time loop in a function, called in a loop."""
    u = u0
    total = 0.0
    for epoch in range(3):
        u = stepped(u, k / (epoch + 1), steps)
        total += u[1] ** 2
    return total + np.sum(u**2)


def test_time_loops_in_functions(rng):
    u = 0.3 * rng.standard_normal(5) + 0.5
    numbad.check_grads(lambda u, k: restarted(u, k, 3), (u, 0.3))
    numbad.check_grads(lambda u, k: np.sum(stepped(u, k, 3) ** 2), (u, 0.3))


@pytest.mark.parametrize("function", [leapfrog, made_from_each_other])
def test_second_order(function, rng):
    u = 0.3 * rng.standard_normal(5) + 0.5
    direction = rng.standard_normal(5)

    def slope(u):
        return numbad.gradient(lambda u: function(u, 0.3, 4), u)[0]

    product = numbad.hvp(lambda u: function(u, 0.3, 4), u, direction)
    h = 1e-6
    expected = (slope(u + h * direction) - slope(u - h * direction)) / (2.0 * h)
    np.testing.assert_allclose(product, expected, rtol=1e-6, atol=1e-6)
    matrix = numbad.hessian(lambda u: function(u, 0.3, 4), u)
    np.testing.assert_allclose(matrix @ direction, product, rtol=1e-9, atol=1e-11)
    rows = numbad.hessian_reverse(lambda u: function(u, 0.3, 4), u)
    np.testing.assert_allclose(rows, matrix, rtol=1e-9, atol=1e-11)


def test_rows_of_a_jacobian(rng):
    u = 0.3 * rng.standard_normal(5) + 0.5
    by_rows = numbad.jacobian(lambda u: final_state(u, 0.3, 4), u, mode="reverse")[0]
    by_columns = numbad.jacobian(lambda u: final_state(u, 0.3, 4), u, mode="forward")[0]
    np.testing.assert_allclose(by_rows, by_columns, rtol=1e-12, atol=1e-14)
