"""Derivatives that the user declares. The rules here are deliberately not the true derivatives
where that shows that the rule is what is used."""

import math
import os
import re
import subprocess
import sys
import tempfile
import zlib
from collections import namedtuple
from dataclasses import dataclass
from pathlib import Path

import numba
import numpy as np
import pytest
from numpy.testing import assert_allclose

import numbad
from numbad import (
    adjoint,
    check_grads,
    custom_rule,
    gradient,
    jvp,
    nograd,
    pullback,
    value_and_grad,
    withgradient,
)
from numbad.errors import InvalidRule, NoRule

ROOT = Path(__file__).resolve().parents[2]
X = np.array([0.5, -1.25, 2.0])


# --- closure style: numbers -----------------------------------------------------------------------


def square(x):
    return x * x


@adjoint(square)
def square_rule(x):
    def back(y_bar):
        return (10.0 * x * y_bar,)

    return x * x, back


def uses_square(x):
    return 3.0 * square(x) + x


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


def clip_gradient(x):
    return x


@adjoint(clip_gradient)
def clip_gradient_rule(x):
    return x, lambda y_bar: min(max(y_bar, -1.0), 1.0)


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


# --- arrays ---------------------------------------------------------------------------------------


def softplus(x):
    return np.log1p(np.exp(x))


@adjoint(softplus)
def softplus_rule(x):
    y = np.log1p(np.exp(x))

    def back(y_bar):
        return y_bar * (1.0 - np.exp(-y))

    return y, back


def uses_softplus(x, w):
    return np.sum(w * softplus(x * w))


def test_arrays():
    w = np.array([1.0, 2.0, -0.5])
    s = 1.0 / (1.0 + np.exp(-X * w))
    assert_allclose(gradient(uses_softplus, X, w)[0], w * w * s)
    check_grads(uses_softplus, (X, w), order=1)


def test_array_in_a_time_loop():
    def f(x, n):
        for _ in range(n):
            x = softplus(x) * x
        return np.sum(x)

    check_grads(f, (X, 3), order=1)


def test_argument_overwritten_after_the_call():
    def f(x):
        work = x * 1.0
        y = softplus(work)
        work[:] = 0.0
        z = softplus(y)
        y[0] = 5.0
        return np.sum(z) + np.sum(y) + np.sum(work)

    check_grads(f, (X,), order=1)


def test_argument_overwritten_in_a_loop():
    def f(x, n):
        work = x.copy()
        total = 0.0
        for i in range(n):
            y = softplus(work)
            total += np.sum(y)
            for j in range(len(work)):
                work[j] = y[j] * 0.5 + work[j]
        return total

    check_grads(f, (X, 3), order=1)


def test_identity_of_an_array_is_a_copy():
    def clipped(x):
        return x

    @adjoint(clipped)
    def rule(x):
        return x, lambda y_bar: np.clip(y_bar, -1.0, 1.0)

    def f(x):
        y = clipped(x)
        y[0] = 2.0 * y[0]
        return np.sum(3.0 * y) + np.sum(x)

    # d/dy = (6, 3, 3) is clipped to 1.
    assert_allclose(gradient(f, X)[0], [2.0, 2.0, 2.0])
    assert_allclose(withgradient(f, X).val, 3.0 * (X.sum() + X[0]) + X.sum())


def test_scalar_of_an_array():
    def energy(x):
        return np.sum(x**2)

    @adjoint(energy)
    def rule(x):
        return np.sum(x**2), lambda y_bar: 7.0 * y_bar * x

    assert_allclose(gradient(lambda x: energy(2.0 * x), X)[0], 7.0 * 2.0 * X * 2.0)


def test_views_and_matrices():
    def product(a, x):
        return a @ x

    @adjoint(product)
    def rule(a, x):
        return a @ x, lambda y_bar: (np.outer(y_bar, x), a.T @ y_bar)

    def f(a, x):
        y = product(a[:2], x)
        z = product(a.T, y_padded(y))
        return np.sum(np.sin(z))

    def y_padded(y):
        out = np.zeros(3)
        out[:2] = y
        return out

    a = np.arange(9.0).reshape(3, 3) / 10.0
    check_grads(f, (a, X), order=1)


