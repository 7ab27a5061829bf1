"""Array programs at the edges of NumPy's rules."""

from __future__ import annotations

import numpy as np
import pytest

import numbad


@pytest.mark.parametrize("engine", ["compiled", "traced"])
def test_absolute_value_of_an_expression_in_single_precision(engine) -> None:
    z = np.array([1.0 + 2.0j, -0.5j], dtype=np.complex64)
    (grad,) = numbad.gradient(lambda z: np.sum(np.abs(z * z)), z, engine=engine)
    assert grad.dtype == np.complex64
    np.testing.assert_allclose(grad, 2.0 * z, rtol=1e-6)


def test_percentile_that_skips_missing_numbers_in_traced_code(rng: np.random.Generator) -> None:
    x = rng.standard_normal(5)
    x[1] = np.nan
    (grad,) = numbad.gradient(lambda x: np.nanpercentile(x, 40) ** 2, x, engine="traced")
    (expected,) = numbad.gradient(lambda x: np.nanpercentile(x, 40) ** 2, x, engine="compiled")
    np.testing.assert_allclose(grad, expected, rtol=1e-12)


@pytest.mark.parametrize("function", [np.nanmedian, np.nanquantile, np.nanpercentile])
@pytest.mark.parametrize("options", [{}, {"axis": 0}, {"axis": -1, "keepdims": True}])
def test_quantiles_of_what_is_known(function, options, rng: np.random.Generator) -> None:
    x = rng.standard_normal((4, 5))
    x[1, 2] = x[3, 2] = x[0, 0] = np.nan
    q = () if function is np.nanmedian else (0.3,)

    def f(x):
        return np.sum(function(x, *q, **options) ** 2)

    value, (grad,) = numbad.withgradient(f, x, engine="traced")
    assert value == pytest.approx(f(x))
    known = ~np.isnan(x)
    direction = rng.standard_normal(x.shape)
    step = 1e-6 * direction
    expected = (f(x + step) - f(x - step)) / 2e-6
    assert np.sum(grad[known] * direction[known]) == pytest.approx(expected, rel=1e-6)
    np.testing.assert_array_equal(grad[~known], 0.0)


@pytest.mark.parametrize("engine", ["compiled", "traced"])
def test_positional_out(engine, rng: np.random.Generator) -> None:
    def f(x, y):
        z = x.copy()
        np.add(z, y, z)
        np.multiply(z[1:], y[:-1], z[:-1])
        return np.sum(z**2)

    x, y = rng.standard_normal(4), rng.standard_normal(4)
    numbad.check_grads(f, (x, y))
    gradient = numbad.gradient(f, x, y, engine=engine)
    z = x + y
    z_bar = 2.0 * np.append(z[1:] * y[:-1], z[-1])
    through = np.append(0.0, z_bar[:-1] * y[:-1]) + np.append(np.zeros(3), z_bar[-1])
    np.testing.assert_allclose(gradient[0], through, rtol=1e-12)
    np.testing.assert_allclose(gradient[1], through + np.append(z_bar[:-1] * z[1:], 0.0))
