"""Hooks in compiled code: functions that see cotangents on their way back.

A hook is a function with a rule whose value is its argument and whose backward part calls the
user's function. Functions that are compiled, or defined inside the differentiated code, are walked
there; any other Python function is called back from compiled code.
"""

from __future__ import annotations

import ast
import inspect
import sys
import types as python_types
from collections.abc import Callable
from typing import Any

import numpy as np

from numbad import numba_bridge, utilities
from numbad.custom.calls import Handler
from numbad.custom.declare import UserRule
from numbad.frontend import conversion, templates
from numbad.frontend.build import value_tree
from numbad.frontend.builder import Builder
from numbad.frontend.normalize import normalize
from numbad.frontend.source import load
from numbad.frontend.values import (
    NONE,
    BoundMethod,
    BuiltinMethod,
    StaticValue,
    Value,
)
from numbad.ir import nodes as ir
from numbad.ir.types import Array, Tuple, Type
from numbad.kernels.callbacks import callback
from numbad.results import as_leaf, flatten_partly
from numbad.rules import registry
from numbad.rules.forms import ZeroDerivative
from numbad.structure import Leaf, Tree, leaves, unflatten


def _pass_back(g: Any, y_bar: Any) -> Any:
    """Give a cotangent to a hook; handled by the front end."""
    return g(y_bar)


def _show(name: str, y_bar: Any) -> Any:
    """Print a cotangent; handled by the front end."""
    del name
    return y_bar


def _hook(g: Any, x: Any) -> Any:
    def back(y_bar: Any) -> Any:
        return None, _pass_back(g, y_bar)

    return x, back


def _hook_tangent(primals: Any, tangents: Any) -> Any:
    return primals[1], tangents[1]


def _unused_hook(g: Any, x: Any) -> Any:
    del x
    return _pass_back(g, None)


def _shown(name: str, x: Any) -> Any:
    def back(y_bar: Any) -> Any:
        return None, _show(name, y_bar)

    return x, back


def _unused_shown(name: str, x: Any) -> Any:
    del x
    return _show(name, None)


_RULES = {
    utilities.hook: UserRule(utilities.hook, _hook, jvp=_hook_tangent, unused=_unused_hook),
    utilities.shown: UserRule(utilities.shown, _shown, jvp=_hook_tangent, unused=_unused_shown),
}


def special(found: Any) -> Any:
    """Return the handler of the functions of this module and of those it has rules for."""
    try:
        rule = _RULES.get(found)
    except TypeError:
        return None
    if rule is not None:
        return Handler(rule, found)
    return _HANDLERS.get(found)


def _handle_showgrad(
    builder: Builder, args: list[Value], kwargs: dict[str, Value], node: ast.AST | None
) -> Value:
    """``showgrad(x, name=None)``: the name is the text of the argument."""
    values = dict(zip(("x", "name"), args, strict=False)) | kwargs
    name = values.get("name", NONE)
    if name == NONE:
        name = StaticValue(_text(node))
    return builder.apply(StaticValue(utilities.shown), [name, values["x"]], {}, node)


def _text(node: ast.AST | None) -> str:
    if isinstance(node, ast.Call):
        if node.args:
            return ast.unparse(node.args[0])
        for keyword in node.keywords:
            if keyword.arg == "x":
                return ast.unparse(keyword.value)
    return "x"


def _handle_show(
    builder: Builder, args: list[Value], kwargs: dict[str, Value], node: ast.AST | None
) -> Value:
    """Print a cotangent where the walk is, and return it."""
    del kwargs, node
    name = builder.as_static(args[0])

    def show(value: Any) -> None:
        sys.stdout.write(f"∂({name}) = {value}\n")

    _emit(builder, show, args[1], has_result=False)
    return args[1]


def _handle_pass_back(
    builder: Builder, args: list[Value], kwargs: dict[str, Value], node: ast.AST | None
) -> Value:
    """Call the user's function for a cotangent, or for None."""
    del kwargs
    function, y_bar = args
    found = _python_function(builder, function)
    if found is not None:
        return _emit(builder, found, y_bar, has_result=y_bar != NONE and not _gives_nothing(found))
    if y_bar == NONE:
        return NONE
    return builder.apply(function, [y_bar], {}, node)


