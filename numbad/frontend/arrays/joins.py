"""Joining arrays: concatenate, stack and their relatives; repeat, tile, roll and flip.

Parts are written into a new array; what only permutes elements is an expression that reads them.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from numbad.frontend.arrays.convert import from_sequence, is_convertible, promote, to_lazy
from numbad.frontend.arrays.decompositions_shapes import repeat_each
from numbad.frontend.arrays.dims import Dim, Dims, dim_of, known_dim
from numbad.frontend.arrays.lazy import (
    LazyValue,
    Source,
    allocate,
    consume,
    element,
    is_arraylike,
    nest,
    of_array,
    pending,
    settle_lazy,
)
from numbad.frontend.arrays.registry import handles, method
from numbad.frontend.arrays.signature import bind, is_given, static_axes, static_axis
from numbad.frontend.arrays.subscripts import FULL, Item
from numbad.frontend.arrays.support import (
    ONE,
    ZERO,
    Index,
    Node,
    Operands,
    arithmetic,
    integer,
    select,
    value_of,
)
from numbad.frontend.arrays.views import reshape, subview
from numbad.frontend.values import Value
from numbad.ir import nodes as ir
from numbad.ir.types import Array

if TYPE_CHECKING:
    from numbad.frontend.builder import Builder


def _parts(builder: Builder, value: Value, node: Node) -> list[LazyValue]:
    """Arrays to be joined: the items of a tuple or list, or the rows of an array."""
    items = builder.as_sequence(value)
    if items is None:
        if is_convertible(builder, value):
            stacked = from_sequence(builder, value, None, node)
            return [of_array(builder, stacked)]
        builder.error(
            node,
            "The arrays to be joined must be given as a tuple or list.",
            f"It is {builder.describe(value)}.",
        )
    if not items:
        builder.error(node, "There must be at least one array to join.")
    return [to_lazy(builder, item, node) for item in items]


def join(builder: Builder, parts: Sequence[LazyValue], axis: int, node: Node) -> ir.Var:
    """Concatenate arrays along an axis."""
    ndim = len(parts[0].dims)
    if any(len(part.dims) != ndim for part in parts) or ndim == 0:
        builder.type_error(
            node, "The arrays to be joined must have the same number of axes, not 0."
        )
    dtype = promote([part.dtype for part in parts])
    if dtype is None:
        builder.type_error(node, "The arrays to be joined have no common type.")
    for part in parts:
        consume(builder, part)
    dims = [
        _common(builder, [part.dims[place] for part in parts], place, axis) for place in range(ndim)
    ]
    offsets: list[ir.Operand] = []
    total: ir.Operand = ZERO
    for part in parts:
        offsets.append(total)
        total = arithmetic(builder, operator.add, total, part.dims[axis].operand)
    dims[axis] = dim_of(builder, total)
    result = allocate(builder, Array(dtype, ndim, "C"), tuple(dims))
    for part, offset in zip(parts, offsets, strict=True):
        _write(builder, result, part, axis, offset, dims)
    return result


def _common(builder: Builder, dims: Sequence[Dim], place: int, axis: int) -> Dim:
    first = dims[0]
    if place == axis:
        return first
    for dim in dims[1:]:
        if dim.key != first.key:
            differ = arithmetic(builder, operator.ne, first.operand, dim.operand)
            message = "all the input array dimensions except for the concatenation axis must match"
            builder.raise_if(differ, ValueError, message)
    return first


def _write(
    builder: Builder,
    result: ir.Var,
    part: LazyValue,
    axis: int,
    offset: ir.Operand,
    dims: Sequence[Dim],
) -> None:
    lengths = [part.dims[place] if place == axis else dims[place] for place in range(len(dims))]

    def body(index: Index, values: Operands) -> Operands:
        target = list(index)
        target[axis] = arithmetic(builder, operator.add, index[axis], offset)
        builder.store(result, tuple(target), element(builder, part, index))
        return values

    nest(builder, lengths, body)


def _with_axis(builder: Builder, lazy: LazyValue, axis: int) -> LazyValue:
    """Return an expression with one more axis, of length 1."""
    dims = (*lazy.dims[:axis], known_dim(1), *lazy.dims[axis:])
    return LazyValue(
        builder,
        Array(lazy.dtype, len(dims), "C"),
        dims,
        lambda index: element(builder, lazy, (*index[:axis], *index[axis + 1 :])),
        cost=lazy.cost,
    )


@handles(np.concatenate, np.concat)
def concatenate(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.concatenate``."""
    arrays, axis = bind(builder, "concatenate", "arrays axis", args, kwargs, node)
    parts = _parts(builder, arrays, node)
    if "axis" in kwargs and not is_given(axis):
        flat = [reshape(builder, settle_lazy(builder, part), [None]) for part in parts]
        return value_of(join(builder, [of_array(builder, part) for part in flat], 0, node))
    ndim = len(parts[0].dims)
    if ndim == 0:
        builder.type_error(node, "Arrays without axes cannot be concatenated.")
    where = static_axis(builder, axis, ndim, node, default=0)
    return value_of(join(builder, parts, where, node))


