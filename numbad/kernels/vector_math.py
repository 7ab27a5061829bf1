"""Elementary functions that LLVM can vectorise.

LLVM does not vectorise loops with calls to the C library's ``exp``, ``sin`` and so on, because it
knows no vector versions of them. glibc has some, in ``libmvec``; here the calls say so. A call in a
loop that is vectorised becomes a call of the vector version, whose error is at most 4 units in the
last place (2 for most); any other call is the C library's. Where ``libmvec`` or the processor's
vectors are missing, all calls are the C library's.
"""

from __future__ import annotations

import math
import platform
import sys
from collections.abc import Callable
from typing import Any

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import lower_builtin, type_callable

_ONE_ARGUMENT = (
    *("exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh", "asin", "acos", "atan"),
    *("asinh", "acosh", "atanh", "exp2", "expm1", "log2", "log10", "log1p", "erf", "cbrt"),
)
_NUMPY_NAMES = {
    "asin": "arcsin",
    "acos": "arccos",
    "atan": "arctan",
    "asinh": "arcsinh",
    "acosh": "arccosh",
    "atanh": "arctanh",
}


def _find_variants() -> dict[str, list[tuple[str, int]]]:
    """Return the vector versions of each C function: symbol and number of lanes, widest last."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return {}
    try:
        llvm.load_library_permanently("libmvec.so.1")
    except RuntimeError:
        return {}
    features = llvm.get_host_cpu_features()
    kinds = [("b", 2, features.get("sse4.1")), ("d", 4, features.get("avx2"))]
    kinds.append(("e", 8, features.get("avx512f")))
    found: dict[str, list[tuple[str, int]]] = {}
    for name in _ONE_ARGUMENT:
        for suffix, factor in (("", 1), ("f", 2)):
            for letter, lanes, present in kinds:
                symbol = f"_ZGV{letter}N{lanes * factor}v_{name}{suffix}"
                if present and llvm.address_of_symbol(symbol) is not None:
                    found.setdefault(name + suffix, []).append((symbol, lanes * factor))
    return found


_variants = _find_variants()
_USED = "llvm.compiler.used"


def fingerprint() -> str:
    """Return a text that differs between machines with different vector versions."""
    return ",".join(symbol for symbols in _variants.values() for symbol, _ in symbols)


def vectorised(fn: Callable[..., Any]) -> Callable[..., Any] | None:
    """Return the function of this module for one of ``math`` or NumPy, None if there is none."""
    return _by_function.get(fn)


def _define(name: str) -> Callable[[float], float]:
    """Make the function of the name with its typing and lowering."""
    plain = getattr(np, _NUMPY_NAMES.get(name, name), None) or getattr(math, name)

    def function(x: float) -> float:
        return plain(x)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"``{name}`` of a real number, vectorisable."

    @type_callable(function)
    def _type_function(context: Any) -> Any:
        def typer(x: Any) -> Any:
            return x if isinstance(x, types.Float) else None

        return typer

    @lower_builtin(function, types.Float)
    def _lower_function(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.call(_declare(builder.module, name, args[0].type), args)

    return function


def _declare(module: Any, name: str, real: Any) -> Any:
    """Return the declaration of a C function that names its vector versions."""
    symbol = name + ("f" if isinstance(real, ir.FloatType) else "")
    known = symbol in module.globals
    function = cgutils.get_or_insert_function(module, ir.FunctionType(real, [real]), symbol)
    variants = _variants.get(symbol, [])
    if known or not variants:
        return function
    versions = []
    for vector_symbol, lanes in variants:
        vector = ir.VectorType(real, lanes)
        kind = ir.FunctionType(vector, [vector])
        versions.append(cgutils.get_or_insert_function(module, kind, vector_symbol))
    names = ",".join(f"{v[: v.index('_', 1)]}_{symbol}({v})" for v, _ in variants)
    for attribute in ("nounwind", "willreturn", "memory(none)"):
        set.add(function.attributes, attribute)
    set.add(function.attributes, f'"vector-function-abi-variant"="{names}"')
    _keep(module, versions)
    return function


def _keep(module: Any, functions: list[Any]) -> None:
    """Keep declarations that nothing in the module calls yet."""
    pointers = [function.bitcast(cgutils.voidptr_t) for function in functions]
    variable = module.globals.get(_USED)
    if variable is not None:
        pointers = [*variable.initializer.constant, *pointers]
    kind = ir.ArrayType(cgutils.voidptr_t, len(pointers))
    if variable is None:
        variable = ir.GlobalVariable(module, kind, _USED)
        variable.linkage = "appending"
        variable.section = "llvm.metadata"
    variable.value_type = kind
    variable.type = kind.as_pointer()
    variable.initializer = ir.Constant(kind, pointers)


def _register() -> dict[Any, Callable[[float], float]]:
    """Define all functions in this module; return them by the functions they stand for."""
    found: dict[Any, Callable[[float], float]] = {}
    for name in _ONE_ARGUMENT:
        plain = [getattr(math, name, None), getattr(np, _NUMPY_NAMES.get(name, name), None)]
        if name in _variants:
            function = _define(name)
            globals()[name] = function
            found.update((other, function) for other in plain if other is not None)
    return found


_by_function = _register()
