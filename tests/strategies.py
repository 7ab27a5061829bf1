"""Hypothesis strategies, and the random programs of a seed.

``program_sources`` draws programs that hypothesis can shrink; ``source_from_seed`` makes the same
kind of program from a number, for bulk runs that report the number.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.random_programs import HEADER, MATRIX, VECTOR, Seeded, Writer


class Drawn:
    """Decisions drawn by hypothesis, which shrinks towards the low end."""

    def __init__(self, draw: Callable[..., Any]) -> None:
        self.draw = draw

    def integer(self, low: int, high: int) -> int:
        """Integer between ``low`` and ``high``, both included."""
        return self.draw(st.integers(low, high))


def shapes(max_dims: int = 3, max_side: int = 4) -> st.SearchStrategy[tuple[int, ...]]:
    """Shapes of small arrays, 0-d and empty ones included."""
    return hnp.array_shapes(min_dims=0, max_dims=max_dims, min_side=0, max_side=max_side)


@st.composite
def broadcastable_pairs(draw: Callable[..., Any]) -> tuple[np.ndarray, np.ndarray]:
    """Two arrays whose shapes broadcast."""
    pair = draw(hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3))
    left, right = pair.input_shapes
    return draw(arrays(left)), draw(arrays(right))


@st.composite
def arrays(draw: Callable[..., Any], shape: tuple[int, ...] | None = None) -> np.ndarray:
    """Arrays of numbers between 0.5 and 1.5, in C order, Fortran order or with strides."""
    shape = draw(shapes()) if shape is None else shape
    values = np.random.default_rng(draw(st.integers(0, 1000))).uniform(0.5, 1.5, shape)
    layout = draw(st.sampled_from(("C", "F", "reversed", "strided")))
    if layout == "F":
        return np.asfortranarray(values)
    if layout == "reversed" and values.ndim:
        return values[::-1]
    if layout == "strided" and values.ndim:
        return np.repeat(values, 2, axis=-1)[..., ::2]
    return values


@st.composite
def program_sources(draw: Callable[..., Any], size: int = 6) -> str:
    """Source text of a random program named ``f``."""
    return HEADER + Writer(Drawn(draw), "f", size).function()


def source_from_seed(seed: int, name: str = "f", size: int = 6) -> str:
    """Source text of the random program of ``seed``, without the header."""
    return Writer(Seeded(seed), name, size).function()


def arguments_from_seed(seed: int) -> tuple[Any, ...]:
    """Arguments for a random program; the integers are at most 3."""
    rng = np.random.default_rng(seed)
    return (
        float(rng.uniform(-1.5, 1.5)),
        float(rng.uniform(-1.5, 1.5)),
        rng.uniform(-1.5, 1.5, VECTOR),
        rng.uniform(-1.5, 1.5, VECTOR),
        rng.uniform(-1.0, 1.0, MATRIX),
        int(rng.integers(0, 4)),
        int(rng.integers(0, 4)),
    )


def load_source(text: str, directory: Path, name: str) -> Any:
    """Write ``text`` to a real file, so that its source can be found, and import it."""
    path = directory / f"{name}.py"
    path.write_text(text, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
