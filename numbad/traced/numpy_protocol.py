"""NumPy's calls on traced values: ufuncs, functions, methods and attributes."""

from __future__ import annotations

import operator
from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np

from numbad.custom import declare
from numbad.errors import DifferentiationError, NoRule
from numbad.rules import registry as rules
from numbad.rules.forms import LinearRule, Missing, PairRule, ScalarRule, ZeroDerivative
from numbad.traced.activity import level_in, mapped, settle
from numbad.traced.bodies import is_array
from numbad.traced.dispatch import elementwise, no_rule, pairwise, wrap_all
from numbad.traced.reductions import _cumprod, _cumsum, _extremum, _operand, _prod, _sum
from numbad.traced.registry import METHODS, handler_of, handles
from numbad.traced.values import TracedArray, TracedNumber, hooks, plain, wrap

# --- ufuncs -----------------------------------------------------------------------------------

_REDUCTIONS: dict[Any, Callable[..., Any]] = {
    np.add: _sum,
    np.multiply: _prod,
    np.maximum: _extremum("max"),
    np.minimum: _extremum("min"),
}
_SCANS = {np.add: _cumsum, np.multiply: _cumprod}


def ufunc(function: Any, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a ufunc, or one of its methods, on traced values."""
    if method == "__call__" and declare.lookup(function) is not None:
        return hooks.call(function, *inputs, **kwargs)
    out = kwargs.pop("out", None)
    if method == "__call__" and len(inputs) > function.nin:
        inputs, out = inputs[: function.nin], inputs[function.nin :]
    target = out[0] if isinstance(out, tuple) else out
    if isinstance(out, tuple) and len(out) > 1:
        raise no_rule(function)
    if target is Ellipsis:
        # A new array, also where the result has no axes.
        found = ufunc(function, method, inputs, kwargs)
        return hooks.call(np.reshape, found, np.shape(plain(found)))
    if method == "__call__":
        return _called(function, inputs, target, kwargs)
    if level_in(list(inputs)) is None and target is None:
        return wrap_all(
            getattr(function, method)(*mapped(plain, list(inputs)), **mapped(plain, kwargs))
        )
    if method == "reduce":
        return _reduced(function, target, *inputs, **kwargs)
    if method == "accumulate":
        return _accumulated(function, target, *inputs, **kwargs)
    if method == "outer":
        a, b = map(_operand, inputs)
        shape = np.shape(plain(a)) + (1,) * np.ndim(plain(b))
        return _into(target, _called(function, (hooks.call(np.reshape, a, shape), b), None, kwargs))
    if method == "at":
        return _at(function, *inputs)
    raise NoRule(f"`{function.__name__}.{method}` has no derivative rule.")


def _into(target: Any, found: Any) -> Any:
    if target is None:
        return found
    hooks.set_item(wrap(target), Ellipsis, found)
    return wrap(target)


def _called(function: Any, inputs: tuple[Any, ...], target: Any, kwargs: dict[str, Any]) -> Any:
    where = kwargs.pop("where", True)
    dtype = kwargs.pop("dtype", None)
    casting = kwargs.pop("casting", "same_kind")
    kwargs.pop("order", None)
    kwargs.pop("subok", None)
    args = [_operand(each) for each in inputs]
    if dtype is not None:
        args = [hooks.call(np.array, each, dtype) for each in args]
    found = _applied(function, args)
    if target is None:
        if where is True:
            return found
        raise TypeError("A ufunc with `where` needs `out` where it is differentiated.")
    kind = np.asarray(plain(found)).dtype
    if not np.can_cast(kind, plain(target).dtype, casting):
        raise TypeError(
            f"Cannot cast from {kind} to {plain(target).dtype} with casting {casting!r}."
        )
    if where is True:
        return _into(target, found)
    mask = np.broadcast_to(plain(where), plain(target).shape)
    hooks.set_item(
        wrap(target), mask, hooks.get_item(hooks.call(np.broadcast_to, found, mask.shape), mask)
    )
    return wrap(target)


def _applied(function: Any, args: list[Any]) -> Any:
    handler = handler_of(function)
    if handler is not None:
        return handler(*args)
    if level_in(args) is None:
        return wrap_all(function(*map(plain, args)))
    if function is np.divmod:
        return hooks.call(np.floor_divide, *args), hooks.call(np.remainder, *args)
    if function is np.modf:
        whole = hooks.call(np.trunc, args[0])
        return args[0] - whole, whole
    return elementwise(function, *args)


def _reduced(
    function: Any, target: Any, a: Any, axis: Any = 0, dtype: Any = None, **kwargs: Any
) -> Any:
    reduce = _REDUCTIONS.get(function)
    if reduce is None:
        if function is np.logaddexp:
            found = _operand(a)
            moved = hooks.call(np.moveaxis, found, axis, 0)
            total = moved[0]
            for each in moved[1:]:
                total = hooks.call(np.logaddexp, total, each)
            return _into(target, total)
        if isinstance(rules.lookup(function), ZeroDerivative):
            return wrap_all(function.reduce(mapped(plain, a), axis, dtype, **mapped(plain, kwargs)))
        raise NoRule(f"`{function.__name__}.reduce` has no derivative rule.")
    kwargs.pop("order", None)
    given = {"axis": axis, "keepdims": kwargs.pop("keepdims", False)}
    for name in ("initial", "where"):
        if kwargs.get(name, np._NoValue) is not np._NoValue and kwargs[name] is not None:
            given[name] = kwargs[name]
    return _into(target, reduce(a, **given))


def _accumulated(function: Any, target: Any, a: Any, axis: int = 0, dtype: Any = None) -> Any:
    scan = _SCANS.get(function)
    if scan is not None:
        return _into(target, scan(a, axis))
    if function not in (np.maximum, np.minimum):
        raise NoRule(f"`{function.__name__}.accumulate` has no derivative rule.")
    moved = hooks.call(np.moveaxis, _operand(a), axis, 0)
    rows = [moved[0]]
    for each in moved[1:]:
        rows.append(hooks.call(function, rows[-1], each))
    return _into(target, hooks.call(np.moveaxis, hooks.call(np.stack, rows), 0, axis))


def _at(function: Any, a: Any, index: Any, *operands: Any) -> None:
    """Do ``function.at``: one element after the other."""
    a = wrap(a)
    places = np.arange(plain(a).size).reshape(plain(a).shape)[mapped(plain, index)]
    given = [hooks.call(np.broadcast_to, each, places.shape) for each in operands]
    for at in np.ndindex(places.shape):
        where = np.unravel_index(places[at], plain(a).shape)
        hooks.set_item(a, where, hooks.call(function, a[where], *(each[at] for each in given)))


# --- functions --------------------------------------------------------------------------------


def function(func: Any, args: Any, kwargs: Any) -> Any:
    """Call a function of NumPy that is no ufunc."""
    if declare.lookup(func) is not None:
        return hooks.call(func, *args, **kwargs)
    handler = handler_of(func)
    if handler is not None:
        return handler(*args, **kwargs)
    rule = rules.lookup(func)
    if level_in(list(args), kwargs) is None:
        return _unaffected(func, args, kwargs)
    if isinstance(rule, ZeroDerivative) and not rule.refusal:
        if not kwargs and all(not isinstance(each, list | tuple) for each in args):
            return elementwise(func, *args)
        return wrap_all(func(*mapped(plain, list(args)), **mapped(plain, kwargs)))
    if isinstance(rule, ScalarRule | LinearRule) and not kwargs:
        return elementwise(func, *map(_operand, args))
    if isinstance(rule, PairRule) and not kwargs:
        apply = elementwise if rule.samples is None else pairwise
        return apply(func, *map(_operand, args))
    from numbad.frontend.arrays.registry import DECOMPOSITIONS

    body = DECOMPOSITIONS.get(func)
    if body is not None and _binds(body, args, kwargs):
        try:
            return hooks.call(body, *args, **kwargs)
        except (TypeError, DifferentiationError):
            # It covers what Numba supports; NumPy's own code may cover the rest.
            if not hasattr(func, "_implementation"):
                raise
    python = getattr(func, "_implementation", None)
    if isinstance(python, FunctionType) and not isinstance(rule, Missing):
        return hooks.python_call(python, args, kwargs)
    raise no_rule(func, rule if isinstance(rule, Missing) else None)


@handles(np.ndenumerate)
def _ndenumerate(arr: Any) -> Any:
    found = _operand(arr)
    return ((index, found[index]) for index in np.ndindex(np.shape(plain(found))))


@handles(np.nditer)
def _nditer(op: Any, *args: Any, **kwargs: Any) -> Any:
    if args or kwargs or isinstance(op, list | tuple):
        raise NoRule("np.nditer is differentiated with one array and no options.")
    array = _operand(op)
    # In the order of memory, as 0-d views.
    order = np.nditer(plain(array), flags=["multi_index"])
    places = []
    while not order.finished:
        places.append(order.multi_index)
        order.iternext()
    return (array[(*place, Ellipsis)] for place in places)


def _unaffected(func: Any, args: Any, kwargs: Any) -> Any:
    """Call a function whose arguments are all constant."""
    python = getattr(func, "_implementation", None)
    if isinstance(python, FunctionType) and any(
        callable(each) and not isinstance(each, type) for each in args
    ):
        # np.apply_along_axis and the like, whose function may see traced values.
        return hooks.python_call(python, args, kwargs)
    return wrap_all(func(*mapped(plain, list(args)), **mapped(plain, kwargs)))


def _binds(body: Any, args: Any, kwargs: Any) -> bool:
    import inspect

    try:
        inspect.signature(body).bind(*args, **kwargs)
    except TypeError:
        return False
    return True


# --- attributes and methods -------------------------------------------------------------------

_PLAIN_ATTRIBUTES = {"shape", "ndim", "size", "dtype", "itemsize", "nbytes", "strides", "flags"}


def array_attribute(array: TracedArray, name: str) -> Any:
    """Return an attribute or bound method of an array."""
    if name in _PLAIN_ATTRIBUTES:
        return getattr(array.array, name)
    match name:
        case "T":
            return hooks.call(np.transpose, array)
        case "mT":
            return hooks.call(np.matrix_transpose, array)
        case "real":
            if array.array.dtype.kind != "c":
                return array
            return TracedArray(array.array.real)
        case "imag":
            if array.array.dtype.kind != "c":
                return TracedArray(np.zeros(array.array.shape, array.array.dtype))
            return TracedArray(array.array.imag)
        case "flat":
            return _Flat(array)
        case _:
            pass
    if name.startswith("__") or not hasattr(np.ndarray, name):
        raise AttributeError(f"'numpy.ndarray' object has no attribute {name!r}")
    method = METHODS.get(name)
    if method is None:
        of_numpy = getattr(np, name, None)
        if of_numpy is not None and callable(of_numpy):
            return lambda *args, **kwargs: hooks.call(of_numpy, array, *args, **kwargs)
        if not hooks.is_active(array):
            return getattr(array.array, name)
        raise NoRule(f"The method `{name}` of arrays has no derivative rule.")
    return lambda *args, **kwargs: method(array, *args, **kwargs)


class _Flat:
    """The elements of an array in C order, as ``a.flat`` gives them."""

    def __init__(self, array: TracedArray) -> None:
        self.array = array

    def _where(self, key: Any) -> Any:
        places = np.arange(self.array.array.size)[mapped(plain, key)]
        return np.unravel_index(places, self.array.array.shape)

    def __getitem__(self, key: Any) -> Any:
        return self.array[self._where(key)]

    def __setitem__(self, key: Any, value: Any) -> None:
        self.array[self._where(key)] = value

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    def __len__(self) -> int:
        return int(self.array.array.size)


def set_array_attribute(array: TracedArray, name: str, value: Any) -> None:
    """Set an attribute of an array."""
    match name:
        case "shape":
            array.array.shape = value
        case "real" | "imag":
            hooks.set_item(array_attribute(array, name), Ellipsis, value)
        case "flat":
            hooks.set_item(_Flat(array), slice(None), value)
        case _:
            setattr(array.array, name, value)


def number_attribute(number: TracedNumber, name: str) -> Any:
    """Return an attribute or method of a number."""
    found = plain(number)
    if name.startswith("__"):
        raise AttributeError(name)
    attribute = getattr(found, name)
    match name:
        case "real":
            return elementwise(np.real, number) if isinstance(found, complex) else number
        case "imag":
            return (
                elementwise(np.imag, number)
                if isinstance(found, complex)
                else elementwise(operator.mul, 0, number)
            )
        case "conjugate" | "conj":
            return lambda: (
                elementwise(np.conjugate, number) if isinstance(found, complex) else number
            )
        case "as_integer_ratio":
            return lambda: _ratio(number)
        case "numerator":
            return _ratio(number)[0]
        case "denominator":
            return _ratio(number)[1]
        case "item":
            return lambda: hooks.call(type(found.item()), number)
        case "T":
            return number
        case "is_integer" | "hex" | "bit_length" | "bit_count":
            return attribute
        case "shape" | "ndim" | "size" | "dtype" | "itemsize":
            return attribute
        case "copy":
            return lambda *args: number
        case "limit_denominator":
            raise NoRule("`limit_denominator` has no derivative rule.")
        case _:
            pass
    if isinstance(found, np.generic) and callable(attribute):
        as_array = hooks.call(np.array, number)
        return lambda *args, **kwargs: _scalar(getattr(as_array, name)(*args, **kwargs))
    raise NoRule(f"The attribute `{name}` of a {type(found).__name__} has no derivative rule.")


def _scalar(value: Any) -> Any:
    return value[()] if is_array(value) and plain(value).ndim == 0 else value


def _ratio(number: TracedNumber) -> tuple[Any, Any]:
    """Return numerator and denominator; the numerator moves with the number."""
    number = settle(number)
    if not isinstance(number, TracedNumber):
        found = number.as_integer_ratio()
        return found[0], found[1]
    from numbad.traced.levels import beneath

    level = number.level
    with beneath(level):
        top, bottom = (
            _ratio(number.primal)
            if isinstance(number.primal, TracedNumber)
            else number.primal.as_integer_ratio()
        )
    found = level.record(
        top,
        [number],
        lambda tangents: tangents[0] * bottom,
        lambda y_bar: [y_bar * bottom],
    )
    return found, bottom


hooks.ufunc = ufunc
hooks.function = function
hooks.unaffected = _unaffected
hooks.array_attribute = array_attribute
hooks.set_array_attribute = set_array_attribute
hooks.number_attribute = number_attribute
