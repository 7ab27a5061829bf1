"""Loops whose forward and backward sweep run as one: each iteration is reversed at once.

A loop at the top level of a function qualifies if its iterations are independent but for sums
(``total += ...``) whose cotangents are known before it runs. Its tape is then one iteration long:
what an iteration computes outside inner loops stays in local variables.

``candidates`` gives the loops for which nothing that is known statically stands against it:

- it carries no references, and writes only memory that is created in the iteration;
- nothing that runs after it, and would run before it once it is moved to the backward sweep, writes
  memory that it reads or must keep its place among effects;
- what depends on its results (its *tail*) is scalar arithmetic.

Whether the cotangents of its results are known beforehand and stay the same through its iterations
shows on the trial run of the backward sweep.
"""

from __future__ import annotations

from dataclasses import dataclass

from numbad.analysis.memory import Memory
from numbad.analysis.regions import Region, Regions
from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.types import is_memory


@dataclass(frozen=True)
class Fusion:
    """Positions in the root block: loops to fuse, and the statements that wait for their results."""

    loops: tuple[int, ...]
    tail: tuple[int, ...]


NOTHING = Fusion((), ())


def candidates(regions: Regions, memory: Memory, refused: frozenset[int]) -> Fusion:
    """Return the loops that may be fused, without those that were ``refused`` on a trial."""
    root = regions.root
    excluded = set(refused)
    while True:
        loops = [
            position
            for position, statement in enumerate(root.block)
            if isinstance(statement, ir.For)
            and position not in excluded
            and _is_independent(regions.child(root, position, "body"), statement, memory)
        ]
        offenders = _offenders(root, loops, regions, memory)
        if not offenders:
            return Fusion(tuple(loops), tuple(_tail(root, loops)))
        excluded |= offenders


def _is_independent(body: Region, statement: ir.For, memory: Memory) -> bool:
    if any(is_memory(item.inner.type) for item in statement.carried):
        return False
    if any(isinstance(inner, ir.Effect) for inner in visit.walk(body.block)):
        return False
    for found in memory.classes():
        if found.home is not None and body.encloses(found.home):
            continue
        if any(body.encloses(access.region) for access in found.writes):
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


def _offenders(root: Region, loops: list[int], regions: Regions, memory: Memory) -> set[int]:
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
    for position in loops:
        used = {
            memory.of(var) for var in visit.used_vars((root.block[position],)) if is_memory(var.type)
        }
        for found in used:
            for access in found.writes:
                place = _root_position(access.region, access.position, root)
                if place > position and place not in loops:
                    return {position}
    del regions
    return set()


def _sources(reads: set[ir.Var], results: dict[ir.Var, int]) -> set[int]:
    return {results[var] for var in reads if var in results}


def _root_position(region: Region, position: int, root: Region) -> int:
    while region is not root:
        assert region.parent is not None
        position, region = region.position, region.parent
    return position
