"""Tables of handlers of functions."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from numbad.frontend.values import Value

if TYPE_CHECKING:
    from numbad.frontend.builder import Builder

Handler = Callable[["Builder", list[Value], dict[str, Value], "ast.AST | None"], Value]


class Table:
    """A table that handlers are entered into by a decorator."""

    def __init__(self) -> None:
        self.entries: dict[Any, Handler] = {}

    def handles(self, *fns: Any) -> Callable[[Handler], Handler]:
        """Enter the decorated handler for the functions."""

        def enter(handler: Handler) -> Handler:
            for fn in fns:
                self.entries[fn] = handler
            return handler

        return enter
