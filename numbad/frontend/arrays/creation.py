"""Functions that make arrays: from shapes, from values, from other arrays."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

import numpy as np

from numbad.frontend.arrays.access import variable_of
from numbad.frontend.arrays.assignment import assign, setitem
from numbad.frontend.arrays.convert import dtype_of, from_sequence, is_convertible, promote, to_lazy
from numbad.frontend.arrays.dims import Dims, dim_of, note_fresh
from numbad.frontend.arrays.functions import convert_to
from numbad.frontend.arrays.functions import where as choose
from numbad.frontend.arrays.lazy import (
    allocate,
    copy_elements,
    element,
    is_arraylike,
    nest,
    settle_lazy,
)
from numbad.frontend.arrays.registry import Handler, handles, method
from numbad.frontend.arrays.signature import bind, is_given
from numbad.frontend.arrays.support import (
    ONE,
    ZERO,
    Index,
    Node,
    Operands,
    arithmetic,
    is_none,
    let,
    number_of,
    select,
    value_of,
    zero_of,
)
from numbad.frontend.arrays.views import contiguous
from numbad.frontend.values import RangeValue, Value
from numbad.ir import nodes as ir
from numbad.ir.types import FLOAT64, INT64, Array, Scalar, is_inexact, is_integer
from numbad.kernels.arithmetic import divide

if TYPE_CHECKING:
    from numbad.frontend.builder import Builder


def shape_of(builder: Builder, shape: Value, node: Node) -> Dims:
    """Return the lengths that a ``shape`` argument gives."""
    items = builder.as_sequence(shape)
    if items is None:
        if is_arraylike(shape):
            builder.error(
                node, "A shape must be an integer or a tuple.", remedy="Write the lengths out."
            )
        items = (shape,)
    return tuple(dim_of(builder, builder.as_index(item, node)) for item in items)


def _order(builder: Builder, order: Value, node: Node) -> str:
    if not is_given(order):
        return "C"
    found = builder.as_static(order, "The order")
    if found not in ("C", "F", "A", "K"):
        builder.error(node, f"`order={found!r}` is not supported.")
    return "F" if found == "F" else "C"


def _filled(name: str, fill: float | None) -> Handler:
    def handler(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
        shape, dtype, order = bind(builder, name, "shape dtype order", args, kwargs, node)
        type_ = dtype_of(builder, dtype, FLOAT64, node)
        dims = shape_of(builder, shape, node)
        start = None if fill is None else number_of(type_, fill)
        layout = _order(builder, order, node)
        return value_of(allocate(builder, Array(type_, len(dims), layout), dims, start))

    return handler


def _filled_like(name: str, fill: float | None) -> Handler:
    def handler(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
        a, dtype, shape = bind(builder, name, "a dtype shape", args, kwargs, node)
        lazy = to_lazy(builder, a, node)
        type_ = dtype_of(builder, dtype, lazy.dtype, node)
        dims = shape_of(builder, shape, node) if is_given(shape) else lazy.dims
        start = None if fill is None else number_of(type_, fill)
        layout = "F" if lazy.type.layout == "F" and len(dims) > 1 else "C"
        return value_of(allocate(builder, Array(type_, len(dims), layout), dims, start))

    return handler


handles(np.empty)(_filled("empty", None))
handles(np.zeros)(_filled("zeros", 0))
handles(np.ones)(_filled("ones", 1))
handles(np.empty_like)(_filled_like("empty_like", None))
handles(np.zeros_like)(_filled_like("zeros_like", 0))
handles(np.ones_like)(_filled_like("ones_like", 1))


@handles(np.full)
def full(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.full``."""
    parameters = "shape fill_value dtype order"
    shape, fill, dtype, order = bind(builder, "full", parameters, args, kwargs, node, 2)
    layout = _order(builder, order, node)
    return _full(builder, shape_of(builder, shape, node), fill, dtype, layout, None, node)


