"""Calls: helpers, recursion, closures, default and variadic arguments, methods, partials."""

import functools
import math

import numpy as np
from numba import njit

import numbad
from tests.programs.program import add, program


def _square(x):
    return x * x


@njit
def _jitted_cube(x):
    return x * x * x


def _two_results(x, y=2.0, *, scale=1.0):
    return scale * x * y, x + y


@program(lambda r: (r.uniform(0.5, 1.5),))
def plain_helper(x):
    return _square(_square(x) + x)


@program(lambda r: (r.uniform(0.5, 1.5),))
def jitted_helper(x):
    return _jitted_cube(x) * _square(_jitted_cube(x))


@program(lambda r: (r.uniform(0.5, 1.5), r.uniform(0.5, 1.5)), jit=False)
def defaults_and_keywords(x, y):
    a, b = _two_results(x)
    c, d = _two_results(y, scale=x)
    e, f = _two_results(y=x, x=y, scale=3.0)
    return a * b + c * d + e * f


@program(lambda r: (r.uniform(0.5, 1.5),))
def default_left_out(x, y=3.0):
    return x * x * y


@program(lambda r: (r.uniform(0.5, 1.5), 6))
def recursion_power(x, n):
    if n == 0:
        return 1.0
    return x * recursion_power(x, n - 1)


@program(lambda r: (r.uniform(0.2, 0.5), 7))
def recursion_two_calls(x, n):
    if n <= 1:
        return x * (n + 1)
    return recursion_two_calls(x, n - 1) + x * recursion_two_calls(x * 0.9, n - 2)


@program(lambda r: (r.uniform(0.5, 1.5, 8),))
def recursion_on_halves(x):
    n = len(x)
    if n == 1:
        return math.sin(x[0])
    h = n // 2
    a = recursion_on_halves(x[:h])
    b = recursion_on_halves(x[h:])
    return a * b + a


@program(lambda r: (r.uniform(0.5, 0.9), 6))
def mutual_recursion(x, n):
    return _even(x, n)


def _even(x, n):
    if n == 0:
        return x
    return x * _odd(x, n - 1) + 0.1


def _odd(x, n):
    if n == 0:
        return x * x
    return math.sin(_even(x, n - 1))


@program(lambda r: (r.uniform(0.5, 1.5, 6),))
def recursion_writes_array(x):
    _scan(x, 0)
    return x[0] * x[2] + x[5]


def _scan(x, i):
    if i < len(x) - 1:
        x[i + 1] = x[i + 1] * x[i] + 0.1
        _scan(x, i + 1)
        x[i] = x[i] * x[i + 1]


@program(lambda r: (r.uniform(0.5, 1.5), r.uniform(0.5, 1.5)))
def nested_function(x, y):
    def inner(t):
        return t * x + y

    return inner(x) * inner(inner(y))


@program(lambda r: (r.uniform(0.5, 1.5),))
def lambda_in_body(x):
    g = lambda t: t * t + x  # noqa: E731
    return g(g(x))


@program(lambda r: (r.uniform(0.5, 1.5), r.uniform(0.5, 1.5)), jit=False)
def function_as_value(x, y):
    h = _apply_twice(lambda t: t * t * y, x)
    k = _apply_twice(math.sin, y)
    return h * k


def _apply_twice(f, x):
    return f(f(x))


@njit
def _jitted_apply(f, x, n):
    for _ in range(n):
        x = f(x)
    return x


@program(lambda r: (r.uniform(0.5, 0.8), 4))
def jitted_higher_order(x, n):
    return _jitted_apply(_jitted_cube, 1.0 + 0.01 * x, n) * x


@program(lambda r: (r.uniform(0.5, 1.5), r.uniform(0.5, 1.5), r.uniform(0.5, 1.5)))
def starred_arguments(*args):
    s = 0.0
    for i in range(len(args)):
        s += args[i] * args[i] * (i + 1)
    return s * args[0]


