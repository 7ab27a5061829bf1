"""Arguments of exceptions that are made as the program runs.

Compiled code can raise an exception with numbers, but makes no text of them. It raises the
exception with a plan of the arguments, written as text, and the numbers behind it; ``described``
makes the arguments of that.

A plan is a list of one entry per argument of the exception, made of tuples:

- ``("leaf", k)``: the number at position k behind the plan; ``("known", value)``: a literal;
- ``("tuple", items)``, ``("list", items)``: of such entries;
- ``("text", parts)``: parts are texts and ``(entry, conversion, format)``, as in an f-string;
- ``("percent", text, entry)``, ``("format", text, entries, names)``: ``%`` and ``str.format``.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

_MARK = "\x01numbad "
_CONVERTERS: dict[int, Callable[[object], str]] = {ord("r"): repr, ord("a"): ascii, ord("s"): str}


def planned(plan: Sequence[Any]) -> str:
    """Write a plan as text."""
    return _MARK + repr(list(plan))


def is_plan(text: object) -> bool:
    """Whether the argument of an exception is a plan."""
    return isinstance(text, str) and text.startswith(_MARK)


def described(error: BaseException) -> BaseException:
    """Return an exception with the arguments that its plan describes; others as they are."""
    if not error.args or not is_plan(error.args[0]):
        return error
    plan = ast.literal_eval(error.args[0][len(_MARK) :])
    leaves = error.args[1:]
    return type(error)(*(_value(entry, leaves) for entry in plan))


def _value(entry: Any, leaves: Sequence[Any]) -> Any:
    kind = entry[0]
    if kind == "leaf":
        return leaves[entry[1]]
    if kind == "known":
        return entry[1]
    if kind in ("tuple", "list"):
        items = [_value(each, leaves) for each in entry[1]]
        return items if kind == "list" else tuple(items)
    if kind == "percent":
        return entry[1] % _value(entry[2], leaves)
    if kind == "format":
        names = {name: _value(each, leaves) for name, each in entry[3]}
        return entry[1].format(*(_value(each, leaves) for each in entry[2]), **names)
    return "".join(part if isinstance(part, str) else _formatted(part, leaves) for part in entry[1])


def _formatted(part: Any, leaves: Sequence[Any]) -> str:
    entry, conversion, style = part
    value = _value(entry, leaves)
    if conversion in _CONVERTERS:
        value = _CONVERTERS[conversion](value)
    return format(value, style)
