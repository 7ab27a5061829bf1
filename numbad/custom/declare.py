"""Derivatives that the user declares: ``adjoint``, ``custom_rule`` and ``nograd``.

A declaration belongs to a function object. From then on the front end emits calls of that function
as calls that carry the declared derivative (``custom_calls``); the function's own code still gives
its value where no derivative is taken.
"""

from __future__ import annotations

import types as python_types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from numbad import numba_bridge

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, eq=False)
class UserRule:
    """What was declared for a function.

    Attributes
    ----------
    function
        The function.
    forward
        The rule's forward part. Closure style (``backward`` is None): returns the value and the
        function that pulls a cotangent back. Residual style: returns the value and residuals.
        None if derivatives do not pass the function at all.
    backward
        In residual style, takes the residuals and the cotangent of the value.
    jvp
        Takes the arguments and their tangents; returns the value and its tangent.
    unused
        Only of hooks, whose backward part has effects and so runs wherever the function has run.
        Takes the arguments; called in the backward sweep where no cotangent has come.
    """

    function: Any
    forward: Any = None
    backward: Any = None
    jvp: Any = None
    unused: Any = None

    @property
    def title(self) -> str:
        """Name of the function, for messages and generated code."""
        name = getattr(self.function, "__name__", None) or type(self.function).__name__
        return "lambda" if name == "<lambda>" else str(name)


_rules: dict[int, UserRule] = {}
_codes: set[python_types.CodeType] = set()


def lookup(found: Any) -> UserRule | None:
    """Return the declaration for a function; a dispatcher and its Python function share one."""
    if not _rules:
        return None
    return _rules.get(id(_core(found)))


def declared() -> list[tuple[Any, Any, Any, Any]]:
    """Return all declarations: the function, and the parts of its rule."""
    return [(rule.function, rule.forward, rule.backward, rule.jvp) for rule in _rules.values()]


def identity_matters(found: Any) -> bool:
    """Whether another function of the same code may have another declaration, or none."""
    return getattr(found, "__code__", None) in _codes


def adjoint(f: Callable[..., Any]) -> Callable[[F], F]:
    """Decorate the rule that replaces the derivative of ``f``.

    Parameters
    ----------
    f : callable
        A Python function, an ``@njit`` function, a method (as the function of its class), a class,
        a builtin or a NumPy function. An earlier declaration for it is replaced.

    Returns
    -------
    decorator
        Takes the rule and returns it unchanged. The rule takes the arguments of ``f`` and returns
        the value and a function ``back``. ``back(y_bar)`` takes the cotangent of the value, of
        the same shape, and returns one cotangent per positional argument, in a tuple: a number or
        array of the argument's shape, or None where there is no derivative. For a single argument
        the tuple may be left out.

    Notes
    -----
    The rule is compiled into the derivative, so it is written in what Numba compiles. It must not
    change its arguments. Derivatives of higher order differentiate the rule. It answers for the
    positional arguments only: if a value that the rule closes over is to be differentiated, that
    is an error.

    Examples
    --------
    >>> import numbad
    >>> def clipped(x):
    ...     return x
    >>> @numbad.adjoint(clipped)
    ... def clipped_rule(x):
    ...     def back(y_bar):
    ...         return min(max(y_bar, -1.0), 1.0)
    ...     return x, back
    >>> numbad.gradient(lambda x: 100.0 * clipped(x), 2.0)
    (1.0,)
    """
    _check_callable(f, "adjoint")

    def declare(rule: F) -> F:
        _check_callable(rule, "adjoint")
        _register(UserRule(f, forward=rule))
        return rule

    return declare


def custom_rule(
    f: F,
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    jvp: Callable[..., Any] | None = None,
) -> F:
    """Replace the derivative of ``f`` by compiled functions.

    Parameters
    ----------
    f : callable
        As for ``adjoint``.
    forward : callable
        ``forward(*args)`` returns the value and residuals: whatever ``backward`` needs, a number,
        an array or a tuple of such.
    backward : callable
        ``backward(residuals, y_bar)`` returns one cotangent per positional argument, in a tuple,
        as ``back`` does for ``adjoint``.
    jvp : callable, optional
        ``jvp(args, tangents)`` takes two tuples and returns the value and its tangent. The
        tangent of an argument that cannot have one (a string, a bool) is None. Without it, forward
        mode is derived from ``backward``, if that is seen to be linear in ``y_bar``.

    Returns
    -------
    callable
        ``f``.

    Examples
    --------
    >>> import numbad
    >>> def cube(x):
    ...     return x**3
    >>> _ = numbad.custom_rule(
    ...     cube,
    ...     forward=lambda x: (x**3, x),
    ...     backward=lambda x, y_bar: (3.0 * x**2 * y_bar,),
    ...     jvp=lambda args, tangents: (args[0] ** 3, 3.0 * args[0] ** 2 * tangents[0]),
    ... )
    >>> numbad.gradient(lambda x: 2.0 * cube(x), 2.0)
    (24.0,)
    """
    for part in (f, forward, backward):
        _check_callable(part, "custom_rule")
    if jvp is not None:
        _check_callable(jvp, "custom_rule")
    _register(UserRule(f, forward, backward, jvp))
    return f


def nograd(f: F) -> F:
    """Declare that derivatives do not pass through calls of ``f``; also a decorator.

    Parameters
    ----------
    f : callable
        As for ``adjoint``. Without Python source it must be a function that Numba can compile.

    Returns
    -------
    callable
        ``f``.

    Examples
    --------
    >>> import numbad
    >>> @numbad.nograd
    ... def scale(x):
    ...     return 1.0 + abs(x)
    >>> numbad.gradient(lambda x: x / scale(x), 3.0)
    (0.25,)
    """
    _check_callable(f, "nograd")
    _register(UserRule(f))
    return f


def refresh() -> None:
    """Forget all compiled derivatives, so that the next calls compile anew.

    Redefined functions and changed globals are noticed without it.
    """
    from numbad import calls

    calls.clear()


def _core(found: Any) -> Any:
    return numba_bridge.dispatcher_function(found) or found


def declare_new(rule: UserRule) -> None:
    """Register the rule of a function that has just been made: no compilation can be stale."""
    core = _core(rule.function)
    # The rule keeps the function alive, so that no other object gets its id.
    _rules[id(core)] = rule
    code = getattr(core, "__code__", None)
    if code is not None:
        _codes.add(code)


def _register(rule: UserRule) -> None:
    declare_new(rule)
    refresh()


def _check_callable(found: Any, where: str) -> None:
    if not callable(found):
        raise TypeError(f"{where} takes functions, not {found!r}.")
    if isinstance(found, python_types.MethodType):
        owner = type(found.__self__).__name__
        raise TypeError(
            f"{where} takes the function {owner}.{found.__name__} of the class, not the method of "
            "one object."
        )
