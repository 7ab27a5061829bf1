"""Stacks of array segments: the tape of loops whose trip counts are not known beforehand.

``reserve`` pushes a segment and returns it as a 1-D array; ``release`` pops the last segment, whose
length the caller knows, and returns it again. A stack is a row of chunks, each at least twice as
large as the one before; a segment lies within one chunk and never moves, so arrays returned earlier
stay valid. A chunk that has been left is kept for the next growth, and chunks go back to the pool
of work memory when nobody refers to them any more.

The usual case of both operations is a comparison and an addition in place of the call; the rest is
in ``numbad.kernels.runtime``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.imputils import impl_ret_new_ref
from numba.extending import (
    NativeValue,
    box,
    lower_builtin,
    models,
    register_model,
    type_callable,
    typeof_impl,
    unbox,
)
from numba.np.arrayobj import make_array, populate_array

from numbad.kernels import runtime
from numbad.kernels.memory import array_of, element_type

_I32 = ir.IntType(32)
_I64 = ir.IntType(64)
_POINTER = cgutils.voidptr_t
_HEADER = ir.LiteralStructType([_I64, _I64, _POINTER, _POINTER])
_TOP, _CAPACITY, _DATA, _OWNER = range(4)


class Stack:
    """A stack as Python sees it: made by ``new_stack`` or returned by compiled code.

    One that compiled code returned is only good for being passed to compiled code again.
    """

    def __init__(self, dtype: Any, owner: Any = None) -> None:
        self.dtype = dtype
        self.owner = owner
        self.segments: list[np.ndarray] = []


def new_stack(dtype: Any = np.float64) -> Stack:
    """Return an empty stack of items of the dtype."""
    return Stack(dtype)


def reserve(stack: Stack, count: int) -> np.ndarray:
    """Push a segment of ``count`` uninitialised items and return it."""
    stack.segments.append(np.empty(count, stack.dtype))
    return stack.segments[-1]


def reserve_zeroed(stack: Stack, count: int) -> np.ndarray:
    """Push a segment of ``count`` zeros and return it."""
    stack.segments.append(np.zeros(count, stack.dtype))
    return stack.segments[-1]


def release(stack: Stack, count: int) -> np.ndarray:
    """Pop the last segment, which has ``count`` items, and return it.

    Its contents stay until the next ``reserve``.
    """
    segment = stack.segments.pop()
    if segment.shape != (count,):
        raise RuntimeError(_UNBALANCED)
    return segment


_UNBALANCED = "segments of a stack were not released in reverse order"


# --- the Numba type -------------------------------------------------------------------------------


class StackType(types.Type):
    """Numba type of a stack of ``dtype`` items: a reference, shared by all that hold it."""

    def __init__(self, dtype: types.Type) -> None:
        self.dtype = dtype
        super().__init__(f"numbad_stack({dtype})")

    @property
    def segment(self) -> types.Array:
        """The type of a segment."""
        return array_of(self.dtype, 1)


@register_model(StackType)
class _StackModel(models.StructModel):
    def __init__(self, manager: Any, fe_type: StackType) -> None:
        super().__init__(manager, fe_type, [("owner", types.MemInfoPointer(types.voidptr))])


@type_callable(new_stack)
def _type_new_stack(context: Any) -> Any:
    def typer(dtype: Any = None) -> StackType | None:
        item = element_type(dtype)
        return None if item is None else StackType(item)

    return typer


def _type_segment(context: Any) -> Any:
    def typer(stack: Any, count: Any) -> types.Array | None:
        if isinstance(stack, StackType) and isinstance(count, types.Integer):
            return stack.segment
        return None

    return typer


for _function in (reserve, reserve_zeroed, release):
    type_callable(_function)(_type_segment)


# --- lowering -------------------------------------------------------------------------------------


def _runtime_function(builder: Any, name: str, result: Any, *params: Any) -> Any:
    kind = ir.FunctionType(result, list(params))
    function = cgutils.get_or_insert_function(builder.module, kind, name)
    function.attributes.add("nounwind")
    return function


@lower_builtin(new_stack)
@lower_builtin(new_stack, types.Any)
def _lower_new_stack(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    void = ir.VoidType()
    free = _runtime_function(builder, "numbad_stack_free", void, _POINTER, _I64, _POINTER)
    size = context.get_constant(types.uintp, runtime.STACK_BYTES)
    owner = context.nrt.meminfo_alloc_dtor(builder, size, builder.bitcast(free, _POINTER))
    init = _runtime_function(builder, "numbad_stack_init", void, _POINTER)
    builder.call(init, [context.nrt.meminfo_data(builder, owner)])
    stack = cgutils.create_struct_proxy(signature.return_type)(context, builder)
    stack.owner = owner
    return impl_ret_new_ref(context, builder, signature.return_type, stack._getvalue())


class _Header:
    """The fields of a stack that the usual case reads and writes."""

    def __init__(self, context: Any, builder: Any, type_: StackType, value: Any) -> None:
        self.builder = builder
        stack = cgutils.create_struct_proxy(type_)(context, builder, value=value)
        self.address = context.nrt.meminfo_data(builder, stack.owner)
        self.fields = builder.bitcast(self.address, _HEADER.as_pointer())

    def get(self, field: int) -> Any:
        return self.builder.load(cgutils.gep_inbounds(self.builder, self.fields, 0, field))

    def set(self, field: int, value: Any) -> None:
        self.builder.store(value, cgutils.gep_inbounds(self.builder, self.fields, 0, field))


def _size(context: Any, builder: Any, signature: Any, args: Any) -> tuple[Any, Any, Any]:
    """Return item size, number of items and number of bytes; negative counts are refused."""
    count = context.cast(builder, args[1], signature.args[1], types.int64)
    with builder.if_then(builder.icmp_signed("<", count, _I64(0)), likely=False):
        message = ("negative dimensions not allowed",)
        context.call_conv.return_user_exc(builder, ValueError, message)
    item = context.get_abi_sizeof(context.get_data_type(signature.return_type.dtype))
    return _I64(item), count, builder.mul(count, _I64(item))


def _segment(
    context: Any, builder: Any, type_: types.Array, header: _Header, start: Any, sizes: Any
) -> Any:
    """Return the segment that starts ``start`` bytes into the current chunk."""
    item, count, _ = sizes
    array = make_array(type_)(context, builder)
    data = builder.gep(header.get(_DATA), [start])
    populate_array(
        array,
        data=builder.bitcast(data, array.data.type),
        shape=cgutils.pack_array(builder, [count]),
        strides=cgutils.pack_array(builder, [item]),
        itemsize=item,
        meminfo=header.get(_OWNER),
    )
    value = array._getvalue()
    context.nrt.incref(builder, type_, value)
    return value


def _slow_path(builder: Any, name: str, header: _Header, size: Any) -> Any:
    """Call a function of the runtime; return whether it failed."""
    function = _runtime_function(builder, name, _I32, _POINTER, _I64)
    status = builder.call(function, [header.address, size])
    return builder.icmp_unsigned("!=", status, _I32(0))


def _lower_reserve(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    header = _Header(context, builder, signature.args[0], args[0])
    sizes = _size(context, builder, signature, args)
    room = builder.sub(header.get(_CAPACITY), header.get(_TOP))
    with builder.if_then(builder.icmp_unsigned("<", room, sizes[2]), likely=False):
        failed = _slow_path(builder, "numbad_stack_grow", header, sizes[2])
        with builder.if_then(failed, likely=False):
            message = ("Allocation failed (probably too large).",)
            context.call_conv.return_user_exc(builder, MemoryError, message)
    start = header.get(_TOP)
    header.set(_TOP, builder.add(start, sizes[2]))
    return _segment(context, builder, signature.return_type, header, start, sizes)


@lower_builtin(reserve, StackType, types.Integer)
def _lower_plain_reserve(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    return _lower_reserve(context, builder, signature, args)


@lower_builtin(reserve_zeroed, StackType, types.Integer)
def _lower_reserve_zeroed(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    value = _lower_reserve(context, builder, signature, args)
    array = make_array(signature.return_type)(context, builder, value=value)
    size = builder.mul(array.nitems, array.itemsize)
    cgutils.memset(builder, array.data, size, 0)
    return value


@lower_builtin(release, StackType, types.Integer)
def _lower_release(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    header = _Header(context, builder, signature.args[0], args[0])
    sizes = _size(context, builder, signature, args)
    with builder.if_then(builder.icmp_unsigned("<", header.get(_TOP), sizes[2]), likely=False):
        failed = _slow_path(builder, "numbad_stack_shrink", header, sizes[2])
        with builder.if_then(failed, likely=False):
            context.call_conv.return_user_exc(builder, RuntimeError, (_UNBALANCED,))
    start = builder.sub(header.get(_TOP), sizes[2])
    header.set(_TOP, start)
    return _segment(context, builder, signature.return_type, header, start, sizes)


# --- passing stacks through Python ----------------------------------------------------------------


@typeof_impl.register(Stack)
def _typeof_stack(value: Stack, context: Any) -> StackType | None:
    return StackType(value.dtype) if isinstance(value.dtype, types.Type) else None


@box(StackType)
def _box_stack(type_: StackType, value: Any, c: Any) -> Any:
    stack = cgutils.create_struct_proxy(type_)(c.context, c.builder, value=value)
    owner = c.box(types.MemInfoPointer(types.voidptr), stack.owner)
    cls = c.pyapi.unserialize(c.pyapi.serialize_object(Stack))
    dtype = c.pyapi.unserialize(c.pyapi.serialize_object(type_.dtype))
    result = c.pyapi.call_function_objargs(cls, [dtype, owner])
    for obj in (cls, dtype, owner):
        c.pyapi.decref(obj)
    return result


@unbox(StackType)
def _unbox_stack(type_: StackType, obj: Any, c: Any) -> NativeValue:
    owner = c.pyapi.object_getattr_string(obj, "owner")
    pointer = c.unbox(types.MemInfoPointer(types.voidptr), owner).value
    c.pyapi.decref(owner)
    stack = cgutils.create_struct_proxy(type_)(c.context, c.builder)
    stack.owner = pointer
    return NativeValue(stack._getvalue(), is_error=c.pyapi.c_api_error())
