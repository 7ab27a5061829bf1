"""Elementary functions that LLVM can vectorise, to be called in ``@njit`` code.

LLVM does not vectorise loops with calls to the C library's ``exp``, ``sin`` and so on, because it
knows no vector versions of them. glibc has some, in ``libmvec``; here the calls say so. A call in a
loop that is vectorised becomes a call of the vector version, whose error is at most 4 units in the
last place (1 or 2 for most) and which treats zeros, infinities, NaNs, subnormal and huge arguments
as the C library does. Any other call is Numba's own. Where ``libmvec`` or the processor's vectors
are missing, all calls are Numba's own.

Examples
--------
>>> import numpy as np
>>> from numba import njit
>>> from numbad.kernels import vector_math
>>> @njit
... def softplus(x, y):
...     for i in range(x.size):
...         y[i] = vector_math.log1p(vector_math.exp(x[i]))
>>> y = np.empty(3)
>>> softplus(np.array([-1.0, 0.0, 1.0]), y)
>>> y.round(6).tolist()
[0.313262, 0.693147, 1.313262]
"""

from __future__ import annotations

import math
import operator
import platform
import sys
from collections.abc import Callable
from typing import Any

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.registry import cpu_target
from numba.core.typing.templates import signature
from numba.extending import lower_builtin, type_callable

__all__ = [
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "cbrt",
    "cos",
    "cosh",
    "erf",
    "erfc",
    "exp",
    "exp2",
    "expm1",
    "fingerprint",
    "hypot",
    "log",
    "log1p",
    "log2",
    "log10",
    "power",
    "sin",
    "sinh",
    "spellings",
    "tan",
    "tanh",
    "vectorised",
]

_NUMPY_NAMES = {
    "acos": "arccos",
    "acosh": "arccosh",
    "asin": "arcsin",
    "asinh": "arcsinh",
    "atan": "arctan",
    "atan2": "arctan2",
    "atanh": "arctanh",
}
_C_NAMES = {"power": "pow"}
_TWO_ARGUMENTS = ("atan2", "hypot", "power")

# Functions of ``math`` and NumPy by the function of this module that stands for them.
_by_function: dict[Any, Callable[..., float]] = {}


def _has(feature: str) -> bool:
    """Whether the code that Numba compiles may use a feature of the processor."""
    features = str(cpu_target.target_context.codegen().magic_tuple()[2])
    return f"+{feature}" in features.split(",")


