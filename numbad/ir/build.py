"""Building blocks of IR: fresh values, and a block under construction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numbad.ir import nodes as ir
from numbad.ir.types import Type


class Fresh:
    """Source of values with ids that are unique in one program."""

    def __init__(self, first: int = 0) -> None:
        self.next_id = first

    def var(self, type_: Type, name: str = "") -> ir.Var:
        """Return a new value of the type; ``name`` is a hint for readers of the output."""
        var = ir.Var(self.next_id, type_, name)
        self.next_id += 1
        return var


class BlockBuilder:
    """A block that grows at its end; ``origin`` is given to every statement that has none."""

    def __init__(self, fresh: Fresh) -> None:
        self.fresh = fresh
        self.statements: list[ir.Stmt] = []
        self.origin: ir.Origin | None = None

    def nested(self) -> BlockBuilder:
        """Return an empty builder for a region of a statement of this block."""
        inner = BlockBuilder(self.fresh)
        inner.origin = self.origin
        return inner

    def emit(self, statement: ir.Stmt) -> None:
        """Append a statement."""
        self.statements.append(statement)

    def let(self, type_: Type, expr: ir.Expr, name: str = "") -> ir.Var:
        """Append the definition of a new value and return it."""
        target = self.fresh.var(type_, name)
        self.emit(ir.Let(target, expr, self.origin))
        return target

    def let_existing(self, target: ir.Var, expr: ir.Expr) -> None:
        """Append the definition of a value that was made beforehand."""
        self.emit(ir.Let(target, expr, self.origin))

    def call(
        self, type_: Type, fn: Callable[..., Any], *args: ir.Operand, name: str = ""
    ) -> ir.Var:
        """Append ``fn(*args)`` and return its value."""
        return self.let(type_, ir.Call(fn, args), name)

    def block(self) -> ir.Block:
        """Return the statements so far."""
        return tuple(self.statements)
