"""Constant factors of cotangents: the same numbers, in fewer and shorter products."""

import re

import numpy as np
import pytest

import numbad

RNG = np.random.default_rng(20261121)


def cube(x):
    square = x * x
    return 4.0 * (square * x) * 0.5


def scaled_powers(x):
    b = 3.0 * x
    c = b * x
    return (c * x) * (x * x) - 0.25 * (c * c) + (-b) * (-0.5 * b)


def energy(x):
    r = 1.0 / (x * x + 0.5)
    r3 = r * r * r
    return 4.0 * (r3 * r3 - r3)


def mixed_base(x):
    y = 1.5 * x
    return y * y * x + x * (y * y)


def negated(x):
    return -(-1.0 * (2.0 * (-(x * x))))


def through_absorbing(x):
    return -2.0 * np.sqrt(x * x * x)


def huge_constants(x):
    return 1e200 * (1e-300 * (1e150 * (x * x)))


def in_a_loop(x):
    total = 0.0
    for i in range(5):
        y = x + 0.25 * i
        total -= 3.0 * (y * y * y) / (1.0 + y * y)
    return total


FUNCTIONS = [
    *(cube, scaled_powers, energy, mixed_base, negated, through_absorbing, huge_constants),
    in_a_loop,
]


@pytest.mark.parametrize("f", FUNCTIONS)
@pytest.mark.parametrize("x", [0.37, 1.9])
def test_slopes(f, x):
    expected = (
        f(complex(x, 1e-30)).imag / 1e-30 if f is not through_absorbing else -3.0 * np.sqrt(x)
    )
    assert numbad.gradient(f, x)[0] == pytest.approx(expected, rel=1e-13)
    assert numbad.derivative(f, x) == pytest.approx(expected, rel=1e-13)
    second = numbad.derivative(lambda x: numbad.gradient(f, x)[0], x)
    assert numbad.hessian_reverse(f, x) == pytest.approx(second, rel=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.complex64, np.complex128])
def test_other_types(dtype):
    x = RNG.standard_normal(6).astype(dtype)
    if np.iscomplexobj(x):
        x += 1j * RNG.standard_normal(6).astype(dtype)

    def f(x):
        total = x[0].real
        for i in range(x.size):
            total += (2.0 * (x[i] * x[i] * x[i])).real
        return total

    expected = np.conj(6.0 * x.astype(np.complex128) ** 2)
    expected[0] += 1.0
    (found,) = numbad.gradient(f, x)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected, rtol=1e-13 if dtype == np.complex128 else 1e-5)


def test_rows_in_lanes():
    def f(x):
        y = np.empty(5)
        for i in range(5):
            a = x[i % 3] * x[i % 3]
            y[i] = -2.0 * (a * x[i % 3]) + 3.0 * a * x[(i + 1) % 3]
        return y

    x = RNG.standard_normal(3)
    (rows,) = numbad.jacobian(f, x, mode="reverse")
    (columns,) = numbad.jacobian(f, x, mode="forward")
    np.testing.assert_allclose(rows, columns, rtol=1e-14)


def test_values_stay_the_programs():
    x = RNG.standard_normal(50)
    for f in FUNCTIONS:
        for each in x**2 + 0.1:
            assert numbad.withgradient(f, each).val == f(each)


def test_zero_times_infinity_stays_zero():
    assert numbad.gradient(lambda x: 2.0 * np.sqrt(x * x), 0.0) == (0.0,)
    assert numbad.gradient(lambda x, y: -3.0 * (x * np.sqrt(y)), 0.0, 0.0) == (-0.0, 0.0)


def test_one_product_per_power():
    code = numbad.code_adjoint(lambda x: x * x * x, 2.0)
    body = [line for line in code.splitlines() if not line.strip().startswith("#")]
    assert len(re.findall(r" \* ", "\n".join(body))) == 3


def test_a_scaled_sum_over_rows_is_one_nest() -> None:
    def f(a):
        return 0.5 * np.sum(np.sin(a) * a)

    text = numbad.code_adjoint(f, np.ones((3, 3)))
    assert text.count("for j in") == 1
    numbad.check_grads(f, (np.linspace(0.1, 0.9, 6).reshape(2, 3),))
