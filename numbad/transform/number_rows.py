"""Derivatives of several numbers at once, without matrices: no memory is allocated for numbers.

A function of a few numbers that returns a few numbers is what solvers call in their innermost
loops. Its sweeps carry one lane per row (reverse mode) or column (forward mode), the seeds are
constants, and the derivatives are taken from the lanes one by one, so that all of them stay in
registers.
"""

from __future__ import annotations

from dataclasses import replace

from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.build import BlockBuilder, Fresh
from numbad.ir.types import INT64, Array, is_memory
from numbad.transform import directions, effects
from numbad.transform.arrays import nest
from numbad.transform.derivatives import Derivatives
from numbad.transform.directions import Chunks
from numbad.transform.forward import forward
from numbad.transform.reverse import joint, reverse, without_unused_callees
from numbad.transform.simplify import simplify_program
from numbad.transform.widen import widened

_MOST_LANES = 64

Table = tuple[tuple[bool, ...], ...]


def number_rows(
    program: ir.Program,
    wrt: tuple[int, ...],
    outs: tuple[int, ...],
    chunks: Chunks,
    derivatives: Derivatives,
) -> tuple[ir.Program, Table]:
    """Return the program with the gradients of results, real numbers, by reverse mode.

    Its entry returns the primal's results and then, for each result in ``outs``, one gradient per
    parameter in ``wrt``, of the parameter's shape; those that are zero are left out, and the table
    says which are there. A sweep has as many lanes as there are results.
    """
    primal = simplify_program(program, invariants=True)
    reversed_ = reverse(primal, wrt, derivatives, seeded=outs)
    present = tuple(cotangent is not None for cotangent in reversed_.cotangents)
    seeded = tuple(n for n, seed in enumerate(reversed_.seeds) if seed is not None)
    table = tuple(present if n in seeded else tuple(False for _ in wrt) for n in outs)
    if not seeded or not any(present):
        return primal, table
    sweeps = joint(reversed_, f"{chunks.name}_sweep")
    given = len(primal.entry.params)
    places = tuple(range(given, given + len(seeded)))
    count, sweeps = widened(sweeps, places, _lanes(len(seeded)), len(primal.entry.results))
    run = _Sweeps(primal.entry, sweeps.entry, chunks.written, count)
    rows = run.each(len(seeded))
    return run.program({**primal.callees, **sweeps.callees}, rows, chunks.name), table


def number_columns(
    program: ir.Program,
    wrt: tuple[int, ...],
    outs: tuple[int, ...],
    chunks: Chunks,
    derivatives: Derivatives,
) -> tuple[ir.Program, Table]:
    """Return what ``number_rows`` does, by forward mode; the parameters in ``wrt`` are numbers."""
    primal = simplify_program(program, invariants=True)
    tangent = forward(primal, wrt, derivatives, f"{chunks.name}_sweep")
    table = tuple(tuple(tangent.varied[n] for _ in wrt) for n in outs)
    if not any(any(row) for row in table):
        return primal, table
    given, results = len(primal.entry.params), len(primal.entry.results)
    numbered = [n for n, varied in enumerate(tangent.varied) if varied]
    dots = tuple(
        tangent.program.entry.results[results + place]
        for place, n in enumerate(numbered)
        if n in outs
    )
    entry = tangent.program.entry
    entry = replace(entry, results=entry.results[:results] + dots)
    tangents = simplify_program(replace(tangent.program, entry=entry))
    places = tuple(range(given, given + len(wrt)))
    count, sweeps = widened(tangents, places, _lanes(len(wrt)), results)
    run = _Sweeps(primal.entry, sweeps.entry, chunks.written, count)
    rows = [list(row) for row in zip(*run.each(len(wrt)), strict=True)]
    return run.program({**primal.callees, **sweeps.callees}, rows, chunks.name), table


def _lanes(directions_: int) -> int:
    return min(1 << (directions_ - 1).bit_length(), _MOST_LANES)


class _Sweeps:
    """Runs a program whose last parameters are seeds, as often as it takes."""

    def __init__(
        self, primal: ir.Function, sweeps: ir.Function, written: frozenset[int], count: int
    ) -> None:
        self.primal = primal
        self.sweeps = sweeps
        self.written = written
        self.count = count
        self.out = BlockBuilder(Fresh(visit.first_free_id(primal)))
        self.out.origin = primal.origin
        self.values: list[ir.Operand] = []

    def each(self, total: int) -> list[list[ir.Operand]]:
        """Return, for each direction, what the sweeps find along it."""
        out, given = self.out, len(self.primal.params)
        several = total > self.count
        copies = effects.copies(self.primal, self.written, out) if several else {}
        found: list[list[ir.Operand]] = []
        for start in range(0, total, self.count):
            arguments = effects.arguments(self.primal, copies, out)
            seeds = [
                directions.unit(param.type, ir.Const(number - start, INT64), out)
                for number, param in enumerate(self.sweeps.params[given:])
            ]
            body, results = visit.inline(self.sweeps, (*arguments, *seeds), out.fresh)
            for statement in body:
                out.emit(statement)
            kept = len(self.primal.results)
            self.values = list(results[:kept])
            for k in range(min(self.count, total - start)):
                found.append([self._taken(value, k) for value in results[kept:]])
        self.values = effects.put_back(self.primal, copies, self.values, out)
        return found

    def _taken(self, value: ir.Operand, k: int) -> ir.Operand:
        """Return lane ``k`` of a number or array as a number or array of its own."""
        lane = ir.Const(k, INT64)
        if not is_memory(value.type):
            return directions.take(value, lane, self.out)
        assert isinstance(value, ir.Var) and isinstance(value.type, Array)
        (part,), _ = directions.parts([value], self.out)
        type_ = Array(directions.plain_dtype(value.type), value.type.ndim, "C")
        made = self.out.let(type_, ir.Alloc(part.shape, None), value.name)

        def copy(inner: BlockBuilder, index: tuple[ir.Operand, ...]) -> None:
            element = inner.let(dtype, ir.Load(value, index))
            number = directions.take(element, lane, inner)
            inner.emit(ir.Store(made, index, number, self.out.origin))

        dtype = value.type.dtype
        nest(self.out, value, copy)
        return made

    def program(
        self, callees: dict[str, ir.Function], rows: list[list[ir.Operand]], name: str
    ) -> ir.Program:
        """Return the program of all runs."""
        results = (*self.values, *(value for row in rows for value in row))
        entry = ir.Function(name, self.primal.params, self.out.block(), results, self.primal.origin)
        return without_unused_callees(simplify_program(ir.Program(entry, callees), invariants=True))
