"""The backward sweep: the adjoint of each statement, in reverse order.

For a statement ``y = f(a, b)`` with partials p and q the sweep adds ``y_bar * p`` to ``a_bar`` and
``y_bar * q`` to ``b_bar``; a load adds the value's cotangent to the shadow's element; a store takes
the element's cotangent and clears it (Griewank & Walther 2008, chapter 6). Loops run backwards in
the same nesting; the cotangents of values from outside and of carried values are carried.

Cotangents of scalars are SSA values; one that is absent is zero by structure and costs nothing.
Primal values are asked of a ``Values`` object, which decides where they come from.
"""

from __future__ import annotations

import ast
import inspect
import operator
import textwrap
from collections.abc import Callable
from dataclasses import replace
from typing import Any, assert_never

import numpy as np

from numbad.analysis.activity import Activity
from numbad.analysis.regions import Region, Regions
from numbad.errors import UnsupportedSyntax
from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.build import BlockBuilder, Fresh
from numbad.ir.types import (
    BOOL,
    INT64,
    Array,
    List,
    Stack,
    Tuple,
    is_complex,
    is_inexact,
    is_memory,
    tangent_type,
)
from numbad.rules.forms import LinearRule, PairRule, ScalarRule, ZeroDerivative
from numbad.transform import arith
from numbad.transform.augment import Augmented, Invocation
from numbad.transform.derivatives import RESULT, Derivatives, Partial
from numbad.transform.pairs import backward_type
from numbad.transform.tape import counter
from numbad.transform.values import Scope, Values

Cotangents = dict[ir.Var, ir.Operand]


