"""Writing to arrays: elements, slices, masks, integer arrays; in-place operators.

NumPy evaluates the right side first. Here its elements are computed in the loop that stores them,
unless it reads memory that the loop may have changed by then: what it reads at the same place as
is written is safe, anything else that may share memory with the target is evaluated beforehand.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from numbad.frontend.arrays.access import (
    Selection,
    gather,
    positions,
    selection,
    variable_of,
)
from numbad.frontend.arrays.convert import to_lazy
from numbad.frontend.arrays.dims import (
    array_dim,
    array_dims,
    check_fits,
    identity,
    may_overlap,
)
from numbad.frontend.arrays.lazy import (
    LazyValue,
    Source,
    consume,
    copy_elements,
    element,
    is_arraylike,
    nest,
    of_array,
    settle_lazy,
    settle_pending,
    sources_of,
    without_repetition,
)
from numbad.frontend.arrays.operations import (
    IN_PLACE,
    NOT_ELEMENTWISE,
    binary,
    on_elements,
    operand_type,
    result_type,
)
from numbad.frontend.arrays.subscripts import Subscript, parse
from numbad.frontend.arrays.support import (
    ZERO,
    Index,
    Node,
    Operands,
    arithmetic,
    truth,
    value_of,
)
from numbad.frontend.arrays.views import check_writable, subview
from numbad.frontend.values import OperandValue, Value
from numbad.ir import nodes as ir
from numbad.ir.types import BOOL, Array, Scalar

if TYPE_CHECKING:
    from numbad.frontend.builder import Builder


def setitem(builder: Builder, array: Value, index: Value, value: Value, node: Node = None) -> None:
    """Do ``array[index] = value``."""
    variable = variable_of(builder, array)
    check_writable(builder, variable, node)
    mask = _whole_mask(variable, index)
    if mask is not None and not _has_axes(builder, value, node):
        _fill_mask(builder, variable, mask, to_lazy(builder, value, node), node)
        return
    subscript = parse(builder, variable, index, node)
    write(builder, variable, subscript, to_lazy(builder, value, node), node)


def write(
    builder: Builder, array: ir.Var, subscript: Subscript, value: LazyValue, node: Node
) -> None:
    """Store a value into what a subscript selects."""
    if subscript.is_element:
        if value.dims:
            builder.type_error(node, "An array cannot be stored in one element of an array.")
        settle_pending(builder)
        builder.store(array, positions(subscript), element(builder, consume(builder, value), ()))
    elif subscript.is_advanced:
        scatter(builder, selection(builder, array, subscript, node, written=True), value)
    else:
        assign(builder, subview(builder, array, subscript.items, node), value)


def assign(builder: Builder, target: ir.Var, value: LazyValue, *, in_order: bool = False) -> None:
    """Store the elements of an expression into all elements of an array.

    With ``in_order`` one after the other: an element that was stored is read by those after it.
    """
    check_writable(builder, target)
    assert isinstance(target.type, Array)
    if in_order:
        consume(builder, value)
        settle_pending(builder)
    else:
        value = _independent(builder, target, value)
    dims = array_dims(builder, target)
    how = check_fits(builder, value.dims, dims)
    leading = (ZERO,) * max(len(value.dims) - len(dims), 0)

    def body(index: Index, values: Operands) -> Operands:
        own = (*leading, *how.index(builder, index))
        builder.store(target, index, element(builder, value, own))
        return values

    nest(builder, dims, body, order="C" if in_order else target.type.layout)


def reads_as_it_writes(builder: Builder, target: ir.Var, args: Sequence[Value], node: Node) -> bool:
    """Whether storing in ``target`` what is computed from the arguments disturbs them.

    Where they overlap, NumPy reads all of them first. Functions that Numba compiles compute array
    expressions first, but read arrays as they go.
    """
    frame = builder.frame
    module = "" if frame is None else str(frame.code.globals.get("__name__", ""))
    if not builder.is_compiled or module.partition(".")[0] == "numbad":
        return False
    found = False
    for arg in args:
        lazy = to_lazy(builder, arg, node)
        if lazy.stored is not None and lazy.stored.id != target.id:
            found = found or may_overlap(builder, lazy.stored, target)
        elif any(may_overlap(builder, each.array, target) for each in lazy.sources):
            settle_lazy(builder, lazy)
    return found


def _independent(
    builder: Builder, target: ir.Var, value: LazyValue, *, same_places: bool = True
) -> LazyValue:
    """Return an expression that is not disturbed by storing its elements into the target."""
    consume(builder, value)
    settle_pending(builder)
    whole = len(value.dims) == len(array_dims(builder, target))
    for source in sources_of(value):
        if not may_overlap(builder, source.array, target):
            continue
        same = identity(builder, source.array) == identity(builder, target)
        if not (same and source.aligned and whole and same_places):
            return of_array(builder, copy_elements(builder, value))
    return value


def scatter(builder: Builder, chosen: Selection, value: LazyValue) -> None:
    """Store the elements of an expression at selected places, the last write winning."""
    value = _independent(builder, chosen.view, value, same_places=False)
    how = check_fits(builder, value.dims, chosen.dims)
    leading = (ZERO,) * max(len(value.dims) - len(chosen.dims), 0)

    def body(index: Index, values: Operands) -> Operands:
        own = (*leading, *how.index(builder, index))
        builder.store(chosen.view, chosen.place(index), element(builder, value, own))
        return values

    nest(builder, chosen.dims, body)


# --- masks --------------------------------------------------------------------------------------


def _whole_mask(array: ir.Var, index: Value) -> OperandValue | None:
    """Return the index if it is a mask over all axes of the array."""
    assert isinstance(array.type, Array)
    if is_arraylike(index):
        assert isinstance(index, OperandValue)
        assert isinstance(index.type, Array)
        if index.type.dtype == BOOL and index.type.ndim == array.type.ndim > 0:
            return index
    return None


def _has_axes(builder: Builder, value: Value, node: Node) -> bool:
    return len(to_lazy(builder, value, node).dims) > 0


def _fill_mask(builder: Builder, array: ir.Var, mask: Value, value: LazyValue, node: Node) -> None:
    """Do ``array[mask] = number``: a test per element."""
    number = element(builder, consume(builder, value), ())

    def store(index: Index, values: Operands) -> None:
        builder.store(array, index, number)

    where_mask(builder, array, mask, store)


def where_mask(
    builder: Builder, array: ir.Var, mask: Value, act: Callable[[Index, Operands], None]
) -> None:
    """Do something at every place of an array where a mask of the same shape holds."""
    assert isinstance(array.type, Array)
    lazy = _independent(builder, array, to_lazy(builder, mask))
    dims = array_dims(builder, array)
    for axis, dim in enumerate(lazy.dims):
        own = array_dim(builder, array, axis)
        if own.key != dim.key:
            differ = arithmetic(builder, operator.ne, own.operand, dim.operand)
            builder.raise_if(
                differ, IndexError, "boolean index did not match the array along an axis"
            )

    def body(index: Index, values: Operands) -> Operands:
        condition = truth(builder, element(builder, lazy, index))

        def then() -> Operands:
            act(index, values)
            return []

        builder.if_else(condition, then, list)
        return values

    nest(builder, dims, body, order=array.type.layout)


# --- in-place operators -------------------------------------------------------------------------


def augmented(
    builder: Builder, fn: Callable[..., Any], target: Value, value: Value, node: Node = None
) -> Value:
    """Do ``target op= value`` for an array, in place, and return the array."""
    array = variable_of(builder, target)
    update(builder, fn, array, value, node)
    return value_of(array)


def update(
    builder: Builder, fn: Callable[..., Any], array: ir.Var, value: Value, node: Node
) -> None:
    """Store ``array op value`` into the array, element by element."""
    check_writable(builder, array, node)
    operator_ = IN_PLACE.get(fn, fn)
    in_order = False
    if operator_ in NOT_ELEMENTWISE:
        result = binary(builder, operator_, value_of(array), value, node)
        lazy = to_lazy(builder, result, node)
    else:
        in_order = reads_as_it_writes(builder, array, [value], node)
        lazy = _updated(builder, operator_, array, value, node)
    if len(lazy.dims) > len(array_dims(builder, array)):
        builder.type_error(node, "The result has more axes than the array it is stored in.")
    assign(builder, array, lazy, in_order=in_order)


def _updated(
    builder: Builder, fn: Callable[..., Any], array: ir.Var, value: Value, node: Node
) -> LazyValue:
    """Return ``array op value``; the value is stretched to the array, never the array."""
    assert isinstance(array.type, Array)
    part = to_lazy(builder, value, node)
    dims = array_dims(builder, array)
    if len(part.dims) > len(dims):
        builder.type_error(node, "The result has more axes than the array it is stored in.")
    type_ = result_type(builder, fn, (array.type, operand_type(part, value)))
    # Numbers in an array without axes give a number.
    dtype = type_.dtype if isinstance(type_, Array) else type_
    assert isinstance(dtype, Scalar)
    part = without_repetition(builder, consume(builder, part), dims)
    how = check_fits(builder, part.dims, dims)

    def one(index: Index) -> ir.Operand:
        operands = (
            builder.load(array, *index),
            element(builder, part, how.index(builder, index)),
        )
        return on_elements(builder, fn, operands, dtype)

    whole = how.is_identity and len(part.dims) == len(dims)
    found = {array.id: Source(array, True)}
    for source in sources_of(part):
        aligned = source.aligned and whole
        found[source.array.id] = Source(source.array, aligned)
    layout = array.type.layout
    type_ = Array(dtype, array.type.ndim, layout)
    return LazyValue(builder, type_, dims, one, tuple(found.values()), part.cost + 1)


def augmented_item(
    builder: Builder,
    fn: Callable[..., Any],
    array: Value,
    index: Value,
    value: Value,
    node: Node = None,
) -> None:
    """Do ``array[index] op= value``; repeated places of an integer array are written once."""
    variable = variable_of(builder, array)
    check_writable(builder, variable, node)
    operator_ = IN_PLACE.get(fn, fn)
    mask = _whole_mask(variable, index)
    if mask is not None and not is_arraylike(value):
        number = builder.as_scalar(value, node)
        _update_mask(builder, operator_, variable, mask, number)
        return
    subscript = parse(builder, variable, index, node)
    if subscript.is_element:
        place = positions(subscript)
        old = value_of(builder.load(variable, *place))
        new = builder.binary(operator_, old, value, node)
        settle_pending(builder)
        builder.store(variable, place, builder.as_scalar(new, node))
    elif subscript.is_advanced:
        chosen = selection(builder, variable, subscript, node, written=True)
        new = binary(builder, operator_, gather(builder, chosen), value, node)
        scatter(builder, chosen, to_lazy(builder, new, node))
    else:
        update(builder, operator_, subview(builder, variable, subscript.items, node), value, node)


def _update_mask(
    builder: Builder, fn: Callable[..., Any], array: ir.Var, mask: Value, number: ir.Operand
) -> None:
    assert isinstance(array.type, Array)
    type_ = result_type(builder, fn, (array.type, number.type))
    assert isinstance(type_, Array)
    assert isinstance(type_.dtype, Scalar)
    dtype = type_.dtype

    def act(index: Index, values: Operands) -> None:
        old = builder.load(array, *index)
        builder.store(array, index, on_elements(builder, fn, (old, number), dtype))

    where_mask(builder, array, mask, act)
