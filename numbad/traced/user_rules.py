"""Functions with a rule of the user: ``adjoint``, ``custom_rule`` and ``nograd``."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from numbad.custom import declare
from numbad.custom.declare import UserRule
from numbad.errors import InvalidRule, NoRule
from numbad.traced import joint
from numbad.traced.activity import (
    highest,
    level_in,
    level_of,
    mapped,
    settle,
    strip,
    takes_part,
    values_in,
)
from numbad.traced.bodies import is_array
from numbad.traced.dispatch import fitted, wrap_all
from numbad.traced.engine import leaf_cotangents
from numbad.traced.levels import Level, beneath, opened, pulling, untraced
from numbad.traced.reverse import ReverseLevel, Sweep
from numbad.traced.values import TracedArray, hooks, plain


def apply_user_rule(function: Any, args: Any, kwargs: Any) -> Any:
    """Call a function that has a rule of the user."""
    rule = declare.lookup(function)
    assert rule is not None
    if rule.forward is None:
        return without_gradient(function, args, kwargs)
    if level_in(joint.leaves_in(list(args)), kwargs) is None:
        return wrap_all(function(*mapped(plain, list(args)), **mapped(plain, kwargs)))
    bound, rest = _bound(rule, args, kwargs)
    return _differentiated(rule, bound, rest)


def _bound(rule: UserRule, args: Any, kwargs: Any) -> tuple[list[Any], dict[str, Any]]:
    """Return the arguments by position, those given by name and defaults among them."""
    try:
        found = inspect.signature(rule.forward).bind(*args, **kwargs)
    except (TypeError, ValueError):
        return list(args), kwargs
    found.apply_defaults()
    return list(found.args), found.kwargs


def without_gradient(function: Any, args: Any, kwargs: Any) -> Any:
    """Call a function out of all levels; what it writes to arrays counts as constant."""
    watched = [each for each in values_in(list(args)) if is_array(each) and hooks.is_active(each)]
    before = [plain(each).copy() for each in watched]
    found = function(*mapped(plain, list(args)), **mapped(plain, kwargs))
    for each, old in zip(watched, before, strict=True):
        changed = plain(each) != old
        if changed.any():
            hooks.set_item(each, changed, plain(each)[changed])
    return wrap_all(found)


def _differentiated(rule: UserRule, args: list[Any], kwargs: Any) -> Any:
    leaves = [settle(leaf) for leaf in joint.leaves_in(args)]
    level = highest(map(level_of, leaves))
    if level_in(kwargs) is not None:
        raise NoRule(
            f"The rule of `{rule.title}` gives no derivative for its keyword-only arguments.",
            remedy="Make them positional.",
        )
    if level is None:
        return wrap_all(rule.function(*mapped(plain, args), **mapped(plain, kwargs)))
    lower = joint.mapped_leaves(lambda leaf: strip(settle(leaf), level), args)
    lower_leaves = joint.leaves_in(lower)
    active = [i for i, each in enumerate(leaves) if takes_part(each, level)]
    inputs = [leaves[i] for i in active]
    needed = max(
        position + 1
        for position, arg in enumerate(args)
        if any(takes_part(settle(leaf), level) for leaf in joint.leaves_in(arg))
    )
    with beneath(level):
        # In memory of its own: what the rule keeps for later does not see later assignments.
        own = joint.mapped_leaves(lambda x: hooks.call(np.copy, x) if is_array(x) else x, lower)
        if rule.jvp is not None and not level.is_reverse:
            return _forward(rule, level, args, own, inputs)
        found = hooks.call(rule.forward, *own, **kwargs)
        _check_unchanged(rule, joint.leaves_in(own), lower_leaves)
        if not (isinstance(found, tuple) and len(found) == 2):
            raise InvalidRule(
                f"The rule of `{rule.title}` must return its value and the function `back`.",
                why=f"It returned a {type(found).__name__}.",
            )
        y, rest = found
        if rule.backward is None and not callable(rest):
            raise InvalidRule(
                f"The rule of `{rule.title}` returns a {type(rest).__name__} where its function "
                "`back` belongs."
            )
    values = joint.leaves_in(y)

    def cotangents(bars: list[Any]) -> list[Any]:
        given = iter(map(_given, joint.seeds_of(values, bars)))
        y_bar = joint.mapped_leaves(lambda _: next(given), y)
        with pulling():
            if rule.backward is None:
                back = hooks.call(rest, y_bar)
            else:
                back = hooks.call(rule.backward, rest, y_bar)
        every = _per_leaf(rule, back, args, needed)
        return [None if every[i] is None else fitted(every[i], lower_leaves[i]) for i in active]

    def push(tangents: list[Any]) -> list[Any]:
        _check_linear(rule, cotangents, values)
        return _transposed(cotangents, values, tangents)

    if not values:
        return y
    return joint.record(level, y, inputs, push, cotangents)


def _check_unchanged(rule: UserRule, leaves: list[Any], before: list[Any]) -> None:
    for leaf, old in zip(leaves, before, strict=True):
        inexact = is_array(old) and plain(old).dtype.kind in "fc"
        if is_array(old) and not np.array_equal(plain(leaf), plain(old), equal_nan=inexact):
            raise InvalidRule(
                f"An argument is changed by the rule of `{rule.title}`.",
                why="A rule computes value and derivative of what it is given.",
                remedy="Copy the array first.",
            )


def _check_linear(rule: UserRule, cotangents: Any, values: list[Any]) -> None:
    """Refuse forward mode where the cotangents are not linear in the value's cotangent."""
    if not all(isinstance(plain(v), int | float | np.ndarray | np.generic) for v in values):
        return
    rng = np.random.default_rng(0)
    with untraced():
        seeds = [rng.standard_normal(np.shape(plain(v))) for v in values]
        seeds = [s if is_array(v) else float(s) for s, v in zip(seeds, values, strict=True)]
        one = [None if c is None else plain(c) for c in cotangents(list(seeds))]
        for factor in (1024.0, -1.0):
            other = cotangents([factor * s for s in seeds])
            for a, b in zip(one, other, strict=True):
                if a is not None and not np.allclose(factor * a, plain(b), equal_nan=True):
                    raise NoRule(
                        f"The rule of `{rule.title}` has no forward mode: its cotangents are not "
                        "linear in that of the value.",
                        remedy="Give it one: custom_rule(..., jvp=...).",
                    )


