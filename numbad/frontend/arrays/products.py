"""Products of vectors and matrices: BLAS for floating-point numbers, loops for the rest."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from numbad.frontend.arrays import operations
from numbad.frontend.arrays.access import variable_of
from numbad.frontend.arrays.assignment import assign
from numbad.frontend.arrays.convert import promote, to_lazy
from numbad.frontend.arrays.dims import Dim, Dims, array_dims, broadcast, note_fresh, stretch
from numbad.frontend.arrays.functions import convert_to
from numbad.frontend.arrays.lazy import (
    LazyValue,
    allocate,
    consume,
    copy_elements,
    element,
    nest,
    of_array,
    settle_lazy,
)
from numbad.frontend.arrays.registry import handles, method
from numbad.frontend.arrays.signature import bind, is_given
from numbad.frontend.arrays.subscripts import FULL
from numbad.frontend.arrays.support import (
    Index,
    Node,
    Operands,
    arithmetic,
    value_of,
    zero_of,
)
from numbad.frontend.arrays.views import reshape, subview, transpose
from numbad.frontend.values import StaticValue, Value
from numbad.ir import nodes as ir
from numbad.ir.types import BOOL, Array, Scalar, Type, is_complex, is_inexact

if TYPE_CHECKING:
    from numbad.frontend.builder import Builder


def matmul(builder: Builder, left: Value, right: Value, node: Node) -> Value:
    """Return ``left @ right``."""
    first, second = to_lazy(builder, left, node), to_lazy(builder, right, node)
    if not first.dims or not second.dims:
        builder.type_error(node, "`@` needs arrays with at least one axis.")
    return multiply(builder, first, second, node)


operations.NOT_ELEMENTWISE[operator.matmul] = matmul


def multiply(builder: Builder, left: LazyValue, right: LazyValue, node: Node) -> Value:
    """Return the matrix product of arrays with axes."""
    dtype = promote([left.dtype, right.dtype])
    if dtype is None:
        builder.type_error(node, "The operands of the product have no common type.")
    if not is_inexact(dtype) or max(len(left.dims), len(right.dims)) > 2:
        return _by_loops(builder, left, right, dtype)
    first, second = blas_operand(builder, left, dtype), blas_operand(builder, right, dtype)
    return call_product(builder, np.dot, first, second, dtype)


def call_product(
    builder: Builder, fn: Callable[..., Any], first: ir.Var, second: ir.Var, dtype: Scalar
) -> Value:
    """Call BLAS on operands of at most two axes."""
    dims = (*array_dims(builder, first)[:-1], *_columns(array_dims(builder, second)))
    if not dims:
        return value_of(builder.call(fn, first, second, type=dtype))
    result = builder.call(fn, first, second, type=Array(dtype, len(dims), "C"))
    assert isinstance(result, ir.Var)
    note_fresh(builder, result, dims)
    return value_of(result)


def _columns(dims: Dims) -> Dims:
    return dims[1:] if len(dims) > 1 else ()


def blas_operand(builder: Builder, lazy: LazyValue, dtype: Scalar) -> ir.Var:
    """Return an array of the type that BLAS takes: contiguous, in either order."""
    if lazy.dtype != dtype:
        lazy = to_lazy(builder, convert_to(builder, lazy, dtype, None))
    array = settle_lazy(builder, lazy)
    assert isinstance(array.type, Array)
    if array.type.layout == "A":
        return copy_elements(builder, of_array(builder, array))
    return array


def _multiply_add(
    builder: Builder, so_far: ir.Operand, a: ir.Operand, b: ir.Operand, dtype: Scalar
) -> ir.Operand:
    if dtype == BOOL:
        return builder.call(operator.or_, so_far, builder.call(operator.and_, a, b))
    a, b = builder.cast(a, dtype), builder.cast(b, dtype)
    kind: Type | None = dtype if is_inexact(dtype) else None
    term = builder.call(operator.mul, a, b, type=kind)
    return builder.cast(builder.call(operator.add, so_far, term, type=kind), dtype)


def _check_inner(builder: Builder, first: Dim, second: Dim) -> None:
    if first.key != second.key:
        differ = arithmetic(builder, operator.ne, first.operand, second.operand)
        builder.raise_if(differ, ValueError, "shapes not aligned")


def _by_loops(builder: Builder, left: LazyValue, right: LazyValue, dtype: Scalar) -> Value:
    """Matrix product as NumPy's ``matmul``: leading axes are broadcast."""
    left = of_array(builder, settle_lazy(builder, left))
    right = of_array(builder, settle_lazy(builder, right))
    is_row, is_column = len(left.dims) == 1, len(right.dims) == 1
    inner = left.dims[-1]
    _check_inner(builder, inner, right.dims[-1 if is_column else -2])
    left_batch, right_batch = left.dims[:-2], right.dims[:-2]
    batch = broadcast(builder, [left_batch, right_batch])
    from_left, from_right = (
        stretch(builder, left_batch, batch),
        stretch(builder, right_batch, batch),
    )
    rows: Dims = () if is_row else (left.dims[-2],)
    columns: Dims = () if is_column else (right.dims[-1],)

    def at(index: Index) -> ir.Operand:
        batch_index = index[: len(batch)]
        row = index[len(batch) : len(batch) + len(rows)]
        column = index[len(batch) + len(rows) :]

        def body(place: Index, values: Operands) -> Operands:
            left_index = (*from_left.index(builder, batch_index), *row, *place)
            right_index = (*from_right.index(builder, batch_index), *place, *column)
            a = element(builder, left, left_index)
            b = element(builder, right, right_index)
            return [_multiply_add(builder, values[0], a, b, dtype)]

        return nest(builder, (inner,), body, [zero_of(dtype)])[0]

    return _table(builder, (*batch, *rows, *columns), dtype, at)


