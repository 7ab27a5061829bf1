"""The worked examples of the semantics page, one test each."""

import math
import operator
from collections import namedtuple

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import numbad
from numbad import derivative, gradient, jvp, pullback, withgradient


def exactly(got, expected):
    """Same structure, same numbers, floats where the page shows floats."""
    assert type(got) is type(expected)
    if isinstance(expected, tuple):
        assert len(got) == len(expected)
        for a, b in zip(got, expected, strict=True):
            exactly(a, b)
    else:
        assert got == expected


def test_polynomial_of_an_int():
    exactly(gradient(lambda x: 3 * x**2 + 2 * x + 1, 5), (32.0,))


def test_product_of_ints():
    exactly(gradient(lambda a, b: a * b, 2, 3), (3.0, 2.0))


def test_product_of_three():
    exactly(gradient(lambda a, b, c: a * b * c, 2.0, 3.0, 5.0), (15.0, 10.0, 6.0))


def test_sum_of_matrix_vector_product():
    x = np.array([1.0, 2.0, 3.0])
    w = np.arange(6.0).reshape(2, 3)
    got = gradient(lambda W: np.sum(W @ x), w)[0]
    assert got.shape == w.shape
    assert_array_equal(got, [x, x])


def pow_loop(x, n):
    r = 1
    for i in range(n):
        r *= x
    return r


def pow_recursive(x, n):
    if n == 0:
        return 1
    return x * pow_recursive(x, n - 1)


def test_power_by_loop():
    exactly(gradient(lambda x: pow_loop(x, 3), 5), (75.0,))


def test_power_by_recursion():
    exactly(gradient(lambda x: pow_recursive(x, 3), 5.0), (75.0,))


def test_sum_of_squared_absolute_values():
    (got,) = gradient(lambda x: np.sum(np.abs(x) ** 2), np.array([7.0, 11.0, 13.0]))
    assert_array_equal(got, [14.0, 22.0, 26.0])


def test_argument_that_reaches_a_shape_only():
    def f(x, y, d):
        p = x.shape[d]
        return np.sum(x**p + y)

    gx, gy, gd = gradient(f, np.array([7, 11]), 0, 0)
    assert_array_equal(gx, [14.0, 22.0])
    assert gx.dtype == np.float64
    assert (gy, gd) == (2.0, None)


def test_gradient_of_a_namedtuple():
    Linear = namedtuple("Linear", ["W", "b"])
    x = np.array([1.0, 2.0, 3.0])
    model = Linear(np.ones((2, 3)), np.zeros(2))
    (got,) = gradient(lambda m: np.sum(m.W @ x + m.b), model)
    assert got._fields == ("W", "b")
    assert_array_equal(got.W, [x, x])
    assert_array_equal(got.b, np.ones(2))


def test_gradient_of_a_tuple():
    a = np.array([1.0, 2.0, 3.0])
    got = gradient(lambda a, t: np.sum(a * t[0]) + t[1], a, (4, 5))
    assert_array_equal(got[0], [4.0, 4.0, 4.0])
    assert got[1] == (6.0, 1.0)


def test_string_argument_has_no_gradient():
    a = np.array([1.0, 2.0, 3.0])
    got = gradient(lambda a, s: np.sum(a ** len(s)), a, "str")
    assert_allclose(got[0], [3.0, 12.0, 27.0], rtol=1e-15)
    assert got[1] is None


def test_withgradient_of_a_builtin():
    got = withgradient(operator.truediv, 1, 2)
    assert got.val == 0.5
    exactly(got.grad, (0.5, -0.25))


def test_withgradient_differentiates_the_first_entry_of_a_tuple():
    val, grad = withgradient(lambda x: (x * x, "aside", 3.0 * x), 2.0)
    assert val == (4.0, "aside", 6.0)
    exactly(grad, (4.0,))


@pytest.mark.parametrize("name", ["dropgrad", "ignore_derivatives"])
def test_dropped_gradient_is_none(name):
    drop = getattr(numbad, name)
    exactly(gradient(lambda a, b: drop(a) * b, 2, 3), (None, 2.0))


def test_ignore_derivatives_of_a_thunk():
    def f(a, b):
        c = numbad.ignore_derivatives(lambda: a * 100.0)
        return c * b + a

    exactly(gradient(f, 2.0, 3.0), (1.0, 200.0))


def test_pullback():
    y, back = pullback(lambda a, b: a * b, 2.0, 3.0)
    assert y == 6.0
    exactly(back(1.0), (3.0, 2.0))
    exactly(back(10.0), (30.0, 20.0))


def test_pullback_of_an_array_function():
    x = np.array([1.0, 2.0, 3.0])
    y, back = pullback(lambda x: np.cumsum(x * x), x)
    assert_array_equal(y, [1.0, 5.0, 14.0])
    assert_array_equal(back(np.array([1.0, 0.0, 10.0]))[0], [22.0, 40.0, 60.0])


def test_vjp_is_pullback():
    assert numbad.vjp is numbad.pullback


def test_jvp():
    y, y_dot = jvp(lambda a, b: a * b, (2.0, 3.0), (1.0, None))
    assert (y, y_dot) == (6.0, 3.0)


def test_pushforward():
    push = numbad.pushforward(lambda a, b: a * b * b, 2.0, 3.0)
    assert push(1.0, 0.0) == 9.0
    assert push(None, 1.0) == 12.0


def test_derivative():
    assert derivative(lambda x: x**3, 2.0) == 12.0
    assert derivative(math.sin, 0) == 1.0
    assert_array_equal(derivative(lambda t: np.array([t, t * t, 1.0]), 3.0), [1.0, 6.0, 0.0])


def test_gradient_of_functions_without_source():
    exactly(gradient(math.sin, 0.0), (1.0,))
    exactly(gradient(np.cos, 0.0), (0.0,))
    exactly(gradient(operator.mul, 3.0, 4.0), (4.0, 3.0))


def test_grad_and_value_and_grad():
    f = lambda a, b: a * b * b
    assert numbad.grad(f)(2.0, 3.0) == 9.0
    assert numbad.grad(f, wrt=1)(2.0, 3.0) == 12.0
    assert numbad.grad(f, wrt=(0, 1))(2.0, 3.0) == (9.0, 12.0)
    assert numbad.value_and_grad(f)(2.0, 3.0) == (18.0, 9.0)


def test_wrt_by_index_name_and_tuple():
    f = lambda a, b, c: a * b * c
    exactly(gradient(f, 2.0, 3.0, 5.0, wrt=1), (None, 10.0, None))
    exactly(gradient(f, 2.0, 3.0, 5.0, wrt="c"), (None, None, 6.0))
    exactly(gradient(f, 2.0, 3.0, 5.0, wrt=(0, "c")), (15.0, None, 6.0))
