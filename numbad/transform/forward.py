"""Forward mode: a function becomes one that carries tangents beside its values.

Takes a function and the parameters that have tangents; gives a function with one more parameter per
such parameter (its tangent) and one more result per result that depends on them. Scalars have
scalar tangents, memory has tangent memory of the same shape that is written and read, viewed and
swapped as the primal's is. The result is ordinary IR.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import assert_never

from numbad.analysis import activity as activity_analysis
from numbad.analysis.memory import Memory
from numbad.analysis.regions import analyse as analyse_regions
from numbad.errors import NoRule, UnsupportedSyntax
from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.build import BlockBuilder, Fresh
from numbad.ir.types import (
    INT64,
    Array,
    List,
    Tuple,
    Type,
    element_of,
    is_memory,
    tangent_type,
)
from numbad.rules.forms import LinearRule, PairRule, ScalarRule, ZeroDerivative
from numbad.transform import arith, custom, lane_rules, transpose
from numbad.transform.arrays import add_into, copy_into
from numbad.transform.augment import shadow_type
from numbad.transform.chains import optimised
from numbad.transform.derivatives import (
    RESULT,
    Derivatives,
    returned_positions,
    takes_result,
)
from numbad.transform.reverse import without_unused_callees
from numbad.transform.simplify import simplify_function, simplify_program


@dataclass(frozen=True)
class Tangent:
    """A program with tangents.

    Its entry takes the primal's parameters and then one tangent per differentiated parameter; it
    returns the primal's results and then the tangents of the results for which ``varied`` holds.
    """

    program: ir.Program
    varied: tuple[bool, ...]


def forward(
    program: ir.Program, wrt: tuple[int, ...], derivatives: Derivatives, name: str = ""
) -> Tangent:
    """Return the program with tangents for the entry's parameters at ``wrt``."""
    program = optimised(program)
    callees = TangentCallees(program)
    found, varied = _tangent_function(program.entry, wrt, derivatives, callees, name)
    while callees.pending:
        callee_name, mask = callees.pending.pop()
        callee = program.callees[callee_name]
        positions = tuple(position for position, active in enumerate(mask) if active)
        made, _ = _tangent_function(
            callee, positions, derivatives, callees, callees.name(callee_name, mask), whole=True
        )
        callees.functions[made.name] = made
    whole = ir.Program(found, {**program.callees, **callees.functions})
    return Tangent(without_unused_callees(simplify_program(whole, invariants=True)), varied)


class TangentCallees:
    """The functions with tangents of all invoked functions, by activity of their arguments."""

    def __init__(self, program: ir.Program) -> None:
        self.program = program
        self.functions: dict[str, ir.Function] = {}
        self.pending: list[tuple[str, tuple[bool, ...]]] = []
        self._names: dict[tuple[str, tuple[bool, ...]], str] = {}
        self._transposed: dict[str, ir.CustomDerivative] = {}

    def name(self, callee: str, mask: tuple[bool, ...]) -> str:
        """Return the name of the function for a callee and mask, asking for it if it is new."""
        key = (callee, mask)
        if key not in self._names:
            number = sum(1 for other, _ in self._names if other == callee)
            self._names[key] = f"{callee}_tangent{number + 1 if number else ''}"
            self.pending.append(key)
        return self._names[key]

    def transposed(
        self,
        callee: str,
        derivative: ir.CustomDerivative,
        derivatives: Derivatives,
        out: BlockBuilder,
    ) -> ir.CustomDerivative:
        """Return a declared derivative with the forward mode that follows from the reverse mode."""
        if callee not in self._transposed:
            count = len(self.program.callees[callee].results)
            self._transposed[callee], functions = transpose.with_tangent(
                derivative, count, self.program, derivatives, out.origin
            )
            self.functions.update(functions)
        return self._transposed[callee]


