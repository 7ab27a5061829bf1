"""Errors of compiling generated code, told in terms of the user's source."""

from __future__ import annotations

import re
from typing import Any, NoReturn

from numbad import messages
from numbad.emit.emitted import Emitted
from numbad.errors import CompilationFailed
from numbad.ir.origin import Origin

# With colorama installed, Numba colours its messages.
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_PLACE = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+)')


def explain(error: BaseException, emitted: Emitted) -> CompilationFailed:
    """Return the error that names the user's line for a Numba error in a generated module.

    Parameters
    ----------
    error : exception
        What compiling the module raised.
    emitted : Emitted
        The module.

    Returns
    -------
    CompilationFailed
        To be raised from ``error``.
    """
    message = _COLOURS.sub("", str(error)).strip()
    line = _generated_line(error, message, emitted)
    origin = _origin(line, emitted)
    first = next((part for part in message.splitlines() if _says_something(part)), message)
    details = []
    if line is not None:
        details.append(f"generated line {line}: {emitted.text.splitlines()[line - 1].strip()}")
    details += message.splitlines()[:12]
    return CompilationFailed(
        "Numba cannot compile the generated code.",
        origin=origin,
        why=first.strip(),
        details="\n".join(details),
    )


def _says_something(line: str) -> bool:
    text = line.strip()
    return bool(text) and not text.startswith(("Failed in nopython mode", "During:", "File "))


def _generated_line(error: BaseException, message: str, emitted: Emitted) -> int | None:
    """Return the innermost line of the generated module that the error mentions."""
    name = f"numbad_{emitted.digest}.py"
    lines = [
        int(match["line"])
        for match in _PLACE.finditer(message)
        if match["file"].replace("\\", "/").endswith(name)
    ]
    place: Any = getattr(error, "loc", None)
    if not lines and str(getattr(place, "filename", "")).endswith(name):
        lines = [place.line]
    valid = [line for line in lines if 1 <= line <= len(emitted.origin_map)]
    return valid[-1] if valid else None


def _origin(line: int | None, emitted: Emitted) -> Origin | None:
    """Return the origin of the line, or of the nearest one before it that has an origin."""
    if line is None:
        return next((origin for origin in emitted.origin_map if origin is not None), None)
    for position in range(line - 1, -1, -1):
        origin = emitted.origin_map[position]
        if origin is not None:
            return origin
    return None


def raise_at_origin(error: BaseException, emitted: Emitted) -> NoReturn:
    """Raise an exception of the user's program with the user's line at the end of its traceback.

    Parameters
    ----------
    error : exception
        What running the module raised. It is raised again, unchanged but for its traceback.
    emitted : Emitted
        The module.
    """
    name = f"numbad_{emitted.digest}.py"
    described = messages.described(error)
    line = None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename.replace("\\", "/").endswith(name):
            line = trace.tb_lineno
        trace = trace.tb_next
    origin = _origin(line, emitted) if line is not None else None
    if origin is None:
        raise described
    # Code that does nothing but raise, at the user's line of the user's file.
    text = "\n" * (origin.line - 1) + "raise error"
    code = compile(text, origin.file, "exec").replace(co_name=emitted.entry_name)
    exec(code, {"error": described.with_traceback(None)})
    raise AssertionError("the line above raises")
