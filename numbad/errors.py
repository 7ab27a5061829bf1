"""Every error and warning numbad raises on its own account.

A message has five parts: what is wrong, where (file, line, source line, caret), why it cannot be
done, what to do instead, and where to read more. ``explain`` is the one place that lays them out.
Each class has a code, ``NBxyz``, which is its anchor in ``docs/errors.md``:

=======  ==============================================
NB1xx    how a public function was called
NB2xx    reading, parsing and typing the user's source
NB3xx    differentiating it
NB4xx    compiling the result
NB9xx    faults of numbad itself
=======  ==============================================
"""

from __future__ import annotations

import linecache
import os
from typing import Any

from numbad.ir.origin import Origin

DOCUMENT = "docs/errors.md"


def explain(
    code: str,
    name: str,
    what: str,
    origin: Origin | None = None,
    why: str = "",
    remedy: str = "",
    details: str = "",
) -> str:
    """Lay out a message of five parts; ``details`` (a listing) is indented below the remedy.

    Examples
    --------
    >>> where = Origin("demo.py", 12, 4, "try:")
    >>> print(explain("NB203", "UnsupportedSyntax", "`try` cannot be differentiated.", where,
    ...               "An exception can leave a block anywhere.", "Use an explicit test instead."))
    NB203 UnsupportedSyntax: `try` cannot be differentiated.
      demo.py:12:5
          try:
          ^^^^
      An exception can leave a block anywhere.
      Use an explicit test instead.
      See docs/errors.md#NB203
    """
    parts = [f"{code} {name}: {what}"]
    if origin is not None:
        parts.append(f"  {_shown_path(origin.file)}:{origin.line}:{origin.column + 1}")
        if origin.text.strip():
            parts.append(f"      {origin.text.strip()}")
            parts.append(f"      {_caret(origin)}")
    for part in (why, remedy):
        parts.extend(f"  {line}" for line in part.splitlines())
    parts.extend(f"    {line}".rstrip() for line in details.splitlines())
    parts.append(f"  See {DOCUMENT}#{code}")
    return "\n".join(parts)


def _shown_path(file: str) -> str:
    """Path of a file as a user would type it: relative if it lies below the working directory."""
    if file.startswith("<") or not os.path.isabs(file):
        return file
    try:
        relative = os.path.relpath(file)
    except (OSError, ValueError):
        return file
    return file if relative.startswith(os.pardir) else relative


def _caret(origin: Origin) -> str:
    """Carets below the stripped source line of ``origin``."""
    text = origin.text.strip()
    line = linecache.getline(origin.file, origin.line)
    indent = len(line) - len(line.lstrip()) if line.strip() == text else None
    if indent is None:
        # The file is out of reach: all that is certain is that the statement begins the line.
        return "^" * len(text)
    start = min(max(origin.column - indent, 0), len(text) - 1)
    end = len(text) if origin.end_column is None else origin.end_column - indent
    return " " * start + "^" * max(min(end, len(text)) - start, 1)


class _Explained(Exception):
    """Shared by all errors: builds the message and keeps its parts as attributes."""

    code = "NB000"
    default_why = ""
    default_remedy = ""

    def __init__(
        self,
        what: str,
        *,
        origin: Origin | None = None,
        why: str = "",
        remedy: str = "",
        details: str = "",
    ) -> None:
        self.what = what
        self.origin = origin
        self.why = why or self.default_why
        self.remedy = remedy or self.default_remedy
        self.details = details
        self.message = explain(
            self.code, type(self).__name__, what, origin, self.why, self.remedy, details
        )
        super().__init__(self.message)

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        parts = {
            "what": self.what,
            "origin": self.origin,
            "why": self.why,
            "remedy": self.remedy,
            "details": self.details,
        }
        return _rebuild, (type(self), parts)


def _rebuild(cls: type[_Explained], parts: dict[str, Any]) -> _Explained:
    """Make an error again from its parts (pickling across processes)."""
    return cls(**parts)


