"""Distance functions in the manner of nearest-neighbour libraries."""

import math

import numpy as np
from numba import njit

from tests.programs.program import program

FLOAT32_TINY = np.float32(1e-30)


def _pair(n, low=0.5, high=1.5):
    return lambda r: (r.uniform(low, high, n), r.uniform(low, high, n))


def _simplex(n):
    def arguments(r):
        x = r.uniform(0.2, 1.0, n)
        y = r.uniform(0.2, 1.0, n)
        return x / x.sum(), y / y.sum()

    return arguments


@program(_pair(5))
@njit(fastmath=True)
def euclidean(x, y):
    result = 0.0
    for i in range(x.shape[0]):
        result += (x[i] - y[i]) ** 2
    return np.sqrt(result)


@program(
    lambda r: (r.uniform(0.5, 1.5, 5).astype(np.float32), r.uniform(0.5, 1.5, 5).astype(np.float32))
)
@njit(fastmath=True)
def squared_euclidean_float32(x, y):
    result = np.float32(0.0)
    dim = x.shape[0]
    for i in range(dim):
        diff = x[i] - y[i]
        result += diff * diff
    return result


@program(lambda r: (r.uniform(0.5, 1.5, 5), r.uniform(0.5, 1.5, 5), r.uniform(0.5, 1.5, 5)))
@njit
def standardised_euclidean(x, y, sigma):
    result = 0.0
    for i in range(x.shape[0]):
        result += ((x[i] - y[i]) ** 2) / sigma[i]
    return np.sqrt(result)


@program(_pair(5))
@njit
def manhattan(x, y):
    result = 0.0
    for i in range(x.shape[0]):
        result += np.abs(x[i] - y[i])
    return result


@program(_pair(5))
@njit
def chebyshev(x, y):
    result = 0.0
    for i in range(x.shape[0]):
        result = max(result, np.abs(x[i] - y[i]))
    return result


@program(lambda r: (r.uniform(0.5, 1.5, 5), r.uniform(1.6, 2.5, 5), r.uniform(0.5, 1.5, 5), 3.0))
@njit
def weighted_minkowski(x, y, w, p):
    result = 0.0
    for i in range(x.shape[0]):
        result += w[i] * np.abs(x[i] - y[i]) ** p
    return result ** (1.0 / p)


def _mahalanobis_arguments(r):
    a = r.normal(size=(4, 4))
    return r.uniform(0.5, 1.5, 4), r.uniform(1.6, 2.5, 4), a @ a.T + np.eye(4)


@program(_mahalanobis_arguments)
@njit
def mahalanobis(x, y, vinv):
    result = 0.0
    diff = np.empty(x.shape[0], dtype=np.float64)
    for i in range(x.shape[0]):
        diff[i] = x[i] - y[i]
    for i in range(x.shape[0]):
        tmp = 0.0
        for j in range(x.shape[0]):
            tmp += vinv[i, j] * diff[j]
        result += tmp * diff[i]
    return np.sqrt(result)


@program(_pair(5))
@njit
def canberra(x, y):
    result = 0.0
    for i in range(x.shape[0]):
        denominator = np.abs(x[i]) + np.abs(y[i])
        if denominator > 0:
            result += np.abs(x[i] - y[i]) / denominator
    return result


@program(_pair(5))
@njit
def bray_curtis(x, y):
    numerator = 0.0
    denominator = 0.0
    for i in range(x.shape[0]):
        numerator += np.abs(x[i] - y[i])
        denominator += np.abs(x[i] + y[i])
    if denominator > 0.0:
        return float(numerator) / denominator
    else:
        return 0.0


@program(_pair(5))
@njit
def cosine(x, y):
    result = 0.0
    norm_x = 0.0
    norm_y = 0.0
    for i in range(x.shape[0]):
        result += x[i] * y[i]
        norm_x += x[i] ** 2
        norm_y += y[i] ** 2
    if norm_x == 0.0 and norm_y == 0.0:
        return 0.0
    elif norm_x == 0.0 or norm_y == 0.0:
        return 1.0
    else:
        return 1.0 - (result / np.sqrt(norm_x * norm_y))


