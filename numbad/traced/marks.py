"""``hook``, ``showgrad`` and the other marks of ``numbad.utilities`` and ``numbad.markers``."""

from __future__ import annotations

import ast
import linecache
import sys
from typing import Any

import numpy as np

from numbad import markers, utilities
from numbad.traced import engine, joint
from numbad.traced.activity import highest, level_of, settle, strip, takes_part
from numbad.traced.bodies import is_array
from numbad.traced.dispatch import fitted
from numbad.traced.levels import Level, beneath, constants, current
from numbad.traced.registry import handles
from numbad.traced.values import TracedArray, TracedNumber, hooks, plain


@handles(utilities.isderiving)
def _isderiving() -> bool:
    return bool(current())


@handles(utilities.nestlevel)
def _nestlevel() -> int:
    return len(current())


@handles(utilities.checkpointed)
def _checkpointed(f: Any, *xs: Any) -> Any:
    return hooks.call(f, *xs)


@handles(markers.dropgrad)
def dropgrad(x: Any) -> Any:
    """Return a value of which no part is differentiated."""
    return joint.mapped_leaves(_constant, x)


def _constant(x: Any) -> Any:
    return TracedArray(plain(x).copy()) if is_array(x) else plain(x)


@handles(markers.ignore_derivatives)
def _ignore_derivatives(x: Any) -> Any:
    return dropgrad(hooks.call(x) if callable(x) else x)


# --- hooks ------------------------------------------------------------------------------------


def _reverse_levels(value: Any) -> list[Level]:
    """Return the levels of a number or array that sweep backwards."""
    found = []
    value = settle(value)
    while type(value) is TracedNumber:
        if value.level.is_reverse and value.level in current():
            found.append(value.level)
        value = settle(value.primal)
    found += [level for level in current() if level.is_reverse and takes_part(value, level)]
    return found


@handles(utilities.hook)
def _hook(g: Any, x: Any) -> Any:
    """Let ``g`` see the cotangent of ``x`` in the innermost backward sweep."""
    leaves = joint.leaves_in(x)
    level = highest(each for leaf in leaves for each in _reverse_levels(leaf))
    if level is None:
        return x
    inside: list[Any] = []
    joint.mapped_leaves(lambda leaf: joint.passed(level, leaf, lambda v: _collected(v, inside)), x)
    active = [takes_part(each, level) for each in inside]

    def pull(bars: list[Any]) -> list[Any]:
        given = iter(bars)
        parts = [next(given) if on else None for on in active]
        return _through(g, x, inside, parts, active)

    # The leaves that take part become results of one operation; the others stay.
    outs = joint.record(
        level,
        [strip(each, level) for each, on in zip(inside, active, strict=True) if on],
        [each for each, on in zip(inside, active, strict=True) if on],
        lambda tangents: tangents,
        pull,
        always=True,
    )
    results = iter(outs)
    flags = iter(active)
    return joint.mapped_leaves(
        lambda leaf: joint.passed(level, leaf, lambda v: next(results) if next(flags) else v), x
    )


def _collected(value: Any, inside: list[Any]) -> Any:
    inside.append(value)
    return value


def _through(g: Any, x: Any, inside: list[Any], bars: list[Any], active: list[bool]) -> list[Any]:
    """Return the cotangents that a hook makes of those given."""
    given = iter(zip(inside, bars, strict=True))

    def shown(_: Any) -> Any:
        value, bar = next(given)
        return None if bar is None else engine.finished(bar, plain(value))

    cotangent = engine.shaped(x, shown)
    made = hooks.call(g, cotangent)
    found: list[Any] = []
    for value, part, on in zip(inside, _parts(x, made), active, strict=True):
        if not on:
            continue
        if part is not None and np.shape(plain(part)) != np.shape(plain(value)):
            raise ValueError(
                f"a hook returned a cotangent of shape {np.shape(plain(part))} for one of shape "
                f"{np.shape(plain(value))}."
            )
        found.append(None if part is None else fitted(part, strip(value, _level(value))))
    return found


