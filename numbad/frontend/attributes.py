"""Attributes: of arrays, numbers, tuples, objects, modules, classes; and assigning them."""

from __future__ import annotations

import ast
import enum
import functools
import inspect
import types as python_types
from typing import TYPE_CHECKING, Any

import numpy as np

from numbad.frontend import bindings, jitclasses, updates
from numbad.frontend.classes import class_of
from numbad.frontend.sequences import describe, sentence
from numbad.frontend.values import (
    BoundMethod,
    BuiltinMethod,
    Conflict,
    DictObject,
    FunctionValue,
    OperandValue,
    OptionalValue,
    RangeValue,
    RecordObject,
    Ref,
    SliceValue,
    StaticValue,
    SuperValue,
    TupleValue,
    Value,
    is_array,
    is_scalar,
)
from numbad.ir import nodes as ir
from numbad.ir.types import Scalar, is_complex

if TYPE_CHECKING:
    from numbad.frontend.builder import Builder


_TUPLE_METHODS = ("index", "count", "_replace", "_asdict")


def getattr_(builder: Builder, value: Value, name: str, node: ast.AST | None) -> Value:
    """Return ``value.name``."""
    if name == "__class__":
        cls = class_of(builder, value)
        if cls is not None:
            return StaticValue(cls)
    match value:
        case OperandValue() if is_array(value):
            from numbad.frontend import arrays

            found = arrays.attribute(builder, value, name, node)
            return BuiltinMethod(value, name) if found is None else found
        case OperandValue() if is_scalar(value):
            return _of_number(builder, value, name, node)
        case TupleValue(items, cls):
            return _of_tuple(builder, value, items, cls, name, node)
        case StaticValue():
            return _of_static(builder, value, name, node)
        case Ref(id):
            contents = builder.state.heap[id]
            if isinstance(contents, RecordObject):
                return _of_record(builder, value, contents, name, node)
            return BuiltinMethod(value, name)
        case RangeValue(start, stop, step) if name in ("start", "stop", "step"):
            return OperandValue({"start": start, "stop": stop, "step": step}[name])
        case SliceValue(first, last, stride) if name in ("start", "stop", "step"):
            bound = {"start": first, "stop": last, "step": stride}[name]
            return StaticValue(None) if bound is None else OperandValue(bound)
        case OptionalValue(is_none, inner):
            builder.raise_if(
                is_none, AttributeError, f"'NoneType' object has no attribute '{name}'"
            )
            return getattr_(builder, inner, name, node)
        case SuperValue(receiver, cls):
            own = class_of(builder, receiver) or cls
            order = own.__mro__
            behind = order[order.index(cls) + 1 :]
            if name == "__init__" and all("__init__" not in base.__dict__ for base in behind[:-1]):
                return StaticValue(_nothing)
            found = _class_attribute(builder, receiver, own, name, node, behind)
            if found is None and name == "__setattr__":
                return BoundMethod(receiver, StaticValue(object.__setattr__))
            if found is not None:
                return found
        case FunctionValue() if name == "__name__":
            return StaticValue(value.source.name)
        case Conflict(reason):
            builder.type_error(node, reason)
        case OperandValue():
            return BuiltinMethod(value, name)
        case _:
            pass
    builder.error(node, sentence(f"{describe(builder, value)} has no attribute `{name}`."))


def _of_number(builder: Builder, value: OperandValue, name: str, node: ast.AST | None) -> Value:
    operand = value.operand
    assert isinstance(operand.type, Scalar)
    match name:
        case "real":
            return _part(builder, np.real, operand) if is_complex(operand.type) else value
        case "imag":
            if is_complex(operand.type):
                return _part(builder, np.imag, operand)
            return OperandValue(builder.cast(ir.Const(0, operand.type), operand.type))
        case "conjugate" | "conj" | "item" | "astype" | "is_integer" | "sum" | "copy":
            return BuiltinMethod(value, name)
        case "dtype":
            return StaticValue(np.dtype(operand.type.name))
        case "shape":
            return TupleValue(())
        case "ndim":
            return builder.number(0)
        case "size":
            return builder.number(1)
        case "T":
            return value
        case _:
            builder.error(node, f"A number has no attribute `{name}` here.")


