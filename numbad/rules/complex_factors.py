"""Factors, eigenvalues and singular values of complex matrices.

The formulas are those of the real rules, with adjoints for transposes, and in addition the phases:
LAPACK makes the diagonal of r in q r = a real, and the first component of each eigenvector of a
Hermitian matrix, and of each right singular vector, or of each left one if the matrix is wide.
Where such a component is not real all the same, the phases of the vectors are constant.

A cotangent stands for the real inner product Re ⟨ȳ, dy⟩.
"""

from __future__ import annotations

import numpy as np

from numbad.kernels.factors import (
    eigh_packed,
    pseudo_inverse,
    qr_packed,
    slogdet_packed,
    svd_packed,
    unpacked_svd,
)
from numbad.rules.declare import COMPLEX_ONLY, declare, jvp, vjp
from numbad.rules.matrix_parts import (
    adjoint,
    complex_diagonal,
    fold_to_hermitian,
    half_lower,
    hermitian_from_lower,
    imaginary,
    inverse_or_nan,
    is_real_row,
    lower,
    over_columns,
    over_gaps,
    strictly_lower,
)
from numbad.rules.samples import (
    complex_rectangular,
    complex_square,
    complex_with_cutoff,
    complex_with_fullness,
    hermitian,
)

# --- determinant and pseudo-inverse -----------------------------------------------------------

slogdet = declare(slogdet_packed, samples=complex_square, columns=COMPLEX_ONLY)


@jvp(slogdet)
def slogdet_jvp(a, a_dot, *, y):
    """With t = tr(a⁻¹ da): d ln|det a| is its real part, the sign turns by the imaginary one."""
    t = np.sum(inverse_or_nan(a, y[0]).T * a_dot)
    y_dot = np.zeros_like(y)
    y_dot[0] = y[0] * complex(0.0, t.imag)
    y_dot[1] = complex(t.real, 0.0)
    return y_dot


@vjp(slogdet)
def slogdet_vjp(y_bar, a, *, y):
    """The transpose of ``slogdet_jvp``."""
    turn = (np.conj(y[0]) * y_bar[0]).imag
    return complex(y_bar[1].real, turn) * np.conj(inverse_or_nan(a, y[0]).T)


pinv = declare(pseudo_inverse, samples=complex_with_cutoff, columns=COMPLEX_ONLY)


@jvp(pinv)
def pinv_jvp(a, cutoff, a_dot, cutoff_dot, *, y):
    """Golub and Pereyra (1973), theorem 4.3; the rank must not change."""
    d, z = adjoint(a_dot), adjoint(y)
    left = np.eye(a.shape[0]) - np.dot(a, y)
    right = np.eye(a.shape[1]) - np.dot(y, a)
    inside = -np.dot(np.dot(y, a_dot), y)
    from_rows = np.dot(np.dot(np.dot(y, z), d), left)
    return inside + from_rows + np.dot(np.dot(right, d), np.dot(z, y)), None


@vjp(pinv)
def pinv_vjp(y_bar, a, cutoff, *, y):
    """The transpose of ``pinv_jvp``."""
    d, z = adjoint(y_bar), adjoint(y)
    left = np.eye(a.shape[0]) - np.dot(a, y)
    right = np.eye(a.shape[1]) - np.dot(y, a)
    inside = -np.dot(np.dot(z, y_bar), z)
    from_rows = np.dot(np.dot(left, d), np.dot(y, z))
    return inside + from_rows + np.dot(np.dot(np.dot(z, y), d), right), None


# --- triangular factors -----------------------------------------------------------------------

cholesky = declare(np.linalg.cholesky, samples=hermitian, columns=COMPLEX_ONLY)


@jvp(cholesky)
def cholesky_jvp(a, a_dot, *, y):
    """dL = L Φ(L⁻¹ da L⁻ᴴ), with Φ the lower triangle and half the diagonal."""
    inverse = np.linalg.inv(y)
    inside = np.dot(np.dot(inverse, hermitian_from_lower(a_dot)), adjoint(inverse))
    return np.dot(y, half_lower(inside))


@vjp(cholesky)
def cholesky_vjp(y_bar, a, *, y):
    """ā = L⁻ᴴ Φ(Lᴴ L̄) L⁻¹, folded onto the lower triangle."""
    inverse = np.linalg.inv(y)
    inside = half_lower(np.dot(adjoint(y), lower(y_bar)))
    return fold_to_hermitian(np.dot(np.dot(adjoint(inverse), inside), inverse))


qr = declare(qr_packed, samples=complex_rectangular, columns=COMPLEX_ONLY)


