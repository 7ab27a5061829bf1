"""What a derivative does besides returning numbers: prints, errors, memory, threads, options."""

import math
import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numba import njit
from numba.core.runtime import _nrt_python, rtsys
from numpy.testing import assert_allclose, assert_array_equal

from numbad import gradient, jvp, pullback, withgradient


def prints_twice(x):
    for i in range(2):
        print("iteration", i, x)
    return x * x


def test_prints_happen_once(capfd):
    assert gradient(prints_twice, 3.0) == (6.0,)
    out = capfd.readouterr().out.split("\n")
    assert [line.split()[:2] for line in out if line] == [["iteration", "0"], ["iteration", "1"]]


def test_pulling_back_prints_nothing(capfd):
    _, back = pullback(prints_twice, 3.0)
    capfd.readouterr()
    back(1.0)
    back(2.0)
    assert capfd.readouterr().out == ""


def cumulative(x):
    y = x.copy()
    for i in range(1, len(y)):
        if y[i - 1] > 100.0:
            raise OverflowError("too large")
        y[i] = y[i] * y[i - 1]
    return y[-1]


@pytest.fixture
def live_arrays():
    """Counts the arrays that Numba's runtime has allocated and not freed."""
    _nrt_python.memsys_enable_stats()

    def count() -> int:
        stats = rtsys.get_allocation_stats()
        return stats.mi_alloc - stats.mi_free

    yield count
    _nrt_python.memsys_disable_stats()


def test_calls_leak_no_memory(live_arrays):
    x = np.linspace(1.0, 1.5, 5)
    gradient(cumulative, x)
    jvp(cumulative, (x,), (x,))
    before = live_arrays()
    for _ in range(20):
        gradient(cumulative, x)
        jvp(cumulative, (x,), (x,))
    assert live_arrays() <= before + 2


def test_exceptions_leak_no_memory(live_arrays):
    x = np.linspace(1.0, 200.0, 5)
    before = live_arrays()
    for _ in range(20):
        with pytest.raises(OverflowError, match="too large"):
            gradient(cumulative, x)
    assert live_arrays() <= before + 2


def test_mutation_stops_where_the_exception_was_raised():
    def f(x):
        x[0] = 7.0
        if x[1] > 0.0:
            raise ValueError("positive")
        x[1] = 7.0
        return x[0] * x[1]

    x = np.array([1.0, 2.0])
    with pytest.raises(ValueError, match="positive"):
        gradient(f, x)
    assert_array_equal(x, [7.0, 2.0])


def test_threads_do_not_share_work_memory():
    def f(x):
        s = 0.0
        k = 0
        while k < len(x):
            work = np.empty(3)
            for j in range(3):
                work[j] = math.sin(x[k]) * (j + 1.0)
            s += work[0] * work[1] * work[2] + s * 0.01
            k += 1
        return s

    points = [np.linspace(0.1 * i, 1.0 + i, 400) for i in range(16)]
    expected = [gradient(f, x)[0] for x in points]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda x: [gradient(f, x)[0] for _ in range(5)], points))
    for several, one in zip(found, expected, strict=True):
        for each in several:
            assert_array_equal(each, one)


def test_division_by_zero_raises_as_in_python():
    with pytest.raises(ZeroDivisionError):
        gradient(lambda x, y: x / y, 1.0, 0.0)
    with pytest.raises(ZeroDivisionError):
        gradient(lambda x, y: x % y, 1.0, 0.0)


@njit(error_model="numpy")
def quotient(x, y):
    return x / y


def test_error_model_of_the_dispatcher_carries_over():
    val, (gx, gy) = withgradient(quotient, 1.0, 0.0)
    assert (val, gx, gy) == (math.inf, math.inf, -math.inf)


@njit(boundscheck=True)
def element(x, i):
    return x[i] * 2.0


def test_bounds_checks_of_the_dispatcher_carry_over():
    assert_array_equal(gradient(element, np.ones(3), 2)[0], [0.0, 0.0, 2.0])
    with pytest.raises(IndexError):
        gradient(element, np.ones(3), 3)


@njit(fastmath=True, nogil=True, cache=False)
def options_galore(x):
    s = 0.0
    for v in x:
        s += v * v
    return s


def test_other_options_do_no_harm():
    assert_allclose(gradient(options_galore, np.ones(3))[0], 2.0 * np.ones(3))


def test_signatures_are_respected():
    @njit("float64(float32)")
    def rounded(x):
        return x * 2.0

    (got,) = gradient(rounded, 1.5)
    assert got == 2.0


def test_inputs_of_a_pure_function_stay_as_they_are():
    x = np.arange(6.0).reshape(2, 3)
    before = x.copy()
    gradient(lambda x: np.sum(np.sin(x) @ x.T), x)
    jvp(lambda x: np.sum(x * x), (x,), (x,))
    pullback(lambda x: x * x, x)[1](x)
    assert_array_equal(x, before)


def test_tangents_and_seeds_stay_as_they_are():
    x = np.arange(3.0)
    v = np.ones(3)

    def f(x):
        x[0] = x[1] * x[2]
        y = x * x
        x[:] = 0.0
        return y

    jvp(f, (x.copy(),), (v,))
    pullback(f, x.copy())[1](v)
    assert_array_equal(v, np.ones(3))


def noisy(x):
    total = 0.0
    for k in range(3):
        total += x * np.random.normal() + k * np.random.random()
    return total + x * x * np.random.normal()


def noisy_python(x):
    return x * random.random() + x**2 * random.uniform(1.0, 2.0)


@pytest.mark.parametrize("engine", ["compiled", "traced"])
def test_draws_come_from_the_generators_of_numpy_and_python(engine):
    for _ in range(4):  # repeated calls go another way
        np.random.seed(3)
        expected = noisy(2.0), noisy(2.0), np.random.random()
        np.random.seed(3)
        found = withgradient(noisy, 2.0, engine=engine).val, noisy(2.0), np.random.random()
        assert np.allclose(found, expected, rtol=1e-14)
    random.seed(3)
    expected = noisy_python(2.0), random.random()
    random.seed(3)
    found = withgradient(noisy_python, 2.0, engine=engine).val, random.random()
    assert np.allclose(found, expected, rtol=1e-14)


@njit
def seeded(x):
    np.random.seed(3)
    total = 0.0
    for _ in range(3):
        total += x * np.random.normal()
    return total + x * x * np.random.normal()


def test_draws_keep_their_order():
    assert withgradient(seeded, 2.0).val == seeded(2.0)
