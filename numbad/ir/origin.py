"""Where a statement comes from: what errors and comments in generated code name."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a statement comes from in the user's source."""

    file: str
    line: int
    column: int
    text: str
    end_column: int | None = None

    def __str__(self) -> str:
        return f"{self.file.rsplit('/', 1)[-1]}:{self.line}"
