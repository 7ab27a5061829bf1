"""Every kind of malformed program is refused, and the message names the statement."""

from __future__ import annotations

import operator
from collections.abc import Callable

import pytest

from numbad.errors import InternalError
from numbad.ir import nodes as ir
from numbad.ir.types import BOOL, FLOAT32, FLOAT64, INT64, Array, Stack, Tuple
from numbad.ir.verify import verify_program
from tests.emit import hand
from tests.emit.hand import VECTOR, Writer, const, function


@pytest.mark.parametrize(
    "make",
    [
        hand.sum_of_sines,
        hand.fibonacci,
        hand.double_buffer,
        hand.newton,
        hand.branches,
        hand.triangular_stack,
    ],
)
def test_well_formed_programs_pass(make: Callable[[], ir.Program]) -> None:
    verify_program(make())


def twice(w: Writer, x: ir.Var, a: ir.Var) -> None:
    w.block.emit(ir.Let(x, ir.Load(a, (const(0),))))


def undefined_use(w: Writer, x: ir.Var, a: ir.Var) -> None:
    w.block.call(FLOAT64, operator.add, x, w.var(FLOAT64, "ghost"))


def out_of_scope(w: Writer, x: ir.Var, a: ir.Var) -> None:
    then = w.block.nested()
    local = then.call(FLOAT64, operator.add, x, x, name="local")
    w.block.emit(ir.If(const(True), then.block(), (), ()))
    w.block.call(FLOAT64, operator.add, x, local)


def loop_index_after_loop(w: Writer, x: ir.Var, a: ir.Var) -> None:
    i = w.var(INT64, "i")
    w.block.emit(ir.For(i, const(0), const(3), const(1), (), ()))
    w.block.emit(ir.Store(a, (i,), x))


def float_index(w: Writer, x: ir.Var, a: ir.Var) -> None:
    w.block.emit(ir.Store(a, (x,), x))


def two_indices(w: Writer, x: ir.Var, a: ir.Var) -> None:
    w.block.let(FLOAT64, ir.Load(a, (const(0), const(1))))


def wrong_store(w: Writer, x: ir.Var, a: ir.Var) -> None:
    w.block.emit(ir.Store(a, (const(0),), const(1)))


def readonly_store(w: Writer, x: ir.Var, a: ir.Var) -> None:
    b = w.block.let(Array(FLOAT64, 1, "C", readonly=True), ir.Cast(a), "b")
    w.block.emit(ir.Accumulate(b, (const(0),), x))


def float_condition(w: Writer, x: ir.Var, a: ir.Var) -> None:
    w.block.emit(ir.If(x, (), (), ()))


def merge_types(w: Writer, x: ir.Var, a: ir.Var) -> None:
    w.block.emit(ir.If(const(True), (), (), (ir.Merge(w.var(FLOAT64), x, const(1)),)))


def carried_types(w: Writer, x: ir.Var, a: ir.Var) -> None:
    carried = ir.Carried(w.var(FLOAT64), const(0), x, w.var(FLOAT64))
    w.block.emit(ir.For(w.var(INT64), const(0), const(3), const(1), (carried,), ()))


def while_condition_from_body(w: Writer, x: ir.Var, a: ir.Var) -> None:
    body = w.block.nested()
    more = body.call(BOOL, operator.lt, x, x)
    w.block.emit(ir.While((), (), more, body.block()))


def zero_step(w: Writer, x: ir.Var, a: ir.Var) -> None:
    w.block.emit(ir.For(w.var(INT64), const(0), const(3), const(0), (), ()))


def unreachable(w: Writer, x: ir.Var, a: ir.Var) -> None:
    w.block.emit(ir.Raise(ValueError, ()))
    w.block.emit(ir.Store(a, (const(0),), x))


def select_types(w: Writer, x: ir.Var, a: ir.Var) -> None:
    w.block.let(FLOAT64, ir.Select(const(True), x, const(1)))


