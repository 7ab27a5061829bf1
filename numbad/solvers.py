"""Solutions of equations, differentiated by the implicit function theorem."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

from numbad import api, jacobians, numba_bridge
from numbad.custom.declare import UserRule, declare_new


def implicit(
    solver: Callable[..., Any],
    residual: Callable[..., Any] | None = None,
    *,
    fixed_point: Callable[..., Any] | None = None,
    like: Any = None,
) -> Callable[..., Any]:
    """Return ``solver`` with derivatives by the implicit function theorem.

    Parameters
    ----------
    solver : callable
        ``x = solver(*theta)`` returns a number or an array. It is never differentiated, so that it
        may iterate, branch and stop as it likes.
    residual : callable
        ``residual(x, *theta)`` is zero at the solution; a number for a number ``x``, else as many
        numbers as ``x`` has. It is differentiated, any number of times.
    fixed_point : callable, optional
        In place of ``residual``: the solution is ``x = fixed_point(x, *theta)``.
    like : float or ndarray, optional
        For a solver that numbad cannot compile, such as one that calls
        ``scipy.optimize.root``: an example of what it returns, of which only the type and the
        number of dimensions matter. The solver is then called back from compiled code.

    Returns
    -------
    callable
        ``solve(*theta)``. The ``theta`` may be numbers, arrays and containers of these. It can be
        differentiated in both modes and nested, and is an ``@njit`` function if the solver is one.

    Raises
    ------
    TypeError
        Neither or both of ``residual`` and ``fixed_point`` are given; an argument is not callable;
        ``like`` is not a real number or array.

    Notes
    -----
    With ``J = d residual / d x`` at the solution, ``x_dot = -J**-1 (d residual / d theta)
    theta_dot``; the reverse mode solves one linear system with the transpose of ``J`` per
    cotangent. ``J`` is dense. The theorem needs ``J`` to be regular: where it is singular (a
    multiple root, a fold) the derivative of the solution does not exist, and the derivative raises
    ``numpy.linalg.LinAlgError`` (``ZeroDivisionError`` for a number). That the residual is zero
    is not checked: if the solver has not converged, the derivative is not that of anything.
    Griewank & Walther, *Evaluating Derivatives* (2008), section 15.

    Examples
    --------
    >>> import math, numbad
    >>> def newton(a):
    ...     x = 1.0
    ...     while abs(x - math.cos(a * x)) > 1e-14:
    ...         x -= (x - math.cos(a * x)) / (1.0 + a * math.sin(a * x))
    ...     return x
    >>> solve = numbad.implicit(newton, lambda x, a: x - math.cos(a * x))
    >>> round(numbad.gradient(solve, 1.0)[0], 9)
    -0.297474342
    """
    if (residual is None) == (fixed_point is None):
        raise TypeError("implicit takes either a residual or a fixed_point.")
    residual = _residual_of(fixed_point) if fixed_point is not None else residual
    for role, part in (("solver", solver), ("residual", residual)):
        if not callable(part):
            raise TypeError(f"the {role} of implicit must be callable, not {part!r}.")
    if like is None:
        return _with_rule(solver, residual, solver)
    from numbad.custom.python_solvers import PythonSolver

    return _with_rule(PythonSolver(solver, like), residual, solver)


def _residual_of(step: Callable[..., Any]) -> Callable[..., Any]:
    if not callable(step):
        raise TypeError(f"the fixed_point of implicit must be callable, not {step!r}.")

    def residual(x: Any, *theta: Any) -> Any:
        return x - step(x, *theta)

    return residual


def _with_rule(run: Any, residual: Any, solver: Any) -> Callable[..., Any]:
    def solve(*theta: Any) -> Any:
        return run(*theta)

    if numba_bridge.dispatcher_function(run) is not None:
        solve = njit(solve)

    def rule(*theta: Any) -> Any:
        x = solve(*theta)

        def back(x_bar: Any) -> Any:
            weights = _weights(residual, x, theta, x_bar)

            def weighted(*theta: Any) -> Any:
                return np.sum(weights * np.asarray(residual(x, *theta)))

            return api.gradient(weighted, *theta)

        return x, back

    name = getattr(solver, "__name__", "solver").strip("<>")
    rule.__name__ = rule.__qualname__ = f"{name}_rule"
    core = numba_bridge.dispatcher_function(solve) or solve
    core.__name__ = core.__qualname__ = name
    functools.update_wrapper(solve, solver, assigned=("__doc__",), updated=())
    declare_new(UserRule(solve, forward=rule))
    return solve


def _weights(residual: Any, x: Any, theta: Any, x_bar: Any) -> Any:
    """Return the solution of ``J.T weights = -x_bar``, of the shape of ``x``."""

    def of_x(x: Any) -> Any:
        return residual(x, *theta)

    if np.ndim(x) == 0:
        return -x_bar / api.derivative(of_x, x)

    def as_vector(x: Any) -> Any:
        return np.ravel(np.asarray(of_x(x)))

    matrix = jacobians.jacobian(as_vector, x)[0]
    return -np.linalg.solve(np.ascontiguousarray(matrix.T), np.ravel(x_bar)).reshape(x.shape)
