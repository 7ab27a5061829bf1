"""Types of IR values, and the type of their tangents.

The set is closed. A scalar names its NumPy dtype; an array has an element type, a number of
dimensions and a layout; a list is growable memory; a stack is the segmented tape storage of loops
whose trip counts are not known beforehand. ``Lanes`` is several directions of one real number.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any


@dataclass(frozen=True, slots=True)
class Scalar:
    """A number or truth value; ``name`` is the NumPy dtype name (``"float64"``, ``"bool"`` ...)."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Lanes:
    """``count`` directions of the real scalar ``dtype``, held in one SIMD value."""

    dtype: Scalar
    count: int

    def __str__(self) -> str:
        return f"lanes[{self.dtype}, {self.count}]"


@dataclass(frozen=True, slots=True)
class Array:
    """An n-dimensional array. ``layout`` is ``"C"``, ``"F"`` or ``"A"`` (any strides)."""

    dtype: Scalar | Lanes
    ndim: int
    layout: str
    readonly: bool = False

    def __str__(self) -> str:
        text = f"array[{self.dtype}, {self.ndim}, {self.layout}]"
        return text + "!" if self.readonly else text


@dataclass(frozen=True, slots=True)
class List:
    """A growable list whose items all have type ``item`` (a scalar or an array)."""

    item: Type

    def __str__(self) -> str:
        return f"list[{self.item}]"


@dataclass(frozen=True, slots=True)
class Stack:
    """Segmented last-in-first-out storage of scalars: the tape of loops of unknown length."""

    item: Scalar | Lanes

    def __str__(self) -> str:
        return f"stack[{self.item}]"


@dataclass(frozen=True, slots=True)
class Tuple:
    """A tuple that exists at run time: the result of a call. ``cls`` is its namedtuple class."""

    items: tuple[Type, ...]
    cls: Any = None

    def __str__(self) -> str:
        return "(" + ", ".join(map(str, self.items)) + ")"


@dataclass(frozen=True, slots=True)
class Opaque:
    """Anything else that Numba can type; carried through, never differentiated.

    ``numba_type`` is the Numba type (also of strings, ``None``, dtypes, generators, records).
    """

    numba_type: Any

    def __str__(self) -> str:
        return f"opaque[{self.numba_type}]"


Type = Scalar | Lanes | Array | List | Stack | Tuple | Opaque

BOOL = Scalar("bool")
INT64 = Scalar("int64")
UINT64 = Scalar("uint64")
FLOAT32 = Scalar("float32")
FLOAT64 = Scalar("float64")
COMPLEX64 = Scalar("complex64")
COMPLEX128 = Scalar("complex128")

REALS = frozenset({FLOAT32, FLOAT64})
COMPLEXES = frozenset({COMPLEX64, COMPLEX128})


def is_integer(type_: Type) -> bool:
    """Whether the type is a signed or unsigned integer scalar."""
    return isinstance(type_, Scalar) and type_.name.startswith(("int", "uint"))


def is_real(type_: Type) -> bool:
    """Whether the type is a real floating-point scalar (or lanes of one)."""
    return isinstance(type_, Lanes) or type_ in REALS


def is_complex(type_: Type) -> bool:
    """Whether the type is a complex scalar."""
    return type_ in COMPLEXES


def real_type(type_: Scalar) -> Scalar:
    """Type of the real part of numbers of a type."""
    if not is_complex(type_):
        return type_
    return FLOAT32 if type_ == COMPLEX64 else FLOAT64


def is_inexact(type_: Type) -> bool:
    """Whether the type is a real or complex floating-point scalar (or lanes)."""
    return is_real(type_) or is_complex(type_)


def has_lanes(type_: Type) -> bool:
    """Whether values of the type are lanes, or hold or refer to some."""
    match type_:
        case Lanes():
            return True
        case Array(inner) | List(inner) | Stack(inner):
            return has_lanes(inner)
        case Tuple(items):
            return any(map(has_lanes, items))
        case Scalar() | Opaque():
            return False


def is_memory(type_: Type) -> bool:
    """Whether values of the type are references to memory that can be written."""
    return isinstance(type_, Array | List | Stack)


@cache
def tangent_type(type_: Type) -> Type | None:
    """Type of the tangent and of the cotangent of a value; None if it has neither.

    Floating-point and complex scalars are their own tangent types; integers count as real numbers
    and have float64 tangents; memory has memory of the same shape as its shadow. Booleans, strings
    and other opaque values have no tangent.
    """
    match type_:
        case Scalar():
            if is_integer(type_):
                return FLOAT64
            return type_ if is_inexact(type_) else None
        case Lanes(dtype):
            return None if dtype == BOOL else type_
        case Array(dtype, ndim, layout):
            element = tangent_type(dtype)
            return Array(element, ndim, layout) if isinstance(element, Scalar | Lanes) else None
        case List(item):
            inner = tangent_type(item)
            return None if inner is None else List(inner)
        case Stack(item):
            element = tangent_type(item)
            return Stack(element) if isinstance(element, Scalar | Lanes) else None
        case Tuple(items, cls):
            inner_types = tuple(tangent_type(item) for item in items)
            if all(inner is None for inner in inner_types):
                return None
            return Tuple(tuple(i or o for i, o in zip(inner_types, items, strict=True)), cls)
        case Opaque():
            return None


def element_of(type_: Type) -> Type:
    """Return the type of the elements of an array, list or stack."""
    match type_:
        case Array(dtype):
            return dtype
        case List(item) | Stack(item):
            return item
        case _:
            raise AssertionError(f"{type_} is not memory")
