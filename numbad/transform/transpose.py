"""Forward mode of a declared derivative, from its backward part.

The backward part is linear in the cotangents: it is the transpose of what forward mode computes, so
that its own reverse-mode derivative with respect to the cotangents gives the tangents. That it is
linear is seen from the result, which then does not read the cotangents; a backward part that clips
them, say, is not.
"""

from __future__ import annotations

from dataclasses import replace

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
    """Check that nothing but the lengths of the cotangents is read."""
    if set(seeds) & _contents_read(linear):
        raise NoRule(
            f"the rule of `{derivative.title}` has no forward mode.",
            origin=origin,
            why="Its backward part is not seen to be linear in the cotangent, so that it cannot be "
            "transposed.",
            remedy="Declare one with numbad.custom_rule(f, forward, backward, jvp=...).",
        )


def _contents_read(function: ir.Function) -> set[ir.Operand]:
    """Return the values that are read for more than the lengths of arrays."""
    read: set[ir.Operand] = set(function.results)
    size = -1
    while size != len(read):
        size = len(read)
        for statement in visit.walk(function.body):
            match statement:
                case ir.Let(_, ir.Shape()):
                    continue
                case ir.Let(target, expr) if target not in read and not ir.has_effect(expr):
                    continue
                case _:
                    read.update(visit.operands(statement))
                    read.update(visit.region_results(statement))
    return read


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
            seeds.append(_dual(block, result, None))
    directions = [None if seed is None else fresh.var(seed.type, seed.name) for seed in taken]
    given = (*kept, *seeds, *(direction for direction in directions if direction is not None))
    body, found = visit.inline(linear, given, fresh)
    block.statements += body
    remaining = iter(found)
    dots: list[ir.Operand] = []
    wanted = [result for result in results if tangent_type(result.type) is not None]
    for result, tangent in zip(wanted, tangents, strict=True):
        dots.append(_dual(block, result, 0.0) if tangent is None else next(remaining))
    return ir.Function(
        f"{forward.name}_tangent",
        (*forward.params, *(direction for direction in directions if direction is not None)),
        block.block(),
        (*results, *dots),
        forward.origin,
    )


def _dual(block: BlockBuilder, result: ir.Operand, fill: float | None) -> ir.Operand:
    """Return a tangent or cotangent of a result: zero, or with undefined elements."""
    if not is_memory(result.type):
        type_ = tangent_type(result.type)
        assert type_ is not None
        return arith.zero(type_)
    type_ = shadow_type(result.type)
    assert isinstance(type_, Array) and isinstance(result, ir.Var)
    shape = tuple(block.let(arith.ZERO.type, ir.Shape(result, axis)) for axis in range(type_.ndim))
    start = None if fill is None else arith.zero(type_.dtype)
    return block.let(type_, ir.Alloc(shape, start, "shadow"))
