"""Copies of whole arrays, which the engine makes of what is overwritten later."""

from __future__ import annotations

import numpy as np

from numbad.rules.declare import COMPLEX_ONLY, declare, jvp, vjp
from numbad.rules.samples import complex_operands, rectangular

copy = declare(np.copy, samples=rectangular)


@jvp(copy)
def copy_jvp(a, a_dot):
    """The tangent is copied too: it is memory of its own."""
    return a_dot.copy()


@vjp(copy)
def copy_vjp(y_bar, a):
    """The cotangent passes."""
    return y_bar


complex_copy = declare(np.copy, samples=complex_operands(rectangular), columns=COMPLEX_ONLY)
jvp(complex_copy)(copy_jvp)
vjp(complex_copy)(copy_vjp)
