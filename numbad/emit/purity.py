"""What evaluating an expression may do besides giving a value: raise, change or read memory.

The answers are used to decide whether a value may be computed later than the program says. They
err on the side of "may".
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any, assert_never

import numpy as np

from numbad.ir import nodes as ir
from numbad.ir.types import List, Stack, is_memory
from numbad.ir.visit import expr_operands, walk

_DIVISIONS = (operator.truediv, operator.floordiv, operator.mod, divmod)
_CHEAP: tuple[Any, ...] = (
    *(operator.add, operator.sub, operator.mul, operator.neg, operator.pos, operator.not_, abs),
    *(operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne),
)
_NUMPY_FUNCTIONS = frozenset(id(value) for value in vars(np).values() if callable(value))
_MATH_FUNCTIONS = frozenset(id(value) for value in vars(math).values() if callable(value))
_OPERATORS = frozenset(id(value) for value in vars(operator).values() if callable(value))


def is_random(fn: Callable[..., Any]) -> bool:
    """Whether calls of ``fn`` give a different value each time."""
    module = getattr(fn, "__module__", None) or ""
    owner = type(getattr(fn, "__self__", None)).__module__
    return module.split(".")[0] == "random" or "numpy.random" in (module, owner)


def has_effect(expr: ir.Expr) -> bool:
    """Whether the expression must be evaluated exactly where it stands, even if unused."""
    return ir.has_effect(expr) or (isinstance(expr, ir.Call) and is_random(expr.fn))


def may_raise(expr: ir.Expr) -> bool:
    """Whether evaluating the expression can raise an exception."""
    match expr:
        case ir.Call(fn):
            if fn in _DIVISIONS:
                return True
            known = _NUMPY_FUNCTIONS | _MATH_FUNCTIONS | _OPERATORS
            return not (id(fn) in known or fn in (abs, min, max, round, float, int, complex, bool))
        case ir.Invoke() | ir.Pop() | ir.Alloc() | ir.Reserve():
            return True
        case _:
            return False


def is_cheap(expr: ir.Expr) -> bool:
    """Whether the expression is plain arithmetic that costs next to nothing and cannot raise."""
    match expr:
        case ir.Call(fn, args):
            return fn in _CHEAP and not any(is_memory(arg.type) for arg in args)
        case ir.Cast() | ir.Shape() | ir.TupleItem():
            return True
        case _:
            return False


def reads_memory(expr: ir.Expr) -> tuple[ir.Operand, ...]:
    """Return the memory whose contents the value of the expression depends on."""
    match expr:
        case (
            ir.Subview()
            | ir.Transpose()
            | ir.Component()
            | ir.Reshape()
            | ir.Cast()
            | ir.MakeTuple()
        ):
            return ()
        case ir.TupleItem():
            return ()
        case ir.Shape(array):
            return (array,) if isinstance(array.type, List) else ()
        case _:
            return tuple(v for v in expr_operands(expr) if is_memory(v.type))


class Memory:
    """Which memory operands may overlap, from where they come in one function."""

    def __init__(self, function: ir.Function) -> None:
        self._bases: dict[ir.Var, ir.Operand] = {}
        self._fresh: set[ir.Var] = set()
        self._tapes: set[ir.Var] = set()
        self._params = set(function.params)
        for statement in walk(function.body):
            if isinstance(statement, ir.Let) and is_memory(statement.target.type):
                self._define(statement.target, statement.expr)

    def _define(self, target: ir.Var, expr: ir.Expr) -> None:
        match expr:
            case (
                ir.Subview(array)
                | ir.Transpose(array)
                | ir.Component(array)
                | ir.Reshape(array)
                | ir.Cast(array)
            ):
                self._bases[target] = array
            case ir.Alloc(purpose=purpose):
                self._fresh.add(target)
                if purpose == "tape":
                    self._tapes.add(target)
            case _:
                pass

    def _base(self, operand: ir.Operand) -> ir.Operand:
        while isinstance(operand, ir.Var) and operand in self._bases:
            operand = self._bases[operand]
        return operand

    def may_overlap(self, first: ir.Operand, second: ir.Operand) -> bool:
        """Whether a write to one operand can change what is read from the other."""
        if isinstance(first.type, List | Stack) != isinstance(second.type, List | Stack):
            return False
        a, b = self._base(first), self._base(second)
        if a == b:
            return True
        if a in self._tapes or b in self._tapes:
            return False
        known = self._fresh | self._params
        return not (a in known and b in known and (a in self._fresh or b in self._fresh))


def written_memory(statement: ir.Stmt) -> list[ir.Operand] | None:
    """Return the memory that the statement writes, regions included; None if it may be any."""
    found: list[ir.Operand] = []
    for inner in walk((statement,)):
        match inner:
            case ir.Store(array) | ir.Accumulate(array) | ir.Append(array):
                found.append(array)
            case ir.Let(_, ir.Pop(array)):
                found.append(array)
            case ir.Let(_, ir.Invoke() | ir.Reserve() | ir.Release()):
                return None
            case ir.Effect(_, args):
                found += [arg for arg in args if is_memory(arg.type)]
            case ir.Let() | ir.Raise() | ir.For() | ir.While() | ir.If():
                pass
            case _:
                assert_never(inner)
    return found


def is_observable(statement: ir.Stmt) -> bool:
    """Whether the statement acts on the outside world or raises, its regions included.

    Errors of arithmetic do not count: in which order two of them would come up is not kept.
    """
    for inner in walk((statement,)):
        match inner:
            case ir.Effect() | ir.Raise():
                return True
            case ir.Let(_, expr) if has_effect(expr):
                return True
            case _:
                pass
    return False