class DifferentiationError(_Explained, TypeError):
    """A function cannot be differentiated, or not in the way that was asked for.

    Parameters
    ----------
    what : str
        One sentence that names the thing at fault.
    origin : Origin, optional
        The statement or expression of the user's source.
    why : str, optional
        The reason, one or more sentences.
    remedy : str, optional
        What the user can do about it.
    details : str, optional
        A listing (generated code, IR, types) shown below the rest.
    """

    code = "NB100"


class NonScalarOutput(DifferentiationError):
    """``gradient`` was asked of a function whose result is not one real number."""

    code = "NB101"
    default_why = "A gradient is defined for one real number as the result."
    default_remedy = (
        "Return a real scalar, or use `jacobian` (all derivatives) or `pullback` (a chosen seed)."
    )


class GradsKeyError(_Explained, ValueError, KeyError):
    """``Grads`` or ``Params`` that do not hold the same arrays were combined or looked up."""

    code = "NB102"
    default_why = "`Grads` and `Params` are keyed by the identity of the arrays."
    default_remedy = "Use the very arrays that were given to `Params`."


class TracedFallbackWarning(_Explained, UserWarning):
    """A function is differentiated by the traced engine, because the compiled one refuses it."""

    code = "NB103"


class SourceUnavailable(DifferentiationError):
    """The source of a function cannot be found, or is not what the function was made from."""

    code = "NB201"
    default_why = "The compiled engine reads the source of a function to differentiate it."
    default_remedy = (
        "Define the function in a file or a notebook cell, or give it a rule with\n@numbad.adjoint."
    )


class TypeInferenceFailed(DifferentiationError):
    """Numba has no type for an expression, or two paths give a name types that do not agree."""

    code = "NB202"
    default_remedy = "Write it so that `numba.njit` can compile it in nopython mode."


class UnsupportedSyntax(DifferentiationError):
    """A statement or expression that has no derivative here."""

    code = "NB203"
    default_remedy = "Rewrite it, or give the function its own rule with @numbad.adjoint."


class NoRule(DifferentiationError):
    """A function without Python source is called and has no derivative rule."""

    code = "NB301"
    default_why = "It has neither Python source to differentiate nor a derivative rule."
    default_remedy = (
        "Give it a rule with @numbad.adjoint, or declare with `numbad.nograd` that its derivative\n"
        "is not wanted."
    )


class AliasingError(DifferentiationError):
    """Two names may or may not share memory, and the derivative depends on which."""

    code = "NB302"
    default_remedy = "Copy one of the arrays (`x.copy()`) so that they are distinct."


class InvalidRule(DifferentiationError):
    """A rule that the user declared for a function does not fit it."""

    code = "NB303"
    default_remedy = "See docs/rules-for-users.md for what a rule takes and returns."


class SparsityMismatch(DifferentiationError):
    """A derivative matrix has entries outside of the sparsity pattern that was given for it."""

    code = "NB304"
    default_why = (
        "Entries outside of the pattern are added to others; a branch may be taken at this point\n"
        "that was not taken where the pattern was found."
    )
    default_remedy = (
        'Find the pattern here, with sparsity="auto", or join patterns of several points: a | b.'
    )


class CompilationFailed(DifferentiationError):
    """Numba could not compile the generated code."""

    code = "NB401"
    default_remedy = (
        "Check that `numba.njit` compiles the function itself; if it does, this is a fault of\n"
        "numbad: please report it with this message."
    )


class InternalError(DifferentiationError):
    """An invariant of numbad does not hold."""

    code = "NB901"
    default_why = "This is a fault of numbad, not of your function."
    default_remedy = "Please report it together with this message and the function."


def error_classes() -> tuple[type[_Explained], ...]:
    """All error classes, in order of their codes."""
    found: list[type[_Explained]] = []
    pending: list[type[_Explained]] = [_Explained]
    while pending:
        for cls in pending.pop().__subclasses__():
            found.append(cls)
            pending.append(cls)
    return tuple(sorted(set(found), key=lambda cls: cls.code))
