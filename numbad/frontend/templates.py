"""Templates: the common shape of the values that meet where control flow joins.

A template is a value whose operands are ``ir.Undefined`` of the type the joined value has; an
object that differs between the paths is ``Joined``. ``join`` computes the template of two values,
``conversion`` turns values into the operands of a template and back. Loops use this for their
carried values as branches do for their merges.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from numbad import numba_bridge
from numbad.frontend.state import State
from numbad.frontend.values import (
    BoundMethod,
    BuiltinMethod,
    Conflict,
    DictObject,
    DynamicList,
    FunctionValue,
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
    TupleValue,
    Value,
)
from numbad.ir import nodes as ir
from numbad.ir.types import BOOL, Array, List, Scalar, Type

if TYPE_CHECKING:
    pass


@dataclass(frozen=True, slots=True)
class Joined:
    """An object that stands for several where paths meet; its items are templates."""

    contents: HeapObject


Template = Value | Joined


class Missing:
    """The absence of a value: a name that is not bound on a path."""


MISSING = Missing()
Source = Value | Missing


def template_of(value: Value, state: State, known: set[int] | None = None) -> Template:
    """Template of one value; objects whose ids are not in ``known`` are ``Joined``."""
    return join(value, value, state, state, known)


def join(
    left: Template | Missing,
    right: Template | Missing,
    left_state: State,
    right_state: State,
    known: set[int] | None = None,
) -> Template:
    """Template of two values (or templates); ``Conflict`` where they cannot meet.

    Objects with the same id on both sides stay themselves if ``known`` is None or holds the id.
    """

    def again(one: Template | Missing, other: Template | Missing) -> Template:
        return join(one, other, left_state, right_state, known)

    def only_left() -> Template:
        assert not isinstance(left, Missing)
        if isinstance(left, Joined):
            return left
        return join(left, left, left_state, left_state, known)

    def only_right() -> Template:
        assert not isinstance(right, Missing)
        if isinstance(right, Joined):
            return right
        return join(right, right, right_state, right_state, known)

    if isinstance(left, Missing):
        return Conflict("It is not bound.") if isinstance(right, Missing) else only_right()
    if isinstance(right, Missing):
        return only_left()
    if isinstance(left, Pending):
        return left if isinstance(right, Pending) else only_right()
    if isinstance(right, Pending):
        return only_left()
    if isinstance(left, Conflict):
        return left
    if isinstance(right, Conflict):
        return right
    if isinstance(left, OptionalValue) or isinstance(right, OptionalValue):
        return _join_optional(left, right, again)
    if _is_none(left) != _is_none(right):
        inner = only_right() if _is_none(left) else only_left()
        if isinstance(inner, Conflict | Joined | StaticValue | FunctionValue | Ref):
            return Conflict("It is None on one path and not on another.")
        return OptionalValue(ir.Undefined(BOOL), inner)
    match left, right:
        case OperandValue(one), OperandValue(other):
            return _join_operands(one, other)
        case (OperandValue(), StaticValue()) | (StaticValue(), OperandValue()):
            return _join_number(left, right)
        case TupleValue(ones, cls), TupleValue(others, other_cls):
            if len(ones) != len(others) or cls is not other_cls:
                return Conflict("It is a tuple of different lengths on different paths.")
            return _checked(TupleValue(_each(ones, others, again), cls))
        case RangeValue(), RangeValue() if left.step == right.step:
            return RangeValue(
                ir.Undefined(left.start.type), ir.Undefined(left.stop.type), left.step
            )
        case RangeValue(), RangeValue():
            return RangeValue(
                *(ir.Undefined(bound.type) for bound in (left.start, left.stop, left.step))
            )
        case SliceValue(), SliceValue():
            ones_ = (left.start, left.stop, left.step)
            others_ = (right.start, right.stop, right.step)
            if all((a is None) == (b is None) for a, b in zip(ones_, others_, strict=True)):
                return SliceValue(*(None if a is None else ir.Undefined(a.type) for a in ones_))
            return Conflict("It is a slice with different bounds left out on different paths.")
        case BoundMethod(receiver, function), BoundMethod(other_receiver, other_function):
            if function == other_function:
                joined = _each((receiver,), (other_receiver,), again)
                return _checked(BoundMethod(joined[0], function))
        case BuiltinMethod(receiver, name), BuiltinMethod(other_receiver, other_name):
            if name == other_name:
                joined = _each((receiver,), (other_receiver,), again)
                return _checked(BuiltinMethod(joined[0], name))
        case PartialValue(f, args, kwargs), PartialValue(g, other_args, other_kwargs):
            names = [name for name, _ in kwargs]
            if (
                f == g
                and len(args) == len(other_args)
                and names == [name for name, _ in other_kwargs]
            ):
                values = _each(
                    tuple(v for _, v in kwargs), tuple(v for _, v in other_kwargs), again
                )
                return _checked(
                    PartialValue(
                        f, _each(args, other_args, again), tuple(zip(names, values, strict=True))
                    )
                )
        case Ref(one_id), Ref(other_id):
            if one_id == other_id and (known is None or one_id in known):
                return left
            contents = join_objects(
                left_state.heap[one_id], right_state.heap[other_id], left_state, right_state, known
            )
            return contents if isinstance(contents, Conflict) else Joined(contents)
        case Joined(contents), Ref(id):
            return _join_joined(contents, right_state.heap[id], left_state, right_state, known)
        case Ref(id), Joined(contents):
            return _join_joined(left_state.heap[id], contents, left_state, right_state, known)
        case Joined(one_contents), Joined(other_contents):
            return _join_joined(one_contents, other_contents, left_state, right_state, known)
        case IteratorValue(kind, sources, function), IteratorValue(other_kind, other_sources, g):
            if (
                kind == other_kind
                and function == g
                and len(sources) == len(other_sources)
                and left.token == right.token
            ):
                return _checked(
                    IteratorValue(kind, _each(sources, other_sources, again), function, left.token)
                )
        case _:
            pass
    if left == right:
        return left
    return Conflict("It is bound to different things on different paths.")


def _is_none(value: Template) -> bool:
    return isinstance(value, StaticValue) and value.value is None


def _checked(template: Template) -> Template:
    """Return the template, or the conflict it has inside a function or iterator.

    A tuple keeps its conflicts to its items.
    """
    if isinstance(template, TupleValue):
        return template
    for part in parts(template):
        if isinstance(part, Conflict):
            return part
    return template


def _each(
    ones: tuple[Template, ...],
    others: tuple[Template, ...],
    again: Callable[[Template, Template], Template],
) -> tuple[Value, ...]:
    return tuple(again(a, b) for a, b in zip(ones, others, strict=True))  # type: ignore[misc]


def _join_operands(one: ir.Operand, other: ir.Operand) -> Template:
    type_ = numba_bridge.unify(one.type, other.type)
    if type_ is None:
        return Conflict(
            f"It has type {one.type} on one path and {other.type} on another, which do not agree."
        )
    return OperandValue(ir.Undefined(type_))


def _join_number(left: Template, right: Template) -> Template:
    """A number that is an operand on one side and a static object on the other."""
    from numbad.frontend import folding

    sides: list[ir.Operand] = []
    for side in (left, right):
        if isinstance(side, OperandValue):
            sides.append(side.operand)
        elif isinstance(side, StaticValue):
            constant = folding.as_constant(side.value)
            if constant is not None:
                sides.append(constant)
    if len(sides) != 2:
        return Conflict("It is a number or array on one path and something else on another.")
    return _join_operands(*sides)


def _join_optional(
    left: Template, right: Template, again: Callable[[Template, Template], Template]
) -> Template:
    inners = [
        side.value if isinstance(side, OptionalValue) else side
        for side in (left, right)
        if not _is_none(side)
    ]
    inner = again(inners[0], inners[-1])
    if isinstance(inner, Conflict):
        return inner
    assert not isinstance(inner, Joined)
    return OptionalValue(ir.Undefined(BOOL), inner)


def _join_joined(
    one: HeapObject,
    other: HeapObject,
    left_state: State,
    right_state: State,
    known: set[int] | None,
) -> Template:
    contents = join_objects(one, other, left_state, right_state, known)
    return contents if isinstance(contents, Conflict) else Joined(contents)


def join_objects(
    one: HeapObject,
    other: HeapObject,
    left_state: State,
    right_state: State,
    known: set[int] | None = None,
) -> HeapObject | Conflict:
    """Common contents of two objects; lists of different lengths become lists of the IR."""

    def again(a: Template | Missing, b: Template | Missing) -> Value:
        return join(a, b, left_state, right_state, known)  # type: ignore[return-value]

    match one, other:
        case ListObject(), ListObject() if len(one.items) == len(other.items):
            items = tuple(again(a, b) for a, b in zip(one.items, other.items, strict=True))
            return ListObject(items, one.shared or other.shared)
        case (ListObject() | DynamicList(), ListObject() | DynamicList()):
            return _join_lists(one, other, left_state, right_state, known)
        case DictObject(), DictObject() if _kind(one) == _kind(other):
            items = tuple(again(a, b) for a, b in zip(one.items, other.items, strict=True))
            return replace(one, items=items, shared=one.shared or other.shared)
        case RecordObject(), RecordObject() if one.cls is other.cls:
            names = one.names + tuple(name for name in other.names if name not in one.names)
            ones = dict(zip(one.names, one.items, strict=True))
            others = dict(zip(other.names, other.items, strict=True))
            partly = Conflict("It is set on some paths only.")
            items = tuple(
                again(ones[n], others[n]) if n in ones and n in others else partly for n in names
            )
            return RecordObject(one.cls, names, items, one.shared or other.shared)
        case _:
            return Conflict("It is an object of different structure on different paths.")


def _kind(contents: DictObject) -> tuple[Any, ...]:
    return contents.keys, contents.cls, contents.factory


def _join_lists(
    one: ListObject | DynamicList,
    other: ListObject | DynamicList,
    left_state: State,
    right_state: State,
    known: set[int] | None,
) -> HeapObject | Conflict:
    item: Template | None = None
    for side, state in ((one, left_state), (other, right_state)):
        if isinstance(side, DynamicList):
            assert isinstance(side.operand.type, List)
            each: tuple[Value, ...] = (OperandValue(ir.Undefined(side.operand.type.item)),)
        else:
            each = side.items
        for value in each:
            each_item = join(value, value, state, state, known)
            item = each_item if item is None else join(item, each_item, state, state, known)
    if isinstance(item, OperandValue) and isinstance(item.operand.type, Scalar | Array):
        return DynamicList(ir.Undefined(List(item.operand.type)))
    if isinstance(item, Conflict):
        return item
    return Conflict(
        "It is a list of different lengths whose items are not numbers or arrays.\n"
        "Lists of numbers or arrays may grow: append `np.array((a, b))` in place of `(a, b)`, or\n"
        "keep a list for each part of the items."
    )


def parts(template: Template) -> Iterator[Template]:
    """Yield the templates directly inside a template."""
    match template:
        case TupleValue(items):
            yield from items
        case Joined(contents):
            yield from object_parts(contents)
        case OptionalValue(_, value):
            yield value
        case BoundMethod(receiver, _) | BuiltinMethod(receiver, _):
            yield receiver
        case PartialValue(_, args, kwargs):
            yield from args
            for _, value in kwargs:
                yield value
        case IteratorValue(_, sources):
            yield from sources
        case _:
            pass


def object_parts(contents: HeapObject) -> tuple[Value, ...]:
    """Return the items of an object."""
    if isinstance(contents, DynamicList):
        return (OperandValue(contents.operand),)
    return contents.items


def leaf_types(template: Template) -> list[Type]:
    """Types of the operands of a template, in order."""
    match template:
        case OperandValue(ir.Undefined(type_)):
            return [type_]
        case OptionalValue(_, value):
            return [BOOL, *leaf_types(value)]
        case RangeValue(start, stop, step) | SliceValue(start, stop, step):
            return [b.type for b in (start, stop, step) if isinstance(b, ir.Undefined)]
        case _:
            return [type_ for part in parts(template) for type_ in leaf_types(part)]


def object_leaf_types(contents: HeapObject) -> list[Type]:
    """Types of the operands of a template of an object's contents."""
    return [type_ for part in object_parts(contents) for type_ in leaf_types(part)]
