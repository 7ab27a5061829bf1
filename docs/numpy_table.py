"""Write the tables of ``numpy.md`` from the registries: ``python docs/numpy_table.py``."""

from __future__ import annotations

import cmath
import math
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numba.core import types
from numba.core.registry import cpu_target

from numbad.frontend import arrays
from numbad.rules import registry
from numbad.rules.forms import LinearRule, Missing, PairRule, ScalarRule, ZeroDerivative

BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"
MODULES = {
    "math": math,
    "cmath": cmath,
    "np": np,
    "np.linalg": np.linalg,
    "np.random": np.random,
}

# Evaluated while the program is built, as far as they occur there.
STATIC = {np.dtype, np.finfo, np.iinfo}
REFUSED = {np.frombuffer}
# Written out, and no path with a slope leads through the result.
ZERO = {
    *(np.all, np.allclose, np.any, np.arange, np.argmax, np.argmin, np.argpartition, np.argwhere),
    *(np.array_equal, np.bartlett, np.blackman, np.broadcast_shapes, np.count_nonzero, np.digitize),
    *(np.empty, np.empty_like, np.eye, np.hamming, np.hanning, np.histogram, np.identity),
    *(np.indices, np.isclose, np.iscomplex, np.iscomplexobj, np.isin, np.isneginf, np.isposinf),
    *(np.isreal, np.isrealobj, np.isscalar, np.nanargmax, np.nanargmin, np.ndindex, np.ones),
    *(np.ones_like, np.shape, np.size, np.tri, np.tril_indices, np.tril_indices_from),
    *(np.triu_indices, np.triu_indices_from, np.zeros, np.zeros_like),
}
ZERO_MEMBERS = {"argmax", "argmin", "argsort", "all", "any", "nonzero", "dtype", "itemsize"}
ZERO_MEMBERS |= {"nbytes", "ndim", "shape", "size"}
# Numba's own names, which arrays do not have.
INTERNAL_MEMBERS = {"__hash__", "_zero_fill", "allclose"}


def supported_functions() -> dict[str, Any]:
    """Functions of these modules that the installed Numba compiles, by their spelling."""
    cpu_target.target_context.refresh()
    context = cpu_target.typing_context
    context.refresh()
    known = set()
    for key in context._globals:
        value = key() if isinstance(key, weakref.ref) else key
        try:
            known.add(value)
        except TypeError:
            continue
    found = {}
    for prefix, module in MODULES.items():
        for name, value in vars(module).items():
            if not name.startswith("_") and callable(value) and value in known:
                found[f"{prefix}.{name}"] = value
    return found


def supported_members() -> set[str]:
    """Attributes and methods of arrays that the installed Numba compiles."""
    cpu_target.target_context.refresh()
    context = cpu_target.typing_context
    context.refresh()
    names = set()
    for key, templates in context._attributes.items():
        if isinstance(key, type) and issubclass(types.Array, key):
            for template in templates:
                names |= {
                    n.removeprefix("resolve_") for n in dir(template) if n.startswith("resolve_")
                }
                names |= {getattr(template, "_attr", None) or "resolve"}
    return {n for n in names if not n.startswith("generic")} - {"resolve"} - INTERNAL_MEMBERS


def kind_of(function: Any) -> str | None:
    """What the derivative of a function is, in words; None if nothing is known about it."""
    if function in STATIC:
        return "known when compiled"
    if function in REFUSED:
        return "refused: a reinterpretation of memory has no derivative"
    handled = function in arrays.HANDLERS
    rule = registry.lookup(function) or registry.lookup(function, is_complex=True)
    is_drawn = isinstance(rule, ZeroDerivative) and rule.impure
    is_written_out = rule is None or (is_drawn and function in arrays.DECOMPOSITIONS)
    if handled and (is_written_out or isinstance(rule, Missing)):
        return "zero" if function in ZERO else "written out"
    match rule:
        case ScalarRule():
            return "partials"
        case PairRule() | LinearRule():
            return "rule for both modes"
        case ZeroDerivative():
            return f"zero: {rule.note}" if rule.note else "zero"
        case Missing():
            return f"refused: {rule.reason}"
        case _:
            return None


def kind_of_member(name: str) -> str | None:
    """What the derivative of an attribute or method of arrays is; None if it is not known."""
    if name in arrays.REFUSED:
        return f"refused: {arrays.REFUSED[name][0].lower()}{arrays.REFUSED[name][1:].rstrip('.')}"
    if name in arrays.METHODS or name in arrays.ATTRIBUTES:
        return "zero" if name in ZERO_MEMBERS else "written out"
    return None


def tables() -> str:
    """The tables as Markdown."""
    functions = supported_functions()
    lines: list[str] = []
    for prefix in MODULES:
        own = {n: f for n, f in functions.items() if n.rpartition(".")[0] == prefix}
        lines += [f"### `{prefix}`", "", *_grouped(own, lambda name, o=own: kind_of(o[name])), ""]
    members = sorted(supported_members())
    lines += ["### Attributes and methods of arrays", ""]
    lines += _grouped(members, kind_of_member)
    return "\n".join(lines)


def _grouped(names: Any, kind: Callable[[str], str | None]) -> Iterator[str]:
    groups: dict[str, list[str]] = {}
    for name in sorted(names):
        groups.setdefault(kind(name) or "unknown", []).append(name.rpartition(".")[2])
    yield "| derivative | names |"
    yield "|---|---|"
    for words, members in sorted(groups.items()):
        yield f"| {words} | {' '.join(f'`{name}`' for name in members)} |"


def main() -> None:
    """Replace the tables in ``numpy.md``."""
    page = Path(__file__).with_name("numpy.md")
    before, rest = page.read_text().split(BEGIN)
    after = rest.split(END)[1]
    page.write_text(f"{before}{BEGIN}\n{tables()}\n{END}{after}")


if __name__ == "__main__":
    main()
