"""Methods of lists, dicts, tuples, strings and numbers."""

from __future__ import annotations

import ast
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from numbad.frontend import bindings, list_functions, operators, sorting, updates
from numbad.frontend.sequences import describe, items_of, sentence
from numbad.frontend.values import (
    NONE,
    DictObject,
    DictView,
    DynamicList,
    ListObject,
    OperandValue,
    Ref,
    StaticValue,
    TupleValue,
    Value,
    is_array,
    is_scalar,
)
from numbad.ir import nodes as ir
from numbad.ir.types import INT64, List, is_complex

if TYPE_CHECKING:
    from numbad.frontend.builder import Builder

Method = Callable[["Builder", Ref, list[Value], ast.AST | None], Value]


def call(
    builder: Builder,
    receiver: Value,
    name: str,
    args: list[Value],
    kwargs: dict[str, Value],
    node: ast.AST | None,
) -> Value:
    """Call a builtin method."""
    if is_array(receiver):
        from numbad.frontend import arrays

        return arrays.method(builder, receiver, name, args, kwargs, node)
    if is_scalar(receiver):
        return _of_number(builder, receiver, name, args, node)
    if isinstance(receiver, TupleValue):
        return _of_tuple(builder, receiver, name, args, kwargs, node)
    pairs = mapping_items(builder, receiver)
    if pairs is not None:
        return _of_dict(builder, receiver, pairs, name, args, kwargs, node)
    if isinstance(receiver, Ref) and operators.is_list(builder, receiver):
        if name == "sort" and not args:
            return _sort(builder, receiver, kwargs, node)
        method = _LIST_METHODS.get(name)
        if method is not None and not kwargs:
            return method(builder, receiver, args, node)
    if isinstance(receiver, OperandValue) and isinstance(receiver.type, List):
        ref = builder.new_object(DynamicList(receiver.operand))
        method = _LIST_METHODS.get(name)
        if method is not None and not kwargs:
            return method(builder, ref, args, node)
    if isinstance(receiver, StaticValue):
        if name in ("index", "count", "copy") and isinstance(receiver.value, list):
            copy = builder.new_list(items_of(builder, receiver) or ())
            return call(builder, copy, name, args, kwargs, node)
        if name in _CHANGING:
            updates.require_opening(receiver)
        builder.error(
            node,
            f"The method `{name}` of {describe(builder, receiver)} is called.",
            "It is not a method that compiled code knows.",
        )
    builder.error(
        node, sentence(f"the method `{name}` of {describe(builder, receiver)} is not supported.")
    )


# --- numbers ------------------------------------------------------------------------------------


def _of_number(
    builder: Builder, receiver: Value, name: str, args: list[Value], node: ast.AST | None
) -> Value:
    operand = builder.as_operand(receiver)
    match name:
        case "conjugate" | "conj":
            if not is_complex(operand.type):
                return receiver
            return OperandValue(builder.call(np.conj, operand))
        case "item" | "copy" | "sum":
            return receiver
        case "astype" if len(args) == 1:
            from numbad.frontend.builtins_numbers import convert

            return convert(builder, builder.as_static(args[0], "The type"), [receiver], node)
        case _:
            builder.error(node, f"The method `{name}` of a number is not supported.")


# --- tuples -------------------------------------------------------------------------------------


def _of_tuple(
    builder: Builder,
    receiver: TupleValue,
    name: str,
    args: list[Value],
    kwargs: dict[str, Value],
    node: ast.AST | None,
) -> Value:
    fields: tuple[str, ...] = getattr(receiver.cls, "_fields", ())
    match name:
        case "_replace":
            values = dict(zip(fields, receiver.items, strict=True))
            for key, value in kwargs.items():
                if key not in values:
                    builder.error(node, f"There is no field `{key}` to replace.")
                values[key] = bindings.settled(builder, value)
            return TupleValue(tuple(values.values()), receiver.cls)
        case "_asdict":
            return builder.new_object(DictObject(fields, receiver.items))
        case "index" | "count":
            return _search(builder, receiver.items, name, args[0], node)
        case _:
            builder.error(node, f"The method `{name}` of a tuple is not supported.")


