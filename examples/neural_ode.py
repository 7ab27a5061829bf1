"""Learn the slopes of a spiral from its points: a neural network inside an integrator.

The gradient passes the Runge-Kutta steps; training is one compiled loop.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from numba import njit
from picture import folder, save

import numbad

WIDTH = 12


@njit
def slope(w, x, y):
    """Two numbers in, one layer of tanh, two numbers out; inputs are cubed as in the data."""
    u, v = 0.0, 0.0
    for k in range(WIDTH):
        h = np.tanh(w[k, 0] * x**3 + w[k, 1] * y**3 + w[k, 2])
        u += w[k, 3] * h
        v += w[k, 4] * h
    return u, v


@njit
def curve(w, x, y, steps, h):
    """Classical Runge-Kutta."""
    out = np.empty((steps, 2))
    for n in range(steps):
        out[n, 0], out[n, 1] = x, y
        a, b = slope(w, x, y)
        c, d = slope(w, x + 0.5 * h * a, y + 0.5 * h * b)
        e, f = slope(w, x + 0.5 * h * c, y + 0.5 * h * d)
        g, i = slope(w, x + h * e, y + h * f)
        x += h / 6.0 * (a + 2.0 * c + 2.0 * e + g)
        y += h / 6.0 * (b + 2.0 * d + 2.0 * f + i)
    return out


@njit
def loss(w, data, first, length, h):
    """Mean squared error of a stretch of the curve that begins at a data point."""
    found = curve(w, data[first, 0], data[first, 1], length, h)
    total = 0.0
    for n in range(length):
        for axis in range(2):
            total += (found[n, axis] - data[first + n, axis]) ** 2
    return total / length


value_and_slope = numbad.value_and_grad(loss)


@njit
def train(w, data, length, h, rounds, rate, seed):
    """Adam on random stretches; Kingma & Ba (2015)."""
    np.random.seed(seed)
    w = w.copy()
    m, s = np.zeros_like(w), np.zeros_like(w)
    history = np.empty(rounds)
    for n in range(rounds):
        gradient = np.zeros_like(w)
        history[n] = 0.0
        for _ in range(8):
            first = np.random.randint(0, data.shape[0] - length)
            value, part = value_and_slope(w, data, first, length, h)
            history[n] += value / 8.0
            gradient += part / 8.0
        m = 0.9 * m + 0.1 * gradient
        s = 0.99 * s + 0.01 * gradient**2
        w -= rate * (m / (1.0 - 0.9 ** (n + 1))) / (np.sqrt(s / (1.0 - 0.99 ** (n + 1))) + 1e-8)
    return w, history


def main(directory: Path, rounds: int = 3000) -> float:
    """Train, write the picture; return the loss over the last rounds."""
    h, points = 0.05, 400
    data = np.empty((points, 2))
    x, y = 2.0, 0.0
    for n in range(points):
        data[n] = x, y
        for _ in range(20):
            x, y = (
                x + h / 20.0 * (-0.1 * x**3 + 2.0 * y**3),
                y + h / 20.0 * (-2.0 * x**3 - 0.1 * y**3),
            )
    start = 0.3 * np.random.default_rng(0).standard_normal((WIDTH, 5))
    w, history = train(start, data, 10, h, rounds, 0.01, 1)
    print(f"loss {history[:20].mean():.4f} -> {history[-20:].mean():.6f}")
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4))
    left.plot(*data.T, ".", markersize=3, label="data")
    left.plot(*curve(w, 2.0, 0.0, points, h).T, label="learned")
    left.legend()
    right.semilogy(history)
    right.set(xlabel="round", ylabel="loss")
    save(figure, directory, "neural_ode")
    return float(history[-20:].mean())


if __name__ == "__main__":
    main(folder())
