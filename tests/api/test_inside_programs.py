"""Derivatives in compiled programs of several kinds: optimisers, samplers, solvers, callbacks."""

from __future__ import annotations

import ctypes
import math

import numpy as np
import pytest
import scipy
import scipy.integrate
import scipy.linalg
from numba import carray, cfunc, njit, prange, types
from numba import config as numba_config

import numbad

needs_jit = pytest.mark.skipif(numba_config.DISABLE_JIT, reason="about compiled code")


@njit
def valley(x):
    total = 0.0
    for i in range(x.size - 1):
        total += 100.0 * (x[i + 1] - x[i] ** 2) ** 2 + (1.0 - x[i]) ** 2
    return total


valley_and_grad = numbad.value_and_grad(valley)
valley_grad = numbad.grad(valley)


@njit
def lbfgs(x, memory, steps):
    """Limited-memory BFGS with backtracking; Nocedal & Wright, algorithm 7.5."""
    n = x.size
    s, y, rho = np.zeros((memory, n)), np.zeros((memory, n)), np.zeros(memory)
    alpha = np.zeros(memory)
    value, gradient = valley_and_grad(x)
    for step in range(steps):
        if np.max(np.abs(gradient)) < 1e-10:
            break
        direction = -gradient
        newest = min(step, memory)
        for k in range(newest):
            j = (step - 1 - k) % memory
            alpha[j] = rho[j] * np.dot(s[j], direction)
            direction -= alpha[j] * y[j]
        if step > 0:
            j = (step - 1) % memory
            direction *= 1.0 / (rho[j] * np.dot(y[j], y[j]))
        for k in range(newest):
            j = (step - newest + k) % memory
            direction += s[j] * (alpha[j] - rho[j] * np.dot(y[j], direction))
        length = 1.0
        while True:
            trial = x + length * direction
            trial_value, trial_gradient = valley_and_grad(trial)
            if trial_value <= value + 1e-4 * length * np.dot(gradient, direction):
                break
            length *= 0.5
            if length < 1e-14:
                return x, value
        j = step % memory
        s[j], y[j] = trial - x, trial_gradient - gradient
        curvature = np.dot(s[j], y[j])
        if curvature <= 0.0:
            return x, value
        rho[j] = 1.0 / curvature
        x, value, gradient = trial, trial_value, trial_gradient
    return x, value


def test_lbfgs():
    x, value = lbfgs(np.full(6, -0.5), 5, 300)
    np.testing.assert_allclose(x, 1.0, atol=1e-6)
    assert value < 1e-12


def log_density(q):
    return -0.5 * (q[0] ** 2 / 4.0 + (q[1] - 0.5 * q[0]) ** 2)


log_density_grad = numbad.grad(log_density)


@njit
def hamiltonian(q, draws, step, leaps, seed):
    """Hamiltonian Monte Carlo; Neal (2011), figure 2."""
    np.random.seed(seed)
    samples = np.empty((draws, q.size))
    accepted = 0
    for n in range(draws):
        p = np.random.standard_normal(q.size)
        energy = -log_density_(q) + 0.5 * np.dot(p, p)
        new = q.copy()
        p += 0.5 * step * log_density_grad(new)
        for leap in range(leaps):
            new += step * p
            if leap < leaps - 1:
                p += step * log_density_grad(new)
        p += 0.5 * step * log_density_grad(new)
        change = -log_density_(new) + 0.5 * np.dot(p, p) - energy
        if np.random.random() < math.exp(min(0.0, -change)):
            q = new
            accepted += 1
        samples[n] = q
    return samples, accepted / draws


log_density_ = njit(log_density)


def test_hamiltonian_sampler():
    samples, rate = hamiltonian(np.zeros(2), 4000, 0.4, 8, 7)
    assert rate > 0.9
    np.testing.assert_allclose(samples.mean(axis=0), 0.0, atol=0.25)
    np.testing.assert_allclose(np.cov(samples.T), [[4.0, 2.0], [2.0, 2.0]], atol=0.6)


