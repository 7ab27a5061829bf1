"""Programs that write to their arguments, run several times for their derivatives.

Every run but the last works on copies, so that the arguments change once.
"""

from __future__ import annotations

from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.build import BlockBuilder
from numbad.ir.types import INT64, Array
from numbad.transform import directions
from numbad.transform.arrays import copy_into


def arguments(
    function: ir.Function, written: frozenset[int], out: BlockBuilder
) -> tuple[ir.Operand, ...]:
    """Return arguments for one run: the function's parameters, copied where it writes to them."""
    return tuple(
        _copy(param, out) if position in written else param
        for position, param in enumerate(function.params)
    )


def run(function: ir.Function, out: BlockBuilder) -> list[ir.Operand]:
    """Emit the function itself on its own parameters; return its results."""
    body, results = visit.inline(function, function.params, out.fresh)
    for statement in body:
        out.emit(statement)
    return list(results)


def _copy(param: ir.Var, out: BlockBuilder) -> ir.Var:
    assert isinstance(param.type, Array)
    shape = tuple(out.let(INT64, ir.Shape(param, axis)) for axis in range(param.type.ndim))
    copied = directions.new_zeros(param.type, shape, out, param.name)
    copy_into(out, copied, param)
    return copied
