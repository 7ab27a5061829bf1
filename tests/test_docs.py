"""Documentation is executed: examples of pages and docstrings, the table of rules, error anchors.

A page's blocks run in order in one namespace: ``python`` blocks as they are, ``pycon`` blocks as
doctests. Blocks of other languages are not run.
"""

from __future__ import annotations

import doctest
import importlib
import importlib.util
import linecache
import pkgutil
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

import numbad
from numbad import errors

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(python|pycon)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)?(?:#([^)\s]+))?\)")
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL


@dataclass(frozen=True)
class Example:
    language: str
    code: str
    line: int


def examples(page: Path) -> list[Example]:
    text = page.read_text()
    return [
        Example(match[1], match[2], text.count("\n", 0, match.start()) + 1)
        for match in FENCE.finditer(text)
    ]


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def run_python(example: Example, page: str, namespace: dict[str, object]) -> None:
    # The source of functions defined in a block is found the way that notebooks provide it.
    file = f"<{page}:{example.line}>"
    lines = example.code.splitlines(keepends=True)
    linecache.cache[file] = (len(example.code), None, lines, file)
    exec(compile(example.code, file, "exec"), namespace)


def run_doctest(example: Example, page: str, namespace: dict[str, object]) -> None:
    name = f"{page}:{example.line}"
    test = doctest.DocTestParser().get_doctest(example.code, {}, name, page, example.line)
    test.globs = namespace
    report: list[str] = []
    results = doctest.DocTestRunner(optionflags=OPTIONS).run(
        test, out=report.append, clear_globs=False
    )
    assert results.failed == 0, "".join(report)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_examples_of_a_page(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "__main__"}
    for example in examples(page):
        run = run_python if example.language == "python" else run_doctest
        run(example, name_of(page), namespace)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_of_a_page_lead_somewhere(page):
    for target, anchor in LINK.findall(page.read_text()):
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), f"{name_of(page)} links to {target}"
        if anchor and path.suffix == ".md":
            assert anchor in anchors(path), f"{name_of(page)} links to {target}#{anchor}"


def anchors(page: Path) -> set[str]:
    found = set()
    for title in re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE):
        explicit = re.search(r"\{\s*#([\w-]+)\s*\}", title)
        plain = re.sub(r"[^\w\s-]", "", title).strip().lower()
        found.add(explicit[1] if explicit else re.sub(r"\s+", "-", plain))
    return found


def module_names() -> list[str]:
    found = [
        module.name
        for module in pkgutil.walk_packages(numbad.__path__, "numbad.")
        if not module.name.startswith(("numbad.demo", "numbad.cuda"))
        and "__main__" not in module.name
    ]
    return ["numbad", *found]


@pytest.mark.parametrize("name", module_names())
def test_examples_of_docstrings(name):
    module = importlib.import_module(name)
    results = doctest.testmod(module, optionflags=OPTIONS)
    assert results.failed == 0


@pytest.mark.parametrize("cls", errors.error_classes(), ids=lambda cls: cls.__name__)
def test_every_error_is_documented(cls):
    text = (ROOT / errors.DOCUMENT).read_text()
    assert f"{cls.code} {cls.__name__}" in text
    assert cls.code in anchors(ROOT / errors.DOCUMENT)


def test_the_table_of_rules_equals_the_registry():
    path = ROOT / "docs" / "rule_table.py"
    spec = importlib.util.spec_from_file_location("rule_table", path)
    rule_table = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(rule_table)
    page = (ROOT / "docs" / "rules.md").read_text()
    assert rule_table.table() in page, f"run {path.relative_to(ROOT)}"


def test_public_names_are_documented():
    text = (ROOT / "docs" / "semantics.md").read_text()
    missing = [name for name in numbad.__all__ if f"`{name}" not in text]
    assert not missing
