"""What the results of the verbs look like: entries, None, number types, containers, effects."""

import math
from collections import namedtuple

import numba
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import numbad
from numbad import gradient, jvp, pullback, withgradient

SCALE = 2.0
TABLE = np.array([1.0, 2.0, 3.0])


def test_one_entry_per_positional_argument_and_none_for_keywords():
    got = gradient(lambda x, y, *, p: x**p * y, 3.0, 2.0, p=2)
    assert got == (12.0, 9.0)
    assert isinstance(got, tuple)


def test_no_arguments_give_an_empty_tuple():
    assert gradient(lambda: 1.0) == ()


@pytest.mark.parametrize(
    ("f", "args"),
    [
        (lambda x: x * 2.0, (np.ones(3),)),
        (lambda z: z * z, (1j,)),
        (lambda x: "text", (1.0,)),
        (lambda x: None, (1.0,)),
    ],
)
def test_result_that_is_not_a_real_scalar_is_an_error(f, args):
    with pytest.raises(TypeError, match=r"jacobian|pullback"):
        gradient(f, *args)


def test_zero_dimensional_results_count_as_scalars():
    assert_allclose(gradient(lambda x: np.array(np.sum(x * x)), np.ones(2))[0], [2.0, 2.0])


@pytest.mark.parametrize(
    ("f", "args", "expected"),
    [
        (lambda x, n: x * n, (2.0, 3), (3.0, 2.0)),
        (lambda x, y: x if y > 0 else -x, (2.0, 3.0), (1.0, None)),
        (lambda x, y: x, (2.0, 3.0), (1.0, None)),
        (lambda x, flag: x if flag else 0.0, (2.0, True), (1.0, None)),
        (lambda x, y: x + 0.0 * y, (2.0, 3.0), (1.0, 0.0)),
        (lambda x, y: x + math.floor(y), (2.0, 3.5), (1.0, 0.0)),
        (lambda x, y: x * (y - y), (2.0, 3.0), (0.0, 0.0)),
        (lambda x: 7.0, (2.0,), (None,)),
    ],
    ids=["int", "comparison", "unused", "bool", "zero factor", "floor", "cancelled", "constant"],
)
def test_none_means_no_path_and_zero_means_no_slope(f, args, expected):
    assert gradient(f, *args) == expected


def test_argument_that_only_bounds_a_loop_or_indexes_is_none():
    def f(x, n, k):
        s = 0.0
        for i in range(n):
            s += x[i] * x[k]
        return s

    gx, gn, gk = gradient(f, np.array([1.0, 2.0, 3.0]), 3, 1)
    assert_array_equal(gx, [2.0, 8.0, 2.0])
    assert gn is None
    assert gk is None


def test_zeros_turns_none_into_zeros():
    got = gradient(lambda x, y, a: x, 2.0, 3.0, np.ones(2), zeros=True)
    assert got[:2] == (1.0, 0.0)
    assert_array_equal(got[2], [0.0, 0.0])


def test_ints_stay_ints_in_the_primal():
    def f(x, n):
        assert n // 2 == 1
        return x**n / n

    gx, gn = gradient(f, 2.0, 3)
    assert gx == 4.0
    assert gn == pytest.approx(8.0 * math.log(2.0) / 3.0 - 8.0 / 9.0)


def test_int_arrays_give_float64():
    (got,) = gradient(lambda x: np.sum(x * x), np.array([1, 2, 3], dtype=np.int32))
    assert got.dtype == np.float64
    assert_array_equal(got, [2.0, 4.0, 6.0])


def test_float32_stays_float32():
    x = np.array([1.0, 2.0], dtype=np.float32)
    val, (got,) = withgradient(lambda x: np.sum(x * x), x)
    assert got.dtype == np.float32
    assert_array_equal(got, np.array([2.0, 4.0], dtype=np.float32))


def test_numpy_scalars_as_arguments():
    got = gradient(lambda x, y: x * y, np.float64(2.0), np.int64(3))
    assert got == (3.0, 2.0)


def test_arrays_are_fresh_contiguous_and_writable():
    x = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    (got,) = gradient(lambda x: np.sum(x), x)
    assert got.flags.c_contiguous
    assert got.flags.writeable
    assert not np.shares_memory(got, x)
    (again,) = gradient(lambda x: np.sum(x), x)
    assert not np.shares_memory(got, again)


def test_read_only_arguments():
    x = np.arange(3.0)
    x.flags.writeable = False
    assert_array_equal(gradient(lambda x: np.sum(x * x), x)[0], [0.0, 2.0, 4.0])


