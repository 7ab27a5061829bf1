"""The nodes of the IR: closed unions of frozen dataclasses.

Every value (``Var``) is defined once and has a type. Control flow is nested regions with explicit
carried values; arrays, lists and stacks are memory, touched only by ordered operations.

Scoping: a ``Var`` may be used after its definition in the same block and in blocks nested in it.
Values leave a region only through ``Carried.result`` and ``Merge.result``.

Order: statements of a block run in order. Expressions inside ``Let`` are pure functions of their
operands (and, for ``Load`` and calls on arrays, of memory at that moment), except those that
``has_effect`` names.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from numbad.ir.origin import Origin as Origin  # noqa: PLC0414 - a name of this module too
from numbad.ir.types import Type


@dataclass(frozen=True, slots=True)
class Var:
    """A value, defined exactly once. Identity is ``id``; ``name`` is the user's name or a hint."""

    id: int
    type: Type = field(compare=False)
    name: str = field(compare=False, default="")


@dataclass(frozen=True, slots=True)
class Const:
    """A constant of a known type. ``value`` is a Python number, bool, string or None."""

    value: Any
    type: Type

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Const)
            and repr(self.value) == repr(other.value)
            and self.type == other.type
        )

    def __hash__(self) -> int:
        return hash((repr(self.value), self.type))


@dataclass(frozen=True, slots=True)
class Undefined:
    """The value of a name on a path where the user's program has not bound it; never read there."""

    type: Type


Operand = Var | Const | Undefined


# --- expressions ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Call:
    """A Python callable (``operator.add``, ``math.sin``, ``np.dot`` ...) applied to operands.

    Scalar operators are calls too: ``operator.add``, ``operator.lt``, ``operator.neg`` ... The
    callable is what rules are looked up by and what is printed.
    """

    fn: Callable[..., Any]
    args: tuple[Operand, ...]
    kwargs: tuple[tuple[str, Operand], ...] = ()


@dataclass(frozen=True, slots=True)
class Select:
    """``if_true if condition else if_false``; both are already evaluated."""

    condition: Operand
    if_true: Operand
    if_false: Operand


@dataclass(frozen=True, slots=True)
class Cast:
    """The value converted to the type of the target (int to float, float to int by truncation)."""

    value: Operand


@dataclass(frozen=True, slots=True)
class Load:
    """Element of an array (one integer per dimension) or of a list (one integer)."""

    array: Var
    index: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Shape:
    """Length of an array along ``axis`` (a plain int), or of a list (axis 0)."""

    array: Var
    axis: int


@dataclass(frozen=True, slots=True)
class Slice:
    """A slice in the index of a view; None where the user left a bound out."""

    start: Operand | None
    stop: Operand | None
    step: Operand | None


@dataclass(frozen=True, slots=True)
class NewAxis:
    """``None`` in the index of a view."""


@dataclass(frozen=True, slots=True)
class Subview:
    """``array[index]`` by basic indexing that leaves at least one dimension: shares memory."""

    array: Var
    index: tuple[Operand | Slice | NewAxis, ...]


@dataclass(frozen=True, slots=True)
class Transpose:
    """``array.transpose(axes)``: shares memory."""

    array: Var
    axes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Component:
    """``array.real`` or ``array.imag`` (``name``) of a complex array: shares memory."""

    array: Var
    name: str


@dataclass(frozen=True, slots=True)
class Reshape:
    """``array.reshape(shape)`` of a contiguous array, no -1 in ``shape``: shares memory."""

    array: Var
    shape: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Alloc:
    """A new array or list of the target's type. ``fill`` None leaves it uninitialised.

    ``purpose`` is ``"user"``, ``"tape"`` or ``"shadow"``. Tape arrays are always C-contiguous, are
    indexed by non-negative integers only, and are never views of or viewed by anything else.
    """

    shape: tuple[Operand, ...]
    fill: Operand | None
    purpose: str = "user"


@dataclass(frozen=True, slots=True)
class MakeTuple:
    """A run-time tuple."""

    items: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class TupleItem:
    """Item ``position`` of a run-time tuple."""

    value: Operand
    position: int


@dataclass(frozen=True, slots=True)
class Invoke:
    """Call of another IR function of the program, by its name. May read and write its arguments.

    A function with a derivative of its own (``CustomDerivative``) writes nothing and returns new
    memory. ``differentiable`` is not None for these: the positions of the arguments on which the
    value depends differentiably. Through an ``is_barrier`` no path leads all the same: it is there
    for the effects of its backward part.
    """

    function: str
    args: tuple[Operand, ...]
    differentiable: tuple[int, ...] | None = None
    is_barrier: bool = False


@dataclass(frozen=True, slots=True)
class NewStack:
    """An empty stack."""


@dataclass(frozen=True, slots=True)
class Reserve:
    """Push a segment of ``count`` items; the value is a 1-D C array that views the segment."""

    stack: Var
    count: Operand
    zeroed: bool


@dataclass(frozen=True, slots=True)
class Release:
    """Pop the last segment, of ``count`` items; the value views it until the next ``Reserve``."""

    stack: Var
    count: Operand


