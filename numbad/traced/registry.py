"""What the traced engine does with functions that it knows: the table, and how it is filled.

A handler takes the place of a call that has traced values among its arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any

Handler = Callable[..., Any]

HANDLERS: dict[Any, Handler] = {}
METHODS: dict[str, Handler] = {}


def handles(*functions: Any, method: str = "") -> Callable[[Handler], Handler]:
    """Register the handler of functions, and of methods of arrays (names separated by spaces)."""

    def register(handler: Handler) -> Handler:
        for function in functions:
            HANDLERS[function] = handler
        for name in method.split():
            METHODS[name] = handler
        return handler

    return register


def handler_of(function: Any) -> Handler | None:
    """Return the handler of a function; None if there is none or it cannot be a key."""
    if type(type(function).__eq__) is FunctionType:
        return None  # an object of the user's, with an equality of its own
    try:
        return HANDLERS.get(function)
    except TypeError:
        return None
