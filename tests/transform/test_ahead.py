"""Elementary functions ahead of recurrences: where they may go there, and that values stay."""

from __future__ import annotations

import ast
import math

import numpy as np
import pytest

import numbad


def path(spot, drift, vol, normals):
    price, total = spot, 0.0
    for t in range(normals.size):
        price *= math.exp(drift + vol * normals[t])
        total += price
    return total


def later_start(x, w):
    s = 1.0
    for i in range(2, x.size):
        s = s * 0.5 + s * np.sin(w * x[i]) * np.exp(-x[i - 2])
    return s


def backwards(x, w):
    s = 1.0
    for i in range(x.size - 1, -1, -1):
        s = s * np.cos(w * x[i]) + x[i]
    return s


def every_other(x, w):
    s = 1.0
    for i in range(0, x.size, 2):
        s = s * np.exp(-w * x[i]) + x[i]
    return s


def own_array(x, w):
    growth = np.empty(x.size)
    s = 1.0
    for i in range(x.size):
        growth[i] = np.exp(w * x[i])
        s = s * growth[i] + x[i]
    return s + growth[0]


def own_array_read_back(x, w):
    growth = np.ones(x.size + 1)
    s = 1.0
    for i in range(x.size):
        growth[i + 1] = np.exp(-w * x[i] * growth[i])
        s = s * growth[i + 1] + x[i]
    return s


def overwritten(x, w):
    y = x.copy()
    s = 1.0
    for i in range(y.size - 1):
        s = s * np.exp(-w * y[i])
        y[i + 1] += 0.1 * s
    return s + y[-1]


def of_the_state(x, w):
    s = 0.3
    for i in range(x.size):
        s = np.tanh(s * w + x[i])
    return s


def may_raise(x, w):
    s = 1.0
    for i in range(x.size):
        if x[i] > 10.0:
            raise ValueError("too large")
        s = s * np.exp(-w * x[i])
    return s


def nested(x, w):
    s = 1.0
    for k in range(3):
        for i in range(x.size):
            s = s * np.exp(-w * x[i] / (k + 1.0)) + 0.1 * x[i]
    return s


def power(x, w):
    s = 1.0
    for i in range(x.size):
        s = s * (1.0 + x[i] * x[i]) ** w + x[i]
    return s


PROGRAMS = [
    *(later_start, backwards, every_other, own_array, own_array_read_back, overwritten),
    *(of_the_state, may_raise, nested, power),
]


def _moved(text: str) -> bool:
    """Whether a loop only stores elementary functions and carries nothing."""
    for loop in ast.walk(ast.parse(text)):
        if not isinstance(loop, ast.For):
            continue
        calls = {ast.unparse(each.func) for each in ast.walk(loop) if isinstance(each, ast.Call)}
        names = {each.id for each in ast.walk(loop) if isinstance(each, ast.Name)}
        if calls & {"exp", "sin", "cos", "pow"} and not names & {"s", "s_bar"}:
            return True
    return False


@pytest.mark.parametrize("f", PROGRAMS)
@pytest.mark.parametrize("n", [0, 1, 5, 11])
def test_derivatives(f, n: int, rng: np.random.Generator) -> None:
    if f in (later_start, own_array, overwritten) and n < 2:
        pytest.skip("the program reads two elements")
    numbad.check_grads(f, (rng.uniform(0.1, 1.0, n), 0.7), order=2)


@pytest.mark.parametrize("f", PROGRAMS)
def test_value_is_that_of_the_program(f, rng: np.random.Generator) -> None:
    x = rng.uniform(0.1, 1.0, 13)
    value, _ = numbad.withgradient(f, x, 0.7)
    assert value == pytest.approx(f(x, 0.7), rel=1e-14)


def test_path(rng: np.random.Generator) -> None:
    numbad.check_grads(path, (1.3, 0.1, 0.4, rng.standard_normal(9)), order=2)


@pytest.mark.parametrize("f", [later_start, own_array, nested])
def test_is_computed_ahead(f, rng: np.random.Generator) -> None:
    assert _moved(numbad.code_adjoint(f, rng.uniform(0.1, 1.0, 5), 0.7))


@pytest.mark.parametrize("f", [own_array_read_back, overwritten, of_the_state, may_raise])
def test_stays_where_it_is(f, rng: np.random.Generator) -> None:
    assert not _moved(numbad.code_adjoint(f, rng.uniform(0.1, 1.0, 5), 0.7))


def test_stays_without_vector_mathematics(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numbad.config, "_vector_math", False)
    assert not _moved(numbad.code_adjoint(nested, rng.uniform(0.1, 1.0, 5), 0.25))


def test_error_of_the_program_is_raised() -> None:
    with pytest.raises(ValueError, match="too large"):
        numbad.gradient(may_raise, np.array([0.1, 11.0, 0.2]), 0.7)


def test_float32(rng: np.random.Generator) -> None:
    x = rng.uniform(0.1, 1.0, 8).astype(np.float32)
    found = numbad.gradient(path, np.float32(1.3), np.float32(0.1), np.float32(0.4), x)
    expected = numbad.gradient(path, 1.3, 0.1, 0.4, x.astype(float))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-5)


def test_pullback_twice(rng: np.random.Generator) -> None:
    x = rng.uniform(0.1, 1.0, 6)
    _, back = numbad.pullback(later_start, x, 0.7)
    expected = numbad.gradient(later_start, x, 0.7)
    for seed in (1.0, -2.5):
        for one, other in zip(back(seed), expected, strict=True):
            np.testing.assert_allclose(one, seed * np.asarray(other), rtol=1e-12)
