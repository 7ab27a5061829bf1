"""Which arguments of a program lead to its results at all, if only with slope zero."""

from __future__ import annotations

from numbad.analysis import activity
from numbad.analysis.influence import influence
from numbad.analysis.memory import Memory
from numbad.analysis.regions import analyse as analyse_regions
from numbad.ir import nodes as ir


def connections(
    program: ir.Program,
    wrt: tuple[int, ...],
    outputs: tuple[int, ...],
    connected: activity.DifferentiableArguments,
) -> tuple[bool, ...]:
    """For each parameter at ``wrt``: whether any path leads from it to the outputs.

    ``connected`` names the operands on which a call depends.
    """
    function = program.entry
    regions = analyse_regions(function.body, function.params)
    found = activity.analyse(
        function.body,
        Memory(regions, function.params, function.results),
        [function.params[position] for position in wrt],
        [function.results[position] for position in outputs],
        connected,
        casts=True,
        influence=influence(program, connected, casts=True),
    )
    return tuple(found.is_active(function.params[position]) for position in wrt)
