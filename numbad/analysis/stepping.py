"""Time stepping: loops that compute a new state array in each iteration and exchange buffers.

A *cycle* is a set of loop-carried arrays of one shape that an iteration hands around, as
``u, u_next = u_next, u`` does, and of which it overwrites exactly one. If a nest of loops stores to
nearly all elements of that one (its *window*), the states of all iterations can be kept side by
side in one array, of which the iteration writes the next one: nothing is overwritten any more.

``stepping_cycles`` finds the cycles for which that gives the same program. An iteration sees the
old contents of the written array only in loads that come before the window's store to the same
element; behind the nest it sees the new contents.
"""

from __future__ import annotations

import operator
from collections.abc import Container, Iterator
from dataclasses import dataclass

from numbad.analysis.memory import Memory
from numbad.analysis.regions import Region, Regions
from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.types import Array, Scalar, is_memory

# The window leaves out at most so many elements on each side, or the states would cost more than
# the elements that are overwritten.
_WIDEST_MARGIN = 4


@dataclass(frozen=True, eq=False)
class Rows:
    """Where a nest goes from row to row: see ``Cycle.rows``.

    ``index`` has for each axis the index of a loop, and what is added to it.
    """

    region: Region
    axis: int
    index: tuple[tuple[ir.Var, int], ...]


@dataclass(frozen=True, eq=False)
class Cycle:
    """State arrays that a loop hands around.

    Attributes
    ----------
    region, position
        The place of the loop.
    items
        The carried references. The first one is, in the next iteration, the array that is written
        now; each other one is then what the one before it is now. The last one is written.
    extents
        Shape of the arrays, known before the loop.
    opening
        Position in the region of the first of the arrays that the loop begins with, if the number
        of iterations is known there already.
    window
        For each dimension the first index that the nest writes, and the end of the range as an
        operand and a distance to be added to it.
    rows
        The body of the loop around the nest's innermost one, and the axis along which that one
        runs; if the nest has several loops, and is the first to write.
    earlier
        Loads of the written array that see its old contents.
    returned
        Results of the loop that the function returns.
    """

    region: Region
    position: int
    items: tuple[ir.Carried, ...]
    extents: tuple[ir.Operand, ...]
    opening: int | None
    window: tuple[tuple[int, ir.Operand, int], ...]
    rows: Rows | None
    earlier: frozenset[ir.Var]
    returned: frozenset[ir.Var]

    @property
    def written(self) -> ir.Var:
        """The array that an iteration overwrites."""
        return self.items[-1].inner


def stepping_cycles(function: ir.Function, regions: Regions, memory: Memory) -> list[Cycle]:
    """Return the cycles of all loops that run once in the function."""
    found = []
    for region in _regions(regions.root):
        if region.loops:
            continue
        for position, statement in enumerate(region.block):
            if isinstance(statement, ir.For) and _counts_up(statement):
                for items in _rotations(statement.carried):
                    search = _Search(function, regions, memory, region, position, items)
                    cycle = search.cycle(statement)
                    if cycle is not None:
                        found.append(cycle)
    return found


def _regions(region: Region) -> Iterator[Region]:
    yield region
    for child in region.children.values():
        yield from _regions(child)


def _counts_up(loop: ir.For) -> bool:
    return isinstance(loop.step, ir.Const) and loop.step.value == 1


def _rotations(carried: tuple[ir.Carried, ...]) -> list[list[ir.Carried]]:
    """Return the cyclic permutations of at least two references among the carried values."""
    by_inner = {item.inner: item for item in carried if is_memory(item.inner.type)}
    seen: set[ir.Var] = set()
    found = []
    for start in by_inner:
        path: list[ir.Carried] = []
        var: ir.Operand = start
        while isinstance(var, ir.Var) and var in by_inner and var not in seen:
            seen.add(var)
            path.append(by_inner[var])
            var = by_inner[var].next
        if len(path) >= 2 and var == start:
            found.append(path)
    return found


@dataclass(frozen=True)
class _Use:
    region: Region
    position: int
    statement: ir.Stmt
    var: ir.Var


