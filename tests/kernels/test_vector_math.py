"""Vectorisable elementary functions: accuracy, special points, and that they are vectorised."""

from __future__ import annotations

import math
import operator
from typing import Any

import mpmath
import numpy as np
import pytest
from numba import njit
from numba.core.errors import TypingError

import numbad
from numbad import calls
from numbad.config import config
from numbad.emit.module import emit_module
from numbad.kernels import vector_math
from numbad.rules import registry
from tests.emit import hand

UNARY = sorted(
    {f.__name__ for f in vector_math.spellings().values()} - set(vector_math._TWO_ARGUMENTS)
)
available = pytest.mark.skipif(not vector_math.fingerprint(), reason="this machine has no libmvec")

POSITIVE = ("log", "log2", "log10")
UNIT = ("asin", "acos", "atanh")
REFERENCES = {
    "cbrt": lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)),
    "exp2": lambda x: mpmath.power(2, x),
    "log1p": lambda x: mpmath.log(1 + x),
    "log2": lambda x: mpmath.log(x) / mpmath.log(2),
}
SPECIAL = [
    *(0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, math.nan, 5e-324, -5e-324, 1e-310, 1e-300),
    *(1e-20, 1e-8, 0.5, 2.0, 88.0, -88.0, 104.0, 709.78, 710.0, -745.0, -746.0, 1023.9, 1024.0),
    *(-1075.0, 1e5, -1e5, 1e10, 1e22, 1e300, -1e300, math.pi, math.pi / 2, 1 - 2**-53, 1 + 2**-52),
]


def sample(name: str, dtype: type, rng: np.random.Generator) -> np.ndarray:
    if name in POSITIVE:
        x = np.exp(rng.uniform(-30, 30, 403))
    elif name in UNIT:
        x = rng.uniform(-0.99, 0.99, 403)
    elif name == "acosh":
        x = 1 + np.exp(rng.uniform(-5, 5, 403))
    elif name == "log1p":
        x = rng.uniform(-0.9, 20, 403)
    elif name in ("sin", "cos", "tan"):
        x = rng.uniform(-1, 1, 403) * 10 ** rng.uniform(0, 15, 403)
    else:
        x = rng.uniform(-8, 8, 403)
    return x.astype(dtype)


def looped(function: Any) -> Any:
    @njit
    def apply(x, y):
        for i in range(x.shape[0]):
            y[i] = function(x[i])

    return apply


def assembly(compiled: Any) -> str:
    [text] = compiled.inspect_asm().values()
    return str(text)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", UNARY)
def test_accuracy(name: str, dtype: type, rng: np.random.Generator) -> None:
    apply = looped(getattr(vector_math, name))
    x = sample(name, dtype, rng)
    y = np.empty_like(x)
    apply(x, y)
    if vector_math.fingerprint():
        assert "_ZGV" in assembly(apply)
    reference = REFERENCES.get(name) or getattr(mpmath, name)
    with mpmath.workdps(30):
        for given, found in zip(x, y, strict=True):
            exact = reference(mpmath.mpf(float(given)))
            unit = np.spacing(max(dtype(abs(exact)), np.finfo(dtype).tiny))
            assert abs(mpmath.mpf(float(found)) - exact) <= 4 * mpmath.mpf(float(unit)), given


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", UNARY)
def test_special_points(name: str, dtype: type) -> None:
    with np.errstate(all="ignore"):
        x = np.array(SPECIAL).astype(dtype)
    y = np.empty_like(x)
    looped(getattr(vector_math, name))(x, y)
    wanted = np.empty_like(x)
    looped(next(p for p, f in vector_math.spellings().items() if f.__name__ == name))(x, wanted)
    np.testing.assert_array_equal(np.isnan(y), np.isnan(wanted))
    kept = ~np.isnan(wanted)
    np.testing.assert_array_equal(np.signbit(y[kept]), np.signbit(wanted[kept]))
    np.testing.assert_array_equal(np.isinf(y), np.isinf(wanted))
    np.testing.assert_array_equal(y == 0, wanted == 0)
    finite = np.isfinite(wanted)
    gaps = np.abs(y[finite] - wanted[finite]) / np.spacing(np.abs(wanted[finite]))
    assert np.max(gaps, initial=0) <= 4


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", vector_math._TWO_ARGUMENTS)
def test_two_arguments(name: str, dtype: type, rng: np.random.Generator) -> None:
    function = getattr(vector_math, name)

    @njit
    def apply(a, b, y):
        for i in range(a.shape[0]):
            y[i] = function(a[i], b[i])

    with np.errstate(all="ignore"):
        a, b = (each.ravel() for each in np.meshgrid(SPECIAL, [*SPECIAL, 3.0, -3.0, 2.5]))
        a = np.concatenate((a, rng.uniform(0, 9, 200))).astype(dtype)
        b = np.concatenate((b, rng.uniform(-5, 5, 200))).astype(dtype)
        y = np.empty_like(a)
        apply(a, b, y)
        wide = function(a.astype(np.longdouble), b.astype(np.longdouble))
        wanted = wide.astype(dtype)
    if vector_math.fingerprint():
        assert "_ZGV" in assembly(apply)
    np.testing.assert_array_equal(np.isnan(y), np.isnan(wanted))
    finite = np.isfinite(wanted)
    np.testing.assert_array_equal(y[~finite], wanted[~finite])
    gaps = np.abs(y[finite] - wide[finite]) / np.spacing(np.abs(wanted[finite]))
    assert np.max(gaps) <= 2


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
    assert "_ZGV" in assembly(apply)


