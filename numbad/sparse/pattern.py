"""The sparsity pattern of a matrix, as an object that is made once and used many times."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from numbad.sparse import storage

if TYPE_CHECKING:
    from numbad.sparse.coloring import Coloring


def scipy_sparse() -> Any:
    """Return the module ``scipy.sparse``; an ImportError that says what to do without it."""
    try:
        import scipy.sparse
    except ImportError as error:
        raise ImportError("sparse matrices need SciPy: pip install scipy") from error
    return scipy.sparse


class SparsityPattern:
    """Which entries of a matrix can be nonzero.

    Parameters
    ----------
    matrix : scipy sparse matrix or array, array_like, or SparsityPattern
        The entries that are stored, of a sparse matrix, whatever their values; the entries that
        are not zero, of a dense one.

    Attributes
    ----------
    shape : tuple of int
        Numbers of rows and of columns.
    indptr, indices : ndarray of int64
        The columns of row ``i`` are ``indices[indptr[i]:indptr[i + 1]]``, in ascending order.

    Examples
    --------
    >>> import numpy as np, numbad
    >>> pattern = numbad.SparsityPattern(np.eye(3))
    >>> pattern
    <SparsityPattern of 3 x 3, 3 entries>
    >>> (pattern | numbad.SparsityPattern([[0, 1, 0], [0, 0, 0], [0, 0, 0]])).nnz
    4
    """

    def __init__(self, matrix: Any) -> None:
        if isinstance(matrix, SparsityPattern):
            shape, rows, columns = matrix.shape, matrix.rows(), matrix.indices
        elif hasattr(matrix, "tocoo"):
            found = matrix.tocoo()
            shape, rows, columns = found.shape, found.row, found.col
        else:
            dense = np.asarray(matrix)
            if dense.ndim != 2:
                raise ValueError(f"a pattern is that of a matrix, not of {dense.ndim} dimensions")
            shape = dense.shape
            rows, columns = np.nonzero(dense)
        self._fill(rows, columns, shape)

    @classmethod
    def from_indices(cls, rows: Any, columns: Any, shape: tuple[int, int]) -> SparsityPattern:
        """Return the pattern with entries at pairs of rows and columns.

        Parameters
        ----------
        rows, columns : array_like of int
            As many of one as of the other, in any order; pairs may be repeated.
        shape : tuple of int
            Numbers of rows and of columns.

        Raises
        ------
        ValueError
            The numbers differ.
        IndexError
            An index is outside of the shape.

        Examples
        --------
        >>> import numbad
        >>> numbad.SparsityPattern.from_indices([0, 1], [1, 1], (2, 2)).indices
        array([1, 1])
        """
        made = cls.__new__(cls)
        made._fill(np.asarray(rows), np.asarray(columns), shape)
        return made

    def _fill(self, rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> None:
        self.shape = (int(shape[0]), int(shape[1]))
        if rows.size != columns.size:
            raise ValueError(f"{rows.size} rows, but {columns.size} columns")
        for index, extent, what in ((rows, shape[0], "row"), (columns, shape[1], "column")):
            if index.size and not 0 <= index.min() <= index.max() < extent:
                raise IndexError(f"a {what} is outside of {self.shape[0]} x {self.shape[1]}")
        self.indptr, self.indices = storage.compress(
            np.ascontiguousarray(rows.ravel(), np.int64),
            np.ascontiguousarray(columns.ravel(), np.int64),
            self.shape,
        )
        self.indptr.flags.writeable = self.indices.flags.writeable = False
        self._colorings: dict[str, Coloring] = {}

    @property
    def nnz(self) -> int:
        """Number of entries."""
        return int(self.indices.size)

    def rows(self) -> np.ndarray:
        """Return the row of each entry, in the order of ``indices``."""
        return storage.rows_of(self.indptr)

    def transpose(self) -> SparsityPattern:
        """Return the pattern of the transposed matrix."""
        return SparsityPattern.from_indices(self.indices, self.rows(), self.shape[::-1])

    def symmetrized(self) -> SparsityPattern:
        """Return the union with the transposed pattern."""
        return self | self.transpose()

    def coloring(self, by: str = "columns") -> Coloring:
        """Return a colouring, made when it is first asked for: see ``Coloring``.

        Parameters
        ----------
        by : {"columns", "rows", "symmetric"}
            What is coloured: columns for forward mode, rows for reverse mode, or both at once for
            a symmetric matrix.

        Raises
        ------
        ValueError
            The pattern is not symmetric, but ``by`` is.

        Examples
        --------
        >>> import numpy as np, numbad
        >>> tridiagonal = np.eye(9) + np.eye(9, k=1) + np.eye(9, k=-1)
        >>> numbad.SparsityPattern(tridiagonal).coloring()
        <Coloring by columns of 9 x 9, 3 colors>
        """
        from numbad.sparse.coloring import Coloring

        if by not in self._colorings:
            self._colorings[by] = Coloring(self, by)
        return self._colorings[by]

    def to_scipy(self) -> Any:
        """Return the pattern as a ``scipy.sparse.csr_matrix`` of ones, of type bool.

        Examples
        --------
        >>> import numpy as np, numbad
        >>> numbad.SparsityPattern(np.eye(2)).to_scipy().toarray()
        array([[ True, False],
               [False,  True]])
        """
        return scipy_sparse().csr_matrix(
            (np.ones(self.nnz, bool), self.indices.copy(), self.indptr.copy()), self.shape
        )

    def __or__(self, other: SparsityPattern) -> SparsityPattern:
        if not isinstance(other, SparsityPattern):
            return NotImplemented
        if self.shape != other.shape:
            raise ValueError(f"patterns of {self.shape} and {other.shape} have no union")
        rows = np.concatenate((self.rows(), other.rows()))
        columns = np.concatenate((self.indices, other.indices))
        return SparsityPattern.from_indices(rows, columns, self.shape)

    def __ge__(self, other: SparsityPattern) -> bool:
        """Whether every entry of the other pattern is one of this."""
        if not isinstance(other, SparsityPattern):
            return NotImplemented
        return self.shape == other.shape and (self | other).nnz == self.nnz

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, SparsityPattern)
            and self.shape == other.shape
            and np.array_equal(self.indptr, other.indptr)
            and np.array_equal(self.indices, other.indices)
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<SparsityPattern of {self.shape[0]} x {self.shape[1]}, {self.nnz} entries>"
