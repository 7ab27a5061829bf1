"""The worked examples of the documentation, on every engine that can run them."""

import math
import operator
from collections import namedtuple
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import numbad
from numbad import (
    Buffer,
    Params,
    copyto,
    diaghessian,
    dropgrad,
    forwarddiff,
    gradient,
    hessian,
    hessian_reverse,
    hook,
    ignore_derivatives,
    jacobian,
    showgrad,
    withgradient,
    withjacobian,
)

COMPILED_ONLY = {"test_showgrad", "test_hooks", "test_buffer", "test_forward_mode_inside"}


@pytest.fixture(params=["compiled", "traced"], autouse=True)
def engine(request):
    if request.param == "traced" and request.function.__name__ in COMPILED_ONLY:
        pytest.skip("the compiled engine only")
    with numbad.config.override(engine=request.param):
        yield request.param


def exactly(got, expected):
    """Same structure, same numbers, floats where floats are expected."""
    assert type(got) is type(expected)
    if isinstance(expected, tuple):
        assert len(got) == len(expected)
        for a, b in zip(got, expected, strict=True):
            exactly(a, b)
    else:
        assert got == expected


def pow_loop(x, n):
    r = 1
    for _ in range(n):
        r *= x
    return r


def pow_recursive(x, n):
    return 1 if n == 0 else x * pow_recursive(x, n - 1)


def test_polynomial():
    exactly(gradient(lambda x: 3 * x**2 + 2 * x + 1, 5), (32.0,))


def test_product():
    exactly(gradient(lambda a, b: a * b, 2, 3), (3.0, 2.0))
    exactly(gradient(lambda a, b, c: a * b * c, 2.0, 3.0, 5.0), (15.0, 10.0, 6.0))


def test_matrix_product():
    x = np.array([1.0, 2.0, 3.0])
    got = gradient(lambda W: np.sum(W @ x), np.arange(6.0).reshape(2, 3))[0]
    assert_array_equal(got, [x, x])


def test_fractions(engine):
    f = lambda x: 3 * x**2 + 2 * x + 1
    if engine == "compiled":
        with pytest.raises(TypeError):
            gradient(f, Fraction(1, 4))
    else:
        exactly(gradient(f, Fraction(1, 4)), (Fraction(7, 2),))


@pytest.mark.parametrize("power", [pow_loop, pow_recursive])
def test_loop_and_recursion(power):
    exactly(gradient(lambda x: power(x, 3), 5), (75.0,))


def test_dict_of_the_surroundings():
    d = {}

    def f(x):
        d["x"] = x
        return d["x"] * d["x"]

    exactly(gradient(f, 5), (10.0,))
    assert d["x"] == 5


@dataclass
class Point:
    x: float
    y: float

    def __add__(self, other):
        return Point(self.x + other.x, self.y + other.y)


def dist(p):
    return math.sqrt(p.x**2 + p.y**2)


def test_points():
    a, b = Point(1, 2), Point(3, 4)
    assert dist(a + b) == 7.211102550927978
    got = gradient(lambda a: dist(a + b), a)[0]
    assert got._fields == ("x", "y")
    assert_allclose(got, (0.5547001962252291, 0.8320502943378437), rtol=1e-15)


def test_squared_absolute_values():
    (got,) = gradient(lambda x: np.sum(np.abs(x) ** 2), np.array([7.0, 11.0, 13.0]))
    assert_array_equal(got, [14, 22, 26])


def test_argument_that_reaches_a_shape_only():
    def f(x, y, d):
        p = x.shape[d]
        return np.sum(x**p + y)

    gx, gy, gd = gradient(f, np.array([7, 11]), 0, 0)
    assert_array_equal(gx, [14.0, 22.0])
    exactly((gy, gd), (2.0, None))


X = np.array([1.0, 2.0, 3.0])
Linear = namedtuple("Linear", ["W", "b"])


class Layer:
    def __init__(self, W, b):
        self.W, self.b = W, b

    def __call__(self, x):
        return self.W @ x + self.b


def linear(t, x):
    return t["W"] @ x + t["b"]


