"""``match`` as a chain of ``if``: each pattern as a test of the subject and assignments.

The test looks into the subject with ``isinstance``, ``len``, ``in``, items and attributes, which
are decided before the program runs where the structure of the subject is known.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from numbad.errors import UnsupportedSyntax
from numbad.frontend.names import Names
from numbad.frontend.source import Parsed

_WHOLE = frozenset(
    {
        "bool",
        "bytearray",
        "bytes",
        "dict",
        "float",
        "frozenset",
        "int",
        "list",
        "set",
        "str",
        "tuple",
    }
)
"""Classes whose only positional pattern is matched with the value itself."""


def refuse(parsed: Parsed, node: ast.AST, what: str, why: str, remedy: str) -> UnsupportedSyntax:
    """Make the error for a construct that cannot be differentiated."""
    return UnsupportedSyntax(what, origin=parsed.origin(node), why=why, remedy=remedy)


class _Matched(NamedTuple):
    """Tests that must all hold, in order, and what the names of the pattern are bound to."""

    tests: list[ast.expr]
    bound: list[tuple[str, ast.expr]]


def match_chain(parsed: Parsed, names: Names, statement: ast.Match) -> list[ast.stmt]:
    """Rewrite a ``match`` statement; the subject is evaluated once."""
    subject = names.new("subject")
    store = ast.copy_location(ast.Name(subject, ast.Store()), statement.subject)
    first = ast.copy_location(ast.Assign([store], statement.subject), statement)
    chain: list[ast.stmt] = []
    for case in reversed(statement.cases):
        chain = _case(parsed, subject, case, chain)
    return [first, *chain]


def _case(
    parsed: Parsed, subject: str, case: ast.match_case, otherwise: list[ast.stmt]
) -> list[ast.stmt]:
    """One case: its body if it matches, else ``otherwise``."""
    pattern = case.pattern
    at = ast.copy_location(ast.Name(subject, ast.Load()), pattern)
    found = _pattern(parsed, at, pattern)
    bind: list[ast.stmt] = [
        ast.copy_location(
            ast.Assign([ast.copy_location(ast.Name(name, ast.Store()), pattern)], value), pattern
        )
        for name, value in found.bound
    ]
    if not found.tests:
        if case.guard is None:
            return [*bind, *case.body]
        return [*bind, ast.copy_location(ast.If(case.guard, case.body, otherwise), pattern)]
    if case.guard is None:
        return [
            ast.copy_location(
                ast.If(_all(found.tests, pattern), [*bind, *case.body], otherwise), pattern
            )
        ]
    # The guard sees the names, and they stay bound when it fails.
    named = [_named(name, value, pattern) for name, value in found.bound]
    test = _all([*found.tests, *named, case.guard], pattern)
    return [ast.copy_location(ast.If(test, case.body, otherwise), pattern)]


def _named(name: str, value: ast.expr, at: ast.AST) -> ast.expr:
    """A true expression that binds a name."""
    target = ast.copy_location(ast.Name(name, ast.Store()), at)
    both = [ast.copy_location(ast.NamedExpr(target, value), at), _constant(True, at)]
    pair = ast.copy_location(ast.Tuple(both, ast.Load()), at)
    return _item(pair, _constant(1, at), at)


def _pattern(parsed: Parsed, value: ast.expr, pattern: ast.pattern) -> _Matched:
    """Tests and bindings of a pattern that is matched with the value of an expression."""
    match pattern:
        case ast.MatchValue(expected):
            return _Matched([_compare(value, ast.Eq(), expected, pattern)], [])
        case ast.MatchSingleton(constant):
            expected = ast.copy_location(ast.Constant(constant), pattern)
            return _Matched([_compare(value, ast.Is(), expected, pattern)], [])
        case ast.MatchAs(inner, name):
            found = _Matched([], []) if inner is None else _pattern(parsed, value, inner)
            if name is None:
                return found
            return _Matched(found.tests, [*found.bound, (name, value)])
        case ast.MatchOr(patterns):
            choices = [_pattern(parsed, value, choice) for choice in patterns]
            if any(choice.bound for choice in choices):
                raise refuse(
                    parsed,
                    pattern,
                    "A `case` with `|` between patterns that bind names cannot be differentiated.",
                    "What a name is bound to depends on the pattern that matches.",
                    "Write a case for each pattern.",
                )
            either = [_all(choice.tests, pattern) for choice in choices]
            return _Matched([ast.copy_location(ast.BoolOp(ast.Or(), either), pattern)], [])
        case ast.MatchSequence(patterns):
            return _sequence(parsed, value, patterns, pattern)
        case ast.MatchMapping(keys, patterns, rest):
            if rest is None:
                return _mapping(parsed, value, keys, patterns, pattern)
        case ast.MatchClass(ast.Name(id=name) as cls, [inner], []) if name in _WHOLE:
            found = _pattern(parsed, value, inner)
            test = _call(isinstance, [value, cls], pattern)
            return _Matched([test, *found.tests], found.bound)
        case ast.MatchClass(cls, positional, attributes, named):
            return _class(parsed, value, cls, positional, attributes, named, pattern)
        case _:
            pass
    raise refuse(
        parsed,
        pattern,
        "A `case` of this kind cannot be differentiated.",
        "What is left of a mapping (`**rest`) is not known as a whole.",
        "Use `if` and unpack the value by assignment.",
    )


def _sequence(
    parsed: Parsed, value: ast.expr, patterns: list[ast.pattern], at: ast.pattern
) -> _Matched:
    stars = [k for k, inner in enumerate(patterns) if isinstance(inner, ast.MatchStar)]
    count = len(patterns) - len(stars)
    length = _call(len, [value], at)
    enough = ast.GtE() if stars else ast.Eq()
    tests: list[ast.expr] = [
        _call(isinstance, [value, _constant(Sequence, at)], at),
        ast.copy_location(
            ast.UnaryOp(
                ast.Not(), _call(isinstance, [value, _constant((str, bytes, bytearray), at)], at)
            ),
            at,
        ),
        _compare(length, enough, _constant(count, at), at),
    ]
    bound: list[tuple[str, ast.expr]] = []
    for k, inner in enumerate(patterns):
        if isinstance(inner, ast.MatchStar):
            if inner.name is not None:
                last = k + 1 - len(patterns)
                part = _item(value, _slice(k, last if last else None, at), at)
                bound.append((inner.name, _call(list, [part], at)))
            continue
        behind = bool(stars) and k > stars[0]
        place = _constant(k - len(patterns) if behind else k, at)
        found = _pattern(parsed, _item(value, place, at), inner)
        tests += found.tests
        bound += found.bound
    return _Matched(tests, bound)


def _mapping(
    parsed: Parsed,
    value: ast.expr,
    keys: list[ast.expr],
    patterns: list[ast.pattern],
    at: ast.pattern,
) -> _Matched:
    tests: list[ast.expr] = [_call(isinstance, [value, _constant(Mapping, at)], at)]
    bound: list[tuple[str, ast.expr]] = []
    for key, inner in zip(keys, patterns, strict=True):
        tests.append(_compare(key, ast.In(), value, at))
        found = _pattern(parsed, _item(value, key, at), inner)
        tests += found.tests
        bound += found.bound
    return _Matched(tests, bound)


def _class(
    parsed: Parsed,
    value: ast.expr,
    cls: ast.expr,
    positional: list[ast.pattern],
    attributes: list[str],
    named: list[ast.pattern],
    at: ast.pattern,
) -> _Matched:
    """Attributes by name; those by position are named by the class's ``__match_args__``."""
    tests: list[ast.expr] = [_call(isinstance, [value, cls], at)]
    bound: list[tuple[str, ast.expr]] = []
    known = ast.copy_location(ast.Attribute(cls, "__match_args__", ast.Load()), at)
    parts = [_item(known, _constant(k, at), at) for k in range(len(positional))]
    parts += [_constant(name, at) for name in attributes]
    for name, inner in zip(parts, [*positional, *named], strict=True):
        found = _pattern(parsed, _call(getattr, [value, name], at), inner)
        tests += found.tests
        bound += found.bound
    return _Matched(tests, bound)


def _all(tests: list[ast.expr], at: ast.AST) -> ast.expr:
    if not tests:
        return ast.copy_location(ast.Constant(True), at)
    return tests[0] if len(tests) == 1 else ast.copy_location(ast.BoolOp(ast.And(), tests), at)


def _compare(left: ast.expr, operator: ast.cmpop, right: ast.expr, at: ast.AST) -> ast.expr:
    return ast.copy_location(ast.Compare(left, [operator], [right]), at)


def _item(value: ast.expr, index: ast.expr, at: ast.AST) -> ast.expr:
    return ast.copy_location(ast.Subscript(value, index, ast.Load()), at)


def _slice(start: int, stop: int | None, at: ast.AST) -> ast.expr:
    end = None if stop is None else _constant(stop, at)
    return ast.copy_location(ast.Slice(_constant(start, at), end), at)


def _constant(value: object, at: ast.AST) -> ast.expr:
    return ast.copy_location(ast.Constant(value), at)  # type: ignore[arg-type]


def _call(function: object, args: list[ast.expr], at: ast.AST) -> ast.expr:
    """Call of a builtin, whatever its name means in the user's function."""
    return ast.copy_location(ast.Call(_constant(function, at), args, []), at)
