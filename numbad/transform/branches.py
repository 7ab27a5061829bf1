"""Branches on one condition, one right behind the other, become one."""

from __future__ import annotations

from dataclasses import replace

from numbad.ir import nodes as ir
from numbad.ir import visit


def join_branches(function: ir.Function) -> ir.Function:
    """Return the function with neighbouring branches on the same condition joined."""
    return replace(function, body=_joined(function.body))


def _joined(block: ir.Block) -> ir.Block:
    out: list[ir.Stmt] = []
    for statement in block:
        found = visit.with_regions(statement, lambda _, inner: _joined(inner))
        before = out[-1] if out else None
        if isinstance(before, ir.If) and isinstance(found, ir.If) and _is_same(before, found):
            out[-1] = _both(before, found)
        else:
            out.append(found)
    return tuple(out)


def _is_same(first: ir.If, second: ir.If) -> bool:
    """Whether the second goes the way of the first, which comes to its end."""
    raises = any(isinstance(statement, ir.Raise) for statement in visit.walk((first,)))
    return first.condition == second.condition and not raises


def _both(first: ir.If, second: ir.If) -> ir.If:
    """Return one branch that does what two do; the second knows which way the first went."""
    known = {
        True: visit.Substituter({merge.result: merge.if_true for merge in first.merges}),
        False: visit.Substituter({merge.result: merge.if_false for merge in first.merges}),
    }
    merges = tuple(
        replace(
            merge,
            if_true=known[True].operand(merge.if_true),
            if_false=known[False].operand(merge.if_false),
        )
        for merge in second.merges
    )
    then = _joined(first.then + known[True].block(second.then))
    orelse = _joined(first.orelse + known[False].block(second.orelse))
    return replace(first, then=then, orelse=orelse, merges=first.merges + merges)
