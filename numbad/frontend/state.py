"""What the builder knows at a point of the program: bindings of names, contents of objects.

``State`` is copied where control flow splits and merged where it joins; everything in it is
immutable except the dictionaries themselves. ``Frame`` and ``Code`` are the unchanging part: which
function is walked, and which of its names are whose.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import CellType
from typing import TYPE_CHECKING, Any

from numbad.frontend.values import HeapObject, Value
from numbad.ir.nodes import Origin
from numbad.ir.types import Type
from numbad.paths import Path

if TYPE_CHECKING:
    from numbad.frontend.source import Parsed

SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


class State:
    """Bindings of the names of all live frames, and the heap."""

    def __init__(self, frames: dict[int, dict[str, Value]], heap: dict[int, HeapObject]) -> None:
        self.frames = frames
        self.heap = heap

    def copy(self) -> State:
        """Return a copy that can change independently."""
        return State({key: dict(names) for key, names in self.frames.items()}, dict(self.heap))


class Code:
    """A function definition as the builder walks it: normalised, with its environment.

    ``path`` says where the function object was read, so that its closure cells are read again at
    call time through it; None if it cannot change. ``declared`` holds the types of variables whose
    type the function's decorator fixes; ``is_compiled`` says whether Numba compiles the function,
    so that overloads apply in it.
    """

    is_compiled = False

    def __init__(
        self,
        node: ast.FunctionDef,
        parsed: Parsed,
        globals_: dict[str, Any],
        cells: dict[str, CellType],
        path: Path | None = None,
        function: Any = None,
        declared: Mapping[str, Type] | None = None,
    ) -> None:
        self.node = node
        self.parsed = parsed
        self.globals = globals_
        self.cells = cells
        self.path = path
        self.function = function
        self.declared = dict(declared or {})
        self.name = node.name
        self.scope = scope_of(node)
        self.is_generator = self.scope.is_generator

    def origin(self, node: ast.AST) -> Origin:
        """Where a node stands in the source."""
        return self.parsed.origin(node)


@dataclass(slots=True)
class Scope:
    """Names of one function: which are local, which are declared to be elsewhere.

    ``captured`` are those that functions inside read; ``loads`` counts how often each is read.
    """

    locals: frozenset[str]
    globals: frozenset[str]
    nonlocals: frozenset[str]
    captured: frozenset[str]
    loads: Counter[str]
    is_generator: bool = False


@dataclass(frozen=True, slots=True)
class Frame:
    """One activation of a function, or the scope of a comprehension (``code`` of its function).

    ``parent`` is the frame in which free names are looked up next.
    """

    id: int
    code: Code
    parent: int | None
    locals: frozenset[str]
    is_comprehension: bool = False


_scopes: dict[int, tuple[ast.AST, Scope]] = {}
_loads: dict[int, tuple[ast.AST, Counter[str]]] = {}


def scope_of(node: ast.FunctionDef) -> Scope:
    """Return the names of a function definition (computed once per node)."""
    known = _scopes.get(id(node))
    if known is not None and known[0] is node:
        return known[1]
    bound: set[str] = set()
    global_names: set[str] = set()
    nonlocal_names: set[str] = set()
    captured: set[str] = set()
    arguments = node.args
    for argument in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]:
        bound.add(argument.arg)
    for star in (arguments.vararg, arguments.kwarg):
        if star is not None:
            bound.add(star.arg)
    for statement in node.body:
        _collect(statement, bound, global_names, nonlocal_names, captured)
    scope = Scope(
        frozenset(bound - global_names - nonlocal_names),
        frozenset(global_names),
        frozenset(nonlocal_names),
        frozenset(captured),
        loads_of(node),
        _is_generator(node),
    )
    _scopes[id(node)] = (node, scope)
    return scope


def _collect(
    node: ast.AST,
    bound: set[str],
    global_names: set[str],
    nonlocal_names: set[str],
    captured: set[str],
) -> None:
    match node:
        case ast.Name(id=name, ctx=ast.Store()):
            bound.add(name)
        case ast.FunctionDef():
            bound.add(node.name)
            captured.update(_all_names(node))
            for default in [*node.args.defaults, *node.args.kw_defaults]:
                if default is not None:
                    _collect(default, bound, global_names, nonlocal_names, captured)
            return
        case ast.Lambda():
            captured.update(_all_names(node))
            return
        case ast.ExceptHandler(name=str(name)):
            bound.add(name)
        case ast.Global(names=names):
            global_names.update(names)
        case ast.Nonlocal(names=names):
            nonlocal_names.update(names)
        case ast.Import(names=aliases):
            bound.update((alias.asname or alias.name.partition(".")[0]) for alias in aliases)
        case ast.ImportFrom(names=aliases):
            bound.update((alias.asname or alias.name) for alias in aliases)
        case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            # Targets belong to the comprehension; only what := binds belongs to the function.
            for child in ast.walk(node):
                if isinstance(child, ast.NamedExpr) and isinstance(child.target, ast.Name):
                    bound.add(child.target.id)
                if isinstance(child, ast.Lambda):
                    captured.update(_all_names(child))
            if isinstance(node, ast.GeneratorExp):
                captured.update(_all_names(node))
            return
    for child in ast.iter_child_nodes(node):
        _collect(child, bound, global_names, nonlocal_names, captured)
    flag = getattr(node, "flag", None)
    if isinstance(flag, str):
        bound.add(flag)


def _all_names(node: ast.AST) -> set[str]:
    return {child.id for child in ast.walk(node) if isinstance(child, ast.Name)}


def assigned_names(nodes: list[ast.stmt]) -> frozenset[str]:
    """Names that the statements may bind in the function that contains them."""
    bound: set[str] = set()
    for node in nodes:
        _collect(node, bound, set(), set(), set())
    return frozenset(bound)


def updated_names(nodes: list[ast.stmt]) -> frozenset[str]:
    """Names that the statements bind by augmented assignment only."""
    stores: Counter[str] = Counter()
    updates: Counter[str] = Counter()
    for node in nodes:
        for child in ast.walk(node):
            match child:
                case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                    stores[name] += 1
                case ast.AugAssign(target=ast.Name(id=name)):
                    updates[name] += 1
                case ast.FunctionDef(name=name):
                    stores[name] += 1
    return frozenset(name for name, count in updates.items() if stores[name] == count)


def targets_of(node: ast.expr) -> frozenset[str]:
    """Names bound by an assignment target."""
    return frozenset(
        child.id
        for child in ast.walk(node)
        if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store)
    )


def loads_of(node: ast.AST) -> Counter[str]:
    """How often each name is read in a subtree (computed once per node)."""
    known = _loads.get(id(node))
    if known is not None and known[0] is node:
        return known[1]
    counts: Counter[str] = Counter()
    for child in ast.walk(node):
        match child:
            case ast.Name(id=name, ctx=ast.Load()):
                counts[name] += 1
            case ast.AugAssign(target=ast.Name(id=name)):
                counts[name] += 1
        flag = getattr(child, "flag", None)
        if isinstance(flag, str):
            counts[flag] += 1
    _loads[id(node)] = (node, counts)
    return counts


def comprehension_targets(node: ast.AST) -> frozenset[str]:
    """Names bound by the ``for`` clauses of a comprehension."""
    names: set[str] = set()
    for clause in getattr(node, "generators", []):
        names.update(targets_of(clause.target))
    return frozenset(names)


def _is_generator(node: ast.FunctionDef) -> bool:
    pending: list[ast.AST] = list(node.body)
    while pending:
        child = pending.pop()
        if isinstance(child, ast.Yield | ast.YieldFrom):
            return True
        if not isinstance(child, SCOPES):
            pending.extend(ast.iter_child_nodes(child))
    return False


@dataclass(slots=True)
class LoopRecord:
    """What is remembered of a loop between walks of its body: templates of carried things."""

    templates: dict[Any, Any] = field(default_factory=dict)
