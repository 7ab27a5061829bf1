"""Functions as packages that use Numba write them: the code numbad must accept as it is."""

from tests.corpus import (
    adbench,
    distances,
    economics,
    geometry,
    interpolation,
    learning,
    orbits,
    physics,
    statistics,
    thermodynamics,
    timeseries,
)
from tests.programs.program import Program

TOPICS = (
    distances,
    orbits,
    statistics,
    economics,
    interpolation,
    thermodynamics,
    timeseries,
    geometry,
    physics,
    learning,
    adbench,
)
PROGRAMS: tuple[Program, ...] = tuple(p for topic in TOPICS for p in topic.PROGRAMS)
