"""Names that normalisation introduces: they begin with a dot, as no name of the user can."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

RESULT = ".result"
THROWN = ".thrown"


@dataclass(slots=True)
class Names:
    """Counter of introduced names; one per outermost function, so that they are distinct in it."""

    counts: Counter[str] = field(default_factory=Counter)

    def new(self, stem: str) -> str:
        """A new name, ``.stem1``, ``.stem2`` and so on.

        Examples
        --------
        >>> names = Names()
        >>> names.new("go"), names.new("go"), names.new("returned")
        ('.go1', '.go2', '.returned1')
        """
        self.counts[stem] += 1
        return f".{stem}{self.counts[stem]}"


def is_introduced(name: str) -> bool:
    """Whether a name comes from normalisation and not from the user."""
    return name.startswith(".")


def hint(name: str) -> str:
    """Name for generated code: the name itself without the dot.

    Examples
    --------
    >>> hint(".go1"), hint("x")
    ('go1', 'x')
    """
    return name.lstrip(".")
