"""Colourings of a pattern: which columns, or rows, share a sweep, and how to tell them apart."""

from __future__ import annotations

from typing import Any

import numpy as np

from numbad.kernels.patterns import first_difference, gathered
from numbad.sparse import storage
from numbad.sparse.greedy import color_columns, color_star
from numbad.sparse.pattern import SparsityPattern, scipy_sparse

KINDS = ("columns", "rows", "symmetric")


class Coloring:
    """Groups of columns or rows of a sparse matrix that are computed together.

    Parameters
    ----------
    pattern : SparsityPattern or whatever makes one
        The entries that can be nonzero.
    by : {"columns", "rows", "symmetric"}
        Columns of one colour have no row in common: the sum of those columns holds the entries of
        all. Rows of one colour have no column in common. With ``"symmetric"`` the columns of a
        symmetric matrix get fewer colours, because each entry need be found only once.

    Attributes
    ----------
    pattern : SparsityPattern
    by : str
    colors : ndarray of int64
        The colour of each column (or row), from 0 on.
    count : int
        Number of colours: the number of directions in which the function is differentiated.

    Raises
    ------
    ValueError
        The pattern is not symmetric, but ``by`` is; or ``by`` is none of the three.

    Notes
    -----
    Greedy colouring in natural, largest-first and smallest-last order, of which the best is kept:
    distance-2 colouring of columns or rows, and star colouring; see Gebremedhin, Manne and Pothen,
    SIAM Review 47 (2005). The number of colours is not always the smallest possible.

    Examples
    --------
    >>> import numpy as np, numbad
    >>> arrow = np.eye(5)
    >>> arrow[0, :] = arrow[:, 0] = 1.0
    >>> numbad.Coloring(arrow, "columns").count, numbad.Coloring(arrow, "symmetric").count
    (5, 2)
    """

    def __init__(self, pattern: Any, by: str = "columns") -> None:
        if by not in KINDS:
            raise ValueError(f"by must be one of {', '.join(KINDS)}, not {by!r}")
        self.pattern = pattern if isinstance(pattern, SparsityPattern) else SparsityPattern(pattern)
        self.by = by
        found = self.pattern
        starts, rows = storage.transpose(found.indptr, found.indices, found.shape[1])
        own = found.rows()
        match by:
            case "columns":
                self.colors = color_columns(found.indptr, found.indices, starts, rows)
                self._places = own, self.colors[found.indices]
            case "rows":
                self.colors = color_columns(starts, rows, found.indptr, found.indices)
                self._places = found.indices, self.colors[own]
            case _:
                symmetric = np.array_equal(starts, found.indptr)
                if not symmetric or not np.array_equal(rows, found.indices):
                    raise ValueError("the pattern is not symmetric: take its symmetrized()")
                self._color_symmetric(own)
        self.count = int(self.colors.max(initial=-1)) + 1
        self.colors.flags.writeable = False
        self._probe: np.ndarray | None = None

    def _color_symmetric(self, rows: np.ndarray) -> None:
        columns = self.pattern.indices
        outside = rows != columns
        starts = np.concatenate(([0], np.cumsum(np.bincount(rows[outside], minlength=self.size))))
        self.colors, is_own = color_star(starts.astype(np.int64), columns[outside])
        direct = np.ones(columns.size, bool)
        direct[outside] = is_own
        self._places = (
            np.where(direct, rows, columns),
            np.where(direct, self.colors[columns], self.colors[rows]),
        )

    @property
    def size(self) -> int:
        """Number of columns, or rows, that are coloured."""
        return self.pattern.shape[0 if self.by == "rows" else 1]

    def seeds(self) -> np.ndarray:
        """Return the directions, one per column: the sums of the unit vectors of each colour.

        Examples
        --------
        >>> import numpy as np, numbad
        >>> numbad.Coloring(np.eye(3)).seeds()
        array([[1.],
               [1.],
               [1.]])
        """
        found = np.zeros((self.size, self.count))
        found[np.arange(self.size), self.colors] = 1.0
        return found

    def decompress(self, products: np.ndarray) -> Any:
        """Return the matrix whose products with ``seeds()`` are given.

        Parameters
        ----------
        products : ndarray
            ``matrix @ seeds()``; by rows, ``matrix.T @ seeds()``. More columns are not looked at.

        Returns
        -------
        scipy.sparse.csr_matrix

        Raises
        ------
        ValueError
            The number of rows is wrong, or there are too few columns.

        Examples
        --------
        >>> import numpy as np, numbad
        >>> numbad.Coloring(np.eye(2)).decompress(np.array([[3.0], [4.0]])).toarray()
        array([[3., 0.],
               [0., 4.]])
        """
        rows = self.pattern.shape[1 if self.by == "rows" else 0]
        if products.ndim != 2 or products.shape[0] != rows or products.shape[1] < self.count:
            raise ValueError(f"products of shape {products.shape}, not {(rows, self.count)}")
        pattern = self.pattern
        data = gathered(products, *self._places)
        return scipy_sparse().csr_matrix(
            (data, pattern.indices.copy(), pattern.indptr.copy()), pattern.shape
        )

    def probe(self) -> np.ndarray:
        """Return a direction in which nothing cancels by chance: for checks."""
        if self._probe is None:
            random = np.random.default_rng(self.size)
            signs = random.choice((-1.0, 1.0), self.size)
            self._probe = signs * random.uniform(0.5, 1.5, self.size)
        return self._probe

    def first_difference(self, matrix: Any, product: np.ndarray) -> int | None:
        """Return where the product of the matrix with the probe is not what was found, or None."""
        eps = float(np.finfo(matrix.dtype).eps)
        if self.by == "rows":
            matrix = matrix.T.tocsr()
        row = first_difference(
            matrix.indptr, matrix.indices, matrix.data, self.probe(), product, eps**0.4, eps**0.75
        )
        return None if row < 0 else int(row)

    def __repr__(self) -> str:
        rows, columns = self.pattern.shape
        return f"<Coloring by {self.by} of {rows} x {columns}, {self.count} colors>"
