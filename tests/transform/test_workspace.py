"""Arrays made in every iteration: made once where nobody can tell."""

from __future__ import annotations

import ast

import numpy as np
import pytest

import numbad


def temporaries(x, m):
    total = 0.0
    for i in range(x.shape[0]):
        away = np.zeros(m.size)
        for j in range(m.size):
            away[j] += x[i] - m[j]
        weights = np.exp(-away * away)
        total += np.log(np.sum(weights)) * weights[0]
    return total


def accumulated_twice(x, m):
    total = 0.0
    for i in range(x.shape[0]):
        part = np.ones((m.size, 2))
        for j in range(m.size):
            part[j, 0] *= np.sin(x[i] * m[j])
            part[j, 1] += part[j, 0]
        for j in range(m.size):
            total += part[j, 0] * part[m.size - 1 - j, 1]
    return total


def kept_for_the_next(x, m):
    previous = np.zeros(m.size)
    total = 0.0
    for i in range(x.shape[0]):
        current = np.empty(m.size)
        for j in range(m.size):
            current[j] = np.cos(x[i] * m[j]) + 0.5 * previous[j]
        total += np.sum(current * previous)
        previous = current
    return total + previous[0]


def kept_in_a_list(x, m):
    found = []
    for i in range(x.shape[0]):
        row = np.empty(m.size)
        for j in range(m.size):
            row[j] = x[i] * m[j] ** 2
        found.append(row)
    total = 0.0
    for i in range(len(found)):
        total += found[i][0] * found[len(found) - 1 - i][m.size - 1]
    return total


def sometimes(x, m):
    total = 0.0
    best = np.zeros(m.size)
    for i in range(x.shape[0]):
        part = x[i] * m
        if x[i] > 0.0:
            best = part
        total += np.sum(part) * best[0]
    return total + np.sum(best * best)


def triangle(x, m):
    total = 0.0
    for i in range(x.shape[0]):
        part = np.zeros(i + 1)
        for j in range(i + 1):
            part[j] = x[j] * m[0]
        total += np.sum(part * part) * x[i]
    return total


def while_loop(x, m):
    total, i = 0.0, 0
    while i < x.shape[0]:
        part = np.empty(m.size)
        for j in range(m.size):
            part[j] = x[i] * m[j]
        total += np.prod(part) + part[0]
        i += 1
    return total


def never_run(x, m):
    total = m[0]
    for i in range(x.shape[0] - 50):
        part = np.empty(x.shape[0] - 60)
        total += part[i]
    return total * x[0]


PROGRAMS = [
    *(temporaries, accumulated_twice, kept_for_the_next, kept_in_a_list),
    *(sometimes, triangle, while_loop, never_run),
]


@pytest.mark.parametrize("f", PROGRAMS)
def test_derivatives(f, rng: np.random.Generator) -> None:
    args = rng.uniform(-1.0, 1.5, 4), rng.uniform(0.2, 1.0, 3)
    numbad.check_grads(f, args, order=2)
    value, _ = numbad.withgradient(f, *args)
    assert value == pytest.approx(f(*args), rel=1e-12)


def _made_in_loops(text: str) -> int:
    loops = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.For | ast.While)]
    calls = {
        call
        for loop in loops
        for call in ast.walk(loop)
        if isinstance(call, ast.Call) and ast.unparse(call.func) in ("empty", "zeros", "tape")
    }
    return len(calls)


@pytest.mark.parametrize("f", [temporaries, accumulated_twice, while_loop])
def test_made_once(f, rng: np.random.Generator) -> None:
    assert _made_in_loops(numbad.code_adjoint(f, rng.standard_normal(4), np.ones(3))) == 0


@pytest.mark.parametrize("f", [kept_for_the_next, kept_in_a_list])
def test_made_in_each_iteration(f, rng: np.random.Generator) -> None:
    assert _made_in_loops(numbad.code_adjoint(f, rng.standard_normal(4), np.ones(3))) > 0


def test_what_python_is_given_stays_as_it_is(rng: np.random.Generator) -> None:
    kept = []

    def keep(row_bar):
        kept.append(row_bar)
        return row_bar

    def f(x, m):
        total = 0.0
        for i in range(x.shape[0]):
            row = numbad.hook(keep, x[i] * m)
            total += np.sum(row * row)
        return total

    x, m = rng.standard_normal(3), rng.standard_normal(2)
    numbad.gradient(f, x, m)
    expected = [2.0 * x[i] * m for i in reversed(range(3))]
    assert len(kept) == 3
    for found, wanted in zip(kept, expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-12)
