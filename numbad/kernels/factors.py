"""Matrix factorisations with one result: their factors side by side in a vector.

A derivative rule is for a function with one result. The factors are views of the vector, taken by
``frontend.arrays``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.extending import register_jitable


@register_jitable
def eigh_packed(a: Any) -> Any:
    """Eigenvalues and eigenvectors (in rows of the second part, C order) of ``np.linalg.eigh``."""
    w, v = np.linalg.eigh(a)
    n = w.shape[0]
    packed = np.empty(n + n * n, a.dtype)
    packed[:n] = w
    packed[n:].reshape((n, n))[:, :] = v
    return packed


@register_jitable
def eig_packed(a: Any) -> Any:
    """Eigenvalues and eigenvectors of ``np.linalg.eig``, as ``eigh_packed`` has them.

    Those of a real matrix must be real, as Numba demands.
    """
    w, v = np.linalg.eig(a)
    n = w.shape[0]
    packed = np.empty(n + n * n, a.dtype)
    packed[:n] = real_like(w, a)
    packed[n:].reshape((n, n))[:, :] = real_like(v, a)
    return packed


@register_jitable
def eigvals_plain(a: Any) -> Any:
    """``np.linalg.eigvals``; those of a real matrix must be real, as Numba demands."""
    return real_like(np.linalg.eigvals(a), a)


@register_jitable
def real_like(values: Any, a: Any) -> Any:
    """Return the values, and raise ``ValueError`` if they are complex and the matrix is not."""
    if np.iscomplexobj(values) and not np.iscomplexobj(a):
        raise ValueError("eig() argument must not cause a domain change.")
    return values


@register_jitable
def qr_packed(a: Any) -> Any:
    """The factors q and r of ``np.linalg.qr``, both in C order."""
    q, r = np.linalg.qr(a)
    packed = np.empty(q.size + r.size, a.dtype)
    packed[: q.size].reshape(q.shape)[:, :] = q
    packed[q.size :].reshape(r.shape)[:, :] = r
    return packed


@register_jitable
def svd_packed(a: Any, full: Any) -> Any:
    """The factors u, s and vᵀ of ``np.linalg.svd``, all in C order; see ``unpacked_svd``."""
    u, s, vt = np.linalg.svd(a, 1 if full else 0)  # type: ignore[call-overload]
    packed = np.empty(u.size + s.size + vt.size, a.dtype)
    packed_u, packed_s, packed_vt = unpacked_svd(packed, a.shape, full)
    packed_u[:, :] = u
    packed_s[:] = s
    packed_vt[:, :] = vt
    return packed


@register_jitable
def unpacked_svd(packed: Any, shape: Any, full: Any) -> Any:
    """Views of the three factors in the result of ``svd_packed`` for a matrix of this shape."""
    m, n = shape
    k = min(m, n)
    rows = m if full else k
    columns = n if full else k
    end = m * rows
    u = packed[:end].reshape((m, rows))
    return u, packed[end : end + k], packed[end + k :].reshape((columns, n))


@register_jitable
def slogdet_packed(a: Any) -> Any:
    """Sign and logarithm of the determinant."""
    sign, logarithm = np.linalg.slogdet(a)
    packed = np.empty(2, a.dtype)
    packed[0] = sign
    packed[1] = logarithm
    return packed


@register_jitable
def pseudo_inverse(a: Any, cutoff: Any) -> Any:
    """``np.linalg.pinv`` with its default for the cut-off written out."""
    return np.linalg.pinv(a, cutoff)
