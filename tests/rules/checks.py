"""Checks of one rule against its reference; each failure names rule, argument and check.

Blind spots: a point within rounding of a jump (the samples avoid these), an error below the
tolerance, a partial that is wrong only outside the declared domain.
"""

from __future__ import annotations

import inspect
import math
import random
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np

from numbad.rules.forms import LinearRule, PairRule, ScalarRule
from tests.rules.references import DIGITS

POINTS = 12


def name_of(rule: Any) -> str:
    """Return a readable name of a rule."""
    function = rule.names[0]
    return f"{getattr(function, '__module__', '')}.{getattr(function, '__name__', function)}"


def sample_real(rule: Any, source: random.Random) -> tuple[Any, ...]:
    """Return random real arguments from the rule's domain."""
    return tuple(each.sample(source) for each in rule.domain)


def sample_complex(rule: Any, source: random.Random) -> tuple[complex, ...]:
    """Return random complex arguments whose real parts are in the rule's domain."""
    return tuple(
        complex(each.sample(source), source.choice((-1, 1)) * source.uniform(0.3, 1.5))
        for each in rule.domain
    )


def run_body(rule: ScalarRule, args: tuple[Any, ...], y: Any) -> tuple[Any, ...]:
    """Return the partials, as a tuple."""
    partials = rule.body(*args, y=y) if rule.takes_result else rule.body(*args)
    return partials if isinstance(partials, tuple) else (partials,)


def exact(value: Any) -> Any:
    """Return an mpmath number with exactly this value."""
    if isinstance(value, int):
        return value
    return mpmath.mpc(value) if isinstance(value, complex) else mpmath.mpf(value)


def distance(got: Any, wanted: Any) -> float:
    """Relative error, absolute for values below 1e-3; infinite for a NaN."""
    error = abs(mpmath.mpmathify(complex(got)) - wanted) / max(abs(wanted), mpmath.mpf("1e-3"))
    return math.inf if mpmath.isnan(error) else float(error)


def check_partials(
    rule: ScalarRule,
    reference: Callable[..., Any],
    sample: Callable[..., tuple[Any, ...]] = sample_real,
    tolerance: float = 2e-13,
) -> None:
    """Value and partials agree with the reference at random points of the domain."""
    source = random.Random(name_of(rule))
    with mpmath.workdps(DIGITS):
        for _ in range(POINTS):
            args = sample(rule, source)
            y = reference(*map(exact, args))
            machine_y = complex(y) if isinstance(args[0], complex) else float(y.real)
            partials = run_body(rule, args, machine_y)
            assert len(partials) == rule.n_args, f"{name_of(rule)}: number of partials"
            for position, partial in enumerate(partials):
                if partial is None:
                    continue
                wanted = _derivative(reference, args, position)
                error = distance(partial, wanted)
                assert error < tolerance, (
                    f"{name_of(rule)}: partial in argument {position} at {args}: "
                    f"{partial} instead of {mpmath.nstr(wanted, 17)}, error {error:.1e}"
                )


def _derivative(reference: Callable[..., Any], args: tuple[Any, ...], position: int) -> Any:
    def along(t: Any) -> Any:
        return reference(*map(exact, args[:position]), t, *map(exact, args[position + 1 :]))

    return mpmath.diff(along, exact(args[position]))


def check_second_order(rule: ScalarRule, reference: Callable[..., Any]) -> None:
    """The slopes of the partials are the second derivatives of the reference."""
    source = random.Random(name_of(rule) + "second")
    step = mpmath.mpf("1e-3")
    with mpmath.workdps(DIGITS):
        args = sample_real(rule, source)
        for position, partial in enumerate(run_body(rule, args, _value(reference, args))):
            if partial is None or isinstance(args[position], int):
                continue

            def slope(offset: Any, position: int = position) -> Any:
                moved = tuple(
                    float(each + offset) if i == position else each for i, each in enumerate(args)
                )
                return run_body(rule, moved, _value(reference, moved))[position]

            def along(t: Any, position: int = position) -> Any:
                return reference(*map(exact, args[:position]), t, *map(exact, args[position + 1 :]))

            wanted = mpmath.diff(along, exact(args[position]), 2)
            near = (slope(step) - slope(-step)) / (2 * step)
            far = (slope(2 * step) - slope(-2 * step)) / (4 * step)
            error = abs((4 * near - far) / 3 - wanted) / (1 + abs(wanted))
            assert error < 1e-6, (
                f"{name_of(rule)}: second derivative in argument {position} at {args}: "
                f"error {mpmath.nstr(error, 3)}"
            )


def _value(reference: Callable[..., Any], args: tuple[Any, ...]) -> float:
    return float(mpmath.re(reference(*map(exact, args))))


def check_reads(rule: ScalarRule) -> None:
    """A partial does not change with what it is said not to read."""
    source = random.Random(name_of(rule) + "reads")
    args, other = sample_real(rule, source), sample_real(rule, source)
    for position, reads in enumerate(rule.reads):
        if reads is None:
            continue
        mixed = tuple(args[i] if i in reads.arguments else other[i] for i in range(rule.n_args))
        got = run_body(rule, mixed, 0.3 if reads.result else 0.7)[position]
        wanted = run_body(rule, args, 0.3)[position]
        assert got == wanted, f"{name_of(rule)}: partial {position} reads more than declared"
        if reads.constant is not None:
            assert got == reads.constant, f"{name_of(rule)}: constant of partial {position}"


