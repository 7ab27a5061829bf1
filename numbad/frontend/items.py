"""Items: ``value[index]``, ``value[index] = x``, ``value[index] op= x``.

One element of an array by integers is handled here; slices, masks and index arrays are the array
layer's. A tuple or list of known length that is indexed by a number known only at run time becomes
a chain of selections.
"""

from __future__ import annotations

import ast
import enum
import operator
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from numbad.errors import DifferentiationError
from numbad.frontend import (
    bindings,
    checks,
    conditions,
    merging,
    operators,
    templates,
    updates,
)
from numbad.frontend.live import refuse_data
from numbad.frontend.sequences import describe, sentence
from numbad.frontend.signals import NeedsDynamicList
from numbad.frontend.values import (
    Conflict,
    DictObject,
    DynamicList,
    ListObject,
    OperandValue,
    OptionalValue,
    RangeValue,
    RecordObject,
    Ref,
    SliceValue,
    StaticValue,
    TupleValue,
    Value,
    is_array,
    is_scalar,
)
from numbad.ir import nodes as ir
from numbad.ir.types import INT64, Array, List, Scalar, Tuple, is_integer

if TYPE_CHECKING:
    from numbad.frontend.builder import Builder

_SELECT_LIMIT = 64
_TABLE_LENGTH = 9


def probe(builder: Builder, target: Value, index: ast.expr, node: ast.AST) -> None:
    """Throw ``IndexError`` if a position in an array does not exist."""
    if is_array(target) and type(target) is OperandValue:
        positions = _element_index(builder, target, builder.evaluate(index))
        if positions is not None:
            checks.positions_in_range(builder, target.operand, positions)


def getitem(builder: Builder, value: Value, index: Value, node: ast.AST | None) -> Value:
    """Return ``value[index]``."""
    match value:
        case OperandValue() if is_array(value):
            positions = _element_index(builder, value, index)
            if positions is not None and type(value) is OperandValue:
                assert isinstance(value.operand, ir.Var)
                positions = checks.positions_in_range(builder, value.operand, positions)
                return OperandValue(builder.load(value.operand, *positions))
            from numbad.frontend import arrays

            return arrays.getitem(builder, value, index, node)
        case OperandValue() if isinstance(value.type, List):
            return _list_item(builder, value.operand, index, node)
        case OperandValue() if isinstance(value.type, Tuple):
            position = int(builder.as_static(index, "The index of this tuple"))
            type_ = value.type.items[position]
            position %= len(value.type.items)
            return OperandValue(builder.let(type_, ir.TupleItem(value.operand, position)))
        case TupleValue(items):
            return _of_items(builder, items, index, node, TupleValue)
        case Ref(id):
            return _of_object(builder, value, builder.state.heap[id], index, node)
        case StaticValue():
            return _of_static(builder, value, index, node)
        case RangeValue(start, _, step):
            offset = builder.call(operator.mul, builder.as_index(index, node), step)
            return OperandValue(builder.call(operator.add, start, offset))
        case OptionalValue(is_none, inner):
            builder.raise_if(is_none, TypeError, "'NoneType' object is not subscriptable")
            return getitem(builder, inner, index, node)
        case _:
            builder.error(node, sentence(f"{describe(builder, value)} cannot be indexed."))


def _element_index(builder: Builder, array: Value, index: Value) -> tuple[ir.Operand, ...] | None:
    """Integer operands that pick one element; None if the index does anything else."""
    assert isinstance(array, OperandValue) and isinstance(array.type, Array)
    parts = index.items if isinstance(index, TupleValue) else (index,)
    if len(parts) != array.type.ndim:
        return None
    positions: list[ir.Operand] = []
    for part in parts:
        if not is_scalar(part):
            return None
        operand = builder.as_operand(part)
        if not is_integer(operand.type):
            return None
        positions.append(builder.cast(operand, INT64))
    return tuple(positions)


def _of_items(
    builder: Builder,
    items: tuple[Value, ...],
    index: Value,
    node: ast.AST | None,
    make: Callable[[tuple[Value, ...]], Value],
) -> Value:
    if isinstance(index, SliceValue):
        return make(items[builder.as_static(index, "A slice of a tuple or list")])
    kind = "tuple" if make is TupleValue else "list"
    if builder.is_static(index):
        position = builder.as_static(index)
        try:
            return items[operator.index(position)]
        except IndexError:
            builder.raise_now(IndexError, f"{kind} index out of range")
        except TypeError as failure:
            builder.error(node, sentence(f"{failure}."))
    position = builder.as_index(index, node)
    return _selected(builder, items, position, node, kind)