def test_mixed_results():
    def split(x):
        return np.sum(x), x * 2.0, 3

    @adjoint(split)
    def rule(x):
        def back(bar):
            total_bar, doubled_bar, _ = bar
            return total_bar + 2.0 * doubled_bar

        return (np.sum(x), x * 2.0, 3), back

    def f(x):
        total, doubled, n = split(x)
        doubled[0] = 0.0
        return total * n + np.sum(doubled * x)

    expected = 3.0 + 4.0 * X
    expected[0] = 3.0
    assert_allclose(gradient(f, X)[0], expected)


def test_float32_stays_float32():
    x = X.astype(np.float32)
    found = gradient(lambda x: np.sum(softplus(x)), x)[0]
    assert found.dtype == np.float32
    assert_allclose(found, 1.0 / (1.0 + np.exp(-X)), rtol=1e-6)


def test_integers_count_as_real_numbers():
    assert gradient(square, 3) == (30.0,)
    found = gradient(lambda x: np.sum(softplus(x)), np.array([0, 0]))[0]
    assert_allclose(found, [0.5, 0.5])


def test_complex_numbers():
    def twice(z):
        return 2.0 * z

    @adjoint(twice)
    def rule(z):
        return 2.0 * z, lambda y_bar: 5.0 * y_bar

    assert gradient(lambda z: abs(twice(z)) ** 2, 1 + 2j) == (pytest.approx(20 + 40j),)


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


# --- residual style -------------------------------------------------------------------------------


def cube(x):
    return x**3


def cube_forward(x):
    return x**3, (x, 100.0)


def cube_backward(residuals, y_bar):
    x, factor = residuals
    return (factor * x * y_bar,)


def cube_jvp(args, tangents):
    (x,) = args
    return x**3, 1000.0 * x * tangents[0]


custom_rule(cube, cube_forward, cube_backward, cube_jvp)


def test_residual_style():
    assert gradient(lambda x: 2.0 * cube(x), 2.0) == (400.0,)
    assert jvp(lambda x: 2.0 * cube(x), (2.0,), (1.0,)) == (16.0, 4000.0)


def test_jitted_rules():
    @numba.njit
    def f(x):
        return np.sum(x * x)

    @numba.njit
    def forward(x):
        return np.sum(x * x), x

    @numba.njit
    def backward(x, y_bar):
        return 5.0 * y_bar * x

    @numba.njit
    def both(args, tangents):
        x = args[0]
        return np.sum(x * x), 6.0 * np.sum(x * tangents[0])

    custom_rule(f, forward, backward, jvp=both)

    @numba.njit
    def g(x):
        return 2.0 * f(x)

    assert_allclose(gradient(g, X)[0], 10.0 * X)
    assert_allclose(jvp(g, (X,), (np.ones(3),))[1], 12.0 * X.sum())
    assert_allclose(gradient(lambda x: f.py_func(x), X)[0], 5.0 * X)


def test_array_tangents():
    def f(x, w, name):
        return x * w

    custom_rule(
        f,
        lambda x, w, name: (x * w, (x, w)),
        lambda kept, y_bar: (kept[1] * y_bar, np.sum(kept[0] * y_bar), None),
        lambda args, tangents: (
            args[0] * args[1],
            2.0 * (args[1] * tangents[0] + args[0] * tangents[1]),
        ),
    )

    def g(x, w):
        y = f(x, w, "name")
        return np.sum(y * y)

    y_dot = 2.0 * (2.0 * np.ones(3))
    assert_allclose(jvp(g, (X, 2.0), (np.ones(3), None))[1], np.sum(2.0 * X * 2.0 * y_dot))
    y_dot = 2.0 * X
    assert_allclose(jvp(g, (X, 2.0), (None, 1.0))[1], np.sum(2.0 * X * 2.0 * y_dot))
    assert_allclose(gradient(g, X, 2.0)[0], 2.0 * X * 2.0 * 2.0)


# --- forward mode ---------------------------------------------------------------------------------


