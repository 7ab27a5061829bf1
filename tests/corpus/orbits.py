"""Orbital mechanics in the manner of astrodynamics libraries."""

import numpy as np
from numba import njit as jit
from numpy import arctan, cos, cosh, cross, sin, sinh, sqrt, tan
from numpy.linalg import norm

from tests.programs.program import program

MU = 1.0


@jit
def _kepler_equation(E, M, ecc):
    return E - ecc * sin(E) - M


@jit
def _kepler_equation_prime(E, M, ecc):
    return 1 - ecc * cos(E)


@program(lambda r: (r.uniform(0.5, 2.0), r.uniform(0.1, 0.6)))
@jit
def eccentric_anomaly_newton(M, ecc, tol=1e-14, maxiter=50):
    E = M + ecc
    for _ in range(maxiter):
        fval = _kepler_equation(E, M, ecc)
        fder = _kepler_equation_prime(E, M, ecc)
        step = fval / fder
        E_new = E - step
        if abs(E_new - E) < tol:
            return E_new
        E = E_new
    return np.nan


@program(lambda r: (r.uniform(0.5, 2.0), r.uniform(0.1, 0.6)))
@jit
def eccentric_anomaly_halley(M, ecc):
    E = M
    delta = 1.0
    while abs(delta) > 1e-13:
        s, c = ecc * sin(E), ecc * cos(E)
        f = E - s - M
        f1 = 1.0 - c
        delta = f / (f1 - 0.5 * f * s / f1)
        E -= delta
    return E


@program(lambda r: (r.uniform(0.5, 2.0), r.uniform(1.2, 2.0)))
@jit
def hyperbolic_anomaly_newton(M, ecc):
    F = np.arcsinh(M / ecc)
    for _ in range(60):
        f = ecc * sinh(F) - F - M
        f1 = ecc * cosh(F) - 1
        F_new = F - f / f1
        if abs(F_new - F) < 1e-13:
            F = F_new
            break
        F = F_new
    return 2 * arctan(sqrt((ecc + 1) / (ecc - 1)) * tan(F / 2)) + F


@jit
def E_to_nu(E, ecc):
    return 2 * arctan(sqrt((1 + ecc) / (1 - ecc)) * tan(E / 2))


@jit
def nu_to_E(nu, ecc):
    return 2 * arctan(sqrt((1 - ecc) / (1 + ecc)) * tan(nu / 2))


@program(lambda r: (r.uniform(0.2, 1.0), r.uniform(0.1, 0.6), r.uniform(0.2, 1.0)))
@jit
def propagate_mean_motion(nu, ecc, tof):
    E0 = nu_to_E(nu, ecc)
    M = E0 - ecc * sin(E0) + tof
    return E_to_nu(eccentric_anomaly_newton(M, ecc), ecc)


@program(lambda r: (r.uniform(-2.0, 2.0),))
@jit
def stumpff_c2(psi):
    eps = 1.0
    if psi > eps:
        res = (1 - cos(sqrt(psi))) / psi
    elif psi < -eps:
        res = (cosh(sqrt(-psi)) - 1) / (-psi)
    else:
        res = 1.0 / 2.0
        delta = (-psi) / 24.0
        k = 1
        while abs(delta) > 1e-17:
            res = res + delta
            k += 1
            delta = delta * (-psi) / ((2 * k + 1) * (2 * k + 2))
    return res


@program(lambda r: (r.uniform(-2.0, 2.0),))
@jit
def stumpff_c3(psi):
    eps = 1.0
    if psi > eps:
        res = (sqrt(psi) - sin(sqrt(psi))) / (psi * sqrt(psi))
    elif psi < -eps:
        res = (sinh(sqrt(-psi)) - sqrt(-psi)) / (-psi * sqrt(-psi))
    else:
        res = 1.0 / 6.0
        delta = (-psi) / 120.0
        k = 1
        while abs(delta) > 1e-17:
            res = res + delta
            k += 1
            delta = delta * (-psi) / ((2 * k + 2) * (2 * k + 3))
    return res


