"""Array expressions that are not evaluated yet, and their evaluation.

A ``LazyValue`` is a function from an index to an element, with the lengths and the type that the
array would have. Operations on lazy values compose, so that an expression becomes one loop nest
where it is settled (stored into a new array), assigned or reduced.

A lazy value reads memory when it is consumed, so it may live only until something else may write:
``settle_pending`` evaluates all that are still waiting.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from numbad.frontend.arrays.dims import (
    Dim,
    Dims,
    Stretch,
    array_dims,
    broadcast,
    note_fresh,
    state,
    stretch,
)
from numbad.frontend.arrays.support import (
    Index,
    Operands,
    let,
    loop,
    value_of,
)
from numbad.frontend.values import OperandValue, Value
from numbad.ir import nodes as ir
from numbad.ir.types import Array, Scalar

if TYPE_CHECKING:
    from numbad.frontend.builder import Builder

_DEAR = 3


@dataclass(frozen=True, slots=True)
class Source:
    """An array that a lazy value reads; ``aligned`` if element ``i`` reads only element ``i``."""

    array: ir.Var
    aligned: bool


class LazyValue(OperandValue):
    """An array expression: ``element(index)`` emits the computation of one element.

    ``cost`` counts scalar operations roughly: an operand that broadcasting repeats is evaluated
    beforehand if it is dear. ``stored`` is the array of the elements once it has been settled.
    ``view`` makes that array if the elements are not to be computed: they are parts of another's.
    To code that knows nothing of array expressions it is an array: reading ``operand`` evaluates
    the expression, at that point of the program.
    """

    __slots__ = (
        "__weakref__",
        "array_type",
        "builder",
        "cost",
        "dims",
        "one",
        "sources",
        "stored",
        "view",
    )

    __setattr__ = object.__setattr__

    def __init__(
        self,
        builder: Builder,
        type_: Array,
        dims: Dims,
        one: Callable[[Index], ir.Operand],
        sources: tuple[Source, ...] = (),
        cost: int = 0,
    ) -> None:
        self.builder = builder
        self.array_type = type_
        self.dims = dims
        self.one = one
        self.sources = sources
        self.cost = cost
        self.stored: ir.Var | None = None
        self.view: Callable[[], ir.Var] | None = None

    @property
    def is_new(self) -> bool:
        """Whether settling it makes an array that shares its memory with no other."""
        return self.stored is None and self.view is None

    @property
    def operand(self) -> ir.Operand:
        """The array of the elements."""
        return settle_lazy(self.builder, self)

    @property
    def type(self) -> Array:
        """Type of the array."""
        return self.array_type

    @property
    def dtype(self) -> Scalar:
        """Type of an element."""
        assert isinstance(self.array_type.dtype, Scalar)
        return self.array_type.dtype

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)


def is_arraylike(value: object) -> bool:
    """Whether a value is an array or an array expression."""
    return isinstance(value, OperandValue) and isinstance(value.type, Array)


def array_type(value: object) -> Array:
    """Type of a value for which ``is_arraylike`` holds."""
    assert isinstance(value, OperandValue)
    assert isinstance(value.type, Array)
    return value.type


def of_array(builder: Builder, array: ir.Var) -> LazyValue:
    """View an array as an array expression."""
    assert isinstance(array.type, Array)
    lazy = LazyValue(
        builder, array.type, array_dims(builder, array), lambda index: builder.load(array, *index)
    )
    lazy.stored = array
    return lazy


def of_scalar(builder: Builder, operand: ir.Operand) -> LazyValue:
    """View a number as an array expression without axes."""
    assert isinstance(operand.type, Scalar)
    return LazyValue(builder, Array(operand.type, 0, "C"), (), lambda index: operand)


def pending(builder: Builder, lazy: LazyValue) -> LazyValue:
    """Remember a new array expression that nothing has consumed yet."""
    state(builder).pending.append((builder.block, weakref.ref(lazy)))
    return lazy


def _consume(builder: Builder, lazies: Sequence[LazyValue]) -> None:
    gone = {id(lazy) for lazy in lazies}
    state(builder).pending = [
        (block, reference)
        for block, reference in state(builder).pending
        if (lazy := reference()) is not None and id(lazy) not in gone
    ]


def settle_pending(builder: Builder) -> None:
    """Evaluate the array expressions that wait in this block, because memory may be written.

    Those that wait in blocks around it were evaluated before the region began, unless the region is
    a loop of this package, which writes to new memory only.
    """
    here = [reference for block, reference in state(builder).pending if block is builder.block]
    for reference in here:
        lazy = reference()
        if lazy is not None and lazy.stored is None:
            settle_lazy(builder, lazy)


def element(builder: Builder, lazy: LazyValue, index: Index) -> ir.Operand:
    """Emit the computation of one element."""
    if lazy.stored is not None:
        return builder.load(lazy.stored, *index)
    return lazy.one(index)


def compose(
    builder: Builder,
    type_: Array,
    parts: Sequence[LazyValue],
    fn: Callable[..., ir.Operand],
    cost: int = 1,
) -> LazyValue:
    """Return the expression whose elements are ``fn`` of the broadcast elements of its parts."""
    _consume(builder, parts)
    dims = broadcast(builder, [part.dims for part in parts])
    parts = [without_repetition(builder, part, dims) for part in parts]
    stretches = [stretch(builder, part.dims, dims) for part in parts]

    def one(index: Index) -> ir.Operand:
        return fn(
            *(
                element(builder, part, how.index(builder, index))
                for part, how in zip(parts, stretches, strict=True)
            )
        )

    sources = _merge_sources(parts, stretches, dims)
    total_cost = cost + sum(part.cost for part in parts if part.stored is None)
    return pending(builder, LazyValue(builder, type_, dims, one, sources, total_cost))


def without_repetition(builder: Builder, part: LazyValue, dims: Dims) -> LazyValue:
    """Evaluate a dear operand that broadcasting repeats."""
    if part.cost < _DEAR or part.stored is not None or not part.dims:
        return part
    repeated = len(part.dims) < len(dims) or any(
        own.known == 1 and target.known != 1
        for own, target in zip(part.dims, dims[-len(part.dims) :], strict=True)
    )
    return of_array(builder, _store_elements(builder, part)) if repeated else part


def _merge_sources(
    parts: Sequence[LazyValue], stretches: Sequence[Stretch], dims: Dims
) -> tuple[Source, ...]:
    found: dict[int, Source] = {}
    for part, how in zip(parts, stretches, strict=True):
        whole = how.is_identity and len(part.dims) == len(dims)
        for source in sources_of(part):
            before = found.get(source.array.id)
            aligned = source.aligned and whole and (before is None or before.aligned)
            found[source.array.id] = Source(source.array, aligned)
    return tuple(found.values())


def sources_of(lazy: LazyValue) -> tuple[Source, ...]:
    """Return what an expression reads."""
    if lazy.stored is not None:
        return (Source(lazy.stored, True),)
    return lazy.sources


# --- evaluation ---------------------------------------------------------------------------------


def nest(
    builder: Builder,
    dims: Sequence[Dim],
    body: Callable[[Index, Operands], Sequence[ir.Operand]],
    carried: Sequence[ir.Operand] = (),
    order: str = "C",
) -> Operands:
    """Emit a loop nest over all indices; the last index runs fastest, or the first for ``"F"``."""
    axes = list(range(len(dims)))
    if order == "F":
        axes.reverse()
    indices: dict[int, ir.Operand] = {}

    def level(depth: int, values: Operands) -> Sequence[ir.Operand]:
        if depth == len(axes):
            return body(tuple(indices[axis] for axis in range(len(dims))), values)

        def inner(index: ir.Operand, inner_values: Operands) -> Sequence[ir.Operand]:
            indices[axes[depth]] = index
            return level(depth + 1, inner_values)

        return loop(builder, dims[axes[depth]].operand, inner, values)

    return list(level(0, list(carried)))


def allocate(
    builder: Builder, type_: Array, dims: Dims, fill: ir.Operand | None = None, name: str = ""
) -> ir.Var:
    """Allocate a new array."""
    if type_.layout == "A" or type_.readonly:
        type_ = Array(type_.dtype, type_.ndim, "F" if type_.layout == "F" else "C")
    shape = tuple(dim.operand for dim in dims)
    array = let(builder, type_, ir.Alloc(shape, fill), name)
    note_fresh(builder, array, dims)
    return array


def _store_elements(builder: Builder, lazy: LazyValue, name: str = "") -> ir.Var:
    array = allocate(builder, lazy.type, lazy.dims, name=name)

    def body(index: Index, values: Operands) -> Operands:
        builder.store(array, index, lazy.one(index))
        return values

    nest(builder, lazy.dims, body, order=lazy.type.layout)
    lazy.stored = array
    lazy.sources = ()
    return array


def consume(builder: Builder, lazy: LazyValue) -> LazyValue:
    """Mark an expression as about to be evaluated here, by the caller."""
    _consume(builder, [lazy])
    return lazy


def settle_lazy(builder: Builder, lazy: LazyValue, name: str = "") -> ir.Var:
    """Return an array that holds the elements of an expression."""
    _consume(builder, [lazy])
    if lazy.stored is not None:
        return lazy.stored
    if lazy.view is not None:
        lazy.stored = lazy.view()
        lazy.sources = ()
        return lazy.stored
    return _store_elements(builder, lazy, name)


def settle(builder: Builder, value: Value, name: str = "") -> Value:
    """Return a value with array expressions evaluated; other values as they are."""
    if isinstance(value, LazyValue):
        return value_of(settle_lazy(builder, value, name))
    return value


def copy_elements(builder: Builder, lazy: LazyValue, layout: str = "C", name: str = "") -> ir.Var:
    """Return a new array with the elements of an expression, even if it is an array already."""
    _consume(builder, [lazy])
    dtype = lazy.type.dtype
    fresh = LazyValue(
        builder,
        Array(dtype, lazy.type.ndim, layout),
        lazy.dims,
        lambda index: element(builder, lazy, index),
    )
    return _store_elements(builder, fresh, name)
