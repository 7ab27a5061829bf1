"""Array expressions: operators, ufuncs, broadcasting, fusion."""

from __future__ import annotations

import numpy as np
import pytest

from tests.frontend.arrays import samples as s
from tests.frontend.arrays.harness import check, loops_of, run

BINARY = [
    lambda a, b: a + b,
    lambda a, b: a - b * 2,
    lambda a, b: a * b + np.exp(b),
    lambda a, b: a / b,
    lambda a, b: (a - b) ** 2,
    lambda a, b: a // b,
    lambda a, b: a % b,
    lambda a, b: np.maximum(a, b) - np.minimum(a, b),
    lambda a, b: np.arctan2(a, b),
    lambda a, b: np.hypot(a, b),
    lambda a, b: np.where(a > b, a, b * 2),
    lambda a, b: (a < b) | (a > 1.0),
    lambda a, b: np.logical_and(a > 0, b > 0),
    lambda a, b: np.copysign(a, b),
    lambda a, b: np.clip(a, -0.5, b),
]

PAIRS = {
    "vectors": (s.V, s.W),
    "length one": (s.ONE, s.W),
    "other length one": (s.V, np.array([1.25])),
    "matrix and vector": (s.A, np.arange(1.0, 5.0)),
    "row": (s.A, np.abs(s.ROW)),
    "column": (s.COLUMN, s.B),
    "row and column": (s.ROW, np.abs(s.COLUMN)),
    "Fortran order": (s.F_ORDER, s.B),
    "both Fortran": (s.F_ORDER, np.asfortranarray(s.B)),
    "strided": (s.STRIDED, s.B),
    "cube": (s.CUBE, s.B),
    "scalar": (s.A, 1.5),
    "scalar first": (1.5, s.B),
    "no elements": (s.EMPTY, s.EMPTY),
    "no elements and one": (s.EMPTY, np.array([2.0])),
    "zero axes": (s.ZERO_D, s.W),
    "only zero axes": (s.ZERO_D, np.array(2.5)),
    "integers": (s.V, s.INTS),
    "single": (s.SINGLE, s.W.astype(np.float32)),
}


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS.keys())
@pytest.mark.parametrize("fn", BINARY, ids=range(len(BINARY)))
def test_binary(fn, pair):
    rtol = 2e-6 if any(getattr(x, "dtype", None) == np.float32 for x in pair) else 1e-12
    check(fn, *pair, rtol=rtol)


UNARY = [
    lambda a: -a,
    lambda a: +a,
    lambda a: abs(a),
    lambda a: np.abs(a) + np.sign(a),
    lambda a: np.sin(a) * np.cos(a),
    lambda a: np.tanh(a) + np.sqrt(np.abs(a)),
    lambda a: np.floor(a) + np.ceil(a) + np.trunc(a) + np.rint(a),
    lambda a: a**3 + a**2 - a**1 + a**0,
    lambda a: 2.0**a,
    lambda a: np.square(a) + np.reciprocal(a + 10.0),
    lambda a: np.isnan(a),
    lambda a: np.isfinite(a) & ~np.isinf(a),
    lambda a: np.logaddexp(a, 0.0),
    lambda a: np.where(a > 0, a, 0),
    lambda a: np.where(a > 0, 1, 0),
    lambda a: np.clip(a, 0, None),
    lambda a: np.round(a, 1),
    lambda a: a.round(),
    lambda a: np.nan_to_num(a),
    lambda a: np.degrees(a) + np.radians(a) + np.deg2rad(a),
    lambda a: np.power(np.abs(a), 1.5),
    lambda a: np.expm1(a) + np.log1p(np.abs(a)),
    lambda a: np.sinc(a),
    lambda a: a.astype(np.int64),
    lambda a: a.clip(-1.0, 1.0),
    lambda a: np.heaviside(a, 0.5),
    lambda a: 1 / (1 + np.exp(-a)),
]
ARRAYS = {
    "vector": s.V,
    "matrix": s.A,
    "Fortran": s.F_ORDER,
    "strided": s.STRIDED,
    "cube": s.CUBE,
    "empty": s.EMPTY,
    "zero axes": s.ZERO_D,
}


@pytest.mark.parametrize("array", ARRAYS.values(), ids=ARRAYS.keys())
@pytest.mark.parametrize("fn", UNARY, ids=range(len(UNARY)))
def test_unary(fn, array):
    check(fn, array)


