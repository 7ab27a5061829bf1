"""Rules that are not right are refused, with a message that says why."""

import numpy as np
import pytest

import numbad
from numbad import (
    adjoint,
    gradient,
    nograd,
)
from numbad.errors import InvalidRule, NoRule
from tests.api.declared_rules import X


def identity(x, y):
    return x * y


def rule_for(rule):
    def f(x, y):
        return x * y

    adjoint(f)(rule)
    return f


def expect(rule, *parts, at=(1.0, 2.0), kind=InvalidRule):
    f = rule_for(rule)
    with pytest.raises(kind) as info:
        gradient(lambda x, y: np.sum(f(x, y)), *at)
    for part in parts:
        assert part in str(info.value)
    return info.value


def test_wrong_number_of_cotangents():
    def rule(x, y):
        def back(y_bar):
            return (y_bar,)

        return x * y, back

    error = expect(rule, "1 cotangent for 2 arguments", "return (y_bar,)")
    assert error.origin.file == __file__


def test_missing_back():
    def rule(x, y):
        return x * y

    expect(rule, "must return its value and the function `back`", "return x * y")


def test_back_is_no_function():
    def rule(x, y):
        return x * y, x

    expect(rule, "where its function `back` belongs")


def test_back_without_return():
    def rule(x, y):
        def back(y_bar):
            y_bar * x

        return x * y, back

    expect(rule, "returns nothing")


@pytest.mark.parametrize("engine", ["compiled", "traced"])
def test_back_may_answer_none(engine):
    def opaque(x, y):
        return x * y

    @numbad.adjoint(opaque)
    def rule(x, y):
        return x * y, lambda _: None

    f = lambda x, y: opaque(x, y) * x
    assert numbad.gradient(f, 2.0, 3.0, engine=engine) == (6.0, None)


def test_number_for_an_array():
    def rule(x, y):
        return x * y, lambda y_bar: (1.0, None)

    expect(rule, "a number (float64) for an array of 1 dimension (float64)", at=(X, 2.0))


def test_array_for_a_number():
    def rule(x, y):
        return x * y, lambda y_bar: (None, x * y_bar)

    expect(rule, "cotangent of `y`", at=(X, 2.0))


def test_wrong_dimensions():
    def rule(x, y):
        return x * y, lambda y_bar: (np.outer(x, x), None)

    expect(rule, "an array of 2 dimensions", at=(X, 2.0))


def test_wrong_length_at_run_time():
    def rule(x, y):
        return x * y, lambda y_bar: (y_bar[1:], None)

    expect(rule, "another length along axis 0", "cotangent of `x`", at=(X, 2.0))


def test_complex_for_real():
    def rule(x, y):
        return x * y, lambda y_bar: (1j * y_bar, None)

    expect(rule, "a number (complex128) for a number (float64)")


def test_another_value_than_that_of_the_function():
    def rule(x, y):
        return (x, y), lambda y_bar: (None, None)

    expect(rule, "which is not what `f` returns")


def test_a_rule_that_changes_an_argument():
    def rule(x, y):
        x[0] = 0.0
        return x * y, lambda y_bar: (y_bar, None)

    expect(rule, "`x` is changed", at=(X, 2.0))


def test_a_function_that_changes_an_argument():
    def f(x):
        x[0] = 0.0
        return np.sum(x)

    adjoint(f)(lambda x: (np.sum(x), lambda y_bar: np.ones_like(x)))
    with pytest.raises(InvalidRule, match="is changed by `f`"):
        gradient(lambda x: f(x), X)


def test_values_closed_over_cannot_be_differentiated():
    def f(g, x):
        return g(x)

    adjoint(f)(lambda g, x: (g(x), lambda y_bar: (None, y_bar)))

    def loss(x, w):
        return f(lambda x: w * x, x)

    assert gradient(loss, 1.0, numbad.Const(2.0))[0] == 1.0
    with pytest.raises(NoRule, match="gives no derivative for `w`"):
        gradient(loss, 1.0, 2.0)


def test_keyword_only_arguments_cannot_be_differentiated():
    def f(x, *, scale):
        return x * scale

    @adjoint(f)
    def rule(x, *, scale):
        return x * scale, lambda y_bar: 9.0 * y_bar

    assert gradient(lambda x: f(x, scale=2.0), 1.0) == (9.0,)
    with pytest.raises(NoRule, match="gives no derivative for `s`"):
        gradient(lambda x, s: f(x, scale=s), 1.0, 2.0)


def test_what_is_no_function():
    with pytest.raises(TypeError, match="takes functions"):
        adjoint(3)

    class Model:
        def apply(self, x):
            return x

    with pytest.raises(TypeError, match=r"takes the function .*Model\.apply of the class"):
        nograd(Model().apply)


def test_errors_of_the_rule_surface():
    def rule(x, y):
        if x > 5.0:
            raise ValueError("x is too large")
        return x * y, lambda y_bar: (y_bar, y_bar)

    f = rule_for(rule)
    g = numbad.grad(lambda x: f(x, 1.0))
    assert g(1.0) == 1.0
    with pytest.raises(ValueError, match="too large"):
        g(6.0)
