"""Functions with a rule of the user: ``adjoint``, ``custom_rule`` and ``nograd``."""

from __future__ import annotations

from typing import Any

import numpy as np

from numbad.custom import declare
from numbad.custom.declare import UserRule
from numbad.errors import InvalidRule
from numbad.traced.activity import level_in, mapped, settle, strip, takes_part, values_in
from numbad.traced.bodies import is_array
from numbad.traced.dispatch import fitted, wrap_all
from numbad.traced.levels import Level, beneath, opened
from numbad.traced.reverse import ReverseLevel, Sweep
from numbad.traced.values import TracedArray, hooks, plain


def apply_user_rule(function: Any, args: Any, kwargs: Any) -> Any:
    """Call a function that has a rule of the user."""
    rule = declare.lookup(function)
    assert rule is not None
    if rule.forward is None:
        return without_gradient(function, args, kwargs)
    if level_in(list(args), kwargs) is None:
        return wrap_all(function(*mapped(plain, list(args)), **mapped(plain, kwargs)))
    return _differentiated(rule, [mapped(settle, each) for each in args], kwargs)


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
    level = level_in(args)
    if level is None:
        return wrap_all(rule.function(*mapped(plain, args), **mapped(plain, kwargs)))
    lower = [mapped(lambda each: strip(each, level), each) for each in args]
    leaves = [each for arg in args for each in values_in(arg)]
    lower_leaves = [each for arg in lower for each in values_in(arg)]
    active = [i for i, each in enumerate(leaves) if takes_part(each, level)]
    inputs = [leaves[i] for i in active]
    with beneath(level):
        if rule.jvp is not None and not level.is_reverse:
            return _forward(rule, level, args, lower, inputs)
        found = hooks.call(rule.forward, *lower, **kwargs)
        if not (isinstance(found, tuple) and len(found) == 2):
            raise InvalidRule(
                f"The rule of `{rule.title}` does not return a pair.",
                why="It returned " + type(found).__name__ + ".",
            )
        y, rest = found

    def cotangents(y_bar: Any) -> list[Any]:
        if rule.backward is None:
            back = hooks.call(rest, _given(y_bar))
        else:
            back = hooks.call(rule.backward, rest, _given(y_bar))
        every = _per_leaf(rule, back, args)
        return [None if every[i] is None else fitted(every[i], lower_leaves[i]) for i in active]

    def push(tangents: list[Any]) -> Any:
        return _transposed(cotangents, y, tangents)

    if isinstance(y, tuple | list | dict):
        raise InvalidRule(
            f"The rule of `{rule.title}` returns a {type(y).__name__} as the value.",
            why="The traced engine takes rules whose value is a number or an array.",
        )
    if not is_array(y) and not isinstance(plain(y), int | float | complex | np.generic):
        return y
    if is_array(y):
        y = hooks.call(np.copy, y)
    return level.record(y, inputs, push, cotangents)


def _given(y_bar: Any) -> Any:
    """Return a cotangent as a rule of the user is to see it."""
    if is_array(y_bar):
        return hooks.call(np.copy, y_bar)
    found = plain(y_bar)
    if isinstance(found, np.float64):
        return hooks.call(float, y_bar)
    return y_bar


def _per_leaf(rule: UserRule, back: Any, args: list[Any]) -> list[Any]:
    """Return what ``back`` returned, one entry per number or array in the arguments."""
    if len(args) == 1 and not (isinstance(back, tuple) and len(back) == 1):
        back = (back,)
    if not isinstance(back, tuple | list) or len(back) != len(args):
        raise InvalidRule(
            f"The rule of `{rule.title}` returns a wrong number of cotangents.",
            why=f"There are {len(args)} positional arguments.",
        )
    found: list[Any] = []
    for cotangent, arg in zip(back, args, strict=True):
        found += _spread(rule, cotangent, arg)
    return found


def _spread(rule: UserRule, cotangent: Any, arg: Any) -> list[Any]:
    if cotangent is None:
        return [None for _ in values_in(arg)]
    if isinstance(arg, list | tuple):
        return [leaf for c, a in zip(cotangent, arg, strict=True) for leaf in _spread(rule, c, a)]
    if isinstance(arg, dict):
        return [leaf for key, a in arg.items() for leaf in _spread(rule, cotangent[key], a)]
    wanted, given = np.shape(plain(arg)), np.shape(plain(cotangent))
    if wanted != given:
        raise InvalidRule(
            f"The rule of `{rule.title}` returns a cotangent of shape {given}.",
            why=f"The argument has shape {wanted}.",
        )
    return [TracedArray(cotangent) if type(cotangent) is np.ndarray else cotangent]


def _forward(
    rule: UserRule, level: Level, args: list[Any], lower: list[Any], inputs: list[Any]
) -> Any:
    def tangent(each: Any) -> Any:
        if takes_part(each, level):
            return level.tangent(each)  # type: ignore[attr-defined]
        found = plain(each)
        if isinstance(found, np.ndarray):
            return np.zeros(found.shape)
        return (
            0.0
            if isinstance(found, int | float | complex) and not isinstance(found, bool)
            else None
        )

    tangents = tuple(mapped(tangent, each) for each in args)
    y, y_dot = hooks.call(rule.jvp, tuple(lower), tangents)
    return level.record(y, inputs, lambda _: y_dot, lambda _: [])


def _transposed(cotangents: Any, y: Any, tangents: list[Any]) -> Any:
    """Return the tangent of ``y``: the transpose of what is linear in the cotangent of ``y``."""
    level = ReverseLevel()
    with opened(level):
        if is_array(y):
            seed: Any = TracedArray(np.zeros(plain(y).shape, plain(y).dtype))
            level.adopt(seed)
        else:
            seed = level.fresh(0.0)
        place = level.reference(seed)
        found = cotangents(seed)
        references = [
            level.reference(each) if each is not None and takes_part(each, level) else None
            for each in found
        ]
    sweep = Sweep()
    for reference, tangent in zip(references, tangents, strict=True):
        if reference is not None:
            sweep.add(reference, tangent)
    sweep.run(level.tape)
    result = sweep.cotangent(place)
    return _zero(y) if result is None else result


def _zero(y: Any) -> Any:
    return 0.0 if not is_array(y) else np.zeros(plain(y).shape)
