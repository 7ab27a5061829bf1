"""Symbolic keys of lengths: equal keys mean equal values whenever the program runs.

A key is an affine combination of atoms with integer coefficients; atoms are lengths of arrays and
other integers of the program. Lengths are known to be non-negative, so ``x[1:]`` of an array of
``n`` elements and an array allocated with ``n - 1`` elements have the same key.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING

from numbad.ir import nodes as ir
from numbad.ir.types import INT64

if TYPE_CHECKING:
    from numbad.frontend.builder import Builder

Affine = tuple[int, tuple[tuple[Hashable, int], ...]]
ShapeKey = Callable[[ir.Var, int], Hashable | None]

_DEPTH = 8


def constant_key(value: int) -> Hashable:
    """Key of a known integer."""
    return ("affine", value, ())


def operand_key(builder: Builder, operand: ir.Operand, shape_key: ShapeKey) -> Hashable:
    """Key of an int64 operand; ``shape_key`` gives the keys of lengths that are known."""
    return _as_key(_affine(builder, operand, shape_key, _DEPTH))


def add_key(key: Hashable, offset: int) -> Hashable:
    """Key of a value that differs from that of another key by a constant."""
    constant, terms = _as_affine(key)
    return _as_key((constant + offset, terms))


def _as_affine(key: Hashable) -> Affine:
    if isinstance(key, tuple) and key and key[0] == "affine":
        return key[1], key[2]
    return 0, ((key, 1),)


def _as_key(affine: Affine) -> Hashable:
    constant, terms = affine
    if constant == 0 and len(terms) == 1 and terms[0][1] == 1:
        return terms[0][0]
    return ("affine", constant, terms)


def _combine(first: Affine, second: Affine, sign: int) -> Affine:
    weights: dict[Hashable, int] = dict(first[1])
    for atom, weight in second[1]:
        weights[atom] = weights.get(atom, 0) + sign * weight
    terms = tuple(sorted(((atom, weight) for atom, weight in weights.items() if weight), key=repr))
    return first[0] + sign * second[0], terms


def _affine(builder: Builder, operand: ir.Operand, shape_key: ShapeKey, depth: int) -> Affine:
    match operand:
        case ir.Const(value):
            return int(value), ()
        case ir.Undefined():
            return 0, ((("undefined",), 1),)
    atom: Affine = (0, ((("var", operand.id), 1),))
    expr = builder.definitions.get(operand.id)
    if depth == 0 or expr is None:
        return atom
    match expr:
        case ir.Shape(array, axis):
            key = shape_key(array, axis)
            return atom if key is None else _as_affine(key)
        case ir.Cast(value) if value.type == INT64:
            return _affine(builder, value, shape_key, depth - 1)
        case ir.Call(operator.add | operator.sub as fn, (left, right)) if (
            left.type == INT64 and right.type == INT64
        ):
            return _combine(
                _affine(builder, left, shape_key, depth - 1),
                _affine(builder, right, shape_key, depth - 1),
                1 if fn is operator.add else -1,
            )
        case ir.Call(operator.mul, (ir.Const(factor), other) | (other, ir.Const(factor))) if (
            other.type == INT64 and isinstance(factor, int)
        ):
            constant, terms = _affine(builder, other, shape_key, depth - 1)
            scaled = tuple((atom, weight * factor) for atom, weight in terms if factor)
            return constant * factor, scaled
        case _:
            return atom
