"""Reductions along all axes and some, statistics, products."""

from __future__ import annotations

import numpy as np
import pytest

from tests.frontend.arrays import samples as s
from tests.frontend.arrays.harness import check, run

REDUCTIONS = [
    lambda a: np.sum(a),
    lambda a: a.sum() + np.mean(a) + a.mean(),
    lambda a: np.prod(a),
    lambda a: np.max(a) - np.min(a),
    lambda a: a.max() + a.min(),
    lambda a: np.argmax(a) + 10 * np.argmin(a),
    lambda a: np.var(a) + np.std(a) + a.std(),
    lambda a: np.std(a, ddof=1),
    lambda a: np.ptp(a),
    lambda a: np.all(a > -10) and np.any(a > 0),
    lambda a: (a > 0).any(),
    lambda a: np.count_nonzero(a > 0),
    lambda a: np.linalg.norm(a),
    lambda a: np.median(a),
    lambda a: np.percentile(a, 30.0) + np.quantile(a, 0.8),
    lambda a: np.nansum(a) + np.nanmean(a) + np.nanmax(a) + np.nanmin(a) + np.nanstd(a),
    lambda a: np.average(a),
    lambda a: np.sum(np.sort(a)) + np.sort(a)[0],
]
ARRAYS = {
    "vector": s.V,
    "strided vector": s.STRIDED_VECTOR,
    "one": s.ONE,
}
MATRICES = {"matrix": s.A, "Fortran": s.F_ORDER, "strided": s.STRIDED}


@pytest.mark.parametrize("array", ARRAYS.values(), ids=ARRAYS.keys())
@pytest.mark.parametrize("fn", REDUCTIONS, ids=range(len(REDUCTIONS)))
def test_vectors(fn, array):
    if array.size == 1 and fn is REDUCTIONS[7]:
        pytest.skip("no spread of one element")
    check(fn, array)


@pytest.mark.parametrize("array", MATRICES.values(), ids=MATRICES.keys())
@pytest.mark.parametrize("fn", REDUCTIONS[:-1], ids=range(len(REDUCTIONS) - 1))
def test_matrices(fn, array):
    check(fn, array)


ALONG_AXES = [
    lambda a: np.sum(a, axis=0),
    lambda a: a.sum(axis=1),
    lambda a: a.sum(-1),
    lambda a: np.sum(a * a, axis=1, keepdims=True),
    lambda a: np.mean(a, axis=0) + a.mean(0),
    lambda a: np.mean(a, keepdims=True),
    lambda a: a - a.mean(axis=1, keepdims=True),
    lambda a: np.prod(a, axis=1),
    lambda a: np.max(a, axis=0) - np.min(a, axis=0),
    lambda a: np.argmax(a, axis=1),
    lambda a: np.argmin(a, axis=0),
    lambda a: np.var(a, axis=0) + np.std(a, axis=0),
    lambda a: np.var(a, axis=1, keepdims=True),
    lambda a: np.any(a > 0, axis=0),
    lambda a: np.all(a > -0.5, axis=1),
    lambda a: np.linalg.norm(a, axis=1),
    lambda a: np.linalg.norm(a, axis=0, ord=1),
    lambda a: np.median(a, axis=1),
    lambda a: np.median(a, axis=0),
    lambda a: np.percentile(a, 40, axis=0),
    lambda a: np.sort(a, axis=0) + np.sort(a),
    lambda a: np.argsort(a, axis=1),
    lambda a: np.cumsum(a, axis=0),
    lambda a: a.cumsum(axis=1),
    lambda a: np.cumsum(a),
    lambda a: np.cumprod(a, axis=1),
    lambda a: np.diff(a),
    lambda a: np.diff(a, axis=0),
    lambda a: np.diff(a, 2, axis=1),
    lambda a: np.ptp(a, axis=0),
    lambda a: np.sum(a, axis=(0, 1)),
    lambda a: np.nansum(a, axis=0) + np.nanmean(a, axis=0),
    lambda a: np.count_nonzero(a > 0, axis=1),
    lambda a: np.average(a, axis=0),
    lambda a: np.trapezoid(a, axis=1),
]


@pytest.mark.parametrize("array", MATRICES.values(), ids=MATRICES.keys())
@pytest.mark.parametrize("fn", ALONG_AXES, ids=range(len(ALONG_AXES)))
def test_along_axes(fn, array):
    check(fn, array)


