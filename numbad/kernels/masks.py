"""Sets of columns as bits of an integer: unions over whole arrays.

What programs that find sparsity patterns do at calls that work on whole arrays.
"""

from __future__ import annotations

import numpy as np
from numba import njit

NOTHING = np.uint64(0)


@njit
def union(masks):
    """Return the union of all elements of an array.

    Examples
    --------
    >>> int(union(np.array([[1, 2], [4, 1]], dtype=np.uint64)))
    7
    """
    total = NOTHING
    for mask in masks.flat:
        total |= mask
    return total


@njit
def union_of_rows(masks):
    """Return the union of each row of a matrix.

    Examples
    --------
    >>> union_of_rows(np.array([[1, 2], [4, 1]], dtype=np.uint64)).tolist()
    [3, 5]
    """
    rows, columns = masks.shape
    unions = np.zeros(rows, np.uint64)
    for i in range(rows):
        total = NOTHING
        for j in range(columns):
            total |= masks[i, j]
        unions[i] = total
    return unions


@njit
def union_of_columns(masks):
    """Return the union of each column of a matrix.

    Examples
    --------
    >>> union_of_columns(np.array([[1, 2], [4, 1]], dtype=np.uint64)).tolist()
    [5, 3]
    """
    rows, columns = masks.shape
    unions = np.zeros(columns, np.uint64)
    for i in range(rows):
        for j in range(columns):
            unions[j] |= masks[i, j]
    return unions
