"""Instances of user classes: construction, and static objects used as instances."""

from __future__ import annotations

import dataclasses
import types as python_types
from typing import TYPE_CHECKING, Any

import numba

from numbad import structure
from numbad.frontend import bindings, jitclasses
from numbad.frontend.values import (
    BoundMethod,
    OperandValue,
    RecordObject,
    Ref,
    StaticValue,
    TupleValue,
    Value,
)

if TYPE_CHECKING:
    import ast

    from numbad.frontend.builder import Builder


def construct(
    builder: Builder,
    cls: type,
    args: list[Value],
    kwargs: dict[str, Value],
    node: ast.AST | None,
) -> Value:
    """Walk ``cls(*args, **kwargs)``."""
    if issubclass(cls, tuple) and hasattr(cls, "_fields"):
        return _namedtuple(builder, cls, args, kwargs, node)
    if cls is python_types.SimpleNamespace and not args:
        fields = tuple(bindings.settled(builder, value, name) for name, value in kwargs.items())
        return builder.new_object(RecordObject(cls, tuple(kwargs), fields))
    if cls is numba.typed.List and not kwargs:
        # Walked code has one kind of list.
        return builder.inline(list, args, node=node)
    if jitclasses.is_compiled_class(cls):
        return jitclasses.construct(builder, cls, args, kwargs, node)
    if cls.__module__.startswith("numba.typed"):
        builder.error(
            node, f"`numba.typed.{cls.__name__}` is not supported.", "", "Use an array or a list."
        )
    if issubclass(cls, BaseException):
        known = [builder.as_static(arg, "The argument of an exception") for arg in args]
        return StaticValue(cls(*known))
    if all(builder.is_static(value) for value in [*args, *kwargs.values()]) and not _is_plain(cls):
        return _static(builder, cls, args, kwargs, node)
    if not _is_plain(cls):
        builder.error(
            node,
            f"Instances of `{cls.__name__}` cannot be made in differentiated code.",
            "It is not a class of plain fields written in Python.",
        )
    ref = builder.new_object(RecordObject(cls, (), ()))
    if dataclasses.is_dataclass(cls) and cls.__init__.__code__.co_filename == "<string>":
        _dataclass(builder, cls, ref, args, kwargs, node)
        return ref
    init = cls.__init__
    if isinstance(init, python_types.FunctionType):
        builder.apply(BoundMethod(ref, StaticValue(init)), args, kwargs, node)
    elif args or kwargs:
        builder.error(node, f"{cls.__name__}() takes no arguments.")
    return ref


def _is_plain(cls: type) -> bool:
    """Whether a class is written in Python and keeps its fields in ``__dict__`` or slots."""
    return (
        bool(cls.__flags__ & 1 << 9)
        and type(cls).__call__ is type.__call__
        and getattr(cls, "__new__", None) is object.__new__
        and not hasattr(cls, "_numba_type_")
        and not hasattr(cls, "class_type")
        and type(cls) is type
        and not structure.reads_by_itself(cls)
    )


def _static(
    builder: Builder,
    cls: type,
    args: list[Value],
    kwargs: dict[str, Value],
    node: ast.AST | None,
) -> Value:
    known = [builder.as_static(arg) for arg in args]
    named = {name: builder.as_static(value) for name, value in kwargs.items()}
    try:
        return builder.static(cls(*known, **named))
    except Exception as failure:
        builder.type_error(node, f"`{cls.__name__}` raises {type(failure).__name__}: {failure}.")


def _namedtuple(
    builder: Builder,
    cls: type,
    args: list[Value],
    kwargs: dict[str, Value],
    node: ast.AST | None,
) -> Value:
    fields: tuple[str, ...] = cls._fields  # type: ignore[attr-defined]
    defaults: dict[str, Any] = getattr(cls, "_field_defaults", {})
    values: dict[str, Value] = dict(zip(fields, args, strict=False))
    for name, value in kwargs.items():
        if name not in fields or name in values:
            builder.error(node, f"{cls.__name__}() got a wrong argument `{name}`.")
        values[name] = value
    for name in fields:
        if name not in values:
            if name not in defaults:
                builder.error(node, f"{cls.__name__}() is missing the argument `{name}`.")
            values[name] = builder.static(defaults[name])
    if len(args) > len(fields):
        builder.error(node, f"{cls.__name__}() got too many arguments.")
    return TupleValue(tuple(bindings.settled(builder, values[name]) for name in fields), cls)


def _dataclass(
    builder: Builder,
    cls: type,
    ref: Ref,
    args: list[Value],
    kwargs: dict[str, Value],
    node: ast.AST | None,
) -> None:
    """What the ``__init__`` that ``dataclass`` generates does."""
    fields = [field for field in dataclasses.fields(cls) if field.init]
    positional = [field for field in fields if not field.kw_only]
    if len(args) > len(positional):
        builder.error(node, f"{cls.__name__}() got too many arguments.")
    given = {field.name: value for field, value in zip(positional, args, strict=False)}
    known = {field.name for field in fields}
    for name, value in kwargs.items():
        if name not in known or name in given:
            builder.error(node, f"{cls.__name__}() got a wrong argument `{name}`.")
        given[name] = value
    values: dict[str, Value] = {}
    for field in dataclasses.fields(cls):
        if field.name in given:
            values[field.name] = bindings.settled(builder, given[field.name], field.name)
        elif field.default is not dataclasses.MISSING:
            values[field.name] = builder.static(field.default)
        elif field.default_factory is not dataclasses.MISSING:
            values[field.name] = builder.apply(builder.static(field.default_factory), (), {}, node)
        elif field.init:
            builder.error(node, f"{cls.__name__}() is missing the argument `{field.name}`.")
    builder.state.heap[ref.id] = RecordObject(cls, tuple(values), tuple(values.values()))
    post = getattr(cls, "__post_init__", None)
    if isinstance(post, python_types.FunctionType):
        builder.apply(BoundMethod(ref, StaticValue(post)), (), {}, node)


def is_instance(
    builder: Builder, value: Value, classes: tuple[type, ...], node: ast.AST | None
) -> bool:
    """Decide ``isinstance(value, classes)``."""
    cls = class_of(builder, value)
    if cls is None:
        builder.error(node, "The class of this is not known before the program runs.")
    return issubclass(cls, classes)


def class_of(builder: Builder, value: Value) -> type | None:
    """Python class of a value, as the interpreter would see it."""
    import numpy as np

    from numbad.frontend.values import (
        DictObject,
        DynamicList,
        FunctionValue,
        ListObject,
        RangeValue,
        SliceValue,
    )
    from numbad.ir.types import Array, List, Scalar

    match value:
        case StaticValue(found):
            return type(found)
        case TupleValue(_, cls):
            return tuple if cls is None else cls
        case OperandValue():
            match value.type:
                case Scalar("float64"):
                    return float
                case Scalar("int64"):
                    return int
                case Scalar("complex128"):
                    return complex
                case Scalar("bool"):
                    return bool
                case Scalar(name):
                    return np.dtype(name).type
                case Array():
                    return np.ndarray
                case List():
                    return list
        case RangeValue():
            return range
        case SliceValue():
            return slice
        case FunctionValue():
            return python_types.FunctionType
        case Ref(id):
            contents = builder.state.heap[id]
            match contents:
                case RecordObject(cls):
                    return cls
                case ListObject() | DynamicList():
                    return list
                case DictObject():
                    return contents.cls
    return None
