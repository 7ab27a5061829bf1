"""Python as it is written: what functions look like that were not written to be differentiated."""

import contextlib
import dataclasses
import enum
import functools
import itertools
import math
import operator
import types
from collections import OrderedDict, defaultdict, namedtuple
from dataclasses import dataclass

import numba
import numpy as np
import pytest
from numpy.testing import assert_allclose

import numbad
from numbad import gradient

FACTOR = 2.0
MODE = {"a": 1}
NAMES = [1, 2]
OTHER = [1, 2]
square, cube = (lambda x: x**2), (lambda x: x**3)


@dataclass
class Vector:
    x: float
    y: float

    def __add__(self, other):
        if not isinstance(other, Vector):
            return NotImplemented
        return Vector(self.x + other.x, self.y + other.y)

    def __mul__(self, k):
        return Vector(self.x * k, self.y * k)

    __rmul__ = __mul__

    def __neg__(self):
        return Vector(-self.x, -self.y)

    def __matmul__(self, other):
        return self.x * other.x + self.y * other.y

    def __abs__(self):
        return math.hypot(self.x, self.y)

    def __getitem__(self, i):
        return (self.x, self.y)[i]

    def __iter__(self):
        yield self.x
        yield self.y

    def __call__(self, t):
        return self.x + self.y * t


@dataclass(order=True)
class Version:
    major: float
    minor: float


class Scaled:
    scale = 3.0

    @classmethod
    def of(cls, x):
        return cls.scale * x

    @staticmethod
    def squared(x):
        return x * x

    def times(self, x):
        return self.scale * x**2

    @property
    def double(self):
        return self.scale * 2

    @functools.cached_property
    def five(self):
        return self.scale * 5


class Slotted:
    __slots__ = ("a", "b")

    def __init__(self, a, b):
        self.a, self.b = a, b


class Base:
    def __init__(self, k):
        self.k = k

    def f(self, x):
        return self.k * x


class Derived(Base):
    def __init__(self, k, m):
        super().__init__(k)
        self.m = m

    def f(self, x):
        return super().f(x) * self.m


class Colour(enum.Enum):
    RED = 1
    GREEN = 2


Pair = namedtuple("Pair", "x y", defaults=[2.0])
v, w = Vector(3.0, 4.0), Vector(1.0, 2.0)


def fib(n, x):
    return x if n < 2 else fib(n - 1, x) * fib(n - 2, x)


def recursion_through_a_closure(x):
    def rec(n):
        return 1.0 if n == 0 else x * rec(n - 1)

    return rec(4)


def defined_by_case(x, flag):
    if flag:

        def g(y):
            return y * y
    else:

        def g(y):
            return y * y * y

    return g(x)


def spread(x):
    def g(a, b, c):
        return a * b * c

    args, kwargs = (x, 2.0), {"c": 3.0}
    return g(*args, **kwargs)


def dispatched(x, kind):
    return {"sq": lambda v: v * v, "cu": lambda v: v**3}[kind](x)


def matched(x, k):
    match k:
        case "a":
            return x
        case "b" | "c":
            return 2 * x
        case _:
            return 3 * x


def until(x):
    while True:
        x = x * 1.5
        if x > 10:
            break
    return x


def loop_else(x):
    for _ in range(3):
        if x > 100:
            break
        x = x * 2
    else:
        x = x + 1
    return x


def generated(x):
    def g():
        y = x
        for _ in range(3):
            y = y * x
            yield y

    return sum(g())


def counted(x):
    c = [0.0]

    def add(v):
        c[0] += v

    for i in range(3):
        add(x * i)
    return c[0]


def nonlocal_counter(x):
    c = x

    def step():
        nonlocal c
        c = c + x
        return c

    step()
    return step()


def bound_early(x):
    return sum(f(x) for f in [lambda y, k=k: y * k for k in range(3)])


def bound_late(x):
    return sum(f(x) for f in [lambda y: y * k for k in range(3)])


def doubled(f):
    @functools.wraps(f)
    def wrapper(*args, **kwargs):
        return 2 * f(*args, **kwargs)

    return wrapper


@doubled
def decorated(x):
    return x * x


@functools.lru_cache
def cached(x):
    return x * x


@functools.singledispatch
def single(x):
    return x * 2


@single.register
def _(x: float):
    return x * 3


