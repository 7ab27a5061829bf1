"""Classes that Numba compiles (``jitclass``), seen as plain classes.

Numba keeps the methods, the properties and the types of the fields of such a class on its type; its
instances are boxes. Walked code has records in their place, of a stand-in: a plain class with the
same methods. What is assigned to a field gets the type that was declared for it.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from numbad import numba_bridge
from numbad.frontend.values import BoundMethod, OperandValue, RecordObject, StaticValue, Value
from numbad.ir.types import Scalar

if TYPE_CHECKING:
    import ast

    from numbad.frontend.builder import Builder

_FIELDS = "__numba_fields__"


def walked_class(cls: type) -> type:
    """Return the stand-in of a compiled class or of the class of its boxes; ``cls`` for others."""
    class_type = _class_type(cls)
    return cls if class_type is None else _stand_in(class_type)


def is_compiled_class(cls: type) -> bool:
    """Whether Numba has compiled the class, or it is the stand-in of such a class."""
    return _class_type(cls) is not None or _FIELDS in cls.__dict__


def construct(
    builder: Builder,
    cls: type,
    args: list[Value],
    kwargs: dict[str, Value],
    node: ast.AST | None,
) -> Value:
    """Walk ``cls(*args, **kwargs)`` of a compiled class."""
    init = _class_type(cls).jit_methods["__init__"]
    ref = builder.new_object(RecordObject(walked_class(cls), (), ()))
    builder.apply(BoundMethod(ref, StaticValue(init)), args, kwargs, node)
    return ref


def as_field(builder: Builder, cls: type, name: str, value: Value, node: ast.AST | None) -> Value:
    """Convert what is assigned to a field to the declared type, if the class is compiled."""
    declared = cls.__dict__.get(_FIELDS)
    if declared is None:
        return value
    if name not in declared:
        builder.error(node, f"The compiled class `{cls.__name__}` has no field `{name}`.")
    type_ = numba_bridge.from_numba(declared[name])
    is_number = isinstance(value, OperandValue) and isinstance(value.type, Scalar)
    is_known = isinstance(value, StaticValue) and isinstance(value.value, int | float | complex)
    if isinstance(type_, Scalar) and (is_number or is_known):
        return OperandValue(builder.cast(builder.as_operand(value), type_))
    return value


def _class_type(cls: type) -> Any:
    """Numba's type of a compiled class, given the class or that of its boxes; None for others."""
    found = getattr(cls, "class_type", None)
    if found is None:
        found = getattr(getattr(cls, "_numba_type_", None), "class_type", None)
    return found if hasattr(found, "jit_methods") else None


@cache
def _stand_in(class_type: Any) -> type:
    members: dict[str, Any] = {_FIELDS: dict(class_type.struct)}
    for name, method in class_type.jit_methods.items():
        members[name] = method.py_func if name.startswith("__") else method
        members["__module__"] = method.py_func.__module__
    for name, parts in class_type.jit_props.items():
        accessors = (parts.get(kind) for kind in ("get", "set"))
        members[name] = property(*(a if a is None else a.py_func for a in accessors))
    for name, method in class_type.jit_static_methods.items():
        members[name] = staticmethod(method)
    return type(class_type.class_name, (), members)


__all__ = ["as_field", "construct", "is_compiled_class", "walked_class"]
