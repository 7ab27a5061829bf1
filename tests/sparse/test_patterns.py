"""Patterns: exact for stencils and other loops, supersets of the nonzeros for everything else."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import numbad
from numbad.errors import DifferentiationError, NonScalarOutput
from numbad.sparse.detect import detect
from tests import corpus, programs
from tests.interpreter import interpreted
from tests.sparse.programs import HESSIANS, JACOBIANS, Case, in_place, matrix_product, two_steps


@pytest.fixture(autouse=True)
def _without_compiling():
    """Programs run on their IR; ``test_values`` compiles some of them."""
    with interpreted():
        yield


def dense(pattern: numbad.SparsityPattern) -> np.ndarray:
    return pattern.to_scipy().toarray()


@pytest.mark.parametrize("case", JACOBIANS, ids=str)
def test_of_jacobians(case: Case):
    found = dense(numbad.jacobian_sparsity(case.function, *case.arguments(0)))
    assert np.array_equal(found, case.pattern)


@pytest.mark.parametrize("case", HESSIANS, ids=str)
def test_of_hessians(case: Case):
    found = dense(numbad.hessian_sparsity(case.function, *case.arguments(0)))
    # The corners of a grid have fewer neighbours: there the pattern of the stencil is too large.
    matrix = numbad.hessian(case.function, *case.arguments(0), chunk_threshold=1)
    assert np.array_equal(found, found.T)
    assert not (found & ~case.pattern).any()
    assert not ((matrix != 0) & ~found).any()
    if case.function.__name__ != "grid_energy":
        assert np.array_equal(found, case.pattern)


def test_written_argument_is_the_result():
    out, x = np.zeros(4), np.arange(5.0)
    found = dense(numbad.jacobian_sparsity(in_place, out, x))
    assert np.array_equal(found[:, :4], np.zeros((4, 4)))
    assert np.array_equal(found[:, 4:], np.eye(4, 5) + np.eye(4, 5, 1))
    assert np.array_equal(dense(numbad.jacobian_sparsity(in_place, out, x, wrt=1)), found[:, 4:])
    assert np.array_equal(out, np.zeros(4)), "finding a pattern changes nothing"


def test_buffers_and_time_steps():
    found = dense(numbad.jacobian_sparsity(two_steps, np.arange(1.0, 9.0)))
    wanted = np.eye(8, dtype=bool)
    once = np.eye(8, dtype=bool)
    for i in range(1, 7):
        once[i] = False
        once[i, [i - 1, i + 1]] = True
    wanted = (once.astype(int) @ once.astype(int)) > 0
    assert np.array_equal(found, wanted)


def test_matrix_product_of_one_argument():
    found = dense(numbad.jacobian_sparsity(matrix_product, np.arange(9.0)))
    rows = np.kron(np.eye(3), np.ones((1, 3)))
    wanted = [(rows[i] + rows[j]) > 0 for i in range(3) for j in range(3)]
    assert np.array_equal(found, np.array(wanted))


def test_orders_of_elements():
    u = np.arange(6.0).reshape(2, 3)
    found = dense(numbad.jacobian_sparsity(lambda u: u.T * 2.0, u, order="F"))
    by_values = numbad.jacobian(lambda u: u.T * 2.0, u, order="F", chunk_threshold=1)[0] != 0
    assert np.array_equal(found, by_values)


def test_value_that_vanishes_is_an_entry():
    x = np.zeros(3)
    assert numbad.jacobian_sparsity(lambda x: x**2 * x[::-1], x).nnz == 5
    assert numbad.hessian_sparsity(lambda x: np.sum(x**4), x).nnz == 3


def test_constants_and_rounding_are_no_entries():
    def f(x):
        return np.floor(x) + 0.0 * 1.0 + len(x) + np.sign(x)

    assert numbad.jacobian_sparsity(f, np.ones(3)).nnz == 0


def test_choices_count_both_and_branches_the_one_taken():
    def choice(x):
        return np.where(x[0] > 0.0, x[1], x[2])

    def larger(x):
        return max(x[0], x[1])

    def branch(x):
        if x[0] > 0.0:
            return x[1]
        return x[2]

    x = np.array([1.0, 2.0, 3.0])
    assert numbad.jacobian_sparsity(choice, x).indices.tolist() == [1, 2]
    assert numbad.jacobian_sparsity(larger, x).indices.tolist() == [0, 1]
    assert numbad.jacobian_sparsity(branch, x).indices.tolist() == [1]
    assert numbad.jacobian_sparsity(branch, -x).indices.tolist() == [2]


def test_numbers_and_several_arguments():
    found = dense(
        numbad.jacobian_sparsity(lambda a, b, s: a[0] * b + s, np.ones(2), np.ones(3), 2.0)
    )
    wanted = np.hstack([[[1, 0]] * 3, np.eye(3), np.ones((3, 1))])
    assert np.array_equal(found, wanted)
    assert numbad.jacobian_sparsity(math.sin, 1.0).shape == (1, 1)


def test_declared_derivatives_depend_on_everything():
    def twice(x):
        return x * 2.0

    def forward(x):
        return x * 2.0, ()

    def backward(kept, y_bar):
        return (2.0 * y_bar,)

    twice_declared = numbad.custom_rule(twice, forward, backward)
    found = numbad.jacobian_sparsity(lambda x: twice_declared(x[:2]), np.ones(3))
    assert np.array_equal(dense(found), [[1, 1, 0], [1, 1, 0]])


def test_linear_algebra_depends_on_everything():
    a = np.eye(2) * 3.0
    found = numbad.jacobian_sparsity(lambda x: np.linalg.solve(a, x[1:]), np.ones(3))
    assert np.array_equal(dense(found), [[0, 1, 1], [0, 1, 1]])


def test_empty_argument():
    assert numbad.jacobian_sparsity(lambda x: x * 2.0, np.ones(0)).shape == (0, 0)


def test_refusals():
    with pytest.raises(NonScalarOutput):
        numbad.jacobian_sparsity(lambda x: (x, x), np.ones(2))
    with pytest.raises(NonScalarOutput, match="complex"):
        numbad.jacobian_sparsity(lambda x: x, np.ones(2) * 1j)
    with pytest.raises(NonScalarOutput):
        numbad.hessian_sparsity(lambda x: x, np.ones(2))
    with pytest.raises(DifferentiationError, match="random"):
        numbad.jacobian_sparsity(lambda x: x * np.random.random(), np.ones(2))  # noqa: NPY002
    with pytest.raises(TypeError, match="no argument"):
        numbad.jacobian_sparsity(lambda s: 1.0, "text")
    with pytest.raises(ValueError, match="order"):
        numbad.jacobian_sparsity(lambda x: x, np.ones(2), order="A")


EVERYTHING = programs.PROGRAMS + corpus.PROGRAMS
SAMPLED = programs.PROGRAMS[::4] + corpus.PROGRAMS[::8]


def sampled(of):
    """Run a test for some programs of the corpus; in the slow run, for all."""
    slow = pytest.mark.slow
    cases = [p if p in SAMPLED else pytest.param(p, marks=slow) for p in of]
    return pytest.mark.parametrize("program", cases, ids=str)


@sampled(EVERYTHING)
def test_of_the_corpus_contains_the_nonzeros(program):
    arguments = program.arguments(np.random.default_rng(0))
    try:
        pattern = numbad.jacobian_sparsity(program.function, *arguments, **program.kwargs)
    except (NonScalarOutput, TypeError):
        pytest.skip("not a function with a Jacobian")
    matrices = numbad.jacobian(
        program.function,
        *program.arguments(np.random.default_rng(0)),
        mode="forward",
        chunk_threshold=1,
        **program.kwargs,
    )
    blocks = [m.reshape(pattern.shape[0], -1) for m in matrices if m is not None]
    nonzero = np.hstack(blocks) != 0
    assert nonzero.shape == pattern.shape
    assert not (nonzero & ~dense(pattern)).any()


def takes_one_array(program) -> bool:
    first, *rest = program.arguments(np.random.default_rng(0))
    return not rest and isinstance(first, np.ndarray)


@sampled([program for program in EVERYTHING if takes_one_array(program)])
def test_of_the_corpus_contains_those_of_hessians(program):
    (x,) = program.arguments(np.random.default_rng(0))
    try:
        matrix = numbad.hessian(program.function, x.copy(), chunk_threshold=1, **program.kwargs)
    except DifferentiationError:
        pytest.skip("not a function with a Hessian")
    pattern = numbad.hessian_sparsity(program.function, x, **program.kwargs)
    assert not ((matrix != 0) & ~dense(pattern)).any()


@given(st.integers(1, 300), st.integers(1, 300), st.floats(0.0, 1.0), st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_detection_in_groups(rows, columns, density, seed):
    matrix = sp.random_array((rows, columns), density=density**3, rng=np.random.default_rng(seed))
    pattern = numbad.SparsityPattern(matrix)

    def sweep(masks):
        found = np.zeros(rows, np.uint64)
        np.bitwise_or.at(found, pattern.rows(), masks[pattern.indices])
        return found

    assert detect(sweep, columns) == pattern


def test_few_sweeps_for_bands():
    count = 0

    def sweep(masks):
        nonlocal count
        count += 1
        found = masks.copy()
        found[1:] |= masks[:-1]
        found[:-1] |= masks[1:]
        return found

    assert detect(sweep, 10**5).nnz == 3 * 10**5 - 2
    assert count <= 5
