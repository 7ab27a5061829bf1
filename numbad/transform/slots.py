"""States of a time loop kept side by side in one array, in place of a log of what is overwritten.

For a cycle of ``k`` exchanged arrays (see ``analysis.stepping``) the forward sweep allocates
``states`` with one slot per iteration and ``k`` more. Iteration ``t`` reads its arrays in the slots
``t`` to ``t + k - 1`` and writes the slot ``t + k``, into which it first copies the elements
outside the window. No slot changes once it is complete, so the backward sweep reads the states
where they are.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from numbad.analysis.stepping import Cycle
from numbad.ir import nodes as ir
from numbad.ir.build import BlockBuilder
from numbad.ir.types import INT64, Array, element_of
from numbad.transform import arith
from numbad.transform.arrays import (
    Body,
    Range,
    Sides,
    copy_into,
    nest_across,
    nest_over,
    row_across,
    sides_of,
)


@dataclass(frozen=True, eq=False)
class Slots:
    """The slots of one cycle, for a forward sweep under construction.

    ``before`` is the block of the loop, ``window`` what the loop's body writes; ``apart`` are the
    initial arrays that are slots from the beginning.
    """

    cycle: Cycle
    states: ir.Var
    trips: ir.Operand
    window: list[Range]
    old: ir.Var
    before: BlockBuilder
    apart: set[ir.Var] = field(default_factory=set)

    def begin(self, block: BlockBuilder, statement: ir.Let) -> None:
        """Define an initial array as the slot that it is, in place of its allocation."""
        count = len(self.cycle.items)
        alloc, target = statement.expr, statement.target
        assert isinstance(alloc, ir.Alloc)
        for distance, item in enumerate(self.cycle.items, 1):
            if item.init == target:
                self._view(block, target, arith.ZERO, count - distance)
        self.apart.add(target)
        fill = alloc.fill
        if fill is not None:
            nest_over(
                block,
                [(arith.ZERO, extent) for extent in self.cycle.extents],
                lambda inner, index: inner.emit(ir.Store(target, index, fill, inner.origin)),
            )

    def fill(self, block: BlockBuilder) -> None:
        """Copy the initial arrays into their slots, those that are not slots already."""
        count = len(self.cycle.items)
        for distance, item in enumerate(self.cycle.items, 1):
            assert isinstance(item.init, ir.Var)
            if item.init not in self.apart:
                slot = block.fresh.var(item.init.type, item.init.name)
                self._view(block, slot, arith.ZERO, count - distance)
                copy_into(block, slot, item.init)

    def enter(self, block: BlockBuilder, counter: ir.Operand) -> None:
        """Define the arrays of an iteration, at the start of its body."""
        count, written = len(self.cycle.items), self.cycle.written
        for distance, item in enumerate(self.cycle.items[:-1], 1):
            self._view(block, item.inner, counter, count - distance)
        self._view(block, self.old, counter, 0)
        # By a name that is not the program's, so that the copy has no adjoint: the written array
        # has the same shadow before and behind it.
        target = block.fresh.var(written.type, written.name)
        self._view(block, target, counter, count)

        rows = self.cycle.rows
        for side in self._sides():
            if rows is None or side.axis != rows.axis:
                nest_across(block, side, self._copied(target))
        block.let_existing(written, ir.Cast(target))

    def enter_row(self, block: BlockBuilder) -> None:
        """Copy the ends of a row, at the start of the body of the loop over rows.

        They share cache lines with what the row writes.
        """
        rows = self.cycle.rows
        assert rows is not None
        target = block.fresh.var(self.cycle.written.type, self.cycle.written.name)
        block.let_existing(target, ir.Cast(self.cycle.written))
        for side in self._sides():
            if side.axis == rows.axis:
                row_across(block, side, rows.index, self._copied(target))

    def _sides(self) -> list[Sides]:
        rows = self.cycle.rows
        whole: list[Range] = [(arith.ZERO, extent) for extent in self.cycle.extents]
        return sides_of(self.before, whole, self.window, None if rows is None else rows.axis)

    def _copied(self, target: ir.Var) -> Body:
        def body(inner: BlockBuilder, index: tuple[ir.Operand, ...]) -> None:
            value = inner.let(element_of(target.type), ir.Load(self.old, index))
            inner.emit(ir.Store(target, index, value, inner.origin))

        return body

    def leave(self, block: BlockBuilder) -> None:
        """Define the results of the loop."""
        count = len(self.cycle.items)
        for distance, item in enumerate(self.cycle.items, 1):
            if item.result in self.cycle.returned:
                last = block.fresh.var(item.result.type, item.result.name)
                self._view(block, last, self.trips, count - distance)
                block.let_existing(item.result, ir.Call(np.copy, (last,)))
            else:
                self._view(block, item.result, self.trips, count - distance)

    def complete(self) -> list[ir.Var]:
        """Return the references to slots that do not change while the references are known."""
        found = [item.inner for item in self.cycle.items[:-1]]
        return [*found, *(item.result for item in self.cycle.items), self.old]

    def _view(self, block: BlockBuilder, target: ir.Var, counter: ir.Operand, ahead: int) -> None:
        slot = arith.add_int(block, counter, ir.Const(ahead, INT64))
        block.let_existing(target, ir.Subview(self.states, (slot,)))


def open_slots(cycle: Cycle, loop: ir.For, block: BlockBuilder) -> Slots:
    """Emit the allocation of the slots, in the block of the loop."""
    trips = arith.trip_count(block, loop.start, loop.stop, loop.step)
    count, written = len(cycle.items), cycle.written
    assert isinstance(written.type, Array)
    size = arith.add_int(block, trips, ir.Const(count, INT64))
    name = cycle.items[0].inner.name
    states = block.let(
        replace(written.type, ndim=written.type.ndim + 1),
        ir.Alloc((size, *cycle.extents), None),
        f"{name}_states" if name else "states",
    )
    window: list[Range] = [
        (ir.Const(first, INT64), arith.add_int(block, stop, ir.Const(offset, INT64)))
        for first, stop, offset in cycle.window
    ]
    old = block.fresh.var(written.type, f"{written.name}_old" if written.name else "")
    return Slots(cycle, states, trips, window, old, block)
