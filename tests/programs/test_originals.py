"""The corpus itself: programs mean the same in Python and under Numba, and the oracles work."""

import pytest

from tests import corpus, oracles, programs
from tests.programs.program import Program

EVERYTHING = programs.PROGRAMS + corpus.PROGRAMS


def test_names_are_unique():
    names = [str(program) for program in EVERYTHING]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("program", EVERYTHING, ids=str)
def test_finite_differences_work(program: Program):
    oracles.check_oracle(program)


@pytest.mark.slow
@pytest.mark.parametrize("program", [p for p in EVERYTHING if p.jit], ids=str)
def test_plain_python_equals_numba(program: Program):
    oracles.check_plain_equals_jitted(program)
