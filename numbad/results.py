"""Gradients and tangents in the shape of the arguments and results they belong to.

``None`` means that no path leads from the argument to the result; a path with zero slope gives
zeros. A tuple, list or namedtuple of which no part has a path is None as a whole.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterator
from functools import cache
from operator import itemgetter
from typing import Any, assert_never

import numpy as np

from numbad.ir.types import Array, Scalar, Type, tangent_type
from numbad.structure import (
    Existing,
    Leaf,
    Mapping_,
    Record,
    Sequence_,
    Static,
    Tree,
    children,
    leaves,
)
from numbad.structure import parts as parts_of


def gradient_of(
    tree: Tree, values: Iterator[Any], take: Callable[[Any, Leaf], Any], zeros: bool
) -> Any:
    """Return the gradient for an argument.

    ``values`` are the argument's leaves as the call found them. ``take(leaf value, leaf)`` is
    called for the leaves in order and gives the leaf's cotangent or None; with ``zeros`` the Nones
    of numbers and arrays become zeros.
    """
    match tree:
        case Leaf():
            value = next(values)
            found = take(value, tree)
            return zero_like(value, tree) if found is None and zeros else found
        case Static() | Existing():
            return None
        case Sequence_(items, cls):
            parts = [gradient_of(item, values, take, zeros) for item in items]
            if all(part is None for part in parts):
                return None
            if cls is list:
                return parts
            return tuple(parts) if cls is tuple else tuple.__new__(cls, parts)
        case Mapping_(keys, items):
            return {
                key: gradient_of(item, values, take, zeros)
                for key, item in zip(keys, items, strict=True)
            }
        case Record(cls, names, items):
            parts = [gradient_of(item, values, take, zeros) for item in items]
            if all(part is None for part in parts):
                return None
            return record_class(cls.__name__, names)(*parts)
        case _:
            assert_never(tree)


@cache
def record_class(name: str, fields: tuple[str, ...]) -> Any:
    """Return the namedtuple class for the gradient of an object.

    Names that ``namedtuple`` does not take, as those of private fields, are properties of it.
    """
    made: Any = namedtuple(name, fields, rename=True)  # type: ignore[misc]
    if made._fields == fields:
        return made

    def shown(self: Any) -> str:
        pairs = zip(fields, self, strict=True)
        return f"{name}({', '.join(f'{field}={value!r}' for field, value in pairs)})"

    getters = {field: property(itemgetter(position)) for position, field in enumerate(fields)}
    return type(name, (made,), {"__slots__": (), "__repr__": shown, "_fields": fields, **getters})


def flatten_partly(value: Any, tree: Tree) -> list[Any]:
    """Return the leaves of a gradient or tangent, of which any part may be None."""
    if value is None:
        return [None] * sum(1 for _ in leaves(tree))
    if isinstance(tree, Leaf):
        return [value]
    found: list[Any] = []
    if isinstance(tree, Mapping_):
        unknown = [key for key in value if key not in tree.keys]
        if unknown:
            raise ValueError(
                f"the cotangent has the key {unknown[0]!r}, which the value does not have."
            )
        given = tuple(value.get(key) for key in tree.keys)
    else:
        given = parts_of(value, tree)
    for part, child in zip(given, children(tree), strict=True):
        found += flatten_partly(part, child)
    return found


def zero_like(value: Any, leaf: Leaf) -> Any:
    """Return the zero cotangent of a number or array."""
    match tangent_type(leaf.type):
        case Scalar(name):
            return 0j if name.startswith("complex") else 0.0
        case Array(Scalar(name)):
            return np.zeros(np.shape(value), dtype=name)
        case _:
            return None


def is_single(type_: Type) -> bool:
    """Whether the type is that of a number of single precision."""
    return isinstance(type_, Scalar) and type_.name in ("float32", "complex64")


def _own_number(found: Any, type_: Type) -> Any:
    """Return a number as one of single precision if the argument is one: Numba widens it."""
    if is_single(type_) and isinstance(found, float | complex):
        assert isinstance(type_, Scalar)
        return np.dtype(type_.name).type(found)
    return found


def taker(
    cotangents: Iterator[Any], active: Iterator[bool], connected: Iterator[bool]
) -> Callable[[Any, Leaf], Any]:
    """Return the function that hands out cotangents to the differentiated leaves in order."""

    def take(value: Any, leaf: Leaf) -> Any:
        if tangent_type(leaf.type) is None:
            return None
        is_active, is_connected = next(active), next(connected)
        if is_active:
            found = next(cotangents)
            return _own_number(found, leaf.type) if is_connected else None
        return zero_like(value, leaf) if is_connected else None

    return take


def as_leaf(value: Any, leaf: Leaf, what: str) -> Any:
    """Convert a seed to the type of a tangent; ValueError or TypeError if it does not fit."""
    match tangent_type(leaf.type):
        case Scalar(name):
            if np.ndim(value) != 0:
                raise TypeError(
                    f"{what} must be a number, not an array of shape {np.shape(value)}."
                )
            return (
                np.dtype(name).type(value)
                if name not in ("float64", "complex128")
                else (complex(value) if name.startswith("complex") else float(value))
            )
        case Array(Scalar(name), ndim):
            array = np.ascontiguousarray(value, dtype=name).reshape(np.shape(value))
            if array.ndim != ndim:
                raise ValueError(f"{what} must have {ndim} dimensions, not {array.ndim}.")
            return array
        case _:
            raise TypeError(f"{what} has no tangent: it is of type {leaf.type}.")
