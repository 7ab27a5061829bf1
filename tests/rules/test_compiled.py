"""A sample of bodies compiled by Numba: same values, float32 within its precision, no failures."""

from __future__ import annotations

import inspect
import math
import operator
import random
import types
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import pytest
from numba.extending import register_jitable

from numbad.kernels.factors import (
    eigh_packed,
    pseudo_inverse,
    qr_packed,
    slogdet_packed,
    svd_packed,
)
from numbad.rules import matrix_parts, registry
from numbad.rules.forms import PairRule, ScalarRule
from tests.rules import checks

for helper in list(vars(matrix_parts).values()):
    if inspect.isfunction(helper):
        register_jitable(helper)

SCALAR = [
    operator.truediv,
    operator.mod,
    operator.pow,
    math.sqrt,
    math.hypot,
    math.asin,
    math.lgamma,
    math.atan2,
    np.sinc,
    np.logaddexp,
    abs,
    max,
    np.fmin,
    math.copysign,
]
COMPLEX = [operator.pow, math.asin, math.tanh, np.reciprocal]
ARRAY = [
    np.linalg.cholesky,
    np.linalg.det,
    np.linalg.solve,
    np.dot,
    eigh_packed,
    pseudo_inverse,
    qr_packed,
    slogdet_packed,
    svd_packed,
]


def compiled(body: Callable[..., Any]) -> Any:
    """Compile a body, with ``y`` as its last positional parameter."""
    code = body.__code__
    plain = code.replace(co_argcount=code.co_argcount + code.co_kwonlyargcount, co_kwonlyargcount=0)
    return numba.njit(types.FunctionType(plain, body.__globals__, body.__name__))


@pytest.mark.parametrize("function", SCALAR, ids=lambda f: f.__name__)
def test_scalar_bodies(function: Any) -> None:
    rule = registry.lookup(function)
    assert isinstance(rule, ScalarRule)
    body = compiled(rule.body)
    args = checks.sample_real(rule, random.Random(4))
    for kind, tolerance in ((np.float64, 1e-14), (np.float32, 1e-5)):
        values = [kind(each) for each in args]
        y = kind(function(*values))
        wanted = checks.run_body(rule, args, float(function(*args)))
        got = body(*values, *([y] if rule.takes_result else []))
        got = got if isinstance(got, tuple) else (got,)
        for one, other in zip(got, wanted, strict=True):
            assert (one is None) == (other is None)
            assert one is None or one == pytest.approx(other, rel=tolerance, abs=tolerance)


@pytest.mark.parametrize("function", COMPLEX, ids=lambda f: f.__name__)
def test_complex_bodies(function: Any) -> None:
    rule = registry.lookup(function, is_complex=True)
    assert isinstance(rule, ScalarRule)
    args = checks.sample_complex(rule, random.Random(4))
    y = 0.4 - 0.3j
    got = compiled(rule.body)(*args, *([y] if rule.takes_result else []))
    assert got == pytest.approx(rule.body(*args, **({"y": y} if rule.takes_result else {})))


@pytest.mark.parametrize("mode", ["jvp", "vjp"])
@pytest.mark.parametrize("function", ARRAY, ids=lambda f: f.__name__)
def test_array_bodies(function: Any, mode: str) -> None:
    rule = registry.lookup(function)
    assert isinstance(rule, PairRule)
    assert rule.samples is not None
    generator = np.random.default_rng(5)
    args = rule.samples(generator)[1]
    y = function(*args)
    if mode == "jvp":
        given = (*args, *(checks.random_like(each, generator) for each in args))
    else:
        given = (checks.random_like(y, generator), *args)
    body = getattr(rule, mode)
    takes_result = "y" in inspect.signature(body).parameters
    got = compiled(body)(*given, *([y] if takes_result else []))
    wanted = checks.run_mode(body, given, y)
    if rule.n_args == 1:
        got, wanted = (got,), (wanted,)
    for one, other in zip(got, wanted, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-13)


@numba.njit
def pack_compiled(a, full):
    return svd_packed(a, full)


def test_packed_factors() -> None:
    a = np.random.default_rng(1).standard_normal((4, 3))
    for full in (0, 1):
        u, s, vt = np.linalg.svd(a, bool(full))
        packed = pack_compiled(a, full)
        np.testing.assert_allclose(packed, np.concatenate((u.ravel(), s, vt.ravel())), atol=1e-13)
        np.testing.assert_allclose(packed, svd_packed(a, full), atol=1e-13)
