"""What the reverse transform decided, for those who want to be told.

``decisions`` collects a record for each function that is reversed in a block. Nobody else pays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from numbad.analysis.activity import Activity
from numbad.analysis.regions import Region, Regions
from numbad.analysis.stepping import Cycle
from numbad.ir import nodes as ir

if TYPE_CHECKING:
    from numbad.transform.schedule import Plan, Recipe


@dataclass(frozen=True, eq=False)
class Decisions:
    """How one function is reversed.

    Attributes
    ----------
    function
        The function, before the statements that reverse mode adds.
    regions
        The regions of its body with these statements.
    activity
        Which values carry cotangents.
    plan
        Which primal values are recorded, which recomputed, which stores undone.
    overwritten
        For each store that may have to be undone, by identity, the value that it overwrites.
    kept
        Arrays that loops exchange, whose states stay in slots.
    fused
        Bodies of the loops whose backward part runs in the same pass.
    recipe
        How a value could be computed again; None if it cannot.
    rectangular
        Whether the tape of values in these loops is an array of exactly the right size.
    """

    function: ir.Function
    regions: Regions
    activity: Activity
    plan: Plan
    overwritten: dict[int, ir.Var]
    kept: tuple[Cycle, ...]
    fused: frozenset[Region]
    recipe: Callable[[ir.Var], Recipe | None]
    rectangular: Callable[[tuple[Region, ...]], bool]


_observers: list[dict[str, Decisions]] = []


@contextmanager
def decisions() -> Iterator[dict[str, Decisions]]:
    """Collect the decisions of a block, by name of the function."""
    found: dict[str, Decisions] = {}
    _observers.append(found)
    try:
        yield found
    finally:
        _observers.pop()


def tell(made: Decisions) -> None:
    """Tell those who listen; of several attempts at a function the last counts."""
    for observer in _observers:
        observer[made.function.name] = made
