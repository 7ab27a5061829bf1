"""Functions of Python and its library that take a number out of its type, or several numbers."""

from __future__ import annotations

import builtins
import cmath
import functools
import itertools
import math
import operator
import statistics
from decimal import Decimal
from fractions import Fraction
from types import FunctionType
from typing import Any

import numpy as np

from numbad.errors import NoRule
from numbad.rules import registry as rules
from numbad.traced.activity import highest, is_active, level_of, mapped, settle, strip, takes_part
from numbad.traced.bodies import is_array
from numbad.traced.dispatch import elementwise
from numbad.traced.levels import beneath
from numbad.traced.protocols import written_in_python
from numbad.traced.registry import handles
from numbad.traced.values import Traced, TracedArray, hooks, plain, wrap


def _scalar(value: Any) -> Any:
    """Return the number in an array of one element, where Python takes it for one."""
    if type(value) is TracedArray and value.array.size == 1:
        return hooks.get_item(hooks.call(np.reshape, value, (-1,)), 0)
    return value


def _converted(value: Any, *names: str) -> Any:
    """Return what the first of the methods gives that the class of an object defines in Python."""
    if isinstance(value, _TextOfNumber):
        raise NoRule(
            "A number is read from the text of a number that is differentiated.",
            why="The derivative is lost in the text.",
            remedy="Use the number itself, or numbad.dropgrad to drop the derivative on purpose.",
        )
    if isinstance(value, Traced):
        return value
    for name in names:
        method = getattr(type(value), name, None)
        if isinstance(method, FunctionType):
            return hooks.call(method, value)
    return value


@handles(float)
def _float(value: Any = 0.0) -> Any:
    value = _scalar(_converted(value, "__float__", "__index__"))
    if isinstance(plain(value), complex):
        return float(plain(value))  # raises as Python does
    return elementwise(float, value) if is_active(value) else float(plain(value))


@handles(int)
def _int(value: Any = 0, *args: Any) -> Any:
    value = _scalar(_converted(value, "__int__", "__index__", "__trunc__"))
    return elementwise(int, value) if is_active(value) else int(plain(value), *args)


@handles(complex)
def _complex(real: Any = 0.0, imag: Any = 0.0) -> Any:
    real = _scalar(_converted(real, "__complex__", "__float__", "__index__"))
    imag = _scalar(_converted(imag, "__float__", "__index__"))
    if not is_active(real) and not is_active(imag):
        return complex(plain(real), plain(imag)) if not isinstance(real, str) else complex(real)
    if isinstance(plain(real), complex) or isinstance(plain(imag), complex):
        return elementwise(operator.add, real, elementwise(operator.mul, 1j, imag))
    return elementwise(complex, real, imag)


@handles(bool)
def _bool(value: Any = False) -> bool:
    return bool(value)


@handles(round)
def _round(value: Any, digits: Any = None) -> Any:
    if is_array(value):
        return hooks.call(np.round, value, digits or 0)
    digits = plain(digits)
    return _constant_slope(value, lambda x: round(x) if digits is None else round(x, digits))


@handles(np.round, np.around, method="round")
def _round_array(a: Any, decimals: Any = 0, out: Any = None) -> Any:
    found = hooks.call(np.array, a) if isinstance(a, list | tuple) else a
    return _constant_slope(found, lambda x: np.round(x, decimals))


def _constant_slope(value: Any, function: Any) -> Any:
    """Apply a function of one operand whose derivative is zero."""
    value = settle(value)
    level = level_of(value)
    if level is None:
        return wrap(function(plain(value)))
    with beneath(level):
        y = _constant_slope(strip(value, level), function)
    return level.record(y, [value], lambda _: 0.0, lambda y_bar: [_zero_as(value)])


def _zero_as(value: Any) -> Any:
    return np.zeros(plain(value).shape) if is_array(value) else 0.0


@handles(divmod)
def _divmod(a: Any, b: Any) -> Any:
    for method, one, other in (("__divmod__", a, b), ("__rdivmod__", b, a)):
        function = None if isinstance(one, Traced) else getattr(type(one), method, None)
        if isinstance(function, FunctionType):
            return hooks.call(function, one, other)
    return elementwise(operator.floordiv, a, b), elementwise(operator.mod, a, b)


@handles(pow)
def _pow(base: Any, exp: Any, mod: Any = None) -> Any:
    if mod is not None:
        return pow(*mapped(operator.index, (base, exp, mod)))
    return hooks.elementwise(operator.pow, base, exp)


