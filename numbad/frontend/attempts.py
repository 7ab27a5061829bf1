"""``try`` with handlers: which exceptions are caught, and how control gets to the handler.

The block is walked first as it stands. If no statement of it throws what a handler catches, that
was all. Otherwise it is walked in its guarded form (``guarding``): an exception that is caught
sets a hidden variable to a number that stands for its class and message, the statements after it
are skipped, and behind the block the handlers test the variable.

What is seen: ``raise`` statements, also in functions that are called; division by zero; what is
known while building, as a missing key; and in functions that Numba does not compile the errors of
``math`` and of powers. All other exceptions (of NumPy's linear algebra, of recursive functions)
pass through the handlers.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from numbad import messages
from numbad.frontend import bindings, loops, merging, statements
from numbad.frontend.jumps import Attempt
from numbad.frontend.sequences import describe, select
from numbad.frontend.signals import DeadEnd, Thrown
from numbad.frontend.values import NONE, Conflict, OperandValue, StaticValue, Value
from numbad.ir import nodes as ir
from numbad.ir.types import INT64

if TYPE_CHECKING:
    from numbad.frontend.builder import Builder

Exceptions = tuple[type[BaseException], ...]

_UNKNOWN_ARGUMENTS = (
    "An exception with arguments that are computed is looked at, or raised again.",
    "What it was made with is known only at run time.",
    "Test for the condition instead, or keep the number in a variable.",
)


@dataclass(slots=True)
class Context:
    """A ``try`` whose block is being walked.

    ``thrown`` holds the number of the exception; None in a walk that only finds out whether
    anything is caught. ``codes`` are the numbers of what was.
    """

    catches: list[Exceptions]
    outer: Context | None
    depth: int
    thrown: bindings.Accumulator | None = None
    codes: set[int] = field(default_factory=set)

    def catches_any(self, exception: type[BaseException]) -> bool:
        """Whether one of the handlers catches exceptions of a class."""
        return any(issubclass(exception, classes) for classes in self.catches)


@dataclass(frozen=True, slots=True)
class Handling:
    """A handler being walked: the numbers that may have led there, and which one did."""

    thrown: ir.Operand
    codes: tuple[int, ...]


def run(builder: Builder, node: Attempt) -> None:
    """Walk a ``try`` statement with handlers."""
    catches = [_classes(builder, handler) for handler in node.handlers]
    outer = builder.attempt
    if (builder.site, id(node)) not in builder.guarded_attempts:
        take_back = builder.checkpoint()
        context = Context(catches, outer, builder.fixed_depth)
        is_dead = _walk(builder, context, node.body)
        if not context.codes:
            if is_dead:
                raise DeadEnd
            statements.run_block(builder, node.orelse)
            return
        take_back()
        builder.guarded_attempts.add((builder.site, id(node)))
    _run_guarded(builder, node, catches, outer)


def _walk(builder: Builder, context: Context, block: list[ast.stmt]) -> bool:
    """Walk the block of a ``try``; whether it always raises what is not caught."""
    outer = builder.attempt
    builder.attempt = context
    try:
        statements.run_block(builder, block)
        bindings.settle_pending(builder)
    except DeadEnd:
        return True
    finally:
        builder.attempt = outer
    return False


def _run_guarded(
    builder: Builder, node: Attempt, catches: list[Exceptions], outer: Context | None
) -> None:
    thrown = _variable(outer)
    is_outermost = thrown is None
    if thrown is None:
        thrown = bindings.Accumulator(builder, builder.number(0))
    context = Context(catches, outer, builder.fixed_depth, thrown)
    with loops.ambient(builder, {(thrown.frame, thrown.name)}):
        if _walk(builder, context, node.guarded):
            if is_outermost:
                thrown.pop()
            raise DeadEnd
        _handle(builder, node, context, thrown)
        if is_outermost:
            thrown.pop()


def _handle(
    builder: Builder, node: Attempt, context: Context, thrown: bindings.Accumulator
) -> None:
    """Run the handler of what was thrown, or the ``else`` block."""
    number = builder.as_operand(thrown.get())
    remaining = set(context.codes)

    def orelse() -> Value:
        statements.run_block(builder, node.orelse)
        return NONE

    def dispatch(position: int) -> Value:
        if position == len(node.handlers):
            if not node.orelse:
                return NONE
            none = builder.call(operator.eq, number, ir.Const(0, INT64))
            return merging.branch(builder, none, orelse, lambda: NONE)
        classes = context.catches[position]
        codes = tuple(
            sorted(c for c in remaining if issubclass(builder.thrown_codes[c - 1][0], classes))
        )
        remaining.difference_update(codes)
        is_all = not remaining and context.outer is None
        chosen = _is_one_of(builder, number, codes, is_all=is_all)

        def handler() -> Value:
            thrown.set(builder.number(0))
            _run_handler(builder, node.handlers[position], Handling(number, codes))
            return NONE

        return merging.branch(builder, chosen, handler, lambda: dispatch(position + 1))

    dispatch(0)


def _is_one_of(
    builder: Builder, number: ir.Operand, codes: Sequence[int], *, is_all: bool
) -> ir.Operand:
    if is_all:
        return builder.call(operator.ne, number, ir.Const(0, INT64))
    found = builder.as_operand(builder.number(False))
    for code in codes:
        equal = builder.call(operator.eq, number, ir.Const(code, INT64))
        found = select(builder, equal, builder.as_operand(builder.number(True)), found)
    return found


def _run_handler(builder: Builder, handler: ast.ExceptHandler, handling: Handling) -> None:
    if handler.name is not None and len(handling.codes) > 1 and _reads(handler, handler.name):
        _run_each(builder, handler, handling)
        return
    if handler.name is not None:
        bindings.assign(builder, handler.name, _caught(builder, handling), handler)
    outer, builder.handling = builder.handling, handling
    try:
        statements.run_block(builder, handler.body)
    finally:
        builder.handling = outer


def _reads(handler: ast.ExceptHandler, name: str) -> bool:
    """Whether a handler looks at the exception."""
    return any(
        isinstance(child, ast.Name) and child.id == name
        for statement in handler.body
        for child in ast.walk(statement)
    )


def _run_each(builder: Builder, handler: ast.ExceptHandler, handling: Handling) -> None:
    """Walk a handler once for each exception that it may be given."""
    first, *others = handling.codes

    def one() -> Value:
        _run_handler(builder, handler, Handling(handling.thrown, (first,)))
        return NONE

    def rest() -> Value:
        _run_handler(builder, handler, Handling(handling.thrown, tuple(others)))
        return NONE

    chosen = _is_one_of(builder, handling.thrown, (first,), is_all=False)
    merging.branch(builder, chosen, one, rest)


def _caught(builder: Builder, handling: Handling) -> Value:
    """The exception that a handler is given."""
    if not handling.codes:
        return StaticValue(Exception())
    exception, args = builder.thrown_codes[handling.codes[0] - 1]
    if any(isinstance(arg, ir.Undefined) for arg in args):
        return Conflict(_UNKNOWN_ARGUMENTS[1])
    return StaticValue(exception(*(arg.value for arg in args if isinstance(arg, ir.Const))))


def _classes(builder: Builder, handler: ast.ExceptHandler) -> Exceptions:
    """The classes that a handler names."""
    if handler.type is None:
        return (BaseException,)
    nodes = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    found: list[type[BaseException]] = []
    for node in nodes:
        value = builder.evaluate(node)
        known = value.value if isinstance(value, StaticValue) else None
        classes = known if isinstance(known, tuple) else (known,)
        for cls in classes:
            if not (isinstance(cls, type) and issubclass(cls, BaseException)):
                builder.error(node, f"`except` needs classes, not {describe(builder, value)}.")
            found.append(cls)
    return tuple(found)


def _variable(context: Context | None) -> bindings.Accumulator | None:
    while context is not None:
        if context.thrown is not None:
            return context.thrown
        context = context.outer
    return None


# --- throwing -----------------------------------------------------------------------------------


def is_guarded(builder: Builder) -> bool:
    """Whether functions that are called now are walked in their guarded form."""
    return _variable(builder.attempt) is not None


def is_thrown(builder: Builder) -> ir.Operand:
    """Whether an exception was thrown that a handler waits for: the value of ``.thrown``."""
    thrown = _variable(builder.attempt)
    if thrown is None:
        return builder.constant(False)
    return builder.call(operator.ne, builder.as_operand(thrown.get()), ir.Const(0, INT64))


def catcher(builder: Builder, exception: type[BaseException]) -> Context | None:
    """The innermost ``try`` around this place that catches exceptions of a class."""
    context = builder.attempt
    while context is not None:
        if context.depth == builder.fixed_depth and context.catches_any(exception):
            return context
        context = context.outer
    return None


def throw(
    builder: Builder,
    exception: type[BaseException],
    args: Sequence[ir.Operand],
    condition: ir.Operand | None = None,
) -> bool:
    """Throw to the handler that catches the class; False if there is none.

    With a condition, only if it holds; the walk then goes on in either case.
    """
    context = catcher(builder, exception)
    if context is None:
        return False
    key = (exception, tuple(args))
    if key not in builder.thrown_codes:
        builder.thrown_codes.append(key)
    code = builder.thrown_codes.index(key) + 1
    context.codes.add(code)
    if context.thrown is None:
        return False
    number: ir.Operand = ir.Const(code, INT64)
    if condition is not None:
        before = builder.as_operand(context.thrown.get())
        none_yet = builder.call(operator.eq, before, ir.Const(0, INT64))
        number = select(builder, condition, select(builder, none_yet, number, before), before)
    context.thrown.set(OperandValue(number))
    return True


def throw_if(
    builder: Builder, condition: ir.Operand, exception: type[BaseException], message: str
) -> bool:
    """Throw to a handler if a condition holds; False if nothing catches the class."""
    from numbad import numba_bridge

    args = (ir.Const(message, numba_bridge.string_type()),)
    return catcher(builder, exception) is not None and throw(builder, exception, args, condition)


def throw_again(builder: Builder, node: ast.AST) -> None:
    """Walk ``raise`` without an exception."""
    handling = builder.handling
    if handling is None:
        builder.error(node, "`raise` without an exception is only understood in a handler.")

    def chain(codes: Sequence[int]) -> Value:
        exception, args = builder.thrown_codes[codes[0] - 1]
        if any(isinstance(arg, ir.Undefined) for arg in args):
            builder.error(node, *_UNKNOWN_ARGUMENTS)
        if len(codes) == 1:
            raise_(builder, exception, args)
            return NONE
        chosen = _is_one_of(builder, handling.thrown, codes[:1], is_all=False)

        def first() -> Value:
            raise_(builder, exception, args)
            return NONE

        return merging.branch(builder, chosen, first, lambda: chain(codes[1:]))

    if not handling.codes:
        raise DeadEnd
    chain(handling.codes)


def unknown(arg: ir.Operand) -> ir.Operand:
    """Stand for an argument of an exception that is known only at run time."""
    return ir.Undefined(arg.type)


def raise_(builder: Builder, exception: type[BaseException], args: Sequence[ir.Operand]) -> None:
    """Walk ``raise``: to a handler, or out of the program."""
    constants = tuple(
        arg if isinstance(arg, ir.Const) and not messages.is_plan(arg.value) else unknown(arg)
        for arg in args
    )
    if throw(builder, exception, constants):
        return
    bindings.settle_pending(builder)
    builder.emit(ir.Raise(exception, tuple(args), builder.block.origin))
    raise DeadEnd


def checked_operand(
    builder: Builder,
    value: ir.Operand,
    test: Callable[[ir.Operand], ir.Operand],
    exception: type[BaseException],
    message: str,
) -> ir.Operand:
    """Throw if ``test`` holds of an operand; return what to go on with, 1 in that case."""
    if catcher(builder, exception) is None:
        return value
    condition = test(value)
    if isinstance(condition, ir.Const) and not condition.value:
        return value
    from numbad import numba_bridge

    args = (ir.Const(message, numba_bridge.string_type()),)
    if not throw(builder, exception, args, condition):
        return value
    if isinstance(condition, ir.Const):
        raise Thrown
    return select(builder, condition, builder.cast(builder.constant(1), value.type), value)
