"""What a gradient records, computes again and loads again, line by line, and why."""

from __future__ import annotations

import html
import linecache
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from numbad import calls, numba_bridge
from numbad.analysis.regions import Region
from numbad.analysis.stepping import Cycle
from numbad.compilation import Compilation, Request
from numbad.formulas import Formulas
from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.origin import Origin
from numbad.ir.types import Array, Lanes, Scalar, Type, is_inexact, is_memory
from numbad.structure import describe
from numbad.transform.costs import DEAR
from numbad.transform.observe import Decisions, decisions
from numbad.vectorised import vectorised_lines

# Notes stand beside lines of at most this length, and below longer ones.
_WIDEST = 60


@dataclass(frozen=True)
class Note:
    """One statement about a line of the user's source."""

    kind: str
    text: str


@dataclass(frozen=True)
class TapePart:
    """What one value takes on the tape: a formula, and its number if it is known beforehand."""

    name: str
    formula: str
    bytes: int | None


@dataclass(frozen=True)
class Explanation:
    """What ``explain`` found; prints as text, and as a table in notebooks.

    Attributes
    ----------
    title : str
        The function and the types of its arguments.
    notes : dict
        By file and line: what happens to the values of that line.
    tape : tuple of TapePart
        What is recorded in loops.
    vectorised : int or None
        Number of loops of the generated code that LLVM vectorised; None if that is not known.
    """

    title: str
    notes: dict[tuple[str, int], list[Note]]
    tape: tuple[TapePart, ...]
    vectorised: int | None = None
    lines: dict[tuple[str, int], str] = field(default_factory=dict)

    @property
    def tape_bytes(self) -> int | None:
        """Bytes of the tape for these arguments; None if a loop of unknown length records."""
        parts = [part.bytes for part in self.tape]
        return None if None in parts else sum(part or 0 for part in parts)

    def __str__(self) -> str:
        rows = [self.title]
        width = min(_WIDEST, max((len(text) for text in self.lines.values()), default=0))
        file = None
        for place in sorted(self.lines):
            if place[0] != file:
                file = place[0]
                rows.append(file.rsplit("/", 1)[-1])
            notes, line = _summed(self.notes.get(place, [])), self.lines[place]
            fits = len(line) <= width
            first = notes[0] if notes and fits else ""
            rows.append(f"{place[1]:5d}  {line:<{width}}  {first}".rstrip())
            rows += [f"{'':7}{'':{width}}  {note}" for note in notes[fits:]]
        return "\n".join([*rows, *self._summary()])

    __repr__ = __str__

    def _summary(self) -> list[str]:
        if not self.tape:
            rows = ["tape: nothing is recorded in loops"]
        else:
            total = self.tape_bytes
            known = "not known beforehand" if total is None else f"{total} bytes here"
            rows = [f"tape: {' + '.join(part.formula for part in self.tape)} bytes; {known}"]
        if self.vectorised is not None:
            rows.append(f"vectorised loops in the generated code: {self.vectorised}")
        return rows

    def _repr_html_(self) -> str:
        rows = []
        for place in sorted(self.lines):
            notes = "<br>".join(map(html.escape, _summed(self.notes.get(place, []))))
            rows.append(
                f"<tr><td>{place[1]}</td><td style='text-align:left'><pre>"
                f"{html.escape(self.lines[place])}</pre></td>"
                f"<td style='text-align:left'>{notes}</td></tr>"
            )
        summary = "<br>".join(map(html.escape, self._summary()))
        return f"<b>{html.escape(self.title)}</b><table>{''.join(rows)}</table>{summary}"


def _summed(notes: list[Note]) -> list[str]:
    """Return the texts of the notes, values that the same is said of in one."""
    rows: list[str] = []
    for kind, end in (("active", " is active"), ("loaded", " is loaded again")):
        names = [note.text.removesuffix(end) for note in notes if note.kind == kind]
        if len(names) == 1:
            rows.append(names[0] + end)
        elif names:
            rows.append(f"{end.removeprefix(' is ')}: {', '.join(names)}")
    others = [note.text for note in notes if note.kind not in ("active", "loaded")]
    return [*others, *rows]


