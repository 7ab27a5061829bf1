"""Loops: ``for`` over anything, ``for`` that may be left early, ``while``.

- Over ranges, arrays and lists of the IR: one ``ir.For``; with a flag (``GuardedFor``): one
  ``ir.While`` with a counter.
- Over tuples, lists of known length, strings and other static structure: unrolled; over many items
  that are alike as over arrays of their parts (``tables``).
- A range with constant bounds whose body needs the index as a constant: unrolled.
- Over generators and filters: the consumer's body is walked at each ``yield``.
"""

from __future__ import annotations

import ast
import functools
import operator
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from numbad.errors import DifferentiationError
from numbad.frontend import (
    bindings,
    conditions,
    iteration,
    merging,
    powers,
    statements,
    tables,
    while_loops,
)
from numbad.frontend.carrying import Carrying
from numbad.frontend.iteration import Direct, Generated, Indexed, Listed
from numbad.frontend.jumps import GuardedFor
from numbad.frontend.sequences import items_of, select
from numbad.frontend.signals import DeadEnd, NeedsUnrolling
from numbad.frontend.state import assigned_names, targets_of
from numbad.frontend.values import (
    NONE,
    DynamicList,
    HeapObject,
    ListObject,
    OperandValue,
    Ref,
    Value,
)
from numbad.ir import nodes as ir
from numbad.ir.build import BlockBuilder
from numbad.ir.types import INT64

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
    is_short: bool


def run_for(builder: Builder, node: ast.For | GuardedFor) -> None:
    """Walk a ``for`` statement."""
    iterable = builder.evaluate(node.iter)
    assigned = targets_of(node.target) | assigned_names(node.body)
    names = bindings.rebound_names(builder, assigned, [ast.Expr(node.target), *node.body])

    def body(item: Value) -> None:
        with builder.at(node):
            builder.block.origin = builder.origin(node)
            statements.assign_target(builder, node.target, item)
        statements.run_block(builder, node.body)

    flag = node.flag if isinstance(node, GuardedFor) else None
    run(builder, iterable, body, node, names, flag)


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
            if not _run_table(builder, iterable, body, node, names, flag):
                _unroll(builder, list(items), body, flag, node)
            _check_length(builder, iterable, len(items), node)
        case Direct(start, stop, step):
            bounds = (start, stop, step)
            _run_range(builder, _Run(plan, bounds, body, node, names, builder.next_id()), flag)
        case Indexed(count):
            bounds = (_ZERO, count, _ONE)
            _run_range(builder, _Run(plan, bounds, body, node, names, builder.next_id()), flag)


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


def _run_table(
    builder: Builder,
    iterable: Value,
    body: Body,
    node: ast.AST | None,
    names: Names,
    flag: str | None,
) -> bool:
    """Run over many items that are alike in a loop; False if they, or the body, do not allow it."""
    items = items_of(builder, iterable) or ()
    if len(items) < tables.LEAST:
        return False
    heap = dict(builder.state.heap)
    take_back = builder.checkpoint()
    plan = tables.as_indexed(builder, items)
    if plan is None:
        return False
    contents = builder.state.heap[iterable.id] if isinstance(iterable, Ref) else None
    run_ = _Run(plan, (_ZERO, plan.count, _ONE), body, node, names, builder.next_id())
    try:
        _run_range(builder, run_, flag)
        # The body may put other items in their places, or make a list whose length is to be known.
        is_same = not isinstance(iterable, Ref) or builder.state.heap.get(iterable.id) is contents
        if is_same and not _has_grown(heap, builder.state.heap):
            return True
    except DifferentiationError:
        # What the body needs to know beforehand it knows where the loop is unrolled.
        pass
    take_back()
    return False


def _has_grown(before: dict[int, HeapObject], after: dict[int, HeapObject]) -> bool:
    """Whether a list of known length has one that is known only at run time now."""
    return any(
        isinstance(contents, ListObject) and isinstance(after.get(key), DynamicList)
        for key, contents in before.items()
    )


