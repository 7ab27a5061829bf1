"""Arrays that generated code allocates.

``tape``, ``empty`` and ``zeros`` differ from NumPy's functions in two ways. LLVM is told that the new
memory overlaps nothing else the function knows, which is what lets it keep sums in registers and
vectorise loops over several arrays. And large blocks come from a pool of work memory, see
``numbad.kernels.runtime``. The arrays are ordinary Numba arrays.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.imputils import impl_ret_new_ref
from numba.core.typing.npydecl import parse_dtype, parse_shape
from numba.extending import lower_builtin, type_callable
from numba.np.arrayobj import make_array, populate_array

from numbad.kernels import runtime

_I64 = ir.IntType(64)
_FLAG = ir.IntType(1)
_POINTER = cgutils.voidptr_t

Shape = int | tuple[int, ...]


def tape(shape: Shape, dtype: Any = np.float64) -> np.ndarray:
    """Uninitialised C-contiguous array; a negative extent counts as zero.

    Examples
    --------
    >>> tape((3, -1)).shape
    (3, 0)
    """
    extents = shape if isinstance(shape, tuple) else (shape,)
    return np.empty(tuple(max(extent, 0) for extent in extents), dtype)


def empty(shape: Shape, dtype: Any = np.float64) -> np.ndarray:
    """Uninitialised C-contiguous array, as ``np.empty``."""
    return np.empty(shape, dtype)


def zeros(shape: Shape, dtype: Any = np.float64) -> np.ndarray:
    """C-contiguous array of zeros, as ``np.zeros``."""
    return np.zeros(shape, dtype)


def distinct(array: np.ndarray) -> np.ndarray:
    """Return the array itself, with the promise that the function reaches its memory by no other way.

    Unchecked: the caller has made sure of it. The argument must not be used afterwards.
    """
    return array


def release_pool() -> None:
    """Give the work memory that is kept for later calls back to the operating system."""
    runtime.call("numbad_empty_pool", None)


def pool_bytes() -> int:
    """Return the number of bytes kept for later calls."""
    return int(runtime.call("numbad_pool_held", ctypes.c_int64))


def set_pool_limit(limit: int) -> None:
    """Keep at most ``limit`` bytes for later calls (256 MiB to begin with); 0 keeps nothing."""
    if limit < 0:
        raise ValueError("the limit of the pool must not be negative")
    runtime.call("numbad_set_pool_limit", None, limit)
    if pool_bytes() > limit:
        release_pool()


# --- typing and lowering --------------------------------------------------------------------------


def _array_type(shape: types.Type, dtype: types.Type | None) -> types.Array | None:
    ndim = parse_shape(shape)
    element = types.float64 if dtype is None else parse_dtype(dtype)
    if ndim is None or element is None:
        return None
    return types.Array(element, ndim, "C")


def _register_typing(function: Any) -> None:
    @type_callable(function)
    def _type(context: Any) -> Any:
        def typer(shape: Any, dtype: Any = None) -> types.Array | None:
            return _array_type(shape, dtype)

        return typer


for _function in (tape, empty, zeros):
    _register_typing(_function)


@lower_builtin(tape, types.Any)
@lower_builtin(tape, types.Any, types.Any)
def _lower_tape(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    extents = _extents(context, builder, signature, args)
    nothing = _I64(0)
    clamped = [
        builder.select(builder.icmp_signed("<", extent, nothing), nothing, extent)
        for extent in extents
    ]
    array, _ = _new_array(context, builder, signature.return_type, clamped)
    return impl_ret_new_ref(context, builder, signature.return_type, array._getvalue())


@lower_builtin(empty, types.Any)
@lower_builtin(empty, types.Any, types.Any)
def _lower_empty(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    extents = _extents(context, builder, signature, args)
    _refuse_negative(context, builder, extents)
    array, _ = _new_array(context, builder, signature.return_type, extents)
    return impl_ret_new_ref(context, builder, signature.return_type, array._getvalue())


@lower_builtin(zeros, types.Any)
@lower_builtin(zeros, types.Any, types.Any)
def _lower_zeros(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    extents = _extents(context, builder, signature, args)
    _refuse_negative(context, builder, extents)
    array, size = _new_array(context, builder, signature.return_type, extents)
    cgutils.memset(builder, array.data, size, 0)
    return impl_ret_new_ref(context, builder, signature.return_type, array._getvalue())


def _extents(context: Any, builder: Any, signature: Any, args: Any) -> list[Any]:
    type_, value = signature.args[0], args[0]
    if isinstance(type_, types.BaseTuple):
        kinds, items = list(type_.types), cgutils.unpack_tuple(builder, value, len(type_))
    else:
        kinds, items = [type_], [value]
    return [
        context.cast(builder, item, kind, types.intp)
        for item, kind in zip(items, kinds, strict=True)
    ]


def _refuse_negative(context: Any, builder: Any, extents: list[Any]) -> None:
    for extent in extents:
        with builder.if_then(builder.icmp_signed("<", extent, _I64(0)), likely=False):
            message = ("negative dimensions not allowed",)
            context.call_conv.return_user_exc(builder, ValueError, message)


def _new_array(context: Any, builder: Any, type_: Any, extents: list[Any]) -> tuple[Any, Any]:
    """Allocate an array; return its struct proxy and its size in bytes."""
    array = make_array(type_)(context, builder)
    item = context.get_constant(types.intp, context.get_abi_sizeof(array.data.type.pointee))
    size = item
    strides: list[Any] = []
    too_large = _FLAG(0)
    for extent in reversed(extents):
        strides.insert(0, size)
        product = builder.smul_with_overflow(size, extent)
        size = builder.extract_value(product, 0)
        too_large = builder.or_(too_large, builder.extract_value(product, 1))
    with builder.if_then(too_large, likely=False):
        message = ("array is too big; `arr.size * arr.dtype.itemsize` is too large",)
        context.call_conv.return_user_exc(builder, ValueError, message)
    take = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(_POINTER, [_I64]), "numbad_take"
    )
    take.return_value.add_attribute("noalias")
    take.attributes.add("nounwind")
    data = builder.call(take, [size])
    message_text = "Allocation failed (probably too large)."
    cgutils.guard_memory_error(context, builder, data, msg=message_text)
    populate_array(
        array,
        data=builder.bitcast(data, array.data.type),
        shape=cgutils.pack_array(builder, extents),
        strides=cgutils.pack_array(builder, strides),
        itemsize=item,
        meminfo=_owner(builder, data),
    )
    return array, size


def _owner(builder: Any, data: Any) -> Any:
    """Return the reference-counted owner of a block, which gives it back in the end."""
    give = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(ir.VoidType(), [_POINTER]), "numbad_give"
    )
    manage = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(_POINTER, [_POINTER, _POINTER]), "numbad_manage"
    )
    manage.attributes.add("nounwind")
    return builder.call(manage, [data, builder.bitcast(give, _POINTER)])


@type_callable(distinct)
def _type_distinct(context: Any) -> Any:
    def typer(array: Any) -> types.Array | None:
        return array if isinstance(array, types.Array) else None

    return typer


@lower_builtin(distinct, types.Array)
def _lower_distinct(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    type_ = signature.return_type
    array = make_array(type_)(context, builder, value=args[0])
    same = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(_POINTER, [_POINTER]), "numbad_distinct"
    )
    same.return_value.add_attribute("noalias")
    escape = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(ir.VoidType(), [_POINTER]), "numbad_escape"
    )
    for function in (same, escape):
        function.attributes.add("nounwind")
    data = builder.call(same, [builder.bitcast(array.data, _POINTER)])
    builder.call(escape, [data])
    array.data = builder.bitcast(data, array.data.type)
    context.nrt.incref(builder, type_, array._getvalue())
    return array._getvalue()
