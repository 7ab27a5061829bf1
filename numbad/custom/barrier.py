"""Functions that change arrays: who does, and how derivatives are kept from passing them."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from dataclasses import replace

from numbad import markers
from numbad.analysis.references import roots, written
from numbad.errors import UnsupportedSyntax
from numbad.frontend.builder import Builder
from numbad.ir import nodes as ir
from numbad.ir.build import BlockBuilder
from numbad.ir.types import Array, Type, element_of, is_memory, tangent_type
from numbad.ir.visit import Substituter, walk


def writes(
    function: ir.Function, callees: dict[str, ir.Function], positions: Iterable[int]
) -> list[int]:
    """Return those of the positions at which the function may write its argument."""
    return [p for p in positions if _writes(function, p, callees, set())]


def _writes(
    function: ir.Function,
    position: int,
    callees: dict[str, ir.Function],
    seen: set[tuple[str, int]],
) -> bool:
    param = function.params[position]
    if not is_memory(param.type) or (function.name, position) in seen:
        return False
    seen.add((function.name, position))
    found = roots(function)
    nothing: frozenset[ir.Var] = frozenset()
    for statement in walk(function.body):
        array = written(statement)
        if array is not None and param in found.get(array, nothing):
            return True
        match statement:
            case ir.Let(_, ir.Invoke(name, args)):
                passed = [
                    number
                    for number, arg in enumerate(args)
                    if isinstance(arg, ir.Var) and param in found.get(arg, nothing)
                ]
                if any(_writes(callees[name], number, callees, seen) for number in passed):
                    return True
            case _:
                pass
    return False


def behind_barrier(builder: Builder, function: ir.Function, title: str) -> ir.Function:
    """Return the function such that no derivative passes from what it reads to what it writes.

    Its arguments, and every number it loads from memory, pass a barrier; so do its results.
    """
    out = BlockBuilder(builder.fresh)
    substitution: dict[ir.Var, ir.Operand] = {}
    for param in function.params:
        if not is_memory(param.type) and tangent_type(param.type) is not None:
            call = ir.Call(markers.dropgrad, (param,))
            substitution[param] = out.let(param.type, call, param.name)
    barrier = _Barrier(title, substitution)
    barrier.block(function.body, out)
    results = tuple(barrier.result(result, out) for result in function.results)
    return replace(function, body=out.block(), results=results)


class _Barrier:
    def __init__(self, title: str, substitution: dict[ir.Var, ir.Operand]) -> None:
        self.title = title
        self.rename = Substituter(substitution)

    def block(self, block: ir.Block, out: BlockBuilder) -> None:
        """Emit a block with barriers."""
        for statement in block:
            out.origin = statement.origin
            self._statement(statement, out)

    def _nested(self, block: ir.Block, out: BlockBuilder) -> ir.Block:
        inner = out.nested()
        self.block(block, inner)
        return inner.block()

    def _statement(self, statement: ir.Stmt, out: BlockBuilder) -> None:
        match statement:
            case ir.For(body=body):
                mapped = self.rename.statement(replace(statement, body=()))
                assert isinstance(mapped, ir.For)
                out.emit(replace(mapped, body=self._nested(body, out)))
            case ir.While(before=before, body=body):
                mapped = self.rename.statement(replace(statement, before=(), body=()))
                assert isinstance(mapped, ir.While)
                inner = self._nested(before, out), self._nested(body, out)
                out.emit(replace(mapped, before=inner[0], body=inner[1]))
            case ir.If(then=then, orelse=orelse):
                mapped = self.rename.statement(replace(statement, then=(), orelse=()))
                assert isinstance(mapped, ir.If)
                sides = self._nested(then, out), self._nested(orelse, out)
                out.emit(replace(mapped, then=sides[0], orelse=sides[1]))
            case ir.Accumulate(array, index, value, origin):
                type_ = element_of(array.type)
                place = tuple(self.rename.operand(item) for item in index)
                present = self._loaded(type_, ir.Load(array, place), out)
                added = out.call(type_, operator.add, present, self.rename.operand(value))
                out.emit(ir.Store(array, place, added, origin))
            case ir.Let(_, ir.Invoke(args=args, differentiable=None)) if any(
                is_memory(arg.type) for arg in args
            ):
                raise UnsupportedSyntax(
                    f"`{self.title}`, through which no derivatives pass, changes an array in a "
                    "recursion.",
                    origin=statement.origin,
                    remedy="Return a new array instead.",
                )
            case ir.Let(target, expr) if self._takes_from_memory(target, expr):
                mapped = self.rename.statement(statement)
                assert isinstance(mapped, ir.Let)
                raw = self._loaded(target.type, mapped.expr, out)
                out.let_existing(target, ir.Cast(raw))
            case _:
                out.emit(self.rename.statement(statement))

    def _takes_from_memory(self, target: ir.Var, expr: ir.Expr) -> bool:
        if is_memory(target.type) or tangent_type(target.type) is None:
            return False
        match expr:
            case ir.Load() | ir.Pop():
                return True
            case ir.Call(args=args):
                return any(is_memory(arg.type) for arg in args)
            case _:
                return False

    def _loaded(self, type_: Type, expr: ir.Expr, out: BlockBuilder) -> ir.Var:
        raw = out.let(type_, expr)
        return out.let(type_, ir.Call(markers.dropgrad, (raw,)))

    def result(self, operand: ir.Operand, out: BlockBuilder) -> ir.Operand:
        """Return a result behind a barrier; an array is copied."""
        operand = self.rename.operand(operand)
        if isinstance(operand, ir.Const) or tangent_type(operand.type) is None:
            return operand
        if isinstance(operand.type, Array):
            layout = "F" if operand.type.layout == "F" else "C"
            type_ = replace(operand.type, layout=layout, readonly=False)
            copied = out.let(type_, ir.Call(markers.detached, (operand,)))
            return copied if type_ == operand.type else out.let(operand.type, ir.Cast(copied))
        return out.let(operand.type, ir.Call(markers.dropgrad, (operand,)))
