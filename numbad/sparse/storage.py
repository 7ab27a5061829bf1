"""Compressed rows: from pairs of indices to sorted rows without repetitions, and transposed."""

from __future__ import annotations

import numpy as np

from numbad.kernels.patterns import bucketed, without_repetitions


def compress(
    rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the starts of the rows and the columns in each, sorted, each pair once.

    Examples
    --------
    >>> compress(np.array([1, 0, 1]), np.array([2, 1, 2]), (2, 3))
    (array([0, 1, 2]), array([1, 2]))
    """
    by_column = bucketed(columns, rows, columns, shape[1])
    starts, _, sorted_columns = bucketed(by_column[1], by_column[1], by_column[2], shape[0])
    new_starts, kept = without_repetitions(starts, sorted_columns)
    return new_starts, kept


def transpose(
    indptr: np.ndarray, indices: np.ndarray, columns: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the same pattern by columns: their starts and the rows in each, sorted."""
    starts, rows, _ = bucketed(indices, rows_of(indptr), indices, columns)
    return starts, rows


def rows_of(indptr: np.ndarray) -> np.ndarray:
    """Return the row of each item."""
    return np.repeat(np.arange(indptr.size - 1), np.diff(indptr))
