"""Induction variables: integers that grow by a constant in each iteration of a loop.

``at += 1`` in a loop makes ``at`` a carried value, which the backward sweep would have to record.
Written as ``at_0 + k * 1`` for the k-th iteration it can be computed again.

The closed form reads the bounds of the loop, on which ``at`` does not depend differentiably: they
pass a barrier.
"""

from __future__ import annotations

import operator
from dataclasses import replace

from numbad import markers
from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.build import BlockBuilder, Fresh
from numbad.ir.types import INT64
from numbad.transform import arith
from numbad.transform.tape import counter


def eliminate_inductions(function: ir.Function) -> ir.Function:
    """Return the function with its induction variables in closed form."""
    pass_ = _Inductions(Fresh(visit.first_free_id(function)), _counted(function))
    body = pass_.block(function.body)
    if not pass_.substitution:
        return function
    substituter = visit.Substituter(pass_.substitution)
    return replace(
        function,
        body=substituter.block(body),
        results=tuple(map(substituter.operand, function.results)),
    )


def _counted(function: ir.Function) -> frozenset[ir.Var]:
    """Return integers that have no derivative: indices of loops, extents of arrays."""
    found: set[ir.Var] = set()
    for statement in visit.walk(function.body):
        match statement:
            case ir.For(index):
                found.add(index)
            case ir.Let(target, ir.Shape()):
                found.add(target)
            case _:
                pass
    return frozenset(found)


class _Inductions:
    def __init__(self, fresh: Fresh, counted: frozenset[ir.Var]) -> None:
        self.fresh = fresh
        self.counted = counted
        self.substitution: dict[ir.Var, ir.Operand] = {}

    def block(self, block: ir.Block) -> ir.Block:
        out = BlockBuilder(self.fresh)
        for statement in block:
            out.origin = statement.origin
            match statement:
                case ir.For():
                    self._for(statement, out)
                case _:
                    out.emit(visit.with_regions(statement, lambda _, inner: self.block(inner)))
        return out.block()

    def _for(self, loop: ir.For, out: BlockBuilder) -> None:
        steps = {item: _step(item, loop.body) for item in loop.carried}
        found = {item: step for item, step in steps.items() if step is not None}
        if not found:
            out.emit(replace(loop, body=self.block(loop.body)))
            return
        start, stop, by = (self._barred(b, out) for b in (loop.start, loop.stop, loop.step))
        head = out.nested()
        place = counter(head, loop.index, start, by)
        for item, step in found.items():
            distance = arith.mul_int(head, place, _int(step))
            self.substitution[item.inner] = arith.add_int(head, item.init, distance)
        kept = tuple(item for item in loop.carried if item not in found)
        out.emit(replace(loop, carried=kept, body=head.block() + self.block(loop.body)))
        trips = arith.trip_count(out, start, stop, by)
        for item, step in found.items():
            distance = arith.mul_int(out, trips, _int(step))
            self.substitution[item.result] = arith.add_int(out, item.init, distance)

    def _barred(self, bound: ir.Operand, out: BlockBuilder) -> ir.Operand:
        if not isinstance(bound, ir.Var) or bound in self.counted:
            return bound
        return out.let(bound.type, ir.Call(markers.dropgrad, (bound,)), bound.name)


def _int(value: int) -> ir.Const:
    return ir.Const(value, INT64)


def _step(item: ir.Carried, body: ir.Block) -> int | None:
    """Return by how much a carried integer grows in each iteration, if that is a constant."""
    if item.inner.type != INT64 or item.init.type != INT64:
        return None
    for statement in body:
        match statement:
            case ir.Let(target, ir.Call(fn, (left, right))) if target == item.next:
                if left == item.inner and isinstance(right, ir.Const):
                    if fn is operator.add:
                        return int(right.value)
                    if fn is operator.sub:
                        return -int(right.value)
                if fn is operator.add and right == item.inner and isinstance(left, ir.Const):
                    return int(left.value)
            case _:
                pass
    return None
