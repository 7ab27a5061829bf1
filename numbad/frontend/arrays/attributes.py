"""Attributes and shape-changing methods of arrays."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

import numpy as np

from numbad.frontend.arrays.access import lengths, variable_of
from numbad.frontend.arrays.assignment import assign
from numbad.frontend.arrays.convert import dtype_of, to_array, to_lazy
from numbad.frontend.arrays.creation import shape_of
from numbad.frontend.arrays.dims import array_dim, array_dims, broadcast, known_dim, stretch, total
from numbad.frontend.arrays.functions import imag, real
from numbad.frontend.arrays.lazy import (
    LazyValue,
    allocate,
    array_type,
    copy_elements,
    element,
    of_array,
    pending,
    settle_lazy,
    sources_of,
)
from numbad.frontend.arrays.registry import attribute, handles, method
from numbad.frontend.arrays.signature import bind, is_given, static_axes, static_axis
from numbad.frontend.arrays.subscripts import FULL, At, Item
from numbad.frontend.arrays.support import Index, Node, arithmetic, integer, is_none, value_of
from numbad.frontend.arrays.views import contiguous, reshape, reshaped, subview, transpose
from numbad.frontend.values import StaticValue, TupleValue, Value, is_array
from numbad.ir import nodes as ir
from numbad.ir.types import Array, Scalar

if TYPE_CHECKING:
    from numbad.frontend.builder import Builder


@attribute("shape")
def shape(builder: Builder, array: Value, node: Node) -> Value:
    """``a.shape``."""
    return TupleValue(tuple(value_of(dim.operand) for dim in lengths(builder, array)))


@attribute("size")
def size(builder: Builder, array: Value, node: Node) -> Value:
    """``a.size``."""
    return value_of(total(builder, lengths(builder, array)).operand)


@attribute("ndim")
def ndim(builder: Builder, array: Value, node: Node) -> Value:
    """``a.ndim``."""
    return value_of(integer(array_type(array).ndim))


@attribute("dtype")
def dtype(builder: Builder, array: Value, node: Node) -> Value:
    """``a.dtype``."""
    return StaticValue(_numpy_dtype(array))


@attribute("itemsize")
def itemsize(builder: Builder, array: Value, node: Node) -> Value:
    """``a.itemsize``."""
    return value_of(integer(_numpy_dtype(array).itemsize))


@attribute("nbytes")
def nbytes(builder: Builder, array: Value, node: Node) -> Value:
    """``a.nbytes``."""
    count = total(builder, lengths(builder, array)).operand
    bytes_each = integer(_numpy_dtype(array).itemsize)
    return value_of(arithmetic(builder, operator.mul, count, bytes_each))


@handles(np.result_type)
def result_type(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.result_type`` of arrays, numbers and dtypes."""
    known = [
        _numpy_dtype(arg) if is_array(arg) else builder.as_static(arg, "A dtype") for arg in args
    ]
    return StaticValue(np.result_type(*known))


def _numpy_dtype(array: Value) -> np.dtype[np.generic]:
    scalar = array_type(array).dtype
    assert isinstance(scalar, Scalar)
    return np.dtype(scalar.name)


@attribute("T")
def transposed(builder: Builder, array: Value, node: Node) -> Value:
    """``a.T``."""
    return value_of(transpose(builder, variable_of(builder, array)))


@attribute("real")
def real_part(builder: Builder, array: Value, node: Node) -> Value:
    """``a.real``: shares memory."""
    return real(builder, [array], {}, node)


@attribute("imag")
def imaginary_part(builder: Builder, array: Value, node: Node) -> Value:
    """``a.imag``: shares memory with a complex array."""
    return imag(builder, [array], {}, node)


@attribute("flat")
def flat(builder: Builder, array: Value, node: Node) -> Value:
    """``a.flat``: for a contiguous array or a vector, a vector that shares its memory."""
    variable = variable_of(builder, array)
    assert isinstance(variable.type, Array)
    if variable.type.ndim == 1:
        return value_of(variable)
    if variable.type.layout != "C":
        builder.error(
            node,
            "`flat` is supported for C-contiguous arrays only.",
            remedy="Use `ravel()` to read the elements in order.",
        )
    return value_of(reshape(builder, variable, [None]))


# --- shapes -------------------------------------------------------------------------------------


