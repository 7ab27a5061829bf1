"""Work arrays: memory that each iteration of a loop writes before it reads it.

``is_private(found, body, regions)`` tells whether all reads of an alias class lie in a loop's body
and see only what the same iteration has written, so that iterations do not communicate through it.
The proof is by rectangles of indices: an unconditional nest of stores ``a[i, j] = ...`` over
``i in [p, q)``, ``j in [r, s)`` covers every later read whose indices lie in these ranges, be it
that they run over the same bounds, or that the ranges are the whole extent of the array.
"""

from __future__ import annotations

import operator

from numbad.analysis.memory import Access, AliasClass
from numbad.analysis.regions import Region, Regions
from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.types import Array


def is_private(
    found: AliasClass, body: Region, regions: Regions, overwritten: frozenset[ir.Var]
) -> bool:
    """Whether iterations of the loop do not communicate through the memory.

    ``overwritten`` are loads of elements that are about to be overwritten, which do not count.
    """
    if found.external or found.joined:
        return False
    arrays = [
        var
        for var in found.members
        if isinstance(definition := regions.definition.get(var), ir.Let)
        and isinstance(definition.expr, ir.Alloc)
    ]
    if len(arrays) != 1 or len(found.members) != 1:
        return False
    (array,) = arrays
    if not isinstance(array.type, Array):
        return False
    reads = _reads(array, regions.root)
    if reads is None:
        return False
    reads = [
        read
        for read in reads
        if not (isinstance(read.statement, ir.Let) and read.statement.target in overwritten)
    ]
    places = [access.region for access in reads] + [access.region for access in found.writes]
    if not all(body.encloses(place) for place in places):
        return False
    stores = [access for access in found.writes if isinstance(access.statement, ir.Store)]
    if len(stores) + sum(isinstance(a.statement, ir.Accumulate) for a in found.writes) != len(
        found.writes
    ):
        return False
    accumulations = [a for a in found.writes if isinstance(a.statement, ir.Accumulate)]
    return all(
        any(_covers(store, read, array, body, regions) for store in stores)
        for read in reads + accumulations
    )


def _reads(array: ir.Var, region: Region) -> list[Access] | None:
    """Return the loads of the array; None if it is read in any other way."""
    found: list[Access] = []
    for position, statement in enumerate(region.block):
        match statement:
            case ir.Let(_, ir.Load(source)) if source == array:
                found.append(Access(region, position, statement))
            case ir.Let(_, ir.Shape(source)) if source == array:
                pass
            case ir.Store(_, _, value) | ir.Accumulate(_, _, value):
                if value == array:
                    return None
            case _:
                uses = visit.operands(statement) + visit.region_results(statement)
                if array in uses:
                    return None
    for child in region.children.values():
        inner = _reads(array, child)
        if inner is None:
            return None
        found += inner
    return found


def _index(statement: ir.Stmt) -> tuple[ir.Operand, ...]:
    match statement:
        case ir.Let(_, ir.Load(_, index)) | ir.Store(_, index) | ir.Accumulate(_, index):
            return index
        case _:
            raise AssertionError("not an access to an element")


def _covers(store: Access, read: Access, array: ir.Var, body: Region, regions: Regions) -> bool:
    """Whether the store, with the loops around it, has written what the read reads."""
    chain = store.region.ancestors()
    common = next(region for region in read.region.ancestors() if region in chain)
    if not body.encloses(common):
        return False
    before = _position_in(store, common)
    after = _position_in(read, common)
    if before >= after:
        return False
    loops: dict[ir.Var, ir.For] = {}
    region = store.region
    while region is not common:
        if not isinstance(region.owner, ir.For) or not _is_step_one(region.owner):
            return False
        loops[region.owner.index] = region.owner
        assert region.parent is not None
        region = region.parent
    definition = regions.definition[array]
    assert isinstance(definition, ir.Let) and isinstance(definition.expr, ir.Alloc)
    extents = definition.expr.shape
    written, wanted = _index(store.statement), _index(read.statement)
    used: set[ir.Var] = set()
    for axis, (target, source) in enumerate(zip(written, wanted, strict=True)):
        if isinstance(target, ir.Var) and target in loops and target not in used:
            used.add(target)
            if not _within(source, loops[target], extents[axis], regions):
                return False
        elif target != source or (isinstance(target, ir.Var) and target in loops):
            return False
    return True


def _within(source: ir.Operand, loop: ir.For, extent: ir.Operand, regions: Regions) -> bool:
    """Whether an index lies in the range of a loop that starts at a constant."""
    if not isinstance(loop.start, ir.Const):
        return isinstance(source, ir.Var) and _runs_within(source, loop, regions)
    if loop.start.value == 0 and loop.stop == extent:
        return True
    return isinstance(source, ir.Var) and _runs_within(source, loop, regions)


def _runs_within(source: ir.Var, loop: ir.For, regions: Regions) -> bool:
    other = regions.definition.get(source)
    if not isinstance(other, ir.For) or other.index != source or not _is_step_one(other):
        return False
    if other.stop != loop.stop:
        return False
    if other.start == loop.start:
        return True
    return isinstance(loop.start, ir.Const) and at_least(other.start, loop.start.value, regions)


def at_least(operand: ir.Operand, bound: int, regions: Regions) -> bool:
    """Whether an integer is provably not less than a constant."""
    match operand:
        case ir.Const(value):
            return isinstance(value, int) and value >= bound
        case ir.Var():
            pass
        case _:
            return False
    match regions.definition.get(operand):
        case ir.For(index, start, stop, ir.Const(int() as step)) if index == operand:
            return (
                at_least(start, bound, regions) if step > 0 else at_least(stop, bound - 1, regions)
            )
        case ir.Let(_, ir.Call(fn, (left, ir.Const(value)))) if fn is operator.add:
            return isinstance(value, int) and at_least(left, bound - value, regions)
        case ir.Let(_, ir.Call(fn, args)) if fn is max:
            return any(at_least(arg, bound, regions) for arg in args)
        case ir.Let(_, ir.Select(_, if_true, if_false)):
            return all(at_least(each, bound, regions) for each in (if_true, if_false))
        case ir.Let(_, ir.Shape()):
            return bound <= 0
        case _:
            return False


def _is_step_one(loop: ir.For) -> bool:
    return isinstance(loop.step, ir.Const) and loop.step.value == 1


def _position_in(access: Access, region: Region) -> int:
    place, position = access.region, access.position
    while place is not region:
        assert place.parent is not None
        position, place = place.position, place.parent
    return position
