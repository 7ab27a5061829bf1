"""Functions: their definitions, their activation, and inlining of calls.

A call of a Python function is inlined: its normalised body is walked in a new frame. Recursive
functions become functions of the IR (``recursion``), generator functions are walked where they are
consumed (``generators``).
"""

from __future__ import annotations

import ast
import functools
import types as python_types
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from numbad.errors import DifferentiationError
from numbad.frontend import attempts, bindings, recursion, statements
from numbad.frontend.callables import bind_arguments
from numbad.frontend.emitter import Activation
from numbad.frontend.exits import guarded_function
from numbad.frontend.normalize import normalize
from numbad.frontend.source import lambda_to_def, load
from numbad.frontend.state import Code
from numbad.frontend.values import (
    DictObject,
    FunctionValue,
    GeneratorValue,
    TupleValue,
    Value,
)
from numbad.ir.types import Type
from numbad.paths import Path

if TYPE_CHECKING:
    from numbad.frontend.builder import Builder

_DEPTH_LIMIT = 150


def code_of(builder: Builder, function: python_types.FunctionType, path: Path | None) -> Code:
    """Return the code of a Python function found on a path."""
    source = load(function)
    node = normalize(source)
    if attempts.is_guarded(builder):
        node = guarded_function(node)
    return Code(node, source.parsed, source.globals, source.closure, path, function)


def define(builder: Builder, node: ast.FunctionDef) -> Value:
    """Walk a nested ``def``."""
    from numbad.frontend import calls

    decorators = [
        (decorator, builder.evaluate(decorator))
        for decorator in node.decorator_list
        if not _changes_nothing(builder, decorator)
    ]
    value: Value = _function(builder, node)
    for decorator, function in reversed(decorators):
        value = calls.apply(builder, function, [value], {}, decorator)
    return value


def define_lambda(builder: Builder, node: ast.Lambda) -> FunctionValue:
    """Walk a lambda."""
    definition = builder.lambdas.get(id(node))
    if definition is None:
        definition = lambda_to_def(node)
        builder.lambdas[id(node)] = definition
    return _function(builder, definition)


def _changes_nothing(builder: Builder, decorator: ast.expr) -> bool:
    """Whether a decorator gives a function with the same values: it compiles, names or caches."""
    from numbad import numba_bridge

    inner = decorator.func if isinstance(decorator, ast.Call) else decorator
    found = getattr(builder.evaluate(inner), "value", None)
    return numba_bridge.is_jit(found) or found in (
        functools.wraps,
        functools.cache,
        functools.lru_cache,
    )


def _function(builder: Builder, node: ast.FunctionDef) -> FunctionValue:
    frame = builder.frame
    assert frame is not None
    code = builder.nested_codes.get(id(node))
    if code is None:
        outer = frame.code
        code = Code(node, outer.parsed, outer.globals, outer.cells, outer.path)
        code.is_compiled = outer.is_compiled
        builder.nested_codes[id(node)] = code
    defaults = tuple(
        bindings.settled(builder, builder.evaluate(default)) for default in node.args.defaults
    )
    keyword_defaults = tuple(
        (parameter.arg, bindings.settled(builder, builder.evaluate(default)))
        for parameter, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
        if default is not None
    )
    builder.kept_frames.add(frame.id)
    return FunctionValue(code, frame.id, defaults, keyword_defaults)


def call_function(
    builder: Builder,
    function: FunctionValue,
    args: list[Value],
    kwargs: dict[str, Value],
    node: ast.AST | None,
) -> Value:
    """Call a function defined in walked code."""

    def default(name: str) -> Value:
        named = dict(function.keyword_defaults)
        if name in named:
            return named[name]
        arguments = function.source.node.args
        names = [p.arg for p in [*arguments.posonlyargs, *arguments.args]]
        return function.defaults[names.index(name) - len(names)]

    code = function.source
    if attempts.is_guarded(builder):
        node_ = guarded_function(code.node)
        guarded = builder.nested_codes.get(id(node_))
        if guarded is None:
            guarded = Code(node_, code.parsed, code.globals, code.cells, code.path, None)
            guarded.is_compiled = code.is_compiled
            builder.nested_codes[id(node_)] = guarded
        code = guarded
    return activate(builder, code, function.frame, args, kwargs, default, node)


