"""Values of the IR as a user would write them, and their numbers for given arguments."""

from __future__ import annotations

import operator
from typing import Any

from numbad.analysis.regions import Regions
from numbad.ir import nodes as ir
from numbad.ir.text import callable_name

_SYMBOLS: dict[Any, tuple[str, int]] = {
    operator.add: ("+", 1),
    operator.sub: ("-", 1),
    operator.mul: ("*", 2),
    operator.truediv: ("/", 2),
    operator.floordiv: ("//", 2),
    operator.mod: ("%", 2),
    operator.pow: ("**", 3),
    operator.lt: ("<", 0),
    operator.le: ("<=", 0),
    operator.gt: (">", 0),
    operator.ge: (">=", 0),
    operator.eq: ("==", 0),
    operator.ne: ("!=", 0),
}
_DEEPEST = 4


class Formulas:
    """Texts and numbers of the values of one function.

    Parameters
    ----------
    regions : Regions
        Where its values are defined.
    """

    def __init__(self, regions: Regions) -> None:
        self.regions = regions

    def text(self, operand: ir.Operand, depth: int = 0, *, whole: bool = False) -> str:
        """Return a value as an expression; named values by name, unless ``whole`` is asked for."""
        return self._text(operand, depth, whole)[0]

    def _text(self, operand: ir.Operand, depth: int, whole: bool = False) -> tuple[str, int]:
        if isinstance(operand, ir.Const):
            return repr(operand.value), 9
        if isinstance(operand, ir.Undefined):
            return "...", 9
        if operand.name and not whole:
            return operand.name, 9
        statement = self.regions.definition.get(operand)
        if depth > _DEEPEST or not isinstance(statement, ir.Let):
            return operand.name or "...", 9
        return self._expression(statement.expr, depth + 1)

    def _expression(self, expr: ir.Expr, depth: int) -> tuple[str, int]:
        match expr:
            case ir.Call(fn, (a, b)) if fn in _SYMBOLS:
                symbol, strength = _SYMBOLS[fn]
                left, right = self._text(a, depth), self._text(b, depth)
                first = left[0] if left[1] >= strength else f"({left[0]})"
                second = right[0] if right[1] > strength else f"({right[0]})"
                return f"{first} {symbol} {second}", strength
            case ir.Call(fn, (a,)) if fn is operator.neg:
                inner = self._text(a, depth)
                return f"-{inner[0]}" if inner[1] > 2 else f"-({inner[0]})", 2
            case ir.Call(fn, args):
                return f"{callable_name(fn)}({', '.join(self.text(a, depth) for a in args)})", 9
            case ir.Load(array, index):
                items = ", ".join(self.text(item, depth) for item in index)
                return f"{self.text(array, depth)}[{items}]", 9
            case ir.Shape(array, axis):
                return f"{self.text(array, depth)}.shape[{axis}]", 9
            case ir.Cast(value):
                return self._text(value, depth)
            case _:
                return "...", 9

    def trips(self, loop: ir.For) -> str:
        """Return the number of iterations of a loop as a formula."""
        start, stop, step = (self.text(each) for each in (loop.start, loop.stop, loop.step))
        if isinstance(loop.step, ir.Const) and isinstance(loop.start, ir.Const):
            if isinstance(loop.stop, ir.Const):
                return str(len(range(loop.start.value, loop.stop.value, loop.step.value)))
            if loop.step.value == 1:
                return self._shifted(loop.stop, loop.start.value)
        if isinstance(loop.step, ir.Const) and loop.step.value == 1:
            return f"({stop} - {start})"
        return f"len(range({start}, {stop}, {step}))"

    def _shifted(self, operand: ir.Operand, shift: int) -> str:
        """Return ``operand - shift``, with what is subtracted from the operand already added."""
        statement = self.regions.definition.get(operand) if isinstance(operand, ir.Var) else None
        match statement:
            case ir.Let(_, ir.Call(fn, (inner, ir.Const(value)))) if fn is operator.sub:
                return self._shifted(inner, shift + int(value))
            case _:
                text = self.text(operand)
                return text if shift == 0 else f"({text} - {shift})"

    def number(self, operand: ir.Operand, known: dict[ir.Var, Any]) -> int | None:
        """Return the integer that a value has for these parameters; None if it is not known."""
        if isinstance(operand, ir.Const):
            return int(operand.value)
        if not isinstance(operand, ir.Var):
            return None
        if operand in known:
            return int(known[operand])
        statement = self.regions.definition.get(operand)
        if not isinstance(statement, ir.Let):
            return None
        match statement.expr:
            case ir.Shape(array, axis):
                return self._extent(array, axis, known)
            case ir.Cast(value):
                return self.number(value, known)
            case ir.Call(fn, args) if fn in _SYMBOLS or fn in (max, min, operator.neg):
                values = [self.number(arg, known) for arg in args]
                return None if None in values else int(fn(*values))
            case _:
                return None

    def _extent(self, array: ir.Var, axis: int, known: dict[ir.Var, Any]) -> int | None:
        if array in known:
            return int(known[array].shape[axis])
        match self.regions.definition.get(array):
            case ir.Let(_, ir.Alloc(shape)) | ir.Let(_, ir.Reshape(_, shape)):
                return self.number(shape[axis], known)
            case ir.Let(_, ir.Component(inner)):
                return self._extent(inner, axis, known)
            case ir.Let(_, ir.Transpose(inner, axes)):
                return self._extent(inner, axes[axis], known)
            case _:
                return None

    def trips_number(self, loop: ir.For, known: dict[ir.Var, Any]) -> int | None:
        """Return the number of iterations of a loop for these parameters."""
        bounds = [self.number(each, known) for each in (loop.start, loop.stop, loop.step)]
        if None in bounds:
            return None
        start, stop, step = (int(each or 0) for each in bounds)
        return len(range(start, stop, step)) if step else 0
