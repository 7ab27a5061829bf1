"""``jacobian`` and ``withjacobian``: worked examples, results, options, effects, errors.

The worked examples are compiled; the rest evaluates the programs, which is as good and quicker.
"""

import cmath
import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import numbad
from numbad import calls, jacobian, jvp, withjacobian
from numbad.errors import DifferentiationError, NonScalarOutput
from tests.interpreter import interpreted

MODES = ("forward", "reverse", "auto")


@pytest.fixture
def evaluated():
    with interpreted():
        yield


# --- the worked examples --------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_slice_of_integers(mode):
    found = jacobian(lambda a: 100 * a[:3] ** 2, np.arange(1, 8), mode=mode)[0]
    expected = np.zeros((3, 7))
    expected[[0, 1, 2], [0, 1, 2]] = [200, 400, 600]
    assert_array_equal(found, expected)


def test_list_and_number():
    whole, column = jacobian(lambda a, x: a**2 * x, [1, 2, 3], 1)
    assert_array_equal(whole, np.diag([2.0, 4.0, 6.0]))
    assert_array_equal(column, [1.0, 4.0, 9.0])


def test_an_integer_argument_gives_zeros():
    whole, column = jacobian(lambda a, d: np.prod(a, axis=d), [[1, 2], [3, 4], [5, 6]], 1)
    assert_array_equal(whole, [[2, 1, 0, 0, 0, 0], [0, 0, 4, 3, 0, 0], [0, 0, 0, 0, 6, 5]])
    assert_array_equal(column, [0.0, 0.0, 0.0])


def test_a_string_gives_none():
    whole, nothing = jacobian(lambda a, s: a ** len(s), [1, 2, 3], "str")
    assert_array_equal(whole, np.diag([3.0, 12.0, 27.0]))
    assert nothing is None


def test_a_tuple_gives_none():
    whole, nothing = jacobian(lambda a, t: np.sum(a * t[0]) + t[1], [1, 2, 3], (4, 5))
    assert_array_equal(whole, [[4.0, 4.0, 4.0]])
    assert nothing is None


def test_value_and_jacobian_of_cumsum():
    found = withjacobian(np.cumsum, [1, 2, 3])
    assert_array_equal(found.val, [1, 3, 6])
    assert_array_equal(found.grad[0], [[1, 0, 0], [1, 1, 0], [1, 1, 1]])


