"""Structure of arguments and results: trees whose leaves are numbers and arrays.

``describe`` maps a Python value to a tree, ``flatten`` lists the leaves of a value in the order of
the tree, ``unflatten`` builds a value from leaves. Everything that is not a number, an array or a
container of these is ``Static``: part of the structure.
"""

from __future__ import annotations

import dataclasses
import enum
import types as python_types
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any, assert_never

import numpy as np

from numbad.errors import TypeInferenceFailed, UnsupportedSyntax
from numbad.ir.types import BOOL, COMPLEX128, FLOAT64, INT64, UINT64, Array, Scalar, Type


@dataclass(frozen=True, slots=True)
class Leaf:
    """A number or an array of the type."""

    type: Type


@dataclass(frozen=True, slots=True)
class Sequence_:
    """A tuple, a list (also a typed one) or a namedtuple; ``cls`` says which."""

    items: tuple[Tree, ...]
    cls: type


@dataclass(frozen=True, slots=True)
class Mapping_:
    """A dict (also a typed one), an OrderedDict, or a defaultdict with its factory."""

    keys: tuple[Any, ...]
    items: tuple[Tree, ...]
    cls: type = dict
    factory: Any = None


@dataclass(frozen=True, slots=True)
class Record:
    """An object with fields: a dataclass, a plain instance or one of a ``jitclass``."""

    cls: type
    names: tuple[str, ...]
    items: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Static:
    """A value that is part of the structure; equal if identical, or equal strings or sets.

    Sets are equal if their items come in the same order. What is kept of a set is a copy.
    """

    value: Any

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Static):
            return False
        if self.value is other.value:
            return True
        if isinstance(self.value, set | frozenset):
            return type(self.value) is type(other.value) and tuple(self.value) == tuple(other.value)
        return (
            type(self.value) is type(other.value)
            and isinstance(self.value, str | bytes | python_types.MethodType)
            and bool(self.value == other.value)
        )

    def __hash__(self) -> int:
        if isinstance(self.value, str | bytes):
            return hash(self.value)
        if isinstance(self.value, set | frozenset):
            return hash(frozenset(self.value))
        if isinstance(self.value, python_types.MethodType):
            return hash((id(self.value.__self__), id(self.value.__func__)))
        return id(self.value)


@dataclass(frozen=True, slots=True)
class Existing:
    """An object that exists already, on the path; only in what a program leaves behind."""

    path: tuple[Any, ...]


Tree = Leaf | Sequence_ | Mapping_ | Record | Static | Existing

SCALAR_NAMES = (
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float32", "float64", "complex64", "complex128"),
)
"""NumPy dtype names of the scalars that the IR has."""


@cache
def scalar_of_dtype(dtype: np.dtype[Any]) -> Scalar | None:
    """IR scalar for a NumPy dtype; None if there is none (strings, records, half precision)."""
    if dtype.name in SCALAR_NAMES and dtype.isnative:
        return Scalar(dtype.name)
    return None


def array_type_of(array: np.ndarray[Any, Any]) -> Array | None:
    """IR type of an array as Numba sees it; None if its element type is none of ours."""
    scalar = scalar_of_dtype(array.dtype)
    if scalar is None:
        return None
    flags = array.flags
    if flags.c_contiguous:
        layout = "C"
    else:
        layout = "F" if flags.f_contiguous else "A"
    return _array(scalar, array.ndim, layout, not flags.writeable)


_array = cache(Array)


def leaf_type(value: Any) -> Type | None:
    """IR type of a number or array; None for everything else."""
    match value:
        case np.ndarray():
            # Operators of these classes mean something else than those of arrays.
            if type(value) is not np.ndarray and isinstance(value, np.matrix | np.ma.MaskedArray):
                return None
            return array_type_of(value)
        case bool() | np.bool_():
            return BOOL
        case np.generic():
            return scalar_of_dtype(value.dtype)
        case int():
            if -(2**63) <= value < 2**63:
                return INT64
            return UINT64 if 0 <= value < 2**64 else None
        case float():
            return FLOAT64
        case complex():
            return COMPLEX128
        case _:
            return None


def describe(value: Any) -> Tree:
    """Return the tree of a Python value."""
    type_ = leaf_type(value)
    if type_ is not None and not _is_enum(value):
        return Leaf(type_)
    return _describe_container(value, frozenset())


def _describe_container(value: Any, seen: frozenset[int]) -> Tree:
    if id(value) in seen:
        return Static(value)
    inner = seen | {id(value)}

    def tree(item: Any) -> Tree:
        type_ = leaf_type(item)
        if type_ is not None and not _is_enum(item):
            return Leaf(type_)
        return _describe_container(item, inner)

    if isinstance(value, tuple) and (type(value) is tuple or hasattr(type(value), "_fields")):
        return Sequence_(tuple(tree(item) for item in value), type(value))
    if type(value) is list or is_typed(value, "List"):
        return Sequence_(tuple(tree(item) for item in value), list)
    if type(value) is dict or is_typed(value, "Dict"):
        return Mapping_(tuple(value), tuple(tree(item) for item in value.values()))
    if type(value) in (OrderedDict, defaultdict):
        factory = getattr(value, "default_factory", None)
        if factory is None or isinstance(factory, type | python_types.FunctionType):
            items = tuple(tree(item) for item in value.values())
            return Mapping_(tuple(value), items, type(value), factory)
    if isinstance(value, Fraction | Decimal):
        raise TypeInferenceFailed(
            f"A {type(value).__name__} has no machine type.",
            why="The compiled engine computes with machine numbers.",
            remedy='Convert it to a float, or use engine="traced".',
        )
    if type(value) in (set, frozenset):
        return Static(type(value)(value))
    fields = record_fields(value) if not reads_by_itself(type(value)) else None
    if fields is not None:
        return Record(type(value), tuple(fields), tuple(tree(item) for item in fields.values()))
    return Static(value)


