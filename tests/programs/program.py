"""What a corpus entry is, and the decorator that registers one.

A corpus function is written at module level, so that its source can be read, and carries its own
sample arguments.  It runs in plain Python and under ``numba.njit`` with the same result, unless
``jit=False`` says why only numbad accepts it.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Arguments = Callable[[np.random.Generator], tuple[Any, ...]]


@dataclass(frozen=True)
class Program:
    """A function with sample arguments and what is expected of its derivative.

    Attributes
    ----------
    name : str
        Name of the function; unique within its module.
    function : callable
        Plain function or ``@njit`` dispatcher.
    arguments : callable
        ``arguments(rng)`` makes a fresh tuple of positional arguments.
    kwargs : dict
        Keyword arguments, never differentiated.
    wrt : tuple of int or None
        Arguments to differentiate; all that hold floating-point leaves when None.
    none : tuple of int
        Arguments that have no differentiable path, so that their gradient is None.
    complex_step : bool
        The plain function is analytic and accepts complex arguments.
    jit : bool
        ``numba.njit`` accepts the function too.
    tolerance : float
        Factor on the table of tolerances, for ill-conditioned programs.
    step : float
        Largest step of the finite differences: small for programs with many branches, large for
        programs that round to single precision.
    module : str
        Topic: last part of the name of the defining module.
    """

    name: str
    function: Callable[..., Any]
    arguments: Arguments
    kwargs: dict[str, Any] = field(default_factory=dict)
    wrt: tuple[int, ...] | None = None
    none: tuple[int, ...] = ()
    complex_step: bool = False
    jit: bool = True
    tolerance: float = 1.0
    step: float = 1e-3
    module: str = ""

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"

    def rng(self, seed: int = 0) -> np.random.Generator:
        """Generator whose stream depends only on the program and ``seed``."""
        return np.random.default_rng([zlib.crc32(str(self).encode()), seed])

    @property
    def original(self) -> Callable[..., Any]:
        """The plain Python function, without its dispatcher."""
        return getattr(self.function, "py_func", self.function)


def program(arguments: Arguments, **options: Any) -> Callable[[Any], Any]:
    """Register the decorated function in ``PROGRAMS`` of its module and return it unchanged."""

    def register(function: Any) -> Any:
        original = getattr(function, "py_func", function)
        module = sys.modules[original.__module__]
        name = options.pop("name", original.__name__)
        entry = Program(
            name, function, arguments, module=original.__module__.rsplit(".", 1)[-1], **options
        )
        programs = module.__dict__.setdefault("PROGRAMS", [])
        assert all(other.name != name for other in programs), f"two programs named {name}"
        programs.append(entry)
        return function

    return register


def add(name: str, function: Any, arguments: Arguments, **options: Any) -> None:
    """Register a function that a decorator can't reach: a lambda, partial, method or object."""
    frame = sys._getframe(1)  # noqa: SLF001
    module = sys.modules[frame.f_globals["__name__"]]
    entry = Program(name, function, arguments, module=module.__name__.rsplit(".", 1)[-1], **options)
    programs = module.__dict__.setdefault("PROGRAMS", [])
    assert all(other.name != name for other in programs), f"two programs named {name}"
    programs.append(entry)