def _table(builder: Builder, dims: Dims, dtype: Scalar, at: Callable[[Index], ir.Operand]) -> Value:
    if not dims:
        return value_of(at(()))
    result = allocate(builder, Array(dtype, len(dims), "C"), dims)

    def body(index: Index, values: Operands) -> Operands:
        builder.store(result, index, at(index))
        return values

    nest(builder, dims, body)
    return value_of(result)


@handles(np.dot)
@method("dot")
def dot(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.dot`` of numbers, vectors and matrices."""
    a, b, out = bind(builder, "dot", "a b out", args, kwargs, node, 2)
    first, second = to_lazy(builder, a, node), to_lazy(builder, b, node)
    if not first.dims or not second.dims:
        result = builder.binary(operator.mul, a, b, node)
    elif max(len(first.dims), len(second.dims)) > 2:
        builder.error(
            node,
            "`np.dot` is supported for at most two axes.",
            remedy="Use `@` or np.einsum, which say which axes are multiplied.",
        )
    else:
        result = multiply(builder, first, second, node)
    return _into(builder, result, out, node)


def _into(builder: Builder, result: Value, out: Value, node: Node) -> Value:
    if not is_given(out):
        return result
    target = variable_of(builder, out)
    assign(builder, target, to_lazy(builder, result, node))
    return value_of(target)


@handles(np.matmul)
def np_matmul(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.matmul``."""
    a, b, out = bind(builder, "matmul", "x1 x2 out", args, kwargs, node, 2)
    return _into(builder, matmul(builder, a, b, node), out, node)


@handles(np.inner)
def inner(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.inner`` of vectors and matrices: the last axes are multiplied."""
    a, b = bind(builder, "inner", "a b", args, kwargs, node, 2)
    first, second = to_lazy(builder, a, node), to_lazy(builder, b, node)
    if not first.dims or not second.dims:
        return builder.binary(operator.mul, a, b, node)
    if max(len(first.dims), len(second.dims)) > 2:
        builder.error(node, "`np.inner` is supported for at most two axes.")
    if len(second.dims) == 2:
        second = of_array(builder, transpose(builder, settle_lazy(builder, second)))
    return multiply(builder, first, second, node)


@handles(np.vdot)
def vdot(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.vdot``: the first operand is conjugated, and both are flattened."""
    a, b = bind(builder, "vdot", "a b", args, kwargs, node, 2)
    flat: list[Value] = []
    for value in (a, b):
        array = settle_lazy(builder, to_lazy(builder, value, node))
        flat.append(value_of(reshape(builder, array, [None])))
    first, second = (to_lazy(builder, value, node) for value in flat)
    dtype = promote([first.dtype, second.dtype])
    if dtype is None:
        builder.type_error(node, "The operands of `np.vdot` have no common type.")
    if not is_complex(dtype):
        return multiply(builder, first, second, node)
    operands = [blas_operand(builder, lazy, dtype) for lazy in (first, second)]
    return call_product(builder, np.vdot, operands[0], operands[1], dtype)


@handles(np.outer)
def outer(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.outer``: an expression, evaluated where it is used."""
    a, b, out = bind(builder, "outer", "a b out", args, kwargs, node, 2)
    flat = []
    for value in (a, b):
        array = settle_lazy(builder, to_lazy(builder, value, node))
        flat.append(reshape(builder, array, [None]))
    column = value_of(subview(builder, flat[0], [FULL, ir.NewAxis()], node))
    result = operations.apply(builder, operator.mul, [column, value_of(flat[1])], node)
    return _into(builder, result, out, node)


# --- einsum -------------------------------------------------------------------------------------


@handles(np.einsum)
def einsum(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.einsum`` with the subscripts as a constant string, without ``...``."""
    if not args or not isinstance(args[0], StaticValue) or not isinstance(args[0].value, str):
        builder.error(node, "`np.einsum` needs its subscripts as a constant string.")
    for name in kwargs:
        if name != "optimize":
            builder.error(node, f"`np.einsum` is not supported with `{name}=`.")
    spec = args[0].value.replace(" ", "")
    operands = [to_lazy(builder, value, node) for value in args[1:]]
    inputs, _, output = spec.partition("->")
    labels = inputs.split(",")
    if "." in spec or len(labels) != len(operands):
        builder.error(node, f"The subscripts {spec!r} do not fit the operands of `np.einsum`.")
    if "->" not in spec:
        joined = "".join(labels)
        output = "".join(sorted(name for name in set(joined) if joined.count(name) == 1))
    return contract(builder, operands, labels, output, node)


def contract(
    builder: Builder, operands: list[LazyValue], labels: list[str], output: str, node: Node
) -> Value:
    """Sum the product of elements over all labelled axes that are not in ``output``."""
    lengths: dict[str, Dim] = {}
    for lazy, names in zip(operands, labels, strict=True):
        if len(names) != len(lazy.dims):
            builder.error(node, f"The subscripts {names!r} do not fit an operand of `np.einsum`.")
        for name, dim in zip(names, lazy.dims, strict=True):
            if name in lengths:
                _check_inner(builder, lengths[name], dim)
            else:
                lengths[name] = dim
    unknown = [name for name in output if name not in lengths]
    if unknown:
        builder.error(node, f"The label {unknown[0]!r} of the result stands for no axis.")
    dtype = promote([lazy.dtype for lazy in operands])
    if dtype is None:
        builder.type_error(node, "The operands of `np.einsum` have no common type.")
    operands = [
        of_array(builder, settle_lazy(builder, lazy)) if lazy.dims else consume(builder, lazy)
        for lazy in operands
    ]
    summed = [name for name in lengths if name not in output]

    def at(index: Index) -> ir.Operand:
        where = dict(zip(output, index, strict=True))

        def term() -> ir.Operand:
            result: ir.Operand | None = None
            for lazy, names in zip(operands, labels, strict=True):
                item = element(builder, lazy, tuple(where[name] for name in names))
                item = builder.cast(item, dtype)
                if result is None:
                    result = item
                else:
                    kind = dtype if is_inexact(dtype) else None
                    result = builder.cast(
                        builder.call(operator.mul, result, item, type=kind), dtype
                    )
            assert result is not None
            return result

        if not summed:
            return term()

        def body(place: Index, values: Operands) -> Operands:
            where.update(zip(summed, place, strict=True))
            kind = dtype if is_inexact(dtype) else None
            found = builder.call(operator.add, values[0], term(), type=kind)
            return [builder.cast(found, dtype)]

        return nest(builder, [lengths[name] for name in summed], body, [zero_of(dtype)])[0]

    return _table(builder, tuple(lengths[name] for name in output), dtype, at)


@handles(np.tensordot)
def tensordot(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.tensordot`` with axes known while building."""
    a, b, axes = bind(builder, "tensordot", "a b axes", args, kwargs, node, 2)
    first, second = to_lazy(builder, a, node), to_lazy(builder, b, node)
    known = builder.as_static(axes, "`axes`") if is_given(axes) else 2
    n, m = len(first.dims), len(second.dims)
    if isinstance(known, int):
        left, right = list(range(n - known, n)), list(range(known))
    else:
        left, right = (
            [axis % count for axis in (side if isinstance(side, tuple | list) else (side,))]
            for side, count in zip(known, (n, m), strict=True)
        )
    names = [chr(ord("a") + place) for place in range(n)]
    others = [chr(ord("a") + n + place) for place in range(m)]
    for place, goal in zip(left, right, strict=True):
        others[goal] = names[place]
    output = [name for place, name in enumerate(names) if place not in left]
    output += [name for place, name in enumerate(others) if place not in right]
    labels = ["".join(names), "".join(others)]
    return contract(builder, [first, second], labels, "".join(output), node)