@dataclass(frozen=True, slots=True)
class Pop:
    """Remove and return the last item of a list."""

    array: Var


Expr = (
    Call
    | Select
    | Cast
    | Load
    | Shape
    | Subview
    | Transpose
    | Component
    | Reshape
    | Alloc
    | MakeTuple
    | TupleItem
    | Invoke
    | NewStack
    | Reserve
    | Release
    | Pop
)


# --- statements -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Let:
    """Define ``target``."""

    target: Var
    expr: Expr
    origin: Origin | None = None


@dataclass(frozen=True, slots=True)
class Store:
    """``array[index] = value`` for one element."""

    array: Var
    index: tuple[Operand, ...]
    value: Operand
    origin: Origin | None = None


@dataclass(frozen=True, slots=True)
class Accumulate:
    """``array[index] += value`` for one element; order among accumulations does not matter."""

    array: Var
    index: tuple[Operand, ...]
    value: Operand
    origin: Origin | None = None


@dataclass(frozen=True, slots=True)
class Append:
    """``array.append(value)`` on a list."""

    array: Var
    value: Operand
    origin: Origin | None = None


@dataclass(frozen=True, slots=True)
class Effect:
    """A call for its effect on the outside world (``print``), which touches no array of ours."""

    fn: Callable[..., Any]
    args: tuple[Operand, ...]
    origin: Origin | None = None


@dataclass(frozen=True, slots=True)
class Raise:
    """``raise exception(*args)``."""

    exception: type[BaseException]
    args: tuple[Operand, ...]
    origin: Origin | None = None


@dataclass(frozen=True, slots=True)
class Carried:
    """A loop-carried value.

    In the body it is ``inner``, first ``init``, then each ``next``; behind the loop, ``result``.
    """

    inner: Var
    init: Operand
    next: Operand
    result: Var


@dataclass(frozen=True, slots=True)
class For:
    """``for index in range(start, stop, step)``; bounds are evaluated once, before the loop."""

    index: Var
    start: Operand
    stop: Operand
    step: Operand
    carried: tuple[Carried, ...]
    body: Block
    origin: Origin | None = None


@dataclass(frozen=True, slots=True)
class While:
    """``before`` computes ``condition`` from the inner values; while it holds, ``body`` runs.

    Values defined in ``before`` are visible in ``before`` only.
    """

    carried: tuple[Carried, ...]
    before: Block
    condition: Operand
    body: Block
    origin: Origin | None = None


@dataclass(frozen=True, slots=True)
class Merge:
    """A value that leaves an ``If``."""

    result: Var
    if_true: Operand
    if_false: Operand


@dataclass(frozen=True, slots=True)
class If:
    """Two-way branch."""

    condition: Operand
    then: Block
    orelse: Block
    merges: tuple[Merge, ...]
    origin: Origin | None = None


Stmt = Let | Store | Accumulate | Append | Effect | Raise | For | While | If
Block = tuple[Stmt, ...]


@dataclass(frozen=True, slots=True)
class Function:
    """One function: its last act is to return ``results`` (a tuple when there is not exactly one).

    The mapping to the user's containers is kept by the front end.
    """

    name: str
    params: tuple[Var, ...]
    body: Block
    results: tuple[Operand, ...]
    origin: Origin | None = None
    custom: CustomDerivative | None = None


@dataclass(frozen=True, slots=True)
class CustomDerivative:
    """The derivative that the user declared for a function, in place of that of its body.

    Attributes
    ----------
    title
        The user's name of the function, for messages.
    forward
        Takes the function's parameters; returns its results and then what ``backward`` needs.
    backward
        Takes what ``forward`` gives it, then the cotangents of those results that can have one;
        returns the cotangents of the parameters at ``wrt``.
    wrt
        Positions of the parameters that have a cotangent.
    refused
        Positions of parameters that the declaration does not mention (values closed over,
        keyword-only arguments): it is an error if they turn out to be differentiated.
    jvp
        Takes the function's parameters, then the tangents of those at ``directions``; returns the
        results, then the tangents of those that can have one. None if it was not declared.
    directions
        Positions of the parameters that have a tangent.
    unused
        The derivative is there for its effects: ``backward`` runs in the backward sweep wherever
        the function has run, and this, which takes nothing, where no cotangent has come.
    """

    title: str
    forward: Function
    backward: Function
    wrt: tuple[int, ...]
    refused: tuple[int, ...]
    jvp: Function | None
    directions: tuple[int, ...]
    unused: Function | None = None

    def functions(self) -> tuple[Function, ...]:
        """Return the functions that make up the declaration."""
        found = (self.forward, self.backward, self.jvp, self.unused)
        return tuple(part for part in found if part is not None)


@dataclass(frozen=True, slots=True)
class Program:
    """An entry function and the functions it invokes, by name."""

    entry: Function
    callees: dict[str, Function] = field(default_factory=dict)


def has_effect(expr: Expr) -> bool:
    """Whether evaluating the expression changes memory, so that it may not be dropped or moved."""
    return isinstance(expr, Invoke | Reserve | Release | Pop)
