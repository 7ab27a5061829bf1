"""Elements that are cleared and then added to: stored once, or left as they are.

The adjoint of ``a[i] = v`` takes ``a_bar[i]`` and clears it; where ``v`` was computed from ``a[i]``
something is added to it again. With nothing else done to the memory in between, ``a_bar[i] = 0``
and ``a_bar[i] += p`` are ``a_bar[i] = p``; and nothing at all if ``p`` is what was there before, as
for ``a[i] += v``. LLVM cannot see that where other arrays are written in between.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from numbad.analysis.memory import AliasClass, Memory
from numbad.analysis.regions import analyse as analyse_regions
from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.types import Array, is_memory
from numbad.transform import arith

Element = tuple[ir.Var, tuple[ir.Operand, ...]]


def join_cleared(function: ir.Function) -> ir.Function:
    """Return the function with elements that are cleared and added to stored once.

    Memory of parameters is left alone: were an exception raised in between, it would show.
    """
    regions = analyse_regions(function.body, function.params)
    memory = Memory(regions, function.params, function.results)
    visible = {memory.of(param) for param in function.params if is_memory(param.type)}
    return replace(function, body=_Joiner(memory, visible).block(function.body))


@dataclass
class _Cleared:
    """Where an element was set to zero, and its value before if that is known."""

    position: int
    before: ir.Var | None


class _Joiner:
    def __init__(self, memory: Memory, visible: set[AliasClass]) -> None:
        self.memory = memory
        self.visible = visible

    def block(self, block: ir.Block) -> ir.Block:
        out: list[ir.Stmt | None] = []
        values: dict[Element, ir.Var] = {}
        cleared: dict[Element, _Cleared] = {}
        for statement in block:
            match statement:
                case ir.Let(target, ir.Load(array, index)):
                    self._forget(cleared, {self.memory.of(array)})
                    values[array, index] = target
                    out.append(statement)
                case ir.Store(array, index, value) if self._clears(array, value):
                    before = values.get((array, index))
                    self._forget(cleared, {self.memory.of(array)})
                    self._forget(values, {self.memory.of(array)})
                    cleared[array, index] = _Cleared(len(out), before)
                    out.append(statement)
                case ir.Accumulate(array, index, value) if (array, index) in cleared:
                    found = cleared[array, index]
                    self._forget(cleared, {self.memory.of(array)})
                    assert isinstance(array.type, Array)
                    if value.type == array.type.dtype:
                        out[found.position] = None
                        stored = ir.Store(array, index, value, statement.origin)
                        out.append(None if value == found.before else stored)
                    else:
                        out.append(statement)
                case _:
                    inside = visit.with_regions(statement, lambda _, inner: self.block(inner))
                    touched = self.memory.touched(statement)
                    self._forget(cleared, touched)
                    self._forget(values, touched)
                    out.append(inside)
        return tuple(statement for statement in out if statement is not None)

    def _clears(self, array: ir.Var, value: ir.Operand) -> bool:
        is_array = isinstance(array.type, Array)
        return is_array and arith.is_zero(value) and self.memory.of(array) not in self.visible

    def _forget(self, known: dict[Element, Any], touched: set[AliasClass]) -> None:
        for element in [each for each in known if self.memory.of(each[0]) in touched]:
            del known[element]
