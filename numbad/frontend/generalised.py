"""Generalised ufuncs (``numba.guvectorize``): a function on sub-arrays, repeated over the rest.

For the arguments of a call a plain function is written that makes the results and calls the kernel
in loops over the leading axes; it is walked in place of the call. As a kernel writes its last
parameters, so a call may give the arrays to write, which is how Numba's compiled code does it.
"""

from __future__ import annotations

import itertools
import linecache
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numba
import numpy as np

from numbad import numba_bridge
from numbad.frontend import bindings, functions
from numbad.frontend.values import OperandValue, StaticValue, Value
from numbad.ir.types import Array, Scalar

if TYPE_CHECKING:
    import ast

    from numbad.frontend.builder import Builder

Axes = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Part:
    """One parameter of a kernel with what is given for it.

    Attributes
    ----------
    name : its name in the written function
    axes : names of the axes that the kernel sees
    dtype : element type that the kernel is compiled for
    is_array : whether the kernel has an array for it also where it has no axes
    ndim : dimensions of what is given; for a result that is to be made, None
    is_cast : whether the elements have to be converted
    """

    name: str
    axes: Axes
    dtype: str
    is_array: bool
    ndim: int | None
    is_cast: bool = False

    @property
    def outer(self) -> int:
        """Number of axes that the kernel does not see."""
        return 0 if self.ndim is None else self.ndim - len(self.axes)


def is_generalised(found: Any) -> bool:
    """Whether ``guvectorize`` made this."""
    return type(found).__name__ == "GUFunc" and type(found).__module__.startswith("numba.")


def call(
    builder: Builder, found: Any, args: list[Value], kwargs: dict[str, Value], node: ast.AST | None
) -> Value:
    """Walk a call of a generalised ufunc."""
    made = found.gufunc_builder
    name = made.py_func.__name__
    named = [key for key, value in kwargs.items() if not _is_last_axis(builder, key, value)]
    if named:
        builder.error(
            node,
            f"`{name}` is called with `{named[0]}=`.",
            "Of generalised ufuncs only positional arguments are supported.",
            "Move the axes with `np.moveaxis`, and give the arrays to write as last arguments.",
        )
    inputs, outputs = (_axes(side) for side in made.signature.split("->"))
    if len(args) not in (len(inputs), len(inputs) + len(outputs)):
        builder.type_error(node, f"`{name}` takes {len(inputs)} arguments, not {len(args)}.")
    values = [bindings.settled(builder, arg) for arg in args]
    types = _types(builder, made, values, len(inputs), name, node)
    parts = _parts([*inputs, *outputs], types, values)
    for part in parts:
        if part.outer < 0:
            builder.type_error(node, f"`{name}` needs {len(part.axes)} axes in each argument.")
    text = _written(parts[: len(inputs)], parts[len(inputs) :], len(args) > len(inputs))
    helper = _compiled(name, text, numba.njit(made.py_func), made.py_func)
    return functions.call_python(builder, helper, None, values, {}, node)


def _is_last_axis(builder: Builder, key: str, value: Value) -> bool:
    return key == "axis" and builder.is_static(value) and builder.as_static(value) == -1


def _axes(side: str) -> tuple[Axes, ...]:
    """Parse one side of a signature such as ``(n,m),()->(n)``."""
    groups = re.findall(r"\(([^)]*)\)", side)
    return tuple(tuple(axis.strip() for axis in g.split(",") if axis.strip()) for g in groups)


def _types(
    builder: Builder, made: Any, values: list[Value], count: int, name: str, node: ast.AST | None
) -> list[Any]:
    """Types of the kernel's parameters: of the first loop that takes the arguments."""
    given = [dtype for dtype in map(_dtype, values) if dtype is not None]
    if len(given) < len(values):
        builder.type_error(node, f"The arguments of `{name}` have to be numbers and arrays.")
    for signature in made._sigs:
        types = [numba_bridge.from_numba(type_) for type_ in signature.args]
        wanted = [np.dtype(_element(type_).name) for type_ in types]
        if all(map(_fits, values, given, wanted[:count])):
            return types
    if made._sigs or len(given) == count:
        builder.type_error(
            node,
            f"`{name}` has no loop for the types of these arguments.",
            "",
            "Convert the arguments with `astype`; without fixed signatures give the arrays that "
            "are written.",
        )
    return [Scalar(dtype.name) for dtype in given]


def _dtype(value: Value) -> np.dtype[Any] | None:
    if isinstance(value, OperandValue) and isinstance(value.type, Scalar | Array):
        return np.dtype(_element(value.type).name)
    if isinstance(value, StaticValue) and isinstance(value.value, bool | int | float | complex):
        return np.asarray(value.value).dtype
    return None


