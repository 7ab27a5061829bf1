"""A generated module as text, with the origin of each line."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from numbad.ir.origin import Origin


@dataclass(frozen=True)
class Emitted:
    """A generated module.

    Attributes
    ----------
    text : source of the module
    origin_map : origin of each line, the first line of the text first
    entry_name : name of the function to call
    bindings : objects that the loader puts into the module's namespace, by name
    digest : hash that names the file
    """

    text: str
    origin_map: tuple[Origin | None, ...]
    entry_name: str
    bindings: dict[str, Any] = field(default_factory=dict)
    digest: str = ""
