"""Lanes that a compiled function returns to Python: arrays of as many numbers."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import box
from numba.np.arrayobj import make_array, populate_array

from numbad.kernels.lanes import LanesType

_I64 = ir.IntType(64)


@box(LanesType)
def _box(type_: LanesType, value: Any, c: Any) -> Any:
    context, builder = c.context, c.builder
    kind = types.Array(type_.dtype, 1, "C")
    size = type_.dtype.bitwidth // 8
    info = context.nrt.meminfo_alloc_unchecked(builder, _I64(size * type_.count))
    memory = context.nrt.meminfo_data(builder, info)
    builder.store(value, builder.bitcast(memory, value.type.as_pointer()), align=size)
    array = make_array(kind)(context, builder)
    populate_array(
        array,
        data=builder.bitcast(memory, array.data.type),
        shape=cgutils.pack_array(builder, [_I64(type_.count)], _I64),
        strides=cgutils.pack_array(builder, [_I64(size)], _I64),
        itemsize=_I64(size),
        meminfo=info,
        parent=None,
    )
    return c.box(kind, array._getvalue())
