"""Functions of the standard library on values that are differentiated, on both engines."""

import copy
import functools
import itertools
import math
import operator
from collections import OrderedDict, defaultdict
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose

import numbad
from numbad import Params, gradient


@pytest.fixture(params=["compiled", "traced"], autouse=True)
def engine(request):
    with numbad.config.override(engine=request.param):
        yield request.param


def slope(f, x, step=1e-6):
    return (f(x + step) - f(x - step)) / (2.0 * step)


def total(pairs):
    return sum(i * a * b for i, (a, b) in enumerate(pairs))


def _reference_counts(x):
    counts = defaultdict(float)
    counts["a"] += x
    counts["a"] += x * x
    groups = defaultdict(list)
    for i, v in enumerate([x, 2.0 * x, 3.0 * x]):
        groups[i % 2].append(v)
    return counts["a"] * sum(groups[0]) * groups[1][0]


def _ordered(x):
    d = OrderedDict(a=x, b=2.0 * x)
    d.move_to_end("a")
    key, value = d.popitem()
    return value * d["b"] if key == "a" else 0.0


def _read_dict(x):
    o = SimpleNamespace(a=x, b=3.0)
    return vars(o)["a"] * o.__dict__["b"]


def _deep(x):
    inner = [x]
    outer = {"one": inner, "two": inner}
    copied = copy.deepcopy(outer)
    copied["one"].append(x * x)
    return outer["one"][0] * copied["two"][1] * len(inner)


def _shallow(x):
    o = SimpleNamespace(items=[x], v=x)
    other = copy.copy(o)
    other.v = x * x
    other.items.append(2.0 * x)
    return o.v * other.v * o.items[1]