def shape_axis(w: Writer, x: ir.Var, a: ir.Var) -> None:
    w.block.let(INT64, ir.Shape(a, 1))


def view_dimensions(w: Writer, x: ir.Var, a: ir.Var) -> None:
    w.block.let(VECTOR, ir.Subview(a, (const(0),)))


def alloc_extents(w: Writer, x: ir.Var, a: ir.Var) -> None:
    w.block.let(VECTOR, ir.Alloc((const(2), const(3)), None))


def alloc_fill(w: Writer, x: ir.Var, a: ir.Var) -> None:
    w.block.let(VECTOR, ir.Alloc((const(2),), const(0)))


def alloc_purpose(w: Writer, x: ir.Var, a: ir.Var) -> None:
    w.block.let(VECTOR, ir.Alloc((const(2),), None, "fun"))


def tuple_types(w: Writer, x: ir.Var, a: ir.Var) -> None:
    w.block.let(Tuple((FLOAT64,)), ir.MakeTuple((const(1),)))


def tuple_item(w: Writer, x: ir.Var, a: ir.Var) -> None:
    pair = w.block.let(Tuple((FLOAT64,)), ir.MakeTuple((x,)))
    w.block.let(FLOAT64, ir.TupleItem(pair, 1))


def missing_function(w: Writer, x: ir.Var, a: ir.Var) -> None:
    w.block.let(FLOAT64, ir.Invoke("ghost", (x,)))


def wrong_arguments(w: Writer, x: ir.Var, a: ir.Var) -> None:
    w.block.let(FLOAT64, ir.Invoke("f", (x,)))


def stack_items(w: Writer, x: ir.Var, a: ir.Var) -> None:
    stack = w.block.let(Stack(FLOAT32), ir.NewStack(), "stack")
    w.block.let(VECTOR, ir.Reserve(stack, const(1), zeroed=False))


def list_of_array(w: Writer, x: ir.Var, a: ir.Var) -> None:
    w.block.emit(ir.Append(a, x))


MALFORMED = [
    (twice, "%0.x is defined twice"),
    (undefined_use, "%2.ghost is not defined before its use"),
    (out_of_scope, "%2.local is out of scope"),
    (loop_index_after_loop, "%2.i is out of scope"),
    (float_index, "the index %0.x has type float64, not an integer"),
    (two_indices, "2 indices for an array of 1 dimensions"),
    (wrong_store, "the stored value 1:int64 has type int64, not float64"),
    (readonly_store, "%2.b is read-only"),
    (float_condition, "the condition %0.x has type float64, not bool"),
    (merge_types, "the value of the second branch"),
    (carried_types, "the initial value 0:int64"),
    (while_condition_from_body, "is not defined before its use"),
    (zero_step, "the step is zero"),
    (unreachable, "a statement that is never reached"),
    (select_types, "the second choice"),
    (shape_axis, "axis 1 of 1 dimensions"),
    (view_dimensions, "wrong number of dimensions"),
    (alloc_extents, "2 extents for 1 dimensions"),
    (alloc_fill, "the fill value"),
    (alloc_purpose, "unknown purpose 'fun'"),
    (tuple_types, "the tuple has type"),
    (tuple_item, "has no item 1"),
    (missing_function, "there is no function ghost"),
    (wrong_arguments, "wrong number of arguments"),
    (stack_items, "the segment"),
    (list_of_array, "%1.a is not a list"),
]


@pytest.mark.parametrize(("spoil", "message"), MALFORMED, ids=lambda v: getattr(v, "__name__", ""))
def test_malformed_programs_are_refused(
    spoil: Callable[[Writer, ir.Var, ir.Var], None], message: str
) -> None:
    w = Writer()
    x, a = w.var(FLOAT64, "x"), w.var(VECTOR, "a")
    spoil(w, x, a)
    with pytest.raises(InternalError) as caught:
        verify_program(function("f", [x, a], w.block, x), "a pass")
    assert message in str(caught.value)
    assert "after a pass" in str(caught.value)
    assert " in `" in str(caught.value)
