"""64 Lennard-Jones particles, 50 steps of velocity Verlet, arrays updated in place."""

from typing import Any

import numpy as np
from numba import njit

from bench.workload import Args, Contestant, Workload, jax_value_and_grad, torch_value_and_grad
from bench.workloads.lj_energy import lattice


def make_args(small: bool = False) -> Args:
    """Positions on a jittered lattice, random velocities, time step, step count."""
    pos = lattice(2, 1.2, 0.05, 5, 7) if small else lattice(4, 1.2, 0.05, 5, 64)
    vel = 0.5 * np.random.default_rng(6).standard_normal(pos.shape)
    return (pos, vel, 0.002, 5 if small else 50)


@njit
def forces(pos, force):
    n = pos.shape[0]
    force[:] = 0.0
    for i in range(n):
        for j in range(i + 1, n):
            dx = pos[i, 0] - pos[j, 0]
            dy = pos[i, 1] - pos[j, 1]
            dz = pos[i, 2] - pos[j, 2]
            inv2 = 1.0 / (dx * dx + dy * dy + dz * dz)
            inv6 = inv2 * inv2 * inv2
            s = (48.0 * inv6 * inv6 - 24.0 * inv6) * inv2
            force[i, 0] += s * dx
            force[i, 1] += s * dy
            force[i, 2] += s * dz
            force[j, 0] -= s * dx
            force[j, 1] -= s * dy
            force[j, 2] -= s * dz


@njit
def primal(pos0, vel0, dt, steps):
    pos = pos0.copy()
    vel = vel0.copy()
    n = pos.shape[0]
    force = np.zeros((n, 3))
    forces(pos, force)
    for _ in range(steps):
        for i in range(n):
            for c in range(3):
                vel[i, c] += 0.5 * dt * force[i, c]
                pos[i, c] += dt * vel[i, c]
        forces(pos, force)
        for i in range(n):
            for c in range(3):
                vel[i, c] += 0.5 * dt * force[i, c]
    total = 0.0
    for i in range(n):
        for c in range(3):
            total += 0.5 * vel[i, c] * vel[i, c] + pos[i, c] * pos[i, c]
    return total


@njit
def pull_forces(pos, f_bar, pos_bar):
    """Add to ``pos_bar`` what ``forces`` pulls back; the row of ``i`` stays in registers."""
    n = pos.shape[0]
    for i in range(n):
        x = pos[i, 0]
        y = pos[i, 1]
        z = pos[i, 2]
        fx = f_bar[i, 0]
        fy = f_bar[i, 1]
        fz = f_bar[i, 2]
        gx = 0.0
        gy = 0.0
        gz = 0.0
        for j in range(i + 1, n):
            dx = x - pos[j, 0]
            dy = y - pos[j, 1]
            dz = z - pos[j, 2]
            wx = fx - f_bar[j, 0]
            wy = fy - f_bar[j, 1]
            wz = fz - f_bar[j, 2]
            inv2 = 1.0 / (dx * dx + dy * dy + dz * dz)
            inv6 = inv2 * inv2 * inv2
            inv8 = inv6 * inv2
            s = (48.0 * inv6 - 24.0) * inv8
            slope = (192.0 - 672.0 * inv6) * (inv8 * inv2) * (wx * dx + wy * dy + wz * dz)
            hx = s * wx + slope * dx
            hy = s * wy + slope * dy
            hz = s * wz + slope * dz
            gx += hx
            gy += hy
            gz += hz
            pos_bar[j, 0] -= hx
            pos_bar[j, 1] -= hy
            pos_bar[j, 2] -= hz
        pos_bar[i, 0] += gx
        pos_bar[i, 1] += gy
        pos_bar[i, 2] += gz


@njit
def forces_by_row(pos, force):
    """The same as ``forces``, with the row of ``i`` in registers."""
    n = pos.shape[0]
    force[:] = 0.0
    for i in range(n):
        x = pos[i, 0]
        y = pos[i, 1]
        z = pos[i, 2]
        gx = 0.0
        gy = 0.0
        gz = 0.0
        for j in range(i + 1, n):
            dx = x - pos[j, 0]
            dy = y - pos[j, 1]
            dz = z - pos[j, 2]
            inv2 = 1.0 / (dx * dx + dy * dy + dz * dz)
            inv6 = inv2 * inv2 * inv2
            s = (48.0 * inv6 * inv6 - 24.0 * inv6) * inv2
            gx += s * dx
            gy += s * dy
            gz += s * dz
            force[j, 0] -= s * dx
            force[j, 1] -= s * dy
            force[j, 2] -= s * dz
        force[i, 0] += gx
        force[i, 1] += gy
        force[i, 2] += gz


