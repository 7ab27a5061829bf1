"""The corpus of small programs, grouped by topic: every form of code numbad must differentiate."""

from tests.programs import (
    containers,
    control_flow,
    dtypes,
    exceptions,
    functions,
    linear_algebra,
    loops,
    memory,
    numpy_expressions,
    pitfalls,
    simulation,
    views,
)
from tests.programs.program import Program

TOPICS = (
    control_flow,
    loops,
    pitfalls,
    memory,
    views,
    functions,
    containers,
    dtypes,
    exceptions,
    linear_algebra,
    numpy_expressions,
    simulation,
)
PROGRAMS: tuple[Program, ...] = tuple(p for topic in TOPICS for p in topic.PROGRAMS)
