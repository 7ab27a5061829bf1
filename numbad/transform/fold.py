"""Copy propagation and folding of what is known while compiling.

Replaces: operations on constants; integer and floating-point identities that hold bit for bit;
branches whose condition is constant; merges and carried values that are the same on every path;
loops that run zero times; lengths of arrays that are made here.
"""

from __future__ import annotations

import math
import operator
from dataclasses import replace
from typing import Any, assert_never

import numpy as np

from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.types import BOOL, INT64, Array, Scalar, Type, is_integer, is_memory, is_real

_FOLDABLE: frozenset[Any] = frozenset(
    {
        operator.add,
        operator.sub,
        operator.mul,
        operator.neg,
        operator.pos,
        operator.not_,
        operator.lt,
        operator.le,
        operator.gt,
        operator.ge,
        operator.eq,
        operator.ne,
        operator.and_,
        operator.or_,
        max,
        min,
        abs,
    }
)
_INT64_LIMIT = 2**63


def fold(function: ir.Function) -> ir.Function:
    """Return the function with constants and copies propagated."""
    folder = _Folder()
    body = folder.block(function.body)
    results = tuple(folder.operand(result) for result in function.results)
    return replace(function, body=body, results=results)


def _is_matrix(var: ir.Var) -> bool:
    return isinstance(var.type, Array) and var.type.ndim == 2


class _Folder:
    def __init__(self) -> None:
        self.substitution: dict[ir.Var, ir.Operand] = {}
        self.tuples: dict[ir.Var, tuple[ir.Operand, ...]] = {}
        self.made: dict[ir.Var, ir.Expr] = {}

    def _item(self, expr: ir.Expr) -> ir.Operand | None:
        match expr:
            case ir.TupleItem(ir.Var() as value, position) if value in self.tuples:
                return self.operand(self.tuples[value][position])
            case _:
                return None

    def _length(self, expr: ir.Expr) -> ir.Expr:
        """Return the length of what an array was made from in place of the array's own."""
        while isinstance(expr, ir.Shape):
            match self.made.get(expr.array):
                case ir.Transpose(array, axes):
                    expr = ir.Shape(array, axes[expr.axis])
                case ir.Component(array):
                    expr = ir.Shape(array, expr.axis)
                case ir.Call(np.dot, (ir.Var() as left, ir.Var() as right)) if _is_matrix(
                    left
                ) and _is_matrix(right):
                    expr = ir.Shape((left, right)[expr.axis], expr.axis)
                case _:
                    break
        return expr

    def _known_length(self, expr: ir.Expr) -> ir.Operand | None:
        match expr:
            case ir.Shape(array, axis):
                made = self.made.get(array)
                if isinstance(made, ir.Alloc) and made.purpose != "tape":
                    return self.operand(made.shape[axis])
                return None
            case _:
                return None

    def operand(self, operand: ir.Operand) -> ir.Operand:
        while isinstance(operand, ir.Var) and operand in self.substitution:
            operand = self.substitution[operand]
        return operand

    def _each(self, values: tuple[ir.Operand, ...]) -> tuple[ir.Operand, ...]:
        return tuple(self.operand(value) for value in values)

    def _memory(self, var: ir.Var) -> ir.Var:
        found = self.operand(var)
        assert isinstance(found, ir.Var)
        return found

    def block(self, block: ir.Block) -> ir.Block:
        out: list[ir.Stmt] = []
        for statement in block:
            self._statement(statement, out)
        return tuple(out)

    def _statement(self, statement: ir.Stmt, out: list[ir.Stmt]) -> None:
        match statement:
            case ir.Let(target, expr):
                expr = self._length(visit.map_expr(expr, self.operand))
                known = self._item(expr) or self._known_length(expr)
                known = known or _value_of(expr, target.type)
                if isinstance(target.type, Array):
                    self.made[target] = expr
                if isinstance(expr, ir.MakeTuple):
                    self.tuples[target] = expr.items
                if known is not None:
                    self.substitution[target] = known
                else:
                    out.append(replace(statement, expr=expr))
            case ir.Store(array, index, value) | ir.Accumulate(array, index, value):
                out.append(
                    replace(
                        statement,
                        array=self._memory(array),
                        index=self._each(index),
                        value=self.operand(value),
                    )
                )
            case ir.Append(array, value):
                out.append(replace(statement, array=self._memory(array), value=self.operand(value)))
            case ir.Effect(args=args) | ir.Raise(args=args):
                out.append(replace(statement, args=self._each(args)))
            case ir.For():
                self._for(statement, out)
            case ir.While():
                self._while(statement, out)
            case ir.If():
                self._if(statement, out)
            case _:
                assert_never(statement)

    def _drop_unchanged(self, carried: tuple[ir.Carried, ...]) -> tuple[ir.Carried, ...]:
        """Substitute carried values that never change by what they start from."""
        kept = []
        for item in carried:
            init = self.operand(item.init)
            if self.operand(item.next) == item.inner or (
                self.operand(item.next) == init and not isinstance(init, ir.Undefined)
            ):
                self.substitution[item.inner] = init
                self.substitution[item.result] = init
            else:
                kept.append(replace(item, init=init))
        return tuple(kept)

    def _for(self, statement: ir.For, out: list[ir.Stmt]) -> None:
        start, stop, step = self._each((statement.start, statement.stop, statement.step))
        if all(isinstance(bound, ir.Const) for bound in (start, stop, step)):
            bounds = [bound.value for bound in (start, stop, step)]  # type: ignore[union-attr]
            if bounds[2] != 0 and len(range(*bounds)) == 0:
                for item in statement.carried:
                    self.substitution[item.result] = self.operand(item.init)
                return
        kept = self._drop_unchanged(statement.carried)
        body = self.block(statement.body)
        carried = tuple(replace(item, next=self.operand(item.next)) for item in kept)
        out.append(
            replace(statement, start=start, stop=stop, step=step, carried=carried, body=body)
        )

    def _while(self, statement: ir.While, out: list[ir.Stmt]) -> None:
        kept = self._drop_unchanged(statement.carried)
        before = self.block(statement.before)
        condition = self.operand(statement.condition)
        if isinstance(condition, ir.Const) and not condition.value:
            for item in kept:
                self.substitution[item.inner] = item.init
                self.substitution[item.result] = item.init
            out.extend(before)
            return
        body = self.block(statement.body)
        carried = tuple(replace(item, next=self.operand(item.next)) for item in kept)
        out.append(
            replace(statement, carried=carried, before=before, condition=condition, body=body)
        )

    def _if(self, statement: ir.If, out: list[ir.Stmt]) -> None:
        condition = self.operand(statement.condition)
        chosen: ir.Block = ()
        if isinstance(condition, ir.Const):
            chosen = statement.then if condition.value else statement.orelse
        # What follows a branch that raises may define what a loop around it hands on.
        raises = bool(chosen) and isinstance(chosen[-1], ir.Raise)
        if isinstance(condition, ir.Const) and not raises:
            out.extend(self.block(chosen))
            for merge in statement.merges:
                source = merge.if_true if condition.value else merge.if_false
                self.substitution[merge.result] = self.operand(source)
            return
        then, orelse = self.block(statement.then), self.block(statement.orelse)
        merges = []
        for merge in statement.merges:
            if_true, if_false = self.operand(merge.if_true), self.operand(merge.if_false)
            if if_true == if_false and not isinstance(if_true, ir.Undefined):
                self.substitution[merge.result] = if_true
            else:
                merges.append(ir.Merge(merge.result, if_true, if_false))
        if not then and not orelse and not merges:
            return
        out.append(
            replace(statement, condition=condition, then=then, orelse=orelse, merges=tuple(merges))
        )


