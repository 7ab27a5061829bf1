"""What ``explain`` tells, compared with the generated code."""

from __future__ import annotations

import math

import numpy as np
import pytest

import numbad
from numbad.show import tape_bytes


def harvest(x, food, loss):
    for i in range(food.size):
        if food[i] <= 0.0:
            continue
        gain = food[i] * math.exp(-x)
        x += gain - loss * x
    return x


def kinds(report, line):
    first = harvest.__code__.co_firstlineno
    return {
        (note.kind, note.text)
        for note in report.notes.get((harvest.__code__.co_filename, first + line), [])
    }


def test_notes_stand_beside_the_lines():
    report = numbad.explain(harvest, 0.5, np.ones(7), 0.1)
    assert ("loop", "loop of food.shape[0] iterations: run backwards") in kinds(report, 1)
    assert ("recorded", "x is recorded: it changes from iteration to iteration") in kinds(report, 1)
    assert ("loaded", "food[i] is loaded again") in kinds(report, 2)
    assert ("recorded", "math.exp(-x) is recorded: it is dear to compute") in kinds(report, 4)
    assert ("active", "gain is active") in kinds(report, 4)
    text = str(report)
    assert "gain = food[i] * math.exp(-x)  " in text
    assert "tape: 8 * food.shape[0] + 8 * food.shape[0] bytes; 112 bytes here" in text
    assert repr(report) == text


def test_without_a_path_nothing_is_active():
    report = numbad.explain(harvest, 0.5, np.ones(7), 0.1, wrt=())
    assert report.tape == ()
    assert "nothing is recorded in loops" in str(report)


def test_html_escapes_the_source():
    page = numbad.explain(harvest, 0.5, np.ones(7), 0.1)._repr_html_()
    assert "food[i] &lt;= 0.0" in page
    assert page.count("<tr>") == 6


def diffusion(u, c, n):
    v = np.zeros(u.size)
    for _ in range(n):
        for i in range(1, u.size - 1):
            v[i] += c * (u[i + 1] - 2.0 * u[i] + u[i - 1])
        for i in range(u.size):
            u[i] += v[i] * math.sin(u[i])
    total = 0.0
    for i in range(u.size):
        total += u[i] ** 2
    return total


def taped(function, *args):
    """Bytes of the tapes that the generated code allocates, counted by running it in Python."""
    from numbad import calls

    entry = calls.compiled(function, args, {}, "gradient", tuple(range(len(args)))).entry
    total = 0

    def tape(shape, dtype=np.float64):
        nonlocal total
        made = np.empty(shape, dtype)
        total += made.nbytes
        return made

    generated = entry.py_func
    space = dict(generated.__globals__, tape=tape)
    type(generated)(generated.__code__, space)(*args)
    return total


@pytest.mark.parametrize(("size", "steps"), [(9, 5), (4, 1), (20, 0)])
def test_the_formula_is_what_is_allocated(size, steps):
    args = (np.linspace(0.0, 1.0, size), 0.1, steps)
    assert tape_bytes(diffusion, *args) == taped(diffusion, args[0].copy(), *args[1:]) > -1
    report = numbad.explain(diffusion, *args)
    assert report.tape_bytes == tape_bytes(diffusion, *args)
    names = {"n": steps, "u": args[0]}
    assert sum(eval(part.formula, names) for part in report.tape) == report.tape_bytes
    assert any("reversed within one pass" in note.text for n in report.notes.values() for note in n)


def growing(x, n):
    while x < n:
        x = x + 0.1 * x * x
    return x


def test_a_loop_of_unknown_length():
    report = numbad.explain(growing, 1.0, 20.0)
    assert report.tape_bytes is None
    assert "8 * (iterations of the loop in line" in report.tape[0].formula
    assert "not known beforehand" in str(report)
    with pytest.raises(ValueError, match="grows as the program runs"):
        tape_bytes(growing, 1.0, 20.0)


def test_vectorised_loops_are_counted():
    def square(x):
        total = 0.0
        for i in range(x.size):
            total += x[i] * x[i]
        return total

    report = numbad.explain(square, np.ones(100))
    lines = {
        place[1] - square.__code__.co_firstlineno
        for place, notes in report.notes.items()
        if any(note.kind == "vectorised" for note in notes)
    }
    assert report.vectorised is None or report.vectorised >= 1
    assert lines <= {2, 3}
    assert not report.vectorised or lines
