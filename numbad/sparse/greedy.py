"""Greedy colourings of patterns.

Distance-2 colouring: columns with a row in common get different colours. A. H. Gebremedhin, F.
Manne and A. Pothen, "What color is your Jacobian? Graph coloring for computing derivatives" (SIAM
Review 47, 2005), sections 3 and 5.

Star colouring of a symmetric pattern: no two neighbours have one colour, and no path of four
vertices has only two. The vertices of any two colours then form stars, and of the two ends of an
edge at least one has no other neighbour of the colour of the other end: from the product with its
colour the entry is read off. The same, section 4; A. H. Gebremedhin, A. Tarafdar, F. Manne and A.
Pothen, "New acyclic and star coloring algorithms with application to computing Hessians" (SIAM J.
Sci. Comput. 29, 2007).

Both are tried in three orders, and the best is taken.
"""

from __future__ import annotations

import numpy as np

from numbad.kernels.colorings import colored, greedy, neighbours
from numbad.kernels.orderings import smallest_last, smallest_last_vertices


def color_columns(
    indptr: np.ndarray, indices: np.ndarray, starts: np.ndarray, rows: np.ndarray
) -> np.ndarray:
    """Return the colours of the columns of a pattern.

    Parameters
    ----------
    indptr, indices : ndarray of int64
        The columns of each row.
    starts, rows : ndarray of int64
        The rows of each column.
    """
    count = starts.size - 1
    degrees = np.diff(indptr)
    bound = int(degrees.max(initial=0))
    if bound == count:
        return np.arange(count)
    best: np.ndarray = greedy(indptr, indices, starts, rows, np.arange(count))
    shared = neighbours(degrees, starts, rows)
    orders = (
        lambda: np.argsort(-shared, kind="stable"),
        lambda: smallest_last(indptr, indices, starts, rows, shared),
    )
    for order in orders:
        if best.max(initial=-1) + 1 <= bound:
            break
        found = greedy(indptr, indices, starts, rows, order())
        if found.max() < best.max():
            best = found
    return best


def greedy_columns(
    indptr: np.ndarray, indices: np.ndarray, starts: np.ndarray, rows: np.ndarray
) -> np.ndarray:
    """Return the colours in the natural order, found quickly."""
    found: np.ndarray = greedy(indptr, indices, starts, rows, np.arange(starts.size - 1))
    return found


def color_star(starts: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a star colouring of a graph, and where its edges are found.

    Parameters
    ----------
    starts, others : ndarray of int64
        The neighbours of each vertex, itself excluded.

    Returns
    -------
    colors : ndarray of int64
    is_own : ndarray of bool
        For each item ``p`` of ``others``, with ``v`` the vertex it belongs to: whether no other
        neighbour of ``v`` has the colour of ``others[p]``.
    """
    count = starts.size - 1
    orders = (
        lambda: np.arange(count),
        lambda: np.argsort(-np.diff(starts), kind="stable"),
        lambda: smallest_last_vertices(starts, others),
    )
    best: tuple[np.ndarray, np.ndarray] | None = None
    for order in orders:
        found = colored(starts, others, order())
        if best is None or found[0].max(initial=-1) < best[0].max(initial=-1):
            best = found
        if best[0].max(initial=-1) < 2:
            break
    assert best is not None
    return best