def test_containers_keep_their_structure():
    Point = namedtuple("Point", ["x", "y"])
    p, t, z = gradient(
        lambda p, t, u: p.x * t[0] * t[1][0], Point(2.0, 5.0), (3.0, (4.0, 7.0)), 1.0
    )
    assert type(p)._fields == ("x", "y")
    assert p == (12.0, None)
    assert t == (8.0, (6.0, None))
    assert z is None


def test_dict_and_list_arguments():
    d, items = gradient(lambda d, v: d["w"] * v[0], {"w": 2.0, "b": 1.0}, [3.0, 4.0])
    assert d == {"w": 3.0, "b": None}
    assert items == [2.0, None]


def test_complex_convention():
    (got,) = gradient(lambda z: abs(z) ** 2, 1 + 2j)
    assert got == pytest.approx(2 + 4j)
    assert gradient(lambda z: z.real * 3.0, 1 + 2j) == (3 + 0j,)


def test_real_arguments_of_complex_code_get_real_gradients():
    (got,) = gradient(lambda x: abs(complex(x, 2.0 * x)) ** 2, 1.5)
    assert isinstance(got, float)
    assert got == pytest.approx(15.0)


def test_mutated_argument_is_differentiated_at_entry_and_changed_once():
    def f(x):
        x[0] = x[0] * x[1]
        return x[0] * x[0]

    x = np.array([2.0, 3.0])
    (got,) = gradient(f, x)
    assert_array_equal(got, [36.0, 24.0])
    assert_array_equal(x, [6.0, 3.0])


def test_back_may_be_called_again_after_inputs_change():
    x = np.array([2.0, 3.0])
    y, back = pullback(lambda x: x[0] * x[1] * x[1], x)
    first = back(1.0)[0]
    x[:] = 100.0
    assert_array_equal(back(1.0)[0], first)
    assert_array_equal(back(2.0)[0], 2.0 * first)
    assert_array_equal(first, [9.0, 12.0])


def test_pullback_of_a_mutating_function():
    def f(x):
        for i in range(len(x)):
            x[i] = x[i] ** 2
        return x[0] * x[1]

    x = np.array([2.0, 3.0])
    y, back = pullback(f, x)
    assert y == 36.0
    assert_array_equal(x, [4.0, 9.0])
    assert_array_equal(back(1.0)[0], [36.0, 24.0])
    assert_array_equal(back(1.0)[0], [36.0, 24.0])
    assert_array_equal(x, [4.0, 9.0])


def test_exceptions_pass_through_with_the_users_line():
    def f(x):
        if x > 1.0:
            raise ValueError("x is too large")
        return x * x

    assert gradient(f, 0.5) == (1.0,)
    with pytest.raises(ValueError, match="x is too large"):
        gradient(f, 2.0)
    with pytest.raises(ZeroDivisionError):
        gradient(lambda x: 1.0 / x, 0.0)


def test_assertion_of_the_user_passes_through():
    def f(x):
        assert x > 0.0, "positive"
        return math.log(x)

    assert gradient(f, 2.0) == (0.5,)
    with pytest.raises(AssertionError, match="positive"):
        gradient(f, -1.0)


def scaled(x):
    return SCALE * x * x


def table_sum(x):
    return x * TABLE[0] + TABLE[2]


def test_globals_are_read_at_call_time(monkeypatch):
    assert gradient(scaled, 3.0) == (12.0,)
    monkeypatch.setitem(globals(), "SCALE", 5.0)
    assert gradient(scaled, 3.0) == (30.0,)
    monkeypatch.setitem(globals(), "SCALE", 4)
    assert gradient(scaled, 3.0) == (24.0,)
    assert gradient(table_sum, 3.0) == (1.0,)
    TABLE[0] = 7.0
    assert gradient(table_sum, 3.0) == (7.0,)
    TABLE[0] = 1.0
    monkeypatch.setitem(globals(), "TABLE", np.array([9.0, 0.0, 0.0]))
    assert gradient(table_sum, 3.0) == (9.0,)


def test_closure_cells_are_read_at_call_time():
    c = 2.0

    def f(x):
        return c * x

    assert gradient(f, 1.0) == (2.0,)
    c = 3.0
    assert gradient(f, 1.0) == (3.0,)


def helper(x):
    return x * x


def calls_helper(x):
    return helper(x) + 1.0


def test_redefinition_of_a_callee_is_noticed(monkeypatch):
    assert gradient(calls_helper, 3.0) == (6.0,)
    monkeypatch.setitem(globals(), "helper", lambda x: x * x * x)
    assert gradient(calls_helper, 3.0) == (27.0,)


def test_redefinition_of_the_function_itself():
    def make(k):
        if k == 0:
            return lambda x: x * x
        return lambda x: x * x * x

    assert gradient(make(0), 3.0) == (6.0,)
    assert gradient(make(1), 3.0) == (27.0,)
    assert gradient(make(0), 3.0) == (6.0,)


