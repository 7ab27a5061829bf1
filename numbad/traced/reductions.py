"""Sums, products, extrema and scans along axes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from numbad.traced.activity import level_of, mapped, settle, strip
from numbad.traced.arrays import _into, select
from numbad.traced.bodies import is_array
from numbad.traced.dispatch import fitted, wrap_all
from numbad.traced.levels import beneath
from numbad.traced.registry import handles
from numbad.traced.values import hooks, plain

_NOTHING: Any = np._NoValue


def _operand(a: Any) -> Any:
    return settle(hooks.call(np.array, a) if isinstance(a, list | tuple) else a)


def _axes(axis: Any, ndim: int) -> tuple[int, ...]:
    axis = mapped(plain, axis)
    if axis is None:
        return tuple(range(ndim))
    every = axis if isinstance(axis, tuple | list) else (axis,)
    return tuple(int(one) % ndim if ndim else 0 for one in every)


def linear(
    function: Callable[..., Any], transpose: Callable[[Any, Any], Any], a: Any, *args: Any
) -> Any:
    """Apply a linear function of one array; ``transpose(y_bar, a)`` takes cotangents back."""
    a = _operand(a)
    level = level_of(a)
    if level is None:
        return wrap_all(function(plain(a), *args))
    lower = strip(a, level)
    with beneath(level):
        y = linear(function, transpose, lower, *args)
    return level.record(
        y,
        [a],
        lambda tangents: linear(function, transpose, tangents[0], *args),
        lambda y_bar: [fitted(transpose(y_bar, lower), lower)],
    )


def _spread(y_bar: Any, a: Any, axis: Any, keepdims: bool) -> Any:
    """Return a cotangent of a reduction's result, for all the elements that were reduced."""
    shape = np.shape(plain(a))
    if not keepdims and is_array(y_bar):
        axes = _axes(axis, len(shape))
        y_bar = hooks.call(
            np.reshape, y_bar, tuple(1 if i in axes else n for i, n in enumerate(shape))
        )
    return hooks.call(np.broadcast_to, y_bar, shape)


@handles(np.sum, method="sum")
def _sum(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = _NOTHING,
    where: Any = _NOTHING,
) -> Any:
    a = _operand(a)
    axis = mapped(plain, axis)
    keep = keepdims is True or keepdims == 1
    if where is not _NOTHING and where is not True:
        a = select(np.broadcast_to(plain(where), np.shape(plain(a))), a, 0.0)
    found = linear(
        lambda x: np.sum(x, axis=axis, dtype=dtype, keepdims=keep),
        lambda y_bar, x: _spread(y_bar, x, axis, keep),
        a,
    )
    return _into(out, found if initial is _NOTHING else found + initial)


@handles(np.mean, method="mean")
def _mean(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    *,
    where: Any = _NOTHING,
) -> Any:
    a = _operand(a)
    axis = mapped(plain, axis)
    keep = keepdims is True or keepdims == 1
    if where is not _NOTHING and where is not True:
        mask = np.broadcast_to(plain(where), np.shape(plain(a)))
        total = _sum(a, axis, dtype, None, keepdims, where=mask)
        return _into(out, total / np.sum(mask, axis=axis, keepdims=keep))
    shape = np.shape(plain(a))
    count = math.prod(shape[i] for i in _axes(axis, len(shape)))
    found = linear(
        lambda x: np.mean(x, axis=axis, dtype=dtype, keepdims=keep),
        lambda y_bar, x: _spread(y_bar / count, x, axis, keep),
        a,
    )
    return _into(out, found)


@handles(np.cumsum, method="cumsum")
def _cumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    a = _operand(a)
    if axis is None:
        a, axis = hooks.call(np.ravel, a), 0
    axis = int(plain(axis))

    def transpose(y_bar: Any, x: Any) -> Any:
        flipped = hooks.call(np.flip, y_bar, axis)
        return hooks.call(np.flip, _cumsum(flipped, axis), axis)

    return _into(out, linear(lambda x: np.cumsum(x, axis, dtype), transpose, a))


