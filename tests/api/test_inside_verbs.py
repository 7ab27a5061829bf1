"""Verbs called directly in ``@njit`` code give what they give outside."""

import math

import numpy as np
import pytest
from numba import njit
from numba.core.errors import TypingError

import numbad


@njit
def vector(x):
    return np.array([x[0] * x[1], math.sin(x[1]), x[0] ** 2])


@njit
def scalar(x):
    return np.sum(x**3) * x[0]


@njit
def product(a, b):
    return a * math.sin(b)


POINT = np.array([0.3, 0.7])
DIRECTION = np.array([1.0, -2.0])


def test_matrices():
    @njit
    def inside(x, v):
        (matrix,) = numbad.jacobian(vector, x)
        return (
            matrix,
            numbad.hessian(scalar, x),
            numbad.hessian_reverse(scalar, x),
            numbad.diaghessian(scalar, x)[0],
            numbad.hvp(scalar, x, v),
        )

    hessian = numbad.hessian(scalar, POINT)
    expected = (
        numbad.jacobian(vector, POINT)[0],
        hessian,
        hessian,
        np.diag(hessian),
        hessian @ DIRECTION,
    )
    for got, wanted in zip(inside(POINT, DIRECTION), expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-12)


def test_values_with_derivatives():
    @njit
    def inside(x, v):
        found = numbad.withgradient(scalar, x)
        y, y_dot = numbad.jvp(scalar, (x,), (v,))
        whole = numbad.withhessian(scalar, x)
        return found.val, found.grad[0], y, y_dot, whole.val, whole.grad

    value, slope = numbad.value_and_grad(scalar)(POINT)
    expected = (value, slope, value, slope @ DIRECTION, value, slope)
    for got, wanted in zip(inside(POINT, DIRECTION), expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-12)


def test_numbers():
    @njit
    def inside(a, b):
        return numbad.gradient(product, a, b), numbad.derivative(math.sin, a)

    grads, slope = inside(0.3, 0.7)
    assert grads == pytest.approx((math.sin(0.7), 0.3 * math.cos(0.7)), rel=1e-14)
    assert slope == pytest.approx(math.cos(0.3), rel=1e-14)


def test_newton_iteration():
    @njit
    def system(x):
        return np.array([x[0] ** 2 + x[1] ** 2 - 4.0, x[0] * x[1] - 1.0])

    @njit
    def newton(x):
        for _ in range(20):
            (matrix,) = numbad.jacobian(system, x)
            x = x - np.linalg.solve(matrix, system(x))
        return x

    np.testing.assert_allclose(system(newton(np.array([2.0, 0.3]))), 0.0, atol=1e-13)


def test_refused_argument():
    @njit
    def inside(x):
        return numbad.jacobian(scalar, "text")

    with pytest.raises((TypingError, numbad.DifferentiationError), match="inside compiled code"):
        inside(POINT)