def explained(
    f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], wrt: Any
) -> Explanation:
    """Return the explanation; see ``show.explain``."""
    made, found, values = _decided(f, args, kwargs, wrt)
    notes: dict[tuple[str, int], list[Note]] = {}
    tape: list[TapePart] = []
    for name in sorted(found):
        report = _written(found[name], values)
        tape += report.tape
        for place, more in report.notes.items():
            known = notes.setdefault(place, [])
            known += [note for note in more if note not in known]
    vectorised = _note_vectorised(made, notes)
    title = made.emitted.text.split("\n", 1)[0].partition(" from ")[2].removesuffix(" Do not edit.")
    return Explanation(
        title.rstrip("."), notes, tuple(tape), vectorised, _source_lines(notes, found)
    )


def tape_size(
    f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], wrt: Any
) -> int:
    """Return the bytes of the tape; see ``show.tape_bytes``."""
    _, found, values = _decided(f, args, kwargs, wrt)
    total = 0
    for made in found.values():
        for part in _written(made, values).tape:
            if part.bytes is None:
                raise ValueError(f"the tape of `{part.name}` grows as the program runs")
            total += part.bytes
    return total


def _decided(
    f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], wrt: Any
) -> tuple[Compilation, dict[str, Decisions], dict[ir.Var, Any]]:
    """Run the passes; return their result, what was decided, and the values of the parameters."""
    from numbad.pipeline import compile_function

    chosen = calls.positions(f, wrt, len(args))
    values, chosen = calls.unwrap(args, chosen)
    named = tuple((name, describe(value)) for name, value in sorted(kwargs.items()))
    request = Request(f, tuple(map(describe, values)), named, "gradient", chosen)
    with decisions() as found:
        made = compile_function(request)
    flat = calls.entry_leaves(made, f, values, kwargs)
    known = dict(zip(made.built.program.entry.params, flat, strict=True))
    return made, found, known


def _written(made: Decisions, values: dict[ir.Var, Any]) -> _Report:
    """Return the notes on one function; only of the entry are the parameters known."""
    is_entry = set(values) >= set(made.function.params)
    report = _Report(made, values if is_entry else {})
    report.write()
    return report


def _source_lines(
    notes: dict[tuple[str, int], list[Note]], found: dict[str, Decisions]
) -> dict[tuple[str, int], str]:
    """Return the lines of the functions, from the first to the last that something is said of."""
    ends: dict[str, list[int]] = {}
    for file, line in notes:
        ends.setdefault(file, []).append(line)
    for made in found.values():
        origin = made.function.origin
        if origin is not None and origin.file in ends:
            ends[origin.file].append(origin.line)
    lines: dict[tuple[str, int], str] = {}
    for file, numbers in ends.items():
        for line in range(min(numbers), max(numbers) + 1):
            lines[file, line] = linecache.getline(file, line).rstrip()
    return lines


def _note_vectorised(made: Compilation, notes: dict[tuple[str, int], list[Note]]) -> int | None:
    """Compile the entry and note the lines of its vectorised loops; return how many there are."""
    flat_types = tuple(param.type for param in made.program.entry.params)
    text = numba_bridge.optimised_code(made.entry, flat_types)
    if text is None:
        return None
    loops = vectorised_lines(text, f"numbad_{made.emitted.digest}.py")
    for lines in loops:
        for origin in {made.emitted.origin_map[line - 1] for line in sorted(lines)}:
            if origin is not None:
                known = notes.setdefault((origin.file, origin.line), [])
                note = Note("vectorised", "in a vectorised loop")
                known += [] if note in known else [note]
    return len(loops)


