"""Sequences and dicts of Python by their contents: those of the language and classes like them.

``deque``, ``OrderedDict``, ``defaultdict``, ``Counter``, read-only views of dicts, and classes of
the user's that are derived from any of these are treated as what they are derived from. What is
called here are the methods of the base class: those of the user's class run when the user's
function calls them.
"""

from __future__ import annotations

import array
import copy
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, KeysView, Sequence, ValuesView
from types import MappingProxyType
from typing import Any

import numpy as np

from numbad.errors import DifferentiationError
from numbad.structure import is_typed


def contents(value: Any) -> dict[Any, Any] | None:
    """Return the items of a sequence or dict by index or key; None for anything else."""
    if isinstance(value, tuple):
        if hasattr(type(value), "n_sequence_fields"):
            return None
        return dict(enumerate(tuple.__iter__(value)))
    if isinstance(value, list):
        return dict(enumerate(list.__iter__(value)))
    if isinstance(value, dict):
        kind = _dict_kind(value)
        return {key: dict.__getitem__(value, key) for key in kind.__iter__(value)}
    if isinstance(value, deque):
        return dict(enumerate(deque.__iter__(value)))
    if isinstance(value, MappingProxyType):
        return dict(value)
    return None


def _dict_kind(value: Any) -> type[dict[Any, Any]]:
    return OrderedDict if isinstance(value, OrderedDict) else dict


def is_derived(value: Any) -> bool:
    """Whether the class of a sequence or dict is derived from one of Python's."""
    cls = type(value)
    return bool(cls.__flags__ & 1 << 9) and cls.__module__ != "collections"


def like(value: Any, new: Sequence[Any]) -> Any:
    """Return a container of the class of ``value`` with other items."""
    cls = type(value)
    if cls in (tuple, list):
        return cls(new)
    if cls is dict:
        return dict(zip(value, new, strict=True))
    if isinstance(value, MappingProxyType):
        return MappingProxyType(dict(zip(value, new, strict=True)))
    if isinstance(value, tuple):
        made = tuple.__new__(cls, new)
        vars(made).update(vars(value)) if hasattr(made, "__dict__") else None
        return made
    if isinstance(value, dict):
        made = copy.copy(value) if not is_derived(value) else _bare(value, _dict_kind(value))
        for key, item in zip(contents(value) or (), new, strict=True):
            replace(made, key, item)
        return made
    if isinstance(value, deque):
        made = deque.__new__(cls)
        deque.__init__(made, new, value.maxlen)
    else:
        made = list.__new__(cls)
        list.extend(made, new)
    vars(made).update(vars(value)) if hasattr(made, "__dict__") else None
    return made


def _bare(value: Any, kind: type[dict[Any, Any]]) -> Any:
    """Return an empty dict of the user's class, with the same attributes."""
    made = kind.__new__(type(value))
    vars(made).update(getattr(value, "__dict__", {}))
    if hasattr(made, "default_factory"):
        made.default_factory = value.default_factory
    return made


def replace(made: Any, key: Any, item: Any) -> None:
    """Set one item."""
    if isinstance(made, dict):
        _dict_kind(made).__setitem__(made, key, item)
    elif isinstance(made, list):
        list.__setitem__(made, key, item)
    elif isinstance(made, deque):
        deque.__setitem__(made, key, item)


def refill(value: Any, new: dict[Any, Any]) -> None:
    """Replace the items of a container that can change."""
    if isinstance(value, dict):
        kind = _dict_kind(value)
        kind.clear(value)
        for key, item in new.items():
            kind.__setitem__(value, key, item)
    elif isinstance(value, list):
        list.__setitem__(value, slice(None), new.values())
    elif isinstance(value, deque):
        deque.clear(value)
        deque.extend(value, new.values())


def refuse(value: Any) -> None:
    """Refuse what holds numbers in a way that cannot be differentiated."""
    if isinstance(value, Iterator) and type(value).__module__ in ("builtins", "itertools"):
        raise DifferentiationError(
            f"What a `{type(value).__name__}` gives is not differentiated.",
            why="It is no sequence or dict of numbers that could be replaced.",
            remedy="Pass a list or an array, or leave the argument out with `wrt`.",
        )
    held: Iterable[Any] = ()
    if isinstance(value, set | frozenset | KeysView | ValuesView) or is_typed(value, "List"):
        held = value
    elif is_typed(value, "Dict"):
        held = value.values()
    elif isinstance(value, array.array):
        held = value if value.typecode in "fd" else ()
    elif isinstance(value, memoryview):
        held = (0.0,) if value.format in ("f", "d", "Zf", "Zd") else ()
    if any(isinstance(item, float | complex | np.ndarray) for item in held):
        raise DifferentiationError(
            f"The numbers in a `{type(value).__name__}` are not differentiated.",
            why="It is no sequence or dict of numbers that could be replaced.",
            remedy="Pass a list, a dict or an array, or leave the argument out with `wrt`.",
        )


def refuse_attributes(value: Any, is_leaf: Any) -> None:
    """Refuse a sequence or dict with attributes of its own that are numbers or arrays."""
    if any(map(is_leaf, getattr(value, "__dict__", {}).values())):
        raise DifferentiationError(
            f"A {type(value).__name__} has items and attributes that are numbers or arrays.",
            why="Its gradient would have to have both.",
            remedy="Keep the items in a list or dict of its own, as an attribute.",
        )
