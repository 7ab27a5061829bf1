"""Checks that the program the front end builds does what the function does in Python."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from numbad.compilation import Built
from numbad.frontend.build import build
from numbad.frontend.session import Session
from numbad.ir.verify import verify_program
from numbad.paths import read
from numbad.structure import describe, flatten, leaves, unflatten
from tests.interpreter import Interpreter


def built(
    fn: Callable[..., Any], *args: Any, session: Session | None = None, **kwargs: Any
) -> Built:
    """The verified program of ``fn(*args, **kwargs)``."""
    trees = {name: describe(value) for name, value in kwargs.items()}
    result = build(fn, tuple(describe(arg) for arg in args), trees, session)
    verify_program(result.program)
    return result


def run(
    program: Built, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """The value of a built program for arguments."""
    flat: list[Any] = []
    for parameter in program.parameters:
        match parameter.path[0]:
            case ("arg", position):
                value = args[position]
            case ("kwarg", name):
                value = kwargs[name]
            case _:
                value = read(parameter.path, fn)
        flat += flatten(value, parameter.tree)
    out = Interpreter(program.program)(*flat)
    count = len(list(leaves(program.result)))
    return unflatten([out] if count == 1 else list(out), program.result)


def equal(one: Any, other: Any) -> bool:
    """Whether two results have the same structure and nearly the same numbers."""
    if isinstance(one, tuple | list):
        return (
            type(one) is type(other)
            and len(one) == len(other)
            and all(equal(a, b) for a, b in zip(one, other, strict=True))
        )
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if callable(one):
        return callable(other)
    if one is None or isinstance(one, str):
        return bool(one == other)
    if hasattr(one, "__dict__") and not isinstance(one, np.ndarray):
        return type(one) is type(other) and equal(vars(one), vars(other))
    return bool(np.allclose(one, other, rtol=1e-12, atol=1e-13, equal_nan=True))


def same(fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Built:
    """Assert that the program of ``fn`` gives what ``fn`` gives, and changes the same arrays."""
    program = built(fn, *args, **kwargs)
    python = getattr(fn, "py_func", fn)
    theirs, ours = copy.deepcopy(args), copy.deepcopy(args)
    expected = python(*theirs, **kwargs)
    found = run(program, fn, ours, kwargs)
    assert equal(expected, found), f"{found!r} is not {expected!r}"
    assert equal(theirs, ours), "the arguments are changed differently"
    return program


class Cases:
    """Functions with sample arguments: a decorator that collects them."""

    def __init__(self) -> None:
        self.entries: list[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]] = []

    def __call__(self, *args: Any, **kwargs: Any) -> Callable[[Any], Any]:
        """Register the decorated function with arguments."""

        def register(function: Any) -> Any:
            self.entries.append((function, args, kwargs))
            return function

        return register

    @property
    def names(self) -> list[str]:
        """Names of the functions."""
        return [function.__name__ for function, _, _ in self.entries]