def _tangent_function(
    function: ir.Function,
    wrt: tuple[int, ...],
    derivatives: Derivatives,
    callees: TangentCallees,
    name: str,
    *,
    whole: bool = False,
) -> tuple[ir.Function, tuple[bool, ...]]:
    """Return the function with tangents; ``whole``: every result that can have one has one."""
    fresh = Fresh(visit.first_free_id(function))
    regions = analyse_regions(function.body, function.params)
    memory = Memory(regions, function.params, function.results)
    inputs = [function.params[position] for position in wrt]
    memories = [p for p in function.params if is_memory(p.type)]
    # What is left in a written argument is an output too.
    outputs = [*function.results, *memories]
    activity = activity_analysis.analyse(
        function.body, memory, inputs, outputs, derivatives.differentiable
    )
    run = _Forward(activity, derivatives, fresh, callees)
    block = BlockBuilder(fresh)
    block.origin = function.origin
    seeds = []
    for position, param in zip(wrt, inputs, strict=True):
        type_ = tangent_type(param.type)
        assert type_ is not None, f"parameter {position} has no tangent"
        seed = fresh.var(type_, f"{param.name}_dot")
        seeds.append(seed)
        run.tangents[param] = seed
    for param in memories:
        if param not in run.tangents and activity.is_varied(param):
            run.tangents[param] = _zeros_like(block, param, f"{param.name}_dot")
    run.block(function.body, block)
    varied = tuple(
        tangent_type(result.type) is not None and (whole or activity.is_varied(result))
        for result in function.results
    )
    tangents = tuple(
        run.result_tangent(result, block)
        for result, is_varied in zip(function.results, varied, strict=True)
        if is_varied
    )
    made = ir.Function(
        name or f"{function.name}_tangent",
        function.params + tuple(seeds),
        block.block(),
        function.results + tangents,
        function.origin,
    )
    return simplify_function(made), varied


def _zeros_like(block: BlockBuilder, var: ir.Var, name: str) -> ir.Var:
    type_ = shadow_type(var.type)
    assert isinstance(type_, Array)
    shape = tuple(block.let(INT64, ir.Shape(var, axis)) for axis in range(type_.ndim))
    return block.let(type_, ir.Alloc(shape, arith.zero(type_.dtype), "shadow"), name)


def _tangent_of(type_: Type) -> Type:
    found = shadow_type(type_) if is_memory(type_) else tangent_type(type_)
    assert found is not None
    return found


