"""Functions of the standard library on values: ``itertools``, ``copy``, dicts, sorting.

What ``itertools`` gives is a tuple where the items are known one by one, and a generator of this
module, walked like the user's own, elsewhere.
"""

from __future__ import annotations

import ast
import copy
import itertools
import operator
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from numbad.frontend import bindings, consumers, sorting, updates
from numbad.frontend.registry import Table
from numbad.frontend.sequences import items_of
from numbad.frontend.values import (
    DictObject,
    DynamicList,
    GeneratorValue,
    IteratorValue,
    ListObject,
    OperandValue,
    RangeValue,
    RecordObject,
    Ref,
    StaticValue,
    TupleValue,
    Value,
    is_array,
    is_scalar,
)
from numbad.ir import nodes as ir
from numbad.ir.types import INT64

if TYPE_CHECKING:
    from numbad.frontend.builder import Builder

Args = list[Value]
Kwargs = dict[str, Value]
Node = ast.AST | None

_TABLE = Table()
TABLE = _TABLE.entries


def sequence(builder: Builder, value: Value, node: Node) -> Value:
    """Return something of the same items that can be run over more than once."""
    items = items_of(builder, value)
    if items is not None:
        return TupleValue(items)
    is_object = isinstance(value, Ref) and isinstance(builder.state.heap[value.id], RecordObject)
    if is_object or isinstance(value, IteratorValue | GeneratorValue):
        value = consumers.collect(builder, value, node)
    items = items_of(builder, value)
    return value if items is None else TupleValue(items)


# --- itertools ------------------------------------------------------------------------------------


