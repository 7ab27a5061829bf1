"""Generators consumed in place: the consumer's body is walked wherever the generator yields."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from numbad.frontend import bindings, comprehensions
from numbad.frontend.state import Code, Frame
from numbad.frontend.values import NONE, GeneratorValue, Value

if TYPE_CHECKING:
    from numbad.frontend.builder import Builder


@dataclass(frozen=True, slots=True)
class Consumer:
    """Who takes the items of the generator being walked, and the context it runs in."""

    body: Callable[[Value], None]
    frame: Frame | None
    node: ast.AST | None
    site: tuple[object, ...]
    outer: Consumer | None


def run(
    builder: Builder,
    generator: GeneratorValue,
    body: Callable[[Value], None],
    node: ast.AST | None,
) -> None:
    """Run a generator to its end, giving each item to ``body``."""
    if not isinstance(generator.source, Code):
        comprehensions.run_generator(builder, generator, body)
        return
    bindings.consume(builder, generator.frame, node)
    outer = (builder.frame, builder.node, builder.site, builder.block.origin)
    consumer = Consumer(body, builder.frame, builder.node, builder.site, builder.consumer)
    builder.frame = builder.frames[generator.frame]
    builder.consumer = consumer
    builder.site = (*builder.site, id(node))
    from numbad.frontend.functions import body_value

    try:
        body_value(builder, generator.source)
    finally:
        builder.frame, builder.node, builder.site = outer[:3]
        builder.block.origin = outer[3]
        builder.consumer = consumer.outer
    builder.state.frames.pop(generator.frame, None)


def yield_(builder: Builder, value_node: ast.expr | None, node: ast.AST) -> Value:
    """Walk ``yield value``: the consumer's body with the value."""
    value = NONE if value_node is None else builder.evaluate(value_node)
    give(builder, bindings.settled(builder, value), node)
    return NONE


def give(builder: Builder, value: Value, node: ast.AST) -> None:
    """Give an item to the consumer of the generator being walked."""
    consumer = builder.consumer
    if consumer is None:
        builder.error(node, "`yield` is supported only in generators that a loop consumes.")
    inner = (builder.frame, builder.node, builder.site, builder.block.origin)
    builder.frame, builder.node, builder.site = consumer.frame, consumer.node, consumer.site
    builder.consumer = consumer.outer
    try:
        consumer.body(value)
    finally:
        builder.frame, builder.node, builder.site = inner[:3]
        builder.block.origin = inner[3]
        builder.consumer = consumer


def yield_from(builder: Builder, value_node: ast.expr, node: ast.AST) -> Value:
    """Walk ``yield from iterable``."""
    iterable = builder.evaluate(value_node)
    builder.iterate(iterable, lambda item: give(builder, item, node), node)
    return NONE