def _find_variants() -> dict[str, list[tuple[str, int]]]:
    """Return the vector versions of each C function: symbol and number of lanes, widest last."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return {}
    try:
        llvm.load_library_permanently("libmvec.so.1")
    except RuntimeError:
        return {}
    kinds = [("b", 2, _has("sse4.1")), ("d", 4, _has("avx2")), ("e", 8, _has("avx512f"))]
    found: dict[str, list[tuple[str, int]]] = {}
    for name in __all__:
        arguments = "vv" if name in _TWO_ARGUMENTS else "v"
        for suffix, factor in (("", 1), ("f", 2)):
            c_name = _C_NAMES.get(name, name) + suffix
            for letter, lanes, present in kinds:
                symbol = f"_ZGV{letter}N{lanes * factor}{arguments}_{c_name}"
                if present and llvm.address_of_symbol(symbol) is not None:
                    found.setdefault(c_name, []).append((symbol, lanes * factor))
    return found


_variants = _find_variants()
_USED = "llvm.compiler.used"


def fingerprint() -> str:
    """Return a text that differs between machines with different vector versions.

    Returns
    -------
    str
        Their symbols; empty where there are none.
    """
    return ",".join(symbol for symbols in _variants.values() for symbol, _ in symbols)


def spellings() -> dict[Callable[..., Any], Callable[..., float]]:
    """Return the functions of this module by those of ``math``, ``operator`` and NumPy.

    Returns
    -------
    dict
        Whether or not the machine has vector versions of them.
    """
    return dict(_by_function)


def vectorised(fn: Callable[..., Any]) -> Callable[..., float] | None:
    """Return the function of this module that computes what ``fn`` does, None if there is none.

    Parameters
    ----------
    fn : callable
        A function of ``math``, ``operator`` or NumPy.

    Examples
    --------
    >>> vectorised(np.arctan) is atan
    True
    >>> vectorised(np.floor) is None
    True
    """
    try:
        function = _by_function.get(fn)
    except TypeError:  # not hashable, so not an elementary function
        return None
    if function is None:
        return None
    name = function.__name__
    return function if _C_NAMES.get(name, name) in _variants else None


def _function(
    plain: Callable[..., Any], *aliases: Callable[..., Any]
) -> Callable[[Callable[..., float]], Callable[..., float]]:
    """Register typing and lowering of a function that computes what ``plain`` does."""

    def register(function: Callable[..., float]) -> Callable[..., float]:
        name = function.__name__
        count = 2 if name in _TWO_ARGUMENTS else 1

        @type_callable(function)
        def _type_function(context: Any) -> Any:
            def one(x: Any) -> Any:
                return _type(x)

            def two(a: Any, b: Any) -> Any:
                return _type(a, b)

            return one if count == 1 else two

        @lower_builtin(function, *(types.Float for _ in range(count)))
        def _lower_function(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            variants = _variants.get(_symbol(name, args[0].type))
            if not variants:
                return context.compile_internal(builder, _caller(plain, count), sig, args)
            return _call(builder, name, args, variants)

        for alias in (plain, *aliases):
            _by_function[alias] = function
        return function

    return register


def _type(*args: Any) -> Any:
    """Return the signature for numbers: float32 if all are, else float64; None for others."""
    if not all(isinstance(arg, types.Integer | types.Float) for arg in args):
        return None
    real = types.float32 if all(arg == types.float32 for arg in args) else types.float64
    return signature(real, *(real for _ in args))


def _caller(plain: Callable[..., Any], count: int) -> Callable[..., Any]:
    def one(x: Any) -> Any:
        return plain(x)

    def two(a: Any, b: Any) -> Any:
        return plain(a, b)

    return one if count == 1 else two


def _symbol(name: str, real: Any) -> str:
    return _C_NAMES.get(name, name) + ("f" if isinstance(real, ir.FloatType) else "")


def _call(builder: Any, name: str, args: Any, variants: list[tuple[str, int]]) -> Any:
    """Call a C function and say at the call which vector versions it has."""
    _vectorise_sums()
    module, real = builder.module, args[0].type
    symbol = _symbol(name, real)
    scalar_kind = ir.FunctionType(real, [real for _ in args])
    function = cgutils.get_or_insert_function(module, scalar_kind, symbol)
    versions = []
    for vector_symbol, lanes in variants:
        vector = ir.VectorType(real, lanes)
        kind = ir.FunctionType(vector, [vector for _ in args])
        versions.append(cgutils.get_or_insert_function(module, kind, vector_symbol))
    _keep(module, versions)
    result = builder.call(function, args)
    names = ",".join(f"{v[: v.index('_', 1)]}_{symbol}({v})" for v, _ in variants)
    for attribute in ("nounwind", "willreturn", "memory(none)"):
        set.add(result.attributes, attribute)
    set.add(result.attributes, f'"vector-function-abi-variant"="{names}"')
    return result


_LLVM_VERSIONS = range(15, 23)
_sums_are_vectorised: list[bool] = []


def _vectorise_sums() -> None:
    """Let LLVM vectorise loops that also add numbers up in order.

    It holds the additions, which stay in order, for too dear to vectorise the rest of the loop;
    with elementary functions in it they are not. An option of LLVM for the whole process; results
    do not depend on it.
    """
    if not _sums_are_vectorised and llvm.llvm_version_info[0] in _LLVM_VERSIONS:
        _sums_are_vectorised.append(True)
        llvm.set_option("numbad", "-force-ordered-reductions=true")


def _keep(module: Any, functions: list[Any]) -> None:
    """Keep declarations that nothing in the module calls yet."""
    variable = module.globals.get(_USED)
    known = list(variable.initializer.constant) if variable is not None else []
    present = {pointer.get_reference() for pointer in known}
    pointers = [function.bitcast(cgutils.voidptr_t) for function in functions]
    fresh = [pointer for pointer in pointers if pointer.get_reference() not in present]
    if not fresh:
        return
    kind = ir.ArrayType(cgutils.voidptr_t, len(known) + len(fresh))
    if variable is None:
        variable = ir.GlobalVariable(module, kind, _USED)
        variable.linkage = "appending"
        variable.section = "llvm.metadata"
    variable.value_type = kind
    variable.type = kind.as_pointer()
    variable.initializer = ir.Constant(kind, [*known, *fresh])


@_function(np.exp, math.exp)
def exp(x: float) -> float:
    """eˣ of a real number."""
    return np.exp(x)


@_function(np.exp2, math.exp2)
def exp2(x: float) -> float:
    """2ˣ of a real number."""
    return np.exp2(x)


@_function(np.expm1, math.expm1)
def expm1(x: float) -> float:
    """eˣ - 1 of a real number."""
    return np.expm1(x)


@_function(np.log, math.log)
def log(x: float) -> float:
    """Natural logarithm of a real number."""
    return np.log(x)


@_function(np.log2, math.log2)
def log2(x: float) -> float:
    """Logarithm of a real number to base 2."""
    return np.log2(x)


@_function(np.log10, math.log10)
def log10(x: float) -> float:
    """Logarithm of a real number to base 10."""
    return np.log10(x)


@_function(np.log1p, math.log1p)
def log1p(x: float) -> float:
    """Natural logarithm of 1 + x."""
    return np.log1p(x)


@_function(np.cbrt, math.cbrt)
def cbrt(x: float) -> float:
    """Cube root of a real number."""
    return np.cbrt(x)


@_function(np.power, operator.pow, math.pow)
def power(a: float, b: float) -> float:
    """aᵇ of real numbers."""
    return np.power(a, b)


@_function(np.hypot, math.hypot)
def hypot(a: float, b: float) -> float:
    """√(a² + b²) of real numbers."""
    return np.hypot(a, b)


@_function(np.sin, math.sin)
def sin(x: float) -> float:
    """Sine of a real number."""
    return np.sin(x)


@_function(np.cos, math.cos)
def cos(x: float) -> float:
    """Cosine of a real number."""
    return np.cos(x)


@_function(np.tan, math.tan)
def tan(x: float) -> float:
    """Tangent of a real number."""
    return np.tan(x)


@_function(np.arcsin, math.asin)
def asin(x: float) -> float:
    """Inverse sine of a real number."""
    return np.arcsin(x)


@_function(np.arccos, math.acos)
def acos(x: float) -> float:
    """Inverse cosine of a real number."""
    return np.arccos(x)


@_function(np.arctan, math.atan)
def atan(x: float) -> float:
    """Inverse tangent of a real number."""
    return np.arctan(x)


@_function(np.arctan2, math.atan2)
def atan2(a: float, b: float) -> float:
    """Angle of the point (b, a)."""
    return np.arctan2(a, b)


@_function(np.sinh, math.sinh)
def sinh(x: float) -> float:
    """Hyperbolic sine of a real number."""
    return np.sinh(x)


@_function(np.cosh, math.cosh)
def cosh(x: float) -> float:
    """Hyperbolic cosine of a real number."""
    return np.cosh(x)


@_function(np.tanh, math.tanh)
def tanh(x: float) -> float:
    """Hyperbolic tangent of a real number."""
    return np.tanh(x)


@_function(np.arcsinh, math.asinh)
def asinh(x: float) -> float:
    """Inverse hyperbolic sine of a real number."""
    return np.arcsinh(x)


@_function(np.arccosh, math.acosh)
def acosh(x: float) -> float:
    """Inverse hyperbolic cosine of a real number."""
    return np.arccosh(x)


@_function(np.arctanh, math.atanh)
def atanh(x: float) -> float:
    """Inverse hyperbolic tangent of a real number."""
    return np.arctanh(x)


@_function(math.erf)
def erf(x: float) -> float:
    """Error function of a real number."""
    return math.erf(x)


@_function(math.erfc)
def erfc(x: float) -> float:
    """Complementary error function of a real number."""
    return math.erfc(x)