def _search(
    builder: Builder, values: tuple[Value, ...], name: str, wanted: Value, node: ast.AST | None
) -> Value:
    import operator

    equal = [
        builder.as_condition(builder.binary(operator.eq, value, wanted, node)) for value in values
    ]
    if name == "count":
        total: ir.Operand = ir.Const(0, INT64)
        for each in equal:
            total = builder.call(operator.add, total, builder.cast(each, INT64))
        return OperandValue(total)
    if all(isinstance(each, ir.Const) for each in equal):
        for position, each in enumerate(equal):
            if isinstance(each, ir.Const) and each.value:
                return builder.number(position)
    builder.error(node, "The position of this item is known only at run time.")


# --- dicts --------------------------------------------------------------------------------------


def mapping_items(builder: Builder, value: Value) -> tuple[tuple[Any, Value], ...] | None:
    """Keys and values of a dict; None if the value is none."""
    match value:
        case Ref(id):
            contents = builder.state.heap[id]
            if isinstance(contents, DictObject):
                return tuple(zip(contents.keys, contents.items, strict=True))
        case StaticValue(found) if isinstance(found, dict):
            items_of(builder, value)
            return tuple((key, builder.live.item(value, key)) for key in found)
        case _:
            pass
    return None


def _view(receiver: Value, kind: str, items: tuple[Value, ...]) -> TupleValue:
    if isinstance(receiver, Ref):
        return DictView(items, None, receiver, kind)
    return TupleValue(items)


def _of_dict(
    builder: Builder,
    receiver: Value,
    pairs: tuple[tuple[Any, Value], ...],
    name: str,
    args: list[Value],
    kwargs: dict[str, Value],
    node: ast.AST | None,
) -> Value:
    if name in _CHANGING:
        updates.require_opening(receiver)
    match name, args:
        case "keys", []:
            return TupleValue(tuple(builder.static(key) for key, _ in pairs))
        case "values", []:
            values = tuple(value for _, value in pairs)
            return _view(receiver, name, values)
        case "items", []:
            return _view(
                receiver,
                name,
                tuple(TupleValue((builder.static(key), value)) for key, value in pairs),
            )
        case "copy", []:
            made = DictObject(tuple(key for key, _ in pairs), tuple(value for _, value in pairs))
            contents = builder.state.heap[receiver.id] if isinstance(receiver, Ref) else made
            return builder.new_object(
                replace(contents, shared=False) if isinstance(contents, DictObject) else made
            )
        case "popitem", _:
            is_last = bool(
                builder.as_static([*args, *kwargs.values(), builder.number(True)][0], "`last`")
            )
            if not pairs:
                builder.raise_now(KeyError, "popitem(): dictionary is empty")
            removed_key, item = pairs[-1 if is_last else 0]
            delete_item(builder, receiver, builder.static(removed_key), node)
            return TupleValue((builder.static(removed_key), item))
        case "move_to_end", [key, *rest] if _is_ordered(builder, receiver):
            is_last = bool(builder.as_static([*rest, *kwargs.values(), builder.number(True)][0]))
            _move(builder, receiver, builder.as_static(key, "A key of a dict"), is_last, node)
            return NONE
        case "get", [key, *rest]:
            wanted = builder.as_static(key, "A key of a dict")
            default = rest[0] if rest else NONE
            found: Value = dict(pairs).get(wanted, default)
            return found
        case "setdefault", [key, default]:
            wanted = builder.as_static(key, "A key of a dict")
            if wanted not in dict(pairs):
                builder.setitem(receiver, key, default, node)
            return builder.getitem(receiver, key, node)
        case "pop", [key, *rest]:
            wanted = builder.as_static(key, "A key of a dict")
            if wanted not in dict(pairs):
                if rest:
                    return rest[0]
                builder.raise_now(KeyError, str(wanted))
            removed: Value = dict(pairs)[wanted]
            delete_item(builder, receiver, key, node)
            return removed
        case "update", _:
            for arg in args:
                more = mapping_items(builder, arg)
                if more is None:
                    builder.error(node, "`update` is supported with dicts only.")
                for key_, value in more:
                    builder.setitem(receiver, builder.static(key_), value, node)
            for key_, value in kwargs.items():
                builder.setitem(receiver, StaticValue(key_), value, node)
            return NONE
        case _:
            builder.error(node, f"The method `{name}` of a dict is not supported.")


