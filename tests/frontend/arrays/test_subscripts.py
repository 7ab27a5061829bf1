"""Reading and writing parts of arrays."""

from __future__ import annotations

import numpy as np
import pytest

from numbad.errors import DifferentiationError
from tests.frontend.arrays import samples as s
from tests.frontend.arrays.harness import check, loops_of, run

VECTOR_READS = [
    lambda v: v[0] + v[-1],
    lambda v: v[1:-1],
    lambda v: v[::-1] * v,
    lambda v: v[::2] + v[1::2][0],
    lambda v: v[-3:] + v[:3],
    lambda v: v[2:] - v[:-2],
    lambda v: v[1:-1] - 0.5 * (v[2:] + v[:-2]),
    lambda v: v[10:],
    lambda v: v[3:1],
    lambda v: v[-1:0:-1],
    lambda v: v[:, None] * v[None, :],
    lambda v: v[np.newaxis].sum(),
    lambda v: v[...] + v[()],
    lambda v: v[v > 0],
    lambda v: v[np.array([0, 2, -1])],
    lambda v: v[[0, 2, -1]],
    lambda v: v[np.array([[0, 1], [2, 3]])],
    lambda v: v[np.argsort(v)],
    lambda v: np.sum(v[v > 0] ** 2),
    lambda v: np.take(v, np.array([1, 1, 2])),
    lambda v: len(v[1:]) + v.size,
    lambda v: v.flat[2],
]


@pytest.mark.parametrize("fn", VECTOR_READS, ids=range(len(VECTOR_READS)))
@pytest.mark.parametrize("v", [s.V, s.STRIDED_VECTOR], ids=["contiguous", "strided"])
def test_read_vector(fn, v):
    check(fn, v)


MATRIX_READS = [
    lambda a: a[1, 2] + a[-1, -1],
    lambda a: a[1],
    lambda a: a[-1] * a[:, 0][0],
    lambda a: a[:, 1],
    lambda a: a[1:, ::2],
    lambda a: a[:, ::-1],
    lambda a: a[0, 1:3],
    lambda a: a[..., 1],
    lambda a: a[1, ...],
    lambda a: a[:, :] + a[:],
    lambda a: a[:, None, :].shape[1] + a[:, None, 2],
    lambda a: a[1:-1, 1:-1] - 0.25 * (a[2:, 1:-1] + a[:-2, 1:-1] + a[1:-1, 2:] + a[1:-1, :-2]),
    lambda a: a[np.array([0, 2])],
    lambda a: a[:, np.array([3, 0, 0])],
    lambda a: a[np.array([0, 2]), np.array([1, 3])],
    lambda a: a[1, np.array([1, 3])],
    lambda a: a[np.array([[0], [2]]), np.array([1, 3])],
    lambda a: a[1:, np.array([1, 3])],
    lambda a: a[a > 0],
    lambda a: a[np.array([True, False, True])],
    lambda a: a[:, np.array([True, False, True, False])],
    lambda a: a[np.array([True, False, True]), 1],
    lambda a: a.T[1] + a.T[:, 1][0],
    lambda a: a.T.T + a,
    lambda a: a.reshape(4, 3)[1],
    lambda a: a.reshape((2, -1))[1],
    lambda a: a.ravel()[5] + a.flatten()[3],
    lambda a: a.reshape(-1)[2:4],
    lambda a: np.reshape(a, (6, 2)).T,
    lambda a: np.transpose(a)[1],
    lambda a: a[0].sum() + a.sum(axis=0)[1],
]


@pytest.mark.parametrize("fn", MATRIX_READS, ids=range(len(MATRIX_READS)))
@pytest.mark.parametrize("a", [s.A, s.F_ORDER, s.STRIDED], ids=["C", "F", "strided"])
def test_read_matrix(fn, a):
    check(fn, a)


