"""What cannot be differentiated is refused by name, at the user's line, and never wrong."""

import array
import collections
import ctypes
import time

import numba
import numpy as np
import pytest
from numba import types
from numba.experimental import jitclass
from numba.typed import List
from numpy.testing import assert_allclose

import numbad
from numbad import DifferentiationError, gradient
from numbad.errors import AliasingError

C_COSINE = ctypes.CDLL(None).cos
C_COSINE.restype = ctypes.c_double
C_COSINE.argtypes = [ctypes.c_double]


def with_block(x):
    with open("/dev/null") as f:
        f.read()
    return x * x


def calls_ctypes(x):
    return C_COSINE(x) * x


def uses_eval(x):
    return eval("x * x")


def async_inside(x):
    async def g():
        return x

    return x


def set_of_numbers(x):
    values = {x, 2.0 * x}
    return sum(values)


def calls_library_without_rule(x):
    return np.i0(x) * x


REFUSED = [
    (with_block, "with"),
    (calls_ctypes, "C_COSINE"),
    (uses_eval, "eval"),
    (async_inside, "async"),
    (set_of_numbers, "{x, 2.0 * x}"),
    (calls_library_without_rule, "np.i0"),
]


@pytest.mark.parametrize(("f", "named"), REFUSED, ids=[f.__name__ for f, _ in REFUSED])
def test_refused_with_the_users_line(f, named):
    with pytest.raises(DifferentiationError) as caught:
        gradient(f, 1.5)
    message = str(caught.value)
    assert "test_refusals.py" in message
    assert named in message


def test_function_without_source_or_rule_names_both_remedies():
    with pytest.raises(DifferentiationError) as caught:
        gradient(calls_ctypes, 1.5)
    message = str(caught.value)
    assert "adjoint" in message
    assert "nograd" in message


@jitclass([("a", types.float64)])
class Box:
    def __init__(self, a):
        self.a = a


@pytest.mark.parametrize(
    ("make", "f"),
    [
        (lambda: List([1.0, 2.0]), lambda v: v[0] * v[1]),
        (lambda: np.array([(1.0, 2)], dtype=[("u", "f8"), ("k", "i8")]), lambda r: r[0].u * 2.0),
        (lambda: Box(2.0), lambda box: box.a * box.a),
        (lambda: object(), lambda o: 1.0),
        (lambda: np.array(["a"]), lambda s: 1.0 * len(s)),
        (lambda: np.array([np.datetime64("2020-01-01")]), lambda s: 1.0 * len(s)),
    ],
    ids=["typed.List", "structured dtype", "jitclass", "object", "strings", "dates"],
)
def test_other_arguments_are_right_or_refused(make, f):
    value = make()
    try:
        (got,) = gradient(f, value)
    except TypeError as problem:
        message = str(problem)
    else:
        flat = [] if got is None else np.concatenate([np.ravel(v) for v in np.atleast_1d(got)])
        assert_allclose(flat, {2: [2.0, 1.0], 1: [4.0], 0: []}[len(flat)])
        return
    assert type(value).__name__ in message or str(getattr(value, "dtype", "?")) in message


@numba.guvectorize(["(float64[:], float64[:])"], "(n)->(n)")
def doubled(x, out):
    for i in range(len(x)):
        out[i] = 2.0 * x[i]


def test_guvectorize_along_another_axis_is_refused():
    with pytest.raises(DifferentiationError, match="`doubled` is called with `axis=`"):
        gradient(lambda x: np.sum(doubled(x, axis=0)), np.ones((3, 2)), engine="compiled")
    with pytest.raises(DifferentiationError, match="doubled"):
        gradient(lambda x: np.sum(doubled(x)), np.ones(3), engine="traced")


@numba.vectorize
def doubled_elementwise(x):
    return 2.0 * x * x


def test_vectorized_functions_are_followed():
    (got,) = gradient(lambda x: np.sum(doubled_elementwise(x)), np.array([1.0, 2.0]))
    assert_allclose(got, [4.0, 8.0])


def shift_into(x, y):
    for i in range(1, len(x)):
        y[i] = x[i - 1] * x[i]
    return y[1] * y[2] + x[0]


def test_overlapping_arguments_are_right_or_refused():
    """With both arguments one array, the derivative belongs to the array as a whole."""

    def once(x):
        return shift_into(x, x)

    x = np.array([2.0, 3.0, 5.0])
    (expected,) = gradient(once, x.copy())
    try:
        gx, gy = gradient(shift_into, x, x)
    except AliasingError:
        return
    assert_allclose(gx if gy is None else gx + gy, expected)


def test_overlapping_arguments_that_are_only_read():
    x = np.array([2.0, 3.0])
    gx, gy = gradient(lambda x, y: np.sum(x * y * y), x, x)
    assert_allclose(gx, x * x)
    assert_allclose(gy, 2.0 * x * x)


def test_argument_that_is_not_a_function():
    with pytest.raises(TypeError):
        gradient(3.0, 2.0)


def test_wrong_number_of_arguments():
    with pytest.raises(TypeError):
        gradient(lambda x, y: x * y, 1.0)


@pytest.mark.parametrize("wrt", [5, -3, "nothing"])
def test_wrong_wrt(wrt):
    with pytest.raises(ValueError, match="wrt"):
        gradient(lambda x, y: x * y, 1.0, 2.0, wrt=wrt)


def test_shape_mismatch_is_an_error_as_in_numpy():
    with pytest.raises(ValueError, match=r"broadcast|shape"):
        gradient(lambda x, y: np.sum(x + y), np.ones(3), np.ones(4))


@pytest.mark.parametrize(
    ("result", "shown"),
    [(None, "None"), ("text", "a `str`"), ((), "a `tuple`"), (True, "bool")],
)
def test_results_that_are_no_numbers_are_named(result, shown):
    with pytest.raises(numbad.errors.NonScalarOutput, match=f"which returns {shown}"):
        gradient(lambda x: result, 1.0, engine="compiled")


@pytest.mark.parametrize("verb", [gradient, numbad.jacobian, numbad.hessian, numbad.withgradient])
@pytest.mark.parametrize("function", [3, None, "f", np.ones(2)], ids=repr)
def test_what_cannot_be_called(verb, function):
    with pytest.raises(TypeError, match="is not callable"):
        verb(function, 1.0)


def test_unknown_engine():
    with pytest.raises(ValueError, match="engine"):
        gradient(lambda x: x, 1.0, engine="steam")


@pytest.mark.parametrize(
    ("f", "argument"),
    [
        (lambda d: d[0] * 2.0, collections.deque([1.0])),
        (lambda d: d[0] * 2.0, array.array("d", [1.0])),
        (lambda d: sum(d), {1.0, 2.0}),
        (lambda d: d.tm_year * 1.0, time.gmtime(0)),
        (lambda d: np.sum(d * d), np.ones((2, 2)).view(np.matrix)),
        (lambda d: np.sum(d * 2.0), np.ma.masked_array([1.0, 2.0], [0, 1])),
    ],
    ids=lambda v: type(v).__name__,
)
def test_contents_that_are_not_understood_are_never_constants(f, argument):
    with pytest.raises(TypeError):
        gradient(f, argument, engine="compiled")
