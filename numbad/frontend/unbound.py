"""Reads of names that may not be bound: which there are, and the tests in front of them.

``check_names`` looks at the desugared body of a function. A local name that is read where not all
paths have bound it gets a companion, a bool that tells whether it is bound, and the read becomes a
call of ``bound``, which raises ``UnboundLocalError`` as Python does. Names whose binding cannot be
followed (those that inner functions assign, walrus targets, names of handled exceptions) stay as
they are.
"""

from __future__ import annotations

import ast
import copy
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from numbad.frontend.names import Names

Block = list[ast.stmt]

# Comprehensions other than generator expressions are no functions of their own from 3.12 on.
_INLINED = sys.version_info >= (3, 12)
Bound = frozenset[str] | None
"""Names that are bound on all paths; None where no path leads."""

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


def bound(is_bound: bool, value: Any, name: str, is_free: bool) -> Any:
    """Return the value of a name that may not be bound; called by rewritten code."""
    if not is_bound:
        kind, message = failure(name, is_free)
        raise kind(message)
    return value


def failure(name: str, is_free: bool) -> tuple[type[NameError], str]:
    """Return what Python raises for a name that is not bound; free ones are those around."""
    if is_free:
        where = "where it is not associated with a value in enclosing scope"
        return NameError, f"cannot access free variable '{name}' {where}"
    where = "where it is not associated with a value"
    return UnboundLocalError, f"cannot access local variable '{name}' {where}"


def check_names(names: Names, node: ast.FunctionDef, body: Block) -> Block:
    """Return the body of a function with tests in front of reads of names that may not be bound.

    ``del`` of names is gone afterwards.
    """
    parameters = _parameters(node.args)
    deleted = {name for statement in _statements(body) for name in _deleted(statement)}
    followed = _followed(body) - (parameters - deleted)
    reads = _Reads(followed)
    reads.block(body, frozenset(parameters & followed))
    if not reads.names:
        return _without_deletions(body) if deleted else body
    flags = {name: names.new("bound") for name in sorted(reads.names)}
    rewriter = _Rewriter(flags, reads.nodes)
    start = [_set(flag, name in parameters, node) for name, flag in flags.items()]
    return start + rewriter.block(body)


def _parameters(args: ast.arguments) -> set[str]:
    given = [*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg]
    return {each.arg for each in given if each is not None}


