"""Loop nests, and every kind of iterable a loop can walk."""

import math

import numpy as np

from tests.programs.program import program


@program(lambda r: (r.uniform(0.5, 1.5, (3, 4)), r.uniform(0.5, 1.5, (4, 2))))
def triple_loop_product(a, b):
    c = np.zeros((a.shape[0], b.shape[1]))
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            for k in range(a.shape[1]):
                c[i, j] += a[i, k] * b[k, j]
    s = 0.0
    for i in range(c.shape[0]):
        for j in range(c.shape[1]):
            s += math.sin(c[i, j]) * (i + 2 * j)
    return s


@program(lambda r: (r.uniform(0.5, 1.5, 6),))
def triangular_pairs(x):
    s = 0.0
    for i in range(len(x)):
        for j in range(i):
            d = x[i] - x[j]
            s += math.exp(-d * d)
    return s


@program(lambda r: (r.uniform(0.5, 1.5, 5),))
def triangular_with_carried_product(x):
    total = 0.0
    for i in range(len(x)):
        p = 1.0
        for j in range(i, len(x)):
            p = p * x[j]
            total += p * p
        total = total * 0.9
    return total


@program(lambda r: (r.uniform(0.5, 1.5, 4),))
def while_inside_for(x):
    s = 0.0
    for i in range(len(x)):
        y = x[i] + 4.0
        while y > 1.05:
            y = math.sqrt(y)
            s += y * x[i]
    return s


@program(lambda r: (r.uniform(0.5, 0.7, 4),))
def for_inside_while(x):
    scale = 1.0
    s = 0.0
    while scale > 0.2:
        for v in x:
            s += scale * v * v
        scale = scale * x[0]
    return s


@program(lambda r: (r.uniform(0.5, 1.5), 2, 3))
def four_deep_nest(x, n, m):
    s = x
    for a in range(n):
        for b in range(m):
            for c in range(a + 1):
                for d in range(b):
                    s = 0.3 * s * x + a + b - c + 0.1 * d
    return s


@program(lambda r: (r.uniform(0.5, 1.5, 5),))
def loop_over_array(x):
    s = 1.0
    for v in x:
        s = s * v + math.sin(v)
    return s


@program(lambda r: (r.uniform(0.5, 1.5, (3, 4)),))
def loop_over_rows(a):
    s = 0.0
    for row in a:
        p = 1.0
        for v in row:
            p *= v
        s += p * row[0]
    return s


@program(lambda r: (r.uniform(0.5, 1.5, 5), r.uniform(0.5, 1.5, 4)))
def loop_over_zip(x, y):
    s = 0.0
    for a, b in zip(x, y):
        s += a * a * b
    return s


@program(lambda r: (r.uniform(0.5, 1.5, 5),))
def loop_over_enumerate(x):
    s = 0.0
    for i, v in enumerate(x):
        s += (i + 1) * v * v
    for i, v in enumerate(x, 3):
        s += i * v
    return s


@program(lambda r: (r.uniform(0.5, 1.5, 4), r.uniform(0.5, 1.5, 4)))
def loop_over_enumerate_zip(x, y):
    s = 0.0
    for i, (a, b) in enumerate(zip(x, y)):
        s += a * b**i
    return s


@program(lambda r: (r.uniform(0.5, 1.5, 5),))
def loop_over_reversed_range(x):
    s = 0.0
    for i in range(len(x) - 1, -1, -1):
        s = s * 0.7 + x[i] * x[i]
    return s


@program(lambda r: (r.uniform(0.5, 1.5, 5),), jit=False)
def loop_over_reversed(x):
    s = 0.0
    for v in reversed(x):
        s = s * 0.7 + v * v
    for i in reversed(range(len(x))):
        s = s * x[i]
    return s


@program(lambda r: (r.uniform(0.5, 1.5),))
def loop_over_tuple(x):
    s = 0.0
    for c in (1.0, 2.0, 5.0):
        s = s * x + c
    return s


@program(lambda r: (r.uniform(0.5, 1.5),))
def loop_over_list_literal(x):
    s = 0.0
    for c in [x, 2.0 * x, x * x]:
        s = s * 0.5 + c * c
    return s


