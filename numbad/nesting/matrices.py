"""Jacobians and Hessians inside differentiated code, as further handlers of the front end.

As in ``nesting``, the function is walked as one of its own, its matrix becomes a program by the
same transforms as at the outermost level, and that is inlined where the call stands.
"""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import Any

from numbad import chunks
from numbad.analysis.memory import Memory
from numbad.analysis.regions import analyse as analyse_regions
from numbad.errors import NonScalarOutput
from numbad.frontend.builder import Builder
from numbad.frontend.values import NONE, OperandValue, StaticValue, TupleValue, Value
from numbad.ir import nodes as ir
from numbad.ir.types import Array, Scalar, is_complex, is_memory, tangent_type
from numbad.nesting.functions import Walked, leaf_positions, positions, rebuilt, splice, walk
from numbad.nesting.several import SeveralResults, is_several
from numbad.nesting.shapes import diagonal_for, vector_for_number, zero_like, zero_matrix
from numbad.transform import arith
from numbad.transform.derivatives import Derivatives
from numbad.transform.directions import Chunks, plain_dtype
from numbad.transform.effects import is_repeatable
from numbad.transform.jacobian_columns import Matrices, jacobian_columns
from numbad.transform.jacobian_rows import jacobian_rows
from numbad.transform.matrices import (
    gradient_program,
    hessian_columns,
    hessian_product,
    hessian_rows,
)

# Directions per sweep where their number is known at run time only.
_LANES_UNKNOWN = 8


