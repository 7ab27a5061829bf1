"""Memory of arrays: who owns it, and the place of a view in it.

The derivative part of an array lives in memory of the same layout as the array's own, so that a
view of the array has its counterpart there, however the view was made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from numbad.errors import DifferentiationError

Array = np.ndarray[Any, Any]


def root(array: Array) -> Array:
    """Return the array that owns the memory."""
    owner = array
    while owner.base is not None:
        # NumPy's stride tricks put an object with a base between the two.
        base = owner.base
        if not isinstance(base, np.ndarray):
            base = getattr(base, "base", None)
        if not isinstance(base, np.ndarray):
            break
        owner = base
    return owner


def slope_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Element type of the derivative part of an array."""
    if dtype.kind in "fc" and dtype.itemsize >= np.dtype("f4").itemsize:
        return dtype
    if dtype.kind in "biu":
        return np.dtype(np.float64)
    raise DifferentiationError(
        f"Arrays of {dtype} are not differentiated.",
        remedy="Convert to float64 (`x.astype(np.float64)`).",
    )


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where a view lies in the memory of its owner, in bytes of the owner's elements."""

    owner: Array
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: np.dtype[Any]


def place_of(array: Array) -> Place:
    """Return the place of an array in the memory it belongs to."""
    owner = root(array)
    low = bounds(owner)[0]
    offset = array.__array_interface__["data"][0] - low
    return Place(owner, offset, array.shape, array.strides, array.dtype)


def bounds(array: Array) -> tuple[int, int]:
    """First and last byte (exclusive) of an array."""
    return np.lib.array_utils.byte_bounds(array)


def allocate(owner: Array) -> Array:
    """Return zeros for the derivative part of the owner's memory, a flat array."""
    low, high = bounds(owner)
    count = (high - low) // owner.dtype.itemsize if owner.size else 0
    return np.zeros(count, slope_dtype(owner.dtype))


def view(memory: Array, place: Place) -> Array:
    """Return the view of ``memory``, made by ``allocate``, that corresponds to a place."""
    if 0 in place.shape:
        return np.zeros(place.shape, slope_dtype(place.dtype))
    size = place.owner.dtype.itemsize
    dtype = slope_dtype(place.dtype)
    if dtype.itemsize * size != memory.dtype.itemsize * place.dtype.itemsize:
        raise DifferentiationError(
            f"A view of {place.owner.dtype} elements as {place.dtype} is not differentiated.",
            remedy="Convert with `astype`.",
        )
    scale = memory.dtype.itemsize
    return np.ndarray(
        place.shape,
        dtype,
        memory,
        place.offset // size * scale + place.offset % size,
        tuple(stride * scale // size for stride in place.strides),
    )


def overlaps_itself(array: Array) -> bool:
    """Whether two elements of a view are the same number in memory."""
    if array.size <= 1:
        return False
    low, high = bounds(array)
    if any(stride == 0 and n > 1 for stride, n in zip(array.strides, array.shape, strict=True)):
        return True
    return bool((high - low) // array.dtype.itemsize < array.size)
