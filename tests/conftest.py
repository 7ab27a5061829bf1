"""Settings of the whole suite: a cache directory of its own, hypothesis profiles, engine checks."""

from __future__ import annotations

import os
import shutil
import tempfile
import zlib
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

_WORKER = "PYTEST_XDIST_WORKER"
_own_cache: str | None = None

# numbad reads its environment when it is imported, and xdist's workers inherit it: generated
# files of a test run never meet those of the user or of an earlier run.
if _WORKER not in os.environ:
    _own_cache = tempfile.mkdtemp(prefix="numbad-tests-")
    os.environ["NUMBAD_CACHE_DIR"] = _own_cache
os.environ.setdefault("NUMBAD_DEBUG", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
# What the compiled engine refuses is to fail, not to be traced; tests of the engines name them.
os.environ.setdefault("NUMBAD_ENGINE", "compiled")

# Compilation makes single examples slow; that is not a failure.
_common = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("dev", max_examples=25, derandomize=True, **_common)
settings.register_profile("ci", max_examples=200, derandomize=True, **_common)
settings.register_profile("nightly", max_examples=5000, **_common)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


def pytest_sessionfinish() -> None:
    if _own_cache is not None:
        shutil.rmtree(_own_cache, ignore_errors=True)


# Tables of hundreds of cases that compile or interpret a program each: `make test` runs one case in
# so many, chosen by name so that the sample stays the same, `make test-all` all of them.
_SAMPLED = {
    "tests/frontend/arrays/": 8,
    "tests/programs/test_originals.py": 8,
    "tests/rules/test_conformance.py": 3,
    "tests/transform/test_programs.py::test_compiled": 2,
    "tests/traced/test_corpus.py::test_traced": 3,
    "tests/traced/test_numpy.py::test_tables": 3,
    "tests/transform/test_random_programs.py": 3,
    "tests/transform/test_matrices.py::test_jacobians": 4,
    "tests/transform/test_matrices.py::test_hessians": 12,
    "tests/transform/test_matrices.py::test_random_programs": 3,
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the cases of large tables that are not in the sample as slow."""
    for item in items:
        for prefix, rate in _SAMPLED.items():
            if item.nodeid.startswith(prefix) and zlib.crc32(item.nodeid.encode()) % rate:
                item.add_marker(pytest.mark.slow)


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator with a fixed seed: a failing test fails again."""
    return np.random.default_rng(20240229)


@pytest.fixture(autouse=True)
def _settings_are_restored() -> Iterator[None]:
    """A test that changes numbad's settings does not change those of the next."""
    from numbad.config import config

    before = config.engine, config.cache_dir, config.debug
    yield
    config.engine, config.cache_dir, config.debug = before
