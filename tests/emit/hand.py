"""A short way to write IR by hand, and programs written so."""

from __future__ import annotations

import math
import operator
from typing import Any

from numba import types

from numbad.ir import nodes as ir
from numbad.ir.build import BlockBuilder, Fresh
from numbad.ir.types import BOOL, FLOAT64, INT64, Array, Opaque, Scalar, Stack
from numbad.kernels.arithmetic import divide

VECTOR = Array(FLOAT64, 1, "C")


def const(value: Any) -> ir.Const:
    """A constant of the type its Python type suggests."""
    kinds: dict[type, Scalar] = {bool: BOOL, int: INT64, float: FLOAT64}
    return ir.Const(value, kinds[type(value)])


def function(
    name: str, params: list[ir.Var], block: BlockBuilder, *results: ir.Operand
) -> ir.Program:
    """A program of one function."""
    return ir.Program(ir.Function(name, tuple(params), block.block(), results))


class Writer:
    """Fresh values and a block to write into."""

    def __init__(self) -> None:
        self.fresh = Fresh()
        self.block = BlockBuilder(self.fresh)

    def var(self, type_: Any, name: str = "") -> ir.Var:
        return self.fresh.var(type_, name)


def sum_of_sines() -> ir.Program:
    """A loop with one carried value and origins."""
    w = Writer()
    x, s, i, result = w.var(VECTOR, "x"), w.var(FLOAT64, "s"), w.var(INT64, "i"), None
    result = w.var(FLOAT64, "s")
    n = w.block.let(INT64, ir.Shape(x, 0))
    w.block.origin = ir.Origin("/home/me/demo.py", 3, 4, "for i in range(len(x)):")
    body = w.block.nested()
    body.origin = ir.Origin("/home/me/demo.py", 4, 8, "s += math.sin(x[i]) / 2")
    value = body.let(FLOAT64, ir.Load(x, (i,)))
    sine = body.call(FLOAT64, math.sin, value)
    half = body.call(FLOAT64, operator.truediv, sine, const(2.0))
    following = body.call(FLOAT64, operator.add, s, half, name="s")
    carried = ir.Carried(s, const(0.0), following, result)
    w.block.emit(ir.For(i, const(0), n, const(1), (carried,), body.block(), w.block.origin))
    return function("f", [x], w.block, result)


def fibonacci() -> ir.Program:
    """Two carried values of which one becomes the other."""
    w = Writer()
    n = w.var(INT64, "n")
    a, b, a_out, b_out = (w.var(INT64, name) for name in "abab")
    body = w.block.nested()
    total = body.call(INT64, operator.add, a, b)
    carried = (ir.Carried(a, const(0), b, a_out), ir.Carried(b, const(1), total, b_out))
    w.block.emit(ir.For(w.var(INT64), const(0), n, const(1), carried, body.block()))
    return function("fibonacci", [n], w.block, a_out)


def double_buffer() -> ir.Program:
    """Two arrays that change places."""
    w = Writer()
    n, u = w.var(INT64, "n"), w.var(VECTOR, "u")
    v = w.block.let(VECTOR, ir.Alloc((const(2),), const(0.0)), "v")
    inner, result = [w.var(VECTOR, k) for k in "uv"], [w.var(VECTOR, k) for k in "uv"]
    body = w.block.nested()
    first = body.let(FLOAT64, ir.Load(inner[0], (const(0),)))
    body.emit(ir.Store(inner[1], (const(0),), body.call(FLOAT64, operator.add, first, const(1.0))))
    carried = (
        ir.Carried(inner[0], u, inner[1], result[0]),
        ir.Carried(inner[1], v, inner[0], result[1]),
    )
    w.block.emit(ir.For(w.var(INT64), const(0), n, const(1), carried, body.block()))
    return function("swap", [n, u], w.block, w.block.let(FLOAT64, ir.Load(result[0], (const(0),))))


