"""Rules that are deliberately not the true derivatives, which shows that they are what is used."""

import numpy as np

from numbad import adjoint

X = np.array([0.5, -1.25, 2.0])


def square(x):
    return x * x


@adjoint(square)
def square_rule(x):
    def back(y_bar):
        return (10.0 * x * y_bar,)

    return x * x, back


def uses_square(x):
    return 3.0 * square(x) + x


def clip_gradient(x):
    return x


@adjoint(clip_gradient)
def clip_gradient_rule(x):
    return x, lambda y_bar: min(max(y_bar, -1.0), 1.0)


def softplus(x):
    return np.log1p(np.exp(x))


@adjoint(softplus)
def softplus_rule(x):
    y = np.log1p(np.exp(x))

    def back(y_bar):
        return y_bar * (1.0 - np.exp(-y))

    return y, back


def uses_softplus(x, w):
    return np.sum(w * softplus(x * w))
