"""Windows: vectors of weights for smoothing and spectra."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from numbad.frontend.arrays.registry import decomposition


def cosines(m: Any, a: Any, b: Any, c: Any) -> Any:
    """Window of length ``m`` that is a sum of cosines."""
    if m == 1:
        return np.ones(1)
    angle = 2 * np.pi * np.arange(m) / (m - 1)
    return a - b * np.cos(angle) + c * np.cos(2 * angle)


@decomposition(np.hanning)
def hanning(M: Any) -> Any:
    """Hann window."""
    return cosines(M, 0.5, 0.5, 0.0)


@decomposition(np.hamming)
def hamming(M: Any) -> Any:
    """Hamming window."""
    return cosines(M, 0.54, 0.46, 0.0)


@decomposition(np.blackman)
def blackman(M: Any) -> Any:
    """Blackman window."""
    return cosines(M, 0.42, 0.5, 0.08)


@decomposition(np.bartlett)
def bartlett(M: Any) -> Any:
    """Triangular window."""
    if M == 1:
        return np.ones(1)
    place = np.arange(1 - M, M, 2) * 1.0
    return np.where(place <= 0, 1 + place / (M - 1), 1 - place / (M - 1))


def bessel(x: Any) -> Any:
    """Modified Bessel function I₀ by its power series (DLMF 10.25.2), whose terms are positive."""
    quarter = x * x / 4
    term = 1.0
    total = 1.0
    k = 1.0
    while term > 1e-17 * total:
        term *= quarter / (k * k)
        total += term
        k += 1.0
    return total


@decomposition(np.kaiser)
def kaiser(M: Any, beta: Any) -> Any:
    """Kaiser window; its slope in ``beta`` too."""
    weights = np.ones(M)
    if M == 1:
        return weights
    middle = (M - 1) / 2.0
    whole = bessel(beta)
    for i in range(M):
        side = (i - middle) / middle
        weights[i] = bessel(beta * math.sqrt(max(1 - side * side, 0.0))) / whole
    return weights
