"""Containers other than those of the language itself, and objects that stand for numbers."""

import array
import math
from collections import Counter, OrderedDict, UserDict, defaultdict, deque
from types import MappingProxyType, SimpleNamespace

import numpy as np
import pytest

import numbad


class Named(dict):
    pass


class Doubling(dict):
    def __getitem__(self, key):
        return 2 * dict.__getitem__(self, key)


class Items(list):
    pass


class Pair(tuple):
    __slots__ = ()


def entries(d):
    return d["a"] * d["b"]


def items(d):
    return d[0] * d[1]


def gradient(f, *args):
    return numbad.gradient(f, *args, engine="traced")


AB, PAIR = {"a": 2.0, "b": 3.0}, [2.0, 3.0]


@pytest.mark.parametrize(
    "value",
    [OrderedDict(AB), defaultdict(float, AB), Counter(AB), Named(AB), MappingProxyType(AB)],
    ids=lambda v: type(v).__name__,
)
def test_dicts(value):
    (found,) = gradient(entries, value)
    assert type(found) is dict
    assert found == {"a": 3.0, "b": 2.0}
    assert dict(value) == AB


@pytest.mark.parametrize(
    ("value", "kind"), [(Items(PAIR), list), (deque(PAIR, 5), list), (Pair(PAIR), tuple)]
)
def test_sequences(value, kind):
    (found,) = gradient(items, value)
    assert type(found) is kind
    assert found == kind([3.0, 2.0])


def test_methods_of_the_derived_class_run():
    assert gradient(entries, Doubling(AB)) == ({"a": 12.0, "b": 8.0},)


def test_missing_keys_are_made():
    d = defaultdict(float, AB)
    assert gradient(lambda d: d["a"] * (1.0 + d["z"]), d)[0]["a"] == 1.0
    assert d == {**AB, "z": 0.0}
    assert d.default_factory is float


def test_changes_are_seen_afterwards():
    d, q = OrderedDict(AB), deque([1.0, 2.0], maxlen=2)

    def f(d, q, x):
        d.move_to_end("a")
        d["b"] = x * d["a"]
        q.append(x * x)
        return d["b"] * q[0]

    assert gradient(f, d, q, 5.0) == ({"a": 10.0, "b": None}, [None, 10.0], 4.0)
    assert list(d.items()) == [("b", 10.0), ("a", 2.0)]
    assert list(q) == [2.0, 25.0]
    assert q.maxlen == 2


def test_nested():
    value = [OrderedDict(a=deque([2.0]))]
    assert gradient(lambda v: 3.0 * v[0]["a"][0], value) == ([{"a": [3.0]}],)
    assert gradient(lambda v: v.data["a"], SimpleNamespace(data=UserDict(a=2.0).data))[0].data == {
        "a": 1.0
    }


@pytest.mark.parametrize(
    "value",
    [
        {2.0, 3.0},
        frozenset({2.0}),
        {"a": 2.0}.values(),
        iter([2.0]),
        (v for v in [2.0]),
        array.array("d", [2.0]),
        memoryview(np.ones(2)),
        SimpleNamespace(held={2.0}),
    ],
    ids=lambda v: type(v).__name__,
)
def test_what_would_count_as_a_constant_is_refused(value):
    def f(x, v):
        return x * math.prod(getattr(v, "held", v))

    with pytest.raises(numbad.DifferentiationError, match="not differentiated"):
        gradient(f, 2.0, value)


def test_what_is_left_out_is_not_refused():
    def f(x, chosen):
        return x * sum(chosen)

    assert numbad.gradient(f, 2.0, {3.0}, wrt=0, engine="traced") == (3.0, None)
    assert gradient(lambda x, chosen: x if 1 in chosen else 0.0, 2.0, {1, 2}) == (1.0, None)


def test_numbers_among_the_attributes_of_a_list():
    value = Items(PAIR)
    value.scale = 2.0
    with pytest.raises(numbad.DifferentiationError, match="items and attributes"):
        gradient(lambda v: v[0] * v.scale, value)


class Number:
    def __init__(self, v):
        self.v = v

    def __float__(self):
        return 2.0 * self.v

    def __complex__(self):
        return complex(self.v, 1.0)

    def __floor__(self):
        return 5.0 * self.v

    def __trunc__(self):
        return 3.0 * self.v

    def __divmod__(self, other):
        return self.v * other, self.v

    def __rdivmod__(self, other):
        return other * self.v, 7.0 * self.v


@pytest.mark.parametrize(
    ("f", "slope"),
    [
        (lambda n: float(n), 2.0),
        (lambda n: complex(n).real, 1.0),
        (lambda n: math.floor(n), 5.0),
        (lambda n: math.trunc(n), 3.0),
        (lambda n: math.ceil(n), 0.0),
        (lambda n: math.sqrt(n), 1.0 / math.sqrt(6.0)),
        (lambda n: math.atan2(n, 6.0), 1.0 / 6.0),
        (lambda n: divmod(n, 4.0)[0], 4.0),
        (lambda n: divmod(4.0, n)[1], 7.0),
    ],
)
def test_objects_that_are_numbers(f, slope):
    assert gradient(f, Number(3.0))[0].v == pytest.approx(slope)


def test_text_does_not_become_a_number_again():
    with pytest.raises(numbad.errors.NoRule, match="text of a number"):
        gradient(lambda x: float(str(x)) * x, 2.0)
    assert gradient(lambda x: x * len(str(x)), 2.0) == (3.0,)
    assert gradient(lambda x: x * float(str(numbad.dropgrad(x))), 2.0) == (2.0,)
