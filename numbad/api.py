"""The public verbs: ``gradient``, ``pullback``, ``jvp`` and their kin.

Each describes the arguments, takes the compiled derivative for that description from
``calls.compiled``, runs it on the flat arguments and gives the result the shape of the arguments.
"""

from __future__ import annotations

import numbers
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any, NamedTuple

import numpy as np

from numbad import calls, engines, lifted
from numbad.compilation import Compilation
from numbad.config import config
from numbad.ir.types import Array, tangent_type
from numbad.parameters import Grads, Params, sole_params
from numbad.progress import reported
from numbad.results import as_leaf, flatten_partly, gradient_of, taker
from numbad.seeds import array_seeds, seeds_of, zero_of
from numbad.structure import flatten, leaves, unflatten
from numbad.stub import MISS, ShortWays, Stub, make_stub
from numbad.writeback import prepare

# Signatures that a reusable derivative keeps a short way for.
_MOST_STUBS = 4


_short_ways = ShortWays()
calls.holders.add(_short_ways)


class ValueAndGrad(NamedTuple):
    """The value of a function and its gradient."""

    val: Any
    grad: Any


def gradient(
    f: Callable[..., Any],
    *args: Any,
    wrt: Any = None,
    zeros: bool = False,
    progress: bool | Callable[[int, int, int, int], Any] = False,
    engine: str | None = None,
    **kwargs: Any,
) -> Any:
    """Gradient of a real-valued function, by reverse mode.

    Parameters
    ----------
    f : callable
        Returns a real number (a Python or NumPy scalar, or a 0-d array). If it returns a tuple,
        the first item is differentiated. Its effects on its arguments happen once.
    *args : number, ndarray, tuple, list, dict or object of these
        The point. Integers count as real numbers. Or one ``Params``: ``f`` is then called without
        arguments, and differentiated with respect to arrays that it reaches by itself.
    wrt : int, str or tuple of these, optional
        Positions or names of the arguments to differentiate; all by default.
    zeros : bool
        Give zeros instead of None where there is no differentiable path.
    progress : bool or callable
        Show on standard error how far the outermost loops of both sweeps are; or call
        ``progress(loop, loops, done, total)`` ten times a second, from another thread, ``total``
        being 0 for a loop of unknown length. The program is compiled for it; other calls are not
        slower. Not with ``Params`` or the traced engine.
    engine : {"auto", "compiled", "traced"}, optional
        Default ``numbad.config.engine``; see ``numbad.engines``.
    **kwargs
        Passed on to ``f``, not differentiated.

    Returns
    -------
    tuple, or Grads for Params
        One entry per positional argument: a float or complex for a number, a C-contiguous array of
        the same shape for an array (float64 for integers), a container for a container; None where
        there is no differentiable path. For complex ``z = u + iv`` it is ``df/du + i df/dv``.

    Raises
    ------
    NonScalarOutput
        ``f`` does not return a real number.
    DifferentiationError
        ``f`` cannot be differentiated; the message says where, why and what to do.

    Notes
    -----
    Reverse accumulation as in Griewank & Walther, *Evaluating Derivatives* (2008), chapter 3.

    Examples
    --------
    >>> import numbad
    >>> numbad.gradient(lambda x: 3 * x**2 + 2 * x + 1, 5)
    (32.0,)
    """
    return withgradient(
        f, *args, wrt=wrt, zeros=zeros, progress=progress, engine=engine, **kwargs
    ).grad


