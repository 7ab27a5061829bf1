"""``forwarddiff(f, x)`` inside differentiated code: a function with a derivative of its own.

The function gets a ``CustomDerivative`` whose forward part computes its Jacobian by forward mode in
chunks and keeps it, and whose backward part multiplies with it. What ``f`` takes from around it is
constant.
"""

from __future__ import annotations

import ast
from dataclasses import replace

import numpy as np

from numbad import chunks
from numbad.analysis.memory import Memory
from numbad.analysis.regions import analyse as analyse_regions
from numbad.frontend.builder import Builder
from numbad.frontend.values import StaticValue, Value
from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.build import BlockBuilder, Fresh
from numbad.ir.types import INT64, Array, Tuple, Type, is_complex, is_memory, tangent_type
from numbad.nesting.functions import (
    Walked,
    adopted,
    leaf_positions,
    rebuilt,
    unused_name,
    walk,
)
from numbad.nesting.matrices import written
from numbad.transform import arith, directions
from numbad.transform.arrays import copy_into
from numbad.transform.derivatives import Derivatives
from numbad.transform.directions import Chunks
from numbad.transform.forward import forward
from numbad.transform.jacobian_columns import Matrices, jacobian_columns

_LANES_UNKNOWN = 8


class ForwardDiff:
    """Handler of ``forwarddiff``."""

    def __init__(self, derivatives: Derivatives) -> None:
        self.derivatives = derivatives

    def call(
        self, builder: Builder, args: list[Value], kwargs: dict[str, Value], node: ast.AST | None
    ) -> Value:
        """``forwarddiff(f, x, chunk_threshold=12)``."""
        function, x, *rest = args
        given = rest[0] if rest else kwargs.get("chunk_threshold", StaticValue(12))
        walked = walk(builder, function, [x], node)
        wrt = leaf_positions(builder, [x], (0,))
        if not wrt or not walked.function.results:
            return builder.apply(function, [x], {}, node)
        self._check(builder, walked, wrt, node)
        lanes = self._lanes(walked, wrt, int(builder.as_static(given)))
        plain = with_new_memory(walked.function)
        primal = ir.Program(plain, dict(builder.callees))
        outs = tuple(
            position
            for position, result in enumerate(plain.results)
            if tangent_type(result.type) is not None
        )
        made = jacobian_columns(
            primal, wrt, outs, Chunks("forwarddiff", lanes, frozenset()), self.derivatives
        )
        kept = _keeping(adopted(builder, made.program), wrt)
        derivative = ir.CustomDerivative(
            "forwarddiff",
            kept,
            _Backward(plain, kept, made, wrt, outs).function(),
            wrt,
            (),
            whole_tangent(builder, primal, wrt, self.derivatives),
            wrt,
        )
        name = unused_name(builder, "forwarddiff")
        builder.callees[name] = replace(plain, name=name, custom=derivative)
        types = [result.type for result in plain.results]
        invoke = ir.Invoke(name, walked.actual, wrt)
        if len(types) == 1:
            found = [builder.let(types[0], invoke)]
        else:
            whole = builder.let(Tuple(tuple(types)), invoke)
            found = [
                builder.let(type_, ir.TupleItem(whole, position))
                for position, type_ in enumerate(types)
            ]
        return rebuilt(builder, walked.result, list(found))

    def _check(
        self, builder: Builder, walked: Walked, wrt: tuple[int, ...], node: ast.AST | None
    ) -> None:
        if written(walked.function):
            builder.error(
                node,
                "the function given to `forwarddiff` writes to an array from outside.",
                why="Its derivative is computed apart from the rest of the program.",
                remedy="Let it return a new array.",
            )
        values = [walked.function.params[position] for position in wrt]
        for value in (*values, *walked.function.results):
            element = value.type.dtype if isinstance(value.type, Array) else value.type
            if is_complex(element):
                builder.error(node, "`forwarddiff` is for real numbers.")
            if is_memory(value.type) and not isinstance(value.type, Array):
                builder.error(node, "`forwarddiff` is for numbers and arrays, not lists.")

    def _lanes(self, walked: Walked, wrt: tuple[int, ...], threshold: int) -> int:
        params = walked.function.params
        numbers = all(not is_memory(params[position].type) for position in wrt)
        return chunks.lanes_for(len(wrt) if numbers else _LANES_UNKNOWN, threshold)


def whole_tangent(
    builder: Builder, primal: ir.Program, wrt: tuple[int, ...], derivatives: Derivatives
) -> ir.Function:
    """Return the function with tangents, of which each result that can have one has one."""
    tangent = forward(primal, wrt, derivatives, f"{primal.entry.name}_tangent")
    entry = adopted(builder, tangent.program)
    count = len(primal.entry.results)
    out = BlockBuilder(Fresh(visit.first_free_id(entry)))
    out.origin = entry.origin
    found = iter(entry.results[count:])
    tangents: list[ir.Operand] = []
    for result, is_varied in zip(entry.results[:count], tangent.varied, strict=True):
        type_ = tangent_type(result.type)
        if is_varied:
            tangents.append(next(found))
        elif isinstance(type_, Array):
            (part,), _ = directions.parts([result], out)
            tangents.append(directions.new_zeros(type_, part.shape, out, ""))
        elif type_ is not None:
            tangents.append(arith.zero(type_))
    return replace(
        entry,
        body=entry.body + out.block(),
        results=entry.results[:count] + tuple(tangents),
    )


