"""The three parts of a nest in the form of a gather: see ``gather``."""

from __future__ import annotations

import operator
from dataclasses import dataclass, replace

from numbad.analysis.nests import Bound, Nest, Place, Shift, Write
from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.build import BlockBuilder
from numbad.ir.types import BOOL, INT64
from numbad.transform import arith


@dataclass(frozen=True)
class Element:
    """An element: the array, and where each index moves with the nest, or its value outside."""

    array: ir.Var
    index: tuple[Place | Bound, ...]

    def shift(self, levels: int) -> Shift | None:
        """Return how far the element is from the iteration, if each iteration has its own."""
        offsets: dict[int, int] = {}
        for each in self.index:
            if isinstance(each, Place):
                if each.level in offsets:
                    return None
                offsets[each.level] = each.offset
        return tuple(offsets[level] for level in range(levels)) if len(offsets) == levels else None


@dataclass(frozen=True)
class Cleared:
    """An element of each iteration that it takes, clears and perhaps adds to: the new value."""

    store: ir.Store
    terms: tuple[ir.Operand, ...]


@dataclass(frozen=True)
class Target:
    """What a nest adds to the elements around ``centre`` of an array."""

    example: ir.Accumulate
    element: Element
    centre: Shift
    terms: tuple[tuple[Shift, ir.Operand], ...]


@dataclass(frozen=True)
class Plan:
    """What becomes of a nest: see ``write_gathered``."""

    targets: tuple[Target, ...]
    own: tuple[ir.Store | ir.Accumulate, ...]
    cleared: tuple[Cleared, ...]

    def reach(self, levels: int) -> list[tuple[int, int]]:
        """Return for each loop how far back and ahead iterations add."""
        shifts = [shift for target in self.targets for shift, _ in target.terms]
        return [
            (min(0, *(s[level] for s in shifts)), max(0, *(s[level] for s in shifts)))
            for level in range(levels)
        ]


def write_gathered(nest: Nest, plan: Plan, out: BlockBuilder) -> None:
    """Write core, rim, and what clears elements behind them, in place of a nest."""
    box = [(_bound(out, low), _bound(out, high)) for low, high in nest.box]
    reach = plan.reach(len(nest.loops))
    core = [
        (_bound(out, low.moved(ahead)), _bound(out, high.moved(back)))
        for (low, high), (back, ahead) in zip(nest.box, reach, strict=True)
    ]
    subtotals = _write_core(nest, plan, out, core)
    widths = [ahead - back for back, ahead in reach]
    _Rim(nest, plan, out, core, widths).write(box, subtotals)
    _write_cleared(nest, plan, out, box)


Range = tuple[ir.Operand, ir.Operand]


def _bound(block: BlockBuilder, bound: Bound) -> ir.Operand:
    distance = ir.Const(bound.distance, INT64)
    return distance if bound.base is None else arith.add_int(block, bound.base, distance)