def _part(builder: Builder, fn: Any, operand: ir.Operand) -> Value:
    return OperandValue(builder.call(fn, operand))


def _of_tuple(
    builder: Builder,
    value: TupleValue,
    items: tuple[Value, ...],
    cls: type | None,
    name: str,
    node: ast.AST | None,
) -> Value:
    if cls is not None:
        fields: tuple[str, ...] = getattr(cls, "_fields", ())
        if name in fields:
            return items[fields.index(name)]
        if name == "_fields":
            return builder.static(fields)
        if name not in _TUPLE_METHODS:
            found = _class_attribute(builder, value, cls, name, node)
            if found is not None:
                return found
    if name in _TUPLE_METHODS:
        return BuiltinMethod(value, name)
    builder.error(node, sentence(f"{describe(builder, value)} has no attribute `{name}`."))


def _nothing() -> None:
    """Do nothing: what ``object.__init__`` does."""


def _class_attribute(
    builder: Builder,
    value: Value,
    cls: type,
    name: str,
    node: ast.AST | None,
    order: tuple[type, ...] | None = None,
) -> Value | None:
    """Attribute found on the class of an instance: a method, property or constant."""
    for base in cls.__mro__ if order is None else order:
        if name in base.__dict__:
            found = base.__dict__[name]
            break
    else:
        return None
    match found:
        case python_types.FunctionType():
            if order is None:
                builder.live.depend((("object", cls), ("attr", name)), "is", found)
            return BoundMethod(value, StaticValue(found))
        case property() if isinstance(found.fget, python_types.FunctionType):
            return builder.apply(StaticValue(found.fget), [value], {}, node)
        case functools.cached_property():
            result = builder.apply(StaticValue(found.func), [value], {}, node)
            if isinstance(value, Ref) and isinstance(builder.state.heap[value.id], RecordObject):
                builder.check_mutable(value, node)
                _store_field(builder, value, name, result, node)
            return result
        case staticmethod():
            return StaticValue(found.__func__)
        case classmethod():
            return BoundMethod(StaticValue(cls), StaticValue(found.__func__))
        case python_types.MemberDescriptorType() | python_types.GetSetDescriptorType():
            return StaticValue(cls) if name == "__class__" else None
        case _ if type(found).__name__ == "_tuplegetter":
            return None
        case _:
            from numbad import numba_bridge

            if numba_bridge.dispatcher_function(found) is not None:
                return BoundMethod(value, StaticValue(found))
            if _written_in_python(found, "__get__"):
                own = StaticValue(type(found).__get__)
                return builder.apply(
                    own, [builder.static(found), value, StaticValue(cls)], {}, node
                )
            if hasattr(type(found), "__get__"):
                return None
            return builder.live.attribute(StaticValue(cls, (("object", cls),)), name)


def _written_in_python(descriptor: object, slot: str) -> bool:
    """Whether a class attribute has a special method that can be walked."""
    return isinstance(getattr(type(descriptor), slot, None), python_types.FunctionType)


def _of_record(
    builder: Builder, ref: Ref, contents: RecordObject, name: str, node: ast.AST | None
) -> Value:
    described = inspect.getattr_static(contents.cls, name, None)
    is_described = _written_in_python(described, "__set__") and _written_in_python(
        described, "__get__"
    )
    if name in contents.names and not is_described:
        found = contents.items[contents.names.index(name)]
        if isinstance(found, Conflict):
            builder.type_error(
                node, f"The attribute `{name}` depends on the path taken.", found.reason
            )
        return found
    if name == "__class__":
        return StaticValue(contents.cls)
    if name == "__dict__":
        for item in contents.items:
            if isinstance(item, Conflict):
                builder.type_error(
                    node, "The fields of the object depend on the path.", item.reason
                )
        # It may be read only: what is written to it would have to reach the object.
        return builder.new_object(DictObject(contents.names, contents.items, shared=True))
    inherited = _class_attribute(builder, ref, contents.cls, name, node)
    if inherited is not None:
        return inherited
    fallback = getattr(contents.cls, "__getattr__", None)
    if isinstance(fallback, python_types.FunctionType):
        return builder.apply(StaticValue(fallback), [ref, StaticValue(name)], {}, node)
    builder.error(node, f"`{contents.cls.__name__}` has no attribute `{name}` here.")


