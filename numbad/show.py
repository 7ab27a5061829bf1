"""The generated source of a function, its tangent and its adjoint."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numbad import calls
from numbad.compilation import Compilation
from numbad.errors import NonScalarOutput


def _compilation(
    f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], mode: str, wrt: Any
) -> Compilation:
    chosen = calls.positions(f, wrt, len(args))
    values, chosen = calls.unwrap(args, chosen)
    return calls.compiled(f, values, kwargs, mode, chosen)


def code_primal(f: Callable[..., Any], *args: Any, **kwargs: Any) -> str:
    """Return the source of ``f`` as numbad understands it: callees inlined, arrays as loops.

    Parameters
    ----------
    f, *args, **kwargs
        As for ``gradient``; only the types of the arguments matter.

    Examples
    --------
    >>> import numbad
    >>> print(numbad.code_primal(lambda x: x * x, 2.0).splitlines()[-1].strip())
    return x * x
    """
    return _compilation(f, args, kwargs, "primal", None).emitted.text


def code_tangent(f: Callable[..., Any], *args: Any, wrt: Any = None, **kwargs: Any) -> str:
    """Return the source of the function with tangents that ``jvp`` runs; see ``code_primal``.

    ``wrt`` names the arguments that have tangents: all that can have one, by default.
    """
    return _compilation(f, args, kwargs, "tangent", wrt).emitted.text


def code_adjoint(f: Callable[..., Any], *args: Any, wrt: Any = None, **kwargs: Any) -> str:
    """Return the source of the function that ``gradient`` runs; see ``code_primal``.

    For a function that does not return a real number it is that of ``pullback``. The text can be
    run: it is the module that numbad compiled.

    Examples
    --------
    >>> import numbad
    >>> "def" in numbad.code_adjoint(lambda x: x * x, 2.0)
    True
    """
    try:
        return _compilation(f, args, kwargs, "gradient", wrt).emitted.text
    except NonScalarOutput:
        found = _compilation(f, args, kwargs, "pullback", wrt)
    if found.backward is not None:
        return found.emitted.text + "\n\n" + found.backward.emitted.text
    assert found.replay is not None
    return found.replay.emitted.text
