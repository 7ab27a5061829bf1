"""Which values take part in which level."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from numbad.errors import NoRule
from numbad.traced.levels import Level, current, state
from numbad.traced.memory import root
from numbad.traced.values import TracedArray, TracedNumber, hooks, plain


def settle(value: Any) -> Any:
    """Return a value without levels that are over or count as constant."""
    while type(value) is TracedNumber and (
        not value.level.is_open or value.level in state.constants
    ):
        value = value.primal
    return value


def level_of(value: Any) -> Level | None:
    """Return the innermost level in which a settled number or array takes part."""
    if type(value) is TracedNumber:
        if value.level not in current():
            raise NoRule(
                "A rule gives no derivative for a number that is differentiated around it.",
                why="The number is closed over by the rule of a function (or was passed to another "
                "thread).",
                remedy="Make it a positional argument, or use numbad.dropgrad.",
            )
        level: Level = value.level
        return level
    if type(value) is TracedArray:
        value = value.array
    elif type(value) is not np.ndarray:
        return None
    levels = current()
    if levels:
        if value.dtype.kind == "O":
            return highest(level_of(settle(item)) for item in value.flat)
        key = id(root(value))
        for level in reversed(levels):
            if key in level.table:
                return level
    return None


def highest(levels: Iterable[Level | None]) -> Level | None:
    """Return the innermost of several levels."""
    found: Level | None = None
    for level in levels:
        if level is not None and (found is None or level.number > found.number):
            found = level
    return found


def takes_part(value: Any, level: Level) -> bool:
    """Whether a number or array is a traced value of the level."""
    if type(value) is TracedNumber:
        return value.level is level
    if type(value) is TracedArray:
        value = value.array
    elif type(value) is not np.ndarray:
        return False
    return id(root(value)) in level.table


def strip(value: Any, level: Level) -> Any:
    """Return a value as the levels below see it."""
    if type(value) is TracedNumber and value.level is level:
        return settle(value.primal)
    if type(value) is np.ndarray:
        return TracedArray(value)
    return value


def values_in(value: Any) -> Iterator[Any]:
    """Yield the numbers and arrays in a value and the sequences and dicts in it."""
    if isinstance(value, list | tuple | deque):
        for item in value:
            yield from values_in(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from values_in(item)
    else:
        yield value


def mapped(function: Any, value: Any) -> Any:
    """Return a value with ``function`` applied to what is in its sequences and dicts."""
    if isinstance(value, list | deque):
        return [mapped(function, item) for item in value]
    if isinstance(value, tuple):
        items = [mapped(function, item) for item in value]
        return tuple(items) if type(value) is tuple else tuple.__new__(type(value), items)
    if type(value) is dict:
        return {key: mapped(function, item) for key, item in value.items()}
    if type(value) is slice:
        return slice(plain(value.start), plain(value.stop), plain(value.step))
    return function(value)


def level_in(*values: Any) -> Level | None:
    """Return the innermost level of all that is in the values."""
    return highest(level_of(settle(item)) for value in values for item in values_in(value))


def is_active(value: Any) -> bool:
    """Whether a number or array takes part in a level that is going on."""
    return level_of(settle(value)) is not None


hooks.is_active = is_active
