"""Derivatives that the user declares: functions of numbers, and what rules close over."""

import math
import re
from collections import namedtuple
from dataclasses import dataclass

import numpy as np
from numpy.testing import assert_allclose

import numbad
from numbad import (
    adjoint,
    check_grads,
    gradient,
    pullback,
    value_and_grad,
    withgradient,
)
from tests.api.declared_rules import X, clip_gradient, square, square_rule, uses_square

# --- closure style: numbers -----------------------------------------------------------------------


def test_the_rule_replaces_the_derivative():
    assert gradient(uses_square, 2.0) == (61.0,)


def test_the_function_itself_can_be_differentiated():
    assert withgradient(square, 3.0) == (9.0, (30.0,))


def test_the_value_is_that_of_the_function():
    assert pullback(uses_square, 2.0)[0] == 14.0


def test_the_decorator_returns_the_rule():
    assert square_rule(3.0)[0] == 9.0


def test_several_calls_and_nested_calls():
    def f(x, y):
        return square(square(x)) + square(y) * square(x)

    x, y = 1.5, 0.5
    u = x * x
    expected = 10.0 * u * 10.0 * x + y * y * 10.0 * x
    assert_allclose(gradient(f, x, y), (expected, 10.0 * y * u))


def test_in_loops():
    def f(xs, w):
        total = 0.0
        for i in range(len(xs)):
            total += square(xs[i] * w)
        return total

    xs_bar, w_bar = gradient(f, X, 2.0)
    assert_allclose(xs_bar, 10.0 * X * 2.0 * 2.0)
    assert_allclose(w_bar, np.sum(10.0 * X * 2.0 * X))


def test_in_a_recurrence():
    def f(x, n):
        for _ in range(n):
            x = square(x) / 2.0
        return x

    x, slope = 1.25, 1.0
    for _ in range(4):
        slope *= 10.0 * x / 2.0
        x = x * x / 2.0
    assert_allclose(gradient(f, 1.25, 4)[0], slope)


def test_in_while_loops_and_branches():
    def f(x):
        steps = 0
        while x < 100.0:
            if steps % 2 == 0:
                x = square(x)
            else:
                x = x + 1.0
            steps += 1
        return x

    x, slope, steps = 1.5, 1.0, 0
    while x < 100.0:
        if steps % 2 == 0:
            slope *= 10.0 * x
            x = x * x
        else:
            x += 1.0
        steps += 1
    assert_allclose(gradient(f, 1.5)[0], slope)


def test_on_one_side_of_a_branch():
    def f(x):
        return square(x) if x > 0.0 else x

    assert gradient(f, 2.0) == (20.0,)
    assert gradient(f, -2.0) == (1.0,)


def test_in_a_recursive_function():
    def power(x, n):
        if n == 0:
            return 1.0
        return square(x) * power(x, n - 1)

    x = 1.5
    assert_allclose(gradient(power, x, 3)[0], 3 * (x * x) ** 2 * 10.0 * x)


def test_in_a_comprehension_and_a_closure():
    def f(x):
        def scaled(k):
            return k * square(x)

        return sum([scaled(k) for k in (1.0, 2.0)])

    assert gradient(f, 2.0) == (60.0,)


def test_gradient_clipping_of_a_number():
    assert gradient(lambda x: 100.0 * clip_gradient(x), 2.0) == (1.0,)
    assert gradient(lambda x: 0.5 * clip_gradient(x), 2.0) == (0.5,)


def test_clipping_inside_a_loop():
    def f(x, n):
        total = 0.0
        for i in range(n):
            total += i * clip_gradient(x)
        return total

    # The cotangents 0, 1, 2, 3 are clipped one by one.
    assert gradient(f, 2.0, 4)[0] == 3.0


def test_a_cotangent_that_does_not_read_the_argument():
    def straight_through(x):
        return round(x)

    @adjoint(straight_through)
    def rule(x):
        return float(round(x)), lambda y_bar: y_bar

    def f(xs, w):
        total = 0.0
        for i in range(len(xs)):
            total += straight_through(w) * xs[i]
        return total

    assert_allclose(gradient(f, X, 1.75)[1], np.sum(X))


# --- closure style: several arguments -------------------------------------------------------------


def weighted(x, y, n):
    return x * y**n


@adjoint(weighted)
def weighted_rule(x, y, n):
    value = x * y**n

    def back(y_bar):
        return y_bar * value, None, None

    return value, back


def test_none_stands_for_no_derivative():
    assert_allclose(gradient(lambda x, y: weighted(x, y, 2), 3.0, 2.0)[0], 12.0)
    assert gradient(lambda x, y: weighted(x, y, 2), 3.0, 2.0)[1] is None


def test_keyword_arguments():
    assert_allclose(gradient(lambda x: weighted(x, n=2, y=2.0), 3.0), (12.0,))


def test_defaults():
    def scaled(x, factor=2.0):
        return factor * x

    @adjoint(scaled)
    def rule(x, factor=2.0):
        return factor * x, lambda y_bar: (7.0 * y_bar, x * y_bar)

    assert gradient(lambda x: scaled(x), 1.5) == (7.0,)
    assert gradient(lambda x, k: scaled(x, k), 1.5, 4.0) == (7.0, 1.5)


