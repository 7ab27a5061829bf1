"""Programs on which other tools are known to be silently wrong."""

import math

import numpy as np

from tests.programs.program import program

GAIN = 1.5


@program(lambda r: (r.uniform(0.5, 1.5, 5), 4))
def product_loop_with_run_time_bound(x, n):
    p = 1.0
    for i in range(n):
        p = p * x[i]
    return p


@program(lambda r: (r.uniform(0.5, 1.5), r.uniform(0.5, 1.5, 4), 6))
def store_reads_its_own_element(x, v, n):
    for _ in range(n):
        for i in range(len(v)):
            v[i] = v[i] + x
    return v[0] * v[1] + v[2] * v[3]


@program(lambda r: (r.uniform(0.5, 1.5), r.uniform(0.5, 1.5, 4)))
def store_squares_its_own_element(x, v):
    for i in range(len(v)):
        v[i] = v[i] * v[i] * x
    s = 0.0
    for i in range(len(v)):
        v[i] = math.sin(v[i])
        s += v[i] * (i + 1)
    return s


@program(lambda r: (r.uniform(0.5, 1.5, 8), r.uniform(0.5, 1.5)))
def continue_in_differentiated_loop(x, a):
    y = a
    for i in range(len(x)):
        if x[i] < 0.9:
            continue
        y = y * x[i] + a
        if i > 5:
            continue
        y = math.sin(y)
    return y


@program(lambda r: (r.uniform(0.5, 1.5), 3, 4))
def nested_run_time_bounds(x, n, m):
    y = x
    for i in range(n):
        for j in range(m):
            y = math.sin(y * x) + 0.1 * i
            for _ in range(j):
                y = y * 1.1 - 0.05 * x * y
        m = m - 1
    return y


@program(lambda r: (r.uniform(0.5, 1.5), 5))
def value_read_before_loop_and_used_after(x, n):
    before = x * x
    y = x
    for _ in range(n):
        y = math.sin(y) + before
        x = x * 0.9
    return before * y + x


@program(lambda r: (r.uniform(0.5, 1.5, 4), 3))
def element_read_before_loop_and_used_after(v, n):
    first = v[0]
    for k in range(n):
        v[0] = v[0] * v[1] + k
        v[1] = math.cos(v[0])
    return first * v[0] + v[1] * first * first


@program(lambda r: (r.uniform(0.5, 1.5, 4), r.uniform(0.5, 1.5)))
def dead_writes(v, x):
    v[0] = x * 100.0
    v[0] = x * x
    v[1] = v[0]
    v[0] = 3.0
    y = x * v[1]
    y = v[1] * v[2]
    v[2] = 7.0 * x
    v[2] = 0.0
    return y * v[1] + v[0] * v[3] + v[2]


@program(lambda r: (r.uniform(0.5, 1.5, 4),))
def aliasing_copies(v):
    w = v
    w[0] = w[0] * v[1]
    u = v.copy()
    v[1] = u[0] * w[1]
    u[0] = 9.0
    z = v if v[0] > -1.0 else u
    z[2] = z[0] * v[2]
    return u[0] * v[0] + u[1] * w[1] + v[2] * u[3]


@program(lambda r: (r.uniform(0.5, 1.5, 5), 3))
def swaps_of_buffers(u, n):
    un = np.empty_like(u)
    for _ in range(n):
        for i in range(len(u)):
            un[i] = u[i] * u[i - 1] + 0.1 * i
        u, un = un, u
    s = 0.0
    for i in range(len(u)):
        s += u[i] * (i + 1) + 0.01 * un[i]
    return s


@program(lambda r: (r.uniform(0.5, 1.5, 5),))
def swaps_of_buffers_on_a_condition(u):
    w = u * 2.0
    for i in range(4):
        if u[i] > w[i + 1] * 0.4:
            u, w = w, u
        u[i] = u[i] * w[i] + u[i + 1]
    return u[0] * w[1] + u[2] * w[3] + u[4]


@program(lambda r: (r.uniform(0.5, 1.5),))
def global_constant(x):
    return GAIN * x * x


