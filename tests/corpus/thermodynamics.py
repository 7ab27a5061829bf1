"""Property correlations, equations of state and friction, as process engineers write them."""

from math import asinh, cos, exp, log, log10, pi, sqrt

import numpy as np
from numba import njit

from tests.programs.program import program

R = 8.31446261815324


@program(lambda r: (r.uniform(0.5, 1.5), r.uniform(-1.0, 1.0, 5)))
@njit
def horner(x, coeffs):
    tot = 0.0
    for c in coeffs:
        tot = tot * x + c
    return tot


@program(lambda r: (r.uniform(0.5, 1.5), r.uniform(-1.0, 1.0, 5)))
@njit
def horner_and_its_integral(x, coeffs):
    f = 0.0
    der = 0.0
    for a in coeffs:
        der = x * der + f
        f = x * f + a
    integral = 0.0
    n = len(coeffs)
    for i in range(n):
        integral = (integral + coeffs[i] / (n - i)) * x if i < n - 1 else (integral + coeffs[i]) * x
    return f + der * integral


@program(lambda r: (r.uniform(300.0, 350.0), 8.95894, 510.595, -15.95))
@njit
def antoine_pressure(T, A, B, C):
    x = A - B / (T + C) * 2.0
    if T < -C:
        return 0.0
    return 10.0 ** (x - 8.0)


@program(lambda r: (r.uniform(280.0, 380.0), 508.1, 47.0, 0.2334, 0.31))
@njit
def rackett_volume(T, Tc, Pc, Zc, omega):
    Tr = T / Tc
    if omega > 0.0:
        Zc = 0.29056 - 0.08775 * omega
    return R * Tc / Pc * Zc ** (1.0 + (1.0 - Tr) ** (2.0 / 7.0))


@program(lambda r: (r.uniform(0.5, 0.9), 0.3))
@njit
def lee_kesler_vapour_pressure(Tr, omega):
    f0 = 5.92714 - 6.09648 / Tr - 1.28862 * log(Tr) + 0.169347 * Tr**6
    f1 = 15.2518 - 15.6875 / Tr - 13.4721 * log(Tr) + 0.43577 * Tr**6
    return exp(f0 + omega * f1)


@njit
def cubic_roots_real(b, c, d):
    """Largest and smallest real root of z**3 + b z**2 + c z + d by Cardano's formulas."""
    q = (3.0 * c - b * b) / 9.0
    r = (9.0 * b * c - 27.0 * d - 2.0 * b * b * b) / 54.0
    disc = q * q * q + r * r
    if disc >= 0.0:
        root = sqrt(disc)
        s = r + root
        t = r - root
        s = s ** (1.0 / 3.0) if s >= 0.0 else -((-s) ** (1.0 / 3.0))
        t = t ** (1.0 / 3.0) if t >= 0.0 else -((-t) ** (1.0 / 3.0))
        z = s + t - b / 3.0
        return z, z
    theta = np.arccos(r / sqrt(-q * q * q))
    m = 2.0 * sqrt(-q)
    z1 = m * cos(theta / 3.0) - b / 3.0
    z2 = m * cos((theta + 2.0 * pi) / 3.0) - b / 3.0
    z3 = m * cos((theta + 4.0 * pi) / 3.0) - b / 3.0
    return max(z1, z2, z3), min(z1, z2, z3)


@program(
    lambda r: (r.uniform(300.0, 340.0), r.uniform(0.9e6, 1.1e6), 425.12, 3.796e6, 0.2),
    tolerance=10.0,
)
@njit
def peng_robinson_fugacity(T, P, Tc, Pc, omega):
    kappa = 0.37464 + 1.54226 * omega - 0.26992 * omega**2
    alpha = (1.0 + kappa * (1.0 - sqrt(T / Tc))) ** 2
    a = 0.45724 * R**2 * Tc**2 / Pc * alpha
    b = 0.0778 * R * Tc / Pc
    A = a * P / (R * T) ** 2
    B = b * P / (R * T)
    z_gas, z_liquid = cubic_roots_real(B - 1.0, A - 3.0 * B * B - 2.0 * B, -(A * B - B * B - B**3))
    z = z_gas
    s2 = sqrt(2.0)
    ln_phi = (
        z - 1.0 - log(z - B) - A / (2.0 * s2 * B) * log((z + (1.0 + s2) * B) / (z + (1.0 - s2) * B))
    )
    return exp(ln_phi) + z_liquid


@program(lambda r: (r.uniform(0.2, 0.5, 3), r.uniform(0.5, 1.5, 3), r.uniform(0.0, 0.1, (3, 3))))
@njit
def van_der_waals_mixing(zs, ai, kij):
    a = 0.0
    for i in range(3):
        for j in range(3):
            a += zs[i] * zs[j] * sqrt(ai[i] * ai[j]) * (1.0 - kij[i, j])
    return a


