"""Jacobians and Hessians by the traced engine: one run of the function, a sweep per row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from numbad.errors import NonScalarOutput
from numbad.results import record_class
from numbad.traced import (
    engine,
    interface,  # noqa: F401 - loads the tables of the whole engine
)
from numbad.traced.activity import mapped
from numbad.traced.bodies import is_array
from numbad.traced.containers import is_leaf, is_number, is_numeric_array, parts, rebuilt
from numbad.traced.engine import Reversed
from numbad.traced.values import hooks, plain


def real_arguments(
    values: Sequence[Any], wrt: Sequence[int]
) -> tuple[tuple[Any, ...], tuple[int, ...]]:
    """Return the arguments, lists of numbers as arrays, and the positions of the real ones."""
    arrays = tuple(map(_as_array, values))
    chosen = tuple(p for p in wrt if is_number(arrays[p]) or is_numeric_array(arrays[p]))
    for position in chosen:
        if np.iscomplexobj(plain(arrays[position])):
            raise NonScalarOutput(
                f"argument {position} of a Jacobian or Hessian is complex.",
                why="Its matrix would be of real and imaginary parts.",
                remedy="Differentiate with respect to the two parts, or use `pullback`.",
            )
    return tuple(plain(a) if not hooks.is_active(a) else a for a in arrays), chosen


def _as_array(value: Any) -> Any:
    """Return a list of numbers, or of lists of numbers, as an array; other values as they are."""
    if type(value) is not list:
        return value
    try:
        kind = np.array(mapped(plain, value)).dtype.kind
    except ValueError:
        return value
    return hooks.call(np.array, value) if kind in "iuf" else value


def _units(value: Any) -> Iterator[Any]:
    """Yield the unit cotangents of a number or array, in C order."""
    shape = np.shape(plain(value))
    if not shape:
        yield np.ones(()) if is_array(value) else 1.0
        return
    for index in np.ndindex(shape):
        unit = np.zeros(shape)
        unit[index] = 1.0
        yield unit


def _rows(run: Reversed, leaf: int, position: int, order: str) -> Any:
    """Return the derivative matrix of a leaf of the result with respect to an argument."""
    value = run.results[leaf][0]
    rows = []
    for unit in _units(value):
        seeds: list[Any] = [None] * len(run.results)
        seeds[leaf] = unit
        found = run.back(seeds, zeros=True)[position]
        rows.append(hooks.call(np.reshape, found, (-1,)) if np.shape(plain(found)) else [found])
    n = int(np.size(plain(run.args[position])))
    matrix = hooks.call(np.array, rows) if rows else np.zeros((0, n))
    return _arranged(matrix, np.shape(plain(value)), run.args[position], order)


def _arranged(matrix: Any, rows: tuple[int, ...], x: Any, order: str) -> Any:
    """Return a matrix in the numbering asked for, a vector for a number ``x``."""
    columns = np.shape(plain(x))
    shape = np.shape(plain(matrix))
    if order == "F" and (len(rows) > 1 or len(columns) > 1):
        axes = (*reversed(range(len(rows))), *reversed(range(len(rows), len(rows) + len(columns))))
        whole = hooks.call(np.reshape, matrix, (*rows, *columns))
        matrix = hooks.call(np.reshape, hooks.call(np.transpose, whole, axes), shape)
    if is_number(x) and not is_array(x):
        matrix = hooks.call(np.reshape, matrix, (-1,))
    return matrix if hooks.is_active(matrix) else np.ascontiguousarray(plain(matrix))


def jacobian(
    f: Callable[..., Any],
    args: Sequence[Any],
    kwargs: dict[str, Any],
    wrt: Sequence[int],
    order: str,
) -> tuple[Any, tuple[Any, ...]]:
    """Return the value and the Jacobians of ``f``."""
    values, chosen = real_arguments(args, wrt)

    def with_result(*given: Any, **named: Any) -> Any:
        found = hooks.call(f, *given, **named)
        return given[0] if found is None and given else found

    run = Reversed(with_result, values, kwargs, chosen)
    y = plain(run.y)
    if parts(y) is not None:
        return run.y, tuple(
            _of_parts(run, p, order) if p in chosen else None for p in range(len(values))
        )
    if not (isinstance(y, np.ndarray) or is_number(y)) or np.iscomplexobj(y):
        raise NonScalarOutput(
            f"`{getattr(f, '__name__', f)}` returns {type(y).__name__}, not real numbers.",
            why="A Jacobian is defined for one array of real numbers.",
            remedy="Return a real number or array, or use `pullback`.",
        )
    entries = [_rows(run, 0, p, order) if p in chosen else None for p in range(len(values))]
    return run.y, tuple(entries)


def _of_parts(run: Reversed, position: int, order: str) -> Any:
    """Return the derivatives of all parts of the result, in its structure."""
    numbers = iter(range(len(run.results)))

    def derivative(value: Any) -> Any:
        found = parts(value)
        if found is not None:
            made = [derivative(item) for item in found.values()]
            if isinstance(value, tuple | list | dict):
                return rebuilt(value, made)
            return record_class(type(value).__name__, tuple(map(str, found)))(*made)
        leaf = next(numbers)
        if not is_leaf(value):
            return None
        if np.iscomplexobj(plain(value)):
            raise _not_real("a complex part")
        rows = _rows(run, leaf, position, order)
        if np.ndim(plain(value)):
            return rows
        if hooks.is_active(rows):
            return hooks.get_item(rows, 0)
        return rows[0] if np.ndim(rows) > 1 else float(rows[0])

    return derivative(run.y)


def _not_real(what: str) -> NonScalarOutput:
    return NonScalarOutput(
        f"a Jacobian was asked of a function that returns {what}.",
        why="It is defined for real numbers and arrays.",
        remedy="Return real and imaginary part as two results, or use `pullback`.",
    )


def hessian(
    f: Callable[..., Any], x: Any, kwargs: dict[str, Any], order: str
) -> tuple[Any, Any, Any]:
    """Return value, gradient and Hessian of ``f``."""
    values, chosen = _hessian_arguments((x,), (0,))
    run = _gradients(f, values, kwargs, chosen)
    val, (grad,) = run.y
    matrix = _rows(run, len(run.results) - 1, 0, order)
    if is_number(values[0]) and not is_array(values[0]):
        matrix = hooks.get_item(hooks.call(np.array, matrix), 0)
        matrix = matrix if hooks.is_active(matrix) else float(matrix)
    return val, grad, matrix


def diagonals(
    f: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any], wrt: Sequence[int]
) -> tuple[Any, ...]:
    """Return the diagonals of the Hessians of ``f``."""
    values, chosen = _hessian_arguments(args, wrt)
    run = _gradients(f, values, kwargs, chosen)
    first = len(run.results) - len(chosen)
    found: list[Any] = [None] * len(values)
    for number, position in enumerate(chosen):
        matrix = hooks.call(np.reshape, _rows(run, first + number, position, "C"), (-1,))
        n = int(np.size(plain(values[position])))
        diagonal = hooks.get_item(hooks.call(np.array, matrix), slice(None, None, n + 1))
        if is_number(values[position]) and not is_array(values[position]):
            diagonal = hooks.get_item(diagonal, 0)
            found[position] = diagonal if hooks.is_active(diagonal) else float(diagonal)
        else:
            diagonal = hooks.call(np.reshape, diagonal, np.shape(plain(values[position])))
            found[position] = diagonal if hooks.is_active(diagonal) else plain(diagonal)
    return tuple(found)


def product(f: Callable[..., Any], x: Any, v: Any, kwargs: dict[str, Any]) -> Any:
    """Return the Hessian of ``f`` times ``v``, which is the Hessian's transpose times ``v``."""
    values, chosen = _hessian_arguments((x,), (0,))
    if np.shape(plain(v)) != np.shape(plain(values[0])):
        raise ValueError(
            f"The direction has shape {np.shape(plain(v))}, "
            f"the argument {np.shape(plain(values[0]))}."
        )
    run = _gradients(f, values, kwargs, chosen)
    seeds: list[Any] = [None] * len(run.results)
    seeds[-1] = hooks.call(np.array, v) if np.shape(plain(v)) else v
    return run.back(seeds, zeros=True)[0]


def _hessian_arguments(
    args: Sequence[Any], wrt: Sequence[int]
) -> tuple[tuple[Any, ...], tuple[int, ...]]:
    values, chosen = real_arguments(args, wrt)
    if not chosen:
        raise TypeError("A Hessian needs a real number or an array of real numbers as argument.")
    return values, chosen


def _gradients(
    f: Callable[..., Any], values: Sequence[Any], kwargs: dict[str, Any], wrt: Sequence[int]
) -> Reversed:
    """Return the run of the function ``x -> (f(x), gradients)``."""

    def value_and_gradients(*given: Any, **named: Any) -> Any:
        val, found = engine.gradient(f, given, named, wrt, True)
        return val, tuple(found[position] for position in wrt)

    return Reversed(value_and_gradients, values, kwargs, wrt)
