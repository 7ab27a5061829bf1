"""A dense Jacobian, 100 -> 100: a layer of a network and a square."""

from typing import Any

import numpy as np
from numba import njit

from bench.workload import Args, Contestant, Workload
from numbad.kernels.lane_ops import with_unit
from numbad.kernels.lanes import lane, lanes
from numbad.kernels.memory import zeros

float64x16 = lanes("float64", 16)


def make_args(small: bool = False) -> Args:
    """A random matrix and point."""
    n = 5 if small else 100
    rng = np.random.default_rng(7)
    return (rng.standard_normal(n), 0.1 * rng.standard_normal((n, n)))


@njit
def primal(x, weights):
    n = x.size
    y = np.empty(n)
    for i in range(n):
        total = 0.0
        for j in range(n):
            total += weights[i, j] * x[j]
        y[i] = np.tanh(total) + x[i] * x[i]
    return y


def numbad_factory(args: Args) -> Contestant:
    """Forward mode in chunks."""
    from numbad import withjacobian

    def call() -> tuple[Any, Any]:
        value, blocks = withjacobian(primal, *args, wrt=0)
        return value, blocks[0]

    return call


@njit
def hand_adjoint(x, weights):
    """Sixteen columns at a time in vector registers."""
    n = x.size
    y = np.empty(n)
    jacobian = np.empty((n, n))
    x_dot = zeros(n, float64x16)
    for start in range(0, n, 16):
        stop = min(start + 16, n)
        for j in range(start, stop):
            x_dot[j] = with_unit(float64x16(0.0), j - start)
        for i in range(n):
            total = 0.0
            total_dot = float64x16(0.0)
            for j in range(n):
                total += weights[i, j] * x[j]
                total_dot += x_dot[j] * weights[i, j]
            value = np.tanh(total)
            y[i] = value + x[i] * x[i]
            y_dot = total_dot * (1.0 - value * value) + x_dot[i] * (2.0 * x[i])
            for j in range(start, stop):
                jacobian[i, j] = lane(y_dot, j - start)
        for j in range(start, stop):
            x_dot[j] = float64x16(0.0)
    return y, jacobian


def jax_factory(args: Args) -> Contestant:
    """``jacfwd``."""
    import jax

    jax.config.update("jax_enable_x64", True)
    x, weights = (jax.numpy.asarray(each) for each in args)

    def function(x: Any) -> Any:
        y = jax.numpy.tanh(weights @ x) + x * x
        return y, y

    compiled = jax.jit(jax.jacfwd(function, has_aux=True))

    def call() -> tuple[Any, Any]:
        jacobian, value = jax.block_until_ready(compiled(x))
        return value, jacobian

    return call


def torch_factory(args: Args) -> Contestant:
    """``torch.func.jacfwd``."""
    import torch

    torch.set_num_threads(1)
    x, weights = (torch.from_numpy(each) for each in args)

    def function(x: Any) -> Any:
        y = torch.tanh(weights @ x) + x * x
        return y, y

    differentiated = torch.func.jacfwd(function, has_aux=True)

    def call() -> tuple[Any, Any]:
        jacobian, value = differentiated(x)
        return value, jacobian

    return call


def casadi_factory(args: Args) -> Contestant:
    """A CasADi matrix expression."""
    import casadi

    x, weights = args
    symbol = casadi.MX.sym("x", x.size)
    y = casadi.tanh(casadi.DM(weights) @ symbol) + symbol * symbol
    function = casadi.Function("f", [symbol], [y, casadi.densify(casadi.jacobian(y, symbol))])

    def call() -> tuple[Any, Any]:
        value, jacobian = function(x)
        return value.full().ravel(), jacobian.full()

    return call


WORKLOAD = Workload(
    name="dense_jacobian",
    title="Dense Jacobian, 100 -> 100",
    make_args=make_args,
    primal=primal,
    wrt=0,
    hand={"hand": hand_adjoint},
    peers={"jax": jax_factory, "torch": torch_factory, "casadi": casadi_factory},
    numbad=numbad_factory,
    reasons={
        "hand": "it takes the lanes apart in the loop over rows, ours in a loop behind it",
        "jax": (
            "it sees a matrix times a vector, of which the Jacobian is a scaled matrix; the loops "
            "are differentiated as loops"
        ),
    },
)
