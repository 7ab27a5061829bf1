"""Joining arrays: concatenate, stack and their relatives; the parts are written to a new array."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from numbad.frontend.arrays.convert import from_sequence, is_convertible, promote, to_lazy
from numbad.frontend.arrays.dims import Dim, dim_of, known_dim
from numbad.frontend.arrays.lazy import (
    LazyValue,
    allocate,
    consume,
    element,
    is_arraylike,
    nest,
    of_array,
    settle_lazy,
)
from numbad.frontend.arrays.registry import handles
from numbad.frontend.arrays.signature import bind, is_given, static_axis
from numbad.frontend.arrays.support import (
    ZERO,
    Index,
    Node,
    Operands,
    arithmetic,
    value_of,
)
from numbad.frontend.arrays.views import reshape
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


def with_axis(builder: Builder, lazy: LazyValue, axis: int) -> LazyValue:
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
    parts = [with_axis(builder, part, where) for part in parts]
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


def at_least_vector(builder: Builder, part: LazyValue) -> LazyValue:
    """Return an expression with at least one axis."""
    return part if part.dims else with_axis(builder, part, 0)


@handles(np.hstack)
def hstack(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.hstack``."""
    return _stacked(
        builder,
        args,
        node,
        lambda part: at_least_vector(builder, part),
        lambda part: 0 if len(part.dims) == 1 else 1,
    )


@handles(np.vstack, *filter(None, [getattr(np, "row_stack", None)]))
def vstack(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.vstack``."""

    def lift(part: LazyValue) -> LazyValue:
        part = at_least_vector(builder, part)
        return part if len(part.dims) > 1 else with_axis(builder, part, 0)

    return _stacked(builder, args, node, lift, lambda part: 0)


@handles(np.dstack)
def dstack(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.dstack``."""

    def lift(part: LazyValue) -> LazyValue:
        part = at_least_vector(builder, part)
        if len(part.dims) == 1:
            part = with_axis(builder, part, 0)
        return part if len(part.dims) > 2 else with_axis(builder, part, 2)

    return _stacked(builder, args, node, lift, lambda part: 2)


@handles(np.column_stack)
def column_stack(
    builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node
) -> Value:
    """``np.column_stack``."""

    def lift(part: LazyValue) -> LazyValue:
        part = at_least_vector(builder, part)
        return part if len(part.dims) > 1 else with_axis(builder, part, 1)

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
        flat.append(at_least_vector(builder, whole))
    return value_of(join(builder, flat, 0, node))
