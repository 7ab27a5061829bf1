"""Dependence: which values of a program can change when chosen parameters do.

Unlike activity, dependence takes every path: conversions and comparisons too. References that may
be to the same memory are one node; unlike in ``memory``, what comes out of an invoked function is
only linked to the arguments that the function really returns. What steers the program (indices,
bounds, conditions) is left out: whoever asks must refuse programs where that depends.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable
from dataclasses import dataclass

from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.types import is_memory

Mask = tuple[bool, ...]


@dataclass(frozen=True)
class Dependence:
    """The values of one function that depend on its parameters at a mask."""

    function: ir.Function
    links: Links
    found: frozenset[Hashable]

    def depends(self, operand: ir.Operand) -> bool:
        """Whether a value (of memory: what it holds) depends on the chosen parameters."""
        return isinstance(operand, ir.Var) and self.links.node(operand) in self.found

    def item_depends(self, value: ir.Operand, position: int) -> bool:
        """Whether an item of a run-time tuple depends on the chosen parameters."""
        return (value, position) in self.found

    def params(self) -> Mask:
        """Return which parameters depend, if only because the function writes to them."""
        return tuple(self.depends(param) for param in self.function.params)

    def results(self) -> Mask:
        """Return which results depend."""
        return tuple(self.depends(result) for result in self.function.results)


@dataclass(frozen=True)
class _Summary:
    """What an invocation does: parameters and results that depend, and results that are parameters.

    ``returned`` holds pairs of a parameter's and a result's position that share memory.
    """

    params: Mask
    results: Mask
    returned: frozenset[tuple[int, int]]


class Dependences:
    """Dependence in the functions of a program, by the parameters that vary."""

    def __init__(self, program: ir.Program) -> None:
        self._program = program
        self._summaries: dict[tuple[str, Mask], _Summary] = {}

    def entry(self, mask: Mask) -> Dependence:
        """Return the dependence in the entry."""
        return self._settled(self._program.entry, mask)

    def callee(self, name: str, mask: Mask) -> Dependence:
        """Return the dependence in a function that is invoked with arguments at the mask."""
        return self._settled(self._program.callees[name], mask)

    def _settled(self, function: ir.Function, mask: Mask) -> Dependence:
        """Repeat until what is known of the invoked functions does not change any more."""
        while True:
            found = self._analyse(function, mask)
            changed = False
            for name, asked in list(self._summaries):
                callee = self._analyse(self._program.callees[name], asked)
                pairs = frozenset(
                    (p, r)
                    for p, param in enumerate(callee.function.params)
                    for r, result in enumerate(callee.function.results)
                    if is_memory(param.type)
                    and isinstance(result, ir.Var)
                    and callee.links.node(param) == callee.links.node(result)
                )
                summary = _Summary(callee.params(), callee.results(), pairs)
                if self._summaries[name, asked] != summary:
                    self._summaries[name, asked] = summary
                    changed = True
            if not changed:
                return found

    def _analyse(self, function: ir.Function, mask: Mask) -> Dependence:
        links = Links(function)
        found: set[Hashable] = set()
        while True:
            inputs = [p for p, is_in in zip(function.params, mask, strict=True) if is_in]
            start: list[Hashable] = [links.node(param) for param in inputs]
            found = set()
            is_linked = True
            while start and is_linked:
                links.spread(start, found)
                start = []
                for invocation in links.invocations:
                    reached, is_new = self._invocation(invocation, links, found)
                    is_linked = is_linked and not is_new
                    start += [key for key in reached if key not in found]
            if is_linked:
                return Dependence(function, links, frozenset(found))

    def _invocation(
        self, statement: ir.Let, links: Links, found: set[Hashable]
    ) -> tuple[list[Hashable], bool]:
        """Return the nodes that depend through a call, and whether it linked two nodes."""
        call, target = statement.expr, statement.target
        assert isinstance(call, ir.Invoke)
        mask = tuple(isinstance(a, ir.Var) and links.node(a) in found for a in call.args)
        count = len(self._program.callees[call.function].results)
        nothing = _Summary(mask, (False,) * count, frozenset())
        summary = self._summaries.setdefault((call.function, mask), nothing)
        outputs: list[Hashable] = [target] if count == 1 else [(target, p) for p in range(count)]
        is_new = False
        for param, result in summary.returned:
            arg = call.args[param]
            if isinstance(arg, ir.Var):
                is_new |= links.unify(arg, outputs[result])
        reached = [
            links.node(arg)
            for arg, is_in in zip(call.args, summary.params, strict=True)
            if is_in and isinstance(arg, ir.Var) and is_memory(arg.type)
        ]
        reached += [
            links.node(output)
            for output, is_in in zip(outputs, summary.results, strict=True)
            if is_in
        ]
        return reached, is_new


class Links:
    """The nodes of a function and the edges along which dependence spreads."""

    def __init__(self, function: ir.Function) -> None:
        self.invocations: list[ir.Let] = []
        self._parent: dict[Hashable, Hashable] = {}
        self._edges: dict[Hashable, set[Hashable]] = defaultdict(set)
        for statement in visit.walk(function.body):
            self._statement(statement)

    def node(self, value: Hashable) -> Hashable:
        """Return the node of a value, or of an item ``(tuple, position)``."""
        while value in self._parent:
            value = self._parent[value]
        return value

    def unify(self, first: Hashable, second: Hashable) -> bool:
        """Make two references to one memory one node; return whether they were two."""
        first, second = self.node(first), self.node(second)
        if first == second:
            return False
        self._parent[first] = second
        self._edges[second] |= self._edges.pop(first, set())
        return True

    def spread(self, start: list[Hashable], found: set[Hashable]) -> None:
        """Add everything that depends on the nodes ``start`` to ``found``."""
        pending = [key for key in start if key not in found]
        found.update(pending)
        while pending:
            for value in self._edges.get(pending.pop(), ()):
                head = self.node(value)
                if head not in found:
                    found.add(head)
                    pending.append(head)

    def _flows(self, source: ir.Operand, target: Hashable) -> None:
        if not isinstance(source, ir.Var):
            return
        if is_memory(source.type) and isinstance(target, ir.Var) and is_memory(target.type):
            self.unify(source, target)
        else:
            self._edges[self.node(source)].add(target)

    def _statement(self, statement: ir.Stmt) -> None:
        match statement:
            case ir.Let(_, ir.Invoke()):
                self.invocations.append(statement)
            case ir.Let(_, ir.Shape()):
                pass
            case ir.Let(target, ir.Call() as call):
                for operand in visit.expr_operands(call):
                    if isinstance(operand, ir.Var):
                        self._edges[self.node(operand)].add(target)
            case ir.Let(target, ir.MakeTuple(items)):
                for position, item in enumerate(items):
                    if isinstance(item, ir.Var) and is_memory(item.type):
                        self.unify(item, (target, position))
                    else:
                        self._flows(item, (target, position))
            case ir.Let(target, ir.TupleItem(value, position)):
                if is_memory(target.type):
                    self.unify((value, position), target)
                else:
                    self._edges[self.node((value, position))].add(target)
                    self._flows(value, target)
            case ir.Let(target, ir.Select(condition, if_true, if_false)):
                for operand in (condition, if_true, if_false):
                    self._flows(operand, target)
            case ir.Let(target, ir.Cast(value)):
                self._flows(value, target)
            case ir.Let(
                target,
                ir.Load(array)
                | ir.Subview(array)
                | ir.Transpose(array)
                | ir.Component(array)
                | ir.Reshape(array)
                | ir.Pop(array)
                | ir.Reserve(array)
                | ir.Release(array),
            ):
                self._flows(array, target)
            case ir.Let(target, ir.Alloc(fill=fill)):
                if fill is not None:
                    self._flows(fill, target)
            case ir.Let(_, ir.NewStack()):
                pass
            case (
                ir.Store(array, _, value) | ir.Accumulate(array, _, value) | ir.Append(array, value)
            ):
                self._flows(value, array)
            case ir.For(carried=carried) | ir.While(carried=carried):
                for each in carried:
                    self._flows(each.init, each.inner)
                    self._flows(each.next, each.inner)
                    self._flows(each.inner, each.result)
            case ir.If(merges=merges):
                for merge in merges:
                    self._flows(merge.if_true, merge.result)
                    self._flows(merge.if_false, merge.result)
            case ir.Effect() | ir.Raise():
                pass
