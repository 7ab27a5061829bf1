"""Functions that only move elements: reading, assigning, reshaping, joining, selecting.

They have one derivative rule. The function is run a second time on arrays of whole numbers that
say where each element comes from; tangents are gathered by these, cotangents scattered. A result
that is a view needs nothing: its memory is that of the operand.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

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
from numbad.traced.levels import Level, beneath, current
from numbad.traced.memory import overlaps_itself, root
from numbad.traced.values import TracedArray, hooks, plain, wrap

BASIC = (int, np.integer, slice, type(None), type(Ellipsis))


def is_basic(key: Any) -> bool:
    """Whether a subscript gives a view."""
    parts = key if isinstance(key, tuple) else (key,)
    return all(isinstance(part, BASIC) and not isinstance(part, bool) for part in parts)


def get_item(array: Any, key: Any) -> Any:
    """Return ``array[key]``."""
    return _item(array, plain_key(key))


def plain_key(key: Any) -> Any:
    """Return a subscript without traced values, which only say where."""
    if type(key) is list:
        return np.asarray(mapped(plain, key)) if key else key
    return mapped(plain, key)


def _item(array: TracedArray, key: Any) -> Any:
    if array.array.dtype.kind == "O":
        return wrap(array.array[key])
    level = level_of(array)
    if level is None:
        return wrap(array.array[key])
    with beneath(level):
        y = _item(array, key)
    if is_basic(key):
        if is_array(y):
            return y
        where = (*key, Ellipsis) if isinstance(key, tuple) else (key, Ellipsis)
        element = TracedArray(array.array[where if Ellipsis not in where[:-1] else where[:-1]])
        return level.record(y, [element], _first, _single)
    return moved(level, y, [array], lambda index: index[key])


def _first(tangents: list[Any]) -> Any:
    return hooks.get_item(tangents[0], ()) if is_array(tangents[0]) else tangents[0]


def _single(y_bar: Any) -> list[Any]:
    return [y_bar]


def set_item(array: Any, key: Any, value: Any) -> None:
    """Do ``array[key] = value``."""
    if isinstance(value, list | tuple):
        value = hooks.call(np.array, value)
    owner = id(root(array.array))
    for level in current():
        level.written.add(owner)
    _assign(array, plain_key(key), settle(value))


def _assign(array: TracedArray, key: Any, value: Any) -> None:
    if array.array.dtype.kind == "O":
        array.array[key] = value.array if type(value) is TracedArray else value
        return
    level = highest((level_of(array), level_of(value)))
    if level is None:
        array.array[key] = plain(value)
        return
    on = takes_part(value, level) and not (
        array.array.dtype.kind in "biu"
        and not np.can_cast(np.asarray(plain(value)).dtype, np.int64)
    )
    if on and is_array(value) and np.may_share_memory(plain(value), array.array):
        # As NumPy does where the two overlap.
        value = hooks.call(np.copy, value)
    if not takes_part(array, level):
        level.adopt(array)
    lower = strip(value, level)
    with beneath(level):
        _assign(array, key, lower)
    source = value if on else None

    def fit(cotangent: Any) -> Any:
        return fitted(cotangent, lower)

    if is_basic(key):
        where = (*key, Ellipsis) if isinstance(key, tuple) else (key, Ellipsis)
        target = array.array[where if Ellipsis not in where[:-1] else where[:-1]]
        level.store(TracedArray(target), source, fit)
        return
    numbers = np.zeros(array.shape, np.intp)
    own = np.arange(numbers[key].size).reshape(numbers[key].shape)
    numbers[key] = own
    wins = numbers[key] == own
    # Copies: the sweep uses the places after later assignments to the caller's arrays.
    places = mapped(lambda part: np.array(part) if is_array(part) else part, key)
    level.store(array, source, fit, places, None if wins.all() else wins)


def in_place(function: Any, fresh: Any, array: Any, other: Any, casting: Any = "same_kind") -> Any:
    """Do an in-place operation such as ``+=`` on an array."""
    if array.array.dtype.kind != "O" and level_in(array, other) is None:
        owner = id(root(array.array))
        for level in current():
            level.written.add(owner)
        if casting == "unsafe":
            array.array[...] = fresh(array.array, plain(other))
        else:
            function(array.array, mapped(plain, other))
        return array
    found = hooks.call(fresh, array, other)
    if not np.can_cast(np.asarray(plain(found)).dtype, array.array.dtype, casting):
        function(array.array.copy(), plain(other))
    set_item(array, Ellipsis, found)
    return array


# --- the one rule -----------------------------------------------------------------------------


def moved(level: Level, y: Any, inputs: list[Any], function: Callable[..., Any]) -> Any:
    """Record ``y``, whose elements are elements of the inputs or constants.

    ``function`` takes arrays of whole numbers in place of the inputs and says where the elements of
    the result are from: 0 for a constant, else one more than the position in all inputs together.
    """
    sizes = [np.size(plain(each)) for each in inputs]
    starts = np.cumsum([1, *sizes])
    positions = [
        np.arange(start, start + size).reshape(np.shape(plain(each)))
        for start, size, each in zip(starts, sizes, inputs, strict=False)
    ]
    index = np.asarray(function(*positions))
    if not index.any():
        return y
    if is_array(y) and overlaps_itself(plain(y)):
        # A number spread out: as a result with memory of its own, each element has its place.
        y = hooks.call(np.copy, y)
    shapes = [np.shape(plain(each)) for each in inputs]

    def push(tangents: list[Any]) -> Any:
        if len(inputs) == 1 and not is_array(tangents[0]):
            flat = hooks.call(np.array, [0.0, tangents[0]])
        else:
            parts = [hooks.call(np.reshape, each, (-1,)) for each in tangents]
            flat = hooks.call(np.concatenate, [np.zeros(1), *parts])
        return hooks.get_item(flat, index if index.shape else int(index))

    def pull(y_bar: Any) -> list[Any]:
        flat = scatter(y_bar, index, int(starts[-1]))
        found = []
        for start, size, shape, like in zip(starts, sizes, shapes, inputs, strict=False):
            part = hooks.get_item(flat, slice(int(start), int(start + size)))
            part = hooks.call(np.reshape, part, shape)
            found.append(fitted(part, like if is_array(like) else plain(like)))
        return found

    return level.record(y, inputs, push, pull)


def scatter(values: Any, index: np.ndarray[Any, Any], size: int) -> Any:
    """Return zeros with the values added at the positions."""
    level = level_of(settle(values))
    if level is None:
        found = np.asarray(plain(values))
        total = np.zeros(size, np.result_type(found.dtype, np.float32))
        np.add.at(total, index.ravel(), np.broadcast_to(found, index.shape).ravel())
        return TracedArray(total)
    values = settle(values)
    lower = strip(values, level)
    with beneath(level):
        y = scatter(lower, index, size)
    return level.record(
        y,
        [values],
        lambda tangents: scatter(tangents[0], index, size),
        lambda y_bar: [fitted(hooks.get_item(y_bar, index if index.shape else int(index)), lower)],
    )


def structural(
    function: Callable[..., Any], data: Any, remake: Callable[[Callable[..., Any], Any], Any]
) -> Any:
    """Apply a function that moves elements.

    Parameters
    ----------
    function
        Named in messages only.
    data
        The operands whose elements are moved, in sequences as the function takes them.
    remake
        ``remake(run, data)`` calls the function on other data of the same structure.
    """
    data = mapped(settle, data)
    level = level_in(data)
    if level is None:
        return wrap_all(remake(function, mapped(plain, data)))
    lower = mapped(lambda each: strip(each, level), data)
    with beneath(level):
        y = structural(function, lower, remake)
    every = list(values_in(data))
    inputs = [each for each in every if takes_part(each, level)]
    owners = {id(root(plain(each))) for each in inputs if is_array(each)}

    def place(index_of: dict[int, Any]) -> Any:
        numbers = iter(range(len(every)))

        def number(each: Any) -> Any:
            found = index_of.get(next(numbers))
            return np.zeros(np.shape(plain(each)), np.intp) if found is None else found

        return remake(function, mapped(number, data))

    slots = [i for i, each in enumerate(every) if takes_part(each, level)]

    def one(value: Any, pick: Callable[[Any], Any]) -> Any:
        if is_array(value) and id(root(plain(value))) in owners:
            return value
        if not is_array(value) and not isinstance(plain(value), int | float | complex | np.generic):
            return value

        def where(*positions: Any) -> Any:
            return pick(place(dict(zip(slots, positions, strict=True))))

        return moved(level, value, inputs, where)

    if isinstance(y, list | tuple):
        items = [one(item, lambda found, i=i: found[i]) for i, item in enumerate(y)]  # type: ignore[misc]
        return items if type(y) is list else tuple(items) if type(y) is tuple else type(y)(*items)
    return one(y, lambda found: found)


hooks.get_item = get_item
hooks.set_item = set_item
hooks.in_place = in_place
hooks.scatter = scatter
