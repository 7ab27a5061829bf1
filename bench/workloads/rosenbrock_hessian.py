"""The dense Hessian of the Rosenbrock function of 100 variables."""

from typing import Any

import numpy as np
from numba import njit

from bench.workload import Args, Contestant, Workload
from bench.workloads.rosenbrock import primal, torch_objective
from numbad.kernels.lane_ops import with_unit
from numbad.kernels.lanes import lane, lanes
from numbad.kernels.memory import zeros

float64x16 = lanes("float64", 16)


def make_args(small: bool = False) -> Args:
    """A point between -1 and 1."""
    return (np.linspace(-1.0, 1.0, 6 if small else 100),)


def numbad_factory(args: Args) -> Contestant:
    """Forward mode in lanes over the fused gradient."""
    from numbad import withhessian

    def call() -> tuple[Any, Any]:
        value, _, matrix = withhessian(primal, args[0])
        return value, matrix

    return call


@njit
def hand_adjoint(x):
    """The tangent of the hand-written gradient, sixteen directions at a time."""
    n = x.size
    hessian = np.empty((n, n))
    x_dot = zeros(n, float64x16)
    total = 0.0
    for i in range(n - 1):
        a, b = 1.0 - x[i], x[i + 1] - x[i] * x[i]
        total += a * a + 100.0 * b * b
    for start in range(0, n, 16):
        stop = min(start + 16, n)
        for j in range(start, stop):
            x_dot[j] = with_unit(float64x16(0.0), j - start)
        carry = float64x16(0.0)
        for i in range(n - 1):
            here = x[i]
            b = x[i + 1] - here * here
            b_dot = x_dot[i + 1] - x_dot[i] * (2.0 * here)
            row = carry + x_dot[i] * (2.0 - 400.0 * b) - b_dot * (400.0 * here)
            for j in range(start, stop):
                hessian[i, j] = lane(row, j - start)
            carry = b_dot * 200.0
        for j in range(start, stop):
            hessian[n - 1, j] = lane(carry, j - start)
            x_dot[j] = float64x16(0.0)
    return total, hessian


def jax_factory(args: Args) -> Contestant:
    """``jax.hessian``."""
    import jax

    jax.config.update("jax_enable_x64", True)
    value, hessian = jax.jit(torch_objective), jax.jit(jax.hessian(torch_objective))
    x = jax.numpy.asarray(args[0])
    return lambda: jax.block_until_ready((value(x), hessian(x)))


def torch_factory(args: Args) -> Contestant:
    """``torch.func.hessian``."""
    import torch

    torch.set_num_threads(1)
    x = torch.from_numpy(args[0])
    hessian = torch.func.hessian(torch_objective)
    return lambda: (torch_objective(x), hessian(x))


def casadi_factory(args: Args) -> Contestant:
    """A CasADi scalar graph; its Hessian is evaluated sparse and made dense."""
    import casadi

    x = args[0]
    symbol = casadi.SX.sym("x", x.size)
    value = sum(
        (1.0 - symbol[i]) ** 2 + 100.0 * (symbol[i + 1] - symbol[i] * symbol[i]) ** 2
        for i in range(x.size - 1)
    )
    matrix, _ = casadi.hessian(value, symbol)
    function = casadi.Function("f", [symbol], [value, casadi.densify(matrix)])

    def call() -> tuple[Any, Any]:
        found, hessian = function(x)
        return float(found), hessian.full()

    return call


WORKLOAD = Workload(
    name="rosenbrock_hessian",
    title="Hessian, Rosenbrock, n = 100",
    make_args=make_args,
    primal=primal,
    wrt=0,
    hand={"hand": hand_adjoint},
    peers={"jax": jax_factory, "torch": torch_factory, "casadi": casadi_factory},
    numbad=numbad_factory,
    reasons={
        "hand": "it leaves out the gradient, which ours computes with each chunk of directions",
    },
)
