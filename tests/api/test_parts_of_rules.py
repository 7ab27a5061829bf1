"""Rules whose parts raise, or give cotangents of containers; functions of verbs that raise."""

import numpy as np
import pytest

import numbad
from numbad import adjoint, checkpointed, derivative, gradient, hessian, hook, pullback


def doubled(x):
    return 2.0 * x


@adjoint(doubled)
def _(x):
    def back(y_bar):
        raise KeyError("no derivative")

    return 2.0 * x, back


def failing(x):
    raise ZeroDivisionError("never")


@pytest.fixture(params=["compiled", "traced"], autouse=True)
def engine(request):
    with numbad.config.override(engine=request.param):
        yield request.param


def test_backward_part_of_a_rule():
    y, back = pullback(lambda x: doubled(x + 1.0), 2.0)
    assert y == 6.0
    with pytest.raises(KeyError, match="no derivative"):
        back(1.0)
    with pytest.raises(KeyError, match="no derivative"):
        gradient(lambda x: np.sum(doubled(x)), np.ones(2))


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x * gradient(failing, x)[0],
        lambda x: x * derivative(failing, x),
        lambda x: x * hessian(failing, x),
        lambda x: x * checkpointed(failing, x),
        lambda x: x * hook(failing, x),
    ],
    ids=["gradient", "derivative", "hessian", "checkpointed", "hook"],
)
def test_functions_of_verbs(f):
    with pytest.raises(ZeroDivisionError, match="never"):
        gradient(f, 2.0)


def test_on_one_path():
    f = lambda x: x * x if x > 1.0 else x * derivative(failing, x)
    assert gradient(f, 3.0) == (6.0,)
    with pytest.raises(ZeroDivisionError):
        gradient(f, 0.5)


def test_cotangents_of_dicts_may_leave_keys_out():
    _, back = pullback(lambda x: {"a": x, "b": x**2}, 3.0)
    assert back({"b": 1.0}) == (6.0,)
    assert back({"a": 1.0, "b": None}) == (1.0,)
    with pytest.raises(ValueError, match="the key 'c'"):
        back({"c": 1.0})


class Square:
    def __init__(self, side, name):
        self.side, self.name = side, name

    def area(self):
        return self.side**2


@adjoint(Square.area)
def _(self):
    return self.side**2, lambda y_bar: ((100.0 * y_bar, None),)


class Circle:
    def __init__(self, radius):
        self.radius = radius

    def area(self):
        return 3.0 * self.radius**2


@adjoint(Circle.area)
def _(self):
    return 3.0 * self.radius**2, lambda y_bar: ({"radius": 10.0 * y_bar},)


def test_cotangents_of_objects_as_tuples_and_dicts():
    assert gradient(lambda s: s.area(), Square(3.0, "s"))[0].side == 100.0
    assert gradient(lambda c: c.area(), Circle(3.0))[0].radius == 10.0


def scaled(x, k=10.0):
    return x * k


@adjoint(scaled)
def _(x, k=10.0):
    return x * k, lambda y_bar: (y_bar * k,)


def test_a_rule_need_not_answer_for_constants_at_the_end():
    assert gradient(lambda x: scaled(x), 2.0) == (10.0,)
    assert gradient(lambda x: scaled(x, k=3.0), 2.0) == (3.0,)
    assert gradient(lambda x: scaled(x, 3.0), 2.0) == (3.0,)
    with pytest.raises(numbad.DifferentiationError):
        gradient(lambda x: scaled(x, x), 2.0)


def test_derivatives_that_are_zero_are_checked():
    with pytest.raises(AssertionError, match="forward mode"):
        numbad.check_grads(lambda x: np.sum(numbad.dropgrad(x)), (np.array([1.0, 2.0]),))
    numbad.check_grads(lambda x: np.sum(np.floor(x)), (np.array([1.3, 2.6]),))


def test_no_cotangent_at_all():
    w = np.ones(2)
    _, back = pullback(lambda x, d: x * d["a"], 2.0, {"a": 3.0})
    assert back(None) == (None, {"a": None})
    _, back = pullback(lambda: np.sum(w), numbad.Params([w]))
    assert back(None)[w] is None
