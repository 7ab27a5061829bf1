"""Products of vectors and matrices that call BLAS."""

from __future__ import annotations

import operator

import numpy as np

from numbad.rules.declare import COMPLEX_ONLY, declare, jvp, missing, vjp
from numbad.rules.samples import complex_operands, product_operands, vector_pairs

_SPELLINGS = (np.dot, np.matmul, operator.matmul, operator.imatmul)

dot = declare(*_SPELLINGS, samples=product_operands)


@jvp(dot)
def dot_jvp(a, b, a_dot, b_dot):
    """d(ab) = da b + a db."""
    return np.dot(a_dot, b), np.dot(a, b_dot)


@vjp(dot)
def dot_vjp(y_bar, a, b):
    """ā = ȳ bᵀ and b̄ = aᵀ ȳ, outer products where an operand is a vector."""
    if a.ndim == 2:
        if b.ndim == 2:
            return np.dot(y_bar, b.T), np.dot(a.T, y_bar)
        return np.outer(y_bar, b), np.dot(a.T, y_bar)
    if b.ndim == 2:
        return np.dot(b, y_bar), np.outer(a, y_bar)
    return y_bar * b, y_bar * a


complex_dot = declare(*_SPELLINGS, samples=complex_operands(product_operands), columns=COMPLEX_ONLY)
jvp(complex_dot)(dot_jvp)


@vjp(complex_dot)
def complex_dot_vjp(y_bar, a, b):
    """ā = ȳ bᴴ and b̄ = aᴴ ȳ."""
    if a.ndim == 2:
        if b.ndim == 2:
            return np.dot(y_bar, np.conj(b.T)), np.dot(np.conj(a.T), y_bar)
        return np.outer(y_bar, np.conj(b)), np.dot(np.conj(a.T), y_bar)
    if b.ndim == 2:
        return np.dot(np.conj(b), y_bar), np.outer(np.conj(a), y_bar)
    return y_bar * np.conj(b), y_bar * np.conj(a)


vdot = declare(np.vdot, samples=vector_pairs)


@jvp(vdot)
def vdot_jvp(a, b, a_dot, b_dot):
    """d(āb) = conj(da) b + conj(a) db."""
    return np.vdot(a_dot, b), np.vdot(a, b_dot)


@vjp(vdot)
def vdot_vjp(y_bar, a, b):
    """ā = ȳ b and b̄ = ȳ a."""
    return y_bar * b, y_bar * a


complex_vdot = declare(np.vdot, samples=complex_operands(vector_pairs), columns=COMPLEX_ONLY)
jvp(complex_vdot)(vdot_jvp)


@vjp(complex_vdot)
def complex_vdot_vjp(y_bar, a, b):
    """The first operand is conjugated: ā = conj(ȳ) b and b̄ = ȳ a."""
    return np.conj(y_bar) * b, y_bar * a


missing(
    np.vecdot,
    np.matvec,
    np.vecmat,
    np.einsum,
    np.tensordot,
    np.inner,
    reason="Numba does not compile it",
    remedy="use `a @ b` or loops",
)
