"""Write the table of rules of ``rules.md`` from the registry: ``python docs/rule_table.py``."""

from __future__ import annotations

import inspect
import random
from pathlib import Path
from typing import Any

import numpy as np

from numbad.rules import registry
from numbad.rules.forms import LinearRule, Missing, PairRule, ScalarRule, ZeroDerivative

BEGIN, END = "<!-- rules: begin -->", "<!-- rules: end -->"
PREFIXES = {
    "numpy": "np",
    "numpy.linalg": "np.linalg",
    "numpy.random": "np.random",
    "_operator": "operator",
    "builtins": "",
}


def spelling(function: Any) -> str:
    """How a user writes the function."""
    owner = getattr(function, "__self__", None)
    module = function.__module__ or type(owner).__module__
    if isinstance(owner, random.Random | np.random.RandomState):
        module = "random" if isinstance(owner, random.Random) else "np.random"
    elif isinstance(function, np.ufunc):
        module = "np"
    module = PREFIXES.get(module, module)
    name = function.__name__
    return f"{module}.{name}" if module else name


def form(rule: Any) -> str:
    """What kind of derivative the rule states, in words."""
    match rule:
        case ScalarRule():
            reads = "the result" if rule.takes_result else "arguments only"
            return f"partials from {reads}"
        case PairRule():
            modes = [mode for mode in ("jvp", "vjp") if getattr(rule, mode) is not None]
            return " and ".join(modes)
        case LinearRule():
            return "linear"
        case ZeroDerivative():
            return f"zero: {rule.note}" if rule.note else "zero"
        case Missing():
            return f"refused: {rule.reason}"
        case _:
            raise AssertionError(rule)


def topic(rule: Any) -> str:
    """The file of the rule's body; the file of a rule without one is not known."""
    body = getattr(rule, "body", None) or getattr(rule, "vjp", None) or getattr(rule, "jvp", None)
    body = body or getattr(rule, "transpose", None)
    return Path(inspect.getfile(body)).stem if body is not None else "-"


def table() -> str:
    """The table as Markdown, in order of spelling."""
    rows = set()
    for is_complex in (False, True):
        for rule in registry.rules(is_complex=is_complex):
            names = sorted({spelling(function) for function in rule.names}, key=str.lower)
            domain = "complex" if is_complex else "real"
            rows.add((", ".join(f"`{name}`" for name in names), domain, form(rule), topic(rule)))
    merged: dict[tuple[str, str, str], list[str]] = {}
    for names, domain, kind, file in sorted(rows):
        merged.setdefault((names, kind, file), []).append(domain)
    lines = ["| functions | operands | derivative | file |", "|---|---|---|---|"]
    for (names, kind, file), domains in sorted(merged.items(), key=lambda item: item[0][0].lower()):
        operands = "any" if len(domains) > 1 else domains[0]
        lines.append(f"| {names} | {operands} | {kind} | `{file}` |".replace("`-`", "-"))
    return "\n".join(lines)


def main() -> None:
    """Replace the table in ``rules.md``."""
    page = Path(__file__).with_name("rules.md")
    before, rest = page.read_text().split(BEGIN)
    after = rest.split(END)[1]
    page.write_text(f"{before}{BEGIN}\n{table()}\n{END}{after}")


if __name__ == "__main__":
    main()
