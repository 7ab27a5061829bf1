"""Properties every derivative has, whatever the program: linearity, chain rule, broadcasting."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from numbad import gradient, jvp, pullback
from tests.interpreter import interpreted
from tests.oracles import ridders
from tests.strategies import arrays, broadcastable_pairs


def running_products(x):
    y = np.empty_like(x)
    p = 1.0
    for i in range(len(x)):
        p = p * x[i]
        y[i] = p + np.sin(x[i])
    return y


def weighted(y):
    s = 0.0
    for i in range(len(y)):
        s += y[i] * y[i] * (i + 1)
    return s


@pytest.fixture
def x(rng):
    return rng.uniform(0.5, 1.5, 5)


def test_pullback_is_linear_in_its_seed(x, rng):
    _, back = pullback(running_products, x)
    u, v = rng.normal(size=(2, 5))
    combined = back(2.0 * u - 3.0 * v)[0]
    assert_allclose(combined, 2.0 * back(u)[0] - 3.0 * back(v)[0], rtol=1e-13)
    assert_allclose(back(np.zeros(5))[0], np.zeros(5))


def test_jvp_is_linear_in_its_tangent(x, rng):
    u, v = rng.normal(size=(2, 5))

    def push(tangent):
        return jvp(running_products, (x,), (tangent,))[1]

    assert_allclose(push(2.0 * u - 3.0 * v), 2.0 * push(u) - 3.0 * push(v), rtol=1e-13)


def test_chain_rule(x):
    y, back = pullback(running_products, x)
    (y_bar,) = gradient(weighted, y)
    (whole,) = gradient(lambda x: weighted(running_products(x)), x)
    assert_allclose(whole, back(y_bar)[0], rtol=1e-14)


def test_jacobian_by_columns_is_the_transpose_of_that_by_rows(x):
    basis = np.eye(5)
    columns = np.stack([jvp(running_products, (x,), (e,))[1] for e in basis], axis=1)
    _, back = pullback(running_products, x)
    rows = np.stack([back(e)[0] for e in basis])
    assert_allclose(rows, columns, rtol=1e-14)


BINARY = [
    lambda a, b: np.sum(a * b * b),
    lambda a, b: np.sum(a / b - b),
    lambda a, b: np.sum(np.sin(a) ** 2 * b + a),
    lambda a, b: np.sum((a + 2.0 * b) ** 3 * a),
]


def differences(f, args, directions):
    def along(t):
        return float(f(*[a + t * d for a, d in zip(args, directions, strict=True)]))

    return ridders(along)[0]


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(pair=broadcastable_pairs(), index=st.integers(0, len(BINARY) - 1))
def test_broadcasting(pair, index):
    f = BINARY[index]
    rng = np.random.default_rng(index)
    directions = [rng.normal(size=array.shape) for array in pair]
    with interpreted():
        found = gradient(f, *pair)
    for array, entry in zip(pair, found, strict=True):
        assert entry.shape == array.shape
        assert entry.flags.c_contiguous
    got = sum(np.sum(g * d) for g, d in zip(found, directions, strict=True))
    assert_allclose(got, differences(f, pair, directions), rtol=1e-7, atol=1e-7)


UNARY = [
    lambda a: np.sum(a, axis=0).sum(),
    lambda a: np.sum(a.T * a.T) + a.size,
    lambda a: np.mean(np.exp(a)) if a.size > 0 else 0.0,
    lambda a: np.sum(np.cumsum(a) ** 2),
    lambda a: np.sum(a.ravel()[::-1] * a.ravel()),
]


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(a=arrays(), index=st.integers(0, len(UNARY) - 1))
def test_layouts(a, index):
    if a.ndim == 0:
        a = a.reshape(1)
    f = UNARY[index]
    direction = np.random.default_rng(index).normal(size=a.shape)
    with interpreted():
        (found,) = gradient(f, a, zeros=True)
    assert found.shape == a.shape
    expected = differences(f, (a,), (direction,)) if a.size else 0.0
    assert_allclose(np.sum(found * direction), expected, rtol=1e-7, atol=1e-7)
