"""Derivatives of the operations on lanes, so that programs with lanes can be differentiated again.

All of them are linear in the lanes and numbers they take.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.build import BlockBuilder
from numbad.ir.types import Lanes, is_real
from numbad.kernels.lane_ops import lane_sum, select, with_unit
from numbad.kernels.lanes import lane, with_lane
from numbad.transform import arith

LANE_FUNCTIONS: frozenset[Any] = frozenset({lane, with_lane, with_unit, select, lane_sum})


def linear_arguments(call: ir.Call) -> tuple[ir.Operand, ...]:
    """Return the operands on which a lane operation depends differentiably."""
    match call.fn, call.args:
        case _, (value,):
            return (value,)
        case fn, (_, if_true, if_false) if fn is select:
            return (if_true, if_false)
        case fn, (value, _, number) if fn is with_lane:
            return (value, number)
        case _, (value, _):
            return (value,)
        case _:
            raise AssertionError(f"{call.fn} is no operation on lanes")


def cotangents(
    call: ir.Call,
    y_bar: ir.Operand,
    primal: Callable[[ir.Operand], ir.Operand],
    out: BlockBuilder,
) -> Iterator[tuple[ir.Operand, ir.Operand]]:
    """Yield the differentiable operands of a lane operation, each with its cotangent.

    ``primal`` gives the value of an operand where the cotangents are computed.
    """
    value = call.args[0]
    if call.fn is lane_sum:
        yield value, out.let(value.type, ir.Cast(y_bar))
    elif call.fn is lane:
        k = primal(call.args[1])
        yield value, out.call(value.type, with_lane, arith.zero(value.type), k, y_bar)
    elif call.fn is select:
        condition, zero = primal(value), arith.zero(y_bar.type)
        yield call.args[1], out.call(y_bar.type, select, condition, y_bar, zero)
        yield call.args[2], out.call(y_bar.type, select, condition, zero, y_bar)
    elif call.fn is with_lane:
        k, number = primal(call.args[1]), call.args[2]
        assert isinstance(y_bar.type, Lanes)
        yield number, out.call(y_bar.type.dtype, lane, y_bar, k)
        yield value, _without(y_bar, k, out)
    else:
        yield value, _unit_removed(y_bar, primal(call.args[1]), out)


def tangent(
    call: ir.Call, tangent_of: Callable[[ir.Operand], ir.Operand], out: BlockBuilder
) -> ir.Operand:
    """Return the tangent of a lane operation."""
    if call.fn is with_unit:
        return _unit_removed(tangent_of(call.args[0]), call.args[1], out)
    linear = set(map(id, linear_arguments(call)))
    args = tuple(tangent_of(arg) if id(arg) in linear else arg for arg in call.args)
    type_ = args[0].type if call.fn is not select else args[1].type
    if isinstance(type_, Lanes) and call.fn in (lane, lane_sum):
        return out.call(type_.dtype, call.fn, *args)
    return out.call(type_, call.fn, *args)


def _without(value: ir.Operand, k: ir.Operand, out: BlockBuilder) -> ir.Operand:
    assert isinstance(value.type, Lanes)
    return out.call(value.type, with_lane, value, k, arith.zero(value.type.dtype))


def _unit_removed(value: ir.Operand, k: ir.Operand, out: BlockBuilder) -> ir.Operand:
    """Return the value with 0 in lane ``k``; unchanged if there is no lane ``k``."""
    unit = out.call(value.type, with_unit, arith.zero(value.type), k)
    return out.call(
        value.type, operator.sub, value, out.call(value.type, operator.mul, value, unit)
    )


def retyped(function: ir.Function) -> ir.Function:
    """Give lanes to what arithmetic on lanes defines in the body of a rule.

    Rules are typed as if lanes were numbers.
    """
    if not any(isinstance(param.type, Lanes) for param in function.params):
        return function
    types: dict[ir.Var, Lanes] = {}

    def mapped(operand: ir.Operand) -> ir.Operand:
        if isinstance(operand, ir.Var) and operand in types:
            return ir.Var(operand.id, types[operand], operand.name)
        return operand

    body: list[ir.Stmt] = []
    for statement in function.body:
        if not isinstance(statement, ir.Let):
            return function
        expr = visit.map_expr(statement.expr, mapped)
        wide = [o.type for o in visit.expr_operands(expr) if isinstance(o.type, Lanes)]
        target = statement.target
        if wide and is_real(target.type):
            types[target] = wide[0]
        found = mapped(target)
        assert isinstance(found, ir.Var)
        body.append(ir.Let(found, expr, statement.origin))
    results = tuple(mapped(result) for result in function.results)
    return ir.Function(function.name, function.params, tuple(body), results, function.origin)
