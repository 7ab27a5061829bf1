"""A Gaussian mixture with diagonal covariances in array form: 5000 points, 20 components."""

from typing import Any

import numpy as np
from numba import njit

from bench.workload import Args, Contestant, Workload, jax_value_and_grad, torch_value_and_grad

WRT = (0, 1, 2)


def make_args(small: bool = False) -> Args:
    """Logarithms of weights, means, logarithms of inverse widths, points."""
    rng = np.random.default_rng(14)
    n, d, k = (6, 2, 3) if small else (5000, 10, 20)
    means = rng.standard_normal((k, d))
    return rng.standard_normal(k), means, 0.1 * rng.standard_normal((k, d)), rng.normal(size=(n, d))


@njit
def primal(alphas, means, log_scales, x):
    scales = np.exp(log_scales)
    constants = alphas + np.sum(log_scales, axis=1)
    total = 0.0
    for i in range(x.shape[0]):
        terms = constants - 0.5 * np.sum(((x[i] - means) * scales) ** 2, axis=1)
        top = np.max(terms)
        total += top + np.log(np.sum(np.exp(terms - top)))
    return total - x.shape[0] * np.log(np.sum(np.exp(alphas)))


@njit
def hand_adjoint(alphas, means, log_scales, x):
    """Each point is reversed behind its forward part, from the exponentials of its terms."""
    k, d = means.shape
    n = x.shape[0]
    scales = np.exp(log_scales)
    constants = alphas + np.sum(log_scales, axis=1)
    constants_bar = np.zeros(k)
    means_bar = np.zeros((k, d))
    scales_bar = np.zeros((k, d))
    terms = np.empty(k)
    total = 0.0
    for i in range(n):
        top = -np.inf
        for c in range(k):
            square = 0.0
            for j in range(d):
                u = (x[i, j] - means[c, j]) * scales[c, j]
                square += u * u
            terms[c] = constants[c] - 0.5 * square
            top = max(top, terms[c])
        norm = 0.0
        for c in range(k):
            terms[c] = np.exp(terms[c] - top)
            norm += terms[c]
        total += top + np.log(norm)
        for c in range(k):
            weight = terms[c] / norm
            constants_bar[c] += weight
            for j in range(d):
                away = x[i, j] - means[c, j]
                scaled = weight * scales[c, j]
                means_bar[c, j] += scaled * away * scales[c, j]
                scales_bar[c, j] -= scaled * away * away
    weights = np.exp(alphas)
    whole = np.sum(weights)
    for c in range(k):
        for j in range(d):
            scales_bar[c, j] = scales_bar[c, j] * scales[c, j] + constants_bar[c]
    alphas_bar = constants_bar - n * weights / whole
    return total - n * np.log(whole), (alphas_bar, means_bar, scales_bar)


def _objective(xp: Any) -> Any:
    def objective(alphas, means, log_scales, x):  # type: ignore[no-untyped-def]
        away = (x[:, None, :] - means) * xp.exp(log_scales)
        terms = alphas + xp.sum(log_scales, 1) - 0.5 * xp.sum(away * away, 2)
        logs = xp.log(xp.sum(xp.exp(terms + 5.0), 1)) - 5.0
        return xp.sum(logs) - x.shape[0] * xp.log(xp.sum(xp.exp(alphas)))

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
    name="gmm_arrays",
    title="Gaussian mixture in array form, n=5000, d=10, K=20",
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
            "it goes over the cotangents of a point's terms once; ours does for each statement, "
            "and finds the largest term's place where the hand-written one needs its value only"
        ),
    },
)
