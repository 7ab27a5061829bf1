"""Where each value is defined and how regions nest.

``analyse`` returns a ``Regions`` table for one block: a tree of ``Region`` objects, one per nested
block, and for every value the region and position of its definition. Loop-carried inner values and
loop indices belong to the loop's body, at position -1.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from numbad.ir import nodes as ir
from numbad.ir import visit

# Assumed number of iterations of a loop whose trip count is not a constant.
TYPICAL_TRIPS = 50.0
# A branch is taken half of the time.
BRANCH_FREQUENCY = 0.5


@dataclass(eq=False)
class Region:
    """One block in the tree of nested blocks.

    ``is_joint`` marks the blocks whose statements are reversed right behind them, in the same
    block: the root, and the bodies of fused loops.
    """

    block: ir.Block
    parent: Region | None
    owner: ir.Stmt | None
    position: int
    kind: str
    frequency: float
    is_joint: bool = False
    children: dict[tuple[int, str], Region] = field(default_factory=dict)

    @property
    def loops(self) -> tuple[Region, ...]:
        """Return the loop bodies around and including this region, outermost first.

        A joint region is reversed in place, so that loops around it do not count.
        """
        if self.is_joint:
            return ()
        chain = self.parent.loops if self.parent is not None else ()
        return (*chain, self) if isinstance(self.owner, ir.For | ir.While) else chain

    def ancestors(self) -> list[Region]:
        """Return this region and those around it, innermost first."""
        chain: list[Region] = []
        region: Region | None = self
        while region is not None:
            chain.append(region)
            region = region.parent
        return chain

    def encloses(self, other: Region) -> bool:
        """Whether ``other`` is this region or nested in it."""
        region: Region | None = other
        while region is not None:
            if region is self:
                return True
            region = region.parent
        return False


def trip_constant(statement: ir.For) -> int | None:
    """Return the number of iterations if it is known from constants."""
    bounds = (statement.start, statement.stop, statement.step)
    if all(isinstance(bound, ir.Const) for bound in bounds):
        start, stop, step = (bound.value for bound in bounds)  # type: ignore[union-attr]
        return len(range(start, stop, step)) if step else 0
    return None


@dataclass(eq=False)
class Regions:
    """The tree of regions of a block and the place of every definition."""

    root: Region
    region_of: dict[ir.Var, Region]
    position_of: dict[ir.Var, int]
    definition: dict[ir.Var, ir.Stmt]

    def child(self, region: Region, position: int, kind: str) -> Region:
        """Return the region of the statement at ``position``: body, before, then or orelse."""
        return region.children[position, kind]


def analyse(block: ir.Block, params: tuple[ir.Var, ...]) -> Regions:
    """Return the table of regions and definitions of a function body."""
    root = Region(block, None, None, -1, "root", 1.0, is_joint=True)
    table = Regions(root, {}, {}, {})
    for param in params:
        table.region_of[param] = root
        table.position_of[param] = -1
    _scan(root, table)
    return table


def _scan(region: Region, table: Regions) -> None:
    for position, statement in enumerate(region.block):
        for var in visit.definitions(statement):
            table.region_of[var] = region
            table.position_of[var] = position
            table.definition[var] = statement
        nested: list[tuple[str, ir.Block, float]] = []
        inner_vars: tuple[ir.Var, ...] = ()
        match statement:
            case ir.For(index=index, carried=carried, body=body):
                trips = trip_constant(statement)
                nested = [("body", body, TYPICAL_TRIPS if trips is None else float(trips))]
                inner_vars = (index, *(item.inner for item in carried))
            case ir.While(carried=carried, before=before, body=body):
                nested = [("before", before, TYPICAL_TRIPS), ("body", body, TYPICAL_TRIPS)]
                inner_vars = tuple(item.inner for item in carried)
            case ir.If(then=then, orelse=orelse):
                nested = [("then", then, BRANCH_FREQUENCY), ("orelse", orelse, BRANCH_FREQUENCY)]
            case _:
                pass
        for kind, inner_block, factor in nested:
            child = Region(
                inner_block, region, statement, position, kind, region.frequency * factor
            )
            region.children[position, kind] = child
            if kind == "body":
                for var in inner_vars:
                    table.region_of[var] = child
                    table.position_of[var] = -1
                    table.definition[var] = statement
            _scan(child, table)
