"""Functions that make, join, rearrange and sample arrays."""

from __future__ import annotations

import math

import numpy as np
import pytest

from numbad.errors import DifferentiationError
from tests.frontend.arrays import samples as s
from tests.frontend.arrays.harness import check, run

MAKING = [
    lambda n: np.zeros(n),
    lambda n: np.ones((n, 2)),
    lambda n: np.full(n, 2.5) + np.full((n,), n),
    lambda n: np.zeros((2, n), dtype=np.float32) + np.zeros(n, int),
    lambda n: np.arange(n),
    lambda n: np.arange(1, n + 3),
    lambda n: np.arange(n, 0, -1),
    lambda n: np.arange(0.0, 1.0, 0.3),
    lambda n: np.arange(0.5 * n),
    lambda n: np.linspace(0, 1, n),
    lambda n: np.linspace(0.0, n, 5, endpoint=False),
    lambda n: np.linspace(1.0, 2.0, 1),
    lambda n: np.linspace(1.0, 2.0, n, retstep=True),
    lambda n: np.logspace(0, 2, n) + np.geomspace(1, 8, n),
    lambda n: np.eye(n),
    lambda n: np.eye(n, 2) + np.eye(n, 2, 1),
    lambda n: np.eye(n, k=-1),
    lambda n: np.identity(n),
    lambda n: np.tri(n) + np.tri(n, k=1),
    lambda n: np.array([1.0, 2.0, n]),
    lambda n: np.array([[1, 2], [3, n]]),
    lambda n: np.array((1.5, n)),
    lambda n: np.array([[1.0, 2.0], [3.0, 4.0]])[1] + np.array(2.0),
    lambda n: np.array([i * 2.0 for i in range(4)]),
    lambda n: np.array([i * 2.0 for i in range(n)]),
    lambda n: np.asarray([n, 2]),
    lambda n: np.array([1, 2, 3], dtype=np.float64),
    lambda n: np.vander(np.array([1.0, 2.0, 3.0]), n),
    lambda n: np.diag(np.arange(float(n))),
    lambda n: np.diag(np.arange(float(n)), 1) + np.diag(np.arange(float(n)), -1),
    lambda n: np.array(list(range(n))),
]


@pytest.mark.parametrize("fn", MAKING, ids=range(len(MAKING)))
@pytest.mark.parametrize("n", [1, 3])
def test_making(fn, n):
    check(fn, n)


LIKE = [
    lambda a: np.zeros_like(a) + np.ones_like(a),
    lambda a: np.full_like(a, 3),
    lambda a: np.copy(a) + a.copy(),
    lambda a: np.asarray(a) + np.ascontiguousarray(a) + np.array(a),
    lambda a: np.asfortranarray(a) * 2,
    lambda a: np.shape(a)[0] + np.size(a) + np.ndim(a) + a.itemsize + a.nbytes,
    lambda a: a.dtype.type(2) * a,
    lambda a: np.zeros(a.shape, a.dtype) + np.zeros(a.size).sum(),
    lambda a: np.expand_dims(a, 0) + np.expand_dims(a, -1).sum(),
    lambda a: np.atleast_1d(a),
    lambda a: np.atleast_2d(a),
    lambda a: np.flip(a),
    lambda a: np.flip(a, 0),
    lambda a: np.flipud(a),
    lambda a: np.roll(a, 1),
    lambda a: np.roll(a, -2, axis=0),
    lambda a: np.repeat(a, 2),
    lambda a: np.repeat(a, 3, axis=0),
    lambda a: np.tile(a, 2),
    lambda a: np.tile(a, (2, 1)),
    lambda a: np.concatenate((a, a * 2)),
    lambda a: np.concatenate([a, a + 1, a], axis=0),
    lambda a: np.stack((a, a * 2)),
    lambda a: np.stack([a, a * 2], axis=-1),
    lambda a: np.hstack((a, a)),
    lambda a: np.vstack((a, a)),
    lambda a: np.column_stack((a, a)),
    lambda a: np.dstack((a, a)),
    lambda a: np.append(a, a),
    lambda a: np.append(a, 3.0),
    lambda a: np.delete(a, 1),
    lambda a: np.delete(a, np.array([0, 2])),
    lambda a: np.broadcast_to(a, (2, *a.shape)),
    lambda a: np.squeeze(a[None], 0),
    lambda a: np.diff(a),
    lambda a: np.nonzero(a > 0)[0],
    lambda a: np.where(a > 0)[0],
    lambda a: np.flatnonzero(a > 0),
    lambda a: np.argwhere(a > 0),
    lambda a: np.array_equal(a, a) and np.allclose(a, a + 1e-12),
    lambda a: np.isclose(a, a + 1e-12),
    lambda a: np.select([a > 0.5, a > 0], [a, a * 2], -1.0),
    lambda a: np.extract(a > 0, a),
    lambda a: np.ediff1d(a),
    lambda a: np.fix(a),
]