class BackwardSweep:
    """Emits the adjoints of the statements of an augmented body."""

    def __init__(
        self,
        augmented: Augmented,
        regions: Regions,
        activity: Activity,
        derivatives: Derivatives,
        values: Values,
    ) -> None:
        self.augmented = augmented
        self.regions = regions
        self.activity = activity
        self.derivatives = derivatives
        self.values = values
        self.cotangents: Cotangents = {}
        self.accepts: Callable[[ir.Var], bool] = lambda _: True
        self._item_cotangents: dict[tuple[ir.Var, int], ir.Operand] = {}
        self._shadows = frozenset(augmented.shadow.values())
        values.make_shadow = self._make_shadow

    # --- entry points -------------------------------------------------------------------------

    def statement(self, position: int, scope: Scope) -> None:
        """Reverse one statement of the innermost scope's region."""
        statement = scope.region.block[position]
        scope.block.origin = statement.origin
        scope.position = position
        self._statement(position, statement, scope)

    def fused_body(
        self,
        carried: tuple[ir.Carried, ...],
        scope: Scope,
        emit: Callable[[Callable[[], None]], None],
    ) -> tuple[tuple[ir.Carried, ...], list[tuple[ir.Operand, ir.Operand]], bool]:
        """Emit a fused loop's body and reverse it behind itself, in the same block.

        ``emit(seeding)`` emits both, calling ``seeding`` between them.

        Returns what the loop carries for it, what to add to which cotangent after the loop, and
        whether the loop may be fused at all: the cotangents of its sums must be the same in all
        iterations.
        """
        scalars = [item for item in carried if self._is_active_scalar(item.inner)]
        outer = dict(self.cotangents)
        seeds = {item.inner: outer.pop(item.result, None) for item in scalars}
        accumulators = self._accumulators(scope.region, outer, scope.block.fresh)
        self.cotangents = {var: state for var, (state, _) in accumulators.items()}

        def seeding() -> None:
            for item in scalars:
                seed = seeds[item.inner]
                if seed is not None and isinstance(item.next, ir.Var):
                    self.accumulate(item.next, seed, scope)

        emit(seeding)
        is_sum = all(self.cotangents.get(item.inner) == seeds[item.inner] for item in scalars)
        result = self._finish_accumulators(accumulators, outer, scope.block.fresh)
        self.cotangents = outer
        finals = [
            (item.init, seed) for item in scalars if (seed := seeds[item.inner]) is not None
        ]
        return result, finals, is_sum

    def shadow(self, memory: ir.Var) -> ir.Var:
        """Return the shadow of a reference to active memory, available here."""
        shadow = self.augmented.shadow[memory]
        found = self.values.primal(shadow)
        assert isinstance(found, ir.Var)
        return found

    def accumulate(self, operand: ir.Operand, contribution: ir.Operand, scope: Scope) -> None:
        """Add to the cotangent of a scalar."""
        if not self._wants(operand):
            return
        assert isinstance(operand, ir.Var)
        type_ = tangent_type(operand.type)
        assert type_ is not None
        contribution = arith.cast(scope.block, contribution, type_)
        present = self.cotangents.get(operand)
        if present is None:
            self.cotangents[operand] = contribution
            return
        name = f"{operand.name}_bar" if operand.name else ""
        self.cotangents[operand] = scope.block.call(
            type_, operator.add, present, contribution, name=name
        )

    def _wants(self, operand: ir.Operand) -> bool:
        """Whether contributions to the cotangent of the operand are to be computed now."""
        return (
            isinstance(operand, ir.Var)
            and self.activity.is_active(operand)
            and self.accepts(operand)
        )

    # --- blocks and control flow ----------------------------------------------------------------

    def _block(self, scope: Scope) -> None:
        self.values.enter_region(scope)
        for position in reversed(range(len(scope.region.block))):
            self.statement(position, scope)

    def _statement(self, position: int, statement: ir.Stmt, scope: Scope) -> None:
        match statement:
            case ir.Let(target, expr):
                self._definition(target, expr, statement, scope)
            case ir.Store(array, index, value):
                if self.activity.is_active(array):
                    self._store(array, index, value, scope)
                self._restore(statement, scope)
            case ir.Accumulate(array, index, value):
                if self.activity.is_active(array) and self.activity.is_active(value):
                    element = self._load_shadow(array, index, scope)
                    self.accumulate(value, element, scope)
                self._restore(statement, scope)
            case ir.Append(array, value) if array not in self._shadows:
                if self.activity.is_active(array) and not is_memory(value.type):
                    shadow = self.shadow(array)
                    popped = scope.block.let(element_type(shadow), ir.Pop(shadow))
                    self.accumulate(value, popped, scope)
            case ir.For():
                self._for(position, statement, scope)
            case ir.While():
                self._while(position, statement, scope)
            case ir.If():
                self._if(position, statement, scope)
            case ir.Append() | ir.Effect() | ir.Raise():
                pass
            case _:
                assert_never(statement)

    def _is_idle(self, region: Region, outgoing: bool) -> bool:
        """Whether nothing in the region has an adjoint."""
        if outgoing:
            return False
        return not any(self._has_adjoint(statement) for statement in visit.walk(region.block))

    def _has_adjoint(self, statement: ir.Stmt) -> bool:
        match statement:
            case ir.Let(target, expr):
                if is_memory(target.type):
                    if target in self.augmented.invocations:
                        return True
                    return self.activity.is_active(target) and isinstance(
                        expr, ir.Call | ir.Reserve | ir.Release
                    )
                return self.activity.is_active(target) or target in self.augmented.invocations
            case ir.Store(array) | ir.Accumulate(array) | ir.Append(array):
                return self.activity.is_active(array) or self.values.is_restored(statement)
            case ir.For(carried=carried) | ir.While(carried=carried):
                return any(self._is_active_scalar(item.inner) for item in carried)
            case ir.If(merges=merges):
                return any(self._is_active_scalar(merge.result) for merge in merges)
            case _:
                return False

    def _is_active_scalar(self, operand: ir.Operand) -> bool:
        return not is_memory(operand.type) and self.activity.is_active(operand)

    def _outer_scalars(self, region: Region) -> list[ir.Var]:
        """Active scalars from outside the region that it reads."""
        free = visit.free_vars(region.block)
        inside = {
            var
            for item in (region.owner.carried if isinstance(region.owner, ir.For | ir.While) else ())
            for var in (item.inner,)
        }
        if isinstance(region.owner, ir.For | ir.While):
            free |= {item.next for item in region.owner.carried if isinstance(item.next, ir.Var)}
            free -= visit.defined_vars(region.block)
        return sorted(
            (var for var in free - inside if self._is_active_scalar(var)), key=lambda var: var.id
        )

    def _for(self, position: int, statement: ir.For, scope: Scope) -> None:
        region = self.regions.child(scope.region, position, "body")
        if self._is_idle(region, self._has_outgoing(statement.carried)):
            return
        block = scope.block
        start, stop, step = (
            self.values.primal(bound) for bound in (statement.start, statement.stop, statement.step)
        )
        count = arith.trip_count(block, start, stop, step)
        self.values.enter_loop(region, count)
        if arith.is_one(step) or arith.is_minus_one(step):
            first = arith.sub_int(block, stop, step)
        else:
            before_last = arith.sub_int(block, count, arith.ONE)
            first = arith.add_int(block, start, arith.mul_int(block, before_last, step))
        last = arith.sub_int(block, start, step)
        backward_step = arith.sub_int(block, arith.ZERO, step)
        index = block.fresh.var(INT64, statement.index.name)
        inner = Scope(region, block.nested())
        inner.known[statement.index] = index
        inner.counter = counter(inner.block, index, start, step)
        carried, finals = self._loop_body(statement.carried, inner)
        block.emit(
            ir.For(
                index, first, last, backward_step, carried, inner.block.block(), statement.origin
            )
        )
        for operand, final in finals:
            self.accumulate(operand, final, scope)

    def _while(self, position: int, statement: ir.While, scope: Scope) -> None:
        region = self.regions.child(scope.region, position, "body")
        if self._is_idle(region, self._has_outgoing(statement.carried)):
            return
        block = scope.block
        inner_count = statement.carried[-1].inner
        count = self.values.primal(self.augmented.trips[inner_count])
        self.values.enter_loop(region, count)
        index = block.fresh.var(INT64, "k")
        inner = Scope(region, block.nested())
        inner.known[inner_count] = index
        inner.counter = index
        first = arith.sub_int(block, count, arith.ONE)
        carried, finals = self._loop_body(statement.carried, inner)
        minus_one = ir.Const(-1, INT64)
        block.emit(
            ir.For(
                index, first, minus_one, minus_one, carried, inner.block.block(), statement.origin
            )
        )
        for operand, final in finals:
            self.accumulate(operand, final, scope)

    def _has_outgoing(self, carried: tuple[ir.Carried, ...]) -> bool:
        return any(item.result in self.cotangents for item in carried)

    def _loop_body(
        self, carried: tuple[ir.Carried, ...], inner: Scope
    ) -> tuple[tuple[ir.Carried, ...], list[tuple[ir.Operand, ir.Operand]]]:
        """Reverse a loop's body into ``inner``.

        Returns what the reversed loop carries, and what to add to which cotangent after it.
        """
        fresh = inner.block.fresh
        references = self._permuted(carried)
        backward: list[tuple[ir.Var, ir.Operand, ir.Carried]] = []
        reference_state: dict[ir.Var, ir.Var] = {}
        for item in references:
            state = fresh.var(item.inner.type, item.inner.name)
            assert isinstance(item.next, ir.Var)
            reference_state[item.inner] = state
            backward.append((state, self.values.primal(item.result), item))
            inner.known[item.next] = state

        scalars = [item for item in carried if self._is_active_scalar(item.inner)]
        outer_cotangents = dict(self.cotangents)
        inits = [outer_cotangents.pop(item.result, None) for item in scalars]
        accumulators = self._accumulators(inner.region, outer_cotangents, fresh)
        self.cotangents = {var: state for var, (state, _) in accumulators.items()}
        states: list[ir.Var] = []
        for item in scalars:
            type_ = tangent_type(item.inner.type)
            assert type_ is not None
            state = fresh.var(type_, f"{item.inner.name}_bar" if item.inner.name else "")
            states.append(state)
        for item, state in zip(scalars, states, strict=True):
            if isinstance(item.next, ir.Var):
                self.accumulate(item.next, state, inner)

        self.values.scopes.append(inner)
        self._block(inner)
        self.values.scopes.pop()

        result: list[ir.Carried] = []
        finals: list[tuple[ir.Operand, ir.Operand]] = []
        unchanged: dict[ir.Var, ir.Operand] = {}
        for item, state, init in zip(scalars, states, inits, strict=True):
            zero = arith.zero(state.type)
            following = self.cotangents.get(item.inner, zero)
            if following == state:
                # The cotangent is the same in every iteration, as that of a sum is.
                unchanged[state] = zero if init is None else init
                if init is not None:
                    finals.append((item.init, init))
                continue
            final = fresh.var(state.type, state.name)
            result.append(ir.Carried(state, zero if init is None else init, following, final))
            finals.append((item.init, final))
        result += self._finish_accumulators(accumulators, outer_cotangents, fresh)
        for state, init, item in backward:
            following = inner.known.get(item.inner, reference_state.get(item.inner, state))
            result.append(ir.Carried(state, init, following, fresh.var(state.type, state.name)))
        self.cotangents = outer_cotangents
        if unchanged:
            substituter = visit.Substituter(unchanged)
            inner.block.statements = list(substituter.block(inner.block.block()))
            result = [
                replace(item, next=substituter.operand(item.next)) for item in result
            ]
        return tuple(result), finals

    def _accumulators(
        self, region: Region, outer: Cotangents, fresh: Fresh
    ) -> dict[ir.Var, tuple[ir.Var, ir.Operand]]:
        """Carried values for the cotangents of scalars from outside the region."""
        found: dict[ir.Var, tuple[ir.Var, ir.Operand]] = {}
        for var in self._outer_scalars(region):
            type_ = tangent_type(var.type)
            assert type_ is not None
            state = fresh.var(type_, f"{var.name}_bar" if var.name else "")
            found[var] = (state, outer.get(var, arith.zero(type_)))
        return found

    def _finish_accumulators(
        self,
        accumulators: dict[ir.Var, tuple[ir.Var, ir.Operand]],
        outer: Cotangents,
        fresh: Fresh,
    ) -> tuple[ir.Carried, ...]:
        """Carry those that the region added to; their results become the cotangents outside."""
        result = []
        for var, (state, before) in accumulators.items():
            following = self.cotangents[var]
            if following == state:
                continue
            final = fresh.var(state.type, state.name)
            result.append(ir.Carried(state, before, following, final))
            outer[var] = final
        return tuple(result)

    def _permuted(self, carried: tuple[ir.Carried, ...]) -> list[ir.Carried]:
        """Loop-carried references that the reversed loop gets by undoing a permutation."""
        return [
            item
            for item in carried
            if is_memory(item.inner.type)
            and isinstance(item.next, ir.Var)
            and self.values.is_carried_backward(item.inner)
        ]

    def _if(self, position: int, statement: ir.If, scope: Scope) -> None:
        then = self.regions.child(scope.region, position, "then")
        orelse = self.regions.child(scope.region, position, "orelse")
        outgoing = any(merge.result in self.cotangents for merge in statement.merges)
        if self._is_idle(then, outgoing) and self._is_idle(orelse, outgoing):
            return
        condition = self.values.primal(statement.condition)
        before = dict(self.cotangents)
        seeds = [
            (merge, before.pop(merge.result))
            for merge in statement.merges
            if merge.result in before
        ]
        ends: list[tuple[Scope, Cotangents]] = []
        for region, is_then in ((then, True), (orelse, False)):
            inner = Scope(region, scope.block.nested())
            inner.block.origin = statement.origin
            self.cotangents = dict(before)
            for merge, seed in seeds:
                self.accumulate(merge.if_true if is_then else merge.if_false, seed, inner)
            self.values.scopes.append(inner)
            self._block(inner)
            self.values.scopes.pop()
            ends.append((inner, self.cotangents))
        (then_scope, then_end), (else_scope, else_end) = ends
        self.cotangents = before
        local = visit.defined_vars(then.block) | visit.defined_vars(orelse.block)
        changed = {
            var
            for var in then_end.keys() | else_end.keys()
            if var not in local and then_end.get(var) != else_end.get(var)
        }
        for var, cotangent in then_end.items():
            if var not in local and var not in changed:
                self.cotangents[var] = cotangent
        merges = []
        for var in sorted(changed, key=lambda item: item.id):
            type_ = tangent_type(var.type)
            assert type_ is not None
            result = scope.block.fresh.var(type_, f"{var.name}_bar" if var.name else "")
            zero = arith.zero(type_)
            merges.append(ir.Merge(result, then_end.get(var, zero), else_end.get(var, zero)))
            self.cotangents[var] = result
        scope.block.emit(
            ir.If(
                condition,
                then_scope.block.block(),
                else_scope.block.block(),
                tuple(merges),
                statement.origin,
            )
        )

    def _make_shadow(self, shadow: ir.Var) -> ir.Operand | None:
        """Make a shadow that only the backward sweep has, in the scope of its memory."""
        memory = self.augmented.backward_only.get(shadow)
        if memory is None:
            return None
        statement = self.regions.definition[memory]
        assert isinstance(statement, ir.Let)
        region = self.regions.region_of[memory]
        scope = next(s for s in reversed(self.values.scopes) if s.region is region)
        match statement.expr:
            case ir.Reserve(stack, count):
                made = self._open_segment(memory, ir.Release, stack, count, scope)
            case ir.Release(stack, count):
                made = self._open_segment(memory, ir.Reserve, stack, count, scope)
            case _:
                assert isinstance(memory.type, List)
                length = self.values.primal(self.augmented.length[memory])
                fill = arith.zero(element_type(shadow))
                made = scope.block.let(shadow.type, ir.Alloc((length,), fill, "shadow"))
        scope.known[shadow] = made
        return made

    # --- definitions ----------------------------------------------------------------------------

    def _definition(self, target: ir.Var, expr: ir.Expr, statement: ir.Let, scope: Scope) -> None:
        if target in self._shadows or target in self.augmented.invoked:
            return
        if target in self.augmented.invocations:
            self._invocation(self.augmented.invocations[target], scope)
            return
        match expr:
            case ir.Alloc(_, fill):
                if fill is not None and self.activity.is_active(target):
                    if self.activity.is_active(fill):
                        self.accumulate(fill, self._total(self.shadow(target), scope), scope)
                return
            case ir.Reserve() | ir.Release() if self.activity.is_active(target):
                self.shadow(target)
                return
            case ir.Pop(array) if self.activity.is_active(target) and not is_memory(target.type):
                shadow = self.shadow(array)
                cotangent = self.cotangents.pop(target, arith.zero(element_type(shadow)))
                scope.block.emit(ir.Append(shadow, cotangent, scope.block.origin))
                return
            case ir.Call() if isinstance(target.type, Array | Tuple) or any(
                is_memory(a.type) for a in expr.args
            ):
                if self.activity.is_active(target):
                    self._array_call(target, expr, statement, scope)
                return
            case _:
                pass
        cotangent = self.cotangents.pop(target, None)
        if cotangent is None or not self.activity.is_active(target):
            return
        match expr:
            case ir.TupleItem(ir.Var() as value, position) if (
                value in self.augmented.invoked or value in self.augmented.tuple_shadows
            ):
                self._item_cotangents[value, position] = cotangent
            case ir.Call():
                self._call(target, expr, cotangent, statement, scope)
            case ir.Select(condition, if_true, if_false):
                self._select(condition, if_true, if_false, cotangent, scope)
            case ir.Cast(value):
                self.accumulate(value, cotangent, scope)
            case ir.Load(array, index):
                shadow = self.shadow(array)
                place = tuple(self.values.primal(item) for item in index)
                scope.block.emit(ir.Accumulate(shadow, place, cotangent, scope.block.origin))
            case _:
                raise UnsupportedSyntax(
                    f"the value of `{type(expr).__name__}` cannot be differentiated in reverse.",
                    origin=statement.origin,
                )

    def _call(
        self,
        target: ir.Var,
        call: ir.Call,
        cotangent: ir.Operand,
        statement: ir.Let,
        scope: Scope,
    ) -> None:
        rule = self.derivatives.rule(call, statement.origin)
        if isinstance(rule, ZeroDerivative):
            return
        if isinstance(rule, ScalarRule):
            for partial in self.derivatives.partials(call, target):
                if partial is None or not self._wants(call.args[partial.position]):
                    continue
                contribution = self._contribution(target, call, partial, cotangent, scope)
                self.accumulate(call.args[partial.position], contribution, scope)
            return
        self._general_call(target, call, rule, cotangent, statement, scope)

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
        product = arith.multiply(block, cotangent, slope)
        # Zero times an infinity is zero here, whichever of the two factors can be infinite.
        factors = [cotangent] if partial.singular else []
        if partial.constant is None and self.activity.is_exposed(target):
            factors.append(slope)
        for factor in factors:
            if not isinstance(factor, ir.Const):
                nonzero = block.call(BOOL, operator.ne, factor, arith.zero(factor.type))
                zero = arith.zero(product.type)
                product = block.let(product.type, ir.Select(nonzero, product, zero))
        return product

    def _partial_value(
        self, target: ir.Var, call: ir.Call, partial: Partial, scope: Scope
    ) -> ir.Operand:
        function = partial.function
        assert function is not None
        arguments = []
        for read, param in zip(partial.reads, function.params, strict=True):
            source = target if read == RESULT else call.args[read]
            arguments.append(arith.cast(scope.block, self.values.primal(source), param.type))
        body, (slope,) = visit.inline(function, tuple(arguments), scope.block.fresh)
        for statement in body:
            scope.block.emit(with_origin(statement, scope.block.origin))
        return slope

    def _select(
        self,
        condition: ir.Operand,
        if_true: ir.Operand,
        if_false: ir.Operand,
        cotangent: ir.Operand,
        scope: Scope,
    ) -> None:
        chosen = self.values.primal(condition)
        zero = arith.zero(cotangent.type)
        if self._wants(if_true):
            part = scope.block.let(cotangent.type, ir.Select(chosen, cotangent, zero))
            self.accumulate(if_true, part, scope)
        if self._wants(if_false):
            part = scope.block.let(cotangent.type, ir.Select(chosen, zero, cotangent))
            self.accumulate(if_false, part, scope)

    def _invocation(self, invocation: Invocation, scope: Scope) -> None:
        """Call the backward function of a callee."""
        pair, target = invocation.pair, invocation.target
        seeds: list[ir.Operand] = []
        for position in pair.results(memory=False):
            type_ = tangent_type(pair.function.results[position].type)
            assert type_ is not None
            if len(pair.function.results) == 1:
                found = self.cotangents.pop(target, None)
            else:
                found = self._item_cotangents.pop((target, position), None)
            seeds.append(arith.zero(type_) if found is None else found)
        shadows: list[ir.Operand] = []
        for position in pair.memory_inputs():
            argument = invocation.args[position]
            assert isinstance(argument, ir.Var)
            shadows.append(self.shadow(argument))
        shadows += [self.values.primal(shadow) for shadow in invocation.result_shadows]
        whole = scope.block.let(
            backward_type(pair),
            ir.Invoke(pair.backward_name, (*seeds, *shadows, *self.augmented.tape_lists)),
        )
        inputs = pair.scalar_inputs()
        items: list[ir.Operand] = [whole]
        if isinstance(whole.type, Tuple):
            items = [
                scope.block.let(type_, ir.TupleItem(whole, position))
                for position, type_ in enumerate(whole.type.items)
            ]
        for position, cotangent in zip(inputs, items, strict=True):
            self.accumulate(invocation.args[position], cotangent, scope)

    # --- memory -----------------------------------------------------------------------------------

    def _load_shadow(
        self, array: ir.Var, index: tuple[ir.Operand, ...], scope: Scope
    ) -> ir.Operand:
        shadow = self.shadow(array)
        place = tuple(self.values.primal(item) for item in index)
        return scope.block.let(element_type(shadow), ir.Load(shadow, place))

    def _store(
        self, array: ir.Var, index: tuple[ir.Operand, ...], value: ir.Operand, scope: Scope
    ) -> None:
        if is_memory(value.type):
            return
        shadow = self.shadow(array)
        place = tuple(self.values.primal(item) for item in index)
        type_ = element_type(shadow)
        if self.activity.is_active(value):
            element = scope.block.let(type_, ir.Load(shadow, place))
            self.accumulate(value, element, scope)
        scope.block.emit(ir.Store(shadow, place, arith.zero(type_), scope.block.origin))

    def _restore(self, statement: ir.Store | ir.Accumulate, scope: Scope) -> None:
        """Undo a store, where the plan relies on memory being as it was."""
        if self.values.is_restored(statement):
            array = self.values.primal(statement.array)
            assert isinstance(array, ir.Var)
            place = tuple(self.values.primal(item) for item in statement.index)
            old = self.values.primal(self.augmented.old_value[id(statement)])
            scope.block.emit(ir.Store(array, place, old, scope.block.origin))

    def _total(self, shadow: ir.Var, scope: Scope) -> ir.Operand:
        """Sum the elements of a shadow."""
        from numbad.transform.arrays import total

        return total(scope.block, shadow)

    def _open_segment(
        self,
        target: ir.Var,
        make: type[ir.Reserve] | type[ir.Release],
        stack: ir.Var,
        count: ir.Operand,
        scope: Scope,
    ) -> ir.Var:
        """Emit the shadow's counterpart of a segment."""
        shadow_stack = self.shadow(stack)
        size = self.values.primal(count)
        expr: ir.Expr
        if make is ir.Reserve:
            expr = ir.Reserve(shadow_stack, size, True)
        else:
            expr = ir.Release(shadow_stack, size)
        return scope.block.let(self.augmented.shadow[target].type, expr)

    # --- array-level calls --------------------------------------------------------------------------

    def _array_call(
        self, target: ir.Var, call: ir.Call, statement: ir.Let, scope: Scope
    ) -> None:
        rule = self.derivatives.rule(call, statement.origin)
        if isinstance(rule, ZeroDerivative):
            return
        cotangent: ir.Operand
        if is_memory(target.type):
            cotangent = self.shadow(target)
        elif isinstance(target.type, Tuple):
            cotangent = self._tuple_cotangent(target, scope)
        else:
            found = self.cotangents.pop(target, None)
            if found is None:
                return
            cotangent = found
        self._general_call(target, call, rule, cotangent, statement, scope)

    def _tuple_cotangent(self, target: ir.Var, scope: Scope) -> ir.Operand:
        """Collect the cotangents of the items of a tuple that a call returned."""
        assert isinstance(target.type, Tuple)
        items: list[ir.Operand] = []
        shadows = self.augmented.tuple_shadows[target]
        for position, (type_, shadow) in enumerate(zip(target.type.items, shadows, strict=True)):
            if shadow is not None:
                items.append(self.values.primal(shadow))
                continue
            item_type = tangent_type(type_)
            if item_type is None:
                items.append(ir.Const(0, INT64))
                continue
            zero = arith.zero(item_type)
            items.append(self._item_cotangents.pop((target, position), zero))
        made = Tuple(tuple(item.type for item in items))
        return scope.block.let(made, ir.MakeTuple(tuple(items)))

    def _general_call(
        self,
        target: ir.Var,
        call: ir.Call,
        rule: object,
        cotangent: ir.Operand,
        statement: ir.Let,
        scope: Scope,
    ) -> None:
        from numbad.transform.arrays import add_into

        body, reads_result, positions = self._vjp(rule, call, statement)
        types = (cotangent.type, *(arg.type for arg in call.args))
        if reads_result:
            types = (*types, target.type)
        function = self.derivatives.body(body, types, reads_result)
        sources: list[ir.Operand] = [cotangent, *call.args] + ([target] if reads_result else [])
        active = [
            (order, position)
            for order, position in enumerate(positions)
            if self.activity.is_active(call.args[position])
        ]
        used = _needed_params(function, [order for order, _ in active])
        arguments: list[ir.Operand] = []
        for number, (param, source) in enumerate(zip(function.params, sources, strict=True)):
            if number == 0:
                arguments.append(source)
            elif param in used:
                position = RESULT if number > len(call.args) else number - 1
                kept = self.augmented.saved.get((target, position), source)
                arguments.append(self.values.primal(kept))
            else:
                arguments.append(ir.Undefined(param.type))
        inlined, results = visit.inline(function, tuple(arguments), scope.block.fresh)
        for inner in inlined:
            scope.block.emit(with_origin(inner, scope.block.origin))
        for order, position in active:
            operand = call.args[position]
            if is_memory(operand.type):
                assert isinstance(operand, ir.Var)
                add_into(scope.block, self.shadow(operand), results[order])
            else:
                self.accumulate(operand, results[order], scope)

    def _vjp(self, rule: object, call: ir.Call, statement: ir.Let):  # type: ignore[no-untyped-def]
        """Return the body of the reverse rule, whether it reads y, and whose cotangents it gives."""
        from numbad.errors import NoRule

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


