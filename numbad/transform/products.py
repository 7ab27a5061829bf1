"""Products of matrices as the program's last form has them: in place where they can be.

A backward sweep computes ``np.dot(y_bar, b.T)`` as a new array and adds it to a shadow, element by
element. ``store_products`` lets the product *be* the shadow where the shadow was zero until then.
``accumulate_products`` lets BLAS add to the shadow where it was not, and puts the other products
into work memory; it is for programs that are emitted next, since what it makes has no derivative.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from numbad.analysis.memory import Memory
from numbad.analysis.regions import Region
from numbad.analysis.regions import analyse as analyse_regions
from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.types import REALS, Array
from numbad.kernels.products import add_product, product
from numbad.transform import arith


def store_products(function: ir.Function) -> ir.Function:
    """Return the function with products in place of the zeros that they are added to."""
    uses = _uses(function)
    return replace(function, body=_stored(function.body, uses))


def accumulate_products(function: ir.Function) -> ir.Function:
    """Return the function with products added in place, and the rest in work memory."""
    regions = analyse_regions(function.body, function.params)
    memory = Memory(regions, function.params, function.results)
    uses = _uses(function)
    return replace(function, body=_accumulated(regions.root, memory, uses))


def _uses(function: ir.Function) -> Counter[ir.Var]:
    uses: Counter[ir.Var] = Counter()
    for statement in visit.walk(function.body):
        uses.update(
            operand
            for operand in (*visit.operands(statement), *visit.region_results(statement))
            if isinstance(operand, ir.Var)
        )
    uses.update(result for result in function.results if isinstance(result, ir.Var))
    return uses


@dataclass(frozen=True)
class _Addition:
    """A nest of loops that adds every element of ``source`` to that of ``target``, or stores it."""

    target: ir.Var
    source: ir.Var
    stops: tuple[ir.Operand, ...]


def _addition(statement: ir.Stmt) -> _Addition | None:
    indices: list[ir.Operand] = []
    stops: list[ir.Operand] = []
    while isinstance(statement, ir.For):
        from_zero = arith.is_zero(statement.start) and arith.is_one(statement.step)
        if statement.carried or not from_zero:
            return None
        indices.append(statement.index)
        stops.append(statement.stop)
        match statement.body:
            case (ir.For() as inner,):
                statement = inner
            case (
                ir.Let(value, ir.Load(source, read)),
                ir.Accumulate(target, written, ir.Var() as added),
            ) if value == added and read == written == tuple(indices):
                return _Addition(target, source, tuple(stops))
            case _:
                return None
    return None


def _is_product(statement: ir.Stmt | None) -> bool:
    """Whether BLAS can be called for the statement as it is: contiguous operands of one type."""
    match statement:
        case ir.Let(target, ir.Call(np.dot, (left, right), ())):
            types = (target.type, left.type, right.type)
            if not all(isinstance(type_, Array) for type_ in types):
                return False
            arrays = [type_ for type_ in types if isinstance(type_, Array)]
            return (
                arrays[0].ndim >= 1
                and arrays[1].ndim == 2
                and all(each.layout in ("C", "F") for each in arrays)
                and all(each.dtype == arrays[0].dtype in REALS for each in arrays)
                and (arrays[2].ndim == 2 or arrays[2].layout == "C")
            )
        case _:
            return False


# --- zeros that become products -----------------------------------------------------------------


def _stored(block: ir.Block, uses: Counter[ir.Var]) -> ir.Block:
    statements: list[ir.Stmt | None] = [
        visit.with_regions(statement, lambda _, inner: _stored(inner, uses)) for statement in block
    ]
    made = {
        statement.target: place
        for place, statement in enumerate(statements)
        if isinstance(statement, ir.Let)
    }
    for place, statement in enumerate(statements):
        found = _addition(statement) if statement is not None else None
        if found is None or found.source not in made or found.target not in made:
            continue
        zeros, product_ = statements[made[found.target]], statements[made[found.source]]
        match zeros, product_:
            case ir.Let(target, ir.Alloc(shape, fill)), ir.Let(source, ir.Call(np.dot)) if (
                fill is not None
                and arith.is_zero(fill)
                and shape == found.stops
                and target.type == source.type
                and uses[source] == 1
                and _is_untouched(target, statements[made[target] + 1 : place])
            ):
                # The product takes the place where it is computed, or that of the zeros.
                first = min(made[target], made[source])
                if not _is_untouched(target, statements[first:place], made[target] - first):
                    continue
                statements[made[target]] = None
                statements[made[source]] = replace(product_, target=target)
                statements[place] = None
                made[target] = made[source]
            case _:
                pass
    return tuple(statement for statement in statements if statement is not None)


def _is_untouched(
    array: ir.Var, statements: list[ir.Stmt | None], definition: int | None = None
) -> bool:
    """Whether no statement, the definition apart, mentions the array."""
    return not any(
        array in visit.used_vars((statement,))
        for place, statement in enumerate(statements)
        if statement is not None and place != definition
    )


# --- additions by BLAS --------------------------------------------------------------------------


def _accumulated(region: Region, memory: Memory, uses: Counter[ir.Var]) -> ir.Block:
    statements: list[ir.Stmt | None] = []
    made: dict[ir.Var, int] = {}
    for place, statement in enumerate(region.block):
        statements.append(_inside(statement, place, region, memory, uses))
        if isinstance(statement, ir.Let):
            made[statement.target] = place
        found = _addition(statement)
        if found is None or found.source not in made or uses[found.source] != 1:
            continue
        before = region.block[made[found.source]]
        if not _is_product(before) or not isinstance(before, ir.Let):
            continue
        assert isinstance(before.expr, ir.Call)
        operands = before.expr.args
        target_type = found.target.type
        if not isinstance(target_type, Array) or target_type.layout != "C":
            continue
        if any(
            isinstance(operand, ir.Var)
            and (
                memory.overwritten_between(operand, region, made[found.source], place)
                or not memory.are_distinct(operand, found.target)
            )
            for operand in operands
        ):
            continue
        statements[made[found.source]] = None
        statements[place] = ir.Effect(add_product, (found.target, *operands), before.origin)
    return tuple(_in_work_memory(each) for each in statements if each is not None)


def _inside(
    statement: ir.Stmt, place: int, region: Region, memory: Memory, uses: Counter[ir.Var]
) -> ir.Stmt:
    return visit.with_regions(
        statement, lambda kind, _: _accumulated(region.children[place, kind], memory, uses)
    )


def _in_work_memory(statement: ir.Stmt) -> ir.Stmt:
    match statement:
        case ir.Let(target, ir.Call(_, args)) if (
            _is_product(statement) and isinstance(target.type, Array) and target.type.ndim == 2
        ):
            return replace(statement, expr=ir.Call(product, args))
        case _:
            return statement
