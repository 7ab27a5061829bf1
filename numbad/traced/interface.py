"""For code that wants to take part in a trace: markers, hooks, buffers.

Importing it loads the whole traced engine; while ``levels.is_tracing()`` is False there is no need.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from numbad.traced import (  # noqa: F401 - each fills in hooks or a table
    activity,
    arrays,
    bodies,
    dispatch,
    fourier,
    intercept,
    marks,
    numpy_converter,
    numpy_protocol,
    products,
    proxies,
    python_functions,
    quantiles,
    reductions,
    structural,
    user_rules,
)
from numbad.traced.activity import is_active, level_of, settle, strip
from numbad.traced.engine import (
    gradient,
    gradient_of_params,
    jvp,
    pullback,
    pullback_of_params,
)
from numbad.traced.intercept import call
from numbad.traced.levels import beneath, is_tracing, nestlevel
from numbad.traced.registry import handles
from numbad.traced.values import Traced, TracedArray, plain, wrap

__all__ = [
    "call",
    "gradient",
    "gradient_of_params",
    "handles",
    "is_active",
    "is_tracer",
    "is_tracing",
    "jvp",
    "nestlevel",
    "pullback",
    "pullback_of_params",
    "record",
    "unwrapped",
]


def is_tracer(value: Any) -> bool:
    """Whether a value stands for a number or array in a traced function."""
    return isinstance(value, Traced)


def unwrapped(value: Any) -> Any:
    """Return the number or array behind a traced value; other values as they are."""
    return plain(value)


def record(
    value: Any, x: Any, pull: Callable[[Any], Any], push: Callable[[Any], Any] | None = None
) -> Any:
    """Return ``value`` as a result of ``x`` with a derivative of its own.

    Parameters
    ----------
    value
        A number or array; it may be computed from ``x``, its derivative does not count.
    x
        A number or array, traced or not.
    pull
        Takes the cotangent of ``value``, or None where nothing flows back, once in each backward
        sweep; returns that of ``x`` or None.
    push
        Takes the tangent of ``x`` and returns that of ``value``; by default they are the same.
    """
    x = settle(x)
    level = level_of(x)
    if level is None:
        return value
    with beneath(level):
        y = record(strip(settle(value), level), strip(x, level), pull, push)
        if isinstance(y, TracedArray | np.ndarray):
            y = call(np.copy, wrap(y))
    return level.record(  # type: ignore[call-arg]
        y,
        [x],
        lambda tangents: tangents[0] if push is None else push(tangents[0]),
        lambda y_bar: [pull(y_bar)],
        always=True,
    )