def imports(x):
    import math as m
    from math import sin as s

    return s(x) + 0 * m.cos(x)


def list_surgery(x):
    items = [x, 2 * x, 3 * x, 4 * x]
    items[1:3] = [x]
    return sum(items[::2]) + sum(items[-1:])


def dict_surgery(x):
    d = {"a": x} | {"b": 2.0}
    d |= {"c": d["a"] * d["b"]}
    return d["c"] if d == {"c": 2.0 * x, "b": 2.0, "a": x} else 0.0


def namespace(x):
    n = types.SimpleNamespace(a=x)
    n.b = n.a * 2
    return n.b


def area(shape):
    match shape:
        case Vector(0.0, y=h):
            return h * h
        case Pair(x=a) if a > 1.0:
            return a
        case (a, b) if a > b:
            return a - b
        case [a, *rest, b]:
            return a * b + len(rest) * (rest[0] if rest else 0.0)
        case {"kind": "square" | "box", "side": side}:
            return side * side
        case str():
            return 0.0
        case other:
            return 3.0 * other


def taken_apart(x, y):
    shapes = Vector(x, y), Vector(0.0, y), Pair(x), (y, x), [x, y, 3.0], "word", x
    total = area({"kind": "box", "side": x}) + area({"kind": "ball", "side": x}["side"])
    for shape in shapes[1:]:
        total += area(shape)
    match (bool(x > 0), bool(y > 1)):
        case (True, True):
            return total * 2.0
        case (True, _):
            return total * 3.0
    return total


def in_contexts(x, y):
    with np.errstate(all="ignore"), contextlib.nullcontext():
        for i in range(3):
            with contextlib.nullcontext():
                if i == 2:
                    return x * y
                x = x * y
    return x


def decorated_inside(x):
    def scaled(s):
        return lambda f: lambda *args: s * f(*args)

    def twice(f):
        @functools.wraps(f)
        def wrapper(*args):
            return f(f(*args))

        return wrapper

    @twice
    @scaled(x)
    def square_plus(t):
        return t * t + 1.0

    return square_plus(2.0)


def chosen(x):
    total = 0.0
    for i, j in itertools.combinations(range(4), 2):
        total += x[i] * x[j]
    for a, b in itertools.product((x[0], x[1]), repeat=2):
        total += a * b * b
    for a, b in itertools.pairwise(x):
        total += a * b
    for a, b in zip(x, itertools.islice(x, 1, None), strict=False):
        total -= a * b
    for v in itertools.chain((x[0],), itertools.chain.from_iterable([(x[1], x[2])])):
        total *= v
    *_, last = itertools.accumulate([x[0], x[1], x[2]], operator.mul)
    return total + last + sum(itertools.starmap(operator.mul, [(x[0], x[3])]))


def lists_at_run_time(x):
    items = [v * 2.0 for v in x if v > -5.0]
    items.sort(key=abs)
    items.insert(1, x[0])
    items.reverse()
    popped = items.pop(2)
    del items[0]
    items.extend(x)
    return sum(items[:3]) * popped + items.index(x[0]) + items.count(x[1]) * x[2]


@numba.njit
def typed_list(x):
    squares = numba.typed.List()
    for v in x:
        squares.append(v * v)
    squares[2] = squares[0] * squares[1]
    total = 0.0
    while len(squares) > 1:
        total = total * 0.5 + squares.pop()
    return total * squares[0]


@numba.njit
def jitted(x, y=3.0):
    return x * y


