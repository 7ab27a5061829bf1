"""Checking derivatives against finite differences and against each other."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from numbad import calls
from numbad.api import gradient, jvp, pullback
from numbad.ir.types import Array, Scalar, Type, is_complex, tangent_type
from numbad.results import flatten_partly, zero_like
from numbad.structure import Leaf, Tree, describe, flatten, leaves, unflatten

_TOLERANCES = {"float64": (1e-6, 1e-8), "float32": (2e-2, 1e-3)}
# Below this size a tangent counts as zero.
_SMALL = 1e-6
# Steps of the central differences; the best agreement counts.
_STEPS = {"float64": (1e-3, 1e-4, 1e-5, 1e-6), "float32": (3e-2, 1e-2, 3e-3)}


_KINK = (
    " The function has a kink here (equal numbers in a max, a branch that switches, a count that"
    " changes): its slopes to both sides differ, and there is no derivative to agree with. Try a"
    " point nearby."
)


def check_grads(
    f: Callable[..., Any],
    args: Sequence[Any],
    order: int = 1,
    rtol: float | None = None,
    atol: float | None = None,
    seed: int = 0,
) -> None:
    """Check both modes of a function at a point, along random directions.

    Parameters
    ----------
    f : callable
        Returns numbers or arrays (or containers of them). Called with copies of the arguments.
    args : sequence
        The point; every floating-point argument is perturbed.
    order : {1, 2}
        2 also checks the derivative of the gradient, for functions that return a real number.
    rtol, atol : float, optional
        Tolerances; by default chosen by the least precise type among arguments and results.
    seed : int
        Of the random directions.

    Raises
    ------
    AssertionError
        Names the mode, the order and the argument that disagrees.

    Notes
    -----
    Forward mode is compared with central differences at several steps and their extrapolations, of
    which the best counts;
    reverse mode with forward mode by the identity ``<y_bar, J x_dot> = <J' y_bar, x_dot>``, per
    argument, to a much tighter tolerance. A rule that is wrong in both modes *and* agrees with the
    differences along the drawn directions would pass.

    Examples
    --------
    >>> import math, numbad
    >>> numbad.check_grads(math.sin, (0.5,))
    """
    if order not in (1, 2):
        raise ValueError(f"order must be 1 or 2, not {order}.")
    rng = np.random.default_rng(seed)
    _check_first_order(f, list(args), rng, rtol, atol, order=1)
    if order == 2:
        _check_first_order(lambda *xs: gradient(f, *xs), list(args), rng, rtol, atol, order=2)


def _copied(args: list[Any]) -> list[Any]:
    return [
        unflatten(calls.copied(flatten(arg, tree)), tree)
        for arg in args
        for tree in (describe(arg),)
    ]


def _random_like(tree: Tree, value: Any, rng: np.random.Generator) -> Any:
    """Return a random tangent of the structure of a value; None if it has none."""
    parts = []
    has_one = False
    for leaf, primal in zip(leaves(tree), flatten(value, tree), strict=True):
        type_ = tangent_type(leaf.type)
        if type_ is None or not _is_continuous(leaf):
            parts.append(zero_like(primal, leaf))
            continue
        has_one = True
        parts.append(_draw(type_, np.shape(primal), rng))
    return unflatten(parts, tree) if has_one else None


def _is_continuous(leaf: Leaf) -> bool:
    return _element(leaf.type).name.startswith(("float", "complex"))


def _element(type_: Type | None) -> Scalar:
    """Return the type of a number, or of the elements of an array."""
    element = type_.dtype if isinstance(type_, Array) else type_
    assert isinstance(element, Scalar)
    return element


def _draw(type_: Type | None, shape: tuple[int, ...], rng: np.random.Generator) -> Any:
    element = _element(type_)
    drawn = rng.standard_normal(shape)
    if is_complex(element):
        drawn = drawn + 1j * rng.standard_normal(shape)
    drawn = np.asarray(drawn, dtype=element.name)
    return drawn if isinstance(type_, Array) else drawn.item()


def _inner(left: Sequence[Any], right: Sequence[Any]) -> float:
    return float(sum(np.sum(np.real(np.conj(a) * b)) for a, b in zip(left, right, strict=True)))


def _flat(value: Any, tree: Tree) -> list[Any]:
    return [0.0] * sum(1 for _ in leaves(tree)) if value is None else flatten(value, tree)


def _check_first_order(
    f: Callable[..., Any],
    args: list[Any],
    rng: np.random.Generator,
    rtol: float | None,
    atol: float | None,
    order: int,
) -> None:
    trees = [describe(arg) for arg in args]
    directions = [_random_like(tree, arg, rng) for tree, arg in zip(trees, args, strict=True)]
    precision = _precision(trees)
    y, y_dot = jvp(f, _copied(args), directions)
    result = describe(y)
    expected = flatten_partly(y_dot, result)
    relative, absolute = _TOLERANCES[precision]
    relative = rtol if rtol is not None else relative
    absolute = atol if atol is not None else absolute
    worst = _against_differences(f, args, trees, directions, expected, precision)
    size = _size(expected)
    # Next to a tangent of zero, it is the error itself that is measured.
    if worst > relative and worst * (size if size >= _SMALL else 1.0) > absolute:
        raise AssertionError(
            f"forward mode, order {order}: the tangent of {calls.name_of(f)} differs from central "
            f"differences by {worst:.3g} (relative)."
            + (_KINK if _has_kink(f, args, trees, directions, precision, worst) else "")
        )
    y_bar = [
        None
        if tangent_type(leaf.type) is None
        else _draw(tangent_type(leaf.type), np.shape(v), rng)
        for leaf, v in zip(leaves(result), flatten_partly(y, result), strict=True)
    ]
    seeds = unflatten(y_bar, result)
    _, back = pullback(f, *_copied(args))
    cotangents = back(seeds)
    tight = 1e-9 if precision == "float64" else 1e-3
    for position, (tree, direction) in enumerate(zip(trees, directions, strict=True)):
        if direction is None:
            continue
        alone = [d if p == position else None for p, d in enumerate(directions)]
        _, part = jvp(f, _copied(args), alone)
        forward_sum = _inner(_known(y_bar), _known(flatten_partly(part, result), y_bar))
        reverse_sum = _inner(_flat(cotangents[position], tree), flatten(direction, tree))
        scale = max(abs(forward_sum), abs(reverse_sum), 1.0)
        if not abs(forward_sum - reverse_sum) <= tight * scale:
            raise AssertionError(
                f"reverse mode, order {order}: argument {position} of {calls.name_of(f)}: "
                f"<y_bar, J x_dot> = {forward_sum!r}, but <J' y_bar, x_dot> = {reverse_sum!r}."
            )


def _known(values: list[Any], mask: list[Any] | None = None) -> list[Any]:
    mask = values if mask is None else mask
    return [v for v, m in zip(values, mask, strict=True) if m is not None]


def _precision(trees: list[Tree]) -> str:
    for tree in trees:
        for leaf in leaves(tree):
            if _element(leaf.type).name in ("float32", "complex64"):
                return "float32"
    return "float64"


def _size(values: list[Any]) -> float:
    return max(
        (float(np.max(np.abs(v), initial=0.0)) for v in values if v is not None), default=0.0
    )


def _against_differences(
    f: Callable[..., Any],
    args: list[Any],
    trees: list[Tree],
    directions: list[Any],
    expected: list[Any],
    precision: str,
) -> float:
    """Return the least relative disagreement over the steps, and over pairs of steps.

    Quotients of two steps are extrapolated to step zero, as if the error were quadratic.
    """
    steps = _STEPS[precision]
    quotients = []
    for step in steps:
        sides = [_shifted(f, args, trees, directions, s) for s in (step, -step)]
        quotients.append(
            [
                None if tangent is None or plus is None else (plus - minus) / (2 * step)
                for plus, minus, tangent in zip(*map(_arrays, sides), expected, strict=True)
            ]
        )
    for first, second, (one, other) in zip(
        steps, steps[1:], list(itertools.pairwise(quotients)), strict=False
    ):
        factor = 1.0 / ((first / second) ** 2 - 1.0)
        quotients.append(
            [None if a is None else b + factor * (b - a) for a, b in zip(one, other, strict=True)]
        )
    return min(_disagreement(quotient, expected) for quotient in quotients)


def _arrays(values: list[Any]) -> list[Any]:
    return [None if value is None else np.asarray(value) for value in values]


def _disagreement(quotients: list[Any], expected: list[Any]) -> float:
    """Return the largest difference, relative to the largest tangent."""
    scale = max(_size(expected), 1e-12)
    error = 0.0
    for quotient, tangent in zip(quotients, expected, strict=True):
        if quotient is not None:
            difference = np.abs(quotient - np.asarray(tangent))
            error = max(error, float(np.max(difference, initial=0.0)))
    return error / max(scale, 1.0) if scale < _SMALL else error / scale


def _shifted(
    f: Callable[..., Any], args: list[Any], trees: list[Tree], directions: list[Any], step: float
) -> list[Any]:
    """Return the leaves of the result a step away along the directions."""
    moved = []
    for arg, tree, direction in zip(_copied(args), trees, directions, strict=True):
        if direction is None:
            moved.append(arg)
            continue
        parts = []
        for leaf, value, d in zip(
            leaves(tree), flatten(arg, tree), flatten(direction, tree), strict=True
        ):
            if not _is_continuous(leaf):
                parts.append(value)
            else:
                new = np.asarray(value + step * d, dtype=_element(leaf.type).name)
                parts.append(new if isinstance(leaf.type, Array) else new[()])
        moved.append(unflatten(parts, tree))
    y = f(*moved)
    return flatten_partly(y, describe(y))


def _has_kink(
    f: Callable[..., Any],
    args: list[Any],
    trees: list[Tree],
    directions: list[Any],
    precision: str,
    worst: float,
) -> bool:
    """Whether the slopes to both sides stay apart, about as far as the error, as steps shrink."""
    gaps = []
    for step in _STEPS[precision][-2:]:
        sides = [_shifted(f, args, trees, directions, s) for s in (step, 0.0, -step)]
        gap = size = 0.0
        for plus, here, minus in zip(*sides, strict=True):
            if here is None or np.asarray(here).dtype.kind not in "fc":
                continue
            one, other = [
                (np.asarray(a) - np.asarray(b)) / step for a, b in ((plus, here), (here, minus))
            ]
            gap = max(gap, float(np.max(np.abs(one - other), initial=0.0)))
            size = max(size, float(np.max(np.abs(one + other), initial=0.0)) / 2)
        gaps.append(gap / max(size, 1e-12))
    return gaps[1] > 0.5 * gaps[0] and gaps[1] > 0.5 * worst
