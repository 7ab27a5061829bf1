"""Sums in any order: those of cotangents, and none that the program itself can see."""

from __future__ import annotations

import math

import numpy as np
import pytest

import numbad
from numbad import calls
from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.kernels.arithmetic import add_unordered
from numbad.transform.sums import free_sums


def outer(a, x):
    y = np.zeros(a.shape[1])
    for i in range(a.shape[0]):
        xi = x[i]
        for j in range(a.shape[1]):
            y[j] += a[i, j] * xi
    return np.sum(y * y)


def differences(a, x):
    y = a.copy()
    for i in range(a.shape[0]):
        shift = np.exp(x[i])
        for j in range(a.shape[1]):
            y[i, j] = (y[i, j] - shift) * y[i, j]
    return np.sum(np.dot(y, y.T))


def single(a, x):
    y = np.zeros(a.shape[1], dtype=np.float32)
    for i in range(a.shape[0]):
        xi = np.float32(x[i])
        for j in range(a.shape[1]):
            y[j] += np.float32(a[i, j]) * xi
    return np.sum(y * y)


def conditional(a, x):
    y = a.copy()
    for i in range(a.shape[0]):
        low = x[i]
        for j in range(a.shape[1]):
            if y[i, j] > low:
                y[i, j] = (y[i, j] - low) * y[i, j]
            else:
                y[i, j] = 0.5 * y[i, j] * low
    return np.sum(np.dot(y, y.T))


PROGRAMS = [outer, differences, conditional]


@pytest.mark.parametrize("f", PROGRAMS)
@pytest.mark.parametrize("shape", [(0, 0), (1, 3), (3, 1), (4, 37)])
def test_derivatives(f, shape: tuple[int, int], rng: np.random.Generator) -> None:
    numbad.check_grads(f, (rng.normal(size=shape), rng.normal(size=shape[0])), order=2)


@pytest.mark.parametrize("f", [*PROGRAMS, single])
def test_value_is_that_of_the_program(f, rng: np.random.Generator) -> None:
    a, x = rng.normal(size=(7, 61)), rng.normal(size=7)
    primal = numbad.pullback(f, a, x)[0]
    assert numbad.withgradient(f, a, x).val == primal


@pytest.mark.parametrize("f", [*PROGRAMS, single])
def test_sums_of_cotangents_are_free(f, rng: np.random.Generator) -> None:
    a, x = rng.normal(size=(3, 40)), rng.normal(size=3)
    assert "add_unordered(" in numbad.code_adjoint(f, a, x)


def test_pullback_agrees_with_gradient(rng: np.random.Generator) -> None:
    a, x = rng.normal(size=(5, 50)), rng.normal(size=5)
    _, back = numbad.pullback(outer, a, x)
    expected = numbad.gradient(outer, a, x)
    for found, other in zip(back(1.0), expected, strict=True):
        np.testing.assert_allclose(found, other, rtol=1e-13)
    for found, other in zip(back(-2.5), expected, strict=True):
        np.testing.assert_allclose(found, -2.5 * other, rtol=1e-13)


def test_compiled_sum_is_exact_where_all_orders_are(rng: np.random.Generator) -> None:
    a = rng.integers(-50, 50, size=(4, 203)).astype(np.float64)
    x = rng.integers(-50, 50, size=4).astype(np.float64)
    y = x @ a
    a_bar, x_bar = numbad.gradient(outer, a, x)
    assert (a_bar == 2.0 * np.outer(x, y)).all()
    assert (x_bar == 2.0 * a @ y).all()


def diffusion(u, c, steps):
    u = u.copy()
    v = u.copy()
    for _ in range(steps):
        for i in range(1, u.size - 1):
            v[i] = u[i] + c * (u[i - 1] - 2.0 * u[i] + u[i + 1])
        u, v = v, u
    return np.sum(u * u)


@pytest.mark.parametrize(("size", "steps"), [(2, 3), (3, 1), (4, 2), (70, 5)])
def test_stencils(size: int, steps: int, rng: np.random.Generator) -> None:
    u = rng.normal(size=size)
    assert "add_unordered(" in numbad.code_adjoint(diffusion, u, 0.2, steps)
    numbad.check_grads(lambda u, c: diffusion(u, c, steps), (u, 0.2), order=2)


