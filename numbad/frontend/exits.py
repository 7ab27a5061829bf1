"""Turn jumps into structure: no ``break``, ``continue``, loop ``else`` or early ``return`` is left.

Takes what ``desugar`` gives; the forms it guarantees are listed in ``numbad.frontend.normalize``.

Method. A block is lowered from its first statement to its last, with the *rest* at hand:

- after a jump the rest is dead and is dropped;
- where one branch of an ``if`` always jumps, the rest moves into the other:
  ``if c: continue; rest`` becomes ``if not c: rest``, and no flag is needed;
- where both branches may go on and one may jump, a short rest is written twice, and a long one is
  put under ``if flag:``;
- a loop with ``break`` or ``return`` in it tests a flag, which the jump sets to False. After the
  loop, the flag tells how it ended; a loop with both kinds of jump has a second flag;
- ``while True: if c: break; rest`` is ``while not c: rest``.

A flag is True whenever a statement that could clear it runs, because what follows a jump is
guarded. This is why ``if c: break`` at the end of a loop body can be written ``flag = not c``; only
behind the guard itself a flag may be False already (``_under``).
"""

from __future__ import annotations

import ast
import copy
import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from numbad.frontend import guarding
from numbad.frontend.desugar import desugar_block, negate
from numbad.frontend.jumps import (
    BREAK,
    CONTINUE,
    RETURN,
    Attempt,
    GuardedFor,
    Loop,
    Propagate,
    exits,
    falls,
    is_endless,
    is_small,
    is_true,
)
from numbad.frontend.matching import refuse
from numbad.frontend.names import RESULT, Names
from numbad.frontend.source import Parsed
from numbad.frontend.unbound import check_names

Block = list[ast.stmt]
Node = TypeVar("Node", bound=ast.AST)


@dataclass(frozen=True, slots=True)
class Scope:
    """What jumps lead out of: a loop, or the function.

    ``go`` is the flag that the loop tests, ``returned`` the flag that tells a ``return`` from a
    ``break`` after the loop, where both occur.
    """

    go: str | None = None
    returned: str | None = None


