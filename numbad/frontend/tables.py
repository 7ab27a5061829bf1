"""Long lists of items that are alike, as arrays: a loop over them need not be unrolled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from numbad.frontend.iteration import Indexed
from numbad.frontend.values import OperandValue, TupleValue, Value
from numbad.ir import nodes as ir
from numbad.ir.types import BOOL, INT64, Array, Scalar, is_integer

if TYPE_CHECKING:
    from numbad.frontend.builder import Builder

LEAST = 17
"""Fewer items than these are better unrolled."""


def as_indexed(builder: Builder, items: Sequence[Value]) -> Indexed | None:
    """Run over numbers, or over tuples of numbers, by position; None if the items are others.

    The item at a position that is a constant is the item itself.
    """
    rows = [_parts(item) for item in items]
    are_tuples = [_is_plain_tuple(item) for item in items]
    if len(set(map(len, rows))) != 1 or len(set(are_tuples)) != 1 or not rows[0]:
        return None
    columns = [_column(column) for column in zip(*rows, strict=True)]
    found = [column for column in columns if column is not None]
    if len(found) < len(columns):
        return None
    arrays = [_array(builder, column) for column in found]

    def at(position: ir.Operand) -> Value:
        if isinstance(position, ir.Const):
            return items[int(position.value)]
        parts = tuple(OperandValue(builder.load(array, position)) for array in arrays)
        return TupleValue(parts) if are_tuples[0] else parts[0]

    return Indexed(ir.Const(len(items), INT64), at)


def _parts(item: Value) -> list[Value]:
    return list(item.items) if isinstance(item, TupleValue) and item.cls is None else [item]


def _is_plain_tuple(item: Value) -> bool:
    return isinstance(item, TupleValue) and item.cls is None


def _column(values: Sequence[Value]) -> list[ir.Operand] | None:
    """Operands of the values if all are numbers of one type; truth values are switches."""
    operands = [value.operand for value in values if type(value) is OperandValue]
    types = {operand.type for operand in operands}
    is_uniform = len(operands) == len(values) and len(types) == 1
    if not is_uniform or not isinstance(operands[0].type, Scalar) or BOOL in types:
        return None
    return operands


def _array(builder: Builder, column: list[ir.Operand]) -> ir.Var:
    """An array of the operands: made beforehand if they are constants or integers known by now."""
    type_ = column[0].type
    assert isinstance(type_, Scalar)
    if all(isinstance(each, ir.Const) for each in column) or (
        is_integer(type_)
        and all(isinstance(each, ir.Const) or builder.live.is_lifted(each) for each in column)
    ):
        numbers = tuple(builder.live.pin(each) for each in column)
        key = (type_, numbers)
        if key not in builder.tables:
            builder.tables[key] = np.array(numbers, dtype=type_.name)
        return builder.as_operand(builder.static(builder.tables[key]))  # type: ignore[return-value]
    array = builder.alloc(Array(type_, 1, "C"), [ir.Const(len(column), INT64)])
    for position, operand in enumerate(column):
        builder.store(array, [ir.Const(position, INT64)], operand)
    return array
