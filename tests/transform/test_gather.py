"""Adjoints of stencils, which gather what neighbours add.

Every program is differentiated on grids of all small shapes, where the core of a nest is empty in
one direction or the other; the oracle is forward mode along random directions, and differences.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import numbad
from numbad.transform import gather
from numbad.transform.gathered import write_gathered
from tests.interpreter import interpreted


def heat_1d(u0, w, k, steps):
    u, new = u0.copy(), u0.copy()
    for _ in range(steps):
        for i in range(1, u.size - 1):
            new[i] = u[i] + k * (u[i - 1] - 2.0 * u[i] + u[i + 1])
        u, new = new, u
    return np.sum(u * u * w)


def heat_2d(u0, w, k, steps):
    u, new = u0.copy(), u0.copy()
    n, m = u.shape
    for _ in range(steps):
        for i in range(1, n - 1):
            for j in range(1, m - 1):
                sides = u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1]
                new[i, j] = u[i, j] + k * (sides - 4.0 * u[i, j])
        u, new = new, u
    return np.sum(u * u * w)


def heat_3d(u0, w, k, steps):
    u, new = u0.copy(), u0.copy()
    for _ in range(steps):
        for i in range(1, u.shape[0] - 1):
            for j in range(1, u.shape[1] - 1):
                for m in range(1, u.shape[2] - 1):
                    a = u[i - 1, j, m] + u[i + 1, j, m] + u[i, j - 1, m] + u[i, j + 1, m]
                    b = u[i, j, m - 1] + u[i, j, m + 1]
                    new[i, j, m] = u[i, j, m] + k * (a + b - 6.0 * u[i, j, m])
        u, new = new, u
    return np.sum(u * u * w)


def nonlinear(u0, w, k, steps):
    u, new = u0.copy(), u0.copy()
    n, m = u.shape
    for _ in range(steps):
        for i in range(1, n - 1):
            for j in range(1, m - 1):
                c = u[i, j]
                north, south = u[i - 1, j], u[i + 1, j]
                west, east = u[i, j - 1], u[i, j + 1]
                flux = (1.0 + north * c) * (north - c) + (1.0 + south * c) * (south - c)
                flux += (1.0 + west * c) * (west - c) + (1.0 + east * c) * (east - c)
                new[i, j] = c + k * flux
        u, new = new, u
    return np.sum(u * w)


def upwind(u0, w, k, steps):
    u, new = u0.copy(), u0.copy()
    for _ in range(steps):
        for i in range(1, u.size):
            new[i] = u[i] - k * (u[i] - u[i - 1])
        u, new = new, u
    return np.sum(u * u * w)


def burgers(u0, w, k, steps):
    u, new = u0.copy(), u0.copy()
    for _ in range(steps):
        for i in range(1, u.size - 1):
            flux = 0.5 * (u[i + 1] * u[i + 1] - u[i - 1] * u[i - 1])
            new[i] = u[i] - k * flux + k * k * (u[i - 1] - 2.0 * u[i] + u[i + 1])
        u, new = new, u
    return np.sum(u * w)


def leapfrog(u0, w, k, steps):
    old, u, new = u0.copy(), u0 * 0.9, np.zeros(u0.shape)
    n, m = u0.shape
    for _ in range(steps):
        for i in range(1, n - 1):
            for j in range(1, m - 1):
                sides = u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1]
                new[i, j] = 2.0 * u[i, j] - old[i, j] + k * (sides - 4.0 * u[i, j])
        old, u, new = u, new, old
    return np.sum(u * u * w)


def in_place(u0, w, k, steps):
    old, u = u0.copy(), u0 * 0.9
    n, m = u0.shape
    for _ in range(steps):
        for i in range(1, n - 1):
            for j in range(1, m - 1):
                sides = u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1]
                old[i, j] = 2.0 * u[i, j] - old[i, j] + k * (sides - 4.0 * u[i, j])
        old, u = u, old
    return np.sum(u * u * w)


def shallow(u0, w, k, steps):
    h, u, v = 1.0 + 0.1 * u0, u0.copy(), w.copy()
    h_new, u_new, v_new = h.copy(), u.copy(), v.copy()
    n, m = u0.shape
    for _ in range(steps):
        for i in range(1, n - 1):
            for j in range(1, m - 1):
                u_new[i, j] = u[i, j] - k * (h[i + 1, j] - h[i, j]) * u[i, j]
                v_new[i, j] = v[i, j] - k * (h[i, j + 1] - h[i, j])
                div = u[i, j] - u[i - 1, j] + v[i, j] - v[i, j - 1]
                h_new[i, j] = h[i, j] - k * h[i, j] * div
        h, h_new = h_new, h
        u, u_new = u_new, u
        v, v_new = v_new, v
    return np.sum(h * u0 + u * w + v * v)


def gray_scott(u0, w, k, steps):
    u, v = u0.copy(), w.copy()
    u_new, v_new = u0.copy(), w.copy()
    n, m = u0.shape
    for _ in range(steps):
        for i in range(1, n - 1):
            for j in range(1, m - 1):
                a, b = u[i, j], v[i, j]
                lap_u = u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1] - 4.0 * a
                lap_v = v[i - 1, j] + v[i + 1, j] + v[i, j - 1] + v[i, j + 1] - 4.0 * b
                uvv = a * b * b
                u_new[i, j] = a + 0.1 * lap_u - uvv + k * (1.0 - a)
                v_new[i, j] = b + 0.05 * lap_v + uvv - (k + 0.06) * b
        u, u_new = u_new, u
        v, v_new = v_new, v
    return np.sum(u * v * u0)


def fourth_order(u0, w, k, steps):
    u, new = u0.copy(), u0.copy()
    n, m = u.shape
    for _ in range(steps):
        for i in range(2, n - 2):
            for j in range(2, m - 2):
                near = u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1]
                far = u[i - 2, j] + u[i + 2, j] + u[i, j - 2] + u[i, j + 2]
                new[i, j] = u[i, j] + k * (16.0 * near - far - 60.0 * u[i, j]) / 12.0
        u, new = new, u
    return np.sum(u * u * w)


def nine_point(u0, w, k, steps):
    u, new = u0.copy(), u0.copy()
    n, m = u.shape
    for _ in range(steps):
        for i in range(1, n - 1):
            for j in range(1, m - 1):
                near = u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1]
                far = u[i - 1, j - 1] + u[i + 1, j - 1] + u[i - 1, j + 1] + u[i + 1, j + 1]
                new[i, j] = u[i, j] + k * (near + 0.5 * far - 6.0 * u[i, j]) + near * far * 0.01
        u, new = new, u
    return np.sum(u * u * w)


def nine_point_linear(u0, w, k, steps):
    u, new = u0.copy(), u0.copy()
    n, m = u.shape
    for _ in range(steps):
        for i in range(1, n - 1):
            for j in range(1, m - 1):
                near = u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1]
                far = u[i - 1, j - 1] + u[i + 1, j - 1] + u[i - 1, j + 1] + u[i + 1, j + 1]
                new[i, j] = u[i, j] + k * (near + 0.5 * far - 6.0 * u[i, j])
        u, new = new, u
    return np.sum(u * u * w)


def columns_first(u0, w, k, steps):
    """The innermost loop runs along the columns of arrays in Fortran's order."""
    n, m = u0.shape
    u, new = np.zeros((m, n)).T, np.zeros((m, n)).T
    for i in range(n):
        for j in range(m):
            u[i, j] = u0[i, j]
    for _ in range(steps):
        for j in range(1, m - 1):
            for i in range(1, n - 1):
                sides = u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1]
                new[i, j] = u[i, j] * (1.0 - k * u[i, j]) + k * sides
        u, new = new, u
    return np.sum(u * u * w)