def _is_ordered(builder: Builder, receiver: Value) -> bool:
    contents = builder.state.heap[receiver.id] if isinstance(receiver, Ref) else None
    return isinstance(contents, DictObject) and contents.cls is OrderedDict


def _move(builder: Builder, receiver: Value, key: Any, is_last: bool, node: ast.AST | None) -> None:
    """Move an entry of a dict to its end, or to its beginning."""
    assert isinstance(receiver, Ref)
    builder.check_mutable(receiver, node)
    contents = builder.state.heap[receiver.id]
    assert isinstance(contents, DictObject)
    entries = dict(zip(contents.keys, contents.items, strict=True))
    if key not in entries:
        builder.raise_now(KeyError, str(key))
    moved = {key: entries.pop(key)}
    entries = {**entries, **moved} if is_last else {**moved, **entries}
    builder.state.heap[receiver.id] = replace(
        contents, keys=tuple(entries), items=tuple(entries.values())
    )


_CHANGING = frozenset(
    {
        "move_to_end",
        "popitem",
        "append",
        "pop",
        "extend",
        "insert",
        "clear",
        "reverse",
        "setdefault",
        "sort",
        "update",
    }
)


def delete_item(builder: Builder, owner: Value, index: Value, node: ast.AST | None) -> None:
    """Do ``del owner[index]``."""
    updates.require_opening(owner)
    if isinstance(owner, Ref):
        contents = builder.state.heap[owner.id]
        builder.check_mutable(owner, node)
        own = operators.special_method(builder, owner, "__delitem__")
        if own is not None:
            builder.apply(own, [index], {}, node)
            return
        if isinstance(contents, DictObject):
            key = builder.as_static(index, "A key of a dict")
            entries = dict(zip(contents.keys, contents.items, strict=True))
            if key not in entries:
                builder.raise_now(KeyError, str(key))
            del entries[key]
            builder.state.heap[owner.id] = replace(
                contents, keys=tuple(entries), items=tuple(entries.values())
            )
            return
        if isinstance(contents, ListObject):
            kept = list(contents.items)
            del kept[builder.as_static(index, "The index")]
            builder.state.heap[owner.id] = ListObject(tuple(kept))
            return
        if isinstance(contents, DynamicList) and is_scalar(index):
            builder.inline(list_functions.pop, [owner, index], node=node)
            return
    builder.error(node, sentence(f"items of {describe(builder, owner)} cannot be deleted."))


# --- lists --------------------------------------------------------------------------------------


def _items_to_change(builder: Builder, ref: Ref, node: ast.AST | None) -> list[Value] | None:
    """Items of a list of known length that may be changed; None for a list of the IR."""
    builder.check_mutable(ref, node)
    contents = builder.state.heap[ref.id]
    return list(contents.items) if isinstance(contents, ListObject) else None


def _dynamic(builder: Builder, ref: Ref) -> ir.Var:
    contents = builder.state.heap[ref.id]
    assert isinstance(contents, DynamicList) and isinstance(contents.operand, ir.Var)
    return contents.operand


def _set(builder: Builder, ref: Ref, values: list[Value]) -> None:
    builder.state.heap[ref.id] = ListObject(tuple(values))


