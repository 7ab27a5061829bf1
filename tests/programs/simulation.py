"""Time stepping, as simulations are written."""

import math

import numpy as np

from tests.programs.program import program


@program(lambda r: (r.uniform(0.5, 1.5, 3), 10.0, 28.0, 8.0 / 3.0, 0.01, 20))
def lorenz_runge_kutta(start, sigma, rho, beta, h, n):
    x, y, z = start[0], start[1], start[2]
    for _ in range(n):
        k1x, k1y, k1z = _lorenz(x, y, z, sigma, rho, beta)
        k2x, k2y, k2z = _lorenz(
            x + 0.5 * h * k1x, y + 0.5 * h * k1y, z + 0.5 * h * k1z, sigma, rho, beta
        )
        k3x, k3y, k3z = _lorenz(
            x + 0.5 * h * k2x, y + 0.5 * h * k2y, z + 0.5 * h * k2z, sigma, rho, beta
        )
        k4x, k4y, k4z = _lorenz(x + h * k3x, y + h * k3y, z + h * k3z, sigma, rho, beta)
        x += h / 6.0 * (k1x + 2.0 * k2x + 2.0 * k3x + k4x)
        y += h / 6.0 * (k1y + 2.0 * k2y + 2.0 * k3y + k4y)
        z += h / 6.0 * (k1z + 2.0 * k2z + 2.0 * k3z + k4z)
    return x * x + y * z


def _lorenz(x, y, z, sigma, rho, beta):
    return sigma * (y - x), x * (rho - z) - y, x * y - beta * z


@program(lambda r: (r.uniform(0.5, 1.5, (5, 5)), r.uniform(0.5, 1.5, (5, 5)), 3))
def brusselator(u, v, steps):
    n = u.shape[0]
    un = np.empty_like(u)
    vn = np.empty_like(v)
    for _ in range(steps):
        for i in range(n):
            for j in range(n):
                up, down = (i - 1) % n, (i + 1) % n
                left, right = (j - 1) % n, (j + 1) % n
                lu = u[up, j] + u[down, j] + u[i, left] + u[i, right] - 4.0 * u[i, j]
                lv = v[up, j] + v[down, j] + v[i, left] + v[i, right] - 4.0 * v[i, j]
                uuv = u[i, j] * u[i, j] * v[i, j]
                un[i, j] = u[i, j] + 0.01 * (1.0 + uuv - 4.4 * u[i, j] + 0.5 * lu)
                vn[i, j] = v[i, j] + 0.01 * (3.4 * u[i, j] - uuv + 0.5 * lv)
        u, un = un, u
        v, vn = vn, v
    s = 0.0
    for i in range(n):
        for j in range(n):
            s += u[i, j] * v[i, j] * (i + 1) + u[i, j]
    return s


@program(lambda r: (r.uniform(0.5, 1.5, 8), 0.2, 6))
def heat_equation_in_place(u, alpha, steps):
    for _ in range(steps):
        previous = u[0]
        for i in range(1, len(u) - 1):
            here = u[i]
            u[i] = here + alpha * (previous - 2.0 * here + u[i + 1])
            previous = here
    s = 0.0
    for i in range(len(u)):
        s += u[i] ** 2
    return s


@program(lambda r: (r.uniform(0.5, 1.5, 7), 0.3, 5))
def advection_with_slices(u, c, steps):
    for _ in range(steps):
        u[1:] = u[1:] - c * (u[1:] - u[:-1]) * u[1:]
        u[0] = u[-1]
    return np.sum(u * u)


@program(
    lambda r: (
        r.uniform(-1.0, 1.0, (4, 2)) + 3.0 * np.arange(8.0).reshape(4, 2),
        r.uniform(-0.1, 0.1, (4, 2)),
        4,
    )
)
def velocity_verlet(position, velocity, steps):
    n = position.shape[0]
    force = np.zeros_like(position)
    h = 0.01
    _pair_forces(position, force)
    for _ in range(steps):
        for i in range(n):
            for d in range(2):
                velocity[i, d] += 0.5 * h * force[i, d]
                position[i, d] += h * velocity[i, d]
        _pair_forces(position, force)
        for i in range(n):
            for d in range(2):
                velocity[i, d] += 0.5 * h * force[i, d]
    kinetic = 0.0
    for i in range(n):
        for d in range(2):
            kinetic += 0.5 * velocity[i, d] ** 2 + position[i, d] * force[i, d]
    return kinetic