def swept_with_a_sum(u0, w, k, steps):
    """The sums of the program and those of its adjoint are in one nest."""
    u, total = u0.copy(), 0.0
    n, m = u.shape
    for _ in range(steps):
        for i in range(n - 2, 0, -1):
            for j in range(m - 2, 0, -1):
                d, e = u[i + 1, j] - u[i, j], u[i, j + 1] - u[i - 1, j]
                total += k * (d * d + e * e) * w[i, j]
    return total


def only_rows(u0, w, k, steps):
    u, new = u0.copy(), u0.copy()
    n, m = u.shape
    for _ in range(steps):
        for i in range(1, n - 2):
            for j in range(m):
                new[i, j] = u[i, j] + k * (u[i - 1, j] * u[i + 2, j] - u[i, j])
        u, new = new, u
    return np.sum(u * w)


def only_columns(u0, w, k, steps):
    u, new = u0.copy(), u0.copy()
    n, m = u.shape
    for _ in range(steps):
        for i in range(n):
            for j in range(1, m - 1):
                new[i, j] = u[i, j] + k * u[i, j - 1] * u[i, j + 1]
        u, new = new, u
    return np.sum(u * w)


def copied_back(u0, w, k, steps):
    u, new = u0.copy(), u0.copy()
    n, m = u.shape
    for _ in range(steps):
        for i in range(1, n - 1):
            for j in range(1, m - 1):
                sides = u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1]
                new[i, j] = u[i, j] + k * (sides - 4.0 * u[i, j]) * u[i, j]
        for i in range(1, n - 1):
            for j in range(1, m - 1):
                u[i, j] = new[i, j]
    return np.sum(u * u * w)