def check_kinks(rule: ScalarRule) -> None:
    """At each declared kink the partials are the declared ones."""
    for kink in rule.kinks:
        args = tuple(map(np.float64, kink.at))
        with np.errstate(all="ignore"):
            y = np.float64(rule.names[0](*args)) if rule.names[0] is not complex else None
            got = run_body(rule, args, y)
        for position, (slope, wanted) in enumerate(zip(got, kink.slopes, strict=True)):
            assert slope == wanted, (
                f"{name_of(rule)}: slope in argument {position} at {kink.at}: "
                f"{slope} instead of {wanted}"
            )


# --- rules with a body per mode ---------------------------------------------------------------


def run_mode(body: Callable[..., Any], args: tuple[Any, ...], y: Any) -> Any:
    """Run a body, with the result if it takes it."""
    if "y" in inspect.signature(body).parameters:
        return body(*args, y=y)
    return body(*args)


def pushed(rule: PairRule | LinearRule, args: Any, tangents: Any, y: Any) -> tuple[Any, ...]:
    """Return the terms of the tangent, one per argument."""
    if isinstance(rule, LinearRule):
        return (rule.names[0](tangents[0], *args[1:]),)
    assert rule.jvp is not None, f"{name_of(rule)}: no jvp"
    terms = run_mode(rule.jvp, (*args, *tangents), y)
    return (terms,) if rule.n_args == 1 else terms


def pulled(rule: PairRule | LinearRule, args: Any, y_bar: Any, y: Any) -> tuple[Any, ...]:
    """Return the cotangents, one per argument."""
    if isinstance(rule, LinearRule):
        return (rule.transpose(y_bar, *args),)
    assert rule.vjp is not None, f"{name_of(rule)}: no vjp"
    cotangents = run_mode(rule.vjp, (y_bar, *args), y)
    return (cotangents,) if rule.n_args == 1 else cotangents


def flat(value: Any) -> np.ndarray:
    """Return the numbers in an array as one complex vector."""
    return np.ravel(np.asarray(value)).astype(complex)


def inner(a: Any, b: Any) -> float:
    """Real inner product."""
    return float(np.vdot(flat(a), flat(b)).real)


def random_like(value: Any, source: np.random.Generator) -> Any:
    """Return random numbers of the shape and kind of ``value``."""
    shape = np.shape(value)
    numbers = source.standard_normal(shape)
    if np.iscomplexobj(value):
        numbers = numbers + 1j * source.standard_normal(shape)
    return numbers if shape else numbers[()] if isinstance(numbers, np.ndarray) else numbers


def check_transpose(
    rule: PairRule | LinearRule, args: tuple[Any, ...], y: Any, source: np.random.Generator
) -> None:
    """Argument by argument: ⟨ȳ, J ẋ⟩ = ⟨Jᵀ ȳ, ẋ⟩; cotangents have the shapes of the arguments."""
    y_bar = random_like(y, source)
    tangents = tuple(random_like(each, source) for each in args)
    terms = pushed(rule, args, tangents, y)
    cotangents = pulled(rule, args, y_bar, y)
    n_args = 1 if isinstance(rule, LinearRule) else rule.n_args
    assert len(terms) == len(cotangents) == n_args, f"{name_of(rule)}: number of cotangents"
    for position, (term, cotangent) in enumerate(zip(terms, cotangents, strict=True)):
        assert (term is None) == (cotangent is None), (
            f"{name_of(rule)}: argument {position} has a derivative in one mode only"
        )
        if term is None:
            continue
        assert np.shape(cotangent) == np.shape(args[position]), (
            f"{name_of(rule)}: shape of the cotangent of argument {position}"
        )
        left, right = inner(y_bar, term), inner(cotangent, tangents[position])
        assert math.isclose(left, right, rel_tol=1e-11, abs_tol=1e-11), (
            f"{name_of(rule)}: dot product in argument {position}: {left} and {right}"
        )


def check_differences(
    rule: PairRule,
    function: Callable[..., Any],
    args: tuple[Any, ...],
    y: Any,
    source: np.random.Generator,
) -> None:
    """Each term agrees with central differences of ``function``, at the best of several steps."""
    tangents = tuple(random_like(each, source) for each in args)
    for position, term in enumerate(pushed(rule, args, tangents, y)):
        if term is None:
            continue
        wanted = flat(term)
        errors = []
        for step in (1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 1e-5):
            values = [
                flat(function(*_moved(args, position, scale * step * tangents[position])))
                for scale in (-2, -1, 1, 2)
            ]
            slope = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * step)
            errors.append(np.max(np.abs(slope - wanted), initial=0.0))
        error = min(errors) / max(1.0, np.max(np.abs(wanted), initial=0.0))
        assert error < 1e-9, (
            f"{name_of(rule)}: tangent of argument {position}, shapes "
            f"{[np.shape(each) for each in args]}: error {error:.1e}"
        )


def _moved(args: tuple[Any, ...], position: int, by: Any) -> tuple[Any, ...]:
    return tuple(each + by if i == position else each for i, each in enumerate(args))
