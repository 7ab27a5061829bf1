"""Every rule of the registry against an oracle: declaring a rule adds its tests."""

from __future__ import annotations

import cmath
import random
from typing import Any

import mpmath
import numpy as np
import pytest

from numbad.kernels import scipy_functions
from numbad.kernels.arithmetic import absorb, absorb_both
from numbad.kernels.factors import eigh_packed, slogdet_packed, svd_packed
from numbad.rules import registry
from numbad.rules.domains import Integers
from numbad.rules.forms import LinearRule, PairRule, ScalarRule
from tests.rules import checks, references

REAL_RULES = [
    r
    for r in registry.rules()
    if isinstance(r, ScalarRule)
    and not r.impure
    and r.names[0] not in scipy_functions.FUNCTIONS.values()  # test_scipy_functions.py
]
HOLOMORPHIC = [r for r in registry.rules(is_complex=True) if isinstance(r, ScalarRule)]
ARRAY_RULES = [
    (rule, is_complex)
    for is_complex in (False, True)
    for rule in registry.rules(is_complex=is_complex)
    if isinstance(rule, PairRule) and rule.samples
]
PARTS_RULES = [
    rule
    for rule in registry.rules(is_complex=True)
    if isinstance(rule, LinearRule) or (isinstance(rule, PairRule) and not rule.samples)
]


def reference_of(rule: ScalarRule, table: dict[Any, Any]) -> Any:
    """Return the reference; a rule without one fails its test."""
    for function in rule.names:
        if function in table:
            return table[function]
    pytest.fail(f"add {checks.name_of(rule)} to references.py")


@pytest.mark.parametrize("rule", REAL_RULES, ids=checks.name_of)
def test_real_partials(rule: ScalarRule) -> None:
    checks.check_partials(rule, reference_of(rule, references.REAL))


@pytest.mark.parametrize("rule", REAL_RULES, ids=checks.name_of)
def test_spellings_agree_with_the_reference(rule: ScalarRule) -> None:
    reference = reference_of(rule, references.REAL)
    source = random.Random(3)
    args = checks.sample_real(rule, source)
    for function in rule.names:
        with mpmath.workdps(references.DIGITS):
            wanted = reference_for(function, reference)(*map(checks.exact, args))
            assert checks.distance(call(function, args), wanted) < 1e-13, function


def reference_for(function: Any, default: Any) -> Any:
    """Return the spelling's own reference, if it has one."""
    return references.REAL.get(function, default)


def call(function: Any, args: tuple[Any, ...]) -> Any:
    """Call with float64 operands; the kernels are compiled elsewhere."""
    return getattr(function, "py_func", function)(*args)


@pytest.mark.parametrize("rule", REAL_RULES, ids=checks.name_of)
def test_second_order(rule: ScalarRule) -> None:
    checks.check_second_order(rule, reference_of(rule, references.REAL))


@pytest.mark.parametrize("rule", REAL_RULES, ids=checks.name_of)
def test_reads(rule: ScalarRule) -> None:
    checks.check_reads(rule)
    for variant in rule.variants:
        checks.check_reads(variant.rule)


@pytest.mark.parametrize("rule", [r for r in REAL_RULES if r.kinks], ids=checks.name_of)
def test_kinks(rule: ScalarRule) -> None:
    checks.check_kinks(rule)


@pytest.mark.parametrize("rule", HOLOMORPHIC, ids=checks.name_of)
def test_holomorphic_partials(rule: ScalarRule) -> None:
    reference = reference_of(rule, references.COMPLEX)
    checks.check_partials(rule, reference, checks.sample_complex, tolerance=1e-12)


@pytest.mark.parametrize("rule", PARTS_RULES, ids=checks.name_of)
def test_parts_of_complex_numbers(rule: PairRule | LinearRule) -> None:
    reference = reference_of(rule, references.PARTS)
    source = random.Random(5)
    generator = np.random.default_rng(5)
    takes_parts = rule.names[0] in (complex, cmath.rect, absorb, absorb_both)
    for _ in range(5):
        if takes_parts:
            args = checks.sample_real(rule, source)
            coordinates = args
        else:
            args = (complex(source.uniform(0.3, 2), source.uniform(-2, -0.3)),)
            coordinates = (args[0].real, args[0].imag)
        y = rule.names[0](*args)
        y = complex(y) if isinstance(y, complex) else y
        checks.check_transpose(rule, args, y, generator)
        tangents = tuple(checks.random_like(each, generator) for each in args)
        terms = checks.pushed(rule, args, tangents, y)
        moves = tangents if takes_parts else (tangents[0].real, tangents[0].imag)
        wanted = _directional(reference, coordinates, moves)
        got = np.sum([_parts(term) for term in terms], axis=0)
        np.testing.assert_allclose(got, wanted, rtol=1e-13, atol=1e-14)


