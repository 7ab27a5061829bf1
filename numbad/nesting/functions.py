"""Functions that a program hands to a verb like ``gradient``, as functions of the IR.

``walk`` makes one of a function value; ``splice`` puts what the transforms made of it in the place
of the call.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from numbad.frontend import conversion, templates
from numbad.frontend.builder import Builder
from numbad.frontend.signals import DeadEnd
from numbad.frontend.templates import Template
from numbad.frontend.updates import check_confined
from numbad.frontend.values import StaticValue, Value
from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.types import tangent_type
from numbad.parameters import Params


@dataclass(frozen=True)
class Walked:
    """A function value walked for arguments: IR, its actual arguments, the shape of its result."""

    function: ir.Function
    actual: tuple[ir.Operand, ...]
    result: Template


def operands_of(builder: Builder, value: Value) -> list[ir.Operand]:
    """Return the run-time parts of a value, in order."""
    template = templates.template_of(value, builder.state, set())
    return conversion.operands(builder, value, template, builder.state)


def rebuilt(builder: Builder, value: Template, operands: list[ir.Operand]) -> Value:
    """Return the value with its run-time parts replaced, taken from the front of the list.

    It may also be the shape of one.
    """
    template = value
    if not isinstance(value, templates.Joined):
        template = templates.template_of(value, builder.state, set())
    return conversion.instantiate(builder, template, _taken(operands))


def _taken(operands: list[ir.Operand]) -> Iterator[ir.Operand]:
    while operands:
        yield operands.pop(0)


def walk(
    builder: Builder,
    function: Value,
    args: list[Value],
    node: ast.AST | None,
    *,
    levels: int = 1,
) -> Walked:
    """Walk a call of a function value as an IR function of its own.

    ``levels`` is how many more derivatives are taken of it than of the code around.
    """
    if any(isinstance(arg, StaticValue) and isinstance(arg.value, Params) for arg in args):
        builder.error(
            node,
            "A derivative with respect to a `Params` is taken in differentiated code.",
            "Which of the values in the code around are its members is known only at run time.",
            "Pass the arrays as arguments of the inner function.",
        )
    actual = [operand for arg in args for operand in operands_of(builder, arg)]
    params = [
        builder.fresh.var(operand.type, operand.name if isinstance(operand, ir.Var) else "x")
        for operand in actual
    ]
    remaining: list[ir.Operand] = list(params)
    inner_args = [rebuilt(builder, arg, remaining) for arg in args]
    outer_state = builder.state
    builder.state = outer_state.copy()
    builder.nest_level += levels
    try:
        with builder.nested() as block:
            result = builder.apply(function, inner_args, {}, node)
            results = tuple(operands_of(builder, result))
            shape = templates.template_of(result, builder.state, set())
    except DeadEnd:
        # It always raises: that is done in the place of the call.
        builder.state = outer_state
        builder.apply(function, args, {}, node)
        builder.internal_error("a function that always raises returned")
    finally:
        builder.nest_level -= levels
    check_confined(builder, outer_state, "A function that is differentiated here", node)
    builder.state = outer_state
    body = builder.resolve(block.block())
    results = tuple(builder.resolve_operand(operand) for operand in results)
    used = visit.free_vars(body) | {r for r in results if isinstance(r, ir.Var)}
    defined = visit.defined_vars(body) | set(params)
    captured = sorted(used - defined, key=lambda var: var.id)
    walked = ir.Function("inner", (*params, *captured), body, results, builder.origin(node))
    return Walked(walked, (*actual, *captured), shape)


def splice(
    builder: Builder, program: ir.Program, actual: tuple[ir.Operand, ...]
) -> tuple[ir.Operand, ...]:
    """Inline a program's entry at the current point and return its results."""
    renamed = _unique_callees(builder, program)
    body, results = visit.inline(renamed.entry, actual, builder.fresh)
    for statement in body:
        builder.emit(statement)
    return results


def adopted(builder: Builder, program: ir.Program) -> ir.Function:
    """Return a program's entry; the functions it invokes become the builder's."""
    return _unique_callees(builder, program).entry


def unused_name(builder: Builder, name: str) -> str:
    """Return a name that no function of the builder has."""
    found, number = name, 2
    while found in builder.callees:
        found = f"{name}_{number}"
        number += 1
    return found


def _unique_callees(builder: Builder, program: ir.Program) -> ir.Program:
    names: dict[str, str] = {}
    for name, callee in program.callees.items():
        new, number = name, 2
        while new in builder.callees and builder.callees[new] != callee:
            new = f"{name}_{number}"
            number += 1
        names[name] = new
    renamed = {
        names[name]: replace(visit.renamed(callee, names), name=names[name])
        for name, callee in program.callees.items()
    }
    builder.callees.update(renamed)
    return ir.Program(visit.renamed(program.entry, names), renamed)


def positions(wrt: Any, count: int, builder: Builder, node: ast.AST | None) -> tuple[int, ...]:
    """Return the positions of the arguments that ``wrt`` names, all by default."""
    if wrt is None:
        return tuple(range(count))
    chosen = wrt if isinstance(wrt, tuple | list) else (wrt,)
    for item in chosen:
        if not isinstance(item, int) or not -count <= item < count:
            builder.error(node, f"wrt={item!r} does not name an argument by position.")
    return tuple(item % count for item in chosen)


def leaf_positions(builder: Builder, xs: list[Value], chosen: tuple[int, ...]) -> tuple[int, ...]:
    """Positions, among all run-time parts of the arguments, of those that are differentiated."""
    found = []
    number = 0
    for position, x in enumerate(xs):
        for operand in operands_of(builder, x):
            if position in chosen and tangent_type(operand.type) is not None:
                found.append(number)
            number += 1
    return tuple(found)
