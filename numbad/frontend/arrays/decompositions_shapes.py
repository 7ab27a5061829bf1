"""Selecting and arranging elements: take, delete, meshgrid, select; comparisons of whole arrays."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from numbad.frontend.arrays.registry import decomposition
from numbad.kernels.special import exponent_of


def repeat_each(v: Any, counts: Any) -> Any:
    """Vector with each element repeated as often as its count says."""
    if counts.shape[0] != v.shape[0] and counts.shape[0] != 1:
        raise ValueError("operands could not be broadcast together")
    total = 0
    for i in range(v.shape[0]):
        total += counts[i if counts.shape[0] > 1 else 0]
    result = np.empty(total, v.dtype)
    place = 0
    for i in range(v.shape[0]):
        for _ in range(counts[i if counts.shape[0] > 1 else 0]):
            result[place] = v[i]
            place += 1
    return result


@decomposition(np.take, methods=("take",))
def take(a: Any, indices: Any, axis: Any = None) -> Any:
    """Elements at integer places, of the flattened array or along an axis."""
    if axis is None:
        return np.ravel(a)[indices]
    if axis == 0 or axis == -np.ndim(a):
        return a[indices]
    if axis == 1 or axis == 1 - np.ndim(a):
        return a[:, indices]
    if axis == 2 or axis == 2 - np.ndim(a):
        return a[:, :, indices]
    raise ValueError("np.take is supported along the first three axes")


@decomposition(np.take_along_axis)
def take_along_axis(arr: Any, indices: Any, axis: Any) -> Any:
    """Elements at one place per row or column."""
    if axis is None:
        return np.ravel(arr)[indices]
    if np.ndim(arr) == 1:
        return arr[indices]
    if axis == 0 or axis == -np.ndim(arr):
        return arr[indices, np.arange(arr.shape[1])[None, :]]
    return arr[np.arange(arr.shape[0])[:, None], indices]


@decomposition(np.compress)
def compress(condition: Any, a: Any) -> Any:
    """Elements of a vector where a condition holds."""
    return np.ravel(a)[np.flatnonzero(condition)]


@decomposition(np.extract)
def extract(condition: Any, arr: Any) -> Any:
    """Elements of the flattened array where a condition holds."""
    return np.ravel(arr)[np.flatnonzero(np.ravel(condition))]


@decomposition(np.delete)
def delete(arr: Any, obj: Any) -> Any:
    """Vector without the elements at some places."""
    v = np.ravel(arr)
    n = v.shape[0]
    keep = np.ones(n, np.bool_)
    if np.ndim(obj) == 0:
        if obj < -n or obj >= n:
            raise IndexError("index is out of bounds")
        keep[obj] = False
    else:
        places = np.asarray(obj)
        for i in range(places.shape[0]):
            if places[i] < -n or places[i] >= n:
                raise IndexError("index is out of bounds")
            keep[places[i]] = False
    return v[keep]


@decomposition(np.meshgrid)
def meshgrid(*xi: Any, indexing: Any = "xy") -> Any:
    """Coordinate matrices of coordinate vectors."""
    if len(xi) == 1:
        return (np.asarray(xi[0]).copy(),)
    x = np.asarray(xi[0])
    y = np.asarray(xi[1])
    if len(xi) == 2:
        if indexing == "xy":
            shape = (y.shape[0], x.shape[0])
            return np.broadcast_to(x[None, :], shape), np.broadcast_to(y[:, None], shape)
        shape = (x.shape[0], y.shape[0])
        return np.broadcast_to(x[:, None], shape), np.broadcast_to(y[None, :], shape)
    if len(xi) > 3:
        raise TypeError("np.meshgrid is supported for at most three vectors")
    z = np.asarray(xi[2])
    if indexing == "xy":
        grid = (y.shape[0], x.shape[0], z.shape[0])
        return (
            np.broadcast_to(x[None, :, None], grid),
            np.broadcast_to(y[:, None, None], grid),
            np.broadcast_to(z[None, None, :], grid),
        )
    grid = (x.shape[0], y.shape[0], z.shape[0])
    return (
        np.broadcast_to(x[:, None, None], grid),
        np.broadcast_to(y[None, :, None], grid),
        np.broadcast_to(z[None, None, :], grid),
    )


@decomposition(np.select)
def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    """Elements of the first choice whose condition holds."""
    result = default
    for i in range(len(condlist) - 1, -1, -1):
        result = np.where(condlist[i], choicelist[i], result)
    return result


@decomposition(np.isclose)
def isclose(a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: Any = False) -> Any:
    """Whether elements are equal within a tolerance."""
    near = np.less_equal(np.abs(a - b), atol + rtol * np.abs(b)) & np.isfinite(b)
    near = near | np.equal(a, b)
    if equal_nan:
        near = near | (np.isnan(a) & np.isnan(b))
    return near


@decomposition(np.allclose)
def allclose(a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: Any = False) -> Any:
    """Whether all elements are equal within a tolerance."""
    return np.all(np.isclose(np.asarray(a), np.asarray(b), rtol, atol, equal_nan))


@decomposition(np.array_equal)
def array_equal(a1: Any, a2: Any) -> Any:
    """Whether two arrays have the same shape and elements."""
    a = np.asarray(a1)
    b = np.asarray(a2)
    if np.ndim(a) != np.ndim(b):
        return False
    for k in range(np.ndim(a)):
        if a.shape[k] != b.shape[k]:
            return False
    return np.all(a == b)


@decomposition(np.fix)
def fix(x: Any) -> Any:
    """Rounding towards zero."""
    return np.trunc(x)


@decomposition(np.ndindex)
def ndindex(*shape: Any) -> Iterator[Any]:
    """All indices of a shape."""
    lengths = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple) else shape
    if len(lengths) == 1:
        for i in range(lengths[0]):
            yield (i,)
    elif len(lengths) == 2:
        for i in range(lengths[0]):
            for j in range(lengths[1]):
                yield (i, j)
    elif len(lengths) == 3:
        for i in range(lengths[0]):
            for j in range(lengths[1]):
                for k in range(lengths[2]):
                    yield (i, j, k)
    else:
        raise TypeError("np.ndindex is supported for one to three axes")


@decomposition(np.ndenumerate)
def ndenumerate(arr: Any) -> Iterator[Any]:
    """All indices of an array with their elements."""
    if np.ndim(arr) == 1:
        for i in range(arr.shape[0]):
            yield (i,), arr[i]
    elif np.ndim(arr) == 2:
        for i in range(arr.shape[0]):
            for j in range(arr.shape[1]):
                yield (i, j), arr[i, j]
    elif np.ndim(arr) == 3:
        for i in range(arr.shape[0]):
            for j in range(arr.shape[1]):
                for k in range(arr.shape[2]):
                    yield (i, j, k), arr[i, j, k]
    else:
        raise TypeError("np.ndenumerate is supported for one to three axes")


@decomposition(np.insert)
def insert(arr: Any, obj: Any, values: Any) -> Any:
    """Vector with one element more before a place."""
    v = np.ravel(arr)
    n = v.shape[0]
    if np.ndim(obj) != 0 or np.ndim(values) != 0:
        raise TypeError("np.insert is supported for one place and one value")
    place = obj + n if obj < 0 else obj
    if place < 0 or place > n:
        raise IndexError("index is out of bounds")
    result = np.empty(n + 1, v.dtype)
    result[:place] = v[:place]
    result[place] = values
    result[place + 1 :] = v[place:]
    return result


@decomposition(np.putmask)
def putmask(a: Any, mask: Any, values: Any) -> Any:
    """Write to the places where a mask holds; values are repeated by place."""
    if np.ndim(values) == 0:
        a[mask] = values
    else:
        target = a.flat
        flags = np.ravel(mask)
        w = np.ravel(values)
        for i in range(flags.shape[0]):
            if flags[i]:
                target[i] = w[i % w.shape[0]]


@decomposition(np.place)
def place(arr: Any, mask: Any, vals: Any) -> Any:
    """Write values, in turn, to the places where a mask holds."""
    target = arr.flat
    flags = np.ravel(mask)
    w = np.ravel(np.asarray(vals))
    count = 0
    for i in range(flags.shape[0]):
        if flags[i]:
            target[i] = w[count % w.shape[0]]
            count += 1


@decomposition(np.put)
def put(a: Any, ind: Any, v: Any) -> Any:
    """Write values, in turn, to places of the flattened array."""
    target = a.flat
    places = np.ravel(np.asarray(ind))
    w = np.ravel(np.atleast_1d(np.asarray(v)))
    for i in range(places.shape[0]):
        target[places[i]] = w[i % w.shape[0]]


@decomposition(np.asarray_chkfinite)
def asarray_chkfinite(a: Any) -> Any:
    """Array whose elements must all be finite."""
    array = np.asarray(a)
    if not np.all(np.isfinite(array)):
        raise ValueError("array must not contain infs or NaNs")
    return array


@decomposition(math.frexp)
def frexp(x: Any) -> Any:
    """Mantissa, which moves with the number, and exponent."""
    exponent = exponent_of(x)
    return math.ldexp(x, -exponent), exponent


@decomposition(math.modf, np.modf)
def modf(x: Any) -> Any:
    """Fractional and whole parts."""
    whole = np.trunc(x)
    return x - whole, whole


@decomposition(np.divmod)
def divmod_(x1: Any, x2: Any) -> Any:
    """Quotient, rounded down, and remainder."""
    return np.floor_divide(x1, x2), np.remainder(x1, x2)


@decomposition(np.partition)
def partition(a: Any, kth: Any) -> Any:
    """Elements in ascending order, which is one of the orders that are allowed."""
    return np.sort(a)


@decomposition(np.argpartition)
def argpartition(a: Any, kth: Any) -> Any:
    """Places of the elements in ascending order."""
    return np.argsort(a)


@decomposition(np.nanargmax)
def nanargmax(a: Any) -> Any:
    """Place of the greatest element that is not NaN."""
    return np.argmax(np.where(np.isnan(a), -np.inf, a))


@decomposition(np.nanargmin)
def nanargmin(a: Any) -> Any:
    """Place of the least element that is not NaN."""
    return np.argmin(np.where(np.isnan(a), np.inf, a))


@decomposition(np.isposinf)
def isposinf(x: Any) -> Any:
    """Whether elements are positive infinity."""
    return np.equal(x, np.inf)


@decomposition(np.isneginf)
def isneginf(x: Any) -> Any:
    """Whether elements are negative infinity."""
    return np.equal(x, -np.inf)


@decomposition(np.isreal)
def isreal(x: Any) -> Any:
    """Whether elements have no imaginary part."""
    return np.equal(np.imag(x), 0)


@decomposition(np.iscomplex)
def iscomplex(x: Any) -> Any:
    """Whether elements have an imaginary part."""
    return np.not_equal(np.imag(x), 0)


@decomposition(np.nditer)
def nditer(op: Any) -> Iterator[Any]:
    """Elements of an array in C order, each as an array without axes; for reading."""
    flat = np.ravel(op)
    for i in range(flat.shape[0]):
        yield flat[i : i + 1].reshape(())
