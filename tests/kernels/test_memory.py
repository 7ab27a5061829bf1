"""Arrays of generated code and the pool they come from."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest
from numba import njit

from numbad.kernels import memory
from numbad.kernels.memory import empty, tape, zeros

LARGE = 40_000


@pytest.fixture(autouse=True)
def _empty_pool() -> Iterator[None]:
    memory.release_pool()
    yield
    memory.set_pool_limit(256 * 2**20)
    memory.release_pool()


@njit
def make(n):
    return (
        tape((n, -3), np.float32),
        zeros((2, n), np.complex128),
        empty(n, np.bool_),
        zeros((n,)),
        tape(n),
    )


def test_shapes_and_types() -> None:
    a, b, c, d, e = make(3)
    assert (a.shape, a.dtype) == ((3, 0), np.float32)
    assert (b.shape, b.dtype, b.any()) == ((2, 3), np.complex128, False)
    assert (c.shape, c.dtype) == ((3,), np.bool_)
    assert d.tolist() == [0.0] * 3
    assert e.shape == (3,)
    assert all(array.flags.c_contiguous and array.flags.writeable for array in (a, b, c, d, e))
    assert all(array.ctypes.data % 64 == 0 for array in (b, c, d, e))


def test_same_functions_in_python() -> None:
    expected = make(3)
    for ours, theirs in zip(make.py_func(3), expected, strict=True):
        assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)


@pytest.mark.parametrize("function", [empty, zeros])
def test_negative_extent(function) -> None:
    @njit
    def allocate(n):
        return function((2, n))

    with pytest.raises(ValueError, match="negative dimensions"):
        allocate(-1)


def test_negative_extent_of_a_tape_counts_as_zero() -> None:
    @njit
    def allocate(n):
        return tape((n, 2)).size, tape(n).size

    assert allocate(-5) == (0, 0)


@pytest.mark.parametrize("n", [2**30, 2**40, 2**62])
def test_too_large(n: int) -> None:
    @njit
    def allocate(n):
        return empty((n, n))

    with pytest.raises(MemoryError):
        allocate(n)


@njit
def ramp(n):
    a = tape(n)
    for i in range(n):
        a[i] = i
    return a


def test_blocks_are_kept_and_used_again() -> None:
    first = ramp(LARGE)
    address = first.ctypes.data
    assert memory.pool_bytes() == 0
    del first
    assert memory.pool_bytes() == LARGE * 8
    second = ramp(LARGE)
    assert second.ctypes.data == address
    assert memory.pool_bytes() == 0


def test_arrays_in_use_are_never_shared() -> None:
    arrays = [ramp(LARGE + k) for k in range(40)]
    assert len({a.ctypes.data for a in arrays}) == 40
    del arrays
    kept = memory.pool_bytes()
    assert 0 < kept <= 16 * (LARGE + 40) * 8
    memory.release_pool()
    assert memory.pool_bytes() == 0


def test_zeros_from_a_used_block() -> None:
    @njit
    def clean(n):
        return zeros(n)

    ramp(LARGE)
    assert not clean(LARGE).any()


def test_small_requests_do_not_take_large_blocks() -> None:
    ramp(LARGE * 10)
    kept = memory.pool_bytes()
    ramp(LARGE)
    assert memory.pool_bytes() == kept + LARGE * 8


def test_limit() -> None:
    memory.set_pool_limit(LARGE * 8)
    a, b = ramp(LARGE), ramp(LARGE)
    del a, b
    assert memory.pool_bytes() == LARGE * 8
    memory.set_pool_limit(0)
    assert memory.pool_bytes() == 0
    ramp(LARGE)
    assert memory.pool_bytes() == 0
    with pytest.raises(ValueError, match="negative"):
        memory.set_pool_limit(-1)


def test_threads() -> None:
    @njit(nogil=True)
    def churn(n, rounds, value):
        wrong = 0
        for r in range(rounds):
            size = n + 64 * (r % 7)
            a = tape(size)
            b = tape(size)
            for i in range(size):
                a[i] = value
                b[i] = -value
            for i in range(size):
                if a[i] + b[i] != 0.0 or a[i] != value:
                    wrong += 1
        return wrong

    churn(10, 1, 1.0)
    wrong: list[int] = []
    threads = [
        threading.Thread(target=lambda k=k: wrong.append(churn(20_000, 200, float(k + 1))))
        for k in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == [0] * 4
    assert memory.pool_bytes() <= 16 * 8 * 20_600
    memory.release_pool()
    assert memory.pool_bytes() == 0


def test_sums_stay_in_registers() -> None:
    """New arrays overlap nothing, so the loop over ``j`` is vectorised without run-time checks."""

    @njit
    def outer(x, w):
        n, m = x.shape[0], w.shape[0]
        x_bar = zeros(n)
        w_bar = zeros(m)
        for i in range(n):
            for j in range(m):
                x_bar[i] += w[j]
                w_bar[j] += x[i]
        return x_bar, w_bar

    x, w = np.arange(5.0), np.arange(3.0)
    x_bar, w_bar = outer(x, w)
    np.testing.assert_array_equal(x_bar, [3.0] * 5)
    np.testing.assert_array_equal(w_bar, [10.0] * 3)
