"""Functions along one axis: running sums and products, differences, functions of vectors."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from numbad.frontend.arrays import operations
from numbad.frontend.arrays.convert import dtype_of, to_lazy
from numbad.frontend.arrays.dims import Dims
from numbad.frontend.arrays.lazy import (
    LazyValue,
    allocate,
    consume,
    element,
    nest,
    of_array,
    settle_lazy,
)
from numbad.frontend.arrays.reductions import sum_type
from numbad.frontend.arrays.registry import Handler, handles, method
from numbad.frontend.arrays.signature import bind, is_given, static_axes, static_axis, static_bool
from numbad.frontend.arrays.subscripts import FULL, At, Item
from numbad.frontend.arrays.support import (
    Index,
    Node,
    Operands,
    integer,
    loop,
    number_of,
    value_of,
)
from numbad.frontend.arrays.views import reshape, subview, transpose
from numbad.frontend.values import Value
from numbad.ir import nodes as ir
from numbad.ir.types import Array, Scalar, is_inexact

if TYPE_CHECKING:
    from numbad.frontend.builder import Builder


def _scan(fn: Callable[..., Any], start: int, name: str, replacement: int | None = None) -> Handler:
    """Handler of a running fold; NaN counts as ``replacement`` if that is given."""

    def handler(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
        a, axis, dtype, out = bind(builder, name, "a axis dtype out", args, kwargs, node)
        if is_given(out):
            builder.error(node, f"`np.{name}` is not supported with `out=`.")
        lazy = to_lazy(builder, a, node)
        type_ = dtype_of(builder, dtype, sum_type(lazy.dtype), node)
        if not is_given(axis) and len(lazy.dims) != 1:
            lazy = of_array(builder, reshape(builder, settle_lazy(builder, lazy), [None]))
        where = static_axis(builder, axis, len(lazy.dims), node, default=0)
        return value_of(_running(builder, lazy, where, type_, fn, start, replacement))

    return handler


def _running(
    builder: Builder,
    lazy: LazyValue,
    axis: int,
    dtype: Scalar,
    fn: Callable[..., Any],
    start: int,
    replacement: int | None,
) -> ir.Var:
    consume(builder, lazy)
    result = allocate(builder, Array(dtype, len(lazy.dims), "C"), lazy.dims)
    kept = [place for place in range(len(lazy.dims)) if place != axis]
    kind = dtype if is_inexact(dtype) else None

    def row(index: Index, values: Operands) -> Operands:
        def step(place: ir.Operand, inner: Operands) -> Operands:
            whole = (*index[:axis], place, *index[axis:])
            item = builder.cast(element(builder, lazy, whole), dtype)
            if replacement is not None and is_inexact(dtype):
                is_nan = builder.call(operator.ne, item, item)
                item = operations.choose(builder, is_nan, number_of(dtype, replacement), item)
            total = builder.cast(builder.call(fn, inner[0], item, type=kind), dtype)
            builder.store(result, whole, total)
            return [total]

        loop(builder, lazy.dims[axis].operand, step, [number_of(dtype, start)])
        return values

    nest(builder, [lazy.dims[place] for place in kept], row)
    return result


HANDLERS_OF_SCANS = {
    "cumsum": _scan(operator.add, 0, "cumsum"),
    "cumprod": _scan(operator.mul, 1, "cumprod"),
}
handles(np.cumsum)(method("cumsum")(HANDLERS_OF_SCANS["cumsum"]))
handles(np.cumprod)(method("cumprod")(HANDLERS_OF_SCANS["cumprod"]))
handles(np.nancumsum)(_scan(operator.add, 0, "nancumsum", 0))
handles(np.nancumprod)(_scan(operator.mul, 1, "nancumprod", 1))


@handles(np.diff)
def diff(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.diff``: differences of neighbours, ``n`` times."""
    a, n, axis = bind(builder, "diff", "a n axis", args, kwargs, node)
    times = int(builder.as_static(n, "`n`")) if is_given(n) else 1
    if times < 0:
        builder.error(node, "The order of `np.diff` must not be negative.")
    lazy = to_lazy(builder, a, node)
    where = static_axis(builder, axis, len(lazy.dims), node)
    result: Value = lazy
    for _ in range(times):
        array = settle_lazy(builder, to_lazy(builder, result, node))
        ends = []
        for part in (ir.Slice(integer(1), None, None), ir.Slice(None, integer(-1), None)):
            items: list[Item] = [FULL] * len(lazy.dims)
            items[where] = part
            ends.append(value_of(subview(builder, array, items, node)))
        fn = operator.ne if lazy.dtype.name == "bool" else operator.sub
        result = operations.apply(builder, fn, ends, node)
    return result


