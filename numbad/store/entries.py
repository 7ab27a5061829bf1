"""Compilations on disk: what a call needs of one, without the passes that made it.

An entry is found by a key: the function's code, the structure of its arguments, what is
differentiated, the user's rules, settings, versions and processor. It is taken only if everything
the program was built from is still the same: the source files of all functions that were walked,
and each object found in globals, closure cells and attributes (``Dependency``), described in words
(``fingerprint``). What cannot be described is not kept; such functions compile in each process.

Under one key there are up to four entries, for different states of what was found.
"""

from __future__ import annotations

import copy
import io
import marshal
import pickle
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path as File
from typing import Any

from numbad.compilation import Built, Compilation, Interface, Request
from numbad.config import config
from numbad.custom import declare
from numbad.emit.emitted import Emitted
from numbad.emit.load import bindings_are_plain, import_module, module_path
from numbad.paths import Dependency, Parameter, Path, read
from numbad.store import files, fingerprint
from numbad.store.fingerprint import NotStorable, describe
from numbad.structure import Leaf, Record, Static, Tree, children

_MOST = 4
_PACKAGE = str(File(__file__).resolve().parent.parent)
_OWN_RECORDS = (
    "numbad.ir.types",
    "numbad.ir.origin",
    "numbad.structure",
    "numbad.compilation",
    __name__,
)


class _Stale(Exception):
    """The entry was made for another state of the user's program."""


@dataclass(frozen=True, slots=True)
class _Half:
    """One generated module: of a pullback there are two."""

    file: str
    name: str
    code: bytes
    bindings: dict[str, Any]
    digest: str
    origins: bytes
    facts: dict[str, Any]
    others: dict[str, _Half]


@dataclass(frozen=True, slots=True)
class _Entry:
    """One compilation."""

    stamps: tuple[tuple[str, int, int, str], ...]
    dependencies: tuple[tuple[Path, str, Any], ...]
    parameters: tuple[tuple[Path, Tree | None], ...]
    result: Tree
    interface: Interface
    options: dict[str, Any]
    half: _Half


def load(request: Request) -> Compilation | None:
    """Return the compilation for a request if it is on disk and still valid."""
    name = _key(request)
    data = None if name is None else files.read(name)
    if name is None or data is None:
        return None
    known = _Known(request)
    try:
        for blob in pickle.loads(data):
            try:
                return _restored(request, _Unpickler(blob, known).load(), known)
            except _Stale:
                continue
    except Exception as error:
        files.damaged(name, f"{type(error).__name__}: {error}")
    return None


def save(compilation: Compilation) -> None:
    """Keep a compilation, if what it was made from can be described to another process."""
    request = compilation.request
    name = _key(request)
    if name is None:
        return
    known = _Known(request)
    try:
        blob = _pickled(_entry(compilation, known), known)
    except (NotStorable, pickle.PicklingError):
        return
    before = files.read(name)
    try:
        blobs = [] if before is None else pickle.loads(before)
    except Exception:
        blobs = []
    blobs = [blob, *(other for other in blobs if other != blob)][:_MOST]
    files.write(name, pickle.dumps(blobs))


def _key(request: Request) -> str | None:
    if config.debug:
        # Passes are to be verified, so they have to run.
        return None
    try:
        description = (
            fingerprint.surroundings(),
            fingerprint.settings(),
            _rules(),
            describe(request.function),
            tuple(_tree_key(tree) for tree in request.args),
            tuple((name, _tree_key(tree)) for name, tree in request.kwargs),
            *(getattr(request, each.name) for each in fields(request)[3:]),
        )
    except NotStorable:
        return None
    return f"entry_{fingerprint.digest(description)}"


def _rules() -> tuple[Any, ...]:
    """Describe what the user declared, and what he did not."""
    return tuple(
        sorted(
            repr(tuple(None if part is None else describe(part) for part in parts))
            for parts in declare.declared()
        )
    )


def _tree_key(tree: Tree) -> Any:
    match tree:
        case Leaf(type_):
            return ("leaf", repr(type_))
        case Static(value):
            return ("static", describe(value))
        case _:
            facts = [getattr(tree, name) for name in ("keys", "names") if hasattr(tree, name)]
            cls = getattr(tree, "cls", dict)
            keys = tuple(tuple(map(describe, fact)) for fact in facts)
            return (describe(cls), keys, tuple(map(_tree_key, children(tree))))