COMPLEX_FUNCTIONS = [
    lambda z: z * z + 1j,
    lambda z: np.exp(z) / z,
    lambda z: z.real + z.imag,
    lambda z: np.real(z) * np.imag(z),
    lambda z: np.conj(z) * z,
    lambda z: z.conj() - z.conjugate(),
    lambda z: np.abs(z),
    lambda z: abs(z) ** 2,
    lambda z: np.angle(z),
    lambda z: np.sum(z * np.conj(z)),
    lambda z: np.sqrt(z) + np.log(z),
    lambda z: np.where(z.real > 0, z, 0),
    lambda z: z**2,
    lambda z: z == np.conj(z),
]


@pytest.mark.parametrize("fn", COMPLEX_FUNCTIONS, ids=range(len(COMPLEX_FUNCTIONS)))
@pytest.mark.parametrize("array", [s.COMPLEX, s.COMPLEX_MATRIX], ids=["vector", "matrix"])
def test_complex(fn, array):
    check(fn, array)


INTEGER_FUNCTIONS = [
    lambda n: n + n,
    lambda n: n * 2 - 1,
    lambda n: n / 2,
    lambda n: n // 2,
    lambda n: n % 3,
    lambda n: n**2,
    lambda n: np.sqrt(n + 10),
    lambda n: n & 1,
    lambda n: (n << 1) ^ 3,
    lambda n: -n,
    lambda n: abs(n),
    lambda n: n == 1,
    lambda n: n * 1.5,
]


@pytest.mark.parametrize("fn", INTEGER_FUNCTIONS, ids=range(len(INTEGER_FUNCTIONS)))
def test_integers(fn):
    check(fn, s.INTS)
    check(fn, s.INT_MATRIX)


def test_truth_values():
    check(lambda m: ~m, s.MASK)
    check(lambda m: m + m, s.MASK)
    check(lambda m: m * m, s.MASK)
    check(lambda m: m & ~m | m, s.MASK)
    check(lambda m: m * 2.5, s.MASK)


@pytest.mark.parametrize(
    "pair", [(np.ones(3), np.ones(4)), (np.ones((2, 3)), np.ones(2))], ids=["vectors", "matrix"]
)
def test_shapes_that_do_not_fit_raise(pair):
    with pytest.raises(ValueError, match="could not be broadcast"):
        run(lambda a, b: a * b + 1, *pair)


def test_an_expression_is_one_loop():
    assert loops_of(lambda a, b: a * b + np.exp(a) / (1 + b * b), s.V, s.W) == 1
    assert loops_of(lambda a: np.sum((a - 1.0) ** 2), s.V) == 1
    assert loops_of(lambda a, b: np.where(a > b, np.sin(a), np.cos(b)).sum(), s.V, s.W) == 1


def test_dear_operands_are_not_evaluated_repeatedly():
    def f(x, a):
        return np.exp(x) * a

    assert loops_of(f, s.V[:4], s.A) == 2
    check(f, s.V[:4], s.A)


def test_a_callee_that_writes_comes_after_what_was_read():
    def scale(x):
        x[0] = 100.0
        return x[1]

    def f(x):
        return (x * 2.0) + scale(x)

    check(f, s.V.copy())


def test_expressions_that_wait_while_a_loop_calls_a_function():
    check(lambda a: a[:, 0] * 2 + np.median(a, axis=1) * a[:, 1], s.A)
    check(lambda a: a * 2 + np.sort(a, axis=0) * np.interp(a, a[0] * 0 + np.arange(4), a[1]), s.A)


def test_functions_of_numbers():
    def clipped(x, top):
        return x if x < top else top

    def f(a, b):
        g = np.vectorize(clipped)
        return g(a, 0.5) + np.vectorize(lambda x, y: x * y)(a, b)

    check(f, s.A, s.B)


def test_out_argument():
    def f(a, out):
        np.multiply(a, a, out)
        np.add(out, a, out=out)
        return np.exp(a, out)

    check(f, s.V.copy(), np.zeros(5))


def test_sequences_mix_with_arrays():
    check(lambda a: a * [1.0, 2.0, 3.0, 4.0, 5.0], s.V)
    check(lambda a: np.maximum(a, (0.0, 0.1, 0.2, 0.3, 0.4)), s.V)


def test_expression_in_branches():
    def f(a, n):
        b = a * 2 if n > 1 else np.exp(a)
        c = a + (a * 3 if n > 2 else a - 1)
        return b + c

    check(f, s.V, 1)
    check(f, s.V, 3)
