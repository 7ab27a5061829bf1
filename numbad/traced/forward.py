"""Forward mode: numbers carry their tangent, arrays have tangent memory of the same layout."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from numbad.traced import memory
from numbad.traced.bodies import is_array
from numbad.traced.levels import Level, Pull, Push, beneath
from numbad.traced.memory import place_of, root
from numbad.traced.values import TracedArray, TracedNumber, hooks, plain


class ForwardLevel(Level):
    """A level that computes tangents as it goes."""

    def adopt(self, array: Any) -> None:
        """As ``Level.adopt``."""
        owner = root(plain(array))
        key = id(owner)
        if key in self.table:
            return
        table = self.table
        # Temporary arrays give their tangent memory back when they go.
        reference = weakref.ref(owner, lambda _: table.pop(key, None))
        table[key] = (reference, memory.allocate(owner))

    def tangent(self, value: Any) -> Any:
        """Return the tangent of a traced value of this level."""
        if type(value) is TracedNumber:
            return value.slot
        place = place_of(plain(value))
        return TracedArray(memory.view(self.table[id(place.owner)][1], place))

    def made(self, value: Any, tangent: Any) -> Any:
        """Return ``value`` as a value of this level with a tangent."""
        if is_array(value):
            self.adopt(value)
            hooks.set_item(self.tangent(value), Ellipsis, tangent)
            return value
        if is_array(tangent):
            tangent = hooks.get_item(tangent, ())
        return TracedNumber(self, value, tangent)

    def record(
        self, value: Any, inputs: list[Any], push: Push, pull: Pull, *, always: bool = False
    ) -> Any:
        """As ``Level.record``."""
        with beneath(self), np.errstate(all="ignore"):
            tangent = push([self.tangent(each) for each in inputs])
            return value if tangent is None else self.made(value, tangent)

    def store(
        self, target: Any, value: Any, fit: Callable[[Any], Any], key: Any = None, wins: Any = None
    ) -> None:
        """As ``Level.store``; ``key`` says which elements, ``wins`` which were kept."""
        with beneath(self):
            tangent = 0.0 if value is None else self.tangent(value)
            hooks.set_item(self.tangent(target), Ellipsis if key is None else key, tangent)
