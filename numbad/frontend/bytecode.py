"""Facts about code objects: what they hold, where they stand, whether two do the same."""

from __future__ import annotations

from collections.abc import Iterator
from types import CodeType
from typing import Any

Hull = tuple[tuple[int, int], tuple[int, int]]

_SIGNIFICANT_FLAGS = 0xFF


def code_objects(code: CodeType) -> Iterator[CodeType]:
    """Yield a code object and all that are nested in it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from code_objects(constant)


def is_same_code(compiled: CodeType, actual: CodeType) -> bool:
    """Whether two code objects do the same, ignoring file, positions and docstring.

    ``compiled`` is fresh from the source; ``actual`` belongs to the live function and may have been
    instrumented by pytest.
    """
    if any(name.startswith(("@py", "@pytest")) for name in actual.co_names):
        return (
            parameters_of_code(compiled) == parameters_of_code(actual)
            and set(compiled.co_freevars) == set(actual.co_freevars)
            and set(compiled.co_names) <= set(actual.co_names) | {"AssertionError"}
        )
    if (
        compiled.co_code != actual.co_code
        or parameters_of_code(compiled) != parameters_of_code(actual)
        or compiled.co_names != actual.co_names
        or compiled.co_varnames != actual.co_varnames
        or compiled.co_freevars != actual.co_freevars
        or compiled.co_cellvars != actual.co_cellvars
        or len(compiled.co_consts) != len(actual.co_consts)
        or (compiled.co_flags ^ actual.co_flags) & _SIGNIFICANT_FLAGS
    ):
        return False
    pairs = zip(compiled.co_consts, actual.co_consts, strict=True)
    return all(
        _is_same_constant(left, right, may_be_docstring=position == 0)
        for position, (left, right) in enumerate(pairs)
    )


def _is_same_constant(left: Any, right: Any, *, may_be_docstring: bool = False) -> bool:
    """Whether two entries of ``co_consts`` are the same."""
    if isinstance(left, CodeType) and isinstance(right, CodeType):
        return is_same_code(left, right)
    if may_be_docstring and {type(left), type(right)} <= {str, type(None)}:
        return True
    if type(left) is not type(right):
        return False
    if isinstance(left, frozenset):
        return bool(left == right)
    # By repr: 0.0 and -0.0 are equal but different, nan is not equal to itself.
    return repr(left) == repr(right)


def parameters_of_code(code: CodeType) -> tuple[str, ...]:
    """Names of the parameters of a code object, stars last."""
    stars = bool(code.co_flags & 0x04) + bool(code.co_flags & 0x08)
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount + stars]


def hull(code: CodeType) -> Hull | None:
    """Extent of all instructions of a code object; None if columns are not recorded."""
    starts: list[tuple[int, int]] = []
    ends: list[tuple[int, int]] = []
    for line, end_line, column, end_column in code.co_positions():
        if line is None or end_line is None or column is None or end_column is None:
            continue
        if (line, column) != (end_line, end_column):  # else it is the compiler's own
            starts.append((line, column))
            ends.append((end_line, end_column))
    return (min(starts), max(ends)) if starts else None
