"""Products into work memory and added in place: shapes, orders, types, empty operands."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from numbad.kernels.products import add_product, product


@njit
def add(out, a, b):
    add_product(out, a, b)


@njit
def multiply(a, b):
    return product(a, b)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("columns", [None, 0, 1, 5])
@pytest.mark.parametrize("shape", [(3, 4), (1, 1), (3, 0), (0, 4)])
@pytest.mark.parametrize("orders", ["CC", "CF", "FC", "FF"])
def test_sums(
    orders: str,
    shape: tuple[int, int],
    columns: int | None,
    dtype: type,
    rng: np.random.Generator,
) -> None:
    a = np.asarray(rng.standard_normal(shape), dtype, order=orders[0])  # type: ignore[call-overload]
    right = (shape[1],) if columns is None else (shape[1], columns)
    b = np.asarray(rng.standard_normal(right), dtype, order=orders[1])  # type: ignore[call-overload]
    out = rng.standard_normal((shape[0], *right[1:])).astype(dtype)
    wanted = out + a @ b
    tolerance = 20 * np.finfo(dtype).eps
    if columns is not None:
        np.testing.assert_allclose(multiply(a, b), a @ b, rtol=tolerance, atol=tolerance)
    add(out, a, b)
    np.testing.assert_allclose(out, wanted, rtol=tolerance, atol=tolerance)


def test_as_python() -> None:
    out = np.ones((2, 2))
    add_product(out, np.eye(2), np.eye(2))
    np.testing.assert_array_equal(out, 1 + np.eye(2))
    np.testing.assert_array_equal(product(np.eye(2), np.eye(2)), np.eye(2))
