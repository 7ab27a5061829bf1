"""Common subexpressions and loop invariants.

Within nested scopes a pure operation that was already done with the same operands is not done
again, nor is a load of an element that has not been written since; a load of an element that was
just stored gives the stored value. The lengths of new arrays are known, also where a loop exchanges
arrays, as double buffers. Cheap integer operations and array lengths that do not change in
a loop move in front of it, so that the trip counts of inner loops are known before the outermost
loop starts. Divisions and anything that may raise stay where they are.
"""

from __future__ import annotations

import operator
from dataclasses import replace
from typing import Any

from numbad.analysis.memory import AliasClass, Memory
from numbad.analysis.regions import analyse as analyse_regions
from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.types import INT64, Array, is_integer, is_memory
from numbad.rules import registry
from numbad.transform.reuse import canonical

_HOISTED: frozenset[Any] = frozenset(
    {
        *(operator.add, operator.sub, operator.mul, operator.neg, max, min, abs),
        *(operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge),
        *(operator.and_, operator.or_, operator.xor, operator.not_),
    }
)


def hoist(function: ir.Function) -> ir.Function:
    """Return the function with repeated and loop-invariant pure operations removed."""
    regions = analyse_regions(function.body, function.params)
    pass_ = _Hoister(Memory(regions, function.params, function.results))
    body = pass_.block(function.body, pass_.scope(None))
    results = tuple(pass_.operand(result) for result in function.results)
    return replace(function, body=body, results=results)


class _Scope:
    """Available expressions of one block, and where the code in front of its loop goes."""

    def __init__(self, parent: _Scope | None) -> None:
        self.parent = parent
        self.available: dict[Any, ir.Operand] = {}
        self.loads: dict[AliasClass, set[Any]] = {}
        self.defined: set[ir.Var] = set()
        self.out: list[ir.Stmt] = []
        self.is_loop_body = False

    def forget(self, found: AliasClass) -> None:
        """Forget what was loaded from memory that is written, here and in the blocks around."""
        scope: _Scope | None = self
        while scope is not None:
            for key in scope.loads.pop(found, ()):
                scope.available.pop(key, None)
            scope = scope.parent

    def remember(self, found: AliasClass, key: Any, value: ir.Operand) -> None:
        """Remember the value of an element."""
        self.available[key] = value
        self.loads.setdefault(found, set()).add(key)

    def find(self, key: Any) -> ir.Operand | None:
        scope: _Scope | None = self
        while scope is not None:
            if key in scope.available:
                return scope.available[key]
            scope = scope.parent
        return None


def _written_here(statement: ir.Stmt, memory: Memory) -> set[AliasClass]:
    """Memory that a statement itself may write."""
    match statement:
        case ir.Store(array) | ir.Accumulate(array) | ir.Append(array):
            return {memory.of(array)}
        case ir.Let(_, ir.Pop(array) | ir.Reserve(array) | ir.Release(array)):
            return {memory.of(array)}
        case ir.Let(_, ir.Invoke(_, args, None)):
            return {
                memory.of(arg) for arg in args if isinstance(arg, ir.Var) and is_memory(arg.type)
            }
        case _:
            return set()


