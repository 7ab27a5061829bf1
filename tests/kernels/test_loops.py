"""``irange`` is ``range``."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from numbad.kernels.loops import downward, irange, opaque


@njit
def collect(start, stop, step):
    found = [0] * 0
    for i in irange(start, stop, step):
        found.append(i)
    return found


@njit
def collect_up(start, stop):
    found = [0] * 0
    for i in irange(start, stop):
        found.append(i)
    return found


@njit
def collect_down(start, stop):
    found = [0] * 0
    for i in downward(start, stop):
        found.append(i)
    for i in irange(start):
        found.append(i)
    return found


@pytest.mark.parametrize("start", [-3, 0, 4])
@pytest.mark.parametrize("stop", [-4, 0, 1, 5])
def test_down_and_from_zero(start: int, stop: int) -> None:
    assert collect_down(start, stop) == [*range(start, stop, -1), *range(start)]
    assert list(downward(start, stop)) == list(range(start, stop, -1))
    assert list(irange(start)) == list(range(start))


@pytest.mark.parametrize("start", [-3, 0, 4])
@pytest.mark.parametrize("stop", [-4, 0, 1, 5])
def test_same_numbers_as_range(start: int, stop: int) -> None:
    assert collect_up(start, stop) == list(range(start, stop)) == list(irange(start, stop))
    for step in (-7, -2, -1, 1, 2, 9):
        assert collect(start, stop, step) == list(range(start, stop, step))
        assert list(irange(start, stop, step)) == list(range(start, stop, step))


def test_zero_step() -> None:
    with pytest.raises(ValueError, match="must not be zero"):
        collect(0, 1, 0)


def test_nested_loops_start_anew() -> None:
    @njit
    def count(n):
        total = 0
        for i in irange(n - 1, -1, -1):
            for j in irange(i, n):
                total += j
        return total

    assert count(5) == sum(j for i in range(5) for j in range(i, 5))


def test_other_integer_types() -> None:
    assert collect_up(np.int32(1), np.uint8(4)) == [1, 2, 3]


def test_reversed_nest_is_vectorised() -> None:
    @njit
    def scale(a, b):
        n, m = a.shape
        for i in irange(n - 1, -1, -1):
            for j in irange(m - 1, -1, -1):
                b[i, j] = a[i, j] * 2.5

    a = np.arange(12.0).reshape(3, 4)
    b = np.zeros_like(a)
    scale(a, b)
    np.testing.assert_array_equal(b, a * 2.5)
    [llvm] = scale.inspect_llvm().values()
    assert "x double>" in llvm


@pytest.mark.parametrize("number", [0, -3, 2**62, np.int32(-7), np.uint8(250)])
def test_opaque_number(number) -> None:
    @njit
    def same(n):
        return opaque(n)

    assert same(number) == number == opaque(number)
