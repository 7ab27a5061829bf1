"""Splitting arrays into parts, padding them, and grids of indices."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

import numpy as np

from numbad.frontend.arrays.assignment import assign
from numbad.frontend.arrays.attributes import broadcast_to
from numbad.frontend.arrays.convert import to_array, to_lazy
from numbad.frontend.arrays.creation import shape_of
from numbad.frontend.arrays.dims import Dims, array_dims, broadcast, dim_of, known_dim
from numbad.frontend.arrays.lazy import allocate, nest, settle_lazy
from numbad.frontend.arrays.permutations import permuted
from numbad.frontend.arrays.registry import handles
from numbad.frontend.arrays.scans import along_axes
from numbad.frontend.arrays.signature import bind, is_given, static_axis
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
from numbad.frontend.arrays.views import subview
from numbad.frontend.values import OperandValue, StaticValue, TupleValue, Value
from numbad.ir import nodes as ir
from numbad.ir.types import INT64, Array, Scalar

if TYPE_CHECKING:
    from numbad.frontend.builder import Builder


def _split(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    return _parts(builder, args, kwargs, node, equal=True)


def _parts(
    builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node, *, equal: bool
) -> Value:
    """Views of the parts; a number of parts must divide the length if they must be ``equal``."""
    a, sections, axis = bind(
        builder, "split", "ary indices_or_sections axis", args, kwargs, node, 2
    )
    array = to_array(builder, a, node)
    dims = array_dims(builder, array)
    where = static_axis(builder, axis, len(dims), node, default=0)
    given = builder.as_sequence(sections)
    length = dims[where].operand
    if given is not None:
        bounds = [ZERO, *(builder.as_index(item, node) for item in given)]
        ends: list[ir.Operand | None] = [*bounds[1:], None]
    else:
        count = int(builder.as_static(sections, "The number of parts"))
        if count < 1:
            builder.error(node, "The number of parts must be positive.")
        rest = arithmetic(builder, operator.mod, length, integer(count))
        if equal:
            message = "array split does not result in an equal division"
            builder.raise_if(arithmetic(builder, operator.ne, rest, ZERO), ValueError, message)
            rest = ZERO
        size = arithmetic(builder, operator.floordiv, length, integer(count))
        bounds = [_start_of(builder, size, rest, place) for place in range(count)]
        ends = [*bounds[1:], length]
    parts: list[Value] = []
    for start, stop in zip(bounds, ends, strict=True):
        items: list[Item] = [FULL] * len(dims)
        items[where] = ir.Slice(start, stop, None)
        parts.append(value_of(subview(builder, array, items, node)))
    return builder.new_list(parts)


def _start_of(builder: Builder, size: ir.Operand, rest: ir.Operand, place: int) -> ir.Operand:
    """Start of a part; the first ``rest`` parts are longer by one."""
    start = arithmetic(builder, operator.mul, size, integer(place))
    if rest == ZERO:
        return start
    return arithmetic(builder, operator.add, start, builder.call(min, rest, integer(place)))


handles(np.split)(_split)


@handles(np.array_split)
def array_split(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.array_split``."""
    return _parts(builder, args, kwargs, node, equal=False)


