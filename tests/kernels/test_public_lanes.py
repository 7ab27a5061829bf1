"""``Lanes`` of any number, also those that are no power of two, against NumPy's axes."""

import math

import numpy as np
import pytest
from numba import njit
from numpy.testing import assert_allclose, assert_array_equal

import numbad
from numbad.lanes import Lanes, as_lanes, as_numbers, lane, lane_sum, select, with_lane

COUNTS = [1, 2, 3, 4, 5, 8, 12, 64]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("count", COUNTS)
def test_arithmetic_in_memory(count, dtype, rng):
    kind = Lanes(count, dtype)

    @njit
    def run(a, b, out, factor):
        x, y, result = as_lanes(a, kind), as_lanes(b, kind), as_lanes(out, kind)
        total = kind(0.0)
        for i in range(x.shape[0]):
            low = select(x[i] < y[i], x[i], y[i])
            result[i] = (x[i] * factor - y[i]) / (y[i] + 3) + low
            total += result[i]
        return total, lane_sum(total)

    a, b = rng.uniform(0.5, 2.0, (2, 7, count)).astype(dtype)
    out = np.zeros((7, count), dtype)
    factor = np.dtype(dtype).type(1.5)
    total, whole = run(a, b, out, factor)
    expected = (a * factor - b) / (b + 3.0) + np.minimum(a, b)
    tolerance = 1e-14 if dtype == "float64" else 1e-5
    assert_allclose(out, expected, rtol=tolerance)
    assert isinstance(total, np.ndarray)
    assert total.dtype == dtype
    assert_allclose(total, expected.sum(axis=0), rtol=tolerance)
    assert_allclose(whole, expected.sum(), rtol=tolerance)


@pytest.mark.parametrize("count", [3, 5, 12])
def test_lanes_lie_side_by_side(count):
    kind = Lanes(count)

    @njit
    def run(a):
        x = as_lanes(a, kind)
        for i in range(x.shape[0] - 1):
            x[i + 1] += x[i]
        pair = (x[0], x[1])
        return as_numbers(x), pair[1], x.itemsize

    a = np.arange(4.0 * count).reshape(4, count)
    expected = np.cumsum(a, axis=0)
    guarded = np.full(4 * count + 8, -1.0)
    guarded[: 4 * count] = a.ravel()
    seen, second, size = run(guarded[: 4 * count].reshape(4, count))
    assert_array_equal(seen, expected)
    assert_array_equal(second, expected[1])
    assert size == 8 * count
    assert (guarded[4 * count :] == -1.0).all()


def test_numbers_in_and_out():
    three = Lanes(3)
    single = Lanes(3, np.float32)

    @njit
    def run(a, b, c, k):
        x = with_lane(three(a, b, c), k, 10.0)
        return x, lane(x, 2), three(single(a, 2, b)), lane_sum(x)

    x, last, converted, total = run(1.0, 2, 3.5, 1)
    assert_array_equal(x, [1.0, 10.0, 3.5])
    assert last == 3.5
    assert_array_equal(converted, [1.0, 2.0, 2.0])
    assert total == 14.5


def test_tangents_by_hand(rng):
    kind = numbad.Lanes(5)

    @njit
    def slopes(x):
        result, result_dot = 1.0, kind(0.0)
        for i in range(x.size):
            unit = with_lane(kind(0.0), i, 1.0)
            result_dot = result_dot * math.sin(x[i]) + unit * (result * math.cos(x[i]))
            result *= math.sin(x[i])
        return result_dot

    x = rng.uniform(0.3, 1.2, 5)
    assert_allclose(slopes(x), numbad.gradient(lambda x: np.prod(np.sin(x)), x)[0], rtol=1e-14)


def test_refusals():
    for count, dtype in ((0, "float64"), (65, "float64"), (4, "int64"), (4, "float16")):
        with pytest.raises(ValueError, match="no lanes"):
            Lanes(count, dtype)
    with pytest.raises(TypeError, match="compiled code only"):
        Lanes(4)(1.0)
    assert Lanes(4) is Lanes(4, np.float64)
