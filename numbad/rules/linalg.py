"""Linear systems, inverse, determinant and triangular factors.

M. B. Giles, "Collected matrix derivative results for forward and reverse mode algorithmic
differentiation" (2008), section 2, has the formulas unless a body says otherwise. A function with
several results has a rule for its packed form, see ``kernels.factors``.
"""

from __future__ import annotations

import numpy as np

from numbad.kernels.factors import pseudo_inverse, qr_packed, slogdet_packed
from numbad.rules.declare import COMPLEX_ONLY, declare, jvp, vjp, zero_derivative
from numbad.rules.matrix_parts import (
    cofactors,
    fold_to_lower,
    half_lower,
    inverse_or_nan,
    lower,
    solve_right,
    strictly_lower,
    symmetric_from_lower,
)
from numbad.rules.samples import (
    complex_operands,
    positive_definite,
    rectangular,
    square,
    systems,
    with_cutoff,
)

# --- systems ----------------------------------------------------------------------------------

solve = declare(np.linalg.solve, samples=systems)


@jvp(solve)
def solve_jvp(a, b, a_dot, b_dot, *, y):
    """dy = a⁻¹(db - da y)."""
    return -np.linalg.solve(a, np.dot(a_dot, y)), np.linalg.solve(a, b_dot)


@vjp(solve)
def solve_vjp(y_bar, a, b, *, y):
    """b̄ = a⁻ᵀ ȳ and ā = -b̄ yᵀ."""
    b_bar = np.linalg.solve(a.T, y_bar)
    if b.ndim == 1:
        return -np.outer(b_bar, y), b_bar
    return -np.dot(b_bar, y.T), b_bar


complex_solve = declare(np.linalg.solve, samples=complex_operands(systems), columns=COMPLEX_ONLY)
jvp(complex_solve)(solve_jvp)


@vjp(complex_solve)
def complex_solve_vjp(y_bar, a, b, *, y):
    """b̄ = a⁻ᴴ ȳ and ā = -b̄ yᴴ."""
    b_bar = np.linalg.solve(np.conj(a.T), y_bar)
    if b.ndim == 1:
        return -np.outer(b_bar, np.conj(y)), b_bar
    return -np.dot(b_bar, np.conj(y.T)), b_bar


inv = declare(np.linalg.inv, samples=square)


@jvp(inv)
def inv_jvp(a, a_dot, *, y):
    """d a⁻¹ = -a⁻¹ da a⁻¹."""
    return -np.dot(np.dot(y, a_dot), y)


@vjp(inv)
def inv_vjp(y_bar, a, *, y):
    """ā = -a⁻ᵀ ȳ a⁻ᵀ."""
    return -np.dot(np.dot(y.T, y_bar), y.T)


complex_inv = declare(np.linalg.inv, samples=complex_operands(square), columns=COMPLEX_ONLY)
jvp(complex_inv)(inv_jvp)


@vjp(complex_inv)
def complex_inv_vjp(y_bar, a, *, y):
    """ā = -a⁻ᴴ ȳ a⁻ᴴ."""
    adjoint = np.conj(y.T)
    return -np.dot(np.dot(adjoint, y_bar), adjoint)


pinv = declare(pseudo_inverse, samples=with_cutoff)


@jvp(pinv)
def pinv_jvp(a, cutoff, a_dot, cutoff_dot, *, y):
    """Golub and Pereyra (1973), theorem 4.3; the rank must not change."""
    d = np.ascontiguousarray(a_dot.T)
    left = np.eye(a.shape[0]) - np.dot(a, y)
    right = np.eye(a.shape[1]) - np.dot(y, a)
    inside = -np.dot(np.dot(y, a_dot), y)
    from_rows = np.dot(np.dot(np.dot(y, y.T), d), left)
    return inside + from_rows + np.dot(np.dot(right, d), np.dot(y.T, y)), None


@vjp(pinv)
def pinv_vjp(y_bar, a, cutoff, *, y):
    """The transpose of ``pinv_jvp``."""
    d = np.ascontiguousarray(y_bar.T)
    left = np.eye(a.shape[0]) - np.dot(a, y)
    right = np.eye(a.shape[1]) - np.dot(y, a)
    inside = -np.dot(np.dot(y.T, y_bar), y.T)
    from_rows = np.dot(np.dot(left, d), np.dot(y, y.T))
    return inside + from_rows + np.dot(np.dot(np.dot(y.T, y), d), right), None


# --- determinant ------------------------------------------------------------------------------

det = declare(np.linalg.det, samples=square)