@handles(np.stack)
def stack(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.stack``."""
    arrays, axis = bind(builder, "stack", "arrays axis", args, kwargs, node)
    if is_arraylike(arrays):
        return arrays
    parts = _parts(builder, arrays, node)
    where = static_axis(builder, axis, len(parts[0].dims) + 1, node, default=0)
    if builder.as_sequence(arrays) is None:
        return value_of(settle_lazy(builder, parts[0]))
    parts = [_with_axis(builder, part, where) for part in parts]
    return value_of(join(builder, parts, where, node))


def _stacked(
    builder: Builder,
    args: list[Value],
    node: Node,
    lift: Callable[[LazyValue], LazyValue],
    axis: Callable[[LazyValue], int],
) -> Value:
    if len(args) != 1:
        builder.error(node, "The arrays to be joined must be given as one tuple or list.")
    parts = [lift(part) for part in _parts(builder, args[0], node)]
    return value_of(join(builder, parts, axis(parts[0]), node))


def _at_least_vector(builder: Builder, part: LazyValue) -> LazyValue:
    return part if part.dims else _with_axis(builder, part, 0)


@handles(np.hstack)
def hstack(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.hstack``."""
    return _stacked(
        builder,
        args,
        node,
        lambda part: _at_least_vector(builder, part),
        lambda part: 0 if len(part.dims) == 1 else 1,
    )


@handles(np.vstack)
def vstack(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.vstack``."""

    def lift(part: LazyValue) -> LazyValue:
        part = _at_least_vector(builder, part)
        return part if len(part.dims) > 1 else _with_axis(builder, part, 0)

    return _stacked(builder, args, node, lift, lambda part: 0)


@handles(np.dstack)
def dstack(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.dstack``."""

    def lift(part: LazyValue) -> LazyValue:
        part = _at_least_vector(builder, part)
        if len(part.dims) == 1:
            part = _with_axis(builder, part, 0)
        return part if len(part.dims) > 2 else _with_axis(builder, part, 2)

    return _stacked(builder, args, node, lift, lambda part: 2)


@handles(np.column_stack)
def column_stack(
    builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node
) -> Value:
    """``np.column_stack``."""

    def lift(part: LazyValue) -> LazyValue:
        part = _at_least_vector(builder, part)
        return part if len(part.dims) > 1 else _with_axis(builder, part, 1)

    return _stacked(builder, args, node, lift, lambda part: 1)


@handles(np.append)
def append(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.append``."""
    a, values, axis = bind(builder, "append", "arr values axis", args, kwargs, node, 2)
    parts = [to_lazy(builder, value, node) for value in (a, values)]
    if is_given(axis):
        where = static_axis(builder, axis, len(parts[0].dims), node)
        return value_of(join(builder, parts, where, node))
    flat = []
    for part in parts:
        whole = part
        if len(part.dims) > 1:
            whole = of_array(builder, reshape(builder, settle_lazy(builder, part), [None]))
        flat.append(_at_least_vector(builder, whole))
    return value_of(join(builder, flat, 0, node))


# --- permutations -------------------------------------------------------------------------------


def permuted(
    builder: Builder, lazy: LazyValue, dims: Dims, place: Callable[[Index], Index]
) -> Value:
    """Return the expression whose element at an index is that of an array at ``place(index)``."""
    kept = of_array(builder, settle_lazy(builder, lazy))
    assert kept.stored is not None
    return pending(
        builder,
        LazyValue(
            builder,
            Array(lazy.dtype, len(dims), "C"),
            dims,
            lambda index: element(builder, kept, place(index)),
            (Source(kept.stored, False),),
            1,
        ),
    )


@handles(np.roll)
def roll(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.roll`` by one shift, along one axis or along the flattened array."""
    a, shift, axis = bind(builder, "roll", "a shift axis", args, kwargs, node, 2)
    lazy = to_lazy(builder, a, node)
    if not is_given(axis) and len(lazy.dims) > 1:
        flat = of_array(builder, reshape(builder, settle_lazy(builder, lazy), [None]))
        rolled = _rolled(builder, flat, shift, 0, node)
        lengths = [dim.operand for dim in lazy.dims]
        settled = settle_lazy(builder, to_lazy(builder, rolled, node))
        return value_of(reshape(builder, settled, lengths))
    axes = static_axes(builder, axis, len(lazy.dims), node) or (0,)
    shifts = builder.as_sequence(shift) or (shift,)
    if len(shifts) == 1:
        shifts = shifts * len(axes)
    if len(shifts) != len(axes):
        builder.error(node, "`np.roll` needs as many shifts as axes.")
    result: Value = lazy
    for by, one in zip(shifts, axes, strict=True):
        result = _rolled(builder, to_lazy(builder, result, node), by, one, node)
    return result


def _rolled(builder: Builder, lazy: LazyValue, shift: Value, axis: int, node: Node) -> Value:
    count = lazy.dims[axis].operand
    by = builder.as_index(shift, node)
    is_empty = arithmetic(builder, operator.eq, count, ZERO)
    divisor = select(builder, is_empty, ONE, count)
    by = arithmetic(builder, operator.mod, by, divisor)

    def place(index: Index) -> Index:
        moved = list(index)
        back = arithmetic(builder, operator.sub, index[axis], by)
        wrapped = arithmetic(builder, operator.add, back, count)
        is_negative = arithmetic(builder, operator.lt, back, ZERO)
        moved[axis] = select(builder, is_negative, wrapped, back)
        return tuple(moved)

    return permuted(builder, lazy, lazy.dims, place)


@handles(np.flip)
def flip(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.flip``, a view with reversed axes."""
    a, axis = bind(builder, "flip", "m axis", args, kwargs, node)
    lazy = to_lazy(builder, a, node)
    axes = static_axes(builder, axis, len(lazy.dims), node)
    return _flipped(builder, lazy, range(len(lazy.dims)) if axes is None else axes, node)


def _flipped(builder: Builder, lazy: LazyValue, axes: Sequence[int], node: Node) -> Value:
    back = ir.Slice(None, None, integer(-1))
    items: list[Item] = [back if place in axes else FULL for place in range(len(lazy.dims))]
    return value_of(subview(builder, settle_lazy(builder, lazy), items, node))


@handles(np.flipud)
def flipud(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.flipud``."""
    return _flipped(builder, to_lazy(builder, args[0], node), (0,), node)


@handles(np.fliplr)
def fliplr(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.fliplr``."""
    lazy = to_lazy(builder, args[0], node)
    if len(lazy.dims) < 2:
        builder.type_error(node, "`np.fliplr` needs an array of at least two axes.")
    return _flipped(builder, lazy, (1,), node)


@handles(np.repeat)
@method("repeat")
def repeat(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.repeat`` by one number; the array is flattened unless an axis is given."""
    a, repeats, axis = bind(builder, "repeat", "a repeats axis", args, kwargs, node, 2)
    lazy = to_lazy(builder, a, node)
    if is_arraylike(repeats) or is_convertible(builder, repeats):
        if is_given(axis) and len(lazy.dims) > 1:
            builder.error(node, "`np.repeat` with several counts is supported for vectors only.")
        array = reshape(builder, settle_lazy(builder, lazy), [None])
        counts = settle_lazy(builder, to_lazy(builder, repeats, node))
        return builder.inline(repeat_each, [value_of(array), value_of(counts)], {}, node)
    count = builder.as_index(repeats, node)
    builder.raise_if(
        arithmetic(builder, operator.lt, count, ZERO),
        ValueError,
        "negative dimensions are not allowed",
    )
    if not is_given(axis):
        lazy = _at_least_vector(builder, lazy)
        if len(lazy.dims) > 1:
            lazy = of_array(builder, reshape(builder, settle_lazy(builder, lazy), [None]))
    where = static_axis(builder, axis, len(lazy.dims), node, default=0)
    dims = list(lazy.dims)
    dims[where] = dim_of(builder, arithmetic(builder, operator.mul, dims[where].operand, count))

    def place(index: Index) -> Index:
        own = list(index)
        own[where] = arithmetic(builder, operator.floordiv, index[where], count)
        return tuple(own)

    return permuted(builder, lazy, tuple(dims), place)


@handles(np.tile)
def tile(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.tile``."""
    a, reps = bind(builder, "tile", "A reps", args, kwargs, node, 2)
    lazy = _at_least_vector(builder, to_lazy(builder, a, node))
    items = builder.as_sequence(reps) or (reps,)
    counts = [builder.as_index(item, node) for item in items]
    counts = [ONE] * (len(lazy.dims) - len(counts)) + counts
    while len(lazy.dims) < len(counts):
        lazy = _with_axis(builder, lazy, 0)
    own = lazy.dims
    dims = tuple(
        dim_of(builder, arithmetic(builder, operator.mul, dim.operand, count))
        for dim, count in zip(own, counts, strict=True)
    )

    def place(index: Index) -> Index:
        return tuple(
            position
            if count == ONE
            else ZERO
            if dim.known == 1
            else arithmetic(builder, operator.mod, position, dim.operand)
            for position, dim, count in zip(index, own, counts, strict=True)
        )

    return permuted(builder, lazy, dims, place)


__all__ = ["join", "permuted"]
