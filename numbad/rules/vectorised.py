"""The vectorisable elementary functions have the rules of those that they stand for."""

from __future__ import annotations

from numbad.kernels.vector_math import spellings
from numbad.rules import registry

for _plain, _function in spellings().items():
    _rule = registry.lookup(_plain)
    assert _rule is not None
    registry.register(_function, _rule, columns="r")
