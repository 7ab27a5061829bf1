"""Find the velocity of the ground from the record of one sensor: full-waveform inversion.

A source at the surface sends a wave down; what comes back tells where the velocity changes.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from numba import njit
from picture import folder, save

from numbad.interop.scipy import minimize


@njit
def record(velocity, steps, h, dt):
    """Displacement at the surface over time, by central differences."""
    n = velocity.size
    old, now, new = np.zeros(n), np.zeros(n), np.zeros(n)
    seen = np.zeros(steps)
    for k in range(steps):
        for i in range(1, n - 1):
            c = velocity[i] * dt / h
            new[i] = 2.0 * now[i] - old[i] + c * c * (now[i + 1] - 2.0 * now[i] + now[i - 1])
        t = k * dt - 0.12
        new[2] += dt * dt * 400.0 * (1.0 - 2.0 * (20.0 * t) ** 2) * np.exp(-((20.0 * t) ** 2))
        edge = (velocity[n - 1] * dt / h - 1.0) / (velocity[n - 1] * dt / h + 1.0)
        new[n - 1] = now[n - 2] + edge * (new[n - 2] - now[n - 1])
        new[0] = now[1] + edge * (new[1] - now[0])
        seen[k] = new[4]
        old, now, new = now, new, old
    return seen


def misfit(velocity, measured, h, dt, smoothness):
    """Squared difference of the records, and a little of the roughness."""
    difference = record(velocity, measured.size, h, dt) - measured
    rough = np.diff(velocity)
    return np.sum(difference**2) + smoothness * np.sum(rough**2)


def main(directory: Path, steps: int = 800, iterations: int = 150) -> float:
    """Invert, write the picture; return the mean error of the velocity in the covered depth."""
    n, h, dt = 120, 0.01, 0.0025
    depth = h * np.arange(n)
    truth = 1.5 + 0.4 * (depth > 0.35) + 0.5 * (depth > 0.65)
    measured = record(truth, steps, h, dt)
    start = 1.5 + 0.8 * depth
    fit = minimize(
        misfit,
        start,
        args=(measured, h, dt, 1e-6),
        method="L-BFGS-B",
        bounds=[(1.0, 3.5)] * n,
        options={"maxiter": iterations},
    )
    print(f"misfit {misfit(start, measured, h, dt, 0.0):.3g} -> {fit.fun:.3g} in {fit.nit} steps")
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4))
    time = dt * np.arange(steps)
    left.plot(time, measured, label="measured")
    left.plot(time, record(start, steps, h, dt), "--", label="first guess")
    left.plot(time, record(fit.x, steps, h, dt), ":", label="fitted")
    left.set(xlabel="time", title="record at the surface")
    left.legend()
    for values, style, label in (
        (truth, "-", "truth"),
        (start, "--", "guess"),
        (fit.x, ":", "fit"),
    ):
        right.plot(values, depth, style, label=label)
    right.invert_yaxis()
    right.set(xlabel="velocity", ylabel="depth")
    right.legend()
    save(figure, directory, "seismic")
    return float(np.mean(np.abs(fit.x - truth)[10:80]))


if __name__ == "__main__":
    main(folder())
