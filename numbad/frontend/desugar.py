"""Reduce the statements of a function to a core set; first half of normalisation.

After ``desugar_block`` there are no ``assert``, ``match``, ``pass``, docstrings and annotated
assignments, and every statement without a derivative has been refused. Loops,
``try`` and jumps are as before: ``exits`` deals with them.
"""

from __future__ import annotations

import ast
import contextlib
import copy

import numpy as np

from numbad.frontend.matching import match_chain, refuse
from numbad.frontend.names import Names
from numbad.frontend.source import Parsed

WITH = (
    "A `with` block",
    "What runs when the block is entered and left is hidden in an object.",
    "Move the block to the caller, or write out what it does.",
)
_REFUSED: dict[type[ast.AST], tuple[str, str, str]] = {
    ast.With: WITH,
    ast.AsyncWith: ("`async with`", "Coroutines are not run by Numba.", "Use plain functions."),
    ast.AsyncFor: ("`async for`", "Coroutines are not run by Numba.", "Use a plain `for`."),
    ast.AsyncFunctionDef: ("`async def`", "Coroutines are not run by Numba.", "Use `def`."),
    ast.Await: ("`await`", "Coroutines are not run by Numba.", "Use plain calls."),
    ast.ClassDef: (
        "A class defined inside a function",
        "The class would be a different one at each call.",
        "Define the class at module level.",
    ),
    ast.TryStar: (
        "`except*`",
        "Reverse mode must know which statements ran; an exception can leave a block anywhere.",
        "Use an explicit test instead.",
    ),
}


def check(parsed: Parsed, node: ast.AST) -> None:
    """Refuse what has no derivative anywhere below a node.

    Raises
    ------
    UnsupportedSyntax
        Names the construct.
    """
    for child in ast.walk(node):
        found = _REFUSED.get(type(child))
        if found is not None and not (isinstance(child, ast.With) and _may_be_inert(child)):
            what, why, remedy = found
            raise refuse(parsed, child, f"{what} cannot be differentiated.", why, remedy)
        if isinstance(child, ast.comprehension) and child.is_async:
            what, why, remedy = _REFUSED[ast.AsyncFor]
            raise refuse(parsed, child.target, f"{what} cannot be differentiated.", why, remedy)


def _may_be_inert(node: ast.With) -> bool:
    """Whether the contexts are named as those that change no value; ``inert`` makes sure."""
    return all(
        isinstance(item.context_expr, ast.Call)
        and item.optional_vars is None
        and ast.unparse(item.context_expr.func).split(".")[-1] in ("errstate", "nullcontext")
        for item in node.items
    )


def inert(context: object) -> None:
    """Refuse a context in which values can be others than outside; called by rewritten code."""
    if not isinstance(context, np.errstate | contextlib.nullcontext):
        raise TypeError("This is not a context of `np.errstate` or `contextlib.nullcontext`.")


def desugar_block(parsed: Parsed, names: Names, body: list[ast.stmt]) -> list[ast.stmt]:
    """Rewrite a block and the blocks in it, except those of nested functions."""
    result: list[ast.stmt] = []
    for statement in body:
        result.extend(_desugar(parsed, names, statement))
    return result


def _desugar(parsed: Parsed, names: Names, statement: ast.stmt) -> list[ast.stmt]:
    """Rewrite one statement into none, one or several."""
    match statement:
        case ast.Pass() | ast.Expr(ast.Constant()):
            return []
        case ast.Assert(test, message):
            return _desugar_assert(statement, test, message) if __debug__ else []
        case ast.AnnAssign(target, _, value):
            if value is None:
                return []
            return [ast.copy_location(ast.Assign([target], value), statement)]
        case ast.With(items, body):
            checks: list[ast.stmt] = []
            for item in items:
                place = item.context_expr
                function = ast.copy_location(ast.Constant(inert), place)  # type: ignore[arg-type]
                call = ast.copy_location(ast.Call(function, [place], []), place)
                checks.append(ast.copy_location(ast.Expr(call), statement))
            return [*checks, *desugar_block(parsed, names, body)]
        case ast.Match():
            return desugar_block(parsed, names, match_chain(parsed, names, statement))
        case ast.If() | ast.For() | ast.While():
            block = copy.copy(statement)
            block.body = desugar_block(parsed, names, statement.body)
            block.orelse = desugar_block(parsed, names, statement.orelse)
            return [block]
        case ast.Try():
            attempt = copy.copy(statement)
            attempt.body = desugar_block(parsed, names, statement.body)
            attempt.orelse = desugar_block(parsed, names, statement.orelse)
            attempt.handlers = [copy.copy(handler) for handler in statement.handlers]
            for handler in attempt.handlers:
                handler.body = desugar_block(parsed, names, handler.body)
            attempt.finalbody = desugar_block(parsed, names, statement.finalbody)
            return [attempt]
        case _:
            return [statement]


def _desugar_assert(
    statement: ast.stmt, test: ast.expr, message: ast.expr | None
) -> list[ast.stmt]:
    """``assert test, message`` as ``if not test: raise AssertionError(message)``."""
    name = ast.copy_location(ast.Name("AssertionError", ast.Load()), statement)
    arguments = [] if message is None else [message]
    failure = ast.copy_location(ast.Call(name, arguments, []), statement)
    jump = ast.copy_location(ast.Raise(failure, None), statement)
    return [ast.copy_location(ast.If(negate(test), [jump], []), statement)]


def negate(test: ast.expr) -> ast.expr:
    """``not test``; comparisons are not turned round, because of nan."""
    return ast.copy_location(ast.UnaryOp(ast.Not(), test), test)