@jvp(det)
def det_jvp(a, a_dot, *, y):
    """d det a = ⟨cofactors, da⟩."""
    return np.sum(cofactors(a, y) * a_dot)


@vjp(det)
def det_vjp(y_bar, a, *, y):
    """ā = ȳ times the cofactors."""
    return y_bar * cofactors(a, y)


complex_det = declare(np.linalg.det, samples=complex_operands(square), columns=COMPLEX_ONLY)


@jvp(complex_det)
def complex_det_jvp(a, a_dot, *, y):
    """d det a = det a tr(a⁻¹ da)."""
    return y * np.sum(np.linalg.inv(a).T * a_dot)


@vjp(complex_det)
def complex_det_vjp(y_bar, a, *, y):
    """ā = ȳ conj(det a) a⁻ᴴ."""
    return (y_bar * np.conj(y)) * np.conj(np.linalg.inv(a).T)


slogdet = declare(slogdet_packed, samples=square)


@jvp(slogdet)
def slogdet_jvp(a, a_dot, *, y):
    """d ln|det a| = tr(a⁻¹ da); the sign is constant."""
    y_dot = np.zeros_like(y)
    y_dot[1] = np.sum(inverse_or_nan(a, y[0]).T * a_dot)
    return y_dot


@vjp(slogdet)
def slogdet_vjp(y_bar, a, *, y):
    """ā = ȳ a⁻ᵀ."""
    return y_bar[1] * inverse_or_nan(a, y[0]).T


# --- factors ----------------------------------------------------------------------------------
# Like LAPACK, ``cholesky`` and ``eigh`` read the lower triangle and the diagonal only. So does the
# derivative: the cotangent of the upper triangle is zero.

cholesky = declare(np.linalg.cholesky, samples=positive_definite)


@jvp(cholesky)
def cholesky_jvp(a, a_dot, *, y):
    """dL = L Φ(L⁻¹ da L⁻ᵀ), with Φ the lower triangle and half the diagonal."""
    inverse = np.linalg.inv(y)
    inside = np.dot(np.dot(inverse, symmetric_from_lower(a_dot)), inverse.T)
    return np.dot(y, half_lower(inside))


@vjp(cholesky)
def cholesky_vjp(y_bar, a, *, y):
    """ā = L⁻ᵀ Φ(Lᵀ L̄) L⁻¹, folded onto the lower triangle."""
    inverse = np.linalg.inv(y)
    inside = half_lower(np.dot(y.T, lower(y_bar)))
    return fold_to_lower(np.dot(np.dot(inverse.T, inside), inverse))


qr = declare(qr_packed, samples=rectangular)


@jvp(qr)
def qr_jvp(a, a_dot, *, y):
    """With a = [x | z] and r = [u | v], x having as many columns as q: q u = x, q v = z."""
    m, k = a.shape[0], min(a.shape)
    q = y[: m * k].reshape((m, k))
    u = np.ascontiguousarray(y[m * k :].reshape((k, a.shape[1]))[:, :k])
    c = solve_right(np.ascontiguousarray(a_dot[:, :k]), u)
    s = np.dot(q.T, c)
    turn = strictly_lower(s) - strictly_lower(s).T
    q_dot = c - np.dot(q, s - turn)
    y_dot = np.empty_like(y)
    y_dot[: m * k] = q_dot.ravel()
    y_dot[m * k :] = (np.dot(q_dot.T, a) + np.dot(q.T, a_dot)).ravel()
    return y_dot


@vjp(qr)
def qr_vjp(y_bar, a, *, y):
    """Walter and Lehmann (2012), section 3.3; wide matrices by the split of ``qr_jvp``."""
    m, n, k = a.shape[0], a.shape[1], min(a.shape)
    q = y[: m * k].reshape((m, k))
    u = np.ascontiguousarray(y[m * k :].reshape((k, n))[:, :k])
    r_bar = y_bar[m * k :].reshape((k, n))
    u_bar = np.triu(np.ascontiguousarray(r_bar[:, :k]))
    v_bar = np.ascontiguousarray(r_bar[:, k:])
    z = np.ascontiguousarray(a[:, k:])
    q_bar = y_bar[: m * k].reshape((m, k)) + np.dot(z, v_bar.T)
    inside = np.dot(u, u_bar.T) - np.dot(q_bar.T, q)
    a_bar = np.empty_like(a)
    a_bar[:, :k] = solve_right(q_bar + np.dot(q, symmetric_from_lower(inside)), u.T)
    a_bar[:, k:] = np.dot(q, v_bar)
    return a_bar


# --- the rest ---------------------------------------------------------------------------------
zero_derivative(np.linalg.matrix_rank, note="an integer")
