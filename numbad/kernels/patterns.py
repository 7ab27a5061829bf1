"""Loops over sparsity patterns in compressed storage."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True)
def bucketed(keys, first, second, count):
    """Return both arrays in the order of the keys, and the starts of each key; stable."""
    starts = np.zeros(count + 1, np.int64)
    for key in keys:
        starts[key + 1] += 1
    for key in range(count):
        starts[key + 1] += starts[key]
    place = starts[:-1].copy()
    new_first, new_second = np.empty(keys.size, np.int64), np.empty(keys.size, np.int64)
    for p in range(keys.size):
        q = place[keys[p]]
        place[keys[p]] += 1
        new_first[q], new_second[q] = first[p], second[p]
    return starts, new_first, new_second


@njit(cache=True)
def without_repetitions(starts, columns):
    """Return sorted rows with each column once."""
    new_starts, kept = np.zeros_like(starts), np.empty_like(columns)
    size = 0
    for i in range(starts.size - 1):
        for p in range(starts[i], starts[i + 1]):
            if p == starts[i] or columns[p] != columns[p - 1]:
                kept[size] = columns[p]
                size += 1
        new_starts[i + 1] = size
    return new_starts, kept[:size].copy()


@njit(cache=True)
def decoded(sets, start, parts, colors, indptr, indices, firsts):
    """Return rows and groups for the bits of the rows; bit 0 is that of number ``start``."""
    size = 0
    for i in range(sets.size):
        left = sets[i]
        while left:
            left &= left - np.uint64(1)
            size += 1
    rows, groups = np.empty(size, np.int64), np.empty(size, np.int64)
    place = 0
    for i in range(sets.size):
        mask = sets[i]
        number = start
        while mask:
            if mask & np.uint64(1):
                color, part = number // parts, number % parts
                for p in range(indptr[i], indptr[i + 1]):
                    if colors[indices[p]] == color:
                        rows[place], groups[place] = i, firsts[indices[p]] + part
                        place += 1
                        break
            mask >>= np.uint64(1)
            number += 1
    return rows[:place], groups[:place]


@njit(cache=True)
def gathered(products, rows, colors):
    """Return the items of a matrix at pairs of indices."""
    found = np.empty(rows.size, products.dtype)
    for p in range(rows.size):
        found[p] = products[rows[p], colors[p]]
    return found


@njit(cache=True)
def first_difference(indptr, indices, data, probe, product, relative, absolute):
    """Return the first row whose product differs by more than rounding, or -1; NaN is no row."""
    floor = absolute * np.max(np.abs(data)) if data.size else 0.0
    for i in range(indptr.size - 1):
        total = scale = 0.0
        for p in range(indptr[i], indptr[i + 1]):
            term = data[p] * probe[indices[p]]
            total += term
            scale += abs(term)
        if abs(product[i] - total) > relative * scale + floor:
            return i
    return -1
