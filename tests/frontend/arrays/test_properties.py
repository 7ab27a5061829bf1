"""Array semantics on shapes, slices and indices that nobody thought of."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.frontend.arrays.harness import check, run

bounds = st.integers(-7, 7)
lengths = st.integers(0, 6)


def filled(shape, seed):
    return np.random.default_rng(seed).uniform(0.5, 2.0, size=shape)


@given(
    hnp.mutually_broadcastable_shapes(num_shapes=3, max_dims=3, max_side=3, min_side=0),
    st.integers(0, 99),
)
def test_broadcasting(shapes, seed):
    a, b, c = (filled(shape, seed + i) for i, shape in enumerate(shapes.input_shapes))
    check(lambda a, b, c: a * b + np.where(a > c, b, c) - a, a, b, c)


@given(
    hnp.array_shapes(max_dims=3, max_side=3),
    hnp.array_shapes(max_dims=3, max_side=3),
    st.integers(0, 99),
)
def test_shapes_that_do_not_fit(first, second, seed):
    a, b = filled(first, seed), filled(second, seed + 1)
    try:
        np.broadcast_shapes(first, second)
    except ValueError:
        with pytest.raises(ValueError, match="could not be broadcast"):
            run(lambda a, b: a * b - a, a, b)
    else:
        check(lambda a, b: a * b - a, a, b)


@given(lengths, bounds, bounds)
def test_slices(n, first, last):
    v = filled(n, 1)
    check(lambda v, i, j: v[i:j] * 2, v, first, last)
    check(lambda v, i, j: v[i:j:2] + v[i:j:2], v, first, last)
    check(lambda v, i, j: v[i:j:-1] - 1, v, first, last)
    check(lambda v, i, j: np.sum(v[:j]) + np.sum(v[i:]) + len(v[i:j]), v, first, last)


@given(lengths, bounds, bounds, st.integers(1, 3))
def test_steps(n, first, last, step):
    v = filled(n, 1)
    check(lambda v, i, j, k: v[i:j:k] * 2, v, first, last, step)
    check(lambda v, i, j, k: v[i:j:-k] * 2, v, first, last, step)


@given(st.integers(2, 6), st.integers(0, 99))
def test_overlapping_writes(n, seed):
    def f(v):
        v[1:] = v[:-1] + v[1:]
        v[::-1] = v * 2
        v[:-1] += v[1:]
        v[: len(v) // 2] = v[len(v) - len(v) // 2 :]
        return v

    check(f, filled(n, seed))


@given(st.integers(0, 5), st.lists(st.integers(-3, 2), max_size=6))
def test_places(extra, places):
    v = filled(3, extra)
    where = np.array(places, dtype=np.int64)

    def f(v, where):
        w = v.copy()
        w[where] = w[where] * 2 + where
        w[where] += 1.0
        return w[where], w

    check(f, v, where)


@given(hnp.arrays(np.bool_, (3, 2)), st.integers(0, 9))
def test_masks(mask, seed):
    def f(a, m):
        b = a.copy()
        b[m] = -1.0
        b[~m] *= 2
        b[m] = a[m] + b[m]
        return b, a[m], np.sum(a[m] * b[m]), b[m[:, 0]]

    check(f, filled((3, 2), seed), mask)


@given(hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=3), st.integers(0, 9))
def test_reductions(shape, seed):
    a = filled(shape, seed)
    for axis in range(len(shape)):
        check(lambda a, k: np.sum(a, axis=k) + np.mean(a, k) * np.max(a, axis=k), a, axis)
        check(lambda a, k: np.var(a, axis=k) + np.prod(a, axis=k), a, axis)


@given(lengths, lengths, lengths, bounds)
def test_reshaping(p, q, r, seed):
    a = filled((p, q * r), abs(seed))
    check(lambda a, q, r: a.reshape((a.shape[0], q, r)).transpose(2, 0, 1) * 1, a, q, r)
    if p * q * r:
        check(lambda a, q, r: a.T.reshape(-1, r) + 1, a, q, r)
