"""Sums of cotangents in any order, so that their loops are vectorised.

LLVM adds floating-point numbers in the order that is written, hence one by one. The cotangent of a
number that a loop reads in each iteration is such a sum:

    for i in range(n):
        x_bar[i] = 2.0 * w * t_bar[i]
        w_bar += x[i] * t_bar[i]

Where only derivatives depend on a sum, its additions become ``add_unordered``, which may be done in
any order, for several iterations at once. What the primal returns, and what decides about the
course of the program, is added as it was written. It is for programs that are emitted next.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from numbad.analysis.memory import Memory
from numbad.analysis.regions import analyse as analyse_regions
from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.build import BlockBuilder, Fresh
from numbad.ir.types import REALS
from numbad.kernels.arithmetic import add_unordered
from numbad.transform import arith
from numbad.transform.exact import Exact
from numbad.transform.plain_loops import is_plain, none_waits


def free_sums(function: ir.Function, primal: int) -> ir.Function:
    """Return the function with sums in any order where none of its first results depends on them.

    Parameters
    ----------
    function : ir.Function
        A finished program's entry.
    primal : int
        How many of its results are the primal's, which are computed exactly as written.

    Returns
    -------
    ir.Function
        The same program up to the rounding of its other results.
    """
    loops = [
        statement
        for statement in visit.walk(function.body)
        if isinstance(statement, ir.For) and _adds(statement) and is_plain(statement)
    ]
    if not loops:
        return function
    uses = _count_uses(function)
    found = {id(loop): chains for loop in loops if (chains := _chains(loop, uses))}
    if not found:
        return function
    regions = analyse_regions(function.body, function.params)
    memory = Memory(regions, function.params, function.results)
    exact = Exact(function, memory, function.results[:primal])
    chosen = {
        loop: {step.target for step in chains}
        for loop, chains in found.items()
        if not any(step.target in exact for step in chains)
    }
    if not chosen:
        return function
    fresh = Fresh(visit.first_free_id(function))
    return replace(function, body=_rewritten(function.body, chosen, fresh))


def _adds(loop: ir.For) -> bool:
    return any(item.inner.type in REALS for item in loop.carried)


def _count_uses(function: ir.Function) -> Counter[ir.Operand]:
    uses: Counter[ir.Operand] = Counter(function.results)
    for statement in visit.walk(function.body):
        uses.update(visit.operands(statement))
        uses.update(visit.region_results(statement))
    return uses


def _chains(loop: ir.For, uses: Counter[ir.Operand]) -> list[ir.Let] | None:
    """Return the additions by which numbers that a loop carries grow; None if one waits for itself.

    What an iteration only hands to the next one, which makes something else of it, is no obstacle.
    """
    adding: dict[ir.Operand, ir.Let] = {}
    for statement in loop.body:
        if isinstance(statement, ir.Let):
            adding |= {each: statement for each in _subtotals(statement) if uses[each] == 1}
    found: list[ir.Let] = []
    handed_on: list[ir.Carried] = []
    for item in loop.carried:
        if item.inner.type not in REALS:
            continue
        chain = _chain(item, adding) if uses[item.next] == 1 else None
        if chain is None:
            handed_on.append(item)
        else:
            found += chain
    return found if not handed_on or none_waits(handed_on, loop.body) else None


def _chain(item: ir.Carried, adding: dict[ir.Operand, ir.Let]) -> list[ir.Let] | None:
    """Return the additions that lead from a value to its next one; None if something else does."""
    found: list[ir.Let] = []
    current: ir.Operand = item.inner
    while current != item.next:
        if current not in adding:
            return None
        found.append(adding[current])
        current = adding[current].target
    return found or None


def _subtotals(let: ir.Let) -> Iterator[ir.Operand]:
    """Yield what a statement may add something to."""
    match let:
        case ir.Let(target, ir.Call(operator.add, (left, right), ())):
            yield from (each for each in (left, right) if each.type == target.type)
        case ir.Let(target, ir.Call(operator.sub, (left, _), ())) if left.type == target.type:
            yield left
        case _:
            pass


def _rewritten(block: ir.Block, chosen: dict[int, set[ir.Var]], fresh: Fresh) -> ir.Block:
    out: list[ir.Stmt] = []
    for statement in block:
        if isinstance(statement, ir.For) and id(statement) in chosen:
            body = _freed(statement.body, chosen[id(statement)], fresh)
            out.append(replace(statement, body=body))
        else:
            out.append(
                visit.with_regions(statement, lambda _, inner: _rewritten(inner, chosen, fresh))
            )
    return tuple(out)


def _freed(block: ir.Block, sums: set[ir.Var], fresh: Fresh) -> ir.Block:
    """Return the body of a loop with other additions for these values."""
    out = BlockBuilder(fresh)
    for statement in block:
        out.origin = statement.origin
        match statement:
            case ir.Let(target, ir.Call(operator.sub, (left, right))) if target in sums:
                terms = (left, arith.negate(out, right))
                out.let_existing(target, ir.Call(add_unordered, terms))
            case ir.Let(target, ir.Call(_, terms)) if target in sums:
                out.let_existing(target, ir.Call(add_unordered, terms))
            case _:
                out.emit(statement)
    return out.block()
