"""Greedy colouring: distance-2 of columns, and star colouring of vertices.

See ``numbad.sparse.greedy`` for what they are and where they come from.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True)
def neighbours(degrees, starts, rows):
    """Return a bound on the number of columns with which each column shares a row."""
    count = starts.size - 1
    found = np.zeros(count, np.int64)
    for j in range(count):
        for p in range(starts[j], starts[j + 1]):
            found[j] += degrees[rows[p]] - 1
    return found


@njit(cache=True)
def greedy(indptr, indices, starts, rows, order):
    """Return colours of the columns, such that columns with a row in common differ."""
    count = starts.size - 1
    colors = np.full(count, -1, np.int64)
    taken = np.full(count + 1, -1, np.int64)
    for j in order:
        for p in range(starts[j], starts[j + 1]):
            i = rows[p]
            for q in range(indptr[i], indptr[i + 1]):
                color = colors[indices[q]]
                if color >= 0:
                    taken[color] = j
        color = 0
        while taken[color] == j:
            color += 1
        colors[j] = color
    return colors


@njit(cache=True)
def _find(v, color, heads, following, colors):
    entry = heads[v]
    while entry >= 0 and colors[entry] != color:
        entry = following[entry]
    return entry


@njit(cache=True)
def colored(starts, others, order):
    """Return a star colouring, and for each edge whether its colour is there only once.

    For each vertex there is a list of the colours among its neighbours, with the number of
    neighbours that have it. The lists are as short as there are colours, also where there are many
    neighbours.
    """
    count = starts.size - 1
    colors = np.full(count, -1, np.int64)
    taken = np.full(count + 1, -1, np.int64)
    # Lists: of each entry the colour, how many neighbours have it, and one of them.
    heads = np.full(count, -1, np.int64)
    size = others.size + 1
    following, listed = np.empty(size, np.int64), np.empty(size, np.int64)
    numbers, neighbour = np.empty(size, np.int64), np.empty(size, np.int64)
    used = 0
    for v in order:
        entry = heads[v]
        while entry >= 0:
            taken[listed[entry]] = v
            entry = following[entry]
        for p in range(starts[v], starts[v + 1]):
            w = others[p]
            if colors[w] < 0:
                continue
            shared = numbers[_find(v, colors[w], heads, following, listed)] > 1
            entry = heads[w]
            while entry >= 0:
                if shared:
                    # v would join two stars with the colour of w: w must not have such a neighbour.
                    taken[listed[entry]] = v
                elif numbers[entry] == 1:
                    x = neighbour[entry]
                    if numbers[_find(x, colors[w], heads, following, listed)] > 1:
                        # w is a leaf of the star round x; it cannot be the middle of another.
                        taken[listed[entry]] = v
                entry = following[entry]
        color = 0
        while taken[color] == v:
            color += 1
        colors[v] = color
        for p in range(starts[v], starts[v + 1]):
            w = others[p]
            entry = _find(w, color, heads, following, listed)
            if entry >= 0:
                numbers[entry] += 1
            else:
                following[used], listed[used] = heads[w], color
                numbers[used], neighbour[used] = 1, v
                heads[w] = used
                used += 1
    is_own = np.empty(others.size, np.bool_)
    for v in range(count):
        for p in range(starts[v], starts[v + 1]):
            entry = _find(v, colors[others[p]], heads, following, listed)
            is_own[p] = numbers[entry] == 1
    return colors, is_own
