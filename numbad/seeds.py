"""Seeds of backward sweeps: cotangents of results as compiled programs take them."""

from __future__ import annotations

from typing import Any

import numpy as np

from numbad.compilation import Compilation
from numbad.ir.types import Array, tangent_type
from numbad.results import as_leaf, flatten_partly
from numbad.structure import leaves


def array_seeds(compilation: Compilation) -> list[Any]:
    """Return the seeds that a gradient program still takes: ones for 0-d array results."""
    types = [
        tangent_type(type_)
        for type_, is_seeded in zip(
            compilation.built.interface.results, compilation.seeded, strict=True
        )
        if is_seeded
    ]
    names = [type_.dtype.name for type_ in types if isinstance(type_, Array)]  # type: ignore[union-attr]
    return [np.ones((), name) for name in names]


def seeds_of(compilation: Compilation, y_bar: Any, shapes: list[tuple[int, ...]]) -> list[Any]:
    """Return the seeds of a pullback for a cotangent of the result's structure and shapes."""
    tree = compilation.built.result
    given = flatten_partly(y_bar, tree)
    seeds = []
    for value, leaf, shape, is_seeded in zip(
        given, leaves(tree), shapes, compilation.seeded[: len(shapes)], strict=True
    ):
        if not is_seeded:
            continue
        cotangent = zero_of(shape) if value is None else value
        seed = as_leaf(cotangent, leaf, "The cotangent")
        if np.shape(seed) != shape:
            raise ValueError(f"The cotangent has shape {np.shape(seed)}, the result {shape}.")
        seeds.append(seed)
    return seeds


def zero_of(shape: tuple[int, ...]) -> Any:
    """Return a zero of the shape."""
    return np.zeros(shape) if shape else 0.0
