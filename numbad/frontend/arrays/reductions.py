"""Reductions: sums, products, truth; along all axes or some.

Each is a loop nest that carries the accumulator. The expression that is reduced is evaluated inside
the nest.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from numbad.frontend.arrays.convert import dtype_of, to_lazy
from numbad.frontend.arrays.dims import Dims, known_dim, total
from numbad.frontend.arrays.lazy import (
    LazyValue,
    allocate,
    consume,
    element,
    nest,
)
from numbad.frontend.arrays.operations import binary, choose
from numbad.frontend.arrays.registry import handles, method
from numbad.frontend.arrays.signature import bind, is_given, static_axes, static_bool
from numbad.frontend.arrays.support import (
    FALSE,
    ONE,
    TRUE,
    ZERO,
    Index,
    Node,
    Operands,
    both,
    either,
    number_of,
    truth,
    value_of,
)
from numbad.frontend.values import Value
from numbad.ir import nodes as ir
from numbad.ir.types import (
    BOOL,
    FLOAT64,
    INT64,
    UINT64,
    Array,
    Scalar,
    is_inexact,
)
from numbad.kernels.arithmetic import divide

if TYPE_CHECKING:
    from numbad.frontend.builder import Builder

Step = Callable[[Operands, ir.Operand, Index], Sequence[ir.Operand]]


@dataclass(frozen=True, slots=True)
class Split:
    """Axes of an array, split into those that are reduced and those that are kept."""

    reduced: tuple[int, ...]
    kept: tuple[int, ...]

    def join(self, kept: Index, reduced: Index) -> Index:
        """Index into the array."""
        whole = dict(zip(self.kept, kept, strict=True))
        whole.update(zip(self.reduced, reduced, strict=True))
        return tuple(whole[axis] for axis in range(len(whole)))


def split_axes(ndim: int, axes: tuple[int, ...] | None) -> Split:
    """Split the axes of an array of ``ndim`` axes; None reduces all."""
    if axes is None:
        return Split(tuple(range(ndim)), ())
    return Split(tuple(sorted(axes)), tuple(axis for axis in range(ndim) if axis not in axes))


def fold(
    builder: Builder,
    lazy: LazyValue,
    split: Split,
    kept: Index,
    initial: Sequence[ir.Operand],
    step: Step,
) -> Operands:
    """Carry accumulators over the reduced axes, at one place of the kept ones.

    ``step(accumulators, element, reduced index)`` returns the next accumulators.
    """

    def body(reduced: Index, values: Operands) -> Sequence[ir.Operand]:
        return step(values, element(builder, lazy, split.join(kept, reduced)), reduced)

    order = "F" if lazy.type.layout == "F" else "C"
    return nest(builder, [lazy.dims[axis] for axis in split.reduced], body, initial, order)


def reduce(
    builder: Builder,
    lazy: LazyValue,
    axes: tuple[int, ...] | None,
    dtype: Scalar,
    at: Callable[[Split, Index], ir.Operand],
    keepdims: bool = False,
) -> Value:
    """Return the reduction whose value at a place of the kept axes is ``at(split, place)``."""
    consume(builder, lazy)
    split = split_axes(len(lazy.dims), axes)
    if not split.kept and not keepdims:
        return value_of(builder.cast(at(split, ()), dtype))
    dims = _result_dims(lazy, split, keepdims)
    array = allocate(builder, Array(dtype, len(dims), "C"), dims)

    def body(kept: Index, values: Operands) -> Operands:
        place = split.join(kept, (ZERO,) * len(split.reduced)) if keepdims else kept
        builder.store(array, place, at(split, kept))
        return values

    nest(builder, [lazy.dims[axis] for axis in split.kept], body)
    return value_of(array)


def sum_type(dtype: Scalar) -> Scalar:
    """Type in which NumPy and Numba sum numbers of a type."""
    if dtype == BOOL or dtype.name.startswith("int"):
        return INT64
    return UINT64 if dtype.name.startswith("uint") else dtype


def mean_type(dtype: Scalar) -> Scalar:
    """Type of a mean of numbers of a type."""
    return dtype if is_inexact(dtype) else FLOAT64


def accumulate(
    builder: Builder,
    lazy: LazyValue,
    axes: tuple[int, ...] | None,
    keepdims: bool,
    fn: Callable[..., ir.Operand],
    initial: ir.Operand,
) -> Value:
    """Fold a binary operation over the elements, each converted to the type of ``initial``."""
    dtype = initial.type
    assert isinstance(dtype, Scalar)
    if fn is operator.add and _keeps_innermost(lazy, axes):
        return sum_rows(builder, lazy, axes, initial, keepdims)

    def at(split: Split, kept: Index) -> ir.Operand:
        def step(values: Operands, item: ir.Operand, reduced: Index) -> Operands:
            item = builder.cast(item, dtype)
            if is_inexact(dtype):
                return [builder.call(fn, values[0], item, type=dtype)]
            return [builder.cast(builder.call(fn, values[0], item), dtype)]

        return fold(builder, lazy, split, kept, [initial], step)[0]

    return reduce(builder, lazy, axes, dtype, at, keepdims)


def _keeps_innermost(lazy: LazyValue, axes: tuple[int, ...] | None) -> bool:
    """Whether the axis along which memory runs fastest is kept, while others are reduced."""
    innermost = 0 if lazy.type.layout == "F" else len(lazy.dims) - 1
    return axes is not None and len(axes) > 0 and innermost not in axes


def sum_rows(
    builder: Builder,
    lazy: LazyValue,
    axes: tuple[int, ...] | None,
    initial: ir.Operand,
    keepdims: bool,
) -> Value:
    """Sum along all but the innermost axis, in the order of the memory: rows are added up."""
    consume(builder, lazy)
    assert isinstance(initial.type, Scalar)
    split = split_axes(len(lazy.dims), axes)
    dims = _result_dims(lazy, split, keepdims)
    array_type = Array(initial.type, len(dims), "C")
    if isinstance(initial, ir.Const):
        result = allocate(builder, array_type, dims, initial)
    else:
        result = allocate(builder, array_type, dims)

        def start(index: Index, values: Operands) -> Operands:
            builder.store(result, index, initial)
            return values

        nest(builder, dims, start)

    def body(index: Index, values: Operands) -> Operands:
        place = tuple(
            ZERO if axis in split.reduced else index[axis]
            for axis in range(len(index))
            if keepdims or axis not in split.reduced
        )
        builder.accumulate(result, place, element(builder, lazy, index))
        return values

    nest(builder, lazy.dims, body, order="F" if lazy.type.layout == "F" else "C")
    return value_of(result)


def _result_dims(lazy: LazyValue, split: Split, keepdims: bool) -> Dims:
    return tuple(
        known_dim(1) if axis in split.reduced else lazy.dims[axis]
        for axis in range(len(lazy.dims))
        if keepdims or axis not in split.reduced
    )


def _sum_like(
    builder: Builder, name: str, args: list[Value], kwargs: dict[str, Value], node: Node
) -> Value:
    parameters = "a axis dtype out keepdims initial"
    a, axis, dtype, out, keepdims, initial = bind(builder, name, parameters, args, kwargs, node)
    if is_given(out):
        builder.error(node, f"`{name}` is not supported with `out=`.")
    lazy = to_lazy(builder, a, node)
    type_ = dtype_of(builder, dtype, sum_type(lazy.dtype), node)
    fn, start = (operator.add, 0) if name == "sum" else (operator.mul, 1)
    first: ir.Operand = number_of(type_, start)
    if is_given(initial):
        first = builder.cast(builder.as_scalar(initial, node), type_)
    axes = static_axes(builder, axis, len(lazy.dims), node)
    keep = static_bool(builder, keepdims, "`keepdims`")
    return accumulate(builder, lazy, axes, keep, fn, first)


@handles(np.sum)
@method("sum")
def sum_(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.sum``."""
    return _sum_like(builder, "sum", args, kwargs, node)


