"""Calibration of a predator-prey model to trade records of a century ago.

The model is Lotka and Volterra's. The pelts that the Hudson's Bay Company traded from 1900 to 1920
stand for the populations, with log-normal errors; four rates, two initial values and the scale of
the errors are estimated by maximum likelihood, all seven on a logarithmic scale. The program that
is differentiated is the loop below, a classical Runge-Kutta method.

Data: E. P. Odum, *Fundamentals of Ecology* (1953), after D. A. MacLulich (1937); thousands of
pelts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit

import numbad
from numbad.demo.report import aligned, best_time, excerpt, heading, milliseconds

RECORDS = np.array(
    [
        [1900, 30.0, 4.0],
        [1901, 47.2, 6.1],
        [1902, 70.2, 9.8],
        [1903, 77.4, 35.2],
        [1904, 36.3, 59.4],
        [1905, 20.6, 41.7],
        [1906, 18.1, 19.0],
        [1907, 21.4, 13.0],
        [1908, 22.0, 8.3],
        [1909, 25.4, 9.1],
        [1910, 27.1, 7.4],
        [1911, 40.3, 8.0],
        [1912, 57.0, 12.3],
        [1913, 76.6, 19.5],
        [1914, 52.3, 45.7],
        [1915, 19.5, 51.1],
        [1916, 11.2, 29.7],
        [1917, 7.6, 15.8],
        [1918, 14.6, 9.7],
        [1919, 16.2, 10.1],
        [1920, 24.7, 8.6],
    ]
)
YEARS, HARES, LYNXES = np.ascontiguousarray(RECORDS.T)
STEPS_PER_YEAR = 100
NAMES = (
    "birth of hares",
    "predation",
    "death of lynxes",
    "growth by predation",
    "hares in 1900",
    "lynxes in 1900",
    "scale of errors",
)
GUESS = np.log([0.4, 0.02, 0.4, 0.02, 30.0, 4.0, 1.0])


@njit
def growth(hares, lynxes, rates):
    """Time derivatives of the two populations."""
    birth, predation, death, conversion = rates
    return (birth - predation * lynxes) * hares, (conversion * hares - death) * lynxes


@njit
def runge_kutta_step(hares, lynxes, rates, dt):
    """One step of the classical fourth-order method."""
    h1, l1 = growth(hares, lynxes, rates)
    h2, l2 = growth(hares + dt / 2 * h1, lynxes + dt / 2 * l1, rates)
    h3, l3 = growth(hares + dt / 2 * h2, lynxes + dt / 2 * l2, rates)
    h4, l4 = growth(hares + dt * h3, lynxes + dt * l3, rates)
    hares += dt / 6 * (h1 + 2 * h2 + 2 * h3 + h4)
    lynxes += dt / 6 * (l1 + 2 * l2 + 2 * l3 + l4)
    return hares, lynxes


@njit
def negative_log_likelihood(theta, hare_pelts, lynx_pelts, steps_per_year):
    """Minus the logarithm of the likelihood of the records; ``theta`` holds logarithms."""
    rates = (math.exp(theta[0]), math.exp(theta[1]), math.exp(theta[2]), math.exp(theta[3]))
    hares, lynxes = math.exp(theta[4]), math.exp(theta[5])
    scale = math.exp(theta[6])
    dt = 1.0 / steps_per_year
    total = 0.0
    for year in range(hare_pelts.size):
        if year > 0:
            for _ in range(steps_per_year):
                hares, lynxes = runge_kutta_step(hares, lynxes, rates, dt)
        hare_error = math.log(hare_pelts[year] / hares) / scale
        lynx_error = math.log(lynx_pelts[year] / lynxes) / scale
        total += 0.5 * (hare_error**2 + lynx_error**2) + 2 * theta[6] + math.log(2 * math.pi)
    return total


@njit
def populations(theta, years, steps_per_year):
    """Both populations at every step, for the plot."""
    rates = (math.exp(theta[0]), math.exp(theta[1]), math.exp(theta[2]), math.exp(theta[3]))
    path = np.empty((years * steps_per_year + 1, 2))
    path[0, 0], path[0, 1] = math.exp(theta[4]), math.exp(theta[5])
    for step in range(years * steps_per_year):
        path[step + 1] = runge_kutta_step(path[step, 0], path[step, 1], rates, 1.0 / steps_per_year)
    return path


@dataclass(frozen=True)
class Calibration:
    """The fitted model.

    Attributes
    ----------
    theta : ndarray
        Logarithms of the seven parameters.
    errors : ndarray
        Standard errors of the parameters themselves.
    value : float
        The negative log likelihood.
    gradient : ndarray
        Its gradient, which is close to zero.
    iterations : int
        Of the minimiser.
    """

    theta: np.ndarray[Any, Any]
    errors: np.ndarray[Any, Any]
    value: float
    gradient: np.ndarray[Any, Any]
    iterations: int


def calibrate(steps_per_year: int = STEPS_PER_YEAR, progress: bool = False) -> Calibration:
    """Fit the seven parameters with BFGS and numbad's gradient.

    Parameters
    ----------
    steps_per_year : int
        Steps of the integrator.
    progress : bool
        Print a line every five iterations.

    Returns
    -------
    Calibration
        Parameters at the minimum and their standard errors.
    """
    from scipy.optimize import OptimizeResult, minimize

    value_and_grad = numbad.value_and_grad(negative_log_likelihood, wrt=0)
    data = (HARES, LYNXES, steps_per_year)
    iteration = 0

    def report(intermediate_result: OptimizeResult) -> None:
        nonlocal iteration
        iteration += 1
        if progress and iteration % 5 == 1:
            _, gradient = value_and_grad(intermediate_result.x, *data)
            print(
                f"  iteration {iteration:3d}   negative log likelihood "
                f"{intermediate_result.fun:12.6f}   |gradient| {np.abs(gradient).max():9.2e}"
            )

    fit = minimize(
        value_and_grad,
        GUESS,
        args=data,
        jac=True,
        method="BFGS",
        callback=report,
        options={"gtol": 1e-4},
    )
    value, gradient = value_and_grad(fit.x, *data)
    covariance = np.linalg.inv(hessian_by_gradients(fit.x, data))
    errors = np.exp(fit.x) * np.sqrt(np.diag(covariance))
    return Calibration(fit.x, errors, value, gradient, fit.nit)


def hessian_by_gradients(theta: np.ndarray[Any, Any], data: tuple[Any, ...]) -> Any:
    """Second derivatives of the negative log likelihood: central differences of its gradient.

    Parameters
    ----------
    theta : ndarray
        Where they are taken.
    data : tuple
        The other arguments of ``negative_log_likelihood``.

    Returns
    -------
    ndarray
        A symmetric matrix.
    """
    gradient = numbad.grad(negative_log_likelihood, wrt=0)
    step = 1e-5
    rows = [
        (gradient(theta + shift, *data) - gradient(theta - shift, *data)) / (2 * step)
        for shift in step * np.eye(theta.size)
    ]
    hessian = np.array(rows)
    return (hessian + hessian.T) / 2


def difference_gradient(theta: np.ndarray[Any, Any], data: tuple[Any, ...]) -> Any:
    """The gradient by central differences of the compiled primal: what numbad replaces.

    Parameters
    ----------
    theta : ndarray
        Where it is taken.
    data : tuple
        The other arguments of ``negative_log_likelihood``.

    Returns
    -------
    ndarray
        Accurate to about ten digits.
    """
    step = 1e-6
    gradient = np.empty_like(theta)
    for i in range(theta.size):
        above, below = theta.copy(), theta.copy()
        above[i] += step
        below[i] -= step
        difference = negative_log_likelihood(above, *data) - negative_log_likelihood(below, *data)
        gradient[i] = difference / (2 * step)
    return gradient


def plot(fit: Calibration, path: Path) -> None:
    """Save a picture of the records and the fitted model.

    Parameters
    ----------
    fit : Calibration
        The fitted model.
    path : Path
        A PNG file.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    curve = populations(fit.theta, HARES.size - 1, STEPS_PER_YEAR)
    times = YEARS[0] + np.arange(curve.shape[0]) / STEPS_PER_YEAR
    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    for name, pelts, column, colour in (
        ("hares", HARES, 0, "tab:blue"),
        ("lynxes", LYNXES, 1, "tab:red"),
    ):
        axes.plot(YEARS, pelts, "o", color=colour, label=f"{name}, recorded")
        axes.plot(times, curve[:, column], color=colour, label=f"{name}, fitted")
    axes.set(xlabel="year", ylabel="thousands of pelts", title="Hudson Bay, 1900-1920")
    axes.set_xticks(range(1900, 1921, 5))
    axes.legend()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main(output: Path) -> None:
    """Run the demonstration.

    Parameters
    ----------
    output : Path
        Folder of the plot; created if need be.
    """
    heading("Lotka-Volterra: seven parameters from forty-two records")
    data = (HARES, LYNXES, STEPS_PER_YEAR)
    print(f"the primal: {(HARES.size - 1) * STEPS_PER_YEAR} Runge-Kutta steps in a Python loop\n")
    fit = calibrate(progress=True)
    print(
        f"  converged after {fit.iterations} iterations, negative log likelihood {fit.value:.6f}\n"
    )
    rows = [("parameter", "estimate", "standard error")]
    for name, theta, error in zip(NAMES, fit.theta, fit.errors, strict=True):
        rows.append((name, f"{math.exp(theta):.4f}", f"{error:.4f}"))
    print(aligned(rows))

    value_and_grad = numbad.value_and_grad(negative_log_likelihood, wrt=0)
    _, by_numbad = value_and_grad(GUESS, *data)
    deviation = np.abs(by_numbad - difference_gradient(GUESS, data)).max() / np.abs(by_numbad).max()
    primal = best_time(lambda: negative_log_likelihood(GUESS, *data))
    reverse = best_time(lambda: value_and_grad(GUESS, *data))
    differences = best_time(lambda: difference_gradient(GUESS, data))
    print(
        f"\nprimal {milliseconds(primal)};"
        f" value and gradient by numbad {milliseconds(reverse)} ({reverse / primal:.1f} x primal);"
        f"\ngradient by central differences {milliseconds(differences)}:"
        f" numbad is {differences / reverse:.1f} times as fast,"
        f"\nand the two agree to {deviation:.0e}"
    )
    print("\nfrom the generated adjoint:\n")
    code = numbad.code_adjoint(negative_log_likelihood, GUESS, *data, wrt=0)
    print(excerpt(code, "for _ in range(steps_per_year):"))
    output.mkdir(parents=True, exist_ok=True)
    path = output / "lotka_volterra.png"
    plot(fit, path)
    print(f"\nplot: {path}")
