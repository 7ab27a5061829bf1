"""What ``gradient(..., progress=...)`` shows or calls."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_WIDTH = 30
_PERIOD = 0.1


@contextmanager
def reported(loops: int, report: Callable[[int, int, int, int], Any] | bool) -> Iterator[None]:
    """Report how far the compiled code is, ten times a second, while the block runs.

    ``report`` is called with the number of the loop, the number of loops, and how many of how many
    iterations are done (0 if that is not known beforehand), from another thread: the compiled code
    must have released the interpreter's lock. True stands for a bar on standard error.
    """
    from numbad.kernels.progress import state, tick

    call = report if callable(report) else _show
    tick(0, 0, 0)
    finished = threading.Event()

    def watch() -> None:
        while not finished.wait(_PERIOD):
            loop, done, total = state()
            call(loop, loops, done, total)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        finished.set()
        thread.join()
        loop, done, total = state()
        call(loop, loops, total if total > 0 else done, total)
        if call is _show:
            sys.stderr.write("\n")


def _show(loop: int, loops: int, done: int, total: int) -> None:
    sys.stderr.write("\r" + line(loops, loop, done, total))
    sys.stderr.flush()


def line(loops: int, loop: int, done: int, total: int) -> str:
    """Return the text for ``done`` of ``total`` iterations of loop number ``loop``.

    Examples
    --------
    >>> line(2, 1, 250, 1000)
    'loop 1 of 2 [#######                       ] 250/1000'
    >>> line(1, 1, 250, 0)
    'loop 1 of 1: 250 iterations'
    """
    head = f"loop {loop} of {loops}"
    if total <= 0:
        return f"{head}: {done} iterations"
    filled = _WIDTH * min(done, total) // total
    return f"{head} [{'#' * filled:<{_WIDTH}}] {done}/{total}"
