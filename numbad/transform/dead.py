"""Dead code: values never read, loops and branches without effect, memory that is only written.

Guarantees: what is observable stays. Effects, exceptions, writes to parameters and to memory that
is read or returned are kept; everything else goes if nothing reads it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from numbad.analysis.memory import Memory
from numbad.analysis.regions import analyse as analyse_regions
from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.types import List, is_memory
from numbad.rules import registry


def remove_dead(function: ir.Function) -> ir.Function:
    """Return the function without dead code."""
    regions = analyse_regions(function.body, function.params)
    memory = Memory(regions, function.params, function.results)
    live = _Liveness(function, memory)
    body = _sweep(function.body, live)
    return replace(function, body=body)


class _Liveness:
    """The set of live values and of alias classes whose contents matter, by fixpoint."""

    def __init__(self, function: ir.Function, memory: Memory) -> None:
        self.memory = memory
        self.live: set[ir.Var] = set()
        self.read: set[object] = set()
        self._size = -1
        for found in memory.classes():
            if found.external:
                self.read.add(found)
        for result in function.results:
            self.use(result)
        while self._size != len(self.live) + len(self.read):
            self._size = len(self.live) + len(self.read)
            self._block(function.body)

    def use(self, operand: ir.Operand) -> None:
        if isinstance(operand, ir.Var):
            self.live.add(operand)

    def read_memory(self, operand: ir.Operand) -> None:
        if isinstance(operand, ir.Var) and is_memory(operand.type):
            self.read.add(self.memory.of(operand))

    def is_live(self, statement: ir.Stmt) -> bool:
        """Whether the statement must stay."""
        match statement:
            case ir.Let(target, expr):
                if target in self.live:
                    return True
                match expr:
                    case ir.Pop(array) | ir.Reserve(array) | ir.Release(array):
                        return self.memory.of(array) in self.read
                    case ir.Invoke():
                        return True
                    case ir.Call():
                        return _is_impure(expr)
                    case _:
                        return False
            case ir.Store(array) | ir.Accumulate(array) | ir.Append(array):
                return self.memory.of(array) in self.read
            case ir.Effect() | ir.Raise():
                return True
            case ir.For() | ir.If():
                if any(var in self.live for var in visit.definitions(statement)):
                    return True
                return any(
                    self.is_live(inner) for region in visit.regions(statement) for inner in region
                )
            case ir.While():
                # It may not terminate, or raise, as the user wrote it.
                return True
            case _:
                assert_never(statement)

    def _block(self, block: ir.Block) -> None:
        for statement in reversed(block):
            self._statement(statement)

    def _statement(self, statement: ir.Stmt) -> None:
        if not self.is_live(statement):
            return
        match statement:
            case ir.Let(target, expr):
                for operand in visit.expr_operands(expr):
                    self.use(operand)
                match expr:
                    case ir.Load(array) | ir.Pop(array):
                        self.read_memory(array)
                    case ir.Call() | ir.Invoke():
                        for operand in visit.expr_operands(expr):
                            self.read_memory(operand)
                    case ir.Shape(array):
                        self._length(array)
                    case ir.Reserve(stack) | ir.Release(stack):
                        if self.memory.of(target) in self.read:
                            self.read_memory(stack)
                    case _:
                        pass
            case ir.For(carried=carried) | ir.While(carried=carried):
                self._loop(statement, carried)
            case ir.If(condition, then, orelse, merges):
                self.use(condition)
                for merge in merges:
                    if merge.result in self.live:
                        self.use(merge.if_true)
                        self.use(merge.if_false)
                self._block(then)
                self._block(orelse)
            case _:
                for operand in visit.operands(statement):
                    self.use(operand)
                if isinstance(statement, ir.Effect | ir.Raise):
                    for operand in statement.args:
                        self.read_memory(operand)

    def _length(self, array: ir.Var) -> None:
        """The length of a list depends on what was appended to it."""
        if isinstance(array.type, List):
            self.read_memory(array)

    def _loop(self, statement: ir.For | ir.While, carried: tuple[ir.Carried, ...]) -> None:
        match statement:
            case ir.For(_, start, stop, step):
                for bound in (start, stop, step):
                    self.use(bound)
            case ir.While(condition=condition):
                self.use(condition)
                self._block(statement.before)
        for item in carried:
            if item.result in self.live or item.inner in self.live:
                self.live.add(item.inner)
                self.use(item.next)
                self.use(item.init)
        self._block(statement.body)
        if isinstance(statement, ir.While):
            self._block(statement.before)


def _is_impure(call: ir.Call) -> bool:
    return registry.is_impure(call.fn)


def _sweep(block: ir.Block, live: _Liveness) -> ir.Block:
    out: list[ir.Stmt] = []
    for statement in block:
        if not live.is_live(statement):
            continue
        match statement:
            case ir.For(carried=carried, body=body):
                out.append(
                    replace(statement, carried=_kept(carried, live), body=_sweep(body, live))
                )
            case ir.While(carried=carried, before=before, body=body):
                out.append(
                    replace(
                        statement,
                        carried=_kept(carried, live),
                        before=_sweep(before, live),
                        body=_sweep(body, live),
                    )
                )
            case ir.If(then=then, orelse=orelse, merges=merges):
                out.append(
                    replace(
                        statement,
                        then=_sweep(then, live),
                        orelse=_sweep(orelse, live),
                        merges=tuple(merge for merge in merges if merge.result in live.live),
                    )
                )
            case _:
                out.append(statement)
    return tuple(out)


def _kept(carried: tuple[ir.Carried, ...], live: _Liveness) -> tuple[ir.Carried, ...]:
    return tuple(item for item in carried if item.inner in live.live or item.result in live.live)
