"""Numba's shortened passes give the same results as all of them, and free all memory."""

from __future__ import annotations

import gc

import numpy as np
import pytest
from numba import config as numba_config
from numba import njit
from numba.core.runtime import _nrt_python, rtsys

import numbad
from numbad import calls
from numbad.numba_passes import GeneratedCode

needs_jit = pytest.mark.skipif(numba_config.DISABLE_JIT, reason="about compiled code")


def branches(x, n, flag):
    total = 0.0
    y = x.copy()
    for k in range(n):
        if k % 3 == 0:
            z = y * 2.0
        elif flag:
            z = np.empty(x.size)
            for i in range(x.size):
                z[i] = y[i] * k
        else:
            z = x
        if total > 50.0:
            break
        y = z + x
        while total < 3.0 * k:
            w = np.outer(y, x)
            total += abs(w).sum() + 0.5
    return total + y.sum()


def lists(x, n):
    parts = [x]
    for k in range(n):
        parts.append(parts[k] * 0.5)
    total = 0.0
    for part in parts:
        total += (part * part).sum()
    return total


def raising(x, n):
    y = x * 2.0
    if n > 2:
        raise ValueError("too large", n)
    return y.sum() ** n


def all_passes(function, *args):
    """The generated function, compiled by Numba's own passes."""
    stages = calls.compiled(function, args, {}, "gradient", (0,))
    assert stages.entry._compiler.pipeline_class is GeneratedCode
    return njit(stages.entry.py_func)


@needs_jit
@pytest.mark.parametrize(
    ("function", "rest"),
    [(branches, (7, True)), (branches, (4, False)), (lists, (5,)), (raising, (2,))],
)
def test_results_are_those_of_all_passes(function, rest, rng):
    x = rng.standard_normal(5)
    found = numbad.withgradient(function, x, *rest, wrt=0)
    expected = all_passes(function, x, *rest)(x, *rest)
    assert found.val == expected[0]
    np.testing.assert_array_equal(found.grad[0], expected[1])


@pytest.fixture
def live_blocks():
    """Number of blocks that Numba's run-time library has not freed."""

    def count() -> int:
        gc.collect()
        stats = rtsys.get_allocation_stats()
        return stats.mi_alloc - stats.mi_free

    enabled = _nrt_python.memsys_stats_enabled()
    _nrt_python.memsys_enable_stats()
    yield count
    if not enabled:
        _nrt_python.memsys_disable_stats()


@needs_jit
def test_all_memory_is_freed(rng, live_blocks):
    x = rng.standard_normal(6)
    jobs = [(branches, (7, True)), (branches, (4, False)), (lists, (5,)), (raising, (2,))]

    def work():
        for function, rest in jobs:
            numbad.gradient(function, x, *rest, wrt=0)
            numbad.pullback(function, x, *rest, wrt=0)[1](1.0)

    work()
    before = live_blocks()
    for _ in range(5):
        work()
    assert live_blocks() == before


@needs_jit
def test_exceptions_with_arguments(rng):
    with pytest.raises(ValueError, match="too large") as caught:
        numbad.gradient(raising, rng.standard_normal(3), 3, wrt=0)
    assert caught.value.args == ("too large", 3)
