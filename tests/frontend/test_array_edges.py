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
