"""Calls of ``operator.itemgetter``, ``attrgetter`` and ``methodcaller`` objects."""

from __future__ import annotations

import ast
import functools
from operator import attrgetter, itemgetter, methodcaller
from typing import TYPE_CHECKING, Any

from numbad.frontend.values import TupleValue, Value

if TYPE_CHECKING:
    from numbad.frontend.builder import Builder

Getter = itemgetter | attrgetter | methodcaller  # type: ignore[type-arg]
GETTERS = (itemgetter, attrgetter, methodcaller)


def call_getter(
    builder: Builder,
    getter: Getter,
    args: list[Value],
    kwargs: dict[str, Value],
    node: ast.AST | None,
) -> Value:
    """Apply a getter to its only argument."""
    if len(args) != 1 or kwargs:
        builder.type_error(node, f"`{type(getter).__name__}` objects take one argument.")
    from numbad.frontend import calls

    (value,) = args
    make, given = _parts(getter)
    match getter:
        case itemgetter():
            return _one_or_all(
                [builder.getitem(value, _constant(builder, key), node) for key in given]
            )
        case attrgetter():
            found = []
            for dotted in given:
                part = value
                for name in dotted.split("."):
                    part = builder.attribute(part, name, node)
                found.append(part)
            return _one_or_all(found)
        case _:
            # With keywords, ``make`` is a partial that holds the name and them.
            named = make.keywords if isinstance(make, functools.partial) else {}
            first = make.args if isinstance(make, functools.partial) else ()
            name, *rest = (*first, *given)
            return calls.apply(
                builder,
                builder.attribute(value, name, node),
                [_constant(builder, arg) for arg in rest],
                {key: _constant(builder, arg) for key, arg in named.items()},
                node,
            )


def _parts(getter: Getter) -> tuple[Any, tuple[Any, ...]]:
    """Return the callable and the arguments that make an equal getter."""
    reduced: Any = getter.__reduce__()
    return reduced[0], reduced[1]


def _constant(builder: Builder, value: object) -> Value:
    return builder.live.value(value, None)


def _one_or_all(found: list[Value]) -> Value:
    return found[0] if len(found) == 1 else TupleValue(tuple(found))
