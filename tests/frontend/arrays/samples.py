"""Arrays of many shapes, types and layouts."""

from __future__ import annotations

import numpy as np

rng = np.random.default_rng(7)

V = rng.normal(size=5)
W = rng.uniform(0.5, 2.0, size=5)
ONE = rng.normal(size=1)
EMPTY = np.zeros(0)
A = rng.normal(size=(3, 4))
B = rng.uniform(0.5, 2.0, size=(3, 4))
ROW = rng.normal(size=(1, 4))
COLUMN = rng.normal(size=(3, 1))
SQUARE = rng.normal(size=(4, 4)) + 4 * np.eye(4)
F_ORDER = np.asfortranarray(rng.normal(size=(3, 4)))
STRIDED = rng.normal(size=(6, 8))[::2, ::2]
STRIDED_VECTOR = rng.normal(size=10)[::2]
CUBE = rng.normal(size=(2, 3, 4))
ZERO_D = np.array(1.5)
INTS = np.array([3, 1, 4, 1, 5])
INT_MATRIX = rng.integers(-5, 6, size=(3, 4))
SINGLE = rng.normal(size=5).astype(np.float32)
COMPLEX = rng.normal(size=5) + 1j * rng.normal(size=5)
COMPLEX_MATRIX = rng.normal(size=(3, 4)) + 1j * rng.normal(size=(3, 4))
MASK = np.array([True, False, True, True, False])
MASK_MATRIX = rng.normal(size=(3, 4)) > 0
PLACES = np.array([4, 0, -1, 2, 2])
WITH_NAN = np.array([1.0, np.nan, 3.0, -2.0])