@pytest.mark.parametrize("fn", LIKE, ids=range(len(LIKE)))
@pytest.mark.parametrize("a", [s.V, s.A, s.F_ORDER], ids=["vector", "matrix", "Fortran"])
def test_like(fn, a):
    check(fn, a)


MATRICES = [
    lambda a: np.fliplr(a),
    lambda a: np.rot90(a),
    lambda a: np.rot90(a, 2) + np.rot90(a, 0),
    lambda a: np.rot90(a, 3),
    lambda a: np.tril(a) + np.triu(a, 1),
    lambda a: np.tril(a, -1),
    lambda a: np.diag(a),
    lambda a: np.diag(a, 1),
    lambda a: np.diagonal(a),
    lambda a: np.trace(a),
    lambda a: np.kron(a, a[:2, :2]),
    lambda a: np.cross(a[:, :3], a[:, 1:]),
    lambda a: np.cross(a[0, :3], a[1, :3]),
    lambda a: np.cov(a),
    lambda a: np.corrcoef(a),
    lambda a: np.cov(a[0]),
    lambda a: np.cov(a, rowvar=False),
    lambda a: np.concatenate((a, a), axis=1),
    lambda a: np.take(a, np.array([0, 2]), axis=1),
    lambda a: np.take_along_axis(a, np.argsort(a, axis=1), axis=1),
    lambda a: np.meshgrid(a[0], a[1])[1],
    lambda a: np.meshgrid(a[0], a[:, 1], indexing="ij"),
    lambda a: np.average(a, axis=0, weights=np.array([1.0, 2.0, 3.0])),
    lambda a: np.average(a, weights=np.abs(a)),
    lambda a: a[np.tril_indices(3)],
    lambda a: np.sum(a, axis=0, dtype=np.float32),
]


@pytest.mark.parametrize("fn", MATRICES, ids=range(len(MATRICES)))
@pytest.mark.parametrize("a", [s.A, s.F_ORDER, s.STRIDED], ids=["C", "F", "strided"])
def test_matrices(fn, a):
    check(fn, a, rtol=1e-6)