@program(
    lambda r: (r.uniform(0.5, 1.5, 5).astype(np.float32), r.uniform(0.5, 1.5, 5).astype(np.float32))
)
@njit(fastmath=True)
def alternative_cosine_float32(x, y):
    result = np.float32(0.0)
    norm_x = np.float32(0.0)
    norm_y = np.float32(0.0)
    for i in range(x.shape[0]):
        result += x[i] * y[i]
        norm_x += x[i] * x[i]
        norm_y += y[i] * y[i]
    if result <= 0.0:
        return np.float32(1e30)
    return np.log2(np.sqrt(norm_x * norm_y) / result + FLOAT32_TINY)


@program(_pair(6))
@njit
def correlation(x, y):
    mu_x = 0.0
    mu_y = 0.0
    norm_x = 0.0
    norm_y = 0.0
    dot_product = 0.0
    for i in range(x.shape[0]):
        mu_x += x[i]
        mu_y += y[i]
    mu_x /= x.shape[0]
    mu_y /= x.shape[0]
    for i in range(x.shape[0]):
        shifted_x = x[i] - mu_x
        shifted_y = y[i] - mu_y
        norm_x += shifted_x**2
        norm_y += shifted_y**2
        dot_product += shifted_x * shifted_y
    if norm_x == 0.0 and norm_y == 0.0:
        return 0.0
    elif dot_product == 0.0:
        return 1.0
    return 1.0 - (dot_product / np.sqrt(norm_x * norm_y))


@program(_simplex(5))
@njit(fastmath=True)
def hellinger(x, y):
    result = 0.0
    l1_norm_x = 0.0
    l1_norm_y = 0.0
    for i in range(x.shape[0]):
        result += np.sqrt(x[i] * y[i])
        l1_norm_x += x[i]
        l1_norm_y += y[i]
    if l1_norm_x == 0 and l1_norm_y == 0:
        return 0.0
    elif l1_norm_x == 0 or l1_norm_y == 0:
        return 1.0
    return np.sqrt(1 - result / np.sqrt(l1_norm_x * l1_norm_y))


@program(_simplex(5))
@njit
def jensen_shannon(x, y):
    total_x = x.sum()
    total_y = y.sum()
    result = 0.0
    for i in range(x.shape[0]):
        p = x[i] / total_x
        q = y[i] / total_y
        m = 0.5 * (p + q)
        if p > 0.0:
            result += 0.5 * p * np.log(p / m)
        if q > 0.0:
            result += 0.5 * q * np.log(q / m)
    return result


@program(_simplex(5))
@njit
def symmetric_kullback_leibler(x, y):
    z = 1e-11
    n = x.shape[0]
    x_sum = 0.0
    y_sum = 0.0
    kl1 = 0.0
    kl2 = 0.0
    for i in range(n):
        x[i] += z
        x_sum += x[i]
        y[i] += z
        y_sum += y[i]
    for i in range(n):
        x[i] /= x_sum
        y[i] /= y_sum
    for i in range(n):
        kl1 += x[i] * np.log(x[i] / y[i])
        kl2 += y[i] * np.log(y[i] / x[i])
    return (kl1 + kl2) / 2


@program(lambda r: (r.uniform(0.1, 0.6, 2), r.uniform(0.7, 1.2, 2)))
@njit
def haversine(x, y):
    if x.shape[0] != 2:
        raise ValueError("haversine is only defined for 2 dimensional data")
    sin_lat = np.sin(0.5 * (x[0] - y[0]))
    sin_long = np.sin(0.5 * (x[1] - y[1]))
    result = np.sqrt(sin_lat**2 + np.cos(x[0]) * np.cos(y[0]) * sin_long**2)
    return 2.0 * np.arcsin(result)


@program(lambda r: (r.uniform(0.1, 0.4, 4), r.uniform(0.1, 0.4, 4)))
@njit
def poincare(u, v):
    sq_u = np.sum(u * u)
    sq_v = np.sum(v * v)
    sq_dist = np.sum(np.power(u - v, 2))
    return np.arccosh(1 + 2 * (sq_dist / ((1 - sq_u) * (1 - sq_v))))


