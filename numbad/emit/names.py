"""Python names for the values of one function.

Values that loops and branches connect are given one name whenever they are not alive together, so
that the copies between them disappear; then the versions of one user variable share its name on the
same condition. Two values never share a name if their types differ, because Numba gives a name one
type. A clash is settled by a number: ``x``, ``x2``, ``x3``. Unnamed values are ``t0, t1, ...``;
unnamed loop counters are ``i, j, k, ...`` by depth. Nothing depends on hashing order.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from numbad.emit.folding import Plan
from numbad.emit.liveness import Interference
from numbad.ir import nodes as ir
from numbad.ir.types import Type
from numbad.ir.visit import regions

_COUNTERS = "ijklmnpqr"


@dataclass
class _Class:
    """Values that share one name: masks of the members and of all they interfere with."""

    type: Type
    base: str
    members: int
    conflicts: int


@dataclass
class Names:
    """The name of every value that has one.

    Attributes
    ----------
    name : Python name of each value
    unneeded : results that are not assigned because nobody reads them
    shared : values that a copy leaves undefined while another value of the same name is needed
    """

    name: dict[ir.Var, str] = field(default_factory=dict)
    unneeded: set[ir.Var] = field(default_factory=set)
    shared: set[ir.Var] = field(default_factory=set)


def assign_names(
    function: ir.Function,
    plan: Plan,
    reserved: set[str],
    given_zero: frozenset[ir.Var] = frozenset(),
) -> Names:
    """Choose the names of the function's values.

    ``reserved`` names are taken. Values in ``given_zero`` are assigned a zero where a copy leaves
    them undefined; the others are not assigned there.
    """
    interference = Interference(function, plan, given_zero)
    classes = _Classes(interference)
    for edges in _edges(function.body):
        for target, source in edges:
            classes.unite(target, source)
    return classes.names(function, reserved)


def _edges(block: ir.Block) -> Iterator[list[tuple[ir.Var, ir.Operand]]]:
    """Yield the copies of loops and branches: inner ones first, back edges before entries."""
    for statement in block:
        for region in regions(statement):
            yield from _edges(region)
    for statement in block:
        match statement:
            case ir.For(carried=carried) | ir.While(carried=carried):
                yield [(item.inner, item.result) for item in carried]
                yield [(item.inner, item.next) for item in carried]
                yield [(item.inner, item.init) for item in carried]
            case ir.If(merges=merges):
                yield [(merge.result, merge.if_true) for merge in merges]
                yield [(merge.result, merge.if_false) for merge in merges]
            case _:
                pass


class _Classes:
    """Disjoint sets of values with their interference."""

    def __init__(self, interference: Interference) -> None:
        self.interference = interference
        self.order = interference.order
        self.parent = list(range(len(interference.rows)))
        self.classes = [
            _Class(var.type, _identifier(var.name), 1 << k, interference.rows[k])
            for var, k in self.order.items()
        ]

    def find(self, var: ir.Var) -> int:
        """Return the representative of the value's class."""
        k = self.order[var]
        while self.parent[k] != k:
            self.parent[k] = self.parent[self.parent[k]]
            k = self.parent[k]
        return k

    def unite(self, target: ir.Var, source: ir.Operand) -> None:
        """Let two values share a name if they have the same type and are never alive together."""
        if not isinstance(source, ir.Var) or source not in self.order:
            return
        if target in self.interference.unneeded:
            return
        a, b = sorted((self.find(target), self.find(source)))
        if a == b:
            return
        first, second = self.classes[a], self.classes[b]
        if first.type != second.type or _interfere(first, second):
            return
        if first.base and second.base and first.base != second.base:
            return
        self.parent[b] = a
        first.base = first.base or second.base
        first.members |= second.members
        first.conflicts |= second.conflicts

    def names(self, function: ir.Function, reserved: set[str]) -> Names:
        """Give every class its name, parameters first, then in order of definition."""
        counters = _counter_names(function)
        params = {self.find(param) for param in function.params}
        roots = sorted({self.find(var) for var in self.order}, key=lambda k: (k not in params, k))
        bases = {self.classes[k].base for k in roots}
        taken: dict[str, list[_Class]] = {}
        chosen: dict[int, str] = {}
        unnamed = {self.find(var): name for var, name in counters.items()}
        temporaries = (f"t{n}" for n in range(2 * len(self.order) + len(bases) + 1))
        for k in roots:
            entry = self.classes[k]
            if not entry.base and k not in unnamed:
                name = next(
                    t
                    for t in temporaries
                    if t not in bases and t not in reserved and t not in taken
                )
            else:
                name = self._free_name(entry, unnamed.get(k, ""), bases, reserved, taken)
            taken.setdefault(name, []).append(entry)
            chosen[k] = name
        names = {var: chosen[self.find(var)] for var in self.order}
        shared = {
            var
            for var, needed in self.interference.without_value
            if any(entry.members & needed for entry in taken[names[var]])
        }
        return Names(names, self.interference.unneeded, shared)

    def _free_name(
        self,
        entry: _Class,
        counter: str,
        bases: set[str],
        reserved: set[str],
        taken: dict[str, list[_Class]],
    ) -> str:
        base = entry.base or counter
        name, number = base, 1
        while name in reserved or not _compatible(entry, taken.get(name, [])):
            number += 1
            name = f"{base}{number}"
            while name in bases:
                number += 1
                name = f"{base}{number}"
        return name


def _interfere(first: _Class, second: _Class) -> bool:
    return bool(first.conflicts & second.members or second.conflicts & first.members)


def _compatible(entry: _Class, others: list[_Class]) -> bool:
    return all(other.type == entry.type and not _interfere(entry, other) for other in others)


def _identifier(name: str) -> str:
    """Return the name as a Python identifier (attribute paths become underscores)."""
    if not name.strip("_"):
        return ""
    text = re.sub(r"\W+", "_", name).strip("_") or "value"
    if text[0].isdigit() or keyword.iskeyword(text):
        text = f"_{text}"
    return text


def _counter_names(function: ir.Function) -> dict[ir.Var, str]:
    """Return names for the unnamed loop counters, by depth of nesting."""
    names: dict[ir.Var, str] = {}

    def visit(block: ir.Block, depth: int) -> None:
        for statement in block:
            match statement:
                case ir.For(index=index, body=body):
                    if not _identifier(index.name):
                        names[index] = _COUNTERS[depth % len(_COUNTERS)]
                    visit(body, depth + 1)
                case _:
                    for region in regions(statement):
                        visit(region, depth)

    visit(function.body, 0)
    return names
