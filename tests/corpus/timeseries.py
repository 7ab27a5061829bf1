"""Elastic distances, matrix profiles and moving statistics of time series."""

import numpy as np
from numba import njit

from tests.programs.program import program


@program(lambda r: (r.uniform(0.0, 2.0, 5), r.uniform(0.0, 2.0, 6)))
@njit
def dynamic_time_warping(s1, s2):
    l1 = s1.shape[0]
    l2 = s2.shape[0]
    cum_sum = np.full((l1 + 1, l2 + 1), np.inf)
    cum_sum[0, 0] = 0.0
    for i in range(l1):
        for j in range(l2):
            cum_sum[i + 1, j + 1] = (s1[i] - s2[j]) ** 2
            cum_sum[i + 1, j + 1] += min(cum_sum[i, j + 1], cum_sum[i + 1, j], cum_sum[i, j])
    return np.sqrt(cum_sum[-1, -1])


@njit
def _softmin3(a, b, c, gamma):
    a /= -gamma
    b /= -gamma
    c /= -gamma
    max_val = max(max(a, b), c)
    tmp = 0.0
    tmp += np.exp(a - max_val)
    tmp += np.exp(b - max_val)
    tmp += np.exp(c - max_val)
    return -gamma * (np.log(tmp) + max_val)


@program(lambda r: (r.uniform(0.5, 1.5, (4, 5)), 0.5))
@njit
def soft_dynamic_time_warping(D, gamma):
    m, n = D.shape
    R = np.full((m + 1, n + 1), 1e10)
    R[0, 0] = 0.0
    for i in range(1, m + 1):
        for j in range(1, n + 1):
            R[i, j] = D[i - 1, j - 1] + _softmin3(R[i - 1, j], R[i - 1, j - 1], R[i, j - 1], gamma)
    return R[m, n]


@program(lambda r: (r.uniform(0.0, 2.0, 5), r.uniform(0.0, 2.0, 5), 2))
@njit
def dynamic_time_warping_in_band(x, y, radius):
    n = len(x)
    previous = np.full(n + 1, 1e6)
    current = np.full(n + 1, 1e6)
    previous[0] = 0.0
    for i in range(1, n + 1):
        current[:] = 1e6
        for j in range(max(1, i - radius), min(n, i + radius) + 1):
            cost = abs(x[i - 1] - y[j - 1])
            current[j] = cost + min(previous[j], min(previous[j - 1], current[j - 1]))
        previous, current = current, previous
    return previous[n]


@program(lambda r: (r.uniform(0.0, 2.0, 10), 3, 5))
@njit
def znormalised_subsequence_distance(T, m, start):
    mu_q = 0.0
    mu_t = 0.0
    for i in range(m):
        mu_q += T[i] / m
        mu_t += T[start + i] / m
    var_q = 0.0
    var_t = 0.0
    dot = 0.0
    for i in range(m):
        var_q += (T[i] - mu_q) ** 2 / m
        var_t += (T[start + i] - mu_t) ** 2 / m
        dot += T[i] * T[start + i]
    rho = (dot - m * mu_q * mu_t) / (m * np.sqrt(var_q * var_t))
    return np.sqrt(2.0 * m * (1.0 - rho) + 1e-9)


@program(lambda r: (r.uniform(0.0, 2.0, 9), 3))
@njit
def matrix_profile_sum(T, m):
    n = T.shape[0] - m + 1
    total = 0.0
    for i in range(n):
        best = np.inf
        for j in range(n):
            if abs(i - j) < m // 2 + 1:
                continue
            d = 0.0
            for k in range(m):
                d += (T[i + k] - T[j + k]) ** 2
            if d < best:
                best = d
        if best < np.inf:
            total += np.sqrt(best)
    return total


