"""Several directions of one real number in a SIMD register: the type ``float64x8`` and its like.

``float64x8`` (any number from 1 to 64; also ``float32x8`` ...) is used like ``np.float64``:
``float64x8(0.5)`` has 0.5 in all lanes, and ``zeros(n, float64x8)`` of ``numbad.kernels.memory`` is
an array of them (NumPy's own functions do not align their memory for it and refuse). Lanes are
added, subtracted, multiplied and divided lane by lane, with each other and with numbers; LLVM sees
vectors. An array of lanes lies in memory like a float array with one more axis, the lanes, at the
end: ``as_lanes`` and ``as_numbers`` go from one to the other without a copy.

Only compiled code can compute with lanes.
"""

from __future__ import annotations

import operator
import re
from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.imputils import impl_ret_borrowed, lower_constant
from numba.core.types.abstract import Callable
from numba.core.types.common import Opaque
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import (
    lower_builtin,
    models,
    register_model,
    type_callable,
    typeof_impl,
)
from numba.np.arrayobj import make_array, populate_array

from numbad.kernels.arithmetic import divide

_I32 = ir.IntType(32)
_I64 = ir.IntType(64)


class LanesClass:
    """What ``float64x8`` is: a dtype of arrays, and a function from numbers to lanes."""

    def __init__(self, dtype: Any, count: int) -> None:
        self.dtype = np.dtype(dtype)
        self.count = count
        self.__name__ = f"{self.dtype.name}x{count}"

    def __call__(self, value: float) -> Any:
        """All lanes get the same number."""
        raise TypeError(f"{self.__name__} can be used in compiled code only")

    def __repr__(self) -> str:
        return self.__name__


@cache
def lanes(dtype: str, count: int) -> LanesClass:
    """Return the class of ``count`` lanes of ``"float32"`` or ``"float64"``."""
    if dtype not in ("float32", "float64") or count not in range(1, 65):
        raise ValueError(f"there are no lanes of {count} {dtype}")
    return LanesClass(dtype, count)


def __getattr__(name: str) -> LanesClass:
    match = re.fullmatch(r"(float\d+)x(\d+)", name)
    if match is None:
        raise AttributeError(name)
    try:
        return lanes(match[1], int(match[2]))
    except ValueError as error:
        raise AttributeError(name) from error


def lane(value: Any, k: int) -> float:
    """Return lane ``k`` of a value; ``k`` counts from 0 and is not checked."""
    raise TypeError("lanes can be used in compiled code only")


def with_lane(value: Any, k: int, number: float) -> Any:
    """Return the value with another number in lane ``k``."""
    raise TypeError("lanes can be used in compiled code only")


def as_lanes(array: np.ndarray, cls: LanesClass) -> Any:
    """Return an array of numbers, whose last axis has the length of ``cls``, as an array of lanes.

    The result shares the memory. The last axis must be contiguous.
    """
    raise TypeError("lanes can be used in compiled code only")


def as_numbers(array: Any) -> np.ndarray:
    """Return an array of lanes as an array of numbers with one more axis, sharing its memory."""
    raise TypeError("lanes can be used in compiled code only")


# --- types ----------------------------------------------------------------------------------------


class LanesType(types.Type):
    """Numba type of ``count`` lanes of a float type."""

    def __init__(self, dtype: types.Float, count: int) -> None:
        self.dtype = dtype
        self.count = count
        super().__init__(f"{dtype}x{count}")


class LanesClassType(Callable, Opaque):
    """Numba type of a ``LanesClass``."""

    def __init__(self, instance_type: LanesType) -> None:
        self.instance_type = instance_type
        super().__init__(f"class({instance_type})")

    @property
    def key(self) -> LanesType:
        """Classes of equal lanes are one type."""
        return self.instance_type

    def get_call_type(self, context: Any, args: Any, kws: Any) -> Any:
        """Lanes are made from numbers, one or all, or from as many lanes of another type."""
        if kws:
            return None
        kind = self.instance_type
        if len(args) == kind.count != 1:
            numbers = all(isinstance(given, types.Number) for given in args)
            return signature(kind, *(kind.dtype for _ in args)) if numbers else None
        if len(args) != 1:
            return None
        (given,) = args
        if isinstance(given, types.Number):
            return signature(self.instance_type, self.instance_type.dtype)
        if isinstance(given, LanesType) and given.count == self.instance_type.count:
            return signature(self.instance_type, given)
        return None

    def get_call_signatures(self) -> tuple[Any, bool]:
        """Nothing to list for error messages."""
        return (), True

    def get_impl_key(self, sig: Any) -> type:
        """One lowering serves all classes."""
        return type(self)


