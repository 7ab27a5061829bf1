"""Which values need no name of their own in the printed program.

A value that is used once, and that may be computed where it is used instead of where it is defined,
is printed in place of its use: no write to memory it reads, and no statement that could be observed
before an exception it may raise, lies between the two. Work is never moved into a loop or a branch
and never done twice. Values the user named keep their statement.

Two more forms are recognised here: a pure value nobody uses is left out, and the items of a tuple
that a call returns are bound by one unpacking assignment.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from numbad.emit.purity import (
    Memory,
    has_effect,
    is_cheap,
    is_observable,
    may_raise,
    reads_memory,
    written_memory,
)
from numbad.ir import nodes as ir
from numbad.ir.visit import expr_operands, operands, region_results, regions, walk

_LONGEST = 70


@dataclass
class Plan:
    """How values are printed.

    Attributes
    ----------
    folded : expression of each value that is printed in place of its only use
    absent : values that get no statement: unused ones, and items bound by unpacking
    unpacked : the values bound to the items of a tuple value, None for an item nobody uses
    """

    folded: dict[ir.Var, ir.Expr] = field(default_factory=dict)
    absent: set[ir.Var] = field(default_factory=set)
    unpacked: dict[ir.Var, tuple[ir.Var | None, ...]] = field(default_factory=dict)


@dataclass
class _Pending:
    """A value whose use has not been met yet, with everything folded into its expression."""

    expr: ir.Expr
    reads: tuple[ir.Operand, ...]
    raises: bool
    cheap: bool
    length: int


def plan_folding(function: ir.Function) -> Plan:
    """Decide which values of the function are printed without a name."""
    return _Folder(function).run()


def count_uses(function: ir.Function) -> Counter[ir.Var]:
    """Count the places where each value is read."""
    uses: Counter[ir.Var] = Counter()
    for statement in walk(function.body):
        uses.update(
            v for v in operands(statement) + region_results(statement) if isinstance(v, ir.Var)
        )
    uses.update(v for v in function.results if isinstance(v, ir.Var))
    return uses


class _Folder:
    def __init__(self, function: ir.Function) -> None:
        self.function = function
        self.memory = Memory(function)
        self.uses = count_uses(function)
        self.plan = Plan()
        self.simultaneous: set[ir.Var] = set()

    def run(self) -> Plan:
        self._drop_unused()
        for block in _blocks(self.function.body):
            self._find_unpacking(block)
        self._block(self.function.body, self.function.results)
        return self.plan

    def _drop_unused(self) -> None:
        lets = [s for s in walk(self.function.body) if isinstance(s, ir.Let)]
        for let in reversed(lets):
            if self.uses[let.target] == 0 and not (may_raise(let.expr) or has_effect(let.expr)):
                self.plan.absent.add(let.target)
                for operand in expr_operands(let.expr):
                    if isinstance(operand, ir.Var):
                        self.uses[operand] -= 1

    def _find_unpacking(self, block: ir.Block) -> None:
        calls = [
            s.target
            for s in block
            if isinstance(s, ir.Let) and isinstance(s.expr, ir.Call | ir.Invoke)
        ]
        items: dict[ir.Var, dict[int, ir.Var]] = {target: {} for target in calls}
        for statement in block:
            match statement:
                case ir.Let(target, ir.TupleItem(ir.Var() as value, position)) if value in calls:
                    if target not in self.plan.absent:
                        items[value].setdefault(position, target)
                case _:
                    pass
        for value, found in items.items():
            width = _tuple_width(value)
            if len(found) >= max(1, width - 1) and len(found) == self.uses[value]:
                self.plan.unpacked[value] = tuple(found.get(k) for k in range(width))
                self.plan.absent.update(found.values())

    # --- one block ----------------------------------------------------------------------------

    def _block(self, block: ir.Block, results: tuple[ir.Operand, ...]) -> None:
        """Fold within a block; ``results`` are read, in place, right after it."""
        pending: dict[ir.Var, _Pending] = {}
        for statement in block:
            if isinstance(statement, ir.Let) and statement.target in self.plan.absent:
                continue
            taken = self._take(pending, statement)
            self._regions(statement)
            self._invalidate(pending, statement)
            if isinstance(statement, ir.Let):
                self._offer(pending, statement, taken)
        for operand in results:
            self._fold(pending, operand)

    def _regions(self, statement: ir.Stmt) -> None:
        match statement:
            case ir.While(carried, before, condition, body):
                self._block(before, (condition,))
                self._loop_body(body, carried)
            case ir.For(carried=carried, body=body):
                self._loop_body(body, carried)
            case _:
                for region in regions(statement):
                    self._block(region, ())

    def _loop_body(self, body: ir.Block, carried: tuple[ir.Carried, ...]) -> None:
        at_the_end = self._simultaneous(body, carried)
        self.simultaneous.update(at_the_end)
        self._block(body, at_the_end)

    def _simultaneous(self, body: ir.Block, carried: tuple[ir.Carried, ...]) -> tuple[ir.Var, ...]:
        """Next values that read best in the assignment that ends the body, ``a, b = b, a + b``.

        They are those of carried values whose old value is still needed after the new one is known,
        unless it is needed for a store: LLVM vectorises such a loop only if it meets the new value
        before it.
        """
        last_use: dict[ir.Var, int] = {}
        defined: dict[ir.Var, int] = {}
        for position, statement in enumerate(body):
            for inner in walk((statement,)):
                for operand in operands(inner) + region_results(inner):
                    if isinstance(operand, ir.Var):
                        last_use[operand] = position
            if isinstance(statement, ir.Let) and self.uses[statement.target] == 1:
                defined[statement.target] = position
        direct = {item.next for item in carried if isinstance(item.next, ir.Var)}
        chosen: dict[ir.Var, ir.Carried] = {}
        for item in carried:
            value = item.next
            if not isinstance(value, ir.Var) or value.name not in ("", item.inner.name):
                continue
            if value not in defined:
                continue
            is_needed = last_use.get(item.inner, -1) > defined[value]
            if is_needed and _is_stored(item.inner, body, defined[value]):
                continue
            if is_needed or item.inner in direct - {value}:
                chosen[value] = item
        inners = {item.inner: item for item in carried}
        settled = False
        while not settled:
            settled = True
            for value in list(chosen):
                statement = body[defined[value]]
                assert isinstance(statement, ir.Let)
                for operand in expr_operands(statement.expr):
                    other = inners.get(operand) if isinstance(operand, ir.Var) else None
                    if other is None or other is chosen[value]:
                        continue
                    if other.next not in inners and other.next not in chosen:
                        del chosen[value]
                        settled = False
                        break
        return tuple(chosen)

    def _take(self, pending: dict[ir.Var, _Pending], statement: ir.Stmt) -> list[_Pending]:
        """Fold pending values into the statement where the form of the statement allows it."""
        taken: list[_Pending] = []
        match statement:
            case ir.Let(_, ir.Select(condition, if_true, if_false)):
                sites: tuple[ir.Operand, ...] = (condition,)
                for arm in (if_true, if_false):
                    if isinstance(arm, ir.Var) and arm in pending and pending[arm].cheap:
                        sites += (arm,)
            case ir.Let(_, ir.Alloc(fill=fill) as expr) if fill is not None:
                sites = tuple(v for v in expr_operands(expr) if v != fill)
            case ir.Let(_, expr):
                sites = expr_operands(expr)
            case ir.Store(_, index, value) | ir.Accumulate(_, index, value):
                sites = (*index, value)
            case ir.Append(_, value):
                sites = (value,)
            case ir.For(start=start, stop=stop, step=step):
                sites = (start, stop, step)
            case ir.While():
                sites = ()
            case _:
                sites = operands(statement)
        budget = _LONGEST
        for operand in sites:
            if isinstance(operand, ir.Var) and operand in pending:
                if pending[operand].length > budget:
                    continue
                budget -= pending[operand].length
                taken.append(pending[operand])
                self._fold(pending, operand)
        return taken

    def _fold(self, pending: dict[ir.Var, _Pending], operand: ir.Operand) -> None:
        if isinstance(operand, ir.Var) and operand in pending:
            self.plan.folded[operand] = pending.pop(operand).expr

    def _invalidate(self, pending: dict[ir.Var, _Pending], statement: ir.Stmt) -> None:
        if not pending:
            return
        written = written_memory(statement)
        observable = is_observable(statement)
        for var, value in list(pending.items()):
            changed = value.reads and (
                written is None
                or any(self.memory.may_overlap(w, r) for w in written for r in value.reads)
            )
            if changed or (observable and value.raises):
                del pending[var]

    def _offer(self, pending: dict[ir.Var, _Pending], let: ir.Let, taken: list[_Pending]) -> None:
        """Make the value defined by ``let`` a candidate for folding."""
        target, expr = let.target, let.expr
        if self.uses[target] != 1 or target in self.plan.unpacked or has_effect(expr):
            return
        if isinstance(expr, ir.Alloc | ir.NewStack):
            return
        names = [v for v in expr_operands(expr) if isinstance(v, ir.Var)]
        length = 6 + sum(len(v.name) or 2 for v in names) + sum(t.length for t in taken)
        if length > _LONGEST or (target.name and target not in self.simultaneous):
            return
        pending[target] = _Pending(
            expr,
            reads_memory(expr) + tuple(r for t in taken for r in t.reads),
            may_raise(expr) or any(t.raises for t in taken),
            is_cheap(expr) and all(t.cheap for t in taken),
            length,
        )


def _is_stored(value: ir.Var, body: ir.Block, after: int) -> bool:
    """Return whether the body stores something made of the value behind the given position."""
    made: set[ir.Operand] = {value}
    for position, statement in enumerate(body):
        match statement:
            case ir.Let(target, expr):
                if not made.isdisjoint(expr_operands(expr)):
                    made.add(target)
            case ir.Store() | ir.Accumulate():
                if position > after and not made.isdisjoint(operands(statement)):
                    return True
            case _:
                pass
    return False


def _tuple_width(value: ir.Var) -> int:
    items = getattr(value.type, "items", ())
    return len(items)


def _blocks(block: ir.Block) -> Iterator[ir.Block]:
    yield block
    for statement in walk(block):
        yield from regions(statement)
