"""Hidden counters of loops that count down: where they help, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

import numbad
from numbad import calls
from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.kernels.loops import opaque


def wave(u, c, steps):
    before = u.copy()
    u = u.copy()
    after = np.zeros(u.size)
    for _ in range(steps):
        for i in range(1, u.size - 1):
            lap = u[i - 1] - 2.0 * u[i] + u[i + 1]
            after[i] = 2.0 * u[i] - before[i] + c * lap
        before, u, after = u, after, before
    return np.sum(u * u)


def history(u, c, steps):
    states = np.zeros((steps + 1, u.size))
    states[0] = u
    for t in range(steps):
        for i in range(1, u.size - 1):
            lap = states[t, i - 1] - 2.0 * states[t, i] + states[t, i + 1]
            states[t + 1, i] = states[t, i] + c * lap * states[t, i]
    return np.sum(states[-1] * u)


def spread(u, c, steps):
    u = u.copy()
    v = u.copy()
    for _ in range(steps):
        for i in range(1, u.size):
            if u[i] > 0.0:
                v[i] = u[i] + c * u[i - 1]
        u, v = v, u
    return np.sum(u * u)


PROGRAMS = [wave, history, spread]


@pytest.mark.parametrize("f", PROGRAMS)
@pytest.mark.parametrize(("size", "steps"), [(3, 2), (5, 1), (41, 4)])
def test_derivatives(f, size: int, steps: int, rng: np.random.Generator) -> None:
    u = rng.normal(size=size)
    numbad.check_grads(lambda u, c: f(u, c, steps), (u, 0.2), order=2)


@pytest.mark.parametrize("f", PROGRAMS)
def test_value_is_that_of_the_program(f, rng: np.random.Generator) -> None:
    u = rng.normal(size=60)
    assert numbad.withgradient(f, u, 0.2, 5).val == numbad.pullback(f, u, 0.2, 5)[0]


def test_backward_steps_of_exchanged_buffers_are_hidden(rng: np.random.Generator) -> None:
    assert "opaque(" in numbad.code_adjoint(wave, rng.normal(size=20), 0.2, 3)


def product(a, x):
    y = np.zeros(a.shape[0])
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            y[i] += a[i, j] * x[j]
    return np.sum(y * y)


def test_known_arrays_are_not_compared(rng: np.random.Generator) -> None:
    assert "opaque(" not in numbad.code_adjoint(product, rng.normal(size=(4, 20)), np.ones(20))


# --- which loops of a program ----------------------------------------------------------------


def triangle(t, u, v):
    for k in range(t.shape[0] - 1, -1, -1):
        for i in range(k, u.size):
            v[i] += u[i] * t[k, i]
    return v[0]


def upward(t, u, v):
    for k in range(t.shape[0]):
        for i in range(u.size):
            v[i] += u[i] * t[k, i]
    return v[0]


def same_row(t, u, v):
    for k in range(t.shape[0] - 1, -1, -1):
        for i in range(u.size):
            v[i] += u[i]
    return v[0] + t[0, 0]


def recurrence(t, u, v):
    for k in range(t.shape[0] - 1, -1, -1):
        s = 0.0
        for i in range(u.size):
            s = s * 0.5 + t[k, i]
            v[i] = s * u[i]
    return v[0]


def new_array(t, u, v):
    w = np.zeros(u.size)
    for k in range(t.shape[0] - 1, -1, -1):
        for i in range(u.size):
            w[i] += u[i] * t[k, i] * v[i]
    return w[0]


def _loops(f, *args: object) -> list[ir.For]:
    program = calls.compiled(f, args, {}, "primal", (0,)).program
    return [s for s in visit.walk(program.entry.body) if isinstance(s, ir.For)]


def _is_hidden(loop: ir.For) -> bool:
    first = loop.body[0]
    return isinstance(first, ir.Let) and first.expr == ir.Call(opaque, (loop.index,))


@pytest.fixture
def arrays(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return rng.normal(size=(4, 30)), rng.normal(size=30), rng.normal(size=30)


@pytest.mark.parametrize("f", [upward, same_row, recurrence, new_array])
def test_other_loops_keep_their_counters(f, arrays) -> None:
    assert not any(_is_hidden(loop) for loop in _loops(f, *arrays) if loop.body)


def test_bounds_keep_the_counter(arrays) -> None:
    outer, inner = _loops(triangle, *arrays)
    assert _is_hidden(outer)
    assert inner.start == outer.index
    shown = outer.body[0].target
    loads = [s.expr for s in visit.walk(inner.body) if isinstance(s, ir.Let)]
    assert any(isinstance(expr, ir.Load) and shown in expr.index for expr in loads)


@pytest.mark.parametrize("f", [triangle, upward, same_row, recurrence, new_array])
def test_values(f, arrays) -> None:
    t, u, v = arrays
    expected = v.copy()
    value = f(t, u, expected)
    found = v.copy()
    assert numbad.pullback(f, t, u, found)[0] == pytest.approx(value, rel=1e-14)
    np.testing.assert_allclose(found, expected, rtol=1e-14)
