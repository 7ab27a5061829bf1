"""Where the statements of a block can go: facts about jumps, on the user's tree.

``exits`` tells which jumps leave a block, ``falls`` whether its end can be reached.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

BREAK, CONTINUE, RETURN = "break", "continue", "return"


class Propagate(ast.stmt):
    """A ``return`` whose value has been stored already; exists only during normalisation."""


class GuardedFor(ast.stmt):
    """A ``for`` loop that may be left early; see the head of ``numbad.frontend.normalize``.

    Attributes
    ----------
    target, iter : ast.expr
        As in ``ast.For``.
    flag : str
        Name of the local bool that is tested before each item is taken.
    body : list of ast.stmt
        Normalised; sets the flag to False to leave the loop.
    """

    _fields = ("target", "iter", "flag", "body")
    target: ast.expr
    iter: ast.expr
    flag: str
    body: list[ast.stmt]

    if TYPE_CHECKING:  # at run time ast.AST takes the fields in order, and none when copying

        def __init__(
            self, target: ast.expr, iter_: ast.expr, flag: str, body: list[ast.stmt]
        ) -> None: ...


class Attempt(ast.stmt):
    """A ``try`` with handlers; see the head of ``numbad.frontend.normalize``.

    Attributes
    ----------
    body, guarded : list of ast.stmt
        Two forms of the block: the first for when nothing in it is thrown that a handler catches.
    handlers : list of ast.ExceptHandler
        With normalised bodies.
    orelse : list of ast.stmt
        Runs if nothing was thrown.
    """

    _fields = ("body", "guarded", "handlers", "orelse")
    body: list[ast.stmt]
    guarded: list[ast.stmt]
    handlers: list[ast.ExceptHandler]
    orelse: list[ast.stmt]

    if TYPE_CHECKING:

        def __init__(
            self,
            body: list[ast.stmt],
            guarded: list[ast.stmt],
            handlers: list[ast.ExceptHandler],
            orelse: list[ast.stmt],
        ) -> None: ...


Loop = ast.For | ast.While


def exits(body: Iterable[ast.stmt]) -> frozenset[str]:
    """Jumps by which control can leave a block for a place other than its end.

    ``break`` and ``continue`` of loops inside the block stay inside.
    """
    found: set[str] = set()
    for statement in body:
        match statement:
            case ast.Return() | Propagate():
                found.add(RETURN)
            case ast.Break():
                found.add(BREAK)
            case ast.Continue():
                found.add(CONTINUE)
            case ast.If(_, then, orelse):
                found |= exits(then) | exits(orelse)
            case ast.For() | ast.While():
                found |= (exits(statement.body) & {RETURN}) | exits(statement.orelse)
            case ast.Try():
                found |= exits(statement.body) | exits(statement.finalbody)
                found |= exits(statement.orelse)
                for handler in statement.handlers:
                    found |= exits(handler.body)
            case _:
                pass
    return frozenset(found)


def falls(body: Sequence[ast.stmt]) -> bool:
    """Whether control can reach the end of a block (an infinite loop or a jump prevents it)."""
    return all(_statement_falls(statement) for statement in body)


def _statement_falls(statement: ast.stmt) -> bool:
    """Whether control can reach the statement after this one."""
    match statement:
        case ast.Return() | Propagate() | ast.Break() | ast.Continue() | ast.Raise():
            return False
        case ast.If(_, then, orelse):
            return falls(then) or falls(orelse)
        case ast.For() | ast.While():
            if BREAK in exits(statement.body):
                return True
            return not is_endless(statement) and falls(statement.orelse)
        case ast.Try():
            ends = falls([*statement.body, *statement.orelse])
            ends = ends or any(falls(handler.body) for handler in statement.handlers)
            return ends and falls(statement.finalbody)
        case _:
            return True


def is_endless(loop: Loop) -> bool:
    """Whether only a jump ends the loop: ``while True``."""
    return isinstance(loop, ast.While) and is_true(loop.test)


def is_true(test: ast.expr) -> bool:
    """Whether a test is a constant that holds."""
    return isinstance(test, ast.Constant) and bool(test.value)


def is_small(rest: Sequence[ast.stmt]) -> bool:
    """Whether a block is one cheap jump, so that writing it twice is better than a flag."""
    match rest:
        case [ast.Break() | ast.Continue() | Propagate() | ast.Return(None)]:
            return True
        case [ast.Return(ast.expr() as value)]:
            nodes = list(ast.walk(value))
            costly = (ast.Call, ast.comprehension, ast.Lambda, ast.NamedExpr, ast.Yield)
            return len(nodes) <= 16 and not any(isinstance(node, costly) for node in nodes)
        case _:
            return False