@pytest.mark.parametrize("kind", ["dict", "namedtuple", "object"])
def test_models(kind):
    W, b = np.ones((2, 3)), np.zeros(2)
    match kind:
        case "dict":
            (got,) = gradient(lambda t: np.sum(linear(t, X)), {"W": W, "b": b})
            assert list(got) == ["W", "b"]
            found = got["W"], got["b"]
        case "namedtuple":
            (found,) = gradient(lambda m: np.sum(m.W @ X + m.b), Linear(W, b))
            assert found._fields == ("W", "b")
        case _:
            found = gradient(lambda m: np.sum(m(X)), Layer(W, b))[0]
            assert found._fields == ("W", "b")
    assert_array_equal(found[0], [X, X])
    assert_array_equal(found[1], [1.0, 1.0])


def test_parameters():
    x = np.array([[1, 2, 3], [4, 5, 6]])
    y, z = np.array([7, 8]), np.array([1, 10, 100])
    g = gradient(lambda: np.sum(x * y[:, None] * z), Params([x, y]))
    assert_array_equal(g[x], [[7, 70, 700], [8, 80, 800]])
    assert z not in g


WEIGHTS, BIAS = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), np.array([1.0, 2.0])


def global_linear(x):
    return WEIGHTS @ x + BIAS


def test_global_parameters():
    g = gradient(lambda: np.sum(global_linear(X)), Params([WEIGHTS, BIAS]))
    assert_array_equal(g[WEIGHTS], [X, X])
    assert_array_equal(g[BIAS], [1.0, 1.0])


def test_withgradient():
    got = withgradient(operator.truediv, 1, 2)
    assert (got.val, got.grad) == (0.5, (0.5, -0.25))
    w = [3.0]
    res = withgradient(lambda: np.sum(np.abs(w) ** 2), Params([w]))
    assert res.val == 9.0
    assert res.grad[w] == [6.0]


def test_jacobians():
    got = jacobian(lambda a: 100 * a[:3] ** 2, np.arange(1, 8))[0]
    assert_array_equal(got, np.eye(3, 7) * np.array([200, 400, 600, 0, 0, 0, 0]))
    one, other = jacobian(lambda a, x: a**2 * x, [1, 2, 3], 1)
    assert_array_equal(one, np.diag([2, 4, 6]))
    assert_array_equal(other, [1, 4, 9])
    one, other = jacobian(lambda a, s: a ** len(s), [1, 2, 3], "str")
    assert_allclose(one, np.diag([3, 12, 27]), rtol=1e-15)
    assert other is None


def test_jacobian_of_products_along_an_axis():
    one, other = jacobian(lambda a, d: np.prod(a, axis=d), [[1, 2], [3, 4], [5, 6]], 1)
    assert_array_equal(one, [[2, 1, 0, 0, 0, 0], [0, 0, 4, 3, 0, 0], [0, 0, 0, 0, 6, 5]])
    assert_array_equal(other, [0, 0, 0])


def test_jacobian_and_gradient_with_a_tuple():
    f = lambda a, t: np.sum(a * t[0]) + t[1]
    one, other = jacobian(f, [1, 2, 3], (4, 5))
    assert_array_equal(one, [[4, 4, 4]])
    assert other is None
    one, other = gradient(f, np.array([1, 2, 3]), (4, 5))
    assert_array_equal(one, [4, 4, 4])
    exactly(other, (6.0, 1.0))


def test_jacobian_over_parameters():
    xs, ys = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([5.0, 7.0, 9.0])
    j = jacobian(lambda: ys[:2] + np.sum(xs**2), Params([xs, ys]))
    assert_array_equal(j[ys], [[1, 0, 0], [0, 1, 0]])
    assert_array_equal(j[xs], [[2, 4, 6, 8], [2, 4, 6, 8]])


def test_withjacobian():
    got = withjacobian(np.cumsum, [1, 2, 3])
    assert_array_equal(got.val, [1, 3, 6])
    assert_array_equal(got.grad[0], [[1, 0, 0], [1, 1, 0], [1, 1, 1]])


