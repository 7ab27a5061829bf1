"""Sample arguments of array rules: random, well conditioned, of all admissible shapes.

Each function takes a NumPy generator and returns a list of argument tuples.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.random import Generator

Sampler = Callable[[Generator], list[tuple[Any, ...]]]


def product_operands(source: Generator) -> list[tuple[Any, ...]]:
    """Vector and matrix operands in all combinations, of length one and zero too."""
    normal = source.standard_normal
    return [
        (normal((2, 3)), normal((3, 4))),
        (normal((2, 3)), normal(3)),
        (normal(3), normal((3, 2))),
        (normal(3), normal(3)),
        (normal((1, 1)), normal((1, 1))),
        (normal((0, 2)), normal((2, 3))),
        (np.asfortranarray(normal((2, 3))), normal((3, 4))),
    ]


def vector_pairs(source: Generator) -> list[tuple[Any, ...]]:
    """Two vectors of one length."""
    return [(source.standard_normal(n), source.standard_normal(n)) for n in (1, 4)]


def square(source: Generator) -> list[tuple[Any, ...]]:
    """Square matrices far from singular."""
    matrices = [source.standard_normal((n, n)) + 2.0 * np.eye(n) for n in (1, 2, 4)]
    return [(each,) for each in [*matrices, np.asfortranarray(matrices[-1])]]


def systems(source: Generator) -> list[tuple[Any, ...]]:
    """Square matrices with right-hand sides: a vector, a matrix."""
    (matrix,) = square(source)[2]
    return [(matrix, source.standard_normal(4)), (matrix, source.standard_normal((4, 2)))]


def positive_definite(source: Generator) -> list[tuple[Any, ...]]:
    """Symmetric matrices with eigenvalues from 1 on."""
    roots = [source.standard_normal((n, n)) for n in (1, 2, 4)]
    return [(root @ root.T + np.eye(len(root)),) for root in roots]


def real_eigenvalues(source: Generator) -> list[tuple[Any, ...]]:
    """General matrices with distinct real eigenvalues."""
    found = []
    for n in (1, 2, 4):
        vectors = source.standard_normal((n, n)) + 2.0 * np.eye(n)
        found.append((vectors @ np.diag(np.arange(1.0, n + 1)) @ np.linalg.inv(vectors),))
    return found


def symmetric(source: Generator) -> list[tuple[Any, ...]]:
    """Symmetric matrices with distinct eigenvalues."""
    return [
        (rotation @ np.diag(np.arange(1.0, n + 1)) @ rotation.T,)
        for n, rotation in ((n, np.linalg.qr(source.standard_normal((n, n)))[0]) for n in (1, 2, 4))
    ]


def rectangular(source: Generator) -> list[tuple[Any, ...]]:
    """Matrices of full rank, square, tall and wide, with distinct singular values."""
    return [(_full_rank(source, m, n),) for m, n in ((3, 3), (4, 2), (2, 4), (1, 1))]


def with_fullness(source: Generator) -> list[tuple[Any, ...]]:
    """As ``rectangular``, with NumPy's ``full_matrices`` on and off."""
    return [(matrix, flag) for (matrix,) in rectangular(source) for flag in (0, 1)]


def with_cutoff(source: Generator) -> list[tuple[Any, ...]]:
    """As ``rectangular``, with the relative size of singular values that count as zero."""
    return [(matrix, 1e-15) for (matrix,) in rectangular(source)]


def _full_rank(source: Generator, m: int, n: int) -> np.ndarray:
    k = min(m, n)
    left = np.linalg.qr(source.standard_normal((m, k)))[0]
    right = np.linalg.qr(source.standard_normal((n, k)))[0]
    return np.ascontiguousarray(left @ np.diag(np.arange(1.0, k + 1)) @ right.T)


def complex_operands(sampler: Sampler) -> Sampler:
    """Give the samples imaginary parts."""

    def sample(source: Generator) -> list[tuple[Any, ...]]:
        pairs = zip(sampler(source), sampler(source), strict=True)
        return [
            tuple(a + 1j * b for a, b in zip(real, imaginary, strict=True))
            for real, imaginary in pairs
        ]

    return sample


def complex_square(source: Generator) -> list[tuple[Any, ...]]:
    """Complex square matrices far from singular."""
    return complex_operands(square)(source)


def hermitian(source: Generator) -> list[tuple[Any, ...]]:
    """Hermitian matrices with eigenvalues 1, 2, ..."""
    found = []
    for n in (1, 2, 4):
        vectors = np.linalg.qr(_complex_normal(source, n, n))[0]
        found.append((vectors @ np.diag(np.arange(1.0, n + 1)) @ vectors.conj().T,))
    return found


def complex_rectangular(source: Generator) -> list[tuple[Any, ...]]:
    """As ``rectangular``, complex; also much wider and much taller than square."""
    found = []
    for m, n in ((3, 3), (4, 2), (2, 4), (1, 1), (7, 2), (2, 7)):
        k = min(m, n)
        left = np.linalg.qr(_complex_normal(source, m, k))[0]
        right = np.linalg.qr(_complex_normal(source, n, k))[0]
        found.append((np.ascontiguousarray(left * np.arange(1.0, k + 1) @ right.conj().T),))
    return found


def complex_with_fullness(source: Generator) -> list[tuple[Any, ...]]:
    """As ``complex_rectangular``, with NumPy's ``full_matrices`` on and off."""
    return [(matrix, flag) for (matrix,) in complex_rectangular(source) for flag in (0, 1)]


def complex_with_cutoff(source: Generator) -> list[tuple[Any, ...]]:
    """As ``complex_rectangular``, with the size of singular values that count as zero."""
    return [(matrix, 1e-15) for (matrix,) in complex_rectangular(source)]


def _complex_normal(source: Generator, m: int, n: int) -> np.ndarray:
    return source.standard_normal((m, n)) + 1j * source.standard_normal((m, n))
