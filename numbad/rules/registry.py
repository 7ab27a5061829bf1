"""The table of derivative rules, by the function that is differentiated.

There are two columns: one for calls with real operands, one for calls with a complex operand. A
rule that holds for both stands in both.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from numbad.rules.forms import (
    Function,
    LinearRule,
    Missing,
    PairRule,
    Rule,
    ScalarRule,
    ZeroDerivative,
)

__all__ = [
    "LinearRule",
    "Missing",
    "PairRule",
    "Rule",
    "ScalarRule",
    "ZeroDerivative",
    "is_impure",
    "lookup",
    "register",
    "rules",
    "unregister",
]

_real: dict[Any, Rule] = {}
_complex: dict[Any, Rule] = {}


def lookup(function: Any, *, is_complex: bool = False) -> Rule | None:
    """Return the rule of a function, or None if nothing is known about it.

    Parameters
    ----------
    function
        The callable as it stands in the program: ``math.sin``, ``operator.add``, ``np.dot`` ...
    is_complex
        Whether an operand of the call is complex.
    """
    try:
        if is_complex:
            return _complex.get(function)
        return _real.get(function)
    except TypeError:
        return None


def is_impure(function: Any) -> bool:
    """Whether calls must run once and in order: random draws."""
    rule = lookup(function)
    return isinstance(rule, ZeroDerivative | ScalarRule) and rule.impure


def register(function: Function, rule: Rule, *, columns: str = "rc") -> None:
    """Make ``rule`` the rule of ``function`` for real (``r``) and complex (``c``) operands.

    An earlier rule is replaced.
    """
    if "r" in columns:
        _real[function] = rule
    if "c" in columns:
        _complex[function] = rule


def unregister(function: Function) -> None:
    """Forget all rules of a function."""
    _real.pop(function, None)
    _complex.pop(function, None)


def rules(*, is_complex: bool = False) -> Iterator[Rule]:
    """Iterate over the distinct rules, in order of declaration."""
    seen: set[int] = set()
    for rule in (_complex if is_complex else _real).values():
        if id(rule) not in seen:
            seen.add(id(rule))
            yield rule