@contextmanager
def ambient(builder: Builder, names: Names) -> Iterator[None]:
    """Let bodies walked meanwhile bind names: those of the consumer of a generator."""
    builder.ambient.append(names)
    try:
        yield
    finally:
        builder.ambient.pop()


def _unroll(
    builder: Builder,
    items: Sequence[Callable[[], Value]],
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


@dataclass(slots=True)
class _Run:
    """A loop over integers: what it runs over and what it does."""

    plan: Direct | Indexed
    bounds: tuple[ir.Operand, ir.Operand, ir.Operand]
    body: Body
    node: ast.AST | None
    names: Names
    id: int

    @property
    def values(self) -> range | None:
        """The integers themselves, if they are known."""
        known = [bound.value for bound in self.bounds if isinstance(bound, ir.Const)]
        return range(*known) if len(known) == len(self.bounds) else None

    @property
    def can_unroll(self) -> bool:
        """Whether the loop may be unrolled if its body needs that."""
        return self.values is not None and len(self.values) <= _UNROLL_LIMIT

    @property
    def is_short(self) -> bool:
        """Whether the loop has so few iterations that unrolling is no loss."""
        return self.values is not None and len(self.values) <= _FEW

    @contextmanager
    def active(self, builder: Builder, index: ir.Var) -> Iterator[None]:
        """Walk the body meanwhile: its index is known to be that of a loop."""
        loop = ActiveLoop(self.id, index, self.can_unroll, self.is_short)
        builder.active_loops.append(loop)
        try:
            yield
        finally:
            builder.active_loops.remove(loop)


def _run_range(builder: Builder, run_: _Run, flag: str | None) -> None:
    values = run_.values
    if values is not None and len(values) == 0:
        return
    take_back = builder.checkpoint()
    try:
        if flag is None:
            _counted(builder, run_)
        else:
            _guarded(builder, run_, flag)
    except NeedsUnrolling as need:
        if need.loop != run_.id:
            raise
        assert values is not None
        take_back()
        items = [functools.partial(run_.plan.at, ir.Const(value, INT64)) for value in values]
        _unroll(builder, items, run_.body, flag, run_.node)


def _counted(builder: Builder, run_: _Run) -> None:
    index = builder.fresh.var(INT64, _index_name(run_.node))
    powers.note_index(builder, index, run_.bounds)
    origin = builder.block.origin

    def walk() -> tuple[list[BlockBuilder], bool, list[ir.Operand]]:
        with builder.nested() as block, run_.active(builder, index):
            is_dead = False
            try:
                run_.body(run_.plan.at(index))
                bindings.settle_pending(builder)
            except DeadEnd:
                is_dead = True
        return [block], is_dead, []

    short = run_.id if run_.is_short else None
    result = Carrying(builder, run_.names, run_.node, short).run(walk)
    if result.blocks:
        body = result.blocks[0].block()
        builder.emit(ir.For(index, *run_.bounds, result.carried, body, origin))


def _index_name(node: ast.AST | None) -> str:
    match getattr(node, "target", None):
        case ast.Name(id=name):
            return name
        case _:
            return ""


def _guarded(builder: Builder, run_: _Run, flag: str) -> None:
    """A loop that may be left early: a counter and the flag are tested before each item."""
    start, stop, step = run_.bounds
    counter = bindings.Accumulator(builder, OperandValue(start))
    names = run_.names | {(counter.frame, counter.name)}

    def test() -> ir.Operand:
        holds = builder.as_condition(bindings.lookup(builder, flag, run_.node))
        position = builder.as_operand(counter.get())
        return conditions.both(builder, holds, _before_end(builder, position, stop, step))

    def one() -> None:
        position = builder.as_operand(counter.get())
        assert isinstance(position, ir.Var)
        with run_.active(builder, position):
            run_.body(run_.plan.at(position))
        counter.set(OperandValue(builder.call(operator.add, position, step)))

    while_loops.run(builder, test, one, run_.node, names)
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
