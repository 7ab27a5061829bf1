"""Lists, dicts, objects and variables of the caller that a function changes."""

import math
from collections import namedtuple
from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import numbad
from numbad import gradient, jvp, pullback

STORE = {}
TREE = {"inner": {"x": 1.0}}
LEVEL = 1.0


def keeps(x):
    STORE["x"] = x
    return STORE["x"] * STORE["x"]


def test_entry_of_a_global_dict():
    STORE.clear()
    assert gradient(keeps, 5, engine="compiled") == (10.0,)
    assert STORE == {"x": 5}
    assert gradient(keeps, 6.5, engine="compiled") == (13.0,)
    assert STORE == {"x": 6.5}


def test_entry_of_a_dict_in_a_closure():
    d = {}

    def f(x):
        d["x"] = x
        return d["x"] * d["x"]

    assert gradient(f, 5, engine="compiled") == (10.0,)
    assert d == {"x": 5}


def test_dict_argument_is_differentiated_at_entry_and_changed_once():
    def f(d, x):
        d["y"] = d["y"] * x
        d["n"] = {"a": (x, 2.0)}
        return d["y"] ** 2

    d = {"y": 2.0}
    assert gradient(f, d, 3.0) == ({"y": 36.0}, 24.0)
    assert d == {"y": 6.0, "n": {"a": (3.0, 2.0)}}


def test_inner_dict_through_an_alias():
    TREE["inner"] = inner = {"x": 1.0}

    def f(x):
        t = TREE["inner"]
        t["x"] = t["x"] * x
        t["up"] = TREE
        return TREE["inner"]["x"]

    assert gradient(f, 3.0) == (1.0,)
    assert inner["x"] == 3.0
    assert inner["up"] is TREE


def test_order_of_keys_and_deletions():
    def f(d):
        v = d.pop("a")
        del d["c"]
        d["a"] = v * 2.0
        return v * d["a"]

    d = {"a": 2.0, "b": 1.0, "c": 0.0}
    assert gradient(f, d) == ({"a": 8.0, "b": None, "c": None},)
    assert list(d.items()) == [("b", 1.0), ("a", 4.0)]


def test_list_that_grows():
    def f(a, x):
        a.append(x * a[0])
        a[0] = 7.0
        return a[-1] * a[-2]

    a = [1.0, 2.0]
    assert gradient(f, a, 3.0) == ([6.0, 3.0], 2.0)
    assert a == [7.0, 2.0, 3.0]


def test_mutable_default():
    def f(x, seen=[]):  # noqa: B006 - that is what is tested
        seen.append(x)
        return seen[-1] * seen[0]

    assert gradient(f, 2.0) == (4.0,)
    assert gradient(f, 3.0) == (2.0,)
    assert f.__defaults__ == ([2.0, 3.0],)


class Model:
    def __init__(self):
        self.w = np.ones(3)
        self.calls = 0
        self._log = []

    def __call__(self, x):
        self.calls += 1
        self._log.append(x)
        self.last = 2.0 * x
        return np.sum(self.w) * x


@pytest.mark.parametrize("how", ["object", "method", "argument", "jvp", "pullback"])
def test_methods_that_change_their_object(how):
    m = Model()
    match how:
        case "object":
            assert gradient(m, 2.0) == (3.0,)
        case "method":
            assert gradient(m.__call__, 2.0) == (3.0,)
        case "argument":
            m_bar, x_bar = gradient(lambda m, x: m(x), m, 2.0)
            assert x_bar == 3.0
            assert m_bar._fields == ("w", "calls", "_log")
            assert_array_equal(m_bar.w, [2.0, 2.0, 2.0])
            assert m_bar.calls is None
            assert m_bar._log is None
        case "jvp":
            assert jvp(m, (2.0,), (1.0,)) == (6.0, 3.0)
        case "pullback":
            y, back = pullback(m, 2.0)
            assert (y, back(1.0), back(2.0)) == (6.0, (3.0,), (6.0,))
    assert (m.calls, m._log, m.last) == (1, [2.0], 4.0)


def test_object_changed_in_loops_and_branches():
    def f(d, x):
        for _ in range(3):
            d["s"] = d["s"] * 1.5
        if x > 1.0:
            d["s"] = d["s"] * x
        return d["s"] * x

    d = {"s": 2.0}
    assert gradient(f, d, 4.0) == ({"s": 54.0}, 54.0)
    assert d == {"s": 27.0}


def test_time_steps_of_a_state():
    def step(state, dt):
        state["u"] += dt * state["v"]
        state["v"] = state["v"] - dt * state["u"]

    def run(state, dt, n):
        for _ in range(n):
            step(state, dt)
        return np.sum(state["u"])

    state = {"u": np.ones(2), "v": np.array([1.0, -1.0])}
    u, v = state["u"].copy(), state["v"].copy()
    got, _, _ = gradient(run, state, 0.1, 3)
    a = np.eye(2)
    for _ in range(3):
        a = np.array([[1.0, 0.1], [-0.1, 0.99]]) @ a
    np.testing.assert_allclose(got["u"], [a[0, 0]] * 2)
    np.testing.assert_allclose(got["v"], [a[0, 1]] * 2)
    np.testing.assert_allclose(state["u"], a[0, 0] * u + a[0, 1] * v)
    np.testing.assert_allclose(state["v"], a[1, 0] * u + a[1, 1] * v)


def test_swapped_arrays_keep_their_identity():
    def f(d):
        d["a"], d["b"] = d["b"], d["a"]
        d["a"][0] = 5.0
        return np.sum(d["a"] * d["b"])

    d = {"a": np.ones(2), "b": np.zeros(2)}
    a = d["a"]
    (got,) = gradient(f, d)
    assert_array_equal(got["a"], [5.0, 0.0])
    assert_array_equal(got["b"], [0.0, 1.0])
    assert d["b"] is a