CUBE_READS = [
    lambda c: c[1],
    lambda c: c[1, 2],
    lambda c: c[:, 1, 2],
    lambda c: c[..., 0],
    lambda c: c[1, ..., 0],
    lambda c: c[:, np.array([0, 2]), 1],
    lambda c: c[0, :, np.array([0, 2])],
    lambda c: c[np.array([0, 1]), :, np.array([0, 2])],
    lambda c: c.transpose(2, 0, 1)[1],
    lambda c: c.transpose((1, 0, 2)),
    lambda c: np.swapaxes(c, 0, 2),
    lambda c: np.moveaxis(c, 0, -1),
    lambda c: c.reshape(6, 4) + 1,
    lambda c: c[c > 0],
]


@pytest.mark.parametrize("fn", CUBE_READS, ids=range(len(CUBE_READS)))
def test_read_cube(fn):
    check(fn, s.CUBE)


def _write_element(v):
    v[1] = 7
    v[-1] = v[0] * 2
    return v


def _write_slice(v):
    v[1:3] = 5.0
    v[::2] = v[0]
    return v


def _write_array(v):
    v[1:4] = np.array([1.0, 2.0, 3.0])
    v[:2] = [8, 9]
    v[3:] = (1.5, 2.5)
    return v


def _write_overlapping(v):
    v[1:] = v[:-1]
    return v


def _write_overlapping_backwards(v):
    v[:-1] = v[1:] + v[:-1]
    return v


def _write_reversed(v):
    v[:] = v[::-1]
    return v


def _write_same_place(v):
    v[:] = v * 2 + v
    v[...] = v - 1
    return v


def _write_same_slice(v):
    v[1:-1] = 0.5 * v[1:-1]
    return v


def _write_broadcast(v):
    v[1:] = np.array([4.0])
    return v


def _write_mask(v):
    v[v < 0] = 0
    v[v > 1] = v[v > 1] * 2
    return v


def _write_places(v):
    v[np.array([0, 2, 0])] = np.array([1.0, 2.0, 3.0])
    v[[1, 3]] = 9.0
    return v


def _add_places(v):
    v[np.array([0, 2, 0])] += 1.0
    v[v > 0] += 10.0
    v[v > 100] *= np.float64(2.0)
    return v


def _add_in_place(v):
    v += 1
    v *= v
    v[1:] -= v[:-1]
    v[2] += 5
    v /= 2.0
    v **= 2
    return v


def _fill(v):
    v.fill(3.0)
    v[1] = 4
    return v


def _copyto(v):
    w = np.empty_like(v)
    np.copyto(w, v)
    np.copyto(v, w * 2)
    np.copyto(v, 0.5, where=w > 0)
    return w


def _swap(v):
    v[0], v[1] = v[1], v[0]
    return v


def _write_self_product(v):
    v[...] = v * v[::-1]
    return v


def _sort(v):
    v.sort()
    return v


def _flat(v):
    v.flat[1] = 3.0
    for x in v.flat:
        v[0] += x
    return v


WRITES = [
    _write_element,
    _write_slice,
    _write_array,
    _write_overlapping,
    _write_overlapping_backwards,
    _write_reversed,
    _write_same_place,
    _write_same_slice,
    _write_broadcast,
    _write_mask,
    _write_places,
    _add_places,
    _add_in_place,
    _fill,
    _copyto,
    _swap,
    _write_self_product,
    _sort,
    _flat,
]


@pytest.mark.parametrize("fn", WRITES, ids=lambda fn: fn.__name__)
@pytest.mark.parametrize("v", [s.V, s.STRIDED_VECTOR], ids=["contiguous", "strided"])
def test_write_vector(fn, v):
    check(fn, v)


def _rows(a):
    a[0] = a[1]
    a[1] *= 2
    a[:, 0] = 1
    a[:, -1] += a[:, 1]
    a[1:, 1:] = a[:-1, :-1]
    return a


