"""Elements of arrays are loaded and stored as by Numba's own lowering."""

from __future__ import annotations

import numpy as np
import pytest
from numba import config as numba_config
from numba import njit

from numbad.numba_passes import GeneratedCode

pytestmark = pytest.mark.skipif(numba_config.DISABLE_JIT, reason="about compiled code")


def shortly(function, **options):
    return njit(pipeline_class=GeneratedCode, **options)(function)


def moved(a, i, j):
    a[i, j] = a[j, i] + a[-1, 0]
    return a[i, -j]


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int32, np.complex128, np.bool_])
@pytest.mark.parametrize("layout", ["C", "F", "A"])
def test_elements_of_matrices(dtype, layout, rng):
    values = (10.0 * rng.standard_normal((6, 6))).astype(dtype)
    array = values[::2, ::2].copy() if layout != "A" else values[::2, ::2]
    array = np.asfortranarray(array) if layout == "F" else array
    expected = array.copy(order="K")
    for i, j in ((0, 1), (2, 2), (-1, 1), (1, -2)):
        got, wanted = shortly(moved)(array, i, j), moved(expected, i, j)
        assert got == wanted
        np.testing.assert_array_equal(array, expected)


def summed(a, k):
    total = 0.0
    for i in range(a.size):
        total += a[i] * k[i]
        k[i] = i
    return total + a[-1]


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.float32])
def test_elements_of_vectors(dtype, rng):
    a = rng.standard_normal(9)[::-2]
    k = np.arange(5).astype(dtype)
    assert shortly(summed)(a, k.copy()) == summed(a, k)


def at(a, i):
    return a[i]


def test_unsigned_indices_do_not_wrap(rng):
    a = rng.standard_normal(5)
    assert shortly(at)(a, np.uint64(3)) == a[3]
    assert shortly(at)(a, np.uint8(4)) == a[4]


def test_bounds_are_checked_on_request():
    with pytest.raises(IndexError):
        shortly(at, boundscheck=True)(np.ones(3), 5)


def test_rows_and_records_are_left_to_numba(rng):
    a = rng.standard_normal((3, 4))
    np.testing.assert_array_equal(shortly(at)(a, 1), a[1])
    assert shortly(at)((1.5, 2.5), 1) == 2.5
