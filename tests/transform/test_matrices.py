"""Derivative matrices of every program of the corpus: all ways of making them, against each other.

The default run evaluates the IR of a sample, with other numbers of lanes for other programs; the
full run takes all programs in all ways, and compiles a sample.
"""

import zlib

import pytest

from tests import corpus, matrices, programs
from tests.interpreter import interpreted
from tests.programs.program import Program
from tests.random_programs import HEADER
from tests.strategies import arguments_from_seed, load_source, source_from_seed

EVERYTHING = programs.PROGRAMS + corpus.PROGRAMS
SAMPLED = programs.PROGRAMS[::50] + corpus.PROGRAMS[7::60]


def some_width(program: Program) -> int:
    """Number of directions, more than one, that depends on the program."""
    return matrices.WIDTHS[1:][zlib.crc32(str(program).encode()) // 7 % 3]


@pytest.mark.parametrize("program", EVERYTHING, ids=str)
def test_jacobians(program: Program):
    width = some_width(program)
    with interpreted():
        matrices.check_jacobians(program, 0, (("forward", width), ("reverse", width)))


@pytest.mark.parametrize("program", EVERYTHING, ids=str)
def test_hessians(program: Program):
    with interpreted():
        matrices.check_hessians(program, 0, (some_width(program),))


@pytest.mark.parametrize("program", SAMPLED, ids=str)
def test_compiled(program: Program):
    matrices.check_jacobians(program, 1, (("forward", 8), ("reverse", 8)))


@pytest.mark.slow
@pytest.mark.parametrize("program", EVERYTHING, ids=str)
def test_jacobians_in_all_ways(program: Program):
    with interpreted():
        matrices.check_jacobians(program, 2)


@pytest.mark.slow
@pytest.mark.parametrize("program", SAMPLED, ids=str)
def test_hessians_compiled(program: Program):
    matrices.check_hessians(program, 1, (8,))


def random_program(seed: int, directory) -> Program:
    """Return a random program of five numbers and arrays and two integers."""
    module = load_source(HEADER + source_from_seed(seed, size=6), directory, f"matrix_{seed}")
    return Program("f", module.f, lambda _: arguments_from_seed(seed), module=module.__name__)


@pytest.mark.parametrize("seed", range(70_000, 70_030))
def test_random_programs(seed: int, tmp_path):
    program = random_program(seed, tmp_path)
    width = matrices.WIDTHS[1:][seed % 3]
    with interpreted():
        matrices.check_jacobians(program, seed, (("forward", width), ("reverse", width)))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(71_000, 71_100))
def test_hessians_of_random_programs(seed: int, tmp_path):
    program = random_program(seed, tmp_path)
    with interpreted():
        matrices.check_hessians(program, seed, (3, 8))
