"""Which arguments of the invoked functions of a program matter to what they return or write."""

from __future__ import annotations

from collections.abc import Mapping

from numbad.analysis import activity
from numbad.analysis.memory import Memory
from numbad.analysis.regions import analyse as analyse_regions
from numbad.ir import nodes as ir
from numbad.ir.types import is_memory

Influence = Mapping[str, frozenset[int]]


def influence(
    program: ir.Program, differentiable: activity.DifferentiableArguments, *, casts: bool = False
) -> Influence:
    """Return, per invoked function, the positions of the arguments that lead to its effects.

    A number that only steers a recursion, as its depth does, is left out. Memory is always in:
    what is written to it is an effect. The least solution is found by iteration, so that a path
    counts only if it ends outside of the recursion.
    """
    found: dict[str, frozenset[int]] = {name: frozenset() for name in program.callees}
    memories = {
        name: Memory(analyse_regions(callee.body, callee.params), callee.params, callee.results)
        for name, callee in program.callees.items()
    }
    while True:
        before = dict(found)
        for name, callee in program.callees.items():
            written = [param for param in callee.params if is_memory(param.type)]
            reached = activity.analyse(
                callee.body,
                memories[name],
                callee.params,
                [*callee.results, *written],
                differentiable,
                casts=casts,
                influence=found,
            )
            found[name] = frozenset(
                position
                for position, param in enumerate(callee.params)
                if is_memory(param.type) or reached.is_active(param)
            )
        if found == before:
            return found
