"""Solutions of equations: the implicit function theorem against unrolled solvers and formulas."""

import math
from collections import namedtuple
from dataclasses import dataclass

import numpy as np
import pytest
from numba import njit
from numpy.testing import assert_allclose
from scipy import linalg, optimize

import numbad
from numbad import check_grads, gradient, hessian, hessian_reverse, implicit, jacobian, jvp


@njit
def newton(a, b):
    x = np.ones(2)
    for _ in range(50):
        r = np.array([x[0] ** 2 + x[1] - a, x[0] - b * x[1] ** 3])
        j = np.array([[2 * x[0], 1.0], [1.0, -3 * b * x[1] ** 2]])
        x = x - np.linalg.solve(j, r)
    return x


def balance(x, a, b):
    return [x[0] ** 2 + x[1] - a, x[0] - b * x[1] ** 3]


def by_scipy(a, b):
    return optimize.root(balance, np.ones(2), (a, b), tol=1e-13).x


compiled = implicit(newton, balance)
called_back = implicit(by_scipy, balance, like=np.ones(2))


def objective(solve, a, b):
    x = solve(a, b)
    return x[0] * x[1] + np.sum(x**2) * a


@pytest.mark.parametrize("solve", [compiled, called_back])
def test_first_derivatives_agree_with_those_of_the_unrolled_solver(solve):
    point = (2.0, 1.5)
    expected = gradient(lambda a, b: objective(newton, a, b), *point)
    assert_allclose(
        gradient(lambda a, b: objective(solve, a, b), *point, engine="compiled"), expected
    )
    tangent = jvp(lambda a, b: objective(solve, a, b), point, (0.3, -1.7))[1]
    assert tangent == pytest.approx(0.3 * expected[0] - 1.7 * expected[1])
    columns = jacobian(newton, *point)
    for mine, theirs in zip(jacobian(solve, *point, engine="compiled"), columns, strict=True):
        assert_allclose(mine, theirs, rtol=1e-10)
    assert_allclose(solve(*point), newton(*point))


def test_a_hessian_through_a_compiled_root():
    matrix = hessian(lambda p: objective(compiled, p[0], p[1]), np.array([2.0, 1.5]))

    def slopes(p):
        return np.array(gradient(lambda a, b: objective(newton, a, b), *p))

    for column, step in enumerate(1e-5 * np.eye(2)):
        moved = slopes(np.array([2.0, 1.5]) + step) - slopes(np.array([2.0, 1.5]) - step)
        assert_allclose(matrix[:, column], moved / 2e-5, rtol=1e-7)


def test_hessians_through_a_root_of_python_in_both_ways():
    root = implicit(lambda a: math.sqrt(a), lambda x, a: x * x - a, like=1.0)
    for verb in (hessian, hessian_reverse):
        assert verb(root, 3.0, engine="compiled") == pytest.approx(-0.25 * 3.0**-1.5)


@pytest.mark.parametrize("solve", [compiled, called_back])
def test_the_traced_engine_uses_the_theorem_too(solve):
    found = gradient(lambda a, b: objective(solve, a, b), 2.0, 1.5, engine="traced")
    assert_allclose(found, gradient(lambda a, b: objective(newton, a, b), 2.0, 1.5))


def test_a_solver_is_not_differentiated_but_run_once():
    calls = []

    def solve(a):
        calls.append(a)
        return math.sqrt(a)

    root = implicit(solve, lambda x, a: x * x - a, like=1.0)
    assert_allclose(gradient(lambda a: 5.0 * root(a), 4.0, engine="compiled"), (1.25,))
    assert calls == [4.0]


def test_a_number_with_an_integer_parameter():
    root = implicit(lambda a, n: a ** (1.0 / n), lambda x, a, n: x**n - a)
    assert_allclose(gradient(root, 2.0, 3), gradient(lambda a, n: a ** (1.0 / n), 2.0, 3))
    check_grads(lambda a: root(a, 3), (2.0,), order=2)


def test_the_solver_may_stop_when_it_likes():
    def kepler(mean, eccentricity):
        e = mean
        while abs(e - eccentricity * math.sin(e) - mean) > 1e-13:
            e -= (e - eccentricity * math.sin(e) - mean) / (1.0 - eccentricity * math.cos(e))
        return e

    anomaly = implicit(kepler, lambda e, m, ecc: e - ecc * math.sin(e) - m)

    def total(means, eccentricity):
        found = 0.0
        for i in range(means.size):
            found += (i + 1) * anomaly(means[i], eccentricity)
        return found

    means = np.array([0.3, 1.1, 2.7])
    e = np.array([kepler(m, 0.4) for m in means])
    slope = np.arange(1, 4) / (1.0 - 0.4 * np.cos(e))
    found = gradient(total, means, 0.4)
    assert_allclose(found[0], slope)
    assert_allclose(found[1], np.sum(slope * np.sin(e)))
    check_grads(lambda m, ecc: total(m, ecc), (means, 0.4), order=2)