@handles(np.shape)
def np_shape(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.shape``."""
    return TupleValue(tuple(value_of(dim.operand) for dim in to_lazy(builder, args[0], node).dims))


@handles(np.size)
def np_size(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.size``, also along an axis."""
    a, axis = bind(builder, "size", "a axis", args, kwargs, node)
    dims = to_lazy(builder, a, node).dims
    if is_given(axis):
        return value_of(dims[static_axis(builder, axis, len(dims), node)].operand)
    return value_of(total(builder, dims).operand)


@handles(np.ndim)
def np_ndim(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.ndim``."""
    return value_of(integer(len(to_lazy(builder, args[0], node).dims)))


def _lengths(builder: Builder, shape: Value, node: Node) -> list[ir.Operand | None]:
    """Lengths of a new shape; -1 becomes None."""
    return [None if dim.known == -1 else dim.operand for dim in shape_of(builder, shape, node)]


@handles(np.reshape)
def np_reshape(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.reshape``."""
    a, shape, newshape, order = bind(
        builder, "reshape", "a shape newshape order", args, kwargs, node
    )
    _only_c_order(builder, order, node)
    wanted = _lengths(builder, shape if is_given(shape) else newshape, node)
    return value_of(reshaped(builder, to_array(builder, a, node), wanted))


@method("reshape")
def reshape_method(
    builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node
) -> Value:
    """``a.reshape(shape)`` and ``a.reshape(m, n)``."""
    array, *shape = args
    _only_c_order(builder, kwargs.get("order"), node)
    wanted = shape[0] if len(shape) == 1 else TupleValue(tuple(shape))
    variable = variable_of(builder, array)
    return value_of(reshaped(builder, variable, _lengths(builder, wanted, node)))


def _only_c_order(builder: Builder, order: Value | None, node: Node) -> None:
    if order is not None and not is_none(order) and builder.as_static(order, "The order") != "C":
        builder.error(
            node, 'Only `order="C"` is supported here.', remedy="Transpose the array instead."
        )


@handles(np.ravel)
@method("ravel")
def ravel(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``a.ravel()``: a view of a C-contiguous array, a copy of any other."""
    a, order = bind(builder, "ravel", "a order", args, kwargs, node)
    _only_c_order(builder, order, node)
    return value_of(reshape(builder, to_array(builder, a, node), [None]))


@method("flatten")
def flatten(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``a.flatten()``: always a copy."""
    a, order = bind(builder, "flatten", "a order", args, kwargs, node)
    _only_c_order(builder, order, node)
    lazy = to_lazy(builder, a, node)
    array = settle_lazy(builder, lazy) if lazy.is_new else copy_elements(builder, lazy)
    return value_of(reshape(builder, array, [None]))


@handles(np.transpose, np.permute_dims)
@method("transpose")
def np_transpose(
    builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node
) -> Value:
    """``np.transpose(a, axes)``, ``a.transpose(axes)`` and ``a.transpose(0, 2, 1)``."""
    if len(args) > 2:
        args = [args[0], TupleValue(tuple(args[1:]))]
    a, axes = bind(builder, "transpose", "a axes", args, kwargs, node)
    array = to_array(builder, a, node)
    assert isinstance(array.type, Array)
    return value_of(transpose(builder, array, static_axes(builder, axes, array.type.ndim, node)))


@handles(np.swapaxes)
@method("swapaxes")
def swapaxes(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.swapaxes``."""
    a, first, second = bind(builder, "swapaxes", "a axis1 axis2", args, kwargs, node, 3)
    array = to_array(builder, a, node)
    assert isinstance(array.type, Array)
    order = list(range(array.type.ndim))
    i = static_axis(builder, first, array.type.ndim, node)
    j = static_axis(builder, second, array.type.ndim, node)
    order[i], order[j] = order[j], order[i]
    return value_of(transpose(builder, array, order))


@handles(np.moveaxis)
def moveaxis(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.moveaxis``."""
    a, source, destination = bind(
        builder, "moveaxis", "a source destination", args, kwargs, node, 3
    )
    array = to_array(builder, a, node)
    assert isinstance(array.type, Array)
    ndim = array.type.ndim
    moved = static_axes(builder, source, ndim, node) or ()
    goals = static_axes(builder, destination, ndim, node) or ()
    if len(moved) != len(goals):
        builder.error(node, "`np.moveaxis` needs as many sources as destinations.")
    order = [axis for axis in range(ndim) if axis not in moved]
    for goal, axis in sorted(zip(goals, moved, strict=True)):
        order.insert(goal, axis)
    return value_of(transpose(builder, array, order))


@handles(np.expand_dims)
def expand_dims(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.expand_dims``."""
    a, axis = bind(builder, "expand_dims", "a axis", args, kwargs, node, 2)
    array = to_array(builder, a, node)
    assert isinstance(array.type, Array)
    known = builder.as_static(axis, "The axis")
    count = len(known) if isinstance(known, tuple | list) else 1
    axes = static_axes(builder, axis, array.type.ndim + count, node)
    assert axes is not None
    items: list[Item] = [
        ir.NewAxis() if place in axes else FULL for place in range(array.type.ndim + count)
    ]
    return value_of(subview(builder, array, items, node))


@handles(np.squeeze)
@method("squeeze")
def squeeze(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.squeeze``: the axes must be named, unless all lengths are known."""
    a, axis = bind(builder, "squeeze", "a axis", args, kwargs, node)
    array = to_array(builder, a, node)
    dims = array_dims(builder, array)
    axes = static_axes(builder, axis, len(dims), node)
    if axes is None:
        if any(dim.known is None for dim in dims):
            builder.error(
                node,
                "`np.squeeze` needs `axis=` here.",
                "The lengths of the axes are known only when the program runs.",
            )
        axes = tuple(place for place, dim in enumerate(dims) if dim.known == 1)
    for place in axes:
        wrong = arithmetic(builder, operator.ne, dims[place].operand, integer(1))
        message = "cannot select an axis to squeeze out which has size not equal to one"
        builder.raise_if(wrong, ValueError, message)
    items: list[Item] = [At(integer(0)) if place in axes else FULL for place in range(len(dims))]
    if len(axes) == len(dims):
        return value_of(builder.load(array, *[integer(0)] * len(dims)))
    return value_of(subview(builder, array, items, node))


@handles(np.atleast_1d)
def atleast_1d(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.atleast_1d``."""
    return _at_least(builder, args, 1, node)


@handles(np.atleast_2d)
def atleast_2d(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.atleast_2d``."""
    return _at_least(builder, args, 2, node)


@handles(np.atleast_3d)
def atleast_3d(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.atleast_3d``."""
    return _at_least(builder, args, 3, node)


def _at_least(builder: Builder, args: list[Value], wanted: int, node: Node) -> Value:
    found = [_with_axes(builder, arg, wanted, node) for arg in args]
    return found[0] if len(found) == 1 else builder.new_list(found)


def _with_axes(builder: Builder, value: Value, wanted: int, node: Node) -> Value:
    lazy = to_lazy(builder, value, node)
    present = len(lazy.dims)
    if present >= wanted:
        return value
    if not present:
        ones = (known_dim(1),) * wanted
        array = allocate(builder, Array(lazy.dtype, wanted, "C"), ones)
        assign(builder, array, lazy)
        return value_of(array)
    # A third axis comes last, a second one first.
    before: list[Item] = [ir.NewAxis()] if present == 1 else []
    after: list[Item] = [ir.NewAxis()] if wanted == 3 else []
    items = [*before, *([FULL] * present), *after]
    return value_of(subview(builder, settle_lazy(builder, lazy), items, node))


@handles(np.broadcast_to)
def broadcast_to(
    builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node
) -> Value:
    """``np.broadcast_to``, as an expression: it has no memory of its own."""
    a, shape = bind(builder, "broadcast_to", "array shape", args, kwargs, node, 2)
    lazy = to_lazy(builder, a, node)
    target = shape_of(builder, shape, node)
    dims = broadcast(builder, [target, lazy.dims])
    how = stretch(builder, lazy.dims, dims)
    kept = of_array(builder, settle_lazy(builder, lazy)) if lazy.dims else lazy
    result = LazyValue(
        builder,
        Array(lazy.dtype, len(dims), "C"),
        dims,
        lambda index: element(builder, kept, how.index(builder, index)),
        sources_of(kept),
    )
    return pending(builder, result)


# --- the rest -----------------------------------------------------------------------------------


@method("fill")
def fill(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``a.fill(value)``."""
    a, value = bind(builder, "fill", "a value", args, kwargs, node, 2)
    assign(builder, variable_of(builder, a), to_lazy(builder, value, node))
    return builder.static(None)


@method("item")
def item(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``a.item()`` of an array of one element, ``a.item(i)`` and ``a.item(i, j)``."""
    array = variable_of(builder, args[0])
    assert isinstance(array.type, Array)
    count = array.type.ndim
    index: Index = tuple(builder.as_index(value, node) for value in args[1:])
    if len(index) == 1 and count > 1:
        array, count = reshape(builder, contiguous(builder, array), [None]), 1
    elif not index:
        index = (integer(0),) * count
        for axis in range(count):
            length = array_dim(builder, array, axis).operand
            wrong = arithmetic(builder, operator.ne, length, integer(1))
            message = "can only convert an array of size 1 to a Python scalar"
            builder.raise_if(wrong, ValueError, message)
    if len(index) != count:
        builder.type_error(node, "`item` needs one index, or one per axis.")
    return value_of(builder.load(array, *index))


@handles(np.iscomplexobj)
def iscomplexobj(
    builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node
) -> Value:
    """``np.iscomplexobj``."""
    dtype = to_lazy(builder, args[0], node).dtype
    return builder.number(dtype.name.startswith("complex"))


@handles(np.isrealobj)
def isrealobj(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.isrealobj``."""
    dtype = to_lazy(builder, args[0], node).dtype
    return builder.number(not dtype.name.startswith("complex"))


@method("view")
def view(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``array.view`` as the type that the elements have: the array itself."""
    array, wanted = bind(builder, "view", "a dtype", args, kwargs, node)
    variable = to_array(builder, array, node)
    own = to_lazy(builder, value_of(variable), node).dtype
    if is_given(wanted) and dtype_of(builder, wanted, own, node) != own:
        builder.error(
            node,
            "`view` of an array as another type is not supported.",
            "A reinterpretation of memory has no derivative.",
            "Convert the elements with `astype`.",
        )
    return value_of(variable)