class _Known:
    """The objects that a request itself supplies: they need no name."""

    def __init__(self, request: Request) -> None:
        self.function = request.function
        self.objects: list[Any] = []
        for tree in (*request.args, *(tree for _, tree in request.kwargs)):
            self.objects += _objects(tree)
        self.numbers = {id(value): number for number, value in enumerate(self.objects)}

    def namespace(self) -> dict[str, Any] | None:
        """Globals of the function."""
        core = self.function
        for attribute in ("func", "__func__", "py_func"):
            core = getattr(core, attribute, core)
        return getattr(core, "__globals__", None)


def _objects(tree: Tree) -> Iterator[Any]:
    match tree:
        case Static(value):
            if not isinstance(value, str | bytes | None):
                yield value
        case Record(cls):
            yield cls
        case _:
            pass
    for child in children(tree):
        yield from _objects(child)


# --- writing --------------------------------------------------------------------------------------


class _Pickler(pickle.Pickler):
    """Plain values and numbad's records are written out, all other objects are named."""

    def __init__(self, stream: io.BytesIO, known: _Known) -> None:
        super().__init__(stream, protocol=pickle.HIGHEST_PROTOCOL)
        self.known = known
        self.kept: list[Any] = []

    def persistent_id(self, obj: Any) -> Any:
        """Return the name of an object; None if it is written out."""
        cls = obj if isinstance(obj, type) else type(obj)
        if cls.__module__ in _OWN_RECORDS or (cls in _PLAIN and cls is not obj):
            return None
        number = self.known.numbers.get(id(obj))
        if number is not None:
            return ("request", number)
        found = fingerprint.named(obj)
        if found is None:
            raise NotStorable(type(obj).__name__)
        return ("named", *found, describe(obj))


_PLAIN = frozenset(
    {type(None), bool, int, float, complex, str, bytes, tuple, list, set, frozenset, dict}
)


def _pickled(entry: _Entry, known: _Known) -> bytes:
    stream = io.BytesIO()
    _Pickler(stream, known).dump(entry)
    return stream.getvalue()


def _entry(compilation: Compilation, known: _Known) -> _Entry:
    built = compilation.built
    if built.updates:
        raise NotStorable("changes of the caller's objects")
    dependencies = tuple(_dependency(each, known) for each in built.dependencies)
    return _Entry(
        _stamps(compilation),
        dependencies,
        tuple(
            (_path(each.path, known), None if _is_argument(each) else each.tree)
            for each in built.parameters
        ),
        built.result,
        built.interface,
        built.options,
        _half(compilation),
    )


def _is_argument(parameter: Parameter) -> bool:
    return parameter.path[0][0] in ("arg", "kwarg")


def _half(compilation: Compilation) -> _Half:
    emitted = compilation.emitted
    if not bindings_are_plain(emitted.bindings):
        raise NotStorable("a function of the user's in generated code")
    file = module_path(compilation.entry)
    facts = {
        name: getattr(compilation, name)
        for name in vars(compilation)
        if name not in _NOT_FACTS and not isinstance(getattr(compilation, name), Compilation)
    }
    others = {
        name: _half(found)
        for name, found in vars(compilation).items()
        if isinstance(found, Compilation)
    }
    return _Half(
        file,
        emitted.entry_name,
        marshal.dumps(compile(emitted.text, file, "exec", dont_inherit=True)),
        emitted.bindings,
        emitted.digest,
        pickle.dumps(emitted.origin_map),
        facts,
        others,
    )


_NOT_FACTS = frozenset(
    {"request", "built", "derived", "printed", "entry", "sources", "program", "emitted"}
)


def _stamps(compilation: Compilation) -> tuple[tuple[str, int, int, str], ...]:
    """Stamps of the source files; functions that have none must be described otherwise."""
    described = {
        id(getattr(getattr(each.expected, "py_func", each.expected), "__code__", None))
        for each in compilation.built.dependencies
    }
    root = compilation.request.function
    described.add(id(getattr(getattr(root, "py_func", root), "__code__", None)))
    stamps: dict[str, tuple[str, int, int, str]] = {}
    for code in compilation.sources:
        file = code.co_filename
        if file in stamps or file.startswith(_PACKAGE):
            continue
        stamp = fingerprint.file_stamp(file)
        if stamp is not None:
            stamps[file] = stamp
        elif id(code) not in described:
            raise NotStorable(f"the source of {code.co_name}")
    return tuple(stamps[file] for file in sorted(stamps))


def _dependency(dependency: Dependency, known: _Known) -> tuple[Path, str, Any]:
    kind, expected = dependency.kind, dependency.expected
    match kind:
        case "is" | "code" | "type":
            expected = describe(expected)
        case "equal":
            expected = ("value", expected) if type(expected) in _PLAIN else describe(expected)
        case "same" | "distinct":
            raise NotStorable("two ways to one object")
        case _:
            pass
    return _path(dependency.path, known), kind, expected


