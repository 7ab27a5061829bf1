"""Loops that count down, around loops that LLVM vectorises: their counters are hidden from it.

LLVM enters the vectorised form of a loop only if its arrays do not overlap, which it tests when the
program runs. It would rather test once in front of the loop around it, for all rows that this one
picks, and that test takes rows in descending order for overlapping. The backward sweep of a time
loop is one: a row of the tape for each step, and two buffers that are exchanged. With

    for t in irange(steps - 1, -1, -1):
        t = opaque(t)
        for i in range(n):
            v_bar[i] += u_bar[i] * t_tape[t, i]

the rows are no sequence to LLVM, and the arrays are compared in each step. It is for programs that
are emitted next.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.build import Fresh
from numbad.ir.types import REALS, Array
from numbad.kernels.arithmetic import add_unordered
from numbad.kernels.loops import opaque
from numbad.transform.plain_loops import is_plain, none_waits

Index = tuple[ir.Operand, ...]


def hide_counters(function: ir.Function) -> ir.Function:
    """Return the function with hidden counters where LLVM would compare rows in vain."""
    if not any(_counts_down(statement) for statement in visit.walk(function.body)):
        return function
    return replace(function, body=_Hider(function).block(function.body))


def _counts_down(statement: ir.Stmt) -> bool:
    return (
        isinstance(statement, ir.For)
        and isinstance(statement.step, ir.Const)
        and statement.step.value < 0
    )


class _Hider:
    def __init__(self, function: ir.Function) -> None:
        self.fresh = Fresh(visit.first_free_id(function))
        self.params = frozenset(function.params)
        self.lets: dict[ir.Var, ir.Let] = {
            statement.target: statement
            for statement in visit.walk(function.body)
            if isinstance(statement, ir.Let)
        }

    def block(self, block: ir.Block) -> ir.Block:
        """Return a block with hidden counters in its loops."""
        out: list[ir.Stmt] = []
        for statement in block:
            changed = visit.with_regions(statement, lambda _, inner: self.block(inner))
            if isinstance(changed, ir.For) and self._is_in_the_way(changed):
                changed = self._hidden(changed)
            out.append(changed)
        return tuple(out)

    def _is_in_the_way(self, loop: ir.For) -> bool:
        return _counts_down(loop) and any(
            self._compares(inner, loop.index) for inner in _loops(loop.body)
        )

    def _compares(self, loop: ir.For, counter: ir.Var) -> bool:
        """Whether a vectorised loop has to compare places that depend on the counter."""
        if not is_plain(loop) or not self._is_vectorised(loop):
            return False
        found = list(self._accesses(loop))
        return any(
            is_write and self._may_meet(array, index, other, another)
            for array, index, is_write in found
            for other, another, _ in found
        ) and any(self._depends(counter, array, *index) for array, index, _ in found)

    def _is_vectorised(self, loop: ir.For) -> bool:
        waiting = [
            item
            for item in loop.carried
            if item.inner.type in REALS and not self._is_free_sum(item.next)
        ]
        return none_waits(waiting, loop.body)

    def _is_free_sum(self, operand: ir.Operand) -> bool:
        match self._definition(operand):
            case ir.Call(fn):
                return fn is add_unordered
            case _:
                return False

    def _definition(self, operand: ir.Operand) -> ir.Expr | None:
        let = self.lets.get(operand) if isinstance(operand, ir.Var) else None
        return None if let is None else let.expr

    def _accesses(self, loop: ir.For) -> Iterator[tuple[ir.Var, Index, bool]]:
        """Yield the elements that a loop touches, and whether it writes them."""
        for statement in visit.walk(loop.body):
            match statement:
                case ir.Let(_, ir.Load(array, index)):
                    yield array, index, False
                case ir.Store(array, index) | ir.Accumulate(array, index):
                    yield array, index, True
                case _:
                    pass

    def _may_meet(self, array: ir.Var, index: Index, other: ir.Var, another: Index) -> bool:
        """Whether LLVM does not know that two elements are the same, or of different arrays."""
        if array == other:
            return index != another
        root, other_root = self._root(array), self._root(other)
        if root == other_root:
            return True
        known = [self._is_new(root), self._is_new(other_root)]
        return not (all(known) or (any(known) and {root, other_root} & self.params))

    def _root(self, array: ir.Var) -> ir.Var:
        while True:
            match self._definition(array):
                case (
                    ir.Subview(viewed)
                    | ir.Transpose(viewed)
                    | ir.Component(viewed)
                    | ir.Reshape(viewed)
                ):
                    array = viewed
                case _:
                    return array

    def _is_new(self, array: ir.Var) -> bool:
        return isinstance(self._definition(array), ir.Alloc)

    def _depends(self, counter: ir.Var, *operands: ir.Operand) -> bool:
        """Whether an index or a view is made from the counter."""
        pending, seen = list(operands), set(operands)
        while pending:
            current = pending.pop()
            if current == counter:
                return True
            match self._definition(current):
                case ir.Call() | ir.Cast() | ir.Subview() as expr:
                    more = set(visit.expr_operands(expr)) - seen
                    seen |= more
                    pending += more
                case _:
                    pass
        return False

    def _hidden(self, loop: ir.For) -> ir.For:
        """Return the loop with the counter hidden from what picks elements, not from bounds."""
        counter = loop.index
        shown = self.fresh.var(counter.type, counter.name)
        substituter = visit.Substituter({counter: shown})
        bounds = self._bounds(loop.body)
        first = ir.Let(shown, ir.Call(opaque, (counter,)), loop.origin)
        return replace(loop, body=(first, *_shown(loop.body, substituter, bounds)))

    def _bounds(self, block: ir.Block) -> set[ir.Operand]:
        """Return what decides which iterations and branches run."""
        pending: list[ir.Operand] = []
        for statement in visit.walk(block):
            match statement:
                case ir.For(_, start, stop, step):
                    pending += [start, stop, step]
                case ir.If(condition) | ir.While(condition=condition):
                    pending.append(condition)
                case _:
                    pass
        found: set[ir.Operand] = set()
        while pending:
            current = pending.pop()
            if current not in found:
                found.add(current)
                expr = self._definition(current)
                pending += () if expr is None else visit.expr_operands(expr)
        return found


def _loops(block: ir.Block) -> Iterator[ir.For]:
    """Yield the loops right inside a block, also those in branches."""
    for statement in block:
        match statement:
            case ir.For():
                yield statement
            case ir.If(then=then, orelse=orelse):
                yield from _loops((*then, *orelse))
            case _:
                pass


def _shown(block: ir.Block, new: visit.Substituter, bounds: set[ir.Operand]) -> ir.Block:
    """Return a block in which elements and views are picked by the new counter."""
    out: list[ir.Stmt] = []
    for statement in block:
        match statement:
            case ir.Let(target) if target in bounds:
                out.append(statement)
            case ir.Let(target, expr) if _picks(expr, target):
                out.append(new.statement(statement))
            case ir.Store() | ir.Accumulate():
                out.append(new.statement(statement))
            case _:
                out.append(
                    visit.with_regions(statement, lambda _, inner: _shown(inner, new, bounds))
                )
    return tuple(out)


def _picks(expr: ir.Expr, target: ir.Var) -> bool:
    """Whether an expression is an element, a view or part of an index."""
    match expr:
        case ir.Load() | ir.Subview():
            return True
        case ir.Call(_, args, ()):
            return not isinstance(target.type, Array) and not any(
                isinstance(arg.type, Array) for arg in args
            )
        case _:
            return False
