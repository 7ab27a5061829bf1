"""Reusing what the primal has computed: where a rule's body evaluates something again.

The partial of a sine is a cosine; a program that computes both has it already. ``PrimalValues``
finds the value of the primal that equals an expensive call of a rule's body.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Hashable
from typing import Any

import numpy as np

from numbad.analysis.regions import Region, Regions
from numbad.ir import nodes as ir
from numbad.ir.types import is_memory, is_real
from numbad.kernels.arithmetic import divide
from numbad.transform.costs import is_cheap


def canonical(fn: Any, args: tuple[ir.Operand, ...]) -> Hashable:
    """Return one name for the spellings of a function of real numbers: ``math.sin``, ``np.sin``."""
    if any(not is_real(arg.type) for arg in args if isinstance(arg, ir.Var)):
        return fn  # type: ignore[no-any-return]
    if fn in (divide, operator.truediv):
        return "truediv"
    name = getattr(fn, "__name__", "")
    is_known = getattr(math, name, None) is fn or getattr(np, name, None) is fn
    return name if is_known else fn


def _key(call: ir.Call) -> Hashable:
    operands = tuple(
        float(arg.value)
        if isinstance(arg, ir.Const) and isinstance(arg.value, int | float)
        else arg
        for arg in call.args
    )
    return (canonical(call.fn, call.args), operands)


class PrimalValues:
    """The expensive calls of a body, by function and operands."""

    def __init__(self, regions: Regions) -> None:
        self._regions = regions
        self._found: dict[Hashable, list[ir.Var]] = {}
        for var, statement in regions.definition.items():
            match statement:
                case ir.Let(_, ir.Call() as call) if not is_memory(var.type):
                    if not call.kwargs and not is_cheap(call.fn):
                        self._found.setdefault(_key(call), []).append(var)
                case _:
                    pass

    def equal_to(
        self, call: ir.Call, target: ir.Var, region: Region, late: set[ir.Var]
    ) -> ir.Var | None:
        """Return a value that equals the call and is known in the region; none of ``late``."""
        if call.kwargs or is_cheap(call.fn):
            return None
        for var in self._found.get(_key(call), ()):
            is_known = self._regions.region_of[var].encloses(region)
            if is_known and var not in late and var.type == target.type:
                return var
        return None