def newton() -> ir.Program:
    """A ``while`` loop whose condition is one expression, with a raise in it."""
    w = Writer()
    a = w.var(FLOAT64, "a")
    x, x_out, k, k_out = w.var(FLOAT64, "x"), w.var(FLOAT64, "x"), w.var(INT64, "k"), w.var(INT64)
    before = w.block.nested()
    square = before.call(FLOAT64, operator.mul, x, x)
    error = before.call(FLOAT64, abs, before.call(FLOAT64, operator.sub, square, a))
    more = before.call(BOOL, operator.gt, error, const(1e-9))
    body = w.block.nested()
    both = body.call(FLOAT64, operator.add, x, body.call(FLOAT64, divide, a, x))
    x_next = body.call(FLOAT64, operator.mul, const(0.5), both, name="x")
    k_next = body.call(INT64, operator.add, k, const(1), name="k")
    many = body.call(BOOL, operator.gt, k_next, const(50))
    message = ir.Const("no root", Opaque(types.unicode_type))
    body.emit(ir.If(many, (ir.Raise(ValueError, (message,)),), (), ()))
    carried = (ir.Carried(x, a, x_next, x_out), ir.Carried(k, const(0), k_next, k_out))
    w.block.emit(ir.While(carried, before.block(), more, body.block()))
    return function("newton", [a], w.block, x_out)


def branches() -> ir.Program:
    """Nested branches whose values merge."""
    w = Writer()
    x = w.var(FLOAT64, "x")
    y, inner, z = w.var(FLOAT64, "y"), w.var(FLOAT64, "y"), w.var(FLOAT64, "z")
    large = w.block.call(BOOL, operator.gt, x, const(2.0))
    then = w.block.nested()
    double = then.call(FLOAT64, operator.mul, x, const(2.0), name="y")
    orelse = w.block.nested()
    positive = orelse.call(BOOL, operator.gt, x, const(0.0))
    opposite = orelse.nested()
    minus = opposite.call(FLOAT64, operator.neg, x)
    orelse.emit(ir.If(positive, opposite.block(), (), (ir.Merge(inner, minus, x),)))
    w.block.emit(ir.If(large, then.block(), orelse.block(), (ir.Merge(y, double, inner),)))
    w.block.emit(ir.If(large, (), (), (ir.Merge(z, const(1.0), const(-2.0)),)))
    return function("branches", [x], w.block, y, z)


def triangular_stack() -> ir.Program:
    """Segments of growing length, pushed in a loop and popped in a reversed one."""
    w = Writer()
    n = w.var(INT64, "n")
    stack = w.block.let(Stack(FLOAT64), ir.NewStack(), "stack")
    i, k = w.var(INT64, "i"), w.var(INT64, "k")
    push = w.block.nested()
    segment = push.let(VECTOR, ir.Reserve(stack, i, zeroed=True), "segment")
    fill = push.nested()
    fill.emit(ir.Accumulate(segment, (k,), fill.let(FLOAT64, ir.Cast(i))))
    push.emit(ir.For(k, const(0), i, const(1), (), fill.block()))
    w.block.emit(ir.For(i, const(0), n, const(1), (), push.block()))
    last = w.block.call(INT64, operator.sub, n, const(1))
    j, total, result = w.var(INT64, "i"), w.var(FLOAT64, "total"), w.var(FLOAT64, "total")
    pop = w.block.nested()
    popped = pop.let(VECTOR, ir.Release(stack, j), "segment")
    m, inner, inner_out = w.var(INT64, "k"), w.var(FLOAT64, "total"), w.var(FLOAT64, "total")
    add = pop.nested()
    item = add.let(FLOAT64, ir.Load(popped, (m,)))
    following = add.call(FLOAT64, operator.add, inner, item, name="total")
    carried = ir.Carried(inner, total, following, inner_out)
    pop.emit(ir.For(m, const(0), j, const(1), (carried,), add.block()))
    outer = ir.Carried(total, const(0.0), inner_out, result)
    w.block.emit(ir.For(j, last, const(-1), const(-1), (outer,), pop.block()))
    return function("triangle", [n], w.block, result)