@program(_pair(4))
@njit
def hyperboloid(x, y):
    s = np.sqrt(1 + np.sum(x**2))
    t = np.sqrt(1 + np.sum(y**2))
    b = s * t
    for i in range(x.shape[0]):
        b -= x[i] * y[i]
    if b <= 1:
        b = 1.0 + 1e-8
    return np.arccosh(b)


def _sinkhorn_arguments(r):
    x, y = _simplex(4)(r)
    return x, y, r.uniform(0.2, 1.0, (4, 4))


@program(_sinkhorn_arguments)
@njit
def sinkhorn(x, y, cost):
    regularisation = 0.5
    k = np.exp(-cost / regularisation)
    u = np.full(x.shape[0], 1.0 / x.shape[0])
    v = np.full(y.shape[0], 1.0 / y.shape[0])
    for _ in range(10):
        u = x / np.dot(k, v)
        v = y / np.dot(k.T, u)
    result = 0.0
    for i in range(x.shape[0]):
        for j in range(y.shape[0]):
            result += u[i] * k[i, j] * v[j] * cost[i, j]
    return result


@program(_simplex(6))
@njit
def wasserstein_in_one_dimension(x, y):
    x_cdf = x / x.sum()
    y_cdf = y / y.sum()
    for i in range(1, x.shape[0]):
        x_cdf[i] += x_cdf[i - 1]
        y_cdf[i] += y_cdf[i - 1]
    result = 0.0
    for i in range(x.shape[0]):
        result += math.fabs(x_cdf[i] - y_cdf[i]) ** 2.0
    return result**0.5


@program(
    lambda r: (
        np.array([0, 2, 3, 7]),
        r.uniform(0.5, 1.5, 4),
        np.array([0, 3, 5]),
        r.uniform(0.5, 1.5, 3),
    )
)
@njit
def sparse_cosine(ind1, data1, ind2, data2):
    i1 = 0
    i2 = 0
    dot = 0.0
    while i1 < ind1.shape[0] and i2 < ind2.shape[0]:
        j1 = ind1[i1]
        j2 = ind2[i2]
        if j1 == j2:
            val = data1[i1] * data2[i2]
            if val != 0:
                dot += val
            i1 += 1
            i2 += 1
        elif j1 < j2:
            i1 += 1
        else:
            i2 += 1
    norm1 = np.sqrt(np.sum(data1 * data1))
    norm2 = np.sqrt(np.sum(data2 * data2))
    return 1.0 - dot / (norm1 * norm2)


@program(
    lambda r: (
        r.uniform(0.5, 1.5, (4, 3)),
        np.array([[0, 1], [1, 2], [3, 0]]),
        r.uniform(0.5, 1.5, 3),
    )
)
@njit
def layout_cross_entropy(embedding, edges, weights):
    total = 0.0
    a, b = 1.577, 0.895
    for e in range(edges.shape[0]):
        current = embedding[edges[e, 0]]
        other = embedding[edges[e, 1]]
        d2 = 0.0
        for d in range(embedding.shape[1]):
            d2 += (current[d] - other[d]) ** 2
        q = 1.0 / (1.0 + a * d2**b)
        total -= weights[e] * np.log(q) + (1.0 - 0.1 * weights[e]) * np.log(1.0 - q + 1e-3)
    return total


@program(lambda r: (r.uniform(0.5, 1.5, 6), 3.0))
@njit
def smooth_knn_bandwidth(distances, k):
    target = np.log2(k)
    rho = distances[0]
    for i in range(1, distances.shape[0]):
        rho = min(rho, distances[i])
    sigma = 1.0
    for _ in range(30):
        value = 0.0
        slope = 0.0
        for i in range(distances.shape[0]):
            d = distances[i] - rho
            if d > 0:
                e = np.exp(-d / sigma)
                value += e
                slope += e * d / sigma**2
            else:
                value += 1.0
        step = (value - target - 1.0) / slope
        if np.fabs(step) < 1e-13:
            break
        sigma -= 0.9 * step
        sigma = max(sigma, 1e-2)
    return sigma
