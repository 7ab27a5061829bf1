"""Random orders and samples of arrays: the elements move to places that are drawn.

The places are drawn as NumPy and Numba draw them, so that a seed gives the same result as without
differentiation: by the same functions, of integers. These are the draws of NumPy's legacy
generator, the one that Numba has.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from numbad.frontend.arrays.registry import HANDLERS, decomposition
from numbad.frontend.values import Value, is_array

if TYPE_CHECKING:
    from numbad.frontend.builder import Builder


@decomposition(np.random.permutation)
def permutation(x: Any) -> Any:
    """Items of an array along its first axis in random order."""
    return x[np.random.permutation(x.shape[0])]  # noqa: NPY002


@decomposition(np.random.shuffle)
def shuffle(x: Any) -> None:
    """Put the items of an array along its first axis in random order."""
    x[:] = x[np.random.permutation(x.shape[0])]  # noqa: NPY002


@decomposition(np.random.choice)
def choice(a: Any, size: Any = None, replace: Any = True) -> Any:
    """Elements of a vector, drawn with or without putting them back."""
    n = a.shape[0]
    if size is None:
        return a[np.random.randint(0, n)]  # noqa: NPY002
    return a[np.random.choice(n, size, replace)]  # noqa: NPY002


def _of_arrays(function: Callable[..., Any]) -> None:
    """Leave calls of the function for integers to its own rule."""
    walked = HANDLERS[function]

    def handler(
        builder: Builder, args: list[Value], kwargs: dict[str, Value], node: ast.AST | None
    ) -> Any:
        return walked(builder, args, kwargs, node) if is_array(args[0]) else NotImplemented

    HANDLERS[function] = handler


for _function in (np.random.permutation, np.random.choice):
    _of_arrays(_function)
