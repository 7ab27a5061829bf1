"""The text of every error, and what each can do."""

import inspect
import linecache
import pickle
from pathlib import Path

import pytest

import numbad.errors
from numbad.errors import (
    DifferentiationError,
    GradsKeyError,
    TracedFallbackWarning,
    UnsupportedSyntax,
    error_classes,
    explain,
)
from numbad.ir.nodes import Origin

HERE = Origin("model.py", 7, 4, "y = g(x)", 12)

# One per class: what is said beforehand, and the text. A class without an entry fails.
GOLDEN = {
    "DifferentiationError": """
        NB100 DifferentiationError: It does not work.
          model.py:7:5
              y = g(x)
              ^^^^^^^^
          See docs/errors.md#NB100""",
    "NonScalarOutput": """
        NB101 NonScalarOutput: It does not work.
          model.py:7:5
              y = g(x)
              ^^^^^^^^
          A gradient is defined for one real number as the result.
          Return a real scalar, or use `jacobian` (all derivatives) or `pullback` (a chosen seed).
          See docs/errors.md#NB101""",
    "GradsKeyError": """
        NB102 GradsKeyError: It does not work.
          model.py:7:5
              y = g(x)
              ^^^^^^^^
          `Grads` and `Params` are keyed by the identity of the arrays.
          Use the very arrays that were given to `Params`.
          See docs/errors.md#NB102""",
    "TracedFallbackWarning": """
        NB103 TracedFallbackWarning: It does not work.
          model.py:7:5
              y = g(x)
              ^^^^^^^^
          See docs/errors.md#NB103""",
    "SourceUnavailable": """
        NB201 SourceUnavailable: It does not work.
          model.py:7:5
              y = g(x)
              ^^^^^^^^
          The compiled engine reads the source of a function to differentiate it.
          Define the function in a file or a notebook cell, or give it a rule with
          @numbad.adjoint.
          See docs/errors.md#NB201""",
    "TypeInferenceFailed": """
        NB202 TypeInferenceFailed: It does not work.
          model.py:7:5
              y = g(x)
              ^^^^^^^^
          Write it so that `numba.njit` can compile it in nopython mode.
          See docs/errors.md#NB202""",
    "UnsupportedSyntax": """
        NB203 UnsupportedSyntax: It does not work.
          model.py:7:5
              y = g(x)
              ^^^^^^^^
          Rewrite it, or give the function its own rule with @numbad.adjoint.
          See docs/errors.md#NB203""",
    "NoRule": """
        NB301 NoRule: It does not work.
          model.py:7:5
              y = g(x)
              ^^^^^^^^
          It has neither Python source to differentiate nor a derivative rule.
          Give it a rule with @numbad.adjoint, or declare with `numbad.nograd` that its derivative
          is not wanted.
          See docs/errors.md#NB301""",
    "AliasingError": """
        NB302 AliasingError: It does not work.
          model.py:7:5
              y = g(x)
              ^^^^^^^^
          Copy one of the arrays (`x.copy()`) so that they are distinct.
          See docs/errors.md#NB302""",
    "InvalidRule": """
        NB303 InvalidRule: It does not work.
          model.py:7:5
              y = g(x)
              ^^^^^^^^
          See docs/rules-for-users.md for what a rule takes and returns.
          See docs/errors.md#NB303""",
    "SparsityMismatch": """
        NB304 SparsityMismatch: It does not work.
          model.py:7:5
              y = g(x)
              ^^^^^^^^
          Entries outside of the pattern are added to others; a branch may be taken at this point
          that was not taken where the pattern was found.
          Find the pattern here, with sparsity="auto", or join patterns of several points: a | b.
          See docs/errors.md#NB304""",
    "CompilationFailed": """
        NB401 CompilationFailed: It does not work.
          model.py:7:5
              y = g(x)
              ^^^^^^^^
          Check that `numba.njit` compiles the function itself; if it does, this is a fault of
          numbad: please report it with this message.
          See docs/errors.md#NB401""",
    "InternalError": """
        NB901 InternalError: It does not work.
          model.py:7:5
              y = g(x)
              ^^^^^^^^
          This is a fault of numbad, not of your function.
          Please report it together with this message and the function.
          See docs/errors.md#NB901""",
}  # fmt: skip


