"""Lennard-Jones energy of 256 particles: a triangular pair loop with divisions."""

from typing import Any

import numpy as np
from numba import njit

from bench.workload import Args, Contestant, Workload, jax_value_and_grad, torch_value_and_grad

LANES = 16
WIDTH = 10 * LANES


def lattice(side: int, spacing: float, jitter: float, seed: int, count: int) -> np.ndarray:
    """``count`` particles on a jittered cubic lattice."""
    rng = np.random.default_rng(seed)
    axis = np.arange(side) * spacing
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    return np.ascontiguousarray(points[:count] + jitter * rng.standard_normal((count, 3)))


def make_args(small: bool = False) -> Args:
    """Positions near a cubic lattice."""
    return (lattice(3, 1.2, 0.05, 3, 11) if small else lattice(7, 1.2, 0.05, 3, 256),)


@njit
def primal(pos):
    n = pos.shape[0]
    energy = 0.0
    for i in range(n):
        for j in range(i + 1, n):
            dx = pos[i, 0] - pos[j, 0]
            dy = pos[i, 1] - pos[j, 1]
            dz = pos[i, 2] - pos[j, 2]
            inv2 = 1.0 / (dx * dx + dy * dy + dz * dz)
            inv6 = inv2 * inv2 * inv2
            energy += 4.0 * (inv6 * inv6 - inv6)
    return energy


@njit
def hand_adjoint(pos):
    """One pass with the cotangent of the sum known; the row of ``i`` stays in registers."""
    n = pos.shape[0]
    pos_bar = np.zeros((n, 3))
    energy = 0.0
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
            inv12 = inv6 * inv6
            energy += 4.0 * (inv12 - inv6)
            f = (24.0 * inv6 - 48.0 * inv12) * inv2
            gx += f * dx
            gy += f * dy
            gz += f * dz
            pos_bar[j, 0] -= f * dx
            pos_bar[j, 1] -= f * dy
            pos_bar[j, 2] -= f * dz
        pos_bar[i, 0] += gx
        pos_bar[i, 1] += gy
        pos_bar[i, 2] += gz
    return energy, pos_bar


