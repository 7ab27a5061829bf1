"""Likelihoods, moments and recursions in the manner of statistics and econometrics libraries."""

import math

import numpy as np
from numba import jit, njit

from tests.programs.program import program

LOG_TWO_PI = math.log(2.0 * math.pi)


@program(lambda r: (r.normal(size=6), 0.1, 1.2))
@njit
def normal_log_likelihood(x, mu, sigma):
    total = 0.0
    for i in range(x.size):
        z = (x[i] - mu) / sigma
        total -= 0.5 * (LOG_TWO_PI + z * z) + math.log(sigma)
    return total


@program(lambda r: (r.normal(size=6), 0.1, 1.2, 4.5))
@njit
def student_t_log_likelihood(x, mu, sigma, nu):
    constant = math.lgamma(0.5 * (nu + 1.0)) - math.lgamma(0.5 * nu) - 0.5 * math.log(nu * math.pi)
    total = 0.0
    for value in x:
        z = (value - mu) / sigma
        total += constant - math.log(sigma) - 0.5 * (nu + 1.0) * math.log1p(z * z / nu)
    return total


@program(lambda r: (r.normal(size=(5, 3)), np.array([0, 1, 1, 0, 1]), r.normal(size=3) * 0.3))
@njit
def logistic_log_likelihood(x, y, beta):
    total = 0.0
    for i in range(x.shape[0]):
        eta = 0.0
        for j in range(x.shape[1]):
            eta += x[i, j] * beta[j]
        if eta > 0:
            total += y[i] * eta - eta - math.log1p(math.exp(-eta))
        else:
            total += y[i] * eta - math.log1p(math.exp(eta))
    return total


@program(lambda r: (r.uniform(0.1, 0.9, (5, 3)), np.array([2, 0, 1, 3, 1]), r.normal(size=3) * 0.3))
@njit
def poisson_log_likelihood(x, counts, beta):
    eta = np.dot(x, beta)
    result = 0.0
    for i in range(eta.shape[0]):
        result += counts[i] * eta[i] - np.exp(eta[i]) - math.lgamma(counts[i] + 1.0)
    return result


@program(lambda r: (r.uniform(0.0, 1.0, 6), r.uniform(0.0, 1.0, 4), 0.3))
@njit
def kernel_density_log_sum(data, grid, bandwidth):
    out = np.zeros(grid.shape[0])
    norm = 1.0 / (data.shape[0] * bandwidth * math.sqrt(2.0 * math.pi))
    for i in range(grid.shape[0]):
        for j in range(data.shape[0]):
            u = (grid[i] - data[j]) / bandwidth
            out[i] += norm * math.exp(-0.5 * u * u)
    return np.log(out).sum()


@program(lambda r: (r.uniform(0.0, 1.0, 6), r.uniform(0.5, 1.5, 6)))
@njit
def weighted_moments(x, w):
    total = 0.0
    mean = 0.0
    m2 = 0.0
    m3 = 0.0
    for i in range(len(x)):
        old = total
        total += w[i]
        delta = x[i] - mean
        r = delta * w[i] / total
        mean += r
        m3 += delta**3 * old * w[i] * (old - w[i]) / total**2 - 3.0 * r * m2
        m2 += old * delta * r
    variance = m2 / total
    return mean + variance + (m3 / total) / variance**1.5


@program(
    lambda r: (
        np.array([0.1, 0.1, 0.8]),
        r.normal(size=8) ** 2,
        np.zeros(8),
        8,
        r.uniform(0.5, 1.0),
    ),
    wrt=(0, 1, 4),
)
@jit(nopython=True)
def garch_recursion(parameters, fresids, sigma2, nobs, backcast):
    loglik = 0.0
    for t in range(nobs):
        sigma2[t] = parameters[0]
        if t == 0:
            sigma2[t] += parameters[1] * backcast + parameters[2] * backcast
        else:
            sigma2[t] += parameters[1] * fresids[t - 1]
            sigma2[t] += parameters[2] * sigma2[t - 1]
        if sigma2[t] < 1e-6:
            sigma2[t] = 1e-6
        loglik -= 0.5 * (np.log(sigma2[t]) + fresids[t] / sigma2[t])
    return loglik