def _level(value: Any) -> Any:
    return level_of(settle(value)) or (value.level if type(value) is TracedNumber else None)


def _parts(x: Any, made: Any) -> list[Any]:
    """Return the leaves of what a hook returned, None for each that is missing."""
    found = list(engine.leaf_cotangents(x, made))
    return [TracedArray(each) if type(each) is np.ndarray else each for each in found]


@handles(utilities.showgrad)
def _showgrad(x: Any, name: str | None = None) -> Any:
    title = _argument_text() if name is None else name

    def show(g: Any) -> Any:
        text = joint.mapped_leaves(plain, g)
        print(f"∂({title}) = {text}")  # noqa: T201 - what it is for
        return g

    return _hook(show, x)


def _argument_text() -> str:
    """Return the text of the first argument of the call that is running in the user's code."""
    frame: Any = sys._getframe(1)
    while frame is not None and "numbad" in str(frame.f_globals.get("__name__", "")).split("."):
        frame = frame.f_back
    if frame is None:
        return "x"
    places = list(frame.f_code.co_positions())
    line, end_line, column, end_column = places[frame.f_lasti // 2]
    if None in (line, end_line, column, end_column):
        return "x"
    lines = linecache.getlines(frame.f_code.co_filename, frame.f_globals)[line - 1 : end_line]
    if not lines:
        return "x"
    encoded = [each.encode() for each in lines]
    encoded[-1] = encoded[-1][:end_column]
    encoded[0] = encoded[0][column:]
    try:
        tree = ast.parse(b"".join(encoded).decode().strip(), mode="eval").body
    except SyntaxError:
        return "x"
    if isinstance(tree, ast.Call) and tree.args:
        return ast.unparse(tree.args[0])
    return "x"


# --- forwarddiff ------------------------------------------------------------------------------


@handles(markers.forwarddiff)
def _forwarddiff(f: Any, x: Any, chunk_threshold: int = 12) -> Any:
    """Differentiate ``f`` on its own, with respect to ``x`` alone."""
    leaves = [settle(leaf) for leaf in joint.leaves_in(x)]
    level = highest(map(level_of, leaves))
    if level is None:
        return dropgrad(hooks.call(f, x))
    lower = joint.mapped_leaves(lambda leaf: strip(settle(leaf), level), x)
    positions = [i for i, leaf in enumerate(leaves) if takes_part(leaf, level)]
    with beneath(level), constants(level):
        run = engine.Reversed(f, (lower,), {}, (0,))
    values = joint.leaves_in(run.y)
    places = [i for i, (value, _) in enumerate(run.results) if _counts(value)]

    def pull(bars: list[Any]) -> list[Any]:
        seeds: list[Any] = [None] * len(run.results)
        for place, bar in zip(places, bars, strict=True):
            seeds[place] = bar
        found = list(engine.leaf_cotangents(lower, run.back(seeds, True)[0]))
        return [found[i] for i in positions]

    def push(tangents: list[Any]) -> list[Any]:
        along = iter(zip(range(len(leaves)), leaves, strict=True))
        given = dict(zip(positions, tangents, strict=True))

        def direction(leaf: Any) -> Any:
            i, _ = next(along)
            return given.get(i, np.zeros(plain(leaf).shape) if is_array(leaf) else 0.0)

        with constants(level):
            _, y_dot = engine.jvp(f, (lower,), (joint.mapped_leaves(direction, lower),), {})
        return joint.leaves_in(y_dot)

    if not values:
        return run.y
    inputs = [leaves[i] for i in positions]
    return joint.record(level, joint.mapped_leaves(_wrapped, run.y), inputs, push, pull)


def _counts(value: Any) -> bool:
    return isinstance(value, np.ndarray | int | float | complex | np.generic) and not isinstance(
        value, bool
    )


def _wrapped(leaf: Any) -> Any:
    return TracedArray(leaf) if type(leaf) is np.ndarray else leaf
