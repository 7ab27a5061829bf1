"""What operations cost, in the units of the scheduler."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from numbad import markers
from numbad.kernels.arithmetic import absorb, absorb_both, sign

_CHEAP: frozenset[Any] = frozenset(
    {
        operator.add,
        operator.sub,
        operator.mul,
        operator.neg,
        operator.pos,
        operator.not_,
        operator.lt,
        operator.le,
        operator.gt,
        operator.ge,
        operator.eq,
        operator.ne,
        operator.and_,
        operator.or_,
        operator.xor,
        operator.invert,
        operator.lshift,
        operator.rshift,
        abs,
        max,
        min,
        np.conjugate,
        np.real,
        np.imag,
        np.square,
        np.abs,
        math.fabs,
        np.maximum,
        np.minimum,
        markers.dropgrad,
        absorb,
        absorb_both,
        sign,
    }
)
_MIDDLING: frozenset[Any] = frozenset(
    {
        operator.truediv,
        operator.floordiv,
        operator.mod,
        math.sqrt,
        np.sqrt,
        math.floor,
        math.ceil,
        np.floor,
        np.ceil,
        complex,
    }
)
CHEAP, MIDDLING, DEAR = 0.2, 6.0, 20.0


def is_cheap(fn: Any) -> bool:
    """Whether a function costs about as much as an addition."""
    return fn in _CHEAP


def cost(fn: Any) -> float:
    """Return the cost of one evaluation."""
    if fn in _CHEAP:
        return CHEAP
    return MIDDLING if fn in _MIDDLING else DEAR
