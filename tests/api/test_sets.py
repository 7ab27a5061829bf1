"""Sets that a program reads: what is in them decides what it does, and may change between calls."""

from __future__ import annotations

import numpy as np
import pytest

import numbad

PINNED = {0, 2}


def of_global(x):
    return x * len(PINNED) + (x if 1 in PINNED else 0.0)


@pytest.fixture
def pinned():
    yield PINNED
    PINNED.clear()
    PINNED.update((0, 2))


def test_a_changed_global_set_is_noticed(pinned) -> None:
    slope = numbad.grad(of_global)
    assert slope(1.0) == 2.0
    pinned.add(1)
    assert slope(1.0) == 4.0
    pinned.discard(1)
    assert slope(1.0) == 2.0


class Net:
    def __init__(self, pinned):
        self.pinned = pinned
        self.places = np.arange(3.0)


def of_object(net, x):
    for k in net.pinned:
        x = 2.0 * x + k * net.places[k]
    return x


def test_a_changed_set_of_an_argument_is_noticed() -> None:
    net = Net({0, 2})
    slope = numbad.grad(of_object, wrt=1)
    assert slope(net, 1.0) == 4.0
    net.pinned.add(1)
    assert slope(net, 1.0) == 8.0
    (net_bar, _) = numbad.gradient(of_object, net, 1.0)
    order = list(net.pinned)
    expected = [2.0 ** (2 - order.index(k)) * k for k in range(3)]
    np.testing.assert_array_equal(net_bar.places, expected)


def of_argument(chosen, x):
    return x * len(chosen) + sum(k * x for k in sorted(chosen)) + max(chosen) * x


def test_a_set_as_argument() -> None:
    chosen = {1, 3}
    slope = numbad.grad(of_argument, wrt=1)
    assert slope(chosen, 1.0) == 2 + 4 + 3
    chosen.add(5)
    assert slope(chosen, 1.0) == 3 + 9 + 5
    assert numbad.gradient(of_argument, frozenset(chosen), 1.0) == (None, 17.0)