@pytest.mark.parametrize("cls", error_classes(), ids=lambda cls: cls.__name__)
class TestEveryClass:
    def test_text(self, cls):
        error = cls("It does not work.", origin=HERE)
        assert str(error) == inspect.cleandoc(GOLDEN[cls.__name__])

    def test_code_is_its_own(self, cls):
        assert "code" in vars(cls)
        assert [other.code for other in error_classes()].count(cls.code) == 1

    def test_is_a_builtin_error(self, cls):
        if cls is GradsKeyError:
            assert issubclass(cls, ValueError)
            assert issubclass(cls, KeyError)
        elif cls is TracedFallbackWarning:
            assert issubclass(cls, UserWarning)
        else:
            assert issubclass(cls, DifferentiationError)
            assert issubclass(cls, TypeError)

    def test_survives_pickling(self, cls):
        error = cls("What.", origin=HERE, why="Why.", remedy="Do.", details="listing")
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is cls
        assert str(again) == str(error)
        assert (again.origin, again.details) == (HERE, "listing")

    def test_is_documented(self, cls):
        assert cls.__doc__
        document = Path(numbad.errors.__file__).parents[1] / "docs" / "errors.md"
        assert f"{cls.code}" in document.read_text(encoding="utf-8")


def test_classes_are_all_of_the_module():
    defined = {
        cls
        for cls in vars(numbad.errors).values()
        if isinstance(cls, type) and issubclass(cls, Exception) and not cls.__name__.startswith("_")
    }
    assert defined == set(error_classes())


def test_five_parts():
    text = explain(
        "NB203", "UnsupportedSyntax", "What.", HERE, "Why.\nAnd why.", "Remedy.", "a\n  b\n\nc"
    )
    assert text.splitlines() == [
        "NB203 UnsupportedSyntax: What.",
        "  model.py:7:5",
        "      y = g(x)",
        "      ^^^^^^^^",
        "  Why.",
        "  And why.",
        "  Remedy.",
        "    a",
        "      b",
        "",
        "    c",
        "  See docs/errors.md#NB203",
    ]


def test_without_a_place():
    assert str(UnsupportedSyntax("What.", why="Why.")).splitlines() == [
        "NB203 UnsupportedSyntax: What.",
        "  Why.",
        "  Rewrite it, or give the function its own rule with @numbad.adjoint.",
        "  See docs/errors.md#NB203",
    ]


@pytest.mark.parametrize(
    ("column", "end", "expected"),
    [
        (4, 12, "^^^^^^^^"),
        (8, 12, "    ^^^^"),
        (8, 9, "    ^"),
        (8, None, "    ^^^^"),
        (8, 8, "    ^"),
        (0, 2, "^"),
        (99, 100, "       ^"),
    ],
)
def test_caret_below_the_expression(column, end, expected):
    lines = ["def f(x):\n", "    y = g(x)\n"]
    linecache.cache["<caret>"] = (1, None, lines, "<caret>")
    text = str(UnsupportedSyntax("What.", origin=Origin("<caret>", 2, column, "y = g(x)", end)))
    assert text.splitlines()[3] == "      " + expected


def test_path_is_shown_as_one_would_type_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def shown(file):
        return str(UnsupportedSyntax("What.", origin=Origin(file, 1, 0, ""))).splitlines()[1]

    assert shown(str(tmp_path / "sub" / "a.py")) == "  sub/a.py:1:1"
    assert shown(str(tmp_path.parent / "a.py")) == f"  {tmp_path.parent / 'a.py'}:1:1"
    assert shown("<stdin>") == "  <stdin>:1:1"
