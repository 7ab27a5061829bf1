"""The generated source of a function, its tangent and its adjoint, and explanations of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from numbad import calls
from numbad.compilation import Compilation
from numbad.errors import NonScalarOutput

if TYPE_CHECKING:
    from numbad.explanation import Explanation


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


def explain(f: Callable[..., Any], *args: Any, wrt: Any = None, **kwargs: Any) -> Explanation:
    """Explain how reverse mode differentiates a function.

    Parameters
    ----------
    f, *args, wrt, **kwargs
        As for ``gradient``.

    Returns
    -------
    Explanation
        Beside each line of the source: which variables are active (carry derivatives), which
        values are recorded, computed again or loaded again in the backward sweep and why, how
        loops are reversed, what is in loops that LLVM vectorised; the bytes of the tape as a
        formula in the trip counts; how many loops of the generated code are vectorised. It prints
        as text and shows as a table in notebooks.

    Raises
    ------
    DifferentiationError
        ``f`` cannot be differentiated by the compiled engine.

    Examples
    --------
    >>> import numbad
    >>> def decay(x, n):
    ...     for _ in range(n):
    ...         x = x - 0.1 * x * x
    ...     return x
    >>> report = numbad.explain(decay, 1.0, 100)
    >>> report.tape[0].formula, report.tape_bytes
    ('8 * n', 800)
    """
    from numbad.explanation import explained

    return explained(f, args, kwargs, wrt)


def tape_bytes(f: Callable[..., Any], *args: Any, wrt: Any = None, **kwargs: Any) -> int:
    """Bytes that the tape of a gradient takes for these arguments.

    Parameters
    ----------
    f, *args, wrt, **kwargs
        As for ``gradient``.

    Raises
    ------
    ValueError
        A loop of unknown length records: its tape grows as it runs.

    Examples
    --------
    >>> from numbad.show import tape_bytes
    >>> tape_bytes(lambda x: x * x, 2.0)
    0
    """
    from numbad.explanation import tape_size

    return tape_size(f, args, kwargs, wrt)
