"""Matrices: norms, powers, diagonals, triangles, products that are not BLAS's."""

from __future__ import annotations

from typing import Any

import numpy as np

from numbad.frontend.arrays.decompositions_statistics import root
from numbad.frontend.arrays.intrinsics import common_dtype, is_complex_valued
from numbad.frontend.arrays.registry import decomposition


def square_sum(x: Any, axis: Any, keepdims: Any) -> Any:
    """Sum of the squared absolute values."""
    if is_complex_valued(x):
        return np.sum(np.real(x) ** 2 + np.imag(x) ** 2, axis=axis, keepdims=keepdims)
    return np.sum(x * x, axis=axis, keepdims=keepdims)


@decomposition(np.linalg.norm)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: Any = False) -> Any:
    """Norm of a vector or matrix; its derivative is 0 where the norm is 0."""
    x = np.asarray(x) * 1.0
    if axis is None:
        if ord is None:
            return root(square_sum(x, None, keepdims))
        if np.ndim(x) == 2:
            return matrix_norm(x, ord)
    return vector_norm(x, ord, axis, keepdims)


def vector_norm(x: Any, ord: Any, axis: Any, keepdims: Any) -> Any:
    """Norm of vectors along an axis."""
    if ord is None or ord == 2:
        return root(square_sum(x, axis, keepdims))
    if ord == np.inf:
        return np.max(np.abs(x), axis=axis, keepdims=keepdims)
    if ord == -np.inf:
        return np.min(np.abs(x), axis=axis, keepdims=keepdims)
    if ord == 1:
        return np.sum(np.abs(x), axis=axis, keepdims=keepdims)
    if ord == 0:
        return np.count_nonzero(x, axis=axis, keepdims=keepdims) * 1.0
    total = np.sum(np.abs(x) ** ord, axis=axis, keepdims=keepdims)
    if np.ndim(total) == 0:
        return total ** (1.0 / ord) if total > 0 else total * 0
    return np.where(total > 0, total ** (1.0 / ord), total * 0)


def matrix_norm(x: Any, ord: Any) -> Any:
    """Norm of a matrix."""
    if ord == "fro":
        return root(square_sum(x, None, False))
    if ord == "nuc":
        return np.sum(np.linalg.svd(x, False)[1])
    if ord == 1:
        return np.max(np.sum(np.abs(x), axis=0))
    if ord == -1:
        return np.min(np.sum(np.abs(x), axis=0))
    if ord == np.inf:
        return np.max(np.sum(np.abs(x), axis=1))
    if ord == -np.inf:
        return np.min(np.sum(np.abs(x), axis=1))
    if ord == 2:
        return np.linalg.svd(x, False)[1][0]
    if ord == -2:
        return np.linalg.svd(x, False)[1][-1]
    raise ValueError("Invalid norm order for matrices.")


@decomposition(np.linalg.cond)
def cond(x: Any, p: Any = None) -> Any:
    """Condition number in the norm ``p``."""
    if p is None or p in (2, -2):
        s = np.linalg.svd(x, False)[1]
        return np.true_divide(s[-1], s[0]) if p == -2 else np.true_divide(s[0], s[-1])
    return np.linalg.norm(x, p) * np.linalg.norm(np.linalg.inv(x), p)


@decomposition(np.linalg.matrix_power)
def matrix_power(a: Any, n: Any) -> Any:
    """Power of a square matrix by repeated squaring."""
    a = np.asarray(a)
    if a.shape[0] != a.shape[1]:
        raise ValueError("input must be a square array")
    square = np.linalg.inv(a).copy(order="C") if n < 0 else a.copy(order="C")
    k = abs(n)
    result = np.eye(a.shape[0], dtype=square.dtype)
    while k > 0:
        if k % 2 == 1:
            result = np.dot(result, square)
        k = k // 2
        if k > 0:
            square = np.dot(square, square)
    return result


@decomposition(np.linalg.multi_dot)
def multi_dot(arrays: Any) -> Any:
    """Product of several matrices, from left to right."""
    result = arrays[0]
    for a in arrays[1:]:
        result = np.dot(result, a)
    return result


@decomposition(np.trace, methods=("trace",))
def trace(a: Any, offset: Any = 0) -> Any:
    """Sum of a diagonal of a matrix."""
    return np.sum(np.diag(np.asarray(a), offset))


