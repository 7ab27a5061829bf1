"""The random generators of Python and NumPy, lent to compiled code for a call.

Numba's generators work as NumPy's and Python's do, with states of their own. A function that Numba
does not compile draws from those of NumPy and Python, and so does its derivative: for the call the
states are handed over, and handed back behind it.
"""

from __future__ import annotations

import ctypes
import random
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numba import _helperlib

# Numba's state: a position, the 624 numbers of the generator, and what is left of two normal draws.
_GAUSS = struct.Struct("=id")
_GAUSS_OFFSET = 4 * 625


@contextmanager
def lent() -> Iterator[None]:
    """Run the block with the generators of Python and NumPy in the place of Numba's."""
    pointers = _helperlib.rnd_get_np_state_ptr(), _helperlib.rnd_get_py_state_ptr()
    given: Any = np.random.get_state(legacy=True)  # noqa: NPY002 - it is the one that is lent
    is_lent = given[0] == "MT19937"
    if is_lent:
        _put_numpy(pointers[0], given)
    version, numbers, gauss = random.getstate()
    _helperlib.rnd_set_state(pointers[1], (numbers[-1], list(numbers[:-1])))
    try:
        yield
    finally:
        if is_lent:
            np.random.set_state(_taken(pointers[0]))  # noqa: NPY002
        position, found = _helperlib.rnd_get_state(pointers[1])
        random.setstate((version, (*found, position), gauss))


def _put_numpy(pointer: int, state: Any) -> None:
    _, numbers, position, has_gauss, gauss = state
    _helperlib.rnd_set_state(pointer, (int(position), [int(each) for each in numbers]))
    place = (ctypes.c_char * _GAUSS.size).from_address(pointer + _GAUSS_OFFSET)
    _GAUSS.pack_into(place, 0, has_gauss, gauss)


def _taken(pointer: int) -> tuple[str, Any, int, int, float]:
    position, numbers = _helperlib.rnd_get_state(pointer)
    place = (ctypes.c_char * _GAUSS.size).from_address(pointer + _GAUSS_OFFSET)
    has_gauss, gauss = _GAUSS.unpack_from(place, 0)
    return "MT19937", np.array(numbers, dtype=np.uint32), position, has_gauss, gauss
