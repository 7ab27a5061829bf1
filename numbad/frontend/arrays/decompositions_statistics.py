"""Statistics: spread, order statistics, means with weights, functions that ignore NaN, counts."""

from __future__ import annotations

from typing import Any

import numpy as np

from numbad.frontend.arrays.intrinsics import inexact_dtype, is_complex_valued
from numbad.frontend.arrays.registry import decomposition
from numbad.frontend.arrays.scans import vector_function


def root(v: Any) -> Any:
    """Square root whose derivative at 0 is 0: for spreads and norms."""
    if np.ndim(v) == 0:
        return np.sqrt(v) if v > 0 else v * 0
    return np.where(v > 0, np.sqrt(v), v * 0)


def count_of(a: Any, axis: Any) -> Any:
    """Number of elements along an axis, several axes or all."""
    if axis is None:
        return np.size(a)
    if isinstance(axis, tuple):
        count = 1
        for one in axis:
            count = count * np.shape(a)[one]
        return count
    return np.shape(a)[axis]


@decomposition(np.var, methods=("var",))
def var(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: Any = 0,
    keepdims: Any = False,
) -> Any:
    """Mean square distance from the mean."""
    a = np.asarray(a)
    if axis is None and not keepdims:
        middle = np.mean(a)
        return np.true_divide(squares(a, middle, None, False), np.size(a) - ddof)
    middle = np.mean(a, axis=axis, keepdims=True)
    return squares(a, middle, axis, keepdims) / (count_of(a, axis) - ddof)


def squares(a: Any, middle: Any, axis: Any, keepdims: Any) -> Any:
    """Sum of the squared distances."""
    if is_complex_valued(a):
        d = a - middle
        return np.sum(np.real(d) ** 2 + np.imag(d) ** 2, axis=axis, keepdims=keepdims)
    return np.sum((a - middle) ** 2, axis=axis, keepdims=keepdims)


@decomposition(np.std, methods=("std",))
def std(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: Any = 0,
    keepdims: Any = False,
) -> Any:
    """Root of the variance; its derivative is 0 where all elements are equal."""
    return root(np.var(a, axis=axis, ddof=ddof, keepdims=keepdims))


@decomposition(np.average)
def average(a: Any, axis: Any = None, weights: Any = None) -> Any:
    """Mean with weights."""
    if weights is None:
        return np.mean(a, axis=axis)
    a = np.asarray(a)
    w = np.asarray(weights)
    if axis is None:
        return np.true_divide(np.sum(a * w), np.sum(w))
    if np.ndim(w) == 1 and np.ndim(a) == 2 and axis in (0, -2):
        return np.sum(a * w[:, None], axis=axis) / np.sum(w)
    return np.sum(a * w, axis=axis) / np.sum(w, axis=-1 if np.ndim(w) == 1 else axis)


@vector_function(np.median)
def median(v: Any) -> Any:
    """Middle element, or mean of the two in the middle."""
    n = v.shape[0]
    if n == 0:
        return np.nan
    w = np.sort(v)
    if w[n - 1] != w[n - 1]:
        return w[n - 1] * 1.0
    half = n // 2
    if n % 2 == 1:
        return w[half] * 1.0
    return (w[half - 1] + w[half]) / 2


def between(w: Any, q: Any) -> Any:
    """Element of an ascending vector at a fraction of its length, interpolated linearly."""
    n = w.shape[0]
    if w[n - 1] != w[n - 1]:
        return w[n - 1] * 1.0
    place = q * (n - 1)
    low = min(max(int(np.floor(place)), 0), n - 1)
    high = min(low + 1, n - 1)
    return w[low] + (place - low) * (w[high] - w[low])


