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
