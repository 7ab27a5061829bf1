"""Tables of what this package handles: functions, methods and attributes of arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from numbad.frontend.arrays.lazy import settle
from numbad.frontend.arrays.support import Node
from numbad.frontend.values import Value

if TYPE_CHECKING:
    from numbad.frontend.builder import Builder

Handler = Callable[["Builder", list[Value], dict[str, Value], Node], Value]
AttributeHandler = Callable[["Builder", Value, Node], Value]

HANDLERS: dict[Callable[..., Any], Handler] = {}
METHODS: dict[str, Handler] = {}
ATTRIBUTES: dict[str, AttributeHandler] = {}
DECOMPOSITIONS: dict[Callable[..., Any], Callable[..., Any]] = {}


def handles(*functions: Callable[..., Any]) -> Callable[[Handler], Handler]:
    """Register the handler of one or more functions."""

    def register(handler: Handler) -> Handler:
        for function in functions:
            HANDLERS[function] = handler
        return handler

    return register


def method(*names: str) -> Callable[[Handler], Handler]:
    """Register the handler of methods of arrays; the array is the first argument."""

    def register(handler: Handler) -> Handler:
        for name in names:
            METHODS[name] = handler
        return handler

    return register


def attribute(*names: str) -> Callable[[AttributeHandler], AttributeHandler]:
    """Register the handler of attributes of arrays."""

    def register(handler: AttributeHandler) -> AttributeHandler:
        for name in names:
            ATTRIBUTES[name] = handler
        return handler

    return register


def decomposition(
    *functions: Callable[..., Any], methods: tuple[str, ...] = ()
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a plain Python function, in the subset that is differentiated, as what NumPy's does.

    It is walked in place of the call, with keyword arguments by its own signature.
    """

    def register(body: Callable[..., Any]) -> Callable[..., Any]:
        def handler(
            builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node
        ) -> Value:
            settled = [settle(builder, arg) for arg in args]
            named = {name: settle(builder, arg) for name, arg in kwargs.items()}
            return builder.inline(body, settled, named, node)

        for function in functions:
            HANDLERS[function] = handler
            DECOMPOSITIONS[function] = body
        for name in methods:
            METHODS[name] = handler
        return body

    return register
