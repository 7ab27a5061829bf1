"""What the examples share: where the picture goes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any


def folder() -> Path:
    """Return the directory for pictures: the first argument, or the working directory."""
    return Path(sys.argv[1]) if len(sys.argv) > 1 else Path()


def save(figure: Any, directory: Path, name: str) -> Path:
    """Write a figure as PNG and return its path."""
    path = directory / f"{name}.png"
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    print(f"written to {path}")
    return path
