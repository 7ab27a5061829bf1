"""Arrays as sets: unique elements, unions, intersections, differences, membership.

The results are sorted, so each of their elements moves with the element of the argument that it was
taken from: the first of equal ones.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from numbad.frontend.arrays.registry import decomposition


def first_of_each(b: Any) -> Any:
    """Mask of a sorted vector: the first of each run of equal elements (NaNs are equal)."""
    keep = np.ones(b.shape[0], np.bool_)
    for i in range(1, b.shape[0]):
        if b[i] == b[i - 1] or (np.isnan(b[i]) and np.isnan(b[i - 1])):
            keep[i] = False
    return keep


@decomposition(np.unique)
def unique(ar: Any) -> Any:
    """Distinct elements in ascending order."""
    b = np.sort(np.ravel(np.asarray(ar)))
    return b[first_of_each(b)]


@decomposition(np.union1d)
def union1d(ar1: Any, ar2: Any) -> Any:
    """Distinct elements of either array in ascending order."""
    return np.unique(np.concatenate((np.ravel(np.asarray(ar1)), np.ravel(np.asarray(ar2)))))


@decomposition(np.intersect1d)
def intersect1d(ar1: Any, ar2: Any, assume_unique: Any = False) -> Any:
    """Distinct elements of both arrays in ascending order; each moves with the first array's."""
    a = np.sort(np.ravel(np.asarray(ar1))) if assume_unique else np.unique(ar1)
    b = np.sort(np.ravel(np.asarray(ar2)))
    keep = np.zeros(a.shape[0], np.bool_)
    for i in range(a.shape[0]):
        place = np.searchsorted(b, a[i])
        keep[i] = place < b.shape[0] and b[min(place, b.shape[0] - 1)] == a[i]
    return a[keep]


def is_member(v: Any, sorted_set: Any, invert: Any) -> Any:
    """Mask of the elements of a vector that are (or are not) in a sorted vector."""
    found = np.zeros(v.shape[0], np.bool_)
    n = sorted_set.shape[0]
    for i in range(v.shape[0]):
        here = False
        if n > 0:
            place = np.searchsorted(sorted_set, v[i])
            here = place < n and sorted_set[min(place, n - 1)] == v[i]
        found[i] = here != invert
    return found


@decomposition(np.isin)
def isin(element: Any, test_elements: Any, assume_unique: Any = False, invert: Any = False) -> Any:
    """Mask of the elements that are in the other array."""
    a = np.asarray(element)
    found = is_member(np.ravel(a), np.sort(np.ravel(np.asarray(test_elements))), invert)
    return found.reshape(a.shape)


@decomposition(np.setdiff1d)
def setdiff1d(ar1: Any, ar2: Any, assume_unique: Any = False) -> Any:
    """Elements of the first array that are not in the second."""
    a = np.ravel(np.asarray(ar1)) if assume_unique else np.unique(ar1)
    return a[is_member(a, np.sort(np.ravel(np.asarray(ar2))), True)]


@decomposition(np.setxor1d)
def setxor1d(ar1: Any, ar2: Any, assume_unique: Any = False) -> Any:
    """Elements of exactly one of the arrays in ascending order."""
    a = np.ravel(np.asarray(ar1)) if assume_unique else np.unique(ar1)
    b = np.ravel(np.asarray(ar2)) if assume_unique else np.unique(ar2)
    both = np.sort(np.concatenate((a, b)))
    n = both.shape[0]
    keep = np.ones(n, np.bool_)
    for i in range(n - 1):
        if both[i] == both[i + 1]:
            keep[i] = False
            keep[i + 1] = False
    return both[keep]


@decomposition(np.trim_zeros)
def trim_zeros(filt: Any, trim: Any = "fb") -> Any:
    """Vector without the zeros at its front (``f``) and back (``b``)."""
    v = np.asarray(filt)
    first = 0
    last = v.shape[0]
    if "f" in trim or "F" in trim:
        while first < last and v[first] == 0:
            first += 1
    if "b" in trim or "B" in trim:
        while last > first and v[last - 1] == 0:
            last -= 1
    return v[first:last]


@decomposition(np.resize)
def resize(a: Any, new_shape: Any) -> Any:
    """Array of another shape, filled with the elements over and over again."""
    v = np.ravel(np.asarray(a))
    result = np.zeros(new_shape, v.dtype)
    flat = np.ravel(result)
    if v.shape[0] > 0:
        for i in range(flat.shape[0]):
            flat[i] = v[i % v.shape[0]]
    return flat.reshape(result.shape)
