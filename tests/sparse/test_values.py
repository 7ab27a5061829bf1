"""Sparse matrices against dense ones; stale patterns are noticed."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import numbad
from numbad import chunks
from numbad.errors import SparsityMismatch
from tests.interpreter import interpreted
from tests.sparse.programs import (
    HESSIANS,
    JACOBIANS,
    Case,
    five_points,
    grid_energy,
    in_place,
    rosenbrock,
    tridiagonal,
)


def evaluated(test):
    """Run a test on the IR, one direction at a time, without compiling."""

    @functools.wraps(test)
    def run():
        with interpreted(), pytest.MonkeyPatch.context() as patch:
            patch.setattr(chunks, "lanes_for", lambda directions, threshold: 1)
            test()

    return run


def check(found, wanted):
    assert isinstance(found, sp.csr_matrix)
    assert found.has_canonical_format
    np.testing.assert_allclose(found.toarray(), wanted, rtol=1e-12, atol=1e-12)


def compare_jacobian(case: Case, mode: str, threshold: int) -> None:
    x = case.arguments(1)
    options = {"mode": mode, "chunk_threshold": threshold}
    wanted = numbad.withjacobian(case.function, *x, chunk_threshold=threshold)
    found = numbad.withjacobian(case.function, *x, sparsity="auto", **options)
    np.testing.assert_allclose(found.val, wanted.val, rtol=1e-12)
    for block, matrix in zip(found.grad, wanted.grad, strict=True):
        check(block, matrix)
    pattern = numbad.jacobian_sparsity(case.function, *case.arguments(0))
    for sparsity in (pattern, case.pattern):
        again = numbad.jacobian(case.function, *x, sparsity=sparsity, **options)
        for block, matrix in zip(again, wanted.grad, strict=True):
            check(block, matrix)


@pytest.mark.parametrize("mode", ["forward", "reverse"])
@pytest.mark.parametrize("case", JACOBIANS, ids=str)
def test_jacobians_evaluated(case: Case, mode: str):
    with interpreted():
        compare_jacobian(case, mode, 1)


@pytest.mark.parametrize("mode", ["forward", "reverse"])
@pytest.mark.parametrize("case", [JACOBIANS[0], JACOBIANS[5]], ids=str)
def test_jacobians_compiled(case: Case, mode: str):
    compare_jacobian(case, mode, 12)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["forward", "reverse"])
@pytest.mark.parametrize("case", JACOBIANS, ids=str)
def test_rest_compiled(case: Case, mode: str):
    compare_jacobian(case, mode, 12)


def compare_hessian(case: Case, threshold: int) -> None:
    (x,) = case.arguments(2)
    wanted = numbad.withhessian(case.function, x, chunk_threshold=threshold)
    pattern = numbad.hessian_sparsity(case.function, x)
    for sparsity in ("auto", pattern, case.pattern, pattern.coloring("columns")):
        found = numbad.withhessian(case.function, x, sparsity=sparsity, chunk_threshold=threshold)
        assert found.val == pytest.approx(wanted.val, rel=1e-14)
        np.testing.assert_allclose(found.grad, wanted.grad, rtol=1e-12)
        check(found.hess, wanted.hess)


@pytest.mark.parametrize("case", HESSIANS, ids=str)
def test_hessians_evaluated(case: Case):
    with interpreted():
        compare_hessian(case, 1)


def test_hessian_compiled():
    compare_hessian(HESSIANS[0], 12)


@pytest.mark.slow
@pytest.mark.parametrize("case", HESSIANS, ids=str)
def test_rest_of_hessians_compiled(case: Case):
    compare_hessian(case, 12)


@pytest.mark.parametrize("lanes", [3, 16])
def test_chunks(lanes: int):
    x = np.linspace(0.5, 1.0, 40)
    wanted = numbad.jacobian(tridiagonal, x)[0]
    for mode in ("forward", "reverse"):
        found = numbad.jacobian(
            tridiagonal, x, mode=mode, chunk_threshold=lanes, sparsity=np.ones((40, 40))
        )
        check(found[0], wanted)


@evaluated
def test_orders():
    u = np.random.default_rng(0).normal(size=(4, 3))
    for mode in ("forward", "reverse"):
        found = numbad.jacobian(five_points, u, mode=mode, order="F", sparsity="auto")[0]
        check(found, numbad.jacobian(five_points, u, order="F")[0])
    check(
        numbad.hessian(grid_energy, u, order="F", sparsity="auto"),
        numbad.hessian(grid_energy, u, order="F"),
    )


@evaluated
def test_functions_that_write_their_result():
    x = np.array([1.0, 2.0, 3.0])
    for mode in ("forward", "reverse"):
        out = np.zeros(2)
        found = numbad.withjacobian(in_place, out, x, mode=mode, sparsity="auto")
        assert np.array_equal(out, [2.0, 6.0])
        assert np.array_equal(found.val, out)
        check(found.grad[0], np.zeros((2, 2)))
        check(found.grad[1], [[2.0, 1.0, 0.0], [0.0, 3.0, 2.0]])
        assert numbad.jacobian(in_place, out, x, wrt=1, sparsity="auto")[0] is None


@evaluated
def test_effects_happen_once():
    def f(x):
        x[0] += 1.0
        return x * x

    x = np.array([1.0, 2.0])
    check(numbad.jacobian(f, x, sparsity="auto")[0], np.diag([4.0, 4.0]))
    assert np.array_equal(x, [2.0, 2.0])


@evaluated
def test_changed_objects():
    store = {}

    def f(x):
        store["x"] = x[0] * 2.0
        return x * x

    check(numbad.jacobian(f, np.array([1.0, 3.0]), sparsity="auto")[0], np.diag([2.0, 6.0]))
    assert store == {"x": 2.0}


@evaluated
def test_numbers_integers_and_single_precision():
    blocks = numbad.jacobian(lambda a, s: a**2 * s, [1, 2, 3], 2, sparsity="auto")
    check(blocks[0], np.diag([4.0, 8.0, 12.0]))
    check(blocks[1], [[1.0], [4.0], [9.0]])
    single = numbad.jacobian(lambda x: x * x, np.ones(2, np.float32), sparsity="auto")[0]
    assert single.dtype == np.float32
    assert numbad.jacobian(lambda x, t: x * len(t), np.ones(2), "ab", sparsity="auto")[1] is None
    check(numbad.jacobian(math.sin, 0.0, sparsity="auto")[0], [[1.0]])
    check(numbad.hessian(math.sin, math.pi / 2, sparsity="auto"), [[-1.0]])


@evaluated
def test_nothing_depends():
    found = numbad.withjacobian(lambda x: np.floor(x), np.ones(3), sparsity="auto")
    check(found.grad[0], np.zeros((3, 3)))
    check(numbad.hessian(lambda x: float(x.size), np.ones(3), sparsity="auto"), np.zeros((3, 3)))
    check(numbad.hessian(lambda x: np.sum(x), np.ones(3), sparsity="auto"), np.zeros((3, 3)))
    assert numbad.withjacobian(lambda s: 2.0, "a", sparsity="auto") == (2.0, (None,))


@evaluated
def test_results_share_nothing():
    pattern = numbad.jacobian_sparsity(tridiagonal, np.ones(5))
    first = numbad.jacobian(tridiagonal, np.ones(5), sparsity=pattern)[0]
    wanted = first.toarray()
    first.data[:] = 0.0
    first.eliminate_zeros()
    check(numbad.jacobian(tridiagonal, np.ones(5), sparsity=pattern)[0], wanted)


def switching(x, far):
    y = x * x
    if x[0] > 0.0:
        y[0] = x[far]
    return y


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_stale_patterns_are_noticed(mode: str):
    x = np.linspace(-1.0, 1.0, 50)
    pattern = numbad.jacobian_sparsity(switching, x, 40, wrt=0)
    check(
        numbad.jacobian(switching, x, 40, wrt=0, mode=mode, sparsity=pattern)[0],
        np.diag(2.0 * x),
    )
    with pytest.raises(SparsityMismatch, match="switching"):
        numbad.jacobian(switching, -x, 40, wrt=0, mode=mode, sparsity=pattern)
    joint = pattern | numbad.jacobian_sparsity(switching, -x, 40, wrt=0)
    for point in (x, -x):
        found = numbad.jacobian(switching, point, 40, wrt=0, mode=mode, sparsity=joint)[0]
        check(found, numbad.jacobian(switching, point, 40, wrt=0)[0])


@evaluated
def test_stale_hessians_are_noticed():
    def f(x):
        if x[0] > 0.0:
            return np.sum(x**3)
        return np.sum(x) ** 2

    x = np.array([1.0, 2.0, 3.0])
    pattern = numbad.hessian_sparsity(f, x)
    with pytest.raises(SparsityMismatch, match="Hessian"):
        numbad.hessian(f, -x, sparsity=pattern)


@given(st.integers(0, 10**6), st.sampled_from([1e-9, 1e-3, 1.0, 1e6]))
@settings(max_examples=60, deadline=None)
def test_missing_entries_are_noticed(seed: int, scale: float):
    rng = np.random.default_rng(seed)
    matrix = np.where(rng.random((6, 8)) < 0.4, rng.normal(size=(6, 8)) * scale, 0.0)
    i, j = rng.integers(6), rng.integers(8)
    stale = matrix.copy()
    stale[i, j] = 0.0
    matrix[i, j] = scale
    for by in ("columns", "rows"):
        coloring = numbad.Coloring(stale, by)
        given_ = matrix if by == "columns" else matrix.T
        found = coloring.decompress(given_ @ coloring.seeds())
        assert coloring.first_difference(found, given_ @ coloring.probe()) is not None
        complete = numbad.Coloring(matrix, by)
        found = complete.decompress(given_ @ complete.seeds())
        assert complete.first_difference(found, given_ @ complete.probe()) is None


@evaluated
def test_infinite_entries_raise_no_alarm():
    def f(x):
        return np.sqrt(x)

    pattern = numbad.jacobian_sparsity(f, np.ones(3))
    found = numbad.jacobian(f, np.array([0.0, 1.0, 4.0]), sparsity=pattern)[0]
    assert found.diagonal().tolist() == [math.inf, 0.5, 0.25]


@evaluated
def test_refusals():
    x = np.ones(5)
    with pytest.raises(ValueError, match="columns"):
        numbad.jacobian(tridiagonal, x, sparsity=np.eye(4))
    for mode in ("forward", "reverse"):
        with pytest.raises(ValueError, match="rows"):
            numbad.jacobian(tridiagonal, x, mode=mode, sparsity=np.ones((4, 5)))
    with pytest.raises(ValueError, match="'auto'"):
        numbad.jacobian(tridiagonal, x, sparsity="dense")
    with pytest.raises(ValueError, match="does not go with"):
        numbad.jacobian(tridiagonal, x, sparsity="auto", out=np.ones((5, 5)))
    with pytest.raises(ValueError, match="mode"):
        numbad.jacobian(tridiagonal, x, mode="forward", sparsity=numbad.Coloring(np.eye(5), "rows"))
    with pytest.raises(TypeError, match="Params"):
        numbad.jacobian(lambda: x * 2.0, numbad.Params([x]), sparsity="auto")
    with pytest.raises(ValueError, match="not by rows"):
        numbad.hessian(rosenbrock, x, sparsity=numbad.Coloring(np.eye(5), "rows"))
    with pytest.raises(ValueError, match="mode"):
        numbad.jacobian(tridiagonal, x, mode="sideways", sparsity="auto")
