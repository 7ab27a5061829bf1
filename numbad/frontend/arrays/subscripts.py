"""Subscripts of arrays, parsed: which index goes with which axis.

A subscript is basic if it has only integers, slices, ``None`` and ``...``; it is advanced if it has
integer arrays or masks. A mask of ``k`` axes becomes ``k`` integer arrays, the places where it
holds.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from numbad.frontend.arrays.convert import is_convertible, to_lazy
from numbad.frontend.arrays.dims import array_dim
from numbad.frontend.arrays.lazy import LazyValue, is_arraylike, of_array, settle_lazy
from numbad.frontend.arrays.support import Node, arithmetic, is_none
from numbad.frontend.values import OperandValue, SliceValue, StaticValue, TupleValue, Value
from numbad.ir import nodes as ir
from numbad.ir.types import BOOL, INT64, Array, Tuple, is_integer

if TYPE_CHECKING:
    from numbad.frontend.builder import Builder

FULL = ir.Slice(None, None, None)


@dataclass(frozen=True, slots=True)
class At:
    """An integer: the axis disappears."""

    position: ir.Operand


@dataclass(frozen=True, slots=True)
class Gather:
    """An integer array along an axis."""

    places: LazyValue


Item = At | ir.Slice | ir.NewAxis | Gather


@dataclass(frozen=True, slots=True)
class Subscript:
    """Items in the order written, with ``...`` written out and masks turned into places."""

    items: tuple[Item, ...]

    @property
    def is_advanced(self) -> bool:
        """Whether there is an integer array."""
        return any(isinstance(item, Gather) for item in self.items)

    @property
    def is_element(self) -> bool:
        """Whether every axis has an integer."""
        return all(isinstance(item, At) for item in self.items)


def parse(builder: Builder, array: ir.Var, index: Value, node: Node) -> Subscript:
    """Parse the subscript of an array."""
    assert isinstance(array.type, Array)
    raw = index.items if isinstance(index, TupleValue) else (index,)
    raw = tuple(_simplify(item) for item in raw)
    used = sum(_axes_used(builder, item, node) for item in raw)
    missing = array.type.ndim - used
    if missing < 0:
        builder.type_error(
            node, f"There are {used} indices for an array of {array.type.ndim} axes."
        )
    if not any(_is_ellipsis(item) for item in raw):
        raw = (*raw, StaticValue(Ellipsis))
    items: list[Item] = []
    axis = 0
    expanded = False
    for item in raw:
        if _is_ellipsis(item):
            if expanded:
                builder.error(node, "A subscript can have only one `...`.")
            expanded = True
            items.extend([FULL] * missing)
            axis += missing
            continue
        parsed = _parse_item(builder, array, axis, item, node)
        items.extend(parsed)
        axis += sum(not isinstance(part, ir.NewAxis) for part in parsed)
    return Subscript(tuple(items))


def _simplify(item: Value) -> Value:
    if isinstance(item, StaticValue) and isinstance(item.value, slice):
        return SliceValue(
            *(
                None if bound is None else ir.Const(int(bound), INT64)
                for bound in (item.value.start, item.value.stop, item.value.step)
            )
        )
    return item


def _is_ellipsis(item: Value) -> bool:
    return isinstance(item, StaticValue) and item.value is Ellipsis


def _axes_used(builder: Builder, item: Value, node: Node) -> int:
    if is_none(item) or _is_ellipsis(item):
        return 0
    if is_arraylike(item):
        assert isinstance(item, OperandValue)
        assert isinstance(item.type, Array)
        return item.type.ndim if item.type.dtype == BOOL else 1
    return 1


def _parse_item(
    builder: Builder, array: ir.Var, axis: int, item: Value, node: Node
) -> Sequence[Item]:
    match item:
        case SliceValue(start, stop, step):
            return [_slice(builder, start, stop, step, node)]
        case StaticValue(None):
            return [ir.NewAxis()]
    if is_arraylike(item) or is_convertible(builder, item):
        lazy = to_lazy(builder, item, node)
        if lazy.dtype == BOOL:
            return [Gather(places) for places in _places(builder, array, axis, lazy, node)]
        if not is_integer(lazy.dtype):
            builder.type_error(
                node, f"Arrays used as indices must be of integers, not {lazy.dtype}."
            )
        if not lazy.dims:
            return [At(builder.cast(builder.load(settle_lazy(builder, lazy)), INT64))]
        return [Gather(lazy)]
    return [At(builder.as_index(item, node))]


def _slice(
    builder: Builder,
    start: ir.Operand | None,
    stop: ir.Operand | None,
    step: ir.Operand | None,
    node: Node,
) -> ir.Slice:
    if isinstance(step, ir.Const):
        if step.value == 0:
            builder.error(node, "The step of a slice cannot be zero.")
        if step.value == 1:
            step = None
    forward = step is None or (isinstance(step, ir.Const) and step.value > 0)
    if forward and isinstance(start, ir.Const) and start.value == 0:
        start = None
    bounds = [
        None if bound is None else builder.cast(bound, INT64) for bound in (start, stop, step)
    ]
    return ir.Slice(*bounds)


def _places(
    builder: Builder, array: ir.Var, axis: int, mask: LazyValue, node: Node
) -> list[LazyValue]:
    """Places where a mask holds, one integer array per axis of the mask."""
    for offset, dim in enumerate(mask.dims):
        own = array_dim(builder, array, axis + offset)
        if own.key != dim.key:
            differ = arithmetic(builder, operator.ne, own.operand, dim.operand)
            builder.raise_if(
                differ, IndexError, "boolean index did not match the array along an axis"
            )
    stored = settle_lazy(builder, mask)
    return [of_array(builder, places) for places in nonzero(builder, stored)]


def nonzero(builder: Builder, array: ir.Var) -> list[ir.Var]:
    """Return the places of the elements that are not zero, one integer array per axis."""
    assert isinstance(array.type, Array)
    places = Array(INT64, 1, "C")
    if array.type.ndim == 1:
        found = builder.call(np.flatnonzero, array, type=places)
        assert isinstance(found, ir.Var)
        return [found]
    items = Tuple((places,) * array.type.ndim)
    both = builder.call(np.nonzero, array, type=items)
    return [
        builder.let(places, ir.TupleItem(both, position)) for position in range(array.type.ndim)
    ]