class MatrixVerbs:
    """Handlers of the verbs that return matrices."""

    def __init__(self, derivatives: Derivatives) -> None:
        self.derivatives = derivatives

    def jacobian(
        self, builder: Builder, args: list[Value], kwargs: dict[str, Value], node: ast.AST | None
    ) -> Value:
        """``jacobian(f, *xs, ...)``."""
        return self._jacobian(builder, args, kwargs, node)[1]

    def withjacobian(
        self, builder: Builder, args: list[Value], kwargs: dict[str, Value], node: ast.AST | None
    ) -> Value:
        """``withjacobian(f, *xs, ...)``."""
        from numbad.api import ValueAndGrad

        return TupleValue(self._jacobian(builder, args, kwargs, node), ValueAndGrad)

    def hessian(
        self, builder: Builder, args: list[Value], kwargs: dict[str, Value], node: ast.AST | None
    ) -> Value:
        """``hessian(f, x)``."""
        return self._hessian(builder, args, kwargs, node, "columns")[2]

    def hessian_reverse(
        self, builder: Builder, args: list[Value], kwargs: dict[str, Value], node: ast.AST | None
    ) -> Value:
        """``hessian_reverse(f, x)``."""
        return self._hessian(builder, args, kwargs, node, "rows")[2]

    def withhessian(
        self, builder: Builder, args: list[Value], kwargs: dict[str, Value], node: ast.AST | None
    ) -> Value:
        """``withhessian(f, x)``."""
        from numbad.hessians import ValueGradHess

        return TupleValue(self._hessian(builder, args, kwargs, node, "columns"), ValueGradHess)

    # --- Jacobians ------------------------------------------------------------------------------

    def _jacobian(
        self, builder: Builder, args: list[Value], kwargs: dict[str, Value], node: ast.AST | None
    ) -> tuple[Value, Value]:
        function, *xs = args
        options = _options(builder, kwargs, node, mode="auto", wrt=None)
        walked = _with_result(walk(builder, function, xs, node))
        chosen = _real_positions(builder, xs, options["wrt"], node)
        wrt = leaf_positions(builder, xs, chosen)
        settings = self._chunks(builder, node, walked, wrt, options["chunk_threshold"])
        program = ir.Program(walked.function, dict(builder.callees))
        if is_several(builder, walked.result):
            several = SeveralResults(builder, walked, program, node)
            blocks = several.jacobians(wrt, settings, self.derivatives, options["mode"])
            leaves = iter(blocks)
            return several.value(), TupleValue(
                tuple(next(leaves) if n in chosen else NONE for n in range(len(xs)))
            )
        y = _real_result(builder, walked, node)
        is_number = not is_memory(y.type)
        is_wide = any(is_memory(walked.actual[position].type) for position in wrt)
        mode = options["mode"]
        if mode == "auto":
            mode = "reverse" if is_number and is_wide else "forward"
        if mode == "reverse":
            rows = Chunks(settings.name, 1, settings.written) if is_number else settings
            made = jacobian_rows(program, wrt, 0, rows, self.derivatives)
        else:
            made = jacobian_columns(program, wrt, (0,), settings, self.derivatives)
        values, matrices = _spliced(builder, walked, made)
        entries: list[Value] = []
        for position, x in enumerate(xs):
            if position not in chosen:
                entries.append(NONE)
                continue
            operand = builder.as_operand(x)
            matrix = matrices.pop(0)
            if matrix is None:
                matrix = zero_matrix(builder, values[0], operand)
            entries.append(OperandValue(vector_for_number(builder, matrix, operand)))
        result = rebuilt(builder, walked.result, list(values))
        return result, TupleValue(tuple(entries))

    def _chunks(
        self,
        builder: Builder,
        node: ast.AST | None,
        walked: Walked,
        wrt: tuple[int, ...],
        threshold: int,
    ) -> Chunks:
        params = walked.function.params
        numbers = all(not is_memory(params[position].type) for position in wrt)
        program = ir.Program(walked.function, dict(builder.callees))
        is_one = numbers and len(wrt) <= 1
        if not is_one and not is_repeatable(program, self.derivatives):
            builder.error(
                node,
                "a derivative matrix takes several sweeps, which would print or draw random "
                "numbers again.",
                remedy="Draw the numbers outside of the function that is differentiated.",
            )
        directions = len(wrt) if numbers else max(_LANES_UNKNOWN, len(wrt))
        lanes = chunks.lanes_for(directions, threshold)
        return Chunks("inner_matrix", lanes, written(walked.function))

    # --- Hessians -------------------------------------------------------------------------------

    def _hessian(
        self,
        builder: Builder,
        args: list[Value],
        kwargs: dict[str, Value],
        node: ast.AST | None,
        mode: str,
    ) -> tuple[Value, Value, Value]:
        function, x = args[:2]
        options = _options(builder, kwargs, node)
        walked = walk(builder, function, [x], node)
        y = _real_result(builder, walked, node)
        if is_memory(y.type):
            builder.error(
                node, "`hessian` needs a real number from its function.", kind=NonScalarOutput
            )
        operand = _single(builder, x, node)
        program = ir.Program(walked.function, dict(builder.callees))
        gradient = gradient_program(program, (0,), self.derivatives, "inner_gradient")
        settings = self._chunks(builder, node, walked, (0,), options["chunk_threshold"])
        if not gradient.wrt:
            made = Matrices(gradient.program, ((False,),), 1)
        elif mode == "rows":
            made = hessian_rows(gradient, settings, self.derivatives)
        else:
            made = hessian_columns(gradient, settings, self.derivatives)
        values, (matrix,) = _spliced(builder, walked, made, extra=len(gradient.wrt))
        count = len(walked.function.results)
        grad = values[count] if gradient.wrt else zero_like(builder, operand)
        if matrix is None:
            matrix = zero_matrix(builder, operand, operand)
        if not is_memory(operand.type):
            matrix = builder.let(
                plain_dtype(matrix.type), ir.Load(matrix, (arith.ZERO, arith.ZERO))
            )
        val = rebuilt(builder, walked.result, list(values[:count]))
        return val, OperandValue(grad), OperandValue(matrix)

    def diaghessian(
        self, builder: Builder, args: list[Value], kwargs: dict[str, Value], node: ast.AST | None
    ) -> Value:
        """``diaghessian(f, *xs)``."""
        function, *xs = args
        options = _options(builder, kwargs, node, wrt=None)
        walked = walk(builder, function, xs, node)
        _real_result(builder, walked, node)
        chosen = _real_positions(builder, xs, options["wrt"], node)
        wrt = leaf_positions(builder, xs, chosen)
        program = ir.Program(walked.function, dict(builder.callees))
        gradient = gradient_program(program, wrt, self.derivatives, "inner_gradient")
        settings = self._chunks(builder, node, walked, wrt, options["chunk_threshold"])
        made = Matrices(gradient.program, (), 1)
        if gradient.wrt:
            made = hessian_columns(gradient, settings, self.derivatives, diagonal=True)
        found = splice(builder, made.program, walked.actual)
        diagonals = iter(found[len(walked.function.results) + len(gradient.wrt) :])
        present = {
            position: row[number]
            for number, (position, row) in enumerate(zip(gradient.wrt, made.blocks, strict=True))
        }
        leaves = dict(zip(chosen, wrt, strict=True))
        entries: list[Value] = []
        for position, x in enumerate(xs):
            if position not in leaves:
                entries.append(NONE)
                continue
            operand = builder.as_operand(x)
            if not present.get(leaves[position]):
                entries.append(OperandValue(zero_like(builder, operand)))
                continue
            diagonal = next(diagonals)
            assert isinstance(diagonal, ir.Var)
            entries.append(OperandValue(diagonal_for(builder, diagonal, operand)))
        return TupleValue(tuple(entries))

    def hvp(
        self, builder: Builder, args: list[Value], kwargs: dict[str, Value], node: ast.AST | None
    ) -> Value:
        """``hvp(f, x, v)``."""
        function, x, v = args
        _options(builder, kwargs, node)
        walked = walk(builder, function, [x], node)
        _real_result(builder, walked, node)
        operand = _single(builder, x, node)
        program = ir.Program(walked.function, dict(builder.callees))
        gradient = gradient_program(program, (0,), self.derivatives, "inner_gradient")
        if gradient.wrt:
            made, present = hessian_product(gradient, self.derivatives, "inner_product")
            if present[0]:
                type_ = tangent_type(operand.type)
                assert type_ is not None
                direction = builder.as_operand(v)
                seed = direction if is_memory(type_) else builder.cast(direction, type_)
                found = splice(builder, made, (*walked.actual, seed))
                return OperandValue(found[-1])
        return OperandValue(zero_like(builder, operand))


