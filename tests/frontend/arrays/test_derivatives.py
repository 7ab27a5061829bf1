"""Both modes of everything in this folder's tables, against central differences.

One random direction of the arguments and one of the result: the three numbers ⟨ȳ, J ẋ⟩ agree.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import numbad
from tests.frontend.arrays import samples as s
from tests.frontend.arrays import test_elementwise as elementwise
from tests.frontend.arrays import test_functions as functions
from tests.frontend.arrays import test_reductions as reductions
from tests.frontend.arrays import test_subscripts as subscripts
from tests.frontend.arrays.harness import clone
from tests.interpreter import interpreted

MATRIX = s.A + 0.01 * np.arange(12).reshape(3, 4)
NON_NEGATIVE = np.abs(s.ROW)

TABLES = {
    "unary": (elementwise.UNARY, (s.V,)),
    "unary strided": (elementwise.UNARY, (s.STRIDED,)),
    "binary": (elementwise.BINARY, (s.V, s.W)),
    "binary stretched": (elementwise.BINARY, (s.A, NON_NEGATIVE)),
    "binary of one": (elementwise.BINARY, (s.ONE, s.W)),
    "reductions": (reductions.REDUCTIONS, (s.V,)),
    "along axes": (reductions.ALONG_AXES, (MATRIX,)),
    "along axes, Fortran": (reductions.ALONG_AXES, (s.F_ORDER,)),
    "cubes": (reductions.CUBES, (s.CUBE,)),
    "products": (reductions.PRODUCTS, (s.A, s.V[:4])),
    "products, strided": (reductions.PRODUCTS, (s.STRIDED, s.V[:4])),
    "linear algebra": (reductions.LINEAR_ALGEBRA, (s.SQUARE, s.V[:4])),
    "axis at run time": (reductions.RUN_TIME_AXES, (s.A, 1)),
    "read vector": (subscripts.VECTOR_READS, (s.V,)),
    "read matrix": (subscripts.MATRIX_READS, (s.A,)),
    "read cube": (subscripts.CUBE_READS, (s.CUBE,)),
    "write": (subscripts.WRITES, (s.V,)),
    "arrays like": (functions.LIKE, (s.V,)),
    "matrices": (functions.MATRICES[:-1], (s.A,)),
    "series": (functions.SERIES, (s.V,)),
    "parts": (functions.PARTS, (s.A,)),
}
CASES = [
    pytest.param(fn, args, id=f"{name} {number}")
    for name, (table, args) in TABLES.items()
    for number, fn in enumerate(table)
]


def leaves_of(value: Any) -> list[np.ndarray]:
    """Floating-point numbers and arrays in a result."""
    if isinstance(value, tuple | list):
        return [leaf for item in value for leaf in leaves_of(item)]
    array = np.asarray(value)
    return [array.astype(float)] if array.dtype.kind == "f" else []


def moved(args: tuple[Any, ...], direction: list[Any], step: float) -> list[Any]:
    """The arguments some way along a direction, in memory laid out as before."""
    result = []
    for arg, way in zip(args, direction, strict=True):
        own = clone(arg)
        if way is not None:
            own[...] += step * way
        result.append(own)
    return result


@pytest.mark.parametrize(("fn", "args"), CASES)
def test_both_modes(fn: Callable[..., Any], args: tuple[Any, ...]) -> None:
    rng = np.random.default_rng(5)
    direction = [
        rng.normal(size=arg.shape)
        if isinstance(arg, np.ndarray) and arg.dtype.kind == "f"
        else None
        for arg in args
    ]
    value = fn(*moved(args, direction, 0.0))
    if isinstance(value, tuple | list) or not leaves_of(value):
        pytest.skip("the result is not one array of real numbers")
    seed = rng.normal(size=np.shape(value))
    step = 1e-6
    ends = [fn(*moved(args, direction, sign * step)) for sign in (1, -1)]
    expected = float(np.sum(seed * (ends[0] - ends[1])) / (2 * step))
    with interpreted():
        y, back = numbad.pullback(fn, *moved(args, direction, 0.0))
        bars = back(seed if np.ndim(y) else float(seed))
        y_dot = numbad.pushforward(fn, *moved(args, direction, 0.0))(*direction)
    np.testing.assert_allclose(y, value, rtol=1e-10, atol=1e-12)
    backward = sum(
        float(np.sum(bar * way))
        for bar, way in zip(bars, direction, strict=True)
        if way is not None and bar is not None
    )
    forward = 0.0 if y_dot is None else float(np.sum(seed * y_dot))
    assert backward == pytest.approx(expected, rel=1e-5, abs=1e-6)
    assert forward == pytest.approx(expected, rel=1e-5, abs=1e-6)
