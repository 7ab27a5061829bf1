"""Binding of the arguments of a NumPy function to the parameters that a handler knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numbad.frontend.arrays.support import Node, is_none
from numbad.frontend.values import NONE, Value

if TYPE_CHECKING:
    from numbad.frontend.builder import Builder


def bind(
    builder: Builder,
    name: str,
    parameters: str,
    args: list[Value],
    kwargs: dict[str, Value],
    node: Node,
    required: int = 1,
) -> list[Value]:
    """Return one value per parameter; parameters that were not given are None."""
    names = parameters.split()
    if len(args) > len(names):
        builder.error(
            node, f"`{name}` is supported with at most {len(names)} arguments.", remedy=_REMEDY
        )
    bound: dict[str, Value] = dict(zip(names, args, strict=False))
    for key, value in kwargs.items():
        if key in bound:
            builder.error(node, f"`{name}` got two values for `{key}`.")
        if key not in names:
            if is_none(value):
                continue
            builder.error(node, f"`{name}` is not supported with `{key}=`.", remedy=_REMEDY)
        bound[key] = value
    missing = [key for key in names[:required] if key not in bound]
    if missing:
        builder.error(node, f"`{name}` needs an argument `{missing[0]}`.")
    return [bound.get(key, NONE) for key in names]


_REMEDY = "Write the computation out, or give the function its own rule with @numbad.adjoint."


def static_axes(builder: Builder, axis: Value, ndim: int, node: Node) -> tuple[int, ...] | None:
    """Return the axes of a reduction as non-negative integers; None for all of them."""
    if is_none(axis):
        return None
    known = builder.as_static(axis, "The axis")
    axes = tuple(known) if isinstance(known, tuple | list) else (known,)
    result = []
    for one in axes:
        number = int(one)
        if not -ndim <= number < ndim:
            builder.error(node, f"Axis {number} is out of bounds for an array of {ndim} axes.")
        result.append(number % ndim)
    if len(set(result)) != len(result):
        builder.error(node, "An axis is given twice.")
    return tuple(result)


def static_axis(builder: Builder, axis: Value, ndim: int, node: Node, default: int = -1) -> int:
    """Return one axis as a non-negative integer."""
    if is_none(axis):
        return default % ndim
    axes = static_axes(builder, axis, ndim, node)
    assert axes is not None
    return axes[0]


def static_bool(builder: Builder, value: Value, what: str) -> bool:
    """Return a truth value known while building; absent is False."""
    return False if is_none(value) else bool(builder.as_static(value, what))


def is_given(value: Value) -> bool:
    """Whether an optional argument was given."""
    return not is_none(value)
