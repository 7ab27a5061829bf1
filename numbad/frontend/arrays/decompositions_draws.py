"""Random orders and samples of arrays: the elements move to places that are drawn.

The places are drawn one by one, as NumPy and Numba draw them, so that a seed gives the same result
as without differentiation. These are the draws of NumPy's legacy generator, the one that Numba has.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from numbad.frontend.arrays.registry import decomposition


def drawn_order(n: Any) -> Any:
    """Return the integers below ``n`` in random order."""
    order = np.arange(n)
    i = n - 1
    while i > 0:
        j = np.random.randint(i + 1)  # noqa: NPY002
        order[i], order[j] = order[j], order[i]
        i -= 1
    return order


@decomposition(np.random.permutation)
def permutation(x: Any) -> Any:
    """Integers below a number, or the items of an array along its first axis, in random order."""
    if np.ndim(x) == 0:
        return drawn_order(x)
    items = np.asarray(x)
    return items[drawn_order(items.shape[0])]


@decomposition(np.random.shuffle)
def shuffle(x: Any) -> None:
    """Put the items of an array along its first axis in random order."""
    x[:] = x[drawn_order(x.shape[0])]


@decomposition(np.random.choice)
def choice(a: Any, size: Any = None, replace: Any = True) -> Any:
    """Integers below a number, or elements of a vector, drawn with or without putting back."""
    items = np.arange(a) if np.ndim(a) == 0 else np.asarray(a)
    n = items.shape[0]
    if size is None:
        return items[np.random.randint(0, n)]  # noqa: NPY002
    count = math.prod(size) if isinstance(size, tuple) else size
    if replace:
        places = np.empty(count, np.int64)
        for i in range(count):
            places[i] = np.random.randint(0, n)  # noqa: NPY002
    else:
        if count > n:
            raise ValueError("Cannot take a larger sample than population when 'replace=False'")
        places = drawn_order(n)[:count]
    return items[places].reshape(size)
