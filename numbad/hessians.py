"""Hessians: forward mode in lanes over reverse mode, and reverse mode over itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from numbad import calls, chunks, engines
from numbad.compilation import Compilation
from numbad.ir.types import Array, tangent_type
from numbad.jacobians import (
    arranged,
    blocks_of,
    check_effects,
    check_order,
    count_columns,
    real_arguments,
)
from numbad.results import as_leaf
from numbad.structure import Leaf, describe, unflatten
from numbad.writeback import prepare


class ValueGradHess(NamedTuple):
    """The value of a function of one argument, its gradient and its Hessian."""

    val: Any
    grad: Any
    hess: Any


def hessian(
    f: Callable[..., Any],
    x: Any,
    order: str = "C",
    chunk_threshold: int = 12,
    sparsity: Any = None,
    *,
    engine: str | None = None,
    **kwargs: Any,
) -> Any:
    """Hessian matrix of a real-valued function, by forward mode in chunks over reverse mode.

    Parameters
    ----------
    f : callable
        Of one argument; returns a real number.
    x : number, ndarray or list of numbers
        The point.
    order : {"C", "F"}
        Order in which the elements of ``x`` are numbered.
    chunk_threshold : int
        As for ``jacobian``.
    sparsity : "auto", SparsityPattern, Coloring or sparse matrix, optional
        Return a sparse matrix, as ``jacobian`` does: see ``hessian_sparsity``.
    engine, **kwargs
        As for ``gradient``.

    Returns
    -------
    float or ndarray
        Shape (n, n) for an array of n elements, a number for a number. Zeros where there is no
        path. With ``sparsity`` a ``scipy.sparse.csr_matrix``.

    Raises
    ------
    NonScalarOutput
        ``f`` does not return a real number.
    DifferentiationError
        ``f`` cannot be differentiated.

    Notes
    -----
    Griewank & Walther, *Evaluating Derivatives* (2008), section 5.4.

    Examples
    --------
    >>> import numpy as np, numbad
    >>> numbad.hessian(lambda x: x[0] * x[1], np.array([2.0, 3.0]))
    array([[0., 1.],
           [1., 0.]])
    """
    return withhessian(f, x, order, chunk_threshold, sparsity, engine=engine, **kwargs).hess


def withhessian(
    f: Callable[..., Any],
    x: Any,
    order: str = "C",
    chunk_threshold: int = 12,
    sparsity: Any = None,
    *,
    engine: str | None = None,
    **kwargs: Any,
) -> ValueGradHess:
    """Value, gradient and Hessian; see ``hessian``.

    Examples
    --------
    >>> import numbad
    >>> numbad.withhessian(lambda x: x**3, 2.0)
    ValueGradHess(val=8.0, grad=12.0, hess=12.0)
    """
    if sparsity is not None:
        from numbad.sparse.evaluate import sparse_hessian
        from numbad.sparse.subject import Subject

        calls.check_engine(engine)
        subject = Subject(f, (x,), kwargs, None, order, "hessian")
        return ValueGradHess(*sparse_hessian(subject, sparsity, chunk_threshold))
    return _whole(f, x, "hessian columns", order, chunk_threshold, engine, kwargs)


def hessian_reverse(
    f: Callable[..., Any],
    x: Any,
    order: str = "C",
    chunk_threshold: int = 12,
    *,
    engine: str | None = None,
    **kwargs: Any,
) -> Any:
    """Hessian matrix by reverse mode over reverse mode; as ``hessian``, usually slower.

    Examples
    --------
    >>> import math, numbad
    >>> numbad.hessian_reverse(math.sin, math.pi / 2)
    -1.0
    """
    return _whole(f, x, "hessian rows", order, chunk_threshold, engine, kwargs).hess


def _whole(
    f: Callable[..., Any],
    x: Any,
    mode: str,
    order: str,
    threshold: int,
    engine: str | None,
    kwargs: dict[str, Any],
) -> ValueGradHess:
    check_order(order)

    def traced() -> ValueGradHess:
        from numbad.traced.matrices import hessian

        return ValueGradHess(*hessian(f, x, kwargs, order))

    def compiled() -> ValueGradHess:
        return _compiled_whole(f, x, mode, order, threshold, kwargs)

    return engines.dispatch(engine, f, compiled, traced)  # type: ignore[no-any-return]


def _compiled_whole(
    f: Callable[..., Any], x: Any, mode: str, order: str, threshold: int, kwargs: dict[str, Any]
) -> ValueGradHess:
    """As ``_whole``, by the compiled engine."""
    values, wrt = _arguments(f, (x,))
    size = count_columns(values, wrt)
    compilation = _compiled(f, values, kwargs, mode, wrt, threshold)
    found = _run(compilation, f, values, kwargs)
    count = len(compilation.built.interface.results)
    val = unflatten(found[:count], compilation.built.result)
    (is_active,) = compilation.active
    grad = found[count] if is_active else _zeros(values[0])
    blocks = blocks_of(compilation.blocks[0], found[count + 1 :]) if is_active else [None]
    matrix = np.zeros((size, size)) if blocks[0] is None else blocks[0]
    if not isinstance(values[0], np.ndarray):
        return ValueGradHess(val, grad, float(matrix[0, 0]))
    rows = values[0].shape
    return ValueGradHess(val, grad, arranged(matrix, rows, values[0], order))


def diaghessian(
    f: Callable[..., Any],
    *args: Any,
    chunk_threshold: int = 12,
    wrt: Any = None,
    engine: str | None = None,
    **kwargs: Any,
) -> tuple[Any, ...]:
    """Diagonals of the Hessians with respect to each argument; no matrix is formed.

    Parameters
    ----------
    f : callable
        Returns a real number.
    *args : number, ndarray or list of numbers
        The point.
    chunk_threshold, wrt, engine, **kwargs
        As for ``jacobian``.

    Returns
    -------
    tuple
        One entry per argument, of its shape; None for other types and for arguments that ``wrt``
        leaves out.

    Examples
    --------
    >>> import numpy as np, numbad
    >>> numbad.diaghessian(lambda x: np.sum(x**3), np.array([1.0, 2.0]))[0]
    array([ 6., 12.])
    """

    def traced() -> tuple[Any, ...]:
        from numbad.traced.matrices import diagonals

        values, chosen = calls.unwrap(args, calls.positions(f, wrt, len(args)))
        return diagonals(f, values, kwargs, chosen)

    def compiled() -> tuple[Any, ...]:
        return _compiled_diagonals(f, args, kwargs, wrt, chunk_threshold)

    return engines.dispatch(engine, f, compiled, traced)  # type: ignore[no-any-return]


def _compiled_diagonals(
    f: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    wrt: Any,
    chunk_threshold: int,
) -> tuple[Any, ...]:
    """As ``diaghessian``, by the compiled engine."""
    values, chosen = _arguments(f, args, wrt)
    compilation = _compiled(f, values, kwargs, "hessian diagonal", chosen, chunk_threshold)
    found = _run(compilation, f, values, kwargs)
    skipped = len(compilation.built.interface.results) + sum(compilation.active)
    diagonals = iter(found[skipped:])
    active = [p for p, is_active in zip(chosen, compilation.active, strict=True) if is_active]
    present = {
        position: row[number]
        for number, (position, row) in enumerate(zip(active, compilation.blocks, strict=True))
    }
    entries: list[Any] = []
    for position, value in enumerate(values):
        if position not in chosen:
            entries.append(None)
        elif present.get(position):
            diagonal = next(diagonals)
            is_array = isinstance(value, np.ndarray)
            entries.append(diagonal.reshape(np.shape(value)) if is_array else float(diagonal[0]))
        else:
            entries.append(_zeros(value))
    return tuple(entries)


def hvp(
    f: Callable[..., Any],
    x: Any,
    v: Any,
    *,
    engine: str | None = None,
    **kwargs: Any,
) -> Any:
    """Product of the Hessian with a vector, in one sweep of forward over reverse mode.

    Parameters
    ----------
    f : callable
        Of one argument; returns a real number.
    x : number, ndarray or list of numbers
        The point.
    v : same shape as ``x``
        The direction.
    engine, **kwargs
        As for ``gradient``.

    Returns
    -------
    Same shape as ``x``.

    Raises
    ------
    ValueError
        ``v`` has another shape than ``x``.

    Notes
    -----
    Pearlmutter, *Fast exact multiplication by the Hessian*, Neural Computation 6 (1994).

    Examples
    --------
    >>> import numpy as np, numbad
    >>> numbad.hvp(lambda x: np.sum(x**3), np.array([1.0, 2.0]), np.array([1.0, 0.5]))
    array([6., 6.])
    """

    def traced() -> Any:
        from numbad.traced.matrices import product

        return product(f, x, v, kwargs)

    return engines.dispatch(engine, f, lambda: _compiled_product(f, x, v, kwargs), traced)


def _compiled_product(f: Callable[..., Any], x: Any, v: Any, kwargs: dict[str, Any]) -> Any:
    """As ``hvp``, by the compiled engine."""
    values, wrt = _arguments(f, (x,))
    compilation = calls.compiled(f, values, kwargs, "hessian product", wrt)
    tree = compilation.request.args[0]
    assert isinstance(tree, Leaf)
    direction = as_leaf(v, tree, "The direction")
    if np.shape(direction) != np.shape(values[0]):
        raise ValueError(
            f"The direction has shape {np.shape(direction)}, the argument {np.shape(values[0])}."
        )
    (is_active,) = compilation.active
    if not is_active or not compilation.blocks[0][0]:
        return _zeros(values[0])
    if isinstance(direction, np.ndarray):
        # The program may write to its tangents, as it may to its arguments.
        direction = direction.copy() if compilation.written else direction
    leaves = [*calls.entry_leaves(compilation, f, values, kwargs), direction]
    write = prepare(compilation.built, f, values, kwargs)
    found = calls.run(compilation, compilation.entry, leaves)
    if write is not None:
        write(found)
    return found[-1]


def _arguments(
    f: Callable[..., Any], args: tuple[Any, ...], wrt: Any = None
) -> tuple[tuple[Any, ...], tuple[int, ...]]:
    """Return the arguments and the real ones' positions; a Hessian needs at least one."""
    values, chosen = real_arguments(f, args, wrt)
    if not chosen:
        raise TypeError("A Hessian needs a real number or an array of real numbers as argument.")
    return values, chosen


def _compiled(
    f: Callable[..., Any],
    values: tuple[Any, ...],
    kwargs: dict[str, Any],
    mode: str,
    wrt: tuple[int, ...],
    threshold: int,
) -> Compilation:
    size = count_columns(values, wrt)
    lanes = chunks.lanes_for(size, threshold)
    compilation = calls.compiled(f, values, kwargs, mode, wrt, lanes)
    check_effects(compilation, size)
    return compilation


def _run(
    compilation: Compilation, f: Callable[..., Any], values: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Any, ...]:
    leaves = calls.entry_leaves(compilation, f, values, kwargs)
    write = prepare(compilation.built, f, values, kwargs)
    found = calls.run(compilation, compilation.entry, leaves)
    if write is not None:
        write(found)
    return found


def _zeros(value: Any) -> Any:
    tree = describe(value)
    assert isinstance(tree, Leaf)
    type_ = tangent_type(tree.type)
    if isinstance(type_, Array):
        return np.zeros(np.shape(value), type_.dtype.name)  # type: ignore[union-attr]
    return 0.0
