"""Division by IEEE rules, compiled and interpreted."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numba import njit

import numbad
from numbad.kernels.arithmetic import add_unordered, divide, sign


@njit
def compiled(a, b):
    return divide(a, b)


@pytest.mark.parametrize("function", [compiled, divide])
def test_never_raises(function) -> None:
    assert function(1.0, 0.0) == math.inf
    assert function(-1.0, 0.0) == -math.inf
    assert math.isnan(function(0.0, 0.0))
    assert function(1, 4) == 0.25


def test_result_types() -> None:
    assert compiled(np.float32(1), np.float32(3)) == np.float32(1) / np.float32(3)
    types = {
        (np.float32, np.float32): "float32",
        (np.float32, np.float64): "float64",
        (np.float32, np.int64): "float64",
        (np.complex64, np.float32): "complex64",
        (np.float64, np.complex64): "complex128",
    }
    for (left, right), expected in types.items():
        compiled(left(1), right(2))
        signature = compiled.nopython_signatures[-1]
        assert str(signature.return_type) == expected


def test_complex(rng: np.random.Generator) -> None:
    scales = 10.0 ** np.arange(-150, 151, 25)
    for scale in scales:
        for _ in range(20):
            a, b = rng.normal(size=4).view(complex) * scale
            assert abs(compiled(a, b) - a / b) <= 1e-15 * abs(a / b) * 4
    assert compiled(1e300 + 1e300j, 1e300 + 1e300j) == 1.0
    assert not math.isfinite(abs(compiled(1j, 0j)))
    assert compiled(1 + 2j, 2.0) == 0.5 + 1j


@njit
def compiled_sign(x):
    return sign(x)


@pytest.mark.parametrize("function", [compiled_sign, sign])
def test_sign_of_nan_is_zero(function) -> None:
    values = (-3.0, -0.0, 0.0, 2.5, math.inf, -math.inf, math.nan, -2, 0, 7)
    assert [function(x) for x in values] == [-1, 0, 0, 1, 1, -1, 0, -1, 0, 1]


def test_sign_keeps_single_precision() -> None:
    compiled_sign(np.float32(2))
    assert str(compiled_sign.nopython_signatures[-1].return_type) == "float32"


@pytest.mark.parametrize("engine", ["compiled", "traced"])
def test_an_absolute_value_that_is_not_used_leaves_no_nan(engine: str) -> None:
    def mean_deviation(x, scale):
        deviations = np.abs(x - 1.0) / (x + scale)
        total = 0.0
        for i in range(deviations.size):
            if not np.isnan(deviations[i]):
                total += deviations[i]
        return total

    x = np.array([np.nan, 0.25, 1.5])
    found = numbad.gradient(mean_deviation, x, 1.0, engine=engine)
    slopes = np.sign(x - 1) / (x + 1) - np.abs(x - 1) / (x + 1) ** 2
    np.testing.assert_allclose(found[0], np.nan_to_num(slopes), rtol=1e-12)
    assert found[1] == pytest.approx(np.nansum(-np.abs(x - 1) / (x + 1) ** 2), rel=1e-12)


@njit
def total(x, start):
    s = start
    for i in range(x.size):
        s = add_unordered(s, x[i])
    return s


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sum_in_any_order(dtype) -> None:
    x = np.random.default_rng(3).integers(-100, 100, 1000).astype(dtype)
    found = total(x, dtype(2))
    assert found == x.sum() + 2
    assert total.nopython_signatures[-1].return_type.name == np.dtype(dtype).name
    assert total.py_func(x, dtype(2)) == found


def test_types_of_sums_in_any_order() -> None:
    @njit
    def add(a, b):
        return add_unordered(a, b)

    for left, right in [(np.float32, np.float64), (np.float32, np.int64), (np.float64, np.float32)]:
        add(left(1), right(2))
        assert str(add.nopython_signatures[-1].return_type) == "float64"