def withgradient(
    f: Callable[..., Any],
    *args: Any,
    wrt: Any = None,
    zeros: bool = False,
    progress: bool | Callable[[int, int, int, int], Any] = False,
    engine: str | None = None,
    **kwargs: Any,
) -> ValueAndGrad:
    """Value and gradient; see ``gradient``.

    Returns
    -------
    ValueAndGrad
        Named tuple ``(val, grad)``; ``val`` is all that ``f`` returned.

    Examples
    --------
    >>> import numbad, operator
    >>> numbad.withgradient(operator.truediv, 1, 2)
    ValueAndGrad(val=0.5, grad=(0.5, -0.25))
    """
    is_plain = wrt is None and not kwargs and not zeros and not progress
    if is_plain and (config.engine if engine is None else engine) != "traced":
        for stub in _short_ways.of(f):
            known = stub(args)
            if known is not MISS:
                return ValueAndGrad(*known)
    chosen = calls.positions(f, wrt, len(args))
    if (params := sole_params(args)) is not None:
        if progress:
            raise TypeError("progress is not shown for gradients with respect to Params.")
        return ValueAndGrad(*_params_gradient(f, params, kwargs, zeros, engine))
    val, found, compilation = _differentiated(f, args, kwargs, chosen, zeros, engine, progress)
    if is_plain and compilation is not None:
        _short_ways.note(f, compilation)
    return ValueAndGrad(val, found)


def _params_gradient(
    f: Callable[..., Any],
    params: Params,
    kwargs: dict[str, Any],
    zeros: bool,
    engine: str | None,
) -> tuple[Any, Grads]:
    """Return value and gradients for a set of parameters."""

    def traced() -> tuple[Any, Grads]:
        from numbad.traced.interface import gradient_of_params

        return gradient_of_params(f, params, kwargs, zeros)

    def compiled() -> tuple[Any, Grads]:
        return lifted.withgradient(f, params, kwargs, zeros)

    return engines.dispatch(engine, f, compiled, traced)  # type: ignore[no-any-return]


def _params_pullback(
    f: Callable[..., Any],
    params: Params,
    kwargs: dict[str, Any],
    zeros: bool,
    engine: str | None,
) -> tuple[Any, Callable[[Any], Any]]:
    """Return value and pullback for a set of parameters."""

    def traced() -> tuple[Any, Callable[[Any], Any]]:
        from numbad.traced.interface import pullback_of_params

        return pullback_of_params(f, params, kwargs, zeros)

    def compiled() -> tuple[Any, Callable[[Any], Any]]:
        return lifted.pullback(f, params, kwargs, zeros)

    return engines.dispatch(engine, f, compiled, traced)  # type: ignore[no-any-return]


def _differentiated(
    f: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    wrt: tuple[int, ...],
    zeros: bool,
    engine: str | None,
    progress: bool | Callable[[int, int, int, int], Any] = False,
) -> tuple[Any, tuple[Any, ...], Compilation | None]:
    """Return value, gradients and the compilation, if any, that gave them."""
    values, chosen = calls.unwrap(args, wrt)

    def traced() -> tuple[Any, tuple[Any, ...], None]:
        from numbad.traced.interface import gradient

        if progress:
            raise TypeError("progress is shown by the compiled engine only.")

        return *gradient(f, values, kwargs, chosen, zeros), None

    def compiled() -> tuple[Any, tuple[Any, ...], Compilation]:
        return _compiled_gradient(f, values, kwargs, chosen, zeros, progress)

    return engines.dispatch(engine, f, compiled, traced)  # type: ignore[no-any-return]


def _compiled_gradient(
    f: Callable[..., Any],
    values: tuple[Any, ...],
    kwargs: dict[str, Any],
    chosen: tuple[int, ...],
    zeros: bool,
    progress: bool | Callable[[int, int, int, int], Any],
) -> tuple[Any, tuple[Any, ...], Compilation]:
    """As ``_differentiated``, by the compiled engine."""
    mode = "gradient with progress" if progress else "gradient"
    compilation = calls.compiled(f, values, kwargs, mode, chosen)
    flat = calls.entry_leaves(compilation, f, values, kwargs)
    write = prepare(compilation.built, f, values, kwargs)
    with reported(compilation.reporting, progress) if progress else nullcontext():
        found = calls.run(compilation, compilation.entry, [*flat, *array_seeds(compilation)])
    val, cotangents = _split_results(compilation, found)
    if write is not None:
        write(found)
    return val, _gradients(compilation, flat, cotangents, zeros), compilation


