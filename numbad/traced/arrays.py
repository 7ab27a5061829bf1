"""Array functions of NumPy: those that move elements, and those that only look.

The derivatives of reductions and products are in ``reductions`` and ``products``. A function that
is in none of these tables is tried, in this order: the rule of the registry, the decomposition
that the compiled engine uses, and NumPy's own Python code.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from numbad.traced.activity import is_active, level_in, mapped, settle
from numbad.traced.bodies import is_array
from numbad.traced.dispatch import elementwise, fitted, wrap_all
from numbad.traced.levels import beneath
from numbad.traced.registry import HANDLERS, METHODS, handles
from numbad.traced.structural import structural
from numbad.traced.values import Traced, TracedArray, hooks, plain, wrap


def moves(function: Any, *data_names: str, method: str = "") -> None:
    """Register a function that moves elements; ``data_names`` are the parameters it moves.

    Positions count from the first parameter. All but these parameters only say how.
    """
    count = len(data_names) or 1

    def handler(*args: Any, **kwargs: Any) -> Any:
        rest = mapped(plain, list(args[count:]))
        named = {name: value for name, value in kwargs.items() if name in data_names}
        other = {name: mapped(plain, v) for name, v in kwargs.items() if name not in data_names}
        names = list(named)

        def remake(run: Callable[..., Any], data: Any) -> Any:
            given = dict(zip(names, data[len(data) - len(names) :], strict=True)) if names else {}
            return run(*data[: len(data) - len(names)], *rest, **given, **_castless(run, other))

        return structural(function, [*args[:count], *named.values()], remake)

    HANDLERS[function] = handler
    for name in method.split():
        METHODS[name] = handler


def _castless(run: Any, other: dict[str, Any]) -> dict[str, Any]:
    return other


for _function, _method in (
    (np.ravel, ""),
    (np.transpose, ""),
    (np.lib.stride_tricks.sliding_window_view, ""),
    (np.swapaxes, "swapaxes"),
    (np.moveaxis, ""),
    (np.rollaxis, ""),
    (np.squeeze, "squeeze"),
    (np.expand_dims, ""),
    (np.broadcast_to, ""),
    (np.flip, ""),
    (np.fliplr, ""),
    (np.flipud, ""),
    (np.roll, ""),
    (np.rot90, ""),
    (np.tile, ""),
    (np.repeat, "repeat"),
    (np.take, "take"),
    (np.take_along_axis, ""),
    (np.delete, ""),
    (np.diag, ""),
    (np.diagflat, ""),
    (np.diagonal, "diagonal"),
    (np.tril, ""),
    (np.triu, ""),
    (np.split, ""),
    (np.array_split, ""),
    (np.hsplit, ""),
    (np.vsplit, ""),
    (np.dsplit, ""),
    (np.concatenate, ""),
    (np.stack, ""),
    (np.vstack, ""),
    (np.hstack, ""),
    (np.dstack, ""),
    (np.column_stack, ""),
    (np.block, ""),
    (np.matrix_transpose, ""),
    (np.resize, ""),
    (np.unstack, ""),
):
    moves(_function, method=_method)
moves(np.append, "arr", "values")


@handles(np.reshape)
def _reshape(a: Any, shape: Any, order: Any = "C", **kwargs: Any) -> Any:
    shape = mapped(plain, shape)
    return structural(
        np.reshape, [a], lambda run, data: np.reshape(data[0], shape, order=order, **kwargs)
    )


@handles(method="reshape")
def _reshape_method(a: Any, *shape: Any, order: Any = "C") -> Any:
    return _reshape(a, shape[0] if len(shape) == 1 else shape, order)


@handles(method="transpose")
def _transpose_method(a: Any, *axes: Any) -> Any:
    order = axes[0] if len(axes) == 1 else axes or None
    return hooks.call(np.transpose, a, order)


@handles(method="ravel")
def _ravel_method(a: Any, order: Any = "C") -> Any:
    return structural(np.ravel, [a], lambda run, data: np.ravel(data[0], order))


@handles(method="flatten")
def _flatten(a: Any, order: Any = "C") -> Any:
    return structural(np.copy, [a], lambda run, data: np.asarray(data[0]).flatten(order))


@handles(np.copy)
def _copy(a: Any, order: Any = "K", subok: bool = False) -> Any:
    return structural(np.copy, [a], lambda run, data: np.array(data[0], order=order))


@handles(method="copy")
def _copy_method(a: Any, order: Any = "C") -> Any:
    return _copy(a, order)


@handles(method="view")
def _view(a: Any, *args: Any, **kwargs: Any) -> Any:
    viewed = plain(a).view(*mapped(plain, args), **kwargs)
    if viewed.dtype != plain(a).dtype and is_active(a):
        raise TypeError("A view of a differentiated array as another type has no derivative.")
    return wrap(viewed)


@handles(np.atleast_1d)
def _atleast_1d(*arrays: Any) -> Any:
    found = [
        structural(np.atleast_1d, [a], lambda run, data: np.atleast_1d(data[0])) for a in arrays
    ]
    return found[0] if len(found) == 1 else tuple(found)


@handles(np.atleast_2d)
def _atleast_2d(*arrays: Any) -> Any:
    found = [
        structural(np.atleast_2d, [a], lambda run, data: np.atleast_2d(data[0])) for a in arrays
    ]
    return found[0] if len(found) == 1 else tuple(found)


@handles(np.atleast_3d)
def _atleast_3d(*arrays: Any) -> Any:
    found = [
        structural(np.atleast_3d, [a], lambda run, data: np.atleast_3d(data[0])) for a in arrays
    ]
    return found[0] if len(found) == 1 else tuple(found)


@handles(np.broadcast_arrays)
def _broadcast_arrays(*arrays: Any, **kwargs: Any) -> Any:
    shape = np.broadcast_shapes(*(np.shape(plain(a)) for a in arrays))
    return tuple(hooks.call(np.broadcast_to, a, shape) for a in arrays)


@handles(np.meshgrid)
def _meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> Any:
    options: dict[str, Any] = {"copy": True, "sparse": sparse, "indexing": indexing}
    return structural(np.meshgrid, list(xi), lambda run, data: np.meshgrid(*data, **options))


@handles(np.insert)
def _insert(arr: Any, obj: Any, values: Any, axis: Any = None) -> Any:
    places = mapped(plain, obj)
    return structural(
        np.insert, [arr, values], lambda run, data: np.insert(data[0], places, data[1], axis)
    )


@handles(np.pad)
def _pad(array: Any, pad_width: Any, mode: Any = "constant", **kwargs: Any) -> Any:
    if mode in ("mean", "linear_ramp", "maximum", "minimum", "median"):
        raise TypeError(f"np.pad with mode {mode!r} has no derivative rule.")
    if is_active(kwargs.get("constant_values", 0)):
        raise TypeError("np.pad has no derivative rule for `constant_values`.")
    options = mapped(plain, kwargs)

    def remake(run: Any, data: Any) -> Any:
        given = dict(options)
        if np.asarray(data[0]).dtype == np.intp and mode == "constant":
            given.pop("constant_values", None)
        return np.pad(data[0], pad_width, mode, **given)

    return structural(np.pad, [array], remake)


@handles(np.compress, method="compress")
def _compress(condition: Any, a: Any, axis: Any = None) -> Any:
    if is_array(condition) and plain(condition).dtype.kind != "b" and plain(a).dtype.kind == "b":
        condition, a = a, condition
    mask = mapped(plain, condition)
    return structural(np.compress, [a], lambda run, data: np.compress(mask, data[0], axis))


@handles(np.extract)
def _extract(condition: Any, arr: Any) -> Any:
    mask = mapped(plain, condition)
    return structural(np.extract, [arr], lambda run, data: np.extract(mask, data[0]))


@handles(np.choose)
def _choose(a: Any, choices: Any, **kwargs: Any) -> Any:
    which = mapped(plain, a)
    return structural(np.choose, [choices], lambda run, data: np.choose(which, data[0], **kwargs))


@handles(np.where)
def where(condition: Any, *choices: Any) -> Any:
    """``np.where``: the choice that is not taken gets exactly zero."""
    if not choices:
        return wrap_all(np.where(mapped(plain, condition)))
    return select(mapped(plain, condition), *choices)


def select(condition: Any, x: Any, y: Any) -> Any:
    """Return elements of ``x`` where the plain condition holds, else of ``y``."""
    x, y = settle(_as_array(x)), settle(_as_array(y))
    level = level_in(x, y)
    if level is None:
        return wrap(np.where(condition, plain(x), plain(y)))
    from numbad.traced.activity import strip, takes_part

    # A copy: the sweep uses it after later assignments to the caller's array.
    condition = np.array(condition, bool)
    lower = [strip(x, level), strip(y, level)]
    with beneath(level):
        value = select(condition, *lower)
    pairs = [
        (each, low, mask)
        for each, low, mask in zip(
            (x, y), lower, (condition, np.logical_not(condition)), strict=True
        )
        if takes_part(each, level)
    ]

    def push(tangents: list[Any]) -> Any:
        total = None
        for tangent, (_, _, mask) in zip(tangents, pairs, strict=True):
            term = select(mask, tangent, 0.0)
            total = term if total is None else total + term
        return total

    def pull(y_bar: Any) -> list[Any]:
        return [fitted(select(mask, y_bar, 0.0), low) for _, low, mask in pairs]

    return level.record(value, [each for each, _, _ in pairs], push, pull)


def _as_array(value: Any) -> Any:
    return hooks.call(np.array, value) if isinstance(value, list | tuple) else value


@handles(np.select)
def _select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    found = default
    for condition, choice in zip(condlist[::-1], choicelist[::-1], strict=True):
        found = hooks.call(np.where, condition, choice, found)
    return found


@handles(np.clip, method="clip")
def _clip(
    a: Any,
    a_min: Any = None,
    a_max: Any = None,
    out: Any = None,
    *,
    min: Any = None,
    max: Any = None,
) -> Any:
    found = _as_array(a)
    for function, bound in (
        (np.maximum, a_min),
        (np.maximum, min),
        (np.minimum, a_max),
        (np.minimum, max),
    ):
        if bound is not None:
            found = hooks.call(function, found, _as_array(bound))
    return _into(out, found)


def _into(out: Any, found: Any) -> Any:
    """Return a result, in the array given for it."""
    if out is None:
        return found
    hooks.set_item(wrap(out), Ellipsis, found)
    return wrap(out)


# --- making arrays ----------------------------------------------------------------------------


@handles(np.array)
def array(
    value: Any, dtype: Any = None, *, copy: Any = True, order: Any = "K", **kwargs: Any
) -> Any:
    """``np.array`` of numbers, arrays and sequences of these."""
    if is_array(value) and not copy:
        same = np.asarray(plain(value), dtype, order, copy=copy)
        if np.may_share_memory(same, plain(value)) or plain(value).size == 0:
            return TracedArray(same)

    def remake(run: Any, data: Any) -> Any:
        return np.array(data, order=order, **kwargs)

    found = structural(np.array, value, remake)
    return found if dtype is None else cast(found, dtype)


@handles(np.asarray, np.asanyarray)
def _asarray(value: Any, dtype: Any = None, order: Any = None, **kwargs: Any) -> Any:
    return array(value, dtype, copy=None, order=order or "K")


@handles(np.ascontiguousarray)
def _ascontiguousarray(value: Any, dtype: Any = None, **kwargs: Any) -> Any:
    return hooks.call(np.atleast_1d, array(value, dtype, copy=None, order="C"))


@handles(np.asfortranarray)
def _asfortranarray(value: Any, dtype: Any = None, **kwargs: Any) -> Any:
    return hooks.call(np.atleast_1d, array(value, dtype, copy=None, order="F"))


@handles(np.fromiter)
def _fromiter(values: Any, dtype: Any, count: int = -1, **kwargs: Any) -> Any:
    return array(list(values), dtype)


def cast(value: Any, dtype: Any) -> Any:
    """Return an array (or number) with elements of another type."""
    dtype = np.dtype(dtype)
    if plain(value).dtype == dtype:
        return value

    def converted(each: Any) -> Any:
        return np.asarray(each).astype(dtype)[()] if np.ndim(each) == 0 else each.astype(dtype)

    _CASTS[converted] = dtype
    return _cast_by(converted, dtype, value)


_CASTS: dict[Any, Any] = {}


def _cast_by(converted: Any, dtype: np.dtype[Any], value: Any) -> Any:
    from numbad.traced.activity import level_of, strip

    _CASTS.pop(converted, None)
    value = settle(value)
    level = level_of(value)
    if level is None:
        found = np.asarray(plain(value)).astype(dtype)
        return TracedArray(found) if is_array(value) else found[()]
    lower = strip(value, level)
    with beneath(level):
        y = _cast_by(converted, dtype, lower)
    if dtype.kind == "b":
        return y
    whole = dtype.kind in "iu" and plain(lower).dtype.kind not in "iub"

    def push(tangents: list[Any]) -> Any:
        if whole:
            return 0.0
        return hooks.call(np.real, tangents[0]) if dtype.kind != "c" else tangents[0]

    def pull(y_bar: Any) -> list[Any]:
        found = y_bar * 0.0 if whole else y_bar
        return [fitted(found, lower)]

    return level.record(y, [value], push, pull)


@handles(method="astype")
def _astype(a: Any, dtype: Any, order: Any = "K", copy: bool = True, **kwargs: Any) -> Any:
    if plain(a).dtype == np.dtype(dtype):
        return _copy(a, order) if copy else a
    return cast(a, dtype)


@handles(np.astype)
def _astype_function(x: Any, dtype: Any, /, *, copy: bool = True, **kwargs: Any) -> Any:
    return _astype(x, dtype, copy=copy)


@handles(np.arange)
def _arange(*args: Any, **kwargs: Any) -> Any:
    values = np.arange(*mapped(plain, list(args)), **mapped(plain, kwargs))
    start = args[0] if len(args) > 1 else kwargs.get("start", 0)
    step = args[2] if len(args) > 2 else kwargs.get("step", 1)
    if not is_active(start) and not is_active(step):
        return TracedArray(values)
    found = step * TracedArray(np.arange(len(values))) + start
    return cast(found, values.dtype)


@handles(np.full)
def _full(shape: Any, fill_value: Any, dtype: Any = None, order: Any = "C", **kwargs: Any) -> Any:
    kind = np.asarray(plain(fill_value)).dtype if dtype is None else dtype
    found = TracedArray(np.zeros(mapped(plain, shape), kind, order))
    hooks.set_item(found, Ellipsis, fill_value)
    return found


@handles(np.full_like)
def _full_like(a: Any, fill_value: Any, dtype: Any = None, **kwargs: Any) -> Any:
    found = TracedArray(np.zeros_like(plain(a), dtype, **kwargs))
    hooks.set_item(found, Ellipsis, fill_value)
    return found


@handles(np.copyto)
def _copyto(dst: Any, src: Any, casting: Any = "same_kind", where: Any = True) -> None:
    source = np.asarray(plain(src)) if not isinstance(src, list) else None
    if source is not None and not np.can_cast(source.dtype, plain(dst).dtype, casting):
        np.copyto(plain(dst).copy(), source, casting=casting)
    if where is True:
        hooks.set_item(wrap(dst), Ellipsis, src)
        return
    mask = np.broadcast_to(plain(where), plain(dst).shape)
    hooks.set_item(
        wrap(dst), mask, hooks.get_item(hooks.call(np.broadcast_to, src, mask.shape), mask)
    )


@handles(np.putmask)
def _putmask(a: Any, mask: Any, values: Any) -> None:
    mask = np.asarray(mapped(plain, mask))
    flat = hooks.call(np.resize, values, mask.size) if np.ndim(plain(values)) else values
    if is_array(flat):
        flat = hooks.get_item(flat, mask.ravel())
    hooks.set_item(wrap(a), mask, flat)


@handles(np.fill_diagonal)
def _fill_diagonal(a: Any, val: Any, wrap_: bool = False, **kwargs: Any) -> None:
    index = np.arange(min(plain(a).shape))
    hooks.set_item(wrap(a), (index,) * plain(a).ndim, val)


@handles(method="fill")
def _fill(a: Any, value: Any) -> None:
    hooks.set_item(a, Ellipsis, value)


@handles(method="item")
def _item(a: Any, *index: Any) -> Any:
    flat = a
    if not index:
        if plain(a).size != 1:
            raise ValueError("can only convert an array of size 1 to a Python scalar")
        found = hooks.get_item(hooks.call(np.reshape, flat, (-1,)), 0)
    elif len(index) == 1 and not isinstance(index[0], tuple):
        found = hooks.get_item(hooks.call(np.reshape, flat, (-1,)), index[0])
    else:
        found = hooks.get_item(flat, index[0] if isinstance(index[0], tuple) else index)
    kind = plain(found)
    to = (
        float
        if isinstance(kind, np.floating)
        else complex
        if isinstance(kind, np.complexfloating)
        else None
    )
    if to is complex or to is None:
        return found if isinstance(found, Traced) else kind.item()
    return hooks.call(float, found)


@handles(method="tolist")
def _tolist(a: Any) -> Any:
    if not is_active(a):
        return plain(a).tolist()
    if plain(a).ndim == 0:
        return _item(a)
    return [_tolist(each) if is_array(each) else each for each in a]


@handles(np.real, method="real")
def _real(val: Any) -> Any:
    if is_array(val) and plain(val).dtype.kind != "c":
        return val
    if isinstance(val, TracedArray):
        return TracedArray(val.array.real)
    return elementwise(np.real, _as_array(val))


@handles(np.imag)
def _imag(val: Any) -> Any:
    if isinstance(val, TracedArray) and val.array.dtype.kind == "c":
        return TracedArray(val.array.imag)
    return elementwise(np.imag, _as_array(val))


@handles(np.nan_to_num)
def _nan_to_num(
    x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None
) -> Any:
    value = np.asarray(plain(x))
    fixed = np.nan_to_num(value, copy=True, nan=nan, posinf=posinf, neginf=neginf)
    found = select(np.isfinite(value), x, fixed)
    return found if copy else _into(x, found)


# --- looking only -----------------------------------------------------------------------------

_LOOKING = [
    "shape",
    "ndim",
    "size",
    "argmax",
    "argmin",
    "argsort",
    "argpartition",
    "nonzero",
    "flatnonzero",
    "argwhere",
    "count_nonzero",
    "any",
    "all",
    "isclose",
    "allclose",
    "array_equal",
    "array_equiv",
    "searchsorted",
    "digitize",
    "lexsort",
    "iscomplexobj",
    "isrealobj",
    "iscomplex",
    "isreal",
    "result_type",
    "can_cast",
    "min_scalar_type",
    "common_type",
    "zeros_like",
    "ones_like",
    "empty_like",
    "may_share_memory",
    "shares_memory",
    "nanargmax",
    "nanargmin",
    "isin",
    "isposinf",
    "isneginf",
    "iterable",
    "broadcast_shapes",
    "ndindex",
    "array2string",
    "array_repr",
    "array_str",
    "diag_indices_from",
    "tril_indices_from",
    "triu_indices_from",
    "unravel_index",
    "ravel_multi_index",
]


def _looks(function: Any) -> None:
    def handler(*args: Any, **kwargs: Any) -> Any:
        return wrap_all(function(*mapped(plain, list(args)), **mapped(plain, kwargs)))

    HANDLERS[function] = handler


for _name in _LOOKING:
    _looks(getattr(np, _name))
for _name in ("argmax", "argmin", "argsort", "nonzero", "any", "all", "searchsorted", "tobytes"):
    METHODS[_name] = lambda a, *args, _name=_name, **kwargs: wrap_all(
        getattr(plain(a), _name)(*mapped(plain, list(args)), **mapped(plain, kwargs))
    )
