"""Which functions a derivative can be declared for, and functions without one."""

import math
import os
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

import numba
import numpy as np
import pytest
from numpy.testing import assert_allclose

from numbad import (
    adjoint,
    gradient,
    jvp,
    nograd,
    withgradient,
)
from numbad.errors import NoRule
from tests.api.declared_rules import X

ROOT = Path(__file__).resolve().parents[2]


# --- all kinds of functions -----------------------------------------------------------------------


class Model:
    def __init__(self, w):
        self.w = w

    def apply(self, x):
        return self.w * x

    def __call__(self, x):
        return self.apply(x)


@adjoint(Model.apply)
def model_rule(self, x):
    return self.w * x, lambda y_bar: (None, 50.0 * y_bar)


MODEL = Model(2.0)


def test_methods():
    assert gradient(lambda x: MODEL.apply(x), 1.0) == (50.0,)
    assert gradient(MODEL, 1.0) == (50.0,)
    assert gradient(MODEL.apply, 1.0) == (50.0,)
    assert gradient(lambda x: Model(3.0).apply(x), 1.0) == (50.0,)


def test_callable_objects():
    class Halved:
        def __call__(self, x):
            return x / 2.0

    adjoint(Halved.__call__)(lambda self, x: (x / 2.0, lambda y_bar: (None, 8.0 * y_bar)))
    halved = Halved()
    assert gradient(halved, 1.0) == (8.0,)
    assert gradient(lambda x: halved(x), 1.0) == (8.0,)


def test_overriding_functions_of_math_and_numpy():
    code = """
import math
import numpy as np
import numbad

numbad.adjoint(math.cos)(lambda x: (math.cos(x), lambda y_bar: 42.0 * y_bar))

@numbad.adjoint(np.cumsum)
def rule(x):
    return np.cumsum(x), lambda y_bar: 3.0 * y_bar

@numbad.adjoint(np.linalg.det)
def rule(a):
    return np.linalg.det(a), lambda y_bar: y_bar * np.ones_like(a)

def f(x):
    return math.cos(x)

def g(x):
    return np.sum(np.cumsum(x))

def h(a):
    return np.linalg.det(a)

assert numbad.gradient(f, 1.0) == (42.0,)
assert numbad.gradient(math.cos, 1.0) == (42.0,)
assert numbad.withgradient(f, 1.0).val == math.cos(1.0)
assert np.all(numbad.gradient(g, np.ones(3))[0] == 3.0)
assert np.all(numbad.gradient(h, np.eye(2))[0] == 1.0)
"""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "overrides.py"
        script.write_text(code)
        subprocess.run(
            [sys.executable, str(script)], check=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
        )


def test_a_function_that_cannot_be_compiled():
    def legacy(x):
        try:
            return math.exp(x)
        except OverflowError:
            return math.inf

    @adjoint(legacy)
    def rule(x):
        y = math.exp(x)
        return y, lambda y_bar: y_bar * y

    assert_allclose(gradient(lambda x: 2.0 * legacy(x), 1.0), (2.0 * math.e,))


# --- nograd ---------------------------------------------------------------------------------------


@nograd
def normaliser(x):
    return np.max(np.abs(x))


def test_nograd():
    found = gradient(lambda x: np.sum(x / normaliser(x)), X)[0]
    assert_allclose(found, np.full(3, 1.0 / 2.0))
    assert gradient(lambda x: normaliser(x), X) == (None,)


def test_nograd_in_forward_mode():
    assert_allclose(jvp(lambda x: np.sum(x / normaliser(x)), (X,), (np.ones(3),))[1], 1.5)


def test_nograd_of_a_jitted_function_of_arrays():
    @nograd
    @numba.njit
    def weights(x):
        w = np.exp(-x * x)
        return w / np.sum(w)

    w = np.exp(-X * X)
    w = w / w.sum()
    assert_allclose(gradient(lambda x: np.sum(weights(x) * x), X)[0], w)


def test_nograd_of_a_function_that_writes():
    @nograd
    def log(history, i, x):
        history[i] = x
        history[0] += x

    def f(x, history):
        total = 0.0
        for i in range(1, len(history)):
            total += x * i
            log(history, i, total)
        return total + history[1] + history[0]

    history = np.zeros(4)
    found = withgradient(f, 2.0, history)
    assert_allclose(history, [20.0, 2.0, 6.0, 12.0])
    assert_allclose(found.val, 12.0 + 2.0 + 20.0)
    assert_allclose(found.grad[0], 6.0)
    # What was in the array before does not count either.
    assert_allclose(found.grad[1], [0.0, 0.0, 0.0, 0.0])


def test_nograd_of_a_function_without_source():
    # Any function without Python source that Numba can compile.
    @numba.extending.overload(zlib.adler32)
    def checksum(x):
        return lambda x: 2.0 * np.sum(x)

    @numba.njit
    def f(x):
        return np.sum(x * zlib.adler32(x))

    with pytest.raises(NoRule, match="adler32"):
        gradient(f, X)
    nograd(zlib.adler32)
    assert_allclose(gradient(f, X)[0], np.full(3, 2.0 * X.sum()))
    assert_allclose(jvp(f, (X,), (np.ones(3),))[1], 6.0 * X.sum())
