"""The built program does what the function does in Python: containers."""

import collections
import dataclasses
import math

import numpy as np
import pytest

from tests.frontend.building import Cases, same

x5 = np.array([0.3, 1.2, -0.7, 2.1, 0.9])
case = Cases()


Point = collections.namedtuple("Point", "x y")


@dataclasses.dataclass
class P:
    x: float
    y: float

    def __add__(self, o):
        return P(self.x + o.x, self.y + o.y)

    def __mul__(self, s):
        return P(self.x * s, self.y * s)

    __rmul__ = __mul__

    def norm(self):
        return math.sqrt(self.x**2 + self.y**2)

    @property
    def n2(self):
        return self.x**2 + self.y**2

    @staticmethod
    def mk(a):
        return P(a, a)

    @classmethod
    def mk2(cls, a):
        return cls(a, 2 * a)


class Cnt:
    def __init__(self, k):
        self.k = k
        self.total = 0.0

    def add(self, v):
        self.total += self.k * v
        return self

    def __call__(self, x):
        return self.k * x + self.total

    def __getitem__(self, i):
        return self.k * i

    def __len__(self):
        return 3


class Model:
    def __init__(self):
        self.w = np.array([1.0, 2.0])
        self.b = 0.5
        self.name = "m"
        self.layers = [1.0, 2.0]
        self.cfg = {"s": 3.0}

    def forward(self, x):
        return x * self.w[0] + self.b + self.layers[1] * self.cfg["s"]

    def __call__(self, x):
        return self.forward(x) * self.w[1]


mod = Model()


@case(x5)
def starred(x):
    a, *b, c = (x[0], x[1], x[2], x[3])
    return a + b[0] * b[1] + c


@case(Point(1.0, 2.0))
def nt(p):
    q = Point(p.y, x=p.x) if False else Point(p.y, p.x)
    q = q._replace(x=5.0)
    return Point(q.x * p.x, q[1] + p[1])


@case(P(1.0, 2.0), P(3.0, 4.0))
def dc(a, b):
    c = a + 2.0 * b
    return c.norm() + c.n2 + P.mk(a.x).x + P.mk2(b.y).y


@case(P(1.0, 2.0), 4)
def dc_loop(a, n):
    acc = P(0.0, 0.0)
    for i in range(n):
        acc = acc + a * i
    return acc


@case(1.0, 4)
def dc_mut(a, n):
    p = P(a, 0.0)
    for i in range(n):
        p.x += a * i
        if p.x > 3:
            p.y = p.x
    return p.x * p.y


@case(x5)
def cls(x):
    c = Cnt(2.0)
    for v in x:
        c.add(v)
    return c(x[0]) + c[2] + len(c)


@case({"W": np.eye(2), "b": np.ones(2)}, np.array([1.0, 2.0]))
def dict_arg(t, x):
    return t["W"] @ x + t["b"]


@case(x5)
def dict_local(x):
    d = {}
    d["a"] = x[0]
    d["b"] = d["a"] * x[1]
    s = 0.0
    for k, v in d.items():
        s += v if k == "a" else v * v
    d.update(c=x[2])
    return s + d.get("zz", 1.0) + d["c"] + len(d)


@case(x5)
def lists(x):
    kept = []
    for v in x:
        if v > 0:
            kept.append(v * v)
    s = 0.0
    for a in kept:
        s += a
    return s + kept[-1] + len(kept)


@case(x5)
def listops(x):
    kept = [x[0], x[1]]
    kept.append(x[2])
    kept.insert(0, x[3])
    kept[1] = kept[1] * 2
    y = kept.pop()
    kept += [y, y]
    m = kept[1:3] + [1.0] * 2
    return sum(kept) + sum(m) + kept.index(x[3]) if False else sum(kept) + sum(m)


@case(x5)
def comp(x):
    a = [v * 2 for v in x if v > 0]
    b = np.array([math.sin(v) for v in x])
    c = [(i, v) for i, v in enumerate((x[0], x[1]))]
    d = sum(v * v for v in x)
    e = max(v for v in a)
    return sum(a) + np.sum(b) + c[1][1] * c[1][0] + d + e


