"""Primal values in the backward sweep: where each comes from.

The backward sweep asks ``primal(value)`` for what its statements read. A ``Scope`` is the reversed
counterpart of one region of the forward sweep; a value is given in the scope of the region that
defines it. ``Demands`` answers on a trial run and only notes what was asked; ``PlannedValues``
answers from a plan: still available, recomputed, re-loaded from memory, or restored from the tape.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from numbad.analysis.regions import Region, Regions
from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.build import BlockBuilder
from numbad.transform.tape import Tape


@dataclass(eq=False)
class Scope:
    """The reversed counterpart of a region: where its code goes, and the values known in it.

    ``position`` is that of the statement being reversed.
    """

    region: Region
    block: BlockBuilder
    known: dict[ir.Var, ir.Operand] = field(default_factory=dict)
    position: int = -1
    counter: ir.Operand | None = None


class Values(Protocol):
    """A source of primal values for the backward sweep."""

    scopes: list[Scope]
    make_shadow: Callable[[ir.Var], ir.Operand | None]

    def primal(self, operand: ir.Operand) -> ir.Operand:
        """Return the operand of the backward sweep that has the primal's value."""

    def is_carried_backward(self, var: ir.Var) -> bool:
        """Whether a permuted loop-carried reference is carried through the reversed loop."""

    def is_restored(self, statement: ir.Stmt) -> bool:
        """Whether the sweep undoes a store, so that memory holds what it held before it."""

    def enter_loop(self, region: Region, count: ir.Operand) -> None:
        """Announce a reversed loop, before its statement is emitted."""

    def enter_region(self, scope: Scope) -> None:
        """Announce that a scope was entered; its values that must be restored first are."""


class Demands:
    """Notes every value that the backward sweep asks for, and the last statement that does.

    The last statement in the order of the forward sweep is the first that the backward sweep meets:
    it is where the value will be recomputed.
    """

    def __init__(self, regions: Regions) -> None:
        self._regions = regions
        self.scopes: list[Scope] = []
        self.make_shadow: Callable[[ir.Var], ir.Operand | None] = lambda _: None
        self.asked: dict[ir.Var, int] = {}

    def primal(self, operand: ir.Operand) -> ir.Operand:
        """Note the demand; the answer is the value itself."""
        if isinstance(operand, ir.Var):
            for scope in reversed(self.scopes):
                if operand in scope.known:
                    return scope.known[operand]
            made = self.make_shadow(operand)
            if made is not None:
                return made
            region = self._regions.region_of.get(operand)
            place = next((s.position for s in reversed(self.scopes) if s.region is region), -1)
            self.asked[operand] = max(place, self.asked.get(operand, -1))
        return operand

    def is_carried_backward(self, var: ir.Var) -> bool:
        """Nothing is carried on the trial run."""
        del var
        return False

    def is_restored(self, statement: ir.Stmt) -> bool:
        """Nothing is undone on the trial run."""
        del statement
        return False

    def enter_loop(self, region: Region, count: ir.Operand) -> None:
        """Nothing to prepare."""

    def enter_region(self, scope: Scope) -> None:
        """Nothing to restore."""


class PlannedValues:
    """Gives values by the plan: recomputed in their region's scope, or restored from the tape."""

    def __init__(
        self,
        regions: Regions,
        recomputed: set[ir.Var],
        restored: frozenset[int],
        tape: Tape,
    ) -> None:
        self._restored = restored
        self.scopes: list[Scope] = []
        self.make_shadow: Callable[[ir.Var], ir.Operand | None] = lambda _: None
        self._regions = regions
        self._recomputed = recomputed
        self._tape = tape

    def primal(self, operand: ir.Operand) -> ir.Operand:
        """Return the value, emitting its recomputation or restoration where it is due."""
        if not isinstance(operand, ir.Var):
            return operand
        for scope in reversed(self.scopes):
            if operand in scope.known:
                return scope.known[operand]
        made = self.make_shadow(operand)
        if made is not None:
            return made
        region = self._regions.region_of[operand]
        if region.is_joint and operand not in self._recomputed:
            return operand
        scope = self._scope_of(region)
        if operand in self._recomputed:
            value = self._recompute(operand, scope)
        else:
            value = self._tape.restore(operand, scope, self)
        scope.known[operand] = value
        return value

    def is_carried_backward(self, var: ir.Var) -> bool:
        """Whether the plan gives the reference by undoing the loop's permutation."""
        return var in self._recomputed

    def is_restored(self, statement: ir.Stmt) -> bool:
        """Whether the plan undoes the stores to the statement's memory."""
        return id(statement) in self._restored

    def enter_loop(self, region: Region, count: ir.Operand) -> None:
        """Take the loop's segments off their stacks."""
        self._tape.release_segments(region, count, self)

    def enter_region(self, scope: Scope) -> None:
        """Take the references that this region recorded off their lists."""
        self._tape.restore_references(scope, self)

    def scope_of(self, region: Region) -> Scope:
        """Return the innermost scope of the region."""
        return self._scope_of(region)

    def _scope_of(self, region: Region) -> Scope:
        for scope in reversed(self.scopes):
            if scope.region is region:
                return scope
        raise AssertionError("a value is asked for outside its region")

    def _recompute(self, var: ir.Var, scope: Scope) -> ir.Operand:
        statement = self._regions.definition[var]
        previous = scope.block.origin
        scope.block.origin = statement.origin
        try:
            match statement:
                case ir.Let(_, expr):
                    return scope.block.let(var.type, visit.map_expr(expr, self.primal), var.name)
                case ir.If():
                    return self._recompute_merge(var, statement, scope)
                case _:
                    raise AssertionError(f"{var} cannot be recomputed")
        finally:
            scope.block.origin = previous

    def _recompute_merge(self, var: ir.Var, statement: ir.If, scope: Scope) -> ir.Operand:
        merge = next(merge for merge in statement.merges if merge.result == var)
        position = self._regions.position_of[var]
        condition = self.primal(statement.condition)
        branches: list[tuple[ir.Block, ir.Operand]] = []
        for kind, source in (("then", merge.if_true), ("orelse", merge.if_false)):
            region = self._regions.child(scope.region, position, kind)
            inner = Scope(region, scope.block.nested())
            self.scopes.append(inner)
            value = self.primal(source)
            self.scopes.pop()
            branches.append((inner.block.block(), value))
        (then, if_true), (orelse, if_false) = branches
        result = scope.block.fresh.var(var.type, var.name)
        merged = (ir.Merge(result, if_true, if_false),)
        scope.block.emit(ir.If(condition, then, orelse, merged, statement.origin))
        return result