def _variadic(first, *rest):
    total = first
    for v in rest:
        total = total * v + first
    return total


@program(lambda r: (r.uniform(0.5, 1.5), r.uniform(0.5, 1.5)), jit=False)
def starred_call(x, y):
    triple = (x, y, x * y)
    return _variadic(*triple) + _variadic(x)


@program(
    lambda r: (r.uniform(0.5, 1.5),), kwargs={"scale": 2.0, "offset": 0.5, "power": 3}, jit=False
)
def keyword_arguments(x, **options):
    return options["scale"] * x ** options["power"] + options["offset"] * x


@program(lambda r: (r.uniform(0.5, 1.5),), kwargs={"power": 3})
def keyword_only(x, *, power=2):
    return x**power


@program(lambda r: (r.uniform(0.5, 1.5),), jit=False)
def keyword_dictionary_in_call(x):
    options = {"y": 1.5 * x, "scale": 2.0}
    a, b = _two_results(x, **options)
    return a * b


@program(lambda r: (r.uniform(0.5, 1.5, 4),))
def helper_writes_argument(x):
    _double_in_place(x, x[0])
    _double_in_place(x[1:], x[2])
    return x[0] * x[1] + x[2] * x[3]


def _double_in_place(v, factor):
    for i in range(len(v)):
        v[i] = v[i] * factor


@program(lambda r: (r.uniform(0.5, 1.5, 4),))
def helper_returns_array(x):
    y = _scaled(x, x[0])
    z = _scaled(y, 2.0)
    return z[1] * y[2] + x[3]


def _scaled(x, c):
    y = np.empty_like(x)
    for i in range(len(x)):
        y[i] = c * x[i] * x[i]
    return y


@program(lambda r: (r.uniform(0.5, 1.5, 4),))
def helper_with_early_return(x):
    s = 0.0
    for i in range(len(x)):
        s += _piecewise(x[i] + 0.3 * i)
    return s


def _piecewise(t):
    if t < 1.0:
        return t * t
    for k in range(5):
        t = t * 0.8
        if t < 1.0:
            return t + 0.1 * k * t
    return t


@program(lambda r: (r.uniform(0.5, 1.5, 4),))
def helper_ignores_result(x):
    _square(x[0])
    _append_product(x)
    return x[3] * x[1]


def _append_product(x):
    x[3] = x[0] * x[1] * x[2]


def _make_polynomial(a, b):
    def polynomial(x):
        return a * x * x + b * x

    return polynomial


class Quadratic:
    """A callable object whose attributes are constants."""

    def __init__(self, a, b):
        self.a = a
        self.b = b

    def __call__(self, x):
        return self.a * x * x + self.b * x

    def shifted(self, x, by):
        return self(x - by) * by


add("closure_made_by_function", _make_polynomial(2.0, 3.0), lambda r: (r.uniform(0.5, 1.5),))
add(
    "partial_application",
    functools.partial(_variadic, 2.0, 3.0),
    lambda r: (r.uniform(0.5, 1.5),),
    jit=False,
)
add("callable_object", Quadratic(2.0, 3.0), lambda r: (r.uniform(0.5, 1.5),), jit=False)
add(
    "bound_method",
    Quadratic(2.0, 3.0).shifted,
    lambda r: (r.uniform(0.5, 1.5), r.uniform(0.1, 0.3)),
    jit=False,
)
add(
    "lambda_expression",
    lambda x, y: math.sin(x) * y + x**y,
    lambda r: (r.uniform(0.5, 1.5), r.uniform(0.5, 1.5)),
)


def growth(x, n):
    if n == 0:
        return x
    s = x
    k = 0
    while s < 3.0 + n and k < 10:
        s = s * 1.3 + math.sin(s) * 0.1
        k += 1
    return s * 0.5 + growth(x * 0.9, n - 1)


@program(lambda r: (r.uniform(1.0, 1.4), 3), jit=False)
def derivative_of_recursion_with_loops(x, n):
    return numbad.gradient(growth, x, n)[0] * x