def written(function: ir.Function) -> frozenset[int]:
    """Return the positions of the parameters that a function writes to."""
    regions = analyse_regions(function.body, function.params)
    memory = Memory(regions, function.params, function.results)
    return frozenset(
        position
        for position, param in enumerate(function.params)
        if is_memory(param.type) and memory.of(param).writes
    )


def _options(
    builder: Builder, kwargs: dict[str, Value], node: ast.AST | None, **defaults: Any
) -> dict[str, Any]:
    """Return the options of a nested verb; those that it cannot heed are refused."""
    given = {name: builder.as_static(value) for name, value in kwargs.items()}
    given.pop("engine", None)
    if given.pop("order", "C") != "C":
        builder.error(node, "inside differentiated code matrices have order='C'.")
    options = {"chunk_threshold": 12, **defaults}
    for name, value in given.items():
        if name not in options:
            builder.error(node, f"the option `{name}` cannot be given inside differentiated code.")
        options[name] = value
    return options


def _with_result(walked: Walked) -> Walked:
    """Let a function without a result that writes to its first argument have that as its result."""
    function = walked.function
    if function.results or 0 not in written(function):
        return walked
    first = function.params[0]
    return replace(walked, function=replace(function, results=(first,)), result=OperandValue(first))


def _real_result(builder: Builder, walked: Walked, node: ast.AST | None) -> ir.Operand:
    results = walked.function.results
    if len(results) == 1:
        type_ = results[0].type
        element = type_.dtype if isinstance(type_, Array) else type_
        if isinstance(element, Scalar) and not is_complex(element) and element.name != "bool":
            return results[0]
    return builder.error(
        node,
        "a matrix of derivatives needs a function that returns a real number or array.",
        kind=NonScalarOutput,
    )


def _real_positions(
    builder: Builder, xs: list[Value], wrt: Any, node: ast.AST | None
) -> tuple[int, ...]:
    """Positions of the arguments that have a matrix: real numbers and arrays."""
    found = []
    for position in positions(wrt, len(xs), builder, node):
        x = xs[position]
        if isinstance(x, StaticValue) or builder.as_sequence(x) is not None:
            continue
        type_ = builder.as_operand(x).type
        if tangent_type(type_) is None:
            continue
        element = type_.dtype if isinstance(type_, Array) else type_
        if is_complex(element):
            builder.error(node, "a matrix of derivatives needs real arguments.")
        found.append(position)
    return tuple(found)


def _single(builder: Builder, x: Value, node: ast.AST | None) -> ir.Operand:
    if not isinstance(x, StaticValue) and builder.as_sequence(x) is None:
        operand = builder.as_operand(x)
        if tangent_type(operand.type) is not None and not is_complex(plain_dtype(operand.type)):
            return operand
    return builder.error(node, "a Hessian needs a real number or an array of real numbers.")


def _spliced(
    builder: Builder, walked: Walked, made: Matrices, extra: int = 0
) -> tuple[tuple[ir.Operand, ...], list[ir.Var | None]]:
    """Emit a program of matrices; return its other results and one entry per block."""
    found = splice(builder, made.program, walked.actual)
    count = len(walked.function.results) + extra
    matrices = iter(found[count:])
    blocks: list[ir.Var | None] = []
    for is_present in made.blocks[0]:
        matrix = next(matrices) if is_present else None
        assert matrix is None or isinstance(matrix, ir.Var)
        blocks.append(matrix)
    return found[:count], blocks