@decomposition(np.diag)
def diag(v: Any, k: Any = 0) -> Any:
    """Diagonal of a matrix as a vector, or matrix with a vector on its diagonal."""
    v = np.asarray(v)
    right = max(k, 0)
    down = max(-k, 0)
    if np.ndim(v) == 1:
        n = v.shape[0]
        result = np.zeros((n + abs(k), n + abs(k)), v.dtype)
        for i in range(n):
            result[i + down, i + right] = v[i]
        return result
    count = max(min(v.shape[0] - down, v.shape[1] - right), 0)
    found = np.empty(count, v.dtype)
    for i in range(count):
        found[i] = v[i + down, i + right]
    return found


@decomposition(np.diagonal, methods=("diagonal",))
def diagonal(a: Any, offset: Any = 0) -> Any:
    """Diagonal of a matrix, as a copy."""
    return np.diag(np.asarray(a), offset)


@decomposition(np.diagflat)
def diagflat(v: Any, k: Any = 0) -> Any:
    """Matrix with the flattened array on its diagonal."""
    return np.diag(np.ravel(v), k)


@decomposition(np.fill_diagonal)
def fill_diagonal(a: Any, val: Any) -> Any:
    """Write a number, or the elements of a vector, to the diagonal of a matrix."""
    n = min(a.shape[0], a.shape[1])
    if np.ndim(val) == 0:
        for i in range(n):
            a[i, i] = val
    else:
        w = np.ravel(val)
        for i in range(n):
            a[i, i] = w[i % w.shape[0]]


@decomposition(np.tri)
def tri(N: Any, M: Any = None, k: Any = 0, dtype: Any = float) -> Any:
    """Matrix of ones on and below a diagonal."""
    columns = N if M is None else M
    result = np.zeros((N, columns), dtype)
    for i in range(N):
        for j in range(min(max(i + k + 1, 0), columns)):
            result[i, j] = 1
    return result


@decomposition(np.tril)
def tril(m: Any, k: Any = 0) -> Any:
    """Lower triangle of a matrix."""
    m = np.asarray(m)
    result = np.zeros(m.shape, m.dtype)
    for i in range(m.shape[0]):
        for j in range(min(max(i + k + 1, 0), m.shape[1])):
            result[i, j] = m[i, j]
    return result


@decomposition(np.triu)
def triu(m: Any, k: Any = 0) -> Any:
    """Upper triangle of a matrix."""
    m = np.asarray(m)
    result = np.zeros(m.shape, m.dtype)
    for i in range(m.shape[0]):
        for j in range(min(max(i + k, 0), m.shape[1]), m.shape[1]):
            result[i, j] = m[i, j]
    return result


@decomposition(np.tril_indices)
def tril_indices(n: Any, k: Any = 0, m: Any = None) -> Any:
    """Places of the lower triangle."""
    return np.nonzero(np.tri(n, m, k, bool))


@decomposition(np.triu_indices)
def triu_indices(n: Any, k: Any = 0, m: Any = None) -> Any:
    """Places of the upper triangle."""
    return np.nonzero(~np.tri(n, m, k - 1, bool))


def turned(m: Any, k: Any) -> Any:
    """Copy of a matrix turned by quarter turns, whose number is known at run time."""
    if k % 4 == 0:
        return np.asarray(m).copy()
    if k % 4 == 2:
        return np.asarray(m)[::-1, ::-1].copy()
    if k % 4 == 1:
        return np.ascontiguousarray(np.asarray(m)[:, ::-1].T)
    return np.ascontiguousarray(np.asarray(m).T[:, ::-1])


@decomposition(np.kron)
def kron(a: Any, b: Any) -> Any:
    """Kronecker product of vectors or matrices."""
    a = np.asarray(a)
    b = np.asarray(b)
    if np.ndim(a) == 1 and np.ndim(b) == 1:
        return np.outer(a, b).ravel()
    p = np.atleast_2d(a)
    q = np.atleast_2d(b)
    result = np.empty((p.shape[0] * q.shape[0], p.shape[1] * q.shape[1]), common_dtype(a, b))
    for i in range(p.shape[0]):
        for j in range(p.shape[1]):
            for r in range(q.shape[0]):
                for c in range(q.shape[1]):
                    result[i * q.shape[0] + r, j * q.shape[1] + c] = p[i, j] * q[r, c]
    return result