def _element(type_: Any) -> Scalar:
    element = type_.dtype if isinstance(type_, Array) else type_
    assert isinstance(element, Scalar)
    return element


def _fits(value: Value, given: np.dtype[Any], wanted: np.dtype[Any]) -> bool:
    is_array = isinstance(value, OperandValue) and isinstance(value.type, Array)
    return np.can_cast(given, wanted, "safe" if is_array else "same_kind")


def _parts(axes: list[Axes], types: list[Any], values: list[Value]) -> list[_Part]:
    parts = []
    for position, (own, type_) in enumerate(zip(axes, types, strict=True)):
        ndim, is_cast = None, False
        if position < len(values):
            value = values[position]
            is_array = isinstance(value, OperandValue) and isinstance(value.type, Array)
            ndim = value.type.ndim if is_array else 0  # type: ignore[union-attr]
            is_cast = _dtype(value) != np.dtype(_element(type_).name)
        name = f"x{position}"
        parts.append(
            _Part(name, own, _element(type_).name, isinstance(type_, Array), ndim, is_cast)
        )
    return parts


def _written(inputs: list[_Part], outputs: list[_Part], is_given: bool) -> str:
    """Write the function that makes the results and calls the kernel in loops."""
    params = [part.name for part in [*inputs, *(outputs if is_given else ())]]
    lines = [f"def repeated({', '.join(params)}):"]
    depth = max(part.outer for part in [*inputs, *outputs])
    for part in inputs:
        if part.is_cast and part.ndim:
            lines.append(f"    {part.name} = {part.name}.astype(np.{part.dtype})")
        elif part.is_cast:
            lines.append(f"    {part.name} = np.{part.dtype}({part.name})")
    known: set[str] = set()
    for part in inputs:
        for place, axis in enumerate(part.axes, part.outer):
            lines += _size(f"n_{axis}", f"{part.name}.shape[{place}]", known, False)
    for part in [*inputs, *(outputs if is_given else ())]:
        for place in range(part.outer):
            name = f"l{place + depth - part.outer}"
            lines += _size(name, f"{part.name}.shape[{place}]", known, True)
    stretched = [sum(part.outer >= depth - k for part in inputs) > 1 for k in range(depth)]
    if not is_given:
        for part in outputs:
            shape = [f"l{k}" for k in range(depth)] + [f"n_{axis}" for axis in part.axes]
            listed = "".join(f"{length}, " for length in shape or "1")
            lines.append(f"    {part.name} = np.empty(({listed}), np.{part.dtype})")
    for k in range(depth):
        lines.append("    " * (k + 1) + f"for i{k} in range(l{k}):")
    items = [_item(part, depth, stretched, False) for part in inputs]
    items += [_item(part, depth, [False] * depth, True) for part in outputs]
    lines.append("    " * (depth + 1) + f"kernel({', '.join(items)})")
    results = [part.name if depth or part.axes else f"{part.name}[0]" for part in outputs]
    if not is_given:
        lines.append(f"    return {', '.join(results)}")
    return "\n".join(lines) + "\n"


def _size(name: str, size: str, known: set[str], may_stretch: bool) -> Iterator[str]:
    """Write a length down, or that it has to be the one that is known; 1 goes with any."""
    if name in known:
        if may_stretch:
            yield f"    if {name} == 1:"
            yield f"        {name} = {size}"
        yield f"    if {size} != {name}{f' and {size} != 1' if may_stretch else ''}:"
        yield '        raise ValueError("the arrays of a generalised ufunc have different lengths")'
    else:
        known.add(name)
        yield f"    {name} = {size}"


def _item(part: _Part, depth: int, stretched: list[bool], is_output: bool) -> str:
    """Write what the kernel is given in one iteration."""
    outer = depth if part.ndim is None else part.outer
    indices = [
        f"i{k} if {part.name}.shape[{place}] > 1 else 0" if stretched[k] else f"i{k}"
        for place, k in enumerate(range(depth - outer, depth))
    ]
    if is_output and not part.axes:
        if not indices:
            return part.name
        return f"{part.name}[{', '.join([*indices[:-1], f'{indices[-1]}:{indices[-1]} + 1'])}]"
    element = f"{part.name}[{', '.join(indices)}]" if indices else part.name
    return f"np.full(1, {element})" if part.is_array and not part.axes else element


_numbers = itertools.count()


@cache
def _compiled(name: str, text: str, kernel: Any, _: Any) -> Any:
    """Compile the written function, so that its source can be found."""
    file = f"<guvectorize {name} {next(_numbers)}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    namespace: dict[str, Any] = {"np": np, "kernel": kernel}
    exec(compile(text, file, "exec"), namespace)
    return namespace["repeated"]


__all__ = ["call", "is_generalised"]