def _append(builder: Builder, ref: Ref, args: list[Value], node: ast.AST | None) -> Value:
    item = bindings.settled(builder, args[0])
    values = _items_to_change(builder, ref, node)
    if values is not None:
        _set(builder, ref, [*values, item])
        return NONE
    array = _dynamic(builder, ref)
    assert isinstance(array.type, List)
    value = builder.cast(builder.as_operand(item, node), array.type.item)
    builder.write()
    builder.emit(ir.Append(array, value, builder.block.origin))
    return NONE


def _pop(builder: Builder, ref: Ref, args: list[Value], node: ast.AST | None) -> Value:
    values = _items_to_change(builder, ref, node)
    if values is not None:
        position = int(builder.as_static(args[0], "The index")) if args else -1
        try:
            item = values.pop(position)
        except IndexError:
            builder.raise_now(IndexError, "pop from empty list")
        _set(builder, ref, values)
        return item
    if args and not (builder.is_static(args[0]) and builder.as_static(args[0]) == -1):
        return builder.inline(list_functions.pop, [ref, args[0]], node=node)
    array = _dynamic(builder, ref)
    assert isinstance(array.type, List)
    builder.write()
    return OperandValue(builder.let(array.type.item, ir.Pop(array)))


def _extend(builder: Builder, ref: Ref, args: list[Value], node: ast.AST | None) -> Value:
    builder.iterate(args[0], lambda item: operators.append(builder, ref, item, node), node)
    return NONE


def _copy(builder: Builder, ref: Ref, args: list[Value], node: ast.AST | None) -> Value:
    contents = builder.state.heap[ref.id]
    if isinstance(contents, ListObject):
        return builder.new_list(contents.items)
    result = builder.new_list(())
    builder.iterate(ref, lambda item: operators.append(builder, result, item, node), node)
    return result


def _insert(builder: Builder, ref: Ref, args: list[Value], node: ast.AST | None) -> Value:
    values = _items_to_change(builder, ref, node)
    if values is None:
        return builder.inline(list_functions.insert, [ref, *args], node=node)
    values.insert(int(builder.as_static(args[0], "The index")), bindings.settled(builder, args[1]))
    _set(builder, ref, values)
    return NONE


def _clear(builder: Builder, ref: Ref, args: list[Value], node: ast.AST | None) -> Value:
    values = _items_to_change(builder, ref, node)
    if values is None:
        return builder.inline(list_functions.clear, [ref], node=node)
    _set(builder, ref, [])
    return NONE


def _reverse(builder: Builder, ref: Ref, args: list[Value], node: ast.AST | None) -> Value:
    values = _items_to_change(builder, ref, node)
    if values is None:
        return builder.inline(list_functions.reverse, [ref], node=node)
    _set(builder, ref, values[::-1])
    return NONE


def _sort(builder: Builder, ref: Ref, kwargs: dict[str, Value], node: ast.AST | None) -> Value:
    from numbad.frontend.builtins_library import sort, sort_options

    values = _items_to_change(builder, ref, node)
    if values is None:
        sorting.sort_in_place(builder, ref, *sort_options(builder, kwargs), node)
        return NONE
    _set(builder, ref, list(items_of(builder, sort(builder, ref, kwargs, node)) or ()))
    return NONE


def _index(builder: Builder, ref: Ref, args: list[Value], node: ast.AST | None) -> Value:
    values = items_of(builder, ref)
    if values is None:
        return builder.inline(list_functions.index, [ref, *args], node=node)
    return _search(builder, values, "index", args[0], node)


def _count(builder: Builder, ref: Ref, args: list[Value], node: ast.AST | None) -> Value:
    values = items_of(builder, ref)
    if values is None:
        return builder.inline(list_functions.count, [ref, *args], node=node)
    return _search(builder, values, "count", args[0], node)


_LIST_METHODS: dict[str, Method] = {
    "append": _append,
    "pop": _pop,
    "extend": _extend,
    "copy": _copy,
    "insert": _insert,
    "clear": _clear,
    "reverse": _reverse,
    "index": _index,
    "count": _count,
}
