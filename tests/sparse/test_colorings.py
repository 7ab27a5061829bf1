"""Colourings: valid by brute force, and every entry is found again."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import numbad
from tests.sparse.programs import arrow_pattern, band, grid_of


@st.composite
def matrices(draw, symmetric: bool = False) -> np.ndarray:
    """Random sparse matrices, empty rows and columns included."""
    rows, columns = draw(st.integers(1, 14)), draw(st.integers(1, 14))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    shape = (rows, rows) if symmetric else (rows, columns)
    found = np.where(rng.random(shape) < rng.random(), rng.normal(size=shape), 0.0)
    return np.triu(found) + np.triu(found, 1).T if symmetric else found


@given(matrices())
@settings(max_examples=100, deadline=None)
def test_columns_of_one_color_share_no_row(matrix):
    coloring = numbad.Coloring(matrix, "columns")
    for j, k in itertools.combinations(range(matrix.shape[1]), 2):
        if coloring.colors[j] == coloring.colors[k]:
            assert not np.any((matrix[:, j] != 0) & (matrix[:, k] != 0))
    assert np.array_equal(coloring.decompress(matrix @ coloring.seeds()).toarray(), matrix)


@given(matrices())
@settings(max_examples=100, deadline=None)
def test_rows_of_one_color_share_no_column(matrix):
    coloring = numbad.Coloring(matrix, "rows")
    by_columns = numbad.Coloring(matrix.T, "columns")
    assert np.array_equal(coloring.colors, by_columns.colors)
    assert np.array_equal(coloring.decompress(matrix.T @ coloring.seeds()).toarray(), matrix)


@given(matrices(symmetric=True))
@settings(max_examples=200, deadline=None)
def test_stars(matrix):
    coloring = numbad.Coloring(matrix, "symmetric")
    n, colors = len(matrix), coloring.colors
    edge = (matrix != 0) & ~np.eye(n, dtype=bool)
    for v, w in zip(*np.nonzero(edge), strict=True):
        assert colors[v] != colors[w]
        for x in np.nonzero(edge[w])[0]:
            for y in np.nonzero(edge[x])[0]:
                if len({v, w, x, y}) == 4:
                    assert len({colors[v], colors[w], colors[x], colors[y]}) > 2
    found = coloring.decompress(matrix @ coloring.seeds()).toarray()
    assert np.array_equal(found, matrix)


@pytest.mark.parametrize(
    ("pattern", "columns", "symmetric"),
    [
        (band(50, 1, 1), 3, 3),
        (band(50, 2, 2), 5, 5),
        (np.eye(9), 1, 1),
        (arrow_pattern(40), 40, 2),
        (np.kron(np.eye(6), np.ones((4, 4))), 4, 4),
        (np.ones((5, 5)), 5, 5),
        (np.zeros((4, 4)), 1, 1),
    ],
)
def test_numbers_of_colors(pattern, columns, symmetric):
    assert numbad.Coloring(pattern, "columns").count == columns
    assert numbad.Coloring(pattern, "symmetric").count == symmetric


def test_stencils_need_few_colors():
    cross = grid_of(20, 20, [(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)])
    assert numbad.Coloring(cross).count <= 8
    assert numbad.Coloring(cross, "symmetric").count <= 6


def test_large_patterns():
    n = 10**5
    ones = np.ones(n)
    tridiagonal = sp.diags_array([ones[1:], ones, ones[1:]], offsets=[-1, 0, 1])
    assert numbad.Coloring(tridiagonal).count == 3
    rows, columns = np.concatenate([[0] * n, range(n), range(n)]), np.concatenate([range(n)] * 3)
    arrow = numbad.SparsityPattern.from_indices(
        rows, columns * (rows == 0) + columns * (rows > 0), (n, n)
    )
    assert numbad.Coloring(arrow.symmetrized(), "symmetric").count == 2


def test_patterns_of_anything():
    dense = np.array([[0.0, 2.0], [3.0, 0.0]])
    pattern = numbad.SparsityPattern(dense)
    for other in (dense != 0, dense.tolist(), sp.csr_array(dense), sp.coo_matrix(dense), pattern):
        assert numbad.SparsityPattern(other) == pattern
    assert numbad.SparsityPattern.from_indices([1, 0, 1], [0, 1, 0], (2, 2)) == pattern
    # An entry that is stored is an entry, though its value is zero.
    stored = sp.csr_array((np.zeros(1), ([0], [0])), shape=(2, 2))
    assert numbad.SparsityPattern(stored).nnz == 1
    both = pattern | numbad.SparsityPattern(np.eye(2))
    assert both.nnz == 4
    assert both >= pattern
    assert not pattern >= both
    assert pattern != both
    assert pattern.transpose() == pattern
    assert pattern.symmetrized() == pattern


def test_refusals():
    with pytest.raises(ValueError, match="dimensions"):
        numbad.SparsityPattern([1, 0])
    with pytest.raises(ValueError, match="2 rows"):
        numbad.SparsityPattern.from_indices([0, 1], [0], (2, 2))
    with pytest.raises(IndexError, match="column"):
        numbad.SparsityPattern.from_indices([0], [2], (2, 2))
    with pytest.raises(ValueError, match="no union"):
        numbad.SparsityPattern(np.eye(2)) | numbad.SparsityPattern(np.eye(3))
    with pytest.raises(ValueError, match="not symmetric"):
        numbad.Coloring([[0, 1], [0, 0]], "symmetric")
    with pytest.raises(ValueError, match="by must be"):
        numbad.Coloring(np.eye(2), "stars")
    with pytest.raises(ValueError, match="products"):
        numbad.Coloring(np.eye(2)).decompress(np.ones((3, 1)))
