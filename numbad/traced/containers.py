"""Arguments and results: putting traced values into containers, and taking them out again."""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from types import FunctionType, MappingProxyType
from typing import Any

import numpy as np

from numbad.structure import new_instance, record_fields
from numbad.traced import python_containers
from numbad.traced.activity import settle
from numbad.traced.levels import Level, current
from numbad.traced.memory import root
from numbad.traced.values import Traced, TracedArray, TracedNumber, plain

_CHANGING = (list, dict, deque)
_COLLECTIONS = (*_CHANGING, tuple, MappingProxyType)
_NUMBERS = (int, float, complex, np.number, Fraction, Decimal)


def is_number(value: Any) -> bool:
    """Whether a value is a number that can be differentiated."""
    value = plain(value)
    return isinstance(value, _NUMBERS) and not isinstance(value, bool | enum.Enum)


def is_numeric_array(value: Any) -> bool:
    """Whether a value is an array of numbers."""
    value = plain(value)
    return isinstance(value, np.ndarray) and value.dtype.kind in "iufcO"


def is_leaf(value: Any) -> bool:
    """Whether a value is a number or array that can be differentiated."""
    return is_number(value) or is_numeric_array(value)


def parts(value: Any) -> dict[Any, Any] | None:
    """Return the parts of a container by key; None for what is not a container."""
    if isinstance(value, Traced | np.ndarray | np.generic | int | float | complex | str | bytes):
        return None
    if isinstance(value, Fraction | Decimal):
        return None
    found = python_containers.contents(value)
    return record_fields(value) if found is None else found


def leaves(value: Any, seen: frozenset[int] = frozenset()) -> Iterator[Any]:
    """Yield the numbers, arrays and other leaves of a value, in order."""
    found = parts(value) if id(value) not in seen else None
    if found is None:
        yield value
        return
    for part in found.values():
        yield from leaves(part, seen | {id(value)})


def rebuilt(value: Any, new: list[Any]) -> Any:
    """Return a container like ``value`` with other parts."""
    if isinstance(value, _COLLECTIONS):
        return python_containers.like(value, new)
    made = new_instance(type(value))
    fields = record_fields(value) or {}
    for name, field in getattr(value, "__dict__", {}).items():
        if name not in fields:
            object.__setattr__(made, name, field)
    for name, field in zip(fields, new, strict=True):
        object.__setattr__(made, name, field)
    return made


