"""Functions of complex numbers that are not holomorphic: parts, modulus, angle, polar form.

The cotangent of z = u + iv is the derivative with respect to u plus i times that with respect to v.
Holomorphic functions are in ``scalar`` and ``operators``, in the complex column.
"""

from __future__ import annotations

import cmath
import math
import operator

import numpy as np

from numbad.rules.declare import COMPLEX_ONLY, declare, jvp, linear_rule, missing, scalar_rule, vjp
from numbad.rules.domains import NONZERO, POSITIVE, REAL


@linear_rule(np.real, domain=REAL, columns=COMPLEX_ONLY)
def real(y_bar, z):
    """⟨ȳ, Re ż⟩ = ⟨ȳ + 0i, ż⟩."""
    return complex(y_bar, 0.0)


@linear_rule(np.imag, domain=REAL, columns=COMPLEX_ONLY)
def imag(y_bar, z):
    """⟨ȳ, Im ż⟩ = ⟨iȳ, ż⟩."""
    return complex(0.0, y_bar)


@linear_rule(np.conjugate, domain=REAL, columns=COMPLEX_ONLY)
def conjugate(y_bar, z):
    """Conjugation is its own transpose."""
    return np.conjugate(y_bar)


@scalar_rule(np.real, np.conjugate, domain=REAL)
def real_of_real(x):
    """The identity."""
    return 1


@scalar_rule(np.imag, np.angle, domain=NONZERO)
def imag_of_real(x):
    """Constant."""
    return 0


@scalar_rule(np.complex128, np.complex64, domain=REAL, columns="rc")
def to_complex(x):
    """The embedding of the real numbers, and the identity."""
    return 1


absolute = declare(abs, operator.abs, np.absolute, domain=NONZERO, columns=COMPLEX_ONLY)


@jvp(absolute)
def absolute_jvp(z, z_dot, *, y):
    """d|z| = Re(z̄ dz)/|z|; 0 at 0."""
    return (z.real * z_dot.real + z.imag * z_dot.imag) / y if y != 0 else 0.0 * y


@vjp(absolute)
def absolute_vjp(y_bar, z, *, y):
    """z̄ = ȳ z/|z|; 0 at 0."""
    return y_bar * (z / y) if y != 0 else 0.0 * z


angle = declare(np.angle, cmath.phase, domain=NONZERO, singular=True, columns=COMPLEX_ONLY)


@jvp(angle)
def angle_jvp(z, z_dot):
    """dφ = (u dv - v du)/|z|²."""
    return (z.real * z_dot.imag - z.imag * z_dot.real) / (z.real * z.real + z.imag * z.imag)


@vjp(angle)
def angle_vjp(y_bar, z):
    """z̄ = ȳ iz/|z|²."""
    r = y_bar / (z.real * z.real + z.imag * z.imag)
    return complex(-z.imag * r, z.real * r)


cartesian = declare(complex, domain=(REAL, REAL), columns="rc")


@jvp(cartesian)
def cartesian_jvp(a, b, a_dot, b_dot):
    """d(a + ib) = da + i db."""
    return complex(a_dot, 0.0), complex(0.0, b_dot)


@vjp(cartesian)
def cartesian_vjp(y_bar, a, b):
    """The parts of the cotangent."""
    return y_bar.real, y_bar.imag


rectangular = declare(cmath.rect, domain=(POSITIVE, REAL), columns="rc")


@jvp(rectangular)
def rectangular_jvp(r, phi, r_dot, phi_dot, *, y):
    """d(r e^{iφ}) = e^{iφ} dr + iy dφ."""
    from_r = complex(math.cos(phi) * r_dot, math.sin(phi) * r_dot)
    return from_r, complex(-y.imag * phi_dot, y.real * phi_dot)


@vjp(rectangular)
def rectangular_vjp(y_bar, r, phi, *, y):
    """The transpose of ``rectangular_jvp``."""
    r_bar = y_bar.real * math.cos(phi) + y_bar.imag * math.sin(phi)
    return r_bar, y.real * y_bar.imag - y.imag * y_bar.real


missing(
    max,
    min,
    np.maximum,
    np.minimum,
    np.fmax,
    np.fmin,
    reason="complex numbers are compared by their real parts, which is seldom meant",
    remedy="compare real numbers",
    columns=COMPLEX_ONLY,
)
