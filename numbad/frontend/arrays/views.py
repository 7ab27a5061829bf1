"""Views: basic subscripts, transposes and reshapes, which share memory with their array."""

from __future__ import annotations

import operator
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

from numbad import numba_bridge
from numbad.frontend.arrays.dims import (
    Dim,
    Dims,
    array_dims,
    dim_of,
    known_dim,
    mark_copied,
    note_view,
    root_of,
    state,
    total,
)
from numbad.frontend.arrays.keys import add_key
from numbad.frontend.arrays.lazy import copy_elements, of_array
from numbad.frontend.arrays.subscripts import FULL, At, Item
from numbad.frontend.arrays.support import ONE, Node, arithmetic, let
from numbad.ir import nodes as ir
from numbad.ir.types import Array, Scalar, real_type

if TYPE_CHECKING:
    from numbad.frontend.builder import Builder

BasicItem = ir.Operand | ir.Slice | ir.NewAxis


def subview(builder: Builder, array: ir.Var, items: Sequence[Item], node: Node = None) -> ir.Var:
    """Return ``array[items]`` for a basic subscript that leaves an axis."""
    assert isinstance(array.type, Array)
    index: list[BasicItem] = []
    for item in items:
        assert isinstance(item, At | ir.Slice | ir.NewAxis)
        index.append(item.position if isinstance(item, At) else item)
    while index and index[-1] == FULL:
        index.pop()
    if not index:
        return array
    type_ = _view_type(builder, array.type, index, node)
    base = array_dims(builder, array)
    view = let(builder, type_, ir.Subview(array, tuple(index)))
    dims: list[Dim] = []
    path: list[Hashable] = []
    axis = 0
    rest = len(base) - sum(not isinstance(part, ir.NewAxis) for part in index)
    for part in [*index, *[FULL] * rest]:
        match part:
            case ir.NewAxis():
                dims.append(known_dim(1))
                path.append("new")
                continue
            case ir.Slice():
                key = _slice_key(builder, part, base[axis])
                path.append(key)
                if part == FULL:
                    dims.append(base[axis])
                else:
                    dims.append(_slice_dim(builder, part, base[axis], view, len(dims)))
            case _:
                path.append(("at", dim_of(builder, part).key))
        axis += 1
    note_view(builder, view, array, tuple(dims), tuple(path))
    return view


def _view_type(builder: Builder, base: Array, index: Sequence[BasicItem], node: Node) -> Array:
    kinds = []
    for item in index:
        match item:
            case ir.NewAxis():
                kinds.append("newaxis")
            case ir.Slice(_, _, step):
                kinds.append("slice" if step is None else "step")
            case _:
                kinds.append("integer")
    found = numba_bridge.view_type(base, tuple(kinds))
    if found is None:
        builder.type_error(node, f"This subscript of {base} is not supported by Numba.")
    return found


def _slice_key(builder: Builder, item: ir.Slice, base: Dim) -> Hashable:
    bounds = tuple(
        None if bound is None else dim_of(builder, bound).key
        for bound in (item.start, item.stop, item.step)
    )
    return ("slice", base.key, *bounds)


def _slice_dim(builder: Builder, item: ir.Slice, base: Dim, view: ir.Var, axis: int) -> Dim:
    start, stop, step = item.start, item.stop, item.step
    plain_start = start is None or (isinstance(start, ir.Const) and start.value >= 0)
    plain_stop = stop is None or (isinstance(stop, ir.Const) and stop.value < 0)
    offset = int(start.value) if isinstance(start, ir.Const) else 0
    cut = int(stop.value) if isinstance(stop, ir.Const) else 0
    bounds = [bound.value for bound in (start, stop, step) if isinstance(bound, ir.Const)]
    length = base.known
    if length is not None and len(bounds) == sum(
        bound is not None for bound in (start, stop, step)
    ):
        given = [
            bound.value if isinstance(bound, ir.Const) else None for bound in (start, stop, step)
        ]
        return known_dim(len(range(*slice(*given).indices(length))))
    if step is None and plain_start and plain_stop:
        return Dim(builder.shape(view, axis), add_key(base.key, cut - offset))
    return Dim(builder.shape(view, axis), ("length", _slice_key(builder, item, base)))


def transpose(builder: Builder, array: ir.Var, axes: Sequence[int] | None = None) -> ir.Var:
    """Return ``array.transpose(axes)``; the axes are reversed if none are given."""
    assert isinstance(array.type, Array)
    ndim = array.type.ndim
    order = tuple(range(ndim - 1, -1, -1)) if axes is None else tuple(axes)
    if order == tuple(range(ndim)):
        return array
    layout = "A"
    if order == tuple(range(ndim - 1, -1, -1)):
        layout = {"C": "F", "F": "C", "A": "A"}[array.type.layout]
    base = array_dims(builder, array)
    type_ = Array(array.type.dtype, ndim, layout, array.type.readonly)
    view = let(builder, type_, ir.Transpose(array, order))
    note_view(builder, view, array, tuple(base[axis] for axis in order), ("transpose", order))
    return view