def _is_enum(value: Any) -> bool:
    return isinstance(value, enum.Enum)


def is_typed(value: Any, name: str) -> bool:
    """Whether a value is Numba's ``typed.List`` or ``typed.Dict``, that count as Python's own."""
    cls = type(value)
    return cls.__name__ == name and cls.__module__.startswith("numba.typed")


def reads_by_itself(cls: type) -> bool:
    """Whether reading any attribute of an instance runs code of its class."""
    return isinstance(cls.__getattribute__, python_types.FunctionType)


def record_fields(value: Any) -> dict[str, Any] | None:
    """Fields of a dataclass instance, a plain object or one of a class that Numba compiles.

    None for what is not a record of fields.
    """
    cls = type(value)
    if dataclasses.is_dataclass(cls):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(cls)}
    opaque = (
        type,
        python_types.FunctionType,
        python_types.BuiltinFunctionType,
        python_types.MethodType,
        python_types.ModuleType,
        np.ufunc,
        np.ndarray,
        np.generic,
    )
    if isinstance(value, python_types.SimpleNamespace):
        return dict(vars(value))
    if isinstance(value, opaque) or _is_enum(value) or not cls.__flags__ & 1 << 9:
        return None
    compiled: Any = getattr(cls, "_numba_type_", None)
    if hasattr(compiled, "class_type") and hasattr(compiled, "struct"):
        return {name: getattr(value, name) for name in compiled.struct}
    if cls.__module__.partition(".")[0] in {"numba", "numpy", "functools", "builtins", "scipy"}:
        return None
    fields = getattr(value, "__dict__", None)
    slots = _slots(cls)
    if not isinstance(fields, dict) and not slots:
        return None
    found = {name: getattr(value, name) for name in slots if hasattr(value, name)}
    return found | dict(fields or {})


def _slots(cls: type) -> tuple[str, ...]:
    """Names of the slots of a class and its bases."""
    names: list[str] = []
    for base in reversed(cls.__mro__):
        given = base.__dict__.get("__slots__", ())
        names.extend((given,) if isinstance(given, str) else given)
    return tuple(name for name in names if name not in ("__dict__", "__weakref__"))


def children(tree: Tree) -> tuple[Tree, ...]:
    """Return the subtrees."""
    match tree:
        case Leaf() | Static() | Existing():
            return ()
        case Sequence_() | Mapping_() | Record():
            return tree.items
        case _:
            assert_never(tree)


def parts(value: Any, tree: Tree) -> tuple[Any, ...]:
    """Return the parts of a value that correspond to ``children(tree)``."""
    match tree:
        case Leaf() | Static() | Existing():
            return ()
        case Sequence_():
            return tuple(value)
        case Mapping_(keys):
            return tuple(value[key] for key in keys)
        case Record(_, names):
            return tuple(getattr(value, name) for name in names)
        case _:
            assert_never(tree)


def leaves(tree: Tree) -> Iterator[Leaf]:
    """Yield the leaves of a tree, in order."""
    if isinstance(tree, Leaf):
        yield tree
    for child in children(tree):
        yield from leaves(child)


def flatten(value: Any, tree: Tree) -> list[Any]:
    """Return the leaf values of ``value``, in the order of the tree's leaves."""
    if isinstance(tree, Leaf):
        return [value]
    result: list[Any] = []
    for part, child in zip(parts(value, tree), children(tree), strict=True):
        result.extend(flatten(part, child))
    return result


def unflatten(
    leaf_values: Sequence[Any],
    tree: Tree,
    make_record: Callable[[Record, tuple[Any, ...]], Any] | None = None,
) -> Any:
    """Build the value of the tree from its leaves; ``make_record`` builds objects with fields."""
    return build_from(iter(leaf_values), tree, make_record or _make_record)


def build_from(
    source: Iterator[Any],
    tree: Tree,
    make_record: Callable[[Record, tuple[Any, ...]], Any] | None = None,
    find: Callable[[tuple[Any, ...]], Any] | None = None,
) -> Any:
    """Build the value of the tree from the next leaves; ``find`` gives objects that exist."""
    make_record = make_record or _make_record

    def again(item: Tree) -> Any:
        return build_from(source, item, make_record, find)

    match tree:
        case Leaf():
            return next(source)
        case Static(value):
            return value
        case Existing(path):
            assert find is not None
            return find(path)
        case Sequence_(items, cls):
            values = [again(item) for item in items]
            if cls is list:
                return values
            if cls is tuple:
                return tuple(values)
            return tuple.__new__(cls, values)
        case Mapping_(keys, items, cls, factory):
            made = {key: again(item) for key, item in zip(keys, items, strict=True)}
            if cls is defaultdict:
                return defaultdict(factory, made)
            return made if cls is dict else cls(made)
        case Record(_, _, items):
            return make_record(tree, tuple(again(item) for item in items))
        case _:
            assert_never(tree)


def new_instance(cls: type) -> Any:
    """Return an instance of a class of records, without fields and without running its code."""
    if hasattr(cls, "_numba_type_"):
        raise UnsupportedSyntax(
            f"An instance of the compiled class `{cls.__name__}` would have to be made.",
            why="Only Numba makes such objects, from machine numbers.",
            remedy='Use engine="compiled", or pass the fields as numbers and arrays.',
        )
    return cls() if issubclass(cls, python_types.SimpleNamespace) else object.__new__(cls)


def _make_record(tree: Record, items: tuple[Any, ...]) -> Any:
    instance = new_instance(tree.cls)
    for name, item in zip(tree.names, items, strict=True):
        object.__setattr__(instance, name, item)
    return instance
