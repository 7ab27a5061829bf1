"""Stacks: order, growth, recursion, ownership."""

from __future__ import annotations

import gc

import numpy as np
import pytest
from numba import njit

from numbad.kernels.stack import new_stack, release, reserve, reserve_zeroed


@njit
def push(stack, n):
    segment = reserve(stack, n)
    for i in range(n):
        segment[i] = n + i


@njit
def triangle(n):
    stack = new_stack(np.float64)
    for i in range(n):
        push(stack, i)
    error = 0.0
    for i in range(n - 1, -1, -1):
        segment = release(stack, i)
        for k in range(i):
            error += abs(segment[k] - (i + k))
    return error


@pytest.mark.parametrize("n", [0, 1, 10, 2000])
def test_segments_come_back_in_reverse_order(n: int) -> None:
    assert triangle(n) == 0.0


def test_plain_python() -> None:
    stack = new_stack()
    reserve(stack, 2)[:] = 1.0
    assert reserve_zeroed(stack, 3).tolist() == [0.0] * 3
    release(stack, 3)
    assert release(stack, 2).tolist() == [1.0, 1.0]
    reserve(stack, 2)
    with pytest.raises(RuntimeError, match="reverse order"):
        release(stack, 1)


def test_growth_never_moves_segments() -> None:
    @njit
    def grow(rounds):
        stack = new_stack()
        first = reserve(stack, 10)
        first[:] = 7.0
        for _ in range(rounds):
            reserve(stack, 1000)[:] = 1.0
        return first.sum()

    assert grow(2000) == 70.0


def test_recursion_and_empty_segments() -> None:
    @njit
    def descend(stack, n):
        segment = reserve(stack, n)
        segment[:] = n
        total = 0.0
        if n > 0:
            total = descend(stack, n - 1)
        return total + release(stack, n).sum()

    @njit
    def start(n):
        return descend(new_stack(), n)

    assert start(300) == sum(k * k for k in range(301))


def test_leaving_and_entering_chunks_again() -> None:
    @njit
    def swing(rounds, size):
        stack = new_stack()
        total = 0.0
        for r in range(rounds):
            for k in range(20):
                reserve_zeroed(stack, size)[size - 1] = r + k
            for k in range(19, -1, -1):
                segment = release(stack, size)
                total += segment[size - 1] - (r + k) + segment[0]
        return total

    assert swing(50, 3000) == 0.0


def test_large_segment_in_small_stack() -> None:
    @njit
    def jump():
        stack = new_stack(np.float32)
        reserve(stack, 1)[0] = 1
        reserve(stack, 5_000_000)[4_999_999] = 2
        reserve(stack, 1)[0] = 3
        c = release(stack, 1)[0]
        b = release(stack, 5_000_000)[4_999_999]
        a = release(stack, 1)[0]
        return a, b, c

    assert jump() == (1, 2, 3)


@pytest.mark.parametrize("dtype", [np.float32, np.complex128, np.int64, np.bool_])
def test_item_types(dtype) -> None:
    @njit
    def first():
        stack = new_stack(dtype)
        reserve(stack, 3)[1] = 1
        return release(stack, 3)

    assert first().dtype == dtype
    assert first()[1] == 1


def test_segment_outlives_its_stack() -> None:
    @njit
    def segment(n):
        stack = new_stack()
        values = reserve(stack, n)
        for i in range(n):
            values[i] = i
        return release(stack, n)

    kept = [segment(30_000) for _ in range(4)]
    gc.collect()
    assert all(values.sum() == 30_000 * 29_999 / 2 for values in kept)


def test_passing_through_python() -> None:
    @njit
    def forward(n):
        stack = new_stack()
        for i in range(n):
            reserve(stack, 3)[:] = i
        return stack

    @njit
    def backward(stack, n):
        total = 0.0
        for _ in range(n):
            total += release(stack, 3)[0]
        return total

    stack = forward(10_000)
    assert backward(stack, 5_000) == sum(range(5_000, 10_000))
    assert backward(stack, 5_000) == sum(range(5_000))
    with pytest.raises(RuntimeError, match="reverse order"):
        backward(stack, 1)


def test_negative_count() -> None:
    @njit
    def negative(n):
        return reserve(new_stack(), n).size

    with pytest.raises(ValueError, match="negative"):
        negative(-1)
