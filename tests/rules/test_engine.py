"""The rules as the compiled engine uses them: many functions in one program, to save compilation.

``grouped`` makes a program that applies each function of a group to its own point and adds the
values with weights: its gradient is the weights times the derivatives.
"""

# ruff: noqa: NPY002 - Numba's generators are the legacy ones

from __future__ import annotations

import cmath
import math
import operator
import random
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

import numbad
from numbad import errors
from numbad.kernels import scipy_functions
from numbad.kernels.special import digamma, trigamma
from numbad.rules import registry
from numbad.rules.forms import ScalarRule
from tests.rules import checks, references

# What Numba does not compile: such functions have rules for the traced engine.
NOT_COMPILED = {
    math.cbrt,
    math.fmod,
    math.remainder,
    np.heaviside,
    operator.abs,
}
SCALAR = [
    (function, rule)
    for rule in registry.rules()
    if isinstance(rule, ScalarRule) and not rule.impure
    for function in rule.names
    if function not in NOT_COMPILED
    and function not in scipy_functions.FUNCTIONS.values()  # test_scipy_functions.py
    and not function.__name__.startswith("i")
    and function not in vars(cmath).values()
    and not isinstance(function, type)
]
UNARY = [(f, rule) for f, rule in SCALAR if rule.n_args == 1]
BINARY = [
    (f, rule)
    for f, rule in SCALAR
    if rule.n_args == 2 and f.__name__ not in ("ldexp", "polygamma", "divide", "float_power")
]


def grouped(functions: list[Callable[..., Any]], n_args: int) -> Callable[..., Any]:
    """Return a program that adds the functions' values with weights."""
    group = tuple(functions)
    if n_args == 1:

        def unary(points, weights):
            total = 0.0
            for position, function in enumerate(group):
                total += weights[position] * function(points[position, 0])
            return total

        return unary

    def binary(points, weights):
        total = 0.0
        for position, function in enumerate(group):
            total += weights[position] * function(points[position, 0], points[position, 1])
        return total

    return binary


def engine_check(cases: list[tuple[Any, ScalarRule]], dtype: Any, tolerance: float) -> None:
    """Gradient, jvp and second derivatives of a group agree with the reference."""
    source = random.Random(8)
    generator = np.random.default_rng(8)
    functions = [function for function, _ in cases]
    references_ = [reference(function, rule) for function, rule in cases]
    points = np.array([checks.sample_real(rule, source) for _, rule in cases], dtype)
    weights = generator.uniform(0.5, 2.0, len(cases)).astype(dtype)
    program = grouped(functions, points.shape[1])
    wanted = np.array(
        [
            [derivative(each, point, position) for position in range(len(point))]
            for each, point in zip(references_, points, strict=True)
        ]
    )
    slopes = weights[:, None] * wanted
    points_bar, _ = numbad.gradient(program, points, weights)
    assert points_bar.dtype == dtype
    compare(functions, points, points_bar, slopes, tolerance)
    directions = generator.standard_normal(points.shape).astype(dtype)
    _, y_dot = numbad.jvp(program, (points, weights), (directions, None))
    assert y_dot == pytest.approx(np.sum(slopes * directions), rel=10 * tolerance)


def reference(function: Any, rule: ScalarRule) -> Any:
    """Return the reference of a function or of one with the same rule."""
    table = references.REAL
    return table.get(function) or next(table[each] for each in rule.names if each in table)


def derivative(reference: Any, point: Any, position: int) -> float:
    """Return a partial derivative of a reference."""
    with mpmath.workdps(references.DIGITS):
        values = [checks.exact(float(each)) for each in point]

        def along(t: Any) -> Any:
            return reference(*values[:position], t, *values[position + 1 :])

        return float(mpmath.diff(along, values[position]))