def test_parameters():
    xs, ys = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([5.0, 7.0, 9.0])
    found = jacobian(lambda: ys[:2] + np.sum(xs**2), numbad.Params([xs, ys]))
    assert_array_equal(found[ys], [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    assert_array_equal(found[xs], [[2.0, 4.0, 6.0, 8.0], [2.0, 4.0, 6.0, 8.0]])


# --- modes, widths, orders ------------------------------------------------------------------------


def rotated(a, b, s):
    out = np.empty((b.size, 2))
    for i in range(b.size):
        out[i, 0] = a[i % a.shape[0], 0] * b[i] ** 2 + s * math.sin(a[0, 1])
        out[i, 1] = math.exp(-b[i] * s) * a[1, i % a.shape[1]]
    return out


@pytest.fixture
def point(rng):
    return rng.uniform(0.5, 1.5, (2, 3)), rng.uniform(0.5, 1.5, 5), 0.7


@pytest.mark.usefixtures("evaluated")
@pytest.mark.parametrize("width", [1, 2, 3, 5, 8, 12, 13, 64, 1000])
@pytest.mark.parametrize("mode", MODES)
def test_the_result_depends_on_neither_mode_nor_width(mode, width, point):
    found = jacobian(rotated, *point, mode=mode, chunk_threshold=width)
    for position, matrix in enumerate(found):
        for column, entry in enumerate(np.atleast_2d(matrix.T)):
            direction = [np.zeros(np.shape(x)) if np.ndim(x) else 0.0 for x in point]
            if np.ndim(point[position]):
                direction[position].flat[column] = 1.0
            else:
                direction[position] = 1.0
            _, y_dot = jvp(rotated, point, tuple(direction))
            assert_allclose(entry, y_dot.ravel(), rtol=1e-13, atol=1e-14)


@pytest.mark.usefixtures("evaluated")
@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_column_major_order(mode, point):
    plain = jacobian(rotated, *point, mode=mode)
    found = jacobian(rotated, *point, mode=mode, order="F")
    rows = np.arange(10).reshape(5, 2).ravel("F")
    columns = np.arange(6).reshape(2, 3).ravel("F")
    assert_array_equal(found[0], plain[0][np.ix_(rows, columns)])
    assert_array_equal(found[1], plain[1][rows])
    assert_array_equal(found[2], plain[2][rows])
    assert all(entry.flags.c_contiguous for entry in found)


@pytest.mark.usefixtures("evaluated")
@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_layouts_of_arguments(mode, point):
    plain = jacobian(rotated, *point, mode=mode)
    wide = np.repeat(point[1], 2)
    found = jacobian(rotated, np.asfortranarray(point[0]), wide[::2], point[2], mode=mode)
    for got, expected in zip(found, plain, strict=True):
        assert_allclose(got, expected, rtol=1e-14)


@pytest.mark.usefixtures("evaluated")
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("shape", [(0,), (0, 3), (2, 0)])
def test_nothing_to_differentiate_by(mode, shape):
    assert jacobian(lambda x: 2.0 * x, np.zeros(shape), mode=mode)[0].shape == (0, 0)
    found = jacobian(lambda x, y: y * (1.0 + np.sum(x)), np.zeros(shape), np.ones(3), mode=mode)
    assert found[0].shape == (3, 0)
    assert_array_equal(found[1], np.eye(3))
    rows = jacobian(lambda x, y: x * y[0], np.zeros(shape), np.ones(3), mode=mode)
    assert rows[1].shape == (0, 3)


@pytest.mark.usefixtures("evaluated")
@pytest.mark.parametrize("mode", MODES)
def test_results_of_no_dimension(mode):
    x = np.array([1.0, 2.0, 3.0])
    assert_array_equal(jacobian(lambda x: x[0] * x[1], x, mode=mode)[0], [[2.0, 1.0, 0.0]])
    assert_array_equal(jacobian(lambda x: x**2, 3.0, mode=mode)[0], [6.0])
    assert_array_equal(jacobian(lambda x: 2.0 * x, np.array(3.0), mode=mode)[0], [[2.0]])
    assert_array_equal(jacobian(lambda x: np.array([x, x * x]), 3.0, mode=mode)[0], [1.0, 6.0])


@pytest.mark.usefixtures("evaluated")
@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_single_precision(mode):
    x = np.array([0.5, 1.5, 2.5], np.float32)
    found = jacobian(lambda x: np.sin(x) * x[0], x, mode=mode)[0]
    assert found.dtype == np.float32
    exact = np.diag(np.cos(x) * x[0])
    exact[:, 0] += np.sin(x)
    assert_allclose(found, exact, rtol=1e-6)


@pytest.mark.usefixtures("evaluated")
@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_mixed_precision(mode):
    x, y = np.array([0.5, 1.5, 2.5], np.float32), np.array([1.0, 2.0, 3.0])
    of_x, of_y = jacobian(lambda x, y: x * y * y[0], x, y, mode=mode)
    assert_allclose(of_x, np.diag(y * y[0]), rtol=1e-6)
    expected = np.diag(x * y[0])
    expected[:, 0] += x * y
    assert_allclose(of_y, expected, rtol=1e-6)
    assert of_y.dtype == np.float64


# --- arguments ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("evaluated")
@pytest.mark.parametrize("mode", MODES)
def test_chosen_arguments(mode, point):
    whole = jacobian(rotated, *point, mode=mode)
    for wrt, kept in ((1, [1]), ("b", [1]), (("a", 2), [0, 2])):
        found = jacobian(rotated, *point, wrt=wrt, mode=mode)
        for position, entry in enumerate(found):
            if position in kept:
                assert_allclose(entry, whole[position], rtol=1e-14)
            else:
                assert entry is None
    assert jacobian(rotated, point[0], numbad.Const(point[1]), point[2])[1] is None


@pytest.mark.usefixtures("evaluated")
@pytest.mark.parametrize("mode", MODES)
def test_keyword_arguments_are_passed_on(mode):
    def f(x, *, scale, shift=1.0):
        return x * scale + shift

    found = withjacobian(f, np.array([1.0, 2.0]), scale=3.0, shift=np.ones(2), mode=mode)
    assert_array_equal(found.val, [4.0, 7.0])
    assert len(found.grad) == 1
    assert_array_equal(found.grad[0], 3.0 * np.eye(2))


@pytest.mark.usefixtures("evaluated")
@pytest.mark.parametrize("mode", MODES)
def test_no_path_gives_zeros(mode):
    found = jacobian(lambda x, y: np.floor(x) + 0.0 * x.size, np.ones(3), np.ones(2), mode=mode)
    assert_array_equal(found[0], np.zeros((3, 3)))
    assert_array_equal(found[1], np.zeros((3, 2)))


# --- results --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("evaluated")
@pytest.mark.parametrize("mode", ["forward", "reverse"])
@pytest.mark.parametrize("width", [2, 12])
def test_results_are_fresh(mode, width):
    x = np.arange(1.0, 6.0)

    def f(x):
        return x

    first = jacobian(f, x, mode=mode, chunk_threshold=width)[0]
    first[:] = 7.0
    assert_array_equal(x, np.arange(1.0, 6.0))
    assert_array_equal(jacobian(f, x, mode=mode, chunk_threshold=width)[0], np.eye(5))


@pytest.mark.usefixtures("evaluated")
def test_buffers_of_the_caller():
    x = np.array([1.0, 2.0, 3.0])
    buffer = np.full((3, 3), np.nan)
    (found,) = jacobian(lambda x: x**2, x, out=buffer)
    assert found is buffer
    assert_array_equal(buffer, np.diag(2.0 * x))
    strided = np.zeros((6, 3))[::2]
    found = jacobian(lambda x, y: x * y, x, 2.0, out=(strided, None))
    assert found[0] is strided
    assert_array_equal(strided, 2.0 * np.eye(3))
    assert_array_equal(found[1], x)
    with pytest.raises(ValueError, match=r"out\[0\] has shape \(2, 2\)"):
        jacobian(lambda x: x**2, x, out=np.zeros((2, 2)))
    with pytest.raises(ValueError, match="out has 2 buffers"):
        jacobian(lambda x: x**2, x, out=(buffer, buffer))


# --- effects --------------------------------------------------------------------------------------


def moved(x):
    x[0] = x[1] * x[2]
    x[2] += x[0]
    return 3.0 * x


@pytest.mark.usefixtures("evaluated")
@pytest.mark.parametrize("mode", ["forward", "reverse"])
@pytest.mark.parametrize("width", [1, 2, 12])
def test_arguments_change_once(mode, width):
    x = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    (found,) = jacobian(moved, x, mode=mode, chunk_threshold=width)
    assert_array_equal(x, [6.0, 2.0, 9.0, 4.0, 5.0, 6.0])
    expected = 3.0 * np.eye(6)
    expected[0, :3] = [0.0, 9.0, 6.0]
    expected[2, :3] = [0.0, 9.0, 9.0]
    assert_array_equal(found, expected)


def filled(out, x):
    for i in range(x.size):
        out[i] = out[i] * x[i] + x[0] ** 2


@pytest.mark.usefixtures("evaluated")
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("width", [2, 12])
def test_functions_that_write_to_their_first_argument(mode, width):
    out, x = np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0])
    found = withjacobian(filled, out, x, mode=mode, chunk_threshold=width)
    assert_array_equal(found.val, [20.0, 26.0, 34.0])
    assert_array_equal(out, [20.0, 26.0, 34.0])
    assert_array_equal(found.grad[0], np.diag([4.0, 5.0, 6.0]))
    expected = np.diag([1.0, 2.0, 3.0])
    expected[:, 0] += 8.0
    assert_array_equal(found.grad[1], expected)


