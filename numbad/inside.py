"""Reusable derivatives called inside ``@njit`` code.

Numba sees ``grad(f)`` and ``value_and_grad(f)`` as functions of their own; for each signature that
a compiled caller uses, the implementation is the generated derivative for those types. As Numba
does with globals in compiled code, numbers and arrays that ``f`` reads from globals and closure
cells are taken as they are when the caller is compiled.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import types
from numba.extending import overload, typeof_impl

from numbad import calls, markers, numba_bridge, utilities
from numbad.api import Derivative
from numbad.compilation import Compilation
from numbad.errors import TypeInferenceFailed
from numbad.ir.types import Array, Scalar
from numbad.paths import read
from numbad.structure import Leaf, flatten


def _type_of_derivative(value: Derivative, _: Any) -> Any:
    """Give each derivative the type of a function with an implementation per signature."""
    if value.numba_function is None:
        value.numba_function = _function_of(value)
    return numba_bridge.function_type(value.numba_function)


typeof_impl.register(Derivative)(_type_of_derivative)


# In functions that Numba compiles for themselves the marks are what they are in Python.
overload(markers.dropgrad)(lambda x: lambda x: x)
overload(markers.ignore_derivatives)(
    lambda x: (lambda x: x()) if isinstance(x, types.Callable) else (lambda x: x)
)
overload(utilities.hook)(lambda g, x: lambda g, x: x)
overload(utilities.showgrad)(lambda x, name=None: lambda x, name=None: x)
overload(utilities.isderiving)(lambda: lambda: False)
overload(utilities.nestlevel)(lambda: lambda: 0)


def _function_of(derivative: Derivative) -> Callable[..., Any]:
    def call(*args: Any) -> Any:
        return derivative(*args)

    def implementation(*args: Any) -> Callable[..., Any]:
        return _implementation(derivative, args)

    overload(call, strict=False)(implementation)
    return call


def _implementation(derivative: Derivative, types: tuple[Any, ...]) -> Callable[..., Any]:
    trees = []
    for position, type_ in enumerate(types):
        found = numba_bridge.from_numba(numba_bridge.without_literal(type_))
        if not isinstance(found, Scalar | Array):
            raise TypeInferenceFailed(
                f"argument {position} of a derivative inside compiled code has type {type_}.",
                origin=None,
                why="Only numbers and arrays can be passed there.",
            )
        trees.append(Leaf(found))
    chosen = calls.positions(derivative.function, derivative.wrt, len(types))
    compilation = calls.compiled_for(derivative.function, tuple(trees), (), "gradient", chosen)
    if compilation.built.updates:
        raise TypeInferenceFailed(
            f"`{compilation.built.interface.name}` changes objects outside of it.",
            origin=compilation.built.interface.origin,
            why="Inside compiled code there are no Python objects to change.",
            remedy="Return the new values instead.",
        )
    several = isinstance(derivative.wrt, tuple | list)
    wanted = derivative.wrt if several else (derivative.wrt,)
    picked = [calls.positions(derivative.function, item, len(types))[0] for item in wanted]
    return _caller(compilation, derivative, picked, several)


def _caller(
    compilation: Compilation, derivative: Derivative, picked: list[int], several: bool
) -> Callable[..., Any]:
    """Write the function that Numba inlines: call the entry, pick the results."""
    names: dict[str, Any] = {"entry": compilation.entry, "np": np}
    arguments: list[str] = []
    for parameter in compilation.built.parameters:
        match parameter.path[0]:
            case ("arg", position):
                arguments.append(f"args[{position}]")
            case _:
                frozen = flatten(read(parameter.path, derivative.function), parameter.tree)
                for value in frozen:
                    name = f"live{len(names)}"
                    names[name] = value
                    arguments.append(name)
    count = len(compilation.built.interface.results)
    place = {position: number for number, position in enumerate(compilation.differentiated)}
    grads = []
    for position in picked:
        number = place.get(position)
        if number is None or not compilation.active[number]:
            leaf = compilation.request.args[position]
            is_array = isinstance(leaf, Leaf) and isinstance(leaf.type, Array)
            grads.append(f"np.zeros(args[{position}].shape)" if is_array else "0.0")
        else:
            grads.append(f"found[{count + sum(compilation.active[:number])}]")
    selected = f"({', '.join(grads)},)" if several else grads[0]
    value = "found[0]" if any(compilation.active) or count > 1 else "found"
    result = f"{value}, {selected}" if derivative.with_value else selected
    text = f"def caller(*args):\n    found = entry({', '.join(arguments)})\n    return {result}\n"
    exec(compile(text, "<numbad inside>", "exec"), names)
    made: Callable[..., Any] = names["caller"]
    return made