def _value_of(expr: ir.Expr, type_: Type) -> ir.Operand | None:
    """Return what is known to be the value of the expression, bit for bit."""
    match expr:
        case ir.Call(fn, args) if not expr.kwargs:
            return _call_value(fn, args, type_)
        case ir.Cast(value) if value.type == type_:
            return value
        case ir.Cast(ir.Const(value)) if isinstance(value, bool | int | float):
            return _constant(value, type_)
        case ir.Select(ir.Const(condition), if_true, if_false):
            return if_true if condition else if_false
        case ir.Select(_, if_true, if_false) if if_true == if_false:
            return if_true
        case _:
            return None


def _constant(value: Any, type_: Type) -> ir.Const | None:
    if type_ == BOOL:
        return ir.Const(bool(value), type_)
    if type_ == INT64 and isinstance(value, int) and -_INT64_LIMIT <= value < _INT64_LIMIT:
        return ir.Const(int(value), type_)
    if type_ == Scalar("float64") and isinstance(value, int | float):
        return ir.Const(float(value), type_)
    if (
        type_ == Scalar("float32")
        and isinstance(value, int | float)
        and float(value) in (0.0, 1.0, -1.0, 0.5, 2.0)
    ):
        return ir.Const(float(value), type_)
    return None


def _call_value(fn: Any, args: tuple[ir.Operand, ...], type_: Type) -> ir.Operand | None:
    if (
        args
        and fn in _FOLDABLE
        and all(isinstance(arg, ir.Const) and isinstance(arg.value, int | float) for arg in args)
    ):
        values = [arg.value for arg in args]  # type: ignore[union-attr]
        if any(isinstance(v, float) and not math.isfinite(v) for v in values):
            return None
        return _constant(fn(*values), type_)
    if len(args) == 2:
        return _identity(fn, args[0], args[1], type_)
    if fn is operator.pos and args[0].type == type_:
        return args[0]
    return None


def _identity(fn: Any, left: ir.Operand, right: ir.Operand, type_: Type) -> ir.Operand | None:
    if is_memory(type_) or not (is_integer(type_) or is_real(type_) or type_ == BOOL):
        return None

    def same(operand: ir.Operand) -> ir.Operand | None:
        return operand if operand.type == type_ else None

    if fn is operator.mul:
        if _is(right, 1):
            return same(left)
        if _is(left, 1):
            return same(right)
        if is_integer(type_) and (_is(left, 0) or _is(right, 0)):
            return ir.Const(0, type_)
    if fn is operator.add and is_integer(type_):
        if _is(right, 0):
            return same(left)
        if _is(left, 0):
            return same(right)
    if fn is operator.sub and _is(right, 0):
        return same(left)
    if fn in (operator.truediv, operator.floordiv) and _is(right, 1) and left.type == type_:
        return left if fn is operator.truediv or is_integer(type_) else None
    return None


def _is(operand: ir.Operand, value: int) -> bool:
    return (
        isinstance(operand, ir.Const)
        and isinstance(operand.value, int | float)
        and not isinstance(operand.value, bool)
        and operand.value == value
        and not (operand.value == 0 and math.copysign(1.0, operand.value) < 0)
    )