PROGRAMS = {
    "accumulate": lambda x: total(zip(itertools.accumulate([x, 2 * x]), [x, x], strict=True)),
    "accumulate with": lambda x: sum(itertools.accumulate([x, 3.0], operator.mul, initial=x)),
    "chain": lambda x: total(itertools.chain([(x, 1.0)], [(2.0 * x, x)])),
    "chain iterable": lambda x: sum(v * v for v in itertools.chain.from_iterable([[x], [x, 2.0]])),
    "combinations": lambda x: total(itertools.combinations([x, x * x, 3.0 * x], 2)),
    "permutations": lambda x: total(itertools.permutations([x, x * x, 3.0], 2)),
    "product": lambda x: total(itertools.product([x, 2.0], [x, 3.0 * x])),
    "product repeated": lambda x: total(itertools.product([x, 2.0], repeat=2)),
    "islice": lambda x: total(itertools.islice([(x, x), (2.0, x), (x, 3.0)], 1, 3)),
    "repeat": lambda x: sum(itertools.repeat(x * x, 3)),
    "starmap": lambda x: sum(itertools.starmap(operator.mul, [(x, x), (x, 2.0)])),
    "takewhile": lambda x: sum(itertools.takewhile(lambda v: v < 2.0, [x, x, 5.0 * x, x])),
    "dropwhile": lambda x: sum(itertools.dropwhile(lambda v: v < 2.0, [x, x, 5.0 * x, x])),
    "zip_longest": lambda x: total(itertools.zip_longest([x, x], [x], fillvalue=2.0 * x)),
    "pairwise": lambda x: total(itertools.pairwise([x, 2.0 * x, x * x])),
    "count": lambda x: sum(x**i for i, _ in zip(itertools.count(1), range(3), strict=False)),
    "compress": lambda x: sum(itertools.compress([x, 2.0 * x], [x > 0.0, x > 9.0])),
    "filterfalse": lambda x: sum(itertools.filterfalse(lambda v: v > 2.0, [x, 5.0 * x])),
    "reduce": lambda x: functools.reduce(lambda a, b: a * b + a, [x, x, 2.0 * x]),
    "sorted": lambda x: sorted([2.0 * x, x, -x])[1],
    "sorted reversed": lambda x: sorted([x, 2.0 * x, x * x], reverse=True)[2],
    "sorted by key": lambda x: sorted([(x, 3.0), (2.0 * x, 1.0)], key=lambda p: p[1] * x)[0][0],
    "sorted many": lambda x: sum(
        i * v for i, v in enumerate(sorted([x * math.sin(k) for k in range(12)]))
    ),
    "sorted many by key": lambda x: sum(
        i * v
        for i, v in enumerate(sorted([x * math.sin(k) for k in range(12)], key=lambda v: -v * x))
    ),
    "equal keys": lambda x: sorted([x, 2.0 * x, x**3], key=lambda v: 1.0 * (v > 9.0))[1],
    "attrgetter": lambda x: operator.attrgetter("a.b")(SimpleNamespace(a=SimpleNamespace(b=x * x))),
    "itemgetter": lambda x: math.prod(operator.itemgetter(0, 2)([x, 1.0, 2.0 * x])),
    "methodcaller": lambda x: operator.methodcaller("pop", "a")({"a": x * x}),
    "iter": lambda x: sum(v * v for v in iter([x, 2.0 * x])),
    "defaultdict": _reference_counts,
    "OrderedDict": _ordered,
    "vars": _read_dict,
    "deepcopy": _deep,
    "copy": _shallow,
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_program(name):
    f = PROGRAMS[name]
    assert_allclose(gradient(f, 1.3)[0], slope(f, 1.3), rtol=1e-6)


ARRAYS = {
    "product": lambda x: sum(a * a * b for a, b in itertools.product(x, x)),
    "pairwise": lambda x: sum(a * a * b for a, b in itertools.pairwise(x)),
    "accumulate": lambda x: sum(a * a for a in itertools.accumulate(x)),
    "chain": lambda x: sum(a * a for a in itertools.chain(x, 2.0 * x)),
    "takewhile": lambda x: sum(a * a for a in itertools.takewhile(lambda v: v < 2.0, x)),
    "islice": lambda x: sum(a * a for a in itertools.islice(x, 1, 3)),
    "reduce": lambda x: functools.reduce(lambda a, b: a * b + b, x),
    "sorted": lambda x: sum(i * v * v for i, v in enumerate(sorted(x))),
    "deepcopy": lambda x: np.sum(copy.deepcopy(x) * x),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_array(name):
    f, x = ARRAYS[name], np.array([1.5, 0.3, 2.5, 0.7])
    expected = [slope(lambda v, i=i: f(np.r_[x[:i], v, x[i + 1 :]]), x[i]) for i in range(4)]
    assert_allclose(gradient(f, x)[0], expected, rtol=1e-6)


def test_a_copy_is_another_object():
    d = {"a": np.array([1.0, 2.0])}

    def f(d):
        mine = copy.deepcopy(d)
        mine["a"][0] = 5.0 * d["a"][1]
        return np.sum(mine["a"])

    assert_allclose(gradient(f, d)[0]["a"], [0.0, 6.0])
    assert_allclose(d["a"], [1.0, 2.0])


def test_special_dicts_as_arguments():
    d = OrderedDict(b=2.0, a=3.0)
    assert gradient(lambda d: d["a"] * d["b"] ** 2, d) == ({"b": 12.0, "a": 4.0},)
    assert gradient(lambda d: 2.0 * d["a"] if isinstance(d, OrderedDict) else 0.0, d)[0]["a"] == 2.0
    counts = defaultdict(float, a=3.0)

    def f(counts, x):
        counts["new"] += x * counts["a"]
        return counts["new"]

    assert gradient(f, counts, 2.0) == ({"a": 2.0}, 3.0)
    assert counts == {"a": 3.0, "new": 6.0}


def test_results_that_are_special_dicts():
    y, back = numbad.pullback(lambda x: OrderedDict(b=x, a=x * x), 3.0)
    assert type(y) is OrderedDict
    assert list(y.items()) == [("b", 3.0), ("a", 9.0)]
    assert back({"b": 1.0, "a": 1.0}) == (7.0,)


def test_iteration_over_parameters():
    w, b = np.array([1.0, 2.0]), np.array([3.0])
    ps = Params([w, b])
    g = gradient(lambda: sum(np.sum(p**2) for p in ps), ps)
    assert_allclose(g[w], 2.0 * w)
    assert_allclose(g[b], 2.0 * b)
    assert Params([w, b]) == ps
    assert Params([b, w]) != ps


def test_gradients_of_parameters_of_gradients():
    w, x = np.array([1.0, 2.0]), np.array([3.0, 5.0])
    ps = Params([w])

    def f():
        value, back = numbad.pullback(lambda: np.sum(w**2 * x), ps)
        return np.sum(back(value)[w])

    # The value is sum(w**2 * x), its gradient 2 w x: f is their product, summed.
    with numbad.config.override(engine="traced"):
        got = gradient(f, ps)[w]
    s, g = np.sum(w**2 * x), 2.0 * w * x
    assert_allclose(got, g * np.sum(g) + 2.0 * x * s)


class Number:
    def __init__(self, v):
        self.v = v

    def __float__(self):
        return 2.0 * self.v

    def __floor__(self):
        return 5.0 * self.v

    def __lshift__(self, n):
        return Number(self.v * 2.0**n)

    def __rrshift__(self, x):
        return Number(x * self.v)

    def __reversed__(self):
        return iter([self.v, 3.0 * self.v])

    def __delitem__(self, key):
        self.v = self.v * key

    def __ipow__(self, n):
        self.v = self.v**n
        return self


def _deleted(n):
    del n[7.0]
    return n.v


def _raised(n):
    same = n
    n **= 2
    return same.v


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda n: math.sqrt(n), 1.0 / math.sqrt(6.0)),
        (lambda n: math.floor(n), 5.0),
        (lambda n: (n << 3).v, 8.0),
        (lambda n: (4.0 >> n).v, 4.0),
        (lambda n: sum(reversed(n)), 4.0),
        (_deleted, 7.0),
        (_raised, 6.0),
    ],
)
def test_special_methods(f, expected):
    assert gradient(f, Number(3.0))[0].v == pytest.approx(expected)


class Doubled:
    def __init__(self, m):
        self.m = m

    def __getattribute__(self, name):
        found = object.__getattribute__(self, name)
        return 2.0 * found if name == "m" else found


class Counting:
    def __init__(self, v):
        self.v, self.left = v, 3

    def __iter__(self):
        return self

    def __next__(self):
        if self.left == 0:
            raise StopIteration
        self.left -= 1
        return self.v


def test_what_is_left_to_the_traced_engine(engine):
    programs = [
        (lambda d: d.m * 1.0, Doubled(3.0), 2.0),
        (lambda x: Doubled(x).m, 3.0, 2.0),
        (lambda x: sum(Counting(x)), 3.0, 3.0),
    ]
    for f, x, expected in programs:
        if engine == "compiled":
            with pytest.raises(numbad.DifferentiationError):
                gradient(f, x)
        else:
            found = gradient(f, x)[0]
            assert getattr(found, "m", found) == expected
