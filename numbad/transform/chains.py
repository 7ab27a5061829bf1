"""Chains of array statements become one loop.

``a = x * y`` and then ``b = np.exp(a)`` are two loops over the same range. The first is moved down
into the second where that changes nothing: both use the index of the loop along one axis of every
array that they share and one of them writes, so that different iterations touch different elements;
nothing between them depends on the first; and neither can raise. What has just been stored is then
used directly, and an array that nothing else reads is never made (``hoist`` and ``dead`` see to
that). The loops inside of what was joined are joined in turn: rows of matrices.

Only loops that hand on data are joined. The order of operations on each element stays, and so does
the order in which sums are formed.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass, field, replace

from numbad.analysis.memory import AliasClass, Memory
from numbad.analysis.regions import analyse as analyse_regions
from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.types import Array, is_memory
from numbad.rules import registry
from numbad.transform import arith
from numbad.transform.simplify import simplify_program

_MOST_STATEMENTS = 120
_FARTHEST = 40
_DIVISIONS = (operator.truediv, operator.floordiv, operator.mod, divmod)


def optimised(program: ir.Program) -> ir.Program:
    """Return a program as it is differentiated: simplified, with its chains of loops joined."""
    program = simplify_program(program, invariants=True)
    joined = ir.Program(
        join_chains(program.entry),
        {name: join_chains(callee) for name, callee in program.callees.items()},
    )
    if joined == program:
        return program
    return simplify_program(joined, invariants=True)


def join_chains(function: ir.Function) -> ir.Function:
    """Return the function with chains of loops over one range joined."""
    regions = analyse_regions(function.body, function.params)
    joiner = _Joiner(Memory(regions, function.params, function.results))
    body = joiner.block(function.body)
    return replace(function, body=body) if joiner.found else function


@dataclass
class _Uses:
    """What a statement, its regions included, does to memory and otherwise.

    ``by_name`` are the references through which a class is used, and ``axes`` those along which
    every access is at the index of the loop that the summary is made for.
    """

    reads: set[AliasClass] = field(default_factory=set)
    writes: set[AliasClass] = field(default_factory=set)
    by_name: dict[AliasClass, set[ir.Var]] = field(default_factory=dict)
    axes: dict[AliasClass, set[int]] = field(default_factory=dict)
    size: int = 0
    can_raise: bool = False
    is_fixed: bool = False
    is_elementwise: bool = True


class _Joiner:
    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.found = False
        # By identity of the statements, which are kept alive with what is known of them.
        self._known: dict[int, tuple[ir.Stmt, _Uses]] = {}

    def block(self, block: ir.Block) -> ir.Block:
        out: list[ir.Stmt] = []
        for original in block:
            statement = original
            if isinstance(statement, ir.For) and self._is_joinable(statement):
                place = self._producer(statement, out)
                while place is not None:
                    producer = out.pop(place)
                    assert isinstance(producer, ir.For)
                    statement = _joined(producer, statement)
                    self.found = True
                    place = self._producer(statement, out)
            out.append(statement)
        return tuple(
            visit.with_regions(statement, lambda _, inner: self.block(inner)) for statement in out
        )

    def _is_joinable(self, loop: ir.For) -> bool:
        if not (arith.is_zero(loop.start) and arith.is_one(loop.step)):
            return False
        uses = self._uses(loop)
        return uses.is_elementwise and not uses.can_raise

    def _producer(self, loop: ir.For, before: list[ir.Stmt]) -> int | None:
        """Position of the loop before this one that can be moved into it."""
        between: list[_Uses] = []
        for place in range(len(before) - 1, max(-1, len(before) - 1 - _FARTHEST), -1):
            statement = before[place]
            uses = self._uses(statement)
            if (
                isinstance(statement, ir.For)
                and self._is_joinable(statement)
                and self._fits(statement, loop)
                and all(self._can_pass(uses, other) for other in between)
            ):
                return place
            if uses.is_fixed:
                return None
            between.append(uses)
        return None

    def _can_pass(self, moved: _Uses, other: _Uses) -> bool:
        """Whether what is moved may run behind the other instead of before it."""
        if other.can_raise and any(found.external for found in moved.writes):
            return False
        return not (moved.writes & (other.reads | other.writes) or moved.reads & other.writes)

    def _fits(self, first: ir.For, second: ir.For) -> bool:
        if first.stop != second.stop or first.carried:
            return False
        one, other = self._uses(first), self._uses(second)
        if one.size + other.size > _MOST_STATEMENTS:
            return False
        shared = (one.reads | one.writes) & (other.reads | other.writes)
        shared = {found for found in shared if found in one.writes or found in other.writes}
        if not shared & one.writes:
            return False
        return all(
            len(one.by_name[found] | other.by_name[found]) == 1
            and one.axes[found] & other.axes[found]
            for found in shared
        )

    # --- summaries ------------------------------------------------------------------------------

    def _uses(self, statement: ir.Stmt) -> _Uses:
        known = self._known.get(id(statement))
        if known is None:
            index = statement.index if isinstance(statement, ir.For) else None
            uses = _Uses()
            for inner in visit.walk((statement,)):
                uses.size += 1
                self._add(inner, index, uses)
            known = self._known[id(statement)] = (statement, uses)
        return known[1]

    def _add(self, statement: ir.Stmt, index: ir.Var | None, uses: _Uses) -> None:
        match statement:
            case ir.Let(target, expr):
                if is_memory(target.type):
                    uses.is_elementwise = False
                self._add_expression(expr, index, uses)
            case ir.Store(array, place, value) | ir.Accumulate(array, place, value):
                if is_memory(value.type):
                    uses.is_fixed = True
                self._access(array, place, index, uses)
                uses.writes.add(self.memory.of(array))
            case ir.For(carried=carried):
                if any(is_memory(item.inner.type) for item in carried):
                    uses.is_elementwise = False
            case ir.If(merges=merges):
                if any(is_memory(merge.result.type) for merge in merges):
                    uses.is_elementwise = False
            case ir.Raise():
                uses.can_raise = True
            case _:
                uses.is_fixed = True
        if uses.is_fixed:
            uses.is_elementwise = False

    def _add_expression(self, expr: ir.Expr, index: ir.Var | None, uses: _Uses) -> None:
        match expr:
            case ir.Load(array, place):
                if not isinstance(array.type, Array):
                    uses.is_fixed = True
                self._access(array, place, index, uses)
                uses.reads.add(self.memory.of(array))
            case ir.Call(fn, args):
                memories = [v for v in args if isinstance(v, ir.Var) and is_memory(v.type)]
                uses.reads |= {self.memory.of(memory) for memory in memories}
                if memories:
                    uses.is_elementwise = False
                if registry.lookup(fn) is None or registry.is_impure(fn):
                    uses.is_fixed = True
                uses.can_raise = uses.can_raise or bool(memories) or _divides(expr)
            case ir.Select() | ir.Cast() | ir.Shape() | ir.Alloc():
                pass
            case ir.Subview() | ir.Transpose() | ir.Component() | ir.Reshape():
                uses.can_raise = True
            case _:
                uses.is_fixed = True

    def _access(
        self, array: ir.Var, place: tuple[ir.Operand, ...], index: ir.Var | None, uses: _Uses
    ) -> None:
        found = self.memory.of(array)
        axes = {axis for axis, operand in enumerate(place) if operand == index}
        uses.axes[found] = uses.axes[found] & axes if found in uses.axes else axes
        uses.by_name.setdefault(found, set()).add(array)


def _divides(call: ir.Call) -> bool:
    """Whether a division could be one by zero, which raises in the user's part."""
    if call.fn not in _DIVISIONS:
        return False
    divisor = call.args[-1]
    return not (isinstance(divisor, ir.Const) and divisor.value != 0)


def _joined(first: ir.For, second: ir.For) -> ir.For:
    """Return the second loop with the first one's body in front of its own."""
    renamed = visit.Substituter({first.index: second.index})
    return replace(second, body=(*renamed.block(first.body), *second.body))
