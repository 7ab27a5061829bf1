"""SciPy's own solvers, run with our derivatives and without any, must agree."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit
from scipy import integrate, optimize, sparse

from numbad.interop import scipy as interop
from numbad.interop.functions import Objective, VectorFunction


def rosenbrock(x, a, b):
    total = 0.0
    for i in range(x.size - 1):
        total += b * (x[i + 1] - x[i] ** 2) ** 2 + (a - x[i]) ** 2
    return total


START = np.array([-1.2, 1.0, 0.7, 1.9])
METHODS = [
    *("CG", "BFGS", "Newton-CG", "L-BFGS-B", "TNC", "SLSQP", "trust-ncg", "trust-krylov"),
    *("trust-exact", "trust-constr", None),
]


@pytest.mark.parametrize("method", METHODS)
def test_minimize_finds_the_minimum_with_every_method_that_uses_derivatives(method):
    options = {"options": {"maxfun": 500}} if method == "TNC" else {}
    found = interop.minimize(rosenbrock, START, (1.0, 10.0), method, tol=1e-9, **options)
    np.testing.assert_allclose(found.x, np.ones(4), atol=1e-4)


def test_dogleg_wants_a_convex_function_and_its_hessian():
    found = interop.minimize(lambda x: np.sum(np.cosh(x - 0.3)), START, method="dogleg")
    np.testing.assert_allclose(found.x, 0.3, atol=1e-4)
    assert found.nhev > 0


@pytest.mark.parametrize("method", ["Nelder-Mead", "Powell", "COBYLA"])
def test_minimize_passes_nothing_to_methods_without_derivatives(method):
    found = interop.minimize(lambda x: np.sum((x - 0.5) ** 2), np.zeros(2), method=method)
    np.testing.assert_allclose(found.x, 0.5, atol=1e-3)


def test_minimize_uses_products_and_no_hessian_where_it_can():
    found = interop.minimize(njit(rosenbrock), START, (1.0, 10.0), "trust-krylov")
    assert found.success
    assert found.nhev > 0


def test_an_explicit_gradient_wins():
    calls = []

    def jac(x):
        calls.append(x)
        return 2 * x

    interop.minimize(lambda x: np.sum(x**2), np.ones(2), jac=jac)
    assert calls


def test_objective_agrees_with_scipy_on_value_gradient_hessian():
    objective = Objective(rosenbrock)
    x = np.array([0.3, -0.7, 1.1])
    value, grad = objective(x, 1.0, 100.0)
    assert value == pytest.approx(optimize.rosen(x))
    np.testing.assert_allclose(grad, optimize.rosen_der(x))
    np.testing.assert_allclose(objective.grad(x, 1.0, 100.0), optimize.rosen_der(x))
    np.testing.assert_allclose(objective.hess(x, 1.0, 100.0), optimize.rosen_hess(x))
    p = np.array([0.2, -1.3, 0.4])
    np.testing.assert_allclose(
        objective.hessp(x, p, 1.0, 100.0), optimize.rosen_hess_prod(x, p), rtol=1e-12
    )


def test_an_objective_without_a_path_to_its_argument_has_gradient_zero():
    value, grad = Objective(lambda x: 4.0)(np.ones(3))
    assert value == 4.0
    np.testing.assert_array_equal(grad, np.zeros(3))


def test_constraints_have_jacobians_and_hessians():
    def ellipse(x):
        return [x[0] ** 2 + 2.0 * x[1] ** 2, x[0] * x[1]]

    constraint = interop.nonlinear_constraint(ellipse, [-np.inf, 0.1], [3.0, np.inf])
    np.testing.assert_allclose(constraint.jac(np.array([0.3, 0.7])), [[0.6, 2.8], [0.7, 0.3]])
    found_hess = constraint.hess(np.array([0.3, 0.7]), np.array([2.0, 5.0]))
    np.testing.assert_allclose(found_hess, [[4.0, 5.0], [5.0, 8.0]])
    without_hessian = interop.nonlinear_constraint(
        ellipse, [-np.inf, 0.1], [3.0, np.inf], hess=optimize.BFGS()
    )
    # The optimum of a linear function on the ellipse.
    scale = np.sqrt(3.0 / (1.0 + 4.5))
    for method, given in (("trust-constr", constraint), ("SLSQP", without_hessian)):
        found = interop.minimize(
            lambda x: -x[0] - 3.0 * x[1], np.array([0.5, 0.6]), method=method, constraints=given
        )
        np.testing.assert_allclose(found.x, [scale, 1.5 * scale], rtol=1e-4)


@pytest.mark.parametrize("method", ["trf", "dogbox", "lm"])
def test_least_squares(method):
    t = np.linspace(0.0, 4.0, 30)
    data = 2.5 * np.exp(-0.7 * t) + 0.3

    def residuals(x, t, data):
        return x[0] * np.exp(-x[1] * t) + x[2] - data

    found = interop.least_squares(residuals, np.ones(3), args=(t, data), method=method)
    np.testing.assert_allclose(found.x, [2.5, 0.7, 0.3], rtol=1e-6)
    plain = optimize.least_squares(residuals, np.ones(3), args=(t, data), jac="3-point")
    np.testing.assert_allclose(found.jac, plain.jac, atol=1e-5)


@pytest.mark.parametrize("method", ["trf", "dogbox"])
def test_sparse_least_squares(method):
    def residuals(x, data):
        out = np.empty(2 * x.size - 1)
        for i in range(x.size):
            out[i] = x[i] ** 3 - data[i]
        for i in range(x.size - 1):
            out[x.size + i] = 0.5 * (x[i + 1] - x[i]) * x[i]
        return out

    data = np.linspace(1.0, 8.0, 30)
    start = np.linspace(0.5, 2.5, 30)
    found = interop.least_squares(
        residuals, start, args=(data,), sparsity="auto", method=method, ftol=1e-12
    )
    assert sparse.issparse(found.jac)
    assert found.jac.nnz == 30 + 2 * 29
    plain = optimize.least_squares(residuals, start, args=(data,), method=method, ftol=1e-12)
    np.testing.assert_allclose(found.x, plain.x, rtol=1e-5)
    np.testing.assert_allclose(found.jac.toarray(), plain.jac, atol=1e-5)


@pytest.mark.parametrize("method", ["hybr", "lm", "broyden1"])
def test_root(method):
    def balance(x, c):
        return [x[0] ** 2 + x[1] - c, x[0] - x[1] ** 3 + 0.5]

    found = interop.root(balance, [0.8, 1.1], (2.0,), method)
    np.testing.assert_allclose(balance(found.x, 2.0), 0.0, atol=1e-5)


def robertson(t, y):
    return [
        -0.04 * y[0] + 1e4 * y[1] * y[2],
        0.04 * y[0] - 1e4 * y[1] * y[2] - 3e7 * y[1] ** 2,
        3e7 * y[1] ** 2,
    ]


@pytest.mark.parametrize("method", ["Radau", "BDF", "LSODA", "RK45"])
def test_solve_ivp_agrees_with_finite_differences_of_scipy(method):
    end = 100.0 if method != "RK45" else 0.01
    tolerances = {"rtol": 1e-7, "atol": 1e-10}
    with_jacobian = interop.solve_ivp(robertson, (0.0, end), [1.0, 0.0, 0.0], method, **tolerances)
    plain = integrate.solve_ivp(robertson, (0.0, end), [1.0, 0.0, 0.0], method, **tolerances)
    np.testing.assert_allclose(with_jacobian.y[:, -1], plain.y[:, -1], rtol=1e-4)
    assert with_jacobian.nfev <= plain.nfev


def test_solve_ivp_passes_arguments_to_the_jacobian():
    def decay(t, y, k, target):
        return -k * (y - target * np.cos(t)) ** 3

    args = (50.0, np.array([1.0, 2.0]))
    found = interop.solve_ivp(decay, (0.0, 1.0), [0.0, 0.5], "Radau", args=args)
    plain = integrate.solve_ivp(decay, (0.0, 1.0), [0.0, 0.5], "Radau", args=args)
    np.testing.assert_allclose(found.y[:, -1], plain.y[:, -1], rtol=1e-6)


def pendulum(y, t, damping, length):
    return np.array([y[1], -damping * y[1] - 9.81 / length * np.sin(y[0])])


@pytest.mark.parametrize("tfirst", [False, True])
def test_odeint_in_both_orders_of_arguments(tfirst):
    t = np.linspace(0.0, 3.0, 7)
    f = (lambda t, y, a, b: pendulum(y, t, a, b)) if tfirst else pendulum
    found = interop.odeint(f, [0.4, 0.0], t, (0.25, 2.0), tfirst=tfirst)
    plain = integrate.odeint(pendulum, [0.4, 0.0], t, (0.25, 2.0))
    np.testing.assert_allclose(found, plain, atol=1e-6)
    field = VectorFunction(pendulum)
    y = np.array([0.4, 0.2])
    expected = [[0.0, 1.0], [-9.81 / 2.0 * np.cos(0.4), -0.25]]
    np.testing.assert_allclose(field.jac(y, 0.0, 0.25, 2.0), expected)


def test_curve_fit_gives_standard_errors():
    rng = np.random.default_rng(3)
    x = np.linspace(0.0, 4.0, 50)

    def model(x, a, b, c):
        return a * np.exp(-b * x) + c

    sigma = 0.02 + 0.01 * x
    y = model(x, 2.5, 1.3, 0.5) + sigma * rng.normal(size=x.size)
    fit = interop.curve_fit(model, x, y, sigma=sigma, absolute_sigma=True)
    popt, pcov = optimize.curve_fit(model, x, y, sigma=sigma, absolute_sigma=True)
    np.testing.assert_allclose(fit.popt, popt, rtol=1e-5)
    np.testing.assert_allclose(fit.pcov, pcov, rtol=1e-3)
    weighted = fit.jac / sigma[:, None]
    # SciPy's covariance is that of the last but one step.
    np.testing.assert_allclose(fit.pcov, np.linalg.inv(weighted.T @ weighted), rtol=1e-3)
    np.testing.assert_allclose(fit.stderr, np.sqrt(np.diag(fit.pcov)))


def test_curve_fit_of_a_compiled_model_with_a_guess_and_bounds():
    x = np.linspace(0.1, 3.0, 25)
    model = njit(lambda x, a, b: a * x**b)
    fit = interop.curve_fit(model, list(x), 1.7 * x**0.6, bounds=([0.0, 0.0], [5.0, 3.0]))
    np.testing.assert_allclose(fit.popt, [1.7, 0.6], rtol=1e-6)
    with pytest.raises(TypeError, match="full_output"):
        interop.curve_fit(model, x, x, full_output=True)
