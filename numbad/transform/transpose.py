"""Forward mode of a declared derivative, from its backward part.

The backward part is linear in the cotangents: it is the transpose of what forward mode computes, so
that its own reverse-mode derivative with respect to the cotangents gives the tangents. That it is
linear is seen from the result, which then does not depend on the cotangents; that of a backward
part that clips them, say, does.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from typing import assert_never

from numbad.analysis.memory import Memory
from numbad.analysis.regions import analyse as analyse_regions
from numbad.errors import NoRule
from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.build import BlockBuilder, Fresh
from numbad.ir.types import Array, is_memory, tangent_type
from numbad.transform import arith
from numbad.transform.augment import shadow_type
from numbad.transform.derivatives import Derivatives
from numbad.transform.reverse import joint, reverse
from numbad.transform.simplify import simplify_function


def with_tangent(
    derivative: ir.CustomDerivative,
    count: int,
    program: ir.Program,
    derivatives: Derivatives,
    origin: ir.Origin | None,
) -> tuple[ir.CustomDerivative, dict[str, ir.Function]]:
    """Return the derivative with a forward mode, and the functions that this invokes.

    ``count`` is the number of results of the function; ``program`` has the functions that the
    derivative invokes.
    """
    pulled = derivative.backward
    kept = len(derivative.forward.results) - count
    seeds = tuple(range(kept, len(pulled.params)))
    reversed_ = reverse(ir.Program(pulled, program.callees), seeds, derivatives)
    made = joint(reversed_, f"{pulled.name}_transpose")
    names = {name: f"{pulled.name}_{name}" for name in made.callees if name not in program.callees}
    functions = {
        new: replace(visit.renamed(made.callees[name], names), name=new)
        for name, new in names.items()
    }
    entry = visit.renamed(made.entry, names)
    given = len(pulled.params)
    cotangents = iter(entry.results[len(pulled.results) :])
    tangents = [None if c is None else next(cotangents) for c in reversed_.cotangents]
    present = tuple(t for t in tangents if t is not None)
    linear = simplify_function(replace(entry, results=present), invariants=True)
    _check_linear(linear, linear.params[kept:given], derivative, origin)
    directions = iter(linear.params[given:])
    taken = [next(directions) if seed is not None else None for seed in reversed_.seeds]
    jvp = _assemble(derivative, count, linear, taken, tangents)
    positions = tuple(
        position
        for position, direction in zip(derivative.wrt, taken, strict=True)
        if direction is not None
    )
    return replace(derivative, jvp=jvp, directions=positions), functions


def _check_linear(
    linear: ir.Function,
    seeds: tuple[ir.Var, ...],
    derivative: ir.CustomDerivative,
    origin: ir.Origin | None,
) -> None:
    """Check that the tangents do not depend on the cotangents, but for their lengths."""
    if _Dependence(linear, seeds).reaches_results():
        raise NoRule(
            f"the rule of `{derivative.title}` has no forward mode.",
            origin=origin,
            why="Its backward part is not seen to be linear in the cotangent, so that it cannot be "
            "transposed.",
            remedy="Declare one with numbad.custom_rule(f, forward, backward, jvp=...).",
        )


class _Dependence:
    """What depends on the contents of some parameters: values, and memory by its alias class."""

    def __init__(self, function: ir.Function, params: tuple[ir.Var, ...]) -> None:
        self.function = function
        regions = analyse_regions(function.body, function.params)
        self.memory = Memory(regions, function.params, function.results)
        self.found: set[Hashable] = {self._key(param) for param in params}
        self.decides = False
        size = -1
        while size != len(self.found):
            size = len(self.found)
            for statement in visit.walk(function.body):
                self._statement(statement)

    def reaches_results(self) -> bool:
        """Whether a result, or which statements run, depends on the parameters."""
        return self.decides or self._depends(*self.function.results)

    def _key(self, var: ir.Var) -> Hashable:
        return self.memory.of(var) if is_memory(var.type) else var

    def _depends(self, *operands: ir.Operand) -> bool:
        return any(isinstance(o, ir.Var) and self._key(o) in self.found for o in operands)

    def _mark(self, target: ir.Operand, *sources: ir.Operand) -> None:
        if isinstance(target, ir.Var) and self._depends(*sources):
            self.found.add(self._key(target))

    def _statement(self, statement: ir.Stmt) -> None:
        match statement:
            case ir.Let(_, ir.Shape()):
                pass
            case ir.Let(target, ir.Invoke(_, args)):
                for written in (target, *args):
                    if written is target or is_memory(written.type):
                        self._mark(written, *args)
            case ir.Let(target, expr):
                self._mark(target, *visit.expr_operands(expr))
            case ir.Store(array, index, value) | ir.Accumulate(array, index, value):
                self._mark(array, value, *index)
            case ir.Append(array, value):
                self._mark(array, value)
            case ir.Effect(args=args) | ir.Raise(args=args):
                self.decides |= self._depends(*args)
            case ir.For(_, start, stop, step, carried):
                self.decides |= self._depends(start, stop, step)
                self._carried(carried)
            case ir.While(carried, _, condition):
                self.decides |= self._depends(condition)
                self._carried(carried)
            case ir.If(condition, _, _, merges):
                self.decides |= self._depends(condition)
                for merge in merges:
                    self._mark(merge.result, merge.if_true, merge.if_false)
            case _:
                assert_never(statement)

    def _carried(self, carried: tuple[ir.Carried, ...]) -> None:
        for item in carried:
            self._mark(item.inner, item.init, item.next)
            self._mark(item.result, item.inner, item.init)


def _assemble(
    derivative: ir.CustomDerivative,
    count: int,
    linear: ir.Function,
    taken: list[ir.Var | None],
    tangents: list[ir.Operand | None],
) -> ir.Function:
    """Put the forward part and the transposed backward part together."""
    forward = derivative.forward
    fresh = Fresh(visit.first_free_id(forward))
    fresh.next_id = max(fresh.next_id, visit.first_free_id(linear))
    block = BlockBuilder(fresh)
    block.statements = list(forward.body)
    results, kept = forward.results[:count], forward.results[count:]
    seeds: list[ir.Operand] = []
    for result in results:
        # Of a cotangent only the lengths are read, so that any array of them will do.
        type_ = tangent_type(result.type)
        if type_ is not None:
            seeds.append(_dual(block, result))
    directions = [None if seed is None else fresh.var(seed.type, seed.name) for seed in taken]
    given = (*kept, *seeds, *(direction for direction in directions if direction is not None))
    body, found = visit.inline(linear, given, fresh)
    block.statements += body
    remaining = iter(found)
    dots: list[ir.Operand] = []
    wanted = [result for result in results if tangent_type(result.type) is not None]
    for result, tangent in zip(wanted, tangents, strict=True):
        dots.append(_dual(block, result) if tangent is None else next(remaining))
    return ir.Function(
        f"{forward.name}_tangent",
        (*forward.params, *(direction for direction in directions if direction is not None)),
        block.block(),
        (*results, *dots),
        forward.origin,
    )


def _dual(block: BlockBuilder, result: ir.Operand) -> ir.Operand:
    """Return zeros of the type and shape of a result's tangent."""
    type_ = tangent_type(result.type)
    if not is_memory(result.type):
        assert type_ is not None
        return arith.zero(type_)
    type_ = shadow_type(result.type)
    assert isinstance(type_, Array) and isinstance(result, ir.Var)
    shape = tuple(block.let(arith.ZERO.type, ir.Shape(result, axis)) for axis in range(type_.ndim))
    return block.let(type_, ir.Alloc(shape, arith.zero(type_.dtype), "shadow"))
