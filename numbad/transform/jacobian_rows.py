"""Reverse mode in batches: all rows of a Jacobian, ``count`` at a time.

The result is a program that runs the forward sweep and a backward sweep with one row per lane, once
per batch, and puts the lanes of the parameters' cotangents into matrices.
"""

from __future__ import annotations

import operator
from dataclasses import replace

from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.build import BlockBuilder, Fresh
from numbad.ir.types import BOOL, INT64, Array, Type, is_memory
from numbad.transform import arith, directions, effects
from numbad.transform.chains import optimised
from numbad.transform.derivatives import Derivatives
from numbad.transform.directions import Chunks
from numbad.transform.jacobian_columns import Matrices
from numbad.transform.reverse import Reversed, reverse, without_unused_callees
from numbad.transform.simplify import simplify_program
from numbad.transform.widen import widened


def jacobian_rows(
    program: ir.Program,
    wrt: tuple[int, ...],
    out: int,
    chunks: Chunks,
    derivatives: Derivatives,
) -> Matrices:
    """Return the program with the derivatives of result ``out`` by the parameters ``wrt``.

    The arguments are as those of ``jacobian_columns``.
    """
    primal = optimised(program)
    reversed_ = reverse(primal, wrt, derivatives, seeded=(out,))
    blocks = (tuple(cotangent is not None for cotangent in reversed_.cotangents),)
    if not any(blocks[0]):
        return Matrices(primal, blocks)
    batch = _batch(reversed_, out, chunks.name)
    results = len(primal.entry.results)
    count, batch = widened(batch, (len(primal.entry.params),), chunks.count, results)
    run = _Rows(primal.entry, batch.entry, wrt, replace(chunks, count=count), blocks[0])
    whole = ir.Program(run.entry(), {**primal.callees, **batch.callees})
    made = without_unused_callees(simplify_program(whole, invariants=True))
    return Matrices(made, blocks, count)


def _batch(reversed_: Reversed, out: int, name: str) -> ir.Program:
    """Return both sweeps for the rows from ``start`` on.

    Its parameters are those of the primal, the seeds that the rows get (an array of numbers, one
    per row) and ``start``; its results those of the primal, the cotangents, and the number of rows.
    """
    function = reversed_.program.entry
    block = BlockBuilder(_fresh_behind(reversed_, function))
    block.origin = function.origin
    seed = reversed_.seeds[out]
    assert seed is not None
    dtype = directions.plain_dtype(seed.type)
    units = block.fresh.var(Array(dtype, 1, "C"), "units")
    start = block.fresh.var(INT64, "start")
    for statement in reversed_.forward:
        block.emit(statement)
    (y,), total = directions.parts([function.results[out]], block)
    if is_memory(seed.type):
        assert isinstance(seed.type, Array)
        seeds = directions.new_zeros(seed.type, y.shape, block, seed.name)
        size = directions.at_most(
            arith.sub_int(block, total, start), block.let(INT64, ir.Shape(units, 0)), block
        )
        k, inner = block.fresh.var(INT64, "k"), block.nested()
        unit = inner.let(dtype, ir.Load(units, (k,)))
        place = directions.unravelled(arith.add_int(inner, start, k), y.shape, inner)
        inner.emit(ir.Store(seeds, place, unit, block.origin))
        block.emit(ir.For(k, arith.ZERO, size, arith.ONE, (), inner.block(), block.origin))
        block.let_existing(seed, ir.Cast(seeds))
    else:
        block.let_existing(seed, ir.Load(units, (arith.ZERO,)))
    for statement in reversed_.backward:
        block.emit(statement)
    cotangents = tuple(c for c in reversed_.cotangents if c is not None)
    rows = block.let(INT64, ir.Cast(total)) if isinstance(total, ir.Var) else total
    entry = ir.Function(
        f"{name}_batch",
        (*function.params, units, start),
        block.block(),
        (*function.results, *cotangents, rows),
        function.origin,
    )
    return simplify_program(ir.Program(entry, reversed_.callees), invariants=True)


def _fresh_behind(reversed_: Reversed, function: ir.Function) -> Fresh:
    whole = replace(
        function,
        params=function.params + tuple(s for s in reversed_.seeds if s is not None),
        body=reversed_.forward + reversed_.backward,
    )
    return Fresh(visit.first_free_id(whole))


