# ruff: noqa: F821
"""The built program does what the function does in Python: control flow."""

import math

import numpy as np
import pytest

from tests.frontend.building import Cases, same

x5 = np.array([0.3, 1.2, -0.7, 2.1, 0.9])
case = Cases()


@case(2.0, 3)
def pow_loop(x, n):
    r = 1
    for i in range(n):
        r *= x
    return r


@case(x5)
def prev_pattern(x):
    s = 0.0
    for i in range(len(x)):
        if i > 0:
            s += prev * x[i]
        prev = x[i]
    return s


@case(x5)
def first_none(x):
    best = None
    for v in x:
        if best is None or v > best:
            best = v
    return best


@case(x5)
def optional_arg(x):
    def g(a, b=None):
        if b is None:
            return a * 2
        return a * b

    return g(x[0]) + g(x[1], x[2])


@case(x5)
def cond_defined(x):
    if x[0] > 0:
        y = x[1]
    else:
        y = x[2]
        z = 3.0
    return y


@case(x5)
def for_else(x):
    for v in x:
        if v > 100:
            break
    else:
        return x[0]
    return x[1]


@case(x5)
def while_break_continue(x):
    i = 0
    s = 0.0
    while True:
        i += 1
        if i >= len(x):
            break
        if x[i] < 0:
            continue
        s += x[i]
        if s > 3:
            return s * 10
    return s


@case(x5)
def nested_break(x):
    s = 0.0
    for i in range(len(x)):
        for j in range(len(x)):
            if j > i:
                break
            if x[j] < 0:
                continue
            s += x[i] * x[j]
        if s > 5:
            break
    return s, i, j


@case(x5)
def loopvar_after(x):
    for i in range(len(x)):
        y = x[i] * i
    return y + i


@case(2.0)
def swap(x):
    a, b = x, x * 2
    for i in range(5):
        a, b = b, a + b
    return a, b


@case(x5)
def double_buffer(u):
    u = u.copy()
    un = np.empty_like(u)
    for t in range(3):
        for i in range(1, len(u) - 1):
            un[i] = 0.5 * (u[i - 1] + u[i + 1])
        un[0] = u[0]
        un[-1] = u[-1]
        u, un = un, u
    return np.sum(u * u)


@case(1.5)
def walrus(x):
    s = 0.0
    if (y := x * x) > 1:
        s += y
    n = 0
    while (z := s * 1.5) < 20:
        s = z + n
        n += 1
    return s + z


@case(2.0)
def asserts(x):
    assert x > 0, f"bad {x}"
    if x > 10:
        raise ValueError("too big")
    try:
        y = x * 2
    finally:
        z = 1.0
    return y + z


@case(x5)
def early(x):
    for i in range(len(x)):
        if x[i] < 0:
            return i * x[i]
    return 0.0


@case(x5)
def early2(x):
    if x[0] > 100:
        return 1.0
    elif x[1] > 0:
        for v in x:
            if v < 0:
                return v
        return 7.0
    return 3


@case(2.0, 0)
def zero_trip(x, n):
    y = x
    for i in range(n):
        y = y * x
    while n > 0:
        y += 1
        n -= 1
    return y


@case(x5)
def shadow(x):
    s = 0.0
    i = 10
    for i in range(3):
        s += x[i]
    r = [i * 2.0 for i in range(3)]
    return s + i + sum(r)


@case(10)
def collatz(n):
    c = 0
    while n != 1:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        c += 1
    return c


@case(x5)
def tuple_carry(x):
    state = (0.0, 1)
    for v in x:
        a, b = state
        state = (a + v * b, b + 1)
    return state


@case(x5)
def flags(x):
    found = False
    idx = -1
    for i in range(len(x)):
        if not found and x[i] < 0:
            found = True
            idx = i
    return x[idx] if found else 0.0


@case(x5)
def none_flag(x):
    prev = None
    s = 0.0
    for v in x:
        if prev is not None:
            s += v * prev
        prev = v
    return s


@case(x5)
def tuple_none(x):
    best = (None, 0.0)
    r = x[0]
    if r > 0:
        best = (1, r)
    return best[1]


