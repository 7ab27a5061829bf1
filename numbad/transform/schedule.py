"""The scheduler: which primal values the backward sweep records, recomputes or loads again.

The backward sweep needs some values of the forward sweep. Each is, at the least cost for all
together, *recorded* on the tape or *recomputed* from other values. A load can be repeated if its
memory still holds what it held, or if the backward sweep undoes the stores to that memory, for
which the overwritten elements are recorded. This is a minimum cut: value ``v`` has two nodes, an
edge ``in -> out`` of capacity "record v" and an edge ``source -> in`` of capacity "compute v
again"; ``operand.out -> v.in`` is infinite, as is ``v.out -> sink`` for a needed value. A cut edge
is a cost paid; values on the sink's side are available to the backward sweep.

Costs are per execution, times the assumed number of executions of the region:

==============================  ======================================================
record a number in a loop       6 units per 8 bytes, written and read once
record an overwritten element   6.5 units per 8 bytes: it is also put back
keep a number outside loops     almost nothing: it stays a local variable
record a reference in a loop    128 units: it keeps memory alive
``+ - *``, comparisons, casts   0.2 units
element load                    0.3 units
division, square root           6 units
other functions                 20 units
==============================  ======================================================

A truth value or integer that was computed from a vectorised elementary function is not recomputed:
the scalar and the vector version may differ in the last place, and the two sweeps must take the
same branches.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from numbad.analysis.memory import Access, AliasClass, Memory
from numbad.analysis.mincut import INFINITE, Network
from numbad.analysis.regions import Region, Regions
from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.types import BOOL, Array, Lanes, Scalar, is_inexact, is_memory
from numbad.kernels.vector_math import vectorised
from numbad.transform.costs import cost
from numbad.transform.derivatives import Derivatives

_RECORD_NUMBER = 6.0
_RECORD_OVERWRITTEN = 6.5
_RECORD_REFERENCE = 128.0
_KEEP_LOCAL = 1e-3
_KEEP_BRANCH_LOCAL = 0.4


@dataclass(frozen=True)
class Recipe:
    """How a value can be computed again: the cost once, and what from.

    ``undone`` is memory whose stores must be undone for it.
    """

    cost: float
    sources: tuple[ir.Operand, ...]
    undone: AliasClass | None = None


@dataclass(frozen=True)
class Plan:
    """The decision: values to recompute, values to record, stores (by identity) to undo."""

    recomputed: set[ir.Var]
    recorded: set[ir.Var]
    restored: frozenset[int]


class Scheduler:
    """Plans where the backward sweep of one augmented body gets its primal values from."""

    def __init__(
        self,
        regions: Regions,
        memory: Memory,
        derivatives: Derivatives,
        old_value: dict[int, ir.Var],
        *,
        shadows: frozenset[ir.Var] = frozenset(),
        keeps_shadows: bool = False,
        complete: frozenset[ir.Var] = frozenset(),
    ) -> None:
        self._complete = complete
        self._shadows = shadows
        self._keeps_shadows = keeps_shadows
        self._old_value = old_value
        self._old = set(old_value.values())
        self._latest: dict[ir.Var, float] = {}
        self._rounded: dict[ir.Var, bool] = {}
        self._regions = regions
        self._memory = memory
        self._derivatives = derivatives

    def plan(self, needed: dict[ir.Var, int]) -> Plan:
        """Return the cheapest plan that makes the needed values available.

        ``needed`` gives for each value the position of the last statement, in the region that
        defines it, whose adjoint needs it.
        """
        network = Network()
        seen: set[ir.Var] = set()
        self._find_latest(needed)
        pending = [var for var in needed if not self._is_always_available(var)]
        for var in pending:
            network.edge((var, "out"), "sink", INFINITE)
        undone: dict[ir.Var, AliasClass] = {}
        expanded: set[AliasClass] = set()
        while pending:
            var = pending.pop()
            if var in seen:
                continue
            seen.add(var)
            frequency = self._regions.region_of[var].frequency
            record = self._record_cost(var)
            recipe = self.recipe(var)
            network.edge((var, "in"), (var, "out"), record * frequency)
            if recipe is None:
                network.edge("source", (var, "in"), INFINITE)
                continue
            network.edge("source", (var, "in"), recipe.cost * frequency)
            for operand in recipe.sources:
                if isinstance(operand, ir.Var) and not self._is_always_available(operand):
                    network.edge((operand, "out"), (var, "in"), INFINITE)
                    pending.append(operand)
            if recipe.undone is not None:
                undone[var] = recipe.undone
                network.edge((recipe.undone, "undone"), (var, "in"), INFINITE)
                if recipe.undone not in expanded:
                    expanded.add(recipe.undone)
                    for operand in self._needs_of_undoing(recipe.undone):
                        network.edge((operand, "out"), (recipe.undone, "undone"), INFINITE)
                        pending.append(operand)
        if not seen:
            return Plan(set(), set(), frozenset())
        self._keep_together(seen, network)
        kept_by_source = network.source_side("source", "sink")
        recorded, recomputed = set(), set()
        for var in seen:
            if (var, "out") in kept_by_source:
                continue
            if (var, "in") in kept_by_source:
                recorded.add(var)
            else:
                recomputed.add(var)
        local = {var for var in recorded if self._regions.region_of[var].is_joint}
        restored = frozenset(
            id(access.statement)
            for found in {undone[var] for var in recomputed if var in undone}
            for access in self._to_undo(found)
        )
        return Plan(recomputed, recorded - local, restored)

    def _keep_together(self, seen: set[ir.Var], network: Network) -> None:
        """A shadow that the backward sweep allocates anew takes its views with it."""
        for var in seen:
            statement = self._regions.definition.get(var)
            match statement:
                case ir.Let(_, ir.Alloc()) if var in self._shadows:
                    found = self._memory.of(var)
                    for other in seen:
                        if (
                            other != var
                            and is_memory(other.type)
                            and self._memory.of(other) is found
                        ):
                            network.edge((other, "in"), (var, "in"), INFINITE)
                case _:
                    pass

    def _needs_of_undoing(self, found: AliasClass) -> list[ir.Var]:
        """Values that undoing the stores to the memory needs."""
        needs: list[ir.Var] = []
        for access in self._to_undo(found):
            statement = access.statement
            assert isinstance(statement, ir.Store | ir.Accumulate)
            sources = (statement.array, *statement.index, self._old_value[id(statement)])
            needs += [
                operand
                for operand in sources
                if isinstance(operand, ir.Var) and not self._is_always_available(operand)
            ]
        return needs

    def _to_undo(self, found: AliasClass) -> list[Access]:
        """Writes that may come after a load of the memory: the others need not be undone."""
        loads = [
            (var, self._regions.region_of[var], self._regions.position_of[var])
            for var, statement in self._regions.definition.items()
            if isinstance(statement, ir.Let)
            and isinstance(statement.expr, ir.Load)
            and var not in self._old
            and self._memory.of(statement.expr.array) is found
        ]
        array = found.members[0]
        return [
            access
            for access in found.writes
            if any(
                self._memory.may_follow(access, array, region, position)
                for _, region, position in loads
            )
        ]

    def _find_latest(self, needed: dict[ir.Var, int]) -> None:
        """Find how late (in the forward order) each value may be wanted, in its own region."""
        self._latest = dict(needed)
        pending = list(needed)
        while pending:
            var = pending.pop()
            if self._is_always_available(var):
                continue
            recipe = self.recipe(var, optimistic=True)
            if recipe is None:
                continue
            sources = list(recipe.sources)
            region = self._regions.region_of[var]
            is_merge = isinstance(self._regions.definition[var], ir.If)
            for operand in sources:
                if not isinstance(operand, ir.Var) or operand not in self._regions.region_of:
                    continue
                home = self._regions.region_of[operand]
                place: float
                if home is region:
                    place = self._latest[var]
                elif is_merge and not home.encloses(region):
                    place = INFINITE
                else:
                    place = self._place_in(region, home)
                if place > self._latest.get(operand, -2):
                    self._latest[operand] = place
                    pending.append(operand)

    def _place_in(self, region: Region, ancestor: Region) -> int:
        while region.parent is not ancestor:
            assert region.parent is not None
            region = region.parent
        return region.position

    def _is_always_available(self, var: ir.Var) -> bool:
        """Parameters, and the indices of loops (the reversed loop has them too)."""
        statement = self._regions.definition.get(var)
        if statement is None:
            return True
        if isinstance(statement, ir.For) and statement.index == var:
            return True
        return self._is_counter(statement, var)

    def _is_counter(self, statement: ir.Stmt, var: ir.Var) -> bool:
        return isinstance(statement, ir.While) and any(
            item.inner == var and item is statement.carried[-1] for item in statement.carried
        )

    def _record_cost(self, var: ir.Var) -> float:
        region = self._regions.region_of[var]
        if not region.loops:
            return _KEEP_LOCAL if region.is_joint else _KEEP_BRANCH_LOCAL
        match var.type:
            case Scalar(name):
                size = np.dtype(name).itemsize
                unit = _RECORD_OVERWRITTEN if var in self._old else _RECORD_NUMBER
                return unit * max(size, 1) / 8
            case Lanes(dtype) if dtype == BOOL:
                return INFINITE
            case Lanes(dtype, count):
                return _RECORD_NUMBER * count * np.dtype(dtype.name).itemsize / 8
            case Array():
                return _RECORD_REFERENCE
            case _:
                return INFINITE

    def recipe(self, var: ir.Var, *, optimistic: bool = False) -> Recipe | None:
        """Return how to compute the value again; ``optimistic`` takes any undoing to be valid."""
        statement = self._regions.definition[var]
        if isinstance(var.type, Scalar) and not is_inexact(var.type) and self._is_rounded(var):
            return None
        match statement:
            case ir.Let(_, expr):
                return self._expression_recipe(var, expr, optimistic)
            case ir.If():
                merge = next(merge for merge in statement.merges if merge.result == var)
                if is_memory(var.type) and self._is_made_in_branch(merge, var):
                    # References recorded in a branch can be taken off their list only once.
                    return None
                return Recipe(0.6, (statement.condition, merge.if_true, merge.if_false))
            case ir.For(carried=carried) | ir.While(carried=carried):
                return self._permuted_reference(var, carried)
            case _:
                return None

    def _is_rounded(self, operand: ir.Operand) -> bool:
        """Whether computing the value again may round differently."""
        if not isinstance(operand, ir.Var) or operand not in self._regions.definition:
            return False
        if operand not in self._rounded:
            self._rounded[operand] = False
            statement = self._regions.definition[operand]
            sources: tuple[ir.Operand, ...] = ()
            match statement:
                case ir.Let(_, ir.Call(fn)) if vectorised(fn) is not None:
                    self._rounded[operand] = True
                case ir.Let(_, ir.Call() | ir.Select() | ir.Cast() as expr):
                    sources = visit.expr_operands(expr)
                case ir.If(merges=merges):
                    merge = next(each for each in merges if each.result == operand)
                    sources = (statement.condition, merge.if_true, merge.if_false)
                case _:
                    pass
            if any(self._is_rounded(source) for source in sources):
                self._rounded[operand] = True
        return self._rounded[operand]

    def _permuted_reference(self, var: ir.Var, carried: tuple[ir.Carried, ...]) -> Recipe | None:
        """A loop that only permutes references is undone step by step, from its results."""
        if not is_memory(var.type) or all(item.inner != var for item in carried):
            return None
        by_inner = {item.inner: item for item in carried}
        cycle = [by_inner[var]]
        while True:
            following = cycle[-1].next
            if not isinstance(following, ir.Var) or following not in by_inner:
                return None
            if following == var:
                break
            item = by_inner[following]
            if item in cycle:
                return None
            cycle.append(item)
        targets = [item.next for item in carried if item.next in {c.inner for c in cycle}]
        if len(targets) != len(cycle):
            return None
        return Recipe(0.01, tuple(item.result for item in cycle) + self._others(cycle, var))

    def _others(self, cycle: list[ir.Carried], var: ir.Var) -> tuple[ir.Operand, ...]:
        """All references of a cycle are undone together."""
        return tuple(item.inner for item in cycle if item.inner != var)

    def _expression_recipe(self, var: ir.Var, expr: ir.Expr, optimistic: bool) -> Recipe | None:
        sources = visit.expr_operands(expr)
        match expr:
            case ir.Call(fn, args):
                if is_memory(var.type) or any(is_memory(arg.type) for arg in args):
                    return None
                if self._derivatives.is_impure(expr):
                    return None
                return Recipe(cost(fn), sources)
            case ir.Select() | ir.Cast():
                return Recipe(0.3, sources)
            case (
                ir.MakeTuple()
                | ir.TupleItem()
                | ir.Subview()
                | ir.Transpose()
                | ir.Component()
                | ir.Reshape()
            ):
                return Recipe(0.2, sources)
            case ir.Shape(array) if isinstance(array.type, Array):
                return Recipe(0.1, sources)
            case ir.Load(array) | ir.Shape(array):
                region = self._regions.region_of[var]
                position = self._regions.position_of[var]
                if not self._memory.overwritten_after(array, region, position):
                    return Recipe(0.3, sources)
                if not self._complete.isdisjoint(self._memory.chain(array)):
                    return Recipe(0.3, sources)
                found = self._memory.of(array)
                if var in self._old or not self._can_be_undone(found):
                    return None
                latest = self._latest.get(var, -1)
                if optimistic or (
                    latest < INFINITE
                    and not self._memory.overwritten_between(
                        array, region, position, int(latest) + 1
                    )
                ):
                    return Recipe(0.3, sources, found)
                return None
            case ir.Alloc() if var in self._shadows and isinstance(var.type, Array):
                # A shadow of ours, which the forward sweep does not touch. Those of a derivative
                # that is differentiated again are data.
                if self._memory.of(var).joined or self._keeps_shadows:
                    return None
                return Recipe(1e-4, sources)
            case _:
                return None

    def _is_made_in_branch(self, merge: ir.Merge, var: ir.Var) -> bool:
        region = self._regions.region_of[var]
        return any(
            isinstance(source, ir.Var) and not self._regions.region_of[source].encloses(region)
            for source in (merge.if_true, merge.if_false)
        )

    def _can_be_undone(self, found: AliasClass) -> bool:
        return bool(found.writes) and all(
            id(access.statement) in self._old_value for access in found.writes
        )
