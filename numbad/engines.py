"""Which engine differentiates a call: the compiled one, or the traced one where that cannot.

With ``engine="auto"`` a function that the compiled engine refuses is traced, after one warning per
function. The refusal comes before the function runs, so its effects happen once.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from typing import Any

from numbad.calls import check_engine, function_key, name_of
from numbad.errors import (
    CompilationFailed,
    DifferentiationError,
    InternalError,
    NoRule,
    SourceUnavailable,
    TracedFallbackWarning,
    TypeInferenceFailed,
    UnsupportedSyntax,
)
from numbad.traced.levels import is_tracing

_REFUSALS = (
    SourceUnavailable,
    UnsupportedSyntax,
    TypeInferenceFailed,
    CompilationFailed,
    InternalError,
)

_warned: set[Any] = set()


def dispatch(
    engine: str | None,
    function: Any,
    compiled: Callable[[], Any],
    traced: Callable[[], Any],
) -> Any:
    """Return what the engine of a call gives.

    Parameters
    ----------
    engine : str or None
        As the user gave it.
    function : callable
        What is differentiated; named in the warning.
    compiled, traced : callable
        Do the work with one of the engines.
    """
    chosen = check_engine(engine)
    if not callable(function):
        raise TypeError(
            f"{type(function).__name__!r} object is not callable: a function to differentiate comes"
            " first."
        )
    if chosen == "traced" or is_tracing():
        # Within a traced function, the values of an outer differentiation may be anywhere.
        return traced()
    if chosen == "compiled":
        return compiled()
    try:
        return compiled()
    except NoRule as error:
        without_rule = error
    except _REFUSALS as error:
        _warn(function, error)
        return _traced(traced)
    # A function without rule may have nothing to do with the derivative: a clock, a log, a file.
    try:
        found = _traced(traced)
    except NoRule:
        raise without_rule from None
    _warn(function, without_rule)
    return found


def _traced(work: Callable[[], Any]) -> Any:
    """Do the work of the traced engine, with compiled kernels where they are called."""
    from numbad.compiled_calls import compiled_calls

    with compiled_calls():
        return work()


def _warn(function: Any, refusal: DifferentiationError) -> None:
    """Tell once per function why it is traced."""
    key = function_key(function)
    if key in _warned:
        return
    _warned.add(key)
    warnings.warn(
        TracedFallbackWarning(
            f"`{name_of(function)}` is differentiated by the traced engine, which is slow.",
            origin=refusal.origin,
            why=f"The compiled engine: {refusal.what}\n{refusal.why}".rstrip(),
            remedy=(refusal.remedy + "\n" if refusal.remedy else "")
            + 'engine="compiled" makes this an error, engine="traced" silences it.',
        ),
        stacklevel=_depth(),
    )


def _depth() -> int:
    """Return the stack level of the caller of numbad."""
    level = 1
    frame = sys._getframe(1)
    while frame is not None and str(frame.f_globals.get("__name__", "")).split(".")[0] == "numbad":
        frame = frame.f_back  # type: ignore[assignment]
        level += 1
    return level


def forget() -> None:
    """Warn again of functions that were warned of."""
    _warned.clear()