def coefficients(u0, w, k, steps):
    u, new = u0.copy(), u0.copy()
    n, m = u.shape
    for _ in range(steps):
        for i in range(1, n - 1):
            row = w[i, 0] * k
            for j in range(1, m - 1):
                east = 0.5 * (w[i, j] + w[i, j + 1]) * (u[i, j + 1] - u[i, j])
                west = 0.5 * (w[i, j] + w[i, j - 1]) * (u[i, j] - u[i, j - 1])
                south = w[i + 1, j] * (u[i + 1, j] - u[i, j])
                north = w[i, j] * (u[i, j] - u[i - 1, j])
                new[i, j] = u[i, j] + row * (east - west + south - north)
        u, new = new, u
    return np.sum(u * u)


def wrapping(u0, w, k, steps):
    u, new = u0.copy(), u0.copy()
    n, m = u.shape
    for _ in range(steps):
        for i in range(n - 1):
            for j in range(m - 1):
                sides = u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1]
                new[i, j] = u[i, j] + k * (sides - 4.0 * u[i, j])
        u, new = new, u
    return np.sum(u * u * w)


def boundaries(u0, w, k, steps):
    u, new = u0.copy(), u0.copy()
    n, m = u.shape
    for step in range(steps):
        for i in range(1, n - 1):
            for j in range(1, m - 1):
                sides = u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1]
                new[i, j] = u[i, j] + k * (sides - 4.0 * u[i, j])
        for j in range(m):
            new[0, j] = w[0, j] * step
            new[n - 1, j] = new[n - 2, j]
        for i in range(n):
            new[i, 0] = new[i, m - 1] * k
        u, new = new, u
    return np.sum(u * u * w)


def trajectory(u0, w, k, steps):
    n = u0.size
    u = np.zeros((steps + 1, n))
    for i in range(n):
        u[0, i] = u0[i]
    for t in range(steps):
        for i in range(1, n - 1):
            u[t + 1, i] = u[t, i] + k * (u[t, i - 1] - 2.0 * u[t, i] * u[t, i] + u[t, i + 1])
    return np.sum(u * u) * w[0]


def limited(u0, w, k, steps):
    u, new = u0.copy(), u0.copy()
    for _ in range(steps):
        for i in range(1, u.size - 1):
            left, right = u[i] - u[i - 1], u[i + 1] - u[i]
            new[i] = u[i] - k * max(left, 0.0) + k * min(right, left) * abs(right)
        u, new = new, u
    return np.sum(u * w)


def with_a_sum(u0, w, k, steps):
    u, new = u0.copy(), u0.copy()
    energy = 0.0
    for _ in range(steps):
        for i in range(1, u.size - 1):
            new[i] = u[i] + k * (u[i - 1] - 2.0 * u[i] + u[i + 1])
            energy += k * new[i] * w[i] * u[i]
        u, new = new, u
    return energy


def downwards(u0, w, k, steps):
    u, new = u0.copy(), u0.copy()
    n, m = u.shape
    for _ in range(steps):
        for i in range(n - 2, 0, -1):
            for j in range(1, m - 1):
                new[i, j] = u[i, j] + k * (u[i - 1, j] * u[i + 1, j] - u[i, j - 1] * u[i, j + 1])
        u, new = new, u
    return np.sum(u * u * w)


