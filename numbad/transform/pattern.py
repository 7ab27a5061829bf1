"""Sparsity patterns: a function becomes one that computes with sets of columns.

Takes a function and the parameters with respect to which it is differentiated; gives a function
with one more parameter per such parameter, the sets of columns on which its elements depend, that
returns the sets of the results. A result depends on a column if some path of the program with a
nonzero partial derivative leads there; whether the derivative happens to vanish at the point does
not matter. Of the primal, only what steers the program remains.

A branch of an ``if`` contributes if it is taken. Both choices of a conditional expression do, and
all arguments of functions like ``max``: the pattern then holds for either.

Propagation of bit vectors: R. Giering and T. Kaminski, "Automatic sparsity detection implemented as
a source-to-source transformation" (2006).
"""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from numbad.analysis import activity as activity_analysis
from numbad.analysis.memory import Memory
from numbad.analysis.regions import analyse as analyse_regions
from numbad.errors import UnsupportedSyntax
from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.build import BlockBuilder, Fresh
from numbad.ir.types import Array, List, Tuple, is_memory, tangent_type
from numbad.rules.forms import LinearRule, Missing, PairRule, ScalarRule, ZeroDerivative
from numbad.transform import masks
from numbad.transform.chains import optimised
from numbad.transform.derivatives import Derivatives, returned_positions
from numbad.transform.masks import EMPTY, mask_type
from numbad.transform.reverse import without_unused_callees
from numbad.transform.simplify import simplify_function, simplify_program

Key = tuple[str, tuple[bool, ...]]


def pattern(
    program: ir.Program,
    wrt: tuple[int, ...],
    results: tuple[int, ...],
    derivatives: Derivatives,
    name: str,
) -> ir.Program:
    """Return the program that computes column sets.

    Its entry takes the primal's parameters and then the sets of those at ``wrt``. It returns the
    sets of the results at ``results``.
    """
    program = optimised(program)
    callees = _Callees(program)
    entry = _entry(program.entry, wrt, results, derivatives, callees, name)
    while callees.pending:
        callee, mask = callees.pending.pop()
        made = _callee(program.callees[callee], mask, derivatives, callees)
        callees.functions[made.name] = made
    whole = ir.Program(entry, {**program.callees, **callees.functions})
    return without_unused_callees(simplify_program(whole, invariants=True))


class _Callees:
    """The functions on sets of all invoked functions, by which of their arguments have any."""

    def __init__(self, program: ir.Program) -> None:
        self.program = program
        self.functions: dict[str, ir.Function] = {}
        self.pending: list[Key] = []
        self._names: dict[Key, str] = {}

    def name(self, callee: str, mask: tuple[bool, ...]) -> str:
        """Return the name of the function for a callee and mask, asking for it if it is new."""
        key = (callee, mask)
        if key not in self._names:
            number = sum(1 for other, _ in self._names if other == callee)
            self._names[key] = f"{callee}_pattern{number + 1 if number else ''}"
            self.pending.append(key)
        return self._names[key]


def _entry(
    function: ir.Function,
    wrt: tuple[int, ...],
    results: tuple[int, ...],
    derivatives: Derivatives,
    callees: _Callees,
    name: str,
) -> ir.Function:
    outputs = [function.results[position] for position in results]
    run, block, seeds = _started(function, wrt, outputs, derivatives, callees)
    found = tuple(run.result(output, block) for output in outputs)
    params = function.params + tuple(seeds)
    return simplify_function(ir.Function(name, params, block.block(), found, function.origin))


def _callee(
    function: ir.Function, mask: tuple[bool, ...], derivatives: Derivatives, callees: _Callees
) -> ir.Function:
    wrt = tuple(position for position, active in enumerate(mask) if active)
    memories = [param for param in function.params if is_memory(param.type)]
    outputs = [*function.results, *memories]
    run, block, seeds = _started(function, wrt, outputs, derivatives, callees)
    found = tuple(
        run.result(result, block)
        for result in function.results
        if tangent_type(result.type) is not None
    )
    return simplify_function(
        ir.Function(
            callees.name(function.name, mask),
            function.params + tuple(seeds),
            block.block(),
            function.results + found,
            function.origin,
        )
    )


