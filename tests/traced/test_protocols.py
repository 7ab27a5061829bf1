"""Special methods that the interpreter calls by itself are traced as well."""

from __future__ import annotations

import contextlib
import math
from dataclasses import InitVar, dataclass, field, replace

import pytest

from numbad import gradient
from tests.oracles import ridders


@dataclass
class Point:
    x: float
    y: float
    scale: InitVar[float] = 1.0
    length: float = field(init=False)
    tags: list = field(default_factory=list)

    def __post_init__(self, scale):
        self.length = scale * math.hypot(self.x, self.y)

    def __abs__(self):
        return math.sqrt(self.x**2 + self.y**2)

    def __iter__(self):
        yield math.sin(self.x)
        yield self.y

    def __len__(self):
        return 2

    def __contains__(self, value):
        return math.floor(self.x) == value

    def __lt__(self, other):
        return math.exp(self.x) < math.exp(other.x)

    def __gt__(self, other):
        return math.exp(self.x) > math.exp(other.x)

    def __add__(self, other):
        return Point(self.x + other.x, self.y + other.y)

    def __radd__(self, other):
        return self


class Steps:
    def __init__(self, x):
        self.x, self.count = x, 0

    def __iter__(self):
        return self

    def __next__(self):
        if self.count == 3:
            raise StopIteration
        self.count += 1
        return math.sin(self.x * self.count)


class Old:
    def __init__(self, x):
        self.x = x

    def __getitem__(self, position):
        if position > 2:
            raise IndexError
        return math.cos(self.x * position)


class Checked:
    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, owner, kind=None):
        return math.sqrt(owner.__dict__[self.name])

    def __set__(self, owner, value):
        owner.__dict__[self.name] = math.exp(value)


class Holder:
    level = Checked()

    def __init__(self, level):
        self.level = level

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        return math.log(1.0 + self.level) * len(name)


class Scaled:
    def __init__(self, state):
        self.state = state

    def __enter__(self):
        self.state["x"] = math.sin(self.state["x"])
        return self.state

    def __exit__(self, *exception):
        self.state["x"] = math.exp(self.state["x"])
        return False


class Table:
    def __init__(self, x):
        self.items = {"a": x, "b": x}

    def __delitem__(self, key):
        self.items["a"] = math.sin(self.items.pop(key))


def entered(x):
    state = {"x": x}
    with Scaled(state) as inner:
        inner["x"] = inner["x"] * x
    return state["x"]


@contextlib.contextmanager
def doubled(x):
    yield math.sin(2 * x)


def managed(x):
    with doubled(x) as a, contextlib.suppress(ValueError):
        return a * x


def removed(x):
    table = Table(x)
    del table["b"]
    return table.items["a"]


def unpacked(x):
    a, b = Point(x, 2.0)
    first, *rest = Steps(x)
    return a * b + first * sum(rest) + max(*Old(x))


PROGRAMS = {
    "post_init": lambda x: Point(x, 2.0, 3.0).length,
    "replace": lambda x: replace(Point(1.0, x), x=x * x, scale=2.0).length,
    "abs": lambda x: abs(Point(x, 2.0)) * len(Point(x, 1.0)),
    "iter": lambda x: sum(list(Point(x, 2.0))) + sum(v * v for v in Point(x, x)),
    "next": lambda x: sum(Steps(x)) + next(iter(Steps(x))),
    "getitem": lambda x: (
        sum(v for v in Old(x)) + dict(zip(Old(x), Steps(x), strict=False)).popitem()[0]
    ),
    "contains": lambda x: x * x if 1 in Point(x, 2.0) else x,
    "not in": lambda x: x * x if 1 not in Point(x, 2.0) else x,
    "order": lambda x: (
        min(Point(x, 1.0), Point(9.0, 1.0)).x * sorted([Point(9.0, x), Point(x, 1.0)])[1].y
    ),
    "largest": lambda x: max([Point(x, x), Point(-9.0, 1.0)]).length,
    "sum": lambda x: sum([Point(x, 1.0), Point(1.0, x)]).length,
    "descriptor": lambda x: Holder(x).level,
    "getattr": lambda x: Holder(x).spam,
    "with": entered,
    "contextmanager": managed,
    "del": removed,
    "unpacked": unpacked,
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_special_methods(name):
    f = PROGRAMS[name]
    for x in (1.3, 0.4):
        (found,) = gradient(f, x, engine="traced")
        assert found == pytest.approx(ridders(lambda h: f(x + h))[0])


class Equal:
    def __init__(self, x):
        self.x = x

    def __eq__(self, other):
        return self.x == other.x

    def __hash__(self):
        return hash(len)

    def __call__(self, factor):
        return self.x * factor.x


def test_equality_of_objects_that_are_called():
    def f(x):
        return Equal(x)(Equal(x))

    assert gradient(f, 3.0, engine="traced") == (6.0,)


def test_descriptors_in_compiled_code():
    f = PROGRAMS["descriptor"]
    assert gradient(f, 1.3, engine="compiled")[0] == pytest.approx(ridders(lambda h: f(1.3 + h))[0])


def test_tuples_and_arrays():
    import numpy as np

    for engine in ("compiled", "traced"):
        assert gradient(lambda t: np.sum(t + np.ones((2, 2))), (1, 2), engine=engine) == (
            (2.0, 2.0),
        )
        found = gradient(lambda a, t: np.sum(a**t), np.array([3.0, 4.0]), (1, 2), engine=engine)
        assert np.allclose(found[0], [1.0, 8.0])