def component(builder: Builder, array: ir.Var, name: str) -> ir.Var:
    """Return ``array.real`` or ``array.imag`` of a complex array."""
    assert isinstance(array.type, Array)
    assert isinstance(array.type.dtype, Scalar)
    type_ = Array(real_type(array.type.dtype), array.type.ndim, "A", array.type.readonly)
    view = let(builder, type_, ir.Component(array, name))
    note_view(builder, view, array, array_dims(builder, array), name)
    return view


def contiguous(builder: Builder, array: ir.Var) -> ir.Var:
    """Return the array if it is C-contiguous, else a copy that is."""
    assert isinstance(array.type, Array)
    if array.type.layout == "C":
        return array
    return copy_elements(builder, of_array(builder, array))


def reshaped(builder: Builder, array: ir.Var, lengths: Sequence[ir.Operand | None]) -> ir.Var:
    """Return what the user sees as ``array.reshape(lengths)``.

    NumPy shares the memory of an array that is not contiguous where its strides allow that, and
    copies it elsewhere. Here it is shared if axes of length one are all that changes. A copy is
    remembered: ``check_writable`` refuses to write to it.
    """
    assert isinstance(array.type, Array)
    if array.type.layout == "C":
        return reshape(builder, array, lengths)
    own = array_dims(builder, array)
    ones = [isinstance(length, ir.Const) and length.value == 1 for length in lengths]
    kept = [length for length, is_one in zip(lengths, ones, strict=True) if not is_one]
    if len(kept) == len(own) and all(
        length is None or dim_of(builder, length).key == dim.key
        for length, dim in zip(kept, own, strict=True)
    ):
        return subview(builder, array, [ir.NewAxis() if is_one else FULL for is_one in ones])
    result = reshape(builder, array, lengths)
    if array.type.layout == "A":
        mark_copied(builder, result)
    return result


def check_writable(builder: Builder, array: ir.Var, node: Node = None) -> None:
    """Refuse to write to an array that is read-only or that stands for another."""
    assert isinstance(array.type, Array)
    if array.type.readonly:
        builder.error(
            node,
            f"`{array.name or 'The array'}` is read-only, so it cannot be written to.",
            remedy="Write to a copy of it.",
        )
    if root_of(builder, array).id in state(builder).copied:
        builder.error(
            node,
            f"`{array.name or 'The array'}` is written to, and may share memory with the array that"
            " it was made from.",
            remedy="Write to a copy of it.",
        )


def reshape(builder: Builder, array: ir.Var, lengths: Sequence[ir.Operand | None]) -> ir.Var:
    """Return the array in another shape; one length may be None: what is left of the size.

    The result shares memory with a C-contiguous array and is a copy of any other.
    """
    array = contiguous(builder, array)
    assert isinstance(array.type, Array)
    own = array_dims(builder, array)
    size = total(builder, own)
    message = "cannot reshape array: the sizes differ"
    known: ir.Operand = ONE
    for length in lengths:
        if length is not None:
            known = arithmetic(builder, operator.mul, known, length)
    if any(length is None for length in lengths):
        dims = _complete(builder, lengths, own, size, known, message)
    else:
        dims = tuple(dim_of(builder, length) for length in lengths if length is not None)
        whole = total(builder, dims)
        if whole.key != size.key:
            differ = arithmetic(builder, operator.ne, whole.operand, size.operand)
            builder.raise_if(differ, ValueError, message)
    if len(dims) == len(own) and all(a.key == b.key for a, b in zip(dims, own, strict=True)):
        return array
    type_ = Array(array.type.dtype, len(dims), "C", array.type.readonly)
    view = let(builder, type_, ir.Reshape(array, tuple(dim.operand for dim in dims)))
    note_view(builder, view, array, dims, ("reshape", tuple(dim.key for dim in dims)))
    return view


def _complete(
    builder: Builder,
    lengths: Sequence[ir.Operand | None],
    own: Dims,
    size: Dim,
    known: ir.Operand,
    message: str,
) -> Dims:
    """Lengths of which one is None, with that one computed from the size."""
    rest = size
    if known != ONE:
        builder.raise_if(arithmetic(builder, operator.eq, known, _zero()), ValueError, message)
        left = arithmetic(builder, operator.mod, size.operand, known)
        builder.raise_if(arithmetic(builder, operator.ne, left, _zero()), ValueError, message)
        rest = dim_of(builder, arithmetic(builder, operator.floordiv, size.operand, known))
    return tuple(rest if length is None else dim_of(builder, length) for length in lengths)


def _zero() -> ir.Const:
    return ir.Const(0, ONE.type)
