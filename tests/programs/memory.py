"""Stores, in-place updates, work arrays and arguments that the function changes."""

import math

import numpy as np

from tests.programs.program import program


@program(lambda r: (r.uniform(0.5, 1.5, 5),))
def out_array(x):
    out = np.empty(len(x))
    for i in range(len(x)):
        out[i] = math.sin(x[i]) * x[i - 1]
    return out[0] * out[1] + out[2] * out[3] * out[4]


@program(lambda r: (r.uniform(0.5, 1.5, 4), np.zeros(4)), wrt=(0, 1))
def out_argument(x, out):
    for i in range(len(x)):
        out[i] = x[i] * x[i]
    return out[0] * out[1] + out[3]


@program(lambda r: (r.uniform(0.5, 1.5, 4), r.uniform(0.5, 1.5, 4)))
def argument_accumulated_into(x, total):
    for i in range(len(x)):
        total[i] += x[i] * total[i - 1]
    return total[0] * total[1] * total[2] + total[3]


@program(lambda r: (r.uniform(0.5, 1.5, 4),))
def mutated_argument(x):
    for i in range(len(x)):
        x[i] = x[i] * x[i]
    return x[0] * x[1] + x[2] * x[3]


@program(lambda r: (r.uniform(0.5, 1.5, (3, 3)),))
def augmented_stores(a):
    for i in range(3):
        a[i, 0] += a[0, i]
        a[i, 1] *= a[1, i]
        a[i, 2] -= a[i, 0] * a[i, 1]
        a[i, i] /= 1.0 + a[2, 1] * a[2, 1]
        a[0, i] **= 2
    s = 0.0
    for i in range(3):
        for j in range(3):
            s += a[i, j] * (i + 2.0 * j + 1.0)
    return s


@program(lambda r: (r.uniform(0.5, 1.5, 5), r.uniform(0.5, 1.5, 5)))
def slice_assignment(x, y):
    x[1:4] = y[:3] * y[2:]
    x[::2] = x[::2] * x[0]
    x[-1:] = 2.0 * y[0]
    return x[0] * x[1] + x[2] * x[3] * x[4]


@program(lambda r: (r.uniform(0.5, 1.5, 5), r.uniform(0.5, 1.5)))
def whole_array_assignment(x, c):
    y = np.empty(5)
    y[:] = x
    y[:] = y * c
    x[:] = c
    x[:] += y
    return np.sum(x * y)


@program(lambda r: (r.uniform(0.5, 1.5, 5), r.uniform(0.5, 1.5, 5)))
def augmented_array_names(x, y):
    x += y
    x *= y
    x -= 0.5
    x /= y + 1.0
    x **= 2
    return x[0] * x[1] + x[2] * x[3] + x[4]


@program(lambda r: (r.uniform(0.5, 1.5, 6), 0.9))
def mask_assignment(x, limit):
    y = x * x
    y[x > limit] = 0.5
    y[x <= limit] *= 3.0
    return np.sum(y * x)


@program(lambda r: (r.uniform(0.5, 1.5, 6), np.array([4, 0, 2])))
def index_array_assignment(x, index):
    y = x * x
    y[index] = x[:3]
    return y[0] * y[1] + y[2] * y[3] + y[4] * y[5]


@program(lambda r: (r.uniform(0.5, 1.5, 6), np.array([4, 0, 2])))
def index_array_read(x, index):
    y = x[index]
    return y[0] * y[1] * y[2]


@program(lambda r: (r.uniform(0.5, 1.5, 6),))
def mask_read(x):
    y = x[x > 0.8]
    return np.sum(y * y)


@program(lambda r: (r.uniform(0.5, 1.5, 4), r.uniform(0.5, 1.5)), jit=False)
def fill_and_copyto(x, c):
    a = np.empty(4)
    a.fill(c)
    b = np.zeros(4)
    np.copyto(b, x)
    b[0] = a[1] * b[2]
    x.fill(2.0)
    return np.sum(a * b * b) + x[0] * a[0]


@program(lambda r: (r.uniform(0.5, 1.5, 5),), jit=False)
def copyto_between_overlapping_views(x):
    y = np.empty(5)
    np.copyto(y, x * x)
    np.copyto(y[1:], y[:-1])
    return y[0] * y[1] + y[4]


