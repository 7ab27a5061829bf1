"""Calls: what calling each kind of value means.

The order for a function known while building: the session's handlers (NumPy on arrays), a rule of
the user's, the builtins of this package, a rule of ours, the source of the function (inlined), and
at last an ``ir.Call`` of a function that Numba can type; without a rule it is an error only if its
derivative is needed.
"""

from __future__ import annotations

import ast
import math
import types as python_types
from typing import TYPE_CHECKING, Any

from numbad import numba_bridge
from numbad.errors import NoRule
from numbad.frontend import (
    bindings,
    checks,
    classes,
    functions,
    generalised,
    getters,
    operators,
    overloads,
)
from numbad.frontend.builtins import BUILTINS
from numbad.frontend.callables import Callee, Kind, resolve_callable
from numbad.frontend.sequences import describe, sentence
from numbad.frontend.values import (
    BoundMethod,
    BuiltinMethod,
    FunctionValue,
    OperandValue,
    PartialValue,
    RecordObject,
    Ref,
    StaticValue,
    Value,
    is_array,
)
from numbad.ir import nodes as ir
from numbad.ir.types import Array, Opaque, Scalar, Tuple, Type
from numbad.kernels.scipy_functions import function_at
from numbad.paths import Path

if TYPE_CHECKING:
    from numbad.frontend.builder import Builder


def apply(
    builder: Builder,
    function: Value,
    args: list[Value],
    kwargs: dict[str, Value],
    node: ast.AST | None,
) -> Value:
    """Call a value."""
    with builder.at(node):
        match function:
            case StaticValue(found, path):
                return _static(builder, found, path, args, kwargs, node)
            case FunctionValue():
                return functions.call_function(builder, function, args, kwargs, node)
            case BoundMethod(receiver, inner):
                return apply(builder, inner, [receiver, *args], kwargs, node)
            case PartialValue(inner, first, named):
                merged = {**dict(named), **kwargs}
                return apply(builder, inner, [*first, *args], merged, node)
            case BuiltinMethod(receiver, name):
                from numbad.frontend import methods

                return methods.call(builder, receiver, name, args, kwargs, node)
            case Ref(id) if isinstance(builder.state.heap[id], RecordObject):
                method = operators.special_method(builder, function, "__call__")
                if method is not None:
                    return apply(builder, method, args, kwargs, node)
            case _:
                pass
        builder.type_error(node, sentence(f"{describe(builder, function)} cannot be called."))


def lookup(table: Any, found: Any) -> Any:
    """Return the entry of a callable in a table; None for unhashable ones too."""
    try:
        return table.get(found)
    except TypeError:
        return None


def _static(
    builder: Builder,
    found: Any,
    path: Path | None,
    args: list[Value],
    kwargs: dict[str, Value],
    node: ast.AST | None,
) -> Value:
    session = builder.session
    address = numba_bridge.address_of(found)
    if address is not None:
        found = function_at(address) or found
    if session.identity_matters(found):
        builder.live.depend(path, "is", found)
    special = session.special(found)
    if special is not None:
        result = special(builder, args, kwargs, node)
        if result is not NotImplemented:
            return result  # type: ignore[no-any-return]
    if session.has_user_rule(found):
        return rule_call(builder, found, args, kwargs, node)
    for table in (session.handlers, BUILTINS):
        handler = lookup(table, found)
        if handler is not None:
            result = handler(builder, args, kwargs, node)
            if result is not NotImplemented:
                return result  # type: ignore[no-any-return]
    if numba_bridge.is_numba_scalar_class(found):
        from numbad.frontend.builtins_numbers import convert

        return convert(builder, found, args, node)
    if session.has_rule(found):
        return rule_call(builder, found, args, kwargs, node)
    if generalised.is_generalised(found):
        return generalised.call(builder, found, args, kwargs, node)
    if isinstance(found, getters.GETTERS):
        return getters.call_getter(builder, found, args, kwargs, node)
    try:
        callee = resolve_callable(found)
    except TypeError:
        builder.type_error(
            node, sentence(f"{describe(builder, StaticValue(found))} cannot be called.")
        )
    return _resolved(builder, found, path, callee, args, kwargs, node)


