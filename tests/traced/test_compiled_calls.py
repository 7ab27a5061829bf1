"""Kernels that are called by traced functions are compiled; the derivative is that of tracing."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
from numba import njit
from numpy.testing import assert_allclose

import numbad
from numbad import compiled_calls
from numbad.traced import rewrite

COUNT = 2
SCALE = np.array([1.5, -0.5, 2.0])
pytestmark = pytest.mark.filterwarnings("ignore::numbad.errors.TracedFallbackWarning")


@pytest.fixture(autouse=True)
def engine_falls_back():
    with numbad.config.override(engine="auto"):
        yield


@pytest.fixture
def traced_kernels(monkeypatch):
    """Names of the functions that were rewritten for tracing."""
    names = set()
    original = rewrite.rewritten

    def noting(function, hooks):
        names.add(function.__name__)
        return original(function, hooks)

    monkeypatch.setattr(rewrite, "rewritten", noting)
    return names


def refuse(value):
    """Pass a value on in a way that is not compiled."""
    kept = {}
    for k in range(COUNT):
        kept[k] = value
    return kept[0]


@njit
def lap(u, k):
    out = np.empty_like(u)
    for i in range(u.size):
        out[i] = k * (u[i - 1] - 2.0 * u[i]) + math.sin(u[i])
    return out


@njit
def both(a, b):
    return a * b, a + math.exp(b), 3


@njit
def write(u, k):
    u[0] = k * u[1]
    return u.sum()


@njit
def part(u):
    return u[1:]


@njit
def scaled(u):
    return u * SCALE


def chain(u, k):
    for _ in refuse(range(3)):
        u = u + 0.1 * lap(u, k)
    a, b, n = both(u[0], k)
    return np.sum(u**2) * a + b * n


POINT = (np.array([0.3, -1.2, 0.7]), 0.4)


def by_tracing(f, args):
    return numbad.gradient(f, *args, engine="traced")


def check(f, args):
    found = numbad.gradient(f, *args)
    for one, other in zip(found, by_tracing(f, args), strict=True):
        assert_allclose(one, other, rtol=1e-12)
    return found


def test_kernels_are_compiled(traced_kernels):
    check_names = {"lap", "both"}
    found = numbad.gradient(chain, *POINT)
    assert "chain" in traced_kernels
    assert not traced_kernels & check_names
    for one, other in zip(found, by_tracing(chain, POINT), strict=True):
        assert_allclose(one, other, rtol=1e-12)
    assert traced_kernels >= check_names


def test_forward_mode(traced_kernels):
    tangents = (np.array([1.0, -0.3, 0.2]), 0.7)
    y, y_dot = numbad.jvp(chain, POINT, tangents)
    assert "lap" not in traced_kernels
    u_bar, k_bar = by_tracing(chain, POINT)
    assert_allclose(y_dot, u_bar @ tangents[0] + k_bar * tangents[1], rtol=1e-12)
    assert_allclose(y, chain(*POINT))


def test_pullback_with_any_seed():
    def f(u, k):
        return lap(refuse(u), k) * 2.0

    seed = np.array([0.3, 2.0, -1.0])
    _, back = numbad.pullback(f, *POINT)
    _, traced_back = numbad.pullback(f, *POINT, engine="traced")
    for one, other in zip(back(seed), traced_back(seed), strict=True):
        assert_allclose(one, other, rtol=1e-12)


def test_later_assignments_do_not_count():
    def f(u, k):
        u = refuse(u).copy()
        y = lap(u, k)
        u[:] = 7.0
        return np.sum(y * y) + u[0]

    check(f, POINT)


def test_writing_kernels_and_views_are_traced():
    def writing(u, k):
        u = refuse(u).copy()
        return write(u, k) * u[0]

    def viewing(u, k):
        u = refuse(u).copy()
        v = part(u)
        v[0] = k
        return np.sum(u * u)

    for f in (writing, viewing):
        check(f, POINT)


def test_containers_and_keywords():
    @dataclass
    class Model:
        k: float
        u: np.ndarray

    def f(model):
        return np.sum(lap(u=refuse(model.u), k=2.0) + lap(model.u, model.k)) ** 2

    model = Model(0.4, POINT[0])
    found, expected = numbad.gradient(f, model)[0], by_tracing(f, (model,))[0]
    assert_allclose(found.k, expected.k)
    assert_allclose(found.u, expected.u)


def test_live_arrays_that_are_differentiated():
    def f(u):
        return np.sum(scaled(refuse(u)) ** 2)

    expected = 2.0 * POINT[0] ** 2 * SCALE
    u = POINT[0]
    grads = numbad.gradient(lambda: f(u), numbad.Params([SCALE]))
    assert_allclose(grads[SCALE], expected)


def test_nested_derivatives_are_traced():
    def f(u, k):
        return np.sum(lap(refuse(u), k) ** 3)

    def outer(k):
        return numbad.gradient(lambda k: f(POINT[0], k), refuse(k))[0] ** 2

    expected = numbad.gradient(outer, 0.4, engine="traced")
    assert_allclose(numbad.gradient(outer, 0.4), expected)
    _, back = numbad.pullback(f, *POINT)

    def through_back(scale):
        return back(refuse(scale))[1] * scale

    assert_allclose(numbad.gradient(through_back, 2.0)[0], 4.0 * back(1.0)[1])


def test_errors_pass_and_exact_numbers_are_traced():
    from fractions import Fraction

    @njit
    def fails(x):
        if x > 1.0:
            raise ValueError("too large")
        return x * x

    with pytest.raises(ValueError, match="too large"):
        numbad.gradient(lambda x: fails(refuse(x)), 2.0)
    assert numbad.gradient(lambda x: fails(refuse(x)), 0.5) == (1.0,)
    assert numbad.gradient(lambda x: fails(refuse(x)), Fraction(1, 2)) == (Fraction(1),)


def test_the_traced_engine_itself_compiles_nothing(monkeypatch):
    def never(*_):
        raise AssertionError

    monkeypatch.setattr(compiled_calls, "call", never)
    by_tracing(chain, POINT)
