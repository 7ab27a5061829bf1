"""Reusable derivatives called inside compiled code."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

import numbad

scale = 2.0


def energy(x, stiffness):
    total = 0.0
    for i in range(x.size - 1):
        total += stiffness * (x[i + 1] - x[i]) ** 2 + math.cos(x[i])
    return total


def scaled(x):
    return scale * x * x


energy_and_grad = numbad.value_and_grad(energy, wrt=(0, 1))
energy_grad = numbad.grad(energy)
scaled_grad = numbad.grad(scaled)


@njit
def descend(x, stiffness, steps):
    x = x.copy()
    for _ in range(steps):
        x -= 0.05 * energy_grad(x, stiffness)
    value, (x_bar, stiffness_bar) = energy_and_grad(x, stiffness)
    return x, value, x_bar, stiffness_bar


def test_a_descent_loop_agrees_with_calls_from_python(rng):
    start = rng.standard_normal(7)
    x, value, x_bar, stiffness_bar = descend(start, 1.3, 5)
    expected = start.copy()
    for _ in range(5):
        expected -= 0.05 * numbad.gradient(energy, expected, 1.3)[0]
    np.testing.assert_allclose(x, expected, rtol=1e-13)
    val, grads = numbad.withgradient(energy, expected, 1.3)
    np.testing.assert_allclose(value, val, rtol=1e-13)
    np.testing.assert_allclose(x_bar, grads[0], rtol=1e-12)
    np.testing.assert_allclose(stiffness_bar, grads[1], rtol=1e-12)


def test_each_signature_of_the_caller_has_its_own_derivative():
    @njit
    def slope(x):
        return scaled_grad(x)

    assert slope(3.0) == 12.0
    assert slope(3) == 12.0


def test_an_argument_without_a_path_has_gradient_zero():
    second = numbad.grad(lambda x, y: x * x, wrt=1)

    @njit
    def slope(x, y):
        return second(x, y)

    assert slope(3.0, 4.0) == 0.0
    np.testing.assert_array_equal(slope(3.0, np.ones(2)), np.zeros(2))


def test_reusable_derivatives_are_differentiated():
    cube = numbad.grad(lambda x: x**3)
    assert numbad.jvp(cube, (2.0,), (1.0,)) == (12.0, 12.0)
    assert numbad.gradient(cube, 2.0) == (12.0,)
    both = numbad.value_and_grad(lambda x, y: x * y * y, wrt=(0, 1))
    assert numbad.gradient(lambda x, y: both(x, y)[1][1], 2.0, 3.0) == (6.0, 4.0)
