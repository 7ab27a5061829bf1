"""An evaluator of the IR: runs derivatives without emitting or compiling them.

It is slow code but starts at once, so thousands of random programs are cheap; and it tells an
error of the transforms from one of the emitter. It is strict where compiled code is not: fresh
memory and undefined values are nan or an impossible index, tape arrays reject negative indices,
and stack segments must be released in the order and the size they were reserved.

Lanes are arrays of their length, an array of lanes has one more axis, at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from numbad import calls, pipeline
from numbad.config import config
from numbad.ir import nodes as ir
from numbad.ir.types import Array, Lanes, List, Scalar, Stack, Type
from tests import interpreted_lanes

BAD_INTEGER = 2**40
"""Stands for an undefined integer: no array has such an index."""

Values = dict[int, Any]


class TapeArray(np.ndarray):
    """An array of the tape, whose indices must not be negative."""


def poison(type_: Type) -> Any:
    """A value of the type that spoils every result it reaches."""
    match type_:
        case Scalar("bool"):
            return False
        case Scalar(name):
            dtype = np.dtype(name)
            return BAD_INTEGER if dtype.kind in "iu" else number(np.nan, type_)
        case Lanes(dtype):
            return number(poison(dtype), type_)
        case _:
            return None


def number(value: Any, type_: Type) -> Any:
    """``value`` as a scalar of the type: Python numbers, but NumPy's for single precision."""
    if isinstance(type_, Lanes):
        return interpreted_lanes.copied(value, type_)
    if not isinstance(type_, Scalar):
        return value
    dtype = np.dtype(type_.name)
    match dtype.kind:
        case "b":
            return bool(value)
        case "i" | "u":
            return int(np.array(int(value)).astype(dtype))
        case "f" if dtype.itemsize == 8:
            return float(value)
        case "c" if dtype.itemsize == 16:
            return complex(value)
        case _:
            return dtype.type(value)


def element(type_: Array | Stack) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """NumPy dtype and further axes of the elements of an array or stack."""
    found = type_.dtype if isinstance(type_, Array) else type_.item
    if isinstance(found, Lanes):
        return np.dtype(found.dtype.name), (found.count,)
    return np.dtype(found.name), ()


