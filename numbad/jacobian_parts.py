"""Jacobians of functions that return a tuple or another structure: one matrix per part."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from numbad import calls
from numbad.compilation import PART_MODES, Compilation
from numbad.results import record_class
from numbad.structure import (
    Leaf,
    Mapping_,
    Record,
    Sequence_,
    Static,
    Tree,
    unflatten,
)
from numbad.writeback import prepare


def compiled_parts(
    f: Callable[..., Any], values: Sequence[Any], kwargs: dict[str, Any], wrt: tuple[int, ...]
) -> Callable[[str, int], Compilation] | None:
    """Return what compiles the derivatives for a mode; None unless the result has parts."""
    primal = calls.compiled(f, values, kwargs, "primal", ())
    if isinstance(primal.built.result, Leaf) or not primal.built.result_count:
        return None
    names = {mode: name for name, mode in PART_MODES.items()}
    return lambda mode, lanes: calls.compiled(f, values, kwargs, names[mode], wrt, lanes)


def derivatives(
    compilation: Compilation,
    f: Callable[..., Any],
    values: Sequence[Any],
    kwargs: dict[str, Any],
    order: str,
) -> tuple[Any, tuple[Any, ...]]:
    """Run the sweeps; return the value and, for each argument, its derivatives."""
    built = compilation.built
    write = prepare(built, f, values, kwargs)
    found = calls.run(
        compilation, compilation.entry, calls.entry_leaves(compilation, f, values, kwargs)
    )
    if write is not None:
        write(found)
    count = len(built.interface.results)
    ys = found[: built.result_count]
    rest = iter(found[count:])
    table = [[next(rest) if there else None for there in row] for row in compilation.blocks]
    columns = {position: number for number, position in enumerate(compilation.request.wrt)}
    tree = _slopes(built.result)
    entries: list[Any] = []
    for position, x in enumerate(values):
        if position not in columns:
            entries.append(None)
            continue
        column = [row[columns[position]] for row in table]
        parts = [part(each, y, x, order) for each, y in zip(column, ys, strict=True)]
        entries.append(unflatten(parts, tree, _named))
    return unflatten(ys, built.result), tuple(entries)


def part(found: Any, y: Any, x: Any, order: str) -> Any:
    """Return the derivative of a part ``y`` of the result: a matrix, a row or a number."""
    rows, columns = np.shape(y), np.shape(x)
    if found is None:
        found = np.zeros((*rows, *columns), np.result_type(np.asarray(x), np.float32))
    whole = np.asarray(found).reshape((*rows, *columns))
    if order == "F":
        outer = tuple(reversed(range(len(rows))))
        whole = whole.transpose(*outer, *reversed(range(len(rows), whole.ndim)))
    shape = tuple(
        int(np.size(each)) for each in (y, x) if isinstance(each, np.ndarray) or np.ndim(each)
    )
    return np.ascontiguousarray(whole).reshape(shape) if shape else float(whole)


def _slopes(tree: Tree) -> Tree:
    """Return the structure of the derivatives: None where there is no number or array."""
    match tree:
        case Leaf():
            return tree
        case Sequence_(items, _) | Mapping_(_, items) | Record(_, _, items):
            return replace(tree, items=tuple(map(_slopes, items)))
        case _:
            return Static(None)


def _named(tree: Record, items: tuple[Any, ...]) -> Any:
    return record_class(tree.cls.__name__, tree.names)(*items)
