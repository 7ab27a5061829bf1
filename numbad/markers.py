"""Marks that a program sets for differentiation: constants, and where gradients stop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Const:
    """Marks an argument of ``gradient`` and its kin as a constant.

    Parameters
    ----------
    value
        The argument; ``f`` is given the value itself.

    Examples
    --------
    >>> import numbad
    >>> numbad.gradient(lambda a, b: a * b, 2.0, numbad.Const(3.0))
    (3.0, None)
    """

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"Const({self.value!r})"


def dropgrad(x: Any) -> Any:
    """Return ``x``; derivatives do not pass.

    Parameters
    ----------
    x : number or array
        Any value. An array is copied inside differentiated code.

    Examples
    --------
    >>> import numbad
    >>> numbad.gradient(lambda a, b: numbad.dropgrad(a) * b, 2.0, 3.0)
    (None, 2.0)
    """
    return x


def ignore_derivatives(x: Any) -> Any:
    """Return ``x``, or ``x()`` if it can be called; derivatives do not pass.

    Parameters
    ----------
    x : value or callable without parameters
        What is computed without being differentiated.

    Examples
    --------
    >>> import numbad
    >>> numbad.gradient(lambda a: a * numbad.ignore_derivatives(lambda: a), 3.0)
    (3.0,)
    """
    return x() if callable(x) else x


def forwarddiff(f: Callable[..., Any], x: Any, chunk_threshold: int = 12) -> Any:
    """Return ``f(x)``; where it is differentiated, that is done by forward mode.

    Worth while for a function of few numbers with a long loop: nothing is recorded. Values that
    ``f`` takes from around it are constants to the derivative.

    Parameters
    ----------
    f : callable
        Of one argument; returns numbers or arrays.
    x : number, array or container of these
        The point.
    chunk_threshold : int
        Most directions per sweep; see ``jacobian``.

    Examples
    --------
    >>> import numbad
    >>> numbad.gradient(lambda a, b: numbad.forwarddiff(lambda a: a * b, a), 2.0, 3.0)
    (3.0, None)
    """
    return f(x)


def detached(x: Any) -> Any:
    """Return a copy of an array; derivatives do not pass."""
    return x.copy()
