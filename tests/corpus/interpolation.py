"""Splines and interpolation as numerical libraries write them."""

import numpy as np
from numba import njit

from tests.programs.program import program


@njit
def _bracket(grid, x):
    lo = 0
    hi = len(grid) - 1
    while hi - lo > 1:
        mid = (lo + hi) // 2
        if grid[mid] > x:
            hi = mid
        else:
            lo = mid
    return lo


@program(
    lambda r: (np.array([0.0, 1.0, 2.5, 3.0, 4.5]), r.uniform(0.5, 1.5, 5), r.uniform(0.1, 4.4, 4)),
    wrt=(1, 2),
)
@njit
def linear_interpolation(grid, values, points):
    out = np.empty(points.shape[0])
    for k in range(points.shape[0]):
        i = _bracket(grid, points[k])
        w = (points[k] - grid[i]) / (grid[i + 1] - grid[i])
        out[k] = (1.0 - w) * values[i] + w * values[i + 1]
    return out


@program(lambda r: (r.uniform(0.5, 1.5, (4, 5)), r.uniform(0.1, 2.9), r.uniform(0.1, 3.9)))
@njit
def bilinear(values, x, y):
    i = int(np.floor(x))
    j = int(np.floor(y))
    i = max(0, min(i, values.shape[0] - 2))
    j = max(0, min(j, values.shape[1] - 2))
    u = x - i
    v = y - j
    return (
        (1 - u) * (1 - v) * values[i, j]
        + u * (1 - v) * values[i + 1, j]
        + (1 - u) * v * values[i, j + 1]
        + u * v * values[i + 1, j + 1]
    )


@program(lambda r: (r.uniform(0.5, 1.5, (3, 3, 3)), r.uniform(0.1, 1.9, 3)))
@njit
def multilinear(values, point):
    base = np.empty(3, dtype=np.int64)
    weight = np.empty(3)
    for d in range(3):
        q = int(point[d])
        base[d] = min(q, 1)
        weight[d] = point[d] - base[d]
    result = 0.0
    for corner in range(8):
        w = 1.0
        i = base[0] + (corner & 1)
        j = base[1] + ((corner >> 1) & 1)
        k = base[2] + ((corner >> 2) & 1)
        for d in range(3):
            if (corner >> d) & 1:
                w *= weight[d]
            else:
                w *= 1.0 - weight[d]
        result += w * values[i, j, k]
    return result


@njit
def _thomas(a, b, c, d, x):
    n = len(d)
    cp = np.zeros(n)
    dp = np.zeros(n)
    cp[0] = c[0] / b[0]
    dp[0] = d[0] / b[0]
    for i in range(1, n):
        m = b[i] - a[i] * cp[i - 1]
        cp[i] = c[i] / m
        dp[i] = (d[i] - a[i] * dp[i - 1]) / m
    x[n - 1] = dp[n - 1]
    for i in range(n - 2, -1, -1):
        x[i] = dp[i] - cp[i] * x[i + 1]


@program(
    lambda r: (np.array([0.0, 0.8, 1.7, 3.0, 4.2]), r.uniform(0.5, 1.5, 5), r.uniform(0.2, 4.0, 4))
)
@njit
def natural_cubic_spline(x, y, points):
    n = len(x)
    a = np.zeros(n)
    b = np.ones(n)
    c = np.zeros(n)
    d = np.zeros(n)
    for i in range(1, n - 1):
        h0 = x[i] - x[i - 1]
        h1 = x[i + 1] - x[i]
        a[i] = h0 / 6.0
        b[i] = (h0 + h1) / 3.0
        c[i] = h1 / 6.0
        d[i] = (y[i + 1] - y[i]) / h1 - (y[i] - y[i - 1]) / h0
    m = np.empty(n)
    _thomas(a, b, c, d, m)
    out = np.empty_like(points)
    for k in range(len(points)):
        i = _bracket(x, points[k])
        h = x[i + 1] - x[i]
        u = (x[i + 1] - points[k]) / h
        v = (points[k] - x[i]) / h
        out[k] = u * y[i] + v * y[i + 1] + ((u**3 - u) * m[i] + (v**3 - v) * m[i + 1]) * h**2 / 6.0
    return out


@program(lambda r: (r.uniform(0.5, 1.5, 6), r.uniform(0.2, 2.8)))
@njit
def uniform_cubic_b_spline(coefs, x):
    i = int(x)
    t = x - i
    tp0 = t**3
    tp1 = t**2
    phi0 = (1 - 3 * t + 3 * tp1 - tp0) / 6.0
    phi1 = (4 - 6 * tp1 + 3 * tp0) / 6.0
    phi2 = (1 + 3 * t + 3 * tp1 - 3 * tp0) / 6.0
    phi3 = tp0 / 6.0
    return phi0 * coefs[i] + phi1 * coefs[i + 1] + phi2 * coefs[i + 2] + phi3 * coefs[i + 3]


