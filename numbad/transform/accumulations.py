"""Fewer and better placed ``array[index] += value``.

Order among accumulations does not matter, so that

- several to the same element in one block become one;
- those of a loop to one element become a sum in a local variable, added once behind the loop;
- those to neighbouring elements (``a[i] += p``, ``a[i + 1] += q``) are carried to the iteration
  that touches an element last, so that each element is written once and not read back.

Applies where nothing in the loop does anything else to the memory. What is added behind a loop is
guarded by the condition that the loop runs, since the index may be out of range if it does not.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass, replace

from numbad.analysis.memory import Memory
from numbad.analysis.regions import analyse as analyse_regions
from numbad.analysis.regions import trip_constant
from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.build import BlockBuilder, Fresh
from numbad.ir.types import BOOL, Array, is_memory
from numbad.transform import arith

MOST_CARRIED = 4


def improve_accumulations(function: ir.Function) -> ir.Function:
    """Return the function with accumulations joined, carried and moved behind loops."""
    regions = analyse_regions(function.body, function.params)
    memory = Memory(regions, function.params, function.results)
    pass_ = _Improver(memory, Fresh(visit.first_free_id(function)))
    return replace(function, body=pass_.block(function.body))


@dataclass(frozen=True)
class _Place:
    """An index relative to a loop: its fixed part, and the offset of the moving dimension."""

    array: ir.Var
    fixed: tuple[ir.Operand | None, ...]
    offset: int | None


class _Improver:
    def __init__(self, memory: Memory, fresh: Fresh) -> None:
        self.memory = memory
        self.fresh = fresh
        self.definitions: dict[ir.Var, ir.Expr] = {}

    def block(self, block: ir.Block) -> ir.Block:
        out = BlockBuilder(self.fresh)
        for statement in block:
            out.origin = statement.origin
            match statement:
                case ir.For(body=body):
                    self._loop(replace(statement, body=self.block(body)), out)
                case ir.Let(target, expr):
                    self.definitions[target] = expr
                    out.emit(statement)
                case _:
                    out.emit(visit.with_regions(statement, lambda _, inner: self.block(inner)))
        return self._join(out.block())

    # --- one block ------------------------------------------------------------------------------

    def _join(self, block: ir.Block) -> ir.Block:
        """Join accumulations to the same element."""
        out: list[ir.Stmt | None] = []
        pending: dict[tuple[ir.Var, tuple[ir.Operand, ...]], int] = {}
        for statement in block:
            if isinstance(statement, ir.Accumulate):
                key = (statement.array, statement.index)
                earlier = pending.get(key)
                if earlier is not None:
                    previous = out[earlier]
                    assert isinstance(previous, ir.Accumulate)
                    out[earlier] = None
                    total = self.fresh.var(previous.value.type)
                    call = ir.Call(operator.add, (previous.value, statement.value))
                    out.append(ir.Let(total, call, statement.origin))
                    pending[key] = len(out)
                    out.append(replace(statement, value=total))
                else:
                    pending[key] = len(out)
                    out.append(statement)
                continue
            if pending:
                touched = self.memory.touched(statement)
                pending = {
                    key: place
                    for key, place in pending.items()
                    if self.memory.of(key[0]) not in touched
                }
            out.append(statement)
        return tuple(statement for statement in out if statement is not None)

    # --- loops ------------------------------------------------------------------------------------

    def _loop(self, loop: ir.For, out: BlockBuilder) -> None:
        step = loop.step.value if isinstance(loop.step, ir.Const) else None
        if step not in (1, -1):
            out.emit(loop)
            return
        inside = visit.defined_vars(loop.body) | {loop.index}
        inside |= {item.inner for item in loop.carried}
        places: dict[int, _Place] = {}
        for number, statement in enumerate(loop.body):
            if isinstance(statement, ir.Accumulate):
                place = self._place(statement, loop.index, inside)
                if place is not None:
                    places[number] = place
        groups: dict[tuple[ir.Var, tuple[ir.Operand | None, ...], bool], dict[int, int]] = {}
        for number, place in places.items():
            key = (place.array, place.fixed, place.offset is None)
            offset = 0 if place.offset is None else place.offset
            groups.setdefault(key, {})[offset] = number
        others = self._other_uses(loop)
        body: list[ir.Stmt | None] = list(loop.body)
        carried = list(loop.carried)
        behind: dict[int, list[ir.Stmt]] = {}
        after: list[tuple[ir.Accumulate, ir.Operand, int | None]] = []
        changed = False
        for (array, _, is_fixed), members in groups.items():
            if any(
                self.memory.of(other) is self.memory.of(array)
                and not self.memory.are_distinct(array, other)
                for other in others
            ):
                continue
            if is_fixed:
                changed = True
                (number,) = members.values()
                self._sum(body, number, carried, after)
            elif len(members) >= 2 and max(members) - min(members) <= MOST_CARRIED:
                changed = True
                self._rotate(body, behind, members, step, carried, after)
        if not changed:
            out.emit(loop)
            return
        new_body: list[ir.Stmt] = []
        for number, kept in enumerate(body):
            if kept is not None:
                new_body.append(kept)
            new_body += behind.get(number, [])
        out.emit(replace(loop, carried=tuple(carried), body=tuple(new_body)))
        self._behind(loop, step, after, out)

    def _other_uses(self, loop: ir.For) -> set[ir.Var]:
        """References to memory that the loop uses for anything but accumulation."""
        found: set[ir.Var] = set()
        for statement in visit.walk(loop.body):
            match statement:
                case ir.Accumulate():
                    continue
                case ir.Let(
                    _, ir.Shape() | ir.Subview() | ir.Transpose() | ir.Component() | ir.Reshape()
                ):
                    continue
                case _:
                    operands = visit.operands(statement) + visit.region_results(statement)
                    found |= {v for v in operands if isinstance(v, ir.Var) and is_memory(v.type)}
        return found

    def _place(self, statement: ir.Accumulate, index: ir.Var, inside: set[ir.Var]) -> _Place | None:
        """Return the place of an accumulation if its array and index are simple enough."""
        if statement.array in inside or not isinstance(statement.array.type, Array):
            return None
        fixed: list[ir.Operand | None] = []
        offset: int | None = None
        for operand in statement.index:
            if not isinstance(operand, ir.Var) or operand not in inside:
                fixed.append(operand)
                continue
            shift = self._offset(operand, index)
            if shift is None or offset is not None:
                return None
            offset = shift
            fixed.append(None)
        return _Place(statement.array, tuple(fixed), offset)

    def _offset(self, operand: ir.Var, index: ir.Var) -> int | None:
        if operand == index:
            return 0
        match self.definitions.get(operand):
            case ir.Call(fn, (first, ir.Const(value))) if first == index and isinstance(value, int):
                if fn is operator.add:
                    return value
                if fn is operator.sub:
                    return -value
            case ir.Call(fn, (ir.Const(value), second)) if second == index:
                if fn is operator.add and isinstance(value, int):
                    return value
            case _:
                pass
        return None

    def _sum(
        self,
        body: list[ir.Stmt | None],
        number: int,
        carried: list[ir.Carried],
        after: list[tuple[ir.Accumulate, ir.Operand, int | None]],
    ) -> None:
        """Add up in a local variable what goes to one element."""
        statement = body[number]
        assert isinstance(statement, ir.Accumulate)
        type_ = statement.value.type
        inner, total, result = (self._named(statement) for _ in range(3))
        call = ir.Call(operator.add, (inner, statement.value))
        body[number] = ir.Let(total, call, statement.origin)
        carried.append(ir.Carried(inner, arith.zero(type_), total, result))
        after.append((statement, result, None))

    def _named(self, statement: ir.Accumulate) -> ir.Var:
        name = statement.array.name
        return self.fresh.var(statement.value.type, f"{name}_sum" if name else "")

    def _rotate(
        self,
        body: list[ir.Stmt | None],
        behind: dict[int, list[ir.Stmt]],
        members: dict[int, int],
        step: int,
        carried: list[ir.Carried],
        after: list[tuple[ir.Accumulate, ir.Operand, int | None]],
    ) -> None:
        """Carry what goes to an element to the iteration that touches it last."""
        # In the order in which the iterations meet an element: the last one completes it.
        order = sorted(members, reverse=step > 0)
        first, last = order[0], order[-1]
        distance = abs(first - last)
        final = body[members[last]]
        assert isinstance(final, ir.Accumulate)
        type_ = final.value.type
        # waiting[k] is the sum so far of the element k steps ahead of the one that is completed.
        waiting = [self._named(final) for _ in range(distance)]
        values: list[ir.Operand] = []
        for ahead in range(distance + 1):
            number = members.get(last + ahead * (1 if step > 0 else -1))
            statement = None if number is None else body[number]
            assert statement is None or isinstance(statement, ir.Accumulate)
            values.append(arith.zero(type_) if statement is None else statement.value)
        place = max(members.values())
        at_end = BlockBuilder(self.fresh)
        at_end.origin = final.origin
        complete = arith.add(at_end, waiting[0], values[0])
        # LLVM vectorises the loop if it meets the new values before the store of the old ones.
        nexts = [
            arith.add(at_end, waiting[k], values[k]) if k < distance else values[distance]
            for k in range(1, distance + 1)
        ]
        at_end.emit(replace(final, value=complete))
        for number in members.values():
            body[number] = None
        behind[place] = at_end.statements
        for inner, following in zip(waiting, nexts, strict=True):
            result = self._named(final)
            carried.append(ir.Carried(inner, arith.zero(type_), following, result))
            after.append((final, result, waiting.index(inner)))

    def _behind(
        self,
        loop: ir.For,
        step: int,
        after: list[tuple[ir.Accumulate, ir.Operand, int | None]],
        out: BlockBuilder,
    ) -> None:
        """Add what is left in local variables, if the loop has run."""
        trips = trip_constant(loop)
        if trips == 0:
            return
        inner = out if trips else out.nested()
        for statement, value, ahead in after:
            index = statement.index
            if ahead is not None:
                end = arith.add_int(inner, loop.stop, ir.Const(ahead * step, arith.ZERO.type))
                index = tuple(
                    self._moved(operand, loop.index, end, inner) for operand in statement.index
                )
            inner.emit(replace(statement, index=index, value=value))
        if inner is not out:
            compare = operator.gt if step > 0 else operator.lt
            runs = out.call(BOOL, compare, loop.stop, loop.start)
            out.emit(ir.If(runs, inner.block(), (), (), out.origin))

    def _moved(
        self, operand: ir.Operand, index: ir.Var, end: ir.Operand, block: BlockBuilder
    ) -> ir.Operand:
        """Return an index for the loop index ``end``."""
        if not isinstance(operand, ir.Var):
            return operand
        shift = self._offset(operand, index)
        if shift is None:
            return operand
        return arith.add_int(block, end, ir.Const(shift, arith.ZERO.type))
