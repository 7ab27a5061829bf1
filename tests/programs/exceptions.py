"""``try`` with handlers: nothing thrown, thrown in the block, in callees, in loops; never wrong."""

import math

import numpy as np

from tests.programs.program import program


@program(lambda r: (r.uniform(0.5, 2.0),), jit=False)
def domain_not_thrown(x):
    try:
        return math.log(x)
    except ValueError:
        return 0.5 * x


@program(lambda r: (r.uniform(-2.0, -1.0),), jit=False)
def domain_thrown(x):
    y = x
    try:
        y = math.sqrt(x) * 3.0
    except ValueError:
        y = y * x
    return y


@program(lambda r: (r.uniform(1.0, 2.0), 0.0), wrt=(0,), jit=False)
def division_thrown(a, b):
    try:
        y = a / b
    except ZeroDivisionError:
        y = a * 3.0 + b * a
    return y * a


@program(lambda r: (r.uniform(700.0, 800.0),), jit=False)
def overflow(x):
    try:
        return math.exp(x * 2.0) + x
    except OverflowError:
        return x * 3.0


@program(lambda r: (r.uniform(1.5, 2.5), 4000.0), wrt=(0,), jit=False)
def power_overflow(a, b):
    try:
        z = a**b
    except (ZeroDivisionError, OverflowError):
        z = a + b * a
    return z


def newton(x, c, limit):
    for _ in range(limit):
        step = (x * x - c) / (2 * x)
        x = x - step
        if abs(step) < 1e-12:
            return x
    raise ValueError("no convergence")


@program(lambda r: (1.0, r.uniform(2.0, 3.0), 50), wrt=(1,), jit=False)
def solver_converges(x, c, limit):
    try:
        return newton(x, c, limit)
    except:  # noqa: E722
        return c * 0.25


@program(lambda r: (1.0, r.uniform(2.0, 3.0), 2), wrt=(0, 1), jit=False)
def solver_gives_up(x, c, limit):
    try:
        r = newton(x, c, limit)
        r = r * 2
    except ZeroDivisionError:
        return x + c
    except (ValueError, TypeError):
        r = c * x
    else:
        r += c
    finally:
        c = c * 2
    return r * c


@program(lambda r: (r.uniform(1.0, 2.0), 6), jit=False)
def thrown_in_loop(a, n):
    s = 0.0
    for i in range(n):
        try:
            s += a / (i - 2)
        except ZeroDivisionError:
            s += a * a
            continue
        s *= 1.01
        if s > 50.0:
            break
    return s


@program(lambda r: (r.uniform(1.0, 2.0), 6), jit=False)
def loop_inside(a, n):
    s = a
    try:
        for i in range(n):
            s = s * a
            s += a / (3 - i)
            s = s + 1.0
    except ZeroDivisionError:
        s = s * 2.0
    return s


@program(lambda r: (r.uniform(1.0, 2.0),), jit=False)
def loop_test_throws(a):
    x = a
    k = 0
    try:
        while 1.0 / (3 - k) > 0.0:
            x = x * 1.1 * a
            k += 1
    except ZeroDivisionError:
        x = x * a
    return x


@program(lambda r: (r.uniform(2.0, 3.0), r.uniform(0.5, 1.0)))
def any_exception(a, b):
    try:
        if a > b:
            raise ValueError("a is larger")
        y = a * b
    except Exception:
        y = a - b * b
    return y


@program(lambda r: (r.uniform(2.0, 3.0), 0.0), wrt=(0,))
def bare_handler(a, b):
    y = a
    try:
        y = a * a
        y = y / b
        y = y * 5
    except:  # noqa: E722
        y = y * 0.5 + a
    return y


@program(lambda r: (r.uniform(2.0, 3.0), 0.0), wrt=(0,), jit=False)
def outer_handler(a, b):
    try:
        try:
            y = a / b
        except ValueError:
            y = 1.0 * a
        y = y + 1.0
    except ZeroDivisionError:
        y = a * 7
    return y


@program(lambda r: (r.uniform(2.0, 3.0), r.uniform(1.0, 2.0)), jit=False)
def thrown_again(a, b):
    try:
        try:
            if a > 1.0:
                raise KeyError("first")
            y = a
        except KeyError:
            a = a * b
            raise
    except LookupError:
        y = a * a
    return y


@program(lambda r: (r.uniform(2.0, 3.0),), jit=False)
def missing_key(a):
    d = {"x": a}
    try:
        return d["y"]
    except KeyError:
        return d["x"] * 2


@program(lambda r: (r.uniform(0.5, 1.0, 4), 9), jit=False)
def past_the_end(a, n):
    s = 0.0
    i = 0
    try:
        while i < n:
            s += a[i] * a[i - 1]
            a[i] = s
            i += 1
    except IndexError:
        s *= a[0]
    return s


@program(lambda r: (r.uniform(0.3, 0.9), r.uniform(1.0, 2.0)), jit=False)
def nested_function_throws(a, b):
    def root(t):
        if t < 0:
            raise RuntimeError("negative")
        return math.sqrt(t) * b

    try:
        v = root(a - 1.0) + root(a)
    except RuntimeError:
        v = a * b
    return v


@program(lambda r: (r.uniform(0.5, 1.0, 5),), jit=False)
def array_changed_before(a):
    try:
        a[0] = a[1] * 2.0
        a[2] = float(a[0]) / float(a[3] - a[3])
        a[1] = 7.0
    except ZeroDivisionError:
        a[4] *= a[0]
    return np.sum(a * a)