@handles(np.dsplit)
def dsplit(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.dsplit``."""
    if len(to_lazy(builder, args[0], node).dims) < 3:
        builder.error(node, "`np.dsplit` needs an array of three or more axes.")
    return _split(builder, [*args, builder.number(2)], kwargs, node)


@handles(np.hsplit)
def hsplit(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.hsplit``."""
    ndim = len(to_lazy(builder, args[0], node).dims)
    return _split(builder, [*args, builder.number(min(ndim, 2) - 1)], kwargs, node)


@handles(np.vsplit)
def vsplit(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.vsplit``."""
    return _split(builder, [*args, builder.number(0)], kwargs, node)


# --- padding ------------------------------------------------------------------------------------


def _widths(
    builder: Builder, width: Value, ndim: int, node: Node
) -> list[tuple[ir.Operand, ir.Operand]]:
    items = builder.as_sequence(width)
    if items is None:
        one = builder.as_index(width, node)
        return [(one, one)] * ndim
    pairs = [builder.as_sequence(item) for item in items]
    if all(pair is None for pair in pairs):
        both = [builder.as_index(item, node) for item in items]
        return [(both[0], both[-1])] * ndim
    result = []
    for pair in pairs:
        if pair is None:
            builder.error(node, "The widths of `np.pad` must be pairs.")
        ends = [builder.as_index(item, node) for item in pair]
        result.append((ends[0], ends[-1]))
    if len(result) == 1:
        result *= ndim
    if len(result) != ndim:
        builder.error(node, f"`np.pad` needs a pair of widths for each of {ndim} axes.")
    return result


@handles(np.pad)
def pad(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.pad`` with a constant, the edge, or the array repeated or reflected once."""
    a, width, mode, constant = bind(
        builder, "pad", "array pad_width mode constant_values", args, kwargs, node, 2
    )
    kind = builder.as_static(mode, "The mode") if is_given(mode) else "constant"
    lazy = to_lazy(builder, a, node)
    widths = _widths(builder, width, len(lazy.dims), node)
    dims: Dims = tuple(
        dim_of(
            builder,
            arithmetic(
                builder,
                operator.add,
                arithmetic(builder, operator.add, dim.operand, before),
                after,
            ),
        )
        for dim, (before, after) in zip(lazy.dims, widths, strict=True)
    )
    if kind == "constant":
        fill = builder.as_scalar(constant, node) if is_given(constant) else integer(0)
        array = allocate(builder, Array(lazy.dtype, len(dims), "C"), dims)
        assign(builder, array, to_lazy(builder, value_of(builder.cast(fill, lazy.dtype)), node))
        items: list[Item] = [
            ir.Slice(before, arithmetic(builder, operator.add, before, dim.operand), None)
            for dim, (before, _) in zip(lazy.dims, widths, strict=True)
        ]
        assign(builder, subview(builder, array, items, node), lazy)
        return value_of(array)
    if kind not in ("edge", "wrap", "reflect", "symmetric"):
        builder.error(node, f"`np.pad` is not supported with mode={kind!r}.")

    def place(index: Index) -> Index:
        return tuple(
            _source(builder, kind, position, before, dim.operand)
            for position, dim, (before, _) in zip(index, lazy.dims, widths, strict=True)
        )

    return permuted(builder, lazy, dims, place)


def _source(
    builder: Builder, kind: str, position: ir.Operand, before: ir.Operand, length: ir.Operand
) -> ir.Operand:
    """Where a padded element comes from."""
    own = arithmetic(builder, operator.sub, position, before)
    last = arithmetic(builder, operator.sub, length, ONE)
    if kind == "edge":
        return builder.call(min, builder.call(max, own, ZERO), last)
    if kind == "wrap":
        return arithmetic(builder, operator.mod, own, length)
    shift = ONE if kind == "symmetric" else ZERO
    mirrored = arithmetic(builder, operator.sub, ZERO, own)
    mirrored = arithmetic(builder, operator.sub, mirrored, shift)
    is_before = builder.call(operator.lt, own, ZERO)
    own = select(builder, is_before, mirrored, own)
    double = arithmetic(builder, operator.mul, integer(2), last)
    beyond = arithmetic(builder, operator.add, double, shift)
    beyond = arithmetic(builder, operator.sub, beyond, own)
    return select(builder, builder.call(operator.gt, own, last), beyond, own)


# --- grids --------------------------------------------------------------------------------------


@handles(np.ix_)
def ix_(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.ix_`` of integer vectors."""
    parts: list[Value] = []
    for place, arg in enumerate(args):
        array = settle_lazy(builder, to_lazy(builder, arg, node))
        items: list[Item] = [ir.NewAxis() for _ in args]
        items[place] = FULL
        parts.append(value_of(subview(builder, array, items, node)))
    return TupleValue(tuple(parts))


@handles(np.broadcast_arrays)
def broadcast_arrays(
    builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node
) -> Value:
    """``np.broadcast_arrays``, as copies."""
    lazies = [to_lazy(builder, arg, node) for arg in args]
    dims = broadcast(builder, [lazy.dims for lazy in lazies])
    shape = TupleValue(tuple(value_of(dim.operand) for dim in dims))
    return TupleValue(tuple(broadcast_to(builder, [lazy, shape], {}, node) for lazy in lazies))


@handles(np.broadcast_shapes)
def broadcast_shapes(
    builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node
) -> Value:
    """``np.broadcast_shapes``."""
    dims = broadcast(builder, [shape_of(builder, arg, node) for arg in args])
    return TupleValue(tuple(value_of(dim.operand) for dim in dims))


@handles(np.isscalar)
def isscalar(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.isscalar``, known when compiled."""
    (value,) = bind(builder, "isscalar", "element", args, kwargs, node)
    plain = isinstance(value, OperandValue) and isinstance(value.type, Scalar)
    static = isinstance(value, StaticValue) and isinstance(value.value, str | int | float | complex)
    return StaticValue(plain or static)


@handles(np.frombuffer)
def frombuffer(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.frombuffer`` is refused."""
    builder.error(
        node,
        "`np.frombuffer` is not supported.",
        "A reinterpretation of memory has no derivative.",
        "Pass the array itself.",
    )


@handles(np.indices)
def indices(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.indices``."""
    (shape,) = bind(builder, "indices", "dimensions", args, kwargs, node)
    dims = shape_of(builder, shape, node)
    array = allocate(builder, Array(INT64, len(dims) + 1, "C"), (known_dim(len(dims)), *dims))

    def body(index: Index, values: Operands) -> Operands:
        for axis, position in enumerate(index):
            builder.store(array, (integer(axis), *index), position)
        return values

    nest(builder, dims, body)
    return value_of(array)


@handles(np.apply_along_axis)
def apply_along_axis(
    builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node
) -> Value:
    """``np.apply_along_axis`` of a function whose result is a number."""
    function, axis, array = bind(
        builder, "apply_along_axis", "func1d axis arr", args, kwargs, node, 3
    )
    return along_axes(
        builder, array, axis, False, lambda row: builder.apply(function, [row], {}, node), node
    )
