"""Axes that are known only when the program runs: one branch per axis.

The result has the same type whichever axis it is, so the branches meet again.
"""

from __future__ import annotations

import inspect
import operator
from typing import TYPE_CHECKING

import numpy as np

from numbad.frontend.arrays.convert import to_lazy
from numbad.frontend.arrays.lazy import settle
from numbad.frontend.arrays.registry import HANDLERS, METHODS, Handler
from numbad.frontend.arrays.support import Node, either, integer
from numbad.frontend.sequences import loop_of
from numbad.frontend.values import OperandValue, Value
from numbad.ir import nodes as ir
from numbad.ir.types import INT64, is_integer

if TYPE_CHECKING:
    from numbad.frontend.builder import Builder

FUNCTIONS = (
    np.sum, np.prod, np.mean, np.var, np.std, np.max, np.amax, np.min, np.amin, np.ptp,
    np.argmax, np.argmin, np.all, np.any, np.count_nonzero, np.median, np.average,
    np.nansum, np.nanprod, np.nanmean, np.nanvar, np.nanstd, np.nanmax, np.nanmin,
    np.cumsum, np.cumprod, np.diff, np.sort, np.argsort, np.flip, np.take, np.size,
)  # fmt: skip
"""Functions whose result has the same type for every axis."""

METHOD_NAMES = (
    *("sum", "prod", "mean", "var", "std", "max", "min", "argmax", "argmin", "all", "any"),
    *("cumsum", "cumprod", "sort", "argsort", "take"),
)


def _run_time_axis(builder: Builder, axis: Value | None) -> ir.Var | None:
    """Return the operand of an axis that is not known while building; None if it is."""
    if not isinstance(axis, OperandValue) or not isinstance(axis.operand, ir.Var):
        return None
    operand = axis.operand
    if not is_integer(operand.type) or loop_of(builder, operand) is not None:
        return None
    return None if builder.live.pin(operand) is not None else operand


def any_axis(handler: Handler, position: int) -> Handler:
    """Extend a handler whose argument ``axis``, at a position, must be known."""

    def extended(
        builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node
    ) -> Value:
        given = kwargs.get("axis", args[position] if len(args) > position else None)
        operand = _run_time_axis(builder, given)
        if operand is None:
            return handler(builder, args, kwargs, node)
        axis = builder.cast(operand, INT64)
        values = [settle(builder, value) for value in args]
        ndim = len(to_lazy(builder, values[0], node).dims)
        outside = either(
            builder,
            builder.call(operator.lt, axis, integer(-ndim)),
            builder.call(operator.ge, axis, integer(ndim)),
        )
        builder.raise_if(outside, ValueError, "axis is out of bounds for the array")

        def along(known: int) -> Value:
            number = builder.number(known)
            if "axis" in kwargs:
                found = handler(builder, list(values), {**kwargs, "axis": number}, node)
            else:
                rest = values[position + 1 :]
                found = handler(builder, [*values[:position], number, *rest], kwargs, node)
            return settle(builder, found)

        def choose(known: int) -> Value:
            if known == ndim - 1:
                return along(known)
            here = either(
                builder,
                builder.call(operator.eq, axis, integer(known)),
                builder.call(operator.eq, axis, integer(known - ndim)),
            )
            return builder.branch(here, lambda: along(known), lambda: choose(known + 1))

        return choose(0)

    return extended


def extend_handlers() -> None:
    """Extend the handlers of ``FUNCTIONS`` and of the methods in ``METHOD_NAMES``."""
    for function in FUNCTIONS:
        position = list(inspect.signature(function).parameters).index("axis")
        HANDLERS[function] = any_axis(HANDLERS[function], position)
    for name in METHOD_NAMES:
        METHODS[name] = any_axis(METHODS[name], 2 if name == "take" else 1)
