"""Arrays that share memory: parts of complex arrays, and operands that overlap results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numba import njit

import numbad
from tests.interpreter import interpreted


def check(
    f: Callable[..., Any], x: np.ndarray, rng: np.random.Generator, engine: str = "compiled"
) -> None:
    """Compare value, both modes and central differences of the function itself."""

    def like(value: Any) -> Any:
        found = rng.standard_normal(np.shape(value))
        if np.iscomplexobj(value):
            found = found + 1j * rng.standard_normal(np.shape(value))
        return found

    expected = f(x.copy())
    seed, direction = like(expected), like(x)
    with interpreted():
        value, back = numbad.pullback(f, x.copy(), engine=engine)
        (x_bar,) = back(seed)
        _, tangent = numbad.jvp(f, (x.copy(),), (direction,), engine=engine)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    ends = [f(x + step * direction) for step in (1e-6, -1e-6)]
    change = np.vdot(seed, ends[0] - ends[1]).real / 2e-6
    assert np.vdot(x_bar, direction).real == pytest.approx(change, rel=1e-6, abs=1e-8)
    assert np.vdot(tangent, seed).real == pytest.approx(change, rel=1e-6, abs=1e-8)


# --- parts of complex arrays --------------------------------------------------------------------


def write_through_parts(z):
    z = z * 1.0
    z.real[1:] = np.abs(z[:-1])
    z.imag[:-1] += z.real[1:]
    np.imag(z)[2] = 3.0 * z.real[0]
    return z


def part_sees_later_writes(z):
    z = z.copy()
    part = z.real
    whole = part[::-1].copy()
    z[0] = 1j * z[1]
    z *= 2.0
    return part * whole + z.imag


def copies_of_parts(z):
    first, second = z.real.copy(), np.array(z.imag)
    third = z.real.flatten()
    z[:] = 0.0
    first[0] *= second[0] * third[1]
    return first


def sorted_part(z):
    z.real.sort()
    for row in z.real.reshape(1, -1):
        row[0] = 5.0
    return np.abs(z) + z.T.imag


def assigned_parts(z):
    z = z * 1.0
    z.real = z.imag**2
    z.imag = 2.0
    z.real += 1.0
    z[::-1].imag[0] *= z.real[1]
    return z


PARTS = [
    write_through_parts,
    part_sees_later_writes,
    copies_of_parts,
    sorted_part,
    assigned_parts,
]


@pytest.mark.parametrize("f", PARTS)
@pytest.mark.parametrize("engine", ["compiled", "traced"])
def test_parts_share_memory(f, engine, rng: np.random.Generator) -> None:
    check(f, rng.standard_normal(5) + 1j * rng.standard_normal(5), rng, engine)


def test_parts_compiled(rng: np.random.Generator) -> None:
    z = rng.standard_normal(4) + 1j * rng.standard_normal(4)
    f = njit(write_through_parts)
    value, back = numbad.pullback(f, z)
    np.testing.assert_allclose(value, f(z))
    seed = rng.standard_normal(4) + 1j * rng.standard_normal(4)
    with interpreted():
        (expected,) = numbad.pullback(write_through_parts, z)[1](seed)
    np.testing.assert_allclose(back(seed)[0], expected, rtol=1e-12)


def test_sparsity_of_written_parts_is_refused() -> None:
    def f(x):
        z = x + 0j
        z.imag[:] = x[::-1]
        return z.real * z.imag

    with pytest.raises(numbad.DifferentiationError, match="pattern"):
        numbad.jacobian(f, np.arange(3.0), sparsity="auto", engine="compiled")


# --- operands that overlap the result -----------------------------------------------------------


@njit
def running_sum(x):
    x[1:] += x[:-1]
    return x


@njit
def less_the_first_row(x):
    y = x.reshape(2, 3)
    y -= y[0]
    return x


@njit
def less_the_reverse(x):
    y = x[::-1]
    np.subtract(y, x, y)
    return x


@njit
def expressions_come_first(x):
    x[1:] += 2.0 * x[:-1]
    np.subtract(2.0 * x[:-1], x[:-1], x[1:])
    x[:-1] = x[1:] * x[:-1]
    return x


OVERLAPPING = [running_sum, less_the_first_row, less_the_reverse, expressions_come_first]


@pytest.mark.parametrize("f", OVERLAPPING)
def test_compiled_functions_keep_the_order_of_numba(f, rng: np.random.Generator) -> None:
    check(f, rng.standard_normal(6), rng)


@pytest.mark.parametrize("f", OVERLAPPING)
def test_python_functions_keep_the_order_of_numpy(f, rng: np.random.Generator) -> None:
    check(f.py_func, rng.standard_normal(6), rng)


def test_both_orders_in_one_program(rng: np.random.Generator) -> None:
    def f(x):
        y = running_sum(x * 1.0)
        y[1:] += y[:-1]
        return y

    check(f, rng.standard_normal(6), rng)


# --- reshaped arrays that are not contiguous ----------------------------------------------------


def columns(x):
    column = x[::2].reshape(-1, 1)
    column *= 2.0
    row = x[1::2].reshape(1, x[1::2].size)
    row[0, 1] = x[0] * x[1]
    return column @ row


def more_axes(x):
    a = x[:6].reshape(2, 3)[:, ::2]
    b = a.reshape((2, 1, -1))
    b[:, 0, 1] *= x[0]
    c = a.T.reshape(1, 2, 2)
    c[0, 0] += x[5]
    return x


def turned(x):
    a = x.reshape(2, 3)
    for_once = np.rot90(a)
    for_once[0] *= 2.0
    np.rot90(a, 2)[0, 0] = x[0] * x[1]
    np.rot90(a, -1)[:, 0] += a[0]
    np.rot90(a, 0)[1, 1] = x[0] ** 2
    return x


@pytest.mark.parametrize("f", [columns, more_axes, turned])
def test_rearranged_axes_share_memory(f, rng: np.random.Generator) -> None:
    check(f, rng.standard_normal(6), rng)


def test_copies_that_might_share_memory_are_read_only(rng: np.random.Generator) -> None:
    def read(x):
        return np.sin(x[::2].reshape(3, 2)) @ x[:2]

    def write(x):
        y = x[::2].reshape(3, 2)
        y[0] = 1.0
        return x

    def write_out(x):
        y = np.reshape(x[::2], (3, 2))
        np.multiply(y, y, y.T)
        return x

    def read_turned(x):
        return np.rot90(x.reshape(4, 3), int(x.size) - 9) @ np.ones((4, 1))

    def write_turned(x):
        y = np.rot90(x.reshape(4, 3), int(x.size) - 9)
        y += 1.0
        return x

    x = rng.standard_normal(12)
    check(read, x, rng)
    check(read_turned, x, rng)
    for f in (write, write_out, write_turned):
        with pytest.raises(numbad.DifferentiationError, match="may share memory"):
            numbad.pullback(f, x, engine="compiled")


# --- no axes ------------------------------------------------------------------------------------


def test_in_place_operators_without_axes(rng: np.random.Generator) -> None:
    def f(x):
        total = np.zeros(())
        total += x[0]
        total *= x[1] * total
        return total[()] + x

    check(f, rng.standard_normal(3), rng)