def with_new_memory(function: ir.Function) -> ir.Function:
    """Copy what the function returns of its parameters' memory."""
    out = BlockBuilder(Fresh(visit.first_free_id(function)))
    out.origin = function.origin
    params = set(function.params)
    regions = analyse_regions(function.body, function.params)
    memory = Memory(regions, function.params, function.results)
    external = {id(memory.of(p)) for p in params if is_memory(p.type)}
    results: list[ir.Operand] = []
    for result in function.results:
        type_ = result.type
        if not isinstance(type_, Array) or id(memory.of(result)) not in external:  # type: ignore[arg-type]
            results.append(result)
            continue
        layout = "F" if type_.layout == "F" else "C"
        new_type = replace(type_, layout=layout, readonly=False)
        made = out.call(new_type, np.copy, result)
        results.append(made if new_type == type_ else out.let(type_, ir.Cast(made)))
    return replace(function, body=function.body + out.block(), results=tuple(results))


def _keeping(forward_part: ir.Function, wrt: tuple[int, ...]) -> ir.Function:
    """Let the forward part also return the shapes of the arrays it is differentiated by."""
    out = BlockBuilder(Fresh(visit.first_free_id(forward_part)))
    out.origin = forward_part.origin
    params = [forward_part.params[position] for position in wrt]
    parts, _ = directions.parts(list(params), out)
    extents = tuple(out.let(INT64, ir.Cast(extent)) for part in parts for extent in part.shape)
    return replace(
        forward_part,
        body=forward_part.body + out.block(),
        results=forward_part.results + extents,
    )


class _Backward:
    """Builds the backward part: cotangents times matrices."""

    def __init__(
        self,
        plain: ir.Function,
        kept: ir.Function,
        made: Matrices,
        wrt: tuple[int, ...],
        outs: tuple[int, ...],
    ) -> None:
        fresh = Fresh()
        self.plain, self.made, self.wrt = plain, made, wrt
        count = len(plain.results)
        self.kept = [fresh.var(value.type) for value in kept.results[count:]]
        self.seeds = []
        for position in outs:
            type_ = tangent_type(plain.results[position].type)
            assert type_ is not None
            self.seeds.append(fresh.var(type_, "y_bar"))
        self.out = BlockBuilder(fresh)
        self.out.origin = plain.origin

    def function(self) -> ir.Function:
        """Return the backward part."""
        remaining = iter(self.kept)
        blocks = [
            [next(remaining) if is_present else None for is_present in row]
            for row in self.made.blocks
        ]
        cotangents = []
        for column, position in enumerate(self.wrt):
            type_ = tangent_type(self.plain.params[position].type)
            assert type_ is not None
            ndim = type_.ndim if isinstance(type_, Array) else 0
            shape = tuple(next(remaining) for _ in range(ndim))
            cotangents.append(self._cotangent(type_, shape, [row[column] for row in blocks]))
        return ir.Function(
            "forwarddiff_backward",
            (*self.kept, *self.seeds),
            self.out.block(),
            tuple(cotangents),
            self.plain.origin,
        )

    def _cotangent(
        self, type_: Type, shape: tuple[ir.Operand, ...], matrices: list[ir.Var | None]
    ) -> ir.Operand:
        out = self.out
        dtype = directions.plain_dtype(type_)
        size = directions.product(shape, out)
        sums = out.let(Array(dtype, 1, "C"), ir.Alloc((size,), arith.zero(dtype)), "x_bar")
        for matrix, seed in zip(matrices, self.seeds, strict=True):
            if matrix is not None:
                self._add(sums, size, matrix, seed)
        if not isinstance(type_, Array):
            return out.let(dtype, ir.Load(sums, (arith.ZERO,)))
        made_type = Array(dtype, type_.ndim, "C")
        made = out.let(made_type, ir.Reshape(sums, shape))
        return made if made_type == type_ else self._laid_out(made, type_, shape)

    def _laid_out(self, made: ir.Var, type_: Array, shape: tuple[ir.Operand, ...]) -> ir.Var:
        if type_.layout != "F":
            return self.out.let(type_, ir.Cast(made))
        target = directions.new_zeros(type_, shape, self.out, "x_bar")
        copy_into(self.out, target, made)
        return target

    def _add(self, sums: ir.Var, size: ir.Operand, matrix: ir.Var, seed: ir.Var) -> None:
        """Add the product of a seed with a matrix, row by row."""
        (part,), _ = directions.parts([seed], self.out)

        def row(block: BlockBuilder, number: ir.Operand, element: ir.Operand) -> None:
            j, inner = block.fresh.var(INT64, "j"), block.nested()
            dtype = directions.plain_dtype(matrix.type)
            slope = inner.let(dtype, ir.Load(matrix, (number, j)))
            term = arith.cast(inner, arith.multiply(inner, element, slope), dtype)
            inner.emit(ir.Accumulate(sums, (j,), term, block.origin))
            block.emit(ir.For(j, arith.ZERO, size, arith.ONE, (), inner.block(), block.origin))

        directions.each_element(seed, part.shape, self.out, row)
