"""Reverse mode: the tape of a level, and the backward sweep over it.

The tape lists operations in the order in which they ran. The cotangent of a number is kept under
the number's slot, that of an array in shadow memory of the array's layout: an assignment to the
array takes the shadow's elements and leaves zeros, so that at each operation of the sweep the
shadow belongs to the values the array had then.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from numbad.traced import memory
from numbad.traced.bodies import is_array
from numbad.traced.levels import Level, Pull, Push
from numbad.traced.memory import Place, place_of, root
from numbad.traced.values import TracedArray, TracedNumber, hooks, plain

Reference = int | Place
"""Where a cotangent is kept: a number's slot or a place in shadow memory."""


class ReverseLevel(Level):
    """A level that records for a backward sweep."""

    is_reverse = True

    def __init__(self) -> None:
        super().__init__()
        self.tape: list[Callable[[Sweep], None]] = []
        self._slots = 0

    def fresh(self, value: Any) -> TracedNumber:
        """Return a number of this level that depends on nothing before it."""
        self._slots += 1
        return TracedNumber(self, value, self._slots)

    def adopt(self, array: Any) -> None:
        """As ``Level.adopt``."""
        owner = root(plain(array))
        self.table[id(owner)] = owner

    def reference(self, value: Any) -> Reference:
        """Return where the cotangent of a traced value of this level is kept."""
        return value.slot if type(value) is TracedNumber else place_of(plain(value))

    def record(
        self, value: Any, inputs: list[Any], push: Push, pull: Pull, *, always: bool = False
    ) -> Any:
        """As ``Level.record``; with ``always``, ``pull`` is given None where nothing flows back."""
        if is_array(value):
            self.adopt(value)
            result, out = value, self.reference(value)
        else:
            result = self.fresh(value)
            out = result.slot
        self.tape.append(Operation(out, [self.reference(each) for each in inputs], pull, always))
        return result

    def store(
        self, target: Any, value: Any, fit: Callable[[Any], Any], key: Any = None, wins: Any = None
    ) -> None:
        """As ``Level.store``; ``key`` says which elements, ``wins`` which were kept."""
        source = None if value is None else self.reference(value)
        self.tape.append(Store(place_of(plain(target)), source, fit, key, wins))


class Operation:
    """The pullback of one operation."""

    __slots__ = ("always", "inputs", "out", "pull")

    def __init__(self, out: Reference, inputs: list[Reference], pull: Pull, always: bool) -> None:
        self.out = out
        self.inputs = inputs
        self.pull = pull
        self.always = always

    def __call__(self, sweep: Sweep) -> None:
        """Take the cotangent of the result to the operands."""
        y_bar = sweep.take(self.out)
        if y_bar is None and not self.always:
            return
        for reference, cotangent in zip(self.inputs, self.pull(y_bar), strict=True):
            if cotangent is not None:
                sweep.add(reference, cotangent)


class Store:
    """The pullback of an assignment to elements of an array."""

    __slots__ = ("fit", "key", "source", "target", "wins")

    def __init__(
        self,
        target: Place,
        source: Reference | None,
        fit: Callable[[Any], Any],
        key: Any,
        wins: Any,
    ) -> None:
        self.target = target
        self.source = source
        self.fit = fit
        self.key = key
        self.wins = wins

    def __call__(self, sweep: Sweep) -> None:
        """Take the cotangent of the elements to the value they were given."""
        shadow = sweep.shadow(self.target)
        if shadow is None:
            return
        key = Ellipsis if self.key is None else self.key
        if self.source is not None:
            found = hooks.call(np.copy, hooks.get_item(shadow, key))
            if self.wins is not None:
                found = found * self.wins
            sweep.add(self.source, self.fit(found))
        hooks.set_item(shadow, key, 0.0)


class Sweep:
    """One run backwards over a tape: the cotangents so far."""

    def __init__(self) -> None:
        self.numbers: dict[int, Any] = {}
        self.memories: dict[int, np.ndarray[Any, Any]] = {}

    def run(self, tape: Sequence[Callable[[Sweep], None]]) -> None:
        """Take the cotangents back through all operations."""
        with np.errstate(all="ignore"):
            for operation in reversed(tape):
                operation(self)

    def shadow(self, place: Place) -> TracedArray | None:
        """Return the shadow of a place; None if no cotangent has reached its memory."""
        found = self.memories.get(id(place.owner))
        return None if found is None else TracedArray(memory.view(found, place))

    def cotangent(self, reference: Reference) -> Any:
        """Return the cotangent collected so far; None if there is none."""
        if isinstance(reference, int):
            return self.numbers.get(reference)
        return self.shadow(reference)

    def take(self, reference: Reference) -> Any:
        """Return the cotangent of a result, which was made by the operation that asks."""
        if isinstance(reference, int):
            return self.numbers.pop(reference, None)
        found = self.memories.pop(id(reference.owner), None)
        return None if found is None else TracedArray(memory.view(found, reference))

    def add(self, reference: Reference, cotangent: Any) -> None:
        """Add to a cotangent."""
        if isinstance(reference, int):
            before = self.numbers.get(reference)
            self.numbers[reference] = cotangent if before is None else before + cotangent
            return
        found = self.memories.get(id(reference.owner))
        if found is None:
            found = self.memories[id(reference.owner)] = memory.allocate(reference.owner)
        shadow = memory.view(found, reference)
        if memory.overlaps_itself(shadow):
            numbers = np.arange(found.size).astype(found.dtype)
            index = memory.view(numbers, reference).real.astype(np.intp)
            spread = hooks.call(hooks.scatter, cotangent, index, found.size)
            hooks.in_place(operator.iadd, operator.add, TracedArray(found), spread)
        elif is_array(cotangent) or type(cotangent) is TracedNumber or hooks.is_active(shadow):
            hooks.in_place(operator.iadd, operator.add, TracedArray(shadow), cotangent, "unsafe")
        else:
            np.add(shadow, cotangent, out=shadow, casting="unsafe")
