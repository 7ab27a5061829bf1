"""Live values: globals, closure cells and what is reached through them, read at call time.

Numbers and arrays become hidden parameters of the program; on all other objects the program
depends. ``numbad.paths`` says how they are found again.
"""

from __future__ import annotations

import builtins
import enum
import sys
import types as python_types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from numbad import structure
from numbad.frontend import folding, jitclasses
from numbad.frontend.signals import NeedsOpening
from numbad.frontend.values import (
    Conflict,
    DictObject,
    External,
    ListObject,
    OperandValue,
    RecordObject,
    Ref,
    StaticValue,
    TupleValue,
    Value,
)
from numbad.ir import nodes as ir
from numbad.parameters import Params
from numbad.paths import Dependency, Parameter, Path, path_key

if TYPE_CHECKING:
    from numbad.frontend.builder import Builder
    from numbad.frontend.state import Code

_NEVER_CHANGED = (
    type,
    enum.Enum,
    np.ufunc,
    python_types.NoneType,
    python_types.ModuleType,
    python_types.BuiltinFunctionType,
)
_CONSTANT_MODULES = frozenset(sys.stdlib_module_names) | {"numpy", "numba", "scipy"}


class Live:
    """The live values that the program being built reads."""

    def __init__(self, builder: Builder) -> None:
        self.builder = builder
        self.root: Any = None
        self.parameters: list[Parameter] = []
        self.variables: list[ir.Var] = []
        self.dependencies: list[Dependency] = []
        self._lifted: dict[tuple[Any, ...], OperandValue] = {}
        self._depended: set[Any] = set()
        self._origins: dict[int, tuple[Path, Any]] = {}
        self._opened: dict[int, tuple[Any, Path, Ref]] = {}
        self._objects: dict[tuple[Any, ...], tuple[Path, int]] = {}
        self._variables: dict[tuple[Any, ...], Ref] = {}
        self._sealed: dict[int, str] = {}

    @property
    def objects(self) -> tuple[tuple[Path, int], ...]:
        """Path and identity of the live lists and dicts that were found."""
        return tuple(self._objects.values())

    def open(self, needs: list[NeedsOpening]) -> None:
        """Make objects of the heap of what is outside and changed by the program."""
        from numbad.frontend.updates import contents_of

        refs = [self.builder.new_object(ListObject(())) for _ in needs]
        for need, ref in zip(needs, refs, strict=True):
            if need.is_variable:
                self._variables[path_key(need.path)] = ref
            else:
                self._opened[id(need.found)] = (need.found, need.path, ref)
                self._objects[path_key(need.path)] = (need.path, id(need.found))
        for need, ref in zip(needs, refs, strict=True):
            contents = contents_of(self.builder, need)
            self.builder.state.heap[ref.id] = contents
            self.builder.external[ref.id] = External(need.path, contents, need.is_variable)

    def opened(self, found: Any, path: Path | None) -> Ref | None:
        """Return the object of the heap for an object that has been opened."""
        if id(found) not in self._opened:
            return None
        _, known, ref = self._opened[id(found)]
        if path is not None and path_key(path) != path_key(known):
            self.depend(path, "same", known)
        return ref

    def object(self, found: Any, path: Path | None) -> Value:
        """Return the value for an object that is never a number or an array."""
        return self.opened(found, path) or StaticValue(found, path)

    def depend(self, path: Path | None, kind: str, expected: Any) -> None:
        """Record that the program is valid only while the object on the path is as expected."""
        if path is None:
            return
        key: tuple[Any, ...] = (path_key(path), kind)
        if kind in ("same", "distinct"):
            key += (path_key(expected),)
        if key not in self._depended:
            self._depended.add(key)
            self.dependencies.append(Dependency(path, kind, expected))

    def value(self, found: Any, path: Path | None, name: str = "") -> Value:
        """Return the value for an object found on a path (None: it cannot change)."""
        opened = self.opened(found, path)
        if opened is not None:
            return opened
        if path is None:
            return constant_value(self.builder, found)
        if isinstance(found, enum.Enum):
            self.depend(path, "is", found)
            return StaticValue(found, path)
        if isinstance(found, bool | np.bool_):
            # Truth values are switches: the program is built for the present position.
            self.depend(path, "equal", found)
            return constant_value(self.builder, found)
        type_ = structure.leaf_type(found)
        if type_ is not None:
            return self._lift(found, path, name)
        if isinstance(found, tuple) and (type(found) is tuple or hasattr(type(found), "_fields")):
            self.depend(path, "type", type(found))
            self.depend(path, "length", len(found))
            items = tuple(
                self.value(item, (*path, ("item", position)), f"{name}{position}")
                for position, item in enumerate(found)
            )
            return TupleValue(items, None if type(found) is tuple else type(found))
        if structure.is_typed(found, "List"):
            self.depend(path, "type", type(found))
            self.depend(path, "length", len(found))
            return TupleValue(
                tuple(
                    self.value(item, (*path, ("item", position)), f"{name}{position}")
                    for position, item in enumerate(found)
                )
            )
        if structure.is_typed(found, "Dict"):
            keys = tuple(found)
            self.depend(path, "type", type(found))
            self.depend(path, "keys", keys)
            values = (self.value(found[key], (*path, ("item", key)), name) for key in keys)
            return self.builder.new_object(DictObject(keys, tuple(values), shared=True))
        if isinstance(found, str | bytes | int | range | np.dtype):
            self.depend(path, "equal", found)
        elif type(found) in (set, frozenset):
            self.depend(path, "equal", type(found)(found))
        elif type(found) in (list, dict):
            self.depend(path, "type", type(found))
            self._objects.setdefault(path_key(path), (path, id(found)))
        elif isinstance(found, python_types.FunctionType):
            self.depend(path, "code", found)
        else:
            self.depend(path, "is", found)
            if not isinstance(found, _NEVER_CHANGED):
                self._objects.setdefault(path_key(path), (path, id(found)))
        return StaticValue(found, path)

    def seal(self, argument: Any, name: str) -> None:
        """Note an argument that may hold numbers or arrays in a way that is not understood."""
        if not (callable(argument) or isinstance(argument, _NEVER_CHANGED)):
            self._sealed[id(argument)] = name

    def set_items(self, value: StaticValue) -> tuple[Value, ...]:
        """Items of a set, in the order in which it has them."""
        if value.path is not None:
            self.depend(value.path, "keys", tuple(value.value))
            self._refuse_sealed(value.path)
        return tuple(self.builder.static(item) for item in value.value)

    def _refuse_sealed(self, path: Path) -> None:
        """Refuse to read numbers of an argument that is not understood."""
        first = path[0]
        if first[0] == "object" and id(first[1]) in self._sealed:
            kind = type(first[1]).__name__
            self.builder.error(
                None,
                f"The argument `{self._sealed[id(first[1])]}` is a `{kind}`, and its contents are "
                "read.",
                "It would count as a constant.",
                "Use a tuple, list, dict, or an object of a class written in Python.",
            )

    def _lift(self, found: Any, path: Path, name: str) -> OperandValue:
        key = path_key(path)
        self._refuse_sealed(path)
        if key not in self._lifted:
            tree = structure.describe(found)
            assert isinstance(tree, structure.Leaf)
            var = self.builder.fresh.var(tree.type, name)
            self.parameters.append(Parameter(path, tree))
            self.variables.append(var)
            self._lifted[key] = OperandValue(var)
            self._origins[var.id] = (path, found)
        return self._lifted[key]

    def pin(self, operand: ir.Operand) -> Any:
        """Return the present value of a lifted number and make the program depend on it.

        Sums and the like of lifted numbers and constants count too. None if the operand is not
        known in this way.
        """
        used: list[tuple[Path, Any]] = []
        found = self._present(operand, used)
        if found is not None:
            for path, value in used:
                self.depend(path, "equal", value)
        return found

    def _present(self, operand: ir.Operand, used: list[tuple[Path, Any]]) -> Any:
        if isinstance(operand, ir.Const):
            return operand.value
        if not isinstance(operand, ir.Var):
            return None
        if operand.id in self._origins:
            path, found = self._origins[operand.id]
            if isinstance(found, np.ndarray):
                return None
            used.append((path, found))
            return found
        match self.builder.definitions.get(operand.id):
            case ir.Call(fn, args):
                values = [self._present(arg, used) for arg in args]
                if any(value is None for value in values):
                    return None
                constants = [folding.as_constant(value) for value in values]
                if any(constant is None for constant in constants):
                    return None
                folded = folding.fold(fn, tuple(c for c in constants if c is not None))
                return None if folded is None else folded.value
            case ir.Cast(inner):
                found = self._present(inner, used)
                constant = None if found is None else folding.as_constant(found)
                cast = None if constant is None else folding.cast(constant, operand.type)
                return None if cast is None else cast.value
            case _:
                return None

    def is_lifted(self, operand: ir.Operand) -> bool:
        """Whether the operand is a number or array read from a live path."""
        return isinstance(operand, ir.Var) and operand.id in self._origins

    def items(self, value: StaticValue) -> tuple[Value, ...] | None:
        """Items of a live list or set of parameters; None if the value is none."""
        found, path = value.value, value.path
        if type(found) not in (list, Params) or path is None:
            return None
        self.depend(path, "length", len(found))
        return tuple(
            self.value(item, (*path, ("item", position))) for position, item in enumerate(found)
        )

    def item(self, value: StaticValue, key: Any) -> Value:
        """Item of a live list or dict."""
        path = None if value.path is None else (*value.path, ("item", key))
        return self.value(value.value[key], path, key if isinstance(key, str) else "")

    def attribute(self, value: StaticValue, name: str) -> Value:
        """Attribute of a live object: of modules, classes and instances."""
        found = getattr(value.value, name)
        path = None if value.path is None else (*value.path, ("attr", name))
        if _is_constant_module(value.value):
            # What modules of Python and NumPy contain is as constant as the language.
            constant = folding.as_constant(found)
            if constant is not None:
                return OperandValue(constant)
            return StaticValue(found, None)
        if isinstance(found, python_types.MethodType):
            return StaticValue(found, path)
        return self.value(found, path, name)

    def variable(self, code: Code, name: str) -> Path:
        """Path of the closure cell or global that a free name of a function stands for."""
        if name not in code.cells:
            return (("global", code.globals, name),)
        if code.path is not None:
            return (*code.path, ("closure", name))
        return (("cell", code.cells[name]),)

    def assign(self, code: Code, name: str, value: Value) -> None:
        """Assign a closure cell or global."""
        path = self.variable(code, name)
        ref = self._variables.get(path_key(path))
        if ref is None:
            raise NeedsOpening(None, path, is_variable=True)
        self.builder.state.heap[ref.id] = ListObject((value,))

    def name(self, code: Code, name: str) -> Value | None:
        """Value of a free name of a function: closure cell, global or builtin; None if unbound."""
        path = self.variable(code, name)
        ref = self._variables.get(path_key(path))
        if ref is not None:
            contents = self.builder.state.heap[ref.id]
            assert isinstance(contents, ListObject)
            return contents.items[0] if contents.items else None
        if name in code.cells:
            try:
                found = code.cells[name].cell_contents
            except ValueError:
                return None
            return self.value(found, path, name)
        if name in code.globals:
            return self.value(code.globals[name], path, name)
        if hasattr(builtins, name):
            found = getattr(builtins, name)
            self.depend((("global", code.globals, name),), "is", found)
            return StaticValue(found)
        return None


