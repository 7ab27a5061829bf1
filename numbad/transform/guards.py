"""Loops of the backward sweep that run only where something enters them.

A branch that is not taken passes a cotangent of zero to what it would have read, and the adjoint of
a loop adds nothing to anything if all that enters it is zero. Such a loop runs under the branch's
condition: a path of a Monte Carlo simulation without payoff has no backward part. The condition
itself is asked, not whether the cotangent is zero: the latter may be zero by chance, with
derivatives of its own.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any

import numpy as np

from numbad.ir import nodes as ir
from numbad.ir.build import BlockBuilder
from numbad.ir.types import BOOL, is_memory
from numbad.kernels.arithmetic import absorb, absorb_both, divide
from numbad.transform import arith

_PRODUCTS = (operator.mul, absorb, absorb_both)
_QUOTIENTS = (operator.truediv, divide)
_SUMS = (operator.add, operator.sub)
_LINEAR = (operator.neg, operator.pos, np.conjugate, np.real, np.imag)

Guard = tuple[ir.Var, bool]


def guarded(
    loop: ir.For, entering: Iterable[ir.Operand], blocks: Iterable[BlockBuilder], out: BlockBuilder
) -> dict[ir.Var, ir.Operand]:
    """Emit a reversed loop, under a condition if it adds nothing where that does not hold.

    Parameters
    ----------
    loop
        The loop. What it carries starts from cotangents, or from zero.
    entering
        The cotangents that enter it.
    blocks
        The blocks, as far as they are emitted, in which these are defined.
    out
        Where the loop goes.

    Returns
    -------
    dict
        What stands for the results of the loop.
    """
    same: dict[ir.Var, ir.Operand] = {item.result: item.result for item in loop.carried}
    seeds = {seed for seed in entering if not arith.is_zero(seed)}
    guard = _common(seeds, blocks)
    if guard is None or not _vanishes(loop, seeds):
        out.emit(loop)
        return same
    condition, wanted = guard
    merges = []
    for item in loop.carried:
        zero = arith.zero(item.result.type)
        result = out.fresh.var(item.result.type, item.result.name)
        values = (item.result, zero) if wanted else (zero, item.result)
        merges.append(ir.Merge(result, *values))
        same[item.result] = result
    then, orelse = ((loop,), ()) if wanted else ((), (loop,))
    out.emit(ir.If(condition, then, orelse, tuple(merges), loop.origin))
    return same


# --- where the seeds come from --------------------------------------------------------------------


def _common(seeds: set[ir.Operand], blocks: Iterable[BlockBuilder]) -> Guard | None:
    """Return the condition, and its value, without which all seeds are zero."""
    if not seeds:
        return None
    definitions: dict[ir.Var, ir.Stmt] = {}
    for block in blocks:
        for statement in block.statements:
            match statement:
                case ir.Let(target):
                    definitions[target] = statement
                case ir.If(merges=merges):
                    definitions.update((merge.result, statement) for merge in merges)
                case _:
                    pass
    found = {_guard(seed, definitions) for seed in seeds}
    return found.pop() if len(found) == 1 else None


def _guard(operand: ir.Operand, definitions: dict[ir.Var, ir.Stmt]) -> Guard | None:
    match definitions.get(operand) if isinstance(operand, ir.Var) else None:
        case ir.If(ir.Var() as condition, merges=merges):
            merge = next(each for each in merges if each.result == operand)
            return _chosen(condition, merge.if_true, merge.if_false)
        case ir.Let(_, ir.Select(ir.Var() as condition, if_true, if_false)):
            return _chosen(condition, if_true, if_false)
        case ir.Let(_, ir.Call(fn, (left, right))) if fn in _PRODUCTS:
            return _guard(left, definitions) or _guard(right, definitions)
        case ir.Let(_, ir.Call(fn, (left, _))) if fn in _QUOTIENTS:
            return _guard(left, definitions)
        case ir.Let(_, ir.Call(fn, (left, right))) if fn in _SUMS:
            first = _guard(left, definitions)
            return first if first == _guard(right, definitions) else None
        case ir.Let(_, ir.Cast(value)):
            return _guard(value, definitions)
        case ir.Let(_, ir.Call(fn, (value,))) if fn in _LINEAR:
            return _guard(value, definitions)
        case _:
            return None


def _chosen(condition: ir.Var, if_true: ir.Operand, if_false: ir.Operand) -> Guard | None:
    if condition.type != BOOL or arith.is_zero(if_true) == arith.is_zero(if_false):
        return None
    return condition, arith.is_zero(if_false)


# --- what a loop does with zeros ------------------------------------------------------------------


def _vanishes(loop: ir.For, seeds: set[ir.Operand]) -> bool:
    """Whether the loop leaves everything as it is, and carries zeros only, if the seeds are zero.

    A zero counts as zero whatever it is multiplied by, as everywhere in a backward sweep.
    """
    zeros = set(seeds) | {item.inner for item in loop.carried}
    return (
        all(item.init in seeds or arith.is_zero(item.init) for item in loop.carried)
        and _is_passive(loop.body, zeros)
        and all(_is_zero(item.next, zeros) for item in loop.carried)
    )


def _is_zero(operand: ir.Operand, zeros: set[ir.Operand]) -> bool:
    return operand in zeros or arith.is_zero(operand)


def _is_passive(block: ir.Block, zeros: set[ir.Operand]) -> bool:
    """Whether a block changes nothing, given values that are zero; the values it makes are added.

    Nested loops are taken to leave the zeros they are given zero, which is then made sure of.
    """
    for statement in block:
        match statement:
            case ir.Let(target, expr):
                if not _is_pure(target, expr):
                    return False
                if _gives_zero(expr, zeros):
                    zeros.add(target)
            case ir.Accumulate(value=value):
                if not _is_zero(value, zeros):
                    return False
            case ir.For(carried=carried, body=body):
                kept = [item for item in carried if _is_zero(item.init, zeros)]
                zeros.update(item.inner for item in kept)
                if not _is_passive(body, zeros):
                    return False
                if not all(_is_zero(item.next, zeros) for item in kept):
                    return False
                zeros.update(item.result for item in kept)
            case ir.If(_, then, orelse, merges):
                if not (_is_passive(then, zeros) and _is_passive(orelse, zeros)):
                    return False
                for merge in merges:
                    if _is_zero(merge.if_true, zeros) and _is_zero(merge.if_false, zeros):
                        zeros.add(merge.result)
            case _:
                return False
    return True


def _is_pure(target: ir.Var, expr: ir.Expr) -> bool:
    if is_memory(target.type) or ir.has_effect(expr):
        return False
    return not isinstance(expr, ir.Call) or not any(is_memory(arg.type) for arg in expr.args)


def _gives_zero(expr: ir.Expr, zeros: set[ir.Operand]) -> bool:
    def zero(operand: Any) -> bool:
        return _is_zero(operand, zeros)

    match expr:
        case ir.Call(fn, (left, right)) if fn in _PRODUCTS:
            return zero(left) or zero(right)
        case ir.Call(fn, (left, _)) if fn in _QUOTIENTS:
            return zero(left)
        case ir.Call(fn, (left, right)) if fn in _SUMS:
            return zero(left) and zero(right)
        case ir.Call(fn, (value,)) if fn in _LINEAR:
            return zero(value)
        case ir.Cast(value):
            return zero(value)
        case ir.Select(_, if_true, if_false):
            return zero(if_true) and zero(if_false)
        case _:
            return False
