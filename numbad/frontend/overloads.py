"""Functions that Numba implements in another way than Python: ``numba.extending.overload``.

In compiled code the call of such a function runs what the overload gives for the types of the
arguments; the function itself is often a mere name. In Python code it runs the function.
"""

from __future__ import annotations

import ast
import types as python_types
from typing import TYPE_CHECKING, Any

from numbad import numba_bridge
from numbad.errors import NoRule
from numbad.frontend import bindings
from numbad.frontend.generated import keeping_texts
from numbad.frontend.values import OperandValue, StaticValue, TupleValue, Value
from numbad.ir import nodes as ir

if TYPE_CHECKING:
    from numbad.frontend.builder import Builder


def implementation(
    builder: Builder,
    function: python_types.FunctionType,
    args: list[Value],
    kwargs: dict[str, Value],
    node: ast.AST | None,
) -> python_types.FunctionType | None:
    """Return what a call in the code being walked runs instead of the function, if anything."""
    assert builder.frame is not None
    if not builder.frame.code.is_compiled or not numba_bridge.is_overloaded(function):
        return None
    types = [_numba_type(builder, arg) for arg in args]
    named = {name: _numba_type(builder, value) for name, value in kwargs.items()}
    found = None
    if None not in types and None not in named.values():
        with keeping_texts():
            found = numba_bridge.overload_of(function, types, named)
    if found is None:
        raise NoRule(
            f"`{function.__name__}` cannot be differentiated.",
            origin=builder.origin(node),
            why="Numba compiles an overload in its place, which is not found for these arguments.",
            remedy="Call what implements it, or give it a rule with @numbad.adjoint.",
        )
    return found


def _numba_type(builder: Builder, value: Value) -> Any:
    """Return the Numba type of a value, a literal one if it is known; None if it has none."""
    match bindings.settled(builder, value):
        case OperandValue(operand=ir.Const(known)) if isinstance(known, int):
            return numba_bridge.literal_type(known)
        case OperandValue(operand=operand):
            return numba_bridge.to_numba(operand.type)
        case TupleValue(items, cls):
            return numba_bridge.tuple_type([_numba_type(builder, item) for item in items], cls)
        case StaticValue(known):
            return numba_bridge.literal_type(known)
        case _:
            return None