def _is_constant_module(value: Any) -> bool:
    if isinstance(value, python_types.ModuleType):
        return value.__name__.partition(".")[0] in _CONSTANT_MODULES
    return False


def constant_value(builder: Builder, found: Any) -> Value:
    """Return the value for an object that cannot change: numbers become constants."""
    if isinstance(found, enum.Enum):
        return StaticValue(found)
    constant = folding.as_constant(found)
    if constant is not None:
        return OperandValue(constant)
    if isinstance(found, np.ndarray):
        return builder.live.value(found, (("object", found),))
    if isinstance(found, tuple) and (type(found) is tuple or hasattr(type(found), "_fields")):
        cls = None if type(found) is tuple else type(found)
        return TupleValue(tuple(constant_value(builder, item) for item in found), cls)
    return StaticValue(found)


def _is_set_of_names(value: Any) -> bool:
    """Whether a value is a set of what no derivative is taken by: integers, texts and the like."""

    def is_name(item: Any) -> bool:
        if isinstance(item, tuple):
            return all(map(is_name, item))
        return item is None or isinstance(item, int | np.integer | str | bytes)

    return type(value) in (set, frozenset) and all(map(is_name, value))


def argument_value(
    builder: Builder,
    tree: structure.Tree,
    name: str,
    leaf: Callable[[structure.Leaf, str], ir.Operand],
    path: Path,
) -> Value:
    """Return the value of an argument described by a tree; ``leaf`` makes its operands."""
    match tree:
        case structure.Leaf():
            return OperandValue(leaf(tree, name))
        case structure.Static(value):
            if value is None or isinstance(value, str | bytes) or _is_set_of_names(value):
                return StaticValue(value)
            refuse_data(builder, value, f"The argument `{name}`")
            builder.live.seal(value, name)
            if type(value) in (list, dict) or structure.record_fields(value) is not None:
                return Conflict("It is an object that contains itself.")
            return StaticValue(value, (("object", value),))
        case structure.Sequence_(items, cls):
            fields: tuple[Any, ...] = getattr(cls, "_fields", tuple(range(len(items))))
            separator = "_" if hasattr(cls, "_fields") else ""
            values = tuple(
                argument_value(
                    builder, item, f"{name}{separator}{field}", leaf, (*path, ("item", position))
                )
                for position, (field, item) in enumerate(zip(fields, items, strict=True))
            )
            if cls is list:
                return _external(builder, ListObject(values), path)
            return TupleValue(values, None if cls is tuple else cls)
        case structure.Mapping_(keys, items, cls, factory):
            values = tuple(
                argument_value(
                    builder,
                    item,
                    f"{name}_{key}" if isinstance(key, str) and key.isidentifier() else name,
                    leaf,
                    (*path, ("item", key)),
                )
                for key, item in zip(keys, items, strict=True)
            )
            contents = DictObject(keys, values, cls=cls, factory=factory)
            return _external(builder, contents, path)
        case structure.Record(cls, names, items):
            values = tuple(
                argument_value(builder, item, f"{name}_{field}", leaf, (*path, ("attr", field)))
                for field, item in zip(names, items, strict=True)
            )
            return _external(
                builder, RecordObject(jitclasses.walked_class(cls), names, values), path
            )
        case structure.Existing():
            builder.internal_error("an argument is described by where it is")


