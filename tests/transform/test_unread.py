"""Stores that nobody reads: left out, and only these."""

from __future__ import annotations

import re

import numpy as np
import pytest

import numbad
from numbad.ir import nodes as ir
from numbad.ir.types import FLOAT64, INT64, Array
from numbad.transform.unread import drop_unread_stores


def scaled(x):
    y = np.empty(x.size)
    for i in range(x.size):
        y[i] = np.sin(x[i])
    z = np.empty(x.size)
    for i in range(x.size):
        z[i] = y[i] * y[i]
    return np.sum(z)


def overwritten(x):
    y = x.copy()
    for k in range(3):
        for i in range(1, y.size):
            y[i] = np.sin(y[i - 1]) * y[i]
        y[0] = y[-1] * y[k]
    return np.sum(y * y)


def shifted(x):
    y = np.zeros(x.size + 1)
    for i in range(x.size):
        y[i + 1] = y[i] * x[i] + 1.0
    return y[-1] * y[0] + np.sum(y)


def negative(x):
    y = np.ones(3)
    for i in range(-3, 3):
        y[i] = y[i] * x[i % x.size]
    return np.sum(y)


def gathered(x):
    y = np.ones(x.size)
    order = np.array([2, 0, 2, 1])
    for i in range(order.size):
        y[order[i]] = y[order[i]] * x[i]
    return np.sum(y)


@pytest.mark.parametrize("f", [scaled, overwritten, shifted, negative, gathered])
def test_derivatives(f, rng: np.random.Generator) -> None:
    numbad.check_grads(f, (rng.uniform(0.2, 1.2, 5),), order=2)


def test_nothing_is_cleared_for_nobody(rng: np.random.Generator) -> None:
    text = numbad.code_adjoint(scaled, rng.standard_normal(4))
    assert not re.search(r"\w+\[i\] = 0\.0", text)


# --- one loop, by hand ----------------------------------------------------------------------------

X = ir.Var(0, Array(FLOAT64, 1, "C"), "x")
A = ir.Var(1, Array(FLOAT64, 1, "C"), "a")
N, INDEX, V = ir.Var(2, INT64, "n"), ir.Var(3, INT64, "i"), ir.Var(4, FLOAT64, "v")
ZERO, ONE, NOTHING = ir.Const(0, INT64), ir.Const(1, INT64), ir.Const(0.0, FLOAT64)


def _stores(body: tuple[ir.Stmt, ...], *after: ir.Stmt, start: ir.Operand = ZERO) -> int:
    made = ir.Let(A, ir.Alloc((N,), NOTHING))
    loop = ir.For(INDEX, start, N, ONE, (), body)
    f = drop_unread_stores(ir.Function("f", (X, N), (made, loop, *after), ()))
    (left,) = [statement for statement in f.body if isinstance(statement, ir.For)]
    return sum(isinstance(statement, ir.Store) for statement in left.body)


READ = ir.Let(V, ir.Load(A, (INDEX,)))
USE = ir.Accumulate(X, (INDEX,), V)
CLEAR = ir.Store(A, (INDEX,), NOTHING)


def test_after_the_last_read() -> None:
    assert _stores((READ, USE, CLEAR)) == 0


def test_before_a_read_of_the_same_iteration() -> None:
    assert _stores((CLEAR, READ, USE)) == 1


def test_read_at_another_place() -> None:
    other = ir.Let(V, ir.Load(A, (ZERO,)))
    assert _stores((other, USE, CLEAR)) == 1


def test_read_behind_the_loop() -> None:
    w = ir.Var(5, FLOAT64, "w")
    read = ir.Let(w, ir.Load(A, (ZERO,)))
    assert _stores((READ, USE, CLEAR), read, ir.Accumulate(X, (ZERO,), w)) == 1


def test_indices_that_may_be_negative() -> None:
    assert _stores((READ, USE, CLEAR), start=ir.Const(-2, INT64)) == 1


def test_the_same_element_in_all_iterations() -> None:
    store = ir.Store(A, (ZERO,), NOTHING)
    read = ir.Let(V, ir.Load(A, (ZERO,)))
    assert _stores((read, USE, store)) == 1
