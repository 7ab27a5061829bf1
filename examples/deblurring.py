"""Sharpen a blurred, noisy image: least squares with total variation, all pixels unknown."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from numba import njit
from picture import folder, save

from numbad.interop.scipy import minimize


@njit
def blurred(image, kernel):
    """Convolution along both axes with the image continued by its border."""
    rows, columns = image.shape
    reach = kernel.size // 2
    between = np.zeros((rows, columns))
    out = np.zeros((rows, columns))
    for i in range(rows):
        for j in range(columns):
            for k in range(-reach, reach + 1):
                between[i, j] += kernel[k + reach] * image[i, min(max(j + k, 0), columns - 1)]
    for i in range(rows):
        for j in range(columns):
            for k in range(-reach, reach + 1):
                out[i, j] += kernel[k + reach] * between[min(max(i + k, 0), rows - 1), j]
    return out


def objective(pixels, observed, kernel, weight):
    """Misfit of the blurred image, and the (smoothed) total variation of the sharp one."""
    image = pixels.reshape(observed.shape)
    total = 0.5 * np.sum((blurred(image, kernel) - observed) ** 2)
    for i in range(image.shape[0] - 1):
        for j in range(image.shape[1] - 1):
            down, right = image[i + 1, j] - image[i, j], image[i, j + 1] - image[i, j]
            total += weight * np.sqrt(down * down + right * right + 1e-4)
    return total


def main(directory: Path, size: int = 64, iterations: int = 120) -> float:
    """Sharpen, write the picture; return the error relative to that of the blurred image."""
    i, j = np.meshgrid(np.linspace(-1, 1, size), np.linspace(-1, 1, size), indexing="ij")
    truth = ((np.hypot(i, j) < 0.8) & (np.hypot(i, j) > 0.5)).astype(float)
    truth[(abs(i) < 0.15) & (abs(j) < 0.3)] = 0.7
    kernel = np.exp(-0.5 * (np.arange(-5, 6) / 2.0) ** 2)
    kernel /= kernel.sum()
    noise = 0.01 * np.random.default_rng(4).standard_normal(truth.shape)
    observed = blurred(truth, kernel) + noise
    fit = minimize(
        objective,
        observed.ravel(),
        args=(observed, kernel, 0.002),
        method="L-BFGS-B",
        options={"maxiter": iterations},
    )
    sharp = fit.x.reshape(truth.shape)
    ratio = float(np.linalg.norm(sharp - truth) / np.linalg.norm(observed - truth))
    print(f"error {ratio:.0%} of that of the blurred image, after {fit.nit} steps")
    figure, axes = plt.subplots(1, 3, figsize=(9, 3.2))
    for each, image, title in zip(
        axes, (truth, observed, sharp), ("truth", "observed", "sharpened"), strict=True
    ):
        each.imshow(image, cmap="gray", vmin=0, vmax=1)
        each.set(title=title, xticks=[], yticks=[])
    save(figure, directory, "deblurring")
    return ratio


if __name__ == "__main__":
    main(folder())
