"""SciPy's solvers with exact derivatives: the names and arguments are SciPy's.

Each function here calls the one of the same name in SciPy and passes the derivatives that the
chosen method uses; it returns what SciPy returns. An explicit ``jac``, ``hess`` or ``hessp`` wins.
The objects of ``numbad.interop.functions`` do the same for a call of SciPy written by hand.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from numbad.interop.functions import Model, Objective, VectorFunction

__all__ = [
    "Fit",
    "Model",
    "Objective",
    "VectorFunction",
    "curve_fit",
    "least_squares",
    "minimize",
    "nonlinear_constraint",
    "odeint",
    "root",
    "solve_ivp",
]

# What methods of `minimize` use; SciPy warns about what they don't.
_WITHOUT_GRADIENT = ("nelder-mead", "powell", "cobyla", "cobyqa")
_WITH_PRODUCT = ("newton-cg", "trust-ncg", "trust-krylov", "trust-constr")
_WITH_HESSIAN = ("dogleg", "trust-exact")
_ROOT_WITH_JACOBIAN = ("hybr", "lm")
_IVP_WITH_JACOBIAN = ("Radau", "BDF", "LSODA")


def minimize(
    f: Callable[..., Any],
    x0: Any,
    args: Any = (),
    method: Any = None,
    **options: Any,
) -> Any:
    """``scipy.optimize.minimize`` with gradients, and Hessians where the method uses them.

    Parameters
    ----------
    f : callable
        ``f(x, *args)`` returns a real number.
    x0, args, method, **options
        As for SciPy. Methods that take products of the Hessian with a vector get these, without
        forming the Hessian; ``dogleg`` and ``trust-exact`` get the Hessian.

    Returns
    -------
    scipy.optimize.OptimizeResult

    Raises
    ------
    DifferentiationError
        ``f`` cannot be differentiated.

    Examples
    --------
    >>> import numpy as np
    >>> from numbad.interop.scipy import minimize
    >>> found = minimize(lambda x: np.sum((x - 3.0) ** 2), np.zeros(2), method="trust-ncg")
    >>> found.x.round(6)
    array([3., 3.])
    """
    from scipy import optimize

    args = args if isinstance(args, tuple) else (args,)
    objective = Objective(f)
    name = method.lower() if isinstance(method, str) else method
    if name in _WITHOUT_GRADIENT:
        return optimize.minimize(objective.value, x0, args, method, **options)
    if "hess" not in options and "hessp" not in options:
        if name in _WITH_PRODUCT:
            options["hessp"] = objective.hessp
        elif name in _WITH_HESSIAN:
            options["hess"] = objective.hess
    if "jac" in options:
        return optimize.minimize(objective.value, x0, args, method, **options)
    return optimize.minimize(objective, x0, args, method, jac=True, **options)


def nonlinear_constraint(f: Callable[..., Any], lb: Any, ub: Any, **options: Any) -> Any:
    """``scipy.optimize.NonlinearConstraint`` ``lb <= f(x) <= ub`` with Jacobian and Hessians.

    Parameters
    ----------
    f : callable
        ``f(x)`` returns a number, an array, or a list of numbers.
    lb, ub, **options
        As for SciPy. ``SLSQP`` and ``COBYLA`` warn about a Hessian that they ignore: for these
        give ``hess=scipy.optimize.BFGS()``.

    Returns
    -------
    scipy.optimize.NonlinearConstraint

    Examples
    --------
    >>> import numpy as np
    >>> from numbad.interop.scipy import minimize, nonlinear_constraint
    >>> disc = nonlinear_constraint(lambda x: x[0] ** 2 + x[1] ** 2, 0.0, 2.0)
    >>> start = np.array([0.5, 0.2])
    >>> options = {"method": "trust-constr", "constraints": disc, "tol": 1e-9}
    >>> minimize(lambda x: -np.sum(x), start, **options).x.round(4)
    array([1., 1.])
    """
    from scipy import optimize

    function = VectorFunction(f)

    def weighted(x: Any, weights: Any) -> Any:
        return np.sum(np.asarray(f(x)) * weights)

    options.setdefault("jac", function.jac)
    options.setdefault("hess", Objective(weighted).hess)
    return optimize.NonlinearConstraint(function, lb, ub, **options)


def least_squares(f: Callable[..., Any], x0: Any, *, sparsity: Any = None, **options: Any) -> Any:
    """``scipy.optimize.least_squares`` with the Jacobian of the residuals.

    Parameters
    ----------
    f : callable
        ``f(x, *args, **kwargs)`` returns the residuals: an array, or a list of numbers.
    x0, **options
        As for SciPy.
    sparsity : optional
        As for ``numbad.jacobian``, for instance ``"auto"``: the Jacobian is evaluated compressed,
        and is a sparse matrix. Not for ``method="lm"``.

    Returns
    -------
    scipy.optimize.OptimizeResult

    Examples
    --------
    >>> import numpy as np
    >>> from numbad.interop.scipy import least_squares
    >>> least_squares(lambda x: [x[0] - 1.0, 10.0 * (x[1] - x[0] ** 2)], np.zeros(2)).x.round(6)
    array([1., 1.])
    """
    from scipy import optimize

    residuals = VectorFunction(f, sparsity=sparsity)
    options.setdefault("jac", residuals.jac)
    return optimize.least_squares(residuals, x0, **options)


def root(
    f: Callable[..., Any], x0: Any, args: Any = (), method: str = "hybr", **options: Any
) -> Any:
    """``scipy.optimize.root`` with the Jacobian, for the methods that use one.

    Parameters
    ----------
    f : callable
        ``f(x, *args)`` returns as many numbers as ``x`` has.
    x0, args, method, **options
        As for SciPy.

    Returns
    -------
    scipy.optimize.OptimizeResult

    Examples
    --------
    >>> import numpy as np
    >>> from numbad.interop.scipy import root
    >>> root(lambda x: [x[0] + x[1] - 3.0, x[0] * x[1] - 2.0], [0.5, 3.0]).x.round(6)
    array([1., 2.])
    """
    from scipy import optimize

    function = VectorFunction(f)
    if method.lower() in _ROOT_WITH_JACOBIAN:
        options.setdefault("jac", function.jac)
    return optimize.root(function, x0, args, method, **options)


def solve_ivp(
    f: Callable[..., Any],
    t_span: Any,
    y0: Any,
    method: Any = "RK45",
    **options: Any,
) -> Any:
    """``scipy.integrate.solve_ivp`` with the Jacobian, for the methods that use one.

    Parameters
    ----------
    f : callable
        ``f(t, y, *args)`` returns as many numbers as ``y`` has.
    t_span, y0, method, **options
        As for SciPy. ``Radau``, ``BDF`` and ``LSODA`` use the Jacobian.

    Returns
    -------
    scipy.integrate.OdeResult

    Examples
    --------
    >>> import numpy as np
    >>> from numbad.interop.scipy import solve_ivp
    >>> found = solve_ivp(lambda t, y: -1000.0 * (y - np.cos(t)), (0, 1), [0.0], method="BDF")
    >>> abs(found.y[0, -1] - np.cos(1.0)) < 1e-2
    np.True_
    """
    from scipy import integrate

    field = VectorFunction(f, wrt=1)
    if method in _IVP_WITH_JACOBIAN:
        options.setdefault("jac", field.jac)
    return integrate.solve_ivp(field, t_span, y0, method, **options)


def odeint(f: Callable[..., Any], y0: Any, t: Any, args: Any = (), **options: Any) -> Any:
    """``scipy.integrate.odeint`` with the Jacobian.

    Parameters
    ----------
    f : callable
        ``f(y, t, *args)``, or ``f(t, y, *args)`` with ``tfirst=True``.
    y0, t, args, **options
        As for SciPy.

    Returns
    -------
    ndarray or tuple
        As SciPy.

    Examples
    --------
    >>> import numpy as np
    >>> from numbad.interop.scipy import odeint
    >>> odeint(lambda y, t, k: -k * y, 1.0, [0.0, 1.0], args=(2.0,)).round(6)
    array([[1.      ],
           [0.135335]])
    """
    from scipy import integrate

    args = args if isinstance(args, tuple) else (args,)
    field = VectorFunction(f, wrt=1 if options.get("tfirst") else 0)
    if "Dfun" not in options:
        options["Dfun"] = field.jac
        if options.pop("col_deriv", False):
            raise ValueError("col_deriv belongs to a Dfun of your own.")
    return integrate.odeint(field, y0, t, args, **options)


class Fit(NamedTuple):
    """Result of ``curve_fit``.

    Attributes
    ----------
    popt, pcov
        Parameters and their covariance, as SciPy's.
    stderr
        Standard errors of the parameters: square roots of the diagonal of ``pcov``.
    jac
        Jacobian of the model at ``popt``, shape (number of data, number of parameters).
    """

    popt: Any
    pcov: Any
    stderr: Any
    jac: Any


def curve_fit(f: Callable[..., Any], xdata: Any, ydata: Any, p0: Any = None, **options: Any) -> Fit:
    """``scipy.optimize.curve_fit`` with the Jacobian of the model, and standard errors.

    Parameters
    ----------
    f : callable
        ``f(x, *params)`` returns one prediction per datum; the parameters are numbers.
    xdata, ydata, p0, **options
        As for SciPy, except ``full_output``.

    Returns
    -------
    Fit
        Named tuple ``(popt, pcov, stderr, jac)``.

    Examples
    --------
    >>> import numpy as np
    >>> from numbad.interop.scipy import curve_fit
    >>> x = np.linspace(0.0, 1.0, 20)
    >>> curve_fit(lambda x, a, b: a * np.exp(-b * x), x, 3.0 * np.exp(-2.0 * x)).popt.round(6)
    array([3., 2.])
    """
    from scipy import optimize

    if "full_output" in options:
        raise TypeError("curve_fit returns a Fit, which `full_output` cannot change.")
    model = Model(f)

    def predict(x: Any, *params: Any) -> Any:
        return model(x, *params)

    # SciPy counts the parameters of the model by its signature.
    predict.__signature__ = inspect.signature(getattr(f, "py_func", f))  # type: ignore[attr-defined]
    options.setdefault("jac", model.jac)
    popt, pcov = optimize.curve_fit(predict, xdata, ydata, p0, **options)
    x = np.asarray(xdata, dtype=float) if isinstance(xdata, list | tuple) else xdata
    return Fit(popt, pcov, np.sqrt(np.diag(pcov)), model.jac(x, *popt))
