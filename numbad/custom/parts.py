"""The parts of a function with a declared derivative, each walked into a block of its own.

A part is walked for fresh parameters: the function's own code, the rule's forward part together
with its backward part, the rule's tangent.
"""

from __future__ import annotations

import ast
import operator
import types as python_types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from numbad.analysis.references import roots
from numbad.custom.declare import UserRule
from numbad.custom.inputs import Given, Inputs
from numbad.custom.lengths import Lengths, lengths_of
from numbad.custom.shapes import Answer, Slot, answers, duals, owned, tangent_of
from numbad.errors import InvalidRule
from numbad.frontend import bindings, conversion, templates
from numbad.frontend.builder import Builder
from numbad.frontend.callables import Kind, resolve_callable
from numbad.frontend.normalize import normalize
from numbad.frontend.signals import DeadEnd
from numbad.frontend.source import load
from numbad.frontend.templates import Template
from numbad.frontend.updates import check_confined
from numbad.frontend.values import (
    BoundMethod,
    Conflict,
    FunctionValue,
    OperandValue,
    PartialValue,
    StaticValue,
    TupleValue,
    Value,
)
from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.build import BlockBuilder
from numbad.ir.types import INT64, Array, Scalar, Type, is_memory, tangent_type


@dataclass(eq=False)
class Part:
    """A walked body: its parameters, results, and the structure of the result.

    ``lengths`` are those of the results, as far as the arguments determine them.
    """

    params: tuple[ir.Var, ...]
    body: ir.Block
    results: tuple[ir.Operand, ...]
    template: Template
    lengths: Lengths

    def free(self) -> set[ir.Var]:
        """Return the values from outside that the part reads."""
        return _free(self.body, self.results) - set(self.params)

    def converted(
        self, builder: Builder, types: list[Type], extras: tuple[ir.Var, ...]
    ) -> tuple[ir.Block, tuple[ir.Operand, ...]]:
        """Return the body with results of the types, none of them memory of another's."""
        function = ir.Function("part", (*self.params, *extras), self.body, self.results)
        found = roots(function)
        taken = set(function.params)
        block = BlockBuilder(builder.fresh)
        converted: list[ir.Operand] = []
        for result, type_ in zip(self.results, types, strict=True):
            operand = result
            if isinstance(operand, ir.Var) and isinstance(operand.type, Array):
                own = found[operand]
                if own & taken:
                    layout = "F" if operand.type.layout == "F" else "C"
                    copied = replace(operand.type, layout=layout, readonly=False)
                    operand = block.call(copied, np.copy, operand, name=operand.name)
                taken |= own
            if operand.type != type_:
                operand = block.let(type_, ir.Cast(operand))
            converted.append(operand)
        return self.body + block.block(), tuple(converted)


@dataclass(eq=False)
class ForwardPart(Part):
    """The forward part of a rule, and its backward part.

    ``seeds`` are the cotangents of the results; ``cotangents`` those of the parameters at the
    positions that have one.
    """

    seeds: tuple[ir.Var, ...] = ()
    back: ir.Block = ()
    cotangents: tuple[tuple[int, ir.Operand], ...] = ()

    def kept(self) -> tuple[ir.Var, ...]:
        """Return what the backward part reads of the forward part."""
        operands = tuple(operand for _, operand in self.cotangents)
        found = _free(self.back, operands) - set(self.seeds)
        return tuple(sorted(found, key=lambda var: var.id))

    def free(self) -> set[ir.Var]:
        """Return the values from outside that the parts read."""
        found = super().free() | set(self.kept())
        return found - set(self.params) - visit.defined_vars(self.body)


@dataclass(eq=False)
class TangentPart:
    """The tangent of a rule: ``results`` are the values and then their tangents."""

    params: tuple[ir.Var, ...]
    directions: tuple[ir.Var, ...]
    body: ir.Block
    results: tuple[ir.Operand, ...]

    def free(self) -> set[ir.Var]:
        """Return the values from outside that the part reads."""
        return _free(self.body, self.results) - set(self.params) - set(self.directions)


def _free(body: ir.Block, results: tuple[ir.Operand, ...]) -> set[ir.Var]:
    read = visit.used_vars(body) | {r for r in results if isinstance(r, ir.Var)}
    return read - visit.defined_vars(body)


