"""The same derivative in many threads and processes at once."""

from __future__ import annotations

import concurrent.futures
import math
import multiprocessing
import pickle
import sys
import threading

import joblib
import numpy as np
import pytest

import numbad


def oscillation(x, n):
    y = x.copy()
    for _ in range(n):
        for i in range(y.size):
            y[i] = math.sin(y[i]) + 0.5 * x[i]
    return y.sum()


def wave(x, n):
    total = 0.0
    for k in range(n):
        total += math.cos(k * x[0]) * x[1]
    return total


both = numbad.value_and_grad(oscillation)
slope = numbad.grad(oscillation, wrt="x")


def run_together(jobs):
    """Run the jobs in a thread each, started together; return their results in order."""
    found = [None] * len(jobs)
    barrier = threading.Barrier(len(jobs))

    def work(place):
        barrier.wait()
        try:
            found[place] = jobs[place]()
        except BaseException as error:
            found[place] = error

    threads = [threading.Thread(target=work, args=(k,)) for k in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert not any(thread.is_alive() for thread in threads)
    return found


def test_first_calls_and_repeated_calls_in_threads(rng):
    numbad.refresh()
    points = rng.standard_normal((8, 3000))
    found = run_together([lambda k=k: [both(points[k], 5 + k) for _ in range(6)] for k in range(8)])
    for k, results in enumerate(found):
        value, gradient = numbad.withgradient(oscillation, points[k], 5 + k)
        for result in results:
            assert result[0] == value
            np.testing.assert_array_equal(result[1], gradient[0])


def test_different_functions_and_verbs_in_threads(rng):
    numbad.refresh()
    x = rng.standard_normal(2)
    jobs = [
        lambda: numbad.gradient(oscillation, x, 4)[0],
        lambda: numbad.gradient(wave, x, 4)[0],
        lambda: numbad.jvp(wave, (x, 4), (np.array([1.0, 0.0]), None))[1],
        lambda: numbad.pullback(wave, x, 4)[1](1.0)[0],
        lambda: numbad.hessian(lambda x: wave(x, 4), x),
        lambda: numbad.grad(wave)(x, 4),
    ]
    found = run_together(jobs)
    for result, job in zip(found, jobs, strict=True):
        np.testing.assert_array_equal(result, job())


def test_one_pullback_in_threads(rng):
    x = rng.standard_normal(500)
    _, back = numbad.pullback(oscillation, x, 6)
    found = run_together([lambda k=k: back(float(k))[0] for k in range(6)])
    for k, result in enumerate(found):
        np.testing.assert_array_equal(result, back(float(k))[0])


def test_reusable_derivatives_are_pickled(rng):
    x = rng.standard_normal(4)
    for derivative in (both, slope):
        derivative(x, 3)
        again = pickle.loads(pickle.dumps(derivative))
        assert repr(again) == repr(derivative)
        for found, expected in zip(again(x, 3), derivative(x, 3), strict=True):
            np.testing.assert_array_equal(found, expected)


def gradient_of_row(row):
    return slope(row, 3)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot fork")
def test_forked_processes(rng):
    points = rng.standard_normal((4, 5))
    expected = [slope(point, 3) for point in points]
    context = multiprocessing.get_context("fork")
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
        np.testing.assert_array_equal(list(pool.map(gradient_of_row, points)), expected)


def test_joblib(rng):
    points = rng.standard_normal((4, 5))
    expected = [slope(point, 3) for point in points]
    for backend in ("threading", "loky"):
        work = joblib.Parallel(n_jobs=2, backend=backend)
        found = work(joblib.delayed(slope)(point, 3) for point in points)
        np.testing.assert_array_equal(found, expected)
