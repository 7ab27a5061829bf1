"""Views of values: as static objects, as operands, as sequences of items; their length."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

from numbad import numba_bridge
from numbad.frontend import folding
from numbad.frontend.signals import NeedsUnrolling
from numbad.frontend.values import (
    Conflict,
    DictObject,
    DynamicList,
    FunctionValue,
    GeneratorValue,
    IteratorValue,
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
)
from numbad.ir import nodes as ir
from numbad.ir.types import INT64, Array, List, Scalar, Tuple

if TYPE_CHECKING:
    import ast

    from numbad.frontend.builder import Builder

_UNKNOWN = object()


def as_static(builder: Builder, value: Value, what: str) -> Any:
    """Return the object a value is known to be; see ``Builder.as_static``."""
    match value:
        case OperandValue(operand) if isinstance(operand, ir.Var):
            pinned = builder.live.pin(operand)
            if pinned is not None:
                return pinned
            loop = loop_of(builder, operand)
            if loop is not None:
                raise NeedsUnrolling(loop)
        case TupleValue(items, cls):
            parts = tuple(as_static(builder, item, what) for item in items)
            return parts if cls is None else tuple.__new__(cls, parts)
        case Ref(id) if isinstance(builder.state.heap[id], ListObject):
            contents = builder.state.heap[id]
            assert isinstance(contents, ListObject)
            return [as_static(builder, item, what) for item in contents.items]
        case SliceValue(start, stop, step):
            bounds = [
                None if bound is None else as_static(builder, OperandValue(bound), what)
                for bound in (start, stop, step)
            ]
            return slice(*bounds)
        case RangeValue(start, stop, step):
            return range(
                *(as_static(builder, OperandValue(bound), what) for bound in (start, stop, step))
            )
        case _:
            pass
    known = _known(builder, value)
    if known is _UNKNOWN:
        builder.error(
            None,
            f"{what} must be known before the program runs.",
            f"It is {describe(builder, value)}, which is known only when it runs.",
            "Use a constant, or pass it as a global or a default.",
        )
    return known


def is_static(builder: Builder, value: Value) -> bool:
    """Whether the value is a static object, a constant or a structure of these."""
    return _known(builder, value) is not _UNKNOWN


def _known(builder: Builder, value: Value) -> Any:
    match value:
        case StaticValue(found):
            return found
        case OperandValue(ir.Const(constant, type_)):
            if isinstance(type_, Scalar) and type_.name in ("float32", "complex64"):
                import numpy as np

                return np.dtype(type_.name).type(constant)
            return constant
        case TupleValue(items, cls):
            parts = tuple(_known(builder, item) for item in items)
            if any(part is _UNKNOWN for part in parts):
                return _UNKNOWN
            return parts if cls is None else tuple.__new__(cls, parts)
        case SliceValue(start, stop, step):
            bounds = [
                None if bound is None else _known(builder, OperandValue(bound))
                for bound in (start, stop, step)
            ]
            return _UNKNOWN if any(bound is _UNKNOWN for bound in bounds) else slice(*bounds)
        case RangeValue(start, stop, step):
            ends = [_known(builder, OperandValue(bound)) for bound in (start, stop, step)]
            return _UNKNOWN if any(end is _UNKNOWN for end in ends) else range(*ends)
        case _:
            return _UNKNOWN


def loop_of(builder: Builder, operand: ir.Operand) -> int | None:
    """The innermost loop that could be unrolled on whose index an operand depends."""
    candidates = {loop.index.id: loop for loop in builder.active_loops if loop.can_unroll}
    if not candidates:
        return None
    order = {loop.id: position for position, loop in enumerate(builder.active_loops)}
    found: list[int] = []
    pending = [operand]
    seen: set[int] = set()
    while pending:
        current = pending.pop()
        if not isinstance(current, ir.Var) or current.id in seen:
            continue
        seen.add(current.id)
        if current.id in candidates:
            found.append(candidates[current.id].id)
            continue
        definition = builder.definitions.get(current.id)
        match definition:
            case ir.Call(_, args):
                pending.extend(args)
            case ir.Cast(inner):
                pending.append(inner)
            case ir.Select(condition, if_true, if_false):
                pending.extend((condition, if_true, if_false))
            case None:
                pass
            case _:
                return None
    return max(found, key=order.__getitem__, default=None)


def as_operand(builder: Builder, value: Value, node: ast.AST | None) -> ir.Operand:
    """Return the operand of a value; see ``Builder.as_operand``."""
    match value:
        case OperandValue(operand):
            return operand
        case StaticValue(found):
            constant = folding.as_constant(found)
            if constant is not None:
                return constant
            if isinstance(found, str):
                return ir.Const(found, numba_bridge.string_type())
            if found is None:
                return ir.Const(None, numba_bridge.none_type())
            builder.type_error(node, sentence(f"{describe(builder, value)} is no number or array."))
        case OptionalValue(is_none, inner):
            builder.raise_if(is_none, TypeError, "expected a value, got None")
            return as_operand(builder, inner, node)
        case Ref(id) if isinstance(builder.state.heap[id], DynamicList):
            contents = builder.state.heap[id]
            assert isinstance(contents, DynamicList)
            return contents.operand
        case Conflict(reason):
            builder.type_error(node, reason)
        case _:
            builder.type_error(
                node, f"A number or an array is needed here, not {describe(builder, value)}."
            )


def items_of(builder: Builder, value: Value) -> tuple[Value, ...] | None:
    """Items of a tuple, static sequence or list of known length; None for anything else."""
    match value:
        case TupleValue(items):
            return items
        case Ref(id):
            contents = builder.state.heap[id]
            match contents:
                case ListObject(items):
                    return items
                case DictObject(keys):
                    return tuple(builder.static(key) for key in keys)
                case _:
                    return None
        case StaticValue(found):
            live = builder.live.items(value)
            if live is not None:
                return live
            if type(found) is dict:
                if value.path is not None:
                    builder.live.depend(value.path, "keys", tuple(found))
                return tuple(builder.static(key) for key in found)
            if isinstance(found, set | frozenset):
                return builder.live.set_items(value)
            if isinstance(found, str | bytes | list | tuple | range | enum.EnumMeta):
                return tuple(builder.static(item) for item in found)
            return None
        case _:
            return None


def length(builder: Builder, value: Value, node: ast.AST | None) -> ir.Operand:
    """Return ``len(value)``."""
    items = items_of(builder, value)
    if items is not None:
        return ir.Const(len(items), INT64)
    match value:
        case StaticValue(set() | frozenset() as found):
            return ir.Const(len(found), INT64)
        case OperandValue(ir.Var(type=Array(ndim=ndim)) as array) if ndim > 0:
            return builder.shape(array, 0)
        case OperandValue(ir.Var(type=List()) as array):
            return builder.shape(array, 0)
        case OperandValue(operand) if isinstance(operand.type, Tuple):
            return ir.Const(len(operand.type.items), INT64)
        case Ref(id) if isinstance(builder.state.heap[id], DynamicList):
            contents = builder.state.heap[id]
            assert isinstance(contents, DynamicList) and isinstance(contents.operand, ir.Var)
            return builder.shape(contents.operand, 0)
        case Ref(id) if isinstance(builder.state.heap[id], RecordObject):
            method = builder.attribute(value, "__len__", node)
            return builder.as_index(builder.apply(method, (), {}, node), node)
        case RangeValue(start, stop, step):
            return range_length(builder, start, stop, step)
        case _:
            builder.type_error(node, sentence(f"{describe(builder, value)} has no length."))


def range_length(
    builder: Builder, start: ir.Operand, stop: ir.Operand, step: ir.Operand
) -> ir.Operand:
    """Return the number of items of a range."""
    import operator

    zero = ir.Const(0, INT64)
    one = ir.Const(1, INT64)
    span = stop if start == zero else builder.call(operator.sub, stop, start)
    if isinstance(step, ir.Const):
        if step.value == 0:
            builder.error(None, "The step of a range is zero.")
        if step.value == 1:
            return builder.call(max, span, zero)
        if step.value > 0:
            raised = builder.call(operator.add, span, ir.Const(step.value - 1, INT64))
            return builder.call(max, builder.call(operator.floordiv, raised, step), zero)
        lowered = builder.call(operator.add, span, ir.Const(step.value + 1, INT64))
        return builder.call(max, builder.call(operator.floordiv, lowered, step), zero)
    positive = builder.call(operator.gt, step, zero)
    sign = select(builder, positive, one, ir.Const(-1, INT64))
    raised = builder.call(operator.add, span, builder.call(operator.sub, step, sign))
    return builder.call(max, builder.call(operator.floordiv, raised, step), zero)


def select(
    builder: Builder, condition: ir.Operand, if_true: ir.Operand, if_false: ir.Operand
) -> ir.Operand:
    """Return ``if_true if condition else if_false`` for operands of one type."""
    if isinstance(condition, ir.Const):
        return if_true if condition.value else if_false
    if if_true == if_false:
        return if_true
    return builder.let(if_true.type, ir.Select(condition, if_true, if_false))


def describe(builder: Builder, value: Value) -> str:
    """Say what a value is, for messages."""
    match value:
        case OperandValue(ir.Const(constant)):
            return f"the constant {constant!r}"
        case OperandValue(operand):
            name = getattr(operand, "name", "")
            shown = f"`{name}` of type " if name else "a value of type "
            return shown + str(operand.type)
        case TupleValue(items, cls):
            kind = "a tuple" if cls is None else f"a `{cls.__name__}`"
            return f"{kind} of {len(items)}"
        case StaticValue(found):
            if found is None or isinstance(found, str):
                return repr(found)
            name = getattr(found, "__name__", None)
            kind = type(found).__name__
            article = "an" if kind[0].lower() in "aeiou" else "a"
            return f"the {kind} `{name}`" if name else f"{article} `{kind}`"
        case FunctionValue(source):
            return f"the function `{source.name}`"
        case RangeValue():
            return "a range"
        case SliceValue():
            return "a slice"
        case IteratorValue(kind):
            return f"the iterator `{kind}`"
        case GeneratorValue():
            return "a generator"
        case OptionalValue(_, inner):
            return f"None or {describe(builder, inner)}"
        case Conflict(reason):
            return f"undecided ({reason})"
        case Ref(id):
            match builder.state.heap.get(id):
                case ListObject() | DynamicList():
                    return "a list"
                case DictObject():
                    return "a dict"
                case RecordObject(cls):
                    return f"a `{cls.__name__}` object"
        case _:
            pass
    return "a function"


def sentence(text: str) -> str:
    """Return the text with a capital first letter."""
    return text[:1].upper() + text[1:]
