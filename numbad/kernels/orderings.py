"""Orders in which vertices are coloured.

Smallest last: the vertex with the fewest neighbours among those that are left goes to the end.
D. W. Matula and L. L. Beck, "Smallest-last ordering and clustering and graph coloring algorithms"
(1983). With buckets of equal degree the time is linear in what is walked over.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True)
def _put(v, degree, heads, following, before):
    bucket = min(degree, heads.size - 1)
    first = heads[bucket]
    following[v], before[v] = first, -1
    if first >= 0:
        before[first] = v
    heads[bucket] = v


@njit(cache=True)
def _take(v, degree, heads, following, before):
    bucket = min(degree, heads.size - 1)
    if before[v] >= 0:
        following[before[v]] = following[v]
    else:
        heads[bucket] = following[v]
    if following[v] >= 0:
        before[following[v]] = before[v]


@njit(cache=True)
def smallest_last(indptr, indices, starts, rows, degrees):
    """Return the columns of a pattern in smallest-last order of their shared rows.

    ``degrees`` bounds the number of columns with which each shares a row. The columns of a row are
    ``indices[indptr[i]:indptr[i + 1]]``, the rows of a column ``rows[starts[j]:starts[j + 1]]``.
    """
    count = starts.size - 1
    left = degrees.copy()
    heads = np.full(min(count, degrees.max() if count else 0) + 1, -1, np.int64)
    following, before = np.empty(count, np.int64), np.empty(count, np.int64)
    for v in range(count - 1, -1, -1):
        _put(v, left[v], heads, following, before)
    order, done = np.empty(count, np.int64), np.zeros(count, np.bool_)
    lowest = 0
    for place in range(count - 1, -1, -1):
        while heads[lowest] < 0:
            lowest += 1
        v = heads[lowest]
        _take(v, left[v], heads, following, before)
        done[v], order[place] = True, v
        for p in range(starts[v], starts[v + 1]):
            i = rows[p]
            for q in range(indptr[i], indptr[i + 1]):
                w = indices[q]
                if not done[w]:
                    _take(w, left[w], heads, following, before)
                    left[w] -= 1
                    _put(w, left[w], heads, following, before)
                    lowest = min(lowest, left[w], heads.size - 1)
    return order


@njit(cache=True)
def smallest_last_vertices(starts, others):
    """Return the vertices of a graph in smallest-last order.

    The neighbours of a vertex are ``others[starts[v]:starts[v + 1]]``.
    """
    count = starts.size - 1
    left = np.diff(starts)
    heads = np.full((left.max() if count else 0) + 1, -1, np.int64)
    following, before = np.empty(count, np.int64), np.empty(count, np.int64)
    for v in range(count - 1, -1, -1):
        _put(v, left[v], heads, following, before)
    order, done = np.empty(count, np.int64), np.zeros(count, np.bool_)
    lowest = 0
    for place in range(count - 1, -1, -1):
        while heads[lowest] < 0:
            lowest += 1
        v = heads[lowest]
        _take(v, left[v], heads, following, before)
        done[v], order[place] = True, v
        for p in range(starts[v], starts[v + 1]):
            w = others[p]
            if not done[w]:
                _take(w, left[w], heads, following, before)
                left[w] -= 1
                _put(w, left[w], heads, following, before)
                lowest = min(lowest, left[w])
    return order