@program(lambda r: (r.uniform(0.3, 0.8),))
@jit
def hypergeometric_series(x):
    res = 1.0
    term = 1.0
    i = 0
    while True:
        term = term * (3 + i) * (1 + i) / (5 / 2 + i) * x / (i + 1)
        if abs(term) < 1e-16 or i > 300:
            return res
        res = res + term
        i += 1


@jit
def _rotation_matrix(angle, axis):
    c = cos(angle)
    s = sin(angle)
    if axis == 0:
        return np.array([[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]])
    elif axis == 1:
        return np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])
    elif axis == 2:
        return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
    else:
        raise ValueError("Invalid axis")


@program(
    lambda r: (1.0, r.uniform(0.8, 1.5), r.uniform(0.1, 0.5), 0.4, 1.1, 0.7, r.uniform(0.2, 2.0))
)
@jit
def elements_to_state(k, p, ecc, inc, raan, argp, nu):
    r_w = np.array([cos(nu), sin(nu), 0.0]) * p / (1 + ecc * cos(nu))
    v_w = np.array([-sin(nu), ecc + cos(nu), 0.0]) * sqrt(k / p)
    rm = _rotation_matrix(raan, 2)
    rm = rm @ _rotation_matrix(inc, 0)
    rm = rm @ _rotation_matrix(argp, 2)
    r = rm @ r_w
    v = rm @ v_w
    return r, v


def _state(r):
    return (
        1.0,
        np.array([1.0, 0.2, 0.1]) + r.uniform(-0.05, 0.05, 3),
        np.array([-0.1, 0.9, 0.3]) + r.uniform(-0.05, 0.05, 3),
    )


@program(_state)
@jit
def state_to_elements(k, r, v):
    h = cross(r, v)
    n = cross(np.array([0.0, 0.0, 1.0]), h)
    e = ((v.dot(v) - k / (norm(r))) * r - r.dot(v) * v) / k
    ecc = norm(e)
    p = h.dot(h) / k
    inc = np.arccos(h[2] / norm(h))
    circular = ecc < 1e-8
    equatorial = abs(inc) < 1e-8
    if equatorial and not circular:
        raan = 0.0
        argp = np.arctan2(e[1], e[0]) % (2 * np.pi)
        nu = np.arctan2(h.dot(cross(e, r)) / norm(h), r.dot(e))
    elif not equatorial and circular:
        raan = np.arctan2(n[1], n[0]) % (2 * np.pi)
        argp = 0.0
        nu = np.arctan2(r.dot(cross(h, n)) / norm(h), r.dot(n))
    else:
        a = p / (1 - (ecc**2))
        raan = np.arctan2(n[1], n[0]) % (2 * np.pi)
        px = r.dot(n)
        py = r.dot(cross(h, n)) / norm(h)
        ka = k * a
        e_se = r.dot(v) / sqrt(ka)
        e_ce = norm(r) * v.dot(v) / k - 1
        nu = E_to_nu(np.arctan2(e_se, e_ce), ecc)
        argp = (np.arctan2(py, px) - nu) % (2 * np.pi)
    nu = (nu + np.pi) % (2 * np.pi) - np.pi
    return p, ecc, inc, raan, argp, nu


@program(_state)
@jit
def specific_energy_and_momentum(k, r, v):
    energy = 0.5 * np.dot(v, v) - k / np.linalg.norm(r)
    h = np.cross(r, v)
    return energy * np.linalg.norm(h)