CASES = {
    "one of two lambdas on a line": (square, (2.0,), (4.0,)),
    "the other one": (cube, (2.0,), (12.0,)),
    "recursion": (lambda x: fib(5, x), (1.5,), (8 * 1.5**7,)),
    "recursion through a closure": (recursion_through_a_closure, (2.0,), (32.0,)),
    "class method": (Scaled.of, (1.0,), (3.0,)),
    "static method": (Scaled.squared, (2.0,), (4.0,)),
    "bound method": (Scaled().times, (2.0,), (12.0,)),
    "properties": (lambda x: x * (Scaled().double + Scaled().five), (2.0,), (21.0,)),
    "matrix operator": (lambda v: v @ w, (v,), ((1.0, 2.0),)),
    "abs of an object": (abs, (v,), ((0.6, 0.8),)),
    "reflected operator": (lambda v: sum(2 * v), (v,), ((2.0, 2.0),)),
    "call of an object": (lambda v: v(5.0), (v,), ((1.0, 5.0),)),
    "items of an object": (lambda v: v[0] + 2 * v[-1], (v,), ((1.0, 2.0),)),
    "unpacking an object": (lambda v: operator.mul(*v), (v,), ((4.0, 3.0),)),
    "minus": (lambda v: sum(-(v + w)), (v,), ((-1.0, -1.0),)),
    "slots": (lambda s: s.a * s.b, (Slotted(2.0, 3.0),), ((3.0, 2.0),)),
    "super": (lambda s, x: s.f(x), (Derived(2.0, 3.0), 2.0), ((6.0, 4.0), 6.0)),
    "enumeration": (lambda x, c: 3 * x if c is Colour.RED else x, (1.0, Colour.RED), (3.0, None)),
    "star parameters": (lambda *a: a[0] * a[1], (2.0, 6.0), (6.0, 2.0)),
    "positional only": (lambda x, /, k=7.0: x * k, (1.0,), (7.0,)),
    "spreading": (spread, (1.0,), (6.0,)),
    "walrus": (lambda x: (y := x * x) * y, (2.0,), (32.0,)),
    "f-string": (lambda x: x * len(f"{1 + 1}abc"), (1.0,), (4.0,)),
    "table of functions": (dispatched, (2.0, "cu"), (12.0, None)),
    "match": (matched, (1.0, "c"), (2.0, None)),
    "endless loop": (until, (1.0,), (1.5**6,)),
    "else of a loop": (loop_else, (1.0,), (8.0,)),
    "generator": (generated, (2.0,), (48.0,)),
    "reduce": (lambda x: functools.reduce(operator.add, [x, x, x]), (1.0,), (3.0,)),
    "prod": (lambda x: math.prod([x, 2.0, 3.0, 4.0]), (1.0,), (24.0,)),
    "map": (lambda x: sum(map(lambda k: k * x, [1, 2, 3])), (1.0,), (6.0,)),  # noqa: C417
    "max of a list": (lambda x: max([x, 2 * x, 0.5 * x]), (1.0,), (2.0,)),
    "zip": (lambda x: sum(a * b for a, b in zip([x, x], [1, 2], strict=True)), (1.0,), (3.0,)),
    "isinstance": (lambda x: x if isinstance(x, float) else 2 * x, (1.0,), (1.0,)),
    "divmod": (lambda a, b: divmod(a, b)[1], (5.0, 3.0), (1.0, -1.0)),
    "list in a closure": (counted, (1.0,), (3.0,)),
    "nonlocal": (nonlocal_counter, (1.0,), (3.0,)),
    "_replace": (lambda x: Pair(x)._replace(y=x * x).y, (2.0,), (4.0,)),
    "dataclasses.replace": (lambda x: dataclasses.replace(w, y=x).y * 2, (1.0,), (2.0,)),
    "lists": (list_surgery, (1.0,), (9.0,)),
    "dicts": (dict_surgery, (1.5,), (2.0,)),
    "namespaces": (namespace, (1.0,), (2.0,)),
    "contexts that change nothing": (in_contexts, (2.0, 3.0), (27.0, 54.0)),
    "decorators of nested functions": (decorated_inside, (2.0,), (2.0 * 50.0 + 2.0 * 100.0 + 1.0,)),
    "sorted array": (
        lambda x: sum(k * v for k, v in enumerate(sorted(x))),
        (np.array([3.0, 1.0, 2.0]),),
        (np.array([2.0, 0.0, 1.0]),),
    ),
    "sort by a key": (
        lambda x, y: sorted([(x, 1.0), (y, 2.0)], key=lambda t: -t[0])[0][1] * x + max(x, y),
        (2.0, 3.0),
        (2.0, 1.0),
    ),
    "sort downwards": (
        lambda x, y: sorted((x, y), reverse=True)[0] * x,
        (2.0, 3.0),
        (3.0, 2.0),
    ),
    "reduce over a range": (
        lambda x: functools.reduce(lambda a, b: a * b + x, range(1, 4)),
        (2.0,),
        (4.0,),
    ),
    "asdict": (
        lambda x: dataclasses.asdict(dataclasses.replace(w, y=x))["y"] * x,
        (2.0,),
        (4.0,),
    ),
    "astuple": (lambda x: dataclasses.astuple(dataclasses.replace(w, y=x))[1], (2.0,), (1.0,)),
    "sets": (lambda x: x * len({k % 2 for k in range(4)}), (2.0,), (2.0,)),
    "itemgetter": (lambda v: operator.mul(*operator.itemgetter(0, 1)(v)), (v,), ((4.0, 3.0),)),
    "attrgetter": (lambda v: operator.attrgetter("x")(v) * v.y, (v,), ((4.0, 3.0),)),
    "methodcaller": (
        lambda x: operator.methodcaller("sum", axis=0)(np.outer(x, x))[0],
        (np.array([2.0, 3.0]),),
        (np.array([7.0, 2.0]),),
    ),
    "namespace argument": (
        lambda n: n.a**2,
        (types.SimpleNamespace(a=3.0, b=1.0),),
        ((6.0, None),),
    ),
    "length of a set": (lambda x: x * len({1, 2, 2}), (1.0,), (2.0,)),  # noqa: B033
    "chained comparison": (lambda x: 2 * x if 0 < x < 2 > x else x, (1.0,), (2.0,)),
    "and, or": (lambda x: (x > 5 and x) or 2 * x, (1.0,), (2.0,)),
    "default captures early": (bound_early, (1.0,), (3.0,)),
    "closure captures late": (bound_late, (1.0,), (6.0,)),
    "decorator": (decorated, (2.0,), (8.0,)),
    "cache": (lambda x: cached(x), (2.0,), (4.0,)),
    "single dispatch": (lambda x: single(x), (1.0,), (3.0,)),
    "import": (imports, (0.0,), (1.0,)),
    "partial": (functools.partial(lambda a, b: a - b, b=1.0), (2.0,), (1.0,)),
    "partial of the first": (functools.partial(lambda a, b: a - b, 1.0), (2.0,), (-1.0,)),
    "function argument": (lambda f, x: f(x), (square, 3.0), (None, 6.0)),
    "None argument": (lambda s, x: x if s is None else 0.0, (None, 1.0), (None, 1.0)),
    "default of a dispatcher": (jitted, (1.0,), (3.0,)),
    "getattr": (lambda x: getattr(v, "x") * x, (1.0,), (3.0,)),  # noqa: B009
    "equal dataclasses": (lambda x: x if Vector(x, 1.0) == Vector(x, 1.0) else 0.0, (2.0,), (1.0,)),
    "ordered dataclasses": (
        lambda x: x if Version(x, 1.0) < Version(x, 2.0) else 0.0,
        (2.0,),
        (1.0,),
    ),
    "objects are not equal": (lambda x: x if Base(x) == Base(x) else 2 * x, (2.0,), (2.0,)),
    "tuples are no lists": (lambda t, x: x if t == [1, 2] else 2 * x, ((1, 2), 3.0), (None, 2.0)),
    "equal dicts": (
        lambda d, x: x if d == {"a": 1.0} else 0.0,
        ({"a": 1.0}, 3.0),
        ({"a": None}, 1.0),
    ),
    "equal lists": (lambda x: x if [x, 1] == [x, 1] else 0.0, (2.0,), (1.0,)),
    "sorted": (lambda x: sorted([3 * x, x, 2 * x])[-1], (1.0,), (3.0,)),
    "OrderedDict": (lambda x: OrderedDict(a=x, b=2 * x)["b"], (1.0,), (2.0,)),
    "accumulate": (lambda x: sum(itertools.accumulate([x, x])), (1.0,), (3.0,)),
}
TRACED = {
    "conditional definition": (defined_by_case, (2.0, False), (12.0, None)),
    "run-time keys": (lambda x: defaultdict(float, {x: x})[x] * 2, (1.5,), (2.0,)),
    "text of a value": (lambda x: x * len(f"{x:.3f}"), (1.0,), (5.0,)),
}


