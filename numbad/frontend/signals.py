"""Exceptions by which the walk talks to itself; none of them reaches the user."""

from __future__ import annotations

from typing import Any


class Signal(Exception):
    """Base of the signals."""


class DeadEnd(Signal):
    """The code just walked always raises: nothing after it runs."""


class Thrown(Signal):
    """The statement being walked always throws an exception that a handler catches."""


class Skip(Signal):
    """The code reads something not known in this walk; the region it is in is left out for now.

    Raised only in walks whose result is thrown away.
    """


class NeedsUnrolling(Signal):
    """The body of the loop ``loop`` needs its index as a constant."""

    def __init__(self, loop: int) -> None:
        super().__init__(loop)
        self.loop = loop


class NeedsDynamicList(Signal):
    """The list ``id`` must be a list of the IR, with items of the type ``item``, from the start."""

    def __init__(self, ids: dict[int, Any]) -> None:
        super().__init__(ids)
        self.ids = ids


class NeedsOpening(Signal):
    """The object ``found`` on ``path`` is changed: it must be known to the walk from the start.

    If it ``is_variable``, a global or a closure cell is assigned.
    """

    def __init__(self, found: Any, path: Any, *, is_variable: bool = False) -> None:
        super().__init__(path)
        self.found = found
        self.path = path
        self.is_variable = is_variable


class RecursionFound(Signal):
    """The activation ``key``, which is being inlined, calls itself."""

    def __init__(self, key: Any) -> None:
        super().__init__(key)
        self.key = key