# --- functions of vectors -----------------------------------------------------------------------


def along_axes(
    builder: Builder,
    value: Value,
    axis: Value,
    keepdims: bool,
    function: Callable[[Value], Value],
    node: Node,
) -> Value:
    """Apply a function of a vector, with a number as its result, along axes or to all elements."""
    lazy = to_lazy(builder, value, node)
    array = settle_lazy(builder, lazy)
    axes = static_axes(builder, axis, len(lazy.dims), node)
    if axes is None or len(axes) == len(lazy.dims):
        flat = value_of(reshape(builder, array, [None]))
        if not keepdims:
            return function(flat)
        axes = tuple(range(len(lazy.dims)))
    kept = [place for place in range(len(lazy.dims)) if place not in axes]
    moved = transpose(builder, array, [*kept, *sorted(axes)])
    if len(axes) > 1:
        lengths: list[ir.Operand | None] = [lazy.dims[place].operand for place in kept]
        moved = reshape(builder, moved, [*lengths, None])
    rows = tuple(lazy.dims[place] for place in kept)

    def row(index: Index) -> Value:
        items: list[Item] = [*(At(position) for position in index), FULL]
        return value_of(subview(builder, moved, items, node))

    with builder.nested():
        sample = row(tuple(builder.fresh.var(integer(0).type) for _ in rows))
        dtype = builder.as_scalar(function(sample), node).type
    assert isinstance(dtype, Scalar)
    result = allocate(builder, Array(dtype, len(rows), "C"), rows)

    def body(index: Index, values: Operands) -> Operands:
        builder.store(result, index, builder.as_scalar(function(row(index)), node))
        return values

    nest(builder, rows, body)
    if not keepdims:
        return value_of(result)
    return value_of(_with_ones(builder, result, axes, lazy.dims, node))


def _with_ones(
    builder: Builder, array: ir.Var, axes: tuple[int, ...], dims: Dims, node: Node
) -> ir.Var:
    items: list[Item] = [ir.NewAxis() if place in axes else FULL for place in range(len(dims))]
    return subview(builder, array, items, node)


def vector_function(
    *functions: Callable[..., Any], parameters: str = "a axis keepdims"
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a plain Python function of a vector as what a NumPy function does along axes.

    ``parameters`` are those of the NumPy function; all but the array, ``axis`` and ``keepdims``
    are passed on, the array coming first.
    """

    def register(body: Callable[..., Any]) -> Callable[..., Any]:
        def handler(
            builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node
        ) -> Value:
            name = functions[0].__name__
            given = dict(
                zip(
                    parameters.split(),
                    bind(builder, name, parameters, args, kwargs, node),
                    strict=True,
                )
            )
            a, axis, keepdims = given.pop("a"), given.pop("axis"), given.pop("keepdims", None)
            extra = {key: value for key, value in given.items() if is_given(value)}
            keep = keepdims is not None and static_bool(builder, keepdims, "`keepdims`")
            return along_axes(
                builder,
                a,
                axis,
                keep,
                lambda row: builder.inline(body, [row], extra, node),
                node,
            )

        for function in functions:
            handles(function)(handler)
        return body

    return register
