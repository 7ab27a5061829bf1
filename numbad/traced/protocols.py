"""Special methods written in Python that the interpreter calls by itself, in their traced form.

Loops, unpacking, ``with``, ``in``, ``del`` and builtins such as ``abs`` call ``__iter__``,
``__enter__`` and the like out of sight of rewritten code. Rewritten code asks here first.
"""

from __future__ import annotations

import builtins
import dataclasses
import inspect
import itertools
import math
import types
from collections.abc import Callable, Iterator
from typing import Any

from numbad.traced.values import Traced, hooks

_SLOT_OF: dict[Any, str] = {
    abs: "__abs__",
    bool: "__bool__",
    complex: "__complex__",
    divmod: "__divmod__",
    float: "__float__",
    format: "__format__",
    int: "__int__",
    iter: "__iter__",
    len: "__len__",
    math.ceil: "__ceil__",
    math.floor: "__floor__",
    math.trunc: "__trunc__",
    next: "__next__",
    repr: "__repr__",
    reversed: "__reversed__",
    round: "__round__",
    str: "__str__",
}
# Builtins that iterate over their first argument, over all, and over all but the first.
_OF_FIRST = {
    all,
    any,
    dict,
    enumerate,
    list,
    set,
    frozenset,
    sorted,
    sum,
    tuple,
    math.prod,
    math.fsum,
}
_OF_ALL = {zip, itertools.chain, itertools.product, itertools.zip_longest}
_OF_OTHERS = {filter, map, itertools.dropwhile, itertools.starmap, itertools.takewhile}
_OF_FIRST |= {
    each
    for each in vars(itertools).values()
    if isinstance(each, type) and each not in _OF_ALL | _OF_OTHERS | {itertools.repeat}
}
_MISSING = object()


def written_in_python(value: Any, slot: str) -> types.FunctionType | None:
    """Return the special method of a value's class, if it is to be traced."""
    cls = type(value)
    if cls.__module__ in ("builtins", "numpy") or isinstance(value, Traced):
        return None
    method = getattr(cls, slot, None)
    if type(method) is types.FunctionType and not hooks.is_opaque(method):
        return method
    return None


def own_method(function: Any, args: tuple[Any, ...]) -> types.FunctionType | None:
    """Return the special method that a builtin function is to call on its first argument."""
    if not args or not _is_builtin(function) or type(args[0]).__module__ == "builtins":
        return None
    slot = _SLOT_OF.get(function)
    return None if slot is None else written_in_python(args[0], slot)


def _is_builtin(function: Any) -> bool:
    """Whether a function is one of the language: objects of the user have an equality of theirs."""
    return isinstance(function, type | types.BuiltinFunctionType)


def arguments(function: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the arguments of a call, of which a builtin may iterate over objects."""
    if not _is_builtin(function) or all(type(each).__module__ == "builtins" for each in args):
        return args
    consumed = _consumed(function, len(args))
    return tuple(
        iterate(each) if position in consumed else each for position, each in enumerate(args)
    )


def _consumed(function: Any, count: int) -> range:
    """Positions of the arguments that a builtin iterates over."""
    if function in _OF_ALL:
        return range(count)
    if function in _OF_OTHERS:
        return range(1, count)
    is_one = function in _OF_FIRST or (count == 1 and (function is max or function is min))
    return range(1 if is_one else 0)


def iterate(value: Any) -> Any:
    """Return what to iterate over in place of a value."""
    method = written_in_python(value, "__iter__")
    if method is not None:
        return _items(hooks.call(method, value))
    if not hasattr(type(value), "__iter__"):
        by_position = written_in_python(value, "__getitem__")
        if by_position is not None:
            return _by_position(by_position, value)
    return value


def _items(iterator: Any) -> Iterator[Any]:
    following = written_in_python(iterator, "__next__")
    if following is None:
        return iter(iterator)
    return _steps(following, iterator)


def _steps(following: Callable[..., Any], iterator: Any) -> Iterator[Any]:
    while True:
        try:
            item = hooks.call(following, iterator)
        except StopIteration:
            return
        yield item


def _by_position(method: Callable[..., Any], value: Any) -> Iterator[Any]:
    for position in itertools.count():
        try:
            item = hooks.call(method, value, position)
        except IndexError:
            return
        yield item


def contains(value: Any, item: Any) -> bool:
    """Do ``item in value``."""
    method = written_in_python(value, "__contains__")
    if method is not None:
        return bool(hooks.call(method, value, item))
    return item in iterate(value)


def delete_item(owner: Any, key: Any) -> None:
    """Do ``del owner[key]``."""
    method = written_in_python(owner, "__delitem__")
    if method is not None:
        hooks.call(method, owner, key)
    else:
        del owner[key]


class Context:
    """A context manager whose methods are traced."""

    def __init__(self, manager: Any) -> None:
        self._manager = manager

    def __enter__(self) -> Any:
        return hooks.call(type(self._manager).__enter__, self._manager)

    def __exit__(self, *exception: Any) -> Any:
        return hooks.call(type(self._manager).__exit__, self._manager, *exception)


def context(manager: Any) -> Any:
    """Return what ``with`` is to enter in place of a context manager."""
    if any(written_in_python(manager, slot) for slot in ("__enter__", "__exit__")):
        return Context(manager)
    return manager


def found_on_class(owner: Any, attr: str) -> Any:
    """Return what the class of an object has under a name, as it stands there."""
    return inspect.getattr_static(type(owner), attr, None)


def described(owner: Any, attr: str) -> types.FunctionType | None:
    """Return ``__get__`` of a descriptor written in Python that answers for an attribute."""
    found = found_on_class(owner, attr)
    if found is None or isinstance(found, types.FunctionType | property):
        return None
    method = written_in_python(found, "__get__")
    if method is None:
        return None
    is_data = hasattr(type(found), "__set__")
    return method if is_data or attr not in getattr(owner, "__dict__", {}) else None


def is_generated(cls: type) -> bool:
    """Whether ``__init__`` of a class is the one that ``dataclass`` generates."""
    init: Any = cls.__init__  # type: ignore[misc]
    return (
        "__dataclass_fields__" in cls.__dict__
        and type(init) is types.FunctionType
        and init.__code__.co_filename == "<string>"
        and type(getattr(cls, "__post_init__", None)) is types.FunctionType
    )


def initialise(found: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Do what the generated ``__init__`` of a dataclass with ``__post_init__`` does."""
    cls = type(found)
    bound = inspect.signature(cls.__init__).bind(found, *args, **kwargs).arguments
    passed: list[Any] = []
    for field in cls.__dataclass_fields__.values():
        kind = field._field_type.name
        if kind == "_FIELD_CLASSVAR":
            continue
        value = bound.get(field.name, _MISSING) if field.init else _MISSING
        if value is _MISSING and field.default is not dataclasses.MISSING:
            value = field.default
        if value is _MISSING and field.default_factory is not dataclasses.MISSING:
            value = hooks.call(field.default_factory)
        if kind == "_FIELD_INITVAR":
            passed.append(value)
        elif value is not _MISSING and cls.__dataclass_params__.frozen:
            builtins.object.__setattr__(found, field.name, value)
        elif value is not _MISSING:
            hooks.set_attribute(found, field.name, value)
    hooks.call(cls.__post_init__, found, *passed)
