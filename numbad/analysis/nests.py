"""Rectangular nests of loops whose iterations only compute, write elements, and add to sums.

``nest_of`` recognises one and takes it apart: the loops and the box that they run over, the values
that are computed on the way in, what the innermost body writes, and the sums. In such a nest an
index is at a *place*: the number of the loop that it moves with, and its distance from the loop's
index.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.types import INT64, Array, Scalar, is_memory, is_real
from numbad.rules import registry

Write = ir.Store | ir.Accumulate
Shift = tuple[int, ...]


@dataclass(frozen=True)
class Bound:
    """An integer known outside of the nest: a value (None is zero) and a distance from it."""

    base: ir.Var | None
    distance: int

    def moved(self, distance: int) -> Bound:
        """Return the bound farther up."""
        return Bound(self.base, self.distance + distance)


@dataclass(frozen=True)
class Place:
    """An index that moves with a loop: the number of the loop, and how far ahead of it."""

    level: int
    offset: int

    def moved(self, distance: int) -> Place:
        """Return the place farther on."""
        return Place(self.level, self.offset + distance)


@dataclass(frozen=True)
class Sum:
    """A sum over all iterations: ``result`` is ``init`` and the ``term`` of each of them."""

    init: ir.Operand
    result: ir.Var
    term: ir.Operand


@dataclass(frozen=True)
class Nest:
    """A nest of loops.

    Attributes
    ----------
    loops
        The loops, outermost first.
    box
        For each loop the least index, and one more than the greatest.
    lets
        The values that the iterations compute, in order, each with the number of its loop.
    body
        The statements of the innermost body.
    sums
        What the nest adds up.
    """

    loops: tuple[ir.For, ...]
    box: tuple[tuple[Bound, Bound], ...]
    lets: dict[ir.Var, tuple[int, ir.Let]]
    body: tuple[ir.Let | Write, ...]
    sums: tuple[Sum, ...]
    reach: dict[ir.Var, frozenset[int]]

    def is_outside(self, operand: ir.Operand) -> bool:
        """Whether a value is known before the nest runs."""
        return not isinstance(operand, ir.Var) or operand not in self.reach

    def loops_of(self, operand: ir.Operand) -> frozenset[int]:
        """Return the numbers of the loops with which a value changes."""
        if not isinstance(operand, ir.Var):
            return frozenset()
        return self.reach.get(operand, frozenset())

    def restricted(self, operand: ir.Operand, shift: Shift) -> Shift:
        """Return how far another iteration is away, in what matters to a value."""
        reach = self.loops_of(operand)
        return tuple(o if level in reach else 0 for level, o in enumerate(shift))

    def made_of(self, operands: Iterable[ir.Operand]) -> set[ir.Var]:
        """Return the values that are computed to compute some, these included.

        Indices that have a place are not among them.
        """
        found: set[ir.Var] = set()
        pending = list(operands)
        while pending:
            operand = pending.pop()
            if not isinstance(operand, ir.Var) or operand not in self.lets or operand in found:
                continue
            if self.place(operand) is None:
                found.add(operand)
                pending += visit.operands(self.lets[operand][1])
        return found

    def place(self, operand: ir.Operand) -> Place | None:
        """Return where an index moves with a loop; None if it does not, or in another way."""
        offset = 0
        while isinstance(operand, ir.Var) and operand.type == INT64:
            if operand in self.lets:
                step = moved_by(self.lets[operand][1].expr)
                if step is None:
                    return None
                operand, distance = step
                offset += distance
                continue
            for level, loop in enumerate(self.loops):
                if operand == loop.index:
                    return Place(level, offset)
            return None
        return None


def moved_by(expr: ir.Expr) -> tuple[ir.Operand, int] | None:
    """Return what a constant is added to, and the constant."""
    match expr:
        case ir.Call(fn, (value, ir.Const(int() as distance))) if not isinstance(value, ir.Const):
            if fn is operator.add:
                return value, distance
            if fn is operator.sub:
                return value, -distance
        case ir.Call(fn, (ir.Const(int() as distance), value)) if fn is operator.add:
            return value, distance
        case _:
            pass
    return None


def bound_of(operand: ir.Operand, definition: dict[ir.Var, ir.Stmt]) -> Bound | None:
    """Return an integer as a distance from what it was computed from."""
    distance = 0
    while True:
        match operand:
            case ir.Const(int() as value):
                return Bound(None, distance + value)
            case ir.Var(type=type_) if type_ == INT64:
                found = definition.get(operand)
                step = moved_by(found.expr) if isinstance(found, ir.Let) else None
                if step is None or step[0].type != INT64:
                    return Bound(operand, distance)
                operand = step[0]
                distance += step[1]
            case _:
                return None


def nest_of(loop: ir.For, definition: dict[ir.Var, ir.Stmt]) -> Nest | None:
    """Return the nest that a loop is the outermost of, if it is one.

    ``definition`` has the statement that defines each value of the function.
    """
    inside = visit.defined_vars((loop,))
    loops: list[ir.For] = []
    lets: dict[ir.Var, tuple[int, ir.Let]] = {}
    tails: list[dict[ir.Var, ir.Let]] = []
    body: list[ir.Let | Write] = []
    box = []
    current: ir.For | None = loop
    while current is not None:
        sides = _sides(current, inside, definition)
        if sides is None:
            return None
        box.append(sides)
        loops.append(current)
        following: ir.For | None = None
        tail: dict[ir.Var, ir.Let] = {}
        for statement in current.body:
            match statement:
                case ir.Let(target) if following is not None:
                    tail[target] = statement
                case ir.Let(target) if _is_plain(statement, inside):
                    lets[target] = (len(loops) - 1, statement)
                    body.append(statement)
                case ir.For() if following is None:
                    following = statement
                case ir.Store(array) | ir.Accumulate(array) if array not in inside:
                    body.append(statement)
                case _:
                    return None
        if following is not None:
            if not all(isinstance(statement, ir.Let) for statement in body):
                return None
            body = []
        tails.append(tail)
        current = following
    sums = _sums(tuple(loops), tails, lets)
    if sums is None:
        return None
    reach = {each.index: frozenset({level}) for level, each in enumerate(loops)}
    for var, (_, let) in lets.items():
        parts = [reach.get(o, frozenset()) for o in visit.operands(let) if isinstance(o, ir.Var)]
        reach[var] = frozenset().union(*parts)
    return Nest(tuple(loops), tuple(box), lets, tuple(body), sums, reach)


def _step(loop: ir.For) -> int | None:
    return loop.step.value if isinstance(loop.step, ir.Const) else None


def _sides(
    loop: ir.For, inside: set[ir.Var], definition: dict[ir.Var, ir.Stmt]
) -> tuple[Bound, Bound] | None:
    """Return the least index of a loop and one more than the greatest."""
    if any(bound in inside for bound in (loop.start, loop.stop)):
        return None
    start, stop = bound_of(loop.start, definition), bound_of(loop.stop, definition)
    if start is None or stop is None:
        return None
    match _step(loop):
        case 1:
            return start, stop
        case -1:
            return stop.moved(1), start.moved(1)
        case _:
            return None


def _is_plain(let: ir.Let, inside: set[ir.Var]) -> bool:
    """Whether a value may be computed again, elsewhere in the nest."""
    if not isinstance(let.target.type, Scalar):
        return False
    match let.expr:
        case ir.Call(fn, args, ()):
            known = registry.lookup(fn) is not None and not registry.is_impure(fn)
            return known and not any(is_memory(arg.type) for arg in args)
        case ir.Load(array):
            return array not in inside and isinstance(array.type, Array)
        case ir.Shape(array):
            return array not in inside
        case ir.Select() | ir.Cast():
            return True
        case _:
            return False


def _sums(
    loops: tuple[ir.For, ...],
    tails: list[dict[ir.Var, ir.Let]],
    lets: dict[ir.Var, tuple[int, ir.Let]],
) -> tuple[Sum, ...] | None:
    """Return the sums; None if anything else is carried or computed behind inner loops."""
    uses = Counter(
        operand
        for statement in visit.walk(loops[:1])
        for operand in visit.operands(statement) + visit.region_results(statement)
        if isinstance(operand, ir.Var)
    )
    found = []
    for item in loops[0].carried:
        term = _term(item, 0, loops, tails, lets, uses)
        if term is None:
            return None
        found.append(Sum(item.init, item.result, term))
    if sum(len(loop.carried) for loop in loops) != len(found) * len(loops):
        return None
    for loop, tail in zip(loops, tails, strict=True):
        if not set(tail) <= {item.next for item in loop.carried}:
            return None
    return tuple(found)


def _term(
    item: ir.Carried,
    level: int,
    loops: tuple[ir.For, ...],
    tails: list[dict[ir.Var, ir.Let]],
    lets: dict[ir.Var, tuple[int, ir.Let]],
    uses: Counter[ir.Var],
) -> ir.Operand | None:
    """Return what the innermost iterations add to a carried value that nothing else reads."""
    following = item.next
    if not isinstance(item.inner.type, Scalar) or not is_real(item.inner.type):
        return None
    if uses[item.inner] != 1 or not isinstance(following, ir.Var) or uses[following] != 1:
        return None
    if level == len(loops) - 1:
        return _added(lets[following][1], item.inner) if following in lets else None
    below = {each.result: each for each in loops[level + 1].carried}
    if following in below:
        inner = below[following]
        is_chained = inner.init == item.inner
    elif following in tails[level]:
        result = _added(tails[level][following], item.inner)
        if not isinstance(result, ir.Var) or result not in below or uses[result] != 1:
            return None
        inner = below[result]
        is_chained = isinstance(inner.init, ir.Const) and inner.init.value == 0
    else:
        return None
    return _term(inner, level + 1, loops, tails, lets, uses) if is_chained else None


def _added(let: ir.Let, to: ir.Var) -> ir.Operand | None:
    """Return what is added to a value."""
    match let.expr:
        case ir.Call(fn, (left, right), ()) if fn is operator.add and to in (left, right):
            other = right if left == to else left
            return other if other.type == to.type == let.target.type else None
        case _:
            return None
