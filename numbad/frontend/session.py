"""What a build may rely on: handlers of functions, and which functions have derivative rules."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

from numbad.frontend.registry import Handler
from numbad.ir.types import Type


class Session:
    """The handlers of the array layer and the registry of rules.

    Parameters
    ----------
    handlers : dict, optional
        Handlers that take precedence over those of the array layer.
    user_rules : dict, optional
        Functions that the user gave a rule: they become ``ir.Call`` before anything else is tried.
        The value is a function from argument types to the result type, or None to ask Numba.
    """

    def __init__(
        self,
        handlers: dict[Any, Handler] | None = None,
        user_rules: dict[Any, Callable[..., Type] | None] | None = None,
    ) -> None:
        self._handlers = handlers or {}
        self.user_rules = user_rules or {}

    @cached_property
    def handlers(self) -> dict[Any, Handler]:
        """Handlers by function object."""
        from numbad.frontend import arrays

        return {**arrays.HANDLERS, **self._handlers}

    def special(self, fn: Any) -> Handler | None:
        """Return the handler of an object that is called in a way of its own, before all else."""
        del fn
        return None

    def identity_matters(self, fn: Any) -> bool:
        """Whether a function may be treated differently from others of the same code."""
        del fn
        return False

    def has_user_rule(self, fn: Any) -> bool:
        """Whether the user gave the function a rule."""
        try:
            return fn in self.user_rules
        except TypeError:
            return False

    def has_rule(self, fn: Any) -> bool:
        """Whether the function is differentiated by a rule instead of by its source."""
        from numbad.rules import registry

        try:
            return registry.lookup(fn) is not None
        except TypeError:
            return False

    def is_scalar_rule(self, fn: Any) -> bool:
        """Whether the function's rule is for one number, applied to each element of arrays."""
        import numpy as np

        from numbad.rules import registry

        if isinstance(fn, np.ufunc):
            return True
        try:
            rule = registry.lookup(fn)
        except TypeError:
            return False
        return type(rule).__name__ in ("ScalarRule", "ZeroDerivative")

    def result_type(self, fn: Any, types: tuple[Type, ...]) -> Type | None:
        """Type of ``fn(*args)``; None to ask Numba."""
        rule = self.user_rules.get(fn) if self.has_user_rule(fn) else None
        return None if rule is None else rule(*types)
