"""Idioms of packages that use Numba: typed locals, fixed signatures, overloads, root finders."""

from __future__ import annotations

import ast
import functools
import math
from typing import Any

import numba
import numpy as np
import pytest
from numba.extending import overload

import numbad
from numbad.errors import NoRule


def slope(f: Any, x: float, step: float = 1e-6) -> float:
    """Central difference."""
    return float((f(x + step) - f(x - step)) / (2 * step))


# --- decorators that fix types ------------------------------------------------------------------


@numba.njit(fastmath=True, locals={"total": numba.float32, "size": numba.intp})
def rounded_distance(x, y):
    total = 0.0
    size = x.shape[0]
    for i in range(size):
        gap = x[i] - y[i]
        total += gap * gap
    return math.sqrt(total)


def test_typed_locals_round_as_the_compiled_function_does():
    x, y = np.array([0.1, 0.7, 0.4]), np.array([0.3, 0.2, 0.9])
    found = numbad.withgradient(rounded_distance, x, y)
    assert found.val == rounded_distance(x, y)
    expected = (x - y) / found.val
    np.testing.assert_allclose(found.grad[0], expected, rtol=1e-6)
    np.testing.assert_allclose(found.grad[1], -expected, rtol=1e-6)


@numba.njit(locals={"x": numba.float32})
def rounded_argument(x):
    return x * x


def test_typed_parameters():
    found = numbad.withgradient(rounded_argument, 1.1)
    assert found.val == rounded_argument(1.1)
    assert found.grad[0] == pytest.approx(2 * float(np.float32(1.1)))


SIGNATURES = [
    numba.float32(numba.float32[:], numba.float32),
    numba.float64(numba.float64[:], numba.float64),
]


@numba.njit(SIGNATURES)
def scaled_sum(x, scale):
    return np.sum(x * x) * scale


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_the_fitting_signature_is_taken(kind):
    x = np.array([1.1, 2.2], kind)
    found = numbad.withgradient(scaled_sum, x, kind(1.3))
    assert found.val == pytest.approx(scaled_sum(x, kind(1.3)), rel=1e-7)
    np.testing.assert_allclose(found.grad[0], 2 * x * kind(1.3), rtol=1e-6)


@numba.njit(numba.float32(numba.float64))
def single_result(x):
    return x * 1.1


def test_a_fixed_result_type_rounds_the_result():
    assert numbad.withgradient(single_result, 0.3).val == single_result(0.3)


# --- overloads ----------------------------------------------------------------------------------


def power_of(x, degree=2):
    """A name that has a meaning only in compiled code."""


@overload(power_of)
def _power_of(x, degree=2):
    if isinstance(x, numba.types.Array):
        return lambda x, degree=2: np.sum(x**degree)
    if isinstance(x, numba.types.Float):
        return lambda x, degree=2: x**degree * 3.0
    return None


@numba.njit
def overloaded(x, y):
    return power_of(x) * power_of(y, 3)


def test_overloads_replace_functions_in_compiled_code():
    y = np.array([1.0, 2.0])
    found = numbad.withgradient(overloaded, 2.0, y)
    assert found.val == overloaded(2.0, y)
    assert found.grad[0] == pytest.approx(12.0 * 9.0)
    np.testing.assert_allclose(found.grad[1], 12.0 * 3 * y**2)


def test_a_missing_overload_is_refused():
    with pytest.raises(NoRule, match="`power_of`"):
        numbad.gradient(numba.njit(lambda x: power_of(x, 2) + 1.0), 2)


def own_meaning(x):
    return x * x


@overload(own_meaning)
def _own_meaning(x):
    return lambda x: x * x * x


def test_plain_python_does_not_see_overloads():
    assert numbad.gradient(lambda x: own_meaning(x), 3.0) == (6.0,)
    assert numbad.gradient(numba.njit(lambda x: own_meaning(x)), 3.0) == (27.0,)


# --- root finders -------------------------------------------------------------------------------


def finder(func, prime):
    """Newton's method with the function and its slope in closure cells."""

    @numba.njit
    def find(x0, a, tol=1e-10, count=50):
        old = x0
        for _ in range(count):
            new = old - func(old, a) / prime(old, a)
            if abs(new - old) < tol:
                return new
            old = new
        return np.nan

    return find


