"""Statements: what each statement of the normalised tree does to the state."""

from __future__ import annotations

import ast
import importlib
from typing import TYPE_CHECKING

from numbad.frontend import (
    attempts,
    bindings,
    functions,
    items,
    loops,
    merging,
    operators,
    raising,
    while_loops,
)
from numbad.frontend.guarding import Probe, Throw
from numbad.frontend.jumps import Attempt, GuardedFor
from numbad.frontend.sequences import describe, items_of, sentence
from numbad.frontend.signals import Thrown
from numbad.frontend.values import (
    NONE,
    OperandValue,
    OptionalValue,
    StaticValue,
    Value,
    is_array,
)
from numbad.ir import nodes as ir
from numbad.ir.types import INT64, Tuple

if TYPE_CHECKING:
    from numbad.frontend.builder import Builder


def run_block(builder: Builder, block: list[ast.stmt]) -> None:
    """Walk statements in order."""
    for statement in block:
        run(builder, statement)


def run(builder: Builder, node: ast.stmt) -> None:
    """Walk one statement."""
    try:
        _run(builder, node)
    except Thrown:
        if not attempts.is_guarded(builder):
            raise


def _run(builder: Builder, node: ast.stmt) -> None:
    with builder.at(node):
        builder.block.origin = builder.origin(node)
        match node:
            case ast.Assign(targets, source):
                _assign(builder, targets, source)
            case ast.AugAssign(place, op, source):
                _augmented(builder, place, op, source, node)
            case ast.Expr(source):
                builder.evaluate(source)
            case ast.If():
                _if(builder, node)
            case ast.For() | GuardedFor():
                loops.run_for(builder, node)
            case ast.While():
                while_loops.run_statement(builder, node)
            case ast.FunctionDef():
                value = functions.define(builder, node)
                bindings.assign(builder, node.name, value, node)
            case ast.Raise():
                raising.run(builder, node)
            case Throw(jump=raised):
                raising.run(builder, raised)
            case Probe(target=place):
                items.probe(builder, builder.evaluate(place.value), place.slice, place)
            case Attempt():
                attempts.run(builder, node)
            case ast.Global() | ast.Nonlocal():
                pass
            case ast.Import(names):
                for alias in names:
                    _import(builder, alias, node)
            case ast.ImportFrom():
                _import_from(builder, node)
            case ast.Delete(targets):
                for target in targets:
                    _delete(builder, target)
            case _:
                kind = type(node).__name__
                builder.error(node, f"A statement of the kind `{kind}` is not supported.")


def _assign(builder: Builder, targets: list[ast.expr], source: ast.expr) -> None:
    value = builder.evaluate(source)
    if len(targets) > 1:
        value = bindings.settled(builder, value)
    for target in targets:
        assign_target(builder, target, value)


def assign_target(builder: Builder, target: ast.expr, value: Value) -> None:
    """Assign a value to a name, item, attribute or pattern of these."""
    match target:
        case ast.Name(id=name):
            bindings.assign(builder, name, value, target)
        case ast.Tuple(elements) | ast.List(elements):
            items = unpack(builder, value, elements, target)
            for element, item in zip(elements, items, strict=True):
                inner = element.value if isinstance(element, ast.Starred) else element
                assign_target(builder, inner, item)
        case ast.Subscript(ast.Attribute(holder, "__dict__"), index):
            from numbad.frontend import attributes

            owner = builder.evaluate(holder)
            name = builder.as_static(builder.evaluate(index), "The name of an attribute")
            attributes.set_field(builder, owner, name, value, target)
        case ast.Subscript(container, index):
            owner = builder.evaluate(container)
            position = builder.evaluate(index)
            builder.setitem(owner, position, value, target)
        case ast.Attribute(owner_node, name):
            owner = builder.evaluate(owner_node)
            from numbad.frontend import attributes

            attributes.setattr_(builder, owner, name, value, target)
        case ast.Starred(inner):
            assign_target(builder, inner, value)
        case _:
            builder.error(target, "This cannot be assigned to.")


def unpack(builder: Builder, value: Value, elements: list[ast.expr], node: ast.AST) -> list[Value]:
    """Split a value into one item per element of a pattern."""
    count = len(elements)
    starred = [i for i, element in enumerate(elements) if isinstance(element, ast.Starred)]
    items = _unpackable(builder, value, count, bool(starred), node)
    if not starred:
        if len(items) != count:
            few = len(items) < count
            builder.raise_now(
                ValueError,
                f"not enough values to unpack (expected {count}, got {len(items)})"
                if few
                else f"too many values to unpack (expected {count})",
            )
        return [bindings.settled(builder, item) for item in items]
    first = starred[0]
    behind = count - first - 1
    if len(items) < count - 1:
        builder.error(node, f"{len(items)} values are too few to unpack.")
    middle = builder.new_list(items[first : len(items) - behind])
    return [*items[:first], middle, *items[len(items) - behind :]]


