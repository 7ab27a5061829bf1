"""Each error class, raised by a program of a user, with the text that the user sees."""

from __future__ import annotations

import importlib.util
import re
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import numbad
from numbad import calls, engines, errors
from numbad.ir.verify import verify_program

PROGRAM = """
import numpy as np

import numbad


def squares(x):
    return x * x


def add_into(a, b):
    a += b
    return np.sum(a)


def reads(x):
    with open("table.txt") as table:
        return x * len(table.read())


def untyped(x):
    y = "a" if x > 0.0 else x
    return y * 2.0


def packed(x):
    return np.sum(np.packbits(x))


def area(a, b):
    return a * b


@numbad.adjoint(area)
def rule(a, b):
    return a * b, lambda y_bar: y_bar * b
"""

X = np.arange(4.0)


def params_of_another_model(_):
    w = np.ones(2)
    grads = numbad.gradient(lambda: np.sum(w**2), numbad.Params([w]))
    return grads[w.copy()]


def without_source(_):
    namespace = {}
    exec("def f(x): return x * x", namespace)
    return numbad.gradient(namespace["f"], 2.0, engine="compiled")


def falls_back(module):
    engines.forget()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        numbad.gradient(module.reads, 2.0, engine="auto")


def numba_gives_up(module):
    compilation = calls.compiled(module.squares, (2.0,), {}, "primal", ())
    return calls.run(compilation, refusing, (2.0,))


def refusing(*_):
    from numba.core.errors import TypingError

    raise TypingError("No way.")


def broken_invariant(module):
    program = calls.compiled(module.squares, (2.0,), {}, "primal", ()).program
    verify_program(replace(program, callees={"another": program.entry}))


def a_subclass_of_arrays(module):
    numbad.gradient(module.squares, np.ma.masked_array([1.0]), engine="traced")


CASES = {
    "DifferentiationError": a_subclass_of_arrays,
    "NonScalarOutput": lambda module: numbad.gradient(module.squares, X),
    "GradsKeyError": params_of_another_model,
    "TracedFallbackWarning": falls_back,
    "SourceUnavailable": without_source,
    "TypeInferenceFailed": lambda module: numbad.gradient(module.untyped, 1.0, engine="compiled"),
    "UnsupportedSyntax": lambda module: numbad.gradient(module.reads, 1.0, engine="compiled"),
    "NoRule": lambda module: numbad.gradient(module.packed, X, engine="compiled"),
    "AliasingError": lambda module: numbad.gradient(module.add_into, X[1:], X[:-1]),
    "InvalidRule": lambda module: numbad.gradient(module.area, 2.0, 3.0),
    "SparsityMismatch": lambda module: numbad.jacobian(np.cumsum, X, sparsity=np.eye(4)),
    "CompilationFailed": numba_gives_up,
    "InternalError": broken_invariant,
}

GOLDEN = Path(__file__).parent / "golden" / "errors.txt"


def golden():
    """Return the texts by the name of their class; the file has them one after the other."""
    texts = re.split(r"^(?=NB\d+ )", GOLDEN.read_text(), flags=re.MULTILINE)
    return {text.split(":")[0].split()[1]: text.rstrip() for text in texts if text}


@pytest.fixture(scope="module")
def module(tmp_path_factory):
    path = tmp_path_factory.mktemp("errors") / "model.py"
    path.write_text(PROGRAM.lstrip())
    spec = importlib.util.spec_from_file_location("model", path)
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_every_class_has_a_program_and_a_text():
    names = {cls.__name__ for cls in errors.error_classes()}
    assert set(CASES) == names
    assert set(golden()) == names


@pytest.mark.parametrize("name", CASES)
def test_text(name, module, monkeypatch):
    monkeypatch.chdir(Path(module.__file__).parent)
    with pytest.raises(getattr(errors, name)) as caught:
        CASES[name](module)
    assert type(caught.value) is getattr(errors, name)
    assert str(caught.value) == golden()[name]
