"""Powers of integers, and squares of absolute values, as Python and mathematics have them."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from numbad import diaghessian, gradient, hessian, hessian_reverse, hvp, withgradient
from tests.oracles import ridders

ENGINES = ("compiled", "traced")


def negative_literal(n, x):
    return x * n**-2


def run_time_exponent(n, x):
    return x * 2 ** (n - 5)


def product(n, x):
    r = 1
    for k in range(n):
        r *= 2 ** (k - 1)
    return r * x


def alternating(n, x):
    return sum((-1) ** k * x**k for k in range(n))


def sizes(n, x):
    return sum(x * k for k in range(2**n - 1)) + [x, x * x][2**n % 2]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("f", [negative_literal, run_time_exponent, product, alternating, sizes])
def test_powers_of_integers(f, engine):
    value, (n_bar, x_bar) = withgradient(f, 3, 1.5, engine=engine)
    assert value == pytest.approx(f(3, 1.5))
    assert x_bar == pytest.approx(ridders(lambda h: f(3, 1.5 + h))[0])
    if f in (negative_literal, run_time_exponent):
        assert n_bar == pytest.approx(ridders(lambda h: f(3 + h, 1.5))[0])


def test_a_size_that_is_no_integer():
    with pytest.raises(TypeError, match="cannot be interpreted as an integer"):
        gradient(sizes, -1, 1.5, engine="compiled")


def test_compiled_functions_keep_the_integers_of_numba():
    @njit
    def f(n, x):
        return x * 2**n

    assert gradient(f, 3, 1.5, engine="compiled")[1] == f(3, 1.0) == 8.0


def test_squares_of_absolute_values_are_smooth():
    for f in (lambda x: abs(x) ** 2, lambda x: np.abs(x) ** 2.0, lambda x: abs(x) * abs(x)):
        assert hessian(f, 0.0) == hessian_reverse(f, 0.0) == 2.0
        assert gradient(f, -3.0) == (-6.0,)
    x = np.array([0.0, -1.0])
    f = lambda v: np.sum(np.abs(v) ** 2)
    assert np.array_equal(hessian(f, x), 2 * np.eye(2))
    assert np.array_equal(diaghessian(f, x)[0], [2.0, 2.0])
    assert np.array_equal(hvp(f, x, np.array([1.0, 2.0])), [2.0, 4.0])
    assert hessian(lambda x: abs(x) ** 3, -2.0) == 12.0
    assert gradient(lambda x: x * abs(x) + abs(x) * 3.0, -2.0) == (1.0,)
    assert gradient(lambda x, y: abs(x) * abs(y), -2.0, 3.0) == (-3.0, 2.0)
