"""Sparse Jacobians and Hessians: find the pattern, colour it, sweep once per few colours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from numbad import calls, chunks
from numbad.compilation import Compilation
from numbad.errors import SparsityMismatch
from numbad.jacobians import check_repeatable
from numbad.sparse.coloring import Coloring
from numbad.sparse.detect import detect
from numbad.sparse.pattern import SparsityPattern
from numbad.sparse.subject import Subject
from numbad.structure import unflatten

# Columns are coloured alone where that gives so few colours that rows need not be tried.
_FEW = 8


def jacobian_sparsity(
    f: Callable[..., Any],
    *args: Any,
    wrt: Any = None,
    order: str = "C",
    engine: str | None = None,
    **kwargs: Any,
) -> SparsityPattern:
    """Sparsity pattern of a Jacobian, found by running the function on sets of columns.

    Parameters
    ----------
    f, *args, wrt, order, engine, **kwargs
        As for ``jacobian``.

    Returns
    -------
    SparsityPattern
        Rows are the elements of the result, columns those of all differentiated arguments, one
        after the other.

    Raises
    ------
    NonScalarOutput
        ``f`` returns something else than a real number or array.
    DifferentiationError
        ``f`` cannot be differentiated, or would print or draw random numbers several times.

    Notes
    -----
    An entry is in the pattern if a path of the program leads from the column to the row, whether or
    not the derivative vanishes at this point. Branches of ``if`` count if they are taken at this
    point, both choices of conditional expressions always.

    Examples
    --------
    >>> import numpy as np, numbad
    >>> numbad.jacobian_sparsity(np.diff, np.arange(4.0)).to_scipy().toarray().astype(int)
    array([[1, 1, 0, 0],
           [0, 1, 1, 0],
           [0, 0, 1, 1]])
    """
    calls.check_engine(engine)
    subject = Subject(f, args, kwargs, wrt, order)
    if not subject.wrt:
        raise TypeError(f"no argument of {subject.name} is a real number or array.")
    return detect(subject.column_sets, subject.columns)


def hessian_sparsity(
    f: Callable[..., Any], x: Any, *, order: str = "C", engine: str | None = None, **kwargs: Any
) -> SparsityPattern:
    """Sparsity pattern of a Hessian: that of the Jacobian of the gradient.

    Parameters
    ----------
    f, x, order, engine, **kwargs
        As for ``hessian``.

    Returns
    -------
    SparsityPattern
        Symmetric.

    Raises
    ------
    NonScalarOutput
        ``f`` does not return a real number.
    DifferentiationError
        As for ``jacobian_sparsity``.

    Examples
    --------
    >>> import numpy as np, numbad
    >>> numbad.hessian_sparsity(lambda x: np.sum(x**3), np.ones(9))
    <SparsityPattern of 9 x 9, 9 entries>
    """
    calls.check_engine(engine)
    subject = Subject(f, (x,), kwargs, None, order, "hessian")
    return _hessian_pattern(subject)


def _hessian_pattern(subject: Subject) -> SparsityPattern:
    return detect(subject.column_sets, subject.columns).symmetrized()


def sparse_jacobian(
    subject: Subject, sparsity: Any, mode: str, chunk_threshold: int
) -> tuple[Any, tuple[Any, ...]]:
    """Return the value and one sparse matrix per argument: ``withjacobian`` with ``sparsity``."""
    if not subject.wrt:
        primal = subject.compiled("primal")
        return unflatten(subject.run(primal), primal.built.result), (None,) * len(subject.values)
    is_found = isinstance(sparsity, str)
    if is_found:
        _check_name(sparsity)
        sparsity = detect(subject.column_sets, subject.columns)
    coloring = _jacobian_coloring(sparsity, mode)
    _check_columns(subject, coloring)
    kind = "row products" if coloring.by == "rows" else "products"
    compilation = _compiled(subject, kind, coloring, chunk_threshold, with_probe=not is_found)
    y, matrix = _matrix(subject, compilation, coloring, 0, with_probe=not is_found)
    val = unflatten(y, compilation.built.result)
    return val, _split(subject, matrix)


def sparse_hessian(subject: Subject, sparsity: Any, chunk_threshold: int) -> tuple[Any, Any, Any]:
    """Return value, gradient and sparse Hessian: ``withhessian`` with ``sparsity``."""
    is_found = isinstance(sparsity, str)
    if is_found:
        _check_name(sparsity)
        sparsity = _hessian_pattern(subject)
    if isinstance(sparsity, Coloring):
        coloring = sparsity
    else:
        coloring = _pattern(sparsity).symmetrized().coloring("symmetric")
    if coloring.by == "rows":
        raise ValueError("a Hessian takes a coloring by columns, or a symmetric one, not by rows.")
    _check_columns(subject, coloring)
    compilation = _compiled(subject, "products", coloring, chunk_threshold, with_probe=not is_found)
    count = len(compilation.built.interface.results)
    y, matrix = _matrix(subject, compilation, coloring, count, with_probe=not is_found)
    val = unflatten(y[:count], compilation.built.result)
    grad = y[count] if compilation.active[0] else np.zeros(np.shape(subject.values[0]))
    return val, grad, matrix


def _check_name(sparsity: str) -> None:
    if sparsity != "auto":
        raise ValueError(f"sparsity must be 'auto', a pattern or a coloring, not {sparsity!r}.")


def _pattern(sparsity: Any) -> SparsityPattern:
    return sparsity if isinstance(sparsity, SparsityPattern) else SparsityPattern(sparsity)


def _jacobian_coloring(sparsity: Any, mode: str) -> Coloring:
    """Return the colouring for a mode; the cheaper one if the mode is ``"auto"``."""
    if isinstance(sparsity, Coloring):
        wanted = {"forward": ("columns", "symmetric"), "reverse": ("rows",)}
        if sparsity.by not in wanted.get(mode, (sparsity.by,)):
            raise ValueError(f"mode={mode!r} does not go with a coloring by {sparsity.by}.")
        return sparsity
    pattern = _pattern(sparsity)
    if mode == "reverse":
        return pattern.coloring("rows")
    columns = pattern.coloring("columns")
    if mode == "forward" or columns.count <= _FEW:
        return columns
    cost = chunks.forward_cost(columns.count, _FEW)
    # The rows that meet in one column need as many colours.
    fewest = int(np.bincount(pattern.indices).max(initial=0))
    if cost <= chunks.reverse_cost(fewest, _FEW):
        return columns
    rows = pattern.coloring("rows")
    return columns if cost <= chunks.reverse_cost(rows.count, _FEW) else rows


def _compiled(
    subject: Subject, mode: str, coloring: Coloring, threshold: int, *, with_probe: bool
) -> Compilation:
    directions = coloring.count + with_probe
    lanes = chunks.lanes_for(directions, threshold)
    compilation = subject.compiled(mode, lanes)
    if directions > lanes:
        check_repeatable(compilation)
    return compilation


def _matrix(
    subject: Subject,
    compilation: Compilation,
    coloring: Coloring,
    out: int,
    *,
    with_probe: bool,
) -> tuple[tuple[Any, ...], Any]:
    """Run the sweeps; return what the program returned before the products, and the matrix."""
    total = coloring.count + with_probe
    if not any(compilation.active):
        values: tuple[Any, ...] = subject.run(compilation)
        products = np.zeros((subject.columns, total))
    else:
        probe = coloring.probe() if with_probe else np.zeros(coloring.size)
        if coloring.by == "rows":
            shape = subject.shape_of_result()
            _check_rows(subject, coloring, int(np.prod(shape)))
            seeds = [subject.rows_to_c(each, shape) for each in (coloring.colors, probe)]
        else:
            seeds = [subject.columns_to_c(each) for each in (coloring.colors, probe)]
        *before, products = subject.run(compilation, *seeds, total)
        values = tuple(before)
        if coloring.by == "rows":
            products = subject.columns_from_c(products)
        else:
            products = subject.rows_from_c(products, np.shape(values[out]))
            _check_rows(subject, coloring, products.shape[0])
    matrix = coloring.decompress(products)
    if with_probe:
        _check_complete(subject, coloring, matrix, products[:, -1])
    return values, matrix


def _check_columns(subject: Subject, coloring: Coloring) -> None:
    columns = coloring.pattern.shape[1]
    if columns != subject.columns:
        raise ValueError(
            f"the sparsity pattern has {columns} columns, but the differentiated arguments of "
            f"{subject.name} have {subject.columns} elements."
        )


def _check_rows(subject: Subject, coloring: Coloring, rows: int) -> None:
    if coloring.pattern.shape[0] != rows:
        raise ValueError(
            f"the sparsity pattern has {coloring.pattern.shape[0]} rows, but the result of "
            f"{subject.name} has {rows} elements."
        )


def _check_complete(subject: Subject, coloring: Coloring, matrix: Any, product: np.ndarray) -> None:
    """Compare the product with the probe: it holds all nonzeros, also those not in the pattern."""
    place = coloring.first_difference(matrix, product)
    if place is not None:
        what = "column" if coloring.by == "rows" else "row"
        raise SparsityMismatch(
            f"the {subject.kind.capitalize()} of "
            f"`{subject.name}` has entries outside of the sparsity pattern, in {what} {place}.",
            origin=None,
        )


def _split(subject: Subject, matrix: Any) -> tuple[Any, ...]:
    """Return the columns of each argument, None for arguments that have none."""
    found: list[Any] = [None] * len(subject.values)
    first = 0
    for position, size in zip(subject.wrt, subject.sizes, strict=True):
        whole = size == subject.columns
        found[position] = matrix if whole else matrix[:, first : first + size].tocsr()
        first += size
    return tuple(found)
