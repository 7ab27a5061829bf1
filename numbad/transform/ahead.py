"""Elementary functions computed ahead of loops whose iterations wait for each other.

LLVM evaluates ``exp`` for several iterations of a loop at once, but not in a recurrence, even where
the arguments of ``exp`` have no part in it. Where such values are stored anyway, on the tape or in
an array of the program, a loop of their own computes them first:

    for t in range(steps):
        t_tape[t] = exp(drift + vol * normals[t])
    for t in range(steps):
        price *= t_tape[t]

It is for programs that are emitted next: with vector mathematics, and where nothing that may raise
or that acts on the outside world would change its place.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass, replace

import numpy as np

from numbad.analysis.coverage import at_least
from numbad.analysis.memory import Memory
from numbad.analysis.regions import Region, Regions
from numbad.analysis.regions import analyse as analyse_regions
from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.build import Fresh
from numbad.ir.types import REALS, Array, is_memory, is_real
from numbad.kernels.arithmetic import divide
from numbad.kernels.vector_math import vectorised
from numbad.transform import arith
from numbad.transform.costs import is_cheap

_PLAIN = (divide, np.sqrt)
_MOST_REPEATED = 24


def compute_ahead(function: ir.Function) -> ir.Function:
    """Return the function with elementary functions in loops of their own."""
    if not any(_is_elementary(statement) for statement in visit.walk(function.body)):
        return function
    regions = analyse_regions(function.body, function.params)
    memory = Memory(regions, function.params, function.results)
    fresh = Fresh(visit.first_free_id(function))
    return replace(function, body=_Splitter(regions, memory, fresh).block(regions.root))


def _is_elementary(statement: ir.Stmt) -> bool:
    match statement:
        case ir.Let(target, ir.Call(fn, args, ())):
            return (
                target.type in REALS
                and all(arg.type == target.type for arg in args)
                and vectorised(fn) is not None
            )
        case _:
            return False


@dataclass(frozen=True)
class _Value:
    """An elementary function that an iteration stores, and what it is made of in the body."""

    definition: ir.Let
    store: ir.Store
    made_of: frozenset[int]

    def loaded(self) -> ir.Let:
        """Return the definition of the value where it is already stored."""
        return replace(self.definition, expr=ir.Load(self.store.array, self.store.index))


class _Splitter:
    def __init__(self, regions: Regions, memory: Memory, fresh: Fresh) -> None:
        self.regions = regions
        self.memory = memory
        self.fresh = fresh

    def block(self, region: Region) -> ir.Block:
        out: list[ir.Stmt] = []
        for position, statement in enumerate(region.block):

            def inner(kind: str, _: ir.Block, at: int = position) -> ir.Block:
                return self.block(self.regions.child(region, at, kind))

            changed = visit.with_regions(statement, inner)
            if isinstance(statement, ir.For) and isinstance(changed, ir.For):
                body = self.regions.child(region, position, "body")
                out += self._loop(statement, body, changed.body)
            else:
                out.append(changed)
        return tuple(out)

    def _loop(self, loop: ir.For, region: Region, body: ir.Block) -> tuple[ir.Stmt, ...]:
        values = self._values(loop, region) if _waits(loop) and not _acts(loop.body) else []
        if not values:
            return (replace(loop, body=body),)
        positions = sorted(set().union(*(value.made_of for value in values)))
        stores = {id(value.store) for value in values}
        moved = [region.block[position] for position in positions]
        moved += [statement for statement in region.block if id(statement) in stores]
        ahead = ir.For(loop.index, loop.start, loop.stop, loop.step, (), tuple(moved), loop.origin)
        by_target = {value.definition.target: value for value in values}
        rest: list[ir.Stmt] = []
        for statement in body:
            if id(statement) in stores:
                continue
            value = by_target.get(statement.target) if isinstance(statement, ir.Let) else None
            rest.append(statement if value is None else value.loaded())
        return visit.Cloner(self.fresh).statement(ahead), replace(loop, body=tuple(rest))

    def _values(self, loop: ir.For, region: Region) -> list[_Value]:
        """Return what can be computed ahead of a loop."""
        found: list[_Value] = []
        for statement in region.block:
            match statement:
                case ir.Store(value=ir.Var() as value) if self._has_own_slots(
                    statement, loop, region
                ):
                    definition = self.regions.definition[value]
                case _:
                    continue
            if not isinstance(definition, ir.Let) or not _is_elementary(definition):
                continue
            made_of: set[int] = set()
            sources = (value, *statement.index)
            if all(self._collect(source, loop, region, made_of) for source in sources):
                found.append(_Value(definition, statement, frozenset(made_of)))
        return found

    def _has_own_slots(self, store: ir.Store, loop: ir.For, region: Region) -> bool:
        """Whether each iteration stores to a place that nothing else in the loop touches.

        The place must be known where the value is computed.
        """
        value, array = store.value, store.array
        if not isinstance(value, ir.Var) or self.regions.region_of[value] is not region:
            return False
        definition = self.regions.definition.get(array)
        is_new = isinstance(definition, ir.Let) and isinstance(definition.expr, ir.Alloc)
        if not is_new or region.encloses(self.regions.region_of[array]):
            return False
        counting = 0
        for part in store.index:
            if not self._is_inside(part, region):
                continue
            assert isinstance(part, ir.Var)
            if self.regions.region_of[part] is not region or not self._counts(part, loop):
                return False
            if self.regions.position_of[part] >= self.regions.position_of[value]:
                return False
            counting += 1
        return counting > 0 and not any(
            other is not store and self._touches(other, array) for other in visit.walk(loop.body)
        )

    def _counts(self, part: ir.Var, loop: ir.For) -> bool:
        """Whether an index is 0, 1, 2 ... in the iterations, or the same from a later start."""
        if not arith.is_one(loop.step):
            return False
        if part == loop.index:
            return at_least(loop.start, 0, self.regions)
        match self.regions.definition[part]:
            case ir.Let(_, ir.Call(operator.sub, (index, start))):
                return index == loop.index and start == loop.start
            case _:
                return False

    def _touches(self, statement: ir.Stmt, array: ir.Var) -> bool:
        """Whether a statement may read or write elements of an array."""
        if isinstance(statement, ir.Let) and isinstance(statement.expr, ir.Shape):
            return False
        return any(
            isinstance(operand, ir.Var)
            and is_memory(operand.type)
            and not self.memory.are_distinct(operand, array)
            for operand in (*visit.operands(statement), *visit.region_results(statement))
        )

    def _collect(
        self, operand: ir.Operand, loop: ir.For, region: Region, made_of: set[int]
    ) -> bool:
        """Add the positions of all that an operand is made of in the body; False if it waits."""
        if operand == loop.index or not self._is_inside(operand, region):
            return True
        assert isinstance(operand, ir.Var)
        definition = self.regions.definition[operand]
        if self.regions.region_of[operand] is not region or not isinstance(definition, ir.Let):
            return False
        position = self.regions.position_of[operand]
        if position in made_of:
            return True
        if len(made_of) == _MOST_REPEATED or not self._may_move(definition, region):
            return False
        made_of.add(position)
        return all(
            self._collect(each, loop, region, made_of)
            for each in visit.expr_operands(definition.expr)
        )

    def _is_inside(self, operand: ir.Operand, region: Region) -> bool:
        """Whether an operand is defined in a region, or nested in it."""
        return isinstance(operand, ir.Var) and region.encloses(self.regions.region_of[operand])

    def _may_move(self, let: ir.Let, region: Region) -> bool:
        match let.expr:
            case ir.Call(fn, args, ()):
                if any(is_memory(arg.type) for arg in args):
                    return False
                if fn is operator.truediv:
                    return not self._is_inside(args[1], region)
                return is_cheap(fn) or fn in _PLAIN or _is_elementary(let)
            case ir.Select() | ir.Cast():
                return not is_memory(let.target.type)
            case ir.Shape(array):
                return isinstance(array.type, Array)
            case ir.Load(array):
                return isinstance(array.type, Array) and not any(
                    region.encloses(access.region) and not self.memory.is_elsewhere(access, array)
                    for access in self.memory.of(array).writes
                )
            case _:
                return False


def _waits(loop: ir.For) -> bool:
    """Whether LLVM will not run several iterations at once."""
    return any(is_real(item.inner.type) for item in loop.carried) or any(
        isinstance(statement, ir.For | ir.While) for statement in loop.body
    )


def _acts(block: ir.Block) -> bool:
    """Whether a block may raise an error of the program, act outside or write by a call."""
    for statement in visit.walk(block):
        match statement:
            case ir.Effect() | ir.Raise():
                return True
            case ir.Let(_, expr) if ir.has_effect(expr):
                return True
            case _:
                pass
    return False
