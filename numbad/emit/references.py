"""How generated code refers to functions and classes outside it.

Names from ``math``, ``numpy`` and ``builtins`` are written out, functions of ``numbad.kernels`` are
imported, and everything else (user functions with rules, namedtuple and exception classes) is put
into the module's namespace by the loader, under a name made from the object's own.
"""

from __future__ import annotations

import builtins
import cmath
import keyword
import math
import operator
import re
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from numbad.ir import nodes as ir
from numbad.ir.types import REALS
from numbad.kernels.vector_math import vectorised

_NUMPY_PARTS = ("linalg", "random", "fft", "polynomial")


class References:
    """The outside names of one module; each is settled when it is first asked for.

    Parameters
    ----------
    functions : names of the functions of the module
    reserved : other names that bound objects and variables must not take
    vector_math : whether elementary functions are replaced by those that LLVM can vectorise

    Attributes
    ----------
    imports : import statements needed by the names given so far
    bindings : objects that the loader must put into the namespace, by name
    """

    def __init__(
        self, functions: set[str], reserved: frozenset[str], vector_math: bool = False
    ) -> None:
        self.vector_math = vector_math
        self.functions = functions
        self.reserved = set(functions | reserved)
        self.imports: set[str] = set()
        self.bindings: dict[str, Any] = {}
        self._known: dict[int, str] = {}
        self._kept: list[Any] = []

    def text(self, obj: Any) -> str:
        """Return the expression that denotes ``obj`` in the generated module."""
        known = self._known.get(id(obj))
        if known is None:
            known = self._resolve(obj)
            self._known[id(obj)] = known
            self._kept.append(obj)
        return known

    def substitute(self, fn: Any, args: tuple[ir.Operand, ...]) -> Any:
        """Return the function that is called in place of ``fn`` for these arguments."""
        if not self.vector_math or not args or args[0].type not in REALS:
            return fn
        if any(arg.type != args[0].type for arg in args):
            return fn
        return vectorised(fn) or fn

    def names(self) -> set[str]:
        """Return the names that local variables must not take."""
        return {text.split(".")[0] for text in self._known.values()} | self.reserved

    def kernel(self, module: str, name: str) -> str:
        """Return the name of a function of ``numbad.kernels``, imported."""
        self.imports.add(f"from numbad.kernels.{module} import {name}")
        return name

    def numpy(self) -> None:
        """Note that the text uses ``np``."""
        self.imports.add("import numpy as np")

    def _resolve(self, obj: Any) -> str:
        name = getattr(obj, "__name__", "")
        standard = _standard_name(obj, name)
        if standard is not None:
            root = standard.split(".")[0]
            if root == "np":
                self.imports.add("import numpy as np")
            elif root in ("math", "cmath", "operator") and "." in standard:
                self.imports.add(f"import {root}")
            return standard
        module = getattr(obj, "__module__", None) or ""
        ours = module.startswith("numbad.kernels.") and name not in self.functions
        if ours and getattr(sys.modules.get(module), name, None) is obj:
            self.imports.add(f"from {module} import {name}")
            self.reserved.add(name)
            return str(name)
        return self._bind(obj, name)

    def _bind(self, obj: Any, name: str) -> str:
        base = re.sub(r"\W+", "_", name).strip("_") or "function"
        if keyword.iskeyword(base) or base[0].isdigit():
            base = f"_{base}"
        bound, number = base, 1
        while bound in self.reserved or hasattr(builtins, bound):
            number += 1
            bound = f"{base}{number}"
        self.reserved.add(bound)
        self.bindings[bound] = obj
        return bound


def _standard_name(obj: Any, name: str) -> str | None:
    for candidate in _spellings(name):
        for prefix, module in _standard_modules():
            if vars(module).get(candidate) is obj:
                return f"{prefix}{candidate}"
    return None


def _spellings(name: str) -> Iterator[str]:
    yield name
    if name == "bool":
        yield "bool_"


def _standard_modules() -> Iterator[tuple[str, Any]]:
    yield "", builtins
    yield "math.", math
    yield "np.", np
    for part in _NUMPY_PARTS:
        loaded = sys.modules.get(f"numpy.{part}")
        if loaded is not None:
            yield f"np.{part}.", loaded
    yield "cmath.", cmath
    yield "operator.", operator
