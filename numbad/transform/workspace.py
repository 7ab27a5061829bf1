"""Arrays that every iteration of a loop makes anew, made once.

An array that lives within one iteration is made in front of the loop, where its lengths are known
there; what it was filled with is stored in each iteration. It is for programs that are emitted
next: a program to be differentiated is better off with new memory, of which nothing is overwritten.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from numbad.analysis.coverage import at_least
from numbad.analysis.memory import AliasClass, Memory
from numbad.analysis.regions import Region
from numbad.analysis.regions import analyse as analyse_regions
from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.build import BlockBuilder, Fresh
from numbad.ir.types import Array, is_memory
from numbad.transform.arrays import nest

_OWN = ("numpy", "numbad.kernels")


def reuse_memory(function: ir.Function) -> ir.Function:
    """Return the function with arrays of one iteration made in front of their loops."""
    if not any(isinstance(statement, ir.For | ir.While) for statement in function.body):
        return function
    return replace(function, body=_Lifter(function).block())


class _Lifter:
    def __init__(self, function: ir.Function) -> None:
        self.regions = analyse_regions(function.body, function.params)
        self.memory = Memory(self.regions, function.params, function.results)
        self.fresh = Fresh(visit.first_free_id(function))
        self.handed_over: set[AliasClass] = {
            self.memory.of(operand)
            for statement in visit.walk(function.body)
            for operand in _handed_over(statement)
        }

    def block(self, region: Region | None = None) -> ir.Block:
        """Return a block with the arrays of its loops in front of these."""
        region = region or self.regions.root
        out: list[ir.Stmt] = []
        for position, statement in enumerate(region.block):

            def inner(kind: str, at: int = position, region: Region = region) -> Region:
                return self.regions.child(region, at, kind)

            match statement:
                case ir.For():
                    made, body = self._body(inner("body"))
                    out += [*made, replace(statement, body=body)]
                case ir.While():
                    made, body = self._body(inner("body"))
                    before = self.block(inner("before"))
                    out += [*made, replace(statement, before=before, body=body)]
                case _:
                    out.append(
                        visit.with_regions(statement, lambda kind, _: self.block(inner(kind)))
                    )
        return tuple(out)

    def _body(self, region: Region) -> tuple[list[ir.Stmt], ir.Block]:
        """Return what goes in front of a loop, and the rest of its body."""
        made: list[ir.Stmt] = []
        rest = BlockBuilder(self.fresh)
        for statement in self.block(region):
            match statement:
                case ir.Let(target, ir.Alloc(shape, fill) as alloc, origin) if self._is_local(
                    target, region
                ) and all(self._is_known(extent, region) for extent in shape):
                    made.append(replace(statement, expr=replace(alloc, fill=None)))
                    if fill is not None:
                        rest.origin = origin
                        nest(rest, target, partial(_store, target, fill), stops=shape)
                case _:
                    rest.emit(statement)
        return made, rest.block()

    def _is_local(self, array: ir.Var, region: Region) -> bool:
        """Whether an iteration's array is gone when the next one starts."""
        if not isinstance(array.type, Array):
            return False
        found = self.memory.of(array)
        if found.external or found.joined or found in self.handed_over:
            return False
        return all(region.encloses(self.regions.region_of[member]) for member in found.members)

    def _is_known(self, extent: ir.Operand, region: Region) -> bool:
        """Whether a length is known before the loop, and no error even if the loop never runs."""
        inside = isinstance(extent, ir.Var) and region.encloses(self.regions.region_of[extent])
        return not inside and at_least(extent, 0, self.regions)


def _handed_over(statement: ir.Stmt) -> Iterator[ir.Var]:
    """Yield memory that a statement hands to others, who may keep it."""
    match statement:
        case ir.Let(_, ir.Call(fn, args, kwargs)) if not _is_known_function(fn):
            found = (*args, *(value for _, value in kwargs))
        case ir.Let(_, ir.Invoke(_, args)) | ir.Effect(_, args) | ir.Raise(_, args):
            found = args
        case ir.Let(_, ir.MakeTuple(items)):
            found = items
        case _:
            found = ()
    for operand in found:
        if isinstance(operand, ir.Var) and is_memory(operand.type):
            yield operand


def _is_known_function(fn: Any) -> bool:
    module = getattr(fn, "__module__", None) or type(getattr(fn, "__self__", None)).__module__
    return module.startswith(_OWN)


def _store(
    array: ir.Var, value: ir.Operand, block: BlockBuilder, index: tuple[ir.Operand, ...]
) -> None:
    block.emit(ir.Store(array, index, value, block.origin))