def _selected(
    builder: Builder,
    items: tuple[Value, ...],
    position: ir.Operand,
    node: ast.AST | None,
    kind: str = "tuple",
) -> Value:
    """Item of a sequence of known length at a run-time position."""
    from numbad.frontend.sequences import loop_of
    from numbad.frontend.signals import NeedsUnrolling

    loop = loop_of(builder, position)
    pinned = builder.live.pin(position)
    if pinned is not None:
        return _of_items(builder, items, builder.number(pinned), node, TupleValue)
    template: Any = None
    for item in items:
        one = templates.template_of(item, builder.state)
        template = (
            one if template is None else templates.join(template, one, builder.state, builder.state)
        )
    is_uniform = template is not None and not isinstance(template, Conflict | templates.Joined)
    table = _table(builder, items, template)
    if table is not None:
        _check_position(builder, position, len(items), kind)
        return OperandValue(builder.load(table, position))
    if loop is not None and (not is_uniform or len(items) <= _SELECT_LIMIT):
        raise NeedsUnrolling(loop)
    if not is_uniform:
        builder.error(
            node,
            "A tuple or list of different things is indexed by a number known only at run time.",
            getattr(template, "reason", ""),
            "Use an array, or a loop over the tuple itself.",
        )
    _check_position(builder, position, len(items), kind)
    if len(items) > _SELECT_LIMIT and isinstance(template, OperandValue):
        return _from_array(builder, items, template, position)
    negative = builder.call(operator.lt, position, ir.Const(0, INT64))
    wrapped = builder.call(operator.add, position, ir.Const(len(items), INT64))
    position = builder.let(INT64, ir.Select(negative, wrapped, position))

    def pick(first: int) -> Value:
        if first == len(items) - 1:
            return items[first]
        here = builder.call(operator.eq, position, ir.Const(first, INT64))
        return builder.branch(here, lambda: items[first], lambda: pick(first + 1))

    return pick(0)


def _check_position(builder: Builder, position: ir.Operand, length: int, kind: str) -> None:
    below = builder.call(operator.lt, position, ir.Const(-length, INT64))
    above = builder.call(operator.ge, position, ir.Const(length, INT64))
    builder.raise_if(
        conditions.either(builder, below, above), IndexError, f"{kind} index out of range"
    )


def _table(builder: Builder, items: tuple[Value, ...], template: Any) -> ir.Var | None:
    """An array of the items, made beforehand, if they are numbers that are known and not few."""
    if len(items) < _TABLE_LENGTH or not isinstance(template, OperandValue):
        return None
    if not isinstance(template.type, Scalar):
        return None
    operands = [item.operand for item in items if type(item) is OperandValue]
    known = [
        isinstance(operand, ir.Const) or builder.live.is_lifted(operand) for operand in operands
    ]
    if len(operands) < len(items) or not all(known):
        return None
    numbers = tuple(builder.live.pin(operand) for operand in operands)
    key = (template.type, numbers)
    if key not in builder.tables:
        builder.tables[key] = np.array(numbers, dtype=template.type.name)
    return builder.as_operand(builder.static(builder.tables[key]))  # type: ignore[return-value]


def _from_array(
    builder: Builder, items: tuple[Value, ...], template: OperandValue, position: ir.Operand
) -> Value:
    type_ = template.operand.type
    assert isinstance(type_, Scalar)
    array = builder.alloc(Array(type_, 1, "C"), [ir.Const(len(items), INT64)])
    for number, item in enumerate(items):
        builder.store(array, [ir.Const(number, INT64)], builder.as_operand(item))
    return OperandValue(builder.load(array, position))


def _of_object(
    builder: Builder, ref: Ref, contents: Any, index: Value, node: ast.AST | None
) -> Value:
    match contents:
        case ListObject(items):
            return _of_items(builder, items, index, node, builder.new_list)
        case DynamicList(operand):
            return _list_item(builder, operand, index, node)
        case DictObject(keys, items):
            key = builder.as_static(index, "A key of a dict")
            if key in keys:
                return items[keys.index(key)]
            if contents.factory is None:
                builder.raise_now(KeyError, str(key))
            made = builder.apply(builder.static(contents.factory), (), {}, node)
            builder.setitem(ref, index, made, node)
            return made
        case RecordObject():
            method = operators.special_method(builder, ref, "__getitem__")
            if method is not None:
                return builder.apply(method, [index], {}, node)
    builder.error(node, sentence(f"{describe(builder, ref)} cannot be indexed."))


def _list_item(builder: Builder, operand: ir.Operand, index: Value, node: ast.AST | None) -> Value:
    assert isinstance(operand, ir.Var)
    if isinstance(index, SliceValue):
        return _list_slice(builder, operand, index, node)
    position = builder.as_index(index, node)
    return OperandValue(builder.load(operand, position))


