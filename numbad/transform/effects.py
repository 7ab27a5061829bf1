"""Programs with effects, run several times for their derivatives.

One that writes to its arguments works on copies of them as they were in every run; behind the last
one the copies are put back, so that the arguments change once. One that prints or draws random
numbers is not run twice: ``is_repeatable`` tells.
"""

from __future__ import annotations

from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.build import BlockBuilder
from numbad.ir.types import INT64, Array
from numbad.transform.arrays import copy_into
from numbad.transform.derivatives import Derivatives

Copies = dict[int, ir.Var]


def is_repeatable(program: ir.Program, derivatives: Derivatives) -> bool:
    """Whether a program can run twice without printing or drawing random numbers again."""
    for function in (program.entry, *program.callees.values()):
        for statement in visit.walk(function.body):
            match statement:
                case ir.Effect():
                    return False
                case ir.Let(_, ir.Call() as call) if derivatives.is_impure(call):
                    return False
                case _:
                    pass
    return True


def copies(function: ir.Function, written: frozenset[int], out: BlockBuilder) -> Copies:
    """Emit the memory for copies of the parameters at ``written``; return it by position."""
    return {position: _like(function.params[position], out) for position in sorted(written)}


def arguments(function: ir.Function, copied: Copies, out: BlockBuilder) -> tuple[ir.Operand, ...]:
    """Return arguments for one run: fresh copies of what the function writes to."""
    for position, work in copied.items():
        copy_into(out, work, function.params[position])
    return tuple(copied.get(position, param) for position, param in enumerate(function.params))


def put_back(
    function: ir.Function, copied: Copies, values: list[ir.Operand], out: BlockBuilder
) -> list[ir.Operand]:
    """Write the copies back; return the last run's results, parameters as themselves."""
    for position, work in copied.items():
        copy_into(out, function.params[position], work)
    written = {function.params[position] for position in copied}
    return [
        result if result in written else value
        for result, value in zip(function.results, values, strict=True)
    ]


def _like(param: ir.Var, out: BlockBuilder) -> ir.Var:
    """Return new memory like an array."""
    type_ = param.type
    assert isinstance(type_, Array)
    shape = tuple(out.let(INT64, ir.Shape(param, axis)) for axis in range(type_.ndim))
    made_type = Array(type_.dtype, type_.ndim, "F" if type_.layout == "F" else "C")
    made = out.let(made_type, ir.Alloc(shape, None), param.name)
    return made if made_type == type_ else out.let(type_, ir.Cast(made))