def test_forward_mode_is_derived_from_a_linear_rule():
    assert jvp(uses_square, (2.0,), (1.0,)) == (14.0, 61.0)
    x_dot = np.array([1.0, -2.0, 0.5])
    w = np.array([1.0, 2.0, -0.5])
    expected = np.sum(w * w * x_dot / (1.0 + np.exp(-X * w)))
    assert_allclose(jvp(uses_softplus, (X, w), (x_dot, None))[1], expected)


def test_forward_mode_of_a_rule_that_is_not_linear_is_refused():
    with pytest.raises(NoRule, match="jvp="):
        jvp(lambda x: clip_gradient(x), (1.0,), (1.0,))


# --- higher order ---------------------------------------------------------------------------------


def test_second_order_differentiates_the_rule():
    def slope(x):
        return gradient(square, x)[0]

    # The slope is declared to be 10 x, so its own slope is 10.
    assert gradient(slope, 3.0) == (10.0,)
    assert_allclose(jvp(slope, (3.0,), (1.0,)), (30.0, 10.0))


def test_calls_of_the_function_in_its_rule_use_the_rule_again():
    def wave(x):
        return math.sin(x)

    @adjoint(wave)
    def rule(x):
        return wave(x), lambda y_bar: y_bar * wave(x + math.pi / 2)

    def third(x):
        return gradient(lambda x: gradient(lambda x: gradient(wave, x)[0], x)[0], x)[0]

    assert_allclose(third(0.3), -math.cos(0.3))
    assert_allclose(gradient(third, 0.3)[0], math.sin(0.3))


def test_recursion_over_an_order():
    def chebyshev(n, x):
        a, b = 1.0, x
        for _ in range(n):
            a, b = b, 2.0 * x * b - a
        return a

    def second_kind(n, x):
        a, b = 1.0, 2.0 * x
        for _ in range(n):
            a, b = b, 2.0 * x * b - a
        return a

    @adjoint(second_kind)
    def second_rule(n, x):
        def back(y_bar):
            slope = ((n + 1) * chebyshev(n + 1, x) - x * second_kind(n, x)) / (x * x - 1.0)
            return None, y_bar * slope

        return second_kind(n, x), back

    @adjoint(chebyshev)
    def first_rule(n, x):
        return chebyshev(n, x), lambda y_bar: (None, y_bar * n * second_kind(n - 1, x))

    def f(x):
        return chebyshev(5, x)

    x = 0.3
    assert_allclose(gradient(f, x)[0], 80 * x**4 - 60 * x**2 + 5)
    second = gradient(lambda x: gradient(f, x)[0], x)[0]
    assert_allclose(second, 320 * x**3 - 120 * x)


def test_second_order_of_arrays():
    def slope_norm(x, w):
        return np.sum(gradient(uses_softplus, x, w)[0] ** 2)

    check_grads(slope_norm, (X, np.array([1.0, 2.0, -0.5])), order=1)


def test_an_inactive_call_keeps_its_rule_for_the_outer_derivative():
    def inner(x, y):
        return x * square(y)

    def outer(y):
        return gradient(lambda x: inner(x, y), 2.0)[0]

    assert gradient(outer, 3.0) == (30.0,)


# --- all kinds of functions -----------------------------------------------------------------------


class Model:
    def __init__(self, w):
        self.w = w

    def apply(self, x):
        return self.w * x

    def __call__(self, x):
        return self.apply(x)


@adjoint(Model.apply)
def model_rule(self, x):
    return self.w * x, lambda y_bar: (None, 50.0 * y_bar)


MODEL = Model(2.0)


def test_methods():
    assert gradient(lambda x: MODEL.apply(x), 1.0) == (50.0,)
    assert gradient(MODEL, 1.0) == (50.0,)
    assert gradient(MODEL.apply, 1.0) == (50.0,)
    assert gradient(lambda x: Model(3.0).apply(x), 1.0) == (50.0,)


def test_callable_objects():
    class Halved:
        def __call__(self, x):
            return x / 2.0

    adjoint(Halved.__call__)(lambda self, x: (x / 2.0, lambda y_bar: (None, 8.0 * y_bar)))
    halved = Halved()
    assert gradient(halved, 1.0) == (8.0,)
    assert gradient(lambda x: halved(x), 1.0) == (8.0,)