def gradient_energy(u0, w, k, steps):
    total = 0.0
    for _ in range(steps):
        for i in range(1, u0.size):
            d = u0[i] - u0[i - 1]
            total += k * d * d * w[i]
    return total


def fixed_range(u0, w, k, steps):
    u, new = np.zeros(9), np.zeros(9)
    for i in range(min(9, u0.size)):
        u[i] = u0[i]
    for _ in range(steps):
        for i in range(1, 8):
            new[i] = u[i] + k * (u[i - 1] - 2.0 * u[i] + u[i + 1])
        u, new = new, u
    return np.sum(u * u) * w[0]


def slices(u0, w, k, steps):
    u = u0.copy()
    for _ in range(steps):
        sides = u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2]
        u[1:-1, 1:-1] = u[1:-1, 1:-1] + k * (sides - 4.0 * u[1:-1, 1:-1])
    return np.sum(u * u * w)


def gauss_seidel(u0, w, k, steps):
    u = u0.copy()
    for _ in range(steps):
        for i in range(1, u.size - 1):
            u[i] = u[i] + k * (u[i - 1] - 2.0 * u[i] + u[i + 1])
    return np.sum(u * u * w)


def another_range(u0, w, k, steps):
    """The inner range depends on the outer index."""
    u, new = u0.copy(), u0.copy()
    n, m = u.shape
    for _ in range(steps):
        for i in range(1, n - 1):
            for j in range(1, min(i + 1, m - 1)):
                new[i, j] = u[i, j] + k * (u[i, j - 1] + u[i, j + 1] + u[i - 1, j])
        u, new = new, u
    return np.sum(u * u * w)


ONE = [heat_1d, upwind, burgers, trajectory, limited, with_a_sum, gradient_energy, fixed_range]
TWO = [
    *(heat_2d, nonlinear, leapfrog, in_place, shallow, gray_scott, fourth_order, nine_point),
    *(only_rows, only_columns, copied_back, coefficients, wrapping, boundaries, downwards, slices),
    *(another_range, nine_point_linear, swept_with_a_sum, columns_first),
]
THREE = [heat_3d]
LINES = [(n,) for n in (2, 3, 4, 5, 6, 7, 11)]
GRIDS = [*((3, 3), (3, 4), (4, 3), (4, 4), (5, 3), (4, 6), (7, 5), (5, 9), (9, 10))]
BOXES = [*((3, 3, 3), (4, 3, 5), (5, 6, 4), (6, 7, 8))]
CASES = [
    *((f, LINES) for f in [*ONE, gauss_seidel]),
    *((f, GRIDS) for f in TWO),
    *((f, BOXES) for f in THREE),
]


def arguments(shape: tuple[int, ...], rng: np.random.Generator) -> tuple[Any, ...]:
    return rng.uniform(0.2, 1.0, shape), rng.uniform(-1.0, 1.0, shape), 0.07


def along(f: Callable[..., Any], args: tuple[Any, ...], rng: np.random.Generator) -> None:
    """Compare reverse with forward mode along a random direction."""
    direction = [rng.standard_normal(np.shape(each)) for each in args[:2]]
    direction.append(rng.standard_normal())
    _, pushed = numbad.jvp(f, args, (*direction, None))
    gradient = numbad.gradient(f, *args, wrt=(0, 1, 2))[:3]
    pairs = zip(gradient, direction, strict=True)
    got = sum(np.sum(g * d) for g, d in pairs if g is not None)
    np.testing.assert_allclose(got, pushed, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize(("f", "shapes"), CASES, ids=lambda x: getattr(x, "__name__", ""))
def test_evaluated(f, shapes, rng: np.random.Generator) -> None:
    with interpreted():
        for shape in shapes:
            for steps in (0, 1, 3):
                along(f, (*arguments(shape, rng), steps), rng)


GATHERED = [
    *(heat_2d, heat_3d, nonlinear, leapfrog, in_place, shallow, gray_scott, fourth_order),
    *(nine_point_linear, columns_first, only_rows, copied_back, boundaries, downwards, slices),
]


@pytest.mark.parametrize("f", GATHERED)
def test_each_iteration_of_the_core_writes_its_own_elements(f, rng, monkeypatch) -> None:
    found = []

    def noted(nest, plan, out):
        found.extend(plan.targets)
        return write_gathered(nest, plan, out)

    monkeypatch.setattr(gather, "write_gathered", noted)
    shape = (5, 6, 7)[: 3 if f is heat_3d else 2]
    text = numbad.code_adjoint(f, *arguments(shape, rng), 2, wrt=(0, 1, 2))
    assert found
    assert "in range(2):" in text or f is only_rows


def short_rows(u0, w, k, steps):
    u, new = np.zeros((u0.size, 6)), np.zeros((u0.size, 6))
    for i in range(u0.size):
        u[i, 1] = u0[i]
    for _ in range(steps):
        for i in range(1, u0.size - 1):
            for j in range(1, 5):
                new[i, j] = k * (u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1])
        u, new = new, u
    return np.sum(u * u) * w[0]


