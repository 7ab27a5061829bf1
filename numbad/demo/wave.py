"""Recovery of a velocity profile from seismograms: a thousand unknowns, one gradient per step.

A source at the surface sends a pulse down; receivers at the surface and in a well record what
passes. The wave equation ``u_tt = c² u_zz`` is stepped by leapfrog, with three buffers that change
roles at each step. The velocities of all cells are fitted to the recordings of a long pulse first
and of a short one then, since a fit to the short one alone stops at a wrong cycle.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit

import numbad
from numbad.demo.report import best_time, excerpt, heading, milliseconds

DZ = 2.0  # metres
DT = 0.0004  # seconds
FREQUENCIES = (6.0, 18.0)  # hertz
RECEIVER_DEPTHS = (0.0, 500.0, 1000.0, 1500.0)  # metres
NOISE = 0.01
SMOOTHNESS = 0.3


@njit
def simulate(velocity, wavelet, receivers):
    """Displacement at the receivers, one row per time step."""
    cells = velocity.size
    seismograms = np.zeros((wavelet.size, receivers.size))
    u_prev = np.zeros(cells)
    u = np.zeros(cells)
    u_next = np.zeros(cells)
    courant2 = (velocity * (DT / DZ)) ** 2
    courant = velocity[cells - 1] * DT / DZ
    absorption = (courant - 1.0) / (courant + 1.0)
    for step in range(wavelet.size):
        for i in range(1, cells - 1):
            curvature = u[i + 1] - 2.0 * u[i] + u[i - 1]
            u_next[i] = 2.0 * u[i] - u_prev[i] + courant2[i] * curvature
        # The surface is free and carries the source; the bottom lets waves out (Mur, 1981).
        u_next[0] = 2.0 * u[0] - u_prev[0] + 2.0 * courant2[0] * (u[1] - u[0]) + wavelet[step]
        u_next[cells - 1] = u[cells - 2] + absorption * (u_next[cells - 2] - u[cells - 1])
        for r in range(receivers.size):
            seismograms[step, r] = u_next[receivers[r]]
        u_prev, u, u_next = u, u_next, u_prev
    return seismograms


@njit
def misfit(log_factor, start, wavelet, receivers, recorded, weight, smoothness):
    """Half the sum of squared residuals, and a penalty on differences between neighbours.

    The velocity of cell ``i`` is ``start[i] * exp(log_factor[i])``, so that it stays positive.
    """
    simulated = simulate(start * np.exp(log_factor), wavelet, receivers)
    total = 0.0
    for step in range(recorded.shape[0]):
        for r in range(recorded.shape[1]):
            total += 0.5 * (weight * (simulated[step, r] - recorded[step, r])) ** 2
    for i in range(log_factor.size - 1):
        total += 0.5 * smoothness * (log_factor[i + 1] - log_factor[i]) ** 2
    return total


@dataclass(frozen=True)
class Survey:
    """What was measured, and what it was measured on.

    Attributes
    ----------
    truth, start : ndarray
        Velocity of each cell, in metres per second: the true one, and where the fit starts.
    receivers : ndarray
        Cells of the receivers.
    wavelets : list of ndarray
        Source over time, one per frequency.
    recordings : list of ndarray
        Noisy seismograms, one array per wavelet.
    """

    truth: np.ndarray[Any, Any]
    start: np.ndarray[Any, Any]
    receivers: np.ndarray[Any, Any]
    wavelets: list[np.ndarray[Any, Any]] = field(default_factory=list)
    recordings: list[np.ndarray[Any, Any]] = field(default_factory=list)

    def arguments(self, experiment: int) -> tuple[Any, ...]:
        """Arguments of ``misfit`` after the unknowns.

        Parameters
        ----------
        experiment : int
            Position of the wavelet.

        Returns
        -------
        tuple
            Start model, wavelet, receivers, recordings, weight and smoothness.
        """
        recorded = self.recordings[experiment]
        weight = 1.0 / (NOISE * float(recorded.std()) * math.sqrt(recorded.size))
        wavelet = self.wavelets[experiment]
        return self.start, wavelet, self.receivers, recorded, weight, SMOOTHNESS


def ricker(frequency: float, steps: int) -> Any:
    """Ricker's pulse, the second derivative of a bell curve.

    Parameters
    ----------
    frequency : float
        Of its largest Fourier component, in hertz.
    steps : int
        Number of samples at distance ``DT``.

    Returns
    -------
    ndarray
        The samples.
    """
    phase = (math.pi * frequency * (np.arange(steps) * DT - 1.2 / frequency)) ** 2
    return (1.0 - 2.0 * phase) * np.exp(-phase)


def survey(cells: int = 1000, steps: int = 4000) -> Survey:
    """Simulate the measurements.

    Parameters
    ----------
    cells : int
        Number of unknowns, spread over two kilometres where it is 1000.
    steps : int
        Length of the recordings.

    Returns
    -------
    Survey
        A layered profile with a soft zone, and noisy recordings of it.
    """
    depth = np.arange(cells) * DZ
    truth = 1500.0 + 0.9 * depth
    truth += 250.0 * np.exp(-(((depth - 600.0) / 120.0) ** 2))
    truth -= 350.0 * np.exp(-(((depth - 1050.0) / 100.0) ** 2))
    truth[(depth > 300.0) & (depth < 380.0)] += 150.0
    truth[depth > 1400.0] += 300.0
    receivers = np.array([int(d / DZ) for d in RECEIVER_DEPTHS if d / DZ < cells])
    measured = Survey(truth, 1500.0 + 0.95 * depth, receivers)
    rng = np.random.default_rng(1)
    for frequency in FREQUENCIES:
        wavelet = ricker(frequency, steps)
        clean = simulate(truth, wavelet, receivers)
        noise = NOISE * clean.std() * rng.standard_normal(clean.shape)
        measured.wavelets.append(wavelet)
        measured.recordings.append(clean + noise)
    return measured


def recover(measured: Survey, iterations: int = 120, progress: bool = False) -> Any:
    """Fit the velocity of every cell with L-BFGS and numbad's gradient.

    Parameters
    ----------
    measured : Survey
        The recordings and the start model.
    iterations : int
        Limit for each frequency.
    progress : bool
        Print a line every twenty iterations.

    Returns
    -------
    ndarray
        Velocities in metres per second.
    """
    from scipy.optimize import OptimizeResult, minimize

    def report(frequency: float) -> Callable[[OptimizeResult], None]:
        numbers = count(1)

        def line(intermediate_result: OptimizeResult) -> None:
            iteration = next(numbers)
            if progress and iteration % 20 == 1:
                velocity = measured.start * np.exp(intermediate_result.x)
                print(
                    f"  {frequency:4.0f} Hz   iteration {iteration:3d}"
                    f"   misfit {intermediate_result.fun:10.4f}"
                    f"   error of the profile {rms(velocity - measured.truth):6.1f} m/s"
                )

        return line

    value_and_grad = numbad.value_and_grad(misfit, wrt=0)
    log_factor = np.zeros_like(measured.start)
    for experiment, frequency in enumerate(FREQUENCIES):
        fit = minimize(
            value_and_grad,
            log_factor,
            args=measured.arguments(experiment),
            jac=True,
            method="L-BFGS-B",
            callback=report(frequency),
            options={"maxiter": iterations, "maxcor": 20},
        )
        log_factor = fit.x
    return measured.start * np.exp(log_factor)


def rms(values: np.ndarray[Any, Any]) -> float:
    """Root of the mean square.

    Parameters
    ----------
    values : ndarray
        Any numbers.

    Returns
    -------
    float
        Their root mean square.
    """
    return float(np.sqrt(np.mean(values**2)))


def plot(measured: Survey, recovered: np.ndarray[Any, Any], path: Path) -> None:
    """Save a picture of the profiles and of the last experiment's seismograms.

    Parameters
    ----------
    measured : Survey
        The recordings and the true profile.
    recovered : ndarray
        The fitted profile.
    path : Path
        A PNG file.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 6), layout="constrained")
    depth = np.arange(measured.truth.size) * DZ
    left.plot(measured.truth, depth, "k", linewidth=3, alpha=0.4, label="true")
    left.plot(measured.start, depth, "tab:orange", linestyle="--", label="start")
    left.plot(recovered, depth, "tab:blue", label="recovered")
    left.invert_yaxis()
    left.set(xlabel="velocity in m/s", ylabel="depth in m", title="Profile")
    left.legend()
    wavelet, recorded = measured.wavelets[-1], measured.recordings[-1]
    times = np.arange(wavelet.size) * DT
    fitted = simulate(recovered, wavelet, measured.receivers)
    scale = 2.2 * np.abs(recorded).max()
    for r, cell in enumerate(measured.receivers):
        label = ("recorded", "fitted") if r == 0 else (None, None)
        offset = -r * scale
        right.plot(times, recorded[:, r] + offset, "k", linewidth=3, alpha=0.4, label=label[0])
        right.plot(times, fitted[:, r] + offset, "tab:blue", linewidth=1, label=label[1])
        right.text(times[-1], offset + 0.1 * scale, f"{cell * DZ:.0f} m", ha="right")
    right.set(xlabel="time in s", yticks=[], title=f"Seismograms at {FREQUENCIES[-1]:.0f} Hz")
    right.legend(loc="lower left")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main(output: Path) -> None:
    """Run the demonstration.

    Parameters
    ----------
    output : Path
        Folder of the plot; created if need be.
    """
    measured = survey()
    cells, steps = measured.truth.size, measured.wavelets[0].size
    heading(f"Wave: {cells} velocities from {measured.receivers.size} seismograms")
    print(f"the primal: {steps} leapfrog steps on {cells} cells, with rotating buffers\n")
    began = time.perf_counter()
    recovered = recover(measured, progress=True)
    print(
        f"  finished after {time.perf_counter() - began:.0f} s;"
        f" error of the profile {rms(measured.start - measured.truth):.0f} m/s at the start,"
        f" {rms(recovered - measured.truth):.0f} m/s now"
    )

    unknowns = np.zeros(cells)
    arguments = measured.arguments(1)
    value_and_grad = numbad.value_and_grad(misfit, wrt=0)
    _, gradient = value_and_grad(unknowns, *arguments)
    direction = gradient / np.linalg.norm(gradient)
    above = misfit(unknowns + 1e-6 * direction, *arguments)
    below = misfit(unknowns - 1e-6 * direction, *arguments)
    deviation = abs((above - below) / 2e-6 / np.linalg.norm(gradient) - 1.0)
    primal = best_time(lambda: misfit(unknowns, *arguments), repeats=5)
    reverse = best_time(lambda: value_and_grad(unknowns, *arguments), repeats=5)
    differences = (cells + 1) * primal
    print(
        f"\nprimal {milliseconds(primal)};"
        f" value and gradient by numbad {milliseconds(reverse)} ({reverse / primal:.1f} x primal);"
        f"\none-sided differences would take {differences:.1f} s:"
        f" numbad is {differences / reverse:.0f} times as fast;"
        f"\nthe slope along the gradient agrees with a central difference to {deviation:.0e}"
    )
    print("\nfrom the generated adjoint:\n")
    code = numbad.code_adjoint(misfit, unknowns, *arguments, wrt=0)
    print(excerpt(code, "for i in range(1, cells - 1):"))
    output.mkdir(parents=True, exist_ok=True)
    path = output / "wave.png"
    plot(measured, recovered, path)
    print(f"\nplot: {path}")
