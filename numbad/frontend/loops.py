"""Loops: ``for`` over anything, ``for`` that may be left early, ``while``.

- Over ranges, arrays and lists of the IR: one ``ir.For``; with a flag (``GuardedFor``): ``ir.While``
  with a counter.
- Over tuples, lists of known length, strings and other static structure: unrolled.
- A range with constant bounds whose body needs the index as a constant (to index a tuple): unrolled.
- Over generators and filters: the consumer's body is walked at each ``yield``.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from numbad.frontend import bindings, iteration, merging, statements
from numbad.frontend.carrying import Carrying, Result
from numbad.frontend.iteration import Direct, Generated, Indexed, Listed
from numbad.frontend.jumps import GuardedFor
from numbad.frontend.sequences import select
from numbad.frontend.signals import DeadEnd, NeedsUnrolling
from numbad.frontend.state import assigned_names, targets_of
from numbad.frontend.values import NONE, DynamicList, OperandValue, Ref, Value
from numbad.ir import nodes as ir
from numbad.ir.build import BlockBuilder
from numbad.ir.types import BOOL, INT64

if TYPE_CHECKING:
    from numbad.frontend.builder import Builder

Body = Callable[[Value], None]
Names = set[tuple[int, str]]

_ZERO = ir.Const(0, INT64)
_ONE = ir.Const(1, INT64)
_UNROLL_LIMIT = 1000
_FEW = 32


@dataclass(frozen=True, slots=True)
class ActiveLoop:
    """A loop whose body is being walked."""

    id: int
    index: ir.Var
    can_unroll: bool


def run_for(builder: Builder, node: ast.For | GuardedFor) -> None:
    """Walk a ``for`` statement."""
    iterable = builder.evaluate(node.iter)
    names = frame_names(builder, targets_of(node.target) | assigned_names(node.body))

    def body(item: Value) -> None:
        with builder.at(node):
            builder.block.origin = builder.origin(node)
            statements.assign_target(builder, node.target, item)
        statements.run_block(builder, node.body)

    flag = node.flag if isinstance(node, GuardedFor) else None
    run(builder, iterable, body, node, names, flag)


def frame_names(builder: Builder, names: frozenset[str]) -> Names:
    """Pair names with the frames that assigning to them would bind them in."""
    return {(bindings.home(builder, name).id, name) for name in names}


def iterate(builder: Builder, iterable: Value, body: Body, node: ast.AST | None) -> None:
    """Run ``body`` for each item; see ``Builder.iterate``."""
    assert builder.frame is not None
    present = builder.state.frames[builder.frame.id]
    names = {(builder.frame.id, name) for name in present if name.startswith(".accumulator")}
    run(builder, iterable, body, None, names, None)


def run(
    builder: Builder,
    iterable: Value,
    body: Body,
    node: ast.AST | None,
    names: Names,
    flag: str | None,
) -> None:
    """Run ``body`` for each item of an iterable, while the name ``flag`` holds."""
    plan = iteration.plan(builder, iterable, builder.node if node is None else node)
    if isinstance(plan, Generated):
        if flag is not None:
            builder.error(
                node,
                "A loop over a generator is left early.",
                "The generator would have to be stopped from outside.",
                "Loop over what the generator loops over.",
            )
        with ambient(builder, names):
            plan.run(body)
        return
    names = names | {pair for more in builder.ambient for pair in more}
    match plan:
        case Listed(items):
            _unroll(builder, list(items), body, flag, node)
            _check_length(builder, iterable, len(items), node)
        case Direct(start, stop, step):
            _run_range(builder, plan, (start, stop, step), body, node, names, flag)
        case Indexed(count):
            _run_range(builder, plan, (_ZERO, count, _ONE), body, node, names, flag)


def _check_length(builder: Builder, iterable: Value, length: int, node: ast.AST | None) -> None:
    if isinstance(iterable, Ref) and iterable.id in builder.state.heap:
        contents = builder.state.heap[iterable.id]
        if isinstance(contents, DynamicList) or len(contents.items) != length:
            builder.error(
                node,
                "A list or dict changes its length while a loop runs over it.",
                "",
                "Loop over a copy.",
            )


class ambient:  # noqa: N801 (used like a function)
    """Names that bodies walked meanwhile may bind: those of the consumer of a generator."""

    def __init__(self, builder: Builder, names: Names) -> None:
        self.builder = builder
        self.names = names

    def __enter__(self) -> None:
        self.builder.ambient.append(self.names)

    def __exit__(self, *_: object) -> None:
        self.builder.ambient.pop()


def _unroll(
    builder: Builder,
    items: list[Callable[[], Value]],
    body: Body,
    flag: str | None,
    node: ast.AST | None,
) -> None:
    if len(items) > _UNROLL_LIMIT:
        builder.error(
            node,
            f"This loop would be unrolled {len(items)} times.",
            "It runs over structure that is known before the program runs.",
            "Use an array.",
        )
    for item in items:
        if flag is None:
            body(item())
            continue
        condition = builder.as_condition(bindings.lookup(builder, flag, node))

        def one(item: Callable[[], Value] = item) -> Value:
            body(item())
            return NONE

        merging.branch(builder, condition, one, lambda: NONE)


def _run_range(
    builder: Builder,
    plan: Direct | Indexed,
    bounds: tuple[ir.Operand, ir.Operand, ir.Operand],
    body: Body,
    node: ast.AST | None,
    names: Names,
    flag: str | None,
) -> None:
    constant = all(isinstance(bound, ir.Const) for bound in bounds)
    values = range(*(bound.value for bound in bounds)) if constant else None  # type: ignore[union-attr]
    if values is not None and len(values) == 0:
        return
    unrollable = values is not None and len(values) <= _UNROLL_LIMIT
    loop_id = builder.next_id()
    entry = builder.state.copy()
    mark = len(builder.block.statements)
    try:
        if flag is None:
            _counted(builder, plan, bounds, body, node, names, loop_id, unrollable)
        else:
            _guarded(builder, plan, bounds, body, node, names, flag, loop_id, unrollable)
    except NeedsUnrolling as need:
        if need.loop != loop_id:
            raise
        assert values is not None
        builder.state = entry
        del builder.block.statements[mark:]
        items = [lambda value=value: plan.at(ir.Const(value, INT64)) for value in values]
        _unroll(builder, items, body, flag, node)


def _counted(
    builder: Builder,
    plan: Direct | Indexed,
    bounds: tuple[ir.Operand, ir.Operand, ir.Operand],
    body: Body,
    node: ast.AST | None,
    names: Names,
    loop_id: int,
    unrollable: bool,
) -> None:
    index = builder.fresh.var(INT64, _index_name(node))
    origin = builder.block.origin

    def walk() -> tuple[list[BlockBuilder], bool, list[ir.Operand]]:
        with builder.nested() as block, active(builder, ActiveLoop(loop_id, index, unrollable)):
            is_dead = False
            try:
                body(plan.at(index))
                bindings.settle_pending(builder)
            except DeadEnd:
                is_dead = True
        return [block], is_dead, []

    few = loop_id if unrollable and _count(bounds) <= _FEW else None
    result = Carrying(builder, names, node, few).run(walk)
    if result.blocks:
        builder.emit(ir.For(index, *bounds, result.carried, result.blocks[0].block(), origin))


def _count(bounds: tuple[ir.Operand, ir.Operand, ir.Operand]) -> int:
    return len(range(*(bound.value for bound in bounds if isinstance(bound, ir.Const))))


class active:  # noqa: N801 (used like a function)
    """A loop whose body is walked meanwhile."""

    def __init__(self, builder: Builder, loop: ActiveLoop) -> None:
        self.builder = builder
        self.loop = loop

    def __enter__(self) -> None:
        self.builder.active_loops.append(self.loop)

    def __exit__(self, *_: object) -> None:
        self.builder.active_loops.remove(self.loop)


def _index_name(node: ast.AST | None) -> str:
    match getattr(node, "target", None):
        case ast.Name(id=name):
            return name
        case _:
            return ""


def _guarded(
    builder: Builder,
    plan: Direct | Indexed,
    bounds: tuple[ir.Operand, ir.Operand, ir.Operand],
    body: Body,
    node: ast.AST | None,
    names: Names,
    flag: str,
    loop_id: int,
    unrollable: bool,
) -> None:
    """A loop that may be left early: a counter and the flag are tested before each item."""
    start, stop, step = bounds
    counter = bindings.Accumulator(builder, OperandValue(start))
    names = names | {(counter.frame, counter.name)}

    def test() -> ir.Operand:
        holds = builder.as_condition(bindings.lookup(builder, flag, node))
        position = builder.as_operand(counter.get())
        return merging.both(builder, holds, _before_end(builder, position, stop, step))

    def one() -> None:
        position = builder.as_operand(counter.get())
        assert isinstance(position, ir.Var)
        with active(builder, ActiveLoop(loop_id, position, unrollable)):
            body(plan.at(position))
        counter.set(OperandValue(builder.call(operator.add, position, step)))

    _while(builder, test, one, node, names)
    counter.pop()


def _before_end(
    builder: Builder, position: ir.Operand, stop: ir.Operand, step: ir.Operand
) -> ir.Operand:
    if isinstance(step, ir.Const):
        return builder.call(operator.lt if step.value > 0 else operator.gt, position, stop)
    rising = builder.call(operator.gt, step, _ZERO)
    return select(
        builder,
        rising,
        builder.call(operator.lt, position, stop),
        builder.call(operator.gt, position, stop),
    )


def run_while(builder: Builder, node: ast.While) -> None:
    """Walk a ``while`` statement."""
    names = frame_names(builder, assigned_names([ast.Expr(node.test), *node.body]))
    names |= {pair for more in builder.ambient for pair in more}

    def test() -> ir.Operand:
        with builder.at(node.test):
            return builder.as_condition(builder.evaluate(node.test), node.test)

    def body() -> None:
        statements.run_block(builder, node.body)

    if any(isinstance(child, ast.NamedExpr) for child in ast.walk(node.test)):
        _while_with_flag(builder, test, body, node, names)
    else:
        _while(builder, test, body, node, names)


def _while(
    builder: Builder,
    test: Callable[[], ir.Operand],
    body: Callable[[], None],
    node: ast.AST | None,
    names: Names,
) -> None:
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

    start = builder.state.copy()
    mark = len(builder.block.statements)
    result: Result = Carrying(builder, names, node).run(walk)
    if not result.blocks:
        return
    if changes:
        # What the test binds must reach the body: test inside the loop, with a flag.
        builder.state = start
        del builder.block.statements[mark:]
        _while_with_flag(builder, test, body, node, names)
        return
    if isinstance(condition[0], ir.Const) and not condition[0].value:
        builder.state = start
        del builder.block.statements[mark:]
        return
    before, block = result.blocks
    builder.emit(ir.While(result.carried, before.block(), condition[0], block.block(), origin))


def _while_with_flag(
    builder: Builder,
    test: Callable[[], ir.Operand],
    body: Callable[[], None],
    node: ast.AST | None,
    names: Names,
) -> None:
    flag = bindings.Accumulator(builder, OperandValue(ir.Const(True, BOOL)))

    def go_on() -> Value:
        body()
        return OperandValue(ir.Const(True, BOOL))

    def one() -> None:
        condition = test()
        flag.set(
            merging.branch(builder, condition, go_on, lambda: OperandValue(ir.Const(False, BOOL)))
        )

    _while(
        builder,
        lambda: builder.as_condition(flag.get()),
        one,
        node,
        names | {(flag.frame, flag.name)},
    )
    flag.pop()


def _same(one: object, other: object) -> bool:
    from numbad.frontend.state import State

    assert isinstance(one, State) and isinstance(other, State)
    return one.frames == other.frames and one.heap == other.heap


def _writes(block: BlockBuilder) -> bool:
    """Whether a block changes memory or the outside world."""
    from numbad.ir.visit import walk

    for statement in walk(block.block()):
        match statement:
            case ir.Store() | ir.Accumulate() | ir.Append() | ir.Effect():
                return True
            case ir.Let(_, expr) if ir.has_effect(expr) and not isinstance(expr, ir.Invoke):
                return True
            case _:
                pass
    return False
