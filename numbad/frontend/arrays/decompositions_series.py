"""Series: sampling, interpolation, integration, convolution, polynomials."""

from __future__ import annotations

from typing import Any

import numpy as np

from numbad.frontend.arrays.intrinsics import common_dtype, inexact_dtype
from numbad.frontend.arrays.registry import decomposition


@decomposition(np.linspace)
def linspace(
    start: Any,
    stop: Any,
    num: Any = 50,
    endpoint: Any = True,
    retstep: Any = False,
    dtype: Any = None,
) -> Any:
    """Numbers at equal distances; the last is exactly ``stop``."""
    if num < 0:
        raise ValueError("Number of samples must be non-negative.")
    result = np.empty(num, inexact_dtype(start, stop) if dtype is None else dtype)
    gaps = num - 1 if endpoint else num
    step = np.true_divide(stop - start, gaps) if gaps > 0 else np.nan * (stop - start)
    for i in range(num):
        result[i] = start + i * step
    if endpoint and num > 1:
        result[num - 1] = stop
    if num == 1:
        result[0] = start
    if retstep:
        return result, step
    return result


@decomposition(np.logspace)
def logspace(
    start: Any, stop: Any, num: Any = 50, endpoint: Any = True, base: Any = 10.0, dtype: Any = None
) -> Any:
    """Numbers whose logarithms are at equal distances."""
    return base ** np.linspace(start, stop, num, endpoint)


@decomposition(np.geomspace)
def geomspace(start: Any, stop: Any, num: Any = 50, endpoint: Any = True) -> Any:
    """Numbers with equal ratios."""
    if start == 0 or stop == 0:
        raise ValueError("Geometric sequence cannot include zero")
    sign = 1.0
    if start < 0 and stop < 0:
        sign = -1.0
    low, high = np.log(sign * start), np.log(sign * stop)
    result = sign * np.exp(np.linspace(low, high, num, endpoint))
    if num > 0:
        result[0] = start
    if endpoint and num > 1:
        result[num - 1] = stop
    return result


def interpolate(x: Any, xp: Any, fp: Any, left: Any, right: Any) -> Any:
    """Linear interpolation at one place."""
    last = xp.shape[0] - 1
    if np.isnan(x):
        return x * fp[0]
    if x < xp[0]:
        return left
    if x > xp[last]:
        return right
    if x == xp[last]:
        return fp[last]
    j = np.searchsorted(xp, x, side="right") - 1
    slope = np.true_divide(fp[j + 1] - fp[j], xp[j + 1] - xp[j])
    return slope * (x - xp[j]) + fp[j]


@decomposition(np.interp)
def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None) -> Any:
    """Piecewise linear interpolation."""
    xp = np.asarray(xp)
    values = np.asarray(fp)
    fp = values.astype(inexact_dtype(values))
    if xp.shape[0] == 0:
        raise ValueError("array of sample points is empty")
    if xp.shape[0] != fp.shape[0]:
        raise ValueError("fp and xp are not of the same length.")
    below = fp[0] if left is None else left
    above = fp[fp.shape[0] - 1] if right is None else right
    if np.ndim(x) == 0:
        return interpolate(x, xp, fp, below, above)
    flat = np.ravel(x)
    result = np.empty(flat.shape[0], fp.dtype)
    for i in range(flat.shape[0]):
        result[i] = interpolate(flat[i], xp, fp, below, above)
    return np.reshape(result, np.shape(x))


def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: Any = -1) -> Any:
    """Integral by the trapezoidal rule."""
    y = np.asarray(y)
    if np.ndim(y) == 1:
        if x is None:
            return dx * np.sum((y[1:] + y[:-1]) / 2.0)
        x = np.asarray(x)
        return np.sum((x[1:] - x[:-1]) * (y[1:] + y[:-1]) / 2.0)
    z = np.moveaxis(y, axis, -1)
    if x is None:
        return dx * np.sum((z[..., 1:] + z[..., :-1]) / 2.0, axis=-1)
    x = np.asarray(x)
    if np.ndim(x) == 1:
        return np.sum((x[1:] - x[:-1]) * (z[..., 1:] + z[..., :-1]) / 2.0, axis=-1)
    w = np.moveaxis(x, axis, -1)
    return np.sum((w[..., 1:] - w[..., :-1]) * (z[..., 1:] + z[..., :-1]) / 2.0, axis=-1)


for _name in ("trapezoid", "trapz"):
    if hasattr(np, _name):
        decomposition(getattr(np, _name))(trapezoid)