@dataclass
class Point:
    x: float
    y: float

    def __add__(self, other):
        return Point(self.x + other.x, self.y + other.y)

    def __iadd__(self, other):
        self.x += other.x
        self.y += other.y
        return self


def dist(p):
    return math.sqrt(p.x**2 + p.y**2)


def test_in_place_operator_of_a_dataclass():
    def f(a, b):
        a += b
        return dist(a)

    a, b = Point(1, 2), Point(3, 4)
    expected = (0.5547001962252291, 0.8320502943378437)
    got = gradient(f, a, b)
    assert tuple(got[0]) == expected
    assert tuple(got[1]) == expected
    assert a == Point(4, 6)


class Celsius:
    def __init__(self):
        self._c = 1.0

    @property
    def fahrenheit(self):
        return self._c * 1.8 + 32.0

    @fahrenheit.setter
    def fahrenheit(self, value):
        self._c = (value - 32.0) / 1.8


class Doubling:
    def __setattr__(self, name, value):
        super().__setattr__(name, 2.0 * value)


@dataclass(slots=True)
class Slotted:
    x: float
    seen: list = field(default_factory=list)


def test_setters_slots_and_setattr():
    def warmer(t, x):
        t.fahrenheit = t.fahrenheit * x
        return t._c

    t = Celsius()
    got = gradient(warmer, t, 2.0)
    assert got[0]._c == 2.0
    assert t._c == pytest.approx((33.8 * 2.0 - 32.0) / 1.8)

    def times(o, x):
        o.x = o.x * x
        return o.x

    o = Doubling()
    o.x = 1.0
    got = gradient(times, o, 3.0)
    assert (got[0].x, got[1], o.x) == (6.0, 4.0, 12.0)

    def notes(s, x):
        s.x = s.x * x
        s.seen.append(x)
        return s.x * s.seen[0]

    s = Slotted(2.0)
    got = gradient(notes, s, 3.0)
    assert (got[0].x, got[1]) == (9.0, 12.0)
    assert s == Slotted(6.0, [3.0])


def raises_level(x):
    global LEVEL  # noqa: PLW0603 - that is what is tested
    if x > 1.0:
        LEVEL = 2.0 * x + LEVEL
    for _ in range(3):
        LEVEL = LEVEL * x
    return LEVEL * x


def test_global_variable_is_assigned(monkeypatch):
    monkeypatch.setitem(globals(), "LEVEL", 1.0)
    assert gradient(raises_level, 3.0) == (918.0,)
    assert LEVEL == 189.0
    assert gradient(raises_level, 0.5) == (94.5,)
    assert LEVEL == 23.625


def test_nonlocal_variable_is_assigned():
    count, total = 0, 0.0

    def f(x):
        nonlocal count, total
        count += 1
        total = total + x
        return total * x

    assert gradient(f, 3.0) == (6.0,)
    assert (count, total) == (1, 3.0)
    assert gradient(f, 1.0) == (5.0,)
    assert (count, total) == (2, 4.0)


def test_keyword_arguments_are_changed_too():
    d = {}
    assert gradient(lambda x, *, d: d.update(k=x) or x * d["k"], 2.0, d=d) == (4.0,)
    assert d == {"k": 2.0}


def test_nothing_is_changed_if_the_call_raises():
    def f(d, x):
        d["k"] = x
        return math.sqrt(-x) if x < 0.0 else 1.0 / (x - x)

    d = {}
    with pytest.raises(ZeroDivisionError):
        gradient(f, d, 2.0)
    assert d == {}


def test_object_passed_in_two_ways_is_refused():
    def f(a, b):
        a["y"] = 2.0 * a["y"]
        return b["y"] * a["y"]

    d = {"y": 1.0}
    with pytest.raises(TypeError, match="two ways"):
        gradient(f, d, d, engine="compiled")
    assert gradient(f, d, {"y": 3.0}) == ({"y": 6.0}, {"y": 2.0})


def test_object_reached_in_two_ways_is_noticed_when_that_changes():
    one, two = {"v": 1.0}, {"v": 10.0}

    def f(x):
        one["v"] = x
        return one["v"] * two["v"]

    assert gradient(f, 3.0) == (10.0,)
    two = one
    assert gradient(f, 3.0) == (6.0,)


def test_change_inside_an_inner_derivative_is_refused():
    def f(d, x):
        def g(y):
            d["k"] = y
            return y * y

        return gradient(g, x)[0] * d["k"]

    with pytest.raises(TypeError, match="changes a dict"):
        gradient(f, {"k": 1.0}, 2.0, engine="compiled")


def test_object_that_contains_itself():
    class Node:
        pass

    node = Node()
    node.v, node.me = 2.0, node
    assert gradient(lambda n: n.v * n.v, node)[0].v == 4.0
    with pytest.raises(TypeError, match="contains itself"):
        gradient(lambda n: n.v * n.me.v, node, engine="compiled")


def test_nested_containers_keep_their_shapes():
    Pair = namedtuple("Pair", ["first", "second"])
    value = {"a": [Pair(2.0, {"z": 3.0}), (4.0, "text")], 7: Point(5.0, 6.0)}

    def f(v):
        return v["a"][0].first * v["a"][0].second["z"] * v[7].x

    (got,) = gradient(f, value)
    assert got == {"a": [Pair(15.0, {"z": 10.0}), None], 7: (6.0, None)}
    assert got[7]._fields == ("x", "y")


def test_derivatives_inside_compiled_code_change_nothing():
    import numba

    slope = numbad.grad(keeps)

    @numba.njit
    def caller(x):
        return slope(x)

    with pytest.raises(Exception, match="changes objects outside"):
        caller(1.0)
