"""Several directions at once: the numbers that depend on chosen parameters become lanes.

``widen`` takes a program whose outputs are linear in some parameters (tangents, or the seeds of a
backward sweep) and lets each of these carry ``count`` directions. What does not depend on them is
computed once for all. One transform serves forward mode, reverse mode and both of them nested, and
the sweeps themselves need not know of lanes.

Arithmetic, memory and control flow carry over as they are. Any other function of wide values is
called once per lane. A program in which wide values steer control flow, or are parts of complex
numbers, cannot be widened: ``NotWidenable``.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import replace
from typing import Any, assert_never

from numbad.analysis.dependence import Dependence, Dependences, Mask
from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.build import BlockBuilder, Fresh
from numbad.ir.types import (
    BOOL,
    Array,
    Lanes,
    List,
    Scalar,
    Stack,
    Tuple,
    Type,
    element_of,
    is_memory,
    is_real,
)
from numbad.kernels.arithmetic import absorb, absorb_both, divide
from numbad.kernels.lane_ops import select
from numbad.transform import arith, per_lane, wide_lists

_ARITHMETIC: dict[Any, Callable[..., Any]] = {
    operator.add: operator.add,
    operator.sub: operator.sub,
    operator.mul: operator.mul,
    operator.truediv: divide,
    divide: divide,
    absorb: absorb,
    absorb_both: absorb_both,
    operator.neg: operator.neg,
    operator.pos: operator.pos,
}
_COMPARISONS = {
    operator.lt,
    operator.le,
    operator.gt,
    operator.ge,
    operator.eq,
    operator.ne,
}


class NotWidenable(Exception):
    """The program cannot carry several directions at once; ``args[0]`` says why."""


def widen(program: ir.Program, wide: tuple[int, ...], count: int) -> tuple[ir.Program, Mask]:
    """Return the program with ``count`` lanes in the parameters at ``wide``.

    Also returns which of its results have lanes.
    """
    run = _Program(program, count)
    mask = tuple(position in wide for position in range(len(program.entry.params)))
    dependence = run.dependences.entry(mask)
    entry = _Function(run, dependence).widened(program.entry.name)
    while run.pending:
        name, callee_mask, new = run.pending.pop()
        run.functions[new] = _Function(run, run.dependences.callee(name, callee_mask)).widened(new)
    return ir.Program(entry, {**program.callees, **run.functions}), dependence.results()


def widened(
    program: ir.Program, wide: tuple[int, ...], count: int, plain: int
) -> tuple[int, ir.Program]:
    """Return the number of lanes and the program with them: one lane if it takes no more.

    The first ``plain`` results are the same in all directions and must stay without lanes.
    """
    if count == 1:
        return 1, program
    try:
        made, have_lanes = widen(program, wide, count)
    except NotWidenable:
        return 1, program
    return (1, program) if any(have_lanes[:plain]) else (count, made)


def wide_type(type_: Type, count: int) -> Type:
    """Return the type with lanes in the place of real numbers."""
    match type_:
        case Scalar() if is_real(type_) or type_ == BOOL:
            return Lanes(type_, count)
        case Array(Scalar() as dtype) if is_real(dtype):
            return replace(type_, dtype=Lanes(dtype, count))
        case Stack(Scalar() as item) if is_real(item):
            return Stack(Lanes(item, count))
        case List(Scalar() as item) if is_real(item):
            return List(wide_lists.boxed_type(Lanes(item, count)))
        case List(Array() | List() as item):
            return List(wide_type(item, count))
        case _:
            raise NotWidenable(f"there are no lanes of {type_}")


class _Program:
    """What the functions of one program share."""

    def __init__(self, program: ir.Program, count: int) -> None:
        self.count = count
        self.program = program
        self.dependences = Dependences(program)
        self.functions: dict[str, ir.Function] = {}
        self.pending: list[tuple[str, Mask, str]] = []
        self._names: dict[tuple[str, Mask], str] = {}

    def name(self, callee: str, mask: Mask) -> str:
        """Return the name of a callee with lanes, asking for it if it is new."""
        key = (callee, mask)
        if key not in self._names:
            number = sum(1 for other, _ in self._names if other == callee)
            new = f"{callee}_wide{number + 1 if number else ''}"
            self._names[key] = new
            self.pending.append((callee, mask, new))
        return self._names[key]


class _Function:
    def __init__(self, program: _Program, dependence: Dependence) -> None:
        self.program = program
        self.dependence = dependence
        self.fresh = Fresh(visit.first_free_id(dependence.function))

    def widened(self, name: str) -> ir.Function:
        function = self.dependence.function
        block = BlockBuilder(self.fresh)
        block.origin = function.origin
        self._block(function.body, block)
        return ir.Function(
            name,
            tuple(self._var(param) for param in function.params),
            block.block(),
            tuple(self._mapped(result) for result in function.results),
            function.origin,
        )

    # --- operands -------------------------------------------------------------------------------

    def _type(self, type_: Type) -> Type:
        return wide_type(type_, self.program.count)

    def _var(self, var: ir.Var) -> ir.Var:
        if isinstance(var.type, Tuple):
            items = tuple(
                self._type(item) if self.dependence.item_depends(var, position) else item
                for position, item in enumerate(var.type.items)
            )
            return replace(var, type=replace(var.type, items=items))
        if self.dependence.depends(var):
            return replace(var, type=self._type(var.type))
        return var

    def _mapped(self, operand: ir.Operand) -> ir.Operand:
        return self._var(operand) if isinstance(operand, ir.Var) else operand

    def _plain(self, operand: ir.Operand) -> ir.Operand:
        """Return an operand that steers the program: it must be the same in all lanes."""
        if self.dependence.depends(operand):
            raise NotWidenable("a condition, an index or a bound depends on the directions")
        return operand

    def _wide(self, operand: ir.Operand, type_: Type, out: BlockBuilder) -> ir.Operand:
        """Return an operand with lanes of the type; a number goes into all of them."""
        match operand:
            case ir.Const(value):
                return ir.Const(value, type_)
            case ir.Undefined():
                return ir.Undefined(type_)
            case _:
                found = self._mapped(operand)
                return found if found.type == type_ else out.let(type_, ir.Cast(found))

    def _meets(self, operand: ir.Operand, target: ir.Var, out: BlockBuilder) -> ir.Operand:
        """Return what flows into a value, with lanes if that has them."""
        if self.dependence.depends(target):
            return self._wide(operand, self._type(target.type), out)
        return self._mapped(operand)

    # --- statements -----------------------------------------------------------------------------

    def _block(self, statements: ir.Block, out: BlockBuilder) -> None:
        for statement in statements:
            out.origin = statement.origin
            self._statement(statement, out)

    def _nested(self, statements: ir.Block, out: BlockBuilder) -> BlockBuilder:
        inner = out.nested()
        self._block(statements, inner)
        return inner

    def _statement(self, statement: ir.Stmt, out: BlockBuilder) -> None:
        match statement:
            case ir.Let(target, ir.Invoke(callee, args)):
                self._invoke(target, callee, args, out)
            case ir.Let(target, ir.MakeTuple(items)):
                out.let_existing(self._var(target), ir.MakeTuple(self._each(items)))
            case ir.Let(target, ir.TupleItem(value, position)):
                out.let_existing(self._var(target), ir.TupleItem(self._mapped(value), position))
            case ir.Let(target, ir.Shape(array, axis)):
                out.let_existing(target, ir.Shape(self._var(array), axis))
            case ir.Let(target, expr):
                if self.dependence.depends(target):
                    self._definition(target, expr, out)
                else:
                    out.emit(ir.Let(target, visit.map_expr(expr, self._plain), statement.origin))
            case ir.Store(array, index, value) | ir.Accumulate(array, index, value):
                where = tuple(self._plain(item) for item in index)
                made = self._stored(array, value, out)
                changed = type(statement)(self._var(array), where, made, statement.origin)
                if self._is_boxed(array):
                    wide_lists.store(changed, out)
                else:
                    out.emit(changed)
            case ir.Append(array, value):
                made = self._stored(array, value, out)
                if self._is_boxed(array):
                    made = wide_lists.boxed(made, out)
                out.emit(ir.Append(self._var(array), made, statement.origin))
            case ir.Effect(_, args) | ir.Raise(_, args):
                for arg in args:
                    self._plain(arg)
                out.emit(statement)
            case ir.For(_, start, stop, step, carried, body):
                for bound in (start, stop, step):
                    self._plain(bound)
                inits = [self._meets(item.init, item.inner, out) for item in carried]
                inner = self._nested(body, out)
                new = self._carried(carried, inits, inner)
                out.emit(replace(statement, carried=new, body=inner.block()))
            case ir.While(carried, before, condition, body):
                inits = [self._meets(item.init, item.inner, out) for item in carried]
                new_before, inner = self._nested(before, out), self._nested(body, out)
                self._plain(condition)
                new = self._carried(carried, inits, inner)
                out.emit(
                    replace(statement, carried=new, before=new_before.block(), body=inner.block())
                )
            case ir.If(condition, then, orelse, merges):
                self._plain(condition)
                new_then, new_orelse = self._nested(then, out), self._nested(orelse, out)
                new_merges = tuple(
                    ir.Merge(
                        self._var(merge.result),
                        self._meets(merge.if_true, merge.result, new_then),
                        self._meets(merge.if_false, merge.result, new_orelse),
                    )
                    for merge in merges
                )
                out.emit(
                    replace(
                        statement,
                        then=new_then.block(),
                        orelse=new_orelse.block(),
                        merges=new_merges,
                    )
                )
            case _:
                assert_never(statement)

    def _each(self, operands: tuple[ir.Operand, ...]) -> tuple[ir.Operand, ...]:
        return tuple(self._mapped(operand) for operand in operands)

    def _stored(self, array: ir.Var, value: ir.Operand, out: BlockBuilder) -> ir.Operand:
        """Return what goes into memory."""
        if not self.dependence.depends(array):
            return self._plain(value)
        if is_memory(value.type):
            return self._mapped(value)
        return self._wide(value, self._type(element_of(array.type)), out)

    def _is_boxed(self, memory: ir.Var) -> bool:
        """Whether memory becomes a list whose items are arrays of one element."""
        is_list = isinstance(memory.type, List) and isinstance(memory.type.item, Scalar)
        return is_list and self.dependence.depends(memory)

    def _carried(
        self, carried: tuple[ir.Carried, ...], inits: list[ir.Operand], inner: BlockBuilder
    ) -> tuple[ir.Carried, ...]:
        return tuple(
            ir.Carried(
                self._var(item.inner),
                init,
                self._meets(item.next, item.inner, inner),
                self._var(item.result),
            )
            for item, init in zip(carried, inits, strict=True)
        )

    def _invoke(
        self, target: ir.Var, callee: str, args: tuple[ir.Operand, ...], out: BlockBuilder
    ) -> None:
        mask = tuple(self.dependence.depends(arg) for arg in args)
        name = self.program.name(callee, mask) if any(mask) else callee
        out.let_existing(self._var(target), ir.Invoke(name, self._each(args)))

    # --- definitions ----------------------------------------------------------------------------

    def _definition(self, target: ir.Var, expr: ir.Expr, out: BlockBuilder) -> None:
        wide = self._var(target)
        match expr:
            case ir.Call(fn, args, ()) if fn in _ARITHMETIC and isinstance(wide.type, Lanes):
                operands = tuple(self._factor(arg, wide.type, out) for arg in args)
                out.let_existing(wide, ir.Call(_ARITHMETIC[fn], operands))
            case ir.Call(fn, args, ()) if fn in _COMPARISONS and target.type == BOOL:
                kind = next(
                    each.type for arg in args if isinstance((each := self._mapped(arg)).type, Lanes)
                )
                assert isinstance(kind, Lanes)
                operands = tuple(self._factor(arg, kind, out) for arg in args)
                out.let_existing(wide, ir.Call(fn, operands))
            case ir.Call():
                if target.type == BOOL or isinstance(target.type, Tuple):
                    raise NotWidenable(f"`{getattr(expr.fn, '__name__', expr.fn)}` of directions")
                per_lane.emit(wide, target.type, expr, self._mapped, self.program.count, out)
            case ir.Select(condition, if_true, if_false):
                choices = tuple(self._meets(each, target, out) for each in (if_true, if_false))
                if self.dependence.depends(condition):
                    chosen = (self._mapped(condition), *choices)
                    out.let_existing(wide, ir.Call(select, chosen))
                else:
                    out.let_existing(wide, ir.Select(condition, *choices))
            case ir.Cast(value):
                out.let_existing(wide, ir.Cast(self._mapped(value)))
            case ir.Alloc((length,), fill) if self._is_boxed(target):
                lanes = self._type(element_of(target.type))
                first = arith.zero(lanes) if fill is None else self._wide(fill, lanes, out)
                wide_lists.allocate(wide, self._plain(length), first, out)
            case ir.Alloc() if isinstance(target.type, List):
                out.let_existing(wide, visit.map_expr(expr, self._access))
            case ir.Load(array) | ir.Pop(array) if self._is_boxed(array):
                wide_lists.load(wide, visit.map_expr(expr, self._access), out)
            case ir.Alloc(shape, fill, purpose):
                assert isinstance(wide.type, Array)
                extents = tuple(self._plain(extent) for extent in shape)
                start = None if fill is None else self._wide(fill, wide.type.dtype, out)
                out.let_existing(wide, ir.Alloc(extents, start, purpose))
            case (
                ir.Load()
                | ir.Subview()
                | ir.Transpose()
                | ir.Component()
                | ir.Reshape()
                | ir.Pop()
                | ir.NewStack()
                | ir.Reserve()
                | ir.Release()
            ):
                out.let_existing(wide, visit.map_expr(expr, self._access))
            case ir.Shape() | ir.MakeTuple() | ir.TupleItem() | ir.Invoke():
                raise AssertionError("handled as statements")
            case _:
                assert_never(expr)

    def _access(self, operand: ir.Operand) -> ir.Operand:
        return self._mapped(operand) if is_memory(operand.type) else self._plain(operand)

    def _factor(self, operand: ir.Operand, type_: Lanes, out: BlockBuilder) -> ir.Operand:
        """Return an operand of arithmetic: lanes, or a number of the lanes' own type."""
        if self.dependence.depends(operand):
            return self._wide(operand, type_, out)
        match operand:
            case ir.Const(value) if not isinstance(value, complex):
                return ir.Const(float(value), type_.dtype)
            case ir.Undefined():
                return ir.Undefined(type_.dtype)
            case _:
                if operand.type == type_.dtype:
                    return operand
                return out.let(type_.dtype, ir.Cast(operand))