@handles(np.prod, method="prod")
def _prod(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = _NOTHING,
    where: Any = _NOTHING,
) -> Any:
    a = _operand(a)
    if where is not _NOTHING and where is not True:
        a = select(np.broadcast_to(plain(where), np.shape(plain(a))), a, 1.0)
    shape = np.shape(plain(a))
    axes = _axes(axis, len(shape))
    rest = [i for i in range(len(shape)) if i not in axes]
    kept = tuple(1 if i in axes else n for i, n in enumerate(shape))
    flat = hooks.call(np.transpose, a, (*axes, *rest)) if len(shape) > 1 else a
    flat = hooks.call(np.reshape, flat, (-1, *(shape[i] for i in rest)))
    count = plain(flat).shape[0]
    if count == 0:
        return wrap_all(np.prod(plain(a), axis=mapped(plain, axis), keepdims=bool(keepdims)))
    # Neighbours are multiplied, then neighbours of the products: no quotient is ever formed.
    while count > 1:
        half = count // 2
        pairs = flat[: 2 * half : 2] * flat[1 : 2 * half : 2]
        flat = hooks.call(np.concatenate, [pairs, flat[2 * half :]]) if count % 2 else pairs
        count = plain(flat).shape[0]
    found = flat[0]
    if keepdims is True:
        found = hooks.call(np.reshape, found, kept)
    return _into(out, found if initial is _NOTHING else found * initial)


@handles(np.cumprod, method="cumprod")
def _cumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    a = _operand(a)
    if axis is None:
        a, axis = hooks.call(np.ravel, a), 0
    axis = int(plain(axis))
    moved = hooks.call(np.moveaxis, a, axis, 0) * 1
    step, count = 1, plain(moved).shape[0]
    while step < count:
        moved = hooks.call(np.concatenate, [moved[:step], moved[step:] * moved[:-step]])
        step *= 2
    return _into(out, hooks.call(np.moveaxis, moved, 0, axis))


def _extremum(name: str) -> Callable[..., Any]:
    winner = getattr(np, f"arg{name}")
    pick = np.maximum if name == "max" else np.minimum

    def handler(
        a: Any,
        axis: Any = None,
        out: Any = None,
        keepdims: Any = False,
        initial: Any = _NOTHING,
        where: Any = _NOTHING,
    ) -> Any:
        a = _operand(a)
        if where is not _NOTHING and where is not True:
            a = select(np.broadcast_to(plain(where), np.shape(plain(a))), a, initial)
        shape = np.shape(plain(a))
        if not shape:
            return a
        axes = _axes(axis, len(shape))
        rest = [i for i in range(len(shape)) if i not in axes]
        kept = tuple(1 if i in axes else n for i, n in enumerate(shape))
        flat = hooks.call(np.transpose, a, (*axes, *rest)) if len(shape) > 1 else a
        flat = hooks.call(np.reshape, flat, (-1, *(shape[i] for i in rest)))
        found = flat[0]
        if rest:
            index = winner(plain(flat), axis=0)
            found = flat[(index, *np.indices(index.shape))]
        else:
            found = flat[int(winner(plain(flat)))]
        if keepdims is True:
            found = hooks.call(np.reshape, found, kept)
        return _into(out, found if initial is _NOTHING else hooks.call(pick, found, initial))

    return handler


handles(np.max, np.amax, method="max")(_extremum("max"))
handles(np.min, np.amin, method="min")(_extremum("min"))


@handles(np.ptp)
def _ptp(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False) -> Any:
    options = {"axis": axis, "keepdims": keepdims is True}
    return _into(out, hooks.call(np.max, a, **options) - hooks.call(np.min, a, **options))


def _without_nan(name: str, filler: float) -> Callable[..., Any]:
    function = getattr(np, name)

    def handler(a: Any, axis: Any = None, *args: Any, **kwargs: Any) -> Any:
        a = _operand(a)
        return hooks.call(function, select(np.isnan(plain(a)), filler, a), axis, *args, **kwargs)

    return handler


