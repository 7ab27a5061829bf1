"""First calls in lanes: ``python -m bench.first_call_lanes`` writes a table to ``bench/results``.

A Jacobian by forward mode with 1, 4, 8 and 12 directions per sweep, against Numba's own compilation
of the function. Each figure is from a process of its own with empty caches, without imports and
without what Numba takes to set itself up.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from bench.workload import Args
from bench.workloads import load

WIDTHS = (1, 4, 8, 12)
NAMES = ("lorenz", "rosenbrock", "dense_jacobian")
_HEADER = """# First calls, by number of directions

Seconds, from `python -m bench.first_call_lanes`, on one core of a shared machine: the ratios mean
more than the times. A Jacobian by forward mode with at most N directions per sweep.

| workload | primal (Numba) | N = 1 | N = 4 | N = 8 | N = 12 | largest ratio |
|---|---|---|---|---|---|---|
"""


def arguments(name: str) -> Args:
    """Arguments with enough elements for all widths, of few steps."""
    if name == "rosenbrock":
        return (np.linspace(-1.0, 1.0, 24),)
    if name == "dense_jacobian":
        return (np.linspace(-1.0, 1.0, 24), np.eye(24))
    return load(name).make_args(small=True)


def first(name: str, width: str) -> float:
    """Seconds of the first call in this process: of the primal for width 0."""
    from numba import njit

    import numbad
    import numbad.pipeline  # the import of the passes is not what is measured

    njit(lambda x: x + 1.0)(1.0)
    primal, args = load(name).primal, arguments(name)
    wrt = 0 if name == "dense_jacobian" else None
    start = time.perf_counter()
    if width == "0":
        primal(*args)
    else:
        numbad.jacobian(primal, *args, mode="forward", chunk_threshold=int(width), wrt=wrt)
    return time.perf_counter() - start


def measured(name: str, width: int) -> float:
    """The same in a new process."""
    with tempfile.TemporaryDirectory() as cache:
        done = subprocess.run(
            [sys.executable, "-m", "bench.first_call_lanes", name, str(width)],
            env=os.environ | {"NUMBAD_CACHE_DIR": cache, "NUMBA_CACHE_DIR": cache},
            capture_output=True,
            text=True,
            timeout=600,
            check=True,
        )
    return float(done.stdout.splitlines()[-1])


def main() -> None:
    """Measure all workloads and write the table."""
    rows = []
    for name in NAMES:
        primal = min(measured(name, 0) for _ in range(2))
        times = [min(measured(name, width) for _ in range(2)) for width in WIDTHS]
        texts = " | ".join(f"{seconds:.2f}" for seconds in times)
        rows.append(f"| {name} | {primal:.2f} | {texts} | {max(times) / primal:.1f} |")
        print(rows[-1], flush=True)
    path = Path(__file__).parent / "results" / "first_call_lanes.md"
    path.write_text(_HEADER + "\n".join(rows) + "\n")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(first(*sys.argv[1:]))
    else:
        main()