def compare(functions: Any, points: Any, got: Any, wanted: Any, tolerance: float) -> None:
    """Fail with the names of all functions whose slopes differ."""
    errors = np.abs(got - wanted) / np.maximum(np.abs(wanted), 1e-3)
    wrong = [
        (getattr(function, "__name__", function), point, one, other)
        for function, point, error, one, other in zip(
            functions, points, errors, got, wanted, strict=True
        )
        if not np.all(error < tolerance)
    ]
    assert not wrong


@pytest.mark.parametrize("part", range(4))
def test_unary_functions(part: int) -> None:
    engine_check(UNARY[part::4], np.float64, 1e-12)


@pytest.mark.parametrize("part", range(2))
def test_binary_functions(part: int) -> None:
    engine_check(BINARY[part::2], np.float64, 1e-12)


def test_single_precision() -> None:
    unary = {math.exp, math.tanh, np.sqrt, math.asin, np.abs, math.log1p, np.square}
    engine_check([case for case in UNARY if case[0] in unary], np.float32, 2e-5)
    binary = {operator.pow, operator.truediv, max, math.hypot, math.atan2, operator.mod}
    engine_check([case for case in BINARY if case[0] in binary], np.float32, 2e-5)


def test_second_order() -> None:
    functions = (
        math.exp,
        math.log,
        math.sqrt,
        math.sin,
        math.tan,
        math.asin,
        math.atan,
        math.tanh,
        math.acosh,
        math.erf,
        math.gamma,
        math.lgamma,
        digamma,
        np.reciprocal,
        np.cbrt,
    )
    program = grouped(list(functions), 1)
    points = np.full((len(functions), 1), 0.6)
    points[functions.index(math.acosh)] = 1.6
    weights = np.ones(len(functions))

    def slopes(points):
        return numbad.gradient(program, points, weights)[0]

    _, second = numbad.jvp(slopes, (points,), (np.ones_like(points),))
    with mpmath.workdps(references.DIGITS):
        for function, point, got in zip(functions, points, second, strict=True):
            wanted = float(mpmath.diff(reference(function, rule_of(function)), float(point[0]), 2))
            assert got[0] == pytest.approx(wanted, rel=1e-11), function


def rule_of(function: Any) -> ScalarRule:
    """Return the rule of a scalar function."""
    rule = registry.lookup(function)
    assert isinstance(rule, ScalarRule)
    return rule


@pytest.mark.parametrize(
    ("function", "point", "slope"),
    [
        (lambda x: x**2, 0.0, 0.0),
        (lambda x: x**3, 0.0, 0.0),
        (lambda x: x**1.5, 0.0, 0.0),
        (lambda x: x**3.0, -2.0, 12.0),
        (abs, 0.0, 0.0),
        (lambda x: math.sqrt(x**2), 0.0, 0.0),
        (lambda x: math.hypot(x, 0.0), 0.0, 0.0),
        (math.sqrt, 0.0, math.inf),
        (lambda x: max(x, 1.0), 1.0, 1.0),
        (lambda x: max(1.0, x), 1.0, 0.0),
        (lambda x: 1.0 / (1.0 + math.exp(-x)), 800.0, 0.0),
        (lambda x: 1.0 / (1.0 + math.exp(-x)), -800.0, 0.0),
        (lambda x: np.logaddexp(0.0, x), 800.0, 1.0),
        (lambda x: np.logaddexp(0.0, x), -800.0, 0.0),
        (lambda x: x % 3.0, -1.0, 1.0),
        (lambda x: 7.0 % x, 3.0, -2.0),
        (lambda x: -7.0 % x, 3.0, 3.0),
        (math.floor, 1.5, 0.0),
        (lambda x: math.copysign(x, -1.0), 2.0, -1.0),
        (trigamma, 1.0, -2.4041138063191886),
    ],
)
def test_conventions(function: Any, point: float, slope: float) -> None:
    assert numbad.gradient(function, point) == (pytest.approx(slope, rel=1e-14),)


