"""Linear algebra of complex matrices, in both engines, against central differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import numbad
from tests.interpreter import interpreted

WEIGHTS = np.random.default_rng(8).standard_normal((2, 5, 5))
WEIGHTS = WEIGHTS[0] + 1j * WEIGHTS[1]


def weighed(a):
    return np.sum((a * WEIGHTS[: a.shape[0], : a.shape[1]]).real)


def eigenvectors(a):
    w, v = np.linalg.eigh(a + a.conj().T)
    return weighed(v) * w[0] + np.sum(w**2)


def singular_vectors(a):
    u, s, vt = np.linalg.svd(a, full_matrices=False)
    return weighed(u) + weighed(vt) + np.sum(s**3)


def triangles(a):
    q, r = np.linalg.qr(a)
    return weighed(q) + weighed(r)


def root(a):
    return weighed(np.linalg.cholesky(a @ a.conj().T + np.eye(a.shape[0])))


def eigenvalues(a):
    return np.sum(np.linalg.eigvalsh(a @ a.conj().T) ** 1.5)


def determinant(a):
    sign, logarithm = np.linalg.slogdet(a)
    return sign.real + 2.0 * sign.imag * logarithm


def inverses(a):
    x, rest, _, s = np.linalg.lstsq(a, WEIGHTS[: a.shape[0], 0].copy())
    return weighed(np.linalg.pinv(a)) + np.sum(np.abs(x)) + np.sum(rest) * s[0]


def sizes(a):
    return np.linalg.norm(a, 2) + np.linalg.cond(a) + np.linalg.norm(a, 1) + np.linalg.norm(a)


CASES = [
    (eigenvectors, (4, 4)),
    (singular_vectors, (3, 5)),
    (singular_vectors, (5, 3)),
    (singular_vectors, (2, 5)),
    (triangles, (3, 5)),
    (triangles, (5, 2)),
    (root, (3, 3)),
    (eigenvalues, (3, 3)),
    (determinant, (4, 4)),
    (inverses, (4, 2)),
    (inverses, (2, 4)),
    (sizes, (3, 4)),
]


@pytest.mark.parametrize(("f", "shape"), CASES)
@pytest.mark.parametrize("engine", ["compiled", "traced"])
def test_both_modes(f: Callable[..., Any], shape: tuple[int, int], engine: str) -> None:
    rng = np.random.default_rng(3)
    a, direction = rng.standard_normal((2, *shape)) + 1j * rng.standard_normal((2, *shape))
    with interpreted():
        value, (a_bar,) = numbad.withgradient(f, a, engine=engine)
        _, tangent = numbad.jvp(f, (a,), (direction,), engine=engine)
    assert value == pytest.approx(f(a), rel=1e-12)
    step = 1e-6
    slope = (f(a + step * direction) - f(a - step * direction)) / (2 * step)
    assert np.vdot(a_bar, direction).real == pytest.approx(slope, rel=1e-6, abs=1e-7)
    assert tangent == pytest.approx(slope, rel=1e-6, abs=1e-7)


def test_single_precision() -> None:
    rng = np.random.default_rng(3)
    a = rng.standard_normal((3, 3)) + 1j * rng.standard_normal((3, 3))

    def f(a):
        found = np.sum(np.linalg.svd(a)[1]) + np.linalg.slogdet(a)[1]
        found += np.sum(np.abs(np.linalg.qr(a)[1])) + np.sum(np.abs(np.linalg.pinv(a)))
        h = a @ a.conj().T
        w, v = np.linalg.eigh(h)
        return (
            found + np.sum(w) + np.sum(np.abs(v[:, 0]) ** 4) + np.abs(np.linalg.cholesky(h)[1, 0])
        )

    with interpreted():
        (expected,) = numbad.gradient(f, a)
        (found,) = numbad.gradient(f, a.astype(np.complex64))
    assert found.dtype == np.complex64
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


def test_compiled() -> None:
    rng = np.random.default_rng(4)
    a = rng.standard_normal((3, 3)) + 1j * rng.standard_normal((3, 3))
    (found,) = numbad.gradient(determinant, a, engine="compiled")
    with interpreted():
        (expected,) = numbad.gradient(determinant, a)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
