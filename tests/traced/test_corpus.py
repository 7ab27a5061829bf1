"""Every program of the corpus by the traced engine, against the oracles and the compiled engine."""

import numpy as np
import pytest

import numbad
from numbad.config import config
from tests import corpus, oracles, programs
from tests.programs.program import Program
from tests.structures import is_leaf

EVERYTHING = programs.PROGRAMS + corpus.PROGRAMS


@pytest.mark.parametrize("program", EVERYTHING, ids=str)
def test_traced(program: Program):
    config.engine = "traced"
    oracles.check_program(program, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("program", EVERYTHING, ids=str)
@pytest.mark.parametrize("seed", [2, 3])
def test_traced_elsewhere(program: Program, seed: int):
    config.engine = "traced"
    oracles.check_program(program, seed=seed)


def results(program: Program, engine: str):
    args = program.arguments(program.rng(1))
    y, back = numbad.pullback(program.function, *args, engine=engine, zeros=True, **program.kwargs)
    rng = np.random.default_rng(3)
    y_bar = seed_like(y, rng)
    return y, back(y_bar), args


def seed_like(y, rng):
    """A random cotangent of the structure of a result."""
    if isinstance(y, tuple | list):
        parts = [seed_like(each, rng) for each in y]
        return parts if isinstance(y, list) else tuple(parts)
    if isinstance(y, dict):
        return {key: seed_like(each, rng) for key, each in y.items()}
    if not is_leaf(y) or np.asarray(y).dtype.kind not in "fc":
        return None
    drawn = rng.standard_normal(np.shape(y))
    drawn = drawn + 1j * rng.standard_normal(np.shape(y)) if np.iscomplexobj(y) else drawn
    return drawn if isinstance(y, np.ndarray) else drawn.item()


@pytest.mark.slow
@pytest.mark.parametrize("program", EVERYTHING, ids=str)
def test_the_engines_agree(program: Program):
    narrow = oracles.precision(program.arguments(program.rng(1)))
    tolerance = {"float64": 1e-10, "float32": 1e-4}[narrow]
    compiled, traced = (results(program, engine) for engine in ("compiled", "traced"))
    for mine, other, what in zip(traced, compiled, ("value", "gradient", "effects"), strict=True):
        oracles.assert_close(mine, other, tolerance, f"{program}: {what}")
