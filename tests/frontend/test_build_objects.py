"""Built programs do what the functions do in Python: classes, inheritance, namedtuples."""

import collections
import dataclasses
import functools
import math
from typing import NamedTuple

import numpy as np
import pytest

from tests.frontend.building import Cases, same

x5 = np.array([0.3, 1.2, -0.7, 2.1, 0.9])
case = Cases()


class Base:
    scale = 2.0

    def __init__(self, k):
        self.k = k

    def f(self, x):
        return x * self.k * self.scale


class Derived(Base):
    def __init__(self, k, c):
        super().__init__(k)
        self.c = c

    def f(self, x):
        return super().f(x) + self.c

    @functools.cached_property
    def q(self):
        return self.k * 3


dd = Derived(2.0, 3.0)


@dataclasses.dataclass(frozen=True)
class V3:
    x: float
    y: float
    z: float = 0.0

    def __sub__(self, o):
        return V3(self.x - o.x, self.y - o.y, self.z - o.z)

    def __neg__(self):
        return V3(-self.x, -self.y, -self.z)

    def dot(self, o):
        return self.x * o.x + self.y * o.y + self.z * o.z

    def __abs__(self):
        return math.sqrt(self.dot(self))

    def __matmul__(self, o):
        return self.dot(o)

    def __iter__(self):
        return iter((self.x, self.y))

    def __lt__(self, o):
        return abs(self) < abs(o)


class RGB(collections.namedtuple("RGB", "r g b")):
    def lum(self):
        return 0.3 * self.r + 0.6 * self.g + 0.1 * self.b


class NT(NamedTuple):
    a: float
    b: float = 2.0

    def s(self):
        return self.a + self.b


@case(2.0)
def sup(x):
    d = Derived(x, 1.0)
    return d.f(3.0) + d.q


@case(2.0)
def sup2(x):
    return dd.f(x) + dd.q


@case(dd, 2.0)
def sup3(d, x):
    return d.f(x)


@case(V3(1.0, 2.0, 3.0), V3(2.0, 1.0, 0.5))
def v3(a, b):
    c = a - (-b)
    w = max(a, b) if b < a else b
    return (
        abs(c) + (a @ b) + w.x,
        a == b,
        a != V3(1.0, 2.0, 3.0),
        dataclasses.replace(a, x=4.0) if False else c,
    )


@case(RGB(0.1, 0.2, 0.3))
def subclass_nt(c):
    return c.lum() * c[0]


@case(NT(1.0))
def typed_nt(p):
    return NT(p.b).s() * p.s(), p


@case(dd.f, 0.5)
def bm_arg(f, x):
    return f(x)


@pytest.mark.parametrize(("function", "args", "kwargs"), case.entries, ids=case.names)
def test_same_as_python(function, args, kwargs):
    same(function, *args, **kwargs)
