"""Values of derivatives at kinks, singular points and extremes."""

import math

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import numbad
from numbad import derivative, gradient

INF = math.inf
NAN = math.nan


def slope(f, *args):
    """Gradient, after checking that forward mode agrees for one argument."""
    got = gradient(f, *args)
    if len(args) == 1:
        forward = derivative(f, *args)
        assert (got[0] is None and forward == 0.0) or np.array_equal(
            forward, got[0], equal_nan=True
        )
    return got


@pytest.mark.parametrize(
    ("f", "x", "expected"),
    [
        (lambda x: abs(x), 0.0, 0.0),
        (lambda x: np.abs(x), 0.0, 0.0),
        (lambda x: math.fabs(x), 0.0, 0.0),
        (lambda x: math.sqrt(x), 0.0, INF),
        (lambda x: math.sqrt(x**2), 0.0, 0.0),
        (lambda x: math.sqrt(x * x), 0.0, 0.0),
        (lambda x: np.sqrt(x) * 0.0, 0.0, 0.0),
        (lambda x: x**2, 0.0, 0.0),
        (lambda x: x**3, 0.0, 0.0),
        (lambda x: x**2.0, 0.0, 0.0),
        (lambda x: x**1, 0.0, 1.0),
        (lambda x: x**3.0, -2.0, 12.0),
        (lambda x: (-2.0 - x) ** 3.0, 0.0, -12.0),
        (lambda x: math.floor(x) * 1.0, 1.5, 0.0),
        (lambda x: math.ceil(x) * 1.0, 1.5, 0.0),
        (lambda x: round(x) * 1.0, 1.2, 0.0),
        (lambda x: np.sign(x), 1.2, 0.0),
        (lambda x: int(x) * 1.0, 1.2, 0.0),
        (lambda x: x // 2.0, 3.0, 0.0),
        (lambda x: x % 2.0, 3.5, 1.0),
        (lambda x: x % 2.0, -3.5, 1.0),
        (lambda x: 7.5 % x, 2.0, -3.0),
        (lambda x: -7.5 % x, 2.0, 4.0),
        (lambda x: x if x > 0 else -x, 0.0, -1.0),
        (lambda x: 0.0 if x == 1.0 else x * x, 1.0, 0.0),
        (lambda x: max(x, 3.0), 5.0, 1.0),
        (lambda x: min(x, 3.0), 5.0, 0.0),
        (lambda x: math.copysign(x, -2.0), 3.0, -1.0),
        (lambda x: math.copysign(x, 2.0), -3.0, -1.0),
    ],
)
def test_scalar_conventions(f, x, expected):
    assert slope(f, x) == (expected,)


def test_zeroth_power_at_zero():
    assert gradient(lambda x: x**0, 0.0)[0] in (0.0, None)


def test_power_of_zero():
    assert gradient(lambda x, y: x**y, 0.0, 1.5) == (0.0, 0.0)


def test_modulo_of_both():
    assert gradient(lambda x, y: x % y, 7.5, 2.0) == (1.0, -3.0)
    assert gradient(lambda x, y: x % y, -7.5, 2.0) == (1.0, 4.0)


def test_copysign_has_no_path_from_the_sign():
    assert gradient(lambda x, y: math.copysign(x, y), 3.0, -2.0) == (-1.0, None)


@pytest.mark.parametrize("f", [lambda a, b: max(a, b), lambda a, b: min(a, b)])
def test_ties_of_two_arguments_go_to_the_one_the_primal_picked(f):
    got = gradient(f, 2.0, 2.0)
    assert sorted(got) == [0.0, 1.0]
    assert got == (1.0, 0.0)


def test_tie_of_the_maximum_goes_to_the_first_winner():
    (got,) = gradient(lambda x: np.max(x), np.array([1.0, 3.0, 3.0, 2.0]))
    assert_array_equal(got, [0.0, 1.0, 0.0, 0.0])
    (got,) = gradient(lambda x: np.min(x), np.array([3.0, 1.0, 1.0]))
    assert_array_equal(got, [0.0, 1.0, 0.0])


def test_norm_at_zero():
    (got,) = gradient(lambda x: np.linalg.norm(x), np.zeros(3))
    assert_array_equal(got, np.zeros(3))


def test_where_ignores_the_branch_not_selected():
    x = np.array([0.0, 4.0])
    (got,) = gradient(lambda x: np.sum(np.where(x > 1.0, np.sqrt(x), 2.0 * x)), x)
    assert_array_equal(got, [2.0, 0.25])
    (got,) = gradient(lambda x: np.sum(np.where(x > 1.0, np.log(x), 0.0)), x)
    assert_array_equal(got, [0.0, 0.25])


def test_clip():
    x = np.array([-2.0, 0.3, 2.0])
    (got,) = gradient(lambda x: np.sum(np.clip(x, -1.0, 1.0)), x)
    assert_array_equal(got, [0.0, 1.0, 0.0])


def logsumexp(x):
    m = np.max(x)
    return m + np.log(np.sum(np.exp(x - m)))


def softplus(x):
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def sigmoid(x):
    if x >= 0.0:
        return 1.0 / (1.0 + math.exp(-x))
    z = math.exp(x)
    return z / (1.0 + z)


@pytest.mark.parametrize("x", [-800.0, 800.0])
def test_stable_formulas_stay_finite(x):
    for f in (softplus, sigmoid):
        (got,) = gradient(f, x)
        assert math.isfinite(got)
        assert got == pytest.approx(1.0 if f is softplus and x > 0 else 0.0, abs=1e-300)
    (got,) = gradient(logsumexp, np.array([x, 0.0, -x]))
    assert np.isfinite(got).all()
    assert got.sum() == pytest.approx(1.0)


def test_nan_input_where_the_slope_is_constant():
    assert gradient(lambda x, y: 3.0 * x + 2.0 * y, NAN, 1.0) == (3.0, 2.0)
    (got,) = gradient(lambda x: np.sum(x), np.array([NAN, 1.0]))
    assert_array_equal(got, [1.0, 1.0])


def test_the_derivative_part_never_raises():
    def f(x):
        return math.sqrt(x) + x

    assert gradient(f, 0.0) == (INF,)
    assert gradient(lambda x: np.sum(np.sqrt(x)), np.zeros(1))[0][0] == INF


def test_zero_cotangent_times_infinite_slope_is_zero():
    assert gradient(lambda x, y: math.sqrt(x) * y, 0.0, 0.0) == (0.0, 0.0)
    (got,) = gradient(lambda x: math.sqrt(x[0]) * 0.0 + x[1], np.array([0.0, 2.0]))
    assert_array_equal(got, [0.0, 1.0])


def root_of_power(x, n):
    if n == 0:
        return math.sqrt(x)
    return root_of_power(x * x, n - 1)


def test_zero_slope_times_infinite_cotangent_is_zero_through_invoked_functions():
    assert gradient(lambda x: root_of_power(x, 1), 0.0) == (0.0,)
    assert gradient(lambda x: root_of_power(x, 0), 0.0) == (INF,)


def _product_with_log(x):
    return np.sum(np.where(x > 0, x * np.log(x), 0.0))


def _overflowing(x):
    return np.sum(np.where(x < 10.0, np.exp(x), x))


def _missing_data(x, w):
    return np.sum(np.where(np.isnan(x), 0.0, x * w) ** 2)


def _selected_elsewhere(x):
    y = np.empty(x.size)
    for i in range(x.size):
        y[x.size - 1 - i] = x[i] * np.log(x[i])
    return np.sum(np.where(x[::-1] > 0, y, 0.0))


@pytest.mark.parametrize(
    ("f", "args", "expected"),
    [
        (_product_with_log, ([0.0, 1.0],), ([0.0, 1.0],)),
        (_overflowing, ([800.0, 0.0],), ([1.0, 1.0],)),
        (_missing_data, ([np.nan, 2.0], [3.0, 3.0]), ([0.0, 36.0], [0.0, 24.0])),
        (_selected_elsewhere, ([0.0, 1.0],), ([0.0, 1.0],)),
        (lambda x: np.nansum(x * x), ([np.nan, 3.0],), ([0.0, 6.0],)),
        (lambda x: np.nanmean(x * x), ([np.nan, 3.0],), ([0.0, 6.0],)),
    ],
)
@pytest.mark.parametrize("engine", ["compiled", "traced"])
def test_what_is_not_selected_contributes_zero(f, args, expected, engine):
    arrays = tuple(np.array(arg) for arg in args)
    with np.errstate(all="ignore"):
        gradient = numbad.gradient(f, *arrays, engine=engine)
        for position, (got, wanted) in enumerate(zip(gradient, expected, strict=True)):
            np.testing.assert_allclose(got, wanted)
            tangents = [None] * len(arrays)
            tangents[position] = np.array([0.5, 0.25])
            _, slope = numbad.jvp(f, arrays, tuple(tangents), engine=engine)
            assert slope == pytest.approx(np.dot(wanted, [0.5, 0.25]))


@pytest.mark.parametrize("engine", ["compiled", "traced"])
@pytest.mark.parametrize("fn", [np.logaddexp, np.logaddexp2])
def test_logarithm_of_a_sum_at_infinity(fn, engine):
    a = np.array([-np.inf, -np.inf, np.inf, np.inf, 0.0])
    b = np.array([-np.inf, 0.0, np.inf, 0.0, np.inf])
    _, back = numbad.pullback(fn, a, b, engine=engine)
    a_bar, b_bar = back(np.ones(5))
    np.testing.assert_array_equal(a_bar, [0.5, 0.0, 0.5, 1.0, 0.0])
    np.testing.assert_array_equal(b_bar, 1.0 - a_bar)


@pytest.mark.parametrize("x", [-800.0, 0.0, 800.0])
def test_tangent_of_a_sigmoid_that_overflows_inside(x):
    _, slope = numbad.jvp(lambda x: np.sum(1.0 / (1.0 + np.exp(-x))), (np.array([x]),), ([1.0],))
    assert slope == (0.25 if x == 0.0 else 0.0)
