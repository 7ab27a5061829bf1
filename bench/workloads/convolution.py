"""A 2-D convolution of a 512x512 image with a 5x5 kernel: shifted slices, added up."""

from typing import Any

import numpy as np
from numba import njit

from bench.workload import Args, Contestant, Workload, jax_value_and_grad, torch_value_and_grad

WRT = (0, 1)


def make_args(small: bool = False) -> Args:
    """Image, kernel, target."""
    rng = np.random.default_rng(15)
    n, k = (8, 3) if small else (512, 5)
    target = rng.standard_normal((n - k + 1, n - k + 1))
    return rng.standard_normal((n, n)), rng.standard_normal((k, k)), target


@njit
def primal(image, kernel, target):
    rows, columns = target.shape
    found = np.zeros((rows, columns))
    for a in range(kernel.shape[0]):
        for b in range(kernel.shape[1]):
            found += kernel[a, b] * image[a : a + rows, b : b + columns]
    d = found - target
    return 0.5 * np.sum(d * d)


@njit
def hand_adjoint(image, kernel, target):
    """The same slices backwards: one pass per element of the kernel, row by row."""
    rows, columns = target.shape
    d = -target
    k = kernel.shape[0]
    for a in range(k):
        for b in range(kernel.shape[1]):
            weight = kernel[a, b]
            for i in range(rows):
                for j in range(columns):
                    d[i, j] += weight * image[a + i, b + j]
    total = 0.0
    for i in range(rows):
        for j in range(columns):
            total += d[i, j] * d[i, j]
    image_bar = np.zeros_like(image)
    kernel_bar = np.empty_like(kernel)
    for a in range(k):
        for b in range(kernel.shape[1]):
            weight = kernel[a, b]
            found = 0.0
            for i in range(rows):
                for j in range(columns):
                    found += d[i, j] * image[a + i, b + j]
                    image_bar[a + i, b + j] += weight * d[i, j]
            kernel_bar[a, b] = found
    return 0.5 * total, (image_bar, kernel_bar)


def _objective(xp: Any) -> Any:
    def objective(image, kernel, target):  # type: ignore[no-untyped-def]
        rows, columns = target.shape
        d = -target
        for a in range(kernel.shape[0]):
            for b in range(kernel.shape[1]):
                d = d + kernel[a, b] * image[a : a + rows, b : b + columns]
        return 0.5 * xp.sum(d * d)

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
    name="convolution",
    title="2-D convolution in array form, 512x512 with 5x5",
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
        "hand": "within the noise of this run, that memory bandwidth makes large",
    },
)
