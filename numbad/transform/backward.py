"""The backward sweep: the adjoint of each statement, in reverse order.

For a statement ``y = f(a, b)`` with partials p and q the sweep adds ``y_bar * p`` to ``a_bar`` and
``y_bar * q`` to ``b_bar``; a load adds the value's cotangent to the shadow's element; a store takes
the element's cotangent and clears it (Griewank & Walther 2008, chapter 6). Loops run backwards in
the same nesting; the cotangents of values from outside and of carried values are carried.

Cotangents of scalars are SSA values; one that is absent is zero by structure and costs nothing.
Primal values are asked of a ``Values`` object, which decides where they come from.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import replace
from typing import assert_never

from numbad.analysis.activity import Activity
from numbad.analysis.regions import Region, Regions
from numbad.errors import UnsupportedSyntax
from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.types import (
    INT64,
    Array,
    Lanes,
    List,
    Tuple,
    element_of,
    is_memory,
    tangent_type,
)
from numbad.kernels.lane_ops import lane_sum
from numbad.transform import arith
from numbad.transform.adjoints import CallAdjoints
from numbad.transform.arrays import total
from numbad.transform.augment import Augmented
from numbad.transform.custom import emit_backward
from numbad.transform.derivatives import Derivatives
from numbad.transform.guards import guarded
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
        self.late: set[ir.Var] = set()
        self.accepts: Callable[[ir.Var], bool] = lambda _: True
        self.calls = CallAdjoints(self)
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
        self.cotangents = {}

        def seeding() -> None:
            for item in scalars:
                seed = seeds[item.inner]
                if seed is not None and isinstance(item.next, ir.Var):
                    self.accumulate(item.next, seed, scope)

        emit(seeding)
        is_sum = all(self.cotangents.get(item.inner) == seeds[item.inner] for item in scalars)
        result, finals = self._outer_sums(scope)
        self.cotangents = outer
        for item in scalars:
            seed = seeds[item.inner]
            if seed is not None:
                finals.append((item.init, seed))
        return result, finals, is_sum

    def shadow(self, memory: ir.Var) -> ir.Var:
        """Return the shadow of a reference to active memory, available here."""
        shadow = self.augmented.shadow[memory]
        found = self.values.primal(shadow)
        assert isinstance(found, ir.Var)
        return found

    def accumulate(self, operand: ir.Operand, contribution: ir.Operand, scope: Scope) -> None:
        """Add to the cotangent of a scalar."""
        if not self.wants(operand):
            return
        assert isinstance(operand, ir.Var)
        type_ = tangent_type(operand.type)
        assert type_ is not None
        if isinstance(contribution.type, Lanes) and not isinstance(type_, Lanes):
            # The number went into all lanes.
            total = contribution.type.dtype
            contribution = scope.block.call(total, lane_sum, contribution)
        contribution = arith.cast(scope.block, contribution, type_)
        present = self.cotangents.get(operand)
        if present is None:
            self.cotangents[operand] = contribution
            return
        name = f"{operand.name}_bar" if operand.name else ""
        self.cotangents[operand] = scope.block.call(
            type_, operator.add, present, contribution, name=name
        )

    def wants(self, operand: ir.Operand) -> bool:
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
                    popped = scope.block.let(element_of(shadow.type), ir.Pop(shadow))
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
            case ir.Let(target) if target in self.augmented.unused:
                return True
            case ir.Let(target, expr):
                if is_memory(target.type):
                    if target in self.augmented.invocations or target in self.augmented.custom:
                        return True
                    return self.activity.is_active(target) and isinstance(
                        expr, ir.Call | ir.Reserve | ir.Release
                    )
                if isinstance(expr, ir.Pop) and self.activity.is_active(expr.array):
                    return True
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
            for item in (
                region.owner.carried if isinstance(region.owner, ir.For | ir.While) else ()
            )
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
        self._reversed_loop(statement, index, (first, last, backward_step), inner, scope)

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
        minus_one = ir.Const(-1, INT64)
        self._reversed_loop(statement, index, (first, minus_one, minus_one), inner, scope)

    def _reversed_loop(
        self,
        statement: ir.For | ir.While,
        index: ir.Var,
        bounds: tuple[ir.Operand, ir.Operand, ir.Operand],
        inner: Scope,
        scope: Scope,
    ) -> None:
        """Emit the reversed loop over ``bounds``, whose body goes to ``inner``."""
        results = (item.result for item in statement.carried)
        entering = [self.cotangents[each] for each in results if each in self.cotangents]
        carried, finals = self._loop_body(statement.carried, inner)
        loop = ir.For(index, *bounds, carried, inner.block.block(), statement.origin)
        blocks = [each.block for each in self.values.scopes]
        behind = guarded(loop, entering, blocks, scope.block)
        for operand, final in finals:
            value = behind.get(final, final) if isinstance(final, ir.Var) else final
            self.accumulate(operand, value, scope)

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
        self.cotangents = {}
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
        sums, sum_finals = self._outer_sums(inner)
        result += sums
        finals += sum_finals
        for state, init, item in backward:
            following = inner.known.get(item.inner, reference_state.get(item.inner, state))
            result.append(ir.Carried(state, init, following, fresh.var(state.type, state.name)))
        self.cotangents = outer_cotangents
        if unchanged:
            substituter = visit.Substituter(unchanged)
            inner.block.statements = list(substituter.block(inner.block.block()))
            result = [replace(item, next=substituter.operand(item.next)) for item in result]
        return tuple(result), finals

    def _outer_sums(
        self, scope: Scope
    ) -> tuple[tuple[ir.Carried, ...], list[tuple[ir.Operand, ir.Operand]]]:
        """Carry what each iteration adds to the cotangents of scalars from outside its region.

        An iteration adds up its own contributions first, so that the loop waits for one addition
        per iteration. Returns what is carried, and what to add to which cotangent after the loop.
        """
        result = []
        finals: list[tuple[ir.Operand, ir.Operand]] = []
        for var in self._outer_scalars(scope.region):
            part = self.cotangents.get(var)
            if part is None:
                continue
            name = f"{var.name}_bar" if var.name else ""
            state, final = (scope.block.fresh.var(part.type, name) for _ in range(2))
            following = scope.block.call(part.type, operator.add, state, part, name=name)
            result.append(ir.Carried(state, arith.zero(part.type), following, final))
            finals.append((var, final))
        return tuple(result), finals

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
                fill = arith.zero(element_of(shadow.type))
                made = scope.block.let(shadow.type, ir.Alloc((length,), fill, "shadow"))
        scope.known[shadow] = made
        return made

    # --- definitions ----------------------------------------------------------------------------

    def _definition(self, target: ir.Var, expr: ir.Expr, statement: ir.Let, scope: Scope) -> None:
        if target in self._shadows or target in self.augmented.invoked:
            return
        if target in self.augmented.invocations:
            self.calls.invocation(self.augmented.invocations[target], scope)
            return
        if target in self.augmented.unused:
            for made in visit.inline(self.augmented.unused[target], (), scope.block.fresh)[0]:
                scope.block.emit(made)
            return
        if target in self.augmented.custom:
            declared = self.augmented.custom[target]
            emit_backward(declared, self, self.calls.item_cotangents, scope)
            return
        match expr:
            case ir.Alloc(_, fill):
                if (
                    fill is not None
                    and self.activity.is_active(target)
                    and self.activity.is_active(fill)
                ):
                    self.accumulate(fill, self._total(self.shadow(target), scope), scope)
                return
            case ir.Reserve() | ir.Release() if self.activity.is_active(target):
                self.shadow(target)
                return
            case ir.Pop(array) if self.activity.is_active(array) and not is_memory(target.type):
                shadow = self.shadow(array)
                popped = self.cotangents.pop(target, arith.zero(element_of(shadow.type)))
                scope.block.emit(ir.Append(shadow, popped, scope.block.origin))
                return
            case ir.Call() if isinstance(target.type, Array | Tuple) or any(
                is_memory(a.type) for a in expr.args
            ):
                if self.activity.is_active(target):
                    self.calls.array_call(target, expr, statement, scope)
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
                self.calls.item_cotangents[value, position] = cotangent
            case ir.Call():
                self.calls.scalar_call(target, expr, cotangent, statement, scope)
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
        if self.wants(if_true):
            part = scope.block.let(cotangent.type, ir.Select(chosen, cotangent, zero))
            self.accumulate(if_true, part, scope)
        if self.wants(if_false):
            part = scope.block.let(cotangent.type, ir.Select(chosen, zero, cotangent))
            self.accumulate(if_false, part, scope)

    # --- memory -----------------------------------------------------------------------------------

    def _load_shadow(
        self, array: ir.Var, index: tuple[ir.Operand, ...], scope: Scope
    ) -> ir.Operand:
        shadow = self.shadow(array)
        place = tuple(self.values.primal(item) for item in index)
        return scope.block.let(element_of(shadow.type), ir.Load(shadow, place))

    def _store(
        self, array: ir.Var, index: tuple[ir.Operand, ...], value: ir.Operand, scope: Scope
    ) -> None:
        if is_memory(value.type):
            return
        shadow = self.shadow(array)
        place = tuple(self.values.primal(item) for item in index)
        type_ = element_of(shadow.type)
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
