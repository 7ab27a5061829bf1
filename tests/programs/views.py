"""Views: slices, transposes, reshapes, reads and writes through them."""

import numpy as np

from tests.programs.program import program


@program(lambda r: (r.uniform(0.5, 1.5, 6),))
def write_through_slice(x):
    v = x[2:5]
    v[0] = v[1] * v[2]
    x[3] = v[0] * x[0]
    v[2] += x[1]
    return x[2] * x[3] + x[4] * v[1]


@program(lambda r: (r.uniform(0.5, 1.5, 7),))
def slice_of_slice(x):
    v = x[1:][::2][1:]
    v[0] *= v[1]
    return x[3] * x[5] + v[0]


@program(lambda r: (r.uniform(0.5, 1.5, 6),))
def negative_step_slice(x):
    v = x[::-1]
    v[0] = v[5] * v[1]
    w = x[4:1:-2]
    w[1] = w[0] * w[1]
    return x[5] * x[0] + x[2] * x[4]


@program(lambda r: (r.uniform(0.5, 1.5, (3, 4)),))
def rows_and_columns(a):
    row = a[1]
    column = a[:, 2]
    row[2] = row[0] * column[0]
    column[2] = column[1] * row[3]
    return a[1, 2] * a[2, 2] + np.sum(a)


@program(lambda r: (r.uniform(0.5, 1.5, (3, 4)),))
def transpose_view(a):
    b = a.T
    b[0, 1] = b[3, 2] * b[1, 1]
    s = 0.0
    for i in range(b.shape[0]):
        s += b[i, 0] * b[i, 1]
    return s + a[1, 0] * a[0, 0]


@program(lambda r: (r.uniform(0.5, 1.5, (2, 3)),))
def reshape_view(a):
    v = a.reshape(6)
    v[4] = v[0] * v[5]
    w = v.reshape((3, 2))
    w[0, 1] += w[2, 0]
    return a[0, 1] * a[1, 1] + w[1, 1]


@program(lambda r: (r.uniform(0.5, 1.5, (2, 3)),))
def ravel_and_flatten(a):
    v = a.ravel()
    f = a.flatten()
    v[0] = v[1] * v[2]
    f[3] = f[0] * f[4]
    return a[0, 0] * f[0] + f[3] * v[5]


@program(lambda r: (r.uniform(0.5, 1.5, (3, 4)),))
def block_view(a):
    block = a[1:, 1:3]
    block *= 2.0
    block[0] = block[1] * block[0, 0]
    return a[1, 1] * a[2, 2] + np.sum(a * a)


@program(lambda r: (r.uniform(0.5, 1.5, (3, 4)), 1))
def view_with_run_time_bounds(a, k):
    s = 0.0
    for i in range(a.shape[0]):
        v = a[i, i : i + k + 1]
        for j in range(len(v)):
            v[j] = v[j] * v[j] + 0.1 * a[i, 0]
            s += v[j]
    return s


@program(lambda r: (r.uniform(0.5, 1.5, (3, 4)),))
def view_passed_to_function(a):
    for i in range(a.shape[0]):
        _cumulate(a[i])
    _cumulate(a[:, 1])
    return a[2, 3] + a[0, 2] * a[1, 1]


def _cumulate(v):
    for i in range(1, len(v)):
        v[i] += v[i - 1] * v[i]


@program(lambda r: (r.uniform(0.5, 1.5, 6), 2))
def one_of_two_views(x, n):
    v = x[:3] if n == 2 else x[3:]
    v[1] = v[0] * v[2]
    if n > 5:
        w = x[1:]
    else:
        w = x[2:]
    w[0] *= v[1]
    return x[1] * x[2] + x[4]


@program(lambda r: (r.uniform(0.5, 1.5, 6),))
def view_chosen_in_loop(x):
    s = 0.0
    v = x[0:3]
    for i in range(4):
        v[i % 3] = v[(i + 1) % 3] * 1.1
        s += v[0] * v[1]
        v = x[i : i + 3]
    return s + v[0] * v[2]


@program(lambda r: (r.uniform(0.5, 1.5, (2, 3)),))
def new_axis(a):
    x = a[0]
    b = x[:, np.newaxis] * x[np.newaxis, :]
    return np.sum(b * b) * b[0, 1] + a[1, 1]


@program(lambda r: (r.uniform(0.5, 1.5, (2, 3, 4)),))
def three_dimensional(a):
    m = a[1]
    c = a[:, 2, 1]
    m[0, 1] = c[0] * m[2, 3]
    a[0, :, 0] = m[:, 1]
    s = 0.0
    for i in range(2):
        for j in range(3):
            for k in range(4):
                s += a[i, j, k] * a[i, j, k] * (i + j - k)
    return s


@program(lambda r: (np.asfortranarray(r.uniform(0.5, 1.5, (3, 4))),))
def fortran_order(a):
    s = 0.0
    for j in range(a.shape[1]):
        for i in range(a.shape[0]):
            s += a[i, j] * a[i, j - 1] * (i + 1)
    a[0, 0] = s * a[1, 1]
    return a[0, 0] * a[2, 3]


@program(lambda r: (r.uniform(0.5, 1.5, 12)[::2], r.uniform(0.5, 1.5, (4, 3)).T))
def strided_arguments(x, a):
    s = 0.0
    for i in range(len(x)):
        s += x[i] * x[i] * a[i % 3, i % 4]
    x[0] = s
    return x[0] * x[1] + a[0, 0]


@program(lambda r: (np.array(r.uniform(0.5, 1.5)), r.uniform(0.5, 1.5)))
def zero_dimensional_array(x, y):
    return x[()] * x[()] * y


@program(lambda r: (r.uniform(0.5, 1.5, 0), r.uniform(0.5, 1.5)))
def empty_array(x, y):
    s = y * y
    for v in x:
        s += v
    return s + np.sum(x * x)


@program(lambda r: (r.uniform(0.5, 1.5, 5), r.uniform(0.5, 1.5, 5), r.uniform(0.5, 1.5), 4))
def layouts_merged_in_loop(a, b, y, n):
    v = b[::-1]
    for i in range(n):
        if i == 1:
            v = b
        elif i == 2:
            v = a.copy()
        v[0] = v[1] * y
        y = v[0] + y * v[2]
    return v[0] * y


@program(lambda r: (r.uniform(0.5, 1.5, 6), r.uniform(0.5, 1.5)))
def strided_view_or_new_array(b, x):
    v = b[::2]
    if x > 0.1:
        v = np.sin(v) * x
    else:
        b[0] = 2.0
    v[1] = v[0] * b[2]
    return v[1] * v[2] + b[2]


@program(lambda r: (r.uniform(0.5, 1.5, 4), 3))
def array_rebound_on_a_condition(a, n):
    s = 0.0
    for i in range(n, -1, -1):
        if i > 1:
            a = 0.5 * a
        s += a[i] * a[0]
    k = 0
    while k < n:
        k += 1
        if k != 2:
            a = a * s
        s = s + 0.1 * a[k]
    return s
