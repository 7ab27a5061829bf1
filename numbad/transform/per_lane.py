"""A function without a form for lanes, called once per lane.

Arrays of lanes are copied lane by lane into arrays of numbers and back.
"""

from __future__ import annotations

from collections.abc import Callable

from numbad.ir import nodes as ir
from numbad.ir.build import BlockBuilder
from numbad.ir.types import INT64, Array, Lanes, Scalar, Type
from numbad.kernels.lanes import lane, with_lane
from numbad.transform import arith
from numbad.transform.arrays import nest

Mapping = Callable[[ir.Operand], ir.Operand]


def emit(
    target: ir.Var, plain: Type, call: ir.Call, mapped: Mapping, count: int, out: BlockBuilder
) -> None:
    """Define ``target``, whose lanes are values of ``call`` of type ``plain``.

    ``mapped`` gives the operands with their lanes.
    """
    if isinstance(target.type, Lanes):
        _number(target, target.type, plain, call, mapped, count, out)
    else:
        _array(target, plain, call, mapped, count, out)


def _in_lane(
    call: ir.Call, plain: Type, mapped: Mapping, k: ir.Operand, out: BlockBuilder
) -> ir.Var:
    """Emit the call for lane ``k``."""

    def single(operand: ir.Operand) -> ir.Operand:
        wide = mapped(operand)
        match wide:
            case ir.Var(type=Lanes(dtype)):
                return out.call(dtype, lane, wide, k)
            case ir.Var(type=Array(Lanes(dtype))):
                return _lane_of_array(wide, operand.type, dtype, k, out)
            case _:
                return wide

    args = tuple(single(arg) for arg in call.args)
    kwargs = tuple((name, single(arg)) for name, arg in call.kwargs)
    return out.let(plain, ir.Call(call.fn, args, kwargs))


def _lane_of_array(
    wide: ir.Var, plain: Type, dtype: Scalar, k: ir.Operand, out: BlockBuilder
) -> ir.Operand:
    assert isinstance(plain, Array)
    shape = tuple(out.let(INT64, ir.Shape(wide, axis)) for axis in range(plain.ndim))
    layout = "F" if plain.layout == "F" else "C"
    single = out.let(Array(dtype, plain.ndim, layout), ir.Alloc(shape, None))

    def copy(inner: BlockBuilder, index: tuple[ir.Operand, ...]) -> None:
        lanes = inner.let(_element(wide), ir.Load(wide, index))
        inner.emit(ir.Store(single, index, inner.call(dtype, lane, lanes, k), out.origin))

    nest(out, wide, copy)
    return single if single.type == plain else out.let(plain, ir.Cast(single))


def _element(wide: ir.Var) -> Lanes:
    assert isinstance(wide.type, Array) and isinstance(wide.type.dtype, Lanes)
    return wide.type.dtype


def _number(
    target: ir.Var,
    type_: Lanes,
    plain: Type,
    call: ir.Call,
    mapped: Mapping,
    count: int,
    out: BlockBuilder,
) -> None:
    k, inner_value = out.fresh.var(INT64, "k"), out.fresh.var(type_, "lanes")
    inner = out.nested()
    found = _in_lane(call, plain, mapped, k, inner)
    following = inner.call(type_, with_lane, inner_value, k, found)
    carried = ir.Carried(inner_value, arith.zero(type_), following, target)
    stop = ir.Const(count, INT64)
    out.emit(ir.For(k, arith.ZERO, stop, arith.ONE, (carried,), inner.block(), out.origin))


def _array(
    target: ir.Var, plain: Type, call: ir.Call, mapped: Mapping, count: int, out: BlockBuilder
) -> None:
    assert isinstance(plain, Array)
    type_ = _element(target)
    first = _in_lane(call, plain, mapped, arith.ZERO, out)
    shape = tuple(out.let(INT64, ir.Shape(first, axis)) for axis in range(plain.ndim))
    layout = "F" if plain.layout == "F" else "C"
    made_type = Array(type_, plain.ndim, layout)
    is_cast = made_type != target.type
    made = out.fresh.var(made_type, target.name) if is_cast else target
    out.let_existing(made, ir.Alloc(shape, arith.zero(type_)))
    _put(made, first, arith.ZERO, out)
    k, inner = out.fresh.var(INT64, "k"), out.nested()
    _put(made, _in_lane(call, plain, mapped, k, inner), k, inner)
    stop = ir.Const(count, INT64)
    out.emit(ir.For(k, arith.ONE, stop, arith.ONE, (), inner.block(), out.origin))
    if is_cast:
        out.let_existing(target, ir.Cast(made))


def _put(wide: ir.Var, single: ir.Var, k: ir.Operand, out: BlockBuilder) -> None:
    """Copy an array of numbers into lane ``k``."""
    type_ = _element(wide)

    def copy(inner: BlockBuilder, index: tuple[ir.Operand, ...]) -> None:
        lanes = inner.let(type_, ir.Load(wide, index))
        number = inner.let(type_.dtype, ir.Load(single, index))
        made = inner.call(type_, with_lane, lanes, k, number)
        inner.emit(ir.Store(wide, index, made, out.origin))

    nest(out, wide, copy)
