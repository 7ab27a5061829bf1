"""Loops over whole arrays that the transforms themselves need."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass

from numbad.ir import nodes as ir
from numbad.ir.build import BlockBuilder
from numbad.ir.types import BOOL, INT64, Array, List, Type
from numbad.transform import arith


def nest(
    block: BlockBuilder,
    array: ir.Var,
    body: Callable[[BlockBuilder, tuple[ir.Operand, ...]], None],
    *,
    stops: tuple[ir.Operand, ...] | None = None,
) -> None:
    """Emit a loop nest over the indices of an array, with ``body`` inside.

    ``stops`` are the lengths of the array, where they have names.
    """
    ndim = array.type.ndim if isinstance(array.type, Array) else 1
    builders = [block]
    indices: list[ir.Var] = []
    if stops is None:
        stops = tuple(block.let(INT64, ir.Shape(array, axis)) for axis in range(ndim))
    for axis in range(ndim):
        indices.append(block.fresh.var(INT64, "ijklmn"[axis] if axis < 6 else f"i{axis}"))
        builders.append(builders[-1].nested())
    body(builders[-1], tuple(indices))
    for axis in reversed(range(ndim)):
        builders[axis].emit(
            ir.For(
                indices[axis],
                arith.ZERO,
                stops[axis],
                arith.ONE,
                (),
                builders[axis + 1].block(),
                block.origin,
            )
        )


Range = tuple[ir.Operand, ir.Operand]
Body = Callable[[BlockBuilder, tuple[ir.Operand, ...]], None]


def nest_over(block: BlockBuilder, box: list[Range], body: Body, *, outermost: int = 0) -> None:
    """Emit a loop nest over a box of indices, with ``body`` inside.

    The loop over the dimension ``outermost`` is around the others.
    """
    order = [outermost, *(axis for axis in range(len(box)) if axis != outermost)]
    indices = [block.fresh.var(INT64, "ijklmn"[axis % 6]) for axis in range(len(box))]
    builders = [block]
    for _ in order:
        builders.append(builders[-1].nested())
    body(builders[-1], tuple(indices))
    for depth, axis in reversed(list(enumerate(order))):
        loop = ir.For(
            indices[axis], *box[axis], arith.ONE, (), builders[depth + 1].block(), block.origin
        )
        builders[depth].emit(loop)


@dataclass(frozen=True)
class Sides:
    """The parts of a box on both sides of a core, across ``axis``.

    One loop runs across both: it counts on over the core, so that behind ``near`` an index is the
    counter and ``width``, that of the core. These are None if there is one side only.
    """

    axis: int
    ranges: list[Range]
    near: ir.Operand | None = None
    width: ir.Operand | None = None

    def index(self, block: BlockBuilder, counter: ir.Operand) -> ir.Operand:
        """Return the index for a counter of the loop across."""
        if self.near is None or self.width is None:
            return counter
        is_near = block.call(BOOL, operator.lt, counter, self.near)
        behind = arith.add_int(block, counter, self.width)
        return block.let(INT64, ir.Select(is_near, counter, behind))


def sides_of(
    outside: BlockBuilder, box: list[Range], core: list[Range], last: int | None = None
) -> list[Sides]:
    """Return the parts of a box that lie outside a core, in whole or in part empty.

    The sides across an axis span the core along the axes before it and the box along those behind
    it, where ``last`` counts as the last axis. The bounds are computed in the block ``outside``.
    """
    inside: list[Range] = []
    for (low, high), (first, end) in zip(box, core, strict=True):
        near = low if first == low else arith.lesser(outside, first, high)
        far = high if end == high else arith.greater(outside, end, near)
        inside.append((near, far))
    order = [axis for axis in range(len(box)) if axis != last]
    order += [] if last is None else [last]
    found = []
    for rank, axis in enumerate(order):
        ranges = list(box)
        for before in order[:rank]:
            ranges[before] = inside[before]
        (low, high), (near, far) = box[axis], inside[axis]
        if low != near and far != high:
            width = arith.sub_int(outside, far, near)
            ranges[axis] = (low, arith.sub_int(outside, high, width))
            found.append(Sides(axis, ranges, near, width))
        elif low != near or far != high:
            ranges[axis] = (far, high) if low == near else (low, near)
            found.append(Sides(axis, ranges))
    return found


def nest_across(block: BlockBuilder, sides: Sides, body: Body) -> None:
    """Emit a loop nest over the sides; the loop across them, which is short, is the outermost."""

    def moved(inner: BlockBuilder, index: tuple[ir.Operand, ...]) -> None:
        place = sides.index(inner, index[sides.axis])
        body(inner, (*index[: sides.axis], place, *index[sides.axis + 1 :]))

    nest_over(block, sides.ranges, moved, outermost=sides.axis)


def row_across(
    block: BlockBuilder, sides: Sides, index: tuple[tuple[ir.Var, int], ...], body: Body
) -> None:
    """Emit the loop across the sides in one row.

    ``index`` has for each axis the index of a loop and what is added to it; that of the axis across
    the sides does not matter.
    """
    inner = block.nested()
    counter = block.fresh.var(INT64, "ijklmn"[sides.axis % 6])
    place = sides.index(inner, counter)
    places = tuple(
        place if axis == sides.axis else arith.add_int(block, base, ir.Const(offset, INT64))
        for axis, (base, offset) in enumerate(index)
    )
    body(inner, places)
    bounds = sides.ranges[sides.axis]
    block.emit(ir.For(counter, *bounds, arith.ONE, (), inner.block(), block.origin))


def _element(array: ir.Var) -> Type:
    match array.type:
        case Array(dtype):
            return dtype
        case List(item):
            return item
        case _:
            raise AssertionError(f"{array} has no elements")


def add_into(block: BlockBuilder, target: ir.Var, source: ir.Operand) -> None:
    """Add an array to another of the same shape, element by element."""
    assert isinstance(source, ir.Var)

    def body(inner: BlockBuilder, index: tuple[ir.Operand, ...]) -> None:
        value: ir.Operand = inner.let(_element(source), ir.Load(source, index))
        value = arith.cast(inner, value, _element(target))
        inner.emit(ir.Accumulate(target, index, value, block.origin))

    nest(block, target, body)


def copy_into(block: BlockBuilder, target: ir.Var, source: ir.Var) -> None:
    """Copy an array into another of the same shape, element by element."""

    def body(inner: BlockBuilder, index: tuple[ir.Operand, ...]) -> None:
        value = inner.let(_element(source), ir.Load(source, index))
        inner.emit(ir.Store(target, index, value, block.origin))

    nest(block, target, body)


def total(block: BlockBuilder, array: ir.Var) -> ir.Operand:
    """Return the sum of the elements of an array or list."""
    type_ = _element(array)
    ndim = array.type.ndim if isinstance(array.type, Array) else 1
    stops = [block.let(INT64, ir.Shape(array, axis)) for axis in range(ndim)]

    def level(
        outer: BlockBuilder, axis: int, index: tuple[ir.Operand, ...], start: ir.Operand
    ) -> ir.Operand:
        if axis == ndim:
            value = outer.let(type_, ir.Load(array, index))
            return outer.call(type_, operator.add, start, value)
        inner = outer.nested()
        counter = outer.fresh.var(INT64, "ijklmn"[axis] if axis < 6 else f"i{axis}")
        state, result = outer.fresh.var(type_, "total"), outer.fresh.var(type_, "total")
        following = level(inner, axis + 1, (*index, counter), state)
        carried = ir.Carried(state, start, following, result)
        outer.emit(
            ir.For(
                counter, arith.ZERO, stops[axis], arith.ONE, (carried,), inner.block(), outer.origin
            )
        )
        return result

    return level(block, 0, (), arith.zero(type_))
