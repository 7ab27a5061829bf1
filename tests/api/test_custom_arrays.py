"""Declared derivatives of functions of arrays."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from numbad import (
    adjoint,
    check_grads,
    gradient,
    withgradient,
)
from tests.api.declared_rules import X, softplus, square, uses_softplus


def test_arrays():
    w = np.array([1.0, 2.0, -0.5])
    s = 1.0 / (1.0 + np.exp(-X * w))
    assert_allclose(gradient(uses_softplus, X, w)[0], w * w * s)
    check_grads(uses_softplus, (X, w), order=1)


def test_array_in_a_time_loop():
    def f(x, n):
        for _ in range(n):
            x = softplus(x) * x
        return np.sum(x)

    check_grads(f, (X, 3), order=1)


def test_argument_overwritten_after_the_call():
    def f(x):
        work = x * 1.0
        y = softplus(work)
        work[:] = 0.0
        z = softplus(y)
        y[0] = 5.0
        return np.sum(z) + np.sum(y) + np.sum(work)

    check_grads(f, (X,), order=1)


def test_argument_overwritten_in_a_loop():
    def f(x, n):
        work = x.copy()
        total = 0.0
        for i in range(n):
            y = softplus(work)
            total += np.sum(y)
            for j in range(len(work)):
                work[j] = y[j] * 0.5 + work[j]
        return total

    check_grads(f, (X, 3), order=1)


def test_identity_of_an_array_is_a_copy():
    def clipped(x):
        return x

    @adjoint(clipped)
    def rule(x):
        return x, lambda y_bar: np.clip(y_bar, -1.0, 1.0)

    def f(x):
        y = clipped(x)
        y[0] = 2.0 * y[0]
        return np.sum(3.0 * y) + np.sum(x)

    # d/dy = (6, 3, 3) is clipped to 1.
    assert_allclose(gradient(f, X)[0], [2.0, 2.0, 2.0])
    assert_allclose(withgradient(f, X).val, 3.0 * (X.sum() + X[0]) + X.sum())


def test_scalar_of_an_array():
    def energy(x):
        return np.sum(x**2)

    @adjoint(energy)
    def rule(x):
        return np.sum(x**2), lambda y_bar: 7.0 * y_bar * x

    assert_allclose(gradient(lambda x: energy(2.0 * x), X)[0], 7.0 * 2.0 * X * 2.0)


def test_views_and_matrices():
    def product(a, x):
        return a @ x

    @adjoint(product)
    def rule(a, x):
        return a @ x, lambda y_bar: (np.outer(y_bar, x), a.T @ y_bar)

    def f(a, x):
        y = product(a[:2], x)
        z = product(a.T, y_padded(y))
        return np.sum(np.sin(z))

    def y_padded(y):
        out = np.zeros(3)
        out[:2] = y
        return out

    a = np.arange(9.0).reshape(3, 3) / 10.0
    check_grads(f, (a, X), order=1)


def test_mixed_results():
    def split(x):
        return np.sum(x), x * 2.0, 3

    @adjoint(split)
    def rule(x):
        def back(bar):
            total_bar, doubled_bar, _ = bar
            return total_bar + 2.0 * doubled_bar

        return (np.sum(x), x * 2.0, 3), back

    def f(x):
        total, doubled, n = split(x)
        doubled[0] = 0.0
        return total * n + np.sum(doubled * x)

    expected = 3.0 + 4.0 * X
    expected[0] = 3.0
    assert_allclose(gradient(f, X)[0], expected)


def test_float32_stays_float32():
    x = X.astype(np.float32)
    found = gradient(lambda x: np.sum(softplus(x)), x)[0]
    assert found.dtype == np.float32
    assert_allclose(found, 1.0 / (1.0 + np.exp(-X)), rtol=1e-6)


def test_integers_count_as_real_numbers():
    assert gradient(square, 3) == (30.0,)
    found = gradient(lambda x: np.sum(softplus(x)), np.array([0, 0]))[0]
    assert_allclose(found, [0.5, 0.5])


def test_complex_numbers():
    def twice(z):
        return 2.0 * z

    @adjoint(twice)
    def rule(z):
        return 2.0 * z, lambda y_bar: 5.0 * y_bar

    assert gradient(lambda z: abs(twice(z)) ** 2, 1 + 2j) == (pytest.approx(20 + 40j),)
