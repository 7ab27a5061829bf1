"""Cotangents and tangents that a declared rule takes and gives, in the structure of the values.

The cotangent of a number is a number, of an array an array of its shape; a tuple, list or dict has
one of the same structure, an object a namedtuple of its fields. None stands for no derivative.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from numbad.errors import InvalidRule
from numbad.frontend import arrays, templates
from numbad.frontend.builder import Builder
from numbad.frontend.templates import Joined, Template
from numbad.frontend.values import (
    NONE,
    DictObject,
    DynamicList,
    ListObject,
    OperandValue,
    OptionalValue,
    RecordObject,
    Ref,
    StaticValue,
    TupleValue,
    Value,
)
from numbad.ir import nodes as ir
from numbad.ir.types import BOOL, Array, Scalar, Type, is_complex, is_memory, tangent_type
from numbad.results import record_class
from numbad.transform import arith
from numbad.transform.augment import shadow_type

Refusal = Callable[[str], InvalidRule]


@dataclass(frozen=True)
class Slot:
    """A leaf of a value: its operand, and where an answer for it goes; None if nowhere."""

    operand: ir.Operand
    position: int | None


@dataclass(frozen=True)
class Answer:
    """A cotangent or tangent for a leaf; ``value`` None means none was given."""

    slot: Slot
    value: ir.Operand | None


def tangent_of(type_: Type) -> Type | None:
    """Return the type of the tangent of a leaf."""
    return shadow_type(type_) if is_memory(type_) and tangent_type(type_) else tangent_type(type_)


def duals(
    builder: Builder, template: Template, leaves: Iterator[Slot], made: list[ir.Var]
) -> Value:
    """Return a new value of cotangents or tangents for a value; adds its operands to ``made``.

    ``leaves`` are those of the value itself: new arrays have their lengths. Leaves without a
    position are constants.
    """

    def again(item: Template) -> Value:
        return duals(builder, item, leaves, made)

    match template:
        case OperandValue():
            slot = next(leaves)
            leaf = slot.operand
            type_ = tangent_of(leaf.type)
            if type_ is None:
                return NONE
            if slot.position is None:
                return OperandValue(arith.zero(type_))
            dual = builder.fresh.var(type_, f"{leaf.name}_bar" if isinstance(leaf, ir.Var) else "")
            made.append(dual)
            if isinstance(leaf, ir.Var) and isinstance(leaf.type, Array):
                arrays.note_parameter(builder, dual)
                arrays.note_lengths(builder, dual, arrays.array_dims(builder, leaf))
            return OperandValue(dual)
        case TupleValue(items, cls):
            parts = tuple(again(item) for item in items)
            return NONE if _is_empty(parts) else TupleValue(parts, cls)
        case Joined(ListObject(items)):
            parts = tuple(again(item) for item in items)
            return NONE if _is_empty(parts) else builder.new_list(parts)
        case Joined(DictObject(keys, items)):
            parts = tuple(again(item) for item in items)
            return NONE if _is_empty(parts) else builder.new_object(DictObject(keys, parts))
        case Joined(RecordObject(cls, names, items)):
            parts = tuple(again(item) for item in items)
            fields = record_class(cls.__name__, names)
            return NONE if _is_empty(parts) else TupleValue(parts, fields)
        case _:
            for _ in templates.leaf_types(template):
                next(leaves)
            return NONE


def _is_empty(parts: tuple[Value, ...]) -> bool:
    return all(part == NONE for part in parts)


def answers(
    builder: Builder, template: Template, given: Value, slots: Iterator[Slot], refusal: Refusal
) -> Iterator[Answer]:
    """Yield what was given for each leaf of a value, checked and converted.

    ``refusal(text)`` is the error; the text says what was given instead of what.
    """
    items, parts = _parts(builder, template, given, refusal)
    if items is not None:
        for item, part in zip(items, parts, strict=True):
            yield from answers(builder, item, part, slots, refusal)
        return
    match template:
        case OperandValue() | Joined(DynamicList()):
            slot = next(slots)
            yield Answer(slot, _leaf(builder, slot, given, refusal))
        case OptionalValue(_, inner):
            next(slots)
            yield from answers(builder, inner, given, slots, refusal)
        case _:
            for _ in templates.leaf_types(template):
                yield Answer(next(slots), None)


def _parts(
    builder: Builder, template: Template, given: Value, refusal: Refusal
) -> tuple[tuple[Value, ...] | None, tuple[Value, ...]]:
    """Return the items of a structured value's template, and what was given for each."""
    match template:
        case TupleValue(items) | Joined(ListObject(items)):
            return items, _sequence(builder, items, given, refusal)
        case Joined(DictObject(keys, items)):
            if given == NONE:
                return items, (NONE,) * len(items)
            contents = builder.state.heap[given.id] if isinstance(given, Ref) else None
            if not isinstance(contents, DictObject) or set(contents.keys) - set(keys):
                raise refusal(f"{builder.describe(given)} for a dict")
            found = dict(zip(contents.keys, contents.items, strict=True))
            return items, tuple(found.get(key, NONE) for key in keys)
        case Joined(RecordObject(_, names, items)):
            contents = builder.state.heap[given.id] if isinstance(given, Ref) else None
            if isinstance(contents, RecordObject):
                found = dict(zip(contents.names, contents.items, strict=True))
                return items, tuple(found.get(name, NONE) for name in names)
            if isinstance(contents, DictObject) and set(contents.keys) <= set(names):
                found = dict(zip(contents.keys, contents.items, strict=True))
                return items, tuple(found.get(name, NONE) for name in names)
            return items, _sequence(builder, items, given, refusal)
        case _:
            return None, ()


