"""Emission: errors at places of the source, and typed statements of the IR.

The part of the builder that knows operands only, no values of Python.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from numbad import numba_bridge
from numbad.errors import (
    DifferentiationError,
    InternalError,
    TypeInferenceFailed,
    UnsupportedSyntax,
)
from numbad.frontend import folding
from numbad.frontend.signals import DeadEnd, Thrown
from numbad.frontend.state import Frame
from numbad.ir import nodes as ir
from numbad.ir.build import BlockBuilder, Fresh
from numbad.ir.types import BOOL, INT64, Array, List, Scalar, Type

BodyFunction = Callable[[ir.Var, list[ir.Operand]], Sequence[ir.Operand]]


@dataclass(frozen=True, slots=True)
class Activation:
    """A call being walked: ``key`` says of what, ``origin`` from where."""

    key: Any
    origin: ir.Origin | None


_POWERS = frozenset({operator.pow, math.pow})
_ABSOLUTES = frozenset({abs, np.abs, math.fabs, np.fabs})


class Emitter:
    """Emits IR into the current block, at the node being walked.

    Attributes
    ----------
    block : BlockBuilder
        The block being built.
    frame : Frame, optional
        The activation being walked.
    node : ast.AST, optional
        The expression or statement being walked: the place of errors.
    definitions : dict
        Expression that defines each value, by id.
    """

    def __init__(self, *, is_rule: bool = False) -> None:
        self.is_rule = is_rule
        self.fresh = Fresh()
        self.block = BlockBuilder(self.fresh)
        self.frame: Frame | None = None
        self.node: ast.AST | None = None
        self.call_stack: list[Activation] = []
        self.definitions: dict[int, ir.Expr] = {}
        self.region_depth = 0
        self.fixed_depth = 0

    # --- errors -----------------------------------------------------------------------------

    def error(
        self,
        node: ast.AST | None,
        what: str,
        why: str = "",
        remedy: str = "",
        kind: type[DifferentiationError] = UnsupportedSyntax,
    ) -> NoReturn:
        """Refuse the program: raise ``kind`` at the node (None: where the walk is)."""
        raise kind(what, origin=self.origin(node), why=self._chain(why), remedy=remedy)

    def type_error(
        self, node: ast.AST | None, what: str, why: str = "", remedy: str = ""
    ) -> NoReturn:
        """Refuse the program because something in it has no type."""
        self.error(node, what, why, remedy, TypeInferenceFailed)

    def internal_error(self, what: str) -> NoReturn:
        """Report a broken invariant of the front end."""
        self.error(None, what, kind=InternalError)

    def origin(self, node: ast.AST | None = None) -> ir.Origin | None:
        """Where a node stands in the user's source (None: where the walk is)."""
        node = node if node is not None and hasattr(node, "lineno") else self.node
        if self.frame is None or node is None:
            return None
        return self.frame.code.origin(node)

    def _chain(self, why: str) -> str:
        sites = [activation.origin for activation in self.call_stack if activation.origin]
        if not sites:
            return why
        chain = ", ".join(f"{site} ({site.text})" for site in reversed(sites))
        return f"{why}\nCalled from {chain}." if why else f"Called from {chain}."

    @contextmanager
    def at(self, node: ast.AST | None) -> Iterator[None]:
        """Walk a node: errors raised and statements emitted meanwhile belong to it."""
        outer = self.node
        if node is not None and hasattr(node, "lineno"):
            self.node = node
        try:
            yield
        finally:
            self.node = outer

    # --- emission ---------------------------------------------------------------------------

    def emit(self, statement: ir.Stmt) -> None:
        """Append a statement to the current block."""
        self.block.emit(statement)

    def let(self, type_: Type, expr: ir.Expr, name: str = "") -> ir.Var:
        """Define a new value."""
        var = self.block.let(type_, expr, name)
        self.definitions[var.id] = expr
        return var

    def call(
        self,
        fn: Callable[..., Any],
        *operands: ir.Operand,
        type: Type | None = None,
        name: str = "",
    ) -> ir.Operand:
        """Emit ``fn(*operands)`` and return its value; folds constants.

        The result type is asked of Numba unless ``type`` is given. Numba compiles the
        implementations of array functions to type them, which takes seconds for some
        (``np.linalg``): give ``type`` where it is known.
        """
        folded = folding.fold(fn, operands)
        if folded is not None:
            return folded
        operands = self._without_sign(fn, operands)
        result = type if type is not None else self.call_type(fn, *operands)
        if self.is_rule and fn is operator.truediv:
            fn = _divide()
        return self.let(result, ir.Call(fn, tuple(operands)), name)

    def _without_sign(
        self, fn: Callable[..., Any], operands: tuple[ir.Operand, ...]
    ) -> tuple[ir.Operand, ...]:
        """Leave out ``abs`` of a real number that is squared: its slope jumps, the square's not."""
        match operands:
            case (ir.Var() as base, ir.Const(exponent)) if fn in _POWERS and (
                isinstance(exponent, int | float) and exponent != 0 and exponent % 2 == 0
            ):
                return (self._signed(base), operands[1])
            case (ir.Var() as left, ir.Var() as right) if fn is operator.mul:
                inner = self._signed(left)
                is_square = inner == self._signed(right) and inner not in operands
                return (inner, inner) if is_square else operands
            case _:
                return operands

    def _signed(self, operand: ir.Var) -> ir.Operand:
        match self.definitions.get(operand.id):
            case ir.Call(fn, (inner,)) if fn in _ABSOLUTES and inner.type == operand.type:
                return inner
            case _:
                return operand

    def call_type(self, fn: Callable[..., Any], *operands: ir.Operand) -> Type:
        """Type of ``fn(*operands)``; raises TypeInferenceFailed if Numba has none."""
        types = tuple(operand.type for operand in operands)
        result = numba_bridge.call_type(fn, types)
        if result is None:
            shown = ", ".join(map(str, types))
            name = getattr(fn, "__name__", str(fn))
            self.type_error(None, f"`{name}` cannot be applied to ({shown}).")
        return result

    def cast(self, operand: ir.Operand, type_: Type) -> ir.Operand:
        """Convert an operand to a type, as assigning to a variable of the type does."""
        if operand.type == type_:
            return operand
        if isinstance(operand, ir.Undefined):
            return ir.Undefined(type_)
        if isinstance(operand, ir.Const):
            folded = folding.cast(operand, type_)
            if folded is not None:
                return folded
        if type_ == BOOL and isinstance(operand.type, Scalar):
            return self.call(operator.ne, operand, ir.Const(0, INT64))
        if not numba_bridge.can_cast(operand.type, type_):
            self.type_error(None, f"A value of type {operand.type} cannot become {type_}.")
        return self.let(type_, ir.Cast(operand))

    def load(self, array: ir.Var, *index: ir.Operand) -> ir.Var:
        """Emit the load of one element (one integer per dimension; a list has one)."""
        type_ = array.type
        if isinstance(type_, Array):
            return self.let(type_.dtype, ir.Load(array, index))
        assert isinstance(type_, List)
        return self.let(type_.item, ir.Load(array, index))

    def store(self, array: ir.Var, index: Sequence[ir.Operand], value: ir.Operand) -> None:
        """Emit ``array[index] = value`` for one element; the value is cast to the element type."""
        value = self.cast(value, self._item_type(array))
        self.emit(ir.Store(array, tuple(index), value, self.block.origin))

    def accumulate(self, array: ir.Var, index: Sequence[ir.Operand], value: ir.Operand) -> None:
        """Emit ``array[index] += value`` for one element."""
        value = self.cast(value, self._item_type(array))
        self.emit(ir.Accumulate(array, tuple(index), value, self.block.origin))

    def _item_type(self, array: ir.Var) -> Type:
        type_ = array.type
        if isinstance(type_, Array):
            if type_.readonly:
                self.error(
                    None, f"`{array.name or 'the array'}` is read-only.", "", "Copy it first."
                )
            return type_.dtype
        assert isinstance(type_, List)
        return type_.item

    def shape(self, array: ir.Var, axis: int) -> ir.Var:
        """Emit ``array.shape[axis]`` (of a list: its length, axis 0)."""
        return self.let(INT64, ir.Shape(array, axis))

    def alloc(
        self, type_: Array | List, shape: Sequence[ir.Operand], fill: ir.Operand | None = None
    ) -> ir.Var:
        """Emit the allocation of a new array; ``fill`` None leaves it uninitialised."""
        if fill is not None and isinstance(type_, Array):
            fill = self.cast(fill, type_.dtype)
        return self.let(type_, ir.Alloc(tuple(shape), fill))

    def effect(self, fn: Callable[..., Any], *operands: ir.Operand) -> None:
        """Emit a call for its effect on the outside world."""
        self.emit(ir.Effect(fn, tuple(operands), self.block.origin))

    def raise_if(self, condition: ir.Operand, exception: type[BaseException], message: str) -> None:
        """Emit ``if condition: raise exception(message)``."""
        if isinstance(condition, ir.Const) and not condition.value:
            return
        args = (ir.Const(message, numba_bridge.string_type()),)
        failure = ir.Raise(exception, args, self.block.origin)
        self.emit(ir.If(condition, (failure,), (), (), self.block.origin))

    def raise_now(self, exception: type[BaseException], message: str) -> NoReturn:
        """Emit ``raise exception(message)``: what follows on this path is not walked."""
        args = (ir.Const(message, numba_bridge.string_type()),)
        if self.throw(exception, args):
            raise Thrown
        self.emit(ir.Raise(exception, args, self.block.origin))
        raise DeadEnd

    def throw(self, exception: type[BaseException], args: Sequence[ir.Operand]) -> bool:
        """Throw to a handler of the program around this place; False if there is none."""
        return False

    @contextmanager
    def nested(self) -> Iterator[BlockBuilder]:
        """Emit into a new block for the duration; yields it."""
        outer = self.block
        self.block = outer.nested()
        self.region_depth += 1
        try:
            yield self.block
        finally:
            self.block = outer
            self.region_depth -= 1

    def name_operand(self, operand: ir.Operand, name: str) -> ir.Operand:
        """Give a value that was just defined the user's name for it."""
        statements = self.block.statements
        if not isinstance(operand, ir.Var) or operand.name or not statements:
            return operand
        last = statements[-1]
        if isinstance(last, ir.Let) and last.target.id == operand.id:
            named = ir.Var(operand.id, operand.type, name)
            statements[-1] = ir.Let(named, last.expr, last.origin)
            return named
        return operand

    def constant(self, value: bool | int | float | complex) -> ir.Const:
        """Return the constant for a Python number, of the type Numba gives it."""
        type_ = numba_bridge.constant_type(value)
        if type_ is None:
            self.type_error(None, f"The integer {value} does not fit 64 bits.")
        return ir.Const(value, type_)

    def for_range(
        self,
        start: ir.Operand,
        stop: ir.Operand,
        step: ir.Operand,
        body: BodyFunction,
        carried: Sequence[ir.Operand] = (),
        names: Sequence[str] = (),
        index_name: str = "",
    ) -> list[ir.Var]:
        """Emit ``for index in range(start, stop, step)`` and return the carried values after it.

        ``body(index, inner)`` emits the body; it gets the carried values of the iteration and
        returns those of the next one, which are cast to the types of ``carried``. The body may
        not change bindings of the user's names or objects.
        """
        index = self.fresh.var(INT64, index_name)
        labels = list(names) + [""] * (len(carried) - len(names))
        inner = [
            self.fresh.var(init.type, label) for init, label in zip(carried, labels, strict=True)
        ]
        self.fixed_depth += 1
        with self.nested() as block:
            following = body(index, list(inner))
            self.fixed_depth -= 1
            if len(following) != len(inner):
                self.internal_error("a loop body returned the wrong number of carried values")
            nexts = [
                self.cast(value, var.type) for value, var in zip(following, inner, strict=True)
            ]
        results = [self.fresh.var(var.type, var.name) for var in inner]
        parts = tuple(
            ir.Carried(*part) for part in zip(inner, carried, nexts, results, strict=True)
        )
        self.emit(ir.For(index, start, stop, step, parts, block.block(), self.block.origin))
        return results


def _divide() -> Callable[..., Any]:
    from numbad.kernels.arithmetic import divide

    return divide
