"""Elementwise functions of NumPy: ufuncs, ``where``, ``clip``, parts of complex numbers."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from numbad.frontend.arrays import operations
from numbad.frontend.arrays.access import variable_of
from numbad.frontend.arrays.assignment import assign, reads_as_it_writes
from numbad.frontend.arrays.convert import dtype_of, promote, to_array, to_lazy
from numbad.frontend.arrays.lazy import LazyValue
from numbad.frontend.arrays.operations import choose, combine, is_operand
from numbad.frontend.arrays.registry import HANDLERS, Handler, handles, method
from numbad.frontend.arrays.signature import bind, is_given
from numbad.frontend.arrays.subscripts import nonzero
from numbad.frontend.arrays.support import Node, number_of, truth, value_of
from numbad.frontend.arrays.views import component
from numbad.frontend.values import BoundMethod, OperandValue, StaticValue, TupleValue, Value
from numbad.ir import nodes as ir
from numbad.ir.types import Array, Scalar, is_complex, is_inexact, real_type

if TYPE_CHECKING:
    from numbad.frontend.builder import Builder


def _ufunc_handler(ufunc: np.ufunc) -> Handler:
    def handler(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
        out = kwargs.get("out")
        if len(args) > ufunc.nin:
            out, args = args[ufunc.nin], args[: ufunc.nin]
        if isinstance(out, TupleValue) and len(out.items) == 1:
            out = out.items[0]
        extra = [name for name in kwargs if name != "out"]
        if extra:
            builder.error(node, f"`np.{ufunc.__name__}` is not supported with `{extra[0]}=`.")
        if out is not None and is_given(out):
            target = variable_of(builder, out)
            in_order = reads_as_it_writes(builder, target, args, node)
            result = operations.apply(builder, ufunc, args, node)
            assign(builder, target, to_lazy(builder, result, node), in_order=in_order)
            return value_of(target)
        if not any(is_operand(builder, arg) for arg in args):
            return NotImplemented  # type: ignore[no-any-return]
        return operations.apply(builder, ufunc, args, node)

    return handler


def _register_ufuncs() -> None:
    # Submodules that NumPy loads on demand are in `dir`, but not in the namespace.
    for found in list(vars(np).values()):
        if isinstance(found, np.ufunc) and found.nout == 1 and found.signature is None:
            HANDLERS.setdefault(found, _ufunc_handler(found))


_register_ufuncs()


def elements_of(
    builder: Builder,
    args: list[Value],
    dtype: Scalar,
    fn: Callable[..., ir.Operand],
    node: Node,
    cost: int = 2,
) -> Value:
    """Return the expression whose elements are ``fn`` of the elements of the arguments."""
    parts = [to_lazy(builder, arg, node) for arg in args]
    ndim = max(len(part.dims) for part in parts)
    return combine(builder, parts, Array(dtype, ndim, _layout(parts)), fn, cost)


def _layout(parts: list[LazyValue]) -> str:
    with_axes = [part for part in parts if len(part.dims) > 1]
    return "F" if with_axes and all(part.type.layout == "F" for part in with_axes) else "C"


@handles(np.where)
def where(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.where`` of three arguments selects elements; of one, it finds places."""
    condition, x, y = bind(builder, "where", "condition x y", args, kwargs, node)
    if not is_given(x) and not is_given(y):
        found = nonzero(builder, to_array(builder, condition, node))
        return TupleValue(tuple(value_of(places) for places in found))
    if not any(is_operand(builder, value) for value in (condition, x, y)):
        test = builder.as_condition(condition, node)
        return value_of(_choose(builder, test, builder.as_scalar(x), builder.as_scalar(y)))
    dtype = promote([to_lazy(builder, value, node).dtype for value in (x, y)])
    if dtype is None:
        builder.type_error(node, "The two choices of `where` have no common type.")

    def one(test: ir.Operand, if_true: ir.Operand, if_false: ir.Operand) -> ir.Operand:
        if_true, if_false = builder.cast(if_true, dtype), builder.cast(if_false, dtype)
        return choose(builder, test, if_true, if_false)

    return elements_of(builder, [condition, x, y], dtype, one, node)


def _choose(
    builder: Builder, test: ir.Operand, if_true: ir.Operand, if_false: ir.Operand
) -> ir.Operand:
    dtype = promote([if_true.type, if_false.type])
    if dtype is None:
        builder.type_error(None, "The two choices of `where` have no common type.")
    return choose(builder, test, builder.cast(if_true, dtype), builder.cast(if_false, dtype))


