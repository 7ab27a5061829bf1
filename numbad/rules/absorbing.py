"""Products that zero absorbs: what the engine multiplies with slopes that can be infinite.

At a factor of zero they have the derivative of the product, not that of the constant zero: the
second derivative of a square is twice the slope squared also where the value is zero.
"""

from __future__ import annotations

import numpy as np

from numbad.kernels.arithmetic import absorb, absorb_both
from numbad.rules.declare import COMPLEX_ONLY, declare, jvp, vjp
from numbad.rules.domains import REAL

product = declare(absorb, domain=(REAL, REAL))


@jvp(product)
def product_jvp(a, b, a_dot, b_dot):
    """d(ab) = da b + a db."""
    return absorb(a_dot, b), absorb(a, b_dot)


@vjp(product)
def product_vjp(y_bar, a, b):
    """ā = ȳ b and b̄ = a ȳ."""
    return absorb(y_bar, b), absorb(a, y_bar)


complex_product = declare(absorb, domain=(REAL, REAL), columns=COMPLEX_ONLY)
jvp(complex_product)(product_jvp)


@vjp(complex_product)
def complex_product_vjp(y_bar, a, b):
    """ā = ȳ b* and b̄ = a* ȳ."""
    return absorb(y_bar, np.conj(b)), absorb(np.conj(a), y_bar)


both = declare(absorb_both, domain=(REAL, REAL))


@jvp(both)
def both_jvp(a, b, a_dot, b_dot):
    """d(ab) = da b + a db."""
    return absorb_both(a_dot, b), absorb_both(a, b_dot)


@vjp(both)
def both_vjp(y_bar, a, b):
    """ā = ȳ b and b̄ = a ȳ."""
    return absorb_both(y_bar, b), absorb_both(a, y_bar)


complex_both = declare(absorb_both, domain=(REAL, REAL), columns=COMPLEX_ONLY)
jvp(complex_both)(both_jvp)


@vjp(complex_both)
def complex_both_vjp(y_bar, a, b):
    """ā = ȳ b* and b̄ = a* ȳ."""
    return absorb_both(y_bar, np.conj(b)), absorb_both(np.conj(a), y_bar)
