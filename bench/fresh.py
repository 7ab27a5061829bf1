"""Costs that only a fresh process shows: the first call, and the memory of one gradient.

``python -m bench.fresh NAME primal|numbad|hand`` prints them as JSON. The import of numbad's
passes, which the first call does if the derivative is not on disk, is a figure of its own;
``--known`` leaves it to the first call.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench import harness
from bench.workload import Args, Contestant, Workload


def contestant(workload: Workload, which: str, args: Args) -> Contestant:
    """The primal, numbad or the hand-written adjoint, not called yet."""
    match which:
        case harness.NUMBAD:
            return harness.numbad_contestant(workload, args)
        case harness.HAND:
            return lambda: workload.hand[harness.HAND](*args)
        case _:
            return lambda: (workload.primal(*args), ())


def memory(field: str) -> int:
    """A field of this process's status, in bytes; Linux only."""
    text = Path("/proc/self/status").read_text()
    found = re.search(rf"^{field}:\s+(\d+) kB", text, re.MULTILINE)
    return 1024 * int(found.group(1)) if found else 0


def peak_bytes(call: Contestant) -> int:
    """Memory that a call adds to the process at its peak: tape, shadows and results."""
    Path("/proc/self/clear_refs").write_text("5")
    before = memory("VmRSS")
    call()
    return max(0, memory("VmHWM") - before)


def tape_bytes(workload: Workload, args: Args) -> int | None:
    """What numbad itself says that its tape takes, where it says so."""
    import numbad

    report = getattr(getattr(numbad, "show", None), "tape_bytes", None)
    if report is None or workload.numbad is not None:
        return None
    try:
        return int(report(workload.primal, *args, wrt=workload.wrt))
    except ValueError:  # it grows as the program runs
        return None


def measure_here(workload: Workload, which: str) -> dict[str, Any]:
    """The numbers for this process. Compiles on small arguments of the same types."""
    from numba import njit

    start = time.perf_counter()
    njit(lambda x: x + 1.0)(1.0)
    warm_up = time.perf_counter() - start
    passes = 0.0
    if which == harness.NUMBAD and "--known" not in sys.argv:
        start = time.perf_counter()
        import numbad.pipeline  # noqa: F401 - what a first call imports, unless it is on disk

        passes = time.perf_counter() - start
    small, full = workload.make_args(small=True), workload.make_args()
    start = time.perf_counter()
    contestant(workload, which, small)()
    first = time.perf_counter() - start
    tape = tape_bytes(workload, full) if which == harness.NUMBAD else None
    call = contestant(workload, which, full)
    return {
        "warm_up": warm_up,
        "passes": passes,
        "first": first,
        "peak_bytes": peak_bytes(call),
        "tape_bytes": tape,
    }


def measure(name: str, which: str) -> dict[str, Any]:
    """The same in a new process with empty caches; ``{"error": ...}`` where it fails."""
    with tempfile.TemporaryDirectory() as cache:
        environment = os.environ | {"NUMBAD_CACHE_DIR": cache, "NUMBA_CACHE_DIR": cache}
        done = subprocess.run(
            [sys.executable, "-m", "bench.fresh", name, which],
            env=environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
    if done.returncode != 0:
        return {"error": (done.stderr.strip().splitlines() or ["no output"])[-1]}
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


if __name__ == "__main__":
    from bench.workloads import load

    print(json.dumps(measure_here(load(sys.argv[1]), sys.argv[2])))