def test_complex_functions() -> None:
    def energy(z):
        w = np.sin(z) * np.exp(1j * z) / (1.0 + z * z)
        return abs(w) + w.real * np.conj(z).imag + np.angle(w)

    z = 0.4 + 0.7j
    (z_bar,) = numbad.gradient(energy, z)
    step = 1e-6
    of_real = (energy(z + step) - energy(z - step)) / (2 * step)
    of_imaginary = (energy(z + 1j * step) - energy(z - 1j * step)) / (2 * step)
    assert z_bar == pytest.approx(complex(of_real, of_imaginary), rel=1e-8)


MATRIX = np.array([[4.0, 1.0, 0.5], [1.0, 3.0, -0.7], [0.5, -0.7, 2.0]])


def weighted_eigh(a):
    w, v = np.linalg.eigh(a)
    return np.sum(w * np.array([1.0, -2.0, 0.5])) + np.sum(v * v * a)


def weighted_svd(a):
    u, s, vt = np.linalg.svd(a)
    return np.sum(s * s * s) + np.sum((u @ vt) * a)


def weighted_qr(a):
    q, r = np.linalg.qr(a)
    return np.sum(q * a) + np.sum(r * r * r)


def weighted_slogdet(a):
    _, logarithm = np.linalg.slogdet(a)
    return logarithm


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    "function",
    [
        pytest.param(lambda a: np.sum(np.linalg.solve(a, a[0]) * a[1]), id="solve"),
        pytest.param(lambda a: np.sum(np.linalg.inv(a)[0] * a[1] ** 2), id="inv"),
        pytest.param(np.linalg.det, id="det"),
        pytest.param(lambda a: np.sum(np.linalg.cholesky(a) ** 3), id="cholesky"),
        pytest.param(lambda a: np.sum(np.linalg.pinv(a)[0] * a[1] ** 2), id="pinv"),
        pytest.param(
            lambda a: np.sum(np.dot(a, a[0]) * np.dot(a[1], a)) + np.dot(a[0], a[2]), id="dot"
        ),
        pytest.param(
            lambda a: np.sum(np.linalg.eigvalsh(a) ** 2 * np.array([1.0, 2.0, 3.0])), id="eigvalsh"
        ),
        pytest.param(weighted_eigh, id="eigh"),
        pytest.param(weighted_slogdet, id="slogdet"),
        pytest.param(lambda a: np.sum(np.linalg.matrix_power(a, 3)), id="power", marks=SLOW),
        pytest.param(np.linalg.cond, id="cond", marks=SLOW),
        pytest.param(weighted_svd, id="svd", marks=SLOW),
        pytest.param(weighted_qr, id="qr", marks=SLOW),
    ],
)
def test_linear_algebra(function: Any) -> None:
    (a_bar,) = numbad.gradient(function, MATRIX)
    a_dot = np.random.default_rng(4).standard_normal((3, 3))
    step = 1e-5
    slope = (function(MATRIX + step * a_dot) - function(MATRIX - step * a_dot)) / (2 * step)
    assert np.sum(a_bar * a_dot) == pytest.approx(slope, rel=1e-7)
    y, y_dot = numbad.jvp(function, (MATRIX,), (a_dot,))
    assert y == pytest.approx(function(MATRIX), rel=1e-13)
    assert y_dot == pytest.approx(np.sum(a_bar * a_dot), rel=1e-10)


def test_draws_move_with_location_and_scale() -> None:
    def draw(location, scale):
        np.random.seed(5)
        return np.random.normal(location, scale) + np.random.normal(location)

    location_bar, scale_bar = numbad.gradient(draw, 1.0, 2.0)
    assert location_bar == 2.0
    y, scale_dot = numbad.jvp(draw, (1.0, 2.0), (None, 1.0))
    step = 1e-6
    above, _ = numbad.jvp(draw, (1.0, 2.0 + step), (None, 1.0))
    assert scale_bar == pytest.approx(scale_dot, rel=1e-14)
    assert scale_bar == pytest.approx((above - y) / step, rel=1e-6)


def test_unknown_derivative_of_a_draw_is_refused() -> None:
    with pytest.raises(errors.DifferentiationError, match="location and scale"):
        numbad.gradient(np.random.gamma, 2.0)