def test_overriding_functions_of_math_and_numpy():
    code = """
import math
import numpy as np
import numbad

numbad.adjoint(math.cos)(lambda x: (math.cos(x), lambda y_bar: 42.0 * y_bar))

@numbad.adjoint(np.cumsum)
def rule(x):
    return np.cumsum(x), lambda y_bar: 3.0 * y_bar

@numbad.adjoint(np.linalg.det)
def rule(a):
    return np.linalg.det(a), lambda y_bar: y_bar * np.ones_like(a)

def f(x):
    return math.cos(x)

def g(x):
    return np.sum(np.cumsum(x))

def h(a):
    return np.linalg.det(a)

assert numbad.gradient(f, 1.0) == (42.0,)
assert numbad.gradient(math.cos, 1.0) == (42.0,)
assert numbad.withgradient(f, 1.0).val == math.cos(1.0)
assert np.all(numbad.gradient(g, np.ones(3))[0] == 3.0)
assert np.all(numbad.gradient(h, np.eye(2))[0] == 1.0)
"""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "overrides.py"
        script.write_text(code)
        subprocess.run(
            [sys.executable, str(script)], check=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
        )


def test_a_function_that_cannot_be_compiled():
    def legacy(x):
        try:
            return math.exp(x)
        except OverflowError:
            return math.inf

    @adjoint(legacy)
    def rule(x):
        y = math.exp(x)
        return y, lambda y_bar: y_bar * y

    assert_allclose(gradient(lambda x: 2.0 * legacy(x), 1.0), (2.0 * math.e,))


# --- nograd ---------------------------------------------------------------------------------------


@nograd
def normaliser(x):
    return np.max(np.abs(x))


def test_nograd():
    found = gradient(lambda x: np.sum(x / normaliser(x)), X)[0]
    assert_allclose(found, np.full(3, 1.0 / 2.0))
    assert gradient(lambda x: normaliser(x), X) == (None,)


def test_nograd_in_forward_mode():
    assert_allclose(jvp(lambda x: np.sum(x / normaliser(x)), (X,), (np.ones(3),))[1], 1.5)


def test_nograd_of_a_jitted_function_of_arrays():
    @nograd
    @numba.njit
    def weights(x):
        w = np.exp(-x * x)
        return w / np.sum(w)

    w = np.exp(-X * X)
    w = w / w.sum()
    assert_allclose(gradient(lambda x: np.sum(weights(x) * x), X)[0], w)


def test_nograd_of_a_function_that_writes():
    @nograd
    def log(history, i, x):
        history[i] = x
        history[0] += x

    def f(x, history):
        total = 0.0
        for i in range(1, len(history)):
            total += x * i
            log(history, i, total)
        return total + history[1] + history[0]

    history = np.zeros(4)
    found = withgradient(f, 2.0, history)
    assert_allclose(history, [20.0, 2.0, 6.0, 12.0])
    assert_allclose(found.val, 12.0 + 2.0 + 20.0)
    assert_allclose(found.grad[0], 6.0)
    # What was in the array before does not count either.
    assert_allclose(found.grad[1], [0.0, 0.0, 0.0, 0.0])


def test_nograd_of_a_function_without_source():
    # Any function without Python source that Numba can compile.
    @numba.extending.overload(zlib.adler32)
    def checksum(x):
        return lambda x: 2.0 * np.sum(x)

    @numba.njit
    def f(x):
        return np.sum(x * zlib.adler32(x))

    with pytest.raises(NoRule, match="adler32"):
        gradient(f, X)
    nograd(zlib.adler32)
    assert_allclose(gradient(f, X)[0], np.full(3, 2.0 * X.sum()))
    assert_allclose(jvp(f, (X,), (np.ones(3),))[1], 6.0 * X.sum())


# --- refusals -------------------------------------------------------------------------------------


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
    with pytest.raises(TypeError, match=r"takes the function Model\.apply of the class"):
        nograd(MODEL.apply)


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


def test_refresh():
    before = gradient(uses_square, 2.0)
    numbad.refresh()
    assert gradient(uses_square, 2.0) == before
