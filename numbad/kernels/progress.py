"""How far a running sweep is: two numbers that generated code writes and another thread reads."""

from __future__ import annotations

import ctypes
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import lower_builtin, type_callable

from numbad.kernels import runtime

_I64 = ir.IntType(64)


def tick(loop: int, done: int, total: int) -> None:
    """Note that ``done`` of ``total`` iterations of the loop of this number have been run."""
    runtime.call("numbad_progress", None, loop, done, total)


def state() -> tuple[int, int, int]:
    """Return the loop, and how many of how many of its iterations have been run."""
    loop, done, total = (
        int(runtime.call("numbad_progress_state", ctypes.c_int64, which)) for which in range(3)
    )
    return loop, done, total


@type_callable(tick)
def _type_tick(context: Any) -> Any:
    def typer(loop: Any, done: Any, total: Any) -> Any:
        return (
            types.none if all(isinstance(t, types.Integer) for t in (loop, done, total)) else None
        )

    return typer


@lower_builtin(tick, types.Integer, types.Integer, types.Integer)
def _lower_tick(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    values = [
        context.cast(builder, value, type_, types.int64)
        for value, type_ in zip(args, signature.args, strict=True)
    ]
    kind = ir.FunctionType(ir.VoidType(), [_I64] * 3)
    builder.call(cgutils.get_or_insert_function(builder.module, kind, "numbad_progress"), values)
    return context.get_dummy_value()