def _columns(a):
    a[:] = a[0]
    a[:, 1:3] = a[:, :1]
    a[...] = np.arange(4.0)
    return a


def _interior(a):
    a[1:-1, 1:-1] = 0.25 * (a[2:, 1:-1] + a[:-2, 1:-1] + a[1:-1, 2:] + a[1:-1, :-2])
    return a


def _mask_2d(a):
    a[a > 0] = 0.0
    a[a < -1] = a[a < -1] ** 2
    a[np.array([True, False, True])] = 5.0
    return a


def _places_2d(a):
    a[np.array([0, 2]), np.array([1, 3])] = np.array([10.0, 20.0])
    a[np.array([0, 1])] += 1
    a[:, np.array([0, 0])] = 3.0
    return a


def _transposed(a):
    b = a.T
    b[0, 1] = 5.0
    b[1] = 2 * b[1]
    c = a[:2].T
    c += 1
    return a


def _overlapping_transpose(a):
    b = a[:, :3]
    b[:] = b.T + b
    return a


@pytest.mark.parametrize(
    "fn",
    [_rows, _columns, _interior, _mask_2d, _places_2d, _transposed, _overlapping_transpose],
    ids=lambda fn: fn.__name__,
)
@pytest.mark.parametrize("a", [s.A, s.F_ORDER], ids=["C", "F"])
def test_write_matrix(fn, a):
    check(fn, a)


def test_writing_where_names_alias():
    def f(a, n):
        b = a[::-1]
        c = a.reshape(-1)
        for _ in range(n):
            a[1:] = b[:-1] * 2
            c[:-1] += a[1:]
            b, c = c, b
        return b

    check(f, s.V, 3)


def test_distinct_arguments_need_no_copy():
    def f(a, b):
        b[1:-1] = a[2:] + a[:-2]
        return b

    assert loops_of(f, s.V, s.W) == 1
    check(f, s.V, s.W)


def test_swapped_buffers():
    def f(a, n):
        b = a.copy()
        for _ in range(n):
            b[1:-1] = 0.5 * (a[2:] + a[:-2])
            a, b = b, a
        return a, b

    check(f, s.V, 3)


def test_same_place_update_needs_no_copy():
    def f(v):
        v[1:-1] = v[1:-1] * 2
        return v

    assert loops_of(f, s.V) == 1


def test_stencil_into_a_new_array_is_one_loop():
    def f(u):
        out = np.zeros_like(u)
        out[1:-1] = u[2:] - 2 * u[1:-1] + u[:-2]
        return out

    assert loops_of(f, s.V) == 1
    check(f, s.V)


def test_shapes_that_do_not_fit_raise():
    def f(a, b):
        a[:2] = b
        return a

    with pytest.raises(ValueError, match="could not broadcast"):
        run(f, s.V.copy(), np.ones(3))


def test_masks_that_do_not_fit_raise():
    with pytest.raises(IndexError, match="boolean index"):
        run(lambda a, m: a[m], s.V, np.array([True, False]))


def test_read_only():
    v = s.V.copy()
    v.flags.writeable = False

    def f(v):
        v[0] = 1.0
        return v

    with pytest.raises(DifferentiationError, match="read-only"):
        run(f, v)


def test_iteration():
    def f(a):
        total = 0.0
        for row in a:
            for x in row:
                total += x * x
        first, second, third = a
        for i, row in enumerate(a):
            total += i * row[0]
        for x, y in zip(first, third, strict=True):
            total += x * y
        return total + second[0]

    check(f, s.A)


def test_indices_of_iterators():
    def f(a):
        total = 0.0
        for i, j in np.ndindex(a.shape):
            total += a[i, j] * (i + 2 * j)
        for (i, j), x in np.ndenumerate(a):
            total += x * x * i
        for x in np.nditer(a):
            total += x.item() * x[()]
        return total

    check(f, s.A)
    check(f, s.F_ORDER)
