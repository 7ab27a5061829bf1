"""Documentation is executed: examples of pages and docstrings; links, errors and rules agree."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import numbad
from numbad import errors
from tests.pages import OPTIONS, PAGES, ROOT, blocks, name_of, run_doctest, run_python

LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)?(?:#([^)\s]+))?\)")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_examples_of_a_page(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "__main__"}
    for block in blocks(page):
        if block.language == "python":
            run_python(block, namespace)
        else:
            report = run_doctest(block, name_of(page), namespace)
            assert not report, f"{report}\nrun `python -m tests.pages` if the output is right"


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
    # In a process of its own: programs of other tests register functions that are called back.
    path = ROOT / "docs" / "rule_table.py"
    code = f"import runpy; print(runpy.run_path({str(path)!r})['table'](), end='')"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout
    assert run.stdout in (ROOT / "docs" / "rules.md").read_text(), f"run {path.relative_to(ROOT)}"


def test_public_names_are_documented():
    text = (ROOT / "docs" / "semantics.md").read_text()
    missing = [name for name in numbad.__all__ if f"`{name}" not in text]
    assert not missing


def test_every_page_is_in_the_navigation():
    text = (ROOT / "mkdocs.yml").read_text()
    pages = [page.relative_to(ROOT / "docs").as_posix() for page in PAGES[1:]]
    assert len(pages) > 25
    assert not [page for page in pages if f"- {page}\n" not in text]
