"""Lengths of axes: run-time operands with a symbolic key, so that equal lengths are often known.

The key of a dimension identifies its value: two dimensions with equal keys have equal lengths
whenever the program runs. What is known about an array (its lengths, what memory it views) is kept
per variable in a ``Facts`` record; a variable without facts is described by ``ir.Shape``.
"""

from __future__ import annotations

import operator
import weakref
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from numbad.frontend.arrays.keys import constant_key, operand_key
from numbad.frontend.arrays.support import ONE, ZERO, Index, arithmetic, both, integer, select
from numbad.ir import nodes as ir
from numbad.ir.build import BlockBuilder
from numbad.ir.types import Array, Scalar, real_type

if TYPE_CHECKING:
    from numbad.frontend.builder import Builder


@dataclass(frozen=True, slots=True)
class Dim:
    """One length: an int64 operand and the key that identifies its value."""

    operand: ir.Operand
    key: Hashable

    @property
    def known(self) -> int | None:
        """The length, if it is a constant."""
        return int(self.operand.value) if isinstance(self.operand, ir.Const) else None


Dims = tuple[Dim, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known about an array variable.

    ``root`` is the variable whose memory it views (itself if it owns its memory or is a
    parameter), ``view`` identifies the elements within the root, ``fresh`` says that the root was
    allocated by the program.
    """

    dims: Dims
    root: ir.Var
    view: Hashable
    fresh: bool


@dataclass(eq=False)
class ArrayState:
    """What this package remembers during one build.

    ``copied`` are arrays of our own whose memory NumPy might share with another array.
    """

    facts: dict[int, Facts] = field(default_factory=dict)
    pending: list[tuple[BlockBuilder, weakref.ref[Any]]] = field(default_factory=list)
    parameters: set[int] = field(default_factory=set)
    copied: set[int] = field(default_factory=set)


_states: weakref.WeakKeyDictionary[Any, ArrayState] = weakref.WeakKeyDictionary()


def state(builder: Builder) -> ArrayState:
    """Return the state that belongs to a builder."""
    found = _states.get(builder)
    if found is None:
        found = _states[builder] = ArrayState()
    return found


def dim_of(builder: Builder, operand: ir.Operand) -> Dim:
    """Return an int64 operand as a dimension."""
    if isinstance(operand, ir.Const):
        return known_dim(int(operand.value))

    def shape_key(array: ir.Var, axis: int) -> Hashable:
        facts = facts_of(builder, array)
        return ("shape", array.id, axis) if facts is None else facts.dims[axis].key

    return Dim(operand, operand_key(builder, operand, shape_key))


def known_dim(length: int) -> Dim:
    """Return a constant length."""
    return Dim(integer(length), constant_key(length))


def shape_dim(builder: Builder, array: ir.Var, axis: int) -> Dim:
    """Length of an array along an axis, asked at run time."""
    return Dim(builder.shape(array, axis), ("shape", array.id, axis))


def array_dims(builder: Builder, array: ir.Var) -> Dims:
    """Lengths of an array."""
    assert isinstance(array.type, Array)
    facts = state(builder).facts.get(array.id)
    if facts is not None:
        return facts.dims
    return tuple(shape_dim(builder, array, axis) for axis in range(array.type.ndim))


def array_dim(builder: Builder, array: ir.Var, axis: int) -> Dim:
    """Length of an array along one axis."""
    facts = state(builder).facts.get(array.id)
    return facts.dims[axis] if facts is not None else shape_dim(builder, array, axis)


def facts_of(builder: Builder, array: ir.Var) -> Facts | None:
    """What is known about an array."""
    return state(builder).facts.get(array.id)


def root_of(builder: Builder, array: ir.Var) -> ir.Var:
    """Return the array whose memory an array views; itself if that is not known."""
    facts = facts_of(builder, array)
    return array if facts is None else facts.root


def note_parameter(builder: Builder, array: ir.Var) -> None:
    """Record that an array is a parameter of the program: it existed before the program ran."""
    state(builder).parameters.add(array.id)


def note_fresh(builder: Builder, array: ir.Var, dims: Dims) -> None:
    """Record a new array of our own."""
    state(builder).facts[array.id] = Facts(dims, array, (), True)


def note_view(builder: Builder, view: ir.Var, base: ir.Var, dims: Dims, path: Hashable) -> None:
    """Record that an array views another; ``path`` identifies which elements in which order."""
    facts = facts_of(builder, base)
    root = base if facts is None else facts.root
    start = () if facts is None else facts.view
    fresh = facts is not None and facts.fresh
    state(builder).facts[view.id] = Facts(dims, root, (start, path), fresh)


def mark_copied(builder: Builder, array: ir.Var) -> None:
    """Record that NumPy might share the memory of an array with the one that it is a copy of."""
    state(builder).copied.add(root_of(builder, array).id)


def note_lengths(builder: Builder, array: ir.Var, dims: Dims) -> None:
    """Record lengths that are known better than by the way an array was made."""
    facts = state(builder).facts
    before = facts.get(array.id)
    if before is None:
        facts[array.id] = Facts(dims, array, (), False)
    else:
        facts[array.id] = Facts(dims, before.root, before.view, before.fresh)


def identity(builder: Builder, array: ir.Var) -> tuple[int, Hashable]:
    """Key of the memory an array refers to, element by element."""
    facts = facts_of(builder, array)
    return (array.id, ()) if facts is None else (facts.root.id, facts.view)


def may_overlap(builder: Builder, first: ir.Var, second: ir.Var) -> bool:
    """Whether two arrays, of which one is written, may share memory."""
    assert isinstance(first.type, Array)
    assert isinstance(second.type, Array)
    dtypes = first.type.dtype, second.type.dtype
    assert isinstance(dtypes[0], Scalar) and isinstance(dtypes[1], Scalar)
    if real_type(dtypes[0]) != real_type(dtypes[1]):
        return False
    one, other = facts_of(builder, first), facts_of(builder, second)
    root = first if one is None else one.root
    other_root = second if other is None else other.root
    if root.id == other_root.id:
        return True
    fresh = one is not None and one.fresh
    other_fresh = other is not None and other.fresh
    if fresh and other_fresh:
        return False
    # A parameter existed before anything that the program allocates.
    if fresh:
        return not _is_parameter(builder, other_root)
    if other_fresh:
        return not _is_parameter(builder, root)
    # Every call checks that a parameter which is written shares no memory with another.
    return not (_is_parameter(builder, root) and _is_parameter(builder, other_root))


def _is_parameter(builder: Builder, array: ir.Var) -> bool:
    known = state(builder).parameters
    return array.id in known or any(var.id == array.id for var in builder.live.variables)


# --- broadcasting -----------------------------------------------------------------------------

MISMATCH = "operands could not be broadcast together"


def broadcast(builder: Builder, shapes: Sequence[Dims]) -> Dims:
    """Lengths of the broadcast of several shapes; emits the checks that cannot be decided now."""
    ndim = max((len(shape) for shape in shapes), default=0)
    result: list[Dim] = []
    for axis in range(-ndim, 0):
        dims = [shape[axis] for shape in shapes if len(shape) >= -axis]
        merged = dims[0]
        for dim in dims[1:]:
            merged = _merge(builder, merged, dim)
        result.append(merged)
    return tuple(result)


def _merge(builder: Builder, first: Dim, second: Dim) -> Dim:
    if second.known == 1 or second.key in _members(first):
        return first
    if first.known == 1 or first.key in _members(second):
        return second
    differ = arithmetic(builder, operator.ne, first.operand, second.operand)
    if first.known is not None or second.known is not None:
        other = second if first.known is not None else first
        if other.known is None:
            not_one = arithmetic(builder, operator.ne, other.operand, ONE)
            differ = both(builder, differ, not_one)
        builder.raise_if(differ, ValueError, MISMATCH)
        return first if first.known is not None else second
    first_is_one = arithmetic(builder, operator.eq, first.operand, ONE)
    first_not_one = arithmetic(builder, operator.ne, first.operand, ONE)
    second_not_one = arithmetic(builder, operator.ne, second.operand, ONE)
    wrong = both(builder, differ, both(builder, first_not_one, second_not_one))
    builder.raise_if(wrong, ValueError, MISMATCH)
    operand = select(builder, first_is_one, second.operand, first.operand)
    return Dim(operand, ("broadcast", _members(first) | _members(second)))


def _members(dim: Dim) -> frozenset[Hashable]:
    """Keys of the lengths that were broadcast to this one: they are 1 or equal to it."""
    if isinstance(dim.key, tuple) and dim.key[0] == "broadcast":
        members: frozenset[Hashable] = dim.key[1]
        return members
    return frozenset({dim.key})


@dataclass(frozen=True, slots=True)
class Stretch:
    """How an operand follows the indices of a broadcast result, axis by axis.

    Each entry is True (the index itself), False (always 0) or a run-time flag (0 where it holds).
    """

    axes: tuple[bool | ir.Operand, ...]

    def index(self, builder: Builder, index: Index) -> Index:
        """Index into the operand for an index into the result."""
        own = index[len(index) - len(self.axes) :]
        result: list[ir.Operand] = []
        for position, axis in zip(own, self.axes, strict=True):
            if isinstance(axis, bool):
                result.append(position if axis else ZERO)
            else:
                result.append(select(builder, axis, ZERO, position))
        return tuple(result)

    @property
    def is_identity(self) -> bool:
        """Whether the operand surely has the lengths of the last axes of the result."""
        return all(axis is True for axis in self.axes)

    @property
    def repeats(self) -> bool:
        """Whether the operand surely is repeated along an axis."""
        return any(axis is False for axis in self.axes)


def stretch(builder: Builder, own: Dims, result: Dims) -> Stretch:
    """Relate the lengths of an operand to those of the broadcast; checks are not repeated."""
    axes: list[bool | ir.Operand] = []
    for dim, target in zip(own, result[len(result) - len(own) :], strict=True):
        if dim.key == target.key:
            axes.append(True)
        elif dim.known is not None:
            axes.append(dim.known != 1)
        else:
            axes.append(arithmetic(builder, operator.eq, dim.operand, ONE))
    return Stretch(tuple(axes))


def check_fits(builder: Builder, own: Dims, target: Dims) -> Stretch:
    """Relate a value to the array it is stored in, which is not stretched itself."""
    extra = len(own) - len(target)
    for dim in own[: max(extra, 0)]:
        wrong = arithmetic(builder, operator.ne, dim.operand, ONE)
        builder.raise_if(wrong, ValueError, "could not broadcast input array into that shape")
    own = own[max(extra, 0) :]
    axes: list[bool | ir.Operand] = []
    for dim, goal in zip(own, target[len(target) - len(own) :], strict=True):
        if dim.key == goal.key:
            axes.append(True)
            continue
        differ = arithmetic(builder, operator.ne, dim.operand, goal.operand)
        if dim.known == 1:
            axes.append(False)
            continue
        if dim.known is not None:
            axes.append(True)
        else:
            not_one = arithmetic(builder, operator.ne, dim.operand, ONE)
            differ = both(builder, differ, not_one)
            axes.append(arithmetic(builder, operator.eq, dim.operand, ONE))
        builder.raise_if(differ, ValueError, "could not broadcast input array into that shape")
    return Stretch(tuple(axes))


def total(builder: Builder, dims: Dims) -> Dim:
    """Number of elements."""
    if len(dims) == 1:
        return dims[0]
    operand: ir.Operand = ONE
    for dim in dims:
        operand = arithmetic(builder, operator.mul, operand, dim.operand)
    known = dim_of(builder, operand)
    if known.known is not None:
        return known
    return Dim(operand, ("product", *sorted((dim.key for dim in dims), key=repr)))
