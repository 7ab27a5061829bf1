"""Which differentiations are going on in this thread, innermost last.

Each call of ``gradient`` or ``jvp`` by the traced engine opens a ``Level``. A number that takes
part in one is a ``TracedNumber`` of that level; an array takes part if its memory is in the
level's table. What is computed for a level (the primal, the slopes) is computed among the levels
below it, which is how derivatives of any order nest without confusion.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

_numbers = itertools.count(1)

Push = Callable[[list[Any]], Any]
Pull = Callable[[Any], Sequence[Any]]


class Level:
    """One differentiation.

    Attributes
    ----------
    number : int
        Greater than that of every level opened before.
    table : dict
        Active memory: by the identity of the array that owns it.
    is_open : bool
        False once the function has returned: its values are constants from then on.
    is_reverse : bool
        Whether the level records for a backward sweep.
    written : set
        Identities of the arrays that own memory that was assigned to.
    copied : dict
        For each argument that was copied for the run, by identity of the owner: the copy.
    functions, containers : dict
        Where traced values may have been left.
    """

    is_reverse = False

    def __init__(self) -> None:
        self.number = next(_numbers)
        self.table: dict[int, Any] = {}
        self.is_open = True
        self.written: set[int] = set()
        self.copied: dict[int, Any] = {}
        self.functions: dict[Any, Any] = {}
        self.containers: dict[int, Any] = {}

    def check(self, array: Any) -> None:
        """Refuse an array whose copy, given as an argument, has been written to."""
        if self.copied:
            check_original(self, array)

    def record(self, value: Any, inputs: list[Any], push: Push, pull: Pull) -> Any:
        """Return ``value`` as a result of the ``inputs``, traced values of this level."""
        raise NotImplementedError

    def store(
        self, target: Any, value: Any, fit: Callable[[Any], Any], key: Any = None, wins: Any = None
    ) -> None:
        """Note that ``target``, an array of active memory, was overwritten by ``value``.

        ``value`` is a traced value of this level, or None for a constant; ``fit`` reduces a
        cotangent of the target's shape to the value's. ``key`` says which elements, all by default;
        ``wins`` which of the values were kept where places are repeated.
        """
        raise NotImplementedError

    def adopt(self, array: Any) -> None:
        """Make the memory of an array active, with zero derivative."""
        raise NotImplementedError


def check_original(level: Level, array: Any) -> None:
    """See ``Level.check``."""
    from numbad.errors import AliasingError
    from numbad.traced.memory import root

    copy = level.copied.get(id(root(array)))
    if copy is not None and id(root(copy)) in level.written:
        raise AliasingError(
            "An array that is an argument has been written to, and is read by another name.",
            why="The derivative with respect to the argument would miss one of the two.",
            remedy="Pass a copy of the array.",
        )


class _State(threading.local):
    def __init__(self) -> None:
        self.levels: tuple[Level, ...] = ()
        self.constants: tuple[Level, ...] = ()
        self.pulls = 0
        self.call_compiled: Callable[..., Any] | None = None


state = _State()


def current() -> tuple[Level, ...]:
    """Levels that operations now count for, innermost last."""
    return state.levels


def is_tracing() -> bool:
    """Whether a traced function, or a rule's backward part for one, is running in this thread."""
    return bool(state.levels) or state.pulls > 0


@contextmanager
def pulling() -> Iterator[None]:
    """Run the backward part of a rule: what it closes over may be values of the engine."""
    state.pulls += 1
    try:
        yield
    finally:
        state.pulls -= 1


def nestlevel() -> int:
    """How many differentiations are going on."""
    return len(state.levels)


def is_deriving() -> bool:
    """Whether a differentiation of this thread is going on."""
    return bool(state.levels)


@contextmanager
def opened(level: Level) -> Iterator[None]:
    """Run the block as part of a new level; the level is closed at its end."""
    before = state.levels
    state.levels = (*before, level)
    try:
        yield
    finally:
        state.levels = before
        level.is_open = False


@contextmanager
def calling(compiled: Callable[..., Any]) -> Iterator[None]:
    """Run the block with calls of ``@njit`` functions handed to ``compiled``.

    It takes the function and its arguments, and may return ``NotImplemented``.
    """
    before = state.call_compiled
    state.call_compiled = compiled
    try:
        yield
    finally:
        state.call_compiled = before


@contextmanager
def beneath(level: Level) -> Iterator[None]:
    """Run the block among the levels below ``level``."""
    before = state.levels
    state.levels = tuple(each for each in before if each.number < level.number)
    try:
        yield
    finally:
        state.levels = before


@contextmanager
def constants(*levels: Level) -> Iterator[None]:
    """Run the block with values of these levels as constants."""
    before = state.constants
    state.constants = (*before, *levels)
    try:
        yield
    finally:
        state.constants = before


@contextmanager
def untraced() -> Iterator[None]:
    """Run the block as if nothing were differentiated."""
    before = state.levels
    state.levels = ()
    try:
        yield
    finally:
        state.levels = before
