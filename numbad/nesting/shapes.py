"""Matrices of derivatives as values of the front end: their shapes, and zeros."""

from __future__ import annotations

from dataclasses import replace

from numbad.frontend.builder import Builder
from numbad.ir import nodes as ir
from numbad.ir.types import INT64, Array, is_memory, tangent_type
from numbad.transform import arith
from numbad.transform.directions import new_zeros, plain_dtype


def size_of(builder: Builder, operand: ir.Operand) -> ir.Operand:
    """Number of elements."""
    size: ir.Operand = arith.ONE
    for extent in shape_of(builder, operand):
        size = arith.mul_int(builder.block, size, extent)
    return size


def shape_of(builder: Builder, operand: ir.Operand) -> tuple[ir.Operand, ...]:
    """Extents of an array; none for a number."""
    if not isinstance(operand.type, Array):
        return ()
    assert isinstance(operand, ir.Var)
    return tuple(builder.shape(operand, axis) for axis in range(operand.type.ndim))


def zero_matrix(builder: Builder, y: ir.Operand, x: ir.Operand) -> ir.Var:
    """Return a new derivative matrix of ``y`` by ``x`` that is zero."""
    type_ = tangent_type(x.type)
    assert type_ is not None
    dtype = plain_dtype(type_)
    extents = (size_of(builder, y), size_of(builder, x))
    return builder.let(Array(dtype, 2, "C"), ir.Alloc(extents, arith.zero(dtype)))


def zero_like(builder: Builder, x: ir.Operand) -> ir.Operand:
    """Return a zero gradient with respect to ``x``."""
    type_ = tangent_type(x.type)
    assert type_ is not None
    if not isinstance(type_, Array):
        return arith.zero(type_)
    return new_zeros(replace(type_, layout="C"), shape_of(builder, x), builder.block, "")


def vector_for_number(builder: Builder, matrix: ir.Var, x: ir.Operand) -> ir.Var:
    """Return a matrix by an array ``x`` as it is, by a number as a vector."""
    if is_memory(x.type):
        return matrix
    dtype = plain_dtype(matrix.type)
    rows = builder.let(INT64, ir.Shape(matrix, 0))
    return builder.let(Array(dtype, 1, "C"), ir.Reshape(matrix, (rows,)))


def diagonal_for(builder: Builder, diagonal: ir.Var, x: ir.Operand) -> ir.Operand:
    """Return the elements of a diagonal in the shape of ``x``."""
    dtype = plain_dtype(diagonal.type)
    if not isinstance(x.type, Array):
        return builder.let(dtype, ir.Load(diagonal, (arith.ZERO,)))
    type_ = Array(dtype, x.type.ndim, "C")
    return builder.let(type_, ir.Reshape(diagonal, shape_of(builder, x)))
