"""Branches: walk both sides from copies of the state, then merge what differs.

A constant condition walks its side only. A side that always raises contributes nothing: the other
side continues in the enclosing block. Names that only one side binds are ``ir.Undefined`` on the
other; values that cannot meet become a ``Conflict``, which is an error where it is read. Merges of
values that both sides already have become ``ir.Select``.
"""

from __future__ import annotations

import functools
import operator
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from numbad.frontend import conversion, templates
from numbad.frontend.bindings import hint_of, settle_pending, settled
from numbad.frontend.signals import DeadEnd, NeedsDynamicList, NeedsUnrolling, Skip, Thrown
from numbad.frontend.state import State, loads_of
from numbad.frontend.templates import MISSING, Joined, Source, Template
from numbad.frontend.values import (
    NONE,
    Conflict,
    DynamicList,
    HeapObject,
    ListObject,
    Pending,
    Ref,
    Value,
)
from numbad.ir import nodes as ir
from numbad.ir.build import BlockBuilder
from numbad.ir.types import BOOL, Scalar

if TYPE_CHECKING:
    import ast

    from numbad.frontend.builder import Builder

Side = Callable[[], Value]

_CHEAP = frozenset(
    {
        operator.lt,
        operator.le,
        operator.gt,
        operator.ge,
        operator.eq,
        operator.ne,
        operator.not_,
        operator.and_,
        operator.or_,
        operator.add,
        operator.sub,
        operator.mul,
        operator.neg,
    }
)
_CHEAP_COUNT = 4


@dataclass(slots=True)
class _Path:
    """One walked side of a branch."""

    block: BlockBuilder
    state: State
    value: Source
    is_dead: bool = False
    is_skipped: bool = False


def branch(
    builder: Builder,
    condition: ir.Operand,
    then: Side,
    orelse: Side,
    node: ast.AST | None = None,
) -> Value:
    """Walk ``then`` and ``orelse`` under a condition and return the merged value.

    ``node`` is the statement or expression both sides belong to: what only it reads need not be
    merged.
    """
    if isinstance(condition, ir.Const):
        return then() if condition.value else orelse()
    settle_pending(builder)
    while True:
        before = builder.state
        try:
            return _branch(builder, condition, then, orelse, node)
        except NeedsDynamicList as need:
            builder.state = before
            make_dynamic(builder, need)


def make_dynamic(builder: Builder, need: NeedsDynamicList) -> None:
    """Turn lists of known length into lists of the IR, in the current block."""
    for id_, contents in need.ids.items():
        present = builder.state.heap.get(id_)
        if not isinstance(present, ListObject):
            raise need
        if id_ in builder.external:
            builder.error(
                None,
                "The length that a list of the caller is left with is known only at run time.",
                "What a call changes outside of it must have a known structure.",
                "Use an array, or a copy of the list.",
            )
        made = conversion.make_list(builder, present.items, contents.operand.type)
        builder.state.heap[id_] = DynamicList(made)


def _branch(
    builder: Builder, condition: ir.Operand, then: Side, orelse: Side, node: ast.AST | None
) -> Value:
    entry = builder.state
    first = _walk(builder, entry, then)
    second = _walk(builder, entry, orelse)
    builder.state = entry
    if first.is_skipped and second.is_skipped:
        raise Skip
    for path, other in ((first, second), (second, first)):
        if path.is_skipped:
            return _continue(builder, other)
    origin = builder.block.origin
    if first.is_dead and second.is_dead:
        builder.emit(ir.If(condition, first.block.block(), second.block.block(), (), origin))
        raise DeadEnd
    if first.is_dead:
        builder.emit(ir.If(condition, first.block.block(), (), (), origin))
        return _continue(builder, second)
    if second.is_dead:
        builder.emit(ir.If(condition, (), second.block.block(), (), origin))
        return _continue(builder, first)
    return _Merger(builder, entry, first, second, node).merge(condition)


def _walk(builder: Builder, entry: State, side: Side) -> _Path:
    builder.state = entry.copy()
    with builder.nested() as block:
        path = _Path(block, builder.state, NONE)
        try:
            path.value = settled(builder, side())
        except DeadEnd:
            path.is_dead = True
        except Thrown:
            path.value = MISSING
        except Skip:
            path.is_skipped = True
            builder.is_incomplete = True
        path.state = builder.state
    return path


def _continue(builder: Builder, path: _Path) -> Value:
    """Go on in the enclosing block as if the path had been walked there."""
    builder.block.statements.extend(path.block.statements)
    builder.state = path.state
    if path.is_dead:
        raise DeadEnd
    if isinstance(path.value, templates.Missing):
        raise Thrown
    return path.value


