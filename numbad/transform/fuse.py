"""Loops whose forward and backward sweep run as one: each iteration is reversed at once.

A loop at the top level of a function, or of the body of a fused loop, qualifies if its iterations
are independent but for sums (``total += ...``) whose cotangents are known before it runs. Its tape
is then one iteration long: what an iteration computes outside inner loops stays in local variables.

``candidates`` gives the loops for which nothing that is known statically stands against it:

- it carries no references, and writes only memory that is created in the iteration, or work
  arrays that each iteration writes before it reads them;
- nothing that runs after it, and would run before it once it is moved to the backward sweep, writes
  memory that it reads or must keep its place among effects;
- what depends on its results (its *tail*) is scalar arithmetic.

Whether the cotangents of its results are known beforehand and stay the same through its iterations
shows on the trial run of the backward sweep.
"""

from __future__ import annotations

from dataclasses import dataclass

from numbad.analysis.coverage import is_private
from numbad.analysis.memory import Memory
from numbad.analysis.regions import Region, Regions
from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.types import is_memory
from numbad.rules import registry


@dataclass(frozen=True)
class Fusion:
    """Positions in a block: loops to fuse, and the statements that wait for their results."""

    loops: tuple[int, ...] = ()
    tail: tuple[int, ...] = ()


Place = tuple[Region, int]


def candidates(
    regions: Regions,
    memory: Memory,
    refused: frozenset[Place],
    overwritten: frozenset[ir.Var],
) -> dict[Region, Fusion]:
    """Return the loops that may be fused, without those that were ``refused`` on a trial.

    ``overwritten`` are the loads of elements about to be overwritten that were added for the tape.
    The bodies of these loops are marked as joint regions.
    """
    found: dict[Region, Fusion] = {}
    pending = [regions.root]
    while pending:
        region = pending.pop()
        fusion = _in_region(region, regions, memory, refused, overwritten)
        found[region] = fusion
        for position in fusion.loops:
            body = regions.child(region, position, "body")
            body.is_joint = True
            pending.append(body)
    return found


def clear_marks(region: Region) -> None:
    """Take the marks of joint regions off everything nested in a region."""
    for child in region.children.values():
        child.is_joint = False
        clear_marks(child)


def loops_behind(region: Region, fusion: Fusion, var: ir.Var) -> set[int]:
    """Return the fused loops of a region that a value waits for."""
    behind: dict[ir.Var, set[int]] = {}
    for position in sorted((*fusion.loops, *fusion.tail)):
        statement = region.block[position]
        if position in fusion.loops:
            found = {position}
        else:
            found = set()
            for read in visit.used_vars((statement,)):
                found |= behind.get(read, set())
        for defined in visit.definitions(statement):
            behind[defined] = found
    return behind.get(var, set())


def _in_region(
    region: Region,
    regions: Regions,
    memory: Memory,
    refused: frozenset[Place],
    overwritten: frozenset[ir.Var],
) -> Fusion:
    excluded = {position for place, position in refused if place is region}
    while True:
        loops = [
            position
            for position, statement in enumerate(region.block)
            if isinstance(statement, ir.For)
            and position not in excluded
            and _is_independent(
                regions.child(region, position, "body"), statement, memory, regions, overwritten
            )
        ]
        offenders = _offenders(region, loops, memory)
        if not offenders:
            return Fusion(tuple(loops), tuple(_tail(region, loops)))
        excluded |= offenders


def _is_independent(
    body: Region,
    statement: ir.For,
    memory: Memory,
    regions: Regions,
    overwritten: frozenset[ir.Var],
) -> bool:
    if any(is_memory(item.inner.type) for item in statement.carried):
        return False
    if any(isinstance(inner, ir.Effect) for inner in visit.walk(body.block)):
        return False
    for found in memory.classes():
        if found.home is not None and body.encloses(found.home):
            continue
        is_written = any(body.encloses(access.region) for access in found.writes)
        if is_written and not is_private(found, body, regions, overwritten):
            return False
    return True


def _tail(root: Region, loops: list[int]) -> list[int]:
    """Positions of the statements that depend on results of the loops."""
    waiting: set[ir.Var] = set()
    found = []
    for position, statement in enumerate(root.block):
        reads = visit.used_vars((statement,))
        if position in loops:
            waiting.update(visit.definitions(statement))
        elif reads & waiting:
            waiting.update(visit.definitions(statement))
            found.append(position)
    return found


def _offenders(root: Region, loops: list[int], memory: Memory) -> set[int]:
    """Return loops that cannot be fused given the others."""
    if not loops:
        return set()
    tail = _tail(root, loops)
    results: dict[ir.Var, int] = {}
    for position in loops:
        for var in visit.definitions(root.block[position]):
            results[var] = position
    for position in [*tail, *loops]:
        statement = root.block[position]
        is_arithmetic = (
            isinstance(statement, ir.Let)
            and isinstance(statement.expr, ir.Call | ir.Cast | ir.Select)
            and not is_memory(statement.target.type)
        )
        blamed = _sources(visit.used_vars((statement,)), results)
        if blamed and not (position in tail and is_arithmetic):
            return blamed
        for var in visit.definitions(statement):
            if position in tail and blamed:
                results[var] = min(blamed)
    waiting = {*loops, *tail}
    for position in sorted(waiting):
        behind = root.block[position + 1 :]
        after = [s for at, s in enumerate(behind, position + 1) if at not in waiting]
        if _keeps_order((root.block[position],), tuple(after)):
            blamed = {position} if position in loops else _sources_of_tail(root, loops, position)
            return blamed or set(loops)
    for position in loops:
        used = {
            memory.of(var)
            for var in visit.used_vars((root.block[position],))
            if is_memory(var.type)
        }
        for found in used:
            for access in found.writes:
                place = _position_in(access.region, access.position, root)
                if place is not None and place > position and place not in loops:
                    return {position}
    return set()


def _keeps_order(first: ir.Block, second: ir.Block) -> bool:
    """Whether both draw random numbers, which come in the order of the program."""
    one, other = _draws(first), _draws(second)
    return (one is True and other is not False) or (one is not False and other is True)


def _draws(block: ir.Block) -> bool | None:
    """Whether statements draw random numbers; None if a function that they call might."""
    found: bool | None = False
    for statement in visit.walk(block):
        match statement:
            case ir.Let(_, ir.Call(fn)) if registry.is_impure(fn):
                return True
            case ir.Let(_, ir.Invoke()):
                found = None
            case _:
                pass
    return found


def _sources_of_tail(root: Region, loops: list[int], position: int) -> set[int]:
    """The loops that a statement of the tail waits for."""
    fusion = Fusion(tuple(loops), tuple(_tail(root, loops)))
    defined = visit.definitions(root.block[position])
    return {loop for var in defined for loop in loops_behind(root, fusion, var)}


def _sources(reads: set[ir.Var], results: dict[ir.Var, int]) -> set[int]:
    return {results[var] for var in reads if var in results}


def _position_in(region: Region, position: int, outer: Region) -> int | None:
    place: Region | None = region
    while place is not None:
        if place is outer:
            return position
        position, place = place.position, place.parent
    return None