def _from(function: Callable[..., Any], known: Callable[..., Any] | None = None) -> Any:
    """Make the handler of an iterator class: by its Python form, or of items that are known."""

    def handler(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
        sources = [sequence(builder, arg, node) for arg in args]
        if known is not None and not kwargs:
            listed = [source.items for source in sources if isinstance(source, TupleValue)]
            if len(listed) == len(sources):
                made = (_whole(builder, each) for each in known(*listed))
                return TupleValue(tuple(made))
        return builder.inline(function, sources, kwargs, node)

    return handler


def _whole(builder: Builder, found: Any) -> Value:
    return TupleValue(found) if isinstance(found, tuple) else found


def _chain(*sources: Any) -> Any:
    for source in sources:
        yield from source


def _chain_all(sources: Any) -> Any:
    for source in sources:
        yield from source


def _product(*sources: Any) -> Any:
    if len(sources) == 0:
        yield ()
    else:
        for first in sources[0]:
            for rest in _product(*sources[1:]):
                yield (first, *rest)


def _starmap(function: Any, sources: Any) -> Any:
    for arguments in sources:
        yield function(*arguments)


def _takewhile(predicate: Any, source: Any) -> Any:
    for item in source:
        if not predicate(item):
            break
        yield item


def _dropwhile(predicate: Any, source: Any) -> Any:
    is_dropping = True
    for item in source:
        is_dropping = is_dropping and bool(predicate(item))
        if not is_dropping:
            yield item


def _filterfalse(predicate: Any, source: Any) -> Any:
    for item in source:
        if not predicate(item):
            yield item


def _compress(data: Any, selectors: Any) -> Any:
    for item, selector in zip(data, selectors):  # noqa: B905 - as itertools does
        if selector:
            yield item


def _pairwise(source: Any) -> Any:
    for i in range(len(source) - 1):
        yield source[i], source[i + 1]


def _accumulate(source: Any, func: Any = operator.add, *, initial: Any = None) -> Any:
    if initial is not None:
        total = initial
        yield total
        for item in source:
            total = func(total, item)
            yield total
    elif len(source) > 0:
        total = source[0]
        yield total
        for i in range(1, len(source)):
            total = func(total, source[i])
            yield total


for _class, _function, _known in (
    (itertools.chain, _chain, itertools.chain),
    (itertools.product, _product, itertools.product),
    (itertools.takewhile, _takewhile, None),
    (itertools.dropwhile, _dropwhile, None),
    (itertools.filterfalse, _filterfalse, None),
    (itertools.compress, _compress, None),
    (itertools.starmap, _starmap, None),
    (itertools.pairwise, _pairwise, itertools.pairwise),
):
    TABLE[_class] = _from(_function, _known)
TABLE[itertools.chain.from_iterable] = _from(_chain_all)


@_TABLE.handles(itertools.accumulate)
def _running(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    source = sequence(builder, args[0], node)
    if not isinstance(source, TupleValue):
        return builder.inline(_accumulate, [source, *args[1:]], kwargs, node)
    function = args[1] if len(args) > 1 else kwargs.get("func", StaticValue(operator.add))
    totals = [kwargs["initial"]] if "initial" in kwargs else []
    for item in source.items:
        totals.append(builder.apply(function, [totals[-1], item], {}, node) if totals else item)
    return TupleValue(tuple(totals))


def _listed(builder: Builder, name: str, value: Value, node: Node) -> tuple[Value, ...]:
    """Return the items of a source, of which there must be a known number."""
    if isinstance(value, RangeValue) and builder.is_static(value):
        return tuple(builder.number(k) for k in builder.as_static(value, "A range"))
    items = items_of(builder, sequence(builder, value, node))
    if items is None:
        builder.error(
            node,
            f"`{name}` is supported with sequences of known length only.",
            "How many items there are is known only at run time.",
            "Write the loops out.",
        )
    return items


def _tuples(builder: Builder, found: Any) -> Value:
    return TupleValue(tuple(TupleValue(tuple(each)) for each in found))


def _subsets(function: Any) -> Any:
    def handler(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
        source, *rest = [*args, *kwargs.values()]
        items = _listed(builder, function.__name__, source, node)
        sizes = [builder.as_static(each, "The number of items") for each in rest]
        return _tuples(builder, function(items, *sizes))

    return handler


for _chooser in (
    itertools.combinations,
    itertools.permutations,
    itertools.combinations_with_replacement,
):
    TABLE[_chooser] = _subsets(_chooser)

_repeated_product = TABLE[itertools.product]


@_TABLE.handles(itertools.product)
def _products(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    times = int(builder.as_static(kwargs.pop("repeat", builder.number(1)), "`repeat`"))
    sources = [sequence(builder, arg, node) for arg in args]
    return _repeated_product(builder, sources * times, kwargs, node)


@_TABLE.handles(itertools.zip_longest)
def _zip_longest(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    fill = kwargs.get("fillvalue", StaticValue(None))
    sources = [_listed(builder, "zip_longest", arg, node) for arg in args]
    return _tuples(builder, itertools.zip_longest(*sources, fillvalue=fill))


@_TABLE.handles(itertools.islice)
def _islice(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    source = sequence(builder, args[0], node)
    bounds = builder.apply(StaticValue(slice), args[1:], {}, node)
    if isinstance(source, RangeValue):
        source = consumers.collect(builder, source, node)
    return builder.getitem(source, bounds, node)


@_TABLE.handles(itertools.repeat)
def _repeat(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    item, *rest = [*args, *kwargs.values()]
    if not rest:
        builder.error(node, "`repeat` without a number of times never ends.")
    return builder.binary(operator.mul, TupleValue((bindings.settled(builder, item),)), rest[0])


@_TABLE.handles(itertools.count)
def _count(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    start = args[0] if args else kwargs.get("start", builder.number(0))
    step = args[1] if len(args) > 1 else kwargs.get("step", builder.number(1))
    known = builder.as_static(step, "The step")
    last = ir.Const(2**62 if known > 0 else -(2**62), INT64)
    return RangeValue(builder.as_index(start, node), last, builder.as_index(step, node))


# --- functools, sorting ---------------------------------------------------------------------------


def _reduced(function: Any, items: Any) -> Any:
    """``functools.reduce`` without a first value."""
    if len(items) == 0:
        raise TypeError("reduce() of empty iterable with no initial value")
    total = items[0]
    for i in range(1, len(items)):
        total = function(total, items[i])
    return total


def reduce_from_first(builder: Builder, function: Value, iterable: Value, node: Node) -> Value:
    """Walk ``functools.reduce(function, iterable)``."""
    source = sequence(builder, iterable, node)
    if not isinstance(source, TupleValue):
        return builder.inline(_reduced, [function, source], {}, node)
    if not source.items:
        builder.raise_now(TypeError, "reduce() of empty iterable with no initial value")
    total = source.items[0]
    for item in source.items[1:]:
        total = builder.apply(function, [total, item], {}, node)
    return total


_NETWORK = 8


def _ascending(items: Any, is_reversed: bool) -> Any:
    found = np.sort(np.array(items))
    return found[::-1] if is_reversed else found


def _order(keys: Any, is_reversed: bool) -> Any:
    values = np.array(keys)
    return np.argsort(-values if is_reversed else values, kind="mergesort")


def _picked(items: Any, order: Any) -> Any:
    return np.array(items)[order]


@_TABLE.handles(sorted)
def _sorted(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    return builder.new_list(()) if not args else sort(builder, args[0], kwargs, node)


def sort_options(builder: Builder, kwargs: Kwargs) -> tuple[Value | None, bool]:
    """Return the key function, if there is one, and whether the order is descending."""
    key = kwargs.get("key")
    if isinstance(key, StaticValue) and key.value is None:
        key = None
    reverse = kwargs.get("reverse", builder.number(False))
    return key, bool(builder.as_static(reverse, "`reverse`"))


def sort(builder: Builder, iterable: Value, kwargs: Kwargs, node: Node) -> Value:
    """Walk ``sorted(iterable, **kwargs)``: a network for a few items, NumPy for many numbers."""
    key, is_reversed = sort_options(builder, kwargs)
    source = sequence(builder, iterable, node)
    items = items_of(builder, source)
    if items is None and key is not None:
        copied = consumers.collect(builder, source, node)
        assert isinstance(copied, Ref)
        sorting.sort_in_place(builder, copied, key, is_reversed, node)
        return copied
    if items is None:
        found = builder.inline(_ascending, [source, builder.number(is_reversed)], {}, node)
        return consumers.collect(builder, found, node)
    keys = [item if key is None else builder.apply(key, [item], {}, node) for item in items]
    if all(map(builder.is_static, keys)):
        known = [builder.as_static(each) for each in keys]
        order = sorted(range(len(items)), key=known.__getitem__, reverse=is_reversed)
        return builder.new_list([items[position] for position in order])
    if len(items) <= _NETWORK:
        return builder.new_list(_networked(builder, items, keys, is_reversed, node))
    if not all(map(is_scalar, [*items, *keys])) or len({_type(item) for item in items}) > 1:
        builder.error(
            node,
            f"`sorted` of {len(items)} items that are not numbers of one type is not supported.",
            "",
            "Use `np.argsort` of an array of the keys.",
        )
    listed = builder.new_list(items)
    if key is not None:
        order_ = builder.inline(
            _order, [builder.new_list(keys), builder.number(is_reversed)], {}, node
        )
        found = builder.inline(_picked, [listed, order_], {}, node)
    else:
        found = builder.inline(_ascending, [listed, builder.number(is_reversed)], {}, node)
    return builder.new_list(
        [builder.getitem(found, builder.number(position), node) for position in range(len(items))]
    )


def _type(value: Value) -> Any:
    return value.operand.type if isinstance(value, OperandValue) else None


def _same(value: Value) -> Value:
    return value


def _networked(
    builder: Builder, items: tuple[Value, ...], keys: list[Value], is_reversed: bool, node: Node
) -> list[Value]:
    """Sort by exchanging neighbours, which keeps the order of what is equal."""
    compare = operator.gt if is_reversed else operator.lt
    pairs = [TupleValue((key, item)) for key, item in zip(keys, items, strict=True)]
    for end in range(len(pairs) - 1, 0, -1):
        for i in range(end):
            kept = TupleValue((pairs[i], pairs[i + 1]))
            swapped = TupleValue((pairs[i + 1], pairs[i]))
            swap = builder.binary(compare, pairs[i + 1].items[0], pairs[i].items[0], node)
            merged = builder.branch(
                builder.as_condition(swap, node), partial(_same, swapped), partial(_same, kept)
            )
            first, second = items_of(builder, merged) or ()
            assert isinstance(first, TupleValue)
            assert isinstance(second, TupleValue)
            pairs[i], pairs[i + 1] = first, second
    return [pair.items[1] for pair in pairs]


# --- copies ---------------------------------------------------------------------------------------


@_TABLE.handles(copy.copy)
def _copy(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    return _copied(builder, args[0], None, node)


@_TABLE.handles(copy.deepcopy)
def _deepcopy(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    if len(args) != 1 or kwargs:
        builder.error(node, "`deepcopy` with a memo is not supported.")
    return _copied(builder, args[0], {}, node)


def _copied(builder: Builder, value: Value, memo: dict[int, Ref] | None, node: Node) -> Value:
    """Return a copy; with a memo of the objects that are copied already, a deep one."""
    from numbad.frontend.operators import special_method

    own = special_method(builder, value, "__copy__" if memo is None else "__deepcopy__")
    if own is not None:
        given = [] if memo is None else [builder.new_object(DictObject((), ()))]
        return builder.apply(own, given, {}, node)
    updates.require_opening(value)
    if is_array(value):
        return builder.apply(builder.attribute(value, "copy", node), [], {}, node)
    match value:
        case TupleValue(items, cls) if memo is not None:
            return TupleValue(tuple(_copied(builder, item, memo, node) for item in items), cls)
        case Ref(id):
            contents = builder.state.heap[id]
            if isinstance(contents, DynamicList):
                return builder.apply(builder.attribute(value, "copy", node), [], {}, node)
            if memo is not None and id in memo:
                return memo[id]
            made = builder.new_object(contents)
            items = contents.items
            if memo is not None:
                memo[id] = made
                items = tuple(_copied(builder, item, memo, node) for item in items)
            builder.state.heap[made.id] = _with_items(contents, items)
            return made
        case _:
            return value


def _with_items(
    contents: ListObject | DictObject | RecordObject, items: tuple[Value, ...]
) -> ListObject | DictObject | RecordObject:
    match contents:
        case ListObject():
            return ListObject(items)
        case DictObject():
            return replace(contents, items=items, shared=False)
        case RecordObject(cls, names):
            return RecordObject(cls, names, items)


@_TABLE.handles(OrderedDict)
def _ordered_dict(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    return _dict_of(builder, OrderedDict, None, args, kwargs, node)


@_TABLE.handles(defaultdict)
def _default_dict(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    factory = builder.as_static(args[0], "The factory of a defaultdict") if args else None
    return _dict_of(builder, defaultdict, factory, args[1:], kwargs, node)


def _dict_of(
    builder: Builder, cls: type, factory: Any, args: Args, kwargs: Kwargs, node: Node
) -> Value:
    made = builder.apply(StaticValue(dict), args, kwargs, node)
    assert isinstance(made, Ref)
    contents = builder.state.heap[made.id]
    assert isinstance(contents, DictObject)
    builder.state.heap[made.id] = replace(contents, cls=cls, factory=factory)
    return made


@_TABLE.handles(vars)
def _vars(builder: Builder, args: Args, kwargs: Kwargs, node: Node) -> Value:
    if len(args) != 1:
        builder.error(node, "`vars` without an object is not supported.")
    return builder.attribute(args[0], "__dict__", node)
