"""Libraries that know nothing of derivatives."""

import colorsys
import dataclasses
import statistics

import numpy as np
import pytest
from numpy.testing import assert_allclose

import numbad
from tests.libraries import colours
from tests.libraries.colours import RGB, colordiff

ENGINES = ["compiled", "traced"]
RED, GREEN = RGB(1, 0, 0), RGB(0, 1, 0)


def slopes(f, *args, step=1e-6):
    """Central differences with respect to each number among the arguments."""
    found = []
    for position in range(len(args)):
        moved = []
        for sign in (1.0, -1.0):
            shifted = list(args)
            shifted[position] = args[position] + sign * step
            moved.append(f(*shifted))
        found.append((moved[0] - moved[1]) / (2.0 * step))
    return found


def test_the_colour_difference_is_right():
    # The first, seventh and last pairs of the table of Sharma, Wu & Dalal (2005).
    for one, other, expected in (
        ((50.0, 2.6772, -79.7751), (50.0, 0.0, -82.7485), 2.0425),
        ((50.0, 0.0, 0.0), (50.0, -1.0, 2.0), 2.3669),
        ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
    ):
        found = colordiff(colours.Lab(*one), colours.Lab(*other))
        assert found == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize("engine", ENGINES)
def test_gradient_of_a_colour_difference(engine):
    assert colordiff(RED, GREEN) == pytest.approx(86.60823557376344, rel=1e-7)
    got = numbad.gradient(colordiff, RED, GREEN, engine=engine)
    assert [g._fields for g in got] == [("r", "g", "b")] * 2
    assert_allclose(got[0], (0.4590887719, -9.5987868016, 14.1813833990), rtol=1e-5)
    assert_allclose(got[1], (-1.7697549557, 28.8847233056, -0.0447938926), rtol=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("seed", range(3))
def test_gradient_of_colour_differences_anywhere(engine, seed):
    x = np.random.default_rng(seed).uniform(0.05, 0.95, 6)
    flat = lambda *v: colordiff(RGB(*v[:3]), RGB(*v[3:]))
    one, other = numbad.gradient(colordiff, RGB(*x[:3]), RGB(*x[3:]), engine=engine)
    assert_allclose([*one, *other], slopes(flat, *x.tolist()), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("engine", ENGINES)
def test_default_arguments_are_objects_of_the_library(engine):
    weights = colours.difference.Weights(kc=2.0)
    f = lambda a, b, w: colordiff(a, b, w)
    a, b = RGB(0.2, 0.5, 0.7), RGB(0.6, 0.3, 0.1)
    got = numbad.gradient(f, a, b, weights, engine=engine)[2]
    flat = lambda *k: colordiff(a, b, colours.difference.Weights(*k))
    assert_allclose(got, slopes(flat, *dataclasses.astuple(weights)), rtol=1e-6)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "name", ["rgb_to_hsv", "hsv_to_rgb", "rgb_to_hls", "hls_to_rgb", "rgb_to_yiq", "yiq_to_rgb"]
)
def test_colorsys(name, engine):
    convert = getattr(colorsys, name)

    def f(a, b, c):
        x, y, z = convert(a, b, c)
        return x * x + 3.0 * y - y * z

    point = (0.2, 0.55, 0.7)
    got = numbad.gradient(f, *point, engine=engine)
    assert_allclose([0.0 if g is None else g for g in got], slopes(f, *point), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    "name",
    [
        *("mean", "fmean", "geometric_mean", "harmonic_mean", "median"),
        *("variance", "stdev", "pvariance", "pstdev"),
    ],
)
@pytest.mark.filterwarnings("ignore::numbad.errors.TracedFallbackWarning")
def test_statistics(name):
    f = getattr(statistics, name)
    data = [1.0, 2.5, 4.0, 3.25, 0.5]
    (got,) = numbad.gradient(lambda d: f(d), data, engine="auto")
    expected = slopes(lambda *d: f(list(d)), *data)
    assert_allclose([0.0 if g is None else g for g in got], expected, rtol=1e-6, atol=1e-8)


@pytest.mark.filterwarnings("ignore::numbad.errors.TracedFallbackWarning")
def test_statistics_of_two():
    x, y = [1.0, 2.5, 4.0, 3.0], [2.0, 3.0, 1.0, 5.0]
    for f in (
        statistics.covariance,
        statistics.correlation,
        lambda a, b: statistics.linear_regression(a, b).slope,
    ):
        got = numbad.gradient(lambda a, b, f=f: f(a, b), x, y, engine="auto")
        flat = lambda *v, f=f: f(list(v[:4]), list(v[4:]))
        assert_allclose([*got[0], *got[1]], slopes(flat, *x, *y), rtol=1e-6, atol=1e-8)
