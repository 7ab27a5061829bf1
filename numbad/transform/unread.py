"""What is stored in the program's own arrays and read by nobody.

The adjoint of ``a[i] = v`` clears ``a_bar[i]``, which only matters if something is added to it
later; and a value is put back that only earlier steps would have read. In the first steps of the
program, the last ones of the backward sweep, there is nobody left to read them. Nor is an array
filled that is written before it is read, as the tangent of a work array is.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from numbad.analysis.coverage import at_least, is_private
from numbad.analysis.memory import Access, Memory
from numbad.analysis.regions import Region, Regions
from numbad.analysis.regions import analyse as analyse_regions
from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.types import Array
from numbad.transform import arith


def drop_unread_stores(function: ir.Function) -> ir.Function:
    """Return the function without stores to arrays of its own that nothing reads afterwards.

    Neither are these arrays filled for nothing.
    """
    regions = analyse_regions(function.body, function.params)
    memory = Memory(regions, function.params, function.results)
    owners = _own_arrays(memory, regions)
    uses = {array: _Uses() for arrays in owners.values() for array in arrays}
    _collect(regions.root, owners, uses)
    dropped = {
        id(store.statement)
        for array, found in uses.items()
        for store in found.stores
        if not _is_read_behind(store, found.reads, regions.region_of[array], regions)
    }
    unfilled = {
        array
        for array in uses
        if is_private(memory.of(array), regions.region_of[array], regions, frozenset())
    }
    if not dropped and not unfilled:
        return function
    return replace(function, body=_without(function.body, dropped, unfilled))


@dataclass
class _Uses:
    """Where an array is stored to by its own name, and where it is read by any."""

    stores: list[Access] = field(default_factory=list)
    reads: list[Access] = field(default_factory=list)


def _own_arrays(memory: Memory, regions: Regions) -> dict[ir.Var, tuple[ir.Var, ...]]:
    """Return the arrays that the function makes and keeps, under all names they may have.

    A name that loops or branches give to several has them all. An array that is made in a loop may
    have one name only, and views: by another it could outlive the iteration.
    """
    owners: dict[ir.Var, tuple[ir.Var, ...]] = {}
    for found in memory.classes():
        made = tuple(member for member in found.members if _is_made(member, regions))
        if found.external or not made:
            continue
        roots = {member: memory.chain(member)[-1] for member in found.members}
        is_plain = len(made) == 1 and not found.joined and set(roots.values()) == set(made)
        if is_plain or not any(_is_in_loop(regions.region_of[each]) for each in made):
            owners |= {var: (root,) if root in made else made for var, root in roots.items()}
    return owners


def _is_in_loop(region: Region) -> bool:
    return any(isinstance(each.owner, ir.For | ir.While) for each in region.ancestors())


def _is_made(member: ir.Var, regions: Regions) -> bool:
    match regions.definition.get(member):
        case ir.Let(_, ir.Alloc()):
            return isinstance(member.type, Array)
        case _:
            return False


def _collect(
    region: Region, owners: dict[ir.Var, tuple[ir.Var, ...]], uses: dict[ir.Var, _Uses]
) -> None:
    for position, statement in enumerate(region.block):
        access = Access(region, position, statement)
        match statement:
            case ir.Store(array) if array in owners:
                if array in uses:
                    uses[array].stores.append(access)
            case ir.Let(_, ir.Shape()):
                pass
            case _:
                for operand in {*visit.operands(statement), *visit.region_results(statement)}:
                    if isinstance(operand, ir.Var):
                        for array in owners.get(operand, ()):
                            uses[array].reads.append(access)
    for child in region.children.values():
        _collect(child, owners, uses)


def _is_read_behind(store: Access, reads: list[Access], home: Region, regions: Regions) -> bool:
    """Whether a read may see what is stored; ``home`` is where the array is made."""
    loops = [
        region
        for region in store.region.ancestors()[: store.region.ancestors().index(home)]
        if isinstance(region.owner, ir.For | ir.While)
    ]
    if not all(_has_own_elements(loop, store, regions) for loop in loops):
        return True
    around = loops[-1] if loops else None
    for read in reads:
        if around is not None and around.encloses(read.region):
            # Iterations do not meet, so that only the rest of the same one could read it.
            if not _is_just_before(read, store):
                return True
        elif not _is_before(read, store):
            return True
    return False


def _has_own_elements(loop: Region, store: Access, regions: Regions) -> bool:
    """Whether each iteration stores to an element of its own."""
    owner, statement = loop.owner, store.statement
    if not isinstance(owner, ir.For) or not isinstance(statement, ir.Store):
        return False
    if arith.is_one(owner.step):
        is_counted = at_least(owner.start, 0, regions)
    else:
        is_counted = arith.is_minus_one(owner.step) and at_least(owner.stop, -1, regions)
    return is_counted and owner.index in statement.index


def _is_just_before(read: Access, store: Access) -> bool:
    """Whether the read is of the same element, in the same block, before the store."""
    statement = store.statement
    assert isinstance(statement, ir.Store)
    match read.statement:
        case ir.Let(_, ir.Load(array, index)) | ir.Accumulate(array, index):
            is_same = (array, index) == (statement.array, statement.index)
        case _:
            return False
    return is_same and read.region is store.region and read.position < store.position


def _is_before(read: Access, store: Access) -> bool:
    """Whether the read is over before the store, given that no loop runs both again."""
    places: dict[int, int] = {}
    region: Region | None = store.region
    position = store.position
    while region is not None:
        places[id(region)] = position
        position, region = region.position, region.parent
    region, position = read.region, read.position
    while id(region) not in places:
        assert region.parent is not None
        position, region = region.position, region.parent
    # In one place they are in different branches, of which only one is taken.
    return position <= places[id(region)]


def _without(block: ir.Block, dropped: set[int], unfilled: set[ir.Var]) -> ir.Block:
    def inner(_: str, region: ir.Block) -> ir.Block:
        return _without(region, dropped, unfilled)

    out: list[ir.Stmt] = []
    for statement in block:
        match statement:
            case ir.Let(target, ir.Alloc() as alloc) if target in unfilled:
                out.append(replace(statement, expr=replace(alloc, fill=None)))
            case _:
                if id(statement) not in dropped:
                    out.append(visit.with_regions(statement, inner))
    return tuple(out)
