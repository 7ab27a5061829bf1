"""What differentiated code does with lanes beyond arithmetic: choose, compare, sum, seed.

Comparisons of lanes (with lanes or with a number) give lanes of truth values, which only ``select``
takes. ``with_unit`` makes the seeds of chunked sweeps: one direction per lane.
"""

from __future__ import annotations

import operator
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import lower_builtin, type_callable

from numbad.kernels.arithmetic import absorb, absorb_both
from numbad.kernels.lanes import LanesType, splat

_I64 = ir.IntType(64)


def select(condition: Any, if_true: Any, if_false: Any) -> Any:
    """Lane by lane: ``if_true`` where the condition (lanes, or one truth value) holds."""
    raise TypeError("lanes can be used in compiled code only")


def with_unit(value: Any, k: int) -> Any:
    """Return the value with 1 in lane ``k``; unchanged if there is no lane ``k``."""
    raise TypeError("lanes can be used in compiled code only")


def lane_sum(value: Any) -> float:
    """Sum of all lanes, added pairwise."""
    raise TypeError("lanes can be used in compiled code only")


# --- comparisons ----------------------------------------------------------------------------------


class _Comparison(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        """Both operands are lanes of one kind, or one is a number."""
        found = [type_ for type_ in args if isinstance(type_, LanesType)]
        if kws or len(args) != 2 or not found:
            return None
        kind = found[0]
        operands = []
        for type_ in args:
            if type_ != kind and not isinstance(type_, types.Number | types.Boolean):
                return None
            operands.append(kind if type_ == kind else kind.dtype)
        return signature(LanesType(types.boolean, kind.count), *operands)


def _register_comparison(function: Any, predicate: str) -> None:
    infer_global(function)(type(f"Lanes{function.__name__}", (_Comparison,), {"key": function}))

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        kind = next(type_ for type_ in sig.args if isinstance(type_, LanesType))
        values = [
            value if type_ == kind else splat(context, builder, value, kind)
            for type_, value in zip(sig.args, args, strict=True)
        ]
        if function is operator.ne:
            return builder.fcmp_unordered(predicate, *values)
        return builder.fcmp_ordered(predicate, *values)

    for kinds in ((LanesType, LanesType), (LanesType, types.Float), (types.Float, LanesType)):
        lower_builtin(function, *kinds)(lower)


for _function, _predicate in (
    (operator.lt, "<"),
    (operator.le, "<="),
    (operator.gt, ">"),
    (operator.ge, ">="),
    (operator.eq, "=="),
    (operator.ne, "!="),
):
    _register_comparison(_function, _predicate)


# --- products that zero absorbs ------------------------------------------------------------------


class _Absorbing(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        """Lanes of one kind, or lanes and a number."""
        found = [type_ for type_ in args if isinstance(type_, LanesType)]
        if kws or len(args) != 2 or not found:
            return None
        kind = found[0]
        if not all(type_ == kind or isinstance(type_, types.Number) for type_ in args):
            return None
        return signature(kind, *(kind if type_ == kind else kind.dtype for type_ in args))


def _register_absorbing(function: Any, both: bool) -> None:
    infer_global(function)(type(f"Lanes{function.__name__}", (_Absorbing,), {"key": function}))

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        kind = sig.return_type
        a, b = (
            value if type_ == kind else splat(context, builder, value, kind)
            for type_, value in zip(sig.args, args, strict=True)
        )
        zero = ir.Constant(a.type, None)
        is_zero = builder.fcmp_ordered("==", a, zero)
        if both:
            is_zero = builder.or_(is_zero, builder.fcmp_ordered("==", b, zero))
        return builder.select(is_zero, zero, builder.fmul(a, b))

    for kinds in ((LanesType, LanesType), (LanesType, types.Float), (types.Float, LanesType)):
        lower_builtin(function, *kinds)(lower)


_register_absorbing(absorb, False)
_register_absorbing(absorb_both, True)


# --- choice, seeds, sums --------------------------------------------------------------------------


@type_callable(select)
def _type_select(context: Any) -> Any:
    def typer(condition: Any, if_true: Any, if_false: Any) -> Any:
        lanewise = isinstance(condition, LanesType) and condition.dtype == types.boolean
        if not (lanewise or isinstance(condition, types.Boolean)):
            return None
        if not isinstance(if_true, LanesType) or if_true != if_false:
            return None
        return if_true if not lanewise or condition.count == if_true.count else None

    return typer


@lower_builtin(select, types.Boolean, LanesType, LanesType)
@lower_builtin(select, LanesType, LanesType, LanesType)
def _lower_select(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return builder.select(*args)


@type_callable(with_unit)
def _type_with_unit(context: Any) -> Any:
    def typer(value: Any, k: Any) -> Any:
        good = isinstance(value, LanesType) and isinstance(k, types.Integer)
        return value if good else None

    return typer


@lower_builtin(with_unit, LanesType, types.Integer)
def _lower_with_unit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    kind = sig.args[0]
    place = context.cast(builder, args[1], sig.args[1], types.int64)
    numbers = ir.VectorType(_I64, kind.count)
    counted = ir.Constant(numbers, [_I64(number) for number in range(kind.count)])
    undefined = ir.Constant(numbers, ir.Undefined)
    single = builder.insert_element(undefined, place, ir.IntType(32)(0))
    mask = ir.Constant(ir.VectorType(ir.IntType(32), kind.count), [ir.IntType(32)(0)] * kind.count)
    everywhere = builder.shuffle_vector(single, undefined, mask)
    chosen = builder.icmp_signed("==", everywhere, counted)
    vector = context.get_value_type(kind)
    ones = ir.Constant(vector, [vector.element(1.0)] * kind.count)
    return builder.select(chosen, ones, args[0])


@type_callable(lane_sum)
def _type_lane_sum(context: Any) -> Any:
    def typer(value: Any) -> Any:
        return value.dtype if isinstance(value, LanesType) else None

    return typer


@lower_builtin(lane_sum, LanesType)
def _lower_lane_sum(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    (value,) = args
    count = sig.args[0].count
    whole = 1 << (count - 1).bit_length()
    if whole != count:
        # Lanes of -0.0, which change no sum.
        padding = ir.Constant(value.type, [value.type.element(-0.0)] * count)
        places = ir.Constant(
            ir.VectorType(ir.IntType(32), whole), [ir.IntType(32)(k) for k in range(whole)]
        )
        value, count = builder.shuffle_vector(value, padding, places), whole
    while count > 1:
        half = count // 2
        indices = ir.VectorType(ir.IntType(32), half)
        parts = [
            builder.shuffle_vector(
                value,
                value,
                ir.Constant(indices, [ir.IntType(32)(first + k) for k in range(half)]),
            )
            for first in (0, half)
        ]
        value = builder.fadd(*parts)
        count = half
    return builder.extract_element(value, ir.IntType(32)(0))
