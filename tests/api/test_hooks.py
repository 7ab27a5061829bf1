"""Hooks and questions about derivation, in compiled code."""

import functools
import operator

import numba
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import numbad
from numbad import gradient, hook, isderiving, jvp, nestlevel, pullback, showgrad

# The compiled engine runs all of this.
gradient = functools.partial(gradient, engine="compiled")
SEEN = []


@pytest.fixture(autouse=True)
def _forget():
    SEEN.clear()


def record(g):
    SEEN.append(g)
    return g


def doubled(g):
    SEEN.append(g)
    return 2.0 * g


def print_it(g):
    print("sees", g)
    return g


def raises(g):
    raise RuntimeError("from the hook")


ten_times = numba.njit(lambda g: 10.0 * g)


def test_showgrad_in_front_of_a_factor(capsys):
    assert gradient(lambda a, b: showgrad(a) * b, 2, 3) == (3.0, 2.0)
    assert capsys.readouterr().out == "∂(a) = 3.0\n"


def test_showgrad_of_one_use_of_two(capsys):
    assert gradient(lambda a: showgrad(a) * a, 2) == (4.0,)
    assert capsys.readouterr().out == "∂(a) = 2.0\n"


def test_showgrad_of_a_value_that_is_not_used(capsys):
    def f(a, b):
        showgrad(a)
        return a * b

    assert gradient(f, 2, 3) == (3.0, 2.0)
    assert capsys.readouterr().out == "∂(a) = None\n"


def test_showgrad_names_and_structures(capsys):
    x = np.array([1.0, 2.0])
    gradient(lambda x: np.sum(showgrad(2.0 * x) ** 2), x)
    gradient(lambda x: np.sum(showgrad(x, name="speed")), x)
    gradient(lambda t: 3.0 * showgrad(x=t)[0], (2.0, 3.0))
    shown = capsys.readouterr().out.splitlines()
    assert shown == ["∂(2.0 * x) = [4. 8.]", "∂(speed) = [1. 1.]", "∂(t) = (3.0, 0.0)"]


def test_python_function_is_called_back(capsys):
    assert gradient(lambda a, b: hook(print_it, a) * b, 2, 3) == (3.0, 2.0)
    assert capsys.readouterr().out == "sees 3.0\n"


@pytest.mark.parametrize(
    ("g", "expected"),
    [
        (operator.neg, (-3.0, 2.0)),
        (ten_times, (30.0, 2.0)),
        (doubled, (6.0, 2.0)),
        (functools.partial(operator.mul, 3.0), (9.0, 2.0)),
    ],
    ids=["builtin", "jitted", "python", "partial"],
)
def test_hook_replaces_the_cotangent(g, expected):
    assert gradient(lambda a, b: hook(g, a) * b, 2, 3) == expected


def test_hook_that_gives_none_drops_the_gradient():
    def silent(g):
        SEEN.append(g)

    assert gradient(lambda a, b: hook(lambda g: None, a) * b, 2, 3) == (None, 2.0)
    assert gradient(lambda a, b: hook(silent, a) * b, 2, 3) == (None, 2.0)
    assert gradient(lambda a, b: hook(SEEN.append, a) * b + a, 2, 3) == (1.0, 2.0)
    assert SEEN == [3.0, 3.0]


def test_hook_may_read_what_is_around_it():
    assert gradient(lambda a, b: hook(lambda g: g * b, a) * b, 2.0, 3.0) == (9.0, 2.0)


def test_hooks_run_once_each_in_reverse_order():
    def f(a):
        s = 0.0
        for i in range(4):
            a = hook(record, a * (i + 1))
            s += a
        return s

    assert gradient(f, 2.0) == (33.0,)
    assert SEEN == [1.0, 5.0, 16.0, 33.0]
    SEEN.clear()
    assert numbad.grad(f)(2.0) == 33.0
    assert SEEN == [1.0, 5.0, 16.0, 33.0]


def test_hooks_in_independent_iterations_run_in_reverse_order():
    def f(x):
        s = 0.0
        for i in range(x.size):
            s += hook(record, x[i]) ** 2
        return s

    assert_array_equal(gradient(f, np.array([1.0, 2.0, 3.0]))[0], [2.0, 4.0, 6.0])
    assert SEEN == [6.0, 4.0, 2.0]