@register_model(LanesType)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, fe_type: LanesType) -> None:
        element = manager.lookup(fe_type.dtype).get_value_type()
        vector = ir.VectorType(element, fe_type.count)
        # In memory a vector of three takes the place of four; an array of three does not.
        is_float = isinstance(fe_type.dtype, types.Float)
        is_whole = fe_type.count.bit_count() == 1 or not is_float
        super().__init__(manager, fe_type, vector)
        self._data = vector if is_whole else ir.ArrayType(element, fe_type.count)
        self._align = fe_type.dtype.bitwidth // 8 if is_float else 1

    def get_data_type(self) -> Any:
        """Return what lies in memory."""
        return self._data

    def as_data(self, builder: Any, value: Any) -> Any:
        """Take a vector apart, if it is an array in memory."""
        if self._data == value.type:
            return value
        data = ir.Constant(self._data, ir.Undefined)
        for k in range(self._data.count):
            data = builder.insert_value(data, builder.extract_element(value, _I32(k)), k)
        return data

    def from_data(self, builder: Any, value: Any) -> Any:
        """Put a vector together, if it is an array in memory."""
        vector = self.get_value_type()
        if self._data == vector:
            return value
        made = ir.Constant(vector, ir.Undefined)
        for k in range(self._data.count):
            made = builder.insert_element(made, builder.extract_value(value, k), _I32(k))
        return made

    def load_from_data_pointer(self, builder: Any, ptr: Any, align: int | None = None) -> Any:
        """Load all lanes at once."""
        vector = self.get_value_type()
        if self._data == vector:
            return super().load_from_data_pointer(builder, ptr, align)
        return builder.load(builder.bitcast(ptr, vector.as_pointer()), align=align or self._align)


register_model(LanesClassType)(models.OpaqueModel)


@typeof_impl.register(LanesClass)
def _typeof_class(value: LanesClass, context: Any) -> LanesClassType:
    return LanesClassType(LanesType(getattr(types, value.dtype.name), value.count))


@lower_constant(LanesClassType)
def _lower_class(context: Any, builder: Any, type_: Any, value: Any) -> Any:
    return context.get_dummy_value()


# --- arithmetic -----------------------------------------------------------------------------------


def splat(context: Any, builder: Any, number: Any, type_: LanesType) -> Any:
    """Return a vector of the type with the number in all lanes."""
    vector = context.get_value_type(type_)
    undefined = ir.Constant(vector, ir.Undefined)
    single = builder.insert_element(undefined, number, _I32(0))
    mask = ir.Constant(ir.VectorType(_I32, type_.count), [_I32(0)] * type_.count)
    return builder.shuffle_vector(single, undefined, mask)