def _given(y_bar: Any) -> Any:
    """Return a cotangent as a rule of the user is to see it."""
    if is_array(y_bar):
        return hooks.call(np.copy, y_bar)
    found = plain(y_bar)
    if isinstance(found, np.float64):
        return hooks.call(float, y_bar)
    return y_bar


def _per_leaf(rule: UserRule, back: Any, args: list[Any], needed: int) -> list[Any]:
    """Return what ``back`` returned, one entry per number or array in the arguments.

    It may stop after the last argument that is differentiated, of which there are ``needed``.
    """
    if back is None:
        back = (None,) * len(args)
    if isinstance(back, tuple | list) and needed <= len(back) < len(args):
        back = (*back, *[None] * (len(args) - len(back)))
    if len(args) == 1 and not (isinstance(back, tuple) and len(back) == 1):
        back = (back,)
    if not isinstance(back, tuple | list) or len(back) != len(args):
        count = len(back) if isinstance(back, tuple | list) else "no"
        raise InvalidRule(
            f"The rule of `{rule.title}` returns {count} cotangent for {len(args)} arguments."
        )
    found: list[Any] = []
    for cotangent, arg in zip(back, args, strict=True):
        for part, leaf in zip(leaf_cotangents(arg, cotangent), joint.leaves_in(arg), strict=True):
            _check_fit(rule, part, leaf)
            found.append(TracedArray(part) if type(part) is np.ndarray else part)
    return found


def _check_fit(rule: UserRule, cotangent: Any, leaf: Any) -> None:
    if cotangent is None:
        return
    wanted, given = np.shape(plain(leaf)), np.shape(plain(cotangent))
    if wanted != given:
        raise InvalidRule(
            f"The rule of `{rule.title}` returns a cotangent of shape {given} for an argument of "
            f"shape {wanted}."
        )
    if np.iscomplexobj(plain(cotangent)) and not np.iscomplexobj(plain(leaf)):
        raise InvalidRule(
            f"The rule of `{rule.title}` returns a complex cotangent for a real argument."
        )


def _forward(
    rule: UserRule, level: Level, args: list[Any], lower: list[Any], inputs: list[Any]
) -> Any:
    def tangent(each: Any) -> Any:
        each = settle(each)
        if takes_part(each, level):
            found = level.tangent(each)  # type: ignore[attr-defined]
            return hooks.call(np.copy, found) if is_array(found) else found
        if is_array(each):
            return np.zeros(plain(each).shape)
        return None if isinstance(plain(each), bool) else 0.0

    tangents = tuple(_tangents(each, tangent) for each in args)
    y, y_dot = hooks.call(rule.jvp, tuple(lower), tangents)
    return joint.record(level, y, inputs, lambda _: joint.leaves_in(y_dot), lambda _: [])


def _tangents(value: Any, tangent: Any) -> Any:
    """Return the tangent of an argument; None for what cannot have one."""
    found = joint.leaves_in(value)
    return joint.mapped_leaves(tangent, value) if found else None


def _transposed(cotangents: Any, values: list[Any], tangents: list[Any]) -> list[Any]:
    """Return the tangents of the values: the transpose of what is linear in their cotangents."""
    level = ReverseLevel()
    with opened(level):
        seeds: list[Any] = []
        for each in values:
            if is_array(each):
                seed: Any = TracedArray(np.zeros(plain(each).shape, plain(each).dtype))
                level.adopt(seed)
            else:
                seed = level.fresh(0.0)
            seeds.append(seed)
        places = [level.reference(seed) for seed in seeds]
        found = cotangents(seeds)
        references = [
            level.reference(each) if each is not None and takes_part(each, level) else None
            for each in found
        ]
    sweep = Sweep()
    for reference, tangent in zip(references, tangents, strict=True):
        if reference is not None:
            sweep.add(reference, tangent)
    sweep.run(level.tape)
    return joint.seeds_of(values, [sweep.cotangent(place) for place in places])
