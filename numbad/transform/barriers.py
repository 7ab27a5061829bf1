"""Barriers to derivatives that have done their work.

A number behind ``markers.dropgrad`` is the number itself. Transforms need the mark; compiled code
does not.
"""

from __future__ import annotations

from dataclasses import replace

from numbad import markers
from numbad.ir import nodes as ir
from numbad.ir import visit


def without_barriers(function: ir.Function) -> ir.Function:
    """Return the function with numbers in the place of marked numbers."""
    substitution: dict[ir.Var, ir.Operand] = {}
    for statement in visit.walk(function.body):
        match statement:
            case ir.Let(target, ir.Call(markers.dropgrad, (number,))):
                found: ir.Operand = number
                if isinstance(number, ir.Var):
                    found = substitution.get(number, number)
                substitution[target] = found
            case _:
                pass
    if not substitution:
        return function
    cloner = visit.Substituter(substitution)
    return replace(
        function,
        body=cloner.block(_without(function.body, substitution)),
        results=tuple(map(cloner.operand, function.results)),
    )


def _without(block: ir.Block, targets: dict[ir.Var, ir.Operand]) -> ir.Block:
    kept: list[ir.Stmt] = []
    for statement in block:
        match statement:
            case ir.Let(target) if target in targets:
                continue
            case _:
                kept.append(
                    visit.with_regions(statement, lambda _, inner: _without(inner, targets))
                )
    return tuple(kept)