@lower_builtin(LanesClassType, types.Number)
def _lower_splat(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return splat(context, builder, args[0], sig.return_type)


@lower_builtin(LanesClassType, types.VarArg(types.Number))
def _lower_numbers(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    made = ir.Constant(context.get_value_type(sig.return_type), ir.Undefined)
    for k, number in enumerate(args):
        made = builder.insert_element(made, number, _I32(k))
    return made


@lower_builtin(LanesClassType, LanesType)
def _lower_conversion(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    source, target = sig.args[0].dtype, sig.return_type.dtype
    vector = context.get_value_type(sig.return_type)
    if source == target:
        return args[0]
    if source.bitwidth < target.bitwidth:
        return builder.fpext(args[0], vector)
    return builder.fptrunc(args[0], vector)


def _operand_type(type_: types.Type, result: LanesType) -> types.Type | None:
    """Return the type an operand is converted to: lanes stay, numbers become floats."""
    if type_ == result:
        return type_
    fits = isinstance(type_, types.Integer | types.Boolean) or type_ == result.dtype
    return result.dtype if fits else None


class _Binary(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        """Both operands are lanes of one kind, or one is a number."""
        found = [type_ for type_ in args if isinstance(type_, LanesType)]
        if kws or len(args) != 2 or not found:
            return None
        operands = [_operand_type(type_, found[0]) for type_ in args]
        return None if None in operands else signature(found[0], *operands)


class _Unary(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        """The operand is lanes."""
        if kws or len(args) != 1 or not isinstance(args[0], LanesType):
            return None
        return signature(args[0], args[0])


# A product and the sum it goes into may be one instruction, rounded once.
_FLAGS = ("contract",)


def _register_binary(function: Any, instruction: str) -> None:
    infer_global(function)(type(f"Lanes{instruction}", (_Binary,), {"key": function}))

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        result = sig.return_type
        values = [
            value if type_ == result else splat(context, builder, value, result)
            for type_, value in zip(sig.args, args, strict=True)
        ]
        return getattr(builder, instruction)(*values, flags=_FLAGS)

    for kinds in ((LanesType, LanesType), (LanesType, types.Float), (types.Float, LanesType)):
        lower_builtin(function, *kinds)(lower)


def _register_unary(function: Any, lower: Any) -> None:
    infer_global(function)(type("LanesUnary", (_Unary,), {"key": function}))
    lower_builtin(function, LanesType)(lower)


def _lower_negative(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return builder.fneg(args[0])


def _lower_positive(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return args[0]


for _function, _instruction in (
    (operator.add, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
    (divide, "fdiv"),
    (operator.iadd, "fadd"),
    (operator.isub, "fsub"),
    (operator.imul, "fmul"),
    (operator.itruediv, "fdiv"),
):
    _register_binary(_function, _instruction)
_register_unary(operator.neg, _lower_negative)
_register_unary(operator.pos, _lower_positive)


# --- single lanes and arrays ----------------------------------------------------------------------


@type_callable(lane)
def _type_lane(context: Any) -> Any:
    def typer(value: Any, k: Any) -> Any:
        good = isinstance(value, LanesType) and isinstance(k, types.Integer)
        return value.dtype if good else None

    return typer


@lower_builtin(lane, LanesType, types.Integer)
def _lower_lane(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    k = context.cast(builder, args[1], sig.args[1], types.int32)
    return builder.extract_element(args[0], k)


@type_callable(with_lane)
def _type_with_lane(context: Any) -> Any:
    def typer(value: Any, k: Any, number: Any) -> Any:
        good = isinstance(value, LanesType) and isinstance(k, types.Integer)
        return value if good and isinstance(number, types.Number) else None

    return typer


@lower_builtin(with_lane, LanesType, types.Integer, types.Number)
def _lower_with_lane(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    k = context.cast(builder, args[1], sig.args[1], types.int32)
    number = context.cast(builder, args[2], sig.args[2], sig.args[0].dtype)
    return builder.insert_element(args[0], number, k)


@type_callable(as_lanes)
def _type_as_lanes(context: Any) -> Any:
    def typer(array: Any, cls: Any) -> Any:
        if not (isinstance(array, types.Array) and isinstance(cls, LanesClassType)):
            return None
        element = cls.instance_type
        if array.ndim == 0 or array.dtype != element.dtype or array.layout == "F":
            return None
        return types.Array(
            element, array.ndim - 1, array.layout, readonly=not array.mutable, aligned=False
        )

    return typer


@lower_builtin(as_lanes, types.Array, LanesClassType)
def _lower_as_lanes(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    source_type, result_type = sig.args[0], sig.return_type
    source = make_array(source_type)(context, builder, value=args[0])
    extents = cgutils.unpack_tuple(builder, source.shape, source_type.ndim)
    strides = cgutils.unpack_tuple(builder, source.strides, source_type.ndim)
    count = result_type.dtype.count
    wrong = builder.or_(
        builder.icmp_signed("!=", extents[-1], _I64(count)),
        builder.icmp_signed("!=", strides[-1], source.itemsize),
    )
    with builder.if_then(wrong, likely=False):
        message = (f"the last axis does not hold {count} adjacent numbers",)
        context.call_conv.return_user_exc(builder, ValueError, message)
    itemsize = builder.mul(source.itemsize, _I64(count))
    return _view(context, builder, sig, args[0], extents[:-1], strides[:-1], itemsize)


@type_callable(as_numbers)
def _type_as_numbers(context: Any) -> Any:
    def typer(array: Any) -> Any:
        if not (isinstance(array, types.Array) and isinstance(array.dtype, LanesType)):
            return None
        layout = array.layout if array.layout == "C" else "A"
        return types.Array(array.dtype.dtype, array.ndim + 1, layout, readonly=not array.mutable)

    return typer


@lower_builtin(as_numbers, types.Array)
def _lower_as_numbers(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    source_type = sig.args[0]
    source = make_array(source_type)(context, builder, value=args[0])
    extents = cgutils.unpack_tuple(builder, source.shape, source_type.ndim)
    strides = cgutils.unpack_tuple(builder, source.strides, source_type.ndim)
    count = source_type.dtype.count
    itemsize = builder.sdiv(source.itemsize, _I64(count))
    return _view(
        context, builder, sig, args[0], [*extents, _I64(count)], [*strides, itemsize], itemsize
    )


def _view(
    context: Any,
    builder: Any,
    sig: Any,
    value: Any,
    extents: list[Any],
    strides: list[Any],
    itemsize: Any,
) -> Any:
    """Return an array of another element type on the same memory."""
    source = make_array(sig.args[0])(context, builder, value=value)
    result = make_array(sig.return_type)(context, builder)
    populate_array(
        result,
        data=builder.bitcast(source.data, result.data.type),
        shape=cgutils.pack_array(builder, extents, _I64),
        strides=cgutils.pack_array(builder, strides, _I64),
        itemsize=itemsize,
        meminfo=source.meminfo,
        parent=source.parent,
    )
    return impl_ret_borrowed(context, builder, sig.return_type, result._getvalue())