handles(np.nansum)(_without_nan("sum", 0.0))
handles(np.nanprod)(_without_nan("prod", 1.0))
handles(np.nancumsum)(_without_nan("cumsum", 0.0))
handles(np.nancumprod)(_without_nan("cumprod", 1.0))
handles(np.nanmax)(_without_nan("max", -math.inf))
handles(np.nanmin)(_without_nan("min", math.inf))


@handles(np.nanmean)
def _nanmean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False
) -> Any:
    known = ~np.isnan(plain(_operand(a)))
    keep = keepdims is True
    count = np.sum(known, axis=axis, keepdims=keep)
    return _into(out, hooks.call(np.nansum, a, axis, keepdims=keep) / count)


@handles(np.sort)
def _sort(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, **kwargs: Any) -> Any:
    a = _operand(a)
    if axis is None:
        a, axis = hooks.call(np.ravel, a), 0
    axis = int(plain(axis))
    index = np.argsort(plain(a), axis=axis, kind="stable")
    return hooks.call(np.take_along_axis, a, index, axis)


@handles(method="sort")
def _sort_method(a: Any, axis: Any = -1, kind: Any = None, **kwargs: Any) -> None:
    hooks.set_item(a, Ellipsis, _sort(a, axis))


@handles(np.partition)
def _partition(a: Any, kth: Any, axis: Any = -1, **kwargs: Any) -> Any:
    a = _operand(a)
    index = np.argpartition(plain(a), mapped(plain, kth), axis=axis)
    return hooks.call(np.take_along_axis, a, index, axis)


@handles(np.diff)
def _diff(
    a: Any, n: int = 1, axis: int = -1, prepend: Any = _NOTHING, append: Any = _NOTHING
) -> Any:
    a = _operand(a)
    ends = [(prepend, 0), (append, 1)]
    for value, last in ends:
        if value is not _NOTHING:
            end = value
            if np.ndim(plain(value)) == 0:
                shape = list(np.shape(plain(a)))
                shape[axis] = 1
                end = hooks.call(np.full, tuple(shape), value)
            a = hooks.call(np.concatenate, [a, end] if last else [end, a], axis=axis)
    for _ in range(int(plain(n))):
        moved = hooks.call(np.moveaxis, a, axis, 0)
        moved = moved[1:] != moved[:-1] if plain(a).dtype.kind == "b" else moved[1:] - moved[:-1]
        a = hooks.call(np.moveaxis, moved, 0, axis)
    return a


@handles(np.trace, method="trace")
def _trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, **kwargs: Any) -> Any:
    return hooks.call(np.sum, hooks.call(np.diagonal, a, offset, axis1, axis2), axis=-1)


@handles(np.var, method="var")
def _var(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: Any = 0,
    keepdims: Any = False,
    **kwargs: Any,
) -> Any:
    a = _operand(a)
    shape = np.shape(plain(a))
    count = math.prod(shape[i] for i in _axes(axis, len(shape)))
    centred = a - hooks.call(np.mean, a, axis=axis, keepdims=True)
    squares = hooks.call(np.abs, centred) ** 2 if plain(a).dtype.kind == "c" else centred * centred
    total = hooks.call(np.sum, squares, axis=axis, keepdims=keepdims is True)
    return _into(out, hooks.call(np.true_divide, total, count - kwargs.get("correction", ddof)))


@handles(np.std, method="std")
def _std(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, *args: Any, **kwargs: Any
) -> Any:
    return _into(out, root_or_zero(_var(a, axis, dtype, None, *args, **kwargs)))


def root_or_zero(v: Any) -> Any:
    """Return the square root, with slope 0 at 0: for spreads and norms."""
    positive = plain(v) > 0
    if np.ndim(positive) == 0:
        return hooks.call(np.sqrt, v) if positive else v * 0
    return select(positive, hooks.call(np.sqrt, v), v * 0)
