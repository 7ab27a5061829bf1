"""Which innermost loops LLVM can vectorise, as far as their statements tell."""

from __future__ import annotations

import operator

import numpy as np

from numbad.analysis.regions import trip_constant
from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.types import REALS, is_integer
from numbad.kernels.arithmetic import add_unordered, divide, sign
from numbad.kernels.vector_math import vectorised
from numbad.transform.costs import is_cheap

# Below this, one vector of the widest kind would hardly be filled.
_FEWEST_TRIPS = 16
_PLAIN = (add_unordered, divide, sign, np.sqrt)


def is_plain(loop: ir.For) -> bool:
    """Whether nothing but what it carries keeps LLVM from running several iterations at once.

    Memory is left out: whether iterations meet there is found out when the loop runs.
    """
    if any(not (item.inner.type in REALS or is_integer(item.inner.type)) for item in loop.carried):
        return False
    trips = trip_constant(loop)
    if trips is not None and trips < _FEWEST_TRIPS:
        return False
    inside = visit.defined_vars((loop,))
    return all(_is_simple(statement, inside) for statement in loop.body)


def _is_simple(statement: ir.Stmt, inside: set[ir.Var]) -> bool:
    match statement:
        case ir.Let(_, ir.Load() | ir.Select() | ir.Cast() | ir.Shape()):
            return True
        case ir.Let(_, ir.Call(operator.truediv, (_, divisor))):
            # Python's division by zero is an error, which is looked for in each iteration.
            return divisor not in inside
        case ir.Let(_, ir.Call(operator.pow, (_, exponent))):
            return isinstance(exponent, ir.Const)
        case ir.Let(_, ir.Call(fn, _, ())):
            return is_cheap(fn) or fn in _PLAIN or vectorised(fn) is not None
        case ir.Store() | ir.Accumulate():
            return True
        case ir.If(then=then, orelse=orelse):
            return all(_is_simple(each, inside) for each in (*then, *orelse))
        case _:
            return False


def none_waits(carried: list[ir.Carried], body: ir.Block) -> bool:
    """Whether no value depends, through any number of iterations, on itself."""
    sources: dict[ir.Operand, set[ir.Operand]] = {item.inner: {item.next} for item in carried}
    for statement in body:
        read: set[ir.Operand] = {*visit.used_vars((statement,))}
        sources |= dict.fromkeys(visit.definitions(statement), read)
    for item in carried:
        pending, seen = [item.next], {item.next}
        while pending:
            more = sources.get(pending.pop(), set()) - seen
            seen |= more
            pending += more
        if item.inner in seen:
            return False
    return True