class _Report:
    """Notes on one function."""

    def __init__(self, made: Decisions, values: dict[ir.Var, Any]) -> None:
        self.made = made
        self.values = values
        self.formulas = Formulas(made.regions)
        self.notes: dict[tuple[str, int], list[Note]] = {}
        self.tape: list[TapePart] = []
        own = visit.walk(made.function.body)
        self._own_loops = {loop.index for loop in own if isinstance(loop, ir.For)}
        self._undone = {
            var for store, var in made.overwritten.items() if store in made.plan.restored
        }

    def write(self) -> None:
        """Make all notes, in the order of the program."""
        for var, statement in self.made.regions.definition.items():
            origin = getattr(statement, "origin", None)
            if isinstance(statement, ir.For | ir.While):
                self._loop(statement, self.made.regions.region_of[var])
            if origin is None:
                continue
            if var.name and self.made.activity.is_active(var) and not is_memory(var.type):
                self._note(origin, "active", f"{var.name} is active")
            if var in self.made.plan.recorded:
                self._recorded(var, statement, origin)
            elif var in self.made.plan.recomputed:
                self._recomputed(var, statement, origin)
        for cycle in self.made.kept:
            self._kept(cycle)

    def _note(self, origin: Origin, kind: str, text: str) -> None:
        notes = self.notes.setdefault((origin.file, origin.line), [])
        if Note(kind, text) not in notes:
            notes.append(Note(kind, text))

    def _loop(self, statement: ir.For | ir.While, region: Region) -> None:
        if statement.origin is None or region.owner is not statement:
            return
        if isinstance(statement, ir.For) and statement.index not in self._own_loops:
            return
        if isinstance(statement, ir.While):
            text = "loop of unknown length: run backwards with a count"
        else:
            how = "reversed within one pass" if region in self.made.fused else "run backwards"
            text = f"loop of {self.formulas.trips(statement)} iterations: {how}"
        self._note(statement.origin, "loop", text)

    def _name(self, var: ir.Var) -> str:
        return var.name or self.formulas.text(var, whole=True)

    def _recorded(self, var: ir.Var, statement: ir.Stmt, origin: Origin) -> None:
        loops = self.made.regions.region_of[var].loops
        name = self.formulas.text(var, whole=True) if var in self._undone else self._name(var)
        if not loops:
            self._note(origin, "kept", f"{name} is kept in a variable")
            return
        if var in self._undone:
            reason = "it is overwritten here, and put back on the way"
        elif isinstance(statement, ir.For | ir.While):
            reason = "it changes from iteration to iteration"
        else:
            recipe = self.made.recipe(var)
            if recipe is None:
                reason = "it cannot be computed again"
            elif recipe.cost >= DEAR:
                reason = "it is dear to compute"
            else:
                reason = "that takes less than recording what it is computed from"
        self._note(origin, "recorded", f"{name} is recorded: {reason}")
        self._place(var, name)

    def _kept(self, cycle: Cycle) -> None:
        """Tell of the slots of arrays that a loop exchanges."""
        loop = cycle.region.block[cycle.position]
        assert isinstance(loop, ir.For)
        names = " and ".join(item.inner.name or "an array" for item in cycle.items)
        if loop.origin is not None:
            text = f"the states of {names} stay in slots, one per iteration and {len(cycle.items)}"
            self._note(loop.origin, "kept", text)
        assert isinstance(cycle.written.type, Array)
        size = _size(cycle.written.type.dtype)
        trips, total = self.formulas.trips(loop), self.formulas.trips_number(loop, self.values)
        total = None if total is None else size * (total + len(cycle.items))
        factors = [str(size), f"({trips} + {len(cycle.items)})"]
        for extent in cycle.extents:
            factors.append(self.formulas.text(extent))
            length = self.formulas.number(extent, self.values)
            total = None if total is None or length is None else total * length
        self.tape.append(TapePart(names, " * ".join(factors), total))

    def _place(self, var: ir.Var, name: str) -> None:
        loops = self.made.regions.region_of[var].loops
        factors: list[str] = []
        total: int | None = _size(var.type)
        for loop in loops:
            if isinstance(loop.owner, ir.For):
                factors.append(self.formulas.trips(loop.owner))
                trips = self.formulas.trips_number(loop.owner, self.values)
            else:
                line = getattr(getattr(loop.owner, "origin", None), "line", "?")
                factors.append(f"(iterations of the loop in line {line})")
                trips = None
            total = None if total is None or trips is None else total * trips
        formula = " * ".join([str(_size(var.type)), *factors])
        self.tape.append(TapePart(name, formula, total))

    def _recomputed(self, var: ir.Var, statement: ir.Stmt, origin: Origin) -> None:
        if is_memory(var.type):
            return
        match statement:
            case ir.Let(_, ir.Load()):
                self._note(origin, "loaded", f"{self._name(var)} is loaded again")
            case ir.Let(_, ir.Call()) if is_inexact(var.type):
                what = f"{var.name} is" if var.name else "intermediate results are"
                self._note(origin, "recomputed", f"{what} computed again")
            case _:
                pass


def _size(type_: Type) -> int:
    match type_:
        case Scalar(name):
            return np.dtype(name).itemsize
        case Lanes(Scalar(name), count):
            return np.dtype(name).itemsize * count
        case _:
            return 8