@program(lambda r: (np.array([0.05, 0.08, -0.1, 0.9]), r.normal(size=8), np.zeros(8)), wrt=(0, 1))
@jit(nopython=True)
def egarch_recursion(parameters, resids, lnsigma2):
    omega, alpha, gamma, beta = parameters
    norm_const = math.sqrt(2.0 / math.pi)
    lnsigma2[0] = omega
    sigma = math.exp(0.5 * lnsigma2[0])
    total = 0.0
    for t in range(1, resids.shape[0]):
        std = resids[t - 1] / sigma
        lnsigma2[t] = omega + alpha * (abs(std) - norm_const) + gamma * std + beta * lnsigma2[t - 1]
        sigma = math.exp(0.5 * lnsigma2[t])
        total -= 0.5 * (lnsigma2[t] + (resids[t] / sigma) ** 2)
    return total


@program(lambda r: (r.normal(size=6), 0.3, 0.7, 0.9, 0.5))
@njit
def kalman_filter_scalar(y, transition, state_noise, observation_noise, start):
    a = start
    p = state_noise / (1.0 - transition * transition)
    llf = 0.0
    for t in range(y.shape[0]):
        if math.isnan(y[t]):
            a = transition * a
            p = transition * transition * p + state_noise
            continue
        v = y[t] - a
        f = p + observation_noise
        k = p / f
        llf -= 0.5 * (LOG_TWO_PI + math.log(f) + v * v / f)
        a = transition * (a + k * v)
        p = transition * transition * p * (1.0 - k) + state_noise
    return llf


def _kalman_arguments(r):
    return (
        r.normal(size=(5, 2)),
        np.eye(2) * 0.7 + 0.05,
        np.eye(2) * 0.4,
        np.array([[1.0, 0.3], [0.0, 1.0]]) + r.uniform(-0.1, 0.1, (2, 2)),
        np.eye(2) * 0.5,
    )


@program(_kalman_arguments)
@njit
def kalman_filter_matrices(y, T, Q, Z, H):
    a = np.zeros(2)
    P = np.eye(2)
    llf = 0.0
    for t in range(y.shape[0]):
        v = y[t] - Z @ a
        F = Z @ P @ Z.T + H
        Finv = np.linalg.inv(F)
        llf -= 0.5 * (np.log(np.linalg.det(F)) + v @ Finv @ v)
        K = P @ Z.T @ Finv
        a = T @ (a + K @ v)
        P = T @ (P - K @ Z @ P) @ T.T + Q
    return llf


@program(lambda r: (r.uniform(1.0, 2.0, 8), 0.4, 0.2, 0.95))
@njit
def exponential_smoothing_holt(y, alpha, beta, phi):
    level = y[0]
    trend = y[1] - y[0]
    sse = 0.0
    for t in range(1, y.shape[0]):
        forecast = level + phi * trend
        error = y[t] - forecast
        sse += error * error
        new_level = forecast + alpha * error
        trend = beta * (new_level - level) + (1.0 - beta) * phi * trend
        level = new_level
    return sse


@program(
    lambda r: (
        r.uniform(1.0, 2.0, 12),
        r.uniform(0.2, 0.4),
        r.uniform(0.1, 0.3),
        r.uniform(0.1, 0.3),
    )
)
@njit
def exponential_smoothing_holt_winters(y, alpha, beta, gamma):
    m = 4
    n = y.shape[0]
    levels = np.zeros(n)
    trends = np.zeros(n)
    seasons = np.zeros(n + m)
    level = y[:m].mean()
    levels[0] = level
    for i in range(m):
        seasons[i] = y[i] / level
    sse = 0.0
    for t in range(1, n):
        forecast = (levels[t - 1] + trends[t - 1]) * seasons[t - 1]
        sse += (y[t] - forecast) ** 2
        levels[t] = alpha * y[t] / seasons[t - 1] + (1 - alpha) * (levels[t - 1] + trends[t - 1])
        trends[t] = beta * (levels[t] - levels[t - 1]) + (1 - beta) * trends[t - 1]
        seasons[t + m - 1] = gamma * y[t] / levels[t] + (1 - gamma) * seasons[t - 1]
    return sse


@program(lambda r: (r.normal(size=9), np.array([0.5, -0.2]), np.array([0.3]), 0.1))
@njit
def arma_conditional_sum_of_squares(y, ar, ma, constant):
    p = ar.shape[0]
    q = ma.shape[0]
    errors = np.zeros(y.shape[0])
    css = 0.0
    for t in range(p, y.shape[0]):
        prediction = constant
        for i in range(p):
            prediction += ar[i] * y[t - 1 - i]
        for j in range(q):
            if t - 1 - j >= 0:
                prediction += ma[j] * errors[t - 1 - j]
        errors[t] = y[t] - prediction
        css += errors[t] ** 2
    return css


