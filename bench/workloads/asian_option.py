"""Monte Carlo price of an Asian call, 1e4 paths of 250 steps, normal draws given."""

import math
from typing import Any

import numpy as np
from numba import njit

from bench.workload import Args, Contestant, Workload, jax_value_and_grad, torch_value_and_grad


def make_args(small: bool = False) -> Args:
    """Spot, strike, rate, volatility, maturity, normal draws."""
    shape = (20, 8) if small else (10_000, 250)
    normals = np.random.default_rng(13).standard_normal(shape)
    return (100.0, 102.0, 0.03, 0.25, 1.0, normals)


@njit
def primal(spot, strike, rate, sigma, maturity, normals):
    paths, steps = normals.shape
    dt = maturity / steps
    drift = (rate - 0.5 * sigma * sigma) * dt
    vol = sigma * math.sqrt(dt)
    total = 0.0
    for p in range(paths):
        price = spot
        average = 0.0
        for t in range(steps):
            price *= math.exp(drift + vol * normals[p, t])
            average += price
        average /= steps
        if average > strike:
            total += average - strike
    return math.exp(-rate * maturity) * total / paths


@njit
def hand_adjoint(spot, strike, rate, sigma, maturity, normals):
    """One path at a time; prices are recorded, growth factors are not.

    A price is the spot times a product of exponentials, so the cotangent of each logarithm is the
    sum of price times cotangent from there on: no division and no exponential going back.
    Worthless paths have no backward part.
    """
    paths, steps = normals.shape
    dt = maturity / steps
    root = math.sqrt(dt)
    drift = (rate - 0.5 * sigma * sigma) * dt
    vol = sigma * root
    prices = np.empty(steps)
    total = 0.0
    in_money = 0
    spot_bar = 0.0
    drift_bar = 0.0
    vol_bar = 0.0
    for p in range(paths):
        price = spot
        average = 0.0
        for t in range(steps):
            price *= math.exp(drift + vol * normals[p, t])
            prices[t] = price
            average += price
        average /= steps
        if average > strike:
            total += average - strike
            in_money += 1
            log_bar = 0.0
            for t in range(steps - 1, -1, -1):
                log_bar += prices[t]
                drift_bar += log_bar
                vol_bar += log_bar * normals[p, t]
            spot_bar += log_bar
    discount = math.exp(-rate * maturity) / paths
    value = discount * total
    scale = discount / steps
    spot_bar *= scale / spot
    drift_bar *= scale
    vol_bar *= scale
    dt_bar = (rate - 0.5 * sigma * sigma) * drift_bar + 0.5 * sigma * vol_bar / root
    rate_bar = dt * drift_bar - maturity * value
    sigma_bar = root * vol_bar - sigma * dt * drift_bar
    maturity_bar = dt_bar / steps - rate * value
    return value, (spot_bar, -discount * in_money, rate_bar, sigma_bar, maturity_bar)


def jax_factory(args: Args) -> Contestant:
    """All paths of a step at once, a scan over steps that records the carry only."""
    import jax
    import jax.numpy as jnp

    def objective(spot, strike, rate, sigma, maturity, normals) -> Any:
        paths, steps = normals.shape
        dt = maturity / steps
        drift = (rate - 0.5 * sigma * sigma) * dt
        vol = sigma * jnp.sqrt(dt)

        @jax.checkpoint
        def step(carry: Any, draws: Any) -> Any:
            price, total = carry
            price = price * jnp.exp(drift + vol * draws)
            return (price, total + price), None

        start = (jnp.full(paths, 1.0) * spot, jnp.zeros(paths))
        (_, total), _ = jax.lax.scan(step, start, normals.T)
        payoff = jnp.maximum(total / steps - strike, 0.0)
        return jnp.exp(-rate * maturity) * payoff.mean()

    return jax_value_and_grad(objective, args, (0, 1, 2, 3, 4))


def jax_cumsum_factory(args: Args) -> Contestant:
    """Rewritten: the exponential of a running sum over the whole matrix."""
    import jax.numpy as jnp

    def objective(spot, strike, rate, sigma, maturity, normals) -> Any:
        steps = normals.shape[1]
        dt = maturity / steps
        drift = (rate - 0.5 * sigma * sigma) * dt
        logs = jnp.cumsum(drift + sigma * jnp.sqrt(dt) * normals, axis=1)
        payoff = jnp.maximum(spot * jnp.exp(logs).mean(axis=1) - strike, 0.0)
        return jnp.exp(-rate * maturity) * payoff.mean()

    return jax_value_and_grad(objective, args, (0, 1, 2, 3, 4))


def torch_factory(args: Args) -> Contestant:
    """Rewritten: the exponential of a running sum over the whole matrix, eager."""
    import torch

    def objective(spot, strike, rate, sigma, maturity, normals) -> Any:
        steps = normals.shape[1]
        dt = maturity / steps
        drift = (rate - 0.5 * sigma * sigma) * dt
        logs = torch.cumsum(drift + sigma * torch.sqrt(dt) * normals, 1)
        payoff = torch.relu(spot * torch.exp(logs).mean(1) - strike)
        return torch.exp(-rate * maturity) * payoff.mean()

    return torch_value_and_grad(objective, args, (0, 1, 2, 3, 4))


WORKLOAD = Workload(
    name="asian_option",
    title="Path-dependent Monte Carlo option, 1e4 paths x 250",
    make_args=make_args,
    primal=primal,
    wrt=(0, 1, 2, 3, 4),
    hand={"hand": hand_adjoint},
    peers={"jax": jax_factory, "jax, cumsum": jax_cumsum_factory, "torch": torch_factory},
    reasons={
        "hand": ("it reverses the product through its logarithm and skips paths without payoff"),
    },
)
