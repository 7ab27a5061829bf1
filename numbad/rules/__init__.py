"""Derivative rules. Importing the package fills the registry.

A file per topic; to add a rule, see ``declare``. The engine reads ``registry`` only.
"""

from numbad.rules import (
    absorbing,
    complex_factors,
    complex_numbers,
    copies,
    eigen,
    linalg,
    nondiff,
    operators,
    products,
    random_draws,
    registry,
    scalar,
    scipy_functions,
    special,
    spectral,
    vectorised,
)

__all__ = [
    "absorbing",
    "complex_factors",
    "complex_numbers",
    "copies",
    "eigen",
    "linalg",
    "nondiff",
    "operators",
    "products",
    "random_draws",
    "registry",
    "scalar",
    "scipy_functions",
    "special",
    "spectral",
    "vectorised",
]