@jvp(qr)
def qr_jvp(a, a_dot, *, y):
    """With a = [x | z] and r = [u | v], x having as many columns as q: q u = x, q v = z."""
    m, k = a.shape[0], min(a.shape)
    q = np.ascontiguousarray(y[: m * k].reshape((m, k)))
    u = np.ascontiguousarray(y[m * k :].reshape((k, a.shape[1]))[:, :k])
    c = np.dot(np.ascontiguousarray(a_dot[:, :k]), np.linalg.inv(u))
    s = np.dot(adjoint(q), c)
    turn = strictly_lower(s) - adjoint(strictly_lower(s)) + np.diag(imaginary(np.diag(s).imag, a))
    q_dot = c - np.dot(q, s - turn)
    y_dot = np.empty_like(y)
    y_dot[: m * k] = q_dot.ravel()
    y_dot[m * k :] = (np.dot(adjoint(q_dot), a) + np.dot(adjoint(q), a_dot)).ravel()
    return y_dot


@vjp(qr)
def qr_vjp(y_bar, a, *, y):
    """The transpose of ``qr_jvp``."""
    m, n, k = a.shape[0], a.shape[1], min(a.shape)
    q = np.ascontiguousarray(y[: m * k].reshape((m, k)))
    u = np.ascontiguousarray(y[m * k :].reshape((k, n))[:, :k])
    r_bar = y_bar[m * k :].reshape((k, n))
    u_bar = np.ascontiguousarray(r_bar[:, :k])
    v_bar = np.ascontiguousarray(r_bar[:, k:])
    z = np.ascontiguousarray(a[:, k:])
    q_bar = y_bar[: m * k].reshape((m, k)) + np.dot(z, adjoint(v_bar))
    from_r = np.dot(u_bar, adjoint(u))
    turn_bar = np.dot(adjoint(q), q_bar)
    x = turn_bar - from_r
    s_bar = from_r + strictly_lower(x - adjoint(x)) + np.diag(imaginary(np.diag(x).imag, a))
    c_bar = q_bar + np.dot(q, s_bar - turn_bar)
    a_bar = np.empty_like(a)
    a_bar[:, :k] = np.dot(c_bar, adjoint(np.linalg.inv(u)))
    a_bar[:, k:] = np.dot(q, v_bar)
    return a_bar


# --- eigenvalues of Hermitian matrices --------------------------------------------------------

eigh = declare(eigh_packed, samples=hermitian, columns=COMPLEX_ONLY)


@jvp(eigh)
def eigh_jvp(a, a_dot, *, y):
    """With p = vᴴ da v: dw is its diagonal, dv = v (p / gaps), then turned to real first rows."""
    n = a.shape[0]
    w = y[:n].real.copy()
    v = np.ascontiguousarray(y[n:].reshape((n, n)))
    p = np.dot(np.dot(adjoint(v), hermitian_from_lower(a_dot)), v)
    v_dot = np.dot(v, over_gaps(p, w))
    if is_real_row(v):
        v_dot = v_dot - v * imaginary(v_dot[0].imag / v[0].real, a)
    y_dot = np.empty_like(y)
    y_dot[:n] = np.diag(p).real
    y_dot[n:] = v_dot.ravel()
    return y_dot


@vjp(eigh)
def eigh_vjp(y_bar, a, *, y):
    """ā = v (diag w̄ + (vᴴ v̄) / gaps) vᴴ, folded onto the lower triangle."""
    n = a.shape[0]
    w = y[:n].real.copy()
    v = np.ascontiguousarray(y[n:].reshape((n, n)))
    v_bar = y_bar[n:].reshape((n, n)).copy()
    if is_real_row(v):
        v_bar[0] -= imaginary(np.sum(np.conj(v) * v_bar, axis=0).imag / v[0].real, a)
    inside = over_gaps(np.dot(adjoint(v), v_bar), w) + complex_diagonal(y_bar[:n].real, a)
    return fold_to_hermitian(np.dot(np.dot(v, inside), adjoint(v)))


eigvalsh = declare(np.linalg.eigvalsh, samples=hermitian, columns=COMPLEX_ONLY)


@jvp(eigvalsh)
def eigvalsh_jvp(a, a_dot):
    """dw is the diagonal of vᴴ da v."""
    v = np.ascontiguousarray(eigh_packed(a)[a.shape[0] :].reshape(a.shape))
    return np.sum(np.conj(v) * np.dot(hermitian_from_lower(a_dot), v), axis=0).real


