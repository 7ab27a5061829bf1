"""The checks themselves: planted wrong rules must fail, with a message that names the fault."""

from __future__ import annotations

import math
import operator
from typing import Any

import mpmath
import numpy as np
import pytest

from numbad.rules.domains import NONZERO, REAL, Kink
from numbad.rules.forms import LinearRule, PairRule, ScalarRule
from tests.rules import checks
from tests.rules.references import REAL as REFERENCES


def scaled(x: Any, *, y: Any) -> Any:
    return 2 * y


def swapped(a: Any, b: Any) -> Any:
    return a, b


def wrong_sign(a: Any, b: Any) -> Any:
    return 1, 1


def sometimes_nan(x: Any) -> Any:
    return math.nan if x > 0 else math.cos(x)


def too_few(a: Any, b: Any) -> Any:
    return b


def reads_both(a: Any, b: Any) -> Any:
    return b + 0 * a, a


def sign_without_zero(x: Any) -> Any:
    return 1.0 if x >= 0 else -1.0


def slope_of_tanh_at_zero(x: Any) -> Any:
    return 1.0


@pytest.mark.parametrize(
    ("function", "body", "message"),
    [
        (math.exp, scaled, "math.exp: partial in argument 0"),
        (operator.mul, swapped, "mul: partial in argument 0"),
        (operator.sub, wrong_sign, "sub: partial in argument 1"),
        (math.sin, sometimes_nan, "math.sin: partial in argument 0"),
        (operator.mul, too_few, "mul: number of partials"),
        (math.tanh, slope_of_tanh_at_zero, "math.tanh: partial in argument 0"),
    ],
)
def test_wrong_partials_are_caught(function: Any, body: Any, message: str) -> None:
    n_args = 2 if function in (operator.mul, operator.sub) else 1
    rule = ScalarRule((function,), body, domain=(NONZERO,) * n_args)
    with pytest.raises(AssertionError, match=message):
        checks.check_partials(rule, REFERENCES[function])


def test_wrong_second_derivative_is_caught() -> None:
    def frozen(x: Any, *, y: Any) -> Any:
        return float(mpmath.cos(round(x, 2))) + 0.0 * y

    rule = ScalarRule((math.sin,), frozen, domain=(REAL,))
    with pytest.raises(AssertionError, match=r"math.sin: second derivative in argument 0"):
        checks.check_second_order(rule, lambda x: mpmath.sin(x) + x * x)


def test_undeclared_reading_is_caught() -> None:
    rule = ScalarRule((operator.mul,), reads_both, domain=(REAL, REAL))
    assert rule.reads[0] is not None
    assert rule.reads[0].arguments == {0, 1}
    narrowed = tuple(
        type(each)(frozenset([1]), False) if each is not None else None for each in rule.reads
    )
    tampered = ScalarRule((operator.mul,), lambda a, b: (b + a, a), domain=(REAL, REAL))
    tampered.__dict__["reads"] = narrowed
    with pytest.raises(AssertionError, match="partial 0 reads more than declared"):
        checks.check_reads(tampered)


def test_wrong_kink_is_caught() -> None:
    rule = ScalarRule((abs,), sign_without_zero, domain=(REAL,), kinks=(Kink((0.0,), (0.0,)),))
    with pytest.raises(AssertionError, match=r"abs: slope in argument 0 at \(0.0,\)"):
        checks.check_kinks(rule)


def test_body_with_a_loop_is_refused() -> None:
    def looping(x: Any) -> Any:
        for _ in range(2):
            x = x + x
        return x

    rule = ScalarRule((math.sin,), looping, domain=(REAL,))
    with pytest.raises(TypeError, match="assignments and one return"):
        _ = rule.reads


# --- rules with a body per mode ---------------------------------------------------------------


def right_jvp(a: Any, b: Any, a_dot: Any, b_dot: Any) -> Any:
    return np.dot(a_dot, b), np.dot(a, b_dot)


def right_vjp(y_bar: Any, a: Any, b: Any) -> Any:
    return np.dot(y_bar, b.T), np.dot(a.T, y_bar)


def untransposed_vjp(y_bar: Any, a: Any, b: Any) -> Any:
    return np.dot(y_bar, b), np.dot(a.T, y_bar)


def ignores_cotangent(y_bar: Any, a: Any, b: Any) -> Any:
    return np.dot(np.ones_like(y_bar), b.T), np.dot(a.T, np.ones_like(y_bar))


def wrong_shape(y_bar: Any, a: Any, b: Any) -> Any:
    return np.dot(y_bar, b.T)[0], np.dot(a.T, y_bar)


def one_nan(y_bar: Any, a: Any, b: Any) -> Any:
    b_bar = np.dot(a.T, y_bar)
    b_bar[0, 0] = np.nan
    return np.dot(y_bar, b.T), b_bar


def forgets_b(a: Any, b: Any, a_dot: Any, b_dot: Any) -> Any:
    return np.dot(a_dot, b), np.dot(a, 0 * b_dot)


OPERANDS = tuple(np.random.default_rng(1).standard_normal((2, 3, 3)))


@pytest.mark.parametrize(
    ("vjp", "message"),
    [
        (untransposed_vjp, "dot: dot product in argument 0"),
        (ignores_cotangent, "dot: dot product in argument 0"),
        (wrong_shape, "dot: shape of the cotangent of argument 0"),
        (one_nan, "dot: dot product in argument 1"),
    ],
)
def test_wrong_transposes_are_caught(vjp: Any, message: str) -> None:
    rule = PairRule((np.dot,), right_jvp, vjp)
    with pytest.raises(AssertionError, match=message):
        checks.check_transpose(rule, OPERANDS, np.dot(*OPERANDS), np.random.default_rng(2))


def test_wrong_tangent_is_caught() -> None:
    rule = PairRule((np.dot,), forgets_b, right_vjp)
    with pytest.raises(AssertionError, match="dot: tangent of argument 1"):
        checks.check_differences(
            rule, np.dot, OPERANDS, np.dot(*OPERANDS), np.random.default_rng(2)
        )


def test_wrong_linear_transpose_is_caught() -> None:
    rule = LinearRule((np.conjugate,), lambda y_bar, z: y_bar)
    with pytest.raises(AssertionError, match="conjugate: dot product in argument 0"):
        checks.check_transpose(rule, (1 + 2j,), 1 - 2j, np.random.default_rng(2))


def test_right_rules_pass() -> None:
    rule = PairRule((np.dot,), right_jvp, right_vjp)
    y = np.dot(*OPERANDS)
    checks.check_transpose(rule, OPERANDS, y, np.random.default_rng(2))
    checks.check_differences(rule, np.dot, OPERANDS, y, np.random.default_rng(2))