@numba.njit
def anomaly(e, a):
    return e - a * math.sin(e) - 0.3


@numba.njit
def anomaly_prime(e, a):
    return 1 - a * math.cos(e)


def test_a_result_that_only_some_paths_bind():
    find = finder(anomaly, anomaly_prime)
    found = numbad.gradient(find, 0.3, 0.2)
    assert found[1] == pytest.approx(slope(lambda a: find(0.3, a), 0.2), rel=1e-6)


@numba.njit
def series(x, tolerance):
    total, term, k = 0.0, 1.0, 0
    while True:
        previous = total
        total += term / (2 * k + 1)
        term *= x
        k += 1
        if abs(total - previous) < tolerance:
            return total


def test_an_endless_loop_left_by_return():
    expected = slope(lambda x: series(x, 1e-13), 0.3)
    assert numbad.gradient(series, 0.3, 1e-13)[0] == pytest.approx(expected, rel=1e-6)


# --- correlations by cases ------------------------------------------------------------------------


@numba.njit
def tabulated(x):
    if x < 0.5:
        y = x * 1.0 + 0.0
    elif x < 1.5:
        y = x * 2.0 + 1.0
    elif x < 2.5:
        y = x * 3.0 + 2.0
    elif x < 3.5:
        y = x * 4.0 + 3.0
    elif x < 4.5:
        y = x * 5.0 + 4.0
    elif x < 5.5:
        y = x * 6.0 + 5.0
    elif x < 6.5:
        y = x * 7.0 + 6.0
    elif x < 7.5:
        y = x * 8.0 + 7.0
    elif x < 8.5:
        y = x * 9.0 + 8.0
    elif x < 9.5:
        y = x * 10.0 + 9.0
    elif x < 10.5:
        y = x * 11.0 + 10.0
    elif x < 11.5:
        y = x * 12.0 + 11.0
    elif x < 12.5:
        y = x * 13.0 + 12.0
    elif x < 13.5:
        y = x * 14.0 + 13.0
    elif x < 14.5:
        y = x * 15.0 + 14.0
    elif x < 15.5:
        y = x * 16.0 + 15.0
    elif x < 16.5:
        y = x * 17.0 + 16.0
    elif x < 17.5:
        y = x * 18.0 + 17.0
    elif x < 18.5:
        y = x * 19.0 + 18.0
    elif x < 19.5:
        y = x * 20.0 + 19.0
    elif x < 20.5:
        y = x * 21.0 + 20.0
    elif x < 21.5:
        y = x * 22.0 + 21.0
    elif x < 22.5:
        y = x * 23.0 + 22.0
    elif x < 23.5:
        y = x * 24.0 + 23.0
    else:
        y = x
    return y * y


def test_a_long_chain_of_cases():
    assert numbad.gradient(tabulated, 20.2) == pytest.approx((2 * 21.0 * (20.2 * 21.0 + 20.0),))


# --- arrays -------------------------------------------------------------------------------------


@numba.njit
def rotation(angle, axis):
    angle = np.asarray(angle)
    a, b = (axis + 1) % 3, (axis + 2) % 3
    result = np.zeros((*angle.shape, 3, 3))
    result[..., axis, axis] = 1.0
    result[..., a, a] = np.cos(angle)
    result[..., a, b] = -np.sin(angle)
    result[..., b, a] = np.sin(angle)
    result[..., b, b] = np.cos(angle)
    return result


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_numbers_as_arrays_without_dimensions(axis):
    weights = np.arange(9.0).reshape(3, 3)
    value, back = numbad.pullback(rotation, 0.3, axis)
    np.testing.assert_array_equal(value, rotation(0.3, axis))
    expected = slope(lambda angle: np.sum(weights * rotation(angle, axis)), 0.3)
    assert back(weights)[0] == pytest.approx(expected, rel=1e-8)


# --- functions of math that Numba lacks ---------------------------------------------------------

MATH = {
    "cbrt": lambda x: math.cbrt(x),
    "log to a base": lambda x: math.log(x, 3.0),
    "hypot of three": lambda x: math.hypot(x, x * x, 2.0),
    "fmod": lambda x: math.fmod(x, 1.3) * x,
    "isclose": lambda x: x * x if math.isclose(x, 2.0, rel_tol=0.5) else x,
    "counts": lambda x: (math.comb(5, 2) + math.perm(5, 2) + math.factorial(4)) * x,
}