@program(lambda r: (*_state(r), r.uniform(0.5, 1.5)), tolerance=10.0)
@jit
def universal_variable_propagation(k, r0, v0, tof):
    dot_r0v0 = np.dot(r0, v0)
    norm_r0 = norm(r0)
    sqrt_mu = k**0.5
    alpha = -np.dot(v0, v0) / k + 2 / norm_r0
    if alpha > 0:
        xi_new = sqrt_mu * tof * alpha
    elif alpha < 0:
        xi_new = np.sign(tof) * (-1 / alpha) ** 0.5
    else:
        xi_new = 0.0
    count = 0
    while count < 50:
        xi = xi_new
        psi = xi * xi * alpha
        c2_psi = stumpff_c2(psi)
        c3_psi = stumpff_c3(psi)
        norm_r = (
            xi * xi * c2_psi
            + dot_r0v0 / sqrt_mu * xi * (1 - psi * c3_psi)
            + norm_r0 * (1 - psi * c2_psi)
        )
        xi_new = (
            xi
            + (
                sqrt_mu * tof
                - xi * xi * xi * c3_psi
                - dot_r0v0 / sqrt_mu * xi * xi * c2_psi
                - norm_r0 * xi * (1 - psi * c3_psi)
            )
            / norm_r
        )
        if abs(xi_new - xi) < 1e-12:
            break
        else:
            count += 1
    else:
        raise RuntimeError("Maximum number of iterations reached")
    f = 1 - xi**2 / norm_r0 * c2_psi
    g = tof - xi**3 / sqrt_mu * c3_psi
    gdot = 1 - xi**2 / norm_r * c2_psi
    fdot = sqrt_mu / (norm_r * norm_r0) * xi * (psi * c3_psi - 1)
    r = f * r0 + g * v0
    v = fdot * r0 + gdot * v0
    return r[0] + 2.0 * r[1] * v[0] + v[2]


@jit
def _time_of_flight(x, y, T0, ll, M):
    if M == 0 and np.sqrt(0.6) < x < np.sqrt(1.4):
        eta = y - ll * x
        S_1 = (1 - ll - x * eta) * 0.5
        Q = 4.0 / 3.0 * hypergeometric_series(S_1)
        T_ = (eta**3 * Q + 4 * ll * eta) * 0.5
    else:
        if -1 <= x < 1:
            psi = np.arccos(x * y + ll * (1 - x**2))
        elif x > 1:
            psi = np.arcsinh((y - x * ll) * np.sqrt(x**2 - 1))
        else:
            psi = 0.0
        T_ = np.divide(
            np.divide(psi + M * np.pi, np.sqrt(np.abs(1 - x**2))) - x + ll * y, (1 - x**2)
        )
    return T_ - T0


@jit
def _izzo_iterations(T, ll):
    x = 0.5
    for _ in range(35):
        y = np.sqrt(1 - ll**2 * (1 - x**2))
        fval = _time_of_flight(x, y, T, ll, 0)
        T_ = fval + T
        fder = (3 * T_ * x - 2 + 2 * ll**3 * x / y) / (1 - x**2)
        fder2 = (3 * T_ + 5 * x * fder + 2 * (1 - ll**2) * ll**3 / y**3) / (1 - x**2)
        fder3 = (7 * x * fder2 + 8 * fder - 6 * (1 - ll**2) * ll**5 * x / y**5) / (1 - x**2)
        step = fval * (
            (fder**2 - fval * fder2 / 2) / (fder * (fder**2 - fval * fder2) + fder3 * fval**2 / 6)
        )
        x_new = x - step
        if abs(x_new - x) < 1e-12:
            return x_new
        x = x_new
    return x


