"""What a traced function sees in place of numbers and arrays.

Both behave as the value they stand for. They are not of its type: code that asks C for the number
inside (``float(x)`` outside of traced code, a C extension) gets an error, not a constant.
"""

from __future__ import annotations

import math
import numbers
import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from numbad.errors import NoRule


class Traced:
    """A value that takes part in a differentiation."""

    __slots__ = ()

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return hooks.ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return hooks.function(func, args, kwargs)

    def __repr__(self) -> str:
        return repr(plain(self))

    def __str__(self) -> str:
        return str(plain(self))

    def __format__(self, spec: str) -> str:
        return format(plain(self), spec)

    def __bool__(self) -> bool:
        return bool(plain(self))

    def __index__(self) -> int:
        return operator.index(plain(self))


class TracedNumber(Traced):
    """A number of one level.

    Attributes
    ----------
    level : Level
        The differentiation it belongs to.
    primal : object
        The number: a Python or NumPy number, ``Fraction``, or a number of a lower level.
    slot : object
        The number of its cotangent (reverse), or its tangent (forward).
    """

    __slots__ = ("level", "primal", "slot")

    def __init__(self, level: Any, primal: Any, slot: Any) -> None:
        self.level = level
        self.primal = primal
        self.slot = slot

    def __hash__(self) -> int:
        return hash(plain(self))

    def __float__(self) -> float:
        raise lost("float()")

    def __int__(self) -> int:
        raise lost("int()")

    def __complex__(self) -> complex:
        raise lost("complex()")

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise lost("NumPy's conversion to an array")

    def __round__(self, digits: Any = None) -> Any:
        return hooks.call(round, self) if digits is None else hooks.call(round, self, digits)

    def __getattr__(self, name: str) -> Any:
        return hooks.number_attribute(self, name)

    def __setstate__(self, state: Any) -> None:
        raise TypeError("A number in the middle of a differentiation cannot be copied or pickled.")

    def __deepcopy__(self, memo: Any) -> TracedNumber:
        return self

    def __copy__(self) -> TracedNumber:
        return self


