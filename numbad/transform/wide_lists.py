"""Lists of numbers that become lists of lanes: each item is an array with one element.

Lists hold their items where vectors would not be aligned, arrays do not mind.
"""

from __future__ import annotations

from numbad.ir import nodes as ir
from numbad.ir.build import BlockBuilder
from numbad.ir.types import INT64, Array, Lanes, List
from numbad.transform import arith

_FIRST = (arith.ZERO,)


def boxed_type(lanes: Lanes) -> Array:
    """Return the type of an item."""
    return Array(lanes, 1, "C")


def boxed(value: ir.Operand, out: BlockBuilder) -> ir.Var:
    """Return a new item that holds the value."""
    assert isinstance(value.type, Lanes)
    box = out.let(boxed_type(value.type), ir.Alloc((arith.ONE,), None))
    out.emit(ir.Store(box, _FIRST, value, out.origin))
    return box


def load(target: ir.Var, expr: ir.Expr, out: BlockBuilder) -> None:
    """Define ``target`` by the number in the item that ``expr`` gives."""
    assert isinstance(target.type, Lanes)
    box = out.let(boxed_type(target.type), expr)
    out.let_existing(target, ir.Load(box, _FIRST))


def store(statement: ir.Store | ir.Accumulate, out: BlockBuilder) -> None:
    """Carry out on an item what the statement says of the list."""
    list_ = statement.array
    assert isinstance(list_.type, List) and isinstance(list_.type.item, Array)
    box = out.let(list_.type.item, ir.Load(list_, statement.index))
    out.emit(type(statement)(box, _FIRST, statement.value, statement.origin))


def allocate(list_: ir.Var, length: ir.Operand, fill: ir.Operand, out: BlockBuilder) -> None:
    """Define a list of new items."""
    out.let_existing(list_, ir.Alloc((ir.Const(0, INT64),), None))
    inner = out.nested()
    inner.emit(ir.Append(list_, boxed(fill, inner), out.origin))
    index = out.fresh.var(INT64, "i")
    out.emit(ir.For(index, arith.ZERO, length, arith.ONE, (), inner.block(), out.origin))
