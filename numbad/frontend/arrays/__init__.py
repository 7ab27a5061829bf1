"""NumPy: array expressions, functions, methods and subscripts, lowered to loops of scalar IR.

What the builder calls is named here. ``lazy`` explains how an expression becomes one loop nest,
``dims`` and ``keys`` how lengths are compared, ``subscripts``, ``views``, ``access`` and
``assignment`` what indexing means. Functions that are compositions of others are written as plain
Python in the modules ``decompositions_*``.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

from numbad.frontend.arrays import (
    attributes,
    creation,
    decompositions_complex,
    decompositions_draws,
    decompositions_matrices,
    decompositions_series,
    decompositions_sets,
    decompositions_shapes,
    decompositions_statistics,
    decompositions_windows,
    extrema,
    functions,
    joins,
    linalg,
    parts,
    permutations,
    products,
    reductions,
    run_time_axis,
    scans,
    searching,
    ufunc_methods,
)
from numbad.frontend.arrays.access import getitem, variable_of
from numbad.frontend.arrays.assignment import augmented, augmented_item, setitem
from numbad.frontend.arrays.dims import array_dims, note_fresh, note_lengths, note_parameter
from numbad.frontend.arrays.functions import elementwise, map_elements
from numbad.frontend.arrays.lazy import LazyValue, array_type, is_arraylike, settle, settle_pending
from numbad.frontend.arrays.operations import binary, unary
from numbad.frontend.arrays.registry import ATTRIBUTES, DECOMPOSITIONS, HANDLERS, METHODS
from numbad.frontend.arrays.support import Node, value_of
from numbad.frontend.arrays.support import truth as number_truth
from numbad.frontend.values import SliceValue, Value
from numbad.ir.types import is_complex

if TYPE_CHECKING:
    from numbad.frontend.builder import Builder

MODULES = (
    attributes,
    creation,
    decompositions_complex,
    decompositions_draws,
    decompositions_matrices,
    decompositions_series,
    decompositions_sets,
    decompositions_shapes,
    decompositions_statistics,
    decompositions_windows,
    extrema,
    functions,
    joins,
    linalg,
    parts,
    permutations,
    products,
    reductions,
    run_time_axis,
    scans,
    searching,
    ufunc_methods,
)
"""Modules that register handlers when they are imported."""

run_time_axis.extend_handlers()

REFUSED = {
    "strides": "Strides depend on how the memory is laid out.",
    "ctypes": "Addresses of memory cannot be differentiated.",
    "data": "Addresses of memory cannot be differentiated.",
    "base": "The owner of the memory is not known when compiled.",
    "flags": "The layout of the memory is not part of an array's value.",
    "tobytes": "Bytes have no derivative.",
    "tolist": "The length of the list is not known when compiled.",
}


def attribute(builder: Builder, array: Value, name: str, node: Node = None) -> Value | None:
    """Return the value of an attribute of an array; None if it is not an attribute."""
    if name in ATTRIBUTES:
        return ATTRIBUTES[name](builder, array, node)
    if name in REFUSED:
        builder.error(node, f"`{name}` of an array is not supported.", REFUSED[name])
    return None


def set_attribute(
    builder: Builder, array: Value, name: str, value: Value, node: Node = None
) -> None:
    """Do ``array.name = value``: of ``flat``, ``real`` and ``imag`` only."""
    has_parts = is_complex(array_type(array).dtype)
    if name not in ("flat", "real", "imag") or (name == "imag" and not has_parts):
        builder.error(
            node, f"`{name}` of an array cannot be assigned.", remedy="Make a new array instead."
        )
    whole = ATTRIBUTES[name](builder, array, node)
    every = SliceValue(None, None, None)
    setitem(builder, whole, every, value, node)


def method(
    builder: Builder,
    array: Value,
    name: str,
    args: list[Value],
    kwargs: dict[str, Value],
    node: Node = None,
) -> Value:
    """Return the value of a method call."""
    handler = METHODS.get(name)
    if handler is None and name in REFUSED:
        builder.error(node, f"`{name}` of an array is not supported.", REFUSED[name])
    if handler is None:
        builder.error(
            node,
            f"Arrays have no method `{name}` here.",
            remedy="Use a NumPy function, or write the computation out.",
        )
    return handler(builder, [array, *args], kwargs, node)


def truth(builder: Builder, array: Value, node: Node = None) -> Value:
    """Return the truth value of an array, which must have one element."""
    variable = variable_of(builder, array)
    count = builder.as_scalar(attributes.size(builder, value_of(variable), node))
    wrong = builder.call(operator.ne, count, builder.constant(1))
    message = "The truth value of an array with more than one element is ambiguous."
    builder.raise_if(wrong, ValueError, message)
    zeros = [builder.constant(0)] * len(array_dims(builder, variable))
    return value_of(number_truth(builder, builder.load(variable, *zeros)))


__all__ = [
    "ATTRIBUTES",
    "DECOMPOSITIONS",
    "HANDLERS",
    "METHODS",
    "REFUSED",
    "LazyValue",
    "array_dims",
    "attribute",
    "augmented",
    "augmented_item",
    "binary",
    "elementwise",
    "getitem",
    "is_arraylike",
    "map_elements",
    "method",
    "note_fresh",
    "note_lengths",
    "note_parameter",
    "set_attribute",
    "setitem",
    "settle",
    "settle_pending",
    "truth",
    "unary",
    "variable_of",
]