@case(x5)
def type_change(x):
    y = x[0]
    for i in range(3):
        y = y * 2
    y = (y, 1.0)
    z = 0
    if x[0] > 0:
        z = 1.5
    return y[0] + z


@case(x5)
def reuse_name(x):
    t = x * 2
    s = 0.0
    for i in range(len(x)):
        t = x[i] * 3
        s += t
    return s


@case(x5)
def reuse_name2(x):
    s = 0.0
    for i in range(len(x)):
        t = (x[i], i)
        s += t[0]
        t = x[i]
        s += t
    for i in range(2):
        t = [x[i]]
        s += t[0]
    return s


@case(x5)
def triple(x):
    s = 0
    n = len(x)
    for i in range(n):
        t = 0
        for j in range(i, n):
            u = 1
            for k in range(j, n):
                u *= x[k]
            t += u
        s += t * x[i]
    return s


@case(np.eye(3) + 0.1)
def lu(a):
    a = a.copy()
    n = a.shape[0]
    for k in range(n):
        for i in range(k + 1, n):
            f = a[i, k] / a[k, k]
            a[i, k] = f
            for j in range(k + 1, n):
                a[i, j] -= f * a[k, j]
    d = 1.0
    for i in range(n):
        d *= a[i, i]
    return d


@case(0.5, 10)
def while_two(x, n):
    a = x
    b = 1
    while a < 5 and b < n:
        a = a + b * x
        b += 1
        while b % 3 == 0:
            b += 1
    return a * b


@case(x5)
def deadcode(x):
    s = 0.0
    for i in range(3):
        unused = x[i] * 2
        if False:
            s += 1
        s += x[i]
    return s


@case(x5)
def raising(x):
    if x[0] > 100:
        raise ValueError("a", x[0])
    elif x[0] < -100:
        y = 1.0
    else:
        y = x[0]
    for v in x:
        if v > 50:
            raise RuntimeError
        y += v
    return y


@case(x5)
def matchstmt(x):
    k = 2
    match k:
        case 1:
            return x[0]
        case 2 | 3:
            return x[1]
        case _:
            return x[2]


@case(x5)
def chain(x):
    n = 0
    for v in x:
        if -1 < v <= 1:
            n += 1
        elif v == 2.1:
            n += 10
    return n * x[0]


@case(-5, 10, 3)
def ranges(a, b, c):
    s = 0
    for i in range(a, b, c):
        s += i * i
    for i in range(b, a, -c):
        s -= i
    for i in reversed(range(a, b, c)):
        s = s * 2 + i
    return s, len(range(a, b, c)), range(a, b, c)[2]


@case(x5)
def gen_break(x):
    s = 0.0
    for v in (w * w for w in x):
        s += v
    return s


@case(x5)
def zips(x):
    s = 0.0
    for a, b in zip(x, x[1:]):
        s += a * b
    for i, (a, b) in enumerate(zip(x, (1.0, 2.0))):
        s += i * a * b
    for a in reversed(x):
        s = s * 0.9 + a
    for i in reversed(range(3)):
        s += i * x[i]
    for a in map(math.sin, x):
        s += a
    for a in filter(lambda v: v > 0, x):
        s *= a
    return s


@case(x5)
def enumerate_start(x):
    s = 0.0
    for i, v in enumerate(x, 2):
        s += i * v
    for i, v in enumerate(zip(x, x)):
        s += i * v[0] * v[1]
    for a, (i, v) in zip(x, enumerate(x)):
        s += a * i
    return s


@case(1.5, 2.5)
def logic(x, y):
    a = x > 1 and y > 1
    b = x or y
    c = x > 5 or y < 3
    d = not (x < y < 3 < 4)
    e = (x if a else y) if c else 0
    f = x and y
    g = 1 < x < 2
    return b + e + f + a + d + g


@case(x5)
def any_all(x):
    return (
        any(v < 0 for v in x),
        all(v > -1 for v in x),
        any([True, False]),
        all(()),
        x[0] in x,
        3 in (1, 2, 3),
    )


@pytest.mark.parametrize(("function", "args", "kwargs"), case.entries, ids=case.names)
def test_same_as_python(function, args, kwargs):
    same(function, *args, **kwargs)