def _directional(reference: Any, coordinates: Any, moves: Any) -> list[float]:
    def item(t: Any, position: int) -> Any:
        value = reference(
            *(
                checks.exact(c) + t * checks.exact(m)
                for c, m in zip(coordinates, moves, strict=True)
            )
        )
        return value[position] if isinstance(value, tuple) else value

    with mpmath.workdps(references.DIGITS):
        size = 2 if isinstance(reference(*coordinates), tuple) else 1
        return [float(mpmath.diff(lambda t, i=i: item(t, i), 0)) for i in range(size)]


def _parts(value: Any) -> list[float]:
    if isinstance(value, tuple):
        return list(value)
    return [value.real, value.imag] if isinstance(value, complex) else [value]


@pytest.mark.parametrize(
    ("rule", "is_complex"), ARRAY_RULES, ids=lambda v: checks.name_of(v) if v not in (0, 1) else v
)
def test_array_rules(rule: PairRule, is_complex: bool) -> None:
    assert rule.samples is not None
    generator = np.random.default_rng(11)
    function = rule.names[0]
    for args in rule.samples(generator):
        before = [np.copy(each) for each in args]
        y = function(*args)
        checks.check_transpose(rule, args, y, generator)
        if not _has_free_vectors(function, args):
            checks.check_differences(rule, function, args, y, generator)
        for old, new in zip(before, args, strict=True):
            np.testing.assert_array_equal(old, new)


def _has_free_vectors(function: Any, args: Any) -> bool:
    """Whether LAPACK's choice of null vectors, which turns freely, is part of the result."""
    return function is svd_packed and args[1] == 1 and len(set(args[0].shape)) == 2


def test_projector_on_the_null_space_of_a_tall_matrix() -> None:
    rule = registry.lookup(svd_packed)
    assert isinstance(rule, PairRule)
    generator = np.random.default_rng(2)
    a, a_dot = generator.standard_normal((2, 5, 2))

    def null_vectors(packed: np.ndarray) -> np.ndarray:
        return packed[:25].reshape((5, 5))[:, 2:]

    def projector(a: np.ndarray) -> np.ndarray:
        u = null_vectors(svd_packed(a, 1))
        return u @ u.T

    y = svd_packed(a, 1)
    (term, _) = checks.pushed(rule, (a, 1), (a_dot, 0), y)
    half = null_vectors(term) @ null_vectors(y).T
    step = 1e-5
    slope = (projector(a + step * a_dot) - projector(a - step * a_dot)) / (2 * step)
    np.testing.assert_allclose(half + half.T, slope, atol=1e-8)


def test_coinciding_values_matter_only_to_vectors() -> None:
    rule = registry.lookup(eigh_packed)
    assert isinstance(rule, PairRule)
    y = eigh_packed(np.eye(3))
    of_values = np.concatenate((np.ones(3), np.zeros(9)))
    (a_bar,) = checks.pulled(rule, (np.eye(3),), of_values, y)
    np.testing.assert_array_equal(a_bar, np.eye(3))
    with np.errstate(all="ignore"):
        (a_bar,) = checks.pulled(rule, (np.eye(3),), np.arange(12.0), y)
    assert not np.all(np.isfinite(a_bar))


def test_determinant_of_singular_matrices() -> None:
    generator = np.random.default_rng(3)
    a = generator.standard_normal((3, 3))
    a[2] = a[0] + a[1]
    a[:, 2] = 0.0
    rule = registry.lookup(np.linalg.det)
    assert isinstance(rule, PairRule)
    (a_bar,) = checks.pulled(rule, (a,), 1.0, 0.0)
    for i in range(3):
        for j in range(3):
            minor = np.delete(np.delete(a, i, 0), j, 1)
            cofactor = (-1) ** (i + j) * np.linalg.det(minor)
            assert abs(a_bar[i, j] - cofactor) < 1e-13


def test_logarithm_of_a_zero_determinant() -> None:
    rule = registry.lookup(slogdet_packed)
    assert isinstance(rule, PairRule)
    a = np.zeros((2, 2))
    assert np.isnan(checks.pulled(rule, (a,), np.ones(2), slogdet_packed(a))[0]).all()


def test_samples_respect_the_domain() -> None:
    source = random.Random(0)
    for rule in REAL_RULES:
        assert len(rule.domain) == rule.n_args, checks.name_of(rule)
        for domain in rule.domain:
            value = domain.sample(source)
            assert domain.low <= value <= domain.high
            assert isinstance(value, int) == isinstance(domain, Integers)
