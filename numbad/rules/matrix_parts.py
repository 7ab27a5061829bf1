"""Pieces of matrices that the bodies of matrix rules share; differentiable like any user code."""

from __future__ import annotations

import numpy as np


def lower(a):
    """Return the lower triangle with the diagonal."""
    n = a.shape[0]
    part = np.zeros_like(a)
    for i in range(n):
        for j in range(i + 1):
            part[i, j] = a[i, j]
    return part


def strictly_lower(a):
    """Return the lower triangle without the diagonal."""
    n = a.shape[0]
    part = np.zeros_like(a)
    for i in range(n):
        for j in range(i):
            part[i, j] = a[i, j]
    return part


def half_lower(a):
    """Return the lower triangle with half the diagonal."""
    n = a.shape[0]
    part = np.zeros_like(a)
    for i in range(n):
        for j in range(i):
            part[i, j] = a[i, j]
        part[i, i] = 0.5 * a[i, i]
    return part


def symmetric_from_lower(a):
    """Return the symmetric matrix with the lower triangle of ``a``."""
    n = a.shape[0]
    full = np.zeros_like(a)
    for i in range(n):
        for j in range(i):
            full[i, j] = a[i, j]
            full[j, i] = a[i, j]
        full[i, i] = a[i, i]
    return full


def fold_to_lower(a):
    """Transpose of ``symmetric_from_lower``: add the upper triangle to the lower one."""
    n = a.shape[0]
    folded = np.zeros_like(a)
    for i in range(n):
        for j in range(i):
            folded[i, j] = a[i, j] + a[j, i]
        folded[i, i] = a[i, i]
    return folded


def adjoint(a):
    """Return the conjugate transpose."""
    return np.ascontiguousarray(np.conj(a.T))


def imaginary(x, like):
    """Return ``1j * x`` for a vector of real numbers, in the precision of ``like``."""
    result = np.zeros(x.shape[0], like.dtype)
    for i in range(x.shape[0]):
        result[i] = complex(0.0, x[i])
    return result


def complex_diagonal(x, like):
    """Return the diagonal matrix of real numbers, complex and in the precision of ``like``."""
    n = x.shape[0]
    result = np.zeros((n, n), like.dtype)
    for i in range(n):
        result[i, i] = x[i]
    return result


def hermitian_from_lower(a):
    """Return the Hermitian matrix with the lower triangle of ``a``."""
    n = a.shape[0]
    full = np.zeros_like(a)
    for i in range(n):
        for j in range(i):
            full[i, j] = a[i, j]
            full[j, i] = np.conj(a[i, j])
        full[i, i] = a[i, i].real
    return full


def fold_to_hermitian(a):
    """Transpose of ``hermitian_from_lower``."""
    n = a.shape[0]
    folded = np.zeros_like(a)
    for i in range(n):
        for j in range(i):
            folded[i, j] = a[i, j] + np.conj(a[j, i])
        folded[i, i] = a[i, i].real
    return folded


def is_real_row(a):
    """Whether the first row is real but for rounding: LAPACK has fixed the phases of columns."""
    found = a.shape[0] > 0
    for j in range(a.shape[1]):
        if not abs(a[0, j].imag) < 1e-5 * abs(a[0, j].real):
            found = False
    return found


def solve_right(a, r):
    """Return ``a r⁻¹``."""
    return np.ascontiguousarray(np.linalg.solve(r.T, a.T).T)


def over_gaps(a, w):
    """Return ``a[i, j] / (w[j] - w[i])``, and zero where ``a[i, j]`` is zero.

    A coincidence of two values matters, and gives an infinity, only if the numerator is not zero.
    """
    n = w.shape[0]
    quotient = np.zeros_like(a)
    for i in range(n):
        for j in range(n):
            if i != j and a[i, j] != 0:
                quotient[i, j] = a[i, j] / (w[j] - w[i])
    return quotient


def over_columns(a, s):
    """Return ``a[i, j] / s[j]``, and zero where ``a[i, j]`` is zero."""
    quotient = np.zeros_like(a)
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            if a[i, j] != 0:
                quotient[i, j] = a[i, j] / s[j]
    return quotient


def cofactors(a, determinant):
    """Return the matrix of cofactors, the derivative of the determinant.

    For a singular matrix, which has no inverse, from the singular value decomposition.
    """
    if determinant != 0:
        matrix = determinant * np.ascontiguousarray(np.linalg.inv(a).T)
    else:
        u, s, vt = np.linalg.svd(a)
        others = np.ones_like(s)
        for i in range(s.shape[0]):
            for j in range(s.shape[0]):
                if i != j:
                    others[i] *= s[j]
        sign = np.linalg.det(u) * np.linalg.det(vt)
        matrix = sign * np.dot(u * others, vt)
    return matrix


def inverse_or_nan(a, sign):
    """Return the inverse, and NaN if ``sign``, that of the determinant, is zero."""
    if sign != 0:
        inverse = np.linalg.inv(a)
    else:
        inverse = np.full(a.shape, np.nan, a.dtype)
    return inverse


def along_fixed(v_dot, v):
    """Take from each column what changes the length of ``v`` or the phase of its largest entry."""
    n = v.shape[0]
    fixed = np.empty_like(v_dot)
    for j in range(n):
        length = 0.0
        largest = 0
        for i in range(n):
            length += (np.conj(v[i, j]) * v_dot[i, j]).real
            if np.abs(v[i, j]) > np.abs(v[largest, j]):
                largest = i
        turn = v_dot[largest, j].imag / v[largest, j].real
        for i in range(n):
            fixed[i, j] = v_dot[i, j] - v[i, j] * complex(length, turn)
    return fixed


def along_fixed_transpose(v_bar, v):
    """Adjoint of ``along_fixed``."""
    n = v.shape[0]
    result = np.empty_like(v_bar)
    for j in range(n):
        overlap = np.conj(v[0, j]) * v_bar[0, j]
        largest = 0
        for i in range(1, n):
            overlap += np.conj(v[i, j]) * v_bar[i, j]
            if np.abs(v[i, j]) > np.abs(v[largest, j]):
                largest = i
        for i in range(n):
            result[i, j] = v_bar[i, j] - v[i, j] * overlap.real
        result[largest, j] -= complex(0.0, overlap.imag / v[largest, j].real)
    return result
