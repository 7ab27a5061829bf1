"""Automatic differentiation of the code that Numba users write.

``gradient(f, x)`` reads the source of ``f``, differentiates it, writes the derivative as Python and
has Numba compile it. See the documentation of ``gradient``, ``pullback`` and ``jvp`` to start.
"""

from typing import TYPE_CHECKING, Any

import numbad.inside
import numbad.inside_verbs  # noqa: F401
from numbad.api import (
    ValueAndGrad,
    derivative,
    grad,
    gradient,
    jvp,
    pullback,
    pushforward,
    value_and_grad,
    vjp,
    withgradient,
)
from numbad.buffers import Buffer
from numbad.config import config
from numbad.custom.declare import adjoint, custom_rule, nograd, refresh
from numbad.errors import DifferentiationError, GradsKeyError, SparsityMismatch
from numbad.hessians import (
    ValueGradHess,
    diaghessian,
    hessian,
    hessian_reverse,
    hvp,
    withhessian,
)
from numbad.jacobians import jacobian, withjacobian
from numbad.markers import Const, dropgrad, forwarddiff, ignore_derivatives
from numbad.parameters import Grads, Params, copyto
from numbad.show import code_adjoint, code_primal, code_tangent, explain
from numbad.solvers import implicit
from numbad.sparse.coloring import Coloring
from numbad.sparse.evaluate import hessian_sparsity, jacobian_sparsity
from numbad.sparse.pattern import SparsityPattern
from numbad.testing import check_grads
from numbad.utilities import checkpointed, hook, isderiving, nestlevel, showgrad

if TYPE_CHECKING:
    from numbad.lanes import Lanes

__version__ = "0.1.0"

__all__ = [
    "Buffer",
    "Coloring",
    "Const",
    "DifferentiationError",
    "Grads",
    "GradsKeyError",
    "Lanes",
    "Params",
    "SparsityMismatch",
    "SparsityPattern",
    "ValueAndGrad",
    "ValueGradHess",
    "adjoint",
    "check_grads",
    "checkpointed",
    "code_adjoint",
    "code_primal",
    "code_tangent",
    "config",
    "copyto",
    "custom_rule",
    "derivative",
    "diaghessian",
    "dropgrad",
    "explain",
    "forwarddiff",
    "grad",
    "gradient",
    "hessian",
    "hessian_reverse",
    "hessian_sparsity",
    "hook",
    "hvp",
    "ignore_derivatives",
    "implicit",
    "isderiving",
    "jacobian",
    "jacobian_sparsity",
    "jvp",
    "nestlevel",
    "nograd",
    "pullback",
    "pushforward",
    "refresh",
    "showgrad",
    "value_and_grad",
    "vjp",
    "withgradient",
    "withhessian",
    "withjacobian",
]


def __getattr__(name: str) -> Any:
    # Lanes register themselves with Numba's compiler, which few programs load at once.
    if name == "Lanes":
        from numbad.lanes import Lanes

        return Lanes
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