@handles(np.clip)
@method("clip")
def clip(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.clip``: the minimum with the upper bound of the maximum with the lower bound."""
    parameters = "a a_min a_max out min max"
    a, low, high, out, low2, high2 = bind(builder, "clip", parameters, args, kwargs, node)
    low = low if is_given(low) else low2
    high = high if is_given(high) else high2
    result = a
    for fn, bound in ((np.maximum, low), (np.minimum, high)):
        if is_given(bound):
            result = _elementwise(builder, fn, [result, bound], node)
    if is_given(out):
        target = variable_of(builder, out)
        assign(builder, target, to_lazy(builder, result, node))
        return value_of(target)
    return result


def _elementwise(builder: Builder, fn: Callable[..., Any], args: list[Value], node: Node) -> Value:
    if any(is_operand(builder, arg) for arg in args):
        return operations.apply(builder, fn, args, node)
    return value_of(builder.call(fn, *(builder.as_scalar(arg, node) for arg in args)))


@handles(np.real)
def real(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.real``: shares memory with an array."""
    return _part(builder, np.real, args[0], node)


@handles(np.imag)
def imag(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.imag``: shares memory with a complex array."""
    return _part(builder, np.imag, args[0], node)


def _part(builder: Builder, fn: Callable[..., Any], value: Value, node: Node) -> Value:
    if not is_operand(builder, value):
        return NotImplemented  # type: ignore[no-any-return]
    dtype = to_lazy(builder, value, node).dtype
    if not is_complex(dtype):
        if fn is np.real:
            return value
        zero = builder.cast(builder.constant(0), dtype)
        return elements_of(builder, [value], dtype, lambda item: zero, node)
    part = real_type(dtype)
    lazy = elements_of(builder, [value], part, lambda item: builder.call(fn, item, type=part), node)
    whole = to_lazy(builder, value, node).stored
    if whole is not None:
        assert isinstance(lazy, LazyValue)
        name = "real" if fn is np.real else "imag"
        assert isinstance(whole.type, Array)
        lazy.array_type = Array(part, whole.type.ndim, "A", whole.type.readonly)
        lazy.view = lambda: component(builder, whole, name)
    return lazy


@handles(np.angle)
def angle(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.angle`` in radians."""
    z, deg = bind(builder, "angle", "z deg", args, kwargs, node)
    turned = bool(is_given(deg) and builder.as_static(deg, "`deg`"))
    dtype = to_lazy(builder, z, node).dtype
    result = real_type(dtype) if is_inexact(dtype) else Scalar("float64")

    def one(item: ir.Operand) -> ir.Operand:
        if is_complex(dtype):
            parts = [builder.call(fn, item, type=result) for fn in (np.imag, np.real)]
        else:
            item = builder.cast(item, result)
            parts = [builder.cast(builder.constant(0.0), result), item]
        found = builder.call(np.arctan2, *parts, type=result)
        return builder.call(np.degrees, found) if turned else found

    return elements_of(builder, [z], result, one, node, 5)


@method("conj", "conjugate")
def conj(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``a.conj()``."""
    return _elementwise(builder, np.conjugate, args, node)


def _rounding(name: str) -> Handler:
    def handler(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
        a, decimals, out = bind(builder, name, "a decimals out", args, kwargs, node)
        digits = int(builder.as_static(decimals, "`decimals`")) if is_given(decimals) else 0
        dtype = to_lazy(builder, a, node).dtype

        def one(item: ir.Operand) -> ir.Operand:
            if not is_inexact(dtype):
                return item
            if digits == 0 and not is_complex(dtype):
                return builder.cast(builder.call(np.rint, item), dtype)
            return builder.cast(builder.call(np.round, item, builder.constant(digits)), dtype)

        result = elements_of(builder, [a], dtype, one, node)
        if is_given(out):
            target = variable_of(builder, out)
            assign(builder, target, to_lazy(builder, result, node))
            return value_of(target)
        return result

    return handler


HANDLERS[np.round] = HANDLERS[np.around] = _rounding("round")
method("round")(_rounding("round"))


@handles(np.nan_to_num)
def nan_to_num(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.nan_to_num``."""
    parameters = "x copy nan posinf neginf"
    x, copy, nan, posinf, neginf = bind(builder, "nan_to_num", parameters, args, kwargs, node)
    if is_given(copy) and not builder.as_static(copy, "`copy`"):
        builder.error(node, "`np.nan_to_num` is supported only with `copy=True`.")
    dtype = to_lazy(builder, x, node).dtype
    if is_complex(dtype):
        builder.error(node, "`np.nan_to_num` is supported for real numbers only.")
    if not is_inexact(dtype):
        return x
    limits = np.finfo(dtype.name)

    def given(value: Value, default: float) -> ir.Operand:
        found = builder.as_scalar(value, node) if is_given(value) else builder.constant(default)
        return builder.cast(found, dtype)

    for_nan = given(nan, 0.0)
    high, low = given(posinf, float(limits.max)), given(neginf, float(limits.min))

    def one(item: ir.Operand) -> ir.Operand:
        infinity = builder.cast(builder.constant(float("inf")), dtype)
        minus = builder.cast(builder.constant(float("-inf")), dtype)
        result = choose(builder, builder.call(operator.eq, item, infinity), high, item)
        result = choose(builder, builder.call(operator.eq, item, minus), low, result)
        return choose(builder, builder.call(operator.ne, item, item), for_nan, result)

    return elements_of(builder, [x], dtype, one, node, 3)


@handles(np.heaviside)
def heaviside(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.heaviside``: 0 for negative numbers, 1 for positive ones, the second argument at 0."""
    x, at_zero = bind(builder, "heaviside", "x1 x2", args, kwargs, node, 2)
    found = promote([to_lazy(builder, value, node).dtype for value in (x, at_zero)])
    dtype = found if found is not None and is_inexact(found) else Scalar("float64")

    def one(item: ir.Operand, middle: ir.Operand) -> ir.Operand:
        item, middle = builder.cast(item, dtype), builder.cast(middle, dtype)
        zero, unit = number_of(dtype, 0), number_of(dtype, 1)
        result = choose(builder, builder.call(operator.lt, item, zero), zero, item)
        result = choose(builder, builder.call(operator.gt, item, zero), unit, result)
        return choose(builder, builder.call(operator.eq, item, zero), middle, result)

    return elements_of(builder, [x, at_zero], dtype, one, node)


@method("astype")
def astype(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``a.astype(dtype)``."""
    a, dtype, _ = bind(builder, "astype", "a dtype copy", args, kwargs, node, required=2)
    return convert_to(builder, a, dtype_of(builder, dtype, Scalar("float64"), node), node)


def convert_to(builder: Builder, value: Value, dtype: Scalar, node: Node) -> Value:
    """Return the elements of a value converted to a type."""
    lazy = to_lazy(builder, value, node)
    type_ = Array(dtype, len(lazy.dims), "F" if lazy.type.layout == "F" else "C")
    if dtype.name == "bool":
        return combine(builder, [lazy], type_, lambda item: truth(builder, item), 1)
    return combine(builder, [lazy], type_, lambda item: builder.cast(item, dtype), 1)


def map_elements(
    builder: Builder,
    function: Callable[[list[Value]], Value],
    args: list[Value],
    node: Node,
) -> Value:
    """Apply a function of numbers to every element of broadcast arrays (``@vectorize``)."""
    if not any(is_operand(builder, arg) for arg in args):
        return function(args)
    parts = [to_lazy(builder, arg, node) for arg in args]
    with builder.nested():
        samples: list[Value] = [OperandValue(builder.fresh.var(part.dtype)) for part in parts]
        dtype = builder.as_scalar(function(samples), node).type
    assert isinstance(dtype, Scalar)

    def one(*items: ir.Operand) -> ir.Operand:
        return builder.cast(builder.as_scalar(function([value_of(item) for item in items])), dtype)

    return elements_of(builder, args, dtype, one, node, 5)


def elementwise(
    builder: Builder, fn: Callable[..., Any], args: list[Value], node: Node = None
) -> Value:
    """Apply a ufunc, or any function of numbers, to every element of broadcast arrays."""
    if isinstance(fn, np.ufunc):
        return operations.apply(builder, fn, args, node)
    return map_elements(builder, lambda items: builder.apply(StaticValue(fn), items), args, node)


def apply_to_elements(function: Callable[..., Any], *args: Any) -> Any:
    """Apply a function of numbers to every element: what ``np.vectorize`` makes calls."""
    return np.vectorize(function)(*args)


@handles(apply_to_elements)
def _apply_to_elements(
    builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node
) -> Value:
    function, *arrays = args
    return map_elements(
        builder, lambda items: builder.apply(function, items, {}, node), arrays, node
    )


@handles(np.vectorize)
def vectorize(builder: Builder, args: list[Value], kwargs: dict[str, Value], node: Node) -> Value:
    """``np.vectorize(function)``."""
    (function,) = bind(builder, "vectorize", "pyfunc", args, kwargs, node)
    return BoundMethod(function, StaticValue(apply_to_elements))