def quantile_of(v: Any, q: Any) -> Any:
    """Quantile of a vector, at one fraction or several."""
    if v.shape[0] == 0:
        raise ValueError("a quantile of no elements")
    w = np.sort(v)
    if np.ndim(q) == 0:
        if q < 0 or q > 1:
            raise ValueError("Quantiles must be in the range [0, 1]")
        return between(w, q)
    fractions = np.asarray(q)
    result = np.empty(fractions.shape[0], inexact_dtype(v))
    for i in range(fractions.shape[0]):
        if fractions[i] < 0 or fractions[i] > 1:
            raise ValueError("Quantiles must be in the range [0, 1]")
        result[i] = between(w, fractions[i])
    return result


@vector_function(np.quantile, parameters="a q axis keepdims")
def quantile(v: Any, q: Any) -> Any:
    """Quantile by linear interpolation."""
    return quantile_of(v, q)


@vector_function(np.percentile, parameters="a q axis keepdims")
def percentile(v: Any, q: Any) -> Any:
    """Percentile by linear interpolation."""
    if np.ndim(q) == 0:
        return quantile_of(v, q / 100)
    return quantile_of(v, np.asarray(q) / 100)


def numbers_of(v: Any) -> Any:
    """Elements of a vector that are not NaN."""
    return v[~np.isnan(v)]


@vector_function(np.nanmedian)
def nanmedian(v: Any) -> Any:
    """Median of the elements that are not NaN."""
    return median(numbers_of(v))


@vector_function(np.nanquantile, parameters="a q axis keepdims")
def nanquantile(v: Any, q: Any) -> Any:
    """Quantile of the elements that are not NaN."""
    return quantile_of(numbers_of(v), q)


@vector_function(np.nanpercentile, parameters="a q axis keepdims")
def nanpercentile(v: Any, q: Any) -> Any:
    """Percentile of the elements that are not NaN."""
    return percentile(numbers_of(v), q)


# --- NaN is ignored -----------------------------------------------------------------------------


@decomposition(np.nansum)
def nansum(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False
) -> Any:
    """Sum in which NaN counts as 0."""
    return np.sum(np.where(np.isnan(a), 0, a), axis=axis, keepdims=keepdims)


@decomposition(np.nanprod)
def nanprod(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False
) -> Any:
    """Product in which NaN counts as 1."""
    return np.prod(np.where(np.isnan(a), 1, a), axis=axis, keepdims=keepdims)


def nan_count(a: Any, axis: Any, keepdims: Any) -> Any:
    """Number of elements that are not NaN."""
    return np.count_nonzero(~np.isnan(a), axis=axis, keepdims=keepdims)


@decomposition(np.nanmean)
def nanmean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False
) -> Any:
    """Mean of the elements that are not NaN."""
    total = np.nansum(a, axis=axis, keepdims=keepdims)
    return np.true_divide(total, nan_count(a, axis, keepdims))


@decomposition(np.nanvar)
def nanvar(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: Any = 0,
    keepdims: Any = False,
) -> Any:
    """Variance of the elements that are not NaN."""
    middle = np.nanmean(a, axis=axis, keepdims=axis is not None)
    total = np.nansum((a - middle) ** 2, axis=axis, keepdims=keepdims)
    return np.true_divide(total, nan_count(a, axis, keepdims) - ddof)


@decomposition(np.nanstd)
def nanstd(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: Any = 0,
    keepdims: Any = False,
) -> Any:
    """Root of the variance of the elements that are not NaN."""
    return root(np.nanvar(a, axis=axis, ddof=ddof, keepdims=keepdims))


@decomposition(np.nanmax)
def nanmax(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False) -> Any:
    """Greatest element that is not NaN."""
    found = np.max(np.where(np.isnan(a), -np.inf, a), axis=axis, keepdims=keepdims)
    return np.where(nan_count(a, axis, keepdims) > 0, found, np.nan)


@decomposition(np.nanmin)
def nanmin(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False) -> Any:
    """Least element that is not NaN."""
    found = np.min(np.where(np.isnan(a), np.inf, a), axis=axis, keepdims=keepdims)
    return np.where(nan_count(a, axis, keepdims) > 0, found, np.nan)