def chain(a, x):
    y = np.empty(a.shape[0])
    for i in range(a.shape[0]):
        t = 0.0
        for j in range(a.shape[1]):
            t += a[i, j] * x[j]
        y[i] = t * t * t
    s = y[-1]
    for i in range(y.size - 1):
        s += y[i] * y[i + 1]
    return s


def test_products_with_the_hessian_need_no_value(rng: np.random.Generator) -> None:
    a, x, v = rng.normal(size=(5, 33)), rng.normal(size=33), rng.normal(size=33)
    program = calls.compiled(chain, (a, x), {}, "hessian product", (1,)).program
    assert _count_free(program.entry.body) > 0
    found = numbad.hvp(lambda x: chain(a, x), x, v)
    expected = numbad.hessian(lambda x: chain(a, x), x) @ v
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12 * np.abs(expected).max())


# --- which sums of a program may be done in any order -----------------------------------------


def total(x):
    s = 0.0
    for i in range(x.size):
        s += x[i] * x[i]
        s -= x[i]
    return s


def decides(x):
    s = 0.0
    for i in range(x.size):
        s += x[i]
    y = 0.0
    if s > 1.0:
        y = math.sin(x[0])
    return y


def bounds(x):
    s = 0.0
    for i in range(x.size):
        s += x[i]
    return x[int(s)]


def stored(x, out):
    s = 0.0
    for i in range(x.size):
        s += x[i]
    out[0] = s
    return 1.0


def stored_inside(x):
    s = 0.0
    for i in range(x.size):
        s += x[i]
    y = np.zeros(2)
    y[1] = s
    return np.dot(y, y)


def raises(x):
    s = 0.0
    for i in range(x.size):
        s += x[i]
    if x[0] > 5.0:
        raise ValueError("sum", s)
    return x[0]


def subtotals(x):
    s, worst = 0.0, np.empty(x.size)
    for i in range(x.size):
        s += x[i]
        worst[i] = s
    return worst[0]


def recurrence(x):
    s, t = 0.0, 1.0
    for i in range(x.size):
        s += x[i]
        t = 0.5 * t + x[i]
    return s * t


def handed_on(x):
    s, last, before = 0.0, 1.0, 2.0
    for i in range(x.size):
        s += x[i] * before
        before = last * x[i]
        last = 3.0 * x[i]
    return s


def in_a_circle(x):
    s, last, before = 0.0, 1.0, 2.0
    for i in range(x.size):
        s += x[i] * last
        last, before = before * x[i], last + x[i]
    return s


def short(x):
    s = 0.0
    for i in range(3):
        s += x[i]
    return s


def branches(x):
    s = 0.0
    for i in range(x.size):
        if x[i] > 0.0:
            s += x[i]
    return s


def quotients(x):
    s = 0.0
    for i in range(x.size):
        s += 1.0 / x[i]
    return s


def whole(x):
    s = 0
    for i in range(x.size):
        s += 2
    return x[0] * s


LEFT_ALONE = [subtotals, recurrence, in_a_circle, short, branches, quotients, whole]


def _freed(f, *args: object, primal: int) -> int:
    program = calls.compiled(f, args, {}, "primal", (0,)).built.program
    return _count_free(free_sums(program.entry, primal).body)


def _count_free(body: ir.Block) -> int:
    return sum(
        isinstance(statement, ir.Let)
        and isinstance(statement.expr, ir.Call)
        and statement.expr.fn is add_unordered
        for statement in visit.walk(body)
    )


@pytest.mark.parametrize(("f", "count"), [(total, 2), (stored_inside, 1), (handed_on, 1)])
def test_results_that_count_are_added_in_order(f, count: int, rng: np.random.Generator) -> None:
    x = rng.uniform(size=20)
    assert _freed(f, x, primal=0) == count
    assert _freed(f, x, primal=1) == 0


@pytest.mark.parametrize("f", [decides, bounds, raises])
def test_what_decides_is_added_in_order(f, rng: np.random.Generator) -> None:
    assert _freed(f, rng.uniform(size=20), primal=0) == 0


def test_what_is_stored_in_an_argument_is_added_in_order(rng: np.random.Generator) -> None:
    assert _freed(stored, rng.uniform(size=20), np.zeros(1), primal=0) == 0


@pytest.mark.parametrize("f", LEFT_ALONE)
def test_loops_that_would_not_be_faster_are_left_alone(f, rng: np.random.Generator) -> None:
    assert _freed(f, rng.uniform(size=20), primal=0) == 0