def check(got, expected):
    if expected is None:
        assert got is None
    elif isinstance(expected, tuple):
        assert len(got) == len(expected)
        for one, other in zip(got, expected, strict=True):
            check(one, other)
    elif isinstance(expected, dict):
        assert got.keys() == expected.keys()
        for key in got:
            check(got[key], expected[key])
    else:
        assert_allclose(got, expected, rtol=1e-12)


@pytest.mark.parametrize("engine", ["compiled", "traced"])
@pytest.mark.parametrize("name", CASES)
def test_odd_python(name, engine):
    f, args, expected = CASES[name]
    check(gradient(f, *args, engine=engine), expected)


@pytest.mark.parametrize("name", TRACED)
def test_what_only_the_traced_engine_runs(name):
    f, args, expected = TRACED[name]
    with pytest.raises(TypeError):
        gradient(f, *args, engine="compiled")
    check(gradient(f, *args, engine="traced"), expected)


@pytest.mark.parametrize("point", [(2.0, 3.0), (2.0, 0.5), (0.5, 0.7), (-1.0, 2.0)])
def test_patterns(point):
    compiled = gradient(taken_apart, *point, engine="compiled")
    check(compiled, gradient(taken_apart, *point, engine="traced"))
    numbad.check_grads(taken_apart, point)