def _external(
    builder: Builder, contents: ListObject | DictObject | RecordObject, path: Path
) -> Ref:
    ref = builder.new_object(contents)
    builder.external[ref.id] = External(path, contents)
    return ref


def refuse_data(builder: Builder, value: Any, what: str) -> None:
    """Refuse containers of numbers that are neither arrays nor Python's."""
    if isinstance(value, np.matrix | np.ma.MaskedArray):
        builder.error(
            None,
            f"{what} is a `{type(value).__name__}`.",
            "Its operators mean something else than those of arrays.",
            "Pass a plain array: `np.asarray(x)`.",
        )
    if isinstance(value, np.ndarray | np.generic):
        builder.error(
            None,
            f"{what} is an array of dtype {value.dtype}.",
            "Only numbers of 8 to 64 bits and complex numbers are supported in arrays.",
            "Convert it with `astype`, or pass the fields of a structured array one by one.",
        )
    cls = type(value)
    is_boxed = hasattr(cls, "_numba_type_") and not callable(value)
    if cls.__module__.startswith("numba.typed") or is_boxed:
        builder.error(
            None,
            f"{what} is a `{cls.__module__}.{cls.__name__}`.",
            "Its contents are not visible to the front end.",
            "Use an array, a tuple, a list or a dict.",
        )
