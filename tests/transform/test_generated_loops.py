"""What the generator makes of loops: fused sweeps, sums in locals, no needless tape.

The numbers are checked against central differences, the shape of the code by its text.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

import numbad


def pair_energy(x):
    total = 0.0
    for i in range(x.size):
        for j in range(i + 1, x.size):
            d = x[i] - x[j]
            total += 1.0 / (0.3 + d * d)
    return total


def neighbours(x):
    total = 0.0
    for i in range(x.size - 1):
        total += (x[i + 1] - x[i] * x[i]) ** 2
    return total


def mixture(x, means):
    terms = np.empty(means.size)
    total = 0.0
    for i in range(x.size):
        for k in range(means.size):
            d = x[i] - means[k]
            terms[k] = -0.5 * d * d
        largest = terms[0]
        for k in range(1, means.size):
            largest = max(largest, terms[k])
        inner = 0.0
        for k in range(means.size):
            inner += math.exp(terms[k] - largest)
        total += largest + math.log(inner)
    return total


def product(x, n):
    y = 1.0
    for _ in range(n):
        y *= x
    return y


def packed(a, x):
    total = 0.0
    at = 0
    for i in range(x.size):
        for j in range(i, x.size):
            total += a[at] * x[i] * x[j]
            at += 1
    return total


def overwritten(x, steps):
    a = x.copy()
    for _ in range(steps):
        for i in range(a.size):
            for j in range(a.size):
                a[i] += 0.01 * math.sin(a[i] - 2.0 * a[j])
    total = 0.0
    for i in range(a.size):
        total += a[i] * a[i]
    return total


def differences(f, args, position):
    """Central differences with respect to one array argument."""
    found = np.zeros(args[position].shape)
    for i in range(args[position].size):
        values = []
        for step in (1e-6, -1e-6):
            moved = [np.copy(arg) if isinstance(arg, np.ndarray) else arg for arg in args]
            moved[position][i] += step
            values.append(f(*moved))
        found[i] = (values[0] - values[1]) / 2e-6
    return found


@pytest.mark.parametrize("size", [0, 1, 2, 9])
@pytest.mark.parametrize("f", [pair_energy, neighbours])
def test_sums_over_pairs_and_neighbours(f, size, rng):
    x = rng.standard_normal(size)
    (found,) = numbad.gradient(f, x, zeros=True)
    np.testing.assert_allclose(found, differences(f, (x,), 0), rtol=1e-6, atol=1e-7)


def test_a_sum_over_pairs_needs_no_tape(rng):
    code = numbad.code_adjoint(pair_energy, rng.standard_normal(4))
    assert "tape" not in code


def test_each_neighbour_is_written_once(rng):
    code = numbad.code_adjoint(neighbours, rng.standard_normal(4))
    statements = [line for line in code.splitlines() if line.strip().startswith("x_bar[")]
    assert len(statements) == 2  # in the loop, and the last element behind it


@pytest.mark.parametrize("count", [1, 4])
def test_work_arrays_are_private_to_an_iteration(count, rng):
    x, means = rng.standard_normal(6), rng.standard_normal(count)
    found = numbad.gradient(mixture, x, means)
    for position in (0, 1):
        expected = differences(mixture, (x, means), position)
        np.testing.assert_allclose(found[position], expected, rtol=1e-6, atol=1e-8)


def test_packed_indices_are_computed_again(rng):
    x = rng.standard_normal(5)
    a = rng.standard_normal(15)
    found = numbad.gradient(packed, a, x)
    for position in (0, 1):
        expected = differences(packed, (a, x), position)
        np.testing.assert_allclose(found[position], expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("steps", [0, 1, 3])
def test_overwritten_memory_is_put_back(steps, rng):
    x = rng.standard_normal(4)
    (found, _) = numbad.gradient(overwritten, x, steps)
    expected = differences(overwritten, (x, steps), 0)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("n", [0, 1, 5])
def test_a_product_records_its_factors(n):
    assert numbad.gradient(product, 1.3, n, zeros=True)[0] == pytest.approx(n * 1.3 ** (n - 1))


def counted(x, n):
    total, count = 0.0, 0
    for _ in range(n):
        total += x
        count += 2
    return total * count


def test_what_counts_iterations_does_not_depend_on_the_bound():
    assert numbad.gradient(counted, 3.0, 4) == (32.0, None)
    assert numbad.jvp(counted, (3.0, 4), (0.0, 1.0)) == (96.0, 0.0)
