"""Functions that consume an iterable: sums, extremes, ``any``/``all``, lists."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from numbad.frontend import bindings, conditions, operators
from numbad.frontend.sequences import items_of
from numbad.frontend.values import OperandValue, Value, is_array, is_scalar
from numbad.ir import nodes as ir
from numbad.ir.types import BOOL

if TYPE_CHECKING:
    from numbad.frontend.builder import Builder

Node = ast.AST | None


def collect(builder: Builder, iterable: Value, node: Node) -> Value:
    """Return a list of the items."""
    result = builder.new_list(())
    builder.iterate(iterable, lambda item: operators.append(builder, result, item, node), node)
    return result


def fold(
    builder: Builder,
    combine: Callable[[Value, Value], Value],
    iterable: Value,
    start: Value,
    node: Node,
) -> Value:
    """Return ``combine(... combine(start, item0) ..., item_n)``."""
    total = bindings.Accumulator(builder, start)
    builder.iterate(iterable, lambda item: total.set(combine(total.get(), item)), node)
    return total.pop()


def reduce(
    builder: Builder, fn: Callable[..., Any], iterable: Value, start: Value, node: Node
) -> Value:
    """Fold with a binary operator."""
    return fold(builder, lambda a, b: builder.binary(fn, a, b, node), iterable, start, node)


def any_of(builder: Builder, iterable: Value, node: Node) -> Value:
    """``any(iterable)``; all items are evaluated, which has no effect on the value."""
    return _truths(builder, iterable, conditions.either, False, node)


def all_of(builder: Builder, iterable: Value, node: Node) -> Value:
    """``all(iterable)``."""
    return _truths(builder, iterable, conditions.both, True, node)


def _truths(
    builder: Builder,
    iterable: Value,
    combine: Callable[[Builder, ir.Operand, ir.Operand], ir.Operand],
    start: bool,
    node: Node,
) -> Value:
    def both(total: Value, item: Value) -> Value:
        present = builder.as_condition(total, node)
        return OperandValue(combine(builder, present, builder.as_condition(item, node)))

    return fold(builder, both, iterable, OperandValue(ir.Const(start, BOOL)), node)


def any_equal(builder: Builder, container: Value, wanted: Value, node: Node) -> Value:
    """``wanted in container``."""

    def either(total: Value, item: Value) -> Value:
        equal = builder.as_condition(builder.binary(operator.eq, item, wanted, node), node)
        return OperandValue(conditions.either(builder, builder.as_condition(total), equal))

    if is_array(container):
        container = bindings.settled(builder, container)
    return fold(builder, either, container, OperandValue(ir.Const(False, BOOL)), node)


def extreme(
    builder: Builder,
    fn: Callable[..., Any],
    iterable: Value,
    key: Value | None,
    default: Value | None,
    node: Node,
) -> Value:
    """``min(iterable)`` or ``max(iterable)``."""
    items = items_of(builder, iterable)
    if items is None:
        iterable = bindings.settled(builder, iterable)
        return _extreme_at_run_time(builder, fn, iterable, key, node)
    if not items:
        if default is not None:
            return default
        builder.error(node, f"`{fn.__name__}` of an empty sequence.")
    best = items[0]
    for item in items[1:]:
        best = better(builder, fn, best, item, key, node)
    return best


def _extreme_at_run_time(
    builder: Builder, fn: Callable[..., Any], iterable: Value, key: Value | None, node: Node
) -> Value:
    """The first item starts the search: the loop carries whether there was one yet."""
    from numbad.frontend import iteration

    plan = iteration.plan(builder, iterable, node)
    if isinstance(plan, iteration.Generated):
        collected = collect(builder, iterable, node)
        return extreme(builder, fn, collected, key, None, node)
    count = iteration.count_of(builder, plan)
    zero = builder.constant(0)
    empty = builder.call(operator.eq, count, zero)
    builder.raise_if(empty, ValueError, f"{fn.__name__}() of an empty sequence")
    best = bindings.Accumulator(builder, iteration.item_at(builder, plan, zero))
    from numbad.frontend.values import RangeValue

    positions = RangeValue(builder.constant(1), count, builder.constant(1))

    def one(position: Value) -> None:
        item = iteration.item_at(builder, plan, builder.as_operand(position))
        best.set(better(builder, fn, best.get(), item, key, node))

    builder.iterate(positions, one, node)
    return best.pop()


def better(
    builder: Builder,
    fn: Callable[..., Any],
    best: Value,
    item: Value,
    key: Value | None,
    node: Node,
) -> Value:
    """The smaller (``min``) or larger (``max``) of two items; the first one if they are equal."""
    if key is None and is_scalar(best) and is_scalar(item):
        return OperandValue(builder.call(fn, builder.as_operand(best), builder.as_operand(item)))
    compare = operator.lt if fn is min else operator.gt
    keys = [side if key is None else builder.apply(key, [side], {}, node) for side in (item, best)]
    condition = builder.as_condition(builder.binary(compare, keys[0], keys[1], node), node)
    return builder.branch(condition, lambda: item, lambda: best)
