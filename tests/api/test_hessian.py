"""Hessians, their diagonals and products: worked examples, modes, results, effects, nesting."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import numbad
from numbad import (
    derivative,
    diaghessian,
    gradient,
    hessian,
    hessian_reverse,
    hvp,
    jvp,
    withhessian,
)
from numbad.errors import DifferentiationError, NonScalarOutput
from tests.interpreter import interpreted

BOTH = pytest.mark.parametrize("verb", [hessian, hessian_reverse])


@pytest.fixture
def evaluated():
    with interpreted():
        yield


# --- the worked examples --------------------------------------------------------------------------


@BOTH
def test_product_of_two(verb, rng):
    assert_array_equal(verb(lambda x: x[0] * x[1], rng.standard_normal(2)), [[0, 1], [1, 0]])


@BOTH
def test_of_a_list(verb):
    assert_array_equal(verb(lambda ab: ab[0] * ab[1], [2, 3]), [[0, 1], [1, 0]])


@BOTH
@pytest.mark.parametrize("order", ["C", "F"])
def test_of_a_matrix(verb, order):
    found = verb(lambda x: np.sum(x**3), [[1, 2], [3, 4]], order=order)
    expected = 6.0 * np.array([[1.0, 2.0], [3.0, 4.0]]).ravel(order)
    assert_array_equal(found, np.diag(expected))


@BOTH
def test_of_a_number(verb):
    found = verb(math.sin, math.pi / 2)
    assert isinstance(found, float)
    assert found == -1.0


@BOTH
def test_of_atan2(verb):
    found = verb(lambda v: math.atan2(v[0], v[1]), [1, 2])
    assert_allclose(found, [[-0.16, -0.12], [-0.12, 0.16]], rtol=1e-15)


def test_diagonals():
    found = diaghessian(lambda x: np.sum(x**3), [[1, 2], [3, 4]])[0]
    assert_array_equal(found, [[6, 12], [18, 24]])
    of_x, of_y = diaghessian(
        lambda x, y: np.sum(x * y[:, None] * y), [[1, 22], [333, 4]], [0.5, 0.666]
    )
    assert_array_equal(of_x, np.zeros((2, 2)))
    assert_array_equal(of_y, [2.0, 8.0])
    found = diaghessian(math.atan2, 1, 2)
    assert_allclose(found, (-0.16, 0.16), rtol=1e-15)
    assert all(isinstance(entry, float) for entry in found)


# --- values ---------------------------------------------------------------------------------------


def rosenbrock(x):
    total = 0.0
    for i in range(x.size - 1):
        total += 100.0 * (x[i + 1] - x[i] ** 2) ** 2 + (1.0 - x[i]) ** 2
    return total


def rosenbrock_hessian(x):
    h = np.diag(-400.0 * x[:-1], 1)
    h = h + h.T
    diagonal = np.zeros(x.size)
    diagonal[:-1] += 1200.0 * x[:-1] ** 2 - 400.0 * x[1:] + 2.0
    diagonal[1:] += 200.0
    return h + np.diag(diagonal)


@pytest.mark.usefixtures("evaluated")
@pytest.mark.parametrize("width", [1, 2, 3, 8, 12, 64])
def test_the_result_does_not_depend_on_the_width(width, rng):
    x = rng.uniform(-1.0, 1.0, 7)
    expected = rosenbrock_hessian(x)
    assert_allclose(hessian(rosenbrock, x, chunk_threshold=width), expected, rtol=1e-12, atol=1e-12)
    found = hessian_reverse(rosenbrock, x, chunk_threshold=width)
    assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    (diagonal,) = diaghessian(rosenbrock, x, chunk_threshold=width)
    assert_allclose(diagonal, np.diag(expected), rtol=1e-12)


def test_compiled_in_chunks(rng):
    x = rng.uniform(-1.0, 1.0, 21)
    expected = rosenbrock_hessian(x)
    assert_allclose(hessian(rosenbrock, x), expected, rtol=1e-12, atol=1e-12)
    v = rng.standard_normal(21)
    assert_allclose(hvp(rosenbrock, x, v), expected @ v, rtol=1e-12, atol=1e-11)


@pytest.mark.usefixtures("evaluated")
def test_value_gradient_and_hessian(rng):
    x = rng.uniform(-1.0, 1.0, (2, 3))

    def f(x):
        return np.sum(np.exp(x) * x[0, 0])

    found = withhessian(f, x)
    assert found._fields == ("val", "grad", "hess")
    assert found.val == pytest.approx(f(x))
    assert_allclose(found.grad, gradient(f, x)[0], rtol=1e-14)
    assert_allclose(found.hess, hessian_reverse(f, x), rtol=1e-13)
    assert found.hess.shape == (6, 6)
    assert found.grad.shape == (2, 3)
    assert withhessian(lambda x: x**3, 2.0) == (8.0, 12.0, 12.0)


@pytest.mark.usefixtures("evaluated")
def test_products(rng):
    x, v = rng.uniform(0.5, 1.5, (2, 3)), rng.standard_normal((2, 3))

    def f(x):
        return np.sum(np.sin(x) * x[1, 2]) ** 2

    expected = (hessian(f, x) @ v.ravel()).reshape(2, 3)
    assert_allclose(hvp(f, x, v), expected, rtol=1e-12)
    assert_allclose(hvp(f, np.asfortranarray(x), v[:, ::-1][:, ::-1]), expected, rtol=1e-12)
    assert hvp(lambda x: x**3, 2.0, 0.5) == 6.0
    assert_array_equal(hvp(lambda x: np.sum(x), np.ones(3), np.ones(3)), np.zeros(3))
    with pytest.raises(ValueError, match="direction has shape"):
        hvp(f, x, v[:1])


@pytest.mark.usefixtures("evaluated")
def test_linear_and_constant_functions():
    x = np.ones((2, 2))
    for verb in (hessian, hessian_reverse):
        assert_array_equal(verb(lambda x: 3.0 * np.sum(x), x), np.zeros((4, 4)))
        assert_array_equal(verb(lambda x: 3.0, x), np.zeros((4, 4)))
        assert verb(lambda x: 3.0 * x, 2.0) == 0.0
    assert_array_equal(diaghessian(lambda x, y: np.sum(y**2), x, 2 * x)[0], np.zeros((2, 2)))
    assert_array_equal(diaghessian(lambda x, y: np.sum(y**2), x, 2 * x)[1], 2.0 * x)
    found = withhessian(lambda x: 3.0, x)
    assert_array_equal(found.grad, np.zeros((2, 2)))


@pytest.mark.usefixtures("evaluated")
def test_keywords_and_chosen_arguments():
    def f(x, y, *, power):
        return np.sum(x**power * y)

    x, y = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    found = diaghessian(f, x, y, wrt="x", power=3)
    assert_allclose(found[0], 6.0 * x * y)
    assert found[1] is None
    assert diaghessian(f, x, numbad.Const(y), power=3)[1] is None

    def g(x, *, scale, power=2):
        return scale * np.sum(x**power)

    for verb in (hessian, hessian_reverse):
        assert_array_equal(verb(g, x, scale=2.0), 4.0 * np.eye(2))
        assert_array_equal(verb(g, x, scale=2.0, power=3), np.diag(12.0 * x))
    assert_array_equal(hvp(g, x, x, scale=2.0), 4.0 * x)


@pytest.mark.usefixtures("evaluated")
@BOTH
def test_shapes_and_dtypes(verb):
    assert verb(lambda x: np.sum(x**2), np.zeros(0)).shape == (0, 0)
    single = np.array([0.5, 1.5], np.float32)
    found = verb(lambda x: x[0] * x[1] ** 2, single)
    assert_allclose(found, [[0.0, 3.0], [3.0, 1.0]], rtol=1e-6)
    found = verb(lambda x: x[()] ** 3, np.array(2.0))
    assert_array_equal(found, [[12.0]])
    fortran = np.asfortranarray(np.arange(1.0, 7.0).reshape(2, 3))
    assert_array_equal(verb(lambda x: np.sum(x**3), fortran), np.diag(6.0 * np.arange(1.0, 7.0)))
    strided = np.arange(1.0, 7.0)[::2]
    found = verb(lambda x: np.prod(x), strided)
    assert_array_equal(found, [[0.0, 5.0, 3.0], [5.0, 0.0, 1.0], [3.0, 1.0, 0.0]])
    assert found.flags.c_contiguous


@pytest.mark.usefixtures("evaluated")
@BOTH
@pytest.mark.parametrize("width", [2, 12])
def test_arguments_change_once(verb, width):
    def f(x):
        x[0] = x[1] * x[2]
        return x[0] * x[1]

    x = np.array([1.0, 2.0, 3.0])
    found = verb(f, x, chunk_threshold=width)
    assert_array_equal(x, [6.0, 2.0, 3.0])
    assert_array_equal(found, [[0.0, 0.0, 0.0], [0.0, 6.0, 4.0], [0.0, 4.0, 0.0]])


@pytest.mark.usefixtures("evaluated")
def test_effects_are_not_repeated(capsys):
    def f(x):
        print("here")
        return np.sum(x**2)

    assert_array_equal(hessian(f, np.ones(2)), 2.0 * np.eye(2))
    assert capsys.readouterr().out == "here\n"
    with pytest.raises(DifferentiationError, match="several sweeps"):
        hessian(f, np.ones(2), chunk_threshold=1)


@pytest.mark.usefixtures("evaluated")
def test_refusals():
    x = np.ones(3)
    for verb in (hessian, hessian_reverse, diaghessian, withhessian):
        with pytest.raises(NonScalarOutput, match="jacobian"):
            verb(lambda x: x, x)
        with pytest.raises(NonScalarOutput, match="complex"):
            verb(lambda z: abs(z[0]), x + 1j)
        with pytest.raises(TypeError, match="real number"):
            verb(lambda s: 1.0, "text")
    with pytest.raises(NonScalarOutput):
        hvp(lambda x: x, x, x)
    with pytest.raises(ValueError, match="order"):
        hessian(lambda x: np.sum(x), x, order="A")


# --- conventions at special points ----------------------------------------------------------------


@pytest.mark.usefixtures("evaluated")
@BOTH
def test_special_points(verb):
    assert verb(lambda x: x**2, 0.0) == 2.0
    assert verb(lambda x: x**3, 0.0) == 0.0
    assert verb(lambda x: x * abs(x), 0.0) == 0.0
    assert verb(lambda x: max(x, 0.0) ** 2, -1.0) == 0.0
    assert_array_equal(
        verb(lambda x: np.sum(np.where(x > 0, x**2, 1.0 / x)), np.ones(2)), 2 * np.eye(2)
    )


# --- nesting --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("evaluated")
def test_perturbations_are_not_confused():
    assert derivative(lambda x: x * derivative(lambda y: x + y, 1.0), 1.0) == 1.0
    assert gradient(lambda x: x * gradient(lambda y: x + y, 1.0)[0], 1.0) == (1.0,)
    assert derivative(lambda x: x * gradient(lambda y: x + y, 1.0)[0], 1.0) == 1.0
    assert gradient(lambda x: x * derivative(lambda y: x + y, 1.0), 1.0) == (1.0,)
    assert derivative(lambda x: derivative(lambda y: x * y * y, 3.0), 2.0) == 6.0
    # d/dx of x d/dy (x y) at y = x, with and without the inner y depending on x.
    assert derivative(lambda x: x * derivative(lambda y: x * y, x), 3.0) == 6.0
    assert jvp(lambda x: derivative(lambda y: x * x * y, 1.0), (3.0,), (1.0,)) == (9.0, 6.0)


@pytest.mark.usefixtures("evaluated")
def test_three_levels():
    def third(x):
        return derivative(lambda x: derivative(lambda x: derivative(math.exp, x), x), x)

    assert third(0.7) == pytest.approx(math.exp(0.7))

    def of_reverse(y):
        return derivative(lambda z: gradient(lambda w: math.sin(w * z), y)[0], y)

    # d/dz of z cos(y z) at z = y is cos(y^2) - y^2 sin(y^2); of that the derivative.
    x = 0.6
    c, s = math.cos(x * x), math.sin(x * x)
    expected = -2 * x * s - 2 * x * s - 2 * x**3 * c
    assert gradient(of_reverse, x)[0] == pytest.approx(expected)
    assert derivative(of_reverse, x) == pytest.approx(expected)


@pytest.mark.usefixtures("evaluated")
def test_matrices_of_derivatives(rng):
    x = rng.uniform(0.5, 1.5, 4)

    def f(x):
        return np.sum(np.sin(x) * x[0]) ** 2

    expected = hessian(f, x)
    for mode in ("forward", "reverse"):
        found = numbad.jacobian(lambda x: gradient(f, x)[0], x, mode=mode)[0]
        assert_allclose(found, expected, rtol=1e-12)
    # The gradient of a trace of a Hessian, by differences.
    (found,) = gradient(lambda x: np.trace(hessian(f, x)), x)
    for i in range(4):
        step = np.zeros(4)
        step[i] = 1e-5
        difference = (np.trace(hessian(f, x + step)) - np.trace(hessian(f, x - step))) / 2e-5
        assert found[i] == pytest.approx(difference, rel=1e-6, abs=1e-7)


@pytest.mark.usefixtures("evaluated")
def test_forwarddiff_in_a_reverse_sweep():
    def power(x, n):
        r = 1
        for _ in range(n):
            r *= x
        return r

    assert gradient(lambda x: numbad.forwarddiff(lambda x: power(x, 2), x), 5) == (10.0,)
    found = gradient(lambda a, b: numbad.forwarddiff(lambda a: a * b, a), 2, 3)
    assert found == (3.0, None)
    found = gradient(lambda a, b: numbad.forwarddiff(lambda ab: ab[0] * ab[1], [a, b]), 2, 3)
    assert found == (3.0, 2.0)
