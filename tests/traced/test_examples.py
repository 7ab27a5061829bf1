"""The worked examples of the semantics page, by the traced engine; and those only it can run."""

import colorsys
import math
import operator
import random
import statistics
import struct
from collections import namedtuple
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import sqrt

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import numbad
from numbad.config import config
from tests.api.test_semantics_examples import exactly, pow_loop, pow_recursive


@pytest.fixture(autouse=True)
def _traced():
    config.engine = "traced"


gradient, jacobian = numbad.gradient, numbad.jacobian


def test_polynomial():
    exactly(gradient(lambda x: 3 * x**2 + 2 * x + 1, 5), (32.0,))


def test_exact_rational():
    exactly(gradient(lambda x: 3 * x**2 + 2 * x + 1, Fraction(1, 4)), (Fraction(7, 2),))


def test_exact_rationals_of_any_order_and_mode():
    def f(x):
        return (x**3 - 1) / (2 * x + 1)

    x = Fraction(2, 3)
    first = (3 * x**2 * (2 * x + 1) - 2 * (x**3 - 1)) / (2 * x + 1) ** 2
    exactly(gradient(f, x), (first,))
    exactly(numbad.derivative(f, x), first)
    second = gradient(lambda x: gradient(f, x)[0], x)[0]
    exactly(numbad.derivative(lambda x: numbad.derivative(f, x), x), second)
    h = Fraction(1, 10**9)
    quotient = (f(x + h) - 2 * f(x) + f(x - h)) / h**2
    assert abs(quotient - second) < Fraction(1, 10**8)


def test_decimal():
    (found,) = gradient(lambda x: x * x / 3, Decimal("1.5"))
    assert type(found) is Decimal
    assert found == Decimal(1)


def test_products_of_ints():
    exactly(gradient(lambda a, b: a * b, 2, 3), (3.0, 2.0))
    exactly(gradient(lambda a, b, c: a * b * c, 2.0, 3.0, 5.0), (15.0, 10.0, 6.0))


@pytest.mark.parametrize("power", [pow_loop, pow_recursive])
def test_power(power):
    exactly(gradient(lambda x: power(x, 3), 5), (75.0,))


def test_matrix_vector_product():
    x = np.array([1.0, 2.0, 3.0])
    (found,) = gradient(lambda W: np.sum(W @ x), np.arange(6.0).reshape(2, 3))
    assert_array_equal(found, [x, x])


def test_global_dict():
    d = {}

    def f(x):
        d["x"] = x
        return d["x"] * d["x"]

    exactly(gradient(f, 5), (10.0,))
    assert d == {"x": 5}
    assert type(d["x"]) is int


def test_keys_made_at_run_time():
    def f(x, n):
        table = {}
        for i in range(n):
            table[f"key{i}"] = x**i
        return sum(table[name] for name in sorted(table, reverse=True))

    exactly(gradient(f, 2.0, 4), (1.0 + 4.0 + 12.0, None))


@dataclass
class Point:
    x: float
    y: float

    def __add__(self, other):
        return Point(self.x + other.x, self.y + other.y)

    def __abs__(self):
        return math.hypot(self.x, self.y)

    @property
    def angle(self):
        return math.atan2(self.y, self.x)


def dist(p):
    return sqrt(p.x**2 + p.y**2)


@pytest.mark.parametrize("length", [lambda p: dist(p), lambda p: abs(p)])
def test_points(length):
    a, b = Point(1, 2), Point(3, 4)
    val, (found,) = numbad.withgradient(lambda a: length(a + b), a)
    assert val == 7.211102550927978
    assert found._fields == ("x", "y")
    assert_allclose(found, (0.5547001962252291, 0.8320502943378437), rtol=1e-15)


def test_property():
    (found,) = gradient(lambda p: p.angle, Point(3.0, 4.0))
    assert_allclose(found, (-4 / 25, 3 / 25), rtol=1e-15)


def test_array_of_squares():
    (found,) = gradient(lambda x: np.sum(np.abs(x) ** 2), np.array([7.0, 11.0, 13.0]))
    assert_array_equal(found, [14.0, 22.0, 26.0])


