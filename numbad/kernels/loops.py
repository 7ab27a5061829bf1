"""``irange``, the ``range`` of generated code: the same numbers, in a form that LLVM understands.

Numba's own range counts iterations down and adds the step to a separate value, so LLVM often cannot
tell that the indices of a reversed loop nest are never negative; then every ``x[i]`` keeps the test
for Python's negative indices and the loop is not vectorised. Here each iteration is entered by
comparing the value itself with the bound, which states what is needed.

``opaque`` is the opposite: it keeps LLVM from connecting the iterations of a loop.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.imputils import RefType, iternext_impl
from numba.core.types.common import SimpleIterableType, SimpleIteratorType
from numba.extending import lower_builtin, models, register_model, type_callable


def irange(start: int, stop: int | None = None, step: int = 1) -> range:
    """Integers from start to stop in steps of step, as the built-in ``range``.

    In compiled code all bounds are taken as int64, and ``stop + step`` must not overflow.

    Examples
    --------
    >>> list(irange(0, 3)), list(irange(5, 0, -2))
    ([0, 1, 2], [5, 3, 1])
    """
    return range(start) if stop is None else range(start, stop, step)


def downward(start: int, stop: int) -> range:
    """Integers from start down to the one before stop: ``irange(start, stop, -1)``.

    Examples
    --------
    >>> list(downward(2, -1))
    [2, 1, 0]
    """
    return range(start, stop, -1)


class _Count(SimpleIterableType):
    """The iterable; its steps are counted in int64."""

    def __init__(self) -> None:
        super().__init__("numbad_range", _counting)


class _Counting(SimpleIteratorType):
    """The iterator."""

    def __init__(self) -> None:
        super().__init__("numbad_range_iterator", types.int64)


class _UnitCount(SimpleIterableType):
    """The iterable in steps of one, up or down, which has less code than the general one."""

    def __init__(self, step: int) -> None:
        self.step = step
        super().__init__(f"numbad_range({step})", _UnitCounting(step))


class _UnitCounting(SimpleIteratorType):
    """The iterator in steps of one."""

    def __init__(self, step: int) -> None:
        self.step = step
        super().__init__(f"numbad_range_iterator({step})", types.int64)


_counting = _Counting()
_count = _Count()
_count_up = _UnitCount(1)
_count_down = _UnitCount(-1)


@register_model(_Count)
class _CountModel(models.StructModel):
    def __init__(self, manager: Any, fe_type: types.Type) -> None:
        members = [(name, types.int64) for name in ("start", "stop", "step")]
        super().__init__(manager, fe_type, members)


@register_model(_Counting)
class _CountingModel(models.StructModel):
    def __init__(self, manager: Any, fe_type: types.Type) -> None:
        members = [
            ("next", types.EphemeralPointer(types.int64)),
            ("stop", types.int64),
            ("step", types.int64),
        ]
        super().__init__(manager, fe_type, members)


@register_model(_UnitCount)
class _UnitCountModel(models.StructModel):
    def __init__(self, manager: Any, fe_type: types.Type) -> None:
        members = [(name, types.int64) for name in ("start", "stop")]
        super().__init__(manager, fe_type, members)


@register_model(_UnitCounting)
class _UnitCountingModel(models.StructModel):
    def __init__(self, manager: Any, fe_type: types.Type) -> None:
        members = [("next", types.EphemeralPointer(types.int64)), ("stop", types.int64)]
        super().__init__(manager, fe_type, members)


@type_callable(irange)
def _type_range(context: Any) -> Any:
    def typer(start: Any, stop: Any = None, step: Any = None) -> types.Type | None:
        bounds = [bound for bound in (start, stop, step) if bound is not None]
        if not all(isinstance(bound, types.Integer) for bound in bounds):
            return None
        return _count_up if step is None else _count

    return typer


@type_callable(downward)
def _type_downward(context: Any) -> Any:
    def typer(start: Any, stop: Any) -> types.Type | None:
        is_integer = isinstance(start, types.Integer) and isinstance(stop, types.Integer)
        return _count_down if is_integer else None

    return typer


@lower_builtin(downward, types.Integer, types.Integer)
@lower_builtin(irange, types.Integer)
@lower_builtin(irange, types.Integer, types.Integer)
@lower_builtin(irange, types.Integer, types.Integer, types.Integer)
def _lower_range(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    count = cgutils.create_struct_proxy(signature.return_type)(context, builder)
    count.start = ir.Constant(ir.IntType(64), 0)
    names = ("start", "stop", "step") if len(args) > 1 else ("stop",)
    for name, value, type_ in zip(names, args, signature.args, strict=False):
        setattr(count, name, context.cast(builder, value, type_, types.int64))
    return count._getvalue()


@lower_builtin("getiter", _Count)
def _lower_getiter(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    count = cgutils.create_struct_proxy(_count)(context, builder, value=args[0])
    zero = builder.icmp_signed("==", count.step, ir.Constant(ir.IntType(64), 0))
    with builder.if_then(zero, likely=False):
        message = ("range() arg 3 must not be zero",)
        context.call_conv.return_user_exc(builder, ValueError, message)
    counting = cgutils.create_struct_proxy(_counting)(context, builder)
    counting.next = cgutils.alloca_once_value(builder, count.start)
    counting.stop = count.stop
    counting.step = count.step
    return counting._getvalue()


@lower_builtin("getiter", _UnitCount)
def _lower_unit_getiter(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    count = cgutils.create_struct_proxy(signature.args[0])(context, builder, value=args[0])
    counting = cgutils.create_struct_proxy(signature.return_type)(context, builder)
    counting.next = cgutils.alloca_once_value(builder, count.start)
    counting.stop = count.stop
    return counting._getvalue()


@lower_builtin("iternext", _UnitCounting)
@iternext_impl(RefType.UNTRACKED)
def _lower_unit_iternext(
    context: Any, builder: Any, signature: Any, args: Any, result: Any
) -> None:
    (kind,) = signature.args
    counting = cgutils.create_struct_proxy(kind)(context, builder, value=args[0])
    value = builder.load(counting.next)
    more = builder.icmp_signed("<" if kind.step > 0 else ">", value, counting.stop)
    result.set_valid(more)
    with builder.if_then(more):
        result.yield_(value)
        following = builder.add(value, ir.Constant(value.type, kind.step), flags=("nsw",))
        builder.store(following, counting.next)


@lower_builtin("iternext", _Counting)
@iternext_impl(RefType.UNTRACKED)
def _lower_iternext(context: Any, builder: Any, signature: Any, args: Any, result: Any) -> None:
    counting = cgutils.create_struct_proxy(_counting)(context, builder, value=args[0])
    value = builder.load(counting.next)
    upward = builder.icmp_signed(">", counting.step, ir.Constant(ir.IntType(64), 0))
    more = builder.select(
        upward,
        builder.icmp_signed("<", value, counting.stop),
        builder.icmp_signed(">", value, counting.stop),
    )
    result.set_valid(more)
    with builder.if_then(more):
        result.yield_(value)
        builder.store(builder.add(value, counting.step, flags=("nsw",)), counting.next)


def opaque(number: int) -> int:
    """Return the integer itself; LLVM is not told where it comes from.

    Examples
    --------
    >>> opaque(3)
    3
    """
    return number


@type_callable(opaque)
def _type_opaque(context: Any) -> Any:
    def typer(number: Any) -> types.Type | None:
        return number if isinstance(number, types.Integer) else None

    return typer


@lower_builtin(opaque, types.Integer)
def _lower_opaque(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    (number,) = args
    kind = ir.FunctionType(number.type, [number.type])
    return builder.call(ir.InlineAsm(kind, "", "=r,0", side_effect=False), [number])