@available
def test_beside_the_functions_of_numba() -> None:
    exp = vector_math.exp

    @njit
    def apply(x, y):
        for i in range(x.shape[0]):
            y[i] = math.exp(x[i]) + math.expm1(x[i])
        for i in range(x.shape[0]):
            y[i] += exp(-x[i]) + vector_math.expm1(x[i])

    x, y = np.linspace(-3, 3, 100), np.empty(100)
    apply(x, y)
    wanted = np.exp(x) + np.exp(-x) + 2 * np.expm1(x)
    np.testing.assert_allclose(y, wanted, rtol=1e-14)
    assert "_ZGV" in assembly(apply)


def test_sums_keep_their_order() -> None:
    exp = vector_math.exp

    @njit
    def apply(x):
        total = 0.0
        for i in range(x.shape[0]):
            total += exp(x[i])
        return total

    large = np.log([1e16, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    total = 0.0
    for value in np.exp(large):
        total += value
    assert abs(apply(large) - total) <= 4
    if vector_math.fingerprint():
        assert "_ZGV" in assembly(apply)


def test_arguments() -> None:
    exp, hypot = vector_math.exp, vector_math.hypot

    @njit
    def apply(n, x, narrow):
        return exp(n), hypot(n, x), exp(narrow), hypot(narrow, x)

    found = apply(2, 1.5, np.float32(0.5))
    wanted = math.exp(2), math.hypot(2, 1.5), np.exp(np.float32(0.5)), math.hypot(0.5, 1.5)
    np.testing.assert_allclose(found, wanted, rtol=1e-7)
    with pytest.raises(TypingError):
        apply(1j, 1.0, np.float32(1.0))


@available
def test_substitution() -> None:
    assert vector_math.vectorised(math.sin) is vector_math.vectorised(np.sin)
    assert vector_math.vectorised(operator.pow) is vector_math.power
    assert vector_math.vectorised(math.floor) is None
    assert vector_math.vectorised([]) is None
    text = emit_module(hand.sum_of_sines(), "test", vector_math=True).text
    assert "from numbad.kernels.vector_math import sin\n" in text
    assert "s += sin(x[i]) / 2.0" in text
    assert "math.sin(x[i]) / 2.0" in emit_module(hand.sum_of_sines(), "test").text


@available
def test_setting() -> None:
    def f(x):
        total = 0.0
        for i in range(x.size):
            total += math.exp(x[i]) * x[i] ** 1.5 + math.atan2(x[i], 2.0) + x[i] ** 2
        return total

    x = np.linspace(0.1, 3, 100)
    on = calls.compiled(f, (x,), {}, "gradient", (0,))
    (x_bar,) = numbad.gradient(f, x)
    with config.override(vector_math=False):
        off = calls.compiled(f, (x,), {}, "gradient", (0,))
        (plain,) = numbad.gradient(f, x)
    assert on is not off
    assert on.emitted.digest != off.emitted.digest
    assert "kernels.vector_math" in on.emitted.text
    assert "kernels.vector_math" not in off.emitted.text
    assert "power(" in on.emitted.text
    assert "power(" not in off.emitted.text
    assert "_ZGV" in assembly(on.entry)
    assert "_ZGV" not in assembly(off.entry)
    np.testing.assert_allclose(x_bar, plain, rtol=1e-14)


def test_own_functions_are_differentiated() -> None:
    def f(x, p):
        total = 0.0
        for i in range(x.size):
            total += vector_math.power(x[i], p) * vector_math.erf(x[i])
        return total

    x = np.linspace(0.1, 3, 10)
    x_bar, p_bar = numbad.gradient(f, x, 1.5)
    slope = 2 / math.sqrt(math.pi) * np.exp(-(x**2))
    errors = np.array([math.erf(each) for each in x])
    np.testing.assert_allclose(x_bar, 1.5 * x**0.5 * errors + x**1.5 * slope, rtol=1e-13)
    np.testing.assert_allclose(p_bar, np.sum(x**1.5 * np.log(x) * errors), rtol=1e-13)


def test_rules_of_all_functions() -> None:
    for plain, function in vector_math.spellings().items():
        assert registry.lookup(function) is registry.lookup(plain)


@available
def test_branches_are_those_of_the_forward_sweep() -> None:
    def f(x, n):
        for _ in range(n):
            y = math.exp(x)
            x = x * 0.5 + y * y if y > 1.5 else x * x + 0.75
        return x

    text = numbad.code_adjoint(f, 0.3, 5)
    assert "np.bool_" in text


@available
def test_plain_python() -> None:
    assert vector_math.sin(0.5) == np.sin(0.5)
    assert vector_math.power(2.0, 0.5) == 2**0.5


def test_without_vector_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vector_math, "_variants", {})
    assert vector_math.fingerprint() == ""
    assert vector_math.vectorised(math.exp) is None
    apply = looped(vector_math.exp)
    x, y = np.linspace(-3, 3, 100), np.empty(100)
    apply(x, y)
    np.testing.assert_allclose(y, np.exp(x), rtol=1e-15)
    assert "_ZGV" not in assembly(apply)
