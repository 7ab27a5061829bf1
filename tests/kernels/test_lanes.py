"""Lanes: vector arithmetic, arrays, and the way from and to numbers."""

from __future__ import annotations

import operator

import numpy as np
import pytest
from numba import njit

from numbad.kernels import lanes as lanes_module
from numbad.kernels.arithmetic import divide
from numbad.kernels.lanes import as_lanes, as_numbers, lane, lanes, with_lane
from numbad.kernels.memory import tape, zeros
from numbad.kernels.stack import new_stack, release, reserve_zeroed

float64x4 = lanes("float64", 4)
float32x8 = lanes("float32", 8)


def test_classes() -> None:
    assert lanes("float64", 4) is float64x4
    assert lanes_module.float64x8 is lanes("float64", 8)
    assert repr(float32x8) == "float32x8"
    for name in ("float64x65", "float16x4", "nonsense"):
        with pytest.raises(AttributeError):
            getattr(lanes_module, name)
    with pytest.raises(TypeError, match="compiled code only"):
        float64x4(1.0)


@pytest.mark.parametrize(
    "function", [operator.add, operator.sub, operator.mul, operator.truediv, divide]
)
def test_arithmetic(function) -> None:
    @njit
    def apply(a, b, out):
        x, y = as_lanes(a, float64x4), as_lanes(b, float64x4)
        result = as_lanes(out, float64x4)
        result[0] = function(x[0], y[0])
        result[1] = function(x[0], 3.0)
        result[2] = function(2, y[0])
        result[3] = function(-x[0], +y[0])

    a, b = np.array([[1.0, -2.0, 3.0, 4.0]]), np.array([[5.0, 6.0, -7.0, 0.0]])
    out = np.zeros((4, 4))
    apply(a, b, out)
    plain = np.true_divide if function is divide else function
    with np.errstate(all="ignore"):
        expected = [plain(a[0], b[0]), plain(a[0], 3.0), plain(2, b[0]), plain(-a[0], b[0])]
    np.testing.assert_array_equal(out, expected)


def test_single_precision_and_single_lanes() -> None:
    @njit
    def sums(n):
        x = float32x8(0)
        for i in range(n):
            x = with_lane(x, i % 8, lane(x, i % 8) + i)
        x += np.float32(0.5)
        total = np.float32(0)
        for k in range(8):
            total += lane(x, k)
        return total

    result = sums(20)
    assert result == sum(range(20)) + 4


def test_lanes_are_vectors() -> None:
    @njit
    def scale(a, s):
        x = as_lanes(a, float64x4)
        for i in range(x.shape[0]):
            x[i] = x[i] * s + 1.0

    a = np.arange(12.0).reshape(3, 4)
    scale(a, 2.0)
    np.testing.assert_array_equal(a, np.arange(12.0).reshape(3, 4) * 2 + 1)
    [llvm] = scale.inspect_llvm().values()
    assert "fmul contract <4 x double>" in llvm


def test_unaligned_memory() -> None:
    @njit
    def double(a):
        x = as_lanes(a, float64x4)
        for i in range(x.shape[0]):
            for j in range(x.shape[1]):
                x[i, j] += x[i, j]

    raw = np.zeros(2 * 3 * 4 + 1)
    a = raw[1:].reshape(2, 3, 4)
    a[:] = 1.0
    double(a)
    assert (a == 2.0).all()
    strided = np.ones((4, 3, 4))[::2]
    double(strided)
    assert (strided == 2.0).all()


def test_arrays_of_lanes() -> None:
    @njit
    def cumulative(n):
        x = zeros((n, 2), float64x4)
        record = tape(n, float64x4)
        seed = with_lane(float64x4(0.0), 1, 1.0)
        for i in range(n):
            x[i, 0] += seed * i
            x[i, 1] = x[i, 0] + 1.0
            record[i] = x[i, 1]
        return as_numbers(x), as_numbers(record)

    x, record = cumulative(3)
    assert x.shape == (3, 2, 4)
    np.testing.assert_array_equal(x[:, 0, 1], [0.0, 1.0, 2.0])
    np.testing.assert_array_equal(x[:, 0, 0], 0.0)
    np.testing.assert_array_equal(record, x[:, 1])


def test_stack_of_lanes() -> None:
    @njit
    def run(n):
        stack = new_stack(float64x4)
        for i in range(n):
            reserve_zeroed(stack, i)[:] = float64x4(i)
        total = float64x4(0.0)
        for i in range(n - 1, -1, -1):
            segment = release(stack, i)
            for k in range(i):
                total += segment[k]
        return lane(total, 3)

    assert run(40) == sum(i * i for i in range(40))


def test_wrong_last_axis() -> None:
    @njit
    def view(a):
        return as_lanes(a, float64x4).shape[0]

    with pytest.raises(ValueError, match="does not hold 4 adjacent numbers"):
        view(np.ones((2, 3)))
    with pytest.raises(ValueError, match="does not hold 4 adjacent numbers"):
        view(np.ones((2, 8))[:, ::2])
