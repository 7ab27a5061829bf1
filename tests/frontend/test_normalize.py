"""The normal form of programs: what it looks like, and what has none."""

import ast
import textwrap

import pytest

from numbad.errors import UnsupportedSyntax
from numbad.frontend.normalize import GuardedFor, hint, is_introduced, normalize
from numbad.frontend.source import load
from tests.frontend.normal_form import check_form, normal_form, show
from tests.frontend.normal_form_examples import FORMS


def flags(function: ast.FunctionDef) -> set[str]:
    """All introduced names that a normalised tree binds."""
    return {
        node.id
        for node in ast.walk(function)
        if isinstance(node, ast.Name) and is_introduced(node.id)
    }


@pytest.mark.parametrize("name", FORMS)
def test_form(name):
    text, expected = FORMS[name]
    assert show(normal_form(text)).strip() == textwrap.dedent(expected).strip()


def test_positions_are_those_of_the_statements():
    function = normal_form(FORMS["search"][0])
    start, loop, after, last = function.body
    assert isinstance(loop, GuardedFor)
    assert (start.lineno, loop.lineno, after.lineno, last.lineno) == (2, 2, 2, 5)
    store, clear = loop.body[0].body
    assert store.lineno == clear.lineno == 4
    assert after.body[0].lineno == 5


def test_hint_is_an_identifier():
    for function, _ in FORMS.values():
        for name in flags(normal_form(function)):
            assert hint(name).isidentifier()


def test_normalize_is_done_once_per_code():
    def make(k):
        return lambda x: x + k

    assert normalize(load(make(1))) is normalize(load(make(2)))
    check_form(normalize(load(test_hint_is_an_identifier)))


# --- refused ------------------------------------------------------------------------------------

REFUSED = {
    "with": ("with open(x) as g:\n        pass", "A `with` block", 2),
    "except star": ("try:\n        x\n    except* ValueError:\n        x = 1", "`except*`", 2),
    "class": ("class A:\n        pass", "A class", 2),
    "async def": ("async def g():\n        pass", "`async def`", 2),
    "nested": ("def g():\n        with x:\n            pass", "A `with` block", 3),
    "unreachable": ("return x\n    with x:\n        pass", "A `with` block", 3),
    "return in finally": ("try:\n        x\n    finally:\n        return 1", "out of `finally`", 5),
    "break in finally": (
        "for i in x:\n        try:\n            x\n        finally:\n            break",
        "out of `finally`",
        6,
    ),
    "raise in try": (
        "try:\n        raise ValueError(x)\n    finally:\n        g(x)",
        "computed argument",
        3,
    ),
    "case or name": (
        "match x:\n        case [y] | (1, y):\n            pass",
        "patterns that bind names",
        3,
    ),
    "case rest": ("match x:\n        case {**y}:\n            pass", "of this kind", 3),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    body, what, line = REFUSED[name]
    with pytest.raises(UnsupportedSyntax, match="NB203") as caught:
        normal_form(f"def f(x):\n    {body}\n")
    error = caught.value
    assert what in error.what
    assert error.origin.line == line
    assert error.why
    assert error.remedy


def test_async_comprehension_is_refused():
    with pytest.raises(UnsupportedSyntax, match="async for"):
        normal_form("def f(x):\n    return [y async for y in x]")
