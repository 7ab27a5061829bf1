"""Symbolic values: what names are bound to while the front end walks a function.

A value is either an *operand* (something that exists at run time: a scalar, an array, a list of
the IR) or *structure* known while building (tuples, functions, ranges, static Python objects).
Values are immutable; a mutable Python object (list, dict, instance) is a ``Ref`` to an object on
the builder's heap, whose contents are immutable records replaced on each change, so that a copy of
the state is a shallow copy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from numbad.ir import nodes as ir
from numbad.ir.types import Array, Scalar, Type
from numbad.paths import Path

if TYPE_CHECKING:
    from numbad.frontend.state import Code


@dataclass(frozen=True, slots=True)
class OperandValue:
    """A run-time value: scalar, array, IR list or opaque; numbers known now are ``ir.Const``."""

    operand: ir.Operand

    @property
    def type(self) -> Type:
        """The IR type."""
        return self.operand.type


@dataclass(frozen=True, slots=True)
class TupleValue:
    """A tuple; ``cls`` is the class if it is a namedtuple."""

    items: tuple[Value, ...]
    cls: type | None = None


@dataclass(frozen=True, slots=True)
class StaticValue:
    """A Python object known while building: ``None``, strings, functions, modules, dtypes ...

    ``path`` says where it was read from (a global, a cell, an attribute of these), so that what is
    read through it is read again at call time; None if it is a constant of the source.
    """

    value: Any
    path: Path | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StaticValue) and (
            self.value is other.value
            or (
                type(self.value) is type(other.value)
                and isinstance(self.value, str | bytes | int | float | complex | range)
                and bool(self.value == other.value)
            )
        )

    def __hash__(self) -> int:
        return hash(type(self.value))


@dataclass(frozen=True, slots=True)
class FunctionValue:
    """A function defined in walked code: its source, and the frame its free names are found in."""

    source: Code
    frame: int
    defaults: tuple[Value, ...] = ()
    keyword_defaults: tuple[tuple[str, Value], ...] = ()


@dataclass(frozen=True, slots=True)
class BoundMethod:
    """A function with its first argument."""

    receiver: Value
    function: Value


@dataclass(frozen=True, slots=True)
class PartialValue:
    """A function with some of its arguments."""

    function: Value
    args: tuple[Value, ...]
    kwargs: tuple[tuple[str, Value], ...]


@dataclass(frozen=True, slots=True)
class BuiltinMethod:
    """A method that the front end itself knows: ``xs.append``, ``a.sum``, ``z.conjugate``."""

    receiver: Value
    name: str


@dataclass(frozen=True, slots=True)
class RangeValue:
    """``range(start, stop, step)``; all INT64."""

    start: ir.Operand
    stop: ir.Operand
    step: ir.Operand


@dataclass(frozen=True, slots=True)
class SliceValue:
    """``start:stop:step`` in an index; None where left out."""

    start: ir.Operand | None
    stop: ir.Operand | None
    step: ir.Operand | None


@dataclass(frozen=True, slots=True)
class Ref:
    """A mutable object: the entry ``id`` of the heap."""

    id: int


@dataclass(frozen=True, slots=True)
class DictView(TupleValue):
    """``values()`` or ``items()`` (``kind``) of a dict: what it held when the view was made.

    A loop over the view reads the dict ``ref`` as it goes.
    """

    ref: Ref = Ref(-1)
    kind: str = "values"


@dataclass(frozen=True, slots=True)
class IteratorValue:
    """An iterator over other iterables, which a loop consumes once.

    ``kind`` is one of ``zip zip_strict enumerate reversed map filter``; ``token`` is a frame that
    exists until the iterator is consumed.
    """

    kind: str
    sources: tuple[Value, ...]
    function: Value | None = None
    token: int = 0


@dataclass(frozen=True, slots=True)
class GeneratorValue:
    """A generator that has not started: the call of a generator function, or an expression."""

    source: Any
    frame: int


@dataclass(frozen=True, slots=True)
class OptionalValue:
    """``None`` if ``is_none`` holds, else ``value``."""

    is_none: ir.Operand
    value: Value


@dataclass(frozen=True, slots=True)
class SuperValue:
    """``super()``: attributes of ``receiver`` found behind ``cls`` in its class's order."""

    receiver: Value
    cls: type


@dataclass(frozen=True, slots=True)
class Conflict:
    """What a name holds where paths with incompatible values meet; an error if it is read."""

    reason: str


@dataclass(frozen=True, slots=True)
class Pending:
    """A name of a frame that only an earlier iteration of the loop ``loop`` can have bound."""

    loop: int
    name: str
    frame: int


Value = (
    OperandValue
    | TupleValue
    | StaticValue
    | FunctionValue
    | BoundMethod
    | PartialValue
    | BuiltinMethod
    | RangeValue
    | SliceValue
    | Ref
    | IteratorValue
    | GeneratorValue
    | OptionalValue
    | SuperValue
    | Conflict
    | Pending
)


# --- objects of the heap ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ListObject:
    """A list whose length is known while building.

    ``shared``: it stands for several objects (paths met), so it may be read only.
    """

    items: tuple[Value, ...]
    shared: bool = False


@dataclass(frozen=True, slots=True)
class DynamicList:
    """A list whose length is known at run time only: a list of the IR.

    ``shared``: it may be a copy of a list that another name refers to, so it may be read only.
    """

    operand: ir.Operand
    shared: bool = False


@dataclass(frozen=True, slots=True)
class DictObject:
    """A dict with static keys, in order; ``factory`` makes the missing ones of a defaultdict."""

    keys: tuple[Any, ...]
    items: tuple[Value, ...]
    shared: bool = False
    cls: type = dict
    factory: Any = None


@dataclass(frozen=True, slots=True)
class RecordObject:
    """An instance of a class: the fields of its ``__dict__`` or its slots."""

    cls: type
    names: tuple[str, ...]
    items: tuple[Value, ...]
    shared: bool = False


HeapObject = ListObject | DynamicList | DictObject | RecordObject


@dataclass(frozen=True, slots=True)
class External:
    """An object of the caller that the program may change: where it is found, and its contents.

    A variable, that is a global or a closure cell, is a list of its value, or an empty one.
    """

    path: Path
    contents: ListObject | DictObject | RecordObject
    is_variable: bool = False


NONE = StaticValue(None)


def is_operand(value: Value) -> bool:
    """Whether the value is an operand."""
    return isinstance(value, OperandValue)


def is_scalar(value: Value) -> bool:
    """Whether the value is a run-time or constant number or truth value."""
    return isinstance(value, OperandValue) and isinstance(value.type, Scalar)


def is_array(value: Value) -> bool:
    """Whether the value is an array."""
    return isinstance(value, OperandValue) and isinstance(value.type, Array)


def is_constant(value: Value) -> bool:
    """Whether the value is a number known while building."""
    return is_scalar(value) and isinstance(cast(OperandValue, value).operand, ir.Const)


def array_type(value: Value) -> Array:
    """Type of a value for which ``is_array`` holds."""
    return cast(Array, cast(OperandValue, value).type)
