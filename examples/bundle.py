"""Bundle adjustment: cameras and points from what each camera saw, by sparse least squares.

50 cameras, 5000 points, 30000 observations: a Jacobian of 60000 x 15450 numbers, 12 in each row.
SciPy's solver is given that matrix; what it would do without is timed beside it.
"""

from __future__ import annotations

import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from numba import njit
from picture import folder, save
from scipy.optimize import OptimizeResult, least_squares

import numbad

PER_CAMERA = 9  # rotation vector, position, focal length, two radial distortions


@njit
def project(camera, point):
    """Where a camera sees a point: rotate, divide by the distance, distort."""
    x, y, z = point[0] - camera[3], point[1] - camera[4], point[2] - camera[5]
    r0, r1, r2 = camera[0], camera[1], camera[2]
    angle = np.sqrt(r0 * r0 + r1 * r1 + r2 * r2)
    w0, w1, w2 = r0 / angle, r1 / angle, r2 / angle
    c, s = np.cos(angle), np.sin(angle)
    along = (w0 * x + w1 * y + w2 * z) * (1.0 - c)
    u = x * c + (w1 * z - w2 * y) * s + w0 * along
    v = y * c + (w2 * x - w0 * z) * s + w1 * along
    w = z * c + (w0 * y - w1 * x) * s + w2 * along
    u, v = u / w, v / w
    square = u * u + v * v
    scale = camera[6] * (1.0 + camera[7] * square + camera[8] * square * square)
    return scale * u, scale * v


@njit
def residuals(x, cameras, camera_of, point_of, seen):
    """Differences in pixels, two for each observation; x has all cameras and then all points."""
    out = np.empty(2 * camera_of.size)
    first_point = PER_CAMERA * cameras
    for i in range(camera_of.size):
        c = PER_CAMERA * camera_of[i]
        p = first_point + 3 * point_of[i]
        u, v = project(x[c : c + PER_CAMERA], x[p : p + 3])
        out[2 * i] = u - seen[i, 0]
        out[2 * i + 1] = v - seen[i, 1]
    return out


def scene(cameras: int, points: int, views: int) -> tuple[np.ndarray, tuple]:
    """Cameras on a ring round a torus knot of points; the unknowns, and who saw what."""
    rng = np.random.default_rng(4)
    t = np.linspace(0.0, 2.0 * np.pi, points, endpoint=False)
    radius = 2.0 + np.cos(3.0 * t)
    knot = np.column_stack([radius * np.cos(2.0 * t), radius * np.sin(2.0 * t), np.sin(3.0 * t)])
    knot += 0.04 * rng.standard_normal(knot.shape)
    around = np.linspace(0.0, 2.0 * np.pi, cameras, endpoint=False)
    rotation = np.column_stack([0.3 * np.cos(around), 0.3 * np.sin(around), 0.1 + 0.0 * around])
    place = np.column_stack([3.0 * np.sin(around), -3.0 * np.cos(around), -12.0 + 0.0 * around])
    lens = np.tile([800.0, -0.05, 0.01], (cameras, 1))
    unknowns = np.concatenate([np.hstack([rotation, place, lens]).ravel(), knot.ravel()])
    point_of = np.repeat(np.arange(points), views)
    camera_of = np.concatenate([rng.choice(cameras, views, replace=False) for _ in range(points)])
    nothing = np.zeros((camera_of.size, 2))
    exact = residuals(unknowns, cameras, camera_of, point_of, nothing).reshape(-1, 2)
    seen = exact + 0.5 * rng.standard_normal(exact.shape)
    return unknowns, (cameras, camera_of, point_of, seen)


def root_mean_square(values: np.ndarray) -> float:
    """Of the residuals, in pixels."""
    return float(np.sqrt(np.mean(values**2)))


def timed(start: np.ndarray, **options: object) -> OptimizeResult:
    """Return SciPy's solution and how long it took."""
    begun = time.perf_counter()
    found = least_squares(residuals, start, method="trf", **options)
    found.seconds = time.perf_counter() - begun
    return found


def main(directory: Path, cameras: int = 50, points: int = 5000, views: int = 6) -> float:
    """Adjust, compare with differences, write the picture; return the error in pixels."""
    truth, data = scene(cameras, points, views)
    rng = np.random.default_rng(5)
    scale = np.concatenate([np.tile([0.01] * 3 + [0.1] * 3 + [10.0, 0.01, 0.001], cameras)])
    scale = np.concatenate([scale, np.full(3 * points, 0.15)])
    start = truth + scale * rng.standard_normal(truth.size)

    begun = time.perf_counter()
    coloring = numbad.jacobian_sparsity(residuals, start, *data, wrt=0).coloring()
    numbad.jacobian(residuals, start, *data, wrt=0, sparsity=coloring)
    print(f"{coloring.count} directions; found and compiled in {time.perf_counter() - begun:.1f} s")

    def jac(x: np.ndarray, *data: object) -> object:
        return numbad.jacobian(residuals, x, *data, wrt=0, sparsity=coloring)[0]

    options = {"x_scale": "jac", "ftol": 1e-4, "args": data, "tr_options": {"maxiter": 50}}
    fits = {}
    for name, how in (
        ("numbad", {"jac": jac}),
        ("differences", {"jac_sparsity": coloring.pattern.to_scipy()}),
    ):
        # With one evaluation the solver does nothing but compute residuals and Jacobian.
        setup, fits[name] = [timed(start, max_nfev=n, **options, **how) for n in (1, None)]
        print(
            f"{name:11s} Jacobian {setup.seconds:5.2f} s, solution {fits[name].seconds:5.1f} s, "
            f"{root_mean_square(fits[name].fun):.3f} pixels"
        )

    fit = fits["numbad"]
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.5))
    first = PER_CAMERA * cameras
    for x, label in ((start, "before"), (fit.x, "after")):
        left.plot(*x[first:].reshape(-1, 3)[:, :2].T, ".", markersize=2, label=label)
    left.set_aspect("equal")
    left.legend(loc="upper right")
    bins = np.linspace(0.0, 4.0, 60)
    for x, label in ((truth, "noise"), (fit.x, "after")):
        found = residuals(x, *data).reshape(-1, 2)
        right.hist(np.hypot(*found.T), bins, histtype="step", label=label)
    right.set(xlabel="error in pixels", ylabel="observations")
    right.legend()
    save(figure, directory, "bundle")
    return root_mean_square(fit.fun)


if __name__ == "__main__":
    main(folder())
