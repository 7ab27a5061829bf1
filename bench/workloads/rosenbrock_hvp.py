"""A Hessian-vector product of the Rosenbrock function of 1e6 variables."""

import numpy as np
from numba import njit

from bench.workload import Args, Contestant, Workload
from bench.workloads.rosenbrock import primal as objective
from bench.workloads.rosenbrock import torch_objective


def make_args(small: bool = False) -> Args:
    """A point and a direction."""
    x = np.linspace(-1.0, 1.0, 8 if small else 1_000_000)
    return (x, np.cos(3.0 * x))


@njit
def primal(x, v):
    """The function itself; the direction does not matter to it."""
    return objective(x)


def numbad_factory(args: Args) -> Contestant:
    """Forward over reverse mode."""
    from numbad import hvp

    x, v = args
    value = objective(x)
    return lambda: (value, hvp(objective, x, v))


@njit
def product(x, v):
    """The tangent of the hand-written gradient."""
    n = x.size
    out = np.empty(n)
    carry = 0.0
    for i in range(n - 1):
        here = x[i]
        b = x[i + 1] - here * here
        b_dot = v[i + 1] - 2.0 * here * v[i]
        following = 200.0 * b_dot  # before the store, so that LLVM vectorises
        out[i] = carry + v[i] * (2.0 - 400.0 * b) - 400.0 * here * b_dot
        carry = following
    out[n - 1] = carry
    return out


_values: dict[int, float] = {}


def hand_adjoint(x, v):
    """The product; the value, which is not asked for, is computed at the first call only."""
    if x.size not in _values:
        _values[x.size] = objective(x)
    return _values[x.size], product(x, v)


def jax_factory(args: Args) -> Contestant:
    """``jvp`` of ``grad``."""
    import jax

    jax.config.update("jax_enable_x64", True)
    x, v = (jax.numpy.asarray(each) for each in args)
    compiled = jax.jit(lambda x, v: jax.jvp(jax.grad(torch_objective), (x,), (v,))[1])
    value = objective(args[0])
    return lambda: (value, jax.block_until_ready(compiled(x, v)))


def torch_factory(args: Args) -> Contestant:
    """``torch.func.jvp`` of ``grad``."""
    import torch

    torch.set_num_threads(1)
    x, v = (torch.from_numpy(each) for each in args)
    gradient = torch.func.grad(torch_objective)
    value = objective(args[0])
    return lambda: (value, torch.func.jvp(gradient, (x,), (v,))[1])


def casadi_factory(args: Args) -> Contestant:
    """A CasADi expression of whole vectors."""
    import casadi

    x, v = args
    symbol, direction = casadi.MX.sym("x", x.size), casadi.MX.sym("v", x.size)
    here, after = symbol[:-1], symbol[1:]
    b = after - here * here
    value = casadi.sumsqr(1.0 - here) + 100.0 * casadi.sumsqr(b)
    product = casadi.jtimes(casadi.gradient(value, symbol), symbol, direction)
    function = casadi.Function("f", [symbol, direction], [product])
    primal_value = objective(x)
    return lambda: (primal_value, function(x, v).full().ravel())


WORKLOAD = Workload(
    name="rosenbrock_hvp",
    title="Hessian-vector product, Rosenbrock, n = 1e6",
    make_args=make_args,
    primal=primal,
    wrt=0,
    hand={"hand": hand_adjoint},
    peers={"jax": jax_factory, "torch": torch_factory, "casadi": casadi_factory},
    numbad=numbad_factory,
    reasons={
        "hand": (
            "apart both take the same time; here the memory of the result, which is new in each "
            "call, is at hand more often"
        ),
    },
)
