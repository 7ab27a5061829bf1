"""Lengths of the arrays that a function returns, as far as its arguments determine them.

A length that is known to be that of an argument needs no check, and loops over the two fuse.
"""

from __future__ import annotations

from dataclasses import dataclass

from numbad.frontend.arrays import array_dims, note_fresh
from numbad.frontend.arrays.dims import Dim, dim_of, known_dim, shape_dim
from numbad.frontend.builder import Builder
from numbad.ir import nodes as ir
from numbad.ir.types import Array, is_integer


@dataclass(frozen=True)
class OfArgument:
    """The length of an array argument along an axis; without an axis, the value of an integer."""

    position: int
    axis: int | None


Length = OfArgument | int | None
Lengths = tuple[tuple[Length, ...], ...]


def lengths_of(builder: Builder, params: list[ir.Var], results: tuple[ir.Operand, ...]) -> Lengths:
    """Return what is known of the lengths of the results; nothing for those that are no arrays."""
    sources: dict[object, OfArgument] = {}
    for position, param in enumerate(params):
        if isinstance(param.type, Array):
            for axis, dim in enumerate(array_dims(builder, param)):
                sources.setdefault(dim.key, OfArgument(position, axis))
        elif is_integer(param.type):
            sources.setdefault(dim_of(builder, param).key, OfArgument(position, None))
    found: list[tuple[Length, ...]] = []
    for result in results:
        dims: tuple[Dim, ...] = ()
        if isinstance(result, ir.Var) and isinstance(result.type, Array):
            dims = array_dims(builder, result)
        found.append(
            tuple(sources.get(dim.key) if dim.known is None else dim.known for dim in dims)
        )
    return tuple(found)


def note_lengths_of_results(
    builder: Builder,
    lengths: Lengths,
    arguments: tuple[ir.Operand, ...],
    results: list[ir.Var],
) -> None:
    """Record at a call what is known of the lengths of its results."""
    for known, result in zip(lengths, results, strict=True):
        if not isinstance(result.type, Array):
            continue
        dims = tuple(
            _dim(builder, length, arguments) or shape_dim(builder, result, axis)
            for axis, length in enumerate(known)
        )
        note_fresh(builder, result, dims)


def _dim(builder: Builder, length: Length, arguments: tuple[ir.Operand, ...]) -> Dim | None:
    match length:
        case None:
            return None
        case int():
            return known_dim(length)
        case OfArgument(position, None):
            return dim_of(builder, arguments[position])
        case OfArgument(position, axis):
            array = arguments[position]
            assert isinstance(array, ir.Var) and axis is not None
            return array_dims(builder, array)[axis]