SERIES = [
    lambda v: v.view(np.float64) * 2,
    lambda v: np.kaiser(6, v[0] * 3) + np.bartlett(6),
    lambda v: np.kaiser(1, v[0]) + np.bartlett(1),
    lambda v: np.asarray_chkfinite(v) * 2,
    lambda v: math.frexp(v[1] * 100)[0] + math.frexp(v[1])[1],
    lambda v: math.modf(v[1] * 7)[0],
    lambda v: np.zeros(np.broadcast_shapes(v.shape, (2, 1))) + v,
    lambda v: v * (2.0 if np.isscalar(v[0]) else 3.0),
    lambda v: np.unique(v),
    lambda v: np.unique(np.floor(v)) * 2.0,
    lambda v: np.unique(np.concatenate((v, v[::-1]))),
    lambda v: np.union1d(v, 2 * v[:3]),
    lambda v: np.intersect1d(v, v[1:4]),
    lambda v: np.intersect1d(v, v[1:4], assume_unique=True),
    lambda v: np.setdiff1d(v, v[1:3]),
    lambda v: np.setxor1d(v, np.append(v[1:3], 0.25)),
    lambda v: np.isin(v, v[1:3]),
    lambda v: np.where(np.isin(v, v[1:3], invert=True), v, 2 * v),
    lambda v: np.isin(v, np.zeros(0)),
    lambda v: np.trim_zeros(np.maximum(v, 0.0)),
    lambda v: np.trim_zeros(np.where(np.arange(5) == 4, 0.0, v), "b"),
    lambda v: np.resize(v, 8) * np.arange(8.0),
    lambda v: np.resize(v, (2, 2)),
    lambda v: np.array_split(v, 2)[0],
    lambda v: np.array_split(v, 3)[2],
    lambda v: np.array_split(v, [2, 3])[1],
    lambda v: np.atleast_3d(v),
    lambda v: np.atleast_3d(np.atleast_2d(v)) + np.atleast_3d(v[0]),
    lambda v: np.atleast_1d(v, v[0])[1] + np.atleast_2d(v, v)[0],
    lambda v: np.dsplit(v.reshape((1, 1, 5)), [2])[1],
    lambda v: np.interp(0.3, np.sort(v), v),
    lambda v: np.interp(v, np.array([-1.0, 0.0, 2.0]), np.array([1.0, 3.0, 2.0])),
    lambda v: np.interp(v, np.array([-1.0, 0.0, 0.5]), np.array([1.0, 3.0, 2.0]), left=9, right=8),
    lambda v: np.trapezoid(v),
    lambda v: np.trapezoid(v, np.arange(5.0) ** 2) + np.trapezoid(v, dx=0.1),
    lambda v: np.convolve(v, np.array([1.0, -2.0, 0.5])),
    lambda v: np.convolve(v, np.array([1.0, -2.0, 0.5]), "same"),
    lambda v: np.convolve(v, np.array([1.0, -2.0]), mode="same"),
    lambda v: np.convolve(np.array([1.0, -2.0, 0.5]), v, "valid"),
    lambda v: np.correlate(v, np.array([1.0, -2.0])),
    lambda v: np.correlate(v, np.array([1.0, -2.0, 3.0, 4.0]), "same"),
    lambda v: np.correlate(np.array([1.0, -2.0, 3.0, 4.0]), v, "same"),
    lambda v: np.correlate(v, np.array([1.0, -2.0, 3.0]), mode="full"),
    lambda v: np.polyval(np.array([1.0, 2.0, 3.0]), v),
    lambda v: np.polyval(v, 0.5),
    lambda v: np.gradient(v) + np.gradient(v, 0.5) + np.gradient(v, np.arange(5.0) ** 2),
    lambda v: np.unwrap(v * 5),
    lambda v: np.searchsorted(np.sort(v), 0.1),
    lambda v: np.searchsorted(np.sort(v), v, side="right"),
    lambda v: np.digitize(v, np.array([-1.0, 0.0, 1.0])),
    lambda v: np.histogram(v, 3),
    lambda v: np.histogram(v, 4, (-1.0, 1.0)),
    lambda v: np.histogram(v, np.array([-2.0, 0.0, 2.0])),
    lambda v: np.bincount(np.array([0, 1, 1, 3, 0]), v),
    lambda v: np.bincount(np.array([0, 1, 1, 3, 0]), minlength=6),
    lambda v: np.bincount(np.array([0, 1, 1, 3, 0]), weights=v, minlength=2),
    lambda v: np.repeat(v, np.array([0, 1, 2, 1, 0])),
    lambda v: np.insert(v, 2, 7.0),
    lambda v: np.compress(np.array([True, False, True]), v),
    lambda v: np.median(v) * np.quantile(v, np.array([0.1, 0.5])),
    lambda v: np.cumprod(v) + np.nancumsum(v),
    lambda v: np.array([v[0], v[1] * 2, 3.0]) + np.array([v[:3], v[1:4]]),
    lambda v: np.array([v, v * 2]),
    lambda v: np.array([x * x for x in v]),
    lambda v: v.item(2) + v[:1].item(),
    lambda v: float(np.sum(v[:1])),
    lambda v: sum(v) + max(v) - min(v) + len(v),
]


@pytest.mark.parametrize("fn", SERIES, ids=range(len(SERIES)))
def test_series(fn):
    check(fn, s.V)