class _Merger:
    """Merges the states at the ends of two paths."""

    def __init__(
        self, builder: Builder, entry: State, first: _Path, second: _Path, node: ast.AST | None
    ) -> None:
        self.builder = builder
        self.entry = entry
        self.first = first
        self.second = second
        self.known = set(entry.heap)
        self.loads = loads_of(node) if node is not None else None
        self.merges: list[ir.Merge] = []
        self.joined: dict[tuple[int, int], Value] = {}
        self.made_from: dict[int, set[int]] = {}

    def merge(self, condition: ir.Operand) -> Value:
        """Emit the branch and continue after it; return the merged value."""
        builder = self.builder
        self._check_lists()
        frames: dict[int, dict[str, Value]] = {}
        ones, others = self.first.state.frames, self.second.state.frames
        for id_ in dict.fromkeys([*ones, *others]):
            # A frame of before that a side has dropped belongs to an iterator consumed there.
            if id_ not in self.entry.frames or (id_ in ones and id_ in others):
                frames[id_] = self._frame(id_)
        heap = {
            id_: self._object(id_) for id_ in self.first.state.heap if id_ in self.second.state.heap
        }
        is_thrown = self.first.value is MISSING and self.second.value is MISSING
        value = None if is_thrown else self._value(self.first.value, self.second.value, "")
        for merged in list(builder.state.heap):
            if merged not in self.known:
                heap[merged] = builder.state.heap[merged]
        builder.state = State(frames, heap)
        self._emit(condition)
        if value is None:
            raise Thrown
        return value

    def _check_lists(self) -> None:
        """Ask for lists of the IR, or else for known lengths, where a side changes a length."""
        needs = {}
        for id_ in self.known:
            one, other = self.first.state.heap.get(id_), self.second.state.heap.get(id_)
            if one is other or one is None or other is None:
                continue
            if isinstance(self.entry.heap[id_], ListObject):
                contents = templates.join_objects(
                    one, other, self.first.state, self.second.state, self.known
                )
                if isinstance(contents, DynamicList):
                    needs[id_] = contents
                elif isinstance(contents, Conflict):
                    short = [loop.id for loop in self.builder.active_loops if loop.is_short]
                    if short:
                        raise NeedsUnrolling(short[-1])
        if needs:
            raise NeedsDynamicList(needs)

    def _frame(self, id_: int) -> dict[str, Value]:
        ones = self.first.state.frames.get(id_, {})
        others = self.second.state.frames.get(id_, {})
        before = self.entry.frames.get(id_, {})
        names: dict[str, Value] = {}
        for name in dict.fromkeys([*ones, *others]):
            one: Source = ones.get(name, MISSING)
            other: Source = others.get(name, MISSING)
            if one is other:
                assert not isinstance(one, templates.Missing)
                names[name] = one
                continue
            is_new = name not in before or isinstance(before[name], Pending)
            if is_new and not self._is_read_later(id_, name):
                if name in before:
                    self._note(before[name], one, other)
                    names[name] = before[name]
                continue
            for side, opposite in ((one, other), (other, one)):
                if isinstance(side, Pending):
                    self.builder.need(side, self._template(opposite, opposite))
            names[name] = self._value(one, other, name)
        return names

    def _is_read_later(self, frame: int, name: str) -> bool:
        """Whether a name is read anywhere but inside the branching statement itself."""
        builder = self.builder
        if self.loads is None or builder.frame is None or builder.frame.id != frame:
            return True
        if name.startswith(".accumulator"):
            return True
        scope = builder.frame.code.scope
        return name in scope.captured or scope.loads[name] != self.loads[name]

    def _note(self, pending: Value, one: Source, other: Source) -> None:
        assert isinstance(pending, Pending)
        sides = [s for s in (one, other) if not isinstance(s, Pending | templates.Missing)]
        if sides:
            self.builder.note(pending, self._template(sides[0], sides[-1]))

    def _template(self, one: Source, other: Source) -> Template:
        return templates.join(one, other, self.first.state, self.second.state, self.known)

    def _object(self, id_: int) -> HeapObject:
        one, other = self.first.state.heap[id_], self.second.state.heap[id_]
        if one is other or one == other:
            return one
        contents = templates.join_objects(
            one, other, self.first.state, self.second.state, self.known
        )
        if isinstance(contents, Conflict):
            self.builder.error(
                None,
                "An object is left in different shapes by the two sides of a branch.",
                contents.reason,
            )
        operands = []
        for path, side in ((self.first, one), (self.second, other)):
            convert = functools.partial(
                conversion.object_operands, self.builder, side, contents, path.state
            )
            operands.append(self._side(path, convert))
        merged = self._merge_operands(operands[0], operands[1], "")
        return conversion.instantiate_object(self.builder, contents, iter(merged))

    def _value(self, one: Source, other: Source, name: str) -> Value:
        if one == other and not isinstance(one, templates.Missing):
            is_private = isinstance(one, Ref) and one.id not in self.known
            if not is_private:
                return one
        if isinstance(one, Ref) and isinstance(other, Ref):
            known = self.joined.get((one.id, other.id))
            if known is not None:
                return known
        template = self._template(one, other)
        operands = []
        for path, side in ((self.first, one), (self.second, other)):
            convert = functools.partial(
                conversion.operands, self.builder, side, template, path.state
            )
            operands.append(self._side(path, convert))
        merged = self._merge_operands(operands[0], operands[1], name)
        value = conversion.instantiate(self.builder, template, iter(merged))
        if isinstance(template, Joined) and isinstance(value, Ref):
            self._partner(value, one, other)
        return value

    def _partner(self, value: Ref, one: Source, other: Source) -> None:
        """Note that a merged object stands for the objects of both sides."""
        builder = self.builder
        sources: set[int] = set()
        for path, side in ((self.first, one), (self.second, other)):
            if isinstance(side, Ref):
                is_list = isinstance(path.state.heap[side.id], DynamicList)
                if not is_list:
                    sources.add(side.id)
        contents = builder.state.heap[value.id]
        # A list of the IR is one at run time: merging two of them makes no other list.
        builder.state.heap[value.id] = replace(contents, shared=False)
        for source in sources:
            # Names that share an object on one path may be two objects on the other.
            same = self.made_from.setdefault(source, set())
            builder.add_partners(value.id, same | builder.partners.get(source, set()))
            same.add(value.id)
        builder.add_partners(value.id, sources & self.known)
        if isinstance(one, Ref) and isinstance(other, Ref):
            self.joined[(one.id, other.id)] = value

    def _side(self, path: _Path, emit: Callable[[], list[ir.Operand]]) -> list[ir.Operand]:
        """Run ``emit`` at the end of a path's block."""
        outer = self.builder.block, self.builder.state
        self.builder.block, self.builder.state = path.block, path.state
        try:
            return emit()
        finally:
            self.builder.block, self.builder.state = outer

    def _merge_operands(
        self, ones: list[ir.Operand], others: list[ir.Operand], name: str
    ) -> list[ir.Operand]:
        merged: list[ir.Operand] = []
        for one, other in zip(ones, others, strict=True):
            if one == other:
                merged.append(one)
            elif isinstance(one, ir.Undefined) and isinstance(other, ir.Const):
                merged.append(other)
            elif isinstance(other, ir.Undefined) and isinstance(one, ir.Const):
                merged.append(one)
            else:
                result = self.builder.fresh.var(one.type, hint_of(name))
                self.merges.append(ir.Merge(result, one, other))
                merged.append(result)
        return merged

    def _emit(self, condition: ir.Operand) -> None:
        builder = self.builder
        then, orelse = self.first.block.block(), self.second.block.block()
        is_test = (
            len(self.merges) == 1
            and self.merges[0].result.type == BOOL
            and _is_selectable(self.merges[0])
        )
        is_select = not then and not orelse
        if is_test and _is_cheap(then) and _is_cheap(orelse):
            builder.block.statements.extend(then + orelse)
            is_select = True
        if is_select and all(_is_selectable(merge) for merge in self.merges):
            for merge in self.merges:
                if self._is_condition(condition, merge):
                    continue
                select = ir.Select(condition, merge.if_true, merge.if_false)
                builder.emit(ir.Let(merge.result, select, builder.block.origin))
                builder.definitions[merge.result.id] = select
            return
        builder.emit(ir.If(condition, then, orelse, tuple(self.merges), builder.block.origin))

    def _is_condition(self, condition: ir.Operand, merge: ir.Merge) -> bool:
        """Replace a merge of True and False by the condition, or its negation."""
        match merge.if_true, merge.if_false:
            case ir.Const(True, type_), ir.Const(False) if type_ == BOOL:
                self.builder.replacements[merge.result] = condition
            case ir.Const(False, type_), ir.Const(True) if type_ == BOOL:
                negated = ir.Call(operator.not_, (condition,))
                self.builder.emit(ir.Let(merge.result, negated, self.builder.block.origin))
            case _:
                return False
        return True


