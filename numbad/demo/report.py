"""What the demonstrations share: timing, an excerpt of generated code, the layout of the output."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence


def heading(title: str) -> None:
    """Print a title over a rule.

    Parameters
    ----------
    title : str
        The title.
    """
    print(f"\n{title}\n{'=' * len(title)}")


def best_time(run: Callable[[], object], repeats: int = 20) -> float:
    """Shortest wall time of a call, in seconds.

    The shortest of several runs is the one least disturbed by the rest of the machine.

    Parameters
    ----------
    run : callable
        What is timed; called once beforehand, so that compilation is not counted.
    repeats : int
        Number of timed calls.

    Returns
    -------
    float
        Seconds.
    """
    run()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def milliseconds(seconds: float) -> str:
    """Text of a duration.

    Parameters
    ----------
    seconds : float
        The duration.

    Returns
    -------
    str
        In milliseconds, with three digits.
    """
    return f"{seconds * 1e3:.3g} ms"


def excerpt(code: str, loop: str, lines: int = 14) -> str:
    """Beginning of the loop that runs backward over one of the user's loops.

    Parameters
    ----------
    code : str
        A generated module; each of its statements names the user's line in a comment above.
    loop : str
        The user's loop, as it is written in the source.
    lines : int
        How many lines are shown.

    Returns
    -------
    str
        Consecutive lines; the last lines of the code if there is no such loop.
    """
    text = code.rstrip().splitlines()
    found = [i for i, line in enumerate(text) if line.endswith(loop) and "#" in line]
    start = min(found[-1] if found else len(text), max(0, len(text) - lines))
    return "\n".join(["    ...", *text[start : start + lines], "    ..."])


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """A table as text: the first column to the left, the others to the right.

    Parameters
    ----------
    rows : sequence of sequences of str
        All of the same length; the first one is the header.

    Returns
    -------
    str
        One line per row.
    """
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if position == 0 else cell.rjust(width)
            for position, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
