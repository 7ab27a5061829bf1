"""Binary search in an ascending vector."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit
def search_left(a, v):
    """Return the first place at which ``v`` can be inserted: all elements before it are less."""
    low = 0
    high = len(a)
    while low < high:
        middle = (low + high) // 2
        if a[middle] < v:
            low = middle + 1
        else:
            high = middle
    return low


@njit
def search_right(a, v):
    """Return the last place at which ``v`` can be inserted: all elements from it are greater."""
    low = 0
    high = len(a)
    while low < high:
        middle = (low + high) // 2
        if v < a[middle]:
            high = middle
        else:
            low = middle + 1
    return low


@njit
def stable_order(values):
    """Return the places of the elements in ascending order, equal ones as they come."""
    return np.argsort(values, kind="mergesort")