def _resolved(
    builder: Builder,
    found: Any,
    path: Path | None,
    callee: Callee,
    args: list[Value],
    kwargs: dict[str, Value],
    node: ast.AST | None,
) -> Value:
    for identity in callee.identities[1:]:
        if not callee.args and (
            builder.session.has_user_rule(identity) or lookup(builder.session.handlers, identity)
        ):
            return _static(builder, identity, path, args, kwargs, node)
    match callee.kind:
        case Kind.PYTHON:
            inner_path, bound, named = _unwrap(builder, found, path)
            if (bound or named) and builder.session.special(callee.function) is not None:
                inner = StaticValue(callee.function, inner_path)
                return apply(builder, inner, [*bound, *args], {**named, **kwargs}, node)
            if found is callee.target:
                other = overloads.implementation(builder, found, args, kwargs, node)
                if other is not None:
                    return functions.call_python(builder, other, None, args, kwargs, node)
            args, result_type = _converted(builder, callee, args)
            declared = None
            outside = builder.is_compiled
            if numba_bridge.dispatcher_function(found) is not None:
                types = callee.locals.items()
                declared = {name: numba_bridge.from_numba(type_) for name, type_ in types}
                builder.is_compiled = True
            result = functions.call_python(
                builder,
                callee.target,
                inner_path,
                [*bound, *args],
                {**named, **kwargs},
                node,
                declared,
            )
            builder.is_compiled = outside
            return (
                result if result_type is None else bindings.converted(builder, result, result_type)
            )
        case Kind.ELEMENTWISE:
            return _elementwise(builder, callee, args, node)
        case Kind.CLASS:
            return classes.construct(builder, callee.target, args, kwargs, node)
        case Kind.OPAQUE:
            if found is callee.target:
                return opaque_call(builder, found, callee, args, kwargs, node)
            _, bound, named = _unwrap(builder, found, path)
            if bound or named:
                target = StaticValue(callee.target)
                return apply(builder, target, [*bound, *args], {**named, **kwargs}, node)
            return opaque_call(builder, found, callee, args, kwargs, node)


def _unwrap(
    builder: Builder, found: Any, path: Path | None
) -> tuple[Path | None, list[Value], dict[str, Value]]:
    """Follow wrappers to the Python function: its path, and the arguments bound on the way."""
    import functools

    def step(*steps: tuple[str, Any]) -> Path | None:
        return None if path is None else (*path, *steps)

    match found:
        case python_types.FunctionType() | type():
            return path, [], {}
        case functools.partial():
            inner = _unwrap(builder, found.func, step(("attr", "func")))
            bound = [
                builder.live.value(
                    arg, step(("attr", "args"), ("item", position)), f"arg{position}"
                )
                for position, arg in enumerate(found.args)
            ]
            named = {
                name: builder.live.value(value, step(("attr", "keywords"), ("item", name)), name)
                for name, value in found.keywords.items()
            }
            return inner[0], [*inner[1], *bound], {**inner[2], **named}
        case python_types.MethodType():
            inner = _unwrap(builder, found.__func__, step(("attr", "__func__")))
            receiver = builder.live.value(found.__self__, step(("attr", "__self__")), "self")
            return inner[0], [*inner[1], receiver], inner[2]
        case _ if numba_bridge.dispatcher_function(found) is not None:
            return _unwrap(builder, found.py_func, step(("attr", "py_func")))
        case staticmethod() | functools._lru_cache_wrapper():
            return _unwrap(builder, found.__wrapped__, step(("attr", "__wrapped__")))
        case _:
            call = type(found).__call__
            is_method = isinstance(call, python_types.FunctionType)
            if is_method or numba_bridge.dispatcher_function(call) is not None:
                return None, [builder.live.object(found, path)], {}
            return path, [], {}


def _converted(
    builder: Builder, callee: Callee, args: list[Value]
) -> tuple[list[Value], Type | None]:
    """Convert arguments to the parameter types of a dispatcher with fixed signatures.

    Return them and the type of the result; None if it is not fixed.
    """
    if not callee.signatures:
        return args, None
    settled = [bindings.settled(builder, arg) for arg in args]
    given = [arg.operand.type if isinstance(arg, OperandValue) else None for arg in settled]
    signature = numba_bridge.choose_signature(callee.signatures, given)
    types = [numba_bridge.from_numba(type_) for type_ in signature.args]
    converted = [
        bindings.converted(builder, value, type_)
        for value, type_ in zip(settled, types, strict=False)
    ]
    return converted + settled[len(types) :], numba_bridge.from_numba(signature.return_type)


def _elementwise(
    builder: Builder, callee: Callee, args: list[Value], node: ast.AST | None
) -> Value:
    if any(is_array(arg) for arg in args):
        from numbad.frontend import arrays

        return arrays.elementwise(builder, callee.function, args, node)
    return functions.call_python(builder, callee.target, None, args, {}, node)


def rule_call(
    builder: Builder,
    fn: Any,
    args: list[Value],
    kwargs: dict[str, Value],
    node: ast.AST | None,
) -> Value:
    """Emit the call of a function that has a rule."""
    own = operators.special_method(builder, args[0], _OWN_METHODS.get(fn, "")) if args else None
    if own is not None:
        return apply(builder, own, [], {}, node)
    is_scalar_rule = builder.session.is_scalar_rule(fn)
    if is_scalar_rule:
        args = [_as_number(builder, arg, node) for arg in args]
    values = [*args, *kwargs.values()]
    if is_scalar_rule and any(is_array(value) for value in values):
        from numbad.frontend import arrays

        return arrays.elementwise(builder, fn, args, node)
    return emit_call(builder, fn, args, kwargs, node)


