"""Activity: which values matter to a derivative.

A value is active if it depends on the inputs differentiably (varied) and affects the outputs
differentiably (useful).

Flow-insensitive over SSA values and alias classes: a value that is overwritten before it is read is
a different SSA value, and memory is one node per alias class, which errs on the safe side.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeGuard

from numbad.analysis.memory import Memory
from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.types import is_integer, is_memory, tangent_type

DifferentiableArguments = Callable[[ir.Call, ir.Var], Iterable[ir.Operand]]


@dataclass(eq=False)
class Activity:
    """The result: membership in the sets of varied and useful values.

    ``exposed`` are the values that reach the argument of a steep function, one whose slope can be
    infinite where its value is finite: their cotangents can be infinite. ``selectable`` are those
    that reach one side of a selection: their cotangents are zero where the other side is taken, and
    they may be anything there, infinities and NaNs included.
    """

    memory: Memory
    varied: set[Hashable]
    useful: set[Hashable]
    exposed: set[Hashable] = field(default_factory=set)
    selectable: set[Hashable] = field(default_factory=set)

    def is_active(self, operand: ir.Operand) -> bool:
        """Whether the value is varied and useful (a memory reference: what it refers to)."""
        if not isinstance(operand, ir.Var) or tangent_type(operand.type) is None:
            return False
        if is_memory(operand.type) and not self.memory.knows(operand):
            return False
        key = _key(self.memory, operand)
        return key in self.varied and key in self.useful

    def is_varied(self, operand: ir.Operand) -> bool:
        """Whether the value depends differentiably on an active input."""
        if not isinstance(operand, ir.Var) or tangent_type(operand.type) is None:
            return False
        return _key(self.memory, operand) in self.varied

    def is_exposed(self, operand: ir.Operand) -> bool:
        """Whether the cotangent of the value can be infinite because of a steep function."""
        return isinstance(operand, ir.Var) and _key(self.memory, operand) in self.exposed

    def is_selectable(self, operand: ir.Operand) -> bool:
        """Whether the cotangent of the value can be zero because it was not selected."""
        return isinstance(operand, ir.Var) and _key(self.memory, operand) in self.selectable


def _key(memory: Memory, var: ir.Var) -> Hashable:
    return memory.of(var) if is_memory(var.type) else var


@dataclass(frozen=True)
class Steep:
    """What reaches functions whose slope can be infinite where the value is finite.

    Attributes
    ----------
    arguments : callable
        The arguments of a call in which it is steep.
    values : sequence of ir.Operand
        Values that reach steep functions outside the block.
    """

    arguments: DifferentiableArguments
    values: Sequence[ir.Operand] = ()


def analyse(  # noqa: PLR0913 - options by keyword
    block: ir.Block,
    memory: Memory,
    inputs: Iterable[ir.Var],
    outputs: Iterable[ir.Operand],
    differentiable: DifferentiableArguments,
    *,
    casts: bool = False,
    steep: Steep | None = None,
    influence: Mapping[str, frozenset[int]] | None = None,
) -> Activity:
    """Return the activity of the values of a block for the given inputs and outputs.

    ``casts`` lets conversions to integers, whose slope is zero, count as dependence, and barriers
    not. ``steep`` names what reaches steep functions, ``influence`` which arguments of the invoked
    functions matter (all).
    """
    forward: dict[Hashable, set[Hashable]] = defaultdict(set)
    backward: dict[Hashable, set[Hashable]] = defaultdict(set)
    outside = steep.values if steep else ()
    exposed = [_key(memory, value) for value in outside if isinstance(value, ir.Var)]

    def depends(target: ir.Operand, source: ir.Operand) -> None:
        if not (_has_tangent(target) and _has_tangent(source)):
            return
        tail, head = _key(memory, source), _key(memory, target)
        forward[tail].add(head)
        backward[head].add(tail)

    for statement in visit.walk(block):
        match statement:
            case ir.Let(target, ir.Call() as call):
                for argument in differentiable(call, target):
                    depends(target, argument)
                for argument in steep.arguments(call, target) if steep else ():
                    if isinstance(argument, ir.Var):
                        exposed.append(_key(memory, argument))
            case ir.Let(_, ir.Invoke(is_barrier=True)) if casts:
                pass
            case ir.Let(target, ir.Invoke() as call):
                for argument, effect in _through(call, influence):
                    depends(target if effect is None else effect, argument)
            case ir.Let(
                target,
                ir.Load(array)
                | ir.Pop(array)
                | ir.Subview(array)
                | ir.Transpose(array)
                | ir.Component(array)
                | ir.Reshape(array)
                | ir.Reserve(array)
                | ir.Release(array),
            ):
                depends(target, array)
            case ir.Let(target, ir.Alloc(fill=fill)):
                if fill is not None:
                    depends(target, fill)
            case ir.Let(_, ir.Shape()):
                pass
            case ir.Let(target, ir.Select(_, if_true, if_false)):
                depends(target, if_true)
                depends(target, if_false)
            case ir.Let(target, ir.Cast(value)):
                if casts or not is_integer(target.type) or is_integer(value.type):
                    depends(target, value)
            case ir.Let(target, expr):
                for operand in visit.expr_operands(expr):
                    depends(target, operand)
            case (
                ir.Store(array, _, value) | ir.Accumulate(array, _, value) | ir.Append(array, value)
            ):
                depends(array, value)
            case ir.For(carried=carried) | ir.While(carried=carried):
                for item in carried:
                    depends(item.inner, item.init)
                    depends(item.inner, item.next)
                    depends(item.result, item.inner)
            case ir.If(merges=merges):
                for merge in merges:
                    depends(merge.result, merge.if_true)
                    depends(merge.result, merge.if_false)
            case ir.Effect() | ir.Raise():
                pass
    useful = _reachable(backward, [_key(memory, v) for v in outputs if isinstance(v, ir.Var)])
    return Activity(
        memory,
        _reachable(forward, [_key(memory, var) for var in inputs]),
        useful,
        _reachable(backward, exposed),
        _reachable(backward, _selected(block, memory, useful)),
    )


def _through(
    call: ir.Invoke, influence: Mapping[str, frozenset[int]] | None
) -> Iterator[tuple[ir.Operand, ir.Var | None]]:
    """Pairs of an argument that matters and what depends on it: memory, or the value (None)."""
    if call.differentiable is not None:
        yield from ((call.args[position], None) for position in call.differentiable)
        return
    positions = range(len(call.args)) if influence is None else influence[call.function]
    for argument in (call.args[position] for position in positions):
        yield argument, None
        for other in call.args:
            if isinstance(other, ir.Var) and is_memory(other.type):
                yield argument, other


def _has_tangent(operand: ir.Operand) -> TypeGuard[ir.Var]:
    return isinstance(operand, ir.Var) and tangent_type(operand.type) is not None


def _selected(block: ir.Block, memory: Memory, useful: set[Hashable]) -> set[Hashable]:
    """Return the sides of selections that are useful."""
    return {
        _key(memory, side)
        for statement in visit.walk(block)
        if isinstance(statement, ir.Let) and isinstance(statement.expr, ir.Select)
        for side in (statement.expr.if_true, statement.expr.if_false)
        if isinstance(side, ir.Var) and _key(memory, statement.target) in useful
    }


def _reachable(edges: dict[Hashable, set[Hashable]], start: Iterable[Hashable]) -> set[Hashable]:
    found = set(start)
    pending = list(start)
    while pending:
        for head in edges.get(pending.pop(), ()):
            if head not in found:
                found.add(head)
                pending.append(head)
    return found
