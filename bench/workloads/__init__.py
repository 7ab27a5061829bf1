"""The workloads, one module each; ``load`` finds one by name."""

import importlib

from bench.workload import Workload

NAMES = (
    "rosenbrock",
    "lorenz",
    "brusselator",
    "lj_energy",
    "lj_verlet",
    "gmm",
    "bundle",
    "bundle_blocks",
    "lstm",
    "asian_option",
    "lorenz_forward",
    "dense_jacobian",
    "rosenbrock_hessian",
    "rosenbrock_hvp",
    "mlp",
    "logistic",
    "softmax",
    "gmm_arrays",
    "convolution",
    "chain",
)


def load(name: str) -> Workload:
    """Import a workload, and only that one: importing decorates functions but compiles nothing."""
    workload: Workload = importlib.import_module(f"bench.workloads.{name}").WORKLOAD
    return workload
