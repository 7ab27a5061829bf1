"""Jacobians of functions that return a tuple, list or object: the derivatives of each part.

The derivative with respect to an argument has the structure of the result: for an array there, the
matrix; for a number, its row, which is a vector, or a number with respect to a number.
"""

from __future__ import annotations

import ast

from numbad import chunks as costs
from numbad.errors import NonScalarOutput
from numbad.frontend import templates
from numbad.frontend.builder import Builder
from numbad.frontend.values import Value
from numbad.ir import nodes as ir
from numbad.ir.types import Array, Scalar, is_complex, is_memory
from numbad.nesting.functions import Walked, rebuilt, splice
from numbad.nesting.shapes import size_of, vector_for_number, zero_like, zero_matrix
from numbad.transform import arith
from numbad.transform.derivatives import Derivatives
from numbad.transform.directions import Chunks, plain_dtype
from numbad.transform.jacobian_columns import jacobian_columns
from numbad.transform.number_rows import Table, number_columns, number_rows


def is_several(builder: Builder, result: templates.Template) -> bool:
    """Whether a result is more than one number or array."""
    return isinstance(result, templates.Joined) or builder.as_sequence(result) is not None


def is_possible(program: ir.Program, outs: tuple[int, ...], mode: str) -> bool:
    """Whether the derivatives of results can be found in a mode."""
    results = program.entry.results
    return mode != "reverse" or not any(is_memory(results[position].type) for position in outs)


def jacobian_parts(
    program: ir.Program,
    wrt: tuple[int, ...],
    outs: tuple[int, ...],
    chunks: Chunks,
    derivatives: Derivatives,
    mode: str,
) -> tuple[ir.Program, Table]:
    """Return the program with the derivatives of results, and which of them are there.

    Those of a number are gradients, or matrices of one row; those of an array are matrices.
    """
    entry = program.entry
    numbers_in = not any(is_memory(entry.params[position].type) for position in wrt)
    numbers_out = is_possible(program, outs, "reverse")
    if mode == "auto":
        by_rows = costs.by_rows(len(outs), len(wrt)) if numbers_in else True
        mode = "reverse" if by_rows and numbers_out else "forward"
    if mode == "reverse":
        return number_rows(program, wrt, outs, chunks, derivatives)
    if numbers_in and numbers_out:
        return number_columns(program, wrt, outs, chunks, derivatives)
    made = jacobian_columns(program, wrt, outs, chunks, derivatives)
    return made.program, made.blocks


_NOT_BY_ROWS = "mode='reverse' takes one array, or numbers only, as a result."
_REMEDY = "Use mode='forward', or return one array."


class SeveralResults:
    """The derivatives of a walked function, part by part."""

    def __init__(
        self, builder: Builder, walked: Walked, program: ir.Program, node: ast.AST | None
    ) -> None:
        self.builder = builder
        self.walked = walked
        self.program = program
        self.node = node
        self.values: list[ir.Operand] = []
        for result in walked.function.results:
            type_ = result.type
            element = type_.dtype if isinstance(type_, Array) else type_
            if not isinstance(element, Scalar) or is_complex(element) or element.name == "bool":
                builder.error(
                    node,
                    f"a part of the result is {type_}: a matrix of derivatives needs real "
                    "numbers and arrays.",
                    kind=NonScalarOutput,
                )

    def value(self) -> Value:
        """Return the result of the function."""
        return rebuilt(self.builder, self.walked.result, list(self.values))

    def jacobians(
        self, wrt: tuple[int, ...], chunks: Chunks, derivatives: Derivatives, mode: str
    ) -> list[Value]:
        """Emit the sweeps; return one structure of derivatives per parameter at ``wrt``."""
        outs = tuple(range(len(self.walked.function.results)))
        if not is_possible(self.program, outs, mode):
            self.builder.error(self.node, _NOT_BY_ROWS, remedy=_REMEDY)
        program, table = jacobian_parts(self.program, wrt, outs, chunks, derivatives, mode)
        found = splice(self.builder, program, self.walked.actual)
        count = len(self.walked.function.results)
        self.values = list(found[:count])
        rest = iter(found[count:])
        rows = [[next(rest) if there else None for there in row] for row in table]
        made = []
        for column, position in enumerate(wrt):
            x = self.walked.actual[position]
            parts = [
                self._part(row[column], y, x) for row, y in zip(rows, self.values, strict=True)
            ]
            made.append(rebuilt(self.builder, self.walked.result, parts))
        return made

    def _part(self, found: ir.Operand | None, y: ir.Operand, x: ir.Operand) -> ir.Operand:
        """Return the derivative of a part ``y`` of the result: a matrix, a row or a number."""
        builder = self.builder
        if is_memory(y.type):
            matrix = zero_matrix(builder, y, x) if found is None else found
            assert isinstance(matrix, ir.Var)
            return vector_for_number(builder, matrix, x)
        if found is None:
            found = zero_like(builder, x)
        if not isinstance(found.type, Array):
            return found
        assert isinstance(found, ir.Var)
        dtype = plain_dtype(found.type)
        if not is_memory(x.type):
            return builder.let(dtype, ir.Load(found, (arith.ZERO, arith.ZERO)))
        if found.type.ndim == 1:
            return found
        return builder.let(Array(dtype, 1, "C"), ir.Reshape(found, (size_of(builder, x),)))
