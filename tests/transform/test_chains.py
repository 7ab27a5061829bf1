"""Chains of array statements: joined where it is safe, right everywhere."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

import numbad
from numbad import calls
from numbad.errors import AliasingError
from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.verify import verify_program
from numbad.transform.chains import optimised
from tests import oracles
from tests.interpreter import interpreted
from tests.programs.program import Program
from tests.strategies import load_source


def chain(x, y):
    a = x * y
    b = np.exp(-a * a)
    c = b + a
    c *= y
    d = np.tanh(c)
    return np.sum(d * a)


def rows(z, w):
    top = np.empty(z.shape[0])
    for i in range(z.shape[0]):
        top[i] = np.max(z[i])
    e = np.exp(z - top[:, None])
    p = e / np.sum(e, axis=1)[:, None]
    q = p * w
    return np.sum(np.log(np.sum(q, axis=1)))


def overlapping(x, y):
    a = x * y
    a[1:] += a[:-1] * y[1:]
    b = a[::-1] * x
    b[:2] = b[2:4] * a[:2]
    return np.sum(b * a)


def rebound(x, y):
    a = x.copy()
    for _ in range(3):
        b = a * y
        a = b + np.sin(x)
        b += a
        a = a * b
    return np.sum(a)


def written(x, out):
    a = np.sin(x)
    out[:] = a * x
    out += a
    return np.sum(out * out)


def returned(x, y):
    a = x * y
    b = np.sin(a)
    b *= y
    return a, b


def reused_by_a_product(x, y):
    a = x * y
    b = np.cos(a)
    s = np.dot(a, b)
    c = a * s
    return np.sum(c * b)


def two_views(x):
    a = np.zeros(2 * x.size)
    low, high = a[: x.size], a[1 : x.size + 1]
    for i in range(x.size):
        low[i] = x[i] * x[i]
    for i in range(x.size):
        high[i] = high[i] * 2.0 + low[i]
    return np.sum(a * a * a)


def divided(x, y):
    a = np.empty(x.size)
    for i in range(x.size):
        a[i] = x[i] * 2.0
    b = np.empty(x.size)
    for i in range(x.size):
        b[i] = a[i] / y[i]
    return np.sum(b * a)


PAIRS = [chain, overlapping, rebound, returned, reused_by_a_product, divided]


def loops_of(f, *args) -> int:
    """Count the loops of the program that is differentiated."""
    built = calls.compiled(f, args, {}, "gradient", tuple(range(len(args)))).built
    program = optimised(built.program)
    verify_program(program)
    return sum(isinstance(statement, ir.For) for statement in visit.walk(program.entry.body))


@pytest.mark.parametrize("f", PAIRS)
def test_derivatives(f, rng: np.random.Generator) -> None:
    numbad.check_grads(f, (rng.uniform(0.5, 2.0, 5), rng.uniform(0.5, 2.0, 5)))


@pytest.mark.parametrize("f", [chain, rebound])
def test_second_derivatives(f, rng: np.random.Generator) -> None:
    x, y = rng.uniform(0.2, 0.8, 3), rng.uniform(0.2, 0.8, 3)
    numbad.check_grads(f, (x, y), order=2)
    hessian = numbad.hessian(lambda v: f(v, y), x)
    np.testing.assert_allclose(hessian, numbad.hessian_reverse(lambda v: f(v, y), x), rtol=1e-10)
    np.testing.assert_allclose(hessian, hessian.T, rtol=1e-9, atol=1e-12)


def test_rows(rng: np.random.Generator) -> None:
    args = rng.standard_normal((3, 4)), rng.uniform(0.5, 1.5, (3, 4))
    numbad.check_grads(rows, args, order=2)


def test_views_of_one_array(rng: np.random.Generator) -> None:
    numbad.check_grads(two_views, (rng.standard_normal(4),))


def test_a_chain_becomes_one_loop() -> None:
    assert loops_of(chain, np.ones(3), np.ones(3)) == 1
    text = numbad.code_adjoint(chain, np.ones(3), np.ones(3))
    assert "empty(" not in text
    assert "tape(" not in text


def test_neighbours_and_views_stay_apart() -> None:
    assert loops_of(overlapping, np.ones(5), np.ones(5)) >= 4
    assert loops_of(two_views, np.ones(4)) >= 3


def test_a_division_that_may_raise_stays_where_it_is() -> None:
    assert loops_of(divided, np.ones(3), np.ones(3)) == 3
    with pytest.raises(ZeroDivisionError):
        numbad.gradient(divided, np.ones(3), np.array([1.0, 0.0, 1.0]))


def test_arguments_hold_what_was_written(rng: np.random.Generator) -> None:
    x, out, expected = rng.standard_normal(4), np.zeros(4), np.zeros(4)
    value, grad = numbad.withgradient(written, x, out)
    assert value == pytest.approx(written(x, expected))
    np.testing.assert_allclose(out, expected, rtol=1e-14)
    y = np.sin(x) * x + np.sin(x)
    slope = np.cos(x) * (x + 1.0) + np.sin(x)
    np.testing.assert_allclose(grad[0], 2.0 * y * slope, rtol=1e-12)
    np.testing.assert_array_equal(grad[1], 0.0)


def test_an_error_between_leaves_arguments_as_they_would_be() -> None:
    def f(x, out, y):
        out[:] = x * 2.0
        a = x + y
        out[:] = out * a
        return np.sum(out)

    out = np.zeros(3)
    with pytest.raises(ValueError, match="broadcast"):
        numbad.gradient(f, np.ones(3), out, np.ones(2))
    np.testing.assert_array_equal(out, 2.0)


# --- random chains ----------------------------------------------------------------------------

UNARY = ["np.sin({})", "np.tanh({})", "np.exp(-{0} * {0})", "np.abs({})", "-{}", "{} * 0.5"]
BINARY = ["{} + {}", "{} - {}", "{} * {}", "np.where({} > {}, 0.3, 1.2)", "np.maximum({}, {})"]
UPDATES = ["{} += {}", "{} *= {}", "{}[:] = {}", "{}[1:] += {}[:-1]", "{}[::-1] = {}"]


def random_chain(seed: int) -> str:
    """Source of a function of three arrays of one shape; the last one may be written."""
    draw = random.Random(seed)
    names = ["x", "y", "out"]
    lines = ["import numpy as np", "", "", "def f(x, y, out):"]

    def operand() -> str:
        name = draw.choice(names)
        return draw.choice([name, name, name, "2.0", f"{name}[::-1]"])

    for number in range(draw.randint(5, 11)):
        kind = draw.random()
        fresh = [name for name in names if name not in ("x", "y")]
        if kind < 0.25:
            line = draw.choice(UNARY).format(draw.choice(names))
        elif kind < 0.65:
            line = draw.choice(BINARY).format(draw.choice(names), operand())
        elif kind < 0.75:
            line = f"np.sum({draw.choice(names)}) * {draw.choice(names)}"
        else:
            target = draw.choice(fresh)
            line = draw.choice(UPDATES).format(target, draw.choice(names))
            lines.append(f"    {line}")
            continue
        target = draw.choice(fresh) if draw.random() < 0.2 else f"a{number}"
        if target == "out":
            target = f"a{number}"
        lines.append(f"    {target} = {line}")
        names.append(target)
        if draw.random() < 0.2:
            lines.append(f"    v{number} = {target}[:]")
            names.append(f"v{number}")
    terms = " + ".join(f"np.sum({name} * {draw.choice(names)})" for name in names[-4:])
    lines.append(f"    return {terms}")
    return "\n".join(lines) + "\n"


def check_chain(seed: int, directory: Path) -> str:
    text = random_chain(seed)
    module = load_source(text, directory, f"random_chain_{seed}")
    shape = [(4,), (2, 3)][seed % 2]

    def arguments(rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        return tuple(rng.uniform(-0.8, 0.8, shape) for _ in range(3))

    program = Program("f", module.f, arguments, module="chains")
    expected, error = oracles.Case(program, seed).differences()
    if not error < 1e-6 * (1.0 + abs(expected)):
        return "inconclusive"
    try:
        oracles.check_program(program, seed)
    except AliasingError:
        return "refused"
    except Exception as problem:
        raise AssertionError(f"{text}\n{problem}") from problem
    return "checked"


def test_random_chains(tmp_path: Path) -> None:
    with interpreted():
        outcomes = [check_chain(seed, tmp_path) for seed in range(30)]
    assert outcomes.count("checked") >= 24, outcomes


@pytest.mark.parametrize("seed", range(100, 104))
def test_compiled_random_chains(seed: int, tmp_path: Path) -> None:
    assert check_chain(seed, tmp_path) != "refused"


@pytest.mark.slow
def test_many_random_chains(tmp_path: Path) -> None:
    with interpreted():
        outcomes = [check_chain(seed, tmp_path) for seed in range(1000, 1200)]
    assert outcomes.count("checked") >= 165, outcomes