class Lifted:
    """The arguments of a traced call, and the way back to those of the user.

    Parameters
    ----------
    level : Level
        The differentiation.
    number, array : callable
        ``number(value, hint)`` and ``array(value, hint)`` make traced values of the level;
        ``hint`` is what ``lift`` was given for the leaf.
    """

    def __init__(
        self, level: Level, number: Callable[[Any, Any], Any], array: Callable[[Any, Any], Any]
    ) -> None:
        self.level = level
        self.number = number
        self.array = array
        self.originals: dict[int, Any] = {}
        self.copies: list[tuple[Any, TracedArray]] = []
        self.containers: dict[int, tuple[Any, Any]] = {}
        # What the leaves of the argument gave so far, and what those of each container gave.
        self.given: list[Any] = []
        self._spans: dict[int, list[Any]] = {}

    def lift(self, value: Any, hint: Any, pick: Callable[[Any, Any], Any]) -> Any:
        """Return a value with traced leaves; ``pick(hint, key)`` is the hint for a part."""
        if is_number(value):
            return self.number(value, hint)
        if is_numeric_array(value):
            return self._array(value, hint)
        found = parts(value)
        is_wanted = hint is not None and hint is not False
        if found is None:
            if is_wanted:
                python_containers.refuse(value)
            return value
        if id(value) in self.containers:
            # Nothing is there yet for a container that contains itself.
            self.given += self._spans.get(id(value), [])
            return self.containers[id(value)][1]
        if not isinstance(value, _CHANGING):
            found_leaves = list(leaves(value))
            if not any(map(is_leaf, found_leaves)):
                for leaf in found_leaves if is_wanted else ():
                    python_containers.refuse(leaf)
                return value
        if isinstance(value, _COLLECTIONS):
            python_containers.refuse_attributes(value, is_leaf)
        if isinstance(value, tuple | MappingProxyType):
            return rebuilt(
                value, [self.lift(part, pick(hint, key), pick) for key, part in found.items()]
            )
        # Entered before its parts: a part may refer to it.
        made = rebuilt(value, list(found.values()))
        self.containers[id(value)] = (value, made)
        start = len(self.given)
        for key, part in found.items():
            _set_part(made, key, self.lift(part, pick(hint, key), pick))
        self._spans[id(value)] = self.given[start:]
        return made

    def lift_in_place(self, value: Any, make: Callable[[Any], Any]) -> None:
        """Make the numbers and arrays of a parameter traced where they are, until ``clean``."""
        if is_numeric_array(value):
            make(TracedArray(plain(value)))
            return
        self.level.containers[id(value)] = value
        for key, part in (parts(value) or {}).items():
            if is_number(part):
                _set_part(value, key, make(part))
            elif is_leaf(part) or parts(part) is not None:
                self.lift_in_place(part, make)

    def _array(self, value: Any, hint: Any) -> Any:
        made = self.array(value, hint)
        if plain(made) is not plain(value):
            self.level.copied[id(root(plain(value)))] = plain(made)
            self.originals[id(root(plain(made)))] = value
            self.copies.append((value, made))
        return made

    def write_back(self, *, arrays_only: bool = False) -> None:
        """Let the user's arrays and containers see what was written to those of the call."""
        from numbad.traced.values import hooks

        for original, made in self.copies:
            if id(root(made.array)) in self.level.written:
                for other, another in self.copies:
                    if another is not made and np.shares_memory(plain(other), plain(original)):
                        check_overlap()
                if isinstance(original, TracedArray):
                    hooks.set_item(original, Ellipsis, made)
                else:
                    original[...] = made.array
        if arrays_only:
            return
        for original, made in self.containers.values():
            self._container_back(original, made)

    def _container_back(self, original: Any, made: Any) -> None:
        if isinstance(original, _CHANGING):
            old = python_containers.contents(original) or {}
            new = {
                key: self.lowered(each)
                for key, each in (python_containers.contents(made) or {}).items()
            }
            if list(new) != list(old) or any(new[key] is not old[key] for key in new):
                python_containers.refill(original, new)
        else:
            for name, each in _fields(made).items():
                low = self.lowered(each)
                if low is not getattr(original, name, _MISSING):
                    object.__setattr__(original, name, low)
            for name in set(_fields(original)) - set(_fields(made)):
                object.__delattr__(original, name)

    def lowered(self, value: Any, seen: dict[int, Any] | None = None) -> Any:
        """Return a value as the caller is to see it: its own objects, nothing of this level."""
        seen = {} if seen is None else seen
        if type(value) is TracedNumber:
            return settle(value)
        if type(value) is TracedArray or type(value) is np.ndarray:
            array = plain(value)
            original = self.originals.get(id(root(array)))
            if (
                original is not None
                and plain(original).shape == array.shape
                and (array is root(array) or array.strides == root(array).strides)
            ):
                return original
            return value if current() and type(value) is TracedArray else array
        if id(value) in seen:
            return seen[id(value)]
        for original, made in self.containers.values():
            if made is value:
                return original
        if isinstance(value, tuple) and parts(value) is not None:
            new = [self.lowered(each, seen) for each in value]
            if all(a is b for a, b in zip(new, value, strict=True)):
                return value
            return rebuilt(value, new)
        seen[id(value)] = value
        self._clean_inside(value, seen)
        return value

    def _clean_inside(self, value: Any, seen: dict[int, Any]) -> None:
        """Replace what is traced in a mutable container by what the caller is to see."""
        if isinstance(value, _CHANGING):
            for key, each in (python_containers.contents(value) or {}).items():
                if _may_hold(each):
                    python_containers.replace(value, key, self.lowered(each, seen))
        elif isinstance(value, set):
            if any(isinstance(each, Traced) for each in value):
                new = [self.lowered(each, seen) for each in value]
                value.clear()
                value.update(new)
        elif isinstance(value, np.ndarray) and value.dtype.kind == "O":
            for i, each in enumerate(value.flat):
                value.flat[i] = self.lowered(each, seen)
        else:
            for name, each in _fields(value).items():
                if _may_hold(each):
                    low = self.lowered(each, seen)
                    if low is not each:
                        object.__setattr__(value, name, low)

    def clean(self) -> None:
        """Take traced values out of what the function may have left them in."""
        for container in self.level.containers.values():
            self._clean_inside(container, {id(container): container})
        for function in self.level.functions.values():
            self._clean_function(function)

    def _clean_function(self, function: FunctionType) -> None:
        from numbad.traced.rewrite import names_written

        names, cells = names_written(function)
        for name in names:
            found = function.__globals__.get(name)
            if _may_hold(found):
                function.__globals__[name] = self.lowered(found)
        for cell in cells:
            try:
                found = cell.cell_contents
            except ValueError:
                continue
            if _may_hold(found):
                low = self.lowered(found)
                if low is not found:
                    cell.cell_contents = low


_MISSING = object()


def _may_hold(value: Any) -> bool:
    if isinstance(value, (Traced, set, *_COLLECTIONS)):
        return True
    if isinstance(value, np.ndarray):
        return bool(value.dtype.kind == "O")
    return record_fields(value) is not None


def _fields(value: Any) -> dict[str, Any]:
    if isinstance(value, type | FunctionType) or parts(value) is None:
        return {}
    found = dict(getattr(value, "__dict__", {}))
    return (record_fields(value) or {}) | found


def _set_part(made: Any, key: Any, part: Any) -> None:
    if isinstance(made, _CHANGING):
        python_containers.replace(made, key, part)
    else:
        object.__setattr__(made, key, part)


def check_overlap() -> None:
    """Refuse a call whose arguments overlap where one is written."""
    from numbad.errors import AliasingError

    raise AliasingError(
        "An argument is written to and shares memory with another argument.",
        why="The derivative would mix the two arguments up.",
        remedy="Pass a copy of one of them.",
    )
