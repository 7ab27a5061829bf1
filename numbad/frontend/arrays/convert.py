"""Conversion of values to array expressions, and of whatever names a dtype to a scalar type."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from numbad import numba_bridge
from numbad.frontend.arrays.dims import Dim, Dims, array_dims, dim_of, known_dim
from numbad.frontend.arrays.lazy import (
    LazyValue,
    allocate,
    consume,
    element,
    is_arraylike,
    nest,
    of_array,
    of_scalar,
    settle_lazy,
)
from numbad.frontend.arrays.support import Index, Node, Operands, arithmetic, integer, is_none
from numbad.frontend.values import (
    DynamicList,
    ListObject,
    OperandValue,
    RangeValue,
    Ref,
    StaticValue,
    TupleValue,
    Value,
)
from numbad.ir import nodes as ir
from numbad.ir.types import BOOL, COMPLEX128, FLOAT64, INT64, Array, List, Scalar, Type

if TYPE_CHECKING:
    from numbad.frontend.builder import Builder

_PYTHON_TYPES = {float: FLOAT64, int: INT64, bool: BOOL, complex: COMPLEX128}


def dtype_of(builder: Builder, value: Value, default: Scalar, node: Node = None) -> Scalar:
    """Return the scalar type that a ``dtype`` argument names."""
    if is_none(value):
        return default
    found = scalar_type(builder.as_static(value, "The dtype"))
    if found is None:
        builder.type_error(node, "The dtype is not one of the machine's numbers.")
    return found


def scalar_type(found: Any) -> Scalar | None:
    """Return the scalar type that a Python object names as a dtype; None if it names none."""
    if isinstance(found, type) and found in _PYTHON_TYPES:
        return _PYTHON_TYPES[found]
    if numba_bridge.is_numba_scalar_class(found):
        type_ = numba_bridge.from_numba(found)
        return type_ if isinstance(type_, Scalar) else None
    try:
        name = np.dtype(found).name
    except TypeError:
        return None
    known = "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64"
    return Scalar(name) if name in f"{known} complex64 complex128".split() else None


def is_convertible(builder: Builder, value: Value) -> bool:
    """Whether a value that is not an array is a sequence that NumPy would make an array of."""
    match value:
        case TupleValue() | RangeValue():
            return True
        case OperandValue(operand):
            return isinstance(operand.type, List)
        case Ref():
            return isinstance(builder.object(value), ListObject | DynamicList)
        case StaticValue(found):
            return isinstance(found, list | tuple | range)
        case _:
            return False


def to_lazy(builder: Builder, value: Value, node: Node = None) -> LazyValue:
    """Return a number, array, array expression or (nested) sequence as an array expression."""
    match value:
        case LazyValue():
            return value
        case OperandValue(operand):
            if isinstance(operand.type, Array):
                assert isinstance(operand, ir.Var)
                return of_array(builder, operand)
            if isinstance(operand.type, Scalar):
                return of_scalar(builder, operand)
    if is_convertible(builder, value):
        return of_array(builder, from_sequence(builder, value, None, node))
    operand = builder.as_scalar(value, node)
    return of_scalar(builder, operand)


def to_array(builder: Builder, value: Value, node: Node = None) -> ir.Var:
    """Return an array, array expression or (nested) sequence as an array; a number is refused."""
    if not is_arraylike(value) and not is_convertible(builder, value):
        builder.type_error(node, f"An array is needed here, not {builder.describe(value)}.")
    return settle_lazy(builder, to_lazy(builder, value, node))


def promote(types: list[Type]) -> Scalar | None:
    """Type of array elements that can hold numbers of all the types."""
    result: Type | None = None
    for type_ in types:
        if not isinstance(type_, Scalar):
            return None
        result = type_ if result is None else numba_bridge.unify(result, type_)
        if result is None:
            return None
    return result if isinstance(result, Scalar) else None


# --- sequences ----------------------------------------------------------------------------------


def from_sequence(
    builder: Builder, value: Value, dtype: Scalar | None, node: Node, name: str = ""
) -> ir.Var:
    """Make an array of a (nested) list, tuple or range."""
    if isinstance(value, RangeValue):
        return _from_range(builder, value, dtype)
    listed = _dynamic_list(builder, value)
    if listed is not None:
        return _from_list(builder, listed, dtype, node)
    items = builder.as_sequence(value)
    if items is None:
        builder.type_error(node, f"An array cannot be made of {builder.describe(value)}.")
    if not items:
        return allocate(builder, Array(dtype or FLOAT64, 1, "C"), (known_dim(0),), name=name)
    parts = [_part(builder, item, node) for item in items]
    ndim = parts[0].type.ndim
    if any(part.type.ndim != ndim for part in parts):
        builder.type_error(node, "The items of the sequence have different numbers of axes.")
    common = dtype or promote([part.dtype for part in parts])
    if common is None:
        builder.type_error(node, "The items of the sequence have no common type.")
    inner = common_shape(builder, [part.dims for part in parts])
    parts = [
        of_array(builder, settle_lazy(builder, part)) if part.cost and part.dims else part
        for part in parts
    ]
    dims = (known_dim(len(parts)), *inner)
    array = allocate(builder, Array(common, ndim + 1, "C"), dims, name=name)
    for position, part in enumerate(parts):
        write_part(builder, array, (integer(position),), inner, part)
    return array


def write_part(builder: Builder, array: ir.Var, prefix: Index, dims: Dims, part: LazyValue) -> None:
    """Store the elements of an expression into ``array[prefix]``."""
    consume(builder, part)

    def body(index: Index, values: Operands) -> Operands:
        builder.store(array, (*prefix, *index), element(builder, part, index))
        return values

    nest(builder, dims, body)


def _part(builder: Builder, item: Value, node: Node) -> LazyValue:
    lazy = to_lazy(builder, item, node)
    if is_arraylike(item) and not lazy.dims:
        return of_scalar(builder, element(builder, lazy, ()))
    return lazy


def common_shape(builder: Builder, shapes: list[Dims]) -> Dims:
    """Return the shape that several arrays must have in common; emits the checks."""
    first = list(shapes[0])
    for shape in shapes[1:]:
        for axis, (one, other) in enumerate(zip(first, shape, strict=True)):
            if one.key == other.key:
                continue
            differ = arithmetic(builder, operator.ne, one.operand, other.operand)
            builder.raise_if(differ, ValueError, "all input arrays must have the same shape")
            if other.known is not None:
                first[axis] = other
    return tuple(first)


def _dynamic_list(builder: Builder, value: Value) -> ir.Var | None:
    if isinstance(value, Ref):
        contents = builder.object(value)
        if isinstance(contents, DynamicList) and isinstance(contents.operand, ir.Var):
            return contents.operand
    if isinstance(value, OperandValue) and isinstance(value.operand, ir.Var):
        return value.operand if isinstance(value.operand.type, List) else None
    return None


def _from_list(builder: Builder, items: ir.Var, dtype: Scalar | None, node: Node) -> ir.Var:
    assert isinstance(items.type, List)
    item = items.type.item
    length = Dim(builder.shape(items, 0), ("length", items.id, builder.next_id()))
    if isinstance(item, Scalar):
        array = allocate(builder, Array(dtype or item, 1, "C"), (length,))

        def scalar_body(index: Index, values: Operands) -> Operands:
            builder.store(array, index, builder.load(items, *index))
            return values

        nest(builder, (length,), scalar_body)
        return array
    if not isinstance(item, Array) or not isinstance(item.dtype, Scalar):
        builder.type_error(node, f"An array cannot be made of a list of {item}.")
    empty = arithmetic(builder, operator.eq, length.operand, integer(0))
    builder.raise_if(empty, ValueError, "need at least one array")
    first = builder.load(items, integer(0))
    inner = array_dims(builder, first)
    array = allocate(builder, Array(dtype or item.dtype, item.ndim + 1, "C"), (length, *inner))

    def array_body(index: Index, values: Operands) -> Operands:
        part = of_array(builder, builder.load(items, *index))
        common_shape(builder, [inner, part.dims])
        write_part(builder, array, index, inner, part)
        return values

    nest(builder, (length,), array_body)
    return array


def _from_range(builder: Builder, value: RangeValue, dtype: Scalar | None) -> ir.Var:
    count = dim_of(builder, builder.length(value))
    array = allocate(builder, Array(dtype or INT64, 1, "C"), (count,))

    def body(index: Index, values: Operands) -> Operands:
        step = arithmetic(builder, operator.mul, index[0], value.step)
        builder.store(array, index, arithmetic(builder, operator.add, value.start, step))
        return values

    nest(builder, (count,), body)
    return array