def _is_selectable(merge: ir.Merge) -> bool:
    return isinstance(merge.result.type, Scalar) and not (
        isinstance(merge.if_true, ir.Undefined) or isinstance(merge.if_false, ir.Undefined)
    )


def references(
    state: State, forgotten: set[tuple[int, str]] | frozenset[tuple[int, str]] = frozenset()
) -> Counter[int]:
    """How many names and items refer to each object; ``forgotten`` names do not count."""
    counts: Counter[int] = Counter()
    seen: set[int] = set()
    pending: list[object] = [
        value
        for frame, names in state.frames.items()
        for name, value in names.items()
        if (frame, name) not in forgotten
    ]
    while pending:
        value = pending.pop()
        if not isinstance(value, Ref):
            pending.extend(templates.parts(value))  # type: ignore[arg-type]
            continue
        counts[value.id] += 1
        if value.id not in seen and value.id in state.heap:
            seen.add(value.id)
            pending.extend(templates.object_parts(state.heap[value.id]))
    return counts


def is_aliased(builder: Builder, id_: int, counts: Counter[int]) -> bool:
    """Whether several names may refer to an object, by ``counts`` of ``references``."""
    partners = builder.partners.get(id_, set())
    return counts[id_] > 1 or any(counts[partner] > 0 for partner in partners)


def _is_cheap(block: ir.Block) -> bool:
    if len(block) > _CHEAP_COUNT:
        return False
    for statement in block:
        match statement:
            case ir.Let(ir.Var(type=Scalar()), ir.Call(fn)) if fn in _CHEAP:
                pass
            case ir.Let(ir.Var(type=Scalar()), ir.Cast() | ir.Select()):
                pass
            case _:
                return False
    return True