@program(lambda r: (r.uniform(0.5, 1.5, (2, 3)),))
def loop_over_ndindex(a):
    s = 0.0
    for i, j in np.ndindex(a.shape):
        s += a[i, j] ** 2 * (i - j + 3)
    return s


@program(lambda r: (r.uniform(0.5, 1.5, (2, 3)),))
def loop_over_ndenumerate(a):
    s = 0.0
    for (i, j), v in np.ndenumerate(a):
        s += v * v * (2 * i + j)
    return s


@program(lambda r: (r.uniform(0.5, 1.5, (2, 3)),))
def loop_over_flat(a):
    s = 1.0
    for v in a.flat:
        s = 0.5 * s * v + v
    return s


@program(lambda r: (r.uniform(0.5, 1.5, 6),))
def neighbouring_elements(x):
    s = 0.0
    for i in range(1, len(x) - 1):
        s += (x[i - 1] - 2.0 * x[i] + x[i + 1]) ** 2
    return s + x[-1] * x[-2]


@program(lambda r: (r.uniform(0.5, 1.5, 6), np.array([3, 0, 5, 3])))
def gather_by_index_array(x, index):
    s = 0.0
    for k in index:
        s += x[k] ** 3
    return s


@program(lambda r: (r.uniform(0.5, 1.5, 6), np.array([0, 2, 2, 1, 0, 2])))
def scatter_into_bins(x, label):
    bins = np.zeros(3)
    for i in range(len(x)):
        bins[label[i]] += x[i] * x[i]
    s = 0.0
    for b in bins:
        s += b * b
    return s


@program(lambda r: (r.uniform(0.5, 1.5, 8), np.array([0, 3, 3, 7, 8])))
def ragged_segments(x, start):
    s = 0.0
    for k in range(len(start) - 1):
        p = 1.0
        for i in range(start[k], start[k + 1]):
            p = p * x[i] + 0.1
        s += p * p
    return s


@program(lambda r: (r.uniform(0.5, 1.5, 6),))
def maximum_and_its_index(x):
    best = -1e300
    where = 0
    for i in range(len(x)):
        v = math.sin(3.0 * x[i])
        if v > best:
            best = v
            where = i
    return best * x[where]


@program(lambda r: (r.uniform(0.5, 1.5, 6),))
def running_mean_and_variance(x):
    mean = 0.0
    m2 = 0.0
    n = 0
    for v in x:
        n += 1
        delta = v - mean
        mean += delta / n
        m2 += delta * (v - mean)
    return m2 / (n - 1) + mean


@program(lambda r: (r.uniform(0.2, 0.9), 12))
def fibonacci_like(x, n):
    a, b = 0.0, x
    for _ in range(n):
        a, b = b, 0.5 * a + 0.3 * b * b
    return a + b


@program(lambda r: (r.uniform(-0.9, 0.9), 6))
def legendre_recurrence(x, n):
    p0 = 1.0
    p1 = x
    for k in range(1, n):
        p0, p1 = p1, ((2 * k + 1) * x * p1 - k * p0) / (k + 1)
    return p1


@program(lambda r: (r.uniform(0.2, 0.8), r.uniform(1.2, 1.9)))
def arithmetic_geometric_mean(a, b):
    while abs(a - b) > 1e-14:
        a, b = 0.5 * (a + b), math.sqrt(a * b)
    return a


@program(lambda r: (r.uniform(0.5, 1.5, 5), r.uniform(0.5, 1.5, 3)))
def loops_one_after_another(x, y):
    s = 0.0
    for v in x:
        s += v * v
    t = 1.0
    for w in y:
        t = t * w + s
    for v in x:
        t = t + 0.1 * v * t
    return t


@program(lambda r: (r.uniform(0.5, 1.5, 5),))
def zero_trip_loops(x):
    s = x[0]
    for i in range(0):
        s = s * x[i]
    for v in x[5:]:
        s = s + v * v
    n = 0
    while n > 0:
        s = s * 2.0
    return s * s


@program(lambda r: (r.uniform(0.5, 1.5, 6),))
def unsigned_and_small_counters(x):
    s = 0.0
    k = np.uint8(3)
    for i in range(np.int32(6)):
        s += x[i] * (i + k)
    return s * x[np.int32(2)]