def test_hooks_in_branches_run_where_the_path_went():
    def f(x):
        y = hook(record, x) if x > 0.0 else x
        return y * y

    assert gradient(f, -1.0) == (-2.0,)
    assert SEEN == []
    assert gradient(f, 1.0) == (2.0,)
    assert SEEN == [2.0]


def test_unused_values_in_loops():
    def f(x):
        s = x
        for _ in range(3):
            hook(record, s)
            s = s * x
        return x * x

    assert gradient(f, 2.0) == (4.0,)
    assert SEEN == [None, None, None]


def test_arrays_and_containers():
    x = np.array([1.0, 2.0])
    assert_array_equal(gradient(lambda x: np.sum(hook(doubled, x) ** 2), x)[0], [4.0, 8.0])
    assert_array_equal(SEEN[0], [2.0, 4.0])

    def product(d):
        u = hook(record, d)
        return u["a"] * u["b"]

    got = gradient(product, {"a": 2.0, "b": 3.0})
    assert got == ({"a": 3.0, "b": 2.0},)
    assert SEEN[1] == {"a": 3.0, "b": 2.0}
    with pytest.raises(ValueError, match="shape"):
        gradient(lambda x: np.sum(hook(lambda g: g, hook(wrong_shape, x)) ** 2), x)


def wrong_shape(g):
    return g[:1]


def test_pullback_calls_hooks_at_each_pull():
    y, back = pullback(lambda a: hook(record, a) * a, 2.0)
    assert (y, SEEN) == (4.0, [])
    assert [back(1.0), back(10.0)] == [(4.0,), (40.0,)]
    assert SEEN == [2.0, 20.0]


def test_forward_mode_passes_by():
    assert jvp(lambda x: hook(doubled, x) * x, (3.0,), (1.0,)) == (9.0, 6.0)
    assert SEEN == []


def test_second_derivatives():
    x = np.array([1.0, 2.0])
    assert_allclose(
        numbad.hessian(lambda x: np.sum(hook(operator.neg, x) ** 3), x), np.diag([-6.0, -12.0])
    )
    with pytest.raises(TypeError, match="called back"):
        numbad.hessian(lambda x: np.sum(hook(doubled, x) ** 3), x, engine="compiled")


def test_second_derivatives_show_the_first(capsys):
    x = np.array([1.0, 2.0])
    assert_allclose(numbad.hessian(lambda x: np.sum(showgrad(x) ** 3), x), np.diag([6.0, 12.0]))
    assert capsys.readouterr().out == "∂(x) = [ 3. 12.]\n"


def test_errors_of_hooks_surface():
    with pytest.raises(RuntimeError, match="from the hook"):
        gradient(lambda a: hook(raises, a) * a, 2.0)


def test_methods_as_hooks():
    class Recorder:
        def __init__(self):
            self.found = []

        def see(self, g):
            self.found.append(g)
            return g

    r = Recorder()
    assert gradient(lambda a: hook(r.see, a) * a, 2.0) == (4.0,)
    assert r.found == [2.0]


def test_what_is_kept_from_a_hook_does_not_change_later():
    def f(x):
        y = hook(record, x)
        return np.sum(y * y) + np.sum(x)

    assert_array_equal(gradient(f, np.array([1.0, 2.0]))[0], [3.0, 5.0])
    assert_array_equal(SEEN[0], [2.0, 4.0])


def test_outside_of_derivatives_everything_is_plain(capsys):
    x = np.ones(2)
    assert hook(raises, x) is x
    assert showgrad(x) is x
    assert (isderiving(), nestlevel()) == (False, 0)
    assert capsys.readouterr().out == ""

    @numba.njit
    def compiled(x):
        if isderiving() or nestlevel() > 0:
            return -1.0
        return numbad.dropgrad(showgrad(x)) * numbad.ignore_derivatives(2.0) * hook(ten_times, x)

    assert compiled(3.0) == 18.0
    assert gradient(compiled, 3.0) == (None,)


def test_where_code_runs():
    assert gradient(lambda x: 2.0 * x if isderiving() else x, 1.0) == (2.0,)
    val, _ = numbad.withgradient(
        lambda x: x * nestlevel() + gradient(lambda y: y * nestlevel(), x)[0], 1.0
    )
    assert val == 3.0
