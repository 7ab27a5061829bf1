"""What is differentiated: a function at a point, as a map from one vector to another.

The elements of the differentiated arguments, one argument after the other, are the columns; those
of the result the rows. Programs number the elements in C order; ``order="F"`` renumbers them here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from numbad import calls
from numbad.compilation import Compilation
from numbad.jacobians import check_order, check_repeatable, real_arguments
from numbad.parameters import Params
from numbad.writeback import prepare


class Subject:
    """A function at a point, and the numbering of rows and columns.

    Parameters
    ----------
    f, args, kwargs, wrt, order
        As for ``jacobian``.
    kind : {"jacobian", "hessian"}
        What the matrix is; a Hessian is that of the first argument.
    """

    def __init__(
        self,
        f: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        wrt: Any,
        order: str,
        kind: str = "jacobian",
    ) -> None:
        check_order(order)
        if any(isinstance(arg, Params) for arg in args):
            raise TypeError("Params have no sparse matrices: pass the arrays as arguments.")
        self.f = f
        self.kwargs = kwargs
        self.order = order
        self.kind = kind
        self.values, self.wrt = real_arguments(f, args, wrt)
        self.shapes = tuple(np.shape(self.values[position]) for position in self.wrt)
        self.sizes = tuple(int(np.prod(shape)) for shape in self.shapes)
        self.columns = sum(self.sizes)

    @property
    def name(self) -> str:
        """Name of the function, for messages."""
        return calls.name_of(self.f)

    def compiled(self, mode: str, lanes: int = 1) -> Compilation:
        """Return the compilation of a mode (without ``"hessian"``) for the point."""
        if mode == "primal":
            return calls.compiled(self.f, self.values, self.kwargs, mode, ())
        whole = f"hessian {mode}" if self.kind == "hessian" else mode
        return calls.compiled(self.f, self.values, self.kwargs, whole, self.wrt, lanes)

    def run(self, compilation: Compilation, *extra: Any, aside: bool = False) -> tuple[Any, ...]:
        """Run a compilation on the point; ``aside`` leaves what it writes to alone."""
        leaves = calls.entry_leaves(compilation, self.f, self.values, self.kwargs)
        if aside:
            return calls.run(compilation, compilation.entry, [*calls.copied(leaves), *extra])
        write = prepare(compilation.built, self.f, self.values, self.kwargs)
        found = calls.run(compilation, compilation.entry, [*leaves, *extra])
        if write is not None:
            write(found)
        return found

    def shape_of_result(self) -> tuple[int, ...]:
        """Return the shape of what has the rows: the result, or the first argument without one."""
        primal = self.compiled("primal")
        check_repeatable(primal)
        if not primal.built.interface.results:
            return np.shape(self.values[0])
        return np.shape(self.run(primal, aside=True)[0])

    # --- numbering ------------------------------------------------------------------------------

    @cached_property
    def _from_c(self) -> np.ndarray | None:
        """Number in C order of each column; None where the orders agree."""
        if self.order == "C" or all(len(shape) < 2 for shape in self.shapes):
            return None
        parts, first = [], 0
        for shape, size in zip(self.shapes, self.sizes, strict=True):
            parts.append(first + np.arange(size).reshape(shape).ravel("F"))
            first += size
        return np.concatenate(parts)

    def columns_to_c(self, values: np.ndarray) -> np.ndarray:
        """Return values of the columns in the order of the program."""
        if self._from_c is None:
            return values
        found = np.empty_like(values)
        found[self._from_c] = values
        return found

    def columns_from_c(self, values: np.ndarray) -> np.ndarray:
        """Return rows of values, one per column, from the order of the program."""
        return values if self._from_c is None else values[self._from_c]

    def rows_to_c(self, values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """Return values of the rows in the order of the program."""
        if self.order == "C" or len(shape) < 2:
            return values
        return np.ascontiguousarray(values.reshape(shape, order="F")).ravel()

    def rows_from_c(self, values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """Return items of values, one per row, from the order of the program."""
        if self.order == "C" or len(shape) < 2:
            return values
        return values[np.arange(values.shape[0]).reshape(shape).ravel("F")]

    # --- column sets ----------------------------------------------------------------------------

    def column_sets(self, masks: np.ndarray) -> np.ndarray:
        """Return the sets of the rows for those of the columns, as bits of ``uint64``."""
        compilation = self.compiled("pattern")
        check_repeatable(compilation)
        if not any(compilation.active):
            return np.zeros(self.columns, np.uint64)
        given = self.columns_to_c(masks)
        seeds, first = [], 0
        for position, shape, size in zip(self.wrt, self.shapes, self.sizes, strict=True):
            part = given[first : first + size]
            is_array = isinstance(self.values[position], np.ndarray)
            seeds.append(part.reshape(shape).copy() if is_array else part[0])
            first += size
        found = np.asarray(self.run(compilation, *seeds, aside=True)[0], np.uint64)
        return self.rows_from_c(found.ravel(), found.shape)
