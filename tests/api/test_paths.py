"""Which arguments have a differentiable path to the result: None or a number."""

import numpy as np
import pytest

import numbad

MATRIX = np.arange(6.0).reshape(3, 2)
PLACES = np.array([0, 1, 1, 0])


def column(a, places):
    return np.sum(a[:, places[0]])


def columns(a, places):
    product = np.ones(3)
    for place in places[1:]:
        product = product * a[:, place]
    return product.sum()


def rows_between(a, places):
    return np.sum(a[places[0] : places[1] + 1])


def reshaped(a, places):
    return a.reshape(2 + places[1], 2)[0, 1]


@pytest.mark.parametrize("f", [column, columns, rows_between, reshaped])
@pytest.mark.parametrize("engine", ["compiled", "traced"])
def test_positions_in_views_are_no_path(f, engine):
    a_bar, places_bar = numbad.gradient(f, MATRIX, PLACES, engine=engine)
    assert a_bar.any()
    assert places_bar is None
    _, back = numbad.pullback(f, MATRIX, PLACES, engine=engine)
    assert back(1.0)[1] is None


def power(x, n):
    return 1.0 if n == 0 else x * power(x, n - 1)


def swapped(x, depth, scale):
    if depth == 0:
        return x * scale
    return swapped(scale, depth - 1, x) + 1.0


def deep(v, depth, x):
    if depth > 0:
        v[depth] += x
        deep(v, depth - 1, x * x)
    return v[0] + v[1] * v[2]


def counted(x, n):
    return x * n if n < 1 else counted(x + 1.0, n - 1)


@pytest.mark.parametrize("engine", ["compiled", "traced"])
def test_the_depth_of_a_recursion_is_no_path(engine):
    assert numbad.gradient(power, 2.0, 3, engine=engine) == (12.0, None)
    assert numbad.gradient(swapped, 2.0, 3, 5.0, engine=engine) == (5.0, None, 2.0)
    v_bar, depth_bar, x_bar = numbad.gradient(deep, np.ones(3), 2, 3.0, engine=engine)
    assert v_bar.tolist() == [1.0, 4.0, 10.0]
    assert (depth_bar, x_bar) == (None, 10.0 + 4.0 * 6.0)
    # Here it is one: the last depth is a factor.
    assert numbad.gradient(counted, 2.0, 3, engine=engine) == (0.0, 5.0)