CUBES = [
    lambda a: np.sum(a, axis=1),
    lambda a: np.sum(a, axis=(0, 2)),
    lambda a: a.max(axis=(1, 2)),
    lambda a: np.mean(a, axis=(0, 1), keepdims=True),
    lambda a: np.cumsum(a, axis=1),
    lambda a: np.median(a, axis=1),
    lambda a: np.sum(a),
    lambda a: np.argmax(a),
]


@pytest.mark.parametrize("fn", CUBES, ids=range(len(CUBES)))
def test_cubes(fn):
    check(fn, s.CUBE)


RUN_TIME_AXES = [
    lambda a, k: np.sum(a, axis=k),
    lambda a, k: np.prod(a, k) + a.mean(k) * a.max(axis=k),
    lambda a, k: np.var(a, axis=k),
    lambda a, k: np.cumsum(a * 2, axis=k),
    lambda a, k: np.sort(a, axis=k),
    lambda a, k: np.size(a, k) + a.shape[k],
    lambda a, k: np.sum(a, axis=k, keepdims=True),
    lambda a, k: np.argmax(a, axis=k),
]


@pytest.mark.parametrize("axis", [0, 1, -1, -2])
@pytest.mark.parametrize("fn", RUN_TIME_AXES, ids=range(len(RUN_TIME_AXES)))
def test_axes_known_at_run_time(fn, axis):
    check(fn, s.A, axis)


def test_axes_out_of_bounds_raise():
    with pytest.raises(ValueError, match="out of bounds"):
        run(lambda a, k: np.sum(a, axis=k), s.A, 2)


def test_sequences():
    check(lambda v: np.sum([v[0], v[1]]) + np.mean((v[2], 1.0)) + np.max([v[3], v[4]]), s.V)
    check(lambda v: np.sum([v, v * 2], axis=0), s.V)


def test_integers_and_truth_values():
    check(lambda n: np.sum(n) + np.prod(n) + np.max(n), s.INTS)
    check(lambda n: np.mean(n) + np.std(n) + np.median(n), s.INTS)
    check(lambda n: np.cumsum(n), s.INTS)
    check(lambda m: np.sum(m), s.MASK)
    check(lambda m: np.mean(m), s.MASK)
    check(lambda n: np.sum(n, axis=0), s.INT_MATRIX)


def test_complex():
    check(lambda z: np.sum(z) * np.prod(z) + np.mean(z), s.COMPLEX)
    check(lambda z: np.var(z) + np.std(z) + np.linalg.norm(z), s.COMPLEX)
    check(lambda z: np.cumsum(z), s.COMPLEX)


def test_no_elements():
    check(lambda a: np.sum(a) + np.prod(a), s.EMPTY)
    check(lambda a: np.cumsum(a), s.EMPTY)
    check(lambda a: np.sum(a, axis=0), np.zeros((0, 3)))
    check(lambda a: np.all(a > 0) and not np.any(a > 0), s.EMPTY)
    with pytest.raises(ValueError, match="zero-size"):
        run(lambda a: np.max(a), s.EMPTY)


def test_nan_wins():
    check(lambda a: np.max(a), s.WITH_NAN)
    check(lambda a: np.argmin(a), s.WITH_NAN)
    check(lambda a: np.nanmax(a) + np.nansum(a) + np.nanmean(a) + np.nanmedian(a), s.WITH_NAN)
    check(lambda a: np.nancumsum(a), s.WITH_NAN)
    check(lambda a: np.median(a), s.WITH_NAN)


NORMS = [None, 1, 2, 3, np.inf, -np.inf, 0]


@pytest.mark.parametrize("order", NORMS)
def test_vector_norms(order):
    check(lambda v: np.linalg.norm(v, order), s.V)


@pytest.mark.parametrize("order", [None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf])
def test_matrix_norms(order):
    check(lambda a: np.linalg.norm(a, order), s.A)


