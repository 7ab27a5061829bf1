"""``Buffer`` and ``checkpointed`` in compiled code."""

import functools
import math
import operator

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import numbad
from numbad import Buffer, checkpointed, jvp, pullback

# The compiled engine runs all of this.
gradient = functools.partial(numbad.gradient, engine="compiled")


# --- buffers --------------------------------------------------------------------------------------


def vstack(xs):
    buf = Buffer(xs, len(xs), 5)
    for i in range(5):
        buf[:, i] = xs
    return buf.copy()


def test_columns():
    assert_array_equal(gradient(lambda x: np.sum(vstack(x)), np.array([1, 2, 3]))[0], [5.0] * 3)
    assert gradient(lambda x: np.sum(vstack(x)), [1, 2, 3]) == ([5.0, 5.0, 5.0],)
    assert vstack(np.array([1, 2])).dtype == np.float64


def test_elements_may_be_read_back():
    def f(x):
        buf = Buffer(x)
        for i in range(len(buf)):
            buf[i] = x[i] ** 2 + (buf[i - 1] if i > 0 else 0.0)
        buf[0] += 1.0
        return np.sum(buf.copy() * buf[:])

    assert_array_equal(gradient(f, np.array([1.0, 2.0, 3.0]))[0], [84.0, 152.0, 168.0])


def test_lists_grow_and_shrink():
    def f(xs):
        buf = Buffer([])
        for x in xs:
            buf.append(x * x)
        buf.pop()
        return sum(buf.copy())

    assert gradient(f, [1.0, 2.0, 3.0]) == ([2.0, 4.0, None],)
    assert_array_equal(gradient(f, np.array([1.0, 2.0, 3.0]))[0], [2.0, 4.0, 0.0])


def writes_late(x):
    buf = Buffer(x)
    buf[0] = x[0]
    y = buf.copy()
    buf[1] = 2.0
    return np.sum(y)


def test_writing_after_copy_is_an_error():
    x = np.ones(2)
    with pytest.raises(RuntimeError, match="Buffer is frozen"):
        writes_late(x)
    with pytest.raises(RuntimeError, match="Buffer is frozen"):
        gradient(writes_late, x)
    buf = Buffer([1.0])
    buf.copy()
    for change in (lambda: buf.append(1.0), buf.pop):
        with pytest.raises(RuntimeError, match="frozen"):
            change()


def test_the_copy_allocates_nothing():
    buf = Buffer(np.ones(3))
    buf[:] = 2.0
    assert buf.copy() is buf.copy()
    assert_array_equal(buf.copy(), [2.0, 2.0, 2.0])


@pytest.mark.parametrize(
    "use",
    [
        lambda b: b @ np.ones(2),
        lambda b: np.ones(2) @ b,
        lambda b: b + 1.0,
        lambda b: np.ones((2, 2)) * b,
        np.sum,
        np.asarray,
        np.sin,
    ],
)
def test_a_buffer_is_not_an_array(use):
    with pytest.raises(TypeError):
        use(Buffer(np.eye(2)))


def test_compiled_code_refuses_a_buffer_as_an_array():
    with pytest.raises(TypeError, match="Buffer"):
        gradient(lambda x: np.sum(Buffer(np.eye(2)) @ x), np.ones(2))


def test_facts():
    buf = Buffer(np.ones((2, 3), dtype=np.float32))
    assert (buf.shape, buf.ndim, buf.size, len(buf)) == ((2, 3), 2, 6, 2)
    assert buf.dtype == np.float32
    assert Buffer(np.ones(2, dtype=complex)).dtype == complex
    assert list(Buffer([np.ones(2)])[0]) == [0.0, 0.0]
    assert "frozen" not in repr(buf)
    buf.copy()
    assert "frozen" in repr(buf)


# --- checkpoints ----------------------------------------------------------------------------------


def test_value_and_gradient_of_a_call():
    def power(x, n):
        y = 1.0
        for _ in range(n):
            y = y * x
        return y

    assert checkpointed(power, 2.0, 3) == 8.0
    assert gradient(lambda x: checkpointed(power, x, 3) ** 2, 2.0) == (192.0,)


