"""Arguments and results as trees of leaves: walking, rebuilding, inner products."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

Path = tuple[Any, ...]


def is_leaf(value: Any) -> bool:
    """Whether ``value`` is a number or an array."""
    return isinstance(value, int | float | complex | np.generic | np.ndarray)


def is_real_or_complex(value: Any) -> bool:
    """Whether ``value`` is a floating-point leaf: one that finite differences can move."""
    return is_leaf(value) and np.asarray(value).dtype.kind in "fc"


def children(value: Any) -> Iterator[tuple[Any, Any]]:
    """Keys and items of a container, nothing for anything else."""
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, tuple | list):
        yield from enumerate(value)


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Paths and values of all leaves of ``value``, depth first."""
    if is_leaf(value):
        yield path, value
    else:
        for key, item in children(value):
            yield from leaves(item, (*path, key))


def rebuild(value: Any, change: Callable[[Path, Any], Any], path: Path = ()) -> Any:
    """Copy of the tree in which each leaf is replaced by ``change(path, leaf)``.

    What is neither leaf nor container (None, strings, functions) stays as it is.
    """
    if is_leaf(value):
        return change(path, value)
    if isinstance(value, dict):
        return {key: rebuild(item, change, (*path, key)) for key, item in value.items()}
    if isinstance(value, tuple | list):
        items = [rebuild(item, change, (*path, i)) for i, item in enumerate(value)]
        if hasattr(value, "_fields"):
            return type(value)(*items)
        return type(value)(items)
    return value


def at(value: Any, path: Path) -> Any:
    """Leaf of ``value`` at ``path``; None where a parent is None."""
    for key in path:
        if value is None:
            return None
        value = value[key]
    return value


def inner(x_bar: Any, x_dot: Any) -> float:
    """Real inner product of two leaves: ``Re sum(conj(x_bar) * x_dot)``; None is zero."""
    if x_bar is None or x_dot is None:
        return 0.0
    a = np.asarray(x_bar)
    b = np.asarray(x_dot)
    assert a.shape == b.shape, f"shapes {a.shape} and {b.shape} differ"
    kind = np.complex128 if "c" in a.dtype.kind + b.dtype.kind else np.float64
    return float(np.sum(np.conj(a.astype(kind)) * b.astype(kind)).real)


def inner_tree(x_bar: Any, x_dot: dict[Path, Any]) -> float:
    """Inner product of a cotangent tree with a direction given per path."""
    return sum(inner(at(x_bar, path), d) for path, d in x_dot.items())
