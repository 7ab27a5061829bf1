"""Values as operands of a template, and values made of operands.

``operands`` converts a value to the operands of a template, casting them; ``instantiate`` makes a
value from a template and operands.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from numbad.frontend.state import State
from numbad.frontend.templates import MISSING, Joined, Missing, Source, Template, parts
from numbad.frontend.values import (
    BoundMethod,
    BuiltinMethod,
    Conflict,
    DictObject,
    DynamicList,
    FunctionValue,
    GeneratorValue,
    HeapObject,
    IteratorValue,
    ListObject,
    OperandValue,
    OptionalValue,
    PartialValue,
    Pending,
    RangeValue,
    RecordObject,
    Ref,
    SliceValue,
    StaticValue,
    SuperValue,
    TupleValue,
    Value,
)
from numbad.ir import nodes as ir
from numbad.ir.types import BOOL, INT64, List, Type

if TYPE_CHECKING:
    from numbad.frontend.builder import Builder


def operands(
    builder: Builder, source: Source, template: Template, state: State
) -> list[ir.Operand]:
    """Convert a value to the operands of a template, emitting casts into the current block."""
    match template:
        case OperandValue(ir.Undefined(type_)):
            return [_operand(builder, source, type_, state)]
        case OptionalValue(_, inner):
            return _optional_operands(builder, source, inner, state)
        case Joined(contents):
            return object_operands(builder, source_object(source, state), contents, state)
        case RangeValue(start, stop, step) | SliceValue(start, stop, step):
            bounds: tuple[ir.Operand | None, ...] = (None, None, None)
            if isinstance(source, RangeValue | SliceValue):
                bounds = (source.start, source.stop, source.step)
            return _bound_operands((start, stop, step), bounds)
        case TupleValue(items):
            values: tuple[Source, ...] = (
                source.items if isinstance(source, TupleValue) else (MISSING,) * len(items)
            )
        case BoundMethod() | BuiltinMethod() | PartialValue() | IteratorValue():
            items = tuple(parts(template))  # type: ignore[arg-type]
            values = (
                tuple(parts(source))  # type: ignore[arg-type]
                if isinstance(source, type(template))
                else (MISSING,) * len(items)
            )
        case _:
            return []
    return [
        operand
        for value, item in zip(values, items, strict=True)
        for operand in operands(builder, value, item, state)
    ]


def _bound_operands(
    templates: tuple[ir.Operand | None, ...], sources: tuple[ir.Operand | None, ...]
) -> list[ir.Operand]:
    return [
        template if source is None else source
        for template, source in zip(templates, sources, strict=True)
        if isinstance(template, ir.Undefined)
    ]


def _operand(builder: Builder, source: Source, type_: Type, state: State) -> ir.Operand:
    match source:
        case Missing() | Pending() | Conflict():
            return ir.Undefined(type_)
        case OperandValue(operand):
            return builder.cast(operand, type_)
        case OptionalValue(_, inner):
            return _operand(builder, inner, type_, state)
        case StaticValue(None):
            return ir.Undefined(type_)
        case StaticValue():
            return builder.cast(builder.as_operand(source), type_)
        case _:
            return ir.Undefined(type_)


def _optional_operands(
    builder: Builder, source: Source, inner: Value, state: State
) -> list[ir.Operand]:
    match source:
        case OptionalValue(is_none, value):
            return [is_none, *operands(builder, value, inner, state)]
        case StaticValue(None):
            return [ir.Const(True, BOOL), *operands(builder, MISSING, inner, state)]
        case Missing() | Pending() | Conflict():
            return [ir.Undefined(BOOL), *operands(builder, MISSING, inner, state)]
        case _:
            return [ir.Const(False, BOOL), *operands(builder, source, inner, state)]


def source_object(source: Source, state: State) -> HeapObject | None:
    """Contents of the object a value refers to."""
    return state.heap.get(source.id) if isinstance(source, Ref) else None


def object_operands(
    builder: Builder, source: HeapObject | None, template: HeapObject, state: State
) -> list[ir.Operand]:
    """Convert the contents of an object to the operands of a template of its contents."""
    if isinstance(template, DynamicList):
        return [_list_operand(builder, source, template)]
    values: list[Source] = []
    match template:
        case ListObject() | DictObject():
            same = isinstance(source, type(template)) and len(source.items) == len(template.items)
            values = list(source.items) if same else [MISSING] * len(template.items)  # type: ignore[union-attr]
        case RecordObject(_, names):
            found: dict[str, Source] = {}
            if isinstance(source, RecordObject):
                found = dict(zip(source.names, source.items, strict=True))
            values = [found.get(name, MISSING) for name in names]
        case _:
            assert_never(template)
    return [
        operand
        for value, item in zip(values, template.items, strict=True)
        for operand in operands(builder, value, item, state)
    ]


def _list_operand(builder: Builder, source: HeapObject | None, template: DynamicList) -> ir.Operand:
    type_ = template.operand.type
    assert isinstance(type_, List)
    match source:
        case DynamicList(operand) if operand.type == type_:
            return operand
        case ListObject(items):
            return make_list(builder, items, type_)
        case None:
            return ir.Undefined(type_)
        case _:
            builder.type_error(None, f"A list cannot become a {type_}.")


def make_list(builder: Builder, items: tuple[Value, ...], type_: List) -> ir.Var:
    """Emit a list of the IR with the items."""
    result = builder.alloc(type_, (ir.Const(0, INT64),))
    for item in items:
        value = builder.cast(builder.as_operand(item), type_.item)
        builder.emit(ir.Append(result, value, builder.block.origin))
    return result


def instantiate(builder: Builder, template: Template, source: Iterator[ir.Operand]) -> Value:
    """Make a value from a template, taking its operands from an iterator."""

    def again(item: Template) -> Value:
        return instantiate(builder, item, source)

    def bound(item: ir.Operand | None) -> ir.Operand | None:
        return next(source) if isinstance(item, ir.Undefined) else item

    match template:
        case OperandValue(ir.Undefined()):
            return OperandValue(next(source))
        case OptionalValue(_, value):
            is_none = next(source)
            return OptionalValue(is_none, again(value))
        case TupleValue(items, cls):
            return TupleValue(tuple(again(item) for item in items), cls)
        case RangeValue(start, stop, step):
            return RangeValue(bound(start), bound(stop), bound(step))  # type: ignore[arg-type]
        case SliceValue(start, stop, step):
            return SliceValue(bound(start), bound(stop), bound(step))
        case BoundMethod(receiver, function):
            return BoundMethod(again(receiver), function)
        case BuiltinMethod(receiver, name):
            return BuiltinMethod(again(receiver), name)
        case PartialValue(function, args, kwargs):
            new_args = tuple(again(arg) for arg in args)
            return PartialValue(function, new_args, tuple((n, again(v)) for n, v in kwargs))
        case IteratorValue(kind, sources, function_, token):
            return IteratorValue(kind, tuple(again(item) for item in sources), function_, token)
        case Joined(contents):
            return builder.new_object(instantiate_object(builder, contents, source, shared=True))
        case (
            OperandValue()
            | StaticValue()
            | FunctionValue()
            | Ref()
            | GeneratorValue()
            | SuperValue()
            | Conflict()
            | Pending()
        ):
            return template
        case _:
            assert_never(template)


def instantiate_object(
    builder: Builder,
    contents: HeapObject,
    source: Iterator[ir.Operand],
    *,
    shared: bool | None = None,
) -> HeapObject:
    """Make the contents of an object from their template."""
    if isinstance(contents, DynamicList):
        return DynamicList(next(source), contents.shared if shared is None else shared)
    items = tuple(instantiate(builder, item, source) for item in contents.items)
    flag = contents.shared if shared is None else shared
    match contents:
        case ListObject():
            return ListObject(items, flag)
        case DictObject():
            return replace(contents, items=items, shared=flag)
        case RecordObject(cls, names):
            return RecordObject(cls, names, items, flag)
        case _:
            assert_never(contents)
