"""Functions of SciPy that are called by address: their partials against differences of SciPy."""

import ctypes

import numba
import numpy as np
import pytest
import scipy.special
from numba.extending import get_cython_function_address
from scipy.special import cython_special

import numbad
from numbad.kernels import scipy_functions

POINTS = {1: [(0.15,), (0.7,)], 2: [(1.7, 0.6), (0.8, 0.3), (3.2, 0.9)]}


def difference(f, point, position, step=1e-5):
    above, below = list(point), list(point)
    above[position] += step
    below[position] -= step
    return (f(*above) - f(*below)) / (2 * step)


@pytest.mark.parametrize("name", scipy_functions.FUNCTIONS)
def test_partials(name):
    function = scipy_functions.FUNCTIONS[name]
    reference = getattr(scipy.special, name)
    for point in POINTS[function.__code__.co_argcount]:
        found = numbad.withgradient(function, *point)
        assert found.val == pytest.approx(float(reference(*point)), rel=1e-12)
        for position, partial in enumerate(found.grad):
            wanted = difference(reference, point, position)
            assert partial == pytest.approx(wanted, rel=2e-7, abs=1e-9)


@pytest.mark.parametrize(
    ("df", "t"), [(0.7, 2.0), (1.0, -3.0), (5.0, 0.0), (30.0, 1.5), (200.0, -0.4), (4.0, 60.0)]
)
def test_degrees_of_freedom(df, t):
    wanted = difference(scipy.special.stdtr, (df, t), 0, 1e-4 * df)
    assert scipy_functions.stdtr_by_degrees(df, t) == pytest.approx(wanted, rel=1e-5, abs=1e-9)


@pytest.mark.parametrize(("a", "x"), [(0.3, 5.0), (2.0, 40.0), (80.0, 70.0), (5.0, 1e-3)])
def test_order(a, x):
    wanted = difference(scipy.special.gammainc, (a, x), 0, 1e-4 * a)
    assert scipy_functions.gammainc_by_order(a, x) == pytest.approx(wanted, rel=1e-5, abs=1e-10)


variant = next(n for n in ("xlogy", "__pyx_fuse_1xlogy") if n in cython_special.__pyx_capi__)
address = get_cython_function_address("scipy.special.cython_special", variant)
pointer = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double, ctypes.c_double)(address)


@numba.njit
def entropy(p):
    total = 0.0
    for i in range(p.size):
        total -= pointer(p[i], p[i])
    return total


def test_pointers_are_recognised():
    p = np.array([0.2, 0.3, 0.5])
    np.testing.assert_allclose(numbad.gradient(entropy, p)[0], -np.log(p) - 1.0, rtol=1e-14)
