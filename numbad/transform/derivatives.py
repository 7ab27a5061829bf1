"""What the transforms need to know about a call: its partials as IR, ready to be inlined.

Rule bodies are Python; ``RuleCompiler`` turns one into IR for given types. A ``Partial`` is one
local derivative with what it reads, so that the scheduler records no more than that.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from numbad.errors import NoRule
from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.build import BlockBuilder, Fresh
from numbad.ir.types import (
    Array,
    Scalar,
    Type,
    is_complex,
    is_integer,
    tangent_type,
)
from numbad.rules import registry
from numbad.rules.forms import LinearRule, Missing, Rule, ScalarRule, ZeroDerivative
from numbad.transform import arith, lane_rules
from numbad.transform.simplify import simplify_function

# Builds the IR of a rule's body, whose ``/`` never raises. The types are those of the positional
# arguments, followed by that of ``y`` if the body takes it. The results are the items of the
# returned tuple that are not None.
RuleCompiler = Callable[[Callable[..., Any], tuple[Type, ...]], ir.Function]

RESULT = -1
# Note of rules that also cut the path: not even a zero gradient passes.
BARRIER = "barrier"


@dataclass(frozen=True, eq=False)
class Partial:
    """The derivative of a call with respect to one argument.

    ``function`` has one result; its parameters are the arguments at ``reads`` (``RESULT`` is the
    call's own value). ``constant`` is set instead if the partial is a constant.
    """

    position: int
    function: ir.Function | None
    reads: tuple[int, ...]
    constant: ir.Const | None
    singular: bool


class Derivatives:
    """The rules of calls, compiled to IR and cached by types and constants."""

    def __init__(self, compile_rule: RuleCompiler) -> None:
        self._compile = compile_rule
        self._partials: dict[Any, tuple[Partial | None, ...]] = {}
        self._bodies: dict[Any, ir.Function] = {}

    def rule(self, call: ir.Call, origin: ir.Origin | None = None) -> Rule:
        """Return the rule of a call, or raise ``NoRule`` at the user's line."""
        complex_operand = any(_is_complex_like(arg.type) for arg in call.args)
        found = registry.lookup(call.fn, is_complex=complex_operand)
        if found is None or isinstance(found, Missing):
            name = getattr(call.fn, "__qualname__", getattr(call.fn, "__name__", str(call.fn)))
            module = getattr(call.fn, "__module__", "")
            raise NoRule(
                f"`{module}.{name}` has no derivative rule"
                + (" for complex numbers." if complex_operand else "."),
                origin=origin,
                why=found.reason if isinstance(found, Missing) else "",
                remedy=(found.remedy if isinstance(found, Missing) else "")
                or "Declare one with @numbad.adjoint, or mark the function @numbad.nograd.",
            )
        if isinstance(found, ZeroDerivative) and found.refusal:
            raise NoRule(
                f"`{getattr(call.fn, '__name__', call.fn)}` cannot be differentiated with respect "
                "to its arguments.",
                origin=origin,
                why=found.refusal,
                remedy="Keep its arguments constant with @numbad.nograd or `numbad.dropgrad`.",
            )
        return found

    def is_impure(self, call: ir.Call) -> bool:
        """Whether the call may not be repeated to recompute its value."""
        return registry.is_impure(call.fn)

    def differentiable(self, call: ir.Call, target: ir.Var) -> list[ir.Operand]:
        """Return the operands on which the value depends differentiably.

        A function without a rule counts as depending on all its floating-point operands: whether
        that matters is known when its derivative is asked for.
        """
        if tangent_type(target.type) is None:
            return []
        if call.fn in lane_rules.LANE_FUNCTIONS:
            return list(lane_rules.linear_arguments(call))
        complex_operand = any(_is_complex_like(arg.type) for arg in call.args)
        match registry.lookup(call.fn, is_complex=complex_operand):
            case ZeroDerivative(refusal=""):
                return []
            case other:
                return _connected(call, other)

    def steep_arguments(self, call: ir.Call, target: ir.Var) -> list[ir.Operand]:
        """Return the operands in which the slope can be infinite while the value is finite."""
        complex_operand = any(_is_complex_like(arg.type) for arg in call.args)
        rule = registry.lookup(call.fn, is_complex=complex_operand)
        if isinstance(rule, ScalarRule) and rule.specialise(_constants(call)).steep:
            return self.differentiable(call, target)
        return []

    def connected(self, call: ir.Call, target: ir.Var) -> list[ir.Operand]:
        """Return the operands on which the value depends at all, if only with slope zero."""
        if tangent_type(target.type) is None:
            return []
        if call.fn in lane_rules.LANE_FUNCTIONS:
            return list(lane_rules.linear_arguments(call))
        complex_operand = any(_is_complex_like(arg.type) for arg in call.args)
        rule = registry.lookup(call.fn, is_complex=complex_operand)
        if isinstance(rule, ZeroDerivative) and rule.note == BARRIER:
            return []
        return _connected(call, rule)

    def partials(self, call: ir.Call, target: ir.Var) -> tuple[Partial | None, ...]:
        """Return the partials of a call with a ``ScalarRule``, one entry per argument."""
        rule = self.rule(call)
        assert isinstance(rule, ScalarRule)
        constants = _constants(call)
        types = tuple(arg.type for arg in call.args)
        key = (call.fn, types, tuple(map(repr, constants)), target.type)
        if key not in self._partials:
            self._partials[key] = self._compile_partials(
                rule.specialise(constants), call.args, target.type
            )
        return self._partials[key]

    def body(self, function: Callable[..., Any], types: tuple[Type, ...]) -> ir.Function:
        """Return the IR of a rule's body for the types."""
        key = (function, types)
        if key not in self._bodies:
            found = lane_rules.retyped(self._compile(function, types))
            self._bodies[key] = simplify_function(found)
        return self._bodies[key]

    def _compile_partials(
        self, rule: ScalarRule, args: tuple[ir.Operand, ...], result: Type
    ) -> tuple[Partial | None, ...]:
        given = len(args)
        if not rule.n_args - len(rule.defaults) <= given <= rule.n_args:
            raise NoRule(
                f"the derivative rule of `{rule.names[0]}` takes {rule.n_args} arguments, "
                f"this call has {given}.",
                origin=None,
            )
        left_out = rule.defaults[len(rule.defaults) - (rule.n_args - given) :]
        args += tuple(ir.Const(value, result) for value in left_out)
        constants: dict[int, ir.Const] = {}
        for position, reads in enumerate(rule.reads):
            if reads is not None and reads.constant is not None:
                constants[position] = ir.Const(reads.constant, tangent_type(result) or result)
        wanted = [p for p, reads in enumerate(rule.reads) if reads is not None]
        found: list[Partial | None] = [None] * given
        whole = None
        if any(position not in constants for position in wanted):
            types = tuple(_body_type(arg.type, result, rule) for arg in args)
            whole = self.body(rule.body, (*types, result) if rule.takes_result else types)
        for order, position in enumerate(wanted):
            if position >= given or tangent_type(args[position].type) is None:
                continue
            if position in constants:
                value = constants[position]
                if not arith.is_zero(value):
                    found[position] = Partial(position, None, (), value, rule.singular)
                continue
            assert whole is not None
            found[position] = _slice(whole, order, position, args, rule)
        return tuple(found)


def _slice(
    whole: ir.Function,
    order: int,
    position: int,
    args: tuple[ir.Operand, ...],
    rule: ScalarRule,
) -> Partial | None:
    """Cut one partial out of the body of a rule, with its constant arguments filled in."""
    fresh = Fresh(visit.first_free_id(whole))
    block = BlockBuilder(fresh)
    substitution: dict[ir.Var, ir.Operand] = {}
    for param, arg in zip(whole.params, args, strict=False):
        if isinstance(arg, ir.Const):
            substitution[param] = arith.cast(block, arg, param.type)
    cloner = visit.Cloner(fresh, substitution)
    for statement in whole.body:
        block.emit(cloner.statement(statement))
    result = cloner.operand(whole.results[order])
    sliced = simplify_function(ir.Function(whole.name, whole.params, block.block(), (result,)))
    (result,) = sliced.results
    if isinstance(result, ir.Const):
        if arith.is_zero(result):
            return None
        return Partial(position, None, (), result, rule.singular)
    used = visit.used_vars(sliced.body) | {result}
    params, reads = [], []
    for number, param in enumerate(sliced.params):
        if param in used:
            params.append(param)
            reads.append(number if number < len(args) else RESULT)
    function = ir.Function(sliced.name, tuple(params), sliced.body, sliced.results)
    return Partial(position, function, tuple(reads), None, rule.singular)


def _body_type(type_: Type, result: Type, rule: ScalarRule) -> Type:
    if rule.keeps_integers or not isinstance(type_, Scalar):
        return type_
    return result if is_integer(type_) or type_.name == "bool" else type_


def _is_complex_like(type_: Type) -> bool:
    return is_complex(type_.dtype if isinstance(type_, Array) else type_)


def _constants(call: ir.Call) -> tuple[Any, ...]:
    return tuple(a.value if isinstance(a, ir.Const) else None for a in call.args)


def _connected(call: ir.Call, rule: Rule | None) -> list[ir.Operand]:
    match rule:
        case ScalarRule():
            reads = rule.specialise(_constants(call)).reads
            return [
                arg
                for arg, read in zip(call.args, reads, strict=False)
                if read is not None and tangent_type(arg.type) is not None
            ]
        case LinearRule():
            return [call.args[0]]
        case _:
            return [arg for arg in call.args if tangent_type(arg.type) is not None]


def takes_result(body: Callable[..., Any]) -> bool:
    """Whether a rule's body has the keyword-only parameter ``y``."""
    return "y" in inspect.signature(body).parameters


def returned_positions(body: Callable[..., Any]) -> tuple[int, ...]:
    """Return the positions of the items of a rule's returned tuple that are not None."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(body)))
    last = next(node for node in reversed(list(ast.walk(tree))) if isinstance(node, ast.Return))
    items = last.value.elts if isinstance(last.value, ast.Tuple) else [last.value]
    return tuple(
        position
        for position, item in enumerate(items)
        if not (item is None or (isinstance(item, ast.Constant) and item.value is None))
    )
