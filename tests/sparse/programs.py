"""Functions with known sparsity, and the patterns they have."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


def tridiagonal(x):
    n = x.size
    y = np.empty(n)
    for i in range(n):
        left = x[i - 1] if i > 0 else 0.0
        right = x[i + 1] if i < n - 1 else 0.0
        y[i] = (3.0 - 2.0 * x[i]) * x[i] - left - math.exp(0.1 * right) + 1.0
    return y


def banded(x):
    n = x.size
    y = np.zeros(n)
    for i in range(n):
        for j in range(max(0, i - 3), min(n, i + 2)):
            y[i] += math.sin(x[j]) * x[i]
    return y


def blocks(x):
    y = np.empty_like(x)
    for b in range(x.size // 4):
        part = x[4 * b : 4 * b + 4]
        total = 0.0
        for value in part:
            total += value * value
        for k in range(4):
            y[4 * b + k] = total * part[k]
    return y


def arrow(x):
    y = x * x * x[0]
    y[0] = np.sum(np.cos(x))
    return y


def dense_row(x):
    y = np.exp(x)
    y[-1] = np.sum(x * x)
    return y


def five_points(u):
    n, m = u.shape
    v = np.zeros_like(u)
    for i in range(n):
        for j in range(m):
            total = -4.0 * u[i, j] + u[i, j] ** 3
            if i > 0:
                total += u[i - 1, j]
            if i < n - 1:
                total += u[i + 1, j]
            if j > 0:
                total += u[i, j - 1]
            if j < m - 1:
                total += u[i, j + 1]
            v[i, j] = total
    return v


def periodic_slices(u):
    v = np.roll(u, 1) - 2.0 * u + np.roll(u, -1)
    return v * u


def in_place(out, x):
    for i in range(out.size):
        out[i] = x[i] * x[i + 1]


def two_steps(x):
    work = np.empty_like(x)
    for _ in range(2):
        work[:] = x
        for i in range(1, x.size - 1):
            work[i] = 0.5 * (x[i - 1] * x[i + 1])
        x = work.copy()
    return x


def searched(x):
    y = np.zeros_like(x)
    i = 0
    while i < x.size:
        y[i] = x[i] ** 2
        j = i
        while j + 1 < x.size and j < i + 2:
            j += 1
            y[i] += x[j]
        i += 1
    return y


def recursive(x, k):
    if k == 0:
        return x[0]
    return x[k] * recursive(x, k - 1)


def products(x):
    y = np.empty(4)
    for k in range(4):
        y[k] = recursive(x, k)
    return y


def matrix_vector(a, x):
    return np.dot(a, x)


def matrix_product(x):
    a = x.reshape(3, 3)
    return np.dot(a, a.T)


def rows_product(x, weights):
    return np.dot(x, weights) ** 2


def rosenbrock(x):
    total = 0.0
    for i in range(x.size - 1):
        total += (1.0 - x[i]) ** 2 + 100.0 * (x[i + 1] - x[i] ** 2) ** 2
    return total


def arrow_energy(x):
    return np.sum(x * x[0]) + np.sum(np.sin(x))


def grid_energy(u):
    n, m = u.shape
    total = 0.0
    for i in range(n - 1):
        for j in range(m - 1):
            total += math.sqrt(1.0 + (u[i + 1, j] - u[i, j]) ** 2 + (u[i, j + 1] - u[i, j]) ** 2)
    return total


def separable(x):
    return np.sum(np.exp(x) * x)


def quadratic(x):
    return x[0] * x[1] + 3.0 * x[2]


def band(n: int, below: int, above: int) -> np.ndarray:
    """Square matrix of ones in a band."""
    i, j = np.indices((n, n))
    return (j >= i - below) & (j <= i + above)


def grid_of(n: int, m: int, offsets: list[tuple[int, int]]) -> np.ndarray:
    """Pattern of a stencil on a grid, elements in C order."""
    found = np.zeros((n, m, n, m), bool)
    for i in range(n):
        for j in range(m):
            for di, dj in offsets:
                if 0 <= i + di < n and 0 <= j + dj < m:
                    found[i, j, i + di, j + dj] = True
    return found.reshape(n * m, n * m)


def arrow_pattern(n: int) -> np.ndarray:
    """The diagonal, the first row and the first column."""
    found = np.eye(n, dtype=bool)
    found[0] = found[:, 0] = True
    return found


def dense_row_pattern(n: int) -> np.ndarray:
    """The diagonal and the last row."""
    found = np.eye(n, dtype=bool)
    found[-1] = True
    return found


@dataclass(frozen=True)
class Case:
    """A function, its arguments and the pattern with respect to all of them."""

    function: Callable[..., Any]
    shapes: tuple[tuple[int, ...], ...]
    pattern: np.ndarray
    kwargs: tuple[tuple[str, Any], ...] = ()

    def arguments(self, seed: int) -> tuple[np.ndarray, ...]:
        """Random arguments."""
        rng = np.random.default_rng(seed)
        return tuple(rng.uniform(0.5, 1.5, shape) for shape in self.shapes)

    def __str__(self) -> str:
        return self.function.__name__


_CROSS = [(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)]
_ROLLED = (
    band(7, 1, 1) | np.roll(np.eye(7, dtype=bool), 1, 0) | np.roll(np.eye(7, dtype=bool), -1, 0)
)

JACOBIANS = [
    Case(tridiagonal, ((70,),), band(70, 1, 1)),
    Case(banded, ((12,),), band(12, 3, 1)),
    Case(blocks, ((12,),), np.kron(np.eye(3), np.ones((4, 4))) > 0),
    Case(arrow, ((20,),), arrow_pattern(20)),
    Case(dense_row, ((15,),), dense_row_pattern(15)),
    Case(five_points, ((4, 5),), grid_of(4, 5, _CROSS)),
    Case(periodic_slices, ((7,),), _ROLLED),
    Case(searched, ((9,),), band(9, 0, 2)),
    Case(products, ((4,),), np.tri(4) > 0),
    Case(rows_product, ((5, 2), (2, 3)), np.hstack([
        np.kron(np.eye(5), np.ones((3, 2))), np.tile(np.eye(3), (5, 2))
    ]) > 0),
    Case(matrix_vector, ((3, 4), (4,)), np.hstack([
        np.kron(np.eye(3), np.ones((1, 4))), np.ones((3, 4))
    ]) > 0),
]  # fmt: skip

HESSIANS = [
    Case(rosenbrock, ((66,),), band(66, 1, 1)),
    Case(arrow_energy, ((20,),), arrow_pattern(20)),
    Case(grid_energy, ((3, 5),), grid_of(3, 5, [*_CROSS, (1, -1), (-1, 1)])),
    Case(separable, ((10,),), np.eye(10, dtype=bool)),
    Case(quadratic, ((3,),), np.array([[0, 1, 0], [1, 0, 0], [0, 0, 0]], bool)),
]
