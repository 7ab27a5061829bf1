"""What ``check_grads`` finds, and what it says."""

from __future__ import annotations

import math

import numpy as np
import pytest

from numbad import adjoint, check_grads


def test_right_derivatives_pass(rng):
    def f(x, k):
        return np.sum(np.exp(-k * x**2)), x[0] * k

    check_grads(f, (rng.standard_normal(5), 0.7))
    check_grads(lambda x: np.sum(np.sin(x) ** 3), (rng.standard_normal(4),), order=2)


def test_a_wrong_rule_is_no_kink():
    def cube(x):
        return x**3

    @adjoint(cube)
    def rule(x):
        return x**3, lambda y_bar: 2.0 * x * x * y_bar

    with pytest.raises(AssertionError, match="differs from central differences") as caught:
        check_grads(lambda x: cube(x) + x, (1.3,))
    assert "kink" not in str(caught.value)


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda x: np.max(x) + x[0] ** 2, np.array([1.0, 1.0, 0.3])),
        (lambda x: 2.0 * x if x > 0.0 else 3.0 * x, 0.0),
    ],
)
def test_kinks_are_named(f, x):
    with pytest.raises(AssertionError, match="has a kink here"):
        check_grads(f, (x,))


def test_single_precision():
    check_grads(lambda x: np.sum(np.tanh(x) * x), (np.linspace(-1, 1, 5, dtype=np.float32),))
    with pytest.raises(AssertionError, match="has a kink here"):
        check_grads(lambda x: np.max(x), (np.ones(3, np.float32),))


def test_order():
    with pytest.raises(ValueError, match="order must be"):
        check_grads(math.sin, (1.0,), order=3)
