"""Elements that a loop clears for a later iteration, which overwrites them.

The adjoint of a time step takes the cotangents of the new state and clears them, and adds to those
of the old state. With exchanged buffers, what one iteration clears is what the next one adds to: if
the first that happens to the elements is that a nest adds to each of them once, it can store what
it adds, and nothing has to be cleared but what the nest leaves out. Behind the loop the elements
that the last iteration would have cleared are cleared.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass, replace

from numbad.analysis.memory import Memory
from numbad.analysis.nests import Bound, Nest, Place, nest_of
from numbad.analysis.regions import Regions
from numbad.analysis.regions import analyse as analyse_regions
from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.build import BlockBuilder, Fresh
from numbad.ir.types import BOOL, INT64, element_of, is_memory
from numbad.transform import arith
from numbad.transform.arrays import Body, Range, Sides, nest_across, nest_over, row_across, sides_of

Box = tuple[tuple[Bound, Bound], ...]


def postpone_clearing(function: ir.Function) -> ir.Function:
    """Return the function with stores in place of clearing and adding, across iterations."""
    if not any(isinstance(each, ir.For) and each.carried for each in visit.walk(function.body)):
        return function
    regions = analyse_regions(function.body, function.params)
    memory = Memory(regions, function.params, function.results)
    fresh = Fresh(visit.first_free_id(function))
    return replace(function, body=_Pass(regions, memory, fresh).block(function.body))


@dataclass(frozen=True)
class _Found:
    """Positions in a loop's body of the nest that clears and of the one that adds.

    ``item`` carries what the cleared array is called in the next iteration; ``box`` is what is
    cleared, ``core`` what is added to. The nest goes from ``row`` to row, if it has several loops,
    along ``axis`` and all others at ``index`` (the index of a loop, and what is added to it).
    """

    clearing: int
    adding: int
    item: ir.Carried
    box: Box
    core: Box
    row: ir.Var | None
    axis: int | None
    index: tuple[tuple[ir.Var, int], ...]


class _Pass:
    def __init__(self, regions: Regions, memory: Memory, fresh: Fresh) -> None:
        self.regions = regions
        self.memory = memory
        self.fresh = fresh
        self._references: dict[int, tuple[ir.Stmt, set[ir.Var]]] = {}

    def block(self, block: ir.Block) -> ir.Block:
        out = BlockBuilder(self.fresh)
        for position, statement in enumerate(block):
            out.origin = statement.origin
            match statement:
                case ir.For() if found := self._search(statement, block[:position]):
                    self._rewrite(statement, found, out)
                case _:
                    out.emit(visit.with_regions(statement, lambda _, inner: self.block(inner)))
        return out.block()

    # --- what is found ----------------------------------------------------------------------------

    def _search(self, loop: ir.For, before: ir.Block) -> list[_Found]:
        found = []
        if not isinstance(loop.step, ir.Const) or loop.step.value not in (1, -1):
            return []
        references = [item for item in loop.carried if is_memory(item.inner.type)]
        inits = [item.init for item in references]
        for item in references:
            cleared = item.next
            if (
                not isinstance(cleared, ir.Var)
                or cleared == item.inner
                or cleared not in {each.inner for each in references}
                or inits.count(item.init) != 1
                or not self._is_zero(item.init, before)
            ):
                continue
            place = self._place(loop, item, cleared)
            if place is not None:
                found.append(place)
        return found

    def _is_zero(self, operand: ir.Operand, before: ir.Block) -> bool:
        """Whether an array of zeros was made in the same block, and nothing done to it.

        It may have gone through loops that exchange it for others of its kind.
        """
        if not isinstance(operand, ir.Var):
            return False
        for position in reversed(range(len(before))):
            match before[position]:
                case ir.Let(target, expr) if target == operand:
                    return _is_zeros(expr)
                case ir.For(carried=carried, body=body) if operand in {c.result for c in carried}:
                    return not self._touching(body, operand, exactly=False) and all(
                        self._is_zero(item.init, before[:position])
                        for item in carried
                        if self._may_share(item.inner, operand)
                    )
                case statement if self._touching((statement,), operand):
                    return False
                case _:
                    pass
        return False

    def _place(self, loop: ir.For, item: ir.Carried, cleared: ir.Var) -> _Found | None:
        body = loop.body
        clearing = self._touching(body, cleared)[-1:]
        adding = self._touching(body, item.inner)[:1]
        if not clearing or not adding or clearing[0] <= adding[0]:
            return None
        cleared_nest = self._writing(body[clearing[0]], cleared, ir.Store)
        added_nest = self._writing(body[adding[0]], item.inner, ir.Accumulate)
        if cleared_nest is None or added_nest is None:
            return None
        (clears, _), (adds, places) = cleared_nest, added_nest
        box, core = _box(*cleared_nest), _box(*added_nest)
        if clears.sums or not _is_within(core, box):
            return None
        defined = visit.defined_vars((loop,))
        if any(bound.base in defined for sides in (*box, *core) for bound in sides):
            return None
        rank = len(adds.loops) - 1
        row = adds.loops[-2].index if rank else None
        axis = [place.level for place in places].index(rank) if rank else None
        index = tuple((adds.loops[place.level].index, place.offset) for place in places)
        return _Found(clearing[0], adding[0], item, box, core, row, axis, index)

    def _touching(self, body: ir.Block, array: ir.Var, *, exactly: bool = True) -> list[int]:
        """Return the positions of the statements that may touch the memory of a reference.

        Without ``exactly``, what it might be exchanged for counts as well.
        """
        return [
            position
            for position, statement in enumerate(body)
            if not _reads_shape(statement)
            and any(
                self._may_share(var, array)
                and not (exactly and self.memory.are_distinct(var, array))
                for var in self._used(statement)
            )
        ]

    def _used(self, statement: ir.Stmt) -> set[ir.Var]:
        """Return the references to memory that a statement uses."""
        known = self._references.get(id(statement))
        if known is None:
            found = {var for var in visit.used_vars((statement,)) if is_memory(var.type)}
            known = self._references[id(statement)] = (statement, found)
        return known[1]

    def _may_share(self, var: ir.Var, array: ir.Var) -> bool:
        return self.memory.knows(var) and self.memory.of(var) is self.memory.of(array)

    def _writing(
        self, statement: ir.Stmt, array: ir.Var, kind: type[ir.Store] | type[ir.Accumulate]
    ) -> tuple[Nest, tuple[Place, ...]] | None:
        """Return the nest, and where it clears (adds to) an element of the array per iteration.

        It must do nothing else with the array; where it clears, nothing else at all.
        """
        if not isinstance(statement, ir.For):
            return None
        nest = nest_of(statement, self.regions.definition)
        if nest is None:
            return None
        inside = tuple(s for s in visit.walk(nest.loops[:1]) if not isinstance(s, ir.For))
        writes = [each for each in nest.body if not isinstance(each, ir.Let)]
        own = [each for each in writes if each.array == array]
        if len(self._touching(inside, array)) != 1 or len(own) != 1:
            return None
        if not isinstance(own[0], kind):
            return None
        if kind is ir.Store and (len(writes) != 1 or not arith.is_zero(own[0].value)):
            return None
        places = tuple(place for each in own[0].index if (place := nest.place(each)) is not None)
        each_once = len({place.level for place in places}) == len(nest.loops) == len(places)
        return (nest, places) if each_once and len(places) == len(own[0].index) else None

    # --- what becomes of it -----------------------------------------------------------------------

    def _rewrite(self, loop: ir.For, found: list[_Found], out: BlockBuilder) -> None:
        body = BlockBuilder(self.fresh)
        cleared = {each.clearing: each for each in found}
        adding: dict[int, list[_Found]] = {}
        for each in found:
            adding.setdefault(each.adding, []).append(each)
        for position, statement in enumerate(loop.body):
            if position in cleared:
                continue
            body.origin = statement.origin
            for together in _grouped(adding.get(position, [])):
                first, arrays = together[0], [each.item.inner for each in together]
                box, core = _ranges(out, first.box), _ranges(out, first.core)
                sides = sides_of(out, box, core, first.axis)
                for side in sides:
                    if side.axis != first.axis:
                        nest_across(body, side, _clear(arrays))
                ends = [side for side in sides if side.axis == first.axis]
                statement = self._storing(statement, first, arrays, ends)  # noqa: PLW2901
            body.emit(statement)
        out.emit(replace(loop, body=body.block()))
        is_up = arith.is_one(loop.step)
        compare = operator.lt if is_up else operator.gt
        runs = out.call(BOOL, compare, loop.start, loop.stop)
        inner = out.nested()
        for together in _grouped(found):
            results = [each.item.result for each in together]
            nest_over(inner, _ranges(out, together[0].box), _clear(results))
        out.emit(ir.If(runs, inner.block(), (), (), out.origin))

    def _storing(
        self, statement: ir.Stmt, found: _Found, arrays: list[ir.Var], ends: list[Sides]
    ) -> ir.Stmt:
        """Return a nest that stores what it added, and clears the ends of each of its rows."""
        match statement:
            case ir.Accumulate(target, index, value, origin) if target in arrays:
                return ir.Store(target, index, value, origin)
            case ir.For(body=body):
                block = BlockBuilder(self.fresh)
                block.origin = statement.origin
                if statement.index == found.row:
                    for side in ends:
                        row_across(block, side, found.index, _clear(arrays))
                for each in body:
                    block.emit(self._storing(each, found, arrays, ends))
                return replace(statement, body=block.block())
            case _:
                return statement


def _grouped(found: list[_Found]) -> list[list[_Found]]:
    """Return what is cleared in the same places together."""
    groups: dict[object, list[_Found]] = {}
    for each in found:
        key = (each.adding, each.box, each.core, each.index)
        groups.setdefault(key, []).append(each)
    return list(groups.values())


def _reads_shape(statement: ir.Stmt) -> bool:
    return isinstance(statement, ir.Let) and isinstance(statement.expr, ir.Shape)


def _is_zeros(expr: ir.Expr) -> bool:
    match expr:
        case ir.Alloc(_, fill, "shadow"):
            return fill is not None and arith.is_zero(fill)
        case _:
            return False


def _box(nest: Nest, places: tuple[Place, ...]) -> Box:
    """Return the elements at the places, by axis."""
    return tuple(
        (low.moved(place.offset), high.moved(place.offset))
        for place in places
        for low, high in [nest.box[place.level]]
    )


def _is_within(core: Box, box: Box) -> bool:
    """Whether a box certainly lies within another, if it is not empty."""
    return all(
        inner.base == outer.base and (inner.distance - outer.distance) * sign >= 0
        for pair in zip(core, box, strict=True)
        for inner, outer, sign in zip(*pair, (1, -1), strict=True)
    )


def _ranges(block: BlockBuilder, box: Box) -> list[Range]:
    return [(_operand(block, low), _operand(block, high)) for low, high in box]


def _operand(block: BlockBuilder, bound: Bound) -> ir.Operand:
    distance = ir.Const(bound.distance, INT64)
    return distance if bound.base is None else arith.add_int(block, bound.base, distance)


def _clear(arrays: list[ir.Var]) -> Body:
    def body(inner: BlockBuilder, index: tuple[ir.Operand, ...]) -> None:
        for array in arrays:
            zero = arith.zero(element_of(array.type))
            inner.emit(ir.Store(array, index, zero, inner.origin))

    return body