def across_rows(u0, w, k, steps):
    """The innermost loop strides."""
    u, new = u0.copy(), u0.copy()
    n, m = u.shape
    for _ in range(steps):
        for j in range(1, m - 1):
            for i in range(1, n - 1):
                sides = u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1]
                new[i, j] = u[i, j] + k * (sides - 4.0 * u[i, j])
        u, new = new, u
    return np.sum(u * u * w)


@pytest.mark.parametrize(
    "f", [wrapping, across_rows, short_rows, gauss_seidel, heat_1d, swept_with_a_sum]
)
def test_left_alone(f, rng, monkeypatch) -> None:
    monkeypatch.setattr(gather, "write_gathered", lambda *_: pytest.fail("gathered"))
    shape = (5, 6)[: 1 if f in (gauss_seidel, heat_1d, short_rows) else 2]
    numbad.code_adjoint(f, *arguments(shape, rng), 2, wrt=(0, 1, 2))


@pytest.mark.parametrize("f", [heat_2d, gray_scott, boundaries, slices])
def test_differences(f, rng) -> None:
    u, w, k = arguments((6, 7), rng)
    with interpreted():
        numbad.check_grads(lambda u, w, k: f(u, w, k, 2), (u, w, k))


@pytest.mark.parametrize("f", [nonlinear, gray_scott, in_place])
@pytest.mark.parametrize("shape", [(3, 5), (5, 4), (7, 8)])
def test_second_order(f, shape, rng) -> None:
    u, w, k = arguments(shape, rng)
    v = rng.standard_normal(shape)

    def objective(u):
        return f(u, w, k, 2)

    with interpreted():
        got = numbad.hvp(objective, u, v)
        h = 1e-5
        ahead = numbad.gradient(objective, u + h * v)[0]
        back = numbad.gradient(objective, u - h * v)[0]
    np.testing.assert_allclose(got, (ahead - back) / (2 * h), rtol=2e-7, atol=2e-8)