@njit
def hand_adjoint(pos0, vel0, dt, steps):
    """Record positions only, written straight into their tape slots; velocities are linear."""
    n = pos0.shape[0]
    tape = np.empty((steps + 1, n, 3))
    for i in range(n):
        for c in range(3):
            tape[0, i, c] = pos0[i, c]
    vel = vel0.copy()
    force = np.empty((n, 3))
    forces_by_row(pos0, force)
    for t in range(steps):
        pos = tape[t]
        pos_next = tape[t + 1]
        for i in range(n):
            for c in range(3):
                vel[i, c] += 0.5 * dt * force[i, c]
                pos_next[i, c] = pos[i, c] + dt * vel[i, c]
        forces_by_row(pos_next, force)
        for i in range(n):
            for c in range(3):
                vel[i, c] += 0.5 * dt * force[i, c]
    pos = tape[steps]
    total = 0.0
    pos_bar = np.empty((n, 3))
    vel_bar = np.empty((n, 3))
    force_bar = np.empty((n, 3))
    for i in range(n):
        for c in range(3):
            total += 0.5 * vel[i, c] * vel[i, c] + pos[i, c] * pos[i, c]
            vel_bar[i, c] = vel[i, c]
            pos_bar[i, c] = 2.0 * pos[i, c]
            force_bar[i, c] = 0.5 * dt * vel_bar[i, c]
    for t in range(steps, 0, -1):
        pull_forces(tape[t], force_bar, pos_bar)
        for i in range(n):
            for c in range(3):
                vel_bar[i, c] += dt * pos_bar[i, c]
                force_bar[i, c] = 0.5 * dt * vel_bar[i, c]
                if t > 1:
                    force_bar[i, c] += 0.5 * dt * vel_bar[i, c]
    pull_forces(tape[0], force_bar, pos_bar)
    return total, (pos_bar, vel_bar)


def jax_factory(args: Args) -> Contestant:
    """A scan with the dense matrix of pairs, recording the carry only."""
    import jax
    import jax.numpy as jnp

    eye = jnp.eye(len(args[0]))

    def force_of(pos: Any) -> Any:
        d = pos[:, None, :] - pos[None, :, :]
        inv2 = 1.0 / (jnp.sum(d * d, axis=-1) + eye)
        inv6 = inv2 * inv2 * inv2
        s = (48.0 * inv6 * inv6 - 24.0 * inv6) * inv2 * (1.0 - eye)
        return jnp.sum(s[:, :, None] * d, axis=1)

    def objective(pos: Any, vel: Any, dt: Any, steps: int) -> Any:
        @jax.checkpoint
        def step(state: Any, _: Any) -> Any:
            pos, vel, force = state
            half = vel + 0.5 * dt * force
            pos = pos + dt * half
            force = force_of(pos)
            return (pos, half + 0.5 * dt * force, force), None

        (pos, vel, _), _ = jax.lax.scan(step, (pos, vel, force_of(pos)), None, length=steps)
        return 0.5 * jnp.sum(vel * vel) + jnp.sum(pos * pos)

    return jax_value_and_grad(objective, args, (0, 1), static=(3,))


def torch_factory(args: Args) -> Contestant:
    """The dense matrix of pairs in a Python loop over steps, eager."""
    import torch

    eye = torch.eye(len(args[0]), dtype=torch.float64)

    def force_of(pos: Any) -> Any:
        d = pos[:, None, :] - pos[None, :, :]
        inv2 = 1.0 / ((d * d).sum(-1) + eye)
        inv6 = inv2 * inv2 * inv2
        s = (48.0 * inv6 * inv6 - 24.0 * inv6) * inv2 * (1.0 - eye)
        return (s[:, :, None] * d).sum(1)

    def objective(pos: Any, vel: Any, dt: Any, steps: int) -> Any:
        force = force_of(pos)
        for _ in range(steps):
            half = vel + 0.5 * dt * force
            pos = pos + dt * half
            force = force_of(pos)
            vel = half + 0.5 * dt * force
        return 0.5 * (vel * vel).sum() + (pos * pos).sum()

    return torch_value_and_grad(objective, args, (0, 1))


WORKLOAD = Workload(
    name="lj_verlet",
    title="Lennard-Jones, 64 particles, 50 Verlet steps",
    make_args=make_args,
    primal=primal,
    wrt=(0, 1),
    hand={"hand": hand_adjoint},
    peers={"jax": jax_factory, "torch": torch_factory},
    reasons={
        "hand": ("it writes positions straight into the tape slot of the next step"),
    },
)
