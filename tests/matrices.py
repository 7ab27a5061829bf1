"""Checks of whole derivative matrices of a program: by columns and by rows, in lanes of any number.

One Jacobian, made by forward mode with one direction at a time, is compared with products of the
directional modes, and every other way with it, entry by entry. Hessians are compared with central
differences of gradients.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import numbad
from tests import oracles
from tests.programs.program import Program
from tests.structures import inner, is_leaf

WIDTHS = (1, 3, 8, 12)
WAYS = tuple((mode, width) for mode in ("forward", "reverse") for width in WIDTHS)


def has_jacobian(case: oracles.Case) -> bool:
    """Whether the result is a real number or array, and some argument is one too."""
    return (
        is_leaf(case.value)
        and np.asarray(case.value).dtype.kind in "iuf"
        and bool(columns(case))
        and not any(isinstance(arg, list) for arg in case.arguments())
    )


def columns(case: oracles.Case) -> list[int]:
    """Positions of the arguments that are real numbers or arrays, if they all can have columns."""
    args = case.arguments()
    kinds = {i: np.asarray(args[i]).dtype.kind for i in case.wrt if is_leaf(args[i])}
    return [i for i, kind in kinds.items() if kind in "iuf"] if "c" not in kinds.values() else []


def check_jacobians(
    program: Program, seed: int = 0, ways: tuple[tuple[str, int], ...] = WAYS
) -> bool:
    """Assert that all ways of making the Jacobian agree; False if the program has none."""
    case = oracles.Case(program, seed)
    if not has_jacobian(case):
        return False
    tolerance = case.tolerance("dot_product")
    reference = _jacobian(case, "forward", 1)
    _check_products(case, reference)
    scale = 1.0 + max(np.max(np.abs(m), initial=0.0) for m in reference.values())
    for mode, width in ways:
        found = _jacobian(case, mode, width)
        for position, expected in reference.items():
            what = f"{program}: {mode} mode, {width} directions, argument {position}"
            oracles.assert_close(found[position] / scale, expected / scale, tolerance, what)
    return True


def _jacobian(case: oracles.Case, mode: str, width: int) -> dict[int, Any]:
    """Matrices by argument, after comparing value, effect, shapes and dtypes."""
    program, args = case.program, case.arguments()
    wrt = tuple(columns(case))
    value, found = numbad.withjacobian(
        program.function, *args, mode=mode, chunk_threshold=width, wrt=wrt, **program.kwargs
    )
    what = f"{program}: {mode} mode, {width} directions"
    tolerance = case.tolerance("value")
    oracles.assert_close(value, case.value, tolerance, f"{what}: value")
    oracles.assert_close(args, case.after, tolerance, f"{what}: arguments")
    for position, (entry, arg) in enumerate(zip(found, args, strict=True)):
        if position not in wrt:
            assert entry is None, f"{what}: argument {position}"
            continue
        assert isinstance(entry, np.ndarray), f"{what}: argument {position} gives {entry!r}"
        shape = (np.size(value), np.size(arg)) if isinstance(arg, np.ndarray) else (np.size(value),)
        kinds = [np.asarray(each).dtype for each in (value, arg)]
        single = any(kind == np.float32 for kind in kinds)
        assert entry.shape == shape, f"{what}: argument {position} has shape {entry.shape}"
        allowed = ("float32", "float64") if single else ("float64",)
        assert entry.dtype.name in allowed, f"{what}: argument {position} is {entry.dtype}"
        assert entry.flags.c_contiguous, f"{what}: argument {position} is not C-contiguous"
        assert entry.flags.writeable, f"{what}: argument {position} is not writable"
    return {position: found[position].astype(np.float64) for position in wrt}


def _check_products(case: oracles.Case, matrices: dict[int, np.ndarray]) -> None:
    """Compare with a tangent and with a pullback in random directions."""
    program = case.program
    args = case.arguments()
    rng = np.random.default_rng(case.seed)
    direction = {i: case.random_like(rng, args[i]) for i in matrices}
    tangents = tuple(direction.get(i) for i in range(len(args)))
    function = oracles.with_keywords(program)
    _, y_dot = numbad.jvp(function, case.arguments(), tangents)
    forward = sum(m.reshape(m.shape[0], -1) @ np.ravel(direction[i]) for i, m in matrices.items())
    tolerance = case.tolerance("dot_product")
    size = 1.0 + np.max(np.abs(forward), initial=0.0)
    y_dot = np.zeros(np.shape(case.value)) if y_dot is None else y_dot
    oracles.assert_close(
        np.ravel(y_dot) / size, forward / size, tolerance, f"{program}: product with a direction"
    )
    y_bar = np.asarray(case.random_like(rng, case.value))
    value, back = numbad.pullback(function, *case.arguments(), wrt=tuple(matrices))
    pulled = back(y_bar if isinstance(value, np.ndarray) else y_bar.item())
    for i, matrix in matrices.items():
        row = (y_bar.ravel() @ matrix).reshape(np.shape(args[i]))
        got = inner(pulled[i], direction[i])
        want = inner(row, direction[i])
        size = 1.0 + np.max(np.abs(row), initial=0.0) * np.size(row)
        assert abs(got - want) <= tolerance * size, f"{program}: rows of argument {i}"


def check_hessians(program: Program, seed: int = 0, widths: tuple[int, ...] = WIDTHS) -> bool:
    """Assert that Hessians by both modes agree with differences of gradients, argument by argument.

    False if the program has none. Programs that round to single precision, and points where the
    gradient jumps, are only compared with each other.
    """
    case = oracles.Case(program, seed)
    if not has_jacobian(case) or not case.scalar:
        return False
    for position in columns(case):
        _check_hessian(case, position, widths)
    return True


def _check_hessian(case: oracles.Case, position: int, widths: tuple[int, ...]) -> None:
    program = case.program
    f = with_others_fixed(case, position)
    x = case.arguments()[position]
    value, slope, reference = numbad.withhessian(f, _fresh(x), chunk_threshold=1)
    what = f"{program}, argument {position}"
    oracles.assert_close(value, case.value, case.tolerance("value"), f"{what}: value")
    (gradient,) = numbad.gradient(with_others_fixed(case, position), _fresh(x), zeros=True)
    oracles.assert_close(slope, gradient, case.tolerance("dot_product"), f"{what}: gradient")
    shape = (x.size, x.size) if isinstance(x, np.ndarray) else ()
    assert np.shape(reference) == shape, f"{what}: Hessian of shape {np.shape(reference)}"
    scale = 1.0 + np.max(np.abs(reference), initial=0.0)
    tolerance = case.tolerance("dot_product")
    found = {"reverse mode": numbad.hessian_reverse(with_others_fixed(case, position), _fresh(x))}
    for width in widths:
        made = numbad.hessian(with_others_fixed(case, position), _fresh(x), chunk_threshold=width)
        found[f"{width} directions"] = made
    for name, matrix in found.items():
        oracles.assert_close(matrix / scale, reference / scale, tolerance, f"{what}: {name}")
    oracles.assert_close(
        np.transpose(reference) / scale, reference / scale, tolerance, f"{what}: transposed"
    )
    if np.asarray(x).dtype != np.float64 or case.precision != "float64" or program.tolerance > 100:
        return
    rng = np.random.default_rng([case.seed, 3])
    direction, weights = (case.random_like(rng, x) for _ in range(2))

    def along(t: float) -> float:
        moved = np.asarray(x + t * direction) if isinstance(x, np.ndarray) else x + t * direction
        (entry,) = numbad.gradient(with_others_fixed(case, position), moved, zeros=True)
        return inner(entry, weights)

    expected, error = oracles.ridders(along, 0.1 * program.step)
    got = float(np.ravel(weights) @ np.atleast_2d(reference) @ np.ravel(direction))
    if error < 1e-6 * (scale + abs(expected)):
        size = scale * max(1, np.size(x))
        assert abs(got - expected) < 1e-5 * size, f"{what}: {got}, differences give {expected}"


def with_others_fixed(case: oracles.Case, position: int) -> Any:
    """Return the program as a function of one argument, the others fresh."""
    function = case.program.function
    keywords = case.program.kwargs
    args = case.arguments()
    before, after = args[:position], args[position + 1 :]

    def f(x: Any) -> Any:
        return function(*before, x, *after, **keywords)

    return f


def _fresh(x: Any) -> Any:
    return x.copy(order="K") if isinstance(x, np.ndarray) else x
