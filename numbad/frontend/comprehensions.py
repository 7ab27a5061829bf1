"""Comprehensions and generator expressions: loops with a scope of their own."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING

from numbad.frontend import bindings, loops, operators, statements
from numbad.frontend.state import comprehension_targets, targets_of
from numbad.frontend.values import (
    NONE,
    DictObject,
    GeneratorValue,
    StaticValue,
    Value,
)

if TYPE_CHECKING:
    from numbad.frontend.builder import Builder

Emit = Callable[[], None]


def list_of(builder: Builder, node: ast.ListComp | ast.SetComp) -> Value:
    """Walk a list comprehension, or a set comprehension as one."""
    result = builder.new_list(())

    def one() -> None:
        operators.append(builder, result, builder.evaluate(node.elt), node)

    _run(builder, node, node.generators, one)
    return result


def dict_of(builder: Builder, node: ast.DictComp) -> Value:
    """Walk a dict comprehension over static keys."""
    result = builder.new_object(DictObject((), ()))

    def one() -> None:
        key = builder.evaluate(node.key)
        builder.setitem(result, key, builder.evaluate(node.value), node)

    _run(builder, node, node.generators, one)
    return result


def generator(builder: Builder, node: ast.GeneratorExp) -> Value:
    """Return a generator expression that has not run; its first iterable is evaluated now."""
    frame = builder.frame
    assert frame is not None
    first = bindings.settled(builder, builder.evaluate(node.generators[0].iter))
    scope = _enter(builder, node)
    builder.state.frames[scope][".first"] = first
    builder.kept_frames.add(scope)
    return GeneratorValue(node, scope)


def run_generator(
    builder: Builder, generator_: GeneratorValue, body: Callable[[Value], None]
) -> None:
    """Run a generator expression, giving each item to ``body``."""
    node = generator_.source
    assert isinstance(node, ast.GeneratorExp)
    consumer = builder.frame
    inner = builder.frames[generator_.frame]

    def one() -> None:
        item = builder.evaluate(node.elt)
        builder.frame = consumer
        try:
            body(item)
        finally:
            builder.frame = inner

    bindings.consume(builder, inner.id, node)
    builder.frame = inner
    try:
        first = builder.state.frames[inner.id].get(".first", StaticValue(None))
        _clauses(builder, node.generators, one, first)
    finally:
        builder.frame = consumer
    builder.state.frames.pop(inner.id, None)


def _enter(builder: Builder, node: ast.AST) -> int:
    outer = builder.frame
    assert outer is not None
    frame = bindings.new_frame(
        builder, outer.code, outer.id, comprehension_targets(node), is_comprehension=True
    )
    return frame.id


def _run(builder: Builder, node: ast.AST, clauses: list[ast.comprehension], emit: Emit) -> None:
    outer = builder.frame
    first = builder.evaluate(clauses[0].iter)
    scope = _enter(builder, node)
    builder.frame = builder.frames[scope]
    try:
        _clauses(builder, clauses, emit, first)
    finally:
        builder.frame = outer
        if scope not in builder.kept_frames:
            builder.state.frames.pop(scope, None)


def _clauses(
    builder: Builder, clauses: list[ast.comprehension], emit: Emit, first: Value | None
) -> None:
    if not clauses:
        emit()
        return
    clause, *rest = clauses
    if clause.is_async:
        builder.error(clause.target, "Asynchronous comprehensions are not supported.")
    iterable = builder.evaluate(clause.iter) if first is None else first

    def body(item: Value) -> None:
        statements.assign_target(builder, clause.target, item)
        _conditions(builder, list(clause.ifs), lambda: _clauses(builder, rest, emit, None))

    assert builder.frame is not None
    names = {(builder.frame.id, name) for name in targets_of(clause.target)}
    loops.run(builder, iterable, body, None, names, None)


def _conditions(builder: Builder, conditions: list[ast.expr], emit: Emit) -> None:
    if not conditions:
        emit()
        return
    condition = builder.as_condition(builder.evaluate(conditions[0]), conditions[0])

    def then() -> Value:
        _conditions(builder, conditions[1:], emit)
        return NONE

    builder.branch(condition, then, lambda: NONE)
