"""Which loops LLVM vectorised, and the lines that they come from: read from its optimised code."""

from __future__ import annotations

import re

_LABEL = re.compile(r"^([\w.]+):")
_PLACE = re.compile(r"!dbg (!\d+)")
_LOCATION = re.compile(r"^(!\d+) = (?:distinct )?!DILocation\(line: (\d+),.*?scope: (!\d+)", re.M)
_SUBPROGRAM = re.compile(r"^(!\d+) = (?:distinct )?!DISubprogram\(.*?file: (!\d+)", re.M)
_FILE = re.compile(r'^(!\d+) = !DIFile\(.*?filename: "([^"]*)"', re.M)


def vectorised_lines(text: str, file: str) -> list[set[int]]:
    """Return the lines of each vectorised loop.

    Parameters
    ----------
    text : str
        LLVM's code, with the places of its instructions.
    file : str
        Name of the source file, without directory; lines of other files do not count.

    Examples
    --------
    >>> code = '''
    ... vector.body:
    ...   %a = fmul <4 x double> %b, %c, !dbg !1
    ... middle.block:
    ...   %d = fadd double %e, %f, !dbg !2
    ... }
    ... !1 = !DILocation(line: 7, column: 1, scope: !3)
    ... !2 = !DILocation(line: 8, column: 1, scope: !3)
    ... !3 = distinct !DISubprogram(name: "f", file: !4)
    ... !4 = !DIFile(filename: "f.py", directory: "/")
    ... '''
    >>> vectorised_lines(code, "f.py")
    [{7}]
    """
    files = dict(_FILE.findall(text))
    scopes = {name for name, place in _SUBPROGRAM.findall(text) if files.get(place) == file}
    lines = {name: int(line) for name, line, scope in _LOCATION.findall(text) if scope in scopes}
    loops: list[set[int]] = []
    is_inside = False
    for row in text.split("\n"):
        if label := _LABEL.match(row):
            is_inside = label[1].startswith("vector.body")
            if is_inside:
                loops.append(set())
        elif is_inside and (place := _PLACE.search(row)) and place[1] in lines:
            loops[-1].add(lines[place[1]])
    return loops
