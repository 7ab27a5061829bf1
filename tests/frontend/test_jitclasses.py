"""Classes that Numba compiles: made in walked code, given as arguments, read from closures."""

from __future__ import annotations

import numpy as np
import pytest
from numba import float64, int64, njit
from numba.experimental import jitclass

import numbad
from numbad.errors import UnsupportedSyntax


@jitclass([("beta", float64), ("mu", float64), ("grid", float64[:]), ("steps", int64)])
class Growth:
    def __init__(self, beta, mu, n=5):
        self.beta, self.mu = beta, mu
        self.grid = np.linspace(0.1, 1.0, n)
        self.steps = 2.7

    def utility(self, c):
        return np.log(c) * self.beta

    @property
    def discount(self):
        return 1 / (1 + self.beta)

    @staticmethod
    def squared(s):
        return s * s

    def total(self, s):
        t = 0.0
        for i in range(len(self.grid)):
            t += self.utility(self.grid[i] * self.squared(s)) * self.mu
        return t * self.discount + self.steps

    def shift(self, d):
        self.mu += d


@jitclass([("inner", Growth.class_type.instance_type), ("weight", float64)])
class Weighted:
    def __init__(self, inner, weight):
        self.inner = inner
        self.weight = weight

    def value(self, s):
        return self.inner.total(s) * self.weight


@njit
def made_inside(beta, mu, s):
    model = Growth(beta, mu, 4)
    model.shift(s * 0.1)
    return Weighted(model, s).value(s)


def differences(f, point):
    steps = 1e-6 * np.eye(len(point))
    return [(f(*(point + step)) - f(*(point - step))) / 2e-6 for step in steps]


def test_instances_are_made_in_walked_code():
    point = np.array([0.9, 0.2, 1.3])
    value, found = numbad.withgradient(made_inside, *point, engine="compiled")
    assert value == pytest.approx(made_inside(*point), rel=1e-14)
    assert found == pytest.approx(differences(made_inside, point), rel=1e-7)
    _, slope = numbad.jvp(made_inside, tuple(point), (0.3, -1.0, 0.7), engine="compiled")
    assert slope == pytest.approx(np.dot(found, (0.3, -1.0, 0.7)), rel=1e-12)


def test_fields_get_the_declared_types():
    def halves(n):
        model = Growth(n, 1, 3)
        return model.beta // 2 + model.steps // 2 + model.beta / 4

    value, (slope,) = numbad.withgradient(halves, 5, engine="compiled")
    assert value == 5.0 // 2 + 1 + 5 / 4
    assert slope == 0.25


@njit
def use(model, s):
    return model.total(s)


def test_instances_are_arguments():
    model = Growth(0.9, 0.2, 4)
    value, (found, slope) = numbad.withgradient(use, model, 1.3, engine="compiled")
    assert value == pytest.approx(use(model, 1.3), rel=1e-14)
    assert found._fields == ("beta", "mu", "grid", "steps")
    grid = np.asarray(model.grid)
    logs = np.log(grid * 1.69)
    np.testing.assert_allclose(found.grid, 0.9 * 0.2 / 1.9 / grid, rtol=1e-12)
    assert found.mu == pytest.approx(0.9 / 1.9 * logs.sum(), rel=1e-12)
    assert found.beta == pytest.approx(0.2 / 1.9**2 * logs.sum(), rel=1e-12)
    assert slope == pytest.approx(8 * 0.9 * 0.2 / 1.9 / 1.3, rel=1e-12)
    other = Growth(0.4, 0.1, 7)
    again = numbad.withgradient(use, other, 0.8, engine="compiled")
    assert again.val == pytest.approx(use(other, 0.8), rel=1e-14)


def test_instances_are_left_as_the_program_leaves_them():
    @njit
    def changing(model, s):
        model.shift(s)
        model.grid[0] = s * s
        return model.total(s)

    model, plain = Growth(0.9, 0.2, 4), Growth(0.9, 0.2, 4)
    expected = changing(plain, 1.3)
    value, (_, slope) = numbad.withgradient(changing, model, 1.3, engine="compiled")
    assert value == pytest.approx(expected, rel=1e-14)
    assert (model.mu, model.grid[0]) == (plain.mu, plain.grid[0])

    def at(s):
        return changing(Growth(0.9, 0.2, 4), s)

    assert slope == pytest.approx((at(1.3 + 1e-6) - at(1.3 - 1e-6)) / 2e-6, rel=1e-7)


def test_instances_in_closures_are_read_when_the_program_runs():
    model = Growth(0.9, 0.2, 4)

    def f(s):
        return model.total(s)

    first = numbad.gradient(f, 1.3, engine="compiled")[0]
    assert first == pytest.approx(8 * 0.9 * 0.2 / 1.9 / 1.3, rel=1e-12)
    model.mu = 0.7
    assert numbad.gradient(f, 1.3, engine="compiled")[0] == pytest.approx(3.5 * first, rel=1e-12)


def test_what_cannot_be_made_is_refused():
    with pytest.raises(UnsupportedSyntax, match="compiled class `Growth` is returned"):
        numbad.pullback(lambda s: Growth(s, 0.1, 3), 1.3, engine="compiled")

    def extra(s):
        model = Growth(s, 0.1, 3)
        model.extra = s
        return model.extra

    with pytest.raises(UnsupportedSyntax, match="no field `extra`"):
        numbad.gradient(extra, 1.3, engine="compiled")
    with pytest.raises(UnsupportedSyntax, match="compiled class `Growth`"):
        numbad.gradient(use, Growth(0.9, 0.2, 3), 1.3, engine="traced")
