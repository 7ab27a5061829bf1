"""Neighbouring branches on one condition."""

from __future__ import annotations

import ast

import numpy as np

import numbad
from numbad.ir import nodes as ir
from numbad.ir.types import BOOL, FLOAT64
from numbad.transform.branches import join_branches


def test_the_second_knows_which_way_the_first_went() -> None:
    flag, x, a, b = (
        ir.Var(0, BOOL, "flag"),
        ir.Var(1, FLOAT64, "x"),
        ir.Var(2, FLOAT64),
        ir.Var(3, FLOAT64),
    )
    one = ir.Const(1.0, FLOAT64)
    first = ir.If(flag, (), (), (ir.Merge(a, x, one),))
    second = ir.If(flag, (), (), (ir.Merge(b, a, x),))
    joined = join_branches(ir.Function("f", (flag, x), (first, second), (a, b)))
    (branch,) = joined.body
    assert isinstance(branch, ir.If)
    assert branch.merges == (ir.Merge(a, x, one), ir.Merge(b, x, x))


def test_adjoint_has_one_branch(rng: np.random.Generator) -> None:
    def f(x):
        total = 0.0
        for i in range(x.size):
            if x[i] > 0.2:
                total += np.sin(x[i])
            else:
                total -= x[i] ** 3
        return total

    x = rng.standard_normal(7)
    numbad.check_grads(f, (x,), order=2)
    text = numbad.code_adjoint(f, x)
    assert sum(isinstance(node, ast.If) for node in ast.walk(ast.parse(text))) == 1
