"""The types the front end infers are those Numba infers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from numbad import numba_bridge
from numbad.ir.types import Array, List, Opaque, Scalar, Tuple, Type
from numbad.structure import Leaf, Sequence_, Static, Tree
from tests import corpus, programs
from tests.frontend.building import built
from tests.oracles import jitted
from tests.programs.program import Program

JITTED = [program for program in programs.PROGRAMS + corpus.PROGRAMS if program.jit]


def agree(tree: Tree, type_: Type) -> bool:
    """Whether the structure of a result is what Numba says; layouts may differ."""
    match tree, type_:
        case Leaf(Scalar() as ours), Scalar():
            return ours == type_
        case Leaf(Array(dtype, ndim)), Array(other, other_ndim):
            return dtype == other and ndim == other_ndim
        case Leaf(List(item)), List(other_item):
            return item == other_item
        case Sequence_(items), Tuple(others):
            return len(items) == len(others) and all(map(agree, items, others))
        case Sequence_(items, cls), List(item) if cls is list:
            return all(agree(each, item) for each in items)
        case Static(None), Opaque():
            return True
        case _:
            return False


def check(program: Program) -> None:
    """Compare the result types of one program."""
    args = program.arguments(np.random.default_rng(0))
    dispatcher: Any = jitted(program.function)
    dispatcher(*args, **program.kwargs)
    signature = dispatcher.nopython_signatures[-1]
    ours = built(program.function, *args, **program.kwargs).result
    theirs = numba_bridge.from_numba(signature.return_type)
    assert agree(ours, theirs), f"{ours} is not {theirs}"


@pytest.mark.parametrize("program", JITTED[::25], ids=str)
def test_types_of_some_programs(program: Program):
    check(program)


@pytest.mark.slow
@pytest.mark.parametrize("program", JITTED, ids=str)
def test_types_of_all_programs(program: Program):
    check(program)
