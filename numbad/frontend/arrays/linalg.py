"""Functions of ``np.linalg`` that call LAPACK; each has a derivative rule for whole arrays.

Functions with several results are called in a form that packs the results into one vector; the
results are views of it.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from numbad.frontend.arrays.convert import promote, to_lazy
from numbad.frontend.arrays.dims import Dim, Dims, array_dims, dim_of, note_fresh, note_lengths
from numbad.frontend.arrays.lazy import LazyValue
from numbad.frontend.arrays.products import blas_operand
from numbad.frontend.arrays.registry import handles
from numbad.frontend.arrays.signature import bind, is_given
from numbad.frontend.arrays.support import ZERO, Node, arithmetic, integer, product, value_of
from numbad.frontend.arrays.views import component, reshape, subview
from numbad.frontend.values import TupleValue, Value
from numbad.ir import nodes as ir
from numbad.ir.types import FLOAT64, Array, Scalar, is_complex, is_inexact, real_type
from numbad.kernels.factors import (
    eig_packed,
    eigh_packed,
    eigvals_plain,
    pseudo_inverse,
    qr_packed,
    slogdet_packed,
    svd_packed,
)

if TYPE_CHECKING:
    from numbad.frontend.builder import Builder

_CUT_OFF = 1e-15


def _matrix(builder: Builder, value: Value, node: Node, *others: Value) -> ir.Var:
    """Return a matrix of floating-point numbers, contiguous, of a type common with the others."""
    lazies = [to_lazy(builder, one, node) for one in (value, *others)]
    return blas_operand(builder, lazies[0], _common_type(builder, lazies, node))


def _common_type(builder: Builder, lazies: list[LazyValue], node: Node) -> Scalar:
    dtype = promote([lazy.dtype for lazy in lazies])
    if dtype is None:
        builder.type_error(node, "The arrays have no common type.")
    return dtype if is_inexact(dtype) else FLOAT64


def _two_axes(builder: Builder, name: str, array: ir.Var, node: Node) -> Dims:
    dims = array_dims(builder, array)
    if len(dims) != 2:
        builder.type_error(node, f"`{name}` needs a matrix, not {array.type}.")
    return dims


def _dtype(array: ir.Var) -> Scalar:
    assert isinstance(array.type, Array)
    assert isinstance(array.type.dtype, Scalar)
    return array.type.dtype


def _call(
    builder: Builder, fn: Callable[..., Any], args: tuple[ir.Operand, ...], type_: Array, dims: Dims
) -> ir.Var:
    result = builder.call(fn, *args, type=type_)
    assert isinstance(result, ir.Var)
    note_fresh(builder, result, dims)
    return result


@handles(np.linalg.solve)
def solve(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.linalg.solve``."""
    a, b = bind(builder, "solve", "a b", args, kwargs, node, 2)
    matrix, right = _matrix(builder, a, node, b), _matrix(builder, b, node, a)
    _two_axes(builder, "np.linalg.solve", matrix, node)
    dims = array_dims(builder, right)
    if len(dims) > 2:
        builder.type_error(node, "`np.linalg.solve` needs a vector or a matrix on the right.")
    type_ = Array(_dtype(right), len(dims), "F" if len(dims) == 2 else "C")
    return value_of(_call(builder, np.linalg.solve, (matrix, right), type_, dims))


