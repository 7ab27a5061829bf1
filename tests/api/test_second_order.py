"""Second derivatives where a first derivative, a residual or a direction is zero."""

from __future__ import annotations

import cmath
import math

import numpy as np
import pytest

import numbad
from numbad.kernels.arithmetic import absorb, absorb_both

# Functions of one number, a point where something vanishes, and the second derivative there.
SCALARS = [
    (lambda x: (math.sqrt(x) - 1.0) ** 2, 1.0, 0.5),
    (lambda x: (1.0 / x - 1.0) ** 2, 1.0, 2.0),
    (lambda x: math.log(x) ** 2, 1.0, 2.0),
    (lambda x: (x**1.5 - 1.0) ** 2, 1.0, 4.5),
    (lambda x: math.asin(x) ** 2, 0.0, 2.0),
    (lambda x: math.exp(x) * x, -2.0, 0.0),
    (lambda x: math.sqrt(x * x + 1.0), 0.0, 1.0),
    (lambda x: math.log(1.0 + x * x), 0.0, 2.0),
    (lambda x: math.sqrt(1.0 + math.sin(x) ** 4), 0.0, 0.0),
    (lambda x: math.hypot(x, 1.0), 0.0, 1.0),
    (lambda x: math.tan(x) * math.tan(x), 0.0, 2.0),
]


@pytest.mark.parametrize(("f", "x", "wanted"), SCALARS)
def test_scalars(f, x, wanted):
    def slope(x):
        return numbad.gradient(f, x)[0]

    def tangent(x):
        return numbad.derivative(f, x)

    found = [
        numbad.jvp(slope, (x,), (1.0,))[1],
        numbad.gradient(slope, x)[0],
        numbad.jvp(tangent, (x,), (1.0,))[1],
        numbad.gradient(tangent, x)[0],
    ]
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12)


def residuals(x):
    total = 0.0
    for i in range(1, x.size):
        r = math.sqrt(x[i] / x[0]) - 1.0
        total += r * r
    return total


def test_least_squares_at_a_perfect_fit():
    x = np.full(4, 2.0)
    wanted = np.zeros((4, 4))
    wanted[1:, 1:] = np.eye(3) / 8.0
    wanted[0, 1:] = wanted[1:, 0] = -1.0 / 8.0
    wanted[0, 0] = 3.0 / 8.0
    np.testing.assert_allclose(numbad.hessian(residuals, x), wanted, atol=1e-14)
    np.testing.assert_allclose(numbad.hessian_reverse(residuals, x), wanted, atol=1e-14)
    np.testing.assert_allclose(numbad.diaghessian(residuals, x)[0], wanted.diagonal(), atol=1e-14)
    found = numbad.hessian(residuals, x, sparsity="auto").toarray()
    np.testing.assert_allclose(found, wanted, atol=1e-14)


def test_a_derivative_is_linear_in_a_zero_direction():
    def push(v):
        return numbad.jvp(math.sqrt, (4.0,), (v,))[1]

    assert numbad.derivative(push, 0.0) == 0.25
    assert numbad.gradient(push, 0.0) == (0.25,)


def test_third_derivative_at_a_zero():
    def second(x):
        return numbad.gradient(lambda x: numbad.gradient(lambda x: math.log(x) ** 3, x)[0], x)[0]

    assert numbad.derivative(second, 1.0) == pytest.approx(6.0)


def test_zero_still_absorbs_infinity():
    assert numbad.gradient(lambda x: math.sqrt(x * x), 0.0) == (0.0,)
    assert numbad.gradient(lambda x: 0.0 * math.sqrt(x), 0.0) == (0.0,)
    x = np.array([0.0, 4.0])
    assert numbad.gradient(lambda x: np.sqrt(x)[1], x)[0].tolist() == [0.0, 0.25]
    assert numbad.jacobian(np.sqrt, x)[0].tolist() == [[math.inf, 0.0], [0.0, 0.25]]


def test_complex_intermediates():
    def f(x):
        z = cmath.sqrt(complex(x, 1.0) / complex(1.0, 1.0)) - 1.0
        return z.real * z.real + z.imag * z.imag

    step = 1e-4
    slopes = [numbad.gradient(f, 1.0 + s)[0] for s in (-step, step)]
    wanted = (slopes[1] - slopes[0]) / (2.0 * step)
    assert numbad.hessian(f, 1.0) == pytest.approx(wanted, rel=1e-6)
    assert numbad.hessian_reverse(f, 1.0) == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize("product", [absorb, absorb_both])
@pytest.mark.parametrize("number", [float, complex, np.float32])
def test_compiled_products(product, number):
    from numba import njit

    compiled = njit(lambda a, b: product(a, b))
    for a in (0.0, 1.5, math.inf, math.nan):
        for b in (0.0, -2.0, math.inf):
            np.testing.assert_equal(compiled(number(a), number(b)), product(number(a), number(b)))