PRODUCTS = [
    lambda a, x: a @ x,
    lambda a, x: np.dot(a, x),
    lambda a, x: a.dot(x) + x[0],
    lambda a, x: x @ a.T,
    lambda a, x: x @ x,
    lambda a, x: a @ a.T,
    lambda a, x: (a * 2) @ (x + 1),
    lambda a, x: np.matmul(a, x),
    lambda a, x: np.vdot(x, x),
    lambda a, x: np.inner(a, x),
    lambda a, x: np.inner(a, a),
    lambda a, x: np.outer(x, x) + np.outer(x, x * 2),
    lambda a, x: np.einsum("ij,j->i", a, x),
    lambda a, x: np.einsum("ij,kj->ik", a, a),
    lambda a, x: np.einsum("ij->", a),
    lambda a, x: np.einsum("ij->ji", a),
    lambda a, x: np.tensordot(a, x, 1),
    lambda a, x: np.tensordot(a, a, axes=([0, 1], [0, 1])),
    lambda a, x: np.trace(a @ a.T),
    lambda a, x: np.kron(a, x[None, :]),
    lambda a, x: np.dot(x, 3.0),
]


@pytest.mark.parametrize("fn", PRODUCTS, ids=range(len(PRODUCTS)))
@pytest.mark.parametrize("kind", ["float", "Fortran", "strided", "int", "complex", "mixed"])
def test_products(fn, kind):
    a, x = {
        "float": (s.A, s.V[:4]),
        "Fortran": (s.F_ORDER, s.STRIDED_VECTOR[:4]),
        "strided": (s.STRIDED, s.V[:4]),
        "int": (s.INT_MATRIX, s.INTS[:4]),
        "complex": (s.COMPLEX_MATRIX, s.COMPLEX[:4]),
        "mixed": (s.A, s.INTS[:4]),
    }[kind]
    check(fn, a, x)


def test_stacked_matrix_products():
    check(lambda a, b: a @ b, s.CUBE, np.ones((4, 2)))
    check(lambda a, b: a @ b, s.CUBE, np.ones((2, 4, 2)))
    check(lambda a, b: a @ b, s.CUBE, np.ones(4))


def test_products_that_do_not_fit_raise():
    with pytest.raises(ValueError, match=r"."):
        run(lambda a, b: a @ b, s.INT_MATRIX, s.INTS)


LINEAR_ALGEBRA = [
    lambda a, b: np.linalg.solve(a, b),
    lambda a, b: np.linalg.solve(a, np.eye(4)),
    lambda a, b: np.linalg.inv(a) @ b,
    lambda a, b: np.linalg.det(a),
    lambda a, b: np.linalg.cholesky(a @ a.T),
    lambda a, b: np.linalg.slogdet(a)[1],
    lambda a, b: np.linalg.eigvalsh(a + a.T),
    lambda a, b: np.abs(np.linalg.qr(a)[1]),
    lambda a, b: np.linalg.svd(a)[1],
    lambda a, b: np.linalg.pinv(a),
    lambda a, b: np.linalg.cond(a),
    lambda a, b: np.linalg.eigvals(a @ np.diag(np.arange(1.0, 5.0)) @ np.linalg.inv(a)),
    lambda a, b: np.abs(np.linalg.eig(a @ np.diag(np.arange(1.0, 5.0)) @ np.linalg.inv(a))[1]),
    lambda a, b: np.sort(np.abs(np.roots(b))),
    lambda a, b: np.linalg.lstsq(a[:, :2], b, -1.0)[0],
    lambda a, b: np.linalg.lstsq(a[:, :2], b, -1.0)[1],
    lambda a, b: np.linalg.lstsq(a[:2], a[:2, :2], -1.0)[0],
    lambda a, b: np.linalg.lstsq(a, a, -1.0)[3] + np.linalg.lstsq(a, a, -1.0)[2],
    lambda a, b: np.linalg.matrix_power(a, 3) + np.linalg.matrix_power(a, -1),
]


@pytest.mark.parametrize("fn", LINEAR_ALGEBRA, ids=range(len(LINEAR_ALGEBRA)))
def test_linear_algebra(fn):
    check(fn, s.SQUARE, s.V[:4], rtol=1e-8)


def test_eigenvectors():
    def f(a):
        w, v = np.linalg.eigh(a + a.T)
        return v @ np.diag(w) @ v.T

    check(f, s.SQUARE, rtol=1e-8)


def test_factors_by_name():
    def f(a):
        result = np.linalg.svd(a, full_matrices=False)
        return result.U @ np.diag(result.S) @ result.Vh

    check(f, s.A, rtol=1e-8)
