"""Programs with declared derivatives that are true: they agree with differences and plain code."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from numbad import adjoint, check_grads, gradient, jvp, pullback, withgradient
from tests.api.declared_rules import X


def distance(u, v):
    return np.sqrt(np.sum((u - v) ** 2))


@adjoint(distance)
def distance_rule(u, v):
    d = distance(u, v)

    def back(d_bar):
        g = d_bar * (u - v) / d
        return g, -g

    return d, back


def decayed(x, n):
    for _ in range(n):
        x = x + 0.1 * np.sin(x)
    return x


@adjoint(decayed)
def decayed_rule(x, n):
    """A rule with a tape and a loop of its own."""
    tape = np.zeros((n, len(x)))
    for k in range(n):
        tape[k] = x
        x = x + 0.1 * np.sin(x)

    def back(x_bar):
        for k in range(n - 1, -1, -1):
            x_bar = x_bar + 0.1 * np.cos(tape[k]) * x_bar
        return x_bar, None

    return x, back


def total_along(parts, axis):
    return np.sum(parts[0], axis=axis) + parts[1]


@adjoint(total_along)
def total_along_rule(parts, axis):
    shape = parts[0].shape

    def back(y_bar):
        out = np.zeros(shape)
        for i in range(shape[0]):
            for j in range(shape[1]):
                out[i, j] = y_bar[j] if axis == 0 else y_bar[i]
        return [out, y_bar], None

    return total_along(parts, axis), back


def pair_energy(points):
    energy = 0.0
    for i in range(len(points)):
        for j in range(i):
            energy += 1.0 / distance(points[i], points[j])
    return energy


def repeated(x, n, m):
    total = 0.0
    for _ in range(m):
        x = decayed(x, n)
        total += np.sum(x * x)
    return total


def recursive(x, n):
    if n == 0:
        return np.sum(x)
    x = np.sin(np.abs(x) + 0.1)
    return recursive(x * 0.5, n - 1) + distance(x, 3.0 * x)


def views_of_a_work_array(x):
    work = np.zeros(6)
    work[:3] = x
    total = 0.0
    for _ in range(3):
        d = distance(work[:3], work[3:])
        total += d
        work[3:] = work[:3] * d
        work[:3] = np.sin(work[:3])
    return total


def same_array_twice(x):
    return distance(x, 2.0 * x) + distance(x * x, x)


def lists_and_constants(a, b):
    return np.sum(total_along([a, b], 0) ** 2) + np.sum(total_along([a, b], 1) ** 3)


MATRIX = np.array([[0.5, 1.0, -0.25], [2.0, -1.0, 0.75], [1.5, 0.25, 0.5]])
PROGRAMS = [
    (pair_energy, (MATRIX,)),
    (repeated, (X, 3, 2)),
    (recursive, (X, 2)),
    (views_of_a_work_array, (X,)),
    (same_array_twice, (X,)),
    (lists_and_constants, (MATRIX, X)),
]


@pytest.mark.parametrize(("f", "args"), PROGRAMS, ids=lambda each: getattr(each, "__name__", ""))
@pytest.mark.parametrize("order", [1, 2])
def test_programs_against_differences(f, args, order):
    check_grads(f, args, order=order)


def test_the_pullback_can_be_called_again():
    y, back = pullback(decayed, X, 3)
    once, twice = back(np.ones(3))[0], back(np.ones(3))[0]
    assert_allclose(once, twice)
    slope, x = np.ones(3), X
    for _ in range(3):
        slope, x = slope * (1.0 + 0.1 * np.cos(x)), x + 0.1 * np.sin(x)
    assert_allclose(y, x)
    assert_allclose(once, slope)


def rosenbrock(x):
    total = 0.0
    for i in range(len(x) - 1):
        total += 100.0 * (x[i + 1] - x[i] ** 2) ** 2 + (1.0 - x[i]) ** 2
    return total


def logsumexp(x):
    top = np.max(x)
    return top + np.log(np.sum(np.exp(x - top)))


def filtered(x):
    state = 0.0
    for value in x:
        state = 0.9 * state + math.tanh(value)
    return state


@pytest.mark.parametrize("f", [rosenbrock, logsumexp, filtered])
def test_a_rule_made_from_the_derivative_changes_nothing(f):
    def same(x):
        return f(x)

    @adjoint(same)
    def rule(x):
        y, (x_bar,) = withgradient(f, x)
        return y, lambda y_bar: y_bar * x_bar

    def with_rule(x):
        return same(x) ** 2 + same(np.sin(x))

    def plain(x):
        return f(x) ** 2 + f(np.sin(x))

    v = np.array([1.0, -0.5, 0.25])
    assert_allclose(gradient(with_rule, X)[0], gradient(plain, X)[0])
    assert_allclose(jvp(with_rule, (X,), (v,)), jvp(plain, (X,), (v,)))

    def slope(g):
        return lambda x: np.sum(gradient(g, x)[0] * v)

    assert_allclose(gradient(slope(with_rule), X)[0], gradient(slope(plain), X)[0])
