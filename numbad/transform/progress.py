"""Reports of progress: the outermost loops of a program say how far they are."""

from __future__ import annotations

import operator
from dataclasses import replace

from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.build import BlockBuilder, Fresh
from numbad.ir.types import INT64
from numbad.kernels.progress import tick
from numbad.transform import arith


def with_progress(program: ir.Program) -> tuple[ir.Program, int]:
    """Return the program with reports, and the number of loops that report.

    They are the outermost loops with loops in them; if there are none, all outermost loops.
    """
    entry = program.entry
    nests = [loop for loop in _outermost(entry.body) if _outermost(_body(loop))]
    chosen = {id(loop) for loop in nests or _outermost(entry.body)}
    writer = _Writer(Fresh(visit.first_free_id(entry)), chosen)
    body = writer.block(entry.body)
    return replace(program, entry=replace(entry, body=body)), writer.count


Loop = ir.For | ir.While


def _body(loop: Loop) -> ir.Block:
    return loop.body


def _outermost(block: ir.Block) -> list[Loop]:
    found: list[Loop] = []
    for statement in block:
        match statement:
            case ir.For() | ir.While():
                found.append(statement)
            case ir.If(then=then, orelse=orelse):
                found += _outermost(then) + _outermost(orelse)
            case _:
                pass
    return found


class _Writer:
    def __init__(self, fresh: Fresh, chosen: set[int]) -> None:
        self.fresh = fresh
        self.chosen = chosen
        self.count = 0

    def block(self, block: ir.Block) -> ir.Block:
        """Return the block with reports in the chosen loops."""
        out = BlockBuilder(self.fresh)
        for statement in block:
            out.origin = statement.origin
            match statement:
                case ir.For() if id(statement) in self.chosen:
                    out.emit(self._counted(statement, out))
                case ir.While(carried=carried) if id(statement) in self.chosen:
                    number = ir.Const(self._next(), INT64)
                    report = ir.Effect(tick, (number, carried[-1].inner, arith.ZERO))
                    out.emit(replace(statement, body=(report, *statement.body)))
                case ir.If(then=then, orelse=orelse):
                    out.emit(replace(statement, then=self.block(then), orelse=self.block(orelse)))
                case _:
                    out.emit(statement)
        return out.block()

    def _next(self) -> int:
        self.count += 1
        return self.count

    def _counted(self, loop: ir.For, out: BlockBuilder) -> ir.For:
        number = ir.Const(self._next(), INT64)
        total = arith.trip_count(out, loop.start, loop.stop, loop.step)
        inner = out.nested()
        distance = arith.sub_int(inner, loop.index, loop.start)
        done = inner.call(INT64, operator.floordiv, distance, loop.step)
        inner.emit(ir.Effect(tick, (number, done, total)))
        for statement in loop.body:
            inner.emit(statement)
        return replace(loop, body=inner.block())