@program(lambda r: (r.uniform(0.5, 1.5, 4), r.uniform(0.5, 1.5, (4, 4))))
def preallocated_work(x, a):
    work = np.zeros((2, 4))
    for step in range(3):
        for i in range(4):
            work[0, i] = 0.0
            for j in range(4):
                work[0, i] += a[i, j] * x[j]
        for i in range(4):
            work[1, i] = math.tanh(work[0, i])
        for i in range(4):
            x[i] = 0.5 * (x[i] + work[1, i]) + 0.01 * step
    return x[0] * x[1] + x[2] * x[3]


@program(lambda r: (r.uniform(0.5, 1.5, 6), 4))
def double_buffering(u, n):
    old = u.copy()
    new = u.copy()
    for _ in range(n):
        for i in range(1, 5):
            new[i] = old[i] + 0.2 * (old[i - 1] - 2.0 * old[i] + old[i + 1]) * old[i]
        old, new = new, old
    return np.sum(old * old) + new[2]


@program(lambda r: (r.uniform(0.5, 1.5, 6), 4))
def double_buffering_in_one_array(u, n):
    buffer = np.zeros((2, 6))
    buffer[0] = u
    now = 0
    for _ in range(n):
        then = 1 - now
        for i in range(6):
            buffer[then, i] = math.sin(buffer[now, i] + buffer[now, i - 1])
        now = then
    return np.sum(buffer[now] * np.arange(6)) + buffer[1 - now, 2]


@program(lambda r: (r.uniform(0.5, 1.5, 5), 3))
def history_array(x, n):
    history = np.zeros((n + 1, 5))
    history[0, :] = x
    for k in range(n):
        for i in range(5):
            history[k + 1, i] = history[k, i] * history[k, (i + 1) % 5]
    s = 0.0
    for k in range(n + 1):
        s += history[k, k] * (k + 1)
    return s


@program(lambda r: (r.uniform(0.5, 1.5, 6),))
def swap_elements(x):
    for i in range(3):
        x[i], x[5 - i] = x[5 - i] * x[i], x[i]
    x[0], x[1] = x[1], x[0]
    return x[0] + 2.0 * x[1] * x[2] + 3.0 * x[3] * x[4] + x[5] * x[5]


@program(lambda r: (r.uniform(0.5, 1.5, 6),))
def reverse_in_place(x):
    i = 0
    j = len(x) - 1
    while i < j:
        t = x[i]
        x[i] = x[j] * t
        x[j] = t
        i += 1
        j -= 1
    return x[0] * x[5] * x[5] + x[2]


@program(lambda r: (np.array([3.0, 1.0, 2.5, 0.5, 2.0]) + r.uniform(0.0, 0.4, 5),))
def insertion_sort(x):
    a = x.copy()
    for i in range(1, len(a)):
        v = a[i]
        j = i - 1
        while j >= 0 and a[j] > v:
            a[j + 1] = a[j]
            j -= 1
        a[j + 1] = v
    s = 0.0
    for i in range(len(a)):
        s += (i + 1) * a[i] * a[i]
    return s


@program(lambda r: (r.uniform(0.5, 1.5, 4),))
def negative_indices(x):
    x[-1] = x[-2] * x[-3]
    x[-4] += x[-1]
    return x[0] * x[3] + x[-2]


@program(lambda r: (r.uniform(0.5, 1.5, 5),))
def row_assignment_in_matrix(x):
    a = np.zeros((3, 5))
    a[0] = x
    a[1, :] = a[0] * x
    a[2] = a[1] - a[0]
    a[:, 2] = 1.0
    a[:, 0] = a[:, 1]
    s = 0.0
    for i in range(3):
        for j in range(5):
            s += a[i, j] * (2 * i + j)
    return s


@program(lambda r: (r.uniform(0.5, 1.5, 4), r.uniform(0.5, 1.5, 4)))
def parameter_scatter(theta, x):
    bins = np.ones(3)
    for i in range(4):
        k = i % 3
        bins[k] = bins[k] * theta[i] + x[i]
        bins[(k + 1) % 3] -= 0.1 * bins[k] ** 2
    return bins[0] * bins[1] * bins[2]


@program(lambda r: (r.uniform(0.5, 1.5, 4),))
def store_constant_kills_path(x):
    a = x * x
    a[0] = 1.0
    for i in range(1, 3):
        a[i] = 2.0
    return a[0] + a[1] + a[2] + a[3]


@program(lambda r: (r.uniform(0.5, 1.5, 3), np.zeros((4, 3))), none=())
def argument_as_trajectory_storage(x, path):
    path[0] = x
    for k in range(1, 4):
        for i in range(3):
            path[k, i] = path[k - 1, i] + 0.1 * math.sin(path[k - 1, i - 1])
    return np.sum(path[3] ** 2) + path[1, 0]
