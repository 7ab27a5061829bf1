"""What the registry holds: one class per way of stating a derivative.

======================  ==========================================================================
``ScalarRule``          local partials of a function of scalars; serves both modes
``PairRule``            a body per mode, for array functions and for functions of complex numbers
                        that are not holomorphic
``LinearRule``          the tangent is the function applied to the tangent; only the transpose is
                        written
``ZeroDerivative``      the derivative is zero wherever it exists, or the result is not a number
``Missing``             known, and refused with a reason
======================  ==========================================================================

Bodies are plain Python functions in the language that numbad differentiates. The engine inlines
them, so the derivative of a derivative needs nothing more.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from numbad.rules.domains import Domain, Kink
from numbad.rules.reads import Reads, read_partials

Function = Callable[..., Any]
Constants = Sequence[Any]


@dataclass(frozen=True)
class Variant:
    """A rule to prefer when the constant operands satisfy ``applies``.

    ``applies`` is given the operands: a Python number where it is a constant, else None.
    """

    applies: Callable[[Constants], bool]
    rule: ScalarRule


@dataclass(frozen=True, eq=False)
class ScalarRule:
    """Local partials of a function of scalars.

    ``body(*args)`` or ``body(*args, y=result)`` returns the partial (one argument) or a tuple of
    partials (several); None where an argument has no derivative by structure.

    Attributes
    ----------
    names
        The functions that the rule is for.
    body
        The partials, as a plain Python function.
    singular
        Whether a partial can be infinite at finite arguments (poles and overflow alike). A zero
        cotangent times such a partial counts as zero.
    steep
        Whether a partial can be infinite where the value is finite, as that of the square root at
        0. What flows into such an argument can get an infinite cotangent; a zero slope times that
        counts as zero, so that √(x²) has slope 0 at 0.
    keeps_integers
        Whether the body is meant to see integer arguments as integers. All other bodies expect
        integer arguments converted to the type of the result.
    impure
        As in ``ZeroDerivative``.

    Trailing arguments with a default in ``body`` may be absent from a call.
    """

    names: tuple[Function, ...]
    body: Function
    singular: bool = False
    steep: bool = False
    keeps_integers: bool = False
    impure: bool = False
    domain: tuple[Domain, ...] = ()
    kinks: tuple[Kink, ...] = ()
    variants: list[Variant] = field(default_factory=list)

    @cached_property
    def n_args(self) -> int:
        """Number of positional arguments."""
        return len(positional(self.body))

    @cached_property
    def defaults(self) -> tuple[float, ...]:
        """Values of the last arguments where a call leaves them out."""
        return tuple(self.body.__defaults__ or ())

    @cached_property
    def takes_result(self) -> bool:
        """Whether the body has the keyword-only parameter ``y``, the primal result."""
        return "y" in inspect.signature(self.body).parameters

    @cached_property
    def reads(self) -> tuple[Reads | None, ...]:
        """What each partial reads; None for an argument without a derivative."""
        return read_partials(self.body, self.n_args)

    def specialise(self, constants: Constants) -> ScalarRule:
        """Return the rule for these constant operands (None where not constant)."""
        for variant in self.variants:
            if variant.applies(constants):
                return variant.rule
        return self


@dataclass(eq=False)
class PairRule:
    """A body per mode. Either may be None, with the reason in ``reasons[mode]``.

    ``jvp(*args, *tangents)`` or ``jvp(*args, *tangents, y=result)`` returns one *term* per
    argument (a bare term if there is one argument): the contribution of that argument's tangent
    alone, so that the tangent of the result is the sum of the terms of the active arguments. None
    where an argument has no derivative.

    ``vjp(y_bar, *args)`` or ``vjp(y_bar, *args, y=result)`` returns one cotangent per argument (a
    bare one if there is one argument); None where an argument has no derivative.

    The result is one number or one array: a function with several is decomposed by the front end
    into functions with one. Each term reads only the tangent
    of its own argument, and each cotangent stands alone: those of inactive arguments are dead
    code.

    The convention for complex numbers: the cotangent of ``z = u + iv`` under a real function is
    the derivative with respect to ``u`` plus ``i`` times that with respect to ``v``.
    """

    names: tuple[Function, ...]
    jvp: Function | None = None
    vjp: Function | None = None
    singular: bool = False
    domain: tuple[Domain, ...] = ()
    samples: Callable[..., list[tuple[Any, ...]]] | None = None
    reasons: dict[str, str] = field(default_factory=dict)

    @cached_property
    def n_args(self) -> int:
        """Number of positional arguments."""
        if self.vjp is not None:
            return len(positional(self.vjp)) - 1
        assert self.jvp is not None
        return len(positional(self.jvp)) // 2


@dataclass(eq=False)
class LinearRule:
    """A function that is linear (over the reals) in its first argument.

    Tangent: the function itself at ``(x_dot, *rest)``. Cotangent: ``transpose(y_bar, *args)``, of
    the first argument only.
    """

    names: tuple[Function, ...]
    transpose: Function
    domain: tuple[Domain, ...] = ()

    @cached_property
    def n_args(self) -> int:
        """Number of positional arguments."""
        return len(positional(self.transpose)) - 1


@dataclass(frozen=True, eq=False)
class ZeroDerivative:
    """The derivative is zero wherever it exists.

    ``impure``: the function draws random numbers or otherwise touches the outside world, so that
    it must run once, in order, and may not be run again to recompute its value.

    ``refusal``: where not empty, the derivative with respect to the arguments is not zero but
    unknown: a call with an active argument is an error, and this is its reason.
    """

    names: tuple[Function, ...]
    note: str = ""
    impure: bool = False
    refusal: str = ""


@dataclass(frozen=True, eq=False)
class Missing:
    """A function that numbad knows and refuses, with the reason shown to the user."""

    names: tuple[Function, ...]
    reason: str
    remedy: str = ""


Rule = ScalarRule | PairRule | LinearRule | ZeroDerivative | Missing


def positional(function: Function) -> list[str]:
    """Return the names of the positional parameters."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(function).parameters.values()
    return [each.name for each in parameters if each.kind in kinds]
