"""Loops over lists and dicts that are changed meanwhile; long ones, which are not unrolled."""

from __future__ import annotations

import numpy as np
import pytest

import numbad
from numbad.ir import nodes as ir
from numbad.ir import visit
from tests.frontend.building import Cases, built, same
from tests.interpreter import interpreted

case = Cases()

EDGES = [(k, (k * 7 + 1) % 30, 0.1 * k) for k in range(30)]
MIXED = [(k, "left" if k % 2 else "right") for k in range(20)]
x30 = np.linspace(-1.0, 1.0, 30) ** 3


@case(1.3)
def items_are_replaced(x):
    items = [x, x, x]
    total, k = 0.0, 0
    for item in items:
        if k < 2:
            items[k + 1] = 2.0 * item
        total += item
        k += 1
    for k, item in enumerate(items):
        items[-1] = item * item
        total += item * (k + 1)
    for a, b in zip(items, reversed(items), strict=True):
        items[0], items[1] = 5.0 * a, a * b
        total += a * b
    return total


@case(1.3)
def many_items_are_replaced(x):
    items = [(x * i, i) for i in range(20)]
    total, k = 0.0, 0
    for item, i in items:
        if k < 19:
            items[k + 1] = (0.5 * item + x, i)
        total += item * (i + 1)
        k += 1
    return total


@case(1.3)
def entries_are_replaced(x):
    entries = {"a": x, "b": 2.0 * x, "c": x}
    total = 0.0
    for value in entries.values():
        entries["c"] = 2.0 * value
        total += value
    for key, value in entries.items():
        entries["b"] = value + x
        total += value if key == "a" else 2.0 * value
    return total


@case(1.3)
def rows_are_replaced(x):
    rows = [[x, x], [x, 2.0 * x]]
    total = 0.0
    for row in rows:
        rows[1] = [3.0 * row[0], row[1]]
        row[0] = 5.0 * x
        for item in row:
            row[1] = item * item
            total += item
    return total


@case(x30)
def over_edges(x):
    total = 0.0
    for a, b, length in EDGES:
        stretch = np.sqrt((x[a] - x[b]) ** 2 + 1.0) - length
        if stretch < 0.0:
            continue
        total += stretch * stretch
        if total > 50.0:
            break
    return total * a


@case(x30)
def items_that_are_needed_beforehand(x):
    total = 0.0
    for k, side in MIXED:
        total += x[k] if side == "left" else 2.0 * x[k]
    for function in [np.sin, np.cos] * 10:
        total += function(x[0])
    for k in tuple(range(20)):
        total += (x[0], "text", x[1])[2 * (k % 2)]
    return total


@pytest.mark.parametrize(("function", "args", "kwargs"), case.entries, ids=case.names)
def test_same_as_python(function, args, kwargs) -> None:
    same(function, *args, **kwargs)


@pytest.mark.parametrize(("function", "args", "kwargs"), case.entries, ids=case.names)
def test_derivatives(function, args, kwargs) -> None:
    with interpreted():
        numbad.check_grads(function, args)


def test_a_long_list_of_alike_items_is_one_loop() -> None:
    program = built(over_edges, x30).program
    roots = [s for s in visit.walk(program.entry.body) if "sqrt" in str(getattr(s, "expr", ""))]
    assert len(roots) == 1
    assert any(isinstance(s, ir.For | ir.While) for s in visit.walk(program.entry.body))


def test_derivatives_by_the_items_of_an_argument(rng: np.random.Generator) -> None:
    def total(terms, x):
        found = 0.0
        for factor, power in terms:
            found += factor * x**power
        return found

    terms = [(float(rng.normal()), int(rng.integers(0, 4))) for _ in range(25)]
    with interpreted():
        terms_bar, x_bar = numbad.gradient(total, terms, 1.1)
    np.testing.assert_allclose([bar[0] for bar in terms_bar], [1.1**power for _, power in terms])
    assert x_bar == pytest.approx(sum(a * n * 1.1 ** (n - 1) for a, n in terms))


def test_a_changed_list_is_noticed() -> None:
    slope = numbad.grad(over_edges)
    before, old = slope(x30), EDGES[3]
    EDGES[3] = (3, 4, 0.5)
    try:
        with interpreted():
            (expected,) = numbad.gradient(lambda x: over_edges(x), x30)
        after = slope(x30)
    finally:
        EDGES[3] = old
    np.testing.assert_allclose(after, expected)
    assert not np.allclose(after, before)
