"""The bar of ``gradient(..., progress=True)``."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_WIDTH = 30
_PERIOD = 0.1


@contextmanager
def bar(loops: int, stream: Any = None) -> Iterator[None]:
    """Show on ``stream`` (standard error) how far the compiled code is, while the block runs.

    Another thread reads it, so the compiled code must have released the interpreter's lock.
    """
    from numbad.kernels.progress import state, tick

    out = sys.stderr if stream is None else stream
    tick(0, 0, 0)
    finished = threading.Event()

    def show() -> None:
        while not finished.wait(_PERIOD):
            out.write("\r" + line(loops, *state()))
            out.flush()

    thread = threading.Thread(target=show, daemon=True)
    thread.start()
    try:
        yield
    finally:
        finished.set()
        thread.join()
        loop, _, total = state()
        out.write("\r" + line(loops, loop, total, total) + "\n")
        out.flush()


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
