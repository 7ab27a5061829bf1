"""Calls of ``@njit`` functions by traced code, differentiated by the compiled engine.

A function falls back to tracing as a whole, for one statement perhaps; but the kernels it calls
are Numba's, and running these as Python would be a thousand times slower. A call is compiled if all
that it does is in its result: it writes to no argument and no object of the caller, reads no
differentiated value except through its arguments, returns no view of an argument, and one
differentiation is going on. Other calls are traced.
"""

from __future__ import annotations

import weakref
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from numbad import api, calls, numba_bridge
from numbad.compilation import Compilation
from numbad.errors import DifferentiationError
from numbad.paths import read
from numbad.results import flatten_partly
from numbad.structure import describe
from numbad.traced import joint
from numbad.traced.activity import is_active, settle, strip, takes_part, values_in
from numbad.traced.bodies import is_array
from numbad.traced.dispatch import fitted, wrap_all
from numbad.traced.engine import leaf_cotangents, pullback
from numbad.traced.levels import Level, beneath, calling, current, untraced
from numbad.traced.values import plain, wrap

# Calls that were refused, by function: they need not be tried again.
_refused: weakref.WeakKeyDictionary[Any, set[Any]] = weakref.WeakKeyDictionary()


def compiled_calls() -> AbstractContextManager[None]:
    """Run the block with calls of ``@njit`` functions compiled, where possible, when it traces."""
    return calling(call)


def call(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return the result of a compiled call; ``NotImplemented`` if the function has to be traced."""
    levels = current()
    if len(levels) != 1:
        return NotImplemented
    (level,) = levels
    if any(is_active(each) for each in values_in(kwargs)):
        return NotImplemented
    own = _own(args, level)
    chosen = tuple(
        position
        for position, arg in enumerate(args)
        if any(takes_part(settle(leaf), level) for leaf in joint.leaves_in(arg))
    )
    mode = "primal" if not chosen else "pullback" if level.is_reverse else "tangent"
    compilation = _compilation(function, own, kwargs, mode, chosen)
    if compilation is None:
        return NotImplemented
    if not chosen:
        with untraced():
            result = function(*own, **kwargs)
        return NotImplemented if _shares_memory(result, own) else wrap_all(result)
    if level.is_reverse:
        return _reverse(level, function, args, own, kwargs, chosen)
    return _forward(level, function, args, own, kwargs, chosen)


def _own(args: tuple[Any, ...], level: Level) -> Any:
    """Return the arguments without the level, arrays in memory of their own."""

    def own(leaf: Any) -> Any:
        value = plain(strip(settle(leaf), level))
        return value.copy("K") if isinstance(value, np.ndarray) else value

    return tuple(joint.mapped_leaves(own, arg) for arg in args)


def _compilation(
    function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], mode: str, chosen: tuple[int, ...]
) -> Compilation | None:
    """Return how the call is compiled; None if it has to be traced."""
    try:
        trees = tuple(map(describe, args))
        named = tuple((name, describe(each)) for name, each in sorted(kwargs.items()))
    except DifferentiationError:
        return None
    key = (trees, named, mode, chosen)
    refused = _refused.setdefault(function, set())
    if key in refused:
        return None
    try:
        with untraced():
            found = calls.compiled(function, args, kwargs, mode, chosen)
    except DifferentiationError:
        refused.add(key)
        return None
    if found.written or found.built.updates or not found.repeatable:
        refused.add(key)
        return None
    for parameter in found.built.parameters:
        if parameter.path[0][0] not in ("arg", "kwarg"):
            value = read(parameter.path, function)
            if any(is_active(leaf) for leaf in joint.leaves_in(value)):
                return None
    return found


def _shares_memory(result: Any, args: tuple[Any, ...]) -> bool:
    given = [leaf for leaf in joint.leaves_in(list(args)) if isinstance(leaf, np.ndarray)]
    return any(
        isinstance(leaf, np.ndarray) and any(np.may_share_memory(leaf, each) for each in given)
        for leaf in joint.leaves_in(result)
    )


def _reverse(
    level: Level,
    function: Any,
    args: tuple[Any, ...],
    own: tuple[Any, ...],
    kwargs: dict[str, Any],
    chosen: tuple[int, ...],
) -> Any:
    with untraced():
        y, back = api.pullback(function, *own, wrt=chosen, engine="compiled", **kwargs)
    values = joint.leaves_in(y)
    if not values or _shares_memory(y, own):
        return NotImplemented
    found = [(i, leaf) for i, arg in enumerate(args) for leaf in map(settle, joint.leaves_in(arg))]
    active = [k for k, (_, leaf) in enumerate(found) if takes_part(leaf, level)]
    like = joint.leaves_in(list(own))

    def pull(bars: list[Any]) -> list[Any]:
        seeds = iter(joint.seeds_of(values, bars))
        y_bar = joint.mapped_leaves(lambda _: next(seeds), y)
        if any(bar is not None and is_active(bar) for bar in bars):
            python = numba_bridge.dispatcher_function(function)
            assert python is not None
            back_of = pullback(python, own, kwargs, chosen, False)[1]
            cotangents = back_of(y_bar)
        else:
            plain_bar = joint.mapped_leaves(plain, y_bar)
            with untraced():
                cotangents = back(plain_bar)
        every = [
            wrap(part)
            for arg, cotangent in zip(own, cotangents, strict=True)
            for part in leaf_cotangents(arg, cotangent)
        ]
        return [None if every[k] is None else fitted(every[k], like[k]) for k in active]

    def push(tangents: list[Any]) -> list[Any]:
        raise AssertionError("a reverse level pushes no tangents")

    return joint.record(level, wrap_all(y), [found[k][1] for k in active], push, pull)


def _forward(
    level: Level,
    function: Any,
    args: tuple[Any, ...],
    own: tuple[Any, ...],
    kwargs: dict[str, Any],
    chosen: tuple[int, ...],
) -> Any:
    def tangent(leaf: Any) -> Any:
        leaf = settle(leaf)
        if takes_part(leaf, level):
            with beneath(level):
                found = plain(level.tangent(leaf))  # type: ignore[attr-defined]
            return found.copy() if is_array(found) else found
        return np.zeros(np.shape(plain(leaf))) if is_array(leaf) else 0.0

    tangents = tuple(
        joint.mapped_leaves(tangent, arg) if i in chosen else None for i, arg in enumerate(args)
    )
    with untraced():
        y, y_dot = api.jvp(function, own, tangents, engine="compiled", **kwargs)
    if not joint.leaves_in(y) or _shares_memory(y, own):
        return NotImplemented
    parts = [wrap(each) for each in flatten_partly(y_dot, describe(y))]
    inputs = [leaf for leaf in map(settle, joint.leaves_in(list(args))) if takes_part(leaf, level)]
    return joint.record(level, wrap_all(y), inputs, lambda _: parts, lambda _: [])