@pytest.mark.parametrize("f", [nonlinear, gray_scott])
def test_reverse_over_reverse(f, rng) -> None:
    u, w, k = arguments((5, 6), rng)

    def objective(u):
        return f(u, w, k, 2)

    with interpreted():
        got = numbad.hessian_reverse(objective, u)
        v = rng.standard_normal(u.shape)
        expected = numbad.hvp(objective, u, v)
    product = got.reshape(u.size, u.size) @ v.ravel()
    np.testing.assert_allclose(product, expected.ravel(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("f", [heat_2d, gray_scott, slices])
def test_other_layouts_and_types(f, rng) -> None:
    u, w, k = arguments((6, 7), rng)
    with interpreted():
        *plain, _, _ = numbad.gradient(f, u, w, k, 3, wrt=(0, 1))
    strided = np.repeat(np.repeat(u, 2, 0), 3, 1)[::2, ::3]
    with interpreted():
        for other in (np.asfortranarray(u), strided):
            *got, _, _ = numbad.gradient(f, other, w.T.copy().T, k, 3, wrt=(0, 1))
            np.testing.assert_allclose(got[0], plain[0], rtol=1e-12)
            np.testing.assert_allclose(got[1], plain[1], rtol=1e-12)
        single = u.astype(np.float32), w.astype(np.float32), np.float32(k)
        *got, _, _ = numbad.gradient(f, *single, 3, wrt=(0, 1))
    assert got[0].dtype == np.float32
    np.testing.assert_allclose(got[0], plain[0], rtol=2e-4, atol=1e-5)


@pytest.mark.parametrize("f", [heat_2d, swept_with_a_sum, downwards, with_a_sum])
def test_the_value_is_what_the_function_returns(f, rng) -> None:
    shape = (9,) if f is with_a_sum else (9, 10)
    args = (*arguments(shape, rng), 3)
    with interpreted():
        value, _ = numbad.jvp(f, args, (args[0], None, None, None))
        assert numbad.withgradient(f, *args).val == value


def program(rng: np.random.Generator) -> tuple[str, int]:
    """A random system of stencils: the source of ``f(u0, w, k, steps)``, and its dimensions."""
    dims = int(rng.integers(1, 4))
    fields = int(rng.integers(1, 3))
    far = int(rng.integers(1, 3))
    names = "ijl"[:dims]
    offsets = rng.integers(-far, far + 1, (int(rng.integers(2, 6)), dims))
    low, high = -offsets.min(0).clip(max=0), offsets.max(0).clip(min=0)
    low, high = low + rng.integers(0, 2, dims), high + rng.integers(0, 2, dims)

    def element(array: str, offset: Any) -> str:
        places = (f"{n} {o:+d}" if o else n for n, o in zip(names, offset, strict=True))
        return f"{array}[{', '.join(places)}]"

    def term() -> str:
        factors = ["k", "0.5", "-0.3", element("w", offsets[rng.integers(len(offsets))])]
        parts = [
            element(f"u{rng.integers(fields)}", offsets[rng.integers(len(offsets))])
            for _ in range(int(rng.integers(1, 3)))
        ]
        return " * ".join([factors[rng.integers(4)], *parts])

    lines = ["def f(u0, w, k, steps):"]
    for field in range(fields):
        lines.append(f"    u{field}, v{field} = u0 * {0.5 + 0.5 * field}, u0 * 0.7")
    lines += ["    total = 0.0", "    for _ in range(steps):"]
    for level, name in enumerate(names):
        first, last = f"{low[level]}", f"u0.shape[{level}] - {high[level]}"
        ascends = rng.random() < 0.8
        bounds = f"{first}, {last}" if ascends else f"{last} - 1, {first} - 1, -1"
        lines.append(f"{'    ' * (level + 2)}for {name} in range({bounds}):")
    here = np.zeros(dims, int)
    for field in range(fields):
        terms = " + ".join(term() for _ in range(int(rng.integers(2, 5))))
        old = f" + 0.5 * {element(f'v{field}', here)}" if rng.random() < 0.3 else ""
        store = f"{element(f'v{field}', here)} = 0.4 * {element(f'u{field}', here)}{old} + {terms}"
        lines.append("    " * (dims + 2) + store)
    if rng.random() < 0.3:
        lines.append("    " * (dims + 2) + f"total += {term()}")
    if rng.random() < 0.3:
        lines.append("        v0[0] = k * w[0]")
    if rng.random() < 0.2:
        lines.append(f"        v0[...] = 0.5 * v{fields - 1}")
    lines += [f"        u{each}, v{each} = v{each}, u{each}" for each in range(fields)]
    result = " + ".join(f"np.sum(u{each} * u{each} * w)" for each in range(fields))
    return "\n".join([*lines, f"    return total + {result}", ""]), dims


def check_random(seed: int) -> None:
    rng = np.random.default_rng(seed)
    source, dims = program(rng)
    name = f"<stencil {seed}>"
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    namespace: dict[str, Any] = {"np": np}
    exec(compile(source, name, "exec"), namespace)
    with interpreted():
        for _ in range(3):
            shape = tuple(int(n) for n in rng.integers(1, (0, 14, 9, 7)[dims], dims))
            along(namespace["f"], (*arguments(shape, rng), int(rng.integers(1, 4))), rng)


@pytest.mark.parametrize("seed", range(12))
def test_random_stencils(seed: int) -> None:
    check_random(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 300))
def test_more_random_stencils(seed: int) -> None:
    check_random(seed)


@pytest.mark.slow
@pytest.mark.parametrize(("f", "shapes"), CASES, ids=lambda x: getattr(x, "__name__", ""))
def test_compiled(f, shapes, rng: np.random.Generator) -> None:
    for shape in shapes:
        for steps in (0, 1, 2, 5):
            along(f, (*arguments(shape, rng), steps), rng)