@handles(np.linalg.inv)
def inv(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.linalg.inv``."""
    (a,) = bind(builder, "inv", "a", args, kwargs, node)
    matrix = _matrix(builder, a, node)
    dims = _two_axes(builder, "np.linalg.inv", matrix, node)
    type_ = Array(_dtype(matrix), 2, "F")
    return value_of(_call(builder, np.linalg.inv, (matrix,), type_, dims))


@handles(np.linalg.det)
def det(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.linalg.det``."""
    (a,) = bind(builder, "det", "a", args, kwargs, node)
    matrix = _matrix(builder, a, node)
    _two_axes(builder, "np.linalg.det", matrix, node)
    return value_of(builder.call(np.linalg.det, matrix, type=_dtype(matrix)))


@handles(np.linalg.cholesky)
def cholesky(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.linalg.cholesky``, the lower factor."""
    (a,) = bind(builder, "cholesky", "a", args, kwargs, node)
    matrix = _matrix(builder, a, node)
    dims = _two_axes(builder, "np.linalg.cholesky", matrix, node)
    type_ = Array(_dtype(matrix), 2, "C")
    return value_of(_call(builder, np.linalg.cholesky, (matrix,), type_, dims))


@handles(np.linalg.eigvalsh)
def eigvalsh(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.linalg.eigvalsh``."""
    (a,) = bind(builder, "eigvalsh", "a", args, kwargs, node)
    matrix = _matrix(builder, a, node)
    dims = _two_axes(builder, "np.linalg.eigvalsh", matrix, node)
    type_ = Array(real_type(_dtype(matrix)), 1, "C")
    return value_of(_call(builder, np.linalg.eigvalsh, (matrix,), type_, dims[:1]))


@handles(np.linalg.pinv)
def pinv(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.linalg.pinv``, with Numba's default for ``rcond``."""
    a, rcond = bind(builder, "pinv", "a rcond", args, kwargs, node)
    matrix = _matrix(builder, a, node)
    dims = _two_axes(builder, "np.linalg.pinv", matrix, node)
    cutoff = builder.as_scalar(rcond, node) if is_given(rcond) else builder.constant(_CUT_OFF)
    cutoff = builder.cast(cutoff, FLOAT64)
    type_ = Array(_dtype(matrix), 2, "F")
    swapped = (dims[1], dims[0])
    return value_of(_call(builder, pseudo_inverse, (matrix, cutoff), type_, swapped))


# --- several results ------------------------------------------------------------------------------


def _unpack(
    builder: Builder, packed: ir.Var, shapes: list[Dims], node: Node
) -> list[ir.Var | ir.Operand]:
    """Views of the parts of a packed vector, one after the other."""
    parts: list[ir.Var | ir.Operand] = []
    start: ir.Operand = ZERO
    for dims in shapes:
        count = product(builder, [dim.operand for dim in dims])
        stop = arithmetic(builder, operator.add, start, count)
        part = subview(builder, packed, [ir.Slice(start, stop, None)], node)
        if len(dims) > 1:
            part = reshape(builder, part, [dim.operand for dim in dims])
        note_lengths(builder, part, dims)
        parts.append(part)
        start = stop
    return parts


def _packed(
    builder: Builder,
    fn: Callable[..., Any],
    args: tuple[ir.Operand, ...],
    dtype: Scalar,
    shapes: list[Dims],
    node: Node,
) -> list[ir.Var | ir.Operand]:
    packed = builder.call(fn, *args, type=Array(dtype, 1, "C"))
    assert isinstance(packed, ir.Var)
    return _unpack(builder, packed, shapes, node)


def _named(builder: Builder, name: str, parts: list[ir.Operand]) -> Value:
    """Return the namedtuple that NumPy returns."""
    found = getattr(np.linalg._linalg, name, None)
    return TupleValue(tuple(value_of(part) for part in parts), found)


def _real_values(builder: Builder, part: ir.Var | ir.Operand) -> ir.Var | ir.Operand:
    """Values that are real although they are packed with complex vectors."""
    assert isinstance(part, ir.Var)
    return component(builder, part, "real") if is_complex(_dtype(part)) else part


@handles(np.linalg.eigh)
def eigh(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.linalg.eigh``."""
    (a,) = bind(builder, "eigh", "a", args, kwargs, node)
    matrix = _matrix(builder, a, node)
    dims = _two_axes(builder, "np.linalg.eigh", matrix, node)
    shapes = [dims[:1], dims]
    parts = _packed(builder, eigh_packed, (matrix,), _dtype(matrix), shapes, node)
    parts[0] = _real_values(builder, parts[0])
    return _named(builder, "EighResult", parts)


@handles(np.linalg.qr)
def qr(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.linalg.qr``, reduced."""
    a, mode = bind(builder, "qr", "a mode", args, kwargs, node)
    if is_given(mode) and builder.as_static(mode, "`mode`") != "reduced":
        builder.error(node, '`np.linalg.qr` is supported with mode="reduced" only.')
    matrix = _matrix(builder, a, node)
    m, n = _two_axes(builder, "np.linalg.qr", matrix, node)
    k = _least(builder, m, n)
    parts = _packed(builder, qr_packed, (matrix,), _dtype(matrix), [(m, k), (k, n)], node)
    return _named(builder, "QRResult", parts)


def _least(builder: Builder, m: Dim, n: Dim) -> Dim:
    if m.key == n.key:
        return m
    return dim_of(builder, builder.call(min, m.operand, n.operand))


@handles(np.linalg.svd)
def svd(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.linalg.svd``."""
    parameters = "a full_matrices compute_uv"
    a, full, with_vectors = bind(builder, "svd", parameters, args, kwargs, node)
    wants_full = not is_given(full) or bool(builder.as_static(full, "`full_matrices`"))
    if is_given(with_vectors) and not builder.as_static(with_vectors, "`compute_uv`"):
        wants_full = False
        only_values = True
    else:
        only_values = False
    matrix = _matrix(builder, a, node)
    m, n = _two_axes(builder, "np.linalg.svd", matrix, node)
    k = _least(builder, m, n)
    rows, columns = (m, n) if wants_full else (k, k)
    shapes: list[Dims] = [(m, rows), (k,), (columns, n)]
    flag = builder.constant(wants_full)
    parts = _packed(builder, svd_packed, (matrix, flag), _dtype(matrix), shapes, node)
    parts[1] = _real_values(builder, parts[1])
    return value_of(parts[1]) if only_values else _named(builder, "SVDResult", parts)


@handles(np.linalg.slogdet)
def slogdet(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.linalg.slogdet``."""
    (a,) = bind(builder, "slogdet", "a", args, kwargs, node)
    matrix = _matrix(builder, a, node)
    _two_axes(builder, "np.linalg.slogdet", matrix, node)
    dtype = _dtype(matrix)
    packed = builder.call(slogdet_packed, matrix, type=Array(dtype, 1, "C"))
    assert isinstance(packed, ir.Var)
    sign, logarithm = builder.load(packed, integer(0)), builder.load(packed, integer(1))
    if is_complex(dtype):
        real = builder.call(np.real, logarithm, type=real_type(dtype))
        return _named(builder, "SlogdetResult", [sign, real])
    return _named(builder, "SlogdetResult", [sign, logarithm])


@handles(np.linalg.eig)
def eig(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.linalg.eig``; eigenvalues of a real matrix must be real, as in Numba."""
    (a,) = bind(builder, "eig", "a", args, kwargs, node)
    matrix = _matrix(builder, a, node)
    dims = _two_axes(builder, "np.linalg.eig", matrix, node)
    shapes = [dims[:1], dims]
    parts = _packed(builder, eig_packed, (matrix,), _dtype(matrix), shapes, node)
    return _named(builder, "EigResult", parts)


@handles(np.linalg.eigvals)
def eigvals(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.linalg.eigvals``; those of a real matrix must be real, as in Numba."""
    (a,) = bind(builder, "eigvals", "a", args, kwargs, node)
    matrix = _matrix(builder, a, node)
    dims = _two_axes(builder, "np.linalg.eigvals", matrix, node)
    type_ = Array(_dtype(matrix), 1, "C")
    return value_of(_call(builder, eigvals_plain, (matrix,), type_, dims[:1]))