def takes_result(body: Callable[..., Any]) -> bool:
    """Whether a rule's body has the keyword-only parameter ``y``."""
    return "y" in inspect.signature(body).parameters


def returned_positions(body: Callable[..., Any]) -> tuple[int, ...]:
    """Return the positions of the items of a rule's returned tuple that are not None."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(body)))
    last = next(node for node in reversed(list(ast.walk(tree))) if isinstance(node, ast.Return))
    items = last.value.elts if isinstance(last.value, ast.Tuple) else [last.value]
    return tuple(
        position
        for position, item in enumerate(items)
        if not (item is None or (isinstance(item, ast.Constant) and item.value is None))
    )


def _needed_params(function: ir.Function, orders: list[int]) -> set[ir.Var]:
    from numbad.transform.dead import remove_dead

    kept = ir.Function(
        function.name, function.params, function.body, tuple(function.results[o] for o in orders)
    )
    kept = remove_dead(kept)
    return visit.used_vars(kept.body) | {r for r in kept.results if isinstance(r, ir.Var)}


def element_type(array: ir.Var):  # type: ignore[no-untyped-def]
    """Return the type of the elements of an array, list or stack."""
    match array.type:
        case Array(dtype):
            return dtype
        case List(item) | Stack(item):
            return item
        case _:
            raise AssertionError(f"{array} is not memory")


def with_origin(statement: ir.Stmt, origin: ir.Origin | None) -> ir.Stmt:
    """Return the statement, its regions included, with another origin."""
    match statement:
        case ir.For(body=body):
            inner = tuple(with_origin(each, origin) for each in body)
            return replace(statement, origin=origin, body=inner)
        case ir.While(before=before, body=body):
            return replace(
                statement,
                origin=origin,
                before=tuple(with_origin(each, origin) for each in before),
                body=tuple(with_origin(each, origin) for each in body),
            )
        case ir.If(then=then, orelse=orelse):
            return replace(
                statement,
                origin=origin,
                then=tuple(with_origin(each, origin) for each in then),
                orelse=tuple(with_origin(each, origin) for each in orelse),
            )
        case _:
            return replace(statement, origin=origin)


__all__ = ["BackwardSweep", "BlockBuilder", "is_inexact"]
