"""Column sets as values: their types, unions, and what calls on whole arrays do to them.

A set of at most 64 columns is the bits of a ``uint64``. Memory of numbers has memory of sets of the
same shape beside it.
"""

from __future__ import annotations

import operator
from dataclasses import replace

import numpy as np

from numbad.errors import UnsupportedSyntax
from numbad.ir import nodes as ir
from numbad.ir.build import BlockBuilder
from numbad.ir.types import (
    INT64,
    UINT64,
    Array,
    Lanes,
    List,
    Opaque,
    Scalar,
    Stack,
    Tuple,
    Type,
    is_memory,
    tangent_type,
)
from numbad.kernels import masks
from numbad.transform import arith
from numbad.transform.arrays import copy_into
from numbad.transform.augment import shadow_type

MASK = UINT64
EMPTY = ir.Const(0, MASK)

_PRODUCTS = (np.dot, np.matmul, operator.matmul, operator.imatmul)


def mask_type(type_: Type) -> Type:
    """Return the type of the column sets of a value that has a tangent."""
    return _with_masks(shadow_type(type_) if is_memory(type_) else tangent_type(type_))


def _with_masks(type_: Type | None) -> Type:
    match type_:
        case Scalar() | Lanes():
            return MASK
        case Array():
            return replace(type_, dtype=MASK)
        case List(item):
            return List(_with_masks(item))
        case Stack():
            return Stack(MASK)
        case Tuple() | Opaque() | None:
            raise AssertionError(f"a value with tangent {type_} has no set of columns")


def union(block: BlockBuilder, left: ir.Operand, right: ir.Operand) -> ir.Operand:
    """Return the union of two sets."""
    if arith.is_zero(left) or left == right:
        return right
    if arith.is_zero(right):
        return left
    return block.call(MASK, operator.or_, left, right)


def total(block: BlockBuilder, masks_: ir.Operand) -> ir.Operand:
    """Return the union of everything in the sets of a value."""
    match masks_.type:
        case Array():
            return block.call(MASK, masks.union, masks_)
        case List(item):
            assert isinstance(masks_, ir.Var)
            inner, counter = block.nested(), block.fresh.var(INT64, "i")
            state, result = block.fresh.var(MASK), block.fresh.var(MASK)
            value = inner.let(item, ir.Load(masks_, (counter,)))
            following = union(inner, state, total(inner, value))
            length = block.let(INT64, ir.Shape(masks_, 0))
            carried = (ir.Carried(state, EMPTY, following, result),)
            block.emit(
                ir.For(counter, arith.ZERO, length, arith.ONE, carried, inner.block(), block.origin)
            )
            return result
        case Scalar():
            return masks_
        case _:
            raise AssertionError(f"{masks_.type} is not a set of columns")


def everywhere(block: BlockBuilder, target: ir.Var, mask: ir.Operand) -> ir.Operand:
    """Return the sets of a value all of whose elements have the same one."""
    type_ = mask_type(target.type)
    match type_:
        case Scalar():
            return mask
        case Array(_, ndim):
            shape = tuple(block.let(INT64, ir.Shape(target, axis)) for axis in range(ndim))
            return block.let(type_, ir.Alloc(shape, mask, "shadow"))
        case _:
            raise UnsupportedSyntax(
                f"the sparsity pattern of a {target.type} that a call returns cannot be found.",
                origin=block.origin,
                remedy="Return an array, or give the pattern as `sparsity`.",
            )


Sets = dict[int, ir.Operand]
"""Column sets of the arguments of a call that have any, by position."""


def of_array_call(block: BlockBuilder, target: ir.Var, call: ir.Call, sets: Sets) -> ir.Operand:
    """Return the sets of the result of a call on arrays.

    Copies keep them and products of matrices combine rows and columns. Of any other call each
    element depends on all elements of the arguments.
    """
    if call.fn is np.copy:
        source = sets[0]
        assert isinstance(source, ir.Var)
        copied = everywhere(block, target, EMPTY)
        assert isinstance(copied, ir.Var)
        copy_into(block, copied, source)
        return copied
    if call.fn in _PRODUCTS and isinstance(target.type, Array):
        return _product(block, target, call, sets)
    whole: ir.Operand = EMPTY
    for source in sets.values():
        whole = union(block, whole, total(block, source))
    return everywhere(block, target, whole)


def _product(block: BlockBuilder, target: ir.Var, call: ir.Call, sets: Sets) -> ir.Operand:
    """Element i, j of a product depends on row i of the left and column j of the right factor."""
    parts: list[tuple[ir.Operand, int | None]] = []
    along = {0: (masks.union_of_rows, 0), 1: (masks.union_of_columns, -1)}
    for position, source in sets.items():
        assert isinstance(source.type, Array)
        if source.type.ndim == 2:
            function, axis = along[position]
            parts.append((block.call(Array(MASK, 1, "C"), function, source), axis))
        else:
            parts.append((total(block, source), None))
    made = everywhere(block, target, EMPTY)
    assert isinstance(made, ir.Var)
    assert isinstance(made.type, Array)
    builders = [block]
    index = tuple(block.fresh.var(INT64, "ij"[axis]) for axis in range(made.type.ndim))
    builders += [block.nested() for _ in index]
    inner = builders[-1]
    value: ir.Operand = EMPTY
    for part, place in parts:
        if place is None:
            value = union(inner, value, part)
        else:
            assert isinstance(part, ir.Var)
            value = union(inner, value, inner.let(MASK, ir.Load(part, (index[place],))))
    inner.emit(ir.Store(made, index, value, block.origin))
    for axis in reversed(range(made.type.ndim)):
        extent = builders[axis].let(INT64, ir.Shape(made, axis))
        builders[axis].emit(
            ir.For(
                index[axis],
                arith.ZERO,
                extent,
                arith.ONE,
                (),
                builders[axis + 1].block(),
                block.origin,
            )
        )
    return made
