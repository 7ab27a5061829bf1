"""Numba's ``typed.List`` and ``typed.Dict`` of numbers and arrays: arguments and in closures."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit, types
from numba.typed import Dict, List

import numbad
from numbad.errors import DifferentiationError


@njit
def distances(items):
    n = len(items)
    table = np.zeros((n, n))
    for i in range(n):
        for j in range(i + 1, n):
            table[i, j] = np.sum((items[i] - items[j]) ** 2)
            table[j, i] = table[i, j]
    return table


def test_lists_of_arrays_are_arguments():
    rows = [np.array([0.5, 1.0]), np.array([-1.0, 2.0]), np.array([0.0, 3.0])]
    items = List(rows)
    y, back = numbad.pullback(distances, items, engine="compiled")
    np.testing.assert_allclose(y, distances(items), rtol=1e-14)
    weights = np.array([[0.0, 1.0, 2.0], [0.5, 0.0, -1.0], [0.0, 3.0, 0.0]])
    (found,) = back(weights)
    both = weights + weights.T
    expected = [sum(2 * both[i, j] * (rows[i] - rows[j]) for j in range(3)) for i in range(3)]
    assert isinstance(found, list)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@njit
def squares(numbers):
    total = 0.0
    for number in numbers:
        total += number**2
    return total


def test_lists_of_numbers_are_arguments():
    assert numbad.gradient(squares, List([1.0, 2.0, 3.0]), engine="compiled") == ([2.0, 4.0, 6.0],)
    assert numbad.gradient(squares, List([1.5]), engine="compiled") == ([3.0],)


def test_lists_are_left_as_the_program_leaves_them():
    @njit
    def changing(numbers):
        numbers[1] = numbers[0] * 3.0
        numbers.append(numbers[2] * 2.0)
        return squares(numbers)

    numbers = List([1.0, 2.0, 3.0])
    value, (found,) = numbad.withgradient(changing, numbers, engine="compiled")
    assert value == 1.0 + 9.0 + 9.0 + 36.0
    assert found == [20.0, None, 30.0]
    assert list(numbers) == [1.0, 3.0, 3.0, 6.0]


def test_lists_in_closures_are_read_when_the_program_runs():
    grids = List([np.array([1.0, 2.0]), np.array([3.0, 5.0, 7.0])])

    @njit
    def total(scale, grids):
        result = 0.0
        for grid in grids:
            result += np.sum(grid) * scale
        return result * len(grids[1])

    def f(scale):
        return total(scale, grids)

    assert numbad.gradient(f, 2.0, engine="compiled") == (54.0,)
    grids[0][0] = 11.0
    assert numbad.gradient(f, 2.0, engine="compiled") == (84.0,)
    grids.append(np.array([1.0]))
    assert numbad.gradient(f, 2.0, engine="compiled") == (87.0,)


def test_the_traced_engine_refuses_them():
    with pytest.raises(DifferentiationError, match="`List` are not differentiated"):
        numbad.gradient(squares, List([1.0, 2.0]), engine="traced")


def table(**numbers: float) -> Dict:
    made = Dict.empty(types.unicode_type, types.float64)
    for key, number in numbers.items():
        made[key] = number
    return made


@njit
def scaled(numbers, x):
    numbers["c"] = numbers["a"] * x
    return numbers["c"] * numbers["a"] + numbers["b"]


def test_dicts_are_arguments():
    numbers = table(a=2.0, b=5.0)
    value, found = numbad.withgradient(scaled, numbers, 3.0, engine="compiled")
    assert value == 17.0
    assert found == ({"a": 12.0, "b": 1.0}, 4.0)
    assert dict(numbers) == {"a": 2.0, "b": 5.0, "c": 6.0}
    with pytest.raises(DifferentiationError, match="`Dict` are not differentiated"):
        numbad.gradient(scaled, table(a=2.0, b=5.0), 3.0, engine="traced")


def test_dicts_in_closures_are_read_when_the_program_runs():
    numbers = table(a=2.0)

    @njit
    def total(numbers, x):
        result = 0.0
        for key in numbers:
            result += numbers[key] * x
        return result

    def f(x):
        return total(numbers, x)

    assert numbad.gradient(f, 3.0, engine="compiled") == (2.0,)
    numbers["a"] = 7.0
    assert numbad.gradient(f, 3.0, engine="compiled") == (7.0,)
    numbers["b"] = 4.0
    assert numbad.gradient(f, 3.0, engine="compiled") == (11.0,)


def test_structured_arrays_in_closures_are_refused_by_name():
    records = np.zeros(3, [("a", float)])

    def f(x):
        return records[0]["a"] * x

    with pytest.raises(DifferentiationError, match="array of dtype"):
        numbad.gradient(f, 3.0, engine="compiled")