def test_dispatchers_and_their_callees():
    @numba.njit
    def inner(x):
        return x * x

    @numba.njit(fastmath=True)
    def f(x):
        return inner(x) * 3.0

    assert gradient(f, 2.0) == (12.0,)


def test_different_argument_types_of_one_function():
    f = lambda x: x * x * 3
    assert gradient(f, 2) == (12.0,)
    assert gradient(f, 2.0) == (12.0,)
    assert gradient(f, np.float32(2.0)) == (12.0,)


def test_random_draws_happen_once():
    def f(x):
        s = 0.0
        for i in range(3):
            s += x * np.random.random()
        return s

    x = 2.0
    val, (got,) = withgradient(f, x)
    assert val == pytest.approx(got * x)


def test_empty_arrays():
    (got,) = gradient(lambda x: np.sum(x * x) + 1.0, np.zeros(0))
    assert got.shape == (0,)


def test_jvp_with_none_and_containers():
    y, y_dot = jvp(lambda t, c: t[0] * t[1] * c, ((2.0, 3.0), 5.0), ((1.0, None), None))
    assert (y, y_dot) == (30.0, 15.0)


def test_jvp_of_arrays():
    x = np.array([1.0, 2.0])
    y, y_dot = jvp(lambda x: x * x, (x,), (np.array([1.0, 10.0]),))
    assert_array_equal(y, [1.0, 4.0])
    assert_array_equal(y_dot, [2.0, 40.0])


def test_gradient_of_gradient():
    first = lambda x: gradient(lambda x: x**3, x)[0]
    assert gradient(first, 2.0) == (12.0,)
    assert gradient(lambda x: gradient(first, x)[0], 2.0) == (6.0,)


def test_no_perturbation_confusion():
    f = lambda x: x * numbad.derivative(lambda y: x + y, 1.0)
    assert numbad.derivative(f, 1.0) == 1.0
    assert gradient(f, 1.0) == (1.0,)
    g = lambda x: x * gradient(lambda y: x * y, 2.0)[0]
    assert gradient(g, 3.0) == (6.0,)
    assert numbad.derivative(g, 3.0) == 6.0


def test_recursive_calls_of_the_api_inside_other_code():
    def newton(x):
        for _ in range(4):
            x = x - (x * x - 2.0) / gradient(lambda t: t * t - 2.0, x)[0]
        return x

    assert newton(1.0) == pytest.approx(math.sqrt(2.0))


def test_repeated_calls_with_containers_notice_every_change():
    f = lambda d: d["a"] * d["b"][0] * len(d["s"])
    reusable = numbad.grad(f)
    for differentiate in (lambda d: gradient(f, d)[0], reusable):
        for _ in range(4):
            got = differentiate({"a": 2.0, "b": [3.0, 1.0], "s": "xy"})
            assert got == {"a": 6.0, "b": [4.0, None], "s": None}
        assert differentiate({"a": 2.0, "b": [3.0, 1.0], "s": "xyz"})["a"] == 9.0
        assert list(differentiate({"b": [3.0], "a": 2.0, "s": "x"})) == ["b", "a", "s"]
        assert differentiate({"a": 2, "b": [3.0], "s": "x"})["b"] == [2.0]


def test_repeated_calls_with_objects_notice_every_change():
    class Box:
        def __init__(self, **fields):
            self.__dict__.update(fields)

    f = lambda m: m.x * m.y if m.flag is None else m.x
    for _ in range(3):
        assert gradient(f, Box(x=2.0, y=3.0, flag=None))[0] == (3.0, 2.0, None)
        assert gradient(f, Box(x=2.0, y=3.0, flag="a"))[0] == (1.0, None, None)
        assert gradient(f, Box(y=3.0, x=2.0, flag=None))[0]._fields == ("y", "x", "flag")


def test_repeated_calls_read_globals_anew(monkeypatch):
    for scale in (2.0, 5.0, 7.0, 3):
        monkeypatch.setitem(globals(), "SCALE", scale)
        for _ in range(3):
            assert gradient(scaled, 3.0) == (6.0 * scale,)


@pytest.mark.parametrize("engine", ["compiled", "traced"])
def test_numbers_of_single_precision(engine):
    f = lambda x, y: abs(x) ** 2 * y
    for x in (np.float32(3.0), np.complex64(3.0 + 4.0j)):
        for _ in range(3):
            x_bar, y_bar = gradient(f, x, 2.0, engine=engine)
            assert type(x_bar) is type(x)
            assert type(y_bar) is float
            assert_allclose(x_bar, 4.0 * x, rtol=1e-6)
        assert type(numbad.grad(f, engine=engine)(x, 2.0)) is type(x)
        assert type(pullback(f, x, 2.0, engine=engine)[1](1.0)[0]) is type(x)
