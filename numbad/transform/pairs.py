"""Functions that are invoked, not inlined: each becomes a forward and a backward function.

The forward function takes the callee's arguments, the shadows of its active memory arguments and
the tape, and returns the results and the shadows of its memory results. At its end it appends what
its backward function will need to the tape; the backward function starts by taking that off again.
Since backward functions run in the opposite order of the forward ones, one list per type serves all
activations of all functions, however deep the recursion.

The backward function takes the cotangents of the scalar results, the shadows of active memory
arguments and of memory results, and the tape, and returns the cotangents of the active scalar
arguments.

Which types the tape needs is known only when all pairs are built: ``is_settled`` says whether the
lists assumed beforehand were enough, ``enlarged`` starts again with all that were found.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from numbad.analysis.influence import Influence, influence
from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.build import Fresh
from numbad.ir.types import List, Tuple, Type, is_memory, tangent_type
from numbad.transform import arith

if TYPE_CHECKING:
    from numbad.analysis.activity import DifferentiableArguments
    from numbad.transform.backward import BackwardSweep
    from numbad.transform.sweeps import Sweeps
    from numbad.transform.values import Scope

    Seeding = Callable[[BackwardSweep, Scope], None]

Mask = tuple[bool, ...]


@dataclass(eq=False)
class Pair:
    """Names and signature of the two functions made from one callee and activity mask."""

    function: ir.Function
    mask: Mask
    forward_name: str
    backward_name: str

    def active_params(self) -> list[int]:
        """Positions of the active arguments."""
        return [position for position, active in enumerate(self.mask) if active]

    def scalar_inputs(self) -> list[int]:
        """Positions of the active scalar arguments: those whose cotangents are returned."""
        return [p for p in self.active_params() if not is_memory(self.function.params[p].type)]

    def memory_inputs(self) -> list[int]:
        """Positions of the active memory arguments: those whose shadows are passed."""
        return [p for p in self.active_params() if is_memory(self.function.params[p].type)]

    def results(self, *, memory: bool) -> list[int]:
        """Positions of the results that have cotangents, memory or scalar."""
        return [
            position
            for position, result in enumerate(self.function.results)
            if tangent_type(result.type) is not None and is_memory(result.type) == memory
        ]


@dataclass(frozen=True, eq=False)
class Request:
    """What the sweeps of a function are made from.

    Attributes
    ----------
    seeding
        Gives the results their cotangents.
    shadows
        Those that the caller passes in; None for the entry of a program.
    """

    function: ir.Function
    inputs: list[ir.Var]
    outputs: list[ir.Operand]
    seeding: Seeding
    fresh: Fresh
    tape_lists: tuple[ir.Var, ...]
    shadows: dict[ir.Var, ir.Var] | None = None


class Pairs:
    """The forward and backward functions of all invoked functions of a program."""

    def __init__(self, program: ir.Program, tape_types: tuple[Type, ...] = ()) -> None:
        self.program = program
        self.tape_types = tape_types
        self.functions: dict[str, ir.Function] = {}
        self._pairs: dict[tuple[str, Mask], Pair] = {}
        self._pending: list[Pair] = []
        self._found_types: list[Type] = list(tape_types)
        self._is_steep: bool | None = None
        self._influence: Influence | None = None

    def pair(self, name: str, mask: Mask) -> Pair:
        """Return the pair for a callee and the activity of its arguments."""
        key = (name, mask)
        if key not in self._pairs:
            number = sum(1 for other, _ in self._pairs if other == name)
            suffix = str(number + 1) if number else ""
            made = Pair(
                self.program.callees[name],
                mask,
                f"{name}_forward{suffix}",
                f"{name}_backward{suffix}",
            )
            self._pairs[key] = made
            self._pending.append(made)
        return self._pairs[key]

    def is_steep(self, steep: DifferentiableArguments) -> bool:
        """Whether a function of the program calls one whose slope can be infinite."""
        if self._is_steep is None:
            program = self.program
            self._is_steep = any(
                isinstance(statement, ir.Let)
                and isinstance(statement.expr, ir.Call)
                and steep(statement.expr, statement.target)
                for function in (program.entry, *program.callees.values())
                for statement in visit.walk(function.body)
            )
        return self._is_steep

    def influence(self, differentiable: DifferentiableArguments) -> Influence:
        """Which arguments of the functions of the program matter."""
        if self._influence is None:
            self._influence = influence(self.program, differentiable)
        return self._influence

    def tape_lists(self, fresh: Fresh) -> tuple[ir.Var, ...]:
        """Return fresh values for the lists of the tape."""
        return tuple(
            fresh.var(List(type_), f"tape{number or ''}")
            for number, type_ in enumerate(self.tape_types)
        )

    def is_settled(self) -> bool:
        """Whether the tape had a list for every type that was recorded."""
        return len(self._found_types) == len(self.tape_types)

    def enlarged(self) -> Pairs:
        """Return a new, empty set of pairs whose tape has all lists that were found missing."""
        return Pairs(self.program, tuple(self._found_types))

    def build_pending(self, make_sweeps: Callable[[Request], Sweeps]) -> None:
        """Build the functions of all pairs that were asked for, and of those they ask for."""
        while self._pending:
            pair = self._pending.pop()
            self._build(pair, make_sweeps)

    def _build(self, pair: Pair, make_sweeps: Callable[[Request], Sweeps]) -> None:
        function = pair.function
        fresh = Fresh(visit.first_free_id(function))
        shadows: dict[ir.Var, ir.Var] = {}
        for position in pair.memory_inputs():
            param = function.params[position]
            shadows[param] = fresh.var(_tangent(param.type), f"{param.name}_bar")
        seeds = {
            position: fresh.var(_tangent(function.results[position].type), "y_bar")
            for position in pair.results(memory=False)
        }

        def seeding(run: BackwardSweep, scope: Scope) -> None:
            for position, seed in seeds.items():
                run.accumulate(function.results[position], seed, scope)

        tape = self.tape_lists(fresh)
        request = Request(
            function,
            inputs=[function.params[p] for p in pair.active_params()],
            outputs=[*(r for r in function.results if tangent_type(r.type) is not None), *shadows],
            seeding=seeding,
            fresh=fresh,
            tape_lists=tape,
            shadows=shadows,
        )
        self._finish(
            pair, tuple(seeds.values()), tuple(shadows.values()), tape, make_sweeps(request)
        )

    def _finish(
        self,
        pair: Pair,
        seeds: tuple[ir.Var, ...],
        shadows: tuple[ir.Var, ...],
        tape: tuple[ir.Var, ...],
        made: Sweeps,
    ) -> None:
        """Name what crosses from the forward to the backward sweep, and make the functions."""
        function = pair.function
        defined = visit.defined_vars(made.forward) | set(function.params)
        passed = {*shadows, *tape}
        result_shadows: dict[int, ir.Operand] = {}
        shadow_params: dict[int, ir.Var] = {}
        renamed: dict[ir.Var, ir.Operand] = {}
        for position in pair.results(memory=True):
            result = function.results[position]
            assert isinstance(result, ir.Var)
            shadow = made.augmented.shadow[result]
            result_shadows[position] = shadow
            shadow_params[position] = made.fresh.var(shadow.type, shadow.name)
            renamed.setdefault(shadow, shadow_params[position])
        # A shadow of a result that is also a parameter's is passed twice; either name will do.
        cloner = visit.Cloner(
            made.fresh, {old: new for old, new in renamed.items() if old not in passed}
        )
        backward = cloner.block(made.backward)
        cotangents = [None if c is None else cloner.operand(c) for c in made.cotangents]
        free = visit.free_vars(backward) | {c for c in cotangents if isinstance(c, ir.Var)}
        crossing = sorted(
            (var for var in free if var in defined and var not in passed), key=lambda v: v.id
        )
        for var in crossing:
            if var.type not in self._found_types:
                self._found_types.append(var.type)
        if not self.is_settled():
            # This round only collects types.
            self.functions[pair.forward_name] = function
            self.functions[pair.backward_name] = function
            return
        lists = dict(zip(self.tape_types, tape, strict=True))
        pushes = tuple(ir.Append(lists[var.type], var, function.origin) for var in crossing)
        self.functions[pair.forward_name] = ir.Function(
            pair.forward_name,
            function.params + shadows + tape,
            made.forward + pushes,
            function.results + tuple(result_shadows[p] for p in sorted(result_shadows)),
            function.origin,
        )
        pops = tuple(
            ir.Let(var, ir.Pop(lists[var.type]), function.origin) for var in reversed(crossing)
        )
        outputs = []
        for position, cotangent in zip(pair.active_params(), cotangents, strict=True):
            param = function.params[position]
            if not is_memory(param.type):
                outputs.append(arith.zero(_tangent(param.type)) if cotangent is None else cotangent)
        self.functions[pair.backward_name] = ir.Function(
            pair.backward_name,
            seeds + shadows + tuple(shadow_params[p] for p in sorted(shadow_params)) + tape,
            pops + backward,
            tuple(outputs),
            function.origin,
        )


def _tangent(type_: Type) -> Type:
    from numbad.transform.augment import shadow_type

    if is_memory(type_):
        return shadow_type(type_)
    found = tangent_type(type_)
    assert found is not None
    return found


def forward_type(pair: Pair) -> Type:
    """Return the type of what the forward function returns."""
    types = [result.type for result in pair.function.results]
    types += [_tangent(pair.function.results[p].type) for p in pair.results(memory=True)]
    return types[0] if len(types) == 1 else Tuple(tuple(types))


def backward_type(pair: Pair) -> Type:
    """Return the type of what the backward function returns."""
    types = [_tangent(pair.function.params[p].type) for p in pair.scalar_inputs()]
    return types[0] if len(types) == 1 else Tuple(tuple(types))
