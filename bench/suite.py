"""One run over workloads, as plain data that the report and later readers share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench import fresh, harness
from bench.workload import Workload
from bench.workloads import load

GIVEN = "no reason recorded"


def ratio(over: float | None, under: float | None) -> float | None:
    """Quotient of two times, where both were measured."""
    return over / under if over and under else None


def rivals(workload: Workload, entries: dict[str, harness.Entry]) -> list[dict[str, Any]]:
    """Every hand adjoint or peer with right results that is faster than numbad, and why."""
    ours = entries[harness.NUMBAD].best
    if ours is None:
        return []
    return [
        {
            "name": name,
            "ratio": ours / entry.best,
            "reason": workload.reasons.get(name, GIVEN),
        }
        for name, entry in entries.items()
        if name not in (harness.PRIMAL, harness.NUMBAD)
        and entry.status == "ok"
        and entry.best is not None
        and entry.best < ours
    ]


def best_peer(workload: Workload, entries: dict[str, harness.Entry]) -> str | None:
    """The fastest other library with right results."""
    measured = {
        name: entry.best
        for name, entry in entries.items()
        if name in workload.peers and entry.status == "ok" and entry.best is not None
    }
    return min(measured, key=lambda name: measured[name], default=None)


@dataclass(frozen=True)
class Run:
    """How to measure: number of rounds, which peers, whether to start fresh processes."""

    rounds: int
    fresh: bool
    peers: Callable[[str], bool]

    def workload(self, name: str) -> dict[str, Any]:
        """Everything measured of one workload."""
        workload = load(name)
        entries = harness.measure(workload, self.rounds, self.peers)
        ours, primal, hand = (
            entries[key].best for key in (harness.NUMBAD, harness.PRIMAL, harness.HAND)
        )
        first = {}
        if self.fresh:
            first = {
                which: fresh.measure(name, which)
                for which in (harness.PRIMAL, harness.NUMBAD, harness.HAND)
            }
        result = {
            "name": name,
            "title": workload.title,
            "contestants": {
                key: {
                    "status": entry.status,
                    "detail": entry.detail,
                    "difference": entry.difference,
                    "min": entry.best,
                    "median": entry.median,
                    "samples": len(entry.samples),
                }
                for key, entry in entries.items()
            },
            "fresh": first,
            "to_primal": ratio(ours, primal),
            "to_hand": ratio(ours, hand),
            "first_call_ratio": ratio(
                first.get(harness.NUMBAD, {}).get("first"),
                first.get(harness.PRIMAL, {}).get("first"),
            ),
            "best_peer": best_peer(workload, entries),
            "beaten_by": rivals(workload, entries),
        }
        announce(result)
        return result


def announce(result: dict[str, Any]) -> None:
    """Print the result of one workload as soon as it is there."""
    print(f"\n{result['title']}")
    for name, entry in result["contestants"].items():
        if entry["min"] is None:
            print(f"  {name:24} {entry['status']}: {entry['detail']}")
            continue
        mark = "" if entry["status"] == "ok" else f"  {entry['status']}: {entry['detail']}"
        print(
            f"  {name:24} {1e3 * entry['min']:10.4f} ms  median {1e3 * entry['median']:.4f}{mark}"
        )
    for which, numbers in result["fresh"].items():
        print(f"  fresh process, {which}: {numbers}")