def _split_results(compilation: Compilation, found: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
    count = len(compilation.built.interface.results)
    return unflatten(found[:count], compilation.built.result), found[count:]


def _gradients(
    compilation: Compilation, flat: Sequence[Any], cotangents: Sequence[Any], zeros: bool
) -> tuple[Any, ...]:
    """Return the gradients of the arguments, whose leaves come first in ``flat``."""
    take = taker(iter(cotangents), iter(compilation.active), iter(compilation.connected))
    wrt = compilation.request.wrt
    values = iter(flat)
    result = []
    for position, tree in enumerate(compilation.request.args):
        if position in wrt:
            result.append(gradient_of(tree, values, take, zeros))
        else:
            result.append(gradient_of(tree, values, lambda value, leaf: None, zeros))
    return tuple(result)


class Derivative:
    """A reusable derivative of one function; made by ``grad`` and ``value_and_grad``.

    Calls take the function's own arguments.
    """

    def __init__(self, f: Callable[..., Any], wrt: Any, with_value: bool, engine: str | None):
        calls.check_engine(engine)
        self.function = f
        self.wrt = wrt
        self.with_value = with_value
        self.engine = engine
        self.__wrapped__ = f
        self.numba_function: Callable[..., Any] | None = None
        self._stubs: list[Stub] = []
        calls.holders.add(self)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return the gradient, with the value in front for ``value_and_grad``."""
        if not kwargs:
            for stub in self._stubs:
                found = stub(args)
                if found is not MISS:
                    return found
        return self._general(args, kwargs)

    def _general(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        several = isinstance(self.wrt, tuple | list)
        picked = tuple(
            calls.positions(self.function, item, len(args))[0]
            for item in (self.wrt if several else (self.wrt,))
        )
        chosen = calls.positions(self.function, self.wrt, len(args))
        val, found, compilation = _differentiated(
            self.function, args, kwargs, chosen, False, self.engine
        )
        stub = None
        if compilation is not None:
            stub = make_stub(
                compilation, self.function, picked, as_tuple=several, with_value=self.with_value
            )
        if stub is not None and not kwargs:
            self._stubs = [stub, *self._stubs][:_MOST_STUBS]
        selected = tuple(found[position] for position in picked)
        result = selected if several else selected[0]
        return (val, result) if self.with_value else result

    def __reduce__(self) -> tuple[Any, ...]:
        return Derivative, (self.function, self.wrt, self.with_value, self.engine)

    def forget(self) -> None:
        """Drop the short ways to what was compiled."""
        self._stubs = []

    def __repr__(self) -> str:
        kind = "value_and_grad" if self.with_value else "grad"
        name = getattr(self.function, "__name__", repr(self.function))
        return f"<{kind} of {name} with respect to {self.wrt!r}>"


def grad(f: Callable[..., Any], wrt: Any = 0, *, engine: str | None = None) -> Derivative:
    """Return a reusable function that computes the gradient of ``f``.

    Parameters
    ----------
    f : callable
        As for ``gradient``.
    wrt : int, str or tuple of these
        A single one gives the gradient itself, a tuple a tuple of gradients.
    engine : {"auto", "compiled", "traced"}, optional
        Default ``numbad.config.engine``; see ``numbad.engines``.

    Examples
    --------
    >>> import numbad
    >>> slope = numbad.grad(lambda x: x**3)
    >>> slope(2.0)
    12.0
    """
    return Derivative(f, wrt, False, engine)


def value_and_grad(f: Callable[..., Any], wrt: Any = 0, *, engine: str | None = None) -> Derivative:
    """Return a reusable function that computes ``(value, gradient)`` of ``f``; see ``grad``.

    Examples
    --------
    >>> import numbad
    >>> numbad.value_and_grad(lambda x: x**3)(2.0)
    (8.0, 12.0)
    """
    return Derivative(f, wrt, True, engine)


def pullback(
    f: Callable[..., Any],
    *args: Any,
    wrt: Any = None,
    zeros: bool = False,
    engine: str | None = None,
    **kwargs: Any,
) -> tuple[Any, Callable[[Any], Any]]:
    """Value of ``f(*args)`` and the function that pulls cotangents back through it.

    Parameters
    ----------
    f, *args, wrt, zeros, engine, **kwargs
        As for ``gradient``; ``f`` may return numbers, arrays or containers of them.

    Returns
    -------
    y
        What ``f`` returned.
    back : callable
        ``back(y_bar)`` gives one entry per positional argument. ``y_bar`` has the structure and
        shapes of ``y``; items may be None for zero. It may be called again, and does not see later
        changes to the arguments.

    Examples
    --------
    >>> import numbad
    >>> y, back = numbad.pullback(lambda a, b: a * b, 2.0, 3.0)
    >>> y, back(1.0)
    (6.0, (3.0, 2.0))
    """
    chosen = calls.positions(f, wrt, len(args))
    if (params := sole_params(args)) is not None:
        return _params_pullback(f, params, kwargs, zeros, engine)
    values, chosen = calls.unwrap(args, chosen)

    def traced() -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
        from numbad.traced.interface import pullback

        return pullback(f, values, kwargs, chosen, zeros)

    def compiled() -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
        return _compiled_pullback(f, values, kwargs, chosen, zeros)

    return engines.dispatch(engine, f, compiled, traced)  # type: ignore[no-any-return]


vjp = pullback


def _compiled_pullback(
    f: Callable[..., Any],
    values: tuple[Any, ...],
    kwargs: dict[str, Any],
    chosen: tuple[int, ...],
    zeros: bool,
) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    compilation = calls.compiled(f, values, kwargs, "pullback", chosen)
    flat = calls.entry_leaves(compilation, f, values, kwargs)
    write = prepare(compilation.built, f, values, kwargs)
    y, sweep = calls.start_pullback(compilation, flat)
    result = unflatten(y, compilation.built.result)
    if write is not None:
        write(y)
    shapes = [np.shape(item) for item in y[: compilation.built.result_count]]

    def back(y_bar: Any) -> tuple[Any, ...]:
        """Return the cotangents of the arguments for the cotangent of the result."""
        if y_bar is None:
            return tuple(
                gradient_of(tree, values, lambda value, leaf: None, zeros)
                for values in (iter(flat),)
                for tree in compilation.request.args
            )
        seeds = seeds_of(compilation, y_bar, shapes)
        return _gradients(compilation, flat, sweep(seeds), zeros)

    return result, back


def pushforward(
    f: Callable[..., Any],
    *args: Any,
    wrt: Any = None,
    engine: str | None = None,
    **kwargs: Any,
) -> Callable[..., Any]:
    """Return the function that pushes tangents of the arguments forward to one of the result.

    Parameters
    ----------
    f, *args, wrt, engine, **kwargs
        As for ``pullback``.

    Returns
    -------
    push : callable
        ``push(*tangents)``, one per positional argument, of the argument's shape; None means that
        the argument is constant. Returns the tangent of the result.

    Examples
    --------
    >>> import numbad
    >>> numbad.pushforward(lambda a, b: a * b, 2.0, 3.0)(1.0, 0.0)
    3.0
    """
    calls.check_engine(engine)
    chosen = calls.positions(f, wrt, len(args))

    def push(*tangents: Any) -> Any:
        """Return the tangent of the result for tangents of the arguments."""
        if len(tangents) != len(args):
            raise TypeError(f"{len(args)} tangents are needed, {len(tangents)} were given.")
        masked = [t if p in chosen else None for p, t in enumerate(tangents)]
        return jvp(f, args, masked, engine=engine, **kwargs)[1]

    return push


def jvp(
    f: Callable[..., Any],
    primals: Sequence[Any],
    tangents: Sequence[Any],
    *,
    engine: str | None = None,
    **kwargs: Any,
) -> tuple[Any, Any]:
    """Value of ``f(*primals)`` and its derivative along ``tangents``, by forward mode.

    Parameters
    ----------
    f : callable
        Any numbers, arrays or containers as results.
    primals, tangents : sequence
        Arguments, and a tangent of the same structure and shape for each; None for constants.

    Returns
    -------
    (y, y_dot)
        ``y_dot`` has the structure of ``y``.

    Raises
    ------
    TypeError
        A tangent is given for something that has none, or their number differs.
    ValueError
        A tangent has the wrong shape.

    Examples
    --------
    >>> import numbad
    >>> numbad.jvp(lambda a, b: a * b, (2.0, 3.0), (1.0, None))
    (6.0, 3.0)
    """
    if len(primals) != len(tangents):
        raise TypeError(f"{len(primals)} primals, but {len(tangents)} tangents.")
    chosen = tuple(p for p, tangent in enumerate(tangents) if tangent is not None)
    values, chosen = calls.unwrap(primals, chosen)

    def traced() -> tuple[Any, Any]:
        from numbad.traced.interface import jvp

        masked = [each if p in chosen else None for p, each in enumerate(tangents)]
        return jvp(f, values, masked, kwargs)

    def compiled() -> tuple[Any, Any]:
        return _compiled_jvp(f, values, tangents, kwargs, chosen)

    return engines.dispatch(engine, f, compiled, traced)  # type: ignore[no-any-return]


def _compiled_jvp(
    f: Callable[..., Any],
    values: tuple[Any, ...],
    tangents: Sequence[Any],
    kwargs: dict[str, Any],
    chosen: tuple[int, ...],
) -> tuple[Any, Any]:
    compilation = calls.compiled(f, values, kwargs, "tangent", chosen)
    flat = calls.entry_leaves(compilation, f, values, kwargs)
    write = prepare(compilation.built, f, values, kwargs)
    for position in chosen:
        tree = compilation.request.args[position]
        given = flatten_partly(tangents[position], tree)
        for leaf, value, primal in zip(
            leaves(tree), given, flatten(values[position], tree), strict=True
        ):
            if tangent_type(leaf.type) is None:
                continue
            tangent = zero_of(np.shape(primal)) if value is None else value
            seed = as_leaf(tangent, leaf, f"The tangent of argument {position}")
            if np.shape(seed) != np.shape(primal):
                raise ValueError(
                    f"The tangent of argument {position} has shape {np.shape(seed)}, "
                    f"the argument {np.shape(primal)}."
                )
            # The program may write to its tangents, as it may to its arguments.
            flat.append(seed.copy() if isinstance(seed, np.ndarray) else seed)
    found = calls.run(compilation, compilation.entry, flat)
    count = len(compilation.built.interface.results)
    y = unflatten(found[:count], compilation.built.result)
    if write is not None:
        write(found)
    varied = iter(found[count:])
    parts = []
    for leaf, value, is_varied in zip(
        leaves(compilation.built.result), found, compilation.seeded, strict=False
    ):
        if is_varied:
            parts.append(next(varied))
        else:
            type_ = tangent_type(leaf.type)
            zero = np.zeros(np.shape(value)) if isinstance(type_, Array) else 0.0
            parts.append(None if type_ is None else zero)
    return y, unflatten(parts, compilation.built.result)


def derivative(f: Callable[..., Any], x: Any, *, engine: str | None = None, **kwargs: Any) -> Any:
    """Derivative of a function of one number, by forward mode.

    Parameters
    ----------
    f : callable
        Of one number; its result may have any shape or structure.
    x : int, float or complex
        The point.

    Returns
    -------
    Same structure as ``f(x)``.

    Examples
    --------
    >>> import math, numbad
    >>> numbad.derivative(math.sin, 0.0)
    1.0
    """
    if not isinstance(x, numbers.Number) and np.ndim(x) != 0:
        raise TypeError(f"derivative needs a number, not an array of shape {np.shape(x)}.")
    unit = 1.0 if isinstance(x, int | float | complex | np.generic | np.ndarray) else 1
    return jvp(f, (x,), (unit,), engine=engine, **kwargs)[1]
