"""Verbs called directly in ``@njit`` code: ``jacobian(f, x)``, ``hessian(f, x)``, ``jvp`` ...

Each call is compiled as a small program of its own, ``lambda *args: verb(f, *args)``, in which the
front end knows the verb, and the generated function takes the place of the call. ``f`` is an
``@njit`` function. As Numba does with globals, numbers and arrays that ``f`` reads from globals and
closure cells are taken as they are when the caller is compiled.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from numba import types
from numba.extending import overload

from numbad import api, calls, hessians, jacobians, numba_bridge
from numbad.compilation import Compilation
from numbad.errors import TypeInferenceFailed
from numbad.ir.types import Array, Scalar
from numbad.paths import read
from numbad.structure import Leaf, Sequence_, Static, Tree, flatten

VERBS: tuple[Callable[..., Any], ...] = (
    api.gradient,
    api.withgradient,
    api.jvp,
    api.derivative,
    jacobians.jacobian,
    jacobians.withjacobian,
    hessians.hessian,
    hessians.hessian_reverse,
    hessians.withhessian,
    hessians.diaghessian,
    hessians.hvp,
)


def _register(verb: Callable[..., Any]) -> None:
    def implementation(f: Any, *args: Any) -> Callable[..., Any] | None:
        # Numba gives the variable arguments as one tuple type, or one by one.
        given = (
            args[0].types if len(args) == 1 and isinstance(args[0], types.StarArgTuple) else args
        )
        function = _function_of(f)
        return None if function is None else _implementation(verb, function, tuple(given))

    overload(verb, strict=False)(implementation)


def _function_of(type_: Any) -> Callable[..., Any] | None:
    """Return the function that a Numba type stands for; None if that is not known."""
    match type_:
        case types.Dispatcher():
            found: Callable[..., Any] = type_.dispatcher
            return found
        case types.Function():
            key = type_.typing_key
            return key if callable(key) else None
        case _:
            return None


def _implementation(
    verb: Callable[..., Any], function: Callable[..., Any], given: tuple[Any, ...]
) -> Callable[..., Any]:
    trees = tuple(_tree(type_, verb) for type_ in given)
    compilation = calls.compiled_for(_program(verb, function), trees, (), "primal", ())
    return _caller(compilation)


@cache
def _program(verb: Callable[..., Any], function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the program that calls the verb; the same object for the same call."""

    def program(*xs: Any) -> Any:
        return verb(function, *xs)

    return program


def _tree(type_: Any, verb: Callable[..., Any]) -> Tree:
    type_ = numba_bridge.without_literal(type_)
    if isinstance(type_, types.BaseTuple):
        cls = getattr(type_, "instance_class", tuple)
        return Sequence_(tuple(_tree(item, verb) for item in type_.types), cls)
    if isinstance(type_, types.NoneType):
        return Static(None)
    found = numba_bridge.from_numba(type_)
    if isinstance(found, Scalar | Array):
        return Leaf(found)
    raise TypeInferenceFailed(
        f"an argument of `{verb.__name__}` inside compiled code has type {type_}.",
        origin=None,
        why="Only numbers, arrays and tuples of these can be passed there.",
    )


def _caller(compilation: Compilation) -> Callable[..., Any]:
    """Write the function that Numba compiles: flat arguments in, the result's structure out."""
    names: dict[str, Any] = {"entry": compilation.entry}
    arguments: list[str] = []
    for parameter in compilation.built.parameters:
        kind, *rest = parameter.path[0]
        if kind == "arg":
            arguments += _leaf_texts(f"args[{rest[0]}]", parameter.tree)
            continue
        root = compilation.request.function
        for value in flatten(read(parameter.path, root), parameter.tree):
            name = f"live{len(names)}"
            names[name] = value
            arguments.append(name)
    count = len(compilation.built.interface.results)
    leaves = iter([f"found[{number}]" for number in range(count)] if count != 1 else ["found"])
    result = _text_of(compilation.built.result, leaves, names)
    text = (
        f"def caller(f, *args):\n    found = entry({', '.join(arguments)})\n    return {result}\n"
    )
    exec(compile(text, "<numbad inside>", "exec"), names)
    made: Callable[..., Any] = names["caller"]
    return made


def _leaf_texts(text: str, tree: Tree) -> list[str]:
    match tree:
        case Leaf():
            return [text]
        case Sequence_(items):
            parts = [_leaf_texts(f"{text}[{n}]", item) for n, item in enumerate(items)]
            return [each for part in parts for each in part]
        case _:
            return []


def _text_of(tree: Tree, leaves: Any, names: dict[str, Any]) -> str:
    match tree:
        case Leaf():
            return str(next(leaves))
        case Sequence_(items, cls):
            inner = "".join(f"{_text_of(item, leaves, names)}, " for item in items)
            if cls is tuple:
                return f"({inner})"
            names[cls.__name__] = cls
            return f"{cls.__name__}({inner})"
        case Static(None):
            return "None"
        case _:
            raise TypeInferenceFailed(
                "this result cannot be returned inside compiled code.", origin=None
            )


for _verb in VERBS:
    _register(_verb)