_HANDLERS: dict[Any, Callable[..., Value]] = {
    utilities.showgrad: _handle_showgrad,
    _pass_back: _handle_pass_back,
    _show: _handle_show,
}


def _python_function(builder: Builder, value: Value) -> Any:
    """Return the Python object to call back; None if the function becomes part of the program."""
    match value:
        case StaticValue(found, path):
            is_known = (
                numba_bridge.dispatcher_function(found) is not None
                or builder.session.has_rule(found)
                or isinstance(found, python_types.BuiltinFunctionType | np.ufunc | type)
                or not callable(found)
            )
            if is_known:
                return None
            builder.live.depend(path, "is", found)
            return found
        case BoundMethod(StaticValue(owner, path), StaticValue(function)) if isinstance(
            function, python_types.FunctionType
        ):
            builder.live.depend(path, "is", owner)
            return python_types.MethodType(function, owner)
        case BuiltinMethod(StaticValue(owner, path), name):
            builder.live.depend(path, "is", owner)
            return getattr(owner, name)
        case _:
            return None


def _gives_nothing(function: Any) -> bool:
    """Whether a Python function returns None on every path, as its text tells."""
    core = inspect.unwrap(getattr(function, "__func__", function))
    if not isinstance(core, python_types.FunctionType):
        return getattr(function, "__name__", "") in ("append", "extend")
    try:
        last = normalize(load(core)).body[-1]
    except TypeError:
        return False
    if not isinstance(last, ast.Return):
        return False
    return last.value is None or (isinstance(last.value, ast.Constant) and last.value.value is None)


def _emit(builder: Builder, function: Any, value: Value, *, has_result: bool) -> Value:
    """Emit the call of a Python function for a cotangent; its result has the same structure."""
    template = templates.template_of(value, builder.state, set())
    operands = conversion.operands(builder, value, template, builder.state)
    tree = value_tree(builder, value, [])
    types = tuple(_owned(operand.type) for operand in operands) if has_result else ()
    numba_types = [numba_bridge.to_numba(type_) for type_ in types]
    made = callback(_flat(function, tree, has_result), len(operands), numba_types)
    builder.write()
    if not types:
        builder.effect(made, *operands)
        return NONE
    registry.register(made, _unknown(made, function))
    call = ir.Call(made, tuple(operands))
    if len(types) == 1:
        found: list[ir.Operand] = [builder.let(types[0], call)]
    else:
        packed = builder.let(Tuple(types), call)
        found = [builder.let(t, ir.TupleItem(packed, n)) for n, t in enumerate(types)]
    return conversion.instantiate(builder, template, iter(found))


def _owned(type_: Type) -> Type:
    """Return the type of a new array that takes the place of one of the type."""
    return Array(type_.dtype, type_.ndim, "C") if isinstance(type_, Array) else type_


def _unknown(made: Any, function: Any) -> ZeroDerivative:
    name = getattr(function, "__name__", repr(function))
    return ZeroDerivative(
        (made,), impure=True, refusal=f"`{name}` is a Python function that is called back."
    )


def _flat(function: Any, tree: Tree, has_result: bool) -> Callable[..., Any]:
    """Return the function on the leaves of a cotangent, which are its own to keep."""

    def call(*flat: Any) -> Any:
        kept = [leaf.copy() if isinstance(leaf, np.ndarray) else leaf for leaf in flat]
        found = function(unflatten(kept, tree))
        if not has_result:
            return None
        results = [
            _result(value, leaf, before)
            for value, leaf, before in zip(
                flatten_partly(found, tree), leaves(tree), flat, strict=True
            )
        ]
        return results[0] if len(results) == 1 else tuple(results)

    call.__name__ = getattr(function, "__name__", "hook").strip("<>")
    return call


def _result(value: Any, leaf: Leaf, before: Any) -> Any:
    if value is None:
        return np.zeros_like(before, order="C") if isinstance(before, np.ndarray) else 0.0
    found = as_leaf(value, leaf, "What a hook returns")
    if np.shape(found) != np.shape(before):
        raise ValueError(
            f"A hook returns shape {np.shape(found)} for a cotangent of shape {np.shape(before)}."
        )
    return found.copy() if isinstance(found, np.ndarray) else found
