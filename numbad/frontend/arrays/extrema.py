"""Extrema: the greatest and least elements and their places.

The place of the winner is found first, in a loop that has no derivative, and then the element there
is read, so that the derivative is one accumulation.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

import numpy as np

from numbad.frontend.arrays.convert import to_lazy
from numbad.frontend.arrays.lazy import (
    LazyValue,
    element,
    is_arraylike,
    of_array,
    settle_lazy,
)
from numbad.frontend.arrays.operations import binary, choose
from numbad.frontend.arrays.reductions import Split, fold, reduce, split_axes
from numbad.frontend.arrays.registry import handles, method
from numbad.frontend.arrays.signature import bind, is_given, static_axes, static_bool
from numbad.frontend.arrays.support import (
    ZERO,
    Index,
    Node,
    Operands,
    arithmetic,
    both,
    either,
    value_of,
)
from numbad.frontend.values import Value
from numbad.ir import nodes as ir
from numbad.ir.types import BOOL, INT64, is_complex, is_inexact

if TYPE_CHECKING:
    from collections.abc import Callable

    from numbad.frontend.builder import Builder


def _better(
    builder: Builder, fn: Callable[..., object], item: ir.Operand, best: ir.Operand
) -> ir.Operand:
    """Whether an element replaces the best so far: the first winner stays, the first NaN wins."""
    if is_complex(item.type):
        real, best_real = builder.call(np.real, item), builder.call(np.real, best)
        imag, best_imag = builder.call(np.imag, item), builder.call(np.imag, best)
        tied = builder.call(operator.eq, real, best_real)
        return either(
            builder,
            builder.call(fn, real, best_real),
            both(builder, tied, builder.call(fn, imag, best_imag)),
        )
    better = builder.call(fn, item, best)
    if not is_inexact(item.type):
        return better
    new_nan = builder.call(operator.ne, item, item)
    had_number = builder.call(operator.eq, best, best)
    return either(builder, better, both(builder, new_nan, had_number))


def winner(
    builder: Builder, lazy: LazyValue, split: Split, kept: Index, fn: Callable[..., object]
) -> Index:
    """Reduced index of the greatest (``operator.gt``) or least (``operator.lt``) element."""
    zeros = (ZERO,) * len(split.reduced)
    first = element(builder, lazy, split.join(kept, zeros))
    if first.type == BOOL:
        first = builder.cast(first, INT64)

    def step(values: Operands, item: ir.Operand, reduced: Index) -> Operands:
        best = values[0]
        item = builder.cast(item, best.type)
        better = _better(builder, fn, item, best)
        places = [
            choose(builder, better, new, old) for new, old in zip(reduced, values[1:], strict=True)
        ]
        return [choose(builder, better, item, best), *places]

    return tuple(fold(builder, lazy, split, kept, [first, *zeros], step)[1:])


def _check_not_empty(builder: Builder, lazy: LazyValue, split: Split, message: str) -> None:
    for axis in split.reduced:
        length = lazy.dims[axis].operand
        builder.raise_if(arithmetic(builder, operator.eq, length, ZERO), ValueError, message)


def _extremum(
    builder: Builder, name: str, args: list[Value], kwargs: dict[str, Value], node: Node
) -> Value:
    a, axis, out, keepdims = bind(builder, name, "a axis out keepdims", args, kwargs, node)
    if is_given(out):
        builder.error(node, f"`{name}` is not supported with `out=`.")
    lazy = _cheap(builder, to_lazy(builder, a, node))
    axes = static_axes(builder, axis, len(lazy.dims), node)
    keep = static_bool(builder, keepdims, "`keepdims`")
    fn = operator.gt if name == "max" else operator.lt
    _check_not_empty(
        builder,
        lazy,
        split_axes(len(lazy.dims), axes),
        f"zero-size array to reduction operation {name}imum which has no identity",
    )

    def at(split: Split, kept: Index) -> ir.Operand:
        place = winner(builder, lazy, split, kept, fn)
        return element(builder, lazy, split.join(kept, place))

    return reduce(builder, lazy, axes, lazy.dtype, at, keep)


def _cheap(builder: Builder, lazy: LazyValue) -> LazyValue:
    """An expression whose elements may be evaluated again."""
    if lazy.stored is None and lazy.cost > 2:
        return of_array(builder, settle_lazy(builder, lazy))
    return lazy


@handles(np.max, np.amax)
@method("max")
def max_(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.max``: the element at the first place of the greatest."""
    return _extremum(builder, "max", args, kwargs, node)


@handles(np.min, np.amin)
@method("min")
def min_(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.min``: the element at the first place of the least."""
    return _extremum(builder, "min", args, kwargs, node)


def _arg_extremum(
    builder: Builder, name: str, args: list[Value], kwargs: dict[str, Value], node: Node
) -> Value:
    a, axis, out, keepdims = bind(builder, name, "a axis out keepdims", args, kwargs, node)
    if is_given(out):
        builder.error(node, f"`{name}` is not supported with `out=`.")
    lazy = to_lazy(builder, a, node)
    axes = static_axes(builder, axis, len(lazy.dims), node)
    fn = operator.gt if name == "argmax" else operator.lt
    message = f"attempt to get {name} of an empty sequence"
    _check_not_empty(builder, lazy, split_axes(len(lazy.dims), axes), message)

    def at(split: Split, kept: Index) -> ir.Operand:
        place = winner(builder, lazy, split, kept, fn)
        flat: ir.Operand = ZERO
        for axis, position in zip(split.reduced, place, strict=True):
            flat = arithmetic(builder, operator.mul, flat, lazy.dims[axis].operand)
            flat = arithmetic(builder, operator.add, flat, position)
        return flat

    return reduce(builder, lazy, axes, INT64, at, static_bool(builder, keepdims, "`keepdims`"))


@handles(np.argmax)
@method("argmax")
def argmax(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.argmax``."""
    return _arg_extremum(builder, "argmax", args, kwargs, node)


@handles(np.argmin)
@method("argmin")
def argmin(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.argmin``."""
    return _arg_extremum(builder, "argmin", args, kwargs, node)


@handles(np.ptp)
def ptp(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.ptp``: the greatest minus the least."""
    a, axis, keepdims = bind(builder, "ptp", "a axis keepdims", args, kwargs, node)
    array = value_of(settle_lazy(builder, to_lazy(builder, a, node)))
    given = {"axis": axis, "keepdims": keepdims}
    most = max_(builder, [array], given, node)
    least = min_(builder, [array], given, node)
    if not is_arraylike(most):
        return builder.binary(operator.sub, most, least, node)
    return binary(builder, operator.sub, most, least, node)