class _Hoister:
    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.substitution: dict[ir.Var, ir.Operand] = {}
        # By identity of the statements, all of which the function keeps alive.
        self.written: dict[int, set[AliasClass]] = {}

    def scope(self, parent: _Scope | None) -> _Scope:
        return _Scope(parent)

    def operand(self, operand: ir.Operand) -> ir.Operand:
        while isinstance(operand, ir.Var) and operand in self.substitution:
            operand = self.substitution[operand]
        return operand

    def block(self, block: ir.Block, scope: _Scope) -> ir.Block:
        for statement in block:
            self._statement(statement, scope)
        return tuple(scope.out)

    def _statement(self, statement: ir.Stmt, scope: _Scope) -> None:
        if isinstance(statement, ir.Let):
            self._let(statement, scope)
            return
        for found in self._written(statement):
            scope.forget(found)
        mapped = self._map(statement, scope)
        if isinstance(mapped, ir.Store) and _is_plain(mapped.value, mapped.array):
            key = ("load", mapped.array, mapped.index)
            scope.remember(self.memory.of(mapped.array), key, mapped.value)
        scope.defined.update(visit.definitions(mapped))
        scope.out.append(mapped)

    def _written(self, statement: ir.Stmt) -> set[AliasClass]:
        """Memory that a statement, its regions included, may write."""
        known = self.written.get(id(statement))
        if known is None:
            known = _written_here(statement, self.memory)
            for region in visit.regions(statement):
                for inner in region:
                    known |= self._written(inner)
            self.written[id(statement)] = known
        return known

    def _let(self, statement: ir.Let, scope: _Scope) -> None:
        expr = visit.map_expr(statement.expr, self.operand)
        target = statement.target
        for written in self._written(statement):
            scope.forget(written)
        if isinstance(expr, ir.Load) and not is_memory(target.type):
            key = ("load", expr.array, expr.index)
            known = scope.find(key)
            if known is not None:
                self.substitution[target] = known
                return
            scope.out.append(replace(statement, expr=expr))
            scope.defined.add(target)
            scope.remember(self.memory.of(expr.array), key, target)
            return
        key = _key(expr, target)
        if key is not None:
            known = scope.find(key)
            if known is not None:
                self.substitution[target] = known
                return
        place = scope
        if _is_hoistable(expr, target):
            needs = {o for o in visit.expr_operands(expr) if isinstance(o, ir.Var)}
            while place.is_loop_body and place.parent is not None and not needs & place.defined:
                place = place.parent
        place.out.append(replace(statement, expr=expr))
        place.defined.add(target)
        if key is not None:
            place.available[key] = target
        match expr:
            case ir.Alloc(shape, _, "user") if isinstance(target.type, Array):
                for axis, extent in enumerate(shape):
                    if extent.type == INT64:
                        place.available[_extent(target, axis)] = extent
            case _:
                pass

    def _inner(
        self,
        block: ir.Block,
        scope: _Scope,
        defined: set[ir.Var],
        loop: bool,
        known: dict[Any, ir.Operand] | None = None,
    ) -> ir.Block:
        inner = self.scope(scope)
        inner.is_loop_body = loop
        inner.defined = set(defined)
        inner.available.update(known or {})
        return self.block(block, inner)

    def _extents(self, carried: tuple[ir.Carried, ...], scope: _Scope) -> dict[Any, ir.Operand]:
        """Lengths of arrays that a loop only exchanges with each other, if all have the same."""
        by_inner = {item.inner: item for item in carried if isinstance(item.inner.type, Array)}
        found: dict[Any, ir.Operand] = {}
        for first in by_inner.values():
            cycle = [first]
            while isinstance(cycle[-1].next, ir.Var) and cycle[-1].next in by_inner:
                if cycle[-1].next == first.inner or len(cycle) > len(by_inner):
                    break
                cycle.append(by_inner[cycle[-1].next])
            if cycle[-1].next != first.inner:
                continue
            assert isinstance(first.inner.type, Array)
            for axis in range(first.inner.type.ndim):
                lengths = [scope.find(_extent(self.operand(item.init), axis)) for item in cycle]
                if lengths[0] is not None and all(each == lengths[0] for each in lengths):
                    found[_extent(first.inner, axis)] = lengths[0]
        return found

    def _note_results(
        self,
        carried: tuple[ir.Carried, ...],
        known: dict[Any, ir.Operand],
        scope: _Scope,
    ) -> None:
        """Lengths that hold within a loop hold for its results."""
        for item in carried:
            if isinstance(item.inner.type, Array):
                for axis in range(item.inner.type.ndim):
                    length = known.get(_extent(item.inner, axis))
                    if length is not None:
                        scope.available[_extent(item.result, axis)] = length

    def _map(self, statement: ir.Stmt, scope: _Scope) -> ir.Stmt:
        match statement:
            case ir.For(index=index, carried=carried, body=body):
                bounds = [
                    self.operand(b) for b in (statement.start, statement.stop, statement.step)
                ]
                inits = [self.operand(item.init) for item in carried]
                inner = {index, *(item.inner for item in carried)}
                known = self._extents(carried, scope)
                new_body = self._inner(body, scope, inner, True, known)
                self._note_results(carried, known, scope)
                new_carried = tuple(
                    replace(item, init=init, next=self.operand(item.next))
                    for item, init in zip(carried, inits, strict=True)
                )
                start, stop, step = bounds
                return replace(
                    statement, start=start, stop=stop, step=step, carried=new_carried, body=new_body
                )
            case ir.While(carried=carried, before=before, body=body):
                inits = [self.operand(item.init) for item in carried]
                inner = {item.inner for item in carried}
                known = self._extents(carried, scope)
                new_before = self._inner(before, scope, inner, False, known)
                condition = self.operand(statement.condition)
                new_body = self._inner(body, scope, inner, True, known)
                self._note_results(carried, known, scope)
                new_carried = tuple(
                    replace(item, init=init, next=self.operand(item.next))
                    for item, init in zip(carried, inits, strict=True)
                )
                return replace(
                    statement,
                    carried=new_carried,
                    before=new_before,
                    condition=condition,
                    body=new_body,
                )
            case ir.If(condition=condition, then=then, orelse=orelse, merges=merges):
                new_condition = self.operand(condition)
                new_then = self._inner(then, scope, set(), False)
                new_orelse = self._inner(orelse, scope, set(), False)
                new_merges = tuple(
                    replace(
                        merge,
                        if_true=self.operand(merge.if_true),
                        if_false=self.operand(merge.if_false),
                    )
                    for merge in merges
                )
                return replace(
                    statement,
                    condition=new_condition,
                    then=new_then,
                    orelse=new_orelse,
                    merges=new_merges,
                )
            case ir.Store(array, index, value) | ir.Accumulate(array, index, value):
                new_array = self.operand(array)
                assert isinstance(new_array, ir.Var)
                return replace(
                    statement,
                    array=new_array,
                    index=tuple(map(self.operand, index)),
                    value=self.operand(value),
                )
            case ir.Append(array, value):
                new_array = self.operand(array)
                assert isinstance(new_array, ir.Var)
                return replace(statement, array=new_array, value=self.operand(value))
            case ir.Effect(args=args) | ir.Raise(args=args):
                return replace(statement, args=tuple(map(self.operand, args)))
            case ir.Let():
                raise AssertionError("definitions are handled where they are placed")


