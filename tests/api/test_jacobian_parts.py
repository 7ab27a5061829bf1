"""Jacobians of functions that return several numbers and arrays, on both engines and in njit."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
from numba import njit
from numpy.testing import assert_allclose

import numbad
from numbad import jacobian, withjacobian
from numbad.errors import DifferentiationError, NonScalarOutput, UnsupportedSyntax

ENGINES = ("compiled", "traced")


@dataclass
class Pair:
    area: float
    corner: np.ndarray


def numbers(a, b, c):
    return a * b + c, math.sin(a) * c, (a / b, 2.0), b


def arrays(a, x):
    return a * x[0, 1], x * a, np.sum(x * x, axis=0), "text"


def record(a, x):
    return {"pair": Pair(a * a, a * x), "rest": [a]}


def differences(f, args, position, flat):
    """Central differences of the parts of a result, flattened by ``flat``."""
    x = np.asarray(args[position], float)
    columns = []
    for number in range(x.size):
        ends = []
        for sign in (1.0, -1.0):
            moved = x.copy()
            moved.flat[number] += sign * 1e-6
            given = list(args)
            given[position] = moved if x.ndim else float(moved)
            ends.append(flat(f(*given)))
        columns.append([(p - m) / 2e-6 for p, m in zip(*ends, strict=True)])
    return [np.stack(each, axis=-1) for each in zip(*columns, strict=True)]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("mode", ["auto", "forward", "reverse"])
def test_numbers(engine, mode, rng):
    args = tuple(rng.uniform(0.5, 2.0, 3))
    val, grad = withjacobian(numbers, *args, mode=mode, engine=engine)
    assert val == numbers(*args)

    def flat(y):
        return [np.ravel(np.array(each)) for each in (y[0], y[1], y[2][0], y[2][1], y[3])]

    for position, entry in enumerate(grad):
        assert isinstance(entry[2], tuple)
        assert all(type(each) is float for each in (*entry[:2], *entry[2], entry[3]))
        expected = differences(numbers, args, position, flat)
        assert_allclose(np.concatenate(flat(entry)), np.ravel(expected), rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("engine", ENGINES)
def test_arrays(engine, rng):
    args = 1.7, rng.uniform(0.5, 2.0, (2, 3))

    def flat(y):
        return [np.ravel(each) for each in y[:3]]

    by_a, by_x = jacobian(arrays, *args, engine=engine)
    assert by_a[3] is None
    assert by_x[3] is None
    assert [np.shape(each) for each in by_a[:3]] == [(), (6,), (3,)]
    assert [np.shape(each) for each in by_x[:3]] == [(6,), (6, 6), (3, 6)]
    for position, entry in enumerate((by_a, by_x)):
        expected = differences(arrays, args, position, flat)
        for got, wanted in zip(entry[:3], expected, strict=True):
            assert_allclose(np.ravel(got), np.ravel(wanted), rtol=1e-7, atol=1e-8)
    by_columns = jacobian(arrays, *args, order="F", engine=engine)[1]
    order = np.arange(6).reshape(2, 3).ravel(order="F")
    assert_allclose(by_columns[0], by_x[0][order])
    assert_allclose(by_columns[1], by_x[1][np.ix_(order, order)])


@pytest.mark.parametrize("engine", ENGINES)
def test_structures(engine, rng):
    x = rng.standard_normal(3)
    by_a, by_x = jacobian(record, 3.0, x, engine=engine)
    assert by_a["pair"].area == 6.0
    assert by_a["rest"] == [1.0]
    assert_allclose(by_a["pair"].corner, x)
    assert_allclose(by_x["pair"].corner, 3.0 * np.eye(3))
    assert_allclose(by_x["pair"].area, np.zeros(3))
    assert_allclose(by_x["rest"][0], np.zeros(3))
    only, nothing = jacobian(record, 3.0, x, wrt=0, engine=engine)
    assert only["pair"].area == 6.0
    assert nothing is None


def test_inside_compiled_code(rng):
    inner = njit(numbers)

    @njit
    def sums(points):
        total = np.zeros(3)
        for i in range(points.shape[0]):
            val, grad = numbad.withjacobian(inner, points[i, 0], points[i, 1], points[i, 2])
            for k in range(3):
                total[k] += val[0] * grad[k][1] + grad[k][2][0]
        return total

    points = rng.uniform(0.5, 2.0, (4, 3))
    expected = np.zeros(3)
    for point in points:
        val, grad = withjacobian(numbers, *point)
        expected += [val[0] * entry[1] + entry[2][0] for entry in grad]
    assert_allclose(sums(points), expected, rtol=1e-13)


def test_differentiated_again():
    def outer(a):
        return jacobian(lambda a, b: (a * a * b, math.sin(a)), a, 3.0)[0][0]

    (found,) = numbad.gradient(outer, 2.0)
    assert found == pytest.approx(6.0)


def test_loops_and_recursion(rng):
    def power(x, n):
        return 1.0 if n == 0 else x * power(x, n - 1)

    def walk(x, y, n):
        for i in range(n):
            if i % 2:
                x, y = y, math.sin(x * y)
            else:
                x += y * y
        return x, y, power(x, 3)

    x, y = rng.uniform(0.5, 1.0, 2)
    found = [jacobian(walk, x, y, 5, mode=mode)[:2] for mode in ("forward", "reverse")]
    assert_allclose(*found, rtol=1e-13)
    for position in range(2):
        expected = differences(walk, (x, y, 5), position, lambda y: [np.array(e) for e in y])
        assert_allclose(found[0][position], np.ravel(expected), rtol=1e-7)


def test_written_arguments_are_written_once():
    def scale(x, a):
        x[0] *= a
        total = x[0] * x[1]
        return total, total * a

    x = np.array([2.0, 3.0])
    by_x, by_a = jacobian(scale, x, 5.0)
    assert_allclose(x, [10.0, 3.0])
    assert_allclose(by_x, [[15.0, 10.0], [75.0, 50.0]])
    assert_allclose(by_a, [6.0, 60.0])


def test_more_results_than_lanes():
    values = np.linspace(0.1, 0.9, 70)

    def many(a, x):
        return tuple(a * v for v in (x,) * 70)

    assert_allclose(jacobian(many, 2.0, 0.5, mode="reverse")[0], 0.5 * np.ones(70))
    assert_allclose(jacobian(many, 2.0, values[3], mode="reverse")[1], 2.0 * np.ones(70))


def test_refusals():
    x = np.ones(3)
    for function in (lambda x: (x, x * 1j), lambda x: (x[0], x[0] > 0.0)):
        with pytest.raises(NonScalarOutput, match="jacobian"):
            jacobian(function, x, engine="compiled")
    with pytest.raises(UnsupportedSyntax, match="mode='reverse'"):
        jacobian(lambda x: (x, x), x, mode="reverse", engine="compiled")
    with pytest.raises(ValueError, match="out"):
        jacobian(lambda x: (x, x), x, out=np.zeros((3, 3)), engine="compiled")

    def noisy(x):
        return x * np.random.rand(), x

    with pytest.raises(DifferentiationError, match="draw random numbers"):
        jacobian(noisy, 1.0, engine="compiled")


@pytest.mark.filterwarnings("ignore::numbad.errors.TracedFallbackWarning")
def test_arrays_among_several_parts_by_reverse_mode_are_traced():
    x = np.array([1.0, 2.0])
    found = jacobian(lambda x: (x * x, np.sum(x)), x, mode="reverse", engine="auto")[0]
    assert_allclose(found[0], np.diag(2 * x))
    assert_allclose(found[1], np.ones(2))