class _Search:
    """Checks one rotation of one loop."""

    def __init__(
        self,
        function: ir.Function,
        regions: Regions,
        memory: Memory,
        region: Region,
        position: int,
        items: list[ir.Carried],
    ) -> None:
        self.function = function
        self.regions = regions
        self.memory = memory
        self.region = region
        self.position = position
        self.items = items
        self.body = regions.child(region, position, "body")

    def cycle(self, loop: ir.For) -> Cycle | None:
        """Return the cycle if its states can be kept."""
        found = self.memory.of(self.items[0].inner)
        inners = {item.inner for item in self.items}
        results = {item.result for item in self.items}
        if any(param in found.members for param in self.function.params):
            return None
        if not all(self._is_plain(member) for member in inners):
            return None
        extents = self._extents()
        uses = self._uses(set(found.members))
        if extents is None or uses is None:
            return None
        inside, stores, loads = [], [], []
        for use in uses:
            order = self._order(use.region, use.position)
            if order is None or (order > 0 and not self._is_read_behind(use, results)):
                return None
            if order == 0 and use.statement is not loop:
                inside.append(use)
        for use in inside:
            match use.statement:
                case ir.Store(array) if array == use.var and array in inners:
                    stores.append(use)
                case ir.Let(_, ir.Load()) if use.var in inners:
                    loads.append(use)
                case ir.Let(_, ir.Shape()) if use.var in inners:
                    pass
                case _:
                    return None
        written = {use.var for use in stores}
        outside = {v for v in self.function.results if isinstance(v, ir.Var) and v in found.members}
        if len(written) != 1 or not outside <= results:
            return None
        items = self._ordered(written.pop())
        target = items[-1].inner
        for store in stores:
            window = self._window(store, extents)
            if window is not None:
                earlier = self._earlier(
                    store, stores, [load for load in loads if load.var == target]
                )
                if earlier is None:
                    return None
                return Cycle(
                    self.region,
                    self.position,
                    items,
                    extents,
                    self._opening(loop),
                    window,
                    self._rows(store, stores),
                    earlier,
                    frozenset(outside),
                )
        return None

    def _is_plain(self, var: ir.Var) -> bool:
        type_ = var.type
        return (
            isinstance(type_, Array)
            and isinstance(type_.dtype, Scalar)
            and type_.layout == "C"
            and type_.ndim > 0
        )

    def _extents(self) -> tuple[ir.Operand, ...] | None:
        """Return the shape of the arrays, if it is one for all."""
        shapes = set()
        for item in self.items:
            definition = (
                self.regions.definition.get(item.init) if isinstance(item.init, ir.Var) else None
            )
            match definition:
                case ir.Let(_, ir.Alloc(shape)):
                    shapes.add(shape)
                case _:
                    return None
        return shapes.pop() if len(shapes) == 1 else None

    def _opening(self, loop: ir.For) -> int | None:
        """Return where the first of the initial arrays is made; see ``Cycle``."""
        positions = []
        for item in self.items:
            assert isinstance(item.init, ir.Var)
            definition = self.regions.definition[item.init]
            assert isinstance(definition, ir.Let) and isinstance(definition.expr, ir.Alloc)
            fill = definition.expr.fill
            if self.regions.region_of[item.init] is not self.region or isinstance(fill, ir.Var):
                return None
            positions.append(self.regions.position_of[item.init])
        opening = min(positions)
        is_known = all(self._is_before(bound, opening) for bound in (loop.start, loop.stop))
        return opening if is_known else None

    def _uses(self, members: set[ir.Var]) -> list[_Use] | None:
        """Return the statements that use the memory; None if some other reference shares it."""
        known = {item.inner for item in self.items} | {item.result for item in self.items}
        found = []
        for region in _regions(self.regions.root):
            for position, statement in enumerate(region.block):
                for var in visit.operands(statement) + visit.region_results(statement):
                    if isinstance(var, ir.Var) and var in members:
                        found.append(_Use(region, position, statement, var))
        for member in members - known:
            if self._order_of(member) in (None, 0):
                return None
        return found

    def _is_read_behind(self, use: _Use, results: set[ir.Var]) -> bool:
        """Whether a use behind the loop reads one of its results, or a view of one."""
        if use.var not in results and self._order_of(use.var) != 1:
            return False
        match use.statement:
            case ir.Let(_, ir.Load() | ir.Shape() | ir.Subview() | ir.Transpose() | ir.Reshape()):
                return True
            case ir.Let(_, ir.Call()):
                return True
            case _:
                return False

    def _order_of(self, var: ir.Var) -> int | None:
        return self._order(self.regions.region_of[var], self.regions.position_of[var])

    def _order(self, region: Region, position: int) -> int | None:
        """Whether a place runs before (-1), in (0) or behind (1) the loop; None for neither."""
        chain = self.region.ancestors()
        while region not in chain:
            assert region.parent is not None
            region, position = region.parent, region.position
        here, place = self.region, self.position
        while here is not region:
            assert here.parent is not None
            here, place = here.parent, here.position
        if position == place:
            return 0 if region is self.region else None
        return -1 if position < place else 1

    def _ordered(self, written: ir.Var) -> tuple[ir.Carried, ...]:
        """Return the items so that each hands its array to the one before it."""
        by_next = {item.next: item for item in self.items}
        ordered = [by_next[written]]
        while ordered[-1].inner != written:
            ordered.append(by_next[ordered[-1].inner])
        return tuple(ordered)

    # --- the window -------------------------------------------------------------------------------

    def _window(
        self, use: _Use, extents: tuple[ir.Operand, ...]
    ) -> tuple[tuple[int, ir.Operand, int], ...] | None:
        """Return the indices that the store writes, if they are nearly the whole array."""
        assert isinstance(use.statement, ir.Store)
        loops: dict[ir.Var, ir.For] = {}
        region = use.region
        while region is not self.body:
            owner = region.owner
            if not isinstance(owner, ir.For) or not _counts_up(owner):
                return None
            loops[owner.index] = owner
            assert region.parent is not None
            region = region.parent
        window = []
        for operand, extent in zip(use.statement.index, extents, strict=True):
            place = self._moving(operand, loops)
            if place is None:
                return None
            loop, offset = loops.pop(place[0]), place[1]
            if not isinstance(loop.start, ir.Const):
                return None
            if not self._is_before(loop.stop, self.position):
                return None
            first = loop.start.value + offset
            last = self._distance(loop.stop, extent)
            if loop.start.value < 0 or not 0 <= first <= _WIDEST_MARGIN or last is None:
                return None
            if not -_WIDEST_MARGIN <= last + offset <= 0:
                return None
            window.append((first, loop.stop, offset))
        return None if loops else tuple(window)

    def _rows(self, core: _Use, stores: list[_Use]) -> Rows | None:
        """Return where the nest around a store goes from row to row; see ``Cycle.rows``."""
        assert isinstance(core.statement, ir.Store)
        around = core.region.parent
        assert around is not None
        if around is self.body or not self._is_first(core, stores):
            return None
        loop, index = core.region.owner, core.statement.index
        assert isinstance(loop, ir.For)
        moving = [self._moving(operand, {loop.index}) for operand in index]
        (axis,) = (axis for axis, place in enumerate(moving) if place is not None)
        loops = {each.index for each in self._loops_around(core.region)}
        places = tuple(self._moving(operand, loops) for operand in index)
        return Rows(around, axis, tuple(place for place in places if place is not None))

    def _loops_around(self, region: Region) -> list[ir.For]:
        """Return the loops around a region within the body, innermost first."""
        found = []
        while region is not self.body:
            assert isinstance(region.owner, ir.For) and region.parent is not None
            found.append(region.owner)
            region = region.parent
        return found

    def _is_first(self, core: _Use, stores: list[_Use]) -> bool:
        """Whether a store is the only one in its nest, and no other comes before that."""
        place = self._place(core)
        return all(store is core or self._place(store) > place for store in stores)

    def _moving(self, operand: ir.Operand, loops: Container[ir.Var]) -> tuple[ir.Var, int] | None:
        """Return the loop variable and the constant whose sum the operand is."""
        if not isinstance(operand, ir.Var):
            return None
        if operand in loops:
            return operand, 0
        base, offset = self._with_constant(operand)
        return (base, offset) if isinstance(base, ir.Var) and base in loops else None

    def _with_constant(self, operand: ir.Operand) -> tuple[ir.Operand, int]:
        """Return an operand as another one plus a constant."""
        definition = self.regions.definition.get(operand) if isinstance(operand, ir.Var) else None
        match definition:
            case ir.Let(_, ir.Call(fn, (left, ir.Const(int(value))))) if fn is operator.add:
                return left, value
            case ir.Let(_, ir.Call(fn, (left, ir.Const(int(value))))) if fn is operator.sub:
                return left, -value
            case ir.Let(_, ir.Call(fn, (ir.Const(int(value)), right))) if fn is operator.add:
                return right, value
            case _:
                return operand, 0

    def _is_before(self, operand: ir.Operand, position: int) -> bool:
        """Whether a value is known at a position of the region of the loop."""
        if not isinstance(operand, ir.Var):
            return True
        home = self.regions.region_of[operand]
        if home is self.region:
            return self.regions.position_of[operand] < position
        return home.encloses(self.region)

    def _distance(self, stop: ir.Operand, extent: ir.Operand) -> int | None:
        """Return how far the end of a range lies from the extent, as far as one can tell.

        The length of any array counts as the extent: what is not written is found at run time, so
        that a wrong guess costs memory only.
        """
        if isinstance(stop, ir.Const) and isinstance(extent, ir.Const):
            return int(stop.value) - int(extent.value)
        base, offset = self._with_constant(stop)
        extent_base, extent_offset = self._with_constant(extent)
        if base == extent_base and isinstance(base, ir.Var):
            return offset - extent_offset
        definition = self.regions.definition.get(base) if isinstance(base, ir.Var) else None
        match definition:
            case ir.Let(_, ir.Shape()):
                return min(offset, 0)
            case _:
                return None

    def _earlier(
        self, core: _Use, stores: list[_Use], loads: list[_Use]
    ) -> frozenset[ir.Var] | None:
        """Return the loads that see the old contents; None if one may see both or neither."""
        place = self._place(core)
        is_first = self._is_first(core, stores)
        found = set()
        for load in loads:
            assert isinstance(load.statement, ir.Let)
            expr = load.statement.expr
            assert isinstance(expr, ir.Load) and isinstance(core.statement, ir.Store)
            if self._place(load) > place:
                continue
            is_before = self._place(load) < place
            is_same = load.region is core.region and expr.index == core.statement.index
            if is_same and load.position > core.position:
                continue
            if not is_first or not (is_before or is_same):
                return None
            found.add(load.statement.target)
        return frozenset(found)

    def _place(self, use: _Use) -> int:
        """Return the position in the loop's body of the statement that contains the use."""
        region, position = use.region, use.position
        while region is not self.body:
            assert region.parent is not None
            region, position = region.parent, region.position
        return position