@dataclass(slots=True)
class Lowering:
    """Lowers the body of one function; ``names`` is shared with the functions nested in it."""

    parsed: Parsed
    names: Names
    returns_value: bool
    finals: list[Block] = field(default_factory=list)

    def block(self, body: Sequence[ast.stmt], scope: Scope, guard: str | None = None) -> Block:
        """Lower a block. ``guard`` is a flag that each jump out of the block must clear."""
        done: Block = []
        pending = list(body)
        while pending:
            statement = pending.pop(0)
            match statement:
                case ast.Return() | ast.Break() | ast.Continue() | Propagate():
                    return done + self.jump(statement, scope, guard)
                case ast.Raise():
                    return [*done, *self.leave_by_raise(statement, scope), statement]
                case ast.If():
                    if exits([statement]):
                        return done + self.branch(statement, pending, scope, guard)
                    then = self.block(statement.body, scope, guard)
                    orelse = self.block(statement.orelse, scope, guard)
                    done += make_if(statement, statement.test, then, orelse)
                    if not falls([statement]):
                        return done
                case ast.For() | ast.While():
                    lowered, after = self.loop(statement)
                    done += lowered
                    pending = after + pending if falls([statement]) else after
                case ast.Try():
                    return done + self.attempt(statement, pending, scope, guard)
                case ast.FunctionDef():
                    done.append(lower_function(self.parsed, self.names, statement))
                case _:
                    done.append(statement)
        return done

    # --- jumps ----------------------------------------------------------------------------------

    def jump(self, statement: ast.stmt, scope: Scope, guard: str | None) -> Block:
        """What a jump does instead of jumping: store the value and clear the flags."""
        done: Block = []
        if isinstance(statement, ast.Return) and self.returns_value:
            value = statement.value or _at(ast.Constant(None), statement)
            done.append(_assign(RESULT, value, statement))
        flags: list[tuple[str | None, bool]] = [(guard, False)]
        if not isinstance(statement, ast.Continue) and scope.go != guard:
            flags.append((scope.go, False))
        if isinstance(statement, ast.Return | Propagate):
            flags.append((scope.returned, True))
        for flag, value_of_flag in flags:
            if flag is not None:
                done.append(_assign(flag, _at(ast.Constant(value_of_flag), statement), statement))
        return done

    def branch(
        self, statement: ast.If, rest: Sequence[ast.stmt], scope: Scope, guard: str | None
    ) -> Block:
        """Lower an ``if`` that has jumps in it, together with what follows it."""
        then, orelse = statement.body, statement.orelse
        then_falls, else_falls = falls(then), falls(orelse)
        if rest and then_falls and else_falls and not is_small(rest):
            flag, start = self.flag_for(exits([statement]), statement, scope, guard)
            inner = None if flag == scope.go else flag
            return [
                *start,
                *make_if(
                    statement,
                    statement.test,
                    self.block(then, scope, inner),
                    self.block(orelse, scope, inner),
                ),
                *_under(flag, rest[0], self.block(rest, scope, guard)),
            ]
        if then_falls:
            then = [*then, *rest]
        if else_falls:
            orelse = [*orelse, *(copy.deepcopy(list(rest)) if then_falls else rest)]
        return make_if(
            statement,
            statement.test,
            self.block(then, scope, guard),
            self.block(orelse, scope, guard),
        )

    def flag_for(
        self, jumps: frozenset[str], statement: ast.stmt, scope: Scope, guard: str | None
    ) -> tuple[str, Block]:
        """Flag that tells after a statement whether it jumped, and the code that sets it up.

        A flag that these jumps clear anyway is used if there is one.
        """
        if guard is not None:
            return guard, []
        if scope.go is not None and CONTINUE not in jumps:
            return scope.go, []
        flag = self.names.new("go")
        return flag, [_assign(flag, _at(ast.Constant(True), statement), statement)]

    # --- loops ----------------------------------------------------------------------------------

    def loop(self, statement: Loop) -> tuple[Block, Block]:
        """Lower a loop; the second block, not yet lowered, is to run right after it."""
        if isinstance(statement, ast.While):
            statement = hoist_breaks(statement)
        jumps = exits(statement.body)
        if not jumps & {BREAK, RETURN}:
            lowered = copy.copy(statement)
            lowered.body = self.block(statement.body, Scope())
            lowered.orelse = []
            return [lowered], list(statement.orelse)
        go = self.names.new("go")
        has_both = {BREAK, RETURN} <= jumps
        returned = self.names.new("returned") if has_both else None
        start = [_assign(go, _at(ast.Constant(True), statement), statement)]
        if returned is not None:
            start.append(_assign(returned, _at(ast.Constant(False), statement), statement))
        body = self.block(statement.body, Scope(go, returned))
        loop: ast.stmt
        if isinstance(statement, ast.For):
            loop = GuardedFor(statement.target, statement.iter, go, body)
        else:
            test: ast.expr = _read(go, statement.test)
            if not is_true(statement.test):
                test = _at(ast.BoolOp(ast.And(), [test, statement.test]), statement.test)
            loop = ast.While(test, body, [])
        return [*start, _at(loop, statement)], self.after_loop(statement, jumps, go, returned)

    def after_loop(
        self, statement: Loop, jumps: frozenset[str], go: str, returned: str | None
    ) -> Block:
        """What runs after a loop that can be left early, by how it was left."""
        propagate = _at(Propagate(), statement)
        if BREAK not in jumps:
            if is_endless(statement):
                return [propagate]
            return [_at(ast.If(_read(go, statement), statement.orelse, [propagate]), statement)]
        after: Block = []
        if statement.orelse and not is_endless(statement):
            after = [_at(ast.If(_read(go, statement), statement.orelse, []), statement)]
        if returned is not None:
            after = [_at(ast.If(_read(returned, statement), [propagate], after), statement)]
        return after

    # --- try ------------------------------------------------------------------------------------

    def attempt(
        self, statement: ast.Try, rest: Sequence[ast.stmt], scope: Scope, guard: str | None
    ) -> Block:
        """Lower ``try`` together with what follows it."""
        final = statement.finalbody
        if exits(final):
            raise refuse(
                self.parsed,
                final[0],
                "A jump out of `finally` cannot be differentiated.",
                "It would replace the jump or the exception that led there.",
                "Move the `return`, `break` or `continue` behind the block.",
            )
        jumps = exits([statement])
        start: Block = []
        inner = guard
        flag = None
        if jumps and rest and falls([statement]):
            flag, start = self.flag_for(jumps, statement, scope, guard)
            inner = None if flag == scope.go else flag
        self.finals.append(final)
        if statement.handlers:
            body: Block = [self.with_handlers(statement, scope, inner)]
        else:
            body = self.block(statement.body, scope, inner)
        self.finals.pop()
        if not jumps and not falls(statement.body) and not statement.handlers:
            return [*start, *body]  # it ends by `raise`, and that runs the final block
        done = [*start, *body, *self.block(final, scope)]
        if not falls([statement]):
            return done
        if flag is None:
            return done + self.block(rest, scope, guard)
        return done + _under(flag, rest[0], self.block(rest, scope, guard))

    def with_handlers(self, statement: ast.Try, scope: Scope, inner: str | None) -> ast.stmt:
        """Lower the parts of a ``try`` with handlers."""
        is_guarded = getattr(statement, "is_guarded", False)
        body = self.block(statement.body, scope, inner)
        guarded = body
        if not is_guarded:
            finals, self.finals = self.finals, []
            copied = copy.deepcopy(statement.body)
            guarded = self.block(guarding.guard(self.names, copied), scope, inner)
            self.finals = finals
        handlers = []
        for handler in statement.handlers:
            lowered = copy.copy(handler)
            lowered.body = self.block(handler.body, scope, inner)
            handlers.append(lowered)
        orelse = self.block(statement.orelse, scope, inner)
        return _at(Attempt(body, guarded, handlers, orelse), statement)

    def leave_by_raise(self, statement: ast.Raise, scope: Scope) -> Block:
        """Final blocks that an explicit ``raise`` runs on its way out."""
        if not any(self.finals):
            return []
        arguments = statement.exc.args if isinstance(statement.exc, ast.Call) else []
        if not all(isinstance(argument, ast.Constant) for argument in arguments):
            raise refuse(
                self.parsed,
                statement,
                "`raise` with a computed argument inside `try`/`finally` cannot be differentiated.",
                "The argument is computed before the final block runs and used after it.",
                "Use a constant message, or move the test in front of the `try`.",
            )
        finals, self.finals = self.finals, []
        done: Block = []
        for final in reversed(finals):
            done += self.block(copy.deepcopy(final), scope)
        self.finals = finals
        return done


