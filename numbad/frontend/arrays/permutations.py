"""Roll, flip, repeat and tile: expressions that read the elements of an array elsewhere."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from numbad.frontend.arrays.access import variable_of
from numbad.frontend.arrays.convert import is_convertible, to_lazy
from numbad.frontend.arrays.decompositions_matrices import turned
from numbad.frontend.arrays.decompositions_shapes import repeat_each
from numbad.frontend.arrays.dims import Dims, dim_of, mark_copied
from numbad.frontend.arrays.joins import at_least_vector, with_axis
from numbad.frontend.arrays.lazy import (
    LazyValue,
    Source,
    element,
    is_arraylike,
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
    arithmetic,
    integer,
    select,
    value_of,
)
from numbad.frontend.arrays.views import reshape, subview, transpose
from numbad.frontend.values import StaticValue, Value
from numbad.ir import nodes as ir
from numbad.ir.types import Array

if TYPE_CHECKING:
    from numbad.frontend.builder import Builder


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


@handles(np.rot90)
def rot90(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.rot90`` of the first two axes: a view if the number of turns is known beforehand."""
    m, k, axes = bind(builder, "rot90", "m k axes", args, kwargs, node)
    if is_given(axes) and tuple(builder.as_static(axes, "`axes`")) != (0, 1):
        builder.error(node, "`np.rot90` turns the first two axes only.")
    array = settle_lazy(builder, to_lazy(builder, m, node))
    assert isinstance(array.type, Array)
    if array.type.ndim < 2:
        builder.type_error(node, "`np.rot90` needs an array of at least two axes.")
    if not is_given(k):
        turns: object = 1
    elif isinstance(k, StaticValue):
        turns = k.value
    else:
        number = builder.as_scalar(k, node)
        turns = number.value if isinstance(number, ir.Const) else None
    if not isinstance(turns, int):
        copy = builder.inline(turned, [value_of(array), k], {}, node)
        mark_copied(builder, variable_of(builder, copy))
        return copy
    swapped = [1, 0, *range(2, array.type.ndim)]
    if turns % 4 == 3:
        array = transpose(builder, array, swapped)
    flipped = {0: (), 1: (1,), 2: (0, 1), 3: (1,)}[turns % 4]
    result = _flipped(builder, of_array(builder, array), flipped, node)
    if turns % 4 == 1:
        result = value_of(transpose(builder, variable_of(builder, result), swapped))
    return result


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
        lazy = at_least_vector(builder, lazy)
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
    lazy = at_least_vector(builder, to_lazy(builder, a, node))
    items = builder.as_sequence(reps) or (reps,)
    counts = [builder.as_index(item, node) for item in items]
    counts = [ONE] * (len(lazy.dims) - len(counts)) + counts
    while len(lazy.dims) < len(counts):
        lazy = with_axis(builder, lazy, 0)
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
