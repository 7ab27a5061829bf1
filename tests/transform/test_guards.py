"""Adjoints of loops that run only where a branch let a cotangent through."""

from __future__ import annotations

import re

import numpy as np
import pytest

import numbad


def layer(w, b, x):
    total = 0.0
    for j in range(w.shape[0]):
        s = b[j]
        for k in range(w.shape[1]):
            s += w[j, k] * x[k]
        total += max(s, 0.0) ** 2
    return total


def chain(w, b, x):
    total = 0.0
    for j in range(w.shape[0]):
        s = b[j]
        for k in range(w.shape[1]):
            s = s * np.sin(w[j, k] * x[k])
        if s > 0:
            total -= s * s
        else:
            total += 0.1 * x[0]
    return total


def while_loop(w, b, x):
    total = 0.0
    for j in range(w.shape[0]):
        s = b[j]
        k = 0
        while k < w.shape[1] and abs(s) < 50.0:
            s = s * 1.1 + w[j, k] * x[k]  # on a stack, which its adjoint has to take down
            k += 1
        total += s if s < 0 else 0.0
    return total


def with_state(w, b, x):
    """The loop also writes memory that its adjoint has to put back."""
    total = 0.0
    y = x.copy()
    for j in range(w.shape[0]):
        s = b[j]
        for k in range(w.shape[1]):
            y[k] = np.sin(y[k] + w[j, k])
            s += y[k] * y[k]
        if s > 1.0:
            total += s
    return total + y[0]


def reads_a_shadow(w, b, x):
    """The loop's adjoint has another way in than what the branch lets through."""
    out = np.zeros(w.shape)
    total = 0.0
    for j in range(w.shape[0]):
        s = b[j]
        for k in range(w.shape[1]):
            s = s * 0.5 + w[j, k] * x[k]
            out[j, k] = s * s
        if s > 0:
            total += s
    for j in range(w.shape[0]):
        for k in range(w.shape[1]):
            total += out[j, k] * (j + k)
    return total


PROGRAMS = [layer, chain, while_loop, with_state, reads_a_shadow]


def _arguments(rng: np.random.Generator):
    return rng.standard_normal((5, 3)), rng.standard_normal(5), rng.standard_normal(3)


@pytest.mark.parametrize("f", PROGRAMS)
def test_derivatives(f, rng: np.random.Generator) -> None:
    for _ in range(3):
        numbad.check_grads(f, _arguments(rng), order=2)


def _has_guard(text: str) -> bool:
    """Whether a reversed loop is the last thing in a branch."""
    body = re.sub(r" *#.*\n", "", text)
    return re.search(r"\n( +)if .*:\n(\1 {4}.*\n)*?\1 {4}for \w+ in irange\(", body) is not None


@pytest.mark.parametrize(("f", "expected"), [(f, f in (layer, chain)) for f in PROGRAMS])
def test_which_loops_are_guarded(f, expected: bool, rng: np.random.Generator) -> None:
    assert _has_guard(numbad.code_adjoint(f, *_arguments(rng))) is expected


def test_a_cotangent_that_is_zero_by_chance() -> None:
    """The weight is zero, and the mixed derivative is not."""

    def weighted(weight, x):
        s = 1.0
        for k in range(x.size):
            s = s * np.sin(x[k])
        payoff = s if s > 0.0 else 0.0
        return weight * payoff

    x = np.array([0.4, 0.9, 1.3])
    mixed = numbad.jacobian(lambda w: numbad.gradient(weighted, w, x)[1], 0.0)[0]
    expected = np.prod(np.sin(x)) / np.tan(x)
    np.testing.assert_allclose(np.ravel(mixed), expected, rtol=1e-12)
    np.testing.assert_allclose(
        np.ravel(numbad.jacobian(lambda y: numbad.gradient(weighted, 0.0, y)[0], x)[0]),
        expected,
        rtol=1e-12,
    )


def test_what_is_not_a_number_passes() -> None:
    w, b, x = np.ones((1, 2)), np.array([np.nan]), np.array([0.5, 0.25])
    assert np.isnan(numbad.gradient(layer, w, b, x)[1]).all()


def test_dead_units_get_nothing_from_infinite_weights() -> None:
    w, b, x = np.array([[-np.inf, 1.0]]), np.array([0.0]), np.array([1.0, 1.0])
    for found in numbad.gradient(layer, w, b, x):
        np.testing.assert_array_equal(found, np.zeros_like(found))
