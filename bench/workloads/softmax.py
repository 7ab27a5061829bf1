"""Softmax cross-entropy, 4096 points of 64 features in 32 classes, labels as weights."""

from typing import Any

import numpy as np
from numba import njit

from bench.workload import Args, Contestant, Workload, jax_value_and_grad, torch_value_and_grad

WRT = (0, 1)


def make_args(small: bool = False) -> Args:
    """Weights, biases, features and one-hot labels."""
    rng = np.random.default_rng(13)
    n, k, c = (7, 3, 4) if small else (4096, 64, 32)
    labels = np.eye(c)[rng.integers(0, c, n)]
    return 0.1 * rng.standard_normal((k, c)), np.zeros(c), rng.standard_normal((n, k)), labels


@njit
def primal(w, b, x, labels):
    z = x @ w + b
    total = 0.0
    for i in range(z.shape[0]):
        top = np.max(z[i])
        total += top + np.log(np.sum(np.exp(z[i] - top))) - np.sum(labels[i] * z[i])
    return total / x.shape[0]


@njit
def hand_adjoint(w, b, x, labels):
    """Each row of scores becomes its own cotangent, from the exponentials; two products."""
    z = np.dot(x, w)
    n, c = z.shape
    b_bar = np.zeros(c)
    total = 0.0
    for i in range(n):
        top = -np.inf
        for j in range(c):
            z[i, j] += b[j]
            top = max(top, z[i, j])
        norm = 0.0
        picked = 0.0
        for j in range(c):
            picked += labels[i, j] * z[i, j]
            z[i, j] = np.exp(z[i, j] - top)
            norm += z[i, j]
        total += top + np.log(norm) - picked
        for j in range(c):
            z[i, j] = (z[i, j] / norm - labels[i, j]) / n
            b_bar[j] += z[i, j]
    return total / n, (np.dot(x.T, z), b_bar)


def _objective(xp: Any) -> Any:
    def objective(w, b, x, labels):  # type: ignore[no-untyped-def]
        z = x @ w + b
        shifted = z - 10.0
        norms = xp.log(xp.sum(xp.exp(shifted), 1)) + 10.0
        return (norms - xp.sum(labels * z, 1)).mean()

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
    name="softmax",
    title="softmax cross-entropy, 4096x64 in 32 classes",
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
    reasons={
        "hand": (
            "each row of its scores becomes its cotangent in place; ours has an array of "
            "cotangents beside the scores and one more for the product "
            "(read in the code, not timed apart)"
        ),
        "jax": "its loop over a row is one fused loop with vector mathematics, ours are four",
    },
)
