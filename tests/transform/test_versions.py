"""Loops that broadcast along axes of unknown length: both versions are right."""

from __future__ import annotations

import numpy as np
import pytest

import numbad


def rows(a, b):
    return np.sum(np.tanh(a * b + a))


def accumulated(a, b):
    found = np.zeros(a.shape)
    for k in range(3):
        found += np.sin(b * (k + 1.0))
    return np.sum(found * found * a)


def repeated(a, b):
    total = 0.0
    for k in range(3):
        total += np.sum((a[k % a.shape[0]] - b) ** 2)
    return total


SHAPES = [((3, 4), (3, 4)), ((3, 4), (1, 4)), ((3, 4), (3, 1)), ((3, 4), (1, 1)), ((3, 1), (3, 1))]


@pytest.mark.parametrize("shapes", SHAPES)
@pytest.mark.parametrize("f", [rows, accumulated, repeated])
def test_gradients(f, shapes, rng: np.random.Generator) -> None:
    a, b = (rng.standard_normal(shape) for shape in shapes)
    numbad.check_grads(f, (a, b))


def test_stretched_first_operand(rng: np.random.Generator) -> None:
    a, b = rng.standard_normal((1, 4)), rng.standard_normal((3, 1))
    numbad.check_grads(rows, (a, b), order=2)


def test_mismatch(rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match="broadcast"):
        numbad.gradient(rows, np.ones((3, 4)), np.ones((3, 2)))
    with pytest.raises(ValueError, match="broadcast"):
        numbad.gradient(accumulated, np.ones((1, 4)), np.ones((3, 4)))


def test_the_plain_version_has_plain_indices() -> None:
    text = numbad.code_adjoint(rows, np.ones((3, 4)), np.ones((3, 4)))
    assert "else:" in text
    assert "a[i, j]" in text
    assert "0 if " in text


def test_arrays_updated_in_loops_need_no_copy() -> None:
    text = numbad.code_primal(accumulated, np.ones((3, 4)), np.ones((3, 4)))
    assert text.count("empty(") == 0


def test_updated_and_rebound(rng: np.random.Generator) -> None:
    def f(a, b):
        x = a.copy()
        for k in range(4):
            x += b * x
            if k == 2:
                x = x * b
        return np.sum(x)

    numbad.check_grads(f, (rng.standard_normal(3), rng.standard_normal(3)))


def test_update_of_an_alias(rng: np.random.Generator) -> None:
    def f(a):
        x = a.copy()
        y = x
        for _ in range(3):
            x += y[::-1]
            y *= 0.5
        return np.sum(x * x)

    a = rng.standard_normal(4)
    numbad.check_grads(f, (a,))
    assert numbad.withgradient(f, a).val == pytest.approx(f(a))
