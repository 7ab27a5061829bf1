"""A short way for repeated calls: one generated Python function per compiled signature.

``make_stub`` returns ``stub(args)``, which checks in a few hundred nanoseconds that the compilation
fits the arguments and that what it found in globals and closure cells is still there, calls the
compiled code and picks the results; or returns ``MISS``, and the caller goes the general way. It is
made only for compilations whose arguments are numbers and arrays.
"""

from __future__ import annotations

import builtins
import types as python_types
from collections.abc import Callable
from typing import Any

import numpy as np

from numbad.compilation import Compilation
from numbad.ir.types import BOOL, COMPLEX128, FLOAT64, INT64, Array, Scalar
from numbad.paths import Dependency, Parameter
from numbad.structure import Leaf

MISS: Any = object()
Stub = Callable[[tuple[Any, ...]], Any]

_PLAIN_NUMBERS = {FLOAT64: float, INT64: int, BOOL: bool, COMPLEX128: complex}


class _TooGeneral(Exception):
    """The signature needs the general way."""


class _Writer:
    """Lines of the stub, and the objects they refer to."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {"ndarray": np.ndarray, "MISS": MISS}
        self.conditions: list[str] = []

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

    def leaf(self, text: str, leaf: Leaf) -> None:
        match leaf.type:
            case Array(Scalar(name), ndim, "C", readonly=False):
                dtype = self.bind(np.dtype(name))
                self.require(f"type({text}) is ndarray and {text}.dtype is {dtype}")
                self.require(f"{text}.ndim == {ndim} and {text}.flags.carray")
            case Scalar() if leaf.type in _PLAIN_NUMBERS:
                self.require(f"type({text}) is {self.bind(_PLAIN_NUMBERS[leaf.type])}")
            case Scalar(name):
                self.require(f"type({text}) is {self.bind(np.dtype(name).type)}")
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
        or compilation.request.kwargs
        or not isinstance(built.result, Leaf)
    ):
        raise _TooGeneral
    if not isinstance(built.result.type, Scalar):
        raise _TooGeneral
    writer = _Writer()
    writer.names["function"] = function
    writer.names["entry"] = compilation.entry
    arguments = [_argument(writer, parameter) for parameter in built.parameters]
    count = len(compilation.request.args)
    for dependency in built.dependencies:
        writer.dependency(dependency)
    if isinstance(function, python_types.FunctionType) and function.__closure__ is not None:
        cells = dict(zip(function.__code__.co_freevars, function.__closure__, strict=True))
        writer.names["closure"] = cells
    grads = [_result(compilation, position) for position in picked]
    selected = f"({', '.join(grads)},)" if as_tuple else grads[0]
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
    lines += [f"    found = entry({', '.join(arguments)})"]
    if not any(compilation.active):
        lines += ["    found = (found,)"]
    lines += [f"    return {result}"]
    exec(compile("\n".join(lines), "<numbad stub>", "exec"), writer.names)
    stub: Stub = writer.names["stub"]
    return stub


def _argument(writer: _Writer, parameter: Parameter) -> str:
    if not isinstance(parameter.tree, Leaf):
        raise _TooGeneral
    match parameter.path[0]:
        case ("arg", position):
            text = f"a{position}"
        case ("kwarg", _):
            raise _TooGeneral
        case _:
            text = writer.path(parameter.path)
    writer.leaf(text, parameter.tree)
    return text


def _result(compilation: Compilation, position: int) -> str:
    """Return the expression for the gradient of one argument."""
    number = 0
    built = compilation.built
    order = {p: n for n, p in enumerate(compilation.differentiated)}
    for entry_position, parameter in enumerate(built.parameters):
        if parameter.path == (("arg", position),):
            if entry_position not in order:
                return "None"
            index = order[entry_position]
            if compilation.active[index] and compilation.connected[index]:
                number = sum(compilation.active[:index])
                return f"found[{1 + number}]"
            if compilation.active[index] or compilation.connected[index]:
                raise _TooGeneral
            return "None"
    raise _TooGeneral