# --- covariance ---------------------------------------------------------------------------------


@decomposition(np.cov)
def cov(m: Any, y: Any = None, rowvar: Any = True, bias: Any = False, ddof: Any = None) -> Any:
    """Covariance matrix of variables in rows (or columns)."""
    x = variables(m, rowvar)
    if y is not None:
        x = np.concatenate((x, variables(y, rowvar)), axis=0)
    n = x.shape[1]
    lost = ddof if ddof is not None else (0 if bias else 1)
    centred = x - np.mean(x, axis=1)[:, None]
    product = np.dot(centred, np.conj(centred.T)) / (n - lost)
    if np.ndim(m) == 1 and y is None:
        return product[0, 0]
    return product


def variables(m: Any, rowvar: Any) -> Any:
    """Observations as a matrix with one variable per row."""
    m = np.asarray(m)
    x = m.astype(inexact_dtype(m))
    if np.ndim(x) == 1:
        return x[None, :]
    return x if rowvar else x.T


@decomposition(np.corrcoef)
def corrcoef(x: Any, y: Any = None, rowvar: Any = True) -> Any:
    """Covariances divided by the spreads."""
    c = np.cov(x, y, rowvar)
    if np.ndim(c) == 0:
        return c / c
    d = np.sqrt(np.diag(c))
    return c / d[:, None] / d[None, :]


# --- counts -------------------------------------------------------------------------------------


@decomposition(np.bincount)
def bincount(x: Any, weights: Any = None, minlength: Any = 0) -> Any:
    """Count, or sum of weights, of each non-negative integer."""
    x = np.asarray(x)
    if minlength < 0:
        raise ValueError("'minlength' must not be negative")
    top = -1
    for i in range(x.shape[0]):
        if x[i] < 0:
            raise ValueError("'list' argument must have no negative elements")
        top = max(top, int(x[i]))
    if weights is None:
        counts = np.zeros(max(top + 1, minlength), np.int64)
        for i in range(x.shape[0]):
            counts[x[i]] += 1
        return counts
    w = np.asarray(weights)
    if w.shape[0] != x.shape[0]:
        raise ValueError("The weights and list don't have the same length.")
    sums = np.zeros(max(top + 1, minlength), np.float64)
    for i in range(x.shape[0]):
        sums[x[i]] += w[i]
    return sums


@decomposition(np.histogram)
def histogram(a: Any, bins: Any = 10, range: Any = None) -> Any:
    """Numbers of elements between edges, and the edges."""
    flat = np.ravel(a)
    if np.ndim(bins) == 0:
        if range is None:
            low, high = np.min(flat) * 1.0, np.max(flat) * 1.0
        else:
            low, high = range[0] * 1.0, range[1] * 1.0
        if low == high:
            low, high = low - 0.5, high + 0.5
        edges = np.linspace(low, high, bins + 1)
    else:
        edges = np.asarray(bins)
    return counts_between(flat, edges), edges


def counts_between(flat: Any, edges: Any) -> Any:
    """Number of elements in each interval; the last is closed."""
    last = edges.shape[0] - 1
    counts = np.zeros(last, np.int64)
    for i in range(flat.shape[0]):
        if flat[i] >= edges[0] and flat[i] <= edges[last]:
            counts[min(np.searchsorted(edges, flat[i], side="right") - 1, last - 1)] += 1
    return counts


@decomposition(np.digitize)
def digitize(x: Any, bins: Any, right: Any = False) -> Any:
    """Place of each element among ascending or descending bins."""
    bins = np.asarray(bins)
    n = bins.shape[0]
    if n > 1 and bins[0] > bins[n - 1]:
        up = np.ascontiguousarray(bins[::-1])
        if right:
            return n - np.searchsorted(up, x, side="right")
        return n - np.searchsorted(up, x, side="left")
    if right:
        return np.searchsorted(bins, x, side="left")
    return np.searchsorted(bins, x, side="right")