def _unpackable(
    builder: Builder, value: Value, count: int, is_starred: bool, node: ast.AST
) -> list[Value]:
    if isinstance(value, OptionalValue):
        builder.raise_if(value.is_none, TypeError, "cannot unpack non-iterable NoneType object")
        value = value.value
    items = items_of(builder, value)
    if items is not None:
        return list(items)
    if isinstance(value, OperandValue) and isinstance(value.type, Tuple):
        return [
            builder.getitem(value, builder.number(position), node)
            for position in range(len(value.type.items))
        ]
    if is_array(value) and not is_starred:
        import operator

        length = builder.length(value, node)
        differs = builder.call(operator.ne, length, ir.Const(count, INT64))
        builder.raise_if(differs, ValueError, "wrong number of values to unpack")
        return [builder.getitem(value, builder.number(i), node) for i in range(count)]
    from numbad.frontend import iteration

    plan = iteration.plan(builder, value, node)
    if isinstance(plan, iteration.Listed):
        return [item() for item in plan.items]
    if isinstance(plan, iteration.Generated):
        from numbad.frontend import consumers

        known = items_of(builder, consumers.collect(builder, value, node))
        if known is not None:
            return list(known)
    else:
        length = iteration.count_of(builder, plan)
        if isinstance(length, ir.Const):
            return [
                iteration.item_at(builder, plan, ir.Const(i, INT64)) for i in range(length.value)
            ]
    if isinstance(plan, iteration.Indexed) and not is_starred:
        return [plan.at(ir.Const(i, INT64)) for i in range(count)]
    builder.error(
        node, sentence(f"{describe(builder, value)} cannot be unpacked: its length is not known.")
    )


def _augmented(
    builder: Builder, target: ast.expr, op: ast.operator, source: ast.expr, node: ast.AST
) -> None:
    fn = operators.BINARY[type(op)]
    match target:
        case ast.Name(id=name):
            left = bindings.lookup(builder, name, target)
            right = builder.evaluate(source)
            bindings.assign(
                builder, name, operators.augmented(builder, fn, left, right, node), target
            )
        case ast.Subscript(container, index):
            owner = builder.evaluate(container)
            position = builder.evaluate(index)
            items.augmented(builder, owner, position, fn, lambda: builder.evaluate(source), node)
        case ast.Attribute(owner_node, name):
            from numbad.frontend import attributes

            owner = builder.evaluate(owner_node)
            left = attributes.getattr_(builder, owner, name, target)
            right = builder.evaluate(source)
            value = operators.augmented(builder, fn, left, right, node)
            attributes.setattr_(builder, owner, name, value, target)
        case _:
            builder.error(target, "This cannot be assigned to.")


def _if(builder: Builder, node: ast.If) -> None:
    with builder.at(node.test):
        condition = builder.as_condition(builder.evaluate(node.test), node.test)

    def then() -> Value:
        run_block(builder, node.body)
        return NONE

    def orelse() -> Value:
        run_block(builder, node.orelse)
        return NONE

    builder.block.origin = builder.origin(node)
    merging.branch(builder, condition, then, orelse, node)


def _import(builder: Builder, alias: ast.alias, node: ast.AST) -> None:
    module = importlib.import_module(alias.name)
    if alias.asname is None:
        name = alias.name.partition(".")[0]
        module = importlib.import_module(name)
        bindings.assign(builder, name, StaticValue(module), node)
    else:
        bindings.assign(builder, alias.asname, StaticValue(module), node)


def _import_from(builder: Builder, node: ast.ImportFrom) -> None:
    assert builder.frame is not None
    package = builder.frame.code.globals.get("__package__") or ""
    base = importlib.import_module("." * node.level + (node.module or ""), package or None)
    for alias in node.names:
        found = getattr(base, alias.name, None)
        if found is None:
            found = importlib.import_module(f"{base.__name__}.{alias.name}")
        value = builder.attribute(StaticValue(base), alias.name, node)
        bindings.assign(builder, alias.asname or alias.name, value, node)


def _delete(builder: Builder, target: ast.expr) -> None:
    match target:
        case ast.Subscript(container, index):
            from numbad.frontend import methods

            owner = builder.evaluate(container)
            methods.delete_item(builder, owner, builder.evaluate(index), target)
        case _:
            builder.error(target, "`del` of this is not supported.")