@program(lambda r: (r.uniform(0.5, 1.5, 4), 5))
def state_at_backward_time(state, n):
    """Every slope needs the state as it was in the forward sweep, not as the sweep left it."""
    energy = 0.0
    for _ in range(n):
        for i in range(len(state)):
            old = state[i]
            state[i] = old - 0.1 * old**3 + 0.05 * state[i - 1]
            energy += old * state[i]
    return energy


@program(lambda r: (r.uniform(0.5, 1.5, 6),))
def index_changed_between_sweeps(x):
    k = 0
    s = 0.0
    for i in range(5):
        s += x[k] * x[i]
        k = (k + 2 * i + 1) % 6
    return s * x[k]


@program(lambda r: (r.uniform(0.5, 1.5, 6), np.array([1, 3, 0, 2])))
def index_array_overwritten(x, index):
    order = index.copy()
    s = 1.0
    for i in range(len(order)):
        s = s * x[order[i]] + i
        order[i] = 5
        order[i - 1] = 4
    return s * x[order[0]]


@program(lambda r: (r.uniform(0.5, 1.5), 6))
def bound_overwritten_in_loop(x, n):
    y = x
    for i in range(n):
        n = n - 1
        y = y * x + 0.1 * n
    for i in range(n + 2):
        y = y * 0.5 + x * i
    return y


@program(lambda r: (r.uniform(0.5, 1.5, 5),))
def condition_variable_overwritten(x):
    s = 0.0
    for i in range(5):
        flag = x[i] > 0.8
        if flag:
            s += x[i] * x[i]
            flag = s > 2.0
        if flag:
            s *= 0.5
    return s


@program(lambda r: (r.uniform(0.5, 1.5, 5),))
def accumulator_reset_in_loop(x):
    total = 0.0
    part = 1.0
    for i in range(5):
        part = part * x[i]
        if i % 2 == 1:
            total += part
            part = 1.0
    return total * part


@program(lambda r: (r.uniform(0.5, 1.5, 4),))
def same_array_twice(x):
    return _first_plus_twice(x, x)


def _first_plus_twice(a, b):
    a[0] = a[0] * b[1]
    b[1] = b[0] * a[2]
    return a[0] * b[0] + a[1] * b[3]


@program(lambda r: (r.uniform(0.5, 1.5, 6),))
def overlapping_slices(x):
    x[1:] = x[:-1] * 2.0
    x[:-1] += x[1:]
    return x[0] * x[1] + x[2] * x[3] + x[4] * x[5]


@program(lambda r: (r.uniform(0.5, 1.5, 5),))
def prefix_sum_in_place(x):
    for i in range(1, len(x)):
        x[i] += x[i - 1] * x[i]
    return x[4] * x[2]


@program(lambda r: (r.uniform(0.5, 1.5), 4))
def reassigned_argument(x, n):
    for _ in range(n):
        x = x * x * 0.9 + 0.1
    x = math.sin(x)
    return x * x


@program(lambda r: (r.uniform(0.5, 1.5, 3),))
def shadowed_names(x):
    x = x * x
    s = 0.0
    for x_bar in x:
        tape = x_bar * 2.0
        s += tape * x_bar
    s_bar = s * s
    return s_bar + x[0]


@program(lambda r: (r.uniform(0.5, 1.5, 3), 3))
def work_array_reused_between_iterations(x, n):
    work = np.zeros(3)
    y = 0.0
    for k in range(n):
        for i in range(3):
            work[i] = x[i] * (k + 1) + 0.1 * y
        for i in range(3):
            y += work[i] * work[i - 1]
        y = math.sin(y)
    return y


@program(lambda r: (r.uniform(0.5, 1.5, 3), 3))
def allocation_inside_loop(x, n):
    y = 1.0
    for k in range(n):
        work = np.empty(3)
        for i in range(3):
            work[i] = x[i] * y + k
        work[0] *= work[1]
        y = 0.1 * work[0] + 0.2 * work[2] * y
    return y
