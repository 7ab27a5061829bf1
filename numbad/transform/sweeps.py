"""The two sweeps of one function body.

The steps: find alias classes and activity; add shadows (``augment``); run the backward sweep once
to see which primal values it asks for; plan where they come from (``schedule``), with the states of
time loops in slots where the plan would log what they overwrite; add the recording to the forward
sweep (``tape``); run the backward sweep for good.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from numbad.analysis import activity as activity_analysis
from numbad.analysis.memory import Memory
from numbad.analysis.regions import Region, Regions
from numbad.analysis.regions import analyse as analyse_regions
from numbad.analysis.stepping import Cycle, stepping_cycles
from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.build import BlockBuilder, Fresh
from numbad.ir.types import is_memory, tangent_type
from numbad.transform import arith, observe
from numbad.transform.augment import Augmented, augment
from numbad.transform.backward import BackwardSweep
from numbad.transform.derivatives import Derivatives
from numbad.transform.fuse import Fusion, Place, candidates, clear_marks, loops_behind
from numbad.transform.pairs import Pairs, Request
from numbad.transform.schedule import Plan, Scheduler
from numbad.transform.tape import Tape
from numbad.transform.values import Demands, PlannedValues, Scope


@dataclass(frozen=True)
class Sweeps:
    """Forward and backward sweep of one function body, and the cotangents of its inputs."""

    function: ir.Function
    forward: ir.Block
    backward: ir.Block
    cotangents: tuple[ir.Operand | None, ...]
    activity: activity_analysis.Activity
    augmented: Augmented
    fresh: Fresh = field(repr=False)


@dataclass(frozen=True, eq=False)
class _Planned:
    """An augmented body, and the decisions on how it is reversed."""

    augmented: Augmented
    regions: Regions
    fusions: dict[Region, Fusion]
    scheduler: Scheduler
    plan: Plan


def sweeps(
    request: Request,
    derivatives: Derivatives,
    pairs: Pairs,
    *,
    tape_purpose: str = "tape",
    fuse: bool = False,
) -> Sweeps:
    """Return the sweeps of a function."""
    function, fresh = request.function, request.fresh
    plain = analyse_regions(function.body, function.params)
    memory = Memory(plain, function.params, function.results)
    activity = activity_analysis.analyse(
        function.body,
        memory,
        request.inputs,
        request.outputs,
        derivatives.differentiable,
        steep=activity_analysis.Steep(
            derivatives.steep_arguments, _steep_outside(request, derivatives, pairs)
        ),
        influence=pairs.influence(derivatives.differentiable),
    )
    is_entry = request.shadows is None
    possible = stepping_cycles(function, plain, memory) if is_entry else []
    cycles: list[Cycle] = []
    while True:
        augmented = augment(request, plain, activity, pairs, cycles)
        planned = _planned(request, derivatives, activity, augmented, fuse=fuse)
        undone = _undone(augmented, planned.plan)
        logged = [cycle for cycle in possible if cycle not in cycles and cycle.written in undone]
        if not logged:
            break
        cycles += logged
    regions, plan = planned.regions, planned.plan
    tape = Tape(regions, plan.recorded, fresh, purpose=tape_purpose if is_entry else "user")
    values = PlannedValues(regions, plan.recomputed, plan.restored, tape)
    run = BackwardSweep(augmented, regions, activity, derivatives, values)
    made = _Emission(regions, run, tape, planned.fusions, fresh)
    made.emit(request.seeding, request.inputs)
    observe.tell(
        observe.Decisions(
            function,
            regions,
            activity,
            plan,
            augmented.old_value,
            tuple(cycles),
            frozenset(
                region.children[position, "body"]
                for region, fusion in planned.fusions.items()
                for position in fusion.loops
            ),
            planned.scheduler.recipe,
            tape.is_rectangular,
        )
    )
    return Sweeps(
        function,
        made.forward.block(),
        made.backward.block(),
        made.cotangents,
        activity,
        augmented,
        fresh,
    )


def _planned(
    request: Request,
    derivatives: Derivatives,
    activity: activity_analysis.Activity,
    augmented: Augmented,
    *,
    fuse: bool,
) -> _Planned:
    """Find out on a trial run what the backward sweep asks for, and plan where it comes from."""
    function, shadows = request.function, request.shadows or {}
    params = function.params + tuple(shadows.values()) + request.tape_lists
    regions = analyse_regions(augmented.block, params)
    memory = Memory(regions, params, function.results)
    refused: frozenset[Place] = frozenset()
    overwritten = frozenset(augmented.old_value.values())
    while True:
        clear_marks(regions.root)
        fusions = candidates(regions, memory, refused, overwritten) if fuse else {}
        trial = Demands(regions)
        run = BackwardSweep(augmented, regions, activity, derivatives, trial)
        tape = Tape(regions, set(), request.fresh)
        emission = _Emission(regions, run, tape, fusions, request.fresh)
        emission.emit(request.seeding, request.inputs)
        if not emission.not_fusible:
            break
        refused |= emission.not_fusible
    scheduler = Scheduler(
        regions,
        Memory(regions, params, function.results, augmented.apart) if augmented.apart else memory,
        derivatives,
        augmented.old_value,
        shadows=frozenset(augmented.shadow.values()),
        keeps_shadows=request.shadows is not None,
        complete=frozenset(augmented.complete),
    )
    plan = scheduler.plan(
        {var: place for var, place in trial.asked.items() if var in regions.region_of}
    )
    return _Planned(augmented, regions, fusions, scheduler, plan)


def _undone(augmented: Augmented, plan: Plan) -> set[ir.Var]:
    """Return the arrays some of whose stores the plan undoes."""
    return {
        statement.array
        for statement in visit.walk(augmented.block)
        if id(statement) in plan.restored and isinstance(statement, ir.Store | ir.Accumulate)
    }


def _steep_outside(request: Request, derivatives: Derivatives, pairs: Pairs) -> list[ir.Operand]:
    """Values that reach steep functions in other functions of the program, for all we know."""
    function = request.function
    passed: list[ir.Operand] = []
    for statement in visit.walk(function.body):
        if isinstance(statement, ir.Let) and isinstance(statement.expr, ir.Invoke):
            passed.extend(statement.expr.args)
    if request.shadows is not None:
        passed += [*function.results, *function.params]
    return passed if passed and pairs.is_steep(derivatives.steep_arguments) else []


class _Emission:
    """The forward sweep, and behind it the backward sweep with the fused loops."""

    def __init__(
        self,
        regions: Regions,
        run: BackwardSweep,
        tape: Tape,
        fusions: dict[Region, Fusion],
        fresh: Fresh,
    ) -> None:
        self.regions = regions
        self.run = run
        self.tape = tape
        self.fusions = fusions
        self.forward = BlockBuilder(fresh)
        self.backward = BlockBuilder(fresh)
        self.cotangents: tuple[ir.Operand | None, ...] = ()
        self.not_fusible: frozenset[Place] = frozenset()
        run.late = {
            var
            for region, fusion in fusions.items()
            for position in fusion.loops + fusion.tail
            for var in visit.definitions(region.block[position])
        }

    def emit(self, seeding: Callable[[BackwardSweep, Scope], None], inputs: list[ir.Var]) -> None:
        """Emit both sweeps."""
        self.tape.create(self.forward)
        scope = Scope(self.regions.root, self.backward)
        self.run.values.scopes.append(scope)
        self._region(scope, self.forward, lambda: seeding(self.run, scope))
        self.cotangents = tuple(_input_cotangent(self.run, var) for var in inputs)
        self.run.values.scopes.pop()

    def _region(self, scope: Scope, forward: BlockBuilder, seeding: Callable[[], None]) -> None:
        """Emit the forward sweep of a joint region into ``forward``, then reverse it.

        The adjoint of what waits for fused loops (the tail) runs in two parts: before the loops
        what leads to the cotangents of their results, behind them the rest, which may need the
        results themselves.
        """
        region, run = scope.region, self.run
        fusion = self.fusions.get(region, Fusion())
        late = {*fusion.loops, *fusion.tail}
        for position in range(len(region.block)):
            if position not in late:
                self.tape.forward_statement(region, position, forward)
        run.values.enter_region(scope)
        seeding()
        waiting = {var for position in late for var in visit.definitions(region.block[position])}
        arriving: dict[int, ir.Operand] = {}
        outer_accepts = run.accepts
        run.accepts = lambda var: var in waiting
        for position in reversed(fusion.tail):
            (target,) = visit.definitions(region.block[position])
            if target in run.cotangents:
                arriving[position] = run.cotangents[target]
            run.statement(position, scope)
        self._check_tail(region, late)
        run.accepts = outer_accepts
        for position in fusion.loops:
            self._fused(position, scope)
        for position in fusion.tail:
            self.tape.forward_statement(region, position, scope.block)
        run.accepts = lambda var: var not in waiting
        for position in reversed(fusion.tail):
            (target,) = visit.definitions(region.block[position])
            if position in arriving:
                run.cotangents[target] = arriving[position]
            run.statement(position, scope)
        run.accepts = outer_accepts
        for position in reversed(range(len(region.block))):
            if position not in late:
                run.statement(position, scope)

    def _check_tail(self, region: Region, late: set[int]) -> None:
        """On the trial run: refuse loops whose cotangents depend on their own results."""
        if not isinstance(self.run.values, Demands):
            return
        for var in self.run.values.asked:
            if self.regions.region_of.get(var) is region and self.regions.position_of[var] in late:
                loops = loops_behind(region, self.fusions[region], var)
                self.not_fusible |= {(region, position) for position in loops}

    def _fused(self, position: int, outer: Scope) -> None:
        statement = outer.region.block[position]
        assert isinstance(statement, ir.For)
        region = self.regions.child(outer.region, position, "body")
        outer.block.origin = statement.origin
        inner = Scope(region, outer.block.nested())
        self.run.values.scopes.append(inner)
        carried, finals, is_sum = self.run.fused_body(
            statement.carried,
            inner,
            lambda seeding: self._region(inner, inner.block, seeding),
        )
        self.run.values.scopes.pop()
        if not is_sum:
            self.not_fusible |= {(outer.region, position)}
        outer.block.emit(
            replace(statement, carried=statement.carried + carried, body=inner.block.block())
        )
        for operand, seed in finals:
            self.run.accumulate(operand, seed, outer)


def _input_cotangent(run: BackwardSweep, var: ir.Var) -> ir.Operand | None:
    if not run.activity.is_active(var):
        return None
    if is_memory(var.type):
        return run.shadow(var)
    type_ = tangent_type(var.type)
    assert type_ is not None
    return run.cotangents.get(var, arith.zero(type_))
