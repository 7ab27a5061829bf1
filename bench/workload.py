"""What one benchmark workload is, and the small helpers that workload files share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Args = tuple[Any, ...]
Contestant = Callable[[], tuple[Any, Any]]
"""Calls with nothing and returns ``(value, gradient)``; arguments are bound beforehand."""
Factory = Callable[[Args], Contestant]
"""Prepares a contestant for given arguments; conversions and compilation are not timed."""


@dataclass(frozen=True)
class Workload:
    """One objective, its hand-written adjoints and its peers.

    Parameters
    ----------
    name : str
        Short name: the module's name and the command line's ``--only``.
    title : str
        The row of the result table.
    make_args : callable
        ``make_args(small=False)`` gives the arguments of ``primal``, the same at every call.
        ``small=True`` gives a size at which finite differences are affordable.
    primal : callable
        The objective, as a Numba user writes it.
    wrt : int or tuple of int
        Positions of the arguments that are differentiated.
    hand : mapping of str to callable
        Hand-written adjoints ``adjoint(*args) -> (value, gradient)``. The one called ``"hand"``
        keeps the structure and the floating-point strictness of ``primal`` and is the yardstick;
        others (``"hand, restructured"``) show what rewriting the algorithm would give.
    peers : mapping of str to factory
        Other libraries. A factory imports its library, so that missing ones are only skipped.
    numbad : factory, optional
        How numbad is called, where it is not ``value_and_grad(primal, wrt)``.
    reasons : mapping of str to str
        For each contestant known to be faster than numbad: why.
    tolerance : float
        Largest relative difference between gradients.
    """

    name: str
    title: str
    make_args: Callable[..., Args]
    primal: Callable[..., Any]
    wrt: int | tuple[int, ...]
    hand: Mapping[str, Callable[..., tuple[Any, Any]]]
    peers: Mapping[str, Factory] = field(default_factory=dict)
    numbad: Factory | None = None
    reasons: Mapping[str, str] = field(default_factory=dict)
    tolerance: float = 1e-9


def jax_value_and_grad(
    objective: Callable[..., Any],
    args: Args,
    wrt: int | tuple[int, ...],
    static: tuple[int, ...] = (),
) -> Contestant:
    """A jitted JAX ``value_and_grad`` in double precision, its arguments already on the device."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    jax.config.update("jax_enable_x64", True)
    compiled = jax.jit(jax.value_and_grad(objective, wrt), static_argnums=static)
    converted = tuple(
        arg if position in static or not isinstance(arg, np.ndarray | float) else jnp.asarray(arg)
        for position, arg in enumerate(args)
    )
    return lambda: jax.block_until_ready(compiled(*converted))


def torch_value_and_grad(
    objective: Callable[..., Any], args: Args, wrt: int | tuple[int, ...], compile: bool = False
) -> Contestant:
    """A PyTorch gradient in double precision on one thread, eager or through ``torch.compile``."""
    import numpy as np
    import torch

    torch.set_num_threads(1)
    positions = (wrt,) if isinstance(wrt, int) else wrt
    function = torch.compile(objective) if compile else objective
    converted = [
        torch.tensor(arg, dtype=torch.float64)
        if isinstance(arg, float)
        else torch.from_numpy(arg)
        if isinstance(arg, np.ndarray)
        else arg
        for arg in args
    ]
    for position in positions:
        converted[position] = converted[position].clone().requires_grad_()

    def call() -> tuple[Any, Any]:
        value = function(*converted)
        grads = torch.autograd.grad(value, [converted[position] for position in positions])
        return value.detach(), grads[0] if isinstance(wrt, int) else grads

    return call
