"""Division by IEEE rules, compiled and interpreted."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numba import njit

from numbad.kernels.arithmetic import divide


@njit
def compiled(a, b):
    return divide(a, b)


@pytest.mark.parametrize("function", [compiled, divide])
def test_never_raises(function) -> None:
    assert function(1.0, 0.0) == math.inf
    assert function(-1.0, 0.0) == -math.inf
    assert math.isnan(function(0.0, 0.0))
    assert function(1, 4) == 0.25


def test_result_types() -> None:
    assert compiled(np.float32(1), np.float32(3)) == np.float32(1) / np.float32(3)
    types = {
        (np.float32, np.float32): "float32",
        (np.float32, np.float64): "float64",
        (np.float32, np.int64): "float64",
        (np.complex64, np.float32): "complex64",
        (np.float64, np.complex64): "complex128",
    }
    for (left, right), expected in types.items():
        compiled(left(1), right(2))
        signature = compiled.nopython_signatures[-1]
        assert str(signature.return_type) == expected


def test_complex(rng: np.random.Generator) -> None:
    scales = 10.0 ** np.arange(-150, 151, 25)
    for scale in scales:
        for _ in range(20):
            a, b = rng.normal(size=4).view(complex) * scale
            assert abs(compiled(a, b) - a / b) <= 1e-15 * abs(a / b) * 4
    assert compiled(1e300 + 1e300j, 1e300 + 1e300j) == 1.0
    assert not math.isfinite(abs(compiled(1j, 0j)))
    assert compiled(1 + 2j, 2.0) == 0.5 + 1j
