"""Vectorisable elementary functions: values, special points, and that they are vectorised."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numba import njit

from numbad.emit.module import emit_module
from numbad.kernels import vector_math
from tests.emit import hand

FUNCTIONS = sorted({f.__name__ for f in vector_math._by_function.values()})
available = pytest.mark.skipif(not FUNCTIONS, reason="this machine has no libmvec")

POSITIVE = ("log", "log2", "log10")
UNIT = ("asin", "acos", "atanh")


def sample(name: str, dtype: type, rng: np.random.Generator) -> np.ndarray:
    if name in POSITIVE:
        x = np.exp(rng.uniform(-8, 8, 1003))
    elif name in UNIT:
        x = rng.uniform(-0.99, 0.99, 1003)
    elif name == "acosh":
        x = 1 + np.exp(rng.uniform(-5, 5, 1003))
    elif name == "log1p":
        x = rng.uniform(-0.9, 20, 1003)
    else:
        x = rng.uniform(-8, 8, 1003)
    return x.astype(dtype)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_values(name: str, dtype: type, rng: np.random.Generator) -> None:
    function = getattr(vector_math, name)

    @njit
    def apply(x, y):
        for i in range(x.shape[0]):
            y[i] = function(x[i])

    x = sample(name, dtype, rng)
    y = np.empty_like(x)
    apply(x, y)
    wide = x.astype(np.longdouble)
    numpy_function = getattr(np, vector_math._NUMPY_NAMES.get(name, name), None)
    if numpy_function is None:
        expected = np.array([math.erf(v) for v in x.astype(float)])
    else:
        expected = numpy_function(wide)
    # Where a result is near a zero of the function, the last place is that of the argument.
    unit = np.spacing(np.maximum(np.abs(expected.astype(dtype)), np.finfo(dtype).eps))
    assert np.max(np.abs(y - expected) / unit) <= 4.5
    [assembly] = apply.inspect_asm().values()
    assert "_ZGV" in assembly


@available
def test_special_points() -> None:
    exp, log = vector_math.exp, vector_math.log

    @njit
    def apply(x):
        return np.array([exp(v) for v in x]), np.array([log(v) for v in x])

    x = np.array([0.0, 1.0, math.inf, -math.inf, math.nan, -1.0, 1e300, 1e-310])
    exps, logs = apply(x)
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(exps, np.exp(x), rtol=1e-15)
        np.testing.assert_allclose(logs, np.log(x), rtol=1e-15)


@available
def test_several_functions_in_one_loop() -> None:
    exp, sin, tanh = vector_math.exp, vector_math.sin, vector_math.tanh

    @njit
    def apply(x, y):
        for i in range(x.shape[0]):
            y[i] = exp(sin(x[i])) + tanh(x[i])

    x, y = np.linspace(-3, 3, 100), np.empty(100)
    apply(x, y)
    np.testing.assert_allclose(y, np.exp(np.sin(x)) + np.tanh(x), rtol=1e-14)


@available
def test_substitution() -> None:
    assert vector_math.vectorised(math.sin) is vector_math.vectorised(np.sin)
    assert vector_math.vectorised(math.floor) is None
    text = emit_module(hand.sum_of_sines(), "test", vector_math=True).text
    assert "from numbad.kernels.vector_math import sin\n" in text
    assert "s += sin(x[i]) / 2.0" in text
    assert "math.sin(x[i]) / 2.0" in emit_module(hand.sum_of_sines(), "test").text


@available
def test_plain_python() -> None:
    assert vector_math.sin(0.5) == np.sin(0.5)
    assert vector_math.fingerprint()


def test_without_vector_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vector_math, "_variants", {})
    function = vector_math._define("exp")

    @njit
    def apply(x, y):
        for i in range(x.shape[0]):
            y[i] = function(x[i])

    x, y = np.linspace(-3, 3, 100), np.empty(100)
    apply(x, y)
    np.testing.assert_allclose(y, np.exp(x), rtol=1e-15)
    [assembly] = apply.inspect_asm().values()
    assert "_ZGV" not in assembly
