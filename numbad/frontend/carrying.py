"""Loop-carried values: which names and objects a loop changes, and the types they settle on.

The body is walked with every name that it assigns replaced by a fresh value of the type it has
before the loop. If at the end of the body a name has a wider type, or something changed that was
not expected to, the walk is thrown away and repeated with the better assumption, until it holds.
What the first walk of a loop learned is remembered for walks of the same loop inside a walk of an
outer loop, so nested loops are not walked exponentially often.

A name that is bound for the first time inside the body is ``Pending`` until it is bound. Reading it
then means that it comes from an earlier iteration: the region is left out (``Skip``), its type is
learned from the rest of the body, and the body is walked again with the name carried.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from numbad.frontend import conversion, merging, templates
from numbad.frontend.bindings import hint_of, settle_pending
from numbad.frontend.names import hint
from numbad.frontend.signals import NeedsDynamicList, NeedsUnrolling, Skip
from numbad.frontend.state import State, loads_of
from numbad.frontend.templates import MISSING, Joined, Missing, Source, Template
from numbad.frontend.values import (
    Conflict,
    DynamicList,
    HeapObject,
    ListObject,
    OperandValue,
    Pending,
    Ref,
    TupleValue,
    Value,
)
from numbad.ir import nodes as ir
from numbad.ir.build import BlockBuilder
from numbad.ir.visit import used_vars

if TYPE_CHECKING:
    from numbad.frontend.builder import Builder

Key = tuple[str, int, str]
Walk = Callable[[], tuple[list[BlockBuilder], bool, list[ir.Operand]]]

_LIMIT = 12


@dataclass(slots=True)
class _Entry:
    """One carried thing in one walk."""

    template: Any
    inner: list[ir.Var]
    following: list[ir.Operand]


@dataclass(slots=True)
class Result:
    """A walked loop: its carried values and the blocks of its regions."""

    carried: tuple[ir.Carried, ...]
    blocks: list[BlockBuilder]


class Carrying:
    """The walk of one loop.

    ``names`` are the names that its body may bind, each with its frame; ``node`` is the loop, to
    tell what is read after it. ``unroll`` is the loop's id if it has few iterations and can be
    unrolled, which is preferred to giving up the structure of a list or object.
    """

    def __init__(
        self,
        builder: Builder,
        names: set[tuple[int, str]],
        node: ast.AST | None,
        unroll: int | None = None,
    ) -> None:
        self.builder = builder
        self.id = builder.next_id()
        self.unroll = unroll
        self.node = node
        self.keys: list[Key] = [("name", frame, name) for frame, name in sorted(names)]
        self.templates: dict[Key, Any] = {}
        self.needed: set[Key] = set()
        self.shared: set[Key] = set()
        self.stands_for: dict[Key, set[int]] = {}
        self.seen: dict[str, Template] = {}
        self.loads = loads_of(node) if node is not None else None
        self.record = builder.loop_record(node)
        self.entry = builder.state
        self.known: set[int] = set()
        self.frame = builder.frame.id if builder.frame is not None else 0

    # --- messages from the walk ---------------------------------------------------------------

    def need(self, pending: Pending, template: Template | None) -> None:
        """Note that the value of the name from an earlier iteration is read."""
        for key in self.keys:
            if key[2] == pending.name and key[1] == pending.frame:
                self.needed.add(key)
        if template is not None:
            self.note(pending, template)

    def note(self, pending: Pending, template: Template) -> None:
        """Note a type that the name has somewhere in the body."""
        before = self.seen.get(pending.name)
        if before is None:
            self.seen[pending.name] = template
        elif not isinstance(before, Joined) and not isinstance(template, Joined):
            self.seen[pending.name] = templates.join(
                before, template, self.builder.state, self.builder.state
            )

    # --- the walk -----------------------------------------------------------------------------

    def run(self, walk: Walk) -> Result:
        """Walk until the assumptions hold; the builder's state is then that after the loop."""
        builder = self.builder
        settle_pending(builder)
        self._recall()
        builder.carryings[self.id] = self
        was_incomplete = builder.is_incomplete
        try:
            for _ in range(_LIMIT):
                builder.is_incomplete = was_incomplete
                try:
                    result = self._attempt(walk)
                except NeedsDynamicList as need:
                    builder.state = self.entry
                    self._prefer_unrolling()
                    merging.make_dynamic(builder, need)
                    continue
                except BaseException:
                    builder.state = self.entry
                    raise
                if result is not None:
                    return result
                builder.state = self.entry
        finally:
            del builder.carryings[self.id]
        builder.type_error(
            self.node,
            "The types of the names in this loop keep changing.",
            "They are different in every iteration.",
        )

    def _recall(self) -> None:
        for key in self.keys:
            remembered = self.record.templates.get(key[2])
            if key[1] == self.frame and remembered is not None:
                present = self.entry.frames[key[1]].get(key[2])
                if isinstance(present, OperandValue):
                    joined = templates.join(present, remembered, self.entry, self.entry)
                    if not isinstance(joined, Conflict):
                        self.templates[key] = joined

    def _attempt(self, walk: Walk) -> Result | None:
        builder = self.builder
        self.known = set(self.entry.heap)
        state = self.entry.copy()
        builder.state = state
        entries: dict[Key, _Entry] = {}
        for key in self.keys:
            entry = self._install(key, state)
            if entry is not None:
                entries[key] = entry
        initial = state.copy()
        try:
            blocks, is_dead, uses = walk()
        except Skip:
            return self._skip()
        final = initial if is_dead else builder.state
        builder.state = final
        if self._discover(initial, final) | self._settle_needed(final):
            return None
        return self._finish(entries, final, blocks, uses)

    def _skip(self) -> Result:
        """Leave the loop out of this walk: it reads what only an outer loop can tell."""
        if self.needed:
            name = hint(min(self.needed)[2])
            self.builder.error(self.node, f"`{name}` is read in this loop before it is bound.")
        self.builder.is_incomplete = True
        self.builder.state = self.entry
        return Result((), [])

    def _install(self, key: Key, state: State) -> _Entry | None:
        """Replace a carried thing by fresh values at the start of the body."""
        builder = self.builder
        kind, frame, name = key
        if kind == "object":
            contents = self.templates.get(key) or self._object_template(
                self.entry.heap[frame], self.entry.heap[frame]
            )
            inner = [builder.fresh.var(t) for t in templates.object_leaf_types(contents)]
            state.heap[frame] = conversion.instantiate_object(builder, contents, iter(inner))
            return _Entry(contents, inner, [])
        value = self.entry.frames[frame].get(name)
        template = self.templates.get(key)
        if value is None or isinstance(value, Pending):
            if template is None:
                if value is None:
                    state.frames[frame][name] = Pending(self.id, name, frame)
                return None
        elif template is None:
            template = templates.template_of(value, self.entry, self.known)
        inner = [builder.fresh.var(t, hint_of(name)) for t in templates.leaf_types(template)]
        installed = conversion.instantiate(builder, template, iter(inner))
        state.frames[frame][name] = installed
        if isinstance(installed, Ref) and isinstance(template, Joined):
            self._own(key, installed, state)
        return _Entry(template, inner, [])

    def _own(self, key: Key, installed: Ref, state: State) -> None:
        """Let the body change a carried object if no other name refers to it."""
        before = self.entry.frames[key[1]].get(key[2])
        if isinstance(before, Ref) and self._is_copied(before, self.entry, installed, state):
            counts = merging.references(self.entry)
            if merging.is_aliased(self.builder, before.id, counts):
                self.shared.add(key)
            self.builder.add_partners(installed.id, {before.id})
        self.builder.add_partners(installed.id, self.stands_for.get(key, set()))
        if key not in self.shared:
            state.heap[installed.id] = replace(state.heap[installed.id], shared=False)

    def _is_copied(self, source: Ref, source_state: State, target: Ref, state: State) -> bool:
        """Whether carrying an object makes another object of it: not so for lists of the IR."""
        return not (
            isinstance(source_state.heap[source.id], DynamicList)
            and isinstance(state.heap[target.id], DynamicList)
        )

    def _share(self, wanted: dict[Key, Any], final: State) -> bool:
        """Find carried objects that several names refer to; True if that was not known."""
        forgotten = {key[1:] for key in self.keys if key[0] == "name" and key not in wanted}
        counts = merging.references(final, forgotten)
        found = False
        for key, template in wanted.items():
            source = self._source(key, final)
            if not isinstance(template, Joined) or not isinstance(source, Ref):
                continue
            is_list = isinstance(template.contents, DynamicList)
            if is_list and isinstance(final.heap[source.id], DynamicList):
                continue
            if key not in self.shared and merging.is_aliased(self.builder, source.id, counts):
                self.shared.add(key)
                found = True
            partners = {source.id} | self.builder.partners.get(source.id, set())
            self.stands_for[key] = partners & self.known
        return found

    def _object_template(self, one: HeapObject, other: HeapObject) -> HeapObject:
        joined = templates.join_objects(one, other, self.entry, self.builder.state, self.known)
        if isinstance(joined, Conflict):
            self._prefer_unrolling()
            self.builder.error(
                self.node, "An object changes its structure in this loop.", joined.reason
            )
        return joined

    def _discover(self, initial: State, final: State) -> bool:
        """Find changes of things that were not expected to change; True if there are any."""
        if self.entry.frames.keys() - final.frames.keys():
            self.builder.error(
                self.node,
                "An iterator that was made before a loop is consumed inside it.",
                "It would be empty from the second iteration on.",
                "Make it inside the loop.",
            )
        found = False
        keys = set(self.keys)
        for frame in self.entry.frames:
            before, after = initial.frames[frame], final.frames.get(frame, {})
            for name in after:
                same = before.get(name) is after[name] or before.get(name) == after[name]
                if not same and ("name", frame, name) not in keys:
                    self.keys.append(("name", frame, name))
                    found = True
        for id_ in self.entry.heap:
            one, other = initial.heap[id_], final.heap[id_]
            if one is not other and one != other and ("object", id_, "") not in keys:
                self._check_list(id_, final)
                self.keys.append(("object", id_, ""))
                found = True
        return found

    def _check_list(self, id_: int, final: State) -> None:
        """Ask for a list of the IR where the body changes the length of a list."""
        before = self.entry.heap[id_]
        if isinstance(before, ListObject):
            contents = templates.join_objects(
                before, final.heap[id_], self.entry, final, self.known
            )
            if isinstance(contents, DynamicList):
                self._prefer_unrolling()
                raise NeedsDynamicList({id_: contents})
            if isinstance(contents, Conflict):
                self._prefer_unrolling()

    def _prefer_unrolling(self) -> None:
        if self.unroll is not None:
            raise NeedsUnrolling(self.unroll)

    def _settle_needed(self, final: State) -> bool:
        """Choose the types of names that turned out to come from earlier iterations."""
        changed = False
        for key in sorted(self.needed - self.templates.keys()):
            _, frame, name = key
            found = final.frames[frame].get(name, MISSING)
            template: Template | None = self.seen.get(name)
            if not isinstance(found, Missing | Pending):
                bound = templates.join(found, found, final, final, self.known)
                template = (
                    bound
                    if template is None
                    else templates.join(template, bound, final, final, self.known)
                )
            if template is None:
                self.builder.error(
                    self.node, f"`{name.lstrip('.')}` is read in this loop before it is bound."
                )
            self.templates[key] = template
            changed = True
        return changed

    def _finish(
        self,
        entries: dict[Key, _Entry],
        final: State,
        blocks: list[BlockBuilder],
        uses: list[ir.Operand],
    ) -> Result | None:
        used = self._used(blocks, uses)
        for key, entry in entries.items():
            self._collect(self._source(key, final), entry, used, final)
        again = False
        wanted: dict[Key, Any] = {}
        for key in self.keys:
            template = self._final_template(key, entries.get(key), final)
            if template is None:
                continue
            found = entries.get(key)
            if found is not None and found.template != template:
                is_read = any(var.id in used for var in found.inner)
                if is_read or key[0] == "object" or not self._is_replaceable(template):
                    self.templates[key] = template
                    again = True
            if self._is_dead(key, entries.get(key), used):
                continue
            if isinstance(template, Conflict) and isinstance(
                self._source(key, self.entry), TupleValue
            ):
                self._prefer_unrolling()
            wanted[key] = template
        if self._share(wanted, final) or again:
            self._remember()
            return None
        return self._close(wanted, entries, final, blocks)

    def _used(self, blocks: list[BlockBuilder], uses: list[ir.Operand]) -> set[int]:
        """Ids of the values that the regions read, unchanged carried values seen through."""
        found: list[ir.Operand] = [var for block in blocks for var in used_vars(block.block())]
        resolved = [self.builder.resolve_operand(operand) for operand in [*found, *uses]]
        return {operand.id for operand in resolved if isinstance(operand, ir.Var)}

    def _is_replaceable(self, template: Any) -> bool:
        """Whether a changed template needs no new walk if the carried value is never read."""
        return isinstance(template, OperandValue | Conflict)

    def _collect(self, source: Any, entry: _Entry, used: set[int], final: State) -> None:
        """Add the values that end up in *another* carried name to those that are used."""
        own = {var.id for var in entry.inner}
        for operand in map(self.builder.resolve_operand, _operands_of(source, final, set())):
            if isinstance(operand, ir.Var) and operand.id not in own:
                used.add(operand.id)

    def _source(self, key: Key, state: State) -> Any:
        kind, frame, name = key
        if kind == "object":
            return state.heap[frame]
        return state.frames[frame].get(name, MISSING)

    def _final_template(self, key: Key, entry: _Entry | None, final: State) -> Any:
        kind, frame, name = key
        if kind == "object":
            assert entry is not None
            self._check_list(frame, final)
            return self._object_template(entry.template, final.heap[frame])
        found: Source = final.frames[frame].get(name, MISSING)
        if isinstance(found, Missing | Pending) and entry is None:
            return None
        left: Any = MISSING if entry is None else entry.template
        return templates.join(left, found, self.entry, final, self.known)

    def _is_dead(self, key: Key, entry: _Entry | None, used: set[int]) -> bool:
        """Whether nobody can read what the name holds after an iteration."""
        kind, frame, name = key
        if kind == "object" or (entry is not None and any(v.id in used for v in entry.inner)):
            return False
        if self.loads is None or frame != self.frame or name.startswith(".accumulator"):
            return False
        scope = self.builder.frames[frame].code.scope
        return not (name in scope.captured or scope.loads[name] != self.loads[name])

    def _remember(self) -> None:
        for key, template in self.templates.items():
            if key[1] == self.frame and isinstance(template, OperandValue):
                self.record.templates[key[2]] = template

    def _close(
        self,
        wanted: dict[Key, Any],
        entries: dict[Key, _Entry],
        final: State,
        blocks: list[BlockBuilder],
    ) -> Result:
        """Fix the carried values; the state becomes that after the loop."""
        builder = self.builder
        after = self.entry.copy()
        for frame, names in final.frames.items():
            if frame not in after.frames:
                reason = "It belongs to a function that was made inside a loop."
                after.frames[frame] = {name: Conflict(reason) for name in names}
        carried: list[ir.Carried] = []
        body = blocks[-1] if blocks else None
        for key, entry in entries.items():
            if key not in wanted:
                self._forget(entry)
        for key, template in wanted.items():
            kind, frame, name = key
            types = (
                templates.object_leaf_types(template)
                if kind == "object"
                else templates.leaf_types(template)
            )
            found = entries.get(key)
            if found is not None and found.template == template:
                inner = found.inner
            else:
                inner = [builder.fresh.var(type_, hint_of(name)) for type_ in types]
            builder.state = self.entry
            inits = self._convert(key, template, self.entry)
            nexts: list[ir.Operand] = list(inner)
            if body is not None:
                outer = builder.block
                builder.block, builder.state = body, final
                nexts = self._convert(key, template, final)
                builder.block = outer
            builder.state = after
            results: list[ir.Operand] = []
            for var, init, following in zip(inner, inits, nexts, strict=True):
                results.append(self._carry(carried, var, init, following))
            self._put(key, template, results, after)
            if not is_read_pending(self.entry, key):
                continue
            pending = self.entry.frames[frame][name]
            assert isinstance(pending, Pending)
            if isinstance(template, Joined):
                builder.need(pending)
            else:
                builder.need(pending, template)
        builder.state = after
        return Result(tuple(carried), blocks)

    def _convert(self, key: Key, template: Any, state: State) -> list[ir.Operand]:
        source = self._source(key, state)
        if key[0] == "object":
            return conversion.object_operands(self.builder, source, template, state)
        return conversion.operands(self.builder, source, template, state)

    def _carry(
        self,
        carried: list[ir.Carried],
        inner: ir.Var,
        init: ir.Operand,
        following: ir.Operand,
    ) -> ir.Operand:
        if following == inner:
            self.builder.replacements[inner] = init
            return init
        result = self.builder.fresh.var(inner.type, inner.name)
        carried.append(ir.Carried(inner, init, following, result))
        return result

    def _forget(self, entry: _Entry) -> None:
        for var in entry.inner:
            self.builder.replacements[var] = ir.Undefined(var.type)

    def _put(self, key: Key, template: Any, results: list[ir.Operand], after: State) -> None:
        kind, frame, name = key
        if kind == "object":
            after.heap[frame] = conversion.instantiate_object(self.builder, template, iter(results))
            return
        value = conversion.instantiate(self.builder, template, iter(results))
        after.frames[frame][name] = value
        if isinstance(template, Joined) and isinstance(value, Ref):
            before = self.entry.frames[frame].get(name)
            if isinstance(before, Ref) and self._is_copied(before, self.entry, value, after):
                self.builder.add_partners(value.id, {before.id})
            self.builder.add_partners(value.id, self.stands_for.get(key, set()))
            if key not in self.shared:
                after.heap[value.id] = replace(after.heap[value.id], shared=False)


