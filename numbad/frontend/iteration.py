"""How an iterable is run over: by index, item by item, or by its own code.

``plan`` says for each iterable value which of these it is. Combinations (``zip``, ``enumerate``,
``reversed``, ``map``) are indexed if all their sources are, and listed if any of them is.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from numbad.frontend import bindings
from numbad.frontend.sequences import describe, items_of, length, range_length, sentence
from numbad.frontend.values import (
    NONE,
    DictObject,
    DictView,
    DynamicList,
    GeneratorValue,
    IteratorValue,
    ListObject,
    OperandValue,
    RangeValue,
    RecordObject,
    Ref,
    TupleValue,
    Value,
    is_array,
)
from numbad.ir import nodes as ir
from numbad.ir.types import INT64, Array, List, Tuple

if TYPE_CHECKING:
    import ast

    from numbad.frontend.builder import Builder

_ZERO = ir.Const(0, INT64)
_ONE = ir.Const(1, INT64)


@dataclass(frozen=True, slots=True)
class Listed:
    """Items known one by one; each is made when its turn comes."""

    items: tuple[Callable[[], Value], ...]


@dataclass(frozen=True, slots=True)
class Direct:
    """The integers of a range themselves."""

    start: ir.Operand
    stop: ir.Operand
    step: ir.Operand

    def at(self, index: ir.Operand) -> Value:
        """Return the item for a loop index."""
        return OperandValue(index)


@dataclass(frozen=True, slots=True)
class Indexed:
    """``count`` items; ``at`` makes the item at a position."""

    count: ir.Operand
    at: Callable[[ir.Operand], Value]


@dataclass(frozen=True, slots=True)
class Generated:
    """Items that code of its own produces, calling the consumer."""

    run: Callable[[Callable[[Value], None]], None]


Plan = Listed | Direct | Indexed | Generated


def plan(builder: Builder, iterable: Value, node: ast.AST | None) -> Plan:
    """Return how to run over an iterable."""
    items = items_of(builder, iterable)
    if isinstance(iterable, DictView):
        places = range(len(iterable.items))
        return Listed(tuple(functools.partial(_viewed, builder, iterable, i) for i in places))
    if items is not None:
        if isinstance(iterable, Ref) and isinstance(builder.state.heap[iterable.id], ListObject):
            # The body may put other items in their places.
            places = range(len(items))
            return Listed(tuple(functools.partial(_present, builder, iterable, i) for i in places))
        return Listed(tuple(map(_constantly, items)))
    match iterable:
        case RangeValue(start, stop, step):
            return Direct(start, stop, step)
        case OperandValue() if is_array(iterable):
            return _array(builder, iterable, node)
        case OperandValue(ir.Var(type=List())):
            return _list(builder, iterable, node)
        case OperandValue(operand) if isinstance(operand.type, Tuple):
            return Listed(
                tuple(
                    functools.partial(builder.getitem, iterable, builder.number(position))
                    for position in range(len(operand.type.items))
                )
            )
        case Ref(id) if isinstance(builder.state.heap[id], DynamicList):
            return _list(builder, iterable, node)
        case Ref(id) if isinstance(builder.state.heap[id], RecordObject):
            method = builder.attribute(iterable, "__iter__", node)
            source = builder.apply(method, (), {}, node)
            if isinstance(source, Ref) and isinstance(builder.state.heap[source.id], RecordObject):
                builder.error(
                    node,
                    f"An iterator with `__next__` is run: {describe(builder, source)}.",
                    "When it ends is known only at run time, by an exception.",
                    "Write `__iter__` as a generator.",
                )
            return plan(builder, source, node)
        case IteratorValue():
            return _iterator(builder, iterable, node)
        case GeneratorValue():
            from numbad.frontend import generators

            return Generated(lambda body: generators.run(builder, iterable, body, node))
        case _:
            builder.type_error(
                node, sentence(f"{describe(builder, iterable)} cannot be iterated over.")
            )


def _array(builder: Builder, value: OperandValue, node: ast.AST | None) -> Plan:
    array = value.operand
    assert isinstance(array, ir.Var) and isinstance(array.type, Array)
    if array.type.ndim == 0:
        builder.type_error(node, "An array without axes cannot be iterated over.")
    if array.type.ndim == 1:
        return Indexed(
            builder.shape(array, 0), lambda index: OperandValue(builder.load(array, index))
        )
    return Indexed(
        builder.shape(array, 0),
        lambda index: builder.getitem(OperandValue(array), OperandValue(index), node),
    )


def _list(builder: Builder, value: Value, node: ast.AST | None) -> Plan:
    return Indexed(
        length(builder, value, node),
        lambda index: builder.getitem(value, OperandValue(index), node),
    )


def _present(builder: Builder, ref: Ref, position: int) -> Value:
    contents = builder.state.heap[ref.id]
    if isinstance(contents, ListObject) and position < len(contents.items):
        return contents.items[position]
    return builder.getitem(ref, builder.number(position))


def _viewed(builder: Builder, view: DictView, position: int) -> Value:
    """An entry of a dict, as it is now."""
    contents = builder.state.heap.get(view.ref.id)
    if not isinstance(contents, DictObject) or position >= len(contents.items):
        return view.items[position]
    if view.kind == "values":
        return contents.items[position]
    return TupleValue((builder.static(contents.keys[position]), contents.items[position]))


def _constantly(value: Value) -> Callable[[], Value]:
    return lambda: value


def count_of(builder: Builder, source: Listed | Direct | Indexed) -> ir.Operand:
    """Return the number of items."""
    match source:
        case Listed(items):
            return ir.Const(len(items), INT64)
        case Direct(start, stop, step):
            return range_length(builder, start, stop, step)
        case Indexed(count):
            return count


def item_at(builder: Builder, source: Listed | Direct | Indexed, position: ir.Operand) -> Value:
    """Return the item at a position counted from 0."""
    match source:
        case Listed(items):
            assert isinstance(position, ir.Const)
            item: Value = items[position.value]()
            return item
        case Direct(start, _, step):
            offset = position if step == _ONE else builder.call(operator.mul, position, step)
            if start == _ZERO:
                return OperandValue(offset)
            return OperandValue(builder.call(operator.add, start, offset))
        case Indexed(_, at):
            return at(position)


def iterator(
    builder: Builder, kind: str, sources: tuple[Value, ...], function: Value | None = None
) -> IteratorValue:
    """Return a new iterator over other iterables."""
    token = builder.next_id()
    builder.state.frames[token] = {}
    return IteratorValue(kind, sources, function, token)


def _iterator(builder: Builder, iterable: IteratorValue, node: ast.AST | None) -> Plan:
    bindings.consume(builder, iterable.token, node)
    del builder.state.frames[iterable.token]
    plans = [plan(builder, source, node) for source in iterable.sources[: _sources(iterable)]]
    generated = [each for each in plans if isinstance(each, Generated)]
    if iterable.kind == "filter":
        return Generated(lambda body: _filter(builder, iterable, body, node))
    if generated:
        return _over_generator(builder, iterable, plans, node)
    sources = [each for each in plans if not isinstance(each, Generated)]
    match iterable.kind:
        case "enumerate":
            first = builder.as_operand(iterable.sources[1])
            combine = _enumerate(builder, sources[0], first)
        case "reversed":
            return _reversed(builder, sources[0])
        case "map":
            function = iterable.function
            assert function is not None

            def combine(position: ir.Operand) -> Value:
                arguments = [item_at(builder, source, position) for source in sources]
                return builder.apply(function, arguments, {}, node)
        case _:

            def combine(position: ir.Operand) -> Value:
                return TupleValue(tuple(item_at(builder, source, position) for source in sources))

    if iterable.kind == "zip_strict":
        _check_equal(builder, sources)
    return _combined(builder, sources, combine, node)


def _sources(iterable: IteratorValue) -> int:
    return 1 if iterable.kind == "enumerate" else len(iterable.sources)


def _enumerate(
    builder: Builder, source: Listed | Direct | Indexed, first: ir.Operand
) -> Callable[[ir.Operand], Value]:
    def combine(position: ir.Operand) -> Value:
        number = position if first == _ZERO else builder.call(operator.add, position, first)
        return TupleValue((OperandValue(number), item_at(builder, source, position)))

    return combine


def _combined(
    builder: Builder,
    sources: list[Listed | Direct | Indexed],
    combine: Callable[[ir.Operand], Value],
    node: ast.AST | None,
) -> Plan:
    counts = [count_of(builder, source) for source in sources]
    known = [count.value for count in counts if isinstance(count, ir.Const)]
    is_listed = any(isinstance(source, Listed) for source in sources)
    unknown = [count for count in counts if not isinstance(count, ir.Const)]
    if is_listed and unknown:
        for count in unknown:
            shorter = builder.call(operator.lt, count, ir.Const(min(known), INT64))
            # Unrolled loops have a fixed length.
            builder.raise_if(shorter, ValueError, "an array is shorter than the tuple beside it")
    if is_listed:
        return Listed(
            tuple(
                functools.partial(combine, ir.Const(position, INT64))
                for position in range(min(known))
            )
        )
    if not counts:
        return Listed(())
    length_: ir.Operand = counts[0]
    for other in counts[1:]:
        if other != length_:
            length_ = builder.call(min, length_, other)
    return Indexed(length_, combine)


def _check_equal(builder: Builder, sources: list[Listed | Direct | Indexed]) -> None:
    """Raise at run time if the sources of ``zip(..., strict=True)`` differ in length."""
    counts = [count_of(builder, source) for source in sources]
    for count in counts[1:]:
        if count != counts[0]:
            differs = builder.call(operator.ne, count, counts[0])
            builder.raise_if(differs, ValueError, "zip() arguments have different lengths")


def _reversed(builder: Builder, source: Listed | Direct | Indexed) -> Plan:
    match source:
        case Listed(items):
            return Listed(tuple(reversed(items)))
        case Direct(start, stop, step):
            if isinstance(step, ir.Const) and step.value == 1:
                one = _ONE
                return Direct(
                    builder.call(operator.sub, stop, one),
                    builder.call(operator.sub, start, one),
                    ir.Const(-1, INT64),
                )
            count = count_of(builder, source)
            last = builder.call(operator.sub, count, _ONE)
            final = builder.call(operator.add, start, builder.call(operator.mul, last, step))
            return Direct(
                final,
                builder.call(operator.sub, start, step),
                builder.call(operator.neg, step),
            )
        case Indexed(count, at):
            last = builder.call(operator.sub, count, _ONE)
            return Indexed(count, lambda index: at(builder.call(operator.sub, last, index)))


def _filter(
    builder: Builder,
    iterable: IteratorValue,
    body: Callable[[Value], None],
    node: ast.AST | None,
) -> None:
    def one(item: Value) -> None:
        function = iterable.function
        kept = item if function is None else builder.apply(function, [item], {}, node)
        condition = builder.as_condition(kept, node)

        def run() -> Value:
            body(item)
            return NONE

        builder.branch(condition, run, lambda: NONE)

    builder.iterate(iterable.sources[0], one, node)


def _over_generator(
    builder: Builder, iterable: IteratorValue, plans: list[Plan], node: ast.AST | None
) -> Plan:
    source = plans[0]
    if len(plans) != 1 or not isinstance(source, Generated) or iterable.kind == "reversed":
        builder.error(
            node,
            f"`{iterable.kind}` of a generator and something else is not supported.",
            "A generator is run as one loop, in its own order.",
            "Make a list of it first.",
        )
    if iterable.kind == "map":
        function = iterable.function
        assert function is not None
        return Generated(
            lambda body: source.run(lambda item: body(builder.apply(function, [item], {}, node)))
        )

    def run(body: Callable[[Value], None]) -> None:
        counter = bindings.Accumulator(
            builder,
            iterable.sources[1] if iterable.kind == "enumerate" else builder.number(0),
        )

        def one(item: Value) -> None:
            number = counter.get()
            body(TupleValue((number, item) if iterable.kind == "enumerate" else (item,)))
            counter.set(builder.binary(operator.add, number, builder.number(1)))

        from numbad.frontend import loops

        with loops.ambient(builder, {(counter.frame, counter.name)}):
            source.run(one)
        counter.pop()

    return Generated(run)
