"""Every rule of the registry through the traced engine: every spelling, both modes, two orders.

The oracle is extrapolated central differences of the plain function.
"""

from __future__ import annotations

import cmath
import random
from typing import Any

import numpy as np
import pytest
from numba.core.errors import NumbaError

import numbad.traced.interface  # noqa: F401 - the rules are those of the whole package
from numbad.kernels import scipy_functions
from numbad.kernels.factors import svd_packed
from numbad.rules import registry
from numbad.rules.forms import LinearRule, PairRule, ScalarRule, ZeroDerivative
from numbad.traced import engine
from numbad.traced.interface import call
from tests.oracles import ridders
from tests.rules.checks import sample_complex, sample_real


def spelled(function: Any) -> str:
    return f"{getattr(function, '__module__', '')}.{getattr(function, '__name__', function)}"


def cases(*, is_complex: bool) -> list[Any]:
    found = []
    for rule in registry.rules(is_complex=is_complex):
        if isinstance(rule, ScalarRule | PairRule | LinearRule) and rule.domain:
            if getattr(rule, "impure", False):
                continue
            found += [
                pytest.param(rule, function, id=f"{spelled(function)}-{number}")
                for number, function in enumerate(rule.names)
                if registry.lookup(function, is_complex=is_complex) is rule
                and not (is_complex and getattr(function, "__module__", "") == "math")
                and function not in SINGLE
                and function not in BY_ADDRESS
            ]
    return found


# Conversions to single precision: differences say nothing.
SINGLE = (np.float32, np.complex64)
# Their second derivatives are not all there: test_scipy_functions.py checks them.
BY_ADDRESS = tuple(scipy_functions.FUNCTIONS.values())


def partials(function: Any, args: tuple[Any, ...]) -> list[Any]:
    """Derivative along each argument (the real direction), by differences."""

    def along(i: int, t: float) -> Any:
        moved = [np.float64(x) if type(x) is float else x for x in args]
        moved[i] = moved[i] + t
        with np.errstate(all="ignore"):
            return function(*[x.item() if isinstance(x, np.float64) else x for x in moved])

    return [
        None if isinstance(x, int) else ridders(lambda t, i=i: along(i, t))[0]
        for i, x in enumerate(args)
    ]


def gradient(function: Any, *args: Any) -> tuple[Any, ...]:
    return engine.gradient(function, args, {}, range(len(args)), False)[1]


def close(got: Any, wanted: Any, tolerance: float = 3e-8) -> bool:
    return bool(abs(got - wanted) <= tolerance * (1.0 + abs(wanted)))


@pytest.mark.parametrize(("rule", "function"), cases(is_complex=False))
def test_real_scalars(rule, function):
    source = random.Random(spelled(function))
    for _ in range(3):
        args = sample_real(rule, source)
        found = function(*args)
        if isinstance(found, complex):

            def function_(*xs):
                return abs(call(function, *xs)) ** 2

            wanted = partials(lambda *xs: abs(function(*xs)) ** 2, args)
        else:
            function_, wanted = function, partials(function, args)
        got = gradient(function_, *args)
        for i, (slope, expected) in enumerate(zip(got, wanted, strict=True)):
            if expected is None:
                continue
            assert close(0.0 if slope is None else slope, expected), (args, i)
            tangents = [1.0 if j == i else None for j in range(len(args))]
            pushed = engine.jvp(function_, args, tangents, {})[1]
            assert close(pushed, expected), (args, i, "forward")


@pytest.mark.parametrize(("rule", "function"), cases(is_complex=False))
def test_second_order(rule, function):
    source = random.Random(spelled(function) + "second")
    args = sample_real(rule, source)
    if isinstance(function(*args), complex):
        return
    for i in range(len(args)):

        def slope(*xs, i=i):
            return engine.gradient(function, xs, {}, (i,), True)[1][i]

        wanted = partials(slope, args)
        got = gradient(slope, *args)
        for j, expected in enumerate(wanted):
            if expected is None:
                continue
            assert close(got[j] or 0.0, expected, 1e-6), (args, i, j)
            tangents = [1.0 if k == j else None for k in range(len(args))]
            assert close(engine.jvp(slope, args, tangents, {})[1], expected, 1e-6), (args, i, j)


