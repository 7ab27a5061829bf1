"""Ten operations, statement by statement, on arrays of 1e7 elements."""

from typing import Any

import numpy as np
from numba import njit

from bench.workload import Args, Contestant, Workload, jax_value_and_grad, torch_value_and_grad

WRT = (0, 1)


def make_args(small: bool = False) -> Args:
    """Two arrays."""
    rng = np.random.default_rng(16)
    n = 50 if small else 10_000_000
    return rng.standard_normal(n), rng.uniform(0.5, 2.0, n)


@njit
def primal(x, y):
    a = x * y
    b = a + x
    c = np.tanh(b)
    d = c * y
    e = d - x
    f = np.exp(-e * e)
    g = f * a
    return np.sum(g + y)


@njit
def hand_adjoint(x, y):
    """One loop, forward and backward at each element; no array but the results."""
    x_bar, y_bar = np.empty_like(x), np.empty_like(y)
    total = 0.0
    for i in range(x.size):
        a = x[i] * y[i]
        c = np.tanh(a + x[i])
        e = c * y[i] - x[i]
        f = np.exp(-e * e)
        total += f * a + y[i]
        e_bar = -2.0 * e * f * a
        b_bar = e_bar * y[i] * (1.0 - c * c)
        a_bar = f + b_bar
        x_bar[i] = a_bar * y[i] + b_bar - e_bar
        y_bar[i] = a_bar * x[i] + e_bar * c + 1.0
    return total, (x_bar, y_bar)


def _objective(xp: Any) -> Any:
    def objective(x, y):  # type: ignore[no-untyped-def]
        a = x * y
        c = xp.tanh(a + x)
        e = c * y - x
        return xp.sum(xp.exp(-e * e) * a + y)

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
    name="chain",
    title="ten elementwise operations, 1e7 elements",
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
