"""Runs functions through the front end and the evaluator of the IR, beside plain Python."""

from __future__ import annotations

import copy
import os
import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np

from numbad import structure
from numbad.frontend.build import build
from numbad.frontend.session import Session
from numbad.ir import nodes as ir
from numbad.ir.verify import verify_program
from numbad.paths import read
from tests.interpreter import Interpreter


def execute(program: ir.Program) -> Callable[..., Any]:
    """The program as a callable: evaluated, or compiled if the environment asks for that."""
    if os.environ.get("NUMBAD_TEST_COMPILED") != "1":
        return Interpreter(program)
    from numbad.emit.load import load_module
    from numbad.emit.module import emit_module

    with tempfile.TemporaryDirectory() as directory:
        return load_module(emit_module(program, "test", {}), directory)


def run(fn: Callable[..., Any], *args: Any) -> Any:
    """Result of the IR of ``fn`` for the arguments, which it may change."""
    trees = tuple(structure.describe(arg) for arg in args)
    built = build(fn, trees, {}, Session())
    verify_program(built.program)
    leaves: list[Any] = []
    for parameter in built.parameters:
        match parameter.path[0]:
            case ("arg", position):
                leaves.extend(structure.flatten(args[position], parameter.tree))
            case _:
                found = read(parameter.path, fn)
                leaves.extend(structure.flatten(found, parameter.tree))
    results = execute(built.program)(*leaves)
    count = len(built.program.entry.results)
    return structure.unflatten([results] if count == 1 else list(results), built.result)


def loops_of(fn: Callable[..., Any], *args: Any) -> int:
    """Number of loops in the IR of ``fn``, nested ones counted once."""
    trees = tuple(structure.describe(arg) for arg in args)
    built = build(fn, trees, {}, Session())
    return sum(isinstance(statement, ir.For) for statement in built.program.entry.body)


def clone(value: Any) -> Any:
    """A copy with the same memory layout."""
    if not isinstance(value, np.ndarray):
        return copy.deepcopy(value)
    if value.flags.c_contiguous or value.flags.f_contiguous:
        return value.copy(order="K")
    wide = np.empty([2 * length for length in value.shape], value.dtype)
    result = wide[tuple(slice(None, None, 2) for _ in value.shape)]
    result[...] = value
    return result


def check(fn: Callable[..., Any], *args: Any, rtol: float = 1e-12) -> None:
    """The IR gives what Python gives, and changes the arguments as Python does."""
    mine, theirs = [clone(arg) for arg in args], [clone(arg) for arg in args]
    assert [structure.describe(arg) for arg in args] == [structure.describe(arg) for arg in mine]
    expected = fn(*theirs)
    found = run(fn, *mine)
    same(found, expected, rtol)
    for one, other in zip(mine, theirs, strict=True):
        same(one, other, rtol)


def same(found: Any, expected: Any, rtol: float) -> None:
    """Equal structure, shapes and numbers; both NaN counts as equal."""
    if isinstance(expected, tuple | list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            same(one, other, rtol)
        return
    if expected is None or isinstance(expected, str):
        assert found == expected
        return
    assert np.shape(found) == np.shape(expected), (np.shape(found), np.shape(expected))
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=1e-13)
    if isinstance(expected, np.ndarray) and isinstance(found, np.ndarray):
        assert found.dtype.kind == expected.dtype.kind, (found.dtype, expected.dtype)