@handles(math.pow)
def _math_pow(x: Any, y: Any) -> Any:
    return elementwise(math.pow, _scalar(x), _scalar(y))


@handles(abs, operator.abs)
def _abs(value: Any) -> Any:
    if isinstance(value, Traced | int | float | complex | np.ndarray | np.generic):
        return elementwise(abs, value)
    method = getattr(type(value), "__abs__", None)
    return hooks.call(method, value) if method is not None else abs(value)


# --- the larger and the smaller ---------------------------------------------------------------


def _picked(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if len(args) == 2 and not kwargs and all(_is_number(each) for each in args):
        if is_active(args[0]) or is_active(args[1]):
            return elementwise(function, *args)
        return function(*args)
    items = list(args[0] if len(args) == 1 else args)
    key = kwargs.get("key")
    if not items:
        return function(items, **{k: v for k, v in kwargs.items() if k != "key"})
    measured = items if key is None else [hooks.call(key, each) for each in items]
    slot = "__gt__" if function is max else "__lt__"
    if any(written_in_python(each, slot) for each in measured):
        order = functools.cmp_to_key(_order if function is min else _reverse_order)
        measured = [order(each) for each in measured]
    winner = items[function(builtins.range(len(items)), key=measured.__getitem__)]
    if key is not None or not _is_number(winner):
        return winner
    return connected(winner, items)


def _is_number(value: Any) -> bool:
    return isinstance(plain(value), int | float | complex | np.generic | Fraction | Decimal)


def connected(winner: Any, others: list[Any]) -> Any:
    """Return a value with a path, of slope zero, from the other values."""
    winner = settle(winner)
    others = [settle(each) for each in others]
    level = highest(map(level_of, others))
    if level is None:
        return winner
    lower = [strip(each, level) for each in others]
    with beneath(level):
        y = connected(strip(winner, level), lower)
    inputs = [each for each in others if takes_part(each, level)]
    slopes = [each is winner for each in inputs]

    def push(tangents: list[Any]) -> Any:
        return next((t for t, on in zip(tangents, slopes, strict=True) if on), 0.0)

    def pull(y_bar: Any) -> list[Any]:
        return [y_bar if on else 0.0 for on in slopes]

    return level.record(y, inputs, push, pull)


@handles(max)
def _max(*args: Any, **kwargs: Any) -> Any:
    return _picked(max, args, kwargs)


@handles(min)
def _min(*args: Any, **kwargs: Any) -> Any:
    return _picked(min, args, kwargs)


# --- sums and products ------------------------------------------------------------------------


@handles(sum)
def _sum(values: Any, start: Any = 0) -> Any:
    total = start
    for each in values:
        total = hooks.operate("add", total, each)
    return total


@handles(math.fsum)
def _fsum(values: Any) -> Any:
    items = [settle(each) for each in values]
    return _linear_of(items, [1.0] * len(items), math.fsum)


def _linear_of(items: list[Any], slopes: list[Any], function: Any) -> Any:
    """Apply a linear function of a list of numbers that has these slopes."""
    level = highest(map(level_of, items))
    if level is None:
        return function([plain(each) for each in items])
    with beneath(level):
        y = _linear_of([strip(each, level) for each in items], slopes, function)
    active = [i for i, each in enumerate(items) if takes_part(each, level)]

    def push(tangents: list[Any]) -> Any:
        total = None
        for i, tangent in zip(active, tangents, strict=True):
            term = tangent * slopes[i]
            total = term if total is None else total + term
        return total

    def pull(y_bar: Any) -> list[Any]:
        return [y_bar * slopes[i] for i in active]

    return level.record(y, [items[i] for i in active], push, pull)


@handles(math.prod)
def _prod(values: Any, *, start: Any = 1) -> Any:
    total = start
    for each in values:
        total = hooks.operate("mul", total, each)
    return total


if hasattr(math, "sumprod"):

    @handles(math.sumprod)
    def _sumprod(p: Any, q: Any) -> Any:
        return _sum(a * b for a, b in zip(p, q, strict=True))


@handles(math.dist)
def _dist(p: Any, q: Any) -> Any:
    return _hypot(*(a - b for a, b in zip(p, q, strict=True)))


@handles(math.hypot)
def _hypot(*sides: Any) -> Any:
    if len(sides) == 2:
        return elementwise(math.hypot, *sides)
    if len(sides) == 1:
        return hooks.call(float, _abs(sides[0]))
    largest = max((abs(plain(each)) for each in sides), default=0.0)
    if largest == 0 or not math.isfinite(largest):
        return (
            connected(0.0 * sides[0] + math.hypot(*map(plain, sides)), list(sides))
            if sides
            else 0.0
        )
    found = elementwise(math.hypot, sides[0], sides[1])
    for each in sides[2:]:
        found = elementwise(math.hypot, found, each)
    return found


@handles(math.log)
def _log(x: Any, base: Any = None) -> Any:
    found = elementwise(math.log, _scalar(x))
    return found if base is None else found / elementwise(math.log, base)


@handles(cmath.log)
def _complex_log(z: Any, base: Any = None) -> Any:
    found = elementwise(cmath.log, _holomorphic(z))
    return found if base is None else found / elementwise(cmath.log, _holomorphic(base))


def _holomorphic(z: Any) -> Any:
    return z if isinstance(plain(z), complex) else _complex(z)


for _name in [
    "exp",
    "log10",
    "sqrt",
    "sin",
    "cos",
    "tan",
    "asin",
    "acos",
    "atan",
    "sinh",
    "cosh",
    "tanh",
    "asinh",
    "acosh",
    "atanh",
]:

    def _of_complex(z: Any, _name: str = _name) -> Any:
        return elementwise(getattr(cmath, _name), _holomorphic(z))

    handles(getattr(cmath, _name))(_of_complex)


@handles(cmath.polar)
def _polar(z: Any) -> Any:
    return _abs(z), elementwise(cmath.phase, z)


@handles(math.modf)
def _modf(x: Any) -> Any:
    whole = hooks.call(float, elementwise(math.trunc, x))
    return x - whole, whole


@handles(math.frexp)
def _frexp(x: Any) -> Any:
    exponent = math.frexp(plain(x))[1]
    return elementwise(math.ldexp, x, -exponent), exponent


if hasattr(math, "fma"):

    @handles(math.fma)
    def _fma(x: Any, y: Any, z: Any) -> Any:
        return x * y + z


# Functions of numbers may be given arrays of one element.
def _of_numbers(function: Any, *args: Any) -> Any:
    """Apply a function of numbers to numbers, or to what objects are as numbers."""
    if function in _OWN_METHODS:
        own = _converted(args[0], _OWN_METHODS[function])
        if own is not args[0]:
            return own
    return elementwise(function, *(_scalar(_converted(x, "__float__", "__index__")) for x in args))


_OWN_METHODS = {math.floor: "__floor__", math.ceil: "__ceil__", math.trunc: "__trunc__"}

for _module in (math,):
    for _name in dir(_module):
        _function = getattr(_module, _name)
        if callable(_function) and rules.lookup(_function) is not None:
            from numbad.traced.registry import HANDLERS

            if _function not in HANDLERS:
                HANDLERS[_function] = functools.partial(_of_numbers, _function)


# --- numbers of other types -------------------------------------------------------------------


@handles(Fraction)
def _fraction(numerator: Any = 0, denominator: Any = None, **kwargs: Any) -> Any:
    if denominator is not None and is_active(denominator):
        return _fraction(numerator) / _fraction(denominator)
    if not is_active(numerator):
        return Fraction(plain(numerator), plain(denominator), **kwargs)
    bottom = plain(denominator)
    scale = Fraction(1) if bottom is None else 1 / Fraction(bottom)
    return _linear_of([settle(numerator)], [scale], lambda xs: Fraction(xs[0]) * scale)


@handles(Decimal)
def _decimal(value: Any = "0", context: Any = None) -> Any:
    if not is_active(value):
        return Decimal(plain(value), context)
    return _linear_of([settle(value)], [1], lambda xs: Decimal(xs[0]))


# --- looking at types, and output -------------------------------------------------------------


@handles(isinstance)
def _isinstance(value: Any, classes: Any) -> bool:
    return isinstance(plain(value), classes)


def _type(*args: Any) -> Any:
    return type(plain(args[0])) if len(args) == 1 else type(*args)


handles(type)(_type)


@handles(id)
def _id(value: Any) -> int:
    return id(plain(value) if type(value) is TracedArray else value)


@handles(hash)
def _hash(value: Any) -> int:
    return hash(plain(value))


@handles(print)
def _print(*args: Any, **kwargs: Any) -> None:
    print(*(mapped(plain, each) for each in args), **kwargs)  # noqa: T201 - the user's


class _TextOfNumber(str):
    """Text of a number that is differentiated: it cannot become a number again."""

    __slots__ = ()


def _text(text: str, value: Any) -> str:
    is_of_number = isinstance(value, Traced) and not is_array(value) and is_active(value)
    return _TextOfNumber(text) if is_of_number else text


@handles(repr)
def _repr(value: Any) -> str:
    return _text(repr(mapped(plain, value)), value)


@handles(str)
def _str(*args: Any, **kwargs: Any) -> str:
    found = str(*(mapped(plain, each) for each in args), **kwargs)
    return _text(found, args[0]) if args else found


@handles(len)
def _len(value: Any) -> int:
    method = getattr(type(value), "__len__", None)
    return int(hooks.call(method, value)) if hasattr(method, "__code__") else len(value)


@handles(getattr)
def _getattr(owner: Any, name: str, *default: Any) -> Any:
    if default:
        try:
            return hooks.attribute(owner, name)
        except AttributeError:
            return default[0]
    return hooks.attribute(owner, name)


@handles(setattr)
def _setattr(owner: Any, name: str, value: Any) -> None:
    hooks.set_attribute(owner, name, value)


@handles(operator.getitem)
def _getitem(owner: Any, key: Any) -> Any:
    return hooks.item(owner, key)


@handles(operator.setitem)
def _setitem(owner: Any, key: Any, value: Any) -> None:
    hooks.assign(owner, key, value)


for _name in ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul"]:

    def _operator(a: Any, b: Any, _name: str = _name) -> Any:
        return hooks.operate(_name, a, b)

    def _in_place(a: Any, b: Any, _name: str = _name) -> Any:
        return hooks.operate_in_place(_name, a, b)

    if _name != "matmul":
        handles(getattr(operator, _name))(_operator)
    handles(getattr(operator, f"i{_name}"))(_in_place)


# --- functions that call functions ------------------------------------------------------------


@handles(map)
def _map(function: Any, *sequences: Any) -> Any:
    return (hooks.call(function, *each) for each in zip(*sequences, strict=False))


@handles(filter)
def _filter(function: Any, values: Any) -> Any:
    return (each for each in values if (each if function is None else hooks.call(function, each)))


def _reverse_order(left: Any, right: Any) -> int:
    """Compare two objects as ``max`` does, by ``>`` alone."""
    return 1 if hooks.operate("gt", left, right) else 0


def _order(left: Any, right: Any) -> int:
    """Compare two objects as ``sorted`` does, by ``<`` alone."""
    return -1 if hooks.operate("lt", left, right) else 0


@handles(sorted)
def _sorted(values: Any, *, key: Any = None, reverse: Any = False) -> list[Any]:
    items = list(values)
    if key is None and any(written_in_python(each, "__lt__") for each in items):
        order = functools.cmp_to_key(_order)
        return sorted(items, key=order, reverse=reverse)
    if key is None:
        return sorted(items, reverse=reverse)
    return sorted(items, key=lambda each: hooks.call(key, each), reverse=reverse)


@handles(functools.reduce)
def _reduce(function: Any, values: Any, *initial: Any) -> Any:
    items = iter(values)
    try:
        total = initial[0] if initial else next(items)
    except StopIteration:
        raise TypeError("reduce() of empty iterable with no initial value") from None
    for each in items:
        total = hooks.call(function, total, each)
    return total


@handles(itertools.accumulate)
def _accumulate(values: Any, func: Any = None, *, initial: Any = None) -> Any:
    items = iter(values)
    total = initial
    if initial is None:
        try:
            total = next(items)
        except StopIteration:
            return
    yield total
    for each in items:
        total = total + each if func is None else hooks.call(func, total, each)
        yield total


@handles(itertools.starmap)
def _starmap(function: Any, values: Any) -> Any:
    return (hooks.call(function, *each) for each in values)


@handles(itertools.groupby)
def _groupby(values: Any, key: Any = None) -> Any:
    if key is None:
        return itertools.groupby(values)
    return itertools.groupby(values, lambda each: hooks.call(key, each))


def _with_predicate(function: Any) -> Any:
    return lambda predicate, values: function(lambda each: hooks.call(predicate, each), values)


for _function in (itertools.takewhile, itertools.dropwhile):
    handles(_function)(_with_predicate(_function))


@handles(functools.cmp_to_key)
def _cmp_to_key(function: Any) -> Any:
    return functools.cmp_to_key(lambda a, b: hooks.call(function, a, b))


# The library computes these roots with whole numbers, whose derivative is not to be seen.
def _root_of_fraction(n: Any, m: Any) -> Any:
    return hooks.call(math.sqrt, hooks.call(float, n) / hooks.call(float, m))


for _name in ("_float_sqrt_of_frac",):
    if hasattr(statistics, _name):
        handles(getattr(statistics, _name))(_root_of_fraction)
