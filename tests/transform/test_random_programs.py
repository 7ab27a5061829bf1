"""Random programs: value, gradient and tangent against finite differences and each other.

Programs are numbered by their seed. A default run compiles a few and evaluates the IR of more; the
full run compiles a hundred, and evaluates 2000.
"""

import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

import numbad
from numbad.errors import AliasingError
from tests import oracles
from tests.interpreter import interpreted
from tests.programs.program import Program
from tests.random_programs import HEADER
from tests.strategies import arguments_from_seed, load_source, program_sources, source_from_seed

DIFFERENTIABLE = 5
"""The first five arguments of a random program are numbers and arrays, the rest integers."""


def check_source(text: str, seed: int, directory: Path, name: str, both_modes: bool = True) -> str:
    """Check one random program; returns ``"checked"``, or why it could not be."""
    function = load_source(text, directory, name).f
    program = Program("f", function, lambda _: arguments_from_seed(seed), module=name)
    case = oracles.Case(program, seed)
    expected, error = case.differences()
    if not error < 1e-6 * (1.0 + abs(expected)):
        return "inconclusive"
    try:
        modes = ("reverse", "forward") if both_modes else ("reverse",)
        oracles.check_program(program, seed, modes)
    except AliasingError:
        return "refused"
    except Exception as problem:
        raise AssertionError(f"random program of seed {seed}:\n{text}\n{problem}") from problem
    return "checked"


@pytest.mark.parametrize("seed", range(12))
def test_random_program(seed: int, tmp_path: Path):
    text = HEADER + source_from_seed(seed)
    assert check_source(text, seed, tmp_path, f"random_program_{seed}") != "refused"


@pytest.mark.slow
@pytest.mark.parametrize("block", range(10))
def test_more_random_programs(block: int, tmp_path: Path):
    outcomes = []
    for seed in range(100 + 10 * block, 110 + 10 * block):
        text = HEADER + source_from_seed(seed, size=9)
        outcomes.append(check_source(text, seed, tmp_path, f"random_program_{seed}"))
    assert outcomes.count("checked") >= 8, outcomes


@pytest.mark.parametrize("seed", range(20, 60))
def test_random_program_without_compiling(seed: int, tmp_path: Path):
    text = HEADER + source_from_seed(seed, size=8)
    with interpreted():
        assert check_source(text, seed, tmp_path, f"random_program_{seed}") != "refused"


@pytest.mark.slow
@pytest.mark.parametrize("block", range(20))
def test_many_random_programs_without_compiling(block: int, tmp_path: Path):
    outcomes = []
    for seed in range(10_000 + 100 * block, 10_100 + 100 * block):
        text = HEADER + source_from_seed(seed, size=8)
        with interpreted():
            outcomes.append(check_source(text, seed, tmp_path, f"random_program_{seed}"))
    assert outcomes.count("checked") >= 90, outcomes


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(text=program_sources(size=4))
def test_drawn_programs(text: str, tmp_path: Path):
    name = f"drawn_program_{zlib.crc32(text.encode())}"
    with interpreted():
        check_source(text, 0, tmp_path, name)


@pytest.mark.parametrize("seed", [0])
def test_batch_of_random_programs(seed: int, tmp_path: Path):
    """Several programs in one function, so that one compilation checks them all."""
    numbers = range(1000 + seed, 1004 + seed)
    parts = [source_from_seed(number, f"f{number}", size=4) for number in numbers]
    calls = [
        f"f{number}(x[{k}], y[{k}], a[{k}], b[{k}], c[{k}], n[{k}], m[{k}])"
        for k, number in enumerate(numbers)
    ]
    last = f"def f(x, y, a, b, c, n, m):\n    return {' + '.join(calls)}\n"
    module = load_source(HEADER + "\n\n".join([*parts, last]), tmp_path, f"random_batch_{seed}")
    columns = zip(*(arguments_from_seed(number) for number in numbers), strict=True)
    stacked = [np.stack(column) for column in columns]
    gradient = numbad.gradient(module.f, *[array.copy() for array in stacked])
    rng = np.random.default_rng(seed)
    for k, number in enumerate(numbers):
        single = Program(
            f"f{number}",
            getattr(module, f"f{number}"),
            lambda _, number=number: arguments_from_seed(number),
        )
        case = oracles.Case(single, int(rng.integers(100)))
        expected, error = case.differences()
        got = sum(
            oracles.inner(None if gradient[i] is None else gradient[i][k], case.direction[(i,)])
            for i in range(DIFFERENTIABLE)
        )
        assert abs(got - expected) < 1e-6 * (1.0 + abs(expected)) + 10.0 * error, parts[k]
