"""Declared derivatives in both styles, in forward mode and differentiated again."""

import math

import numba
import numpy as np
import pytest
from numpy.testing import assert_allclose

from numbad import (
    adjoint,
    check_grads,
    custom_rule,
    gradient,
    jvp,
)
from numbad.errors import NoRule
from tests.api.declared_rules import X, clip_gradient, square, uses_softplus, uses_square

# --- residual style -------------------------------------------------------------------------------


def cube(x):
    return x**3


def cube_forward(x):
    return x**3, (x, 100.0)


def cube_backward(residuals, y_bar):
    x, factor = residuals
    return (factor * x * y_bar,)


def cube_jvp(args, tangents):
    (x,) = args
    return x**3, 1000.0 * x * tangents[0]


custom_rule(cube, cube_forward, cube_backward, cube_jvp)


def test_residual_style():
    assert gradient(lambda x: 2.0 * cube(x), 2.0) == (400.0,)
    assert jvp(lambda x: 2.0 * cube(x), (2.0,), (1.0,)) == (16.0, 4000.0)


def test_jitted_rules():
    @numba.njit
    def f(x):
        return np.sum(x * x)

    @numba.njit
    def forward(x):
        return np.sum(x * x), x

    @numba.njit
    def backward(x, y_bar):
        return 5.0 * y_bar * x

    @numba.njit
    def both(args, tangents):
        x = args[0]
        return np.sum(x * x), 6.0 * np.sum(x * tangents[0])

    custom_rule(f, forward, backward, jvp=both)

    @numba.njit
    def g(x):
        return 2.0 * f(x)

    assert_allclose(gradient(g, X)[0], 10.0 * X)
    assert_allclose(jvp(g, (X,), (np.ones(3),))[1], 12.0 * X.sum())
    assert_allclose(gradient(lambda x: f.py_func(x), X)[0], 5.0 * X)


def test_array_tangents():
    def f(x, w, name):
        return x * w

    custom_rule(
        f,
        lambda x, w, name: (x * w, (x, w)),
        lambda kept, y_bar: (kept[1] * y_bar, np.sum(kept[0] * y_bar), None),
        lambda args, tangents: (
            args[0] * args[1],
            2.0 * (args[1] * tangents[0] + args[0] * tangents[1]),
        ),
    )

    def g(x, w):
        y = f(x, w, "name")
        return np.sum(y * y)

    y_dot = 2.0 * (2.0 * np.ones(3))
    assert_allclose(jvp(g, (X, 2.0), (np.ones(3), None))[1], np.sum(2.0 * X * 2.0 * y_dot))
    y_dot = 2.0 * X
    assert_allclose(jvp(g, (X, 2.0), (None, 1.0))[1], np.sum(2.0 * X * 2.0 * y_dot))
    assert_allclose(gradient(g, X, 2.0)[0], 2.0 * X * 2.0 * 2.0)


# --- forward mode ---------------------------------------------------------------------------------


def test_forward_mode_is_derived_from_a_linear_rule():
    assert jvp(uses_square, (2.0,), (1.0,)) == (14.0, 61.0)
    x_dot = np.array([1.0, -2.0, 0.5])
    w = np.array([1.0, 2.0, -0.5])
    expected = np.sum(w * w * x_dot / (1.0 + np.exp(-X * w)))
    assert_allclose(jvp(uses_softplus, (X, w), (x_dot, None))[1], expected)


def test_forward_mode_of_a_rule_that_is_not_linear_is_refused():
    with pytest.raises(NoRule, match="jvp="):
        jvp(lambda x: clip_gradient(x), (1.0,), (1.0,))


# --- higher order ---------------------------------------------------------------------------------


def test_second_order_differentiates_the_rule():
    def slope(x):
        return gradient(square, x)[0]

    # The slope is declared to be 10 x, so its own slope is 10.
    assert gradient(slope, 3.0) == (10.0,)
    assert_allclose(jvp(slope, (3.0,), (1.0,)), (30.0, 10.0))


def test_calls_of_the_function_in_its_rule_use_the_rule_again():
    def wave(x):
        return math.sin(x)

    @adjoint(wave)
    def rule(x):
        return wave(x), lambda y_bar: y_bar * wave(x + math.pi / 2)

    def third(x):
        return gradient(lambda x: gradient(lambda x: gradient(wave, x)[0], x)[0], x)[0]

    assert_allclose(third(0.3), -math.cos(0.3))
    assert_allclose(gradient(third, 0.3)[0], math.sin(0.3))


def test_recursion_over_an_order():
    def chebyshev(n, x):
        a, b = 1.0, x
        for _ in range(n):
            a, b = b, 2.0 * x * b - a
        return a

    def second_kind(n, x):
        a, b = 1.0, 2.0 * x
        for _ in range(n):
            a, b = b, 2.0 * x * b - a
        return a

    @adjoint(second_kind)
    def second_rule(n, x):
        def back(y_bar):
            slope = ((n + 1) * chebyshev(n + 1, x) - x * second_kind(n, x)) / (x * x - 1.0)
            return None, y_bar * slope

        return second_kind(n, x), back

    @adjoint(chebyshev)
    def first_rule(n, x):
        return chebyshev(n, x), lambda y_bar: (None, y_bar * n * second_kind(n - 1, x))

    def f(x):
        return chebyshev(5, x)

    x = 0.3
    assert_allclose(gradient(f, x)[0], 80 * x**4 - 60 * x**2 + 5)
    second = gradient(lambda x: gradient(f, x)[0], x)[0]
    assert_allclose(second, 320 * x**3 - 120 * x)


def test_second_order_of_arrays():
    def slope_norm(x, w):
        return np.sum(gradient(uses_softplus, x, w)[0] ** 2)

    check_grads(slope_norm, (X, np.array([1.0, 2.0, -0.5])), order=1)


def test_an_inactive_call_keeps_its_rule_for_the_outer_derivative():
    def inner(x, y):
        return x * square(y)

    def outer(y):
        return gradient(lambda x: inner(x, y), 2.0)[0]

    assert gradient(outer, 3.0) == (30.0,)