def _sequence(
    builder: Builder, items: tuple[Value, ...], given: Value, refusal: Refusal
) -> tuple[Value, ...]:
    if given == NONE:
        return (NONE,) * len(items)
    found = None if isinstance(given, OperandValue) else builder.as_sequence(given)
    if found is None:
        raise refusal(f"{builder.describe(given)} for {len(items)} parts")
    if len(found) != len(items):
        raise refusal(f"{len(found)} parts for {len(items)}")
    return found


def _leaf(builder: Builder, slot: Slot, given: Value, refusal: Refusal) -> ir.Operand | None:
    type_ = tangent_of(slot.operand.type)
    if given == NONE or type_ is None or slot.position is None:
        return None
    is_list = isinstance(given, Ref) and isinstance(builder.state.heap[given.id], DynamicList)
    if not (is_list or isinstance(given, OperandValue | StaticValue | OptionalValue)):
        raise refusal(f"{builder.describe(given)} for {slot.operand.type}")
    operand = builder.as_operand(given)
    is_fine = False
    match type_, operand.type:
        case Scalar(), Scalar():
            is_fine = is_complex(type_) or not is_complex(operand.type)
        case Array(dtype, ndim), Array(own_dtype, own_ndim):
            is_fine = ndim == own_ndim and (is_complex(dtype) or not is_complex(own_dtype))
        case _:
            is_fine = type_ == operand.type
    if not is_fine:
        raise refusal(f"{_text(operand.type)} for {_text(slot.operand.type)}")
    if isinstance(type_, Scalar):
        return builder.cast(operand, type_)
    if isinstance(operand, ir.Var) and isinstance(slot.operand, ir.Var):
        _check_lengths(builder, operand, slot.operand, refusal)
    return operand


def _text(type_: Type) -> str:
    match type_:
        case Array(dtype, ndim):
            return f"an array of {ndim} dimension{'' if ndim == 1 else 's'} ({dtype})"
        case Scalar(name):
            return f"a number ({name})"
        case _:
            return str(type_)


def _check_lengths(builder: Builder, given: ir.Var, wanted: ir.Var, refusal: Refusal) -> None:
    """Raise at run time if an array does not have the shape of the one it belongs to."""
    if not isinstance(given.type, Array) or not isinstance(wanted.type, Array):
        return
    ours, theirs = arrays.array_dims(builder, given), arrays.array_dims(builder, wanted)
    for axis, (one, other) in enumerate(zip(ours, theirs, strict=True)):
        if one.key == other.key:
            continue
        if one.known is not None and other.known is not None:
            raise refusal(f"{one.known} elements along axis {axis} for {other.known}")
        differs = builder.call(operator.ne, one.operand, other.operand, type=BOOL)
        error = refusal(f"another length along axis {axis}")
        builder.raise_if(differs, InvalidRule, _plain(error))


def _plain(error: InvalidRule) -> str:
    """Return the text of an error that is raised again by compiled code, from one string."""
    place = f" ({error.origin})" if error.origin is not None else ""
    return f"{error.what}{place}"


def owned(builder: Builder, operand: ir.Operand, type_: Type, *, must_copy: bool) -> ir.Operand:
    """Return an array as one of exactly the type, copied if need be."""
    if not isinstance(type_, Array) or (operand.type == type_ and not must_copy):
        return operand
    assert isinstance(operand, ir.Var)
    shape = [builder.shape(operand, axis) for axis in range(type_.ndim)]
    made_type = replace(type_, layout="F" if type_.layout == "F" else "C")
    made = builder.alloc(made_type, shape)

    def level(axis: int, index: tuple[ir.Operand, ...]) -> None:
        if axis == type_.ndim:
            builder.store(made, index, builder.load(operand, *index))
            return

        def body(position: ir.Var, values: list[ir.Operand]) -> list[ir.Operand]:
            level(axis + 1, (*index, position))
            return values

        builder.for_range(arith.ZERO, shape[axis], arith.ONE, body)

    level(0, ())
    return builder.cast(made, type_)
