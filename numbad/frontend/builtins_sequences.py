"""Builtins of sequences and iterables: ``len``, ``range``, ``zip``, ``sum``, ``min`` ..."""

from __future__ import annotations

import ast
import functools
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numba
import numpy as np

from numbad.frontend import bindings, consumers, iteration
from numbad.frontend.registry import Table
from numbad.frontend.sequences import items_of
from numbad.frontend.values import (
    DictObject,
    OperandValue,
    PartialValue,
    RangeValue,
    StaticValue,
    TupleValue,
    Value,
    is_array,
)
from numbad.ir import nodes as ir
from numbad.ir.types import INT64, Array

if TYPE_CHECKING:
    from numbad.frontend.builder import Builder

Args = list[Value]
Kwargs = dict[str, Value]
Node = ast.AST | None

_TABLE = Table()
TABLE = _TABLE.entries

_ZERO = ir.Const(0, INT64)
_ONE = ir.Const(1, INT64)


@_TABLE.handles(range, numba.prange)
def _range(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    bounds = [builder.as_index(arg, node) for arg in args]
    match bounds:
        case [stop]:
            return RangeValue(_ZERO, stop, _ONE)
        case [start, stop]:
            return RangeValue(start, stop, _ONE)
        case [start, stop, step]:
            if step == _ZERO:
                builder.error(node, "The step of a range is zero.")
            return RangeValue(start, stop, step)
        case _:
            builder.error(node, "`range` takes one to three arguments.")


@_TABLE.handles(np.ndindex)
def _ndindex(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    return builder.inline(_indices, args, {}, node)


def _indices(*shape: Any) -> Any:
    """All indices of a shape, the last one fastest."""
    if len(shape) == 1 and isinstance(shape[0], tuple):
        shape = shape[0]
    if len(shape) == 0:
        yield ()
    else:
        for i in range(shape[0]):
            for rest in _indices(shape[1:]):
                yield (i, *rest)


@_TABLE.handles(np.ndenumerate)
def _ndenumerate(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    return builder.inline(_numbered, args, {}, node)


def _numbered(a: Any) -> Any:
    """All indices of an array, with the elements."""
    for index in _indices(a.shape):
        yield index, a[index]


@_TABLE.handles(len)
def _len(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    if is_array(args[0]):
        shape = builder.attribute(args[0], "shape", node)
        return builder.getitem(shape, builder.number(0), node)
    return OperandValue(builder.length(args[0], node))


@_TABLE.handles(zip)
def _zip(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    strict = kwargs.get("strict")
    is_strict = strict is not None and bool(builder.as_static(strict, "`strict`"))
    kind = "zip_strict" if is_strict else "zip"
    return iteration.iterator(builder, kind, _settled(builder, args))


@_TABLE.handles(enumerate)
def _enumerate(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    start = [*args[1:], *kwargs.values()]
    first = OperandValue(builder.as_index(start[0], node)) if start else builder.number(0)
    return iteration.iterator(builder, "enumerate", (*_settled(builder, args[:1]), first))


@_TABLE.handles(reversed)
def _reversed(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    from numbad.frontend.operators import special_method

    own = special_method(builder, args[0], "__reversed__")
    if own is not None:
        return builder.apply(own, (), {}, node)
    return iteration.iterator(builder, "reversed", _settled(builder, args))


@_TABLE.handles(iter)
def _iter(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    if len(args) != 1:
        builder.error(node, "`iter` with a sentinel is not supported.")
    return iteration.iterator(builder, "map", _settled(builder, args), StaticValue(_itself))


def _itself(item: Any) -> Any:
    return item


@_TABLE.handles(map)
def _map(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    return iteration.iterator(builder, "map", _settled(builder, args[1:]), args[0])


@_TABLE.handles(filter)
def _filter(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    function = args[0]
    is_none = isinstance(function, StaticValue) and function.value is None
    sources = _settled(builder, args[1:])
    return iteration.iterator(builder, "filter", sources, None if is_none else function)


def _settled(builder: Builder, args: Args) -> tuple[Value, ...]:
    return tuple(bindings.settled(builder, arg) for arg in args)


@_TABLE.handles(tuple)
def _tuple(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    if not args:
        return TupleValue(())
    items = items_of(builder, args[0])
    if items is not None:
        return TupleValue(items)
    collected = consumers.collect(builder, args[0], node)
    items = items_of(builder, collected)
    if items is None:
        builder.error(
            node,
            "The length of this tuple is known only at run time.",
            "The length of a tuple is part of its type.",
            "Use an array or a list.",
        )
    return TupleValue(items)


@_TABLE.handles(list)
def _list(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    if not args:
        return builder.new_list(())
    items = items_of(builder, args[0])
    return (
        builder.new_list(items) if items is not None else consumers.collect(builder, args[0], node)
    )


@_TABLE.handles(numba.typed.List.empty_list)
def _empty_list(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    return builder.new_list(())


@_TABLE.handles(dict)
def _dict(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    from numbad.frontend import methods

    entries: dict[Any, Value] = {}
    for arg in args:
        pairs = methods.mapping_items(builder, arg)
        if pairs is None:
            collected = items_of(builder, consumers.collect(builder, arg, node))
            if collected is None:
                builder.error(node, "The keys of this dict are known only at run time.")
            pairs_list = []
            for item in collected:
                pair = items_of(builder, item)
                if pair is None or len(pair) != 2:
                    builder.error(node, "`dict` needs pairs of keys and values.")
                pairs_list.append((builder.as_static(pair[0], "A key of a dict"), pair[1]))
            pairs = tuple(pairs_list)
        entries.update(pairs)
    for name, value in kwargs.items():
        entries[name] = bindings.settled(builder, value)
    return builder.new_object(DictObject(tuple(entries), tuple(entries.values())))


@_TABLE.handles(sum)
def _sum(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    start = args[1] if len(args) > 1 else kwargs.get("start", builder.number(0))
    return consumers.reduce(builder, operator.add, args[0], start, node)


@_TABLE.handles(functools.reduce)
def _reduce(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    function = args[0]
    if len(args) == 3:
        return consumers.fold(
            builder,
            lambda total, item: builder.apply(function, [total, item], {}, node),
            args[1],
            args[2],
            node,
        )
    from numbad.frontend.builtins_library import reduce_from_first

    return reduce_from_first(builder, function, args[1], node)


@_TABLE.handles(any)
def _any(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    return consumers.any_of(builder, args[0], node)


@_TABLE.handles(all)
def _all(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    return consumers.all_of(builder, args[0], node)


def _extreme(fn: Callable[..., Any]) -> Any:
    def handler(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
        key = kwargs.get("key")
        if len(args) == 1:
            return consumers.extreme(builder, fn, args[0], key, kwargs.get("default"), node)
        values = _settled(builder, args)
        if any(is_array(value) and _ndim(value) > 0 for value in values):
            builder.type_error(node, f"`{fn.__name__}` of several arrays is ambiguous.")
        best = values[0]
        for value in values[1:]:
            best = consumers.better(builder, fn, best, value, key, node)
        return best

    return handler


def _ndim(value: Value) -> int:
    type_ = value.type if isinstance(value, OperandValue) else None
    return type_.ndim if isinstance(type_, Array) else 0


TABLE[min] = _extreme(min)
TABLE[max] = _extreme(max)


@_TABLE.handles(functools.partial)
def _partial(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    named = tuple((name, bindings.settled(builder, value)) for name, value in kwargs.items())
    return PartialValue(args[0], _settled(builder, args[1:]), named)