@pytest.mark.parametrize("second", [hessian, hessian_reverse])
def test_hessians(second):
    assert_allclose(second(lambda x: x[0] * x[1], np.array([0.3, -2.0])), [[0, 1], [1, 0]])
    x = [[1, 2], [3, 4]]
    assert_allclose(second(lambda x: np.sum(x**3), x), np.diag([6, 12, 18, 24]))
    assert_allclose(second(lambda x: np.sum(x**3), x, order="F"), np.diag([6, 18, 12, 24]))
    assert second(math.sin, math.pi / 2) == pytest.approx(-1.0)
    assert_allclose(second(lambda ab: ab[0] * ab[1], [2, 3]), [[0, 1], [1, 0]])
    assert_allclose(
        second(lambda v: math.atan2(v[0], v[1]), [1, 2]), [[-0.16, -0.12], [-0.12, 0.16]]
    )


def test_diagonals_of_hessians():
    (got,) = diaghessian(lambda x: np.sum(x**3), [[1, 2], [3, 4]])
    assert_allclose(got, [[6, 12], [18, 24]])
    one, other = diaghessian(
        lambda x, y: np.sum(x * y[:, None] * y), [[1, 22], [333, 4]], [0.5, 0.666]
    )
    assert_allclose(one, np.zeros((2, 2)))
    assert_allclose(other, [2.0, 8.0])
    assert diaghessian(math.atan2, 1, 2) == pytest.approx((-0.16, 0.16))


def test_showgrad(capsys):
    exactly(gradient(lambda a, b: showgrad(a) * b, 2, 3), (3.0, 2.0))
    exactly(gradient(lambda a: showgrad(a) * a, 2), (4.0,))

    def f(a, b):
        showgrad(a)
        return a * b

    exactly(gradient(f, 2, 3), (3.0, 2.0))
    assert capsys.readouterr().out.splitlines() == ["∂(a) = 3.0", "∂(a) = 2.0", "∂(a) = None"]


def print_it(g):
    print(g)
    return g


def test_hooks(capsys):
    exactly(gradient(lambda a, b: hook(print_it, a) * b, 2, 3), (3.0, 2.0))
    assert capsys.readouterr().out == "3.0\n"
    exactly(gradient(lambda a, b: hook(operator.neg, a) * b, 2, 3), (-3.0, 2.0))


@pytest.mark.parametrize("drop", [dropgrad, ignore_derivatives])
def test_dropped_gradients(drop):
    exactly(gradient(lambda a, b: drop(a) * b, 2, 3), (None, 2.0))


def vstack(xs):
    buf = Buffer(xs, len(xs), 5)
    for i in range(5):
        buf[:, i] = xs
    return buf.copy()


def test_buffer():
    (got,) = gradient(lambda x: np.sum(vstack(x)), np.array([1, 2, 3]))
    assert_array_equal(got, [5.0, 5.0, 5.0])


def test_forward_mode_inside():
    exactly(gradient(lambda x: forwarddiff(lambda x: pow_loop(x, 2), x), 5), (10.0,))
    exactly(gradient(lambda a, b: forwarddiff(lambda a: a * b, a), 2, 3), (3.0, None))
    f = lambda a, b: forwarddiff(lambda ab: ab[0] * ab[1], [a, b])
    exactly(gradient(f, 2, 3), (3.0, 2.0))


def test_algebra_of_gradients():
    p = np.array([1.0, 2.0])
    ps = Params([p])
    one, other = (gradient(lambda k=k: np.sum(p**k), ps) for k in (2, 3))
    gs = one + other
    assert_array_equal(gs[p], [5.0, 16.0])
    gs += {id(p): np.array([1.0, 1.0])}
    assert_array_equal(gs[p], [6.0, 17.0])
    assert_array_equal(gs.map(lambda g: np.clip(g, -0.1, 0.1))[p], [0.1, 0.1])
    for g in gs:
        np.clip(g, -10.0, 10.0, out=g)
    assert_array_equal(gs[p], [6.0, 10.0])
    assert_array_equal(copyto(np.zeros(2), gs), [6.0, 10.0])
    with pytest.raises(numbad.GradsKeyError):
        gs + gradient(lambda: np.sum(X), Params([X]))