@program(
    lambda r: (
        1.0,
        np.array([1.0, 0.1, 0.0]) + r.uniform(-0.05, 0.05, 3),
        np.array([-0.2, 1.1, 0.2]) + r.uniform(-0.05, 0.05, 3),
        r.uniform(1.6, 1.8),
    ),
    tolerance=50.0,
)
@jit
def lambert_izzo(k, r1, r2, tof):
    c = r2 - r1
    c_norm, r1_norm, r2_norm = norm(c), norm(r1), norm(r2)
    s = (r1_norm + r2_norm + c_norm) * 0.5
    i_r1, i_r2 = r1 / r1_norm, r2 / r2_norm
    i_h = cross(i_r1, i_r2)
    i_h = i_h / norm(i_h)
    ll = np.sqrt(1 - min(1.0, c_norm / s))
    if i_h[2] < 0:
        ll = -ll
        i_t1, i_t2 = cross(i_r1, i_h), cross(i_r2, i_h)
    else:
        i_t1, i_t2 = cross(i_h, i_r1), cross(i_h, i_r2)
    T = np.sqrt(2 * k / s**3) * tof
    x = _izzo_iterations(T, ll)
    y = np.sqrt(1 - ll**2 * (1 - x**2))
    gamma = np.sqrt(k * s / 2)
    rho = (r1_norm - r2_norm) / c_norm
    sigma = np.sqrt(1 - rho**2)
    V_r1 = gamma * ((ll * y - x) - rho * (ll * y + x)) / r1_norm
    V_r2 = -gamma * ((ll * y - x) + rho * (ll * y + x)) / r2_norm
    V_t1 = gamma * sigma * (y + ll * x) / r1_norm
    V_t2 = gamma * sigma * (y + ll * x) / r2_norm
    v1 = V_r1 * (r1 / r1_norm) + V_t1 * i_t1
    v2 = V_r2 * (r2 / r2_norm) + V_t2 * i_t2
    return np.dot(v1, v1) + v2[0] * v2[1]


@jit
def _cowell_derivative(state, k, j2):
    x, y, z, vx, vy, vz = state
    r2 = x * x + y * y + z * z
    r3 = r2**1.5
    factor = 1.5 * j2 / (r2 * r2 * np.sqrt(r2))
    a_x = 5.0 * z * z / r2 - 1
    a_z = 5.0 * z * z / r2 - 3
    return np.array(
        [
            vx,
            vy,
            vz,
            -k * x / r3 + factor * x * a_x,
            -k * y / r3 + factor * y * a_x,
            -k * z / r3 + factor * z * a_z,
        ]
    )


@program(
    lambda r: (
        np.array([1.0, 0.1, 0.2, -0.1, 0.9, 0.3]) + r.uniform(-0.05, 0.05, 6),
        1.0,
        0.01,
        0.1,
        8,
    )
)
@jit
def cowell_with_oblateness(state, k, j2, h, steps):
    for _ in range(steps):
        k1 = _cowell_derivative(state, k, j2)
        k2 = _cowell_derivative(state + 0.5 * h * k1, k, j2)
        k3 = _cowell_derivative(state + 0.5 * h * k2, k, j2)
        k4 = _cowell_derivative(state + h * k3, k, j2)
        state = state + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
    return state[0] * state[1] + state[5]


@program(lambda r: (r.uniform(0.9, 1.1), r.uniform(1.5, 2.5), r.uniform(3.0, 4.0)))
@jit
def hohmann_and_bielliptic_cost(r_i, r_f, r_b):
    a_trans = (r_i + r_f) / 2
    v_i = sqrt(MU / r_i)
    dv_a = sqrt(2 * MU / r_i - MU / a_trans) - v_i
    dv_b = sqrt(MU / r_f) - sqrt(2 * MU / r_f - MU / a_trans)
    hohmann = abs(dv_a) + abs(dv_b)
    a1 = (r_i + r_b) / 2
    a2 = (r_b + r_f) / 2
    dv1 = sqrt(2 * MU / r_i - MU / a1) - v_i
    dv2 = sqrt(2 * MU / r_b - MU / a2) - sqrt(2 * MU / r_b - MU / a1)
    dv3 = sqrt(MU / r_f) - sqrt(2 * MU / r_f - MU / a2)
    return hohmann * (abs(dv1) + abs(dv2) + abs(dv3))
