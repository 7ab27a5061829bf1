"""Reverse mode: a program becomes one that also returns the cotangents of its inputs.

``reverse`` gives the two sweeps of the entry and a pair of functions for each function that it
invokes; ``joint`` puts the sweeps together in one function. Everything is ordinary IR, so that it
can be differentiated again.

Functions are simplified first; ``sweeps`` reverses one; what comes out is improved and simplified.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from numbad.analysis.memory import AliasClass, Memory
from numbad.analysis.regions import analyse as analyse_regions
from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.build import BlockBuilder, Fresh
from numbad.ir.types import Array, Scalar, is_memory, tangent_type
from numbad.transform import arith
from numbad.transform.accumulations import improve_accumulations
from numbad.transform.arrays import add_into
from numbad.transform.backward import BackwardSweep
from numbad.transform.branches import join_branches
from numbad.transform.chains import optimised
from numbad.transform.cleared import join_cleared
from numbad.transform.derivatives import Derivatives
from numbad.transform.first_writes import store_first_writes
from numbad.transform.gather import gather_stencils
from numbad.transform.induction import eliminate_inductions
from numbad.transform.pairs import Pairs, Request
from numbad.transform.postponed import postpone_clearing
from numbad.transform.products import store_products
from numbad.transform.simplify import simplify_program
from numbad.transform.sweeps import sweeps
from numbad.transform.unread import drop_unread_stores
from numbad.transform.values import Scope


@dataclass(frozen=True)
class Reversed:
    """The two sweeps of a program's entry.

    Attributes
    ----------
    program
        The simplified primal that was reversed.
    forward, backward
        The sweeps. The backward one uses values of the forward one by name.
    seeds
        One parameter per result that carries a cotangent, None for the others.
    cotangents
        One operand per differentiated parameter: its cotangent, or None without a path.
    callees
        The functions that the sweeps invoke.
    """

    program: ir.Program
    forward: ir.Block
    backward: ir.Block
    seeds: tuple[ir.Var | None, ...]
    cotangents: tuple[ir.Operand | None, ...]
    callees: dict[str, ir.Function]


def reverse(
    program: ir.Program,
    wrt: tuple[int, ...],
    derivatives: Derivatives,
    *,
    seeded: tuple[int, ...] | None = None,
    tape_purpose: str = "tape",
    fuse: bool = False,
) -> Reversed:
    """Return the sweeps for the parameters at ``wrt`` and the results at ``seeded`` (all).

    ``fuse`` lets the backward sweep run the forward part of independent loops too (see ``fuse``).
    With ``tape_purpose="user"`` the arrays of the tape are ordinary arrays that can be returned.
    """
    program = optimised(program)
    program = simplify_program(
        ir.Program(
            eliminate_inductions(program.entry),
            {name: eliminate_inductions(callee) for name, callee in program.callees.items()},
        ),
        invariants=True,
    )
    if any(callee.custom and callee.custom.unused for callee in program.callees.values()):
        # Hooks run in the reverse order of execution.
        fuse = False
    pairs = Pairs(program)
    while True:
        found = _reverse_entry(program, wrt, derivatives, pairs, seeded, tape_purpose, fuse)
        pairs.build_pending(partial(sweeps, derivatives=derivatives, pairs=pairs))
        if pairs.is_settled():
            return replace(found, callees={**program.callees, **pairs.functions})
        pairs = pairs.enlarged()


def _reverse_entry(
    program: ir.Program,
    wrt: tuple[int, ...],
    derivatives: Derivatives,
    pairs: Pairs,
    seeded: tuple[int, ...] | None,
    tape_purpose: str,
    fuse: bool,
) -> Reversed:
    function = program.entry
    fresh = Fresh(visit.first_free_id(function))
    inputs = [function.params[position] for position in wrt]
    chosen = range(len(function.results)) if seeded is None else seeded
    outputs = [function.results[position] for position in chosen]
    seeds: list[ir.Var | None] = []
    for position, result in enumerate(function.results):
        type_ = tangent_type(result.type)
        wanted = position in chosen and isinstance(result, ir.Var) and type_ is not None
        name = result.name if isinstance(result, ir.Var) and result.name else "y"
        seeds.append(fresh.var(type_, f"{name}_bar") if wanted and type_ is not None else None)

    def seeding(run: BackwardSweep, scope: Scope) -> None:
        for result, seed in zip(function.results, seeds, strict=True):
            if seed is None or not run.activity.is_active(result):
                continue
            if is_memory(result.type):
                assert isinstance(result, ir.Var)
                add_into(scope.block, run.shadow(result), seed)
            else:
                run.accumulate(result, seed, scope)

    tape_lists = pairs.tape_lists(fresh)
    request = Request(function, inputs, outputs, seeding, fresh, tape_lists)
    found = sweeps(request, derivatives, pairs, tape_purpose=tape_purpose, fuse=fuse)
    creation = tuple(
        ir.Let(var, ir.Alloc((ir.Const(0, arith.ZERO.type),), None, "tape"), function.origin)
        for var in tape_lists
    )
    active = tuple(
        seed if seed is not None and found.activity.is_active(result) else None
        for seed, result in zip(seeds, function.results, strict=True)
    )
    return Reversed(program, creation + found.forward, found.backward, active, found.cotangents, {})


def joint(
    reversed_: Reversed, name: str, *, seed_values: tuple[ir.Operand | None, ...] | None = None
) -> ir.Program:
    """Return one function: forward sweep, backward sweep.

    Its parameters are those of the primal, then the seeds; with ``seed_values`` the seeds are these
    operands instead. Its results are those of the primal, then the cotangents that exist.
    """
    function = reversed_.program.entry
    body = reversed_.forward + reversed_.backward
    results = function.results + tuple(c for c in reversed_.cotangents if c is not None)
    substitution: dict[ir.Var, ir.Operand] = {}
    seeds = []
    values = seed_values or tuple(None for _ in reversed_.seeds)
    for seed, value in zip(reversed_.seeds, values, strict=True):
        if seed is not None and value is not None:
            substitution[seed] = value
        elif seed is not None:
            seeds.append(seed)
    params = function.params + tuple(seeds)
    whole = ir.Function(name, params, body, results, function.origin)
    if substitution:
        cloner = visit.Cloner(Fresh(visit.first_free_id(whole)), substitution)
        new_body = cloner.block(body)
        new_results = tuple(cloner.operand(result) for result in results)
        whole = ir.Function(name, params, new_body, new_results, function.origin)
    program = ir.Program(whole, reversed_.callees)
    return without_unused_callees(_finished(program, len(function.results)))


def _finished(program: ir.Program, primal: int) -> ir.Program:
    """Return the program simplified, with its accumulations well placed.

    Its first results, ``primal`` of them, stay exactly what they are.
    """
    program = simplify_program(program, invariants=True)
    improved = ir.Program(
        _improved(program.entry, primal),
        {name: _improved(each, len(each.results)) for name, each in program.callees.items()},
    )
    improved = simplify_program(improved, invariants=True)
    entry = store_first_writes(store_products(improved.entry))
    callees = {name: store_products(callee) for name, callee in improved.callees.items()}
    return replace(improved, entry=entry, callees=callees)


def _improved(function: ir.Function, primal: int) -> ir.Function:
    gathered = postpone_clearing(gather_stencils(join_branches(function), primal))
    return drop_unread_stores(join_cleared(improve_accumulations(gathered)))


def split(reversed_: Reversed, name: str) -> tuple[ir.Program, ir.Program] | None:
    """Return the sweeps as two functions, or None if they cannot be taken apart.

    The first returns the primal's results and then what the second needs; the second takes that and
    the seeds and returns the cotangents. It changes none of its arguments, so that it may be called
    again; memory that the caller of the first could change is copied.
    """
    function = reversed_.program.entry
    cotangents = tuple(c for c in reversed_.cotangents if c is not None)
    seeds = tuple(seed for seed in reversed_.seeds if seed is not None)
    known = visit.defined_vars(reversed_.forward) | set(function.params)
    used = visit.free_vars(reversed_.backward) | {c for c in cotangents if isinstance(c, ir.Var)}
    crossing = sorted(used & known, key=lambda var: var.id)
    if any(not isinstance(var.type, Array | Scalar) for var in crossing):
        return None
    backward = ir.Function(
        f"{name}_backward", (*crossing, *seeds), reversed_.backward, cotangents, function.origin
    )
    if any(
        memory.writes
        for memory in _classes_of(backward)
        if any(member in crossing for member in memory.members)
    ):
        return None
    forward = ir.Function(
        name, function.params, reversed_.forward, function.results, function.origin
    )
    fresh = Fresh(visit.first_free_id(backward))
    fresh.next_id = max(fresh.next_id, visit.first_free_id(forward))
    external = {
        member for memory in _classes_of(forward) if memory.external for member in memory.members
    }
    block = BlockBuilder(fresh)
    block.origin = function.origin
    kept: list[ir.Operand] = []
    for var in crossing:
        if isinstance(var.type, Array) and var in external:
            layout = "F" if var.type.layout == "F" else "C"
            kept.append(block.call(replace(var.type, layout=layout, readonly=False), np.copy, var))
        else:
            kept.append(var)
    forward = replace(
        forward, body=reversed_.forward + block.block(), results=(*function.results, *kept)
    )
    first, second = (
        without_unused_callees(_finished(ir.Program(each, reversed_.callees), primal))
        for each, primal in ((forward, len(forward.results)), (backward, 0))
    )
    return first, second


def _classes_of(function: ir.Function) -> list[AliasClass]:
    regions = analyse_regions(function.body, function.params)
    return Memory(regions, function.params, function.results).classes()


def without_unused_callees(program: ir.Program) -> ir.Program:
    """Return the program with only those functions that are invoked from its entry."""
    kept: dict[str, ir.Function] = {}
    pending = [program.entry]
    while pending:
        for name in visit.invoked(pending.pop()):
            if name not in kept:
                kept[name] = program.callees[name]
                pending.append(program.callees[name])
    ordered = {name: kept[name] for name in program.callees if name in kept}
    return replace(program, callees=ordered)
