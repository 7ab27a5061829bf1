"""Products of matrices in derivatives: in place, none for constants, right for shared memory."""

from __future__ import annotations

import numpy as np
import pytest

import numbad


def twice(w, x):
    return np.sum(np.tanh((x @ w) @ w))


def in_loop(w, x):
    for _ in range(3):
        x = np.tanh(x @ w)
    return np.sum(x)


def vector(w, v):
    return np.sum(np.sin(w @ v) * (w.T @ v))


def in_branch(w, x):
    total = np.sum(x @ w)
    if total > 0:
        total = total + np.sum((w @ w) ** 2)
    return total


def written_between(w, x):
    y = x.copy()
    a = y @ w
    y[0, 0] = 7.0
    b = y @ w
    return np.sum(a * b)


def own_product(w, x):
    z = w @ w.T
    z += x @ w
    return np.sum(z * z)


def strided(w, x):
    return np.sum((x[::2, ::2] @ w[::2]) ** 2) + np.sum((x.T @ w[:, ::-1]) ** 3)


@pytest.mark.parametrize(
    "f", [twice, in_loop, vector, in_branch, written_between, own_product, strided]
)
def test_gradients(f, rng: np.random.Generator) -> None:
    w, x = 0.5 * rng.standard_normal((2, 4, 4))
    if f is vector:
        x = x[0]
    numbad.check_grads(f, (w, x), order=2)


def test_products_are_placed(rng: np.random.Generator) -> None:
    w, x = rng.standard_normal((2, 3, 3))
    text = numbad.code_adjoint(twice, w, x)
    assert "add_product(w_bar," in text
    assert "np.dot" not in text
    assert "w_bar[" not in text


def test_no_products_for_constants(rng: np.random.Generator) -> None:
    w, x = rng.standard_normal((2, 3, 3))
    text = numbad.code_adjoint(lambda w: np.sum((x @ w) ** 2), w)
    assert text.count("product(") == 2


def test_complex_products(rng: np.random.Generator) -> None:
    w = rng.standard_normal((3, 3)) + 1j * rng.standard_normal((3, 3))

    def f(w):
        z = w @ w
        return np.sum(np.abs(z) ** 2)

    (w_bar,) = numbad.gradient(f, w)
    step = 1e-6
    move = rng.standard_normal((3, 3)) + 1j * rng.standard_normal((3, 3))
    slope = (f(w + step * move) - f(w - step * move)) / (2 * step)
    assert slope == pytest.approx(float(np.sum(np.conj(w_bar) * move).real), rel=1e-7)
