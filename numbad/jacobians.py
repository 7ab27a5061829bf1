"""Jacobians: forward mode in chunks of columns, or reverse mode in batches of rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from numbad import calls, chunks, engines, jacobian_parts, lifted
from numbad.api import ValueAndGrad, pullback
from numbad.compilation import Compilation
from numbad.errors import NonScalarOutput, UnsupportedSyntax
from numbad.ir.types import Array, Scalar, is_complex, tangent_type
from numbad.parameters import sole_params
from numbad.structure import Leaf, Tree, describe, unflatten
from numbad.writeback import prepare


def jacobian(  # noqa: PLR0913 - options by keyword
    f: Callable[..., Any],
    *args: Any,
    mode: str = "auto",
    order: str = "C",
    chunk_threshold: int = 12,
    sparsity: Any = None,
    out: Any = None,
    wrt: Any = None,
    engine: str | None = None,
    **kwargs: Any,
) -> Any:
    """Jacobian matrices of a function of numbers and arrays.

    Parameters
    ----------
    f : callable
        Returns a real number or an array of real numbers, or a tuple, list, dict or object of
        these. A function that returns None and writes to its first argument, ``f(out, x)``, has
        that as its result.
    *args : number, ndarray or list of numbers
        The point. A list becomes an array.
    mode : {"auto", "forward", "reverse"}
        Forward mode sweeps once per chunk of columns, reverse mode once per batch of rows.
        ``"auto"`` takes what costs less.
    order : {"C", "F"}
        Order in which the elements of results and arguments of several dimensions are numbered.
    chunk_threshold : int
        Most directions per sweep, at most 64; rounded up to a power of two, see
        ``numbad.chunks.lanes_for``. The result does not depend on it but for rounding.
    sparsity : "auto", SparsityPattern, Coloring or sparse matrix, optional
        Return sparse matrices: see ``jacobian_sparsity``. ``"auto"`` finds the pattern anew in
        each call. One that is given is checked: entries outside of it are an error.
    out : ndarray or tuple of ndarray, optional
        Where to put the matrices; one per argument, None for a new one.
    wrt, engine
        As for ``gradient``.
    **kwargs
        Passed on to ``f``, not differentiated.

    Returns
    -------
    tuple
        One entry per positional argument: for an array of n elements a matrix of shape (m, n),
        where m is the number of elements of the result; for a number a vector of shape (m,); None
        for other types and for arguments that ``wrt`` leaves out. Zeros where there is no path.
        If the result is a tuple or another structure, so is each entry: in it, an array has its
        matrix, a number its row, a vector of shape (n,), or a number with respect to a number.

    Raises
    ------
    NonScalarOutput
        ``f`` returns something else than real numbers and arrays.
    SparsityMismatch
        There are entries outside of the pattern that was given.
    DifferentiationError
        ``f`` cannot be differentiated, or would print or draw random numbers several times.

    Notes
    -----
    Griewank & Walther, *Evaluating Derivatives* (2008), chapter 7: vector modes.

    Examples
    --------
    >>> import numpy as np, numbad
    >>> numbad.jacobian(lambda a: 100 * a[:2] ** 2, np.array([1.0, 2.0, 3.0]))[0]
    array([[200.,   0.,   0.],
           [  0., 400.,   0.]])
    >>> numbad.jacobian(lambda a, b: (a * b, a / b), 3.0, 2.0)
    ((2.0, 0.5), (3.0, -0.75))
    """
    return withjacobian(
        f,
        *args,
        mode=mode,
        order=order,
        chunk_threshold=chunk_threshold,
        sparsity=sparsity,
        out=out,
        wrt=wrt,
        engine=engine,
        **kwargs,
    ).grad


def withjacobian(  # noqa: PLR0913 - options by keyword
    f: Callable[..., Any],
    *args: Any,
    mode: str = "auto",
    order: str = "C",
    chunk_threshold: int = 12,
    sparsity: Any = None,
    out: Any = None,
    wrt: Any = None,
    engine: str | None = None,
    **kwargs: Any,
) -> ValueAndGrad:
    """Value and Jacobians; see ``jacobian``.

    Returns
    -------
    ValueAndGrad
        Named tuple ``(val, grad)``.

    Examples
    --------
    >>> import numpy as np, numbad
    >>> numbad.withjacobian(np.cumsum, [1, 2, 3]).val
    array([1, 3, 6])
    """
    if mode not in ("auto", "forward", "reverse"):
        raise ValueError(f"mode must be 'auto', 'forward' or 'reverse', not {mode!r}.")
    if sparsity is not None:
        if out is not None:
            raise ValueError("sparse matrices are made anew: `out` does not go with `sparsity`.")
        from numbad.sparse.evaluate import sparse_jacobian
        from numbad.sparse.subject import Subject

        subject = Subject(f, args, kwargs, wrt, order)
        return ValueAndGrad(*sparse_jacobian(subject, sparsity, mode, chunk_threshold))
    check_order(order)
    if (params := sole_params(args)) is not None:
        pull = pullback(f, params, engine=engine, zeros=True, **kwargs)
        return ValueAndGrad(*lifted.jacobian_by(pull, params, order))

    def traced() -> ValueAndGrad:
        from numbad.traced.matrices import jacobian

        values, chosen = calls.unwrap(args, calls.positions(f, wrt, len(args)))
        val, grad = jacobian(f, values, kwargs, chosen, order)
        return ValueAndGrad(val, grad if out is None else _into(out, grad))

    def compiled() -> ValueAndGrad:
        values, chosen = real_arguments(f, args, wrt)
        call = _Call(f, values, kwargs, chosen, chunk_threshold)
        try:
            return _compiled_jacobian(call, mode, order, out)
        except NonScalarOutput:
            compile_for = jacobian_parts.compiled_parts(f, values, kwargs, chosen)
            if compile_for is None:
                raise
        return _jacobian_of_parts(call, compile_for, mode, order, out)

    return engines.dispatch(engine, f, compiled, traced)  # type: ignore[no-any-return]


def _compiled_jacobian(call: _Call, mode: str, order: str, out: Any) -> ValueAndGrad:
    """As ``withjacobian``, by the compiled engine."""
    f, values, kwargs = call.f, call.values, call.kwargs
    compilation = call.compiled(mode)
    write = prepare(compilation.built, f, values, kwargs)
    found = calls.run(
        compilation, compilation.entry, calls.entry_leaves(compilation, f, values, kwargs)
    )
    if write is not None:
        write(found)
    count = len(compilation.built.interface.results)
    y = found[0]
    result = unflatten(found[:count], compilation.built.result)
    matrices = blocks_of(compilation.blocks[0], found[count:])
    grad = tuple(
        None if columns is None else arranged(columns, np.shape(y), value, order)
        for columns, value in zip(_entries(compilation, values, matrices, y), values, strict=True)
    )
    if out is not None:
        grad = _into(out, grad)
    return ValueAndGrad(result, grad)


def _jacobian_of_parts(
    call: _Call, compile_for: Callable[[str, int], Compilation], mode: str, order: str, out: Any
) -> ValueAndGrad:
    """As ``withjacobian``, of a function whose result has several parts."""
    if out is not None:
        raise ValueError("`out` is for a function that returns one number or array.")
    columns = count_columns(call.values, call.wrt)
    compilation = compile_for(mode, chunks.lanes_for(columns, call.threshold))
    check_repeatable(compilation)
    found = jacobian_parts.derivatives(compilation, call.f, call.values, call.kwargs, order)
    return ValueAndGrad(*found)


def real_arguments(
    f: Callable[..., Any], args: Sequence[Any], wrt: Any
) -> tuple[tuple[Any, ...], tuple[int, ...]]:
    """Return the arguments, lists of numbers as arrays, and the positions of the real ones."""
    chosen = calls.positions(f, wrt, len(args))
    values, chosen = calls.unwrap(args, chosen)
    arrays = tuple(_as_array(value) for value in values)
    found = []
    for position in chosen:
        tree = describe(arrays[position])
        if not isinstance(tree, Leaf) or tangent_type(tree.type) is None:
            continue
        element = tree.type.dtype if isinstance(tree.type, Array) else tree.type
        if is_complex(element):
            raise NonScalarOutput(
                f"argument {position} of a Jacobian or Hessian is complex.",
                origin=None,
                why="Its matrix would be of real and imaginary parts.",
                remedy="Differentiate with respect to the two parts, or use `pullback`.",
            )
        found.append(position)
    return arrays, tuple(found)


def _as_array(value: Any) -> Any:
    if type(value) is not list:
        return value
    array = np.array(value)
    return array if array.dtype.kind in "iuf" else value


def check_order(order: str) -> None:
    """Validate the numbering of elements."""
    if order not in ("C", "F"):
        raise ValueError(f"order must be 'C' or 'F', not {order!r}.")


@dataclass(frozen=True)
class _Call:
    """One call of ``jacobian``: finds the mode and the number of lanes."""

    f: Callable[..., Any]
    values: tuple[Any, ...]
    kwargs: dict[str, Any]
    wrt: tuple[int, ...]
    threshold: int

    def compiled(self, mode: str) -> Compilation:
        columns = count_columns(self.values, self.wrt)
        lanes = chunks.lanes_for(columns, self.threshold)
        if mode == "forward" or (mode == "auto" and columns <= lanes):
            return self._get("jacobian columns", columns, lanes)
        rows = self._rows()
        row_lanes = chunks.lanes_for(rows, self.threshold)
        costs = chunks.forward_cost(columns, lanes), chunks.reverse_cost(rows, row_lanes)
        if mode == "auto" and costs[0] <= costs[1]:
            return self._get("jacobian columns", columns, lanes)
        return self._get("jacobian rows", rows, row_lanes)

    def _get(self, mode: str, directions: int, lanes: int) -> Compilation:
        found = calls.compiled(self.f, self.values, self.kwargs, mode, self.wrt, lanes)
        check_effects(found, directions)
        return found

    def _rows(self) -> int:
        """Return the number of elements of the result."""
        primal = calls.compiled(self.f, self.values, self.kwargs, "primal", ())
        tree = primal.built.result
        if isinstance(tree, Leaf) and isinstance(tree.type, Scalar):
            return 1
        if not isinstance(tree, Leaf):
            return max(1, np.size(self.values[0])) if self.values else 1
        leaves = calls.entry_leaves(primal, self.f, self.values, self.kwargs)
        check_repeatable(primal)
        return int(np.size(calls.run(primal, primal.entry, calls.copied(leaves))[0]))


def count_columns(values: Sequence[Any], wrt: Sequence[int]) -> int:
    """Return the number of elements of the arguments at ``wrt``."""
    return sum(int(np.size(values[position])) for position in wrt)


def check_effects(compilation: Compilation, directions: int) -> None:
    """Refuse a program with effects on the outside world if it takes several sweeps."""
    if directions > compilation.lanes:
        check_repeatable(compilation)


def check_repeatable(compilation: Compilation) -> None:
    """Refuse a program with effects on the outside world that several sweeps would repeat."""
    if not compilation.repeatable:
        interface = compilation.built.interface
        raise UnsupportedSyntax(
            f"the derivative matrix of `{interface.name}` takes several sweeps, which would "
            "print or draw random numbers again.",
            origin=interface.origin,
            why=""
            if compilation.lanes == compilation.request.lanes
            else "It has lists or complex numbers, so a sweep carries one direction.",
            remedy="Draw the numbers outside, or raise `chunk_threshold`.",
        )


def blocks_of(present: Sequence[bool], found: Sequence[Any]) -> list[Any]:
    """Return one entry per block: its matrix, or None for zero."""
    matrices = iter(found)
    return [next(matrices) if is_present else None for is_present in present]


def _entries(
    compilation: Compilation, values: Sequence[Any], matrices: list[Any], y: Any
) -> list[Any]:
    """Return a matrix for each positional argument, None for what has none."""
    by_position = dict(zip(compilation.request.wrt, matrices, strict=True))
    entries = []
    for position, value in enumerate(values):
        found = by_position.get(position)
        if found is None and position in by_position:
            dtype = _dtype(describe(value))
            found = np.zeros((np.size(y), np.size(value)), dtype)
        entries.append(found)
    return entries


def _dtype(tree: Tree) -> Any:
    assert isinstance(tree, Leaf)
    type_ = tangent_type(tree.type)
    element = type_.dtype if isinstance(type_, Array) else type_
    assert isinstance(element, Scalar)
    return element.name


def arranged(matrix: Any, rows: tuple[int, ...], x: Any, order: str) -> Any:
    """Return a matrix with the elements in the order asked for, a vector for a number ``x``."""
    columns = np.shape(x)
    if order == "F" and (len(rows) > 1 or len(columns) > 1):
        axes = (
            *reversed(range(len(rows))),
            *reversed(range(len(rows), len(rows) + len(columns))),
        )
        whole = matrix.reshape(*rows, *columns).transpose(axes)
        matrix = np.ascontiguousarray(whole).reshape(matrix.shape)
    return matrix if isinstance(x, np.ndarray) else matrix.reshape(-1)


def _into(out: Any, grad: tuple[Any, ...]) -> tuple[Any, ...]:
    """Put the matrices into the buffers of the caller."""
    buffers = out if isinstance(out, tuple | list) else (out,)
    if len(buffers) != len(grad):
        raise ValueError(f"out has {len(buffers)} buffers for {len(grad)} arguments.")
    results = []
    for position, (buffer, matrix) in enumerate(zip(buffers, grad, strict=True)):
        if buffer is None or matrix is None:
            results.append(matrix)
            continue
        if np.shape(buffer) != matrix.shape:
            raise ValueError(
                f"out[{position}] has shape {np.shape(buffer)}, the Jacobian {matrix.shape}."
            )
        np.copyto(buffer, matrix)
        results.append(buffer)
    return tuple(results)