@program(lambda r: (r.normal(size=10).cumsum(), 2))
@njit
def dickey_fuller_statistic(y, lags):
    n = y.shape[0] - lags - 1
    k = lags + 1
    x = np.empty((n, k))
    z = np.empty(n)
    for t in range(n):
        z[t] = y[t + lags + 1] - y[t + lags]
        x[t, 0] = y[t + lags]
        for j in range(lags):
            x[t, j + 1] = y[t + lags - j] - y[t + lags - j - 1]
    xtx = x.T @ x
    beta = np.linalg.solve(xtx, x.T @ z)
    residual = z - x @ beta
    s2 = np.sum(residual**2) / (n - k)
    covariance = np.linalg.inv(xtx)
    return beta[0] / np.sqrt(s2 * covariance[0, 0])


@program(
    lambda r: (np.array([3.0, 1.0, 2.0, 5.0, 4.0]) + r.uniform(0.0, 0.3, 5), r.uniform(0.5, 1.5, 5))
)
@njit
def rank_weighted_score(x, w):
    n = x.shape[0]
    score = 0.0
    for i in range(n):
        rank = 1
        for j in range(n):
            if x[j] < x[i]:
                rank += 1
        score += w[i] * x[i] / rank
    return score


@program(
    lambda r: (
        r.normal(size=7),
        np.array([0.2, 0.5, 0.3]),
        np.array([-1.0, 0.0, 1.0]),
        np.array([0.5, 1.0, 0.7]),
    )
)
@njit
def gaussian_mixture_density(x, weights, means, scales):
    total = 0.0
    k = weights.shape[0]
    logs = np.empty(k)
    for i in range(x.shape[0]):
        top = -np.inf
        for j in range(k):
            z = (x[i] - means[j]) / scales[j]
            logs[j] = math.log(weights[j]) - 0.5 * z * z - math.log(scales[j])
            top = max(top, logs[j])
        s = 0.0
        for j in range(k):
            s += math.exp(logs[j] - top)
        total += top + math.log(s)
    return total


def _hmm_arguments(r):
    a = r.uniform(0.2, 1.0, (3, 3))
    b = r.uniform(0.2, 1.0, (3, 4))
    return np.log(a / a.sum(1)[:, None]), np.log(b / b.sum(1)[:, None]), np.array([0, 3, 1, 1, 2])


@program(_hmm_arguments)
@njit
def hidden_markov_forward(log_a, log_b, observed):
    n = log_a.shape[0]
    alpha = np.full(n, -np.log(n)) + log_b[:, observed[0]]
    for t in range(1, observed.shape[0]):
        new = np.empty(n)
        for j in range(n):
            top = -np.inf
            for i in range(n):
                top = max(top, alpha[i] + log_a[i, j])
            s = 0.0
            for i in range(n):
                s += np.exp(alpha[i] + log_a[i, j] - top)
            new[j] = top + np.log(s) + log_b[j, observed[t]]
        alpha = new
    m = alpha.max()
    return m + np.log(np.sum(np.exp(alpha - m)))


@program(
    lambda r: (
        np.sort(r.uniform(0.2, 3.0, 6)),
        np.array([1, 0, 1, 1, 0, 1]),
        r.normal(size=(6, 2)),
        r.normal(size=2) * 0.3,
    )
)
@njit
def cox_partial_likelihood(times, events, x, beta):
    n = times.shape[0]
    eta = np.zeros(n)
    for i in range(n):
        for j in range(x.shape[1]):
            eta[i] += x[i, j] * beta[j]
    result = 0.0
    for i in range(n):
        if not events[i]:
            continue
        risk = 0.0
        for j in range(n):
            if times[j] >= times[i]:
                risk += math.exp(eta[j])
        result += eta[i] - math.log(risk)
    return result


@program(lambda r: (r.normal(size=(6, 2)), r.uniform(0.5, 1.5, 2), 0.1, 1.3))
@njit
def gaussian_process_marginal_likelihood(x, lengths, noise, amplitude):
    n = x.shape[0]
    k = np.empty((n, n))
    for i in range(n):
        for j in range(i + 1):
            d2 = 0.0
            for d in range(x.shape[1]):
                d2 += ((x[i, d] - x[j, d]) / lengths[d]) ** 2
            k[i, j] = amplitude * math.exp(-0.5 * d2)
            k[j, i] = k[i, j]
        k[i, i] += noise
    c = np.linalg.cholesky(k)
    y = np.sin(np.arange(n))
    z = np.linalg.solve(c, y)
    return -0.5 * np.sum(z * z) - np.sum(np.log(np.diag(c)))
