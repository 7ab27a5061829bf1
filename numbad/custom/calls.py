"""Calls of functions with a declared derivative, in the front end.

The function itself is walked as a function of the IR of its own, and so is the rule; together they
become an ``ir.Function`` that carries an ``ir.CustomDerivative``, and the call an ``ir.Invoke`` of
it. Calls of the function by its own rule are calls of the same IR function, so that derivatives of
any order use the rule. Where the function's own code cannot be compiled, the rule's value stands
for it.
"""

from __future__ import annotations

import ast
import weakref
from dataclasses import dataclass, field, replace
from typing import Any

from numbad.custom.barrier import behind_barrier, writes
from numbad.custom.declare import UserRule
from numbad.custom.inputs import Inputs
from numbad.custom.lengths import Lengths, note_lengths_of_results
from numbad.custom.parts import (
    ForwardPart,
    Part,
    TangentPart,
    primal_part,
    rule_part,
    tangent_part,
    unused_part,
)
from numbad.errors import DifferentiationError, InvalidRule, TypeInferenceFailed
from numbad.frontend import bindings, conversion, templates
from numbad.frontend.builder import Builder
from numbad.frontend.signals import DeadEnd
from numbad.frontend.templates import Template
from numbad.frontend.values import Conflict, Value
from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.types import List, Stack, Tuple, tangent_type
from numbad.transform.simplify import simplify_function

_MOST_WALKS = 4
_DEPTH_LIMIT = 12


@dataclass(eq=False)
class Known:
    """A function with a rule, for arguments of some types, as far as it has been built.

    ``extras`` are values from outside that it takes as further parameters. ``inlined`` is set
    instead of a name for a function that is inlined behind barriers.
    """

    name: str
    result: Template | None = None
    extras: tuple[ir.Var, ...] = ()
    lengths: Lengths = ()
    differentiable: tuple[int, ...] = ()
    inlined: ir.Function | None = None
    failure: DifferentiationError | None = None
    is_walking_rule: bool = False
    is_invoked: bool = False
    is_barrier: bool = False


@dataclass(eq=False)
class Memo:
    """What is remembered during one build: functions, and what is being walked."""

    known: dict[Any, Known] = field(default_factory=dict)
    plain: list[UserRule] = field(default_factory=list)
    active: list[UserRule] = field(default_factory=list)


_memos: weakref.WeakKeyDictionary[Builder, Memo] = weakref.WeakKeyDictionary()


@dataclass(frozen=True, eq=False)
class Handler:
    """Handler of the calls of one function with a rule."""

    rule: UserRule
    found: Any

    def __call__(
        self, builder: Builder, args: list[Value], kwargs: dict[str, Value], node: ast.AST | None
    ) -> Value:
        """Emit the call; NotImplemented while the function's own code is walked for it."""
        memo = _memos.setdefault(builder, Memo())
        if self.rule in memo.plain:
            return NotImplemented  # type: ignore[no-any-return]
        args = [bindings.settled(builder, arg) for arg in args]
        kwargs = {name: bindings.settled(builder, arg) for name, arg in kwargs.items()}
        bindings.settle_pending(builder)
        inputs = Inputs.of(builder, self.rule, args, kwargs, node)
        key = inputs.key(builder, self.rule)
        if key not in memo.known and self.rule in memo.active:
            # The rule calls its function for other arguments: they are not built in as constants,
            # so that a recursion over an order, say, comes back to the same function.
            inputs = inputs.general()
            key = inputs.key(builder, self.rule)
        known = memo.known.get(key)
        if known is None:
            known = _Making(builder, memo, self.rule, self.found, inputs, node).make(key)
        elif known.result is None:
            if not known.is_walking_rule:
                return NotImplemented  # type: ignore[no-any-return]
            raise _needs_itself(builder, self.rule, known, node)
        known.is_invoked = True
        return _emit(builder, known, inputs)


def _needs_itself(
    builder: Builder, rule: UserRule, known: Known, node: ast.AST | None
) -> DifferentiationError:
    assert known.failure is not None
    return InvalidRule(
        f"the rule of `{rule.title}` calls `{rule.title}`, which cannot be compiled.",
        origin=builder.origin(node),
        why=known.failure.what,
        remedy="Compute the value in the rule in another way.",
    )


