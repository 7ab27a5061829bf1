"""Forward mode in chunks: all columns of a Jacobian, ``count`` at a time.

The result is a program that runs the primal with tangents once per chunk of directions and puts the
lanes of the results' tangents into matrices.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass, replace

from numbad.analysis.memory import Memory
from numbad.analysis.regions import analyse as analyse_regions
from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.build import BlockBuilder, Fresh
from numbad.ir.types import BOOL, INT64, Array, Type, is_memory
from numbad.transform import arith, directions, effects
from numbad.transform.chains import optimised
from numbad.transform.derivatives import Derivatives
from numbad.transform.directions import Chunks, Part
from numbad.transform.forward import forward
from numbad.transform.reverse import without_unused_callees
from numbad.transform.simplify import simplify_program
from numbad.transform.widen import widened


@dataclass(frozen=True)
class Matrices:
    """A program that also returns derivative matrices.

    The entry takes the primal's parameters. It returns the primal's results and then one matrix per
    differentiated result and parameter for which ``blocks[result][parameter]`` holds; the others
    are zero. A matrix has one row per element of the result, one column per element of the
    parameter, both in C order; of a diagonal, there is one vector instead. A sweep carries
    ``count`` directions.
    """

    program: ir.Program
    blocks: tuple[tuple[bool, ...], ...]
    count: int = 1


def jacobian_columns(
    program: ir.Program,
    wrt: tuple[int, ...],
    outs: tuple[int, ...],
    chunks: Chunks,
    derivatives: Derivatives,
    *,
    diagonal: bool = False,
) -> Matrices:
    """Return the program with the derivatives of the results ``outs`` by the parameters ``wrt``.

    With ``diagonal`` the result number ``i`` of ``outs`` has the shape of parameter number ``i`` of
    ``wrt``, and only the derivatives of its elements by the same elements are kept.
    """
    primal = optimised(program)
    tangent = forward(primal, wrt, derivatives, f"{chunks.name}_tangent")
    entry = tangent.program.entry
    given = len(primal.entry.params)
    results = len(primal.entry.results)
    places = iter(range(results, len(entry.results)))
    dots = [next(places) if varied else None for varied in tangent.varied]
    kept = [place for position in outs if (place := dots[position]) is not None]
    entry = replace(
        entry,
        results=entry.results[:results] + tuple(entry.results[place] for place in kept),
    )
    chunk = simplify_program(replace(tangent.program, entry=entry))
    count, chunk = widened(chunk, tuple(range(given, given + len(wrt))), chunks.count, results)
    numbered = iter(range(results, results + len(kept)))
    tangents = [None if dots[position] is None else next(numbered) for position in outs]
    run = _Columns(primal.entry, chunk.entry, wrt, tangents, replace(chunks, count=count), diagonal)
    whole = ir.Program(run.entry(), {**primal.callees, **chunk.callees})
    made = without_unused_callees(simplify_program(whole, invariants=True))
    return Matrices(made, run.blocks, count)


class _Columns:
    def __init__(
        self,
        primal: ir.Function,
        chunk: ir.Function,
        wrt: tuple[int, ...],
        tangents: list[int | None],
        chunks: Chunks,
        diagonal: bool,
    ) -> None:
        self.primal = primal
        self.chunk = chunk
        self.wrt = wrt
        self.tangents = tangents
        self.name = chunks.name
        self.count = chunks.count
        self.written = chunks.written
        self.copies: effects.Copies = {}
        self.diagonal = diagonal
        self.fresh = Fresh(visit.first_free_id(self.primal))
        self.blocks = tuple(
            tuple(t is not None and (row == column or not diagonal) for column in range(len(wrt)))
            for row, t in enumerate(tangents)
        )

    def entry(self) -> ir.Function:
        params = self.primal.params
        out = BlockBuilder(self.fresh)
        out.origin = self.primal.origin
        parts, total = directions.parts([params[position] for position in self.wrt], out)
        seeds = self._seeds(parts, out)
        if isinstance(total, ir.Const) and total.value <= self.count:
            values, matrices = self._chunk(parts, seeds, arith.ZERO, None, out)
        else:
            self.copies = effects.copies(self.primal, self.written, out)
            values, matrices = self._loop(parts, seeds, total, out)
            values = effects.put_back(self.primal, self.copies, values, out)
        return ir.Function(self.name, params, out.block(), (*values, *matrices), self.primal.origin)

    def _seeds(self, parts: list[Part], out: BlockBuilder) -> list[ir.Var | None]:
        """Return arrays of zeros for the seeds that all chunks can share; None for the others."""
        params = self.chunk.params
        seeds = params[len(self.primal.params) :]
        regions = analyse_regions(self.chunk.body, params)
        memory = Memory(regions, params, self.chunk.results)
        found: list[ir.Var | None] = []
        for part, param in zip(parts, seeds, strict=True):
            own = is_memory(param.type) and not memory.of(param).writes
            own = own and not any(
                isinstance(r, ir.Var) and is_memory(r.type) and memory.of(r) is memory.of(param)
                for r in self.chunk.results
            )
            shared = own and isinstance(param.type, Array)
            found.append(
                directions.new_zeros(param.type, part.shape, out, param.name)  # type: ignore[arg-type]
                if shared
                else None
            )
        return found

    def _loop(
        self,
        parts: list[Part],
        seeds: list[ir.Var | None],
        total: ir.Operand,
        out: BlockBuilder,
    ) -> tuple[list[ir.Operand], list[ir.Operand]]:
        matrix_types = self._matrix_types()
        types: list[Type] = [*(r.type for r in self.primal.results), *matrix_types]
        inners = [self.fresh.var(type_, "J" if is_memory(type_) else "y") for type_ in types]
        results = [self.fresh.var(inner.type, inner.name) for inner in inners]
        start, inner = self.fresh.var(INT64, "start"), out.nested()
        matrices = inners[len(types) - len(matrix_types) :]
        values, made = self._chunk(parts, seeds, start, matrices, inner)
        carried = tuple(
            ir.Carried(var, ir.Undefined(var.type), value, result)
            for var, value, result in zip(inners, [*values, *made], results, strict=True)
        )
        stop = directions.at_least(total, arith.ONE, out)
        step = ir.Const(self.count, INT64)
        out.emit(ir.For(start, arith.ZERO, stop, step, carried, inner.block(), out.origin))
        found: list[ir.Operand] = list(results)
        split = len(found) - len(matrix_types)
        return found[:split], found[split:]

    def _matrix_types(self) -> list[Array]:
        ndim = 1 if self.diagonal else 2
        return [
            Array(directions.plain_dtype(self.chunk.results[tangent].type), ndim, "C")
            for tangent, row in zip(self.tangents, self.blocks, strict=True)
            if tangent is not None
            for is_present in row
            if is_present
        ]

    def _chunk(
        self,
        parts: list[Part],
        shared: list[ir.Var | None],
        start: ir.Operand,
        matrices: list[ir.Var] | None,
        out: BlockBuilder,
    ) -> tuple[list[ir.Operand], list[ir.Operand]]:
        """Run one chunk; return the primal's results and the matrices, made in the first chunk."""
        params = self.chunk.params
        given = effects.arguments(self.primal, self.copies, out)
        seeds = [
            self._seed(part, param, seed, start, out)
            for part, param, seed in zip(parts, params[len(given) :], shared, strict=True)
        ]
        body, results = visit.inline(self.chunk, (*given, *seeds), self.fresh)
        for statement in body:
            out.emit(statement)
        made: list[ir.Operand] = []
        before = iter(matrices) if matrices is not None else None
        for row, tangent in enumerate(self.tangents):
            if tangent is None:
                continue
            y_dot = results[tangent]
            (y,), _ = directions.parts([y_dot], out)
            for column, part in enumerate(parts):
                if not self.blocks[row][column]:
                    continue
                extents = (part.size,) if self.diagonal else (y.size, part.size)
                type_ = Array(directions.plain_dtype(y_dot.type), len(extents), "C")
                matrix = self._matrix(type_, extents, start, before, out)
                self._fill(matrix, y, part, start, out)
                made.append(matrix)
        if matrices is not None:
            for part, seed in zip(parts, shared, strict=True):
                if seed is not None:
                    directions.clear(part, seed, start, self.count, out)
        return list(results[: len(self.primal.results)]), made

    def _seed(
        self,
        part: Part,
        param: ir.Var,
        shared: ir.Var | None,
        start: ir.Operand,
        out: BlockBuilder,
    ) -> ir.Operand:
        if not isinstance(param.type, Array):
            lane = arith.sub_int(out, part.first, start)
            return directions.unit(param.type, lane, out, param.name)
        zeros = shared or directions.new_zeros(param.type, part.shape, out, param.name)
        return directions.seed(part, zeros, start, self.count, out)

    def _matrix(
        self,
        type_: Array,
        extents: tuple[ir.Operand, ...],
        start: ir.Operand,
        before: object,
        out: BlockBuilder,
    ) -> ir.Var:
        """Return a new matrix in the first chunk, that of the chunk before in the others."""
        if before is None:
            return out.let(type_, ir.Alloc(extents, None), "J")
        earlier = next(before)  # type: ignore[call-overload]
        is_first = out.call(BOOL, operator.eq, start, arith.ZERO)
        then = out.nested()
        new = then.let(type_, ir.Alloc(extents, None), "J")
        result = self.fresh.var(type_, "J")
        merge = ir.Merge(result, new, earlier)
        out.emit(ir.If(is_first, then.block(), (), (merge,), out.origin))
        return result

    def _fill(
        self, matrix: ir.Var, y: Part, part: Part, start: ir.Operand, out: BlockBuilder
    ) -> None:
        """Put the lanes of the tangent ``y`` into the columns of ``part``."""
        low, high, shift = directions.window(part, start, self.count, out)
        if self.diagonal:
            j, inner = self.fresh.var(INT64, "j"), out.nested()
            value: ir.Operand = y.value
            if is_memory(value.type):
                assert isinstance(value, ir.Var) and isinstance(value.type, Array)
                index = directions.unravelled(j, y.shape, inner)
                value = inner.let(value.type.dtype, ir.Load(value, index))
            k = arith.add_int(inner, j, shift)
            number = directions.take(value, k, inner)
            inner.emit(ir.Store(matrix, (j,), number, out.origin))
            out.emit(ir.For(j, low, high, arith.ONE, (), inner.block(), out.origin))
            return

        if not isinstance(part.size, ir.Const) and self.count > 1:
            # A chunk that lies within the part fills whole rows of lanes, which LLVM vectorises.
            width = arith.sub_int(out, high, low)
            is_full = out.call(BOOL, operator.eq, width, ir.Const(self.count, INT64))
            then, orelse = out.nested(), out.nested()
            self._rows(matrix, y, _Window(low, arith.ZERO, ir.Const(self.count, INT64)), then)
            first = arith.add_int(orelse, low, shift)
            self._rows(matrix, y, _Window(low, first, width), orelse)
            out.emit(ir.If(is_full, then.block(), orelse.block(), (), out.origin))
            return
        first = arith.add_int(out, low, shift)
        self._rows(matrix, y, _Window(low, first, arith.sub_int(out, high, low)), out)

    def _rows(self, matrix: ir.Var, y: Part, window: _Window, out: BlockBuilder) -> None:
        def row(block: BlockBuilder, number: ir.Operand, element: ir.Operand) -> None:
            k, inner = self.fresh.var(INT64, "k"), block.nested()
            place = (number, arith.add_int(inner, window.column, k))
            value = directions.take(element, arith.add_int(inner, window.lane, k), inner)
            inner.emit(ir.Store(matrix, place, value, out.origin))
            block.emit(
                ir.For(k, arith.ZERO, window.width, arith.ONE, (), inner.block(), out.origin)
            )

        directions.each_element(y.value, y.shape, out, row)


@dataclass(frozen=True)
class _Window:
    """``width`` columns of a matrix from ``column`` on, from the lanes from ``lane`` on."""

    column: ir.Operand
    lane: ir.Operand
    width: ir.Operand
