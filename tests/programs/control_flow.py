"""Branches, loops with early exits, and names bound on some paths only."""

import math

import numpy as np

from tests.programs.program import program


@program(lambda r: (r.uniform(0.5, 1.5), 5))
def power_loop(x, n):
    r = 1
    for _ in range(n):
        r *= x
    return r


@program(lambda r: (r.uniform(-2.0, 2.0),))
def branch_on_sign(x):
    if x > 0.0:
        y = x * x
    else:
        y = math.sin(x)
    return y * x


@program(lambda r: (r.uniform(0.0, 4.0),))
def elif_chain(x):
    if x < 1.0:
        return x * 2.0
    elif x < 2.0:
        return x * x + 1.0
    elif x < 3.0:
        return math.exp(-x)
    else:
        return 1.0 / x


@program(lambda r: (r.uniform(0.2, 0.9), r.uniform(0.2, 0.9)))
def nested_branches(x, y):
    z = x * y
    if x > 0.5:
        if y > 0.5:
            z = z * x
        else:
            z = z + y * y
        z = z * 2.0
    elif y > 0.3:
        z = math.cos(z)
    return z


@program(lambda r: (r.uniform(0.3, 0.7),))
def conditional_expression(x):
    a = x * x if x > 0.1 else 7.0
    b = (a if a > 100.0 else x + a) * (3.0 if x < 0.0 else x)
    return b


@program(lambda r: (r.uniform(0.3, 0.7), r.uniform(1.0, 2.0)))
def chained_comparison(x, y):
    if 0.0 < x < y <= 5.0:
        return x / y
    return x * y


@program(lambda r: (r.uniform(0.3, 0.7), 4))
def short_circuits(x, n):
    y = x
    if n > 2 and x > 0.1:
        y = y * 3.0
    if n == 0 or x < 0.8:
        y = y * x
    if not (x > 0.9):
        y += x
    return y


@program(lambda r: (r.uniform(1.3, 1.7),), jit=False)
def walrus(x):
    total = 0.0
    if (y := x * x) > 1.0:
        total += y * x
    while (y := y * 0.5) > 0.3:
        total += y * y
    return total


@program(lambda r: (r.uniform(0.5, 1.5, 7),))
def continue_in_loop(x):
    total = 0.0
    for i in range(len(x)):
        if i % 3 == 1:
            continue
        total += x[i] * x[i] * (i + 1)
    return total


@program(lambda r: (r.uniform(0.5, 1.5, 7), 2.1))
def break_in_loop(x, limit):
    total = 0.0
    for v in x:
        total += v * v
        if total > limit:
            break
    return total


@program(lambda r: (r.uniform(0.5, 1.5, 8),))
def break_and_continue(x):
    s = 1.0
    for i in range(x.shape[0]):
        if i == 1 or i == 4:
            continue
        if i == 6:
            break
        s = s * x[i] + 0.5
    return s


@program(lambda r: (r.uniform(0.5, 1.5, 6), 2.5))
def return_in_loop(x, limit):
    s = 0.0
    for i in range(len(x)):
        s += x[i]
        if s > limit:
            return s * x[i]
    return -s


@program(lambda r: (r.uniform(0.5, 1.5, (4, 5)), 6.3))
def return_in_nested_loops(a, limit):
    s = 0.0
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            s += a[i, j] * a[i, j]
            if s > limit:
                return s * a[i, j]
        s = s * 1.1
    return s


@program(lambda r: (r.uniform(0.5, 1.5, 5),))
def loop_else_taken(x):
    s = 0.0
    for v in x:
        if v > 10.0:
            break
        s += v * v
    else:
        s = s * x[0]
    return s


@program(lambda r: (r.uniform(0.5, 1.5, 5),))
def loop_else_skipped(x):
    s = 0.0
    for i in range(5):
        if i == 3:
            break
        s += x[i] * x[i]
    else:
        s = 0.0
    return s


@program(lambda r: (r.uniform(0.5, 1.5), 4))
def while_else(x, n):
    i = 0
    s = x
    while i < n:
        s = s * x + 0.1
        i += 1
    else:
        s += 1.0
    return s * s


@program(lambda r: (r.uniform(2.0, 3.0),))
def while_newton_square_root(a):
    x = a
    while abs(x * x - a) > 1e-13 * a:
        x = 0.5 * (x + a / x)
    return x


@program(lambda r: (r.uniform(20.0, 22.0),))
def while_data_dependent(x):
    n = 0
    while x > 1.0:
        x = x * 0.7 - 0.01 * x
        n += 1
    return x * n


