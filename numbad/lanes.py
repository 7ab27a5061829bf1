"""SIMD lanes for functions that Numba compiles: several numbers in one vector register.

Differentiated code carries several directions this way. The type is also of use on its own, where a
loop does the same for several sets of numbers and LLVM does not find out by itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import numbad.kernels.lane_edges  # noqa: F401 - registers how lanes are returned
from numbad.kernels.lane_ops import lane_sum, select
from numbad.kernels.lanes import LanesClass, as_lanes, as_numbers, lane, lanes, with_lane

__all__ = ["Lanes", "as_lanes", "as_numbers", "lane", "lane_sum", "select", "with_lane"]


def Lanes(count: int, dtype: Any = np.float64) -> LanesClass:
    """Return the type of ``count`` numbers that are computed with at once.

    Parameters
    ----------
    count : int
        Number of lanes, 1 to 64. More than a register holds take several, less leave some empty.
    dtype : dtype
        ``float64`` or ``float32``.

    Returns
    -------
    LanesClass
        To be called in compiled functions, with one number for all lanes, with a number for each,
        or with lanes of the other precision. The same object for the same arguments.

    Raises
    ------
    ValueError
        There are no such lanes.

    Examples
    --------
    >>> import numpy as np
    >>> from numba import njit
    >>> from numbad.lanes import Lanes, as_lanes, lane_sum
    >>> four = Lanes(4)
    >>> @njit
    ... def means(table):
    ...     total = four(0.0)
    ...     rows = as_lanes(table, four)
    ...     for i in range(rows.size):
    ...         total += rows[i]
    ...     return total / rows.size
    >>> means(np.arange(12.0).reshape(3, 4))
    array([4., 5., 6., 7.])
    """
    return lanes(np.dtype(dtype).name, count)
