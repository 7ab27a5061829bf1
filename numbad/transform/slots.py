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
        self._view(block, written, counter, count)
        # By a name that is not the program's, so that the copy has no adjoint: the written array
        # has the same shadow before and behind it.
        target = block.fresh.var(written.type, written.name)
        self._view(block, target, counter, count)
        self._copy_outside(block, target, ())

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

    def _copy_outside(
        self, block: BlockBuilder, target: ir.Var, index: tuple[ir.Operand, ...]
    ) -> None:
        """Copy the old contents outside the window; ``index`` are the leading indices, inside."""
        axis, extents = len(index), self.cycle.extents
        sides = ((arith.ZERO, self.low[axis]), (self.high[axis], extents[axis]))
        behind = tuple((arith.ZERO, extent) for extent in extents[axis + 1 :])
        for start, stop in sides:
            if start != stop:
                self._copy(block, target, index, ((start, stop), *behind))
        if axis + 1 < len(extents):
            inner, counter = block.nested(), block.fresh.var(INT64, "ijklmn"[axis % 6])
            self._copy_outside(inner, target, (*index, counter))
            bounds = (self.low[axis], self.high[axis], arith.ONE)
            block.emit(ir.For(counter, *bounds, (), inner.block(), block.origin))

    def _copy(
        self,
        block: BlockBuilder,
        target: ir.Var,
        index: tuple[ir.Operand, ...],
        ranges: tuple[tuple[ir.Operand, ir.Operand], ...],
    ) -> None:
        if not ranges:
            assert isinstance(target.type, Array)
            value = block.let(target.type.dtype, ir.Load(self.old, index))
            block.emit(ir.Store(target, index, value, block.origin))
            return
        inner, counter = block.nested(), block.fresh.var(INT64, "ijklmn"[len(index) % 6])
        self._copy(inner, target, (*index, counter), ranges[1:])
        block.emit(ir.For(counter, *ranges[0], arith.ONE, (), inner.block(), block.origin))


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
