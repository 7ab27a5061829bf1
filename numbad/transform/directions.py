"""Seeds and results of chunked sweeps: which lane belongs to which element.

A chunk is the directions ``start, start + 1, ... start + count - 1`` of all elements, in C order,
of all differentiated values one after the other. Direction ``d`` has lane ``d - start``. With one
lane a seed is a plain number.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass

from numbad.ir import nodes as ir
from numbad.ir.build import BlockBuilder
from numbad.ir.types import BOOL, INT64, Array, Lanes, Scalar, Type, is_memory
from numbad.kernels.lane_ops import with_unit
from numbad.kernels.lanes import lane
from numbad.transform import arith
from numbad.transform.arrays import nest


@dataclass(frozen=True)
class Chunks:
    """How a program of chunked sweeps is made: its name, and ``count`` directions per sweep.

    ``written`` are the positions of the parameters that the primal writes to.
    """

    name: str
    count: int
    written: frozenset[int]


@dataclass(frozen=True)
class Part:
    """One differentiated value: its elements have the directions ``first ... first + size - 1``."""

    value: ir.Operand
    shape: tuple[ir.Operand, ...]
    size: ir.Operand
    first: ir.Operand


def parts(values: list[ir.Operand], out: BlockBuilder) -> tuple[list[Part], ir.Operand]:
    """Number the elements of the values; return them with the total."""
    found: list[Part] = []
    total: ir.Operand = arith.ZERO
    for value in values:
        shape: tuple[ir.Operand, ...] = ()
        if isinstance(value.type, Array):
            assert isinstance(value, ir.Var)
            shape = tuple(out.let(INT64, ir.Shape(value, axis)) for axis in range(value.type.ndim))
        size = product(shape, out)
        found.append(Part(value, shape, size, total))
        total = arith.add_int(out, total, size)
    return found, total


def product(extents: tuple[ir.Operand, ...], out: BlockBuilder) -> ir.Operand:
    """Return the number of elements of an array with the extents."""
    size: ir.Operand = arith.ONE
    for extent in extents:
        size = arith.mul_int(out, size, extent)
    return size


def window(
    part: Part, start: ir.Operand, count: int, out: BlockBuilder
) -> tuple[ir.Operand, ir.Operand, ir.Operand]:
    """Return the elements of a part in a chunk, ``low <= j < high``, and the shift to the lane."""
    shift = arith.sub_int(out, part.first, start)
    low = at_least(arith.sub_int(out, start, part.first), arith.ZERO, out)
    end = arith.sub_int(out, arith.add_int(out, start, ir.Const(count, INT64)), part.first)
    return low, at_most(end, part.size, out), shift


def at_least(value: ir.Operand, bound: ir.Operand, out: BlockBuilder) -> ir.Operand:
    """Return ``max(value, bound)`` of integers."""
    if isinstance(value, ir.Const) and isinstance(bound, ir.Const):
        return ir.Const(max(value.value, bound.value), INT64)
    return out.call(INT64, max, value, bound)


def at_most(value: ir.Operand, bound: ir.Operand, out: BlockBuilder) -> ir.Operand:
    """Return ``min(value, bound)`` of integers."""
    if isinstance(value, ir.Const) and isinstance(bound, ir.Const):
        return ir.Const(min(value.value, bound.value), INT64)
    return out.call(INT64, min, value, bound)


def unit(type_: Type, k: ir.Operand, out: BlockBuilder, name: str = "") -> ir.Operand:
    """Return the seed of a type with 1 in lane ``k``; zero if ``k`` is no lane."""
    if isinstance(type_, Lanes):
        return out.call(type_, with_unit, arith.zero(type_), k, name=name)
    if isinstance(k, ir.Const):
        return ir.Const(1.0 if k.value == 0 else 0.0, type_)
    hits = out.call(BOOL, operator.eq, k, arith.ZERO)
    return out.let(type_, ir.Select(hits, ir.Const(1.0, type_), arith.zero(type_)), name)


def seed(part: Part, zeros: ir.Var, start: ir.Operand, count: int, out: BlockBuilder) -> ir.Var:
    """Put the seeds of a part for the chunk into ``zeros``, an array of zeros; return it."""
    type_ = zeros.type
    assert isinstance(type_, Array)
    low, high, shift = window(part, start, count, out)
    j, inner = out.fresh.var(INT64, "j"), out.nested()
    one = unit(type_.dtype, arith.add_int(inner, j, shift), inner)
    inner.emit(ir.Store(zeros, unravelled(j, part.shape, inner), one, out.origin))
    out.emit(ir.For(j, low, high, arith.ONE, (), inner.block(), out.origin))
    return zeros


def clear(part: Part, seeds: ir.Var, start: ir.Operand, count: int, out: BlockBuilder) -> None:
    """Set the seeds of the chunk back to zero."""
    assert isinstance(seeds.type, Array)
    low, high, _ = window(part, start, count, out)
    j, inner = out.fresh.var(INT64, "j"), out.nested()
    zero = arith.zero(seeds.type.dtype)
    inner.emit(ir.Store(seeds, unravelled(j, part.shape, inner), zero, out.origin))
    out.emit(ir.For(j, low, high, arith.ONE, (), inner.block(), out.origin))


def new_zeros(type_: Array, shape: tuple[ir.Operand, ...], out: BlockBuilder, name: str) -> ir.Var:
    """Return a new array of zeros of the type."""
    layout = "F" if type_.layout == "F" else "C"
    made_type = Array(type_.dtype, type_.ndim, layout)
    made = out.let(made_type, ir.Alloc(shape, arith.zero(type_.dtype)), name)
    return made if made_type == type_ else out.let(type_, ir.Cast(made))


def unravelled(
    j: ir.Operand, shape: tuple[ir.Operand, ...], out: BlockBuilder
) -> tuple[ir.Operand, ...]:
    """Return the index of element number ``j`` in C order."""
    found: list[ir.Operand] = []
    for extent in reversed(shape[1:]):
        found.append(out.call(INT64, operator.mod, j, extent))
        j = out.call(INT64, operator.floordiv, j, extent)
    return (j, *reversed(found)) if shape else ()


def raveled(
    index: tuple[ir.Operand, ...], shape: tuple[ir.Operand, ...], out: BlockBuilder
) -> ir.Operand:
    """Return the number in C order of the element at an index."""
    j: ir.Operand = arith.ZERO
    for position, (item, extent) in enumerate(zip(index, shape, strict=True)):
        j = item if position == 0 else arith.add_int(out, arith.mul_int(out, j, extent), item)
    return j


def take(value: ir.Operand, k: ir.Operand, out: BlockBuilder) -> ir.Operand:
    """Return lane ``k`` of a value; of a number, the number."""
    if isinstance(value.type, Lanes):
        if isinstance(value, ir.Const):
            return ir.Const(value.value, value.type.dtype)
        return out.call(value.type.dtype, lane, value, k)
    return value


def each_element(
    value: ir.Operand,
    shape: tuple[ir.Operand, ...],
    out: BlockBuilder,
    body: Callable[[BlockBuilder, ir.Operand, ir.Operand], None],
) -> None:
    """Emit ``body(block, number, element)`` for the elements of a number or array, in C order."""
    if not is_memory(value.type):
        body(out, arith.ZERO, value)
        return
    assert isinstance(value, ir.Var) and isinstance(value.type, Array)
    array, dtype = value, value.type.dtype

    def inside(inner: BlockBuilder, index: tuple[ir.Operand, ...]) -> None:
        element = inner.let(dtype, ir.Load(array, index))
        body(inner, raveled(index, shape, inner), element)

    nest(out, array, inside)


def plain_dtype(type_: Type) -> Scalar:
    """Return the scalar type of a value with or without lanes."""
    element = type_.dtype if isinstance(type_, Array) else type_
    element = element.dtype if isinstance(element, Lanes) else element
    assert isinstance(element, Scalar)
    return element
