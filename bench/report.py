"""Writes a run as JSON, as Markdown and as a plot."""

from __future__ import annotations

import json
import math
import platform
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from bench.harness import HAND, NUMBAD, PRIMAL

LIBRARIES = (
    "numbad",
    "numba",
    "llvmlite",
    "numpy",
    "jax",
    "jaxlib",
    "torch",
    "autograd",
    "warp-lang",
)
TARGET_MEAN, TARGET_WORST, TARGET_FIRST_CALL = 1.1, 1.3, 3.0


def processor() -> str:
    """The processor's name."""
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def versions() -> dict[str, str]:
    """Installed versions of everything that takes part."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def geometric_mean(values: list[float]) -> float:
    """Geometric mean of positive numbers."""
    return math.exp(sum(map(math.log, values)) / len(values))


def milliseconds(seconds: float | None) -> str:
    """A time with three significant digits."""
    return "–" if seconds is None else f"{1e3 * seconds:#.3g}".rstrip(".")


def times(ratio: float | None) -> str:
    """A ratio with two decimals."""
    return "–" if ratio is None else f"{ratio:.2f}"


def megabytes(fresh: dict[str, Any]) -> str:
    """numbad's own account of its tape if it gives one, else the growth of the process."""
    size = fresh.get("tape_bytes") or fresh.get("peak_bytes")
    return "–" if size is None else f"{size / 1e6:.1f}"


def row(result: dict[str, Any]) -> str:
    """One line of the main table."""
    entries = result["contestants"]

    def cell(name: str) -> str:
        entry = entries.get(name)
        if entry is None:
            return "–"
        text = milliseconds(entry["min"])
        return text if entry["status"] == "ok" else f"{text} ({entry['status']})"

    others = {key: entry for key, entry in entries.items() if key.startswith(f"{HAND}, ")}
    other = min((entry["min"] for entry in others.values() if entry["min"]), default=None)
    peer = result["best_peer"]
    return (
        "| "
        + " | ".join(
            [
                result["title"],
                cell(PRIMAL),
                cell(NUMBAD),
                cell(HAND),
                milliseconds(other),
                f"{cell(peer)} ({peer})" if peer else "–",
                times(result["to_primal"]),
                times(result["to_hand"]),
                times(result["first_call_ratio"]),
                megabytes(result["fresh"].get(NUMBAD, {})),
            ]
        )
        + " |"
    )


def summary(results: list[dict[str, Any]]) -> list[str]:
    """The targets against what was measured."""
    to_hand = [r["to_hand"] for r in results if r["to_hand"]]
    first = [r["first_call_ratio"] for r in results if r["first_call_ratio"]]
    lines = []
    if to_hand:
        lines.append(
            f"- gradient / hand adjoint: geometric mean {geometric_mean(to_hand):.2f} "
            f"(target {TARGET_MEAN}), worst {max(to_hand):.2f} (target {TARGET_WORST})"
        )
    if first:
        lines.append(
            f"- first call / Numba's first call of the primal: worst {max(first):.2f} "
            f"(target {TARGET_FIRST_CALL:g})"
        )
    return lines


def markdown(results: list[dict[str, Any]], rounds: int) -> str:
    """The report as text."""
    known = ", ".join(f"{name} {version}" for name, version in versions().items())
    lines = [
        "# Benchmark results",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, {processor()}, one core, {known}.",
        f"Milliseconds, fastest of {rounds} interleaved samples.",
        "",
        "| workload | primal | numbad | hand | hand, restructured | best peer | numbad / primal "
        "| numbad / hand | first call / primal's | memory, MB |",
        "|---|---|---|---|---|---|---|---|---|---|",
        *map(row, results),
        "",
        *summary(results),
    ]
    beaten = [(r["title"], rival) for r in results for rival in r["beaten_by"]]
    if beaten:
        lines += ["", "## Where numbad is beaten", "", "| workload | by | times faster | why |"]
        lines += ["|---|---|---|---|"]
        lines += [
            f"| {title} | {rival['name']} | {rival['ratio']:.2f} | {rival['reason']} |"
            for title, rival in beaten
        ]
    lines += [
        "",
        "## All contestants",
        "",
        "| workload | contestant | min | median | difference | |",
    ]
    lines += ["|---|---|---|---|---|---|"]
    for result in results:
        for name, entry in result["contestants"].items():
            difference = "–" if entry["difference"] is None else f"{entry['difference']:.0e}"
            remark = "" if entry["status"] == "ok" else f"{entry['status']}: {entry['detail']}"
            lines.append(
                f"| {result['title']} | {name} | {milliseconds(entry['min'])} "
                f"| {milliseconds(entry['median'])} | {difference} | {remark} |"
            )
    return "\n".join(lines) + "\n"


def plot(results: list[dict[str, Any]], path: Path) -> None:
    """Times of all contestants relative to the primal, one row per workload."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    styles = {NUMBAD: ("tab:red", "D", 70), HAND: ("black", "s", 45)}
    figure, axes = pyplot.subplots(figsize=(9, 1.2 + 0.55 * len(results)))
    shown: set[str] = set()
    for position, result in enumerate(reversed(results)):
        entries = result["contestants"]
        primal = entries[PRIMAL]["min"]
        for name, entry in entries.items():
            if name == PRIMAL or entry["min"] is None or entry["status"] != "ok":
                continue
            family = name if name in styles else name.split(",")[0].split(".")[0]
            if family == HAND and name != HAND:
                family = "hand, restructured"
            colours = {"hand, restructured": "grey", "jax": "tab:blue", "torch": "tab:orange"}
            colour, marker, size = styles.get(family, (colours.get(family, "tab:green"), "o", 30))
            label = None if family in shown else family
            shown.add(family)
            axes.scatter(
                entry["min"] / primal,
                position,
                c=colour,
                marker=marker,
                s=size,
                label=label,
                zorder=3,
            )
    axes.axvline(1.0, color="grey", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_xlabel("time of value and gradient / time of the primal")
    axes.set_yticks(range(len(results)), [result["title"] for result in reversed(results)])
    axes.grid(axis="x", alpha=0.3)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def write(results: list[dict[str, Any]], rounds: int, folder: Path) -> None:
    """Write ``latest.json``, ``latest.md`` and ``latest.png`` into a folder and print the table."""
    folder.mkdir(parents=True, exist_ok=True)
    record = {
        "date": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "processor": processor(),
        "versions": versions(),
        "rounds": rounds,
        "workloads": results,
    }
    (folder / "latest.json").write_text(json.dumps(record, indent=1) + "\n")
    text = markdown(results, rounds)
    (folder / "latest.md").write_text(text)
    plot(results, folder / "latest.png")
    print("\n" + text)
