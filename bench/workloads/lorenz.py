"""Lorenz-63 by RK4 in scalars, 1e5 steps: a long chain of small steps."""

from typing import Any

import numpy as np
from numba import njit

from bench.workload import Args, Contestant, Workload, jax_value_and_grad


def make_args(small: bool = False) -> Args:
    """Initial point, classical parameters, a step short enough to stay predictable, step count."""
    steps = 40 if small else 100_000
    return (1.0, 1.5, 20.0, 10.0, 28.0, 8.0 / 3.0, 5e-5, steps)


@njit
def velocity(x, y, z, sigma, rho, beta):
    return sigma * (y - x), x * (rho - z) - y, x * y - beta * z


@njit
def primal(x, y, z, sigma, rho, beta, h, steps):
    for _ in range(steps):
        k1x, k1y, k1z = velocity(x, y, z, sigma, rho, beta)
        k2x, k2y, k2z = velocity(
            x + 0.5 * h * k1x, y + 0.5 * h * k1y, z + 0.5 * h * k1z, sigma, rho, beta
        )
        k3x, k3y, k3z = velocity(
            x + 0.5 * h * k2x, y + 0.5 * h * k2y, z + 0.5 * h * k2z, sigma, rho, beta
        )
        k4x, k4y, k4z = velocity(x + h * k3x, y + h * k3y, z + h * k3z, sigma, rho, beta)
        x += h / 6.0 * (k1x + 2.0 * k2x + 2.0 * k3x + k4x)
        y += h / 6.0 * (k1y + 2.0 * k2y + 2.0 * k3y + k4y)
        z += h / 6.0 * (k1z + 2.0 * k2z + 2.0 * k3z + k4z)
    return x + y + z


@njit(inline="always")
def pull(x, y, z, sigma, rho, beta, kx_bar, ky_bar, kz_bar):
    """Pull the cotangent of ``velocity`` back to the state and the parameters."""
    x_bar = ky_bar * (rho - z) + kz_bar * y - sigma * kx_bar
    y_bar = sigma * kx_bar - ky_bar + kz_bar * x
    z_bar = -(ky_bar * x + kz_bar * beta)
    return x_bar, y_bar, z_bar, kx_bar * (y - x), ky_bar * x, -kz_bar * z


@njit
def hand_adjoint(x, y, z, sigma, rho, beta, h, steps):
    """Record the three state variables; recompute the stages, which are off the critical path."""
    xs = np.empty(steps)
    ys = np.empty(steps)
    zs = np.empty(steps)
    half = 0.5 * h
    sixth = h / 6.0
    third = h / 3.0
    for t in range(steps):
        xs[t] = x
        ys[t] = y
        zs[t] = z
        k1x, k1y, k1z = velocity(x, y, z, sigma, rho, beta)
        k2x, k2y, k2z = velocity(
            x + 0.5 * h * k1x, y + 0.5 * h * k1y, z + 0.5 * h * k1z, sigma, rho, beta
        )
        k3x, k3y, k3z = velocity(
            x + 0.5 * h * k2x, y + 0.5 * h * k2y, z + 0.5 * h * k2z, sigma, rho, beta
        )
        k4x, k4y, k4z = velocity(x + h * k3x, y + h * k3y, z + h * k3z, sigma, rho, beta)
        x += h / 6.0 * (k1x + 2.0 * k2x + 2.0 * k3x + k4x)
        y += h / 6.0 * (k1y + 2.0 * k2y + 2.0 * k3y + k4y)
        z += h / 6.0 * (k1z + 2.0 * k2z + 2.0 * k3z + k4z)
    value = x + y + z
    x_bar = 1.0
    y_bar = 1.0
    z_bar = 1.0
    sigma_bar = 0.0
    rho_bar = 0.0
    beta_bar = 0.0
    for t in range(steps - 1, -1, -1):
        x = xs[t]
        y = ys[t]
        z = zs[t]
        k1x, k1y, k1z = velocity(x, y, z, sigma, rho, beta)
        x2 = x + half * k1x
        y2 = y + half * k1y
        z2 = z + half * k1z
        k2x, k2y, k2z = velocity(x2, y2, z2, sigma, rho, beta)
        x3 = x + half * k2x
        y3 = y + half * k2y
        z3 = z + half * k2z
        k3x, k3y, k3z = velocity(x3, y3, z3, sigma, rho, beta)
        x4 = x + h * k3x
        y4 = y + h * k3y
        z4 = z + h * k3z
        ax, ay, az, s4, r4, b4 = pull(
            x4, y4, z4, sigma, rho, beta, sixth * x_bar, sixth * y_bar, sixth * z_bar
        )
        bx, by, bz, s3, r3, b3 = pull(
            x3, y3, z3, sigma, rho, beta,
            third * x_bar + h * ax, third * y_bar + h * ay, third * z_bar + h * az,
        )  # fmt: skip
        cx, cy, cz, s2, r2, b2 = pull(
            x2, y2, z2, sigma, rho, beta,
            third * x_bar + half * bx, third * y_bar + half * by, third * z_bar + half * bz,
        )  # fmt: skip
        dx, dy, dz, s1, r1, b1 = pull(
            x, y, z, sigma, rho, beta,
            sixth * x_bar + half * cx, sixth * y_bar + half * cy, sixth * z_bar + half * cz,
        )  # fmt: skip
        x_bar += (ax + bx) + (cx + dx)
        y_bar += (ay + by) + (cy + dy)
        z_bar += (az + bz) + (cz + dz)
        sigma_bar += (s1 + s2) + (s3 + s4)
        rho_bar += (r1 + r2) + (r3 + r4)
        beta_bar += (b1 + b2) + (b3 + b4)
    return value, (x_bar, y_bar, z_bar, sigma_bar, rho_bar, beta_bar)