class Interpreter:
    """A program as a callable over flat arguments, like the compiled entry."""

    def __init__(self, program: ir.Program) -> None:
        self.program = program
        self.functions = {**program.callees, program.entry.name: program.entry}

    def __call__(self, *args: Any) -> Any:
        return self.invoke(self.program.entry, args)

    def invoke(self, function: ir.Function, args: tuple[Any, ...]) -> Any:
        """Result of one function: a single value, or a tuple."""
        values: Values = {}
        for param, arg in zip(function.params, args, strict=True):
            values[param.id] = number(arg, param.type)
        self.block(function.body, values)
        results = tuple(self.operand(result, values) for result in function.results)
        return results[0] if len(results) == 1 else results

    def operand(self, operand: ir.Operand, values: Values) -> Any:
        """Value of an operand."""
        match operand:
            case ir.Var(id=identity):
                return values[identity]
            case ir.Const(value, type_):
                return number(value, type_) if isinstance(value, int | float | complex) else value
            case ir.Undefined(type_):
                return poison(type_)

    def operands(self, operands: tuple[Any, ...], values: Values) -> tuple[Any, ...]:
        """Values of several operands."""
        return tuple(self.operand(operand, values) for operand in operands)

    def block(self, block: ir.Block, values: Values) -> None:
        """Run the statements of a block."""
        for statement in block:
            self.statement(statement, values)

    def statement(self, statement: ir.Stmt, values: Values) -> None:
        """Run one statement."""
        match statement:
            case ir.Let(target, expr):
                values[target.id] = number(self.expression(expr, target.type, values), target.type)
            case ir.Store(array, index, value):
                memory, at = self.place(array, index, values)
                memory[at] = self.operand(value, values)
            case ir.Accumulate(array, index, value):
                memory, at = self.place(array, index, values)
                memory[at] += self.operand(value, values)
            case ir.Append(array, value):
                values[array.id].append(self.operand(value, values))
            case ir.Effect(fn, args):
                fn(*self.operands(args, values))
            case ir.Raise(exception, args):
                raise exception(*self.operands(args, values))
            case ir.For() | ir.While():
                self.loop(statement, values)
            case ir.If(condition, then, orelse, merges):
                taken = bool(self.operand(condition, values))
                self.block(then if taken else orelse, values)
                for merge in merges:
                    chosen = merge.if_true if taken else merge.if_false
                    values[merge.result.id] = self.operand(chosen, values)

    def loop(self, loop: ir.For | ir.While, values: Values) -> None:
        """Run a loop."""
        inits = [self.operand(c.init, values) for c in loop.carried]
        self.bind(loop.carried, inits, values)
        if isinstance(loop, ir.For):
            bounds = self.operands((loop.start, loop.stop, loop.step), values)
            for i in range(*bounds):
                values[loop.index.id] = i
                self.block(loop.body, values)
                self.advance(loop.carried, values)
        else:
            while True:
                self.block(loop.before, values)
                if not self.operand(loop.condition, values):
                    break
                self.block(loop.body, values)
                self.advance(loop.carried, values)
        for carried in loop.carried:
            values[carried.result.id] = values[carried.inner.id]

    def advance(self, carried: tuple[ir.Carried, ...], values: Values) -> None:
        """Give the carried names of a loop their next values, all at once."""
        self.bind(carried, [self.operand(c.next, values) for c in carried], values)

    @staticmethod
    def bind(carried: tuple[ir.Carried, ...], new: list[Any], values: Values) -> None:
        """Bind the inner names of carried values."""
        for c, value in zip(carried, new, strict=True):
            values[c.inner.id] = value

    def place(
        self, array: ir.Var, index: tuple[ir.Operand, ...], values: Values
    ) -> tuple[Any, Any]:
        """Memory and index of an element, checked."""
        memory = values[array.id]
        at = self.operands(index, values)
        if isinstance(memory, TapeArray):
            assert all(i >= 0 for i in at), f"negative index {at} into the tape {array}"
        return (memory, at) if isinstance(memory, np.ndarray) else (memory, at[0])

    def expression(self, expr: ir.Expr, type_: Type, values: Values) -> Any:
        """Value of an expression that defines a value of the type."""
        match expr:
            case ir.Call(fn, args) if interpreted_lanes.takes_lanes(args):
                return interpreted_lanes.call(fn, args, self.operands(args, values))
            case ir.Call(fn, args, kwargs):
                keywords = {name: self.operand(value, values) for name, value in kwargs}
                return fn(*_same_precision(self.operands(args, values)), **keywords)
            case ir.Select(condition, if_true, if_false):
                chosen = if_true if self.operand(condition, values) else if_false
                return self.operand(chosen, values)
            case ir.Cast(value):
                return self.operand(value, values)
            case ir.Load(array, index):
                memory, at = self.place(array, index, values)
                return memory[at]
            case ir.Shape(array, axis):
                memory = values[array.id]
                return memory.shape[axis] if isinstance(memory, np.ndarray) else len(memory)
            case ir.Subview() | ir.Transpose() | ir.Component() | ir.Reshape():
                return self.view(expr, values)
            case ir.Alloc():
                return self.allocate(expr, type_, values)
            case ir.MakeTuple(items):
                return self.operands(items, values)
            case ir.TupleItem(value, position):
                return self.operand(value, values)[position]
            case ir.Invoke(function, args):
                return self.invoke(self.functions[function], self.operands(args, values))
            case ir.Pop(array):
                return values[array.id].pop()
            case ir.NewStack():
                return []
            case ir.Reserve(stack, count):
                size = self.operand(count, values)
                assert isinstance(stack.type, Stack)
                dtype, lanes = element(stack.type)
                segment = np.full((size, *lanes), np.nan).astype(dtype).view(TapeArray)
                if expr.zeroed:
                    segment[:] = 0
                values[stack.id].append(segment)
                return segment
            case ir.Release(stack, count):
                segment = values[stack.id].pop()
                assert len(segment) == self.operand(count, values), "segment of another size"
                return segment

    def view(self, expr: ir.View, values: Values) -> np.ndarray:
        """A view of an array, which shares its memory."""
        base = values[expr.array.id]
        match expr:
            case ir.Subview(_, index):
                return base[tuple(self.index_item(item, values) for item in index)]
            case ir.Transpose(_, axes):
                return base.transpose(*axes, *range(len(axes), base.ndim))
            case ir.Component(_, name):
                return getattr(base, name)
            case ir.Reshape(_, shape):
                assert isinstance(expr.array.type, Array)
                result = base.reshape((*self.operands(shape, values), *element(expr.array.type)[1]))
                assert base.size == 0 or np.shares_memory(base, result), "reshape made a copy"
                return result

    def index_item(self, item: Any, values: Values) -> Any:
        """One item of a basic index."""
        match item:
            case ir.Slice(start, stop, step):
                parts = (start, stop, step)
                return slice(*(None if p is None else self.operand(p, values) for p in parts))
            case ir.NewAxis():
                return None
            case _:
                return self.operand(item, values)

    def allocate(self, expr: ir.Alloc, type_: Type, values: Values) -> Any:
        """New memory; poisoned where it would be uninitialised."""
        if isinstance(type_, List):
            (length,) = self.operands(expr.shape, values) if expr.shape else (0,)
            return [None if expr.fill is None else self.operand(expr.fill, values)] * length
        assert isinstance(type_, Array)
        dtype, lanes = element(type_)
        fill = poison(type_.dtype) if expr.fill is None else self.operand(expr.fill, values)
        if dtype.kind in "iu" and expr.fill is None:
            fill = np.iinfo(dtype).max
        shape = self.operands(expr.shape, values)
        if type_.layout == "F":
            axes = (*reversed(range(len(shape))), *range(len(shape), len(shape) + len(lanes)))
            memory = np.full((*reversed(shape), *lanes), fill, dtype).transpose(axes)
        else:
            memory = np.full((*shape, *lanes), fill, dtype)
        return memory.view(TapeArray) if expr.purpose == "tape" else memory


def _same_precision(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Arguments with Python's floats made NumPy's beside single precision, which they outrank."""
    if not any(isinstance(arg, np.float32 | np.complex64) for arg in args):
        return args
    return tuple(np.float64(arg) if type(arg) is float else arg for arg in args)


@contextmanager
def interpreted() -> Iterator[None]:
    """Let numbad's verbs run the IR of derivatives in this evaluator instead of compiling it."""

    def keep(program: ir.Program, *_: Any, **__: Any) -> ir.Program:
        return program

    def load(program: ir.Program, *_: Any) -> Callable[..., Any]:
        return Interpreter(program)

    before = pipeline.emit_module, pipeline.load_module, calls._make
    compiled = dict(calls._table)
    engine, config.engine = config.engine, "compiled"
    calls._table.clear()
    pipeline.emit_module, pipeline.load_module = keep, load  # type: ignore[assignment]
    calls._make = pipeline.compile_function
    try:
        yield
    finally:
        pipeline.emit_module, pipeline.load_module, calls._make = before
        config.engine = engine
        calls._table.clear()
        calls._table.update(compiled)
