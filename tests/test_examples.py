"""The examples reach their goals and write their pictures; on small problems, to be quick."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import matplotlib as mpl
import pytest

FOLDER = Path(__file__).resolve().parent.parent / "examples"

GOALS = {
    "bundle": ({"cameras": 6, "points": 60}, lambda error: error < 0.5),
    "epidemic": ({}, lambda found: max(found.values()) < 4.0),
    "seismic": ({"steps": 500, "iterations": 40}, lambda error: error < 0.25),
    "orbit": ({}, lambda missed: missed < 0.5),
    "sampler": ({"draws": 4000}, lambda error: error < 0.3),
    "neural_ode": ({"rounds": 600}, lambda loss: loss < 0.05),
    "deblurring": ({"size": 32, "iterations": 40}, lambda ratio: ratio < 0.8),
}


@pytest.mark.parametrize("name", GOALS)
def test_example(name, tmp_path, monkeypatch):
    mpl.use("Agg")
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.delitem(sys.modules, name, raising=False)
    module = importlib.import_module(name)
    options, reaches = GOALS[name]
    assert reaches(module.main(tmp_path, **options))
    assert (tmp_path / f"{name}.png").stat().st_size > 5000
    mpl.pyplot.close("all")


def test_every_example_is_tested():
    found = {path.stem for path in FOLDER.glob("*.py")} - {"picture"}
    assert found == set(GOALS)