def test_shape_is_not_differentiable():
    def f(x, y, d):
        p = x.shape[d]
        return np.sum(x**p + y)

    gx, gy, gd = gradient(f, np.array([7, 11]), 0, 0)
    assert_array_equal(gx, [14.0, 22.0])
    assert gx.dtype == np.float64
    exactly((gy, gd), (2.0, None))


class Linear:
    def __init__(self, W, b):
        self.W = W
        self.b = b

    def __call__(self, x):
        return self.W @ x + self.b


def test_models():
    x = np.array([1.0, 2.0, 3.0])
    W, b = np.arange(6.0).reshape(2, 3), np.zeros(2)
    (t,) = gradient(lambda t: np.sum(t["W"] @ x + t["b"]), {"W": W, "b": b})
    assert set(t) == {"W", "b"}
    pair = namedtuple("Pair", ["W", "b"])
    (p,) = gradient(lambda m: np.sum(m.W @ x + m.b), pair(W, b))
    assert type(p) is pair
    (m,) = gradient(lambda m: np.sum(m(x)), Linear(W, b))
    assert m._fields == ("W", "b")
    for found in (t["W"], p.W, m.W):
        assert_array_equal(found, [x, x])
    for found in (t["b"], p.b, m.b):
        assert_array_equal(found, np.ones(2))


def test_withgradient():
    assert numbad.withgradient(operator.truediv, 1, 2) == (0.5, (0.5, -0.25))


def test_jacobians():
    assert_array_equal(
        jacobian(lambda a: 100 * a[:3] ** 2, np.arange(1, 8))[0],
        np.eye(3, 7) * [200, 400, 600, 0, 0, 0, 0],
    )
    a, x = jacobian(lambda a, x: a**2 * x, [1, 2, 3], 1)
    assert_array_equal(a, np.diag([2.0, 4, 6]))
    assert_array_equal(x, [1.0, 4, 9])
    a, d = jacobian(lambda a, d: np.prod(a, axis=d), [[1, 2], [3, 4], [5, 6]], 1)
    assert_array_equal(a, [[2, 1, 0, 0, 0, 0], [0, 0, 4, 3, 0, 0], [0, 0, 0, 0, 6, 5]])
    assert_array_equal(d, [0, 0, 0])
    a, s = jacobian(lambda a, s: a ** len(s), [1, 2, 3], "str")
    assert_array_equal(a, np.diag([3.0, 12, 27]))
    assert s is None
    a, t = jacobian(lambda a, t: np.sum(a * t[0]) + t[1], [1, 2, 3], (4, 5))
    assert_array_equal(a, [[4, 4, 4]])
    assert t is None
    val, (a,) = numbad.withjacobian(np.cumsum, [1, 2, 3])
    assert_array_equal(val, [1, 3, 6])
    assert_array_equal(a, np.tri(3))


def test_hessians():
    x = [[1, 2], [3, 4]]
    assert_array_equal(numbad.hessian(lambda x: np.sum(x**3), x), np.diag([6.0, 12, 18, 24]))
    assert_array_equal(
        numbad.hessian(lambda x: np.sum(x**3), x, order="F"), np.diag([6.0, 18, 12, 24])
    )
    assert numbad.hessian(math.sin, math.pi / 2) == -1.0
    assert_array_equal(numbad.hessian(lambda ab: ab[0] * ab[1], [2, 3]), [[0, 1], [1, 0]])
    assert_array_equal(numbad.hessian_reverse(lambda x: x[0] * x[1], np.ones(2)), [[0, 1], [1, 0]])
    assert_array_equal(numbad.diaghessian(lambda x: np.sum(x**3), x)[0], [[6, 12], [18, 24]])
    first, second = numbad.diaghessian(
        lambda x, y: np.sum(x * y[:, None] * y), [[1, 22], [333, 4]], [0.5, 0.666]
    )
    assert_array_equal(first, np.zeros((2, 2)))
    assert_allclose(second, [2.0, 8.0])
    assert_allclose(numbad.diaghessian(math.atan2, 1, 2), (-0.16, 0.16))


