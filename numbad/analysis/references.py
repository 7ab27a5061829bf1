"""Which memory each reference may refer to: parameters, and places that make new memory.

Finer than the alias classes of ``memory``: what flows into a carried reference is not thought to
flow back out of it, so that a parameter that a loop replaces by new arrays is told from these.
"""

from __future__ import annotations

from collections import defaultdict

from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.types import List, is_memory

Roots = frozenset[ir.Var]


def roots(function: ir.Function) -> dict[ir.Var, Roots]:
    """Return for each reference to memory the parameters and definitions it may come from."""
    flows: dict[ir.Var, set[ir.Var]] = defaultdict(set)
    found: dict[ir.Var, set[ir.Var]] = defaultdict(set)
    containers: set[ir.Var] = set()
    put_in: set[ir.Var] = set()
    tuples: dict[ir.Var, ir.Expr] = {}

    def flow(target: ir.Operand, *sources: ir.Operand) -> None:
        for source in sources:
            if isinstance(target, ir.Var) and isinstance(source, ir.Var):
                if is_memory(target.type) and is_memory(source.type):
                    flows[source].add(target)

    for param in function.params:
        if is_memory(param.type):
            found[param].add(param)
    for statement in visit.walk(function.body):
        match statement:
            case ir.Let(target, ir.MakeTuple() | ir.Invoke() as expr) if not is_memory(target.type):
                tuples[target] = expr
            case ir.Let(target, ir.TupleItem(ir.Var() as whole, position)):
                match tuples.get(whole):
                    case ir.MakeTuple(items):
                        flow(target, items[position])
                    case ir.Invoke(_, args, None):
                        flow(target, *args)
                        found[target].add(target)
                    case _:
                        found[target].add(target)
            case ir.Let(target, ir.Select(_, if_true, if_false)):
                flow(target, if_true, if_false)
            case ir.Let(target, ir.Call() | ir.Alloc() | ir.NewStack()):
                found[target].add(target)
            case ir.Let(target, ir.Invoke(_, args, differentiable)):
                found[target].add(target)
                if differentiable is None:
                    flow(target, *args)
            case ir.Let(target, expr):
                flow(target, *visit.expr_operands(expr))
            case ir.Append(array, value) | ir.Store(array, _, value) if is_memory(value.type):
                assert isinstance(value, ir.Var)
                containers.add(array)
                put_in.add(value)
            case ir.For(carried=carried) | ir.While(carried=carried):
                for item in carried:
                    flow(item.inner, item.init, item.next)
                    flow(item.result, item.inner, item.init)
            case ir.If(merges=merges):
                for merge in merges:
                    flow(merge.result, merge.if_true, merge.if_false)
            case _:
                pass
    for value in put_in:
        # Which list was meant is not followed: any list of such items may hold it.
        flow_to = [var for var in {*found, *flows} if isinstance(var.type, List)]
        flows[value].update({*containers, *flow_to})
    pending = list(found)
    while pending:
        source = pending.pop()
        for target in flows[source]:
            if not found[source] <= found[target]:
                found[target] |= found[source]
                pending.append(target)
    return {var: frozenset(each) for var, each in found.items()}


def written(statement: ir.Stmt) -> ir.Var | None:
    """Return the memory that a statement itself writes to; invocations are left to the caller."""
    match statement:
        case ir.Store(array) | ir.Accumulate(array) | ir.Append(array):
            return array
        case ir.Let(_, ir.Pop(array) | ir.Reserve(array) | ir.Release(array)):
            return array
        case _:
            return None
