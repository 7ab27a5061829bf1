"""Logistic regression, 10000 points of 100 features: a matrix times a vector, twice."""

from typing import Any

import numpy as np
from numba import njit

from bench.workload import Args, Contestant, Workload, jax_value_and_grad, torch_value_and_grad

WRT = (0, 1)


def make_args(small: bool = False) -> Args:
    """Weights, bias, features and labels 0 and 1."""
    rng = np.random.default_rng(12)
    n, k = (20, 3) if small else (10000, 100)
    x = rng.standard_normal((n, k))
    return 0.1 * rng.standard_normal(k), 0.3, x, (rng.uniform(size=n) < 0.5) * 1.0


@njit
def primal(w, b, x, y):
    z = x @ w + b
    return np.mean(np.log1p(np.exp(-np.abs(z))) + np.maximum(z, 0.0) - y * z)


@njit
def hand_adjoint(w, b, x, y):
    """One loop for the loss and the slope, which reuses the exponential; two products."""
    z = np.dot(x, w)
    n = z.size
    total = 0.0
    b_bar = 0.0
    for i in range(n):
        each = z[i] + b
        e = np.exp(-abs(each))
        total += np.log1p(e) + max(each, 0.0) - y[i] * each
        slope = (1.0 if each > 0.0 else e) / (1.0 + e)
        z[i] = (slope - y[i]) / n
        b_bar += z[i]
    return total / n, (np.dot(x.T, z), b_bar)


def _objective(xp: Any) -> Any:
    def objective(w, b, x, y):  # type: ignore[no-untyped-def]
        z = x @ w + b
        kink = 0.5 * (z + xp.abs(z))
        return (xp.log1p(xp.exp(-xp.abs(z))) + kink - y * z).mean()

    return objective


def jax_factory(args: Args) -> Contestant:
    """As written."""
    import jax.numpy as jnp

    return jax_value_and_grad(_objective(jnp), args, WRT)


def torch_factory(args: Args) -> Contestant:
    """Eager PyTorch."""
    import torch

    return torch_value_and_grad(_objective(torch), args, WRT)


def torch_compile_factory(args: Args) -> Contestant:
    """PyTorch through its compiler."""
    import torch

    return torch_value_and_grad(_objective(torch), args, WRT, compile=True)


def autograd_factory(args: Args) -> Contestant:
    """HIPS autograd on the NumPy expression."""
    import autograd
    import autograd.numpy as anp

    differentiated = autograd.value_and_grad(_objective(anp), argnum=WRT)
    return lambda: differentiated(*args)


WORKLOAD = Workload(
    name="logistic",
    title="logistic regression, 10000x100",
    make_args=make_args,
    primal=primal,
    wrt=WRT,
    hand={"hand": hand_adjoint},
    peers={
        "jax": jax_factory,
        "torch": torch_factory,
        "torch.compile": torch_compile_factory,
        "autograd": autograd_factory,
    },
)
