"""NumPy's functions by the traced engine: the tables of the front end's tests, and more."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import numbad
from numbad.config import config
from tests.frontend.arrays.test_derivatives import CASES, leaves_of, moved


def check(fn: Callable[..., Any], args: tuple[Any, ...]) -> None:
    """<y_bar, J x_dot> by central differences, by reverse mode and by forward mode."""
    config.engine = "traced"
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


@pytest.mark.parametrize(("fn", "args"), CASES)
def test_tables_of_the_front_end(fn, args):
    check(fn, args)


V = np.array([0.3, -1.2, 2.1, 0.7])
W = np.array([1.1, 0.4, -0.6, 2.2])
A = np.random.default_rng(3).normal(size=(3, 4))
B = np.random.default_rng(4).normal(size=(4, 2))
CUBE = np.random.default_rng(5).normal(size=(2, 3, 4))

MORE = [
    (lambda a: np.abs(np.fft.fft(a)) ** 2, (V,)),
    (lambda a: np.real(np.fft.ifft(a, 6) * (1 + 2j)), (V,)),
    (lambda a: np.imag(np.fft.fft(a, 3, norm="ortho")), (V,)),
    (lambda a: np.fft.irfft(np.fft.rfft(a) * np.arange(3), norm="forward"), (V,)),
    (lambda a: np.fft.irfft(np.fft.rfft(a, 5) * np.arange(3), 5), (V,)),
    (lambda a: np.abs(np.fft.fft2(a)), (A,)),
    (lambda a: np.real(np.fft.ifftn(a, axes=(0, 2)) * (2 - 1j)), (CUBE,)),
    (lambda a: np.fft.fftshift(a) + np.fft.ifftshift(2 * a), (A,)),
    (lambda a, b: np.einsum("ij,jk->ki", a, b), (A, B)),
    (lambda a: np.einsum("ii->i", a[:, :3]), (A,)),
    (lambda a: np.einsum("ijk->j", a), (CUBE,)),
    (lambda a, b: np.einsum("...ij,jk", a, b), (CUBE, B)),
    (lambda a, b, c: np.einsum("i,j,i->ij", a, b, c), (V, W, V)),
    (lambda a, b: a @ b, (CUBE, B)),
    (lambda a, b: np.matmul(a, b[:, 0]), (CUBE, B)),
    (lambda a, b: np.tensordot(a, b, ([2], [0])), (CUBE, B)),
    (lambda a, b: np.tensordot(a, b, 1), (CUBE, B)),
    (lambda a, b: np.inner(a, b), (A, V)),
    (lambda a, b: np.kron(a, b), (A, B)),
    (lambda a, b: np.cross(a[:3], b[:3]), (V, W)),
    (lambda a: np.apply_along_axis(lambda v: v * v[0], 0, a), (A,)),
    (lambda a: np.vectorize(lambda v: v * v if v > 0 else v)(a), (A,)),
    (lambda a: np.piecewise(a, [a < 0, a > 1], [lambda v: v * v, 2.0, lambda v: 3 * v]), (V,)),
    (lambda a: np.unique(a), (np.array([3.0, 1.0, 2.0, 5.0]),)),
    (lambda a: np.median(a, axis=1), (A,)),
    (lambda a: np.percentile(a, [20, 70], axis=0), (A,)),
    (lambda a: np.nanmean(a, axis=0), (np.where(A > 1, np.nan, A),)),
    (lambda a: np.nan_to_num(a), (A,)),
    (lambda a: np.std(a, axis=0, ddof=1), (A,)),
    (lambda a: np.average(a, axis=0, weights=np.array([1.0, 2.0, 3.0])), (A,)),
    (lambda a: np.pad(a, ((1, 2), (0, 1)), mode="reflect"), (A,)),
    (lambda a: np.pad(a, 1, constant_values=3.0), (A,)),
    (lambda a: np.block([[a, a], [a, 2 * a]]), (A,)),
    (lambda a: np.select([a > 1, a > 0], [a, a * a], -a), (A,)),
    (lambda a: np.choose([0, 1, 1, 0], [a, a * a]), (V,)),
    (lambda a: np.insert(a, 1, a[0] ** 2), (V,)),
    (lambda a: np.delete(a, [1, 2]), (V,)),
    (lambda a: np.take_along_axis(a, np.argsort(a, axis=1), axis=1), (A,)),
    (lambda a: np.lib.stride_tricks.sliding_window_view(a, 2) * np.arange(2.0), (V,)),
    (lambda a: np.add.reduce(a, axis=1) + np.multiply.reduce(a, axis=1), (A,)),
    (lambda a: np.add.accumulate(a, axis=1) + np.maximum.accumulate(a, axis=1), (A,)),
    (lambda a, b: np.multiply.outer(a, b) + np.subtract.outer(a, b), (V, W)),
    (lambda a, b: np.hypot(a, b) + np.arctan2(a, b) + np.logaddexp(a, b), (V, W)),
    (lambda a: np.linalg.norm(a, axis=1) + np.linalg.norm(a, ord=1, axis=1), (A,)),
    (lambda a: np.linalg.norm(a, "nuc") + np.linalg.norm(a, 2), (A,)),
    (lambda a: np.linalg.eigh(a @ a.T)[0], (A,)),
    (lambda a: np.linalg.svd(a, full_matrices=False)[1], (A,)),
    (lambda a: np.linalg.svd(a, compute_uv=False), (A,)),
    (lambda a: np.linalg.qr(a)[1], (A.T,)),
    (lambda a: np.linalg.slogdet(a @ a.T)[1], (A,)),
    (lambda a: np.linalg.matrix_power(a[:3, :3], 3), (A,)),
    (lambda a: np.linalg.multi_dot([a, a.T, a]), (A,)),
    (lambda a: np.linalg.cholesky(a @ a.T), (A,)),
    (lambda a: np.cov(a), (A,)),
    (lambda a: np.corrcoef(a), (A,)),
    (lambda a: np.gradient(a, 0.5, axis=1), (A,)),
    (lambda a: np.trapezoid(a, dx=0.5, axis=0), (A,)),
    (lambda a, b: np.convolve(a, b, "same"), (V, W)),
    (lambda a, b: np.correlate(a, b, "full"), (V, W)),
    (lambda a: np.polyval(a, 2.0) + np.polyval([1.0, 2.0], a[0]), (V,)),
    (lambda a: np.interp([0.5, 1.5], [0.0, 1.0, 2.0, 3.0], a), (V,)),
    (lambda a: np.ptp(a, axis=0), (A,)),
    (lambda a: np.cumprod(a, axis=1), (A,)),
    (lambda a: np.diff(a, n=2, axis=1), (A,)),
    (lambda a: np.unwrap(a * 3), (V,)),
    (lambda a: np.vander(a, 3), (V,)),
    (lambda a: np.meshgrid(a, a * a)[1], (V,)),
    (lambda a: np.broadcast_arrays(a[:1], a)[0] * a, (V,)),
    (lambda a: np.rot90(a) @ a, (A[:, :3],)),
    (lambda a: np.squeeze(a[None]) + np.moveaxis(a[None], 0, -1)[..., 0], (A,)),
    (lambda a: a.reshape(2, -1).T.ravel() * a.flatten()[::-1], (A,)),
    (lambda a: np.array([[a[0], 2.0], [1.0, a[1]]]), (V,)),
    (lambda a: np.stack([a[i] * a for i in range(2)]), (V,)),
    (lambda a: np.fromiter((v * v for v in a), float), (V,)),
    (lambda a: np.where(a > 0, a, -2 * a).cumsum().max(), (V,)),
    (lambda a: sum(v * i for i, v in enumerate(a.flat)), (A,)),
    (lambda a: a.max(axis=0) - a.min(axis=1).sum() + a.mean() + a.prod(), (A,)),
    (lambda a: a.dot(a.T).trace() + a.take([0, 5]).sum() + a.item(3), (A,)),
]


@pytest.mark.parametrize(("fn", "args"), MORE, ids=range(len(MORE)))
def test_more(fn, args):
    check(fn, args)


def test_linear_in_complex_arguments():
    config.engine = "traced"
    z = np.array([1 + 2j, -0.5 + 1j, 0.3 - 2j])
    weights = np.array([1.0, 2.0, -1.0])
    (found,) = numbad.gradient(lambda z: np.sum(weights * np.abs(np.fft.fft(z)) ** 2), z)
    h = 1e-6
    for i in range(3):
        for unit in (1.0, 1j):
            step = np.zeros(3, complex)
            step[i] = h * unit

            def f(z):
                return np.sum(weights * np.abs(np.fft.fft(z)) ** 2)

            slope = (f(z + step) - f(z - step)) / (2 * h)
            assert slope == pytest.approx((found[i] * np.conj(unit)).real, rel=1e-6)


def test_numbers_spread_over_arrays():
    config.engine = "traced"

    def f(x):
        return np.sum(np.broadcast_to(x, (2, 3)) * np.arange(6.0).reshape(2, 3)) * x

    assert numbad.gradient(f, 2.0) == (60.0,)
    assert numbad.derivative(f, 2.0) == 60.0


def test_what_is_changed_later_does_not_change_the_sweep():
    config.engine = "traced"

    def f(x):
        mask = np.array([True, False, True])
        places = np.array([0, 2])
        y = np.where(mask, x, 2 * x)
        z = np.zeros(3)
        z[places] = y[:2]
        weights = np.array([1.0, 2.0, 3.0])
        s = np.sum(z * weights) + np.sum(x**weights)
        mask[:] = False
        places[:] = 1
        weights[:] = 0.0
        return s

    x = np.array([1.5, 2.5, 0.5])
    wanted = [1 + 1, 2 * 3 + 2 * 2.5, 3 * 0.25]
    np.testing.assert_allclose(numbad.gradient(f, x)[0], wanted)
    for i in range(3):
        assert numbad.jvp(f, (x,), (np.eye(3)[i],))[1] == pytest.approx(wanted[i])