def _started(
    function: ir.Function,
    wrt: tuple[int, ...],
    outputs: list[ir.Operand],
    derivatives: Derivatives,
    callees: _Callees,
) -> tuple[_Pattern, BlockBuilder, list[ir.Var]]:
    """Run a function's body on sets; also return the parameters for the sets of its inputs."""
    fresh = Fresh(visit.first_free_id(function))
    regions = analyse_regions(function.body, function.params)
    memory = Memory(regions, function.params, function.results)
    inputs = [function.params[position] for position in wrt]
    activity = activity_analysis.analyse(
        function.body, memory, inputs, outputs, derivatives.differentiable
    )
    run = _Pattern(activity, derivatives, fresh, callees)
    block = BlockBuilder(fresh)
    block.origin = function.origin
    seeds = []
    for param in inputs:
        seed = fresh.var(mask_type(param.type), f"{param.name}_columns")
        seeds.append(seed)
        run.sets[param] = seed
    for param in function.params:
        if is_memory(param.type) and param not in run.sets and activity.is_varied(param):
            run.sets[param] = masks.everywhere(block, param, EMPTY)
    run.block(function.body, block)
    return run, block, seeds


class _Pattern:
    def __init__(
        self,
        activity: activity_analysis.Activity,
        derivatives: Derivatives,
        fresh: Fresh,
        callees: _Callees,
    ) -> None:
        self.activity = activity
        self.derivatives = derivatives
        self.fresh = fresh
        self.callees = callees
        self.sets: dict[ir.Var, ir.Operand] = {}
        self.item_sets: dict[tuple[ir.Operand, int], ir.Operand] = {}
        # Run-time tuples of which every item depends on the same columns.
        self.tuple_sets: dict[ir.Operand, ir.Operand] = {}

    def _has_set(self, operand: ir.Operand) -> bool:
        return isinstance(operand, ir.Var) and self.activity.is_active(operand)

    def _set(self, operand: ir.Operand) -> ir.Operand:
        """Return the column set of a value; the empty one if it does not vary."""
        if isinstance(operand, ir.Var) and operand in self.sets:
            return self.sets[operand]
        if is_memory(operand.type):
            return ir.Undefined(mask_type(operand.type))
        return EMPTY

    def result(self, result: ir.Operand, block: BlockBuilder) -> ir.Operand:
        """Return the sets of a result; fresh empty ones for memory that does not vary."""
        if is_memory(result.type) and result not in self.sets:
            assert isinstance(result, ir.Var)
            return masks.everywhere(block, result, EMPTY)
        return self._set(result)

    def _memory(self, var: ir.Var) -> ir.Var:
        found = self.sets[var]
        assert isinstance(found, ir.Var)
        return found

    def _define(self, var: ir.Var) -> ir.Var:
        found = self.fresh.var(mask_type(var.type), f"{var.name}_columns" if var.name else "")
        self.sets[var] = found
        return found

    # --- statements -----------------------------------------------------------------------------

    def block(self, statements: ir.Block, out: BlockBuilder) -> None:
        for statement in statements:
            out.origin = statement.origin
            self._statement(statement, out)

    def _nested(self, statements: ir.Block, out: BlockBuilder) -> BlockBuilder:
        inner = out.nested()
        self.block(statements, inner)
        return inner

    def _statement(self, statement: ir.Stmt, out: BlockBuilder) -> None:
        match statement:
            case ir.Let():
                self._let(statement, out)
            case ir.Store(array, index, value):
                out.emit(statement)
                if self._has_set(array):
                    stored = self._set(value)
                    out.emit(ir.Store(self._memory(array), index, stored, out.origin))
            case ir.Accumulate(array, index, value):
                out.emit(statement)
                if self._has_set(array) and self._has_set(value):
                    place = self._memory(array)
                    before = out.let(masks.MASK, ir.Load(place, index))
                    both = masks.union(out, before, self._set(value))
                    out.emit(ir.Store(place, index, both, out.origin))
            case ir.Append(array, value):
                out.emit(statement)
                if self._has_set(array):
                    out.emit(ir.Append(self._memory(array), self._set(value), out.origin))
            case ir.Effect() | ir.Raise():
                out.emit(statement)
            case ir.For(carried=carried, body=body) | ir.While(carried=carried, body=body):
                inners = [
                    (item, self._define(item.inner))
                    for item in carried
                    if self._has_set(item.inner)
                ]
                inner = self._nested(body, out)
                extra = tuple(
                    ir.Carried(
                        var, self._set(item.init), self._set(item.next), self._define(item.result)
                    )
                    for item, var in inners
                )
                out.emit(replace(statement, carried=carried + extra, body=inner.block()))
            case ir.If(then=then, orelse=orelse, merges=merges):
                then_block, else_block = self._nested(then, out), self._nested(orelse, out)
                added = []
                for merge in merges:
                    if self._has_set(merge.result):
                        choices = self._set(merge.if_true), self._set(merge.if_false)
                        added.append(ir.Merge(self._define(merge.result), *choices))
                out.emit(
                    replace(
                        statement,
                        then=then_block.block(),
                        orelse=else_block.block(),
                        merges=merges + tuple(added),
                    )
                )
            case _:
                assert_never(statement)

    # --- definitions ----------------------------------------------------------------------------

    def _let(self, statement: ir.Let, out: BlockBuilder) -> None:
        target = statement.target
        match statement.expr:
            case ir.Invoke(differentiable=positions) as call if positions is not None:
                out.emit(statement)
                if self._has_set(target):
                    self._declared(target, [call.args[position] for position in positions], out)
            case ir.Invoke(callee, args) if any(map(self._has_set, args)):
                self._invoke(target, callee, args, out)
            case ir.TupleItem(value, position) if (value, position) in self.item_sets:
                out.emit(statement)
                self.sets[target] = self.item_sets[value, position]
            case ir.TupleItem(value) if value in self.tuple_sets:
                out.emit(statement)
                if tangent_type(target.type) is not None:
                    self.sets[target] = masks.everywhere(out, target, self.tuple_sets[value])
            case expr:
                out.emit(statement)
                if self._has_set(target):
                    self._definition(target, expr, statement, out)

    def _definition(
        self, target: ir.Var, expr: ir.Expr, statement: ir.Let, out: BlockBuilder
    ) -> None:
        match expr:
            case ir.Call():
                self._call(target, expr, statement, out)
            case ir.Select(condition, if_true, if_false):
                if is_memory(target.type):
                    choices = self._set(if_true), self._set(if_false)
                    out.let_existing(self._define(target), ir.Select(condition, *choices))
                else:
                    self.sets[target] = masks.union(out, self._set(if_true), self._set(if_false))
            case ir.Cast(value):
                if is_memory(target.type):
                    out.let_existing(self._define(target), ir.Cast(self._set(value)))
                else:
                    self.sets[target] = self._set(value)
            case (
                ir.Load()
                | ir.Subview()
                | ir.Transpose()
                | ir.Reshape()
                | ir.Pop()
                | ir.Release()
                | ir.NewStack()
            ):
                out.let_existing(self._define(target), visit.map_expr(expr, self._mapped))
            case ir.Reserve(stack, count):
                out.let_existing(self._define(target), ir.Reserve(self._memory(stack), count, True))
            case ir.Alloc(shape, fill):
                out.let_existing(self._define(target), self._allocation(target, shape, fill))
            case ir.Component() | ir.Shape() | ir.MakeTuple() | ir.TupleItem() | ir.Invoke():
                raise UnsupportedSyntax(
                    f"the sparsity pattern of `{type(expr).__name__}` cannot be found.",
                    origin=statement.origin,
                    remedy="Give the pattern as `sparsity`.",
                )
            case _:
                assert_never(expr)

    def _mapped(self, operand: ir.Operand) -> ir.Operand:
        if is_memory(operand.type) and self._has_set(operand):
            return self._set(operand)
        return operand

    def _allocation(
        self, target: ir.Var, shape: tuple[ir.Operand, ...], fill: ir.Operand | None
    ) -> ir.Alloc:
        type_ = mask_type(target.type)
        match type_:
            case List(item) if is_memory(item):
                return ir.Alloc(shape, None, "shadow")
            case List() | Array():
                start = EMPTY if fill is None else self._set(fill)
                return ir.Alloc(shape, start, "shadow")
            case _:
                raise AssertionError(f"a value of type {type_} is not allocated")

    # --- calls ----------------------------------------------------------------------------------

    def _call(self, target: ir.Var, call: ir.Call, statement: ir.Let, out: BlockBuilder) -> None:
        rule = self.derivatives.rule(call, statement.origin)
        match rule:
            case ZeroDerivative():
                self.sets[target] = masks.everywhere(out, target, EMPTY)
            case ScalarRule() if not is_memory(target.type):
                found: ir.Operand = EMPTY
                for partial in self.derivatives.partials(call, target):
                    if partial is not None:
                        found = masks.union(out, found, self._set(call.args[partial.position]))
                self.sets[target] = found
            case PairRule(jvp=body):
                chosen = range(len(call.args)) if body is None else returned_positions(body)
                self._whole(target, call, chosen, out)
            case LinearRule():
                self._whole(target, call, (0,), out)
            case ScalarRule():
                self._whole(target, call, range(len(call.args)), out)
            case Missing():
                raise AssertionError("a missing rule is reported by `rule`")
            case _:
                assert_never(rule)

    def _whole(
        self, target: ir.Var, call: ir.Call, positions: range | tuple[int, ...], out: BlockBuilder
    ) -> None:
        sets = {
            position: self._set(call.args[position])
            for position in positions
            if self._has_set(call.args[position])
        }
        if not isinstance(target.type, Tuple):
            self.sets[target] = masks.of_array_call(out, target, call, sets)
            return
        found: ir.Operand = EMPTY
        for each in sets.values():
            found = masks.union(out, found, masks.total(out, each))
        self.tuple_sets[target] = found

    def _declared(self, target: ir.Var, args: list[ir.Operand], out: BlockBuilder) -> None:
        """Of a call with a declared derivative, everything depends on everything."""
        found: ir.Operand = EMPTY
        for arg in args:
            if self._has_set(arg):
                found = masks.union(out, found, masks.total(out, self._set(arg)))
        if isinstance(target.type, Tuple):
            self.tuple_sets[target] = found
        else:
            self.sets[target] = masks.everywhere(out, target, found)

    def _invoke(
        self, target: ir.Var, callee: str, args: tuple[ir.Operand, ...], out: BlockBuilder
    ) -> None:
        """Call the callee's function on sets instead of the callee."""
        mask = tuple(self._has_set(arg) for arg in args)
        function = self.callees.program.callees[callee]
        given = tuple(self._set(arg) for arg, active in zip(args, mask, strict=True) if active)
        types = [result.type for result in function.results]
        count = len(types)
        with_set = [p for p, type_ in enumerate(types) if tangent_type(type_) is not None]
        types += [mask_type(types[position]) for position in with_set]
        whole_type = types[0] if len(types) == 1 else Tuple(tuple(types))
        whole = out.let(whole_type, ir.Invoke(self.callees.name(callee, mask), args + given))
        items: list[ir.Operand] = [whole]
        if len(types) != 1:
            items = [
                out.let(type_, ir.TupleItem(whole, position))
                for position, type_ in enumerate(types)
            ]
        if count == 1:
            out.let_existing(target, ir.Cast(items[0]))
        else:
            out.let_existing(target, ir.MakeTuple(tuple(items[:count])))
        for position, found in zip(with_set, items[count:], strict=True):
            if count == 1:
                self.sets[target] = found
            else:
                self.item_sets[target, position] = found