@pytest.mark.usefixtures("evaluated")
def test_a_print_in_one_sweep_happens_once(capsys):
    def f(x):
        print("here")
        x[0] *= 2.0
        return x * x[1]

    jacobian(f, np.ones(3), mode="forward", chunk_threshold=4)
    assert capsys.readouterr().out == "here\n"


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_effects_are_not_repeated(mode):
    def prints(x):
        print("here")
        return x * x[1]

    with pytest.raises(DifferentiationError, match="would print or draw random numbers again"):
        jacobian(prints, np.ones(3), mode=mode, chunk_threshold=1, engine="compiled")

    def draws(x):
        z = complex(x[0] * np.random.random(), x[1])
        return np.array([(z * z).real, (z * z).imag])

    with pytest.raises(DifferentiationError, match="one direction"):
        jacobian(draws, np.ones(2), mode="forward", engine="compiled")


# --- what carries no lanes ------------------------------------------------------------------------


def through_complex(x):
    z = cmath.exp(complex(x[0], x[1]))
    return np.array([z.real * x[2], z.imag])


def growing(x):
    items = [0.0]
    for i in range(x.size):
        if x[i] > 0.0:
            items.append(x[i] * items[-1] + math.sin(x[i]))
    items[0] += x[0] * x[1]
    total = items.pop()
    for item in items:
        total += item * item
    return total


def lanes_of_last_call() -> int:
    return [made for entries in calls._table.values() for made in entries][-1].lanes


@pytest.mark.usefixtures("evaluated")
@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_complex_numbers_take_one_direction_at_a_time(mode):
    x = np.array([0.3, 0.8, 2.0])
    (found,) = jacobian(through_complex, x, mode=mode)
    assert lanes_of_last_call() == 1
    e, c, s = math.exp(0.3), math.cos(0.8), math.sin(0.8)
    assert_allclose(found, [[2 * e * c, -2 * e * s, e * c], [e * s, e * c, 0.0]], rtol=1e-13)


def test_lists_carry_lanes(rng):
    x = rng.uniform(0.5, 1.5, 6)
    (expected,) = numbad.gradient(growing, x)
    (found,) = jacobian(growing, x, mode="forward")
    assert lanes_of_last_call() == 8
    assert_allclose(found, [expected], rtol=1e-13)


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.usefixtures("evaluated")
def test_refused_arguments_and_results():
    x = np.ones(3)
    with pytest.raises(NonScalarOutput, match=r"argument 0 .* is complex"):
        jacobian(lambda z: z, x + 1j)
    with pytest.raises(NonScalarOutput, match="needs a real number or array"):
        jacobian(lambda x: (), x)
    with pytest.raises(NonScalarOutput, match="needs a real number or array"):
        jacobian(lambda x: x * 1j, x)
    with pytest.raises(NonScalarOutput, match="needs a real number or array"):
        jacobian(lambda x: x > 0.5, x)
    with pytest.raises(NonScalarOutput, match="needs a real number or array"):
        jacobian(lambda x: None, x)
    for options in ({"mode": "sideways"}, {"order": "K"}, {"chunk_threshold": 0}):
        with pytest.raises(ValueError, match=next(iter(options))):
            jacobian(lambda x: x, x, **options)
