"""Checks that a program is well formed; run after each pass in debug mode and in tests.

After ``verify_program`` returns: every value is defined once, before its uses and in scope; inputs
of merges, carried values and stores have the declared types; conditions are bool; indices and
bounds are integers; every access has one index per dimension; invoked functions exist and are given
what they take. Whether a call's type is what Numba infers is not checked.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NoReturn, assert_never

from numbad.errors import InternalError
from numbad.ir import nodes as ir
from numbad.ir.text import operand_text, statement_text
from numbad.ir.types import (
    BOOL,
    INT64,
    Array,
    List,
    Scalar,
    Stack,
    Tuple,
    Type,
    is_integer,
    is_memory,
    real_type,
    tangent_type,
)
from numbad.ir.visit import expr_operands

_PURPOSES = ("user", "tape", "shadow")


def verify_program(program: ir.Program, stage: str = "") -> None:
    """Raise ``InternalError`` naming the first statement at fault, if the program is malformed.

    Parameters
    ----------
    program : ir.Program
        The program to check.
    stage : str, optional
        The pass that made the program, for the message.
    """
    functions = {**program.callees, program.entry.name: program.entry}
    for name, function in program.callees.items():
        if function.name != name:
            raise InternalError(f"Function {function.name} is filed under the name {name}.")
    for function in functions.values():
        _Verifier(function, functions, stage).run()
        if function.custom is not None:
            _verify_custom(function, function.custom, functions, stage)


def _verify_custom(
    function: ir.Function,
    custom: ir.CustomDerivative,
    functions: dict[str, ir.Function],
    stage: str,
) -> None:
    """Check the parts of a declared derivative, and that they fit together."""
    for part in custom.functions():
        _Verifier(part, functions, stage).run()
    count, given = len(function.results), len(function.params)
    kept = custom.forward.results[count:]
    seeds = [tangent_type(result.type) for result in function.results]
    wanted = [
        (custom.forward.params, function.params, "parameters of the forward part"),
        (custom.forward.results[:count], function.results, "results of the forward part"),
        (custom.backward.params[: len(kept)], kept, "values that the backward part needs"),
    ]
    if custom.jvp is not None:
        wanted.append((custom.jvp.params[:given], function.params, "parameters of the tangent"))
        wanted.append((custom.jvp.results[:count], function.results, "results of the tangent"))
    for found, expected, what in wanted:
        if [value.type for value in found] != [value.type for value in expected]:
            raise InternalError(f"The {what} of {function.name} have other types.")
    count_seeds = sum(seed is not None for seed in seeds)
    if len(custom.backward.params) != len(kept) + count_seeds:
        raise InternalError(f"The backward part of {function.name} takes other cotangents.")
    if len(custom.backward.results) != len(custom.wrt):
        raise InternalError(f"The backward part of {function.name} gives other cotangents.")


class _Verifier:
    def __init__(
        self, function: ir.Function, functions: dict[str, ir.Function], stage: str
    ) -> None:
        self.function = function
        self.functions = functions
        self.stage = stage
        self.scope: set[ir.Var] = set()
        self.ever: dict[ir.Var, Type] = {}
        self.statement: ir.Stmt | None = None

    def run(self) -> None:
        for param in self.function.params:
            self._define(param)
        self._block(self.function.body)
        self.statement = None
        self._read(self.function.results)

    def _fail(self, what: str) -> NoReturn:
        after = f" after {self.stage}" if self.stage else ""
        where = f" in `{statement_text(self.statement)}`" if self.statement is not None else ""
        raise InternalError(
            f"Malformed program{after}: {what}{where} of {self.function.name}.",
            origin=getattr(self.statement, "origin", None),
        )

    def _expect(self, holds: bool, what: str) -> None:
        if not holds:
            self._fail(what)

    # --- values -------------------------------------------------------------------------------

    def _define(self, var: ir.Var) -> None:
        self._expect(var not in self.ever, f"{operand_text(var)} is defined twice")
        self.ever[var] = var.type
        self.scope.add(var)

    def _read(self, values: Iterable[ir.Operand]) -> None:
        for value in values:
            if not isinstance(value, ir.Var):
                continue
            if value not in self.scope:
                reason = (
                    "is out of scope" if value in self.ever else "is not defined before its use"
                )
                self._fail(f"{operand_text(value)} {reason}")
            if self.ever[value] != value.type:
                self._fail(
                    f"{operand_text(value)} is read as {value.type}, defined as {self.ever[value]}"
                )

    def _same(self, value: ir.Operand, type_: Type, role: str) -> None:
        if value.type != type_:
            self._fail(f"{role} {operand_text(value)} has type {value.type}, not {type_}")

    def _condition(self, value: ir.Operand) -> None:
        self._same(value, BOOL, "the condition")

    def _integers(self, values: Iterable[ir.Operand], role: str) -> None:
        for value in values:
            if not is_integer(value.type):
                self._fail(f"{role} {operand_text(value)} has type {value.type}, not an integer")

    def _element(self, array: ir.Operand, index: tuple[ir.Operand, ...]) -> Type:
        """Check an access to one element and return the element's type."""
        self._integers(index, "the index")
        match array.type:
            case Array(dtype, ndim):
                if len(index) != ndim:
                    self._fail(f"{len(index)} indices for an array of {ndim} dimensions")
                return dtype
            case List(item):
                self._expect(len(index) == 1, "a list takes one index")
                return item
            case Tuple(items) if len(set(items)) == 1:
                self._expect(len(index) == 1, "a tuple takes one index")
                return items[0]
            case _:
                self._fail(f"{operand_text(array)} of type {array.type} has no elements")

    # --- statements ---------------------------------------------------------------------------

    def _block(self, block: ir.Block) -> None:
        for position, statement in enumerate(block):
            self.statement = statement
            self._statement(statement)
            if isinstance(statement, ir.Raise) and position + 1 < len(block):
                self.statement = block[position + 1]
                self._fail("a statement that is never reached")

    def _region(self, block: ir.Block, owner: ir.Stmt, results: Iterable[ir.Operand]) -> None:
        """Check a nested block and what is read at its end; its definitions end with it."""
        outer = set(self.scope)
        self._block(block)
        self.statement = owner
        self._read(results)
        self.scope = outer

    def _statement(self, statement: ir.Stmt) -> None:
        match statement:
            case ir.Let(target, expr):
                self._read(expr_operands(expr))
                self._expression(target, expr)
                self._define(target)
            case ir.Store(array, index, value) | ir.Accumulate(array, index, value):
                self._read((array, *index, value))
                self._expect(is_memory(array.type), f"{operand_text(array)} is not memory")
                self._expect(
                    not (isinstance(array.type, Array) and array.type.readonly),
                    f"{operand_text(array)} is read-only",
                )
                self._same(value, self._element(array, index), "the stored value")
            case ir.Append(array, value):
                self._read((array, value))
                if not isinstance(array.type, List):
                    self._fail(f"{operand_text(array)} is not a list")
                self._same(value, array.type.item, "the appended value")
            case ir.Effect(_, args):
                self._read(args)
            case ir.Raise(exception, args):
                self._read(args)
                self._expect(issubclass(exception, BaseException), "not an exception")
            case ir.For():
                self._for(statement)
            case ir.While():
                self._while(statement)
            case ir.If():
                self._if(statement)
            case _:
                assert_never(statement)

    def _for(self, loop: ir.For) -> None:
        bounds = (loop.start, loop.stop, loop.step)
        self._read(bounds)
        self._integers(bounds, "the bound")
        self._expect(loop.index.type == INT64, "the index is not int64")
        self._expect(
            not (isinstance(loop.step, ir.Const) and loop.step.value == 0), "the step is zero"
        )
        self._enter(loop.carried)
        self._define(loop.index)
        self._region(loop.body, loop, (item.next for item in loop.carried))
        self._leave(loop.carried, loop.index)

    def _while(self, loop: ir.While) -> None:
        self._enter(loop.carried)
        self._region(loop.before, loop, (loop.condition,))
        self._condition(loop.condition)
        self._region(loop.body, loop, (item.next for item in loop.carried))
        self._leave(loop.carried)

    def _enter(self, carried: tuple[ir.Carried, ...]) -> None:
        self._read(item.init for item in carried)
        for item in carried:
            self._same(item.init, item.inner.type, "the initial value")
            self._same(item.next, item.inner.type, "the next value")
            self._same(item.result, item.inner.type, "the result")
            self._define(item.inner)

    def _leave(self, carried: tuple[ir.Carried, ...], *others: ir.Var) -> None:
        self.scope.difference_update(item.inner for item in carried)
        self.scope.difference_update(others)
        for item in carried:
            self._define(item.result)

    def _if(self, branch: ir.If) -> None:
        self._read((branch.condition,))
        self._condition(branch.condition)
        self._region(branch.then, branch, (merge.if_true for merge in branch.merges))
        self._region(branch.orelse, branch, (merge.if_false for merge in branch.merges))
        for merge in branch.merges:
            self._same(merge.if_true, merge.result.type, "the value of the first branch")
            self._same(merge.if_false, merge.result.type, "the value of the second branch")
            self._define(merge.result)

    # --- expressions --------------------------------------------------------------------------

    def _expression(self, target: ir.Var, expr: ir.Expr) -> None:
        match expr:
            case ir.Call(fn):
                self._expect(callable(fn) or hasattr(fn, "__get__"), "not a callable")
            case ir.Select(condition, if_true, if_false):
                self._condition(condition)
                self._same(if_true, target.type, "the first choice")
                self._same(if_false, target.type, "the second choice")
            case ir.Cast(value):
                self._expect(_castable(value.type, target.type), "impossible cast")
            case ir.Load(array, index):
                self._same(target, self._element(array, index), "the loaded value")
            case ir.Shape(array, axis):
                self._same(target, INT64, "the length")
                ndim = array.type.ndim if isinstance(array.type, Array) else 1
                self._expect(0 <= axis < ndim, f"axis {axis} of {ndim} dimensions")
            case ir.Subview(array, index):
                self._subview(target, array, index)
            case ir.Transpose(array, axes):
                ndim = self._array(array).ndim
                self._expect(sorted(axes) == list(range(ndim)), "axes are not a permutation")
                self._expect(self._array(target).ndim == ndim, "wrong number of dimensions")
                self._expect(
                    self._array(target).dtype == self._array(array).dtype, "wrong element type"
                )
            case ir.Component(array, name):
                self._expect(name in ("real", "imag"), f"unknown component {name!r}")
                whole, part = self._array(array), self._array(target)
                self._expect(part.ndim == whole.ndim, "wrong number of dimensions")
                found = isinstance(whole.dtype, Scalar) and real_type(whole.dtype)
                self._expect(part.dtype == found, "wrong element type")
            case ir.Reshape(array, shape):
                self._integers(shape, "the extent")
                self._expect(self._array(target).ndim == len(shape), "wrong number of dimensions")
                self._expect(
                    self._array(target).dtype == self._array(array).dtype, "wrong element type"
                )
            case ir.Alloc(shape, fill, purpose):
                self._alloc(target, shape, fill, purpose)
            case ir.MakeTuple(items):
                kinds = tuple(item.type for item in items)
                if not isinstance(target.type, Tuple) or target.type.items != kinds:
                    self._fail(f"the tuple has type {target.type}")
            case ir.TupleItem(value, position):
                if not isinstance(value.type, Tuple) or not 0 <= position < len(value.type.items):
                    self._fail(f"{operand_text(value)} has no item {position}")
                self._same(target, value.type.items[position], "the item")
            case ir.Invoke(function, args):
                self._invoke(target, function, args)
            case ir.NewStack():
                self._expect(isinstance(target.type, Stack), "the target is not a stack")
            case ir.Reserve(stack, count) | ir.Release(stack, count):
                self._integers((count,), "the count")
                if not isinstance(stack.type, Stack):
                    self._fail(f"{operand_text(stack)} is not a stack")
                self._same(target, Array(stack.type.item, 1, "C"), "the segment")
            case ir.Pop(array):
                if not isinstance(array.type, List):
                    self._fail(f"{operand_text(array)} is not a list")
                self._same(target, array.type.item, "the last item")
            case _:
                assert_never(expr)

    def _array(self, var: ir.Var) -> Array:
        if not isinstance(var.type, Array):
            self._fail(f"{operand_text(var)} is not an array")
        return var.type

    def _subview(
        self, target: ir.Var, array: ir.Var, index: tuple[ir.Operand | ir.Slice | ir.NewAxis, ...]
    ) -> None:
        source, view = self._array(array), self._array(target)
        used = added = removed = 0
        for item in index:
            match item:
                case ir.NewAxis():
                    added += 1
                case ir.Slice(start, stop, step):
                    used += 1
                    bounds = (bound for bound in (start, stop, step) if bound is not None)
                    self._integers(bounds, "the bound")
                case _:
                    used += 1
                    removed += 1
                    self._integers((item,), "the index")
        self._expect(used <= source.ndim, "too many indices")
        self._expect(view.ndim == source.ndim - removed + added, "wrong number of dimensions")
        self._expect(view.dtype == source.dtype, "wrong element type")

    def _alloc(
        self, target: ir.Var, shape: tuple[ir.Operand, ...], fill: ir.Operand | None, purpose: str
    ) -> None:
        self._expect(purpose in _PURPOSES, f"unknown purpose {purpose!r}")
        self._integers(shape, "the extent")
        match target.type:
            case Array(dtype, ndim, layout):
                self._expect(len(shape) == ndim, f"{len(shape)} extents for {ndim} dimensions")
                self._expect(layout == "C" or purpose != "tape", "a tape array is not C")
                if fill is not None:
                    self._same(fill, dtype, "the fill value")
            case List(item):
                self._expect(len(shape) == 1, "a list has one extent")
                if fill is not None:
                    self._same(fill, item, "the fill value")
            case _:
                self._fail(f"a value of type {target.type} cannot be allocated")

    def _invoke(self, target: ir.Var, name: str, args: tuple[ir.Operand, ...]) -> None:
        function = self.functions.get(name)
        if function is None:
            self._fail(f"there is no function {name}")
        self._expect(len(args) == len(function.params), "wrong number of arguments")
        for argument, param in zip(args, function.params, strict=True):
            self._same(argument, param.type, f"the argument for {operand_text(param)}")
        kinds = tuple(result.type for result in function.results)
        type_ = kinds[0] if len(kinds) == 1 else Tuple(kinds)
        if isinstance(target.type, Tuple) and isinstance(type_, Tuple):
            self._expect(target.type.items == type_.items, "the results have other types")
        else:
            self._same(target, type_, "the result")


def _castable(source: Type, target: Type) -> bool:
    """Whether a value of one type can be made one of the other; arrays change their layout only."""
    if isinstance(source, Array) and isinstance(target, Array):
        return (source.dtype, source.ndim) == (target.dtype, target.ndim)
    return source == target or not (is_memory(source) or is_memory(target))
