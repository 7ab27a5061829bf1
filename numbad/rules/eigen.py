"""Eigenvalues and eigenvectors of general matrices with distinct eigenvalues.

M. B. Giles, "Collected matrix derivative results for forward and reverse mode algorithmic
differentiation" (2008), section 3.1. LAPACK scales each eigenvector to length one and makes its
largest component real; what an eigenvector moves along itself is taken out accordingly. Where
eigenvalues coincide, the derivative exists only if nothing depends on the choice of vectors: see
``over_gaps``. A matrix that has no full set of eigenvectors has no derivative: the results are
infinite, NaN or very large.
"""

from __future__ import annotations

import numpy as np

from numbad.kernels.factors import eig_packed, eigvals_plain
from numbad.rules.declare import COMPLEX_ONLY, declare, jvp, vjp
from numbad.rules.matrix_parts import along_fixed, along_fixed_transpose, over_gaps
from numbad.rules.samples import complex_operands, real_eigenvalues, square

eig = declare(eig_packed, samples=real_eigenvalues)


@jvp(eig)
def eig_jvp(a, a_dot, *, y):
    """With p = v⁻¹ da v: dw is its diagonal, dv = v (p / gaps) at constant length."""
    n = a.shape[0]
    v = np.ascontiguousarray(y[n:].reshape((n, n)))
    p = np.linalg.solve(v, np.dot(a_dot, v))
    turned = np.dot(v, over_gaps(p, y[:n]))
    y_dot = np.empty_like(y)
    y_dot[:n] = np.diag(p)
    y_dot[n:] = (turned - v * np.sum(v * turned, axis=0)).ravel()
    return y_dot


@vjp(eig)
def eig_vjp(y_bar, a, *, y):
    """ā = v⁻ᵀ (diag w̄ + (vᵀ v̄) / gaps) vᵀ, with v̄ normal to v."""
    n = a.shape[0]
    v = np.ascontiguousarray(y[n:].reshape((n, n)))
    v_bar = y_bar[n:].reshape((n, n))
    v_bar = v_bar - v * np.sum(v * v_bar, axis=0)
    inside = over_gaps(np.dot(v.T, v_bar), y[:n]) + np.diag(y_bar[:n])
    return np.linalg.solve(np.ascontiguousarray(v.T), np.dot(inside, v.T))


complex_eig = declare(eig_packed, samples=complex_operands(square), columns=COMPLEX_ONLY)


@jvp(complex_eig)
def complex_eig_jvp(a, a_dot, *, y):
    """As for real matrices, with the phase of each vector fixed by its largest component."""
    n = a.shape[0]
    v = np.ascontiguousarray(y[n:].reshape((n, n)))
    p = np.linalg.solve(v, np.dot(a_dot, v))
    y_dot = np.empty_like(y)
    y_dot[:n] = np.diag(p)
    y_dot[n:] = along_fixed(np.dot(v, over_gaps(p, y[:n])), v).ravel()
    return y_dot


@vjp(complex_eig)
def complex_eig_vjp(y_bar, a, *, y):
    """The adjoint of ``complex_eig_jvp``."""
    n = a.shape[0]
    v = np.ascontiguousarray(y[n:].reshape((n, n)))
    v_bar = along_fixed_transpose(np.ascontiguousarray(y_bar[n:].reshape((n, n))), v)
    adjoint = np.ascontiguousarray(np.conj(v.T))
    inside = over_gaps(np.dot(adjoint, v_bar), np.conj(y[:n])) + np.diag(y_bar[:n])
    return np.linalg.solve(adjoint, np.dot(inside, adjoint))


eigvals = declare(eigvals_plain, samples=real_eigenvalues)


@jvp(eigvals)
def eigvals_jvp(a, a_dot):
    """dw is the diagonal of v⁻¹ da v."""
    n = a.shape[0]
    v = np.ascontiguousarray(eig_packed(a)[n:].reshape((n, n)))
    return np.diag(np.linalg.solve(v, np.dot(a_dot, v)))


@vjp(eigvals)
def eigvals_vjp(y_bar, a):
    """ā = v⁻ᵀ diag w̄ vᵀ."""
    n = a.shape[0]
    v = np.ascontiguousarray(eig_packed(a)[n:].reshape((n, n)))
    transposed = np.ascontiguousarray(v.T)
    return np.linalg.solve(transposed, np.dot(np.diag(y_bar), transposed))


complex_eigvals = declare(eigvals_plain, samples=complex_operands(square), columns=COMPLEX_ONLY)
jvp(complex_eigvals)(eigvals_jvp)


@vjp(complex_eigvals)
def complex_eigvals_vjp(y_bar, a):
    """ā = v⁻ᴴ diag w̄ vᴴ."""
    n = a.shape[0]
    v = eig_packed(a)[n:].reshape((n, n))
    adjoint = np.ascontiguousarray(np.conj(v.T))
    return np.linalg.solve(adjoint, np.dot(np.diag(y_bar), adjoint))
