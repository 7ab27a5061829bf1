"""Functions without source, run as they are on a view of their globals.

What such a function finds under a global name is replaced: functions and classes by what traces
the call, modules by what hands out such replacements, arrays by traced ones. Methods and operators
written in Python run as they are there; what would lose a derivative in them is an error.
"""

from __future__ import annotations

import builtins
import types
from types import CellType, FunctionType
from typing import Any

import numpy as np

from numbad.traced import rewrite
from numbad.traced.intercept import call, name
from numbad.traced.levels import current
from numbad.traced.registry import handler_of
from numbad.traced.values import hooks, plain


class _Globals(dict[str, Any]):
    """Globals of a function, with replacements; what the function assigns is kept here first."""

    def __init__(self, real: dict[str, Any]) -> None:
        super().__init__()
        self._real = real
        dict.__setitem__(
            self,
            "__builtins__",
            {"__build_class__": builtins.__build_class__, "__import__": _import},
        )
        dict.__setitem__(self, "__name__", real.get("__name__", "__main__"))

    def __getitem__(self, key: str) -> Any:
        if dict.__contains__(self, key):
            return name(dict.__getitem__(self, key))
        if key in self._real:
            return proxied(self._real[key])
        given = self._real.get("__builtins__", builtins)
        found = (
            given.get(key, _MISSING) if isinstance(given, dict) else getattr(given, key, _MISSING)
        )
        if found is _MISSING:
            raise KeyError(key)
        return proxied(found)

    def flush(self) -> None:
        """Hand what the function assigned to the real globals."""
        for key in list(self):
            if key not in ("__builtins__", "__name__"):
                self._real[key] = dict.pop(self, key)


def _import(*args: Any, **kwargs: Any) -> Any:
    return proxied(builtins.__import__(*args, **kwargs))


_MISSING = object()


class _Module:
    """A module whose functions are replaced."""

    def __init__(self, module: types.ModuleType) -> None:
        object.__setattr__(self, "_module", module)

    def __getattr__(self, attr: str) -> Any:
        return proxied(getattr(self._module, attr))

    def __setattr__(self, attr: str, value: Any) -> None:
        setattr(self._module, attr, value)


class _TypeProxy(type):
    """Stands for a type that is also a conversion."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        return call(cls.real, *args, **kwargs)

    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(plain(value), cls.real)

    def __subclasscheck__(cls, other: Any) -> bool:
        return issubclass(getattr(other, "real", other), cls.real)

    def __eq__(cls, other: object) -> bool:
        return getattr(other, "real", other) is cls.real

    def __hash__(cls) -> int:
        return hash(cls.real)

    def __getattr__(cls, attr: str) -> Any:
        return getattr(cls.__dict__["real"], attr)


_types: dict[type, Any] = {}


def proxied(value: Any) -> Any:
    """Return what stands for a value in code that is not rewritten."""
    if isinstance(value, types.ModuleType):
        return _Module(value)
    if isinstance(value, type):
        init = getattr(value, "__init__", None)
        return (
            value if handler_of(value) is None and type(init) is not FunctionType else _class(value)
        )
    if type(value) is FunctionType and rewrite.is_rewritten(value):
        return value
    if isinstance(value, types.BuiltinFunctionType | FunctionType | np.ufunc | types.MethodType):
        return _Function(value)
    if callable(value) and hasattr(value, "_implementation"):
        return _Function(value)
    return name(value)


def _class(value: type) -> Any:
    if value is type or issubclass(value, BaseException):
        return value if value is not type else _Function(value)
    found = _types.get(value)
    if found is None:
        found = _types[value] = _TypeProxy(value.__name__, (), {"real": value})
    return found


class _Function:
    """A function whose calls are traced."""

    def __init__(self, function: Any) -> None:
        self.__wrapped__ = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return call(self.__wrapped__, *args, **kwargs)

    def __getattr__(self, attr: str) -> Any:
        return getattr(self.__wrapped__, attr)


def without_source(function: FunctionType, args: Any, kwargs: Any) -> Any:
    """Call a function that has no source."""
    found = _Globals(function.__globals__)
    closure = None
    if function.__closure__ is not None:
        closure = tuple(map(_cell, function.__closure__))
    new = FunctionType(function.__code__, found, function.__name__, function.__defaults__, closure)
    new.__kwdefaults__ = function.__kwdefaults__
    levels = current()
    if levels:
        levels[-1].functions.setdefault(function.__code__, function)
        levels[-1].containers.update(
            (id(each), each)
            for each in function.__globals__.values()
            if isinstance(each, dict | list)
        )
    try:
        return new(*args, **kwargs)
    finally:
        found.flush()


def _cell(cell: CellType) -> CellType:
    try:
        content = cell.cell_contents
    except ValueError:
        return cell
    if isinstance(content, types.ModuleType | types.BuiltinFunctionType | FunctionType | np.ufunc):
        return CellType(proxied(content))
    return cell


hooks.without_source = without_source
