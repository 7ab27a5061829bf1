"""Arrays of zeros that are written first: stored instead of added to, and not cleared beforehand.

Applies to the shadow of an array if the first to touch it is one nest of loops, in the block where
it is made, that adds exactly once to every element (for one dimension also a loop that leaves the
last element to a statement behind it, if nothing else touches the shadow before it is returned).
"""

from __future__ import annotations

import operator
from dataclasses import dataclass, replace

from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.build import BlockBuilder, Fresh
from numbad.ir.types import BOOL, Array
from numbad.transform import arith


def store_first_writes(function: ir.Function) -> ir.Function:
    """Return the function with first accumulations turned into stores."""
    definitions = {
        statement.target: statement.expr
        for statement in visit.walk(function.body)
        if isinstance(statement, ir.Let)
    }
    fresh = Fresh(visit.first_free_id(function))
    return replace(function, body=_block(function.body, definitions, fresh))


def _block(block: ir.Block, definitions: dict[ir.Var, ir.Expr], fresh: Fresh) -> ir.Block:
    body = tuple(
        visit.with_regions(statement, lambda _, inner: _block(inner, definitions, fresh))
        for statement in block
    )
    for statement in body:
        match statement:
            case ir.Let(target, ir.Alloc(shape, fill, "shadow")) if (
                isinstance(target.type, Array) and fill is not None and arith.is_zero(fill)
            ):
                found = _find(target, shape, body, definitions)
                if found is not None:
                    body = _rewritten(target, shape, body, found, fresh)
            case _:
                pass
    return body


@dataclass(frozen=True)
class _Found:
    """Positions in the body: the nest of loops, and the statement for the last element."""

    nest: int
    last: int | None


def _find(
    array: ir.Var,
    shape: tuple[ir.Operand, ...],
    body: ir.Block,
    definitions: dict[ir.Var, ir.Expr],
) -> _Found | None:
    users = [
        position
        for position, statement in enumerate(body)
        if array in visit.used_vars((statement,))
    ]
    if not users or not isinstance(body[users[0]], ir.For):
        return None
    nest = body[users[0]]
    if _covers(nest, array, shape, (), definitions):
        return _Found(users[0], None)
    if len(users) == 2 and len(shape) == 1 and isinstance(nest, ir.For):
        (extent,) = shape
        stop = nest.stop
        short = isinstance(stop, ir.Var) and definitions.get(stop) == ir.Call(
            operator.sub, (extent, arith.ONE)
        )
        match body[users[1]]:
            case ir.If(_, (ir.Accumulate(target, index),), (), ()) if (
                short and target == array and index == (stop,)
            ):
                if _covers(nest, array, (stop,), (), definitions):
                    return _Found(users[0], users[1])
            case _:
                pass
    return None


def _covers(
    statement: ir.Stmt,
    array: ir.Var,
    extents: tuple[ir.Operand, ...],
    indices: tuple[ir.Var, ...],
    definitions: dict[ir.Var, ir.Expr],
) -> bool:
    """Whether the loops accumulate exactly once to each element."""
    if not isinstance(statement, ir.For) or not extents:
        return False
    if not _runs_over(statement, extents[0], definitions):
        return False
    users = [inner for inner in statement.body if array in visit.used_vars((inner,))]
    if len(users) != 1:
        return False
    found = (*indices, statement.index)
    if len(extents) > 1:
        return _covers(users[0], array, extents[1:], found, definitions)
    match users[0]:
        case ir.Accumulate(target, index):
            return target == array and index == found
        case _:
            return False


def _runs_over(loop: ir.For, extent: ir.Operand, definitions: dict[ir.Var, ir.Expr]) -> bool:
    """Whether a loop runs over 0, 1, ... up to an extent, forwards or backwards."""
    if arith.is_zero(loop.start) and arith.is_one(loop.step):
        return loop.stop == extent
    if not (arith.is_minus_one(loop.stop) and arith.is_minus_one(loop.step)):
        return False
    last = definitions.get(loop.start) if isinstance(loop.start, ir.Var) else None
    return last == ir.Call(operator.sub, (extent, arith.ONE))


def _rewritten(
    array: ir.Var,
    shape: tuple[ir.Operand, ...],
    body: ir.Block,
    found: _Found,
    fresh: Fresh,
) -> ir.Block:
    out = BlockBuilder(fresh)
    for position, statement in enumerate(body):
        out.origin = statement.origin
        match statement:
            case ir.Let(target, ir.Alloc() as alloc) if target == array:
                out.emit(replace(statement, expr=replace(alloc, fill=None)))
            case ir.For() if position == found.nest:
                out.emit(_stored(statement, array))
            case ir.If(then=then) if position == found.last:
                # If the loop has not run, the last element is still to be set, to zero.
                exists = out.call(BOOL, operator.gt, shape[0], arith.ZERO)
                (last,) = then
                out.emit(replace(statement, condition=exists, then=(_stored(last, array),)))
            case _:
                out.emit(statement)
    return out.block()


def _stored(statement: ir.Stmt, array: ir.Var) -> ir.Stmt:
    match statement:
        case ir.Accumulate(target, index, value, origin) if target == array:
            return ir.Store(target, index, value, origin)
        case ir.For(body=body):
            return replace(statement, body=tuple(_stored(inner, array) for inner in body))
        case _:
            return statement
