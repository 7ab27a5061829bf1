"""The built program does what the function does in Python: arrays."""

import numpy as np
import pytest

from tests.frontend.building import Cases, same

x5 = np.array([0.3, 1.2, -0.7, 2.1, 0.9])
case = Cases()


@case(np.arange(6.0).reshape(2, 3))
def rows(a):
    s = 0.0
    for r in a:
        for v in r:
            s += v * v
    for i, j in np.ndindex(a.shape):
        s += a[i, j] * i * j
    for i, j in np.ndindex(2, 3):
        s += a[i, j]
    for (i, j), v in np.ndenumerate(a):
        s += v * (i + j)
    return s


@case(x5)
def aug(x):
    a = np.zeros(3)
    a[0] += x[0]
    a[1] -= x[1]
    a[2] = 2.0
    a[2] *= x[2]
    a[2] /= 3
    a[0] **= 2
    return a


@case(np.arange(5))
def intarr(x):
    x = x.copy()
    x[0] += 3
    x[1] = 7.9
    x[2] //= 2
    x[3] %= 2
    return x * 1.0


@case(x5)
def views(x):
    v = x[1:4]
    v[0] = 9.0
    w = x[::2]
    w *= 2
    return np.sum(x) + v[0] + w[1]


@case(x5)
def row_alias(x):
    a = np.zeros((2, 5))
    r = a[0]
    r[:] = x
    a[1] = r * 2
    return a


@case(x5)
def swap_elems(x):
    x[0], x[1] = x[1], x[0]
    x[2], x[3] = x[3] * 2, x[2]
    return x


@case(x5)
def strides(x):
    a = np.zeros((3, 4))
    for i in range(3):
        for j in range(4):
            a[i, j] = x[(i + j) % 5]
    return a[1:, ::2].T @ np.ones(2)


@case(x5)
def ternary_arr(x):
    y = x if x[0] > 0 else x * 2
    y[1] = 7.0
    return np.sum(x)


@case(x5)
def vectorish(x):
    y = np.where(x > 0, x, 0.0)
    y[y > 1] = 1.0
    return y.sum() + np.mean(x) + x.max()


@case(x5, x5)
def inner_dot(a, b):
    return a.dot(b), a @ b, np.dot(a, b)


@pytest.mark.parametrize(("function", "args", "kwargs"), case.entries, ids=case.names)
def test_same_as_python(function, args, kwargs):
    same(function, *args, **kwargs)