@pytest.mark.parametrize(
    ("rule", "function"),
    [case for case in cases(is_complex=False) if isinstance(case.values[1], np.ufunc)],
)
def test_arrays_agree_with_scalars(rule, function):
    source = random.Random(spelled(function) + "arrays")
    samples = [sample_real(rule, source) for _ in range(6)]
    args = [np.array(column).reshape(2, 3) for column in zip(*samples, strict=True)]
    got = gradient(lambda *xs: call(np.sum, call(function, *xs)), *args)
    second = gradient(
        lambda *xs: call(
            np.sum,
            engine.gradient(lambda *ys: call(np.sum, call(function, *ys)), xs, {}, (0,), True)[1][
                0
            ],
        ),
        *args,
    )
    for k, sample in enumerate(samples):
        wanted = gradient(function, *sample)
        curved = gradient(lambda *xs: engine.gradient(function, xs, {}, (0,), True)[1][0], *sample)
        for i in range(len(args)):
            if args[i].dtype.kind == "i":
                continue
            first = 0.0 if got[i] is None else got[i].flat[k]
            assert close(first, wanted[i] or 0.0, 1e-12), (i, sample)
            other = 0.0 if second[i] is None else second[i].flat[k]
            assert close(other, curved[i] or 0.0, 1e-9), (i, sample, "second")


@pytest.mark.parametrize(("rule", "function"), cases(is_complex=True))
def test_complex_scalars(rule, function):
    source = random.Random(spelled(function) + "complex")
    for _ in range(2):
        args = sample_complex(rule, source)
        if function is cmath.rect:
            args = tuple(each.real for each in args)
        weight = complex(source.uniform(-1, 1), source.uniform(-1, 1))

        def real(*xs):
            return (call(function, *xs) * weight).real

        def plain(*xs):
            return (function(*xs) * weight).real

        got = gradient(real, *args)
        for i in range(len(args)):
            units = ((1.0, "real"), (1j, "imag"))[: 2 if isinstance(args[i], complex) else 1]
            for unit, part in units:
                wanted = ridders(
                    lambda t, i=i, unit=unit: plain(
                        *(x + unit * t if j == i else x for j, x in enumerate(args))
                    )
                )[0]
                slope = 0.0 if got[i] is None else getattr(got[i], part)
                assert close(slope, wanted), (args, i, part)


def array_cases(*, is_complex: bool) -> list[Any]:
    return [
        pytest.param(rule, function, id=spelled(function))
        for rule in registry.rules(is_complex=is_complex)
        if isinstance(rule, PairRule) and rule.samples is not None
        for function in rule.names
        if registry.lookup(function, is_complex=is_complex) is rule
    ]


@pytest.mark.parametrize("is_complex", [False, True])
def test_array_functions(is_complex):
    for case in array_cases(is_complex=is_complex):
        rule, function = case.values
        if function.__name__.startswith("i"):
            continue
        for args in rule.samples(np.random.default_rng(5)):
            if function is svd_packed and args[1]:
                # The vectors beyond the rank are any basis.
                continue
            check_array_function(function, args)


def check_array_function(function: Any, args: tuple[Any, ...]) -> None:
    rng = np.random.default_rng(11)
    y = function(*args)
    weight = rng.standard_normal(np.shape(y))
    if np.iscomplexobj(y):
        weight = weight + 1j * rng.standard_normal(np.shape(y))

    def f(*xs):
        return np.sum(np.real(weight * function(*xs)))

    moving = [isinstance(x, np.ndarray) and x.dtype.kind in "fc" for x in args]
    directions = [
        np.asarray(rng.standard_normal(np.shape(x)), x.dtype) if on else None
        for x, on in zip(args, moving, strict=True)
    ]

    def move(t: float) -> list[Any]:
        return [x if d is None else x + t * d for x, d in zip(args, directions, strict=True)]

    wanted = ridders(lambda t: f(*move(t)))[0]

    def traced(*xs):
        return call(np.sum, call(np.real, weight * call(function, *xs)))

    got = gradient(traced, *args)
    pulled = sum(
        float(np.real(np.vdot(g, d)))
        for g, d in zip(got, directions, strict=True)
        if g is not None and d is not None
    )
    assert close(pulled, wanted, 1e-6), (function, [np.shape(x) for x in args])
    pushed = engine.jvp(traced, args, directions, {})[1]
    assert close(pushed, wanted, 1e-6), (function, "forward")


def test_zero_derivatives():
    for rule in registry.rules():
        if not isinstance(rule, ZeroDerivative) or rule.impure or rule.refusal:
            continue
        for function in rule.names:
            try:
                y = function(2.7)
            except (TypeError, ValueError, AttributeError, NumbaError):
                continue
            if isinstance(y, float | int) and not isinstance(y, bool):
                got = gradient(lambda x: call(function, x) * 1.0 + 0.0 * x, 2.7)
                assert got == (0.0,), function
