"""Where a rule holds and may be sampled, and the points where its value is a convention.

A domain is a set of numbers for one argument. ``Kink`` names a point at which the derivative does
not exist (or is infinite) and the partial that the rule returns there. Both are documentation and
test input: declaring a rule with them adds its tests.
"""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Interval:
    """The real numbers from ``low`` to ``high``, without those closer to zero than ``gap``."""

    low: float
    high: float
    gap: float = 0.0

    def sample(self, source: random.Random) -> float:
        """Return a random member."""
        while True:
            value = source.uniform(self.low, self.high)
            if abs(value) >= self.gap:
                return value


@dataclass(frozen=True, slots=True)
class Integers:
    """The whole numbers from ``low`` to ``high``, for arguments that must be of integer type."""

    low: int
    high: int

    def sample(self, source: random.Random) -> int:
        """Return a random member."""
        return source.randint(self.low, self.high)


Domain = Interval | Integers

REAL = Interval(-4.0, 4.0)
NONZERO = Interval(-4.0, 4.0, gap=0.1)
POSITIVE = Interval(0.1, 4.0)
UNIT = Interval(-0.95, 0.95)


@dataclass(frozen=True, slots=True)
class Kink:
    """At the arguments ``at`` the rule's partials are ``slopes``, by convention."""

    at: tuple[float, ...]
    slopes: tuple[float | None, ...]