def test_fixed_points():
    def iterate(w, b):
        x = np.zeros(3)
        for _ in range(200):
            x = np.tanh(w @ x + b)
        return x

    w = 0.4 * np.array([[0.3, -0.7, 0.2], [0.9, 0.1, -0.4], [-0.5, 0.6, 0.8]])
    b = np.array([0.2, -0.3, 0.5])
    solve = implicit(iterate, fixed_point=lambda x, w, b: np.tanh(w @ x + b))
    weights = np.array([1.0, -2.0, 0.5])
    found = gradient(lambda w, b: np.sum(weights * solve(w, b)), w, b)
    expected = gradient(lambda w, b: np.sum(weights * iterate(w, b)), w, b)
    for mine, theirs in zip(found, expected, strict=True):
        assert_allclose(mine, theirs, rtol=1e-10)


MATRIX = np.array([[3.0, 1.0], [0.5, 2.0]])
RIGHT = np.array([1.0, -2.0])
System = namedtuple("System", "a b")


@dataclass
class Problem:
    a: object
    b: object


@pytest.mark.parametrize("like", [None, RIGHT])
def test_linear_systems_given_as_containers(like):
    expected = gradient(lambda a, b: np.sum(np.linalg.solve(a, b) ** 3), MATRIX, RIGHT)
    by_key = implicit(
        lambda s: np.linalg.solve(s["a"], s["b"]), lambda x, s: s["a"] @ x - s["b"], like=like
    )
    (found,) = gradient(
        lambda s: np.sum(by_key(s) ** 3), {"a": MATRIX, "b": RIGHT}, engine="compiled"
    )
    assert_allclose(found["a"], expected[0])
    assert_allclose(found["b"], expected[1])
    by_name = implicit(lambda s: np.linalg.solve(s.a, s.b), lambda x, s: s.a @ x - s.b, like=like)
    for system in (System(MATRIX, RIGHT), Problem(MATRIX, RIGHT)):
        (found,) = gradient(lambda s: np.sum(by_name(s) ** 3), system, engine="compiled")
        assert_allclose(found.a, expected[0])
        assert_allclose(found.b, expected[1])


def test_a_matrix_as_solution():
    def root(a):
        x = np.eye(2)
        for _ in range(60):
            x = 0.5 * (x + np.linalg.inv(x) @ a)
        return x

    solve = implicit(root, lambda x, a: x @ x - a)
    a = np.array([[4.0, 1.0], [1.5, 3.0]])
    assert_allclose(solve(a), linalg.sqrtm(a))
    check_grads(lambda a: solve(a)[0, 1] + 2.0 * solve(a)[1, 1] ** 2, (a,), order=2)


def test_inside_compiled_code():
    @njit
    def first(a, b):
        return compiled(a, b)[0]

    assert first(2.0, 1.5) == pytest.approx(newton(2.0, 1.5)[0])
    expected = [row[0] for row in jacobian(newton, 2.0, 1.5)]
    assert_allclose(gradient(first, 2.0, 1.5), expected)


def test_nested_solutions_compose():
    inner = implicit(lambda a: math.sqrt(a), lambda x, a: x * x - a)
    outer = implicit(lambda a: a**0.25, lambda y, a: y * y - inner(a))
    assert_allclose(gradient(outer, 3.0), (0.25 * 3.0**-0.75,))
    assert hessian(outer, 3.0) == pytest.approx(0.25 * -0.75 * 3.0**-1.75)


def test_where_the_theorem_does_not_hold_it_is_said():
    root = implicit(lambda a: math.sqrt(a), lambda x, a: x * x - a)
    with pytest.raises(ZeroDivisionError):
        gradient(root, 0.0)
    fold = implicit(lambda a: np.sqrt(a) * np.ones(2), lambda x, a: x * x - a)
    with pytest.raises(np.linalg.LinAlgError):
        gradient(lambda a: np.sum(fold(a)), 0.0)


def test_a_solution_that_is_not_what_was_announced():
    number = implicit(lambda a: np.ones(2) * a, lambda x, a: x - a, like=1.0)
    with pytest.raises(ValueError, match="returns an array, the example is a number"):
        gradient(number, 1.0, engine="compiled")
    array = implicit(lambda a: np.ones((2, 2)) * a, lambda x, a: x - a, like=np.ones(2))
    with pytest.raises(ValueError, match="of 2 dimensions, the example has 1"):
        gradient(lambda a: np.sum(array(a)), 1.0, engine="compiled")


def test_what_is_refused():
    with pytest.raises(TypeError, match="either a residual or a fixed_point"):
        implicit(math.sqrt)
    with pytest.raises(TypeError, match="residual of implicit must be callable"):
        implicit(math.sqrt, 3.0)
    with pytest.raises(TypeError, match="fixed_point of implicit must be callable"):
        implicit(math.sqrt, fixed_point=3.0)
    with pytest.raises(TypeError, match="like must be a real number"):
        implicit(math.sqrt, lambda x, a: x * x - a, like="1.0")


def test_errors_of_the_solver_surface_unchanged():
    def fails(a):
        raise RuntimeError("no convergence")

    solve = implicit(fails, lambda x, a: x - a, like=1.0)
    with pytest.raises(RuntimeError, match="no convergence"):
        gradient(lambda a: solve(a) ** 2, 1.0, engine="compiled")


def test_making_a_solution_keeps_compilations():
    def f(x):
        return x * x

    gradient(f, 3.0)
    before = numbad.calls.compiled(f, (3.0,), {}, "gradient", (0,))
    implicit(lambda a: math.sqrt(a), lambda x, a: x * x - a)
    assert numbad.calls.compiled(f, (3.0,), {}, "gradient", (0,)) is before
