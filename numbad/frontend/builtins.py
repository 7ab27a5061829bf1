"""Builtin functions that the front end itself knows, by the function object.

Handlers of numbers are in ``builtins_numbers``, those of sequences and iterables in
``builtins_sequences``; here are the rest: questions about values, output, and Numba's own helpers.
"""

from __future__ import annotations

import ast
import contextlib
import operator
from typing import TYPE_CHECKING, Any

import numba
import numpy as np

from numbad import numba_bridge
from numbad.frontend import (
    attempts,
    bindings,
    builtins_library,
    builtins_numbers,
    builtins_sequences,
    classes,
    unbound,
)
from numbad.frontend.desugar import WITH, inert
from numbad.frontend.registry import Handler, Table
from numbad.frontend.values import (
    NONE,
    BoundMethod,
    BuiltinMethod,
    FunctionValue,
    OperandValue,
    PartialValue,
    RecordObject,
    Ref,
    StaticValue,
    SuperValue,
    TupleValue,
    Value,
)
from numbad.ir import nodes as ir

if TYPE_CHECKING:
    from numbad.frontend.builder import Builder

Args = list[Value]
Kwargs = dict[str, Value]
Node = ast.AST | None

_OTHERS = Table()


@_OTHERS.handles(isinstance)
def _isinstance(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    wanted = builder.as_static(args[1], "The class in `isinstance`")
    listed = wanted if isinstance(wanted, tuple) else (wanted,)
    expanded: list[type] = []
    for cls in listed:
        expanded.extend(getattr(cls, "__args__", (cls,)))
    return builder.number(classes.is_instance(builder, args[0], tuple(expanded), node))


@_OTHERS.handles(issubclass)
def _issubclass(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    cls, wanted = (builder.as_static(arg, "A class") for arg in args)
    if not isinstance(cls, type):
        builder.raise_now(TypeError, "issubclass() arg 1 must be a class")
    return builder.number(issubclass(cls, wanted))


@_OTHERS.handles(np.issubdtype)
def _issubdtype(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    kinds = [builder.as_static(arg, "A dtype") for arg in [*args, *kwargs.values()]]
    return builder.number(bool(np.issubdtype(*kinds)))


@_OTHERS.handles(type)
def _type(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    if len(args) != 1:
        builder.error(node, "Classes cannot be made in differentiated code.")
    cls = classes.class_of(builder, args[0])
    if cls is None:
        builder.error(node, "The class of this is not known before the program runs.")
    return StaticValue(cls)


@_OTHERS.handles(callable)
def _callable(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    match args[0]:
        case StaticValue(found):
            return builder.number(callable(found))
        case FunctionValue() | BoundMethod() | BuiltinMethod() | PartialValue():
            return builder.number(True)
        case _:
            return builder.number(False)


@_OTHERS.handles(getattr)
def _getattr(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    name = builder.as_static(args[1], "The name of an attribute")
    if len(args) == 3 and not _has_attribute(builder, args[0], name):
        return args[2]
    return builder.attribute(args[0], name, node)


@_OTHERS.handles(hasattr)
def _hasattr(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    name = builder.as_static(args[1], "The name of an attribute")
    return builder.number(_has_attribute(builder, args[0], name))


def _has_attribute(builder: Builder, value: Value, name: str) -> bool:
    if isinstance(value, StaticValue):
        return hasattr(value.value, name)
    if isinstance(value, Ref):
        contents = builder.state.heap[value.id]
        if isinstance(contents, RecordObject) and name in contents.names:
            builder.attribute(value, name, None)  # refuses those that are there on some paths only
            return True
    cls = classes.class_of(builder, value)
    return cls is not None and hasattr(cls, name)


@_OTHERS.handles(setattr)
def _setattr(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    from numbad.frontend import attributes

    name = builder.as_static(args[1], "The name of an attribute")
    attributes.setattr_(builder, args[0], name, args[2], node)
    return NONE


@_OTHERS.handles(print)
def _print(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    if kwargs:
        builder.error(node, "`print` with keyword arguments is not supported.")
    operands: list[ir.Operand] = []
    for arg in args:
        operands.extend(_printable(builder, bindings.settled(builder, arg), node))
    builder.effect(print, *operands)
    return NONE


def _printable(builder: Builder, value: Value, node: Node) -> list[ir.Operand]:
    from numbad.frontend.calls import run_time_operand

    match value:
        case OperandValue() | TupleValue() | Ref():
            return [run_time_operand(builder, value, node)]
        case StaticValue(found):
            text = found if isinstance(found, str) else str(found)
            return [ir.Const(text, numba_bridge.string_type())]
        case _:
            builder.error(node, "This cannot be printed from compiled code.")


@_OTHERS.handles(numba.literally)
def _literally(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    return builder.static(builder.as_static(args[0], "The argument of `literally`"))


@_OTHERS.handles(numba.literal_unroll)
def _literal_unroll(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    return args[0]


@_OTHERS.handles(str, repr, format)
def _str(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    known = [builder.as_static(arg, "A value turned into text") for arg in args]
    function: Any = str
    return StaticValue(function(*known))


@_OTHERS.handles(slice)
def _slice(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    from numbad.frontend.values import SliceValue

    bounds = [
        None if isinstance(arg, StaticValue) and arg.value is None else builder.as_index(arg, node)
        for arg in args
    ]
    match bounds:
        case [stop]:
            return SliceValue(None, stop, None)
        case [start, stop]:
            return SliceValue(start, stop, None)
        case [start, stop, step]:
            return SliceValue(start, stop, step)
        case _:
            builder.error(node, "`slice` takes one to three arguments.")


@_OTHERS.handles(super)
def _super(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    if len(args) == 2:
        return SuperValue(args[1], builder.as_static(args[0], "The class in `super`"))
    frame = builder.frame
    assert frame is not None
    cell = frame.code.cells.get("__class__")
    parameters = frame.code.node.args
    names = [p.arg for p in [*parameters.posonlyargs, *parameters.args]]
    if args or cell is None or not names:
        builder.error(node, "`super()` is supported only in methods.")
    return SuperValue(bindings.lookup(builder, names[0], node), cell.cell_contents)


@_OTHERS.handles(object.__setattr__)
def _object_setattr(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    from numbad.frontend import attributes

    name = builder.as_static(args[1], "The name of an attribute")
    attributes.setattr_(builder, args[0], name, args[2], node, is_forced=True)
    return NONE


@_OTHERS.handles(eval, exec, compile, open, input, globals, locals, dir, id, hash, next)
def _refused(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    name = ast.unparse(node.func) if isinstance(node, ast.Call) else "This function"
    builder.error(node, f"`{name}` is not supported in differentiated code.")


def _operator(fn: Any) -> Handler:
    def handler(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
        if len(args) == 1:
            return builder.unary(fn, args[0], node)
        return builder.binary(fn, args[0], args[1], node)

    return handler


def _operator_functions() -> dict[Any, Handler]:
    from numbad.frontend import operators

    known = {*operators.BINARY.values(), *operators.UNARY.values(), *operators.COMPARE.values()}
    table: dict[Any, Handler] = {fn: _operator(fn) for fn in known}
    for name, fn in (
        ("iadd", operator.add),
        ("isub", operator.sub),
        ("imul", operator.mul),
        ("itruediv", operator.truediv),
    ):
        table[getattr(operator, name)] = _inplace(fn)
    return table


def _inplace(fn: Any) -> Handler:
    def handler(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
        from numbad.frontend import operators

        return operators.augmented(builder, fn, args[0], args[1], node)

    return handler


@_OTHERS.handles(operator.getitem)
def _getitem(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    return builder.getitem(args[0], args[1], node)


@_OTHERS.handles(operator.setitem)
def _setitem(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    builder.setitem(args[0], args[1], args[2], node)
    return NONE


@_OTHERS.handles(operator.truth)
def _truth(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    return OperandValue(builder.as_condition(args[0], node))


@_OTHERS.handles(operator.contains)
def _contains(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    from numbad.frontend import operators

    return operators.contains(builder, args[0], args[1], node)


@_OTHERS.handles(inert)
def _inert(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    cls = classes.class_of(builder, args[0])
    if cls is not np.errstate and cls is not contextlib.nullcontext:
        what, why, remedy = WITH
        builder.error(node, f"{what} cannot be differentiated.", why, remedy)
    return NONE


@_OTHERS.handles(unbound.bound)
def _checked_name(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    frame = builder.frame
    if frame is not None and frame.code.is_compiled:
        return args[1]  # Numba does not ask
    is_bound = builder.as_condition(args[0], node)
    kind, message = unbound.failure(builder.as_static(args[2]), builder.as_static(args[3]))
    if isinstance(is_bound, ir.Const):
        if not is_bound.value:
            builder.raise_now(kind, message)
        return args[1]
    is_missing = builder.call(operator.not_, is_bound)
    if not attempts.throw_if(builder, is_missing, kind, message):
        builder.raise_if(is_missing, kind, message)
    return args[1]


BUILTINS: dict[Any, Handler] = {
    **_operator_functions(),
    **builtins_numbers.TABLE,
    **builtins_sequences.TABLE,
    **builtins_library.TABLE,
    **_OTHERS.entries,
}