def _list_slice(
    builder: Builder, operand: ir.Var, index: SliceValue, node: ast.AST | None
) -> Value:
    """A copy of a part of a list with a step of 1."""
    if index.step is not None and index.step != ir.Const(1, INT64):
        builder.error(node, "A list is sliced with a step.", "", "Use an array.")
    length: ir.Operand = builder.shape(operand, 0)
    zero = ir.Const(0, INT64)

    def clamped(bound: ir.Operand | None, default: ir.Operand) -> ir.Operand:
        if bound is None:
            return default
        if isinstance(bound, ir.Const) and bound.value >= 0:
            return builder.call(min, bound, length)
        negative = builder.call(operator.lt, bound, zero)
        wrapped = builder.call(operator.add, bound, length)
        chosen = builder.let(INT64, ir.Select(negative, wrapped, bound))
        return builder.call(min, builder.call(max, chosen, zero), length)

    start, stop = clamped(index.start, zero), clamped(index.stop, length)
    type_ = operand.type
    assert isinstance(type_, List)
    result = builder.alloc(type_, (ir.Const(0, INT64),))

    def body(position: ir.Var, _: list[ir.Operand]) -> list[ir.Operand]:
        item = builder.load(operand, position)
        builder.emit(ir.Append(result, item, builder.block.origin))
        return []

    builder.for_range(start, stop, ir.Const(1, INT64), body)
    return builder.new_object(DynamicList(result))


def _of_static(builder: Builder, value: StaticValue, index: Value, node: ast.AST | None) -> Value:
    found = value.value
    live = builder.live.items(value)
    if live is not None and not builder.is_static(index):
        return _of_items(builder, live, index, node, builder.new_list)
    method = operators.special_method(builder, value, "__getitem__")
    if method is not None:
        return builder.apply(method, [index], {}, node)
    if isinstance(found, str | bytes | tuple | list | range | dict | enum.EnumMeta):
        if isinstance(found, tuple | range) and not builder.is_static(index):
            items = tuple(builder.static(item) for item in found)
            return _of_items(builder, items, index, node, TupleValue)
        key = builder.as_static(index, "The index of this")
        if isinstance(found, list) and isinstance(key, slice):
            assert live is not None
            return builder.new_list(live[key])
        try:
            if isinstance(found, list | dict):
                return builder.live.item(value, key)
            return builder.static(found[key])
        except LookupError as failure:
            if isinstance(found, dict):
                builder.live.depend(value.path, "keys", tuple(found))
            builder.raise_now(type(failure), str(failure))
        except DifferentiationError:
            raise
        except TypeError as failure:
            builder.error(node, f"Indexing raises {type(failure).__name__}: {failure}.")
    refuse_data(builder, found, "This")
    builder.error(node, sentence(f"{describe(builder, value)} cannot be indexed."))


# --- assignment ---------------------------------------------------------------------------------


def setitem(
    builder: Builder, target: Value, index: Value, value: Value, node: ast.AST | None
) -> None:
    """Do ``target[index] = value``."""
    if isinstance(target, OptionalValue):
        builder.raise_if(target.is_none, TypeError, "'NoneType' object does not support items")
        target = target.value
    match target:
        case OperandValue() if is_array(target):
            positions = _element_index(builder, target, index)
            if positions is not None and is_scalar(value):
                assert isinstance(target.operand, ir.Var)
                operand = builder.as_operand(value)
                builder.write()
                builder.store(target.operand, positions, operand)
                return
            from numbad.frontend import arrays

            arrays.setitem(builder, target, index, value, node)
        case OperandValue() if isinstance(target.type, List):
            _set_list_item(builder, target.operand, index, value, node)
        case Ref(id):
            _set_object_item(builder, target, builder.state.heap[id], index, value, node)
        case StaticValue(found) if isinstance(found, list | dict):
            updates.require_opening(target)
            builder.error(
                node,
                f"A {type(found).__name__} that is part of the function's code is changed.",
                "It is not found anew at each call.",
                "Make it a global, a closure variable or an argument.",
            )
        case _:
            method = operators.special_method(builder, target, "__setitem__")
            if method is None:
                builder.error(
                    node, sentence(f"items of {describe(builder, target)} cannot be assigned.")
                )
            builder.apply(method, [index, value], {}, node)


def _set_list_item(
    builder: Builder, operand: ir.Operand, index: Value, value: Value, node: ast.AST | None
) -> None:
    assert isinstance(operand, ir.Var)
    if isinstance(index, SliceValue):
        builder.error(node, "A slice of a list is assigned.", "", "Use an array.")
    position = builder.as_index(index, node)
    item = builder.as_operand(value)
    builder.write()
    builder.store(operand, [position], item)


