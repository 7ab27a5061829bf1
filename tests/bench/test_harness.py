"""The harness tells right from wrong and slow from fast."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path

import numpy as np
import pytest

from bench import harness, report, suite
from bench.harness import Entry, deviation, judge
from bench.workload import Workload


def square(x: float) -> float:
    return x * x


def fast(x: float) -> tuple[float, float]:
    return x * x, 2.0 * x


def slow(x: float) -> tuple[float, float]:
    time.sleep(0.002)
    return fast(x)


def wrong(x: float) -> tuple[float, float]:
    return x * x, 2.1 * x


def broken(args: object) -> None:
    raise ValueError("no such kernel")


def absent(args: object) -> None:
    raise ModuleNotFoundError("No module named 'elsewhere'")


WORKLOAD = Workload(
    name="square",
    title="A square",
    make_args=lambda small=False: (3.0,),
    primal=square,
    wrt=0,
    hand={"hand": fast, "hand, restructured": slow},
    peers={
        "wrong": lambda args: lambda: wrong(*args),
        "broken": broken,
        "absent": absent,
        "peer": lambda args: lambda: slow(*args),
    },
    numbad=lambda args: lambda: slow(*args),
    reasons={"hand": "it does not sleep"},
)


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (1.0, 1.0, 0.0),
        (np.array([1.0, 2.0]), np.array([1.0, 4.0]), 0.5),
        ((1.0, 10.0), (2.0, 10.0), 0.5),
        (0.0, 0.0, 0.0),
        (1.0, math.nan, math.inf),
        (np.ones(2), np.ones(3), math.inf),
        ((1.0,), (1.0, 1.0), math.inf),
    ],
)
def test_deviation_is_relative_to_each_array(left, right, expected) -> None:
    assert deviation(left, right) == expected


def test_the_minority_is_wrong_whoever_it_is() -> None:
    results = {"hand": (1.0, 5.0), "numbad": (1.0, 2.0), "peer": (1.0, 2.0)}
    entries = {name: Entry() for name in results}
    judge(results, entries, 1e-9)
    assert {name: entry.status for name, entry in entries.items()} == {
        "hand": "wrong",
        "numbad": "ok",
        "peer": "ok",
    }


def test_every_contestant_gets_its_status() -> None:
    entries = harness.measure(WORKLOAD, 3, lambda name: True)
    status = {name: entry.status for name, entry in entries.items()}
    assert status == {
        "primal": "ok",
        "numbad": "ok",
        "hand": "ok",
        "hand, restructured": "ok",
        "wrong": "wrong",
        "broken": "failed",
        "absent": "missing",
        "peer": "ok",
    }
    assert entries["broken"].detail == "ValueError: no such kernel"
    assert entries["broken"].best is None
    assert entries["numbad"].best > 0.002
    assert len(entries["hand"].samples) == 3


def test_peers_can_be_left_out() -> None:
    entries = harness.measure(WORKLOAD, 1, lambda name: False)
    assert list(entries) == ["primal", "numbad", "hand", "hand, restructured"]


def test_faster_rivals_are_named_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(suite, "load", lambda name: WORKLOAD)
    run = suite.Run(rounds=3, fresh=False, peers=lambda name: name in ("wrong", "peer"))
    result = run.workload("square")
    by_name = {rival["name"]: rival for rival in result["beaten_by"]}
    assert by_name["hand"]["reason"] == "it does not sleep"
    assert by_name["hand"]["ratio"] > 10.0
    assert "wrong" not in by_name
    assert result["best_peer"] == "peer"
    report.write([result], 3, tmp_path)
    assert json.loads((tmp_path / "latest.json").read_text())["workloads"][0]["name"] == "square"
    text = (tmp_path / "latest.md").read_text()
    assert "| A square | hand |" in text
    assert "it does not sleep" in text
    assert "wrong: differs from" in text
    assert (tmp_path / "latest.png").stat().st_size > 1000
