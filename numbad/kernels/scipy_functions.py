"""Special functions of SciPy, called from compiled code through the addresses it exports.

``scipy.special.cython_special`` exports C functions; libraries take their addresses to call them
in Numba code. ``function_at`` finds out which function stands at an address. SciPy is needed only
when one of the functions is compiled or called.
"""

from __future__ import annotations

import ctypes
import functools
import math
import re
from collections.abc import Callable
from typing import Any

from numba.extending import get_cython_function_address, overload, register_jitable

from numbad.kernels.special import digamma

_MODULE = "scipy.special.cython_special"
FUNCTIONS: dict[str, Callable[..., Any]] = {}


def _export(name: str, count: int) -> int | None:
    """Address of the variant of a function for ``count`` float64 arguments."""
    from scipy.special import cython_special

    exported = cython_special.__pyx_capi__
    name_of = ctypes.pythonapi.PyCapsule_GetName
    name_of.restype, name_of.argtypes = ctypes.c_char_p, [ctypes.py_object]
    arguments = ", ".join(["double"] * count)
    wanted = re.compile(rf"double \({arguments}(, int __pyx_skip_dispatch)?\)")
    for variant in (name, f"__pyx_fuse_0{name}", f"__pyx_fuse_1{name}"):
        if variant in exported and wanted.fullmatch(name_of(exported[variant]).decode()):
            return int(get_cython_function_address(_MODULE, variant))
    return None


@functools.cache
def _pointer(name: str, count: int) -> Any:
    address = _export(name, count)
    if address is None:
        raise NotImplementedError(f"This version of SciPy does not export {name}.")
    return ctypes.CFUNCTYPE(ctypes.c_double, *[ctypes.c_double] * count)(address)


@functools.cache
def _addresses() -> dict[int, Callable[..., Any]]:
    found = {}
    for name, function in FUNCTIONS.items():
        address = _export(name, function.__code__.co_argcount)
        if address is not None:
            found[address] = function
    return found


def function_at(address: int) -> Callable[..., Any] | None:
    """Return the function of this module that an address belongs to; None for others.

    Parameters
    ----------
    address : int
        As ``numba.extending.get_cython_function_address`` gives it.
    """
    try:
        return _addresses().get(address)
    except ImportError:
        return None


def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let compiled code call the exported function in place of the Python one."""
    name, count = function.__name__, function.__code__.co_argcount
    FUNCTIONS[name] = function
    if count == 1:

        def one(x: Any) -> Any:
            pointer = _pointer(name, 1)
            return lambda x: pointer(x)  # noqa: PLW0108 -- Numba needs a function

        overload(function, strict=False)(one)
    else:

        def two(x: Any, y: Any) -> Any:
            pointer = _pointer(name, 2)
            return lambda x, y: pointer(x, y)  # noqa: PLW0108 -- the same

        overload(function, strict=False)(two)
    return function


@_compiled
def ndtri(x: float) -> float:
    """Inverse of the normal distribution function."""
    return _pointer("ndtri", 1)(x)


@_compiled
def erfcx(x: float) -> float:
    """``exp(x * x) * erfc(x)``."""
    return _pointer("erfcx", 1)(x)


@_compiled
def log_ndtr(x: float) -> float:
    """Logarithm of the normal distribution function."""
    return _pointer("log_ndtr", 1)(x)


@_compiled
def gammainc(x: float, y: float) -> float:
    """Regularised lower incomplete gamma function of order x."""
    return _pointer("gammainc", 2)(x, y)


@_compiled
def gammaincc(x: float, y: float) -> float:
    """Regularised upper incomplete gamma function of order x."""
    return _pointer("gammaincc", 2)(x, y)


@_compiled
def gammaincinv(x: float, y: float) -> float:
    """Inverse of ``gammainc`` of order x."""
    return _pointer("gammaincinv", 2)(x, y)


@_compiled
def stdtr(x: float, y: float) -> float:
    """Distribution function of Student's t with x degrees of freedom."""
    return _pointer("stdtr", 2)(x, y)


@_compiled
def stdtrit(x: float, y: float) -> float:
    """Inverse of ``stdtr`` with x degrees of freedom."""
    return _pointer("stdtrit", 2)(x, y)


@_compiled
def xlogy(x: float, y: float) -> float:
    """``x * log(y)``, and 0 for x = 0."""
    return _pointer("xlogy", 2)(x, y)


@_compiled
def xlog1py(x: float, y: float) -> float:
    """``x * log1p(y)``, and 0 for x = 0."""
    return _pointer("xlog1py", 2)(x, y)


@_compiled
def owens_t(x: float, y: float) -> float:
    """Owen's T function."""
    return _pointer("owens_t", 2)(x, y)


# --- derivatives that are no elementary functions -----------------------------------------------


@register_jitable
def gammainc_by_order(a: float, x: float) -> float:
    """Derivative of ``gammainc(a, x)`` with respect to a: the series DLMF 8.7.1, term by term."""
    if x <= 0.0:
        return 0.0
    logarithm = math.log(x)
    term = math.exp(a * logarithm - x - math.lgamma(a + 1.0))
    psi = digamma(a + 1.0)
    total = 0.0
    n = 0
    while n < 100000:
        total += term * (logarithm - psi)
        n += 1
        psi += 1.0 / (a + n)
        term *= x / (a + n)
        if term * (1.0 + abs(logarithm - psi)) <= 1e-18 * abs(total) and n > x:
            break
    return total


@register_jitable
def stdtr_by_degrees(df: float, t: float) -> float:
    """Derivative of ``stdtr(df, t)`` with respect to df.

    The integral of the density's derivative from 0 to t, with ``t = sqrt(df) tan(u)``, by
    Simpson's rule on a smooth integrand.
    """
    end = math.atan(t / math.sqrt(df))
    half = 0.5 * (df + 1.0)
    norm = math.exp(math.lgamma(half) - math.lgamma(0.5 * df)) / math.sqrt(math.pi)
    slope = 0.5 * (digamma(half) - digamma(0.5 * df))
    count = 2000
    step = end / count
    total = 0.0
    for i in range(count + 1):
        weight = 1.0 if i in (0, count) else (4.0 if i % 2 == 1 else 2.0)
        cosine = math.cos(i * step)
        if cosine > 0.0:
            value = cosine ** (df - 1.0)
            total += weight * value * (slope + math.log(cosine))
    inner = total * step / 3.0
    # The limit of the integral moves with df at fixed t.
    edge = math.cos(end) ** (df - 1.0) * (-t / (2.0 * math.sqrt(df) * df)) * math.cos(end) ** 2
    return norm * (inner + edge)
