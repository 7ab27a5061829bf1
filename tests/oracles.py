"""Independent derivatives to compare numbad's with, and the check of a whole program.

The main oracle is a central difference of the plain Python function along one random direction,
extrapolated to step zero (Ridders 1982); every evaluation gets fresh arguments, so programs that
change their arguments are no special case. float32 arguments are widened for it. Analytic
functions also get the complex step, closed forms mpmath.

Blind spots: a leaf whose slope is tiny beside the others' hides in one random direction (a failing
check names the leaf, a passing one does not prove each); a kink closer than the smallest step.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any

import mpmath
import numba
import numpy as np
from numba.core.dispatcher import Dispatcher

from tests.programs.program import Program
from tests.structures import (
    Path,
    at,
    inner,
    inner_tree,
    is_leaf,
    is_real_or_complex,
    leaves,
    rebuild,
)

TOLERANCES = {
    "float64": {"value": 1e-12, "differences": 2e-7, "dot_product": 1e-9, "exact": 1e-11},
    "float32": {"value": 1e-5, "differences": 2e-4, "dot_product": 1e-4, "exact": 1e-5},
}
"""Relative tolerances of each comparison, by the narrowest dtype among arguments and results."""


def precision(*values: Any) -> str:
    """Name of the narrowest floating-point dtype among the leaves, as ``TOLERANCES`` lists it."""
    narrow = (np.float32, np.complex64)
    found = any(np.asarray(leaf).dtype.type in narrow for _, leaf in leaves(values))
    return "float32" if found else "float64"


def assert_close(got: Any, expected: Any, tolerance: float, what: str) -> None:
    """Compare two trees leaf by leaf: same structure, same shapes, close values, same nans."""
    if is_leaf(got) and is_leaf(expected):
        a, b = np.asarray(got), np.asarray(expected)
        assert a.shape == b.shape, f"{what}: shape {a.shape}, expected {b.shape}"
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance, err_msg=what)
        return
    assert not is_leaf(got), f"{what}: {got!r}, expected {expected!r}"
    assert not is_leaf(expected), f"{what}: {got!r}, expected {expected!r}"
    if isinstance(expected, tuple | list | dict):
        assert len(got) == len(expected), f"{what}: {got!r}, expected {expected!r}"
        keys = expected if isinstance(expected, dict) else range(len(expected))
        for key in keys:
            assert_close(got[key], expected[key], tolerance, f"{what}[{key!r}]")
    else:
        assert got == expected, f"{what}: {got!r}, expected {expected!r}"


def ridders(phi: Callable[[float], float], step: float = 1e-3) -> tuple[float, float]:
    """Derivative of ``phi`` at 0 and an estimate of its error, by extrapolated differences."""
    rows: list[list[float]] = []
    best, error = np.nan, np.inf
    for k in range(9):
        h = step / 2**k
        row = [(phi(h) - phi(-h)) / (2.0 * h)]
        for j in range(k):
            factor = 4.0 ** (j + 1)
            row.append((factor * row[j] - rows[-1][j]) / (factor - 1.0))
            spread = max(abs(row[j + 1] - row[j]), abs(row[j + 1] - rows[-1][j]))
            if spread < error:
                best, error = row[j + 1], spread
        rows.append(row)
    return best, error


def complex_step(f: Callable[..., Any], args: tuple[Any, ...], direction: dict[Path, Any]) -> float:
    """Directional derivative of an analytic ``f`` to full precision (Squire & Trapp 1998)."""
    h = 1e-30

    def move(path: Path, leaf: Any) -> Any:
        return leaf + 1j * h * direction[path] if path in direction else leaf

    return float(np.imag(f(*rebuild(args, move))) / h)


def mpmath_derivative(f: Callable[..., Any], *x: float, wrt: int = 0, digits: int = 40) -> float:
    """Derivative of ``f``, written with mpmath functions, at ``digits`` digits."""
    with mpmath.workdps(digits):
        point = [mpmath.mpf(v) for v in x]
        order = tuple(int(i == wrt) for i in range(len(x)))
        return float(mpmath.diff(f, tuple(point), order))


def jitted(function: Any, known: dict[Any, Any] | None = None) -> Any:
    """``numba.njit`` of a function and, which Numba itself does not do, of its plain helpers."""
    known = {} if known is None else known
    if not isinstance(function, types.FunctionType) or isinstance(function, Dispatcher):
        return function
    if function not in known:
        scope = dict(function.__globals__)
        copy = types.FunctionType(
            function.__code__, scope, function.__name__, function.__defaults__, function.__closure__
        )
        copy.__kwdefaults__ = function.__kwdefaults__
        known[function] = numba.njit(copy)
        for name in names_used(function.__code__):
            value = scope.get(name)
            if isinstance(value, types.FunctionType) and value.__module__.startswith("tests."):
                scope[name] = jitted(value, known)
    return known[function]


def names_used(code: types.CodeType) -> set[str]:
    """Global and attribute names in a code object and the code objects nested in it."""
    nested = (c for c in code.co_consts if isinstance(c, types.CodeType))
    return set(code.co_names).union(*(names_used(c) for c in nested))


class Case:
    """A program at one seed: fresh arguments on demand, plain results, a random direction."""

    def __init__(self, program: Program, seed: int = 0) -> None:
        self.program = program
        self.seed = seed
        rng = np.random.default_rng([seed, 7])
        args = self.arguments()
        self.wrt = range(len(args)) if program.wrt is None else program.wrt
        self.direction = {
            path: self.random_like(rng, leaf)
            for path, leaf in leaves(args)
            if path[0] in self.wrt and is_real_or_complex(leaf)
        }
        self.after = self.arguments()
        self.value = program.original(*self.after, **program.kwargs)
        self.y_bar = rebuild(self.value, lambda _, leaf: self.random_like(rng, leaf))
        self.precision = precision(args, self.value)

    @staticmethod
    def random_like(rng: np.random.Generator, leaf: Any) -> Any:
        """Random numbers of the shape and kind of ``leaf``, at most 1 in size."""
        array = np.asarray(leaf)
        out = rng.uniform(-1.0, 1.0, array.shape)
        if array.dtype.kind == "c":
            out = out + 1j * rng.uniform(-1.0, 1.0, array.shape)
        if array.dtype.itemsize == 4 or array.dtype == np.complex64:
            out = out.astype(array.dtype) if array.dtype.kind in "fc" else out
        return out if isinstance(leaf, np.ndarray) else np.asarray(out)[()].item()

    def arguments(self) -> tuple[Any, ...]:
        """Fresh arguments, the same at each call."""
        return self.program.arguments(self.program.rng(self.seed))

    @property
    def scalar(self) -> bool:
        """Whether the result is one real number, which ``gradient`` accepts."""
        return is_leaf(self.value) and np.ndim(self.value) == 0 and not np.iscomplexobj(self.value)

    def tolerance(self, kind: str) -> float:
        """Tolerance of one comparison for this program."""
        return TOLERANCES[self.precision][kind] * self.program.tolerance

    def moved(self, t: float, only: Path | None = None) -> tuple[Any, ...]:
        """Arguments at ``t`` along the direction; along one leaf of it if ``only`` is given."""

        def move(path: Path, leaf: Any) -> Any:
            wide = widened(leaf)
            if path not in self.direction or (only is not None and path != only):
                return wide
            if isinstance(wide, np.ndarray):
                wide += t * self.direction[path]
                return wide
            return wide + t * self.direction[path]

        return rebuild(self.arguments(), move)

    def along(self, t: float, only: Path | None = None) -> float:
        """Inner product of the result at ``t`` along the direction with the seed."""
        result = self.program.original(*self.moved(t, only), **self.program.kwargs)
        return self.seeded(result)

    def seeded(self, result: Any) -> float:
        """Inner product of a result (or its tangent) with the random seed ``y_bar``."""
        if self.scalar:
            return float(np.real(result))
        return inner_tree(self.y_bar, dict(leaves(result)))

    def differences(self, only: Path | None = None) -> tuple[float, float]:
        """Directional derivative by finite differences, and its error."""
        return ridders(functools.partial(self.along, only=only), self.program.step)

    def tangents(self) -> tuple[Any, ...]:
        """The direction as a tree like the arguments, None where nothing moves."""
        args = self.arguments()
        full = rebuild(args, lambda path, _: self.direction.get(path))
        used = {path[0] for path in self.direction}
        return tuple(t if i in used else None for i, t in enumerate(full))


def widened(leaf: Any) -> Any:
    """A float32 or complex64 leaf in double precision; anything else unchanged."""
    wide = {np.float32: np.float64, np.complex64: np.complex128}.get(np.asarray(leaf).dtype.type)
    if wide is None:
        return leaf
    return leaf.astype(wide) if isinstance(leaf, np.ndarray) else wide(leaf)


def check_program(
    program: Program, seed: int = 0, modes: tuple[str, ...] = ("reverse", "forward")
) -> None:
    """Assert that numbad's value and derivatives of ``program`` are right.

    Reverse mode: value, effect on the arguments, one entry per argument with the shape and dtype of
    the argument, None where declared, identical bits at a second call, agreement with finite
    differences and the complex step. Forward mode: value, effect, agreement with finite
    differences, and with reverse mode by the dot-product identity.
    """
    case = Case(program, seed)
    expected, error = case.differences()
    size = 1.0 + abs(expected)
    allowed = case.tolerance("differences") * size
    assert error < max(allowed, 1e-5 * size), f"{program}: finite differences fail ({error:.1e})"
    pulled = None
    if "reverse" in modes:
        gradient = check_reverse_result(case)
        pulled = inner_tree(gradient, case.direction)
        if not abs(pulled - expected) <= allowed + 10.0 * error:
            raise AssertionError(describe_mismatch(case, gradient, pulled, expected))
        if program.complex_step:
            exact = complex_step(program.original, case.arguments(), case.direction)
            assert_close(pulled, exact, case.tolerance("exact") * size, f"{program}: complex step")
    if "forward" in modes:
        pushed = case.seeded(check_forward_result(case))
        assert abs(pushed - expected) <= allowed + 10.0 * error, (
            f"{program}: forward mode gives {pushed!r}, finite differences {expected!r}"
        )
        if pulled is not None:
            assert_close(
                pushed, pulled, case.tolerance("dot_product") * size, f"{program}: dot product"
            )


def check_reverse_result(case: Case) -> tuple[Any, ...]:
    """Gradient of the program (or pullback of a random seed), after all checks but its numbers."""
    program = case.program
    args = case.arguments()
    value, gradient = reverse(case, args)
    assert_close(value, case.value, case.tolerance("value"), f"{program}: value in reverse mode")
    assert_close(
        args, case.after, case.tolerance("value"), f"{program}: arguments after reverse mode"
    )
    assert isinstance(gradient, tuple), f"{program}: the gradient is not a tuple"
    assert len(gradient) == len(args), f"{program}: not one entry per argument"
    for i, entry in enumerate(gradient):
        if i in program.none or i not in case.wrt:
            assert entry is None, f"{program}: gradient of argument {i} is {entry!r}, not None"
    for path, leaf in leaves(case.arguments()):
        entry = at(gradient, path)
        if entry is not None and isinstance(leaf, np.ndarray):
            assert isinstance(entry, np.ndarray), f"{program}: gradient at {path} is {entry!r}"
            kind = leaf.dtype if leaf.dtype.kind in "fc" else np.dtype(np.float64)
            assert (entry.shape, entry.dtype) == (leaf.shape, kind), f"{program}: {path}"
            assert entry.flags.c_contiguous, f"{program}: {path} is not C-contiguous"
            assert entry.flags.writeable, f"{program}: {path} is not writable"
            others = [other for _, other in leaves(args) if isinstance(other, np.ndarray)]
            shares = any(np.shares_memory(entry, other) for other in others)
            assert not shares, f"{program}: {path} shares memory with an argument"
    again = reverse(case, case.arguments())[1]
    assert_close(again, gradient, 0.0, f"{program}: second call")
    return gradient


def reverse(case: Case, args: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
    """Value and cotangents of the arguments by reverse mode."""
    import numbad

    program = case.program
    options = {} if program.wrt is None else {"wrt": program.wrt}
    if case.scalar:
        value, gradient = numbad.withgradient(program.function, *args, **options, **program.kwargs)
        return value, gradient
    value, back = numbad.pullback(program.function, *args, **options, **program.kwargs)
    return value, back(case.y_bar)


def check_forward_result(case: Case) -> Any:
    """Tangent of the result by forward mode, after comparing value and effect."""
    import numbad

    program = case.program
    args = case.arguments()
    value, y_dot = numbad.jvp(with_keywords(program), args, case.tangents())
    assert_close(value, case.value, case.tolerance("value"), f"{program}: value in forward mode")
    assert_close(
        args, case.after, case.tolerance("value"), f"{program}: arguments after forward mode"
    )
    return y_dot


def with_keywords(program: Program) -> Callable[..., Any]:
    """Return the function of a program with its keyword arguments bound."""
    if not program.kwargs:
        return program.function
    return functools.partial(program.function, **program.kwargs)


def describe_mismatch(case: Case, gradient: Any, pulled: float, expected: float) -> str:
    """Say which leaf of the gradient is wrong."""
    lines = [f"{case.program}: reverse mode gives {pulled!r}, finite differences {expected!r}"]
    for path, direction in case.direction.items():
        want, error = case.differences(only=path)
        got = inner(at(gradient, path), direction)
        mark = "  " if abs(got - want) <= 1e-5 * (1.0 + abs(want)) else "->"
        lines.append(f"{mark} argument {path}: {got!r}, finite differences {want!r} +- {error:.1e}")
    return "\n".join(lines)


def check_plain_equals_jitted(program: Program, seed: int = 0) -> None:
    """Assert that the program means the same in plain Python and under ``numba.njit``."""
    case = Case(program, seed)
    args = case.arguments()
    value = jitted(program.function)(*args, **program.kwargs)
    assert_close(value, case.value, case.tolerance("value"), f"{program}: value under njit")
    assert_close(args, case.after, case.tolerance("value"), f"{program}: arguments under njit")


def check_oracle(program: Program, seed: int = 0) -> None:
    """Assert that finite differences work on the program, and agree with the complex step."""
    case = Case(program, seed)
    derivative, error = case.differences()
    size = 1.0 + abs(derivative)
    assert np.isfinite(derivative), f"{program}: finite differences give {derivative}"
    assert error <= max(case.tolerance("differences"), 1e-7) * size, f"{program}: error {error:.1e}"
    if program.complex_step:
        exact = complex_step(program.original, case.arguments(), case.direction)
        assert_close(derivative, exact, 1e-8 * size, f"{program}: oracles")
