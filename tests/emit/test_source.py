"""Hand-written IR: the text it is printed as, and what the text computes."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np
import pytest

from numbad.emit.load import load_module
from numbad.emit.module import emit_module
from numbad.ir import nodes as ir
from numbad.ir.types import BOOL, FLOAT32, FLOAT64, INT64, Array, List, Tuple
from numbad.ir.verify import verify_program
from tests.emit import hand
from tests.emit.hand import VECTOR, Writer, const, function


def body_of(program: ir.Program, **options: Any) -> str:
    """The text after the decorator of the last function."""
    verify_program(program)
    text = emit_module(program, "test", options).text
    return text[text.rindex("@njit") :].split("\n", 1)[1]


def run(program: ir.Program, tmp_path: Any, *args: Any) -> Any:
    return load_module(emit_module(program, "test"), tmp_path)(*args)


def test_loop_with_origins(tmp_path: Any) -> None:
    program = hand.sum_of_sines()
    assert body_of(program) == (
        "def f(x):\n"
        "    # demo.py:3  for i in range(len(x)):\n"
        "    s = 0.0\n"
        "    for i in range(x.shape[0]):\n"
        "        # demo.py:4  s += math.sin(x[i]) / 2\n"
        "        s += math.sin(x[i]) / 2.0\n"
        "    return s\n"
    )
    x = np.arange(5.0)
    assert math.isclose(run(program, tmp_path, x), np.sin(x).sum() / 2)


def test_simultaneous_assignment(tmp_path: Any) -> None:
    program = hand.fibonacci()
    assert body_of(program) == (
        "def fibonacci(n):\n"
        "    a = 0\n"
        "    b = 1\n"
        "    for i in range(n):\n"
        "        a, b = b, a + b\n"
        "    return a\n"
    )
    assert run(program, tmp_path, 10) == 55


def test_swap_of_arrays(tmp_path: Any) -> None:
    program = hand.double_buffer()
    assert body_of(program) == (
        "def swap(n, u):\n"
        "    v = zeros(2)\n"
        "    for i in range(n):\n"
        "        v[0] = u[0] + 1.0\n"
        "        u, v = v, u\n"
        "    return u[0]\n"
    )
    assert run(program, tmp_path, 5, np.zeros(2)) == 5.0


def test_while(tmp_path: Any) -> None:
    program = hand.newton()
    assert body_of(program) == (
        "def newton(a):\n"
        "    x = a\n"
        "    k = 0\n"
        "    while abs(x * x - a) > 1e-09:\n"
        "        x = 0.5 * (x + divide(a, x))\n"
        "        k = k + 1\n"
        "        if k > 50:\n"
        '            raise ValueError("no root")\n'
        "    return x\n"
    )
    assert math.isclose(run(program, tmp_path, 2.0), math.sqrt(2.0))
    with pytest.raises(ValueError, match="no root"):
        run(program, tmp_path, -1.0)


def test_division_under_the_numpy_error_model() -> None:
    assert "0.5 * (x + a / x)" in body_of(hand.newton(), error_model="numpy")


def test_branches(tmp_path: Any) -> None:
    program = hand.branches()
    assert body_of(program) == (
        "def branches(x):\n"
        "    t0 = x > 2.0\n"
        "    if t0:\n"
        "        y = x * 2.0\n"
        "    elif x > 0.0:\n"
        "        y = -x\n"
        "    else:\n"
        "        y = x\n"
        "    z = 1.0 if t0 else -2.0\n"
        "    return y, z\n"
    )
    assert run(program, tmp_path, 3.0) == (6.0, 1.0)
    assert run(program, tmp_path, 1.0) == (-1.0, -2.0)
    assert run(program, tmp_path, -1.0) == (-1.0, -2.0)


def test_stack(tmp_path: Any) -> None:
    program = hand.triangular_stack()
    assert body_of(program) == (
        "def triangle(n):\n"
        "    stack = new_stack(np.float64)\n"
        "    for i in range(n):\n"
        "        segment = reserve_zeroed(stack, i)\n"
        "        for k in range(i):\n"
        "            segment[k] += float(i)\n"
        "    total = 0.0\n"
        "    for i in irange(n - 1, -1, -1):\n"
        "        segment = release(stack, i)\n"
        "        for k in range(i):\n"
        "            total = total + segment[k]\n"
        "    return total\n"
    )
    assert run(program, tmp_path, 6) == sum(i * i for i in range(6))


def test_while_whose_condition_needs_statements(tmp_path: Any) -> None:
    w = Writer()
    x, k, out = w.var(VECTOR, "x"), w.var(INT64, "k"), w.var(INT64, "k")
    before = w.block.nested()
    before.emit(ir.Accumulate(x, (const(0),), const(1.0)))
    value = before.let(FLOAT64, ir.Load(x, (const(0),)))
    more = before.call(BOOL, operator.lt, value, const(4.0))
    body = w.block.nested()
    following = body.call(INT64, operator.add, k, const(1))
    carried = (ir.Carried(k, const(0), following, out),)
    w.block.emit(ir.While(carried, before.block(), more, body.block()))
    program = function("f", [x], w.block, out)
    assert body_of(program) == (
        "def f(x):\n"
        "    k = 0\n"
        "    while True:\n"
        "        x[0] += 1.0\n"
        "        if not x[0] < 4.0:\n"
        "            break\n"
        "        k = k + 1\n"
        "    return k\n"
    )
    assert run(program, tmp_path, np.zeros(1)) == 3


def test_load_is_not_moved_over_a_store() -> None:
    w = Writer()
    x, y = w.var(VECTOR, "x"), w.var(VECTOR, "y")
    fresh = w.block.let(VECTOR, ir.Alloc((const(2),), None, "tape"), "z")
    first = w.block.let(FLOAT64, ir.Load(x, (const(0),)))
    second = w.block.let(FLOAT64, ir.Load(fresh, (const(0),)))
    w.block.emit(ir.Store(y, (const(0),), const(2.0)))
    total = w.block.call(FLOAT64, operator.add, first, second)
    assert body_of(function("f", [x, y], w.block, total)) == (
        "def f(x, y):\n    z = tape(2)\n    t0 = x[0]\n    y[0] = 2.0\n    return t0 + z[0]\n"
    )


def test_division_is_not_moved_over_a_print() -> None:
    w = Writer()
    x = w.var(FLOAT64, "x")
    quotient = w.block.call(FLOAT64, operator.truediv, const(1.0), x)
    double = w.block.call(FLOAT64, operator.add, x, x)
    w.block.emit(ir.Effect(print, (x,)))
    total = w.block.call(FLOAT64, operator.add, quotient, double)
    assert body_of(function("f", [x], w.block, total)) == (
        "def f(x):\n    t0 = 1.0 / x\n    print(x)\n    return t0 + (x + x)\n"
    )


def test_parentheses() -> None:
    w = Writer()
    x, y = w.var(FLOAT64, "x"), w.var(FLOAT64, "y")

    def call(fn: Any, *args: ir.Operand) -> ir.Var:
        return w.block.call(BOOL if fn in (operator.lt, operator.not_) else FLOAT64, fn, *args)

    results = [
        call(operator.sub, x, call(operator.sub, x, y)),
        call(operator.sub, call(operator.sub, x, y), y),
        call(operator.mul, call(operator.add, x, y), call(operator.neg, x)),
        call(operator.pow, call(operator.neg, x), call(operator.pow, x, y)),
        call(operator.pow, const(-2.0), call(operator.neg, y)),
        call(operator.neg, call(operator.neg, x)),
        call(operator.not_, call(operator.lt, x, call(operator.add, x, y))),
        call(operator.add, x, call(operator.neg, call(operator.add, x, y))),
        call(operator.add, x, call(operator.mul, call(operator.neg, x), y)),
        call(operator.sub, x, const(-3.0)),
    ]
    text = body_of(function("f", [x, y], w.block, *results))
    assert text.split("return ")[1].strip() == ", ".join(
        [
            "x - (x - y)",
            "x - y - y",
            "(x + y) * -x",
            "(-x) ** x ** y",
            "(-2.0) ** -y",
            "-(-x)",
            "not x < x + y",
            "x - (x + y)",
            "x - x * y",
            "x + 3.0",
        ]
    )


def test_name_clashes_are_numbered() -> None:
    w = Writer()
    x, other = w.var(FLOAT64, "x"), w.var(FLOAT64, "np")
    newer = w.block.call(FLOAT64, operator.add, x, other, name="x")
    integer = w.block.let(INT64, ir.Cast(x), "x")
    keyword = w.block.call(FLOAT64, operator.add, newer, newer, name="lambda")
    results = (x, newer, integer, keyword)
    assert body_of(function("f", [x, other], w.block, *results)) == (
        "def f(x, np2):\n"
        "    x2 = x + np2\n"
        "    x3 = int(x)\n"
        "    _lambda = x2 + x2\n"
        "    return x, x2, x3, _lambda\n"
    )


def test_constants_have_their_types() -> None:
    w = Writer()
    single = w.block.call(
        FLOAT32, operator.mul, ir.Const(0.1, FLOAT32), ir.Const(float("inf"), FLOAT32)
    )
    cast = w.block.let(FLOAT32, ir.Cast(const(3)))
    text = body_of(function("f", [], w.block, single, cast, const(float("nan"))))
    assert text == (
        "def f():\n    return np.float32(0.1) * np.float32(np.inf), np.float32(3.0), np.nan\n"
    )


def test_value_that_one_path_leaves_undefined(tmp_path: Any) -> None:
    w = Writer()
    flag, y = w.var(BOOL, "flag"), w.var(FLOAT64, "y")
    w.block.emit(ir.If(flag, (), (), (ir.Merge(y, const(1.0), ir.Undefined(FLOAT64)),)))
    program = function("f", [flag], w.block, y)
    assert body_of(program) == ("def f(flag):\n    if flag:\n        y = 1.0\n    return y\n")
    assert run(program, tmp_path, True) == 1.0


def test_value_that_no_path_defines(tmp_path: Any) -> None:
    w = Writer()
    flag, z, copy = w.var(BOOL, "flag"), w.var(FLOAT64, "z"), w.var(FLOAT64, "w")
    nothing = ir.Undefined(FLOAT64)
    w.block.emit(ir.If(flag, (), (), (ir.Merge(z, nothing, nothing),)))
    w.block.emit(ir.If(flag, (), (), (ir.Merge(copy, z, const(3.0)),)))
    program = function("f", [flag], w.block, copy)
    assert run(program, tmp_path, False) == 3.0
    run(program, tmp_path, True)


def test_unpacking_of_results(tmp_path: Any) -> None:
    inner = Writer()
    p = inner.var(FLOAT64, "p")
    square = inner.block.call(FLOAT64, operator.mul, p, p)
    helper = ir.Function("helper", (p,), inner.block.block(), (square, p))
    w = Writer()
    x = w.var(FLOAT64, "x")
    pair = w.block.let(Tuple((FLOAT64, FLOAT64)), ir.Invoke("helper", (x,)))
    a = w.block.let(FLOAT64, ir.TupleItem(pair, 0), "a")
    b = w.block.let(FLOAT64, ir.TupleItem(pair, 1))
    total = w.block.call(FLOAT64, operator.add, a, b)
    entry = ir.Function("f", (x,), w.block.block(), (total,))
    program = ir.Program(entry, {"helper": helper})
    assert body_of(program) == "def f(x):\n    a, t0 = helper(x)\n    return a + t0\n"
    assert run(program, tmp_path, 3.0) == 12.0


def test_recursion(tmp_path: Any) -> None:
    w = Writer()
    n, result = w.var(INT64, "n"), w.var(FLOAT64, "r")
    last = w.block.call(BOOL, operator.le, n, const(1))
    orelse = w.block.nested()
    before = orelse.call(INT64, operator.sub, n, const(1))
    rest = orelse.let(FLOAT64, ir.Invoke("factorial", (before,)))
    product = orelse.call(FLOAT64, operator.mul, rest, n)
    w.block.emit(ir.If(last, (), orelse.block(), (ir.Merge(result, const(1.0), product),)))
    program = function("factorial", [n], w.block, result)
    assert run(program, tmp_path, 5) == 120.0


def test_views_lists_and_tuples(tmp_path: Any) -> None:
    w = Writer()
    x = w.var(Array(FLOAT64, 2, "C"), "x")
    n = w.block.let(INT64, ir.Shape(x, 1))
    row = w.block.let(VECTOR, ir.Subview(x, (const(1), ir.Slice(None, n, None))), "row")
    turned = w.block.let(Array(FLOAT64, 2, "F"), ir.Transpose(x, (1, 0)), "turned")
    flat = w.block.let(VECTOR, ir.Reshape(x, (const(6),)), "flat")
    column = ir.Subview(flat, (ir.NewAxis(), ir.Slice(const(1), None, const(2))))
    wide = w.block.let(Array(FLOAT64, 2, "A"), column, "wide")
    items = w.block.let(List(FLOAT64), ir.Alloc((const(0),), None), "items")
    for value in (
        ir.Load(row, (const(0),)),
        ir.Load(turned, (const(2), const(0))),
        ir.Load(wide, (const(0), const(2))),
    ):
        w.block.emit(ir.Append(items, w.block.let(FLOAT64, value)))
    last = w.block.let(FLOAT64, ir.Pop(items), "last")
    length = w.block.let(INT64, ir.Shape(items, 0))
    pair = w.block.let(Tuple((FLOAT64, INT64)), ir.MakeTuple((last, length)))
    program = function("f", [x], w.block, pair, w.block.let(FLOAT64, ir.Load(items, (const(1),))))
    assert run(program, tmp_path, np.arange(6.0).reshape(2, 3)) == ((5.0, 2), 2.0)


def test_allocation() -> None:
    w = Writer()
    n = w.var(INT64, "n")
    fortran = Array(FLOAT32, 2, "F")
    a = w.block.let(fortran, ir.Alloc((n, const(3)), ir.Const(0.0, FLOAT32), "shadow"), "a")
    b = w.block.let(VECTOR, ir.Alloc((n,), const(1.5)), "b")
    assert body_of(function("f", [n], w.block, a, b)) == (
        "def f(n):\n    a = zeros((3, n), np.float32).T\n    b = np.full(n, 1.5)\n    return a, b\n"
    )


def test_unrelated_swaps_are_separate_statements(tmp_path: Any) -> None:
    w = Writer()
    n = w.var(INT64, "n")
    inner = [w.var(INT64, name) for name in "abcd"]
    results = [w.var(INT64, name) for name in "abcd"]
    order = (1, 0, 3, 2)
    carried = tuple(ir.Carried(inner[k], const(k), inner[order[k]], results[k]) for k in range(4))
    w.block.emit(ir.For(w.var(INT64, "_"), const(0), n, const(1), carried, ()))
    program = function("f", [n], w.block, *results)
    assert ("    for i in range(n):\n        a, b = b, a\n        c, d = d, c\n") in body_of(
        program
    )
    assert run(program, tmp_path, 3) == (1, 0, 3, 2)
