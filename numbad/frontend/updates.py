"""Objects of the caller that a program changes, and what it leaves in them.

Containers among the arguments are objects of the heap from the start. A list, dict or object that
is reached through a global, a closure cell or an attribute is only read at first; when the walk
comes to a place that changes it, ``NeedsOpening`` starts the walk again with that object *opened*:
its contents become parameters, and it is an object of the heap like any other. At the end the heap
is compared with what it was, and the differences become further results of the program, which the
caller writes back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numbad import structure
from numbad.frontend.signals import NeedsOpening
from numbad.frontend.values import (
    DictObject,
    DynamicList,
    External,
    FunctionValue,
    HeapObject,
    ListObject,
    RecordObject,
    Ref,
    StaticValue,
    Value,
)
from numbad.paths import Kept, Path, Update, path_key, read

if TYPE_CHECKING:
    import ast

    from numbad.frontend.builder import Builder
    from numbad.frontend.state import State
    from numbad.ir import nodes as ir


def can_open(value: StaticValue) -> bool:
    """Whether an object found on a path can be an object of the heap."""
    if value.path is None:
        return False
    return type(value.value) in (list, dict) or structure.record_fields(value.value) is not None


def require_opening(value: Value, node: ast.AST | None = None) -> None:
    """Start the walk again with the object opened, if it can be."""
    del node
    if isinstance(value, StaticValue) and can_open(value):
        assert value.path is not None
        raise NeedsOpening(value.value, value.path)


def contents_of(builder: Builder, need: NeedsOpening) -> ListObject | DictObject | RecordObject:
    """Contents of an object as it is now; its numbers and arrays become parameters."""
    live, found, path = builder.live, need.found, need.path
    if need.is_variable:
        try:
            found = read(path, live.root)
        except (LookupError, AttributeError, ValueError):
            return ListObject(())
        return ListObject((live.value(found, path, _name_of(path)),))
    live.depend(path, "type", type(found))
    if type(found) is list:
        live.depend(path, "length", len(found))
        return ListObject(
            tuple(
                live.value(item, (*path, ("item", i)), f"item{i}") for i, item in enumerate(found)
            )
        )
    if type(found) is dict:
        live.depend(path, "keys", tuple(found))
        return DictObject(
            tuple(found),
            tuple(
                live.value(item, (*path, ("item", key)), key if isinstance(key, str) else "")
                for key, item in found.items()
            ),
        )
    fields = structure.record_fields(found) or {}
    live.depend(path, "fields", tuple(fields))
    return RecordObject(
        type(found),
        tuple(fields),
        tuple(live.value(item, (*path, ("attr", name)), name) for name, item in fields.items()),
    )


def _name_of(path: Path) -> str:
    last = path[-1][-1]
    return last if isinstance(last, str) else ""


def collect(builder: Builder, operands: list[ir.Operand]) -> tuple[Update, ...]:
    """Return what the program changes in objects of the caller; appends the operands it takes."""
    found = []
    stored: set[int] = set()
    for id_, external in builder.external.items():
        present = builder.state.heap[id_]
        if present is external.contents or present == external.contents:
            continue
        found.append(_update(builder, external, present, operands, stored))
    _keep_distinct(builder, found)
    return tuple(found)


def _keep_distinct(builder: Builder, found: list[Update]) -> None:
    """Note that live objects that are changed are not among the others that the program reads."""
    objects = {path_key(path): (path, identity) for path, identity in builder.live.objects}
    for update in found:
        key = path_key(update.path)
        if key not in objects:
            continue
        for path, identity in objects.values():
            if identity != objects[key][1]:
                builder.live.depend(path, "distinct", update.path)


def _update(
    builder: Builder,
    external: External,
    present: HeapObject,
    operands: list[ir.Operand],
    stored: set[int],
) -> Update:
    before, path = external.contents, external.path
    old = _entries(before)
    new = _entries(present)

    def item(key: Any) -> Kept | structure.Tree:
        if key in old and old[key] == new[key]:
            return Kept(key)
        return _tree(builder, new[key], operands, stored)

    def changed() -> tuple[Any, ...]:
        return tuple(key for key in new if key not in old or old[key] != new[key])

    match present:
        case ListObject() if external.is_variable:
            return Update(path, None, (0,), (item(0),))
        case ListObject():
            if len(old) == len(new):
                return Update(path, list, changed(), tuple(item(key) for key in changed()))
            moved = [_moved(old, new, key, operands, builder, stored) for key in new]
            return Update(path, list, tuple(new), tuple(moved), is_whole=True)
        case DictObject():
            kept = [key for key in old if key in new]
            added = [key for key in new if key not in old]
            if [*kept, *added] != list(new):
                items = tuple(item(key) for key in new)
                return Update(path, dict, tuple(new), items, is_whole=True)
            gone = tuple(key for key in old if key not in new)
            return Update(path, dict, changed(), tuple(item(key) for key in changed()), gone)
        case RecordObject():
            gone = tuple(key for key in old if key not in new)
            return Update(path, object, changed(), tuple(item(key) for key in changed()), gone)
        case DynamicList():
            builder.error(
                None,
                "The length that a list of the caller is left with is known only at run time.",
                "What a call changes outside of it must have a known structure.",
                "Use an array, or a copy of the list.",
            )


def _entries(contents: HeapObject) -> dict[Any, Value]:
    match contents:
        case ListObject(items):
            return dict(enumerate(items))
        case DictObject(keys, items) | RecordObject(_, keys, items):
            return dict(zip(keys, items, strict=True))
        case DynamicList():
            return {}


def _moved(
    old: dict[Any, Value],
    new: dict[Any, Value],
    key: Any,
    operands: list[ir.Operand],
    builder: Builder,
    stored: set[int],
) -> Kept | structure.Tree:
    """An item of a list whose length changed: one of the old ones wherever it was, or new."""
    for position, value in old.items():
        if value == new[key]:
            return Kept(position)
    return _tree(builder, new[key], operands, stored)


def _tree(
    builder: Builder, value: Value, operands: list[ir.Operand], stored: set[int]
) -> structure.Tree:
    from numbad.frontend.build import value_tree

    def special(item: Value) -> structure.Tree | None:
        match item:
            case Ref(id) if id in builder.external:
                return structure.Existing(builder.external[id].path)
            case Ref(id):
                if id in stored:
                    builder.error(
                        None,
                        "A new object is left in two places outside of the function.",
                        "",
                        "Leave a copy in one of them.",
                    )
                stored.add(id)
                return None
            case StaticValue(found, path) if path is not None and type(found) in (list, dict):
                return structure.Existing(path)
            case FunctionValue(source):
                builder.error(
                    None,
                    f"The function `{source.name}` is left in an object outside of the function.",
                    "It exists only inside the compiled program.",
                )
            case _:
                return None

    return value_tree(builder, value, operands, special)


def check_confined(builder: Builder, before: State, what: str, node: ast.AST | None) -> None:
    """Refuse code that was walked apart if it changed objects or variables from around it."""
    for id_, contents in before.heap.items():
        if builder.state.heap.get(id_, contents) != contents:
            builder.error(
                node,
                f"{what} changes {builder.describe(Ref(id_))} from around it.",
                "Its own values exist only inside of it.",
                "Return the new value instead.",
            )
    for frame, names in before.frames.items():
        now = builder.state.frames.get(frame, names)
        for name, value in names.items():
            if now.get(name, value) != value and not name.startswith("."):
                builder.error(
                    node,
                    f"{what} assigns the variable `{name}` from around it.",
                    "Its own values exist only inside of it.",
                    "Return the new value instead.",
                )
