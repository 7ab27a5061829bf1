"""Reading and rewriting IR without caring which node it is.

``operands`` and ``map_operands`` list and replace what a statement or expression itself reads
(not its regions); ``regions`` and ``definitions`` give its nested blocks and the values it defines
in the enclosing block; ``walk`` visits all statements; ``Cloner`` copies blocks with fresh values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import assert_never

from numbad.ir import nodes as ir
from numbad.ir.build import Fresh

Mapping = Callable[[ir.Operand], ir.Operand]


def _index_operands(
    index: tuple[ir.Operand | ir.Slice | ir.NewAxis, ...],
) -> Iterator[ir.Operand]:
    for item in index:
        match item:
            case ir.Slice(start, stop, step):
                yield from (bound for bound in (start, stop, step) if bound is not None)
            case ir.NewAxis():
                pass
            case _:
                yield item


def expr_operands(expr: ir.Expr) -> tuple[ir.Operand, ...]:
    """Return the operands of an expression, memory first, in reading order."""
    match expr:
        case ir.Call(_, args, kwargs):
            return args + tuple(value for _, value in kwargs)
        case ir.Select(condition, if_true, if_false):
            return (condition, if_true, if_false)
        case ir.Cast(value) | ir.TupleItem(value, _):
            return (value,)
        case ir.Load(array, index):
            return (array, *index)
        case ir.Shape(array, _) | ir.Transpose(array, _) | ir.Component(array, _) | ir.Pop(array):
            return (array,)
        case ir.Subview(array, view_index):
            return (array, *_index_operands(view_index))
        case ir.Reshape(array, shape):
            return (array, *shape)
        case ir.Alloc(shape, fill, _):
            return shape if fill is None else (*shape, fill)
        case ir.MakeTuple(items):
            return items
        case ir.Invoke(_, args):
            return args
        case ir.NewStack():
            return ()
        case ir.Reserve(stack, count, _) | ir.Release(stack, count):
            return (stack, count)
        case _:
            assert_never(expr)


def _memory(mapping: Mapping, array: ir.Var) -> ir.Var:
    mapped = mapping(array)
    assert isinstance(mapped, ir.Var), f"memory {array} became {mapped}"
    return mapped


def _map_index(
    mapping: Mapping, index: tuple[ir.Operand | ir.Slice | ir.NewAxis, ...]
) -> tuple[ir.Operand | ir.Slice | ir.NewAxis, ...]:
    def bound(operand: ir.Operand | None) -> ir.Operand | None:
        return None if operand is None else mapping(operand)

    result: list[ir.Operand | ir.Slice | ir.NewAxis] = []
    for item in index:
        match item:
            case ir.Slice(start, stop, step):
                result.append(ir.Slice(bound(start), bound(stop), bound(step)))
            case ir.NewAxis():
                result.append(item)
            case _:
                result.append(mapping(item))
    return tuple(result)


def map_expr(expr: ir.Expr, mapping: Mapping) -> ir.Expr:
    """Return the expression with each operand replaced by ``mapping(operand)``."""

    def each(values: tuple[ir.Operand, ...]) -> tuple[ir.Operand, ...]:
        return tuple(mapping(value) for value in values)

    match expr:
        case ir.Call(fn, args, kwargs):
            return ir.Call(fn, each(args), tuple((name, mapping(v)) for name, v in kwargs))
        case ir.Select(condition, if_true, if_false):
            return ir.Select(mapping(condition), mapping(if_true), mapping(if_false))
        case ir.Cast(value):
            return ir.Cast(mapping(value))
        case ir.TupleItem(value, position):
            return ir.TupleItem(mapping(value), position)
        case ir.Load(array, index):
            return ir.Load(_memory(mapping, array), each(index))
        case ir.Shape(array, axis):
            return ir.Shape(_memory(mapping, array), axis)
        case ir.Transpose(array, axes):
            return ir.Transpose(_memory(mapping, array), axes)
        case ir.Component(array, name):
            return ir.Component(_memory(mapping, array), name)
        case ir.Pop(array):
            return ir.Pop(_memory(mapping, array))
        case ir.Subview(array, view_index):
            return ir.Subview(_memory(mapping, array), _map_index(mapping, view_index))
        case ir.Reshape(array, shape):
            return ir.Reshape(_memory(mapping, array), each(shape))
        case ir.Alloc(shape, fill, purpose):
            return ir.Alloc(each(shape), None if fill is None else mapping(fill), purpose)
        case ir.MakeTuple(items):
            return ir.MakeTuple(each(items))
        case ir.Invoke(_, args):
            return replace(expr, args=each(args))
        case ir.NewStack():
            return expr
        case ir.Reserve(stack, count, zeroed):
            return ir.Reserve(_memory(mapping, stack), mapping(count), zeroed)
        case ir.Release(stack, count):
            return ir.Release(_memory(mapping, stack), mapping(count))
        case _:
            assert_never(expr)


def operands(statement: ir.Stmt) -> tuple[ir.Operand, ...]:
    """Return what the statement itself reads in its own block.

    The ``next`` values of loops, the condition of a ``While`` and the inputs of merges belong to
    the nested regions and are given by ``region_results``.
    """
    match statement:
        case ir.Let(_, expr):
            return expr_operands(expr)
        case ir.Store(array, index, value) | ir.Accumulate(array, index, value):
            return (array, *index, value)
        case ir.Append(array, value):
            return (array, value)
        case ir.Effect(_, args) | ir.Raise(_, args):
            return args
        case ir.For(_, start, stop, step, carried):
            return (start, stop, step, *(item.init for item in carried))
        case ir.While(carried):
            return tuple(item.init for item in carried)
        case ir.If(condition):
            return (condition,)
        case _:
            assert_never(statement)


def region_results(statement: ir.Stmt) -> tuple[ir.Operand, ...]:
    """Return what the statement reads at the ends of its regions."""
    match statement:
        case ir.For(carried=carried):
            return tuple(item.next for item in carried)
        case ir.While(carried, _, condition):
            return (condition, *(item.next for item in carried))
        case ir.If(merges=merges):
            return tuple(v for merge in merges for v in (merge.if_true, merge.if_false))
        case _:
            return ()


def regions(statement: ir.Stmt) -> tuple[ir.Block, ...]:
    """Return the nested blocks of a statement."""
    match statement:
        case ir.For(body=body):
            return (body,)
        case ir.While(before=before, body=body):
            return (before, body)
        case ir.If(then=then, orelse=orelse):
            return (then, orelse)
        case _:
            return ()


def definitions(statement: ir.Stmt) -> tuple[ir.Var, ...]:
    """Return the values that the statement defines in its own block."""
    match statement:
        case ir.Let(target):
            return (target,)
        case ir.For(carried=carried) | ir.While(carried=carried):
            return tuple(item.result for item in carried)
        case ir.If(merges=merges):
            return tuple(merge.result for merge in merges)
        case _:
            return ()


def walk(block: ir.Block) -> Iterator[ir.Stmt]:
    """Yield every statement of the block and of its regions, outer before inner."""
    for statement in block:
        yield statement
        for region in regions(statement):
            yield from walk(region)


def used_vars(block: ir.Block) -> set[ir.Var]:
    """Return every value read anywhere in the block, its regions included."""
    found: set[ir.Var] = set()
    for statement in walk(block):
        for operand in operands(statement) + region_results(statement):
            if isinstance(operand, ir.Var):
                found.add(operand)
    return found


def defined_vars(block: ir.Block) -> set[ir.Var]:
    """Return every value defined anywhere in the block, its regions included."""
    found: set[ir.Var] = set()
    for statement in walk(block):
        found.update(definitions(statement))
        match statement:
            case ir.For(index=index, carried=carried):
                found.add(index)
                found.update(item.inner for item in carried)
            case ir.While(carried=carried):
                found.update(item.inner for item in carried)
            case _:
                pass
    return found


def free_vars(block: ir.Block) -> set[ir.Var]:
    """Return the values that the block reads and does not define."""
    return used_vars(block) - defined_vars(block)


def invoked(function: ir.Function) -> Iterator[str]:
    """Yield the names of the functions that a function invokes, its own derivative included."""
    for statement in walk(function.body):
        if isinstance(statement, ir.Let) and isinstance(statement.expr, ir.Invoke):
            yield statement.expr.function
    if function.custom is not None:
        for part in function.custom.functions():
            yield from invoked(part)


def with_regions(statement: ir.Stmt, change: Callable[[str, ir.Block], ir.Block]) -> ir.Stmt:
    """Return the statement with its regions changed; ``change`` gets their kind and themselves."""
    match statement:
        case ir.For(body=body):
            return replace(statement, body=change("body", body))
        case ir.While(before=before, body=body):
            return replace(statement, before=change("before", before), body=change("body", body))
        case ir.If(then=then, orelse=orelse):
            return replace(statement, then=change("then", then), orelse=change("orelse", orelse))
        case _:
            return statement


def renamed(function: ir.Function, names: dict[str, str]) -> ir.Function:
    """Return the function with other names for what it invokes; names that are absent stay."""

    def block(statements: ir.Block) -> ir.Block:
        return tuple(map(statement, statements))

    def statement(each: ir.Stmt) -> ir.Stmt:
        match each:
            case ir.Let(_, ir.Invoke(name) as call):
                return replace(each, expr=replace(call, function=names.get(name, name)))
            case _:
                return with_regions(each, lambda _, inner: block(inner))

    if not names:
        return function
    custom = function.custom
    if custom is not None:
        custom = replace(
            custom,
            forward=renamed(custom.forward, names),
            backward=renamed(custom.backward, names),
            jvp=None if custom.jvp is None else renamed(custom.jvp, names),
            unused=None if custom.unused is None else renamed(custom.unused, names),
        )
    return replace(function, body=block(function.body), custom=custom)


def first_free_id(function: ir.Function) -> int:
    """Return an id above those of all values of the function."""
    ids = [var.id for var in function.params]
    ids += [var.id for var in defined_vars(function.body)]
    return max(ids, default=-1) + 1


class Cloner:
    """Copies statements, giving every defined value a fresh id and replacing the rest by a map."""

    def __init__(self, fresh: Fresh, substitution: dict[ir.Var, ir.Operand] | None = None) -> None:
        self.fresh = fresh
        self.substitution: dict[ir.Var, ir.Operand] = dict(substitution or {})

    def operand(self, operand: ir.Operand) -> ir.Operand:
        """Return the replacement of an operand."""
        if isinstance(operand, ir.Var):
            return self.substitution.get(operand, operand)
        return operand

    def define(self, var: ir.Var) -> ir.Var:
        """Return the fresh value that stands for ``var`` from now on."""
        new = self.fresh.var(var.type, var.name)
        self.substitution[var] = new
        return new

    def block(self, block: ir.Block) -> ir.Block:
        """Return a copy of the block."""
        return tuple(self.statement(statement) for statement in block)

    def _memory(self, array: ir.Var) -> ir.Var:
        return _memory(self.operand, array)

    def _each(self, values: tuple[ir.Operand, ...]) -> tuple[ir.Operand, ...]:
        return tuple(self.operand(value) for value in values)

    def statement(self, statement: ir.Stmt) -> ir.Stmt:
        """Return a copy of one statement; its definitions are known afterwards."""
        match statement:
            case ir.Let(target, expr, origin):
                mapped = map_expr(expr, self.operand)
                return ir.Let(self.define(target), mapped, origin)
            case ir.Store(array, index, value) | ir.Accumulate(array, index, value):
                return replace(
                    statement,
                    array=self._memory(array),
                    index=self._each(index),
                    value=self.operand(value),
                )
            case ir.Append(array, value, origin):
                return ir.Append(self._memory(array), self.operand(value), origin)
            case ir.Effect(_, args) | ir.Raise(_, args):
                return replace(statement, args=self._each(args))
            case ir.For(index, start, stop, step, carried, body, origin):
                start, stop, step = self._each((start, stop, step))
                inits = self._each(tuple(item.init for item in carried))
                new_index = self.define(index)
                inners = [self.define(item.inner) for item in carried]
                new_body = self.block(body)
                new_carried = self._carried(carried, inners, inits)
                return ir.For(new_index, start, stop, step, new_carried, new_body, origin)
            case ir.While(carried, before, condition, body, origin):
                inits = self._each(tuple(item.init for item in carried))
                inners = [self.define(item.inner) for item in carried]
                new_before = self.block(before)
                new_condition = self.operand(condition)
                new_body = self.block(body)
                return ir.While(
                    self._carried(carried, inners, inits),
                    new_before,
                    new_condition,
                    new_body,
                    origin,
                )
            case ir.If(condition, then, orelse, merges, origin):
                new_condition = self.operand(condition)
                new_then = self.block(then)
                new_orelse = self.block(orelse)
                new_merges = []
                for merge in merges:
                    branches = self._each((merge.if_true, merge.if_false))
                    new_merges.append(ir.Merge(self.define(merge.result), *branches))
                return ir.If(new_condition, new_then, new_orelse, tuple(new_merges), origin)
            case _:
                assert_never(statement)

    def _carried(
        self,
        carried: tuple[ir.Carried, ...],
        inners: list[ir.Var],
        inits: tuple[ir.Operand, ...],
    ) -> tuple[ir.Carried, ...]:
        nexts = self._each(tuple(item.next for item in carried))
        return tuple(
            ir.Carried(inner, init, next_, self.define(item.result))
            for item, inner, init, next_ in zip(carried, inners, inits, nexts, strict=True)
        )


class Substituter(Cloner):
    """Replaces values in statements and keeps what they define."""

    def __init__(self, substitution: dict[ir.Var, ir.Operand]) -> None:
        super().__init__(Fresh(), substitution)

    def define(self, var: ir.Var) -> ir.Var:
        """Return the value itself."""
        return var


def inline(
    function: ir.Function, arguments: tuple[ir.Operand, ...], fresh: Fresh
) -> tuple[ir.Block, tuple[ir.Operand, ...]]:
    """Return the body of ``function`` for the arguments, with fresh values, and its results."""
    cloner = Cloner(fresh, dict(zip(function.params, arguments, strict=True)))
    body = cloner.block(function.body)
    return body, tuple(cloner.operand(result) for result in function.results)


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
