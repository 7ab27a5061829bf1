"""The bar of long sweeps: shows what the loops report, and changes nothing."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest

import numbad
from numbad import calls
from numbad.kernels.progress import tick
from numbad.progress import line, reported


def steps(x, n):
    y = x.copy()
    for _ in range(n):
        for i in range(y.size):
            y[i] = math.sin(y[i]) + 0.5 * x[i]
    return y.sum()


def search(x, limit):
    while x < limit:
        x = x * 1.01 + 0.001
    return x


def plain(x, backwards):
    total = 0.0
    if backwards:
        for i in range(x.size - 1, -1, -2):
            total += x[i] ** 2
    else:
        for i in range(x.size):
            total += x[i] ** 3
    return total


@pytest.mark.parametrize(
    ("function", "args"),
    [(steps, (np.linspace(0.0, 1.0, 40), 50)), (search, (0.5, 3.0))]
    + [(plain, (np.arange(1.0, 9.0), flag)) for flag in (True, False)],
)
def test_the_gradient_is_the_same(function, args, capsys):
    expected = numbad.gradient(function, *args)
    found = numbad.gradient(function, *args, progress=True)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)
    shown = capsys.readouterr().err
    assert shown.startswith("\rloop ")
    assert shown.endswith("\n")


def test_both_sweeps_report(capsys):
    numbad.gradient(steps, np.linspace(0.0, 1.0, 40), 50, progress=True)
    last = capsys.readouterr().err.strip().split("\r")[-1]
    assert last == "loop 2 of 2 [##############################] 50/50"


def test_reports_are_made_only_on_request():
    args = (np.ones(3), 4)
    assert "tick" not in numbad.code_adjoint(steps, *args)
    text = calls.compiled(steps, args, {}, "gradient with progress", (0,)).emitted.text
    assert text.count("tick(") == 2
    assert "nogil=True" in text


def test_the_bar_moves_while_the_block_runs(capsys):
    with reported(1, True):
        for k in (1, 5):
            tick(1, k, 10)
            time.sleep(0.25)
    shown = capsys.readouterr().err
    assert "] 1/10" in shown
    assert "] 5/10" in shown


def test_a_callback_gets_the_numbers():
    seen = []
    with reported(3, lambda *state: seen.append(state)):
        for k in (1, 5):
            tick(2, k, 0)
            time.sleep(0.25)
    assert {(2, 3, 1, 0), (2, 3, 5, 0)} <= set(seen)
    seen.clear()
    args = (np.linspace(0.0, 1.0, 40), 50)
    found = numbad.gradient(steps, *args, progress=lambda *state: seen.append(state))
    np.testing.assert_array_equal(found[0], numbad.gradient(steps, *args)[0])
    assert seen[-1] == (2, 2, 50, 50)


def test_where_it_is_refused():
    with pytest.raises(TypeError, match="compiled engine only"):
        numbad.gradient(steps, np.ones(2), 1, progress=True, engine="traced")
    w = np.ones(2)
    with pytest.raises(TypeError, match="Params"):
        numbad.gradient(lambda: w.sum(), numbad.Params([w]), progress=True)


def test_lines():
    assert line(3, 2, 0, 4).endswith("] 0/4")
    assert line(1, 1, 7, 0) == "loop 1 of 1: 7 iterations"
