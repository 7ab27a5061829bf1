"""The built program does what the function does in Python: functions."""

import functools
import math

import numpy as np
import pytest
from numba import njit, prange, vectorize

from tests.frontend.building import Cases, same

x5 = np.array([0.3, 1.2, -0.7, 2.1, 0.9])
case = Cases()


def even(x, n):
    if n == 0:
        return 1.0
    return x * odd(x, n - 1)


def odd(x, n):
    if n == 0:
        return 2.0
    return (x + 1) * even(x, n - 1)


def gen2(x):
    for v in x:
        yield v, v * v


@njit
def jitted(x):
    return x * x


@vectorize
def vec(a, b):
    return a * b + 1


@njit(["float64(float64)"])
def sig(a):
    return a / 2


@case(2.0, 3)
def pow_rec(x, n):
    return 1 if n == 0 else x * pow_rec(x, n - 1)


@case(0.3, 5)
def mutual(x, n):
    return even(x, n)


@case(1.5, 10)
def fib_like(x, n):
    if n < 2:
        return x * n
    return fib_like(x, n - 1) + 0.5 * fib_like(x, n - 2)


@case(1.0, 2.0, 3.0, k=4.0)
def varargs(*args, **kw):
    s = 0.0
    for a in args:
        s += a * a
    return s * kw["k"]


@case(x5)
def gens(x):
    def g(n):
        for i in range(n):
            if x[i] > 0:
                yield x[i] * i
        yield 1.0

    s = 0.0
    for v in g(len(x)):
        s += v
    return s + sum(g(3))


@case(x5)
def gens2(x):
    s = 0.0
    for a, b in gen2(x):
        t = a * b
        s += t
    return s, t


@case(x5)
def closures(x):
    k = 2.0

    def f(a):
        return a * k

    def g(h, a):
        return h(h(a))

    s = g(f, x[0])
    k = 3.0
    s += g(f, x[1])
    adders = [lambda a, i=i: a + i for i in range(3)]
    for h in adders:
        s += h(x[2])
    return s


@case(x5)
def nonlocal_(x):
    s = 0.0

    def add(v):
        nonlocal s
        s += v * v

    for v in x:
        add(v)
    return s


@case(2.0)
def lambdas(x):
    f = lambda a: a * a
    g = functools.partial(lambda a, b: a - b, b=x)
    return f(x) + g(5.0) + functools.reduce(lambda a, b: a * b, [x, x, 3.0])


@case(2.0)
def rec_closure(x):
    k = x * 2

    def rec(n):
        return k if n == 0 else k * rec(n - 1)

    a = rec(3)
    k = 3.0
    return a + rec(2)


@case((1.0, (2.0, 3.0), 4.0))
def rec_struct(t):
    def total(t):
        s = 0.0
        for e in t:
            if isinstance(e, tuple):
                s += total(e)
            else:
                s += e
        return s

    return total(t)


@case(x5)
def nested_def_loop(x):
    s = 0.0
    for i in range(3):

        def f(a):
            return a * i + x[i]

        s += f(2.0)
    return s


@case(2.0, 3.0)
def kwdefaults(x, y, *, k=2.0, f=math.sin):
    return f(x) * k + y


@case(2.0)
def deflt(x, n=3, c=(1.0, 2.0)):
    for i in range(n):
        x = x * c[0] + c[1]
    return x


@case(x5)
def glob_counter(x):
    acc = np.zeros(1)

    def rec(i):
        if i < len(x):
            acc[0] += x[i]
            rec(i + 1)

    rec(0)
    return acc[0]


@case(x5)
def rec_arrays(x):
    def msum(a):
        n = len(a)
        if n == 1:
            return a[0] * a[0]
        h = n // 2
        return msum(a[:h]) + msum(a[h:])

    return msum(x)


@case(5)
def rec_tuple(n):
    def f(n):
        if n == 0:
            return (1.0, 0.0)
        a, b = f(n - 1)
        return (a * 2, b + a)

    return f(n)


@case(x5)
def ackermannish(x):
    def newton(f, y, n):
        if n == 0:
            return y
        return newton(f, y - f(y) / (2 * y), n - 1)

    return newton(lambda t: t * t - 2.0, 1.0 + x[0], 5)


@case(x5)
def use_vec(x):
    return vec(x, 2.0).sum() + vec(x[0], x[1])


@case(3)
def use_sig(n):
    return sig(n)


@case(2.0)
def local_import(x):
    import math as mm
    from math import sin as si

    return mm.cos(x) + si(x)


@case(2.0)
@njit(fastmath=True)
def uses_jit(x):
    return jitted(x) + 1


@case(x5)
@njit(parallel=True)
def par(x):
    s = 0.0
    for i in prange(len(x)):
        s += x[i] ** 2
    return s


@pytest.mark.parametrize(("function", "args", "kwargs"), case.entries, ids=case.names)
def test_same_as_python(function, args, kwargs):
    same(function, *args, **kwargs)
