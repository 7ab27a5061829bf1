"""Brusselator on a 128x128 grid, explicit Euler, 200 steps, two pairs of swapped buffers."""

from typing import Any

import numpy as np
from numba import njit

from bench.workload import Args, Contestant, Workload, jax_value_and_grad, torch_value_and_grad


def make_args(small: bool = False) -> Args:
    """Initial concentrations, reaction rates, diffusion number, time step, step count."""
    n, steps = (9, 6) if small else (128, 200)
    grid = np.linspace(0.0, 1.0, n)
    x, y = np.meshgrid(grid, grid, indexing="ij")
    u = 1.0 + 22.0 * y * (1.0 - y) ** 1.5 / 4.0
    v = 3.4 + 27.0 * x * (1.0 - x) ** 1.5 / 9.0
    return (u, v, 1.0, 3.4, 0.2, 0.002, steps)


@njit
def primal(u0, v0, a, b, alpha, dt, steps):
    n, m = u0.shape
    u = u0.copy()
    v = v0.copy()
    u_next = u0.copy()
    v_next = v0.copy()
    for _ in range(steps):
        for i in range(1, n - 1):
            for j in range(1, m - 1):
                uc = u[i, j]
                vc = v[i, j]
                lap_u = u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1] - 4.0 * uc
                lap_v = v[i - 1, j] + v[i + 1, j] + v[i, j - 1] + v[i, j + 1] - 4.0 * vc
                uuv = uc * uc * vc
                u_next[i, j] = uc + dt * (a + uuv - (b + 1.0) * uc) + alpha * lap_u
                v_next[i, j] = vc + dt * (b * uc - uuv) + alpha * lap_v
        u, u_next = u_next, u
        v, v_next = v_next, v
    total = 0.0
    for i in range(n):
        for j in range(m):
            total += u[i, j] * u[i, j] + v[i, j]
    return total / (n * m)


@njit
def advance(u, v, u_next, v_next, a, b, alpha, dt):
    """One step from one tape slot into the next."""
    n, m = u.shape
    for i in range(1, n - 1):
        for j in range(1, m - 1):
            uc = u[i, j]
            vc = v[i, j]
            lap_u = u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1] - 4.0 * uc
            lap_v = v[i - 1, j] + v[i + 1, j] + v[i, j - 1] + v[i, j + 1] - 4.0 * vc
            uuv = uc * uc * vc
            u_next[i, j] = uc + dt * (a + uuv - (b + 1.0) * uc) + alpha * lap_u
            v_next[i, j] = vc + dt * (b * uc - uuv) + alpha * lap_v


@njit
def copy_edges(source, target):
    """Copy the fixed boundary."""
    n, m = source.shape
    for j in range(m):
        target[0, j] = source[0, j]
        target[n - 1, j] = source[n - 1, j]
    for i in range(1, n - 1):
        target[i, 0] = source[i, 0]
        target[i, m - 1] = source[i, m - 1]


@njit
def reverse_step(u, v, p, q, p_next, q_next, cols, b, alpha, dt):
    """Gather the cotangents ``p``, ``q`` of one step; ``cols`` holds one partial sum per column.

    ``p`` and ``q`` are zero on the boundary, so that the transposed Laplacian needs no cases.
    """
    n, m = u.shape
    for i in range(1, n - 1):
        for j in range(1, m - 1):
            uc = u[i, j]
            vc = v[i, j]
            pc = p[i, j]
            qc = q[i, j]
            lap_p = p[i - 1, j] + p[i + 1, j] + p[i, j - 1] + p[i, j + 1] - 4.0 * pc
            lap_q = q[i - 1, j] + q[i + 1, j] + q[i, j - 1] + q[i, j + 1] - 4.0 * qc
            r = dt * (qc - pc)
            s = uc * r
            p_next[i, j] = pc - dt * pc + alpha * lap_p + b * r - 2.0 * vc * s
            q_next[i, j] = qc + alpha * lap_q - uc * s
            cols[0, j] += pc
            cols[1, j] += s
            cols[2, j] += uc * lap_p + vc * lap_q


@njit
def edge_sums(p, sums):
    """Add the cotangents next to the boundary; the corners have no neighbour inside."""
    n, m = p.shape
    for j in range(1, m - 1):
        sums[0, j] += p[1, j]
        sums[n - 1, j] += p[n - 2, j]
    for i in range(1, n - 1):
        sums[i, 0] += p[i, 1]
        sums[i, m - 1] += p[i, m - 2]


@njit
def finish(u, v, u0_bar, v0_bar, p, q, edge_p, edge_q, cols, alpha, dt):
    """Boundary entries of the gradient, and the scalar gradients."""
    n, m = u.shape
    alpha_bar = 0.0
    for i in range(n):
        for j in range(m):
            if i == 0 or j == 0 or i == n - 1 or j == m - 1:
                alpha_bar += edge_p[i, j] * u[i, j] + edge_q[i, j] * v[i, j]
                u0_bar[i, j] += alpha * edge_p[i, j]
                v0_bar[i, j] += alpha * edge_q[i, j]
            else:
                u0_bar[i, j] = p[i, j]
                v0_bar[i, j] = q[i, j]
    a_bar = 0.0
    b_bar = 0.0
    for j in range(m):
        a_bar += cols[0, j]
        b_bar += cols[1, j]
        alpha_bar += cols[2, j]
    return u0_bar, v0_bar, dt * a_bar, b_bar, alpha_bar