@pytest.mark.parametrize("f", [chosen, lists_at_run_time])
def test_lists_and_itertools(f):
    x = np.array([0.3, -1.0, 2.0, 0.7])
    compiled = gradient(f, x, engine="compiled")
    check(compiled, gradient(f, x, engine="traced"))
    numbad.check_grads(f, (x,))


def test_sorting_is_stable():
    def f(x, down):
        items = [v for v in x]  # noqa: C416 - its length is known at run time only
        items.sort(key=lambda v: v % 2.0, reverse=down)
        return sum(k * v for k, v in enumerate(items))

    x = np.arange(40.0)
    for down in (False, True):
        expected = np.empty(40)
        expected[sorted(range(40), key=lambda k: x[k] % 2.0, reverse=down)] = np.arange(40)
        check(gradient(lambda x, down=down: f(x, down), x, engine="compiled"), (expected,))
    y = np.tile([1.0, 0.0], 20)
    by_array = lambda x: np.sum(x[np.argsort(y, kind="stable")] * np.arange(40.0))
    expected = np.argsort(np.argsort(y, kind="stable")).astype(float)
    check(gradient(by_array, x, engine="compiled"), (expected,))


class errstate:
    pass


def test_a_context_is_not_known_by_its_name():
    def f(x):
        with errstate():
            x = x * x
        return x

    with pytest.raises(TypeError, match="A `with` block"):
        gradient(f, 2.0, engine="compiled")


def test_typed_lists():
    numbad.check_grads(typed_list, (np.array([0.3, -1.0, 2.0, 0.7]),))


def test_what_itertools_cannot_lay_out():
    with pytest.raises(TypeError, match="known only at run time"):
        gradient(
            lambda x: sum(a * b for a, b in itertools.combinations(x, 2)),
            np.ones(3),
            engine="compiled",
        )


def test_functions_made_by_exec_and_eval():
    scope = {}
    exec("def f(x):\n    y = x * x\n    return y * 3", scope)
    assert gradient(scope["f"], 2.0, engine="traced") == (12.0,)
    assert gradient(eval("lambda x: x * x"), 3.0, engine="traced") == (6.0,)


@pytest.mark.parametrize("engine", ["compiled", "traced"])
def test_globals_of_changing_type(monkeypatch, engine):
    f = lambda x: FACTOR * x
    for value in (2.0, 3, np.float32(4.0), True, np.array(5.0), 6.0):
        monkeypatch.setitem(globals(), "FACTOR", value)
        assert gradient(f, 1.0, engine=engine) == (float(value),)


@pytest.mark.parametrize("engine", ["compiled", "traced"])
def test_comparisons_of_globals_are_made_anew(monkeypatch, engine):
    by_mode = lambda x: 2 * x if MODE == {"a": 1} else 3 * x
    by_list = lambda x: 2 * x if OTHER == NAMES else 3 * x
    for _ in range(2):
        assert gradient(by_mode, 1.0, engine=engine) == (2.0,)
        assert gradient(by_list, 1.0, engine=engine) == (2.0,)
        monkeypatch.setitem(MODE, "a", 2)
        NAMES[0] = 7
        assert gradient(by_mode, 1.0, engine=engine) == (3.0,)
        assert gradient(by_list, 1.0, engine=engine) == (3.0,)
        monkeypatch.setitem(MODE, "a", 1)
        NAMES[0] = 1


def test_keyword_only():
    got = numbad.gradient(lambda x, **k: x * k["a"] * k["b"], 1.0, a=3.0, b=3.0)
    assert got == (9.0,)