def jax_objective(checkpoint: bool) -> Any:
    """A scan over the steps; ``checkpoint`` records the carry only."""
    import jax

    def objective(x, y, z, sigma, rho, beta, h, steps):
        def slope(state):
            x, y, z = state
            return sigma * (y - x), x * (rho - z) - y, x * y - beta * z

        def shifted(state, scale, k):
            return tuple(s + scale * d for s, d in zip(state, k, strict=True))

        def step(state, _):
            k1 = slope(state)
            k2 = slope(shifted(state, 0.5 * h, k1))
            k3 = slope(shifted(state, 0.5 * h, k2))
            k4 = slope(shifted(state, h, k3))
            sums = tuple(
                a + 2.0 * b + 2.0 * c + d for a, b, c, d in zip(k1, k2, k3, k4, strict=True)
            )
            return shifted(state, h / 6.0, sums), None

        body = jax.checkpoint(step) if checkpoint else step
        (x, y, z), _ = jax.lax.scan(body, (x, y, z), None, length=steps)
        return x + y + z

    return objective


def jax_factory(args: Args) -> Contestant:
    """``lax.scan`` as first written."""
    return jax_value_and_grad(jax_objective(False), args, (0, 1, 2, 3, 4, 5), static=(7,))


def jax_checkpoint_factory(args: Args) -> Contestant:
    """``lax.scan`` over a checkpointed body."""
    return jax_value_and_grad(jax_objective(True), args, (0, 1, 2, 3, 4, 5), static=(7,))


def casadi_factory(args: Args) -> Contestant:
    """CasADi's fold over an expanded step."""
    import casadi

    *point, h, steps = args
    state, parameters = casadi.SX.sym("state", 3), casadi.SX.sym("parameters", 3)
    sigma, rho, beta = casadi.vertsplit(parameters)

    def slope(s: Any) -> Any:
        x, y, z = casadi.vertsplit(s)
        return casadi.vertcat(sigma * (y - x), x * (rho - z) - y, x * y - beta * z)

    k1 = slope(state)
    k2 = slope(state + 0.5 * h * k1)
    k3 = slope(state + 0.5 * h * k2)
    k4 = slope(state + h * k3)
    after = state + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
    step = casadi.Function("step", [state, parameters], [after])
    start, rates = casadi.MX.sym("start", 3), casadi.MX.sym("rates", 3)
    value = casadi.sum1(step.mapaccum(steps)(start, casadi.repmat(rates, 1, steps))[:, -1])
    grads = casadi.gradient(value, start), casadi.gradient(value, rates)
    whole = casadi.Function("whole", [start, rates], [value, *grads])

    def call() -> tuple[Any, Any]:
        total, start_bar, rates_bar = whole(point[:3], point[3:])
        return float(total), tuple(np.concatenate([start_bar, rates_bar]).ravel())

    return call


WORKLOAD = Workload(
    name="lorenz",
    title="Lorenz RK4, 1e5 steps, reverse",
    make_args=make_args,
    primal=primal,
    wrt=(0, 1, 2, 3, 4, 5),
    hand={"hand": hand_adjoint},
    peers={
        "jax": jax_factory,
        "jax, checkpoint": jax_checkpoint_factory,
        "casadi": casadi_factory,
    },
    reasons={
        "hand": "within the noise of this run",
        "jax, checkpoint": (
            "within the noise of this run: both sweeps wait for memory that other jobs used"
        ),
    },
)
