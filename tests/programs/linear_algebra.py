"""Linear algebra written as loops, and through NumPy."""

import math

import numpy as np

from tests.programs.program import program


def _positive_definite(r, n):
    a = r.normal(size=(n, n))
    return a @ a.T + n * np.eye(n)


@program(lambda r: (_positive_definite(r, 4),))
def cholesky_in_place(a):
    n = a.shape[0]
    for j in range(n):
        for k in range(j):
            for i in range(j, n):
                a[i, j] -= a[i, k] * a[j, k]
        d = math.sqrt(a[j, j])
        for i in range(j, n):
            a[i, j] /= d
    s = 0.0
    for i in range(n):
        s += math.log(a[i, i]) + a[i, 0]
    return s


@program(lambda r: (_positive_definite(r, 3), r.uniform(0.5, 1.5, 3)))
def gauss_elimination_with_pivoting(a, b):
    n = len(b)
    for k in range(n):
        p = k
        for i in range(k + 1, n):
            if abs(a[i, k]) > abs(a[p, k]):
                p = i
        if p != k:
            for j in range(n):
                a[k, j], a[p, j] = a[p, j], a[k, j]
            b[k], b[p] = b[p], b[k]
        for i in range(k + 1, n):
            m = a[i, k] / a[k, k]
            for j in range(k, n):
                a[i, j] -= m * a[k, j]
            b[i] -= m * b[k]
    for i in range(n - 1, -1, -1):
        for j in range(i + 1, n):
            b[i] -= a[i, j] * b[j]
        b[i] /= a[i, i]
    return b[0] + 2.0 * b[1] * b[2]


@program(lambda r: (r.uniform(0.5, 1.5, (3, 3)),))
def determinant_by_expansion(a):
    return (
        a[0, 0] * (a[1, 1] * a[2, 2] - a[1, 2] * a[2, 1])
        - a[0, 1] * (a[1, 0] * a[2, 2] - a[1, 2] * a[2, 0])
        + a[0, 2] * (a[1, 0] * a[2, 1] - a[1, 1] * a[2, 0])
    )


@program(lambda r: (_positive_definite(r, 3), r.uniform(0.5, 1.5, 3)))
def power_iteration(a, v):
    for _ in range(6):
        w = np.zeros(3)
        norm = 0.0
        for i in range(3):
            for j in range(3):
                w[i] += a[i, j] * v[j]
            norm += w[i] * w[i]
        norm = math.sqrt(norm)
        for i in range(3):
            v[i] = w[i] / norm
    s = 0.0
    for i in range(3):
        for j in range(3):
            s += v[i] * a[i, j] * v[j]
    return s + v[0]


@program(lambda r: (_positive_definite(r, 4), r.uniform(0.5, 1.5, 4)), tolerance=10.0)
def conjugate_gradients(a, b):
    x = np.zeros_like(b)
    res = b.copy()
    p = res.copy()
    rr = np.dot(res, res)
    k = 0
    while rr > 1e-20 and k < 4:
        ap = a @ p
        alpha = rr / np.dot(p, ap)
        x = x + alpha * p
        res = res - alpha * ap
        new = np.dot(res, res)
        p = res + (new / rr) * p
        rr = new
        k += 1
    return x[0] * x[1] + x[2] * x[3]


@program(lambda r: (r.uniform(0.5, 1.5, (5, 3)),))
def gram_schmidt(a):
    n, m = a.shape
    for j in range(m):
        for k in range(j):
            d = 0.0
            for i in range(n):
                d += a[i, k] * a[i, j]
            for i in range(n):
                a[i, j] -= d * a[i, k]
        norm = 0.0
        for i in range(n):
            norm += a[i, j] ** 2
        norm = math.sqrt(norm)
        for i in range(n):
            a[i, j] /= norm
    return a[0, 0] + a[1, 1] * a[2, 2]


@program(
    lambda r: (
        r.uniform(0.5, 1.5, 6),
        r.uniform(2.5, 3.5, 6),
        r.uniform(0.5, 1.0, 6),
        r.uniform(0.5, 1.5, 6),
    )
)
def tridiagonal_solve(a, b, c, d):
    n = len(d)
    for i in range(1, n):
        w = a[i] / b[i - 1]
        b[i] -= w * c[i - 1]
        d[i] -= w * d[i - 1]
    d[n - 1] /= b[n - 1]
    for i in range(n - 2, -1, -1):
        d[i] = (d[i] - c[i] * d[i + 1]) / b[i]
    return d[0] * d[1] + d[5]


@program(lambda r: (r.uniform(0.5, 1.5, (3, 4)), r.uniform(0.5, 1.5, 4), r.uniform(0.5, 1.5, 3)))
def matrix_vector_product(a, x, b):
    y = np.tanh(a @ x + b)
    return np.sum(y * y)


@program(lambda r: (r.uniform(0.5, 1.5, (3, 4)), r.uniform(0.5, 1.5, (4, 2))))
def matrix_product(a, b):
    c = a @ b
    return np.sum(c * c) + c[0, 1]


@program(lambda r: (r.uniform(0.5, 1.5, 4), r.uniform(0.5, 1.5, 4)))
def dot_products(x, y):
    return np.dot(x, y) * np.dot(x, x) + np.vdot(x, y)


@program(
    lambda r: (r.uniform(0.5, 1.5, (3, 4)), r.uniform(0.5, 1.5, (4, 3)), np.empty((3, 3))),
    wrt=(0, 1),
)
def dot_with_out(a, b, c):
    np.dot(a, b, c)
    c[0, 0] *= c[1, 1]
    return np.sum(c)


@program(lambda r: (_positive_definite(r, 3), r.uniform(0.5, 1.5, 3)))
def numpy_solve(a, b):
    x = np.linalg.solve(a, b)
    return np.sum(x * x) + x[0]


@program(lambda r: (_positive_definite(r, 3),))
def numpy_inverse_and_determinant(a):
    b = np.linalg.inv(a)
    return b[0, 1] * np.linalg.det(a) + np.trace(b)


@program(lambda r: (_positive_definite(r, 3),))
def numpy_cholesky(a):
    c = np.linalg.cholesky(a)
    return np.sum(np.log(np.diag(c))) + c[2, 0]


@program(lambda r: (r.uniform(0.5, 1.5, (3, 4)), r.uniform(0.5, 1.5, 4)))
def numpy_norm_and_outer(a, x):
    return np.linalg.norm(x) * np.linalg.norm(a) + np.sum(np.outer(x, x) * 0.5)


@program(lambda r: (r.uniform(0.5, 1.5, (4, 3)), r.uniform(0.5, 1.5, 3)))
def transposed_products(a, x):
    g = a.T @ a
    y = np.dot(g, x)
    return np.dot(y, x) + np.dot(a[0], a[:, 1][:3])


@program(lambda r: (r.uniform(0.5, 1.5, (2, 2)), 4))
def matrix_power_loop(a, n):
    p = np.eye(2)
    for _ in range(n):
        p = p @ a * 0.5
    return p[0, 0] + p[0, 1] * p[1, 0]
