"""Exceptions of the differentiated function reach the caller as Python would have made them."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest

import numbad
from numbad import gradient, withgradient
from tests.oracles import ridders

ENGINES = ("compiled", "traced")


def conditional(x):
    if x > 0:
        y = 3 * x
    return y * 2


def in_loop(x, n):
    for i in range(n):
        y = x * i
    return y


def deleted(x):
    y = x
    if x < 2:
        del y
    return y


def deleted_parameter(x):
    if x < 2:
        del x
    return x


def augmented(x):
    if x > 5:
        y = x
    y += x
    return y


def in_expression(x):
    if x > 5:
        y = x
    return x if x > 5 else sum(y * k for k in range(3))


def with_while(x):
    while x > 5:
        y = x
        x = x - 1
    return y


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("f", "bad", "good"),
    [
        (conditional, (-1.0,), (1.5,)),
        (in_loop, (1.5, 0), (1.5, 3)),
        (deleted, (1.5,), (2.5,)),
        (deleted_parameter, (1.5,), (2.5,)),
        (augmented, (1.5,), (5.5,)),
        (in_expression, (1.5,), (5.5,)),
        (with_while, (1.5,), (5.5,)),
    ],
)
def test_names_that_are_not_bound(f, bad, good, engine):
    with pytest.raises(NameError) as expected:
        f(*bad)
    with pytest.raises(NameError) as found:
        gradient(f, *bad, engine=engine)
    assert repr(found.value) == repr(expected.value)
    slope = ridders(lambda h: f(good[0] + h, *good[1:]))[0]
    assert gradient(f, *good, engine=engine)[0] == pytest.approx(slope)


def test_unbound_names_can_be_caught():
    def f(x):
        if x > 0:
            y = 3 * x
        try:
            y  # noqa: B018
        except NameError:
            return 42 * x
        return y * 2

    for engine in ENGINES:
        assert gradient(f, 2.0, engine=engine) == (6.0,)
        assert gradient(f, -1.0, engine=engine) == (42.0,)


def test_companions_of_names_cost_nothing_where_all_paths_bind():
    def f(x, n):
        for k in range(n):
            y = x * k
            if y > 3:
                z = y
            else:
                z = x
            x = x + z
        return x

    assert "bound" not in numbad.code_primal(f, 1.0, 2)


def formatted(x):
    raise ValueError(f"bad {x} {x:.2f} {x!r}")


def percent(x):
    raise ValueError("bad %s of %d" % (x, 3))  # noqa: UP031


def by_format(x):
    raise KeyError("bad {:.1f} {name}".format(x, name=2 * x))  # noqa: UP032


def joined(x):
    raise RuntimeError("bad " + str(x))


def shapes(x):
    a = np.ones((2, 3))
    raise ValueError(f"{a.shape} {len(a)}", x)


def list_index(x):
    return [x, x][int(x) + 3]


def tuple_index(x):
    return (x, x)[int(x) + 4]


class Custom(Exception):
    def __init__(self, text, number):
        super().__init__(text)
        self.number = number


def custom(x):
    raise Custom("text", x)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "f",
    [formatted, percent, by_format, joined, shapes, list_index, tuple_index, custom],
)
def test_arguments_of_exceptions(f, engine):
    with pytest.raises(Exception) as expected:  # noqa: PT011 - the class is compared below
        f(1.5)
    with pytest.raises(type(expected.value)) as found:
        gradient(f, 1.5, engine=engine)
    assert found.value.args == expected.value.args
    assert vars(found.value).get("number") == vars(expected.value).get("number")
    lines = {line for *_, line in f.__code__.co_lines()}
    own = [entry for entry in found.traceback if entry.path.name == "test_raised.py"]
    assert any(entry.lineno + 1 in lines for entry in own)


def sometimes(x):
    if x < 0:
        raise ValueError(f"bad {x}")
    return x * x


@pytest.mark.parametrize(
    "verb",
    [numbad.grad(sometimes), numbad.value_and_grad(sometimes), lambda x: gradient(sometimes, x)],
)
def test_repeated_calls_raise_the_same(verb):
    for _ in range(4):
        verb(2.0)
    with pytest.raises(ValueError, match=r"^bad -2\.0$") as found:
        verb(-2.0)
    assert found.traceback[-1].path.name == "test_raised.py"


def test_a_handler_of_several_exceptions():
    def f(x):
        try:
            if x > 2:
                raise ValueError("a")
            raise KeyError("b")
        except (ValueError, KeyError) as error:
            if isinstance(error, KeyError):
                return x * 3
            return x * 2

    for engine in ENGINES:
        assert gradient(f, 3.0, engine=engine) == (2.0,)
        assert gradient(f, 1.0, engine=engine) == (3.0,)


def test_arguments_that_a_handler_looks_at():
    def f(x):
        try:
            raise ValueError("q", 2 * x)
        except ValueError as error:
            return error.args[1] * x

    assert gradient(f, 3.0, engine="traced") == (12.0,)
    with pytest.raises(numbad.DifferentiationError):
        gradient(f, 3.0, engine="compiled")


@pytest.mark.parametrize("engine", ENGINES)
def test_positions_outside_an_array(engine):
    def read(x):
        return x[3] * x[0]

    def write(x):
        work = np.zeros(2)
        work[-3] = x[0]
        return work[0]

    for f in (read, write):
        with pytest.raises(IndexError):
            gradient(f, np.ones(3), engine=engine)
    assert np.array_equal(gradient(read, np.ones(4), engine=engine)[0], [1.0, 0.0, 0.0, 1.0])


class Cell:
    level = 2.0

    def __init__(self, x):
        self.x = x

    @functools.cached_property
    def sine(self):
        return math.sin(self.x)


def class_default(x):
    cell = Cell(x)
    if x > 1:
        cell.level = x * x
    return cell.level * x


def by_hasattr(x):
    cell = Cell(x)
    if x > 1:
        cell.extra = x
    return 3 * x if hasattr(cell, "extra") else 5 * x


def by_default(x):
    cell = Cell(x)
    if x > 1:
        cell.extra = x
    return getattr(cell, "extra", 7 * x) * len(vars(cell))


def cached_once(x):
    cell = Cell(x)
    first = cell.sine
    cell.x = 2 * x
    return first * cell.sine


def cached_on_a_path(x):
    cell = Cell(x)
    total = cell.sine if x > 1 else 0.0
    cell.x = 2 * x
    return total + cell.sine


@pytest.mark.filterwarnings("ignore::numbad.errors.TracedFallbackWarning")
@pytest.mark.parametrize("engine", ["auto", "traced"])
@pytest.mark.parametrize(
    "f", [class_default, by_hasattr, by_default, cached_once, cached_on_a_path]
)
def test_attributes_that_are_set_on_some_paths(f, engine):
    for x in (1.3, 0.3):
        value, (slope,) = withgradient(f, x, engine=engine)
        assert value == pytest.approx(f(x))
        assert slope == pytest.approx(ridders(lambda h, x=x: f(x + h))[0])


@pytest.mark.parametrize("f", [class_default, by_hasattr, by_default, cached_on_a_path])
def test_attributes_that_are_set_on_some_paths_are_not_compiled(f):
    with pytest.raises(numbad.DifferentiationError, match="some paths only"):
        gradient(f, 1.3, engine="compiled")
    assert gradient(cached_once, 1.3, engine="compiled")[0] == pytest.approx(math.sin(2.6))


@pytest.mark.parametrize("engine", ENGINES)
def test_rounding_of_integers(engine):
    assert gradient(round, 1, engine=engine) == (0.0,)
    assert withgradient(lambda n: round(n, -2) + n, 1234, engine=engine) == (2434, (1.0,))
    assert gradient(lambda n: math.floor(n) + round(n, 2), 7, engine=engine) == (0.0,)
