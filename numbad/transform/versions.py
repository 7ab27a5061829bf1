"""Two versions of loops that broadcast: one for operands of full length, which is vectorised.

Whether an axis has length one, and is to be stretched, is known when the program runs: an element
is read at ``0 if is_one else i``, an index that LLVM can make nothing of. Such a loop nest becomes
a branch: if any axis is stretched, the nest as it was, else a copy of it with plain indices. It is
for programs that are emitted next.
"""

from __future__ import annotations

import operator
from dataclasses import replace

from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.build import BlockBuilder, Fresh
from numbad.ir.types import BOOL, INT64, is_memory
from numbad.transform import arith
from numbad.transform.fold import fold

_MOST_STATEMENTS = 60


def version_broadcasts(function: ir.Function) -> ir.Function:
    """Return the function with loops that broadcast in two versions."""
    versioner = _Versioner(Fresh(visit.first_free_id(function)))
    body = versioner.block(function.body)
    if not versioner.found:
        return function
    return fold(replace(function, body=body))


class _Versioner:
    def __init__(self, fresh: Fresh) -> None:
        self.fresh = fresh
        self.found = False

    def block(self, block: ir.Block) -> ir.Block:
        out = BlockBuilder(self.fresh)
        for statement in block:
            out.origin = getattr(statement, "origin", None)
            match statement:
                case ir.For():
                    self._loop(statement, out)
                case ir.While(body=body):
                    out.emit(replace(statement, body=self.block(body)))
                case ir.If(then=then, orelse=orelse):
                    out.emit(replace(statement, then=self.block(then), orelse=self.block(orelse)))
                case _:
                    out.emit(statement)
        return out.block()

    def _loop(self, loop: ir.For, out: BlockBuilder) -> None:
        inner = list(visit.walk(loop.body))
        conditions = _stretches(loop, inner)
        small = len(inner) <= _MOST_STATEMENTS
        if not small or any(is_memory(item.result.type) for item in loop.carried):
            out.emit(replace(loop, body=self.block(loop.body)))
            return
        if not conditions:
            # Conditions that are settled inside of the loop concern the loops in it.
            out.emit(replace(loop, body=self.block(loop.body)))
            return
        self.found = True
        any_stretched: ir.Operand = conditions[0]
        for condition in conditions[1:]:
            any_stretched = out.call(BOOL, operator.or_, any_stretched, condition)
        general = visit.Cloner(self.fresh).statement(loop)
        never = {condition: ir.Const(False, BOOL) for condition in conditions}
        plain = visit.Cloner(self.fresh, dict(never)).statement(loop)
        assert isinstance(general, ir.For)
        assert isinstance(plain, ir.For)
        merges = tuple(
            ir.Merge(item.result, first.result, second.result)
            for item, first, second in zip(
                loop.carried, general.carried, plain.carried, strict=True
            )
        )
        out.emit(ir.If(any_stretched, (general,), (plain,), merges, loop.origin))


def _stretches(loop: ir.For, inner: list[ir.Stmt]) -> list[ir.Var]:
    """Conditions, settled before the loop, on which indices in it are zero."""
    defined = {var for statement in inner for var in visit.definitions(statement)}
    defined |= {loop.index, *(item.inner for item in loop.carried)}
    for statement in inner:
        match statement:
            case ir.For(index=index, carried=carried):
                defined |= {index, *(item.inner for item in carried)}
            case ir.While(carried=carried):
                defined |= {item.inner for item in carried}
            case _:
                pass
    found: dict[ir.Var, None] = {}
    for statement in inner:
        match statement:
            case ir.Let(target, ir.Select(ir.Var() as condition, if_true, _)) if (
                target.type == INT64 and arith.is_zero(if_true) and condition not in defined
            ):
                found[condition] = None
            case _:
                pass
    return list(found)
