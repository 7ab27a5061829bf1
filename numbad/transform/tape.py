"""The tape: how the forward sweep records values and the backward sweep restores them.

A recorded value that is defined outside loops needs no storage: the backward sweep follows in the
same function, so the value is at most carried out of the branches around it. In loops:

- if the trip counts of all loops around the value are known before the outermost of them, an array
  of exactly the right size, indexed by the loops' counters, the innermost last;
- otherwise a segmented stack, on which a segment is reserved each time the innermost loop is
  entered (one for all values of one type in that loop, one after the other), or on each iteration
  of a ``While``;
- references to memory go on a list.

All of it is ordinary IR. ``Tape.forward_region`` emits the
forward sweep, ``Tape.restore`` the reading side.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from numbad.analysis.regions import Region, Regions
from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.build import BlockBuilder, Fresh
from numbad.ir.types import INT64, Array, Lanes, List, Scalar, Stack, Type, is_memory
from numbad.transform import arith

if TYPE_CHECKING:
    from numbad.transform.values import PlannedValues, Scope

_UNKNOWN_LENGTH = ir.Const(0, INT64)


@dataclass(eq=False)
class _Segments:
    """Values of one type that share the segments of one loop."""

    stack: ir.Var
    values: list[ir.Var] = field(default_factory=list)


class Tape:
    """Storage for a set of recorded values of one function body."""

    def __init__(
        self, regions: Regions, recorded: set[ir.Var], fresh: Fresh, *, purpose: str = "tape"
    ) -> None:
        self._purpose = purpose
        self._regions = regions
        self._fresh = fresh
        self._by_region: dict[Region, list[ir.Var]] = {}
        self._arrays: dict[ir.Var, ir.Var] = {}
        self._lists: dict[ir.Var, ir.Var] = {}
        self._segments: dict[tuple[Region, Type], _Segments] = {}
        self._segment_of: dict[ir.Var, tuple[_Segments, int]] = {}
        self._open: dict[_Segments, tuple[ir.Var, ir.Operand]] = {}
        self._exported: dict[ir.Var, ir.Operand] = {}
        self._allocated_at: dict[Region, list[ir.Var]] = {}
        self._counters: dict[Region, ir.Operand] = {}
        self._exports: dict[Region, list[ir.Var]] = {}
        self._trip_counts: dict[Region, ir.Operand] = {}
        for var in sorted(recorded, key=lambda item: item.id):
            self._place(var)

    # --- layout ---------------------------------------------------------------------------

    def _place(self, var: ir.Var) -> None:
        region = self._regions.region_of[var]
        self._by_region.setdefault(region, []).append(var)
        loops = region.loops
        if not loops:
            return
        name = f"{var.name or 't'}_tape"
        if is_memory(var.type):
            self._lists[var] = self._fresh.var(List(var.type), name)
            return
        if not isinstance(var.type, Scalar | Lanes):
            raise AssertionError(f"{var} of type {var.type} cannot be recorded in a loop")
        if self.is_rectangular(loops):
            array = self._fresh.var(Array(var.type, len(loops), "C"), name)
            self._arrays[var] = array
            self._allocated_at.setdefault(loops[0], []).append(var)
            return
        key = (loops[-1], var.type)
        if key not in self._segments:
            self._segments[key] = _Segments(self._fresh.var(Stack(var.type), f"{var.type}_tape"))
        found = self._segments[key]
        self._segment_of[var] = (found, len(found.values))
        found.values.append(var)

    def is_rectangular(self, loops: tuple[Region, ...]) -> bool:
        """Whether the trip counts of the loops are known before the outermost of them."""
        outside = loops[0].parent
        assert outside is not None
        for loop in loops:
            statement = loop.owner
            if not isinstance(statement, ir.For):
                return False
            for bound in (statement.start, statement.stop, statement.step):
                if isinstance(bound, ir.Var):
                    home = self._regions.region_of[bound]
                    if not home.encloses(outside):
                        return False
                    if home is outside and self._regions.position_of[bound] >= loops[0].position:
                        return False
        return True

    # --- forward sweep ----------------------------------------------------------------------

    def create(self, out: BlockBuilder) -> None:
        """Emit the creation of stacks and lists, before the forward sweep."""
        for found in self._segments.values():
            out.let_existing(found.stack, ir.NewStack())
        for reference_list in self._lists.values():
            out.let_existing(reference_list, ir.Alloc((_UNKNOWN_LENGTH,), None, "tape"))

    def forward_region(self, region: Region, out: BlockBuilder) -> None:
        """Emit the forward sweep of a region, with the recording statements."""
        for var in self._regions_inner_vars(region):
            if region.loops and var in self._by_region.get(region, ()):
                self._write(var, region, out)
        for position in range(len(region.block)):
            self.forward_statement(region, position, out)

    def forward_statement(self, region: Region, position: int, out: BlockBuilder) -> None:
        """Emit one statement of the forward sweep, and the recording of what it defines."""
        statement = region.block[position]
        out.origin = statement.origin
        self._forward_statement(region, position, statement, out)
        if region.loops:
            recorded = self._by_region.get(region, ())
            for var in visit.definitions(statement):
                if var in recorded:
                    self._write(var, region, out)

    def _regions_inner_vars(self, region: Region) -> list[ir.Var]:
        match region.owner:
            case ir.For(carried=carried) | ir.While(carried=carried) if region.kind == "body":
                return [item.inner for item in carried]
            case _:
                return []

    def _forward_statement(
        self, region: Region, position: int, statement: ir.Stmt, out: BlockBuilder
    ) -> None:
        match statement:
            case ir.For(start=start, stop=stop, step=step):
                body = region.children[position, "body"]
                self._allocate(body, out)
                opened = self._segments_of(body)
                if opened:
                    count = arith.trip_count(out, start, stop, step)
                    for found in opened:
                        size = arith.mul_int(out, count, ir.Const(len(found.values), INT64))
                        segment = self._reserve(found, size, out)
                        self._open[found] = (segment, count)
                inner = out.nested()
                self._forward_counter(body, statement, inner)
                self.forward_region(body, inner)
                out.emit(replace(statement, body=inner.block()))
            case ir.While(before=_, body=_, carried=carried):
                body = region.children[position, "body"]
                inner = out.nested()
                self._counters[body] = carried[-1].inner
                for found in self._segments_of(body):
                    segment = self._reserve(found, ir.Const(len(found.values), INT64), inner)
                    self._open[found] = (segment, arith.ONE)
                self.forward_region(body, inner)
                out.emit(replace(statement, body=inner.block()))
            case ir.If(merges=merges):
                exports: list[ir.Merge] = []
                blocks = []
                for kind in ("then", "orelse"):
                    child = region.children[position, kind]
                    inner = out.nested()
                    self.forward_region(child, inner)
                    blocks.append(inner.block())
                    if not region.loops:
                        exports += self._export(child, kind == "then")
                then, orelse = blocks
                merges = merges + tuple(exports)
                out.emit(replace(statement, then=then, orelse=orelse, merges=merges))
            case _:
                out.emit(statement)

    def _export(self, child: Region, is_then: bool) -> list[ir.Merge]:
        """Carry what was recorded in a branch outside loops out of the branch."""
        found: list[ir.Merge] = []
        sources: list[tuple[ir.Var, ir.Operand]] = [
            (var, var) for var in self._by_region.get(child, ())
        ]
        for body in child.children.values():
            sources += [
                (self._arrays[var], self._arrays[var]) for var in self._allocated_at.get(body, ())
            ]
        for grandchild in child.children.values():
            sources += [(var, self._exported[var]) for var in self._exports.get(grandchild, ())]
        for var, source in sources:
            outer = self._fresh.var(var.type, var.name)
            missing = ir.Undefined(var.type)
            merged = (source, missing) if is_then else (missing, source)
            found.append(ir.Merge(outer, *merged))
            self._exported[var] = outer
        self._exports[child] = [var for var, _ in sources]
        return found

    def _allocate(self, body: Region, out: BlockBuilder) -> None:
        """Allocate the exactly sized arrays of the nest whose outermost loop is ``body``."""
        for var in self._allocated_at.get(body, ()):
            shape: list[ir.Operand] = []
            for loop in self._regions.region_of[var].loops:
                assert isinstance(loop.owner, ir.For)
                owner = loop.owner
                shape.append(self._trips(loop, owner, out))
            out.let_existing(self._arrays[var], ir.Alloc(tuple(shape), None, self._purpose))
        self._trip_counts.clear()

    def _trips(self, loop: Region, owner: ir.For, out: BlockBuilder) -> ir.Operand:
        if loop not in self._trip_counts:
            self._trip_counts[loop] = arith.trip_count(out, owner.start, owner.stop, owner.step)
        return self._trip_counts[loop]

    def _segments_of(self, body: Region) -> list[_Segments]:
        return [found for (loop, _), found in self._segments.items() if loop is body]

    def _reserve(self, found: _Segments, size: ir.Operand, out: BlockBuilder) -> ir.Var:
        assert isinstance(found.stack.type, Stack)
        return out.let(
            Array(found.stack.type.item, 1, "C"),
            ir.Reserve(found.stack, size, False),
            f"{found.stack.name}_segment",
        )

    def _forward_counter(self, body: Region, statement: ir.For, inner: BlockBuilder) -> None:
        self._counters[body] = counter(inner, statement.index, statement.start, statement.step)

    def _write(self, var: ir.Var, region: Region, out: BlockBuilder) -> None:
        if var in self._lists:
            out.emit(ir.Append(self._lists[var], var, out.origin))
            return
        index: tuple[ir.Operand, ...]
        if var in self._arrays:
            array = self._arrays[var]
            index = tuple(self._counters[loop] for loop in region.loops)
        else:
            array, index = self._segment_place(var, self._counters[region.loops[-1]], out)
        out.emit(ir.Store(array, index, var, out.origin))

    def _segment_place(
        self, var: ir.Var, count: ir.Operand, out: BlockBuilder
    ) -> tuple[ir.Var, tuple[ir.Operand, ...]]:
        found, position = self._segment_of[var]
        segment, trips = self._open[found]
        if is_while(self._regions.region_of[var].loops[-1]):
            return segment, (ir.Const(position, INT64),)
        offset = arith.mul_int(out, trips, ir.Const(position, INT64))
        return segment, (arith.add_int(out, offset, count),)

    # --- backward sweep -----------------------------------------------------------------------

    def release_segments(self, body: Region, count: ir.Operand, values: PlannedValues) -> None:
        """Take the segments of a ``For`` off their stacks, before the reversed loop."""
        if is_while(body):
            return
        out = values.scopes[-1].block
        for found in self._segments_of(body):
            size = arith.mul_int(out, count, ir.Const(len(found.values), INT64))
            self._open[found] = (self._release(found, size, out), count)

    def restore_references(self, scope: Scope, values: PlannedValues) -> None:
        """Take what each execution of a region pushed off its lists and stacks."""
        del values
        region = scope.region
        if region.kind == "body" and is_while(region):
            for found in self._segments_of(region):
                size = ir.Const(len(found.values), INT64)
                self._open[found] = (self._release(found, size, scope.block), arith.ONE)
        if region.loops:
            for var in self._by_region.get(region, ()):
                if var in self._lists:
                    popped = scope.block.let(var.type, ir.Pop(self._lists[var]), var.name)
                    scope.known[var] = popped

    def restore(self, var: ir.Var, scope: Scope, values: PlannedValues) -> ir.Operand:
        """Emit the reading of a recorded value in its region's scope."""
        loops = self._regions.region_of[var].loops
        if not loops:
            return self._exported[var]
        counters = [values.scope_of(loop).counter for loop in loops]
        index: tuple[ir.Operand, ...]
        if var in self._arrays:
            array = self._arrays[var]
            array = self._exported.get(array, array)  # type: ignore[assignment]
            index = tuple(count for count in counters if count is not None)
            assert len(index) == len(loops)
        else:
            count = counters[-1]
            assert count is not None
            array, index = self._segment_place(var, count, scope.block)
        return scope.block.let(var.type, ir.Load(array, index), var.name)

    def _release(self, found: _Segments, size: ir.Operand, out: BlockBuilder) -> ir.Var:
        assert isinstance(found.stack.type, Stack)
        return out.let(
            Array(found.stack.type.item, 1, "C"),
            ir.Release(found.stack, size),
            f"{found.stack.name}_segment",
        )


def is_while(body: Region) -> bool:
    """Whether the region is the body of a ``While``."""
    return isinstance(body.owner, ir.While)


def counter(
    block: BlockBuilder, index: ir.Operand, start: ir.Operand, step: ir.Operand
) -> ir.Operand:
    """Return the number of the iteration, from 0, of a loop whose index is given."""
    distance = arith.sub_int(block, index, start)
    if arith.is_one(step):
        return distance
    if arith.is_minus_one(step):
        return arith.sub_int(block, start, index)
    return block.call(INT64, operator.floordiv, distance, step)
