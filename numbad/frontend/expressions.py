"""Expressions: the value of each kind of expression of the tree."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from numbad.frontend import bindings, comprehensions, functions, generators, merging, operators
from numbad.frontend.sequences import describe
from numbad.frontend.values import (
    DictObject,
    OperandValue,
    SliceValue,
    StaticValue,
    TupleValue,
    Value,
)
from numbad.ir import nodes as ir
from numbad.ir.types import BOOL

if TYPE_CHECKING:
    from numbad.frontend.builder import Builder


def evaluate(builder: Builder, node: ast.expr) -> Value:
    """Return the value of an expression."""
    with builder.at(node):
        return _evaluate(builder, node)


def _evaluate(builder: Builder, node: ast.expr) -> Value:
    match node:
        case ast.Constant(known):
            if isinstance(known, bool | int | float | complex):
                return builder.number(known)
            return StaticValue(known)
        case ast.Name(id=name):
            return bindings.lookup(builder, name, node)
        case ast.BinOp(left, op, right):
            one = evaluate(builder, left)
            other = evaluate(builder, right)
            return operators.binary(builder, operators.BINARY[type(op)], one, other, node)
        case ast.UnaryOp(op, operand):
            value = evaluate(builder, operand)
            return operators.unary(builder, operators.UNARY[type(op)], value, node)
        case ast.BoolOp(op, values):
            return _bool_op(builder, isinstance(op, ast.And), values, node)
        case ast.Compare():
            return _compare(builder, node)
        case ast.Call():
            return _call(builder, node)
        case ast.IfExp(test, body, orelse):
            condition = builder.as_condition(evaluate(builder, test), test)
            return merging.branch(
                builder,
                condition,
                lambda: bindings.settled(builder, evaluate(builder, body)),
                lambda: bindings.settled(builder, evaluate(builder, orelse)),
                node,
            )
        case ast.Attribute(value_node, name):
            return builder.attribute(evaluate(builder, value_node), name, node)
        case ast.Subscript(value_node, index):
            owner = evaluate(builder, value_node)
            return builder.getitem(owner, evaluate(builder, index), node)
        case ast.Tuple(elements):
            return TupleValue(tuple(_items(builder, elements)))
        case ast.List(elements):
            return builder.new_list(_items(builder, elements))
        case ast.Dict():
            return _dict(builder, node)
        case ast.Slice(lower, upper, step):
            bounds = [_bound(builder, bound) for bound in (lower, upper, step)]
            return SliceValue(*bounds)
        case ast.NamedExpr(target, value_node):
            value = bindings.settled(builder, evaluate(builder, value_node))
            assert isinstance(target, ast.Name)
            bindings.assign(builder, target.id, value, target)
            return bindings.lookup(builder, target.id, target)
        case ast.Lambda():
            return functions.define_lambda(builder, node)
        case ast.ListComp():
            return comprehensions.list_of(builder, node)
        case ast.DictComp():
            return comprehensions.dict_of(builder, node)
        case ast.GeneratorExp():
            return comprehensions.generator(builder, node)
        case ast.Yield(value_node):
            return generators.yield_(builder, value_node, node)
        case ast.YieldFrom(value_node):
            return generators.yield_from(builder, value_node, node)
        case ast.JoinedStr():
            return _format(builder, node)
        case ast.Set(elements):
            known = builder.as_static(TupleValue(tuple(_items(builder, elements))), "A set")
            return StaticValue(frozenset(known))
        case ast.SetComp():
            known = builder.as_static(comprehensions.list_of(builder, node), "A set")
            return StaticValue(frozenset(known))
        case ast.Starred():
            builder.error(node, "A starred expression is not supported here.")
        case _:
            kind = type(node).__name__
            builder.error(node, f"An expression of the kind `{kind}` is not supported.")


def _items(builder: Builder, elements: Sequence[ast.expr]) -> list[Value]:
    """Values of the elements of a display or call, with starred ones spread out."""
    values: list[Value] = []
    for element in elements:
        if isinstance(element, ast.Starred):
            from numbad.frontend import statements

            spread = evaluate(builder, element.value)
            values.extend(statements._unpackable(builder, spread, 0, True, element))
        else:
            values.append(bindings.settled(builder, evaluate(builder, element)))
    return values


def _bound(builder: Builder, node: ast.expr | None) -> ir.Operand | None:
    """Bound of a slice; None if it is left out or None."""
    if node is None:
        return None
    value = evaluate(builder, node)
    if isinstance(value, StaticValue) and value.value is None:
        return None
    return builder.as_index(value, node)


def _bool_op(builder: Builder, is_and: bool, nodes: Sequence[ast.expr], node: ast.AST) -> Value:
    """``and`` / ``or`` with Python's values: the operand that decides."""
    first = evaluate(builder, nodes[0])
    return _bool_rest(builder, is_and, first, nodes[1:], node)