@program(
    lambda r: (
        np.array([0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 3.0, 3.0, 3.0, 3.0]),
        r.uniform(0.5, 1.5, 6),
        r.uniform(0.1, 2.9),
    ),
    wrt=(1, 2),
)
@njit
def de_boor(knots, coefs, x):
    p = 3
    k = p
    while k < len(coefs) - 1 and knots[k + 1] <= x:
        k += 1
    d = np.empty(p + 1)
    for j in range(p + 1):
        d[j] = coefs[j + k - p]
    for level in range(1, p + 1):
        for j in range(p, level - 1, -1):
            alpha = (x - knots[j + k - p]) / (knots[j + 1 + k - level] - knots[j + k - p])
            d[j] = (1.0 - alpha) * d[j - 1] + alpha * d[j]
    return d[p]


@program(lambda r: (np.array([0.0, 1.0, 2.2, 3.1]), r.uniform(0.5, 1.5, 4), r.uniform(0.5, 2.5)))
@njit
def barycentric_lagrange(nodes, values, x):
    n = len(nodes)
    num = 0.0
    den = 0.0
    for j in range(n):
        if x == nodes[j]:
            return values[j]
        w = 1.0
        for k in range(n):
            if k != j:
                w /= nodes[j] - nodes[k]
        t = w / (x - nodes[j])
        num += t * values[j]
        den += t
    return num / den


@program(lambda r: (np.array([0.0, 1.0, 2.2, 3.1]), r.uniform(0.5, 1.5, 4), r.uniform(0.5, 2.5)))
@njit
def newton_divided_differences(x, y, point):
    c = y.copy()
    n = len(x)
    for j in range(1, n):
        for i in range(n - 1, j - 1, -1):
            c[i] = (c[i] - c[i - 1]) / (x[i] - x[i - j])
    p = c[n - 1]
    for i in range(n - 2, -1, -1):
        p = p * (point - x[i]) + c[i]
    return p


@program(lambda r: (r.uniform(0.5, 1.5, 6), r.uniform(-0.9, 0.9)))
@njit
def clenshaw_chebyshev(c, x):
    b0 = 0.0
    b1 = 0.0
    for i in range(len(c) - 1, 0, -1):
        b0, b1 = 2.0 * x * b0 - b1 + c[i], b0
    return x * b0 - b1 + c[0]


@program(
    lambda r: (
        np.array([0.0, 1.0, 2.0, 3.0, 4.0]),
        np.cumsum(r.uniform(0.5, 1.5, 5)),
        r.uniform(0.1, 3.9),
    ),
    wrt=(1, 2),
)
@njit
def monotone_hermite(x, y, point):
    n = len(x)
    delta = np.empty(n - 1)
    m = np.empty(n)
    for i in range(n - 1):
        delta[i] = (y[i + 1] - y[i]) / (x[i + 1] - x[i])
    m[0] = delta[0]
    m[n - 1] = delta[n - 2]
    for i in range(1, n - 1):
        if delta[i - 1] * delta[i] <= 0.0:
            m[i] = 0.0
        else:
            m[i] = 2.0 / (1.0 / delta[i - 1] + 1.0 / delta[i])
    i = _bracket(x, point)
    h = x[i + 1] - x[i]
    t = (point - x[i]) / h
    return (
        (1 + 2 * t) * (1 - t) ** 2 * y[i]
        + t * (1 - t) ** 2 * h * m[i]
        + t**2 * (3 - 2 * t) * y[i + 1]
        + t**2 * (t - 1) * h * m[i + 1]
    )


@program(lambda r: (r.uniform(0.5, 1.5, (4, 2)), r.uniform(0.1, 0.9)))
@njit
def bezier_de_casteljau(points, t):
    work = points.copy()
    n = work.shape[0]
    for level in range(1, n):
        for i in range(n - level):
            for d in range(work.shape[1]):
                work[i, d] = (1.0 - t) * work[i, d] + t * work[i + 1, d]
    return work[0, 0] * work[0, 1]


@program(lambda r: (r.uniform(0.5, 1.5, 9), r.uniform(0.5, 1.5)))
@njit
def simpson_integral(y, h):
    s = y[0] + y[-1]
    for i in range(1, len(y) - 1):
        s += (4.0 if i % 2 == 1 else 2.0) * y[i]
    return s * h / 3.0
