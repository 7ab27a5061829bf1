"""Implicit parameters: sets of arrays that functions reach by themselves, and their gradients.

``Params`` is an ordered set of arrays (or lists, dicts, objects) that counts by identity; ``Grads``
has one gradient for each member of such a set.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

from numbad.errors import GradsKeyError
from numbad.structure import Static, Tree, children, describe, flatten, parts


class Params:
    """An ordered set of arrays, by identity, with respect to which a function is differentiated.

    Parameters
    ----------
    items : iterable of ndarray, list, dict or object with fields
        The parameters; they are kept alive. A function that is differentiated with respect to a set
        takes no arguments and reaches them through globals, closures, attributes and containers.

    Raises
    ------
    TypeError
        A number or something else that has no identity of its own.

    Examples
    --------
    >>> import numpy as np, numbad
    >>> w = np.array([2.0, 3.0])
    >>> numbad.gradient(lambda: np.sum(w**2), numbad.Params([w]))[w]
    array([4., 6.])
    """

    __slots__ = ("_items",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, items: Iterable[Any] = ()) -> None:
        if isinstance(items, np.ndarray):
            raise TypeError("Params takes a list of arrays: write Params([x]) for one array.")
        self._items: dict[int, Any] = {}
        for item in items:
            self.add(item)

    def add(self, item: Any) -> None:
        """Add a parameter; TypeError if it has no identity."""
        item = _own(item)
        _check(item)
        self._items.setdefault(id(item), item)

    def discard(self, item: Any) -> None:
        """Remove a parameter, if it is there."""
        self._items.pop(id(_own(item)), None)

    def __contains__(self, item: Any) -> bool:
        return id(_own(item)) in self._items

    def __iter__(self) -> Iterator[Any]:
        return iter(tuple(self._items.values()))

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, position: int) -> Any:
        return tuple(self._items.values())[position]

    def __or__(self, other: Iterable[Any]) -> Params:
        return Params([*self, *_members(other)])

    def __and__(self, other: Iterable[Any]) -> Params:
        wanted = Params(_members(other))
        return Params(item for item in self if item in wanted)

    def __sub__(self, other: Iterable[Any]) -> Params:
        unwanted = Params(_members(other))
        return Params(item for item in self if item not in unwanted)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Params) and list(self._items) == list(other._items)

    def copy(self) -> Params:
        """Return a set of the same arrays."""
        return Params(self)

    def __repr__(self) -> str:
        return f"Params([{', '.join(map(_shown, self))}])"


def sole_params(args: Sequence[Any]) -> Params | None:
    """Return the set of parameters that a verb is given; TypeError if there is more besides."""
    if not any(isinstance(arg, Params) for arg in args):
        return None
    if len(args) != 1:
        raise TypeError(
            f"a Params is given together with {len(args) - 1} other arguments: a function that is "
            "differentiated with respect to a Params takes none."
        )
    found: Params = args[0]
    return found


def _members(other: Iterable[Any]) -> Iterable[Any]:
    if isinstance(other, np.ndarray):
        raise TypeError("a set of parameters is combined with a Params or a list of arrays.")
    return other


def _own(item: Any) -> Any:
    """Return the object itself for what stands for it where it is differentiated."""
    return getattr(item, "differentiated_array", item)


def _check(item: Any) -> None:
    if isinstance(item, np.ndarray) and item.ndim >= 0 and item.dtype != object:
        return
    tree = None if isinstance(item, tuple) else describe(item)
    if tree is not None and not isinstance(tree, Static) and children(tree):
        return
    if type(item) in (list, dict):
        return
    raise TypeError(
        f"a parameter must be an array, or a list, dict or object that holds some, not "
        f"{type(item).__name__}: parameters are told apart by identity, which "
        f"{type(item).__name__} does not have."
    )


def _shown(item: Any) -> str:
    if isinstance(item, np.ndarray):
        return f"<array {item.shape} {item.dtype}>"
    return f"<{type(item).__name__}>"


class Grads:
    """Gradients with respect to the members of a ``Params``; found by the identity of these.

    ``gs[w]`` is the gradient for the array ``w``, in its shape, or None if the result does not
    depend on it; iteration gives the gradients in the order of the parameters. ``+``, ``-`` and
    their in-place forms take another ``Grads`` of the same parameters, or a dict from ``id(w)`` to
    values; ``*`` and ``/`` take a number.

    Raises
    ------
    GradsKeyError
        Something is asked for that is not among the parameters, or two operands have different
        parameters.

    Examples
    --------
    >>> import numpy as np, numbad
    >>> w = np.array([2.0, 3.0])
    >>> gs = numbad.gradient(lambda: np.sum(w**2), numbad.Params([w]))
    >>> (gs + 0.5 * gs)[w]
    array([6., 9.])
    >>> gs.map(lambda g: np.clip(g, -5.0, 5.0))[w]
    array([4., 5.])
    """

    __slots__ = ("_values", "params")
    __hash__ = None  # type: ignore[assignment]
    # NumPy leaves operators with arrays and NumPy numbers on the left to this class.
    __array_ufunc__ = None

    def __init__(self, params: Params, values: Mapping[int, Any]) -> None:
        self.params = params
        self._values = {id(item): values[id(item)] for item in params}

    def _key(self, item: Any) -> int:
        key = item if isinstance(item, int) and not isinstance(item, bool) else id(_own(item))
        if key not in self._values:
            shown = "this id" if key is item else f"this {type(item).__name__}"
            raise GradsKeyError(
                f"{shown} is not one of the {len(self)} parameters.",
                origin=None,
                why="Parameters are told apart by identity, not by value.",
                remedy="Put the object itself into Params.",
            )
        return key

    def __getitem__(self, item: Any) -> Any:
        return self._values[self._key(item)]

    def __setitem__(self, item: Any, value: Any) -> None:
        self._values[self._key(item)] = value

    def get(self, item: Any, default: Any = None) -> Any:
        """Return the gradient for a parameter, ``default`` for anything else."""
        return self._values.get(id(_own(item)), default)

    def __contains__(self, item: Any) -> bool:
        return id(_own(item)) in self._values

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[Any]:
        return iter(tuple(self._values.values()))

    def keys(self) -> tuple[Any, ...]:
        """Return the parameters."""
        return tuple(self.params)

    def values(self) -> tuple[Any, ...]:
        """Return the gradients, in the order of the parameters."""
        return tuple(self._values.values())

    def items(self) -> tuple[tuple[Any, Any], ...]:
        """Return pairs of a parameter and its gradient."""
        return tuple(zip(self.params, self._values.values(), strict=True))

    def copy(self) -> Grads:
        """Return new gradients with the same values; arrays are copied."""
        return self.map(lambda g: g.copy() if isinstance(g, np.ndarray) else g)

    def map(self, f: Callable[..., Any], *others: Grads) -> Grads:
        """Return gradients of which each value is ``f`` of the values here and in ``others``.

        ``f`` is applied to the numbers and arrays of a value; None stays None.
        """
        found = {
            key: _mapped(f, value, *(other._matching(self)[key] for other in others))
            for key, value in self._values.items()
        }
        return Grads(self.params, found)

    def _matching(self, other: Grads) -> dict[int, Any]:
        """Return the values, which must belong to the parameters of another."""
        if self._values.keys() != other._values.keys():
            _refuse_keys()
        return self._values

    def _combined(self, other: Any, f: Callable[[Any, Any], Any]) -> dict[int, Any] | None:
        if isinstance(other, Grads):
            theirs: Mapping[int, Any] = other._matching(self)
        elif isinstance(other, Mapping):
            theirs = other
            if not other.keys() <= self._values.keys():
                _refuse_keys()
        else:
            return None
        return {key: _added(f, value, theirs.get(key)) for key, value in self._values.items()}

    def __add__(self, other: Any) -> Grads:
        found = self._combined(other, lambda a, b: a + b)
        return NotImplemented if found is None else Grads(self.params, found)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Grads:
        found = self._combined(other, lambda a, b: a - b)
        return NotImplemented if found is None else Grads(self.params, found)

    def __iadd__(self, other: Any) -> Grads:
        return self._updated(self + other)

    def __isub__(self, other: Any) -> Grads:
        return self._updated(self - other)

    def __imul__(self, factor: Any) -> Grads:
        return self._updated(self * factor)

    def __itruediv__(self, divisor: Any) -> Grads:
        return self._updated(self / divisor)

    def _updated(self, new: Grads) -> Grads:
        self._values.update(new._values)
        return self

    def __mul__(self, factor: Any) -> Grads:
        if np.ndim(factor) != 0 or isinstance(factor, Grads | Mapping):
            return NotImplemented
        return self.map(lambda g: g * factor)

    __rmul__ = __mul__

    def __truediv__(self, divisor: Any) -> Grads:
        if np.ndim(divisor) != 0 or isinstance(divisor, Grads | Mapping):
            return NotImplemented
        return self.map(lambda g: g / divisor)

    def __neg__(self) -> Grads:
        return self.map(lambda g: -g)

    def __pos__(self) -> Grads:
        return self.copy()

    def __repr__(self) -> str:
        return f"Grads({', '.join(map(repr, self._values.values()))})"


def _refuse_keys() -> NoReturn:
    raise GradsKeyError(
        "gradients of different sets of parameters are combined.",
        origin=None,
        why="Each parameter needs a value on both sides.",
        remedy="Use gradients with respect to the same Params.",
    )


def _mapped(f: Callable[..., Any], value: Any, *others: Any) -> Any:
    """Apply a function to the numbers and arrays of values of the same structure."""
    match value:
        case None:
            return None
        case dict():
            return {k: _mapped(f, v, *(o[k] for o in others)) for k, v in value.items()}
        case tuple() | list():
            found = [
                _mapped(f, item, *(other[position] for other in others))
                for position, item in enumerate(value)
            ]
            if isinstance(value, list):
                return found
            return tuple.__new__(type(value), found)
        case _:
            return f(value, *others)


def _added(f: Callable[[Any, Any], Any], one: Any, other: Any) -> Any:
    """Combine two values of the same structure; None is zero."""
    if other is None:
        return one
    match one:
        case None:
            return _mapped(lambda g: f(0.0 * g, g), other)
        case dict():
            return {key: _added(f, value, other[key]) for key, value in one.items()}
        case tuple() | list():
            found = [_added(f, a, b) for a, b in zip(one, other, strict=True)]
            return found if isinstance(one, list) else tuple.__new__(type(one), found)
        case _:
            return f(one, other)


# --- flat arrays ----------------------------------------------------------------------------------


def copyto(dst: Any, src: Any) -> Any:
    """Copy between parameters or gradients and a flat array, and return the target.

    Parameters
    ----------
    dst, src : Params, Grads or ndarray
        One of them is an array of one dimension, which holds the elements of all parameters one
        after the other, in C order. Parameters are changed in place; a gradient None counts as
        zeros.

    Raises
    ------
    ValueError
        The length of the array is not the number of elements.
    TypeError
        Anything else than such a pair.

    Examples
    --------
    >>> import numpy as np, numbad
    >>> w, b = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([5.0])
    >>> numbad.copyto(np.zeros(5), numbad.Params([w, b]))
    array([1., 2., 3., 4., 5.])
    """
    match dst, src:
        case np.ndarray(), Params():
            pairs = [(leaf, leaf) for item in src for leaf in flatten(item, describe(item))]
            _check_length(dst, pairs)
            _write(dst, pairs)
        case np.ndarray(), Grads():
            pairs = [pair for item, g in src.items() for pair in _pairs(item, g, describe(item))]
            _check_length(dst, pairs)
            _write(dst, pairs)
        case Params(), np.ndarray():
            _check_length(src, [(leaf, None) for p in dst for leaf in flatten(p, describe(p))])
            start = 0
            for item in dst:
                start = _read_into(item, src, start)
        case Grads(), np.ndarray():
            _check_length(
                src, [(leaf, None) for p in dst.params for leaf in flatten(p, describe(p))]
            )
            start = 0
            for item in dst.params:
                dst[item], start = _read(item, describe(item), src, start)
        case _:
            raise TypeError(
                "copyto takes a Params or Grads and an array, in either order, not "
                f"{type(dst).__name__} and {type(src).__name__}."
            )
    return dst


def _pairs(value: Any, gradient: Any, tree: Tree) -> list[tuple[Any, Any]]:
    """Pairs of the leaves of a parameter and of its gradient, None for zero."""
    found = flatten(value, tree)
    if gradient is None:
        return [(leaf, None) for leaf in found]
    if not children(tree):
        return [(leaf, gradient) for leaf in found]
    pairs: list[tuple[Any, Any]] = []
    subvalues = parts(value, tree)
    keys = getattr(tree, "keys", range(len(subvalues)))
    for key, part, child in zip(keys, subvalues, children(tree), strict=True):
        pairs += _pairs(part, gradient[key], child)
    return pairs


def _check_length(flat: np.ndarray[Any, Any], pairs: list[tuple[Any, Any]]) -> None:
    total = sum(int(np.size(leaf)) for leaf, _ in pairs)
    if flat.ndim != 1 or flat.size != total:
        raise ValueError(
            f"the array has shape {flat.shape}, but the parameters have {total} elements."
        )


def _write(flat: np.ndarray[Any, Any], pairs: list[tuple[Any, Any]]) -> None:
    start = 0
    for leaf, value in pairs:
        size = int(np.size(leaf))
        flat[start : start + size] = 0.0 if value is None else np.ravel(value)
        start += size


def _read(value: Any, tree: Tree, flat: np.ndarray[Any, Any], start: int) -> tuple[Any, int]:
    """Build a gradient from a part of a flat array; return where the rest of it starts."""
    from numbad.results import gradient_of

    def take(leaf_value: Any, _: Any) -> Any:
        nonlocal start
        size = int(np.size(leaf_value))
        part = flat[start : start + size]
        start += size
        if isinstance(leaf_value, np.ndarray):
            return part.reshape(leaf_value.shape).copy()
        return part[0].item()

    return gradient_of(tree, iter(flatten(value, tree)), take, False), start


def _read_into(item: Any, flat: np.ndarray[Any, Any], start: int) -> int:
    """Write a part of a flat array into a parameter; return where the rest of it starts."""
    if isinstance(item, np.ndarray):
        item[...] = flat[start : start + item.size].reshape(item.shape)
        return start + item.size
    tree = describe(item)
    subvalues = parts(item, tree)
    keys = getattr(tree, "keys", None) or getattr(tree, "names", None) or range(len(subvalues))
    for key, part, child in zip(keys, subvalues, children(tree), strict=True):
        if isinstance(part, np.ndarray) or children(child):
            start = _read_into(part, flat, start)
        elif not isinstance(child, Static):
            number = flat[start].item()
            start += 1
            if isinstance(item, list | dict):
                item[key] = number
            elif isinstance(item, tuple):
                raise TypeError("a number in a tuple cannot be changed: use a list or an array.")
            else:
                object.__setattr__(item, key, number)
    return start