@program(lambda r: (r.uniform(0.3, 0.5),))
def while_true_break(x):
    term = x
    s = 0.0
    k = 1
    while True:
        s += term / k
        term *= x
        k += 1
        if term < 1e-15:
            break
    return s


@program(lambda r: (r.uniform(0.5, 1.5, 6),))
def while_with_continue(x):
    i = 0
    s = 0.0
    while i < len(x):
        i += 1
        if i % 2 == 0:
            continue
        s += x[i - 1] ** 2
    return s


@program(lambda r: (r.uniform(0.5, 0.9),))
def while_true_return(x):
    y = x
    while True:
        y = y * x
        if y < 0.2:
            return y + x


@program(lambda r: (r.uniform(0.5, 1.5, (3, 4)),))
def break_inner_loop_only(a):
    s = 0.0
    for i in range(3):
        p = 1.0
        for j in range(4):
            if j > i:
                break
            p *= a[i, j]
        s += p * p
    return s


@program(lambda r: (r.uniform(0.5, 1.5), 7))
def branch_on_parity(x, n):
    y = 0.0
    for i in range(n):
        if i % 2 == 0:
            y += x**2
        else:
            y = y * x
    return y


@program(lambda r: (r.uniform(0.5, 1.5), 9, 3))
def steps_of_range(x, n, step):
    y = x
    for i in range(1, n, step):
        y = y * x + i
    for i in range(n, 0, -step):
        y = 0.1 * y * x + i
    for i in range(5, 2):
        y = y * i * x
    return y


@program(lambda r: (r.uniform(0.5, 1.5),))
def loop_variable_after_loop(x):
    y = x
    for i in range(4):
        y = y * x
    return y * i


@program(lambda r: (r.uniform(0.5, 1.5), 3))
def conditionally_defined(x, n):
    if n > 2:
        extra = x * x
    y = x
    for i in range(n):
        if i == 0:
            first = y * 2.0
        y = y * first
    if n > 2:
        y = y + extra
    return y


@program(lambda r: (r.uniform(0.5, 1.5), r.uniform(0.5, 1.5)))
def rotation_of_carried_names(a, b):
    c = a * b
    for _ in range(5):
        a, b, c = b, c, 0.5 * a + 0.1 * b * c
    return a + 2.0 * b + 3.0 * c


@program(lambda r: (r.uniform(0.5, 1.5), r.uniform(0.5, 1.5)))
def swap_scalars(a, b):
    for i in range(3):
        a, b = b, a * b
        if i == 1:
            a, b = b, a
    return a - 2.0 * b


@program(lambda r: (r.uniform(0.5, 1.5),))
def assert_and_raise(x):
    assert x > 0.0, "x must be positive"
    y = math.log(x)
    if x > 100.0:
        raise ValueError("too large")
    return y * x


@program(lambda r: (r.uniform(0.5, 1.5),))
def try_finally(x):
    y = x
    try:
        y = y * x
    finally:
        y = y + math.sin(x)
    return y


@program(lambda r: (r.uniform(0.5, 1.5), 2))
def match_statement(x, kind):
    match kind:
        case 0:
            return x
        case 1 | 2:
            return x * x
        case _:
            return x * x * x


@program(lambda r: (r.uniform(0.5, 1.5, 6), np.array([0, 2, 2, 1, 0, 1])))
def branch_on_array_of_kinds(x, kinds):
    s = 0.0
    for i in range(len(x)):
        k = kinds[i]
        if k == 0:
            s += x[i]
        elif k == 1:
            s += x[i] * x[i]
        else:
            s *= x[i]
    return s


@program(lambda r: (r.uniform(0.5, 1.5),))
def flag_carried_between_iterations(x):
    found = False
    y = 0.0
    for i in range(6):
        if found:
            y += x * i
        elif i * x > 1.0 + 1e-3:
            found = True
            y = x * x
    return y if found else 0.0


@program(lambda r: (r.uniform(0.5, 1.5),))
def dead_branches(x):
    debug = False
    y = x * x
    if debug:
        y = 0.0
    if None is None:
        y += x
    return y


@program(lambda r: (r.uniform(0.5, 1.5),), none=())
def returns_argument(x):
    return x


@program(lambda r: (r.uniform(0.5, 1.5), r.uniform(0.5, 1.5)), none=(1,))
def argument_reaches_comparison_only(x, y):
    if y > 0.0:
        return x * 2.0
    return x * 3.0
