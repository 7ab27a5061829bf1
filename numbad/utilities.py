"""Marks for looking at a derivative: hooks, and questions about where code runs.

Called by Python itself these are plain functions; inside a function that is differentiated they
take part in the derivative.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def hook(g: Callable[[Any], Any], x: Any) -> Any:
    """Return ``x``; the derivative of what follows with respect to it passes through ``g``.

    Parameters
    ----------
    g : callable
        Takes the cotangent of ``x``, of its structure and shape, and returns what takes its place;
        None drops it. It is given None if the result does not depend on ``x`` after this place. A
        Python function found in a global or closure is called back; a compiled function, a builtin
        or a function defined inside the differentiated code becomes part of it, and is not called
        where there is no cotangent.
    x : number, array or container of these
        An array is copied inside differentiated code.

    Returns
    -------
    ``x``.

    Notes
    -----
    Hooks run in the backward sweep, so in reverse order of execution, once each. Forward mode
    passes by. A Python function that is called back cannot itself be differentiated.

    Examples
    --------
    >>> import operator, numbad
    >>> numbad.gradient(lambda a, b: numbad.hook(operator.neg, a) * b, 2, 3)
    (-3.0, 2.0)
    """
    del g
    return x


def showgrad(x: Any, name: str | None = None) -> Any:
    """Return ``x``; print its cotangent when it is known, None if there is none.

    Parameters
    ----------
    x : number, array or container of these
        An array is copied inside differentiated code.
    name : str, optional
        What to call it; the text of the argument by default.

    Examples
    --------
    >>> import numbad
    >>> numbad.gradient(lambda a, b: numbad.showgrad(a) * b, 2, 3)
    ∂(a) = 3.0
    (3.0, 2.0)
    """
    del name
    return x


def isderiving() -> bool:
    """Whether the code that calls this is being differentiated.

    Examples
    --------
    >>> import numbad
    >>> numbad.gradient(lambda x: 2.0 * x if numbad.isderiving() else x, 1.0)
    (2.0,)
    >>> numbad.isderiving()
    False
    """
    return False


def nestlevel() -> int:
    """Return how many derivatives are being taken of the code that calls this.

    Examples
    --------
    >>> import numbad
    >>> numbad.nestlevel(), numbad.withgradient(lambda x: x * numbad.nestlevel(), 2.0).val
    (0, 2.0)
    """
    return 0


def shown(name: str, x: Any) -> Any:
    """Return ``x``: what ``showgrad`` stands for once the name is known."""
    del name
    return x


def checkpointed(f: Callable[..., Any], *xs: Any) -> Any:
    """Return ``f(*xs)``; nothing of the call is kept for the backward sweep but its arguments.

    Parameters
    ----------
    f : callable
        Run again in the backward sweep, once per pull. What it takes from around it is
        differentiated too. It may write to arrays that it is given: they are copied before.
    *xs : numbers, arrays and containers of these

    Returns
    -------
    What ``f`` returns.

    Raises
    ------
    DifferentiationError
        ``f`` draws random numbers, which would be drawn again.

    Notes
    -----
    The memory of a chain of calls is that of their arguments and of one call at a time; the primal
    runs twice. Griewank & Walther, *Evaluating Derivatives* (2008), chapter 12.

    Examples
    --------
    >>> import numbad
    >>> def power(x, n):
    ...     y = 1.0
    ...     for _ in range(n):
    ...         y = y * x
    ...     return y
    >>> numbad.gradient(lambda x: numbad.checkpointed(power, x, 3) ** 2, 2.0)
    (192.0,)
    """
    return f(*xs)
