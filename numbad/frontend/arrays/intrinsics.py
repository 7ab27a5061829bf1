"""Questions about types that decompositions ask; answered while building.

Each function also works as plain Python, so that the decompositions can be run and tested alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from numbad.frontend.arrays.convert import promote, to_lazy
from numbad.frontend.arrays.reductions import sum_type
from numbad.frontend.arrays.registry import handles
from numbad.frontend.arrays.support import Node
from numbad.frontend.values import StaticValue, Value
from numbad.ir.types import FLOAT64, Scalar, is_inexact

if TYPE_CHECKING:
    from numbad.frontend.builder import Builder


def sum_dtype(a: Any) -> Any:
    """Type in which the elements of an array are summed."""
    return np.sum(np.zeros(0, np.asarray(a).dtype)).dtype


def inexact_dtype(*values: Any) -> Any:
    """Floating-point or complex type that holds the elements of all the arrays and numbers."""
    found = np.result_type(*(np.asarray(value).dtype for value in values))
    return found if found.kind in "fc" else np.dtype(float)


def common_dtype(*values: Any) -> Any:
    """Type that holds the elements of all the arrays and numbers."""
    return np.result_type(*(np.asarray(value).dtype for value in values))


def is_complex_valued(a: Any) -> bool:
    """Whether an array or number is complex."""
    return bool(np.iscomplexobj(a))


def _dtype(type_: Scalar) -> Value:
    return StaticValue(np.dtype(type_.name))


def _common(builder: Builder, args: list[Value], node: Node) -> Scalar:
    found = promote([to_lazy(builder, arg, node).dtype for arg in args])
    if found is None:
        builder.type_error(node, "The arguments have no common type.")
    return found


@handles(sum_dtype)
def _sum_dtype(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    return _dtype(sum_type(to_lazy(builder, args[0], node).dtype))


@handles(inexact_dtype)
def _inexact_dtype(
    builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node
) -> Value:
    found = _common(builder, args, node)
    return _dtype(found if is_inexact(found) else FLOAT64)


@handles(common_dtype)
def _common_dtype(
    builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node
) -> Value:
    return _dtype(_common(builder, args, node))


@handles(is_complex_valued)
def _is_complex_valued(
    builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node
) -> Value:
    return builder.number(to_lazy(builder, args[0], node).dtype.name.startswith("complex"))