@njit
def stiff(y, k):
    out = np.empty(3)
    out[0] = -0.04 * y[0] + k * y[1] * y[2]
    out[2] = 3e7 * y[1] * y[1]
    out[1] = -out[0] - out[2]
    return out


@njit
def backward_euler(y, k, h, steps):
    """Implicit steps, each solved by Newton's method with the exact Jacobian."""
    for _ in range(steps):
        new = y.copy()
        for _ in range(12):
            residual = new - y - h * stiff(new, k)
            matrix = np.eye(y.size) - h * numbad.jacobian(stiff, new, k)[0]
            change = np.linalg.solve(matrix, residual)
            new = new - change
            if np.max(np.abs(change)) < 1e-14:
                break
        y = new
    return y


def test_implicit_steps_of_a_stiff_equation():
    found = backward_euler(np.array([1.0, 0.0, 0.0]), 1e4, 0.01, 400)
    expected = scipy.integrate.solve_ivp(
        lambda t, y: stiff(y, 1e4), (0.0, 4.0), [1.0, 0.0, 0.0], "Radau", rtol=1e-9, atol=1e-12
    )
    np.testing.assert_allclose(found, expected.y[:, -1], rtol=2e-3)


@njit
def newton_root(f, slope, x):
    for _ in range(30):
        x -= f(x) / slope(x)
    return x


@njit
def cubic(x):
    return x**3 - 2.0


cubic_slope = numbad.grad(cubic)


def test_derivatives_as_arguments_of_compiled_functions():
    np.testing.assert_allclose(newton_root(cubic, cubic_slope, 1.0), 2.0 ** (1 / 3), rtol=1e-14)


def bell(x, width):
    return math.exp(-(x**2) / width)


bell_grad = numbad.grad(bell)


@needs_jit
def test_cfunc():
    @cfunc(types.float64(types.float64, types.float64))
    def slope(x, width):
        return bell_grad(x, width)

    assert slope.ctypes(0.5, 2.0) == numbad.gradient(bell, 0.5, 2.0)[0]


@needs_jit
def test_low_level_callable():
    @cfunc(types.float64(types.int32, types.CPointer(types.float64)))
    def slope(count, values):
        x = carray(values, count)
        return bell_grad(x[0], x[1])

    callback = scipy.LowLevelCallable(slope.ctypes)
    found, _ = scipy.integrate.quad(callback, 0.0, 1.0, args=(2.0,))
    np.testing.assert_allclose(found, bell(1.0, 2.0) - bell(0.0, 2.0), rtol=1e-12)
    assert isinstance(slope.ctypes, ctypes._CFuncPtr)


@njit(parallel=True)
def gradients_in_parallel(points):
    out = np.empty_like(points)
    for i in prange(points.shape[0]):
        out[i] = valley_grad(points[i])
    return out


@needs_jit
def test_one_gradient_per_parallel_iteration(rng):
    points = rng.standard_normal((400, 30))
    expected = np.array([numbad.gradient(valley, point)[0] for point in points])
    for _ in range(5):
        np.testing.assert_array_equal(gradients_in_parallel(points), expected)


def taped(x, n):
    y = x.copy()
    for _ in range(n):
        for i in range(y.size):
            y[i] = math.sin(y[i]) + 0.5 * x[i]
    return y.sum()


taped_grad = numbad.grad(taped)


@njit(parallel=True)
def taped_in_parallel(points, n):
    out = np.empty_like(points)
    for i in prange(points.shape[0]):
        out[i] = taped_grad(points[i], n + i % 7)
    return out


@needs_jit
def test_tapes_of_parallel_iterations_are_their_own(rng):
    points = rng.standard_normal((60, 500))
    expected = [numbad.gradient(taped, x, 20 + i % 7)[0] for i, x in enumerate(points)]
    for _ in range(4):
        np.testing.assert_array_equal(taped_in_parallel(points, 20), expected)