@pytest.mark.parametrize("name", ["dropgrad", "ignore_derivatives"])
def test_dropped(name):
    drop = getattr(numbad, name)
    exactly(gradient(lambda a, b: drop(a) * b, 2, 3), (None, 2.0))


# --- libraries that know nothing of derivatives -----------------------------------------------


def central(f, args, i, h=1e-6):
    plus, minus = list(args), list(args)
    plus[i] += h
    minus[i] -= h
    return (f(*plus) - f(*minus)) / (2 * h)


CONVERSIONS = "rgb_to_hsv hsv_to_rgb rgb_to_hls hls_to_rgb rgb_to_yiq yiq_to_rgb".split()


@pytest.mark.parametrize("name", CONVERSIONS)
@pytest.mark.parametrize("part", range(3))
def test_colorsys(name, part):
    source = random.Random(f"{name}{part}")
    convert = getattr(colorsys, name)
    for _ in range(5):
        color = [source.uniform(0.05, 0.95) for _ in range(3)]
        found = gradient(lambda r, g, b: convert(r, g, b)[part], *color, zeros=True)
        for i in range(3):
            wanted = central(lambda *c: convert(*c)[part], color, i)
            assert found[i] == pytest.approx(wanted, rel=1e-6, abs=1e-6)


SUMMARIES = (
    "mean fmean geometric_mean harmonic_mean median median_low median_high median_grouped "
    "pstdev pvariance stdev variance"
).split()


@pytest.mark.parametrize("name", SUMMARIES)
def test_statistics(name):
    summary = getattr(statistics, name)
    data = [2.5, 1.25, 4.75, 3.0, 7.5]
    (found,) = gradient(lambda data: summary(data), data, zeros=True)
    wanted = [central(lambda *data: summary(data), data, i) for i in range(len(data))]
    assert_allclose(found, wanted, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", ["covariance", "correlation"])
def test_statistics_of_pairs(name):
    summary = getattr(statistics, name)
    x, y = [1.0, 2.5, 4.5, 4.0], [2.0, 1.0, 5.0, 3.5]
    found = gradient(lambda x, y: summary(x, y), x, y)
    both = x + y
    wanted = [central(lambda *v: summary(v[:4], v[4:]), both, i) for i in range(8)]
    assert_allclose(np.ravel(found), wanted, rtol=1e-6, atol=1e-7)


def test_normal_distribution():
    def f(mu, sigma):
        return statistics.NormalDist(mu, sigma).cdf(1.5) + statistics.NormalDist(mu, sigma).pdf(0.5)

    found = gradient(f, 0.3, 1.2)
    assert_allclose(found, [central(f, [0.3, 1.2], i) for i in range(2)], rtol=1e-7)


# --- functions without source -----------------------------------------------------------------


def test_executed_function():
    namespace = {}
    exec(
        "from math import sin\nimport math\ncount = 0\n"
        "def g(x):\n    return sin(x) * math.cos(x)\n"
        "def f(x):\n    global count\n    count = count + 1\n    import math as m\n"
        "    return max(g(x), 0.0) + float(x) * m.exp(x) + [abs(v) for v in (x,)][0]\n",
        namespace,
    )
    (found,) = gradient(namespace["f"], 0.4)
    assert found == pytest.approx(math.cos(0.8) + 1.4 * math.exp(0.4) + 1.0, rel=1e-14)
    assert namespace["count"] == 1


def test_evaluated_lambda():
    f = eval("lambda x: (lambda y: math.sin(y) * y)(x)", {"math": math})
    exactly(gradient(f, 0.5), (math.cos(0.5) * 0.5 + math.sin(0.5),))


def test_method_without_source():
    namespace = {}
    exec(
        "from math import sin\nclass Model:\n    def area(self, x):\n        return sin(x)\n",
        namespace,
    )
    model = namespace["Model"]()
    exactly(gradient(lambda x: model.area(x), 0.5), (math.cos(0.5),))


def test_c_code_without_rule_is_an_error():
    with pytest.raises(numbad.DifferentiationError, match="pack"):
        gradient(lambda x: struct.unpack("d", struct.pack("d", x))[0], 0.5)