@decomposition(np.cross)
def cross(a: Any, b: Any) -> Any:
    """Vector product of vectors of three components, or of rows of such."""
    a = np.asarray(a)
    b = np.asarray(b)
    if a.shape[-1] != 3 or b.shape[-1] != 3:
        raise ValueError("Both input arrays must be (arrays of) 3-dimensional vectors.")
    if np.ndim(a) == 1 and np.ndim(b) == 1:
        return np.array(
            [
                a[1] * b[2] - a[2] * b[1],
                a[2] * b[0] - a[0] * b[2],
                a[0] * b[1] - a[1] * b[0],
            ]
        )
    return np.stack(
        (
            a[..., 1] * b[..., 2] - a[..., 2] * b[..., 1],
            a[..., 2] * b[..., 0] - a[..., 0] * b[..., 2],
            a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0],
        ),
        axis=-1,
    )


@decomposition(np.vander)
def vander(x: Any, N: Any = None, increasing: Any = False) -> Any:
    """Matrix of powers of a vector."""
    x = np.asarray(x)
    columns = x.shape[0] if N is None else N
    result = np.empty((x.shape[0], columns), x.dtype)
    for i in range(x.shape[0]):
        power = x[i] * 0 + 1
        for j in range(columns):
            result[i, j if increasing else columns - 1 - j] = power
            power = power * x[i]
    return result


@decomposition(np.linalg.lstsq)
def lstsq(a: Any, b: Any, rcond: Any = None) -> Any:
    """Least squares by the pseudo-inverse: solution, residuals, rank, singular values."""
    s = np.linalg.svd(a, False)[1]
    cutoff = 2.220446049250313e-16 * max(a.shape[0], a.shape[1]) if rcond is None else rcond
    rank = 0
    for value in s:
        if value > cutoff * s[0]:
            rank += 1
    x = np.dot(np.linalg.pinv(a, cutoff), b)
    rest = b - np.dot(a, x)
    squares = np.real(rest) ** 2 + np.imag(rest) ** 2 if is_complex_valued(rest) else rest * rest
    if np.ndim(b) == 1:
        residuals = np.sum(squares) * np.ones(1 if rank == a.shape[1] < a.shape[0] else 0)
    else:
        whole = np.sum(squares, axis=0)
        residuals = whole[: whole.shape[0] if rank == a.shape[1] < a.shape[0] else 0]
    return x, residuals, rank, s


@decomposition(np.linalg.matrix_rank)
def matrix_rank(a: Any, tol: Any = None) -> Any:
    """Number of singular values that are not negligible."""
    s = np.linalg.svd(a, False)[1]
    least = np.max(s) * max(a.shape[0], a.shape[1]) * 2.220446049250313e-16 if tol is None else tol
    rank = 0
    for value in s:
        if value > least:
            rank += 1
    return rank


@decomposition(np.polyfit)
def polyfit(x: Any, y: Any, deg: Any) -> Any:
    """Coefficients of the polynomial that fits best, highest power first."""
    left = np.vander(np.asarray(x) * 1.0, deg + 1)
    scale = np.sqrt(np.sum(left * left, axis=0))
    return np.dot(np.linalg.pinv(left / scale), np.asarray(y) * 1.0) / scale


@decomposition(np.diag_indices)
def diag_indices(n: Any, ndim: Any = 2) -> Any:
    """Places of the diagonal of a matrix."""
    if ndim != 2:
        raise TypeError("np.diag_indices is supported for two axes")
    return np.arange(n), np.arange(n)


@decomposition(np.tril_indices_from)
def tril_indices_from(arr: Any, k: Any = 0) -> Any:
    """Places of the lower triangle of a matrix."""
    return np.tril_indices(arr.shape[0], k, arr.shape[1])


@decomposition(np.triu_indices_from)
def triu_indices_from(arr: Any, k: Any = 0) -> Any:
    """Places of the upper triangle of a matrix."""
    return np.triu_indices(arr.shape[0], k, arr.shape[1])


@decomposition(np.matrix_transpose)
def matrix_transpose(x: Any) -> Any:
    """Matrices with rows and columns exchanged."""
    return np.swapaxes(x, -1, -2)


@decomposition(np.roots)
def roots(p: Any) -> Any:
    """Zeros of a polynomial: eigenvalues of its companion matrix."""
    v = np.asarray(p) * (1.0 + 0.0j)
    places = np.nonzero(v)[0]
    if places.shape[0] == 0:
        return np.zeros(0, v.dtype)
    first = places[0]
    last = places[places.shape[0] - 1]
    degree = last - first
    found = np.zeros(v.shape[0] - 1 - first, v.dtype)
    if degree > 0:
        companion = np.zeros((degree, degree), v.dtype)
        for i in range(degree):
            companion[0, i] = -v[first + 1 + i] / v[first]
        for i in range(degree - 1):
            companion[i + 1, i] = 1.0
        found[:degree] = np.linalg.eigvals(companion)
    return found
