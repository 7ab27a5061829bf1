"""Adjoints of stencils that fetch what they add, in place of handing it around.

The adjoint of ``new[i] = a * u[i - 1] + b * u[i] + a * u[i + 1]`` adds to three elements of
``u_bar`` in each iteration, one of which the next iteration meets again, so that no two iterations
can run at once. Where an iteration ``p`` of a nest adds ``c_k(p)`` to the elements ``p + o_k``, the
same is done by iterations that write one element each, ``u_bar[q] += c_1(q - o_1) + ...``, if what
``c_k`` is computed from is fetched from the places of the other iterations.

- The *core*: all ``q`` for which each ``q - o_k`` is an iteration of the nest. What the nest does
  at its own place (sums, stores, other arrays) is done there too.
- The *rim*: iterations at the sides of the nest do what the core has left, as they did before.
- Elements that the nest takes and clears (the cotangents of elements that the primal has
  overwritten) are read by several iterations now, and are cleared in a nest behind the others.

What is fetched is computed several times over, which is worth it as long as it is little: an
operation in a loop that LLVM vectorises costs a fraction of an addition to memory in one that it
does not. See ``_MOST_OPERATIONS``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

from numbad.analysis.coverage import at_least
from numbad.analysis.memory import Memory
from numbad.analysis.nests import Bound, Nest, Place, Shift, bound_of, nest_of
from numbad.analysis.regions import Regions
from numbad.analysis.regions import analyse as analyse_regions
from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.build import BlockBuilder, Fresh
from numbad.ir.types import REALS, Array
from numbad.transform import arith
from numbad.transform.accumulations import MOST_CARRIED
from numbad.transform.costs import is_cheap
from numbad.transform.exact import Exact
from numbad.transform.gathered import Cleared, Element, Plan, Target, write_gathered

# Loads and arithmetic for each contribution that is fetched, on average; or as much as the nest
# does anyway. To add to memory takes a load, an addition and a store, none of them vectorised and
# each waiting for the one before it; vectors have four or eight numbers.
_MOST_OPERATIONS = 8
_MOST_CONTRIBUTIONS = 64
# Shorter rows are all rim, or fill no vectors.
_SHORTEST_ROW = 16
# The rim runs as slowly as ever: it must be thin.
_WIDEST_RIM = 8


def gather_stencils(function: ir.Function, primal: int) -> ir.Function:
    """Return the function with nests that add to neighbouring elements in the form of a gather.

    What its first results, ``primal`` of them, are made of is added up in the order as written.
    """
    if not any(isinstance(statement, ir.Accumulate) for statement in visit.walk(function.body)):
        return function
    regions = analyse_regions(function.body, function.params)
    memory = Memory(regions, function.params, function.results)
    fresh = Fresh(visit.first_free_id(function))
    pass_ = _Gatherer(
        regions, memory, fresh, lambda: Exact(function, memory, function.results[:primal])
    )
    return replace(function, body=pass_.block(function.body))


# --- what a nest does with memory -----------------------------------------------------------------


@dataclass(frozen=True)
class _Access:
    statement: ir.Let | ir.Store | ir.Accumulate
    array: ir.Var
    element: Element | None
    position: int


class _Gatherer:
    def __init__(
        self, regions: Regions, memory: Memory, fresh: Fresh, exact: Callable[[], Exact]
    ) -> None:
        self.regions = regions
        self.memory = memory
        self.fresh = fresh
        self.exact = cache(exact)

    def block(self, block: ir.Block) -> ir.Block:
        out = BlockBuilder(self.fresh)
        for statement in block:
            if isinstance(statement, ir.For):
                nest = nest_of(statement, self.regions.definition)
                plan = None if nest is None else _Planner(nest, self.regions, self.memory).plan()
                if nest is not None and plan is not None and not self._is_exact(nest, plan):
                    out.origin = statement.origin
                    write_gathered(nest, plan, out)
                    continue
            out.emit(visit.with_regions(statement, lambda _, inner: self.block(inner)))
        return out.block()

    def _is_exact(self, nest: Nest, plan: Plan) -> bool:
        exact = self.exact()
        return any(each.result in exact for each in nest.sums) or any(
            target.element.array in exact for target in plan.targets
        )


class _Planner:
    """Decides whether a nest can be turned round, and should be."""

    def __init__(self, nest: Nest, regions: Regions, memory: Memory) -> None:
        self.nest = nest
        self.regions = regions
        self.memory = memory
        self.levels = len(nest.loops)

    def plan(self) -> Plan | None:
        """Return what is to be done; None if the nest is to stay as it is."""
        if sum(isinstance(each, ir.Accumulate) for each in self.nest.body) < 2:
            return None
        accesses = self._accesses()
        cleared: list[Cleared] = []
        own: list[ir.Store | ir.Accumulate] = []
        settled: set[int] = set()
        for access in accesses:
            if isinstance(access.statement, ir.Store):
                others = [o for o in accesses if o is not access and self._meet(o, access)]
                if not self._is_own(access.element):
                    return None
                found = self._cleared(access, others) if others else None
                if found is None and others:
                    return None
                if found is None:
                    own.append(access.statement)
                else:
                    cleared.append(found)
                    settled |= {other.position for other in others}
        added = [
            a
            for a in accesses
            if isinstance(a.statement, ir.Accumulate) and a.position not in settled
        ]
        for access in added:
            if any(
                not isinstance(o.statement, ir.Accumulate) and self._meet(o, access)
                for o in accesses
            ):
                return None
        targets, rest = self._targets(added)
        if all(self._is_carried(target) for target in targets):
            return None
        scattered = [access.array for access in added if not self._is_own(access.element)]
        if any(self._share(t.element.array, other) for t in targets for other in scattered):
            # Something would still be handed around.
            return None
        if not self._is_long() or not all(self._is_in_order(target) for target in targets):
            return None
        plan = Plan(tuple(targets), (*own, *rest), tuple(cleared))
        if not targets or any(high - low > _WIDEST_RIM for low, high in plan.reach(self.levels)):
            return None
        return plan if self._is_worth_it(plan) else None

    def _accesses(self) -> list[_Access]:
        outer = [let for level, let in self.nest.lets.values() if level < self.levels - 1]
        found = []
        for position, statement in enumerate((*outer, *self.nest.body)):
            match statement:
                case ir.Let(_, ir.Load(array, index)):
                    found.append(_Access(statement, array, self._element(array, index), position))
                case ir.Store(array, index) | ir.Accumulate(array, index):
                    found.append(_Access(statement, array, self._element(array, index), position))
                case _:
                    pass
        return found

    def _element(self, array: ir.Var, index: tuple[ir.Operand, ...]) -> Element | None:
        places: list[Place | Bound] = []
        for operand in index:
            place: Place | Bound | None = self.nest.place(operand)
            if place is None and self.nest.is_outside(operand):
                place = bound_of(operand, self.regions.definition)
            if place is None or not self._is_natural(place):
                return None
            places.append(place)
        return self._in_base(Element(array, tuple(places)))

    def _in_base(self, element: Element) -> Element:
        """Return the element of the array that a view is of, if the view is made of plain slices.

        No slice is cut off at the end of the array where the view has elements.
        """
        while True:
            match self.regions.definition.get(element.array):
                case ir.Let(_, ir.Subview(array, items)):
                    index = self._index_in_base(items, element.index)
                    if index is None:
                        return element
                    element = Element(array, index)
                case _:
                    return element

    def _index_in_base(
        self,
        items: tuple[ir.Operand | ir.Slice | ir.NewAxis, ...],
        index: tuple[Place | Bound, ...],
    ) -> tuple[Place | Bound, ...] | None:
        found: list[Place | Bound] = []
        rest = iter(index)
        for item in items:
            match item:
                case ir.Slice(None | ir.Const(None), _, None | ir.Const(None | 1)):
                    found.append(next(rest))
                case ir.Slice(ir.Const(int() as start), _, None | ir.Const(None | 1)):
                    found.append(next(rest).moved(start))
                    if start < 0:
                        return None
                case ir.Slice() | ir.NewAxis():
                    return None
                case _:
                    bound = bound_of(item, self.regions.definition)
                    if bound is None or not self._is_natural(bound):
                        return None
                    found.append(bound)
        return (*found, *rest)

    def _is_natural(self, place: Place | Bound) -> bool:
        """Whether an index is never negative, and so does not count from the end."""
        if isinstance(place, Place):
            place = self.nest.box[place.level][0].moved(place.offset)
        if place.base is None:
            return place.distance >= 0
        return at_least(place.base, -place.distance, self.regions)

    def _is_own(self, element: Element | None) -> bool:
        return element is not None and element.shift(self.levels) is not None

    def _share(self, first: ir.Var, second: ir.Var) -> bool:
        same = self.memory.of(first) is self.memory.of(second)
        return same and not self.memory.are_distinct(first, second)

    def _meet(self, first: _Access, second: _Access) -> bool:
        """Whether two accesses may be to the same memory."""
        if not self._share(first.array, second.array):
            return False
        one, other = first.element, second.element
        if one is None or other is None or one.array != other.array:
            return True
        return not any(
            isinstance(a, Bound)
            and isinstance(b, Bound)
            and a.base == b.base
            and a.distance != b.distance
            for a, b in zip(one.index, other.index, strict=True)
        )

    def _cleared(self, access: _Access, others: list[_Access]) -> Cleared | None:
        """Return what becomes of an element that is read, cleared, and added to, in this order."""
        store = access.statement
        assert isinstance(store, ir.Store)
        terms: list[ir.Operand] = []
        for other in others:
            if other.element != access.element:
                return None
            match other.statement:
                case ir.Let():
                    if other.position > access.position:
                        return None
                case ir.Accumulate(value=value):
                    if other.position < access.position or value.type != store.value.type:
                        return None
                    terms.append(value)
                case _:
                    return None
        return Cleared(store, tuple(terms)) if arith.is_zero(store.value) else None

    def _targets(self, added: list[_Access]) -> tuple[list[Target], list[ir.Store | ir.Accumulate]]:
        """Return what is added to neighbouring elements, and the other accumulations."""
        groups: dict[object, list[tuple[_Access, Shift]]] = {}
        rest: list[ir.Store | ir.Accumulate] = []
        for access in added:
            statement, element = access.statement, access.element
            assert isinstance(statement, ir.Accumulate)
            shift = None if element is None else element.shift(self.levels)
            type_ = access.array.type
            assert isinstance(type_, Array)
            is_number = type_.dtype in REALS and statement.value.type == type_.dtype
            if element is None or shift is None or not is_number:
                rest.append(statement)
                continue
            axes = tuple(p.level if isinstance(p, Place) else p for p in element.index)
            groups.setdefault((element.array, axes), []).append((access, shift))
        targets = []
        for members in groups.values():
            if len({shift for _, shift in members}) < 2:
                rest += [a.statement for a, _ in members if isinstance(a.statement, ir.Accumulate)]
            else:
                targets.append(self._target(members))
        return targets, rest

    def _target(self, members: list[tuple[_Access, Shift]]) -> Target:
        """Choose the centre: what is dearest need not be fetched from elsewhere."""
        values: dict[Shift, list[ir.Operand]] = {}
        for access, shift in members:
            assert isinstance(access.statement, ir.Accumulate)
            values.setdefault(shift, []).append(access.statement.value)
        centre = max(
            values, key=lambda s: (len(self.nest.made_of(values[s])), [-abs(o) for o in s])
        )
        first = members[0][0]
        assert isinstance(first.statement, ir.Accumulate) and first.element is not None
        terms = [
            (tuple(o - c for o, c in zip(shift, centre, strict=True)), value)
            for shift, operands in sorted(values.items())
            for value in operands
        ]
        return Target(first.statement, first.element, centre, tuple(terms))

    def _is_long(self) -> bool:
        """Whether the innermost loop, as far as is known, fills vectors."""
        low, high = self.nest.box[-1]
        return low.base != high.base or high.distance - low.distance >= _SHORTEST_ROW

    def _is_in_order(self, target: Target) -> bool:
        """Whether the innermost loop runs over neighbours in memory, as far as is known."""
        type_ = target.element.array.type
        assert isinstance(type_, Array)
        places = [isinstance(p, Place) and p.level == self.levels - 1 for p in target.element.index]
        return type_.layout not in "CF" or places[-1 if type_.layout == "C" else 0]

    def _is_carried(self, target: Target) -> bool:
        """Whether sums for the next iterations do as well: see ``accumulations``."""
        shifts = [shift for shift, _ in target.terms]
        inner = [shift[-1] for shift in shifts]
        in_line = len({shift[:-1] for shift in shifts}) == 1
        return in_line and max(inner) - min(inner) <= MOST_CARRIED

    def _is_worth_it(self, plan: Plan) -> bool:
        """Whether little is computed again, and nothing that is dear."""
        again: set[tuple[ir.Var, Shift]] = set()
        count = 0
        for target in plan.targets:
            for shift, value in target.terms:
                if not any(shift):
                    continue
                count += 1
                for var in self.nest.made_of([value]):
                    where = self.nest.restricted(var, shift)
                    expr = self.nest.lets[var][1].expr
                    if any(where) and self.nest.place(var) is None:
                        if isinstance(expr, ir.Call) and not is_cheap(expr.fn):
                            return False
                        again.add((var, where))
        most = max(_MOST_OPERATIONS * count, len(self.nest.lets))
        return count <= _MOST_CONTRIBUTIONS and len(again) <= most
