"""Prepare a function body for reversal: shadows beside active memory, counters in while loops.

Takes a body and its activity; returns a body that computes the same and, in addition,

- defines for each reference to active memory the reference to its shadow, made the same way: a view
  of the shadow for a view, a carried or merged shadow for a carried or merged reference, so that
  shadows alias exactly as the primal's memory does;
- counts the iterations of every ``While``;
- loads the elements that stores to memory of our own overwrite, so that they can be recorded and
  the backward sweep can undo the stores;
- copies arrays that are read as a whole by a call (``np.dot``) and overwritten later;
- ends each block that creates an active list with the list's final length.

Everything added is ordinary IR; what the backward sweep does not use is dead code.
Shadows of stacks are made in the backward sweep: a segment that is released in the forward sweep is
reserved there, and the reverse.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass, field, replace
from typing import assert_never

import numpy as np

from numbad.analysis.activity import Activity
from numbad.analysis.memory import AliasClass
from numbad.analysis.regions import Region, Regions
from numbad.analysis.stepping import Cycle
from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.build import BlockBuilder
from numbad.ir.types import (
    INT64,
    Array,
    List,
    Scalar,
    Tuple,
    Type,
    element_of,
    is_memory,
    tangent_type,
)
from numbad.transform import arith, custom
from numbad.transform.custom import CustomCall
from numbad.transform.derivatives import RESULT
from numbad.transform.pairs import Pair, Pairs, Request, forward_type
from numbad.transform.slots import Slots, open_slots
from numbad.transform.tape import counter


@dataclass(eq=False)
class Invocation:
    """A call of a forward function in the augmented body, and how to reverse it."""

    pair: Pair
    target: ir.Var
    args: tuple[ir.Operand, ...]
    result_shadows: tuple[ir.Var, ...]


@dataclass(eq=False)
class Augmented:
    """The body, and where to find what was added."""

    block: ir.Block
    shadow: dict[ir.Var, ir.Var] = field(default_factory=dict)
    trips: dict[ir.Var, ir.Var] = field(default_factory=dict)
    length: dict[ir.Var, ir.Var] = field(default_factory=dict)
    backward_only: dict[ir.Var, ir.Var] = field(default_factory=dict)
    invocations: dict[ir.Var, Invocation] = field(default_factory=dict)
    custom: dict[ir.Var, CustomCall] = field(default_factory=dict)
    unused: dict[ir.Var, ir.Function] = field(default_factory=dict)
    invoked: set[ir.Var] = field(default_factory=set)
    saved: dict[tuple[ir.Var, int], ir.Var] = field(default_factory=dict)
    old_value: dict[int, ir.Var] = field(default_factory=dict)
    tuple_shadows: dict[ir.Var, tuple[ir.Var | None, ...]] = field(default_factory=dict)
    tape_lists: tuple[ir.Var, ...] = ()
    complete: set[ir.Var] = field(default_factory=set)
    apart: set[ir.Var] = field(default_factory=set)


def shadow_type(type_: Type) -> Type:
    """Return the type of the shadow of memory; shadows of arrays start out C-contiguous."""
    found = tangent_type(type_)
    assert found is not None
    if isinstance(found, Array) and found.layout == "F":
        return replace(found, layout="A" if found.ndim > 1 else "C")
    if isinstance(found, List) and isinstance(type_, List):
        return List(shadow_type(type_.item))
    return found


def augment(
    request: Request, regions: Regions, activity: Activity, pairs: Pairs, cycles: list[Cycle]
) -> Augmented:
    """Return the augmented body of a function (see the module's text).

    The states of ``cycles`` are kept in slots.
    """
    return _Augmenter(request, regions, activity, pairs, cycles).run(request.function)


class _Augmenter:
    def __init__(
        self,
        request: Request,
        regions: Regions,
        activity: Activity,
        pairs: Pairs,
        cycles: list[Cycle],
    ) -> None:
        self.cycles = cycles
        self.opened: dict[Cycle, Slots] = {}
        self.begun: dict[ir.Var, Slots] = {}
        self.earlier: dict[ir.Var, ir.Var] = {}
        self.regions = regions
        self.activity = activity
        self.fresh = request.fresh
        self.pairs = pairs
        self.tape_lists = request.tape_lists
        self.passed_shadows = request.shadows or {}
        # Functions that are invoked may change the length of a list: then its shadow grows and
        # shrinks along with it. Otherwise it is made in the backward sweep.
        self._mirrors_lists = bool(pairs.program.callees)
        self.tuple_shadows: dict[tuple[ir.Operand, int], ir.Var] = {}
        self._restorable: dict[AliasClass, bool] = {}
        self.result = Augmented((), shadow=dict(self.passed_shadows), tape_lists=request.tape_lists)

    def run(self, function: ir.Function) -> Augmented:
        block = BlockBuilder(self.fresh)
        for param in function.params:
            if param in self.passed_shadows:
                continue
            if is_memory(param.type) and self.activity.is_active(param):
                block.origin = function.origin
                self._zeros_like(block, param)
        self._statements(self.regions.root, block)
        self.result.block = block.block()
        return self.result

    def _define(self, var: ir.Var) -> ir.Var:
        shadow = self.fresh.var(shadow_type(var.type), f"{var.name}_bar" if var.name else "")
        self.result.shadow[var] = shadow
        return shadow

    def _backward_only(self, var: ir.Var) -> None:
        self.result.backward_only[self._define(var)] = var

    def _shadow(self, operand: ir.Operand) -> ir.Operand:
        if isinstance(operand, ir.Var):
            return self.result.shadow[operand]
        return ir.Undefined(shadow_type(operand.type))

    def _is_active_memory(self, operand: ir.Operand) -> bool:
        return is_memory(operand.type) and self.activity.is_active(operand)

    def _zeros_like(self, block: BlockBuilder, var: ir.Var) -> None:
        assert isinstance(var.type, Array), f"shadow of a parameter of type {var.type}"
        shape = tuple(block.let(INT64, ir.Shape(var, axis)) for axis in range(var.type.ndim))
        self._zeros(block, var, shape)

    def _zeros(self, block: BlockBuilder, var: ir.Var, shape: tuple[ir.Operand, ...]) -> None:
        shadow = self._define(var)
        assert isinstance(shadow.type, Array)
        fill = arith.zero(shadow.type.dtype)
        block.emit(ir.Let(shadow, ir.Alloc(shape, fill, "shadow"), block.origin))

    def _block(self, region: Region, position: int, kind: str) -> ir.Block:
        inner = BlockBuilder(self.fresh)
        self._statements(self.regions.child(region, position, kind), inner)
        return inner.block()

    def _statements(self, region: Region, block: BlockBuilder) -> None:
        created: list[ir.Var] = []
        for slots in self.opened.values():
            if slots.cycle.rows is not None and slots.cycle.rows.region is region:
                slots.enter_row(block)
        for position, statement in enumerate(region.block):
            block.origin = statement.origin
            for cycle in self.cycles:
                if cycle.region is region and cycle.opening == position:
                    self._open(cycle, block)
            if not self._in_slots(statement, block):
                self._statement(region, position, statement, block)
            match statement:
                case ir.Let(target, ir.Alloc()) if isinstance(target.type, List):
                    if target in self.result.backward_only.values():
                        created.append(target)
                case _:
                    pass
        for target in created:
            self.result.length[target] = block.let(INT64, ir.Shape(target, 0))

    def _in_slots(self, statement: ir.Stmt, block: BlockBuilder) -> bool:
        """Whether the statement makes or reads a state in a slot; it is emitted then."""
        match statement:
            case ir.Let(target, ir.Load() as load) if target in self.earlier:
                block.emit(replace(statement, expr=replace(load, array=self.earlier[target])))
            case ir.Let(target, ir.Alloc() as alloc) if target in self.begun:
                self.begun[target].begin(block, statement)
                if self._is_active_memory(target):
                    self._companion(target, alloc, block)
            case _:
                return False
        return True

    def _statement(
        self, region: Region, position: int, statement: ir.Stmt, block: BlockBuilder
    ) -> None:
        match statement:
            case ir.Let(target, ir.Invoke(differentiable=positions)) if positions is not None:
                self._custom(region, position, statement, block)
            case ir.Let(target, ir.Invoke(name, args, None)) if any(
                self.activity.is_active(arg) for arg in args
            ):
                self._invoke(target, name, args, block)
            case ir.Let(target, expr):
                if isinstance(expr, ir.Call) and self.activity.is_active(target):
                    self._save_contents(region, position, target, expr, block)
                block.emit(statement)
                if isinstance(expr, ir.Call) and isinstance(target.type, Tuple):
                    if self.activity.is_active(target):
                        self._tuple_result(target, block)
                    return
                if isinstance(expr, ir.Call) and self._is_active_memory(target):
                    self._save(region, position, target, RESULT, target, block)
                if self._is_active_memory(target):
                    self._companion(target, expr, block)
                elif (
                    isinstance(expr, ir.Pop)
                    and self._mirrors_lists
                    and self._is_active_memory(expr.array)
                ):
                    mirrored = self.result.shadow[expr.array]
                    block.let(element_of(mirrored.type), ir.Pop(mirrored))
            case ir.Append(array, value, origin):
                block.emit(statement)
                if self._is_active_memory(value):
                    block.emit(ir.Append(self.result.shadow[array], self._shadow(value), origin))
                elif self._mirrors_lists and self._is_active_memory(array):
                    shadow = self.result.shadow[array]
                    zero = arith.zero(element_of(shadow.type))
                    block.emit(ir.Append(shadow, zero, origin))
            case ir.Store(array, index) | ir.Accumulate(array, index):
                if self._is_restorable(array):
                    assert isinstance(array.type, Array)
                    old = block.let(array.type.dtype, ir.Load(array, index), "old")
                    statement = replace(statement)
                    self.result.old_value[id(statement)] = old
                block.emit(statement)
            case ir.Effect() | ir.Raise():
                block.emit(statement)
            case ir.For():
                self._for(region, position, statement, block)
            case ir.While():
                block.emit(self._counted(region, position, statement))
            case ir.If(merges=merges):
                new_then = self._block(region, position, "then")
                new_orelse = self._block(region, position, "orelse")
                extra = tuple(
                    ir.Merge(
                        self._define(merge.result),
                        self._shadow(merge.if_true),
                        self._shadow(merge.if_false),
                    )
                    for merge in merges
                    if self._is_active_memory(merge.result)
                )
                block.emit(
                    replace(statement, then=new_then, orelse=new_orelse, merges=merges + extra)
                )
            case _:
                assert_never(statement)

    def _for(self, region: Region, position: int, loop: ir.For, block: BlockBuilder) -> None:
        """Augment a loop; its states go to slots where that was asked for."""
        here = [c for c in self.cycles if c.region is region and c.position == position]
        opened = [self.opened.get(cycle) or self._open(cycle, block) for cycle in here]
        for slots in opened:
            slots.fill(block)
        inners = self._carried_inners(loop.carried)
        body = BlockBuilder(self.fresh)
        body.origin = loop.origin
        if opened:
            count = counter(body, loop.index, loop.start, loop.step)
            for slots in opened:
                slots.enter(body, count)
                self.earlier |= dict.fromkeys(slots.cycle.earlier, slots.old)
                if slots.cycle.written in inners:
                    self.result.shadow[slots.old] = inners[slots.cycle.written]
        self._statements(self.regions.child(region, position, "body"), body)
        carried = self._carried(loop.carried, inners)
        in_slots = {item.inner for slots in opened for item in slots.cycle.items}
        carried = tuple(item for item in carried if item.inner not in in_slots)
        block.emit(replace(loop, carried=carried, body=body.block()))
        for slots in opened:
            slots.leave(block)
            self.result.complete.update(slots.complete())
            self.result.apart |= slots.apart

    def _open(self, cycle: Cycle, block: BlockBuilder) -> Slots:
        """Make the slots of a cycle, and have its initial arrays made in them."""
        loop = cycle.region.block[cycle.position]
        assert isinstance(loop, ir.For)
        slots = self.opened[cycle] = open_slots(cycle, loop, block)
        if cycle.opening is not None:
            self.begun |= {i.init: slots for i in cycle.items if isinstance(i.init, ir.Var)}
        return slots

    def _counted(self, region: Region, position: int, loop: ir.While) -> ir.While:
        """Return the loop with a counter of its iterations."""
        inners = self._carried_inners(loop.carried)
        counter = self.fresh.var(INT64, "count")
        total = self.fresh.var(INT64, "count")
        new_before = self._block(region, position, "before")
        inner_block = BlockBuilder(self.fresh)
        inner_block.origin = loop.origin
        self._statements(self.regions.child(region, position, "body"), inner_block)
        following = inner_block.call(INT64, operator.add, counter, ir.Const(1, INT64), name="count")
        new_carried = self._carried(loop.carried, inners)
        new_carried += (ir.Carried(counter, ir.Const(0, INT64), following, total),)
        self.result.trips[counter] = total
        return replace(loop, carried=new_carried, before=new_before, body=inner_block.block())

    def _is_restorable(self, array: ir.Var) -> bool:
        """Whether the backward sweep could undo the writes to the memory, and might gain by it.

        That is memory of our own, written element by element, in a loop that it outlives.
        """
        found = self.activity.memory.of(array)
        if found not in self._restorable:
            home = found.home
            assert home is not None
            self._restorable[found] = (
                not found.external
                and all(found is not self.activity.memory.of(c.written) for c in self.cycles)
                and isinstance(array.type, Array)
                and isinstance(array.type.dtype, Scalar)
                and all(isinstance(a.statement, ir.Store | ir.Accumulate) for a in found.writes)
                and any(len(a.region.loops) > len(home.loops) for a in found.writes)
            )
        return self._restorable[found]

    def _tuple_result(self, target: ir.Var, block: BlockBuilder) -> None:
        """Make shadows for the arrays in a tuple that a call returned."""
        assert isinstance(target.type, Tuple)
        shadows: list[ir.Var | None] = []
        for position, type_ in enumerate(target.type.items):
            if isinstance(type_, Array) and tangent_type(type_) is not None:
                item = block.let(type_, ir.TupleItem(target, position))
                self._zeros_like(block, item)
                shadows.append(self.result.shadow[item])
                self.tuple_shadows[target, position] = self.result.shadow[item]
            else:
                shadows.append(None)
        self.result.tuple_shadows[target] = tuple(shadows)

    def _save_contents(
        self, region: Region, position: int, target: ir.Var, call: ir.Call, block: BlockBuilder
    ) -> None:
        """Copy arrays that a call reads and that are overwritten later."""
        for number, argument in enumerate(call.args):
            if isinstance(argument, ir.Var) and isinstance(argument.type, Array):
                self._save(region, position, target, number, argument, block)

    def _save(
        self,
        region: Region,
        position: int,
        target: ir.Var,
        number: int,
        array: ir.Var,
        block: BlockBuilder,
    ) -> None:
        assert isinstance(array.type, Array)
        if self.activity.memory.overwritten_after(array, region, position):
            layout = "F" if array.type.layout == "F" else "C"
            type_ = replace(array.type, layout=layout, readonly=False)
            self.result.saved[target, number] = block.call(type_, np.copy, array, name=array.name)

    def _carried_inners(self, carried: tuple[ir.Carried, ...]) -> dict[ir.Var, ir.Var]:
        return {
            item.inner: self._define(item.inner)
            for item in carried
            if self._is_active_memory(item.inner)
        }

    def _carried(
        self, carried: tuple[ir.Carried, ...], inners: dict[ir.Var, ir.Var]
    ) -> tuple[ir.Carried, ...]:
        extra = tuple(
            ir.Carried(
                inners[item.inner],
                self._shadow(item.init),
                self._shadow(item.next),
                self._define(item.result),
            )
            for item in carried
            if item.inner in inners
        )
        return carried + extra

    def _companion(self, target: ir.Var, expr: ir.Expr, block: BlockBuilder) -> None:
        """Define the shadow of memory that ``expr`` makes or selects."""
        match expr:
            case ir.Subview() | ir.Transpose() | ir.Component() | ir.Reshape() | ir.Select():
                mapped = visit.map_expr(expr, self._map_memory)
                block.emit(ir.Let(self._define(target), mapped, block.origin))
            case ir.Load() | ir.Pop():
                mapped = visit.map_expr(expr, self._map_memory)
                block.emit(ir.Let(self._define(target), mapped, block.origin))
            case ir.Alloc(shape) if isinstance(target.type, Array):
                self._zeros(block, target, shape)
            case ir.Alloc(shape) if isinstance(target.type, List):
                if is_memory(target.type.item):
                    block.emit(ir.Let(self._define(target), expr, block.origin))
                elif self._mirrors_lists:
                    grown = self._define(target)
                    fill = arith.zero(element_of(grown.type))
                    block.emit(ir.Let(grown, ir.Alloc(shape, fill, "shadow"), block.origin))
                else:
                    # Made in the backward sweep, from the list's final length.
                    self._backward_only(target)
            case ir.Call():
                self._zeros_like(block, target)
            case ir.Cast(value):
                shadow = self._shadow(value)
                block.emit(ir.Let(self._define(target), ir.Cast(shadow), block.origin))
            case ir.TupleItem(value, position):
                self.result.shadow[target] = self.tuple_shadows[value, position]
            case ir.NewStack():
                block.emit(ir.Let(self._define(target), expr, block.origin))
            case ir.Reserve() | ir.Release():
                # Made in the backward sweep, in the opposite order.
                self._backward_only(target)
            case _:
                raise AssertionError(f"memory from {expr}")

    def _invoke(
        self, target: ir.Var, name: str, args: tuple[ir.Operand, ...], block: BlockBuilder
    ) -> None:
        """Call the forward function of a callee instead of the callee."""
        pair = self.pairs.pair(name, tuple(self.activity.is_active(arg) for arg in args))
        shadows = tuple(self._shadow(args[position]) for position in pair.memory_inputs())
        call = ir.Invoke(pair.forward_name, args + shadows + self.tape_lists)
        count = len(pair.function.results)
        memories = pair.results(memory=True)
        whole = self.fresh.var(forward_type(pair), target.name)
        block.let_existing(whole, call)
        items: list[ir.Operand] = [whole]
        if isinstance(whole.type, Tuple):
            items = [
                block.let(type_, ir.TupleItem(whole, position))
                for position, type_ in enumerate(whole.type.items)
            ]
        if count == 1:
            block.let_existing(target, ir.Cast(items[0]))
        else:
            block.let_existing(target, ir.MakeTuple(tuple(items[:count])))
        self.result.invoked.add(target)
        result_shadows = []
        for position, shadow in zip(memories, items[count:], strict=True):
            assert isinstance(shadow, ir.Var)
            result_shadows.append(shadow)
            if count == 1:
                self.result.shadow[target] = shadow
            else:
                self.tuple_shadows[target, position] = shadow
        self.result.invocations[whole] = Invocation(pair, target, args, tuple(result_shadows))

    def _custom(
        self, region: Region, position: int, statement: ir.Let, block: BlockBuilder
    ) -> None:
        """Put the forward part of a declared derivative in the place of the call."""
        target, call = statement.target, statement.expr
        assert isinstance(call, ir.Invoke)
        if not self.activity.is_active(target):
            declared = self.pairs.program.callees[call.function].custom
            if declared is not None and declared.unused is not None:
                self.result.unused[target] = declared.unused
            block.emit(statement)
            return
        derivative = custom.derivative_of(
            self.pairs.program, call, self.activity.is_active, block.origin
        )
        self.result.custom[target] = custom.emit_forward(
            derivative, target, call, (region, position), self.activity.memory, block
        )
        if isinstance(target.type, Tuple):
            self._tuple_result(target, block)
        elif is_memory(target.type):
            self._zeros_like(block, target)

    def _map_memory(self, operand: ir.Operand) -> ir.Operand:
        return self._shadow(operand) if self._is_active_memory(operand) else operand
