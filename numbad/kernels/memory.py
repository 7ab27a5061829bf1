"""Arrays that generated code allocates.

``tape``, ``empty`` and ``zeros`` differ from NumPy's functions in two ways. LLVM is told that the
new memory overlaps nothing else the function knows, which is what lets it keep sums in registers
and vectorise loops over several arrays. And large blocks come from a pool of work memory, see
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
from numbad.kernels.lanes import LanesClassType

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


def array_of(element: types.Type, ndim: int) -> types.Array:
    """Return the C-contiguous array type of an element type.

    LLVM must not assume that vectors in memory are aligned: they may be a user's numbers.
    """
    plain = isinstance(element, types.Number | types.Boolean)
    return types.Array(element, ndim, "C", aligned=plain)


def element_type(dtype: types.Type | None) -> types.Type | None:
    """Return the element type that a dtype argument names: float64 by default, or lanes."""
    if dtype is None:
        return types.float64
    return dtype.instance_type if isinstance(dtype, LanesClassType) else parse_dtype(dtype)


def _array_type(shape: types.Type, dtype: types.Type | None) -> types.Array | None:
    ndim = parse_shape(shape)
    element = element_type(dtype)
    if ndim is None or element is None:
        return None
    return array_of(element, ndim)


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
    nothing = _I64(0)
    extents = [
        builder.select(builder.icmp_signed("<", extent, nothing), nothing, extent)
        for extent in _extents(context, builder, signature, args)
    ]
    return _new_array(context, builder, signature.return_type, extents, zeroed=False)


@lower_builtin(empty, types.Any)
@lower_builtin(empty, types.Any, types.Any)
def _lower_empty(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    extents = _extents(context, builder, signature, args)
    _refuse_negative(context, builder, extents)
    return _new_array(context, builder, signature.return_type, extents, zeroed=False)


@lower_builtin(zeros, types.Any)
@lower_builtin(zeros, types.Any, types.Any)
def _lower_zeros(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    extents = _extents(context, builder, signature, args)
    _refuse_negative(context, builder, extents)
    return _new_array(context, builder, signature.return_type, extents, zeroed=True)


def _extents(context: Any, builder: Any, signature: Any, args: Any) -> list[Any]:
    type_, value = signature.args[0], args[0]
    several = isinstance(type_, types.BaseTuple)
    if several:
        kinds, items = list(type_), cgutils.unpack_tuple(builder, value, len(type_))
    else:
        kinds, items = [type_], [value]
    return [
        context.cast(builder, item, kind, types.intp)
        for item, kind in zip(items, kinds, strict=True)
    ]


def _refuse_negative(context: Any, builder: Any, extents: list[Any]) -> None:
    """Raise once for all extents: their signs are or-ed together."""
    if not extents:
        return
    signs = extents[0]
    for extent in extents[1:]:
        signs = builder.or_(signs, extent)
    with builder.if_then(builder.icmp_signed("<", signs, _I64(0)), likely=False):
        message = ("negative dimensions not allowed",)
        context.call_conv.return_user_exc(builder, ValueError, message)


def _new_array(
    context: Any, builder: Any, type_: types.Array, extents: list[Any], *, zeroed: bool
) -> Any:
    """Return a new array; a size that overflows asks for more than there is."""
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
    size = builder.select(too_large, _I64(-1), size)
    take = _runtime_function(builder, "numbad_array", _POINTER, _I64, _FLAG, _POINTER.as_pointer())
    take.return_value.add_attribute("noalias")
    owner = cgutils.alloca_once(builder, _POINTER)
    data = builder.call(take, [size, _FLAG(zeroed), owner])
    message = "Allocation failed (probably too large)."
    cgutils.guard_memory_error(context, builder, data, msg=message)
    populate_array(
        array,
        data=builder.bitcast(data, array.data.type),
        shape=cgutils.pack_array(builder, extents, ty=_I64),
        strides=cgutils.pack_array(builder, strides, ty=_I64),
        itemsize=item,
        meminfo=builder.load(owner),
    )
    return impl_ret_new_ref(context, builder, type_, array._getvalue())


def _runtime_function(builder: Any, name: str, result: Any, *params: Any) -> Any:
    kind = ir.FunctionType(result, list(params))
    function = cgutils.get_or_insert_function(builder.module, kind, name)
    function.attributes.add("nounwind")
    return function
