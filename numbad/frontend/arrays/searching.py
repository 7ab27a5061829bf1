"""Sorting and searching: the order or the places are found by NumPy, then elements are gathered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from numbad.frontend.arrays.access import variable_of
from numbad.frontend.arrays.assignment import assign
from numbad.frontend.arrays.convert import to_array, to_lazy
from numbad.frontend.arrays.dims import Dims, array_dims, known_dim, note_fresh
from numbad.frontend.arrays.lazy import (
    LazyValue,
    allocate,
    element,
    nest,
    of_array,
    settle_lazy,
)
from numbad.frontend.arrays.registry import handles, method
from numbad.frontend.arrays.signature import bind, is_given, static_axis
from numbad.frontend.arrays.subscripts import FULL, At, Item, nonzero
from numbad.frontend.arrays.support import Index, Node, Operands, integer, value_of
from numbad.frontend.arrays.views import reshape, subview, transpose
from numbad.frontend.values import TupleValue, Value
from numbad.ir import nodes as ir
from numbad.ir.types import INT64, Array
from numbad.kernels.searching import search_left, search_right, stable_order

if TYPE_CHECKING:
    from numbad.frontend.builder import Builder

_PLACES = Array(INT64, 1, "C")


def places_of(builder: Builder, condition: Value, node: Node) -> Value:
    """Return ``np.nonzero(condition)``: a tuple of integer arrays."""
    found = nonzero(builder, to_array(builder, condition, node))
    return TupleValue(tuple(value_of(places) for places in found))


@handles(np.nonzero)
@method("nonzero")
def np_nonzero(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.nonzero``."""
    return places_of(builder, args[0], node)


@handles(np.flatnonzero)
def flatnonzero(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.flatnonzero``."""
    array = reshape(builder, to_array(builder, args[0], node), [None])
    return value_of(nonzero(builder, array)[0])


@handles(np.argwhere)
def argwhere(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.argwhere``."""
    found = nonzero(builder, to_array(builder, args[0], node))
    count = array_dims(builder, found[0])[0]
    result = allocate(builder, Array(INT64, 2, "C"), (count, known_dim(len(found))))

    def body(index: Index, values: Operands) -> Operands:
        for axis, places in enumerate(found):
            builder.store(result, (*index, integer(axis)), builder.load(places, *index))
        return values

    nest(builder, (count,), body)
    return value_of(result)


def order_of(builder: Builder, array: ir.Var, *, stable: bool = False) -> ir.Var:
    """Return the places of the elements of a vector in ascending order."""
    order = builder.call(stable_order if stable else np.argsort, array, type=_PLACES)
    assert isinstance(order, ir.Var)
    note_fresh(builder, order, array_dims(builder, array))
    return order


def sort_rows(builder: Builder, array: ir.Var, *, places: bool, stable: bool = False) -> ir.Var:
    """Return the elements in ascending order along the last axis, or their places."""
    assert isinstance(array.type, Array)
    dims = array_dims(builder, array)
    if len(dims) == 1:
        order = order_of(builder, array, stable=stable)
        return order if places else _gathered(builder, array, order, dims)
    dtype = INT64 if places else array.type.dtype
    result = allocate(builder, Array(dtype, len(dims), "C"), dims)

    def body(index: Index, values: Operands) -> Operands:
        items: list[Item] = [*(At(position) for position in index), FULL]
        row = subview(builder, array, items)
        order = order_of(builder, row, stable=stable)

        def inner(place: Index, inner_values: Operands) -> Operands:
            found: ir.Operand = builder.load(order, *place)
            if not places:
                found = builder.load(row, found)
            builder.store(result, (*index, *place), found)
            return inner_values

        nest(builder, dims[-1:], inner)
        return values

    nest(builder, dims[:-1], body)
    return result


def _gathered(builder: Builder, array: ir.Var, order: ir.Var, dims: Dims) -> ir.Var:
    assert isinstance(array.type, Array)
    lazy = LazyValue(
        builder,
        Array(array.type.dtype, 1, "C"),
        dims,
        lambda index: builder.load(array, builder.load(order, *index)),
    )
    return settle_lazy(builder, lazy)


def _sorted(
    builder: Builder, name: str, args: list[Value], kwargs: dict[str, Value], node: Node
) -> Value:
    a, axis, kind = bind(builder, name, "a axis kind", args, kwargs, node)
    array = to_array(builder, a, node)
    assert isinstance(array.type, Array)
    places = name == "argsort"
    stable = is_given(kind) and builder.as_static(kind, "`kind`") in ("stable", "mergesort")
    if "axis" in kwargs and not is_given(axis):
        array = reshape(builder, array, [None])
        return value_of(sort_rows(builder, array, places=places, stable=stable))
    return value_of(_along(builder, array, axis, places, node, stable=stable))


def _along(
    builder: Builder,
    array: ir.Var,
    axis: Value,
    places: bool,
    node: Node,
    *,
    stable: bool = False,
) -> ir.Var:
    assert isinstance(array.type, Array)
    ndim = array.type.ndim
    where = static_axis(builder, axis, ndim, node)
    if where == ndim - 1:
        return sort_rows(builder, array, places=places, stable=stable)
    order = [place for place in range(ndim) if place != where] + [where]
    moved = transpose(builder, array, order)
    found = sort_rows(builder, moved, places=places, stable=stable)
    return transpose(builder, found, [order.index(place) for place in range(ndim)])


@handles(np.sort)
def np_sort(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.sort``."""
    return _sorted(builder, "sort", args, kwargs, node)


@handles(np.argsort)
@method("argsort")
def argsort(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.argsort``."""
    return _sorted(builder, "argsort", args, kwargs, node)


@method("sort")
def sort_in_place(
    builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node
) -> Value:
    """``a.sort()``, in place."""
    a, axis, _ = bind(builder, "sort", "a axis kind", args, kwargs, node)
    array = variable_of(builder, a)
    assign(builder, array, of_array(builder, _along(builder, array, axis, False, node)))
    return builder.static(None)


@handles(np.searchsorted)
@method("searchsorted")
def searchsorted(
    builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node
) -> Value:
    """``np.searchsorted``: a binary search, with integers as its result."""
    a, v, side = bind(builder, "searchsorted", "a v side", args, kwargs, node, 2)
    chosen = builder.as_static(side, "`side`") if is_given(side) else "left"
    if chosen not in ("left", "right"):
        builder.error(node, '`side` must be "left" or "right".')
    array = to_array(builder, a, node)
    lazy = to_lazy(builder, v, node)
    if not lazy.dims:
        return value_of(_search(builder, array, element(builder, lazy, ()), chosen))
    return value_of(
        settle_lazy(
            builder,
            LazyValue(
                builder,
                Array(INT64, len(lazy.dims), "C"),
                lazy.dims,
                lambda index: _search(builder, array, element(builder, lazy, index), chosen),
            ),
        )
    )


def _search(builder: Builder, array: ir.Var, value: ir.Operand, side: str) -> ir.Operand:
    """Emit a binary search for the place of a number in an ascending vector."""
    return builder.call(search_left if side == "left" else search_right, array, value, type=INT64)