@contextmanager
def _apart(builder: Builder, mark: str) -> Iterator[BlockBuilder]:
    """Walk into a block of its own; bindings and objects are afterwards as before."""
    state, loops, site = builder.state, builder.active_loops, builder.site
    depth = len(builder.call_stack)
    builder.state = state.copy()
    builder.active_loops = []
    builder.site = (*site, mark)
    try:
        with builder.nested() as block:
            yield block
        check_confined(builder, state, "A function with a rule, or its rule,", None)
    finally:
        builder.state, builder.active_loops, builder.site = state, loops, site
        del builder.call_stack[depth:]


def primal_part(builder: Builder, function: Any, inputs: Inputs, node: ast.AST | None) -> Part:
    """Walk the function's own code."""
    with _apart(builder, "primal") as block:
        given = inputs.fresh(builder)
        given.note_lengths(builder)
        value = bindings.settled(builder, given.call(builder, function, node))
        template = templates.template_of(value, builder.state, set())
        results = conversion.operands(builder, value, template, builder.state)
        lengths = lengths_of(builder, given.params, tuple(results))
        bindings.settle_pending(builder)
    return Part(
        tuple(given.params),
        builder.resolve(block.block()),
        tuple(builder.resolve_operand(result) for result in results),
        template,
        lengths,
    )


def rule_part(
    builder: Builder,
    rule: UserRule,
    inputs: Inputs,
    expected: Template | None,
    node: ast.AST | None,
) -> ForwardPart:
    """Walk the rule: its forward part, and its backward part in the state that is left."""
    with _apart(builder, "rule") as block:
        given = inputs.fresh(builder)
        given.note_lengths(builder)
        pair = builder.as_sequence(given.call(builder, rule.forward, node))
        if pair is None or len(pair) != 2:
            second = "the function `back`" if rule.backward is None else "residuals"
            what = f"the rule of `{rule.title}` must return its value and {second}."
            raise _invalid(builder, rule.forward, what)
        y, rest = bindings.settled(builder, pair[0]), bindings.settled(builder, pair[1])
        template = templates.template_of(y, builder.state, set())
        if expected is not None:
            template = templates.join(template, expected, builder.state, builder.state, set())
        if isinstance(template, Conflict):
            raise _invalid(
                builder,
                rule.forward,
                f"the rule of `{rule.title}` returns {builder.describe(y)} as its value, which is "
                f"not what `{rule.title}` returns.",
                template.reason,
            )
        results = tuple(conversion.operands(builder, y, template, builder.state))
        slots = [Slot(result, position) for position, result in enumerate(results)]
        lengths = lengths_of(builder, given.params, results)
        bindings.settle_pending(builder)
        seeds: list[ir.Var] = []
        with builder.nested() as back:
            y_bar = duals(builder, template, iter(slots), seeds)
            try:
                answer, source = _pulled_back(builder, rule, rest, y_bar, node)
            except DeadEnd:
                _raise_at_run_time(builder, seeds)
                found_answers = _never_given(builder, given)
            else:
                found_answers = list(_cotangents(builder, rule, given, answer, source))
            cotangents = tuple(
                (found.slot.position, builder.resolve_operand(found.value))
                for found in found_answers
                if found.value is not None and found.slot.position is not None
            )
            bindings.settle_pending(builder)
    return ForwardPart(
        tuple(given.params),
        builder.resolve(block.block()),
        tuple(builder.resolve_operand(result) for result in results),
        template,
        lengths,
        tuple(seeds),
        builder.resolve(back.block()),
        tuple(sorted(cotangents, key=lambda pair: pair[0])),
    )


def _raise_at_run_time(builder: Builder, seeds: list[ir.Var]) -> None:
    """Let the raising of a block end depend on a value, so that statements may follow it."""
    last = builder.block.statements.pop()
    if not seeds:
        builder.block.statements.append(last)
        return
    if isinstance(seeds[0].type, Scalar):
        seed: ir.Operand = seeds[0]
        same, other = (builder.call(each, seed, seed) for each in (operator.eq, operator.ne))
        always = builder.call(operator.or_, same, other)
    else:
        always = builder.call(operator.ge, builder.shape(seeds[0], 0), ir.Const(0, INT64))
    builder.emit(ir.If(always, (last,), (), (), builder.block.origin))


def _count_to_answer(given: Given) -> int:
    """Return how many positional arguments there are up to the last that is not a constant."""
    count = 0
    answered = zip(given.inputs.inputs, given.inputs.operands, strict=True)
    operands = [operands for each, operands in answered if each.is_answered]
    for position, each in enumerate(operands):
        if any(not isinstance(operand, ir.Const) for operand in each):
            count = position + 1
    return count