class _Forward:
    def __init__(
        self,
        activity: activity_analysis.Activity,
        derivatives: Derivatives,
        fresh: Fresh,
        callees: TangentCallees,
    ) -> None:
        self.callees = callees
        self.item_tangents: dict[tuple[ir.Operand, int], ir.Operand] = {}
        self.activity = activity
        self.derivatives = derivatives
        self.fresh = fresh
        self.tangents: dict[ir.Var, ir.Operand] = {}

    def _has_tangent(self, operand: ir.Operand) -> bool:
        return isinstance(operand, ir.Var) and self.activity.is_active(operand)

    def tangent(self, operand: ir.Operand) -> ir.Operand:
        """Return the tangent of a value; the constant zero if it does not vary."""
        if isinstance(operand, ir.Var) and operand in self.tangents:
            return self.tangents[operand]
        if is_memory(operand.type):
            return ir.Undefined(shadow_type(operand.type))
        type_ = tangent_type(operand.type)
        assert type_ is not None
        return arith.zero(type_)

    def result_tangent(self, result: ir.Operand, block: BlockBuilder) -> ir.Operand:
        """Return the tangent of a result; fresh zeros for memory that does not vary."""
        if is_memory(result.type) and result not in self.tangents:
            assert isinstance(result, ir.Var)
            return _zeros_like(block, result, "")
        return self.tangent(result)

    def _memory_tangent(self, var: ir.Var) -> ir.Var:
        found = self.tangents[var]
        assert isinstance(found, ir.Var)
        return found

    def _define(self, var: ir.Var) -> ir.Var:
        type_ = shadow_type(var.type) if is_memory(var.type) else tangent_type(var.type)
        assert type_ is not None
        tangent = self.fresh.var(type_, f"{var.name}_dot" if var.name else "")
        self.tangents[var] = tangent
        return tangent

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
            case ir.Let(target, ir.Invoke(differentiable=positions) as call) if (
                positions is not None
            ):
                if self._has_tangent(target):
                    self._custom(target, call, out)
                else:
                    out.emit(statement)
            case ir.Let(target, ir.Invoke(callee, args)) if any(map(self._has_tangent, args)):
                self._invoke(target, callee, args, out)
            case ir.Let(target, ir.TupleItem(value, position)) if (
                value,
                position,
            ) in self.item_tangents:
                out.emit(statement)
                self._set(target, self.item_tangents[value, position])
            case ir.Let(target, expr):
                out.emit(statement)
                if self._has_tangent(target):
                    self._definition(target, expr, statement, out)
            case ir.Store(array, index, value):
                out.emit(statement)
                if self._has_tangent(array):
                    tangent = self._converted(value, array, out)
                    out.emit(ir.Store(self._memory_tangent(array), index, tangent, out.origin))
            case ir.Accumulate(array, index, value):
                out.emit(statement)
                if self._has_tangent(array) and self._has_tangent(value):
                    tangent = self._converted(value, array, out)
                    out.emit(ir.Accumulate(self._memory_tangent(array), index, tangent, out.origin))
            case ir.Append(array, value):
                out.emit(statement)
                if self._has_tangent(array):
                    tangent = self._converted(value, array, out)
                    out.emit(ir.Append(self._memory_tangent(array), tangent, out.origin))
            case ir.Effect() | ir.Raise():
                out.emit(statement)
            case ir.For(carried=carried, body=body):
                inners = self._inners(carried)
                inner = self._nested(body, out)
                new_carried = self._carried(carried, inners)
                out.emit(replace(statement, carried=new_carried, body=inner.block()))
            case ir.While(carried=carried, before=before, body=body):
                inners = self._inners(carried)
                inner = self._nested(body, out)
                new_carried = self._carried(carried, inners)
                out.emit(replace(statement, carried=new_carried, before=before, body=inner.block()))
            case ir.If():
                self._if(statement, out)
            case _:
                assert_never(statement)

    def _if(self, statement: ir.If, out: BlockBuilder) -> None:
        then, orelse = self._nested(statement.then, out), self._nested(statement.orelse, out)
        merges = list(statement.merges)
        for merge in statement.merges:
            if self._has_tangent(merge.result):
                if_true, if_false = self.tangent(merge.if_true), self.tangent(merge.if_false)
                merges.append(ir.Merge(self._define(merge.result), if_true, if_false))
        new = replace(statement, then=then.block(), orelse=orelse.block(), merges=tuple(merges))
        out.emit(new)

    def _converted(self, value: ir.Operand, array: ir.Var, out: BlockBuilder) -> ir.Operand:
        element = element_of(self._memory_tangent(array).type)
        if is_memory(value.type):
            tangent = self.tangent(value)
            return tangent if tangent.type == element else out.let(element, ir.Cast(tangent))
        if not self._has_tangent(value):
            return arith.zero(element)
        return arith.cast(out, self.tangent(value), element)

    def _inners(self, carried: tuple[ir.Carried, ...]) -> list[tuple[ir.Carried, ir.Var]]:
        found = []
        for item in carried:
            if self._has_tangent(item.inner):
                found.append((item, self._define(item.inner)))
        return found

    def _carried(
        self,
        carried: tuple[ir.Carried, ...],
        inners: list[tuple[ir.Carried, ir.Var]],
    ) -> tuple[ir.Carried, ...]:
        extra = []
        for item, inner in inners:
            init, following = self.tangent(item.init), self.tangent(item.next)
            extra.append(ir.Carried(inner, init, following, self._define(item.result)))
        return carried + tuple(extra)

    # --- definitions ----------------------------------------------------------------------------

    def _let(self, target: ir.Var, expr: ir.Expr, out: BlockBuilder) -> None:
        out.let_existing(self._define(target), expr)

    def _set(self, target: ir.Var, value: ir.Operand) -> None:
        self.tangents[target] = value

    def _definition(
        self, target: ir.Var, expr: ir.Expr, statement: ir.Let, out: BlockBuilder
    ) -> None:
        match expr:
            case ir.Call():
                self._call(target, expr, statement, out)
            case ir.Select(condition, if_true, if_false):
                self._let(
                    target,
                    ir.Select(condition, self.tangent(if_true), self.tangent(if_false)),
                    out,
                )
            case ir.Cast(value) if is_memory(target.type):
                self._let(target, ir.Cast(self.tangent(value)), out)
            case ir.Cast(value):
                type_ = tangent_type(target.type)
                assert type_ is not None
                self._set(target, arith.cast(out, self.tangent(value), type_))
            case (
                ir.Load() | ir.Subview() | ir.Transpose() | ir.Component() | ir.Reshape() | ir.Pop()
            ):
                self._let(target, visit.map_expr(expr, self._map_memory), out)
            case ir.Reserve(stack, count):
                self._let(target, ir.Reserve(self._memory_tangent(stack), count, True), out)
            case ir.Release(stack, count):
                self._let(target, ir.Release(self._memory_tangent(stack), count), out)
            case ir.Alloc():
                self._allocation(target, expr, out)
            case ir.NewStack():
                self._let(target, expr, out)
            case _:
                raise UnsupportedSyntax(
                    f"the value of `{type(expr).__name__}` cannot be differentiated forward.",
                    origin=statement.origin,
                )

    def _invoke(
        self, target: ir.Var, callee: str, args: tuple[ir.Operand, ...], out: BlockBuilder
    ) -> None:
        """Call the callee's function with tangents instead of the callee."""
        mask = tuple(self._has_tangent(arg) for arg in args)
        function = self.callees.program.callees[callee]
        directions = tuple(
            self.tangent(arg) for arg, active in zip(args, mask, strict=True) if active
        )
        types = [result.type for result in function.results]
        with_tangent = [p for p, type_ in enumerate(types) if tangent_type(type_) is not None]
        types += [_tangent_of(types[position]) for position in with_tangent]
        whole_type = types[0] if len(types) == 1 else Tuple(tuple(types))
        whole = out.let(whole_type, ir.Invoke(self.callees.name(callee, mask), args + directions))
        items: list[ir.Operand] = [whole]
        if len(types) != 1:
            items = [
                out.let(type_, ir.TupleItem(whole, position))
                for position, type_ in enumerate(types)
            ]
        count = len(function.results)
        if count == 1:
            out.let_existing(target, ir.Cast(items[0]))
        else:
            out.let_existing(target, ir.MakeTuple(tuple(items[:count])))
        for position, tangent in zip(with_tangent, items[count:], strict=True):
            if count == 1:
                self._set(target, tangent)
            else:
                self.item_tangents[target, position] = tangent

    def _custom(self, target: ir.Var, call: ir.Invoke, out: BlockBuilder) -> None:
        """Put the declared tangent in the place of the call."""
        derivative = custom.derivative_of(self.callees.program, call, self._has_tangent, out.origin)
        if derivative.jvp is None:
            derivative = self.callees.transposed(call.function, derivative, self.derivatives, out)
        directions: list[ir.Operand] = []
        for position in derivative.directions:
            arg = call.args[position]
            if isinstance(arg, ir.Var) and is_memory(arg.type) and not self._has_tangent(arg):
                directions.append(_zeros_like(out, arg, ""))
            else:
                directions.append(self.tangent(arg))
        tangents = custom.emit_tangent(derivative, target, call, tuple(directions), out)
        for position, tangent in enumerate(tangents):
            if tangent is None:
                continue
            if isinstance(target.type, Tuple):
                self.item_tangents[target, position] = tangent
            else:
                self._set(target, tangent)

    def _map_memory(self, operand: ir.Operand) -> ir.Operand:
        if is_memory(operand.type) and self._has_tangent(operand):
            return self.tangent(operand)
        return operand

    def _allocation(self, target: ir.Var, expr: ir.Alloc, out: BlockBuilder) -> None:
        shape, fill, purpose = expr.shape, expr.fill, expr.purpose
        if isinstance(target.type, List):
            if is_memory(target.type.item):
                self._let(target, ir.Alloc(shape, None, "shadow"), out)
            else:
                item = tangent_type(target.type.item)
                assert item is not None
                self._let(target, ir.Alloc(shape, arith.zero(item), "shadow"), out)
            return
        type_ = shadow_type(target.type)
        assert isinstance(type_, Array)
        dtype = type_.dtype
        start: ir.Operand | None = arith.zero(dtype)
        if fill is not None and self._has_tangent(fill):
            start = arith.cast(out, self.tangent(fill), dtype)
        elif fill is None and purpose != "user":
            # What the transforms leave uninitialised they write before they read it.
            start = None
        self._let(target, ir.Alloc(shape, start, "shadow"), out)

    def _call(self, target: ir.Var, call: ir.Call, statement: ir.Let, out: BlockBuilder) -> None:
        if call.fn in lane_rules.LANE_FUNCTIONS:
            self._set(target, lane_rules.tangent(call, self.tangent, out))
            return
        rule = self.derivatives.rule(call, statement.origin)
        match rule:
            case ZeroDerivative():
                type_ = tangent_type(target.type)
                assert type_ is not None
                if is_memory(target.type):
                    assert isinstance(target.type, Array)
                    self._set(target, _zeros_like(out, target, ""))
                else:
                    self._set(target, arith.zero(type_))
            case ScalarRule() if not is_memory(target.type):
                self._scalar_call(target, call, out)
            case PairRule(jvp=body) if body is not None:
                self._pair_call(target, call, body, out)
            case LinearRule():
                first = self.tangent(call.args[0])
                self._let(target, ir.Call(call.fn, (first, *call.args[1:]), call.kwargs), out)
            case _:
                name = getattr(call.fn, "__name__", str(call.fn))
                raise NoRule(
                    f"`{name}` has no forward-mode derivative rule.",
                    origin=statement.origin,
                    remedy="Declare one with numbad.custom_rule(f, forward, backward, jvp=...).",
                )

    def _scalar_call(self, target: ir.Var, call: ir.Call, out: BlockBuilder) -> None:
        type_ = tangent_type(target.type)
        assert type_ is not None
        total: ir.Operand = arith.zero(type_)
        for partial in self.derivatives.partials(call, target):
            if partial is None or not self._has_tangent(call.args[partial.position]):
                continue
            slope: ir.Operand
            if partial.constant is not None:
                slope = partial.constant
            else:
                function = partial.function
                assert function is not None
                arguments = tuple(
                    arith.cast(out, target if read == RESULT else call.args[read], param.type)
                    for read, param in zip(partial.reads, function.params, strict=True)
                )
                body, (slope,) = visit.inline(function, arguments, self.fresh)
                for inner in body:
                    out.emit(visit.with_origin(inner, out.origin))
            direction = self.tangent(call.args[partial.position])
            if partial.singular:
                # The direction is infinite where an inner function has overflowed.
                term = arith.absorb(out, direction, slope, both=True)
            else:
                term = arith.multiply(out, direction, slope)
            total = arith.add(out, total, term)
        total = arith.cast(out, total, type_)
        if isinstance(total, ir.Var) and not total.name and target.name:
            named = ir.Var(total.id, total.type, f"{target.name}_dot")
            last = out.statements[-1]
            if isinstance(last, ir.Let) and last.target == total:
                out.statements[-1] = replace(last, target=named)
                total = named
        self._set(target, total)

    def _pair_call(self, target: ir.Var, call: ir.Call, body: object, out: BlockBuilder) -> None:
        """A rule gives one term per argument; the tangent is the sum over the varying ones."""
        assert callable(body)
        reads_result = takes_result(body)
        tangent_types: list[Type] = []
        for arg in call.args:
            type_ = (
                shadow_type(arg.type)
                if is_memory(arg.type) and tangent_type(arg.type)
                else tangent_type(arg.type)
            )
            tangent_types.append(type_ or arg.type)
        types = (*(arg.type for arg in call.args), *tangent_types)
        if reads_result:
            types = (*types, target.type)
        function = self.derivatives.body(body, types)
        directions = [
            self.tangent(arg) if self._has_tangent(arg) else ir.Undefined(type_)
            for arg, type_ in zip(call.args, tangent_types, strict=True)
        ]
        arguments = (*call.args, *directions) + ((target,) if reads_result else ())
        if isinstance(target.type, Tuple):
            self._tuple_call(target, call, function, arguments, out)
            return
        positions = returned_positions(body)
        kept = [
            order
            for order, position in enumerate(positions)
            if self._has_tangent(call.args[position])
        ]
        sliced = simplify_function(
            replace(function, results=tuple(function.results[order] for order in kept))
        )
        inlined, terms = visit.inline(sliced, arguments, self.fresh)
        for inner in inlined:
            out.emit(visit.with_origin(inner, out.origin))
        if not is_memory(target.type):
            total: ir.Operand = terms[0]
            for term in terms[1:]:
                total = arith.add(out, total, term)
            type_ = tangent_type(target.type)
            assert type_ is not None
            self._set(target, arith.cast(out, total, type_))
            return
        if len(terms) == 1:
            self._set(target, terms[0])
            return
        tangent = _zeros_like(out, target, f"{target.name}_dot" if target.name else "")
        # There is no term where only what is added to the result later has a tangent.
        for number, term in enumerate(terms):
            assert isinstance(term, ir.Var)
            (add_into if number else copy_into)(out, tangent, term)
        self._set(target, tangent)

    def _tuple_call(
        self,
        target: ir.Var,
        call: ir.Call,
        function: ir.Function,
        arguments: tuple[ir.Operand, ...],
        out: BlockBuilder,
    ) -> None:
        """A call that returns a tuple: each term of its rule has one tangent per item."""
        assert isinstance(target.type, Tuple)
        if len(call.args) != 1:
            raise NoRule(
                f"`{getattr(call.fn, '__name__', call.fn)}` has no forward-mode derivative rule "
                "for several arguments.",
                origin=out.origin,
            )
        inlined, tangents = visit.inline(function, arguments, self.fresh)
        for inner in inlined:
            out.emit(visit.with_origin(inner, out.origin))
        remaining = iter(tangents)
        for position, type_ in enumerate(target.type.items):
            if tangent_type(type_) is not None:
                self.item_tangents[target, position] = next(remaining)
