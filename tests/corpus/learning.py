"""Losses and layers as machine-learning code with Numba writes them."""

import math

import numpy as np
from numba import njit, prange

from tests.programs.program import program


@program(
    lambda r: (
        r.normal(size=(6, 3)),
        np.array([1.0, -1.0, 1.0, 1.0, -1.0, -1.0]),
        r.normal(size=3),
        0.1,
    )
)
@njit
def support_vector_hinge_loss(x, y, w, reg):
    loss = 0.0
    for i in range(x.shape[0]):
        margin = 0.0
        for j in range(x.shape[1]):
            margin += w[j] * x[i, j]
        margin *= y[i]
        if margin < 1.0:
            loss += (1.0 - margin) ** 2
    for j in range(w.shape[0]):
        loss += reg * w[j] * w[j]
    return loss


@njit
def _sigmoid(x):
    if x >= 0.0:
        return 1.0 / (1.0 + math.exp(-x))
    z = math.exp(x)
    return z / (1.0 + z)


@program(
    lambda r: (
        r.normal(size=(5, 4)) * 0.3,
        r.normal(size=(5, 4)) * 0.3,
        np.array([[0, 1], [2, 3], [4, 1]]),
        np.array([2, 0]),
    )
)
@njit
def skip_gram_negative_sampling(inputs, outputs, pairs, negatives):
    loss = 0.0
    for p in range(pairs.shape[0]):
        centre = inputs[pairs[p, 0]]
        dot = 0.0
        for d in range(centre.shape[0]):
            dot += centre[d] * outputs[pairs[p, 1], d]
        loss -= math.log(_sigmoid(dot))
        for k in negatives:
            dot = 0.0
            for d in range(centre.shape[0]):
                dot += centre[d] * outputs[k, d]
            loss -= math.log(_sigmoid(-dot))
    return loss


@program(lambda r: (r.normal(size=7), r.uniform(0.5, 1.5, 7), 3, 0.5))
@njit
def boosted_tree_split_score(grad, hess, split, reg):
    g_left = 0.0
    h_left = 0.0
    for i in range(split):
        g_left += grad[i]
        h_left += hess[i]
    g_right = 0.0
    h_right = 0.0
    for i in range(split, len(grad)):
        g_right += grad[i]
        h_right += hess[i]
    gain = g_left**2 / (h_left + reg) + g_right**2 / (h_right + reg)
    return 0.5 * (gain - (g_left + g_right) ** 2 / (h_left + h_right + reg))


@program(lambda r: (r.normal(size=(4, 3)), np.array([0, 2, 1, 2])))
@njit
def softmax_cross_entropy(logits, labels):
    n, k = logits.shape
    loss = 0.0
    for i in range(n):
        top = logits[i, 0]
        for j in range(1, k):
            if logits[i, j] > top:
                top = logits[i, j]
        s = 0.0
        for j in range(k):
            s += math.exp(logits[i, j] - top)
        loss += math.log(s) + top - logits[i, labels[i]]
    return loss / n


@program(lambda r: (r.normal(size=(5, 3)), r.uniform(0.5, 1.5, 3), r.normal(size=3)))
@njit
def batch_normalisation(x, gamma, beta):
    n, d = x.shape
    out = np.empty_like(x)
    for j in range(d):
        mean = 0.0
        for i in range(n):
            mean += x[i, j]
        mean /= n
        var = 0.0
        for i in range(n):
            var += (x[i, j] - mean) ** 2
        var /= n
        inv = 1.0 / math.sqrt(var + 1e-5)
        for i in range(n):
            out[i, j] = gamma[j] * (x[i, j] - mean) * inv + beta[j]
    s = 0.0
    for i in range(n):
        for j in range(d):
            s += out[i, j] ** 3 * (i + 1)
    return s


@program(
    lambda r: (
        r.normal(size=4),
        r.normal(size=(3, 4)),
        r.normal(size=3),
        r.normal(size=(2, 3)),
        r.normal(size=2),
    )
)
@njit
def two_layer_perceptron(x, w1, b1, w2, b2):
    h = np.tanh(np.dot(w1, x) + b1)
    z = np.dot(w2, h) + b2
    return np.sum(np.log(1.0 + np.exp(z)))


@program(lambda r: (r.normal(size=(4, 4)), r.normal(size=(2, 2)), 0.1))
@njit
def convolution_relu_pooling(image, kernel, bias):
    out = np.zeros((3, 3))
    for i in range(3):
        for j in range(3):
            s = bias
            for a in range(2):
                for b in range(2):
                    s += image[i + a, j + b] * kernel[a, b]
            out[i, j] = s if s > 0.0 else 0.01 * s
    best = out[0, 0]
    for i in range(3):
        for j in range(3):
            if out[i, j] > best:
                best = out[i, j]
    return best * 2.0 + out.sum()


