"""Methods of ufuncs: ``reduce``, ``accumulate``, ``outer`` and ``at``."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from numbad.frontend.arrays import operations
from numbad.frontend.arrays.access import positions, selection, variable_of
from numbad.frontend.arrays.convert import to_array, to_lazy
from numbad.frontend.arrays.dims import check_fits
from numbad.frontend.arrays.extrema import max_, min_
from numbad.frontend.arrays.lazy import element, nest, of_array, settle_lazy, settle_pending
from numbad.frontend.arrays.reductions import all_, any_, prod, sum_
from numbad.frontend.arrays.registry import Handler, handles
from numbad.frontend.arrays.scans import HANDLERS_OF_SCANS
from numbad.frontend.arrays.signature import bind, is_given
from numbad.frontend.arrays.subscripts import FULL, Item, parse
from numbad.frontend.arrays.support import ZERO, Index, Node, Operands, value_of
from numbad.frontend.arrays.views import subview
from numbad.frontend.values import Value
from numbad.ir import nodes as ir
from numbad.ir.types import Array, Scalar

if TYPE_CHECKING:
    from numbad.frontend.builder import Builder

_REDUCTIONS: dict[np.ufunc, tuple[str, Handler]] = {
    np.add: ("sum", sum_),
    np.multiply: ("prod", prod),
    np.maximum: ("max", max_),
    np.minimum: ("min", min_),
    np.logical_and: ("all", all_),
    np.logical_or: ("any", any_),
}
_SCANS = {np.add: "cumsum", np.multiply: "cumprod"}


def _along_first_axis(name: str, handler: Handler, parameters: str) -> Handler:
    def reduce(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
        bound = bind(builder, name, parameters, args, kwargs, node)
        given = dict(zip(parameters.split(), bound, strict=True))
        array = given.pop("array")
        if "axis" not in kwargs and len(args) < 2:
            given["axis"] = builder.number(0)
        named = {key: value for key, value in given.items() if key == "axis" or is_given(value)}
        return handler(builder, [array], named, node)

    return reduce


for _ufunc, (_name, _handler) in _REDUCTIONS.items():
    _parameters = "array axis dtype out keepdims" if _name in ("sum", "prod") else "array axis"
    handles(_ufunc.reduce)(_along_first_axis(_name, _handler, _parameters))
for _ufunc, _name in _SCANS.items():
    handles(_ufunc.accumulate)(
        _along_first_axis(_name, HANDLERS_OF_SCANS[_name], "array axis dtype")
    )


def _outer(ufunc: np.ufunc) -> Handler:
    def outer(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
        a, b = bind(builder, f"{ufunc.__name__}.outer", "A B", args, kwargs, node, 2)
        left, right = to_array(builder, a, node), to_array(builder, b, node)
        assert isinstance(left.type, Array)
        assert isinstance(right.type, Array)
        items: list[Item] = [*[FULL] * left.type.ndim, *[ir.NewAxis()] * right.type.ndim]
        column = value_of(subview(builder, left, items, node))
        return operations.apply(builder, ufunc, [column, value_of(right)], node)

    return outer


def _at(ufunc: np.ufunc, fn: Callable[..., Any]) -> Handler:
    """Handler of ``ufunc.at``: every place counts as often as it is given."""

    def at(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
        name = f"{ufunc.__name__}.at"
        a, indices, values = bind(builder, name, "a indices b", args, kwargs, node, 3)
        array = variable_of(builder, a)
        subscript = parse(builder, array, indices, node)
        value = to_lazy(builder, values, node)
        if value.dims:
            value = of_array(builder, settle_lazy(builder, value))
        settle_pending(builder)

        def update(target: ir.Var, place: Index, item: ir.Operand) -> None:
            assert isinstance(target.type, Array)
            assert isinstance(target.type.dtype, Scalar)
            old = builder.load(target, *place)
            new = operations.on_elements(builder, fn, (old, item), target.type.dtype)
            builder.store(target, place, new)

        if subscript.is_element:
            update(array, positions(subscript), element(builder, value, ()))
            return builder.static(None)
        chosen = selection(builder, array, subscript, node, written=True)
        how = check_fits(builder, value.dims, chosen.dims)
        leading = (ZERO,) * max(len(value.dims) - len(chosen.dims), 0)

        def body(index: Index, carried: Operands) -> Operands:
            own = (*leading, *how.index(builder, index))
            update(chosen.view, chosen.place(index), element(builder, value, own))
            return carried

        nest(builder, chosen.dims, body)
        return builder.static(None)

    return at


for _ufunc in (np.add, np.subtract, np.multiply, np.divide, np.maximum, np.minimum, np.power):
    handles(_ufunc.outer)(_outer(_ufunc))
for _ufunc, _fn in (
    (np.add, operator.add),
    (np.subtract, operator.sub),
    (np.multiply, operator.mul),
    (np.divide, operator.truediv),
    (np.maximum, np.maximum),
    (np.minimum, np.minimum),
):
    handles(_ufunc.at)(_at(_ufunc, _fn))
