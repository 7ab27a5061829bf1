"""Calls of functions whose derivative the user declared (``ir.CustomDerivative``).

In reverse mode the declared forward part takes the place of the call, and its statements have no
adjoint; where the call is reversed, the declared backward part stands. Both are inlined, so that
what the backward part needs is recorded or recomputed like any other value. In forward mode the
declared tangent takes the place of the call. The results are ordinary IR, which can be
differentiated again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from numbad.analysis.memory import Memory
from numbad.analysis.regions import Region
from numbad.analysis.regions import analyse as analyse_regions
from numbad.errors import NoRule, UnsupportedSyntax
from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.build import BlockBuilder
from numbad.ir.types import Array, Tuple, is_memory, tangent_type
from numbad.transform import arith
from numbad.transform.arrays import add_into
from numbad.transform.simplify import simplify_function

if TYPE_CHECKING:
    from numbad.transform.backward import BackwardSweep
    from numbad.transform.values import Scope


@dataclass(eq=False)
class CustomCall:
    """A call that was replaced by the forward part of its declared derivative.

    ``kept`` is what the backward part needs, in terms of the body around the call.
    """

    derivative: ir.CustomDerivative
    target: ir.Var
    args: tuple[ir.Operand, ...]
    kept: tuple[ir.Operand, ...]


def derivative_of(
    program: ir.Program,
    call: ir.Invoke,
    is_differentiated: Callable[[ir.Operand], bool],
    origin: ir.Origin | None,
) -> ir.CustomDerivative:
    """Return the declared derivative of a call, or raise if it says nothing of what is needed."""
    found = program.callees[call.function].custom
    if found is None:
        raise UnsupportedSyntax(
            f"the derivative of `{call.function}` is taken inside its own rule.",
            origin=origin,
            why="A rule may call the function that it belongs to, but not differentiate it.",
            remedy="Write the derivative out in the rule.",
        )
    for position in found.refused:
        operand = call.args[position]
        if is_differentiated(operand):
            name = operand.name if isinstance(operand, ir.Var) and operand.name else "a value"
            raise NoRule(
                f"the rule of `{found.title}` gives no derivative for `{name}`.",
                origin=origin,
                why="A rule answers for positional arguments; this is a value that it closes\n"
                "over, or a keyword-only argument.",
                remedy="Make it a positional argument of the function and of its rule.",
            )
    return found


# --- reverse mode: forward sweep ------------------------------------------------------------------


def emit_forward(
    derivative: ir.CustomDerivative,
    target: ir.Var,
    call: ir.Invoke,
    place: tuple[Region, int],
    memory: Memory,
    block: BlockBuilder,
) -> CustomCall:
    """Emit the forward part of a call's derivative and define the call's value by it.

    ``memory`` and ``place`` are those of the call in the body as it was: contents of arrays that
    the backward part needs and that are overwritten later are copied.
    """
    count = len(target.type.items) if isinstance(target.type, Tuple) else 1
    body, results = visit.inline(derivative.forward, call.args, block.fresh)
    for statement in body:
        block.emit(statement)
    overwritten = _Overwritten(derivative.forward, count, target, call.args, place, memory)
    kept: list[ir.Operand] = []
    for number, operand in enumerate(results[count:], count):
        if isinstance(operand, ir.Var) and overwritten.is_lost(number):
            kept.append(_copy(operand, block, derivative.title))
        else:
            kept.append(operand)
    # The cotangents of all arguments are added to where the call stands, so they are read there.
    # A loop of the forward part cannot be moved behind this place, since the results are read too.
    together = (*call.args, *results[:count])
    block.let(Tuple(tuple(operand.type for operand in together)), ir.MakeTuple(together))
    if count == 1:
        block.let_existing(target, ir.Cast(results[0]))
    else:
        block.let_existing(target, ir.MakeTuple(results[:count]))
    return CustomCall(derivative, target, call.args, tuple(kept))


class _Overwritten:
    """Tells which arrays that a forward part gives to its backward part are overwritten later."""

    def __init__(
        self,
        forward: ir.Function,
        count: int,
        target: ir.Var,
        args: tuple[ir.Operand, ...],
        place: tuple[Region, int],
        memory: Memory,
    ) -> None:
        regions = analyse_regions(forward.body, forward.params)
        self.inner = Memory(regions, forward.params, forward.results)
        self.forward, self.count = forward, count
        self.target, self.args = target, args
        self.place, self.memory = place, memory

    def is_lost(self, number: int) -> bool:
        """Whether the result at a position of the forward part may be overwritten."""
        result = self.forward.results[number]
        if not isinstance(result, ir.Var) or not is_memory(result.type):
            return False
        found = self.inner.of(result)
        return any(
            isinstance(outer, ir.Var)
            and self.memory.knows(outer)
            and self.memory.overwritten_after(outer, *self.place)
            for inner, outer in self._counterparts()
            if self.inner.of(inner) is found
        )

    def _counterparts(self) -> Iterator[tuple[ir.Var, ir.Operand]]:
        """Yield memory of the forward part together with what it is in the body of the call."""
        for param, arg in zip(self.forward.params, self.args, strict=True):
            if is_memory(param.type):
                yield param, arg
        region, _ = self.place
        for position, result in enumerate(self.forward.results[: self.count]):
            if not isinstance(result, ir.Var) or not is_memory(result.type):
                continue
            if self.count == 1:
                yield result, self.target
            for statement in region.block:
                match statement:
                    case ir.Let(item, ir.TupleItem(value, taken)):
                        if value == self.target and taken == position:
                            yield result, item
                    case _:
                        pass


def _copy(operand: ir.Var, block: BlockBuilder, title: str) -> ir.Operand:
    if not isinstance(operand.type, Array):
        raise UnsupportedSyntax(
            f"a list that the rule of `{title}` needs is changed later.",
            origin=block.origin,
            why="The derivative needs it as it was.",
            remedy="Use an array, or a copy of the list.",
        )
    layout = "F" if operand.type.layout == "F" else "C"
    type_ = replace(operand.type, layout=layout, readonly=False)
    copied = block.call(type_, np.copy, operand, name=operand.name)
    return copied if type_ == operand.type else block.let(operand.type, ir.Cast(copied))


# --- reverse mode: backward sweep -----------------------------------------------------------------


def emit_backward(
    call: CustomCall,
    sweep: BackwardSweep,
    item_cotangents: dict[tuple[ir.Var, int], ir.Operand],
    scope: Scope,
) -> None:
    """Emit the backward part of a call's derivative and add its cotangents to the arguments'."""
    derivative = call.derivative
    seeds = _seeds(call, sweep, item_cotangents)
    if seeds is None:
        if derivative.unused is not None:
            for statement in visit.inline(derivative.unused, (), scope.block.fresh)[0]:
                scope.block.emit(statement)
        return
    chosen = [
        (order, position)
        for order, position in enumerate(derivative.wrt)
        if sweep.activity.is_active(call.args[position])
        and (is_memory(call.args[position].type) or sweep.wants(call.args[position]))
    ]
    if not chosen and derivative.unused is None:
        return
    whole = derivative.backward
    results = tuple(whole.results[order] for order, _ in chosen)
    function = simplify_function(replace(whole, results=results))
    used = visit.used_vars(function.body) | set(function.results)
    given: list[ir.Operand] = []
    for param, source in zip(function.params, (*call.kept, *seeds), strict=True):
        if param not in used:
            given.append(ir.Undefined(param.type))
        elif len(given) < len(call.kept):
            given.append(sweep.values.primal(source))
        else:
            given.append(source)
    body, cotangents = visit.inline(function, tuple(given), scope.block.fresh)
    for statement in body:
        scope.block.emit(statement)
    for (_, position), cotangent in zip(chosen, cotangents, strict=True):
        arg = call.args[position]
        if is_memory(arg.type):
            assert isinstance(arg, ir.Var)
            add_into(scope.block, sweep.shadow(arg), cotangent)
        else:
            sweep.accumulate(arg, cotangent, scope)


def _seeds(
    call: CustomCall,
    sweep: BackwardSweep,
    item_cotangents: dict[tuple[ir.Var, int], ir.Operand],
) -> list[ir.Operand] | None:
    """Return the cotangents of the call's results; None if none has arrived."""
    target = call.target
    items = target.type.items if isinstance(target.type, Tuple) else (target.type,)
    shadows = sweep.augmented.tuple_shadows.get(target, (None,) * len(items))
    seeds: list[ir.Operand] = []
    has_arrived = False
    for position, (type_, shadow) in enumerate(zip(items, shadows, strict=True)):
        tangent = tangent_type(type_)
        if tangent is None:
            continue
        found: ir.Operand | None
        if is_memory(type_):
            found = sweep.shadow(target) if shadow is None else sweep.values.primal(shadow)
        elif isinstance(target.type, Tuple):
            found = item_cotangents.pop((target, position), None)
        else:
            found = sweep.cotangents.pop(target, None)
        has_arrived = has_arrived or found is not None
        seeds.append(arith.zero(tangent) if found is None else found)
    return seeds if has_arrived else None


# --- forward mode ---------------------------------------------------------------------------------


def emit_tangent(
    derivative: ir.CustomDerivative,
    target: ir.Var,
    call: ir.Invoke,
    directions: tuple[ir.Operand, ...],
    block: BlockBuilder,
) -> list[ir.Operand | None]:
    """Emit the declared tangent of a call and define its value.

    ``directions`` are the tangents of the arguments at ``derivative.directions``. Returns the
    tangent of each result, None for those that cannot have one.
    """
    assert derivative.jvp is not None
    body, results = visit.inline(derivative.jvp, (*call.args, *directions), block.fresh)
    for statement in body:
        block.emit(statement)
    items = target.type.items if isinstance(target.type, Tuple) else (target.type,)
    count = len(items)
    if isinstance(target.type, Tuple):
        block.let_existing(target, ir.MakeTuple(results[:count]))
    else:
        block.let_existing(target, ir.Cast(results[0]))
    tangents = iter(results[count:])
    return [None if tangent_type(type_) is None else next(tangents) for type_ in items]
