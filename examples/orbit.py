"""Two burns that take a probe from an orbit round a planet to its moon, with little fuel."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from numba import njit
from picture import folder, save

from numbad.interop.scipy import minimize

MOON_MASS, MOON_DISTANCE, MOON_START = 0.0123, 10.0, 1.7


@njit
def pull(x, y, t, out):
    """Acceleration by the planet at the origin and by the moon on its circle."""
    angle = MOON_START + t * np.sqrt((1.0 + MOON_MASS) / MOON_DISTANCE**3)
    mx, my = MOON_DISTANCE * np.cos(angle), MOON_DISTANCE * np.sin(angle)
    r3 = (x * x + y * y) ** 1.5
    dx, dy = mx - x, my - y
    d3 = (dx * dx + dy * dy + 1e-3) ** 1.5
    out[0] = -x / r3 + MOON_MASS * dx / d3
    out[1] = -y / r3 + MOON_MASS * dy / d3
    return mx, my


@njit
def flight(burns, steps, span, path):
    """Velocity Verlet; burns are (vx, vy) at the start and half-way. Returns the last distance."""
    x, y, vx, vy = 1.0, 0.0, burns[0], 1.0 + burns[1]
    a = np.empty(2)
    h = span / steps
    pull(x, y, 0.0, a)
    for k in range(steps):
        if k == steps // 2:
            vx += burns[2]
            vy += burns[3]
        vx += 0.5 * h * a[0]
        vy += 0.5 * h * a[1]
        x += h * vx
        y += h * vy
        mx, my = pull(x, y, (k + 1) * h, a)
        vx += 0.5 * h * a[0]
        vy += 0.5 * h * a[1]
        path[k, 0], path[k, 1] = x, y
    return (x - mx) ** 2 + (y - my) ** 2


def cost(burns, steps, span, weight):
    """Fuel, and how far the probe ends from the moon."""
    path = np.empty((steps, 2))
    missed = flight(burns, steps, span, path)
    fuel = np.sqrt(burns[0] ** 2 + burns[1] ** 2 + 1e-8)
    fuel += np.sqrt(burns[2] ** 2 + burns[3] ** 2 + 1e-8)
    return fuel + weight * missed


def main(directory: Path, steps: int = 4000) -> float:
    """Optimise with a growing weight of the target; return the distance at arrival."""
    span = 41.0
    burns = np.array([0.0, 0.345, 0.0, 0.0])
    for weight in (0.001, 0.01, 0.1, 1.0):
        burns = minimize(cost, burns, args=(steps, span, weight), method="BFGS").x
    path = np.empty((steps, 2))
    missed = float(np.sqrt(flight(burns, steps, span, path)))
    used = np.hypot(*burns[:2]) + np.hypot(*burns[2:])
    print(f"arrives {missed:.4f} from the moon, fuel {used:.4f}, burns {burns.round(4)}")
    figure, axes = plt.subplots(figsize=(5, 5))
    angle = np.linspace(0.0, 2.0 * np.pi, 200)
    axes.plot(MOON_DISTANCE * np.cos(angle), MOON_DISTANCE * np.sin(angle), ":", color="grey")
    axes.plot(path[:, 0], path[:, 1])
    axes.plot(*path[steps // 2], "x", label="second burn")
    axes.plot(*path[-1], "o", label="arrival")
    axes.set_aspect("equal")
    axes.legend()
    save(figure, directory, "orbit")
    return missed


if __name__ == "__main__":
    main(folder())
