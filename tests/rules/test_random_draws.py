"""Draws move with their location and scale: differences at a fixed seed."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from numbad.rules import registry
from numbad.rules.forms import ScalarRule
from tests.rules import checks

FAMILIES = [r for r in registry.rules() if isinstance(r, ScalarRule) and r.impure]
CASES = [(rule, function) for rule in FAMILIES for function in rule.names]


@pytest.mark.parametrize(("rule", "function"), CASES, ids=lambda v: getattr(v, "__name__", ""))
def test_partials(rule: ScalarRule, function: Any) -> None:
    def draw(*args: float) -> float:
        np.random.seed(3)  # noqa: NPY002 - Numba's generators are the legacy ones
        random.seed(3)
        return function(*args)

    args = checks.sample_real(rule, random.Random(1))
    partials = checks.run_body(rule, args, draw(*args))
    for position, partial in enumerate(partials):
        step = 1e-6
        above = draw(*checks._moved(args, position, step))
        below = draw(*checks._moved(args, position, -step))
        assert partial == pytest.approx((above - below) / (2 * step), rel=1e-7)


def test_arguments_with_defaults_may_be_absent() -> None:
    rule = registry.lookup(np.random.normal)
    assert isinstance(rule, ScalarRule)
    assert rule.body(2.0, y=5.0) == (1, 3.0)
    assert rule.body(y=5.0) == (1, 5.0)


@pytest.mark.parametrize("function", [np.random.gamma, np.random.poisson, np.random.choice])
def test_unknown_derivatives_are_refused(function: Any) -> None:
    rule = registry.lookup(function)
    assert isinstance(rule, registry.ZeroDerivative)
    assert rule.impure
    assert rule.refusal
