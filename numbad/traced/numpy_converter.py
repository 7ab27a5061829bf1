"""Functions of NumPy that call functions, and a helper that NumPy's own Python code uses."""

from __future__ import annotations

from typing import Any

import numpy as np

from numbad.traced.activity import mapped
from numbad.traced.reductions import _operand
from numbad.traced.registry import HANDLERS, handles
from numbad.traced.structural import structural
from numbad.traced.values import hooks, plain, wrap


class _Converter:
    """Does for traced values what NumPy's ``_array_converter`` does for others."""

    def __init__(self, *values: Any) -> None:
        self.scalar_input = tuple(np.ndim(plain(value)) == 0 for value in values)
        self._arrays = tuple(wrap(_operand(value)) for value in values)

    def as_arrays(self, **options: Any) -> tuple[Any, ...]:
        """Return the values as arrays."""
        return self._arrays

    def __getitem__(self, position: Any) -> Any:
        return self._arrays[position]

    def __len__(self) -> int:
        return len(self._arrays)

    def wrap(self, value: Any, to_scalar: Any = None) -> Any:
        """Return a result as it is."""
        return value

    def result_type(self, *extra: Any, **options: Any) -> Any:
        """Return the type that holds all the values."""
        return np.result_type(*(plain(each) for each in self._arrays), *extra)


# NumPy has no public name for it; without it there is nothing to replace.
_converter = getattr(getattr(np, "_core", None), "_multiarray_umath", None)
_converter = getattr(_converter, "_array_converter", None)
if _converter is not None:
    HANDLERS[_converter] = _Converter


@handles(np.apply_along_axis)
def _apply_along_axis(func1d: Any, axis: int, arr: Any, *args: Any, **kwargs: Any) -> Any:
    moved = hooks.call(np.moveaxis, _operand(arr), axis, -1)
    outer = np.shape(plain(moved))[:-1]
    found = [hooks.call(func1d, moved[index], *args, **kwargs) for index in np.ndindex(outer)]
    inner = np.shape(plain(found[0]))
    stacked = hooks.call(np.reshape, hooks.call(np.array, found), (*outer, *inner))
    places = tuple(range(len(outer), len(outer) + len(inner)))
    start = axis % (len(outer) + 1)
    return hooks.call(np.moveaxis, stacked, places, tuple(start + i for i in range(len(inner))))


def vectorized(function: np.vectorize, args: Any, kwargs: Any) -> Any:
    """Call an ``np.vectorize`` object: its function, element by element."""
    if function.signature is not None or kwargs or function.excluded:
        raise TypeError("np.vectorize is differentiated without signature and keyword arguments.")
    arrays = [_operand(each) for each in args]
    shape = np.broadcast_shapes(*(np.shape(plain(each)) for each in arrays))
    spread = [hooks.call(np.broadcast_to, each, shape) for each in arrays]
    found = [
        hooks.call(function.pyfunc, *(each[index] for each in spread))
        for index in np.ndindex(shape)
    ]
    if isinstance(found[0], tuple):
        return tuple(
            hooks.call(np.reshape, hooks.call(np.array, list(part)), shape)
            for part in zip(*found, strict=True)
        )
    if not shape:
        return found[0]
    return hooks.call(np.reshape, hooks.call(np.array, found), shape)


@handles(np.piecewise)
def _piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kwargs: Any) -> Any:
    x = hooks.call(np.array, x, copy=None)
    conditions = mapped(plain, condlist)
    if isinstance(conditions, np.ndarray) and conditions.ndim == np.ndim(plain(x)):
        conditions = [conditions]
    conditions = [np.asarray(each, bool) for each in conditions]
    if len(funclist) == len(conditions) + 1:
        conditions.append(~np.logical_or.reduce(conditions))
    found: Any = hooks.call(np.zeros_like, x)
    for condition, choice in zip(conditions, funclist, strict=True):
        if callable(choice):
            part = hooks.call(choice, x[condition], *args, **kwargs)
        else:
            part = choice
        hooks.set_item(found, condition, part)
    return found


@handles(np.unique)
def _unique(ar: Any, *args: Any, **kwargs: Any) -> Any:
    array = _operand(ar)
    if kwargs.get("axis") is not None or len(args) > 3:
        raise TypeError("np.unique has no derivative rule along an axis.")
    _, first = np.unique(plain(array), return_index=True)
    others = np.unique(plain(array), *args, **kwargs)
    flat = hooks.call(np.ravel, array)
    values = structural(np.take, [flat], lambda run, data: np.take(data[0], first))
    return (values, *others[1:]) if isinstance(others, tuple) else values
