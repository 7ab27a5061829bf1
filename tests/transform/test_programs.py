"""Every program of the corpus, in reverse and in forward mode, against the oracles.

Compiling dominates, so the default run takes both modes on every program once, and the corpus of
package-style functions is sampled; the full run adds other seeds and the whole of it.
"""

import pytest

from tests import corpus, oracles, programs
from tests.programs.program import Program

SAMPLED = corpus.PROGRAMS[::4]
REST = tuple(p for p in corpus.PROGRAMS if p not in SAMPLED)


@pytest.mark.parametrize("program", programs.PROGRAMS, ids=str)
def test_reverse_mode(program: Program):
    oracles.check_program(program, modes=("reverse",))


@pytest.mark.parametrize("program", programs.PROGRAMS[::3], ids=str)
def test_both_modes(program: Program):
    oracles.check_program(program, seed=1)


@pytest.mark.parametrize("program", SAMPLED, ids=str)
def test_package_style_functions(program: Program):
    oracles.check_program(program)


@pytest.mark.slow
@pytest.mark.parametrize("program", programs.PROGRAMS, ids=str)
@pytest.mark.parametrize("seed", [2, 3])
def test_other_seeds(program: Program, seed: int):
    oracles.check_program(program, seed=seed)


@pytest.mark.slow
@pytest.mark.parametrize("program", REST, ids=str)
def test_remaining_package_style_functions(program: Program):
    oracles.check_program(program)