def _of_static(builder: Builder, value: StaticValue, name: str, node: ast.AST | None) -> Value:
    found = value.value
    if isinstance(found, list | dict):
        return BuiltinMethod(value, name)
    if isinstance(found, enum.Enum) and name in ("value", "name", "_value_", "_name_"):
        return builder.static(getattr(found, name))
    cls = type(found)
    is_instance = not isinstance(
        found, type | python_types.ModuleType | python_types.FunctionType
    ) and cls.__module__ not in ("builtins", "numpy")
    fields = getattr(found, "__dict__", {})
    if is_instance and name not in fields and isinstance(fields, dict):
        inherited = _class_attribute(builder, value, jitclasses.walked_class(cls), name, node)
        if inherited is not None:
            return inherited
    try:
        return builder.live.attribute(value, name)
    except AttributeError:
        builder.error(node, sentence(f"{describe(builder, value)} has no attribute `{name}`."))


def set_field(builder: Builder, owner: Value, name: str, value: Value, node: ast.AST) -> None:
    """Do ``owner.__dict__[name] = value``."""
    if isinstance(owner, Ref) and isinstance(builder.state.heap[owner.id], RecordObject):
        builder.check_mutable(owner, node)
        _store_field(builder, owner, name, value, node)
        return
    fields = builder.attribute(owner, "__dict__", node)
    builder.setitem(fields, builder.static(name), value, node)


def _store_field(
    builder: Builder, owner: Ref, name: str, value: Value, node: ast.AST | None
) -> None:
    contents = builder.state.heap[owner.id]
    assert isinstance(contents, RecordObject)
    value = bindings.settled(builder, value, name)
    value = jitclasses.as_field(builder, contents.cls, name, value, node)
    if isinstance(value, OperandValue):
        value = OperandValue(builder.name_operand(value.operand, name))
    fields = dict(zip(contents.names, contents.items, strict=True))
    fields[name] = value
    builder.state.heap[owner.id] = RecordObject(
        contents.cls, tuple(fields), tuple(fields.values()), contents.shared
    )


def setattr_(
    builder: Builder,
    owner: Value,
    name: str,
    value: Value,
    node: ast.AST | None,
    *,
    is_forced: bool = False,
) -> None:
    """Do ``owner.name = value``; ``is_forced`` is what ``object.__setattr__`` does."""
    if isinstance(owner, Ref):
        contents = builder.state.heap[owner.id]
        if isinstance(contents, RecordObject):
            builder.check_mutable(owner, node)
            parameters = getattr(contents.cls, "__dataclass_params__", None)
            if parameters is not None and parameters.frozen and not is_forced:
                builder.error(node, f"`{contents.cls.__name__}` is frozen: it cannot be changed.")
            method = contents.cls.__setattr__
            if not is_forced and isinstance(method, python_types.FunctionType):
                builder.apply(StaticValue(method), [owner, StaticValue(name), value], {}, node)
                return
            setter = inspect.getattr_static(contents.cls, name, None)
            if isinstance(setter, property):
                if not isinstance(setter.fset, python_types.FunctionType):
                    builder.error(node, f"The property `{name}` cannot be set.")
                builder.apply(StaticValue(setter.fset), [owner, value], {}, node)
                return
            if _written_in_python(setter, "__set__"):
                own = StaticValue(type(setter).__set__)
                builder.apply(own, [builder.static(setter), owner, value], {}, node)
                return
            if hasattr(type(setter), "__set__") and not isinstance(
                setter, python_types.MemberDescriptorType
            ):
                kind = type(setter).__name__
                builder.error(node, f"The attribute `{name}` is set by a descriptor, `{kind}`.")
            _store_field(builder, owner, name, value, node)
            return
    if is_array(owner):
        from numbad.frontend import arrays

        arrays.set_attribute(builder, owner, name, value, node)
        return
    updates.require_opening(owner)
    builder.error(
        node,
        f"The attribute `{name}` of {describe(builder, owner)} is assigned.",
        "It is not an object with fields of its own.",
        "Return the new value instead.",
    )


__all__ = ["getattr_", "setattr_"]
