"""Live values: globals, closure cells and what is reached through them, read at call time.

A *path* says where an object is found. Its first step is ``("root",)`` (the function that is
differentiated), ``("global", namespace, name)``, ``("cell", cell)`` or ``("object", object)``;
further steps are ``("attr", name)``, ``("item", key)``, ``("closure", name)`` and
``("default", name)``. ``read`` follows one.

Numbers and arrays found on a path become hidden parameters of the program (``Parameter``); for all
other objects the program depends on finding the same object there (``Dependency``).
"""

from __future__ import annotations

import builtins
import types as python_types
from dataclasses import dataclass
from typing import Any

from numbad import structure

Path = tuple[Any, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Parameter:
    """A parameter of the program, in the order of the entry's parameters.

    ``path`` is ``("arg", i)``, ``("kwarg", name)`` as its first step for arguments; other paths are
    live values. ``tree`` says how the value there is flattened to parameters of the entry.
    """

    path: Path
    tree: structure.Tree


@dataclass(frozen=True, slots=True, eq=False)
class Dependency:
    """What was found on a path while building, and must be found there at each call.

    ``kind`` is ``"is"``, ``"equal"``, ``"type"`` (of the object), ``"length"``, ``"keys"`` or
    ``"code"`` (a function made from the same definition: its cells and defaults are paths of their
    own), ``"fields"`` (their names), ``"same"`` or ``"distinct"`` (is it the object on another
    path?).
    """

    path: Path
    kind: str
    expected: Any

    def holds(self, root: Any) -> bool:
        """Whether the program is still valid as far as this object is concerned."""
        try:
            found = read(self.path, root)
        except (LookupError, AttributeError, ValueError):
            return False
        match self.kind:
            case "is":
                return found is self.expected
            case "equal":
                return type(found) is type(self.expected) and bool(found == self.expected)
            case "type":
                return type(found) is self.expected
            case "length":
                return bool(len(found) == self.expected)
            case "code":
                return (
                    isinstance(found, python_types.FunctionType)
                    and found.__code__ is self.expected.__code__
                    and found.__globals__ is self.expected.__globals__
                )
            case "fields":
                return bool(tuple(structure.record_fields(found) or ()) == self.expected)
            case "same":
                return bool(found is read(self.expected, root))
            case "distinct":
                return bool(found is not read(self.expected, root))
            case _:
                return bool(tuple(found) == self.expected)


@dataclass(frozen=True, slots=True)
class Kept:
    """An item that is what the object held under ``key`` when the program began."""

    key: Any


@dataclass(frozen=True, slots=True, eq=False)
class Update:
    """What a program leaves in an object of the caller.

    Attributes
    ----------
    path
        Where the object is found when the program begins.
    kind
        ``list``, ``dict``, ``object``, or None for a variable, whose only key is 0.
    keys, items
        Indices, keys or names of fields that are assigned, and what to. For a list or dict with
        ``is_whole`` they are all there are.
    removed
        Keys or fields that are deleted.
    is_whole
        Whether the contents are replaced altogether, because a length or an order changes.
    """

    path: Path
    kind: type | None
    keys: tuple[Any, ...]
    items: tuple[Kept | structure.Tree, ...]
    removed: tuple[Any, ...] = ()
    is_whole: bool = False


def read(path: Path, root: Any = None) -> Any:
    """Return the object on a path."""
    match path[0]:
        case ("root",):
            found = root
        case ("global", namespace, name):
            found = namespace[name] if name in namespace else getattr(builtins, name)
        case ("cell", cell):
            found = cell.cell_contents
        case ("object", found):
            pass
        case step:
            raise LookupError(step)
    for kind, key in path[1:]:
        match kind:
            case "attr":
                found = getattr(found, key)
            case "item":
                found = found[key]
            case "closure":
                cells = zip(found.__code__.co_freevars, found.__closure__ or (), strict=True)
                found = dict(cells)[key].cell_contents
            case "default":
                found = _default(found, key)
            case _:
                raise LookupError(kind)
    return found


def _default(function: Any, name: str) -> Any:
    code = function.__code__
    positional = code.co_varnames[: code.co_argcount]
    defaults = function.__defaults__ or ()
    if name in positional[len(positional) - len(defaults) :]:
        return defaults[positional.index(name) - len(positional)]
    return function.__kwdefaults__[name]


def path_key(path: Path) -> tuple[Any, ...]:
    """Return a hashable key that is equal for equal paths; objects count by identity."""
    return tuple(
        tuple(part if isinstance(part, str | int) else id(part) for part in step) for step in path
    )
