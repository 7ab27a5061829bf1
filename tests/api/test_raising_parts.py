"""Functions that always raise, where a part of the program is differentiated by itself."""

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
