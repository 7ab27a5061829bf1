"""Objectives of the ADBench problems at small sizes: mixtures, bundle adjustment, LSTM, hand."""

import math

import numpy as np
from numba import njit

from tests.programs.program import program


def _gmm_arguments(r):
    d, k, n = 3, 2, 5
    return (
        r.normal(size=k),
        r.normal(size=(k, d)),
        r.normal(size=(k, d + d * (d - 1) // 2)) * 0.3,
        r.normal(size=(n, d)),
        0.5,
        2,
    )


@njit
def _logsumexp(x):
    m = x[0]
    for i in range(1, len(x)):
        m = max(m, x[i])
    s = 0.0
    for i in range(len(x)):
        s += math.exp(x[i] - m)
    return m + math.log(s)


@program(_gmm_arguments, wrt=(0, 1, 2))
@njit
def gaussian_mixture_objective(alphas, means, icf, x, gamma, m):
    k, d = means.shape
    n = x.shape[0]
    q_diag = np.empty((k, d))
    sum_q = np.zeros(k)
    for ik in range(k):
        for i in range(d):
            sum_q[ik] += icf[ik, i]
            q_diag[ik, i] = math.exp(icf[ik, i])
    centred = np.empty(d)
    qx = np.empty(d)
    main = np.empty(k)
    total = 0.0
    for ix in range(n):
        for ik in range(k):
            for i in range(d):
                centred[i] = x[ix, i] - means[ik, i]
            for i in range(d):
                qx[i] = q_diag[ik, i] * centred[i]
            p = d
            for i in range(d):
                for j in range(i + 1, d):
                    qx[j] += icf[ik, p] * centred[i]
                    p += 1
            square = 0.0
            for i in range(d):
                square += qx[i] * qx[i]
            main[ik] = alphas[ik] + sum_q[ik] - 0.5 * square
        total += _logsumexp(main)
    wishart = 0.0
    for ik in range(k):
        frobenius = 0.0
        for i in range(d):
            frobenius += q_diag[ik, i] ** 2
        for i in range(d, icf.shape[1]):
            frobenius += icf[ik, i] ** 2
        wishart += 0.5 * gamma * gamma * frobenius - m * sum_q[ik]
    return total - n * _logsumexp(alphas) + wishart


@njit
def _cross3(a, b):
    return np.array(
        [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
    )


@njit
def _rodrigues(rot, x):
    theta2 = rot[0] ** 2 + rot[1] ** 2 + rot[2] ** 2
    if theta2 > 1e-12:
        theta = math.sqrt(theta2)
        c = math.cos(theta)
        s = math.sin(theta)
        w = rot / theta
        wx = _cross3(w, x)
        t = (w[0] * x[0] + w[1] * x[1] + w[2] * x[2]) * (1.0 - c)
        return x * c + wx * s + w * t
    return x + _cross3(rot, x)


@program(
    lambda r: (
        r.uniform(0.1, 0.3, 11) + np.array([0, 0, 0, 0, 0, -3.0, 1.0, 0, 0, 0, 0]),
        r.uniform(0.5, 1.5, 3),
        r.uniform(0.5, 1.5),
        r.uniform(0.2, 0.5, 2),
    ),
    wrt=(0, 1, 2),
)
@njit
def bundle_adjustment_residual(cam, x, w, feat):
    xc = x - cam[3:6]
    xr = _rodrigues(cam[0:3], xc)
    px = xr[0] / xr[2]
    py = xr[1] / xr[2]
    rsq = px * px + py * py
    distortion = 1.0 + cam[9] * rsq + cam[10] * rsq * rsq
    e0 = w * (px * distortion * cam[6] + cam[7] - feat[0])
    e1 = w * (py * distortion * cam[6] + cam[8] - feat[1])
    wz = 1.0 - w * w
    return np.array([e0, e1, wz])


@njit
def _lstm_sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def _lstm_arguments(r):
    layers, size, length = 2, 3, 4
    return (
        r.normal(size=(2 * layers, 4 * size)) * 0.5,
        r.normal(size=(3, size)) * 0.5,
        r.normal(size=(2 * layers, size)) * 0.5,
        r.uniform(0.0, 1.0, (length, size)),
    )


@njit
def _lstm_cell(weight, bias, hidden, cell, inp):
    b = len(hidden)
    for i in range(b):
        forget = _lstm_sigmoid(inp[i] * weight[i] + bias[i])
        ingate = _lstm_sigmoid(hidden[i] * weight[b + i] + bias[b + i])
        outgate = _lstm_sigmoid(inp[i] * weight[2 * b + i] + bias[2 * b + i])
        change = np.tanh(hidden[i] * weight[3 * b + i] + bias[3 * b + i])
        cell[i] = cell[i] * forget + ingate * change
        hidden[i] = outgate * np.tanh(cell[i])


@program(_lstm_arguments)
@njit
def lstm_objective(main, extra, state, sequence):
    b = extra.shape[1]
    total = 0.0
    count = 0
    prediction = np.empty(b)
    for t in range(sequence.shape[0] - 1):
        for i in range(b):
            prediction[i] = sequence[t, i] * extra[0, i]
        for k in range(0, state.shape[0], 2):
            _lstm_cell(main[k], main[k + 1], state[k], state[k + 1], prediction)
            for i in range(b):
                prediction[i] = state[k, i]
        norm = 2.0
        for i in range(b):
            prediction[i] = prediction[i] * extra[1, i] + extra[2, i]
        for i in range(b):
            norm += math.exp(prediction[i])
        log_norm = math.log(norm)
        for i in range(b):
            total += sequence[t + 1, i] * (prediction[i] - log_norm)
            count += 1
    return -total / count


def _hand_arguments(r):
    return (
        r.uniform(0.1, 0.4, 6),
        r.normal(size=(3, 4)),
        r.normal(size=(3, 4)),
        np.array([-1, 0, 1]),
    )


@njit
def _rotation_z(angle):
    out = np.eye(4)
    out[0, 0] = math.cos(angle)
    out[0, 1] = -math.sin(angle)
    out[1, 0] = math.sin(angle)
    out[1, 1] = math.cos(angle)
    return out


@program(_hand_arguments, wrt=(0,))
@njit
def hand_skeleton_objective(theta, points, targets, parents):
    n = parents.shape[0]
    absolute = np.zeros((n, 4, 4))
    for i in range(n):
        relative = _rotation_z(theta[i])
        relative[0, 3] = theta[n + i]
        if parents[i] == -1:
            absolute[i] = relative
        else:
            absolute[i] = absolute[parents[i]] @ relative
    error = 0.0
    for i in range(n):
        for j in range(points.shape[0]):
            for c in range(3):
                s = 0.0
                for d in range(4):
                    s += absolute[i, c, d] * points[j, d]
                error += (s - targets[j, c]) ** 2
    return error