def lower_function(
    parsed: Parsed, names: Names, node: ast.FunctionDef, *, is_guarded: bool = False
) -> ast.FunctionDef:
    """Normalise a function definition and those nested in it."""
    body = check_names(names, node, desugar_block(parsed, names, node.body))
    falls_off = falls(body)
    if falls_off:
        last = body[-1] if body else node
        body = [*body, _at(ast.Return(None), last)]
    returns_value = any(_returns_value(statement) for statement in body)
    end = body[-1]
    if is_guarded:
        body = guarding.guard_function(names, copy.deepcopy(body))
    lowering = Lowering(parsed, names, returns_value)
    lowered = lowering.block(body, Scope())
    result = copy.copy(node)
    result.body = _with_return(lowered, end, returns_value)
    result.falls_off = falls_off  # type: ignore[attr-defined]
    if not is_guarded:
        result.again = functools.partial(  # type: ignore[attr-defined]
            lower_function, parsed, names, node, is_guarded=True
        )
    return result


def guarded_function(node: ast.FunctionDef) -> ast.FunctionDef:
    """Return the guarded form of a normalised function; see ``guarding``."""
    again = getattr(node, "again", None)
    if again is None:
        return node
    known = getattr(node, "guarded", None)
    if known is None:
        known = again()
        node.guarded = known  # type: ignore[attr-defined]
    assert isinstance(known, ast.FunctionDef)
    return known