def _set_object_item(
    builder: Builder, ref: Ref, contents: Any, index: Value, value: Value, node: ast.AST | None
) -> None:
    value = bindings.settled(builder, value)
    match contents:
        case DynamicList(operand):
            builder.check_mutable(ref, node)
            _set_list_item(builder, operand, index, value, node)
            return
        case ListObject(items):
            builder.check_mutable(ref, node)
            if builder.is_static(index) and not isinstance(index, SliceValue):
                position = builder.as_static(index)
                changed = list(items)
                try:
                    changed[position] = value
                except IndexError as failure:
                    builder.raise_now(IndexError, str(failure))
                builder.state.heap[ref.id] = ListObject(tuple(changed))
                return
            new = builder.as_sequence(value)
            if builder.is_static(index) and new is not None:
                changed = list(items)
                changed[builder.as_static(index)] = new
                builder.state.heap[ref.id] = ListObject(tuple(changed))
                return
            make_dynamic(builder, ref, value, node)
            _set_object_item(builder, ref, builder.state.heap[ref.id], index, value, node)
            return
        case DictObject(keys, items):
            builder.check_mutable(ref, node)
            key = builder.as_static(index, "A key of a dict")
            entries = dict(zip(keys, items, strict=True))
            entries[key] = value
            builder.state.heap[ref.id] = replace(
                contents, keys=tuple(entries), items=tuple(entries.values())
            )
            return
        case RecordObject():
            method = operators.special_method(builder, ref, "__setitem__")
            if method is not None:
                builder.apply(method, [index, value], {}, node)
                return
    builder.error(node, sentence(f"items of {describe(builder, ref)} cannot be assigned."))


def make_dynamic(builder: Builder, ref: Ref, value: Value, node: ast.AST | None) -> None:
    """Turn a list of known length into a list of the IR, wherever it was made."""
    contents = builder.state.heap[ref.id]
    assert isinstance(contents, ListObject)
    state = builder.state
    items = [templates.template_of(item, state) for item in (*contents.items, value)]
    joined = items[0]
    for item in items[1:]:
        assert not isinstance(joined, templates.Joined) and not isinstance(item, templates.Joined)
        joined = templates.join(joined, item, state, state)
    if not isinstance(joined, OperandValue) or not isinstance(joined.operand.type, Scalar | Array):
        builder.error(
            node,
            "An item of a list of different things is assigned at a run-time position.",
            "",
            "Use an array.",
        )
    dynamic = DynamicList(ir.Undefined(List(joined.operand.type)))
    if builder.region_depth > builder.born.get(ref.id, 0):
        raise NeedsDynamicList({ref.id: dynamic})
    merging.make_dynamic(builder, NeedsDynamicList({ref.id: dynamic}))


def augmented(
    builder: Builder,
    target: Value,
    index: Value,
    fn: Callable[..., Any],
    source: Callable[[], Value],
    node: ast.AST | None,
) -> None:
    """Do ``target[index] op= source()``."""
    if isinstance(target, OperandValue) and is_array(target):
        positions = _element_index(builder, target, index)
        if positions is not None:
            value = source()
            if is_scalar(value):
                _augment_element(builder, target, positions, fn, builder.as_operand(value))
                return
            index = TupleValue(tuple(OperandValue(position) for position in positions))
        else:
            value = source()
        from numbad.frontend import arrays

        arrays.augmented_item(builder, fn, target, index, value, node)
        return
    left = getitem(builder, target, index, node)
    value = operators.augmented(builder, fn, left, source(), node)
    if isinstance(left, Ref) and value == left:
        return
    setitem(builder, target, index, value, node)


def _augment_element(
    builder: Builder,
    target: OperandValue,
    positions: tuple[ir.Operand, ...],
    fn: Callable[..., Any],
    value: ir.Operand,
) -> None:
    """``array[i] op= value``; sums of the element's own type are accumulations."""
    array = target.operand
    assert isinstance(array, ir.Var) and isinstance(array.type, Array)
    dtype = array.type.dtype
    builder.write()
    if fn in (operator.add, operator.sub):
        element = ir.Undefined(dtype)
        if builder.call_type(fn, element, value) == dtype:
            addend = builder.cast(value, dtype)
            if fn is operator.sub:
                addend = builder.call(operator.neg, addend)
            builder.accumulate(array, positions, addend)
            return
    present = builder.load(array, *positions)
    builder.store(array, positions, builder.call(fn, present, value))