class _Body:
    """Bodies of nested loops under construction, and the values of their iterations and others.

    ``added`` loops that the original nest does not have are around the innermost one.
    """

    def __init__(self, nest: Nest, out: BlockBuilder, added: int = 0) -> None:
        self.nest = nest
        self.out = out
        last = len(nest.loops) - 1
        self.place_of = [*range(last), last + added]
        self.blocks = [out.nested() for _ in range(last + added + 1)]
        self.indices = [out.fresh.var(INT64) for _ in self.blocks]
        for place, loop in zip(self.place_of, nest.loops, strict=True):
            self.indices[place] = out.fresh.var(INT64, loop.index.name)
        self.here = (0,) * len(nest.loops)
        self._order = {var: number for number, var in enumerate(nest.lets)}
        self._moved: dict[tuple[int, int], ir.Operand] = {}
        self._values: dict[tuple[ir.Operand, Shift], ir.Operand] = {}

    @property
    def innermost(self) -> BlockBuilder:
        """The body of the innermost loop."""
        return self.blocks[-1]

    def index(self, level: int, offset: int) -> ir.Operand:
        """Return the index of a loop of the original nest, moved."""
        key = (level, offset)
        if key not in self._moved:
            place = self.place_of[level]
            distance = ir.Const(offset, INT64)
            self._moved[key] = arith.add_int(self.blocks[place], self.indices[place], distance)
        return self._moved[key]

    def value(self, operand: ir.Operand, shift: Shift) -> ir.Operand:
        """Return a value of the iteration that is behind this one by ``shift``."""
        for var in sorted(self.nest.made_of([operand]), key=self._order.__getitem__):
            key = (var, self.nest.restricted(var, shift))
            if key not in self._values:
                level, let = self.nest.lets[var]
                expr = visit.map_expr(let.expr, lambda each: self._known(each, shift))
                block = self.blocks[self.place_of[level]]
                block.origin = let.origin
                self._values[key] = block.let(var.type, expr, var.name)
        return self._known(operand, shift)

    def _known(self, operand: ir.Operand, shift: Shift) -> ir.Operand:
        place = self.nest.place(operand)
        if place is not None:
            return self.index(place.level, place.offset - shift[place.level])
        if self.nest.is_outside(operand):
            return operand
        return self._values[operand, self.nest.restricted(operand, shift)]

    def write(self, statement: Write) -> Write:
        """Return a write of the original nest for this iteration."""
        index = tuple(self.value(each, self.here) for each in statement.index)
        return replace(statement, index=index, value=self.value(statement.value, self.here))

    def _index_of(self, target: Target, shift: Shift) -> tuple[ir.Operand, ...]:
        return tuple(
            self.index(each.level, target.centre[each.level] + shift[each.level])
            if isinstance(each, Place)
            else _bound(self.out, each)
            for each in target.element.index
        )

    def added(self, target: Target, shift: Shift, value: ir.Operand) -> ir.Accumulate:
        """Return what adds to the element that belongs to the iteration ahead by ``shift``."""
        index = self._index_of(target, shift)
        return replace(target.example, array=target.element.array, index=index, value=value)

    def close(
        self,
        ranges: list[Range],
        terms: list[ir.Operand],
        inits: list[ir.Operand],
        results: list[ir.Var],
    ) -> None:
        """Emit the loops, which add up ``terms`` of the innermost body."""
        values = list(terms)
        for place in reversed(range(len(self.blocks))):
            block = self.blocks[place]
            carried = []
            for number, result in enumerate(results):
                inner, subtotal = (block.fresh.var(result.type, result.name) for _ in range(2))
                call = ir.Call(operator.add, (inner, values[number]))
                total = block.let(result.type, call, result.name)
                if place == 0:
                    carried.append(ir.Carried(inner, inits[number], total, result))
                else:
                    values[number] = subtotal
                    carried.append(ir.Carried(inner, arith.zero(result.type), total, subtotal))
            around = self.out if place == 0 else self.blocks[place - 1]
            around.emit(
                ir.For(
                    self.indices[place],
                    *ranges[place],
                    arith.ONE,
                    tuple(carried),
                    block.block(),
                    self.out.origin,
                )
            )


def _write_core(nest: Nest, plan: Plan, out: BlockBuilder, core: list[Range]) -> list[ir.Operand]:
    """Emit the iterations that write one element of each target; return the sums so far."""
    body = _Body(nest, out)
    terms = [body.value(each.term, body.here) for each in nest.sums]
    writes = [body.write(each) for each in plan.own]
    for target in plan.targets:
        writes.append(body.added(target, body.here, _gathered(body, target)))
    for write in writes:
        body.innermost.emit(write)
    results = [out.fresh.var(each.result.type, each.result.name) for each in nest.sums]
    body.close(core, terms, [each.init for each in nest.sums], results)
    return list(results)


def _gathered(body: _Body, target: Target) -> ir.Operand:
    """Return the sum of what arrives at an element; common factors are multiplied once."""
    factors: dict[ir.Operand | None, list[tuple[Shift, ir.Operand]]] = {}
    for shift, value in target.terms:
        factor, rest = _factored(body.nest, value)
        factors.setdefault(factor, []).append((shift, rest))
    block = body.innermost
    total: ir.Operand = arith.zero(target.example.value.type)
    for factor, parts in factors.items():
        part: ir.Operand = arith.zero(target.example.value.type)
        for shift, value in parts:
            known = body.value(value, shift)
            block.origin = target.example.origin
            part = arith.add(block, part, known)
        if factor is not None:
            part = arith.multiply(block, part, body.value(factor, body.here))
        total = arith.add(block, total, part)
    return total


def _factored(nest: Nest, value: ir.Operand) -> tuple[ir.Operand | None, ir.Operand]:
    """Return a factor that is the same in all iterations, and what it multiplies."""
    if isinstance(value, ir.Var) and value in nest.lets:
        match nest.lets[value][1].expr:
            case ir.Call(fn, (left, right)) if fn is operator.mul and left.type == right.type:
                for factor, rest in ((left, right), (right, left)):
                    if not nest.loops_of(factor) and nest.loops_of(rest):
                        return factor, rest
            case _:
                pass
    return None, value


