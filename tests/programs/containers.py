"""Tuples, namedtuples, lists, comprehensions and generators."""

import math
from collections import namedtuple

import numpy as np

from tests.programs.program import program

Point = namedtuple("Point", ["x", "y"])
State = namedtuple("State", ["position", "velocity", "step"])


@program(lambda r: (r.uniform(0.5, 1.5), r.uniform(0.5, 1.5)))
def tuple_packing(a, b):
    t = (a * b, a, (b, a + b))
    x, y, (z, w) = t
    return x * y + z * w * t[0] + t[2][1]


@program(lambda r: ((r.uniform(0.5, 1.5), r.uniform(0.5, 1.5)), 2.0))
def tuple_argument(t, c):
    x, y = t
    return x * y * c + t[0]


@program(lambda r: ((r.uniform(0.5, 1.5, 3), (r.uniform(0.5, 1.5), r.uniform(0.5, 1.5, (2, 2)))),))
def nested_tuple_argument(t):
    x, (c, a) = t
    return np.sum(x * x) * c + a[0, 1] * x[2]


@program(lambda r: (r.uniform(0.5, 1.5, 4),))
def tuple_of_arrays(x):
    t = (x, x[1:], x * x)
    t[0][1] = t[1][1] * t[2][0]
    return t[1][0] * t[2][1] + len(t)


@program(lambda r: (r.uniform(0.5, 1.5), r.uniform(0.5, 1.5)))
def namedtuple_built(a, b):
    p = Point(a, b)
    q = Point(x=p.y * p.x, y=p.x)
    return p.x * q.x + q.y * q[0]


@program(lambda r: (Point(r.uniform(0.5, 1.5), r.uniform(0.5, 1.5)), 2.0))
def namedtuple_argument(p, c):
    return p.x * p.x * p.y + c * p[1]


@program(lambda r: (r.uniform(0.5, 1.5), r.uniform(0.5, 1.5), 5))
def namedtuple_carried_through_loop(x, v, n):
    state = State(x, v, 0)
    for _ in range(n):
        v = state.velocity - 0.1 * math.sin(state.position)
        state = State(state.position + 0.1 * v, v, state.step + 1)
    return state.position * state.step + state.velocity


@program(lambda r: (r.uniform(0.5, 1.5), 5))
def tuple_carried_through_loop(x, n):
    t = (x, 1.0, 0)
    for i in range(n):
        t = (t[1] * x, t[0] + t[1], t[2] + i)
    return t[0] * t[1] * t[2]


@program(lambda r: (r.uniform(0.5, 1.5),))
def tuple_from_branches(x):
    if x > 0.2:
        t = (x, x * x)
    else:
        t = (x * x, x)
    a, b = t if x < 5.0 else (1.0, x)
    return a + 3.0 * b


@program(lambda r: (r.uniform(0.5, 1.5), r.uniform(0.5, 1.5)))
def tuple_returned_by_helper(x, y):
    r, theta = _polar(x, y)
    s, phi = _polar(theta, r)
    return r * theta + s * phi


def _polar(x, y):
    return math.sqrt(x * x + y * y), math.atan2(y, x)


@program(lambda r: (r.uniform(0.5, 1.5),))
def tuple_slices_and_sums(x):
    t = (x, 2.0 * x, x * x, 3.0)
    u = t[1:] + (x,)
    return sum(u) * u[-1] + max(t[0], 0.1) * min(t[2], 10.0)


@program(lambda r: (r.uniform(0.5, 1.5, 4),))
def list_comprehension(x):
    squares = [v * v for v in x]
    s = 0.0
    for i in range(len(squares)):
        s += squares[i] * (i + 1)
    return s


@program(lambda r: (r.uniform(0.5, 1.5, 5),))
def list_comprehension_with_condition(x):
    kept = [math.sin(v) * x[0] for v in x if v > 0.8]
    s = 1.0
    for v in kept:
        s = s * v + 0.1
    return s


@program(lambda r: (r.uniform(0.5, 1.5, (2, 3)),))
def nested_comprehension(a):
    rows = [[a[i, j] * a[i, 0] for j in range(3)] for i in range(2)]
    return rows[0][1] * rows[1][2] + rows[1][0]


@program(lambda r: (r.uniform(0.5, 1.5), 6))
def growing_list(x, n):
    values = [x]
    for i in range(n):
        values.append(math.sin(values[i]) + x * values[-1])
    return values[n] * values[n // 2]


@program(lambda r: (r.uniform(0.5, 1.5), 6))
def list_as_stack(x, n):
    stack = [x, x * x]
    for i in range(n):
        top = stack.pop()
        stack.append(top * x + i)
        if i % 2 == 0:
            stack.append(top * stack[0])
    s = 0.0
    for v in stack:
        s += v
    return s * len(stack)


@program(lambda r: (r.uniform(0.5, 1.5, 4),))
def list_elements_overwritten(x):
    values = [0.0] * 4
    for i in range(4):
        values[i] = x[i] * x[i - 1]
    values[1] += values[0] * values[2]
    values[0] = values[3]
    return values[0] * values[1] + values[2]


@program(lambda r: ([r.uniform(0.5, 1.5, 3), r.uniform(0.5, 1.5, 3)],), jit=False)
def list_of_arrays_argument(parts):
    return np.sum(parts[0] * parts[1]) + parts[1][0] * len(parts)


@program(lambda r: ({"w": r.uniform(0.5, 1.5, 3), "b": r.uniform(0.5, 1.5)},), jit=False)
def dict_argument(parameters):
    return np.sum(parameters["w"] ** 2) * parameters["b"]


@program(lambda r: (r.uniform(0.5, 1.5, 5),), jit=False)
def generator_expression_in_sum(x):
    return sum(v * v * x[0] for v in x)


@program(lambda r: (r.uniform(0.5, 1.5, 5),))
def generator_consumed_in_place(x):
    s = 0.0
    for a, b in _neighbours(x):
        s += a * b * b
    return s


def _neighbours(x):
    for i in range(len(x) - 1):
        yield x[i], x[i + 1]


@program(lambda r: (r.uniform(0.5, 0.9), 5))
def generator_with_state(x, n):
    s = 0.0
    for v in _powers(x, n):
        s += v * s + v
    return s


def _powers(x, n):
    p = 1.0
    for _ in range(n):
        p = p * x
        yield p


@program(lambda r: (r.uniform(0.5, 1.5, 4),))
def array_from_list(x):
    y = np.array([x[0] * x[1], x[2], 1.0, x[3] * x[3]])
    z = np.array([[y[0], 2.0], [y[3], y[1]]])
    return z[0, 0] * z[1, 1] + np.sum(y)


@program(lambda r: (r.uniform(0.5, 1.5, 4),))
def unpack_array(x):
    a, b, c, d = x[0], x[1], x[2], x[3]
    return a * b + c * d * a


@program(lambda r: (r.uniform(0.5, 1.5, 4), r.uniform(0.5, 1.5)), jit=False)
def starred_unpacking(x, y):
    first, *rest = (y, y * x[0], x[1], x[2])
    return first * rest[0] + sum(rest)


@program(lambda r: (r.uniform(0.5, 1.5), "square"), none=(1,))
def string_argument(x, kind):
    if kind == "square":
        return x * x
    return x


@program(lambda r: (r.uniform(0.5, 1.5), None, True), none=(1, 2))
def none_and_bool_arguments(x, weight, double):
    y = x if weight is None else x * weight
    if double:
        y = 2.0 * y * x
    return y
