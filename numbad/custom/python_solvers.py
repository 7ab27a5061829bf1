"""Calls of solvers that are Python functions from compiled code."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from numbad import numba_bridge
from numbad.errors import InvalidRule
from numbad.frontend import bindings
from numbad.frontend.build import value_tree
from numbad.frontend.builder import Builder
from numbad.frontend.values import OperandValue, TupleValue, Value
from numbad.ir import nodes as ir
from numbad.ir.types import Array, Scalar, is_inexact
from numbad.kernels.callbacks import callback
from numbad.rules import registry
from numbad.rules.forms import ZeroDerivative
from numbad.structure import Leaf, Tree, describe, unflatten


@dataclass(frozen=True, eq=False)
class PythonSolver:
    """A Python function that compiled code calls back; ``like`` is an example of its result."""

    function: Callable[..., Any]
    like: Any

    def __post_init__(self) -> None:
        if self._type() is None:
            raise TypeError(f"like must be a real number or an array of such, not {self.like!r}.")

    def __call__(self, *theta: Any) -> Any:
        """Return the solution, as a number or array of the type that was announced."""
        type_ = self._type()
        found = np.asarray(self.function(*theta))
        if isinstance(type_, Array):
            if found.ndim != type_.ndim:
                raise ValueError(
                    f"`{self.name}` returns an array of {found.ndim} dimensions, the example "
                    f"has {type_.ndim}."
                )
            return np.array(found, dtype=np.asarray(self.like).dtype, order="C")
        if found.ndim != 0:
            raise ValueError(f"`{self.name}` returns an array, the example is a number.")
        return float(found)

    @property
    def name(self) -> str:
        """Name of the function, for messages."""
        return str(getattr(self.function, "__name__", type(self.function).__name__))

    def _type(self) -> Array | Scalar | None:
        """Return the type of the result; None if the example has none that can be used."""
        tree = describe(self.like)
        if not isinstance(tree, Leaf):
            return None
        match tree.type:
            case Array(Scalar() as dtype, ndim) if is_inexact(dtype) and "f" in dtype.name:
                return Array(dtype, ndim, "C")
            case Scalar() as dtype if is_inexact(dtype) and "f" in dtype.name:
                return Scalar("float64")
            case _:
                return None

    def emit(
        self, builder: Builder, args: list[Value], kwargs: dict[str, Value], node: ast.AST | None
    ) -> Value:
        """Emit the call."""
        if kwargs:
            builder.error(
                node,
                f"`{self.name}` is called back with keyword arguments.",
                "",
                "Pass its parameters by position.",
                InvalidRule,
            )
        settled = tuple(bindings.settled(builder, arg) for arg in args)
        operands: list[ir.Operand] = []
        tree = value_tree(builder, TupleValue(settled, tuple), operands)
        type_ = self._type()
        assert type_ is not None
        made = callback(self._flat(tree), len(operands), [numba_bridge.to_numba(type_)])
        registry.register(
            made,
            ZeroDerivative(
                (made,),
                refusal=f"`{self.name}` is a Python function that is called back.",
            ),
        )
        builder.write()
        return OperandValue(builder.let(type_, ir.Call(made, tuple(operands))))

    def _flat(self, tree: Tree) -> Callable[..., Any]:
        def call(*flat: Any) -> Any:
            kept = [leaf.copy() if isinstance(leaf, np.ndarray) else leaf for leaf in flat]
            return self(*unflatten(kept, tree))

        call.__name__ = self.name.strip("<>")
        return call


def special(found: Any) -> Any:
    """Return the handler of a Python solver, None for anything else."""
    return found.emit if isinstance(found, PythonSolver) else None