PARTS = [
    lambda a: np.split(a, 3)[1],
    lambda a: np.split(a, [1, 2])[2],
    lambda a: np.hsplit(a, 2)[1] + np.split(a, 2, axis=1)[0],
    lambda a: np.vsplit(a, 3)[0],
    lambda a: np.pad(a, 1),
    lambda a: np.pad(a, ((1, 0), (0, 2)), constant_values=2.5),
    lambda a: np.pad(a, (1, 2), mode="edge"),
    lambda a: np.pad(a, 2, mode="wrap"),
    lambda a: np.pad(a, 2, "reflect"),
    lambda a: np.pad(a, 2, "symmetric"),
    lambda a: a[np.ix_([0, 2], [1, 3])],
    lambda a: np.broadcast_arrays(a, a[0])[1],
    lambda a: np.indices((2, 3)),
    lambda a: np.apply_along_axis(np.sum, 1, a),
    lambda a: np.apply_along_axis(lambda row: row @ row, 0, a),
    lambda a: np.add.reduce(a) + np.multiply.reduce(a, axis=0),
    lambda a: np.maximum.reduce(a, axis=1),
    lambda a: np.add.accumulate(a) * np.multiply.accumulate(a, axis=0),
    lambda a: np.subtract.outer(a[0], a[1]) + np.multiply.outer(a[0], a[1]),
    lambda a: np.amax(a) + np.amin(a),
    lambda a: np.matrix_transpose(a),
    lambda a: np.linalg.lstsq(a.T.copy(), a[0], rcond=None)[0],
    lambda a: np.linalg.lstsq(a.T.copy(), a[0], rcond=None)[2],
    lambda a: np.linalg.matrix_rank(a),
    lambda a: np.polyfit(np.arange(4.0), a[0], 2),
    lambda a: np.polyadd(a[0], a[1, :2]) + np.polysub(a[0], a[1]),
    lambda a: np.polymul(a[0], a[1]),
    lambda a: np.polyder(a[0]) + np.polyder(np.polyint(a[0]), 2),
    lambda a: np.hanning(4) + np.hamming(4) + np.blackman(4),
    lambda a: np.modf(a)[0] + np.divmod(a, 0.7)[1],
    lambda a: a[np.diag_indices(3)] + np.partition(a[0], 2)[0],
    lambda a: a[np.triu_indices_from(a)],
    lambda a: np.isposinf(a) | np.isneginf(a) | np.isreal(a),
]


@pytest.mark.parametrize("fn", PARTS, ids=range(len(PARTS)))
@pytest.mark.parametrize("a", [s.A, s.F_ORDER], ids=["C", "F"])
def test_parts(fn, a):
    check(fn, a, rtol=1e-9)


def test_ufunc_at():
    def f(v, w):
        np.add.at(v, np.array([0, 2, 0, -1]), w[:4])
        np.multiply.at(v, np.array([0, 0]), 2.0)
        np.subtract.at(v, 1, 5.0)
        return v

    check(f, s.V, s.W)


def test_put_and_place():
    def f(v):
        np.put(v, [0, -1], [7.0, 8.0])
        np.place(v, v < 0, [1.0, 2.0])
        return v

    check(f, s.V)


def test_item_of_several_elements_raises():
    with pytest.raises(ValueError, match="size 1"):
        run(lambda v: v.item(), s.V)


def test_stateful_methods():
    def f(a):
        b = a.copy()
        np.fill_diagonal(b, 0.0)
        c = b.T.copy()
        np.putmask(c, c > 0, 1.0)
        return b, c

    check(f, s.SQUARE)


def test_truth_of_one_element():
    check(lambda v: 1.0 if v[:1] > -100 else 2.0, s.V)
    with pytest.raises(ValueError, match="ambiguous"):
        run(lambda v: 1.0 if v > 0 else 2.0, s.V)


REFUSED = {
    "strides": lambda v: v.strides,
    "view": lambda v: v.view(np.int64),
    "tolist": lambda v: v.tolist(),
    "sum": lambda v: np.sum(v, where=v > 0),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_name_what_is_refused(name):
    with pytest.raises(DifferentiationError, match=name):
        run(REFUSED[name], s.SQUARE)


@pytest.mark.parametrize(
    ("fn", "message"),
    [
        (lambda v: v.view(np.int64), "view"),
        (lambda v: np.frombuffer(v), "frombuffer"),
        (lambda v: v.tobytes(), "tobytes"),
        (lambda v: v.strides, "strides"),
        (lambda v: np.dsplit(v, 2), "dsplit"),
    ],
)
def test_refusals(fn, message):
    with pytest.raises(DifferentiationError, match=message):
        run(fn, s.V)
