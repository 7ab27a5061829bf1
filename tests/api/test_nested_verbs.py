"""Verbs called by functions that are differentiated themselves, against differences."""

import itertools
import math

import numpy as np
import pytest

import numbad

A = np.random.default_rng(3).standard_normal((4, 3))
POINT = np.array([0.3, -0.2, 0.5])
WEIGHTS = np.array([0.7, -1.3, 0.4, 2.1])


def layer(x):
    return np.sin(A @ x) * x[0]


def total(x):
    return np.sum(np.exp(A @ x) * x[0])


def pulled_back(x):
    y, back = numbad.pullback(layer, x)
    (x_bar,) = back(WEIGHTS * y)
    return np.sum(x_bar**2)


def pulled_back_twice(x):
    x = x.copy()
    y, back = numbad.pullback(layer, x)
    x[0] = 100.0
    return np.sum(back(WEIGHTS)[0] * back(y)[0])


def pushed_forward(x):
    push = numbad.pushforward(layer, x)
    return np.sum(push(np.array([1.0, -2.0, 3.0])) ** 2)


PROGRAMS = {
    "jacobian": lambda x: np.sum(numbad.jacobian(layer, x)[0] ** 2),
    "jacobian by rows": lambda x: np.sum(numbad.jacobian(layer, x, mode="reverse")[0] ** 2),
    "hessian": lambda x: np.sum(numbad.hessian(total, x) ** 3),
    "hessian_reverse": lambda x: np.sum(numbad.hessian_reverse(total, x) ** 3),
    "diaghessian": lambda x: np.sum(numbad.diaghessian(total, x)[0] ** 2),
    "hvp": lambda x: np.sum(numbad.hvp(total, x, np.array([1.0, 2.0, -1.0])) ** 2),
    "pullback": pulled_back,
    "pullback after a change": pulled_back_twice,
    "pushforward": pushed_forward,
    "forwarddiff": lambda x: np.sum(numbad.forwarddiff(layer, x) ** 2 * WEIGHTS),
}


def differences(f, x, step=1e-5):
    return np.array([(f(x + e) - f(x - e)) / (2 * step) for e in step * np.eye(x.size)])


def check_gradient(name):
    program = PROGRAMS[name]
    (found,) = numbad.gradient(program, POINT)
    np.testing.assert_allclose(found, differences(program, POINT), rtol=2e-7, atol=1e-8)


@pytest.mark.parametrize("name", ["jacobian", "hvp", "pullback after a change", "forwarddiff"])
def test_gradient(name):
    check_gradient(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", PROGRAMS)
def test_gradient_of_all(name):
    check_gradient(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["jacobian", "hessian", "pullback", "forwarddiff"])
def test_third_order(name):
    program = PROGRAMS[name]
    found = numbad.hessian(program, POINT)
    expected = np.array(
        [differences(lambda x, k=k: numbad.gradient(program, x)[0][k], POINT) for k in range(3)]
    )
    np.testing.assert_allclose(found, expected, rtol=2e-7, atol=1e-7)


def test_forward_over_jacobian():
    program = PROGRAMS["jacobian"]
    direction = np.array([0.5, -1.0, 2.0])
    y, y_dot = numbad.jvp(program, (POINT,), (direction,))
    assert y == pytest.approx(program(POINT), rel=1e-13)
    assert y_dot == pytest.approx(differences(program, POINT) @ direction, rel=1e-7)


@pytest.mark.slow
def test_jacobian_of_jacobian():
    def flat(x):
        return numbad.jacobian(layer, x)[0].ravel()

    expected = np.array([differences(lambda x, k=k: flat(x)[k], POINT) for k in range(12)])
    for mode in ("forward", "reverse"):
        (found,) = numbad.jacobian(flat, POINT, mode=mode)
        np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-9)


def test_closed_over_values_of_forwarddiff_are_constants():
    found = numbad.gradient(lambda a, b: numbad.forwarddiff(lambda x: x * b, a), 2.0, 3.0)
    assert found == (3.0, None)


def test_several_results_of_forwarddiff():
    def program(x, y):
        s, v = numbad.forwarddiff(lambda p: (p[0] * p[1], np.array([p[0], p[1] ** 2])), (x, y))
        return s * v[0] + v[1]

    x, y = 1.3, -0.4
    found = numbad.gradient(program, x, y)
    assert found == pytest.approx((2 * x * y, x * x + 2 * y), rel=1e-13)


def test_no_perturbation_confusion():
    def inner(x):
        return x * numbad.derivative(lambda y: x + y, 1.0)

    assert numbad.derivative(inner, 1.0) == 1.0
    assert numbad.gradient(inner, 1.0) == (1.0,)
    slope = numbad.derivative(
        lambda x: numbad.derivative(lambda y: numbad.derivative(lambda z: x * y * z, 1.0) * y, x),
        1.5,
    )
    assert slope == pytest.approx(6.0, rel=1e-14)


def test_what_cannot_be_given_is_refused():
    def written(out, x):
        out[0] = x * x
        return out[0]

    work = np.zeros(1)
    with pytest.raises(numbad.DifferentiationError, match="writes to an array"):
        numbad.gradient(
            lambda x: numbad.forwarddiff(lambda y: written(work, y), x), 2.0, engine="compiled"
        )
    with pytest.raises(numbad.DifferentiationError, match="order"):
        numbad.gradient(
            lambda x: np.sum(numbad.jacobian(layer, x, order="F")[0]), POINT, engine="compiled"
        )
    assert math.isfinite(PROGRAMS["jacobian"](POINT))


def test_work_arrays_from_outside_carry_tangents(rng):
    work = np.zeros(3)

    def energy(x):
        for i in range(3):
            work[i] = x[i] ** 2
        return np.sum(work * x)

    def given(x, w):
        w[:] = x**2
        return np.sum(w * x)

    x = rng.uniform(0.5, 2.0, 3)
    expected = 3.0 * x**2
    np.testing.assert_allclose(numbad.jacobian(energy, x, mode="forward")[0], expected[None])
    np.testing.assert_allclose(work, x**2)
    np.testing.assert_allclose(numbad.hessian(energy, x), np.diag(6.0 * x), atol=1e-14)
    slope = numbad.derivative(lambda s: energy(x * s), 1.0)
    np.testing.assert_allclose(slope, 3.0 * np.sum(x**3))
    by_x, by_w = numbad.jacobian(given, x, np.zeros(3), mode="forward")
    np.testing.assert_allclose(by_x, expected[None])
    np.testing.assert_array_equal(by_w, np.zeros((1, 3)))


def test_three_levels_in_all_orders():
    def forward(f, x):
        return numbad.derivative(f, x)

    def reverse(f, x):
        return numbad.gradient(f, x)[0]

    x, y, z = 0.5, 1.3, 0.7
    p = x * y * z
    # By z and times y it is x^2 y^2 cos p; the rest by hand.
    expected = 4.0 * x * y * math.cos(p) - 5.0 * x**2 * y**2 * z * math.sin(p)
    expected -= x**3 * y**3 * z**2 * math.cos(p)
    for outer, middle, inner in itertools.product((forward, reverse), repeat=3):

        def innermost(x, y, inner=inner):
            return inner(lambda z: math.sin(x * y * z) * x, 0.7) * y

        def whole(x, middle=middle, innermost=innermost):
            return middle(lambda y: innermost(x, y), 1.3)

        assert outer(whole, x) == pytest.approx(expected, rel=1e-13)
