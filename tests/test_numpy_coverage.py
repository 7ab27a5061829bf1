"""Numba's registry of NumPy, ``math`` and ``cmath`` against what is known about derivatives."""

from __future__ import annotations

import importlib.util
from types import ModuleType

import numpy as np
import pytest

from numbad.frontend import arrays
from tests.pages import ROOT


@pytest.fixture(scope="module")
def table() -> ModuleType:
    path = ROOT / "docs" / "numpy_table.py"
    spec = importlib.util.spec_from_file_location("numpy_table", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_function_that_numba_compiles_is_known(table: ModuleType) -> None:
    functions = table.supported_functions()
    assert len(functions) > 300
    assert not [name for name, function in functions.items() if table.kind_of(function) is None]


def test_every_member_of_arrays_is_known(table: ModuleType) -> None:
    members = table.supported_members()
    assert {"T", "sum", "sort", "reshape"} <= members
    assert not [name for name in members if table.kind_of_member(name) is None]


def test_an_unknown_function_is_noticed(table: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(arrays.HANDLERS, np.cumsum)
    monkeypatch.delitem(arrays.METHODS, "cumsum")
    unknown = [n for n, f in table.supported_functions().items() if table.kind_of(f) is None]
    assert unknown == ["np.cumsum"]
    assert table.kind_of_member("cumsum") is None


def test_zero_functions_are_handled(table: ModuleType) -> None:
    assert table.ZERO <= set(arrays.HANDLERS)


def test_page_is_up_to_date(table: ModuleType) -> None:
    page = (ROOT / "docs" / "numpy.md").read_text()
    assert table.tables() in page, "run docs/numpy_table.py"
