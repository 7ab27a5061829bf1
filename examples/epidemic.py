"""Fit an epidemic model to daily counts, with uncertainty from the Hessian.

The rate of infection drops at a day that is estimated too.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from numba import njit
from picture import folder, save

import numbad
from numbad.interop.scipy import minimize

NAMES = ("rate before", "rate after", "recovery", "day of change", "first cases")


@njit
def cases(p, days):
    """Expected new cases per day; the unknowns are logarithms."""
    before, after, recovery = np.exp(p[0]), np.exp(p[1]), np.exp(p[2])
    change, infected = np.exp(p[3]), np.exp(p[4])
    susceptible = 1e5 - infected
    out = np.zeros(days)
    for day in range(days):
        for step in range(8):
            t = day + step / 8.0
            mix = 1.0 / (1.0 + np.exp(2.0 * (t - change)))
            rate = before * mix + after * (1.0 - mix)
            new = rate * susceptible * infected / 1e5 / 8.0
            susceptible -= new
            infected += new - recovery * infected / 8.0
            out[day] += new
    return out


def minus_log_likelihood(p, observed):
    """Of Poisson counts, without the terms that do not depend on the unknowns."""
    expected = cases(p, observed.size)
    total = 0.0
    for day in range(observed.size):
        total += expected[day] - observed[day] * np.log(expected[day] + 1e-9)
    return total


def main(directory: Path, days: int = 70) -> dict[str, float]:
    """Fit, print the table, write the picture; return the errors in standard deviations."""
    truth = np.log([0.55, 0.15, 0.2, 32.0, 10.0])
    rng = np.random.default_rng(3)
    observed = rng.poisson(cases(truth, days)).astype(float)
    start = np.log([0.4, 0.25, 0.15, 25.0, 20.0])
    fit = minimize(minus_log_likelihood, start, args=(observed,), method="L-BFGS-B")
    fit = minimize(minus_log_likelihood, fit.x, args=(observed,), method="trust-exact")
    covariance = np.linalg.inv(numbad.hessian(minus_log_likelihood, fit.x, observed=observed))
    deviations = np.sqrt(np.diag(covariance))
    for name, value, deviation in zip(NAMES, fit.x, deviations, strict=True):
        print(f"{name:14s} {np.exp(value):8.3f}  +- {100 * deviation:.1f} %")
    slopes = numbad.jacobian(cases, fit.x, days, wrt=0)[0]
    spread = np.sqrt(np.einsum("ij,jk,ik->i", slopes, covariance, slopes))
    expected = cases(fit.x, days)
    figure, axes = plt.subplots(figsize=(7, 4))
    axes.bar(np.arange(days), observed, color="lightgrey", label="reported")
    axes.plot(expected, label="fitted")
    axes.fill_between(np.arange(days), expected - 2 * spread, expected + 2 * spread, alpha=0.4)
    axes.axvline(np.exp(fit.x[3]), linestyle=":", label="change found")
    axes.set(xlabel="day", ylabel="new cases")
    axes.legend()
    save(figure, directory, "epidemic")
    return dict(zip(NAMES, np.abs(fit.x - truth) / deviations, strict=True))


if __name__ == "__main__":
    main(folder())
