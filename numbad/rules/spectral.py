"""Eigenvalues of symmetric matrices and singular values.

The derivative of eigenvectors and singular vectors divides by the gaps between the values; where
values coincide it exists only if nothing depends on the choice of vectors, see ``over_gaps``.
"""

from __future__ import annotations

import numpy as np

from numbad.kernels.factors import eigh_packed, svd_packed, unpacked_svd
from numbad.rules.declare import declare, jvp, vjp
from numbad.rules.matrix_parts import (
    fold_to_lower,
    over_columns,
    over_gaps,
    symmetric_from_lower,
)
from numbad.rules.samples import symmetric, with_fullness

eigh = declare(eigh_packed, samples=symmetric)


@jvp(eigh)
def eigh_jvp(a, a_dot, *, y):
    """With p = vᵀ da v: dw is its diagonal, dv = v (p / gaps). Giles (2008), section 3.1."""
    n = a.shape[0]
    v = y[n:].reshape((n, n))
    p = np.dot(np.dot(v.T, symmetric_from_lower(a_dot)), v)
    y_dot = np.empty_like(y)
    y_dot[:n] = np.diag(p)
    y_dot[n:] = np.dot(v, over_gaps(p, y[:n])).ravel()
    return y_dot


@vjp(eigh)
def eigh_vjp(y_bar, a, *, y):
    """ā = v (diag w̄ + (vᵀ v̄) / gaps) vᵀ, folded onto the lower triangle."""
    n = a.shape[0]
    v = y[n:].reshape((n, n))
    v_bar = y_bar[n:].reshape((n, n))
    inside = over_gaps(np.dot(v.T, v_bar), y[:n]) + np.diag(y_bar[:n])
    return fold_to_lower(np.dot(np.dot(v, inside), v.T))


eigvalsh = declare(np.linalg.eigvalsh, samples=symmetric)


@jvp(eigvalsh)
def eigvalsh_jvp(a, a_dot):
    """dw is the diagonal of vᵀ da v."""
    v = eigh_packed(a)[a.shape[0] :].reshape(a.shape)
    return np.sum(v * np.dot(symmetric_from_lower(a_dot), v), axis=0)


@vjp(eigvalsh)
def eigvalsh_vjp(y_bar, a):
    """ā = v diag w̄ vᵀ, folded onto the lower triangle."""
    v = eigh_packed(a)[a.shape[0] :].reshape(a.shape)
    return fold_to_lower(np.dot(v * y_bar, v.T))


# Singular values: J. Townsend, "Differentiating the singular value decomposition" (2016). With
# ``full_matrices`` the extra vectors turn against the others by the same angles; among themselves
# they do not turn.

svd = declare(svd_packed, samples=with_fullness)


@jvp(svd)
def svd_jvp(a, full, a_dot, full_dot, *, y):
    """With p = uᵀ da v: ds is its diagonal, the turns of u and v are quotients by gaps of s²."""
    u, s, vt = unpacked_svd(y, a.shape, full)
    k = s.shape[0]
    u1 = np.ascontiguousarray(u[:, :k])
    v1 = np.ascontiguousarray(vt[:k, :].T)
    u2 = np.ascontiguousarray(u[:, k:])
    v2 = np.ascontiguousarray(vt[k:, :].T)
    p = np.dot(np.dot(u1.T, a_dot), v1)
    ps = p * s
    sp = p.T * s
    u_rest = over_columns(np.dot(a_dot, v1) - np.dot(u1, p), s)
    v_rest = over_columns(np.dot(a_dot.T, u1) - np.dot(v1, p.T), s)
    y_dot = np.empty_like(y)
    u_dot, s_dot, vt_dot = unpacked_svd(y_dot, a.shape, full)
    u_dot[:, :k] = np.dot(u1, over_gaps(ps + ps.T, s * s)) + u_rest
    u_dot[:, k:] = -np.dot(u1, np.dot(u_rest.T, u2))
    s_dot[:] = np.diag(p)
    vt_dot[:k, :] = (np.dot(v1, over_gaps(sp + sp.T, s * s)) + v_rest).T
    vt_dot[k:, :] = -np.dot(v1, np.dot(v_rest.T, v2)).T
    return y_dot, None


@vjp(svd)
def svd_vjp(y_bar, a, full, *, y):
    """The transpose of ``svd_jvp``."""
    u, s, vt = unpacked_svd(y, a.shape, full)
    u_bar, s_bar, vt_bar = unpacked_svd(y_bar, a.shape, full)
    k = s.shape[0]
    u1 = np.ascontiguousarray(u[:, :k])
    v1 = np.ascontiguousarray(vt[:k, :].T)
    u2 = np.ascontiguousarray(u[:, k:])
    v2 = np.ascontiguousarray(vt[k:, :].T)
    u1_bar = np.ascontiguousarray(u_bar[:, :k])
    v1_bar = np.ascontiguousarray(vt_bar[:k, :].T)
    u2_bar = np.ascontiguousarray(u_bar[:, k:])
    v2_bar = np.ascontiguousarray(vt_bar[k:, :].T)
    x = np.dot(u1.T, u1_bar)
    z = np.dot(v1.T, v1_bar)
    turns = over_gaps(x - x.T, s * s) * s + (over_gaps(z - z.T, s * s).T * s).T
    inside = np.dot(np.dot(u1, turns + np.diag(s_bar)), v1.T)
    u_rest = u1_bar - np.dot(u1, x) - np.dot(u2, np.dot(u2_bar.T, u1))
    v_rest = v1_bar - np.dot(v1, z) - np.dot(v2, np.dot(v2_bar.T, v1))
    from_u = np.dot(over_columns(u_rest, s), v1.T)
    from_v = np.dot(over_columns(v_rest, s), u1.T)
    return inside + from_u + from_v.T, None
