"""Built programs do what the functions do in Python: functions as values, static dispatch."""

import math

import numpy as np
import pytest

from tests.frontend.building import Cases, same

x5 = np.array([0.3, 1.2, -0.7, 2.1, 0.9])
case = Cases()


@case(x5)
def fn_static_args(x):
    def apply_all(fs, v):
        s = 0.0
        for f in fs:
            s += f(v)
        return s

    return apply_all([math.sin, math.cos, lambda t: t * t, np.exp], x[0])


@case(math.sin, 0.5)
def fn_arg(f, x):
    return f(x) * f(2 * x)


@case((math.sin, math.cos), 0.5)
def fns(fs, x):
    return fs[0](x) + fs[1](x)


@case([lambda x: x * 2, 3.0], 0.5)
def fnl(fs, x):
    return fs[0](x) + fs[1]


@case({"f": math.sin, "k": 2.0}, 0.5)
def fnd(d, x):
    return d["f"](x) * d["k"]


@case(2.0)
def str_dispatch(x):
    def act(name, v):
        if name == "relu":
            return v if v > 0 else 0.0
        elif name == "tanh":
            return math.tanh(v)
        raise ValueError(name)

    return act("relu", x) + act("tanh", x)


@case(2.0)
def dict_dispatch(x):
    ops = {"a": lambda v: v * 2, "b": math.sin}
    return ops["a"](x) + ops["b"](x)


@case(x5)
def star_call(x):
    def f(a, b, *r, k=1.0, **kw):
        return a + b * 2 + sum(r) + k + kw.get("z", 0.0)

    t = (x[0], x[1], x[2])
    d = {"k": 2.0, "z": x[3]}
    return f(*t, **d) + f(1.0, *[2.0, 3.0])


@case(x5, 3)
def opt_default(x, n=None):
    if n is None:
        n = len(x)
    s = 0.0
    for i in range(n):
        s += x[i]
    return s


@case(x5)
def opt_default2(x, n=None):
    n = n or len(x)
    return x[n - 1]


@case(x5)
def pass_iter(x):
    it = zip(x, x)
    s = 0.0
    for a, b in it:
        s += a * b
    g = (v for v in x)
    return s + sum(g)


@case(x5)
def listcomp_nested(x):
    m = [[i * j * x[i] for j in range(3)] for i in range(3)]
    t = [v for r in m for v in r]
    d = {k: x[k] * 2 for k in range(3)}
    return m[2][1] + sum(t) + d[1]


@case(x5)
def tuples_loop(x):
    acc = ()
    for i in range(3):
        acc = acc + (x[i],)
    return acc


@case(x5)
def mixed_if(x):
    if x[0] > 0:
        a = 1
        b = 2.0
        c = (1, 2.0)
        items = [1.0]
    else:
        a = 2.5
        b = 3
        c = (2.5, 3)
        items = [2]
    return a + b + c[0] + c[1] + items[0]


@case(x5)
def while_else(x):
    i = 0
    while i < len(x):
        if x[i] < 0:
            break
        i += 1
    else:
        i = 100
    return i * 1.0


@case(x5)
def complex_flow(x):
    s = 0.0
    for i in range(len(x)):
        if x[i] < 0:
            for j in range(i):
                if x[j] > 1:
                    s += x[j]
                    break
            else:
                continue
            s *= 2
        elif i == 3:
            return s + 100 * x[i]
        else:
            s += x[i]
            if s > 100:
                break
        s += 1
    return s


@case(2.0)
def rec_while(x):
    n = 5
    a = x
    while n:
        a = a * 0.5 + 1
        n -= 1
    return a


@case(x5, 4)
def poly(c, n):
    r = c[-1]
    for k in range(len(c) - 2, -1, -1):
        r = r * 2.0 + c[k]
    return r


@case(3, 4)
def gcd(a, b):
    while b:
        a, b = b, a % b
    return a


@case(x5)
def bisect(x):
    lo, hi = 0.0, 2.0
    for _ in range(30):
        mid = (lo + hi) / 2
        if mid * mid < 2.0:
            lo = mid
        else:
            hi = mid
    return lo


@case(x5)
def deleted(x):
    y = x[0]
    z = y * 2
    del y
    return z


@case(x5)
def global_shadow(x):
    K = x[0]
    return K * 2


@case(np.arange(12.0).reshape(3, 4))
def axes(a):
    m, n = a.shape
    t = np.zeros((n, m))
    for i in range(m):
        for j in range(n):
            t[j, i] = a[i, j]
    return t.sum(axis=0), t.shape[0], a.T[1], len(a), a.ndim, a.size


@case(x5)
def unpack_arr(x):
    a, b, c, d, e = x
    (p, q), r = (a, b), c
    return a * b + c * d + e + p + q + r


@pytest.mark.parametrize(("function", "args", "kwargs"), case.entries, ids=case.names)
def test_same_as_python(function, args, kwargs):
    same(function, *args, **kwargs)