def _key(expr: ir.Expr, target: ir.Var) -> Any:
    """Return what identifies a pure operation; None if it may not be shared."""
    match expr:
        case ir.Call(fn, args, ()) if not is_memory(target.type):
            if any(is_memory(arg.type) for arg in args) or not _is_pure(expr):
                return None
            return ("call", canonical(fn, args), args, target.type)
        case ir.Select() | ir.Cast() if not is_memory(target.type):
            return (type(expr), visit.expr_operands(expr), target.type)
        case ir.Shape(array, axis) if isinstance(array.type, Array):
            return _extent(array, axis)
        case _:
            return None


def _extent(array: ir.Operand, axis: int) -> Any:
    """Return the key of the length of an array."""
    return ("shape", array, axis)


def _is_plain(value: ir.Operand, array: ir.Var) -> bool:
    """Whether loading the element again gives the stored operand itself."""
    element = array.type.dtype if isinstance(array.type, Array) else None
    return isinstance(value, ir.Var | ir.Const) and value.type == element


def _is_pure(call: ir.Call) -> bool:
    return registry.lookup(call.fn) is not None and not registry.is_impure(call.fn)


def _is_hoistable(expr: ir.Expr, target: ir.Var) -> bool:
    match expr:
        case ir.Shape():
            return True
        case ir.Call(fn, args):
            if any(is_memory(arg.type) for arg in args):
                return False
            divides = fn in (operator.floordiv, operator.mod) and is_integer(target.type)
            return fn in _HOISTED or (
                divides and isinstance(args[1], ir.Const) and args[1].value != 0
            )
        case ir.Alloc(_, None, "tape") if isinstance(target.type, Array):
            # Every element is written before it is read, in each iteration.
            return True
        case ir.Select() | ir.Cast():
            return True
        case _:
            return False


__all__ = ["hoist"]
