"""Functions in the form in which solvers call them, with their derivatives as methods.

Nothing here imports a solver: the objects take the arguments, and return the arrays, that SciPy's
do, which is what most optimisers and integrators of other libraries expect as well.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from numbad import api, hessians, jacobians
from numbad.errors import DifferentiationError


class Objective:
    """A real function of a vector: what ``scipy.optimize.minimize`` takes with ``jac=True``.

    Parameters
    ----------
    f : callable
        ``f(x, *args)`` returns a real number.

    Examples
    --------
    >>> import numpy as np
    >>> from numbad.interop.functions import Objective
    >>> objective = Objective(lambda x, a: a * np.sum(x**2))
    >>> objective(np.array([1.0, 2.0]), 3.0)
    (15.0, array([ 6., 12.]))
    >>> objective.hessp(np.array([1.0, 2.0]), np.array([1.0, 0.0]), 3.0)
    array([6., 0.])
    """

    def __init__(self, f: Callable[..., Any]) -> None:
        self.function = f
        self.value = _Value(f)
        self._both = api.value_and_grad(f)

    def __call__(self, x: Any, *args: Any) -> tuple[Any, Any]:
        """Return the value and the gradient, shape of ``x``."""
        x = np.asarray(x, dtype=float)
        value, grad = self._both(x, *args)
        return value, np.zeros(x.shape) if grad is None else grad

    def grad(self, x: Any, *args: Any) -> Any:
        """Return the gradient, shape of ``x``."""
        return self(x, *args)[1]

    def hess(self, x: Any, *args: Any) -> Any:
        """Return the Hessian, shape (n, n)."""
        return hessians.hessian(_with_args(self.function, args), np.asarray(x, dtype=float))

    def hessp(self, x: Any, p: Any, *args: Any) -> Any:
        """Return the product of the Hessian and ``p``, without forming the Hessian."""
        bound = _with_args(self.function, args)
        return hessians.hvp(bound, np.asarray(x, dtype=float), np.asarray(p, dtype=float))


class VectorFunction:
    """A function with a vector as result, and its Jacobian with respect to one argument.

    Parameters
    ----------
    f : callable
        Returns an array, or a list or tuple of numbers.
    wrt : int
        Position of the argument that the Jacobian is with respect to.
    sparsity : optional
        As for ``numbad.jacobian``: the Jacobian is then a sparse matrix.

    Examples
    --------
    >>> import numpy as np
    >>> from numbad.interop.functions import VectorFunction
    >>> field = VectorFunction(lambda t, y, k: [y[1], -k * y[0]], wrt=1)
    >>> field(0.0, np.array([1.0, 0.0]), 4.0)
    array([ 0., -4.])
    >>> field.jac(0.0, np.array([1.0, 0.0]), 4.0) + 0.0
    array([[ 0.,  1.],
           [-4.,  0.]])
    """

    def __init__(self, f: Callable[..., Any], wrt: int = 0, sparsity: Any = None) -> None:
        self.function = f
        self.wrt = wrt
        self._options: dict[str, Any] = {} if sparsity is None else {"sparsity": sparsity}
        self._as_array = _array_of(f)
        self._value = _Value(self._as_array)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return the value as an array."""
        return self._value(*self._real(args), **kwargs)

    def jac(self, *args: Any, **kwargs: Any) -> Any:
        """Return the Jacobian, shape (m, n)."""
        found = jacobians.jacobian(
            self._as_array, *self._real(args), wrt=self.wrt, **self._options, **kwargs
        )
        return found[self.wrt]

    def _real(self, args: tuple[Any, ...]) -> list[Any]:
        """Return the arguments; the one to differentiate as an array of floats."""
        values = list(args)
        values[self.wrt] = np.asarray(values[self.wrt], dtype=float)
        return values


class Model:
    """A model ``f(x, *params)`` of data, and its Jacobian with respect to the parameters.

    Parameters
    ----------
    f : callable
        ``f(x, *params)`` returns an array with one element per datum; the parameters are numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from numbad.interop.functions import Model
    >>> Model(lambda x, a, b: a + b * x).jac(np.array([0.0, 2.0]), 1.0, 5.0)
    array([[1., 0.],
           [1., 2.]])
    """

    def __init__(self, f: Callable[..., Any]) -> None:
        self.function = f
        self._value = _Value(f)

    def __call__(self, x: Any, *params: Any) -> Any:
        """Return the predictions."""
        return self._value(x, *map(float, params))

    def jac(self, x: Any, *params: Any) -> Any:
        """Return the Jacobian, shape (number of data, number of parameters)."""
        wrt = tuple(range(1, len(params) + 1))
        found = jacobians.jacobian(self.function, x, *map(float, params), wrt=wrt)
        return np.stack(found[1:], axis=1)


class _Value:
    """The value of a function, compiled where numbad can compile it."""

    def __init__(self, f: Callable[..., Any]) -> None:
        self.function = f
        self._is_compiled = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._is_compiled:
            try:
                return api.jvp(self.function, args, (None,) * len(args), **kwargs)[0]
            except DifferentiationError:
                self._is_compiled = False
        return self.function(*args, **kwargs)


def _with_args(f: Callable[..., Any], args: tuple[Any, ...]) -> Callable[..., Any]:
    """Return ``f`` as a function of its first argument."""
    if not args:
        return f

    def bound(x: Any) -> Any:
        return f(x, *args)

    return bound


def _array_of(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``f`` with its result as an array: solvers accept lists and tuples as well."""

    def as_array(*args: Any, **kwargs: Any) -> Any:
        return np.asarray(f(*args, **kwargs))

    return as_array