def _with_return(body: Block, last: ast.stmt, returns_value: bool) -> Block:
    """Add the one ``return`` at the end of a lowered function body."""
    if not returns_value:
        return [*body, _at(ast.Return(_at(ast.Constant(None), last)), last)]
    match body[-1] if body else None:
        case ast.Assign([ast.Name(name)], value) as final if name == RESULT:
            return [*body[:-1], _at(ast.Return(value), final)]
        case _:
            return [*body, _at(ast.Return(_read(RESULT, last)), last)]


def _returns_value(statement: ast.stmt) -> bool:
    """Whether a statement has a ``return`` of something other than None in it."""
    match statement:
        case ast.Return(None | ast.Constant(None)):
            return False
        case ast.Return():
            return True
        case ast.If() | ast.For() | ast.While():
            return any(map(_returns_value, [*statement.body, *statement.orelse]))
        case ast.Try():
            handled = [inner for handler in statement.handlers for inner in handler.body]
            parts = [*statement.body, *handled, *statement.orelse, *statement.finalbody]
            return any(map(_returns_value, parts))
        case _:
            return False


def hoist_breaks(loop: ast.While) -> ast.While:
    """``while t: if c: break; rest`` as ``while t and not c: rest``, repeatedly.

    Not where an ``else`` of the loop would tell the two ways out apart, nor where ``c`` binds a
    name, which the body may read.
    """
    if loop.orelse and not is_endless(loop):
        return loop
    tests = [] if is_true(loop.test) else [loop.test]
    body = loop.body
    while body:
        match body[0]:
            case ast.If(test, [ast.Break()], orelse) if not _binds(test):
                tests.append(_not(test))
                body = [*orelse, *body[1:]]
            case _:
                break
    if body is loop.body:
        return loop
    condition = tests[0] if len(tests) == 1 else _at(ast.BoolOp(ast.And(), tests), loop.test)
    return _at(ast.While(condition, body, []), loop)


def _binds(test: ast.expr) -> bool:
    """Whether evaluating a test binds a name or hands out a value."""
    return any(isinstance(n, ast.NamedExpr | ast.Yield | ast.YieldFrom) for n in ast.walk(test))


def make_if(at: ast.stmt, test: ast.expr, then: Block, orelse: Block) -> Block:
    """An ``if`` in its simplest form: no empty first branch, no branch that only clears a flag."""
    match then, orelse:
        case [], []:
            return [_at(ast.Expr(test), at)]
        case [], _:
            return make_if(at, _not(test), orelse, [])
        case [ast.Assign([ast.Name(name)], ast.Constant(False))], [] if name.startswith(".go"):
            return [_assign(name, negate(test), at)]
        case _:
            return [_at(ast.If(test, then, orelse), at)]


def _under(flag: str, at: ast.stmt, body: Block) -> Block:
    """``body``, if nothing before it jumped."""
    return [_at(ast.If(_read(flag, at), body, []), at)] if body else []


def _not(test: ast.expr) -> ast.expr:
    """The opposite of a test, for use as the test of an ``if`` or ``while``."""
    match test:
        case ast.UnaryOp(ast.Not(), operand):
            return operand
        case _:
            return negate(test)


def _at(node: Node, place: ast.AST) -> Node:
    """Give a new node the position of the one it stands for."""
    return ast.copy_location(node, place)


def _read(name: str, place: ast.AST) -> ast.Name:
    """Read an introduced name."""
    return _at(ast.Name(name, ast.Load()), place)


def _assign(name: str, value: ast.expr, place: ast.AST) -> ast.Assign:
    """Bind an introduced name."""
    return _at(ast.Assign([_at(ast.Name(name, ast.Store()), place)], value), place)
