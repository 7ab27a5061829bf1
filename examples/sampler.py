"""Hamiltonian Monte Carlo on a banana-shaped density, compiled as a whole."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from numba import njit
from picture import folder, save

import numbad


@njit
def log_density(q):
    """A Gaussian, bent: the mean of the second number depends on the square of the first."""
    return -0.5 * (q[0] ** 2 + ((q[1] - q[0] ** 2) / 0.3) ** 2)


value_and_slope = numbad.value_and_grad(log_density)


@njit
def chain(q, draws, step, leaps, seed):
    """Return the samples and the rate of acceptance."""
    np.random.seed(seed)
    samples = np.empty((draws, q.size))
    accepted = 0
    value, slope = value_and_slope(q)
    for n in range(draws):
        p = np.random.standard_normal(q.size)
        before = value - 0.5 * np.dot(p, p)
        new, new_value, new_slope = q.copy(), value, slope.copy()
        for _ in range(leaps):
            p += 0.5 * step * new_slope
            new += step * p
            new_value, new_slope = value_and_slope(new)
            p += 0.5 * step * new_slope
        if np.log(np.random.random()) < new_value - 0.5 * np.dot(p, p) - before:
            q, value, slope = new, new_value, new_slope
            accepted += 1
        samples[n] = q
    return samples, accepted / draws


def main(directory: Path, draws: int = 20000) -> float:
    """Sample, write the picture; return the largest error of the first two moments."""
    samples, rate = chain(np.zeros(2), draws, 0.12, 20, 5)
    moments = np.array([samples[:, 0].mean(), samples[:, 0].var(), samples[:, 1].mean()])
    print(f"accepted {rate:.0%}, mean {moments[0]:.3f}, variance {moments[1]:.3f}")
    figure, axes = plt.subplots(figsize=(5, 4))
    axes.plot(*samples[:: max(1, draws // 4000)].T, ".", markersize=2, alpha=0.5)
    axes.plot(*samples[:60].T, "-", linewidth=0.8, color="black", label="first 60 steps")
    axes.legend()
    save(figure, directory, "sampler")
    return float(np.max(np.abs(moments - [0.0, 1.0, 1.0])))


if __name__ == "__main__":
    main(folder())