_OWN_METHODS = {math.floor: "__floor__", math.ceil: "__ceil__", math.trunc: "__trunc__"}


def _as_number(builder: Builder, value: Value, node: ast.AST | None) -> Value:
    """Return the number that an object stands for, if its class says which."""
    if isinstance(value, Ref):
        for name in ("__float__", "__index__"):
            method = operators.special_method(builder, value, name)
            if method is not None:
                return apply(builder, method, [], {}, node)
    return value


def emit_call(
    builder: Builder,
    fn: Any,
    args: list[Value],
    kwargs: dict[str, Value],
    node: ast.AST | None,
) -> Value:
    """Emit ``fn(*args, **kwargs)`` as an ``ir.Call``; tuples among the arguments are made."""
    operands = [run_time_operand(builder, arg, node) for arg in args]
    if builder.attempt is not None:
        operands = list(checks.operands(builder, fn, tuple(operands)))
    named = [(name, run_time_operand(builder, value, node)) for name, value in kwargs.items()]
    bindings.settle_pending(builder)
    if not named:
        type_ = builder.session.result_type(fn, tuple(operand.type for operand in operands))
        return from_operand(builder, builder.call(fn, *operands, type=type_))
    types = tuple((name, operand.type) for name, operand in named)
    result = numba_bridge.call_type(fn, tuple(operand.type for operand in operands), types)
    if result is None:
        builder.type_error(node, f"`{fn.__name__}` cannot be called with these arguments.")
    return from_operand(builder, builder.let(result, ir.Call(fn, tuple(operands), tuple(named))))


def run_time_operand(builder: Builder, value: Value, node: ast.AST | None) -> ir.Operand:
    """Return the operand of a value; a tuple becomes a run-time tuple."""
    items = builder.as_sequence(value)
    if items is not None and not isinstance(value, StaticValue):
        operands = tuple(run_time_operand(builder, item, node) for item in items)
        cls = getattr(value, "cls", None)
        return builder.let(
            Tuple(tuple(operand.type for operand in operands), cls), ir.MakeTuple(operands)
        )
    return builder.as_operand(value, node)


def from_operand(builder: Builder, operand: ir.Operand) -> Value:
    """Return the value of an operand; a run-time tuple becomes a tuple of its items."""
    from numbad.frontend.values import TupleValue

    match operand.type:
        case Tuple(items, cls):
            parts = [
                from_operand(builder, builder.let(item, ir.TupleItem(operand, position)))
                for position, item in enumerate(items)
            ]
            return TupleValue(tuple(parts), cls)
        case Opaque(numba_type) if numba_type == numba_bridge.none_type().numba_type:
            return StaticValue(None)
        case _:
            return OperandValue(operand)


def opaque_call(
    builder: Builder,
    found: Any,
    callee: Callee,
    args: list[Value],
    kwargs: dict[str, Value],
    node: ast.AST | None,
) -> Value:
    """Call a function without source or rule: kept as it is if Numba can type it."""
    name = getattr(found, "__qualname__", None) or getattr(found, "__name__", repr(found))
    known = all(
        isinstance(value, OperandValue) and isinstance(value.type, Scalar | Array)
        for value in [*args, *kwargs.values()]
    )
    if known and _is_hashable(found):
        types = tuple(value.type for value in args if isinstance(value, OperandValue))
        named = tuple((k, v.type) for k, v in kwargs.items() if isinstance(v, OperandValue))
        if numba_bridge.call_type(found, types, named) is not None:
            return emit_call(builder, found, args, kwargs, node)
    if all(builder.is_static(value) for value in [*args, *kwargs.values()]) and _is_pure(found):
        known_args = [builder.as_static(value) for value in args]
        try:
            return builder.static(
                found(*known_args, **{k: builder.as_static(v) for k, v in kwargs.items()})
            )
        except Exception as failure:
            builder.type_error(node, f"`{name}` raises {type(failure).__name__}: {failure}.")
    builder.error(node, f"`{name}` cannot be differentiated.", callee.reason, "", NoRule)


def _is_hashable(found: Any) -> bool:
    """Whether the function can be looked up; those of ctypes only pretend to."""
    try:
        hash(found)
    except TypeError:
        return False
    return True


def _is_pure(found: Any) -> bool:
    """Whether a builtin may be called while building: methods of strings, ``math.prod`` ..."""
    module = getattr(found, "__module__", None)
    owner = getattr(found, "__self__", None)
    return module == "math" or isinstance(owner, str | bytes | tuple | range)
