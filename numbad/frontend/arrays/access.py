"""Reading elements and parts of arrays: ``a[i]``, slices, masks and integer arrays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from numbad.frontend.arrays.dims import (
    Dims,
    Stretch,
    array_dim,
    array_dims,
    broadcast,
    may_overlap,
    stretch,
)
from numbad.frontend.arrays.lazy import (
    LazyValue,
    Source,
    copy_elements,
    element,
    of_array,
    pending,
    settle_lazy,
)
from numbad.frontend.arrays.subscripts import FULL, At, Gather, Item, Subscript, parse
from numbad.frontend.arrays.support import Index, Node, value_of
from numbad.frontend.arrays.views import subview
from numbad.frontend.values import OperandValue, Value
from numbad.ir import nodes as ir
from numbad.ir.types import INT64, Array

if TYPE_CHECKING:
    from numbad.frontend.builder import Builder


def getitem(builder: Builder, array: Value, index: Value, node: Node = None) -> Value:
    """Return the value of ``array[index]``."""
    variable = variable_of(builder, array)
    subscript = parse(builder, variable, index, node)
    return read(builder, variable, subscript, node)


def variable_of(builder: Builder, array: Value) -> ir.Var:
    """Return the variable of an array; an array expression is evaluated."""
    if isinstance(array, LazyValue):
        return settle_lazy(builder, array)
    assert isinstance(array, OperandValue)
    assert isinstance(array.operand, ir.Var)
    return array.operand


def read(builder: Builder, array: ir.Var, subscript: Subscript, node: Node) -> Value:
    """Return the value of a subscript: an element, a view, or an expression that gathers."""
    if subscript.is_element:
        return value_of(builder.load(array, *positions(subscript)))
    if not subscript.is_advanced:
        return value_of(subview(builder, array, subscript.items, node))
    return gather(builder, selection(builder, array, subscript, node))


def positions(subscript: Subscript) -> Index:
    """Return the integers of a subscript of an element."""
    return tuple(item.position for item in subscript.items if isinstance(item, At))


@dataclass(frozen=True, slots=True)
class Selection:
    """What an advanced subscript selects: places in a view of the array, by index of the result."""

    view: ir.Var
    dims: Dims
    place: Callable[[Index], Index]
    sources: tuple[Source, ...]


def selection(
    builder: Builder, array: ir.Var, subscript: Subscript, node: Node, *, written: bool = False
) -> Selection:
    """Lower an advanced subscript: slices become a view, the rest is looked up per element.

    ``written``: the places will be written to, so the integer arrays must be other memory.
    """
    basic: list[Item] = [
        item if isinstance(item, ir.Slice | ir.NewAxis) else FULL for item in subscript.items
    ]
    view = subview(builder, array, basic, node)
    advanced: list[tuple[int, LazyValue | ir.Operand]] = []
    first_result_axis = 0
    plain_axes: list[int] = []
    order: list[int] = []
    for axis, item in enumerate(subscript.items):
        match item:
            case At(position):
                advanced.append((axis, position))
                order.append(axis)
            case Gather(places):
                advanced.append((axis, _evaluated(builder, places, view if written else None)))
                order.append(axis)
            case _:
                plain_axes.append(axis)
    adjacent = order[-1] - order[0] + 1 == len(order)
    first_result_axis = sum(axis < order[0] for axis in plain_axes) if adjacent else 0
    gathers = [places for _, places in advanced if isinstance(places, LazyValue)]
    gathered = broadcast(builder, [places.dims for places in gathers])
    stretches: dict[int, Stretch] = {
        axis: stretch(builder, places.dims, gathered)
        for axis, places in advanced
        if isinstance(places, LazyValue)
    }
    plain_dims = [array_dim(builder, view, axis) for axis in plain_axes]
    dims = (*plain_dims[:first_result_axis], *gathered, *plain_dims[first_result_axis:])
    count = len(gathered)

    def place(index: Index) -> Index:
        inner = index[first_result_axis : first_result_axis + count]
        outer = index[:first_result_axis] + index[first_result_axis + count :]
        where: dict[int, ir.Operand] = dict(zip(plain_axes, outer, strict=True))
        for axis, places in advanced:
            if isinstance(places, LazyValue):
                found = element(builder, places, stretches[axis].index(builder, inner))
                where[axis] = builder.cast(found, INT64)
            else:
                where[axis] = places
        return tuple(where[axis] for axis in range(len(where)))

    sources = [Source(view, False)]
    for places in gathers:
        assert places.stored is not None
        sources.append(Source(places.stored, False))
    return Selection(view, tuple(dims), place, tuple(sources))


def _evaluated(builder: Builder, places: LazyValue, target: ir.Var | None) -> LazyValue:
    array = settle_lazy(builder, places)
    if target is not None and may_overlap(builder, array, target):
        array = copy_elements(builder, of_array(builder, array))
    return of_array(builder, array)


def gather(builder: Builder, chosen: Selection) -> Value:
    """Return the selected elements as an array expression."""
    assert isinstance(chosen.view.type, Array)
    type_ = Array(chosen.view.type.dtype, len(chosen.dims), "C")
    return pending(
        builder,
        LazyValue(
            builder,
            type_,
            chosen.dims,
            lambda index: builder.load(chosen.view, *chosen.place(index)),
            chosen.sources,
            1,
        ),
    )


def lengths(builder: Builder, array: Value) -> Dims:
    """Return the lengths of an array or expression, without evaluating it."""
    if isinstance(array, LazyValue):
        return array.dims
    return array_dims(builder, variable_of(builder, array))
