"""Rosenbrock's function of a million variables: one streaming loop, no tape."""

from typing import Any

import numpy as np
from numba import njit

from bench.workload import Args, Contestant, Workload, jax_value_and_grad, torch_value_and_grad


def make_args(small: bool = False) -> Args:
    """A point near the curved valley."""
    rng = np.random.default_rng(1)
    return (1.0 + 0.5 * rng.standard_normal(50 if small else 1_000_000),)


@njit
def primal(x):
    total = 0.0
    for i in range(x.size - 1):
        a = 1.0 - x[i]
        b = x[i + 1] - x[i] * x[i]
        total += a * a + 100.0 * b * b
    return total


@njit
def hand_adjoint(x):
    """One pass: the cotangent of the sum is 1 beforehand, and each entry gathers its two terms."""
    n = x.size
    x_bar = np.empty(n)
    total = 0.0
    carry = 0.0
    here = x[0]
    for i in range(n - 1):
        after = x[i + 1]
        a = 1.0 - here
        b = after - here * here
        total += a * a + 100.0 * b * b
        x_bar[i] = carry - 2.0 * a - 400.0 * b * here
        carry = 200.0 * b
        here = after
    x_bar[n - 1] = carry
    return total, x_bar


def jax_factory(args: Args) -> Contestant:
    """Slices and a sum."""

    def objective(x: Any) -> Any:
        b = x[1:] - x[:-1] * x[:-1]
        return ((1.0 - x[:-1]) ** 2 + 100.0 * b * b).sum()

    return jax_value_and_grad(objective, args, 0)


def torch_objective(x: Any) -> Any:
    """Slices and a sum."""
    b = x[1:] - x[:-1] * x[:-1]
    return ((1.0 - x[:-1]) ** 2 + 100.0 * b * b).sum()


def torch_factory(args: Args) -> Contestant:
    """Eager PyTorch."""
    return torch_value_and_grad(torch_objective, args, 0)


def torch_compile_factory(args: Args) -> Contestant:
    """PyTorch through its compiler."""
    return torch_value_and_grad(torch_objective, args, 0, compile=True)


def autograd_factory(args: Args) -> Contestant:
    """HIPS autograd on the NumPy expression."""
    import autograd

    differentiated = autograd.value_and_grad(torch_objective)
    return lambda: differentiated(args[0])


WORKLOAD = Workload(
    name="rosenbrock",
    title="Rosenbrock, 1e6 variables",
    make_args=make_args,
    primal=primal,
    wrt=0,
    hand={"hand": hand_adjoint},
    peers={
        "jax": jax_factory,
        "torch": torch_factory,
        "torch.compile": torch_compile_factory,
        "autograd": autograd_factory,
    },
    reasons={
        "hand": ("it keeps x[i + 1] for the next iteration"),
    },
)
