"""Pages of documentation as programs: ``python -m tests.pages`` brings printed output up to date.

Blocks of a page run in order in one namespace: ``python`` blocks as they are, ``pycon`` blocks as
doctests. Blocks of other languages are not run.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(python|pycon)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL


@dataclass(frozen=True)
class Block:
    language: str
    code: str
    line: int


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> list[Block]:
    text = page.read_text()
    return [
        Block(match[1], match[2], text.count("\n", 0, match.start()) + 1)
        for match in FENCE.finditer(text)
    ]


def run_python(block: Block, namespace: dict[str, object]) -> None:
    # A block that begins with a comment that names a file is run from a file of that name.
    named = re.match(r"# (\w+\.py)\n", block.code)
    file = Path(named[1] if named else f"block_{block.line}.py").absolute()
    file.write_text(block.code)
    exec(compile(block.code, str(file), "exec"), namespace)


def run_doctest(block: Block, page: str, namespace: dict[str, object]) -> str:
    """Run the examples of a block; the text says what went wrong."""
    name = f"{page}:{block.line}"
    test = doctest.DocTestParser().get_doctest(block.code, {}, name, page, block.line)
    test.globs = namespace
    report: list[str] = []
    doctest.DocTestRunner(optionflags=OPTIONS).run(test, out=report.append, clear_globs=False)
    return "".join(report)


def refreshed(block: Block, namespace: dict[str, object]) -> str:
    """The code of a block with the output that its ``print`` calls give now."""
    parts = []
    for example in doctest.DocTestParser().parse(block.code):
        if isinstance(example, str):
            parts.append(example)
            continue
        lines = example.source.splitlines()
        parts.append("".join(f"{'>>>' if i == 0 else '...'} {s}\n" for i, s in enumerate(lines)))
        printed = io.StringIO()
        if example.source.startswith("print("):
            with contextlib.redirect_stdout(printed):
                exec(example.source, namespace)
            for line in printed.getvalue().rstrip().splitlines():
                parts.append((line.rstrip() or "<BLANKLINE>") + "\n")
        else:
            if not example.exc_msg:
                exec(example.source, namespace)
            parts.append(example.want)
    return "".join(parts)


def refresh(page: Path) -> bool:
    """Rewrite the printed output of a page; whether anything changed."""
    namespace: dict[str, object] = {"__name__": "__main__"}
    before = text = page.read_text()
    for block in blocks(page):
        if block.language == "python":
            run_python(block, namespace)
        else:
            text = text.replace(block.code, refreshed(block, namespace), 1)
    page.write_text(text)
    return text != before


def main(names: list[str]) -> None:
    pages = [Path(name).resolve() for name in names] or PAGES
    for page in pages:
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            try:
                if refresh(page):
                    print(f"updated {name_of(page)}")
            except Exception as error:
                print(f"{name_of(page)} is left as it is: {error!r}")
            os.chdir(ROOT)


if __name__ == "__main__":
    main(sys.argv[1:])
