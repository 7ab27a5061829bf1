"""Functions of complex numbers with several results."""

from __future__ import annotations

import cmath
from typing import Any

from numbad.frontend.arrays.registry import decomposition


@decomposition(cmath.polar)
def polar(z: Any) -> Any:
    """Modulus and angle."""
    return abs(z), cmath.phase(z)
