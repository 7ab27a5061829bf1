"""Runs one workload: prepares the contestants, compares their results, times them in turn."""

from __future__ import annotations

import gc
import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bench.workload import Args, Contestant, Workload

PRIMAL, NUMBAD, HAND = "primal", "numbad", "hand"
SAMPLE_SECONDS = 1e-3
SLOW_SECONDS = 0.03


@dataclass
class Entry:
    """What is known of one contestant on one workload.

    ``status`` is ``ok``, ``wrong`` (its results differ), ``failed`` or ``missing`` (not installed);
    ``detail`` says why.
    """

    status: str = "ok"
    detail: str = ""
    difference: float | None = None
    samples: list[float] = field(default_factory=list)

    @property
    def best(self) -> float | None:
        """Fastest sample, in seconds."""
        return min(self.samples, default=None)

    @property
    def median(self) -> float | None:
        """Median sample, in seconds."""
        return statistics.median(self.samples) if self.samples else None


def copied(args: Args) -> Args:
    """Arguments of its own for each contestant, so that none sees another's writes."""
    return tuple(arg.copy() if isinstance(arg, np.ndarray) else arg for arg in args)


def numbad_contestant(workload: Workload, args: Args) -> Contestant:
    """numbad as its users call it."""
    if workload.numbad is not None:
        return workload.numbad(args)
    from numbad import value_and_grad

    differentiated = value_and_grad(workload.primal, wrt=workload.wrt)
    return lambda: differentiated(*args)


def factories(
    workload: Workload, peers: Callable[[str], bool]
) -> dict[str, Callable[[Args], Contestant]]:
    """All contestants but the primal, by name, in the order of the table."""

    def bind(adjoint: Callable[..., Any]) -> Callable[[Args], Contestant]:
        return lambda args: lambda: adjoint(*args)

    found: dict[str, Callable[[Args], Contestant]] = {
        NUMBAD: lambda args: numbad_contestant(workload, args)
    }
    found.update({name: bind(adjoint) for name, adjoint in workload.hand.items()})
    found.update({name: make for name, make in workload.peers.items() if peers(name)})
    return found


def flattened(tree: Any) -> np.ndarray:
    """All numbers of a value or of nested tuples of arrays, in one vector."""
    if isinstance(tree, tuple | list):
        parts = [flattened(item) for item in tree]
        return np.concatenate(parts) if parts else np.empty(0)
    return np.asarray(tree, dtype=np.float64).ravel()


def deviation(left: Any, right: Any) -> float:
    """Largest difference between two results, each array relative to its largest entry."""
    if isinstance(left, tuple | list) or isinstance(right, tuple | list):
        if len(left) != len(right):
            return math.inf
        return max((deviation(a, b) for a, b in zip(left, right, strict=True)), default=0.0)
    a, b = flattened(left), flattened(right)
    if a.shape != b.shape or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return math.inf
    scale = max(np.abs(a).max(initial=0.0), np.abs(b).max(initial=0.0))
    return float(np.abs(a - b).max(initial=0.0) / scale) if scale > 0.0 else 0.0


def judge(results: dict[str, Any], entries: dict[str, Entry], tolerance: float) -> None:
    """Mark as wrong the contestants that disagree with the result that most of them share."""
    if not results:
        return
    table = {a: {b: deviation(x, y) for b, y in results.items()} for a, x in results.items()}
    reference = max(table, key=lambda name: sum(d <= tolerance for d in table[name].values()))
    for name, difference in table[reference].items():
        entries[name].difference = difference
        if difference > tolerance:
            entries[name].status = "wrong"
            entries[name].detail = f"differs from {reference} by {difference:.1e}"


def prepare(
    workload: Workload, args: Args, peers: Callable[[str], bool]
) -> tuple[dict[str, Contestant], dict[str, Entry]]:
    """Build, call once and check every contestant; those that fail are left out of the timing."""
    primal_args = copied(args)
    calls: dict[str, Contestant] = {PRIMAL: lambda: (workload.primal(*primal_args), ())}
    entries = {PRIMAL: Entry()}
    value = calls[PRIMAL]()[0]
    results: dict[str, Any] = {}
    for name, make in factories(workload, peers).items():
        entry = entries[name] = Entry()
        try:
            call = make(copied(args))
            results[name] = call()
        except ImportError as problem:
            entry.status, entry.detail = "missing", str(problem)
        except Exception as problem:
            first_line = next(iter(str(problem).splitlines()), "")
            entry.status, entry.detail = "failed", f"{type(problem).__name__}: {first_line}"
        else:
            calls[name] = call
    judge(results, entries, workload.tolerance)
    for name, result in results.items():
        difference = deviation(value, result[0])
        if difference > workload.tolerance:
            entries[name].status = "wrong"
            entries[name].detail = f"its value differs from the primal's by {difference:.1e}"
    return calls, entries


def seconds(call: Contestant, repeat: int) -> float:
    """Mean time of ``repeat`` calls."""
    start = time.perf_counter()
    for _ in range(repeat):
        call()
    return (time.perf_counter() - start) / repeat


def time_in_turn(calls: dict[str, Contestant], rounds: int) -> dict[str, list[float]]:
    """Samples of all contestants, taken round-robin so that drifts of the machine hit all alike.

    Short calls are repeated until a sample lasts a millisecond. Slow ones sit out most rounds.
    """
    repeats, strides = {}, {}
    for name, call in calls.items():
        once = min(seconds(call, 1) for _ in range(2))
        repeats[name] = max(1, math.ceil(SAMPLE_SECONDS / once))
        strides[name] = max(1, min(rounds // 3, round(once / SLOW_SECONDS)))
    samples: dict[str, list[float]] = {name: [] for name in calls}
    names: Sequence[str] = list(calls)
    gc.collect()
    gc.disable()
    try:
        for turn in range(rounds):
            first = turn % len(names)
            for name in (*names[first:], *names[:first]):
                if turn % strides[name] == 0:
                    samples[name].append(seconds(calls[name], repeats[name]))
    finally:
        gc.enable()
    return samples


def measure(workload: Workload, rounds: int, peers: Callable[[str], bool]) -> dict[str, Entry]:
    """Entries of all contestants of a workload, with their samples."""
    calls, entries = prepare(workload, workload.make_args(), peers)
    for name, taken in time_in_turn(calls, rounds).items():
        entries[name].samples = taken
    return entries