def _never_given(builder: Builder, given: Given) -> list[Answer]:
    """Return cotangents for a backward part that always raises: it runs, and gives none of them."""
    answers: list[Answer] = []
    for slot in (slot for slots in given.slots for slot in slots):
        type_ = tangent_type(slot.operand.type)
        if isinstance(type_, Scalar):
            answers.append(Answer(slot, ir.Const(0.0, type_)))
        elif type_ == slot.operand.type:
            answers.append(Answer(slot, slot.operand))
    return answers


def _pulled_back(
    builder: Builder, rule: UserRule, rest: Value, y_bar: Value, node: ast.AST | None
) -> tuple[Value, Any]:
    """Call the backward part; return what it gives, and the function, for messages."""
    if rule.backward is not None:
        function: Value = StaticValue(rule.backward)
        return builder.apply(function, [rest, y_bar], {}, node), function
    if isinstance(rest, Conflict):
        raise _invalid(
            builder,
            rule.forward,
            f"which `back` the rule of `{rule.title}` returns depends on the path taken.",
            "",
            "Return one function, and test inside it.",
        )
    is_callable = isinstance(rest, FunctionValue | BoundMethod | PartialValue) or (
        isinstance(rest, StaticValue) and callable(rest.value)
    )
    if not is_callable:
        raise _invalid(
            builder,
            rule.forward,
            f"the rule of `{rule.title}` returns {builder.describe(rest)} where its function "
            "`back` belongs.",
        )
    return builder.apply(rest, [y_bar], {}, node), rest


def _cotangents(
    builder: Builder, rule: UserRule, given: Given, answer: Value, source: Value
) -> Iterator[Answer]:
    """Yield the cotangent of each leaf of the arguments."""
    entries = [
        (each, shape, slots)
        for each, shape, slots in zip(
            given.inputs.inputs, given.inputs.shapes, given.slots, strict=True
        )
        if each.is_answered
    ]
    present = [entry for entry in entries if entry[0].value is not None]
    what = "`back`" if rule.backward is None else "the backward part"
    if _returns_nothing(source):
        raise _invalid(
            builder,
            source,
            f"{what} of the rule of `{rule.title}` returns nothing.",
            "",
            "Return a cotangent for each positional argument; None in a tuple means no derivative.",
        )
    answer = bindings.settled(builder, answer)
    if isinstance(answer, StaticValue) and answer.value is None:
        answer = TupleValue((answer,) * len(entries))  # no derivative for any of them
    items = None if isinstance(answer, OperandValue) else builder.as_sequence(answer)
    if items is None or (len(items) != len(entries) and _is_bare(items, entries)):
        items = (answer,)
    if len(items) == len(entries):
        chosen = [
            (item, entry)
            for item, entry in zip(items, entries, strict=True)
            if entry[0].value is not None
        ]
    elif len(items) == len(present):
        chosen = list(zip(items, present, strict=True))
    elif len(items) == _count_to_answer(given):
        chosen = list(zip(items, entries, strict=False))
    else:
        count, wanted = len(items), len(entries)
        raise _invalid(
            builder,
            source,
            f"{what} of the rule of `{rule.title}` returns {count} cotangent"
            f"{'' if count == 1 else 's'} for {wanted} argument{'' if wanted == 1 else 's'}.",
            "",
            "Return a tuple with one cotangent per positional argument; None where there is no "
            "derivative.",
        )
    for item, (each, shape, slots) in chosen:

        def refusal(text: str, name: str = each.name) -> InvalidRule:
            return _invalid(
                builder,
                source,
                f"{what} of the rule of `{rule.title}` returns {text} as the cotangent of "
                f"`{name}`.",
                "",
                "A cotangent has the kind and shape of its argument; None means no derivative.",
            )

        yield from answers(builder, shape, item, iter(slots), refusal)


def _is_bare(items: tuple[Value, ...], entries: list[Any]) -> bool:
    """Whether the items are those of the cotangent of one argument, itself a tuple or list."""
    if len(entries) != 1:
        return False
    _, shape, _ = entries[0]
    return len(list(templates.parts(shape))) == len(items)


