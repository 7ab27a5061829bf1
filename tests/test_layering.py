"""Which part may import which. The table is the architecture; the code is checked against it."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "numbad"

# Every part may import itself and numbad.config, which knows nothing of the rest.
ALLOWED = {
    "config": (),
    "markers": (),
    "utilities": (),
    "ir": ("errors",),
    "kernels": (),
    "errors": ("ir",),
    "structure": ("ir", "errors"),
    "paths": ("structure",),
    "progress": ("kernels",),
    "messages": (),
    "formulas": ("analysis", "ir"),
    "compilation": ("ir", "paths", "structure", "emit.emitted"),
    "numba_bridge": ("ir", "errors", "kernels", "structure"),
    "rules": ("errors", "kernels"),
    "analysis": ("ir", "errors", "rules.registry", "rules.forms"),
    "frontend": (
        "compilation",
        "ir",
        "paths",
        "errors",
        "structure",
        "markers",
        "messages",
        "numba_bridge",
        "parameters",
        "rules.registry",
        "rules.forms",
        "kernels",
    ),
    "transform": (
        "ir",
        "errors",
        "markers",
        "analysis",
        "rules.registry",
        "rules.forms",
        "kernels",
    ),
    "custom": (
        "ir",
        "errors",
        "markers",
        "utilities",
        "numba_bridge",
        "kernels",
        "rules.registry",
        "rules.forms",
        "structure",
        "analysis",
        "frontend",
        "transform",
        "results",
        "calls",
    ),
    "traced": (
        "errors",
        "structure",
        "results",
        "parameters",
        "utilities",
        "markers",
        "numba_bridge",
        "kernels",
        "rules",
        "custom.declare",
        "frontend.source",
        "frontend.arrays.registry",
    ),
    "emit": (
        *("ir", "errors", "kernels", "messages", "numba_bridge", "numba_cache", "numba_passes"),
        "store.files",
    ),
    "numba_passes": ("kernels", "numba_bridge"),
    "nesting": (
        *("analysis", "api", "chunks", "compilation", "custom", "errors", "frontend", "hessians"),
        *("ir", "jacobians", "markers", "parameters", "results", "rules", "transform"),
        "utilities",
    ),
    "interop": ("api", "errors", "hessians", "jacobians"),
    "sparse": (
        *("calls", "chunks", "compilation", "errors", "jacobians", "kernels", "parameters"),
        *("structure", "writeback"),
    ),
    "numba_cache": ("store.files", "store.fingerprint"),
    "store": (
        *("compilation", "custom.declare", "emit", "numba_bridge", "paths", "pipeline"),
        "structure",
    ),
}
# Modules at the top that are not in the table are the public interface and the pipeline: they tie
# the parts together. The demonstrations are users.
FREE = ("demo",)

# Where the internals of Numba and LLVM may be touched. Its public names are free.
INTERNALS = ("numba_bridge", "numba_cache", "numba_passes", "kernels")
PUBLIC = ("numba.core.errors", "numba.typed", "numba.extending")
FORBIDDEN_EVERYWHERE = ("pytest", "hypothesis", "mpmath")


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def imports(path: Path) -> list[str]:
    """Full names of imported modules, wherever in the file the import is."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.extend(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.extend(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def within(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(prefix + ".")


def parts() -> set[str]:
    return {name_of(path).split(".")[0] for path in modules()}


def test_every_package_is_in_the_table():
    packages = {path.parent.relative_to(PACKAGE).parts[0] for path in PACKAGE.glob("*/*.py")}
    assert packages <= {*ALLOWED, *FREE}, "say what a new package may import"
    assert set(ALLOWED) <= parts(), "the table names something that is gone"


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_imports_stay_within_the_layers(path):
    part = name_of(path).split(".")[0]
    if part not in ALLOWED:
        return
    allowed = (part, "config", *ALLOWED[part])
    wrong = [
        target
        for target in imports(path)
        if within(target, "numbad")
        and target != "numbad"
        and not any(within(target.removeprefix("numbad."), prefix) for prefix in allowed)
    ]
    assert not wrong, f"{part} may import {', '.join(allowed)}; not {', '.join(wrong)}"


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_internals_of_numba_are_touched_in_few_places(path):
    names = imports(path)
    assert not [n for n in names if n.split(".")[0] in FORBIDDEN_EVERYWHERE]
    if name_of(path).split(".")[0] in INTERNALS:
        return
    wrong = [
        name
        for name in names
        if within(name, "llvmlite")
        or (
            (name.count(".") > 1 and within(name, "numba"))
            and not any(within(name, public) for public in PUBLIC)
        )
    ]
    assert not wrong, f"ask numba_bridge or kernels instead of {', '.join(wrong)}"


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_files_are_small(path):
    assert len(path.read_text().splitlines()) <= 600


def test_importing_numbad_does_not_import_what_compiles():
    code = "import sys, numbad; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = run.stdout.split()
    assert "numbad.api" in loaded
    for part in ("frontend", "analysis", "transform", "rules", "pipeline"):
        assert not [name for name in loaded if within(name, f"numbad.{part}")]
