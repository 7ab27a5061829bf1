"""The printed source computes what the IR says, for random IR, run as plain Python."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from numbad.emit.load import load_module
from numbad.emit.module import Emitted, emit_module
from numbad.ir.verify import verify_program
from tests.emit.random_ir import LENGTH, RandomProgram
from tests.interpreter import Interpreter


def plain_entry(emitted: Emitted) -> Any:
    """Run the module with ``njit`` doing nothing."""
    text = emitted.text.replace("from numba import njit\n", "")
    namespace = {"njit": lambda function=None, **_: function or (lambda f: f), **emitted.bindings}
    exec(compile(text, "<generated>", "exec"), namespace)
    return namespace[emitted.entry_name]


def outcome(function: Any) -> tuple[list[float], ...]:
    u, v = np.linspace(-1, 1, LENGTH), np.linspace(0, 2, LENGTH) ** 2
    results = function(u, v, 0.25, -1.5, 3)
    return [float(r) for r in results], u.tolist(), v.tolist()


def check(seed: int, size: int = 30) -> None:
    program = RandomProgram(seed, size).program()
    verify_program(program)
    emitted = emit_module(program, f"seed {seed}")
    assert emitted == emit_module(program, f"seed {seed}")
    assert outcome(plain_entry(emitted)) == outcome(Interpreter(program)), emitted.text


@pytest.mark.parametrize("block", range(10))
def test_source_agrees_with_the_interpreter(block: int) -> None:
    for seed in range(block * 40, block * 40 + 40):
        check(seed)


def test_large_program() -> None:
    check(7, 300)


@pytest.mark.parametrize("seed", range(3))
def test_compiled_source_agrees_with_the_interpreter(seed: int, tmp_path: Any) -> None:
    program = RandomProgram(1000 + seed, 25).program()
    entry = load_module(emit_module(program, f"seed {seed}"), tmp_path)
    assert outcome(entry) == outcome(Interpreter(program))