def _statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield all statements of a function, without those of functions inside."""
    for statement in body:
        yield statement
        for name in ("body", "orelse", "finalbody"):
            if not isinstance(statement, _SCOPES):
                yield from _statements(getattr(statement, name, ()))
        for handler in getattr(statement, "handlers", ()):
            yield from _statements(handler.body)


def _deleted(statement: ast.stmt) -> set[str]:
    targets = statement.targets if isinstance(statement, ast.Delete) else []
    return {target.id for target in targets if isinstance(target, ast.Name)}


def _names_in(target: ast.expr) -> set[str]:
    """Names that a target binds."""
    return {
        child.id
        for child in ast.walk(target)
        if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store)
    }


def _binds(statement: ast.stmt) -> set[str]:
    """Names that a statement binds when it has run."""
    match statement:
        case ast.Assign(targets):
            return set().union(*map(_names_in, targets))
        case ast.AugAssign(target):
            return _names_in(target)
        case ast.FunctionDef(name):
            return {name}
        case ast.Import(aliases) | ast.ImportFrom(_, aliases):
            return {(alias.asname or alias.name).partition(".")[0] for alias in aliases}
        case _:
            return set()


def _followed(body: Block) -> frozenset[str]:
    """Local names of which each binding is seen."""
    found: set[str] = set()
    lost: set[str] = set()
    for statement in _statements(body):
        found |= _binds(statement)
        match statement:
            case ast.For(target):
                found |= _names_in(target)
            case ast.Global(elsewhere) | ast.Nonlocal(elsewhere):
                lost.update(elsewhere)
            case ast.Try(_, handlers):
                lost.update(each.name for each in handlers if each.name is not None)
            case _:
                found |= _deleted(statement)
        for child in ast.walk(statement):
            if isinstance(child, ast.NamedExpr) and isinstance(child.target, ast.Name):
                lost.add(child.target.id)
            elif isinstance(child, ast.Nonlocal):
                lost.update(child.names)
    return frozenset(found - lost)


@dataclass(slots=True)
class _Loop:
    """What is bound where a loop is left by ``break``, and where ``continue`` starts over."""

    breaks: list[Bound] = field(default_factory=list)
    continues: list[Bound] = field(default_factory=list)


class _Reads:
    """Finds the reads of followed names that not all paths have bound."""

    def __init__(self, followed: frozenset[str]) -> None:
        self.followed = followed
        self.names: set[str] = set()
        self.nodes: dict[int, bool] = {}
        self.is_inside = False
        self.loops: list[_Loop] = []

    def block(self, body: Sequence[ast.stmt], known: Bound) -> Bound:
        """Walk statements; return what is bound after them."""
        for statement in body:
            if known is None:
                return None
            known = self.statement(statement, known)
        return known

    def statement(self, statement: ast.stmt, known: frozenset[str]) -> Bound:
        """Walk one statement."""
        match statement:
            case ast.If(test, then, orelse):
                known = self.expression(test, known)
                return _meet(self.block(then, known), self.block(orelse, known))
            case ast.For() | ast.While():
                return self.loop(statement, known)
            case ast.Try():
                return self.attempt(statement, known)
            case ast.Break() | ast.Continue():
                loop = self.loops[-1]
                jumps = loop.breaks if isinstance(statement, ast.Break) else loop.continues
                jumps.append(known)
                return None
            case ast.Return() | ast.Raise():
                self.expressions(statement, known)
                return None
            case ast.FunctionDef():
                for default in (*statement.args.defaults, *statement.args.kw_defaults):
                    if default is not None:
                        known = self.expression(default, known)
            case ast.AugAssign(ast.Name() as target, _, value):
                self.read(target, known)
                known = self.expression(value, known)
            case ast.Delete(targets):
                for each in targets:
                    if isinstance(each, ast.Name):
                        self.read(each, known)
                    else:
                        known = self.expression(each, known)
                return known - _deleted(statement)
            case _:
                known = self.expressions(statement, known)
        return known | (_binds(statement) & self.followed)

    def loop(self, loop: ast.For | ast.While, known: frozenset[str]) -> Bound:
        """Walk a loop, which may run no times unless its iterable or test says otherwise."""
        test = loop.iter if isinstance(loop, ast.For) else loop.test
        known = self.expression(test, known)
        lost = {name for statement in _statements(loop.body) for name in _deleted(statement)}
        head = known - lost
        entry = head
        if isinstance(loop, ast.For):
            entry = head | (_names_in(loop.target) & self.followed)
        jumps = _Loop()
        self.loops.append(jumps)
        end = self.block(loop.body, entry)
        self.loops.pop()
        after: Bound = head
        if isinstance(loop, ast.For) and _has_items(test):
            after = _meet(end, *jumps.continues)
        elif isinstance(test, ast.Constant) and isinstance(loop, ast.While) and test.value:
            after = None
        after = self.block(loop.orelse, after)
        return _meet(after, *jumps.breaks)

    def attempt(self, statement: ast.Try, known: frozenset[str]) -> Bound:
        """Walk ``try``: a handler may be entered from anywhere in the block."""
        inside = [*statement.body, *statement.orelse, *statement.handlers]
        lost = {
            name
            for each in _statements(inside)  # type: ignore[arg-type]
            for name in _deleted(each)
        }
        done = self.block(statement.orelse, self.block(statement.body, known))
        for handler in statement.handlers:
            done = _meet(done, self.block(handler.body, known - lost))
        finished = self.block(statement.finalbody, known - lost)
        if not statement.finalbody:
            return done
        if done is None or finished is None:
            return None
        return (done | finished) - {
            name for each in _statements(statement.finalbody) for name in _deleted(each)
        }

    def expressions(self, statement: ast.stmt, known: frozenset[str]) -> frozenset[str]:
        """Walk the expressions of a simple statement."""
        for child in ast.iter_child_nodes(statement):
            if isinstance(child, ast.expr):
                known = self.expression(child, known)
        return known

    def expression(self, node: ast.AST, known: frozenset[str]) -> frozenset[str]:
        """Walk an expression; a name that was read, and always is, is bound afterwards."""
        match node:
            case ast.Name(_, ast.Load()):
                return self.read(node, known)
            case ast.Lambda():
                return known
            case ast.BoolOp(_, [first, *others]):
                known = self.expression(first, known)
                for other in others:
                    self.expression(other, known)
                return known
            case ast.IfExp(test, then, orelse):
                known = self.expression(test, known)
                self.expression(then, known)
                self.expression(orelse, known)
                return known
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                outermost = node.generators[0]
                known = self.expression(outermost.iter, known)
                own = set().union(*(_names_in(each.target) for each in node.generators))
                outer = self.is_inside
                self.is_inside = outer or isinstance(node, ast.GeneratorExp) or not _INLINED
                for child in ast.iter_child_nodes(node):
                    if child is not outermost:
                        self.expression(child, known | own)
                for condition in outermost.ifs:
                    self.expression(condition, known | own)
                self.is_inside = outer
                return known
            case _:
                for child in ast.iter_child_nodes(node):
                    known = self.expression(child, known)
                return known

    def read(self, node: ast.Name, known: frozenset[str]) -> frozenset[str]:
        """Note a read."""
        if node.id in self.followed and node.id not in known:
            self.names.add(node.id)
            self.nodes[id(node)] = self.is_inside
            return known | {node.id}
        return known


def _meet(*paths: Bound) -> Bound:
    """What is bound where paths join."""
    open_ones = [path for path in paths if path is not None]
    return frozenset.intersection(*open_ones) if open_ones else None


def _has_items(iterable: ast.expr) -> bool:
    """Whether an iterable is written out and not empty."""
    match iterable:
        case ast.Tuple(elements) | ast.List(elements):
            return any(not isinstance(each, ast.Starred) for each in elements)
        case ast.Call(ast.Name("range"), [ast.Constant(int(count))], []):
            return count > 0
        case ast.Call(ast.Name("range"), [ast.Constant(int(a)), ast.Constant(int(b))], []):
            return a < b
        case _:
            return False


def _set(flag: str, value: bool, place: ast.AST) -> ast.stmt:
    """``flag = value``."""
    target = ast.copy_location(ast.Name(flag, ast.Store()), place)
    constant = ast.copy_location(ast.Constant(value), place)
    return ast.copy_location(ast.Assign([target], constant), place)


class _Rewriter:
    """Puts the tests in, and keeps the companions up to date; the given tree is not changed."""

    def __init__(self, flags: dict[str, str], nodes: Mapping[int, bool]) -> None:
        self.flags = flags
        self.nodes = nodes

    def block(self, body: Sequence[ast.stmt]) -> Block:
        """Rewrite statements."""
        return [new for statement in body for new in self.statement(statement)]

    def statement(self, statement: ast.stmt) -> Block:
        """Rewrite one statement."""
        new = copy.copy(statement)
        if not isinstance(statement, ast.FunctionDef):
            for name in ("body", "orelse", "finalbody"):
                if hasattr(statement, name):
                    setattr(new, name, self.block(getattr(statement, name)))
        before: Block = []
        match new:
            case ast.If() | ast.While():
                new.test = self.expression(new.test)
            case ast.For(target):
                new.iter = self.expression(new.iter)
                new.body = self.marks(_names_in(target), True, new) + new.body
            case ast.Try():
                new.handlers = [copy.copy(handler) for handler in new.handlers]
                for handler in new.handlers:
                    handler.body = self.block(handler.body)
            case ast.FunctionDef():
                new.args = copy.copy(new.args)
                new.args.defaults = [self.expression(each) for each in new.args.defaults]
                new.args.kw_defaults = [
                    each and self.expression(each) for each in new.args.kw_defaults
                ]
            case ast.AugAssign(ast.Name() as target):
                new.value = self.expression(new.value)
                before = self.test(target)
            case ast.Delete(targets):
                tests = [each for target in targets for each in self.test(target)]
                kept = [self.expression(t) for t in targets if not isinstance(t, ast.Name)]
                new.targets = kept
                after = self.marks(_deleted(statement), False, statement)
                return [*tests, *([new] if kept else []), *after]
            case _:
                for name, value in ast.iter_fields(statement):
                    if isinstance(value, ast.expr):
                        setattr(new, name, self.expression(value))
                    elif isinstance(value, list) and name == "targets":
                        setattr(new, name, [self.expression(each) for each in value])
        return [*before, new, *self.marks(_binds(statement), True, statement)]

    def marks(self, names: set[str], value: bool, place: ast.stmt) -> Block:
        """Note that names are bound now, or not any more."""
        return [_set(self.flags[name], value, place) for name in sorted(names & set(self.flags))]

    def test(self, target: ast.expr) -> Block:
        """Test a name that a statement reads without being an expression."""
        if id(target) not in self.nodes:
            return []
        assert isinstance(target, ast.Name)
        read = ast.copy_location(ast.Name(target.id, ast.Load()), target)
        return [ast.copy_location(ast.Expr(self.checked(read, False)), target)]

    def expression(self, node: ast.expr) -> ast.expr:
        """Rewrite an expression that holds such a read; return others as they are."""
        if id(node) in self.nodes:
            assert isinstance(node, ast.Name)
            return self.checked(node, self.nodes[id(node)])
        if not any(id(child) in self.nodes for child in ast.walk(node)):
            return node
        new: ast.expr = self._rewritten(node)
        return new

    def _rewritten(self, node: Any) -> Any:
        new = copy.copy(node)
        for name, value in ast.iter_fields(node):
            if isinstance(value, list):
                setattr(new, name, [self._part(each) for each in value])
            else:
                setattr(new, name, self._part(value))
        return new

    def _part(self, value: Any) -> Any:
        if isinstance(value, ast.expr):
            return self.expression(value)
        if isinstance(value, ast.keyword | ast.comprehension | ast.arguments):
            return self._rewritten(value)
        return value

    def checked(self, read: ast.Name, is_free: bool) -> ast.expr:
        """The read of a name with the test in front of it."""
        at = read
        function = ast.copy_location(ast.Constant(bound), at)  # type: ignore[arg-type]
        flag = ast.copy_location(ast.Name(self.flags[read.id], ast.Load()), at)
        name = ast.copy_location(ast.Constant(read.id), at)
        free = ast.copy_location(ast.Constant(is_free), at)
        return ast.copy_location(ast.Call(function, [flag, read, name, free], []), at)


def _without_deletions(body: Block) -> Block:
    return _Rewriter({}, {}).block(body)