class _Rim:
    """The iterations at the sides of a nest, in loops over the whole rows that are part of it.

    All other rows have two ends, which a loop of two iterations visits.
    """

    def __init__(
        self, nest: Nest, plan: Plan, out: BlockBuilder, core: list[Range], widths: list[int]
    ) -> None:
        self.nest = nest
        self.plan = plan
        self.out = out
        self.core = core
        self.widths = widths
        self.body = _Body(nest, out, added=1 if widths[-1] else 0)
        self._checks: dict[tuple[int, int], ir.Operand] = {}

    def write(self, box: list[Range], subtotals: list[ir.Operand]) -> None:
        """Emit the loops."""
        ranges = self._ranges(box)
        body, block = self.body, self.body.innermost
        work: dict[Shift, list[tuple[Target, ir.Operand]]] = {body.here: []}
        for target in self.plan.targets:
            for shift, operand in target.terms:
                work.setdefault(shift, []).append((target, operand))
        own = work.pop(body.here)
        for shift, parts in work.items():
            added = [body.added(t, shift, body.value(each, body.here)) for t, each in parts]
            self._unless_in_core(shift, tuple(added), ())
        # What the iteration does at its own place is computed where it is due only.
        then = body.blocks[-1] = block.nested()
        terms = [body.value(each.term, body.here) for each in self.nest.sums]
        for each in self.plan.own:
            then.emit(body.write(each))
        for target, operand in own:
            then.emit(body.added(target, body.here, body.value(operand, body.here)))
        body.blocks[-1] = block
        merges = [
            ir.Merge(block.fresh.var(term.type), term, arith.zero(term.type)) for term in terms
        ]
        self._unless_in_core(body.here, then.block(), tuple(merges))
        terms = [merge.result for merge in merges]
        body.close(ranges, terms, subtotals, [each.result for each in self.nest.sums])

    def _unless_in_core(self, shift: Shift, then: ir.Block, merges: tuple[ir.Merge, ...]) -> None:
        if then or merges:
            block = self.body.innermost
            is_left = block.call(BOOL, operator.not_, self._in_core(shift))
            block.emit(ir.If(is_left, then, (), merges, self.out.origin))

    def _ranges(self, box: list[Range]) -> list[Range]:
        """Return the ranges of the loops."""
        body, last = self.body, len(box) - 1
        whole: ir.Operand | None = None
        for level in range(last):
            if self.widths[level]:
                block = body.blocks[level]
                near, far = self._sides(level)
                first = block.call(BOOL, operator.lt, body.indices[level], near)
                second = block.call(BOOL, operator.ge, body.indices[level], far)
                strip = block.call(BOOL, operator.or_, first, second)
                whole = strip if whole is None else block.call(BOOL, operator.or_, whole, strip)
        low, high = box[last]
        around = body.blocks[last - 1] if last else self.out
        if not self.widths[last]:
            assert whole is not None
            return [*box[:last], (low, around.let(INT64, ir.Select(whole, high, low)))]
        near, far = self._sides(last)
        stop: ir.Operand = self.out.call(INT64, min, near, high)
        start: ir.Operand = self.out.call(INT64, max, near, far)
        if whole is not None:
            stop = around.let(INT64, ir.Select(whole, high, stop))
            start = around.let(INT64, ir.Select(whole, high, start))
        ends = body.blocks[last]
        is_first = ends.call(BOOL, operator.eq, body.indices[last], arith.ZERO)
        start = ends.let(INT64, ir.Select(is_first, low, start))
        stop = ends.let(INT64, ir.Select(is_first, stop, high))
        return [*box[:last], (arith.ZERO, ir.Const(2, INT64)), (start, stop)]

    def _sides(self, level: int) -> Range:
        """Return where the rim ends at the near side and begins at the far side."""
        low, high = self.nest.box[level]
        width = self.widths[level]
        return _bound(self.out, low.moved(width)), _bound(self.out, high.moved(-width))

    def _in_core(self, shift: Shift) -> ir.Operand:
        """Return whether the iteration that is ahead by ``shift`` is part of the core."""
        block = self.body.innermost
        found: ir.Operand | None = None
        for level, offset in enumerate(shift):
            if self.widths[level]:
                check = self._check(level, offset)
                found = check if found is None else block.call(BOOL, operator.and_, found, check)
        assert found is not None
        return found

    def _check(self, level: int, offset: int) -> ir.Operand:
        if (level, offset) not in self._checks:
            index = self.body.index(level, offset)
            block = self.body.blocks[self.body.place_of[level]]
            low, high = self.core[level]
            first = block.call(BOOL, operator.ge, index, low)
            second = block.call(BOOL, operator.lt, index, high)
            self._checks[level, offset] = block.call(BOOL, operator.and_, first, second)
        return self._checks[level, offset]


def _write_cleared(nest: Nest, plan: Plan, out: BlockBuilder, box: list[Range]) -> None:
    """Emit the nests that clear what the iterations have taken, and that store what remains."""
    changed = [each for each in plan.cleared if each.terms]
    if changed:
        body = _Body(nest, out)
        writes = []
        for each in changed:
            total: ir.Operand = arith.zero(each.store.value.type)
            for term in each.terms:
                total = arith.add(body.innermost, total, body.value(term, body.here))
            writes.append(replace(body.write(each.store), value=total))
        for write in writes:
            body.innermost.emit(write)
        body.close(box, [], [], [])
    for each in plan.cleared:
        if not each.terms:
            body = _Body(nest, out)
            body.innermost.emit(body.write(each.store))
            body.close(box, [], [], [])
