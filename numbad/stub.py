"""A short way for repeated calls: one generated Python function per compiled signature.

``make_stub`` returns ``stub(args)``, which checks in a few hundred nanoseconds that the compilation
fits the arguments and that what it found in globals and closure cells is still there, calls the
compiled code and picks the results; or returns ``MISS``, and the caller goes the general way. It is
made only for compilations whose arguments are numbers, arrays and containers of these, and that
change nothing outside.
"""

from __future__ import annotations

import builtins
import dataclasses
import types as python_types
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from numbad.compilation import Compilation
from numbad.ir.types import BOOL, COMPLEX128, FLOAT64, INT64, Array, Scalar
from numbad.paths import Dependency, Parameter
from numbad.results import is_single, record_class
from numbad.structure import Leaf, Mapping_, Record, Sequence_, Static, Tree, leaves

MISS: Any = object()
Stub = Callable[[tuple[Any, ...]], Any]

# Signatures that a function keeps a short way for.
_MOST_STUBS = 4
_PLAIN_NUMBERS = {FLOAT64: float, INT64: int, BOOL: bool, COMPLEX128: complex}


class _TooGeneral(Exception):
    """The signature needs the general way."""


class _Writer:
    """Lines of the stub, and the objects they refer to."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {
            "ndarray": np.ndarray,
            "MISS": MISS,
            "new_tuple": tuple.__new__,
        }
        self.conditions: list[str] = []
        self.locals = 0

    def bind(self, value: Any) -> str:
        name = f"v{len(self.names)}"
        self.names[name] = value
        return name

    def require(self, condition: str) -> None:
        self.conditions.append(condition)

    def path(self, path: tuple[Any, ...]) -> str:
        match path[0]:
            case ("root",):
                text = "function"
            case ("global", namespace, name):
                scope = self.bind(namespace)
                if name not in namespace:
                    self.require(f"{name!r} not in {scope}")
                    scope = self.bind(vars(builtins))
                text = f"{scope}[{name!r}]"
            case ("cell", cell):
                text = f"{self.bind(cell)}.cell_contents"
            case _:
                raise _TooGeneral
        for kind, key in path[1:]:
            match kind:
                case "attr":
                    text += f".{key}"
                case "item":
                    text += f"[{self.bind(key)}]"
                case "closure" if text == "function":
                    text = f"closure[{self.bind(key)}].cell_contents"
                case _:
                    raise _TooGeneral
        return text

    def dependency(self, dependency: Dependency) -> None:
        found = self.path(dependency.path)
        expected = self.bind(dependency.expected)
        match dependency.kind:
            case "is" | "code":
                self.require(f"{found} is {expected}")
            case "equal":
                self.require(f"type({found}) is type({expected}) and {found} == {expected}")
            case "type":
                self.require(f"type({found}) is {expected}")
            case "length":
                self.require(f"len({found}) == {expected}")
            case "keys":
                self.require(f"tuple({found}) == {expected}")
            case _:
                raise _TooGeneral

    def tree(self, text: str, tree: Tree, source: str = "") -> list[str]:
        """Check the structure of a value; return the expressions for its leaves.

        With ``source`` the first condition binds ``text`` to that.
        """
        first = f"({text} := {source})" if source else text
        match tree:
            case Leaf():
                self.leaf(text, first, tree)
                return [text]
            case Static(str() as expected):
                self.require(f"type({first}) is str and {text} == {expected!r}")
                return []
            case Static(expected) if isinstance(
                expected, bytes | set | frozenset | python_types.MethodType
            ):
                raise _TooGeneral
            case Static(expected):
                self.require(f"{first} is {self.bind(expected)}")
                return []
            case Sequence_(items, cls):
                self.require(f"type({first}) is {self.bind(cls)} and len({text}) == {len(items)}")
                parts = [f"{text}[{position}]" for position in range(len(items))]
            case Mapping_(keys, items, cls, factory):
                name = "dict" if cls is dict else self.bind(cls)
                self.require(f"type({first}) is {name} and tuple({text}) == {self.bind(keys)}")
                if factory is not None:
                    self.require(f"{text}.default_factory is {self.bind(factory)}")
                parts = [f"{text}[{self.bind(key)}]" for key in keys]
            case Record(cls, names, items):
                self.require(f"type({first}) is {self.bind(cls)}")
                if not dataclasses.is_dataclass(cls):
                    if any("__slots__" in base.__dict__ for base in cls.__mro__):
                        raise _TooGeneral
                    self.require(f"tuple({text}.__dict__) == {self.bind(names)}")
                if not all(name.isidentifier() for name in names):
                    raise _TooGeneral
                parts = [f"{text}.{name}" for name in names]
            case _:
                raise _TooGeneral
        found: list[str] = []
        for part, item in zip(parts, items, strict=True):
            self.locals += 1
            found += self.tree(f"b{self.locals}", item, part)
        return found

    def leaf(self, text: str, first: str, leaf: Leaf) -> None:
        """Check the type of a number or array; ``first`` is how it is read first."""
        match leaf.type:
            case Array(Scalar(name), ndim, "C", readonly=False):
                dtype = self.bind(np.dtype(name))
                self.require(f"type({first}) is ndarray and {text}.dtype is {dtype}")
                self.require(f"{text}.ndim == {ndim} and {text}.flags.carray")
            case Scalar() if leaf.type in _PLAIN_NUMBERS:
                self.require(f"type({first}) is {self.bind(_PLAIN_NUMBERS[leaf.type])}")
            case Scalar(name):
                self.require(f"type({first}) is {self.bind(np.dtype(name).type)}")
            case _:
                raise _TooGeneral


def make_stub(
    compilation: Compilation,
    function: Any,
    picked: tuple[int, ...],
    *,
    as_tuple: bool,
    with_value: bool,
) -> Stub | None:
    """Return the stub of a gradient with respect to the arguments ``picked``, or None.

    Its result is as that of ``value_and_grad`` (``with_value``) or ``grad``.
    """
    try:
        return _make(compilation, function, picked, as_tuple, with_value)
    except _TooGeneral:
        return None


def _make(
    compilation: Compilation,
    function: Any,
    picked: tuple[int, ...],
    as_tuple: bool,
    with_value: bool,
) -> Stub:
    built = compilation.built
    if (
        compilation.written
        or built.updates
        or built.options.get("draws")
        or compilation.request.kwargs
        or not isinstance(built.result, Leaf)
    ):
        raise _TooGeneral
    if not isinstance(built.result.type, Scalar):
        raise _TooGeneral
    writer = _Writer()
    writer.names["function"] = function
    writer.names["entry"] = compilation.entry
    arguments = [text for parameter in built.parameters for text in _argument(writer, parameter)]
    count = len(compilation.request.args)
    for dependency in built.dependencies:
        writer.dependency(dependency)
    if isinstance(function, python_types.FunctionType) and function.__closure__ is not None:
        cells = dict(zip(function.__code__.co_freevars, function.__closure__, strict=True))
        writer.names["closure"] = cells
    results = _Results(compilation, writer)
    grads = [results.argument(position) for position in picked]
    selected = f"({''.join(f'{text}, ' for text in grads)})" if as_tuple else grads[0]
    result = f"found[0], {selected}" if with_value else selected
    unpack = ", ".join(f"a{position}" for position in range(count))
    lines = ["def stub(args):"]
    if count:
        lines += [
            f"    if len(args) != {count}:",
            "        return MISS",
            f"    {unpack}, = args",
        ]
    if writer.conditions:
        lines += ["    try:", f"        if not ({' and '.join(writer.conditions)}):"]
        lines += ["            return MISS"]
        lines += ["    except (AttributeError, LookupError, ValueError):", "        return MISS"]
    writer.names["failed"] = _failed(compilation)
    lines += ["    try:", f"        found = entry({', '.join(arguments)})"]
    lines += ["    except Exception as error:", "        failed(error)"]
    if not any(compilation.active):
        lines += ["    found = (found,)"]
    lines += [f"    return {result}"]
    exec(compile("\n".join(lines), "<numbad stub>", "exec"), writer.names)
    stub: Stub = writer.names["stub"]
    return stub


def _failed(compilation: Compilation) -> Callable[[Exception], None]:
    """Return what raises an exception of the program as the general way does."""

    def failed(error: Exception) -> None:
        from numbad.emit.diagnose import raise_at_origin

        raise_at_origin(error, compilation.emitted)

    return failed


def _argument(writer: _Writer, parameter: Parameter) -> list[str]:
    """Return the expressions for the leaves of a parameter."""
    match parameter.path[0]:
        case ("arg", position):
            return writer.tree(f"a{position}", parameter.tree)
        case ("kwarg", _):
            raise _TooGeneral
        case _:
            return writer.tree(writer.path(parameter.path), parameter.tree)


class _Results:
    """Expressions for the gradients of arguments."""

    def __init__(self, compilation: Compilation, writer: _Writer) -> None:
        self.compilation = compilation
        self.writer = writer
        self.order = {p: n for n, p in enumerate(compilation.differentiated)}
        self.first: dict[int, int] = {}
        count = 0
        for parameter in compilation.built.parameters:
            if parameter.path[0][0] == "arg":
                self.first[parameter.path[0][1]] = count
            count += sum(1 for _ in leaves(parameter.tree))

    def argument(self, position: int) -> str:
        """Return the expression for the gradient of one argument."""
        self.position = self.first[position]
        return self._tree(self.compilation.request.args[position])

    def _tree(self, tree: Tree) -> str:
        match tree:
            case Leaf(type_):
                self.position += 1
                text = self._leaf(self.position - 1)
                if text == "None" or not is_single(type_):
                    return text
                assert isinstance(type_, Scalar)
                return f"{self.writer.bind(np.dtype(type_.name).type)}({text})"
            case Sequence_(items, cls):
                parts = [self._tree(item) for item in items]
                if all(part == "None" for part in parts):
                    return "None"
                listed = ", ".join(parts)
                if cls is list:
                    return f"[{listed}]"
                whole = f"({listed},)"
                return whole if cls is tuple else f"new_tuple({self.writer.bind(cls)}, {whole})"
            case Mapping_(keys, items):
                pairs = zip(keys, items, strict=True)
                texts = [f"{self.writer.bind(key)}: {self._tree(item)}" for key, item in pairs]
                return f"{{{', '.join(texts)}}}"
            case Record(cls, names, items):
                parts = [self._tree(item) for item in items]
                if all(part == "None" for part in parts):
                    return "None"
                made = self.writer.bind(record_class(cls.__name__, names))
                return f"{made}({', '.join(parts)})"
            case _:
                return "None"

    def _leaf(self, entry_position: int) -> str:
        compilation = self.compilation
        if entry_position not in self.order:
            return "None"
        index = self.order[entry_position]
        if compilation.active[index] and compilation.connected[index]:
            return f"found[{1 + sum(compilation.active[:index])}]"
        if compilation.active[index] or compilation.connected[index]:
            raise _TooGeneral
        return "None"


class ShortWays:
    """The stubs of functions that are differentiated again and again by the same verb.

    A stub is made when a function object is seen for the second time: functions that are made anew
    for each call would not gain.
    """

    def __init__(self) -> None:
        self._seen: weakref.WeakKeyDictionary[Any, list[Stub]] = weakref.WeakKeyDictionary()

    def of(self, function: Any) -> list[Stub]:
        """Return the stubs of a function."""
        if type(function) is not python_types.FunctionType:
            return []
        return self._seen.get(function, [])

    def note(self, function: Any, compilation: Compilation) -> None:
        """Make a stub for a compilation if the function has been seen before."""
        if type(function) is not python_types.FunctionType:
            return
        known = self._seen.get(function)
        if known is None:
            self._seen[function] = []
        elif len(known) < _MOST_STUBS:
            picked = tuple(range(len(compilation.request.args)))
            stub = make_stub(compilation, function, picked, as_tuple=True, with_value=True)
            if stub is not None:
                self._seen[function] = [stub, *known]

    def forget(self) -> None:
        """Drop the short ways to what was compiled."""
        self._seen.clear()
