"""Many-body systems, lattices and wave equations."""

import math

import numpy as np
from numba import njit

from tests.programs.program import program


def _bodies(r):
    return (
        np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.1], [0.0, 1.5, 0.0]])
        + r.uniform(-0.05, 0.05, (3, 3)),
        r.uniform(-0.3, 0.3, (3, 3)),
        r.uniform(0.5, 1.0, 3),
    )


@njit
def _accelerations(pos, mass, acc):
    n = pos.shape[0]
    for i in range(n):
        for d in range(3):
            acc[i, d] = 0.0
        for j in range(n):
            if i == j:
                continue
            dx = pos[j, 0] - pos[i, 0]
            dy = pos[j, 1] - pos[i, 1]
            dz = pos[j, 2] - pos[i, 2]
            inv = 1.0 / (dx * dx + dy * dy + dz * dz + 0.01) ** 1.5
            acc[i, 0] += mass[j] * dx * inv
            acc[i, 1] += mass[j] * dy * inv
            acc[i, 2] += mass[j] * dz * inv


@program(_bodies)
@njit
def n_body_leapfrog(pos, vel, mass):
    acc = np.zeros_like(pos)
    _accelerations(pos, mass, acc)
    dt = 0.02
    for _ in range(5):
        vel += 0.5 * dt * acc
        pos += dt * vel
        _accelerations(pos, mass, acc)
        vel += 0.5 * dt * acc
    energy = 0.0
    for i in range(3):
        energy += 0.5 * mass[i] * (vel[i, 0] ** 2 + vel[i, 1] ** 2 + vel[i, 2] ** 2) + pos[i, 0]
    return energy


@program(lambda r: (r.uniform(0.0, 0.2, (5, 3)) + np.arange(15.0).reshape(5, 3) % 4, 1.0, 1.1))
@njit
def lennard_jones_energy(r, eps, sigma):
    energy = 0.0
    n = r.shape[0]
    for i in range(n - 1):
        for j in range(i + 1, n):
            r2 = 0.0
            for d in range(3):
                diff = r[i, d] - r[j, d]
                r2 += diff * diff
            s6 = (sigma * sigma / r2) ** 3
            energy += 4.0 * eps * (s6 * s6 - s6)
    return energy


@program(lambda r: (r.uniform(0.0, 3.9, (4, 3)), r.uniform(0.2, 1.0, 4), 4.0))
@njit
def screened_coulomb_in_periodic_box(x, q, box):
    energy = 0.0
    for i in range(x.shape[0]):
        for j in range(i):
            r2 = 0.5
            for d in range(3):
                dx = x[i, d] - x[j, d]
                dx -= box * np.round(dx / box)
                r2 += dx * dx
            r = math.sqrt(r2)
            energy += q[i] * q[j] * math.erfc(0.4 * r) / r
    return energy


@program(
    lambda r: (
        np.where(r.uniform(size=(4, 4)) > 0.5, 1, -1),
        r.uniform(0.5, 1.0),
        r.uniform(0.1, 0.3),
    )
)
@njit
def ising_energy_and_boltzmann(spins, coupling, beta):
    n, m = spins.shape
    total = 0.0
    for i in range(n):
        for j in range(m):
            s = spins[i, j]
            nb = spins[(i + 1) % n, j] + spins[i, (j + 1) % m]
            e = -coupling * s * nb
            total += e * math.exp(-beta * e)
    return total


@program(lambda r: (r.uniform(0.2, 0.6), 6))
@njit
def ising_free_energy_by_transfer_matrix(k, n):
    a, b = math.exp(k), math.exp(-k)
    t00, t01, t11 = 1.0, 0.0, 1.0
    for _ in range(n):
        t00, t01, t11 = a * t00 + b * t01, a * t01 + b * t11, b * t01 + a * t11
    return -math.log(t00 + t11) / n


@program(lambda r: (r.uniform(1.0, 1.5, 12), 0.5, 8), wrt=(0, 1))
@njit
def finite_difference_time_domain(eps, c, steps):
    n = len(eps)
    ez = np.zeros(n)
    hy = np.zeros(n - 1)
    probe = 0.0
    for t in range(steps):
        for i in range(n - 1):
            hy[i] += c * (ez[i + 1] - ez[i])
        for i in range(1, n - 1):
            ez[i] += c / eps[i] * (hy[i] - hy[i - 1])
        ez[3] += math.exp(-((t - 3.0) ** 2) / 4.0)
        probe += ez[7] * ez[7]
    return probe


@program(lambda r: (r.uniform(0.5, 1.5, (5, 5)), r.uniform(0.1, 0.2), 4))
@njit
def heat_equation_explicit(u, alpha, steps):
    new = u.copy()
    for _ in range(steps):
        for i in range(1, u.shape[0] - 1):
            for j in range(1, u.shape[1] - 1):
                new[i, j] = u[i, j] + alpha * (
                    u[i + 1, j] + u[i - 1, j] + u[i, j + 1] + u[i, j - 1] - 4 * u[i, j]
                )
        u[:, :] = new
    return np.sum(u * u)