def tangent_part(
    builder: Builder, rule: UserRule, inputs: Inputs, template: Template, node: ast.AST | None
) -> TangentPart:
    """Walk the rule's tangent."""
    with _apart(builder, "tangent") as block:
        given = inputs.fresh(builder)
        given.note_lengths(builder)
        directions: list[ir.Var] = []
        primals: list[Value] = []
        tangents: list[Value] = []
        for each, shape, value, slots in zip(
            inputs.inputs, inputs.shapes, given.values, given.slots, strict=True
        ):
            if each.is_answered and each.value is not None:
                primals.append(value)
                tangents.append(duals(builder, shape, iter(slots), directions))
        named = {
            each.keyword: value
            for each, value in zip(inputs.inputs, given.values, strict=True)
            if not each.is_answered and each.keyword is not None
        }
        pair = builder.as_sequence(
            builder.apply(
                StaticValue(rule.jvp),
                [TupleValue(tuple(primals)), TupleValue(tuple(tangents))],
                named,
                node,
            )
        )
        if pair is None or len(pair) != 2:
            raise _invalid(
                builder,
                rule.jvp,
                f"the `jvp` of `{rule.title}` must return the value and its tangent.",
            )
        y, y_dot = (bindings.settled(builder, item) for item in pair)

        def refusal(text: str) -> InvalidRule:
            return _invalid(builder, rule.jvp, f"the `jvp` of `{rule.title}` returns {text}.")

        own = templates.template_of(y, builder.state, set())
        agreed = templates.join(template, own, builder.state, builder.state, set())
        if isinstance(agreed, Conflict) or templates.leaf_types(agreed) != templates.leaf_types(
            template
        ):
            raise refusal(f"{builder.describe(y)} as the value, which is not what the rule returns")
        results = conversion.operands(builder, y, template, builder.state)
        results = [owned(builder, r, r.type, must_copy=True) for r in results]
        slots = [Slot(result, position) for position, result in enumerate(results)]
        for found in answers(builder, template, y_dot, iter(slots), refusal):
            results += _tangent(builder, found)
        bindings.settle_pending(builder)
    return TangentPart(
        tuple(given.params),
        tuple(directions),
        builder.resolve(block.block()),
        tuple(builder.resolve_operand(result) for result in results),
    )


def _tangent(builder: Builder, found: Answer) -> list[ir.Operand]:
    """Return the tangent of a result; zeros if the rule gave None."""
    from numbad.transform import arith

    leaf = found.slot.operand
    type_ = tangent_of(leaf.type)
    if type_ is None:
        return []
    if not is_memory(type_):
        return [arith.zero(type_) if found.value is None else found.value]
    assert isinstance(type_, Array)
    if found.value is not None:
        return [owned(builder, found.value, type_, must_copy=True)]
    assert isinstance(leaf, ir.Var)
    shape = [builder.shape(leaf, axis) for axis in range(type_.ndim)]
    return [builder.alloc(type_, shape, arith.zero(type_.dtype))]


def unused_part(
    builder: Builder, rule: UserRule, inputs: Inputs, node: ast.AST | None
) -> ir.Function:
    """Walk what a hook does where no cotangent has come."""
    with _apart(builder, "unused") as block:
        given = inputs.fresh(builder)
        given.call(builder, rule.unused, node)
        bindings.settle_pending(builder)
    return ir.Function("unused", (), builder.resolve(block.block()), (), builder.origin(node))


# --- messages -------------------------------------------------------------------------------------


def _returns_nothing(source: Any) -> bool:
    """Whether a function ends without ``return``, and has none of a value."""
    found = _definition(source)
    if found is None or not getattr(found[1], "falls_off", False):
        return False
    last = found[1].body[-1]
    value = last.value if isinstance(last, ast.Return) else None
    return value is None or (isinstance(value, ast.Constant) and value.value is None)


def _last_return(source: Any) -> tuple[Callable[[ast.AST], ir.Origin], ast.Return] | None:
    """Return the final return statement of a function, and how to place it."""
    found = _definition(source)
    last = None if found is None else found[1].body[-1]
    return None if found is None or not isinstance(last, ast.Return) else (found[0], last)


def _definition(source: Any) -> tuple[Callable[[ast.AST], ir.Origin], ast.FunctionDef] | None:
    """Return the normalised definition of a function, and how to place parts of it."""
    if isinstance(source, FunctionValue):
        code = source.source
        return code.origin, code.node
    found = source.value if isinstance(source, StaticValue) else source
    try:
        callee = resolve_callable(found)
    except TypeError:
        return None
    if callee.kind is not Kind.PYTHON:
        return None
    function = callee.function
    assert isinstance(function, python_types.FunctionType)
    loaded = load(function)
    return loaded.origin, normalize(loaded)


def _invalid(
    builder: Builder, source: Any, what: str, why: str = "", remedy: str = ""
) -> InvalidRule:
    """Return the error at the return statement of a rule's function."""
    place = _last_return(source)
    origin = builder.origin() if place is None else place[0](place[1])
    return InvalidRule(what, origin=origin, why=why, remedy=remedy)
