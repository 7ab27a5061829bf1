"""``pullback`` and ``pushforward`` inside differentiated code.

What they return is a function of the front end. It works on copies of the arguments as they were,
so that it may be called again and is not affected by what the program does to them later; each call
runs the function again, as part of one joint sweep.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from numbad.frontend import bindings
from numbad.frontend.builder import Builder
from numbad.frontend.templates import Joined
from numbad.frontend.values import NONE, StaticValue, TupleValue, Value
from numbad.ir import nodes as ir
from numbad.ir.types import Array, is_memory, tangent_type
from numbad.nesting.functions import (
    Walked,
    leaf_positions,
    operands_of,
    positions,
    rebuilt,
    splice,
    walk,
)
from numbad.transform import arith
from numbad.transform.effects import is_repeatable
from numbad.transform.reverse import Reversed, joint, reverse

if TYPE_CHECKING:
    from numbad.nesting.verbs import Nesting


@dataclass(frozen=True)
class PullbackVerbs:
    """Handlers of the two verbs."""

    nesting: Nesting

    def pullback(
        self, builder: Builder, args: list[Value], kwargs: dict[str, Value], node: ast.AST | None
    ) -> Value:
        """``pullback(f, *xs, wrt=..., zeros=...)``: the value, and a function of its cotangent."""
        function, *xs = args
        options = {name: builder.as_static(value) for name, value in kwargs.items()}
        zeros = bool(options.pop("zeros", False))
        options.pop("engine", None)
        chosen = positions(options.pop("wrt", None), len(xs), builder, node)
        if options:
            builder.error(node, f"`pullback` has no option {', '.join(options)} here.")
        kept = _copied(builder, xs)
        walked = walk(builder, function, kept, node)
        self._check_repeatable(builder, walked, node)
        actual = _copied_operands(builder, walked.actual, behind=len(_operands(builder, kept)))
        program = ir.Program(walked.function, dict(builder.callees))
        wrt = leaf_positions(builder, kept, chosen)
        reversed_ = reverse(program, wrt, self.nesting.derivatives)
        y = builder.apply(function, xs, {}, node)
        walked = replace(walked, actual=actual)
        back = Back(self.nesting, walked, reversed_, tuple(kept), wrt, zeros)
        return TupleValue((y, StaticValue(back)))

    def pushforward(
        self, builder: Builder, args: list[Value], kwargs: dict[str, Value], node: ast.AST | None
    ) -> Value:
        """``pushforward(f, *xs)``: a function of tangents."""
        function, *xs = args
        if kwargs:
            builder.error(node, f"`pushforward` has no option {', '.join(kwargs)} here.")
        return StaticValue(Push(self.nesting, function, tuple(_copied(builder, xs))))

    def _check_repeatable(self, builder: Builder, walked: Walked, node: ast.AST | None) -> None:
        program = ir.Program(walked.function, dict(builder.callees))
        if not is_repeatable(program, self.nesting.derivatives):
            builder.error(
                node,
                "`pullback` of this function would print or draw random numbers again.",
                remedy="Draw the numbers outside, or use `gradient`, which runs it once.",
            )


@dataclass(frozen=True, eq=False)
class Back:
    """The second item of a pullback."""

    nesting: Nesting
    walked: Walked
    reversed_: Reversed
    xs: tuple[Value, ...]
    wrt: tuple[int, ...]
    zeros: bool

    def call(
        self, builder: Builder, args: list[Value], kwargs: dict[str, Value], node: ast.AST | None
    ) -> Value:
        """Return the cotangents of the arguments."""
        if len(args) != 1 or kwargs:
            builder.error(node, "a pullback takes one cotangent.")
        results = self.walked.function.results
        given: list[Value] = [NONE] * len(results)
        if isinstance(self.walked.result, Joined):
            builder.error(node, "the result of the function differs between its paths.")
        if args[0] != NONE:
            given = _parts(builder, args[0], self.walked.result)
        seeds: list[ir.Operand] = []
        for seed, value in zip(self.reversed_.seeds, given, strict=True):
            if seed is None:
                continue
            if value == NONE:
                if is_memory(seed.type):
                    builder.error(node, "the cotangent of an array is None here.")
                seeds.append(arith.zero(seed.type))
                continue
            operand = builder.as_operand(value)
            seeds.append(operand if is_memory(seed.type) else builder.cast(operand, seed.type))
        made = joint(self.reversed_, "inner_pullback")
        actual = _copied_operands(builder, self.walked.actual)
        found = splice(builder, made, (*actual, *seeds))
        cotangents = iter(found[len(results) :])
        every = tuple(range(len(results)))
        by_leaf = self.nesting.by_leaf(self.reversed_, self.wrt, every, cotangents)
        entries: list[Value] = []
        number = 0
        for x in self.xs:
            entry, number = self.nesting.entry(builder, x, number, by_leaf, self.zeros)
            entries.append(entry)
        return TupleValue(tuple(entries))


@dataclass(frozen=True, eq=False)
class Push:
    """What ``pushforward`` returns."""

    nesting: Nesting
    function: Value
    xs: tuple[Value, ...]

    def call(
        self, builder: Builder, args: list[Value], kwargs: dict[str, Value], node: ast.AST | None
    ) -> Value:
        """Return the tangent of the result."""
        if len(args) != len(self.xs) or kwargs:
            builder.error(node, f"{len(self.xs)} tangents are needed, {len(args)} were given.")
        xs = _copied(builder, list(self.xs))
        found = self.nesting.along(builder, self.function, xs, list(args), node)
        return found.items[1]


def _parts(builder: Builder, value: Value, like: Value) -> list[Value]:
    """Return one entry per run-time part of ``like``; None stands for all parts below it."""
    items = None if isinstance(like, StaticValue) else builder.as_sequence(like)
    if isinstance(like, StaticValue):
        return []
    if items is None:
        return [value]
    if value == NONE:
        return [NONE] * len(_operands(builder, [like]))
    given = builder.as_sequence(value)
    if given is None or len(given) != len(items):
        builder.error(None, "the cotangent has another structure than the result.")
    return [
        part
        for item, each in zip(items, given, strict=True)
        for part in _parts(builder, bindings.settled(builder, each), item)
    ]


def _operands(builder: Builder, values: list[Value]) -> list[ir.Operand]:
    return [operand for value in values for operand in operands_of(builder, value)]


def _copied(builder: Builder, values: list[Value]) -> list[Value]:
    """Return the values with their arrays copied."""
    return [
        rebuilt(builder, value, list(_copied_operands(builder, tuple(operands_of(builder, value)))))
        for value in values
    ]


def _copied_operands(
    builder: Builder, operands: tuple[ir.Operand, ...], behind: int = 0
) -> tuple[ir.Operand, ...]:
    """Return the operands, from position ``behind`` on with arrays copied."""
    found = []
    for position, operand in enumerate(operands):
        type_ = operand.type
        if position < behind or not isinstance(type_, Array) or tangent_type(type_) is None:
            found.append(operand)
            continue
        layout = "F" if type_.layout == "F" else "C"
        new_type = replace(type_, layout=layout, readonly=False)
        made: ir.Operand = builder.let(new_type, ir.Call(np.copy, (operand,)))
        if new_type != type_:
            made = builder.let(replace(type_, readonly=False), ir.Cast(made))
        found.append(made)
    return tuple(found)
