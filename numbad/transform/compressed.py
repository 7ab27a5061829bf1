"""Compressed Jacobians: products with all columns, or rows, of one colour at once.

Columns that have no row in common get one colour; the product of the Jacobian with the sum of
their unit vectors then holds the nonzeros of all of them. The program runs a sweep for several
colours at a time, one per lane, and returns the matrix of these products, one column per colour.

Beside the colours a program takes a *probe*, one more direction with any numbers, from whose
product the caller can tell that no nonzero was overlooked.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import replace

from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.build import BlockBuilder, Fresh
from numbad.ir.types import BOOL, FLOAT64, INT64, Array, Scalar, Type, is_memory
from numbad.transform import arith, directions, effects
from numbad.transform.chains import optimised
from numbad.transform.derivatives import Derivatives
from numbad.transform.directions import Chunks, Part
from numbad.transform.forward import forward
from numbad.transform.reverse import Reversed, reverse, without_unused_callees
from numbad.transform.simplify import simplify_program
from numbad.transform.widen import widened

Rows = tuple[Part, ir.Operand | None]
"""Elements that are rows of the matrix, and what a sweep gave for them; None for zeros."""
Sweep = Callable[[ir.Operand, BlockBuilder], tuple[list[ir.Operand], list[Rows]]]
"""One sweep, for the colours from its argument on: results of the primal, and the rows."""


def compressed_columns(
    program: ir.Program, wrt: tuple[int, ...], out: int, chunks: Chunks, derivatives: Derivatives
) -> ir.Program:
    """Return the products with the columns of each colour, by forward mode.

    The entry takes the parameters of the primal, the colours of the elements of the parameters at
    ``wrt`` (in C order, one parameter after the other), the probe (as many numbers) and the number
    of colours, the probe's included. It returns the results of the primal and the matrix, whose
    rows are the elements of the result ``out``.
    """
    primal = optimised(program)
    tangent = forward(primal, wrt, derivatives, f"{chunks.name}_tangent")
    entry, results = tangent.program.entry, len(primal.entry.results)
    dots = entry.results[results + sum(tangent.varied[:out]) :][: tangent.varied[out]]
    entry = replace(entry, results=(*entry.results[:results], *dots))
    chunk = simplify_program(replace(tangent.program, entry=entry))
    given = len(primal.entry.params)
    count, chunk = widened(chunk, tuple(range(given, given + len(wrt))), chunks.count, results)
    run = _Products(primal.entry, replace(chunks, count=count))

    def sweep(start: ir.Operand, block: BlockBuilder) -> tuple[list[ir.Operand], list[Rows]]:
        parts, _ = directions.parts([primal.entry.params[position] for position in wrt], block)
        arguments = effects.arguments(primal.entry, run.copies, block)
        seeds = [
            run.seed(part, param.type, start, block, param.name)
            for part, param in zip(parts, chunk.entry.params[given:], strict=True)
        ]
        found = run.inlined(chunk.entry, (*arguments, *seeds), block)
        (y,), _ = directions.parts([found[out]], block)
        return found[:results], [(y, found[results] if dots else None)]

    type_ = directions.plain_dtype(primal.entry.results[out].type)
    tangents = directions.plain_dtype(dots[0].type) if dots else type_
    function = run.function(sweep, tangents)
    whole = ir.Program(function, {**primal.callees, **chunk.callees})
    return without_unused_callees(simplify_program(whole, invariants=True))


def compressed_rows(
    program: ir.Program, wrt: tuple[int, ...], out: int, chunks: Chunks, derivatives: Derivatives
) -> ir.Program:
    """Return the products with the rows of each colour, by reverse mode.

    As ``compressed_columns`` with rows and columns exchanged: the colours are those of the elements
    of the result, and the rows of the matrix the elements of the parameters.
    """
    primal = optimised(program)
    reversed_ = reverse(primal, wrt, derivatives, seeded=(out,))
    results, given = len(primal.entry.results), len(primal.entry.params)
    batch = _batch(reversed_, out, chunks.name)
    count, batch = widened(batch, (given,), chunks.count, results)
    run = _Products(primal.entry, replace(chunks, count=count))
    cotangents = [c for c in reversed_.cotangents if c is not None]

    def sweep(start: ir.Operand, block: BlockBuilder) -> tuple[list[ir.Operand], list[Rows]]:
        arguments = effects.arguments(primal.entry, run.copies, block)
        size = block.let(INT64, ir.Shape(run.colors, 0))
        part = Part(run.colors, (size,), size, arith.ZERO)
        seeds = run.seed(part, batch.entry.params[given].type, start, block, "seeds")
        found = run.inlined(batch.entry, (*arguments, seeds), block)
        made = iter(found[results:])
        parts, _ = directions.parts([primal.entry.params[position] for position in wrt], block)
        rows = [
            (part, None if cotangent is None else next(made))
            for part, cotangent in zip(parts, reversed_.cotangents, strict=True)
        ]
        return found[:results], rows

    dtypes = {directions.plain_dtype(cotangent.type) for cotangent in cotangents}
    function = run.function(sweep, dtypes.pop() if len(dtypes) == 1 else FLOAT64)
    whole = ir.Program(function, {**primal.callees, **batch.callees})
    return without_unused_callees(simplify_program(whole, invariants=True))


def _batch(reversed_: Reversed, out: int, name: str) -> ir.Program:
    """Return both sweeps, with the seeds of all elements of the result as one more parameter."""
    function = reversed_.program.entry
    seed = reversed_.seeds[out]
    if seed is None:
        return ir.Program(_with_seeds(function, FLOAT64), reversed_.program.callees)
    whole = replace(
        function,
        params=(*function.params, seed),
        body=reversed_.forward + reversed_.backward,
    )
    block = BlockBuilder(Fresh(visit.first_free_id(whole)))
    block.origin = function.origin
    seeds = block.fresh.var(Array(directions.plain_dtype(seed.type), 1, "C"), "seeds")
    for statement in reversed_.forward:
        block.emit(statement)
    if is_memory(seed.type):
        assert isinstance(seed.type, Array)
        (y,), _ = directions.parts([function.results[out]], block)
        shaped = block.let(replace(seed.type, layout="C"), ir.Reshape(seeds, y.shape))
        block.let_existing(seed, ir.Cast(shaped))
    else:
        block.let_existing(seed, ir.Load(seeds, (arith.ZERO,)))
    for statement in reversed_.backward:
        block.emit(statement)
    entry = ir.Function(
        f"{name}_batch",
        (*function.params, seeds),
        block.block(),
        (*function.results, *(c for c in reversed_.cotangents if c is not None)),
        function.origin,
    )
    return simplify_program(ir.Program(entry, reversed_.callees), invariants=True)


def _with_seeds(function: ir.Function, dtype: Scalar) -> ir.Function:
    """Return the function with a parameter that nothing reads."""
    seeds = ir.Var(visit.first_free_id(function), Array(dtype, 1, "C"), "seeds")
    return replace(function, params=(*function.params, seeds))


class _Products:
    """The loop over the colours, and what goes into a sweep and comes out of it."""

    def __init__(self, primal: ir.Function, chunks: Chunks) -> None:
        self.primal = primal
        self.name = chunks.name
        self.count = chunks.count
        self.written = chunks.written
        self.copies: effects.Copies = {}
        self.fresh = Fresh(visit.first_free_id(primal))
        self.colors = self.fresh.var(Array(INT64, 1, "C"), "colors")
        self.probe = self.fresh.var(Array(FLOAT64, 1, "C"), "probe")
        self.total = self.fresh.var(INT64, "total")

    def function(self, sweep: Sweep, dtype: Scalar) -> ir.Function:
        """Return the function that runs the sweep for all colours."""
        out = BlockBuilder(self.fresh)
        out.origin = self.primal.origin
        self.copies = effects.copies(self.primal, self.written, out)
        kept = [result.type for result in self.primal.results]
        types: list[Type] = [*kept, Array(dtype, 2, "C")]
        names = [*("y" for _ in kept), "products"]
        inners = [self.fresh.var(type_, title) for type_, title in zip(types, names, strict=True)]
        results = [self.fresh.var(inner.type, inner.name) for inner in inners]
        start, inner = self.fresh.var(INT64, "start"), out.nested()
        values, rows = sweep(start, inner)
        products = self._collected(rows, inners[-1], start, inner)
        carried = tuple(
            ir.Carried(var, ir.Undefined(var.type), value, result)
            for var, value, result in zip(inners, [*values, products], results, strict=True)
        )
        stop = directions.at_least(self.total, arith.ONE, out)
        step = ir.Const(self.count, INT64)
        out.emit(ir.For(start, arith.ZERO, stop, step, carried, inner.block(), out.origin))
        given = effects.put_back(self.primal, self.copies, list(results[:-1]), out)
        params = (*self.primal.params, self.colors, self.probe, self.total)
        found = (*given, results[-1])
        return ir.Function(self.name, params, out.block(), found, self.primal.origin)

    def inlined(
        self, function: ir.Function, arguments: tuple[ir.Operand, ...], out: BlockBuilder
    ) -> list[ir.Operand]:
        """Emit the body of a function and return its results."""
        body, results = visit.inline(function, arguments, self.fresh)
        for statement in body:
            out.emit(statement)
        return list(results)

    def seed(
        self, part: Part, type_: Type, start: ir.Operand, out: BlockBuilder, name: str
    ) -> ir.Operand:
        """Return the seed of a part for the colours from ``start`` on."""
        last = arith.sub_int(out, self.total, arith.ONE)
        probed = arith.sub_int(out, last, start)
        if not is_memory(type_):
            return self._direction(part.first, type_, start, probed, out)
        assert isinstance(type_, Array)
        seeds = directions.new_zeros(type_, part.shape, out, name)
        j, inner = self.fresh.var(INT64, "j"), out.nested()
        number = arith.add_int(inner, part.first, j)
        value = self._direction(number, type_.dtype, start, probed, inner)
        place = directions.unravelled(j, part.shape, inner)
        inner.emit(ir.Store(seeds, place, value, out.origin))
        out.emit(ir.For(j, arith.ZERO, part.size, arith.ONE, (), inner.block(), out.origin))
        return seeds

    def _direction(
        self,
        number: ir.Operand,
        type_: Type,
        start: ir.Operand,
        probed: ir.Operand,
        out: BlockBuilder,
    ) -> ir.Operand:
        """Return the lanes of one element: 1 in that of its colour, its number in the probe's."""
        color = out.let(INT64, ir.Load(self.colors, (number,)))
        unit = directions.unit(type_, arith.sub_int(out, color, start), out)
        amount: ir.Operand = out.let(FLOAT64, ir.Load(self.probe, (number,)))
        amount = arith.cast(out, amount, directions.plain_dtype(type_))
        other = directions.unit(type_, probed, out)
        return arith.add(out, unit, arith.multiply(out, other, amount))

    def _collected(
        self, rows: list[Rows], earlier: ir.Var, start: ir.Operand, out: BlockBuilder
    ) -> ir.Operand:
        """Put the lanes of the rows into the columns from ``start`` on; return the matrix."""
        size: ir.Operand = arith.ZERO
        for part, _ in rows:
            size = arith.add_int(out, size, part.size)
        is_first = out.call(BOOL, operator.eq, start, arith.ZERO)
        assert isinstance(earlier.type, Array)
        then = out.nested()
        zero = arith.zero(earlier.type.dtype)
        new = then.let(earlier.type, ir.Alloc((size, self.total), zero), earlier.name)
        matrix = self.fresh.var(earlier.type, earlier.name)
        merge = ir.Merge(matrix, new, earlier)
        out.emit(ir.If(is_first, then.block(), (), (merge,), out.origin))
        for part, value in rows:
            if value is not None:
                self._fill(matrix, part, value, start, out)
        return matrix

    def _fill(
        self, matrix: ir.Var, part: Part, value: ir.Operand, start: ir.Operand, out: BlockBuilder
    ) -> None:
        left = arith.sub_int(out, self.total, start)
        width = directions.at_most(left, ir.Const(self.count, INT64), out)
        assert isinstance(matrix.type, Array)
        dtype = matrix.type.dtype

        def row(block: BlockBuilder, number: ir.Operand, element: ir.Operand) -> None:
            k, inner = self.fresh.var(INT64, "k"), block.nested()
            found = arith.cast(inner, directions.take(element, k, inner), dtype)
            place = (arith.add_int(inner, part.first, number), arith.add_int(inner, start, k))
            inner.emit(ir.Store(matrix, place, found, block.origin))
            block.emit(ir.For(k, arith.ZERO, width, arith.ONE, (), inner.block(), block.origin))

        directions.each_element(value, part.shape, out, row)
