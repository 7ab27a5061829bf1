"""Small wrappers over the builder: how this package emits loads, stores, loops and checks."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from numbad.frontend.values import OperandValue, StaticValue, Value
from numbad.ir import nodes as ir
from numbad.ir.types import BOOL, INT64, Scalar, Type

if TYPE_CHECKING:
    from numbad.frontend.builder import Builder

Node = ast.AST | None
Index = tuple[ir.Operand, ...]
Operands = list[ir.Operand]

ZERO = ir.Const(0, INT64)
ONE = ir.Const(1, INT64)
TRUE = ir.Const(True, BOOL)
FALSE = ir.Const(False, BOOL)


def integer(value: int) -> ir.Const:
    """Return a constant of type int64."""
    return ir.Const(value, INT64)


def let(builder: Builder, type_: Type, expr: ir.Expr, name: str = "") -> ir.Var:
    """Define a new value in the block under construction."""
    return builder.let(type_, expr, name)


def select(
    builder: Builder, condition: ir.Operand, if_true: ir.Operand, if_false: ir.Operand
) -> ir.Operand:
    """Choose one of two operands of the same type; decided here if the condition is constant."""
    if isinstance(condition, ir.Const):
        return if_true if condition.value else if_false
    if if_true == if_false:
        return if_true
    return let(builder, if_true.type, ir.Select(condition, if_true, if_false))


def loop(
    builder: Builder,
    count: ir.Operand,
    body: Callable[[ir.Operand, Operands], Sequence[ir.Operand]],
    carried: Sequence[ir.Operand] = (),
) -> Operands:
    """Emit a loop over ``range(count)``; a single known iteration needs no loop."""
    if isinstance(count, ir.Const):
        if count.value == 1:
            return list(body(ZERO, list(carried)))
        if count.value <= 0:
            return list(carried)
    return list(builder.for_range(ZERO, count, ONE, body, list(carried)))


def arithmetic(
    builder: Builder, fn: Callable[..., Any], left: ir.Operand, right: ir.Operand
) -> ir.Operand:
    """Sum, difference, product, quotient or comparison of two int64, folded where it is easy."""
    if isinstance(left, ir.Const) and isinstance(right, ir.Const):
        value = fn(left.value, right.value)
        return ir.Const(value, BOOL if isinstance(value, bool) else INT64)
    zero_left = isinstance(left, ir.Const) and left.value == 0
    zero_right = isinstance(right, ir.Const) and right.value == 0
    one_left = isinstance(left, ir.Const) and left.value == 1
    one_right = isinstance(right, ir.Const) and right.value == 1
    if (fn is operator.add and zero_right) or (fn is operator.sub and zero_right):
        return left
    if fn is operator.add and zero_left:
        return right
    if fn is operator.mul:
        if zero_left or zero_right:
            return ZERO
        if one_left:
            return right
        if one_right:
            return left
    if fn is operator.floordiv and one_right:
        return left
    if left == right and fn in (operator.eq, operator.le, operator.ge):
        return TRUE
    if left == right and fn in (operator.ne, operator.lt, operator.gt):
        return FALSE
    result: ir.Operand = builder.call(fn, left, right)
    return result


def both(builder: Builder, first: ir.Operand, second: ir.Operand) -> ir.Operand:
    """Conjunction of two truth values that are already evaluated."""
    for one, other in ((first, second), (second, first)):
        if isinstance(one, ir.Const):
            return other if one.value else FALSE
    result: ir.Operand = builder.call(operator.and_, first, second)
    return result


def either(builder: Builder, first: ir.Operand, second: ir.Operand) -> ir.Operand:
    """Disjunction of two truth values that are already evaluated."""
    for one, other in ((first, second), (second, first)):
        if isinstance(one, ir.Const):
            return TRUE if one.value else other
    result: ir.Operand = builder.call(operator.or_, first, second)
    return result


def truth(builder: Builder, operand: ir.Operand) -> ir.Operand:
    """Truth value of a number."""
    if operand.type == BOOL:
        return operand
    result: ir.Operand = builder.call(operator.ne, operand, zero_of(operand.type))
    return result


def zero_of(type_: Type) -> ir.Const:
    """Return the zero of a scalar type."""
    return number_of(type_, 0)


def number_of(type_: Type, value: complex) -> ir.Const:
    """Return a number as a constant of a scalar type."""
    assert isinstance(type_, Scalar)
    if type_ == BOOL:
        return ir.Const(bool(value), type_)
    if type_.name.startswith("complex"):
        return ir.Const(complex(value), type_)
    assert not isinstance(value, complex)
    return ir.Const(float(value) if type_.name.startswith("float") else int(value), type_)


def product(builder: Builder, factors: Sequence[ir.Operand]) -> ir.Operand:
    """Product of int64 operands."""
    result: ir.Operand = ONE
    for factor in factors:
        result = arithmetic(builder, operator.mul, result, factor)
    return result


def value_of(operand: ir.Operand) -> OperandValue:
    """Wrap an operand as a value."""
    return OperandValue(operand)


def is_none(value: Value | None) -> bool:
    """Whether an argument is absent or the constant None."""
    return value is None or (isinstance(value, StaticValue) and value.value is None)