def is_read_pending(entry: State, key: Key) -> bool:
    """Whether a carried name was itself pending in an outer loop."""
    return key[0] == "name" and isinstance(entry.frames[key[1]].get(key[2]), Pending)


def _operands_of(source: Any, state: State, seen: set[int]) -> list[ir.Operand]:
    """All operands inside a value or the contents of an object."""
    if isinstance(source, OperandValue):
        return [source.operand]
    if isinstance(source, DynamicList):
        return [source.operand]
    if isinstance(source, Ref):
        if source.id in seen or source.id not in state.heap:
            return []
        return _operands_of(state.heap[source.id], state, seen | {source.id})
    found: list[ir.Operand] = []
    for name in ("start", "stop", "step", "is_none"):
        part = getattr(source, name, None)
        if isinstance(part, ir.Var):
            found.append(part)
    parts: list[Value] = []
    for name in ("items", "sources", "args"):
        part = getattr(source, name, ())
        if isinstance(part, tuple):
            parts.extend(part)
    for name in ("value", "receiver"):
        part = getattr(source, name, None)
        if part is not None and not isinstance(part, str):
            parts.append(part)
    parts.extend(value for _, value in getattr(source, "kwargs", ()))
    for value in parts:
        found.extend(_operands_of(value, state, seen))
    return found