def test_calls_in_a_loop():
    def f(x, call):
        for _ in range(5):
            x = call(lambda v: math.sin(v) * v, x)
        return x

    got = gradient(lambda x: f(x, checkpointed), 1.3)
    assert got == pytest.approx(gradient(lambda x: f(x, lambda g, v: g(v)), 1.3))


def diffuse(u, dt):
    for i in range(1, u.size - 1):
        u[i] += dt * (u[i - 1] - 2.0 * u[i] + u[i + 1]) * u[i]


def test_time_steps_in_place():
    def run(u, dt, call):
        for _ in range(4):
            call(diffuse, u, dt)
        return np.sum(u**2)

    start = np.array([1.0, 2.0, 4.0, 3.0, 1.0])
    u, v = start.copy(), start.copy()
    got = gradient(lambda u, dt: run(u, dt, checkpointed), u, 0.1)
    expected = gradient(lambda u, dt: run(u, dt, lambda g, *xs: g(*xs)), v, 0.1)
    assert_allclose(got[0], expected[0], rtol=1e-13)
    assert got[1] == pytest.approx(expected[1])
    assert_array_equal(u, v)
    assert not np.array_equal(u, start)


def grow(u, dt):
    return u + dt * np.sin(u)


def steps(u, dt):
    for _ in range(4):
        u = checkpointed(grow, u, dt)
    return np.sum(u**2)


def plain_steps(u, dt):
    for _ in range(4):
        u = grow(u, dt)
    return np.sum(u**2)


def test_all_modes():
    u = np.array([1.0, 2.0, 4.0])
    for got, expected in (
        (gradient(steps, u, 0.1), gradient(plain_steps, u, 0.1)),
        (pullback(steps, u, 0.1)[1](2.0), pullback(plain_steps, u, 0.1)[1](2.0)),
        (jvp(steps, (u, 0.1), (u, 1.0)), jvp(plain_steps, (u, 0.1), (u, 1.0))),
        (
            numbad.hessian(lambda u: steps(u, 0.1), u),
            numbad.hessian(lambda u: plain_steps(u, 0.1), u),
        ),
    ):
        for one, other in zip(got, expected, strict=True):
            assert_allclose(one, other, rtol=1e-12, atol=1e-14)


def test_what_is_closed_over_is_differentiated():
    assert gradient(lambda a, b: checkpointed(lambda x: x * a * b, a), 2.0, 3.0) == (12.0, 4.0)


def test_containers_go_in_and_out():
    def f(a, b):
        p, s = checkpointed(lambda x, y: (x * y, {"s": x + y}), a, b)
        return p * s["s"]

    assert gradient(f, 2.0, 3.0) == (21.0, 16.0)
    d = {"a": 2.0, "b": 3.0}
    assert gradient(lambda d: checkpointed(lambda t: t["a"] * t["b"], d), d) == (
        {"a": 3.0, "b": 2.0},
    )
    assert gradient(lambda x: checkpointed(operator.neg, x) * x, 3.0) == (-6.0,)


def test_the_function_runs_again_once_per_pull():
    seen = []

    def see(g):
        seen.append(g)
        return g

    y, back = pullback(lambda x: checkpointed(lambda v: numbad.hook(see, v) ** 2, x), 3.0)
    assert (y, seen) == (9.0, [])
    assert back(1.0) == (6.0,)
    assert back(2.0) == (12.0,)
    assert seen == [6.0, 12.0]


@pytest.mark.parametrize(
    ("f", "words"),
    [
        (lambda u: checkpointed(lambda a: np.sum(a) * np.random.random(), u), "random"),
        (lambda u: checkpointed(lambda a, b: a.fill(b[0]), u[1:], u[:1]) or np.sum(u), "another"),
        (lambda u: checkpointed(lambda a: np.sum(a), a=u), "keyword"),
    ],
)
def test_refusals(f, words):
    with pytest.raises(TypeError, match=words):
        gradient(f, np.ones(3))


def test_derivatives_of_functions_of_containers_inside_derivatives():
    d = {"a": 2.0, "b": 3.0}
    inner = lambda d: numbad.gradient(lambda t: t["a"] ** 2 * t["b"], d)[0]["a"]
    assert gradient(inner, d) == ({"a": 6.0, "b": 4.0},)
    assert gradient(lambda d: numbad.dropgrad(d)["a"] * d["b"], d) == ({"a": None, "b": 2.0},)
