"""A multilayer perceptron, 256-256-256-256 on a batch of 256: products of matrices."""

from typing import Any

import numpy as np
from numba import njit

from bench.workload import Args, Contestant, Workload, jax_value_and_grad, torch_value_and_grad

WRT = (0, 1, 2, 3, 4, 5)


def make_args(small: bool = False) -> Args:
    """Weights of order one over the square root of the width; inputs and targets."""
    rng = np.random.default_rng(11)
    n, batch = (5, 4) if small else (256, 256)
    layers: list[np.ndarray] = []
    for _ in range(3):
        layers += [rng.standard_normal((n, n)) / np.sqrt(n), 0.1 * rng.standard_normal(n)]
    return (*layers, rng.standard_normal((batch, n)), rng.standard_normal((batch, n)))


@njit
def primal(w1, b1, w2, b2, w3, b3, x, y):
    h1 = np.tanh(x @ w1 + b1)
    h2 = np.tanh(h1 @ w2 + b2)
    d = h2 @ w3 + b3 - y
    return np.sum(d * d) / x.shape[0]


@njit
def _layer(x, w, b):
    h = np.dot(x, w)
    for i in range(h.shape[0]):
        for j in range(h.shape[1]):
            h[i, j] = np.tanh(h[i, j] + b[j])
    return h


@njit
def _through_tanh(h_bar, h, b_bar):
    for i in range(h.shape[0]):
        for j in range(h.shape[1]):
            z_bar = h_bar[i, j] * (1.0 - h[i, j] * h[i, j])
            h_bar[i, j] = z_bar
            b_bar[j] += z_bar


@njit
def hand_adjoint(w1, b1, w2, b2, w3, b3, x, y):
    """Two products per layer, of transposed views; none for the inputs; loops in place."""
    batch = x.shape[0]
    h1 = _layer(x, w1, b1)
    h2 = _layer(h1, w2, b2)
    d = np.dot(h2, w3)
    total = 0.0
    b1_bar, b2_bar, b3_bar = np.zeros_like(b1), np.zeros_like(b2), np.zeros_like(b3)
    for i in range(batch):
        for j in range(d.shape[1]):
            each = d[i, j] + b3[j] - y[i, j]
            total += each * each
            d_bar = 2.0 / batch * each
            d[i, j] = d_bar
            b3_bar[j] += d_bar
    w3_bar = np.dot(h2.T, d)
    h2_bar = np.dot(d, w3.T)
    _through_tanh(h2_bar, h2, b2_bar)
    w2_bar = np.dot(h1.T, h2_bar)
    h1_bar = np.dot(h2_bar, w2.T)
    _through_tanh(h1_bar, h1, b1_bar)
    w1_bar = np.dot(x.T, h1_bar)
    return total / batch, (w1_bar, b1_bar, w2_bar, b2_bar, w3_bar, b3_bar)


def _objective(tanh: Any) -> Any:
    def objective(w1, b1, w2, b2, w3, b3, x, y):  # type: ignore[no-untyped-def]
        h1 = tanh(x @ w1 + b1)
        h2 = tanh(h1 @ w2 + b2)
        d = h2 @ w3 + b3 - y
        return (d * d).sum() / x.shape[0]

    return objective


def jax_factory(args: Args) -> Contestant:
    """As written."""
    import jax.numpy as jnp

    return jax_value_and_grad(_objective(jnp.tanh), args, WRT)


def torch_factory(args: Args) -> Contestant:
    """Eager PyTorch."""
    import torch

    return torch_value_and_grad(_objective(torch.tanh), args, WRT)


def torch_compile_factory(args: Args) -> Contestant:
    """PyTorch through its compiler."""
    import torch

    return torch_value_and_grad(_objective(torch.tanh), args, WRT, compile=True)


def autograd_factory(args: Args) -> Contestant:
    """HIPS autograd on the NumPy expression."""
    import autograd
    import autograd.numpy as anp

    differentiated = autograd.value_and_grad(_objective(anp.tanh), argnum=WRT)
    return lambda: differentiated(*args)


WORKLOAD = Workload(
    name="mlp",
    title="MLP 256-256-256, batch 256",
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
    reasons={"jax": "within the noise of this run"},
)
