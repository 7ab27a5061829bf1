"""The forms in which a derivative is declared.

``scalar_rule`` for functions of scalars, ``jvp`` with ``vjp`` for functions of arrays,
``linear_rule`` for linear ones, ``zero_derivative`` and ``missing`` for the rest. Each takes all
the spellings of one mathematical function.

A body of ``scalar_rule`` is assignments and one return. It does not broadcast, accumulate, test
which arguments are active, conjugate or convert to the type of the cotangent: the engine does. In
a body, ``/`` is plain IEEE division and never raises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from numbad.rules import registry
from numbad.rules.domains import Domain, Kink
from numbad.rules.forms import (
    Constants,
    Function,
    LinearRule,
    Missing,
    PairRule,
    ScalarRule,
    Variant,
    ZeroDerivative,
)

REAL_ONLY = "r"
COMPLEX_ONLY = "c"
BOTH = "rc"


def scalar_rule(
    *functions: Function,
    domain: Domain | tuple[Domain, ...],
    singular: bool = False,
    steep: bool = False,
    kinks: tuple[Kink, ...] = (),
    keeps_integers: bool = False,
    impure: bool = False,
    columns: str = REAL_ONLY,
) -> Callable[[Function], ScalarRule]:
    """Declare the partials of a scalar function; the decorated body becomes its rule.

    Parameters
    ----------
    *functions
        All the spellings of the function.
    domain
        Where the rule may be sampled, per argument.
    singular
        Whether a partial can be infinite at finite arguments.
    steep
        Whether a partial can be infinite where the value is finite. Implies ``singular``.
    kinks
        Points where the partials are a convention.
    keeps_integers
        Whether integer arguments reach the body as integers.
    impure
        Whether the function draws random numbers, so that it may not run a second time.
    columns
        ``"r"`` for real operands, ``"c"`` for complex ones (the function is holomorphic), or both.

    Examples
    --------
    >>> @scalar_rule(my_square, domain=REAL)          # doctest: +SKIP
    ... def square(x):
    ...     return x + x
    """

    def declared(body: Function) -> ScalarRule:
        rule = ScalarRule(
            functions,
            body,
            singular=singular or steep,
            steep=steep,
            keeps_integers=keeps_integers,
            impure=impure,
            domain=_as_tuple(domain),
            kinks=kinks,
        )
        for function in functions:
            registry.register(function, rule, columns=columns)
        return rule

    return declared


def variant(
    rule: ScalarRule,
    applies: Callable[[Constants], bool],
    *,
    singular: bool = False,
    steep: bool = False,
) -> Callable[[Function], ScalarRule]:
    """Declare a body for constant operands that satisfy ``applies``; earlier variants win."""

    def declared(body: Function) -> ScalarRule:
        special = replace(
            rule, body=body, singular=singular or steep, steep=steep, kinks=(), variants=[]
        )
        rule.variants.append(Variant(applies, special))
        return special

    return declared


def declare(
    *functions: Function,
    samples: Callable[..., list[tuple[Any, ...]]] | None = None,
    domain: Domain | tuple[Domain, ...] = (),
    singular: bool = False,
    columns: str = REAL_ONLY,
) -> PairRule:
    """Announce a function whose two modes are declared by ``jvp`` and ``vjp`` of the result."""
    rule = PairRule(
        functions,
        singular=singular,
        domain=_as_tuple(domain),
        samples=samples,
    )
    for function in functions:
        registry.register(function, rule, columns=columns)
    return rule


def jvp(rule: PairRule) -> Callable[[Function], Function]:
    """Declare the forward mode of ``rule``: see ``PairRule``."""

    def declared(body: Function) -> Function:
        rule.jvp = body
        return body

    return declared


def vjp(rule: PairRule) -> Callable[[Function], Function]:
    """Declare the reverse mode of ``rule``: see ``PairRule``."""

    def declared(body: Function) -> Function:
        rule.vjp = body
        return body

    return declared


def linear_rule(
    *functions: Function,
    domain: Domain | tuple[Domain, ...] = (),
    columns: str = BOTH,
) -> Callable[[Function], LinearRule]:
    """Declare the transpose of a function that is linear in its first argument."""

    def declared(transpose: Function) -> LinearRule:
        rule = LinearRule(functions, transpose, _as_tuple(domain))
        for function in functions:
            registry.register(function, rule, columns=columns)
        return rule

    return declared


def zero_derivative(
    *functions: Function,
    note: str = "",
    impure: bool = False,
    refusal: str = "",
    columns: str = BOTH,
) -> ZeroDerivative:
    """Declare functions whose derivative is zero wherever it exists: see ``ZeroDerivative``."""
    rule = ZeroDerivative(functions, note, impure, refusal)
    for function in functions:
        registry.register(function, rule, columns=columns)
    return rule


def missing(
    *functions: Function,
    reason: str,
    remedy: str = "",
    columns: str = BOTH,
) -> Missing:
    """Declare functions that are refused, with the reason."""
    rule = Missing(functions, reason, remedy)
    for function in functions:
        registry.register(function, rule, columns=columns)
    return rule


def _as_tuple(domain: Domain | Iterable[Domain]) -> tuple[Domain, ...]:
    return tuple(domain) if isinstance(domain, Iterable) else (domain,)
