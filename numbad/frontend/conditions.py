"""Truth values that are already evaluated, combined without branches."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

from numbad.ir import nodes as ir
from numbad.ir.types import BOOL

if TYPE_CHECKING:
    from numbad.frontend.builder import Builder


def both(builder: Builder, left: ir.Operand, right: ir.Operand) -> ir.Operand:
    """``left and right`` for evaluated BOOL operands."""
    return choose(builder, left, right, ir.Const(False, BOOL))


def either(builder: Builder, left: ir.Operand, right: ir.Operand) -> ir.Operand:
    """``left or right`` for evaluated BOOL operands."""
    return choose(builder, left, ir.Const(True, BOOL), right)


def choose(
    builder: Builder, condition: ir.Operand, if_true: ir.Operand, if_false: ir.Operand
) -> ir.Operand:
    """``if_true if condition else if_false`` for evaluated BOOL operands."""
    match condition, if_true, if_false:
        case ir.Const(value), _, _:
            return if_true if value else if_false
        case _, ir.Const(True), ir.Const(False):
            return condition
        case _, ir.Const(False), ir.Const(True):
            return builder.call(operator.not_, condition)
        case _ if if_true == if_false:
            return if_true
        case _:
            return builder.let(BOOL, ir.Select(condition, if_true, if_false))
