"""Constants and element types as Python text that Numba gives the wanted type."""

from __future__ import annotations

import math
from typing import Any, assert_never

import numpy as np

from numbad.emit.references import References
from numbad.errors import InternalError
from numbad.ir.types import (
    BOOL,
    COMPLEX128,
    FLOAT64,
    INT64,
    Array,
    Lanes,
    List,
    Opaque,
    Scalar,
    Stack,
    Tuple,
    Type,
    is_complex,
    is_integer,
)

SIGN, ATOM = 12, 14
"""Precedences of a literal: of one that starts with a minus sign, and of any other."""


class Literals:
    """Prints constants and types; what they need is imported through ``references``."""

    def __init__(self, references: References) -> None:
        self.references = references

    def constant(self, value: Any, type_: Type) -> tuple[str, int]:
        """Return a literal that Numba gives the type ``type_``."""
        match type_:
            case Scalar():
                return self._number(value, type_)
            case Lanes(dtype):
                return f"{self.dtype(type_)}({self._number(value, dtype)[0]})", ATOM
            case Opaque():
                if isinstance(value, str):
                    return quoted(value), ATOM
                if value is None or isinstance(value, bytes | bool | int | float):
                    return repr(value), ATOM
                return self.references.text(value), ATOM
            case Tuple(items):
                parts = [self.constant(v, t)[0] for v, t in zip(value, items, strict=True)]
                return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})", ATOM
            case Array() | List() | Stack():
                raise InternalError(f"A constant of type {type_} cannot be printed.")
            case _:
                assert_never(type_)

    def _number(self, value: Any, type_: Scalar) -> tuple[str, int]:
        if type_ == BOOL:
            return repr(bool(value)), ATOM
        if is_integer(type_):
            text = repr(int(value))
            if type_ == INT64:
                return text, SIGN if text.startswith("-") else ATOM
            return f"{self.scalar(type_)}({text})", ATOM
        if is_complex(type_):
            number = complex(value)
            text = f"complex({self._float(number.real)}, {self._float(number.imag)})"
            return (text if type_ == COMPLEX128 else f"{self.scalar(type_)}({text})"), ATOM
        if type_ == FLOAT64:
            text = self._float(float(value))
            return text, SIGN if text.startswith("-") else ATOM
        short = float(str(np.dtype(type_.name).type(value)))
        return f"{self.scalar(type_)}({self._float(short)})", ATOM

    def _float(self, value: float) -> str:
        if math.isfinite(value):
            return repr(value)
        self.references.numpy()
        if math.isnan(value):
            return "np.nan"
        return "np.inf" if value > 0 else "-np.inf"

    def scalar(self, type_: Scalar) -> str:
        """Return the NumPy class of a scalar type."""
        self.references.numpy()
        return "np.bool_" if type_ == BOOL else f"np.{type_.name}"

    def dtype(self, type_: Scalar | Lanes) -> str:
        """Return the element type of an array as a dtype argument."""
        match type_:
            case Scalar():
                return self.scalar(type_)
            case Lanes(dtype, count):
                return self.references.kernel("lanes", f"{dtype}x{count}")
            case _:
                assert_never(type_)


def quoted(text: str) -> str:
    """Return a string literal in double quotes where it needs no escapes for that."""
    plain = repr(text)
    if plain.startswith("'") and '"' not in plain:
        return '"' + plain[1:-1] + '"'
    return plain
