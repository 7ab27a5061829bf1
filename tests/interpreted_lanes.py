"""What the evaluator of the IR makes of lanes: arrays of their length.

It is stricter than compiled code: arithmetic of lanes takes lanes of one kind and numbers of their
own dtype only, and a choice of lanes takes lanes.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from numbad.ir import nodes as ir
from numbad.ir.types import Array, Lanes
from numbad.kernels.arithmetic import absorb, absorb_both, divide
from numbad.kernels.lane_ops import lane_sum, select, with_unit
from numbad.kernels.lanes import lane, with_lane


def copied(value: Any, type_: Lanes) -> np.ndarray:
    """Lanes of the type from lanes of any dtype, or with one number in all of them."""
    return np.full(type_.count, value, np.dtype(type_.dtype.name))


def takes_lanes(args: tuple[ir.Operand, ...]) -> bool:
    """Whether a call has lanes, or arrays of them, among its arguments."""
    return any(
        isinstance(arg.type, Lanes)
        or (isinstance(arg.type, Array) and isinstance(arg.type.dtype, Lanes))
        for arg in args
    )


def call(fn: Callable[..., Any], args: tuple[ir.Operand, ...], values: tuple[Any, ...]) -> Any:
    """Result of a function of lanes."""
    if fn in _ARITHMETIC:
        kinds = {arg.type for arg in args if isinstance(arg.type, Lanes)}
        assert len(kinds) == 1, f"`{fn.__name__}` of {sorted(map(str, kinds))}"
        (kind,) = kinds
        for arg in args:
            assert arg.type in (kind, kind.dtype), f"`{fn.__name__}` of {kind} and {arg.type}"
        with np.errstate(all="ignore"):
            return _ARITHMETIC[fn](*values)
    return _OTHERS[fn](*values)


def _select(condition: Any, if_true: Any, if_false: Any) -> Any:
    assert np.ndim(if_true) == np.ndim(if_false) == 1, "a choice between lanes and numbers"
    return np.where(condition, if_true, if_false)


def _with_lane(value: Any, k: int, number: Any) -> Any:
    assert 0 <= k < len(value), f"there is no lane {k} of {len(value)}"
    assert np.asarray(number).dtype.itemsize == value.dtype.itemsize, "a number of another dtype"
    result = value.copy()
    result[k] = number
    return result


def _with_unit(value: Any, k: int) -> Any:
    return np.where(np.arange(len(value)) == k, value.dtype.type(1.0), value)


def _lane(value: Any, k: int) -> Any:
    assert 0 <= k < len(value), f"there is no lane {k} of {len(value)}"
    return value[k]


def _lane_sum(value: Any) -> Any:
    while len(value) > 1:
        half = len(value) // 2
        value = value[:half] + value[half:]
    return value[0]


def _absorb(factor: Any, other: Any) -> Any:
    product = factor * other
    return np.where(np.equal(factor, 0), product.dtype.type(0), product)


def _absorb_both(factor: Any, other: Any) -> Any:
    product = _absorb(factor, other)
    return np.where(np.equal(other, 0), product.dtype.type(0), product)


_ARITHMETIC: dict[Any, Callable[..., Any]] = {
    operator.add: operator.add,
    operator.sub: operator.sub,
    operator.mul: operator.mul,
    divide: np.true_divide,
    absorb: _absorb,
    absorb_both: _absorb_both,
    operator.neg: operator.neg,
    operator.pos: operator.pos,
    operator.lt: operator.lt,
    operator.le: operator.le,
    operator.gt: operator.gt,
    operator.ge: operator.ge,
    operator.eq: operator.eq,
    operator.ne: operator.ne,
}
_OTHERS: dict[Any, Callable[..., Any]] = {
    lane: _lane,
    with_lane: _with_lane,
    with_unit: _with_unit,
    select: _select,
    lane_sum: _lane_sum,
}
