"""Constant factors of cotangents.

A cotangent is the end of a long chain of products; every factor in it is waited for. Constants need
not stand in that chain: ``2 * (-(100 * v))`` is ``-200 * v``, and ``2 * (v * slope)`` is ``v``
times twice the slope, which is known before ``v`` is. The program's own values are never
rearranged.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from numbad.ir import nodes as ir
from numbad.ir.build import BlockBuilder
from numbad.ir.types import Lanes, Type, is_real
from numbad.transform import arith

# Factors beyond are left where they are, as their product could overflow.
_LARGEST = 2.0**20


@dataclass(frozen=True)
class _Product:
    """A cotangent times a slope; ``absorbing`` says which of the two, being zero, wins."""

    cotangent: ir.Operand
    slope: ir.Operand
    absorbing: frozenset[str]


class Scaling:
    """The multiples and products that a backward sweep has emitted, for rearranging them."""

    def __init__(self) -> None:
        self._multiples: dict[ir.Var, tuple[float, ir.Operand]] = {}
        self._products: dict[ir.Var, _Product] = {}

    def note(self, target: ir.Var, call: ir.Call) -> None:
        """Learn how a value that is the sweep's own has been computed."""
        factor = arith.constant_factor(call)
        if factor is not None and _is_scalable(target.type):
            self._note_multiple(target, *factor)

    def multiple(self, block: BlockBuilder, operand: ir.Operand, factor: float) -> ir.Operand:
        """Return ``factor`` times the operand."""
        if factor == 1.0:
            # The cotangent of a sum stays the same value, by which loops of sums are known.
            return operand
        root, whole = operand, factor
        if isinstance(operand, ir.Var) and operand in self._multiples:
            inner, inside = self._multiples[operand]
            if _is_moderate(inner * factor):
                root, whole = inside, inner * factor
        if whole == 1.0:
            return root
        made = self._products.get(root) if isinstance(root, ir.Var) else None
        # A sign alone stays: it becomes a subtraction.
        if made is not None and _is_moderate(whole) and whole != -1.0:
            slope = self.multiple(block, made.slope, whole)
            return self.product(block, made.cotangent, slope, made.absorbing)
        found = arith.multiple(block, root, whole)
        if isinstance(found, ir.Var) and _is_scalable(found.type):
            self._note_multiple(found, whole, root)
        return found

    def product(
        self,
        block: BlockBuilder,
        cotangent: ir.Operand,
        slope: ir.Operand,
        absorbing: frozenset[str] = frozenset(),
    ) -> ir.Operand:
        """Return the cotangent times the slope."""
        if isinstance(slope, ir.Const) and _is_factor(slope, cotangent.type):
            return self.multiple(block, cotangent, float(slope.value))
        if absorbing == {"cotangent", "slope"}:
            found = arith.absorb(block, cotangent, slope, both=True)
        elif absorbing == {"cotangent"}:
            found = arith.absorb(block, cotangent, slope)
        elif absorbing == {"slope"}:
            found = arith.absorb(block, slope, cotangent)
        else:
            found = arith.multiply(block, cotangent, slope)
        if not isinstance(found, ir.Var) or found in (cotangent, slope):
            return found
        if _is_scalable(found.type) and slope.type == found.type:
            self._products[found] = _Product(cotangent, slope, absorbing)
        return found

    def _note_multiple(self, target: ir.Var, factor: float, root: ir.Operand) -> None:
        if isinstance(root, ir.Var) and root in self._multiples:
            inner, inside = self._multiples[root]
            if _is_moderate(inner * factor):
                factor, root = inner * factor, inside
        self._multiples[target] = (factor, root)


def _is_factor(slope: ir.Const, type_: Type) -> bool:
    is_number = isinstance(slope.value, int | float) and math.isfinite(slope.value)
    return is_number and slope.value != 0 and _is_scalable(type_)


def _is_moderate(factor: float) -> bool:
    return 1.0 / _LARGEST <= abs(factor) <= _LARGEST


def _is_scalable(type_: Type) -> bool:
    return is_real(type_) or isinstance(type_, Lanes)
