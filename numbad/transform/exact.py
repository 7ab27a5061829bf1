"""Which values a caller sees, and which decide what happens: those that must be exact.

``Exact`` is a backward slice, memory included. Whatever is not in it may be rounded in another
way without changing what the chosen results are, which statements run or which elements they touch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from numbad.analysis.memory import AliasClass, Memory
from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.types import is_inexact, is_memory

_KNOWN = frozenset({"_operator", "operator", "builtins", "cmath", "math", "numbad", "numpy"})


class Exact:
    """Values that influence the given results, the course of the program or the outside world.

    Parameters
    ----------
    function : ir.Function
        The function; what it writes to the memory of its parameters is seen outside of it.
    memory : Memory
        Its alias classes.
    results : iterable of operands
        The results that count.
    """

    def __init__(
        self, function: ir.Function, memory: Memory, results: Iterable[ir.Operand]
    ) -> None:
        self._memory = memory
        self._sources: dict[ir.Var, list[ir.Operand]] = {}
        self._stored: dict[AliasClass, list[ir.Operand]] = {}
        self._values: set[ir.Var] = set()
        self._classes: set[AliasClass] = set()
        pending = [*results, *(param for param in function.params if is_memory(param.type))]
        for statement in visit.walk(function.body):
            self._collect(statement)
            pending += _deciding(statement)
        while pending:
            pending += self._add(pending.pop())

    def __contains__(self, value: ir.Var) -> bool:
        """Whether a value is one of them."""
        return value in self._values

    def _add(self, operand: ir.Operand) -> list[ir.Operand]:
        """Note an operand; return what it is made of."""
        if not isinstance(operand, ir.Var):
            return []
        found: list[ir.Operand] = []
        if operand not in self._values:
            self._values.add(operand)
            found += self._sources.get(operand, ())
        if is_memory(operand.type) and self._memory.knows(operand):
            memory = self._memory.of(operand)
            if memory not in self._classes:
                self._classes.add(memory)
                found += self._stored.get(memory, ())
                found += memory.members
        return found

    def _collect(self, statement: ir.Stmt) -> None:
        match statement:
            case ir.Let(_, ir.Shape()):
                pass
            case ir.Let(target, expr):
                self._sources[target] = list(visit.expr_operands(expr))
            case ir.Store(array, _, value) | ir.Accumulate(array, _, value):
                self._stored.setdefault(self._memory.of(array), []).append(value)
            case ir.Append(array, value):
                self._stored.setdefault(self._memory.of(array), []).append(value)
            case ir.For(carried=carried) | ir.While(carried=carried):
                for item in carried:
                    self._sources[item.inner] = [item.init, item.next]
                    self._sources[item.result] = [item.inner]
            case ir.If(merges=merges):
                for merge in merges:
                    self._sources[merge.result] = [merge.if_true, merge.if_false]
            case _:
                pass


def _deciding(statement: ir.Stmt) -> Iterator[ir.Operand]:
    """Yield what a statement acts on outside, or decides by: conditions, bounds and indices."""
    match statement:
        case ir.Let(target, expr):
            yield from _deciding_in(expr)
            if not (is_inexact(target.type) or is_memory(target.type)):
                # Comparisons and roundings turn a last bit into another answer.
                yield from visit.expr_operands(expr)
        case ir.Store(_, index) | ir.Accumulate(_, index):
            yield from index
        case ir.For(_, start, stop, step):
            yield from (start, stop, step)
        case ir.While(condition=condition) | ir.If(condition):
            yield condition
        case ir.Effect(_, args) | ir.Raise(_, args):
            yield from args
        case _:
            pass


def _deciding_in(expr: ir.Expr) -> Iterator[ir.Operand]:
    match expr:
        case ir.Load() | ir.Subview() | ir.Reshape() | ir.Reserve() | ir.Release():
            yield from (each for each in visit.expr_operands(expr) if not is_memory(each.type))
        case ir.Alloc(shape):
            yield from shape
        case ir.Select(condition):
            yield condition
        case ir.Call(fn, args, kwargs) if not _is_known(fn):
            yield from args
            yield from (value for _, value in kwargs)
        case ir.Invoke(_, args):
            yield from args
        case _:
            pass


def _is_known(fn: Any) -> bool:
    module = getattr(fn, "__module__", None) or type(getattr(fn, "__self__", None)).__module__
    return module.split(".")[0] in _KNOWN
