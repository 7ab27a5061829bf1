"""The choice of engine, nesting, effects, rules of the user and marks, by the traced engine."""

import contextlib
import itertools
import logging
import math
import operator
import random
import struct
import sys
import time
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import numbad
from numbad import Params, engines, gradient, jvp, pullback
from numbad.config import config
from numbad.errors import (
    AliasingError,
    NonScalarOutput,
    NoRule,
    SourceUnavailable,
    TracedFallbackWarning,
    UnsupportedSyntax,
)

traced = pytest.fixture(lambda: setattr(config, "engine", "traced"))
auto = pytest.fixture(lambda: setattr(config, "engine", "auto"))

CALLS = []


def guarded(x):
    CALLS.append(1)
    with contextlib.nullcontext(x) as y:
        return y * math.sqrt(y)


# --- which engine -----------------------------------------------------------------------------


@pytest.mark.usefixtures("auto")
class TestFallBack:
    def test_one_warning_per_function_with_line_and_reason(self):
        engines.forget()
        CALLS.clear()
        with pytest.warns(TracedFallbackWarning, match="with") as caught:
            assert gradient(guarded, 4.0) == (3.0,)
        assert len(caught) == 1
        assert caught[0].filename == __file__
        assert "test_engine.py" in str(caught[0].message)
        assert CALLS == [1]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert gradient(guarded, 9.0) == (4.5,)
            assert pullback(guarded, 9.0)[1](2.0) == (9.0,)

    def test_compiled_functions_give_no_warning(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert gradient(lambda x: x * x, 3.0) == (6.0,)

    def test_other_verbs_fall_back(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TracedFallbackWarning)
            assert numbad.derivative(guarded, 4.0) == 3.0
            assert numbad.hessian(guarded, 4.0) == pytest.approx(0.375)
            assert numbad.hvp(guarded, 4.0, 2.0) == pytest.approx(0.75)
            assert numbad.diaghessian(guarded, 4.0) == pytest.approx((0.375,))
            assert numbad.jacobian(guarded, 4.0)[0] == pytest.approx([3.0])
            assert numbad.value_and_grad(guarded)(4.0) == (8.0, 3.0)
            numbad.check_grads(guarded, (4.0,), order=2)

    @pytest.mark.parametrize(
        ("f", "error"),
        [
            (lambda x: len(struct.pack("d", x)) * x, NoRule),
            (lambda x: np.ones(3) * x, NonScalarOutput),
        ],
    )
    def test_errors_that_stay_errors(self, f, error):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(error):
                gradient(f, 1.5)


def test_compiled_means_compiled():
    with pytest.raises(UnsupportedSyntax):
        gradient(guarded, 4.0, engine="compiled")
    with pytest.raises(SourceUnavailable):
        gradient(eval("lambda x: x * x"), 4.0, engine="compiled")


def test_unknown_engine():
    with pytest.raises(ValueError, match="steam"):
        gradient(lambda x: x, 1.0, engine="steam")


# --- nesting ----------------------------------------------------------------------------------


def reverse(f, x):
    return gradient(f, x)[0]


def forward(f, x):
    return numbad.derivative(f, x)


MODES = [reverse, forward]


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("modes", list(itertools.product(MODES, repeat=3)))
def test_third_derivatives(modes):
    one, two, three = modes

    def f(x):
        return math.sin(x) * x**2

    found = three(lambda x: two(lambda x: one(f, x), x), 0.7)
    x = 0.7
    wanted = -(x**2) * math.cos(x) - 6 * x * math.sin(x) + 6 * math.cos(x)
    assert found == pytest.approx(wanted, rel=1e-12)


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("modes", list(itertools.product(MODES, repeat=2)))
def test_no_perturbation_confusion(modes):
    outer, inner = modes
    assert outer(lambda x: x * inner(lambda y: x + y, 1.0), 1.0) == 1.0
    assert outer(lambda x: x * inner(lambda y: x * y, 2.0), 3.0) == 6.0
    assert outer(lambda x: inner(lambda y: x * y * y, x), 3.0) == 12.0
    assert outer(lambda x: inner(lambda _: x, 1.0) or 0.0, 3.0) in (0.0, None)


@pytest.mark.usefixtures("traced")
def test_gradients_of_arrays_inside_gradients():
    x = np.array([0.5, -1.0, 2.0])

    def penalty(x):
        (g,) = gradient(lambda x: np.sum(np.sin(x) * x), x)
        return np.sum(g**2)

    def plain(x):
        return np.sum((np.sin(x) + x * np.cos(x)) ** 2)

    h = 1e-6
    wanted = [(plain(x + h * e) - plain(x - h * e)) / (2 * h) for e in np.eye(3)]
    assert_allclose(gradient(penalty, x)[0], wanted, rtol=1e-8)
    for e, w in zip(np.eye(3), wanted, strict=True):
        assert jvp(penalty, (x,), (e,))[1] == pytest.approx(w, rel=1e-8)


@pytest.mark.usefixtures("traced")
def test_work_arrays_in_higher_order():
    def f(x):
        work = np.zeros(4)
        for i in range(3):
            work[i + 1] = work[i] * x[i] + x[i] ** 2
            work[i] += x[0]
        return work[3] * work[1]

    x = np.array([0.5, 1.5, -0.7])
    hessian = numbad.hessian(f, x)
    assert_allclose(hessian, numbad.hessian(f, x, engine="compiled"), rtol=1e-12)
    for i, e in enumerate(np.eye(3)):
        pushed = jvp(lambda x: gradient(f, x)[0], (x,), (e,))[1]
        assert_allclose(pushed, hessian[i], rtol=1e-12)


@pytest.mark.usefixtures("traced")
def test_pullbacks_that_are_differentiated():
    def f(x, s):
        _, back = pullback(lambda y: y**3 * x, 2.0)
        return back(s)[0]

    assert gradient(f, 3.0, 5.0) == (60.0, 36.0)


# --- effects ----------------------------------------------------------------------------------


@pytest.mark.usefixtures("traced")
class TestEffects:
    def test_arguments_are_changed_once_and_differentiated_at_entry(self):
        def f(x):
            x *= x
            x[0] = 5.0
            return np.sum(x)

        x = np.array([3.0, 4.0])
        assert_array_equal(gradient(f, x)[0], [0.0, 8.0])
        assert_array_equal(x, [5.0, 16.0])

    def test_results_are_the_callers_objects(self):
        x = np.array([3.0, 4.0])
        y, _ = pullback(lambda x: x, x)
        assert y is x

    def test_later_changes_do_not_reach_the_pullback(self):
        x = np.array([3.0, 4.0])
        _, back = pullback(lambda x: x * x, x)
        x[:] = 0.0
        assert_array_equal(back(np.ones(2))[0], [6.0, 8.0])
        assert_array_equal(back(np.ones(2))[0], [6.0, 8.0])

    def test_one_array_as_argument_and_global(self):
        x = np.array([3.0, 4.0])
        assert_array_equal(gradient(lambda a: np.sum(a * x), x)[0], x)
        a, b = gradient(lambda a, b: np.sum(a * b**2), x, x)
        assert_array_equal(a, x**2)
        assert_array_equal(b, 2 * x**2)

    def test_argument_written_and_read_by_another_name_is_refused(self):
        x = np.array([3.0, 4.0])

        def f(a):
            a[0] = 2.0
            return np.sum(a * x)

        with pytest.raises(AliasingError):
            gradient(f, x)

    def test_prints_once(self, capsys):
        gradient(lambda x: (print("x =", x, f"{x:.1f}"), x * x)[1], 2.0)
        assert capsys.readouterr().out == "x = 2.0 2.0\n"

    def test_exceptions_pass_through(self):
        def f(x):
            raise KeyError(x)

        with pytest.raises(KeyError, match=r"2\.0"):
            gradient(f, 2.0)

    def test_nothing_traced_stays_behind(self):
        class Model:
            kept = None

        model, log, table = Model(), [], {}

        def f(x, v):
            model.kept = x * 2.0
            log.append(v)
            table["a"] = {"b": [x, v]}
            return x * np.sum(v)

        v = np.ones(2)
        gradient(f, 3.0, v)
        assert (type(model.kept), model.kept) == (float, 6.0)
        assert log[0] is v
        assert type(table["a"]["b"][0]) is float
        assert table["a"]["b"][1] is v

    def test_generators_and_recursion_through_closures(self):
        def powers(x):
            term = 1.0
            while True:
                yield term
                term = term * x

        assert gradient(lambda x: sum(itertools.islice(powers(x), 4)), 2.0) == (17.0,)

        def f(x):
            def fact(n):
                return 1.0 if n == 0 else x * n * fact(n - 1)

            return fact(3)

        assert gradient(f, 2.0) == (72.0,)


# --- implicit parameters, rules, marks --------------------------------------------------------


@pytest.mark.usefixtures("traced")
def test_implicit_parameters():
    w, b, other = np.ones((2, 3)), np.zeros(2), np.ones(3)
    model = {"layers": [(w, b)]}

    def loss(x=other):
        total = 0.0
        for weight, bias in model["layers"]:
            total += np.sum((weight @ x + bias) ** 2)
        return total

    gs = gradient(loss, Params([w, b]))
    assert_array_equal(gs[w], np.full((2, 3), 6.0))
    assert_array_equal(gs[b], [6.0, 6.0])
    assert other not in gs
    numbers = [3.0, 0.5]
    found = gradient(lambda: numbers[0] * numbers[1] ** 2, Params([numbers]))
    assert found[numbers] == [0.25, 3.0]
    assert numbers == [3.0, 0.5]
    y, back = pullback(lambda: w @ other, Params([w]))
    assert_array_equal(back(np.array([1.0, 2.0]))[w], [[1, 1, 1], [2, 2, 2]])
    assert_array_equal(y, [3.0, 3.0])


def halved(x):
    return x * x


@numbad.adjoint(halved)
def _(x):
    return x * x, lambda y_bar: y_bar * x


@pytest.mark.usefixtures("traced")
def test_rules_of_the_user():
    assert gradient(lambda x: halved(x) * 1.0, 3.0) == (3.0,)
    assert numbad.derivative(halved, 3.0) == 3.0
    assert gradient(lambda x: gradient(halved, x)[0], 3.0) == (1.0,)
    x = np.array([1.0, 2.0])
    assert_array_equal(gradient(lambda x: np.sum(halved(x)), x)[0], x)


@pytest.mark.usefixtures("traced")
def test_hooks(capsys):
    seen = []
    assert gradient(lambda a, b: numbad.hook(operator.neg, a) * b, 2, 3) == (-3.0, 2.0)
    assert gradient(lambda a, b: numbad.hook(seen.append, a) * b, 2, 3) == (None, 2.0)
    assert seen == [3.0]
    assert gradient(lambda a, b: numbad.showgrad(a) * b, 2, 3) == (3.0, 2.0)
    assert gradient(lambda a: numbad.showgrad(a) * a, 2) == (4.0,)

    def f(a, b):
        numbad.showgrad(a)
        return a * b

    assert gradient(f, 2, 3) == (3.0, 2.0)
    assert capsys.readouterr().out == "∂(a) = 3.0\n∂(a) = 2.0\n∂(a) = None\n"


@pytest.mark.usefixtures("traced")
def test_other_marks():
    assert gradient(lambda a, b: numbad.forwarddiff(lambda a: a * b, a), 2, 3) == (3.0, None)

    def f(a, b):
        return numbad.forwarddiff(lambda ab: ab[0] * ab[1], [a, b])

    assert gradient(f, 2, 3) == (3.0, 2.0)
    assert jvp(f, (2.0, 3.0), (1.0, 10.0)) == (6.0, 23.0)
    assert gradient(lambda x: numbad.checkpointed(lambda y: y**3, x), 2.0) == (12.0,)
    assert gradient(lambda x: x * numbad.nestlevel() if numbad.isderiving() else x, 2.0) == (1.0,)

    def vstack(xs):
        buf = numbad.Buffer(xs, len(xs), 5)
        for i in range(5):
            buf[:, i] = xs
        return buf.copy()

    found = gradient(lambda x: np.sum(vstack(x)), np.array([1, 2, 3]))[0]
    assert_array_equal(found, [5.0, 5.0, 5.0])


_LOG = logging.getLogger("numbad.tests")
_GENERATOR = random.Random(1)


def logged(x):
    _LOG.warning("x = %s", x)
    return x * x


def timed(x):
    start = time.perf_counter()
    y = x * x
    return y if time.perf_counter() >= start else x


def drawn(x):
    return x * _GENERATOR.random()


def joined(x):
    return x * len(",".join(["a", "b"]))


def written(x):
    sys.stderr.write("x")
    return 3 * x


@pytest.mark.parametrize(
    ("f", "expected"), [(logged, 3.0), (timed, 3.0), (joined, 3.0), (written, 3.0)]
)
def test_functions_without_rule_that_do_not_matter(f, expected):
    numbad.refresh()
    with pytest.warns(TracedFallbackWarning):
        found = gradient(f, 1.5, engine="auto")
    assert found == (expected,)


@pytest.mark.filterwarnings("ignore::numbad.errors.TracedFallbackWarning")
def test_draws_of_a_generator_happen_once(caplog):
    _GENERATOR.seed(7)
    (found,) = gradient(drawn, 2.0, engine="auto")
    following = _GENERATOR.random()
    _GENERATOR.seed(7)
    assert (found, following) == (_GENERATOR.random(), _GENERATOR.random())
    gradient(logged, 1.5, engine="auto")
    assert [record.getMessage() for record in caplog.records] == ["x = 1.5"]


def test_functions_without_rule_that_matter():
    with pytest.raises(NoRule, match="pack"):
        gradient(lambda x: len(struct.pack("d", x)) * x, 1.5, engine="auto")