@njit
def seed(u, v, u0_bar, v0_bar, p, q):
    """Value, and the cotangent of the final state: boundary apart from the inside."""
    n, m = u.shape
    scale = 1.0 / (n * m)
    total = 0.0
    for i in range(n):
        for j in range(m):
            total += u[i, j] * u[i, j] + v[i, j]
            if i == 0 or j == 0 or i == n - 1 or j == m - 1:
                u0_bar[i, j] = 2.0 * scale * u[i, j]
                v0_bar[i, j] = scale
            else:
                p[i, j] = 2.0 * scale * u[i, j]
                q[i, j] = scale
    return total / (n * m)


@njit
def adjoint_recorded(u0, v0, a, b, alpha, dt, steps, us, vs):
    """Every state written straight into its tape slot; gather form of the backward sweep."""
    n, m = u0.shape
    for i in range(n):
        for j in range(m):
            us[0, i, j] = u0[i, j]
            vs[0, i, j] = v0[i, j]
    for t in range(steps):
        copy_edges(u0, us[t + 1])
        copy_edges(v0, vs[t + 1])
        advance(us[t], vs[t], us[t + 1], vs[t + 1], a, b, alpha, dt)
    u0_bar = np.empty((n, m))
    v0_bar = np.empty((n, m))
    p = np.zeros((n, m))
    q = np.zeros((n, m))
    p_next = np.zeros((n, m))
    q_next = np.zeros((n, m))
    edge_p = np.zeros((n, m))
    edge_q = np.zeros((n, m))
    cols = np.zeros((3, m))
    value = seed(us[steps], vs[steps], u0_bar, v0_bar, p, q)
    for t in range(steps - 1, -1, -1):
        edge_sums(p, edge_p)
        edge_sums(q, edge_q)
        reverse_step(us[t], vs[t], p, q, p_next, q_next, cols, b, alpha, dt)
        p, p_next = p_next, p
        q, q_next = q_next, q
    return value, finish(u0, v0, u0_bar, v0_bar, p, q, edge_p, edge_q, cols, alpha, dt)


_tapes: dict[tuple[int, ...], tuple[np.ndarray, np.ndarray]] = {}


def hand_adjoint(u0, v0, a, b, alpha, dt, steps):
    """The recorded form with its tape kept between calls: faulting 52 MB in again costs 40 %."""
    shape = (steps + 1, *u0.shape)
    if shape not in _tapes:
        _tapes[shape] = (np.empty(shape), np.empty(shape))
    return adjoint_recorded(u0, v0, a, b, alpha, dt, steps, *_tapes[shape])


def jax_factory(args: Args) -> Contestant:
    """A scan over whole-array updates, recording the carry only."""
    import jax

    def objective(u, v, a, b, alpha, dt, steps) -> Any:
        def laplacian(w):
            return w[:-2, 1:-1] + w[2:, 1:-1] + w[1:-1, :-2] + w[1:-1, 2:] - 4.0 * w[1:-1, 1:-1]

        @jax.checkpoint
        def step(state, _):
            u, v = state
            uc, vc = u[1:-1, 1:-1], v[1:-1, 1:-1]
            uuv = uc * uc * vc
            u_step = dt * (a + uuv - (b + 1.0) * uc) + alpha * laplacian(u)
            v_step = dt * (b * uc - uuv) + alpha * laplacian(v)
            return (u.at[1:-1, 1:-1].add(u_step), v.at[1:-1, 1:-1].add(v_step)), None

        (u, v), _ = jax.lax.scan(step, (u, v), None, length=steps)
        return (u * u + v).mean()

    return jax_value_and_grad(objective, args, (0, 1, 2, 3, 4), static=(6,))


def torch_factory(args: Args) -> Contestant:
    """Whole-array updates in a Python loop, eager."""
    from torch.nn.functional import pad

    def objective(u, v, a, b, alpha, dt, steps) -> Any:
        def laplacian(w):
            return w[:-2, 1:-1] + w[2:, 1:-1] + w[1:-1, :-2] + w[1:-1, 2:] - 4.0 * w[1:-1, 1:-1]

        for _ in range(steps):
            uc, vc = u[1:-1, 1:-1], v[1:-1, 1:-1]
            uuv = uc * uc * vc
            u_step = dt * (a + uuv - (b + 1.0) * uc) + alpha * laplacian(u)
            v_step = dt * (b * uc - uuv) + alpha * laplacian(v)
            u, v = u + pad(u_step, (1, 1, 1, 1)), v + pad(v_step, (1, 1, 1, 1))
        return (u * u + v).mean()

    return torch_value_and_grad(objective, args, (0, 1, 2, 3, 4))


WORKLOAD = Workload(
    name="brusselator",
    title="Brusselator 128x128, 200 steps",
    make_args=make_args,
    primal=primal,
    wrt=(0, 1, 2, 3, 4),
    hand={"hand": hand_adjoint},
    peers={"jax": jax_factory, "torch": torch_factory},
    reasons={
        "hand": (
            "it keeps the cotangents of the fixed boundary apart, so that its gather needs no rim, "
            "and uses that the discrete Laplacian is symmetric; both are bound by memory"
        ),
    },
)
