"""Every program of the corpus, in reverse and in forward mode, against the oracles.

Compiling dominates the time. The default run evaluates the derivatives' IR for all programs and
compiles a sample; the full run compiles all, at several points.
"""

import pytest

from tests import corpus, oracles, programs
from tests.interpreter import interpreted
from tests.programs.program import Program

EVERYTHING = programs.PROGRAMS + corpus.PROGRAMS
SAMPLED = programs.PROGRAMS[::3] + corpus.PROGRAMS[::6]


@pytest.mark.parametrize("program", EVERYTHING, ids=str)
def test_evaluated(program: Program):
    with interpreted():
        oracles.check_program(program)


@pytest.mark.parametrize("program", SAMPLED, ids=str)
def test_compiled(program: Program):
    oracles.check_program(program, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("program", [p for p in EVERYTHING if p not in SAMPLED], ids=str)
def test_rest_compiled(program: Program):
    oracles.check_program(program, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("program", EVERYTHING, ids=str)
@pytest.mark.parametrize("seed", [2, 3, 4])
def test_evaluated_elsewhere(program: Program, seed: int):
    with interpreted():
        oracles.check_program(program, seed=seed)