@handles(np.prod)
@method("prod")
def prod(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.prod``."""
    return _sum_like(builder, "prod", args, kwargs, node)


@handles(np.mean)
@method("mean")
def mean(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.mean``: the sum divided by the number of elements."""
    parameters = "a axis dtype out keepdims"
    a, axis, dtype, out, keepdims = bind(builder, "mean", parameters, args, kwargs, node)
    if is_given(out):
        builder.error(node, "`mean` is not supported with `out=`.")
    lazy = to_lazy(builder, a, node)
    type_ = dtype_of(builder, dtype, mean_type(lazy.dtype), node)
    axes = static_axes(builder, axis, len(lazy.dims), node)
    keep = static_bool(builder, keepdims, "`keepdims`")
    split = split_axes(len(lazy.dims), axes)
    count = total(builder, tuple(lazy.dims[axis] for axis in split.reduced)).operand
    divisor = builder.cast(count, type_)
    if _keeps_innermost(lazy, axes):
        sums = sum_rows(builder, lazy, axes, number_of(type_, 0), keep)
        return binary(builder, operator.truediv, sums, value_of(divisor), node)

    def at(split: Split, kept: Index) -> ir.Operand:
        def step(values: Operands, item: ir.Operand, reduced: Index) -> Operands:
            return [builder.call(operator.add, values[0], builder.cast(item, type_), type=type_)]

        (found,) = fold(builder, lazy, split, kept, [number_of(type_, 0)], step)
        return builder.call(divide, found, divisor, type=type_)

    return reduce(builder, lazy, axes, type_, at, keep)


# --- truth --------------------------------------------------------------------------------------


def _truth_reduction(
    builder: Builder, name: str, args: list[Value], kwargs: dict[str, Value], node: Node
) -> Value:
    a, axis, out, keepdims = bind(builder, name, "a axis out keepdims", args, kwargs, node)
    if is_given(out):
        builder.error(node, f"`{name}` is not supported with `out=`.")
    lazy = to_lazy(builder, a, node)
    axes = static_axes(builder, axis, len(lazy.dims), node)
    start, combine = (TRUE, both) if name == "all" else (FALSE, either)

    def at(split: Split, kept: Index) -> ir.Operand:
        def step(values: Operands, item: ir.Operand, reduced: Index) -> Operands:
            return [combine(builder, values[0], truth(builder, item))]

        return fold(builder, lazy, split, kept, [start], step)[0]

    return reduce(builder, lazy, axes, BOOL, at, static_bool(builder, keepdims, "`keepdims`"))


@handles(np.all)
@method("all")
def all_(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.all``."""
    return _truth_reduction(builder, "all", args, kwargs, node)


@handles(np.any)
@method("any")
def any_(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.any``."""
    return _truth_reduction(builder, "any", args, kwargs, node)


@handles(np.count_nonzero)
def count_nonzero(
    builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node
) -> Value:
    """``np.count_nonzero``."""
    a, axis, keepdims = bind(builder, "count_nonzero", "a axis keepdims", args, kwargs, node)
    lazy = to_lazy(builder, a, node)
    axes = static_axes(builder, axis, len(lazy.dims), node)

    def at(split: Split, kept: Index) -> ir.Operand:
        def step(values: Operands, item: ir.Operand, reduced: Index) -> Operands:
            one = choose(builder, truth(builder, item), ONE, ZERO)
            return [builder.call(operator.add, values[0], one)]

        return fold(builder, lazy, split, kept, [ZERO], step)[0]

    return reduce(builder, lazy, axes, INT64, at, static_bool(builder, keepdims, "`keepdims`"))