def test_several_results():
    def polar(x, y):
        return math.hypot(x, y), math.atan2(y, x)

    @adjoint(polar)
    def rule(x, y):
        r, angle = polar(x, y)

        def back(bar):
            r_bar, angle_bar = bar
            return (
                r_bar * math.cos(angle) - angle_bar * math.sin(angle) / r,
                r_bar * math.sin(angle) + angle_bar * math.cos(angle) / r,
            )

        return (r, angle), back

    def f(x, y):
        r, angle = polar(x, y)
        return r**2 * math.sin(angle)

    def plain(x, y):
        return math.hypot(x, y) ** 2 * math.sin(math.atan2(y, x))

    assert_allclose(gradient(f, 1.5, 0.5), gradient(plain, 1.5, 0.5))
    assert_allclose(gradient(lambda x, y: polar(x, y)[0], 3.0, 4.0), (0.6, 0.8))


def test_structured_arguments_and_results():
    Pair = namedtuple("Pair", "a b")

    def mix(pair, weights):
        return Pair(pair.a * weights["w"], pair.b)

    @adjoint(mix)
    def rule(pair, weights):
        def back(bar):
            return (2.0 * bar.a, bar.b), {"w": 3.0 * bar.a}

        return Pair(pair.a * weights["w"], pair.b), back

    def f(a, b, w):
        found = mix(Pair(a, b), {"w": w})
        return found.a + 5.0 * found.b

    assert gradient(f, 1.0, 2.0, 4.0) == (2.0, 5.0, 3.0)


def test_a_single_tuple_argument():
    def total(pair):
        return pair[0] + pair[1]

    @adjoint(total)
    def rule(pair):
        return pair[0] + pair[1], lambda y_bar: (2.0 * y_bar, 3.0 * y_bar)

    assert gradient(lambda a, b: total((a, b)), 1.0, 1.0) == (2.0, 3.0)


def test_objects():
    @dataclass
    class Point:
        x: float
        y: float

    def norm(p):
        return math.hypot(p.x, p.y)

    @adjoint(norm)
    def rule(p):
        def back(y_bar):
            return Point(10.0 * y_bar, p.y * y_bar)

        return math.hypot(p.x, p.y), back

    found = gradient(lambda p: norm(p), Point(3.0, 4.0))[0]
    assert tuple(found) == (10.0, 4.0)
    assert gradient(lambda x: norm(Point(x, 4.0)), 3.0) == (10.0,)


def test_a_class():
    class Scaled:
        def __init__(self, x):
            self.x = 2.0 * x

    @adjoint(Scaled)
    def rule(x):
        return Scaled(x), lambda bar: 100.0 * bar.x

    assert gradient(lambda x: Scaled(x).x * 3.0, 1.0) == (300.0,)


# --- what a rule closes over ----------------------------------------------------------------------


SCALE = 3.0


def scaled_by_global(x):
    return x


@adjoint(scaled_by_global)
def scaled_by_global_rule(x):
    return x, lambda y_bar: SCALE * y_bar


def test_globals_are_live(monkeypatch):
    f = numbad.grad(lambda x: scaled_by_global(x) + 0.0)
    assert f(1.0) == 3.0
    monkeypatch.setitem(globals(), "SCALE", 4.0)
    assert f(1.0) == 4.0


def test_cells():
    def make(k):
        def f(x):
            return x

        @adjoint(f)
        def rule(x):
            return x, lambda y_bar: k * y_bar

        return lambda x: f(x) * 1.0

    two, five = make(2.0), make(5.0)
    assert gradient(two, 1.0) == (2.0,)
    assert gradient(five, 1.0) == (5.0,)


def test_functions_of_one_code_have_rules_of_their_own():
    def make(k):
        def f(x):
            return k * x

        return f

    with_rule, without = make(2.0), make(3.0)
    adjoint(with_rule)(lambda x: (2.0 * x, lambda y_bar: 100.0 * y_bar))
    assert gradient(without, 1.0) == (3.0,)
    assert gradient(with_rule, 1.0) == (100.0,)
    assert gradient(without, 1.0) == (3.0,)


def test_a_new_rule_replaces_the_old_one():
    def f(x):
        return x

    def g(x):
        return f(x)

    slope = value_and_grad(g)
    assert slope(1.0) == (1.0, 1.0)
    adjoint(f)(lambda x: (x, lambda y_bar: 2.0 * y_bar))
    assert slope(1.0) == (1.0, 2.0)
    adjoint(f)(lambda x: (x, lambda y_bar: 3.0 * y_bar))
    assert slope(1.0) == (1.0, 3.0)


def test_functions_as_arguments():
    def solve(g, x0, p):
        x = x0
        for _ in range(60):
            x = g(x, p)
        return x

    @adjoint(solve)
    def rule(g, x0, p):
        # Implicit differentiation of x = g(x, p).
        x = solve(g, x0, p)

        def back(x_bar):
            g_x, g_p = gradient(g, x, p)
            return None, None, x_bar * g_p / (1.0 - g_x)

        return x, back

    def cosine(x, p):
        return p * math.cos(x)

    def f(p):
        return solve(cosine, 0.5, p) ** 2

    check_grads(f, (0.7,), order=1)
    # The only loop is that of the value.
    assert len(re.findall(r"^ *for ", numbad.code_adjoint(f, 0.7), re.MULTILINE)) == 1


def test_refresh():
    before = gradient(uses_square, 2.0)
    numbad.refresh()
    assert gradient(uses_square, 2.0) == before
