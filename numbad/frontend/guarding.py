"""The guarded form of statements: what runs where an exception may have been thrown and is caught.

Numbad has no jump out of the middle of a statement. Inside ``try`` an exception that a handler
catches sets a variable instead, ``.thrown``, and the statements after it are skipped. ``guard``
rewrites a block for this: each statement that may throw is followed by a test, loops end when
something was thrown, calls inside expressions are taken out so that nothing runs on the value of
a call that failed, and targets are only assigned when the value was computed.

Works on desugared trees, before jumps are lowered; ``raise`` becomes ``Throw``.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

from numbad.frontend.jumps import Propagate
from numbad.frontend.names import THROWN, Names

Block = list[ast.stmt]
Node = TypeVar("Node", bound=ast.AST)

_RISKY_OPERATORS = (ast.Div, ast.FloorDiv, ast.Mod, ast.Pow)
_HARMLESS = frozenset(
    {"len", "range", "abs", "min", "max", "enumerate", "zip", "reversed", "float", "bool", "print"}
)
_CLOSED = (
    ast.FunctionDef,
    ast.Lambda,
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
    ast.GeneratorExp,
    ast.IfExp,
    ast.BoolOp,
    ast.NamedExpr,
    ast.JoinedStr,
)


class Throw(ast.stmt):
    """A ``raise`` in guarded code: sets ``.thrown`` if a handler catches it, else it raises.

    Attributes
    ----------
    jump : ast.Raise
        The statement it stands for.
    """

    _fields = ("jump",)
    jump: ast.Raise

    if TYPE_CHECKING:

        def __init__(self, jump: ast.Raise) -> None: ...


class Probe(ast.stmt):
    """Throws if an assignment to a subscript would, before anything is assigned.

    Attributes
    ----------
    target : ast.Subscript
        What is assigned.
    """

    _fields = ("target",)
    target: ast.Subscript

    if TYPE_CHECKING:

        def __init__(self, target: ast.Subscript) -> None: ...


def guard(names: Names, block: Sequence[ast.stmt], leave: Sequence[ast.stmt] = ()) -> Block:
    """Rewrite a block so that nothing in it runs after an exception was thrown.

    Parameters
    ----------
    names : Names
        Gives new names.
    block : sequence of ast.stmt
        Desugared statements; not changed.
    leave : sequence of ast.stmt
        What runs instead of the statements that are skipped.

    Returns
    -------
    list of ast.stmt
        Desugared statements.
    """
    done: Block = []
    for position, statement in enumerate(block):
        done += _Guard(names).statement(statement)
        if not is_risky(statement):
            continue
        rest = block[position + 1 :]
        if isinstance(statement, ast.Raise) or not rest:
            return [*done, *map(copy.copy, leave)]
        return [*done, _unless_thrown(guard(names, rest, leave), statement, leave)]
    return done


def guard_function(names: Names, body: Sequence[ast.stmt]) -> Block:
    """Rewrite the body of a function, which ends by a jump, for calls inside ``try``."""
    return guard(names, body, [ast.copy_location(Propagate(), body[-1])])


def is_risky(node: ast.AST) -> bool:
    """Whether a statement or expression may throw."""
    match node:
        case ast.FunctionDef() | ast.Lambda():
            return False
        case ast.Raise() | Throw() | ast.Subscript():
            return True
        case ast.BinOp(_, op) | ast.AugAssign(_, op) if isinstance(op, _RISKY_OPERATORS):
            return True
        case ast.Call() if not _is_harmless(node):
            return True
        case _:
            return any(map(is_risky, ast.iter_child_nodes(node)))


def _is_harmless(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Name) and call.func.id in _HARMLESS


class _Guard:
    """Guards one statement."""

    def __init__(self, names: Names) -> None:
        self.names = names

    def statement(self, node: ast.stmt) -> Block:
        """The statements that do what ``node`` does until something is thrown."""
        if not is_risky(node):
            return [node]
        match node:
            case ast.Raise():
                return [_at(Throw(node), node)]
            case ast.Assign(targets, value):
                probes = [_probe(t) for t in targets if isinstance(t, ast.Subscript)]
                if is_risky(value):
                    return self.with_value(node, "value", node, probes)
                return self.chain([*probes, node])
            case ast.AugAssign(target, op, value):
                probes = [_probe(target)] if isinstance(target, ast.Subscript) else []
                if is_risky(value):
                    return self.with_value(node, "value", node, probes)
                return self.chain([*probes, *self.augmented(node, target, op)])
            case ast.Return(value) if value is not None:
                return self.with_value(node, "value", node)
            case ast.Expr(value):
                before, inner = self.split(value)
                last = copy.copy(node)
                last.value = inner
                return self.chain([*before, last])
            case ast.If(test):
                branch = copy.copy(node)
                branch.body = guard(self.names, node.body)
                branch.orelse = guard(self.names, node.orelse)
                return self.with_value(branch, "test", node) if is_risky(test) else [branch]
            case ast.For():
                loop = copy.copy(node)
                loop.body = self.loop_body(node)
                loop.orelse = guard(self.names, node.orelse)
                return self.with_value(loop, "iter", node) if is_risky(node.iter) else [loop]
            case ast.While():
                return [self.while_loop(node)]
            case ast.Try():
                return [self.attempt(node)]
            case _:
                return [node]

    def with_value(
        self, node: ast.stmt, field: str, place: ast.stmt, probes: Sequence[ast.stmt] = ()
    ) -> Block:
        """Compute an operand of a statement first; run the statement if nothing was thrown."""
        before, inner = self.split(getattr(node, field))
        name = self.names.new("value")
        last = copy.copy(node)
        setattr(last, field, _at(ast.Name(name, ast.Load()), place))
        store = _at(ast.Assign([_at(ast.Name(name, ast.Store()), place)], inner), place)
        return self.chain([*before, store, *probes, last])

    def augmented(self, node: ast.AugAssign, target: ast.expr, op: ast.operator) -> Block:
        """An in-place division; a name keeps its value if the division throws."""
        if isinstance(op, ast.Div) or not isinstance(target, ast.Name):
            return [node]
        kept = self.names.new("kept")
        read = _at(ast.Name(target.id, ast.Load()), node)
        save = _at(ast.Assign([_at(ast.Name(kept, ast.Store()), node)], read), node)
        back = _at(ast.Assign([target], _at(ast.Name(kept, ast.Load()), node)), node)
        return [save, node, _at(ast.If(_thrown(node), [back], []), node)]

    def loop_body(self, node: ast.For | ast.While) -> Block:
        """The body of a loop, which ends when something was thrown."""
        body = guard(self.names, node.body)
        if not any(map(is_risky, node.body)):
            return body
        stop = _at(ast.If(_thrown(node), [_at(ast.Break(), node)], []), node)
        return [*body, stop]

    def while_loop(self, node: ast.While) -> ast.While:
        """A loop; a test that may throw is made in its body."""
        loop = copy.copy(node)
        loop.body = self.loop_body(node)
        loop.orelse = guard(self.names, node.orelse)
        if is_risky(node.test) and not node.orelse:
            stop = _at(ast.If(_not(node.test), [_at(ast.Break(), node)], []), node)
            test = self.statement(stop)
            thrown = _at(ast.If(_thrown(node), [_at(ast.Break(), node)], []), node)
            loop.test = _at(ast.Constant(True), node.test)
            loop.body = [*test, thrown, *loop.body]
        return loop

    def attempt(self, node: ast.Try) -> ast.Try:
        """A ``try`` inside: what its handlers do not catch leaves it too."""
        inner = copy.copy(node)
        inner.body = guard(self.names, node.body)
        inner.orelse = guard(self.names, node.orelse)
        inner.finalbody = guard(self.names, node.finalbody)
        inner.handlers = []
        for handler in node.handlers:
            changed = copy.copy(handler)
            changed.body = guard(self.names, handler.body)
            inner.handlers.append(changed)
        inner.is_guarded = True  # type: ignore[attr-defined]
        return inner

    def chain(self, statements: Block) -> Block:
        """Statements of which each runs only if none before it threw."""
        first, *rest = statements
        if not rest:
            return [first]
        return [first, _unless_thrown(self.chain(rest), first)]

    def split(self, value: ast.expr) -> tuple[Block, ast.expr]:
        """Take the calls inside an expression out of it, in the order of evaluation."""
        calls = [n for n in ast.walk(value) if isinstance(n, ast.Call) and not _is_harmless(n)]
        if not calls or calls == [value]:
            return [], value
        before: Block = []
        return before, self.taken(value, before, is_top=True)

    def taken(self, node: ast.expr, before: Block, *, is_top: bool = False) -> ast.expr:
        """The expression with its calls and subscripts replaced by names."""
        if isinstance(node, _CLOSED):
            return node
        changed = copy.copy(node)
        for field, child in ast.iter_fields(node):
            if field == "func" and isinstance(child, ast.Name | ast.Attribute):
                continue
            if isinstance(child, ast.expr) and not isinstance(node, ast.Slice):
                setattr(changed, field, self.taken(child, before))
            elif isinstance(child, list):
                setattr(changed, field, [self.item(item, before) for item in child])
        is_call = isinstance(node, ast.Call) and not _is_harmless(node)
        is_load = isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load)
        if is_top or not (is_call or is_load):
            return changed
        name = self.names.new("value")
        store = _at(ast.Name(name, ast.Store()), node)
        before.append(_at(ast.Assign([store], changed), node))
        return _at(ast.Name(name, ast.Load()), node)

    def item(self, item: ast.AST, before: Block) -> ast.AST:
        """The same for an item of a list of operands."""
        if isinstance(item, ast.keyword):
            changed = copy.copy(item)
            changed.value = self.taken(item.value, before)
            return changed
        return self.taken(item, before) if isinstance(item, ast.expr) else item


def _probe(target: ast.Subscript) -> ast.stmt:
    return _at(Probe(target), target)


def _thrown(place: ast.AST) -> ast.expr:
    return _at(ast.Name(THROWN, ast.Load()), place)


def _unless_thrown(body: Block, place: ast.AST, leave: Sequence[ast.stmt] = ()) -> ast.If:
    if leave:
        return _at(ast.If(_thrown(place), [copy.copy(jump) for jump in leave], body), place)
    return _at(ast.If(_not(_thrown(place)), body, []), place)


def _not(test: ast.expr) -> ast.expr:
    return _at(ast.UnaryOp(ast.Not(), test), test)


def _at(node: Node, place: ast.AST) -> Node:
    return ast.copy_location(node, place)