@pytest.mark.parametrize("name", MATH)
def test_functions_of_math(name):
    found = numbad.withgradient(MATH[name], 2.0)
    assert found.val == pytest.approx(MATH[name](2.0), rel=1e-15)
    assert found.grad[0] == pytest.approx(slope(MATH[name], 2.0), rel=1e-7)


# --- source -------------------------------------------------------------------------------------

# fmt: off
first = lambda x: x * 2.0; second = lambda x: x * 3.0  # noqa: E702, E731
# fmt: on


def test_several_statements_on_one_line():
    assert numbad.gradient(first, 1.0) == (2.0,)
    assert numbad.gradient(second, 1.0) == (3.0,)


# --- overloads written out as text --------------------------------------------------------------


def combine():
    pass


@overload(combine)
def written_out(function, items):
    calls = ", ".join(f"function(items[{i}])" for i in range(len(items)))
    text = f"def combined(function, items): return ({calls}, )"
    space = {}
    exec(compile(ast.parse(text), "x", "exec"), space)
    return space["combined"]


@numba.njit
def square(x):
    return x * x


@numba.njit
def sum_of_squares(x, y):
    a, b = combine(square, (x, y))
    return a + b


def test_overload_made_by_exec():
    assert numbad.gradient(sum_of_squares, 2.0, 3.0) == (4.0, 6.0)


# --- objects that stand for functions -----------------------------------------------------------


class Scaled:
    """What a decorator that is a class makes of a function; it looks like the function."""

    def __init__(self, function: Any, factor: float) -> None:
        self.function = function
        self.factor = factor
        functools.update_wrapper(self, function)

    def __call__(self, a: Any, *, place: int = 2, scale: float = 1.0) -> Any:
        return self.function(a, place) * scale * self.factor


@functools.partial(Scaled, factor=3.0)
def squared_item(a, place):
    return a[place] ** 2


def test_an_object_around_a_function_is_called_by_its_own_class():
    x = np.array([0.5, 1.5, 2.5, 3.5])
    assert numbad.gradient(lambda a: squared_item(a), x)[0] == pytest.approx([0, 0, 15.0, 0])
    found = numbad.gradient(lambda a: squared_item(a, place=3, scale=a[1]), x)[0]
    assert found == pytest.approx([0, 3 * 3.5**2, 0, 1.5 * 21.0])


def test_questions_about_dtypes():
    def total(x, y):
        if np.issubdtype(x.dtype, np.floating) and not np.issubdtype(x.dtype, np.integer):
            return np.sum(x) * y
        return y

    found = numbad.gradient(total, np.array([1.0, 2.5]), 2.0, engine="compiled")
    assert found[0] == pytest.approx([2.0, 2.0])
    assert found[1] == 3.5


def test_a_question_about_what_is_no_class_raises_as_python_does():
    def is_float(kind):
        try:
            return issubclass(kind, float)
        except TypeError:
            return False

    def f(x, kind):
        return x * x if is_float(kind) else 3.0 * x

    assert numbad.gradient(f, 2.0, "no class", engine="compiled") == (3.0, None)
    assert numbad.gradient(f, 2.0, np.float64, engine="compiled") == (4.0, None)


@numba.njit("float64(float64, float64)")
def fixed_square(x, y):
    return (x - y) ** 2


@numba.njit
def open_square(x, y):
    return (x - y) ** 2


@numba.njit
def total_cost(x, y, cost):
    total = 0.0
    for i in range(x.size):
        total += cost(x[i], y[i])
    return total


@pytest.mark.parametrize("cost", [fixed_square, open_square, open_square.py_func])
def test_compiled_functions_are_arguments(cost: Any) -> None:
    x, y = np.array([0.5, 2.0]), np.array([1.0, -1.0])
    found = numbad.gradient(total_cost, x, y, cost, engine="compiled")
    assert found[0] == pytest.approx(2 * (x - y))
    assert found[1] == pytest.approx(2 * (y - x))
    assert found[2] is None
