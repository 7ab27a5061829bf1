"""NumPy in nopython style: element-wise expressions, broadcasting, reductions, constructors."""

import numpy as np

from tests.programs.program import program


@program(lambda r: (r.uniform(0.5, 1.5, 6),), complex_step=True)
def elementwise_chain(x):
    return np.sum(np.sin(x) * np.exp(-x) + np.sqrt(x) / (1.0 + x**2))


@program(lambda r: (r.uniform(0.5, 1.5, 6), r.uniform(0.5, 1.5)), complex_step=True)
def array_and_scalar(x, c):
    y = c * x + x / c - c
    return np.sum(y**3 * 2.0**x)


@program(lambda r: (r.uniform(0.5, 1.5, (3, 4)), r.uniform(0.5, 1.5, 4)), complex_step=True)
def broadcast_row(a, x):
    return np.sum(np.log(a + x) * x)


@program(lambda r: (r.uniform(0.5, 1.5, (3, 1)), r.uniform(0.5, 1.5, (1, 4))), complex_step=True)
def broadcast_outer(a, b):
    return np.sum((a - b) ** 2 * a)


@program(lambda r: (r.uniform(0.5, 1.5, (3, 4)),))
def axis_reductions(a):
    rows = np.sum(a * a, axis=1)
    columns = np.sum(a, axis=0)
    return rows[0] * columns[1] + np.sum(rows * rows) + columns[3]


@program(lambda r: (r.uniform(0.5, 1.5, 6),))
def mean_variance_deviation(x):
    return np.mean(x) * np.var(x) + np.std(x) + x.mean() * x.sum()


@program(lambda r: (r.uniform(0.5, 1.5, 5),))
def products_and_cumulative(x):
    c = np.cumsum(x)
    return np.prod(x) * c[2] + np.cumprod(x)[3] + np.sum(c * c)


@program(lambda r: (r.uniform(0.5, 1.5, (3, 4)),))
def maxima(a):
    return np.max(a) * np.min(a) + a.max() * a[0].min() + np.argmax(a) * a[0, 0]


@program(lambda r: (r.uniform(-1.0, 1.0, 8),))
def where_and_masks(x):
    y = np.where(x > 0.0, np.sin(x), x * x * x)
    return np.sum(y) + np.sum(np.maximum(x, 0.1) * np.minimum(x, 0.2))


@program(lambda r: (r.uniform(-1.0, 1.0, 8),))
def absolute_sign_clip(x):
    return np.sum(np.abs(x) * np.sign(x) * x) + np.sum(np.clip(x, -0.5, 0.5) * x)


@program(lambda r: (r.uniform(0.5, 1.5, 4), r.uniform(0.5, 1.5, 4)))
def stacking(x, y):
    z = np.concatenate((x, y * y))
    w = np.vstack((x, y))
    return z[0] * z[5] + w[1, 2] * w[0, 3] + np.sum(z * z)


@program(lambda r: (r.uniform(0.5, 1.5, 5),))
def constructors_like(x):
    a = np.zeros_like(x)
    b = np.ones_like(x) * x
    c = np.full(5, x[0])
    d = np.arange(5) * x
    e = np.linspace(0.0, x[1], 5)
    a += b * c
    return np.sum(a * d * e)


@program(lambda r: (r.uniform(0.5, 1.5, 6),))
def differences(x):
    d = np.diff(x)
    return np.sum(d * d) + d[0] * d[-1]


@program(lambda r: (r.uniform(0.5, 1.5, 7),))
def shifted_slices(x):
    inner = x[1:-1] * x[:-2] - x[2:]
    return np.sum(inner**2) + np.sum(x[::2] * x[1:8:2][0])


@program(lambda r: (r.uniform(0.5, 1.5, (3, 4)), r.uniform(0.5, 1.5, 4)))
def softmax_rows(a, w):
    total = 0.0
    for i in range(a.shape[0]):
        z = a[i] - np.max(a[i])
        e = np.exp(z)
        p = e / np.sum(e)
        total += np.sum(p * w) ** 2
    return total


@program(lambda r: (r.uniform(0.5, 1.5, 6),))
def logsumexp_of_array(x):
    m = np.max(x)
    return m + np.log(np.sum(np.exp(x - m)))


@program(lambda r: (r.uniform(0.5, 1.5, 5), r.uniform(0.5, 1.5, 5)))
def reduction_inside_expression(x, y):
    z = x / np.sum(x) * y - np.mean(y)
    return np.sum(z * z) / (1.0 + np.dot(x, y))


@program(lambda r: (r.uniform(0.5, 1.5, (2, 3)), r.uniform(0.5, 1.5, (2, 3))))
def methods_of_arrays(a, b):
    c = (a * b).T.copy()
    d = c.reshape((2, 3)) + a
    return d.sum() * c[0, 1] + (a - b).ravel().sum() ** 2 + d.size * d[0, 0]


@program(lambda r: (r.uniform(0.5, 1.5, (3, 3)),))
def diagonals_and_identity(a):
    b = a + np.eye(3)
    return np.sum(np.diag(b) * np.diag(a)) + np.trace(b @ a)


@program(lambda r: (r.uniform(0.5, 1.5, 4),))
def arrays_rebound_in_loop(x):
    y = x
    for i in range(4):
        y = np.sin(y) * x + 0.1 * i
    return np.sum(y * y)


@program(lambda r: (r.uniform(0.5, 1.5, 4), 3))
def arrays_accumulated_in_loop(x, n):
    y = np.zeros(4)
    for i in range(n):
        y += x ** (i + 1)
        x = x * 0.9
    return np.sum(y * y)


@program(lambda r: (r.uniform(0.1, 0.9, 6),))
def special_functions_elementwise(x):
    return np.sum(
        np.arcsin(x) + np.arctan(x) * np.cosh(x) - np.log1p(x) * np.expm1(x) + np.tanh(x) ** 2
    ) + np.sum(np.arctan2(x, 1.0 + x) * np.hypot(x, 2.0))


@program(lambda r: (r.uniform(0.5, 1.5, 5), r.uniform(0.5, 1.5, 5)))
def comparison_sums(x, y):
    n = np.sum(x > 0.7)
    return n * np.sum(x * y) + np.count_nonzero(y > 0.9) * x[0]


@program(lambda r: (r.uniform(0.5, 1.5, 5),))
def array_returned(x):
    return np.cumsum(x * x) * x[0]


@program(lambda r: (r.uniform(0.5, 1.5, 4), r.uniform(0.5, 1.5)))
def tuple_of_results(x, c):
    return np.sum(x) * c, x * c


@program(
    lambda r: (np.sort(r.uniform(0.0, 4.0, 4)), np.arange(5.0), r.uniform(0.5, 1.5, 5)), wrt=(0, 2)
)
def interpolation(x, xp, fp):
    y = np.interp(x, xp, fp)
    return np.sum(y * y)


@program(lambda r: (r.uniform(0.5, 1.5, 5), np.sort(r.uniform(0.0, 4.0, 5))))
def trapezoid(y, x):
    return np.trapezoid(y * y, x)


@program(lambda r: (np.array([2.0, 0.5, 1.5, 1.0]) + r.uniform(0.0, 0.2, 4),))
def sorted_values(x):
    y = np.sort(x)
    order = np.argsort(x)
    return y[0] * y[3] + x[order[1]] * 2.0


@program(lambda r: (r.uniform(0.5, 1.5, 4),))
def roll_flip_repeat(x):
    y = np.roll(x, 1) * x
    z = np.flip(x)
    return y[0] * z[1] + np.sum(np.repeat(x, 2)) * y[3]
