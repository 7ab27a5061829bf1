"""The adjoints of calls.

Scalar functions are reversed by their partials, array functions by their rules, other functions of
the program by their backward functions.

The partials of a scalar function are the rule's body, inlined. Where the body evaluates something
that the primal has evaluated already (the cosine beside a sine), the primal's value is used.
"""

from __future__ import annotations

import operator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from numbad.errors import NoRule
from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.types import INT64, Tuple, is_complex, is_memory, tangent_type
from numbad.rules.forms import Function, LinearRule, PairRule, Rule, ScalarRule, ZeroDerivative
from numbad.transform import arith, lane_rules
from numbad.transform.arrays import add_into
from numbad.transform.augment import Invocation
from numbad.transform.dead import remove_dead
from numbad.transform.derivatives import RESULT, Partial, returned_positions, takes_result
from numbad.transform.pairs import backward_type
from numbad.transform.reuse import PrimalValues
from numbad.transform.scaling import Scaling

if TYPE_CHECKING:
    from numbad.transform.backward import BackwardSweep
    from numbad.transform.values import Scope


class CallAdjoints:
    """Emits the adjoints of calls for a backward sweep."""

    def __init__(self, sweep: BackwardSweep) -> None:
        self.sweep = sweep
        self.item_cotangents: dict[tuple[ir.Var, int], ir.Operand] = {}
        self.primal_values = PrimalValues(sweep.regions)
        self.scaling = Scaling()

    def scalar_call(
        self,
        target: ir.Var,
        call: ir.Call,
        cotangent: ir.Operand,
        statement: ir.Let,
        scope: Scope,
    ) -> None:
        """Pass the cotangent of a scalar call on to its arguments."""
        if call.fn in lane_rules.LANE_FUNCTIONS:
            primal, block = self.sweep.values.primal, scope.block
            for operand, part in lane_rules.cotangents(call, cotangent, primal, block):
                self.sweep.accumulate(operand, part, scope)
            return
        rule = self.sweep.derivatives.rule(call, statement.origin)
        if isinstance(rule, ZeroDerivative):
            return
        if isinstance(rule, ScalarRule):
            if call.fn is operator.mul and not self._absorbs(target):
                power = self._power(call)
                if power is not None:
                    self._monomial(*power, cotangent, scope)
                    return
            for partial in self.sweep.derivatives.partials(call, target):
                if partial is None or not self.sweep.wants(call.args[partial.position]):
                    continue
                contribution = self._contribution(target, call, partial, cotangent, scope)
                self.sweep.accumulate(call.args[partial.position], contribution, scope)
            return
        self._general_call(target, call, rule, cotangent, statement, scope)

    def _absorbs(self, target: ir.Var) -> bool:
        """Whether a factor of zero absorbs the other one in the adjoint of the value's products."""
        activity = self.sweep.activity
        return activity.is_exposed(target) or activity.is_selectable(target)

    def _power(self, call: ir.Call) -> tuple[int, ir.Var, ir.Operand] | None:
        """Return n, x and c x**(n - 1) of a product that is c x**n, of which these are factors."""
        left, right = call.args
        for base, rest in ((left, right), (right, left)):
            if isinstance(base, ir.Var) and isinstance(rest, ir.Var) and base.type == rest.type:
                degree = self._degree(rest, base)
                if degree:
                    return degree + 1, base, rest
        return None

    def _degree(self, operand: ir.Operand, base: ir.Var) -> int:
        """Return n of an operand that is c base**n; zero if it is none."""
        if operand == base:
            return 1
        match self.sweep.regions.definition.get(operand) if isinstance(operand, ir.Var) else None:
            case ir.Let(_, ir.Call(operator.mul, (left, right))):
                pass
            case _:
                return 0
        for constant, other in ((left, right), (right, left)):
            if isinstance(constant, ir.Const):
                return self._degree(other, base)
        one, two = self._degree(left, base), self._degree(right, base)
        return one + two if one and two else 0

    def _monomial(
        self, degree: int, base: ir.Var, rest: ir.Operand, cotangent: ir.Operand, scope: Scope
    ) -> None:
        """``c x**n``, whose slope is ``n c x**(n - 1)``: one product instead of two per factor."""
        if not self.sweep.wants(base):
            return
        slope = self.sweep.values.primal(rest)
        if is_complex(slope.type):
            slope = scope.block.call(slope.type, np.conjugate, slope)
        # The square's factor goes to the cotangent, which several squares of a sum share.
        if degree == 2 and rest == base:
            cotangent = self.scaling.multiple(scope.block, cotangent, 2.0)
        else:
            slope = self.scaling.multiple(scope.block, slope, float(degree))
        self.sweep.accumulate(base, self.scaling.product(scope.block, cotangent, slope), scope)

    def _contribution(
        self,
        target: ir.Var,
        call: ir.Call,
        partial: Partial,
        cotangent: ir.Operand,
        scope: Scope,
    ) -> ir.Operand:
        block = scope.block
        slope: ir.Operand
        if partial.constant is not None:
            slope = partial.constant
        else:
            assert partial.function is not None
            slope = self._partial_value(target, call, partial, scope)
        if is_complex(slope.type):
            slope = (
                ir.Const(slope.value.conjugate(), slope.type)
                if isinstance(slope, ir.Const)
                else block.call(slope.type, np.conjugate, slope)
            )
        # Zero times an infinity is zero here, whichever of the two factors can be infinite.
        activity = self.sweep.activity
        varies = partial.constant is None
        absorbing = set()
        if partial.singular or (varies and activity.is_selectable(target)):
            absorbing.add("cotangent")
        if varies and activity.is_exposed(target):
            absorbing.add("slope")
        return self.scaling.product(block, cotangent, slope, frozenset(absorbing))

    def _partial_value(
        self, target: ir.Var, call: ir.Call, partial: Partial, scope: Scope
    ) -> ir.Operand:
        function = partial.function
        assert function is not None
        draft = scope.block.nested()
        arguments = []
        for read, param in zip(partial.reads, function.params, strict=True):
            source = target if read == RESULT else call.args[read]
            arguments.append(arith.cast(draft, source, param.type))
        body, (slope,) = visit.inline(function, tuple(arguments), scope.block.fresh)
        return self._settle(draft.block() + body, slope, scope)

    def _settle(self, draft: ir.Block, slope: ir.Operand, scope: Scope) -> ir.Operand:
        """Emit a draft in terms of forward values: as far as it is needed, reusing the primal's."""
        own = visit.defined_vars(draft)
        reused: dict[ir.Var, ir.Var] = {}
        for statement in draft:
            match statement:
                case ir.Let(target, ir.Call(fn, args, kwargs)):
                    renamed = tuple(reused.get(a, a) if isinstance(a, ir.Var) else a for a in args)
                    found = self.primal_values.equal_to(
                        ir.Call(fn, renamed, kwargs), target, scope.region, self.sweep.late
                    )
                    if found is not None:
                        reused[target] = found
                case _:
                    pass
        needed: set[ir.Operand] = {slope}
        kept: list[ir.Stmt] = []
        for statement in reversed(draft):
            defined = visit.definitions(statement)
            if any(var in needed and var not in reused for var in defined):
                kept.append(statement)
                needed |= visit.used_vars((statement,))
        substitution: dict[ir.Var, ir.Operand] = {}

        def settle(operand: ir.Operand) -> None:
            if isinstance(operand, ir.Var) and operand not in substitution:
                if operand in reused:
                    substitution[operand] = self.sweep.values.primal(reused[operand])
                elif operand not in own:
                    substitution[operand] = self.sweep.values.primal(operand)

        for statement in reversed(kept):
            for operand in sorted(visit.used_vars((statement,)), key=lambda var: var.id):
                settle(operand)
            replaced = visit.Substituter(substitution).statement(statement)
            scope.block.emit(visit.with_origin(replaced, scope.block.origin))
            if isinstance(replaced, ir.Let) and isinstance(replaced.expr, ir.Call):
                self.scaling.note(replaced.target, replaced.expr)
        settle(slope)
        return substitution.get(slope, slope) if isinstance(slope, ir.Var) else slope

    def invocation(self, invocation: Invocation, scope: Scope) -> None:
        """Call the backward function of a callee."""
        pair, target = invocation.pair, invocation.target
        seeds: list[ir.Operand] = []
        for position in pair.results(memory=False):
            type_ = tangent_type(pair.function.results[position].type)
            assert type_ is not None
            if len(pair.function.results) == 1:
                found = self.sweep.cotangents.pop(target, None)
            else:
                found = self.item_cotangents.pop((target, position), None)
            seeds.append(arith.zero(type_) if found is None else found)
        shadows: list[ir.Operand] = []
        for position in pair.memory_inputs():
            argument = invocation.args[position]
            assert isinstance(argument, ir.Var)
            shadows.append(self.sweep.shadow(argument))
        shadows += [self.sweep.values.primal(shadow) for shadow in invocation.result_shadows]
        whole = scope.block.let(
            backward_type(pair),
            ir.Invoke(pair.backward_name, (*seeds, *shadows, *self.sweep.augmented.tape_lists)),
        )
        inputs = pair.scalar_inputs()
        items: list[ir.Operand] = [whole]
        if isinstance(whole.type, Tuple):
            items = [
                scope.block.let(type_, ir.TupleItem(whole, position))
                for position, type_ in enumerate(whole.type.items)
            ]
        for position, cotangent in zip(inputs, items, strict=True):
            self.sweep.accumulate(invocation.args[position], cotangent, scope)

    # --- array-level calls ------------------------------------------------------------------------

    def array_call(self, target: ir.Var, call: ir.Call, statement: ir.Let, scope: Scope) -> None:
        """Emit the reverse rule of a call on arrays, or one that returns several values."""
        rule = self.sweep.derivatives.rule(call, statement.origin)
        if isinstance(rule, ZeroDerivative):
            return
        cotangent: ir.Operand
        if is_memory(target.type):
            cotangent = self.sweep.shadow(target)
        elif isinstance(target.type, Tuple):
            cotangent = self._tuple_cotangent(target, scope)
        else:
            found = self.sweep.cotangents.pop(target, None)
            if found is None:
                return
            cotangent = found
        self._general_call(target, call, rule, cotangent, statement, scope)

    def _tuple_cotangent(self, target: ir.Var, scope: Scope) -> ir.Operand:
        """Collect the cotangents of the items of a tuple that a call returned."""
        assert isinstance(target.type, Tuple)
        items: list[ir.Operand] = []
        shadows = self.sweep.augmented.tuple_shadows[target]
        for position, (type_, shadow) in enumerate(zip(target.type.items, shadows, strict=True)):
            if shadow is not None:
                items.append(self.sweep.values.primal(shadow))
                continue
            item_type = tangent_type(type_)
            if item_type is None:
                items.append(ir.Const(0, INT64))
                continue
            zero = arith.zero(item_type)
            items.append(self.item_cotangents.pop((target, position), zero))
        made = Tuple(tuple(item.type for item in items))
        return scope.block.let(made, ir.MakeTuple(tuple(items)))

    def _general_call(
        self,
        target: ir.Var,
        call: ir.Call,
        rule: Rule,
        cotangent: ir.Operand,
        statement: ir.Let,
        scope: Scope,
    ) -> None:
        body, reads_result, positions = self._vjp(rule, call, statement)
        types = (cotangent.type, *(arg.type for arg in call.args))
        if reads_result:
            types = (*types, target.type)
        function = self.sweep.derivatives.body(body, types)
        sources: list[ir.Operand] = [cotangent, *call.args] + ([target] if reads_result else [])
        active = [
            (order, position)
            for order, position in enumerate(positions)
            if self.sweep.activity.is_active(call.args[position])
        ]
        function = _restricted(function, [order for order, _ in active])
        used = visit.used_vars(function.body) | set(function.results)
        arguments: list[ir.Operand] = []
        for number, (param, source) in enumerate(zip(function.params, sources, strict=True)):
            if number == 0:
                arguments.append(source)
            elif param in used:
                position = RESULT if number > len(call.args) else number - 1
                kept = self.sweep.augmented.saved.get((target, position), source)
                arguments.append(self.sweep.values.primal(kept))
            else:
                arguments.append(ir.Undefined(param.type))
        inlined, results = visit.inline(function, tuple(arguments), scope.block.fresh)
        for inner in inlined:
            scope.block.emit(visit.with_origin(inner, scope.block.origin))
        for (_, position), result in zip(active, results, strict=True):
            operand = call.args[position]
            if is_memory(operand.type):
                assert isinstance(operand, ir.Var)
                add_into(scope.block, self.sweep.shadow(operand), result)
            else:
                self.sweep.accumulate(operand, result, scope)

    def _vjp(
        self, rule: Rule, call: ir.Call, statement: ir.Let
    ) -> tuple[Function, bool, tuple[int, ...]]:
        """Return the reverse rule's body, whether it reads y, and whose cotangents it gives."""
        match rule:
            case PairRule(vjp=body) if body is not None:
                return body, takes_result(body), returned_positions(body)
            case LinearRule(transpose=body):
                return body, False, (0,)
            case _:
                name = getattr(call.fn, "__name__", str(call.fn))
                raise NoRule(
                    f"`{name}` has no reverse-mode derivative rule.",
                    origin=statement.origin,
                    remedy="Declare one with @numbad.adjoint.",
                )


def _restricted(function: ir.Function, orders: list[int]) -> ir.Function:
    """Return what of a rule's body makes the results in question."""
    results = tuple(function.results[order] for order in orders)
    return remove_dead(replace(function, results=results))