@case(x5)
def slices_static(x):
    t = (x[0], x[1], x[2], x[3])
    return t[1:][0] + t[-1] + sum(t[::2]) + max(t) + min(*t, 0.0)


@case(x5, 2)
def dyn_tuple(x, i):
    t = (x[0], x[1], x[2])
    s = t[i]
    for k in range(3):
        s += t[k] * k
    return s


@case(x5)
def hetero_unroll(x):
    t = (x[0], 1, x)
    s = 0.0
    for k in range(3):
        if k == 2:
            s += np.sum(t[k])
        else:
            s += t[k]
    return s


@case(2.0)
def multi(x):
    a = b = x * 2
    c, (d, e) = a, (b, 3.0)
    [f, g] = [a, c]
    del a
    return c * d * e + f - g


@case(x5)
def list_carry(x):
    st = [0.0, 1.0]
    for v in x:
        st[0] += v * st[1]
        st = [st[1], st[0]]
    return st


@case(x5)
def minmax_key(x):
    t = (x[0], x[1], x[2])
    return max(t, key=lambda v: -v) + min(x) + max(x) + max([x[0], x[1]])


@case(3)
def arr_list_len(n):
    r = [0] * n
    r[1] = 5
    q = [0.0 for _ in range(n)]
    q[n - 1] = 2.5
    return sum(r) + sum(q)


@case(x5)
def alias_objects(x):
    a = [x[0], x[1]]
    b = a
    b[0] = 5.0
    return a[0] + b[1]


@case(x5, 1)
def branch_objects(x, n):
    p = P(x[0], x[1])
    q = P(x[2], x[3])
    r = p if n > 0 else q
    return r.x + r.y + p.x


@case(x5, 1)
def branch_list_lengths(x, n):
    kept = [x[0]]
    if n > 0:
        kept.append(x[1])
        kept.append(x[2])
    else:
        kept.append(x[3])
    s = 0.0
    for v in kept:
        s += v
    return s + len(kept)


@case(x5, 1)
def branch_new_lists(x, n):
    if n > 0:
        kept = [x[0], x[1]]
    else:
        kept = [x[2]]
    return sum(kept)


@case(x5)
def list_in_loop(x):
    s = 0.0
    for i in range(len(x)):
        kept = []
        for j in range(i):
            kept.append(x[j])
        s += sum(kept) + len(kept)
    return s


@case(x5)
def stack_list(x):
    st = [0]
    s = 0.0
    n = len(x)
    while len(st) > 0:
        i = st.pop()
        s += x[i]
        if 2 * i + 1 < n:
            st.append(2 * i + 1)
        if 2 * i + 2 < n:
            st.append(2 * i + 2)
    return s


@case(x5)
def list_of_arrays(x):
    kept = []
    for i in range(len(x)):
        kept.append(x * x[i])
    s = 0.0
    for a in kept:
        s += np.sum(a)
    l2 = [x, x * 2]
    for a in l2:
        s += a[0]
    return s


@case(x5)
def mat(x):
    m = {"a": x, "b": (x[0], x[1])}
    for k in m:
        if k == "a":
            s = np.sum(m[k])
        else:
            s += m[k][0]
    return s


@case(x5)
def del_dict(x):
    d = {"a": x[0], "b": x[1]}
    del d["a"]
    return sum(d.values())


@case(mod, 2.0)
def obj_arg(m, x):
    return m(x) * m.w[0]


class Net:
    def __init__(self, n, scale):
        self.places = np.zeros(n * n)
        self.springs = []
        for i in range(n):
            for j in range(n):
                k = i * n + j
                self.places[k] = scale * k
                if i + 1 < n:
                    self.springs.append((k, k + n, 0.1))
                if j + 1 < n and k != 4:
                    self.springs.append((k, k + 1, 0.2))

    def energy(self):
        total = 0.0
        for i, j, stiffness in self.springs:
            total += stiffness * (self.places[i] - self.places[j]) ** 2
        return total


@case(1.5)
def tuples_that_known_conditions_append(scale):
    return Net(3, scale).energy()


@pytest.mark.parametrize(("function", "args", "kwargs"), case.entries, ids=case.names)
def test_same_as_python(function, args, kwargs):
    same(function, *args, **kwargs)
