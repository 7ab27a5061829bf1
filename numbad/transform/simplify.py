"""Simplification of a program.

Constants are folded, copies propagated, repeated and invariant work is removed, dead code dropped.
Meaning is preserved exactly: floating-point expressions are not reassociated, only operations whose
result is known bit for bit are folded (``x * 1``, ``0 + int``, constants).

Each step takes a function and returns a function; ``simplify_function`` runs them until nothing
changes, in a bounded number of rounds.
"""

from __future__ import annotations

from dataclasses import replace

from numbad.ir import nodes as ir
from numbad.transform.dead import remove_dead
from numbad.transform.fold import fold
from numbad.transform.hoist import hoist

_MOST_ROUNDS = 6


def simplify_function(function: ir.Function, *, invariants: bool = False) -> ir.Function:
    """Return an equivalent, usually smaller function.

    ``invariants`` also removes repeated pure computations and moves those that do not change out
    of loops, so that the trip counts of inner loops are known before the outer one.
    """
    for _ in range(_MOST_ROUNDS):
        before = function
        function = fold(function)
        if invariants:
            function = hoist(function)
        function = remove_dead(function)
        if function == before:
            break
    return function


def simplify_program(program: ir.Program, *, invariants: bool = False) -> ir.Program:
    """Return the program with each function simplified."""
    return replace(
        program,
        entry=simplify_function(program.entry, invariants=invariants),
        callees={
            name: simplify_function(callee, invariants=invariants)
            for name, callee in program.callees.items()
        },
    )