def _bool_rest(
    builder: Builder, is_and: bool, first: Value, rest: Sequence[ast.expr], node: ast.AST
) -> Value:
    if not rest:
        return first
    condition = builder.as_condition(first, node)
    if isinstance(condition, ir.Const):
        if condition.value != is_and:
            return first
        return _bool_rest(builder, is_and, evaluate(builder, rest[0]), rest[1:], node)

    def go_on() -> Value:
        return _bool_rest(builder, is_and, evaluate(builder, rest[0]), rest[1:], node)

    def stop() -> Value:
        if isinstance(first, OperandValue) and first.type == BOOL:
            return OperandValue(ir.Const(not is_and, BOOL))
        return first

    sides = (go_on, stop) if is_and else (stop, go_on)
    return merging.branch(builder, condition, *sides, node)


def _compare(builder: Builder, node: ast.Compare) -> Value:
    left = evaluate(builder, node.left)
    return _compare_rest(builder, left, list(node.ops), list(node.comparators), node)


def _compare_rest(
    builder: Builder,
    left: Value,
    ops: list[ast.cmpop],
    comparators: list[ast.expr],
    node: ast.Compare,
) -> Value:
    right = evaluate(builder, comparators[0])
    first = _compare_two(builder, ops[0], left, right, node)
    if len(ops) == 1:
        return first
    right = bindings.settled(builder, right)
    condition = builder.as_condition(first, node)

    def rest() -> Value:
        return OperandValue(
            builder.as_condition(
                _compare_rest(builder, right, ops[1:], comparators[1:], node), node
            )
        )

    return merging.branch(
        builder, condition, rest, lambda: OperandValue(ir.Const(False, BOOL)), node
    )


def _compare_two(
    builder: Builder, op: ast.cmpop, left: Value, right: Value, node: ast.AST
) -> Value:
    match op:
        case ast.Is():
            return operators.identical(builder, left, right, node)
        case ast.IsNot():
            same = operators.identical(builder, left, right, node)
            return operators.unary(builder, operator.not_, same, node)
        case ast.In():
            return operators.contains(builder, right, left, node)
        case ast.NotIn():
            found = operators.contains(builder, right, left, node)
            return operators.unary(builder, operator.not_, found, node)
        case _:
            return operators.binary(builder, operators.COMPARE[type(op)], left, right, node)


def _call(builder: Builder, node: ast.Call) -> Value:
    function = evaluate(builder, node.func)
    args: list[Value] = []
    for argument in node.args:
        if isinstance(argument, ast.Starred):
            args.extend(_items(builder, [argument]))
        else:
            args.append(evaluate(builder, argument))
    kwargs: dict[str, Value] = {}
    for keyword in node.keywords:
        value = evaluate(builder, keyword.value)
        if keyword.arg is not None:
            kwargs[keyword.arg] = value
            continue
        kwargs.update(_spread_mapping(builder, value, keyword))
    return builder.apply(function, args, kwargs, node)


def _spread_mapping(builder: Builder, value: Value, node: ast.AST) -> dict[str, Value]:
    from numbad.frontend import methods

    pairs = methods.mapping_items(builder, value)
    if pairs is None:
        builder.error(node, f"`**` needs a dict, not {describe(builder, value)}.")
    return {str(key): item for key, item in pairs}


def _dict(builder: Builder, node: ast.Dict) -> Value:
    from numbad.frontend import methods

    entries: dict[object, Value] = {}
    for key_node, value_node in zip(node.keys, node.values, strict=True):
        if key_node is None:
            pairs = methods.mapping_items(builder, evaluate(builder, value_node))
            if pairs is None:
                builder.error(value_node, "`**` needs a dict.")
            entries.update(pairs)
            continue
        key = builder.as_static(evaluate(builder, key_node), "A key of a dict")
        entries[key] = bindings.settled(builder, evaluate(builder, value_node))
    return builder.new_object(DictObject(tuple(entries), tuple(entries.values())))


def _format(builder: Builder, node: ast.JoinedStr) -> Value:
    """An f-string of known parts."""
    parts: list[str] = []
    for part in node.values:
        match part:
            case ast.Constant(value=text):
                parts.append(str(text))
            case ast.FormattedValue(value=inner, conversion=conversion, format_spec=spec):
                known = builder.as_static(evaluate(builder, inner), "A value in an f-string")
                text = _converted(known, conversion)
                if spec is not None:
                    style = builder.as_static(evaluate(builder, spec), "A format")
                    text = format(known, style)
                parts.append(text)
            case _:
                builder.error(part, "This part of an f-string is not supported.")
    return StaticValue("".join(parts))


def _converted(value: object, conversion: int) -> str:
    converters: dict[int, Callable[[object], str]] = {ord("r"): repr, ord("a"): ascii}
    return converters.get(conversion, str)(value)
