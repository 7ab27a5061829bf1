"""Medians, percentiles and quantiles, also of what is known of arrays with missing numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from numbad.traced.arrays import _into, select
from numbad.traced.reductions import _operand, _sort
from numbad.traced.registry import handles
from numbad.traced.values import hooks, plain, wrap


@handles(np.median)
def _median(
    a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: Any = False
) -> Any:
    return _quantile(a, 0.5, axis, out, keepdims=keepdims)


@handles(np.percentile)
def _percentile(a: Any, q: Any, *args: Any, **kwargs: Any) -> Any:
    q = hooks.call(np.array, q) if isinstance(q, list | tuple) else q
    return _quantile(a, hooks.call(np.true_divide, q, 100), *args, **kwargs)


@handles(np.quantile)
def _quantile(
    a: Any,
    q: Any,
    axis: Any = None,
    out: Any = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: Any = False,
    **kwargs: Any,
) -> Any:
    if method != "linear" or kwargs.get("weights") is not None or isinstance(axis, tuple):
        raise TypeError(
            "np.quantile is differentiated with method='linear', without weights, along one axis."
        )
    a = _operand(a)
    shape = np.shape(plain(a))
    if axis is None:
        kept: tuple[int, ...] = (1,) * len(shape)
        a, axis = hooks.call(np.ravel, a), 0
    else:
        axis = int(plain(axis)) % len(shape)
        kept = tuple(1 if i == axis else n for i, n in enumerate(shape))
    ordered = hooks.call(np.moveaxis, _sort(a, axis), axis, 0)
    n = plain(ordered).shape[0]
    q = hooks.call(np.array, q) if isinstance(q, list | tuple) else q

    def one(fraction: Any) -> Any:
        place = fraction * (n - 1)
        low = min(max(int(np.floor(plain(place))), 0), n - 1)
        high = min(low + 1, n - 1)
        found = ordered[low] + (place - low) * (ordered[high] - ordered[low])
        if np.isnan(plain(ordered)).any():
            found = select(np.isnan(plain(ordered[n - 1])), ordered[n - 1], found)
        return hooks.call(np.reshape, found, kept) if keepdims is True else found

    if np.ndim(plain(q)) == 0:
        return _into(out, one(q))
    return _into(out, hooks.call(np.stack, [one(each) for each in wrap(q)]))


def _of_known(quantile: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that takes a quantile of the numbers that are not NaN, lane by lane."""

    def handler(
        a: Any, *q: Any, axis: Any = None, out: Any = None, keepdims: Any = False, **kwargs: Any
    ) -> Any:
        fractions, rest = q[: _COUNTS[quantile]], q[_COUNTS[quantile] :]
        axis = rest[0] if rest else axis
        a = _operand(a)
        shape = np.shape(plain(a))
        if axis is None:
            lanes = hooks.call(np.reshape, a, (1, -1))
            kept, outer = (1,) * len(shape), ()
        else:
            axis = int(plain(axis)) % len(shape)
            lanes = hooks.call(np.reshape, hooks.call(np.moveaxis, a, axis, -1), (-1, shape[axis]))
            kept = tuple(1 if i == axis else n for i, n in enumerate(shape))
            outer = tuple(n for i, n in enumerate(shape) if i != axis)

        def of_lane(lane: Any) -> Any:
            known = ~np.isnan(plain(lane))
            return quantile(lane[known] if known.any() else lane, *fractions, **kwargs)

        found = hooks.call(np.stack, [of_lane(lane) for lane in lanes], -1)
        leading = np.shape(plain(found))[:-1]
        final = leading + (kept if keepdims is True else outer)
        found = hooks.call(np.reshape, found, final)
        return _into(out, found[()] if not final else found)

    return handler


_COUNTS = {_median: 0, _percentile: 1, _quantile: 1}

handles(np.nanmedian)(_of_known(_median))
handles(np.nanpercentile)(_of_known(_percentile))
handles(np.nanquantile)(_of_known(_quantile))