@program(lambda r: (r.normal(size=(3, 4)), r.normal(size=(3, 4)), r.normal(size=(3, 4))))
@njit
def causal_attention(q, k, v):
    n, d = q.shape
    out = np.zeros((n, d))
    for i in range(n):
        scores = np.empty(i + 1)
        top = -1e30
        for j in range(i + 1):
            s = 0.0
            for c in range(d):
                s += q[i, c] * k[j, c]
            scores[j] = s / math.sqrt(d)
            top = max(top, scores[j])
        norm = 0.0
        for j in range(i + 1):
            scores[j] = math.exp(scores[j] - top)
            norm += scores[j]
        for j in range(i + 1):
            for c in range(d):
                out[i, c] += scores[j] / norm * v[j, c]
    return np.sum(out * out)


@program(lambda r: (r.normal(size=(5, 3)), r.normal(size=(2, 3))))
@njit
def k_means_inertia(points, centres):
    total = 0.0
    for i in range(points.shape[0]):
        best = np.inf
        for c in range(centres.shape[0]):
            d = 0.0
            for j in range(points.shape[1]):
                diff = points[i, j] - centres[c, j]
                d += diff * diff
            if d < best:
                best = d
        total += best
    return total


@program(
    lambda r: (
        np.array([0, 1, 2, 1]),
        np.array([1, 0, 2, 2]),
        r.uniform(1.0, 5.0, 4),
        r.normal(size=(3, 2)),
        r.normal(size=(3, 2)),
        0.1,
    )
)
@njit
def matrix_factorisation_loss(users, items, ratings, p, q, reg):
    loss = 0.0
    for t in range(len(users)):
        u, i = users[t], items[t]
        prediction = np.dot(p[u], q[i])
        error = ratings[t] - prediction
        loss += error**2 + reg * (np.sum(p[u] ** 2) + np.sum(q[i] ** 2))
    return loss


@program(lambda r: (r.normal(size=3), r.normal(size=(4, 3)), r.normal(size=4), 5, 0.05))
@njit
def unrolled_gradient_descent(w, x, y, steps, rate):
    for _ in range(steps):
        g = np.zeros(3)
        for i in range(4):
            e = -y[i]
            for j in range(3):
                e += w[j] * x[i, j]
            for j in range(3):
                g[j] += 2.0 * e * x[i, j]
        for j in range(3):
            w[j] -= rate * g[j]
    return w[0] * w[1] + w[2]


@program(lambda r: (r.normal(size=3), r.normal(size=3), 6))
@njit
def adam_trajectory(w, target, steps):
    m = np.zeros(3)
    v = np.zeros(3)
    for t in range(1, steps + 1):
        for i in range(3):
            g = 2.0 * (w[i] - target[i]) + math.cos(w[i])
            m[i] = 0.9 * m[i] + 0.1 * g
            v[i] = 0.99 * v[i] + 0.01 * g * g
            m_hat = m[i] / (1.0 - 0.9**t)
            v_hat = v[i] / (1.0 - 0.99**t)
            w[i] -= 0.1 * m_hat / (math.sqrt(v_hat) + 1e-3)
    return w[0] + w[1] * w[2]


@program(lambda r: (r.normal(size=(6, 3)), r.normal(size=3)))
@njit(parallel=False)
def logistic_loss_with_prange(x, w):
    total = 0.0
    for i in prange(x.shape[0]):
        z = 0.0
        for j in range(x.shape[1]):
            z += x[i, j] * w[j]
        total += math.log1p(math.exp(-z))
    return total


@program(lambda r: (r.normal(size=5), r.normal(size=5), r.normal(size=5), 0.5))
@njit
def triplet_margin_loss(anchor, positive, negative, margin):
    d_pos = np.sqrt(np.sum((anchor - positive) ** 2))
    d_neg = np.sqrt(np.sum((anchor - negative) ** 2))
    return max(d_pos - d_neg + margin + 3.0, 0.0)


@program(lambda r: (r.normal(size=(5, 2)), r.uniform(0.3, 0.6, (5, 5)), 0.7))
@njit
def stochastic_neighbour_embedding(y, p, perplexity):
    n = y.shape[0]
    q = np.zeros((n, n))
    z = 0.0
    for i in range(n):
        for j in range(n):
            if i != j:
                d = 0.0
                for k in range(2):
                    d += (y[i, k] - y[j, k]) ** 2
                q[i, j] = 1.0 / (1.0 + d / perplexity)
                z += q[i, j]
    cost = 0.0
    for i in range(n):
        for j in range(i):
            cost += p[i, j] * math.log(p[i, j] / (q[i, j] / z))
    return cost