def _pair_forces(position, force):
    force[:] = 0.0
    n = position.shape[0]
    for i in range(n):
        for j in range(i + 1, n):
            dx = position[i, 0] - position[j, 0]
            dy = position[i, 1] - position[j, 1]
            r2 = dx * dx + dy * dy
            if r2 > 400.0:
                continue
            f = 1.0 / (r2 * r2) - 0.1 / r2
            force[i, 0] += f * dx
            force[i, 1] += f * dy
            force[j, 0] -= f * dx
            force[j, 1] -= f * dy


@program(
    lambda r: (r.uniform(0.5, 1.0), r.uniform(0.05, 0.2), 0.3, r.normal(size=(4, 6))), wrt=(0, 1, 2)
)
def path_dependent_option(s0, rate, sigma, normals):
    paths, steps = normals.shape
    dt = 1.0 / steps
    total = 0.0
    for p in range(paths):
        s = s0
        average = 0.0
        for k in range(steps):
            s = s * math.exp(
                (rate - 0.5 * sigma * sigma) * dt + sigma * math.sqrt(dt) * normals[p, k]
            )
            average += s
        average /= steps
        if average > 0.4 * s0:
            total += average - 0.4 * s0
    return total / paths * math.exp(-rate)


@program(lambda r: (r.uniform(0.5, 1.5, 2), 0.3, 30))
def adaptive_step_size(y, tolerance, limit):
    t = 0.0
    h = 0.2
    a, b = y[0], y[1]
    k = 0
    while t < 1.0 and k < limit:
        if t + h > 1.0:
            h = 1.0 - t
        full_a = a + h * b
        full_b = b - h * math.sin(a)
        error = abs(full_a - a) * h
        if error > tolerance * 0.111:
            h *= 0.5
            k += 1
            continue
        a, b = full_a, full_b
        t += h
        h *= 1.3
        k += 1
    return a * a + b * t


@program(
    lambda r: (r.uniform(0.5, 1.5, 5), r.uniform(0.5, 1.5, (5, 5)), r.uniform(0.5, 1.5, (6, 5)))
)
def recurrent_network(h, w, inputs):
    for t in range(inputs.shape[0]):
        new = np.zeros(5)
        for i in range(5):
            s = inputs[t, i]
            for j in range(5):
                s += w[i, j] * h[j]
            new[i] = math.tanh(0.3 * s)
        h = new
    return h[0] * h[1] + h[4]


@program(lambda r: (r.uniform(0.5, 1.5), r.uniform(0.5, 1.5), 40))
def pendulum_symplectic(theta, omega, steps):
    energy = 0.0
    for k in range(steps):
        omega -= 0.05 * math.sin(theta)
        theta += 0.05 * omega
        if k % 10 == 9:
            energy += 0.5 * omega**2 - math.cos(theta)
    return energy


@program(lambda r: (r.uniform(0.5, 1.5, 4), 0.1, 8))
def runge_kutta_with_stage_array(y, h, steps):
    k = np.zeros((4, 4))
    work = np.empty(4)
    for _ in range(steps):
        for stage in range(4):
            c = 0.0 if stage == 0 else (1.0 if stage == 3 else 0.5)
            for i in range(4):
                work[i] = y[i] + (c * h * k[stage - 1, i] if stage > 0 else 0.0)
            for i in range(4):
                k[stage, i] = work[(i + 1) % 4] - 0.2 * work[i] * work[i]
        for i in range(4):
            y[i] += h / 6.0 * (k[0, i] + 2.0 * k[1, i] + 2.0 * k[2, i] + k[3, i])
    return y[0] * y[1] + y[2] - y[3]


@program(lambda r: (r.uniform(0.2, 0.4), r.uniform(2.5, 3.0), 25))
def logistic_map_with_escape(x, rate, steps):
    s = 0.0
    for k in range(steps):
        x = rate * x * (1.0 - x)
        if x > 0.99:
            return s
        if k < 5:
            continue
        s += x * x
    return s


@program(lambda r: (r.uniform(0.5, 1.5, 3), 0.1, 10))
def stiff_implicit_euler(y, h, steps):
    a, b, c = y[0], y[1], y[2]
    for _ in range(steps):
        z = a
        for _ in range(4):
            f = z - a + h * z * z * b
            z = z - f / (1.0 + 2.0 * h * z * b)
        a = z
        b = b / (1.0 + h * c)
        c = c + h * (a - c)
    return a + 2.0 * b * c
