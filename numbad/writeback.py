"""Changes that compiled programs make to lists, dicts and objects of the caller.

The program returns what it leaves in them behind its own results; here that is written into the
objects, once per call, after everything has run without an exception.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from numbad.compilation import Built
from numbad.errors import UnsupportedSyntax
from numbad.paths import Kept, Path, Update, path_key, read
from numbad.structure import Leaf, Static, Tree, build_from, children, parts

WriteBack = Callable[[Sequence[Any]], None]


def prepare(
    built: Built, function: Any, args: Sequence[Any], kwargs: dict[str, Any]
) -> WriteBack | None:
    """Find the objects that the program changes; return what writes the changes into them.

    The result takes all flat results of the program; None if it changes nothing.
    """
    if not built.updates:
        return None

    def find(path: Path) -> Any:
        match path[0]:
            case ("arg", position):
                return read((("object", args[position]), *path[1:]))
            case ("kwarg", name):
                return read((("object", kwargs[name]), *path[1:]))
            case _:
                return read(path, function)

    owners = [_owner(update, find) for update in built.updates]
    _check_distinct(built, owners, args, kwargs, find)

    def write(results: Sequence[Any]) -> None:
        source = iter(results[built.result_count :])
        items = [
            [_item(owner, update, item, source, find) for item in update.items]
            for owner, update in zip(owners, built.updates, strict=True)
        ]
        for owner, update, values in zip(owners, built.updates, items, strict=True):
            _write(owner, update, values)

    return write


@dataclass(frozen=True, slots=True)
class _Variable:
    """A global or closure cell."""

    step: tuple[Any, ...]
    function: Any

    def assign(self, value: Any) -> None:
        """Change its value."""
        match self.step:
            case ("global", namespace, name):
                namespace[name] = value
            case ("cell", cell):
                cell.cell_contents = value
            case (_, name):
                cells = zip(
                    self.function.__code__.co_freevars, self.function.__closure__, strict=True
                )
                dict(cells)[name].cell_contents = value


def _owner(update: Update, find: Callable[[Path], Any]) -> Any:
    if update.kind is not None:
        return find(update.path)
    *outer, last = update.path
    return _Variable(last, find(tuple(outer)) if outer else None)


def _item(
    owner: Any,
    update: Update,
    item: Kept | Tree,
    source: Iterator[Any],
    find: Callable[[Path], Any],
) -> Any:
    if isinstance(item, Kept):
        return getattr(owner, item.key) if update.kind is object else owner[item.key]
    return build_from(source, item, find=find)


def _write(owner: Any, update: Update, values: list[Any]) -> None:
    if isinstance(owner, _Variable):
        owner.assign(values[0])
        return
    if update.kind is object:
        for name in update.removed:
            object.__delattr__(owner, name)
        for name, value in zip(update.keys, values, strict=True):
            object.__setattr__(owner, name, value)
        return
    if update.is_whole:
        owner.clear()
    if update.kind is list and update.is_whole:
        # One by one: a typed list takes no list of Python's.
        for value in values:
            owner.append(value)
        return
    for key in update.removed:
        del owner[key]
    for key, value in zip(update.keys, values, strict=True):
        owner[key] = value


def _check_distinct(
    built: Built,
    owners: list[Any],
    args: Sequence[Any],
    kwargs: dict[str, Any],
    find: Callable[[Path], Any],
) -> None:
    """Refuse a call in which a changed object is also reached in another way."""
    own = {path_key(update.path) for update in built.updates}
    changed = {id(owner) for owner in owners}
    pairs = [*_containers(built, args, kwargs), *((path, find(path)) for path, _ in built.objects)]
    identities = {path_key(path): identity for path, identity in built.objects}
    seen: set[int] = set()
    for path, found in pairs:
        if id(found) not in changed:
            continue
        if path_key(path) in own:
            is_double = id(found) in seen
            seen.add(id(found))
        else:
            # Two paths that led to one object when the program was built are one object in it.
            here = identities.get(path_key(path))
            is_double = here is None or here not in (
                identities.get(path_key(update.path)) for update in built.updates
            )
        if is_double:
            raise UnsupportedSyntax(
                f"a {type(found).__name__} is changed that is passed in, or reached, in two ways.",
                origin=built.interface.origin,
                why="The derivative would take them for two objects.",
                remedy="Pass a copy of one of them.",
            )


def _containers(
    built: Built, args: Sequence[Any], kwargs: dict[str, Any]
) -> Iterator[tuple[Path, Any]]:
    for parameter in built.parameters:
        match parameter.path[0]:
            case ("arg", position):
                yield from _inside(parameter.path, args[position], parameter.tree)
            case ("kwarg", name):
                yield from _inside(parameter.path, kwargs[name], parameter.tree)
            case _:
                pass


def _inside(path: Path, value: Any, tree: Tree) -> Iterator[tuple[Path, Any]]:
    """Yield the containers of an argument with their paths."""
    if isinstance(tree, Leaf | Static):
        return
    yield path, value
    names = getattr(tree, "names", None)
    keys = getattr(tree, "keys", None)
    for position, (part, child) in enumerate(zip(parts(value, tree), children(tree), strict=True)):
        if names is not None:
            step = ("attr", names[position])
        else:
            step = ("item", position if keys is None else keys[position])
        yield from _inside((*path, step), part, child)