@njit(error_model="numpy")
def hand_restructured(pos):
    """Blocks of 16 particles in SIMD lanes, coordinates, forces and row terms side by side.

    All rows of a block lie at constant distances in one array, which proves to LLVM that they do
    not overlap; 16 lanes rather than 8, because a loop of 8 is unrolled before it can be
    vectorised; NumPy's error model, because a division that may raise is a branch. The pairs within
    a block are scalar.
    """
    n = pos.shape[0]
    blocks = (n + LANES - 1) // LANES
    w = np.zeros(blocks * WIDTH)
    for i in range(n):
        at = i // LANES * WIDTH + i % LANES
        w[at] = pos[i, 0]
        w[at + LANES] = pos[i, 1]
        w[at + 2 * LANES] = pos[i, 2]
    for i in range(n, blocks * LANES):
        w[i // LANES * WIDTH + i % LANES] = 1e100 * (i + 1)
    pos_bar = np.empty((n, 3))
    for i in range(n):
        own = i // LANES
        at = own * WIDTH + i % LANES
        x = w[at]
        y = w[at + LANES]
        z = w[at + 2 * LANES]
        gx = 0.0
        gy = 0.0
        gz = 0.0
        for k in range(at + 1, own * WIDTH + LANES):
            dx = x - w[k]
            dy = y - w[k + LANES]
            dz = z - w[k + 2 * LANES]
            inv2 = 1.0 / (dx * dx + dy * dy + dz * dz)
            inv6 = inv2 * inv2 * inv2
            f = (24.0 - 48.0 * inv6) * inv6 * inv2
            w[k + 6 * LANES] += inv6 * inv6 - inv6
            gx += f * dx
            gy += f * dy
            gz += f * dz
            w[k + 3 * LANES] -= f * dx
            w[k + 4 * LANES] -= f * dy
            w[k + 5 * LANES] -= f * dz
        for base in range((own + 1) * WIDTH, blocks * WIDTH, WIDTH):
            t = w[base : base + WIDTH]
            for k in range(LANES):
                dx = x - t[k]
                dy = y - t[k + LANES]
                dz = z - t[k + 2 * LANES]
                inv2 = 1.0 / (dx * dx + dy * dy + dz * dz)
                inv6 = inv2 * inv2 * inv2
                f = (24.0 - 48.0 * inv6) * inv6 * inv2
                t[k + 6 * LANES] += inv6 * inv6 - inv6
                t[k + 3 * LANES] -= f * dx
                t[k + 4 * LANES] -= f * dy
                t[k + 5 * LANES] -= f * dz
                t[k + 7 * LANES] = f * dx
                t[k + 8 * LANES] = f * dy
                t[k + 9 * LANES] = f * dz
            for k in range(LANES):
                gx += t[k + 7 * LANES]
                gy += t[k + 8 * LANES]
                gz += t[k + 9 * LANES]
        pos_bar[i, 0] = gx + w[at + 3 * LANES]
        pos_bar[i, 1] = gy + w[at + 4 * LANES]
        pos_bar[i, 2] = gz + w[at + 5 * LANES]
    energy = 0.0
    for i in range(n):
        energy += w[i // LANES * WIDTH + i % LANES + 6 * LANES]
    return 4.0 * energy, pos_bar


def jax_factory(args: Args) -> Contestant:
    """All pairs of the upper triangle at once."""
    import jax.numpy as jnp

    rows, columns = np.triu_indices(len(args[0]), 1)

    def objective(pos: Any) -> Any:
        d = pos[rows] - pos[columns]
        inv2 = 1.0 / jnp.sum(d * d, axis=1)
        inv6 = inv2 * inv2 * inv2
        return jnp.sum(4.0 * (inv6 * inv6 - inv6))

    return jax_value_and_grad(objective, args, 0)


def jax_dense_factory(args: Args) -> Contestant:
    """The full matrix of pairs with a masked diagonal, halved: no gather and no scatter."""
    import jax.numpy as jnp

    n = len(args[0])

    def objective(pos: Any) -> Any:
        d = pos[:, None, :] - pos[None, :, :]
        inv2 = 1.0 / (jnp.sum(d * d, axis=-1) + jnp.eye(n))
        inv6 = inv2 * inv2 * inv2 * (1.0 - jnp.eye(n))
        return jnp.sum(2.0 * (inv6 * inv6 - inv6))

    return jax_value_and_grad(objective, args, 0)


def torch_factory(args: Args) -> Contestant:
    """All pairs of the upper triangle, eager."""
    import torch

    rows, columns = (torch.from_numpy(index) for index in np.triu_indices(len(args[0]), 1))

    def objective(pos: Any) -> Any:
        d = pos[rows] - pos[columns]
        inv2 = 1.0 / (d * d).sum(1)
        inv6 = inv2 * inv2 * inv2
        return (4.0 * (inv6 * inv6 - inv6)).sum()

    return torch_value_and_grad(objective, args, 0)


def warp_factory(args: Args) -> Contestant:
    """One Warp thread per particle."""
    from bench import warp_peers

    return warp_peers.lj_energy(args)


WORKLOAD = Workload(
    name="lj_energy",
    title="Lennard-Jones energy, 256 particles",
    make_args=make_args,
    primal=primal,
    wrt=0,
    hand={"hand": hand_adjoint, "hand, restructured": hand_restructured},
    peers={
        "jax": jax_factory,
        "jax, dense": jax_dense_factory,
        "torch": torch_factory,
        "warp": warp_factory,
    },
    reasons={
        "hand": ("it has no guard for a zero cotangent of the division"),
        "hand, restructured": ("rows of particles in SIMD lanes; lanes come with forward mode"),
    },
)
