"""Every scalar function that Numba compiles has a rule, a zero derivative or a stated refusal."""

from __future__ import annotations

import cmath
import inspect
import math
import operator
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from numbad.kernels.factors import (
    eig_packed,
    eigh_packed,
    eigvals_plain,
    pseudo_inverse,
    qr_packed,
    slogdet_packed,
    svd_packed,
)
from numbad.rules import registry
from numbad.rules.forms import PairRule

# Functions of sequences, lowered to scalar operations before rules are asked.
OF_SEQUENCES = {math.dist, math.fsum, math.prod, getattr(math, "sumprod", None)}
NOT_NUMERIC = {
    operator.attrgetter,
    operator.call,
    operator.concat,
    operator.countOf,
    operator.delitem,
    operator.getitem,
    operator.iconcat,
    operator.indexOf,
    operator.itemgetter,
    operator.length_hint,
    operator.methodcaller,
    operator.setitem,
}
# Functions that the front end writes out in terms of others.
DECOMPOSED = {
    math.frexp,
    math.modf,
    cmath.polar,
    np.linalg.cond,
    np.linalg.eig,
    np.linalg.eigh,
    np.linalg.eigvals,
    np.linalg.lstsq,
    np.linalg.matrix_power,
    np.linalg.pinv,
    np.linalg.qr,
    np.linalg.slogdet,
    np.linalg.svd,
}
LINEAR_ALGEBRA = [
    np.linalg.cholesky,
    np.linalg.det,
    np.linalg.eigvalsh,
    np.linalg.inv,
    np.linalg.matrix_rank,
    np.linalg.solve,
    np.dot,
    np.vdot,
    eig_packed,
    eigh_packed,
    eigvals_plain,
    pseudo_inverse,
    qr_packed,
    slogdet_packed,
    svd_packed,
]


def functions_of(module: ModuleType) -> list[Any]:
    """Return the public functions of a module."""
    values = (value for name, value in vars(module).items() if not name.startswith("_"))
    return [value for value in values if callable(value) and not inspect.ismodule(value)]


UFUNCS = [each for each in functions_of(np) if isinstance(each, np.ufunc)]


@pytest.mark.parametrize("module", [math, cmath, operator], ids=lambda m: m.__name__)
def test_modules(module: ModuleType) -> None:
    absent = [
        each
        for each in functions_of(module)
        if each not in OF_SEQUENCES | NOT_NUMERIC | DECOMPOSED
        and registry.lookup(each) is None
        and registry.lookup(each, is_complex=True) is None
    ]
    assert not absent


def test_ufuncs() -> None:
    assert not [each for each in UFUNCS if registry.lookup(each) is None]


def test_complex_ufuncs() -> None:
    """Ufuncs with a complex loop have a rule for complex operands."""
    takes_complex = [each for each in UFUNCS if any("D" in types for types in each.types)]
    assert not [each for each in takes_complex if registry.lookup(each, is_complex=True) is None]


def test_cmath_serves_complex_operands() -> None:
    served = set(functions_of(cmath)) - DECOMPOSED
    assert not [each for each in served if registry.lookup(each, is_complex=True) is None]


def test_linear_algebra() -> None:
    assert not [
        (each, is_complex)
        for each in LINEAR_ALGEBRA
        for is_complex in (False, True)
        if registry.lookup(each, is_complex=is_complex) is None
    ]


def test_random_draws_are_impure() -> None:
    generators = {"RandomState", "default_rng", "get_state", "set_state", "test"}
    draws = [
        value
        for name, value in vars(np.random).items()
        if inspect.isbuiltin(value) and name not in generators
    ]
    absent = [each for each in draws if not getattr(registry.lookup(each), "impure", False)]
    assert {each.__name__ for each in absent} <= {
        "bytes",
        "random_integers",
        "get_bit_generator",
        "set_bit_generator",
    }


def test_both_modes_are_declared() -> None:
    for is_complex in (False, True):
        for rule in registry.rules(is_complex=is_complex):
            if isinstance(rule, PairRule):
                assert rule.jvp is not None
                assert rule.vjp is not None


def test_refusals_have_reasons() -> None:
    for rule in registry.rules():
        if isinstance(rule, registry.Missing):
            assert rule.reason


def test_unknown_functions_have_no_rule() -> None:
    assert registry.lookup(len) is not None
    assert registry.lookup(test_unknown_functions_have_no_rule) is None
    assert registry.lookup([]) is None


def test_registration_and_its_undoing() -> None:
    def mine(x: float) -> float:
        return x

    rule = registry.ZeroDerivative((mine,))
    registry.register(mine, rule)
    assert registry.lookup(mine) is rule
    assert registry.lookup(mine, is_complex=True) is rule
    registry.unregister(mine)
    assert registry.lookup(mine) is None