@handles(np.full_like)
def full_like(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.full_like``."""
    a, fill, dtype = bind(builder, "full_like", "a fill_value dtype", args, kwargs, node, 2)
    lazy = to_lazy(builder, a, node)
    layout = "F" if lazy.type.layout == "F" else "C"
    return _full(builder, lazy.dims, fill, dtype, layout, lazy.dtype, node)


def _full(
    builder: Builder,
    dims: Dims,
    fill: Value,
    dtype: Value,
    layout: str,
    default: Scalar | None,
    node: Node,
) -> Value:
    if is_arraylike(fill) or is_convertible(builder, fill):
        value = to_lazy(builder, fill, node)
        type_ = dtype_of(builder, dtype, default or value.dtype, node)
        array = allocate(builder, Array(type_, len(dims), layout), dims)
        assign(builder, array, value)
        return value_of(array)
    number = builder.as_scalar(fill, node)
    assert isinstance(number.type, Scalar)
    type_ = dtype_of(builder, dtype, default or number.type, node)
    number = builder.cast(number, type_)
    array_type = Array(type_, len(dims), layout)
    if isinstance(number, ir.Const):
        return value_of(allocate(builder, array_type, dims, number))
    array = allocate(builder, array_type, dims)

    def body(index: Index, values: Operands) -> Operands:
        builder.store(array, index, number)
        return values

    nest(builder, dims, body, order=layout)
    return value_of(array)


# --- from values --------------------------------------------------------------------------------


def _array(builder: Builder, value: Value, dtype: Value, node: Node, *, copy: bool) -> Value:
    if is_arraylike(value):
        lazy = to_lazy(builder, value, node)
        type_ = dtype_of(builder, dtype, lazy.dtype, node)
        if type_ != lazy.dtype:
            return convert_to(builder, value, type_, node)
        if not copy or lazy.is_new:
            return value
        return value_of(copy_elements(builder, lazy, _copy_layout(lazy.type)))
    if is_convertible(builder, value):
        wanted = dtype_of(builder, dtype, FLOAT64, node) if is_given(dtype) else None
        return value_of(from_sequence(builder, value, wanted, node))
    number = builder.as_scalar(value, node)
    assert isinstance(number.type, Scalar)
    type_ = dtype_of(builder, dtype, number.type, node)
    array = let(builder, Array(type_, 0, "C"), ir.Alloc((), None))
    note_fresh(builder, array, ())
    builder.store(array, (), number)
    return value_of(array)


def _copy_layout(type_: Array) -> str:
    return "F" if type_.layout == "F" else "C"


@handles(np.array)
def array(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.array``: a new array of an array, a number or nested sequences."""
    parameters = "object dtype copy order ndmin"
    value, dtype, copy, order, ndmin = bind(builder, "array", parameters, args, kwargs, node)
    if is_given(ndmin) and builder.as_static(ndmin, "`ndmin`") != 0:
        builder.error(node, "`np.array` is not supported with `ndmin=`.")
    if _order(builder, order, node) == "F":
        builder.error(node, '`np.array` is not supported with `order="F"`.')
    wants_copy = not is_given(copy) or bool(builder.as_static(copy, "`copy`"))
    return _array(builder, value, dtype, node, copy=wants_copy)


@handles(np.asarray, np.asanyarray)
def asarray(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.asarray``: an array as it is, anything else as a new array."""
    value, dtype = bind(builder, "asarray", "a dtype", args, kwargs, node)
    return _array(builder, value, dtype, node, copy=False)


@handles(np.ascontiguousarray)
def ascontiguousarray(
    builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node
) -> Value:
    """``np.ascontiguousarray``."""
    value, dtype = bind(builder, "ascontiguousarray", "a dtype", args, kwargs, node)
    made = _array(builder, value, dtype, node, copy=False)
    return value_of(contiguous(builder, settle_lazy(builder, to_lazy(builder, made, node))))


@handles(np.asfortranarray)
def asfortranarray(
    builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node
) -> Value:
    """``np.asfortranarray``."""
    value, dtype = bind(builder, "asfortranarray", "a dtype", args, kwargs, node)
    made = to_lazy(builder, _array(builder, value, dtype, node, copy=False), node)
    if made.type.layout == "F" or made.type.ndim < 2:
        return value_of(contiguous(builder, settle_lazy(builder, made)))
    return value_of(copy_elements(builder, made, "F"))


@handles(np.copy)
@method("copy", "__copy__")
def copy(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.copy`` and ``a.copy()``."""
    a, order = bind(builder, "copy", "a order", args, kwargs, node)
    lazy = to_lazy(builder, a, node)
    layout = _order(builder, order, node) if is_given(order) else _copy_layout(lazy.type)
    if lazy.is_new and is_arraylike(a) and lazy.type.layout == layout:
        return a
    return value_of(copy_elements(builder, lazy, layout))


@handles(np.copyto)
def copyto(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.copyto(dst, src)``, and with ``where=``."""
    parameters = "dst src casting where"
    dst, src, _, where = bind(builder, "copyto", parameters, args, kwargs, node, 2)
    target = variable_of(builder, dst)
    if is_none(where):
        assign(builder, target, to_lazy(builder, src, node))
        return builder.static(None)
    source = to_lazy(builder, src, node)
    if source.dims:
        mixed = choose(builder, [where, src, dst], {}, node)
        assign(builder, target, to_lazy(builder, mixed, node))
    else:
        number = value_of(element(builder, source, ()))
        setitem(builder, value_of(target), where, number, node)
    return builder.static(None)


# --- ranges -------------------------------------------------------------------------------------


@handles(np.arange)
def arange(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.arange``."""
    start, stop, step, dtype = bind(builder, "arange", "start stop step dtype", args, kwargs, node)
    if not is_given(stop):
        start, stop = builder.number(0), start
    first, last = builder.as_scalar(start, node), builder.as_scalar(stop, node)
    by = builder.as_scalar(step, node) if is_given(step) else builder.constant(1)
    common = promote([first.type, last.type, by.type])
    if common is None or common.name.startswith("complex"):
        builder.type_error(node, "`np.arange` needs real numbers.")
    type_ = dtype_of(builder, dtype, common, node)
    count = dim_of(builder, _count(builder, first, last, by, common))
    array_ = allocate(builder, Array(type_, 1, "C"), (count,))

    def body(index: Index, values: Operands) -> Operands:
        place: ir.Operand = index[0]
        if is_integer(common):
            offset = arithmetic(builder, operator.mul, place, by)
            builder.store(array_, index, arithmetic(builder, operator.add, first, offset))
            return values
        place = builder.cast(place, common)
        offset = builder.call(operator.mul, place, builder.cast(by, common), type=common)
        start_ = builder.cast(first, common)
        builder.store(array_, index, builder.call(operator.add, start_, offset, type=common))
        return values

    nest(builder, (count,), body)
    return value_of(array_)


def _count(
    builder: Builder, first: ir.Operand, last: ir.Operand, by: ir.Operand, common: Scalar
) -> ir.Operand:
    """Number of items of a range."""
    if not is_inexact(common):
        if first == ZERO and by == ONE:
            if isinstance(last, ir.Const):
                return ir.Const(max(int(last.value), 0), INT64)
            is_negative = builder.call(operator.lt, last, ZERO)
            return select(builder, is_negative, ZERO, builder.cast(last, INT64))
        bounds = [builder.cast(bound, INT64) for bound in (first, last, by)]
        return builder.length(RangeValue(*bounds))
    span = builder.call(operator.sub, builder.cast(last, FLOAT64), builder.cast(first, FLOAT64))
    ratio = builder.call(divide, span, builder.cast(by, FLOAT64), type=FLOAT64)
    count = builder.cast(builder.call(np.ceil, ratio), INT64)
    is_negative = builder.call(operator.lt, count, ZERO)
    return select(builder, is_negative, ZERO, count)


@handles(np.eye)
def eye(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.eye``."""
    rows, columns, k, dtype = bind(builder, "eye", "N M k dtype", args, kwargs, node)
    return _eye(builder, rows, columns if is_given(columns) else rows, k, dtype, node)


@handles(np.identity)
def identity(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.identity``."""
    n, dtype = bind(builder, "identity", "n dtype", args, kwargs, node)
    return _eye(builder, n, n, builder.number(0), dtype, node)


def _eye(
    builder: Builder, rows: Value, columns: Value, k: Value, dtype: Value, node: Node
) -> Value:
    type_ = dtype_of(builder, dtype, FLOAT64, node)
    dims = tuple(dim_of(builder, builder.as_index(value, node)) for value in (rows, columns))
    shift = builder.as_index(k, node) if is_given(k) else ZERO
    array_ = allocate(builder, Array(type_, 2, "C"), dims, zero_of(type_))
    count, column_count = dims[0].operand, dims[1].operand
    square = dims[0].key == dims[1].key and shift == ZERO

    def body(index: Index, values: Operands) -> Operands:
        row = index[0]
        if square:
            builder.store(array_, (row, row), number_of(type_, 1))
            return values
        column = arithmetic(builder, operator.add, row, shift)
        inside = builder.call(
            operator.and_,
            builder.call(operator.ge, column, ZERO),
            builder.call(operator.lt, column, column_count),
        )

        def then() -> Operands:
            builder.store(array_, (row, column), number_of(type_, 1))
            return []

        builder.if_else(inside, then, list)
        return values

    nest(builder, (dim_of(builder, count),), body)
    return value_of(array_)