class _Rows:
    def __init__(
        self,
        primal: ir.Function,
        batch: ir.Function,
        wrt: tuple[int, ...],
        chunks: Chunks,
        present: tuple[bool, ...],
    ) -> None:
        self.primal = primal
        self.batch = batch
        self.wrt = [p for p, is_present in zip(wrt, present, strict=True) if is_present]
        self.name = chunks.name
        self.count = chunks.count
        self.written = chunks.written
        self.copies: effects.Copies = {}
        self.fresh = Fresh(visit.first_free_id(primal))

    def entry(self) -> ir.Function:
        """Return one batch, or a loop until the number of rows that the first batch found."""
        params, count = self.primal.params, len(self.primal.results)
        out = BlockBuilder(self.fresh)
        out.origin = self.primal.origin
        columns, _ = directions.parts([params[position] for position in self.wrt], out)
        rows = self.batch.results[-1]
        if isinstance(rows, ir.Const) and rows.value <= self.count:
            _, made = self._chunk(arith.ZERO, columns, None, out)
        else:
            self.copies = effects.copies(self.primal, self.written, out)
            made = self._loop(columns, out)
            made[:count] = effects.put_back(self.primal, self.copies, made[:count], out)
        return ir.Function(self.name, params, out.block(), tuple(made), self.primal.origin)

    def _loop(self, columns: list[directions.Part], out: BlockBuilder) -> list[ir.Operand]:
        count = len(self.primal.results)
        kept: list[Type] = [result.type for result in self.primal.results]
        dtypes = [directions.plain_dtype(result.type) for result in self.batch.results[count:-1]]
        types = [INT64, INT64, *kept, *(Array(dtype, 2, "C") for dtype in dtypes)]
        names = ["start", "rows", *("y" for _ in kept), *("J" for _ in dtypes)]
        inners = [self.fresh.var(t, name) for t, name in zip(types, names, strict=True)]
        results = [self.fresh.var(t, name) for t, name in zip(types, names, strict=True)]
        before, body = out.nested(), out.nested()
        condition = before.call(BOOL, operator.lt, inners[0], inners[1])
        rows, made = self._chunk(inners[0], columns, inners[2 + count :], body)
        start = body.call(INT64, operator.add, inners[0], ir.Const(self.count, INT64))
        inits: list[ir.Operand] = [arith.ZERO, arith.ONE]
        inits += [ir.Undefined(type_) for type_ in types[2:]]
        carried = tuple(
            ir.Carried(*each)
            for each in zip(inners, inits, [start, rows, *made], results, strict=True)
        )
        out.emit(ir.While(carried, before.block(), condition, body.block(), out.origin))
        return list(results[2:])

    def _chunk(
        self,
        start: ir.Operand,
        columns: list[directions.Part],
        matrices: list[ir.Var] | None,
        out: BlockBuilder,
    ) -> tuple[ir.Operand, list[ir.Operand]]:
        """Run one batch; return the number of all rows, and the primal's results and the matrices.

        The matrices are those of the batch before, new ones in the first.
        """
        given = effects.arguments(self.primal, self.copies, out)
        units = self._units(out)
        body, results = visit.inline(self.batch, (*given, units, start), self.fresh)
        for statement in body:
            out.emit(statement)
        count = len(self.primal.results)
        rows = results[-1]
        made = list(results[:count])
        for position, (part, x_bar) in enumerate(zip(columns, results[count:-1], strict=True)):
            type_ = Array(directions.plain_dtype(x_bar.type), 2, "C")
            earlier = None if matrices is None else matrices[position]
            matrix = self._matrix(type_, earlier, (rows, part.size), start, out)
            self._fill(matrix, replace(part, value=x_bar), start, rows, out)
            made.append(matrix)
        return rows, made

    def _units(self, out: BlockBuilder) -> ir.Var:
        """Return the array whose item ``k`` is the seed of lane ``k``."""
        type_ = self.batch.params[-2].type
        assert isinstance(type_, Array)
        units = out.let(type_, ir.Alloc((ir.Const(self.count, INT64),), None), "units")
        for k in range(self.count):
            unit = directions.unit(type_.dtype, ir.Const(k, INT64), out)
            out.emit(ir.Store(units, (ir.Const(k, INT64),), unit, out.origin))
        return units

    def _matrix(
        self,
        type_: Array,
        earlier: ir.Var | None,
        extents: tuple[ir.Operand, ...],
        start: ir.Operand,
        out: BlockBuilder,
    ) -> ir.Var:
        if earlier is None:
            return out.let(type_, ir.Alloc(extents, None), "J")
        is_first = out.call(BOOL, operator.eq, start, arith.ZERO)
        then = out.nested()
        new = then.let(type_, ir.Alloc(extents, None), "J")
        result = self.fresh.var(type_, "J")
        merge = ir.Merge(result, new, earlier)
        out.emit(ir.If(is_first, then.block(), (), (merge,), out.origin))
        return result

    def _fill(
        self,
        matrix: ir.Var,
        part: directions.Part,
        start: ir.Operand,
        rows: ir.Operand,
        out: BlockBuilder,
    ) -> None:
        """Put the lanes of a parameter's cotangent into the rows from ``start`` on."""
        left = arith.sub_int(out, rows, start)
        size = directions.at_most(left, ir.Const(self.count, INT64), out)

        def column(block: BlockBuilder, number: ir.Operand, element: ir.Operand) -> None:
            k, inner = self.fresh.var(INT64, "k"), block.nested()
            place = (arith.add_int(inner, start, k), number)
            inner.emit(ir.Store(matrix, place, directions.take(element, k, inner), out.origin))
            block.emit(ir.For(k, arith.ZERO, size, arith.ONE, (), inner.block(), out.origin))

        directions.each_element(part.value, part.shape, out, column)