@vjp(eigvalsh)
def eigvalsh_vjp(y_bar, a):
    """ā = v diag w̄ vᴴ, folded onto the lower triangle."""
    v = np.ascontiguousarray(eigh_packed(a)[a.shape[0] :].reshape(a.shape))
    return fold_to_hermitian(np.dot(v * y_bar, adjoint(v)))


# --- singular values --------------------------------------------------------------------------

svd = declare(svd_packed, samples=complex_with_fullness, columns=COMPLEX_ONLY)


@jvp(svd)
def svd_jvp(a, full, a_dot, full_dot, *, y):
    """As ``spectral.svd_jvp``; the diagonal of p turns u against v, then both turn together."""
    u, s, vt = unpacked_svd(y, a.shape, full)
    s = s.real.copy()
    k = s.shape[0]
    u1, u2 = np.ascontiguousarray(u[:, :k]), np.ascontiguousarray(u[:, k:])
    v1, v2 = adjoint(vt[:k, :]), adjoint(vt[k:, :])
    p = np.dot(np.dot(adjoint(u1), a_dot), v1)
    ps = p * s
    sp = adjoint(p) * s
    turn = over_columns(np.diag(imaginary(np.diag(p).imag, a)), s)
    u_rest = over_columns(np.dot(a_dot, v1) - np.dot(u1, p), s)
    v_rest = over_columns(np.dot(adjoint(a_dot), u1) - np.dot(v1, adjoint(p)), s)
    u1_dot = np.dot(u1, over_gaps(ps + adjoint(ps), s * s) + turn) + u_rest
    v1_dot = np.dot(v1, over_gaps(sp + adjoint(sp), s * s)) + v_rest
    angle = np.zeros_like(s)
    if a.shape[1] == k and is_real_row(v1):
        angle = -v1_dot[0].imag / v1[0].real
    elif a.shape[1] > k and is_real_row(u1):
        angle = -u1_dot[0].imag / u1[0].real
    y_dot = np.empty_like(y)
    u_dot, s_dot, vt_dot = unpacked_svd(y_dot, a.shape, full)
    u_dot[:, :k] = u1_dot + u1 * imaginary(angle, a)
    u_dot[:, k:] = -np.dot(u1, np.dot(adjoint(u_rest), u2))
    s_dot[:] = np.diag(p).real
    vt_dot[:k, :] = adjoint(v1_dot + v1 * imaginary(angle, a))
    vt_dot[k:, :] = adjoint(-np.dot(v1, np.dot(adjoint(v_rest), v2)))
    return y_dot, None


@vjp(svd)
def svd_vjp(y_bar, a, full, *, y):
    """The transpose of ``svd_jvp``."""
    u, s, vt = unpacked_svd(y, a.shape, full)
    u_bar, s_bar, vt_bar = unpacked_svd(y_bar, a.shape, full)
    s = s.real.copy()
    k = s.shape[0]
    u1, u2 = np.ascontiguousarray(u[:, :k]), np.ascontiguousarray(u[:, k:])
    v1, v2 = adjoint(vt[:k, :]), adjoint(vt[k:, :])
    u1_bar, u2_bar = u_bar[:, :k].copy(), np.ascontiguousarray(u_bar[:, k:])
    v1_bar, v2_bar = adjoint(vt_bar[:k, :]), adjoint(vt_bar[k:, :])
    angle_bar = (
        np.sum(np.conj(u1) * u1_bar, axis=0).imag + np.sum(np.conj(v1) * v1_bar, axis=0).imag
    )
    if a.shape[1] == k and is_real_row(v1):
        v1_bar[0] -= imaginary(angle_bar / v1[0].real, a)
    elif a.shape[1] > k and is_real_row(u1):
        u1_bar[0] -= imaginary(angle_bar / u1[0].real, a)
    x = np.dot(adjoint(u1), u1_bar)
    z = np.dot(adjoint(v1), v1_bar)
    from_u = over_gaps(x - adjoint(x), s * s) * s
    from_v = (over_gaps(z - adjoint(z), s * s).T * s).T
    turn = over_columns(np.diag(imaginary(np.diag(x).imag, a)), s)
    inside = from_u + from_v + turn + complex_diagonal(s_bar.real, a)
    u_rest = u1_bar - np.dot(u1, x) - np.dot(u2, np.dot(adjoint(u2_bar), u1))
    v_rest = v1_bar - np.dot(v1, z) - np.dot(v2, np.dot(adjoint(v2_bar), v1))
    rest = np.dot(over_columns(u_rest, s), adjoint(v1))
    other = np.dot(over_columns(v_rest, s), adjoint(u1))
    return np.dot(np.dot(u1, inside), adjoint(v1)) + rest + adjoint(other), None