@program(lambda r: (r.uniform(0.5, 1.5, 7), 0.4, 4))
@njit
def heat_equation_crank_nicolson(u, lam, steps):
    n = len(u)
    for _ in range(steps):
        c = np.zeros(n)
        d = np.zeros(n)
        for i in range(1, n - 1):
            rhs = u[i] + 0.5 * lam * (u[i - 1] - 2.0 * u[i] + u[i + 1])
            m = 1.0 + lam + 0.5 * lam * c[i - 1]
            c[i] = -0.5 * lam / m
            d[i] = (rhs + 0.5 * lam * d[i - 1]) / m
        for i in range(n - 2, 0, -1):
            u[i] = d[i] - c[i] * (u[i + 1] if i < n - 2 else 0.0)
    return np.sum(u**2)


@program(lambda r: (r.uniform(1.0, 1.5, 8), r.uniform(-0.2, 0.2, 8), 0.1, 4))
@njit
def shallow_water_lax_friedrichs(h, hu, ratio, steps):
    n = len(h)
    for _ in range(steps):
        h_new = np.empty(n)
        hu_new = np.empty(n)
        for i in range(n):
            left, right = (i - 1) % n, (i + 1) % n
            fl = hu[left] ** 2 / h[left] + 0.5 * h[left] ** 2
            fr = hu[right] ** 2 / h[right] + 0.5 * h[right] ** 2
            h_new[i] = 0.5 * (h[left] + h[right]) - 0.5 * ratio * (hu[right] - hu[left])
            hu_new[i] = 0.5 * (hu[left] + hu[right]) - 0.5 * ratio * (fr - fl)
        h = h_new
        hu = hu_new
    s = 0.0
    for i in range(n):
        s += h[i] * h[i] * (i + 1) + hu[i] * hu[i]
    return s


@program(lambda r: (r.uniform(-0.5, 0.5, 8), 0.05, 3))
@njit
def burgers_with_limiter(u, ratio, steps):
    n = len(u)
    flux = np.zeros(n + 1)
    for _ in range(steps):
        for i in range(n):
            a = u[i] - u[i - 1]
            b = u[(i + 1) % n] - u[i]
            if a * b > 0.0:
                slope = a if abs(a) < abs(b) else b
            else:
                slope = 0.0
            right = u[i] + 0.5 * slope
            flux[i + 1] = 0.5 * right * right
        flux[0] = flux[n]
        for i in range(n):
            u[i] -= ratio * (flux[i + 1] - flux[i])
    return np.sum(u**3)


@program(lambda r: (r.uniform(0.5, 1.0, 6), 0.3))
@njit
def relaxation_jacobi_until_converged(b, coupling):
    n = len(b)
    x = np.zeros(n)
    new = np.zeros(n)
    change = 1.0
    while change > 1e-14:
        change = 0.0
        for i in range(n):
            s = b[i]
            if i > 0:
                s += coupling * x[i - 1]
            if i < n - 1:
                s += coupling * x[i + 1]
            new[i] = s
            change = max(change, abs(s - x[i]))
        x, new = new, x
    return x[0] * x[3] + x[5]


@program(lambda r: (r.uniform(0.5, 1.5), 3, r.uniform(0.2, 1.0)))
@njit
def bessel_by_series(x, order, scale):
    term = 1.0
    for k in range(1, order + 1):
        term *= 0.5 * x / k
    total = 0.0
    m = 0
    while abs(term) > 1e-18:
        total += term
        m += 1
        term *= -0.25 * x * x / (m * (m + order))
    return scale * total


@program(lambda r: (r.uniform(0.1, 0.4, 4), r.uniform(0.5, 1.5, 3), 12))
@njit
def hodgkin_huxley_like(state, conductance, steps):
    v, m, h, n = state[0], state[1], state[2], state[3]
    dt = 0.05
    for _ in range(steps):
        current = (
            conductance[0] * m**3 * h * (v - 1.2)
            + conductance[1] * n**4 * (v + 0.8)
            + conductance[2] * (v - 0.1)
        )
        alpha_m = math.exp(0.3 * v)
        beta_m = math.exp(-0.5 * v)
        m += dt * (alpha_m * (1.0 - m) - beta_m * m)
        h += dt * (0.5 * (1.0 - h) - h / (1.0 + math.exp(-v)))
        n += dt * (0.4 * (1.0 - n) - 0.2 * n)
        v += dt * (0.6 - current)
    return v * v + m * h * n


@program(lambda r: (r.uniform(0.1, 0.9, 5), r.uniform(0.1, 0.5, 5), 0.1, 6))
@njit
def kuramoto_oscillators(theta, omega, dt, steps):
    n = len(theta)
    new = np.empty(n)
    for _ in range(steps):
        for i in range(n):
            s = 0.0
            for j in range(n):
                s += math.sin(theta[j] - theta[i])
            new[i] = theta[i] + dt * (omega[i] + 0.7 * s / n)
        for i in range(n):
            theta[i] = new[i]
    re = 0.0
    im = 0.0
    for i in range(n):
        re += math.cos(theta[i]) / n
        im += math.sin(theta[i]) / n
    return math.sqrt(re * re + im * im)
