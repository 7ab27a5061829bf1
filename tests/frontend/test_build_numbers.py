"""The built program does what the function does in Python: numbers."""

import cmath
import enum
import math

import numpy as np
import pytest

from tests.frontend.building import Cases, same

x5 = np.array([0.3, 1.2, -0.7, 2.1, 0.9])
case = Cases()


class Color(enum.Enum):
    R = 1
    G = 2


class Lev(enum.IntEnum):
    A = 1
    B = 2


class M:
    pass


m = M()
m.k = 3.0


@case(7, 3)
def ints(a, b):
    return (
        a / b,
        a // b,
        a % b,
        a**b,
        -a // b,
        a << b,
        a >> 1,
        a & b,
        a | b,
        a ^ b,
        ~a,
        abs(-a),
        divmod(a, b),
        round(a / b),
        int(a / b),
        float(a),
        a * True,
    )


@case(7.5, -3)
def mixed(a, b):
    return (
        a / b,
        a // b,
        a % b,
        a**b,
        divmod(a, b),
        round(a, 1),
        int(a),
        math.floor(a),
        max(a, b),
        min(1, a, b),
        pow(a, 2),
    )


@case(1 + 2j, 0.5)
def cplx(z, x):
    w = z * complex(x, 1) + 1j
    return w.real * w.imag + abs(w) ** 2 + w.conjugate().imag + cmath.exp(z).real + (z**2).imag, w


@case(np.float32(1.5), np.int32(3))
def f32(x, n):
    s = np.float32(0)
    for i in range(n):
        s += x * x
    return s


@case(1.5)
def enums(x):
    c = Color.G
    if c is Color.R:
        return x
    if c == Color.G:
        x = x * 2
    return x * Lev.B + Color.R.value


@case("abc", 2.0)
def strs(s, x):
    if s == "abc":
        x = x * len(s)
    if s.startswith("a"):
        x += 1
    if "b" in s:
        x += 1
    d = {"abc": 3.0}
    return x * d[s]


@case(2.0)
def typ(x):
    if isinstance(x, float):
        x = x + 1
    if isinstance(x, (int, np.ndarray)):
        x = x * 100
    if type(x) is float:
        x = x * 2
    if hasattr(m, "k"):
        x += getattr(m, "k")
    if callable(typ):
        x += 1
    return x


@case(2.0)
def intpow(x):
    return x**2 + x**-1 + x**0.5 + 2**x + (-2.0) ** 3


@case(True, 2.0)
def boolarg(f, x):
    if f:
        return x * 2
    return x


@case(3)
def retint(n):
    s = 0
    for i in range(n):
        s += i
    return s


@case(np.float32(2.0), np.arange(3, dtype=np.float32))
def f32arr(s, a):
    for i in range(3):
        a[i] *= s
    return a.sum() + s


@case(2.0)
def printing(x):
    print("x", x, (1, x))
    return x


@pytest.mark.parametrize(("function", "args", "kwargs"), case.entries, ids=case.names)
def test_same_as_python(function, args, kwargs):
    same(function, *args, **kwargs)
