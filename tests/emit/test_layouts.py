"""Names that hold arrays of one layout, assigned to names that hold arrays of several."""

from __future__ import annotations

import numpy as np

import numbad


def changing(a, b, n):
    v = a
    total = 0.0
    k = 0
    while k < n:
        w = v
        j = 0
        while j < k:
            total += w[0] * v[j] * a[1]
            w = b[::-1]
            j += 1
        v, a = a, v
        if k == 1:
            v = 0.5 * a
        k += 1
    return total + np.sum(v * w)


def test_general_layouts_do_not_spread(rng: np.random.Generator) -> None:
    a, b = rng.standard_normal(4), rng.standard_normal(4)
    numbad.check_grads(lambda a, b: changing(a, b, 4), (a, b), order=2)
