"""Finding a pattern in few sweeps: first by groups of columns, then by their parts.

A sweep tells 64 sets of columns apart. The first takes 64 groups of adjacent columns. Groups that
meet in no row can share the bits of the next sweep, which are then enough for several parts of each
group; and so on until the parts are single columns. Where the groups do meet, this comes to as many
sweeps as 64 columns at a time, and a third more.

J. Gillis and M. Diehl, "Hierarchical seeding for efficient sparsity pattern recovery in automatic
differentiation" (2014).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from numbad.kernels.patterns import decoded
from numbad.sparse import storage
from numbad.sparse.greedy import greedy_columns
from numbad.sparse.pattern import SparsityPattern

_BITS = 64
# Parts of a group where groups of all colours together have no room in one sweep.
_PARTS = 4
# Groups are not coloured where that would look at more than so many pairs per entry.
_MOST_PAIRS = 64

Sweep = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class _Groups:
    """Groups of adjacent columns, and which of them each row depends on.

    Group ``g`` has the columns ``bounds[g] ... bounds[g + 1] - 1``; row ``i`` depends on the groups
    ``indices[indptr[i]:indptr[i + 1]]``.
    """

    bounds: np.ndarray
    indptr: np.ndarray
    indices: np.ndarray

    @property
    def count(self) -> int:
        """Number of groups."""
        return self.bounds.size - 1


def detect(sweep: Sweep, columns: int) -> SparsityPattern:
    """Return the pattern of a matrix.

    Parameters
    ----------
    sweep : callable
        Takes a ``uint64`` per column; returns one per row: the union of the bits of the columns in
        which the row has an entry.
    columns : int
        Number of columns.
    """
    count = min(columns, _BITS)
    bounds, firsts = _divided(np.array([0, columns]), count)
    bits = np.repeat(np.arange(count, dtype=np.uint64), np.diff(bounds))
    sets = sweep(np.uint64(1) << bits)
    rows = sets.size
    one = np.zeros(1, np.int64), np.arange(rows + 1), np.zeros(rows, np.int64)
    found_rows, found = decoded(sets, 0, max(count, 1), *one, firsts)
    groups = _Groups(bounds, *storage.compress(found_rows, found, (rows, count)))
    while groups.count < columns:
        groups = _refined(sweep, groups)
    return SparsityPattern.from_indices(
        storage.rows_of(groups.indptr), groups.indices, (rows, columns)
    )


def _refined(sweep: Sweep, groups: _Groups) -> _Groups:
    """Divide all groups into parts, and find out which of these each row depends on."""
    colors = colored(groups)
    number = int(colors.max(initial=0)) + 1
    sizes = np.diff(groups.bounds)
    parts = min(_BITS // number if number <= _BITS // 2 else _PARTS, int(sizes.max()))
    bounds, firsts = _divided(groups.bounds, parts)
    owner = np.repeat(np.arange(groups.count), np.diff(firsts))
    bit = colors[owner] * parts + np.arange(owner.size) - firsts[owner]
    bit_of_column = np.repeat(bit, np.diff(bounds))
    found_rows, found_groups = [], []
    for start in range(0, number * parts, _BITS):
        shift = bit_of_column - start
        is_in = (shift >= 0) & (shift < _BITS)
        masks = np.where(is_in, np.uint64(1) << np.where(is_in, shift, 0).astype(np.uint64), 0)
        sets = sweep(masks.astype(np.uint64))
        rows, new = decoded(sets, start, parts, colors, groups.indptr, groups.indices, firsts)
        found_rows.append(rows)
        found_groups.append(new)
    rows = np.concatenate(found_rows)
    shape = (groups.indptr.size - 1, bounds.size - 1)
    return _Groups(bounds, *storage.compress(rows, np.concatenate(found_groups), shape))


def colored(groups: _Groups) -> np.ndarray:
    """Return colours of the groups: those that a row depends on have different ones."""
    degrees = np.diff(groups.indptr)
    largest = int(degrees.max(initial=0))
    pairs = int(np.square(degrees).sum())
    if 2 * largest > groups.count or pairs > _MOST_PAIRS * (groups.indices.size + degrees.size):
        return np.arange(groups.count)
    by_group = storage.transpose(groups.indptr, groups.indices, groups.count)
    return greedy_columns(groups.indptr, groups.indices, *by_group)


def _divided(bounds: np.ndarray, parts: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the bounds of at most ``parts`` parts of each group, and the first part of each."""
    sizes = np.diff(bounds)
    counts = np.minimum(sizes, parts)
    firsts = np.concatenate(([0], np.cumsum(counts)))
    owner = np.repeat(np.arange(sizes.size), counts)
    number = np.arange(owner.size) - firsts[owner]
    starts = bounds[owner] + number * sizes[owner] // np.maximum(counts[owner], 1)
    return np.append(starts, bounds[-1]), firsts