def _emit(builder: Builder, known: Known, inputs: Inputs) -> Value:
    """Emit the call of a function that has been built."""
    assert known.result is not None
    arguments = (*inputs.arguments(), *known.extras)
    if known.inlined is not None:
        builder.write()
        body, results = visit.inline(known.inlined, arguments, builder.fresh)
        for statement in body:
            builder.emit(statement)
        return conversion.instantiate(builder, known.result, iter(results))
    types = templates.leaf_types(known.result)
    call = ir.Invoke(known.name, arguments, known.differentiable, known.is_barrier)
    if len(types) == 1:
        leaves = [builder.let(types[0], call)]
    else:
        packed = builder.let(Tuple(tuple(types)), call)
        leaves = [
            builder.let(type_, ir.TupleItem(packed, position))
            for position, type_ in enumerate(types)
        ]
    note_lengths_of_results(builder, known.lengths, arguments, leaves)
    return conversion.instantiate(builder, known.result, iter(leaves))


class _Making:
    """Builds the IR function for a function with a rule and arguments of some types."""

    def __init__(
        self,
        builder: Builder,
        memo: Memo,
        rule: UserRule,
        found: Any,
        inputs: Inputs,
        node: ast.AST | None,
    ) -> None:
        self.builder = builder
        self.memo = memo
        self.rule = rule
        self.found = found
        self.inputs = inputs
        self.node = node

    def make(self, key: Any) -> Known:
        """Build the function and remember it under the key."""
        builder, memo = self.builder, self.memo
        if len(memo.active) > _DEPTH_LIMIT:
            builder.error(
                self.node,
                f"the rule of `{self.rule.title}` calls it for ever new types of arguments.",
                kind=InvalidRule,
            )
        name = f"{self.rule.title}_primal"
        while name in builder.callees:
            name += "_"
        known = memo.known[key] = Known(name)
        was_incomplete, builder.is_incomplete = builder.is_incomplete, False
        is_done = False
        try:
            self._make(known)
            is_done = not builder.is_incomplete
        finally:
            builder.is_incomplete |= was_incomplete
            lasting = set(builder.live.variables)
            if not is_done or self.inputs.has_frames() or not lasting.issuperset(known.extras):
                # It holds for this call only.
                del memo.known[key]
        return known

    def _make(self, known: Known) -> None:
        primal = self._primal(known)
        if self.rule.forward is None:
            assert primal is not None
            self._finish_opaque(known, primal)
            return
        plain, self.memo.plain = self.memo.plain, []
        self.memo.active.append(self.rule)
        known.is_walking_rule = True
        try:
            for _ in range(_MOST_WALKS):
                if self._walk_rule(known, primal):
                    return
        finally:
            self.memo.plain = plain
            self.memo.active.pop()
        self.builder.internal_error("the parameters of a rule do not settle")

    def _primal(self, known: Known) -> Part | None:
        """Walk the function's own code; None if that fails, which only matters without a rule."""
        self.memo.plain.append(self.rule)
        try:
            primal = primal_part(self.builder, self.found, self.inputs, self.node)
            self._check_result(primal.template)
        except (DifferentiationError, DeadEnd) as failure:
            if self.rule.forward is None:
                raise
            if isinstance(failure, DifferentiationError):
                known.failure = failure
            else:
                known.failure = TypeInferenceFailed("It raises an exception on every path.")
            return None
        finally:
            self.memo.plain.pop()
        known.result = primal.template
        known.lengths = primal.lengths
        known.extras = _extras(primal.free())
        # The rule may call the function: it must be there to be invoked.
        self.builder.callees[known.name] = self._close(known, primal)
        return primal

    def _walk_rule(self, known: Known, primal: Part | None) -> bool:
        """Walk the rule once, and say whether what was assumed of the function held."""
        builder, assumed = self.builder, (known.result, known.extras)
        known.is_invoked = False
        self._set_differentiable(known, None)
        forward = rule_part(builder, self.rule, self.inputs, known.result, self.node)
        known.result = forward.template
        if primal is None:
            known.lengths = forward.lengths
        self._check_result(forward.template)
        tangent: TangentPart | None = None
        if self.rule.jvp is not None:
            tangent = tangent_part(builder, self.rule, self.inputs, forward.template, self.node)
        parts: list[Part] = [forward] if primal is None else [primal, forward]
        free = {var for part in parts for var in part.free()}
        if tangent is not None:
            free |= tangent.free()
        known.extras = _extras(free)
        self._set_differentiable(known, forward)
        body = self._close(known, forward if primal is None else primal)
        made = self._derivative(known, body, forward, tangent)
        if self.rule.unused is not None:
            part = unused_part(builder, self.rule, self.inputs, self.node)
            made = replace(made, unused=replace(part, name=f"{known.name}_unused"))
        function = replace(body, custom=made)
        builder.callees[known.name] = function
        return not known.is_invoked or assumed == (known.result, known.extras)

    def _set_differentiable(self, known: Known, forward: ForwardPart | None) -> None:
        """Note the arguments on which the value depends, or all that it may depend on."""
        if forward is None:
            types = [operand.type for operand in (*self.inputs.arguments(), *known.extras)]
            known.differentiable = tuple(
                position for position, type_ in enumerate(types) if tangent_type(type_) is not None
            )
        elif self.rule.unused is not None:
            # A hook runs for its effects, even if nothing passes through it.
            known.differentiable = self.inputs.differentiable()
            known.is_barrier = not forward.cotangents
        else:
            wrt = [position for position, _ in forward.cotangents]
            known.differentiable = tuple(sorted({*wrt, *self._refused(known)}))

    def _refused(self, known: Known) -> tuple[int, ...]:
        if self.rule.unused is not None:
            return ()
        count = len(self.inputs.arguments())
        extras = [
            count + number
            for number, var in enumerate(known.extras)
            if tangent_type(var.type) is not None
        ]
        return (*self.inputs.unanswered(), *extras)

    def _derivative(
        self,
        known: Known,
        function: ir.Function,
        forward: ForwardPart,
        tangent: TangentPart | None,
    ) -> ir.CustomDerivative:
        kept = forward.kept()
        origin = function.origin
        body, results = self._converted(forward, known)
        declared = ir.Function(
            f"{known.name}_forward",
            (*forward.params, *known.extras),
            body,
            (*results, *kept),
            origin,
        )
        self._check_writes(declared, range(len(declared.params)))
        backward = ir.Function(
            f"{known.name}_backward",
            (*kept, *forward.seeds),
            forward.back,
            tuple(operand for _, operand in forward.cotangents),
            origin,
        )
        self._check_writes(backward, range(len(kept)))
        jvp = None
        if tangent is not None:
            jvp = ir.Function(
                f"{known.name}_jvp",
                (*tangent.params, *known.extras, *tangent.directions),
                tangent.body,
                tangent.results,
                origin,
            )
            self._check_writes(jvp, range(len(jvp.params)))
        answered = self.inputs.answered()
        return ir.CustomDerivative(
            self.rule.title,
            simplify_function(declared),
            simplify_function(backward),
            tuple(position for position, _ in forward.cotangents),
            self._refused(known),
            None if jvp is None else simplify_function(jvp),
            tuple(
                position
                for position in answered
                if tangent_type(function.params[position].type) is not None
            ),
        )

    # --- the function's own code ----------------------------------------------------------------

    def _close(self, known: Known, part: Part) -> ir.Function:
        """Return the part's body as the function, with results of the agreed types."""
        body, results = self._converted(part, known)
        function = ir.Function(
            known.name,
            (*part.params, *known.extras),
            body,
            results,
            self.builder.origin(self.node),
        )
        if self.rule.forward is not None:
            self._check_writes(function, range(len(function.params)))
        return function

    def _converted(self, part: Part, known: Known) -> tuple[ir.Block, tuple[ir.Operand, ...]]:
        """Return a part's body with results of the types of the agreed template."""
        assert known.result is not None
        types = templates.leaf_types(known.result)
        return part.converted(self.builder, types, known.extras)

    def _finish_opaque(self, known: Known, primal: Part) -> None:
        """Finish a function that derivatives do not pass."""
        function = self._close(known, primal)
        written = writes(function, self.builder.callees, range(len(function.params)))
        if written:
            known.inlined = behind_barrier(self.builder, function, self.rule.title)
        else:
            self.builder.callees[known.name] = function

    def _check_writes(self, function: ir.Function, positions: range) -> None:
        """Refuse a rule, or a function with a rule, that changes its arguments."""
        written = writes(function, self.builder.callees, positions)
        if written:
            name = function.params[written[0]].name or "an array"
            self.builder.error(
                self.node,
                f"`{name}` is changed by `{self.rule.title}` or by its rule.",
                "The derivative could not tell its old value from the new one.",
                "Return a new array instead.",
                InvalidRule,
            )

    def _check_result(self, template: Template) -> None:
        if isinstance(template, Conflict):
            self.builder.error(
                self.node,
                f"The values of `{self.rule.title}` and of its rule do not agree.",
                template.reason,
                "Return a value of the same type from the rule.",
                InvalidRule,
            )
        for type_ in templates.leaf_types(template):
            if isinstance(type_, List | Stack | Tuple):
                self.builder.error(
                    self.node,
                    f"`{self.rule.title}` returns a list, which cannot have a rule.",
                    "",
                    "Return numbers and arrays, or tuples of them.",
                    InvalidRule,
                )


def _extras(free: set[ir.Var]) -> tuple[ir.Var, ...]:
    return tuple(sorted(free, key=lambda var: var.id))
