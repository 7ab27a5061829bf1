"""Variables that a loop assigns from what was computed in front of it, and that are read after it.

The loop may run no time, so such a variable has no value in front of the loop; what it is assigned
from has one, that must still be there.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import numbad

pytestmark = pytest.mark.filterwarnings("error")


def product(a, b, n):
    s = 0.0
    for i in range(n):
        ab = a * b
        s += ab * i
    return s * ab


def two(a, b, n):
    s = 0.0
    for i in range(n):
        ab = a + b
        s = s + ab * i
        more = ab + 1
    return s * ab * more


def inner_while(a, b, n):
    z = np.zeros(n)
    for i in range(n):
        ab = a + b
        x = 0.0
        while x < ab:
            x = x + ab * 0.3 + 0.01
        z[i] = x
    return np.sum(z) * ab


def in_branch(a, b, n):
    s = a
    ratio = a - b
    for i in range(n):
        if i > 1:
            last = ratio * b
            s += last
    return s * last + ratio


@pytest.mark.parametrize("f", [product, two, inner_while, in_branch])
@pytest.mark.parametrize("bound", ["fixed", "given"])
def test_values_before_loops_survive(f: Callable[..., float], bound: str) -> None:
    def fixed(a, b):
        return f(a, b, 5)

    args = (1.5, 2.6)
    expected = [
        (f(1.5 + 1e-6, 2.6, 5) - f(1.5 - 1e-6, 2.6, 5)) / 2e-6,
        (f(1.5, 2.6 + 1e-6, 5) - f(1.5, 2.6 - 1e-6, 5)) / 2e-6,
    ]
    if bound == "fixed":
        value, found = numbad.withgradient(fixed, *args, engine="compiled")
        y, y_dot = numbad.jvp(fixed, args, (0.7, -0.4), engine="compiled")
    else:
        value, found = numbad.withgradient(f, *args, 5, engine="compiled")
        y, y_dot = numbad.jvp(f, (*args, 5), (0.7, -0.4, None), engine="compiled")
    assert value == pytest.approx(f(*args, 5), rel=1e-14)
    assert y == pytest.approx(f(*args, 5), rel=1e-14)
    assert found[:2] == pytest.approx(expected, rel=1e-7)
    assert y_dot == pytest.approx(0.7 * expected[0] - 0.4 * expected[1], rel=1e-7)
