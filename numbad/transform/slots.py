"""States of a time loop kept side by side in one array, in place of a log of what is overwritten.

For a cycle of ``k`` exchanged arrays (see ``analysis.stepping``) the forward sweep allocates
``states`` with one slot per iteration and ``k`` more. Iteration ``t`` reads its arrays in the slots
``t`` to ``t + k - 1`` and writes the slot ``t + k``, into which it first copies the elements
outside the window. No slot changes once it is complete, so the backward sweep reads the states
where they are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from numbad.analysis.stepping import Cycle
from numbad.ir import nodes as ir
from numbad.ir.build import BlockBuilder
from numbad.ir.types import INT64, Array
from numbad.transform import arith
from numbad.transform.arrays import copy_into


@dataclass(frozen=True, eq=False)
class Slots:
    """The slots of one cycle, for a forward sweep under construction.

    ``low`` and ``high`` bound the window in each dimension, clipped to the array.
    """

    cycle: Cycle
    states: ir.Var
    trips: ir.Operand
    low: tuple[ir.Operand, ...]
    high: tuple[ir.Operand, ...]
    old: ir.Var

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
        self._copy_outside(block, target)
        block.let_existing(written, ir.Cast(target))

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

    def _copy_outside(self, block: BlockBuilder, target: ir.Var) -> None:
        """Copy the old contents outside the window.

        The sides of a dimension span the window in the dimensions before it and the whole array in
        those behind it. The loop over the few elements across a side is the outermost one.
        """
        whole = [(arith.ZERO, extent) for extent in self.cycle.extents]
        inside = list(zip(self.low, self.high, strict=True))
        for axis, extent in enumerate(self.cycle.extents):
            for side in ((arith.ZERO, self.low[axis]), (self.high[axis], extent)):
                if side[0] != side[1]:
                    ranges = [*inside[:axis], side, *whole[axis + 1 :]]
                    order = [axis, *(other for other in range(len(ranges)) if other != axis)]
                    self._copy(block, target, ranges, order, {})

    def _copy(
        self,
        block: BlockBuilder,
        target: ir.Var,
        ranges: list[tuple[ir.Operand, ir.Operand]],
        order: list[int],
        known: dict[int, ir.Operand],
    ) -> None:
        if not order:
            assert isinstance(target.type, Array)
            index = tuple(known[axis] for axis in range(len(ranges)))
            value = block.let(target.type.dtype, ir.Load(self.old, index))
            block.emit(ir.Store(target, index, value, block.origin))
            return
        axis = order[0]
        inner, counter = block.nested(), block.fresh.var(INT64, "ijklmn"[axis % 6])
        self._copy(inner, target, ranges, order[1:], {**known, axis: counter})
        block.emit(ir.For(counter, *ranges[axis], arith.ONE, (), inner.block(), block.origin))


def open_slots(cycle: Cycle, loop: ir.For, block: BlockBuilder) -> Slots:
    """Emit the allocation of the slots before the loop, and the initial states."""
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
    for distance, item in enumerate(cycle.items, 1):
        assert isinstance(item.init, ir.Var)
        slot = block.let(written.type, ir.Subview(states, (ir.Const(count - distance, INT64),)))
        copy_into(block, slot, item.init)
    low, high = [], []
    for (first, stop, offset), extent in zip(cycle.window, cycle.extents, strict=True):
        start: ir.Operand = ir.Const(first, INT64)
        if first > 0:
            start = block.call(INT64, min, start, extent)
        end = arith.add_int(block, stop, ir.Const(offset, INT64))
        if end != extent:
            end = block.call(INT64, max, end, start)
        low.append(start)
        high.append(end)
    old = block.fresh.var(written.type, written.name)
    return Slots(cycle, states, trips, tuple(low), tuple(high), old)