class TracedArray(Traced):
    """An array in a traced function; whether it is active is known to the levels."""

    __slots__ = ("array",)

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        self.array = array

    __hash__ = None  # type: ignore[assignment]

    @property
    def differentiated_array(self) -> np.ndarray[Any, Any]:
        """The array by whose identity ``Params`` and ``Grads`` know this one."""
        return self.array

    def __float__(self) -> float:
        if hooks.is_active(self):
            raise lost("float()")
        return float(self.array)

    def __int__(self) -> int:
        if hooks.is_active(self):
            raise lost("int()")
        return int(self.array)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        if hooks.is_active(self):
            raise lost("NumPy's conversion to an array")
        return np.array(self.array, dtype, copy=copy)

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, key: Any) -> Any:
        return hooks.get_item(self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        hooks.set_item(self, key, value)

    def __iter__(self) -> Iterator[Any]:
        if self.array.ndim == 0:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self.array)))

    def __contains__(self, item: Any) -> bool:
        return plain(item) in self.array

    def __getattr__(self, name: str) -> Any:
        return hooks.array_attribute(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "array":
            object.__setattr__(self, name, value)
        else:
            hooks.set_array_attribute(self, name, value)

    def __copy__(self) -> Any:
        return hooks.call(np.copy, self)

    def __deepcopy__(self, memo: Any) -> Any:
        return hooks.call(np.copy, self)


class _Hooks:
    """What the classes call; filled in by the modules that implement it."""

    ufunc: Callable[..., Any]
    function: Callable[..., Any]
    call: Callable[..., Any]
    get_item: Callable[..., Any]
    set_item: Callable[..., Any]
    is_active: Callable[[Any], bool]
    number_attribute: Callable[[Any, str], Any]
    array_attribute: Callable[[Any, str], Any]
    set_array_attribute: Callable[[Any, str, Any], None]
    in_place: Callable[..., Any]
    scatter: Callable[..., Any]
    elementwise: Callable[..., Any]
    operate: Callable[..., Any]
    operate_in_place: Callable[..., Any]
    attribute: Callable[..., Any]
    set_attribute: Callable[..., Any]
    item: Callable[..., Any]
    assign: Callable[..., Any]
    python_call: Callable[..., Any]
    without_source: Callable[..., Any]
    unaffected: Callable[..., Any]
    is_opaque: Callable[..., bool]


hooks = _Hooks()


def plain(value: Any) -> Any:
    """Return the number or array behind a traced value; other values as they are."""
    while type(value) is TracedNumber:
        value = value.primal
    return value.array if type(value) is TracedArray else value


def wrap(value: Any) -> Any:
    """Return an array as a traced function is to see it; other values as they are."""
    if type(value) is np.ndarray and value.dtype.kind in "biufcO":
        return TracedArray(value)
    return value


def lost(where: str) -> NoRule:
    """Make the error for a traced value that would lose its derivative."""
    return NoRule(
        f"{where} was asked for the number inside a value that is being differentiated.",
        why="A function without derivative rule, compiled or called out of numbad's sight, would "
        "go on\nwith a constant.",
        remedy="Give that function a rule with @numbad.adjoint, or declare it with numbad.nograd; "
        "to drop\nthe derivative on purpose use numbad.dropgrad(x).",
    )


def _binary(function: Any) -> tuple[Any, Any]:
    def forward(self: Any, other: Any) -> Any:
        if not isinstance(other, _OPERANDS) and not is_number(other):
            return NotImplemented
        return _operation(function, self, other)

    def reflected(self: Any, other: Any) -> Any:
        if not isinstance(other, _OPERANDS) and not is_number(other):
            return NotImplemented
        return _operation(function, other, self)

    return forward, reflected


def _operation(function: Any, left: Any, right: Any) -> Any:
    if function is operator.matmul:
        return hooks.call(np.matmul, left, right)
    if isinstance(left, list | tuple):
        left = hooks.call(np.array, left)
    if isinstance(right, list | tuple):
        right = hooks.call(np.array, right)
    return hooks.elementwise(function, left, right)


_OPERANDS = (int, float, complex, np.generic, np.ndarray, Traced, list, tuple)


def is_number(value: Any) -> bool:
    """Whether a value of another type is a number (``Fraction``, ``Decimal``)."""
    return isinstance(value, numbers.Number)


def _in_place(function: Any, fresh: Any) -> Any:
    def update(self: Any, other: Any) -> Any:
        return hooks.in_place(function, fresh, self, other)

    return update


def _unary(function: Any) -> Any:
    return lambda self: hooks.elementwise(function, self)


for _name in [
    "add",
    "sub",
    "mul",
    "truediv",
    "floordiv",
    "mod",
    "pow",
    "matmul",
    "and",
    "or",
    "xor",
    "lshift",
    "rshift",
]:
    _plain = getattr(operator, f"{_name}_" if _name in ("and", "or") else _name)
    _forward, _reflected = _binary(_plain)
    for _cls in (TracedNumber, TracedArray):
        setattr(_cls, f"__{_name}__", _forward)
        setattr(_cls, f"__r{_name}__", _reflected)
    setattr(TracedArray, f"__i{_name}__", _in_place(getattr(operator, f"i{_name}"), _plain))
for _name in ["eq", "ne", "lt", "le", "gt", "ge"]:
    _forward, _ = _binary(getattr(operator, _name))
    for _cls in (TracedNumber, TracedArray):
        setattr(_cls, f"__{_name}__", _forward)
for _name in ["neg", "pos", "abs", "invert"]:
    for _cls in (TracedNumber, TracedArray):
        setattr(_cls, f"__{_name}__", _unary(getattr(operator, _name)))
for _cls in (TracedNumber, TracedArray):
    setattr(_cls, "__divmod__", lambda self, other: hooks.call(divmod, self, other))  # noqa: B010
    setattr(_cls, "__rdivmod__", lambda self, other: hooks.call(divmod, other, self))  # noqa: B010
for _name in ("floor", "ceil", "trunc"):
    setattr(
        TracedNumber,
        f"__{_name}__",
        _unary(getattr(math, _name)),
    )
