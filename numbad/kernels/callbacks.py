"""Calls back into Python from compiled code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from numba import njit, objmode


def callback(function: Callable[..., Any], count: int, results: Sequence[Any]) -> Any:
    """Return a compiled function of ``count`` arguments that calls a Python function.

    Parameters
    ----------
    function : callable
        Takes the arguments as Python objects; returns objects of the Numba types ``results`` (a
        tuple if there are several, anything if there are none).
    count : int
        How many arguments there are.
    results : sequence of Numba types
        What comes back. Without any the compiled function returns nothing.
    """
    names = [f"a{position}" for position in range(count)]
    given = ", ".join(names)
    found = [f"r{position}" for position in range(len(results))]
    types = ", ".join(f"{name}=type_{name}" for name in found)
    target = f"{', '.join(found)} = " if found else ""
    back = f"    return {', '.join(found)}\n" if found else ""
    text = (
        f"def call({given}):\n    with objmode({types}):\n        {target}function({given})\n{back}"
    )
    scope: dict[str, Any] = {"objmode": objmode, "function": function}
    scope.update({f"type_{name}": type_ for name, type_ in zip(found, results, strict=True)})
    exec(compile(text, "<numbad callback>", "exec"), scope)
    call = scope["call"]
    call.__name__ = call.__qualname__ = getattr(function, "__name__", "callback")
    return njit(call)