@program(lambda r: (r.uniform(0.9e5, 1.1e5), r.uniform(1e-4, 1e-3)), tolerance=3.0)
@njit
def colebrook(Re, eD):
    f = 0.02
    for _ in range(50):
        x = 1.0 / sqrt(f)
        rhs = -2.0 * log10(eD / 3.7 + 2.51 * x / Re)
        new = 1.0 / (rhs * rhs)
        if abs(new - f) < 1e-16:
            break
        f = new
    return f * 100.0


@program(lambda r: (r.uniform(1e3, 1.5e3), r.uniform(1e-4, 1e-3)))
@njit
def friction_factor_by_regime(Re, eD):
    if Re < 2040.0:
        return 64.0 / Re
    A = (-2.457 * log((7.0 / Re) ** 0.9 + 0.27 * eD)) ** 16
    B = (37530.0 / Re) ** 16
    return 8.0 * ((8.0 / Re) ** 12 + (A + B) ** -1.5) ** (1.0 / 12.0)


@program(lambda r: (r.uniform(0.4, 0.8), r.uniform(1.1, 1.6)))
@njit
def helmholtz_residual_sums(delta, tau):
    n = (0.125, -0.78, 0.26, -0.31, 0.07, 0.03)
    d = (1, 1, 2, 3, 2, 4)
    t = (-0.5, 0.875, 1.0, 0.375, 2.0, 4.0)
    c = (0, 0, 0, 1, 1, 2)
    phi = 0.0
    phi_delta = 0.0
    for i in range(6):
        term = n[i] * delta ** d[i] * tau ** t[i]
        if c[i] > 0:
            dc = delta ** c[i]
            term *= exp(-dc)
            phi_delta += term * (d[i] - c[i] * dc) / delta
        else:
            phi_delta += term * d[i] / delta
        phi += term
    return phi + delta * phi_delta


@program(lambda r: (r.uniform(15.0, 35.0), r.uniform(0.3, 0.8), 101325.0))
@njit
def psychrometric_humidity_ratio(T_db, rh, P):
    T = T_db + 273.15
    ln_pws = (
        -5.8002206e3 / T
        + 1.3914993
        - 4.8640239e-2 * T
        + 4.1764768e-5 * T**2
        - 1.4452093e-8 * T**3
        + 6.5459673 * log(T)
    )
    pw = rh * exp(ln_pws)
    return 0.621945 * pw / (P - pw)


@program(
    lambda r: (
        np.array([0.3, 0.5, 0.2]),
        r.uniform(1.5, 2.5),
        r.uniform(0.9, 1.2),
        r.uniform(0.2, 0.5),
    )
)
@njit
def rachford_rice(zs, k0, k1, k2):
    ks = np.array([k0, k1, k2])
    vf = 0.5
    for _ in range(60):
        f = 0.0
        df = 0.0
        for i in range(3):
            d = 1.0 + vf * (ks[i] - 1.0)
            f += zs[i] * (ks[i] - 1.0) / d
            df -= zs[i] * (ks[i] - 1.0) ** 2 / (d * d)
        step = f / df
        vf -= step
        if abs(step) < 1e-14:
            break
    return vf


@program(lambda r: (r.uniform(0.1, 0.9), r.uniform(0.3, 0.9), r.uniform(0.3, 0.9)))
@njit
def wilson_activity(x1, l12, l21):
    x2 = 1.0 - x1
    s1 = x1 + l12 * x2
    s2 = x2 + l21 * x1
    term = l12 / s1 - l21 / s2
    return exp(-log(s1) + x2 * term) * x1 + exp(-log(s2) - x1 * term) * x2


@program(
    lambda r: (r.uniform(0.2, 0.5, 3), r.uniform(0.1, 0.5, (3, 3)), r.uniform(0.2, 0.3, (3, 3)))
)
@njit
def nrtl_excess_energy(xs, taus, alphas):
    n = len(xs)
    g = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            g[i, j] = exp(-alphas[i, j] * taus[i, j])
    ge = 0.0
    for i in range(n):
        num = 0.0
        den = 0.0
        for j in range(n):
            num += taus[j, i] * g[j, i] * xs[j]
            den += g[j, i] * xs[j]
        ge += xs[i] * num / den
    return ge


@program(
    lambda r: (
        r.uniform(300.0, 320.0),
        r.uniform(340.0, 360.0),
        r.uniform(280.0, 290.0),
        r.uniform(292.0, 298.0),
    )
)
@njit
def log_mean_temperature_difference(Tho, Thi, Tci, Tco):
    d1 = Thi - Tco
    d2 = Tho - Tci
    if abs(d1 - d2) < 1e-6:
        return 0.5 * (d1 + d2)
    return (d1 - d2) / log(d1 / d2)


@program(lambda r: (r.uniform(0.5, 1.5), r.uniform(5.0, 15.0)))
@njit
def drag_settling_velocity(d, density):
    v = 1.0
    for _ in range(40):
        re = 30.0 * v * d
        cd = 24.0 / re * (1.0 + 0.15 * re**0.687) + 0.42 / (1.0 + 42500.0 * re**-1.16)
        v = sqrt(4.0 / 3.0 * d * density / cd)
    return v + asinh(d)