@program(lambda r: (r.uniform(0.5, 1.5, 7), 2.5))
@njit
def exponentially_weighted_mean(vals, com):
    N = len(vals)
    output = np.empty(N)
    alpha = 1.0 / (1.0 + com)
    old_wt_factor = 1.0 - alpha
    new_wt = 1.0
    weighted = vals[0]
    is_observation = weighted == weighted
    output[0] = weighted if is_observation else np.nan
    old_wt = 1.0
    for i in range(1, N):
        cur = vals[i]
        is_observation = cur == cur
        if weighted == weighted:
            if is_observation:
                old_wt *= old_wt_factor
                if weighted != cur:
                    weighted = ((old_wt * weighted) + (new_wt * cur)) / (old_wt + new_wt)
                old_wt += new_wt
        elif is_observation:
            weighted = cur
        output[i] = weighted
    return output


@program(lambda r: (r.uniform(0.5, 1.5, 9), 3))
@njit
def rolling_standard_deviation(x, window):
    n = len(x)
    out = np.full(n, 0.0)
    s = 0.0
    s2 = 0.0
    for i in range(n):
        s += x[i]
        s2 += x[i] * x[i]
        if i >= window:
            s -= x[i - window]
            s2 -= x[i - window] * x[i - window]
        if i >= window - 1:
            mean = s / window
            out[i] = np.sqrt(max(s2 / window - mean * mean, 1e-12))
    return out


@program(lambda r: (r.uniform(0.5, 1.5, 8),))
@njit
def autocorrelation_sum(x):
    n = len(x)
    mean = x.mean()
    c0 = np.sum((x - mean) ** 2)
    total = 0.0
    for lag in range(1, n // 2):
        c = 0.0
        for i in range(n - lag):
            c += (x[i] - mean) * (x[i + lag] - mean)
        total += (c / c0) ** 2
    return total


@program(lambda r: (r.uniform(0.5, 1.5, 8), r.uniform(0.1, 0.5, 3), r.uniform(0.1, 0.3, 2)))
@njit
def infinite_impulse_response_filter(x, b, a):
    y = np.zeros_like(x)
    for n in range(len(x)):
        for k in range(len(b)):
            if n - k >= 0:
                y[n] += b[k] * x[n - k]
        for k in range(len(a)):
            if n - k - 1 >= 0:
                y[n] -= a[k] * y[n - k - 1]
    return np.sum(y * y)


@program(lambda r: (r.uniform(0.5, 1.5, 8),))
@njit
def haar_wavelet_in_place(x):
    n = len(x)
    work = np.empty(n)
    while n > 1:
        h = n // 2
        for i in range(h):
            work[i] = (x[2 * i] + x[2 * i + 1]) / np.sqrt(2.0)
            work[h + i] = (x[2 * i] - x[2 * i + 1]) / np.sqrt(2.0)
        for i in range(n):
            x[i] = work[i]
        n = h
    return x[0] * x[1] + x[5] * x[2]


@program(lambda r: (r.uniform(0.5, 1.5, 8) + 0j,))
@njit
def fast_fourier_transform(x):
    n = len(x)
    j = 0
    for i in range(1, n):
        bit = n >> 1
        while j & bit:
            j ^= bit
            bit >>= 1
        j ^= bit
        if i < j:
            x[i], x[j] = x[j], x[i]
    length = 2
    while length <= n:
        angle = -2.0 * np.pi / length
        for start in range(0, n, length):
            for k in range(length // 2):
                w = complex(np.cos(angle * k), np.sin(angle * k))
                u = x[start + k]
                v = x[start + k + length // 2] * w
                x[start + k] = u + v
                x[start + k + length // 2] = u - v
        length *= 2
    power = 0.0
    for k in range(n):
        power += (k + 1) * abs(x[k]) ** 2
    return power


@program(lambda r: (r.uniform(0.5, 1.5, 7), r.uniform(0.2, 0.4, 3)))
@njit
def convolution_valid(x, kernel):
    n = len(x) - len(kernel) + 1
    out = np.zeros(n)
    for i in range(n):
        for j in range(len(kernel)):
            out[i] += x[i + j] * kernel[len(kernel) - 1 - j]
    return out


@program(lambda r: (r.uniform(0.5, 1.5, 8), 0.3))
@njit
def total_variation_smoothed(x, eps):
    s = 0.0
    for i in range(len(x) - 1):
        s += np.sqrt((x[i + 1] - x[i]) ** 2 + eps * eps)
    return s