def _path(path: Path, known: _Known) -> Path:
    """Return a path without objects of this process."""
    match path[0]:
        case ("global", namespace, name):
            module = namespace.get("__name__")
            if namespace is known.namespace():
                first: tuple[Any, ...] = ("global", None, name)
            elif isinstance(module, str) and vars(sys.modules.get(module, sys)) is namespace:
                first = ("global", module, name)
            else:
                raise NotStorable("a namespace")
        case ("cell", _):
            raise NotStorable("a closure cell")
        case first:
            pass
    for _, key in path[1:]:
        if not isinstance(key, str | int):
            raise NotStorable("a key")
    return (first, *path[1:])


# --- reading --------------------------------------------------------------------------------------


class _Unpickler(pickle.Unpickler):
    def __init__(self, blob: bytes, known: _Known) -> None:
        super().__init__(io.BytesIO(blob))
        self.known = known

    def persistent_load(self, pid: Any) -> Any:
        """Return the object of a name, if it is what it was."""
        match pid:
            case ("request", number):
                return self.known.objects[number]
            case ("named", module, path, description):
                found = fingerprint.find(module, path)
                try:
                    if found is not None and describe(found) == description:
                        return found
                except NotStorable:
                    pass
        raise _Stale


def _restored(request: Request, entry: _Entry, known: _Known) -> Compilation:
    if not all(fingerprint.is_current(stamp) for stamp in entry.stamps):
        raise _Stale
    dependencies = tuple(
        _checked(_present_path(path, known), kind, expected, request.function)
        for path, kind, expected in entry.dependencies
    )
    named = dict(request.kwargs)
    parameters = []
    for path, tree in entry.parameters:
        match path[0]:
            case ("arg", position):
                found = request.args[position]
            case ("kwarg", name):
                found = named[name]
            case _:
                assert tree is not None
                found = tree
        parameters.append(Parameter(_present_path(path, known), found))
    passes = _Passes(request)
    built = Built(
        lambda: passes.compilation().built.program,
        entry.interface,
        tuple(parameters),
        entry.result,
        dependencies,
        entry.options,
    )
    return _compilation(request, built, entry.half, passes.compilation)


class _Passes:
    """The compilation by the passes themselves, for those who want to see its stages."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.made: Compilation | None = None

    def compilation(self) -> Compilation:
        """Run the passes, once."""
        if self.made is None:
            from numbad.pipeline import compile_function

            self.made = compile_function(self.request)
        return self.made


def _compilation(
    request: Request, built: Built, half: _Half, passes: Callable[[], Compilation]
) -> Compilation:
    path = File(half.file)
    if not path.exists():
        raise _Stale
    code = marshal.loads(half.code)

    def emitted() -> Emitted:
        text = path.read_text(encoding="utf-8")
        return Emitted(text, pickle.loads(half.origins), half.name, half.bindings, half.digest)

    facts = dict(half.facts)
    for name, other in half.others.items():
        facts[name] = _compilation(request, built, other, partial(_part, passes, name))
    return Compilation(
        request,
        built,
        lambda: passes().program,
        emitted,
        import_module(path, code, half.name, half.bindings, half.digest),
        **facts,
    )


def _part(whole: Callable[[], Compilation], name: str) -> Compilation:
    found: Compilation = getattr(whole(), name)
    return found


def _present_path(path: Path, known: _Known) -> Path:
    match path[0]:
        case ("global", None, name):
            return (("global", known.namespace(), name), *path[1:])
        case ("global", module, name):
            if module not in sys.modules:
                raise _Stale
            return (("global", vars(sys.modules[module]), name), *path[1:])
        case _:
            return path


def _checked(path: Path, kind: str, expected: Any, root: Any) -> Dependency:
    """Return the dependency on the object that is found on the path, if it is as described."""
    try:
        found = read(path, root)
        match kind:
            case "is" | "code":
                made = Dependency(path, kind, found)
                fits = describe(found) == expected
            case "type":
                made = Dependency(path, kind, type(found))
                fits = describe(type(found)) == expected
            case "equal" if expected[0] == "value":
                made = Dependency(path, kind, expected[1])
                fits = made.holds(root)
            case "equal":
                # A set may change later.
                made = Dependency(path, kind, copy.copy(found))
                fits = describe(found) == expected
            case _:
                made = Dependency(path, kind, expected)
                fits = made.holds(root)
    except (LookupError, AttributeError, ValueError, NotStorable) as error:
        raise _Stale from error
    if not fits:
        raise _Stale
    return made
