"""The arguments of a call of a function with a declared derivative.

Each part of the function is walked for parameters of its own, which ``Inputs.fresh`` makes. What is
constant in the call is built into the function instead.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from numbad.custom.declare import UserRule
from numbad.custom.shapes import Slot
from numbad.frontend import arrays, conversion, templates
from numbad.frontend.builder import Builder
from numbad.frontend.callables import Kind, resolve_callable
from numbad.frontend.templates import Template
from numbad.frontend.values import (
    NONE,
    BoundMethod,
    FunctionValue,
    GeneratorValue,
    PartialValue,
    StaticValue,
    Value,
)
from numbad.ir import nodes as ir
from numbad.ir.types import Array, is_integer, tangent_type


@dataclass(frozen=True)
class Input:
    """One argument: ``name`` is that of the parameter of the rule, if it has one.

    ``keyword`` is the name under which it is passed. An argument that was left out has no value.
    A rule does not answer for keyword-only arguments.
    """

    name: str
    value: Value | None
    keyword: str | None = None
    is_answered: bool = True


@dataclass(frozen=True)
class Inputs:
    """The arguments of a call of a function with a rule.

    ``operands`` are the run-time parts of each, ``fixed`` tells which of these are built into the
    function: constants, and integers that are known while building.
    """

    inputs: tuple[Input, ...]
    shapes: tuple[Template, ...]
    operands: tuple[tuple[ir.Operand, ...], ...]
    fixed: tuple[tuple[bool, ...], ...]

    @staticmethod
    def of(
        builder: Builder,
        rule: UserRule,
        args: list[Value],
        kwargs: dict[str, Value],
        node: ast.AST | None,
    ) -> Inputs:
        """Match the arguments of a call with the parameters of the rule."""
        inputs = _matched(builder, rule, args, kwargs, node)
        shapes, operands, fixed = [], [], []
        for each in inputs:
            value = NONE if each.value is None else each.value
            shape = templates.template_of(value, builder.state, set())
            found = conversion.operands(builder, value, shape, builder.state)
            shapes.append(shape)
            operands.append(tuple(found))
            fixed.append(tuple(_is_fixed(builder, operand) for operand in found))
        return Inputs(tuple(inputs), tuple(shapes), tuple(operands), tuple(fixed))

    def general(self) -> Inputs:
        """Return the inputs with no constants built in."""
        fixed = tuple(
            tuple(isinstance(operand, ir.Undefined) for operand in found) for found in self.operands
        )
        return replace(self, fixed=fixed)

    def arguments(self) -> tuple[ir.Operand, ...]:
        """Return the operands that are passed."""
        return tuple(
            operand
            for found, fixed in zip(self.operands, self.fixed, strict=True)
            for operand, is_fixed in zip(found, fixed, strict=True)
            if not is_fixed
        )

    def key(self, builder: Builder, rule: UserRule) -> Any:
        """Return what calls that can share a function have in common."""
        shapes = tuple(
            (each.keyword, each.value is None, _hashable(shape))
            for each, shape in zip(self.inputs, self.shapes, strict=True)
        )
        constants = tuple(
            (repr(operand) if is_fixed else None)
            for found, fixed in zip(self.operands, self.fixed, strict=True)
            for operand, is_fixed in zip(found, fixed, strict=True)
        )
        return (id(rule), shapes, constants)

    def has_frames(self) -> bool:
        """Whether an argument is a function that reads names around it, as they are now."""
        pending = list(self.shapes)
        while pending:
            shape = pending.pop()
            if isinstance(shape, FunctionValue | GeneratorValue):
                return True
            if isinstance(shape, BoundMethod | PartialValue):
                pending.append(shape.function)
            pending.extend(templates.parts(shape))
        return False

    def _positions(self, wanted: Callable[[Input], bool]) -> tuple[int, ...]:
        found = []
        position = 0
        for each, fixed in zip(self.inputs, self.fixed, strict=True):
            for is_fixed in fixed:
                if not is_fixed:
                    if wanted(each):
                        found.append(position)
                    position += 1
        return tuple(found)

    def answered(self) -> tuple[int, ...]:
        """Positions of the parameters that the rule answers for."""
        return self._positions(lambda each: each.is_answered)

    def unanswered(self) -> tuple[int, ...]:
        """Positions of the parameters that the rule is silent about and that could vary."""
        types = [operand.type for operand in self.arguments()]
        return tuple(
            position
            for position in self._positions(lambda each: not each.is_answered)
            if tangent_type(types[position]) is not None
        )

    def differentiable(self) -> tuple[int, ...]:
        """Positions of the parameters that could vary."""
        types = [operand.type for operand in self.arguments()]
        return tuple(p for p, type_ in enumerate(types) if tangent_type(type_) is not None)

    def fresh(self, builder: Builder) -> Given:
        """Return the arguments as values of new parameters."""
        params: list[ir.Var] = []
        values: list[Value] = []
        slots: list[list[Slot]] = []
        for each, shape, found, fixed in zip(
            self.inputs, self.shapes, self.operands, self.fixed, strict=True
        ):
            leaves: list[ir.Operand] = []
            own: list[Slot] = []
            for operand, is_fixed in zip(found, fixed, strict=True):
                if is_fixed:
                    leaves.append(operand)
                    own.append(Slot(operand, None))
                    continue
                name = operand.name if isinstance(operand, ir.Var) and operand.name else each.name
                param = builder.fresh.var(operand.type, name)
                if isinstance(param.type, Array):
                    arrays.note_parameter(builder, param)
                own.append(Slot(param, len(params)))
                leaves.append(param)
                params.append(param)
            values.append(conversion.instantiate(builder, shape, iter(leaves)))
            slots.append(own)
        return Given(self, params, values, slots)


@dataclass(frozen=True)
class Given:
    """The arguments for one walk: parameters, values, and the leaves of each argument."""

    inputs: Inputs
    params: list[ir.Var]
    values: list[Value]
    slots: list[list[Slot]]

    def note_lengths(self, builder: Builder) -> None:
        """Ask for the lengths of all arrays once, so that they are known by their operands."""
        for param in self.params:
            if isinstance(param.type, Array):
                dims = arrays.array_dims(builder, param)
                arrays.note_lengths(builder, param, dims)

    def call(self, builder: Builder, function: Any, node: ast.AST | None) -> Value:
        """Call a function with the arguments."""
        positional, named = self.arguments()
        return builder.apply(StaticValue(function), positional, named, node)

    def arguments(self) -> tuple[list[Value], dict[str, Value]]:
        """Return the positional and the keyword arguments."""
        positional: list[Value] = []
        named: dict[str, Value] = {}
        for each, value in zip(self.inputs.inputs, self.values, strict=True):
            if each.value is None:
                continue
            if each.keyword is None:
                positional.append(value)
            else:
                named[each.keyword] = value
        return positional, named


def _hashable(shape: Template) -> Any:
    try:
        hash(shape)
    except TypeError:
        return repr(shape)
    return shape


def _is_fixed(builder: Builder, operand: ir.Operand) -> bool:
    if isinstance(operand, ir.Const | ir.Undefined):
        return True
    return is_integer(operand.type) and builder.live.is_lifted(operand)


def _matched(
    builder: Builder,
    rule: UserRule,
    args: list[Value],
    kwargs: dict[str, Value],
    node: ast.AST | None,
) -> list[Input]:
    signature = None if rule.forward is None else _signature(rule.forward)
    if signature is None:
        plain = [Input(f"x{position}", value) for position, value in enumerate(args)]
        named = [Input(name, value, name, is_answered=False) for name, value in kwargs.items()]
        return plain + named
    try:
        bound = signature.bind(*args, **kwargs).arguments
    except TypeError as failure:
        builder.error(node, f"the rule of `{rule.title}` does not fit the call: {failure}.")
    found: list[Input] = []
    for name, parameter in signature.parameters.items():
        match parameter.kind:
            case parameter.VAR_POSITIONAL:
                found += [Input(name, value) for value in bound.get(name, ())]
            case parameter.VAR_KEYWORD:
                found += [
                    Input(key, value, key, is_answered=False)
                    for key, value in bound.get(name, {}).items()
                ]
            case parameter.KEYWORD_ONLY:
                if name in bound:
                    found.append(Input(name, bound[name], name, is_answered=False))
            case _:
                is_after_gap = any(each.value is None for each in found)
                keyword = name if is_after_gap and name in bound else None
                found.append(Input(name, bound.get(name), keyword))
    return found


def _signature(function: Any) -> inspect.Signature | None:
    callee = resolve_callable(function)
    if callee.kind is Kind.PYTHON and not callee.args and not callee.kwargs:
        return inspect.signature(callee.function)
    return None
