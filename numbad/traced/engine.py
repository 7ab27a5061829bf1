"""The traced engine: the derivative of any Python function, by running it on traced values."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import Any

import numpy as np

from numbad.errors import DifferentiationError, NonScalarOutput
from numbad.parameters import Grads, Params
from numbad.results import record_class
from numbad.structure import record_fields
from numbad.traced import containers
from numbad.traced.bodies import is_array
from numbad.traced.containers import Lifted, is_number, is_numeric_array, leaves, parts
from numbad.traced.forward import ForwardLevel
from numbad.traced.levels import Level, beneath, opened
from numbad.traced.memory import root, slope_dtype
from numbad.traced.reverse import Reference, ReverseLevel, Sweep
from numbad.traced.values import TracedArray, TracedNumber, hooks, plain, wrap


def _own_copy(value: Any) -> TracedArray:
    """Return a copy of an argument, in memory of its own."""
    if isinstance(value, TracedArray):
        copied: TracedArray = hooks.call(np.copy, value)
        return copied
    if type(value) is not np.ndarray:
        raise DifferentiationError(
            f"An array of type {type(value).__name__} is not differentiated.",
            remedy="Pass a plain numpy.ndarray (`np.asarray(x)`).",
        )
    return TracedArray(np.array(value, order="K"))


class Reversed:
    """A function that has been run for a backward sweep.

    Attributes
    ----------
    y : object
        What it returned, as the caller is to see it.
    """

    def __init__(
        self,
        f: Callable[..., Any],
        args: Sequence[Any],
        kwargs: dict[str, Any],
        wrt: Sequence[int],
        params: Iterable[Any] = (),
    ) -> None:
        level = ReverseLevel()
        self.level = level
        self.args = [snapshot(arg) for arg in args]
        self.members = [snapshot(item) for item in params]
        self.wrt = wrt
        self.references: dict[int, list[Reference]] = {}
        self.lifted = lifted = Lifted(level, self._number, self._array)
        with opened(level):
            try:
                given = []
                for position, item in enumerate(params):
                    lifted.given = []
                    lifted.lift_in_place(item, self._parameter)
                    self.references[-1 - position] = lifted.given
                for position, arg in enumerate(args):
                    lifted.given = []
                    given.append(lifted.lift(arg, position in wrt, lambda hint, key: hint))
                    self.references[position] = lifted.given
                named = {
                    name: lifted.lift(arg, False, lambda *_: False) for name, arg in kwargs.items()
                }
                y = hooks.call(f, *given, **named)
            except BaseException:
                level.is_open = False
                with beneath(level):
                    lifted.write_back(arrays_only=True)
                    lifted.clean()
                raise
            self.results = [self._result(leaf) for leaf in leaves(y)]
        lifted.write_back()
        lifted.clean()
        self.y = lifted.lowered(y)

    def _parameter(self, value: Any) -> Any:
        """Make a number or array differentiable where it is."""
        if not is_array(value):
            return self._number(value, True)
        self.level.adopt(value)
        self.lifted.given.append(self.level.reference(value))
        return value

    def _number(self, value: Any, active: bool) -> Any:
        if not active:
            return value
        with beneath(self.level):
            made = self.level.fresh(value)
        self.lifted.given.append(made.slot)
        return made

    def _array(self, value: Any, active: bool) -> Any:
        if not active:
            return wrap(value)
        if plain(value).dtype.kind == "O":
            return self._object_array(value)
        with beneath(self.level):
            made = _own_copy(value)
        slope_dtype(made.array.dtype)
        self.level.adopt(made)
        self.lifted.given.append(self.level.reference(made))
        return made

    def _object_array(self, value: Any) -> Any:
        made = np.empty(plain(value).shape, object)
        for index in np.ndindex(made.shape):
            made[index] = self._number(plain(value)[index], True)
        return TracedArray(made)

    def _result(self, leaf: Any) -> tuple[Any, Reference | None]:
        """Return the value of a leaf of the result, and where its cotangent goes."""
        if type(leaf) is TracedNumber:
            leaf = _of_level(leaf, self.level)
            if leaf is not None:
                return plain(leaf), leaf.slot
            return None, None
        if is_array(leaf):
            array = plain(leaf)
            if id(root(array)) in self.level.table:
                return array, self.level.reference(leaf)
            return array, None
        return leaf, None

    def back(self, seeds: Sequence[Any], zeros: bool) -> tuple[Any, ...]:
        """Return the gradients of the arguments for seeds of the leaves of the result."""
        sweep = self._swept(seeds)
        found = []
        for position, arg in enumerate(self.args):
            if position in self.wrt:
                found.append(self._gradient(arg, position, sweep, zeros))
            else:
                found.append(shaped(arg, lambda value: _zero(value) if zeros else None))
        return tuple(found)

    def back_to(self, seeds: Sequence[Any], zeros: bool) -> list[Any]:
        """Return the gradients for the parameters."""
        sweep = self._swept(seeds)
        return [
            self._gradient(item, -1 - position, sweep, zeros)
            for position, item in enumerate(self.members)
        ]

    def _swept(self, seeds: Sequence[Any]) -> Sweep:
        sweep = Sweep()
        for (_, reference), seed in zip(self.results, seeds, strict=True):
            if reference is not None and seed is not None:
                sweep.add(reference, seed)
        sweep.run(self.level.tape)
        return sweep

    def _gradient(self, value: Any, position: int, sweep: Sweep, zeros: bool) -> Any:
        references = iter(self.references[position])

        def take(value: Any) -> Any:
            if is_numeric_array(value) and plain(value).dtype.kind == "O":
                return _object_gradient(value, references, sweep)
            cotangent = sweep.cotangent(next(references))
            if cotangent is None:
                return _zero(value) if zeros else None
            return finished(cotangent, value)

        return shaped(value, take)


def snapshot(value: Any, path: frozenset[int] = frozenset()) -> Any:
    """Return the structure of a value as it is now, around the same numbers and arrays."""
    found = None if containers.is_leaf(value) else parts(value)
    if found is None:
        return value
    if id(value) in path:
        return None
    inner = path | {id(value)}
    return containers.rebuilt(value, [snapshot(part, inner) for part in found.values()])


def leaf_cotangents(like: Any, given: Any) -> Iterator[Any]:
    """Yield what a cotangent has for each number and array of a container; None if nothing."""
    if containers.is_leaf(like):
        yield given
        return
    found = parts(like) or {}
    if isinstance(given, tuple | list) and record_fields(like) is not None:
        given = dict(zip(found, given, strict=True))
    for key, part in found.items():
        yield from leaf_cotangents(part, None if given is None else _part(given, key))


def _object_gradient(value: Any, references: Any, sweep: Sweep) -> Any:
    made = np.empty(plain(value).shape, object)
    for index in np.ndindex(made.shape):
        cotangent = sweep.cotangent(next(references))
        number = plain(value)[index]
        made[index] = _zero(number) if cotangent is None else finished(cotangent, number)
    return made


def _of_level(number: Any, level: Level) -> Any:
    """Return the number of the level behind a number of levels that are over."""
    while type(number) is TracedNumber:
        if number.level is level:
            return number
        if number.level.is_open:
            return None
        number = number.primal
    return None


def finished(cotangent: Any, primal: Any) -> Any:
    """Return a cotangent of the type that belongs to an argument."""
    value = plain(primal)
    if isinstance(value, np.ndarray):
        found = hooks.call(np.array, cotangent, order="C")
        array = plain(found)
        if array.dtype != slope_dtype(value.dtype):
            found = found.astype(slope_dtype(value.dtype))
        return found if hooks.is_active(found) else plain(found)
    if is_array(cotangent):
        cotangent = hooks.get_item(cotangent, ())
    if isinstance(value, Fraction) and isinstance(plain(cotangent), int | Fraction):
        return hooks.call(Fraction, cotangent)
    if isinstance(value, Decimal) and isinstance(plain(cotangent), int | Decimal):
        return hooks.call(Decimal, cotangent)
    if isinstance(value, np.float32 | np.complex64):
        return hooks.call(type(value), cotangent)
    if isinstance(value, complex):
        return hooks.call(complex, cotangent)
    if isinstance(plain(cotangent), complex):
        cotangent = cotangent.real
    return hooks.call(float, cotangent)


def _zero(value: Any) -> Any:
    value = plain(value)
    if isinstance(value, np.ndarray):
        return np.zeros(
            value.shape, object if value.dtype.kind == "O" else slope_dtype(value.dtype)
        )
    return (
        0j if isinstance(value, complex) else type(value)(0) if isinstance(value, Fraction) else 0.0
    )


def shaped(value: Any, take: Callable[[Any], Any], seen: frozenset[int] = frozenset()) -> Any:
    """Return the gradient of an argument: its structure, with ``take(leaf)`` for the leaves."""
    if containers.is_leaf(value):
        return take(value)
    found = parts(value) if id(value) not in seen else None
    if found is None:
        return None
    inner = seen | {id(value)}
    new = [shaped(part, take, inner) for part in found.values()]
    if isinstance(value, dict | MappingProxyType):
        return dict(zip(found, new, strict=True))
    if all(each is None for each in new):
        return None
    if isinstance(value, list | deque):
        return new
    if isinstance(value, tuple):
        cls = type(value)
        return tuple.__new__(cls, new) if hasattr(cls, "_fields") else tuple(new)
    return record_class(type(value).__name__, tuple(record_fields(value) or ()))(*new)


def gradient(
    f: Callable[..., Any],
    args: Sequence[Any],
    kwargs: dict[str, Any],
    wrt: Sequence[int],
    zeros: bool,
) -> tuple[Any, tuple[Any, ...]]:
    """Return the value of ``f`` and its gradient."""
    run = Reversed(f, args, kwargs, wrt)
    return run.y, run.back(_unit_seeds(run, f), zeros)


def _unit_seeds(run: Reversed, f: Callable[..., Any]) -> list[Any]:
    """Return the seeds for the gradient of the first result; NonScalarOutput if it has none."""
    first = run.y[0] if isinstance(run.y, tuple) and run.y else run.y
    value = plain(first)
    if not _is_real_scalar(value):
        raise NonScalarOutput(_what(f, value))
    exact = isinstance(value, Fraction | Decimal)
    return [1 if exact else 1.0] + [None] * (len(run.results) - 1)


def gradient_of_params(
    f: Callable[..., Any], params: Params, kwargs: dict[str, Any], zeros: bool
) -> tuple[Any, Grads]:
    """Return the value of a function without arguments and its gradients for the parameters."""
    run = Reversed(f, (), kwargs, (), params)
    found = run.back_to(_unit_seeds(run, f), zeros)
    return run.y, _grads(params, found)


def pullback_of_params(
    f: Callable[..., Any], params: Params, kwargs: dict[str, Any], zeros: bool
) -> tuple[Any, Callable[[Any], Grads]]:
    """Return the value of a function without arguments and its pullback to the parameters."""
    run = Reversed(f, (), kwargs, (), params)

    def back(y_bar: Any) -> Grads:
        """Return the gradients for the cotangent of the result."""
        return _grads(params, run.back_to(list(_seeds(run.y, y_bar)), zeros))

    return run.y, back


def _grads(params: Params, found: Sequence[Any]) -> Grads:
    return Grads(params, {id(item): each for item, each in zip(params, found, strict=True)})


def _is_real_scalar(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.ndim == 0 and value.dtype.kind in "biuf"
    return isinstance(value, int | float | Fraction | Decimal | np.floating | np.integer | np.bool_)


def _what(f: Any, value: Any) -> str:
    name = getattr(f, "__name__", None) or type(f).__name__
    if isinstance(value, np.ndarray):
        kind = f"an array of shape {value.shape}"
    elif isinstance(value, complex | np.complexfloating):
        kind = "a complex number"
    else:
        kind = f"a {type(value).__name__}"
    return f"`{name}` returns {kind}, not a real number."


def pullback(
    f: Callable[..., Any],
    args: Sequence[Any],
    kwargs: dict[str, Any],
    wrt: Sequence[int],
    zeros: bool,
) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """Return the value of ``f`` and its pullback."""
    run = Reversed(f, args, kwargs, wrt)

    def back(y_bar: Any) -> tuple[Any, ...]:
        """Return the cotangents of the arguments for the cotangent of the result."""
        return run.back(list(_seeds(run.y, y_bar)), zeros)

    return run.y, back


def _seeds(y: Any, y_bar: Any) -> Any:
    """Yield a seed for each leaf of the result."""
    found = parts(y)
    if found is None:
        if y_bar is None or not containers.is_leaf(y):
            yield None
            return
        yield _seed(y_bar, y, "The cotangent")
        return
    _check_keys(y_bar, found)
    for key, part in found.items():
        yield from _seeds(part, None if y_bar is None else _part(y_bar, key))


def _part(value: Any, key: Any) -> Any:
    if isinstance(value, dict):
        return value.get(key)
    if isinstance(value, list | tuple | deque) and not isinstance(key, str):
        return value[key]
    return getattr(value, key)


def _check_keys(given: Any, found: dict[Any, Any]) -> None:
    """Refuse a cotangent of a dict that has other keys than it."""
    if isinstance(given, dict) and not given.keys() <= found.keys():
        unknown = next(key for key in given if key not in found)
        raise ValueError(f"the cotangent has the key {unknown!r}, which the value does not have.")


def _seed(value: Any, like: Any, what: str) -> Any:
    """Return a cotangent or tangent of the type that belongs to a value."""
    shape, given = np.shape(plain(like)), np.shape(plain(value))
    if is_number(like):
        if given:
            raise TypeError(f"{what} must be a number, not an array of shape {given}.")
        if is_array(value):
            return hooks.get_item(wrap(value), ())
        if isinstance(plain(like), Fraction | Decimal):
            return value
        if isinstance(plain(value), complex) and not isinstance(plain(like), complex):
            raise TypeError(f"{what} of a real number must be real.")
        return hooks.call(complex if isinstance(plain(like), complex) else float, value)
    if given != shape:
        if len(given) != len(shape):
            raise ValueError(f"{what} must have {len(shape)} dimensions, not {len(given)}.")
        raise ValueError(f"{what} has shape {given}, not {shape}.")
    return hooks.call(np.array, value, dtype=slope_dtype(plain(like).dtype))


# --- forward mode -----------------------------------------------------------------------------

_CONSTANT = object()


def jvp(
    f: Callable[..., Any],
    primals: Sequence[Any],
    tangents: Sequence[Any],
    kwargs: dict[str, Any],
) -> tuple[Any, Any]:
    """Return the value of ``f`` and its tangent."""
    level = ForwardLevel()

    def number(value: Any, hint: Any) -> Any:
        if hint is _CONSTANT:
            return value
        with beneath(level):
            zero = 0 if isinstance(plain(value), Fraction | Decimal) else 0.0
            tangent = zero if hint is None else _seed(hint, value, "The tangent")
        return TracedNumber(level, value, tangent)

    def array(value: Any, hint: Any) -> Any:
        if hint is _CONSTANT:
            return wrap(value)
        with beneath(level):
            made = _own_copy(value)
            level.adopt(made)
            if hint is not None:
                hooks.set_item(level.tangent(made), Ellipsis, _seed(hint, value, "The tangent"))
        return made

    def pick(hint: Any, key: Any) -> Any:
        return hint if hint is None or hint is _CONSTANT else _part(hint, key)

    for position, (primal, tangent) in enumerate(zip(primals, tangents, strict=True)):
        if tangent is not None:
            _check_tangent(primal, tangent, f"The tangent of argument {position}")
    lifted = Lifted(level, number, array)
    with opened(level):
        try:
            given = [
                lifted.lift(primal, _CONSTANT if tangent is None else tangent, pick)
                for primal, tangent in zip(primals, tangents, strict=True)
            ]
            named = {name: lifted.lift(arg, _CONSTANT, pick) for name, arg in kwargs.items()}
            y = hooks.call(f, *given, **named)
        except BaseException:
            level.is_open = False
            with beneath(level):
                lifted.write_back(arrays_only=True)
                lifted.clean()
            raise
        with beneath(level):
            y_dot = _tangents(y, level)
    lifted.write_back()
    lifted.clean()
    return lifted.lowered(y), y_dot


def _check_tangent(primal: Any, tangent: Any, what: str) -> None:
    if containers.is_leaf(primal):
        if (
            plain(primal).__class__ is np.ndarray
            and np.shape(plain(tangent)) != np.shape(plain(primal))
        ) or is_number(primal):
            _seed(tangent, primal, what)
        return
    if parts(primal) is None:
        raise TypeError(f"{what} has no tangent: it is of type {type(primal).__name__}.")


def _tangents(y: Any, level: ForwardLevel) -> Any:
    """Return the tangent of a result, in its structure."""
    found = parts(y)
    if found is not None:
        new = [_tangents(part, level) for part in found.values()]
        return containers.rebuilt(y, new)
    if type(y) is TracedNumber:
        number = _of_level(y, level)
        if number is None:
            return 0.0
        tangent = number.slot
        if isinstance(plain(y), Fraction | Decimal):
            return tangent
        return finished(tangent, plain(y))
    if is_array(y):
        if id(root(plain(y))) in level.table:
            return finished(level.tangent(wrap(y)), plain(y))
        return np.zeros(plain(y).shape, _tangent_dtype(plain(y)))
    return 0.0 if is_number(y) else None


def _tangent_dtype(array: Any) -> Any:
    return slope_dtype(array.dtype) if array.dtype.kind in "iufc" else np.float64
