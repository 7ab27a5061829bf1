"""First calls: ``python -m bench.first_call`` writes ``bench/results/first_call.md``.

Each figure is from a process of its own: the first call of the function, compiled by Numba; its
first gradient with an empty cache; the first gradient in a second process. All are without imports
and without what Numba takes to set itself up; the import of numbad's passes, once per process that
compiles anything, has a column.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench import harness
from bench.workloads import NAMES

_HEADER = """# First calls

Seconds, from `python -m bench.first_call`, on one core of a shared machine: the ratios mean more
than the times.

| workload | primal (Numba) | first gradient | ratio | import of the passes | in a second process |
|---|---|---|---|---|---|
"""


def first(name: str, which: str, cache: str, *options: str) -> dict[str, Any]:
    """Figures of the first call in a new process."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.fresh", name, which, *options],
        env=os.environ | {"NUMBAD_CACHE_DIR": cache, "NUMBA_CACHE_DIR": cache},
        capture_output=True,
        text=True,
        timeout=600,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def row(name: str) -> str:
    """The line of the table for one workload."""
    with tempfile.TemporaryDirectory() as cache:
        primal = first(name, "primal", cache)["first"]
        cold = first(name, harness.NUMBAD, cache)
        warm = first(name, harness.NUMBAD, cache, "--known")["first"]
    ratio = cold["first"] / primal
    return (
        f"| {name} | {primal:.2f} | {cold['first']:.2f} | {ratio:.1f} | {cold['passes']:.2f} "
        f"| {warm:.2f} |"
    )


def main() -> None:
    """Measure all workloads and write the table."""
    rows = []
    for name in sys.argv[1:] or NAMES:
        rows.append(row(name))
        print(rows[-1], flush=True)
    path = Path(__file__).parent / "results" / "first_call.md"
    path.write_text(_HEADER + "\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
