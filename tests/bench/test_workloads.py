"""The yardsticks of the benchmarks are right: primals, hand-written adjoints, numbad itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bench.harness import HAND, copied, deviation, numbad_contestant
from bench.workload import Args, Workload
from bench.workloads import NAMES, bundle_blocks, load

STEPS = (1e-3, 1e-4, 1e-5)
MATRICES = {"bundle_blocks", "dense_jacobian", "rosenbrock_hessian", "rosenbrock_hvp"}
SCALAR = [name for name in NAMES if name not in MATRICES]
ADJOINTS = [(name, hand) for name in SCALAR for hand in load(name).hand]


def moved(workload: Workload, args: Args, directions: dict[int, Any], step: float) -> float:
    shifted = [
        arg + step * directions[position] if position in directions else arg
        for position, arg in enumerate(args)
    ]
    return float(workload.primal(*shifted))


def slope(workload: Workload, args: Args, directions: dict[int, Any], step: float) -> float:
    near, far = (
        moved(workload, args, directions, k * step) - moved(workload, args, directions, -k * step)
        for k in (1, 2)
    )
    return (8.0 * near - far) / (12.0 * step)


@pytest.mark.parametrize(("name", "hand"), ADJOINTS)
def test_hand_adjoint_has_the_slope_of_the_primal(
    name: str, hand: str, rng: np.random.Generator
) -> None:
    workload = load(name)
    args = workload.make_args(small=True)
    value, grads = workload.hand[hand](*copied(args))
    assert value == pytest.approx(workload.primal(*args), rel=1e-12)
    positions = (workload.wrt,) if isinstance(workload.wrt, int) else workload.wrt
    grads = (grads,) if isinstance(workload.wrt, int) else grads
    for _ in range(3):
        directions = {k: rng.standard_normal(np.shape(args[k]))[()] for k in positions}
        expected = sum(
            float(np.sum(grad * directions[k])) for k, grad in zip(positions, grads, strict=True)
        )
        found = min(
            (slope(workload, args, directions, step) for step in STEPS),
            key=lambda measured: abs(measured - expected),
        )
        assert found == pytest.approx(expected, rel=1e-8)


def test_hand_blocks_have_the_slope_of_the_residuals(rng: np.random.Generator) -> None:
    cams, points, weights, *rest = load("bundle_blocks").make_args(small=True)
    camera_of, point_of = rest[1:]
    errors, blocks = bundle_blocks.hand_adjoint(cams, points, weights, *rest)
    np.testing.assert_allclose(errors, bundle_blocks.primal(cams, points, weights, *rest))
    steps = [rng.standard_normal(array.shape) for array in (cams, points, weights)]
    rows = np.concatenate([steps[0][camera_of], steps[1][point_of], steps[2][:, None]], axis=1)
    ahead, behind = (
        bundle_blocks.primal(
            cams + h * steps[0], points + h * steps[1], weights + h * steps[2], *rest
        )
        for h in (1e-6, -1e-6)
    )
    np.testing.assert_allclose(
        np.einsum("icp,ip->ic", blocks, rows), (ahead - behind) / 2e-6, rtol=1e-6, atol=1e-7
    )


def test_hand_jacobian_has_the_slopes_of_the_primal(rng: np.random.Generator) -> None:
    workload = load("dense_jacobian")
    x, weights = workload.make_args(small=True)
    value, jacobian = workload.hand[HAND](x, weights)
    np.testing.assert_allclose(value, workload.primal(x, weights), rtol=1e-12)
    step = 1e-6 * rng.standard_normal(x.shape)
    change = workload.primal(x + step, weights) - workload.primal(x - step, weights)
    np.testing.assert_allclose(2.0 * jacobian @ step, change, rtol=1e-6, atol=1e-13)


def second_difference(f: Any, x: np.ndarray, v: np.ndarray) -> float:
    """The second derivative of a polynomial of degree four along a direction."""
    near, far = (f(x + k * v) - 2.0 * f(x) + f(x - k * v) for k in (1, 2))
    return float(16.0 * near - far) / 12.0


def test_hand_hessians_have_the_curvature_of_the_primal(rng: np.random.Generator) -> None:
    workload = load("rosenbrock_hessian")
    (x,) = workload.make_args(small=True)
    _, hessian = workload.hand[HAND](x)
    v, w = rng.standard_normal((2, x.size))
    along_v, along_w, along_both = (
        second_difference(workload.primal, x, direction) for direction in (v, w, v + w)
    )
    assert v @ hessian @ v == pytest.approx(along_v, rel=1e-8)
    mixed = 0.5 * (along_both - along_v - along_w)
    _, product = load("rosenbrock_hvp").hand[HAND](x, v)
    assert w @ hessian @ v == pytest.approx(mixed, rel=1e-8)
    assert w @ product == pytest.approx(mixed, rel=1e-8)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_numbad_agrees_with_the_hand_adjoint(name: str) -> None:
    workload = load(name)
    args = workload.make_args(small=True)
    expected = workload.hand[HAND](*copied(args))
    assert deviation(numbad_contestant(workload, copied(args))(), expected) < 1e-10


@pytest.mark.parametrize("name", NAMES)
def test_primal_leaves_its_arguments_alone(name: str) -> None:
    workload = load(name)
    args = workload.make_args(small=True)
    workload.primal(*args)
    assert deviation(args, workload.make_args(small=True)) == 0.0
