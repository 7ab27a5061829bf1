"""``while`` loops: the test is a region of its own, whose values the body does not see.

A test that binds names or changes something is moved into the body, with a flag to leave the loop.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING

from numbad.frontend import bindings, merging, statements
from numbad.frontend.carrying import Carrying, Result
from numbad.frontend.signals import DeadEnd
from numbad.frontend.state import State, assigned_names
from numbad.frontend.values import OperandValue, Value
from numbad.ir import nodes as ir
from numbad.ir.build import BlockBuilder
from numbad.ir.types import BOOL
from numbad.ir.visit import walk as walk_statements

if TYPE_CHECKING:
    from numbad.frontend.builder import Builder

Names = set[tuple[int, str]]


def run_statement(builder: Builder, node: ast.While) -> None:
    """Walk a ``while`` statement."""
    nodes = [ast.Expr(node.test), *node.body]
    names = bindings.rebound_names(builder, assigned_names(nodes), nodes)
    names |= {pair for more in builder.ambient for pair in more}

    def test() -> ir.Operand:
        with builder.at(node.test):
            return builder.as_condition(builder.evaluate(node.test), node.test)

    def body() -> None:
        statements.run_block(builder, node.body)

    if any(isinstance(child, ast.NamedExpr) for child in ast.walk(node.test)):
        run_with_flag(builder, test, body, node, names)
    else:
        run(builder, test, body, node, names)


def run(
    builder: Builder,
    test: Callable[[], ir.Operand],
    body: Callable[[], None],
    node: ast.AST | None,
    names: Names,
) -> None:
    """Walk ``while test(): body()``; ``names`` are what both may bind."""
    origin = builder.block.origin
    condition: list[ir.Operand] = []
    changes = False

    def walk() -> tuple[list[BlockBuilder], bool, list[ir.Operand]]:
        nonlocal changes
        condition.clear()
        with builder.nested() as before:
            entry = builder.state.copy()
            condition.append(test())
            changes = not _same(entry, builder.state) or _writes(before)
            builder.state = entry
        with builder.nested() as block:
            is_dead = False
            try:
                body()
                bindings.settle_pending(builder)
            except DeadEnd:
                is_dead = True
        return [before, block], is_dead, condition

    take_back = builder.checkpoint()
    result: Result = Carrying(builder, names, node).run(walk)
    if not result.blocks:
        return
    if changes:
        # What the test binds must reach the body: test inside the loop, with a flag.
        take_back()
        run_with_flag(builder, test, body, node, names)
        return
    if isinstance(condition[0], ir.Const) and not condition[0].value:
        take_back()
        return
    before, block = result.blocks
    builder.emit(ir.While(result.carried, before.block(), condition[0], block.block(), origin))


def run_with_flag(
    builder: Builder,
    test: Callable[[], ir.Operand],
    body: Callable[[], None],
    node: ast.AST | None,
    names: Names,
) -> None:
    """Walk the same loop with the test at the start of the body and a flag to leave it."""
    flag = bindings.Accumulator(builder, OperandValue(ir.Const(True, BOOL)))

    def go_on() -> Value:
        body()
        return OperandValue(ir.Const(True, BOOL))

    def one() -> None:
        condition = test()
        flag.set(
            merging.branch(builder, condition, go_on, lambda: OperandValue(ir.Const(False, BOOL)))
        )

    run(
        builder,
        lambda: builder.as_condition(flag.get()),
        one,
        node,
        names | {(flag.frame, flag.name)},
    )
    flag.pop()


def _same(one: State, other: State) -> bool:
    return one.frames == other.frames and one.heap == other.heap


def _writes(block: BlockBuilder) -> bool:
    """Whether a block changes memory or the outside world."""
    for statement in walk_statements(block.block()):
        match statement:
            case ir.Store() | ir.Accumulate() | ir.Append() | ir.Effect():
                return True
            case ir.Let(_, expr) if ir.has_effect(expr) and not isinstance(expr, ir.Invoke):
                return True
            case _:
                pass
    return False