@decomposition(np.convolve)
def convolve(a: Any, v: Any, mode: Any = "full") -> Any:
    """Discrete convolution of vectors."""
    a = np.asarray(a)
    v = np.asarray(v)
    n = a.shape[0]
    m = v.shape[0]
    if n == 0 or m == 0:
        raise ValueError("a and v cannot be empty")
    if mode == "full":
        return convolution(a, v, 0, n + m - 1)
    if mode == "valid":
        return convolution(a, v, min(n, m) - 1, max(n, m) - min(n, m) + 1)
    if mode == "same":
        return convolution(a, v, (min(n, m) - 1) // 2, max(n, m))
    raise ValueError("mode must be one of 'full', 'same' or 'valid'")


def convolution(a: Any, v: Any, first: Any, count: Any) -> Any:
    """Elements ``first`` to ``first + count`` of the full convolution."""
    n = a.shape[0]
    m = v.shape[0]
    result = np.empty(count, common_dtype(a, v))
    for place in range(count):
        k = place + first
        total = a[0] * v[0] * 0
        for i in range(max(0, k - m + 1), min(k, n - 1) + 1):
            total = total + a[i] * v[k - i]
        result[place] = total
    return result


@decomposition(np.correlate)
def correlate(a: Any, v: Any, mode: Any = "valid") -> Any:
    """Cross-correlation of vectors."""
    a = np.asarray(a)
    v = np.asarray(v)
    n = a.shape[0]
    m = v.shape[0]
    if n == 0 or m == 0:
        raise ValueError("a and v cannot be empty")
    w = np.conj(v)[::-1]
    if mode == "full":
        return convolution(a, w, 0, n + m - 1)
    if mode == "valid":
        return convolution(a, w, min(n, m) - 1, max(n, m) - min(n, m) + 1)
    if mode == "same":
        half = (min(n, m) - 1) // 2
        return convolution(a, w, half if m <= n else n - 1 - half, max(n, m))
    raise ValueError("mode must be one of 'full', 'same' or 'valid'")


@decomposition(np.polyval)
def polyval(p: Any, x: Any) -> Any:
    """Value of a polynomial, highest power first, by Horner's rule."""
    if np.ndim(x) == 0:
        return horner(p, x)
    p = np.asarray(p)
    flat = np.ravel(x)
    result = np.empty(flat.shape[0], common_dtype(p, flat))
    for i in range(flat.shape[0]):
        result[i] = horner(p, flat[i])
    return np.reshape(result, np.shape(x))


def horner(p: Any, x: Any) -> Any:
    """Value of a polynomial at one place."""
    value = x * 0
    for c in p:
        value = value * x + c
    return value


@decomposition(np.ediff1d)
def ediff1d(a: Any) -> Any:
    """Differences of neighbours of the flattened array."""
    return np.diff(np.ravel(a))


@decomposition(np.gradient)
def gradient(f: Any, spacing: Any = 1.0, axis: Any = None, edge_order: Any = 1) -> Any:
    """Central differences of a vector, one-sided at the ends."""
    f = np.asarray(f)
    if np.ndim(f) != 1 or edge_order != 1:
        raise TypeError("np.gradient is supported for vectors, with edge_order=1")
    n = f.shape[0]
    if n < 2:
        raise ValueError("Shape of array too small to calculate a numerical gradient")
    result = np.empty(n, inexact_dtype(f))
    if np.ndim(spacing) == 0:
        h = spacing
        result[1:-1] = (f[2:] - f[:-2]) / (2.0 * h)
        result[0] = np.true_divide(f[1] - f[0], h)
        result[n - 1] = np.true_divide(f[n - 1] - f[n - 2], h)
        return result
    x = np.asarray(spacing)
    for i in range(1, n - 1):
        before, after = x[i] - x[i - 1], x[i + 1] - x[i]
        a = np.true_divide(-after, before * (before + after))
        b = np.true_divide(after - before, before * after)
        c = np.true_divide(before, after * (before + after))
        result[i] = a * f[i - 1] + b * f[i] + c * f[i + 1]
    result[0] = np.true_divide(f[1] - f[0], x[1] - x[0])
    result[n - 1] = np.true_divide(f[n - 1] - f[n - 2], x[n - 1] - x[n - 2])
    return result


@decomposition(np.unwrap)
def unwrap(p: Any, discont: Any = None) -> Any:
    """Angles with jumps of more than half a turn taken out."""
    p = np.asarray(p)
    limit = np.pi if discont is None else max(discont, np.pi)
    result = np.empty(p.shape[0], inexact_dtype(p))
    turns = 0.0
    for i in range(p.shape[0]):
        if i > 0:
            d = p[i] - p[i - 1]
            wrapped = (d + np.pi) % (2 * np.pi) - np.pi
            if wrapped == -np.pi and d > 0:
                wrapped = np.pi
            if abs(d) >= limit:
                turns = turns + np.rint((wrapped - d) / (2 * np.pi))
        result[i] = p[i] + 2 * np.pi * turns
    return result


@decomposition(np.sinc)
def sinc(x: Any) -> Any:
    """sin(πx)/(πx), 1 at 0."""
    y = np.pi * np.asarray(x)
    if np.ndim(y) == 0:
        return np.true_divide(np.sin(np.pi * x), np.pi * x) if x != 0 else 1.0 + 0 * x
    safe = np.where(y == 0, 1.0, y)
    return np.where(y == 0, 1.0 + 0 * y, np.sin(safe) / safe)


@decomposition(np.polyadd)
def polyadd(a1: Any, a2: Any) -> Any:
    """Sum of polynomials."""
    a = np.atleast_1d(np.asarray(a1))
    b = np.atleast_1d(np.asarray(a2))
    result = np.zeros(max(a.shape[0], b.shape[0]), common_dtype(a, b))
    result[result.shape[0] - a.shape[0] :] += a
    result[result.shape[0] - b.shape[0] :] += b
    return result


@decomposition(np.polysub)
def polysub(a1: Any, a2: Any) -> Any:
    """Difference of polynomials."""
    return np.polyadd(a1, -np.asarray(a2))


@decomposition(np.polymul)
def polymul(a1: Any, a2: Any) -> Any:
    """Product of polynomials."""
    return np.convolve(a1, a2)


@decomposition(np.polyder)
def polyder(p: Any, m: Any = 1) -> Any:
    """Derivative of a polynomial."""
    result = np.asarray(p)
    for _ in range(m):
        n = result.shape[0] - 1
        result = result[:-1] * np.arange(n, 0, -1)
    return result


@decomposition(np.polyint)
def polyint(p: Any) -> Any:
    """Integral of a polynomial, 0 at 0."""
    coefficients = np.asarray(p)
    n = coefficients.shape[0]
    result = np.zeros(n + 1, inexact_dtype(coefficients))
    result[:n] = coefficients / np.arange(n, 0, -1)
    return result