def call_python(
    builder: Builder,
    function: python_types.FunctionType,
    path: Path | None,
    args: list[Value],
    kwargs: dict[str, Value],
    node: ast.AST | None,
    declared: Mapping[str, Type] | None = None,
) -> Value:
    """Call a Python function found on a path.

    ``declared`` is given if Numba compiles it, with the types fixed for its variables.
    """
    try:
        code = code_of(builder, function, path)
        code.declared.update(declared or {})
        caller = builder.frame
        is_inside = caller is not None and caller.code.is_compiled
        code.is_compiled = declared is not None or is_inside
    except DifferentiationError as error:
        if error.origin is None:
            error = type(error)(
                error.what, origin=builder.origin(node), why=error.why, remedy=error.remedy
            )
        raise error from None

    def default(name: str) -> Value:
        from numbad.frontend.callables import default_values

        found = default_values(function)[name]
        step = None if path is None else (*path, ("default", name))
        return builder.live.value(found, step, name)

    return activate(builder, code, None, args, kwargs, default, node)


def activate(
    builder: Builder,
    code: Code,
    parent: int | None,
    args: list[Value],
    kwargs: dict[str, Value],
    default: Any,
    node: ast.AST | None,
) -> Value:
    """Bind arguments and run a function, inline or by a call of its own IR function."""
    bound = bind(builder, code, args, kwargs, default, node)
    if code.is_generator:
        return start_generator(builder, code, parent, bound)
    key = recursion.key_of(builder, code, parent, bound)
    known = recursion.find(builder, key)
    if known is not None:
        return recursion.invoke(builder, known, bound, node)
    if any(activation.key == key for activation in builder.call_stack):
        recursion.found(builder, key)
    if len(builder.call_stack) > _DEPTH_LIMIT:
        builder.error(
            node,
            f"Calls are nested more than {_DEPTH_LIMIT} deep.",
            "The recursion seems never to end for the structure it is given.",
        )
    return recursion.guarded(
        builder,
        key,
        code,
        parent,
        bound,
        lambda: inline(builder, code, parent, bound, key, node),
        node,
    )


def bind(
    builder: Builder,
    code: Code,
    args: list[Value],
    kwargs: dict[str, Value],
    default: Any,
    node: ast.AST | None,
) -> dict[str, Value]:
    """Return the value of each parameter."""
    name = code.function.__qualname__ if code.function is not None else code.name
    try:
        found = bind_arguments(code.node, args, kwargs, name)
    except TypeError as failure:
        builder.error(node, f"{failure}.")
    values = {key: bindings.settled(builder, value, key) for key, value in found.values.items()}
    for missing in found.defaults:
        values[missing] = default(missing)
    if found.star is not None:
        values[found.star[0]] = TupleValue(
            tuple(bindings.settled(builder, value) for value in found.star[1])
        )
    if found.double_star is not None:
        extra = found.double_star[1]
        items = tuple(bindings.settled(builder, value) for value in extra.values())
        values[found.double_star[0]] = builder.new_object(DictObject(tuple(extra), items))
    for key, type_ in code.declared.items():
        if key in values:
            values[key] = bindings.converted(builder, values[key], type_)
    return values


def enter(builder: Builder, code: Code, parent: int | None, bound: dict[str, Value]) -> Any:
    """Make the frame of an activation with its parameters bound."""
    frame = bindings.new_frame(builder, code, parent, code.scope.locals)
    builder.state.frames[frame.id].update(bound)
    return frame


def inline(
    builder: Builder,
    code: Code,
    parent: int | None,
    bound: dict[str, Value],
    key: Any,
    node: ast.AST | None,
) -> Value:
    """Walk the body of a function in a new frame and return its value."""
    outer = (builder.frame, builder.node, builder.site, builder.block.origin)
    consumer, builder.consumer = builder.consumer, None
    activation = Activation(key, builder.origin(node) if builder.frame is not None else None)
    builder.call_stack.append(activation)
    frame = enter(builder, code, parent, bound)
    builder.frame = frame
    builder.node = None
    builder.site = (*builder.site, id(node))
    try:
        value = body_value(builder, code)
    finally:
        builder.call_stack.pop()
        builder.frame, builder.node, builder.site = outer[:3]
        builder.block.origin = outer[3]
        builder.consumer = consumer
        leave(builder, frame.id)
    return value


def leave(builder: Builder, frame: int) -> None:
    """Forget a frame, unless a function that was made in it may still read it."""
    if frame not in builder.kept_frames:
        builder.state.frames.pop(frame, None)


def body_value(builder: Builder, code: Code) -> Value:
    """Walk the statements of a function; return what it returns."""
    *body, last = code.node.body
    statements.run_block(builder, body)
    assert isinstance(last, ast.Return)
    with builder.at(last):
        builder.block.origin = builder.origin(last)
        if last.value is None:
            return builder.static(None)
        return builder.evaluate(last.value)


def start_generator(
    builder: Builder, code: Code, parent: int | None, bound: dict[str, Value]
) -> GeneratorValue:
    """Return a generator that has not run yet."""
    frame = enter(builder, code, parent, bound)
    builder.kept_frames.add(frame.id)
    return GeneratorValue(code, frame.id)
