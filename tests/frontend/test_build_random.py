"""Random programs: what the front end builds does what Python does, or is refused."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from numbad.errors import InternalError, UnsupportedSyntax
from tests.frontend.building import same
from tests.frontend.random_sources import flow_source, object_source
from tests.strategies import load_source


def outcome(source: Callable[[int], str], seed: int, directory: Path) -> str:
    """Check one program: ``"same"``, ``"refused"`` or, where Python itself fails, ``"invalid"``."""
    text = source(seed)
    function = load_source(text, directory, f"{source.__name__}_{seed}").f
    arguments = (0.7, 1.3, -0.4, np.array([0.5, 0.2, 0.9, 1.1]), seed % 5)
    try:
        function(*arguments)
    except Exception:
        return "invalid"
    try:
        same(function, *arguments)
    except InternalError:
        raise
    except UnsupportedSyntax:
        return "refused"
    except Exception as problem:
        raise AssertionError(f"{source.__name__}({seed}):\n{text}\n{problem}") from problem
    return "same"


@pytest.mark.parametrize("block", range(4))
@pytest.mark.parametrize("source", [flow_source, object_source], ids=["flow", "objects"])
def test_random_programs(source, block: int, tmp_path: Path):
    outcomes = [outcome(source, seed, tmp_path) for seed in range(15 * block, 15 * block + 15)]
    least = 12 if source is flow_source else 6
    assert outcomes.count("same") >= least, outcomes


@pytest.mark.slow
@pytest.mark.parametrize("block", range(10))
@pytest.mark.parametrize("source", [flow_source, object_source], ids=["flow", "objects"])
def test_more_random_programs(source, block: int, tmp_path: Path):
    start = 1000 + 100 * block
    outcomes = [outcome(source, seed, tmp_path) for seed in range(start, start + 100)]
    assert outcomes.count("same") >= 50, outcomes
