"""Tests of the oracles: right derivatives pass, each kind of wrong one is caught and named."""

import math

import mpmath
import numpy as np
import pytest

import numbad
from tests import oracles
from tests.programs.program import Program
from tests.structures import at, inner, leaves, rebuild


def f(x, c):
    for i in range(len(x)):
        x[i] = x[i] * x[i] * c
    return x[0] * x[1] + math.sin(c)


PROGRAM = Program("f", f, lambda r: (r.uniform(0.5, 1.5, 2), r.uniform(0.5, 1.5)))


def right(x, c):
    """Value and gradient of ``f``, by hand."""
    value = c * c * (x[0] * x[1]) ** 2
    gradient = 2.0 * c * c * x[::-1] * x[0] * x[1]
    grad_c = 2.0 * c * (x[0] * x[1]) ** 2 + math.cos(c)
    x[:] = c * x**2
    return value + math.sin(c), (gradient, grad_c)


WRONG = {
    "scaled": (lambda v, g, x: (v, (1.001 * g[0], g[1])), "finite differences"),
    "one argument": (lambda v, g, x: (v, (g[0], -g[1])), r"-> argument \(1,\)"),
    "swapped elements": (lambda v, g, x: (v, (g[0][::-1].copy(), g[1])), r"-> argument \(0,\)"),
    "zero for a path": (lambda v, g, x: (v, (g[0], 0.0)), r"-> argument \(1,\)"),
    "None for a path": (lambda v, g, x: (v, (None, g[1])), r"-> argument \(0,\)"),
    "nan": (lambda v, g, x: (v, (g[0] * np.nan, g[1])), "finite differences"),
    "value": (lambda v, g, x: (v + 1e-6, g), "value in reverse mode"),
    "shape": (lambda v, g, x: (v, (g[0][:, None], g[1])), r"\(0,\)"),
    "dtype": (lambda v, g, x: (v, (g[0].astype(np.float32), g[1])), r"\(0,\)"),
    "entry missing": (lambda v, g, x: (v, g[:1]), "one entry per argument"),
    "a list": (lambda v, g, x: (v, list(g)), "a tuple"),
    "not fresh": (lambda v, g, x: (v, (x, g[1])), "shares memory"),
}


@pytest.fixture
def stand_in(monkeypatch):
    """Replace numbad's reverse mode by ``right`` followed by a change."""

    def install(change):
        def withgradient(function, x, c):
            value, gradient = right(x, c)
            return change(value, gradient, x)

        monkeypatch.setattr(numbad, "withgradient", withgradient)

    return install


def test_a_right_derivative_passes(stand_in):
    stand_in(lambda v, g, x: (v, g))
    oracles.check_program(PROGRAM, modes=("reverse",))


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_derivative_fails(stand_in, name):
    change, message = WRONG[name]
    stand_in(change)
    with pytest.raises(AssertionError, match=message):
        oracles.check_program(PROGRAM, modes=("reverse",))


def test_wrong_effect_on_arguments_fails(stand_in):
    def undo(v, g, x):
        x[:] = 1.0
        return v, g

    stand_in(undo)
    with pytest.raises(AssertionError, match="arguments after reverse mode"):
        oracles.check_program(PROGRAM, modes=("reverse",))


def test_second_call_that_differs_fails(stand_in):
    calls = []

    def drift(v, g, x):
        calls.append(v)
        return v, (g[0] * (1.0 + 1e-15 * len(calls)), g[1] + 1e-14 * len(calls))

    stand_in(drift)
    with pytest.raises(AssertionError, match="second call"):
        oracles.check_program(PROGRAM, modes=("reverse",))


def test_ridders_is_accurate_and_honest():
    derivative, error = oracles.ridders(lambda t: math.exp(math.sin(1.0 + t)))
    exact = math.cos(1.0) * math.exp(math.sin(1.0))
    assert abs(derivative - exact) < 1e-11
    assert error < 1e-9
    assert oracles.ridders(lambda t: float(t > 0.0))[1] > 1.0


def test_complex_step_is_exact():
    got = oracles.complex_step(lambda x, y: np.exp(x) * y, (1.0, 2.0), {(0,): 1.0, (1,): 0.5})
    assert got == pytest.approx(2.5 * math.e, rel=1e-15)


def test_mpmath_derivative():
    got = oracles.mpmath_derivative(lambda x, y: mpmath.gamma(x) * y, 3.0, 2.0, wrt=0)
    assert got == pytest.approx(2.0 * 2.0 * float(mpmath.psi(0, 3)), rel=1e-15)


def test_trees():
    tree = {"w": np.ones(2), "rest": (1.0, [2j, "text"])}
    assert [path for path, _ in leaves(tree)] == [("w",), ("rest", 0), ("rest", 1, 0)]
    doubled = rebuild(tree, lambda _, leaf: 2 * leaf)
    assert doubled["rest"] == (2.0, [4j, "text"])
    assert at({"w": None}, ("w", 3)) is None
    assert inner(1 + 2j, 3 - 1j) == 1.0
    with pytest.raises(AssertionError, match="shapes"):
        inner(np.ones(2), np.ones(3))
