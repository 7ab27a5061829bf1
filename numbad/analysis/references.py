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
    return _Roots(function).solve()


class _Roots:
    def __init__(self, function: ir.Function) -> None:
        self.function = function
        self.flows: dict[ir.Var, set[ir.Var]] = defaultdict(set)
        self.found: dict[ir.Var, set[ir.Var]] = defaultdict(set)
        self.put_in: set[ir.Var] = set()
        self.tuples: dict[ir.Var, ir.Expr] = {}

    def solve(self) -> dict[ir.Var, Roots]:
        """Collect what flows where, and follow it."""
        for param in self.function.params:
            if is_memory(param.type):
                self.found[param].add(param)
        for statement in visit.walk(self.function.body):
            self._statement(statement)
        # Which list an array was put in is not followed: any list of arrays may hold it.
        lists = {var for var in {*self.found, *self.flows} if isinstance(var.type, List)}
        for value in self.put_in:
            self.flows[value] |= lists
        pending = list(self.found)
        while pending:
            source = pending.pop()
            for target in self.flows[source]:
                if not self.found[source] <= self.found[target]:
                    self.found[target] |= self.found[source]
                    pending.append(target)
        return {var: frozenset(each) for var, each in self.found.items()}

    def _flow(self, target: ir.Operand, *sources: ir.Operand) -> None:
        if isinstance(target, ir.Var) and is_memory(target.type):
            for source in sources:
                if isinstance(source, ir.Var) and is_memory(source.type):
                    self.flows[source].add(target)

    def _statement(self, statement: ir.Stmt) -> None:
        match statement:
            case ir.Let(target, expr):
                self._definition(target, expr)
            case ir.Append(_, ir.Var() as value) | ir.Store(value=ir.Var() as value):
                if is_memory(value.type):
                    self.put_in.add(value)
            case ir.For(carried=carried) | ir.While(carried=carried):
                for item in carried:
                    self._flow(item.inner, item.init, item.next)
                    self._flow(item.result, item.inner, item.init)
            case ir.If(merges=merges):
                for merge in merges:
                    self._flow(merge.result, merge.if_true, merge.if_false)
            case _:
                pass

    def _definition(self, target: ir.Var, expr: ir.Expr) -> None:
        match expr:
            case ir.MakeTuple() | ir.Invoke() if not is_memory(target.type):
                self.tuples[target] = expr
            case ir.TupleItem(ir.Var() as whole, position):
                match self.tuples.get(whole):
                    case ir.MakeTuple(items):
                        self._flow(target, items[position])
                    case ir.Invoke(_, args, None):
                        self._flow(target, *args)
                        self.found[target].add(target)
                    case _:
                        self.found[target].add(target)
            case ir.Call() | ir.Alloc() | ir.NewStack():
                self.found[target].add(target)
            case ir.Invoke(_, args, differentiable):
                self.found[target].add(target)
                if differentiable is None:
                    self._flow(target, *args)
            case _:
                self._flow(target, *visit.expr_operands(expr))


def written(statement: ir.Stmt) -> ir.Var | None:
    """Return the memory that a statement itself writes to; invocations are left to the caller."""
    match statement:
        case ir.Store(array) | ir.Accumulate(array) | ir.Append(array):
            return array
        case ir.Let(_, ir.Pop(array) | ir.Reserve(array) | ir.Release(array)):
            return array
        case _:
            return None
