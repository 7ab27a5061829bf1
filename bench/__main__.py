"""``python -m bench``: measure; write JSON, a Markdown table and a plot to ``bench/results``."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--only", action="append", metavar="NAME", help="this workload (repeatable)"
    )
    parser.add_argument("--rounds", type=int, default=30, help="samples of each contestant")
    parser.add_argument(
        "--quick", action="store_true", help="5 rounds, no peers, no fresh processes"
    )
    parser.add_argument("--peers", metavar="TEXT", help="only peers whose name contains TEXT")
    parser.add_argument("--no-peers", action="store_true", help="leave the other libraries out")
    parser.add_argument("--no-fresh", action="store_true", help="skip first-call times and memory")
    parser.add_argument(
        "--core", type=int, default=None, help="run on this core (default: the last)"
    )
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results")
    return parser.parse_args()


def use_one_core(core: int | None) -> None:
    """Confine this process, its children and every library's threads to one core.

    Must run before NumPy or any of the peers is imported.
    """
    for name in ("OMP", "OPENBLAS", "MKL", "NUMBA", "VECLIB_MAXIMUM"):
        os.environ[f"{name}_NUM_THREADS"] = "1"
    os.environ["XLA_FLAGS"] = (
        "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1 "
        + os.environ.get("XLA_FLAGS", "")
    )
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    if hasattr(os, "sched_setaffinity"):
        allowed = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {allowed[-1] if core is None else core})


def main() -> int:
    """Run the chosen workloads, write the report; 1 where numbad's result is wrong or missing."""
    options = arguments()
    use_one_core(options.core)
    from bench import report, suite
    from bench.workloads import NAMES

    names = options.only or NAMES
    unknown = sorted(set(names) - set(NAMES))
    if unknown:
        raise SystemExit(f"unknown workload {unknown[0]!r}; there are {', '.join(NAMES)}")
    run = suite.Run(
        rounds=5 if options.quick else options.rounds,
        fresh=not (options.quick or options.no_fresh),
        peers=lambda name: (
            not (options.quick or options.no_peers)
            and (options.peers is None or options.peers in name)
        ),
    )
    results = [run.workload(name) for name in names]
    report.write(results, run.rounds, options.output)
    return int(any(r["contestants"]["numbad"]["status"] != "ok" for r in results))


if __name__ == "__main__":
    sys.exit(main())
